"""A signal cut at its events (acceptance A14, A15)."""

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wormio.errors import OptionError, SignalError
from wormio.formats.described.join import repair
from wormio.model import Events, EventStatus, Origin, Timeline, stored_in_order

NAN = np.nan


@pytest.fixture(scope="module")
def make(make_signal, make_events):
    """Return a function: a signal of n rows with events in these volumes; -1 is outside."""

    def make(n_rows, volumes, n_neurons=1, **changes):
        volumes = np.array(volumes, int)
        table = make_events(
            np.where(volumes >= 0, volumes * 0.5, NAN),
            volume=volumes,
            status=np.where(volumes >= 0, EventStatus.OK, EventStatus.OUTSIDE),
        )
        data = np.arange(n_rows)[:, None] + 100.0 * np.arange(n_neurons)
        return make_signal(data, events={"light": table}, **changes)

    return make


def rows(signal):
    return signal.data[:, 0].astype(int).tolist()


def test_block_i_begins_with_event_i(make):
    blocks = make(12, [3, 7]).blocks("light")
    assert len(blocks) == 2
    assert rows(blocks[0]) == [3, 4, 5, 6]
    assert rows(blocks[1]) == rows(blocks[-1]) == [7, 8, 9, 10, 11]
    assert rows(blocks.before_first) == [0, 1, 2]
    assert [rows(block) for block in blocks] == [rows(blocks[0]), rows(blocks[1])]
    assert blocks[0].history[-1].name == "select"
    assert blocks[0].volume.tolist() == [3, 4, 5, 6]


@pytest.mark.parametrize("index", [2, -3])
def test_a_block_that_is_not_there(make, index):
    with pytest.raises(IndexError, match="2 events"):
        make(12, [3, 7]).blocks("light")[index]


def test_events_in_any_order_shared_volumes_and_events_outside(make):
    blocks = make(12, [7, -1, 3, 7]).blocks("light")
    assert [rows(block) for block in blocks] == [[], [], [3, 4, 5, 6], [7, 8, 9, 10, 11]]
    assert blocks.placed.tolist() == [True, False, True, True]
    assert rows(blocks.before_first) == [0, 1, 2]


def test_rows_that_are_not_there_move_a_block_or_leave_it_empty(make):
    signal = make(12, [3, 7]).select(rows=[0, 1, 4, 5, 6, 7, 9])
    assert [rows(block) for block in signal.blocks("light")] == [[4, 5, 6], [7, 9]]
    late = make(12, [3, 7]).select(rows=slice(5, None)).blocks("light")
    assert late.placed.tolist() == [False, True]
    assert rows(late.before_first) == [5, 6]  # their event is not among the rows


@given(st.integers(0, 15), st.lists(st.integers(-1, 20), max_size=8))
def test_blocks_partition_the_rows(make, n_rows, volumes):
    signal = make(n_rows, volumes)
    blocks = signal.blocks("light")
    together = rows(blocks.before_first) + [row for block in blocks for row in rows(block)]
    assert sorted(together) == list(range(n_rows))
    assert (blocks.strides >= 0).all()
    assert blocks.strides.sum() == n_rows
    for volume, placed, block in zip(volumes, blocks.placed, blocks, strict=True):
        assert placed == (0 <= volume < n_rows)
        if block.n_volumes:
            assert rows(block)[0] == volume
    # An oracle of another module.
    inside = [v for v in volumes if 0 <= v < n_rows]
    expected = np.diff(np.concatenate([[0], np.sort(inside), [n_rows]]))
    np.testing.assert_array_equal(blocks.strides, expected)
    np.testing.assert_array_equal(blocks.strides, signal.events["light"].strides(n_rows))


def test_a_recording_with_drops_glitches_and_odd_events(make_signal):
    """A14: counters 12, 15, 16 dropped, 19 written as 20; events on, beside and outside them."""
    counters = repair(np.array([10, 11, 13, 14, 17, 18, 20, 20, 21]), None, ("late-counter",))
    timeline = Timeline(
        time=counters.count * 0.5,
        count=counters.count,
        volumes=[[1, 4], [4, 7]],
        stored=stored_in_order(9, 1),
        origins=dict.fromkeys(("time", "count", "volume"), Origin.MEASURED),
    )
    events = Events.at_counts(timeline, [18, 12, 11, 99, 15, 18, 10, 19, 3])
    assert events.frame.tolist() == [5, 1, 1, -1, 3, 5, 0, 6, -1]
    signal = make_signal(np.arange(2.0)[:, None], events={"light": events})
    blocks = signal.blocks("light")
    assert blocks.placed.tolist() == [True, True, True, False, True, True, False, True, False]
    assert [rows(block) for block in blocks] == [[], [], [], [], [0], [], [], [1], []]
    assert blocks.strides.tolist() == [0, 0, 0, 1, 0, 0, 1]
    assert rows(blocks.before_first) == []


def test_the_call_syntax_counts_from_before_the_first_event(make, make_events):
    signal = make(12, [3, 7], n_neurons=2)
    array = signal.irregular("light")
    np.testing.assert_array_equal(array(light=0), signal.data[:3])
    np.testing.assert_array_equal(array(light=-1), signal.data[7:])
    assert array == signal.irregular()
    assert signal.blocks("light")[0].data.tolist() == array(light=1).tolist()


def test_trimmed_blocks_are_cut_to_the_shortest_and_skip_what_was_named(make):
    signal = make(20, [2, 5, 13, -1], n_neurons=2)
    found = signal.blocks("light").trim()
    assert found.event.tolist() == [0, 1, 2]
    np.testing.assert_array_equal(found.data[..., 0], [[2, 3, 4], [5, 6, 7], [13, 14, 15]])
    assert found.valid.dtype == bool
    np.testing.assert_allclose(found.tau, [0, 0.5, 1.0])
    longer = signal.blocks("light", skip=[0]).trim()
    assert longer.event.tolist() == [1, 2]
    assert longer.data.shape == (2, 7, 2)
    assert signal.blocks("light", skip=[-4]).trim() == longer
    assert longer.history[-1].parameters == {"name": "light", "skip": [0]}
    np.testing.assert_allclose(longer.average().mean[:, 1], 109 + np.arange(7))


def test_each_table_has_its_own_skip_list(make, make_events):
    signal = make(20, [2, 5, 13])
    table = signal.events["light"]
    both = attrs.evolve(signal, events={"light": table, "touch": table})
    assert both.blocks("light", skip=[0]).trim().event.tolist() == [1, 2]
    assert both.blocks("touch").trim().event.tolist() == [0, 1, 2]


def test_what_cannot_be_cut(make, make_signal):
    signal = make(12, [3, 7])
    with pytest.raises(SignalError, match="'light'"):
        signal.blocks("dark")
    with pytest.raises(OptionError, match="no event 2"):
        signal.blocks("light", skip=[2])
    with pytest.raises(SignalError, match="no block"):
        signal.blocks("light", skip=[0, 1]).trim()
    with pytest.raises(SignalError, match="increase"):
        make(4, [1], volume=[0, 1, 1, 2]).blocks("light")
    with pytest.raises(SignalError, match="lag"):
        make(12, [3, 7], time=np.full(12, NAN)).blocks("light").trim()


def test_a_template_is_found_under_noise_and_missing_samples(make_signal, make_events):
    """A15: 20 blocks of unequal length, a tenth missing: within 3 sigma / sqrt(n)."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(40, 60, 20)
    starts = 10 + np.concatenate([[0], np.cumsum(lengths)[:-1]])
    n_rows = int(10 + lengths.sum())
    template = np.exp(-np.arange(60) / 10) * 5
    data = rng.normal(0, 1, (n_rows, 3))
    for start, length in zip(starts, lengths, strict=True):
        data[start : start + length] += template[:length, None]
    missing = rng.random(data.shape) < 0.1
    data[missing] = NAN
    events = make_events(starts * 0.5, volume=starts)
    signal = make_signal(data, events={"light": events}).interpolate()
    trimmed = signal.blocks("light").trim()
    average = trimmed.average()
    assert trimmed.valid.dtype == bool
    assert len(average.tau) == lengths.min()
    counted = sum(~missing[start : start + lengths.min()] for start in starts)
    np.testing.assert_array_equal(average.count, counted)
    error = np.abs(average.mean - template[: lengths.min(), None])
    bound = 3 / np.sqrt(average.count)
    # 3 sigma are missed once in 370: of 120 numbers one or two may be.
    assert (error > bound).sum() <= 2
    around = signal.around("light", 0, (lengths.min() - 1) * 0.5).average()
    np.testing.assert_allclose(around.mean, average.mean)
