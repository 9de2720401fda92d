"""The timeline: its rules, and what it derives, on examples worked out by hand."""

import itertools

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wormio.errors import ContractError, FrameIndexError, OptionError
from wormio.model import Channel, Column, Flag, Origin, Timeline, VoxelSize, stored_in_order

MEASURED = dict.fromkeys(("time", "z", "count", "volume", "direction"), Origin.MEASURED)


def timeline(**changes):
    """Return ten frames in two sweeps of four planes each, with changes.

    Counter     10 11 12 13 14 15 16 17 18 19 20 21
    saved        x  x  .  x  x  .  x  x  x  .  x  x
    sweep        -  0  0  0  0  1  1  1  1  -  -  -

    The third plane of sweep 0's trigger (12) and the first of sweep 1 (15) were dropped.
    """
    count = [10, 11, 13, 14, 16, 17, 18, 20, 21, 21]
    columns = {
        "time": np.array(count) * 0.5,
        "count": count,
        "z": [0, 10, 30, 40, 30, 20, 10, 20, 30, 30],
        "volumes": [[1, 4], [4, 7]],
        "volume_counts": [[11, 15], [15, 19]],
        "stored": stored_in_order(10, 2),
        "flags": [0] * 9 + [Flag.DUPLICATE],
        "origins": MEASURED,
    }
    return Timeline(**(columns | changes))


# --- what it derives -----------------------------------------------------------------------------


def test_volume_and_slot_tell_each_frames_place_and_dropped_planes_leave_gaps():
    t = timeline()
    assert t.volume.tolist() == [-1, 0, 0, 0, 1, 1, 1, -1, -1, -1]
    assert t.slot.tolist() == [-1, 0, 2, 3, 1, 2, 3, -1, -1, -1]
    assert t.n_slots.tolist() == [4, 4]
    assert t.dropped.tolist() == [12, 15, 19]
    assert (len(t), t.n_volumes) == (10, 2)


def test_without_volume_counts_a_volume_reaches_from_its_first_saved_frame_to_its_last():
    t = timeline(volume_counts=[[11, 15], [16, 19]])
    columns = {f.name: getattr(t, f.name) for f in attrs.fields(Timeline) if f.init}
    del columns["volume_counts"]
    assert Timeline(**columns) == t
    assert t.slot.tolist() == [-1, 0, 2, 3, 0, 1, 2, -1, -1, -1]


def test_intervals_count_triggers_not_saved_frames():
    t = timeline()
    assert t.frame_interval == 0.5
    assert t.volume_time.tolist() == pytest.approx([0.5 * (11 + 13 + 14) / 3, 0.5 * 17])
    assert t.volume_interval == pytest.approx(8.5 - 19 / 3)


@pytest.mark.parametrize("start", [0.0, 1.7e9])
def test_volume_time_stays_exact_in_long_recordings_and_on_absolute_clocks(start):
    n, planes = 200_000, 20
    time = start + np.arange(n) * 0.005
    volumes = np.stack([np.arange(0, n, planes), np.arange(planes, n + 1, planes)], axis=1)
    t = Timeline(
        time=time,
        volumes=volumes,
        stored=stored_in_order(n, 1),
        origins={"time": Origin.MEASURED, "volume": Origin.NOMINAL},
    )
    expected = start + (np.arange(n // planes) * planes + (planes - 1) / 2) * 0.005
    np.testing.assert_allclose(t.volume_time, expected, rtol=0, atol=1e-6)


def test_what_cannot_be_known_is_nan_or_empty():
    one = timeline(volumes=[[1, 4]], volume_counts=[[11, 15]])
    assert np.isnan(one.volume_interval)
    nothing = Timeline(time=[], volumes=[], stored=np.zeros((0, 1)).astype(int), origins={})
    assert (len(nothing), nothing.n_volumes) == (0, 0)
    assert np.isnan(nothing.frame_interval)
    assert np.isnan(nothing.volume_interval)
    assert nothing.volume_time.tolist() == []
    assert nothing.dropped.tolist() == []
    static = timeline(time=np.full(10, np.nan))
    assert np.isnan(static.frame_interval)
    assert np.isnan(static.volume_interval)
    assert np.isnan(static.volume_time).all()


def test_columns_that_are_not_given_are_unknown_and_say_so():
    t = Timeline(time=[0.0, 1.0], volumes=[], stored=[[0], [1]], origins={"time": Origin.MEASURED})
    assert np.isnan(t.z).all()
    assert t.count.tolist() == t.raw_count.tolist() == [0, 1]
    assert t.raw_time.tolist() == [0, 1]
    assert t.direction.tolist() == t.flags.tolist() == [0, 0]
    assert t.origins == {
        "time": Origin.MEASURED,
        "z": Origin.UNKNOWN,
        "count": Origin.NOMINAL,
        "volume": Origin.UNKNOWN,
        "direction": Origin.UNKNOWN,
    }


def test_stored_in_order_numbers_images_channel_by_channel():
    assert stored_in_order(3, 2).tolist() == [[0, 1], [2, 3], [4, 5]]


# --- looking up ----------------------------------------------------------------------------------


def test_nearest_looks_only_inside_the_volume():
    t = timeline()
    assert t.nearest(0, 30.0) == 2
    assert t.nearest(1, 30.0) == 4
    assert t.nearest(-1, 12.0) == 6
    assert t.nearest(0, 1e9) == 3


def test_nearest_skips_duplicates_and_unknown_z():
    t = timeline(
        count=[10, 11, 11, 14, 16, 17, 18, 20, 21, 21],
        time=[5, 5.5, 5.5, 7, 8, 8.5, 9, 10, 10.5, 10.5],
        z=[0, 10, 30, np.nan, 30, 20, 10, 20, 30, 30],
        flags=[0, 0, Flag.DUPLICATE, Flag.Z_UNKNOWN, 0, 0, 0, 0, 0, Flag.DUPLICATE],
    )
    assert t.nearest(0, 30.0) == 1
    blind = attrs.evolve(t, z=np.full(10, np.nan))
    with pytest.raises(FrameIndexError, match="volume 0"):
        blind.nearest(0, 30.0)


@pytest.mark.parametrize("volume", [2, -3, 100])
def test_a_volume_that_is_not_there_is_an_index_error(volume):
    with pytest.raises(FrameIndexError, match="0 to 1"):
        timeline().volume_range(volume)
    assert timeline().volume_range(-2) == (1, 4)


def test_volts_are_never_taken_for_micrometres():
    t = timeline(z_unit="V")
    with pytest.raises(OptionError, match="um_per_volt"):
        _ = t.z_um
    with pytest.raises(OptionError, match="not calibrated"):
        t.nearest(0, 30.0)
    np.testing.assert_array_equal(timeline().z_um, timeline().z)


def test_require_accepts_the_asked_origin_and_better_ones_only():
    t = timeline(origins=MEASURED | {"z": Origin.JOINED})
    t.require(z="joined", time="joined", count=Origin.UNKNOWN)
    with pytest.raises(OptionError, match=r"'z'(.|\n)*MEASURED or better(.|\n)*JOINED"):
        t.require(z="measured")
    with pytest.raises(OptionError, match="no column 'stage'"):
        t.require(stage="measured")
    with pytest.raises(OptionError, match="unknown origin"):
        t.require(z="guessed")


# --- rules ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"time": [5, 4.9, 6, 7, 8, 9, 10, 11, 12, 13]}, "time does not increase at frame 1"),
        ({"time": [5, 5, 6, 7, 8, 9, 10, 11, 12, 13]}, "time does not increase at frame 1"),
        ({"time": [5, np.nan, 6, 7, 8, 9, 10, 11, 12, 13]}, "times are NaN"),
        ({"time": [5, 5.5, 6, 7, 8, 9, 10, 11, 12, np.inf]}, "times"),
        ({"count": [10, 11, 13, 13, 16, 17, 18, 20, 21, 21]}, "count does not increase at frame 3"),
        ({"count": [10, 11, 13, 12, 16, 17, 18, 20, 21, 21]}, "count does not increase at frame 3"),
        (
            {"count": [*range(9), 10**15], "volumes": [], "volume_counts": []},
            "impossible gaps",
        ),
        ({"flags": np.zeros(10, int)}, "does not increase at frame 9"),
        ({"z": [1.0]}, "column z has the wrong length"),
        ({"stored": stored_in_order(9, 2)}, "column stored has the wrong length"),
        ({"raw_time": []}, "column raw_time has the wrong length"),
        ({"extra": {"x": Column(values=[1])}}, r"extra\['x'\] has the wrong length"),
        ({"volumes": [[1, 4], [3, 7]]}, "volume ranges"),
        ({"volumes": [[4, 7], [1, 4]]}, "volume ranges"),
        ({"volumes": [[1, 1], [4, 7]]}, "volume ranges"),
        ({"volumes": [[4, 1], [4, 7]]}, "volume ranges"),
        ({"volumes": [[1, 4], [4, 11]]}, "volume ranges"),
        ({"volumes": [[-1, 4], [4, 7]]}, "volume ranges"),
        ({"volume_counts": [[11, 15]]}, "volume_counts has the wrong length"),
        ({"volume_counts": [[12, 15], [15, 19]]}, "frames of volume 0 lie outside its counters"),
        ({"volume_counts": [[11, 15], [15, 18]]}, "frames of volume 1 lie outside its counters"),
        ({"volumes": [1, 4]}, "wrong shape"),
        ({"origins": {}}, "'time' has values but no origin"),
        ({"origins": MEASURED | {"z": Origin.UNKNOWN}}, "'z' has values but no origin"),
        ({"origins": {k: v for k, v in MEASURED.items() if k != "count"}}, "'count' has values"),
        ({"origins": MEASURED | {"zed": Origin.USER}}, "unknown column"),
        ({"origins": MEASURED | {"z": "measured"}}, "origin"),
        ({"z_unit": "mm"}, "z_unit"),
        ({"z": ["a"] * 10}, "wrong kind"),
        ({"count": np.arange(10) + 0.5}, "wrong kind"),
        ({"direction": np.full(10, 300)}, "without loss"),
    ],
)
def test_a_broken_rule_is_refused_with_its_reason(changes, message):
    with pytest.raises(ContractError, match=message):
        timeline(**changes)


@pytest.mark.parametrize("volumes", [[[-30, 4]], [[-3, -1]], [[4, 40]], [[5, 2]]])
def test_impossible_volumes_are_refused_also_when_their_counters_are_left_to_default(volumes):
    with pytest.raises(ContractError, match="volume ranges"):
        Timeline(
            time=np.arange(10.0),
            volumes=volumes,
            stored=stored_in_order(10, 1),
            origins={"time": Origin.MEASURED, "volume": Origin.MEASURED},
        )


def test_equal_neighbours_are_allowed_where_flagged():
    assert timeline().count[-2:].tolist() == [21, 21]


# --- value semantics -----------------------------------------------------------------------------


def test_every_array_is_read_only_and_none_is_shared_with_the_caller():
    z = np.arange(10.0)
    t = timeline(z=z, extra={"x": Column(values=z)})
    z[:] = -1
    assert t.z.tolist() == t.extra["x"].values.tolist() == list(range(10))
    for field in attrs.fields(Timeline):
        value = getattr(t, field.name)
        if isinstance(value, np.ndarray):
            with pytest.raises(ValueError, match="read-only"):
                value[...] = 0
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        t.z = z


def test_a_read_only_view_of_a_callers_array_is_not_trusted():
    z = np.arange(10.0)
    view = z.view()
    view.setflags(write=False)
    t = timeline(z=view)
    z[:] = -1
    assert t.z.tolist() == list(range(10))


def test_frozen_columns_are_shared_not_copied():
    t = timeline()
    assert attrs.evolve(t, z_unit="V").time is t.time


def test_equality_compares_values_and_takes_nan_for_nan():
    z = [0, 10, np.nan, 40, 30, 20, 10, 20, 30, 30]
    assert timeline(z=z) == timeline(z=z)
    assert timeline(z=z) != timeline()
    assert timeline() != timeline(flags=[1] + [0] * 8 + [1])
    assert timeline() != timeline(origins=MEASURED | {"z": Origin.USER})
    assert timeline(extra={"x": Column(values=z)}) == timeline(extra={"x": Column(values=z)})
    assert timeline(extra={"x": Column(values=z)}) != timeline()


@given(st.data())
def test_derived_columns_agree_with_a_plain_loop(data):
    steps = data.draw(st.lists(st.integers(0, 3), min_size=1, max_size=30))
    count = 100 + np.cumsum(steps)
    n = len(count)
    cuts = sorted(data.draw(st.sets(st.integers(0, n), max_size=8)))
    volumes = [(a, b) for a, b in itertools.pairwise(cuts) if data.draw(st.booleans())]
    flags = [0] + [int(Flag.DUPLICATE) if step == 0 else 0 for step in steps[1:]]
    t = Timeline(
        time=count * 0.1,
        count=count,
        volumes=volumes,
        stored=stored_in_order(n, 1),
        flags=flags,
        origins=MEASURED,
    )
    for frame in range(n):
        inside = [i for i, (a, b) in enumerate(volumes) if a <= frame < b]
        assert t.volume[frame] == (inside[0] if inside else -1)
        assert t.slot[frame] == (count[frame] - count[volumes[inside[0]][0]] if inside else -1)
    assert t.dropped.tolist() == [
        c for c in range(int(count[0]), int(count[-1])) if c not in set(count.tolist())
    ]
    expected = [np.mean(t.time[a:b]) for a, b in volumes]
    np.testing.assert_allclose(t.volume_time, expected, rtol=1e-12)


# --- channels and voxels -------------------------------------------------------------------------


def test_voxel_size_and_channels_refuse_what_is_no_length_and_no_role():
    for wrong in (0, -1.0, np.nan, np.inf, "0.4"):
        with pytest.raises(ContractError, match="no length"):
            VoxelSize(z=wrong)
    with pytest.raises(ContractError, match="signal, reference, other"):
        Channel(name="green", role="activity")
    with pytest.raises(ContractError, match="wrong shape"):
        VoxelSize(affine=np.eye(4))
    assert VoxelSize(z=2.0, affine=np.eye(3, 4)) == VoxelSize(z=2.0, affine=np.eye(3, 4))
