"""Fixtures: the real files, and data sets that are written for a test."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wormio_ndtiff.conformance import write_dataset

for _name in ("WORMIO_PLUGINS", "WORMIO_DISABLE_PLUGINS", "WORMIO_STRICT_PLUGINS"):
    os.environ.pop(_name, None)

_BESIDE_THE_CHECKOUT = Path(__file__).parents[4] / "shared" / "data"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder of real files that nobody here wrote."""
    named = os.environ.get("WORMIO_TEST_DATA")
    folder = Path(named) if named else _BESIDE_THE_CHECKOUT
    if not (folder / "MANIFEST.tsv").is_file():
        pytest.skip(f"the real recordings are not at {folder}: point WORMIO_TEST_DATA to them")
    return folder


def _pixels_of(number: int, dtype: str = "uint16") -> np.ndarray:
    return (number * 20 + np.arange(12).reshape(3, 4)).astype(dtype)


@pytest.fixture(scope="session")
def pixels_of() -> Callable[..., np.ndarray]:
    """Return a function that makes an image of 3 x 4 pixels that no other number has."""
    return _pixels_of


Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes images by their axes: ``write([{"time": 0}, ...], **facts)``.

    Image i has the pixels ``pixels_of(i)`` and was taken at i * 10 ms; `told` adds to what each
    says of itself, ``told=lambda i, axes: {...}``.
    """

    def make(
        axes: Iterable[dict[str, Any]],
        *,
        told: Callable[[int, dict[str, Any]], dict[str, Any]] = lambda i, axes: {},
        pixels: Callable[[int], np.ndarray] = _pixels_of,
        summary: dict[str, Any] | None = None,
        folder: str = "worm_1",
        **facts: Any,
    ) -> Path:
        images = [
            (one, pixels(i), {"ElapsedTime-ms": 10 * i} | told(i, one))
            for i, one in enumerate(axes)
        ]
        path = tmp_path / folder
        path.mkdir()
        return write_dataset(path, images, summary or {}, **facts)

    return make
