"""The volume files of a folder: all of one camera and one kind, by time and channel."""

from __future__ import annotations

import os
from pathlib import Path

import attrs

from wormio.errors import MissingPartError, OptionError, UnsupportedCapabilityError
from wormio.formats.ahrens.names import VOLUME_FILE
from wormio.formats.ahrens.options import AhrensOptions
from wormio.formats.links import inside
from wormio.model._fields import as_tuple

__all__ = ["VolumeFiles", "list_cameras", "list_volumes"]


@attrs.frozen(kw_only=True)
class VolumeFiles:
    """Files of volumes in order of time, without a gap.

    Parameters
    ----------
    kind : {"h5", "stack"}
    first : int
        Number of the first volume.
    channels : tuple of int
        Numbers of the channels.
    files : tuple of tuple of Path
        By time, then channel.
    """

    kind: str
    first: int
    channels: tuple[int, ...] = attrs.field(converter=as_tuple)
    files: tuple[tuple[Path, ...], ...] = attrs.field(converter=as_tuple)


@attrs.frozen(kw_only=True)
class _Found:
    time: int
    camera: int
    channel: int
    kind: str
    name: str


def list_cameras(folder: Path, options: AhrensOptions) -> list[str]:
    """Return the cameras, as ``item=`` takes them."""
    return _cameras(_of_one_kind(_scan(folder), folder, options))


def list_volumes(folder: Path, options: AhrensOptions) -> VolumeFiles:
    """Find the volume files.

    Raises
    ------
    MissingPartError
        There are none, or one between others is missing.
    OptionError
        There are several cameras, or several kinds of files.
    UnsupportedCapabilityError
        There are .klb files only.
    UnsafeReferenceError
        A file is a link out of the folder; not with ``trust``.
    """
    found = _of_one_kind(_scan(folder), folder, options)
    cameras = _cameras(found)
    if options.item is None and len(cameras) > 1:
        raise OptionError(
            "the folder has volumes of several cameras: option item is missing",
            expected="item=" + ", ".join(map(repr, cameras)),
            path=folder,
            cure=f"for example item={cameras[0]!r}",
        )
    if options.item is not None and options.item not in cameras:
        raise OptionError(
            f"the folder has no camera {options.item!r}",
            expected="item=" + ", ".join(map(repr, cameras)),
            path=folder,
        )
    camera = cameras[0] if options.item is None else options.item
    mine = {(one.time, one.channel): one for one in found if f"CM{one.camera}" == camera}
    times = [time for time, _ in mine]
    channels = sorted({channel for _, channel in mine})
    files = []
    for time in range(min(times), max(times) + 1):
        row = []
        for channel in channels:
            one = mine.get((time, channel))
            if one is None:
                raise _missing(next(iter(mine.values())), folder, time, channel)
            row.append(inside(folder, one.name, trust=options.trust))
        files.append(tuple(row))
    return VolumeFiles(kind=found[0].kind, first=min(times), channels=channels, files=files)


def _scan(folder: Path) -> list[_Found]:
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            matched = VOLUME_FILE.fullmatch(entry.name)
            if matched is not None and entry.is_file():
                found.append(
                    _Found(
                        time=int(matched["time"]),
                        camera=int(matched["camera"]),
                        channel=int(matched["channel"]),
                        kind=matched["kind"],
                        name=entry.name,
                    )
                )
    return sorted(found, key=lambda one: one.name)


def _of_one_kind(found: list[_Found], folder: Path, options: AhrensOptions) -> list[_Found]:
    kinds = {one.kind for one in found}
    if not kinds - {"klb"} and kinds:
        raise UnsupportedCapabilityError(
            "volumes in .klb files cannot be read",
            expected=".h5 or .stack files",
            found=f"{len(found)} files like {found[0].name}",
            path=folder,
            cure="convert them to .h5: pyklb (pip install pyklb) reads them",
        )
    kinds.discard("klb")
    if options.kind is None and len(kinds) > 1:
        raise OptionError(
            "the folder has volumes as .h5 and as .stack: option kind is missing",
            expected="kind='h5' or kind='stack'",
            path=folder,
            cure="for example kind='h5' (--option kind=h5)",
        )
    wanted = kinds if options.kind is None else {options.kind}
    chosen = [one for one in found if one.kind in wanted]
    if not chosen:
        raise MissingPartError(
            "there are no volume files",
            expected="TM00000_CM0_CHN00." + (options.kind or "h5 or .stack") + ", and so on",
            found=", ".join(sorted(kinds)),
            path=folder,
            cure="copy them from the original folder",
        )
    return chosen


def _cameras(found: list[_Found]) -> list[str]:
    return [f"CM{number}" for number in sorted({one.camera for one in found})]


def _missing(like: _Found, folder: Path, time: int, channel: int) -> MissingPartError:
    matched = VOLUME_FILE.fullmatch(like.name)
    assert matched is not None  # noqa: S101 (it was found by this pattern)
    name = (
        f"TM{time:0{len(matched['time'])}d}_CM{matched['camera']}"
        f"_CHN{channel:0{len(matched['channel'])}d}.{like.kind}"
    )
    return MissingPartError(
        "a volume file is missing between others",
        expected=name,
        path=folder / name,
        cure="copy it from the original folder",
    )
