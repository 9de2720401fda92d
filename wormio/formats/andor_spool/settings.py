"""``acquisitionmetadata.ini``: how the frames lie in the block files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import attrs

from wormio.errors import CorruptRecordingError, MissingPartError, UnsupportedCapabilityError
from wormio.formats.andor_spool.names import SETTINGS
from wormio.model._fields import as_dict

__all__ = ["PACKED", "Settings", "read_settings"]

PACKED = "Mono12Packed"
# Bytes of a pixel. Mono12 has its 12 bits in the lower ones of 16.
_PLAIN = {"Mono12": 2, "Mono16": 2, "Mono32": 4}
_LARGEST = 1 << 31
_MAX_BYTES = 1 << 16


@attrs.frozen(kw_only=True)
class Settings:
    """How a frame lies in a block file.

    Parameters
    ----------
    height, width : int
        Pixels.
    stride : int
        Bytes from row to row; more than a row has, if rows are padded.
    encoding : str
    image_bytes : int
        From image to image: rows, padding, and what the camera notes after them.
    per_file : int
        Images of a block file.
    texts : mapping of str to str
        The file's own entries.
    """

    height: int
    width: int
    stride: int
    encoding: str
    image_bytes: int
    per_file: int
    texts: Mapping[str, str] = attrs.field(converter=as_dict)

    @property
    def row_bytes(self) -> int:
        """Bytes of a row without its padding."""
        if self.encoding == PACKED:
            return (3 * self.width + 1) // 2
        return self.width * _PLAIN[self.encoding]

    @property
    def dtype(self) -> str:
        """Of a pixel on disk; of packed ones, after they are unpacked."""
        return "<u2" if self.encoding == PACKED else f"<u{_PLAIN[self.encoding]}"

    @property
    def block_bytes(self) -> int:
        """Size of a full block file."""
        return self.per_file * self.image_bytes


def read_settings(path: Path) -> Settings:
    """Read the file.

    Raises
    ------
    MissingPartError
        It is not there.
    CorruptRecordingError
        An entry is missing or impossible.
    UnsupportedCapabilityError
        The pixels have an unknown encoding.
    """
    if not path.is_file():
        raise MissingPartError(
            "the size and encoding of the frames are missing",
            expected=f"the file {SETTINGS} beside the block files",
            path=path,
            cure="copy it from the original folder",
        )
    texts = _entries(path)
    encoding = _entry(texts, "PixelEncoding", path)
    if encoding != PACKED and encoding not in _PLAIN:
        raise UnsupportedCapabilityError(
            f"the pixel encoding {encoding!r} is not known",
            expected=", ".join([*_PLAIN, PACKED]),
            found=encoding,
            path=path,
        )
    numbers = {
        name: _number(texts, name, path)
        for name in ("AOIHeight", "AOIWidth", "AOIStride", "ImageSizeBytes", "ImagesPerFile")
    }
    settings = Settings(
        height=numbers["AOIHeight"],
        width=numbers["AOIWidth"],
        stride=numbers["AOIStride"],
        encoding=encoding,
        image_bytes=numbers["ImageSizeBytes"],
        per_file=numbers["ImagesPerFile"],
        texts=texts,
    )
    needed = (settings.height - 1) * settings.stride + settings.row_bytes
    if settings.stride < settings.row_bytes or settings.image_bytes < needed:
        raise CorruptRecordingError(
            "the entries contradict each other",
            expected=f"rows of at least {settings.row_bytes} bytes ({settings.width} pixels, "
            f"{encoding}), images of at least {needed}",
            found=f"AOIStride {settings.stride}, ImageSizeBytes {settings.image_bytes}",
            path=path,
        )
    return settings


def _entries(path: Path) -> dict[str, str]:
    with path.open("rb") as file:
        content = file.read(_MAX_BYTES)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CorruptRecordingError(f"the file is no text: {error}", path=path) from error
    entries: dict[str, str] = {}
    for line in text.splitlines():
        name, equals, value = (part.strip() for part in line.partition("="))
        if equals and entries.setdefault(name, value) != value:
            raise CorruptRecordingError(
                f"{name} stands there twice", found=f"{entries[name]} and {value}", path=path
            )
    return entries


def _entry(texts: Mapping[str, str], name: str, path: Path) -> str:
    if name not in texts:
        raise CorruptRecordingError(
            f"the entry {name} is missing",
            found=", ".join(texts)[:300],
            path=path,
            cure="copy the file again from the original folder",
        )
    return texts[name]


def _number(texts: Mapping[str, str], name: str, path: Path) -> int:
    value = _entry(texts, name, path)
    if not (value.isascii() and value.isdecimal() and 0 < int(value[:12]) < _LARGEST):
        raise CorruptRecordingError(
            f"{name} is no possible number", expected="a whole number above 0", found=value[:100],
            path=path,
        )  # fmt: skip
    return int(value)
