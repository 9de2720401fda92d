"""Lazy arrays of frames: the indexing of numpy, reading only what is asked for."""

from __future__ import annotations

import abc
import contextlib
import operator
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import DTypeLike, NDArray

from wormio.errors import (
    ContractError,
    CorruptRecordingError,
    FrameIndexError,
    MissingPartError,
    RecordingClosedError,
    UnsupportedCapabilityError,
    WormioError,
)
from wormio.model._locks import ForkSafeLock

__all__ = ["FrameArray", "LazyFrames", "MissingFrames", "frames_from_reader"]

Array = NDArray[Any]


@runtime_checkable
class FrameArray(Protocol):
    """A lazy array of shape (F, C, Y, X): frames, channels, rows, columns.

    Indexing is numpy's basic indexing (integers, slices, ``...``, ``None``). A result is a fresh
    C-contiguous array of native byte order, never a view of a cache. An index out of range raises
    `FrameIndexError`, an image that was never saved `MissingImageError`.
    """

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Frames, channels, rows, columns."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """Native-endian type of a pixel."""
        ...

    @property
    def ndim(self) -> int:
        """Always 4."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, key: Any) -> Array: ...


class LazyFrames(abc.ABC):
    """Base of frame arrays: turns any basic index into one call of `_read`.

    Parameters
    ----------
    shape : tuple of int
        (F, C, Y, X).
    dtype : dtype_like
        Of a pixel; reported and returned in native byte order.
    """

    ndim = 4

    def __init__(self, shape: tuple[int, int, int, int], dtype: DTypeLike) -> None:
        if len(shape) != self.ndim or min(shape) < 0:
            raise ContractError(
                "frames have an impossible shape",
                expected="four axes (frame, channel, y, x)",
                found=str(shape),
            )
        self.shape = (int(shape[0]), int(shape[1]), int(shape[2]), int(shape[3]))
        self.dtype = np.dtype(dtype).newbyteorder("=")
        self.closed = False

    @abc.abstractmethod
    def _read(self, frames: range, channels: range, rows: range, columns: range) -> Array:
        """Return a fresh (frames, channels, rows, columns) array.

        `frames` and `channels` may have any step; `rows` and `columns` are contiguous.
        """

    def close(self) -> None:
        """Release the files; reading afterwards raises `RecordingClosedError`."""
        self.closed = True

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> Array:
        if self.closed:
            raise RecordingClosedError(
                "the recording is closed", cure="read inside the `with` block, or open it again"
            )
        axes, finish = _parse(key, self.shape)
        frames, channels, rows, columns = axes
        all_rows, row_step = _contiguous(rows)
        all_columns, column_step = _contiguous(columns)
        if 0 in map(len, axes):
            block = np.empty(tuple(map(len, axes)), self.dtype)
        else:
            block = self._read(frames, channels, all_rows, all_columns)
            block = block[:, :, row_step, column_step]
        result = np.asarray(block[finish], self.dtype, order="C")
        # As numpy does: four integers give a number, not an array of no axes.
        return result if result.ndim else result[()]

    def __array__(self, *args: object, **kwargs: object) -> Array:
        raise UnsupportedCapabilityError(
            "frames are not read all at once by accident",
            found=f"an attempt to make one array of shape {self.shape}",
            cure="read what you need, frames[start:stop]; frames[:] reads everything",
        )

    def __repr__(self) -> str:
        state = ", closed" if self.closed else ""
        return f"<{type(self).__name__} {self.shape} {self.dtype}{state}>"


class _ReaderFrames(LazyFrames):
    def __init__(
        self,
        read_image: Callable[[int, int], Array],
        shape: tuple[int, int, int, int],
        dtype: DTypeLike,
        on_close: Callable[[], None] | None,
        thread_safe: bool,
    ) -> None:
        super().__init__(shape, dtype)
        self._read_image = read_image
        self._on_close = on_close
        self._lock = None if thread_safe else ForkSafeLock()

    def _one(self, frame: int, channel: int) -> Array:
        try:
            with self._lock or contextlib.nullcontext():
                image = self._read_image(frame, channel)
        except (WormioError, MemoryError):
            raise
        except Exception as error:
            # Libraries raise whatever they like on a damaged file: translated here, once.
            # An OSError without a number is theirs too (h5py), not the system's.
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise CorruptRecordingError(
                f"the image of frame {frame}, channel {channel} cannot be read: "
                f"{type(error).__name__}: {error}"
            ) from error
        if np.shape(image) != self.shape[2:]:
            raise ContractError(
                f"the reader returned a wrong image for frame {frame}, channel {channel}",
                expected=f"shape {self.shape[2:]}",
                found=f"shape {np.shape(image)}",
            )
        return image

    def _read(self, frames: range, channels: range, rows: range, columns: range) -> Array:
        out = np.empty((len(frames), len(channels), len(rows), len(columns)), self.dtype)
        window = (slice(rows.start, rows.stop), slice(columns.start, columns.stop))
        for i, frame in enumerate(frames):
            for j, channel in enumerate(channels):
                out[i, j] = self._one(frame, channel)[window]
        return out

    def close(self) -> None:
        if not self.closed and self._on_close is not None:
            self._on_close()
        super().close()


def frames_from_reader(
    read_image: Callable[[int, int], Array],
    shape: tuple[int, int, int, int],
    dtype: DTypeLike,
    *,
    on_close: Callable[[], None] | None = None,
    thread_safe: bool = False,
) -> LazyFrames:
    """Make a `FrameArray` from a function that reads one image.

    Parameters
    ----------
    read_image : callable
        ``read_image(frame, channel)`` returns a (Y, X) array, or raises `MissingImageError`. Its
        arguments are in range and not negative.
    shape : tuple of int
        (F, C, Y, X).
    dtype : dtype_like
        Of a pixel.
    on_close : callable, optional
        Releases the files; called once.
    thread_safe : bool
        Whether `read_image` may be called by several threads at once. If not, calls are
        serialised by a lock.

    Returns
    -------
    LazyFrames

    Examples
    --------
    >>> import numpy as np
    >>> frames = frames_from_reader(lambda f, c: np.full((2, 3), 10 * f + c), (5, 2, 2, 3), "u2")
    >>> frames[-1, 1].max(), frames[1:3].shape
    (np.uint16(41), (2, 2, 2, 3))
    """
    return _ReaderFrames(read_image, shape, dtype, on_close, thread_safe)


class MissingFrames:
    """Stands for frames that are not there: every use raises `MissingPartError`.

    Parameters
    ----------
    problem : str
        Why there are no pixels.
    path : str
        Where they were expected.
    cure : str
        How to get them.
    """

    ndim = 4
    closed = False

    def __init__(self, problem: str, path: str, cure: str) -> None:
        self._facts = (problem, path, cure)

    def _refuse(self) -> MissingPartError:
        problem, path, cure = self._facts
        return MissingPartError(problem, path=path, cure=cure)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Unknown: raises `MissingPartError`."""
        raise self._refuse()

    @property
    def dtype(self) -> np.dtype[Any]:
        """Unknown: raises `MissingPartError`."""
        raise self._refuse()

    def __len__(self) -> int:
        raise self._refuse()

    def __getitem__(self, key: Any) -> Array:
        raise self._refuse()

    def close(self) -> None:
        """Do nothing: there is nothing to release."""

    def __repr__(self) -> str:
        return f"<MissingFrames: {self._facts[0]}>"


def _parse(key: Any, shape: tuple[int, ...]) -> tuple[list[range], tuple[Any, ...]]:
    """Split a basic index into one range an axis, and what numpy has yet to do to the block."""
    items = list(key) if isinstance(key, tuple) else [key]
    ellipses = [i for i, item in enumerate(items) if item is Ellipsis]
    if len(ellipses) > 1:
        raise FrameIndexError("an index has more than one ellipsis", found=repr(key))
    n_axes = sum(item is not None and item is not Ellipsis for item in items)
    if n_axes > len(shape):
        raise FrameIndexError(
            "too many indices", expected=f"at most {len(shape)}", found=str(n_axes)
        )
    fill = [slice(None)] * (len(shape) - n_axes)
    at = ellipses[0] if ellipses else len(items)
    items[at : at + 1] = fill
    axes: list[range] = []
    finish: list[Any] = []
    for item in items:
        if item is None:
            finish.append(None)
            continue
        name, size = ("frame", "channel", "y", "x")[len(axes)], shape[len(axes)]
        if isinstance(item, slice):
            axes.append(_range_of(item, size, name))
            finish.append(slice(None))
        else:
            index = _integer(item, size, name)
            axes.append(range(index, index + 1))
            finish.append(0)
    return axes, tuple(finish)


def _range_of(item: slice, size: int, name: str) -> range:
    try:
        return range(size)[item]
    except (TypeError, ValueError) as error:
        raise FrameIndexError(f"bad slice on axis {name}: {error}", found=repr(item)) from error


def _integer(item: Any, size: int, name: str) -> int:
    if isinstance(item, (bool, np.bool_)):
        raise FrameIndexError(f"a truth value is no index on axis {name}", found=repr(item))
    try:
        index = operator.index(item)
    except TypeError:
        raise FrameIndexError(
            f"wrong index on axis {name}",
            expected="an integer, a slice, ... or None (numpy's basic indexing)",
            found=f"{type(item).__name__} {item!r}"[:200],
        ) from None
    if not -size <= index < size:
        raise FrameIndexError(
            f"index out of range on axis {name}",
            expected=f"{-size} to {size - 1}",
            found=str(index),
        )
    return index % size


def _contiguous(axis: range) -> tuple[range, slice]:
    """Return the contiguous range that covers `axis`, and the slice that picks `axis` from it."""
    if not len(axis):
        return range(0), slice(None)
    low, high = min(axis[0], axis[-1]), max(axis[0], axis[-1])
    start = axis[0] - low
    stop: int | None = start + axis.step * len(axis)
    if stop is not None and stop < 0:
        stop = None
    return range(low, high + 1), slice(start, stop, axis.step)
