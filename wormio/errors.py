"""The errors of wormio: one tree, each leaf also the builtin a caller would expect.

::

    WormioError
    ├─ FormatError (ValueError)
    │  ├─ UnknownFormatError        no format claims the path
    │  │  └─ MissingPluginError     ... but a plugin is known that would
    │  ├─ AmbiguousFormatError      several formats claim it equally well
    │  └─ OptionError               an option is missing, misspelt or has a wrong value
    ├─ ContractError (ValueError)   a value breaks a rule of `wormio.model` (an adapter's mistake)
    ├─ RecordingError (OSError)
    │  ├─ CorruptRecordingError     the files contradict each other or themselves
    │  ├─ TruncatedRecordingError   a file ends too early
    │  ├─ MissingPartError (FileNotFoundError)
    │  └─ UnsafeReferenceError      a file points outside the recording's folder
    ├─ RecordingClosedError (ValueError)
    ├─ FrameIndexError (IndexError)
    ├─ MissingImageError (LookupError)
    ├─ UnsupportedCapabilityError (NotImplementedError)
    ├─ PluginError (RuntimeError)
    │  ├─ PluginLoadError
    │  └─ PluginConflictError
    ├─ ExtractionError (RuntimeError)
    │  ├─ CheckpointError
    │  ├─ OutputExistsError (FileExistsError)
    │  └─ WorkerLostError           a process was killed in the middle of its work
    ├─ SignalError (ValueError)
    │  └─ AlreadyAppliedError
    └─ MappingError (ValueError)

Every error is built from four facts, so that none can be forgotten: what was expected, what was
found, in which file, and what to do. They stay available as attributes. Every error pickles.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os

__all__ = [
    "AlreadyAppliedError",
    "AmbiguousFormatError",
    "CheckpointError",
    "ContractError",
    "CorruptRecordingError",
    "ExtractionError",
    "FormatError",
    "FrameIndexError",
    "MappingError",
    "MissingImageError",
    "MissingPartError",
    "MissingPluginError",
    "OptionError",
    "OutputExistsError",
    "PluginConflictError",
    "PluginError",
    "PluginLoadError",
    "RecordingClosedError",
    "RecordingError",
    "SignalError",
    "TruncatedRecordingError",
    "UnknownFormatError",
    "UnsafeReferenceError",
    "UnsupportedCapabilityError",
    "WorkerLostError",
    "WormioError",
]


class WormioError(Exception):
    """Root of all errors that wormio raises on purpose.

    Parameters
    ----------
    problem : str
        What is wrong, in one clause.
    expected, found : str, optional
        What the format or contract asks for, and what is there.
    path : path-like, optional
        The file or folder at fault.
    cure : str, optional
        What the user can do about it.
    """

    def __init__(
        self,
        problem: str,
        *,
        expected: str = "",
        found: str = "",
        path: str | os.PathLike[str] | None = None,
        cure: str = "",
    ) -> None:
        self.problem = problem
        self.expected = expected
        self.found = found
        self.path = None if path is None else str(path)
        self.cure = cure
        # Only the message goes to the builtin base: OSError would read two
        # arguments as (errno, strerror).
        super().__init__(self._message())

    def _message(self) -> str:
        lines = [self.problem if self.path is None else f"{self.path}: {self.problem}"]
        if self.expected:
            lines.append(f"  expected: {self.expected}")
        if self.found:
            lines.append(f"  found:    {self.found}")
        if self.cure:
            lines.append(f"  to do:    {self.cure}")
        return "\n".join(lines)

    def __str__(self) -> str:
        # KeyError-like builtins would print the repr.
        return self._message()

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.problem), self.__dict__)


def _rebuild(cls: type[WormioError], problem: str) -> WormioError:
    return cls(problem)


class FormatError(WormioError, ValueError):
    """A path could not be matched to a format, or a file breaks its format's syntax."""


class UnknownFormatError(FormatError):
    """No installed format claims the path."""


class MissingPluginError(UnknownFormatError):
    """No installed format claims the path, but a plugin is known that reads it."""


class AmbiguousFormatError(FormatError):
    """Several formats claim the path with equal confidence."""


class OptionError(FormatError):
    """An option is missing, misspelt, or has a value it cannot have."""


class ContractError(WormioError, ValueError):
    """A value breaks a rule of `wormio.model`: the mistake of an adapter or of its caller."""


class RecordingError(WormioError, OSError):
    """A recording's files cannot be read as what they claim to be."""


class CorruptRecordingError(RecordingError):
    """Files contradict each other or themselves."""


class TruncatedRecordingError(RecordingError):
    """A file ends before what its metadata promise."""


class MissingPartError(RecordingError, FileNotFoundError):
    """A file that belongs to the recording is not there."""


class UnsafeReferenceError(RecordingError):
    """A file refers to data outside its recording's folder, or a pickle to code."""


class RecordingClosedError(WormioError, ValueError):
    """Pixels were asked of a recording that has been closed."""


class FrameIndexError(WormioError, IndexError):
    """An index lies outside the frames, channels, rows, columns or volumes."""


class MissingImageError(WormioError, LookupError):
    """An image that was never saved was asked for; it is not replaced by a fill value."""


class UnsupportedCapabilityError(WormioError, NotImplementedError):
    """The recording or the kernel cannot do what was asked, by declaration."""


class PluginError(WormioError, RuntimeError):
    """A plugin is at fault."""


class PluginLoadError(PluginError):
    """A plugin could not be loaded."""


class PluginConflictError(PluginError):
    """Two plugins claim the same name."""


class ExtractionError(WormioError, RuntimeError):
    """Fluorescence could not be extracted as asked."""


class CheckpointError(ExtractionError):
    """A checkpoint does not belong to this extraction or is damaged."""


class OutputExistsError(ExtractionError, FileExistsError):
    """The output is there already; it is never overwritten unasked."""


class WorkerLostError(ExtractionError):
    """A worker process was killed, or taken away, before its task was done."""


class SignalError(WormioError, ValueError):
    """A signal cannot be processed, sliced, saved or loaded as asked."""


class AlreadyAppliedError(SignalError):
    """A step that must not be repeated was applied a second time."""


class MappingError(WormioError, ValueError):
    """A map between point spaces cannot be fitted or used as asked."""
