"""The files of a data set: where they are, what their headers say, whether anything is missing."""

from __future__ import annotations

import json
import math
import os
import struct
from pathlib import Path
from typing import Any, Literal

import attrs
import numpy as np
from numpy.typing import NDArray
from wormio.errors import (
    CorruptRecordingError,
    MissingPartError,
    OptionError,
    TruncatedRecordingError,
    UnsafeReferenceError,
    UnsupportedCapabilityError,
)
from wormio.model import Finding

from wormio_ndtiff.index import Index, read_index
from wormio_ndtiff.options import NdtiffOptions

__all__ = ["Dataset", "Stack", "decoded", "open_dataset", "parsed"]

Order = Literal["<", ">"]

_INDEX, _INNER = "NDTiff.index", "Full resolution"
_DISPLAY = "display_settings.txt"
_MAGIC, _SUMMARY = 483729, 2355492
_LONGEST_JSON = 64 << 20
_LONGEST_DISPLAY = 1 << 20
# What an acquisition sets aside is far longer; the JSON of an image has no zero.
_TAIL = 64


@attrs.frozen(kw_only=True)
class Stack:
    """One TIFF of a data set.

    Parameters
    ----------
    path : Path
    size : int
        Bytes; -1 if the file is not there.
    order : {"<", ">"}
        Byte order.
    version : str
    summary : dict
    """

    path: Path
    size: int
    order: Order = "<"
    version: str = ""
    summary: dict[str, Any] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True, eq=False)
class Dataset:
    """What is known of a data set before any image is looked at.

    Parameters
    ----------
    folder : Path
        Of the whole data set, also where the index lies one folder deeper.
    index : Index
    stacks : tuple of Stack
        One for each of ``index.files``.
    cut : str
        What shows that the index lacks its last entries; empty if nothing does.
    display : mapping, optional
    findings : tuple of Finding
    """

    folder: Path
    index: Index
    stacks: tuple[Stack, ...]
    cut: str
    display: dict[str, Any] | None
    findings: tuple[Finding, ...]

    @property
    def summary(self) -> dict[str, Any]:
        """The summary metadata, of the first file that has them."""
        return next((stack.summary for stack in self.stacks if stack.summary), {})

    @property
    def version(self) -> str:
        """Of the format, "3.2" for example; empty where no file is there."""
        return next((stack.version for stack in self.stacks if stack.version), "")

    def cut_images(self, images: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which of some images reach beyond the end of their file, (N,)."""
        index = self.index
        there = [s.size if s.size >= 0 else np.iinfo(np.int64).max for s in self.stacks]
        end = np.maximum(
            index.offset[images] + index.pixel_bytes[images],
            index.told_at[images] + index.told_bytes[images],
        )
        cut: NDArray[np.bool_] = end > np.array(there, np.int64)[index.file[images]]
        return cut

    @property
    def parts(self) -> list[Path]:
        """The files that it consists of and that are there."""
        return [self.index.path, *(stack.path for stack in self.stacks if stack.size >= 0)]


def open_dataset(path: Path, options: NdtiffOptions) -> Dataset:
    """Read the index and the headers of the files.

    Parameters
    ----------
    path : Path
        Of the folder, of the index, or of a TIFF of it.
    options : NdtiffOptions

    Raises
    ------
    MissingPartError
        The index or a file is not there.
    UnsafeReferenceError
        A file lies outside the folder.
    TruncatedRecordingError
        The index lists fewer images than there are, and ``allow_truncated`` is not given.
    CorruptRecordingError
        The index or a header is damaged.
    """
    index_path = _index_of(path)
    inner = index_path.parent
    folder = inner.parent if inner.name == _INNER else inner
    _refuse_link_out(index_path, folder, options)
    index = read_index(index_path)
    if not path.is_dir() and path != index_path and path.name not in index.files:
        raise OptionError(
            "the file is no part of the data set that it lies in",
            expected=", ".join(index.files[:5]),
            found=path.name,
            path=path,
            cure="open the folder, or this file with format='tiff'",
        )
    stacks = tuple(_open_stack(inner, folder, name, options) for name in index.files)
    cut, unfinished = _missing_entries(index, stacks)
    if cut and not options.allow_truncated:
        raise TruncatedRecordingError(
            "the index ends too early",
            expected="an entry for each image of the TIFFs",
            found=cut,
            path=index_path,
            cure="copy the index again, or take the complete volumes that it lists with "
            "allow_truncated=True",
        )
    findings = []
    if unfinished:
        findings.append(
            Finding(
                code="unfinished",
                message="the files are longer than what is in them: the acquisition goes on, or "
                "did not end as it should; what the index lists is given",
            )
        )
    if index.n_replaced:
        findings.append(
            Finding(
                code="images-replaced",
                message=f"{index.n_replaced} images were written again later with the same axes: "
                "the later ones are given",
            )
        )
    return Dataset(
        folder=folder,
        index=index,
        stacks=stacks,
        cut=cut,
        display=_display(folder),
        findings=tuple(findings),
    )


def _index_of(path: Path) -> Path:
    if path.name == _INDEX and not path.is_dir():
        return path
    places = [path, path / _INNER] if path.is_dir() else [path.parent]
    for folder in places:
        if (folder / _INDEX).is_file():
            return folder / _INDEX
    raise MissingPartError(
        "the index of the data set is missing",
        expected=f"{_INDEX} in the folder",
        path=places[0] / _INDEX,
        cure="copy the whole folder; a TIFF alone opens with format='tiff' and axes=",
    )


def _refuse_link_out(path: Path, folder: Path, options: NdtiffOptions) -> None:
    if options.trust or not path.is_symlink():
        return
    target = Path(os.path.realpath(path))
    if not target.is_relative_to(os.path.realpath(folder)):
        raise UnsafeReferenceError(
            "the file is a link out of the recording's folder",
            found=str(target),
            path=path,
            cure="trust=True (--option trust=yes) follows it, if you made it",
        )


def _open_stack(inner: Path, folder: Path, name: str, options: NdtiffOptions) -> Stack:
    path = inner / name
    if name != path.name and not options.trust:
        raise UnsafeReferenceError(
            "the index names a file outside its folder",
            found=name[:200],
            path=inner / _INDEX,
            cure="trust=True (--option trust=yes) follows it, if you know what it is",
        )
    _refuse_link_out(path, folder, options)
    if not path.is_file():
        if options.metadata_only:
            return Stack(path=path, size=-1)
        raise MissingPartError(
            "a TIFF of the data set is missing",
            path=path,
            cure="copy the whole folder, or open with metadata_only=True",
        )
    return _read_header(path)


def _read_header(path: Path) -> Stack:
    size = path.stat().st_size
    head = _piece(path, 0, 28)
    if len(head) < 28:
        return Stack(path=path, size=size)  # cut: all its images are, too
    order: Order = ">" if head[:2] == b"MM" else "<"
    _, _, magic, major, *words = struct.unpack(f"{order}7I", head)
    if head[:4] not in (b"II*\0", b"MM\0*") or magic != _MAGIC:
        raise CorruptRecordingError(
            "the file does not begin as an NDTiff stack",
            expected=f"a TIFF header, then {_MAGIC}",
            found=head[:12].hex(" "),
            path=path,
        )
    if major not in (2, 3):
        raise UnsupportedCapabilityError(
            "the version of NDTiff is unknown", expected="2 or 3", found=str(major), path=path
        )
    minor = 0 if major == 2 else words.pop(0)  # it came with version 3
    mark, length, at = words[0], words[1], 28 if major == 3 else 24
    if mark != _SUMMARY or length > _LONGEST_JSON:
        raise CorruptRecordingError(
            "the header of the file is damaged",
            expected=f"{_SUMMARY} before the summary, and a length",
            found=f"{mark}, {length} bytes",
            path=path,
        )
    summary = {}
    if at + length <= size:
        summary = parsed(_piece(path, at, length), path, "the summary")
    return Stack(path=path, size=size, order=order, version=f"{major}.{minor}", summary=summary)


def _piece(path: Path, at: int, length: int) -> bytes:
    with path.open("rb") as file:
        file.seek(at)
        return file.read(length)


def _missing_entries(index: Index, stacks: tuple[Stack, ...]) -> tuple[str, bool]:
    """Tell what shows that the index is too short, and whether files were never shortened."""
    cut, unfinished = index.cut, index.unfinished
    for stack, end in zip(stacks, index.ends, strict=True):
        rest = stack.size - end
        if rest <= 1:  # an image begins at an even place
            continue
        if any(_piece(stack.path, max(end, stack.size - _TAIL), _TAIL)):
            cut = cut or f"{rest} bytes of {stack.path.name} belong to no image of it"
        else:
            unfinished = True
    others = sorted(set(index.path.parent.glob("*.tif")) - {stack.path for stack in stacks})
    for path in others:
        head = _piece(path, 0, 12)
        is_stack = head[8:] in (struct.pack("<I", _MAGIC), struct.pack(">I", _MAGIC))
        if is_stack and any(_piece(path, max(0, path.stat().st_size - _TAIL), _TAIL)):
            cut = cut or f"no image of {path.name} is in it"
    return cut, unfinished


def _display(folder: Path) -> dict[str, Any] | None:
    """Read the settings of the display, which nothing depends on."""
    path = folder / _DISPLAY
    try:
        if path.is_symlink() or path.stat().st_size > _LONGEST_DISPLAY:
            return None
        return parsed(path.read_bytes(), path, "the settings")
    except (OSError, CorruptRecordingError):
        return None


def parsed(text: bytes, path: Path, what: str) -> dict[str, Any]:
    """Parse a JSON object; numbers that JSON does not have become text.

    Raises
    ------
    CorruptRecordingError
        It is none.
    """
    try:
        # Micro-Manager writes NaN, which strict JSON cannot hold again.
        tree = json.loads(decoded(text), parse_constant=str, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise CorruptRecordingError(
            f"{what} is no JSON", found=f"{text[:60]!r}: {error}"[:300], path=path
        ) from error
    if not isinstance(tree, dict):
        raise CorruptRecordingError(f"{what} is no JSON object", found=repr(tree)[:100], path=path)
    return tree


def decoded(text: bytes) -> str:
    """Decode JSON text, which some versions wrote in Latin-1."""
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.decode("latin-1")


def _finite(text: str) -> float | str:
    number = float(text)
    return number if math.isfinite(number) else text
