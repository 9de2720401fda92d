"""Every format's verdict on a path, and who else would read it."""

from __future__ import annotations

import errno
import fnmatch
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import attrs

from wormio.errors import OptionError, UnsafeReferenceError
from wormio.registry.config import Configuration, chosen_config, described_data
from wormio.registry.format import Confidence, Format
from wormio.registry.known import Suggestion, suggest
from wormio.registry.manager import PluginRegistry, default_registry
from wormio.registry.probe import Probe

__all__ = ["Explanation", "PathLike", "Verdict", "existing", "explain", "fits", "verdicts"]

PathLike = str | os.PathLike[str]

_SHOWN_NAMES = 8


@attrs.frozen(kw_only=True)
class Verdict:
    """What one format says of a path.

    Parameters
    ----------
    format : str
    distribution : str
        That the format comes from.
    answer : {"yes", "mine, but", "no", "crashed"}
    confidence : Confidence, optional
    evidence, missing : tuple of str
        Evidence of a "no" is why not.
    cure : str
    """

    format: str
    distribution: str
    answer: Literal["yes", "mine, but", "no", "crashed"]
    confidence: Confidence | None = None
    evidence: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    cure: str = ""

    def __str__(self) -> str:
        text = f"{self.format}: {self.answer}"
        if self.evidence:
            text += f" ({'; '.join(self.evidence)})"
        if self.missing:
            text += f"; missing: {', '.join(self.missing)}"
        return text


@attrs.frozen(kw_only=True)
class Explanation:
    """Every format's verdict on a path, best first.

    Parameters
    ----------
    path : Path
    verdicts : tuple of Verdict
    failures : tuple of str
        Plugins that could not be loaded, and so could not be asked.
    suggestions : tuple of wormio.registry.known.Suggestion
        Distributions that would read it.
    seen : str
        What is there, in words.
    config : str
        What a file NAME.wormio.toml says about it; empty if there is none.
    members : mapping of str to Explanation
        Of a combination: its recordings.
    """

    path: Path
    verdicts: tuple[Verdict, ...]
    failures: tuple[str, ...] = ()
    suggestions: tuple[Suggestion, ...] = ()
    seen: str = ""
    config: str = ""
    members: Mapping[str, Explanation] = attrs.field(factory=dict)

    @property
    def best(self) -> tuple[Verdict, ...]:
        """The verdicts that share the highest confidence; more than one is a tie."""
        claims = [v for v in self.verdicts if v.confidence is not None]
        return tuple(v for v in claims if v.confidence == claims[0].confidence)

    @property
    def headline(self) -> str:
        """What the path is, what is missing, and what to do."""
        best = self.best
        if self.members:
            return self.config
        if len(best) == 1 and best[0].missing:
            verb = "is" if len(best[0].missing) == 1 else "are"
            return (
                f"{self.path} is {_a(best[0].format)} recording, "
                f"but {_listed(best[0].missing)} {verb} missing" + _to_do(best[0].cure)
            )
        if len(best) == 1:
            return f"{self.path} is {_a(best[0].format)} recording"
        if best:
            names = _listed([v.format for v in best])
            choice = f"choose one: --format {best[0].format} (format= in Python)"
            return f"{self.path} is claimed equally by {names}" + _to_do(choice)
        if self.suggestions:
            first = self.suggestions[0]
            return (
                f"{self.path} looks like {first.title}, which {first.distribution} reads"
                + _to_do(first.cure)
            )
        return f"{self.path} is {self.seen or 'there'}; no installed format recognises it"

    def __str__(self) -> str:
        lines = [self.headline, *map(str, self.verdicts)]
        if self.config and not self.members:
            lines.insert(1, self.config)
        lines += [f"{name}: {member.headline}" for name, member in self.members.items()]
        lines += [f"not loaded: {failure}" for failure in self.failures]
        return "\n".join([*lines, *map(str, self.suggestions)])

    def to_json(self) -> dict[str, Any]:
        """Return the explanation as a JSON-serialisable tree."""
        return {
            "schema_version": 1,
            "path": str(self.path),
            "headline": self.headline,
            "recognised_as": [v.format for v in self.best],
            "verdicts": [
                attrs.asdict(v) | {"confidence": v.confidence.name if v.confidence else None}
                for v in self.verdicts
            ],
            "not_loaded": list(self.failures),
            "suggestions": [attrs.asdict(s) for s in self.suggestions],
            "config": self.config,
            "members": {name: member.to_json() for name, member in self.members.items()},
        }


def explain(path: PathLike, *, registry: PluginRegistry | None = None) -> Explanation:
    """Ask every format about a path.

    Raises
    ------
    FileNotFoundError, PermissionError
        The path is not there or cannot be listed: no format is asked then.
    """
    registry = registry or default_registry()
    probe = Probe(existing(path))
    try:
        config = chosen_config(probe, None)
        if config is None:
            return verdicts(probe, registry)
        return _configured(probe, config, registry)
    except (OptionError, UnsafeReferenceError) as error:
        return attrs.evolve(verdicts(probe, registry), config=str(error))


def _configured(probe: Probe, config: Configuration, registry: PluginRegistry) -> Explanation:
    combined = config.content.combine
    if combined is None:
        data = described_data(config, probe, trust=False)
        named = config.content.format
        what = f"{config.path} describes it" + (f" as {named}" if named else "")
        return attrs.evolve(verdicts(data, registry), config=what)
    members = {}
    for name in combined.members:
        keys = ("combine", "members", name)
        path = config.inside(combined.member(name).path, keys, trust=False)
        # Not its own configuration: one that contains itself would be explained for ever.
        members[name] = verdicts(Probe(path), registry)
    return Explanation(
        path=probe.path,
        verdicts=(),
        config=f"{config.path} combines {_listed(list(members))}, matched on {combined.on}",
        members=members,
    )


def verdicts(probe: Probe, registry: PluginRegistry) -> Explanation:
    """Ask every format about what a probe sees, whatever a configuration says."""
    answers = [_ask(fmt, registry.distribution(fmt.name), probe) for fmt in registry.formats]
    answers.sort(key=lambda v: (-(v.confidence or 0), v.format))
    return Explanation(
        path=probe.path,
        verdicts=tuple(answers),
        failures=tuple(map(str, registry.failures)),
        suggestions=suggest(probe, registry.plugins),
        seen=_seen(probe),
    )


def existing(path: PathLike) -> Path:
    """Return the path, which must be there."""
    if not os.fspath(path):
        raise OptionError("the path is empty", expected="a file or a folder")
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(errno.ENOENT, "there is no such file or folder", str(path))
    return path


def _ask(fmt: Format, distribution: str, probe: Probe) -> Verdict:
    try:
        found = fmt.detect(probe)
        if found is None:
            return Verdict(
                format=fmt.name,
                distribution=distribution,
                answer="no",
                evidence=(_why_not(fmt, probe),),
            )
        return Verdict(
            format=fmt.name,
            distribution=distribution,
            answer="mine, but" if found.missing else "yes",
            confidence=found.confidence,
            evidence=found.evidence,
            missing=found.missing,
            cure=found.cure,
        )
    except (Exception, SystemExit) as error:  # a plugin that exits must not end its host
        return Verdict(
            format=fmt.name,
            distribution=distribution,
            answer="crashed",
            evidence=(f"{type(error).__name__}: {error}",),
        )


def _why_not(fmt: Format, probe: Probe) -> str:
    """Say why a detector that gave no reason does not know the path."""
    if not fmt.patterns:
        return "nothing that it looks for is there"
    name = fits(fmt, probe)
    if name is None:
        return f"nothing here is named {' or '.join(fmt.patterns)}"
    if {None, name} & probe.unreadable.keys():
        return f"{name} cannot be read"
    return f"{name} is named like its files, but it is not what it looks for"


def fits(fmt: Format, probe: Probe) -> str | None:
    """Return the first name that is one of a format's files, or None."""
    if not fmt.patterns:
        return None
    # One expression: there are many names, and this is asked whenever a path is opened.
    named = re.compile("|".join(map(fnmatch.translate, fmt.patterns)), re.IGNORECASE)
    names = probe.names if probe.is_dir else (probe.path.name,)
    return next((name for name in names if named.match(name)), None)


def _seen(probe: Probe) -> str:
    """Say what is there, from the probe's own listing: a folder is never listed twice."""
    if not probe.is_dir:
        size = probe.size()
        text = f"a file of {size} bytes" if size else "an empty file"
        return f"{text} that cannot be read" if probe.unreadable else text
    if not probe.names:
        return "an empty folder"
    text = f"a folder with {', '.join(probe.names[:_SHOWN_NAMES])}"
    more = len(probe.names) - _SHOWN_NAMES
    if more > 0:
        text += f" and {more}{' or more' if probe.capped else ''} more"
    if probe.unreadable:
        text += f"; cannot be read: {', '.join(map(str, probe.unreadable))}"
    return text


def _listed(names: tuple[str, ...] | list[str]) -> str:
    return " and ".join([part for part in (", ".join(names[:-1]), names[-1]) if part])


def _to_do(cure: str) -> str:
    return f"; to do: {cure}" if cure else ""


def _a(name: str) -> str:
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"
