"""What was done to a signal, step by step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from wormio.signal._fields import json_field

if TYPE_CHECKING:
    from wormio.signal.signal import Signal

__all__ = ["Step", "new_step"]


@attrs.frozen
class Step:
    """One thing that was done to a signal.

    Parameters
    ----------
    name : str
    parameters : mapping
        JSON-able; what was asked for: the arguments of the step's function, all of them, so that
        it can be repeated. A signal among them is kept as ``{"signal": {"channel": ...,
        "digest": ..., "history": [...]}}``.
    version : str
        Of wormio.
    found : mapping
        JSON-able; what was found on the way, for example fitted numbers.
    """

    name: str
    parameters: Mapping[str, Any] = json_field(factory=dict)
    version: str = ""
    found: Mapping[str, Any] = json_field(factory=dict)


def new_step(
    name: str, parameters: Mapping[str, Any], found: Mapping[str, Any] | None = None
) -> Step:
    """Return a step of this version of wormio; signals among the parameters are described."""
    import wormio
    from wormio.signal.signal import Signal

    kept = {
        key: _describe(value) if isinstance(value, Signal) else value
        for key, value in parameters.items()
    }
    return Step(name, kept, wormio.__version__, found or {})


def _describe(signal: Signal) -> dict[str, Any]:
    about = {
        "channel": signal.channel.name,
        "digest": signal.digest,
        "history": [attrs.asdict(step) for step in signal.history],
    }
    return {"signal": about}
