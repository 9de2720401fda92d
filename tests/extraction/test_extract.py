"""`wormio.extract` against plain numpy, on recordings made by hand."""

import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import wormio
from wormio.errors import (
    ExtractionError,
    MissingImageError,
    OptionError,
    UnsupportedCapabilityError,
)
from wormio.extraction import Box, Sum
from wormio.model import (
    ArrayRecording,
    Channel,
    Flag,
    Origin,
    Positions,
    Timeline,
    VoxelSize,
    combine,
    frames_from_reader,
    from_scan,
    stored_in_order,
)

STEP = 2.0


@pytest.fixture
def volumes():
    """(V, Z, C, Y, X) u16, different in every voxel."""
    return np.random.default_rng(1).integers(0, 60_000, (6, 8, 2, 20, 30)).astype(np.uint16)


@pytest.fixture
def recording(volumes):
    channels = [
        Channel(name="red", role="reference", offset=100.0),
        Channel(name="green", role="signal", time_offset=0.01),
    ]
    return ArrayRecording.from_volumes(
        volumes,
        voxel_size=VoxelSize(z=STEP, y=0.4, x=0.4),
        volume_interval=0.8,
        channels=channels,
    )


def sweeps(n_sweeps=6, period=8, lost=(), twice=()):
    """A bidirectional scan of `n_sweeps` complete sweeps, with counters lost or saved twice."""
    count = np.arange(period * (n_sweeps + 2))
    phase = count % (2 * period)
    z = STEP * np.where(phase < period, phase, 2 * period - phase)
    kept = [c for c in count if c not in lost for _ in range(2 if c in twice else 1)]
    counts = np.array(kept)
    assigned = from_scan(counts, z, scan_count=count)
    flags = np.zeros(len(counts), np.int64)
    flags[1:][np.diff(counts) == 0] = Flag.DUPLICATE
    timeline = Timeline(
        time=counts * 0.005,
        z=z[counts].astype(float),
        count=counts,
        volumes=assigned.frames,
        volume_counts=assigned.counts,
        direction=assigned.direction,
        stored=stored_in_order(len(counts), 1),
        flags=flags,
        origins=dict.fromkeys(("time", "z", "count", "volume", "direction"), Origin.MEASURED),
    )
    pixels = 1000 * counts[:, None, None, None] % 65_000 + np.arange(16 * 20).reshape(1, 1, 16, 20)
    return ArrayRecording(pixels.astype(np.uint16), timeline)


def test_the_mean_over_the_box_is_numpys_minus_the_camera_offset(recording, volumes):
    where = Positions.static([[6.4, 10.2, 12.5], [4.0, 7.0, 20.49]], labels=["AVA", "AVE"])
    signals = wormio.extract(recording, where, mask=Box(3, 5, 7))
    assert list(signals) == ["red", "green"]
    assert signals["red"].labels == ("AVA", "AVE")
    for index, offset in ((0, 100.0), (1, 0.0)):
        signal = signals[recording.channels[index].name]
        first = volumes[:, 2:5, index, 8:13, 10:17].reshape(6, -1).sum(1, dtype=np.int64)
        other = volumes[:, 1:4, index, 5:10, 17:24].reshape(6, -1).sum(1, dtype=np.int64)
        expected = np.stack([first, other], axis=1)
        assert np.array_equal(signal.data, (expected - 105 * offset) / 105)
        assert (signal.voxels == 105).all()
        assert signal.valid.all()
        total = wormio.extract(recording, where, mask=Box(3, 5, 7), reducer=Sum(), offset=0.0)
        assert np.array_equal(total[signal.channel.name].data, expected)


def test_each_sample_has_the_time_of_its_own_centre_plane(recording):
    signals = wormio.extract(recording, Positions.static([[0.0, 5, 5], [14.0, 5, 5]]))
    frame = np.arange(6)[:, None] * 8 + [0, 7]
    assert np.array_equal(signals["red"].sample_time, recording.timeline.time[frame])
    assert np.allclose(signals["green"].sample_time, recording.timeline.time[frame] + 0.01)
    assert np.array_equal(signals["red"].provenance.centre_frame, frame)


def test_voxels_beyond_image_and_sweep_follow_the_boundary(recording, volumes):
    where = Positions.static([[0.0, 0.0, 29.0]])
    corner = volumes[:, :2, 0, :3, 27:].reshape(6, -1).astype(np.int64)
    excluded = wormio.extract(recording, where, channels="red", offset=0.0)["red"]
    assert np.array_equal(excluded.data[:, 0], corner.mean(axis=1))
    assert (excluded.voxels == 18).all()
    clipped = wormio.extract(recording, where, channels="red", offset=0.0, boundary="clip")["red"]
    z, y, x = np.ix_([0, 0, 1], [0, 0, 0, 1, 2], [27, 28, 29, 29, 29])
    expected = volumes[:, z, 0, y, x].reshape(6, -1).mean(axis=1)
    assert np.array_equal(clipped.data[:, 0], expected)
    refused = wormio.extract(recording, where, channels="red", boundary="nan")["red"]
    assert np.isnan(refused.data).all()
    assert not refused.valid.any()


def test_static_um_positions_find_their_plane_on_both_sweep_directions():
    recording = sweeps()
    signal = wormio.extract(
        recording, Positions.static([[6.0, 8, 8]]), mask=Box(1, 1, 1), offset=0.0
    )["channel-0"]
    frames = signal.provenance.centre_frame[:, 0]
    assert np.array_equal(recording.timeline.z[frames], np.full(6, 6.0))
    assert sorted(set(recording.timeline.slot[frames].tolist())) == [3, 5]
    assert np.array_equal(signal.data[:, 0], recording.frames[:, 0, 8, 8][frames])


def test_a_dropped_centre_plane_is_not_valid_and_a_dropped_neighbour_follows_the_boundary():
    count_of_plane = 8 + 5  # the sweep down that begins at counter 8 has z = 6 um in slot 5
    where = Positions.static([[6.0, 8, 8]])
    whole = wormio.extract(sweeps(), where)["channel-0"]
    gone = wormio.extract(sweeps(lost=[count_of_plane]), where)["channel-0"]
    assert np.isnan(gone.data[0, 0])
    assert np.isnan(gone.sample_time[0, 0])
    assert not gone.valid[0, 0]
    assert np.array_equal(gone.data[1:], whole.data[1:])
    beside = sweeps(lost=[count_of_plane - 1])
    assert wormio.extract(beside, where)["channel-0"].voxels[0, 0] == 50
    assert wormio.extract(beside, where, boundary="clip")["channel-0"].voxels[0, 0] == 75
    assert np.isnan(wormio.extract(beside, where, boundary="nan")["channel-0"].data[0, 0])


def test_a_frame_saved_twice_counts_once():
    where = Positions.static([[6.0, 8, 8], [10.0, 3, 4]])
    once = wormio.extract(sweeps(), where)["channel-0"]
    twice = wormio.extract(sweeps(twice=[8, 12, 13, 14]), where)["channel-0"]
    assert np.array_equal(once.data, twice.data)
    assert np.array_equal(once.sample_time, twice.sample_time)


def test_masks_never_reach_into_the_neighbouring_sweep():
    recording = sweeps()
    first = recording.timeline.volumes[1, 0]
    top = recording.timeline.z[first]
    signal = wormio.extract(
        recording, Positions.static([[top, 8, 8]]), mask=Box(3, 1, 1), offset=0.0
    )["channel-0"]
    own = recording.frames[first : first + 2, 0, 8, 8].astype(float).mean()
    assert signal.data[1, 0] == own


def test_a_position_between_the_planes_is_valid_and_one_beyond_them_is_not(recording):
    where = Positions.static([[3.0, 5, 5], [15.4, 5, 5], [15.6, 5, 5], [-1.6, 5, 5]])
    valid = wormio.extract(recording, where)["red"].valid
    # 14 um is the last plane; 0.75 steps are 1.5 um.
    assert valid.all(axis=0).tolist() == [True, True, False, False]


def test_tracked_positions_follow_the_neuron_and_nan_means_not_found(recording, volumes):
    coords = np.full((6, 2, 3), np.nan)
    coords[:, 0] = [[2.0 * i, 4.0 + i, 6.0 + i] for i in range(6)]
    coords[2, 1] = [4.0, 9.0, 9.0]
    signal = wormio.extract(recording, Positions.tracked(coords), mask=Box(1, 1, 1), offset=0.0)
    expected = [volumes[i, i, 0, 4 + i, 6 + i] for i in range(6)]
    assert signal["red"].data[:, 0].tolist() == expected
    assert np.flatnonzero(signal["red"].valid[:, 1]).tolist() == [2]


def test_frame_positions_count_the_saved_frames_of_their_volume(recording, volumes):
    where = Positions.static([[3.0, 5, 5]], z_unit="frame")
    signal = wormio.extract(recording, where, mask=Box(1, 1, 1), offset=0.0)["green"]
    assert np.array_equal(signal.data[:, 0], volumes[:, 3, 1, 5, 5])
    with pytest.raises(OptionError, match="both ways"):
        wormio.extract(sweeps(), where)
    tracked = Positions.tracked(np.full((6, 1, 3), 3.0), z_unit="frame")
    lost = sweeps(lost=[9])
    frames = wormio.extract(lost, tracked)["channel-0"].provenance.centre_frame[:, 0]
    assert np.array_equal(frames, lost.timeline.volumes[:, 0] + 3)


def test_the_result_does_not_depend_on_threads_memory_or_channel_choice(recording):
    rng = np.random.default_rng(2)
    zyx = rng.uniform([0, 0, 0], [14, 19, 29], (25, 3))
    whole = wormio.extract(recording, Positions.static(zyx))
    small = wormio.extract(recording, Positions.static(zyx), memory=1)
    with ThreadPoolExecutor(5) as pool:
        five = wormio.extract(recording, Positions.static(zyx), executor=pool)
    alone = wormio.extract(recording, Positions.static(zyx), channels=["green"])
    for name in ("red", "green"):
        assert whole[name].data.tobytes() == small[name].data.tobytes() == five[name].data.tobytes()
    assert alone["green"].data.tobytes() == whole["green"].data.tobytes()


def test_any_frame_array_gives_the_same_as_the_array_in_memory(recording):
    read = frames_from_reader(
        lambda f, c: np.asarray(recording.frames[f, c]), recording.frames.shape, np.uint16
    )
    lazy = wormio.model.BaseRecording(
        source=recording.source,
        frames=read,
        timeline=recording.timeline,
        channels=recording.channels,
    )
    where = Positions.static([[6.0, 10, 12]])
    for name, signal in wormio.extract(lazy, where).items():
        assert np.array_equal(signal.data, wormio.extract(recording, where)[name].data)


def test_an_image_that_one_camera_dropped_is_no_sample_of_that_channel_only():
    green, red = sweeps(lost=[13, 20]), sweeps(lost=[30])
    both = combine({"green": green, "red": red})
    with pytest.raises(MissingImageError):
        both.frames[:]
    where = Positions.static([[6.0, 8, 8]])
    signals = wormio.extract(both, where)
    alone = wormio.extract(green, where)["channel-0"]
    assert np.array_equal(signals["green"].valid, alone.valid)
    assert np.array_equal(signals["green"].data[1:], alone.data[1:])
    assert signals["red"].valid[0, 0]


def test_memory_is_bounded_by_a_few_volumes_however_long_the_recording():
    n_volumes, image = 400, 128 * 128 * 2
    timeline = ArrayRecording.from_volumes(
        np.zeros((n_volumes, 4, 1, 1, 1), np.uint16), voxel_size=VoxelSize(z=1, y=1, x=1)
    ).timeline
    recording = wormio.model.BaseRecording(
        source=wormio.Source("memory"),
        frames=frames_from_reader(
            lambda f, c: np.full((128, 128), f, np.uint16), (4 * n_volumes, 1, 128, 128), "u2"
        ),
        timeline=timeline,
        channels=[Channel(name="green")],
    )
    tracemalloc.start()
    try:
        wormio.extract(recording, Positions.static([[1, 64, 64]]), memory=20 * image)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # Twice the limit leaves room for tables and the interpreter; the recording has 1,600 images.
    assert peak < 2 * 20 * image + (1 << 20)


def test_progress_counts_volumes_up_to_all(recording):
    seen = []
    wormio.extract(
        recording,
        Positions.static([[0, 0, 0]]),
        memory=1,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen[-1] == (6, 6)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_the_signal_embeds_what_made_it(recording):
    where = Positions.static([[6.0, 10, 12]], labels=["AVA"])
    signal = wormio.extract(recording, where, mask=Box(1, 3, 3), boundary="clip")["red"]
    assert signal.provenance.positions == where
    assert signal.provenance.options["mask"] == {"name": "box", "z": 1, "y": 3, "x": 3}
    assert signal.provenance.options["offset"] == {"red": 100.0, "green": 0.0}
    assert signal.provenance.recording_id == wormio.model.recording_id(recording)
    assert [step.name for step in signal.history] == ["extract"]


@pytest.mark.parametrize(
    ("where", "message"),
    [
        (Positions.static(np.zeros((0, 3))), "no neurons"),
        (Positions.static([[6, 25, 12]]), "outside the image"),
        (Positions.static([[6, 10, 29.5]]), "outside the image"),
        (Positions.static([[600, 10, 12]]), "not one neuron"),
        (Positions.tracked(np.zeros((5, 1, 3))), "another number of volumes"),
        (
            Positions.tracked(np.zeros((6, 1, 3)), volumes=np.zeros((6, 2), int)),
            "other volumes",
        ),
    ],
)
def test_positions_that_do_not_fit_are_refused(recording, where, message):
    with pytest.raises(ExtractionError, match=message):
        wormio.extract(recording, where)


def test_wrong_options_are_refused_by_name(recording):
    where = Positions.static([[6, 10, 12]])
    with pytest.raises(OptionError, match="blue"):
        wormio.extract(recording, where, channels="blue")
    with pytest.raises(OptionError, match="boundary"):
        wormio.extract(recording, where, boundary="wrap")
    with pytest.raises(OptionError, match="offset"):
        wormio.extract(recording, where, offset={"red": 1.0})
    with pytest.raises(OptionError, match="odd"):
        Box(2, 5, 5)
    with pytest.raises(OptionError, match="absurdly large"):
        Box(10_001, 10_001, 10_001)
    halves = ArrayRecording.from_volumes(np.zeros((2, 2, 1, 9, 9), np.float16))
    with pytest.raises(UnsupportedCapabilityError, match="float16"):
        wormio.extract(halves, Positions.static([[0, 4, 4]], z_unit="frame"))


def test_a_recording_without_volumes_or_z_says_so():
    cut = sweeps().select(frames=slice(0, 5))
    with pytest.raises(ExtractionError, match="no complete volume"):
        wormio.extract(cut, Positions.static([[6, 8, 8]]))
    flat = ArrayRecording.from_volumes(np.zeros((2, 2, 1, 9, 9), np.uint8))
    with pytest.raises(OptionError, match="z of the frames is unknown"):
        wormio.extract(flat, Positions.static([[0, 4, 4]]))
