"""``wormio map``: fit a map between channels, look at it, apply it to positions."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wormio.cli.common import OverwriteOption
from wormio.errors import MappingError, OptionError, UnsupportedCapabilityError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wormio.mapping import Fit, PointMap
    from wormio.model import Positions

__all__ = ["app", "by_channel"]

app = typer.Typer(no_args_is_help=True, help="Maps between channels: fit, show, apply.")

_GMMREG = "redGreenRegistration"


@app.command("fit")
def fit_map(
    source: Annotated[
        Path,
        typer.Argument(help="Positions in the channel to map from, or a Leifer alignments.mat."),
    ],
    target: Annotated[
        Path | None, typer.Argument(help="The same neurons or beads in the other channel.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Map to write, a JSON file.")
    ] = None,
    model: Annotated[
        str,
        typer.Option(
            "--model",
            help="auto, translation, similarity, affine, projective, quadratic or thin-plate.",
        ),
    ] = "auto",
    outliers: Annotated[
        float, typer.Option("--outliers", help="Share of the pairs that may be wrong.")
    ] = 0.0,
    match: Annotated[
        bool,
        typer.Option(
            "--match", help="Find the pairs; otherwise rows with the same label are pairs."
        ),
    ] = False,
    reach: Annotated[
        float, typer.Option("--reach", help="With --match: greatest distance of a pair, in px.")
    ] = 5.0,
    channels: Annotated[
        str, typer.Option("--channels", metavar="FROM,TO", help="Names of the two channels.")
    ] = "red,green",
    points: Annotated[
        str, typer.Option("--points", help="Of alignments.mat: which control points.")
    ] = "S2AHiRes",
    layout: Annotated[
        str | None,
        typer.Option(
            "--layout", help="Of alignments.mat: the frames' layout, split or interleaved."
        ),
    ] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Figure of the residuals to write.")
    ] = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Fit a map and print how well every model predicts points that it has not seen."""
    from wormio.storage.atomic import refuse_existing

    for path in filter(None, (output, plot)):
        if not overwrite:
            refuse_existing(path)
    if plot is not None:
        from wormio.view import require_matplotlib

        require_matplotlib()
    if source.name.startswith(_GMMREG):
        raise UnsupportedCapabilityError(
            "the layout of pygmmreg's files is not known",
            path=source,
            cure="load its four arrays and give them to wormio.mapping.from_gmmreg, "
            "or fit the map anew",
        )
    if source.suffix.lower() == ".mat":
        if target is not None:
            raise OptionError("alignments.mat holds both sides", found=f"a second file {target}")
        found = _from_alignments(source, layout, points, model, outliers)
    else:
        if target is None:
            raise OptionError("the second table of positions is missing", expected="SOURCE TARGET")
        found = _from_tables(source, target, channels, model, outliers, reach if match else None)
    typer.echo(str(found))
    if output is not None:
        found.map.save(output, overwrite=overwrite)
        typer.echo(f"{output}: {found.map.source} to {found.map.target}, {found.model}")
    if plot is not None:
        from wormio.view import residual_field

        residual_field(found).savefig(plot, dpi=110)
        typer.echo(f"{plot}: residuals")


@app.command()
def show(path: Annotated[Path, typer.Argument(help="A map that `wormio map fit` wrote.")]) -> None:
    """Tell from where to where a map goes, how it was made, and where it may be trusted."""
    from wormio import mapping

    found = mapping.load(path)
    axes = "y, x" if found.n_axes == 2 else "z, y, x"
    typer.echo(f"from       {found.source}\nto         {found.target}\naxes       {axes}")
    for step in found.steps:
        kind = step.transform.to_json()["kind"]
        inside = "everywhere"
        if step.bounds is not None:
            inside = f"fitted from {_point(step.bounds[0])} to {_point(step.bounds[1])}"
        typer.echo(f"step       {kind}, {inside}")
        corner = step.bounds.mean(axis=0) if step.bounds is not None else None
        if corner is not None:
            there = step.transform(corner[None])[0]
            typer.echo(f"           its middle {_point(corner)} goes to {_point(there)}")
    for name, value in found.provenance.items():
        typer.echo(f"{name:10} {value}")


@app.command()
def apply(
    path: Annotated[Path, typer.Argument(help="A map that `wormio map fit` wrote.")],
    positions: Annotated[Path, typer.Argument(help="Neuron positions to map.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Positions to write, CSV.")],
    back: Annotated[bool, typer.Option("--back", help="Go the map's way back.")] = False,
    rounding: Annotated[bool, typer.Option("--round", help="Round to whole pixels.")] = False,
    outside: Annotated[
        str,
        typer.Option(
            "--outside", help="Points outside the fitted region: warn, raise, nan or ignore."
        ),
    ] = "warn",
    reader: Annotated[str | None, typer.Option("--reader", help="Format of the positions.")] = None,
    z_unit: Annotated[
        str | None, typer.Option("--z-unit", help="um or frame, if the table does not say.")
    ] = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Map positions from one channel into the other."""
    import warnings

    from wormio import mapping
    from wormio.export.positions import positions_to_csv
    from wormio.storage.atomic import refuse_existing

    if not overwrite:
        refuse_existing(output)  # before the work
    chosen = mapping.load(path)
    chosen = chosen.inverse() if back else chosen
    given = _read(positions, reader, z_unit)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", mapping.OutsideWarning)
        moved = chosen.apply(given, rounding=rounding, outside=outside)  # type: ignore[arg-type]
    for warning in told:
        typer.echo(f"warning: {warning.message}", err=True)
    positions_to_csv(moved, output, overwrite=overwrite)
    typer.echo(f"{output}: {len(moved)} neurons in {chosen.target}")


def _from_alignments(
    path: Path, layout: str | None, points: str, model: str, outliers: float
) -> "Fit":
    from wormio.mapping import read_alignments

    if layout is None:
        raise OptionError(
            "option --layout is missing: it says how MATLAB's x and y lie in the image",
            expected="--layout split (red rows above green) or interleaved (line by line)",
            path=path,
        )
    return read_alignments(path, layout=layout)[points].fit(  # type: ignore[arg-type]
        model=model, outliers=outliers
    )


def _from_tables(
    source: Path, target: Path, channels: str, model: str, outliers: float, reach: float | None
) -> "Fit":
    import numpy as np

    from wormio import mapping

    names = channels.split(",")
    if len(names) != 2:
        raise OptionError(
            "the channels are not readable", expected="two names: red,green", found=repr(channels)
        )
    spaces = (mapping.Space(channel=names[0].strip()), mapping.Space(channel=names[1].strip()))
    ours, theirs = (_static(path) for path in (source, target))
    made: dict[str, Any] = {"source": str(source), "target": str(target)}
    if reach is not None:
        return mapping.register(
            ours.coords[:, 1:],
            theirs.coords[:, 1:],
            model=model,
            reach=reach,
            spaces=spaces,
            provenance=made,
        )
    place = {label: row for row, label in enumerate(theirs.labels)}
    pairs = [(row, place[label]) for row, label in enumerate(ours.labels) if label in place]
    p = ours.coords[[i for i, _ in pairs], 1:]
    q = theirs.coords[[j for _, j in pairs], 1:]
    known = np.isfinite(p).all(axis=1) & np.isfinite(q).all(axis=1)
    if not known.any():
        raise MappingError(
            "no row of one table has the label of a row of the other",
            found=f"{', '.join(ours.labels[:3])}, ... and {', '.join(theirs.labels[:3])}, ...",
            path=target,
            cure="find the pairs by place: --match",
        )
    return mapping.fit(
        p[known], q[known], model=model, outliers=outliers, spaces=spaces, provenance=made
    )


def _static(path: Path) -> "Positions":
    positions = _read(path, None, None)
    if positions.is_tracked:
        raise OptionError(
            "a map is fitted to static positions", found="positions of many volumes", path=path
        )
    return positions


def _read(path: Path, reader: str | None, z_unit: str | None) -> "Positions":
    import wormio

    about_z: dict[str, Any] = {"z_unit": z_unit} if z_unit else {}
    return wormio.read_positions(path, reader, **about_z)


def _point(values: Any) -> str:
    return "(" + ", ".join(f"{value:.2f}" for value in values) + ")"


def by_channel(paths: "Iterable[Path]") -> "dict[str, PointMap]":
    """Read the maps of an extraction, by the channel each goes into."""
    from wormio import mapping

    maps: dict[str, PointMap] = {}
    for path in paths:
        found = mapping.load(path)
        name = found.target.channel
        if not name or name in maps:
            raise OptionError(
                "two maps go into one channel" if name else "the map does not say where it goes",
                expected="each map into a channel of its own",
                found=name,
                path=path,
            )
        maps[name] = found
    return maps
