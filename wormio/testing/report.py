"""Reports of the conformance kit: as sentences, as JSON, as JUnit XML."""

from __future__ import annotations

import json
from typing import Any, Literal
from xml.etree import ElementTree

import attrs

__all__ = ["Report", "Result"]

Outcome = Literal["passed", "failed", "waived", "waiver-stale"]

_EVIDENCE = {
    "A": "A: an independent writer",
    "B": "B: samples read by another tool",
    "C": "C: self-consistency only",
}
_DOCS = "docs/conformance.md"


@attrs.frozen(kw_only=True)
class Result:
    """How one check ended.

    Parameters
    ----------
    id, rule : str
    severity : {"MUST", "SHOULD"}
    outcome : {"passed", "failed", "waived", "waiver-stale"}
        A waiver whose check passes is stale, and a failure: it must be removed.
    observed, expected, reproduce : str
    waiver : str
        The reason given for not keeping the rule.
    """

    id: str
    rule: str
    severity: Literal["MUST", "SHOULD"]
    outcome: Outcome
    observed: str = ""
    expected: str = ""
    reproduce: str = ""
    waiver: str = ""

    def __str__(self) -> str:
        if self.outcome == "passed":
            return f"{self.id} passed: {self.rule}"
        if self.outcome == "waiver-stale":
            return f"{self.id} passes, so its waiver must go: {self.waiver}"
        lines = [
            f"{self.id} {self.outcome} ({self.severity}): {self.rule}",
            f"  observed:  {self.observed}",
            f"  expected:  {self.expected}",
        ]
        if self.reproduce:
            lines.append(f"  reproduce: {self.reproduce}")
        if self.waiver:
            lines.append(f"  waived:    {self.waiver}")
        lines.append(f"  see:       {_DOCS}#{self.id.lower()}")
        return "\n".join(lines)


@attrs.frozen(kw_only=True)
class Report:
    """What the kit found about a format.

    Parameters
    ----------
    format, distribution : str
    subject : str
        Title of the subject, if the format has several; else empty.
    evidence : {"A", "B", "C"}
    spec : str
    results : tuple of Result
    not_applicable : tuple of str
        Ids of checks that the subject's capabilities or limits leave out.
    """

    format: str
    distribution: str
    evidence: Literal["A", "B", "C"]
    spec: str
    results: tuple[Result, ...]
    not_applicable: tuple[str, ...] = ()
    subject: str = ""

    def failures(self, *, strict: bool = False) -> tuple[Result, ...]:
        """Return what must be mended; with `strict`, rules that merely should hold too."""
        return tuple(
            r
            for r in self.results
            if r.outcome == "waiver-stale"
            or (r.outcome == "failed" and (strict or r.severity == "MUST"))
        )

    @property
    def ok(self) -> bool:
        """Whether every rule that must hold holds, or is waived with a reason."""
        return not self.failures()

    @property
    def _name(self) -> str:
        return f"{self.format}, {self.subject}" if self.subject else self.format

    def __str__(self) -> str:
        shown = [str(r) for r in self.results if r.outcome != "passed"]
        passed = sum(r.outcome == "passed" for r in self.results)
        waived = sum(r.outcome == "waived" for r in self.results)
        verdict = "conformant" if self.ok else "NOT conformant"
        shown.append(
            f"{self._name} ({self.distribution}): {verdict} with contract {self.spec}, evidence "
            f"{_EVIDENCE[self.evidence]}; {passed} passed, {len(self.failures())} failed, "
            f"{waived} waived, {len(self.not_applicable)} not applicable"
        )
        return "\n".join(shown)

    def to_json(self) -> str:
        """Return the report as JSON text."""
        tree: dict[str, Any] = {"schema_version": 1, "ok": self.ok} | attrs.asdict(self)
        return json.dumps(tree, indent=2)

    def to_junit(self) -> str:
        """Return the report as JUnit XML, which CI services show."""
        suite = ElementTree.Element(
            "testsuite",
            name=f"wormio conformance {self._name}, evidence {self.evidence}",
            tests=str(len(self.results)),
            failures=str(len(self.failures())),
            skipped=str(sum(r.outcome == "waived" for r in self.results)),
        )
        failed = self.failures()
        for result in self.results:
            case = ElementTree.SubElement(
                suite, "testcase", classname=f"wormio.{self.format}", name=result.id
            )
            if result in failed:
                node = ElementTree.SubElement(case, "failure", message=result.rule)
                node.text = str(result)
            elif result.outcome != "passed":
                ElementTree.SubElement(case, "skipped", message=result.waiver or result.observed)
        return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True)
