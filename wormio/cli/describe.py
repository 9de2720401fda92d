"""What the commands print, as text or JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs

from wormio.errors import OutputExistsError
from wormio.model import Source
from wormio.registry import Format, load_code

__all__ = ["as_text", "format_as_json", "format_options", "refuse_existing"]


def as_text(summary: dict[str, Any]) -> str:
    """Lay out the dictionary of `wormio.model.summarise` for people."""
    lines: list[tuple[str, str]] = []
    size = summary["shape"]
    frames, volumes, time, z = (summary[k] for k in ("frames", "volumes", "time", "z"))
    lines += [
        ("recording", f"{leaf.arguments['path']} ({leaf.arguments['format']})")
        for leaf in Source.from_json(summary["source"]).leaves()
        if leaf.operation == "open"
    ]
    pixels = "no frame file" if size is None else f"{size[2]} x {size[3]} {summary['dtype']}"
    lines.append(("images", f"{pixels}, pixel {_um(summary['voxel_size_um'])}"))
    lines += [("channel", _channel(channel)) for channel in summary["channels"]]
    lines.append(("frames", f"{frames['saved']:,} saved"))
    lines.append(
        (
            "counters",
            f"{frames['repeated_counters']} repeated, of which {frames['repaired_counters']} "
            f"repaired; {frames['duplicates']} frames saved twice; "
            f"{frames['dropped']} in the drop ledger",
        )
    )
    lines.append(("volumes", _volumes(volumes, frames)))
    interval = _seconds(time["frame_interval_s"], "frame interval")
    lines.append(("time", f"{interval}, {_seconds(time['volume_interval_s'], 'volume interval')}"))
    if time["first_s"] is not None:
        lines.append(
            ("", f"{time['first_s']:.3f} s to {time['last_s']:.3f} s on the {time['clock']} clock")
        )
    lines.append(("z", _z(z)))
    origins = ", ".join(f"{name} {origin}" for name, origin in summary["origins"].items())
    lines.append(("origins", origins))
    for name, table in summary["events"].items():
        states = ", ".join(f"{n} {status}" for status, n in table["status"].items())
        lines.append(("events", f"{name}: {table['events']} ({states or 'none'})"))
    for finding in summary["findings"]:
        cure = f"; to do: {finding['cure']}" if finding["cure"] else ""
        lines.append(("finding", f"{finding['code']}: {finding['message']}{cure}"))
    return "\n".join(f"{name:10} {text}" for name, text in lines)


def format_options(fmt: Format) -> list[str]:
    """Return the lines that describe a format's options."""
    lines = []
    for field in attrs.fields(load_code(fmt.options)):
        default = "" if field.default in {None, attrs.NOTHING} else f" (default: {field.default})"
        lines.append(f"  --option {field.name}=...{default}")
        lines.append(f"      {field.metadata.get('help', '')}")
    return lines


def format_as_json(fmt: Format, distribution: str) -> dict[str, Any]:
    """Return a format and its options, JSON-serialisable."""
    return {
        "name": fmt.name,
        "title": fmt.title,
        "patterns": list(fmt.patterns),
        "distribution": distribution,
        "spec": fmt.spec,
        "options": [
            {
                "name": field.name,
                "default": None if field.default is attrs.NOTHING else field.default,
                "help": field.metadata.get("help", ""),
            }
            for field in attrs.fields(load_code(fmt.options))
        ],
    }


def refuse_existing(output: Path, overwrite: bool) -> None:
    """Raise before any work is done if the output is there already, or has no folder."""
    if output.exists() and not overwrite:
        raise OutputExistsError(
            "the output exists", path=output, cure="choose another name, or --overwrite"
        )
    if not output.absolute().parent.is_dir():
        raise FileNotFoundError(2, "the folder of the output does not exist", str(output.parent))


def _um(voxel: dict[str, float | None]) -> str:
    if voxel["y"] is None or voxel["x"] is None:
        return "size unknown"
    step = "" if voxel["z"] is None else f", plane step {voxel['z']:g} um"
    return f"{voxel['y']:g} x {voxel['x']:g} um{step}"


def _channel(channel: dict[str, Any]) -> str:
    offset = channel["offset"]
    dark = "camera offset unknown" if offset is None else f"camera offset {offset:g}"
    return f"{channel['name']} ({channel['role']}, {dark})"


def _volumes(volumes: dict[str, Any], frames: dict[str, int]) -> str:
    if not volumes["complete"]:
        return "none complete"
    low, high = volumes["min_counter_steps"], volumes["max_counter_steps"]
    steps = f"{low}" if low == high else f"{low} to {high}"
    return (
        f"{volumes['complete']:,} complete, of {steps} counter steps; "
        f"{frames['outside_volumes']} frames outside"
    )


def _seconds(value: float | None, what: str) -> str:
    if value is None:
        return f"{what} unknown"
    return f"{what} {value * 1000:.4g} ms" if value < 1 else f"{what} {value:.4g} s"


def _z(z: dict[str, Any]) -> str:
    if z["min"] is None:
        return "unknown"
    text = f"{z['min']:.4g} to {z['max']:.4g} {z['unit']}"
    if z["interpolated_frames"] or z["unknown_frames"]:
        text += f"; {z['interpolated_frames']} frames interpolated, {z['unknown_frames']} unknown"
    return text
