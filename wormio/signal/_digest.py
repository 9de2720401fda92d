"""A number for what a signal holds: equal content, equal digest, on every machine."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.signal._fields import ROW_ARRAYS, SAMPLE_ARRAYS

if TYPE_CHECKING:
    from wormio.signal.signal import Signal

__all__ = ["digest"]


def digest(signal: Signal) -> str:
    """Return the SHA-256 of a signal's content; see `Signal.digest`."""
    sha = hashlib.sha256()

    def text(value: object) -> None:
        _part(sha, json.dumps(value, sort_keys=True, ensure_ascii=True).encode())

    text("wormio-signal-content-1")
    for name in (*ROW_ARRAYS, *SAMPLE_ARRAYS):
        values = getattr(signal, name)
        text(name)
        if values is not None:
            _array(sha, values)
    text([signal.labels, attrs.asdict(signal.channel), signal.quantity, signal.unit])
    text(signal.recording)
    for name in sorted(signal.events):
        table = signal.events[name]
        text(["events", name])
        for field in attrs.fields(type(table))[:-1]:
            text(field.name)
            _array(sha, getattr(table, field.name))
        for column_name in sorted(table.properties):
            column = table.properties[column_name]
            text(["property", column_name, column.unit, column.origin.name])
            _array(sha, column.values)
    return sha.hexdigest()


def _array(sha: Any, values: NDArray[Any]) -> None:
    """Add an array in one form only: little-endian, one NaN, no negative zero."""
    if values.dtype.kind == "U":
        _part(sha, json.dumps([list(values.shape), "U", values.ravel().tolist()]).encode())
        return
    if values.dtype.kind == "f":
        values = np.where(np.isnan(values), np.array(np.nan, values.dtype), values + 0)
    plain = np.ascontiguousarray(values.astype(values.dtype.newbyteorder("<"), copy=False))
    _part(sha, json.dumps([list(values.shape), plain.dtype.str]).encode())
    _part(sha, plain.tobytes())


def _part(sha: Any, raw: bytes) -> None:
    """Add bytes and their length, so that no two sequences of parts look alike."""
    sha.update(len(raw).to_bytes(8, "little"))
    sha.update(raw)
