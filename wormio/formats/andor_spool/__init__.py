"""Folders that Andor's Solis spools from a Zyla or Neo camera, as SCAPE microscopes make them.

`settings` reads how a frame lies in a block file, `blocks` finds the block files, `sifx` reads how
many frames there are and when each was taken, `scape` what a SCAPE microscope notes beside them.
"""
