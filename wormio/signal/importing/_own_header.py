"""What wormio adds to the header of a text signal, so that reading it back loses little."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import FormatError, WormioError
from wormio.model import Channel, Events
from wormio.signal.signal import Signal, Step

__all__ = ["KEY", "own_fields", "own_header"]

KEY = "wormio"


def own_header(signal: Signal) -> dict[str, Any]:
    """Return all of a signal that the table cannot hold, but sample times, voxels, provenance."""
    import wormio

    return {
        "version": wormio.__version__,
        "shape": list(signal.data.shape),
        "channel": attrs.asdict(signal.channel),
        "quantity": signal.quantity,
        "unit": signal.unit,
        "recording": signal.recording,
        "labels": list(signal.labels),
        "volume": signal.volume.tolist(),
        "time": [None if np.isnan(t) else t for t in signal.time.tolist()],
        # Of the table itself, a finite number is a measured one.
        "valid_differs": _runs(signal.valid != np.isfinite(signal.data)),
        "events": {name: _plain(table.to_json()) for name, table in signal.events.items()},
        "history": [attrs.asdict(step) for step in signal.history],
        "extraction": _extraction(signal),
    }


def own_fields(header: Mapping[str, Any], data: NDArray[np.float64], path: Path) -> dict[str, Any]:
    """Return the fields of `Signal` that a header of ours holds; nothing of any other.

    Raises
    ------
    FormatError
        The header is ours and does not fit the table.
    """
    own = header.get(KEY)
    if not isinstance(own, Mapping) or "valid_differs" not in own:
        return {}
    try:
        shape = tuple(own["shape"])
        if data.shape == (0, 0) and shape[0] == 0:
            data = np.zeros((0, len(own["labels"])))
        if data.shape != shape:
            raise ValueError(f"a table of shape {data.shape}, a header of {shape}")
        valid = np.isfinite(data)
        for column, first, stop in own["valid_differs"]:
            valid[first:stop, column] ^= True
        return {
            "data": data,
            "valid": valid,
            "channel": Channel(**own["channel"]),
            "quantity": str(own["quantity"]),
            "unit": str(own["unit"]),
            "recording": str(own["recording"]),
            "labels": own["labels"],
            "volume": np.array(own["volume"], np.int64),
            "time": np.array([np.nan if t is None else t for t in own["time"]], np.float64),
            "events": {name: Events.from_json(one) for name, one in own["events"].items()},
            "history": [Step(**step) for step in own["history"]],
        }
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        problem = error.problem if isinstance(error, WormioError) else str(error)
        raise FormatError(
            "the header that wormio wrote does not fit the table any more",
            found=f"{type(error).__name__}: {problem}"[:300],
            path=path,
            cure=f"remove {KEY!r} from the header to read the numbers alone",
        ) from error


def _extraction(signal: Signal) -> dict[str, Any] | None:
    """Return how the samples were extracted, without the arrays; to be read, not to be restored."""
    made = signal.provenance
    if made is None:
        return None
    told = {"options": made.options, "versions": made.versions, "recording": made.recording_id}
    text = json.dumps(made.options, sort_keys=True)
    return {**told, "sha256_of_options": hashlib.sha256(text.encode()).hexdigest()}


def _plain(table: dict[str, Any]) -> Any:
    return json.loads(json.dumps(table, default=str))  # dates


def _runs(differs: NDArray[np.bool_]) -> list[list[int]]:
    """Return [column, first row, row after the last] of each run."""
    padded = np.pad(differs.T.astype(np.int8), ((0, 0), (1, 1)))
    steps = np.diff(padded, axis=1)
    columns, first = np.nonzero(steps == 1)
    _, stop = np.nonzero(steps == -1)
    return [list(run) for run in zip(columns.tolist(), first.tolist(), stop.tolist(), strict=True)]
