"""The order of the frames, their volumes, and their places in the sweep."""

import numpy as np
import pytest
import wormio
from wormio.model import Flag, Origin


def z_um(_i, axes):
    return {"ZPosition_um_Intended": 1.5 * axes.get("z", 0)}


def test_a_scan_to_and_fro_keeps_its_order(write, pixels_of):
    sweeps = [range(4), range(3, -1, -1)] * 2
    axes = [{"time": t, "z": z} for t, sweep in enumerate(sweeps) for z in sweep]
    del axes[5]  # z = 2 of the first sweep downwards: its slot 1 stays empty
    with wormio.open(write(axes, told=z_um)) as recording:
        timeline = recording.timeline
        np.testing.assert_array_equal(recording.frames[:, 0], [pixels_of(i) for i in range(15)])
        assert timeline.z[4:7].tolist() == [4.5, 1.5, 0]
        assert timeline.slot.tolist() == [0, 1, 2, 3, 0, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3]
        assert timeline.dropped.tolist() == [5]
        assert timeline.volumes.tolist() == [[0, 4], [4, 7], [7, 11], [11, 15]]
        assert timeline.volume_counts.tolist() == [[4 * t, 4 * t + 4] for t in range(4)]
        assert timeline.direction.tolist() == [1] * 4 + [-1] * 3 + [1] * 4 + [-1] * 4
        assert recording.voxel_size.z == 1.5


def test_planes_in_an_order_of_their_own_keep_it(write):
    sweep = [0, 2, 4, 1, 3]
    axes = [{"time": t, "z": z} for t in range(3) for z in sweep]
    del axes[7]  # z = 4 of the second sweep
    with wormio.open(write(axes, told=z_um)) as recording:
        timeline = recording.timeline
        assert (timeline.z[:5] / 1.5).tolist() == sweep
        assert timeline.slot.tolist() == [0, 1, 2, 3, 4, 0, 1, 3, 4, 0, 1, 2, 3, 4]
        assert timeline.dropped.tolist() == [7]
        assert not timeline.direction.any()


def test_a_channel_after_the_other_is_late_by_its_offset(write, pixels_of):
    axes = [
        {"time": t, "z": z, "channel": c} for t in range(3) for c in ("a", "b") for z in range(4)
    ]
    clock = {tuple(one.values()): 10 * i for i, one in enumerate(axes)}
    del axes[10]  # z = 2 of channel a at the second time
    folder = write(axes, told=lambda i, a: {"ElapsedTime-ms": clock[tuple(a.values())]})
    with wormio.open(folder) as recording:
        timeline = recording.timeline
        assert timeline.stored[4:8].tolist() == [[8, 11], [9, 12], [-1, 13], [10, 14]]
        assert recording.channels[1].time_offset == pytest.approx(0.04)
        np.testing.assert_array_equal(recording.frames[6, 1], pixels_of(13))
        # The frame without an image of channel a has the time at which there would have been one.
        assert timeline.time[6] == pytest.approx(0.1)
        assert not (timeline.flags & Flag.TIME_REPAIRED).any()
        assert timeline.n_volumes == 3


def test_planes_one_after_the_other_through_all_times_are_no_volumes(write, pixels_of):
    axes = [{"time": t, "z": z} for z in range(2) for t in range(3)]
    with wormio.open(write(axes, told=z_um)) as recording:
        timeline = recording.timeline
        assert timeline.n_volumes == 0
        assert timeline.z.tolist() == [0, 0, 0, 1.5, 1.5, 1.5]
        np.testing.assert_allclose(timeline.time, 0.01 * np.arange(6))
        np.testing.assert_array_equal(recording.frames[:, 0], [pixels_of(i) for i in range(6)])
        assert "no-volumes" in [finding.code for finding in recording.findings]


@pytest.mark.parametrize("n_last", [1, 4, 7])
def test_an_acquisition_that_was_stopped_ends_with_its_last_whole_volume(write, n_last):
    axes = [{"time": t, "z": z, "channel": c} for t in range(3) for z in range(4) for c in "ab"]
    with wormio.open(write(axes[: 16 + n_last])) as recording:
        timeline = recording.timeline
        assert timeline.volumes.tolist() == [[0, 4], [4, 8]]
        inside = (timeline.flags & Flag.INCOMPLETE) == 0
        assert inside.tolist() == [True] * 8 + [False] * ((n_last + 1) // 2)


def test_a_channel_that_skips_volumes_cuts_none_off(write):
    axes = []
    for t in range(4):
        axes += [{"time": t, "z": z, "channel": "fast"} for z in range(3)]
        axes += [{"time": t, "z": z, "channel": "slow"} for z in range(3) if t % 2 == 0]
    with wormio.open(write(axes)) as recording:
        assert recording.timeline.n_volumes == 4
        assert (recording.timeline.stored[3:6, 1] == -1).all()


def test_a_replaced_image_is_the_later_one(write, pixels_of):
    axes = [{"time": t} for t in (0, 1, 2, 1)]
    with wormio.open(write(axes)) as recording:
        assert recording.timeline.stored[:, 0].tolist() == [0, 3, 2]
        np.testing.assert_array_equal(recording.frames[1, 0], pixels_of(3))
        told = {finding.code: finding.message for finding in recording.findings}
        assert told["images-replaced"].startswith("1 images")


def test_irregular_planes_have_no_step(write):
    axes = [{"time": t, "z": z} for t in range(2) for z in range(3)]
    heights = [0.0, 1.0, 3.0]
    folder = write(axes, told=lambda i, a: {"ZPositionUm": heights[a["z"]]})
    with wormio.open(folder) as recording:
        assert recording.voxel_size.z is None
        assert recording.timeline.z.tolist() == heights * 2
        assert recording.timeline.origins["z"] == Origin.MEASURED


def test_a_step_in_the_summary_is_nominal_and_the_users_wins(write):
    axes = [{"time": t, "z": z} for t in range(2) for z in range(3)]
    folder = write(axes, summary={"z-step_um": -0.5})
    with wormio.open(folder) as recording:
        assert recording.timeline.z.tolist() == [0, -0.5, -1.0] * 2
        assert recording.timeline.origins["z"] == Origin.NOMINAL
        assert recording.voxel_size.z == 0.5
    with wormio.open(folder, um_per_plane=2.0) as recording:
        assert recording.timeline.z.tolist() == [0, 2, 4] * 2
        assert recording.timeline.origins["z"] == Origin.USER
    with wormio.open(write(axes, folder="silent")) as recording:
        assert np.isnan(recording.timeline.z).all()
        assert recording.timeline.origins["z"] == Origin.UNKNOWN
        assert "z-unknown" in [finding.code for finding in recording.findings]


def test_the_stage_is_a_column(write):
    def stage(i, _axes):
        return {"XPositionUm": 5.0 + i, "YPosition_um_Intended": -1.0 * i}

    with wormio.open(write([{"time": t} for t in range(3)], told=stage)) as recording:
        extra = recording.timeline.extra
        assert extra["stage_x"].values.tolist() == [5, 6, 7]
        assert extra["stage_x"].origin == Origin.MEASURED
        assert extra["stage_y"].values.tolist() == [0, -1, -2]
        assert extra["stage_y"].origin == Origin.NOMINAL
        assert extra["stage_y"].unit == "um"
