"""What a plugin hands to wormio: data objects, whose code is named and loaded when needed."""

from __future__ import annotations

import enum
import importlib
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import attrs

from wormio.errors import ContractError, PluginLoadError
from wormio.model._fields import as_frozenset, as_tuple

if TYPE_CHECKING:
    from wormio.registry.probe import Probe

__all__ = [
    "SPEC_VERSION",
    "Confidence",
    "Detection",
    "Format",
    "PositionReader",
    "ReducerPlugin",
    "load_code",
]

SPEC_VERSION = "1.0"
"""Of the contract that this wormio offers to formats."""

_SLUG = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_CODE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


class Confidence(enum.IntEnum):
    """How sure a format is that a path is its own; the highest wins."""

    NAME = 1
    """Only the file's name says so."""
    STRUCTURE = 2
    """The files of a folder, or the fields of a header, are those of the format."""
    SIGNATURE = 3
    """The content says so itself."""


@attrs.frozen
class Detection:
    """A format's verdict on a path: mine, or mine but something is missing.

    Parameters
    ----------
    confidence : Confidence
    evidence : tuple of str
        What was seen, for example ``"framesDetails.txt beside a .dat file"``.
    missing : tuple of str
        Parts that belong to such a recording and are not there.
    cure : str
        What to do about what is missing.
    """

    confidence: Confidence = attrs.field(converter=Confidence)
    evidence: tuple[str, ...] = attrs.field(converter=as_tuple)
    missing: tuple[str, ...] = attrs.field(default=(), converter=as_tuple)
    cure: str = ""


def _slug(_owner: object, _attribute: object, value: str) -> None:
    if not _SLUG.fullmatch(value):
        raise ContractError(
            "a name must be a slug",
            expected="lower-case letters, digits and single hyphens",
            found=repr(value),
        )


def _code_name(_owner: object, attribute: attrs.Attribute[str], value: str) -> None:
    if not isinstance(value, str) or not _CODE.fullmatch(value):
        raise ContractError(
            f"{attribute.name} must name its code",
            expected="'package.module:function', imported only when it is needed",
            found=repr(value),
        )


def _code_names(owner: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is None:
        return
    for name in value if isinstance(value, tuple) else (value,):
        _code_name(owner, attribute, name)


@attrs.frozen(kw_only=True)
class Format:
    """One file format: how to recognise it and how to open it.

    Parameters
    ----------
    name : str
        Slug, unique among all plugins: ``"leifer"``.
    title : str
        One line for people.
    opener : str
        ``"package.module:function"``, called as ``function(path, options)``; returns a
        `wormio.model.Recording`.
    detect : callable
        ``detect(probe) -> Detection | None``. It asks the `Probe` and opens nothing itself.
    patterns : tuple of str
        Names of its files, for people and for messages: ``("*.ome.tif",)``.
    options : str
        ``"package.module:Class"``, a subclass of `Options`.
    contents : str, optional
        ``"package.module:function"``, called as ``function(path, options)``; returns the names of
        the recordings in a file that can hold several.
    capabilities : frozenset of str
    thread_safe : bool
        Whether the library behind it may be used by several threads at once.
    subject : str or tuple of str, optional
        ``"package.module:subject"``, the `wormio.testing.Subject` that the conformance kit tests
        it with; several if the format has dialects, one each.
    spec : str
        Version of the contract it was written for.
    """

    name: str = attrs.field(validator=_slug)
    title: str
    opener: str = attrs.field(validator=_code_name)
    detect: Callable[[Probe], Detection | None] = attrs.field(
        validator=attrs.validators.is_callable()
    )
    patterns: tuple[str, ...] = attrs.field(default=(), converter=as_tuple)
    options: str = attrs.field(default="wormio.registry.options:Options", validator=_code_name)
    contents: str | None = attrs.field(
        default=None, validator=attrs.validators.optional(_code_name)
    )
    capabilities: frozenset[str] = attrs.field(default=frozenset(), converter=as_frozenset)
    thread_safe: bool = False
    subject: str | tuple[str, ...] | None = attrs.field(default=None, validator=_code_names)
    spec: str = SPEC_VERSION

    @property
    def subjects(self) -> tuple[str, ...]:
        """The names in `subject`, however many."""
        return (self.subject,) if isinstance(self.subject, str) else self.subject or ()


@attrs.frozen(kw_only=True)
class PositionReader:
    """One file format of neuron positions.

    Parameters
    ----------
    name : str
        Slug.
    title : str
    patterns : tuple of str
        Names of its files; they choose the reader.
    reader : str
        ``"package.module:function"``, called as ``function(path, **options)``; returns
        `wormio.model.Positions`.
    """

    name: str = attrs.field(validator=_slug)
    title: str
    patterns: tuple[str, ...] = attrs.field(converter=as_tuple)
    reader: str = attrs.field(validator=_code_name)


@attrs.frozen(kw_only=True)
class ReducerPlugin:
    """One way to make a number from the voxels of a neuron.

    Parameters
    ----------
    name : str
        Slug; other than those of wormio's own reducers.
    title : str
    factory : str
        ``"package.module:function"``, called as ``function(**parameters)``; returns a
        `wormio.extraction.VoxelReducer`.
    """

    name: str = attrs.field(validator=_slug)
    title: str
    factory: str = attrs.field(validator=_code_name)


def load_code(name: str) -> Any:
    """Import what ``"package.module:attribute"`` names.

    Raises
    ------
    PluginLoadError
        The module or the attribute is not there, or its import fails.
    """
    module, _, attribute = name.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except Exception as error:
        raise PluginLoadError(
            f"{name} cannot be loaded: {type(error).__name__}: {error}",
            cure="install what is missing, or tell the plugin's author",
        ) from error
