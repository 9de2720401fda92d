"""Recipes: the steps of a processing, written down in TOML, to be done again.

::

    [[step]]
    name = "interpolate"
    max_gap = 2.0

    [[step]]
    name = "divide"
    channels = ["green"]
    other = "red"

Each step is done on all signals, or on the named `channels`, before the next. All other keys are
the parameters of the step's function; one that is a signal is named, and is taken as it is at that
point. Nothing is ignored: an unknown step or key, or a value of the wrong type, is an error with
its line.
"""

from __future__ import annotations

import collections.abc
import difflib
import inspect
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Union

import attrs

from wormio.errors import OptionError, WormioError
from wormio.registry.toml import Document, parse_toml, read_toml_text, structured
from wormio.signal.steps import STEPS, step_function

if TYPE_CHECKING:
    from wormio.signal.signal import Signal

__all__ = ["Recipe", "RecipeStep", "mark", "read_recipe", "recipe_of"]

_MARK = "recipe"


@attrs.frozen
class RecipeStep:
    """One step of a recipe.

    Parameters
    ----------
    name : str
    parameters : mapping
        Those that the recipe gives; a signal by its name.
    channels : tuple of str, optional
        Names of the signals it is done on; None: on all.
    line : int
        Of the recipe.
    """

    name: str
    parameters: Mapping[str, Any]
    channels: tuple[str, ...] | None = None
    line: int = 0


@attrs.frozen
class Recipe:
    """Steps to be done on the signals of a file.

    Parameters
    ----------
    text : str
        The recipe, as it was written.
    steps : tuple of RecipeStep
    path : Path
        Where it is from, for messages.
    """

    text: str = attrs.field(repr=False)
    steps: tuple[RecipeStep, ...]
    path: Path = attrs.field(eq=False)

    @classmethod
    def parse(cls, text: str, path: str | Path = "recipe.toml") -> Recipe:
        """Read a recipe from its text; see `read_recipe`."""
        document = parse_toml(text, path)
        for key in document.data:
            if key != "step":
                raise document.error((key,), "unknown key", expected="[[step]]")
        listed = document.data.get("step")
        if not isinstance(listed, list) or not listed:
            raise document.error((), "the recipe has no steps", expected="[[step]]")
        steps = tuple(_step(document, index) for index in range(len(listed)))
        return cls(text, steps, Path(path))

    def apply(
        self, signals: Mapping[str, Signal], others: Mapping[str, Signal] | None = None
    ) -> dict[str, Signal]:
        """Do the steps.

        Parameters
        ----------
        signals : mapping of str to Signal
            By the names that the recipe uses.
        others : mapping of str to Signal, optional
            Further signals that steps take; they stay as they are and are not returned.

        Returns
        -------
        dict of str to Signal
            The history of each ends with the step ``"recipe"``, which holds the recipe's text.

        Raises
        ------
        OptionError
            The recipe names a signal that is not there, or a step cannot be done as asked.
        WormioError
            What a step raises; the message has the step and its line.
        """
        current = dict(signals)
        further = dict(others or {})
        clash = sorted(set(current) & set(further))
        if clash:
            raise OptionError("two signals have one name", found=", ".join(clash))
        for step in self.steps:
            names = tuple(current) if step.channels is None else step.channels
            for name in names:
                if name not in current:
                    raise self._unknown(step, name, current)
            # All see the others as they were before this step.
            before = {**further, **current}
            for name in names:
                current[name] = self._done(step, name, current[name], before)
        return {
            name: mark(signal, toml=self.text, steps=len(signal.history) - len(raw.history))
            for (name, signal), raw in zip(current.items(), signals.values(), strict=True)
        }

    def _done(
        self, step: RecipeStep, name: str, signal: Signal, known: Mapping[str, Signal]
    ) -> Signal:
        function = step_function(step.name)
        parameters = dict(step.parameters)
        for key in _signal_parameters(function):
            wanted = parameters.get(key)
            if isinstance(wanted, str):
                if wanted not in known:
                    raise self._unknown(step, wanted, known)
                parameters[key] = known[wanted]
        try:
            return function(signal, **parameters)
        except WormioError as error:
            error.problem = f"line {step.line}: {step.name} of {name!r}: {error.problem}"
            error.path = error.path or str(self.path)
            raise

    def _unknown(self, step: RecipeStep, name: str, known: Mapping[str, Signal]) -> OptionError:
        return OptionError(
            f"line {step.line}: {step.name}: there is no signal {name!r}",
            expected=", ".join(map(repr, known)),
            path=self.path,
        )


def read_recipe(path: str | Path) -> Recipe:
    """Read a recipe from a TOML file.

    Raises
    ------
    OptionError
        An unknown step or key, a missing key, a value of the wrong type: with its line.
    OSError
        As the system says.
    """
    return Recipe.parse(read_toml_text(path), path)


def recipe_of(signal: Signal) -> Recipe | None:
    """Return the last recipe that was applied to a signal; None if there was none."""
    marks = [step for step in signal.history if step.name == _MARK]
    return Recipe.parse(marks[-1].parameters["toml"], "recipe in the history") if marks else None


def mark(signal: Signal, toml: str, steps: int) -> Signal:
    """Note in a signal's history that its last steps were those of a recipe.

    Parameters
    ----------
    signal : Signal
    toml : str
        Text of the recipe.
    steps : int
        How many steps of the history it made.
    """
    return signal.with_step(_MARK, {"toml": toml, "steps": steps})


def _step(document: Document, index: int) -> RecipeStep:
    way = ("step", index)
    given = document.get(way)
    name = given.get("name") if isinstance(given, dict) else None
    if not isinstance(name, str):
        raise document.error(way, "the step has no name", expected='name = "interpolate"')
    known = sorted(set(STEPS) - {_MARK})
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        raise document.error(
            (*way, "name"),
            f"there is no step {name!r}",
            expected=", ".join(known),
            cure=f"did you mean {close[0]}?" if close else "",
        )
    made: Any = structured(_schema(step_function(name), given), document, way)
    parameters = {key: getattr(made, key) for key in given if key not in {"name", "channels"}}
    return RecipeStep(name, parameters, made.channels, document.line_of(way))


def _schema(function: Callable[..., Signal], given: Iterable[str]) -> type[Any]:
    """Return a class whose fields are what a recipe may say of a step.

    Where the function takes options of any name, it checks those that are `given`.
    """
    several: Any = tuple[str, ...] | None
    fields = {
        "name": attrs.field(type=str),
        "channels": attrs.field(type=several, default=None),
    }
    for name, (hint, default) in _parameters(function).items():
        kind = _as_in_toml(hint)
        needed = default is inspect.Parameter.empty
        fields[name] = attrs.field(type=kind, default=attrs.NOTHING if needed else default)
    if any(one.kind is one.VAR_KEYWORD for one in inspect.signature(function).parameters.values()):
        anything: Any = Any
        for name in given:
            fields.setdefault(name, attrs.field(type=anything, default=None))
    return attrs.make_class("Step", fields, kw_only=True)


def _parameters(function: Callable[..., Signal]) -> dict[str, tuple[Any, Any]]:
    """Return type and default of each parameter of a step but the signal itself."""
    from wormio.signal.signal import Signal

    hints = typing.get_type_hints(function, localns={"Signal": Signal})
    _, *others = inspect.signature(function).parameters.values()
    return {
        one.name: (hints.get(one.name, Any), one.default)
        for one in others
        if one.kind is not one.VAR_KEYWORD
    }


def _signal_parameters(function: Callable[..., Signal]) -> list[str]:
    from wormio.signal.signal import Signal

    return [
        name
        for name, (hint, _) in _parameters(function).items()
        if hint is Signal or Signal in typing.get_args(hint)
    ]


def _as_in_toml(hint: Any) -> Any:
    """Return the type that a value has in TOML: a signal is a name, a sequence an array."""
    from wormio.signal.signal import Signal

    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if hint is Signal:
        return str
    if hint in {str, int, float, bool, type(None)} or origin is Literal:
        return hint
    if origin in {Union, types.UnionType}:
        return Union[tuple(_as_in_toml(one) for one in inner)]  # noqa: UP007 (not known here)
    if origin is tuple:
        made = tuple(one if one is ... else _as_in_toml(one) for one in inner)
        return types.GenericAlias(tuple, made)
    if origin in {collections.abc.Sequence, collections.abc.Iterable, list}:
        return types.GenericAlias(tuple, (_as_in_toml(inner[0]), ...))
    return Any
