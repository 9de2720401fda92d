"""The light-sheet format under test: a .stack file for each volume and channel."""

from __future__ import annotations

from pathlib import Path

from wormio.testing.subject import Subject
from wormio.testing.truth import Limits, Truth

__all__ = ["subject"]

_RATE = 2.5


def _make(folder: Path, truth: Truth) -> Path:
    n_channels, height, width = truth.frames.shape[1:]
    n_volumes = len(truth.volumes)
    n_planes = len(truth.frames) // n_volumes
    for time, (first, stop) in enumerate(truth.volumes.tolist()):
        for channel in range(n_channels):
            volume = truth.frames[first:stop, channel].astype("<u2")
            (folder / f"TM{time:05d}_CM0_CHN{channel:02d}.stack").write_bytes(volume.tobytes())
    xml = (
        '<?xml version="1.0" encoding="utf-8"?>\n<push_config version="1.0">\n'
        '<info lab="fish & worms" />\n<info exposure_time="10.0" />\n'
        f'<info dimensions="{width}x{height}x{n_planes}" />\n'
        f'<info z_step="{truth.plane_step:.6f}" />\n</push_config>\n'
    )
    for channel in range(n_channels):
        (folder / f"ch{channel}.xml").write_text(xml, encoding="utf-8")
    numbers = f"{_RATE:.6f}\r\n{n_volumes / _RATE:.6f}\r\n{n_volumes}\r\n"
    (folder / "Stack_frequency.txt").write_text(numbers, encoding="ascii")
    return folder


subject = Subject(
    format="ahrens",
    make=_make,
    limits=Limits(
        dtypes=("uint16",),
        scan="regular",
        time="none",  # of volumes only, from 0 s on
        channel_names=False,
    ),
    options={"um_per_pixel": 0.4},
    capabilities={"mappable", "pickle"},
    side_files=("*.stack", "ch0.xml", "Stack_frequency.txt"),
)
