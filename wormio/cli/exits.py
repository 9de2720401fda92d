"""How the program ends: every error becomes a message on stderr and a documented exit code."""

from __future__ import annotations

import errno
import os
import shlex
import signal
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from wormio import errors

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

__all__ = ["DIFFERENT", "EXIT_CODES", "TERMINATED", "TerminatedError", "exit_code", "main"]

# The first that fits counts.
EXIT_CODES: tuple[tuple[type[BaseException], int], ...] = (
    (errors.OptionError, 2),
    (errors.UnsupportedCapabilityError, 2),
    (errors.OutputExistsError, 6),
    (errors.WorkerLostError, 6),
    (errors.ExtractionError, 2),
    (errors.MappingError, 2),
    (errors.MissingPluginError, 5),
    (errors.FormatError, 3),
    (errors.RecordingError, 4),
    (errors.MissingImageError, 4),
    (errors.SignalError, 4),
    (errors.PluginError, 5),
    (errors.ContractError, 5),
    (OSError, 6),
    (KeyboardInterrupt, 130),
)
DIFFERENT = 7
"""Of ``wormio diff`` when the recordings differ; 1, as of ``diff``, is a bug here."""
TERMINATED = 143
_BUG = 1

# What the system says in a few words of its own: the problem, what was expected, what to do.
_PLAINLY = {
    errno.ENOENT: ("there is no such file or folder", "", ""),
    errno.EISDIR: ("is a folder", "a file", "name a file in it"),
    errno.ENOTDIR: ("a part of this path is a file", "folders down to the last name", ""),
    errno.EACCES: (
        "permission denied",
        "",
        "see who may read and write it and its folder: ls -ld {folder} {path}",
    ),
    errno.EROFS: ("this disk can only be read", "", "choose another place for the output"),
}


class TerminatedError(BaseException):
    """SIGTERM came. No SystemExit: a plugin that raises that is only a broken plugin."""


def exit_code(error: BaseException) -> int:
    """Return the exit code for an error; 1 for one that wormio did not expect."""
    return next((code for kind, code in EXIT_CODES if isinstance(error, kind)), _BUG)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program and exit.

    Parameters
    ----------
    arguments : sequence of str, optional
        Default: those of the process.
    """
    signal.signal(signal.SIGTERM, _terminate)
    try:
        from wormio.cli.app import app  # takes long enough for a Ctrl-C

        app(args=None if arguments is None else list(arguments), standalone_mode=True)
    except SystemExit as ended:
        # The reader of our output has gone, as with `wormio info ... | head`: typer's code for it
        # is that of a bug.
        if isinstance(ended.__context__, BrokenPipeError):
            sys.exit(0)
        raise
    except KeyboardInterrupt:
        sys.exit(exit_code(KeyboardInterrupt()))
    except TerminatedError:
        sys.exit(TERMINATED)
    except Exception as error:
        code = exit_code(error)
        if code == _BUG:
            traceback.print_exc()
            sys.stderr.write(
                "\nThis is a bug of wormio or of a plugin, not of yours. "
                "Please report it with the lines above.\n"
            )
        else:
            sys.stderr.write(f"wormio: {_text(error)}\n")
        sys.exit(code)


def _terminate(_signal: int, _frame: FrameType | None) -> None:
    raise TerminatedError


def _text(error: BaseException) -> str:
    if isinstance(error, OSError) and not isinstance(error, errors.WormioError):
        path, number = error.filename, error.errno
        if path is not None and number in _PLAINLY and error.strerror == os.strerror(number):
            problem, expected, cure = _PLAINLY[number]
            folder, name = (shlex.quote(str(p)) for p in (Path(path).parent, path))
            cure = cure.format(folder=folder, path=name)
            return str(errors.WormioError(problem, expected=expected, path=path, cure=cure))
        return f"{error.filename or ''}: {error.strerror or error}".removeprefix(": ")
    return str(error)
