"""Loading plugins, one by one, so that a broken one never breaks the host."""

from __future__ import annotations

import difflib
import os
import time
from collections.abc import Iterable, Sequence
from functools import cache
from importlib import metadata
from typing import Any, Literal

import attrs
import pluggy

from wormio.errors import OptionError, PluginConflictError, PluginLoadError
from wormio.registry import hookspecs
from wormio.registry.format import SPEC_VERSION, Format, PositionReader, ReducerPlugin

__all__ = ["LoadFailure", "PluginRegistry", "PluginState", "default_registry", "misspelt_plugins"]

ENTRY_POINT_GROUP = "wormio"


@attrs.frozen(kw_only=True)
class LoadFailure:
    """A plugin that could not be used, and why.

    Parameters
    ----------
    plugin : str
        Name of its entry point.
    distribution : str
        ``"name version"`` of the distribution it came with.
    error : Exception
    """

    plugin: str
    distribution: str
    error: Exception

    def __str__(self) -> str:
        kind = type(self.error).__name__
        return f"{self.plugin} (of {self.distribution}): {kind}: {self.error}"


@attrs.frozen(kw_only=True)
class PluginState:
    """What became of one entry point.

    Parameters
    ----------
    name : str
        Of the entry point.
    distribution : str
        ``"name version"`` of the distribution it came with.
    module : str
        That the entry point names.
    state : {"loaded", "failed", "disabled"}
    reason : str
        Why it is not loaded.
    formats, position_readers, reducers : tuple of str
        What it offers.
    seconds : float
        That loading took: a plugin that imports its reader too early shows here.
    """

    name: str
    distribution: str
    module: str = ""
    state: Literal["loaded", "failed", "disabled"]
    reason: str = ""
    formats: tuple[str, ...] = ()
    position_readers: tuple[str, ...] = ()
    reducers: tuple[str, ...] = ()
    seconds: float = 0.0


class PluginRegistry:
    """The formats, readers and reducers of the plugins that could be loaded.

    Attributes
    ----------
    failures : list of LoadFailure
        Plugins that could not; they never take the host down, unless ``WORMIO_STRICT_PLUGINS=1``.
    plugins : list of PluginState
        Every entry point that was looked at, the disabled ones too.
    """

    def __init__(self) -> None:
        self._pm = pluggy.PluginManager("wormio")
        self._pm.add_hookspecs(hookspecs)
        self._distributions: dict[str, str] = {}
        self._offers: dict[str, tuple[tuple[str, ...], ...]] = {}
        self._formats: dict[str, tuple[Format, str]] = {}
        self._readers: dict[str, tuple[PositionReader, str]] = {}
        self._reducers: dict[str, tuple[ReducerPlugin, str]] = {}
        self.failures: list[LoadFailure] = []
        self.plugins: list[PluginState] = []

    def register(self, plugin: object, name: str, distribution: str = "this process") -> None:
        """Register a plugin object and take over what it offers.

        Raises
        ------
        PluginLoadError
            A hook is misspelt, has a wrong signature, raises, or returns something else than its
            data objects. Nothing of the plugin stays registered.
        PluginConflictError
            It claims a name that another plugin has already.
        """
        if name in self._distributions:
            raise PluginConflictError(
                f"two plugins are called {name!r}",
                expected="entry points of different names",
                found=f"{name!r} of {self._distributions[name]} and of {distribution}",
                cure="uninstall one of them, or ask an author to rename the entry point",
            )
        try:
            self._pm.register(plugin, name)
            self._pm.check_pending()
            if not self._pm.get_hookcallers(plugin):
                raise PluginLoadError(
                    "the plugin implements no hook of wormio",
                    expected="a function wormio_formats decorated with wormio.registry.hookimpl",
                )
            formats = self._collect(plugin, "wormio_formats", Format)
            readers = self._collect(plugin, "wormio_position_readers", PositionReader)
            reducers = self._collect(plugin, "wormio_reducers", ReducerPlugin)
            self._check_names(formats, self._formats, distribution)
            self._check_names(readers, self._readers, distribution)
            self._check_names(reducers, self._reducers, distribution)
        except Exception as error:
            # pluggy leaves a rejected plugin half registered.
            if self._pm.has_plugin(name):
                self._pm.unregister(name=name)
            if isinstance(error, (PluginConflictError, PluginLoadError)):
                raise
            raise PluginLoadError(
                f"plugin {name!r} of {distribution} is broken: {type(error).__name__}: {error}"
            ) from error
        self._distributions[name] = distribution
        self._offers[name] = tuple(
            tuple(item.name for item in items) for items in (formats, readers, reducers)
        )
        self._formats |= {item.name: (item, distribution) for item in formats}
        self._readers |= {item.name: (item, distribution) for item in readers}
        self._reducers |= {item.name: (item, distribution) for item in reducers}

    def load_entry_points(
        self,
        entry_points: Iterable[metadata.EntryPoint] | None = None,
        *,
        strict: bool | None = None,
    ) -> None:
        """Load the plugins of all installed distributions, each on its own.

        ``WORMIO_PLUGINS`` (a comma-separated allow-list; empty: none but wormio's own) and
        ``WORMIO_DISABLE_PLUGINS`` name entry points.

        Parameters
        ----------
        entry_points : iterable of importlib.metadata.EntryPoint, optional
            Default: those of all installed distributions.
        strict : bool, optional
            Whether the first failure raises; default: whether ``WORMIO_STRICT_PLUGINS=1``.
        """
        if entry_points is None:
            entry_points = metadata.entry_points(group=ENTRY_POINT_GROUP)
        if strict is None:
            strict = os.environ.get("WORMIO_STRICT_PLUGINS") == "1"
        # Sorted: what is loaded must not depend on the order of installation. wormio's own first,
        # so that it is never the one that a conflict throws out.
        for entry in sorted(entry_points, key=lambda e: (not _is_own(e), e.name, e.value)):
            distribution = _distribution(entry)
            shut_out = _shut_out(entry)
            if shut_out:
                self._note(entry, distribution, "disabled", reason=shut_out)
                continue
            start = time.perf_counter()
            try:
                self.register(_load(entry), entry.name, distribution)
            except Exception as error:
                if strict:
                    raise
                failure = LoadFailure(plugin=entry.name, distribution=distribution, error=error)
                self.failures.append(failure)
                reason = f"{type(error).__name__}: {error}"
                self._note(entry, distribution, "failed", reason=reason, start=start)
            else:
                self._note(entry, distribution, "loaded", start=start)

    def _note(
        self,
        entry: metadata.EntryPoint,
        distribution: str,
        state: Literal["loaded", "failed", "disabled"],
        *,
        reason: str = "",
        start: float | None = None,
    ) -> None:
        nothing: tuple[tuple[str, ...], ...] = ((), (), ())
        formats, readers, reducers = (
            self._offers.get(entry.name, nothing) if state == "loaded" else nothing
        )
        self.plugins.append(
            PluginState(
                name=entry.name,
                distribution=distribution,
                module=entry.value,
                state=state,
                reason=reason,
                formats=formats,
                position_readers=readers,
                reducers=reducers,
                seconds=0.0 if start is None else time.perf_counter() - start,
            )
        )

    @property
    def formats(self) -> tuple[Format, ...]:
        """All formats, sorted by name."""
        return tuple(self._formats[name][0] for name in sorted(self._formats))

    @property
    def position_readers(self) -> tuple[PositionReader, ...]:
        """All readers of positions, sorted by name."""
        return tuple(self._readers[name][0] for name in sorted(self._readers))

    @property
    def reducers(self) -> tuple[ReducerPlugin, ...]:
        """All reducers of plugins, sorted by name."""
        return tuple(self._reducers[name][0] for name in sorted(self._reducers))

    def distribution(self, format_name: str) -> str:
        """Return ``"name version"`` of the distribution that a format comes from."""
        return self._formats[format_name][1]

    def get(self, format_name: str) -> Format:
        """Return a format by name.

        Raises
        ------
        OptionError
            There is none of that name.
        """
        if format_name in self._formats:
            return self._formats[format_name][0]
        close = difflib.get_close_matches(format_name, self._formats, n=1)
        broken = "".join(f"; not loaded: {failure}" for failure in self.failures)
        raise OptionError(
            f"there is no format {format_name!r}",
            expected=", ".join(sorted(self._formats)) + broken,
            cure=f"did you mean {close[0]}?" if close else "`wormio formats` lists them",
        )

    def _collect(self, plugin: object, hook: str, kind: type[Any]) -> list[Any]:
        items = [
            item
            for implementation in getattr(self._pm.hook, hook).get_hookimpls()
            if implementation.plugin is plugin
            for item in implementation.function()
        ]
        for item in items:
            if not isinstance(item, kind):
                raise PluginLoadError(
                    f"{hook} returned something else",
                    expected=f"wormio.registry.{kind.__name__} objects",
                    found=f"{item!r}"[:200],
                )
            if isinstance(item, Format) and not _supports(item.spec):
                raise PluginLoadError(
                    f"format {item.name!r} was written for another contract",
                    expected=f"version {SPEC_VERSION}",
                    found=item.spec,
                    cure="update the plugin or wormio",
                )
        return items

    def _check_names(
        self, items: Sequence[Any], known: dict[str, tuple[Any, str]], distribution: str
    ) -> None:
        names = [item.name for item in items]
        for name in names:
            other = known[name][1] if name in known else distribution
            if name in known or names.count(name) > 1:
                raise PluginConflictError(
                    f"the name {name!r} is taken",
                    expected="names that differ",
                    found=f"{name!r} in {other} and in {distribution}",
                    cure="uninstall one of them, or set WORMIO_DISABLE_PLUGINS",
                )


@cache
def default_registry() -> PluginRegistry:
    """Return the registry of the installed plugins, loaded at first use."""
    registry = PluginRegistry()
    registry.load_entry_points()
    return registry


def _shut_out(entry: metadata.EntryPoint) -> str:
    """Return by what the user keeps a plugin out; empty if it is to be loaded."""
    if entry.name in _names(os.environ.get("WORMIO_DISABLE_PLUGINS", "")):
        return "named by WORMIO_DISABLE_PLUGINS"
    allowed = os.environ.get("WORMIO_PLUGINS")
    if allowed is not None and entry.name not in _names(allowed) and not _is_own(entry):
        return "not named by WORMIO_PLUGINS"
    return ""


def misspelt_plugins() -> list[str]:
    """Say which names in the variables that choose plugins are those of no installed plugin."""
    installed = {entry.name for entry in metadata.entry_points(group=ENTRY_POINT_GROUP)}
    return [
        f"{variable} names {name!r}, and no plugin of that name is installed"
        for variable in ("WORMIO_DISABLE_PLUGINS", "WORMIO_PLUGINS")
        for name in sorted(_names(os.environ.get(variable, "")) - installed)
    ]


def _load(entry: metadata.EntryPoint) -> object:
    try:
        return entry.load()
    except SystemExit as error:
        # A script behind an entry point; it must not end the host.
        raise PluginLoadError(
            f"{entry.value} ended the program while it was imported",
            found=f"SystemExit({error.code!r})",
        ) from error


def _supports(spec: str) -> bool:
    """Tell whether this wormio offers a contract: the same major version, no newer minor one."""
    try:
        wanted = tuple(int(part) for part in spec.split("."))
    except ValueError:
        return False
    ours = tuple(int(part) for part in SPEC_VERSION.split("."))
    return wanted[:1] == ours[:1] and wanted <= ours


def _names(text: str) -> set[str]:
    return {name.strip() for name in text.split(",") if name.strip()}


def _is_own(entry: metadata.EntryPoint) -> bool:
    return entry.value.startswith("wormio.")


def _distribution(entry: metadata.EntryPoint) -> str:
    if entry.dist is None:
        return "an unknown distribution"
    return f"{entry.dist.name} {entry.dist.version}"
