"""The format under test: data sets written byte by byte, after the published description.

It shares no code with the reader, so that a mistake of one is not repeated by the other.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from wormio.testing import Limits, Subject, Truth

__all__ = ["Image", "subject", "version_2", "write_dataset"]

Order = Literal["<", ">"]
Image = tuple[Mapping[str, int | str], NDArray[Any], Mapping[str, Any]]
"""Axes, pixels (Y, X) or (Y, X, 3), and what the image says of itself."""


def write_dataset(
    folder: Path,
    images: Iterable[Image],
    summary: Mapping[str, Any],
    *,
    name: str = "worm",
    version: tuple[int, int] = (3, 2),
    order: Order = "<",
    images_a_file: int = 1_000_000,
    pixel_type: int | None = None,
) -> Path:
    """Write a finished data set into a folder, and return the folder.

    Parameters
    ----------
    folder : Path
    images : iterable of Image
        In the order of the acquisition.
    summary : mapping
    name : str
    version : (int, int)
    order : {"<", ">"}
    images_a_file : int
        After so many a further TIFF begins.
    pixel_type : int, optional
        In the index; default: that of the pixels.
    """
    inner = folder / "Full resolution" if version[0] == 2 else folder
    inner.mkdir(exist_ok=True)
    index = bytearray()
    pending = list(images)
    for number, first in enumerate(range(0, len(pending), images_a_file)):
        stack = f"{name}_NDTiffStack{f'_{number}' if number else ''}.tif"
        body = _header(summary, version, order)
        link = 4
        for axes, pixels, told in pending[first : first + images_a_file]:
            body += bytes(len(body) % 2)
            struct.pack_into(f"{order}I", body, link, len(body))
            text = json.dumps(told).encode()
            link, at = _add_image(body, pixels, text, order)
            kind = {(2, 1): 0, (2, 2): 1, (3, 1): 2}[pixels.ndim, pixels.dtype.itemsize]
            height, width = pixels.shape[:2]
            key = json.dumps(dict(axes), separators=(",", ":")).encode()
            words = (at, width, height, kind if pixel_type is None else pixel_type, 0)
            index += struct.pack(f"{order}I", len(key)) + key
            index += struct.pack(f"{order}I", len(stack.encode())) + stack.encode()
            index += struct.pack(f"{order}8I", *words, at + pixels.nbytes, len(text), 0)
        (inner / stack).write_bytes(body)
    (inner / "NDTiff.index").write_bytes(index)
    return folder


def _header(summary: Mapping[str, Any], version: tuple[int, int], order: str) -> bytearray:
    text = json.dumps(dict(summary)).encode()
    told = version[:1] if version[0] == 2 else version
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, 0)
    head += struct.pack(f"{order}I{len(told)}I2I", 483729, *told, 2355492, len(text))
    return bytearray(head + text)


def _add_image(body: bytearray, pixels: NDArray[Any], text: bytes, order: Order) -> tuple[int, int]:
    """Add a directory, pixels and JSON; return where the link to the next and the pixels lie."""
    height, width = pixels.shape[:2]
    samples = 3 if pixels.ndim == 3 else 1
    bits = 8 * pixels.dtype.itemsize
    link = len(body) + 2 + 13 * 12
    behind = link + 4  # three numbers of bits if RGB, two resolutions, then the pixels
    resolution = behind + (6 if samples == 3 else 0)
    at = resolution + 16
    short, long, rational, ascii_ = 3, 4, 5, 2
    entries = [
        (256, long, 1, width),
        (257, long, 1, height),
        (258, short, samples, behind if samples == 3 else bits),
        (259, short, 1, 1),
        (262, short, 1, 2 if samples == 3 else 1),
        (273, long, 1, at),
        (277, short, 1, samples),
        (278, short, 1, height),
        (279, long, 1, pixels.nbytes),
        (282, rational, 1, resolution),
        (283, rational, 1, resolution + 8),
        (296, short, 1, 3),
        (51123, ascii_, len(text), at + pixels.nbytes),
    ]
    body += struct.pack(f"{order}H", len(entries))
    for tag, kind, count, value in entries:
        # A single short stands at the left of its four bytes.
        body += struct.pack(f"{order}2HI", tag, kind, count)
        inline = kind == short and count == 1
        body += struct.pack(f"{order}HH", value, 0) if inline else struct.pack(f"{order}I", value)
    body += bytes(4)
    if samples == 3:
        body += struct.pack(f"{order}3H", bits, bits, bits)
    body += struct.pack(f"{order}4I", 1, 1, 1, 1)
    body += pixels.astype(pixels.dtype.newbyteorder(order)).tobytes() + text
    return link, at


def _images(truth: Truth, *, named: bool) -> list[Image]:
    """Return the images of a truth; their channels have names, or numbers (before 3.2)."""
    n_planes = int(np.diff(truth.volume_counts[0])[0])
    images: list[Image] = []
    for frame, count in enumerate(truth.count.tolist()):
        for channel, name in enumerate(truth.channels):
            axes: dict[str, int | str] = {
                "channel": name if named else channel,
                "z": count % n_planes,
                "time": count // n_planes,
            }
            told = {
                "ElapsedTime-ms": 1000 * float(truth.time[frame]),
                "ZPosition_um_Intended": float(truth.z[frame]),
                "PixelSizeUm": truth.pixel_size,
                "Channel": name,
                "Axes": axes,
            }
            images.append((axes, truth.frames[frame, channel], told))
    return images


def _make(folder: Path, truth: Truth) -> Path:
    summary = {"PixelSize_um": truth.pixel_size, "DateAndTime": "2022/12/26 16:25:52"}
    return write_dataset(folder, _images(truth, named=True), summary)


def _make_version_2(folder: Path, truth: Truth) -> Path:
    summary = {"PixelSize_um": truth.pixel_size}
    images = _images(truth, named=False)
    return write_dataset(
        folder, images, summary, version=(2, 0), images_a_file=len(images) // 2 + 1
    )


_LIMITS = Limits(dtypes=("uint8", "uint16"), scan="regular", drops=True)

subject = Subject(
    format="ndtiff",
    title="version 3.2",
    make=_make,
    limits=_LIMITS,
    capabilities={"mappable", "pickle"},
    side_files=("worm_NDTiffStack.tif", "NDTiff.index"),
)
version_2 = Subject(
    format="ndtiff",
    title="version 2, two files",
    make=_make_version_2,
    limits=_LIMITS,
    capabilities={"mappable", "pickle"},
    side_files=("*_NDTiffStack*.tif", "NDTiff.index"),
)
