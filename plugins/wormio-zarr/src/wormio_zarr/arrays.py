"""One array of a store: its metadata, which of its chunks are there, and reading a part of it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from wormio.errors import (
    CorruptRecordingError,
    MissingImageError,
    TruncatedRecordingError,
    UnsupportedCapabilityError,
)

from wormio_zarr.coding import Chain
from wormio_zarr.metadata import ArrayMetadata, Shards, chunk_index, read_metadata
from wormio_zarr.nodes import Node, translated
from wormio_zarr.stores import MAX_CHUNK, Store, join

__all__ = ["ZarrArray"]

Region = tuple[slice, ...]
Place = tuple[int, ...]

# A store cannot hold more chunks than it has bytes; small ones may promise some.
_ALWAYS_ALLOWED = 1 << 20
_ABSENT = np.uint64(2**64 - 1)


class ZarrArray:
    """An array whose chunks have been listed; reading is safe in several threads and after a fork.

    Parameters
    ----------
    store : Store
    node : Node
        Of the array.

    Attributes
    ----------
    about : ArrayMetadata
    written : (...) bool
        Which chunks are there, inner ones if the array is sharded.
    stored_bytes : int
        Of all files of chunks.

    Raises
    ------
    CorruptRecordingError
        The metadata contradict themselves, or promise more than the store can hold.
    UnsafeReferenceError
        A file of it is a link out of the store.
    UnsupportedCapabilityError
        It is coded in a way that is not known here.
    """

    def __init__(self, store: Store, node: Node) -> None:
        self._store, self.key = store, node.key
        self.path = store.where(node.files[0])
        with translated(self.path, "reading the metadata of the array"):
            self.about: ArrayMetadata = read_metadata(node, self.path)
        self._sizes = self._list()
        self.stored_bytes = int(self._sizes[self._sizes > 0].sum())
        self._indexes: dict[Place, NDArray[np.uint64]] = {}
        self.written: NDArray[np.bool_] = self._sizes >= 0
        if self.about.shards is not None:
            self.written = self._written_in(self.about.shards)

    def fill(self) -> NDArray[Any]:
        """Return the value of what is not in the store, as an array without dimensions.

        Raises
        ------
        MissingImageError
            The array has none.
        """
        if self.about.fill is None:
            raise MissingImageError("the array has no fill value", path=self.path)
        return self.about.fill

    def read(self, region: Region, *, absent: str = "missing") -> NDArray[Any]:
        """Read a part, one slice a dimension, into a fresh array of the native byte order.

        Parameters
        ----------
        region : tuple of slice
            With start and stop inside the array, and no step.
        absent : {"missing", "fill"}
            Whether a chunk that is not there is an error or full of the fill value.

        Raises
        ------
        MissingImageError
            A chunk is not there.
        RecordingError
            A chunk is damaged; the message names its file.
        """
        about = self.about
        out = np.empty([s.stop - s.start for s in region], about.dtype.newbyteorder("="))
        spans = [
            range(s.start // n, -(-s.stop // n)) for s, n in zip(region, about.inner, strict=True)
        ]
        for place in itertools.product(*spans):
            to, of = [], []
            for s, n, at in zip(region, about.inner, place, strict=True):
                first, stop = max(s.start, at * n), min(s.stop, (at + 1) * n)
                to.append(slice(first - s.start, stop - s.start))
                of.append(slice(first - at * n, stop - at * n))
            chunk = self._chunk(place)
            if chunk is not None:
                out[tuple(to)] = chunk[tuple(of)]
            elif absent == "fill":
                out[tuple(to)] = self.fill()
            else:
                raise MissingImageError(
                    f"chunk {self._file(self._split(place)[0])} is not in the store",
                    path=self._store.path,
                )
        return out

    def read_all(self) -> NDArray[Any]:
        """Read all of a small array, of which every chunk must be there.

        Raises
        ------
        CorruptRecordingError
            A chunk is not there, or the array is no small one.
        """
        size = math.prod(self.about.shape) * self.about.dtype.itemsize
        if size > MAX_CHUNK:
            raise CorruptRecordingError(
                "the array is impossibly large", found=f"{size} bytes", path=self.path
            )
        if not self.written.all():
            raise CorruptRecordingError(
                "a part of the array is not in the store",
                expected=f"{self.written.size} chunks",
                found=f"{int(self.written.sum())}",
                path=self.path,
                cure="copy the store again; its writer must store every chunk of this array",
            )
        return self.read(tuple(slice(0, n) for n in self.about.shape))

    def plain_strides(self) -> tuple[int, ...] | None:
        """Return the strides of an uncompressed chunk in bytes; None if they are coded.

        Raises
        ------
        TruncatedRecordingError, CorruptRecordingError
            The file of an uncompressed chunk has another size than it must have.
        """
        about = self.about
        strides = about.chain.strides()
        if strides is None or about.shards is not None or self._store.is_packed:
            return None
        wrong = np.argwhere((self._sizes >= 0) & (self._sizes != about.chain.n_bytes))
        if len(wrong):
            place = tuple(wrong[0].tolist())
            short = self._sizes[place] < about.chain.n_bytes
            raise (TruncatedRecordingError if short else CorruptRecordingError)(
                "a chunk has another size than the array's metadata say",
                expected=f"{about.chain.n_bytes} bytes",
                found=f"{self._sizes[place]} bytes",
                path=self.file(place),
            )
        return strides

    def file(self, place: Place) -> Path:
        """Return the file of a chunk or shard."""
        return self._store.where(self._file(place))

    def _chunk(self, place: Place) -> NDArray[Any] | None:
        """Decode one chunk; None if it is not there."""
        about = self.about
        outer, inner = self._split(place)
        size = int(self._sizes[outer])
        if size < 0:
            return None
        key = self._file(outer)
        offset = 0
        if about.shards is not None:
            offset, size = self._index(outer, about.shards)[inner].tolist()
            if offset == _ABSENT and size == _ABSENT:
                return None
            if offset + size > self._sizes[outer]:
                raise CorruptRecordingError(
                    "a shard says that a chunk of it lies beyond its end",
                    expected=f"a place within {self._sizes[outer]} bytes",
                    found=f"{size} bytes at {offset}",
                    path=self._store.where(key),
                )
        self._require_small(size, key)
        data = self._store.read(key, offset, size)
        return self._decode(about.chain, data, key)

    def _decode(self, chain: Chain, data: bytes, key: str) -> NDArray[Any]:
        path = self._store.where(key)
        with translated(path, "decoding a chunk"):
            return chain.decode(data, path)

    def _require_small(self, size: int, key: str) -> None:
        if size > MAX_CHUNK:
            raise UnsupportedCapabilityError(
                "a chunk is too large to be read at once",
                expected=f"at most {MAX_CHUNK} bytes",
                found=f"{size} bytes",
                path=self._store.where(key),
                cure="write the store again with smaller chunks, or with shards",
            )

    def _split(self, place: Place) -> tuple[Place, Place]:
        """Return the place of the file, and of the chunk in it."""
        shards = self.about.shards
        if shards is None:
            return place, ()
        outer = tuple(p // n for p, n in zip(place, shards.counts, strict=True))
        return outer, tuple(p % n for p, n in zip(place, shards.counts, strict=True))

    def _file(self, place: Place) -> str:
        return join(self.key, self.about.chunk_key(place))

    def _index(self, place: Place, shards: Shards) -> NDArray[np.uint64]:
        """Return offset and size of each chunk of a shard, as (..., 2)."""
        found = self._indexes.get(place)
        if found is None:
            key, size = self._file(place), int(self._sizes[place])
            length = shards.index_bytes
            if size < length:
                raise CorruptRecordingError(
                    "a shard is shorter than its index",
                    expected=f"at least {length} bytes",
                    found=f"{size} bytes",
                    path=self._store.where(key),
                )
            data = self._store.read(key, size - length if shards.at_end else 0, length)
            found = self._decode(shards.index, data, key).astype(np.uint64)
            self._indexes[place] = found
        return found

    def _written_in(self, shards: Shards) -> NDArray[np.bool_]:
        about = self.about
        written = np.zeros([n * m for n, m in zip(about.grid, shards.counts, strict=True)], bool)
        for place in zip(*np.nonzero(self._sizes >= 0), strict=True):
            outer = tuple(map(int, place))
            box = tuple(
                slice(p * n, (p + 1) * n) for p, n in zip(outer, shards.counts, strict=True)
            )
            written[box] = (self._index(outer, shards) != _ABSENT).any(axis=-1)
        return written[
            tuple(slice(0, -(-n // c)) for n, c in zip(about.shape, about.inner, strict=True))
        ]

    def _list(self) -> NDArray[np.int64]:
        """Return the bytes of the file of each chunk or shard; -1 where there is none."""
        about = self.about
        found = list(self._files())
        held = sum(size for _, size in found)
        n_files = math.prod(about.grid)
        n_inner = n_files * (1 if about.shards is None else math.prod(about.shards.counts))
        if max(n_files, n_inner) > _ALWAYS_ALLOWED + held:
            raise CorruptRecordingError(
                "the array promises more chunks than the store can hold",
                expected=f"at most one a byte of the {held} that are stored",
                found=f"{n_inner} chunks, of an array of shape {about.shape}",
                path=self.path,
            )
        sizes = np.full(about.grid, -1, np.int64)
        for place, size in found:
            sizes[place] = size
        return sizes

    def _files(self) -> Iterator[tuple[Place, int]]:
        """List the files of chunks; what has another name is none, as for any reader of Zarr."""
        about = self.about
        if about.separator == "/":
            yield from self._below(join(self.key, about.prefix) if about.prefix else self.key, ())
            return
        for entry in self._store.entries(self.key):  # all in one folder
            place = about.place_of(entry.name)
            if place is not None and not entry.is_dir:
                yield place, entry.size

    def _below(self, folder: str, place: Place) -> Iterator[tuple[Place, int]]:
        grid = self.about.grid
        deepest = len(place) == len(grid) - 1
        for entry in self._store.entries(folder, listed=bool(place)):
            index = chunk_index(entry.name, grid[len(place)])
            if index is None or entry.is_dir == deepest:
                continue
            if deepest:
                yield (*place, index), entry.size
            else:
                yield from self._below(join(folder, entry.name), (*place, index))
