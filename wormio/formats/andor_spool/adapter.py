"""Opening an Andor spool."""

from __future__ import annotations

import math
from pathlib import Path

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import (
    CorruptRecordingError,
    MissingPartError,
    OptionError,
    TruncatedRecordingError,
)
from wormio.formats.andor_spool.blocks import Blocks, list_blocks, stamp
from wormio.formats.andor_spool.names import HEADER_PATTERN, SETTINGS, block_name
from wormio.formats.andor_spool.options import AndorSpoolOptions
from wormio.formats.andor_spool.pixels import channel_shape, make_frames
from wormio.formats.andor_spool.scape import RunInfo, find_info, read_info
from wormio.formats.andor_spool.settings import Settings, read_settings
from wormio.formats.andor_spool.sifx import Header, read_header
from wormio.formats.andor_spool.timing import make_timeline
from wormio.formats.links import inside
from wormio.formats.stacks.channels import name_channels
from wormio.model import (
    BaseRecording,
    Finding,
    FrameArray,
    MissingFrames,
    Source,
    VoxelSize,
)

__all__ = ["open"]


@attrs.frozen(kw_only=True)
class _Files:
    """What the small files of a folder say."""

    folder: Path
    settings: Settings
    header: Header | None
    info: RunInfo | None


def open(path: Path, options: AndorSpoolOptions) -> BaseRecording:  # noqa: A001 (what openers are called)
    """Open a folder, or the folder of a spooled file.

    Raises
    ------
    OptionError
        Nothing says how many frames make a volume.
    MissingPartError
        A file is not there, also one between other block files.
    TruncatedRecordingError
        There are fewer frames than were recorded, or a file ends too early.
    CorruptRecordingError
        The files contradict each other.
    UnsafeReferenceError
        A file is a link out of the folder; not with ``trust``.
    UnsupportedCapabilityError
        The pixels have an unknown encoding.
    """
    folder = path if path.is_dir() else path.parent
    info_path = find_info(folder)
    if info_path is not None:
        inside(info_path.parent, info_path.name, trust=options.trust)
    files = _Files(
        folder=folder,
        settings=read_settings(inside(folder, SETTINGS, trust=options.trust)),
        header=_header(folder, options),
        info=None if info_path is None else read_info(info_path),
    )
    findings: list[Finding] = []
    planes = _planes(files, options, findings)
    _check_header(files)
    frames, n_frames, parts = _frames(files, options, findings)
    n_channels, _, _ = channel_shape(files.settings, options.split)
    parts += [folder / SETTINGS]
    parts += [part.path for part in (files.header, files.info) if part is not None]
    return BaseRecording(
        source=Source.opened(folder, format="andor-spool", options=options, parts=parts),
        frames=frames,
        timeline=make_timeline(
            files.header, files.info, (n_frames, n_channels), planes, options, findings
        ),
        channels=name_channels((), [0.0] * n_channels),
        voxel_size=VoxelSize(
            z=options.um_per_plane, y=options.um_per_pixel, x=options.um_per_pixel
        ),
        metadata={
            "settings": dict(files.settings.texts),
            "sif_version": None if files.header is None else files.header.version,
            "info": None
            if files.info is None
            else attrs.asdict(files.info, filter=lambda field, _: field.name != "path"),
        },
        findings=findings,
    )


def _header(folder: Path, options: AndorSpoolOptions) -> Header | None:
    found = sorted(p for p in folder.glob(HEADER_PATTERN) if p.is_file())
    if len(found) > 1:
        raise CorruptRecordingError(
            f"there are several {HEADER_PATTERN}",
            expected="one",
            found=", ".join(p.name for p in found),
            path=folder,
            cure="move the others away",
        )
    if found:
        return read_header(inside(folder, found[0].name, trust=options.trust))
    if options.allow_truncated:
        return None
    raise MissingPartError(
        "the number and the times of the frames are missing",
        expected="the file 'Spooled files.sifx', which the camera's program writes at the end",
        path=folder / "Spooled files.sifx",
        cure="copy it from the original folder; if the acquisition was cut off, open what there is "
        "with allow_truncated=True (--option allow_truncated=true)",
    )


def _check_header(files: _Files) -> None:
    header, settings = files.header, files.settings
    if header is None:
        return
    n_pixels = settings.height * settings.width
    if header.n_pixels is not None and header.n_pixels != n_pixels:
        raise CorruptRecordingError(
            f"{header.path.name} and {SETTINGS} are not of the same recording",
            expected=f"frames of {settings.height} x {settings.width} pixels",
            found=f"frames of {header.n_pixels} pixels",
            path=header.path,
        )


def _planes(files: _Files, options: AndorSpoolOptions, findings: list[Finding]) -> float:
    if options.planes is not None:
        return options.planes
    info = files.info
    if info is None or info.planes is None:
        raise OptionError(
            "nothing says how many frames make a volume: option planes is missing",
            expected="planes=, frames of a volume (not always a whole number), or an *_info.mat "
            "with info.camera.framerate and info.daq.scanRate",
            path=files.folder,
            cure="for example planes=33 (--option planes=33), or planes=1 if it is 2-D",
        )
    if info.frames_per_volume is not None and abs(info.frames_per_volume - info.planes) >= 1:
        findings.append(
            Finding(
                code="planes-disagree",
                message=f"{info.path.name}: camera and scan rate give {info.planes:g} frames a "
                f"volume, but the scanner makes {info.frames_per_volume:g} steps",
                cure="look at the volumes; planes= overrides the rates",
            )
        )
    return info.planes


def _frames(
    files: _Files, options: AndorSpoolOptions, findings: list[Finding]
) -> tuple[FrameArray, int, list[Path]]:
    """Return the frames, their number, and the parts that are named for them."""
    saved = None if files.header is None else files.header.n_frames
    wanted = None if files.info is None else files.info.n_frames
    if saved is not None and wanted is not None and saved > wanted:
        raise CorruptRecordingError(
            "there are more frames than the camera was told to take",
            expected=f"{wanted}, as in info.camera.kineticSeriesLength of its *_info.mat",
            found=f"{saved}, as in the .sifx",
            path=files.folder,
            cure="the files are of different recordings",
        )
    if options.metadata_only and saved is not None:
        return _no_frames(files), saved, []
    blocks = list_blocks(files.folder, trust=options.trust)
    n_frames = _count(files, blocks, wanted, options, findings)
    if options.metadata_only:
        return _no_frames(files), n_frames, []
    frames = make_frames(blocks, files.settings, n_frames, options.split)
    # The last one tells how far the files reach; thousands of names would not.
    return frames, n_frames, [blocks.files[-1]]


def _no_frames(files: _Files) -> MissingFrames:
    return MissingFrames(
        "opened with metadata_only: no pixels",
        str(files.folder / block_name(0)),
        "open it without metadata_only, where the block files are",
    )


def _count(
    files: _Files,
    blocks: Blocks,
    wanted: int | None,
    options: AndorSpoolOptions,
    findings: list[Finding],
) -> int:
    """Return how many frames there are to read."""
    settings, header = files.settings, files.header
    there = blocks.count(settings, allow_truncated=options.allow_truncated)
    saved = wanted if header is None else header.n_frames
    if saved is not None and len(blocks.files) > math.ceil(saved / settings.per_file):
        raise CorruptRecordingError(
            "there are more block files than frames were recorded",
            expected=f"{saved} frames, {settings.per_file} a file",
            found=f"{len(blocks.files)} files",
            path=blocks.files[-1],
            cure="the files are of different recordings",
        )
    n_frames = there if saved is None else min(there, saved)
    if header is None and settings.per_file > 1 and (saved is None or there < saved):
        # The last file has room for images that may never have been taken.
        n_frames -= blocks.last_block(settings)
    if n_frames < 1:
        raise TruncatedRecordingError("not one frame is known to be whole", path=blocks.files[0])
    told = saved if wanted is None else wanted
    if told is not None and n_frames < told and not options.allow_truncated:
        raise TruncatedRecordingError(
            "there are fewer frames than were recorded",
            expected=f"{told} frames, until {block_name((told - 1) // settings.per_file)}",
            found=f"{n_frames} frames, until {blocks.files[-1].name}",
            path=files.folder,
            cure="copy the missing files, or take the complete volumes with allow_truncated=True "
            "(--option allow_truncated=true)",
        )
    if told is None or n_frames < told:
        known = "an unknown number of" if told is None else str(told)
        findings.append(
            Finding(code="truncated", message=f"{n_frames} of {known} frames are there")
        )
    if header is not None and header.ticks is not None:
        _check_stamps(files, blocks, header.ticks, n_frames)
    return n_frames


def _check_stamps(files: _Files, blocks: Blocks, ticks: NDArray[np.int64], n_frames: int) -> None:
    """Compare the first and the last frame's own stamp with the header's."""
    for frame in {0, n_frames - 1}:
        own = stamp(blocks, files.settings, frame)
        if own is not None and own != ticks[frame]:
            path = blocks.files[frame // files.settings.per_file]
            raise CorruptRecordingError(
                "the block files and the .sifx are not of the same recording",
                expected=f"tick {ticks[frame]} at frame {frame}, as in the .sifx",
                found=f"{own}",
                path=path,
                cure="copy the folder again from where it was recorded",
            )
