"""``wormio extract``."""

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from wormio.cli.common import (
    ConfigOption,
    FormatOption,
    OptionOption,
    OverwriteOption,
    QuietOption,
    ThreadsOption,
    as_path,
    parse_options,
)
from wormio.errors import OptionError

__all__ = ["extract"]

_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}

ProcessesOption = Annotated[
    int | None,
    typer.Option("--processes", min=1, help="So many processes instead of threads."),
]


def extract(
    positions: Annotated[
        Path,
        typer.Option(
            "--positions",
            "-p",
            help="Neuron positions, for example a CSV table. With --list: looked for in each "
            "recording's own folder first.",
            parser=as_path,
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            help="Signals, an HDF5 file; with --list, their folder.",
            parser=as_path,
        ),
    ],
    path: Annotated[
        Path | None,
        typer.Argument(help="Recording: a file or a folder.", metavar="[PATH]", parser=as_path),
    ] = None,
    list_file: Annotated[
        Path | None,
        typer.Option(
            "--list", metavar="FILE", help="Recordings to extract, one path a line.", parser=as_path
        ),
    ] = None,
    tags: Annotated[
        str, typer.Option("--tags", help="With --list: only recordings with all these tags.")
    ] = "",
    exclude_tags: Annotated[
        str, typer.Option("--exclude-tags", help="With --list: none with any of these tags.")
    ] = "",
    shard: Annotated[
        str | None,
        typer.Option(
            "--shard",
            metavar="I/N",
            help="Do the I-th of N equal shares of the work, I from 1 to N; `wormio merge` puts "
            "them together.",
        ),
    ] = None,
    box: Annotated[
        str | None,
        typer.Option(
            "--box", metavar="Z,Y,X", help="Extents of the mask: odd numbers; default: 3,5,5."
        ),
    ] = None,
    ellipsoid: Annotated[
        str | None,
        typer.Option("--ellipsoid", metavar="Z,Y,X", help="Extents of an ellipsoid instead."),
    ] = None,
    mask: Annotated[
        list[str] | None,
        typer.Option(
            "--mask",
            metavar="[NAME=]FILE",
            help="Any mask, a JSON file; several by name are done in one pass.",
        ),
    ] = None,
    reducer: Annotated[
        str,
        typer.Option(
            "--reducer",
            help="mean, sum, median, max, std, brightest-mean=K or percentile=Q.",
        ),
    ] = "mean",
    boundary: Annotated[str, typer.Option("--boundary", help="exclude, clip or nan.")] = "exclude",
    channel: Annotated[
        list[str] | None,
        typer.Option("--channel", help="Name of a channel; may be given several times."),
    ] = None,
    subpixel: Annotated[
        str | None,
        typer.Option("--subpixel", help="linear: interpolate in y and x instead of rounding."),
    ] = None,
    offset: Annotated[
        float | None,
        typer.Option("--offset", help="Camera offset in counts; default: each channel's own."),
    ] = None,
    saturation: Annotated[
        float | None,
        typer.Option("--saturation", help="Counts of a saturated pixel; default: the highest."),
    ] = None,
    background: Annotated[
        str | None,
        typer.Option(
            "--background",
            help="Measure and subtract it: annulus, annulus=PERCENTILE, "
            "plane-percentile=PERCENTILE, or a JSON file.",
        ),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option("--preset", help="wormdatamodel-1.5: the numbers that it published."),
    ] = None,
    z_unit: Annotated[
        str | None, typer.Option("--z-unit", help="um or frame, if the table does not say.")
    ] = None,
    reader: Annotated[
        str | None,
        typer.Option("--reader", help="Format of the positions, if their file's name hides it."),
    ] = None,
    positions_option: Annotated[
        list[str] | None,
        typer.Option(
            "--positions-option",
            metavar="KEY=VALUE",
            help="Option of the positions' reader; may be given several times.",
        ),
    ] = None,
    n_volumes: Annotated[
        int | None,
        typer.Option(
            "--n-volumes",
            min=1,
            help="Volumes of tracked positions, if no neuron was found in the last ones.",
        ),
    ] = None,
    channel_map: Annotated[
        list[Path] | None,
        typer.Option(
            "--map",
            help="Map from the positions' channel into another, by `wormio map fit`; may be given "
            "several times.",
            parser=as_path,
        ),
    ] = None,
    drop_outside: Annotated[
        bool,
        typer.Option("--drop-outside", help="Take centres outside the image as not found."),
    ] = False,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            "--checkpoint",
            metavar="FOLDER",
            help="Keep what is done there: after an interruption the same command goes on.",
            parser=as_path,
        ),
    ] = None,
    follow: Annotated[
        float | None,
        typer.Option(
            "--follow",
            metavar="SECONDS",
            help="Keep up with an acquisition that is still writing, until nothing has grown for "
            "so long.",
        ),
    ] = None,
    stop_mark: Annotated[
        Path | None,
        typer.Option(
            "--stop-mark", help="With --follow: a file that tells the end at once.", parser=as_path
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Tell bytes to read, memory and time; write nothing."),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="With --dry-run: machine-readable, on stdout.")
    ] = False,
    threads: ThreadsOption = None,
    processes: ProcessesOption = None,
    memory: Annotated[
        str,
        typer.Option("--memory", metavar="BYTES", help="Of pixels at once: 500M, 2G, ..."),
    ] = "1G",
    overwrite: OverwriteOption = False,
    quiet: QuietOption = False,
    config: ConfigOption = None,
    format: FormatOption = None,
    option: OptionOption = None,
) -> None:
    """Extract the neurons' fluorescence into an HDF5 file, one signal a channel."""
    from wormio.cli import choosing, jobs, maps
    from wormio.extraction import Following

    if (path is None) == (list_file is None):
        raise OptionError(
            "which recording?",
            expected="PATH, or --list FILE",
            found="neither" if path is None else "both",
        )
    recordings = [path] if path is not None else _listed(list_file, tags, exclude_tags)
    if list_file is not None:
        _check_folder(output)
    if as_json and not dry_run:
        raise OptionError("--json goes with --dry-run only")
    if follow is not None and (list_file or shard or checkpoint or dry_run):
        raise OptionError("--follow goes with neither --list, --shard, --checkpoint nor --dry-run")
    if stop_mark is not None and follow is None:
        raise OptionError("--stop-mark goes with --follow only")
    given: dict[str, Any] = {"z_unit": z_unit, "n_volumes": n_volumes}
    request = jobs.Request(
        positions=positions,
        reader=reader,
        about={name: value for name, value in given.items() if value is not None}
        | parse_options(positions_option),
        drop_outside=drop_outside,
        format=format,
        options=parse_options(option) | ({} if follow is None else {"growing": True}),
        config=config,
        follow=None if follow is None else Following(timeout=follow, mark=stop_mark),
        choices={
            "mask": choosing.masks(box, ellipsoid, mask or ()),
            "reducer": choosing.reducer(reducer),
            "channels": channel or None,
            "mapping": maps.by_channel(channel_map or ()),
            "boundary": boundary,
            "subpixel": subpixel,
            "offset": "channel" if offset is None else offset,
            "saturation": saturation,
            "background": choosing.background(background),
            "preset": preset,
        },
        memory=_size(memory),
        threads=threads,
        processes=processes,
        checkpoint=checkpoint,
        overwrite=overwrite,
        quiet=quiet,
    )
    todo = jobs.plan_jobs(recordings, output, shard, from_list=list_file is not None)
    if dry_run:
        jobs.dry_run(todo, request, as_json=as_json)
    else:
        jobs.run_jobs(todo, request)


def _listed(path: Path | None, tags: str, exclude_tags: str) -> list[Path]:
    from wormio.signal.datasets import read_dataset_list

    assert path is not None  # noqa: S101 (for the type checker)
    found = [each.path for each in read_dataset_list(path, tags=tags, exclude=exclude_tags)]
    if not found:
        raise OptionError("the list names no recording with these tags", path=path)
    return found


def _check_folder(output: Path) -> None:
    if not output.is_dir():
        raise OptionError(
            "with --list the output is a folder, for a file a recording",
            found="a file" if output.exists() else "no such folder",
            path=output,
            cure="create the folder first",
        )


def _size(text: str) -> int:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?", text.strip().lower())
    if match is None or not float(match[1]):
        raise OptionError(
            "the amount of memory is not readable",
            expected="bytes: 800000000, 500M, 2G",
            found=repr(text),
        )
    return int(float(match[1]) * _UNITS[match[2]])
