"""Reads OME-Zarr and plain Zarr into wormio, and writes whole recordings as OME-Zarr."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wormio_zarr.writer import write

__all__ = ["write"]


def __getattr__(name: str) -> Any:
    # wormio imports this package to ask for its hooks: what writes is not loaded for that.
    if name == "write":
        from wormio_zarr.writer import write

        return write
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
