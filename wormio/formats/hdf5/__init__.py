"""HDF5 files: arrays whose axes somebody names, Imaris, and the folders of ZephIR.

HDF5 is no format but a way to write one: three formats live here (`adapter`, `imaris`, `zephir`),
each saying where *its* files keep what. What they share: `arrays` makes frames out of a dataset,
`blocks` decodes no chunk more often than it must, `attributes` reads attributes as plain values.
"""
