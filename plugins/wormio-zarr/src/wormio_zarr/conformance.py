"""Three subjects: OME-Zarr 0.5 by the zarr library; 0.4, and wormio's frame table, by hand.

None shares code with the reader, or with `wormio_zarr.write`.
"""

from __future__ import annotations

import itertools
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from wormio.testing import Limits, Subject, Truth

__all__ = ["ome_04", "ome_05", "with_table"]


def _multiscale(truth: Truth, axes: str, planes: int) -> dict[str, Any]:
    """Describe an image whose times and z are those of the truth, in other units."""
    about: dict[str, dict[str, str]] = {
        "t": {"type": "time", "unit": "millisecond"},
        "c": {"type": "channel"},
        "z": {"type": "space", "unit": "nanometer"},
        "y": {"type": "space", "unit": "micrometer"},
        "x": {"type": "space", "unit": "micrometer"},
    }
    half = {"t": 500 * planes * truth.frame_interval, "z": 500 * truth.plane_step}
    half |= {"c": 0.5, "y": truth.pixel_size / 2, "x": truth.pixel_size / 2}
    start = {"t": 1000 * float(truth.time[0]), "z": 1000 * float(truth.z[0])}
    return {
        "axes": [{"name": axis, **about[axis]} for axis in axes],
        "datasets": [
            {
                "path": "full",
                "coordinateTransformations": [
                    {"type": "scale", "scale": [half[axis] for axis in axes]},
                    {"type": "translation", "translation": [start.get(a, 0) / 2 for a in axes]},
                ],
            }
        ],
        "coordinateTransformations": [{"type": "scale", "scale": [2.0] * len(axes)}],
    }


def _by_volumes(truth: Truth, order: str) -> np.ndarray[Any, np.dtype[Any]]:
    _, n_channels, height, width = truth.frames.shape
    pixels = truth.frames.reshape(len(truth.volumes), -1, n_channels, height, width)
    return np.ascontiguousarray(pixels.transpose(["tzcyx".index(axis) for axis in order]))


def _make_05(folder: Path, truth: Truth) -> Path:
    import zarr
    from zarr.codecs import BloscCodec

    path = folder / "recording.ome.zarr"
    axes = "tczyx"
    pixels = _by_volumes(truth, axes)
    omero = {"channels": [{"label": name, "color": "FFFFFF"} for name in truth.channels]}
    ome = {
        "version": "0.5",
        "multiscales": [_multiscale(truth, axes, pixels.shape[2])],
        "omero": omero,
    }
    group = zarr.create_group(store=path, zarr_format=3, attributes={"ome": ome})
    chunks = (1, 1, 2, 1 + pixels.shape[3] // 2, 3)
    array = group.create_array(
        "full",
        shape=pixels.shape,
        dtype=pixels.dtype,
        chunks=chunks,
        shards=tuple(n * k for n, k in zip(chunks, (2, 1, 2, 2, 4), strict=True)),
        compressors=BloscCodec(),
        config={"write_empty_chunks": True},
    )
    array[...] = pixels
    return path


def _make_04(folder: Path, truth: Truth) -> Path:
    """Write JSON and zlib by hand: big-endian, x slowest, z fastest, in chunks."""
    path = folder / "recording.zarr"
    axes = "xcytz"
    pixels = _by_volumes(truth, axes)
    kind = pixels.dtype.newbyteorder(">")
    scale = {"version": "0.4", **_multiscale(truth, axes, pixels.shape[4])}
    omero = {"channels": [{"label": name} for name in truth.channels]}
    chunks = [4, len(truth.channels), pixels.shape[2], 1, 3]
    (path / "full").mkdir(parents=True)
    _say(path / ".zgroup", {"zarr_format": 2})
    _say(path / ".zattrs", {"multiscales": [scale], "omero": omero})
    _say(
        path / "full" / ".zarray",
        {
            "zarr_format": 2,
            "shape": list(pixels.shape),
            "chunks": chunks,
            "dtype": kind.str,
            "compressor": {"id": "zlib", "level": 1},
            "fill_value": 0,
            "order": "F",
            "filters": None,
            "dimension_separator": "/",
        },
    )
    counts = [-(-n // c) for n, c in zip(pixels.shape, chunks, strict=True)]
    for place in itertools.product(*map(range, counts)):
        box = tuple(slice(i * c, (i + 1) * c) for i, c in zip(place, chunks, strict=True))
        part = pixels[box]
        whole = np.zeros(chunks, kind)
        whole[tuple(map(slice, part.shape))] = part
        file = (path / "full").joinpath(*map(str, place))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(zlib.compress(whole.tobytes(order="F")))
    return path


def _say(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")


def _make_table(folder: Path, truth: Truth) -> Path:
    """Write by hand, frame by frame along t, with the table that README.md describes."""
    path = folder / "recording.ome.zarr"
    scale = {
        "axes": [{"name": "t", "type": "time"}, {"name": "c", "type": "channel"}]
        + [{"name": name, "type": "space"} for name in "zyx"],
        "datasets": [
            {
                "path": "0",
                "coordinateTransformations": [{"type": "scale", "scale": [1, 1, 1, 1, 1]}],
            }
        ],
    }
    _group_3(path, {"ome": {"version": "0.5", "multiscales": [scale]}})
    n_frames, n_channels = truth.frames.shape[:2]
    _array_3(path / "0", truth.frames[:, :, np.newaxis], 2)
    names = ("time", "z", "count", "volume", "direction")
    _group_3(
        path / "wormio",
        {
            "format": "wormio-recording",
            "schema_version": 1,
            "z_unit": "um",
            "origins": dict.fromkeys(names, "MEASURED"),
            "clock": {"name": "camera", "start": None},
            "policy": {},
            "extra": [],
            "channels": [{"name": name} for name in truth.channels],
            "voxel_size": {"z": truth.plane_step, "y": truth.pixel_size, "x": truth.pixel_size},
            "events": [{"name": "stimuli", "properties": []}],
            "findings": [],
            "metadata": {},
            "origin": {},
        },
    )
    columns: dict[str, np.ndarray[Any, np.dtype[Any]]] = {
        "place": np.arange(n_frames),
        "time": truth.time,
        "raw_time": truth.time,
        "z": truth.z,
        "count": truth.count,
        "raw_count": truth.count,
        "direction": truth.direction,
        "flags": truth.duplicate.astype("i8"),  # DUPLICATE is bit 0
        "volumes": truth.volumes,
        "volume_counts": truth.volume_counts,
        "stored": np.arange(n_frames * n_channels).reshape(n_frames, n_channels),
    }
    columns |= {f"events/0/{name}": values for name, values in _stimuli(truth).items()}
    _group_3(path / "wormio" / "events", {})
    _group_3(path / "wormio" / "events" / "0", {})
    for name, values in columns.items():
        _array_3(path / "wormio" / name, values, max(len(values), 1))
    return path


def _group_3(path: Path, attributes: dict[str, Any]) -> None:
    path.mkdir(parents=True, exist_ok=True)
    _say(path / "zarr.json", {"zarr_format": 3, "node_type": "group", "attributes": attributes})


def _array_3(path: Path, values: np.ndarray[Any, np.dtype[Any]], length: int) -> None:
    """Write an array uncompressed, in chunks along its first dimension."""
    little = values.astype(values.dtype.newbyteorder("<"))
    path.mkdir(parents=True)
    _say(
        path / "zarr.json",
        {
            "zarr_format": 3,
            "node_type": "array",
            "shape": list(values.shape),
            "data_type": values.dtype.name,
            "chunk_grid": {
                "name": "regular",
                "configuration": {"chunk_shape": [length, *values.shape[1:]]},
            },
            "chunk_key_encoding": {"name": "default", "configuration": {"separator": "."}},
            "fill_value": 0,
            "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}],
            "attributes": {},
        },
    )
    for start in range(0, len(values), length):
        chunk = np.zeros((length, *values.shape[1:]), little.dtype)
        part = little[start : start + length]
        chunk[: len(part)] = part
        rest = ".0" * (values.ndim - 1)
        (path / f"c.{start // length}{rest}").write_bytes(chunk.tobytes())


def _stimuli(truth: Truth) -> dict[str, np.ndarray[Any, np.dtype[Any]]]:
    """Place each stimulus on the nearest saved frame, the earlier of two."""
    rows: list[tuple[int, float, int, int, int]] = []
    whole = truth.trigger_count.tolist()
    at = [int(np.abs(truth.count - count).argmin()) for count in truth.events]
    for count, frame in zip(truth.events.tolist(), at, strict=True):
        inside = [i for i, (first, stop) in enumerate(truth.volumes) if first <= frame < stop]
        away = abs(int(truth.count[frame]) - count)
        time = float(np.interp(count, whole, 5.0 + 0.01 * np.arange(len(whole))))
        status = 2 if at.count(frame) > 1 else int(away > 0)
        rows.append((frame, time, inside[0] if inside else -1, away, status if inside else 3))
    kinds = {"frame": "i8", "time": "f8", "volume": "i8", "error_frames": "i8", "status": "i1"}
    table: dict[str, Any] = {
        name: np.array([row[i] for row in rows], kind)
        for i, (name, kind) in enumerate(kinds.items())
    }
    return {"count": truth.events, "duration": np.full(len(at), np.nan), **table}


_DTYPES = ("uint8", "uint16", "int16", "float32", "float64")

ome_05 = Subject(
    format="zarr",
    title="OME-Zarr 0.5, sharded",
    make=_make_05,
    # The time of a single volume is not known from the interval of volumes.
    limits=Limits(scan="regular", volumes=(2, 4), dtypes=_DTYPES),
)

ome_04 = Subject(
    format="zarr",
    title="OME-Zarr 0.4, other order of axes",
    make=_make_04,
    limits=Limits(scan="regular", volumes=(2, 4), dtypes=_DTYPES),
)

with_table = Subject(
    format="zarr",
    title="OME-Zarr 0.5 with frame table",
    make=_make_table,
    limits=Limits(scan="told", dtypes=_DTYPES, drops=True, duplicates=True, events="stimuli"),
    capabilities={"events", "mappable", "pickle"},
)
