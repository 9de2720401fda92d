"""``python -m benchmarks``: prints how wormio compares, measured side by side in one run."""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import extracting, importing, opening, tiff
from benchmarks.contest import Contest, compare

CONTESTS = {
    contest.name: contest
    for module in (extracting, opening, tiff, importing)
    for contest in module.CONTESTS
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"which: {', '.join(CONTESTS)}; all by default")
    parser.add_argument("--repeats", type=int, default=7, help="turns of each; the median counts")
    parser.add_argument("--folder", type=Path, help="where to put files; a temporary one else")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(CONTESTS)
    if unknown or arguments.repeats < 1:
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}" if unknown else "turns")
    for name in arguments.names or CONTESTS:
        contest = CONTESTS[name]
        print(f"{contest.name}: {contest.title}")
        with (
            tempfile.TemporaryDirectory(dir=arguments.folder) as folder,
            contest.prepare(Path(folder)) as contenders,
        ):
            ratios = compare(contest, contenders, arguments.repeats)
        reference = next(iter(ratios))
        for contender, ratio in ratios.items():
            times = "  (the measure)" if contender == reference else f"times as long as {reference}"
            goal = contest.goals.get(contender)
            verdict = (
                "" if goal is None else f"  goal: {goal}, {'met' if goal.met(ratio) else 'NOT MET'}"
            )
            print(f"  {ratio:8.2f}  {contender:36} {times}{verdict}")


if __name__ == "__main__":
    main()
