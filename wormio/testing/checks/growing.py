"""G: recordings whose acquisition is still writing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from wormio.model import GrowingRecording
from wormio.testing.copies import write
from wormio.testing.engine import Context, check, require
from wormio.testing.isolation import isolated

__all__: list[str] = []


@check("WIO-G01", "writer", "growing")
def refreshing_keeps_what_was_there(context: Context) -> None:
    """After refresh() the old snapshot is unchanged, and an identical prefix of the new one."""
    low, high = context.subject.limits.volumes
    plain: dict[str, list[int]] = {"lost": [], "twice": [], "stimuli": []}
    short = write(context, context.write(context.truth(volumes=max(low, 1), **plain)))
    longer = write(context, context.write(context.truth(volumes=max(high, 2), **plain)))

    def work(say: Callable[[str], None]) -> None:
        with context.opened(short.path) as old:
            before, rows = old.frames[:], old.timeline
            for name in longer.names():
                # In place, as an acquisition that appends: readers keep their descriptors.
                target = short.at(name)
                with target.open("r+b" if target.exists() else "wb") as file:
                    file.write(longer.at(name).read_bytes())
            require(isinstance(old, GrowingRecording), "no refresh()", "refresh(), as declared")
            assert isinstance(old, GrowingRecording)  # noqa: S101 (for the type checker)
            new = old.refresh()
            try:
                say(f"from {len(before)} to {len(new.frames)} frames")
                n, v = len(before), len(rows.volumes)
                require(len(new.frames) > n, len(new.frames), f"more than {n} frames")
                require(len(old.frames) == n, len(old.frames), n, "the old snapshot's length")
                same = old.frames[:].tobytes() == before.tobytes()
                require(same, "other pixels", "those of before", "the old snapshot")
                same = new.frames[:n].tobytes() == before.tobytes()
                require(same, "other pixels", "those of the old snapshot", f"new.frames[:{n}]")
                for column in ("time", "z", "count", "stored"):
                    mine, theirs = getattr(new.timeline, column)[:n], getattr(rows, column)
                    same = np.array_equal(mine, theirs, equal_nan=mine.dtype.kind == "f")
                    require(same, f"another {column}", "that of the old snapshot")
                kept = np.array_equal(new.timeline.volumes[:v], rows.volumes)
                require(kept, new.timeline.volumes[:v].tolist(), rows.volumes.tolist(), "volumes")
            finally:
                new.close()

    isolated(work)
