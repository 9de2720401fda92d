"""Shards cover the work once, and merged they are what a single run gives."""

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wormio
from wormio.errors import OptionError, SignalError
from wormio.extraction import Annulus, Median, merge
from wormio.extraction.sharding import Shard
from wormio.model import ArrayRecording, Positions, VoxelSize

RECORDING = ArrayRecording.from_volumes(
    np.random.default_rng(1).integers(0, 4000, (7, 4, 2, 16, 20), np.uint16),
    voxel_size=VoxelSize(z=1, y=1, x=1),
    volume_interval=0.1,
)
COORDS = np.random.default_rng(2).uniform(1, [3, 14, 18], (7, 5, 3))
TRACKED = Positions.tracked(COORDS, z_unit="frame")
SHIFTED = Positions.tracked(COORDS + np.array([0, 1, 0]), z_unit="frame")


@given(
    n_shards=st.integers(1, 60), n_volumes=st.lists(st.integers(1, 500), min_size=1, max_size=20)
)
def test_shards_cover_every_volume_of_every_recording_once_and_are_about_equal(n_shards, n_volumes):
    seen = [[] for _ in n_volumes]
    for number in range(1, n_shards + 1):
        shares = Shard(number, n_shards).shares(len(n_volumes))
        # Of the recordings, each shard has the same amount.
        assert sum(share.end - share.begin for share in shares) == len(n_volumes)
        for share in shares:
            seen[share.recording].extend(range(*share.volumes(n_volumes[share.recording])))
    assert seen == [list(range(n)) for n in n_volumes]


@pytest.mark.parametrize("text", ["0/4", "5/4", "1/0", "1", "a/b", "-1/4", "1/4/2", ""])
def test_a_shard_that_is_none_is_refused(text):
    with pytest.raises(OptionError, match="shard"):
        Shard.parse(text)


@pytest.mark.parametrize(
    "choices",
    [
        {},
        {
            "mask": {"core": wormio.Box(1, 3, 3), "all": wormio.Box(3, 3, 3)},
            "reducer": Median(),
            "background": Annulus(outer=wormio.Box(1, 9, 9), inner=wormio.Box(1, 5, 5)),
        },
        {"where": {"channel-0": TRACKED, "channel-1": SHIFTED}},
        {"preset": "wormdatamodel-1.5"},
    ],
    ids=["defaults", "masks and background", "positions by channel", "preset"],
)
def test_merged_shards_and_resumed_runs_equal_one_run(choices, tmp_path):
    where = choices.pop("where", TRACKED)
    expected = wormio.extract(RECORDING, where, **choices)
    parts = [
        wormio.extract(RECORDING, where, volumes=span, **choices)
        for span in [(4, 7), (0, 1), (1, 4)]
    ]
    assert merge(parts) == expected
    kept = tmp_path / "kept"
    for span in [(2, 5), None, None]:
        found = wormio.extract(RECORDING, where, volumes=span, checkpoint=kept, memory=1, **choices)
    assert found == expected


def test_merged_shards_share_what_one_run_shares():
    expected = wormio.extract(RECORDING, TRACKED)
    parts = [wormio.extract(RECORDING, TRACKED, volumes=span) for span in [(4, 7), (0, 1), (1, 4)]]
    found = merge(parts)
    assert found == expected
    # Also what they share is shared again.
    assert found["channel-0"].provenance is found["channel-1"].provenance
    assert merge([expected]) == expected


def test_a_part_says_which_volumes_it_is_of():
    part = wormio.extract(RECORDING, TRACKED, volumes=(2, 4))["channel-0"]
    assert part.volume.tolist() == [2, 3]
    assert part.provenance.options["part"] == {"volumes": [2, 4], "of": 7}
    assert part.provenance.volumes.tolist() == RECORDING.timeline.volumes[2:4].tolist()


@pytest.mark.parametrize("volumes", [(3, 3), (4, 2), (-1, 2), (0, 8), (0.5, 2), 3, (1, 2, 3)])
def test_ranges_that_are_none_are_refused(volumes):
    with pytest.raises(OptionError, match="range of volumes"):
        wormio.extract(RECORDING, TRACKED, volumes=volumes)


def test_parts_that_do_not_fit_together_are_refused():
    first, last = (wormio.extract(RECORDING, TRACKED, volumes=span) for span in [(0, 3), (5, 7)])
    middle = wormio.extract(RECORDING, TRACKED, volumes=(3, 5))
    with pytest.raises(SignalError, match="missing") as caught:
        merge([first, last])
    assert "volumes 3 to 4" in caught.value.found
    with pytest.raises(SignalError, match="twice"):
        merge([first, middle, last, middle])
    with pytest.raises(SignalError, match="nothing to merge"):
        merge([])
    other = wormio.extract(RECORDING, TRACKED, volumes=(3, 5), boundary="nan")
    with pytest.raises(SignalError, match="options differ"):
        merge([first, other, last])
    moved = attrs.evolve(TRACKED, coords=TRACKED.coords + 0.25)
    with pytest.raises(SignalError, match="positions differ"):
        merge([first, wormio.extract(RECORDING, moved, volumes=(3, 5)), last])
    one = wormio.extract(RECORDING, TRACKED, volumes=(3, 5), channels="channel-0")
    with pytest.raises(SignalError, match="channels differ"):
        merge([first, one, last])
    cleaned = {name: signal.interpolate() for name, signal in middle.items()}
    with pytest.raises(SignalError, match="processed before"):
        merge([first, cleaned, last])
