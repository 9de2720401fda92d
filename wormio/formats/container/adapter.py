"""Opening a container."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from wormio.errors import (
    ContractError,
    CorruptRecordingError,
    FormatError,
    MissingImageError,
    UnsupportedCapabilityError,
)
from wormio.formats.container.layout import Tables, get_tables
from wormio.formats.container.names import FORMAT, FRAMES, SCHEMA_VERSION
from wormio.model import (
    BaseRecording,
    FileLayout,
    FrameArray,
    MappedFrames,
    MissingFrames,
    Source,
    Timeline,
    frames_from_reader,
)
from wormio.registry import Options
from wormio.storage import foreign_hdf5

if TYPE_CHECKING:
    import h5py

__all__ = ["open"]


def open(path: Path, options: Options) -> BaseRecording:  # noqa: A001 (what openers are called)
    """Open a file that `wormio.export.to_hdf5` wrote, or that follows docs/formats/wormio.md.

    Raises
    ------
    FormatError
        It is no container.
    UnsupportedCapabilityError
        A newer wormio wrote it, or its pixels are compressed with a filter that is not installed.
    TruncatedRecordingError, CorruptRecordingError, UnsafeReferenceError
        It ends too early, contradicts itself, or takes values from files elsewhere.
    """
    if path.is_dir():
        raise FormatError("is no container of wormio", found="a folder", path=path)
    with foreign_hdf5.open_foreign(path) as file:
        _check_format(file)
        try:
            return _read(file, path, options)
        except ContractError as error:  # what the values' own checks refuse, the file has wrong
            raise CorruptRecordingError(
                error.problem, expected=error.expected, found=error.found
            ) from error


def _read(file: h5py.File, path: Path, options: Options) -> BaseRecording:
    tables = get_tables(file)
    pixels = foreign_hdf5.dataset(file, FRAMES, folder=path.parent, trust=options.trust)
    _check_pixels(pixels, tables)
    if options.metadata_only:
        frames: FrameArray = MissingFrames(
            "the recording was opened with metadata_only=True",
            str(path),
            "open it without metadata_only to read pixels",
        )
    else:
        frames = _frames(pixels, path, tables.timeline, options)
    return BaseRecording(
        source=Source.opened(path, format="wormio", options=options, parts=[path]),
        frames=frames,
        timeline=tables.timeline,
        channels=tables.channels,
        voxel_size=tables.voxel_size,
        events=tables.events,
        metadata=tables.metadata,
        findings=tables.findings,
    )


def _check_format(file: h5py.File) -> None:
    found = file.attrs.get("format")
    text = found.decode(errors="replace") if isinstance(found, bytes) else found
    if text != FORMAT:
        raise FormatError(
            "is no container of wormio",
            expected=f"the attribute format={FORMAT!r}",
            found="an HDF5 file without it" if found is None else f"format={text!r}"[:200],
            cure="name its format: --format hdf5 (format= in Python), for example",
        )
    version = file.attrs.get("schema_version")
    if not isinstance(version, np.integer) or version < 1:
        raise CorruptRecordingError(
            "has no schema_version", expected="an integer attribute", found=repr(version)[:200]
        )
    if version > SCHEMA_VERSION:
        raise UnsupportedCapabilityError(
            "was written by a newer wormio",
            expected=f"schema_version {SCHEMA_VERSION} or older",
            found=f"schema_version {version}, by wormio {file.attrs.get('wormio')!s:.50}",
            cure="pip install --upgrade wormio",
        )


def _check_pixels(pixels: h5py.Dataset, tables: Tables) -> None:
    wanted = (len(tables.timeline), len(tables.channels))
    if pixels.ndim != 4 or pixels.shape[:2] != wanted or pixels.dtype.kind not in "uif":
        raise CorruptRecordingError(
            "/frames does not fit the rest",
            expected=f"numbers of shape {wanted} (frames, channels) and the images' (y, x)",
            found=f"{pixels.dtype} of shape {pixels.shape}",
        )


def _frames(pixels: h5py.Dataset, path: Path, timeline: Timeline, options: Options) -> FrameArray:
    saved = timeline.stored >= 0
    offset = foreign_hdf5.plain_offset(pixels)
    if offset is not None and pixels.size:
        image = pixels.shape[2] * pixels.shape[3] * pixels.dtype.itemsize
        return MappedFrames(
            FileLayout(
                files=(path,),
                file=np.where(saved, 0, -1),
                offset=offset + image * np.arange(saved.size).reshape(saved.shape),
                height=pixels.shape[2],
                width=pixels.shape[3],
                row_stride=pixels.shape[3] * pixels.dtype.itemsize,
                pixel_stride=pixels.dtype.itemsize,
                dtype=pixels.dtype,
            )
        )
    lost = saved & ~foreign_hdf5.written_rows(pixels, 2) if pixels.size else np.zeros(())
    if lost.any():
        frame, channel = np.argwhere(lost)[0].tolist()
        raise CorruptRecordingError(
            f"the image of frame {frame}, channel {channel} is not in the file",
            expected=f"all images but those with -1 in timeline/stored ({int(saved.sum())})",
            found=f"{int(lost.sum())} are missing",
        )
    reader = foreign_hdf5.ForeignReader(path, trust=options.trust)
    return frames_from_reader(
        partial(_read_image, reader, saved),
        pixels.shape,
        pixels.dtype,
        on_close=reader.close,
        thread_safe=True,
    )


def _read_image(reader: foreign_hdf5.ForeignReader, saved: Any, frame: int, channel: int) -> Any:
    if not saved[frame, channel]:
        raise MissingImageError(
            f"the image of frame {frame}, channel {channel} was never saved",
            cure="see recording.timeline.stored; nothing is filled in",
        )
    return reader.read(FRAMES, (frame, channel))
