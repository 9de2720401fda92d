"""The frame file: headerless little-endian uint16, one camera frame after the other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import attrs
import numpy as np

from wormio.errors import (
    CorruptRecordingError,
    MissingPartError,
    OptionError,
    TruncatedRecordingError,
)
from wormio.formats.links import inside
from wormio.formats.nerve.crops import Crop
from wormio.formats.nerve.names import FRAMES_FILE
from wormio.formats.nerve.options import NerveOptions
from wormio.model import FileLayout, Finding, FrameArray, MappedFrames, MissingFrames

__all__ = ["FrameFile", "find_frame_file", "make_frames", "match_rows"]

_PIXEL_BYTES = 2
# The acquisition program once wrote this name whatever the frame was.
_UNRELIABLE = (1024, 1024)
_OLD_CAMERA = (1200, 600)
_A_FEW = 10


@attrs.frozen(kw_only=True)
class FrameFile:
    """A frame file and its shape.

    Parameters
    ----------
    path : Path, optional
        None if there is none (metadata_only).
    rows, columns : int
        Of a whole frame; 0 if unknown.
    n_frames, rest : int
        Whole frames in the file, and bytes after them.
    """

    path: Path | None
    rows: int
    columns: int
    n_frames: int = 0
    rest: int = 0

    @property
    def frame_bytes(self) -> int:
        """Size of a frame."""
        return self.rows * self.columns * _PIXEL_BYTES


def find_frame_file(
    folder: Path, names: Sequence[str], options: NerveOptions, n_rows: int
) -> FrameFile:
    """Find the frame file of a folder.

    Raises
    ------
    MissingPartError
        There is none.
    CorruptRecordingError
        There are several.
    OptionError
        Its name may be wrong about its shape.
    UnsafeReferenceError
        It is a link out of the folder; not with ``trust``.
    """
    found = sorted(name for name in names if FRAMES_FILE.fullmatch(name))
    if len(found) > 1:
        raise CorruptRecordingError(
            "there are several frame files",
            expected="one",
            found=", ".join(found),
            path=folder,
            cure="move the others away",
        )
    given = None
    if options.frame_shape is not None:
        rows, _, columns = options.frame_shape.partition("x")
        given = (int(rows), int(columns))
    if not found:
        if options.metadata_only:
            return FrameFile(path=None, rows=(given or (0, 0))[0], columns=(given or (0, 0))[1])
        raise MissingPartError(
            "the frame file is missing",
            expected="sCMOS_Frames_U16_<rows>x<columns>.dat beside the tables",
            found=", ".join(sorted(names))[:300],
            path=folder,
            cure="copy it there, or look at the rest with --metadata-only (metadata_only=True)",
        )
    path = inside(folder, found[0], trust=options.trust)
    match = FRAMES_FILE.fullmatch(found[0])
    assert match is not None  # noqa: S101 (it was found by this pattern)
    named = (int(match["rows"]), int(match["columns"]))
    size = path.stat().st_size
    shape = given or (_decide(path, size, n_rows) if named == _UNRELIABLE else named)
    if 0 in shape:
        raise CorruptRecordingError(
            "the file's name gives an impossible frame", found=f"{shape[0]} x {shape[1]}", path=path
        )
    n_frames, rest = divmod(size, shape[0] * shape[1] * _PIXEL_BYTES)
    return FrameFile(path=path, rows=shape[0], columns=shape[1], n_frames=n_frames, rest=rest)


def _decide(path: Path, size: int, n_rows: int) -> tuple[int, int]:
    """Find out by its size whether a file called 1024x1024 is what it says."""
    fitting = [
        shape
        for shape in (_UNRELIABLE, _OLD_CAMERA)
        if size % (shape[0] * shape[1] * _PIXEL_BYTES) == 0
        and size // (shape[0] * shape[1] * _PIXEL_BYTES) in range(n_rows, n_rows + _A_FEW)
    ]
    if len(fitting) == 1:
        return fitting[0]
    raise OptionError(
        "files called 1024x1024 also hold frames of 1200x600, and the size of this one does not "
        "tell: option frame_shape is missing",
        expected=f"{n_rows} frames or a few more",
        found=f"{size} bytes",
        path=path,
        cure="for example frame_shape='1200x600'",
    )


def match_rows(
    frame_file: FrameFile, n_rows: int, options: NerveOptions
) -> tuple[int, int, list[Finding]]:
    """Find out which frame of the file belongs to which row of the tables.

    Returns
    -------
    n_rows : int
        Rows that have a frame.
    skip : int
        Frame of the first row.
    findings : list of Finding

    Raises
    ------
    TruncatedRecordingError
        The file holds fewer frames than the tables have rows.
    OptionError
        It holds more, and nobody says where they are.
    """
    skip = options.skip_frames or 0
    if options.metadata_only or frame_file.path is None:
        return n_rows, skip, []
    there = frame_file.n_frames - skip
    facts = {
        "expected": f"{n_rows} frames of {frame_file.frame_bytes} bytes, the rows of the tables"
        + (f", after {skip} that are skipped" if skip else ""),
        "found": f"{frame_file.n_frames} frames and {frame_file.rest} bytes",
    }
    if there > n_rows and options.skip_frames is None:
        raise OptionError(
            "the frame file holds more frames than the tables have rows: option skip_frames is "
            "missing",
            path=frame_file.path,
            cure="skip_frames=1 if the tables begin one frame late, as the lab's code that reads "
            "pixels supposes; skip_frames=0 if they end early",
            **facts,
        )
    if there < n_rows or frame_file.rest:
        if not options.allow_truncated:
            raise TruncatedRecordingError(
                "the frame file ends too early",
                path=frame_file.path,
                cure="copy it again, or take the complete volumes with allow_truncated=True "
                "(--option allow_truncated=true)",
                **facts,
            )
        n_there = min(max(there, 0), n_rows)
        message = f"the frame file is cut off; it holds {n_there} of {n_rows} frames"
        return n_there, skip, [Finding(code="truncated", message=message)]
    if there == n_rows:
        return n_rows, skip, []
    finding = Finding(
        code="frames-without-row",
        message=f"{there - n_rows} frames at the end of the frame file have no row in the tables "
        "and are left out",
    )
    return n_rows, skip, [finding]


def make_frames(
    frame_file: FrameFile, crops: Sequence[Crop], n_rows: int, skip: int, options: NerveOptions
) -> FrameArray:
    """Return the frames as strided views of the file, one image a crop."""
    path = frame_file.path
    if options.metadata_only or path is None:
        return MissingFrames(
            "opened with metadata_only: no pixels",
            str(path or "sCMOS_Frames_U16_<rows>x<columns>.dat"),
            "open it without metadata_only, where the frame file is",
        )
    if options.pixel_order == "columns":
        row_stride, pixel_stride = _PIXEL_BYTES, frame_file.rows * _PIXEL_BYTES
    else:
        row_stride, pixel_stride = frame_file.columns * _PIXEL_BYTES, _PIXEL_BYTES
    begin = np.array([crop.y * row_stride + crop.x * pixel_stride for crop in crops])
    frame = np.arange(skip, skip + n_rows)[:, np.newaxis] * frame_file.frame_bytes
    return MappedFrames(
        FileLayout(
            files=(path,),
            file=np.zeros((n_rows, len(crops)), np.int32),
            offset=frame + begin,
            height=crops[0].height,
            width=crops[0].width,
            row_stride=row_stride,
            pixel_stride=pixel_stride,
            dtype="<u2",
        )
    )
