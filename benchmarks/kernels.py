"""The kernel alone, on volumes in memory, beside other ways to sum the same voxels."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import scipy.ndimage
import scipy.sparse
from numpy.typing import NDArray

from benchmarks.contest import Contenders, Contest, Goal
from benchmarks.extracting import BOX, box_index, by_slicing
from benchmarks.recordings import CHANNELS, PLANES, SHAPE, neurons
from wormio.extraction import Mean
from wormio.extraction.kernels import Options, reduce
from wormio.extraction.passing import pass_points
from wormio.extraction.reading import Block

__all__ = ["CONTESTS"]

_VOLUMES = 8
_SLICING = "numpy: index arrays"
_SPARSE = "sparse product, pixels cast before"


def _by_kernel(volumes: NDArray[np.uint16], zyx: NDArray[np.float64]) -> Callable[[], Any]:
    n = len(zyx)
    block = Block.from_array(volumes.reshape(-1, CHANNELS, *SHAPE), height=SHAPE[0])
    planes = np.arange(_VOLUMES * PLANES).reshape(_VOLUMES, PLANES)
    shape = (CHANNELS, _VOLUMES, n)
    call = (
        np.broadcast_to(planes, (CHANNELS, *planes.shape)),
        np.broadcast_to(np.floor(zyx[:, 0] + 0.5).astype(np.int32), shape),
        np.broadcast_to(zyx[:, 1:], (*shape, 2)),
        BOX.table(n),
        (0.0,) * CHANNELS,
    )

    def means() -> NDArray[np.float64]:
        points = pass_points(*call, n_planes=planes.size)
        return reduce(block, points, Mean().operation, Options(boundary="exclude")).value

    return means


def _matrix(zyx: NDArray[np.float64]) -> scipy.sparse.csr_array:
    """Return one row a neuron, one column a voxel: the footprints of CaImAn and suite2p."""
    z, y, x = box_index(zyx)
    voxel = np.ravel_multi_index((z, y, x), (PLANES, *SHAPE)).reshape(len(zyx), -1)
    start = np.arange(len(zyx) + 1) * voxel.shape[1]
    ones = np.ones(voxel.size, np.float32)
    return scipy.sparse.csr_array(
        (ones, np.sort(voxel, axis=1).ravel(), start), shape=(len(zyx), PLANES * np.prod(SHAPE))
    )


def _by_product(
    matrix: scipy.sparse.csr_array, volumes: NDArray[Any]
) -> Callable[[], NDArray[np.float64]]:
    voxels = BOX.z * BOX.y * BOX.x

    def product() -> NDArray[np.float64]:
        # Sums of these counts are exact in float32; the data of a channel lie together.
        sums = [
            [matrix @ one.ravel().astype(np.float32, copy=False) for one in channels]
            for channels in volumes
        ]
        return np.asarray(sums, np.float64).transpose(1, 0, 2) / voxels

    return product


def _by_labels(volumes: NDArray[np.uint16], zyx: NDArray[np.float64]) -> Callable[[], None]:
    labels = np.zeros((PLANES, *SHAPE), np.int32)
    z, y, x = box_index(zyx)
    labels[z, y, x] = np.arange(1, len(zyx) + 1)[:, np.newaxis, np.newaxis, np.newaxis]
    index = np.arange(1, len(zyx) + 1)

    def mean() -> None:
        """Return nothing: where boxes overlap, a voxel has one label only."""
        for volume in volumes:
            for channel in range(CHANNELS):
                scipy.ndimage.mean(volume[:, channel], labels, index)

    return mean


def _by_numba(
    volumes: NDArray[np.uint16], zyx: NDArray[np.float64]
) -> Callable[[], NDArray[np.float64]]:
    import numba

    @numba.njit  # type: ignore[untyped-decorator]
    def means(volumes, centre, out):  # type: ignore[no-untyped-def]
        for c in range(out.shape[0]):
            for v in range(out.shape[1]):
                for n in range(out.shape[2]):
                    total = 0
                    for z in range(centre[n, 0] - 1, centre[n, 0] + 2):
                        for y in range(centre[n, 1] - 2, centre[n, 1] + 3):
                            for x in range(centre[n, 2] - 2, centre[n, 2] + 3):
                                total += volumes[v, z, c, y, x]
                    out[c, v, n] = total / 75

    centre = np.floor(zyx + 0.5).astype(np.int64)

    def loop() -> NDArray[np.float64]:
        out = np.empty((CHANNELS, len(volumes), len(zyx)))
        means(volumes, centre, out)
        return out

    return loop


@contextmanager
def _in_memory(folder: Path) -> Iterator[Contenders]:  # noqa: ARG001 (nothing to write)
    rng = np.random.default_rng(7)
    noise = rng.poisson(400, (PLANES, CHANNELS, *SHAPE)).astype(np.uint16)
    volumes = np.stack([np.roll(noise, 7919 * volume) for volume in range(_VOLUMES)])
    zyx = neurons(1, (5, 506)).coords[0]
    matrix = _matrix(zyx)
    by_channel = volumes.transpose(0, 2, 1, 3, 4)
    cast = by_channel.astype(np.float32, order="C")
    contenders: dict[str, Callable[[], object]] = {
        "wormio's kernel": _by_kernel(volumes, zyx),
        _SLICING: lambda: np.stack([by_slicing(volume, zyx) for volume in volumes], axis=1),
        _SPARSE: _by_product(matrix, cast),
        "sparse product and its cast": _by_product(matrix, by_channel),
        "scipy.ndimage.mean over labels": _by_labels(volumes, zyx),
    }
    if importlib.util.find_spec("numba") is not None:
        contenders["numba loop, compiled before"] = _by_numba(volumes, zyx)
    yield contenders


def _contest(name: str, where: str, *, warm: bool) -> Contest:
    return Contest(
        name,
        f"180 boxes of 3 x 5 x 5 in eight volumes of two channels, {where}",
        _in_memory,
        clock="processor",
        goals={_SLICING: Goal("at least", 8), _SPARSE: Goal("at least", 1.5)},
        warm=warm,
        tolerance=1e-12,
    )


CONTESTS = (
    _contest("kernel", "just looked at, as if just read", warm=True),
    _contest("kernel-cold", "not in the processor's cache", warm=False),
)
