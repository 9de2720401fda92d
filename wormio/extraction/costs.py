"""What an extraction will read, told before it is read."""

from __future__ import annotations

import attrs
import numpy as np
from numpy.typing import NDArray

__all__ = ["Cost"]


@attrs.frozen(eq=False, kw_only=True)
class Cost:
    """What a plan reads, batch by batch.

    Parameters
    ----------
    in_place : bool
        Whether pixels are read where they lie in the files: then `read` and `pieces` are bytes and
        ranges of bytes. Otherwise whole images are decoded: they are bytes of pixels, and images.
    read : (B,) int64
        Bytes.
    pieces : (B,) int64
        In how many pieces.
    memory : (B,) int64
        Bytes of memory that the batch takes while it is worked on.
    """

    in_place: bool
    read: NDArray[np.int64]
    pieces: NDArray[np.int64]
    memory: NDArray[np.int64]

    @property
    def total_read(self) -> int:
        """Bytes to read in all."""
        return int(self.read.sum())

    @property
    def total_pieces(self) -> int:
        """Ranges of bytes, or images, in all."""
        return int(self.pieces.sum())

    @property
    def largest(self) -> int:
        """Bytes of memory of the largest batch."""
        return int(self.memory.max(initial=0))
