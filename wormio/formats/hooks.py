"""What wormio itself offers through its hooks. Importing this module imports no reader."""

from __future__ import annotations

from wormio.formats.leifer.detect import detect as detect_leifer
from wormio.formats.tiff.detect import detect as detect_tiff
from wormio.registry import Format, PositionReader, hookimpl

__all__ = ["wormio_formats", "wormio_position_readers"]


@hookimpl
def wormio_formats() -> list[Format]:
    """Return the built-in formats."""
    return [
        Format(
            name="leifer",
            title="Leifer-lab whole-brain recordings (folder with framesDetails.txt)",
            patterns=("sCMOS_Frames_U16_*.dat", "frames_U16_*.dat"),
            opener="wormio.formats.leifer.adapter:open",
            detect=detect_leifer,
            options="wormio.formats.leifer.options:LeiferOptions",
            capabilities={"events", "mappable", "pickle"},
            thread_safe=True,
            subject="wormio.testing.subjects.leifer:subject",
        ),
        Format(
            name="tiff",
            title="OME-TIFF and ImageJ hyperstacks",
            patterns=("*.tif", "*.tiff", "*.ome.tif", "*.btf"),
            opener="wormio.formats.tiff.adapter:open",
            detect=detect_tiff,
            options="wormio.formats.tiff.options:TiffOptions",
            contents="wormio.formats.tiff.adapter:contents",
            capabilities={"mappable", "pickle"},
            subject="wormio.testing.subjects.tiff:subject",
        ),
    ]


@hookimpl
def wormio_position_readers() -> list[PositionReader]:
    """Return the built-in readers of positions."""
    return [
        PositionReader(
            name="csv",
            title="CSV table with columns z_um (or z_frame), y, x and optionally label, volume",
            patterns=("*.csv", "*.tsv"),
            reader="wormio.formats.positions_csv:read",
        ),
    ]
