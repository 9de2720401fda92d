"""The table of real files: what wormio does with each, and what that is checked against.

One family of formats has one file here, ``FAMILY.toml``. To add a family, write such a file: its
entries are tested, and the page ``docs/real-files.md`` gets a section, without a line of code::

    title = "TIFF"
    order = 10                  # of the section on the page
    text = "A sentence or two."
    covers = ["*.tif"]          # every such path of MANIFEST.tsv has an entry, or lies in one
    plugin = "nd2"              # that reads them: plugins/wormio-nd2
    file = [
        {path = "a/b.tif", frames = [90, 1, 20, 20], dtype = "int16", oracle = "pages"},
    ]

An entry has a `path` below the folder of real files, and of the following what is known of it:

``asks``      opening without options raises an `OptionError` that names this option
``fails``     opening raises this error; without `options`, that is all that is wanted
``says``      its message contains this
``options``   that it opens with
``items``     what `wormio.contents` lists
``format``    that opens it
``frames``    (F, C, Y, X); ``dtype``
``channels``  their names
``volumes``   number of complete ones
``first_time``  seconds, of the first frame
``rate``      volumes a second, to 1 in 1000
``um``        voxel size, for example ``{z = 2.0, x = 0.4}``; what is not given must be unknown
``z``         um, of the first frames
``time``, ``z_origin``   names of origins
``findings``  codes, all of them
``oracle``    a name of `ORACLES`: what the pixels are compared with, one image at a time or whole
``array``     letters of the oracle's axes, where it has an array: T, Z, C, Y, X
``series``    number of the oracle's array
``note``      a sentence for the page

A new kind of oracle is a function here, registered in `ORACLES`; it reads the format by a library
that is not wormio's. Only facts that were known before wormio opened the file belong into an entry:
published ones, those of the format's own library, those of the header as people read it.

``python tests/real/real_files.py`` writes the page; a test proves that it is up to date.
"""

from __future__ import annotations

import fnmatch
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np

__all__ = ["ORACLES", "PAGE", "Entry", "Family", "check", "families", "make_page", "uncovered"]

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "real-files.md"


@attrs.frozen(kw_only=True)
class Entry:
    """One real file or folder; see the module."""

    path: str
    asks: str = ""
    fails: str = ""
    says: str = ""
    options: Mapping[str, Any] = attrs.field(factory=dict)
    items: list[str] | None = None
    format: str = ""
    frames: list[int] | None = None
    dtype: str = ""
    channels: list[str] | None = None
    volumes: int | None = None
    rate: float | None = None
    um: Mapping[str, float] | None = None
    z: list[float] | None = None
    first_time: float | None = None
    time: str = ""
    z_origin: str = ""
    findings: list[str] | None = None
    oracle: str = ""
    array: str = ""
    series: int = 0
    note: str = ""


@attrs.frozen(kw_only=True)
class Family:
    """One table."""

    title: str
    text: str
    covers: list[str]
    files: tuple[Entry, ...]
    order: int = 0
    plugin: str = ""


def families() -> list[Family]:
    """Read all tables, in the order of the page."""
    found = []
    for path in sorted(HERE.glob("*.toml")):
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
        entries = tuple(Entry(**entry) for entry in tree.pop("file"))
        found.append(Family(files=entries, **tree))
    return sorted(found, key=lambda family: (family.order, family.title))


def uncovered(family: Family, root: Path) -> list[str]:
    """Return the files that a family covers and that no entry is about."""
    lines = (root / "MANIFEST.tsv").read_text(encoding="utf-8").splitlines()[1:]
    entries = [entry.path for entry in family.files]
    return [
        path
        for path in (line.split("\t")[0] for line in lines)
        if any(fnmatch.fnmatch(path, pattern) for pattern in family.covers)
        and not any(path == entry or path.startswith(f"{entry}/") for entry in entries)
    ]


# --- what pixels are compared with ----------------------------------------------------------------


def _pages(recording: Any, path: Path, entry: Entry) -> None:
    """Every image is the page of its `stored` index, as tifffile reads it."""
    import tifffile

    folder = path if path.is_dir() else path.parent
    pages: list[Any] = []
    for name in recording.source.arguments["parts"]:
        with tifffile.TiffFile(folder / name) as tif:
            pages += [page.asarray() for page in tif.pages]
    for frame, channel in np.ndindex(*recording.frames.shape[:2]):
        page = pages[recording.timeline.stored[frame, channel]]
        np.testing.assert_array_equal(recording.frames[frame, channel], page)


def _series(recording: Any, path: Path, entry: Entry) -> None:
    """The whole recording is the array that tifffile makes of the file."""
    import tifffile

    with tifffile.TiffFile(path) as tif:
        _compare(recording, tif.series[entry.series].asarray(), entry.array)


def _hdf5(recording: Any, path: Path, entry: Entry) -> None:
    """The whole recording is the only array of an HDF5 file, as h5py reads it."""
    import h5py

    with h5py.File(path, locking=False) as file:
        (array,) = (item[()] for item in file.values() if isinstance(item, h5py.Dataset))
    _compare(recording, array, entry.array)


def _mono16(recording: Any, path: Path, entry: Entry) -> None:
    """Every image is the first bytes of its block, as numpy reads them."""
    for frame, count in enumerate(recording.timeline.stored[:, 0].tolist()):
        block = path / f"{str(count).zfill(10)[::-1]}spool.dat"
        pixels = np.fromfile(block, "<u2", recording.frames[0, 0].size)
        np.testing.assert_array_equal(recording.frames[frame, 0].ravel(), pixels)


def _nd2(recording: Any, path: Path, entry: Entry) -> None:
    """The whole recording is the array that the library nd2 makes of the file."""
    import nd2

    _compare(recording, nd2.imread(path), entry.array)


def _zarr(recording: Any, path: Path, entry: Entry) -> None:
    """The whole recording is one array of the store, as zarr reads it."""
    import zarr

    store = zarr.open_group(path, mode="r")
    _compare(recording, np.asarray(store[f"0/{entry.series}"]), entry.array)


def _ndstorage(recording: Any, path: Path, entry: Entry) -> None:
    """The whole recording is the array that ndstorage makes of the data set."""
    import ndstorage

    library = ndstorage.Dataset(str(path))
    try:
        # Its order of axes: the others, then channels, whatever is asked for.
        names = {"T": "time", "Z": "z", "C": "channel"}
        wanted = [names[letter] for letter in entry.array if letter in names]
        array = np.asarray(library.as_array(axes=wanted))
    finally:
        library.close()
    _compare(recording, array, entry.array)


def _nwb(recording: Any, path: Path, entry: Entry) -> None:
    """The whole recording is the only series' data, as h5py reads it."""
    import h5py

    with h5py.File(path, locking=False) as file:
        (series,) = file["acquisition"].values()
        _compare(recording, series["data"][()], entry.array)


def _compare(recording: Any, array: Any, letters: str) -> None:
    if len(letters) != array.ndim:
        raise ValueError(f"array = {letters!r} does not name the axes of {array.shape}")
    order = [i for letter in "TZCYX" for i, a in enumerate(letters) if a == letter]
    frames = array.transpose(order).reshape(recording.frames.shape)
    np.testing.assert_array_equal(recording.frames[:], frames)


ORACLES: dict[str, tuple[str, Callable[[Any, Path, Entry], None]]] = {
    "pages": ("tifffile, page by page", _pages),
    "series": ("tifffile, as one array", _series),
    "hdf5": ("h5py, as one array", _hdf5),
    "nd2": ("nd2", _nd2),
    "zarr": ("zarr", _zarr),
    "ndstorage": ("ndstorage", _ndstorage),
    "nwb": ("h5py, as one array", _nwb),
    "mono16": ("numpy, block by block", _mono16),
}
"""By name: what people call it, and the comparison."""


# --- the test -----------------------------------------------------------------------------------


def check(entry: Entry, root: Path) -> None:
    """Open a file as its entry says, and compare; raises AssertionError."""
    import pytest

    import wormio
    from wormio import errors

    path = root / entry.path
    if entry.asks:
        with pytest.raises(errors.OptionError, match=rf"\b{entry.asks}\b") as caught:
            wormio.open(path)
        assert entry.says in str(caught.value)
    if entry.fails:
        with pytest.raises(getattr(errors, entry.fails)) as failed:
            wormio.open(path)
        assert entry.says in str(failed.value)
        if not entry.options:
            return
    if entry.items is not None:
        assert wormio.contents(path) == entry.items
    with wormio.open(path, **entry.options) as recording:
        _compare_facts(recording, entry)
        if entry.oracle:
            ORACLES[entry.oracle][1](recording, path, entry)


def _compare_facts(recording: Any, entry: Entry) -> None:
    import pytest

    timeline = recording.timeline
    if entry.format:
        assert recording.source.arguments["format"] == entry.format
    if entry.frames is not None:
        assert list(recording.frames.shape) == entry.frames
    if entry.dtype:
        assert recording.frames.dtype == np.dtype(entry.dtype)
    if entry.channels is not None:
        assert [channel.name for channel in recording.channels] == entry.channels
    if entry.volumes is not None:
        assert timeline.n_volumes == entry.volumes
    if entry.rate is not None:
        assert 1 / timeline.volume_interval == pytest.approx(entry.rate, rel=1e-3)
    if entry.um is not None:
        for axis in "zyx":
            expected = entry.um.get(axis)
            found = getattr(recording.voxel_size, axis)
            assert found == (None if expected is None else pytest.approx(expected, rel=1e-6))
    _compare_columns(timeline, entry)
    if entry.findings is not None:
        assert sorted({f.code for f in recording.findings}) == sorted(entry.findings)


def _compare_columns(timeline: Any, entry: Entry) -> None:
    import pytest

    if entry.z is not None:
        assert timeline.z[: len(entry.z)].tolist() == pytest.approx(entry.z)
    if entry.first_time is not None:
        assert timeline.time[0] == pytest.approx(entry.first_time, abs=1e-9)
    if entry.time:
        assert timeline.origins["time"].name == entry.time
    if entry.z_origin:
        assert timeline.origins["z"].name == entry.z_origin


# --- the page -----------------------------------------------------------------------------------

_INTRODUCTION = """# Real files

What wormio does with real files that nobody of this project wrote: made by microscopes, by their
makers' software, and by the test suites of other readers. Every row is tested wherever the files
are at hand; they are not part of this repository. "Asks" means that opening raises an `OptionError`
that names the option and gives an example: nothing is guessed.

This page is made by `python tests/real/real_files.py` from the tables in `tests/real/`.
"""


def make_page() -> str:
    """Return the page, Markdown."""
    pieces = [_INTRODUCTION]
    for family in families():
        shown = family.files
        counts = (
            f"{len(shown)} files and folders: {sum(_plain(e) for e in shown)} open as they are, "
            f"{sum(bool(e.asks) for e in shown)} ask, "
            f"{sum(bool(e.fails) for e in shown)} are refused."
        )
        pieces.append(f"\n## {family.title}\n\n{family.text}\n\n{counts}\n")
        pieces.append("| file | wormio | frames, channels, y, x | volumes | pixels equal |")
        pieces.append("| --- | --- | --- | --- | --- |")
        pieces += [_row(entry) for entry in shown]
    return "\n".join(pieces) + "\n"


def _plain(entry: Entry) -> bool:
    return not entry.asks and not entry.fails


def _row(entry: Entry) -> str:
    told = []
    if entry.fails:
        told.append(f"refuses: `{entry.fails}`")
    if entry.asks:
        told.append(f"asks for `{entry.asks}`")
    if entry.options:
        given = ", ".join(f"`{name}={value}`" for name, value in entry.options.items())
        told.append(f"opens with {given}")
    if not told:
        told.append("opens")
    what = "; ".join(told) + (f". {entry.note}" if entry.note else "")
    shape = ", ".join(map(str, entry.frames or [])) + (f" {entry.dtype}" if entry.dtype else "")
    oracle = ORACLES[entry.oracle][0] if entry.oracle else ""
    volumes = "" if entry.volumes is None else str(entry.volumes)
    if entry.rate is not None:
        volumes += f", {entry.rate:g} a second"
    return f"| `{entry.path}` | {what} | {shape} | {volumes} | {oracle} |"


if __name__ == "__main__":
    PAGE.write_text(make_page(), encoding="utf-8")
