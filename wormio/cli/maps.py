"""``wormio map``: fit a map between channels, look at it, apply it to positions."""

import io
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wormio.cli.common import OverwriteOption, as_path
from wormio.errors import (
    MappingError,
    OptionError,
    OutputExistsError,
    UnsupportedCapabilityError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wormio.mapping import Fit, PointMap, Space
    from wormio.model import Positions

__all__ = ["app", "by_channel"]

app = typer.Typer(no_args_is_help=True, help="Maps between channels: fit, show, apply.")

_GMMREG = "redGreenRegistration"
_FIGURES = (".png", ".pdf", ".svg")


@app.command("fit")
def fit_map(
    source: Annotated[
        Path,
        typer.Argument(
            help="Positions in the channel to map from, or a Leifer alignments.mat.", parser=as_path
        ),
    ],
    target: Annotated[
        Path | None,
        typer.Argument(help="The same neurons or beads in the other channel.", parser=as_path),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Map to write, a JSON file.", parser=as_path),
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
        float | None,
        typer.Option(
            "--reach", help="With --match: greatest distance of a pair, in px; default 5."
        ),
    ] = None,
    channels: Annotated[
        str | None,
        typer.Option(
            "--channels", metavar="FROM,TO", help="Names of the two channels; default red,green."
        ),
    ] = None,
    reader: Annotated[str | None, typer.Option("--reader", help="Format of the positions.")] = None,
    z_unit: Annotated[
        str | None, typer.Option("--z-unit", help="um or frame, if the tables do not say.")
    ] = None,
    points: Annotated[
        str | None,
        typer.Option("--points", help="Of alignments.mat: which control points; default S2AHiRes."),
    ] = None,
    layout: Annotated[
        str | None,
        typer.Option(
            "--layout", help="Of alignments.mat: the frames' layout, split or interleaved."
        ),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            "--plot", help="Figure of the residuals to write: .png, .pdf or .svg.", parser=as_path
        ),
    ] = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Fit a map and print how well every model predicts points that it has not seen."""
    from wormio.registry.explaining import existing

    for path in filter(None, (source, target)):
        existing(path)  # before anything is asked about it
    _check_outputs(output, plot, overwrite)
    if source.name.startswith(_GMMREG):
        raise UnsupportedCapabilityError(
            "the layout of pygmmreg's files is not known",
            path=source,
            cure="load its four arrays and give them to wormio.mapping.from_gmmreg, "
            "or fit the map anew",
        )
    of_tables = {
        "--match": match,
        "--reach": reach,
        "--channels": channels,
        "--reader": reader,
        "--z-unit": z_unit,
    }
    if source.suffix.lower() == ".mat":
        if target is not None:
            raise OptionError("alignments.mat holds both sides", found=f"a second file {target}")
        _refuse("alignments.mat", of_tables)
        found = _from_alignments(source, layout, points or "S2AHiRes", model, outliers)
    else:
        if target is None:
            raise OptionError("the second table of positions is missing", expected="SOURCE TARGET")
        _refuse("tables of positions", {"--points": points, "--layout": layout})
        if match:
            _refuse("--match, which leaves out what has no partner", {"--outliers": outliers})
        else:
            _refuse("known pairs, only for --match", {"--reach": reach})
        ours, theirs = (_static(path, reader, z_unit) for path in (source, target))
        about: dict[str, Any] = {
            "model": model,
            "spaces": _spaces(channels or "red,green"),
            "provenance": {"source": str(source), "target": str(target)},
        }
        if match:
            found = _matched(ours, theirs, reach=5.0 if reach is None else reach, **about)
        else:
            found = _by_label(ours, theirs, target, outliers=outliers, **about)
    typer.echo(str(found))
    if output is not None:
        found.map.save(output, overwrite=overwrite)
        typer.echo(f"{output}: {found.map.source} to {found.map.target}, {found.model}")
    if plot is not None:
        from wormio.storage.atomic import write_atomically
        from wormio.view import residual_field

        image = io.BytesIO()
        residual_field(found).savefig(image, dpi=110, format=plot.suffix.lower()[1:])
        write_atomically(plot, image.getvalue(), overwrite=overwrite)
        typer.echo(f"{plot}: residuals")


@app.command()
def show(
    path: Annotated[
        Path, typer.Argument(help="A map that `wormio map fit` wrote.", parser=as_path)
    ],
) -> None:
    """Tell from where to where a map goes, how it was made, and where it may be trusted."""
    from wormio import mapping
    from wormio.registry.explaining import existing

    found = mapping.load(existing(path))
    axes = "y, x" if found.n_axes == 2 else "z, y, x"
    typer.echo(f"from       {found.source}\nto         {found.target}\naxes       {axes}")
    for step in found.steps:
        kind = step.transform.to_json()["kind"]
        if step.bounds is None:
            typer.echo(f"step       {kind}, good everywhere")
            continue
        where = "from" if step.bounds_in == "source" else "into"
        low, high = map(_point, step.bounds)
        typer.echo(f"step       {kind}, good {where} {low} to {high}")
        if step.bounds_in == "source":
            middle = step.bounds.mean(axis=0)
            there = step.transform(middle[None])[0]
            typer.echo(f"           its middle {_point(middle)} goes to {_point(there)}")
    for name, value in found.provenance.items():
        typer.echo(f"{name:10} {value}")


@app.command()
def apply(
    path: Annotated[
        Path, typer.Argument(help="A map that `wormio map fit` wrote.", parser=as_path)
    ],
    positions: Annotated[Path, typer.Argument(help="Neuron positions to map.", parser=as_path)],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Positions to write, CSV.", parser=as_path)
    ],
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
    from wormio.registry.explaining import existing
    from wormio.storage.atomic import check_target, refuse_existing

    for given_path in (path, positions):
        existing(given_path)
    check_target(output)  # before the work
    if not overwrite:
        refuse_existing(output)
    if output.exists() and output.samefile(positions):
        raise OutputExistsError("the output is the table that is to be mapped", path=output)
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


def _check_outputs(output: Path | None, plot: Path | None, overwrite: bool) -> None:
    """Refuse what cannot be written, before the work."""
    from wormio.storage.atomic import check_target, refuse_existing

    for path in filter(None, (output, plot)):
        check_target(path)
        if not overwrite:
            refuse_existing(path)
    if plot is not None:
        from wormio.view import require_matplotlib

        require_matplotlib()
        if plot.suffix.lower() not in _FIGURES:
            raise OptionError(
                "the figure's format is not known", expected=", ".join(_FIGURES), path=plot
            )


def _refuse(what: str, given: "dict[str, Any]") -> None:
    for option, value in given.items():
        if value:
            raise OptionError(f"{option} means nothing for {what}", found=f"{option} {value}")


def _spaces(channels: str) -> "tuple[Space, Space]":
    from wormio.mapping import Space

    names = [name.strip() for name in channels.split(",")]
    if len(names) != 2 or not all(names) or names[0] == names[1]:
        raise OptionError(
            "the channels are not readable", expected="two names: red,green", found=repr(channels)
        )
    return Space(channel=names[0]), Space(channel=names[1])


def _matched(ours: "Positions", theirs: "Positions", *, reach: float, **about: Any) -> "Fit":
    from wormio import mapping

    p, q = ours.coords[:, 1:], theirs.coords[:, 1:]
    found = mapping.register(p, q, reach=reach, **about)
    typer.echo(f"{len(found.source)} pairs found among {len(p)} and {len(q)} points")
    return found


def _by_label(
    ours: "Positions", theirs: "Positions", path: Path, *, outliers: float, **about: Any
) -> "Fit":
    import numpy as np

    from wormio import mapping

    unnamed = all(t.labels == tuple(map(str, range(len(t)))) for t in (ours, theirs))
    if unnamed and len(ours) != len(theirs):
        raise MappingError(
            "the tables have no labels, and not the same number of rows: nothing says which rows "
            "are pairs",
            found=f"{len(ours)} and {len(theirs)} rows",
            path=path,
            cure="find the pairs by place: --match",
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
            path=path,
            cure="find the pairs by place: --match",
        )
    how = "row, as the tables have no labels" if unnamed else "label"
    typer.echo(f"{known.sum()} pairs by {how}, of {len(ours)} and {len(theirs)} points")
    return mapping.fit(p[known], q[known], outliers=outliers, **about)


def _static(path: Path, reader: str | None, z_unit: str | None) -> "Positions":
    positions = _read(path, reader, z_unit)
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
