"""Opening an array of a MATLAB file."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from wormio.errors import OptionError, TruncatedRecordingError
from wormio.formats.mat.neuropal import read_colours, read_scale
from wormio.formats.mat.opening import read_mat
from wormio.formats.mat.options import MatOptions
from wormio.formats.mat.pixels import Pixels, label_axes, locate
from wormio.formats.mat.tree import (
    MatArray,
    MatFile,
    MatStruct,
    Node,
    arrays,
    describe,
    find,
    glance,
    text,
)
from wormio.formats.stacks.channels import name_channels
from wormio.formats.stacks.timing import Grid, make_timing, planes_per_volume
from wormio.model import BaseRecording, Finding, FrameArray, MissingFrames, Source, VoxelSize

__all__ = ["contents", "open"]

_SHORT = 64
_LAB_TABLES = {"hiresdata.mat", "alignments.mat"}


def contents(path: Path, options: MatOptions) -> list[str]:
    """List the arrays of three or more dimensions, as ``item=`` takes them; empty if only one.

    Raises
    ------
    RecordingError
        The file is truncated or corrupt.
    """
    mat = read_mat(path, allow_truncated=options.allow_truncated)
    found = [array.name for array in arrays(mat.variables, dimensions=3)]
    return found if len(found) > 1 else []


def open(path: Path, options: MatOptions) -> BaseRecording:  # noqa: A001 (what openers are called)
    """Open one array of a file.

    Raises
    ------
    OptionError
        Which array it is, or what its dimensions mean, is not known.
    TruncatedRecordingError, CorruptRecordingError
        The file ends too early, or contradicts itself.
    UnsupportedCapabilityError
        The array is compressed as a whole and too large; the file is of version 4.
    """
    mat = read_mat(path, allow_truncated=options.allow_truncated)
    array = _choose(mat, options)
    planes = label_axes(array, options.axes, path)
    pixels = locate(path, array, planes)
    n_t, findings = _complete(pixels, options)
    axes = list(reversed(planes.labels))
    scale = read_scale(mat, array, axes)
    stored = planes.stored()[:n_t]
    timing = make_timing(
        Grid(stored=stored, z_step=scale.z if planes.grid[1] > 1 else None), options
    )
    n_channels = planes.grid[2]
    return BaseRecording(
        source=Source.opened(path, format="matlab", options=options, parts=[path]),
        frames=_frames(pixels, n_t, options),
        timeline=timing.timeline,
        channels=name_channels(read_colours(mat, array, n_channels), timing.channel_offsets),
        voxel_size=VoxelSize(
            z=options.um_per_plane or scale.z,
            y=options.um_per_pixel or scale.yx,
            x=options.um_per_pixel or scale.yx,
        ),
        metadata={
            "variable": array.name,
            "class": array.kind,
            "size": list(array.shape),
            "variables": _plain(mat, mat.variables),
        },
        findings=[*findings, *scale.findings, *timing.findings],
    )


def _choose(mat: MatFile, options: MatOptions) -> MatArray:
    wanted = options.variable or options.item
    if options.variable and options.item and options.variable != options.item:
        raise OptionError(
            "options variable and item name two arrays",
            expected="one of them",
            found=f"variable={options.variable!r}, item={options.item!r}",
        )
    listed = arrays(mat.variables, dimensions=3)
    if wanted is None and len(listed) == 1:
        return listed[0]
    node = None if wanted is None else find(mat.variables, wanted)
    if node in arrays(mat.variables, dimensions=2) and isinstance(node, MatArray):
        return node
    holds = f"the file holds {describe(mat.variables)}"
    if wanted is not None:
        problem = f"there is no array of numbers {wanted!r} in the file"
    elif listed:
        problem = "the file holds several arrays: option variable is missing"
    else:
        problem = "the file holds no array of three or more dimensions"
    cure = f"for example variable={listed[0].name!r}" if listed else ""
    if not listed and mat.path.name.lower() in _LAB_TABLES:
        cure = "it belongs to a recording of the format 'nerve' or 'leifer': open its folder"
    raise OptionError(
        problem,
        expected="variable=" + (", ".join(repr(array.name) for array in listed) or "an array"),
        found=holds,
        path=mat.path,
        cure=cure,
    )


def _complete(pixels: Pixels, options: MatOptions) -> tuple[int, list[Finding]]:
    """Return how many indices of T to give, and what is to be said of it."""
    n_t, n_z, _ = pixels.planes.grid
    if pixels.whole == n_t:
        return n_t, []
    whole = pixels.whole
    if n_z == 1:
        whole -= whole % planes_per_volume(n_z, options)
    if not options.allow_truncated or not whole:
        raise TruncatedRecordingError(
            f"the file ends within {pixels.array.name}"
            if not options.allow_truncated
            else "not even one volume is complete",
            expected=f"{n_t} indices of T",
            found=f"{pixels.whole} complete ones",
            path=pixels.path,
            cure="copy the file again, or take its complete volumes with allow_truncated=True",
        )
    finding = Finding(
        code="truncated",
        message=f"the file ends within {pixels.array.name}: {whole} of {n_t} indices of T "
        "are whole",
    )
    return whole, [finding]


def _frames(pixels: Pixels, n_t: int, options: MatOptions) -> FrameArray:
    if options.metadata_only:
        return MissingFrames(
            "the recording was opened with metadata_only=True",
            str(pixels.path),
            "open it without metadata_only to read pixels",
        )
    return pixels.frames(n_t, options.decode_mib * 2**20)


def _plain(mat: MatFile, fields: Any) -> dict[str, Any]:
    """Return short values and texts as JSON has them, and of the rest what it is."""
    return {name: _value(mat, node) for name, node in fields.items()}


def _value(mat: MatFile, node: Node) -> Any:
    if isinstance(node, MatStruct):
        return _plain(mat, node.fields)
    kind = f"{'x'.join(map(str, node.shape))} {node.kind}".strip()
    if not isinstance(node, MatArray) or math.prod(node.shape) > _SHORT * (
        16 if node.kind == "char" else 1
    ):
        return f"<{kind}>"
    if node.kind == "char":
        return text(mat, node)
    values = glance(mat, node)
    if node.kind == "logical":
        values = values.astype(bool)
    listed = [None if isinstance(v, float) and not math.isfinite(v) else v for v in values.tolist()]
    return listed[0] if len(listed) == 1 else listed
