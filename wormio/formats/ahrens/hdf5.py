"""Volumes in ``.h5`` files, one dataset a file."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import CorruptRecordingError, OptionError, TruncatedRecordingError
from wormio.formats.ahrens.options import AhrensOptions
from wormio.formats.ahrens.volumes import VolumeFiles
from wormio.model import LazyFrames, frames_from_reader
from wormio.storage.foreign_hdf5 import ForeignReader, dataset, has, open_foreign, written_rows

__all__ = ["VolumeDataset", "hdf5_frames", "look"]

_OPEN_FILES = 16
_AXES = 3


@attrs.frozen(kw_only=True)
class VolumeDataset:
    """The dataset of a volume file: its name, shape (Z, Y, X) and type."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


def look(path: Path, options: AhrensOptions) -> VolumeDataset:
    """Look at a file without reading pixels.

    Raises
    ------
    OptionError
        It holds several datasets of 3 dimensions, or not the one that was asked for.
    RecordingError
        It is damaged, or refers to other files.
    """
    with open_foreign(path) as file:
        name = _name(file, path, options)
        source = dataset(file, name, folder=path.parent, trust=options.trust)
        if source.ndim != _AXES or source.dtype.kind not in "uif":
            raise CorruptRecordingError(
                f"{name} is no volume",
                expected="numbers, in 3 dimensions",
                found=f"shape {source.shape}, {source.dtype}",
                path=path,
            )
        if not written_rows(source).all():
            raise TruncatedRecordingError(
                "the volume was not written to its end",
                expected=f"{source.shape[0]} planes",
                found=f"{int(written_rows(source).sum())}",
                path=path,
            )
        return VolumeDataset(name=name, shape=source.shape, dtype=source.dtype.newbyteorder("="))


def _name(file: Any, path: Path, options: AhrensOptions) -> str:
    import h5py

    if options.dataset is not None:
        if not has(file, options.dataset):
            raise OptionError(
                f"the file has no dataset {options.dataset!r}",
                expected=f"dataset=, one of {list(file)[:20]}",
                path=path,
            )
        return options.dataset
    found = [
        name
        for name in file
        if isinstance(file.get(name, getlink=True), h5py.HardLink)
        and isinstance(file[name], h5py.Dataset)
        and file[name].ndim == _AXES
    ]
    if len(found) == 1:
        return str(found[0])
    raise OptionError(
        "the file holds several volumes: option dataset is missing"
        if found
        else "the file holds no dataset of 3 dimensions at its root: option dataset is missing",
        expected="dataset=, the name of the volume in each file",
        found=", ".join(found or list(file)[:20]),
        path=path,
        cure=f"for example dataset={(found or ['group/volume'])[0]!r}",
    )


def hdf5_frames(volumes: VolumeFiles, like: VolumeDataset, options: AhrensOptions) -> LazyFrames:
    """Make frames (T * Z, C, Y, X); each file is looked at before its first plane is read."""
    n_planes, height, width = like.shape
    readers: OrderedDict[Path, ForeignReader] = OrderedDict()

    def reader(path: Path) -> ForeignReader:
        if path in readers:
            readers.move_to_end(path)
            return readers[path]
        found = look(path, options)
        if found != like:
            raise CorruptRecordingError(
                "the volume is unlike the others",
                expected=f"{like.name} of shape {like.shape}, {like.dtype}",
                found=f"{found.name} of shape {found.shape}, {found.dtype}",
                path=path,
            )
        while len(readers) >= _OPEN_FILES:
            readers.popitem(last=False)[1].close()
        readers[path] = ForeignReader(path, trust=options.trust)
        return readers[path]

    def read_image(frame: int, channel: int) -> NDArray[Any]:
        time, plane = divmod(frame, n_planes)
        image = reader(volumes.files[time][channel]).read(like.name, plane)
        return np.asarray(image, like.dtype)

    def close() -> None:
        while readers:
            readers.popitem()[1].close()

    shape = (len(volumes.files) * n_planes, len(volumes.channels), height, width)
    return frames_from_reader(read_image, shape, like.dtype, on_close=close)
