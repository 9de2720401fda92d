"""What a check may use: its subject, truths, and files written from them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from wormio.errors import OptionError
from wormio.model import ArrayRecording, BaseRecording, MissingFrames
from wormio.registry import open as open_recording
from wormio.testing.failure import CheckFailure
from wormio.testing.subject import Subject
from wormio.testing.truth import Truth, make_truth

__all__ = ["Context", "describe_truth"]

# Of a sample without digest only so much is looked at: checks read it many times.
_SAMPLE_BYTES = 64 << 20


class Context:
    """What a check may use: the subject, truths, and files written from them.

    Parameters
    ----------
    subject : Subject
    folder : Path
        Scratch space of this check alone.
    examples : int
        How many truths property-based checks draw.

    Attributes
    ----------
    last_truth : Truth or None
        The one written last; after a property-based check has failed, the smallest that shows it.
    """

    def __init__(self, subject: Subject, folder: Path, *, examples: int = 8) -> None:
        self.subject = subject
        self.folder = folder
        self.examples = examples
        self.last_truth: Truth | None = None
        self._made = 0

    def truth(self, **numbers: Any) -> Truth:
        """Return one truth of moderate size, with every feature that the limits allow."""
        limits = self.subject.limits

        def inside(wanted: int, bounds: tuple[int, int]) -> int:
            return min(max(wanted, bounds[0]), bounds[1])

        chosen: dict[str, Any] = {
            "channels": inside(2, limits.channels),
            "volumes": inside(3, limits.volumes),
            "planes": inside(4, limits.planes),
            "height": inside(5, limits.height),
            "width": inside(7, limits.width),
            "dtype": next((t for t in limits.dtypes if np.dtype(t).itemsize > 1), limits.dtypes[0]),
            "lost": [5] if limits.drops else [],
            "twice": [2] if limits.duplicates else [],
            "stimuli": [1, 6] if limits.events else [],
        }
        return make_truth(limits, **(chosen | numbers))

    def write(self, truth: Truth) -> Path:
        """Write a truth into a fresh folder and return the path to open."""
        if self.subject.make is None:
            raise OptionError("this subject has no writer")
        self._made += 1
        self.last_truth = truth
        folder = self.folder / f"{self._made:03d}"
        folder.mkdir(parents=True)
        return self.subject.make(folder, truth)

    def path(self) -> Path:
        """Return a recording of the subject: freshly written, or its first sample."""
        if self.subject.make is not None:
            return self.write(self.truth())
        return self.subject.samples[0].path

    def open(self, path: Path, **options: Any) -> BaseRecording:
        """Open a path with the subject's format and options."""
        given = dict(self.subject.options)
        sample = next((s for s in self.subject.samples if s.path == path), None)
        if sample is not None:
            given |= sample.options
        recording = open_recording(
            path, self.subject.format, registry=self.subject.registry(), **(given | options)
        )
        return recording if sample is None or sample.digest else _beginning(recording)

    @contextmanager
    def opened(self, path: Path | None = None, **options: Any) -> Iterator[BaseRecording]:
        """Open, and close in the end."""
        with self.open(self.path() if path is None else path, **options) as recording:
            yield recording

    def oracle(self, truth: Truth) -> ArrayRecording:
        """Return the truth as the perfect recording, as far as the format can keep it."""
        return truth.recording(self.subject.limits)

    def for_truths(self, test: Callable[[Truth, BaseRecording], None]) -> None:
        """Write, open and test truths drawn by hypothesis; a failure comes shrunk."""
        import hypothesis  # slow to import, and `import wormio.testing` must not be

        from wormio.testing.strategies import truths

        @hypothesis.settings(
            max_examples=self.examples,
            deadline=None,
            database=None,
            derandomize=True,
            report_multiple_bugs=False,
            suppress_health_check=list(hypothesis.HealthCheck),
            phases=[hypothesis.Phase.generate, hypothesis.Phase.shrink],
        )
        @hypothesis.given(truths(self.subject.limits))
        def run(truth: Truth) -> None:
            try:
                with self.opened(self.write(truth)) as recording:
                    test(truth, recording)
            except CheckFailure as failure:
                failure.reproduce = "; ".join(
                    part for part in (failure.reproduce, describe_truth(truth)) if part
                )
                raise

        run()


def _beginning(recording: BaseRecording) -> BaseRecording:
    """Return a recording, or its first frames if it is large."""
    frames = recording.frames
    if isinstance(frames, MissingFrames):
        return recording
    frame_bytes = math.prod(frames.shape[1:]) * frames.dtype.itemsize
    few = max(1, _SAMPLE_BYTES // max(frame_bytes, 1))
    if len(frames) <= few:
        return recording
    part = recording.select(frames=slice(0, few))
    part.owned = (recording,)
    return part


def describe_truth(truth: Truth) -> str:
    """Say in one line what a truth is like, so that a failure can be repeated."""
    f, c, y, x = truth.frames.shape
    return (
        f"truth of {f} frames, {c} channels, {y}x{x} {truth.frames.dtype}, {len(truth.volumes)} "
        f"volumes, dropped {truth.dropped.tolist()}, saved twice "
        f"{np.flatnonzero(truth.duplicate).tolist()}, events {truth.events.tolist()}"
    )
