"""Finding the image series of a file, and choosing one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
from wormio.errors import CorruptRecordingError, FormatError, OptionError, WormioError
from wormio.model import Finding
from wormio.storage.foreign_hdf5 import has

from wormio_nwb.reading import Nwb
from wormio_nwb.schema import CONTAINER, SERIES, Schema, kind_of

if TYPE_CHECKING:
    import h5py

__all__ = ["Series", "choose", "find_series"]

# Films that were shown are no recordings, and copies of single images under a table are none.
_SKIPPED = frozenset({"specifications", "general", "stimulus"})
_REFERENCE_IMAGES = "reference_images"
_MAX_TOLD = 50


@attrs.frozen
class Series:
    """One series of images.

    Parameters
    ----------
    name : str
        Its path in the file, without the leading slash.
    group : h5py.Group
    kind : str
        Its type, or the one of `wormio_nwb.schema.SERIES` that it extends.
    """

    name: str
    group: h5py.Group
    kind: str


def find_series(nwb: Nwb, schema: Schema) -> tuple[list[Series], list[tuple[str, WormioError]]]:
    """Return the image series in the order of their paths, and the links that were refused."""
    found: list[Series] = []
    refused: list[tuple[str, WormioError]] = []
    for name, group in nwb.groups(skip=_SKIPPED):
        if isinstance(group, WormioError):
            refused.append((name, group))
            continue
        kind = schema.series_kind(group)
        inside = any(one.kind == CONTAINER and name.startswith(f"{one.name}/") for one in found)
        if kind and not inside and _REFERENCE_IMAGES not in name.split("/"):
            found.append(Series(name, group, kind))
    return found, refused


def choose(nwb: Nwb, schema: Schema, item: str | None) -> tuple[Series, tuple[Finding, ...]]:
    """Return the series of that path, or the only one that there is.

    Raises
    ------
    OptionError
        There are several, or none of that path.
    FormatError
        There is none at all.
    UnsafeReferenceError, MissingPartError
        There is none but behind links that cannot be followed.
    """
    if item is not None:
        name = item.strip("/")
        try:
            group: Any = nwb.group(nwb.file, name) if name else None
        except CorruptRecordingError:  # not there; a link that may not be followed is another
            group = None
        kind = "" if group is None else schema.series_kind(group)
        if not kind:
            found, _ = find_series(nwb, schema)
            raise OptionError(
                f"there is no image series {item!r}",
                expected=_listed(found) or "a file with image series",
                found=f"a {kind_of(group) or 'group'}" if group is not None else "nothing",
            )
        return Series(name, group, kind), ()
    found, refused = find_series(nwb, schema)
    if len(found) > 1:
        raise OptionError(
            "the file holds several image series: option item is missing",
            expected="one of " + _listed(found),
            cure=f"for example item={found[0].name!r}",
        )
    if not found and refused:
        raise refused[0][1]
    if not found:
        raise FormatError(
            "the file holds no image series",
            expected=", ".join(sorted(SERIES)),
            found=_contents(nwb),
            cure="tables of neurons are no recordings: see wormio.read_positions",
        )
    told = tuple(
        Finding(code="link-refused", message=f"{name} was not looked at: {error.problem}")
        for name, error in refused
    )
    return found[0], told


def _listed(found: list[Series]) -> str:
    return "; ".join(f"{one.name} ({kind_of(one.group)}{_shape(one)})" for one in found[:_MAX_TOLD])


def _shape(one: Series) -> str:
    # The link only: a dataset that cannot be reached is no reason to list nothing.
    return "" if has(one.group, "data") or one.kind == CONTAINER else ", without data"


def _contents(nwb: Nwb) -> str:
    """Return the typed groups of a file in words."""
    told = []
    for name, group in nwb.groups(skip=frozenset({"specifications"})):
        kind = "" if isinstance(group, WormioError) else kind_of(group)
        if kind and name:
            told.append(f"{name} ({kind})")
    return "; ".join(told[:_MAX_TOLD]) or "nothing but the session's description"
