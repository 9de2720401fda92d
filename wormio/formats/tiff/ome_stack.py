"""From an OME image to a `Stack`: opening the files that the XML names, and checking them."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wormio.errors import (
    CorruptRecordingError,
    MissingPartError,
    UnsafeReferenceError,
)
from wormio.formats.tiff.ome import OmeImage, attribute, children, map_planes
from wormio.formats.tiff.ome_header import calibration, channels, plane_columns
from wormio.formats.tiff.options import TiffOptions
from wormio.formats.tiff.stack import Stack, TiffPart, open_part
from wormio.model import Finding
from wormio.storage.door import translated

__all__ = ["read_ome"]

_UUID = re.compile(r"<(?:\w+:)?OME\s[^>]*?\bUUID=[\"']([^\"']*)[\"']")


def read_ome(part: TiffPart, image: OmeImage, options: TiffOptions) -> Stack:
    """Read one image of an OME-TIFF.

    Raises
    ------
    MissingPartError
        A file that the XML names is not there; not with ``metadata_only``.
    UnsafeReferenceError
        It lies outside the folder; not with ``trust``.
    CorruptRecordingError
        The XML and the pages contradict each other.
    """
    files = _Files(part, image, options)
    findings: list[Finding] = []
    with translated(part.path, "TIFF", "its OME-XML was read"):
        planes = map_planes(image, part.path, files.find, files.n_pages)
        steps = calibration(image, findings)
        columns = plane_columns(image, steps.z, findings)
        listed = channels(image)
    findings += files.findings
    if planes.outside:
        findings.append(
            Finding(
                code="planes-outside",
                message=f"{planes.outside} TiffData elements lie outside the declared dimensions",
            )
        )
    holes = int((planes.file < 0).sum())
    if holes:
        findings.append(
            Finding(
                code="images-missing",
                message=f"{holes} of {planes.file.size} images were never saved",
                cure="they are marked -1 in timeline.stored; reading them raises",
            )
        )
    keyframe = part.keyframe
    for number in np.unique(planes.file[planes.file >= 0]):
        used = files.parts[number]
        if used is not None:
            _check_page(used, image)
            keyframe = used.keyframe
    cut = _beyond(planes.file, planes.page, files)
    if cut.any() and not options.allow_truncated:
        at = np.unravel_index(int(np.flatnonzero(cut)[0]), cut.shape)
        used = files.parts[planes.file[at]]
        raise CorruptRecordingError(
            "the OME-XML names pages that are not there",
            expected=f"page {int(planes.page[at])} and {int(cut.sum()) - 1} more",
            found=f"{len(used.chain.pages) if used else 0} pages",
            path=used.path if used else part.path,
            cure="copy the file again, or open it with allow_truncated=True to get the complete "
            "volumes only",
        )
    outer: dict[str, Any] = {
        "file": np.where(cut, -1, planes.file).astype(np.int32),
        "page": np.where(cut, -1, planes.page),
        "cut": cut,
        "delta_t": columns.delta_t,
        "position_z": columns.position_z,
    }
    axes, shape = _uncover(image, part.path)
    outer = {name: None if a is None else a.reshape(shape) for name, a in outer.items()}
    return Stack(
        dialect="ome",
        parts=tuple(files.parts),
        axes=axes + keyframe.axes,
        shape=shape + keyframe.shape,
        dtype=keyframe.dtype,
        calibration=steps,
        channels=listed,
        metadata={"dialect": "ome", "image": image.name, "ome_xml": part.description},
        findings=tuple(findings),
        **outer,
    )


def _uncover(image: OmeImage, path: Path) -> tuple[str, tuple[int, ...]]:
    """Return the outer axes with those that modulo annotations hide in others."""
    axes, shape = image.axes, list(image.shape)
    for axis, letter, length in image.modulo:
        at = axes.index(axis)
        if shape[at] % length:
            raise CorruptRecordingError(
                f"an annotation splits axis {axis} into lengths that do not fit",
                expected=f"a divisor of {shape[at]}",
                found=str(length),
                path=path,
            )
        if shape[at] == length:
            axes = axes[:at] + letter + axes[at + 1 :]
        else:
            # The hidden axis is the faster one.
            shape[at : at + 1] = [shape[at] // length, length]
            axes = axes[: at + 1] + letter + axes[at + 1 :]
    return axes, tuple(shape)


def _check_page(part: TiffPart, image: OmeImage) -> None:
    keyframe = part.keyframe
    found = dict(zip(keyframe.axes, keyframe.shape, strict=True))
    expected = {"Y": image.size_y, "X": image.size_x, "S": image.samples}
    if {"S": 1} | found != expected:
        raise CorruptRecordingError(
            "the OME-XML and the pages disagree",
            expected=f"pages of {expected}",
            found=f"{found}",
            path=part.path,
        )


def _beyond(file: NDArray[np.int32], page: NDArray[np.int64], files: _Files) -> NDArray[np.bool_]:
    """Tell which planes are on pages that do not exist."""
    cut = np.zeros(file.shape, bool)
    for number, part in enumerate(files.parts):
        if part is not None:
            cut |= (file == number) & (page >= len(part.chain.pages))
    return cut


class _Files:
    """The files of a recording, numbered as the XML names them; the opened one is number 0."""

    def __init__(self, part: TiffPart, image: OmeImage, options: TiffOptions) -> None:
        self.parts: list[TiffPart | None] = [part]
        self.findings: list[Finding] = []
        self._numbers = {("", ""): 0}
        self._own = part.path
        self._image = image
        self._options = options

    def find(self, name: str, uuid: str) -> int:
        """Return the number of a file; opens it when it is named for the first time."""
        key = (name, uuid)
        if key not in self._numbers:
            self._numbers[key] = self._number(name, uuid)
        return self._numbers[key]

    def n_pages(self, number: int) -> int:
        """Return how many pages a file has; of an absent one, how many the XML asks for."""
        part = self.parts[number]
        if part is not None:
            return len(part.chain.pages)
        blocks = list(children(self._image.pixels, "TiffData"))
        return max(attribute(b, "IFD", 0) + attribute(b, "PlaneCount", 1) for b in blocks)

    def _number(self, name: str, uuid: str) -> int:
        # A file that was renamed is still known by its UUID.
        if (uuid and uuid == self._image.uuid) or name == self._own.name:
            return 0
        if not name:
            raise CorruptRecordingError(
                "the OME-XML refers to a file without naming it",
                found=f"UUID {uuid!r}",
                path=self._own,
            )
        for (known, _), number in self._numbers.items():
            if known == name:
                return number
        path = self._safe(name)
        if not path.is_file():
            if not self._options.metadata_only:
                raise MissingPartError(
                    f"{name} is missing: the OME-XML of {self._own.name} says that a part of the "
                    "pixels lies there",
                    path=path,
                    cure="copy all files of the recording into one folder, or look at the rest "
                    "with metadata_only=True",
                )
            self.parts.append(None)
            return len(self.parts) - 1
        part = open_part(path, allow_truncated=self._options.allow_truncated)
        found = _UUID.search(part.description[:4096])
        if uuid and found and found.group(1) != uuid:
            self.findings.append(
                Finding(
                    code="uuid-differs",
                    message=f"{name} has UUID {found.group(1)}, the OME-XML expects {uuid}: it may "
                    "belong to another recording",
                )
            )
        self.parts.append(part)
        return len(self.parts) - 1

    def _safe(self, name: str) -> Path:
        folder = self._own.parent
        path = folder / name.replace("\\", "/")
        inside = Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))
        if inside or self._options.trust:
            return path
        raise UnsafeReferenceError(
            "the OME-XML names a file outside the recording's folder",
            expected=f"a file in {folder}",
            found=name,
            path=self._own,
            cure="open it with trust=True if you know where the file comes from",
        )
