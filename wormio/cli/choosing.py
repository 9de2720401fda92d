"""The masks, the reducer and the background of an extraction, as a user types them."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wormio.errors import FormatError, MissingPartError, OptionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wormio.extraction import Background, Mask, Reducer

__all__ = ["background", "masks", "reducer"]

# The parameter of a reducer that has one.
_PARAMETERS = {"brightest-mean": ("k", int), "percentile": ("q", float)}


def masks(
    box: str | None, ellipsoid: str | None, files: "Sequence[str]"
) -> "Mask | dict[str, Mask] | None":
    """Return the mask, several by name, or None for the default.

    Parameters
    ----------
    box, ellipsoid : str, optional
        ``Z,Y,X``.
    files : sequence of str
        ``FILE`` or ``NAME=FILE``: JSON, as a provenance keeps it.
    """
    from wormio.extraction import Box, Ellipsoid, mask_from_json

    given = [name for name, value in (("--box", box), ("--ellipsoid", ellipsoid)) if value]
    given += ["--mask"] if files else []
    if len(given) > 1:
        raise OptionError(
            "several masks without names",
            expected="one of --box, --ellipsoid and --mask; several as --mask NAME=FILE",
            found=" and ".join(given),
        )
    if box:
        z, y, x = _numbers("box", box, int, "three odd numbers: 3,5,5")
        return Box(z, y, x)
    if ellipsoid:
        z, y, x = _numbers("ellipsoid", ellipsoid, float, "three numbers: 3,5.5,5.5")
        return Ellipsoid(z, y, x)
    named: dict[str, Mask] = {}
    for text in files:
        name, equals, path = text.partition("=")
        if not equals:
            name, path = "", text
        if name in named or (named and not name):
            raise OptionError(
                "several masks need names of their own",
                expected="--mask NAME=FILE for each",
                found=", ".join(files),
            )
        named[name] = mask_from_json(_json(Path(path)))
    if not named:
        return None
    return named.get("", named)


def reducer(text: str) -> "Reducer":
    """Return the reducer of ``NAME`` or ``NAME=NUMBER``."""
    from wormio.extraction import reducer_from_json

    name, equals, value = text.partition("=")
    tree: dict[str, Any] = {"name": name}
    if equals or name in _PARAMETERS:
        key, kind = _PARAMETERS.get(name, ("", float))
        try:
            tree[key] = kind(value)
        except ValueError:
            raise OptionError(
                f"reducer {name!r} needs a number", expected=f"{name}=20", found=repr(text)
            ) from None
    return reducer_from_json(tree)


def background(text: str | None) -> "Background | None":
    """Return the background of ``annulus``, ``annulus=PERCENTILE``, ... or a JSON file."""
    from wormio.extraction import Annulus, PlanePercentile, background_from_json

    if text is None:
        return None
    name, equals, value = text.partition("=")
    kinds: dict[str, Any] = {"annulus": Annulus, "plane-percentile": PlanePercentile}
    if name in kinds:
        if not equals and name == "annulus":
            return Annulus()
        (percentile,) = _numbers("background", value, float, f"{name}=20", n=1)
        made: Background = kinds[name](percentile=percentile)
        return made
    if not Path(text).exists():
        raise OptionError(
            "unknown background",
            expected="annulus, annulus=PERCENTILE, plane-percentile=PERCENTILE, or a JSON file",
            found=repr(text),
        )
    return background_from_json(_json(Path(text)))


def _numbers(what: str, text: str, kind: Any, expected: str, n: int = 3) -> list[Any]:
    try:
        numbers = [kind(part) for part in text.split(",")]
        if len(numbers) != n:
            raise ValueError
    except ValueError:
        raise OptionError(
            f"the {what} is not readable", expected=expected, found=repr(text)
        ) from None
    return numbers


def _json(path: Path) -> Any:
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise MissingPartError("there is no such file", path=path) from error
    except ValueError as error:
        raise FormatError("is no JSON", found=str(error)[:200], path=path) from error
    if not isinstance(tree, dict):
        raise FormatError("is no JSON object", found=f"{tree!r}"[:100], path=path)
    return tree
