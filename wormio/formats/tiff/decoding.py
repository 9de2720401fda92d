"""Decoding one strip or tile.

tifffile unpacks, undoes predictors, and calls imagecodecs for what Python cannot decompress. The
function it makes for that holds no state, so that any number of threads may call it; its pages and
files do hold some, and are let go of here. What Python can decompress is decompressed here, because
a limit has to be put to it: a megabyte of zlib can hold a gigabyte. imagecodecs, if it is there,
takes a limit too, and is three times as fast with zlib.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import UnsupportedCapabilityError
from wormio.formats.tiff.coding import Coding
from wormio.formats.tiff.page import Page
from wormio.formats.tiff.stack import TiffPart
from wormio.storage.door import translated

__all__ = ["Decoder", "make_decoder"]

Inflate = Callable[[bytes, int], bytes]

_MAX_SEGMENT = 1 << 30
_DEFLATE, _LZMA = frozenset({8, 32946, 50013}), frozenset({34925})
_ZSTD = frozenset({34926, 50000})
_JPEG = frozenset({6, 7, 33007, 34892})
_REGULAR_BITS = frozenset({8, 16, 32, 64, 128})
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


@attrs.frozen(kw_only=True)
class Decoder:
    """Decodes the strips or tiles of one coding; safe to use from several threads.

    Parameters
    ----------
    coding : Coding
    dtype : numpy.dtype
        Native.
    inflate : callable, optional
        ``inflate(data, size)`` decompresses up to so many bytes; None if there is nothing to
        decompress here.
    decode : callable
        tifffile's function for the rest.
    """

    coding: Coding
    dtype: np.dtype[Any]
    inflate: Inflate | None
    decode: Callable[..., Any]

    def segment(
        self, data: bytes, index: int, position: tuple[int, ...], tables: bytes | None
    ) -> NDArray[Any]:
        """Return the pixels (depth, rows, columns, samples) of a strip or tile.

        Parameters
        ----------
        data : bytes
            As stored.
        index : int
            Of the strip or tile in its page.
        position : tuple of int
            Of its first pixel in the page.
        tables : bytes, optional
            JPEG tables of the page.

        Raises
        ------
        Exception
            Whatever a codec raises on damaged bytes.
        """
        if self.coding.fill_order == 2 and self.coding.compression not in _JPEG:
            data = data.translate(_REVERSED)
        if self.inflate is not None:
            data = self.inflate(data, self.coding.segment_bytes)
        pixels, found, _ = self.decode(data, index, jpegtables=tables)
        if tuple(found) != position or pixels.dtype != self.dtype:
            raise ValueError(f"strip or tile {index} is {pixels.dtype} at {found}")
        return np.asarray(pixels)


def _inflated(stream: Any, data: bytes, size: int) -> bytes:
    # One byte more than can be right: only then is the checksum behind the last one read.
    inflated: bytes = stream.decompress(data, size + 1)
    if len(inflated) > size:
        raise ValueError(f"the compressed data hold more than the {size} bytes they should")
    if not stream.eof:
        raise ValueError(f"the compressed data end after {len(inflated)} bytes of pixels")
    return inflated


def make_decoder(part: TiffPart, page: Page, index: int, dtype: np.dtype[Any]) -> Decoder:
    """Make the decoder of a page, and of all pages of its coding in files of its byte order.

    Parameters
    ----------
    part : TiffPart
    page : Page
    index : int
        Of the page.
    dtype : numpy.dtype
        Native, of all pages of the stack.

    Raises
    ------
    UnsupportedCapabilityError
        No function for it is installed here, or its strips or tiles are too large.
    CorruptRecordingError
        tifffile makes nothing of the page.
    """
    import tifffile

    coding = page.coding
    if coding.segment_bytes > _MAX_SEGMENT:
        raise UnsupportedCapabilityError(
            "a strip or tile of the file is too large to be decoded",
            expected=f"at most {_MAX_SEGMENT} bytes",
            found=f"{coding.segment_bytes} bytes",
            path=part.path,
        )
    try:
        inflate = _inflater(coding.compression)
        if inflate is None:
            tifffile.TIFF.DECOMPRESSORS[coding.compression]
        if coding.predictor != 1 and coding.compression not in tifffile.TIFF.IMAGE_COMPRESSIONS:
            tifffile.TIFF.UNPREDICTORS[coding.predictor]
        with (
            translated(part.path, "TIFF", f"page {index} was looked at"),
            tifffile.TiffFile(part.path) as tif,
        ):
            tif.filehandle.seek(page.offset)
            described = tifffile.TiffPage(tif, index=index)
            if described.dtype is None or described.dtype.newbyteorder("=") != dtype:
                raise ValueError(f"its pixels are {described.dtype}, not {dtype}")
            if coding.compression not in _JPEG:
                described.fillorder = 1
            if inflate is not None:
                described.compression = 1
            decode = described.decode
        _rehearse(decode, coding, is_raw=inflate is not None or coding.compression == 1)
    except (KeyError, NotImplementedError, ImportError) as error:
        raise _unsupported(coding, part, error) from error
    return Decoder(coding=coding, dtype=dtype, inflate=inflate, decode=decode)


def _inflater(compression: int) -> Inflate | None:
    if compression in _DEFLATE:
        return _deflate()
    if compression in _LZMA:
        import lzma

        return lambda data, size: _inflated(
            lzma.LZMADecompressor(memlimit=_MAX_SEGMENT), data, size
        )
    if compression in _ZSTD:
        try:
            zstd = importlib.import_module("compression.zstd")  # of Python 3.14
        except ImportError:
            if importlib.util.find_spec("imagecodecs") is None:
                raise KeyError("Zstandard requires the 'imagecodecs' package") from None
        else:
            return lambda data, size: _inflated(zstd.ZstdDecompressor(), data, size)
    return None


def _deflate() -> Inflate:
    import zlib

    def by_python(data: bytes, size: int) -> bytes:
        return _inflated(zlib.decompressobj(), data, size)

    try:
        imagecodecs = importlib.import_module("imagecodecs")
    except ImportError:
        return by_python
    if not getattr(getattr(imagecodecs, "DEFLATE", None), "available", False):
        return by_python  # it can be built without

    def by_libdeflate(data: bytes, size: int) -> bytes:
        try:
            inflated: bytes = imagecodecs.deflate_decode(data, out=size)
        except imagecodecs.DeflateError:
            return by_python(data, size)  # which says what is wrong
        return inflated

    return by_libdeflate


def _rehearse(decode: Callable[..., Any], coding: Coding, *, is_raw: bool) -> None:
    """Unpack zeros, where tifffile may find out only then that it cannot."""
    if is_raw and (coding.predictor != 1 or not _REGULAR_BITS.issuperset(coding.bits)):
        decode(bytes(coding.segment_bytes), 0)


def _unsupported(coding: Coding, part: TiffPart, error: Exception) -> UnsupportedCapabilityError:
    why = str(error.args[0]) if error.args else type(error).__name__
    return UnsupportedCapabilityError(
        "the pixels of the file are stored in a way that is not supported here",
        expected="a compression, predictor and sample size that tifffile can decode",
        found=f"compression {coding.compression}, predictor {coding.predictor}, "
        f"{coding.bits[0]} bits a sample: {why}",
        path=part.path,
        cure="pip install 'wormio[codecs]'" if "imagecodecs" in why else "",
    )
