"""The file of signals: exact round trips, and what happens to files that are not what they claim.

Most tests read with h5py what `save` wrote, or let `load` read what h5py changed.
"""

import shutil
import threading
from pathlib import Path

import attrs
import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from wormio.errors import (
    CorruptRecordingError,
    MissingPartError,
    OptionError,
    OutputExistsError,
    RecordingError,
    SignalError,
    TruncatedRecordingError,
    UnsafeReferenceError,
    WormioError,
)
from wormio.model import Channel, Column, Positions
from wormio.signal import Provenance, Signal, load, save


@pytest.fixture
def saved(tmp_path, make_full_signal):
    """Return the path of a file with one signal."""
    path = tmp_path / "traces.h5"
    save(path, make_full_signal())
    return path


# --- round trips -------------------------------------------------------------------------------


def test_everything_comes_back(saved, make_full_signal):
    signal = make_full_signal()
    (name, loaded), *others = load(saved).items()
    assert (name, others) == ("green", [])
    assert loaded == signal
    for field in ("data", "time", "volume", "sample_time", "valid", "voxels"):
        assert getattr(loaded, field).dtype == getattr(signal, field).dtype
        assert getattr(loaded, field).tobytes() == getattr(signal, field).tobytes()
    properties = loaded.events["light"].properties
    for field, column in signal.events["light"].properties.items():
        assert properties[field].values.dtype == column.values.dtype
    assert loaded.history == signal.history
    assert loaded.provenance.source == signal.provenance.source
    assert Signal.load(saved) == signal


def test_another_program_can_read_it(saved, make_full_signal):
    signal = make_full_signal()
    with h5py.File(saved) as file:
        assert file.attrs["format"] == "wormio-signal"
        assert file.attrs["schema_version"] == 1
        group = file["signals/0"]
        assert group.attrs["name"] == "green"
        np.testing.assert_array_equal(group["data"][:], signal.data)
        assert group["valid"][:].dtype == bool
        assert tuple(group["labels"].asstr()[:]) == signal.labels
        kinds = []
        file.visititems(lambda _, item: kinds.append(getattr(item, "dtype", np.dtype("i8"))))
        assert all(k.kind != "O" or h5py.check_string_dtype(k) for k in kinds)


def test_channels_share_their_events_and_provenance(tmp_path, make_full_signal):
    green = make_full_signal()
    red = attrs.evolve(green, channel=Channel(name="red"), data=green.data * 2)
    other = attrs.evolve(green, provenance=make_full_signal(seed=1).provenance)
    names = ["red", "a/b", "", "..", "0"]
    save(tmp_path / "x.h5", dict(zip(names, [red, green, other, green, red], strict=True)))
    loaded = load(tmp_path / "x.h5")
    assert list(loaded) == names
    assert loaded["red"] == red
    assert loaded["red"].provenance is loaded["a/b"].provenance
    assert loaded["red"].provenance is not loaded[""].provenance
    assert loaded["red"].events["light"] is loaded[""].events["light"]
    with h5py.File(tmp_path / "x.h5") as file:
        assert [len(file[name]) for name in ("signals", "events", "provenance")] == [5, 2, 2]


def test_one_channel_is_loaded_by_name(tmp_path, make_signal):
    path = tmp_path / "x.h5"
    red = make_signal([[1.0]], channel=Channel(name="red"))
    save(path, {"green": make_signal([[2.0]]), "red": red})
    assert Signal.load(path, "red") == red
    for channel in (None, "blue"):
        with pytest.raises(OptionError, match=r"'green', 'red'") as caught:
            Signal.load(path, channel)
        assert caught.value.path == str(path)


def test_tracked_positions_with_all_their_fields(tmp_path, make_full_signal):
    signal = make_full_signal()
    rng = np.random.default_rng(0)
    positions = Positions(
        coords=np.where(rng.random((40, 5, 1)) < 0.1, np.nan, rng.random((40, 5, 3))),
        z_unit="frame",
        labels=list("abcde"),
        confidence=rng.random((40, 5)),
        channel="red",
        volumes=signal.provenance.volumes,
    )
    signal = attrs.evolve(signal, provenance=attrs.evolve(signal.provenance, positions=positions))
    signal.save(tmp_path / "x.h5")
    assert Signal.load(tmp_path / "x.h5") == signal


def test_long_histories_and_sources_fit(tmp_path, make_full_signal):
    signal = make_full_signal()
    signal = signal.with_step("x", {"empty": [f"neuron {i}" for i in range(50_000)]})
    signal.save(tmp_path / "x.h5")
    assert Signal.load(tmp_path / "x.h5") == signal


words = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)
columns = hnp.arrays(
    st.one_of(
        hnp.boolean_dtypes(),
        hnp.integer_dtypes(endianness="?"),
        hnp.floating_dtypes(endianness="?"),
        hnp.complex_number_dtypes(),
        hnp.byte_string_dtypes(min_len=1),
        hnp.datetime64_dtypes(),
    ),
    st.tuples(st.just(3)) | st.tuples(st.just(3), st.integers(0, 3)),
)


@given(
    data=hnp.arrays(np.float64, hnp.array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=6)),
    extra=st.dictionaries(words, columns, max_size=2),
    notes=st.lists(words.map(lambda word: word.rstrip("\0")), min_size=3, max_size=3),
    names=st.lists(st.text(max_size=6), min_size=5, max_size=5),
    seed=st.integers(0, 2**32 - 1),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_round_trip_of_anything(
    tmp_path, make_signal, make_events, data, extra, notes, names, seed
):
    rng = np.random.default_rng(seed)
    labels = [f"{notes[0]}{i}" for i in range(data.shape[1])]
    properties = {name: Column(values=values, unit=names[0]) for name, values in extra.items()}
    properties["notes"] = Column(values=np.array(notes))
    signal = make_signal(
        data,
        valid=rng.random(data.shape) < 0.5,
        sample_time=rng.normal(size=data.shape),
        labels=labels,
        channel=Channel(name=notes[1], indicator=names[1]),
        quantity=names[2],
        unit=names[3],
        recording=names[4],
        events={names[0]: make_events([1.0, np.nan, 3.0], properties=properties)},
    ).with_step(names[1], {names[2]: names[3]})
    path = tmp_path / "any.h5"
    signal.save(path, overwrite=True)
    loaded = Signal.load(path, notes[1])
    assert loaded.data.tobytes() == signal.data.tobytes()
    for one, other in zip(loaded.events.values(), signal.events.values(), strict=True):
        assert list(one.properties) == list(other.properties)
        for name, column in other.properties.items():
            assert one.properties[name].values.dtype == column.values.dtype
            assert one.properties[name].values.shape == column.values.shape
            assert one.properties[name].values.tobytes() == column.values.tobytes()
    without = {"events": {}}
    assert attrs.evolve(loaded, **without) == attrs.evolve(signal, **without)


def test_real_traces_come_back(tmp_path, real_data):
    with np.load(real_data / "worm_traces" / "kato2015_worm1.npz") as archive:
        traces, fps = archive["neuron_traces"].T, float(archive["fps"])
        labels = [f"{i}:{name}" for i, name in enumerate(archive["neuron_names"])]
    signal = Signal(
        data=traces,
        time=np.arange(len(traces)) / fps,
        labels=labels,
        channel=Channel(name="GCaMP", role="signal"),
        quantity="dF/F",
        unit="",
    )
    signal.save(tmp_path / "kato.h5")
    loaded = Signal.load(tmp_path / "kato.h5")
    assert loaded == signal
    np.testing.assert_array_equal(loaded.data, traces)
    assert loaded.data.shape == (3137, 103)


# --- what cannot be written --------------------------------------------------------------------


def test_nothing_is_overwritten_unasked(saved, make_signal):
    before = saved.read_bytes()
    other = make_signal([[1.0]])
    with pytest.raises(OutputExistsError, match="overwrite=True"):
        other.save(saved)
    assert saved.read_bytes() == before
    other.save(saved, overwrite=True)
    assert Signal.load(saved) == other


@pytest.mark.parametrize("overwrite", [False, True])
def test_what_is_no_file_of_signals_is_never_replaced(tmp_path, make_signal, overwrite):
    recording = tmp_path / "recording.h5"
    with h5py.File(recording, "w") as file:
        file.attrs["format"] = "wormio-recording"
    table = tmp_path / "neurons.csv"
    table.write_text("z,y,x")
    folder = tmp_path / "folder"
    (folder / "inner").mkdir(parents=True)
    for path in (recording, table):
        before = path.read_bytes()
        with pytest.raises(OutputExistsError, match="never replaced"):
            make_signal(np.zeros((3, 2))).save(path, overwrite=overwrite)
        assert path.read_bytes() == before
    with pytest.raises(OptionError, match="it is a folder"):
        make_signal(np.zeros((3, 2))).save(folder, overwrite=overwrite)
    assert (folder / "inner").is_dir()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder", "neurons.csv", "recording.h5"]


def test_text_that_no_file_can_hold_is_refused_before_anything_is_written(
    tmp_path, make_signal, make_events
):
    table = make_events([1.0], properties={"x": Column(values=np.array(["a\0b"]))})
    with pytest.raises(SignalError, match="NUL"):
        make_signal([[1.0]], events={"light": table}).save(tmp_path / "x.h5")
    assert list(tmp_path.iterdir()) == []


def test_names_that_no_file_can_hold_and_no_signals(tmp_path, make_signal):
    for name in ("a\0", "\ud800"):
        with pytest.raises(SignalError, match="name"):
            save(tmp_path / "x.h5", {name: make_signal([[1.0]])})
    with pytest.raises(SignalError, match="no signal"):
        save(tmp_path / "x.h5", {})
    assert list(tmp_path.iterdir()) == []


def test_threads_may_save_at_once(tmp_path, make_full_signal):
    signals = [make_full_signal(seed=seed) for seed in range(8)]
    threads = [
        threading.Thread(target=signal.save, args=(tmp_path / f"{i}.h5",))
        for i, signal in enumerate(signals)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [Signal.load(tmp_path / f"{i}.h5") for i in range(8)] == signals


# --- files that are not what they claim --------------------------------------------------------


def refused(path, kind=RecordingError):
    """Return the error that loading raises; it must name the path."""
    with pytest.raises(kind) as caught:
        load(path)
    assert caught.value.path == str(path)
    assert str(path) in str(caught.value)
    return caught.value


def test_truncated_anywhere(saved):
    whole = saved.read_bytes()
    sizes = {len(whole) * part // 64 for part in range(64)} | {1, 7, 8, 9, 100, len(whole) - 1}
    for size in sizes:
        saved.write_bytes(whole[:size])
        refused(saved, TruncatedRecordingError if size < 8 else RecordingError)
    saved.write_bytes(whole[: len(whole) // 2])
    refused(saved, TruncatedRecordingError)


def test_files_of_other_kinds(tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("no signals here, only notes")
    assert "HDF5" in str(refused(text, SignalError))
    other = tmp_path / "other.h5"
    with h5py.File(other, "w") as file:
        file["data"] = np.zeros(3)
    refused(other, SignalError)
    with h5py.File(other, "a") as file:
        file.attrs["format"] = np.arange(3)
    refused(other, SignalError)
    refused(tmp_path, SignalError)
    refused(tmp_path / "nowhere.h5", MissingPartError)
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "nowhere.h5")


def test_a_newer_version_says_to_upgrade(saved):
    with h5py.File(saved, "a") as file:
        file.attrs["schema_version"] = 2
        file.attrs["wormio"] = "9.0"
    error = refused(saved, SignalError)
    assert "9.0" in error.found
    assert "upgrade" in error.cure


def members(path):
    """Return the names of all groups and datasets."""
    names = []
    with h5py.File(path) as file:
        file.visit(names.append)
    return names


def test_every_missing_member_is_noticed(saved, tmp_path):
    broken = tmp_path / "broken.h5"
    for name in members(saved):
        shutil.copy(saved, broken)
        with h5py.File(broken, "a") as file:
            del file[name]
        refused(broken, CorruptRecordingError)


def test_every_member_of_another_kind_is_noticed(saved, tmp_path):
    broken = tmp_path / "broken.h5"
    for name in members(saved):
        shutil.copy(saved, broken)
        with h5py.File(broken, "a") as file:
            was_group = isinstance(file[name], h5py.Group)
            del file[name]
            if was_group:
                file[name] = 1.5
            else:
                file.create_group(name)
        refused(broken, CorruptRecordingError)


def test_every_dataset_of_another_shape_or_type_is_noticed(saved, tmp_path):
    broken = tmp_path / "broken.h5"
    for name in members(saved):
        for wrong in (1.5, np.zeros((7, 3, 4, 5)), ["a", "b", "c"]):
            shutil.copy(saved, broken)
            with h5py.File(broken, "a") as file:
                if isinstance(file[name], h5py.Group):
                    continue
                del file[name]
                file[name] = wrong
            refused(broken, CorruptRecordingError)


def test_no_link_is_followed_out_of_the_file(saved, tmp_path):
    secret = tmp_path / "secret.h5"
    shutil.copy(saved, secret)
    broken = tmp_path / "broken.h5"
    for name in members(saved):
        for link in (h5py.ExternalLink("secret.h5", f"/{name}"), h5py.SoftLink("/signals")):
            shutil.copy(saved, broken)
            with h5py.File(broken, "a") as file:
                del file[name]
                file[name] = link
            refused(broken, UnsafeReferenceError)


def test_no_dataset_takes_its_values_from_elsewhere(saved, tmp_path):
    with h5py.File(saved) as file:
        shape = file["signals/0/data"].shape
    (tmp_path / "secret.txt").write_bytes(b"secret!!" * shape[0] * shape[1])
    broken = tmp_path / "broken.h5"
    layout = h5py.VirtualLayout(shape, "f8")
    layout[:] = h5py.VirtualSource(saved, "signals/0/data", shape)
    nbytes = 8 * shape[0] * shape[1]
    for make in (
        lambda file: file.create_virtual_dataset("signals/0/data", layout),
        lambda file: file.create_dataset(
            "signals/0/data", shape, "f8", external=[(tmp_path / "secret.txt", 0, nbytes)]
        ),
    ):
        shutil.copy(saved, broken)
        with h5py.File(broken, "a") as file:
            del file["signals/0/data"]
            make(file)
        refused(broken, UnsafeReferenceError)


def test_a_promise_of_terabytes_is_not_believed(saved):
    with h5py.File(saved, "a") as file:
        del file["signals/0/data"]
        file.create_dataset("signals/0/data", (1 << 20, 1 << 20), "f8", chunks=(64, 64))
    assert "promises" in str(refused(saved, CorruptRecordingError))


def test_flipped_bits_are_noticed_or_harmless(saved, make_full_signal):
    whole = saved.read_bytes()
    signal = make_full_signal()
    rng = np.random.default_rng(5)
    noticed = 0
    for at in rng.integers(0, len(whole), 150):
        broken = bytearray(whole)
        broken[at] ^= 1 << int(rng.integers(8))
        saved.write_bytes(broken)
        try:
            loaded = load(saved)
        except WormioError as error:
            assert error.path == str(saved)  # noqa: PT017
            noticed += 1
        else:
            # Arrays carry checksums; only names and other text can change unnoticed.
            for found in loaded.values():
                np.testing.assert_array_equal(found.data, signal.data)
    assert noticed > 20


def test_wrong_content_is_no_bug_report(saved, tmp_path):
    broken = tmp_path / "broken.h5"
    for text in ("", "[]", "{}", "nonsense", "[" * 100_000, '{"absent": ["data"]}', "\udcff"):
        shutil.copy(saved, broken)
        with h5py.File(broken, "a") as file:
            del file["signals/0/meta"]
            file["signals/0/meta"] = text.encode("utf-8", "surrogateescape")
        refused(broken, CorruptRecordingError)
    shutil.copy(saved, broken)
    with h5py.File(broken, "a") as file:
        del file["signals/0/labels"]
        file["signals/0/labels"] = ["a"] * 5
    assert "labels" in str(refused(broken, CorruptRecordingError))


def test_a_date_column_cannot_smuggle_in_objects(saved):
    with h5py.File(saved, "a") as file:
        meta = file["events/0/meta"].asstr()[()].replace("<M8[ms]", "|O")
        del file["events/0/meta"]
        file["events/0/meta"] = meta
    refused(saved, CorruptRecordingError)


def test_a_file_that_may_not_be_read_says_so(saved, monkeypatch):
    def forbid(*_args, **_kwargs):
        raise PermissionError(13, "Permission denied", str(saved))

    monkeypatch.setattr(Path, "open", forbid)
    with pytest.raises(PermissionError, match=r"traces\.h5"):
        load(saved)


def test_provenance_is_refused_unless_json(make_full_signal):
    provenance = make_full_signal().provenance
    with pytest.raises(SignalError, match="options"):
        attrs.evolve(provenance, options={"mask": object()})
    assert isinstance(provenance, Provenance)
    assert provenance.options == {"mask": {"box": [3, 5, 5]}, "offset": 100.5}
