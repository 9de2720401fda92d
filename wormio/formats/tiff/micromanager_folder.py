"""Micro-Manager's folders of single images: one TIFF a plane, and metadata.txt."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from wormio.errors import CorruptRecordingError, MissingPartError, UnsafeReferenceError
from wormio.formats.tiff.directories import read_chain
from wormio.formats.tiff.micromanager_planes import Plane, Summary, make_stack, number_of
from wormio.formats.tiff.options import TiffOptions
from wormio.formats.tiff.stack import Stack, TiffPart, open_part
from wormio.model import Finding

__all__ = ["METADATA", "has_begun", "position_folders", "read_image_folder"]

METADATA = "metadata.txt"
_MAX_BYTES = 1 << 30
_NEW = re.compile(r"img_channel(\d+)_position(\d+)_time(\d+)_z(\d+)\.tiff?")
_FRAME_KEY = re.compile(r"FrameKey-(\d+)-(\d+)-(\d+)")
_BEGINNING = re.compile(rb'^\s*\{\s*"(Summary|FrameKey|Coords-|Metadata-)')


def has_begun(head: bytes) -> bool:
    """Tell whether a metadata.txt begins as Micro-Manager's do."""
    return _BEGINNING.match(head) is not None


def position_folders(folder: Path) -> list[Path]:
    """Return the folders of single positions inside a folder, or the folder itself."""
    if (folder / METADATA).is_file():
        return [folder]
    inside = sorted(entry for entry in folder.iterdir() if (entry / METADATA).is_file())
    return sorted(inside, key=lambda entry: (len(entry.name), entry.name))


def read_image_folder(folder: Path, options: TiffOptions) -> Stack:
    """Read the images of one position.

    Raises
    ------
    MissingPartError
        There are no images, or one that metadata.txt names is not there; with ``metadata_only``
        they need not be.
    UnsafeReferenceError
        It names a file outside the folder.
    CorruptRecordingError
        metadata.txt is no JSON.
    """
    tree = _read(folder / METADATA)
    listed = _listed(tree, folder)
    findings = []
    unlisted = 0
    for name in sorted(entry.name for entry in folder.iterdir()):
        at = _by_name(name)
        if at is not None and name not in listed:
            listed[name] = Plane(file=0, page=0, t=at[0], z=at[1], c=at[2])
            unlisted += 1
    if unlisted:
        findings.append(
            Finding(
                code="images-unlisted",
                message=f"{unlisted} images are not in {METADATA}: their place is in their names, "
                "their times are not known",
            )
        )
    parts: list[TiffPart | None] = []
    planes = []
    keyframe: TiffPart | None = None
    for name, plane in sorted(listed.items(), key=lambda item: _order(item[1])):
        path = _safe(folder, name, options)
        planes.append(attrs.evolve(plane, file=len(parts)))
        if not path.is_file():
            if not options.metadata_only:
                raise MissingPartError(
                    f"{name} is missing: {METADATA} says that an image lies there",
                    path=path,
                    cure="copy all files of the recording, or look at the rest with "
                    "metadata_only=True",
                )
            parts.append(None)
        elif keyframe is None:
            keyframe = open_part(path, allow_truncated=options.allow_truncated)
            parts.append(keyframe)
        else:
            chain = read_chain(path, allow_truncated=options.allow_truncated)
            parts.append(attrs.evolve(keyframe, chain=chain))
    if keyframe is None:
        raise MissingPartError(
            "the folder has no image", expected=f"images that {METADATA} names", path=folder
        )
    summary = tree.get("Summary")
    stack = make_stack(Summary(summary if isinstance(summary, dict) else {}), parts, planes, folder)
    return attrs.evolve(stack, findings=(*stack.findings, *findings))


def _order(plane: Plane) -> tuple[int, int, int]:
    return plane.t, plane.z, plane.c


def _read(path: Path) -> dict[str, Any]:
    size = path.stat().st_size
    if size > _MAX_BYTES:
        raise CorruptRecordingError(
            f"{METADATA} is impossibly large",
            expected=f"at most {_MAX_BYTES} bytes",
            found=f"{size} bytes",
            path=path,
        )
    text = path.read_text(encoding="utf-8", errors="replace")
    try:
        tree = json.loads(text)
    except (ValueError, RecursionError) as error:
        tree = _unfinished(text)
        if tree is None:
            raise CorruptRecordingError(
                f"{METADATA} is no JSON", found=str(error)[:200], path=path
            ) from error
    if not isinstance(tree, dict):
        raise CorruptRecordingError(
            f"{METADATA} is no JSON object", found=repr(tree)[:100], path=path
        )
    return tree


def _unfinished(text: str) -> Any:
    """Read a file that was never ended: each image adds an entry, the end the last brace."""
    try:
        return json.loads(text.rstrip().rstrip(",") + "}")
    except (ValueError, RecursionError):
        return None


def _listed(tree: Mapping[str, Any], folder: Path) -> dict[str, Plane]:
    """Return the images that metadata.txt names."""
    planes: dict[str, Plane] = {}
    for key, entry in tree.items():
        if not isinstance(entry, Mapping):
            continue
        match = _FRAME_KEY.fullmatch(key)
        if match and isinstance(entry.get("FileName"), str):
            t, c, z = map(int, match.groups())
            planes[_basename(entry["FileName"])] = _plane(entry, t=t, z=z, c=c)
        elif key.startswith("Coords-"):
            name = key.removeprefix("Coords-")
            more = tree.get(f"Metadata-{name}")
            at = {
                short: _index(entry, long, folder)
                for short, long in (("t", "time"), ("z", "z"), ("c", "channel"))
            }
            planes[_basename(name)] = _plane(more if isinstance(more, Mapping) else {}, **at)
    return planes


def _basename(name: str) -> str:
    """Return the name in the position's folder: newer versions put that folder before it."""
    head, _, tail = name.replace("\\", "/").rpartition("/")
    return tail if head and "/" not in head and head != ".." else name


def _index(entry: Mapping[str, Any], name: str, folder: Path) -> int:
    value = number_of(entry, name)
    if math.isnan(value):
        return 0  # an axis that the recording does not have
    if not 0 <= value < 2**31 or value != int(value):
        raise CorruptRecordingError(
            f"{METADATA} has an impossible {name}",
            expected="a whole number",
            found=repr(entry.get(name))[:100],
            path=folder / METADATA,
        )
    return int(value)


def _plane(entry: Mapping[str, Any], *, t: int, z: int, c: int) -> Plane:
    return Plane(
        file=0,
        page=0,
        t=t,
        z=z,
        c=c,
        elapsed=number_of(entry, "ElapsedTime-ms", "ElapsedTimeMs") / 1000,
        z_um=number_of(entry, "ZPositionUm"),
        um_per_pixel=number_of(entry, "PixelSizeUm"),
    )


def _by_name(name: str) -> tuple[int, int, int] | None:
    """Return time, slice and channel."""
    match = _NEW.fullmatch(name)
    return None if match is None else (int(match[3]), int(match[4]), int(match[1]))


def _safe(folder: Path, name: str, options: TiffOptions) -> Path:
    path = folder / name.replace("\\", "/")
    inside = Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))
    if inside or options.trust:
        return path
    raise UnsafeReferenceError(
        f"{METADATA} names a file outside the recording's folder",
        expected=f"a file in {folder}",
        found=name,
        path=folder / METADATA,
        cure="open it with trust=True if you know where the folder comes from",
    )
