"""Neuron positions of wormbrain: ``brains.json`` and ``matches.txt``.

``brains.json`` has the neurons of all volumes one after the other; ``matches.txt`` tells which of
them are one neuron. Of both, only what positions need is looked at.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from wormio.errors import CorruptRecordingError, FormatError, MissingPartError, OptionError
from wormio.model import Positions
from wormio.storage.door import translated

__all__ = ["Direction", "read"]

Direction = Literal["to reference", "from reference"]
Ints = NDArray[np.int64]

_MATCHES = "matches.txt"
_MAX_BYTES = 2 << 30
_WORDS = {"true": 1, "yes": 1, "1": 1, "false": 0, "no": 0, "0": 0}
_log = logging.getLogger(__name__)


def read(
    path: Path,
    *,
    volume: int | None = None,
    matches: str | None = None,
    direction: Direction | None = None,
    reference: int | None = None,
    first_frame: int | None = None,
    legacy_first_frame: bool | str = False,
    channel: str | None = None,
) -> Positions:
    """Read the neurons of a recording.

    z is the index of the frame in its volume (``z_unit`` is ``"frame"``), y and x are pixels.

    Parameters
    ----------
    path : Path
        ``brains.json``, with the keys ``nInVolume`` (neurons a volume), ``coordZYX`` (one row a
        neuron), and optionally ``zOfFrame`` (z of each frame, a list a volume) and ``labels``.
    volume : int, optional
        Only the neurons of this volume, as static positions; no matches are needed.
    matches : path-like, optional
        Default: ``matches.txt`` beside the file. One row a volume; below 0 or NaN: no match.
    direction : {"to reference", "from reference"}, optional
        What column j of a row says: which neuron of the reference volume neuron j of this volume
        is; or which neuron of this volume neuron j of the reference volume is. Default: what the
        numbers allow, if they allow one only.
    reference : int, optional
        The reference volume. Default: ``ref_index`` in the header of matches.txt.
    first_frame : int, optional
        Frame of the recording at which the file's first volume begins. Then the positions know
        their volumes, by the lengths of ``zOfFrame``, and extraction refuses a recording whose
        volumes differ.
    legacy_first_frame : bool
        wormdatamodel 1.5 began each volume one frame early, with the last frame of the one
        before. True: the file counts frames so; z and the volumes are shifted to the true ones,
        and a neuron in that first frame becomes NaN, which is logged. To repeat published numbers,
        leave it and extract with volumes that begin one frame early.
    channel : str, optional
        Name of the channel they were found in.

    Returns
    -------
    Positions
        Tracked, one column a neuron of the reference volume, NaN where it has no match. Labels
        are those of the reference volume; a neuron without one has its number.

    Raises
    ------
    MissingPartError
        There are no matches.
    FormatError, CorruptRecordingError
        The files are not what they claim, or do not fit together.
    OptionError
        An option is missing or does not fit.
    """
    brains = _Brains(path)
    shift = _WORDS.get(str(legacy_first_frame).lower())
    if shift is None:
        raise OptionError(
            "legacy_first_frame is unclear", expected="yes or no", found=repr(legacy_first_frame)
        )
    if volume is not None:
        at = _index(volume, brains.n_volumes, "volume", path)
        zyx = brains.of_volume(at)
        return Positions(
            coords=_shifted(zyx, shift, path),
            z_unit="frame",
            labels=brains.labels(at),
            channel=channel,
        )
    table, about = _matches(path, matches)
    if len(table) != brains.n_volumes:
        raise CorruptRecordingError(
            f"{_MATCHES} does not fit brains.json",
            expected=f"{brains.n_volumes} rows, one a volume",
            found=f"{len(table)} rows",
            path=path,
        )
    if reference is None:
        reference = about.get("ref_index")
    if reference is None:
        raise OptionError(
            "the reference volume is not known",
            expected=f"ref_index in the header of {_MATCHES}",
            path=path,
            cure="say it: reference=",
        )
    at = _index(reference, brains.n_volumes, "reference", path)
    places = _places(table, brains.counts, at, direction, path)
    coords = np.full((*places.shape, 3), np.nan)
    found = places >= 0
    rows = places + brains.starts[:, np.newaxis]
    coords[found] = brains.coords[rows[found]]
    return Positions(
        coords=_shifted(coords, shift, path),
        z_unit="frame",
        labels=brains.labels(at, places.shape[1]),
        volumes=brains.volumes(first_frame, shift),
        channel=channel,
    )


class _Brains:
    """What brains.json says, checked."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if path.stat().st_size > _MAX_BYTES:
            raise FormatError("the file is too large", expected=f"{_MAX_BYTES} bytes", path=path)
        with translated(path, "JSON", "it was parsed"):
            content = json.loads(path.read_bytes())
        if not isinstance(content, dict) or not {"nInVolume", "coordZYX"} <= set(content):
            listed = ", ".join(content)[:200] if isinstance(content, dict) else "no object"
            raise FormatError(
                "this is no file of wormbrain",
                expected="the keys nInVolume and coordZYX",
                found=listed or "an empty object",
                path=path,
            )
        self.content: Mapping[str, Any] = content
        self.counts = self._array("nInVolume", 1).astype(np.int64)
        self.coords = self._array("coordZYX", 2)
        self.starts = np.concatenate([[0], np.cumsum(self.counts)[:-1]]).astype(np.int64)
        self.n_volumes = len(self.counts)
        if self.coords.shape != (self.counts.sum(), 3) or (self.counts < 0).any():
            raise CorruptRecordingError(
                "coordZYX does not fit nInVolume",
                expected=f"shape ({self.counts.sum()}, 3)",
                found=f"shape {self.coords.shape}",
                path=path,
            )

    def _array(self, name: str, n_axes: int) -> NDArray[np.float64]:
        try:
            values = np.array(self.content[name], np.float64)
            if values.ndim != n_axes or np.isinf(values).any() or not values.size:
                raise ValueError(f"shape {values.shape}")
        except (TypeError, ValueError, OverflowError) as error:
            raise CorruptRecordingError(
                f"{name} is no table of numbers", found=str(error)[:200], path=self.path
            ) from error
        return values

    def of_volume(self, at: int) -> NDArray[np.float64]:
        first = self.starts[at]
        return self.coords[first : first + self.counts[at]]

    def labels(self, at: int, n: int | None = None) -> list[str]:
        """Return names of a volume's neurons that differ; a number where there is none."""
        n = int(self.counts[at]) if n is None else n
        table = self.content.get("labels")
        names = table[at] if isinstance(table, list) and len(table) == self.n_volumes else []
        if not isinstance(names, list):
            names = []
        texts = [str(one).strip() if one is not None else "" for one in names[:n]]
        texts += [""] * (n - len(texts))
        times = Counter(texts)
        made = [
            text if text and times[text] == 1 else f"{text} ({i})" if text else str(i)
            for i, text in enumerate(texts)
        ]
        return made if len(set(made)) == n else [f"{text} [{i}]" for i, text in enumerate(made)]

    def volumes(self, first_frame: int | None, shift: int) -> Ints | None:
        if first_frame is None:
            return None
        frames = self.content.get("zOfFrame")
        if not isinstance(frames, list) or [isinstance(z, list) for z in frames].count(True) != (
            self.n_volumes
        ):
            raise CorruptRecordingError(
                "zOfFrame does not tell the frames of each volume",
                expected=f"{self.n_volumes} lists",
                path=self.path,
            )
        ends = np.cumsum([len(z) for z in frames])
        first = _whole(first_frame, "first_frame", self.path) + shift
        return np.stack([np.concatenate([[0], ends[:-1]]), ends], axis=1) + first


def _matches(path: Path, given: str | None) -> tuple[Ints, Mapping[str, Any]]:
    file = path.parent / _MATCHES if given is None else Path(given)
    if not file.is_file():
        raise MissingPartError(
            "the matches of the neurons are missing",
            expected=f"{_MATCHES} beside brains.json, or matches=",
            path=file,
            cure="volume= reads the neurons of one volume without them",
        )
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
        values = np.loadtxt(lines, ndmin=2)
    except (UnicodeDecodeError, ValueError) as error:
        raise FormatError(
            "the matches cannot be read",
            expected="a row of whole numbers a volume",
            found=str(error)[:200],
            path=file,
        ) from error
    values = np.where(np.isnan(values), -1, values)
    if (values != np.floor(values)).any() or (np.abs(values) > 1e9).any():
        raise FormatError("the matches are no whole numbers", path=file)
    header = next((line.lstrip("# ") for line in lines if line.startswith("#")), "")
    try:
        about = json.loads(header)
    except (ValueError, RecursionError):
        about = {}
    return values.astype(np.int64), about if isinstance(about, dict) else {}


def _places(
    table: Ints, counts: Ints, reference: int, direction: Direction | None, path: Path
) -> Ints:
    """Return (V, N): which neuron of each volume each neuron of the reference is, or -1."""
    if direction is not None and direction not in get_args(Direction):
        raise OptionError(
            "direction is unknown",
            expected=" or ".join(map(repr, get_args(Direction))),
            found=repr(direction),
        )
    ways = {
        "from reference": _from_reference(table, counts, reference),
        "to reference": _to_reference(table, counts, reference),
    }
    possible = {name: found for name, found in ways.items() if found is not None}
    if direction is not None:
        possible = {name: found for name, found in possible.items() if name == direction}
    if not possible:
        raise CorruptRecordingError(
            f"the numbers in {_MATCHES} are no neurons of brains.json",
            expected=f"{direction or 'matches to or from the reference'}: each neuron once a "
            f"volume; volume {reference} has {counts[reference]}",
            found=f"a table of shape {table.shape}, up to {table.max()}",
            path=path,
        )
    found = list(possible.values())
    if len(found) == 2 and not np.array_equal(found[0], found[1]):
        raise OptionError(
            f"{_MATCHES} can be read in two ways",
            expected="direction='to reference' or direction='from reference'",
            path=path,
            cure="column j of a row: say whether it tells which neuron of the reference volume "
            "neuron j of this volume is ('to reference'), or the other way round",
        )
    return found[0]


def _from_reference(table: Ints, counts: Ints, reference: int) -> Ints | None:
    if table.shape[1] != counts[reference] or (table >= counts[:, np.newaxis]).any():
        return None
    return np.maximum(table, -1) if _once_a_row(table) else None


def _to_reference(table: Ints, counts: Ints, reference: int) -> Ints | None:
    n = counts[reference]
    beyond = np.arange(table.shape[1]) >= counts[:, np.newaxis]
    if table.shape[1] < counts.max() or (table >= n).any() or (table[beyond] >= 0).any():
        return None
    if not _once_a_row(table):
        return None
    places = np.full((len(table), n), -1)
    row, column = np.nonzero(table >= 0)
    places[row, table[row, column]] = column
    return places


def _once_a_row(table: Ints) -> bool:
    ordered = np.sort(table, axis=1)
    return not ((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)).any()


def _shifted(coords: NDArray[np.float64], shift: int, path: Path) -> NDArray[np.float64]:
    if not shift:
        return coords
    moved: NDArray[np.float64] = coords - np.array([shift, 0, 0])
    before = moved[..., 0] < -0.5
    if before.any():
        _log.warning(
            "%s: %d positions lie in the last frame of the volume before: not found",
            path,
            before.sum(),
        )
        moved[before] = np.nan
    return moved


def _index(value: Any, n: int, name: str, path: Path) -> int:
    at = _whole(value, name, path)
    if not 0 <= at < n:
        raise OptionError(
            f"there is no volume {at}", expected=f"{name} from 0 to {n - 1}", path=path
        )
    return at


def _whole(value: Any, name: str, path: Path) -> int:
    try:
        number = int(value)
        if number != float(value):
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        raise OptionError(f"{name} is no whole number", found=repr(value), path=path) from None
    return number
