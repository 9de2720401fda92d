"""The steps by name: what `replay` and recipes can carry out.

A step is a function ``name(signal, **parameters) -> Signal`` that ends with
``signal.with_step(name, parameters, found=..., ...)``, where `parameters` are its arguments: so
``step(signal, **parameters)`` does it again. A further step is one line here.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from wormio.errors import OptionError

if TYPE_CHECKING:
    from wormio.signal.signal import Signal

__all__ = ["ORIGINS", "STEPS", "step_function"]

STEPS: Mapping[str, str] = MappingProxyType(
    {
        "interpolate": "wormio.signal.cleaning:interpolate",
        "remove_infinities": "wormio.signal.spikes:remove_infinities",
        "remove_spikes": "wormio.signal.spikes:remove_spikes",
        "median_filter": "wormio.signal.spikes:median_filter",
        "smooth": "wormio.signal.smoothing:smooth",
        "derivative": "wormio.signal.smoothing:derivative",
        "subtract_baseline": "wormio.signal.baselines:subtract_baseline",
        "dff": "wormio.signal.baselines:dff",
        "normalize": "wormio.signal.normalizing:normalize",
        "segment": "wormio.signal.segments:segment",
        "select": "wormio.signal.selection:select",
        "subtract": "wormio.signal.arithmetic:subtract",
        "divide": "wormio.signal.arithmetic:divide",
        "recipe": "wormio.signal.recipe:mark",
        "substitute": "wormio.signal.substitution:substitute",
        "debleach": "wormio.signal.bleaching:debleach",
        "correct_jumps": "wormio.signal.jumps:correct_jumps",
        "correct_motion": "wormio.signal.motion:correct_motion",
    }
)
"""Where the function of each step is, imported when it is asked for."""

ORIGINS = frozenset({"extract", "import"})
"""Steps that make a signal out of something else: a history begins with them, no signal repeats
them."""


def step_function(name: str) -> Callable[..., Signal]:
    """Return the function of a step.

    Raises
    ------
    OptionError
        There is no step of that name.
    """
    if not isinstance(name, str) or name not in STEPS:
        close = difflib.get_close_matches(str(name), STEPS, n=1)
        raise OptionError(
            f"there is no step {name!r:.200}",
            expected="one of " + ", ".join(sorted(STEPS)),
            cure=f"did you mean {close[0]!r}?" if close else "",
        )
    module, _, function = STEPS[name].partition(":")
    found: Callable[..., Signal] = getattr(importlib.import_module(module), function)
    return found
