"""Sources make recordings again, and identify them wherever they lie."""

import json
import pickle

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wormio.errors import ContractError, UnsupportedCapabilityError
from wormio.model import (
    ArrayRecording,
    BaseRecording,
    Channel,
    Column,
    Events,
    Flag,
    Origin,
    Source,
    Timeline,
    combine,
    diff,
    recording_id,
    stored_in_order,
)
from wormio.model.derive import derive

N = 14
# Counter 3 was never saved, 20 was saved twice.
COUNT = np.array([0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 19, 20, 20, 21])


def recording():
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
    return ArrayRecording(
        np.arange(N * 2 * 3 * 4, dtype=np.uint16).reshape(N, 2, 3, 4),
        timeline,
        channels=[Channel(name="red"), Channel(name="green")],
        events={"light": Events.at_counts(timeline, [0, 3, 6, 20])},
    )


def again(derived, leaf):
    """Evaluate a Source anew from its JSON, over the recording in memory at its leaves."""

    def evaluate(source):
        if source.operation == "memory":
            return leaf
        return derive(source, {name: evaluate(p) for name, p in source.parents.items()})

    return evaluate(Source.from_json(json.loads(json.dumps(derived.source.to_json()))))


def test_every_derivation_is_made_again_identically_from_its_json():
    whole = recording()
    table = Events.at_counts(
        whole.timeline,
        [5, 3],
        properties={"target": Column(values=[[1, 2, np.nan], [4, 5, 6]], unit="um")},
    )
    derived = [
        whole.select(channels=["green"]),
        whole.select(volumes=slice(1, 2)),
        whole.select(frames=slice(2, 12)).select(channels=[1, 0], frames=slice(1, -1)),
        whole.with_events(odour=table),
        whole.with_events(odour=table).select(volumes=slice(0, 2)).with_timeline("planar"),
        whole.with_timeline("from_modulo", frames_per_volume=np.float64(3.5), first=np.int64(1)),
        whole.with_timeline("from_volume_index", column="sweep").select(volumes=slice(1, None)),
    ]
    for one in derived:
        repeated = again(one, whole)
        assert str(diff(one, repeated)) == "identical"
        assert repeated.source == one.source
        assert recording_id(repeated) == recording_id(one)


def test_a_combination_is_made_again_with_its_leader_whatever_order_json_keeps():
    whole = recording()
    red = whole.select(channels="red", frames=slice(1, None))
    green = whole.select(channels="green")
    both = combine({"red": red, "green": green})
    assert str(diff(both, again(both, whole))) == "identical"
    text = json.dumps(both.source.to_json(), sort_keys=True)
    repeated = derive(Source.from_json(json.loads(text)), {"green": green, "red": red})
    assert [c.name for c in repeated.channels] == ["red", "green"]
    assert str(diff(both, repeated)) == "identical"
    swapped = combine({"green": green, "red": red})
    assert recording_id(swapped) != recording_id(both)


def test_memory_and_unknown_operations_cannot_be_made_again():
    with pytest.raises(UnsupportedCapabilityError, match="in memory"):
        derive(recording().source, {})
    with pytest.raises(UnsupportedCapabilityError, match="'fold'"):
        derive(Source("fold"), {})


def test_a_recording_in_memory_never_travels_as_pixels():
    with pytest.raises(UnsupportedCapabilityError, match="in memory"):
        pickle.loads(pickle.dumps(recording().select(channels="red")))
    assert len(pickle.dumps(recording())) < 1000


def test_an_argument_that_is_no_json_is_refused_with_its_value():
    with pytest.raises(ContractError, match="JSON-serialisable"):
        Source("select", {"x": object()})
    with pytest.raises(ContractError, match="JSON-serialisable"):
        Source("select", {"x": float("nan")})


@given(
    st.recursive(
        st.builds(
            Source,
            st.sampled_from(["open", "memory", "select"]),
            st.dictionaries(
                st.text(max_size=5),
                st.recursive(
                    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
                    lambda x: st.lists(x, max_size=3) | st.tuples(x, x),
                    max_leaves=4,
                ),
                max_size=3,
            ),
        ),
        lambda s: st.builds(
            Source, st.just("combine"), st.just({}), st.dictionaries(st.text(max_size=3), s)
        ),
        max_leaves=5,
    )
)
def test_sources_survive_json(source):
    tree = json.loads(json.dumps(source.to_json()))
    assert Source.from_json(tree) == source
    assert Source.from_json(tree).leaves() == source.leaves()


@pytest.mark.parametrize("tree", [{}, {"operation": "open"}, {"operation": 1}, [], None, "open"])
def test_what_is_no_source_is_refused(tree):
    with pytest.raises(ContractError, match="no source"):
        Source.from_json(tree)


# --- identity ------------------------------------------------------------------------------------


def test_the_source_of_thousands_of_files_is_short_and_knows_each_of_them(tmp_path):
    parts = [tmp_path / f"a_rather_long_name_of_a_volume_{i:05d}.tif" for i in range(2000)]
    for part in parts:
        part.write_bytes(b"123")
    opened = Source.opened(tmp_path, format="tiff", parts=parts)
    assert len(json.dumps(opened.to_json())) < 1000
    named = opened.arguments["parts"]
    assert named[parts[0].name] == named[parts[-1].name] == 3
    parts[1000].write_bytes(b"1234")
    assert Source.opened(tmp_path, format="tiff", parts=parts).identity() != opened.identity()


def test_identity_follows_parts_and_timeline_never_the_path(tmp_path):
    def opened(folder, content=b"abc", **columns):
        (tmp_path / folder).mkdir(exist_ok=True)
        part = tmp_path / folder / "frames.dat"
        part.write_bytes(content)
        whole = recording()
        return recording_id(
            BaseRecording(
                source=Source.opened(part, format="leifer", parts=[part]),
                frames=whole.frames,
                timeline=attrs.evolve(whole.timeline, **columns),
                channels=whole.channels,
            )
        )

    here = opened("here")
    assert len(here) == 64
    assert here == opened("there") == opened("here", b"xyz")
    others = [
        opened("here", b"abcd"),
        opened("here", time=COUNT * 0.5 + 1e-9),
        opened("here", z=np.zeros(N)),
        opened("here", volumes=[[1, 4]], volume_counts=[[1, 5]]),
        opened("here", volume_counts=[[1, 5], [5, 9], [17, 21]]),
        opened("here", stored=stored_in_order(N, 2)[:, ::-1]),
        opened("here", flags=[Flag.FLYBACK] + [0] * 11 + [Flag.DUPLICATE, 0]),
    ]
    assert len({here, *others}) == 1 + len(others)
