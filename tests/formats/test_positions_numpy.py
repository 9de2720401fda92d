"""Positions in arrays of NumPy: axes and units are said, never guessed."""

import numpy as np
import pytest

from wormio import read_positions
from wormio.errors import FormatError, OptionError, UnsafeReferenceError
from wormio.model import Positions

ZYX = np.random.default_rng(0).random((5, 4, 3))  # volume, neuron, zyx


@pytest.fixture
def saved(tmp_path):
    def save(array, name="positions.npy"):
        np.save(tmp_path / name, array)
        return tmp_path / name

    return save


@pytest.mark.parametrize(
    ("array", "axes"),
    [
        (ZYX, "volume, neuron, zyx"),
        (ZYX[..., ::-1], "volume,neuron,xyz"),
        (ZYX.swapaxes(0, 1), "Neuron, Volume, ZYX"),
        (ZYX[..., [1, 2, 0]], "volume, neuron, yxz"),
    ],
)
def test_tracked_positions_in_any_order_of_axes(saved, array, axes):
    found = read_positions(saved(array), axes=axes, z_unit="um", channel="red")
    assert found == Positions(coords=ZYX, z_unit="um", channel="red")


def test_static_positions(saved):
    found = read_positions(saved(np.array([[1, 2, 3]])), axes="neuron, zyx", z_unit="frame")
    assert found == Positions.static([[1, 2, 3]], z_unit="frame")


def test_labels_and_confidence_in_one_file(tmp_path):
    path = tmp_path / "positions.npz"
    confidence = ZYX[..., 0]
    np.savez(path, where=ZYX, labels=["a", "b", "c", "d"], confidence=confidence)
    found = read_positions(path, axes="volume, neuron, zyx", z_unit="um")
    assert found.labels == ("a", "b", "c", "d")
    np.testing.assert_array_equal(found.confidence, confidence)
    np.savez(path, a=ZYX, b=ZYX + 1)
    with pytest.raises(OptionError, match="a, b"):
        read_positions(path, axes="volume, neuron, zyx", z_unit="um")
    found = read_positions(path, axes="volume, neuron, zyx", z_unit="um", key="b")
    np.testing.assert_array_equal(found.coords, ZYX + 1)
    np.savez(path, a=ZYX, labels=["a", "a", "c", "d"])
    with pytest.raises(FormatError, match="labels"):
        read_positions(path, axes="volume, neuron, zyx", z_unit="um")
    np.savez(path, a=ZYX, confidence=np.ones(3))
    with pytest.raises(FormatError, match="confidence"):
        read_positions(path, axes="volume, neuron, zyx", z_unit="um")


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"axes": "neuron, zyx"},
        {"z_unit": "um"},
        {"axes": "zyx", "z_unit": "um"},
        {"axes": "neuron, zyz", "z_unit": "um"},
        {"axes": "time, neuron, zyx", "z_unit": "um"},
        {"axes": "neuron, zyx", "z_unit": "mm"},
        {"axes": "neuron, zyx", "z_unit": "um", "key": "a"},
    ],
)
def test_what_is_not_said_is_asked(saved, options):
    with pytest.raises(OptionError):
        read_positions(saved(ZYX[0]), **options)


@pytest.mark.parametrize(
    "array", [ZYX, np.ones((4, 2)), np.ones(3), np.array([["a", "b", "c"]]), [[np.inf, 1, 1]]]
)
def test_arrays_that_are_no_positions(saved, array):
    with pytest.raises(FormatError):
        read_positions(saved(array), axes="neuron, zyx", z_unit="um")


def test_objects_are_never_read(saved):
    with pytest.raises(UnsafeReferenceError):
        read_positions(saved(np.array([[{}, 1, 2]])), axes="neuron, zyx", z_unit="um")
