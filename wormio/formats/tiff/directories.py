"""The chain of a TIFF's directories, checked against the size of the file.

Reading them here, and not through tifffile, has one reason: tifffile forgives. A chain that breaks
off gives fewer pages, a tag beyond the end is dropped, a page with too few strips is returned with
whatever memory held. A recording must not lose frames or gain pixels that way.
"""

from __future__ import annotations

import math
import os
import struct
from pathlib import Path
from typing import Literal

import attrs

from wormio.errors import CorruptRecordingError, FormatError, TruncatedRecordingError

__all__ = ["Chain", "Page", "read_chain"]

_WIDTH, _LENGTH, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_FILL_ORDER, _DESCRIPTION, _STRIP_OFFSETS, _SAMPLES = 266, 270, 273, 277
_ROWS_PER_STRIP, _STRIP_COUNTS, _PLANAR, _PREDICTOR = 278, 279, 284, 317
_TILE_WIDTH, _TILE_LENGTH, _TILE_OFFSETS, _TILE_COUNTS = 322, 323, 324, 325
_SAMPLE_FORMAT, _DEPTH, _TILE_DEPTH = 339, 32997, 32998
_IMAGEJ_COUNTS, _IMAGEJ_DATA = 50838, 50839

# Tags of which every byte must be there; private tags may be as wrong as they like.
_CHECKED = frozenset(
    {_WIDTH, _LENGTH, _BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER, _DESCRIPTION}
    | {_STRIP_OFFSETS, _SAMPLES, _ROWS_PER_STRIP, _STRIP_COUNTS, _PLANAR, _PREDICTOR}
    | {_TILE_WIDTH, _TILE_LENGTH, _TILE_OFFSETS, _TILE_COUNTS, _SAMPLE_FORMAT}
    | {_DEPTH, _TILE_DEPTH, _IMAGEJ_COUNTS, _IMAGEJ_DATA}
)
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_SIZES |= {16: 8, 17: 8, 18: 8}
_INTEGERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
_SUBSAMPLED = 6  # YCbCr
_COMPLEX_INTEGER = 5


@attrs.frozen(kw_only=True)
class Page:
    """One directory: where its pixels lie.

    Parameters
    ----------
    offset : int
        Of the directory in the file.
    following : int
        Offset of the next directory as written here; 0 after the last.
    geometry : tuple
        Equal for pages whose pixels have the same shape and type.
    compression : int
    data : int
        Offset of the first pixel if they lie in one piece, unpacked; else -1.
    data_end : int
        Offset just after the last byte of pixels.
    stored_bytes, decoded_bytes : int
        Pixels as they lie in the file, and unpacked.
    flaw : str
        Why the pixels cannot be right; empty if nothing is wrong.
    """

    offset: int
    following: int
    geometry: tuple[object, ...]
    compression: int
    data: int
    data_end: int
    stored_bytes: int
    decoded_bytes: int
    flaw: str = ""


@attrs.frozen(kw_only=True)
class Chain:
    """All pages of one file.

    Parameters
    ----------
    path : Path
    size : int
        Of the file in bytes.
    byteorder : {"<", ">"}
    pages : tuple of Page
    broken : str
        What ended the chain before its end; empty for a file that is whole.
    """

    path: Path
    size: int
    byteorder: Literal["<", ">"]
    pages: tuple[Page, ...]
    broken: str = ""


class _Short(Exception):  # noqa: N818 (never leaves this module)
    """The file ends before what it promises."""


def read_chain(path: Path, *, allow_truncated: bool = False) -> Chain:
    """Read the directories of the pages, not of sub-images.

    Raises
    ------
    FormatError
        The file is no TIFF.
    TruncatedRecordingError
        The chain, or a tag in it, goes on beyond the end of the file; with `allow_truncated`, only
        if not even the first page is there.
    CorruptRecordingError
        The chain bites its tail.
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        reader = _Reader(fd, path)
        pages: list[Page] = []
        seen: set[int] = set()
        broken = ""
        try:
            offset = reader.start()
            while offset:
                if offset in seen:
                    raise CorruptRecordingError(
                        "the directories of the file form a loop",
                        found=f"directory {len(pages)} is at offset {offset}, as one before",
                        path=path,
                    )
                seen.add(offset)
                pages.append(reader.page(offset))
                offset = pages[-1].following
        except _Short as short:
            broken = f"page {len(pages)}: {short}"
        if broken and not (pages and allow_truncated):
            raise TruncatedRecordingError(
                "the file ends too early",
                expected=f"all that the directories promise; {broken}",
                found=f"{reader.size} bytes, {len(pages)} whole directories",
                path=path,
                cure="copy the file again, or open it with allow_truncated=True to get the "
                "complete volumes only",
            )
        if not pages:
            raise CorruptRecordingError("the file has no pages", path=path)
        return Chain(
            path=path,
            size=reader.size,
            byteorder=reader.order,
            pages=tuple(pages),
            broken=broken,
        )
    finally:
        os.close(fd)


class _Reader:
    def __init__(self, fd: int, path: Path) -> None:
        self._fd = fd
        self._path = path
        self.size = os.fstat(fd).st_size
        head = os.pread(fd, 16, 0)
        orders: dict[bytes, Literal["<", ">"]] = {b"II": "<", b"MM": ">"}
        if len(head) < 8 or head[:2] not in orders:
            raise self._no_tiff(head)
        self.order = orders[head[:2]]
        (version,) = struct.unpack(self.order + "H", head[2:4])
        if version not in {42, 43}:
            raise self._no_tiff(head)
        self._big = version == 43
        self._head = head
        self._entry = struct.Struct(self.order + ("HHQ8s" if self._big else "HHI4s"))
        self._count = struct.Struct(self.order + ("Q" if self._big else "H"))
        self._offset = struct.Struct(self.order + ("Q" if self._big else "I"))

    def _no_tiff(self, head: bytes) -> FormatError:
        return FormatError(
            "the file is no TIFF",
            expected="II*, MM*, or their BigTIFF forms at the start",
            found=f"{self.size} bytes, beginning with {head[:8]!r}",
            path=self._path,
        )

    def start(self) -> int:
        """Return the offset of the first directory."""
        at = 8 if self._big else 4
        if len(self._head) < at + self._offset.size:
            raise _Short("the file ends inside its header")
        return int(self._offset.unpack_from(self._head, at)[0])

    def _read(self, offset: int, size: int, what: str) -> bytes:
        # Compared first: a damaged count must not become an allocation.
        if offset + size > self.size:
            raise _Short(f"{what} needs {size} bytes at offset {offset}")
        return os.pread(self._fd, size, offset)

    def page(self, offset: int) -> Page:
        (n,) = self._count.unpack(self._read(offset, self._count.size, "a directory"))
        at = offset + self._count.size
        body = self._read(at, n * self._entry.size + self._offset.size, f"a directory of {n} tags")
        tags: dict[int, tuple[int, int, bytes]] = {}
        for code, kind, count, value in self._entry.iter_unpack(body[: n * self._entry.size]):
            if code in _CHECKED:
                tags.setdefault(code, (kind, count, self._check(code, kind, count, value)))
        (following,) = self._offset.unpack_from(body, n * self._entry.size)
        return self._describe(offset, following, tags)

    def _check(self, code: int, kind: int, count: int, value: bytes) -> bytes:
        """Return the value field after checking that what it points to lies in the file."""
        size = _SIZES.get(kind, 1) * count
        if size > len(value):
            (at,) = self._offset.unpack(value)
            if at + size > self.size:
                raise _Short(f"tag {code} needs {size} bytes at offset {at}")
        return value

    def _integers(
        self, tags: dict[int, tuple[int, int, bytes]], code: int, default: tuple[int, ...]
    ) -> tuple[int, ...]:
        if code not in tags:
            return default
        kind, count, value = tags[code]
        if kind not in _INTEGERS or not count:
            raise CorruptRecordingError(
                f"tag {code} holds no integers",
                found=f"type {kind}, {count} values",
                path=self._path,
            )
        size = _SIZES[kind] * count
        if size > len(value):
            (at,) = self._offset.unpack(value)
            value = self._read(at, size, f"tag {code}")
        return struct.unpack_from(f"{self.order}{count}{_INTEGERS[kind]}", value)

    def _describe(
        self, offset: int, following: int, tags: dict[int, tuple[int, int, bytes]]
    ) -> Page:
        def one(code: int, default: int) -> int:
            return self._integers(tags, code, (default,))[0]

        width, length, depth = one(_WIDTH, 0), one(_LENGTH, 0), one(_DEPTH, 1)
        samples, planar = one(_SAMPLES, 1), one(_PLANAR, 1)
        bits = self._integers(tags, _BITS, (1,))
        kind = self._integers(tags, _SAMPLE_FORMAT, (1,))
        compression, photometric = one(_COMPRESSION, 1), one(_PHOTOMETRIC, -1)
        tiled = _TILE_WIDTH in tags
        if tiled:
            tile = (one(_TILE_WIDTH, 0), one(_TILE_LENGTH, 0), one(_TILE_DEPTH, 1))
            whole = (width, length, depth)
            expected = math.prod(-(-a // max(b, 1)) for a, b in zip(whole, tile, strict=True))
        else:
            tile = (width, min(one(_ROWS_PER_STRIP, length), length), 1)
            expected = -(-length // max(tile[1], 1)) * depth
        expected *= samples if planar == 2 else 1
        none: tuple[int, ...] = ()
        offsets = self._integers(tags, _STRIP_OFFSETS, none)
        counts = self._integers(tags, _STRIP_COUNTS, none)
        offsets = self._integers(tags, _TILE_OFFSETS, offsets)
        counts = self._integers(tags, _TILE_COUNTS, counts)
        decoded = -(-width * length * depth * samples * bits[0] // 8)
        if not counts and len(offsets) == 1 and compression == 1:
            counts = (decoded,)  # old writers leave it out
        flaw = ""
        if not width or not length:
            flaw = f"a size of {width} x {length}"
        elif len(offsets) != expected or len(counts) != expected:
            flaw = f"{len(offsets)} offsets and {len(counts)} sizes for {expected} strips or tiles"
        elif not all(offsets) or not all(counts):
            flaw = "strips or tiles that were never written"
        plain = (
            not flaw
            and not tiled
            and compression == 1
            and one(_FILL_ORDER, 1) == 1
            and one(_PREDICTOR, 1) == 1
            and photometric != _SUBSAMPLED
            and len(set(bits)) == 1
            and bits[0] in {8, 16, 32, 64}
            and _COMPLEX_INTEGER not in kind
        )
        if plain and sum(counts) < decoded:
            flaw, plain = f"{sum(counts)} of {decoded} bytes of pixels", False
        together = all(
            a + n == b for a, n, b in zip(offsets, counts, offsets[1:], strict=False)
        ) and (len(offsets) == 1 or sum(counts) == decoded)
        stored = sum(counts)
        end = max((a + n for a, n in zip(offsets, counts, strict=False)), default=0)
        if plain and len(offsets) == 1:
            stored, end = decoded, offsets[0] + decoded  # the only strip may claim too much
        return Page(
            offset=offset,
            following=following,
            geometry=(width, length, depth, samples, planar, bits, kind),
            compression=compression,
            data=offsets[0] if plain and together else -1,
            data_end=end,
            stored_bytes=stored,
            decoded_bytes=decoded,
            flaw=flaw,
        )
