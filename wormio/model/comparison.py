"""Compare two recordings, and name the mistake where it is one that readers make."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import MissingImageError, OptionError
from wormio.model.frames import MissingFrames
from wormio.model.recording import Recording

__all__ = ["Difference", "diff"]

_MAX_SHIFT = 3


@attrs.frozen
class Difference:
    """What `diff` found; true if there is any difference.

    Parameters
    ----------
    items : tuple of (str, str)
        What differs, and a sentence with the numbers.
    """

    items: tuple[tuple[str, str], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.items)

    def __str__(self) -> str:
        if not self.items:
            return "identical"
        return "\n".join(f"{what}: {sentence}" for what, sentence in self.items)


def diff(
    a: Recording,
    b: Recording,
    *,
    time_tol: float = 0.0,
    z_tol: float = 0.0,
    align: str = "index",
    pixels: bool = True,
) -> Difference:
    """Compare two recordings column by column.

    Parameters
    ----------
    a, b : Recording
    time_tol : float
        Seconds by which times may differ.
    z_tol : float
        µm (or volts) by which z may differ.
    align : {"index", "count"}
        Compare frame by frame, or the frames whose counters both have.
    pixels : bool
        Whether to compare pixels, frame by frame up to the first that differs.

    Returns
    -------
    Difference
        ``str()`` of it is "identical", or one line a difference. Pixels that differ are looked at
        more closely: a shift by some frames, swapped channels, transposed or mirrored images are
        called by their names.
    """
    if align not in {"index", "count"}:
        raise OptionError("unknown align", expected="index or count", found=repr(align))
    items: list[tuple[str, str]] = []
    rows_a, rows_b = _aligned(a, b, align, items)
    _compare_columns(a, b, rows_a, rows_b, time_tol, z_tol, items)
    if align == "index":
        _compare_exact("volumes", a.timeline.volumes, b.timeline.volumes, items)
        _compare_exact("volume_counts", a.timeline.volume_counts, b.timeline.volume_counts, items)
        _compare_exact("dropped", a.timeline.dropped, b.timeline.dropped, items)
    if a.timeline.origins != b.timeline.origins:
        changed = [
            f"{k} {v.name} / {b.timeline.origins[k].name}"
            for k, v in a.timeline.origins.items()
            if b.timeline.origins[k] != v
        ]
        items.append(("origins", ", ".join(changed)))
    items.extend(
        (name, f"{getattr(a, name)} / {getattr(b, name)}")
        for name in ("channels", "voxel_size")
        if getattr(a, name) != getattr(b, name)
    )
    _compare_events(a, b, items)
    if pixels:
        _compare_pixels(a, b, rows_a, rows_b, items)
    return Difference(tuple(items))


def _aligned(
    a: Recording, b: Recording, align: str, items: list[tuple[str, str]]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    n_a, n_b = len(a.timeline), len(b.timeline)
    if n_a != n_b:
        items.append(("frames", f"{n_a} / {n_b}"))
    if align == "index":
        rows = np.arange(min(n_a, n_b))
        return rows, rows
    _, rows_a, rows_b = np.intersect1d(a.timeline.count, b.timeline.count, return_indices=True)
    if len(rows_a) < max(len(np.unique(t.timeline.count)) for t in (a, b)):
        items.append(("count", f"{len(rows_a)} counters are in both"))
    return rows_a, rows_b


def _compare_columns(
    a: Recording,
    b: Recording,
    rows_a: NDArray[np.int64],
    rows_b: NDArray[np.int64],
    time_tol: float,
    z_tol: float,
    items: list[tuple[str, str]],
) -> None:
    tolerances = {"time": time_tol, "z": z_tol, "raw_time": time_tol}
    exact = ("count", "raw_count", "volume", "slot", "direction", "flags")
    for name, tolerance in (tolerances | dict.fromkeys(exact, 0.0)).items():
        va, vb = getattr(a.timeline, name)[rows_a], getattr(b.timeline, name)[rows_b]
        wrong = ~np.isclose(va, vb, rtol=0, atol=tolerance, equal_nan=True)
        if wrong.any():
            at = int(np.flatnonzero(wrong)[0])
            sentence = f"{int(wrong.sum())} frames differ, "
            sentence += f"first frame {rows_a[at]}: {va[at]} / {vb[at]}"
            step = va[wrong].astype(float) - vb[wrong]
            if wrong.all() and len(step) > 1 and np.ptp(step) <= max(tolerance, 1e-9):
                sentence = f"all frames differ by {step[0]:g}"
            items.append((name, sentence))
    if a.timeline.z_unit != b.timeline.z_unit:
        items.append(("z_unit", f"{a.timeline.z_unit} / {b.timeline.z_unit}"))
    for name in sorted(set(a.timeline.extra) | set(b.timeline.extra)):
        ca, cb = a.timeline.extra.get(name), b.timeline.extra.get(name)
        if ca is None or cb is None:
            items.append((f"extra[{name!r}]", "only in one of them"))
        else:
            _compare_exact(f"extra[{name!r}]", ca.values[rows_a], cb.values[rows_b], items)


def _compare_exact(
    name: str, a: NDArray[Any], b: NDArray[Any], items: list[tuple[str, str]]
) -> None:
    if a.shape != b.shape:
        items.append((name, f"{len(a)} / {len(b)} rows"))
    else:
        differs = (a != b) & ~((a != a) & (b != b))  # noqa: PLR0124 (NaN, of any type)
        if differs.any():
            items.append((name, f"{int(differs.sum())} values differ"))


def _compare_events(a: Recording, b: Recording, items: list[tuple[str, str]]) -> None:
    for name in sorted(set(a.events) | set(b.events)):
        if name not in a.events or name not in b.events:
            items.append((f"events[{name!r}]", "only in one of them"))
        elif a.events[name] != b.events[name]:
            n_a, n_b = len(a.events[name]), len(b.events[name])
            items.append((f"events[{name!r}]", f"{n_a} / {n_b} events, not all equal"))


def _compare_pixels(
    a: Recording,
    b: Recording,
    rows_a: NDArray[np.int64],
    rows_b: NDArray[np.int64],
    items: list[tuple[str, str]],
) -> None:
    if isinstance(a.frames, MissingFrames) or isinstance(b.frames, MissingFrames):
        return
    if a.frames.dtype != b.frames.dtype:
        items.append(("dtype", f"{a.frames.dtype} / {b.frames.dtype}"))
    if a.frames.shape[1:] != b.frames.shape[1:]:
        sentence = f"{a.frames.shape[1:]} / {b.frames.shape[1:]}"
        if a.frames.shape[2:] == b.frames.shape[2:][::-1]:
            sentence += ": the images are transposed"
        items.append(("shape", sentence))
        return
    for row_a, row_b in zip(rows_a.tolist(), rows_b.tolist(), strict=True):
        image_a, image_b = _frame(a, row_a), _frame(b, row_b)
        for channel, (x, y) in enumerate(zip(image_a, image_b, strict=True)):
            same = x is y if x is None or y is None else np.array_equal(x, y)
            if not same:
                where = f"first differ at frame {row_a}, channel {channel}"
                items.append(("pixels", where + _likely_mistake(a, b, row_a, row_b)))
                return


def _frame(recording: Recording, row: int) -> list[NDArray[Any] | None]:
    images: list[NDArray[Any] | None] = []
    for channel in range(len(recording.channels)):
        try:
            images.append(recording.frames[row, channel])
        except MissingImageError:
            images.append(None)
    return images


def _likely_mistake(a: Recording, b: Recording, row_a: int, row_b: int) -> str:
    try:
        x, y = a.frames[row_a], b.frames[row_b]
    except MissingImageError:
        return ": an image is missing in one of them"
    if x.shape[0] > 1 and np.array_equal(x[::-1], y):
        return ": the channels are swapped"
    for name, turned in (
        ("transposed", np.swapaxes(y, -1, -2)),
        ("mirrored in y", y[..., ::-1, :]),
        ("mirrored in x", y[..., ::-1]),
    ):
        if x.shape == turned.shape and np.array_equal(x, turned):
            return f": the images are {name}"
    for shift in range(-_MAX_SHIFT, _MAX_SHIFT + 1):
        if shift and 0 <= row_b + shift < len(b.timeline):
            try:
                if np.array_equal(x, b.frames[row_b + shift]):
                    return f": shifted by {shift} frames"
            except MissingImageError:
                continue
    return ""
