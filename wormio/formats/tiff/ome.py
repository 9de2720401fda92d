"""OME-XML: the images of a file, their dimensions, and on which page of which file each plane is.

The map from planes to pages is read here and not by tifffile, which fills planes that it cannot
find with zeros and opens whatever file the XML names.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import CorruptRecordingError, OptionError, UnsupportedCapabilityError
from wormio.formats.tiff.stack import TiffPart
from wormio.storage.door import translated

__all__ = [
    "OmeImage",
    "PlaneMap",
    "attribute",
    "children",
    "is_ome",
    "map_planes",
    "named_files",
    "read_images",
]

Element = ET.Element
_START = re.compile(r"<(\w+:)?OME[\s>]")
_ORDER = re.compile(r"XY(ZCT|ZTC|CZT|CTZ|TZC|TCZ)")
# More planes than this many a page, or in all, are no recording but a damaged number.
_MAX_PLANES_A_PAGE = 100
_MAX_EMPTY_PLANES = 1_000_000


@attrs.frozen(kw_only=True)
class OmeImage:
    """One Image element.

    Parameters
    ----------
    name : str
    element, pixels : Element
        The Image and its Pixels.
    axes : str
        Outer axes, slowest first, a permutation of T, Z, C.
    shape : tuple of int
        Their lengths; C counts planes, not samples.
    samples : int
        Of a pixel.
    size_y, size_x : int
    modulo : tuple of (str, str, int)
        Axes that hide another: which one, the letter of the hidden one, and its length.
    uuid : str
        Of the file that the XML lies in.
    """

    name: str
    element: Element = attrs.field(eq=False)
    pixels: Element = attrs.field(eq=False)
    axes: str
    shape: tuple[int, ...]
    samples: int
    size_y: int
    size_x: int
    modulo: tuple[tuple[str, str, int], ...]
    uuid: str


@attrs.frozen(kw_only=True)
class PlaneMap:
    """Where the planes of an image are.

    Parameters
    ----------
    file : (outer axes) int32
        Index of the file, as `find` numbered it; -1 where no plane was saved.
    page : (outer axes) int64
    outside : int
        TiffData elements that lie outside the declared dimensions.
    """

    file: NDArray[np.int32]
    page: NDArray[np.int64]
    outside: int


def is_ome(part: TiffPart) -> bool:
    """Tell whether the first page's description is OME-XML, whole or not."""
    return _START.search(part.description[:4096]) is not None


def children(element: Element, name: str) -> Iterator[Element]:
    """Return the children of that name, in whatever version of the OME namespace."""
    return (child for child in element if _local(child) == name)


def attribute(element: Element, name: str, default: int) -> int:
    """Return an integer attribute."""
    return int(element.attrib.get(name, default))


def _local(element: Element) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def read_images(part: TiffPart) -> list[OmeImage]:
    """Read the Image elements.

    Raises
    ------
    OptionError
        The file is a part of a recording whose XML lies in another one.
    CorruptRecordingError
        The XML is broken or has no image.
    """
    with translated(part.path, "TIFF", "its OME-XML was parsed"):
        # Expat 2.4 and later bounds the expansion of entities, and external ones are not fetched.
        root = ET.fromstring(part.description)  # noqa: S314
        for binary_only in children(root, "BinaryOnly"):
            raise OptionError(
                "the file holds pixels of a recording whose header lies in another file",
                found=f"BinaryOnly, MetadataFile={binary_only.attrib.get('MetadataFile')!r}",
                path=part.path,
                cure="open that file instead",
            )
        modulo = dict(_modulo(root))
        uuid = root.attrib.get("UUID", "")
        images = [
            _image(element, pixels, modulo, uuid)
            for element in children(root, "Image")
            for pixels in children(element, "Pixels")
        ]
    if not images:
        raise CorruptRecordingError("the OME-XML has no image", path=part.path)
    return images


def named_files(part: TiffPart) -> set[str]:
    """Return the names of all files that the OME-XML says belong together, its own included."""
    names = {part.path.name}
    for image in read_images(part):
        for block in children(image.pixels, "TiffData"):
            name, uuid = _file_of(block)
            # A file that was renamed is still known by its UUID.
            if name and not (uuid and uuid == image.uuid):
                names.add(name)
    return names


def _image(
    element: Element,
    pixels: Element,
    modulo: dict[str, tuple[tuple[str, str, int], ...]],
    uuid: str,
) -> OmeImage:
    order = pixels.attrib["DimensionOrder"]
    if not _ORDER.fullmatch(order):
        raise ValueError(f"DimensionOrder is {order!r}")
    samples = {attribute(c, "SamplesPerPixel", 1) for c in children(pixels, "Channel")} or {1}
    if len(samples) > 1:
        raise UnsupportedCapabilityError(
            "channels with different numbers of samples are not supported",
            found=f"SamplesPerPixel {sorted(samples)}",
        )
    (n_samples,) = samples
    sizes = {axis: attribute(pixels, f"Size{axis}", 0) for axis in "XYZCT"}
    if min(sizes.values()) < 1 or n_samples < 1 or sizes["C"] % n_samples:
        raise ValueError(f"sizes are {sizes}, {n_samples} samples a pixel")
    sizes["C"] //= n_samples
    axes = order[:1:-1]
    references = {r.attrib.get("ID", "") for r in element.iter() if _local(r) == "AnnotationRef"}
    return OmeImage(
        name=element.attrib.get("Name", ""),
        element=element,
        pixels=pixels,
        axes=axes,
        shape=tuple(sizes[axis] for axis in axes),
        samples=n_samples,
        size_y=sizes["Y"],
        size_x=sizes["X"],
        modulo=tuple(m for ref in sorted(references) for m in modulo.get(ref, ())),
        uuid=uuid,
    )


def _modulo(root: Element) -> Iterator[tuple[str, tuple[tuple[str, str, int], ...]]]:
    """Return, annotation by annotation, the axes that are hidden in others."""
    import tifffile

    for group in children(root, "StructuredAnnotations"):
        for annotation in group:
            if not annotation.attrib.get("Namespace", "").endswith("modulo"):
                continue
            found = []
            for along in annotation.iter():
                name = _local(along)
                if not name.startswith("ModuloAlong") or name[-1] not in "TZC":
                    continue
                letter = tifffile.TIFF.AXES_CODES.get(along.attrib.get("Type", "other"), "Q")
                if "Start" in along.attrib:
                    start, end = float(along.attrib["Start"]), float(along.attrib["End"])
                    length = round((end - start) / float(along.attrib.get("Step", 1))) + 1
                else:
                    length = len(list(children(along, "Label")))
                if length > 1:
                    found.append((name[-1], letter, length))
            yield annotation.attrib.get("ID", ""), tuple(found)


def map_planes(
    image: OmeImage, path: Path, find: Callable[[str, str], int], pages_of: Callable[[int], int]
) -> PlaneMap:
    """Find the page of each plane.

    Parameters
    ----------
    image : OmeImage
    path : Path
        Of the file that the XML lies in.
    find : callable
        ``find(file name, uuid)`` returns the number of a file; ``find("", "")`` that of the file
        itself.
    pages_of : callable
        ``pages_of(number)`` returns how many pages a file has.

    Raises
    ------
    CorruptRecordingError
        Two pages claim to be the same plane, or a number is impossible.
    """
    total = math.prod(image.shape)
    blocks = list(children(image.pixels, "TiffData"))
    if not blocks:
        raise CorruptRecordingError(
            f"the OME-XML does not say where the planes of image {image.name!r} are",
            expected="TiffData elements",
            found="none",
            path=path,
        )
    numbered = [(block, find(*_file_of(block))) for block in blocks]
    n_pages = sum(pages_of(number) for number in {number for _, number in numbered})
    if total > max(_MAX_EMPTY_PLANES, _MAX_PLANES_A_PAGE * n_pages):
        raise CorruptRecordingError(
            "the OME-XML declares far more planes than there are pages",
            expected=f"a number of planes that fits {n_pages} pages",
            found=f"{image.axes} of {image.shape}: {total} planes",
            path=path,
        )
    file = np.full(total, -1, np.int32)
    page = np.full(total, -1, np.int64)
    outside = 0
    for block, number in numbered:
        first = [attribute(block, f"First{axis}", 0) for axis in image.axes]
        ifd = attribute(block, "IFD", 0)
        inside = all(0 <= i < n for i, n in zip(first, image.shape, strict=True))
        if not inside:
            outside += 1
            continue
        start = int(np.ravel_multi_index(first, image.shape))
        # Without IFD and count, an element stands for all pages, as many as fit.
        default = 1 if "IFD" in block.attrib else min(pages_of(number), total - start)
        count = attribute(block, "PlaneCount", attribute(block, "NumPlanes", default))
        if ifd < 0 or count < 0:
            raise ValueError(f"TiffData names page {ifd} and {count} planes")
        if start + count > total:
            outside += 1
        stop = min(start + count, total)
        pages = np.arange(ifd, ifd + stop - start)
        taken = (file[start:stop] >= 0) & (
            (file[start:stop] != number) | (page[start:stop] != pages)
        )
        if taken.any():
            at = np.unravel_index(start + int(np.flatnonzero(taken)[0]), image.shape)
            raise CorruptRecordingError(
                "the OME-XML gives two pages for one plane",
                found=", ".join(f"{a} {int(i)}" for a, i in zip(image.axes, at, strict=True)),
                path=path,
            )
        file[start:stop], page[start:stop] = number, pages
    return PlaneMap(file=file.reshape(image.shape), page=page.reshape(image.shape), outside=outside)


def _file_of(block: Element) -> tuple[str, str]:
    for uuid in children(block, "UUID"):
        return uuid.attrib.get("FileName", ""), (uuid.text or "").strip()
    return "", ""
