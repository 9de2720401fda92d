"""The HDF5 objects that wormio's own files consist of, read without trusting them.

A file from elsewhere may point to other files, promise arrays larger than the memory, or hold
objects of other types than expected. Each object is therefore reached one name at a time and
looked at before it is read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wormio.errors import ContractError, CorruptRecordingError, UnsafeReferenceError
from wormio.model._fields import is_text

if TYPE_CHECKING:
    import h5py

__all__ = ["get_array", "get_group", "get_text", "get_texts", "put_array", "put_texts"]

_KINDS = "biufcS"
_DATES = "mM"
# Deflate shrinks at most 1032 times; a file that promises more holds no such array.
_LARGEST_RATIO = 2000
_ALWAYS_ALLOWED = 1 << 20


def put_array(group: h5py.Group, name: str, values: NDArray[Any]) -> None:
    """Write an array of numbers, truth values, bytes or dates, compressed and with checksums.

    Raises
    ------
    ContractError
        It holds something else, for example Python objects.
    """
    if values.dtype.kind in _DATES:
        values = values.view(np.int64)  # HDF5 has no dates; the caller keeps the dtype
    if values.dtype.kind not in _KINDS:
        raise ContractError(
            f"{group.name}/{name} cannot be written",
            expected="numbers, truth values, dates or text",
            found=f"an array of dtype {values.dtype}",
        )
    filters = {"compression": "gzip", "compression_opts": 1, "shuffle": True, "fletcher32": True}
    # Without elements there are no chunks to filter.
    used = filters if values.size and values.ndim else {}
    group.create_dataset(name, data=values, **used)


def put_texts(group: h5py.Group, name: str, values: Any) -> None:
    """Write text, or an array of texts, as UTF-8.

    Raises
    ------
    ContractError
        A text holds what no file can.
    """
    import h5py

    texts = np.array(values, dtype=object)
    for text in texts.flat:
        if not is_text(text):
            raise ContractError(
                f"{group.name}/{name} cannot be written",
                expected="text without NUL and without lone surrogates",
                found=repr(text),
            )
    group.create_dataset(name, data=texts, dtype=h5py.string_dtype())


def get_group(parent: h5py.Group, name: str) -> h5py.Group:
    """Return a group that lies in the same file.

    Raises
    ------
    CorruptRecordingError, UnsafeReferenceError
    """
    import h5py

    return _child(parent, name, h5py.Group)


def get_array(parent: h5py.Group, name: str, dtype: np.dtype[Any] | None = None) -> NDArray[Any]:
    """Read an array that `put_array` wrote.

    Parameters
    ----------
    parent : h5py.Group
    name : str
    dtype : numpy.dtype, optional
        That it must have; asked for where it may be a date's.

    Raises
    ------
    CorruptRecordingError, UnsafeReferenceError
    """
    dataset = _dataset(parent, name)
    if dataset.dtype.kind not in _KINDS:
        raise CorruptRecordingError(
            f"{dataset.name} is no array of numbers", found=f"dtype {dataset.dtype}"
        )
    values = np.asarray(dataset[()])
    if dtype is not None and dtype.kind in _DATES:
        return values.view(dtype)
    if dtype is not None and dtype != values.dtype:
        raise CorruptRecordingError(
            f"{dataset.name} has another dtype", expected=str(dtype), found=str(values.dtype)
        )
    return values


def get_text(parent: h5py.Group, name: str) -> str:
    """Read one text."""
    texts = get_texts(parent, name)
    if texts.shape:
        raise CorruptRecordingError(
            f"{parent.name}/{name} is no single text", found=f"shape {texts.shape}"
        )
    return str(texts.item())


def get_texts(parent: h5py.Group, name: str) -> NDArray[Any]:
    """Read an array of texts, as Python objects.

    Raises
    ------
    CorruptRecordingError, UnsafeReferenceError
    """
    import h5py

    dataset = _dataset(parent, name)
    if h5py.check_string_dtype(dataset.dtype) is None:
        raise CorruptRecordingError(f"{dataset.name} is no text", found=f"dtype {dataset.dtype}")
    raw = np.asarray(dataset[()], dtype=object)
    texts = np.empty(raw.shape, dtype=object)
    for index, value in enumerate(raw.flat):
        texts.flat[index] = value.decode()
    return texts


def _dataset(parent: h5py.Group, name: str) -> h5py.Dataset:
    import h5py

    dataset = _child(parent, name, h5py.Dataset)
    if dataset.is_virtual or dataset.external:
        raise UnsafeReferenceError(
            f"{dataset.name} takes its values from other files",
            expected="a file that holds all it says",
        )
    stored = dataset.id.get_storage_size()
    if dataset.nbytes > _LARGEST_RATIO * stored + _ALWAYS_ALLOWED:
        raise CorruptRecordingError(
            f"{dataset.name} promises more than the file holds",
            expected=f"at most {_LARGEST_RATIO} times the {stored} bytes stored",
            found=f"shape {dataset.shape}, {dataset.nbytes} bytes",
        )
    return dataset


def _child(parent: h5py.Group, name: str, kind: type) -> Any:
    import h5py

    # One name at a time: HDF5 follows a link within a path without a word.
    link = parent.get(name, getlink=True)
    where = f"{parent.name.rstrip('/')}/{name}"
    if link is None:
        raise CorruptRecordingError(f"{where} is missing")
    if not isinstance(link, h5py.HardLink):
        raise UnsafeReferenceError(
            f"{where} is a link",
            expected="a file that holds all it says",
            found=f"{type(link).__name__} to {getattr(link, 'filename', '')}:{link.path}",
        )
    child = parent[name]
    if not isinstance(child, kind):
        raise CorruptRecordingError(
            f"{where} is no {kind.__name__.lower()}", found=type(child).__name__
        )
    return child
