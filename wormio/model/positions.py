"""Where the neurons are: points, static or tracked, and label images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import attrs
import numpy as np
from numpy.typing import ArrayLike, NDArray

from wormio.errors import ContractError, FrameIndexError, OptionError
from wormio.model._fields import array_field, plain_text

if TYPE_CHECKING:
    from wormio.model.timeline import Timeline

__all__ = ["Labels", "Positions", "ZUnit"]

ZUnit = Literal["um", "frame"]


def _names(labels: Sequence[str]) -> tuple[str, ...]:
    return tuple(map(plain_text, labels))


@attrs.frozen(kw_only=True)
class Positions:
    """Centres of neurons as (z, y, x); N neurons, V volumes.

    Use `static` or `tracked`.

    Parameters
    ----------
    coords : (N, 3) or (V, N, 3) float64
        z in `z_unit`; y and x in pixels, integers at pixel centres. NaN where not found.
    z_unit : {"um", "frame"}
        ``"um"``: the frame of the volume whose z is nearest. ``"frame"``: index among the saved
        frames of that volume, in acquisition order.
    labels : tuple of str
        Names, unique. Default: ``"0"``, ``"1"``, ...
    confidence : (N,) or (V, N) float64, optional
    channel : str, optional
        Name of the channel they were found in.
    volumes : (V, 2) int64, optional
        Frame ranges of the volumes they were found in. Extraction refuses a recording whose
        volumes differ.

    Raises
    ------
    ContractError
        Shapes or names do not fit.
    """

    coords: NDArray[np.float64] = array_field("f8", (None, 3), (None, None, 3))
    z_unit: ZUnit
    labels: tuple[str, ...] = attrs.field(
        converter=_names,
        default=attrs.Factory(lambda self: map(str, range(self.coords.shape[-2])), takes_self=True),
    )
    confidence: NDArray[np.float64] | None = array_field("f8", (None,), (None, None), optional=True)
    channel: str | None = None
    volumes: NDArray[np.int64] | None = array_field("i8", (None, 2), optional=True)

    def __attrs_post_init__(self) -> None:
        if self.z_unit not in {"um", "frame"}:
            raise ContractError(
                "z_unit is unknown", expected="'um' or 'frame'", found=repr(self.z_unit)
            )
        if np.isinf(self.coords).any():
            raise ContractError("a position is infinite", expected="numbers, or NaN: not found")
        if len(self.labels) != len(self) or len(set(self.labels)) != len(self):
            raise ContractError(
                "labels do not name the neurons",
                expected=f"{len(self)} different names",
                found=f"{len(self.labels)} names, {len(set(self.labels))} different",
            )
        if self.confidence is not None and self.confidence.shape != self.coords.shape[:-1]:
            raise ContractError(
                "confidence has the wrong shape",
                expected=str(self.coords.shape[:-1]),
                found=str(self.confidence.shape),
            )
        if self.volumes is not None and self.is_tracked and len(self.volumes) != len(self.coords):
            raise ContractError(
                "volumes do not fit the tracked positions",
                expected=f"{len(self.coords)} rows",
                found=f"{len(self.volumes)} rows",
            )

    @classmethod
    def static(
        cls, zyx: ArrayLike, *, z_unit: ZUnit = "um", labels: Sequence[str] | None = None
    ) -> Positions:
        """Neurons that do not move, (N, 3)."""
        return cls(coords=_of_rank(zyx, 2), z_unit=z_unit, **_chosen(labels=labels))

    @classmethod
    def tracked(
        cls,
        zyx: ArrayLike,
        *,
        z_unit: ZUnit = "um",
        labels: Sequence[str] | None = None,
        volumes: ArrayLike | None = None,
    ) -> Positions:
        """Neurons found in every volume, (V, N, 3); NaN where not found."""
        return cls(
            coords=_of_rank(zyx, 3), z_unit=z_unit, **_chosen(labels=labels, volumes=volumes)
        )

    def __len__(self) -> int:
        return int(self.coords.shape[-2])

    @property
    def is_tracked(self) -> bool:
        """Whether every volume has positions of its own."""
        return self.coords.ndim == 3

    def at(self, first: int, stop: int) -> NDArray[np.float64]:
        """Return the (stop - first, N, 3) coordinates of a range of volumes.

        Raises
        ------
        FrameIndexError
            They were not tracked in so many volumes.
        """
        if self.is_tracked:
            if not 0 <= first <= stop <= len(self.coords):
                raise FrameIndexError(
                    "there are no positions for these volumes",
                    expected=f"volumes in 0..{len(self.coords)}",
                    found=f"{first}..{stop}",
                )
            return self.coords[first:stop]
        return np.broadcast_to(self.coords, (stop - first, *self.coords.shape))

    def inside(self, height: int, width: int) -> NDArray[np.bool_]:
        """Tell which centres fall on a pixel of an image; NaN centres do not.

        Returns
        -------
        (N,) or (V, N) bool
        """
        y, x = np.floor(self.coords[..., 1] + 0.5), np.floor(self.coords[..., 2] + 0.5)
        return np.asarray((y >= 0) & (y < height) & (x >= 0) & (x < width))

    def without_outside(self, height: int, width: int) -> Positions:
        """Return the positions with centres outside an image of that size set to NaN."""
        coords = np.where(self.inside(height, width)[..., np.newaxis], self.coords, np.nan)
        return attrs.evolve(self, coords=coords)

    def in_um(self, timeline: Timeline) -> Positions:
        """Return the positions with z in µm, by the z of the frames they lie in.

        A z between two frames of its volume is a line between theirs; one up to half a frame beyond
        the first or last takes that one's; farther out it is NaN, not found.

        Parameters
        ----------
        timeline : Timeline
            Of the recording they were found in.

        Returns
        -------
        Positions
            Tracked, because no two volumes have their frames at quite the same z; unchanged if z
            is in µm already.

        Raises
        ------
        OptionError
            z is not calibrated or not known; or they are static on a scan that goes both ways.
        FrameIndexError
            They were not tracked in all volumes.
        """
        if self.z_unit == "um":
            return self
        z = timeline.z_um
        if len(z) and np.isnan(z).all():
            raise OptionError("the z of the frames is not known", cure="give z in um")
        if not self.is_tracked and {-1, 1} <= set(timeline.direction.tolist()):
            raise OptionError(
                "static frame indices on a scan that goes both ways",
                expected="tracked positions",
                found="z as the index of the frame in its volume: another place on the way back",
            )
        coords = self.at(0, timeline.n_volumes).copy()
        for volume, (first, stop) in enumerate(timeline.volumes):
            index = coords[volume, :, 0]
            outside = ~((index >= -0.5) & (index < stop - first - 0.5))
            frames = np.arange(stop - first)
            known = np.isfinite(z[first:stop])
            found = np.full(len(index), np.nan)
            if known.any():
                found = np.interp(index, frames[known], z[first:stop][known])
            coords[volume, :, 0] = np.where(outside, np.nan, found)
            coords[volume, outside] = np.nan
        confidence = self.confidence
        if confidence is not None and not self.is_tracked:
            confidence = np.broadcast_to(confidence, coords.shape[:-1])
        return attrs.evolve(self, coords=coords, z_unit="um", confidence=confidence)

    def take_labels(self, other: Positions, *, max_distance: float) -> Positions:
        """Return these neurons under the names of `other`'s nearest ones.

        Both must be static and in the same space (map one of them first). A name goes to the
        mutually nearest pair only, within `max_distance`; the rest keep their own names.

        Parameters
        ----------
        other : Positions
        max_distance : float
            In the units of the coordinates.

        Raises
        ------
        ContractError
            One is tracked, the z units differ, or a kept name collides with a taken one.
        """
        from scipy.spatial.distance import cdist

        if self.is_tracked or other.is_tracked or self.z_unit != other.z_unit:
            raise ContractError(
                "labels can only be taken between static positions of one z unit",
                found=f"tracked: {self.is_tracked}, {other.is_tracked}; "
                f"z in {self.z_unit} and {other.z_unit}",
            )
        distance = np.nan_to_num(cdist(self.coords, other.coords), nan=np.inf)
        labels = list(self.labels)
        if distance.size:
            nearest, back = distance.argmin(axis=1), distance.argmin(axis=0)
            for i, j in enumerate(nearest):
                if back[j] == i and distance[i, j] <= max_distance and distance[i, j] < np.inf:
                    labels[i] = other.labels[j]
        return attrs.evolve(self, labels=labels)


@attrs.frozen(kw_only=True)
class Labels:
    """A label image: voxels of neuron i carry the value ``values[i]``.

    Parameters
    ----------
    image : (P, Y, X) or (V, P, Y, X) int64
        Static, or one a volume; P planes are the slots of a sweep. 0 is background.
    names : tuple of str
        Of the neurons, in the order of `values`.
    values : (N,) int64
    """

    image: NDArray[np.int64] = array_field("i8", (None,) * 3, (None,) * 4)
    values: NDArray[np.int64] = array_field("i8", (None,))
    names: tuple[str, ...] = attrs.field(converter=_names)

    @values.default
    def _(self) -> NDArray[np.int64]:
        return np.setdiff1d(self.image, [0])

    @names.default
    def _default_names(self) -> tuple[str, ...]:
        return tuple(map(str, self.values))

    def __attrs_post_init__(self) -> None:
        if len(self.names) != len(self.values) or 0 in self.values:
            raise ContractError(
                "names do not fit the label values",
                expected=f"{len(self.values)} names; 0 is background",
                found=f"{len(self.names)} names",
            )
        if len(set(self.names)) != len(self) or len(np.unique(self.values)) != len(self):
            raise ContractError(
                "two neurons share a name or a label value", expected="all different"
            )

    def __len__(self) -> int:
        return len(self.values)


def _chosen(**given: Any) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None}


def _of_rank(zyx: ArrayLike, rank: int) -> NDArray[np.float64]:
    coords = np.asarray(zyx, dtype=np.float64)
    if coords.ndim != rank or coords.shape[-1] != 3:
        axes = "(neurons, 3)" if rank == 2 else "(volumes, neurons, 3)"
        raise ContractError(
            "positions have the wrong shape",
            expected=f"{axes}, last axis z, y, x",
            found=str(coords.shape),
        )
    return coords
