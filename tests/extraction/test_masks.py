"""Masks and reducers: their voxels by hand and by numpy, their JSON, and what is refused."""

import json
from types import SimpleNamespace

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wormio
from wormio.errors import ExtractionError, OptionError
from wormio.extraction import (
    Box,
    BrightestMean,
    Ellipsoid,
    Max,
    Mean,
    Median,
    Offsets,
    Percentile,
    Std,
    Sum,
    Weighted,
    mask_from_json,
    reducer_from_json,
)
from wormio.extraction.voxels import table_of_masks
from wormio.model import ArrayRecording, Channel, Positions, VoxelSize
from wormio.registry import PluginRegistry, ReducerPlugin, hookimpl

MASKS = [
    Box(1, 3, 5),
    Ellipsoid(3, 5.5, 4),
    Offsets([(0, 0, 0), (-1, 2, 3), (0, 0, 1)]),
    Weighted([(0, 0, 1), (0, 0, 0)], [0.25, 1.5]),
    Weighted([(0, 0, 1), (0, 0, 0)], [[0.25, 1.5], [1.0, 0.0]]),
    Weighted([[(0, 0, 1)], [(0, 0, 0), (1, 1, 1)]], [[1.0], [0.5, 2.0]]),
]
REDUCERS = [Mean(), Sum(), BrightestMean(7), Median(), Percentile(12.5), Max(), Std()]


def voxels(mask, neuron=0, n_neurons=2):
    """List the voxels of one neuron's mask, (K, 3), in order."""
    table = mask.table(n_neurons)
    index = np.broadcast_to(table.index, (1, n_neurons))[0, neuron]
    runs = table.runs[table.run_start[index] : table.run_start[index + 1]]
    return [[z, y, x] for z, y, first, stop in runs.tolist() for x in range(first, stop)]


@pytest.fixture
def volumes():
    return np.random.default_rng(1).integers(0, 60_000, (3, 5, 2, 20, 30)).astype(np.uint16)


@pytest.fixture
def recording(volumes):
    return ArrayRecording.from_volumes(
        volumes,
        voxel_size=VoxelSize(z=2.0, y=0.4, x=0.4),
        channels=[Channel(name="red", offset=100.0), Channel(name="green")],
    )


WHERE = Positions.static([[4.0, 10, 12], [4.0, 5, 20]])


def test_a_box_has_the_voxels_that_slicing_takes():
    assert voxels(Box(1, 1, 3)) == [[0, 0, -1], [0, 0, 0], [0, 0, 1]]
    assert len(voxels(Box())) == 75


@given(*[st.floats(0.3, 9) for _ in range(3)])
def test_an_ellipsoid_has_the_voxels_whose_centres_it_holds(z, y, x):
    grid = np.stack(np.meshgrid(*[np.arange(-5, 6)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    distance = ((2 * grid / [z, y, x]) ** 2).sum(axis=1)
    found = {tuple(voxel) for voxel in voxels(Ellipsoid(z, y, x))}
    assert {tuple(v) for v in grid[distance < 1 - 1e-6].tolist()} <= found
    assert found <= {tuple(v) for v in grid[distance < 1 + 1e-6].tolist()}


def test_a_voxel_on_the_surface_belongs_to_an_ellipsoid():
    assert [0, 3, 4] in voxels(Ellipsoid(1, 10, 10))
    # The points of a lattice in balls of radius 3 and 3.5.
    assert [len(voxels(Ellipsoid(d, d, d))) for d in (6, 7)] == [123, 179]


def test_offsets_are_sorted_and_weights_go_along():
    assert voxels(Offsets([(1, 0, 0), (0, 0, 2), (0, 0, 1)])) == [[0, 0, 1], [0, 0, 2], [1, 0, 0]]
    table = Weighted([(1, 0, 0), (0, 0, 2), (0, 0, 1)], [3.0, 2.0, 1.0]).table(4)
    assert table.weights.tolist() == [1.0, 2.0, 3.0]
    assert len(table.runs) == 2


def test_one_hot_weights_give_that_voxel(recording, volumes):
    offsets = np.indices((3, 3, 3)).reshape(3, -1).T - 1
    for i in (0, 13, 26):
        weights = np.zeros(27)
        weights[i] = 2.5
        found = wormio.extract(recording, WHERE, mask=Weighted(offsets, weights))["green"]
        z, y, x = np.array([2, 10, 12]) + offsets[i]
        assert found.data[:, 0].tolist() == volumes[:, z, 1, y, x].tolist()


def test_weighted_means_and_sums_are_numpys(recording, volumes):
    rng = np.random.default_rng(2)
    offsets = np.indices((3, 3, 5)).reshape(3, -1).T - [1, 1, 2]
    weights = rng.random((2, 45))
    mask = Weighted(offsets, weights)
    mean = wormio.extract(recording, WHERE, mask=mask)
    total = wormio.extract(recording, WHERE, mask=mask, reducer=Sum())
    for c, (name, dark) in enumerate({"red": 100.0, "green": 0.0}.items()):
        for n, (y, x) in enumerate([(10, 12), (5, 20)]):
            box = volumes[:, 1:4, c, y - 1 : y + 2, x - 2 : x + 3].reshape(3, -1) - dark
            expected = (box * weights[n]).sum(axis=1)
            np.testing.assert_allclose(total[name].data[:, n], expected, rtol=1e-12)
            expected = expected / weights[n].sum()
            np.testing.assert_allclose(mean[name].data[:, n], expected, rtol=1e-12)


@pytest.mark.parametrize("reducer", REDUCERS, ids=lambda each: type(each).__name__)
def test_each_reducer_is_numpys(recording, volumes, reducer):
    expected = {
        Mean: lambda v: v.mean(axis=1),
        Sum: lambda v: v.sum(axis=1),
        BrightestMean: lambda v: np.sort(v, axis=1)[:, -7:].mean(axis=1),
        Median: lambda v: np.median(v, axis=1),
        Percentile: lambda v: np.percentile(v, 12.5, axis=1),
        Max: lambda v: v.max(axis=1),
        Std: lambda v: v.std(axis=1),
    }[type(reducer)]
    found = wormio.extract(recording, WHERE, reducer=reducer)["red"]
    box = volumes[:, 1:4, 0, 8:13, 10:15].reshape(3, -1) - 100.0
    np.testing.assert_allclose(found.data[:, 0], expected(box), rtol=1e-12)
    assert found.unit == "counts"
    assert found.provenance.options["reducer"] == reducer.to_json()


def test_several_masks_in_one_pass_are_what_each_is_alone(recording):
    masks = {"soma": Box(3, 5, 5), "ring": Ellipsoid(1, 11, 11)}
    together = wormio.extract(recording, WHERE, mask=masks)
    assert list(together) == ["red/soma", "red/ring", "green/soma", "green/ring"]
    for name, mask in masks.items():
        alone = wormio.extract(recording, WHERE, mask=mask)
        for channel in ("red", "green"):
            signal = together[f"{channel}/{name}"]
            assert signal.data.tobytes() == alone[channel].data.tobytes()
            assert signal.channel.name == channel
            assert signal.history[0].parameters["name"] == name
            assert signal.provenance.options["mask"]["ring"]["name"] == "ellipsoid"


def test_signals_of_several_masks_survive_a_file(recording, tmp_path):
    signals = wormio.extract(recording, WHERE, mask={"a": Box(), "b": Box(1, 1, 1)}, saturation=9e3)
    wormio.save(tmp_path / "traces.h5", signals)
    back = wormio.load(tmp_path / "traces.h5")
    assert back == signals
    assert back["red/a"].saturated.dtype == np.int32


def test_saturated_pixels_are_counted(recording, volumes):
    found = wormio.extract(recording, WHERE, saturation=50_000)["green"]
    box = volumes[:, 1:4, 1, 8:13, 10:15].reshape(3, -1)
    assert found.saturated[:, 0].tolist() == (box >= 50_000).sum(axis=1).tolist()
    # By default, the highest that the pixels can have.
    assert not wormio.extract(recording, WHERE)["green"].saturated.any()
    full = ArrayRecording.from_volumes(np.full((1, 3, 1, 9, 9), 255, np.uint8))
    found = wormio.extract(full, Positions.static([[1, 4, 4]], z_unit="frame"))["channel-0"]
    assert found.saturated.item() == found.voxels.item() == 75


def test_positions_may_differ_from_channel_to_channel(recording):
    moved = attrs.evolve(WHERE, coords=WHERE.coords + np.array([0, 1, -2]))
    both = wormio.extract(recording, {"red": WHERE, "green": moved})
    assert both["red"].data.tobytes() == wormio.extract(recording, WHERE)["red"].data.tobytes()
    expected = wormio.extract(recording, moved)["green"]
    assert both["green"].data.tobytes() == expected.data.tobytes()
    assert both["green"].provenance.positions == moved
    assert both["red"].provenance.positions == WHERE
    only = wormio.extract(recording, {"green": moved}, channels="green")
    assert only["green"].data.tobytes() == expected.data.tobytes()
    with pytest.raises(OptionError, match="no positions in channel 'red'"):
        wormio.extract(recording, {"green": moved})
    with pytest.raises(OptionError, match="blue"):
        wormio.extract(recording, {"red": WHERE, "green": moved, "blue": moved})
    other = attrs.evolve(moved, labels=("AVA", "AVE"))
    with pytest.raises(OptionError, match="different neurons"):
        wormio.extract(recording, {"red": WHERE, "green": other})


def test_subpixel_positions_are_interpolated_in_their_plane():
    y, x = np.indices((20, 30))
    volumes = np.broadcast_to((7.0 * y + 3.0 * x)[None, None, None], (2, 3, 1, 20, 30)).copy()
    recording = ArrayRecording.from_volumes(volumes, voxel_size=VoxelSize(z=1, y=1, x=1))
    where = Positions.static([[1, 9.3, 12.75]])
    found = wormio.extract(recording, where, subpixel="linear")["channel-0"]
    np.testing.assert_allclose(found.data, 7 * 9.3 + 3 * 12.75, rtol=1e-12)
    assert (found.voxels == 75).all()
    assert found.provenance.options["subpixel"] == "linear"
    rounded = wormio.extract(recording, where)["channel-0"]
    np.testing.assert_allclose(rounded.data, 7 * 9 + 3 * 13, rtol=1e-12)
    # A voxel between the last pixel and nothing follows the boundary.
    edge = Positions.static([[1, 9.3, 28.5]])
    for boundary, count in {"exclude": 45, "clip": 75, "nan": 0}.items():
        found = wormio.extract(recording, edge, subpixel="linear", boundary=boundary)
        assert (found["channel-0"].voxels == count).all()


# --- JSON ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("mask", MASKS, ids=lambda each: type(each).__name__)
def test_masks_come_back_from_json(mask):
    back = mask_from_json(json.loads(json.dumps(mask.to_json())))
    assert back == mask
    assert back != Box(9, 9, 9)
    for neuron in (0, 1):
        assert voxels(back, neuron) == voxels(mask, neuron)


@pytest.mark.parametrize("reducer", REDUCERS, ids=lambda each: type(each).__name__)
def test_reducers_come_back_from_json(reducer):
    assert reducer_from_json(json.loads(json.dumps(reducer.to_json()))) == reducer


@pytest.mark.parametrize(
    "tree",
    [
        {},
        {"name": "bax"},
        {"name": ["box"]},
        {"name": "box", "w": 3},
        {"name": "mean", "k": 3},
        {"name": "box", "z": 2},
        {"name": "brightest-mean", "k": 0},
        {"name": "__import__"},
    ],
    ids=str,
)
def test_json_that_describes_nothing_is_refused(tree):
    for read in (mask_from_json, reducer_from_json):
        with pytest.raises(OptionError):
            read(tree)


# --- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Box(0, 1, 1), "odd"),
        (lambda: Box(1, 1.5, 1), "odd"),
        (lambda: Box(1, 1, 100_003), "absurdly large"),
        (lambda: Box(101, 50_001, 50_001), "absurdly large"),
        (lambda: Ellipsoid(0, 1, 1), "positive"),
        (lambda: Ellipsoid(1, np.nan, 1), "positive"),
        (lambda: Ellipsoid(1, 1, np.inf), "positive"),
        (lambda: Ellipsoid(1, 1, 1e9), "absurdly large"),
        (lambda: Ellipsoid(1e4, 1e4, 1), "absurdly large"),
        (lambda: Offsets([]), "at least one"),
        (lambda: Offsets([(0, 0)]), "dz, dy, dx"),
        (lambda: Offsets([(0, 0, 0.5)]), "whole numbers"),
        (lambda: Offsets([(0, 0, np.nan)]), "whole numbers"),
        (lambda: Offsets([(0, 0, 10**9)]), "absurdly large"),
        (lambda: Offsets([("a", "b", "c")]), "whole numbers"),
        (lambda: Weighted([(0, 0, 0)], [1.0, 2.0]), "do not fit"),
        (lambda: Weighted([(0, 0, 0)], [-1.0]), "not negative"),
        (lambda: Weighted([(0, 0, 0)], [0.0]), "nor all zero"),
        (lambda: Weighted([(0, 0, 0)], [np.nan]), "not negative"),
        (lambda: Weighted([[(0, 0, 0)]] * 2, [[1.0]] * 3), "do not fit"),
        (lambda: BrightestMean(0), "whole number"),
        (lambda: BrightestMean(2.5), "whole number"),
        (lambda: Percentile(101), "between 0 and 100"),
        (lambda: Percentile(np.nan), "between 0 and 100"),
    ],
)
def test_masks_and_reducers_that_make_no_sense_are_refused(make, message):
    with pytest.raises(OptionError, match=message):
        make()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mask": {}}, "need names"),
        ({"mask": {"": Box()}}, "need names"),
        ({"mask": {"a/b": Box()}}, "need names"),
        ({"mask": "box"}, "the mask is none"),
        ({"mask": {"ring": 5}}, "mask ring is none"),
        ({"mask": MASKS[3], "reducer": Median()}, "cannot use the weights"),
        ({"mask": Weighted([(0, 0, 0)], [[1.0]] * 3)}, "another number of neurons"),
        ({"subpixel": "cubic"}, "subpixel"),
        ({"saturation": np.nan}, "saturation"),
        ({"saturation": True}, "saturation"),
        ({"reducer": "mean"}, "reducer"),
    ],
    ids=str,
)
def test_options_that_do_not_fit_are_refused(recording, options, message):
    with pytest.raises(OptionError, match=message):
        wormio.extract(recording, WHERE, **options)


def test_what_is_no_position_is_refused(recording):
    for where in (WHERE.coords, [[6, 10, 12]], "neurons.csv", None, {"green": [[6, 10, 12]]}):
        for preset in (None, "wormdatamodel-1.5"):
            with pytest.raises(OptionError, match="neither positions nor labels") as caught:
                wormio.extract(recording, where, preset=preset)
        with pytest.raises(OptionError, match="neither positions nor labels"):
            wormio.extract(recording, where, follow=True)
        assert "Positions.static(zyx)" in str(caught.value)


def test_what_is_no_recording_is_refused(recording, tmp_path):
    with pytest.raises(OptionError, match="no recording") as caught:
        wormio.extract(tmp_path, WHERE)
    assert "extract(wormio.open(path), ...)" in str(caught.value)
    for other in ("recording.tif", np.zeros((2, 3, 1, 9, 9)), None):
        with pytest.raises(OptionError, match="no recording"):
            wormio.extract(other, WHERE)


# --- a reducer in Python -------------------------------------------------------------------------


@attrs.frozen
class Trimmed:
    """The mean without the lowest and the highest voxel, to see what Python reducers are given."""

    unit = "counts"

    def reduce(self, values, voxels, weights):
        assert weights is None
        ordered = np.sort(values, axis=1)  # NaN, where there is no voxel, goes last
        return np.array([row[1 : n - 1].mean() for row, n in zip(ordered, voxels, strict=True)])

    def to_json(self):
        return {"name": "trimmed"}


def test_a_reducer_may_be_written_in_python(recording, volumes):
    where = Positions.static([[4.0, 10, 12], [4.0, 0, 0], [100.0, 5, 5]])
    found = wormio.extract(recording, where, reducer=Trimmed())["red"]
    box = np.sort(volumes[:, 1:4, 0, 8:13, 10:15].reshape(3, -1) - 100.0, axis=1)
    np.testing.assert_allclose(found.data[:, 0], box[:, 1:-1].mean(axis=1), rtol=1e-12)
    assert np.isfinite(found.data[:, 1]).all()
    assert (found.voxels[:, 1] == 27).all()
    assert np.isnan(found.data[:, 2]).all()


def test_a_python_reducer_must_return_a_number_for_each_sample(recording):
    class Wrong(Trimmed):
        def reduce(self, values, voxels, weights):  # noqa: ARG002
            return values

    with pytest.raises(ExtractionError, match="one number for each sample"):
        wormio.extract(recording, WHERE, reducer=Wrong())


def trimmed(cut=1):
    assert cut == 1
    return Trimmed()


def test_a_reducer_of_a_plugin_is_found_by_its_name(monkeypatch):
    plugin = SimpleNamespace(
        wormio_reducers=hookimpl(
            lambda: [ReducerPlugin(name="trimmed", title="", factory=f"{__name__}:trimmed")],
            specname="wormio_reducers",
        )
    )
    registry = PluginRegistry()
    registry.register(plugin, "mylab")
    monkeypatch.setattr("wormio.extraction.reducers.default_registry", lambda: registry)
    assert reducer_from_json({"name": "trimmed", "cut": 1}) == Trimmed()
    with pytest.raises(OptionError, match="no reducer"):
        reducer_from_json({"name": "trimmed", "cut_off": 1})
    with pytest.raises(OptionError, match="no reducer"):
        reducer_from_json({"name": "other"})
    assert reducer_from_json({"name": "mean"}) == Mean()


# --- tables --------------------------------------------------------------------------------------


@given(st.integers(0, 2**32 - 1))
def test_the_masks_of_some_volumes_are_those_of_all(seed):
    rng = np.random.default_rng(seed)
    n_masks, n_volumes, n_neurons = rng.integers(1, 7, 3)
    runs = [rng.integers(-3, 4, (rng.integers(0, 4), 4)).astype(np.int32) for _ in range(n_masks)]
    for each in runs:
        each[:, 3] = each[:, 2] + rng.integers(0, 3, len(each))
    weights = [rng.random(int((each[:, 3] - each[:, 2]).sum())) for each in runs]
    table = table_of_masks(runs, rng.integers(0, n_masks, (n_volumes, n_neurons)), weights)
    first = int(rng.integers(0, n_volumes))
    part = table.of_volumes(first, n_volumes)
    for v, n in np.ndindex(*part.index.shape):
        m, whole = (
            part.index[v, n],
            table.index[first + v, n] if n_volumes > 1 else table.index[0, n],
        )
        assert np.array_equal(part.runs[part.run_start[m] : part.run_start[m + 1]], runs[whole])
        begin, end = part.weight_start[m : m + 2]
        assert np.array_equal(part.weights[begin:end], weights[whole])


def test_slabs_are_the_rows_that_masks_touch():
    table = table_of_masks(
        [
            np.array(runs, np.int32).reshape(-1, 4)
            for runs in ([(1, -2, 0, 3), (0, 5, 0, 1), (1, 4, 2, 3)], [])
        ],
        [[0, 1]],
    )
    start, slabs = table.slabs
    assert start.tolist() == [0, 2, 2]
    assert slabs.tolist() == [[0, 5, 6], [1, -2, 5]]
