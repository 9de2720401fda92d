"""From the bytes of a chunk to its pixels, in the thread that asks, in bounded memory.

zarr itself decodes on an event loop in a thread of its own, which a forked child does not have, and
lets a compressed chunk become as large as it claims. So its codecs are called here, one by one:
what each makes is limited by what the array's metadata say.
"""

from __future__ import annotations

import bz2
import lzma
import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray
from wormio.errors import (
    CorruptRecordingError,
    TruncatedRecordingError,
    UnsupportedCapabilityError,
)

__all__ = ["Chain", "Config", "bytes_decoder", "chain_2", "chain_3", "checked_crc32c", "codecs_of"]

Config = Mapping[str, Any]
Buffer = Any
Decoder = Callable[[Buffer, int], Buffer]
"""``decode(data, limit)``: at most `limit` bytes, else an exception."""

_SPARE = 64 << 10
# Codecs of numcodecs that change values, not only their coding; none of them runs code of the file.
_FILTERS = ("delta", "fixedscaleoffset", "quantize", "bitround", "astype")
_CHECKSUMS = ("crc32", "crc32c", "adler32", "fletcher32", "jenkins_lookup3")


class _TooLargeError(ValueError):
    """A chunk decodes to more than its array allows."""

    def __init__(self, found: object, limit: int) -> None:
        super().__init__(f"it decodes to {found} bytes, and there should be at most {limit}")


class _EndedError(ValueError):
    """A compressed chunk ends too early."""


@attrs.frozen(kw_only=True)
class Chain:
    """How the chunks of an array are coded.

    Parameters
    ----------
    shape : tuple of int
        Of a decoded chunk.
    dtype : numpy.dtype
        As the bytes are, of any byte order.
    bytes_to_bytes : tuple of callable
        In the order of decoding.
    filters : tuple
        Codecs of numcodecs, in the order of decoding.
    fortran : bool
        Whether the first dimension varies fastest.
    turn : tuple of int, optional
        Order of the dimensions as they lie there; the inverse is applied.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    bytes_to_bytes: tuple[Decoder, ...] = ()
    filters: tuple[Any, ...] = ()
    fortran: bool = False
    turn: tuple[int, ...] | None = None

    @property
    def n_bytes(self) -> int:
        """Of a decoded chunk."""
        return math.prod(self.shape) * self.dtype.itemsize

    def strides(self) -> tuple[int, ...] | None:
        """Return the bytes from index to index of each dimension; None if it is coded."""
        if self.bytes_to_bytes or self.filters:
            return None
        axes = list(range(len(self.shape))) if self.turn is None else list(self.turn)
        strides, size = [0] * len(axes), self.dtype.itemsize
        for axis in axes if self.fortran else reversed(axes):
            strides[axis] = size
            size *= self.shape[axis]
        return tuple(strides)

    def decode(self, data: bytes, path: Path) -> NDArray[Any]:
        """Decode one chunk.

        Raises
        ------
        CorruptRecordingError, TruncatedRecordingError
            It cannot be, or gives something else than a chunk of the array.
        """
        found: Buffer = data
        try:
            for number, decode in enumerate(self.bytes_to_bytes, 1):
                last = number == len(self.bytes_to_bytes) and not self.filters
                found = decode(found, self.n_bytes if last else 8 * self.n_bytes + _SPARE)
            for codec in self.filters:
                found = codec.decode(np.ascontiguousarray(found).view("u1"))
        except (_EndedError, _TooLargeError) as error:
            kind = (
                TruncatedRecordingError if isinstance(error, _EndedError) else CorruptRecordingError
            )
            raise kind(f"the chunk is damaged: {error}", path=path) from error
        flat = np.frombuffer(found, np.uint8) if isinstance(found, bytes) else found
        flat = np.ascontiguousarray(flat).reshape(-1).view(np.uint8)
        if flat.nbytes != self.n_bytes:
            kind = TruncatedRecordingError if flat.nbytes < self.n_bytes else CorruptRecordingError
            raise kind(
                "the chunk has another size than the array's metadata say",
                expected=f"{self.n_bytes} bytes, {self.dtype} of shape {self.shape}",
                found=f"{flat.nbytes} bytes",
                path=path,
            )
        values = flat.view(self.dtype)
        if self.turn is not None:
            lying = [self.shape[axis] for axis in self.turn]
            return values.reshape(lying).transpose(np.argsort(self.turn))
        return values.reshape(self.shape, order="F" if self.fortran else "C")


def chain_2(array: Config, shape: tuple[int, ...], dtype: np.dtype[Any], path: Path) -> Chain:
    """Return how the chunks of an array of Zarr 2 are coded.

    Raises
    ------
    UnsupportedCapabilityError
        By a codec that is not known here.
    """
    compressor, order = array.get("compressor"), array.get("order", "C")
    if order not in {"C", "F"}:
        raise CorruptRecordingError("order is neither C nor F", found=repr(order), path=path)
    filters: list[Any] = []
    as_bytes: list[Decoder] = []
    for config in reversed(codecs_of(array.get("filters") or [], "id", path)):
        if config["id"] in _FILTERS:
            filters.append(_codec(config, path))
        elif not filters:
            as_bytes.append(bytes_decoder(config["id"], config, path))
        else:
            raise _unknown(f"{config['id']} before {filters[-1].codec_id}", path)
    first = []
    if compressor is not None:
        config = codecs_of([compressor], "id", path)[0]
        first.append(bytes_decoder(config["id"], config, path))
    return Chain(
        shape=shape,
        dtype=dtype,
        bytes_to_bytes=(*first, *as_bytes),
        filters=tuple(filters),
        fortran=order == "F",
    )


def chain_3(
    codecs: Sequence[Config], shape: tuple[int, ...], dtype: np.dtype[Any], path: Path
) -> Chain:
    """Return how the chunks of an array of Zarr 3 are coded; sharding is no matter of this.

    Raises
    ------
    UnsupportedCapabilityError
        By a codec that is not known here.
    """
    rest = list(codecs)
    turn = tuple(range(len(shape)))
    while rest and rest[0]["name"] == "transpose":
        order = _settings(rest.pop(0)).get("order")
        if not isinstance(order, list) or sorted(order) != list(range(len(shape))):
            raise CorruptRecordingError(
                "the transpose codec has no permutation", found=repr(order)[:200], path=path
            )
        turn = tuple(turn[axis] for axis in order)
    if not rest or rest[0]["name"] not in {"bytes", "endian"}:
        raise _unknown(rest[0]["name"] if rest else "no codec at all", path)
    endian = _settings(rest.pop(0)).get("endian")
    if endian not in {"little", "big"} and (endian is not None or dtype.itemsize > 1):
        raise CorruptRecordingError(
            "the bytes codec has no byte order",
            expected="little or big",
            found=repr(endian)[:200],
            path=path,
        )
    steps = tuple(bytes_decoder(one["name"], _settings(one), path) for one in reversed(rest))
    return Chain(
        shape=shape,
        dtype=dtype.newbyteorder(">" if endian == "big" else "<"),
        bytes_to_bytes=steps,
        turn=None if turn == tuple(range(len(shape))) else turn,
    )


def codecs_of(listed: object, name: str, path: Path) -> list[Config]:
    """Return a list of codecs, if it is one.

    Raises
    ------
    CorruptRecordingError
    """
    if not isinstance(listed, list) or not all(
        isinstance(one, Mapping) and isinstance(one.get(name), str) for one in listed
    ):
        raise CorruptRecordingError("the codecs are none", found=repr(listed)[:200], path=path)
    return listed


def bytes_decoder(name: str, config: Config, path: Path) -> Decoder:
    """Return the function that undoes a codec from bytes to bytes.

    Raises
    ------
    UnsupportedCapabilityError
        It is not known here.
    """
    plain = name.removeprefix("numcodecs.")
    if name == "crc32c":
        return _crc32c
    if plain in {"blosc", "zstd", "lz4"}:
        return {"blosc": _blosc, "zstd": _zstd, "lz4": _lz4}[plain]
    if plain in {"gzip", "zlib"}:
        return partial(_inflate, 31 if plain == "gzip" else 15)
    if plain == "bz2":
        return partial(_stream, bz2.BZ2Decompressor)
    if plain == "lzma":
        return partial(_stream, partial(_lzma, config))
    if plain == "shuffle" or plain in _CHECKSUMS:
        codec = _codec({**config, "id": plain}, path)
        return lambda data, _limit: codec.decode(data)
    raise _unknown(name, path)


def checked_crc32c(data: bytes) -> bytes:
    """Return data without the checksum at their end.

    Raises
    ------
    ValueError
        It does not fit.
    """
    import google_crc32c

    content, said = data[:-4], data[-4:]
    if google_crc32c.value(content).to_bytes(4, "little") != said:
        raise ValueError("its CRC32C checksum is another")
    return content


def _settings(codec: Config) -> Config:
    found = codec.get("configuration", {})
    return found if isinstance(found, Mapping) else {}


def _codec(config: Config, path: Path) -> Any:
    """Make a codec of numcodecs whose name has been approved."""
    import numcodecs  # type: ignore[import-untyped]

    try:
        return numcodecs.get_codec(dict(config))
    except ImportError as error:
        raise _unknown(f"{config['id']} ({error})", path) from error


def _unknown(what: str, path: Path) -> UnsupportedCapabilityError:
    known = ["blosc", "zstd", "lz4", "gzip", "zlib", "bz2", "lzma", "shuffle"]
    return UnsupportedCapabilityError(
        f"the chunks are coded in a way that wormio-zarr does not know: {what[:100]}",
        expected=f"one of {', '.join((*known, *_CHECKSUMS, *_FILTERS))}, transpose, sharding",
        path=path,
        cure="write the store again with one of these",
    )


def _crc32c(data: Buffer, _limit: int) -> bytes:
    return checked_crc32c(bytes(data))


def _blosc(data: Buffer, limit: int) -> Buffer:
    from numcodecs import blosc

    head = bytes(data[:16])
    if len(head) < 16:
        raise _EndedError(f"it has {len(head)} bytes")
    size, stored = (int.from_bytes(head[at : at + 4], "little") for at in (4, 12))
    if size > limit:
        raise _TooLargeError(size, limit)
    if stored > len(data):
        raise _EndedError(f"{stored} bytes should be there, {len(data)} are")
    return blosc.decompress(data)


def _zstd(data: Buffer, limit: int) -> Buffer:
    from numcodecs import zstd

    size = _zstd_size(bytes(data[:18]))
    if size is None:
        # A stream that does not say how long it gets: it fits into the chunk, or fails.
        return zstd.decompress(data, np.empty(limit, np.uint8))
    if size > limit:
        raise _TooLargeError(size, limit)
    return zstd.decompress(data)


def _zstd_size(head: bytes) -> int | None:
    """Return the size that the header of a frame tells; None if it tells none (RFC 8878, 3.1.1)."""
    if len(head) < 6:
        raise _EndedError(f"it has {len(head)} bytes")
    if head[:4] != b"\x28\xb5\x2f\xfd":
        raise ValueError("it does not begin as Zstandard")
    single, told = bool(head[4] & 0x20), head[4] >> 6
    length = (1 if single else 0, 2, 4, 8)[told]
    at = 5 + (not single) + (0, 1, 2, 4)[head[4] & 3]
    if not length:
        return None
    return int.from_bytes(head[at : at + length], "little") + (256 if told == 1 else 0)


def _lz4(data: Buffer, limit: int) -> Buffer:
    from numcodecs import lz4

    head = bytes(data[:4])
    if len(head) < 4:
        raise _EndedError(f"it has {len(head)} bytes")
    size = int.from_bytes(head, "little")
    if size > limit:
        raise _TooLargeError(size, limit)
    return lz4.decompress(data)


def _inflate(window: int, data: Buffer, limit: int) -> bytes:
    rest, found = bytes(data), b""
    while True:
        stream = zlib.decompressobj(window)
        found += stream.decompress(rest, limit + 1 - len(found))
        if len(found) > limit:
            raise _TooLargeError(f"more than {limit}", limit)
        if not stream.eof:
            raise _EndedError("its last bytes are missing")
        rest = stream.unused_data.lstrip(b"\0")
        if not rest:
            return found


def _stream(make: Callable[[], Any], data: Buffer, limit: int) -> bytes:
    stream = make()
    found: bytes = stream.decompress(bytes(data), limit + 1)
    if len(found) > limit:
        raise _TooLargeError(f"more than {limit}", limit)
    if not stream.eof:
        raise _EndedError("its last bytes are missing")
    return found


def _lzma(config: Config) -> lzma.LZMADecompressor:
    form = config.get("format", lzma.FORMAT_XZ)
    if form == lzma.FORMAT_RAW:
        return lzma.LZMADecompressor(form, filters=config.get("filters"))
    return lzma.LZMADecompressor(form, memlimit=1 << 30)
