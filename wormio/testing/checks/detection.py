"""D: recognising a path, and nothing but the right ones."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from wormio.registry import (
    Confidence,
    Detection,
    Format,
    Probe,
    explain,
)
from wormio.registry import open as open_recording
from wormio.testing.copies import disguises, foreign_recordings, strangers, write
from wormio.testing.engine import Context, check, require
from wormio.testing.isolation import isolated, watch

__all__: list[str] = []

_EXTRA_FILES = 10_000
# The host gives a format no more heads of files than this; see `Probe`.
_MOST_HEADS = 16
_OPENING = ("open", "os.listdir", "os.scandir", "glob.glob", "subprocess.Popen", "socket.connect")


def _format(context: Context) -> Format:
    return context.subject.registry().get(context.subject.format)


def _claim(fmt: Format, path: Path) -> Detection | None:
    return fmt.detect(Probe(path))


@check("WIO-D01")
def claims_its_own(context: Context) -> None:
    """Its own recordings are recognised: it is the only format with the highest confidence."""
    subject = context.subject
    paths = [sample.path for sample in subject.samples]
    if subject.make is not None:
        paths.append(context.path())
    for path in paths:
        explanation = explain(path, registry=subject.registry())
        best = [verdict.format for verdict in explanation.best]
        require(best == [subject.format], str(explanation), f"{subject.format}: yes", path.name)
        answer = explanation.best[0].answer
        require(answer == "yes", str(explanation.best[0]), "yes, and nothing missing", path.name)
        options = next((s.options for s in subject.samples if s.path == path), {})
        options = dict(subject.options) | dict(options)
        with open_recording(path, registry=subject.registry(), **options) as recording:
            found = recording.source.arguments.get("format")
            require(found == subject.format, found, subject.format, "source of the opened path")


@check("WIO-D02")
def claims_nothing_foreign(context: Context) -> None:
    """It claims nothing that is not its own; where only names are right, not by SIGNATURE."""
    fmt = _format(context)
    for what, path in strangers(context.folder / "strangers"):
        claim = _claim(fmt, path)
        require(claim is None, claim, "None", f"detect() of {what}")
    for other, path in foreign_recordings(context.subject, context.folder / "foreign"):
        claim = _claim(fmt, path)
        best = explain(path).best
        if claim is None or [v.format for v in best] == [fmt.name]:
            continue
        theirs = best[0].confidence if best else None
        fits = theirs is not None and claim.confidence < theirs
        require(fits, claim, "None, or less sure than its owner", f"a recording of format {other}")
    if context.subject.make is not None:
        for what, path in disguises(write(context), context.folder / "disguises"):
            claim = _claim(fmt, path)
            sure = claim is not None and claim.confidence >= Confidence.SIGNATURE
            require(not sure, claim, "None, or less than SIGNATURE", f"detect() of {what}")


class _WatchedProbe(Probe):
    """A probe whose own reading is taken off a list of audit events."""

    def __init__(self, path: Path, events: list[tuple[str, str]]) -> None:
        self.events, self.heads = events, 0
        super().__init__(path)

    def head(self, name: str | None = None) -> bytes:
        before = len(self.events)
        try:
            return super().head(name)
        finally:
            self.heads += len(self.events) > before
            del self.events[before:]


@check("WIO-D03")
def detection_opens_nothing(context: Context) -> None:
    """Detection opens and lists nothing itself, and costs no more in a folder of 10,000 files."""
    fmt = _format(context)
    warm = context.path()
    path = context.path()
    crowded = path
    if context.subject.make is not None and path.is_dir():
        crowded = write(context, path).copy_to(context.folder / "crowded").path

    def work(say: Callable[[str], None]) -> None:
        _claim(fmt, warm)  # imports
        events = watch(*_OPENING)
        _require_modest(fmt, path, events, say)
        if crowded != path:
            for number in range(_EXTRA_FILES):
                (crowded / f"extra-{number:05d}").touch()
            _require_modest(fmt, crowded, events, say)

    isolated(work)


def _require_modest(
    fmt: Format, path: Path, events: list[tuple[str, str]], say: Callable[[str], None]
) -> None:
    """Raise `CheckFailure` if detection opens or lists more than the probe does for it."""
    events.clear()
    probe = _WatchedProbe(path, events)
    say(f"the probe of {path.name}")
    require(len(events) <= 1, events, "at most one listing, by the probe")
    events.clear()
    say(f"detect() of {path.name}, {len(probe.names)} files")
    claim = fmt.detect(probe)
    require(claim is not None, None, "its own recording recognised")
    require(not events, events, "nothing opened or listed but by the probe")
    require(probe.heads <= _MOST_HEADS, f"{probe.heads} heads", f"at most {_MOST_HEADS}")


@check("WIO-D04")
def detection_never_raises(context: Context) -> None:
    """Detection answers for every path; it never raises."""
    fmt = _format(context)
    paths = list(strangers(context.folder / "strangers"))
    paths += foreign_recordings(context.subject, context.folder / "foreign")
    if context.subject.make is not None:
        whole = write(context)
        paths += disguises(whole, context.folder / "disguises")
        for number, name in enumerate(whole.names()):
            for part in (0, 1, 3, 7, 20, 100, 0.5):
                copy = whole.copy_to(context.folder / f"cut-{number}-{part}")
                size = copy.at(name).stat().st_size
                kept = min(int(part * size) if isinstance(part, float) else part, size)
                os.truncate(copy.at(name), kept)
                paths.append((f"{name} cut to {kept} bytes", copy.path))
            copy = whole.copy_to(context.folder / f"folder-{number}")
            copy.at(name).unlink()
            copy.at(name).mkdir()
            paths.append((f"{name} replaced by a folder", copy.path))
    for what, path in paths:
        try:
            found = _claim(fmt, path)
        except Exception as error:  # the rule
            found = f"{type(error).__name__}: {error}"  # type: ignore[assignment]
        kinds = (Detection, type(None))
        require(isinstance(found, kinds), found, "a Detection or None", f"detect() of {what}")


@check("WIO-D05", severity="SHOULD")
def detection_depends_on_the_path_only(context: Context) -> None:
    """The verdict depends neither on what was asked before, nor on the working directory."""
    fmt = _format(context)
    own = context.path().absolute()
    others = [path for _, path in strangers(context.folder / "strangers")]
    formats = list(context.subject.registry().formats)

    def work(say: Callable[[str], None]) -> None:
        first = _claim(fmt, own)

        def again(how: str, path: Path = own) -> None:
            say(how)
            claim = _claim(fmt, path)
            require(_comparable(claim) == _comparable(first), claim, first)

        again("asked a second time")
        for path in others:
            _claim(fmt, path)
        again("asked after other paths")
        for order in (formats, formats[::-1]):
            probe = Probe(own)
            found = {one.name: one.detect(probe) for one in order}[fmt.name]
            say(f"formats asked in the order {[one.name for one in order]}")
            require(_comparable(found) == _comparable(first), found, first)
        os.chdir(own.parent)
        again("asked from its own folder, by a relative path", Path(own.name))
        os.chdir("/")
        again("asked from /")

    isolated(work)


def _comparable(claim: Detection | None) -> Any:
    # The evidence is free to name the path as it was given.
    return None if claim is None else (claim.confidence, claim.missing)
