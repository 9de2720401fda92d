"""The hooks a plugin may implement. Each returns data objects; nothing is imported until chosen.

A plugin is a module named by an entry point of the group ``wormio``::

    [project.entry-points.wormio]
    mylab = "wormio_mylab.hooks"
"""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from wormio.registry.format import Format, PositionReader, ReducerPlugin

__all__ = ["hookimpl", "hookspec"]

hookspec = pluggy.HookspecMarker("wormio")
hookimpl = pluggy.HookimplMarker("wormio")


@hookspec
def wormio_formats() -> Iterable[Format]:
    """Return the formats that the plugin can open.

    Returns
    -------
    iterable of Format

    Examples
    --------
    A complete plugin:

    >>> from wormio.registry import Confidence, Detection, Format, hookimpl
    >>> def detect(probe):
    ...     if probe.has("mylab.json"):
    ...         return Detection(Confidence.STRUCTURE, ["mylab.json is there"])
    >>> @hookimpl
    ... def wormio_formats():
    ...     return [
    ...         Format(
    ...             name="mylab",
    ...             title="Recordings of my lab",
    ...             opener="wormio_mylab.adapter:open",
    ...             detect=detect,
    ...         )
    ...     ]
    """
    return ()


@hookspec
def wormio_position_readers() -> Iterable[PositionReader]:
    """Return the readers of neuron positions that the plugin offers.

    Returns
    -------
    iterable of PositionReader

    Examples
    --------
    A complete plugin:

    >>> from wormio.registry import PositionReader, hookimpl
    >>> @hookimpl
    ... def wormio_position_readers():
    ...     return [
    ...         PositionReader(
    ...             name="mylab-points",
    ...             title="Points of my lab's tracker",
    ...             patterns=("*.points",),
    ...             reader="wormio_mylab.points:read",
    ...         )
    ...     ]
    """
    return ()


@hookspec
def wormio_reducers() -> Iterable[ReducerPlugin]:
    """Return the reducers that the plugin offers.

    Returns
    -------
    iterable of ReducerPlugin

    Examples
    --------
    A complete plugin:

    >>> from wormio.registry import ReducerPlugin, hookimpl
    >>> @hookimpl
    ... def wormio_reducers():
    ...     return [
    ...         ReducerPlugin(
    ...             name="mylab-trimmed-mean",
    ...             title="The mean without the darkest and the brightest voxels",
    ...             factory="wormio_mylab.reducers:TrimmedMean",
    ...         )
    ...     ]
    """
    return ()
