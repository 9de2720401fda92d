"""What the library nd2 reads of a file: sizes, loops, channels, texts, events. Never pixels."""

from __future__ import annotations

import dataclasses
import enum
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from wormio.errors import CorruptRecordingError, UnsupportedCapabilityError, WormioError
from wormio.model import Channel, Clock, Finding

from wormio_nd2.chunks import Chunks
from wormio_nd2.loops import Loops, read_loops

__all__ = ["Header", "Image", "read_header"]

_EVENTS = (b"ImageEvents", b"ImageEventsLV!", b"CustomData|ExperimentEventsV1_0!")
# The library makes a row of Python objects for each image that the loops count.
_MOST_ROWS = 4
_DTYPES = {8: "<u1", 16: "<u2", 32: "<f4"}
_UNIX_EPOCH_JDN = 2440587.5


@attrs.frozen(kw_only=True)
class Image:
    """How the pixels of one image are stored, all its components one beside the other.

    Parameters
    ----------
    height, width, components : int
    row_bytes : int
        From row to row; there may be padding.
    dtype : numpy.dtype
    compressed : bool
        By zlib.
    """

    height: int
    width: int
    components: int
    row_bytes: int
    dtype: np.dtype[Any]
    compressed: bool

    @property
    def n_bytes(self) -> int:
        """From the first byte of the first row to the last that counts."""
        used = self.width * self.components * self.dtype.itemsize
        return (self.height - 1) * self.row_bytes + used


@attrs.frozen(kw_only=True)
class Header:
    """What a file says of itself.

    Parameters
    ----------
    image : Image
    n_images : int
        As many it says it has.
    loops : Loops
    channels : tuple of Channel
    um : (float or None, float or None)
        Pixel size along y and x.
    clock : Clock
    tags : mapping
        Description of the recorded columns.
    noted : tuple of (float, str)
        Seconds and description of the events.
    metadata : mapping
    findings : tuple of Finding
    """

    image: Image
    n_images: int
    loops: Loops
    channels: tuple[Channel, ...]
    um: tuple[float | None, float | None]
    clock: Clock
    tags: Mapping[str, Any]
    noted: tuple[tuple[float, str], ...]
    metadata: Mapping[str, Any]
    findings: tuple[Finding, ...]


def read_header(chunks: Chunks) -> Header:
    """Let the library read what it understands.

    Raises
    ------
    CorruptRecordingError
        It cannot read the file, or what it reads is impossible.
    UnsupportedCapabilityError
        The pixels are stored in a way that is not read.
    """
    import nd2

    path = chunks.path
    findings: list[Finding] = []
    with _translated(path), nd2.ND2File(path) as file:
        loops = read_loops(file.experiment)
        image = _image(file.attributes, path)
        metadata = file.metadata
        channels = metadata.channels or []
        return Header(
            image=image,
            n_images=int(file.attributes.sequenceCount),
            loops=loops,
            channels=_channels(channels, image.components),
            um=_um(channels[0].volume) if channels else (None, None),
            clock=_clock(file, chunks),
            tags=_tags(file, chunks, findings),
            noted=_noted(file, chunks, loops, findings),
            metadata=_plain(
                {
                    "version": list(file.version),
                    "attributes": file.attributes._asdict(),
                    "experiment": file.experiment,
                    "metadata": metadata,
                    "text_info": dict(file.text_info),
                }
            ),
            findings=tuple(findings),
        )


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """Turn whatever the library raises on a bad file into an error that says so."""
    try:
        yield
    except (WormioError, MemoryError):
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise CorruptRecordingError(
            f"the metadata cannot be read as ND2: {type(error).__name__}",
            found=str(error)[:300],
            path=path,
            cure="copy the file again from where it was recorded; if it is sound there, the "
            "library nd2 cannot read it: try a newer one",
        ) from error


def _image(attributes: Any, path: Path) -> Image:
    if attributes.compressionType == "lossy":
        raise UnsupportedCapabilityError(
            "the images are compressed with loss, which is not read",
            expected="no compression, or one without loss",
            path=path,
            cure="save the file again with NIS-Elements, without lossy compression",
        )
    height, width = int(attributes.heightPx), int(attributes.widthPx or 0)
    components, bits = int(attributes.componentCount), int(attributes.bitsPerComponentInMemory)
    if bits not in _DTYPES or min(height, width, components) < 1:
        raise CorruptRecordingError(
            "the images have an impossible shape",
            expected=f"rows, columns, components, and {sorted(_DTYPES)} bits each",
            found=f"{height} x {width} x {components} of {bits} bits",
            path=path,
        )
    dtype = np.dtype(_DTYPES[bits])
    used = width * components * dtype.itemsize
    row_bytes = int(attributes.widthBytes or used)
    if row_bytes < used:
        raise CorruptRecordingError(
            "the rows of the images are shorter than their pixels",
            expected=f"at least {used} bytes",
            found=f"{row_bytes} bytes",
            path=path,
        )
    return Image(
        height=height,
        width=width,
        components=components,
        row_bytes=row_bytes,
        dtype=dtype,
        compressed=attributes.compressionType == "lossless",
    )


def _channels(listed: Sequence[Any], components: int) -> tuple[Channel, ...]:
    made = [
        Channel(
            name=str(c.channel.name or ""),
            excitation_nm=_positive(c.channel.excitationLambdaNm),
            emission_nm=_positive(c.channel.emissionLambdaNm),
        )
        for c in listed
    ]
    per_channel, rest = divmod(components, len(made)) if made else (0, 0)
    if rest or not made:
        return ()
    return tuple(channel for channel in made for _ in range(per_channel))


def _um(volume: Any) -> tuple[float | None, float | None]:
    """Return the pixel size; the library says 1 where the file says nothing."""
    x, y = (
        _positive(size) if calibrated else None
        for size, calibrated in zip(
            volume.axesCalibration[:2], volume.axesCalibrated[:2], strict=True
        )
    )
    return y, x


def _positive(value: float | None) -> float | None:
    return float(value) if value is not None and 0 < value < math.inf else None


def _clock(file: Any, chunks: Chunks) -> Clock:
    """Return the clock of the images' times; its second 0 is a Julian day."""
    names = ("ImageMetadataSeqLV|0", "ImageMetadataSeq|0")
    name = next((n for n in names if f"{n}!".encode() in chunks.places), None)
    raw = file.unstructured_metadata(strip_prefix=False, include={name}) if name else {}
    content = raw.get(name, {})
    content = content.get("SLxPictureMetadata", content) if isinstance(content, Mapping) else {}
    start = content.get("dTimeAbsolute", -1.0)
    if not isinstance(start, float) or not _UNIX_EPOCH_JDN <= start < 2 * _UNIX_EPOCH_JDN:
        return Clock(name="NIS-Elements")
    # A Julian day in 64 bits is good to a tenth of a millisecond.
    milliseconds = round((start - _UNIX_EPOCH_JDN) * 86_400_000)
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
    return Clock(name="NIS-Elements", start=moment.isoformat(timespec="milliseconds"))


def _tags(file: Any, chunks: Chunks, findings: list[Finding]) -> Mapping[str, Any]:
    name = "CustomDataV2_0"
    if f"CustomDataVar|{name}!".encode() not in chunks.places:
        return {}
    try:
        return dict(file.custom_data[name])
    except Exception as error:  # noqa: BLE001 (there is a lot else in it that may be damaged)
        findings.append(
            Finding(
                code="recorded-data-unread",
                message=f"the recorded data cannot be read: {type(error).__name__}: {error}",
            )
        )
        return {}


def _noted(
    file: Any, chunks: Chunks, loops: Loops, findings: list[Finding]
) -> tuple[tuple[float, str], ...]:
    if not any(name in chunks.places for name in _EVENTS):
        return ()
    if loops.n_images > _MOST_ROWS * len(chunks.number) + 100_000:
        findings.append(
            Finding(
                code="events-unread",
                message=f"the loops count {loops.n_images} images, the file has "
                f"{len(chunks.number)}: the events are not read",
            )
        )
        return ()
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            rows = file.events(orient="records")
        noted = [(float(row["Time [s]"]), str(row["Events"])) for row in rows if "Events" in row]
    except Exception as error:  # noqa: BLE001 (the recording does not depend on them)
        findings.append(
            Finding(
                code="events-unread",
                message=f"the events cannot be read: {type(error).__name__}: {error}",
            )
        )
        return ()
    findings += [Finding(code="nd2-warning", message=str(w.message)[:500]) for w in caught]
    return tuple(noted)


def _plain(value: Any) -> Any:
    """Return what JSON can hold."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)
