"""``python -m benchmarks``: prints how wormio compares, measured side by side in one run."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from benchmarks import alignment, importing, signal, tiff
from benchmarks.contest import compare

CONTESTS = {
    contest.name: contest
    for module in (alignment, importing, signal, tiff)
    for contest in module.CONTESTS
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"which: {', '.join(CONTESTS)}; all by default")
    parser.add_argument("--repeats", type=int, default=7, help="turns of each; the best counts")
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
            ratios = compare(contenders, arguments.repeats)
        ratios = {name: ratio / contest.shares.get(name, 1) for name, ratio in ratios.items()}
        reference = next(iter(ratios))
        for contender, ratio in ratios.items():
            times = "  (the measure)" if contender == reference else f"times as long as {reference}"
            print(f"  {ratio:8.2f}  {contender:24} {times}")


if __name__ == "__main__":
    main()
