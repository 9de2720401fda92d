"""TIFF files: OME-TIFF, ImageJ hyperstacks, and stacks whose axes the user names.

One dialect a module (`ome`, `imagej`, `plain`). Each reads what *its* header says into a `Stack`
(`stack.py`), an array of planes and where they lie; everything after that is common: `arrange`
orders the planes, `timing` makes the timeline, `pixels` the frames.
"""
