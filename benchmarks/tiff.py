"""TIFF: opening, single frames, compressed frames."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import tifffile

import wormio
from benchmarks.contest import Contenders, Contest

__all__ = ["CONTESTS"]


@contextmanager
def _opening(folder: Path) -> Iterator[Contenders]:
    path = folder / "pages.ome.tif"
    pixels = np.zeros((20_000, 8, 8), np.uint16)
    # Compressed pages cannot be taken for one run: each directory has to be read.
    tifffile.imwrite(path, pixels, ome=True, metadata={"axes": "TYX"}, compression="zlib")

    def with_wormio() -> object:
        with wormio.open(path) as recording:
            return len(recording.frames)

    def with_tifffile() -> object:
        with tifffile.TiffFile(path) as tif:
            return tif.series[0].shape[0]

    yield {"wormio": with_wormio, "tifffile": with_tifffile}


@contextmanager
def _single_frames(folder: Path) -> Iterator[Contenders]:
    path = folder / "sparse.tif"
    n_pages, height, width = 2000, 512, 1024
    with tifffile.TiffWriter(path, bigtiff=True) as writer:
        # Without data tifffile only makes room: the file is sparse, its pixels are zeros.
        writer.write(
            shape=(n_pages, height, width), dtype=np.uint16, data=None, photometric="minisblack"
        )
    dice = random.Random(1)  # noqa: S311 (any order will do)
    wanted = [dice.randrange(n_pages) for _ in range(50)]
    with ExitStack() as stack:
        recording = stack.enter_context(wormio.open(path, axes="TYX"))
        tif = stack.enter_context(tifffile.TiffFile(path))
        pages = list(tif.pages)  # read before the time counts, as wormio has read its own
        offset = pages[0].dataoffsets[0]
        mapped = np.memmap(path, np.uint16, "r", offset, (n_pages, height, width))
        yield {
            "wormio": lambda: sum(int(recording.frames[k, 0].sum()) for k in wanted),
            "tifffile page.asarray": lambda: sum(int(pages[k].asarray().sum()) for k in wanted),
            "numpy.memmap": lambda: sum(int(np.array(mapped[k]).sum()) for k in wanted),
        }


@contextmanager
def _compressed(folder: Path) -> Iterator[Contenders]:
    path = folder / "compressed.ome.tif"
    noise = np.random.default_rng(2).poisson(20, (64, 512, 1024)).astype(np.uint16)
    tifffile.imwrite(path, noise, ome=True, metadata={"axes": "TYX"}, compression="zlib")
    n = len(noise)
    with ExitStack() as stack:
        recording = stack.enter_context(wormio.open(path))
        tif = stack.enter_context(tifffile.TiffFile(path))
        pages = list(tif.pages)
        pool = stack.enter_context(ThreadPoolExecutor(2))

        def by_wormio(k: int) -> int:
            return int(recording.frames[k, 0].sum())

        yield {
            "wormio": lambda: [by_wormio(k) for k in range(n)],
            "wormio, 2 threads": lambda: list(pool.map(by_wormio, range(n))),
            # Its lazy pages must not be shared by threads: one thread only.
            "tifffile page.asarray": lambda: [
                int(page.asarray(maxworkers=1).sum()) for page in pages
            ],
        }


CONTESTS = (
    Contest("tiff-open", "opening a compressed OME-TIFF of 20,000 pages", _opening),
    Contest("tiff-frame", "50 single frames of an uncompressed BigTIFF of 2 GB", _single_frames),
    Contest("tiff-zlib", "64 zlib-compressed frames in order", _compressed),
)
