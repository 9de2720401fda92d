"""Files whose pages are all alike and say nothing of what they mean: one axis of pages.

tifffile groups pages, too, but reads every directory a second time for it, and gives up where the
chain of directories is cut off.
"""

from __future__ import annotations

import numpy as np

from wormio.formats.tiff.stack import KNOWN_DIALECTS, Stack, TiffPart, stack_in_one_file

__all__ = ["is_uniform", "uniform_stack"]


def is_uniform(part: TiffPart) -> bool:
    """Tell whether all pages are alike, and no header of tifffile's own gives them a shape."""
    first, *others = part.chain.pages
    return "shaped" not in part.flags and all(page.coding == first.coding for page in others)


def uniform_stack(part: TiffPart) -> Stack:
    """Take all pages of such a file as one axis without a name."""
    n_pages = len(part.chain.pages)
    dialect = next((flag for flag in KNOWN_DIALECTS if flag in part.flags), "plain")
    outer = (n_pages,) if n_pages > 1 else ()
    return stack_in_one_file(
        part,
        dialect=dialect,
        names_axes=False,
        axes="I" * len(outer) + part.keyframe.axes,
        shape=outer + part.keyframe.shape,
        page=np.arange(n_pages, dtype=np.int64).reshape(outer),
        metadata={"dialect": dialect, "description": part.description},
    )
