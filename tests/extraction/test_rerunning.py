"""An extraction can be repeated from its output alone, wherever its data are now."""

import shutil

import attrs
import numpy as np
import pytest

import wormio
from wormio.errors import MissingPartError, SignalError
from wormio.extraction import Annulus, rerun
from wormio.mapping import Space, fit
from wormio.testing import Phantom, Scan, write_leifer


@pytest.fixture(scope="module")
def phantom():
    return Phantom(Scan.synthetic(n_volumes=6), n_neurons=6, shape=(48, 64), n_stimuli=1)


@pytest.fixture(scope="module")
def made(phantom, tmp_path_factory):
    """Return a folder with a recording, and its signals read from their file."""
    folder = tmp_path_factory.mktemp("lab")
    path = write_leifer(phantom, folder / "monday")
    with wormio.open(path) as recording:
        signals = wormio.extract(recording, phantom.positions())
    wormio.save(folder / "traces.h5", signals)
    return path, wormio.load(folder / "traces.h5")


def test_a_rerun_gives_the_same_from_the_file_alone(made):
    path, signals = made
    found = rerun(signals)
    assert found.changes == ()
    assert found.signals == signals
    assert found.path == str(path)
    assert found.columns > 20


def test_moved_and_renamed_data_are_found_by_their_identity_not_their_name(made, phantom, tmp_path):
    path, signals = made
    # Files of the same names and sizes, under the old name: but another recording.
    decoy = tmp_path / "disk" / "monday"
    shutil.copytree(path, decoy)
    table = decoy / "framesDetails.txt"
    content = bytearray(table.read_bytes())
    digit = content.index(b".", content.index(b"\n")) + 3  # of the first time stamp, in ms
    content[digit] = ord("9") if content[digit] == ord("1") else ord("1")
    table.write_bytes(content)
    assert table.stat().st_size == (path / table.name).stat().st_size
    with pytest.raises(MissingPartError, match="not there") as caught:
        rerun(signals, root=tmp_path)
    assert "look like it" in caught.value.found
    moved = tmp_path / "disk" / "archive" / "2024" / "worm 7"
    shutil.copytree(path, moved)
    found = rerun(signals, root=tmp_path)
    assert found.path == str(moved)
    assert found.changes == ()


def test_data_that_are_nowhere_are_told(made, tmp_path):
    _, signals = made
    with pytest.raises(MissingPartError, match="not there") as caught:
        rerun(signals, root=tmp_path)
    assert caught.value.found == "none like it"
    with pytest.raises(MissingPartError, match="no such folder"):
        rerun(signals, root=tmp_path / "nowhere")


def test_what_differs_is_told_column_by_column(made):
    _, signals = made
    data = np.array(signals["red"].data)
    data[2:4, 1] += 0.5
    data[0, 0] = np.nan
    voxels = np.array(signals["green"].voxels)
    voxels[1, 5] += 1
    changed = {
        "red": attrs.evolve(signals["red"], data=data),
        "green": attrs.evolve(signals["green"], voxels=voxels),
    }
    found = rerun(changed)
    told = {(each.channel, each.column): each.how for each in found.changes}
    assert set(told) == {("red", "data"), ("green", "voxels")}
    labels = signals["red"].labels
    assert f"3 of {data.size} values, of neurons {labels[0]}, {labels[1]}" in told["red", "data"]
    assert "by up to 0.5; 1 are there in one only" in told["red", "data"]


def test_every_choice_is_repeated(phantom, made):
    path, _ = made
    pairs = np.random.default_rng(0).uniform(-5, 90, (60, 3))
    spaces = Space(channel="red"), Space(channel="green")
    shift = fit(pairs, pairs + np.array([0, 1, 2]), model="translation", spaces=spaces).map
    with wormio.open(path) as recording:
        where = phantom.positions().without_outside(40, 60)
        signals = wormio.extract(
            recording,
            where,
            mask=wormio.Box(1, 3, 5),
            reducer=wormio.Sum(),
            channels=["green"],
            mapping=shift,
            boundary="clip",
            offset=7.0,
            volumes=(1, 4),
        )
    found = rerun(signals)
    assert found.changes == ()
    assert found.signals == signals


@pytest.mark.parametrize(
    "options",
    [
        {"mask": {"soma": wormio.Box(), "ring": wormio.Ellipsoid(1, 9, 9)}, "subpixel": "linear"},
        {"mask": wormio.Weighted([(0, 0, 0), (0, 0, 1)], [1.0, 0.5]), "saturation": 200.0},
        {"reducer": wormio.BrightestMean(9), "background": Annulus(percentile=25)},
        {"preset": "wormdatamodel-1.5"},
    ],
    ids=lambda options: next(iter(options)),
)
def test_masks_backgrounds_and_presets_are_repeated(made, options):
    path, _ = made
    with wormio.open(path) as recording:
        n_volumes = recording.timeline.n_volumes
        zyx = np.tile([[2.0, 20.3, 30.6], [5.0, 11.2, 7.7]], (n_volumes, 1, 1))
        where = wormio.Positions.tracked(zyx, z_unit="frame")
        # Elsewhere in each channel: the positions of both are kept.
        moved = attrs.evolve(where, coords=where.coords + np.array([0, 1.0, -1.0]))
        names = [channel.name for channel in recording.channels]
        signals = wormio.extract(
            recording, dict(zip(names, (where, moved), strict=True)), **options
        )
    found = rerun(signals)
    assert found.changes == ()
    assert found.signals == signals


def test_derived_recordings_are_repeated_too(phantom, made, tmp_path):
    path, _ = made
    with wormio.open(path) as recording:
        part = recording.select(volumes=slice(1, 4), channels="green")
        signals = wormio.extract(part, phantom.positions())
    assert rerun(signals).changes == ()
    moved = tmp_path / "moved"
    shutil.copytree(path, moved)
    assert rerun(signals, root=tmp_path).path == str(moved)


def test_signals_that_cannot_be_repeated_say_why(made):
    _, signals = made
    cleaned = {name: signal.interpolate() for name, signal in signals.items()}
    with pytest.raises(SignalError, match="processed after"):
        rerun(cleaned)
    bare = {name: attrs.evolve(signal, provenance=None) for name, signal in signals.items()}
    with pytest.raises(SignalError, match="how it was extracted"):
        rerun(bare)
    with pytest.raises(SignalError, match="no signal"):
        rerun({})
    red = signals["red"]
    for options in ({"hat": "red"}, {"mask": {"name": "cloud"}}):
        odd = attrs.evolve(red.provenance, options=dict(red.provenance.options) | options)
        with pytest.raises(SignalError, match=r"not know|not readable") as caught:
            rerun({"red": attrs.evolve(red, provenance=odd)})
        assert "upgrade" in caught.value.cure


def test_an_extraction_by_labels_is_repeated_with_the_same_labels_only(made, tmp_path):
    path, by_points = made
    with wormio.open(path) as recording:
        shape = (int(recording.timeline.n_slots.max()), *recording.frames.shape[2:])
        image = np.zeros(shape, np.int64)
        image[2:4, 10:15, 20:25], image[5, 30:33, 40:44] = 1, 7
        many = np.repeat(image[np.newaxis], recording.timeline.n_volumes, axis=0)
        labels = wormio.Labels(image=many)
        wormio.save(tmp_path / "traces.h5", wormio.extract(recording, labels))
    signals = wormio.load(tmp_path / "traces.h5")
    assert rerun(signals, labels=labels).changes == ()
    with pytest.raises(SignalError, match="checksum only") as caught:
        rerun(signals)
    assert str(list(many.shape)) in caught.value.expected
    many = many.copy()
    many[0, 2, 10, 20] = 0
    with pytest.raises(SignalError, match="another label image"):
        rerun(signals, labels=wormio.Labels(image=many))
    with pytest.raises(SignalError, match="not extracted by a label image"):
        rerun(by_points, labels=labels)
