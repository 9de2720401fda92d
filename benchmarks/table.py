"""The table of results: a line of text each, and Markdown for the documentation."""

from __future__ import annotations

import datetime
import os
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import attrs

from benchmarks.contest import Goal

__all__ = ["Row", "verdict", "write"]

_BEGIN = "<!-- results: written by python -m benchmarks --write docs/benchmarks.md -->"
_END = "<!-- end of results -->"


@attrs.frozen
class Row:
    """One way to do something.

    Parameters
    ----------
    contest, way : str
    figure : str
        Times as long as the first way of the contest, or a number with its unit.
    goal : str
        What was to be reached, and whether it was.
    """

    contest: str
    way: str
    figure: str
    goal: str

    def as_text(self) -> str:
        """Return a line."""
        return f"{self.contest:20} {self.way:36} {self.figure:>8}  {self.goal}"


def verdict(goal: Goal | None, figure: float) -> str:
    """Say whether a goal is met; nothing if there is none."""
    return "" if goal is None else f"{goal}: {'met' if goal.met(figure) else 'not met'}"


def write(page: Path, rows: Sequence[Row]) -> None:
    """Put the table into a page, in the place of the one that is there.

    Raises
    ------
    ValueError
        The page has no place for it.
    """
    text = page.read_text(encoding="utf-8")
    if text.count(_BEGIN) != 1 or text.count(_END) != 1:
        raise ValueError(f"{page} has no place for results: {_BEGIN} ... {_END}")
    before, rest = text.split(_BEGIN)
    after = rest.split(_END)[1]
    versions = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "tifffile"))
    lines = [
        f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}, {os.cpu_count()} processors of "
        f"{platform.machine()} with a load of {os.getloadavg()[1]:.1f}, {platform.system()} "
        f"{platform.release()}, Python {platform.python_version()}, {versions}.",
        "",
        "| benchmark | way | times as long | goal |",
        "| --- | --- | ---: | --- |",
        *(f"| `{row.contest}` | {row.way} | {row.figure} | {row.goal} |" for row in rows),
    ]
    table = "\n".join(lines)
    page.write_text(f"{before}{_BEGIN}\n\n{table}\n\n{_END}{after}", encoding="utf-8")
