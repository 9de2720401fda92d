"""What a signal is reduced to: a digest, and a sketch in a notebook."""

import subprocess
import sys
import xml.etree.ElementTree as ET

import attrs
import numpy as np
import pytest

from wormio.model import Channel, Column
from wormio.signal import Signal


def parsed(html):
    return ET.fromstring(html)  # noqa: S314 (our own)


def test_equal_content_has_one_digest(make_full_signal):
    signal = make_full_signal()
    assert signal.digest == make_full_signal().digest
    assert len(signal.digest) == 64
    assert signal.with_step("again", {}).digest == signal.digest
    assert attrs.evolve(signal, provenance=None, history=()).digest == signal.digest


def changed(signal):
    """Return signals that differ from this one in one thing each."""
    events = signal.events["light"]
    target = events.properties["target"]
    properties = {**events.properties, "target": attrs.evolve(target, unit="px")}
    data = signal.data.copy()
    data[np.isfinite(data)] += 0.0
    data[3, 2] = 7.0
    return [
        attrs.evolve(signal, data=data),
        attrs.evolve(signal, time=signal.time + 1),
        attrs.evolve(signal, volume=signal.volume + 1),
        attrs.evolve(signal, sample_time=signal.sample_time + 1),
        attrs.evolve(signal, valid=~signal.valid),
        attrs.evolve(signal, voxels=signal.voxels + 1),
        attrs.evolve(signal, voxels=None),
        attrs.evolve(signal, saturated=signal.saturated + 1),
        attrs.evolve(signal, background=signal.background + 1),
        attrs.evolve(signal, labels=list("abcde")),
        attrs.evolve(signal, channel=attrs.evolve(signal.channel, offset=1.0)),
        attrs.evolve(signal, quantity="dF/F"),
        attrs.evolve(signal, unit="%"),
        attrs.evolve(signal, recording="other"),
        attrs.evolve(signal, events={}),
        attrs.evolve(signal, events={"dark": events}),
        attrs.evolve(signal, events={**signal.events, "light": attrs.evolve(events, count=[9, 8])}),
        attrs.evolve(
            signal, events={**signal.events, "light": attrs.evolve(events, properties=properties)}
        ),
        attrs.evolve(
            signal,
            events={
                **signal.events,
                "light": attrs.evolve(
                    events, properties={"note": Column(values=np.array(["a", "b"]))}
                ),
            },
        ),
    ]


def test_any_difference_changes_the_digest(make_full_signal):
    signal = make_full_signal()
    digests = {signal.digest, *(other.digest for other in changed(signal))}
    assert len(digests) == 1 + len(changed(signal))


def test_nan_and_zero_have_one_form():
    channel = Channel(name="g")
    nan = np.array([[np.nan], [0.0]])
    other = np.array([[-np.nan], [-0.0]])
    other.view(np.uint64)[0] |= 5  # another NaN
    one, two = (Signal(data=d, time=[0.0, 1.0], channel=channel) for d in (nan, other))
    assert one == two
    assert one.data.tobytes() != two.data.tobytes()
    assert one.digest == two.digest


def test_the_digest_is_that_of_another_process(make_full_signal, tmp_path):
    signal = make_full_signal()
    signal.save(tmp_path / "a.h5")
    code = f"import wormio; print(wormio.load({str(tmp_path / 'a.h5')!r})['green'].digest)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == signal.digest


def test_the_sketch_is_well_formed_and_says_what_it_is(make_full_signal):
    signal = attrs.evolve(
        make_full_signal(), labels=["<b>", "a & b", '"q"', "x" * 500, "左"], quantity="<script>"
    )
    html = signal.interpolate()._repr_html_()
    root = parsed(html)
    text = "".join(root.itertext())
    assert "40 volumes x 5 neurons" in text
    assert "<script>" in text
    assert "<b>" in text
    assert "<script>" not in html
    assert "invented → interpolate" in text
    assert len(root.findall(".//{http://www.w3.org/2000/svg}text")) == 5


@pytest.mark.parametrize("shape", [(4000, 300), (200_000, 12), (50, 2000)])
def test_the_sketch_stays_small(make_signal, make_events, shape):
    data = np.random.default_rng(0).normal(size=shape) * 1e9
    data[np.random.default_rng(1).random(shape) < 0.3] = np.nan
    events = {f"{i}" * 300: make_events(np.arange(2000.0)) for i in range(8)}
    labels = [f"{i}" + "&" * 300 for i in range(shape[1])]
    signal = make_signal(data, events=events, labels=labels)
    for _ in range(30):
        signal = signal.with_step("name" * 30, {})
    html = signal._repr_html_()
    assert len(html.encode()) < 50_000
    parsed(html)


@pytest.mark.parametrize(
    "data",
    [
        np.zeros((0, 3)),
        np.zeros((3, 0)),
        np.zeros((1, 2)),
        np.full((5, 2), np.nan),
        np.ones((5, 1)),
        np.array([[1.0], [np.inf], [2.0]]),
    ],
)
def test_odd_signals_are_sketched_too(make_signal, data):
    signal = make_signal(data, event_times=[1.0, np.nan])
    parsed(signal._repr_html_())
    parsed(attrs.evolve(signal, time=np.full(len(data), np.nan))._repr_html_())


def test_everything_says_what_it_is_in_a_line(make_full_signal):
    signal = make_full_signal()
    responses = signal.around("light", 0.5, 1.0)
    assert repr(responses) == (
        "<Responses: 1 events x 7 lags x 5 neurons, -0.499995 to 0.999989 s, channel 'green'>"
    )
    assert repr(responses.average()) == (
        "<Average of 1 events: 7 lags x 5 neurons, channel 'green'>"
    )
    assert repr(signal.blocks("light")) == "<Blocks of 'light': 2 events, 0 placed>"
    assert repr(signal.irregular("light")) == ("<IrregularArray (40, 5) float64, blocks: light: 1>")
