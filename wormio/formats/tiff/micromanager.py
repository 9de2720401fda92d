"""Micro-Manager's own stacks (MMStack): an index behind the pixels, and JSON in every page.

The files look like OME-TIFF too, but their OME-XML is written when a recording ends well, knows
less of the single planes, and is wrong where channels skip planes. What the pages say is used.
"""

from __future__ import annotations

import json
import os
import re
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from wormio.errors import CorruptRecordingError, MissingPartError
from wormio.formats.tiff.micromanager_planes import Plane, Summary, number_of
from wormio.formats.tiff.options import TiffOptions
from wormio.formats.tiff.page_texts import read_texts
from wormio.formats.tiff.stack import TiffPart, open_part

__all__ = ["is_mmstack", "read_mmstack", "recording_name"]

_INDEX, _SUMMARY, _INDEX_ENTRIES = 54773648, 2355492, 3453623
_HEADER = 40
_PAGE_JSON = 51123
_MAX_JSON = 64 << 20
_SET = re.compile(r"(?P<prefix>.*MMStack)(?P<position>.*?)(?:_(?P<number>\d+))?\.ome\.tiff?")


def is_mmstack(part: TiffPart) -> bool:
    """Tell whether the file begins with the header of an MMStack."""
    words = _words(part)
    return len(words) == 8 and words[0] == _INDEX and words[6] == _SUMMARY


def _words(part: TiffPart) -> tuple[int, ...]:
    head = _pread(part, 8, 32)
    return struct.unpack(part.chain.byteorder + "8I", head) if len(head) == 32 else ()


def _pread(part: TiffPart, offset: int, size: int) -> bytes:
    fd = os.open(part.path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.pread(fd, size, offset)
    finally:
        os.close(fd)


def _summary(part: TiffPart) -> Summary:
    length = _words(part)[7]
    if length > min(_MAX_JSON, part.chain.size - _HEADER):
        raise CorruptRecordingError(
            "the summary of the Micro-Manager header goes beyond the file",
            expected=f"at most {part.chain.size - _HEADER} bytes",
            found=str(length),
            path=part.path,
        )
    return Summary(_tree(_pread(part, _HEADER, length), part.path, "the summary"))


def _tree(text: str | bytes, path: Path, what: str) -> dict[str, Any]:
    try:
        tree = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CorruptRecordingError(
            f"{what} of Micro-Manager is no JSON", found=str(error)[:200], path=path
        ) from error
    if not isinstance(tree, dict):
        raise CorruptRecordingError(
            f"{what} of Micro-Manager is no JSON object", found=repr(tree)[:100], path=path
        )
    return tree


def read_mmstack(
    part: TiffPart, options: TiffOptions
) -> tuple[Summary, list[TiffPart], list[Plane]]:
    """Read all files of the recording that a file belongs to, all positions.

    Raises
    ------
    MissingPartError
        There is a gap in the numbers of the files.
    CorruptRecordingError
        A page does not say which plane it is.
    """
    summary = _summary(part)
    parts: list[TiffPart] = []
    planes: list[Plane] = []
    for path in _files(part.path):
        other = part
        if path != part.path:
            other = open_part(path, allow_truncated=options.allow_truncated)
            if not is_mmstack(other) or not _alike(_summary(other), summary):
                continue  # of another recording, named alike
        number = len(parts)
        parts.append(other)
        planes += _planes(other, number)
    return summary, parts, planes


def _alike(one: Summary, other: Summary) -> bool:
    """Tell whether two files are of one recording; each position has its own name in it."""
    own = {"PositionIndex", "PositionName", "FileName", "Positions"}
    return {k: v for k, v in one.tree.items() if k not in own} == {
        k: v for k, v in other.tree.items() if k not in own
    }


def recording_name(path: Path) -> str:
    """Return what the files of one recording have in common in their names."""
    name = _SET.fullmatch(path.name)
    return path.name if name is None else name["prefix"]


def _files(path: Path) -> list[Path]:
    """Return the files named like parts of the same recording, in order."""
    name = _SET.fullmatch(path.name)
    if name is None:
        return [path]
    found: dict[str, dict[int, Path]] = {}
    for other in sorted(path.parent.iterdir()):
        match = _SET.fullmatch(other.name)
        if match and match["prefix"] == name["prefix"]:
            # The first file of a position has no number.
            found.setdefault(match["position"], {})[int(match["number"] or 0)] = other
    files = []
    for position, numbered in sorted(found.items()):
        lost = sorted(set(range(max(numbered) + 1)) - set(numbered))
        if lost:
            number = f"_{lost[0]}" if lost[0] else ""
            raise MissingPartError(
                "a file of the recording is missing",
                expected=f"files 0 to {max(numbered)} of {name['prefix']}{position}",
                found=f"no file {', '.join(map(str, lost[:10]))}",
                path=path.with_name(f"{name['prefix']}{position}{number}.ome.tif"),
                cure="copy all files of the recording into one folder",
            )
        files += [numbered[number] for number in sorted(numbered)]
    return [path if other.name == path.name else other for other in files]


def _planes(part: TiffPart, number: int) -> list[Plane]:
    pages = part.chain.pages
    index = _index(part)
    texts = read_texts(part.chain, _PAGE_JSON, range(len(pages)))
    planes = []
    for page, text in enumerate(texts):
        tree = _tree(text, part.path, f"the metadata of page {page}") if text else {}
        listed = index.get(pages[page].offset)
        names = (("ChannelIndex",), ("SliceIndex", "Slice"), ("FrameIndex", "Frame"))
        at = listed or tuple(
            _whole(tree, name, part.path, page) for name in (*names, ("PositionIndex",))
        )
        planes.append(
            Plane(
                file=number,
                page=page,
                c=at[0],
                z=at[1],
                t=at[2],
                position=at[3],
                elapsed=number_of(tree, "ElapsedTime-ms", "ElapsedTimeMs") / 1000,
                z_um=number_of(tree, "ZPositionUm"),
                um_per_pixel=number_of(tree, "PixelSizeUm"),
                position_name=str(tree.get("PositionName") or ""),
            )
        )
    return planes


def _whole(tree: Mapping[str, Any], names: tuple[str, ...], path: Path, page: int) -> int:
    value = number_of(tree, *names)
    if not 0 <= value < 2**31 or value != int(value):
        raise CorruptRecordingError(
            f"page {page} does not say which plane it is",
            expected=f"a whole number {names[0]}",
            found=repr(tree.get(names[0]))[:100],
            path=path,
        )
    return int(value)


def _index(part: TiffPart) -> dict[int, tuple[int, ...]]:
    """Read the index: offset of a directory to (channel, slice, frame, position).

    A recording that was not ended well has none.
    """
    offset = _words(part)[1]
    head = _pread(part, offset, 8) if offset else b""
    if len(head) < 8:
        return {}
    magic, count = struct.unpack(part.chain.byteorder + "2I", head)
    if magic != _INDEX_ENTRIES or offset + 8 + 20 * count > part.chain.size:
        return {}
    rows = np.frombuffer(
        _pread(part, offset + 8, 20 * count), np.dtype("u4").newbyteorder(part.chain.byteorder)
    ).reshape(-1, 5)
    return {int(row[4]): tuple(map(int, row[:4])) for row in rows if (row[:4] < 2**31).all()}
