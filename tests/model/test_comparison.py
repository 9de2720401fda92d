"""diff says "identical", or what differs, and calls a reader's mistake by its name."""

import attrs
import numpy as np
import pytest

from wormio.errors import MissingImageError, OptionError
from wormio.model import (
    ArrayRecording,
    BaseRecording,
    Channel,
    Clock,
    Column,
    Events,
    Flag,
    MissingFrames,
    Origin,
    Source,
    Timeline,
    VoxelSize,
    diff,
    frames_from_reader,
    stored_in_order,
)

RNG = np.random.default_rng(3)
PIXELS = RNG.integers(0, 4000, (8, 2, 5, 5), np.uint16)
COUNT = np.array([0, 1, 2, 3, 5, 6, 6, 7])


def recording(pixels=PIXELS, *, channels=("red", "green"), events=(2,), size=0.4, **columns):
    given = {
        "time": COUNT * 0.1,
        "count": COUNT,
        "z": COUNT * 2.0,
        "volumes": [[0, 3], [3, 7]],
        "stored": stored_in_order(8, 2),
        "flags": [0] * 6 + [Flag.DUPLICATE, 0],
        "extra": {"stage": Column(values=np.append(np.nan, np.arange(7.0)))},
        "origins": dict.fromkeys(("time", "count", "z", "volume"), Origin.MEASURED),
    }
    timeline = Timeline(**(given | columns))
    return ArrayRecording(
        pixels,
        timeline,
        channels=[Channel(name=name) for name in channels],
        voxel_size=VoxelSize(y=size),
        events={"light": Events.at_counts(timeline, events)},
    )


@pytest.mark.parametrize("align", ["index", "count"])
def test_equal_recordings_are_identical(align):
    found = diff(recording(), recording(), align=align)
    assert str(found) == "identical"
    assert not found
    assert found.items == ()


@pytest.mark.parametrize(
    ("changes", "what", "sentence"),
    [
        ({"time": COUNT * 0.1 + 1.5}, "time", "all frames differ by -1.5"),
        ({"z": [0, 2, 4, 6, 10, 12, 12, 15]}, "z", "1 frames differ, first frame 7: 14.0 / 15.0"),
        ({"raw_count": COUNT + 1}, "raw_count", "all frames differ by -1"),
        ({"direction": [1] + [0] * 7, "origins": None}, "direction", "1 frames differ"),
        ({"z_unit": "V"}, "z_unit", "um / V"),
        ({"volumes": [[0, 3]]}, "volumes", "2 / 1 rows"),
        ({"volume_counts": [[0, 3], [3, 9]]}, "volume_counts", "1 values differ"),
        ({"extra": {}}, "extra['stage']", "only in one of them"),
        (
            {"extra": {"stage": Column(values=np.append(np.nan, [0, 1, 2, 3, 4, 5, 9.0]))}},
            "extra['stage']",
            "1 values differ",
        ),
        ({"origins": {"z": Origin.USER}}, "origins", "z MEASURED / USER"),
        ({"channels": ("red", "blue")}, "channels", "blue"),
        ({"size": 0.5}, "voxel_size", "0.5"),
        ({"events": (2, 3)}, "events['light']", "1 / 2 events"),
        ({"events": (3,)}, "events['light']", "of 1 events differ: count of 1, first 0: 2 / 3"),
        ({"stored": stored_in_order(8, 2) * 2}, "stored", "15 values differ"),
        ({"clock": Clock(name="camera")}, "clock", "camera"),
        ({"policy": {"name": "planar"}}, "policy", '{} / {"name": "planar"}'),
        (
            {"extra": {"stage": Column(values=np.append(np.nan, np.arange(7.0)), unit="um")}},
            "extra['stage']",
            "unit '' / 'um'",
        ),
        (
            {
                "extra": {
                    "stage": Column(values=np.append(np.nan, np.arange(7.0)), origin=Origin.USER)
                }
            },
            "extra['stage']",
            "origin MEASURED / USER",
        ),
        ({"extra": {"stage": Column(values=list("abcdefgh"))}}, "extra['stage']", "<U1"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_differs_is_named_with_its_numbers(changes, what, sentence):
    origins = dict.fromkeys(("time", "count", "z", "volume"), Origin.MEASURED)
    if "origins" in changes:
        changes = changes | {
            "origins": origins | (changes["origins"] or {"direction": Origin.MEASURED})
        }
    found = diff(recording(), recording(**changes))
    assert found
    sentences = dict(found.items)
    assert sentence in sentences[what]
    assert f"{what}: " in str(found)
    assert "pixels" not in sentences


def test_further_columns_of_events_and_tables_of_one_only_are_compared():
    events = recording().events["light"]
    power = attrs.evolve(events, properties={"power": Column(values=[2.0], unit="mW")})
    more = attrs.evolve(events, properties={"power": Column(values=[2.5], unit="mW")})
    found = dict(diff(recording().with_events(light=power), recording()).items)
    assert found == {"events['light']": "of 1 events differ: property 'power': only in one of them"}
    found = diff(recording().with_events(light=power), recording().with_events(light=more))
    assert str(found) == "events['light']: of 1 events differ: property 'power': 1 values differ"
    found = dict(diff(recording(), recording().with_events(dark=events)).items)
    assert found == {"events['dark']": "only in one of them"}


def test_a_list_and_a_tuple_of_parameters_are_the_same_policy():
    mine, other = (recording(policy={"name": "x", "at": at}) for at in ((1, 2), [1, 2]))
    assert not diff(mine, other)


def test_times_of_events_have_the_tolerance_of_times():
    mine = recording()
    events = mine.events["light"]
    later = mine.with_events(light=attrs.evolve(events, time=events.time + 0.01))
    assert not diff(mine, later, time_tol=0.02)
    assert "time of 1" in str(diff(mine, later, time_tol=0.001))


def test_differences_within_the_tolerance_are_none():
    other = recording(time=COUNT * 0.1 + 0.001, z=COUNT * 2.0 + 0.2, events=())
    mine = recording(events=())
    assert str(diff(mine, other, time_tol=0.0011, z_tol=0.21)) == "identical"
    assert dict(diff(mine, other, time_tol=0.0009, z_tol=0.21).items).keys() == {"time", "raw_time"}
    assert dict(diff(mine, other, time_tol=0.0011, z_tol=0.19).items).keys() == {"z"}


@pytest.mark.parametrize(
    ("pixels", "mistake"),
    [
        (PIXELS[:, ::-1], "the channels are swapped"),
        (PIXELS.swapaxes(2, 3), "the images are transposed"),
        (PIXELS[:, :, ::-1], "the images are mirrored in y"),
        (PIXELS[..., ::-1], "the images are mirrored in x"),
        (np.roll(PIXELS, 1, axis=0), "shifted by 1 frames"),
        (np.roll(PIXELS, -1, axis=0), "shifted by"),
        (np.roll(PIXELS, 3, axis=0), "shifted by 3 frames"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_mistakes_that_readers_make_are_called_by_their_names(pixels, mistake):
    # The last frame has no successor, so frames are compared from the second on.
    found = dict(diff(recording(), recording(pixels)).items)
    assert found.keys() == {"pixels"}
    if mistake == "shifted by":
        # Frame 0 of mine is the last frame of theirs: no near frame is the same.
        assert found["pixels"] == "first differ at frame 0, channel 0"
    else:
        assert found["pixels"] == f"first differ at frame 0, channel 0: {mistake}"


def test_a_single_wrong_pixel_is_found_and_not_explained_away():
    pixels = PIXELS.copy()
    pixels[5, 1, 2, 2] += 1
    assert diff(recording(), recording(pixels)).items == (
        ("pixels", "first differ at frame 5, channel 1"),
    )
    assert not diff(recording(), recording(pixels), pixels=False)


def test_another_shape_or_type_is_named():
    wide = RNG.integers(0, 9, (8, 2, 4, 6), np.uint16)
    found = dict(diff(recording(wide), recording(wide.swapaxes(2, 3))).items)
    assert "transposed" in found["shape"]
    assert "pixels" not in found
    found = dict(diff(recording(), recording(PIXELS.astype(float))).items)
    assert found == {"dtype": "uint16 / float64"}


def test_recordings_of_different_length_are_compared_on_what_both_have():
    longer = recording(events=())
    shorter = longer.select(frames=slice(0, 7))
    found = dict(diff(longer, shorter).items)
    assert found["frames"] == "8 / 7"
    assert "pixels" not in found


def test_aligned_by_count_only_shared_counters_are_compared():
    mine = recording(events=())
    later = mine.select(frames=slice(2, None))
    found = dict(diff(mine, later, align="count").items)
    assert found["count"] == "5 counters are in both"
    assert "pixels" not in found
    assert "time" not in found
    wrong = PIXELS.copy()
    wrong[4] = 0
    found = dict(
        diff(mine, recording(wrong, events=()).select(frames=slice(2, None)), align="count").items
    )
    assert found["pixels"] == "first differ at frame 4, channel 0"
    shifted = recording(z=[0, 2, 4, 6, 11, 12, 12, 14], events=()).select(frames=slice(2, None))
    found = dict(diff(mine, shifted, align="count").items)
    assert found["z"] == "1 frames differ, first frame 4: 10.0 / 11.0"


def test_an_image_that_only_one_has_is_a_difference_and_one_that_none_has_is_not():
    def reader(hole):
        def read(frame, channel):
            if (frame, channel) == hole:
                raise MissingImageError("never saved")
            return PIXELS[frame, channel]

        whole = recording()
        return BaseRecording(
            source=Source("memory"),
            frames=frames_from_reader(read, PIXELS.shape, "u2"),
            timeline=whole.timeline,
            channels=whole.channels,
            voxel_size=whole.voxel_size,
            events=whole.events,
        )

    assert not diff(reader((2, 1)), reader((2, 1)))
    found = dict(diff(reader((2, 1)), recording()).items)
    assert found["pixels"] == (
        "first differ at frame 2, channel 1: an image is missing in one of them"
    )


def test_without_pixels_the_rest_is_compared():
    whole = recording()
    blind = BaseRecording(
        source=whole.source,
        frames=MissingFrames("opened without", "x", "open it"),
        timeline=attrs.evolve(whole.timeline, z=COUNT * 3.0),
        channels=whole.channels,
        voxel_size=whole.voxel_size,
        events=whole.events,
    )
    assert dict(diff(blind, whole).items).keys() == {"z"}


def test_an_unknown_alignment_is_an_option_error():
    with pytest.raises(OptionError, match="index or count"):
        diff(recording(), recording(), align="time")


def test_pixels_that_are_no_numbers_are_the_same_in_both():
    pixels = PIXELS.astype(np.float32)
    pixels[2, 1, 3, 3] = np.nan
    assert str(diff(recording(pixels), recording(pixels.copy()))) == "identical"
    other = pixels.copy()
    other[2, 1, 3, 3] = 0
    assert [what for what, _ in diff(recording(pixels), recording(other)).items] == ["pixels"]


def test_counters_are_compared_exactly_however_large():
    raw = COUNT + 2**53
    other = np.where(np.arange(8) == 1, raw + 1, raw)
    assert not np.array_equal(raw, other)
    found = diff(recording(raw_count=raw), recording(raw_count=other))
    assert [what for what, _ in found.items] == ["raw_count"]
