"""``wormio merge`` and ``wormio rerun``: with what ``wormio extract`` has written."""

import json
import re
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from wormio.cli.common import (
    JsonOption,
    OverwriteOption,
    QuietOption,
    ThreadsOption,
    as_path,
    progress_bar,
)
from wormio.cli.exits import DIFFERENT
from wormio.errors import ExtractionError, OptionError

__all__ = ["merge", "rerun"]

_SHARD = re.compile(r"(?P<name>.*)\.shard-(?P<number>\d+)-of-(?P<count>\d+)(?P<suffix>\.[^.]*)?")


def merge(
    paths: Annotated[
        list[Path],
        typer.Argument(
            help="Files that `wormio extract --shard` wrote, or folders of them.", parser=as_path
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="File to write; default: the shards' name without the shard.",
            parser=as_path,
        ),
    ] = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Put the shards of an extraction together: one file a recording, as if done at once."""
    import wormio
    from wormio.extraction import merge as merged
    from wormio.signal.files import check_output

    groups = _groups(paths)
    if output is not None and len(groups) > 1:
        raise OptionError(
            "these are shards of several recordings",
            found=", ".join(path.name for path in groups)[:300],
            cure="leave --output out: each recording's file is written beside its shards",
        )
    todo = {output or target: files for target, files in groups.items()}
    for target in todo:
        check_output(target, overwrite=overwrite)
    for target, files in todo.items():
        try:
            signals = merged(wormio.load(file) for file in files)
        except wormio.errors.SignalError as error:
            error.path = error.path or str(target)
            raise
        wormio.save(target, signals, overwrite=overwrite)
        n_volumes = max(signal.n_volumes for signal in signals.values())
        typer.echo(f"{target}: {len(files)} shards, {n_volumes} volumes, {', '.join(signals)}")


def rerun(
    path: Annotated[
        Path, typer.Argument(help="Signals that `wormio extract` wrote.", parser=as_path)
    ],
    root: Annotated[
        Path | None,
        typer.Option(
            "--root",
            metavar="FOLDER",
            help="Look for the recording there, by its identity, under whatever name.",
            parser=as_path,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Keep the new signals in this file.", parser=as_path),
    ] = None,
    as_json: JsonOption = False,
    threads: ThreadsOption = None,
    overwrite: OverwriteOption = False,
    quiet: QuietOption = False,
) -> None:
    """Repeat an extraction from what its file embeds: "identical", or what differs and code 7."""
    from concurrent.futures import ThreadPoolExecutor

    import wormio
    from wormio.extraction import rerun as repeat
    from wormio.signal.files import check_output

    if output is not None:
        check_output(output, overwrite=overwrite)
    before = wormio.load(path)
    with ExitStack() as stack:
        executor = None
        if threads is not None:
            executor = stack.enter_context(ThreadPoolExecutor(threads))
        progress = stack.enter_context(progress_bar("extracting", "volumes", quiet))
        try:
            found = repeat(before, root=root, executor=executor, progress=progress)
        except (ExtractionError, wormio.errors.SignalError) as error:
            error.path = error.path or str(path)
            raise
    if output is not None:
        wormio.save(output, found.signals, overwrite=overwrite)
    if as_json:
        changes: list[dict[str, Any]] = [
            {"channel": each.channel, "column": each.column, "how": each.how}
            for each in found.changes
        ]
        typer.echo(
            json.dumps(
                {
                    "schema_version": 1,
                    "recording": found.path,
                    "identical": not changes,
                    "columns": found.columns,
                    "differences": changes,
                    "versions": {k: list(v) for k, v in found.versions.items()},
                },
                indent=2,
            )
        )
    else:
        typer.echo(f"extracted again from {found.path}")
        for name, (then, now) in found.versions.items():
            typer.echo(f"{name} was {then} and is {now}")
        for change in found.changes:
            typer.echo(str(change))
        if not found.changes:
            typer.echo(f"identical: {found.columns} columns of {len(before)} channels")
    if found.changes:
        raise typer.Exit(DIFFERENT)


def _groups(paths: list[Path]) -> dict[Path, list[Path]]:
    """Return the shards by the file that they make together, complete sets only."""
    files: list[Path] = []
    for path in paths:
        found = sorted(path.iterdir()) if path.is_dir() else [path]
        files += [file for file in found if not path.is_dir() or _SHARD.fullmatch(file.name)]
    groups: dict[tuple[Path, str], list[Path]] = {}
    for file in dict.fromkeys(files):
        match = _SHARD.fullmatch(file.name)
        if match is None:
            raise OptionError(
                "this is no shard by its name",
                expected="NAME.shard-I-of-N.h5",
                found=file.name,
                path=file,
            )
        target = file.with_name(match["name"] + (match["suffix"] or ""))
        groups.setdefault((target, match["count"]), []).append(file)
    if not groups:
        raise OptionError(
            "there are no shards",
            expected="NAME.shard-I-of-N.h5",
            path=paths[0] if paths else None,
        )
    targets = [target for target, _ in groups]
    for target in targets:
        if targets.count(target) > 1:
            raise OptionError(
                "there are shards of several cuts",
                expected="all of one --shard i/N",
                found=", ".join(f"of {count}" for each, count in groups if each == target),
                path=target,
                cure="name the files of one of them",
            )
    return {target: files for (target, _), files in groups.items()}
