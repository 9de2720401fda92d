"""The chunks of an ND2 file: where each lies, checked before anybody trusts it.

An ND2 file is a row of chunks. Each has a header (magic, length of the name, length of the data)
and a name; a map at the end of the file lists names, offsets and lengths. The library nd2 believes
that map; a wrong number in it would be wrong pixels, or gigabytes asked for. So it is read here,
once, and held against the chunks themselves.
"""

from __future__ import annotations

import os
import re
import struct
from pathlib import Path
from typing import BinaryIO

import attrs
import numpy as np
from numpy.typing import NDArray
from wormio.errors import (
    CorruptRecordingError,
    TruncatedRecordingError,
    UnsupportedCapabilityError,
)

from wormio_nd2.hooks import JPEG2000

__all__ = ["STAMP_BYTES", "Chunks", "read_chunks"]

Ints = NDArray[np.int64]

STAMP_BYTES = 8
"""Before the pixels of an image: its time stamp."""

_MAGIC = 0x0ABECEDA
_HEADER = struct.Struct("<IIQ")
_FILE = b"ND2 FILE SIGNATURE CHUNK NAME01!"
_MAP = b"ND2 FILEMAP SIGNATURE NAME 0001!"
_END = b"ND2 CHUNK MAP SIGNATURE 0000001!"
_ENTRY = struct.Struct("<QQ")
_TAIL = struct.Struct("<32sQ")
_ALIGNMENT = 4096
_LONGEST_NAME = 8192
_IMAGE = re.compile(rb"ImageDataSeq\|(\d{1,12})!")
# One a frame (masks, the metadata of old files): nobody here reads them.
_OF_A_FRAME = re.compile(rb".*\|0*[1-9]\d*!", re.DOTALL)
# Headers of images that are read even if nothing is odd: more would be a seek a frame.
_SAMPLED = 64


@attrs.frozen(kw_only=True, eq=False)
class Chunks:
    """Where the chunks of a file lie. I images.

    Parameters
    ----------
    path : Path
    size : int
        Of the file, in bytes.
    places : mapping of bytes to (int, int)
        Offset of the data and its length, of every chunk that is read as a whole.
    number : (I,) int64
        Numbers of the images, rising.
    offset, length : (I,) int64
        Of each image's data: the time stamp, then the pixels.
    """

    path: Path
    size: int
    places: dict[bytes, tuple[int, int]]
    number: Ints
    offset: Ints
    length: Ints

    def read(self, name: bytes) -> bytes | None:
        """Return the data of a chunk; None if there is none of that name."""
        if name not in self.places:
            return None
        start, length = self.places[name]
        with self.path.open("rb") as file:
            return _at(file, start, length, self.path)


def read_chunks(path: Path) -> Chunks:
    """Read the map of a file.

    Raises
    ------
    TruncatedRecordingError
        The file ends too early.
    CorruptRecordingError
        The map contradicts the file.
    UnsupportedCapabilityError
        It is an ND2 of before 2006.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        _check_begin(file, path)
        entries = _read_map(file, size, path)
        images = _images(entries, path)
        places = {
            name: _place(file, name, offset, size, path)
            for name, (offset, _) in entries.items()
            if not _IMAGE.fullmatch(name) and not _OF_A_FRAME.fullmatch(name)
        }
        number = np.array(sorted(images), np.int64)
        starts = np.array([images[n][0] for n in number.tolist()], np.int64)
        lengths = np.array([images[n][1] for n in number.tolist()], np.int64)
        data = starts
        if len(starts):
            data, lengths = _place_images(file, number, starts, lengths, size, path)
    others = [o for name, (o, _) in entries.items() if not _IMAGE.fullmatch(name)]
    _check_apart(starts, data + lengths, np.array(others, np.int64), path)
    return Chunks(path=path, size=size, places=places, number=number, offset=data, length=lengths)


def _at(file: BinaryIO, start: int, length: int, path: Path) -> bytes:
    file.seek(start)
    data = file.read(length)
    if len(data) < length:
        raise TruncatedRecordingError(
            "the file ends too early",
            expected=f"{length} bytes at offset {start}",
            found=f"{len(data)} bytes",
            path=path,
        )
    return data


def _check_begin(file: BinaryIO, path: Path) -> None:
    begin = file.read(_HEADER.size + len(_FILE) + 6)
    if begin.startswith(JPEG2000):
        raise UnsupportedCapabilityError(
            "ND2 files of before 2006 (JPEG 2000) are not read",
            path=path,
            cure="save it again with NIS-Elements, or convert it to TIFF",
        )
    wanted = _HEADER.pack(_MAGIC, len(_FILE), 64) + _FILE + b"Ver"
    if not begin.startswith(wanted):
        short = wanted.startswith(begin)
        raise (TruncatedRecordingError if short else CorruptRecordingError)(
            "the file does not begin as an ND2",
            expected=f"the chunk {_FILE.decode()!r}",
            found=f"{begin[:16].hex(' ')} ...",
            path=path,
        )


def _read_map(file: BinaryIO, size: int, path: Path) -> dict[bytes, tuple[int, int]]:
    """Return offset and length of each chunk, as the map has them."""
    tail = _at(file, max(size - _TAIL.size, 0), min(_TAIL.size, size), path)
    signature, location = _TAIL.unpack(tail) if len(tail) == _TAIL.size else (b"", 0)
    if signature != _END:
        raise TruncatedRecordingError(
            "the file ends without the map of its chunks: the acquisition or the copy was cut off",
            expected=f"{_END.decode()!r} at its end",
            found=repr(signature),
            path=path,
            cure="copy the file again; if the original is cut off, NIS-Elements can repair it, and "
            "nd2.rescue_nd2 finds its bare images",
        )
    start, length = _place(file, _MAP, location, size, path)
    data = _at(file, start, min(length, size - start), path)
    entries: dict[bytes, tuple[int, int]] = {}
    at = 0
    while True:
        stop = data.find(b"!", at) + 1
        name = data[at:stop]
        if name == _END:
            return entries
        if not stop or stop + _ENTRY.size > len(data) or name in entries:
            raise CorruptRecordingError(
                "the map of the chunks is damaged",
                expected="names, each once, with offset and length",
                found=f"{name[:60]!r} after {len(entries)} names",
                path=path,
            )
        offset, n = _ENTRY.unpack_from(data, stop)
        if offset + _HEADER.size > size:
            raise CorruptRecordingError(
                "a chunk lies behind the end of the file",
                expected=f"an offset below {size}",
                found=f"{name[:60]!r} at {offset}",
                path=path,
            )
        # Old files give the offset a second time instead of the length.
        entries[name] = (offset, -1 if n == offset else min(n, size))
        at = stop + _ENTRY.size


def _images(entries: dict[bytes, tuple[int, int]], path: Path) -> dict[int, tuple[int, int]]:
    images: dict[int, tuple[int, int]] = {}
    for name, (offset, length) in entries.items():
        matched = _IMAGE.fullmatch(name)
        if matched is None:
            continue
        number = int(matched[1])
        if number in images:  # 1 and 01 are the same image
            raise CorruptRecordingError(
                f"the map of the chunks has image {number} twice", path=path
            )
        images[number] = (offset, length)
    return images


def _place(file: BinaryIO, name: bytes, offset: int, size: int, path: Path) -> tuple[int, int]:
    """Return where the data of a chunk begin and how long they are, as its own header says."""
    head = b""
    if offset < size:
        head = _at(file, offset, min(_HEADER.size + len(name), size - offset), path)
    if len(head) == _HEADER.size + len(name) and head.endswith(name):
        magic, name_length, length = _HEADER.unpack_from(head)
        start = offset + _HEADER.size + name_length
        if magic == _MAGIC and name_length <= _LONGEST_NAME and start + length <= size:
            return start, length
    raise CorruptRecordingError(
        "a chunk is not where the map of the chunks says",
        expected=f"{name.decode('latin-1')!r} at offset {offset}",
        found=f"{head[:32].hex(' ')} ..." if head else f"a file of {size} bytes",
        path=path,
    )


def _place_images(
    file: BinaryIO, number: Ints, starts: Ints, lengths: Ints, size: int, path: Path
) -> tuple[Ints, Ints]:
    """Return offset and length of the images' data.

    To read every header would be a seek a frame. Images lie on a raster, all like each other: the
    headers of those that do not, and of some others, are read.
    """

    def place(index: int) -> tuple[int, int]:
        name = f"ImageDataSeq|{number[index]}!".encode()
        return _place(file, name, int(starts[index]), size, path)

    first, _ = place(0)
    data = starts + (first - starts[0])
    odd = (lengths < 0) | (starts % _ALIGNMENT != starts[0] % _ALIGNMENT)
    unusual = lengths != np.median(lengths)
    if unusual.mean() < 0.5:
        odd |= unusual
    odd[np.linspace(0, len(number) - 1, _SAMPLED).astype(int)] = True
    lengths = lengths.copy()
    for index in np.flatnonzero(odd).tolist():
        begin, length = place(index)
        if lengths[index] not in (-1, length) or begin != data[index]:
            raise CorruptRecordingError(
                f"image {number[index]} is not as the map of the chunks says",
                expected=f"{lengths[index]} bytes at offset {data[index]}",
                found=f"{length} bytes at offset {begin}",
                path=path,
            )
        lengths[index] = length
    stop = int((data + lengths).max())
    if stop > size:
        raise CorruptRecordingError(
            "an image ends behind the end of the file",
            expected=f"at most {size}",
            found=str(stop),
            path=path,
        )
    return data, lengths


def _check_apart(starts: Ints, stops: Ints, others: Ints, path: Path) -> None:
    """Raise if an image overlaps another chunk: then one of them is somewhere else."""
    begin = np.concatenate([starts, others])
    end = np.concatenate([stops, others + _HEADER.size])
    order = np.argsort(begin, kind="stable")
    overlap = np.flatnonzero(begin[order][1:] < end[order][:-1])
    if len(overlap):
        at = order[overlap[0] : overlap[0] + 2]
        raise CorruptRecordingError(
            "two chunks overlap",
            found=f"one at {begin[at[0]]} to {end[at[0]]}, one at {begin[at[1]]}",
            path=path,
        )
