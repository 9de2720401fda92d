"""What formats share whose planes lie on a grid of time, z and channel: TIFF, HDF5, MATLAB, ...

`axes` names the dimensions of an array, by the file or by the user; `timing` makes the timeline of
the grid; `arrays` reads frames out of one array of any order of axes.
"""
