"""NeuroPAL files (Yemini, Hobert): ``data`` with its voxel size and the colours of its channels.

``info.scale`` is the voxel size in µm and ``prefs.RGBW`` the channels of red, green, blue and
white, counted from 1; ``gcamp.mat`` has ``worm_data.info.scale``.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np

from wormio.formats.mat.tree import MatArray, MatFile, find, numbers
from wormio.model import Channel, Finding

__all__ = ["Scale", "read_colours", "read_scale"]

_COLOURS = ("red", "green", "blue", "white")
_SCALES = ("info.scale", "worm_data.info.scale")


@attrs.frozen(kw_only=True)
class Scale:
    """Voxel size in µm, None where it is not known."""

    z: float | None = None
    yx: float | None = None
    findings: tuple[Finding, ...] = ()


def read_scale(file: MatFile, array: MatArray, axes: Sequence[str]) -> Scale:
    """Return the voxel size of an array.

    Parameters
    ----------
    file : MatFile
    array : MatArray
    axes : sequence of str
        Meaning of its dimensions, in MATLAB's order.
    """
    if array.name != "data" or set(axes[:2]) != {"Y", "X"}:
        return Scale()
    for name in _SCALES:
        if not isinstance(find(file.variables, name), MatArray):
            continue
        values = numbers(file, name)
        values = np.zeros(0) if values is None else values.ravel()
        if len(values) != 3 or not ((values > 0) & np.isfinite(values)).all():
            return Scale(
                findings=(
                    Finding(
                        code="scale-unusable",
                        message=f"{name} is no voxel size: {values.tolist()[:5]}",
                        cure="give um_per_pixel= and um_per_plane=",
                    ),
                )
            )
        first, second, third = values.tolist()
        z = third if list(axes[2:3]) == ["Z"] else None
        if first == second:
            return Scale(z=z, yx=first)
        return Scale(
            z=z,
            findings=(
                Finding(
                    code="scale-ambiguous",
                    message=f"{name} has two pixel sizes, {first:g} and {second:g} um; which is "
                    "that of x, files of different age answer differently",
                    cure="give um_per_pixel=",
                ),
            ),
        )
    return Scale()


def read_colours(file: MatFile, array: MatArray, n_channels: int) -> list[Channel]:
    """Return the channels of an array, named by their colours where the file knows them."""
    names: list[list[str]] = [[] for _ in range(n_channels)]
    if array.name == "data" and isinstance(find(file.variables, "prefs.RGBW"), MatArray):
        given = numbers(file, "prefs.RGBW")
        for colour, number in zip(
            _COLOURS, given.ravel() if given is not None else (), strict=False
        ):
            # NaN stands for a colour that was not taken.
            if number in range(1, n_channels + 1):
                names[int(number) - 1].append(colour)
    return [Channel(name="/".join(colours)) for colours in names]
