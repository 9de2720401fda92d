"""The walk to one object of an HDF5 file of others, and the look at it before it is read."""

from __future__ import annotations

import importlib
import math
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wormio.errors import (
    CorruptRecordingError,
    MissingPartError,
    TruncatedRecordingError,
    UnsafeReferenceError,
    UnsupportedCapabilityError,
)
from wormio.storage.hdf5_opening import open_foreign

if TYPE_CHECKING:
    import h5py

__all__ = ["Walk", "expect", "plain_offset"]

# The rule of keras against decompression bombs (CVE-2026-1669): both must be exceeded.
_BOMB_BYTES = 4 << 30
_BOMB_RATIO = 1000
_MAX_CHUNK_BYTES = 1 << 30
_MAX_LINKS = 32


class Walk:
    """One walk to one object; a counter bounds all the links that it follows."""

    def __init__(self, folder: str | os.PathLike[str], trust: bool) -> None:
        self.folder = Path(os.path.realpath(folder))
        self.trust = trust
        self.left = _MAX_LINKS

    def to(self, parent: h5py.Group, name: str) -> Any:
        """Return the object of that path below `parent`, over links that are safe."""
        import h5py

        here: Any = parent.file["/"] if name.startswith("/") else parent
        # One name at a time: HDF5 follows a link within a path without a word.
        for part in name.split("/"):
            if part not in {"", "."}:
                expect(here, h5py.Group, here.name)
                here = self._child(here, part)
        return here

    def _child(self, parent: h5py.Group, name: str) -> Any:
        import h5py

        link = parent.get(name, getlink=True)
        where = f"{(parent.name or '').rstrip('/')}/{name}"
        if link is None:
            raise CorruptRecordingError(f"{where} is missing in the file")
        if isinstance(link, h5py.HardLink):
            return parent[name]
        self._count_link(where)
        if isinstance(link, h5py.SoftLink):
            return self.to(parent, link.path)
        if not isinstance(link, h5py.ExternalLink):
            raise UnsafeReferenceError(f"{where} is a link of an unknown kind")
        target = self.beside(parent, link.filename, where)
        with open_foreign(target) as other:
            self.to(other, link.path)  # raises unless HDF5 may follow
        return parent[name]

    def _count_link(self, where: str) -> None:
        self.left -= 1
        if self.left < 0:
            raise CorruptRecordingError(
                f"{where} cannot be reached", found=f"a cycle, or more than {_MAX_LINKS} links"
            )

    def beside(self, at: h5py.HLObject, name: str, where: str) -> Path:
        """Return the file that an object refers to, if it is there and may be read."""
        # Also of an absolute name, HDF5 may take the file of that name beside this one instead.
        path = Path(at.file.filename).parent / name
        if not self.trust and not Path(os.path.realpath(path)).is_relative_to(self.folder):
            raise UnsafeReferenceError(
                f"{where} refers to a file outside the recording's folder",
                expected=f"a file in {self.folder}",
                found=str(name),
                cure="trust=True (--option trust=yes) follows it, if you know who wrote this file",
            )
        if not path.is_file():
            raise MissingPartError(f"{where} refers to a file that is not there", path=path)
        return path

    def dataset(self, parent: h5py.Group, name: str) -> h5py.Dataset:
        """Return the dataset of that path if reading it is safe."""
        import h5py

        source = expect(self.to(parent, name), h5py.Dataset, name)
        _check_filters(source)
        if source.is_virtual:
            self._check_virtual(source)
            return source
        if source.external:
            return self._external(source)
        _check_size(source)
        return source

    def _check_virtual(self, source: h5py.Dataset) -> None:
        """Look at each part: HDF5 fills in a constant for those that are not there."""
        import h5py

        covered = h5py.h5s.create_simple(source.shape)
        covered.select_none()
        for part in source.virtual_sources():
            _select_too(covered, part.vspace)
            # Many parts are no cycle: only their depth is limited.
            deeper = Walk(self.folder, self.trust)
            deeper.left = self.left
            deeper._count_link(source.name)
            if part.file_name == ".":
                _check_written(deeper.dataset(source.file, part.dset_name), source.name)
            else:
                with open_foreign(self.beside(source, part.file_name, source.name)) as other:
                    _check_written(deeper.dataset(other, part.dset_name), source.name)
        if covered.get_select_npoints() != source.size:
            raise UnsupportedCapabilityError(
                f"{source.name} is a virtual dataset with parts that no file holds",
                expected=f"sources for all {source.size} values",
                found=f"sources for {covered.get_select_npoints()}",
            )

    def _external(self, source: h5py.Dataset) -> h5py.Dataset:
        """Look at each file: HDF5 reads zeros past its end."""
        import h5py

        where, stored = source.name, 0
        home = Path(source.file.filename).absolute().parent
        for name, offset, size in source.external:
            path = self.beside(source, name, where)
            there = path.stat().st_size - offset
            stored += min(there, size)
            if size != h5py.h5s.UNLIMITED and there < size:
                raise TruncatedRecordingError(
                    f"the file that holds {where} ends too early",
                    expected=f"at least {offset + size} bytes",
                    found=f"{path.stat().st_size} bytes",
                    path=path,
                )
        if stored < source.nbytes:
            raise TruncatedRecordingError(
                f"the files that hold {where} are too small",
                expected=f"{source.nbytes} bytes",
                found=f"{stored} bytes",
            )
        # Unless told so, HDF5 looks for them in the working directory.
        access = h5py.h5p.create(h5py.h5p.DATASET_ACCESS)
        access.set_efile_prefix(os.fsencode(home))
        container, name = source.file.id, where.encode()
        source.id.close()  # it has one prefix as long as it is open
        return h5py.Dataset(h5py.h5d.open(container, name, access))


def _select_too(space: h5py.h5s.SpaceID, part: h5py.h5s.SpaceID) -> None:
    """Add to what is selected in `space` what is selected in `part`: parts may overlap."""
    import h5py

    if part.get_select_type() == h5py.h5s.SEL_ALL:
        space.select_all()
    elif part.is_regular_hyperslab():
        start, stride, count, block = part.get_regular_hyperslab()
        space.select_hyperslab(start, count, stride, block, op=h5py.h5s.SELECT_OR)
    elif part.get_select_npoints():
        for first, last in part.get_select_hyper_blocklist():
            size = tuple(b - a + 1 for a, b in zip(first, last, strict=True))
            ones = (1,) * len(size)
            space.select_hyperslab(tuple(first), ones, block=size, op=h5py.h5s.SELECT_OR)


def _check_written(source: h5py.Dataset, whose: str) -> None:
    """Raise if a part of a virtual dataset was never written: it would be read as a constant."""
    if source.is_virtual or source.external:
        return  # looked at already
    steps = source.chunks or source.shape
    wanted = math.prod(-(-n // step) for n, step in zip(source.shape, steps, strict=True))
    if source.chunks is not None:
        there = source.id.get_num_chunks()
    else:
        there = wanted if source.id.get_storage_size() else 0
    if there < wanted:
        raise TruncatedRecordingError(
            f"a part of {whose} was not written to its end",
            expected=f"{wanted} pieces of {source.name} in {source.file.filename}",
            found=str(there),
        )


def plain_offset(source: h5py.Dataset) -> int | None:
    """Return where the values of a dataset begin in its file, in bytes.

    Returns
    -------
    int or None
        None unless they lie in one piece, uncompressed, in the dataset's own file.
    """
    in_pieces = source.chunks is not None or source.is_virtual or source.external
    # Nothing stored: HDF5 has no place for it yet, and with a user block returns a wrong one.
    if in_pieces or not source.id.get_storage_size():
        return None
    offset = source.id.get_offset()
    return None if offset is None else int(offset)


def expect(found: Any, kind: type, name: str | None) -> Any:
    """Return an object if it is of that kind."""
    if not isinstance(found, kind):
        raise CorruptRecordingError(
            f"{name} is no {kind.__name__.lower()}", found=type(found).__name__
        )
    return found


def _check_filters(source: h5py.Dataset) -> None:
    import h5py

    properties = source.id.get_create_plist()
    for index in range(properties.get_nfilters()):
        code, _flags, _values, title = properties.get_filter(index)
        if h5py.h5z.filter_avail(code):
            continue
        with suppress(ImportError):  # if the user has installed it, it is to be used
            importlib.import_module("hdf5plugin")
        if not h5py.h5z.filter_avail(code):
            raise UnsupportedCapabilityError(
                f"{source.name} is compressed with a filter that is not installed",
                expected="a filter of HDF5, or of the package hdf5plugin",
                found=f"filter {code} ({title.decode(errors='replace') or 'unnamed'})",
                cure="pip install hdf5plugin; or rewrite the file: h5repack -f GZIP=1",
            )


def _check_size(source: h5py.Dataset) -> None:
    stored = source.id.get_storage_size()
    there = Path(source.file.filename).stat().st_size
    if stored > there:
        raise TruncatedRecordingError(
            f"{source.name} is larger than the file",
            expected=f"{stored} bytes",
            found=f"a file of {there} bytes",
        )
    chunk = math.prod(source.chunks or (0,)) * source.dtype.itemsize
    bomb = source.nbytes > max(_BOMB_BYTES, _BOMB_RATIO * stored)
    if bomb or chunk > _MAX_CHUNK_BYTES:
        raise CorruptRecordingError(
            f"{source.name} promises more than the file can hold",
            expected=f"at most {_BOMB_RATIO} times the {stored} bytes stored, "
            f"in chunks of at most {_MAX_CHUNK_BYTES} bytes",
            found=f"shape {source.shape}, {source.nbytes} bytes, chunks of {chunk} bytes",
        )
    offset = plain_offset(source)
    if offset is not None and offset + source.nbytes > there:
        raise TruncatedRecordingError(
            f"the file ends within {source.name}",
            expected=f"at least {offset + source.nbytes} bytes",
            found=f"{there} bytes",
        )
