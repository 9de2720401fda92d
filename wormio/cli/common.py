"""What several commands share: their common options, and the bar."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from wormio.errors import OptionError

__all__ = [
    "ConfigOption",
    "FormatOption",
    "JsonOption",
    "OptionOption",
    "OverwriteOption",
    "PathArgument",
    "QuietOption",
    "ThreadsOption",
    "as_path",
    "contract_version",
    "parse_options",
    "progress_bar",
]


def as_path(text: str) -> Path:
    """Return a path of the command line; whether it can be read is told where it is opened.

    typer, left alone, takes what may not be read for wrong usage.
    """
    if not text:  # Path("") would be the folder one is in
        raise typer.BadParameter("the path is empty")
    return Path(text)


PathArgument = Annotated[
    Path, typer.Argument(help="Recording: a file or a folder.", parser=as_path, metavar="PATH")
]
ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="Options, channels and events kept by hand; default: NAME.wormio.toml beside the "
        "data, if there is one.",
        parser=as_path,
    ),
]
FormatOption = Annotated[
    str | None,
    typer.Option("--format", help="Name of the format, if it is not recognised by itself."),
]
OptionOption = Annotated[
    list[str] | None,
    typer.Option(
        "--option", metavar="KEY=VALUE", help="Option of the format; may be given several times."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Machine-readable, on stdout.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")]
OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="Replace existing output.")]
ThreadsOption = Annotated[
    int | None, typer.Option("--threads", min=1, help="Default: one a processor.")
]


def parse_options(given: list[str] | None) -> dict[str, Any]:
    """Turn the ``KEY=VALUE`` of the command line into a format's options."""
    options = {}
    for text in given or ():
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise OptionError("an option has no value", expected="KEY=VALUE", found=repr(text))
        options[key.strip().replace("-", "_")] = value
    return options


def contract_version(text: str | None) -> str | None:
    """Return a version of the contract, checked."""
    from wormio.registry import SPEC_VERSION

    if text is None:
        return None
    if not re.fullmatch(r"\d+\.\d+", text) or _numbers(text) > _numbers(SPEC_VERSION):
        raise OptionError(
            "there is no such version of the contract",
            expected=f"1.0 to {SPEC_VERSION}",
            found=repr(text),
        )
    return text


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


@contextmanager
def progress_bar(what: str, unit: str, quiet: bool) -> Iterator[Callable[[int, int], None] | None]:
    """Show a bar on stderr; none where nobody watches."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield None
        return
    with Progress(
        TextColumn(what),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    ) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
