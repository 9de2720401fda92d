"""Frames out of one array of any order of axes, read plane by plane."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import MissingImageError
from wormio.model._fields import as_tuple

__all__ = ["ArrayPlanes"]

Key = tuple[int | slice, ...]


@attrs.frozen
class ArrayPlanes:
    """Where the planes of a grid lie in an array.

    Parameters
    ----------
    labels : tuple of str
        One of T, Z, C, Y, X for each dimension, slowest first; several of one letter (but Y and X)
        count as one dimension, the earlier the slower.
    shape : tuple of int
        Of the array.
    """

    labels: tuple[str, ...] = attrs.field(converter=as_tuple)
    shape: tuple[int, ...] = attrs.field(converter=as_tuple)

    @property
    def grid(self) -> tuple[int, int, int]:
        """Lengths of T, Z and C."""
        n_t, n_z, n_c = (math.prod(self.shape[i] for i in self._at(letter)) for letter in "TZC")
        return n_t, n_z, n_c

    @property
    def height(self) -> int:
        """Rows of a plane."""
        return self.shape[self.labels.index("Y")]

    @property
    def width(self) -> int:
        """Columns of a plane."""
        return self.shape[self.labels.index("X")]

    @property
    def frames_shape(self) -> tuple[int, int, int, int]:
        """(T * Z, C, Y, X)."""
        n_t, n_z, n_c = self.grid
        return (n_t * n_z, n_c, self.height, self.width)

    def stored(self) -> NDArray[np.int64]:
        """Return each plane's place in the array's own order of planes, (T, Z, C)."""
        outer = [n for label, n in zip(self.labels, self.shape, strict=True) if label not in "YX"]
        order = [label for label in self.labels if label not in "YX"]
        numbers = np.arange(math.prod(outer), dtype=np.int64).reshape(outer)
        axes = [i for letter in "TZC" for i, label in enumerate(order) if label == letter]
        return numbers.transpose(axes).reshape(self.grid)

    def whole(self, present: NDArray[np.bool_], chunks: Sequence[int]) -> NDArray[np.bool_]:
        """Tell which planes lie entirely in chunks that are there, (T, Z, C).

        Parameters
        ----------
        present : (...) bool
            Which chunks are there, along the array's dimensions.
        chunks : sequence of int
            Their lengths.
        """
        image = tuple(i for i, label in enumerate(self.labels) if label in "YX")
        outer = [i for i in range(len(self.shape)) if i not in image]
        there = present.all(axis=image)
        for place, axis in enumerate(outer):
            there = np.repeat(there, chunks[axis], axis=place)
            there = there.take(range(self.shape[axis]), axis=place)
        order = [
            i for letter in "TZC" for i, axis in enumerate(outer) if self.labels[axis] == letter
        ]
        return np.asarray(there).transpose(order).reshape(self.grid)

    def offsets(self, strides: Sequence[int]) -> NDArray[np.int64]:
        """Return the bytes before pixel (0, 0) of each plane, (T * Z, C).

        Parameters
        ----------
        strides : sequence of int
            Bytes from index to index of each dimension, as numpy's.
        """
        total = np.zeros((1, 1, 1), np.int64)
        for place, letter in enumerate("TZC"):
            along = np.zeros(1, np.int64)
            for axis in self._at(letter):
                step = np.arange(self.shape[axis], dtype=np.int64) * strides[axis]
                along = (along[:, np.newaxis] + step).ravel()
            total = total + along.reshape([-1 if i == place else 1 for i in range(3)])
        n_t, n_z, n_c = self.grid
        return total.reshape(n_t * n_z, n_c)

    def key(self, frame: int, channel: int) -> Key:
        """Return the index of one plane in the array; its Y and X keep the array's order."""
        _, n_z, _ = self.grid
        wanted = {"T": frame // n_z, "Z": frame % n_z, "C": channel}
        key: list[int | slice] = [slice(None)] * len(self.shape)
        for letter, number in wanted.items():
            at = self._at(letter)
            lengths = [self.shape[i] for i in at]
            for axis, index in zip(at, np.unravel_index(number, lengths), strict=True):
                key[axis] = int(index)
        return tuple(key)

    def reader(self, read: Callable[[Key], NDArray[Any]]) -> Callable[[int, int], NDArray[Any]]:
        """Return a function for `wormio.model.frames_from_reader`.

        Parameters
        ----------
        read : callable
            ``read(key)`` returns ``array[key]``.
        """
        turned = self.labels.index("X") < self.labels.index("Y")

        def read_image(frame: int, channel: int) -> NDArray[Any]:
            plane = read(self.key(frame, channel))
            if plane.size != self.height * self.width:
                raise MissingImageError(
                    f"the image of frame {frame}, channel {channel} is not whole",
                    expected=f"{self.height} x {self.width} pixels",
                    found=f"shape {plane.shape}",
                )
            return plane.T if turned else plane

        return read_image

    def _at(self, letter: str) -> list[int]:
        return [i for i, label in enumerate(self.labels) if label == letter]
