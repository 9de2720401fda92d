"""From a path to a recording: who is asked, who wins, and what is said if nobody does."""

import sys
from types import ModuleType, SimpleNamespace

import attrs
import numpy as np
import pytest

import wormio
from wormio.errors import (
    AmbiguousFormatError,
    ContractError,
    CorruptRecordingError,
    MissingPartError,
    OptionError,
    PluginLoadError,
    UnknownFormatError,
)
from wormio.model import ArrayRecording, Positions
from wormio.registry import (
    Confidence,
    Detection,
    Format,
    Options,
    PluginRegistry,
    PositionReader,
    explain,
    hookimpl,
    option,
    read_positions,
)

NAME, STRUCTURE, SIGNATURE = Confidence


@attrs.frozen(kw_only=True)
class LabOptions(Options):
    um_per_volt: float | None = option(
        "um of z per volt.",
        default=None,
        converter=attrs.converters.optional(float),
        validator=attrs.validators.optional(attrs.validators.gt(0)),
    )
    cameras: int = option("How many.", default=1, converter=int)


@attrs.frozen(kw_only=True)
class NeedyOptions(Options):
    rate: float = option("Frames a second.", converter=float)

    def __attrs_post_init__(self):
        if self.rate > 100 and self.metadata_only:
            raise ValueError("too fast to look at")


class Lab:
    """A registry of formats made up on the spot, which notes what they were asked."""

    def __init__(self, monkeypatch):
        self.registry = PluginRegistry()
        self.asked = []
        self.opened = []
        self.code = ModuleType("lab_code")
        self.code.LabOptions, self.code.NeedyOptions = LabOptions, NeedyOptions
        monkeypatch.setitem(sys.modules, "lab_code", self.code)

    def add(self, name, verdict=None, *, result=None, options="LabOptions", contents=None):
        def detect(probe):
            self.asked.append(name)
            return raised(verdict)

        def opener(path, given):
            self.opened.append((name, path, given))
            if result is None:
                return ArrayRecording.from_volumes(np.zeros((2, 3, 1, 4, 5)))
            return raised(result)

        attribute = "open_" + name.replace("-", "_")
        setattr(self.code, attribute, opener)
        if contents is not None:
            self.code.contents = lambda path, given: contents
        fmt = Format(
            name=name,
            title="",
            opener=f"lab_code:{attribute}",
            detect=detect,
            options=f"lab_code:{options}",
            contents="lab_code:contents" if contents is not None else None,
        )
        self.registry.register(
            SimpleNamespace(wormio_formats=hookimpl(lambda: [fmt], specname="wormio_formats")),
            f"plugin-{name}",
            distribution=f"{name}-io 1.0",
        )

    def open(self, path, *args, **options):
        return wormio.open(path, *args, registry=self.registry, **options)


def raised(value):
    if isinstance(value, BaseException):
        raise value
    return value


@pytest.fixture
def lab(monkeypatch):
    return Lab(monkeypatch)


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "x.dat"
    file.write_bytes(b"12345")
    return file


@pytest.mark.parametrize(
    ("is_folder", "error"), [(True, IsADirectoryError), (False, NotADirectoryError)]
)
def test_a_named_format_that_opens_no_such_thing_says_what_it_opens(
    lab, path, tmp_path, is_folder, error
):
    wrong = tmp_path if is_folder else path
    lab.add("lab", None, result=error(20, "no", str(wrong)))
    with pytest.raises(OptionError, match="format 'lab' does not open a") as caught:
        lab.open(wrong, "lab")
    assert caught.value.path == str(wrong)
    assert caught.value.expected
    # The same from a part of the recording is the format's own matter.
    other = path if is_folder else tmp_path
    with pytest.raises(error):
        lab.open(other, "lab")


def test_an_empty_path_is_no_path(lab):
    lab.add("lab", Detection(SIGNATURE, []))
    with pytest.raises(OptionError, match="the path is empty"):
        lab.open("")
    assert not lab.asked


def test_a_folder_that_may_not_be_listed_is_the_systems_refusal(lab, tmp_path, monkeypatch):
    lab.add("lab", Detection(SIGNATURE, []))

    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("os.scandir", refuse)
    for named in (None, "lab"):
        with pytest.raises(PermissionError):
            lab.open(tmp_path, named)


# --- who is asked --------------------------------------------------------------------------------


@pytest.mark.parametrize("format", [None, "lab"])
def test_a_path_that_is_not_there_is_said_before_any_format_is_asked(lab, tmp_path, format):
    lab.add("lab", Detection(SIGNATURE, []))
    broken_link = tmp_path / "link"
    broken_link.symlink_to(tmp_path / "gone")
    for missing in (tmp_path / "absent", broken_link, tmp_path / "absent" / "x"):
        with pytest.raises(FileNotFoundError) as caught:
            lab.open(missing, format)
        assert str(missing) in str(caught.value)
    assert (lab.asked, lab.opened) == ([], [])


def test_a_named_format_is_taken_and_nobody_is_asked(lab, path):
    lab.add("lab", ValueError("never called"))
    assert lab.open(str(path), "lab").timeline.n_volumes == 2
    assert lab.asked == []
    assert lab.opened[0][1] == path
    with pytest.raises(OptionError, match=r"no format 'lob'(.|\n)*lab"):
        lab.open(path, "lob")


def test_the_surest_format_wins_and_only_it_is_opened(lab, path):
    lab.add("by-name", Detection(NAME, ["name"]))
    lab.add("by-signature", Detection(SIGNATURE, ["magic"]))
    lab.add("by-structure", Detection(STRUCTURE, ["fields"]))
    lab.open(path)
    assert [name for name, *_ in lab.opened] == ["by-signature"]
    assert sorted(lab.asked) == ["by-name", "by-signature", "by-structure"]


def test_a_tie_is_refused_and_names_both_with_their_distributions(lab, path):
    lab.add("one", Detection(STRUCTURE, []))
    lab.add("two", Detection(STRUCTURE, []))
    lab.add("three", Detection(NAME, []))
    with pytest.raises(AmbiguousFormatError) as caught:
        lab.open(path)
    message = str(caught.value)
    assert "one of one-io 1.0" in message
    assert "two of two-io 1.0" in message
    assert "three" not in message
    assert lab.opened == []
    assert lab.open(path, "two")


def test_if_nobody_claims_it_the_error_says_what_was_seen_and_who_was_asked(lab, path, tmp_path):
    lab.add("one")
    lab.add("two", ZeroDivisionError("a bug"))
    with pytest.raises(UnknownFormatError) as caught:
        lab.open(path)
    message = str(caught.value)
    for part in (str(path), "one, two", "a file of 5 bytes", "ZeroDivisionError: a bug"):
        assert part in message
    (tmp_path / "folder").mkdir()
    with pytest.raises(UnknownFormatError, match="an empty folder"):
        lab.open(tmp_path / "folder")
    for i in range(12):
        (tmp_path / "folder" / f"{i:02}.txt").touch()
    with pytest.raises(UnknownFormatError, match=r"00\.txt.* and 4 more"):
        lab.open(tmp_path / "folder")
    (tmp_path / "nothing").touch()
    with pytest.raises(UnknownFormatError, match="an empty file"):
        lab.open(tmp_path / "nothing")


def test_without_any_format_the_error_says_so(path):
    with pytest.raises(UnknownFormatError, match="no formats at all"):
        wormio.open(path, registry=PluginRegistry())


@pytest.mark.parametrize("junk", [ValueError("bug"), RecursionError(), True, "yes", 3, object()])
def test_a_detector_that_crashes_or_lies_does_not_hide_the_others(lab, path, junk):
    lab.add("bad", junk)
    lab.add("good", Detection(NAME, ["name"]))
    lab.open(path)
    assert [name for name, *_ in lab.opened] == ["good"]
    answers = {v.format: v.answer for v in explain(path, registry=lab.registry).verdicts}
    assert answers == {"bad": "crashed", "good": "yes"}


def test_an_explanation_holds_every_verdict_best_first(lab, path):
    lab.add("b-no")
    lab.add("a-no")
    lab.add("partly", Detection(NAME, ["the name"], missing=["table.txt"], cure="copy it"))
    lab.add("surely", Detection(SIGNATURE, ["magic"]))
    found = explain(path, registry=lab.registry)
    assert [(v.format, v.answer) for v in found.verdicts] == [
        ("surely", "yes"),
        ("partly", "mine, but"),
        ("a-no", "no"),
        ("b-no", "no"),
    ]
    assert [v.format for v in found.best] == ["surely"]
    assert found.verdicts[1].distribution == "partly-io 1.0"
    assert "partly: mine, but (the name); missing: table.txt" in str(found)
    assert lab.opened == []


# --- options -------------------------------------------------------------------------------------


def test_options_are_typed_also_when_they_come_as_strings(lab, path):
    lab.add("lab", Detection(NAME, []))
    lab.open(path, um_per_volt="8", cameras="2", metadata_only="true", trust="no")
    given = lab.opened[0][2]
    assert given == LabOptions(um_per_volt=8.0, cameras=2, metadata_only=True, trust=False)
    lab.open(path)
    assert lab.opened[1][2] == LabOptions()


def test_a_misspelt_option_is_refused_with_a_suggestion_before_opening(lab, path):
    lab.add("lab", Detection(NAME, []))
    with pytest.raises(OptionError, match=r"'um_pr_volt'(.|\n)*did you mean um_per_volt\?"):
        lab.open(path, um_pr_volt=8)
    with pytest.raises(OptionError, match="wormio formats lab"):
        lab.open(path, zzz=8)
    assert lab.opened == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"um_per_volt": "eight"}, r"'um_per_volt'(.|\n)*um of z per volt(.|\n)*'eight'"),
        ({"um_per_volt": -8}, r"'um_per_volt'(.|\n)*-8"),
        ({"cameras": None}, "'cameras'"),
        ({"metadata_only": "perhaps"}, "'metadata_only'"),
    ],
)
def test_a_wrong_value_is_refused_with_the_options_meaning(lab, path, options, message):
    lab.add("lab", Detection(NAME, []))
    with pytest.raises(OptionError, match=message):
        lab.open(path, **options)
    assert lab.opened == []


def test_an_option_that_is_needed_or_contradicts_another_is_an_option_error(lab, path):
    lab.add("needy", Detection(NAME, []), options="NeedyOptions")
    with pytest.raises(OptionError, match="rate"):
        lab.open(path)
    with pytest.raises(OptionError, match="too fast to look at"):
        lab.open(path, rate=200, metadata_only=True)
    assert lab.open(path, rate="200")


# --- what openers do -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [
        KeyError("ImageDescription"),
        IndexError("tuple index out of range"),
        UnicodeDecodeError("ascii", b"\xff", 0, 1, "ordinal not in range"),
        EOFError(),
        AssertionError("magic"),
        NotImplementedError("compression 5"),
        OSError("Unable to synchronously open file (truncated file)"),  # as h5py raises it
    ],
    ids=lambda error: type(error).__name__,
)
def test_whatever_a_reader_raises_on_a_bad_file_is_a_corrupt_recording(lab, path, error):
    lab.add("lab", Detection(NAME, []), result=error)
    with pytest.raises(CorruptRecordingError) as caught:
        lab.open(path)
    assert caught.value.__cause__ is error
    assert caught.value.path == str(path)
    assert "'lab'" in str(caught.value)
    assert type(error).__name__ in str(caught.value)


@pytest.mark.parametrize(
    "error",
    [
        MissingPartError("no table"),
        OptionError("needs um_per_volt"),
        PermissionError(13, "Permission denied"),
        MemoryError(),
        KeyboardInterrupt(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_is_said_well_already_passes_through(lab, path, error):
    lab.add("lab", Detection(NAME, []), result=error)
    with pytest.raises(type(error)) as caught:
        lab.open(path)
    assert caught.value is error


def test_an_opener_that_returns_no_recording_is_named(lab, path):
    lab.add("lab", Detection(NAME, []), result=42)
    with pytest.raises(ContractError, match="int is no Recording"):
        lab.open(path)


def test_code_of_a_format_that_is_not_there_is_a_plugin_error(lab, path):
    lab.add("lab", Detection(NAME, []))
    del lab.code.open_lab
    with pytest.raises(PluginLoadError, match="lab_code:open_lab"):
        lab.open(path)


def test_where_there_is_nothing_to_choose_item_is_refused_not_ignored(lab, path):
    lab.add("single", Detection(NAME, []))
    with pytest.raises(OptionError, match="nothing to choose from") as caught:
        lab.open(path, item="stage-2")
    assert "stage-2" in str(caught.value)
    lab.add("many", Detection(SIGNATURE, []), contents=("stage-1", "stage-2"))
    lab.open(path, item="stage-2")
    assert [given.item for _, _, given in lab.opened] == ["stage-2"]


def test_contents_are_those_of_the_format_and_empty_for_a_single_recording(lab, path, monkeypatch):
    monkeypatch.setattr("wormio.registry.opening.default_registry", lambda: lab.registry)
    lab.add("single", Detection(NAME, []))
    assert wormio.contents(path) == []
    lab.add("many", Detection(SIGNATURE, []), contents=("stage-1", "stage-2"))
    assert wormio.contents(path) == ["stage-1", "stage-2"]
    assert wormio.contents(path, "single") == []
    with pytest.raises(FileNotFoundError):
        wormio.contents(path.with_name("gone"))


# --- positions -----------------------------------------------------------------------------------


@pytest.fixture
def points(monkeypatch):
    registry = PluginRegistry()
    code = ModuleType("points_code")

    def reader(name, *patterns):
        def read(path, *, scale=1.0):
            return raised(code.result) or Positions.static([[0, 0, scale]], labels=[name])

        code.result = None
        setattr(code, name, read)
        return PositionReader(name=name, title="", patterns=patterns, reader=f"points_code:{name}")

    found = [reader("csv", "*.csv", "*.tsv"), reader("brains", "brains.json"), reader("h", "*.csv")]
    registry.register(
        SimpleNamespace(
            wormio_position_readers=hookimpl(lambda: found[:2], specname="wormio_position_readers")
        ),
        "points",
    )
    registry.third = found[2]
    registry.code = code
    monkeypatch.setitem(sys.modules, "points_code", code)
    return registry


def test_the_reader_of_positions_is_chosen_by_the_files_name(points, tmp_path):
    for name, label in (("a.csv", "csv"), ("b.tsv", "csv"), ("brains.json", "brains")):
        (tmp_path / name).touch()
        assert read_positions(tmp_path / name, registry=points).labels == (label,)
    (tmp_path / "my_brains.json").touch()
    with pytest.raises(OptionError, match=r"no reader(.|\n)*csv \(\*\.csv \*\.tsv\)"):
        read_positions(tmp_path / "my_brains.json", registry=points)


def test_a_named_reader_is_taken_whatever_the_name_and_gets_its_options(points, tmp_path):
    (tmp_path / "points.txt").touch()
    found = read_positions(tmp_path / "points.txt", "csv", registry=points, scale=2.5)
    assert found.coords.tolist() == [[0, 0, 2.5]]
    with pytest.raises(OptionError, match="no reader"):
        read_positions(tmp_path / "points.txt", "xml", registry=points)
    with pytest.raises(FileNotFoundError):
        read_positions(tmp_path / "gone.csv", registry=points)


def test_two_readers_of_one_pattern_must_be_chosen_between(points, tmp_path):
    (tmp_path / "a.csv").touch()
    points.register(
        SimpleNamespace(
            wormio_position_readers=hookimpl(
                lambda: [points.third], specname="wormio_position_readers"
            )
        ),
        "more points",
    )
    with pytest.raises(OptionError, match="several readers fit"):
        read_positions(tmp_path / "a.csv", registry=points)
    assert read_positions(tmp_path / "a.csv", "h", registry=points).labels == ("h",)


def test_a_reader_that_fails_on_a_bad_file_is_translated_and_a_wrong_option_named(points, tmp_path):
    (tmp_path / "a.csv").touch()
    points.code.result = KeyError("column x")
    with pytest.raises(CorruptRecordingError, match=r"a\.csv(.|\n)*'csv'.*KeyError") as caught:
        read_positions(tmp_path / "a.csv", registry=points)
    assert isinstance(caught.value.__cause__, KeyError)
    with pytest.raises(OptionError, match="scael"):
        read_positions(tmp_path / "a.csv", registry=points, scael=2)
