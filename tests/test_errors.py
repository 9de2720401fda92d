"""The error tree is what its picture says, and every error says what to do."""

import inspect
import pickle
import re
from pathlib import Path

import pytest

from wormio import errors
from wormio.errors import MissingPartError, TruncatedRecordingError, WormioError

# Written down once more, from the design: what a caller may rely on in `except`.
BUILTINS = {
    "FormatError": ValueError,
    "UnknownFormatError": ValueError,
    "AmbiguousFormatError": ValueError,
    "OptionError": ValueError,
    "ContractError": ValueError,
    "RecordingError": OSError,
    "CorruptRecordingError": OSError,
    "TruncatedRecordingError": OSError,
    "MissingPartError": FileNotFoundError,
    "UnsafeReferenceError": OSError,
    "RecordingClosedError": ValueError,
    "FrameIndexError": IndexError,
    "MissingImageError": LookupError,
    "UnsupportedCapabilityError": NotImplementedError,
    "PluginError": RuntimeError,
    "PluginLoadError": RuntimeError,
    "PluginConflictError": RuntimeError,
    "ExtractionError": RuntimeError,
    "CheckpointError": RuntimeError,
    "OutputExistsError": FileExistsError,
    "WorkerLostError": RuntimeError,
    "SignalError": ValueError,
    "AlreadyAppliedError": ValueError,
    "MappingError": ValueError,
}
ALL = [getattr(errors, name) for name in errors.__all__]
every_error = pytest.mark.parametrize("error", ALL, ids=lambda error: error.__name__)
FACTS = {"expected": "6 files", "found": "5 files", "path": "/data/x.dat", "cure": "copy it again"}


def drawn_tree():
    """Read {error: parent} from the picture at the top of the module."""
    parents, above = {}, {}
    for line in errors.__doc__.splitlines():
        if match := re.match(r"    ([│├└─ ]*)(\w+Error)\b", line):
            depth = len(match[1]) // 3
            above[depth] = match[2]
            if depth:
                parents[match[2]] = above[depth - 1]
    return parents


def test_the_tree_is_as_drawn():
    parents = drawn_tree()
    assert set(parents) == set(errors.__all__) - {"WormioError"}
    for name, parent in parents.items():
        assert getattr(errors, parent) in getattr(errors, name).__bases__, name


def test_every_error_of_the_module_is_public():
    classes = inspect.getmembers(errors, inspect.isclass)
    assert sorted(errors.__all__) == sorted(name for name, _ in classes)


@pytest.mark.parametrize("name", BUILTINS)
def test_every_error_is_also_the_builtin_that_a_caller_expects(name):
    error = getattr(errors, name)
    assert issubclass(error, WormioError)
    with pytest.raises(BUILTINS[name]):
        raise error("wrong")


@every_error
def test_the_message_holds_problem_expected_found_path_and_cure(error):
    message = str(error("a file is missing", **FACTS))
    assert message.splitlines()[0] == "/data/x.dat: a file is missing"
    for fact in ("expected: 6 files", "found:    5 files", "to do:    copy it again"):
        assert fact in message
    assert str(error("a file is missing")) == "a file is missing"


@every_error
def test_the_facts_stay_available_as_attributes(error):
    made = error("a file is missing", **(FACTS | {"path": Path("/data/x.dat")}))
    assert made.problem == "a file is missing"
    assert {name: getattr(made, name) for name in FACTS} == FACTS
    bare = error("a file is missing")
    assert (bare.expected, bare.found, bare.path, bare.cure) == ("", "", None, "")


@every_error
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_error_survives_pickling(error, protocol):
    made = error("a file is missing", **FACTS)
    made.add_note("while reading frame 3")
    back = pickle.loads(pickle.dumps(made, protocol))
    assert type(back) is error
    assert str(back) == str(made)
    assert vars(back) == vars(made)


def test_an_error_of_files_has_no_false_errno():
    assert TruncatedRecordingError("short", **FACTS).errno is None
    assert MissingPartError("gone", path="x").errno is None


@every_error
def test_every_error_says_what_it_means(error):
    assert error.__doc__.strip().endswith(".") or error is WormioError
