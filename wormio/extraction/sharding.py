"""Work cut into shards, as for an array of cluster jobs, and signals put together again."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from typing import Any, Self

import attrs
import numpy as np

from wormio.errors import OptionError, SignalError
from wormio.extraction.gathering import gaps
from wormio.signal import Provenance, Signal

__all__ = ["Shard", "Share", "merge"]


@attrs.frozen
class Share:
    """What of one recording belongs to a shard.

    Parameters
    ----------
    recording : int
        Index into the list of recordings.
    begin, end : int
        The part from `begin` to `end`, in units of 1 / `of`.
    of : int
    """

    recording: int
    begin: int
    end: int
    of: int

    @property
    def is_whole(self) -> bool:
        """Whether it is all of the recording."""
        return (self.begin, self.end) == (0, self.of)

    def volumes(self, n_volumes: int) -> tuple[int, int]:
        """Return the half-open range of volumes; it may be empty where there are few."""
        return n_volumes * self.begin // self.of, n_volumes * self.end // self.of


@attrs.frozen
class Shard:
    """One of several equal shares of the work.

    Parameters
    ----------
    number : int
        1 to `count`.
    count : int

    Raises
    ------
    OptionError
        There is no such shard.

    Examples
    --------
    >>> Shard.parse("2/4").shares(1)[0].volumes(10)
    (2, 5)
    >>> [share.recording for share in Shard.parse("2/4").shares(8)]
    [2, 3]
    """

    number: int
    count: int

    def __attrs_post_init__(self) -> None:
        if not 1 <= self.number <= self.count:
            raise OptionError(
                "there is no such shard",
                expected="i/N with i from 1 to N",
                found=f"{self.number}/{self.count}",
                cure="sbatch --array=1-N counts like that",
            )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``i/N``."""
        number, slash, count = text.partition("/")
        if not (slash and number.isdecimal() and count.isdecimal()):
            raise OptionError(
                "the shard is not readable", expected="i/N, for example 3/64", found=repr(text)
            )
        return cls(int(number), int(count))

    def shares(self, n_recordings: int) -> list[Share]:
        """Return which parts of which recordings it is.

        The recordings are taken as intervals of equal length that follow each other, and the whole
        is cut into equal shards. So several recordings make one shard, or several shards one
        recording, and only the recordings of a shard need to be opened.
        """
        # In units of 1 / count of a recording, a shard is as long as there are recordings.
        first, stop = (self.number - 1) * n_recordings, self.number * n_recordings
        shares = []
        for recording in range(first // self.count, -(-stop // self.count)):
            start = recording * self.count
            begin, end = max(first - start, 0), min(stop - start, self.count)
            shares.append(Share(recording, begin, end, self.count))
        return shares


def merge(parts: Iterable[Mapping[str, Signal]]) -> dict[str, Signal]:
    """Put the signals of ranges of volumes together, as if they had been extracted at once.

    Parameters
    ----------
    parts : iterable of mapping of str to Signal
        Results of `extract` with ``volumes=``, in any order, that make up the recording.

    Returns
    -------
    dict of str to Signal
        Equal to the result of `extract` without ``volumes=``.

    Raises
    ------
    SignalError
        Volumes are missing or there twice, or the parts were not extracted alike.
    """
    ordered = sorted(((_part_of(part), part) for part in parts), key=lambda each: each[0])
    if not ordered:
        raise SignalError("there is nothing to merge", expected="signals of ranges of volumes")
    n_volumes = ordered[0][0][2]
    spans = [(first, stop) for (first, stop, _), _ in ordered]
    missing = gaps((0, n_volumes), spans)
    if missing:
        raise SignalError(
            "volumes are missing",
            expected=f"all {n_volumes} volumes of the recording",
            found="nothing of volumes " + ", ".join(f"{a} to {b - 1}" for a, b in missing[:10]),
            cure="extract these shards (again)",
        )
    twice = [b for a, b in itertools.pairwise(spans) if b[0] < a[1]]
    if twice:
        raise SignalError(
            "volumes are there twice",
            found=f"volumes from {twice[0][0]} on",
            cure="merge the shards of one --shard i/N only",
        )
    signals = [part for _, part in ordered]
    names = list(signals[0])
    if any(list(each) != names for each in signals):
        raise _differ("channels", names, next(list(e) for e in signals if list(e) != names))
    provenances: dict[int, Provenance] = {}
    return {name: _merged([each[name] for each in signals], provenances) for name in names}


def _part_of(signals: Mapping[str, Signal]) -> tuple[int, int, int]:
    """Return the range of volumes, and of how many it is."""
    for signal in signals.values():
        if signal.provenance is None:
            raise SignalError(
                "this is no part of an extraction",
                expected="signals of a range of volumes, as --shard writes them",
                found=repr(signal),
            )
        if len(signal.history) != 1:
            raise SignalError(
                "a part was processed before it was merged",
                found=", ".join(step.name for step in signal.history),
                cure="merge first",
            )
        whole = {"volumes": [0, signal.n_volumes], "of": signal.n_volumes}
        part = signal.provenance.options.get("part", whole)
        first, stop = part["volumes"]
        return int(first), int(stop), int(part["of"])
    raise SignalError("a part holds no signal")


def _merged(parts: list[Signal], provenances: dict[int, Provenance]) -> Signal:
    """Join the parts of one channel; channels that shared a provenance share it again."""
    whole: dict[str, Any] = {}
    first = parts[0]
    for field in attrs.fields(Signal):
        values = [getattr(part, field.name) for part in parts]
        if field.name in {"history", "provenance"}:
            continue
        if isinstance(values[0], np.ndarray) and all(v is not None for v in values):
            whole[field.name] = np.concatenate(values)
        else:
            whole[field.name] = _same(field.name, values)
    (step,) = first.history
    for part in parts:
        _same("options", [_whole(step.parameters), _whole(part.history[0].parameters)])
        _same("version", [step.version, part.history[0].version])
    history = (attrs.evolve(step, parameters=_whole(step.parameters)),)
    made = [part.provenance for part in parts if part.provenance is not None]
    provenance = provenances.get(id(made[0]))
    if provenance is None:
        for name in ("recording_id", "versions", "positions"):
            _same(name, [getattr(each, name) for each in made])
        provenance = attrs.evolve(
            made[0],
            options=_whole(made[0].options),
            volumes=np.concatenate([each.volumes for each in made]),
            centre_frame=np.concatenate([each.centre_frame for each in made]),
        )
        provenances[id(made[0])] = provenance
    return Signal(**whole, history=history, provenance=provenance)


def _whole(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name != "part"}


def _same(what: str, values: list[Any]) -> Any:
    for value in values[1:]:
        if value != values[0]:
            raise _differ(what, values[0], value)
    return values[0]


def _differ(what: str, one: object, other: object) -> SignalError:
    return SignalError(
        f"the parts were not extracted alike: their {what} differ",
        expected=f"{one!r}"[:200],
        found=f"{other!r}"[:200],
        cure="extract all parts of the same recording with the same options and software",
    )
