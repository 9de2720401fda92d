"""Raw frame files: how large a frame is, how many there are, where each channel lies."""

from __future__ import annotations

import math
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
from wormio.formats.described.schema import FrameFiles
from wormio.formats.described.values import Values
from wormio.formats.links import inside
from wormio.model import FileLayout, MappedFrames

__all__ = ["find_files", "map_frames"]

# No camera is larger; a product of more would overflow.
_MAX_SIDE = 1 << 20


@attrs.frozen
class _Geometry:
    """Bytes of a frame, and the strided view that each channel is."""

    frame_bytes: int  # with the frame's own header
    height: int
    width: int
    row_stride: int
    pixel_stride: int
    channel_offset: int


def find_files(folder: Path, frames: FrameFiles, *, trust: bool) -> list[Path]:
    """Return the frame files in their order; an empty list if there is none.

    Raises
    ------
    CorruptRecordingError
        There are several and nothing says in which order.
    MissingPartError
        One in the middle is missing.
    OptionError
        What the description calls their number is none.
    UnsafeReferenceError
        One is a link out of the folder.
    """
    pattern = frames.pattern
    found = [(m, p) for p in folder.iterdir() if (m := pattern.fullmatch(p.name))]
    if "index" in pattern.groupindex:
        ordered = sorted((_index(m["index"], p), p) for m, p in found)
        numbers = [number for number, _ in ordered]
        wanted = list(range(frames.first_index, frames.first_index + len(numbers)))
        if len(set(numbers)) < len(numbers):
            raise CorruptRecordingError(
                "two frame files have one number",
                expected=f"different numbers, like {frames.shown}",
                found=", ".join(path.name for _, path in ordered)[:300],
                path=folder,
            )
        if numbers != wanted:
            gone = next(n for n in wanted if n not in numbers)
            raise MissingPartError(
                "a frame file is missing",
                expected=f"number {gone} of the files like {frames.shown}",
                found=", ".join(path.name for _, path in ordered)[:300],
                path=folder,
                cure="copy it there, or look at the rest with --metadata-only (metadata_only=True)",
            )
        paths = [path for _, path in ordered]
    else:
        paths = sorted(path for _, path in found)
        if len(paths) > 1:
            raise CorruptRecordingError(
                "there are several frame files",
                expected="one",
                found=", ".join(p.name for p in paths),
                path=folder,
                cure="move the others away",
            )
    return [inside(folder, path.name, trust=trust) for path in paths]


def _index(digits: str | None, path: Path) -> int:
    if digits is None or not digits.isdecimal():
        raise OptionError(
            "the part 'index' of a frame file's name is no number",
            expected="digits, by which the files are ordered",
            found=repr(digits),
            path=path,
            cure=r"let that group of [frames] file match digits only: (?P<index>\d+)",
        )
    return int(digits)


def map_frames(
    files: Sequence[Path],
    spec: FrameFiles,
    values: Values,
    *,
    n_channels: int,
    n_rows: int,
    table: str,
    allow_truncated: bool,
) -> MappedFrames:
    """Map the frames; fewer than `n_rows` of them only if `allow_truncated`.

    Parameters
    ----------
    files : sequence of Path
        Not empty, in order.
    spec : FrameFiles
    values : Values
    n_channels, n_rows : int
        Channels, and rows of the table of frames.
    table : str
        Its name.
    allow_truncated : bool

    Raises
    ------
    CorruptRecordingError
        The size of a frame is impossible, or there are more frames than rows.
    TruncatedRecordingError
        There are fewer.
    """
    shape = _geometry(files[0], spec, values, n_channels)
    for path in files[1:]:
        if _geometry(path, spec, values, n_channels) != shape:
            raise CorruptRecordingError(
                "the frames of two files differ in size",
                expected=f"frames as in {files[0].name}",
                found=path.name,
                path=path,
            )
    held, rests = [], []
    for path in files:
        size = path.stat().st_size
        whole, rest = divmod(max(size - spec.header_bytes, 0), shape.frame_bytes)
        held.append(whole)
        rests.append(rest if size >= spec.header_bytes else size)
    total = sum(held)
    first_cut = next((i for i, rest in enumerate(rests) if rest), len(files) - 1)
    frames_word = f"frames of {shape.frame_bytes} bytes"
    if total > n_rows:
        raise CorruptRecordingError(
            "the frame file holds more frames than the table",
            expected=f"{n_rows} frames, the rows of {table}",
            found=f"{total} {frames_word}",
            path=files[-1],
        )
    if total < n_rows or any(rests):
        path = files[first_cut]
        if not allow_truncated:
            size = sum(p.stat().st_size for p in files)
            whole_size = n_rows * shape.frame_bytes + len(files) * spec.header_bytes
            raise TruncatedRecordingError(
                "the frame file ends too early",
                expected=f"{n_rows} {frames_word}, {whole_size} in all",
                found=f"{size} bytes: {total} frames and {sum(rests)} bytes",
                path=path,
                cure="copy it again, or take the complete volumes with allow_truncated=True "
                "(--option allow_truncated=true)",
            )
        # Whatever follows a file that was cut would stand at the wrong rows of the table.
        odd = [i for i, n in enumerate(held) if rests[i] or n != held[0]]
        if odd:
            stop = odd[0] + (held[odd[0]] <= held[0])
            held = [*held[:stop], *[0] * (len(held) - stop)]
    number = np.concatenate([np.arange(n) for n in held])
    file = np.repeat(np.arange(len(files), dtype=np.int32), held)
    offset = spec.header_bytes + number * shape.frame_bytes + spec.frame_header_bytes
    channel = np.arange(n_channels, dtype=np.int64)
    return MappedFrames(
        FileLayout(
            files=files,
            file=np.repeat(file[:, np.newaxis], n_channels, axis=1),
            offset=offset[:, np.newaxis] + channel * shape.channel_offset,
            height=shape.height,
            width=shape.width,
            row_stride=shape.row_stride,
            pixel_stride=shape.pixel_stride,
            dtype=np.dtype(spec.dtype).newbyteorder(">" if spec.byte_order == "big" else "<"),
        )
    )


def _geometry(path: Path, spec: FrameFiles, values: Values, n_channels: int) -> _Geometry:
    name = spec.pattern.fullmatch(path.name)
    groups = {} if name is None else name.groupdict()
    rows = values.need_whole(spec.rows, "the number of rows", groups=groups)
    columns = values.need_whole(spec.columns, "the number of columns", groups=groups)
    across = spec.layout in {"split-columns", "interleaved-pixels"}
    divided = 0 if spec.layout == "sequential" else columns if across else rows
    if divided % n_channels or max(rows, columns) > _MAX_SIDE:
        raise CorruptRecordingError(
            "the size of a frame is impossible",
            expected=f"a number of {'columns' if across else 'rows'} that {n_channels} channels "
            f"can share, at most {_MAX_SIDE}",
            found=f"{rows} x {columns}",
            path=path,
        )
    item = np.dtype(spec.dtype).itemsize
    row = columns * item
    height, width, row_stride, pixel_stride, channel = {
        "split-rows": (rows // n_channels, columns, row, item, rows // n_channels * row),
        "interleaved-rows": (rows // n_channels, columns, row * n_channels, item, row),
        "split-columns": (rows, columns // n_channels, row, item, row // n_channels),
        "interleaved-pixels": (rows, columns // n_channels, row, item * n_channels, item),
        "sequential": (rows, columns, row, item, rows * row),
    }[spec.layout]
    pictures = n_channels if spec.layout == "sequential" else 1
    return _Geometry(
        frame_bytes=math.prod((pictures, rows, row)) + spec.frame_header_bytes,
        height=height,
        width=width,
        row_stride=row_stride,
        pixel_stride=pixel_stride,
        channel_offset=channel,
    )
