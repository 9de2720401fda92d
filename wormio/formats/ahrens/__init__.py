"""Folders of the Ahrens lab's light-sheet microscopes: one file a volume and channel.

`volumes` finds the files, `description` reads what is beside them, `hdf5` reads volumes out of
``.h5`` files; those in ``.stack`` files are read in place.
"""
