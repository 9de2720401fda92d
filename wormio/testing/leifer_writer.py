"""Write a phantom as a Leifer-lab recording.

Nothing is shared with `wormio.formats`: what this module writes and that package reads can only
agree if both follow the format.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from wormio.errors import OptionError
from wormio.storage.atomic import refuse_foreign
from wormio.testing.phantom import Phantom

__all__ = ["write_leifer", "write_truth"]

# Calibration of the tunable lens that aims the stimuli, as zScan.json names it.
_LENS = {
    "etlCalibrationMindpt": -3.0,
    "etlCalibrationMaxdpt": 3.0,
    "etlVMin": 0.0,
    "etlVMax": 5.0,
    "etl dpt/um": 0.05,
    "latencyShiftPermutation": 0,
}
_PARTS = (
    "*rames_U16_*.dat",
    "framesDetails.txt",
    "other-frameSynchronous.txt",
    "other-volumeMetadataUtilities.txt",
    "zScan.json",
    "pharosTriggers.txt",
)
_TRUTH = "phantom-truth.npz"
# Marks what may be replaced, and tells people who find the folder.
_MARK = "wormio-phantom.txt"
_MARK_TEXT = "No microscope took this recording: wormio drew it.\n"
# DAQ rows for which the laser gate stays open.
_GATE_ROWS = 4


def write_leifer(
    phantom: Phantom,
    folder: str | os.PathLike[str],
    *,
    layout: Literal["split", "interleaved"] = "split",
    planar: bool = False,
    pharos_columns: Literal[10, 12] | None = 12,
    gate: bool = True,
    zscan: bool = True,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write a phantom into a folder, frame by frame.

    Parameters
    ----------
    phantom : Phantom
    folder : path-like
        Made if it is not there.
    layout : {"split", "interleaved"}
        Red rows above green rows, or line by line in turns (the old microscope).
    planar : bool
        Leave out everything that tells of z, as in 2-D recordings.
    pharos_columns : {12, 10, None}
        Generation of the stimulus table; None: no such table.
    gate : bool
        Whether the DAQ table has the laser gate as its 7th column. Without it a stimulus is known
        by its noted counter only, `Stimuli.file_count`.
    zscan : bool
        Whether to write the calibration.
    overwrite : bool
        Replace a phantom that is there. Anything else is never replaced.
    progress : callable, optional
        Called with (frames written, all frames).

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    OptionError
        An option has an unknown value.
    OutputExistsError
        The folder holds a phantom, and `overwrite` is false, or it holds anything else.
    """
    if layout not in {"split", "interleaved"} or pharos_columns not in {10, 12, None}:
        raise OptionError(
            "the format has no such variant",
            expected="layout 'split' or 'interleaved'; pharos_columns 10, 12 or None",
            found=f"layout {layout!r}, pharos_columns {pharos_columns!r}",
        )
    folder = Path(folder)
    refuse_foreign(folder, "folder of a phantom", _is_phantom, overwrite=overwrite)
    _clear(folder)
    try:
        (folder / _MARK).write_text(_MARK_TEXT)
        _write(folder / "framesDetails.txt", _frames_table(phantom))
        if not planar:
            _write(folder / "other-frameSynchronous.txt", _daq_table(phantom, gate=gate))
            _write(
                folder / "other-volumeMetadataUtilities.txt",
                ["Volume index\tFirst frame\tDirection"],
            )
            if zscan:
                settings = {"V/um": 1 / phantom.scan.um_per_volt} | _LENS
                (folder / "zScan.json").write_text(json.dumps(settings, indent=1))
        if pharos_columns is not None:
            _write(folder / "pharosTriggers.txt", _stimulus_table(phantom, pharos_columns))

        height, width = phantom.shape
        with (folder / f"sCMOS_Frames_U16_{2 * height}x{width}.dat").open("wb") as file:
            for i in range(len(phantom)):
                image = phantom.render(i)
                if layout == "interleaved":
                    image = image.swapaxes(0, 1)  # row, then channel
                file.write(image.astype("<u2").tobytes())
                if progress is not None:
                    progress(i + 1, len(phantom))
    except BaseException:
        _clear(folder)  # half a recording is worse than none
        raise
    return folder


def write_truth(phantom: Phantom, folder: str | os.PathLike[str]) -> Path:
    """Write what is true about a phantom: ``positions.csv`` and ``phantom-truth.npz``.

    The arrays: ``count, time, z_um, direction, volume`` of each saved frame; ``duplicates,
    glitched`` (saved frames), ``dropped`` (counters), ``sweeps`` (counter ranges); ``red, green``
    (saved frame, neuron), brightness without noise; ``labels``, ``zyx``; ``stimulus_count,
    stimulus_file_count, stimulus_time, stimulus_target``.

    Parameters
    ----------
    phantom : Phantom
    folder : path-like
        Made if it is not there. It must be empty or hold a phantom, whose truth is replaced.

    Returns
    -------
    Path
        The archive.

    Raises
    ------
    OutputExistsError
        The folder holds anything else.
    """
    folder = Path(folder)
    refuse_foreign(folder, "folder of a phantom", _is_phantom, overwrite=True)
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        f"{label},{z:.6f},{y:.6f},{x:.6f}"
        for label, (z, y, x) in zip(phantom.labels, phantom.neurons.zyx, strict=True)
    ]
    (folder / "positions.csv").write_text("\n".join(["label,z_um,y,x", *rows, ""]))
    scan, stimuli = phantom.scan, phantom.stimuli
    row = scan.triggered
    path = folder / _TRUTH
    np.savez(
        path,
        count=scan.count[row],
        time=scan.time[row],
        z_um=scan.z_um[row],
        direction=scan.direction[row],
        volume=scan.volume[row],
        duplicates=scan.duplicates,
        glitched=scan.glitched,
        dropped=scan.dropped,
        sweeps=scan.sweeps,
        red=phantom.brightness("red", scan.time[row]),
        green=phantom.brightness("green", scan.time[row]),
        labels=np.array(phantom.labels),
        zyx=phantom.neurons.zyx,
        stimulus_count=stimuli.count,
        stimulus_file_count=stimuli.file_count,
        stimulus_time=stimuli.time,
        stimulus_target=stimuli.target,
    )
    return path


def _is_phantom(folder: Path) -> bool:
    return (folder / _MARK).is_file() or (folder / _TRUTH).is_file()


def _clear(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for pattern in (*_PARTS, _MARK):
        for path in folder.glob(pattern):
            path.unlink()


def _write(path: Path, lines: list[str]) -> None:
    # The rig runs on Windows.
    path.write_bytes("".join(f"{line}\r\n" for line in lines).encode())


def _frames_table(phantom: Phantom) -> list[str]:
    scan = phantom.scan
    pairs = zip(scan.file_time.tolist(), scan.file_count.tolist(), strict=True)
    return ["Timestamp\tframeCount", *(f"{time:.3f}\t{count}" for time, count in pairs)]


def _daq_table(phantom: Phantom, *, gate: bool) -> list[str]:
    scan = phantom.scan
    header = "Frame index\tPiezo position (V)\tPiezo direction (+-1)\tVolume index\tLudl X\tLudl Y"
    whole = [scan.daq_direction, scan.daq_volume, scan.stage_x, scan.stage_y]
    if gate:
        header += "\tPharos on"
        whole.append(_gate(phantom))
    columns = zip(
        scan.daq_count.tolist(), scan.daq_volts.tolist(), np.stack(whole, 1).tolist(), strict=True
    )
    # The real rows end in a tab, the header does not.
    rows = (
        f"{count}\t{volts:.6f}\t" + "".join(f"{value}\t" for value in rest)
        for count, volts, rest in columns
    )
    return [header, *rows]


def _gate(phantom: Phantom) -> NDArray[np.int64]:
    gate = np.zeros(len(phantom.scan.daq_count), np.int64)
    for count in phantom.stimuli.count:
        row = int(np.flatnonzero(phantom.scan.daq_count == count)[0])
        gate[row : row + _GATE_ROWS] = 1
    return gate


def _stimulus_table(phantom: Phantom, columns: int) -> list[str]:
    trains = ["nTrains", "timeBtwTrains"] if columns == 12 else []
    header = ["frameCount", "nPulses", "repRateDivider", *trains]
    header += [f"optogTarget{name}" for name in ("X", "Y", "Z", "XYSpace", "ZSpace", "ZDevice")]
    lines = ["\t".join([*header, "Time"])]
    half_range = (_LENS["etlCalibrationMaxdpt"] - _LENS["etlCalibrationMindpt"]) / 2
    stimuli = phantom.stimuli
    for count, time, (z, y, x) in zip(
        stimuli.file_count.tolist(), stimuli.time.tolist(), stimuli.target.tolist(), strict=True
    ):
        dioptres = z * _LENS["etl dpt/um"] - half_range
        fields = [count, 250000, 1, *([1, 0] if trains else [])]
        fields += [f"{x:.6f}", f"{y:.6f}", f"{dioptres:.6f}"]
        fields += ["hiResFluor space", "etl0 space", "tunable lens", f"{time:.3f}"]
        lines.append("\t".join(map(str, fields)))
    return lines
