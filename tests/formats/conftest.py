"""A Leifer folder written by hand, a few lines each file, so that no reader's code is shared."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

ROWS, COLUMNS = 6, 5  # of one whole frame; a channel has half the rows


def _table(path: Path, header: str, rows: Sequence[Sequence[object]], end: str = "") -> None:
    lines = [header] + ["\t".join(map(str, row)) + end for row in rows]
    path.write_text("\n".join(lines) + "\n")


def triangle(counts: np.ndarray, period: int = 10) -> np.ndarray:
    """Volts of a triangular scan that turns every `period` counters, at counter 3, 13, ..."""
    phase = (counts - 3) % (2 * period)
    return 4.0 + 0.1 * np.where(phase < period, phase, 2 * period - phase)


@pytest.fixture
def leifer_folder(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a folder; its frames hold their own frame number."""

    def write(
        counts: Sequence[int] | None = None,
        *,
        times: Sequence[float] | None = None,
        daq_counts: Sequence[int] | None = None,
        gate: Sequence[int] | None = None,
        z_scan: object = None,
        stimuli: str | None = None,
        planar: bool = False,
        interleaved: bool = False,
        name: str = "recording",
    ) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        counts = list(range(100)) if counts is None else list(counts)
        times = [f"{1 + 0.005 * c:.3f}" for c in counts] if times is None else list(times)
        _table(
            folder / "framesDetails.txt",
            "Timestamp\tframeCount\t",
            list(zip(times, counts, strict=True)),
            "\t",
        )
        if not planar:
            daq = np.arange(min(counts), max(counts) + 1) if daq_counts is None else daq_counts
            daq = np.asarray(daq)
            volts = triangle(daq)
            header = "Frame index\tPiezo position (V)\tPiezo direction (+-1)\tVolume index"
            header += "\tLudl X\tLudl Y"
            rows = [[c, f"{v:.6f}", 1, -1, 7, 8] for c, v in zip(daq, volts, strict=True)]
            if gate is not None:
                header += "\tPharos on"
                rows = [[*row, g] for row, g in zip(rows, gate, strict=True)]
            _table(folder / "other-frameSynchronous.txt", header + "\t", rows, "\t")
            (folder / "other-volumeMetadataUtilities.txt").write_text(
                "Volume index\tFirst frame\tDirection\t\n"
            )
            if z_scan is None:
                z_scan = {"V/um": 0.125}
            if z_scan:
                text = z_scan if isinstance(z_scan, str) else json.dumps(z_scan)
                (folder / "zScan.json").write_text(text)
        if stimuli is not None:
            (folder / "pharosTriggers.txt").write_text(stimuli)
        frames = pixels(len(counts))
        if interleaved:
            both = frames.transpose(0, 2, 1, 3).reshape(len(counts), ROWS, COLUMNS)
        else:
            both = frames.reshape(len(counts), ROWS, COLUMNS)
        both.astype("<u2").tofile(folder / f"sCMOS_Frames_U16_{ROWS}x{COLUMNS}.dat")
        return folder

    return write


def pixels(n_frames: int) -> np.ndarray:
    """Return (F, 2, 3, 5): every value tells its frame, channel, row and column."""
    frame, channel, y, x = np.ogrid[:n_frames, :2, : ROWS // 2, :COLUMNS]
    return (frame * 100 + channel * 50 + y * 10 + x).astype(np.uint16)


@pytest.fixture(name="pixels")
def pixels_fixture() -> Callable[[int], np.ndarray]:
    """Give tests the truth of `leifer_folder`'s frames."""
    return pixels
