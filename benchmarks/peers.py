"""Volumes of a TIFF stack, the way that others document; and extraction from compressed ones."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import tifffile

import wormio
from benchmarks.contest import Contenders, Contest, Goal
from wormio.model import Positions

__all__ = ["CONTESTS"]

_SHAPE = (20, 33, 2, 256, 256)  # time, z, channel, y, x
_AXES = {"axes": "TZCYX", "TimeIncrement": 0.2, "TimeIncrementUnit": "s"}


def _stack(folder: Path, *, compressed: bool) -> Path:
    path = folder / "stack.ome.tif"
    n_volumes = 18 if compressed else _SHAPE[0]
    pixels = np.random.default_rng(8).poisson(30, (n_volumes, *_SHAPE[1:])).astype(np.uint16)
    options = {"compression": "zlib"} if compressed else {}
    tifffile.imwrite(path, pixels, ome=True, metadata=_AXES, photometric="minisblack", **options)
    return path


def _wormio(path: Path, volumes: range) -> int:
    with wormio.open(path) as recording:
        return sum(int(recording.volume(v)[0, 0, 0, 0]) for v in volumes)


def _tifffile(path: Path, volumes: range) -> int:
    pages = _SHAPE[1] * _SHAPE[2]
    with tifffile.TiffFile(path) as tif:
        return sum(
            int(tif.asarray(key=range(v * pages, (v + 1) * pages))[0, 0, 0]) for v in volumes
        )


def _bioio(path: Path, volumes: range) -> int:
    from bioio import BioImage

    logging.getLogger("bioio").setLevel(logging.ERROR)  # it would rather have another plugin
    image = BioImage(path)
    return sum(int(image.get_image_dask_data("ZCYX", T=v).compute()[0, 0, 0, 0]) for v in volumes)


def _roiextractors(path: Path, volumes: range) -> int:
    from roiextractors import MultiTIFFMultiPageExtractor

    # One channel at a time is how it sees a stack: both have to be read for a volume.
    total = 0
    for channel in ("0", "1"):
        extractor = MultiTIFFMultiPageExtractor(
            file_paths=[path],
            sampling_frequency=5.0,
            dimension_order="CZT",
            num_channels=2,
            channel_name=channel,
            num_planes=_SHAPE[1],
        )
        for v in volumes:
            first = extractor.get_series(start_sample=v, end_sample=v + 1).ravel()[0]
            total += int(first) if channel == "0" else 0
    return total


_PEERS: dict[str, Callable[[Path, range], int]] = {
    "wormio": _wormio,
    "tifffile": _tifffile,
    "bioio": _bioio,
    "roiextractors": _roiextractors,
}


@contextmanager
def _volumes(folder: Path, volumes: range) -> Iterator[Contenders]:
    path = _stack(folder, compressed=False)
    yield {
        name: partial(read, path, volumes)
        for name, read in _PEERS.items()
        if importlib.util.find_spec(name) is not None
    }


@contextmanager
def _threads(folder: Path) -> Iterator[Contenders]:
    path = _stack(folder, compressed=True)
    rng = np.random.default_rng(9)
    where = Positions.static(rng.uniform([1, 5, 5], [31, 250, 250], (180, 3)), z_unit="frame")

    def extract(threads: int) -> object:
        # Opened each time: what was decoded before is kept by the recording.
        with ThreadPoolExecutor(threads) as pool, wormio.open(path) as recording:
            signals = wormio.extract(recording, where, executor=pool)
            return np.stack([signal.data for signal in signals.values()])

    yield {"two threads": lambda: extract(2), "one thread": lambda: extract(1)}


CONTESTS = (
    Contest(
        "peers-one",
        "opening an OME-TIFF of 20 volumes and reading one",
        partial(_volumes, volumes=range(13, 14)),
    ),
    Contest("peers-all", "opening it and reading all", partial(_volumes, volumes=range(20))),
    Contest(
        "threads",
        "extracting 180 neurons from a zlib-compressed OME-TIFF",
        _threads,
        goals={"one thread": Goal("at least", 1.5)},
    ),
)
