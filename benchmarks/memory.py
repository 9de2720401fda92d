"""Peak memory of an extraction, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.contest import Goal

__all__ = ["GOAL", "peaks"]

GOAL = Goal("at most", 200)
"""MB above the interpreter that has imported what an extraction needs."""

_SIZES = {"a recording of 2 GB": 58, "a recording of 60 GB, sparse": 1734}
_PEAK = """
import sys
import numpy, scipy, wormio, wormio.extraction, h5py
from benchmarks.recordings import map_file, neurons
from pathlib import Path
path, n = Path(sys.argv[1]), int(sys.argv[2])
if n:
    with map_file(path, n) as recording:
        wormio.extract(recording, neurons(n, (5, 506)))
# Not getrusage: the peak it tells is at least that of the process that started this one.
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


def _peak(path: Path, n_volumes: int) -> float:
    command = [sys.executable, "-c", _PEAK, str(path), str(n_volumes)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 (its own code)
    return int(done.stdout) / 1024


def peaks(folder: Path | None) -> Iterator[tuple[str, float]]:
    """Yield what was extracted from, and its peak memory in MB above the interpreter's."""
    base = _peak(Path("none"), 0)
    for name, n_volumes in _SIZES.items():
        with tempfile.TemporaryDirectory(dir=folder) as place:
            path = Path(place) / "sparse.dat"
            with path.open("wb") as file:
                file.truncate(n_volumes * 33 * 2 * 512 * 512 * 2)
            yield name, _peak(path, n_volumes) - base
