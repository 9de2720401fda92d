"""Times of frames or volumes that a dataset holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wormio.errors import OptionError
from wormio.formats.hdf5.attributes import attributes, seconds_per_unit, text

if TYPE_CHECKING:
    import h5py

__all__ = ["read_times"]


def read_times(
    source: h5py.Dataset, name: str, counts: dict[str, int]
) -> tuple[str, NDArray[np.float64]]:
    """Read times, and tell of what they are.

    Parameters
    ----------
    source : h5py.Dataset
        Approved by `wormio.storage.foreign_hdf5.dataset`.
    name : str
        For messages.
    counts : dict of str to int
        How many there are of what may have a time: ``{"frames": 12, "volumes": 3}``; where
        numbers are equal, the first fits.

    Returns
    -------
    what : str
        A key of `counts`.
    times : (n,) float64
        Seconds.

    Raises
    ------
    OptionError
        It holds no such times.
    """
    # Its length first: a wrong dataset may be larger than the memory.
    shape = source.shape or ()
    fits = [what for what, n in counts.items() if source.size == n and max(shape, default=0) == n]
    if not fits or source.dtype.kind not in "uif":
        raise OptionError(
            f"{name} does not hold the times of this recording",
            expected="numbers: "
            + ", or ".join(f"{n}, one for each of the {what}" for what, n in counts.items()),
            found=f"{source.dtype} of shape {source.shape}",
        )
    found = attributes(source)
    factor = seconds_per_unit(found)
    if factor is None:
        raise OptionError(
            f"the unit of {name} is not known",
            expected="s, ms, us, min, ...",
            found=repr(text(found.get("units", found.get("unit")))),
        )
    return fits[0], np.asarray(source[()], np.float64).ravel() * factor
