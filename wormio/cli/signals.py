"""``wormio signal``: show a file of signals, process it, average its responses."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wormio.cli.common import JsonOption, OverwriteOption, as_path
from wormio.errors import OptionError, OutputExistsError, SignalError

if TYPE_CHECKING:
    from wormio.signal import Average, Recipe, Signal

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Signals: show, process, average.")

_FIGURES = (".png", ".pdf", ".svg")
_SCHEMA_VERSION = 1
_HDF5 = b"\x89HDF\r\n\x1a\n"

FileArgument = Annotated[
    Path, typer.Argument(help="Signals, an HDF5 file.", metavar="FILE", parser=as_path)
]
ChannelOption = Annotated[
    str | None,
    typer.Option("--channel", help="Name of a signal; needed if the file has several."),
]


@app.command()
def show(
    path: FileArgument,
    as_json: JsonOption = False,
    recipe: Annotated[
        bool, typer.Option("--recipe", help="Print the last recipe that was applied, as TOML.")
    ] = False,
) -> None:
    """Tell what the signals of a file are, and what was done to them."""
    import wormio

    signals = wormio.load(path)
    if recipe:
        if as_json:
            raise OptionError("--recipe prints TOML", found="--json")
        typer.echo(_recipe_in(path, signals).text, nl=False)
        return
    listed = {name: _about(signal) for name, signal in signals.items()}
    if as_json:
        typer.echo(json.dumps({"schema_version": _SCHEMA_VERSION, "signals": listed}, indent=2))
        return
    for name, about in listed.items():
        typer.echo("\n".join(_lines(name, about)))


@app.command()
def process(
    path: FileArgument,
    recipe: Annotated[
        Path,
        typer.Option(
            "--recipe",
            "-r",
            help="Steps in TOML, or signals whose last recipe is done again.",
            parser=as_path,
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Signals to write, HDF5.", parser=as_path)
    ],
    also: Annotated[
        list[str] | None,
        typer.Option(
            "--with",
            metavar="NAME=FILE[:CHANNEL]",
            help="A further signal that steps take, for example a matchless one; may be given "
            "several times.",
        ),
    ] = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Do the steps of a recipe on the signals of a file, and keep the recipe in their history."""
    import wormio
    from wormio.signal.files import check_output

    check_output(output, overwrite=overwrite)  # before the work
    _refuse_input(output, path, recipe)
    signals = wormio.load(path)
    steps = _recipe(recipe)
    done = steps.apply(signals, dict(_named(text) for text in also or ()))
    wormio.save(output, done, overwrite=overwrite)
    for name, signal in done.items():
        names = [step.name for step in signal.history[len(signals[name].history) : -1]]
        typer.echo(f"{output}: {name}: " + (", ".join(names) or "no step of the recipe"))


@app.command()
def average(
    path: FileArgument,
    event: Annotated[str, typer.Argument(help="Name of the events.", metavar="EVENT")],
    before: Annotated[float, typer.Option("--before", min=0, help="Seconds before the event.")],
    after: Annotated[float, typer.Option("--after", min=0, help="Seconds after the event.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Average to write: .csv, a table, or .h5.", parser=as_path
        ),
    ] = None,
    channel: ChannelOption = None,
    until: Annotated[str, typer.Option("--until", help="window or next_event.")] = "window",
    align: Annotated[str, typer.Option("--align", help="nearest or interp.")] = "nearest",
    baseline: Annotated[
        str | None,
        typer.Option(
            "--baseline",
            metavar="START,STOP",
            help="Subtract the mean from START to STOP seconds relative to the event: -5,0.",
        ),
    ] = None,
    max_gap: Annotated[
        float | None,
        typer.Option(
            "--max-gap",
            min=0,
            max=1,
            help="Leave out responses with a gap above this share of the window: 0.3.",
        ),
    ] = None,
    skip: Annotated[
        list[int] | None,
        typer.Option("--skip", help="Row of an event to leave out; may be given several times."),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            "--plot", help="Figure of the mean responses: .png, .pdf or .svg.", parser=as_path
        ),
    ] = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Average the responses to an event, neuron by neuron."""
    from wormio.signal import Signal

    _check_outputs(output, plot, overwrite)
    signal = Signal.load(path, channel)
    responses = signal.around(
        event,
        before,
        after,
        until=until,  # type: ignore[arg-type]  # checked by around
        align=align,  # type: ignore[arg-type]
    )
    n_events = len(signal.events[event])
    if skip:
        odd = [row for row in skip if not 0 <= row < n_events]
        if odd:
            raise OptionError(
                f"there is no event {odd[0]} to skip", expected=f"0 to {n_events - 1}", path=path
            )
        responses = responses.take([row not in skip for row in responses.event.tolist()])
    if max_gap is not None:
        responses = responses.without_gaps(max_gap)
    if baseline is not None:
        responses = responses.subtract_baseline(*_window(baseline))
    if not len(responses.event):
        raise SignalError(
            f"no response to {event!r} is left to be averaged",
            expected="one event at least, within the recording and not skipped",
            found=f"{n_events} events, {len(skip or ())} of them skipped",
            path=path,
        )
    found = responses.average()
    typer.echo(
        f"{signal.channel.name}: {len(found.event)} of {n_events} events, "
        f"{len(found.labels)} neurons, {len(found.tau)} lags; "
        f"{responses.complete.sum()} events with the whole window"
    )
    if output is not None:
        found.save(output, overwrite=overwrite)
        typer.echo(f"{output}: averages")
    if plot is not None:
        _draw(found, plot, overwrite)
        typer.echo(f"{plot}: figure")


def _about(signal: Signal) -> dict[str, Any]:
    import numpy as np

    known = signal.time[np.isfinite(signal.time)]
    interval = signal.volume_interval
    return {
        "volumes": signal.n_volumes,
        "neurons": signal.n_neurons,
        "channel": signal.channel.name,
        "quantity": signal.quantity,
        "unit": signal.unit,
        "measured": float(signal.valid.mean()) if signal.valid.size else None,
        "start_s": float(known.min()) if known.size else None,
        "stop_s": float(known.max()) if known.size else None,
        "volume_interval_s": interval if np.isfinite(interval) else None,
        "labels": list(signal.labels),
        "events": {name: len(table) for name, table in signal.events.items()},
        "history": [
            {
                "name": step.name,
                "parameters": step.parameters,
                "found": step.found,
                "version": step.version,
            }
            for step in signal.history
        ],
        "recording": signal.recording,
        "digest": signal.digest,
    }


def _lines(name: str, about: dict[str, Any]) -> list[str]:
    def text(value: float | None, unit: str) -> str:
        return "unknown" if value is None else f"{value:.6g} {unit}"

    unit = f" in {about['unit']}" if about["unit"] else ""
    share = "none" if about["measured"] is None else f"{about['measured']:.1%}"
    events = ", ".join(f"{key} ({n})" for key, n in about["events"].items())
    lines = [
        f"{name}: {about['volumes']} volumes x {about['neurons']} neurons, "
        f"{about['quantity']}{unit}",
        f"  measured   {share} of the samples",
        f"  time       {text(about['start_s'], 's')} to {text(about['stop_s'], 's')}, "
        f"every {text(about['volume_interval_s'], 's')}",
        f"  events     {events or 'none'}",
        f"  recording  {about['recording'] or 'unknown'}",
        f"  digest     {about['digest']}",
    ]
    for step in about["history"]:
        lines.append(f"  step       {step['name']} {_short(step['parameters'])}".rstrip())
        if step["found"]:
            lines.append(f"             found {_short(step['found'])}")
    return lines


def _short(values: dict[str, Any]) -> str:
    parts = []
    for key, value in values.items():
        shown = value
        if isinstance(value, dict) and value.keys() == {"signal"}:
            shown = f"signal {value['signal']['channel']} {value['signal']['digest'][:12]}"
        whole = shown if isinstance(shown, str) else json.dumps(shown, ensure_ascii=False)
        whole = " ".join(whole.split())
        parts.append(f"{key}={whole if len(whole) <= 60 else whole[:57] + '...'}")
    return ", ".join(parts)


def _recipe(path: Path) -> Recipe:
    import wormio
    from wormio.signal import read_recipe

    with path.open("rb") as file:
        is_hdf5 = file.read(len(_HDF5)) == _HDF5
    return _recipe_in(path, wormio.load(path)) if is_hdf5 else read_recipe(path)


def _recipe_in(path: Path, signals: dict[str, Signal]) -> Recipe:
    from wormio.signal import recipe_of

    recipes = [found for found in map(recipe_of, signals.values()) if found is not None]
    if not recipes:
        raise OptionError("no recipe was applied to these signals", path=path)
    if any(found.text != recipes[0].text for found in recipes):
        raise OptionError("different recipes were applied to these signals", path=path)
    return recipes[0]


def _named(text: str) -> tuple[str, Signal]:
    from wormio.signal import Signal

    name, equals, where = text.partition("=")
    if not (name and equals and where):
        raise OptionError(
            "--with is not readable", expected="NAME=FILE or NAME=FILE:CHANNEL", found=repr(text)
        )
    if Path(where).exists():
        return name, Signal.load(where)
    path, _, channel = where.rpartition(":")
    return name, Signal.load(path or where, channel if path else None)


def _refuse_input(output: Path, *inputs: Path) -> None:
    for path in inputs:
        if output.exists() and output.samefile(path):
            raise OutputExistsError("the output is an input", path=output)


def _window(text: str) -> tuple[float, float]:
    try:
        start, stop = (float(part) for part in text.split(","))
    except ValueError:
        raise OptionError(
            "the baseline is not readable", expected="two numbers: -5,0", found=repr(text)
        ) from None
    return start, stop


def _check_outputs(output: Path | None, plot: Path | None, overwrite: bool) -> None:
    """Refuse what cannot be written, before the work."""
    from wormio.signal.average import check_average_output
    from wormio.storage.atomic import check_target, refuse_existing

    if output is None and plot is None:
        raise OptionError("nothing is to be written", expected="--output FILE or --plot FILE")
    if output is not None:
        if output.suffix.lower() not in {".csv", ".h5", ".hdf5"}:
            raise OptionError(
                "the output's format is not known", expected=".csv, .h5 or .hdf5", path=output
            )
        check_average_output(output, overwrite=overwrite)
    if plot is not None:
        from wormio.view import require_matplotlib

        require_matplotlib()
        if plot.suffix.lower() not in _FIGURES:
            raise OptionError(
                "the figure's format is not known", expected=", ".join(_FIGURES), path=plot
            )
        check_target(plot)
        if not overwrite:
            refuse_existing(plot)


def _draw(found: Average, plot: Path, overwrite: bool) -> None:
    from wormio.storage.atomic import write_atomically
    from wormio.view import mean_responses

    image = io.BytesIO()
    mean_responses(found).savefig(image, dpi=110, format=plot.suffix.lower()[1:])
    write_atomically(plot, image.getvalue(), overwrite=overwrite)
