"""The conformance kit under pytest, the only module of wormio that imports pytest.

::

    from wormio.testing.conformance import AdapterConformance
    from wormio_mylab.conformance import subject

    class TestMylab(AdapterConformance):
        subject = subject

makes one test for each check that applies, `TestMylab::test_conforms[WIO-S01-dtype_is_fixed]`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from wormio.errors import WormioError
from wormio.testing.engine import CHECKS, Check, applicable_checks, run_check
from wormio.testing.subject import Subject

__all__ = ["AdapterConformance"]

_OURS = ("test_conforms", "pytest_generate_tests")


class AdapterConformance:
    """Base of a test class that checks one adapter; there is nothing to override.

    A waived check is a strict ``xfail``: once it passes, its waiver must go. A rule that only
    *should* hold is an ``xfail`` too when it does not.

    Attributes
    ----------
    subject : Subject or callable
        What to check, or a function that returns it.
    spec : str, optional
        Version of the contract; default: the subject's own.
    examples : int
        How many truths each property-based check draws.
    """

    subject: ClassVar[Subject | Callable[[], Subject]]
    spec: ClassVar[str | None] = None
    examples: ClassVar[int] = 8

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        for name in _OURS:
            if name in vars(cls):
                raise TypeError(
                    f"{cls.__name__} overrides {name}: a check that is known to fail is waived in "
                    "the subject, Subject(waivers={'WIO-...': 'reason'}), so that reports tell it"
                )

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Make one test a check."""
        if "conformance_check" not in metafunc.fixturenames:
            return
        subject, checks = _chosen(type(self))
        metafunc.parametrize(
            ("conformance_check", "conformance_subject"),
            [
                pytest.param(one, subject, id=f"{one.id}-{one.name}", marks=_marks(one, subject))
                for one in checks
            ],
        )

    def test_conforms(self, conformance_check: Check, conformance_subject: Subject) -> None:
        """Keep one rule of the contract."""
        result = run_check(conformance_check, conformance_subject, examples=self.examples)
        # "waiver-stale" passes here: the strict xfail turns it into a failure.
        if result.outcome == "failed" and result.severity == "SHOULD":
            pytest.xfail(str(result))
        if result.outcome in {"failed", "waived"}:
            pytest.fail(str(result), pytrace=False)


def _chosen(cls: type[AdapterConformance]) -> tuple[Subject, list[Check]]:
    """Return the subject of a test class and its checks; a mistake in it is a usage error."""
    given = getattr(cls, "subject", None)
    try:
        subject = given if isinstance(given, Subject) or given is None else given()
        if not isinstance(subject, Subject):
            raise _usage(cls, f"subject must be a wormio.testing.Subject, found {subject!r}")
        if cls.spec is not None and not re.fullmatch(r"\d+\.\d+", cls.spec):
            raise _usage(cls, f"spec must be a version like '1.0', found {cls.spec!r}")
        checks = applicable_checks(subject, cls.spec)
    except WormioError as error:
        raise _usage(cls, str(error)) from error
    unknown = sorted(set(subject.waivers) - set(CHECKS))
    if unknown:
        raise _usage(cls, f"there is no check {', '.join(unknown)} to waive: {', '.join(CHECKS)}")
    return subject, checks


def _usage(cls: type[AdapterConformance], problem: str) -> pytest.Collector.CollectError:
    # Pytest shows this one as its bare message, and collects nothing of the class.
    return pytest.Collector.CollectError(f"usage error: {cls.__name__}: {problem}")


def _marks(one: Check, subject: Subject) -> list[pytest.MarkDecorator]:
    reason = subject.waivers.get(one.id)
    if reason is None:
        return []
    return [pytest.mark.xfail(reason=reason, strict=True, raises=pytest.fail.Exception)]
