"""HDF5 files of our own: written whole, and read with every failure translated.

What lies in them is for their own modules to say.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import numpy as np

from wormio.errors import (
    ContractError,
    CorruptRecordingError,
    MissingPartError,
    RecordingError,
    SignalError,
    TruncatedRecordingError,
    WormioError,
)
from wormio.storage.atomic import check_target, refuse_foreign, write_atomically
from wormio.storage.hdf5_opening import has_format

if TYPE_CHECKING:
    import h5py

__all__ = ["Kind"]

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_OTHERS = "name a file that wormio saved; wormio explain PATH tells what this one may be"
_CURE = "copy it again from where it came, or extract it again"


@attrs.frozen
class Kind:
    """A kind of file, known by the attributes ``format`` and ``schema_version`` of its root.

    Parameters
    ----------
    format : str
    schema_version : int
        The newest that is understood.
    title : str
        For messages: ``"file of signals"``.
    """

    format: str
    schema_version: int
    title: str

    def check_output(self, path: str | os.PathLike[str], *, overwrite: bool) -> None:
        """Raise `OutputExistsError` or `OptionError` if `write` would refuse `path`."""
        check_target(path)
        refuse_foreign(
            path, self.title, lambda found: has_format(found, self.format), overwrite=overwrite
        )

    def write(
        self,
        path: str | os.PathLike[str],
        fill: Callable[[h5py.File], None],
        *,
        overwrite: bool,
    ) -> None:
        """Write a file that appears at once and complete, or not at all; `fill` fills it."""
        self.check_output(path, overwrite=overwrite)
        try:
            image = self._image(fill)
        except ContractError as error:
            raise SignalError(
                error.problem, expected=error.expected, found=error.found, path=path
            ) from error
        write_atomically(path, image, overwrite=overwrite)

    @contextmanager
    def reading(self, path: str | os.PathLike[str]) -> Iterator[h5py.File]:
        """Open a file; all that is raised inside is about this file.

        Raises
        ------
        SignalError
            It is no such file, or one of a newer version.
        MissingPartError, TruncatedRecordingError, CorruptRecordingError, UnsafeReferenceError
            It is not there, ends too early, is damaged, or points to other files.
        """
        import h5py

        path = Path(path)
        self._check_signature(path)
        # No locks: such a file is only ever replaced, never changed; and some network file
        # systems cannot lock.
        with self._translated(path), h5py.File(path, "r", locking=False) as file:
            self._check_format(file, path)
            yield file

    def _image(self, fill: Callable[[h5py.File], None]) -> bytes:
        """Return the bytes of the file.

        It is made in memory: on a full disk, HDF5 fails late and takes the process with it.
        """
        import h5py

        import wormio

        # HDF5 tells open files apart by their names, also those in memory.
        with h5py.File(secrets.token_hex(8), "w", driver="core", backing_store=False) as file:
            file.attrs["format"] = self.format
            file.attrs["schema_version"] = self.schema_version
            file.attrs["wormio"] = wormio.__version__
            fill(file)
            file.flush()
            image: bytes = file.id.get_file_image()
        return image

    def _check_signature(self, path: Path) -> None:
        """Look at the first bytes, so that HDF5 is only asked about its own files."""
        try:
            if path.is_dir():
                raise SignalError(
                    f"is no {self.title}",
                    expected="an HDF5 file",
                    found="a folder",
                    path=path,
                    cure=_OTHERS,
                )
            with path.open("rb") as file:
                start = file.read(len(_SIGNATURE))
        except FileNotFoundError as error:
            raise MissingPartError("there is no such file", path=path) from error
        if start == _SIGNATURE:
            return
        if _SIGNATURE.startswith(start):
            raise TruncatedRecordingError(
                "ends too early", expected="an HDF5 file", found=f"{len(start)} bytes", path=path
            )
        raise SignalError(
            f"is no {self.title}",
            expected="an HDF5 file",
            found=f"{start!r}, ...",
            path=path,
            cure=_OTHERS,
        )

    def _check_format(self, file: h5py.File, path: Path) -> None:
        found = file.attrs.get("format")
        there = found.decode("utf-8", "replace") if isinstance(found, bytes) else found
        if not isinstance(found, str) or found != self.format:
            raise SignalError(
                f"is no {self.title}",
                expected=f"the attribute format={self.format!r}",
                found="an HDF5 file without it" if found is None else f"format={there!r}"[:200],
                path=path,
                cure=_OTHERS,
            )
        version = file.attrs.get("schema_version")
        if not isinstance(version, np.integer) or version < 1:
            raise CorruptRecordingError(
                "has no schema_version", found=repr(version)[:200], path=path
            )
        if version > self.schema_version:
            raise SignalError(
                "was written by a newer wormio",
                expected=f"schema_version {self.schema_version} or older",
                found=f"schema_version {version}, "
                f"written by wormio {file.attrs.get('wormio')!s:.50}",
                path=path,
                cure="pip install --upgrade wormio",
            )

    @contextmanager
    def _translated(self, path: Path) -> Iterator[None]:
        """Turn whatever HDF5, numpy or values raise on a bad file into our errors."""
        try:
            yield
        except WormioError as error:
            if error.path is not None:
                raise
            # What a value's own checks refuse was not written by wormio.
            kind = type(error) if isinstance(error, RecordingError) else CorruptRecordingError
            raise kind(
                error.problem, expected=error.expected, found=error.found, path=path, cure=_CURE
            ) from error
        except (
            ArithmeticError,
            AttributeError,
            LookupError,
            OSError,
            RuntimeError,
            TypeError,
            ValueError,
        ) as error:
            cut = isinstance(error, OSError) and "truncated" in str(error)
            kind = TruncatedRecordingError if cut else CorruptRecordingError
            raise kind(
                "ends too early" if cut else "is damaged",
                expected=f"a {self.title}, as wormio wrote it",
                found=f"{type(error).__name__}: {error}"[:300],
                path=path,
                cure=_CURE,
            ) from error
