"""A tiny complete format of its own, made to be broken: mutants override one method each.

A folder with ``recording.json`` (everything but pixels) and ``frames.bin`` (raw, little-endian,
frame after frame). The adapter is a class, so that a mutant is a subclass. The option ``adapter``
names the class and travels in the recording's Source, also into other processes; where no options
can be given (detection in a child process), the environment variable WORMIO_TEST_MUTANT names it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from wormio.errors import CorruptRecordingError, MissingPartError, TruncatedRecordingError
from wormio.model import (
    BaseRecording,
    Channel,
    Clock,
    Events,
    FileLayout,
    Finding,
    Flag,
    FrameArray,
    MappedFrames,
    MissingFrames,
    Origin,
    Source,
    Timeline,
    VoxelSize,
    stored_in_order,
)
from wormio.model.derive import slice_timeline
from wormio.registry import (
    Confidence,
    Detection,
    Format,
    Options,
    PluginRegistry,
    Probe,
    hookimpl,
    load_code,
    option,
)
from wormio.testing import Limits, Subject, Truth

HEADER, PIXELS = "recording.json", "frames.bin"
MAGIC = "wormio-reference"
_FIRST_OF_ALL = '{"format": "wormio-reference"'

LIMITS = Limits(
    scan="told", drops=True, duplicates=True, events="stimuli", time_tol=1e-9, z_tol=1e-9
)


def make(folder: Path, truth: Truth) -> Path:
    """Write a truth as the reference format."""
    little = truth.frames.astype(truth.frames.dtype.newbyteorder("<"))
    (folder / PIXELS).write_bytes(little.tobytes())
    header = {
        "format": MAGIC,  # first, so that the head of the file shows it
        "dtype": little.dtype.str,
        "shape": list(truth.frames.shape),
        "channels": list(truth.channels),
        "voxel_size": [truth.plane_step, truth.pixel_size, truth.pixel_size],
        "time": truth.time.tolist(),
        "z": truth.z.tolist(),
        "count": truth.count.tolist(),
        "direction": truth.direction.tolist(),
        "volumes": truth.volumes.tolist(),
        "volume_counts": truth.volume_counts.tolist(),
        "events": truth.events.tolist(),
    }
    (folder / HEADER).write_text(json.dumps(header))
    return folder


@attrs.frozen(kw_only=True)
class ReferenceOptions(Options):
    """Options of the reference format."""

    adapter: str | None = option("Class that reads it, as module:Class.", default=None)


class ReferenceAdapter:
    """Opens one folder; every method is a place for a mutant to go wrong.

    Parameters
    ----------
    path : Path
    options : ReferenceOptions
    """

    def __init__(self, path: Path, options: ReferenceOptions) -> None:
        self.path = path
        self.options = options

    # -- recognising -------------------------------------------------------------------------

    @classmethod
    def detect(cls, probe: Probe) -> Detection | None:
        """Tell whether a path is of this format, asking the probe only."""
        if not probe.head(HEADER).startswith(_FIRST_OF_ALL.encode()):
            return None
        missing = () if probe.has(PIXELS) else (PIXELS,)
        return Detection(Confidence.SIGNATURE, [f"{HEADER} says so"], missing)

    # -- opening -----------------------------------------------------------------------------

    def open(self) -> BaseRecording:
        """Open the folder."""
        self.header = self.read_header()
        self.n_frames = self.count_frames()
        timeline = self.timeline()
        findings = []
        if self.n_frames < len(timeline):
            told = f"{self.n_frames} of {len(timeline)} frames were saved"
            findings.append(Finding(code="truncated", message=told))
            complete = timeline.volumes[timeline.volumes[:, 1] <= self.n_frames]
            self.n_frames = int(complete[-1, 1]) if len(complete) else 0
            timeline = slice_timeline(timeline, 0, self.n_frames)
        return self.recording(
            source=self.source(),
            frames=self.frames(),
            timeline=timeline,
            channels=self.channels(),
            voxel_size=self.voxel_size(),
            events=self.events(timeline),
            metadata=self.metadata(),
            findings=findings,
        )

    def recording(self, **parts: Any) -> BaseRecording:
        """Put the parts together."""
        return BaseRecording(**parts)

    def read_header(self) -> dict[str, Any]:
        """Read and check recording.json."""
        path = self.path / HEADER
        if not path.is_file():
            raise MissingPartError("the header is missing", path=path)
        text = path.read_bytes()
        try:
            header: dict[str, Any] = json.loads(text)
            shape = header["shape"]
            columns = {name: len(header[name]) for name in ("time", "z", "count", "direction")}
        except Exception as error:
            raise CorruptRecordingError(
                "the header is no complete JSON object",
                expected="an object with shape, time, z, count and direction",
                found=f"{len(text)} bytes: {type(error).__name__}: {error}",
                path=path,
            ) from error
        if len(shape) != 4 or set(columns.values()) != {shape[0]}:
            raise CorruptRecordingError(
                "the columns differ in length",
                expected=f"{shape[:1]} rows",
                found=str(columns),
                path=path,
            )
        return header

    def count_frames(self) -> int:
        """Check the size of frames.bin and return how many frames it holds."""
        path = self.path / PIXELS
        n_frames, channels, height, width = self.header["shape"]
        if self.options.metadata_only:
            return int(n_frames)
        if not path.is_file():
            raise MissingPartError("the frame file is missing", path=path)
        one = channels * height * width * np.dtype(self.header["dtype"]).itemsize
        facts: dict[str, Any] = {
            "expected": f"{n_frames * one} bytes: {n_frames} frames of {one}",
            "found": f"{path.stat().st_size} bytes",
            "path": path,
        }
        if path.stat().st_size > n_frames * one:
            raise CorruptRecordingError("the frame file is too long", **facts)
        if path.stat().st_size < n_frames * one and not self.options.allow_truncated:
            raise TruncatedRecordingError("the frame file ends too early", **facts)
        return int(path.stat().st_size // one)

    def source(self) -> Source:
        """Say how to open it again."""
        parts = [self.path / name for name in (HEADER, PIXELS) if (self.path / name).is_file()]
        return Source.opened(self.path, format="reference", options=self.options, parts=parts)

    def layout(self) -> FileLayout:
        """Say where each image lies."""
        _, channels, height, width = self.header["shape"]
        dtype = np.dtype(self.header["dtype"])
        image = height * width * dtype.itemsize
        return FileLayout(
            files=(self.path / PIXELS,),
            file=np.zeros((self.n_frames, channels), np.int32),
            offset=stored_in_order(self.n_frames, channels) * image,
            height=height,
            width=width,
            row_stride=width * dtype.itemsize,
            pixel_stride=dtype.itemsize,
            dtype=dtype,
        )

    def frames(self) -> FrameArray:
        """Make the lazy pixels."""
        if self.options.metadata_only:
            return MissingFrames("opened with metadata_only", str(self.path / PIXELS), "open it")
        return MappedFrames(self.layout())

    def columns(self) -> dict[str, Any]:
        """Return the arguments of the Timeline."""
        header = self.header
        count = np.array(header["count"], np.int64)
        repeated = np.concatenate([[False], np.diff(count) == 0])[: len(count)]
        return {
            "time": np.array(header["time"], np.float64),
            "z": np.array(header["z"], np.float64),
            "count": count,
            "direction": np.array(header["direction"], np.int8),
            "volumes": np.array(header["volumes"], np.int64).reshape(-1, 2),
            "volume_counts": np.array(header["volume_counts"], np.int64).reshape(-1, 2),
            "stored": stored_in_order(len(count), header["shape"][1]),
            "flags": np.where(repeated, int(Flag.DUPLICATE), 0),
            "origins": dict.fromkeys(
                ("time", "z", "count", "volume", "direction"), Origin.MEASURED
            ),
            "clock": Clock(name="camera"),
        }

    def timeline(self) -> Timeline:
        """Make the timeline of all frames that the header names."""
        return Timeline(**self.columns())

    def channels(self) -> list[Channel]:
        """Make the channels."""
        return [Channel(name=name) for name in self.header["channels"]]

    def voxel_size(self) -> VoxelSize:
        """Make the voxel size."""
        z, y, x = self.header["voxel_size"]
        return VoxelSize(z=z, y=y, x=x)

    def events(self, timeline: Timeline) -> Mapping[str, Events]:
        """Place the stimuli."""
        counts = np.array(self.header["events"], np.int64)
        return {"stimuli": Events.at_counts(timeline, counts)} if len(counts) else {}

    def metadata(self) -> dict[str, Any]:
        """Return the header as it is, without the columns."""
        kept = ("format", "dtype", "shape", "channels", "voxel_size")
        return {name: self.header[name] for name in kept}


def forged(value: Any, **attributes: Any) -> Any:
    """Set attributes of a frozen object past all its checks: how a careless adapter would lie."""
    for name, wrong in attributes.items():
        object.__setattr__(value, name, wrong)
    return value


def adapter_class(name: str | None) -> type[ReferenceAdapter]:
    """Return the class that an option or the environment names."""
    named = name or os.environ.get("WORMIO_TEST_MUTANT")
    found: type[ReferenceAdapter] = load_code(named) if named else ReferenceAdapter
    return found


def open(path: Path, options: ReferenceOptions) -> BaseRecording:  # noqa: A001 (as openers are called)
    """Open a folder with the class that the options name."""
    return adapter_class(options.adapter)(path, options).open()


def format_for(adapter: type[ReferenceAdapter], **changes: Any) -> Format:
    """Return the Format "reference" that detects with a class."""
    arguments: dict[str, Any] = {
        "name": "reference",
        "title": "The conformance kit's own format",
        "patterns": (HEADER,),
        "opener": "reference:open",
        "options": "reference:ReferenceOptions",
        "detect": adapter.detect,
        "thread_safe": True,
    }
    return Format(**(arguments | changes))


class Plugin:
    """A plugin that offers one format.

    Parameters
    ----------
    fmt : Format
    """

    def __init__(self, fmt: Format) -> None:
        self._format = fmt

    @hookimpl
    def wormio_formats(self) -> list[Format]:
        """Return the format."""
        return [self._format]


@hookimpl
def wormio_formats() -> list[Format]:
    """Return the format, for the entry point of tests/conformance/plugin."""
    return [format_for(adapter_class(None))]


def registry_of(*formats: Format) -> PluginRegistry:
    """Make a registry of these formats and no others."""
    registry = PluginRegistry()
    for fmt in formats:
        registry.register(Plugin(fmt), fmt.name, "tests")
    return registry


def subject_for(
    adapter: type[ReferenceAdapter], *, fmt: Mapping[str, Any] | None = None, **changes: Any
) -> Subject:
    """Return the subject whose format "reference" reads with `adapter`.

    Parameters
    ----------
    adapter : type
        At the top level of an importable module.
    fmt : mapping, optional
        Changes of the `Format`.
    **changes
        Of the `Subject`.
    """
    options = {}
    if adapter is not ReferenceAdapter:
        options["adapter"] = f"{adapter.__module__}:{adapter.__qualname__}"
    arguments: dict[str, Any] = {
        "format": "reference",
        "make": make,
        "limits": LIMITS,
        "options": options,
        "capabilities": {"events", "mappable", "pickle"},
        "side_files": (HEADER, PIXELS),
        "registry": lambda: registry_of(format_for(adapter, **(fmt or {}))),
    }
    return Subject(**(arguments | changes))


subject = subject_for(ReferenceAdapter)
