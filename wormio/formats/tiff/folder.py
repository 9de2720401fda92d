"""Folders of TIFFs: one recording spread over files that do not know of each other.

What the index of a file means is never guessed: the option axes says so, the dimension of the files
first. Files are taken in natural order: 2.tif before 10.tif.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import CorruptRecordingError, MissingPartError, OptionError
from wormio.formats.stacks.axes import Axes
from wormio.formats.tiff.directories import read_chain
from wormio.formats.tiff.options import TiffOptions
from wormio.formats.tiff.stack import Stack, TiffPart, open_part
from wormio.model import Finding

__all__ = ["is_tiff_name", "natural", "read_folder", "tiffs_of"]

_DIGITS = re.compile(r"(\d+)")
_FILES = "F"
"""The dimension of the files, which no header names."""


def is_tiff_name(name: str) -> bool:
    """Tell whether a file is named as a TIFF; hidden ones are none."""
    return not name.startswith(".") and name.lower().endswith((".tif", ".tiff", ".btf"))


def natural(name: str) -> list[tuple[int, int, str]]:
    """Return the key that sorts numbers in names by their value."""
    return [
        (0, int(piece), "") if piece.isdecimal() else (1, 0, piece.lower())
        for piece in _DIGITS.split(name)
        if piece
    ]


def tiffs_of(folder: Path) -> list[Path]:
    """Return the TIFFs of a folder in natural order.

    Raises
    ------
    MissingPartError
        There are none.
    """
    found = [entry for entry in folder.iterdir() if is_tiff_name(entry.name) and entry.is_file()]
    if not found:
        raise MissingPartError("the folder has no TIFF files", path=folder)
    return sorted(found, key=lambda path: (natural(path.name), path.name))


def read_folder(
    files: list[Path], options: TiffOptions, read_file: Callable[[TiffPart], Stack]
) -> Stack:
    """Read files as one array, the dimension of the files first.

    Parameters
    ----------
    files : list of Path
    options : TiffOptions
    read_file : callable
        ``read_file(part)`` reads one of them.

    Raises
    ------
    CorruptRecordingError
        A file is not like the others.
    """
    first = open_part(files[0], allow_truncated=options.allow_truncated)
    one = read_file(first)
    if len(files) == 1:
        return _alone(one)
    parts = [first]
    for path in files[1:]:
        chain = read_chain(path, allow_truncated=options.allow_truncated)
        if chain.pages[0].geometry != first.chain.pages[0].geometry:
            raise _odd(path, files[0], "pages of another shape or type", "")
        parts.append(attrs.evolve(first, chain=chain))
    metadata = {"dialect": "folder", "files": [path.name for path in files], "first": one.metadata}
    findings = tuple(f for f in one.findings if f.code != "truncated")
    if one.delta_t is not None:
        findings += (
            Finding(
                code="times-not-used",
                message="the times in the headers of the files begin anew in each: not used",
                cure="give volume_rate=, if it is known",
            ),
        )
    common = attrs.evolve(
        one,
        parts=tuple(parts),
        delta_t=None,
        position_z=None,
        metadata=metadata,
        findings=findings,
    )
    lengths = [len(part.chain.pages) for part in parts]
    if len(set(lengths)) > 1 and not any(part.chain.broken for part in parts):
        return _one_after_the_other(common, lengths, options)
    if any(n != lengths[0] for n in lengths):  # broken ones, which the user wants all the same
        cut = np.array([n < lengths[0] for n in lengths])
        return _as_files(common, one, cut)
    stack = _as_files(common, one, np.zeros(len(parts), bool))
    if options.axes is not None and not _fits(stack, options.axes):
        joined = _one_after_the_other(common, lengths, options)
        return joined if _fits(joined, options.axes) else stack
    return stack


def _alone(one: Stack) -> Stack:
    """Give the stack of the only file an outer dimension, which needs no name."""
    names = ("file", "page", "cut", "delta_t", "position_z")
    values = {name: getattr(one, name) for name in names}
    outer: dict[str, Any] = {n: None if v is None else v[np.newaxis] for n, v in values.items()}
    return attrs.evolve(one, axes=_FILES + one.axes, shape=(1, *one.shape), **outer)


def _as_files(common: Stack, one: Stack, cut: NDArray[np.bool_]) -> Stack:
    """Give the stack of one file an outer dimension."""
    n = len(common.parts)
    shape = (n, *one.page.shape)
    lost = np.broadcast_to(cut.reshape(-1, *[1] * one.page.ndim), shape)
    number = np.arange(n, dtype=np.int32).reshape(-1, *[1] * one.page.ndim)
    gone = lost | (one.page < 0)
    return attrs.evolve(
        common,
        axes=_FILES + one.axes,
        shape=(n, *one.shape),
        file=np.where(gone, -1, number).astype(np.int32),
        page=np.where(gone, -1, one.page),
        cut=lost | one.cut,
    )


def _one_after_the_other(common: Stack, lengths: list[int], options: TiffOptions) -> Stack:
    """Take the pages of all files as one dimension."""
    if common.run >= 0:
        raise _odd(_first_path(common), _first_path(common), "pages without directories", "")
    if options.axes is None and len(set(lengths)) > 1:
        odd = next(i for i, n in enumerate(lengths) if n != lengths[0])
        raise OptionError(
            f"the files hold different numbers of pages ({_name(common, odd)} is the first odd "
            "one), and do not say what these mean: option axes is missing",
            expected=f"{lengths[0]} pages, as in {_name(common, 0)}",
            found=f"{lengths[odd]} pages",
            path=_first_path(common).parent,
            cure="axes='TYX' takes the pages of all files as one sequence; planes= and channels= "
            "say how many make a volume and a frame",
        )
    page = np.concatenate([np.arange(n) for n in lengths])
    keyframe = next(part.keyframe for part in common.parts if part is not None)
    stack = attrs.evolve(
        common,
        names_axes=False,
        axes=_FILES + keyframe.axes,
        shape=(len(page), *keyframe.shape),
        file=np.repeat(np.arange(len(lengths), dtype=np.int32), lengths),
        page=page,
        cut=np.zeros(len(page), bool),
    )
    if options.axes is not None and len(set(lengths)) > 1 and not _fits(stack, options.axes):
        odd = next(i for i, n in enumerate(lengths) if n != lengths[0])
        raise _odd(
            _first_path(common).with_name(_name(common, odd)),
            _first_path(common),
            f"{lengths[odd]} pages",
            f"{lengths[0]} pages",
        )
    return stack


def _first_path(stack: Stack) -> Path:
    """Return the path of the first file."""
    return next(part.path for part in stack.parts if part is not None)


def _name(stack: Stack, number: int) -> str:
    part = stack.parts[number]
    return part.path.name if part is not None else ""


def _fits(stack: Stack, axes: str) -> bool:
    return Axes(
        letters=stack.axes,
        shape=stack.shape,
        named=stack.names_axes,
        title="",
        path=_first_path(stack),
    ).fit(axes)


def _odd(path: Path, first: Path, found: str, expected: str) -> CorruptRecordingError:
    return CorruptRecordingError(
        f"{path.name} is not like the other TIFFs of the folder",
        expected=expected or f"pages as in {first.name}",
        found=found,
        path=path,
        cure="put the files of one recording into a folder of their own, or open a single file",
    )
