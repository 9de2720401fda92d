"""From the loops of an experiment to frames: which image is the plane at (t, z) of which position.

Images are numbered in the order in which they were taken; the loops say how that number counts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray
from wormio.errors import (
    CorruptRecordingError,
    OptionError,
    TruncatedRecordingError,
    UnsupportedCapabilityError,
)
from wormio.formats.stacks import planes_per_volume
from wormio.model import Finding

from wormio_nd2.options import Nd2Options

__all__ = ["Loops", "Order", "make_order", "read_loops"]

_LETTERS = {"TimeLoop": "T", "NETimeLoop": "T", "XYPosLoop": "P", "ZStackLoop": "Z"}
# An acquisition may be stopped early; one that had hardly begun is more likely a damaged number.
_MOST_MISSING = 100


@attrs.frozen(kw_only=True)
class Loops:
    """The loops of an experiment, the slowest first.

    Parameters
    ----------
    letters : str
        T, P, Z, or U for what is none of them.
    counts : tuple of int
    positions : tuple of str
        Names of the XY positions; empty without a loop over them.
    interval : float, optional
        Seconds from one index of T to the next, as planned.
    z_step : float, optional
        Um from one index of Z to the next, as planned; negative from top to bottom.
    z_device : str
        Which drive moves along Z.
    """

    letters: str = ""
    counts: tuple[int, ...] = ()
    positions: tuple[str, ...] = ()
    interval: float | None = None
    z_step: float | None = None
    z_device: str = ""

    @property
    def n_images(self) -> int:
        """How many images they count."""
        return math.prod(self.counts)

    def __str__(self) -> str:
        """Return what people read: ``"T 3 x Z 10"``."""
        pairs = zip(self.letters, self.counts, strict=True)
        return " x ".join(f"{letter} {n}" for letter, n in pairs) or "no loops"


@attrs.frozen(kw_only=True)
class Order:
    """The images of one recording.

    Parameters
    ----------
    number : (T, Z) int64
        Of the image, as the loops count.
    saved : (T, Z) bool
        Whether it is in the file.
    loops : Loops
        Those that were used.
    findings : tuple of Finding
    """

    number: NDArray[np.int64]
    saved: NDArray[np.bool_]
    loops: Loops
    findings: tuple[Finding, ...]


def read_loops(experiment: Sequence[Any]) -> Loops:
    """Read what the library nd2 calls the experiment."""
    letters = [_LETTERS.get(loop.type, "U") for loop in experiment]
    positions: tuple[str, ...] = ()
    interval = z_step = None
    device = ""
    for letter, loop in zip(letters, experiment, strict=True):
        if letter == "P":
            positions = _names([point.name for point in loop.parameters.points], loop.count)
        elif letter == "T":
            interval = _interval(loop.parameters)
        elif letter == "Z":
            step = abs(float(loop.parameters.stepUm))
            if 0 < step < math.inf:
                z_step = step if loop.parameters.bottomToTop else -step
            device = loop.parameters.deviceName or ""
    return Loops(
        letters="".join(letters),
        counts=tuple(int(loop.count) for loop in experiment),
        positions=positions,
        interval=interval,
        z_step=z_step,
        z_device=device,
    )


def _names(given: Sequence[str | None], count: int) -> tuple[str, ...]:
    """Return a unique name for each position, the file's where it is one."""
    names = [*given, *[None] * (count - len(given))][:count]
    unique = all(names) and len(set(names)) == count
    return tuple(
        str(name) if unique else f"{index + 1}" + (f" ({name})" if name else "")
        for index, name in enumerate(names)
    )


def _interval(parameters: Any) -> float | None:
    """Return the planned period in seconds; several of them are none."""
    periods = getattr(parameters, "periods", [parameters])
    period = float(periods[0].periodMs) / 1000 if len(periods) == 1 else 0.0
    return period if 0 < period < math.inf else None


def make_order(
    loops: Loops,
    present: NDArray[np.int64],
    n_declared: int,
    options: Nd2Options,
    path: Path,
) -> Order:
    """Find the images of the recording that the options choose.

    Parameters
    ----------
    loops : Loops
    present : (I,) int64
        Numbers of the images in the file, rising.
    n_declared : int
        How many images the file says it has.
    options : Nd2Options
    path : Path

    Raises
    ------
    OptionError
        Planes or position are not known and not given.
    TruncatedRecordingError
        The last images were never written.
    CorruptRecordingError
        The numbers are impossible.
    UnsupportedCapabilityError
        The loops are such that no volumes are scanned.
    """
    findings: list[Finding] = []
    if not len(present):
        raise TruncatedRecordingError("the file has no images", path=path)
    last = int(present[-1]) + 1
    if loops.n_images < last or (not loops.letters and n_declared > 1):
        if loops.letters:
            findings.append(
                Finding(
                    code="loops-unusable",
                    message=f"the loops ({loops}) do not account for the {last} images of the "
                    "file: they are not used",
                )
            )
        loops = Loops(letters="T", counts=(max(last, n_declared),))
    if min(loops.counts, default=1) < 1 or loops.n_images > _MOST_MISSING * (len(present) + 1000):
        raise CorruptRecordingError(
            "the loops count an impossible number of images",
            expected=f"about {len(present)}, as are in the file",
            found=str(loops),
            path=path,
        )
    number = _grid(loops, options, path)
    saved = np.isin(number, present)
    kept = _until_cut(saved, options, path, findings)
    number, saved = number[:kept], saved[:kept]
    if not saved.all():
        findings.append(
            Finding(
                code="images-missing",
                message=f"{int((~saved).sum())} of {saved.size} images are not in the file",
            )
        )
    return Order(number=number, saved=saved, loops=loops, findings=tuple(findings))


def _grid(loops: Loops, options: Nd2Options, path: Path) -> NDArray[np.int64]:
    """Return the numbers of the images of one position, (T, Z)."""
    number = np.arange(loops.n_images, dtype=np.int64).reshape(loops.counts)
    moving = [i for i, n in enumerate(loops.counts) if n > 1]
    letters = "".join(loops.letters[i] for i in moving)
    number = number.reshape([loops.counts[i] for i in moving])
    if "U" in letters or any(letters.count(letter) > 1 for letter in "TPZ"):
        raise UnsupportedCapabilityError(
            "the experiment has loops that are not read",
            expected="at most one loop over each of time, XY positions and z",
            found=str(loops),
            path=path,
        )
    index = _choose(loops.positions, options.item, path)
    if "P" in letters:
        number = np.take(number, [index], axis=letters.index("P")).squeeze(letters.index("P"))
        letters = letters.replace("P", "")
    if letters == "ZT" and options.planes != 1:
        raise OptionError(
            "time is counted inside z: a whole time series at each z, so that no volume is scanned",
            expected="planes=1, each image a plane of its own",
            found=str(loops),
            path=path,
            cure="open it with planes=1",
        )
    if letters != "ZT" and "Z" in loops.letters:
        n_z = loops.counts[loops.letters.index("Z")]
        planes_per_volume(n_z, options)
        return number.reshape(-1, n_z)
    if number.size > 1 and options.planes is None:
        raise OptionError(
            f"the file is a stream of {number.size} images without a loop over z: "
            "option planes is missing",
            expected="planes=, the images of one volume",
            found=f"the loops {loops}",
            path=path,
            cure="planes=1 for a planar recording, planes=12 if each volume has 12 planes",
        )
    return number.reshape(-1, 1)


def _choose(positions: Sequence[str], item: str | None, path: Path) -> int:
    """Return the index of the position that the option asks for."""
    if item is None and len(positions) <= 1:
        return 0
    if item in positions:
        return positions.index(item)
    if not positions:
        raise OptionError("the file holds a single recording", found=f"item={item!r}", path=path)
    raise OptionError(
        "the file holds several XY positions: option item is missing"
        if item is None
        else f"the file has no position {item!r}",
        expected="item=" + ", ".join(f"{name!r}" for name in positions),
        path=path,
        cure=f"for example item={positions[0]!r}",
    )


def _until_cut(
    saved: NDArray[np.bool_], options: Nd2Options, path: Path, findings: list[Finding]
) -> int:
    """Return how many indices of T are there; an acquisition may have been stopped before all."""
    n_t, n_z = map(int, saved.shape)
    in_order = saved.ravel()
    n_there = len(in_order) - int(in_order[::-1].argmax()) if in_order.any() else 0
    if n_there == len(in_order):
        return n_t
    if not options.allow_truncated:
        raise TruncatedRecordingError(
            "the acquisition was stopped before its end",
            expected=f"{len(in_order)} images, as the loops say",
            found=f"{n_there}",
            path=path,
            cure="open the complete volumes with allow_truncated=True",
        )
    per_volume = planes_per_volume(n_z, options)
    kept = n_there - n_there % per_volume
    if not kept:
        raise TruncatedRecordingError("not even one volume is complete", path=path)
    told = (
        f"{n_there} of {len(in_order)} images were taken: the {kept} of complete volumes are kept"
    )
    findings.append(Finding(code="truncated", message=told))
    return kept // n_z
