"""Pickles of wormdatamodel: its arrays come out, and nothing of a pickle ever runs."""

import builtins
import collections
import copyreg
import importlib
import os
import pickle
import pickletools
import random
import struct
import sys
import types

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wormio.errors import (
    CorruptRecordingError,
    MissingPartError,
    OptionError,
    SignalError,
    TruncatedRecordingError,
    UnsafeReferenceError,
    WormioError,
)
from wormio.signal import Signal
from wormio.signal.importing import read_legacy_pickle
from wormio.signal.importing.pickles import LegacyObject, read_pickle


@pytest.fixture(scope="module")
def legacy(real_data):
    return real_data / "legacy_signals"


@pytest.fixture(scope="module")
def truth(legacy):
    with np.load(legacy / "expected.npz") as found:
        return dict(found)


@pytest.fixture
def as_wormdatamodel(monkeypatch):
    """Return a class that pickles under the name of wormdatamodel's; gone before anything reads."""

    def make(state, name=("wormdatamodel.signal.signal", "Signal"), protocol=4):
        module = types.ModuleType(name[0])
        cls = type(name[1], (), {"__module__": name[0]})
        setattr(module, name[1], cls)
        made = cls()
        made.__dict__.update(state)
        parents = name[0].split(".")[:-1]
        with monkeypatch.context() as patch:
            for n in range(1, len(parents) + 1):
                patch.setitem(
                    sys.modules, ".".join(parents[:n]), types.ModuleType(".".join(parents[:n]))
                )
            patch.setitem(sys.modules, name[0], module)
            return pickle.dumps(made, protocol)

    return make


def read(tmp_path, data):
    path = tmp_path / "some.pickle"
    path.write_bytes(data)
    return read_pickle(path)


# Real ones


def test_the_traces_that_wormdatamodel_wrote_come_out_bit_by_bit(legacy, truth):
    signal = read_legacy_pickle(legacy / "signal.pickle")
    assert isinstance(signal, Signal)
    np.testing.assert_array_equal(signal.data, truth["ratio"], strict=True)
    np.testing.assert_array_equal(signal.valid, ~truth["nan_mask"], strict=True)
    assert np.isnan(signal.time).all()
    for name in ("green", "red"):
        signal = read_legacy_pickle(legacy / f"{name}.pickle")
        raw = truth[f"{name}_raw"]
        np.testing.assert_array_equal(signal.valid, ~np.isnan(raw))
        np.testing.assert_array_equal(signal.data[signal.valid], raw[signal.valid])
        assert np.isfinite(signal.data).all()  # interpolated, as its history says
        assert signal.channel.name == name


def test_what_had_been_done_stands_in_the_history(legacy):
    signal = read_legacy_pickle(legacy / "signal.pickle")
    assert [step.name for step in signal.history] == [
        "correct_motion",
        "interpolate",
        "remove_infinities",
        "import",
    ]
    assert signal.history[0].parameters["correction_method"] == 0.0
    found = signal.history[-1].parameters
    assert found["info"]["ref_index"] == 30
    assert found["which_skip"] == {"optogenetics": [0]}
    assert "Replacing nans" in found["logbook"]
    assert found["file"] == "signal.pickle"
    assert len(found["sha256"]) == 64


def test_neither_wormdatamodel_nor_mistofrutta_is_imported(legacy, monkeypatch):
    def refuse(name, *_args, **_kwargs):
        if name.startswith(("wormdatamodel", "mistofrutta")):
            raise AssertionError(name)
        return original(name, *_args, **_kwargs)

    original = builtins.__import__
    monkeypatch.setattr(builtins, "__import__", refuse)
    read_legacy_pickle(legacy / "signal.pickle")
    assert not any(name.startswith(("wormdatamodel", "mistofrutta")) for name in sys.modules)


def test_stimuli_come_from_strides(legacy, truth):
    signal = read_legacy_pickle(
        legacy / "signal.pickle", rate=2.0, strides={"optogenetics": truth["strides"]}
    )
    events = signal.events["optogenetics"]
    assert events.volume.tolist() == [60, 130, 220]
    assert events.time.tolist() == [30.0, 65.0, 110.0]
    with pytest.raises(OptionError, match="sum 300"):
        read_legacy_pickle(legacy / "signal.pickle", strides={"optogenetics": [1, 2]})


# Of every protocol and age


@pytest.mark.parametrize("protocol", range(6))
def test_every_protocol(tmp_path, as_wormdatamodel, protocol):
    rng = np.random.default_rng(0)
    state = {
        "data": np.asfortranarray(rng.random((7, 3))),
        "nan_mask": rng.random((7, 3)) > 0.5,
        "info": {"method": "box", "numbers": [1, 2.5, None, True, (1,), {"a": "ä"}]},
        "scalar": np.float64(1.5),
        "small": np.int16(-3),
        "text": np.array(["a", "ßß"]),
        "big_endian": np.arange(4, dtype=">i4"),
        "empty": np.zeros((0, 3)),
        "bytes": b"\xff\0",
        "none": b"",
        "set": {1, 2},
        "ordered": collections.OrderedDict(a=1),
        "again": None,
    }
    state["again"] = state["info"]
    found = read(tmp_path, as_wormdatamodel(state, protocol=protocol))
    assert isinstance(found, LegacyObject)
    assert found.name == "wormdatamodel.signal.signal.Signal"
    assert set(found.state) == set(state)
    for name, value in state.items():
        if isinstance(value, (np.ndarray, np.generic)):
            np.testing.assert_array_equal(found.state[name], value)
            assert not found.state[name].flags.writeable
            assert found.state[name].shape == value.shape
        else:
            assert found.state[name] == value, name
    assert found.state["again"] is found.state["info"]


def test_a_pickle_of_python_2(tmp_path):
    # Written by hand: protocol 2, a str of bytes for the array.
    values = np.array([1.5, -2.0])
    data = (
        b"\x80\x02cwormdatamodel.signal.signal\nSignal\n)\x81}(U\x04dataq\x01"
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85U\x01btR"
        b"(K\x01K\x02\x85cnumpy\ndtype\n(U\x02f8K\x00K\x01tR"
        b"(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        b"\x89U\x10" + values.tobytes() + b"tbub."
    )
    found = read(tmp_path, data)
    np.testing.assert_array_equal(found.state["data"], values)


def test_smoothed_traces_and_those_from_before(tmp_path, as_wormdatamodel):
    rng = np.random.default_rng(0)
    raw, smooth = rng.random((2, 20, 2))
    spikes = np.zeros((20, 2), bool)
    spikes[4, 1] = True
    state = {
        "data": smooth,
        "unsmoothed_data": raw,
        "nan_mask": np.zeros((20, 2), bool),
        "smoothed": True,
        "smooth_n": 5,
        "smooth_mode": "sg",
        "spikes_removed": True,
        "spikes": spikes,
        "photobl_applied": True,
        "photobl_p": np.ones((2, 5)),
        "description": "red",
        "strides": [np.array([5, 15])],
        "stride_names": ["light"],
    }
    path = tmp_path / "red.pickle"
    path.write_bytes(as_wormdatamodel(state))
    signal = read_legacy_pickle(path, rate=1.0)
    steps = {step.name: step.parameters for step in signal.history}
    assert list(steps) == ["debleach", "remove_spikes", "smooth", "import"]
    assert steps["smooth"] == {
        "by": "wormdatamodel",
        "smooth_n": 5,
        "smooth_mode": "sg",
    }
    assert steps["remove_spikes"] == {"by": "wormdatamodel", "samples": [[4, 1]]}
    assert signal.channel.role == "reference"
    assert signal.events["light"].time.tolist() == [5.0]
    before = read_legacy_pickle(path, unsmoothed=True)
    np.testing.assert_array_equal(before.data, raw)
    assert "smooth" not in [step.name for step in before.history]


def test_what_is_no_signal_is_told(tmp_path, as_wormdatamodel):
    path = tmp_path / "some.pickle"
    path.write_bytes(pickle.dumps([1, 2]))
    with pytest.raises(SignalError, match="list"):
        read_legacy_pickle(path)
    name = ("wormdatamodel.data.recording", "recording")
    path.write_bytes(as_wormdatamodel({"Dt": 0.5}, name))
    assert read_pickle(path).state == {"Dt": 0.5}
    with pytest.raises(SignalError, match="recording"):
        read_legacy_pickle(path)
    path.write_bytes(as_wormdatamodel({"data": "no array"}))
    with pytest.raises(CorruptRecordingError, match="data"):
        read_legacy_pickle(path)
    path.write_bytes(as_wormdatamodel({"data": np.ones((2, 2)), "nan_mask": np.ones((3, 2))}))
    with pytest.raises(CorruptRecordingError, match="nan_mask"):
        read_legacy_pickle(path)
    for odd in ({"smoothed": np.ones(2)}, {"strides": [[1], [1, 2]], "stride_names": ["a", "b"]}):
        path.write_bytes(as_wormdatamodel({"data": np.ones((2, 2)), **odd}))
        with pytest.raises((CorruptRecordingError, OptionError)):
            read_legacy_pickle(path)
    path.write_bytes(as_wormdatamodel({"data": np.ones((2, 2))}))
    with pytest.raises(OptionError, match="before smoothing"):
        read_legacy_pickle(path, unsmoothed=True)
    with pytest.raises(MissingPartError):
        read_legacy_pickle(tmp_path / "none.pickle")


# Malicious ones


class Calls:
    """Pickles as a call of something."""

    def __init__(self, function, *arguments, state=None):
        self.call = (function, arguments, state)

    def __reduce__(self):
        return self.call if self.call[2] is not None else self.call[:2]


MALICIOUS = {
    "system": lambda mark: Calls(os.system, f"touch {mark}"),
    "eval": lambda mark: Calls(eval, f"open({mark!r}, 'w')"),
    "exec": lambda mark: Calls(exec, f"open({mark!r}, 'w')"),
    "open": lambda mark: Calls(open, mark, "w"),
    "getattr": lambda mark: Calls(getattr, Calls(getattr, "", "__class__"), "__mro__"),
    "import": lambda mark: Calls(importlib.import_module, "antigravity"),
    "nested": lambda mark: [{"data": (Calls(np.array, Calls(os.system, f"touch {mark}")),)}],
    "load": lambda mark: Calls(np.load, mark),
    "objects": lambda mark: np.array([Calls(os.system, f"touch {mark}"), None], object),
    "records": lambda mark: np.zeros(2, [("a", "f8")]),
    "dates": lambda mark: np.zeros(2, "M8[s]"),
    "class": lambda mark: types.SimpleNamespace(a=1),
    "array-class": lambda mark: np.ma.masked_array([1, 2], [True, False]),
    "complex-call": lambda mark: Calls(copyreg._reconstructor, os._wrap_close, object, None),
    "bytes-bomb": lambda mark: Calls(bytes, 1 << 40),
    "bytearray-bomb": lambda mark: Calls(bytearray, 1 << 40),
    "set-of-tuples": lambda mark: {(1, 2)},
    "range": lambda mark: Calls(set, range(1 << 40)),
    "tuple-key": lambda mark: {(1, 2): 3},
}


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
@pytest.mark.parametrize("kind", MALICIOUS)
def test_a_malicious_pickle_leaves_no_trace(tmp_path, kind, protocol):
    mark = tmp_path / "touched"
    before = set(sys.modules)
    data = pickle.dumps(MALICIOUS[kind](str(mark)), protocol)
    with pytest.raises((UnsafeReferenceError, CorruptRecordingError)) as raised:
        read(tmp_path, data)
    assert not mark.exists()
    assert "antigravity" not in set(sys.modules) - before
    assert raised.value.path == str(tmp_path / "some.pickle")


def test_what_was_refused_is_named(tmp_path):
    with pytest.raises(UnsafeReferenceError, match=r"posix\.system"):
        read(tmp_path, pickle.dumps(Calls(os.system, "true")))
    with pytest.raises(UnsafeReferenceError, match="dtype 'O8'"):
        read(tmp_path, pickle.dumps(np.array([{}], object)))
    with pytest.raises(UnsafeReferenceError, match="BINPERSID"):
        read(tmp_path, b"\x80\x04K\x01Q.")
    with pytest.raises(UnsafeReferenceError, match="PERSID"):
        read(tmp_path, b"Pname\n.")
    with pytest.raises(UnsafeReferenceError, match="EXT1"):
        read(tmp_path, b"\x80\x02\x82\x01.")
    with pytest.raises(UnsafeReferenceError, match="INST"):
        read(tmp_path, b"(S'true'\nios\nsystem\n.")
    with pytest.raises(UnsafeReferenceError, match="OBJ"):
        read(tmp_path, b"(cnumpy\nndarray\no.")


NAMES = (
    b"numpy\nndarray",
    b"numpy\ndtype",
    b"wormdatamodel.signal.signal\nSignal",
    b"builtins\nset",
)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_is_allowed_is_no_value_and_takes_no_state(tmp_path, name):
    for tail in (b".", b"}b.", b"(dtR.", b"K\x01\x85R.", b"]\x85R}b.", b"}}\x92."):
        try:
            found = read(tmp_path, b"\x80\x04c" + name + b"\n" + tail)
        except WormioError:
            continue
        assert found == set()  # set([])


ARRAY = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R"
F8 = b"cnumpy\ndtype\nU\x02f8\x85R"

BOMBS = {
    "memo index": b"\x80\x04K\x01r\xff\xff\xff\x7f.",  # harmless here: the memo is a dictionary
    "length": b"\x80\x04\x8e" + struct.pack("<Q", 1 << 60) + b"abc.",
    "text length": b"\x80\x04\x8d" + struct.pack("<Q", 1 << 60) + b"abc.",
    "bytearray length": b"\x80\x05\x96" + struct.pack("<Q", 1 << 62) + b"abc.",
    "shape": ARRAY + b"(K\x01J\xff\xff\xff\x7fJ\xff\xff\xff\x7f\x86" + F8 + b"\x89C\x00tb.",
    "empty shape": ARRAY + b"(K\x01K\x00J\xff\xff\xff\x7f\x86" + F8 + b"\x89C\x00tb.",
    "negative shape": ARRAY + b"(K\x01J\xff\xff\xff\xff\x85" + F8 + b"\x89C\x08abcdefghtb.",
    "itself": b"\x80\x04]q\x00h\x00a.",
    "deep": b"\x80\x04" + b"]" * 10_000 + b"a" * 9_999 + b".",
    "tuples": b"\x80\x04)" + b"2\x86" * 60 + b".",
    "hash of tuples": b"\x80\x04})" + b"2\x86" * 60 + b"K\x01s.",
    "long": b"\x80\x04\x8b" + struct.pack("<i", 100_000) + b"\x7f" * 100_000 + b".",
    "decimal": b"I" + b"9" * 100_000 + b"\n.",
    "marks": b"(" * 20_000 + b".",
    "copies": b"\x80\x02cbuiltins\nbytes\n0X"
    + struct.pack("<I", 1_000_000)
    + b"a" * 1_000_000
    + b"q\x01"
    + b"c_codecs\nencode\nh\x01U\x06latin1\x86R" * 200
    + b".",
}


@pytest.mark.parametrize("kind", BOMBS)
def test_a_bomb_costs_no_more_than_the_file(tmp_path, kind):
    tracemalloc = pytest.importorskip("tracemalloc")
    tracemalloc.start()
    try:
        if kind == "memo index":
            assert read(tmp_path, BOMBS[kind]) == 1
        else:
            with pytest.raises(WormioError):
                read(tmp_path, BOMBS[kind])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 200 * len(BOMBS[kind]) + (8 << 20)


def test_a_program_of_many_steps_is_stopped(tmp_path):
    with pytest.raises(CorruptRecordingError, match="too many steps"):
        read(tmp_path, b"\x80\x04" + b"N0" * 120_000 + b"N.")


def test_what_is_told_of_a_signal_is_bounded(tmp_path):
    # Lists that hold the one before twice: small in the file, 2**40 values as JSON.
    laughs = b"]K\x01aq\x01" + b"0]h\x01ah\x01aq\x01" * 40
    array = ARRAY + b"(K\x01K\x01K\x01\x86" + F8 + b"\x89C\x08\0\0\0\0\0\0\0\0tb"
    state = b"}(U\x04data" + array + b"U\x04info" + laughs + b"u"
    data = b"\x80\x04cwormdatamodel.signal.signal\nSignal\n)\x81" + state + b"b."
    path = tmp_path / "green.pickle"
    path.write_bytes(data)
    with pytest.raises(CorruptRecordingError, match="too long"):
        read_legacy_pickle(path)


# Damaged ones


def sound(signal, original):
    """Tell whether a signal is one that the damaged file may hold: as large as its arrays."""
    return isinstance(signal, Signal) and signal.data.size <= 2 * original.data.size


@pytest.fixture(scope="module")
def originals(legacy):
    return {
        name: (
            (legacy / f"{name}.pickle").read_bytes(),
            read_legacy_pickle(legacy / f"{name}.pickle"),
        )
        for name in ("green", "signal")
    }


def structure(data):
    """Return the positions of bytes that are not those of a long array."""
    positions, last = [], 0
    for opcode, argument, at in pickletools.genops(data):
        positions += range(last, at + 1)
        last = at + len(argument) if opcode.name == "BINBYTES" else at
    return positions


@settings(max_examples=150)
@given(data=st.data())
def test_flipped_bytes_give_an_error_or_a_signal(originals, tmp_path_factory, data):
    name = data.draw(st.sampled_from(sorted(originals)))
    raw, original = originals[name]
    places = structure(raw)
    broken = bytearray(raw)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.sampled_from(places))
        broken[at] ^= data.draw(st.integers(1, 255))
    path = tmp_path_factory.getbasetemp() / "flipped.pickle"
    path.write_bytes(broken)
    try:
        signal = read_legacy_pickle(path)
    except WormioError:
        return
    assert sound(signal, original)


def test_a_file_that_is_cut_anywhere_is_told(originals, tmp_path):
    raw, _ = originals["signal"]
    rng = random.Random(0)
    path = tmp_path / "cut.pickle"
    for stop in [0, 1, 2, 11, *rng.sample(range(12, len(raw)), 60), len(raw) - 1]:
        path.write_bytes(raw[:stop])
        with pytest.raises(TruncatedRecordingError):
            read_pickle(path)


@settings(max_examples=150)
@given(
    st.lists(
        st.one_of(
            st.sampled_from([op.code.encode("latin-1") for op in pickletools.opcodes]),
            st.sampled_from([ARRAY, F8, *(b"c" + name + b"\n" for name in NAMES)]),
            st.binary(max_size=4),
        ),
        max_size=30,
    )
)
def test_any_program_gives_plain_values_or_an_error(tmp_path_factory, pieces):
    path = tmp_path_factory.getbasetemp() / "program.pickle"
    path.write_bytes(b"".join(pieces) + b".")
    try:
        found = read_pickle(path)
    except WormioError:
        return
    plain = (type(None), bool, int, float, str, bytes, list, tuple, dict, set)
    assert isinstance(found, (*plain, np.ndarray, LegacyObject))
