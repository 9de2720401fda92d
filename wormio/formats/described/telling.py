"""A description in words, so that its author sees what was understood."""

from __future__ import annotations

from wormio.formats.described.schema import Description, EventTable, Given, TableKeys, Value

__all__ = ["understood"]


def understood(description: Description) -> list[tuple[str, str]]:
    """Return what a description says, as pairs of a subject and a sentence."""
    frames, table, scan = description.frames, description.frames_table, description.scan
    lines = [("name", f"{description.name}  {description.title}".rstrip())]
    if description.match is None:
        lines.append(("match", "takes no part in recognition"))
    else:
        lines.append(("match", f"folders with {', '.join(description.match.files)}"))
        lines += [("", f"{k} begins with {v!r}") for k, v in description.match.begins.items()]
    for name, option in description.options.items():
        default = "" if option.default is None else f" (default {option.default:g})"
        lines.append(("option", f"set={name}=... {option.type}: {option.help}{default}"))
    order = f"{frames.byte_order}-endian " if frames.byte_order else ""
    lines.append(("frames", f"{frames.shown}: {order}{frames.dtype}, {frames.layout}"))
    lines.append(("", f"rows: {_value(frames.rows)}; columns: {_value(frames.columns)}"))
    if frames.header_bytes or frames.frame_header_bytes:
        lines.append(
            (
                "",
                f"{frames.header_bytes} bytes before the first frame, "
                f"{frames.frame_header_bytes} before each",
            )
        )
    time = "unknown"
    if table.time is not None:
        time = f"column {table.time!r} in {table.time_unit}"
    elif table.rate is not None:
        time = f"{_value(table.rate)} frames a second"
    lines.append(("table", f"{table.file}, one row a frame; {_columns(table)}"))
    counter = "none" if table.counter is None else f"column {table.counter!r}"
    lines.append(("", f"counter: {counter}; time: {time}"))
    lines.append(("", f"repairs: {', '.join(table.repair) or 'none'}"))
    if scan is not None:
        where = scan.file or "in the table of the frames"
        lines.append(("scan", f"{where}, joined by {scan.join}; {_columns(scan)}"))
        if scan.z is not None:
            scale = "" if scan.um_per_unit is None else f", um per unit: {_value(scan.um_per_unit)}"
            lines.append(("", f"z: column {scan.z!r} in {scan.z_unit}{scale}"))
        told = {"direction": scan.direction, "volume": scan.volume, "gate": scan.gate}
        lines += [("", f"{k}: column {v!r}") for k, v in told.items() if v is not None]
        lines.append(("", f"repairs: {', '.join(scan.repair) or 'none'}"))
    extra = [*table.extra, *(scan.extra if scan else ())]
    lines += [("extra", f"{one.name}: column {one.column!r} {one.unit}".rstrip()) for one in extra]
    lines.append(("volumes", " or ".join(description.volumes.policies)))
    lines += [("channel", f"{one.name} ({one.role})") for one in description.channels]
    lines += [("events", _events(one)) for one in description.events]
    return lines


def _value(value: Value | None) -> str:
    if isinstance(value, tuple):
        return ", or ".join(map(_value, value))
    if isinstance(value, Given):
        return f"1 / {value}" if value.inverse else str(value)
    return f"{value:g}" if value is not None else "unknown"


def _columns(table: TableKeys) -> str:
    names = " or ".join(", ".join(names) for names in table.headers) or "columns of its header"
    return f"{table.delimiter}-separated: {names}"


def _events(table: EventTable) -> str:
    placed = f"counter {table.counter!r}" if table.counter else f"time {table.time!r}"
    may = ", may be missing" if table.optional else ""
    snapped = ", moved to the opening of the gate" if table.snap_to_gate else ""
    return f"{table.name}: {table.file}{may}; placed by {placed}{snapped}"
