"""``wormio convert`` and ``wormio diff``: a recording in wormio's file, and two side by side."""

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from wormio.cli.common import (
    ConfigOption,
    FormatOption,
    JsonOption,
    OptionOption,
    OverwriteOption,
    PathArgument,
    QuietOption,
    as_path,
    parse_options,
    progress_bar,
)
from wormio.cli.exits import DIFFERENT

__all__ = ["convert", "diff"]


def convert(
    path: PathArgument,
    output: Annotated[
        Path, typer.Argument(help="HDF5 file to write: NAME.wormio.h5.", parser=as_path)
    ],
    compress: Annotated[
        str | None,
        typer.Option(
            "--compress",
            help="gzip. Default: uncompressed, so that extraction reads only the bytes it needs.",
        ),
    ] = None,
    overwrite: OverwriteOption = False,
    quiet: QuietOption = False,
    config: ConfigOption = None,
    format: FormatOption = None,
    option: OptionOption = None,
) -> None:
    """Write a recording of any format, whole, into one HDF5 file."""
    import wormio
    from wormio.export.container import check_output, to_hdf5

    check_output(output, overwrite=overwrite)
    with (
        wormio.open(path, format, config=config, **parse_options(option)) as recording,
        progress_bar("converting", "frames", quiet) as progress,
    ):
        to_hdf5(recording, output, compression=compress, overwrite=overwrite, progress=progress)
        n_frames, n_channels, height, width = recording.frames.shape
        n_volumes = recording.timeline.n_volumes
    typer.echo(
        f"{output}: {n_frames} frames of {n_channels} x {height} x {width}, {n_volumes} volumes"
    )


def diff(
    first: Annotated[Path, typer.Argument(help="Recording: a file or a folder.", parser=as_path)],
    second: Annotated[Path, typer.Argument(help="The one to compare it with.", parser=as_path)],
    time_tol: Annotated[
        float, typer.Option("--time-tol", min=0, metavar="SECONDS", help="Times may differ so far.")
    ] = 0.0,
    z_tol: Annotated[
        float, typer.Option("--z-tol", min=0, metavar="UM", help="z may differ so far.")
    ] = 0.0,
    as_json: JsonOption = False,
    format_a: Annotated[
        str | None, typer.Option("--format-a", help="Name of the first one's format.")
    ] = None,
    option_a: Annotated[
        list[str] | None,
        typer.Option("--option-a", metavar="KEY=VALUE", help="Option of the first one's format."),
    ] = None,
    format_b: Annotated[
        str | None, typer.Option("--format-b", help="Name of the second one's format.")
    ] = None,
    option_b: Annotated[
        list[str] | None,
        typer.Option("--option-b", metavar="KEY=VALUE", help="Option of the second one's format."),
    ] = None,
) -> None:
    """Compare two recordings, pixels included: "identical", or what differs and exit code 7."""
    import wormio

    with ExitStack() as stack:
        a = stack.enter_context(wormio.open(first, format_a, **parse_options(option_a)))
        b = stack.enter_context(wormio.open(second, format_b, **parse_options(option_b)))
        found = wormio.diff(a, b, time_tol=time_tol, z_tol=z_tol)
    if as_json:
        items: list[dict[str, Any]] = [{"what": w, "how": how} for w, how in found.items]
        listed = {"schema_version": 1, "identical": not found, "differences": items}
        typer.echo(json.dumps(listed, indent=2))
    else:
        typer.echo(str(found))
    if found:
        raise typer.Exit(DIFFERENT)
