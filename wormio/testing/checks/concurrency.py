"""C: threads, processes, and two recordings at once."""

from __future__ import annotations

import pickle
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from wormio.testing.engine import CheckFailure, Context, check, require
from wormio.testing.isolation import differences, fingerprint, fresh, isolated, portion

__all__: list[str] = []

_PAYLOAD = 64 * 1024
_THREADS = 8
_READS = 60
_FORK_SECONDS = 15.0
_IN_THE_CHILD = """
import pickle
from wormio.testing.isolation import fingerprint
with pickle.load(sys.stdin.buffer) as recording:
    print(json.dumps(fingerprint(recording)))
"""


@check("WIO-C01", "pickle")
def pickles_into_another_process(context: Context) -> None:
    """A recording pickles in less than 64 KB, and is the same in a spawned process."""
    path = context.path()
    if context.subject.make is not None:  # with more pixels than a payload may have
        path = context.write(context.truth(height=128, width=130))
    with context.opened(path) as recording:
        payload = pickle.dumps(recording)
        here = fingerprint(recording)
    require(len(payload) < _PAYLOAD, f"{len(payload)} bytes", f"less than {_PAYLOAD}: no pixels")
    there = fresh(_IN_THE_CHILD, payload)
    require(there == here, differences(there, here), "no difference", "unpickled in a new process")


@check("WIO-C02")
def threads_read_the_same(context: Context) -> None:
    """Eight threads that read one recording at random all get the right pixels."""
    truth = None if context.subject.make is None else context.truth()
    path = context.path() if truth is None else context.write(truth)

    def work(say: Callable[[str], None]) -> None:
        with context.opened(path) as recording:
            n_channels = recording.frames.shape[1]
            n_frames = len(range(len(recording.frames))[portion(recording)])
            start = threading.Barrier(_THREADS)

            def read(seed: int) -> list[tuple[int, int, bytes]]:
                rng = np.random.default_rng(seed)
                start.wait()
                found = []
                for _ in range(_READS):
                    frame, channel = int(rng.integers(n_frames)), int(rng.integers(n_channels))
                    found.append((frame, channel, recording.frames[frame, channel].tobytes()))
                return found

            say(f"{_THREADS} threads, {_READS} reads each")
            sys.setswitchinterval(1e-6)
            with ThreadPoolExecutor(_THREADS) as pool:
                results = list(pool.map(read, range(_THREADS)))
            whole = recording.frames[:n_frames] if truth is None else truth.frames
        for frame, channel, pixels in (one for result in results for one in result):
            right = whole[frame, channel].tobytes()
            require(pixels == right, "other pixels", "its own", f"frames[{frame}, {channel}]")

    isolated(work)


@check("WIO-C03", severity="SHOULD")
def a_forked_child_reads_or_raises(context: Context) -> None:
    """After a fork, parent and child read the right pixels, or raise; neither hangs."""
    path = context.path()

    def work(say: Callable[[str], None]) -> None:
        with context.opened(path) as recording:
            whole = recording.frames[portion(recording)]
            n_frames = len(whole)
            with ThreadPoolExecutor(1) as pool:
                pool.submit(lambda: recording.frames[0]).result()

            def compare(who: str) -> None:
                for frame in range(n_frames):
                    same = recording.frames[frame].tobytes() == whole[frame].tobytes()
                    require(same, "other pixels", "its own", f"frames[{frame}] {who}")

            def child(_: Callable[[str], None]) -> None:
                try:
                    compare("in the child of a fork")
                except CheckFailure:
                    raise
                except Exception:
                    return  # an error is honest

            for frame in range(n_frames):
                say(f"fork after frames[{frame}] was read")
                recording.frames[frame]
                if frame in {0, n_frames // 2}:
                    isolated(child, seconds=_FORK_SECONDS)
            compare("in the parent of a fork")

    isolated(work, seconds=4 * _FORK_SECONDS)


@check("WIO-C04", severity="SHOULD")
def two_recordings_are_independent(context: Context) -> None:
    """Two recordings on one path do not disturb each other; closing one leaves the other open."""
    path = context.path()
    with context.opened(path) as recording:
        whole = recording.frames[portion(recording)]
    with context.opened(path) as first:
        with context.opened(path) as second:
            require(first is not second, "one object", "two recordings")
            for frame in range(len(whole)):
                back = len(whole) - 1 - frame
                for one, index in ((first, frame), (second, back)):
                    same = one.frames[index].tobytes() == whole[index].tobytes()
                    require(same, "other pixels", "its own", f"frames[{index}], read in turns")
        same = first.frames[: len(whole)].tobytes() == whole.tobytes()
        require(same, "other pixels", "its own", "the other recording was closed")
