"""The index of a data set: for each image its axes, and where its pixels and its JSON lie.

An entry is: length and text of the axes (a JSON object), length and text of the file's name, and
eight 32-bit words. While a data set is acquired the file is longer than its entries; the rest is
zero.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path

import attrs
import numpy as np
from numpy.typing import NDArray
from wormio.errors import CorruptRecordingError, TruncatedRecordingError

__all__ = ["BYTES_PER_PIXEL", "AxisValue", "Index", "read_index"]

AxisValue = int | str
Ints = NDArray[np.int64]

BYTES_PER_PIXEL = {0: 1, 1: 2, 2: 3, 3: 2, 4: 2, 5: 2, 6: 2}
"""By pixel type: 8 bit, 16 bit, RGB, and 10, 12, 14, 11 bit in 16."""

# Longer ones are no text of this format but damage.
_LONGEST_TEXT = 1 << 16
_LARGEST = 1 << 31
_LARGEST_FILE = 1 << 32
_WORDS = (
    "offset",
    "width",
    "height",
    "pixel_type",
    "coding",
    "told_at",
    "told_bytes",
    "told_coding",
)


@attrs.frozen(kw_only=True, eq=False)
class Index:
    """The images of a data set, in the order in which they were first written. N images.

    Parameters
    ----------
    path : Path
    axes : list of dict
        One an image: name of the axis to its value.
    files : list of str
        Names, in order of first mention.
    number : (N,) int64
        Number of the entry that counts, among all entries.
    file, offset, width, height, pixel_type, told_at, told_bytes : (N,) int64
        Index into `files`, where the pixels lie, and where the JSON.
    ends : list of int
        For each file, the end of what any entry puts into it.
    n_replaced : int
        Entries that a later one with the same axes replaces.
    unfinished : bool
        Whether zeros follow the last entry.
    cut : str
        What is missing of the last entry; empty if nothing is.
    """

    path: Path
    axes: list[dict[str, AxisValue]]
    files: list[str]
    number: Ints
    file: Ints
    offset: Ints
    width: Ints
    height: Ints
    pixel_type: Ints
    told_at: Ints
    told_bytes: Ints
    ends: list[int]
    n_replaced: int
    unfinished: bool
    cut: str

    @property
    def pixel_bytes(self) -> Ints:
        """(N,) int64: bytes of the pixels of each image."""
        sizes = np.zeros(max(BYTES_PER_PIXEL) + 1, np.int64)
        sizes[list(BYTES_PER_PIXEL)] = list(BYTES_PER_PIXEL.values())
        return self.width * self.height * sizes[self.pixel_type]


def read_index(path: Path) -> Index:
    """Read an index. It reads no other file.

    Raises
    ------
    TruncatedRecordingError
        It holds not one entry.
    CorruptRecordingError
        An entry is none.
    """
    data = path.read_bytes()
    entries = _Entries(path, data)
    entries.read()
    if not entries.axes:
        raise TruncatedRecordingError(
            "the index lists no images",
            expected="at least one entry",
            found=f"{len(data)} bytes{', all zero' if data and not any(data) else ''}",
            path=path,
            cure="copy it again, or open the TIFFs: format='tiff' with axes=",
        )
    # A later entry of the same axes counts; its place in the order is that of the first.
    latest: dict[frozenset[tuple[str, AxisValue]], int] = {}
    for number, axes in enumerate(entries.axes):
        latest[frozenset(axes.items())] = number
    kept = np.array(list(latest.values()), np.int64)
    words = np.array(entries.words, np.int64)
    file = np.array(entries.file, np.int64)
    ends = np.zeros(len(entries.files), np.int64)
    sizes = np.array([BYTES_PER_PIXEL[kind] for kind in words[:, 3].tolist()], np.int64)
    np.maximum.at(ends, file, words[:, 0] + words[:, 1] * words[:, 2] * sizes)
    np.maximum.at(ends, file, words[:, 5] + words[:, 6])
    columns = {name: words[kept, i] for i, name in enumerate(_WORDS) if "coding" not in name}
    return Index(
        path=path,
        axes=[entries.axes[number] for number in kept.tolist()],
        files=list(entries.files),
        number=kept,
        file=file[kept],
        ends=ends.tolist(),
        n_replaced=len(entries.axes) - len(kept),
        unfinished=entries.unfinished,
        cut=entries.cut,
        **columns,
    )


class _Entries:
    """The entries of an index, as they follow each other in the file."""

    def __init__(self, path: Path, data: bytes) -> None:
        self.path, self.data = path, data
        self.order = _byte_order(data)
        self.axes: list[dict[str, AxisValue]] = []
        self.files: dict[str, int] = {}
        self.file: list[int] = []
        self.words: list[tuple[int, ...]] = []
        self.unfinished, self.cut = False, ""

    def read(self) -> None:
        """Read up to the end, or to where an entry is not whole."""
        at, size = 0, len(self.data)
        words = struct.Struct(f"{self.order}8I")
        while at < size:
            if self._word(at) == 0:
                if self.data.count(0, at) != size - at:
                    raise self._wrong("has no axes")
                self.unfinished = True
                return
            start = at
            axes, at = self._text(at, "axes")
            name, at = self._text(at, "the name of a file") if at <= size else (b"", at)
            if at + words.size > size:
                self.cut = f"entry {len(self.axes)} has {size - start} bytes, and needs more"
                return
            values = words.unpack_from(self.data, at)
            at += words.size
            self._check(values)
            self.axes.append(self._axes(axes))
            self.file.append(self.files.setdefault(self._name(name), len(self.files)))
            self.words.append(values)

    def _word(self, at: int) -> int:
        """Return the number at a place; of one that is cut off, what zeros make of it."""
        piece = self.data[at : at + 4].ljust(4, b"\0")
        return int(struct.unpack(f"{self.order}I", piece)[0])

    def _text(self, at: int, what: str) -> tuple[bytes, int]:
        """Return the bytes of a text and the place behind, which may be beyond the end."""
        length = self._word(at)
        if length > _LONGEST_TEXT and at + 4 <= len(self.data):
            raise self._wrong(f"says that {what} has {length} bytes")
        return self.data[at + 4 : at + 4 + length], at + 4 + length

    def _axes(self, text: bytes) -> dict[str, AxisValue]:
        try:
            axes = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise self._wrong(f"has axes that are no JSON ({error})") from error
        if not isinstance(axes, dict):
            raise self._wrong(f"has axes that are no JSON object: {text[:100]!r}")
        for name, value in axes.items():
            fits = (isinstance(value, str) and value.isprintable()) or (
                isinstance(value, int) and not isinstance(value, bool) and abs(value) < _LARGEST
            )
            if not fits:
                raise self._wrong(f"has axis {name!r} at {str(value)[:50]}, no index and no name")
        return axes

    def _name(self, text: bytes) -> str:
        try:
            name = text.decode()
        except UnicodeDecodeError as error:
            raise self._wrong(f"names a file in no UTF-8: {text[:100]!r}") from error
        if not name or "\0" in name:
            raise self._wrong(f"names no file: {name[:100]!r}")
        return name

    def _check(self, values: tuple[int, ...]) -> None:
        told = dict(zip(_WORDS, values, strict=True))
        if told["coding"] or told["told_coding"]:
            raise self._wrong("is compressed, in a way that no published version has")
        if told["pixel_type"] not in BYTES_PER_PIXEL:
            raise self._wrong(f"has pixels of type {told['pixel_type']}, which no version has")
        n_bytes = told["width"] * told["height"] * BYTES_PER_PIXEL[told["pixel_type"]]
        if not 0 < n_bytes < _LARGEST_FILE:
            raise self._wrong(f"is of {told['width']} x {told['height']} pixels")

    def _wrong(self, what: str) -> CorruptRecordingError:
        return CorruptRecordingError(
            f"entry {len(self.axes)} of the index {what}",
            expected="axes, a file's name, and eight numbers",
            path=self.path,
            cure="copy the index again from where it was recorded",
        )


def _byte_order(data: bytes) -> str:
    """Return the order in which the first length makes sense; the format leaves it to the machine."""
    if len(data) >= 4:
        little, big = struct.unpack_from("<I", data)[0], struct.unpack_from(">I", data)[0]
        if little > _LONGEST_TEXT >= big:
            return ">"
    return "<"
