"""Formats that wormio itself does not read, but of which it knows who does.

Recognised by the same bounded `Probe` as all others, so that a path that no installed format claims
can be answered with the line that installs what is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from wormio.registry.manager import PluginState
    from wormio.registry.probe import Probe

__all__ = ["KNOWN", "KnownFormat", "Suggestion", "suggest"]


@attrs.frozen(kw_only=True)
class KnownFormat:
    """A format that a separate distribution reads.

    Parameters
    ----------
    title : str
    distribution : str
        To install.
    recognise : callable
        ``recognise(probe)`` returns the evidence in words; empty if the path is none.
    """

    title: str
    distribution: str
    recognise: Callable[[Probe], str]


@attrs.frozen(kw_only=True)
class Suggestion:
    """A distribution that would read a path, and what to do to have it.

    Parameters
    ----------
    distribution, title, evidence, cure : str
    """

    distribution: str
    title: str
    evidence: str
    cure: str

    def __str__(self) -> str:
        return f"{self.distribution} reads {self.title} ({self.evidence}); to do: {self.cure}"


_HDF5 = b"\x89HDF\r\n\x1a\n"
_ND2 = b"\xda\xce\xbe\x0a"
# The nd2 of before 2006 is a JPEG 2000 file: only with its name is it an nd2.
_JPEG2000 = b"\x00\x00\x00\x0cjP  \r\n\x87\n"
_ZARR = ("zarr.json", ".zgroup", ".zattrs", ".zarray")
_NDTIFF = "NDTiff.index"
# NDTiff 2 keeps the index of the images one folder deeper.
_NDTIFF_2 = "Full resolution"
# Behind the header of each of its TIFFs, in the order of the machine that wrote it.
_NDTIFF_STACK = {b"II*\0": b"\x91\x61\x07\0", b"MM\0*": b"\0\x07\x61\x91"}


def _nd2(probe: Probe) -> str:
    if probe.is_dir:
        return ""
    if probe.head().startswith(_ND2):
        return "the file begins with da ce be 0a"
    if probe.path.suffix.lower() == ".nd2" and probe.head().startswith(_JPEG2000):
        return "*.nd2 that begins as JPEG 2000"
    return ""


def _zarr(probe: Probe) -> str:
    found = [name for name in _ZARR if probe.has(name)]
    return f"the folder has {', '.join(found)}" if found else ""


def _nwb(probe: Probe) -> str:
    if probe.is_dir or not probe.head().startswith(_HDF5):
        return ""
    if probe.path.suffix.lower() == ".nwb":
        return "*.nwb that begins as HDF5"
    return "HDF5 with nwb_version" if b"nwb_version" in probe.head() else ""


def _ndtiff(probe: Probe) -> str:
    if not probe.is_dir:
        head = probe.head()
        if head[:4] in _NDTIFF_STACK and head[8:12] == _NDTIFF_STACK[head[:4]]:
            return "the TIFF has the header of an NDTiff stack"
        if probe.path.name == _NDTIFF and head[4:5] == b"{":
            return f"{_NDTIFF} begins with the axes of an image"
        return ""
    if probe.has(_NDTIFF):
        return f"the folder has {_NDTIFF}"
    inside = f"{_NDTIFF_2}/{_NDTIFF}"
    if probe.has(_NDTIFF_2) and probe.size(inside) >= 0:
        return f"the folder has {inside}"
    return ""


KNOWN = (
    KnownFormat(title="Nikon ND2", distribution="wormio-nd2", recognise=_nd2),
    KnownFormat(title="NDTiff (Micro-Manager)", distribution="wormio-ndtiff", recognise=_ndtiff),
    KnownFormat(title="NWB", distribution="wormio-nwb", recognise=_nwb),
    KnownFormat(title="OME-Zarr", distribution="wormio-zarr", recognise=_zarr),
)


def suggest(probe: Probe, plugins: Iterable[PluginState] = ()) -> tuple[Suggestion, ...]:
    """Name the distributions that would read a path.

    Parameters
    ----------
    probe : Probe
    plugins : iterable of PluginState
        What is installed: a distribution that is loaded has spoken for itself, one that is there
        but not loaded needs another cure than ``pip install``.
    """
    states = {plugin.distribution.split(" ")[0]: plugin.state for plugin in plugins}
    found = []
    for known in KNOWN:
        evidence = known.recognise(probe)
        state = states.get(known.distribution)
        if not evidence or state == "loaded":
            continue
        cure = f"pip install {known.distribution}"
        if state == "failed":
            cure = "it is installed but could not be loaded; `wormio doctor` says why"
        elif state == "disabled":
            cure = "it is installed but disabled: see WORMIO_PLUGINS, WORMIO_DISABLE_PLUGINS"
        found.append(
            Suggestion(
                distribution=known.distribution,
                title=known.title,
                evidence=evidence,
                cure=cure,
            )
        )
    return tuple(found)
