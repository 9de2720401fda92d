"""From a static stack of four channels in which neurons were named to signals under these names."""

import attrs
import numpy as np
import pytest
from scipy import ndimage

import wormio
from wormio.extraction import Box
from wormio.mapping import Space, register
from wormio.model import ArrayRecording, Channel, Origin, Positions, VoxelSize, recording_id

N = 45
# Micrometres along z, y, x; the nervous system of the head is flat and long.
EXTENT = np.array([24.0, 36.0, 80.0])
STACK = VoxelSize(z=1.5, y=0.25, x=0.25)
SCOPE = VoxelSize(z=2.0, y=0.4, x=0.4)
COLOURS = ("mTagBFP2", "CyOFP1", "mNeptune", "TagRFP")


def blobs(centres_um, brightness, voxel, shape, rng):
    """Draw a (Z, Y, X) image of neurons of 1.3 um radius with photon noise."""
    size = np.array([voxel.z, voxel.y, voxel.x])
    axes = [np.arange(n) * s for n, s in zip(shape, size, strict=True)]
    image = np.full(shape, 100.0)
    for centre, peak in zip(centres_um, brightness, strict=True):
        z, y, x = (
            np.exp(-((a - c) ** 2) / (2 * 1.3**2)) for a, c in zip(axes, centre, strict=True)
        )
        image += peak * z[:, None, None] * y[:, None] * x
    return rng.poisson(image).astype(np.uint16)


def detect(image, voxel):
    """Find neurons in a (Z, Y, X) image: z in um, y and x in pixels."""
    smooth = ndimage.gaussian_filter(
        image.astype(float), [1.3 / voxel.z / 2, 1.3 / voxel.y / 2, 1.3 / voxel.x / 2]
    )
    reach = [max(3, 2 * round(2.0 / s) + 1) for s in (voxel.z, voxel.y, voxel.x)]
    peaks = (smooth == ndimage.maximum_filter(smooth, reach)) & (smooth > 250)
    found = []
    for peak in np.argwhere(peaks):
        part = tuple(
            slice(max(0, p - r // 2), p + r // 2 + 1) for p, r in zip(peak, reach, strict=True)
        )
        weight = np.maximum(smooth[part] - 150, 0)
        corner = np.array([s.start for s in part])
        found.append(corner + ndimage.center_of_mass(weight))
    return np.array(found) * [voxel.z, 1, 1]


@attrs.frozen
class Worm:
    """A stack and a recording of the same neurons, and what is true of them."""

    names: tuple[str, ...]
    in_stack_um: np.ndarray
    in_recording_um: np.ndarray
    seen_in_stack: np.ndarray
    seen_in_recording: np.ndarray
    colours: np.ndarray
    activity: np.ndarray
    stack: ArrayRecording
    recording: ArrayRecording


def scattered(rng):
    """Place neurons at least 5 um apart."""
    points = []
    while len(points) < N:
        new = rng.uniform(4, EXTENT - 4)
        if all(np.linalg.norm(new - p) > 5 for p in points):
            points.append(new)
    return np.array(points)


@pytest.fixture(scope="module")
def worm():
    rng = np.random.default_rng(5)
    zyx = scattered(rng)
    # On the other microscope the worm lies a little turned, shifted, larger and bent.
    angle = np.deg2rad(4)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    there = zyx.copy()
    there[:, 1:] = 1.02 * (zyx[:, 1:] - EXTENT[1:] / 2) @ turn.T + EXTENT[1:] / 2 + [3, 4]
    there[:, 1] += 0.6 * np.sin(zyx[:, 2] / 25)
    there[:, 0] += 1.0
    seen_in_stack, seen_in_recording = np.ones((2, N), bool)
    missing = rng.choice(N, 10, replace=False)
    seen_in_stack[missing[:4]] = False
    seen_in_recording[missing[4:]] = False
    colours = rng.uniform(50, 900, (4, N))
    colours[3] = rng.uniform(500, 1500, N)  # the marker that all neurons have
    channels = [
        blobs(zyx[seen_in_stack], c[seen_in_stack], STACK, (17, 150, 330), rng) for c in colours
    ]
    activity = rng.uniform(300, 1500, (12, N))
    volumes = [
        [
            blobs(there[seen_in_recording], light[seen_in_recording], SCOPE, (14, 110, 230), rng)
            for light in (colours[3], active)
        ]
        for active in activity
    ]
    return Worm(
        names=tuple(f"NEURON{i}" for i in range(N)),
        in_stack_um=zyx,
        in_recording_um=there,
        seen_in_stack=seen_in_stack,
        seen_in_recording=seen_in_recording,
        colours=colours,
        activity=activity,
        stack=ArrayRecording.from_volumes(
            np.stack(channels, axis=1)[np.newaxis],
            voxel_size=STACK,
            channels=[Channel(name=name) for name in COLOURS],
        ),
        recording=ArrayRecording.from_volumes(
            np.moveaxis(np.array(volumes), 1, 2),
            voxel_size=SCOPE,
            volume_interval=0.5,
            channels=[Channel(name="red"), Channel(name="green")],
        ),
    )


def in_voxels(um, voxel):
    return um / [1, voxel.y, voxel.x]


def whose(positions, truth_um, seen, voxel):
    """Return which neuron each position is, and how far it is from there in um."""
    away = (positions[:, None] - in_voxels(truth_um, voxel)) * [1, voxel.y, voxel.x]
    distance = np.sqrt((away**2).sum(axis=2))
    distance[:, ~seen] = np.inf
    return distance.argmin(axis=1), distance.min(axis=1)


def named_by_hand(worm):
    """What a NeuroPAL expert hands over: positions in the stack, with names."""
    found = detect(worm.stack.volume(0)[:, COLOURS.index("TagRFP")], STACK)
    neuron, distance = whose(found, worm.in_stack_um, worm.seen_in_stack, STACK)
    assert (distance < 1).all()
    assert len(set(neuron)) == len(neuron) >= 38
    return Positions(
        coords=found, z_unit="um", labels=[worm.names[i] for i in neuron], channel="TagRFP"
    )


def test_the_stack_is_one_volume_of_four_channels_without_time(worm):
    assert worm.stack.timeline.n_volumes == 1
    assert np.isnan(worm.stack.timeline.time).all()
    assert worm.stack.timeline.origins["time"] is Origin.UNKNOWN
    named = named_by_hand(worm)
    colours = wormio.extract(worm.stack, named, mask=Box(1, 3, 3))
    assert list(colours) == list(COLOURS)
    neuron = [worm.names.index(label) for label in named.labels]
    for channel, truth in zip(COLOURS, worm.colours, strict=True):
        assert colours[channel].data.shape == (1, len(named))
        assert np.corrcoef(colours[channel].data[0], truth[neuron])[0, 1] > 0.95


def test_its_names_come_to_the_neurons_of_a_recording_and_to_their_signals(worm, tmp_path):
    named = named_by_hand(worm)
    red = np.mean([v[:, 0] for v in worm.recording.iter_volumes()], axis=0)
    recorded = Positions(coords=detect(red, SCOPE), z_unit="um", channel="red")
    found = register(
        named.coords,
        recorded.coords,
        model="affine",
        spaces=(
            Space(recording=recording_id(worm.stack), channel="TagRFP"),
            Space(recording=recording_id(worm.recording), channel="red"),
        ),
    )
    there = found.map.apply(named, outside="ignore")
    assert there.channel == "red"
    labelled = recorded.take_labels(there, max_distance=4.0)

    neuron, distance = whose(recorded.coords, worm.in_recording_um, worm.seen_in_recording, SCOPE)
    assert (distance < 1).all()
    known = {label for label in labelled.labels if label.startswith("NEURON")}
    right = [worm.names[i] == label for i, label in zip(neuron, labelled.labels, strict=True)]
    in_both = worm.seen_in_stack & worm.seen_in_recording
    assert sum(right) == len(known)  # no wrong name
    assert sum(right) >= in_both.sum() - 2

    signals = wormio.extract(worm.recording, labelled, mask=Box(1, 3, 3))
    wormio.save(tmp_path / "signals.h5", signals)
    green = wormio.load(tmp_path / "signals.h5")["green"]
    for column, label in enumerate(green.labels):
        if label in known:
            truth = worm.activity[:, worm.names.index(label)]
            assert np.corrcoef(green.data[:, column], truth)[0, 1] > 0.95
