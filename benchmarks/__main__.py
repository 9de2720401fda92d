"""``python -m benchmarks``: prints how wormio compares, measured side by side in one run."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterable
from pathlib import Path

from benchmarks import (
    alignment,
    extracting,
    importing,
    kernels,
    memory,
    opening,
    peers,
    signal,
    table,
    tiff,
)
from benchmarks.contest import compare

CONTESTS = {
    contest.name: contest
    for module in (extracting, kernels, opening, peers, tiff, alignment, signal, importing)
    for contest in module.CONTESTS
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="*", help=f"which: {', '.join([*CONTESTS, 'memory'])}; all by default"
    )
    parser.add_argument("--repeats", type=int, default=7, help="turns of each; the median counts")
    parser.add_argument("--folder", type=Path, help="where to put files; a temporary one else")
    parser.add_argument(
        "--write", type=Path, metavar="PAGE", help="also put the table into this Markdown page"
    )
    arguments = parser.parse_args()
    names = arguments.names or [*CONTESTS, "memory"]
    unknown = set(names) - {*CONTESTS, "memory"}
    if unknown or arguments.repeats < 1:
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}" if unknown else "turns")
    rows = []
    for row in _rows(names, arguments.repeats, arguments.folder):
        print(row.as_text(), flush=True)
        rows.append(row)
    if arguments.write is not None:
        table.write(arguments.write, rows)


def _rows(names: Iterable[str], repeats: int, folder: Path | None) -> Iterable[table.Row]:
    for name in names:
        if name == "memory":
            for what, peak in memory.peaks(folder):
                yield table.Row("memory", what, f"{peak:.0f} MB", table.verdict(memory.GOAL, peak))
            continue
        contest = CONTESTS[name]
        with (
            tempfile.TemporaryDirectory(dir=folder) as place,
            contest.prepare(Path(place)) as contenders,
        ):
            ratios = compare(contest, contenders, repeats)
        ratios = {name: ratio / contest.shares.get(name, 1) for name, ratio in ratios.items()}
        for contender, ratio in ratios.items():
            goal = contest.goals.get(contender)
            yield table.Row(name, contender, f"{ratio:.2f}", table.verdict(goal, ratio))


if __name__ == "__main__":
    main()
