"""MATLAB files: arrays of pixels in ``.mat`` files of version 5 to 7.3.

`tree` says what is in a file, `v5` and `v73` read it, `pixels` makes frames of one array. The
format `nerve` reads its tables through the same modules.
"""
