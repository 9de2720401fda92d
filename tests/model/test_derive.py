"""Derived recordings: what they hold, and that their Source makes them again."""

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wormio.errors import (
    ContractError,
    FrameIndexError,
    MissingPartError,
    OptionError,
    RecordingClosedError,
)
from wormio.model import (
    ArrayRecording,
    BaseRecording,
    Channel,
    Column,
    Events,
    EventStatus,
    Flag,
    MissingFrames,
    Origin,
    Source,
    Timeline,
    VoxelSize,
    as_base_recording,
    diff,
    stored_in_order,
)
from wormio.model.derive import configured, derive

N = 14
# Counter 3 was never saved, 20 was saved twice.
COUNT = np.array([0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 19, 20, 20, 21])
PIXELS = np.arange(N * 2 * 3 * 4, dtype=np.uint16).reshape(N, 2, 3, 4)
OK, SNAPPED, PARTIAL = EventStatus.OK, EventStatus.SNAPPED, EventStatus.PARTIAL_VOLUME


def recording(**changes):
    """Return three volumes, [1, 4), [4, 8) and [10, 13), with stimuli and a stage."""
    timeline = Timeline(
        time=COUNT * 0.5,
        count=COUNT,
        z=np.arange(N) % 4 * 2.0,
        volumes=[[1, 4], [4, 8], [10, 13]],
        volume_counts=[[1, 5], [5, 9], [18, 21]],
        stored=stored_in_order(N, 2),
        flags=[0] * 12 + [Flag.DUPLICATE, 0],
        extra={"sweep": Column(values=[0, 1, 1, 1, 2, 2, 2, 2, 3, 3, 4, 4, 4, 5])},
        origins=dict.fromkeys(("time", "count", "z", "volume"), Origin.MEASURED),
    )
    parts = {
        "channels": [Channel(name="red"), Channel(name="green", role="signal")],
        "voxel_size": VoxelSize(z=2.0, y=0.4, x=0.4),
        "events": {"light": Events.at_counts(timeline, [0, 3, 6, 20], duration=[1, 2, 3, 4])},
        "metadata": {"animal": 7},
    }
    return ArrayRecording(PIXELS, **({"timeline": timeline} | parts | changes))


# --- select --------------------------------------------------------------------------------------


def test_selected_volumes_keep_their_pixels_slots_and_events():
    part = recording().select(volumes=slice(1, 3), channels="green")
    t = part.timeline
    assert len(t) == 9
    assert t.volumes.tolist() == [[0, 4], [6, 9]]
    assert t.slot.tolist() == [0, 1, 2, 3, -1, -1, 1, 2, 2]
    assert t.volume_counts.tolist() == [[5, 9], [18, 21]]
    assert t.stored.tolist() == stored_in_order(N, 2)[4:13, 1:].tolist()
    assert [c.name for c in part.channels] == ["green"]
    np.testing.assert_array_equal(part.frames[:], PIXELS[4:13, 1:])
    np.testing.assert_array_equal(part.volume(-1), PIXELS[10:13, 1:])
    events = part.events["light"]
    assert events.frame.tolist() == [-1, -1, 1, 7]
    assert events.volume.tolist() == [-1, -1, 0, 1]
    assert events.status.tolist()[:2] == [EventStatus.OUTSIDE] * 2
    assert events.status.tolist()[2:] == [EventStatus.OK] * 2
    assert events.count.tolist() == [0, 3, 6, 20]


@given(start=st.integers(-N - 2, N + 2), stop=st.integers(-N - 2, N + 2))
def test_selected_frames_are_those_of_a_slice_and_only_whole_volumes_stay(start, stop):
    whole = recording()
    part = whole.select(frames=slice(start, stop))
    rows = range(N)[start:stop]
    np.testing.assert_array_equal(part.frames[:], PIXELS[start:stop])
    np.testing.assert_array_equal(part.timeline.count, COUNT[start:stop])
    kept = [(a, b) for a, b in whole.timeline.volumes.tolist() if a in rows and b - 1 in rows]
    assert part.timeline.volumes.tolist() == [[a - rows[0], b - rows[0]] for a, b in kept]
    cut = (part.timeline.flags & Flag.INCOMPLETE) != 0
    in_no_volume_any_more = [
        whole.timeline.volume[row] >= 0 and part.timeline.volume[i] < 0
        for i, row in enumerate(rows)
    ]
    assert cut.tolist() == in_no_volume_any_more
    repeated = derive(Source.from_json(part.source.to_json()), {"recording": whole})
    assert str(diff(repeated, part)) == "identical"


def test_an_empty_selection_is_an_empty_recording():
    for part in (
        recording().select(frames=slice(5, 5)),
        recording().select(volumes=slice(3, 3)),
        recording().select(volumes=slice(2, 1)),
    ):
        assert part.frames.shape == (0, 2, 3, 4)
        assert (len(part.timeline), part.timeline.n_volumes) == (0, 0)
        assert list(part.iter_volumes()) == []


def test_channels_are_selected_by_name_or_index_in_the_order_wanted():
    whole = recording()
    for wanted in (["green", "red"], [1, 0], ("green", np.int64(0))):
        part = whole.select(channels=wanted)
        assert [c.name for c in part.channels] == ["green", "red"]
        np.testing.assert_array_equal(part.frames[3], PIXELS[3, ::-1])
    for one in ("green", 1, np.int64(1)):
        assert [c.name for c in whole.select(channels=one).channels] == ["green"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"channels": "blue"},
        {"channels": 2},
        {"channels": -1},
        {"channels": True},
        {"channels": [None]},
        {"channels": [0.5]},
        {"frames": slice(0, 4), "volumes": slice(0, 1)},
        {"frames": slice(0, 4, 2)},
        {"frames": slice(4, 0, -1)},
        {"volumes": 1},
        {"frames": range(3)},
        {"frames": slice("a", "b")},
    ],
    ids=str,
)
def test_what_cannot_be_selected_is_an_option_error(wrong):
    with pytest.raises(OptionError):
        recording().select(**wrong)


@pytest.mark.parametrize("channels", [[], ["red", "red"]])
def test_channels_of_a_selection_must_be_at_least_one_and_different(channels):
    with pytest.raises(ContractError, match="unique names"):
        recording().select(channels=channels)


# --- with_events, with_timeline ------------------------------------------------------------------


def test_further_events_are_added_and_others_replaced():
    whole = recording()
    table = Events.at_counts(whole.timeline, [5])
    more = whole.with_events(odour=table)
    assert set(more.events) == {"light", "odour"}
    assert more.events["light"] == whole.events["light"]
    assert whole.with_events(light=table).events == {"light": table}
    assert set(whole.events) == {"light"}


def test_another_policy_changes_the_volumes_and_the_events_in_them():
    whole = recording()
    planar = whole.with_timeline("planar")
    assert planar.timeline.n_volumes == N - 1  # the frame saved twice is one volume
    assert planar.timeline.policy == {"name": "planar"}
    events = planar.events["light"]
    first_of_volume = planar.timeline.volumes[events.volume, 0]
    assert first_of_volume.tolist() == events.frame.tolist()
    assert whole.events["light"].status.tolist() == [PARTIAL, SNAPPED, OK, OK]
    assert events.status.tolist() == [OK, SNAPPED, OK, OK]
    regular = whole.with_timeline("regular", planes=5)
    assert regular.timeline.volume_counts[:2].tolist() == [[0, 5], [5, 10]]
    labelled = whole.with_timeline("from_volume_index", column="sweep")
    assert labelled.timeline.volumes.tolist() == [[1, 4], [4, 8], [8, 10], [10, 13]]


@pytest.mark.parametrize(
    ("policy", "parameters"),
    [
        ("by_eye", {}),
        ("regular", {}),
        ("regular", {"plane": 3}),
        ("regular", {"planes": "many"}),
        ("from_modulo", {"frames_per_volume": 0}),
        ("from_volume_index", {}),
        ("from_volume_index", {"column": "stage"}),
        ("from_scan", {"window": 3, "order": 5}),
    ],
)
def test_an_impossible_policy_is_an_option_error(policy, parameters):
    with pytest.raises(OptionError):
        recording().with_timeline(policy, **parameters)


# --- BaseRecording -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"channels": [Channel(name="red")]}, "does not fit"),
        ({"channels": [Channel(name="red")] * 2}, "unique names"),
        ({"channels": []}, "unique names"),
        ({"channels": "ab"}, "one string is given for several"),
        ({"timeline": recording().select(frames=slice(0, 13)).timeline}, "does not fit"),
    ],
)
def test_parts_that_do_not_belong_together_are_refused(wrong, message):
    with pytest.raises(ContractError, match=message):
        recording(**({"events": {}} | wrong))


def test_events_past_the_last_frame_are_refused():
    whole = recording()
    beyond = attrs.evolve(whole.events["light"], frame=[0, 3, 5, N])
    with pytest.raises(ContractError, match="past the last frame"):
        recording(events={"light": beyond})


def test_a_closed_recording_keeps_its_metadata_but_gives_no_pixels():
    with recording() as whole:
        before = whole.volume(1)
    whole.close()
    assert whole.closed
    assert whole.timeline.n_volumes == 3
    assert "closed" in repr(whole)
    np.testing.assert_array_equal(before, PIXELS[4:8])
    with pytest.raises(RecordingClosedError):
        whole.volume(1)


def test_a_volume_that_is_not_there_is_an_index_error():
    whole = recording()
    np.testing.assert_array_equal(whole.volume(-3), PIXELS[1:4])
    for wrong in (3, -4):
        with pytest.raises(FrameIndexError):
            whole.volume(wrong)
    assert [len(v) for v in whole.iter_volumes()] == [3, 4, 3]


def test_the_members_of_a_recording_cannot_be_replaced():
    with pytest.raises(attrs.exceptions.FrozenAttributeError):
        recording().frames = None


def test_any_object_with_the_members_of_the_contract_is_a_recording():
    class Foreign:
        """Not a BaseRecording, and without findings."""

        def __init__(self):
            whole = recording()
            for name in ("source", "frames", "timeline", "channels", "voxel_size", "events"):
                setattr(self, name, getattr(whole, name))
            self.metadata = {}

    part = as_base_recording(Foreign()).select(channels="red")
    np.testing.assert_array_equal(part.frames[:], PIXELS[:, :1])
    with pytest.raises(ContractError, match="int is no Recording"):
        as_base_recording(3)


def test_without_pixels_everything_but_pixels_works():
    whole = recording()
    blind = BaseRecording(
        source=whole.source,
        frames=MissingFrames("no frame file", "x.dat", "copy it"),
        timeline=whole.timeline,
        channels=whole.channels,
        events=whole.events,
    )
    part = blind.select(volumes=slice(0, 1)).with_timeline("planar").with_events()
    assert part.timeline.n_volumes == 3
    assert "no pixels" in repr(part)
    with pytest.raises(MissingPartError, match=r"x\.dat"):
        part.volume(0)


class Foreign:
    """A recording of an author's own making, which keeps the protocol and nothing more."""

    def __init__(self):
        whole = recording()
        for name in ("source", "frames", "timeline", "channels", "voxel_size", "metadata"):
            setattr(self, name, getattr(whole, name))
        self.events, self.findings, self.open = {}, (), True

    def close(self):
        self.open = False

    def refresh(self):
        return Foreign()


def test_a_foreign_recording_keeps_its_close_and_its_refresh():
    foreign = Foreign()
    wrapped = as_base_recording(foreign)
    assert not diff(wrapped, wrapped.refresh())
    wrapped.close()
    assert not foreign.open


# --- channels -------------------------------------------------------------------------------------


def test_channels_are_described_by_their_names():
    whole = recording()
    first, *others = whole.channels
    changed = whole.with_channels({first.name: {"name": "new", "role": "signal", "offset": 2.0}})
    assert changed.channels == (
        attrs.evolve(first, name="new", role="signal", offset=2.0),
        *others,
    )
    assert np.array_equal(changed.frames[:], whole.frames[:])
    assert whole.channels[0] == first
    again = derive(changed.source, {"recording": whole})
    assert again.channels == changed.channels
    assert changed.recording_id != whole.recording_id


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        (lambda names: {"none": {}}, "no such channel"),
        (lambda names: {names[0]: {"colour": "red"}}, "colour"),
        (lambda names: {names[0]: {"role": "sginal"}}, "role"),
        (lambda names: {names[0]: {"name": names[1]}}, "share a name"),
    ],
)
def test_channels_are_not_described_wrongly(changes, part):
    whole = recording()
    with pytest.raises(OptionError, match=part):
        whole.with_channels(changes([c.name for c in whole.channels]))


def test_a_note_of_where_facts_came_from_changes_no_fact():
    whole = recording()
    noted = configured(whole, "/data/rec.wormio.toml", ["options a=1", "events light"])
    assert noted.recording_id == whole.recording_id
    (finding,) = set(noted.findings) - set(whole.findings)
    assert finding.code == "config-used"
    assert finding.message == "rec.wormio.toml supplies options a=1; events light"
    assert derive(noted.source, {"recording": whole}).findings == noted.findings
