"""Motion correction: what the reference channel shows as well is no activity."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from wormio.errors import OptionError
from wormio.signal import _two_channel as two
from wormio.signal._checks import check_choice, check_number, checked_signal
from wormio.signal._range import computes
from wormio.signal._steps import refuse_repeat
from wormio.signal.arithmetic import check_together

if TYPE_CHECKING:
    from wormio.signal.signal import Signal

__all__ = ["correct_motion"]

Method = Literal["tmac", "ratio", "regression", "ica"]
Scale = Literal["relative", "signal"]
Missing = Literal["nan", "inferred"]
Floats = NDArray[np.float64]

_log = logging.getLogger(__name__)

# The function of each method, and its own options with their defaults.
_METHODS: dict[str, tuple[Callable[..., two.Outcome], dict[str, Any]]] = {
    "tmac": (two.by_tmac, {}),
    "ratio": (two.by_ratio, {"floor": 3.0}),
    "regression": (two.by_regression, {"nonnegative": True, "noisy_reference": False}),
    "ica": (two.by_ica, {}),
}
# Fewest samples measured in both channels.
_FEWEST = 20


@computes
def correct_motion(
    signal: Signal,
    reference: Signal,
    *,
    method: Method = "tmac",
    scale: Scale = "relative",
    missing: Missing = "nan",
    force: bool = False,
    **options: Any,
) -> Signal:
    """Take out of a signal what a reference channel shows as well.

    A neuron that moves changes its brightness in both channels; activity changes one. Both must
    have lost their camera's offset and their bleaching before, and must not be smoothed. Each
    trace is divided by its mean over the samples that both channels have. With g and r so scaled:

    - ``"tmac"``: g is activity and motion, r is motion, each with noise; activity and motion are
      Gaussian processes. Their posterior mean (Creamer et al. 2022,
      10.1371/journal.pcbi.1010421; see `wormio.signal.tmac.fit_tmac`).
    - ``"ratio"``: ``g / r``; NaN and not valid where r is below `floor` standard deviations of its
      noise (default 3), or not positive.
    - ``"regression"``: ``g - beta (r - 1)``, with beta by Huber's robust regression. It is not
      negative unless ``nonnegative=False``. Noise in r makes it too small;
      ``noisy_reference=True`` divides it by the share of r's variance that is no noise.
    - ``"ica"``: g without the one of two independent components that is more like r.

    Parameters
    ----------
    signal, reference : Signal
        Two channels of the same recording, volumes and neurons.
    method : {"tmac", "ratio", "regression", "ica"}
    scale : {"relative", "signal"}
        Traces about 1, without unit; or multiplied by the signal's mean, in its unit.
    missing : {"nan", "inferred"}
        What was not measured in both channels: NaN; or what the method makes of the data that is
        there, for example interpolated. It is not valid in either case.
    force : bool
        Whether to do it once more on a signal whose motion was corrected already.
    **options
        Of the method: `floor`, or `nonnegative` and `noisy_reference`.

    Returns
    -------
    Signal
        With the times of `signal`. Valid is what is valid in both channels. The step's parameters
        hold the reference's channel, digest and history. It found: ``"neurons"``, what the method
        fitted to each; ``"refused"``, neurons that cannot be corrected, NaN and not valid, with
        the reason.

    Raises
    ------
    AlreadyAppliedError
        Motion was corrected already, and not `force`.
    OptionError
        The method or an option is unknown.
    SignalError
        The two do not belong together.
    """
    refuse_repeat(signal, "correct_motion", force)
    checked_signal("reference", reference)
    check_choice("method", method, Method)
    check_choice("scale", scale, Scale)
    check_choice("missing", missing, Missing)
    _, defaults = _METHODS[method]
    _check_options(method, options, defaults)
    chosen = {**defaults, **options}
    check_together(signal, reference, what="signal and reference")
    _warn_of_history(signal, reference, method)
    data = np.full(signal.data.shape, np.nan)
    valid = signal.valid & reference.valid
    found: dict[str, Any] = {}
    refused: dict[str, str] = {}
    for n, label in enumerate(signal.labels):
        there = np.isfinite(signal.data[:, n]) & np.isfinite(reference.data[:, n])
        both = there & valid[:, n]
        outcome = _corrected(signal.data[:, n], reference.data[:, n], both, method, chosen)
        if isinstance(outcome, str):
            refused[label] = outcome
            valid[:, n] = False
            continue
        corrected, found[label] = outcome
        keep = both if missing == "nan" else _reach(there, method)
        mean = 1.0 if scale == "relative" else signal.data[both, n].mean()
        data[:, n] = np.where(keep, corrected, np.nan) * mean
        valid[:, n] &= np.isfinite(data[:, n])
    if refused:
        _log.warning(
            "motion could not be corrected in %s",
            ", ".join(f"{label} ({why})" for label, why in refused.items()),
        )
    return signal.with_step(
        "correct_motion",
        {
            "reference": reference,
            "method": method,
            "scale": scale,
            "missing": missing,
            "force": force,
            **chosen,
        },
        found={"neurons": found, "refused": refused},
        data=data,
        valid=valid,
        quantity="ratio" if method == "ratio" else "activity",
        unit="" if scale == "relative" else signal.unit,
    )


def _check_options(method: str, options: dict[str, Any], defaults: dict[str, Any]) -> None:
    for name, value in options.items():
        if name not in defaults:
            raise OptionError(
                f"method {method!r} has no option {name!r}",
                expected=" or ".join(map(repr, defaults)) or "no option",
                found=f"{name}={value!r}",
            )
        if isinstance(defaults[name], bool):
            if not isinstance(value, bool):
                raise OptionError(f"{name} is no bool", found=repr(value))
        else:
            check_number(name, value, 0)


def _warn_of_history(signal: Signal, reference: Signal, method: str) -> None:
    """Say what a history shows to be missing or too much."""
    for channel in (signal, reference):
        steps = {step.name for step in channel.history}
        if "smooth" in steps and method == "tmac":
            _log.warning("%s is smoothed: tmac takes its noise for white", channel.channel.name)


def _corrected(
    g: Floats, r: Floats, both: NDArray[np.bool_], method: str, options: dict[str, Any]
) -> two.Outcome:
    """Correct one neuron, its traces divided by their means over what both channels have."""
    if np.count_nonzero(both) < _FEWEST:
        return f"fewer than {_FEWEST} samples were measured in both channels"
    if not g[both].mean() > 0:
        return "the signal is not positive on average"
    if not r[both].mean() > 0:
        return "the reference is not positive on average"
    g, r = (np.where(np.isfinite(trace), trace, np.nan) for trace in (g, r))
    function, _ = _METHODS[method]
    return function(g / g[both].mean(), r / r[both].mean(), both, **options)


def _reach(there: NDArray[np.bool_], method: str) -> NDArray[np.bool_]:
    """Return where a method says something: tmac bridges what is missing, but goes not beyond."""
    if method != "tmac":
        return there
    rows = np.flatnonzero(there)
    reach = np.zeros_like(there)
    if rows.size:
        reach[rows[0] : rows[-1] + 1] = True
    return reach
