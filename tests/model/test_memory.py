"""Recordings in memory have an identity of their own, which costs nothing until it is asked for."""

import pickle

import numpy as np
import pytest

from wormio.model import ArrayFrames, ArrayRecording, Source, combine, recording_id


def recording(pixels, **options):
    return ArrayRecording.from_volumes(np.asarray(pixels).reshape(2, 3, 1, 4, 5), **options)


PIXELS = np.arange(120, dtype=np.uint16)


def test_recordings_with_different_pixels_have_different_ids():
    changed = PIXELS.copy()
    changed[-1] += 1
    one, same, other = recording(PIXELS), recording(PIXELS.copy()), recording(changed)
    assert recording_id(one) == recording_id(same)
    ids = {recording_id(r) for r in (one, other, recording(PIXELS.astype(np.int32)))}
    assert len(ids) == 3
    # So have those that are made of them.
    for make in (
        lambda r: r.select(volumes=slice(1, 2)),
        lambda r: r.with_timeline("planar"),
        lambda r: combine({"a": r, "b": one}, on="index"),
    ):
        assert recording_id(make(one)) == recording_id(make(same)) != recording_id(make(other))


def test_an_id_does_not_depend_on_how_the_pixels_lie_in_memory():
    stack = PIXELS.reshape(6, 1, 4, 5)
    spread = np.zeros((6, 1, 4, 10), np.uint16)
    spread[..., ::2] = stack
    digests = {ArrayFrames(a).digest() for a in (stack, spread[..., ::2], stack.astype(">u2"))}
    assert len(digests) == 1
    assert ArrayFrames(stack[:, :, :0]).digest() != digests.pop()


def test_an_id_is_that_of_the_pixels_as_they_are_now():
    pixels = PIXELS.copy()
    one = recording(pixels)
    before = recording_id(one)
    pixels[7] += 1
    assert recording_id(one) != before
    pixels[7] -= 1
    assert recording_id(one) == before


def test_no_pixel_is_read_before_the_id_is_asked_for(monkeypatch):
    asked = []
    digest = ArrayFrames.digest
    monkeypatch.setattr(ArrayFrames, "digest", lambda self: asked.append(1) or digest(self))
    one = recording(PIXELS)
    _ = (one.select(volumes=slice(1)), repr(one), one.source.to_json(), one.volume(0))
    assert not asked
    recording_id(one)
    assert asked == [1]


def test_a_source_travels_without_pixels():
    source = recording(np.zeros(120, np.uint16)).source
    text = pickle.dumps(source)
    assert len(text) < 500
    assert pickle.loads(text) == source == Source.from_json(source.to_json())


@pytest.mark.parametrize("closed", [False, True])
def test_the_id_stays_when_the_recording_is_closed(closed):
    one = recording(PIXELS)
    if closed:
        one.close()
    assert recording_id(one) == recording_id(recording(PIXELS))
