"""Text signals: exact numbers, every header seen in the field, and nothing guessed."""

import io
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import wormio
from wormio.errors import (
    FormatError,
    MissingPartError,
    OptionError,
    OutputExistsError,
    SignalError,
    TruncatedRecordingError,
)
from wormio.export import to_text
from wormio.signal.importing import read_text, read_text_header

HEADER = {"method": "box", "version": "1.5", "ref_index": 30}
LINE = json.dumps(HEADER)
BODY = "1.5 nan\n-2 3e300\ninf 4\n"
NUMBERS = np.array([[1.5, np.nan], [-2, 3e300], [np.inf, 4]])


def written(tmp_path, text, name="green.txt"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


# Reading what labs have


def test_what_wormdatamodel_wrote(real_data):
    folder = real_data / "legacy_signals"
    with np.load(folder / "expected.npz") as truth:
        for name, role in (("green", "signal"), ("red", "reference")):
            signal = read_text(folder / f"{name}.txt")
            np.testing.assert_array_equal(signal.data, truth[f"{name}_raw"])
            np.testing.assert_array_equal(signal.valid, ~np.isnan(truth[f"{name}_raw"]))
            assert (signal.channel.name, signal.channel.role) == (name, role)
            assert np.isnan(signal.time).all()
            (step,) = signal.history
            assert (step.name, step.parameters["header"]) == ("import", HEADER)
            assert step.parameters["time"] == "unknown"
    assert read_text_header(folder / "green.txt") == HEADER
    assert read_text(folder / "green_matchless.txt").channel.name == "green"


VARIANTS = {
    "as numpy writes it": (f"# {LINE}\n{BODY}", HEADER),
    "a: no header": (BODY, {}),
    "b: no space": (f"#{LINE}\n{BODY}", HEADER),
    "c: several comments": (f"# made by hand\n\n# [1, 2]\n# {LINE}\n# {{}}\n{BODY}", HEADER),
    "d: other spellings": (
        f"# {LINE}\n" + BODY.replace("nan", "NaN").replace("inf", "Inf"),
        HEADER,
    ),
    "e: CRLF": (f"# {LINE}\n{BODY}".replace("\n", "\r\n"), HEADER),
    "f: BOM": (f"\ufeff# {LINE}\n{BODY}", HEADER),
    "f: BOM and no header": (f"\ufeff{BODY}", {}),
    "tabs and blank lines": (f"# {LINE}\n\n" + BODY.replace(" ", "\t") + "\n\n", HEADER),
    "no newline at the end": (f"# {LINE}\n{BODY.rstrip()}", HEADER),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_header_in_the_field(tmp_path, variant):
    text, header = VARIANTS[variant]
    path = written(tmp_path, text)
    assert read_text_header(path) == header
    signal = read_text(path)
    np.testing.assert_array_equal(signal.data, NUMBERS)
    np.testing.assert_array_equal(signal.valid, np.isfinite(NUMBERS))
    assert signal.history[0].parameters["header"] == header
    assert "header_problem" not in signal.history[0].parameters


def test_a_header_that_is_no_json_is_told_and_kept(tmp_path, caplog):
    path = written(tmp_path, "# {'method': 'box'}\n1 2\n")
    signal = read_text(path)
    assert "'method'" in signal.history[0].parameters["header_problem"]
    assert "green.txt" in caplog.text
    assert signal.data.tolist() == [[1, 2]]


def test_numbers_in_the_header_that_json_does_not_know(tmp_path):
    path = written(tmp_path, '# {"dt": NaN}\n1\n')
    assert np.isnan(read_text_header(path)["dt"])
    assert read_text(path).history[0].parameters["header"] == {"dt": "nan"}


def test_times_are_given_or_unknown(tmp_path):
    path = written(tmp_path, BODY)
    assert read_text(path, rate=2.0).time.tolist() == [0, 0.5, 1]
    assert read_text(path, times=[1, 2, 4]).time.tolist() == [1, 2, 4]
    for wrong in (
        {"rate": 0},
        {"rate": -1.0},
        {"rate": np.nan},
        {"times": [1, 2]},
        {"times": [3, 2, 1]},
        {"times": "abc"},
        {"times": [1, 2, np.inf]},
        {"rate": 1.0, "times": [1, 2, 3]},
    ):
        with pytest.raises(OptionError):
            read_text(path, **wrong)


def test_labels_and_channel(tmp_path):
    path = written(tmp_path, BODY)
    signal = read_text(path, labels=["AVA", "AVB"], channel="RFP")
    assert signal.labels == ("AVA", "AVB")
    assert (signal.channel.name, signal.channel.role) == ("RFP", "reference")
    with pytest.raises(SignalError, match=r"green\.txt"):
        read_text(path, labels=["AVA"])


WRONG = {
    "ragged": ("# {}\n1 2\n3\n", "line 2"),
    "words": ("1 2\nthree 4\n", "three"),
    "commas": ("1,2\n3,4\n", "blanks"),
    "cut": (f"# {LINE}\n1.0 2.0\n3.0 4.0e", "4.0e"),
    "binary": (b"\x80\x04\x95\xff\xfe\x00", "text"),
    "binary later": (b"1 2\n" * 10_000 + b"\xff\xfe", "text"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_no_table_is_told(tmp_path, kind):
    text, says = WRONG[kind]
    with pytest.raises(FormatError, match=says) as raised:
        read_text(written(tmp_path, text))
    assert "green.txt" in str(raised.value)


def test_an_empty_file_is_told_and_a_header_alone_is_no_trace(tmp_path):
    with pytest.raises(TruncatedRecordingError, match="empty"):
        read_text(written(tmp_path, ""))
    assert read_text(written(tmp_path, f"# {LINE}\n")).data.shape == (0, 0)


def test_a_missing_file_is_no_exit(tmp_path):
    with pytest.raises(FileNotFoundError) as raised:
        read_text(tmp_path / "green.txt")
    assert isinstance(raised.value, MissingPartError)
    with pytest.raises(FormatError):
        read_text_header(tmp_path)


def test_the_header_is_read_without_the_numbers(tmp_path):
    # What follows the header is no text: whoever looks at it fails.
    path = written(tmp_path, f"# {LINE}\n".encode() + b"1 2\n" * 4096 + b"\xff" * 100)
    assert read_text_header(path) == HEADER


# Writing


@settings(max_examples=40)
@given(
    hnp.arrays(
        np.float64,
        st.tuples(st.integers(0, 5), st.integers(1, 4)),
        elements=st.floats(width=64, allow_nan=True, allow_infinity=True),
    )
)
def test_any_number_comes_back_bit_by_bit(tmp_path_factory, make_signal, data):
    path = tmp_path_factory.getbasetemp() / "any.txt"
    to_text(make_signal(data), path, overwrite=True)
    back = read_text(path)
    np.testing.assert_array_equal(back.data, data, strict=True)
    np.testing.assert_array_equal(
        np.signbit(back.data), np.signbit(np.where(np.isnan(data), back.data, data))
    )
    if len(data):
        np.testing.assert_array_equal(np.loadtxt(path, ndmin=2), data)


def test_what_a_signal_says_comes_back(tmp_path, make_full_signal):
    signal = make_full_signal()
    # An interpolated sample is finite and not measured; a measured one may have become NaN.
    data = np.where(signal.valid, signal.data, 1.5)
    data[3, 2] = np.nan
    signal = signal.with_step("filled", {}, data=data)
    path = tmp_path / "all.txt"
    to_text(signal, path)
    back = read_text(path)
    for name in ("data", "valid", "time", "volume"):
        np.testing.assert_array_equal(getattr(back, name), getattr(signal, name), strict=True)
    for name in ("labels", "channel", "quantity", "unit", "recording"):
        assert getattr(back, name) == getattr(signal, name)
    assert back.events == signal.events
    assert back.history[:-1] == signal.history
    assert back.history[-1].name == "import"
    assert path.read_text().count("\n") == 1 + signal.n_volumes


def test_the_header_of_the_lab_is_kept(tmp_path, make_full_signal):
    path = written(tmp_path, f"# {LINE}\n{BODY}")
    signal = read_text(path)
    to_text(signal, tmp_path / "again.txt")
    assert HEADER.items() <= read_text_header(tmp_path / "again.txt").items()
    to_text(signal, tmp_path / "other.txt", header={"method": "mine", "n": np.int64(3)})
    found = read_text_header(tmp_path / "other.txt")
    assert (found["method"], found["n"]) == ("mine", 3)
    to_text(make_full_signal(), tmp_path / "ours.txt")
    found = read_text_header(tmp_path / "ours.txt")
    assert found["version"] == f"wormio {wormio.__version__}"
    assert found["wormio"]["extraction"]["options"]["offset"] == 100.5
    assert len(found["wormio"]["extraction"]["sha256_of_options"]) == 64
    with pytest.raises(OptionError, match="wormio"):
        to_text(signal, tmp_path / "third.txt", header={"wormio": 1})
    with pytest.raises(SignalError, match="JSON"):
        to_text(signal, tmp_path / "third.txt", header={"f": io.StringIO()})
    assert not (tmp_path / "third.txt").exists()


def test_a_header_that_does_not_fit_any_more_is_told(tmp_path, make_signal):
    path = tmp_path / "some.txt"
    to_text(make_signal(np.ones((3, 2))), path)
    path.write_text(path.read_text() + "1 2\n")
    with pytest.raises(FormatError, match="fit the table"):
        read_text(path)


def test_only_text_signals_are_replaced(tmp_path, make_signal):
    signal = make_signal(np.ones((3, 2)))
    path = written(tmp_path, BODY)
    with pytest.raises(OutputExistsError):
        to_text(signal, path)
    to_text(signal, path, overwrite=True)
    to_text(signal, path, overwrite=True)
    notes = written(tmp_path, "my notes\n", "notes.txt")
    with pytest.raises(OutputExistsError, match="never"):
        to_text(signal, notes, overwrite=True)
    assert notes.read_text() == "my notes\n"
