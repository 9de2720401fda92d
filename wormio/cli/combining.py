"""``wormio combine``: write the file that makes one recording of several cameras' folders."""

import json
import os
import re
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from wormio.cli.common import FormatOption, OptionOption, as_path, parse_options
from wormio.errors import OptionError

__all__ = ["combine"]

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def combine(
    paths: Annotated[
        list[Path],
        typer.Argument(help="Recordings, at least two; the first one leads.", parser=as_path),
    ],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="File to write: NAME.wormio.toml.", parser=as_path),
    ],
    name: Annotated[
        list[str] | None,
        typer.Option("--name", help="Of each recording, in their order; default: the files' own."),
    ] = None,
    on: Annotated[
        Literal["count", "time", "index"], typer.Option("--on", help="How frames belong together.")
    ] = "count",
    tolerance: Annotated[
        float | None,
        typer.Option("--tolerance", min=0, metavar="SECONDS", help="With --on time."),
    ] = None,
    channel: Annotated[
        list[str] | None,
        typer.Option(
            "--channel",
            metavar="NAME=CHANNEL",
            help="Take only this channel of a recording; may be given several times.",
        ),
    ] = None,
    format: FormatOption = None,
    option: OptionOption = None,
) -> None:
    """Write the file that describes several recordings as one; pixels are neither read nor copied.

    Afterwards `wormio info NAME.wormio.toml` and all other commands open the combination.
    """
    import wormio
    from wormio.registry.config import SUFFIX
    from wormio.storage.atomic import refuse_existing, write_atomically

    if not output.name.endswith(SUFFIX) or output.name == SUFFIX:
        raise OptionError(
            "the output has another name", expected=f"NAME{SUFFIX}", found=output.name, path=output
        )
    refuse_existing(output, cure="choose another name, or remove it: it may be written by hand")
    names = _names(paths, name)
    wanted = _channels(channel, names)
    members: dict[str, dict[str, Any]] = {}
    options = parse_options(option)
    with ExitStack() as stack:
        # What cannot be combined is refused now, not when the file is used.
        opened = {}
        for key, path in zip(names, paths, strict=True):
            recording = stack.enter_context(wormio.open(path, format, **options))
            if key in wanted:
                recording = recording.select(channels=wanted[key])
            opened[key] = recording
            members[key] = {"path": _relative(path, output)}
            if format is not None:
                members[key]["format"] = format
            if key in wanted:
                members[key]["channels"] = wanted[key]
            members[key]["options"] = {k: v for k, v in options.items() if k != "trust"}
        both = wormio.combine(opened, on=on, tolerance=tolerance)
    write_atomically(output, _toml(members, on, tolerance).encode())
    typer.echo(
        f"{output}: {' and '.join(names)}, {len(both.timeline)} frames, "
        f"{both.timeline.n_volumes} volumes, channels {', '.join(c.name for c in both.channels)}"
    )
    for finding in both.findings:
        typer.echo(f"{finding.code}: {finding.message}", err=True)


def _names(paths: list[Path], given: list[str] | None) -> list[str]:
    names = given or [path.resolve().name for path in paths]
    if len(names) != len(paths):
        raise OptionError(
            "each recording needs its name",
            expected=f"{len(paths)} times --name",
            found=str(len(names)),
        )
    if len(set(names)) != len(names) or "" in names:
        raise OptionError(
            "the recordings need different names",
            found=", ".join(map(repr, names)),
            cure="name them: --name red --name green",
        )
    return names


def _channels(given: list[str] | None, names: list[str]) -> dict[str, list[str]]:
    wanted: dict[str, list[str]] = {}
    for text in given or ():
        name, equals, channel = text.partition("=")
        if not equals or name not in names:
            raise OptionError(
                "a channel is chosen of no recording",
                expected=f"NAME=CHANNEL, where NAME is one of {', '.join(names)}",
                found=repr(text),
            )
        wanted.setdefault(name, []).append(channel)
    return wanted


def _relative(path: Path, output: Path) -> str:
    folder = output.absolute().parent.resolve()
    if not path.resolve().is_relative_to(folder):
        raise OptionError(
            "the file must lie above the recordings that it combines",
            expected=f"{path.resolve()} inside the folder of the output",
            found=str(folder),
            path=output,
            cure="write it into a folder that holds them all, so that they can be moved together",
        )
    return Path(os.path.relpath(path.resolve(), folder)).as_posix()


def _toml(members: dict[str, dict[str, Any]], on: str, tolerance: float | None) -> str:
    lines = ["# Written by `wormio combine`; see docs/combine.md.", "[combine]", f'on = "{on}"']
    if tolerance is not None:
        lines.append(f"tolerance = {float(tolerance)!r}")
    for name, about in members.items():
        options = about.pop("options")
        lines += ["", f"[combine.members.{_key(name)}]"]
        lines += [f"{key} = {_quoted(value)}" for key, value in about.items()]
        if options:
            lines += ["", f"[combine.members.{_key(name)}.options]"]
            lines += [f"{_key(key)} = {_quoted(value)}" for key, value in options.items()]
    return "\n".join([*lines, ""])


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _quoted(name)


def _quoted(value: str | list[str]) -> str:
    """Return text, or a list of texts: JSON's escapes are TOML's, but for DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
