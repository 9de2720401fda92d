"""Naming the dimensions of an array: by the file if it says what they mean, else by the user."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import attrs

from wormio.errors import OptionError
from wormio.model._fields import as_tuple

__all__ = ["Axes"]

_MEANINGFUL = "TZCYX"


@attrs.frozen(kw_only=True)
class Axes:
    """The dimensions of an array as its file has them.

    Parameters
    ----------
    letters : str
        One a dimension, slowest first; what the file does not name has any other letter.
    shape : tuple of int
    named : bool
        Whether the file itself says what its letters mean.
    title : str
        What kind of file it is, for messages: ``"a plain TIFF"``.
    path : Path
    """

    letters: str
    shape: tuple[int, ...] = attrs.field(converter=as_tuple)
    named: bool
    title: str
    path: Path

    def label(self, given: str | None) -> list[str]:
        """Return one of T, Z, C, Y, X for each dimension.

        Parameters
        ----------
        given : str, optional
            The user's letters, with or without those of dimensions of length 1; they win.

        Raises
        ------
        OptionError
            The meaning is not known and not given, or what is given does not fit.
        """
        return self._by_file() if given is None else self._by_user(given)

    def fit(self, given: str) -> bool:
        """Tell whether `given` has one letter for each dimension, those of length 1 or not."""
        return len(given) in {len(self.shape), len(self._squeezed()[1])}

    def is_own(self, labels: Sequence[str], letter: str) -> bool:
        """Tell whether `letter` is what the file calls so: then the file's steps apply to it."""
        named = [
            axis
            for axis, label, n in zip(self.letters, labels, self.shape, strict=True)
            if label == letter and n > 1
        ]
        return self.named and named in ([], [letter])

    def _by_file(self) -> list[str]:
        unknown = [
            axis
            for axis, n in zip(self.letters, self.shape, strict=True)
            if n > 1 and axis not in _MEANINGFUL
        ]
        squeezed = self._squeezed()[0]
        if not unknown and (self.named or squeezed == "YX"):  # one plane needs no other name
            # An unknown axis of length 1 means nothing, wherever it is put.
            return [axis if axis in _MEANINGFUL else "C" for axis in self.letters]
        axes, shape = self._squeezed()
        if self.named:
            problem = f"the file has dimensions that are none of time, z and channel: {unknown}"
        else:
            problem = (
                f"the file ({self.title}) does not say what its dimensions mean: "
                "option axes is missing"
            )
        raise OptionError(
            problem,
            expected=f"axes=, one letter of T, Z, C, Y, X for each of the dimensions {shape}",
            found=f"axes {axes!r} of lengths {shape}",
            path=self.path,
            cure="for example " + " or ".join(f"axes={a!r}" for a in _proposals(axes)),
        )

    def _by_user(self, given: str) -> list[str]:
        letters, squeezed = self._squeezed()
        if len(given) == len(self.shape):
            return list(given)
        if len(given) != len(squeezed):
            raise OptionError(
                "option axes does not fit the file",
                expected=f"one letter for each of the {len(squeezed)} dimensions {squeezed} "
                f"(the file calls them {letters})",
                found=f"{given!r}, {len(given)} letters",
                path=self.path,
            )
        rest = iter(given)
        return [
            next(rest) if _kept(a, n) else "C"
            for a, n in zip(self.letters, self.shape, strict=True)
        ]

    def _squeezed(self) -> tuple[str, tuple[int, ...]]:
        kept = [(a, n) for a, n in zip(self.letters, self.shape, strict=True) if _kept(a, n)]
        return "".join(a for a, _ in kept), tuple(n for _, n in kept)


def _kept(axis: str, length: int) -> bool:
    return length > 1 or axis in "YX"


def _proposals(axes: str) -> list[str]:
    """Return `axes` with its unknown letters replaced by what they could be."""
    known = [axis for axis in axes if axis in _MEANINGFUL]
    free = [letter for letter in "TZC" if letter not in known]
    unknown = [axis for axis in axes if axis not in _MEANINGFUL]
    if not unknown:
        return [axes]
    if len(unknown) == 1:
        letters = ["C"] if unknown == ["S"] else [*free, "C"] if "C" not in free else free
        return [axes.replace(unknown[0], letter) for letter in letters]
    if len(unknown) == len(axes):
        outer = {1: ["T", "Z"], 2: ["TZ", "TC"], 3: ["TZC"]}
        return [letters + "YX" for letters in outer.get(len(axes) - 2, ["..."])]
    fill = iter([*free, *"CCCCCC"])
    return ["".join(axis if axis in _MEANINGFUL else next(fill) for axis in axes)]
