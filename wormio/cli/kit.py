"""``wormio check`` and what ``wormio plugins test`` shares with it: running the conformance kit."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from xml.etree import ElementTree

import typer

from wormio.cli.common import (
    FormatOption,
    OptionOption,
    OverwriteOption,
    PathArgument,
    QuietOption,
    as_path,
    contract_version,
    parse_options,
    progress_bar,
)
from wormio.cli.exits import TerminatedError

if TYPE_CHECKING:
    from wormio.registry import Format, PluginRegistry
    from wormio.testing import Report, Subject

__all__ = [
    "NOT_CONFORMANT",
    "OnlyOption",
    "OutputOption",
    "ReportOption",
    "SpecOption",
    "check",
    "deliver",
    "run_kit",
]

NOT_CONFORMANT = 4
"""Exit code: a recording or an adapter that is not what it claims to be."""

ReportKind = Literal["text", "json", "junit"]
ReportOption = Annotated[ReportKind, typer.Option("--report", help="text, json or junit.")]
SpecOption = Annotated[
    str | None, typer.Option("--spec", help="Version of the contract; default: the format's own.")
]
OnlyOption = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="ID", help="One check only; may be given several times."),
]
OutputOption = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="File for the report; default: stdout.", parser=as_path),
]


def check(
    path: PathArgument,
    format: FormatOption = None,
    option: OptionOption = None,
    spec: SpecOption = None,
    only: OnlyOption = None,
    report: ReportOption = "text",
    output: OutputOption = None,
    overwrite: OverwriteOption = False,
    quiet: QuietOption = False,
) -> None:
    """Check that a recording keeps the contract, as far as it can show by itself.

    The pixels are read several times. A path alone is evidence of class C: that the adapter agrees
    with itself. `wormio plugins test FORMAT` compares it with an independent writer.

    Exit code 0: conformant; 4: not conformant.
    """
    import wormio
    from wormio.cli.describe import refuse_existing
    from wormio.registry import default_registry

    if output is not None:
        refuse_existing(output, overwrite)
    options = parse_options(option)
    with wormio.open(path, format, **options):
        pass  # what cannot be opened is told as by every other command
    name = format or wormio.explain(path).best[0].format
    registry = default_registry()
    fmt = registry.get(name)
    subject = _sample(fmt, path, options)
    note = (
        "a path alone shows that the adapter agrees with itself, not that it is right; "
        f"`wormio plugins test {name}` compares it with an independent writer"
    )
    reports = [run_kit(fmt, subject, spec=spec, only=only, quiet=quiet)]
    deliver(reports, registry, report, output, note=note)


def run_kit(
    fmt: "Format", subject: "Subject", *, spec: str | None, only: list[str] | None, quiet: bool
) -> "Report":
    """Run the checks of one subject, with a bar."""
    from wormio.testing import check_adapter

    name = f"{fmt.name}, {subject.title}" if subject.title else fmt.name
    with progress_bar(f"checking {name}", "checks", quiet) as bar, _lost_interrupts() as lost:

        def progress(done: int, total: int) -> None:
            if lost:
                raise lost[0]
            if bar is not None:
                bar(done, total)

        return check_adapter(subject, spec=contract_version(spec), only=only, progress=progress)


@contextmanager
def _lost_interrupts() -> Iterator[list[type[BaseException]]]:
    """Give a list into which a Ctrl-C or SIGTERM goes that Python ignored.

    The checks collect garbage, often and long, and the first code that runs afterwards is a
    callback of hypothesis, out of which no exception leads.
    """
    lost: list[type[BaseException]] = []
    before = sys.unraisablehook

    def note(told: "sys.UnraisableHookArgs") -> None:
        if issubclass(told.exc_type, KeyboardInterrupt | TerminatedError):
            lost.append(told.exc_type)
        else:
            before(told)

    sys.unraisablehook = note
    try:
        yield lost
    finally:
        sys.unraisablehook = before


def deliver(
    reports: Sequence["Report"],
    registry: "PluginRegistry",
    kind: ReportKind,
    output: Path | None,
    *,
    note: str = "",
) -> None:
    """Print or write the reports; end with the exit code they deserve."""
    readers = {report.format: _reader(registry.get(report.format)) for report in reports}
    ok = all(report.ok for report in reports)
    text = "\n".join(
        line
        for report in reports
        for line in (str(report), _sentence(readers[report.format]), note)
        if line
    )
    if kind == "json":
        trees = [json.loads(r.to_json()) | {"reader": readers[r.format]} for r in reports]
        told = json.dumps({"schema_version": 1, "ok": ok, "reports": trees}, indent=2)
    elif kind == "junit":
        suites = ElementTree.Element("testsuites")
        # Made by ourselves a moment ago.
        suites.extend(ElementTree.fromstring(r.to_junit()) for r in reports)  # noqa: S314
        told = ElementTree.tostring(suites, encoding="unicode", xml_declaration=True)
    else:
        told = text
    if output is None:
        typer.echo(told)
    else:
        output.write_text(told + "\n", encoding="utf-8")
        # The verdict is a report's last line; what failed is told in full all the same.
        verdicts = "\n".join(str(report).splitlines()[-1] for report in reports)
        typer.echo(f"{output}: {verdicts}" if ok else text)
    if not ok:
        raise typer.Exit(NOT_CONFORMANT)


def _sample(fmt: "Format", path: Path, options: dict[str, Any]) -> "Subject":
    """Make a subject of a path; what the format declares of itself holds for it too."""
    from wormio.testing import Sample, Subject, subjects_of
    from wormio.testing.subject import CAPABILITIES

    samples = (Sample(path=path.absolute(), options=options),)
    if not fmt.subjects:
        declared = fmt.capabilities & CAPABILITIES
        if not declared:
            return Subject(format=fmt.name, samples=samples)
        return Subject(format=fmt.name, samples=samples, capabilities=declared)
    own = subjects_of(fmt)
    return Subject(
        format=fmt.name,
        samples=samples,
        capabilities=frozenset().union(*(one.capabilities for one in own)),
        waivers={name: why for one in own for name, why in one.waivers.items()},
        spec=own[0].spec,
    )


def _reader(fmt: "Format") -> dict[str, str | None]:
    """Say which code was under test: a stale checkout on the path must not pass for it."""
    import inspect

    from wormio.registry import load_code

    try:
        file = inspect.getsourcefile(load_code(fmt.opener))
    except TypeError:  # compiled code
        file = None
    return {"opener": fmt.opener, "file": file}


def _sentence(reader: dict[str, str | None]) -> str:
    return f"reader: {reader['opener']} in {reader['file'] or 'a compiled module'}"
