"""``wormio import-legacy``: the traces of a wormdatamodel folder in wormio's own file."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wormio.cli.common import JsonOption, OverwriteOption, as_path
from wormio.errors import OptionError

if TYPE_CHECKING:
    from wormio.signal import Signal
    from wormio.signal.importing import LegacyFolder

__all__ = ["import_legacy"]


def import_legacy(
    folder: Annotated[
        Path,
        typer.Argument(metavar="FOLDER", help="With green.txt, red.pickle, ...", parser=as_path),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Signals, an HDF5 file.", parser=as_path)
    ],
    prefer: Annotated[
        str,
        typer.Option("--prefer", help="text or pickle, where there are both of one name."),
    ] = "text",
    leave_out: Annotated[
        list[str] | None,
        typer.Option("--leave-out", metavar="FILE", help="Do not read this file; several times."),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option("--rate", help="Volumes a second. The files do not tell; default: unknown."),
    ] = None,
    strides: Annotated[
        list[str] | None,
        typer.Option(
            "--strides",
            metavar="NAME=N,N,...",
            help="Lengths of the blocks of volumes that stimuli make; several times.",
        ),
    ] = None,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
) -> None:
    """Read the traces that wormdatamodel left in a folder; pickles are read, never run."""
    import wormio
    from wormio.signal.files import check_output
    from wormio.signal.importing import read_legacy_folder

    check_output(output, overwrite=overwrite)
    found = read_legacy_folder(
        folder,
        prefer=prefer,  # type: ignore[arg-type]  # checked by read_legacy_folder
        leave_out=leave_out or (),
        rate=rate,
        strides=_strides(strides),
    )
    wormio.save(output, found.signals, overwrite=overwrite)
    if as_json:
        typer.echo(json.dumps(_as_json(found, output), indent=2))
    else:
        typer.echo("\n".join(_lines(found, output)))


def _strides(given: list[str] | None) -> dict[str, list[int]] | None:
    if not given:
        return None
    found = {}
    for text in given:
        name, equals, lengths = text.partition("=")
        try:
            if not name or not equals:
                raise ValueError("no name")
            found[name] = [int(one) for one in lengths.split(",")]
        except ValueError as error:
            raise OptionError(
                "the strides cannot be read",
                expected="NAME=N,N,...: optogenetics=60,70,90",
                found=repr(text),
            ) from error
    return found


def _measured(signal: "Signal") -> float:
    return float(signal.valid.mean()) if signal.valid.size else 0.0


def _done(signal: "Signal") -> list[str]:
    return [step.name for step in signal.history[:-1]]  # the last is the import


def _lines(found: "LegacyFolder", output: Path) -> list[str]:
    lines = []
    for name, signal in found.signals.items():
        done = ", ".join(_done(signal)) or "nothing"
        lines.append(
            f"{output}: {name} from {found.files[name]}, {signal.n_neurons} neurons in "
            f"{signal.n_volumes} volumes, {_measured(signal):.1%} of the samples measured; "
            f"done before: {done}"
        )
    if found.matchless_nan_th is not None:
        lines.append(f"matchless threshold: {found.matchless_nan_th:g} of the samples missing")
    if found.n_added:
        lines.append(f"neurons added by hand: the last {found.n_added}")
    lines += [f"left out: {file}: {why}" for file, why in found.left_out.items()]
    first = next(iter(found.signals.values()))
    if first.history[-1].parameters["time"] == "unknown":
        lines.append("times are unknown: the files do not tell them; --rate gives the volume rate")
    return lines


def _as_json(found: "LegacyFolder", output: Path) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "output": str(output),
        "signals": [
            {
                "name": name,
                "file": found.files[name],
                "volumes": signal.n_volumes,
                "neurons": signal.n_neurons,
                "measured": _measured(signal),
                "done_before": _done(signal),
            }
            for name, signal in found.signals.items()
        ],
        "matchless_nan_th": found.matchless_nan_th,
        "added_neurons": found.n_added,
        "left_out": dict(found.left_out),
    }
