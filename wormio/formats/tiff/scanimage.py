"""ScanImage: a recording may be spread over many files, and its header says what the pages are.

Each page is one channel of one frame. The planes follow each other in cycles; the last frames of a
cycle may be flyback, taken while the scanner returns. These are no frames of the recording, but
`timeline.stored` counts their pages.
"""

from __future__ import annotations

import re
from pathlib import Path

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import (
    CorruptRecordingError,
    MissingPartError,
    TruncatedRecordingError,
)
from wormio.formats.tiff.options import TiffOptions
from wormio.formats.tiff.page_texts import DESCRIPTION, read_texts
from wormio.formats.tiff.scanimage_header import Acquisition, numbers, read_acquisition
from wormio.formats.tiff.stack import Stack, TiffPart, open_part
from wormio.model import Channel, Finding

__all__ = ["Pages", "files_of_set", "read_scanimage", "set_name"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_NAME = re.compile(r"(?P<stem>.+_\d{5})_(?P<file>\d{5})(?P<end>\.tiff?)")
_FIELD = re.compile(r"^(\w+) = (.*?)\s*$", re.MULTILINE)


@attrs.frozen(kw_only=True)
class Pages:
    """What the pages say of their own, one row a frame of the files, flyback included.

    Parameters
    ----------
    position : (N,) int64
        Frames since the first of the acquisition.
    acquisition : (N,) int64
        Number of the acquisition.
    time : (N,) float64
        Seconds; NaN where a page has none.
    triggers : mapping of str to tuple of float
        Times of auxiliary triggers in seconds, by the name of the input; without those that saw
        none.
    epoch : tuple of float
        Date and time of second 0: year, month, day, hour, minute, second; empty if not known.
    findings : tuple of Finding
    """

    position: Ints
    acquisition: Ints
    time: Floats
    triggers: dict[str, tuple[float, ...]]
    epoch: tuple[float, ...] = ()
    findings: tuple[Finding, ...] = ()

    def until(self, n: int) -> Pages:
        """Return the first `n` rows."""
        return attrs.evolve(
            self, position=self.position[:n], acquisition=self.acquisition[:n], time=self.time[:n]
        )


def set_name(path: Path) -> str:
    """Return what the files of one acquisition have in common in their names."""
    name = _NAME.fullmatch(path.name)
    return path.name if name is None else name["stem"]


def files_of_set(path: Path) -> list[Path]:
    """Return the files of the acquisition that a file belongs to, in order.

    Raises
    ------
    MissingPartError
        There is a gap in their numbers.
    """
    name = _NAME.fullmatch(path.name)
    if name is None:
        return [path]
    found: dict[int, Path] = {}
    for other in path.parent.iterdir():
        match = _NAME.fullmatch(other.name)
        if match and match["stem"] == name["stem"] and match["end"] == name["end"]:
            found[int(match["file"])] = other
    numbered = sorted(found)
    lost = sorted(set(range(1, numbered[-1] + 1)) - set(numbered))
    if lost:
        missing = path.with_name(f"{name['stem']}_{lost[0]:05d}{name['end']}")
        raise MissingPartError(
            f"{len(lost)} files of the acquisition are missing",
            expected=f"files 1 to {numbered[-1]}",
            found=f"no file {', '.join(map(str, lost[:10]))}",
            path=missing,
            cure="copy all files of the acquisition into one folder, or open this file alone with "
            "single_file=True",
        )
    # The path as it was given, for messages and for the source.
    return [path if other.name == path.name else other for _, other in sorted(found.items())]


def read_scanimage(part: TiffPart, options: TiffOptions) -> tuple[Stack, Acquisition, Pages]:
    """Read the files of an acquisition.

    Returns
    -------
    Stack
        Its outer axes are T, all frames of the files with flyback, and C.
    Acquisition
    Pages

    Raises
    ------
    MissingPartError
        A file of the set is not there.
    TruncatedRecordingError
        A file ends too early.
    CorruptRecordingError
        Files of a set have different headers.
    """
    acquisition = read_acquisition(part)
    parts = [part]
    if acquisition.frames_per_file is not None and not options.single_file:
        parts = _open_set(part, options)
    n_channels = len(acquisition.channels)
    page, file, findings = _pages(parts, acquisition, options)
    pages = _read_pages(parts, page, file, n_channels, acquisition)
    per_frame = page.reshape(-1, n_channels)
    keyframe = part.keyframe
    stack = Stack(
        dialect="scanimage",
        parts=tuple(parts),
        axes="TC" + keyframe.axes,
        shape=(*per_frame.shape, *keyframe.shape),
        file=file.reshape(-1, n_channels),
        page=per_frame,
        cut=np.zeros(per_frame.shape, bool),
        dtype=keyframe.dtype,
        channels=tuple(Channel(name=name) for name in acquisition.channels),
        metadata={
            "dialect": "scanimage",
            "frame_rate": acquisition.frame_rate,
            "volume_rate": acquisition.volume_rate,
            "header": dict(acquisition.header),
        },
        findings=tuple(findings),
    )
    return stack, acquisition, pages


def _open_set(part: TiffPart, options: TiffOptions) -> list[TiffPart]:
    parts = []
    for path in files_of_set(part.path):
        other = part
        if path != part.path:
            other = open_part(path, allow_truncated=options.allow_truncated)
        if other.software != part.software:
            raise CorruptRecordingError(
                "the files are named like those of one acquisition, but their headers differ",
                expected=f"the ScanImage header of {part.path.name}",
                found=f"another one in {path.name}",
                path=path,
                cure="put the files of each acquisition into a folder of their own, or open one "
                "alone with single_file=True",
            )
        parts.append(other)
    return parts


def _pages(
    parts: list[TiffPart], acquisition: Acquisition, options: TiffOptions
) -> tuple[Ints, NDArray[np.int32], list[Finding]]:
    """Return page and file of each image, and what was cut off."""
    findings: list[Finding] = []
    n_channels = len(acquisition.channels)
    page: list[Ints] = []
    file: list[NDArray[np.int32]] = []
    for number, part in enumerate(parts):
        n = len(part.chain.pages)
        whole = n % n_channels == 0
        wanted = acquisition.frames_per_file
        is_last = number == len(parts) - 1
        if not is_last and wanted is not None:
            whole = n == wanted * n_channels
        if not whole and not options.allow_truncated:
            raise TruncatedRecordingError(
                "a file holds fewer pages than its frames need",
                expected=f"{n_channels} a frame"
                if is_last or wanted is None
                else f"{wanted} frames of {n_channels} pages, as its header says",
                found=f"{n} pages",
                path=part.path,
                cure="copy the file again, or open it with allow_truncated=True to get the "
                "complete volumes only",
            )
        n -= n % n_channels
        page.append(np.arange(n))
        file.append(np.full(n, number, np.int32))
        if not whole:
            findings.append(
                Finding(
                    code="truncated",
                    message=f"{part.path.name} ends after {n // n_channels} frames; what follows "
                    "it is left out",
                    cure="copy the file again",
                )
            )
        if not whole or part.chain.broken:
            break
    return np.concatenate(page), np.concatenate(file), findings


def _read_pages(
    parts: list[TiffPart],
    page: Ints,
    file: NDArray[np.int32],
    n_channels: int,
    acquisition: Acquisition,
) -> Pages:
    """Read what the first page of each frame says of it."""
    rows: list[dict[str, str]] = []
    for number, part in enumerate(parts):
        mine = page[file == number][::n_channels]
        texts = read_texts(part.chain, DESCRIPTION, mine.tolist())
        rows += [dict(_FIELD.findall(text)) for text in texts]
    findings: list[Finding] = []
    names = ("frameNumbers", "acquisitionNumbers", "frameNumberAcquisition")
    columns = [_column(rows, name) for name in names]
    position, acquisitions = _positions(columns, acquisition, findings)
    triggers: dict[str, tuple[float, ...]] = {}
    inputs = sorted({name for row in rows for name in row if name.startswith("auxTrigger")})
    for name in inputs:
        seen = [t for row in rows for t in numbers(row.get(name, "")) if np.isfinite(t)]
        if seen:
            triggers[name] = tuple(sorted(seen))
    epoch = numbers(rows[0].get("epoch", "")) if rows else []
    return Pages(
        position=position,
        acquisition=acquisitions,
        time=_column(rows, "frameTimestamps_sec"),
        triggers=triggers,
        epoch=tuple(epoch) if len(epoch) == 6 and np.isfinite(epoch).all() else (),
        findings=tuple(findings),
    )


def _column(rows: list[dict[str, str]], name: str) -> Floats:
    found = [numbers(row.get(name, "")) for row in rows]
    return np.array([values[0] if len(values) == 1 else np.nan for values in found], np.float64)


def _positions(
    columns: list[Floats], acquisition: Acquisition, findings: list[Finding]
) -> tuple[Ints, Ints]:
    """Return each frame's place in its acquisition, and which acquisition that is.

    A stack whose planes are single acquisitions (the stage moves in between) is counted through.
    """
    frame, number, within = columns
    n = len(frame)
    if acquisition.slow:
        number, within = np.zeros(n), frame
    known = np.isfinite(within).all() and np.isfinite(number).all() and n > 0
    if known:
        first = within[0]
        position = within - 1
        steps = np.diff(within)[np.diff(number) == 0]
        if acquisition.averaged > 1 and len(steps) and np.median(steps) == acquisition.averaged:
            position = (within - first % acquisition.averaged) // acquisition.averaged
        again = np.diff(number) != 0
        rising = (np.diff(position) > 0) | again
        known = bool(
            (position >= 0).all()
            and (position < 2**40).all()
            and rising.all()
            and (np.diff(number) >= 0).all()
        )
        # Numbers that leap by more than there are frames count something else.
        known = known and bool((np.diff(position)[~again] <= max(1000, 10 * n)).all())
        if known:
            return position.astype(np.int64), number.astype(np.int64)
    if any(np.isfinite(column).any() for column in columns):
        findings.append(
            Finding(
                code="frame-numbers-unusable",
                message="the frame numbers of the pages do not count up: the pages are taken as "
                "one frame after the other, none of them lost",
            )
        )
    return np.arange(n), np.zeros(n, np.int64)
