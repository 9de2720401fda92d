"""Compare two recordings, and name the mistake where it is one that readers make."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import MissingImageError, OptionError
from wormio.model._fields import plain
from wormio.model.columns import Column
from wormio.model.events import Events
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
    """Compare two recordings column by column: timeline, channels, voxel size, events and pixels.

    What belongs to the format and not to the recording is left out: `source`, `metadata`,
    `findings`. One image of each is in memory at a time.

    Parameters
    ----------
    a, b : Recording
    time_tol : float
        Seconds by which times may differ, those of frames and of events.
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
    _compare_facts(a, b, items)
    items.extend(
        (name, f"{getattr(a, name)} / {getattr(b, name)}")
        for name in ("channels", "voxel_size")
        if getattr(a, name) != getattr(b, name)
    )
    for name in sorted(set(a.events) | set(b.events)):
        ea, eb = a.events.get(name), b.events.get(name)
        sentence = "only in one of them"
        if ea is not None and eb is not None:
            sentence = _compare_events(ea, eb, time_tol)
        if sentence:
            items.append((f"events[{name!r}]", sentence))
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
        wrong = _differs(va, vb, tolerance)
        if wrong.any():
            at = int(np.flatnonzero(wrong)[0])
            sentence = f"{int(wrong.sum())} frames differ, "
            sentence += f"first frame {rows_a[at]}: {va[at]} / {vb[at]}"
            step = va[wrong].astype(float) - vb[wrong]
            if wrong.all() and len(step) > 1 and np.ptp(step) <= max(tolerance, 1e-9):
                sentence = f"all frames differ by {step[0]:g}"
            items.append((name, sentence))
    _compare_exact("stored", a.timeline.stored[rows_a], b.timeline.stored[rows_b], items)
    extra_a = {k: attrs.evolve(c, values=c.values[rows_a]) for k, c in a.timeline.extra.items()}
    extra_b = {k: attrs.evolve(c, values=c.values[rows_b]) for k, c in b.timeline.extra.items()}
    items.extend(
        (f"extra[{name!r}]", sentence)
        for name, sentence in _compare_further(extra_a, extra_b).items()
    )


def _compare_facts(a: Recording, b: Recording, items: list[tuple[str, str]]) -> None:
    """Compare what a timeline says of itself."""
    one, other = a.timeline, b.timeline
    changed = [
        f"{name} {origin.name} / {other.origins[name].name}"
        for name, origin in one.origins.items()
        if other.origins[name] != origin
    ]
    if changed:
        items.append(("origins", ", ".join(changed)))
    items.extend(
        (name, f"{getattr(one, name)} / {getattr(other, name)}")
        for name in ("z_unit", "clock")
        if getattr(one, name) != getattr(other, name)
    )
    # As JSON, so that a list and a tuple of parameters are the same.
    policies = [json.dumps(t.policy, default=plain, sort_keys=True) for t in (one, other)]
    if policies[0] != policies[1]:
        items.append(("policy", " / ".join(policies)))


def _compare_further(a: Mapping[str, Column], b: Mapping[str, Column]) -> dict[str, str]:
    """Compare further columns; return a sentence for each that differs."""
    found = {}
    for name in sorted(set(a) | set(b)):
        if name not in a or name not in b:
            found[name] = "only in one of them"
            continue
        one, other = a[name], b[name]
        sentences = []
        if one.unit != other.unit:
            sentences.append(f"unit {one.unit!r} / {other.unit!r}")
        if one.origin != other.origin:
            sentences.append(f"origin {one.origin.name} / {other.origin.name}")
        values: list[tuple[str, str]] = []
        _compare_exact(name, one.values, other.values, values)
        sentences += [sentence for _, sentence in values]
        if sentences:
            found[name] = ", ".join(sentences)
    return found


def _compare_exact(
    name: str, a: NDArray[Any], b: NDArray[Any], items: list[tuple[str, str]]
) -> None:
    if len(a) != len(b):
        items.append((name, f"{len(a)} / {len(b)} rows"))
    elif a.shape != b.shape or a.dtype.kind != b.dtype.kind:
        items.append((name, f"{a.dtype} of shape {a.shape} / {b.dtype} of shape {b.shape}"))
    else:
        differs = _differs(a, b)
        if differs.any():
            items.append((name, f"{int(differs.sum())} values differ"))


def _differs(a: NDArray[Any], b: NDArray[Any], tolerance: float = 0.0) -> NDArray[np.bool_]:
    """Tell where values differ; NaN is no other than NaN."""
    wrong: NDArray[np.bool_]
    if tolerance:
        wrong = ~np.isclose(a, b, rtol=0, atol=tolerance, equal_nan=True)
    else:
        # Not by their difference: counters may be larger than a float tells apart.
        wrong = (a != b) & ~((a != a) & (b != b))  # noqa: PLR0124 (values of any type)
    return wrong


def _same(a: NDArray[Any], b: NDArray[Any]) -> bool:
    return a.shape == b.shape and not _differs(a, b).any()


def _compare_events(a: Events, b: Events, time_tol: float) -> str:
    """Return what differs, in one sentence; empty if nothing does."""
    if len(a) != len(b):
        return f"{len(a)} / {len(b)} events"
    differ = []
    for field in attrs.fields(Events)[:-1]:
        tolerance = time_tol if field.name in {"time", "duration"} else 0.0
        va, vb = getattr(a, field.name), getattr(b, field.name)
        wrong = _differs(va, vb, tolerance)
        if wrong.any():
            at = int(wrong.argmax())
            differ.append(f"{field.name} of {wrong.sum()}, first {at}: {va[at]} / {vb[at]}")
    further = _compare_further(a.properties, b.properties)
    differ += [f"property {name!r}: {sentence}" for name, sentence in further.items()]
    return f"of {len(a)} events differ: " + "; ".join(differ) if differ else ""


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
            same = x is y if x is None or y is None else _same(x, y)
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
    if x.shape[0] > 1 and _same(x[::-1], y):
        return ": the channels are swapped"
    for name, turned in (
        ("transposed", np.swapaxes(y, -1, -2)),
        ("mirrored in y", y[..., ::-1, :]),
        ("mirrored in x", y[..., ::-1]),
    ):
        if _same(x, turned):
            return f": the images are {name}"
    for shift in range(-_MAX_SHIFT, _MAX_SHIFT + 1):
        if shift and 0 <= row_b + shift < len(b.timeline):
            try:
                if _same(x, b.frames[row_b + shift]):
                    return f": shifted by {shift} frames"
            except MissingImageError:
                continue
    return ""
