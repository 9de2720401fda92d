"""What a path holds: which dialect, which recordings, and how they are called."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import attrs

from wormio.errors import CorruptRecordingError, OptionError, TruncatedRecordingError
from wormio.formats.tiff.arrange import axes_of
from wormio.formats.tiff.folder import read_folder, tiffs_of
from wormio.formats.tiff.imagej import is_imagej, read_imagej
from wormio.formats.tiff.micromanager import is_mmstack, read_mmstack, recording_name
from wormio.formats.tiff.micromanager_folder import position_folders, read_image_folder
from wormio.formats.tiff.micromanager_planes import make_stack, positions_of
from wormio.formats.tiff.ome import is_ome, named_files, read_images
from wormio.formats.tiff.ome_stack import read_ome
from wormio.formats.tiff.options import TiffOptions
from wormio.formats.tiff.plain import count_plain, read_plain
from wormio.formats.tiff.scanimage import set_name
from wormio.formats.tiff.scanimage_header import is_scanimage
from wormio.formats.tiff.stack import Stack, TiffPart, open_part
from wormio.model import Finding

__all__ = ["Place", "choose", "labels_of", "look", "read_file", "read_together"]


@attrs.frozen(kw_only=True)
class Place:
    """What a path leads to: one file that knows the others, or files that do not.

    Parameters
    ----------
    path : Path
        As it was given.
    files : tuple of Path
        One: it knows what belongs to it. Several: a folder of equal files.
    folders : tuple of Path
        Of Micro-Manager's single images, one a position.
    knows : bool
        Whether that one file knows what belongs to it; else it is a folder of one.
    sets : tuple of str
        Names of the ScanImage acquisitions in a folder, if there are several; `files` are the
        first file of each.
    """

    path: Path
    files: tuple[Path, ...] = ()
    folders: tuple[Path, ...] = ()
    knows: bool = True
    sets: tuple[str, ...] = ()


def look(path: Path, options: TiffOptions) -> Place:
    """Find out what a path holds.

    Raises
    ------
    MissingPartError
        A folder without TIFFs.
    RecordingError
        The first TIFF is damaged.
    """
    if not path.is_dir():
        return Place(path=path, files=(path,))
    folders = position_folders(path)
    if folders:
        return Place(path=path, folders=tuple(folders))
    files = tiffs_of(path)
    first = open_part(files[0], allow_truncated=options.allow_truncated)
    if is_scanimage(first):
        sets: dict[str, Path] = {}
        for file in files:
            sets.setdefault(set_name(file), file)
        several = tuple(sets) if len(sets) > 1 else ()
        return Place(path=path, files=tuple(sets.values()), sets=several)
    named = set()
    if is_mmstack(first):
        named = {file.name for file in files if recording_name(file) == recording_name(files[0])}
    elif is_ome(first):
        named = named_files(first)
    knows = is_mmstack(first) or len(named) > 1
    if knows:
        _only_one(files, named)
        files = files[:1]
    return Place(path=path, files=tuple(files), knows=knows)


def _only_one(files: list[Path], together: set[str]) -> None:
    others = [file.name for file in files if file.name not in together]
    if others:
        raise OptionError(
            "the folder holds more than one recording",
            expected=f"the {len(together)} files that belong to {files[0].name}, and no others",
            found=", ".join(others[:5]),
            path=files[0].parent,
            cure="open one of the files: it finds the others of its recording",
        )


def labels_of(place: Place, options: TiffOptions) -> list[str]:
    """Return a name for each recording: the file's if it is a name and unique, else a number."""
    if place.folders:
        return [folder.name for folder in place.folders]
    if place.sets:
        return list(place.sets)
    if len(place.files) > 1:
        return [place.path.name]
    part = open_part(place.files[0], allow_truncated=options.allow_truncated)
    if is_mmstack(part) and options.axes is None:
        return list(positions_of(read_mmstack(part, options)[2]).values())
    return _labels(part, options)


def _labels(part: TiffPart, options: TiffOptions) -> list[str]:
    if is_ome(part):
        names = [image.name for image in read_images(part)]
        return [
            name if name and names.count(name) == 1 and not name.isdigit() else str(index)
            for index, name in enumerate(names)
        ]
    one = is_imagej(part) or (is_scanimage(part) and options.axes is None)
    return [str(i) for i in range(1 if one else count_plain(part))]


def choose(labels: Sequence[str], item: str | None, path: Path) -> int:
    """Return the index of the recording that the option asks for.

    Raises
    ------
    OptionError
        There are several, and none was chosen, or one that is not there.
    """
    if item is None and len(labels) == 1:
        return 0
    if item in labels:
        return labels.index(item)
    # Where numbers are names, another number is no place in the list.
    numbered = any(label.isdecimal() for label in labels)
    if item is not None and item.isdecimal() and int(item) < len(labels) and not numbered:
        return int(item)
    raise OptionError(
        "the file holds several images: option item is missing"
        if item is None
        else f"the file has no image {item!r}",
        expected="item=" + ", ".join(f"{label!r}" for label in labels),
        path=path,
        cure=f"for example item={labels[0]!r}",
    )


def read_together(place: Place, options: TiffOptions) -> Stack:
    """Read files of a folder that do not know of each other.

    Raises
    ------
    OptionError
        There are several, and none was chosen.
    RecordingError
        A file is damaged, missing, or not like the others.
    """
    if place.folders:
        index = choose(labels_of(place, options), options.item, place.path)
        return read_image_folder(place.folders[index], options)
    return read_folder(list(place.files), options, lambda part: _one_of_many(part, options))


def read_file(part: TiffPart, options: TiffOptions) -> Stack:
    """Let the dialect of a file read it, and the files that it names."""
    if is_mmstack(part) and options.axes is None:
        summary, parts, planes = read_mmstack(part, options)
        positions = positions_of(planes)
        index = choose(list(positions.values()), options.item, part.path)
        position = list(positions)[index]
        chosen = [plane for plane in planes if plane.position == position]
        return make_stack(summary, list(parts), chosen, part.path)
    index = choose(_labels(part, options), options.item, part.path)
    if is_ome(part):
        return read_ome(part, read_images(part)[index], options)
    if is_imagej(part):
        return _imagej(part, index, options)
    if "ndtiff" in part.flags and options.axes is None:
        raise OptionError(
            "the file is a part of an NDTiff data set, whose index says what its pages mean",
            path=part.path,
            cure="open the folder of the data set, which wormio-ndtiff reads (`pip install "
            "wormio-ndtiff`, if it is not installed); or name the dimensions of the pages: "
            "axes='TYX', for example",
        )
    return read_plain(part, index)


def _one_of_many(part: TiffPart, options: TiffOptions) -> Stack:
    """Read a file of a folder: the header of a stack that was split up holds for none of them."""
    try:
        return read_file(part, options)
    except TruncatedRecordingError:
        if not is_imagej(part) or part.chain.broken:
            raise
        return read_plain(part, 0)


def _imagej(part: TiffPart, index: int, options: TiffOptions) -> Stack:
    try:
        return read_imagej(part, allow_truncated=options.allow_truncated)
    except (CorruptRecordingError, TruncatedRecordingError, OptionError) as error:
        if options.axes is None:
            raise
        # A plane saved out of a stack keeps the stack's header; the user may know better.
        stack = read_plain(part, index)
        # In a folder, the user's axes count the files, too.
        if not axes_of(stack).fit(options.axes) and not axes_of(stack).fit(options.axes[1:]):
            raise
        finding = Finding(
            code="header-ignored",
            message=f"the ImageJ header is not used: {error.problem}; the axes are the user's",
        )
        return attrs.evolve(stack, findings=(*stack.findings, finding))
