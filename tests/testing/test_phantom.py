import json
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest

from wormio.errors import FrameIndexError, MissingPartError, OptionError, OutputExistsError
from wormio.testing import Phantom, Scan, write_leifer, write_truth

REAL = "leifer/brainscanner20231024"
DAQ = "other-frameSynchronous.txt"


@pytest.fixture(scope="module")
def faulty():
    return Scan.synthetic(
        n_volumes=8, n_dropped=7, n_duplicates=3, n_glitches=4, n_daq_faults=2, seed=3
    )


@pytest.fixture(scope="module")
def phantom(faulty):
    return Phantom(faulty, n_neurons=8, shape=(48, 72), seed=5)


def read_table(path):
    lines = path.read_text().splitlines()
    return lines[0].split("\t"), np.array([line.split() for line in lines[1:]], float)


def box_means(phantom, channel):
    """Extract by hand: (sweep, neuron) box means, the frames at their centres, directions."""
    scan, zyx = phantom.scan, phantom.neurons.zyx
    saved = scan.unique
    row = scan.triggered[saved]
    z, direction, count = scan.z_um[row], scan.direction[row], scan.count[row]
    pixels = np.stack([phantom.render(int(i))[channel] for i in saved]).astype(np.int32)
    turns = np.flatnonzero(np.diff(direction)) + 1
    means = np.full((len(turns) - 1, len(zyx)), np.nan)
    centre = np.zeros(means.shape, int)
    for v, (first, stop) in enumerate(pairwise(turns)):
        for n, (depth, y, x) in enumerate(zyx):
            k = first + int(np.argmin(np.abs(z[first:stop] - depth)))
            complete = first < k < stop - 1 and count[k + 1] - count[k - 1] == 2
            if not complete or abs(z[k] - depth) > 0.75 * scan.plane_step_um:
                continue
            i, j = int(np.floor(y + 0.5)), int(np.floor(x + 0.5))
            means[v, n] = pixels[k - 1 : k + 2, i - 2 : i + 3, j - 2 : j + 3].mean() - 100
            centre[v, n] = k
    return means, scan.time[row][centre], direction[turns[:-1]]


def correlations(phantom):
    """(3, neuron): green, over all sweeps, the rising ones, the falling ones."""
    means, time, direction = box_means(phantom, 1)
    neurons = np.arange(means.shape[1])
    truth = np.stack([phantom.brightness("green", time[:, n])[:, n] for n in neurons], axis=1)
    found = []
    for sweeps in (direction != 0, direction > 0, direction < 0):
        used = np.isfinite(means) & sweeps[:, np.newaxis]
        assert used.sum(axis=0).min() >= 0.8 * sweeps.sum()
        found.append([np.corrcoef(means[u, n], truth[u, n])[0, 1] for n, u in enumerate(used.T)])
    return np.array(found)


def test_the_synthetic_counters_carry_exactly_the_faults_asked_for(faulty):
    true = faulty.count[faulty.triggered]
    assert len(faulty.dropped) == 7
    assert set(faulty.count) - set(true) == set(faulty.dropped)
    assert (np.diff(faulty.dropped) == 1).sum() == 1  # two neighbours
    assert faulty.sweeps[4, 0] in faulty.dropped  # the first plane of the middle volume
    assert len(faulty) == len(faulty.count) - 7 + 3

    noted, step = faulty.file_count, np.diff(faulty.file_count)
    repeats = np.flatnonzero(step == 0) + 1
    after_jump = repeats[step[repeats - 2] == 2]
    assert after_jump.tolist() == (faulty.glitched + 1).tolist()
    assert set(repeats) - set(after_jump) == set(faulty.duplicates)
    np.testing.assert_array_equal(np.flatnonzero(noted != true), faulty.glitched)
    np.testing.assert_array_equal(noted[faulty.glitched], true[faulty.glitched] + 1)
    np.testing.assert_array_equal(np.flatnonzero(np.diff(faulty.file_time) == 0) + 1, repeats)


def test_sweeps_begin_at_the_turns_of_the_noiseless_triangle(faulty):
    interior = np.diff(np.sign(np.diff(faulty.z_um)))
    turns = faulty.count[1:-1][interior != 0]
    np.testing.assert_array_equal(turns[:-1], faulty.sweeps[:, 0])
    np.testing.assert_array_equal(turns[1:], faulty.sweeps[:, 1])
    assert set(np.diff(turns)) == {33, 34}
    assert np.diff(turns).mean() == pytest.approx(33.3, abs=0.1)
    for volume, (first, stop) in enumerate(faulty.sweeps):
        inside = (faulty.count >= first) & (faulty.count < stop)
        np.testing.assert_array_equal(faulty.volume[inside], volume)
        assert set(faulty.direction[inside]) == {-1 if volume % 2 == 0 else 1}
    assert (faulty.volume >= 0).sum() == np.diff(faulty.sweeps).sum()


def test_the_noted_direction_flips_one_or_two_rows_late_and_with_the_real_sign(faulty):
    flips = np.flatnonzero(np.diff(faulty.daq_direction)) + 1
    turns = np.append(faulty.sweeps[:, 0], faulty.sweeps[-1, 1])
    late = flips + faulty.count[0] + 2 - turns
    assert set(late) == {1, 2}
    assert faulty.daq_direction[0] == -1  # rising


def test_daq_faults_are_a_jump_and_a_repeat(faulty):
    step = np.diff(faulty.daq_count)
    assert (step == 2).sum() == (step == 0).sum() == 2
    np.testing.assert_array_equal(np.flatnonzero(step == 0), np.flatnonzero(step == 2) + 1)


def test_a_counting_volume_column_steps_at_each_turn():
    scan = Scan.synthetic(n_volumes=5, planes=20, counted_volumes=True)
    steps = scan.daq_count[1:][np.diff(scan.daq_volume) == 1]
    np.testing.assert_array_equal(steps, np.append(scan.sweeps[:, 0], scan.sweeps[-1, 1]))
    assert (Scan.synthetic(n_volumes=5, planes=20).daq_volume == -1).all()


@pytest.mark.parametrize(
    "make",
    [
        lambda: Scan.synthetic(n_volumes=0),
        lambda: Scan.synthetic(planes=5),
        lambda: Scan.synthetic(n_volumes=2, planes=10, n_dropped=30),
        lambda: Scan.synthetic(n_volumes=2, planes=12, n_daq_faults=30),
        lambda: Phantom(Scan.synthetic(n_volumes=3), shape=(40, 48), n_neurons=300),
        lambda: Phantom(Scan.synthetic(n_volumes=3), shape=(20, 320)),
        lambda: Phantom(Scan.synthetic(n_volumes=3), n_stimuli=40),
        lambda: Phantom(Scan.synthetic(n_volumes=400)).recording(),
    ],
)
def test_what_cannot_fit_is_refused_with_numbers(make):
    with pytest.raises(OptionError, match=r"found|expected"):
        make()


def test_rendering_does_not_depend_on_order(phantom, faulty):
    twin = Phantom(faulty, n_neurons=8, shape=(48, 72), seed=5)
    forward = [phantom.render(i) for i in range(20)]
    for i in reversed(range(20)):
        np.testing.assert_array_equal(twin.render(i), forward[i])
    other = Phantom(faulty, n_neurons=8, shape=(48, 72), seed=6)
    assert (other.render(3) != forward[3]).any()


def test_only_a_second_copy_repeats_the_pixels(phantom, faulty):
    repeats = [
        i
        for i in range(1, len(phantom))
        if np.array_equal(phantom.render(i), phantom.render(i - 1))
    ]
    assert repeats == faulty.duplicates.tolist()


def test_a_frame_outside_is_refused(phantom):
    for frame in (-1, len(phantom)):
        with pytest.raises(FrameIndexError):
            phantom.render(frame)


def test_noise_is_that_of_a_camera(phantom):
    frame = len(phantom) // 2
    light = phantom.light(frame)
    residual = phantom.render(frame).astype(float) - 100 - light
    dark = light < 0.01
    assert residual[dark].std() == pytest.approx(np.sqrt(2**2 + 1 / 12), rel=0.05)
    assert abs(residual[dark].mean()) < 0.1
    pull = residual[~dark] / np.sqrt(light[~dark] + 4)
    assert pull.std() == pytest.approx(1, rel=0.1)


def test_the_brightest_voxel_stays_below_500_counts_over_dark():
    phantom = Phantom(Scan.synthetic(n_volumes=60, planes=12), seed=1)
    brightest = max(phantom.light(i).max() for i in range(0, len(phantom), 3))
    assert 300 < brightest <= 500
    every_moment = [phantom.brightness(c, phantom.scan.time).max() for c in ("red", "green")]
    assert max(every_moment) <= 490


def test_the_light_at_a_neuron_is_its_brightness(phantom):
    scan = phantom.scan
    n = 2
    z, y, x = phantom.neurons.zyx[n]
    i = int(np.argmin(np.abs(scan.z_um[scan.triggered] - z)))
    row = scan.triggered[i]
    shift = phantom.displacement(scan.time[row])[0]
    offset = np.floor([y + 0.5, x + 0.5]) - [y, x] - shift
    away = (np.append(scan.z_um[row] - z, offset) / phantom.neurons.sigma[n]) ** 2
    pixel = phantom.light(i)[:, int(np.floor(y + 0.5)), int(np.floor(x + 0.5))]
    expected = [phantom.brightness(c, scan.time[row])[0, n] for c in (0, 1)]
    np.testing.assert_allclose(pixel, np.array(expected) * np.exp(-away.sum() / 2), rtol=1e-3)
    assert np.abs(phantom.displacement(scan.time)).max() <= 0.5


def test_stimuli_are_answered_by_those_aimed_at():
    phantom = Phantom(Scan.synthetic(n_volumes=40), n_neurons=12, shape=(64, 96), seed=2)
    stimuli = phantom.stimuli
    assert len(stimuli) == 3
    for time, neuron in zip(stimuli.time, stimuli.neuron, strict=True):
        before, after = phantom.brightness("green", [time, time + 0.6])[:, neuron]
        assert after > 1.15 * before
    spread = phantom.brightness("green", phantom.scan.time)
    assert (spread.std(axis=0) / spread.mean(axis=0)).min() > 0.08


def test_no_flip_transposition_or_swap_of_a_volume_equals_it(phantom):
    first, stop = phantom.recording().timeline.volumes[1]
    volume = np.stack([phantom.light(int(i)) for i in phantom.scan.unique[first:stop]])
    assert volume.shape[-1] != volume.shape[-2]
    signal = np.linalg.norm(volume)
    others = [np.flip(volume, axis) for axis in (0, 1, 2, 3)]
    others += [np.flip(volume, axes) for axes in ((0, 2), (0, 3), (2, 3), (0, 2, 3))]
    square = volume[:, :, :, : volume.shape[2]]
    others_of_square = [square.swapaxes(2, 3), np.rot90(square, axes=(2, 3))]
    for changed in others:
        assert np.linalg.norm(changed - volume) > 0.2 * signal
    for changed in others_of_square:
        assert np.linalg.norm(changed - square) > 0.2 * signal


def test_both_layouts_carry_the_rendered_pixels(phantom, tmp_path):
    calls = []
    split = write_leifer(phantom, tmp_path / "a", progress=lambda *n: calls.append(n))
    lines = write_leifer(phantom, tmp_path / "b", layout="interleaved")
    name = "sCMOS_Frames_U16_96x72.dat"
    halves = np.fromfile(split / name, "<u2").reshape(len(phantom), 96, 72)
    turns = np.fromfile(lines / name, "<u2").reshape(len(phantom), 96, 72)
    for i in range(len(phantom)):
        red, green = phantom.render(i)
        np.testing.assert_array_equal(halves[i, :48], red)
        np.testing.assert_array_equal(halves[i, 48:], green)
        np.testing.assert_array_equal(turns[i, 0::2], red)
        np.testing.assert_array_equal(turns[i, 1::2], green)
    assert calls == [(i + 1, len(phantom)) for i in range(len(phantom))]


def test_the_tables_read_back_as_noted(phantom, faulty, tmp_path):
    folder = write_leifer(phantom, tmp_path / "recording")
    frames = np.loadtxt(folder / "framesDetails.txt", skiprows=1)
    np.testing.assert_array_equal(frames[:, 1], faulty.file_count)
    np.testing.assert_array_equal(frames[:, 0], faulty.file_time)
    header, daq = read_table(folder / DAQ)
    assert len(header) == daq.shape[1] == 7
    np.testing.assert_array_equal(daq[:, 0], faulty.daq_count)
    np.testing.assert_array_equal(daq[:, 2], faulty.daq_direction)
    # Nominal z and the noted voltage differ by the monitor's noise only.
    known = np.isin(daq[:, 0], faulty.count) & (np.diff(daq[:, 0], prepend=0) == 1)
    z = faulty.z_um[(daq[known, 0] - faulty.count[0]).astype(int)]
    scale = json.loads((folder / "zScan.json").read_text())["V/um"]
    assert (daq[known, 1] / scale - z).std() == pytest.approx(0.003 * 8, rel=0.3)
    opened = daq[1:, 0][np.diff(daq[:, 6]) == 1]
    np.testing.assert_array_equal(opened, phantom.stimuli.count)


@pytest.mark.parametrize(("columns", "first_target"), [(10, 3), (12, 5)])
def test_stimulus_tables_of_both_generations(phantom, tmp_path, columns, first_target):
    folder = write_leifer(phantom, tmp_path / "recording", pharos_columns=columns)
    lines = (folder / "pharosTriggers.txt").read_text().splitlines()
    header, *rows = (line.split("\t") for line in lines)
    assert len(header) == columns
    assert {len(row) for row in rows} == {columns}
    assert header[first_target] == "optogTargetX"
    assert [int(row[0]) for row in rows] == phantom.stimuli.file_count.tolist()
    assert np.abs(phantom.stimuli.file_count - phantom.stimuli.count).max() <= 3
    lens = json.loads((folder / "zScan.json").read_text())
    x, y, dpt = np.array([row[first_target : first_target + 3] for row in rows], float).T
    half = (lens["etlCalibrationMaxdpt"] - lens["etlCalibrationMindpt"]) / 2
    z_px = (dpt + half) / (0.42 * lens["etl dpt/um"])
    target = np.stack([z_px * 0.42, y, x], axis=1)
    np.testing.assert_allclose(target, phantom.stimuli.target, atol=1e-4)


def test_what_a_variant_leaves_out(phantom, tmp_path):
    flat = write_leifer(phantom, tmp_path / "flat", planar=True, pharos_columns=None)
    assert {path.name for path in flat.iterdir()} == {
        "framesDetails.txt",
        "sCMOS_Frames_U16_96x72.dat",
        "wormio-phantom.txt",
    }
    bare = write_leifer(phantom, tmp_path / "bare", gate=False, zscan=False)
    assert not (bare / "zScan.json").exists()
    assert read_table(bare / DAQ)[1].shape[1] == 6


def test_an_earlier_phantom_is_replaced_if_asked(phantom, tmp_path):
    write_leifer(phantom, tmp_path)
    write_truth(phantom, tmp_path)
    assert (tmp_path / DAQ).is_file()
    with pytest.raises(OutputExistsError, match="overwrite"):
        write_leifer(phantom, tmp_path, planar=True)
    write_leifer(phantom, tmp_path, overwrite=True, planar=True)
    assert not (tmp_path / DAQ).exists()
    write_truth(phantom, tmp_path)
    with pytest.raises(OptionError, match="diagonal"):
        write_leifer(phantom, tmp_path, layout="diagonal")


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("name", ["sCMOS_Frames_U16_10x10.dat", "positions.csv", "thesis.txt"])
def test_what_is_no_phantom_is_never_replaced(phantom, tmp_path, overwrite, name):
    precious = tmp_path / name
    precious.write_text("precious")
    with pytest.raises(OutputExistsError, match="never replaced"):
        write_leifer(phantom, tmp_path, overwrite=overwrite)
    with pytest.raises(OutputExistsError, match="never replaced"):
        write_truth(phantom, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert precious.read_text() == "precious"


def test_the_truth_is_written_without_pickles(phantom, faulty, tmp_path):
    path = write_truth(phantom, tmp_path / "truth")
    with np.load(path, allow_pickle=False) as archive:
        truth = dict(archive)
    assert truth["green"].shape == truth["red"].shape == (len(phantom), 8)
    np.testing.assert_array_equal(truth["green"], phantom.brightness("green", truth["time"]))
    np.testing.assert_array_equal(np.diff(truth["count"]) == 0, np.diff(truth["time"]) == 0)
    np.testing.assert_array_equal(truth["dropped"], faulty.dropped)
    header, *rows = (path.parent / "positions.csv").read_text().splitlines()
    assert header == "label,z_um,y,x"
    assert tuple(row.split(",")[0] for row in rows) == phantom.labels
    coords = np.array([row.split(",")[1:] for row in rows], float)
    np.testing.assert_allclose(coords, phantom.positions().coords, atol=1e-6)


def test_the_perfect_recording_tells_the_truth(phantom, faulty):
    recording = phantom.recording()
    timeline = recording.timeline
    assert recording.frames.shape == (len(faulty.unique), 2, 48, 72)
    np.testing.assert_array_equal(timeline.dropped, faulty.dropped)
    np.testing.assert_array_equal(timeline.volume_counts, faulty.sweeps)
    np.testing.assert_array_equal(timeline.volume, faulty.volume[faulty.triggered][faulty.unique])
    assert timeline.slot[timeline.volumes[4, 0]] == 1  # its first plane was dropped
    last = int(faulty.unique[-1])
    np.testing.assert_array_equal(recording.frames[-1], phantom.render(last))
    events = recording.events["optogenetics"]
    np.testing.assert_allclose(events.time, phantom.stimuli.time)
    moved = phantom.tracked(timeline.volume_time)
    assert moved.coords.shape == (8, 8, 3)
    shift = moved.coords - phantom.positions().coords
    assert 0 < np.abs(shift).max() <= 0.3


def test_neurons_are_as_active_on_their_own_as_asked():
    scan = Scan.synthetic(n_volumes=400, planes=9.3, frame_interval=0.05)
    onsets = {}
    for rate in (0.0, 0.5):
        phantom = Phantom(
            scan, n_neurons=5, shape=(40, 48), n_stimuli=0, spontaneous_rate=rate, seed=4
        )
        onsets[rate] = phantom.neurons.onset
    assert onsets[0.0].shape == (5, 3)
    # 186 s: 93 expected, and a Poisson number seldom lies 4 sqrt(93) away.
    assert abs(onsets[0.5].shape[1] - 3 - 93) < 4 * np.sqrt(93)


@pytest.mark.parametrize("rate", [-0.1, np.nan, np.inf, 1e6])
def test_a_rate_that_cannot_be_is_refused(rate):
    with pytest.raises(OptionError, match="rate"):
        Phantom(Scan.synthetic(n_volumes=4), spontaneous_rate=rate)


def test_a_plain_extraction_recovers_the_truth():
    scan = Scan.synthetic(n_volumes=60, n_dropped=10, n_duplicates=2, n_glitches=4, seed=1)
    found = correlations(Phantom(scan, n_neurons=15, shape=(80, 120), seed=1))
    assert found.min() >= 0.97
    assert np.median(found, axis=1).min() >= 0.99


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_a_plain_extraction_recovers_the_truth_at_full_size(seed):
    found = correlations(Phantom(Scan.synthetic(n_volumes=60, seed=seed), seed=seed))
    assert found.min() >= 0.97
    assert np.median(found, axis=1).min() >= 0.99


@pytest.mark.slow
def test_a_plain_extraction_recovers_the_truth_with_real_clockwork(real_data):
    found = correlations(Phantom(Scan.like(real_data / REAL, 3000)))
    assert found.min() >= 0.97
    assert np.median(found, axis=1).min() >= 0.99


def test_the_real_tables_are_taken_over_to_the_byte(real_data, tmp_path):
    scan = Scan.like(real_data / REAL, 400)
    phantom = Phantom(scan, n_neurons=3, shape=(32, 40))
    folder = write_leifer(phantom, tmp_path / "like", gate=False)
    for name, n_rows in (("framesDetails.txt", 400), (DAQ, len(scan.daq_count))):
        written = (folder / name).read_bytes()
        assert (real_data / REAL / name).read_bytes().startswith(written)
        assert written.count(b"\r\n") == n_rows + 1
    assert scan.daq_count[-1] == scan.count[-1] + 2
    assert (
        (phantom.stimuli.count > scan.count[0]) & (phantom.stimuli.count < scan.count[-1])
    ).all()
    assert phantom.recording().timeline.n_volumes == 0  # nobody knows the real sweeps


def test_the_truth_about_the_whole_real_recording_has_the_published_numbers(real_data):
    scan = Scan.like(real_data / REAL)
    assert len(scan) == 56_988
    assert len(scan.daq_count) == 57_231
    assert len(scan.glitched) == 78
    assert len(scan.duplicates) == 5
    assert len(scan.dropped) == 248
    assert len(np.unique(scan.file_count)) == 56_905
    assert (np.diff(scan.time) > 0).all()
    assert (np.abs(np.diff(scan.z_um)) < 1.5).all()
    flips = np.flatnonzero(np.diff(scan.direction))
    assert len(flips) == 1_720


def test_a_folder_without_tables_cannot_be_imitated(tmp_path):
    with pytest.raises(MissingPartError, match="framesDetails"):
        Scan.like(tmp_path)


def test_what_is_no_folder_cannot_be_imitated_and_is_called_that(tmp_path):
    file = tmp_path / "framesDetails.txt"
    file.touch()
    for path, problem in ((file, "is no folder"), (tmp_path / "none", "there is no such folder")):
        with pytest.raises(MissingPartError) as told:
            Scan.like(path)
        assert (told.value.path, told.value.problem) == (str(path), problem)
        assert "other-frameSynchronous.txt" in told.value.expected


def test_importing_the_phantom_loads_no_test_or_plot_library():
    code = (
        "import sys, wormio.testing;"
        "print([m for m in ('pytest', 'hypothesis', 'matplotlib', 'h5py') if m in sys.modules],"
        "any(m.startswith('wormio.formats') for m in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] False"


def test_an_interrupted_writer_leaves_no_half_recording(tmp_path):
    phantom = Phantom(Scan.synthetic(n_volumes=4), n_neurons=6, shape=(64, 96), n_stimuli=1)

    def interrupt(done, total):
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_leifer(phantom, tmp_path / "worm", progress=interrupt)
    assert list((tmp_path / "worm").iterdir()) == []
