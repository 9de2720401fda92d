"""The main job, end to end: a recording in its lab's format, its neurons, signals, the truth."""

from pathlib import Path

import numpy as np
import pytest

import wormio
from wormio.extraction import Sum, twin
from wormio.model import ArrayRecording, Flag, Positions, VoxelSize
from wormio.testing import Phantom, Scan, write_leifer


def correlations(signal, phantom, frames_of=None):
    """Correlate each neuron's trace with its true brightness at the time of each sample."""
    frame = signal.provenance.centre_frame
    truth = phantom.brightness(signal.channel.name, phantom.scan.time[phantom.scan.triggered])
    found = []
    for neuron in range(signal.n_neurons):
        used = signal.valid[:, neuron]
        if frames_of is not None:
            used = used & frames_of[frame[:, neuron]]
        found.append(
            np.corrcoef(signal.data[used, neuron], truth[frame[used, neuron], neuron])[0, 1]
        )
    return np.array(found)


def check_recovery(phantom: Phantom, folder: Path, **options) -> None:
    with wormio.open(folder, **options) as recording:
        timeline = recording.timeline
        signal = wormio.extract(recording, phantom.positions(), channels="green")["green"]
    found = correlations(signal, phantom)
    assert found.min() >= 0.97
    assert np.median(found) >= 0.99
    for sign in (-1, 1):
        one_way = correlations(signal, phantom, timeline.direction == sign)
        assert one_way.min() >= 0.97
        assert np.median(one_way) >= 0.99
    # What was lost, and when each sample was taken, is known exactly.
    scan = phantom.scan
    assert np.array_equal(timeline.dropped, scan.dropped)
    assert np.array_equal(timeline.count, scan.count[scan.triggered])
    used = signal.valid
    frame = signal.provenance.centre_frame[used]
    # Repaired times are interpolated; the files have milliseconds.
    assert np.abs(signal.sample_time[used] - scan.time[scan.triggered][frame]).max() <= 5e-4
    assert signal.valid.mean() > 0.98


@pytest.fixture(scope="module")
def small():
    """A phantom of 24 sweeps with every fault, small enough for every test run."""
    scan = Scan.synthetic(
        n_volumes=24, n_dropped=5, n_duplicates=2, n_glitches=3, n_daq_faults=4, seed=3
    )
    return Phantom(scan, n_neurons=16, shape=(100, 160), n_stimuli=1, seed=3)


def test_a_phantoms_neurons_are_recovered_through_its_files(small, tmp_path):
    check_recovery(small, write_leifer(small, tmp_path / "phantom"))


def test_the_result_does_not_depend_on_the_layout_of_the_file(small, tmp_path):
    signals = {}
    for layout in ("split", "interleaved"):
        folder = write_leifer(small, tmp_path / layout, layout=layout)
        with wormio.open(folder, layout=layout) as recording:
            signals[layout] = wormio.extract(recording, small.positions())
    for name in ("red", "green"):
        a, b = signals["split"][name], signals["interleaved"][name]
        assert a.data.tobytes() == b.data.tobytes()
        assert np.array_equal(a.sample_time, b.sample_time, equal_nan=True)
        assert np.array_equal(a.valid, b.valid)


def test_signals_survive_the_file_and_align_to_the_stimulus(small, tmp_path):
    folder = write_leifer(small, tmp_path / "phantom")
    with wormio.open(folder) as recording:
        signals = wormio.extract(recording, small.positions())
    wormio.save(tmp_path / "traces.h5", signals)
    loaded = wormio.load(tmp_path / "traces.h5")
    assert loaded == signals
    green = loaded["green"].interpolate()
    assert np.isfinite(green.data).all()
    assert np.array_equal(green.valid, signals["green"].valid)
    responses = green.around("optogenetics", before=0.5, after=1.0)
    event = responses.event[0]
    stimulus = small.stimuli.time[event]
    assert np.nanmax(np.abs(responses.sample_time[0].T - stimulus - responses.tau)) < 0.1


@pytest.mark.slow
def test_a_phantom_like_the_real_recording_is_recovered(real_data, tmp_path):
    folder = real_data / "leifer" / "brainscanner20231024"
    phantom = Phantom(Scan.like(folder, 4000), seed=5)
    check_recovery(phantom, write_leifer(phantom, tmp_path / "like"))


def _twin_sums(recording, where: Positions) -> dict[str, np.ndarray]:
    """Sum every volume by the plain numpy twin."""
    sums = {}
    timeline = recording.timeline
    for index, channel in enumerate(recording.channels):
        rows = []
        for volume, (first, stop) in enumerate(timeline.volumes):
            pixels = recording.frames[first:stop, index]
            planes = np.full((1, timeline.n_slots[volume]), -1)
            for row, frame in enumerate(range(first, stop)):
                if not timeline.flags[frame] & Flag.DUPLICATE:
                    planes[0, timeline.slot[frame]] = row
            z = where.at(volume, volume + 1)[..., 0]
            if where.z_unit == "um":
                distance = np.abs(z[0][:, None] - timeline.z[first:stop])
                slot = timeline.slot[first:stop][distance.argmin(axis=1)]
            else:
                slot = timeline.slot[first + z[0].astype(int)]
            total, *_ = twin.reduce(
                pixels,
                planes=planes,
                slot=slot[None].astype(np.int32),
                yx=where.at(volume, volume + 1)[..., 1:],
                masks=[np.indices((3, 5, 5)).reshape(3, -1).T - [1, 2, 2]],
            )
            rows.append(total[0])
        sums[channel.name] = np.array(rows)
    return sums


def _check_against_twin(recording, where: Positions) -> None:
    signals = wormio.extract(recording, where, reducer=Sum(), offset=0.0)
    expected = _twin_sums(recording, where)
    assert set(signals) == set(expected)
    for name, signal in signals.items():
        assert signal.data.tobytes() == expected[name].tobytes()


def test_sums_equal_the_numpy_twin_on_a_real_ome_tiff(real_data):
    path = real_data / "ome_tiff" / "18x24y5z5t2c8b-text.ome.tiff"
    where = Positions.static([[1, 9, 8], [2, 20, 3], [4, 0, 17]], z_unit="frame")
    with wormio.open(path) as recording:
        assert recording.timeline.n_volumes == 5
        _check_against_twin(recording, where)


def test_sums_equal_the_numpy_twin_on_a_real_imagej_stack(real_data):
    path = real_data / "imagej_tiff" / "zcyx.tiff"
    where = Positions.static([[9, 20, 30], [17, 40, 12], [0, 0, 0]], z_unit="frame")
    with wormio.open(path) as recording:
        _check_against_twin(recording, where)


def test_sums_equal_the_numpy_twin_on_the_phantom(tmp_path):
    scan = Scan.synthetic(n_volumes=5, n_duplicates=1, n_glitches=1, seed=8)
    phantom = Phantom(scan, n_neurons=8, shape=(64, 96), n_stimuli=1, seed=8)
    with wormio.open(write_leifer(phantom, tmp_path / "phantom")) as recording:
        _check_against_twin(recording, phantom.positions())


def test_sums_equal_the_numpy_twin_on_an_array():
    rng = np.random.default_rng(4)
    recording = ArrayRecording.from_volumes(
        rng.integers(0, 65_535, (4, 6, 2, 30, 40)).astype(np.uint16),
        voxel_size=VoxelSize(z=1.5, y=0.4, x=0.4),
        volume_interval=0.3,
    )
    where = Positions.static(rng.uniform([0, 0, 0], [7.5, 29, 39], (20, 3)))
    _check_against_twin(recording, where)
