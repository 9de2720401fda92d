"""Lists of data sets: text files with a folder a line, and tags."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from pathlib import Path

import attrs

from wormio.errors import MissingPartError, OptionError, SignalError

__all__ = ["DataSet", "read_dataset_list"]

_log = logging.getLogger(__name__)


@attrs.frozen
class DataSet:
    """One line of a list.

    Parameters
    ----------
    path : Path
        Its folder.
    tags : tuple of str
        In the order of the line.
    """

    path: Path
    tags: tuple[str, ...] = ()


def read_dataset_list(
    path: str | os.PathLike[str],
    *,
    tags: str | Iterable[str] = (),
    exclude: str | Iterable[str] = (),
) -> tuple[DataSet, ...]:
    """Read a list of data sets, for example ``/data/2021-03-04/ #unc31 good``.

    A line is a folder, then ``#`` and tags, separated by blanks, tabs or further ``#``. Empty
    lines and those that begin with ``#`` say nothing. Blanks inside of a path belong to it.

    Parameters
    ----------
    path : path-like
        Text in UTF-8. Relative folders in it are relative to its own folder.
    tags : str or iterable of str
        Only data sets with all of these; a text may hold several, separated by blanks.
    exclude : str or iterable of str
        No data sets with any of these.

    Returns
    -------
    tuple of DataSet
        In the order of the list. A folder that is listed again is left out, with a warning in
        the log. The folders need not exist.

    Raises
    ------
    MissingPartError
        There is no such file.
    SignalError
        It is no text.
    OptionError
        A tag is both wanted and excluded.
    """
    path = Path(path)
    wanted, unwanted = _words(tags), _words(exclude)
    both = sorted(wanted & unwanted)
    if both:
        raise OptionError("a tag is both wanted and excluded", found=", ".join(both))
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise MissingPartError("there is no such file", path=path) from error
    except UnicodeDecodeError as error:
        raise SignalError(
            "is no list of data sets", expected="text in UTF-8", found=str(error), path=path
        ) from error
    if "\0" in text:
        raise SignalError("is no list of data sets", expected="text", found="NUL", path=path)
    first_line: dict[Path, int] = {}
    chosen = []
    for number, line in enumerate(text.split("\n"), start=1):
        folder, _, rest = line.partition("#")
        if not folder.strip():
            continue
        one = DataSet(
            path.parent / os.path.normpath(folder.strip()), tuple(rest.replace("#", " ").split())
        )
        have = set(one.tags)
        if not wanted <= have or unwanted & have:
            continue
        if one.path in first_line:
            _log.warning(
                "%s: line %d lists %s again, after line %d",
                path,
                number,
                one.path,
                first_line[one.path],
            )
            continue
        first_line[one.path] = number
        chosen.append(one)
    return tuple(chosen)


def _words(given: str | Iterable[str]) -> set[str]:
    texts = [given] if isinstance(given, str) else given
    return {word for text in texts for word in text.replace("#", " ").split()}
