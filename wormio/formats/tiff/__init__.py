"""TIFF files and folders of them: OME-TIFF, ImageJ, ScanImage, Micro-Manager, and plain stacks.

One dialect a module. Each reads what *its* header says into a `Stack` (`stack.py`), an array of
planes and where they lie. `choosing` finds out which dialect a path is. Then everything is common:
`arrange` orders the planes, `wormio.formats.stacks` makes the timeline, `pixels` the frames.
ScanImage makes its own timeline (`scanimage_timing`), because not all of its pages are frames.
"""
