"""The block files of a spool: all of them, in order, and how many frames they hold."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import attrs

from wormio.errors import (
    CorruptRecordingError,
    MissingPartError,
    TruncatedRecordingError,
)
from wormio.formats.andor_spool.names import block_name, block_number
from wormio.formats.andor_spool.settings import Settings
from wormio.formats.links import inside
from wormio.model._fields import as_tuple

__all__ = ["Blocks", "list_blocks", "stamp"]

_CURE = (
    "copy it again, or take the complete volumes with allow_truncated=True "
    "(--option allow_truncated=true)"
)
# What the camera writes after the pixels: end and length of the part before, the tick at which
# the frame was taken, and the kind (1) and length (12) of that part.
_STAMP = struct.Struct("<IIQII")


@attrs.frozen(kw_only=True)
class Blocks:
    """Block files in order, without a gap.

    Parameters
    ----------
    files : tuple of Path
    sizes : tuple of int
        Bytes.
    """

    files: tuple[Path, ...] = attrs.field(converter=as_tuple)
    sizes: tuple[int, ...] = attrs.field(converter=as_tuple)

    def count(self, settings: Settings, *, allow_truncated: bool) -> int:
        """Return the number of images until the files end, or the first one that is cut.

        Raises
        ------
        TruncatedRecordingError
            A file is cut; with `allow_truncated`, only if no image is whole.
        CorruptRecordingError
            A file is too large.
        """
        n_images = 0
        for index, (path, size) in enumerate(zip(self.files, self.sizes, strict=True)):
            whole, rest = divmod(size, settings.image_bytes)
            if size > settings.block_bytes:
                raise CorruptRecordingError(
                    "the block file is too large",
                    expected=f"{settings.per_file} images of {settings.image_bytes} bytes",
                    found=f"{size} bytes",
                    path=path,
                )
            n_images += whole
            last = index == len(self.files) - 1
            if rest or not whole or (size < settings.block_bytes and not last):
                if not allow_truncated or not n_images:
                    raise TruncatedRecordingError(
                        "the block file ends too early",
                        expected=f"{settings.per_file} images of {settings.image_bytes} bytes",
                        found=f"{size} bytes: {whole} images and {rest} bytes",
                        path=path,
                        cure=_CURE if n_images else "copy it again",
                    )
                break
        return n_images

    def last_block(self, settings: Settings) -> int:
        """Return the number of images that the last file has room for."""
        return self.sizes[-1] // settings.image_bytes


def list_blocks(folder: Path, *, trust: bool) -> Blocks:
    """Find the block files.

    Raises
    ------
    MissingPartError
        There are none, or one is missing between others.
    UnsafeReferenceError
        One is a link out of the folder; not with `trust`.
    """
    found: dict[int, tuple[Path, int]] = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            number = block_number(entry.name)
            if number is None or not entry.is_file():
                continue
            path = inside(folder, entry.name, trust=trust)
            found[number] = (path, entry.stat().st_size)
    missing = next(number for number in range(len(found) + 1) if number not in found)
    if missing <= max(found, default=0):
        raise MissingPartError(
            "a block file is missing" if found else "there are no block files",
            expected=block_name(missing),
            found=f"{len(found)} block files, the last is {block_name(max(found))}"
            if found
            else "no ##########spool.dat",
            path=folder / block_name(missing),
            cure="copy it from the original folder",
        )
    return Blocks(
        files=[found[number][0] for number in range(len(found))],
        sizes=[found[number][1] for number in range(len(found))],
    )


def stamp(blocks: Blocks, settings: Settings, frame: int) -> int | None:
    """Return the camera's tick after the pixels of a frame; None if it wrote none."""
    end = (frame % settings.per_file + 1) * settings.image_bytes
    if settings.height * settings.stride + _STAMP.size > settings.image_bytes:
        return None
    with blocks.files[frame // settings.per_file].open("rb") as file:
        file.seek(end - _STAMP.size)
        content = file.read(_STAMP.size)
    if len(content) < _STAMP.size:
        return None
    kind, length, ticks, stamp_kind, stamp_length = _STAMP.unpack(content)
    if (kind, stamp_kind, stamp_length) != (0, 1, 12) or length != settings.image_bytes - 20:
        return None
    return int(ticks)
