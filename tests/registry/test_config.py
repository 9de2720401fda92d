"""Facts kept by hand in NAME.wormio.toml: what they change, and what is refused."""

import json
import pickle
import shutil

import numpy as np
import pytest

import wormio
from wormio.errors import OptionError, UnsafeReferenceError, WormioError
from wormio.model import EventStatus, Origin, Source
from wormio.registry.config import find_config
from wormio.registry.probe import Probe
from wormio.testing import Phantom, Scan, write_leifer


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    folder = tmp_path_factory.mktemp("original") / "rec"
    phantom = Phantom(
        Scan.synthetic(n_volumes=4, n_dropped=2, n_duplicates=1, n_glitches=0),
        n_neurons=4,
        shape=(32, 48),
        n_stimuli=0,
    )
    write_leifer(phantom, folder, zscan=False, pharos_columns=None)
    return folder


@pytest.fixture
def rec(original, tmp_path):
    folder = tmp_path / "rec"
    shutil.copytree(original, folder)
    return folder


@pytest.fixture
def write(rec):
    def write(text, name="rec.wormio.toml", folder=None):
        path = (folder or rec.parent) / name
        path.write_text(text)
        return path

    return write


def code_of(recording):
    return [finding.code for finding in recording.findings]


def refused(path, text, *parts, error=OptionError, **options):
    """Open `path`; the error must name the file, and everything else in `parts`."""
    with pytest.raises(error) as caught:
        wormio.open(path, **options)
    for part in (text, *parts):
        assert part in str(caught.value)
    return caught.value


# --- options --------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["beside", "inside", "named", "itself", "itself, named"])
def test_options_come_from_the_file_wherever_it_lies(rec, write, where, tmp_path):
    text = "[options]\num_per_volt = 8.0\num_per_pixel = 0.5"
    config = {}
    path = rec
    if where == "inside":
        write(text, "any.wormio.toml", rec)
    elif where == "named":
        (tmp_path / "other").mkdir()
        config = {"config": write(text, "lab.wormio.toml", tmp_path / "other")}
    elif where == "itself, named":
        path = write('data = "rec"\n' + text, "lab.wormio.toml")
    elif where == "itself":
        path = write(text)
    else:
        write(text)
    with wormio.open(path, **config) as recording:
        assert recording.voxel_size.y == 0.5
        assert np.isfinite(recording.timeline.z_um).any()
        (finding,) = (f for f in recording.findings if f.code == "config-used")
        assert "wormio.toml supplies options um_per_volt=8.0, um_per_pixel=0.5" in finding.message


def test_the_name_of_a_file_may_lose_its_extensions(rec, write, tmp_path):
    import tifffile

    path = tmp_path / "movie.ome.tif"
    tifffile.imwrite(path, np.zeros((2, 3, 8, 8), np.uint16), metadata={"axes": "TZYX"}, ome=True)
    for name in ("movie.ome.tif", "movie.ome", "movie"):
        config = write("", f"{name}.wormio.toml")
        with wormio.open(path) as recording:
            assert "config-used" in code_of(recording)
        config.unlink()
    with wormio.open(path) as recording:
        assert "config-used" not in code_of(recording)


@pytest.mark.parametrize("name", ["rec.h5", "rec.wormio.h5", "rec.ome.tif"])
def test_the_file_of_a_folder_says_nothing_of_what_is_called_alike(rec, write, name):
    config = write("[events.light]\ncount = [27700]")
    beside = rec.with_name(name)
    assert find_config(Probe(rec)).path == config
    assert find_config(Probe(beside)) is None
    own = write("", f"{name}.wormio.toml")
    assert find_config(Probe(beside)).path == own


def test_the_file_of_a_movie_says_nothing_of_what_wormio_made_of_it(tmp_path, write):
    config = write("[options]", "movie.wormio.toml")
    assert find_config(Probe(tmp_path / "movie.ome.tif")).path == config
    assert find_config(Probe(tmp_path / "movie.wormio.h5")) is None


def test_a_file_that_names_its_data_describes_nothing_else(rec, write, tmp_path):
    shutil.copytree(rec, tmp_path / "other")
    config = write('data = "other"\n[options]\num_per_pixel = 0.5')
    assert "config-used" not in code_of(wormio.open(rec))
    assert wormio.open(config).voxel_size.y == 0.5
    refused(rec, "other data", config=config)
    config.write_text('data = "othr"')
    refused(rec, "line 1: data")


def test_a_combination_may_be_called_like_one_of_its_members(rec, write, tmp_path):
    shutil.copytree(rec, tmp_path / "b")
    config = write("[combine]\nmembers = {a = 'rec', b = 'b'}")
    with wormio.open(rec) as one, wormio.open(config) as both:
        assert len(one.channels) == 2
        assert len(both.channels) == 4


def test_a_folder_of_several_recordings_is_their_combination(rec, write, tmp_path):
    folder = tmp_path / "exp"
    shutil.copytree(rec, folder / "a")
    shutil.copytree(rec, folder / "b")
    for text, where in [("a = 'a', b = 'b'", folder), ("a = 'exp/a', b = 'exp/b'", tmp_path)]:
        config = write(f"[combine]\nmembers = {{{text}}}", "exp.wormio.toml", where)
        with wormio.open(folder) as both:
            assert len(both.channels) == 4
        config.unlink()


def test_an_argument_wins_over_the_file_and_the_file_over_the_default(rec, write):
    write("[options]\num_per_volt = 8.0\num_per_pixel = 0.5")
    with wormio.open(rec, um_per_pixel=0.3) as recording:
        assert recording.voxel_size.y == 0.3
        (finding,) = (f for f in recording.findings if f.code == "config-used")
        assert "um_per_pixel" not in finding.message
        by_hand = wormio.open(rec, config=False, um_per_pixel=0.3, um_per_volt=8.0)
        np.testing.assert_array_equal(recording.timeline.z_um, by_hand.timeline.z_um)
        # Where an option was written down does not change what the recording is.
        assert recording.recording_id == by_hand.recording_id
    with wormio.open(rec, config=False) as plain:
        assert plain.voxel_size.y == 0.42
        assert plain.timeline.z_unit == "V"


def test_the_file_may_name_the_format_and_contents_follow_it(rec, write):
    config = write('format = "tiff"')
    with pytest.raises(WormioError, match="TIFF"):
        wormio.open(rec)
    assert wormio.open(rec, "leifer").timeline.n_volumes
    config.write_text('format = "leifer"\n[options]\nlayout = "split"')
    assert wormio.contents(rec) == wormio.contents(config) == []


def test_a_changed_or_deleted_file_changes_nothing_that_was_opened_before(rec, write):
    text = "[options]\num_per_volt = 8.0\n[channels.green]\nindicator = 'GCaMP6s'\n"
    config = write(text + "[events.light]\ncount = [27700]")
    recording = wormio.open(rec)
    source = Source.from_json(json.loads(json.dumps(recording.source.to_json())))
    config.write_text("[options]\num_per_volt = 4.0\n[events.light]\ncount = [27701]")
    for _ in range(2):
        for again in (wormio.reopen(source), pickle.loads(pickle.dumps(recording))):
            assert str(wormio.diff(recording, again)) == "identical"
            assert again.events == recording.events
            assert again.channels == recording.channels
            assert again.findings == recording.findings
            assert again.recording_id == recording.recording_id
        config.unlink(missing_ok=True)


# --- channels -------------------------------------------------------------------------------------


def test_channels_are_renamed_and_described(rec, write):
    write(
        """
        [channels.red]
        name = "mCherry"
        emission_nm = 610
        [channels.green]
        role = "other"
        offset = 3.5
        """
    )
    with wormio.open(rec) as recording:
        red, green = recording.channels
        assert (red.name, red.role, red.emission_nm, red.offset) == (
            "mCherry",
            "reference",
            610.0,
            100.0,
        )
        assert (green.name, green.role, green.offset) == ("green", "other", 3.5)
        assert recording.frames[0, 0].shape == (32, 48)


def test_channels_may_swap_their_names(rec, write):
    write("[channels.red]\nname = 'green'\n[channels.green]\nname = 'red'")
    with wormio.open(rec) as recording:
        assert [c.name for c in recording.channels] == ["green", "red"]


# --- events ---------------------------------------------------------------------------------------


def test_events_by_count_time_and_frame_are_where_they_should_be(rec, write):
    with wormio.open(rec, config=False) as plain:
        timeline = plain.timeline
    frames = [30, 60]
    counts, times = timeline.count[frames].tolist(), timeline.time[frames].tolist()
    write(
        f"""
        [events.counted]
        count = {counts}
        duration = 0.5
        [events.timed]
        time = {times}
        duration = [1, 2]
        properties.power = {{values = [1.5, 2], unit = "mW"}}
        properties.target = {{values = [[1, 2, 3], [4, 5, 6]], unit = "px"}}
        [events."a b"]
        frame = {frames}
        properties.odour = {{values = ["iaa", "nacl"]}}
        """
    )
    with wormio.open(rec) as recording:
        assert set(recording.events) == {"counted", "timed", "a b"}
        for events in recording.events.values():
            assert events.frame.tolist() == frames
            assert events.count.tolist() == counts
            np.testing.assert_allclose(events.time, times)
        assert recording.events["counted"].duration.tolist() == [0.5, 0.5]
        timed = recording.events["timed"]
        assert timed.duration.tolist() == [1.0, 2.0]
        power, target = timed.properties["power"], timed.properties["target"]
        assert (power.values.tolist(), power.unit, power.origin) == ([1.5, 2], "mW", Origin.USER)
        assert (target.values.tolist(), target.unit) == ([[1, 2, 3], [4, 5, 6]], "px")
        assert recording.events["a b"].properties["odour"].values.tolist() == ["iaa", "nacl"]


def test_events_outside_the_recording_are_kept_and_say_so(rec, write):
    write("[events.light]\ncount = [5]\n[events.late]\ntime = [1e6]")
    with wormio.open(rec) as recording:
        for events in recording.events.values():
            assert events.status.tolist() == [EventStatus.OUTSIDE]


def test_events_come_from_a_table(rec, write, tmp_path):
    with wormio.open(rec, config=False) as plain:
        timeline = plain.timeline
    (tmp_path / "tables").mkdir()
    rows = [f"{timeline.time[i]}, {i / 2}, {i}, , x{i}" for i in (10, 20)]
    table = "\n".join(["time, duration, n, power, what", *rows, "", f"{timeline.time[0]},,3,1e3,"])
    (tmp_path / "tables" / "light.csv").write_bytes(b"\xef\xbb\xbf" + table.encode())
    write('[events.light]\nfile = "tables/light.csv"\nunits = {power = "mW"}')
    with wormio.open(rec) as recording:
        events = recording.events["light"]
    assert events.frame.tolist() == [10, 20, 0]
    np.testing.assert_array_equal(events.duration, [5, 10, np.nan])
    n, power, what = (events.properties[k] for k in ("n", "power", "what"))
    assert (n.values.tolist(), n.values.dtype.kind, n.origin) == ([10, 20, 3], "i", Origin.USER)
    np.testing.assert_array_equal(power.values, [np.nan, np.nan, 1000])
    assert power.unit == "mW"
    assert what.values.tolist() == ["x10", "x20", ""]


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["1", "-20"], [1, -20]),
        (["1", ".5"], [1.0, 0.5]),
        (["1_1", "1_2"], ["1_1", "1_2"]),
        (["007", "7"], ["007", "7"]),
        (["0", "10"], [0, 10]),
    ],
)
def test_names_that_look_like_numbers_stay_names(rec, write, tmp_path, cells, values):
    rows = [f"{27700 + i},{cell}" for i, cell in enumerate(cells)]
    (tmp_path / "light.csv").write_text("\n".join(["count,well", *rows]))
    write('[events.light]\nfile = "light.csv"')
    with wormio.open(rec) as recording:
        found = recording.events["light"].properties["well"].values.tolist()
    assert found == values
    assert [type(one) for one in found] == [type(one) for one in values]


def test_the_datas_own_events_are_replaced_only_when_asked(rec, write, tmp_path):
    phantom = Phantom(Scan.synthetic(n_volumes=4), n_neurons=4, shape=(32, 48), n_stimuli=1)
    folder = write_leifer(phantom, tmp_path / "stimulated")
    text = "[events.optogenetics]\ncount = [27700]"
    config = write(text, "stimulated.wormio.toml")
    refused(folder, "line 1: events.optogenetics", "replace = true", "1 events")
    config.write_text(text + "\nreplace = true")
    with wormio.open(folder) as recording:
        assert recording.events["optogenetics"].count.tolist() == [27700]


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("[option]\na = 1", ["line 1: option: unknown key", "did you mean options?"]),
        ("\n[options]\num_per_vol = 8", ["line 3", "um_per_vol", "did you mean um_per_volt?"]),
        ("[options]\num_per_volt = -8", ["line 2", "um_per_volt", "wrong value"]),
        ("[options]\num_per_volt = true", ["line 2", "um_per_volt", "truth value"]),
        ("[options]\nlatency = 2.7", ["line 2", "latency", "whole number"]),
        ("[options]\ntrust = true", ["line 2", "options.trust", "say it yourself"]),
        ("format = 3", ["line 1: format: wrong type"]),
        ('format = "leifr"', ["leifr"]),
        ("[channels.blue]\nrole = 'signal'", ["line 1: channels.blue", "red, green"]),
        ("[channels.red]\nrole = 'sginal'", ["line 2: channels.red.role", "mean signal?"]),
        ("[channels.red]\nname = 'green'", ["line 1: channels", "green, green"]),
        ("[channels.red]\nemission_nm = -1", ["channels", "emission_nm"]),
        ("[events.a]\nduration = 1", ["line 1: events.a", "one of count, time, frame, file"]),
        ("[events.a]\ncount = [1]\ntime = [1]", ["events.a", "count and time"]),
        ("[events.a]\ncount = [1.5]", ["line 2: events.a.count[0]", "whole number"]),
        ("[events.a]\ncount = [1]\nduration = [1, 2]", ["line 3", "expected: 1, one an event"]),
        ("[events.a]\ncount = [1]\nduration = -1", ["line 3", "negative"]),
        ("[events.a]\nframe = [5, 1000000]", ["line 2: events.a.frame", "1000000"]),
        ("[events.a]\nframe = [-1]", ["line 2: events.a.frame", "-1"]),
        (
            "[events.a]\ncount = [1, 2]\nproperties.p.values = [1]",
            ["line 3: events.a.properties.p.values", "wrong length"],
        ),
        ("[events.a]\ncount = [1, 2]\nproperties.p.values = [1, 'x']", ["different kinds"]),
        ("[events.a]\ncount = [1, 2]\nproperties.p.values = [[1], [1, 2]]", ["make no column"]),
        (
            "[events.a]\ncount = [1]\nproperties.p.values = [1979-05-27]",
            ["line 3: events.a.properties.p.values", "make no column"],
        ),
        ("[events.a]\ncount = [1]\nunits = {p = 'mW'}", ["units are those of a file"]),
        ("[events.a]\nfile = 'x.csv'\nduration = 1", ["the file holds"]),
        ("[events.a]\nfile = 'x.csv'", ["line 2: events.a.file", "no such file"]),
        ("[combine]\non = 'counts'\nmembers = {}", ["line 2: combine.on", "mean count?"]),
        ("[combine]\nmembers = {a = 1}", ["line 2: combine.members.a", "text or a table"]),
        ("format = 'leifer'\n[combine]\nmembers = {}", ["'format' means nothing beside"]),
    ],
)
def test_mistakes_are_told_with_file_line_and_key(rec, write, text, parts):
    config = write(text)
    if "leifr" not in text:
        parts = [str(config), *parts]
    refused(rec, *parts)


@pytest.mark.parametrize(
    ("table", "part"),
    [
        ("", "line 1: the header"),
        ("when\n1", "line 1: the header"),
        ("count,time\n1,1", "line 1: the header"),
        ("count,count\n1,1", "line 1: the header"),
        ("count,p\n1", "line 2 does not fit"),
        ("count\n1\n2.5", "line 3: count is no whole number"),
        ("count\n99999999999999999999", "line 2: count is no whole number"),
        ("time\nx", "line 2: time is no number"),
        ("time\ninf", "line 2: time is no number"),
        ("count,duration\n1,-2", "a duration is negative"),
        ('count\n"1', "this is no table"),
        (b"count\n\xff", "this is no table"),
    ],
)
def test_a_bad_table_is_told_with_its_line(rec, write, tmp_path, table, part):
    path = tmp_path / "x.csv"
    path.write_bytes(table if isinstance(table, bytes) else table.encode())
    write("[events.a]\nfile = 'x.csv'")
    refused(rec, str(path), part)


def test_a_unit_of_no_column_is_refused(rec, write, tmp_path):
    (tmp_path / "x.csv").write_text("count,power\n1,2")
    write("[events.a]\nfile = 'x.csv'\nunits = {powr = 'mW'}")
    refused(rec, "no column 'powr'", "count, power")


def test_several_files_are_no_reason_to_guess(rec, write):
    first, second = write(""), write("", "a.wormio.toml", rec)
    refused(rec, str(first), str(second), "config=")
    with wormio.open(rec, config=first) as recording:
        assert "config-used" in code_of(recording)
    # What a Mac leaves behind is no file of a user's.
    second.rename(rec / "._a.wormio.toml")
    wormio.open(rec).close()


def test_nothing_outside_the_files_own_folder_is_read_unless_trusted(rec, write, tmp_path):
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / "x.csv").write_text("count\n27700")
    (inner / "link.csv").symlink_to(tmp_path / "x.csv")
    for name in ("../x.csv", "link.csv", str(tmp_path / "x.csv")):
        config = write(f"data = '../rec'\n[events.a]\nfile = '{name}'", "c.wormio.toml", inner)
        refused(rec, "line 3", name, config=config, error=UnsafeReferenceError)
        with wormio.open(rec, config=config, trust=True) as recording:
            assert recording.events["a"].count.tolist() == [27700]
        refused(config, "line 1", error=UnsafeReferenceError)
        assert wormio.open(config, trust=True).events["a"].count.tolist() == [27700]


def test_a_file_that_describes_nothing_says_how_to_name_the_data(write):
    refused(write("", "lost.wormio.toml"), "line 1", 'data = "FILE OR FOLDER"')
    refused(write("data = 'gone'", "lost.wormio.toml"), "line 1: data", "no such file")


def test_one_file_at_a_time(rec, write):
    config = write("")
    refused(config, "configuration itself", config=config)
    refused(config, "configuration itself", config=False)
    with pytest.raises(FileNotFoundError):
        wormio.open(rec, config=rec.parent / "none.wormio.toml")


def test_a_broken_file_is_explained(rec, write):
    write("[option]")
    found = wormio.explain(rec)
    assert found.best[0].format == "leifer"
    assert "did you mean options?" in str(found)
    write("format = 'leifer'")
    assert "describes it as leifer" in str(wormio.explain(rec))


# --- combinations ---------------------------------------------------------------------------------


def test_members_have_options_and_files_of_their_own(rec, write, tmp_path):
    shutil.copytree(rec, tmp_path / "cam 2")
    write("[options]\num_per_volt = 4.0\num_per_pixel = 0.5")
    config = write(
        """
        [combine]
        on = "time"
        tolerance = 0.001
        [combine.members]
        a = "rec"
        [combine.members.b]
        path = "cam 2"
        format = "leifer"
        channels = ["green"]
        options = {um_per_volt = 4.0, um_per_pixel = 0.3}
        [channels.a-red]
        name = "nuclei"
        [events.light]
        count = [27700]
        """,
        "both.wormio.toml",
    )
    with wormio.open(config, metadata_only="false") as both:
        assert [c.name for c in both.channels] == ["nuclei", "a-green", "b"]
        assert both.events["light"].count.tolist() == [27700]
        a, b = both.source.parents["recording"].leaves()
        assert a.arguments["options"] == {"um_per_volt": 4.0, "um_per_pixel": 0.5}
        assert b.arguments["options"] == {"um_per_volt": 4.0, "um_per_pixel": 0.3}
        assert code_of(both).count("config-used") == 2
        np.testing.assert_array_equal(both.frames[3, 1], both.frames[3, 2])


def test_options_for_all_members_reach_all_and_others_none(rec, write, tmp_path):
    shutil.copytree(rec, tmp_path / "b")
    for folder in (rec, tmp_path / "b"):
        next(folder.glob("*.dat")).unlink()
    config = write("[combine]\nmembers = {a = 'rec', b = 'b'}", "both.wormio.toml")
    with wormio.open(config, metadata_only=True) as both:
        assert both.timeline.n_volumes == 4
    refused(config, "'um_per_volt' cannot be given", um_per_volt=8.0)
    refused(config, "'format' cannot be given", format="leifer")
    refused(rec, "combination, not these data", config=config)
    assert wormio.contents(config) == []


@pytest.mark.parametrize(
    ("text", "error", "parts"),
    [
        ("members = {a = '../x', b = 'rec'}", UnsafeReferenceError, ["line 2", "../x"]),
        ("members = {a = 'rec', b = 'gone'}", OptionError, ["line 2: combine.members.b"]),
        (
            "members = {a = 'rec', b = {path = 'rec', channels = ['blue']}}",
            OptionError,
            ["line 2: combine.members.b.channels", "'blue'"],
        ),
        (
            "members = {a = 'rec', b = {path = 'rec', options = {tolerance = 1}}}",
            OptionError,
            ["line 2: combine.members.b.options.tolerance", "no option"],
        ),
        ("tolerance = 1\nmembers = {a = 'rec', b = 'rec'}", OptionError, ["line 1: combine"]),
        ("members = {a = 'both.wormio.toml', b = 'rec'}", OptionError, ["contains itself"]),
    ],
)
def test_members_that_cannot_be_opened_are_told(rec, write, text, error, parts):
    config = write(f"[combine]\n{text}", "both.wormio.toml")
    refused(config, str(config), *parts, error=error)


def test_a_combination_may_be_a_member_of_another(rec, write, tmp_path):
    shutil.copytree(rec, tmp_path / "b")
    write("[combine]\nmembers = {x = 'rec', y = 'b'}", "pair.wormio.toml")
    third = "{path = 'b', channels = ['red']}"
    config = write(
        f"[combine]\nmembers = {{pair = 'pair.wormio.toml', z = {third}}}", "all.wormio.toml"
    )
    with wormio.open(config) as three:
        assert [c.name for c in three.channels] == [
            "pair-x-red",
            "pair-x-green",
            "pair-y-red",
            "pair-y-green",
            "z",
        ]
        assert str(wormio.diff(three, pickle.loads(pickle.dumps(three)))) == "identical"
