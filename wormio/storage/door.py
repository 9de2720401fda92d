"""The one place where what readers raise on a bad file becomes an error of wormio."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wormio.errors import CorruptRecordingError, WormioError

__all__ = ["translated"]


@contextmanager
def translated(path: Path, kind: str, doing: str) -> Iterator[None]:
    """Translate every exception of a reader.

    Parameters
    ----------
    path : Path
        The file.
    kind : str
        What it is read as: ``"TIFF"``.
    doing : str
        Completes "while ...".

    Raises
    ------
    CorruptRecordingError
        With the reader's exception as its cause.
    """
    try:
        yield
    except (WormioError, MemoryError):  # a lack of memory is not the file's fault
        raise
    except Exception as error:
        # An errno means that the system failed (no permission, a broken disk), not the file.
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise CorruptRecordingError(
            f"the file cannot be read as {kind}: {type(error).__name__} while {doing}",
            found=str(error)[:300],
            path=path,
            cure="copy the file again from where it was recorded",
        ) from error
