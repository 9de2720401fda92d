"""Where the channels lie in a frame: all of it, its halves, or the rectangles of alignments.mat."""

from __future__ import annotations

from pathlib import Path

import attrs
import numpy as np

from wormio.errors import CorruptRecordingError, MissingPartError, OptionError
from wormio.formats.mat.opening import read_mat
from wormio.formats.mat.tree import describe, numbers
from wormio.formats.nerve.options import NerveOptions
from wormio.model import Channel, Finding

__all__ = ["Crop", "Crops", "find_crops"]


@attrs.frozen
class Crop:
    """A rectangle of a frame, in pixels from 0."""

    y: int
    x: int
    height: int
    width: int

    def fits(self, rows: int, columns: int) -> bool:
        """Tell whether it is not empty and inside a frame."""
        return (
            min(self.y, self.x) >= 0
            and min(self.height, self.width) > 0
            and self.y + self.height <= rows
            and self.x + self.width <= columns
        )


@attrs.frozen(kw_only=True)
class Crops:
    """One rectangle a channel, all equally large.

    Parameters
    ----------
    crops : tuple of Crop
    channels : tuple of Channel
    findings : tuple of Finding
    meaning : str
        How they were found, for the metadata.
    """

    crops: tuple[Crop, ...]
    channels: tuple[Channel, ...]
    findings: tuple[Finding, ...] = ()
    meaning: str


def find_crops(path: Path | None, rows: int, columns: int, options: NerveOptions) -> Crops:
    """Find the channels of a frame.

    Parameters
    ----------
    path : Path, optional
        alignments.mat, if it is there.
    rows, columns : int
        Of a whole frame; 0 if unknown.
    options : NerveOptions

    Raises
    ------
    MissingPartError, OptionError
        The channels that were asked for are not to be had.
    TruncatedRecordingError, CorruptRecordingError
        alignments.mat cannot be read.
    """
    if options.channels == "split":
        if rows % 2:
            raise OptionError(
                "option channels='split' does not fit the frames",
                expected="an even number of rows",
                found=str(rows),
            )
        half = rows // 2
        return Crops(
            crops=(Crop(0, 0, half, columns), Crop(half, 0, half, columns)),
            # The lab's own description: red and green "in some order".
            channels=(Channel(name="upper"), Channel(name="lower")),
            meaning="split",
        )
    whole = Crops(
        crops=(Crop(0, 0, rows, columns),), channels=(Channel(name="camera"),), meaning="whole"
    )
    if options.channels == "whole":
        return whole
    if not rows:
        return _undivided(whole, "without the frame file the shape of a frame is not known")
    if path is None:
        if options.channels == "alignments":
            raise MissingPartError(
                "there is no alignments.mat",
                expected="the rectangles of the channels in it",
                cure="copy it into the folder, or use channels='split' or channels='whole'",
            )
        return _undivided(whole, "there is no alignments.mat")
    red, green, meaning = _rectangles(path, rows, columns, options)
    if (red.height, red.width) == (green.height, green.width):
        return Crops(
            crops=(red, green),
            channels=(
                Channel(name="red", role="reference"),
                Channel(name="green", role="signal"),
            ),
            meaning=meaning,
        )
    sizes = f"{red.height} x {red.width} and {green.height} x {green.width} pixels"
    if options.channels == "alignments":
        raise OptionError(
            "the channels in alignments.mat are not equally large",
            expected="two rectangles of one size: a recording has one shape",
            found=sizes,
            path=path,
            cure="use channels='whole' and cut them yourself",
        )
    return _undivided(whole, f"the rectangles in {path.name} differ in size, {sizes}")


def _undivided(whole: Crops, why: str) -> Crops:
    finding = Finding(
        code="channels-not-split",
        message=f"{why}: the whole frame, in which both channels lie, is one channel",
        cure="--option channels=split, if they are its upper and lower half",
    )
    return attrs.evolve(whole, findings=(finding,))


def _rectangles(
    path: Path, rows: int, columns: int, options: NerveOptions
) -> tuple[Crop, Crop, str]:
    mat = read_mat(path)
    given = []
    for name in ("rect1", "rect2"):
        values = numbers(mat, f"alignments.S2AHiRes.{name}")
        if values is None or values.size != 4 or not (values == np.floor(values)).all():
            raise CorruptRecordingError(
                f"alignments.S2AHiRes.{name} is no rectangle",
                expected="four whole numbers",
                found=describe(mat.variables) if values is None else str(values.tolist()[:2]),
                path=path,
                cure="open with channels='split' or channels='whole', which do not need it",
            )
        given.append([int(value) for value in values.ravel().tolist()])
    read = {
        # createAlignment.m crops rows y0 + 1 to y1 and columns x0 + 1 to x1, counted from 1.
        "corners": [Crop(y0, x0, y1 - y0, x1 - x0) for x0, y0, x1, y1 in given],
        "size": [Crop(y - 1, x - 1, height, width) for x, y, width, height in given],
    }
    fitting = {
        meaning: crops
        for meaning, crops in read.items()
        if options.rectangles in {meaning, "auto"} and all(c.fits(rows, columns) for c in crops)
    }
    if not fitting:
        raise CorruptRecordingError(
            "the channels' rectangles lie outside the frame",
            expected=f"two rectangles in {rows} rows x {columns} columns",
            found=f"rect1 = {given[0]}, rect2 = {given[1]}",
            path=path,
            cure="open with channels='whole'; or give frame_shape=, if the frame's is wrong",
        )
    if len(fitting) > 1:
        raise OptionError(
            "the channels' rectangles can be read in two ways: option rectangles is missing",
            expected="rectangles='corners' (x0 y0 x1 y1) or rectangles='size' (x y width height)",
            found=f"rect1 = {given[0]}, rect2 = {given[1]}",
            path=path,
            cure="for example rectangles='corners', as the lab's createAlignment.m saves them",
        )
    ((meaning, (red, green)),) = fitting.items()
    return red, green, f"alignments, {meaning}"
