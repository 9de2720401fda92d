"""A known warp between two channels, and points that follow it."""

from collections.abc import Callable

import numpy as np
import pytest


def warp(points: np.ndarray) -> np.ndarray:
    """Turn by 1 degree, enlarge by 1 %, shift, and bend by up to 3 px, in an image of 512 px."""
    angle = np.deg2rad(1.0)
    turn = 1.01 * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    y, x = points[:, 0], points[:, 1]
    bend = np.stack([2.1 * np.sin(np.pi * x / 430), 2.1 * np.cos(np.pi * y / 512)], axis=1)
    return (points - 256) @ turn.T + 256 + [5.0, -8.0] + bend


@pytest.fixture(name="warp")
def warp_fixture() -> Callable[[np.ndarray], np.ndarray]:
    """Give tests the warp."""
    return warp


@pytest.fixture
def grid() -> np.ndarray:
    """Return points all over the inner image, (900, 2)."""
    side = np.linspace(30, 480, 30)
    return np.stack(np.meshgrid(side, side, indexing="ij"), axis=-1).reshape(-1, 2)
