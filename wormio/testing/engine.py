"""The conformance kit's engine: checks are functions with stable ids; running them gives a report.

No pytest here; pytest and the command line are thin front ends.
"""

from __future__ import annotations

import tempfile
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import attrs
import numpy as np

from wormio.errors import OptionError
from wormio.model import ArrayRecording, BaseRecording
from wormio.registry import open as open_recording
from wormio.testing.report import Report, Result
from wormio.testing.subject import Subject
from wormio.testing.truth import Truth, make_truth

__all__ = [
    "CHECKS",
    "SPEC_VERSION",
    "Check",
    "CheckFailure",
    "Context",
    "applicable_checks",
    "check",
    "check_adapter",
    "describe_truth",
    "require",
    "run_check",
]

SPEC_VERSION = "1.0"

Severity = Literal["MUST", "SHOULD"]
Need = Literal[
    "writer",
    "events",
    "volumes",
    "time",
    "z",
    "drops",
    "duplicates",
    "growing",
    "mappable",
    "pickle",
    "side_files",
    "directions",
    "planar",
    "digests",
]


class CheckFailure(Exception):  # noqa: N818 (it is a finding, not a fault of the kit)
    """What a check observed that breaks its rule.

    Parameters
    ----------
    observed, expected : str
    reproduce : str
        Index, key or truth that shows it.
    """

    def __init__(self, observed: str, expected: str, reproduce: str = "") -> None:
        self.observed, self.expected, self.reproduce = observed, expected, reproduce
        super().__init__(f"observed {observed}; expected {expected}")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.observed, self.expected, self.reproduce)


def require(condition: object, observed: object, expected: object, reproduce: object = "") -> None:
    """Raise `CheckFailure` unless the condition holds."""
    if not condition:
        raise CheckFailure(_short(observed), _short(expected), _short(reproduce))


def _short(value: object) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 400 else text[:400] + " ..."


@attrs.frozen(kw_only=True)
class Check:
    """One rule of the contract.

    Parameters
    ----------
    id : str
        Stable: ``"WIO-A02"``. A changed rule gets a new id; ids are never reused.
    name : str
        Of the function.
    rule : str
        The sentence that must hold.
    function : callable
        ``function(context)``; raises `CheckFailure`.
    severity : {"MUST", "SHOULD"}
    since : str
        Version of the contract that the rule came with.
    needs : frozenset of str
        What a subject must have or declare for the rule to apply.
    """

    id: str
    name: str
    rule: str
    function: Callable[[Context], None]
    severity: Severity
    since: str
    needs: frozenset[str]


CHECKS: dict[str, Check] = {}
"""All checks by id, in the order of their modules. Filled at import, then never changed."""


def check(
    id: str, *needs: Need, severity: Severity = "MUST", since: str = "1.0"
) -> Callable[[Callable[[Context], None]], Callable[[Context], None]]:
    """Register a function as a check; the first line of its docstring is the rule."""

    def register(function: Callable[[Context], None]) -> Callable[[Context], None]:
        if id in CHECKS:
            raise ValueError(f"two checks are called {id}")
        CHECKS[id] = Check(
            id=id,
            name=function.__name__,
            rule=(function.__doc__ or "").strip().splitlines()[0],
            function=function,
            severity=severity,
            since=since,
            needs=frozenset(needs),
        )
        return function

    return register


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
        if self.subject.make is None:
            given |= next((s.options for s in self.subject.samples if s.path == path), {})
        return open_recording(
            path, self.subject.format, registry=self.subject.registry(), **(given | options)
        )

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


def describe_truth(truth: Truth) -> str:
    """Say in one line what a truth is like, so that a failure can be repeated."""
    f, c, y, x = truth.frames.shape
    return (
        f"truth of {f} frames, {c} channels, {y}x{x} {truth.frames.dtype}, {len(truth.volumes)} "
        f"volumes, dropped {truth.dropped.tolist()}, saved twice "
        f"{np.flatnonzero(truth.duplicate).tolist()}, events {truth.events.tolist()}"
    )


def applicable_checks(subject: Subject, spec: str | None = None) -> list[Check]:
    """Return the checks that apply to a subject at its level of the contract."""
    import wormio.testing.checks  # noqa: F401 (fills CHECKS)

    level = _version(spec or subject.spec)
    have = _features(subject)
    return [one for one in CHECKS.values() if _version(one.since) <= level and one.needs <= have]


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))


def _features(subject: Subject) -> set[str]:
    limits = subject.limits
    features = set(subject.capabilities) - {"events"}
    if subject.side_files:
        features.add("side_files")
    if any(sample.digest or sample.shape for sample in subject.samples):
        features.add("digests")
    if subject.make is None:
        return features
    features |= {"writer", "volumes"}
    if limits.events is not None:
        features.add("events")
    for name in ("time", "z"):
        if getattr(limits, name) == "kept":
            features.add(name)
    for name in ("drops", "duplicates"):
        if getattr(limits, name):
            features.add(name)
    if limits.scan == "triangle":
        features.add("directions")
    elif limits.planes[0] == 1:
        features.add("planar")
    return features


def run_check(one: Check, subject: Subject, *, examples: int = 8) -> Result:
    """Run one check in a scratch folder of its own, and catch whatever it raises."""
    reason = subject.waivers.get(one.id)
    state: dict[str, Any] = {"id": one.id, "rule": one.rule, "severity": one.severity}
    with tempfile.TemporaryDirectory(prefix="wormio-check-") as folder:
        context = Context(subject, Path(folder), examples=examples)
        try:
            one.function(context)
        except CheckFailure as failure:
            state |= {
                "observed": failure.observed,
                "expected": failure.expected,
                "reproduce": failure.reproduce,
            }
        except Exception as error:
            state |= {
                "observed": f"{type(error).__name__}: {error}",
                "expected": "no error",
                "reproduce": _last_lines(error, context.last_truth),
            }
        else:
            if reason is None:
                return Result(outcome="passed", **state)
            return Result(outcome="waiver-stale", waiver=reason, **state)
    return Result(outcome="failed" if reason is None else "waived", waiver=reason or "", **state)


def _last_lines(error: Exception, truth: Truth | None) -> str:
    first: BaseException = error
    while first.__cause__ is not None:  # what the adapter itself raised, before it was translated
        first = first.__cause__
    frames = traceback.extract_tb(first.__traceback__)[-3:]
    lines = " > ".join(f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in frames)
    return lines if truth is None else f"{lines}; {describe_truth(truth)}"


def check_adapter(
    subject: Subject,
    *,
    spec: str | None = None,
    only: Iterable[str] | None = None,
    waivers: Mapping[str, str] | None = None,
    examples: int = 8,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Check an adapter against the contract.

    Parameters
    ----------
    subject : Subject
    spec : str, optional
        Level of the contract; default: the subject's own.
    only : iterable of str, optional
        Ids to run.
    waivers : mapping of id to reason, optional
        Added to the subject's.
    examples : int
        How many truths each property-based check draws.
    progress : callable, optional
        ``progress(done, total)``.

    Returns
    -------
    Report
        Its ``ok`` says whether everything that must hold holds.

    Raises
    ------
    OptionError
        An id in `only` or in the waivers is unknown.
    """
    if waivers:
        subject = attrs.evolve(subject, waivers=dict(subject.waivers) | dict(waivers))
    checks = applicable_checks(subject, spec)
    wanted = None if only is None else set(only)
    for name in (wanted or set()) | set(subject.waivers):
        if name not in CHECKS:
            raise OptionError(f"there is no check {name!r}", expected=", ".join(CHECKS))
    chosen = [one for one in checks if wanted is None or one.id in wanted]
    results = []
    for number, one in enumerate(chosen, start=1):
        results.append(run_check(one, subject, examples=examples))
        if progress is not None:
            progress(number, len(chosen))
    applied = {one.id for one in checks}
    left_out = tuple(name for name in CHECKS if name not in applied)
    return Report(
        format=subject.format,
        distribution=subject.registry().distribution(subject.format),
        evidence=subject.evidence,
        spec=spec or subject.spec,
        results=tuple(results),
        not_applicable=left_out,
    )
