"""What the neurodata types mean: the ones known here, and those that the file itself defines.

A file may hold the schema of its extensions (``/specifications``): then it says itself what its
types extend and what their dimensions are. Extensions were changed without new names
(VolumetricMicroscopySeries was frames, height, width, depths before it was frames, depths, height,
width), so the file's own word counts first.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import attrs
from wormio.errors import CorruptRecordingError
from wormio.storage.foreign_hdf5 import has

from wormio_nwb.reading import Nwb

if TYPE_CHECKING:
    import h5py

__all__ = ["CONTAINER", "DEPTH_SERIES", "SERIES", "Schema", "kind_of"]

SERIES: dict[str, tuple[str, ...]] = {
    "ImageSeries": ("TXY", "TXYZ"),
    "TwoPhotonSeries": ("TXY", "TXYZ"),
    "OnePhotonSeries": ("TXY", "TXYZ"),
    "OpticalSeries": ("TXY", "TXYC"),
    "MultiChannelVolumeSeries": ("TXYZ", "TXYZC"),
    "MultiChannelVolume": ("XYZ", "XYZC"),
    "PlanarMicroscopySeries": ("TYX",),
    "VariableDepthMicroscopySeries": ("TYX",),
    "VolumetricMicroscopySeries": (),
    "PlanarMicroscopyStaticImage": ("YX",),
    "VolumetricMicroscopyStaticImage": (),
}
"""Types that hold images, with the axes of their arrays; of no axes where versions differ."""

DEPTH_SERIES = "VariableDepthMicroscopySeries"
CONTAINER = "MultiPlaneMicroscopyContainer"

_AXES = {
    "T": ("frame", "frames", "time", "num_frames", "number_of_frames"),
    "X": ("x", "width", "num_x"),
    "Y": ("y", "height", "num_y"),
    "Z": ("z", "depth", "depths", "num_z"),
    "C": ("channel", "channels", "r, g, b"),
    "N": ("num_roi",),
}
_LETTER = {word: letter for letter, words in _AXES.items() for word in words}
_MAX_SCHEMA_FILES = 32


def kind_of(group: h5py.Group) -> str:
    """Return the neurodata type of a group; "" if it has none."""
    return _attribute(group, "neurodata_type")


def _attribute(group: h5py.Group, name: str) -> str:
    from wormio.formats.stacks.hdf5 import attributes

    found = attributes(group, [name]).get(name)
    return found if isinstance(found, str) else ""


@attrs.define
class Schema:
    """The types of a file's extensions, read when they are first asked for.

    Parameters
    ----------
    nwb : Nwb
    """

    nwb: Nwb
    _types: dict[str, dict[str, dict[str, Any]]] = attrs.field(factory=dict, init=False)

    def series_kind(self, group: h5py.Group) -> str:
        """Return the type in `SERIES`, or `CONTAINER`, that a group is or extends; else ""."""
        kind, namespace = kind_of(group), _attribute(group, "namespace")
        for _ in range(_MAX_SCHEMA_FILES):
            if kind in SERIES or kind == CONTAINER or not kind:
                return kind
            kind = str(self._spec(namespace, kind).get("neurodata_type_inc", ""))
        return ""

    def letters(self, group: h5py.Group, n_dims: int, name: str = "data") -> list[str]:
        """Return what the axes of a dataset may be: one choice if that is known.

        The file's own schema first, then what is known here of that type.
        """
        kind, namespace = kind_of(group), _attribute(group, "namespace")
        for _ in range(_MAX_SCHEMA_FILES):
            spec = self._spec(namespace, kind)
            for one in spec.get("datasets", ()):
                if isinstance(one, dict) and one.get("name") == name:
                    said = _by_dims(one.get("dims"), n_dims)
                    if said:
                        return [said]
            known = [axes for axes in SERIES.get(kind, ()) if len(axes) == n_dims]
            if name == "data" and (known or kind in SERIES or not spec):
                return known
            if not spec:
                return []
            kind = str(spec.get("neurodata_type_inc", ""))
        return []

    def _spec(self, namespace: str, kind: str) -> dict[str, Any]:
        """Return the definition of a type; empty if the file has none."""
        if namespace in {"", "core"}:
            return {}
        if namespace not in self._types:
            self._types[namespace] = {}
            self._types[namespace] = self._read(namespace)
        return self._types[namespace].get(kind, {})

    def _read(self, namespace: str) -> dict[str, dict[str, Any]]:
        where = f"specifications/{namespace}"
        if "/" in namespace or not has(self.nwb.file, "specifications"):
            return {}
        if not has(self.nwb.group(self.nwb.file, "specifications"), namespace):
            return {}
        versions = list(self.nwb.group(self.nwb.file, where))
        if len(versions) != 1:
            return {}  # which of them the series was written by is not said
        files = self.nwb.group(self.nwb.file, f"{where}/{versions[0]}")
        found: dict[str, dict[str, Any]] = {}
        for name in list(files)[:_MAX_SCHEMA_FILES]:
            text = self.nwb.text(files, name)
            try:
                content = json.loads(text or "{}")
            # RecursionError: JSON that is nested too deeply.
            except (ValueError, RecursionError) as error:
                raise CorruptRecordingError(
                    f"{where} holds no schema", found=str(error)[:200]
                ) from error
            for section in ("groups", "datasets"):
                for one in content.get(section, ()) if isinstance(content, dict) else ():
                    if isinstance(one, dict) and isinstance(one.get("neurodata_type_def"), str):
                        found[one["neurodata_type_def"]] = one
        return found


def _by_dims(dims: Any, n_dims: int) -> str:
    """Return the letters of a schema's dims, or of that alternative which has so many."""
    if not isinstance(dims, list):
        return ""
    choices = dims if dims and isinstance(dims[0], list) else [dims]
    for words in choices:
        letters = "".join(_LETTER.get(str(word).lower(), "?") for word in words)
        if len(words) == n_dims and letters.count("X") == letters.count("Y") == 1:
            return letters if "?" not in letters else ""
    return ""
