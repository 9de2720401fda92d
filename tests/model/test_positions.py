"""Positions and label images refuse what does not fit, and keep to pixel centres."""

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from wormio.errors import ContractError, FrameIndexError, OptionError
from wormio.model import ArrayRecording, Labels, Origin, Positions, VoxelSize

NAN = np.nan


def test_neurons_are_named_by_their_index_unless_named():
    static = Positions.static([[1, 2, 3], [4, 5, 6]])
    assert (len(static), static.labels, static.is_tracked) == (2, ("0", "1"), False)
    tracked = Positions.tracked(np.zeros((5, 2, 3)), labels=["AVAL", "AVAR"], z_unit="frame")
    assert (len(tracked), tracked.labels, tracked.is_tracked) == (2, ("AVAL", "AVAR"), True)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Positions.static([1, 2, 3]), "wrong shape"),
        (lambda: Positions.static([[1, 2]]), "wrong shape"),
        (lambda: Positions.static(np.zeros((2, 2, 3))), "wrong shape"),
        (lambda: Positions.tracked(np.zeros((2, 3))), "wrong shape"),
        (lambda: Positions.static([[0, 0, np.inf]]), "infinite"),
        (lambda: Positions.static([[0, 0, 0]], z_unit="V"), "z_unit"),
        (lambda: Positions.static([[0, 0, 0]], labels=["a", "b"]), "labels"),
        (lambda: Positions.static(np.zeros((2, 3)), labels=["a", "a"]), "labels"),
        (
            lambda: Positions(coords=np.zeros((2, 3)), z_unit="um", confidence=[1.0]),
            "confidence",
        ),
        (
            lambda: Positions(coords=np.zeros((4, 2, 3)), z_unit="um", confidence=[1.0, 1.0]),
            "confidence",
        ),
        (lambda: Positions.tracked(np.zeros((4, 2, 3)), volumes=[[0, 1]]), "volumes"),
        (lambda: Positions.tracked(np.zeros((1, 2, 3)), volumes=[0, 1]), "wrong shape"),
    ],
)
def test_positions_that_do_not_fit_are_refused(make, message):
    with pytest.raises(ContractError, match=message):
        make()


def test_positions_are_values():
    zyx = np.array([[1.0, NAN, 3.0]])
    positions = Positions.static(zyx)
    zyx[:] = 0
    assert positions == Positions.static([[1, NAN, 3]])
    with pytest.raises(ValueError, match="read-only"):
        positions.coords[0] = 0


def test_static_positions_hold_in_every_volume():
    zyx = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(Positions.static(zyx).at(3, 6), np.stack([zyx] * 3))


def test_tracked_positions_are_those_of_the_volumes_asked_for():
    zyx = np.arange(24.0).reshape(4, 2, 3)
    tracked = Positions.tracked(zyx)
    np.testing.assert_array_equal(tracked.at(1, 3), zyx[1:3])
    assert tracked.at(2, 2).shape == (0, 2, 3)
    for first, stop in ((0, 5), (-1, 2), (4, 6)):
        with pytest.raises(FrameIndexError):
            tracked.at(first, stop)


# --- inside --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("y", "x", "inside"),
    [
        (-0.5, 0, True),
        (-0.51, 0, False),
        (0, -0.5, True),
        (9.49, 19.49, True),
        (9.5, 0, False),
        (0, 19.5, False),
        (NAN, 0, False),
        (0, NAN, False),
    ],
)
def test_a_pixel_reaches_half_a_pixel_around_its_centre(y, x, inside):
    assert Positions.static([[0, y, x]]).inside(10, 20).tolist() == [inside]


@given(hnp.arrays("f8", (3, 4, 3), elements=st.floats(-3, 13) | st.just(NAN)))
def test_positions_outside_the_image_become_nan_whole_and_the_others_stay(coords):
    inside = Positions.tracked(coords).inside(10, 8)
    kept = Positions.tracked(coords).without_outside(10, 8)
    for v, n in np.ndindex(3, 4):
        _, y, x = coords[v, n]
        expected = -0.5 <= y < 9.5 and -0.5 <= x < 7.5
        assert inside[v, n] == expected
        np.testing.assert_array_equal(kept.coords[v, n], coords[v, n] if expected else [NAN] * 3)


# --- take_labels ---------------------------------------------------------------------------------


def test_names_go_to_mutually_nearest_neurons_only():
    mine = Positions.static([[0, 0, 0], [0, 0, 1.5], [0, 9, 9]], labels=["a", "b", "c"])
    atlas = Positions.static([[0, 0, 0.2], [0, 9, 8]], labels=["AVAL", "AVAR"])
    assert mine.take_labels(atlas, max_distance=5).labels == ("AVAL", "b", "AVAR")
    assert mine.take_labels(atlas, max_distance=0.5).labels == ("AVAL", "b", "c")
    assert mine.take_labels(atlas, max_distance=0.1).labels == ("a", "b", "c")


@pytest.mark.parametrize("max_distance", [1e9, np.inf])
def test_a_neuron_that_was_not_found_takes_and_gives_no_name(max_distance):
    mine = Positions.static([[0, NAN, 0]], labels=["a"])
    atlas = Positions.static([[0, 0, 0]], labels=["AVAL"])
    assert mine.take_labels(atlas, max_distance=max_distance).labels == ("a",)
    assert atlas.take_labels(mine, max_distance=max_distance).labels == ("AVAL",)


@given(
    a=hnp.arrays("f8", (5, 3), elements=st.floats(0, 10)),
    b=hnp.arrays("f8", (4, 3), elements=st.floats(0, 10)),
    limit=st.floats(0, 10),
)
def test_taking_labels_agrees_with_a_search_of_all_pairs(a, b, limit):
    named = Positions.static(b, labels=["A", "B", "C", "D"])
    taken = Positions.static(a, labels="vwxyz").take_labels(named, max_distance=limit)
    distance = np.array([[np.linalg.norm(p - q) for q in b] for p in a])
    for i, label in enumerate(taken.labels):
        if label != "vwxyz"[i]:
            j = "ABCD".index(label)
            assert distance[i, j] <= limit + 1e-9
            assert distance[i, j] <= distance[i].min() + 1e-9
            assert distance[i, j] <= distance[:, j].min() + 1e-9
    np.testing.assert_array_equal(taken.coords, a)


def test_labels_are_not_taken_across_kinds_or_onto_a_name_in_use():
    mine = Positions.static([[0, 0, 0], [0, 9, 9]], labels=["a", "AVAL"])
    with pytest.raises(ContractError, match="labels"):
        mine.take_labels(Positions.static([[0, 0, 0]], labels=["AVAL"]), max_distance=1)
    with pytest.raises(ContractError, match="one z unit"):
        mine.take_labels(Positions.static([[0, 0, 0]], z_unit="frame"), max_distance=1)
    with pytest.raises(ContractError, match="static"):
        mine.take_labels(Positions.tracked([[[0, 0, 0]]]), max_distance=1)
    nobody = Positions.static(np.zeros((0, 3)))
    assert mine.take_labels(nobody, max_distance=1) == mine
    assert nobody.take_labels(mine, max_distance=1) == nobody


# --- label images --------------------------------------------------------------------------------


def test_a_label_image_names_its_values_in_order():
    image = np.array([[[0, 7], [3, 7]]])
    labels = Labels(image=image)
    assert labels.values.tolist() == [3, 7]
    assert (labels.names, len(labels)) == (("3", "7"), 2)
    assert Labels(image=image, values=[7], names=["AVAL"]).names == ("AVAL",)
    assert len(Labels(image=np.zeros((2, 2, 2), int))) == 0
    assert Labels(image=np.zeros((5, 2, 2, 2), int)).image.ndim == 4


@pytest.mark.parametrize(
    "wrong",
    [
        {"image": np.zeros((2, 2), int)},
        {"image": np.zeros((2, 2, 2)) + 0.5},
        {"names": ["a", "b"]},
        {"values": [0, 7]},
        {"values": [7, 7]},
        {"values": [3, 7], "names": ["a", "a"]},
    ],
    ids=str,
)
def test_label_images_that_do_not_fit_are_refused(wrong):
    with pytest.raises(ContractError):
        attrs.evolve(Labels(image=[[[0, 7]]]), **wrong)


def test_frames_become_um_by_the_z_of_the_frames():
    recording = ArrayRecording.from_volumes(
        np.zeros((3, 4, 1, 2, 2), np.uint8), voxel_size=VoxelSize(z=2.5), volume_interval=1.0
    )
    where = [[0, 1, 1], [1.5, 1, 1], [3.4, 1, 1], [-0.5, 1, 1], [3.5, 1, 1], [NAN, 1, 1]]
    found = Positions.static(where, z_unit="frame").in_um(recording.timeline)
    z = recording.timeline.z_um[:4]
    wanted = [z[0], (z[1] + z[2]) / 2, z[3], z[0], NAN, NAN]
    assert found.z_unit == "um"
    np.testing.assert_allclose(found.coords[..., 0], [wanted] * 3)
    assert np.isnan(found.coords[:, 4:]).all()
    assert found.in_um(recording.timeline) is found
    tracked = Positions.tracked(np.zeros((2, 1, 3)), z_unit="frame")
    with pytest.raises(FrameIndexError):
        tracked.in_um(recording.timeline)


def test_static_frames_of_a_scan_both_ways_have_no_z():
    recording = ArrayRecording.from_volumes(
        np.zeros((2, 2, 1, 2, 2), np.uint8), voxel_size=VoxelSize(z=1.0), volume_interval=1.0
    )
    both = attrs.evolve(recording.timeline, direction=[1, 1, -1, -1])
    with pytest.raises(OptionError, match="both ways"):
        Positions.static([[0, 0, 0]], z_unit="frame").in_um(both)
    unknown = attrs.evolve(
        recording.timeline,
        z=np.full(4, NAN),
        origins={**recording.timeline.origins, "z": Origin.UNKNOWN},
    )
    with pytest.raises(OptionError, match="not known"):
        Positions.static([[0, 0, 0]], z_unit="frame").in_um(unknown)
