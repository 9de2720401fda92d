"""Writing any recording, whole, as OME-Zarr with wormio's frame table beside the pixels."""

from __future__ import annotations

import itertools
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from wormio.errors import OptionError, OutputExistsError
from wormio.model import MissingFrames, Recording

from wormio_zarr.layout import FORMAT, TABLE
from wormio_zarr.places import Places, make_places
from wormio_zarr.putting import put_table

if TYPE_CHECKING:
    import zarr

__all__ = ["write"]

Lengths = Sequence[int]
_AXES = "tczyx"
_COLORS = ("FFFFFF", "00FF00", "FF0000", "0000FF")
# Pixels that are gathered before they are written, unless a single shard is larger.
_SHARD_BYTES = 64 << 20


def write(
    recording: Recording,
    path: str | os.PathLike[str],
    *,
    chunks: Lengths | None = None,
    shards: Lengths | Literal["auto"] | None = "auto",
    version: Literal["0.4", "0.5"] = "0.5",
    compressed: bool = True,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write a recording as OME-Zarr, from which `wormio.open` gives it back as it is.

    Any program that reads OME-Zarr sees an image of axes t, c, z, y, x: volumes by planes where all
    volumes are alike, else the frames one after the other along t. What OME-Zarr cannot say lies
    beside it in a group ``wormio``. Pixels are read once, and written shard by shard. The store
    appears at once and complete, or not at all.

    Parameters
    ----------
    recording : Recording
        Of any format, or derived from others.
    path : path-like
        Folder to be made, for example ``"worm1.ome.zarr"``.
    chunks : (5,) sequence of int, optional
        Lengths along t, c, z, y, x; default: one image.
    shards : (5,) sequence of int, "auto" or None
        Whole multiples of `chunks`, each one file. ``"auto"``: as many images as make about 64 MiB;
        None: each chunk is a file of its own, as always in OME-Zarr 0.4.
    version : {"0.5", "0.4"}
        Of OME-Zarr, in Zarr 3 or Zarr 2.
    compressed : bool
        With Zstandard. Uncompressed chunks that are no shards are read in place.
    overwrite : bool
        Whether an earlier store of wormio is replaced. What is none is never replaced.
    progress : callable, optional
        Called with (frames written, all frames).

    Raises
    ------
    OutputExistsError
        There is something already, or the output would lie among the recording's own files.
    OptionError
        There is no such folder, lengths or a version are impossible, or there are no pixels.
    ContractError
        The recording's metadata hold what JSON cannot.
    OSError
        The disk is full, ...

    Examples
    --------
    >>> import wormio, wormio_zarr
    >>> with wormio.open("recording.nd2") as recording:  # doctest: +SKIP
    ...     wormio_zarr.write(recording, "recording.ome.zarr")
    """
    target = Path(os.path.realpath(path))
    _check(recording, target, version, overwrite=overwrite)
    places = make_places(recording)
    n_t, n_z = places.shape
    _, n_channels, height, width = recording.frames.shape
    shape = (n_t, n_channels, n_z, height, width)
    chunk = _lengths("chunks", chunks, (1, 1, 1, height, width))
    shard = _shards(shards, chunk, shape, recording.frames.dtype.itemsize, version)
    temporary = target.parent / f".wormio-{secrets.token_hex(8)}.partial"
    try:
        _fill(temporary, recording, places, (shape, chunk, shard), version, compressed, progress)
        _rename(temporary, target, overwrite=overwrite)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _check(recording: Recording, target: Path, version: str, *, overwrite: bool) -> None:
    if version not in {"0.4", "0.5"}:
        raise OptionError("unknown version of OME-Zarr", expected="0.4 or 0.5", found=repr(version))
    if isinstance(recording.frames, MissingFrames):
        raise OptionError(
            "the recording was opened without its pixels: it cannot be written",
            path=target,
            cure="open it without metadata_only",
        )
    if recording.frames.dtype.kind not in "uif" or 0 in recording.frames.shape:
        raise OptionError(
            "the recording has no pixels that can be written",
            expected="at least one, integers or floating-point numbers",
            found=f"{recording.frames.dtype} of shape {recording.frames.shape}",
            path=target,
        )
    if not target.parent.is_dir():
        raise OptionError(
            "cannot be written: there is no such folder",
            found=f"no folder {target.parent}",
            path=target,
            cure="create the folder first",
        )
    for source in recording.source.leaves():
        if "path" in source.arguments:
            own = Path(os.path.realpath(source.arguments["path"]))
            if target == own or (own.is_dir() and target.is_relative_to(own)):
                raise OutputExistsError(
                    "the output would lie among the files of the recording itself",
                    found=f"the recording {own}",
                    path=target,
                    cure="choose another name, outside of the recording's folder",
                )
    _refuse(target, overwrite=overwrite)


def _refuse(target: Path, *, overwrite: bool) -> None:
    """Raise if something is there that may not be replaced."""
    if not os.path.lexists(target) or (target.is_dir() and not any(target.iterdir())):
        return
    if not _is_ours(target):
        raise OutputExistsError(
            "the output exists and is no OME-Zarr of wormio: it is never replaced",
            path=target,
            cure="choose another name",
        )
    if not overwrite:
        raise OutputExistsError(
            "the output is there already",
            path=target,
            cure="choose another name, or replace it with overwrite=True",
        )


def _is_ours(target: Path) -> bool:
    for name, inside in (("zarr.json", "attributes"), (".zattrs", None)):
        try:
            found = json.loads((target / TABLE / name).read_bytes())
            about = found if inside is None else found[inside]
            if about["format"] == FORMAT:
                return True
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return False


def _rename(temporary: Path, target: Path, *, overwrite: bool) -> None:
    """Give the store its name; one that is replaced is removed afterwards."""
    _refuse(target, overwrite=overwrite)  # it may have appeared meanwhile
    if not os.path.lexists(target):
        temporary.rename(target)
        return
    before = target.parent / f".wormio-{secrets.token_hex(8)}.old"
    target.rename(before)
    try:
        temporary.rename(target)
    except OSError:
        before.rename(target)
        raise
    shutil.rmtree(before, ignore_errors=True)


def _lengths(what: str, given: Lengths | None, usual: tuple[int, ...]) -> tuple[int, ...]:
    if given is None:
        return usual
    lengths = tuple(int(n) for n in given)
    if len(lengths) != len(_AXES) or min(lengths) < 1:
        raise OptionError(
            f"{what} are impossible", expected="five lengths: t, c, z, y, x", found=repr(given)
        )
    return lengths


def _shards(
    given: Lengths | str | None,
    chunk: tuple[int, ...],
    shape: tuple[int, ...],
    itemsize: int,
    version: str,
) -> tuple[int, ...] | None:
    """Return the lengths of a shard; None for no shards."""
    if given is None or (given == "auto" and version == "0.4"):
        return None
    if version == "0.4":
        raise OptionError("OME-Zarr 0.4 has no shards", found=repr(given), cure="version='0.5'")
    if not isinstance(given, str):
        lengths = _lengths("shards", given, chunk)
        if any(n % m for n, m in zip(lengths, chunk, strict=True)):
            raise OptionError(
                "shards are no whole multiples of chunks",
                expected=f"multiples of {chunk}",
                found=str(lengths),
            )
        return lengths
    if given != "auto":
        raise OptionError("unknown shards", expected="five lengths, 'auto' or None", found=given)
    whole = [-(-n // m) * m for n, m in zip(shape, chunk, strict=True)]
    lengths = (*chunk[:3], *whole[3:])
    for axis in (2, 0):  # planes first: a volume is mostly read at once
        rest = int(np.prod([n for i, n in enumerate(lengths) if i != axis], dtype=object))
        fits = _SHARD_BYTES // (rest * itemsize * chunk[axis])
        n = min(whole[axis], max(1, fits) * chunk[axis])
        lengths = (*lengths[:axis], n, *lengths[axis + 1 :])
        if n < whole[axis]:
            break
    return lengths


def _fill(
    folder: Path,
    recording: Recording,
    places: Places,
    lengths: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...] | None],
    version: str,
    compressed: bool,
    progress: Callable[[int, int], None] | None,
) -> None:
    import zarr

    shape, chunk, shard = lengths
    zarr_format: Literal[2, 3] = 2 if version == "0.4" else 3
    about = _about(recording, places, version)
    root = zarr.create_group(store=folder, zarr_format=zarr_format, attributes=about)
    pixels = root.create_array(
        "0",
        shape=shape,
        dtype=recording.frames.dtype,
        chunks=chunk,
        shards=shard,
        compressors="auto" if compressed else None,
        dimension_names=list(_AXES) if zarr_format == 3 else None,
        chunk_key_encoding=None if zarr_format == 3 else {"name": "v2", "separator": "/"},
        # What is all zero was measured too: only what was never saved is left out.
        config={"write_empty_chunks": True},
        fill_value=0,
    )
    put_table(root, recording, places)
    seen = _put_pixels(pixels, recording, places, shard or chunk, progress)
    _put_channels(root, recording, seen)


def _about(recording: Recording, places: Places, version: str) -> dict[str, Any]:
    """Return the metadata of OME-Zarr."""
    voxel = recording.voxel_size
    steps = [places.interval, None, places.z_step, voxel.y, voxel.x]
    starts = [places.start if places.interval else 0.0, 0.0, places.z_start, 0.0, 0.0]
    axes: list[dict[str, str]] = []
    for name, step in zip(_AXES, steps, strict=True):
        kind = {"t": "time", "c": "channel"}.get(name, "space")
        axis = {"name": name, "type": kind}
        if step is not None:
            axis["unit"] = "second" if name == "t" else "micrometer"
        axes.append(axis)
    transforms: list[dict[str, Any]] = [
        {"type": "scale", "scale": [1.0 if step is None else float(step) for step in steps]}
    ]
    if any(starts):
        transforms.append({"type": "translation", "translation": starts})
    scale: dict[str, Any] = {
        "name": "recording",
        "axes": axes,
        "datasets": [{"path": "0", "coordinateTransformations": transforms}],
    }
    if version == "0.4":
        return {"multiscales": [{"version": version, **scale}]}
    return {"ome": {"version": version, "multiscales": [scale]}}


def _put_channels(root: zarr.Group, recording: Recording, seen: NDArray[Any]) -> None:
    """Add what viewers want to know of the channels; OME-Zarr asks for colour and window."""
    channels = []
    for index, channel in enumerate(recording.channels):
        known = bool(np.isfinite(seen[index]).all())  # else nothing of it was saved
        low, high = seen[index].tolist() if known else (0.0, 0.0)
        channels.append(
            {
                "label": channel.name,
                "color": _COLORS[index % len(_COLORS)],
                "window": {"min": low, "max": high, "start": low, "end": high},
                "active": True,
            }
        )
    about: dict[str, Any] = root.attrs.asdict()
    about.get("ome", about)["omero"] = {"channels": channels}
    root.attrs.put(about)


def _put_pixels(
    pixels: zarr.Array[Any],
    recording: Recording,
    places: Places,
    block: tuple[int, ...],
    progress: Callable[[int, int], None] | None,
) -> NDArray[Any]:
    """Write file by file; return the least and the greatest value of each channel, (C, 2).

    Frames are read once, those of one stretch of t and z together.
    """
    n_t, n_z = places.shape
    _, n_channels, height, width = recording.frames.shape
    stored = recording.timeline.stored >= 0
    order = np.full((n_t, n_z), -1, np.int64)
    order.reshape(-1)[places.place] = np.arange(len(places.place))
    done = 0
    seen = np.array([[np.inf, -np.inf]] * n_channels)
    for t, z in itertools.product(range(0, n_t, block[0]), range(0, n_z, block[2])):
        inside = order[t : t + block[0], z : z + block[2]]
        gathered = np.zeros((*inside.shape, n_channels, height, width), recording.frames.dtype)
        saved = np.zeros((*inside.shape, n_channels), bool)
        for at in zip(*np.nonzero(inside >= 0), strict=True):
            frame = int(inside[at])
            saved[at] = stored[frame]
            for channel, image in _images(recording, frame, stored[frame]):
                gathered[(*at, channel)] = image
                known = image[np.isfinite(image)] if image.dtype.kind == "f" else image
                if known.size:
                    low, high = float(known.min()), float(known.max())
                    seen[channel] = min(low, seen[channel, 0]), max(high, seen[channel, 1])
            done += 1
            if progress is not None:
                progress(done, len(stored))
        for c in range(0, n_channels, block[1]):
            if saved[..., c : c + block[1]].any():
                part = gathered[:, :, c : c + block[1]].transpose(0, 2, 1, 3, 4)
                pixels[t : t + block[0], c : c + block[1], z : z + block[2]] = part
    return seen


def _images(
    recording: Recording, frame: int, saved: NDArray[np.bool_]
) -> Iterator[tuple[int, NDArray[Any]]]:
    """Read those images of a frame that were saved, each with its channel."""
    if saved.all():
        yield from enumerate(recording.frames[frame])
    else:
        for channel in np.flatnonzero(saved).tolist():
            yield channel, recording.frames[frame, channel]
