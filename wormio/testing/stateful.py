"""Sessions: whatever is done to a recording, in any order, agrees with the truth in memory."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import numpy as np
from hypothesis import Verbosity, reporting
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from numpy.typing import NDArray

from wormio.errors import RecordingClosedError
from wormio.model import ArrayRecording, BaseRecording, Flag
from wormio.testing.checks._common import must_raise, quiet_settings, same
from wormio.testing.checks.timing import relative_to
from wormio.testing.engine import CheckFailure, Context, describe_truth, require
from wormio.testing.strategies import index_keys, truths
from wormio.testing.truth import Truth

__all__ = ["SessionMachine", "machine_for", "run_sessions"]

_STEPS = 12


class SessionMachine(RuleBasedStateMachine):
    """One session with one recording, beside the oracle. See `machine_for`."""

    context: Context

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[str] = []
        self.recording: BaseRecording | None = None
        self.kept: list[tuple[str, NDArray[Any], NDArray[Any]]] = []

    def begin(self, truth: Truth) -> None:
        """Write the truth and open it."""
        self.truth = truth
        self.oracle: ArrayRecording = self.context.oracle(truth)
        self.path = self.context.write(truth)
        self._do("open", self._open)

    def _open(self) -> None:
        self.recording = self.context.open(self.path)

    @property
    def open_one(self) -> BaseRecording:
        """The recording of this session."""
        assert self.recording is not None  # noqa: S101 (begin opens it)
        return self.recording

    def _do(self, name: str, action: Callable[[], None]) -> None:
        """Take a step; whatever goes wrong is told with all steps that led to it."""
        self.steps.append(name)
        try:
            action()
        except CheckFailure as failure:
            failure.reproduce = self._story()
            raise
        except Exception as error:
            raise CheckFailure(
                f"{type(error).__name__}: {error}"[:300], "no error", self._story()
            ) from error

    def _story(self) -> str:
        return f"{', then '.join(self.steps)}; {describe_truth(self.truth)}"

    def _read(
        self,
        what: str,
        read: Callable[[BaseRecording], Any],
    ) -> None:
        """Read from both; a closed recording must refuse."""

        def act() -> None:
            if self.open_one.closed:
                must_raise(RecordingClosedError, lambda: read(self.open_one), what)
                return
            found, expected = read(self.open_one), read(self.oracle)
            same(found, expected, what)
            if isinstance(found, np.ndarray):
                self.kept.append((what, found, found.copy()))

        self._do(what, act)

    @rule(data=st.data())
    def read_frame(self, data: st.DataObject) -> None:
        """Read one frame."""
        n = len(self.oracle.frames)
        index = data.draw(st.integers(-n, n - 1))
        self._read(f"frames[{index}]", lambda r: r.frames[index])

    @rule(data=st.data())
    def read_key(self, data: st.DataObject) -> None:
        """Read by any basic index."""
        key = data.draw(index_keys(self.oracle.frames.shape))
        self._read(f"frames[{key!r}]", lambda r: r.frames[key])

    @rule(data=st.data())
    def read_volume(self, data: st.DataObject) -> None:
        """Read one volume."""
        index = data.draw(st.integers(0, len(self.truth.volumes) - 1))
        self._read(f"volume({index})", lambda r: r.volume(index))

    @rule(data=st.data())
    def read_selected(self, data: st.DataObject) -> None:
        """Read a stretch of frames of one channel, through `select`."""
        channel = data.draw(st.integers(0, len(self.truth.channels) - 1))
        first = data.draw(st.integers(0, len(self.oracle.frames) - 1))
        stop = data.draw(st.integers(first + 1, len(self.oracle.frames)))
        self._read(
            f"select(channels={channel}, frames=slice({first}, {stop})).frames[:]",
            lambda r: r.select(channels=channel, frames=slice(first, stop)).frames[:],
        )

    @rule()
    def read_metadata(self) -> None:
        """Compare what is known without pixels, open or closed."""
        self._do("read the metadata", self._compare_metadata)

    def _compare_metadata(self) -> None:
        limits = self.context.subject.limits
        found, expected = self.open_one.timeline, self.oracle.timeline
        same(found.volumes, expected.volumes, "timeline.volumes")
        if len(expected):
            count = relative_to(limits, found.count, int(found.count[0]))
            same(count, relative_to(limits, expected.count, int(expected.count[0])), "count")
        duplicate = (found.flags & Flag.DUPLICATE) != 0
        same(duplicate, (expected.flags & Flag.DUPLICATE) != 0, "DUPLICATE flags")
        n = len(self.open_one.channels)
        require(n == len(self.oracle.channels), f"{n} channels", len(self.oracle.channels))

    @rule()
    def close(self) -> None:
        """Close; a second time does nothing."""
        self._do("close()", self.open_one.close)

    @rule()
    def reopen(self) -> None:
        """Close and open the same path."""

        def act() -> None:
            self.open_one.close()
            self._open()

        self._do("open again", act)

    @precondition(lambda self: "pickle" in self.context.subject.capabilities)
    @rule()
    def pickle(self) -> None:
        """Go on with the recording that comes out of a pickle; the first one is closed."""

        def act() -> None:
            again = pickle.loads(pickle.dumps(self.open_one))  # noqa: S301 (its own)
            self.open_one.close()
            self.recording = again

        self._do("pickle round trip", act)

    @invariant()
    def results_stay(self) -> None:
        """Arrays that were read stay as they were, whatever comes after."""
        for what, found, copy in self.kept:
            if not np.array_equal(found, copy, equal_nan=copy.dtype.kind == "f"):
                raise CheckFailure(f"the result of {what} changed", "results stay", self._story())

    def teardown(self) -> None:
        """Close whatever is open."""
        if self.recording is not None:
            self.recording.close()


def machine_for(context: Context) -> type[SessionMachine]:
    """Return the machine that tests a subject, for `hypothesis.stateful`."""

    class Sessions(SessionMachine):
        @initialize(truth=truths(context.subject.limits))
        def first(self, truth: Truth) -> None:
            self.begin(truth)

    Sessions.context = context
    return Sessions


def run_sessions(context: Context) -> None:
    """Run sessions until one fails, and shrink it; the failure tells its steps.

    Raises
    ------
    CheckFailure
    """
    settings = quiet_settings(
        context,
        max_examples=2 * context.examples,
        stateful_step_count=_STEPS,
        verbosity=Verbosity.quiet,
    )
    with reporting.with_reporter(lambda _text: None):
        run_state_machine_as_test(machine_for(context), settings=settings)
