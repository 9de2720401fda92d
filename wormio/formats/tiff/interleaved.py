"""Channels whose pages follow each other, where only the user knows how many there are."""

from __future__ import annotations

import math
from typing import Any

import attrs

from wormio.errors import OptionError
from wormio.formats.tiff.arrange import axes_of
from wormio.formats.tiff.options import TiffOptions
from wormio.formats.tiff.stack import Stack
from wormio.model import Finding

__all__ = ["with_channels"]


def with_channels(stack: Stack, options: TiffOptions) -> tuple[Stack, str | None]:
    """Split the fastest dimension of pages by the option channels.

    Returns
    -------
    Stack
    str or None
        The axes to arrange it by.

    Raises
    ------
    OptionError
        The option contradicts the file, or the pages are no multiple of it.
    """
    if options.channels is None:
        return stack, options.axes
    named = axes_of(stack)
    labels = named.label(options.axes)
    own = math.prod(n for n, label in zip(stack.shape, labels, strict=True) if label == "C")
    if own == options.channels:
        return stack, options.axes
    pages = [i for i in range(stack.page.ndim) if stack.shape[i] > 1]
    if own > 1 or not pages or (stack.names_axes and options.axes is None):
        raise OptionError(
            "option channels contradicts the file",
            expected=f"{own}, as the file or the option axes says, or nothing",
            found=str(options.channels),
            path=named.path,
        )
    at, n = pages[-1], options.channels
    rest = stack.shape[at] % n
    if rest and not options.allow_truncated:
        raise OptionError(
            "option channels does not fit the file",
            expected=f"a divisor of its {stack.shape[at]} pages",
            found=f"{n}, which leaves {rest} over",
            path=named.path,
            cure="if the recording was cut off inside a frame, allow_truncated=True leaves the "
            "rest out",
        )
    whole = stack.shape[at] // n

    def split(values: Any) -> Any:
        if values is None:
            return None
        kept = values[(slice(None),) * at + (slice(0, whole * n),)]
        return kept.reshape((*values.shape[:at], whole, n, *values.shape[at + 1 :]))

    findings = stack.findings
    if rest:
        message = f"{rest} pages that make no whole frame are left out"
        findings = (*findings, Finding(code="truncated", message=message))
    names = ("file", "page", "cut", "delta_t", "position_z")
    letters = "".join(labels[: at + 1]) + "C" + "".join(labels[at + 1 :])
    fields: dict[str, Any] = {name: split(getattr(stack, name)) for name in names}
    split_stack = attrs.evolve(
        stack,
        axes=stack.axes[: at + 1] + "C" + stack.axes[at + 1 :],
        shape=(*stack.shape[:at], whole, n, *stack.shape[at + 1 :]),
        findings=findings,
        **fields,
    )
    return split_stack, letters
