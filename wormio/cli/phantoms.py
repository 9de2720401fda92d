"""The phantom and the demo: a recording whose truth is known, and the main job run on it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np

from wormio.errors import OptionError
from wormio.signal import Signal
from wormio.storage.atomic import refuse_foreign
from wormio.testing import Phantom, Scan, write_leifer, write_truth
from wormio.testing.phantom import most_stimuli

__all__ = ["make_phantom", "run_demo", "write_phantom"]

Progress = Callable[[int, int], None] | None
_FIGURE = "demo.png"
_VOLUMES = 60
_STIMULI = 3
# Small enough that the demo takes little time and disk.
_DEMO_SHAPE = (112, 176)
_DEMO_NEURONS = 30


def make_phantom(
    *,
    like: Path | None,
    frames: int | None,
    volumes: int | None,
    neurons: int,
    stimuli: int | None,
    seed: int,
    shape: tuple[int, int] = (200, 320),
) -> Phantom:
    """Make the phantom that the options of ``wormio phantom`` describe."""
    if like is None and frames is not None:
        raise OptionError(
            "--frames goes with --like", cure="--volumes sets the length of a synthetic phantom"
        )
    if like is not None and volumes is not None:
        raise OptionError("--volumes does not go with --like", cure="--frames N")
    if like is not None:
        scan = Scan.like(like, frames)
    else:
        scan = Scan.synthetic(
            volumes or _VOLUMES, n_dropped=6, n_duplicates=2, n_glitches=3, seed=seed
        )
    if stimuli is None:
        stimuli = min(_STIMULI, most_stimuli(scan))
    return Phantom(scan, n_neurons=neurons, n_stimuli=stimuli, shape=shape, seed=seed)


def write_phantom(
    phantom: Phantom, output: Path, *, layout: str, overwrite: bool, progress: Progress
) -> None:
    """Write recording and truth."""
    if layout not in {"split", "interleaved"}:
        raise OptionError("unknown layout", expected="split or interleaved", found=repr(layout))
    write_leifer(
        phantom,
        output,
        layout=layout,  # type: ignore[arg-type]  # checked above
        overwrite=overwrite,
        progress=progress,
    )
    write_truth(phantom, output)


def run_demo(output: Path, progress: Callable[[str, str], AbstractContextManager[Progress]]) -> str:
    """Draw a phantom, extract its neurons, save signals and a figure; say how well it went."""
    import wormio
    from wormio.view import overview, require_matplotlib

    require_matplotlib()
    refuse_foreign(
        output, "earlier demo", lambda found: (found / _FIGURE).is_file(), overwrite=True
    )
    phantom = make_phantom(
        like=None,
        frames=None,
        volumes=None,
        neurons=_DEMO_NEURONS,
        stimuli=3,
        seed=0,
        shape=_DEMO_SHAPE,
    )
    with progress("drawing the phantom", "frames") as bar:
        write_phantom(phantom, output, layout="split", overwrite=True, progress=bar)
    where = wormio.read_positions(output / "positions.csv")
    with (
        wormio.open(output) as recording,
        progress("extracting its neurons", "volumes") as bar,
    ):
        signals = wormio.extract(recording, where, progress=bar)
        wormio.save(output / "traces.h5", signals, overwrite=True)
        truth = _truth(phantom, signals["green"])
        figure = overview(recording, signals["green"], truth=truth)
    figure.savefig(output / _FIGURE, dpi=110)
    found = _correlations(signals["green"].data, truth)
    return (
        f"recovered brightness of {len(found)} neurons in {len(truth)} volumes: correlation with "
        f"the truth {np.median(found):.4f} (median), {found.min():.4f} (worst); "
        f"signals in {output / 'traces.h5'}, figure in {output / 'demo.png'}"
    )


def _truth(phantom: Phantom, signal: Signal) -> Any:
    """Return the true brightness of each sample at its own time, (T, N)."""
    return np.stack(
        [
            phantom.brightness("green", signal.sample_time[:, neuron])[:, neuron]
            for neuron in range(signal.n_neurons)
        ],
        axis=1,
    )


def _correlations(data: Any, truth: Any) -> Any:
    known = np.isfinite(data) & np.isfinite(truth)
    return np.array(
        [np.corrcoef(d[k], t[k])[0, 1] for d, t, k in zip(data.T, truth.T, known.T, strict=True)]
    )
