"""Folders that an acquisition is still writing: what all of their files hold completely.

Files are only ever appended to, each at its own pace, and may end in the middle of a row or of a
frame. The last rows wait for their successors, on which repairs and turning points depend.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import CorruptRecordingError, RecordingError, TruncatedRecordingError
from wormio.formats.described import tables
from wormio.formats.described.schema import TIME_UNITS, Description, TableKeys
from wormio.formats.described.tables import Table
from wormio.model import BaseRecording, MappedFrames

__all__ = ["FolderRecording", "complete_rows", "cut", "cut_frames", "has_begun", "settled"]

# More rows than any repair looks ahead, or the filter that finds turning points is wide.
_MARGIN = 8


@attrs.define(eq=False, kw_only=True, on_setattr=attrs.setters.frozen)
class FolderRecording(BaseRecording):
    """A recording of files that its acquisition may still be writing."""

    def refresh(self) -> BaseRecording:
        """Return a new snapshot, of which this one is an identical prefix.

        Raises
        ------
        CorruptRecordingError
            What was there is not what it was.
        """
        from wormio.registry import open as open_recording

        arguments = self.source.arguments
        options = arguments["options"] | {"growing": True}
        new = open_recording(arguments["path"], arguments["format"], config=False, **options)
        if len(new.timeline) > len(self.timeline):
            changed = _changed(self, new)
            if not changed:
                return new
        else:
            changed = _changed(new, self)
            if not changed:
                # The last rows may wait now that did not when this was opened as a finished one.
                new.close()
                return self._again()
        new.close()
        raise CorruptRecordingError(
            "the recording has not only grown",
            expected=f"{len(self.timeline)} frames and {self.timeline.n_volumes} volumes as before",
            found=f"another {changed}",
            path=arguments["path"],
            cure="open it when the acquisition has ended",
        )

    def _again(self) -> BaseRecording:
        """Return this snapshot with descriptors of its own."""
        parts = {f.name: getattr(self, f.name) for f in attrs.fields(BaseRecording) if f.init}
        if isinstance(self.frames, MappedFrames):
            parts["frames"] = MappedFrames(self.frames.layout)
        return FolderRecording(**parts)


def _changed(old: BaseRecording, new: BaseRecording) -> str:
    """Name what of the old timeline is not a prefix of the new one; empty if all of it is."""
    n_frames = len(old.timeline)
    for name in ("count", "time", "z", "stored"):
        before, after = getattr(old.timeline, name), getattr(new.timeline, name)[:n_frames]
        if not np.array_equal(before, after, equal_nan=before.dtype.kind == "f"):
            return name
    n_volumes = min(old.timeline.n_volumes, new.timeline.n_volumes)
    if not np.array_equal(old.timeline.volumes[:n_volumes], new.timeline.volumes[:n_volumes]):
        return "range of a volume"
    return ""


def complete_rows(path: Path, keys: TableKeys, *, may_be_empty: bool = False) -> Table:
    """Read the rows of a table that have been written to their ends.

    Raises
    ------
    TruncatedRecordingError
        There is no whole line yet.
    CorruptRecordingError
        See `tables.read`.
    """
    content = path.read_bytes()
    content = content[: content.rfind(b"\n") + 1]
    if not content:
        raise TruncatedRecordingError(
            "the acquisition has not written a whole line yet",
            path=path,
            cure="open it again in a second",
        )
    # What is parsed must not grow meanwhile: a number that is cut short is a number too.
    with tempfile.TemporaryDirectory(prefix="wormio-") as folder:
        copy = Path(folder, path.name)
        copy.write_bytes(content)
        try:
            table = tables.read(copy, keys, may_be_empty=may_be_empty)
        except RecordingError as error:
            error.path = str(path)
            raise
    return attrs.evolve(table, path=path)


def has_begun(path: Path) -> bool:
    """Tell whether a table has a whole line."""
    with path.open("rb") as file:
        return any(line.endswith(b"\n") for line in file)


def settled(description: Description, table: Table, scan_table: Table | None, shift: int) -> int:
    """Return how many rows of the table of frames will not change any more, whatever follows.

    Parameters
    ----------
    description : Description
    table, scan_table : Table
        Of the frames, and of the scan; the same if it has none of its own.
    shift : int
        Added to the scan's counters.
    """
    rows = max(len(table) - _MARGIN, 0)
    spec, scan = description.frames_table, description.scan
    if scan is None or scan_table is None or scan_table is table:
        return rows
    if len(scan_table) <= _MARGIN:
        return 0
    if scan.join == "counter":
        place: NDArray[Any] = np.arange(len(table))
        if spec.counter is not None:
            place = table.counters(spec.counter)
        last = scan_table.counters(scan.counter or "")[-1 - _MARGIN] + shift
    elif scan.join == "time" and spec.time is not None:
        place = table.numbers(spec.time) * TIME_UNITS[spec.time_unit or "s"]
        last = scan_table.numbers(scan.time or "")[-1 - _MARGIN]
        last *= TIME_UNITS[scan.time_unit or "s"]
    else:
        return min(rows, len(scan_table) - _MARGIN)
    return min(rows, int(np.searchsorted(place, last, side="right")))


def cut(table: Table, rows: int) -> Table:
    """Return the first rows of a table."""
    return attrs.evolve(table, values=tuple(values[:rows] for values in table.values))


def cut_frames(frames: MappedFrames, n_frames: int) -> MappedFrames:
    """Return the first frames."""
    layout = frames.layout
    return MappedFrames(
        attrs.evolve(layout, file=layout.file[:n_frames], offset=layout.offset[:n_frames])
    )
