"""Writing any recording, whole, into wormio's own container, frame by frame."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from wormio.errors import OptionError, OutputExistsError
from wormio.formats.container.layout import put_tables
from wormio.formats.container.names import FORMAT, FRAMES, SCHEMA_VERSION
from wormio.model import MissingFrames, Recording
from wormio.registry.config import find_config
from wormio.registry.probe import Probe
from wormio.storage.atomic import check_target, refuse_foreign, writing_atomically
from wormio.storage.hdf5_opening import has_format
from wormio.storage.streaming_hdf5 import creating

if TYPE_CHECKING:
    import h5py

__all__ = ["check_output", "to_hdf5"]

# Old enough for any program in use; young enough for 64-bit sizes throughout.
_VERSIONS = ("earliest", "v110")
_KINDS = "uif"


def to_hdf5(
    recording: Recording,
    path: str | os.PathLike[str],
    *,
    compression: str | None = None,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write a recording into one HDF5 file, from which `wormio.open` gives it back as it is.

    Pixels are read and written one frame at a time. The file appears at once, complete and on the
    disk, or not at all. Images that were never saved stay missing.

    Parameters
    ----------
    recording : Recording
        Of any format, or derived from others.
    path : path-like
        ``"NAME.wormio.h5"`` is recognised in every case, any other name mostly.
    compression : {None, "gzip"}
        None lets extraction read the pixels' bytes directly, any of them at any time; ``"gzip"``
        makes one compressed chunk an image.
    overwrite : bool
        Whether an earlier container is replaced. What is none is never replaced.
    progress : callable, optional
        Called with (frames written, all frames).

    Raises
    ------
    OutputExistsError
        There is a file already, or the output would lie among the recording's own files.
    OptionError
        There is no such folder or compression, the recording was opened without its pixels, or a
        file NAME.wormio.toml would describe the output as if it were the original.
    ContractError
        The recording's metadata hold what JSON cannot.
    OSError
        The disk is full (found out before any work, unless compressed), ...

    Examples
    --------
    >>> import wormio.export
    >>> with wormio.open("recording.ome.tif") as recording:  # doctest: +SKIP
    ...     wormio.export.to_hdf5(recording, "recording.wormio.h5")
    """
    if compression not in {None, "gzip"}:
        raise OptionError(
            "unknown compression", expected="None or 'gzip'", found=repr(compression), path=path
        )
    if isinstance(recording.frames, MissingFrames):
        raise OptionError(
            "the recording was opened without its pixels: it cannot be converted",
            path=path,
            cure="open it without metadata_only",
        )
    check_output(path, recording, overwrite=overwrite)
    frames = recording.frames
    if frames.dtype.kind not in _KINDS:
        raise OptionError(
            "pixels of this type cannot be written",
            expected="integers or floating-point numbers",
            found=str(frames.dtype),
            path=path,
        )
    size = 0 if compression else int(np.prod(frames.shape, dtype=object)) * frames.dtype.itemsize
    with (
        writing_atomically(path, overwrite=overwrite) as temporary,
        creating(temporary, path, size, libver=_VERSIONS) as (file, output),
    ):
        _put_signature(file)
        pixels = _create(file, recording, compression)
        put_tables(file, recording)
        for frame, images in enumerate(_images(recording)):
            for channel, image in images:
                pixels[frame, channel] = image
            output.check()
            if progress is not None:
                progress(frame + 1, len(frames))


def check_output(
    path: str | os.PathLike[str], recording: Recording | None = None, *, overwrite: bool = False
) -> None:
    """Raise what `to_hdf5` raises if a container must not be written to `path`.

    Parameters
    ----------
    path : path-like
    recording : Recording, optional
        That is to be converted: its own files are never touched.
    overwrite : bool
    """
    target = check_target(path)
    _refuse_described(path)
    for source in [] if recording is None else recording.source.leaves():
        if "path" in source.arguments:
            _refuse_input(target, source.arguments, path)
    refuse_foreign(
        path,
        "recording in wormio's container",
        lambda found: has_format(found, FORMAT),
        overwrite=overwrite,
    )


def _refuse_described(path: str | os.PathLike[str]) -> None:
    """Raise if what a file says of the original would be said of the output once more."""
    config = find_config(Probe(path))
    if config is not None:
        raise OptionError(
            "a file that is there already would describe the output, too",
            found=str(config.path),
            path=path,
            cure="name the output NAME.wormio.h5; or let that file name its data: data = ...",
        )


def _refuse_input(target: Path, arguments: Any, path: str | os.PathLike[str]) -> None:
    given = Path(os.path.realpath(arguments["path"]))
    folder = given if given.is_dir() else given.parent
    own = {given, *(Path(os.path.realpath(folder / part)) for part in arguments.get("parts", ()))}
    same = target in own or (
        target.exists() and any(p.exists() and p.samefile(target) for p in own)
    )
    if same or any(p.is_dir() and target.is_relative_to(p) for p in own):
        raise OutputExistsError(
            "the output would lie among the files of the recording itself",
            found=f"the recording {given}",
            path=path,
            cure="choose another name, outside of the recording's folder",
        )


def _put_signature(file: h5py.File) -> None:
    # First of all, and of fixed length: so they lie in the first bytes, where `wormio.open` looks.
    import wormio

    file.attrs["format"] = np.bytes_(FORMAT.encode())
    file.attrs["schema_version"] = np.int64(SCHEMA_VERSION)
    file.attrs["wormio"] = np.bytes_(wormio.__version__.encode())


def _create(file: h5py.File, recording: Recording, compression: str | None) -> h5py.Dataset:
    """Create the dataset of pixels."""
    import h5py

    frames = recording.frames
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    if compression is None:
        # In one piece whose place is known, although images may be missing in it.
        properties.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    elif 0 not in frames.shape:
        properties.set_chunk((1, 1, *frames.shape[2:]))
        properties.set_shuffle()
        properties.set_deflate(4)
        properties.set_fletcher32()
    space = h5py.h5s.create_simple(frames.shape)
    kind = h5py.h5t.py_create(frames.dtype, logical=True)
    h5py.h5d.create(file.id, FRAMES.encode(), kind, space, properties)
    return file[FRAMES]


def _images(recording: Recording) -> Iterator[list[tuple[int, Any]]]:
    """Read frame by frame the images that were saved, each with its channel."""
    for frame, stored in enumerate(recording.timeline.stored):
        if (stored >= 0).all():
            yield list(enumerate(recording.frames[frame]))
        else:
            yield [(int(c), recording.frames[frame, int(c)]) for c in np.flatnonzero(stored >= 0)]
