"""The metadata of an array, of Zarr 2 and 3, as one thing."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray
from wormio.errors import CorruptRecordingError, UnsupportedCapabilityError

from wormio_zarr.coding import Chain, Config, chain_2, chain_3, codecs_of
from wormio_zarr.nodes import Node
from wormio_zarr.stores import MAX_CHUNK

__all__ = ["ArrayMetadata", "Shards", "chunk_index", "read_metadata"]

_TYPES = tuple(
    f"{kind}{bits}"
    for kind, widths in {
        "uint": (8, 16, 32, 64),
        "int": (8, 16, 32, 64),
        "float": (16, 32, 64),
    }.items()
    for bits in widths
)
_KNOWN_3 = {
    "zarr_format",
    "node_type",
    "shape",
    "data_type",
    "chunk_grid",
    "chunk_key_encoding",
    "fill_value",
    "codecs",
    "attributes",
    "storage_transformers",
    "dimension_names",
    "consolidated_metadata",
}


@attrs.frozen(kw_only=True)
class Shards:
    """How several chunks lie in one file.

    Parameters
    ----------
    counts : tuple of int
        Chunks of a shard along each dimension.
    index : Chain
        How the table of offsets and sizes is coded, (..., 2) uint64.
    index_bytes : int
    at_end : bool
        Whether the index lies at the end of the file.
    """

    counts: tuple[int, ...]
    index: Chain
    index_bytes: int
    at_end: bool


@attrs.frozen(kw_only=True)
class ArrayMetadata:
    """What an array is.

    Parameters
    ----------
    shape : tuple of int
    dtype : numpy.dtype
    inner : tuple of int
        What is decoded at once: a chunk, of a shard if there are shards.
    grid : tuple of int
        Number of files along each dimension.
    chain : Chain
        How a chunk is coded.
    shards : Shards, optional
    prefix, separator : str
        Of the names of chunks: prefix, then the indices, between them the separator.
    fill : (), optional
        Value of chunks that are not there.
    names : tuple of str, optional
        Of the dimensions, as Zarr 3 or xarray have them.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    inner: tuple[int, ...]
    grid: tuple[int, ...]
    chain: Chain
    shards: Shards | None
    prefix: str
    separator: str
    fill: NDArray[Any] | None
    names: tuple[str, ...] | None

    def chunk_key(self, place: tuple[int, ...]) -> str:
        """Return the name of a chunk's file, inside the array."""
        return self.separator.join((*([self.prefix] if self.prefix else []), *map(str, place)))

    def place_of(self, name: str) -> tuple[int, ...] | None:
        """Return the indices that a name in the array's folder stands for, if they are some."""
        words = name.split(self.separator)
        if self.prefix:
            if words[0] != self.prefix:
                return None
            words = words[1:]
        if len(words) != len(self.grid):
            return None
        place = [chunk_index(word, n) for word, n in zip(words, self.grid, strict=True)]
        return None if None in place else tuple(index for index in place if index is not None)


def chunk_index(name: str, limit: int) -> int | None:
    """Return the index that a name is, if it is one below `limit`."""
    if not re.fullmatch(r"0|[1-9][0-9]{0,17}", name):
        return None
    return int(name) if int(name) < limit else None


def read_metadata(node: Node, path: Path) -> ArrayMetadata:
    """Make sense of an array's metadata.

    Raises
    ------
    CorruptRecordingError
        They contradict themselves or the standard.
    UnsupportedCapabilityError
        They use something that is not known here.
    """
    array = node.array or {}
    shape = _lengths(array.get("shape"), "shape", path, least=0)
    if not shape:
        raise _unsupported("the array", "no dimensions", "at least one", path)
    return (_read_2 if node.version == 2 else _read_3)(array, shape, node, path)


def _read_2(array: Config, shape: tuple[int, ...], node: Node, path: Path) -> ArrayMetadata:
    dtype = _dtype(array.get("dtype"), path)
    chunks = _lengths(array.get("chunks"), "chunks", path, least=1, like=shape)
    separator = array.get("dimension_separator", ".")
    if separator not in {".", "/"}:
        raise CorruptRecordingError(
            "dimension_separator is neither . nor /", found=repr(separator)[:200], path=path
        )
    _require_small(chunks, dtype, path)
    names = node.attributes.get("_ARRAY_DIMENSIONS")  # xarray's
    return ArrayMetadata(
        shape=shape,
        dtype=dtype,
        inner=chunks,
        grid=_counts(shape, chunks),
        chain=chain_2(array, chunks, dtype, path),
        shards=None,
        prefix="",
        separator=separator,
        fill=_fill(array.get("fill_value"), dtype, path),
        names=_names(names, shape),
    )


def _read_3(array: Config, shape: tuple[int, ...], _node: Node, path: Path) -> ArrayMetadata:
    _refuse_unknown(array, path)
    name = array.get("data_type")
    if name not in _TYPES:
        raise _unsupported("the type of the pixels", name, ", ".join(_TYPES), path)
    dtype = np.dtype(name)
    grid = _named(array, "chunk_grid", path)
    if grid["name"] != "regular":
        raise _unsupported("the grid of chunks", grid["name"], "regular", path)
    outer = _lengths(
        grid["configuration"].get("chunk_shape"), "chunk_shape", path, least=1, like=shape
    )
    keys = _named(array, "chunk_key_encoding", path)
    if keys["name"] not in {"default", "v2"}:
        raise _unsupported("the names of chunks", keys["name"], "default or v2", path)
    separator = keys["configuration"].get("separator", "/" if keys["name"] == "default" else ".")
    if separator not in {".", "/"}:
        raise CorruptRecordingError(
            "separator is neither . nor /", found=repr(separator)[:200], path=path
        )
    codecs = codecs_of(array.get("codecs"), "name", path)
    inner, shards = outer, None
    if any(codec["name"] == "sharding_indexed" for codec in codecs):
        inner, shards, codecs = _sharding(codecs, outer, path)
    _require_small(inner, dtype, path)
    return ArrayMetadata(
        shape=shape,
        dtype=dtype,
        inner=inner,
        grid=_counts(shape, outer),
        chain=chain_3(codecs, inner, dtype, path),
        shards=shards,
        prefix="c" if keys["name"] == "default" else "",
        separator=separator,
        fill=_fill(array.get("fill_value"), dtype, path),
        names=_names(array.get("dimension_names"), shape),
    )


def _sharding(
    codecs: list[Config], outer: tuple[int, ...], path: Path
) -> tuple[tuple[int, ...], Shards, list[Config]]:
    """Return the shape of the inner chunks, where they lie, and their own codecs."""
    if len(codecs) != 1:
        listed = ", ".join(codec["name"] for codec in codecs)
        raise _unsupported("sharding", f"among other codecs: {listed}", "alone", path)
    found = codecs[0].get("configuration")
    settings: Mapping[str, Any] = found if isinstance(found, Mapping) else {}
    inner = _lengths(settings.get("chunk_shape"), "chunk_shape of shards", path, 1, outer)
    if any(n % m for n, m in zip(outer, inner, strict=True)):
        raise CorruptRecordingError(
            "the chunks do not fill the shards",
            expected=f"parts of {outer}",
            found=str(inner),
            path=path,
        )
    location = settings.get("index_location", "end")
    if location not in {"start", "end"}:
        raise CorruptRecordingError(
            "index_location is neither start nor end", found=repr(location)[:200], path=path
        )
    own = codecs_of(settings.get("codecs"), "name", path)
    if any(codec["name"] == "sharding_indexed" for codec in own):
        raise _unsupported("shards", "shards in shards", "chunks in shards", path)
    coding = codecs_of(settings.get("index_codecs"), "name", path)
    names = [codec["name"] for codec in coding]
    if names not in (["bytes"], ["bytes", "crc32c"]):
        raise _unsupported("the index of shards", ", ".join(names), "bytes, crc32c", path)
    counts = _counts(outer, inner)
    index = chain_3(coding, (*counts, 2), np.dtype("u8"), path)
    _require_small((*counts, 2), np.dtype("u8"), path)
    shards = Shards(
        counts=counts,
        index=index,
        index_bytes=index.n_bytes + 4 * (len(coding) - 1),
        at_end=location == "end",
    )
    return inner, shards, own


def _refuse_unknown(array: Config, path: Path) -> None:
    transformers = array.get("storage_transformers")
    if transformers:
        raise _unsupported("the storage", repr(transformers)[:100], "no storage transformers", path)
    for name in sorted(set(array) - _KNOWN_3):
        value = array[name]
        if not (isinstance(value, Mapping) and value.get("must_understand") is False):
            raise _unsupported("the array", f"an extension: {name[:100]}", "none", path)


def _unsupported(what: str, found: object, expected: str, path: Path) -> UnsupportedCapabilityError:
    return UnsupportedCapabilityError(
        f"{what} cannot be read by this version of wormio-zarr",
        expected=expected,
        found=f"{found}"[:200],
        path=path,
        cure="write the store again without it",
    )


def _named(array: Config, name: str, path: Path) -> dict[str, Any]:
    """Return an extension point: name and configuration, also where it is a name alone."""
    found = array.get(name)
    if isinstance(found, str):
        found = {"name": found}
    if not isinstance(found, Mapping) or not isinstance(found.get("name"), str):
        raise CorruptRecordingError(f"{name} has no name", found=repr(found)[:200], path=path)
    settings = found.get("configuration", {})
    return {
        "name": found["name"],
        "configuration": settings if isinstance(settings, Mapping) else {},
    }


def _lengths(
    found: object, what: str, path: Path, least: int = 0, like: tuple[int, ...] | None = None
) -> tuple[int, ...]:
    fits = isinstance(found, list) and all(
        isinstance(n, int) and not isinstance(n, bool) and least <= n < 2**62 for n in found
    )
    if not isinstance(found, list) or not fits or (like is not None and len(found) != len(like)):
        raise CorruptRecordingError(
            f"{what} of the array is impossible",
            expected="whole numbers" if like is None else f"{len(like)} whole numbers above 0",
            found=repr(found)[:200],
            path=path,
        )
    return tuple(found)


def _counts(shape: tuple[int, ...], chunks: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(-(-n // c) for n, c in zip(shape, chunks, strict=True))


def _require_small(chunks: tuple[int, ...], dtype: np.dtype[Any], path: Path) -> None:
    size = math.prod(chunks) * dtype.itemsize
    if size > MAX_CHUNK:
        raise UnsupportedCapabilityError(
            "the chunks of the array are too large to be decoded",
            expected=f"at most {MAX_CHUNK} bytes each",
            found=f"{size} bytes, of shape {chunks}",
            path=path,
            cure="write the store again with smaller chunks",
        )


def _dtype(found: object, path: Path) -> np.dtype[Any]:
    if isinstance(found, str) and re.fullmatch(r"[<>|=][iuf][1248]", found):
        dtype = np.dtype(found)
        if dtype.name in _TYPES:
            return dtype
    raise _unsupported("the type of the pixels", repr(found)[:100], ", ".join(_TYPES), path)


def _fill(found: object, dtype: np.dtype[Any], path: Path) -> NDArray[Any] | None:
    """Return the fill value; None if the array has none."""
    native = dtype.newbyteorder("=")
    if found is None:
        return None
    special = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
    is_float = native.kind == "f"
    if is_float and isinstance(found, str) and re.fullmatch(r"0x[0-9a-fA-F]+", found):
        bits = int(found, 16)
        if bits < 256**native.itemsize:
            return np.array(bits, f"u{native.itemsize}").view(native)
    elif is_float and isinstance(found, str) and found in special:
        return np.array(special[found], native)
    elif isinstance(found, (int, float)) and not isinstance(found, bool):
        if is_float:
            return np.array(found, native)
        bounds = np.iinfo(native)
        if found == int(found) and bounds.min <= found <= bounds.max:
            return np.array(int(found), native)
    raise CorruptRecordingError(
        "the fill value is none of this type",
        expected=f"a value of {native}",
        found=repr(found)[:200],
        path=path,
    )


def _names(found: object, shape: tuple[int, ...]) -> tuple[str, ...] | None:
    if not isinstance(found, list) or len(found) != len(shape):
        return None
    return tuple(name if isinstance(name, str) else "" for name in found)
