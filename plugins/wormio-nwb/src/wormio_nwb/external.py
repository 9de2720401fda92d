"""Image series whose images are in files beside the NWB file."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any

import numpy as np
import wormio
from numpy.typing import NDArray
from wormio.errors import (
    CorruptRecordingError,
    MissingPartError,
    OptionError,
    UnsafeReferenceError,
    UnsupportedCapabilityError,
)
from wormio.formats.stacks import Grid, StackOptions, make_timing, name_channels
from wormio.formats.stacks.hdf5 import attributes, no_frames
from wormio.model import BaseRecording, Finding, FrameArray, frames_from_reader
from wormio.storage.foreign_hdf5 import has

from wormio_nwb.imaging import read_imaging
from wormio_nwb.parts import Made
from wormio_nwb.reading import Nwb
from wormio_nwb.series import Series
from wormio_nwb.times import read_clock, read_times

if TYPE_CHECKING:
    import h5py

__all__ = ["is_external", "open_external"]

_TIFF = {".tif", ".tiff", ".btf", ".tf8"}
_MAGIC = {b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"}
_MAX_FILES = 100_000
_MAX_IMAGES = 1 << 40


def is_external(nwb: Nwb, series: h5py.Group) -> bool:
    """Tell whether the images of a series are in other files: its own array is empty."""
    if not has(series, "external_file"):
        return False
    return not has(series, "data") or not nwb.dataset(series, "data").size


def open_external(nwb: Nwb, series: Series, path: Path, options: StackOptions) -> Made:
    """Open a series of external TIFF files: their images one after the other are T.

    Raises
    ------
    UnsupportedCapabilityError
        A file is no TIFF, or holds more than single images of one channel.
    UnsafeReferenceError
        A file is not in the recording's folder.
    MissingPartError
        A file is not there.
    CorruptRecordingError
        The files do not fit each other, or starting_frame.
    """
    if options.axes is not None and options.axes != "TYX":
        raise OptionError(
            "external files hold one image after the other",
            expected="no axes=",
            found=options.axes,
            path=path,
        )
    names = _names(nwb, series)
    starts = _starts(nwb, series, len(names))
    n_told = _told_length(nwb, series) if options.metadata_only else None
    recordings: list[BaseRecording] = []
    frames: FrameArray = no_frames(path)
    if n_told is None:
        files = [_file(nwb, series, name) for name in names]
        recordings, frames = _opened(files, starts, series, options)
    lengths = [len(one.timeline) for one in recordings] if n_told is None else [n_told]
    n_frames = sum(lengths)
    imaging = read_imaging(nwb, series.group, 1)
    times = read_times(nwb, series.group, n_frames, 1, options)
    stored = _stored(recordings) if recordings else np.arange(n_frames)
    delta = None if times.each is None else times.each.reshape(-1, 1, 1)
    timing = make_timing(
        Grid(
            stored=stored.reshape(n_frames, 1, 1),
            interval=times.interval,
            start=times.start,
            delta_t=delta,
            clock=read_clock(nwb),
        ),
        options,
    )
    return Made(
        frames=frames,
        parts=tuple(Path(one.source.arguments["path"]) for one in recordings),
        timeline=timing.timeline,
        channels=name_channels(imaging.channels, timing.channel_offsets),
        imaging=imaging,
        z_is_regular=False,
        findings=(*_format_finding(nwb, series), *times.findings, *timing.findings),
    )


def _told_length(nwb: Nwb, series: Series) -> int | None:
    """Return how many images there are, as far as the NWB file itself knows."""
    if has(series.group, "timestamps"):
        return int(nwb.dataset(series.group, "timestamps").size or 0) or None
    told = nwb.number(series.group, "num_samples")
    return int(told) if told is not None and 0 < told < _MAX_IMAGES else None


def _names(nwb: Nwb, series: Series) -> list[str]:
    written = nwb.value(series.group, "external_file", _MAX_FILES)
    names = [written] if isinstance(written, str) else written
    if not isinstance(names, list) or not names or not all(isinstance(n, str) for n in names):
        raise CorruptRecordingError(f"{series.name}/external_file names no files")
    return names


def _file(nwb: Nwb, series: Series, name: str) -> Path:
    """Return a file that is there and may be read."""
    # A name that was written on Windows means the same file here.
    plain = name if "\\" not in name else PureWindowsPath(name).as_posix()
    if not plain or "\0" in plain:
        raise CorruptRecordingError(f"{series.name}/external_file names no file", found=repr(name))
    path = nwb.folder / plain
    home = Path(os.path.realpath(nwb.folder))
    outside = not Path(os.path.realpath(path)).is_relative_to(home)
    if not nwb.trust and (outside or PurePosixPath(plain).is_absolute()):
        raise UnsafeReferenceError(
            f"{series.name} refers to a file outside the recording's folder",
            expected=f"a path from {nwb.folder}, to a file in it",
            found=name,
            cure="trust=True (--option trust=yes) follows it, if you know who wrote this file",
        )
    if not path.is_file():
        raise MissingPartError(
            f"{series.name} has its images in a file that is not there",
            path=path,
            cure="copy it beside the NWB file; metadata_only=True opens the rest",
        )
    if path.suffix.lower() not in _TIFF and _first_bytes(path) not in _MAGIC:
        raise UnsupportedCapabilityError(
            f"{series.name} has its images in a file that is no TIFF",
            expected="TIFF",
            found=path.name,
            cure="open that file itself, if a format of wormio reads it",
        )
    return path


def _first_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(4)


def _starts(nwb: Nwb, series: Series, n_files: int) -> list[int] | None:
    """Return the index of each file's first image, or None if it is not written."""
    owners = [nwb.dataset(series.group, "external_file"), series.group]
    written = next(
        (a for a in (attributes(one, ["starting_frame"]) for one in owners) if a), {}
    ).get("starting_frame")
    if written is None:
        return None
    starts = written if isinstance(written, list) else [written]
    if len(starts) != n_files:
        raise CorruptRecordingError(
            f"starting_frame of {series.name} does not fit external_file",
            expected=f"{n_files} numbers, one a file",
            found=str(starts[:20]),
        )
    return starts


def _opened(
    files: list[Path], starts: list[int] | None, series: Series, options: StackOptions
) -> tuple[list[BaseRecording], FrameArray]:
    recordings: list[BaseRecording] = []
    try:
        for file in files:
            recordings.append(_tiff(file, options))
        before = np.cumsum([0, *(len(one.timeline) for one in recordings)])
        if starts is not None and starts != before[:-1].tolist():
            raise CorruptRecordingError(
                f"starting_frame of {series.name} does not fit the files",
                expected=f"{before[:-1].tolist()[:20]}, the images before each file",
                found=str(starts[:20]),
            )
        return recordings, _joined(recordings, before)
    except BaseException:
        for one in recordings:
            one.close()
        raise


def _stored(recordings: list[BaseRecording]) -> NDArray[np.int64]:
    """Return the place of each image among all images of the files; -1 where it is missing."""
    found, before = [], 0
    for one in recordings:
        stored = one.timeline.stored
        found.append(np.where(stored >= 0, stored + before, -1))
        before += stored.size
    return np.concatenate(found)


def _tiff(path: Path, options: StackOptions) -> BaseRecording:
    given: dict[str, Any] = {"allow_truncated": options.allow_truncated, "trust": options.trust}
    try:
        found = wormio.open(path, "tiff", config=False, **given)
    except OptionError:
        # A TIFF that does not name its dimensions: the series says that they are images over time.
        try:
            found = wormio.open(path, "tiff", config=False, axes="TYX", **given)
        except OptionError:
            found = wormio.open(path, "tiff", config=False, axes="YX", **given)
    if len(found.channels) != 1 or (found.timeline.n_volumes != len(found.timeline)):
        told = f"{len(found.channels)} channels, {found.timeline.n_volumes} volumes of "
        told += f"{len(found.timeline)} frames"
        found.close()
        raise UnsupportedCapabilityError(
            "an external file holds more than single images over time",
            expected="one channel, one plane",
            found=told,
            path=path,
            cure="open that file itself: wormio.open(path)",
        )
    return found


def _joined(recordings: list[BaseRecording], first: NDArray[np.int64]) -> FrameArray:
    shapes = {(one.frames.shape[2:], one.frames.dtype) for one in recordings}
    if len(shapes) != 1:
        raise CorruptRecordingError(
            "the external files do not fit each other",
            expected="images of one size and type",
            found="; ".join(f"{shape} {dtype}" for shape, dtype in list(shapes)[:20]),
        )
    (height, width), dtype = shapes.pop()

    def read_image(frame: int, channel: int) -> NDArray[Any]:
        at = int(np.searchsorted(first, frame, side="right")) - 1
        image: NDArray[Any] = recordings[at].frames[frame - int(first[at]), channel]
        return image

    def close() -> None:
        for one in recordings:
            one.close()

    shape = (int(first[-1]), 1, height, width)
    return frames_from_reader(read_image, shape, dtype, on_close=close, thread_safe=True)


def _format_finding(nwb: Nwb, series: Series) -> list[Finding]:
    said = nwb.text(series.group, "format")
    if said in {"", "external"}:
        return []
    told = f"format is {said!r} though the images are in external files: it should be 'external'"
    return [Finding(code="format-contradiction", message=told)]
