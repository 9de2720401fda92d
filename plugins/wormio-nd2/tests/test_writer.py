"""The writer of the conformance kit writes ND2 files: the library nd2 is the judge."""

from collections.abc import Callable
from pathlib import Path

import nd2
import numpy as np
import pytest

from wormio_nd2.writer import images, time_loop, z_loop


@pytest.mark.parametrize("pack", [False, True])
@pytest.mark.parametrize("padding", [0, 6])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_the_library_reads_what_was_written(
    write: Callable[..., Path], dtype: str, padding: int, pack: bool
) -> None:
    frames = images(6, channels=3).astype(dtype)
    path = write(
        6,
        [time_loop(2), z_loop(3)],
        frames=frames,
        channels=("red", "green", "blue"),
        um_per_pixel=0.42,
        times=np.arange(6) / 8,
        columns={"PiezoZ": ("Piezo Z", "µm", [0, 0.5, 1] * 2)},
        events=[(0.25, 15)],
        padding=padding,
        pack=pack,
    )
    with nd2.ND2File(path) as file:
        assert file.sizes == {"T": 2, "Z": 3, "C": 3, "Y": 4, "X": 5}
        np.testing.assert_array_equal(file.asarray().reshape(6, 3, 4, 5), frames)
        assert [c.channel.name for c in file.metadata.channels] == ["red", "green", "blue"]
        assert file.voxel_size() == (0.42, 0.42, 0.5)
        rows = file.events()
    told = [(row["Time [s]"], row["Piezo Z [µm]"]) for row in rows if "Index" in row]
    assert told == [(0, 0), (0.125, 0.5), (0.25, 1), (0.375, 0), (0.5, 0.5), (0.625, 1)]
    assert [r["Events"] for r in rows if "Events" in r] == ["Stimulation"]
