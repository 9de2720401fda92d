"""The commands. Each imports what it needs when it runs, so that ``wormio --help`` is quick."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wormio.cli import (
    combining,
    converting,
    descriptions,
    extracting,
    kit,
    maps,
    merging,
    plugins,
    signals,
)
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
from wormio.cli.doctor import doctor
from wormio.cli.importing import import_legacy

if TYPE_CHECKING:
    from wormio.model import BaseRecording

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # wormio.cli.exits tells errors
    context_settings={"help_option_names": ["-h", "--help"]},
    help="One interface to whole-brain recordings.",
)


def _version(value: bool) -> None:
    if value:
        import wormio

        typer.echo(f"wormio {wormio.__version__}")
        raise typer.Exit


@app.callback()
def _common(
    _show_version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    pass


@app.command()
def info(
    path: PathArgument,
    as_json: JsonOption = False,
    metadata_only: Annotated[
        bool, typer.Option("--metadata-only", help="Do without the frame files.")
    ] = False,
    config: ConfigOption = None,
    format: FormatOption = None,
    option: OptionOption = None,
) -> None:
    """Tell what a recording holds, without reading a pixel."""
    from wormio.cli.describe import as_text
    from wormio.model import summarise

    options = parse_options(option)
    if metadata_only:
        options["metadata_only"] = True
    with _opened(path, format, options, config) as recording:
        summary = summarise(recording)
    typer.echo(json.dumps(summary, indent=2) if as_json else as_text(summary))


@app.command()
def formats(
    name: Annotated[str | None, typer.Argument(help="One format: its options, one by one.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List the formats that can be opened, or the options of one."""
    from wormio.cli.describe import format_as_json, format_options
    from wormio.registry import default_registry

    registry = default_registry()
    chosen = registry.formats if name is None else (registry.get(name),)
    if as_json:
        listed = [format_as_json(fmt, registry.distribution(fmt.name)) for fmt in chosen]
        typer.echo(json.dumps({"schema_version": 1, "formats": listed}, indent=2))
        return
    for fmt in chosen:
        typer.echo(f"{fmt.name:12} {fmt.title}  [{registry.distribution(fmt.name)}]")
        if name is not None:
            typer.echo("\n".join(format_options(fmt)))
    for failure in registry.failures:
        typer.echo(f"not loaded: {failure}", err=True)


@app.command()
def explain(path: PathArgument, as_json: JsonOption = False) -> None:
    """Say what a path is and what is missing, then each format's verdict and its reasons."""
    from wormio.registry import explain as ask

    found = ask(path)
    typer.echo(json.dumps(found.to_json(), indent=2) if as_json else str(found))


app.command()(kit.check)
app.command()(extracting.extract)
app.command()(merging.merge)
app.command()(merging.rerun)
app.command()(combining.combine)
app.command()(converting.convert)
app.command()(converting.diff)
app.command()(doctor)
app.command()(descriptions.describe)
app.command()(import_legacy)
app.add_typer(maps.app, name="map")
app.add_typer(plugins.app, name="plugins")
app.add_typer(signals.app, name="signal")


@app.command()
def phantom(
    output: Annotated[Path, typer.Argument(help="Folder to write.", parser=as_path)],
    like: Annotated[
        Path | None,
        typer.Option(
            "--like", help="Leifer folder whose time stamps, counters and z to use.", parser=as_path
        ),
    ] = None,
    frames: Annotated[
        int | None, typer.Option("--frames", min=1, help="With --like: the first N frames.")
    ] = None,
    volumes: Annotated[
        int | None, typer.Option("--volumes", min=1, help="Without --like: number of sweeps.")
    ] = None,
    layout: Annotated[
        str, typer.Option("--layout", help="split or interleaved channels.")
    ] = "split",
    neurons: Annotated[int, typer.Option("--neurons", min=1, help="How many.")] = 40,
    stimuli: Annotated[
        int | None,
        typer.Option("--stimuli", min=0, help="How many; default: 3, or as many as have room."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of all random numbers.")] = 0,
    overwrite: OverwriteOption = False,
    quiet: QuietOption = False,
) -> None:
    """Write a recording whose truth is known, in the Leifer format."""
    from wormio.cli.phantoms import make_phantom, write_phantom

    drawn = make_phantom(
        like=like, frames=frames, volumes=volumes, neurons=neurons, stimuli=stimuli, seed=seed
    )
    with progress_bar("drawing", "frames", quiet) as progress:
        write_phantom(drawn, output, layout=layout, overwrite=overwrite, progress=progress)
    typer.echo(
        f"{output}: a Leifer recording, its neurons in positions.csv and the truth in "
        "phantom-truth.npz\n"
        f"next: wormio extract {output} --positions {output / 'positions.csv'} -o traces.h5"
        + (" --option layout=interleaved" if layout == "interleaved" else "")
    )


@app.command()
def demo(
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder to write.", parser=as_path)
    ] = Path("wormio-demo"),
    quiet: QuietOption = False,
) -> None:
    """Run the main job on a phantom: draw it, extract its neurons, compare with the truth."""
    from wormio.cli.phantoms import run_demo

    def bar(what: str, unit: str) -> Any:
        return progress_bar(what, unit, quiet)

    typer.echo(run_demo(output, bar))


@contextmanager
def _opened(
    path: Path, format: str | None, options: dict[str, Any], config: Path | None
) -> Iterator[BaseRecording]:
    import wormio

    with wormio.open(path, format, config=config, **options) as recording:
        yield recording
