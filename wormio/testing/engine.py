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

from wormio.errors import OptionError
from wormio.registry import SPEC_VERSION
from wormio.testing.context import Context, describe_truth
from wormio.testing.failure import CheckFailure, require
from wormio.testing.report import Report, Result
from wormio.testing.subject import Subject
from wormio.testing.truth import Truth

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
        except (Exception, SystemExit) as error:  # an adapter that exits has failed
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


def _last_lines(error: BaseException, truth: Truth | None) -> str:
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
    with _hypothesis_elsewhere():
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
        subject=subject.title,
    )


@contextmanager
def _hypothesis_elsewhere() -> Iterator[None]:
    """Keep hypothesis from making a folder where the user is, which may be a recording's."""
    from hypothesis.configuration import set_hypothesis_home_dir

    with tempfile.TemporaryDirectory(prefix="wormio-hypothesis-") as home:
        set_hypothesis_home_dir(home)
        try:
            yield
        finally:
            set_hypothesis_home_dir(None)
