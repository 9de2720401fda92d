"""Reads NWB files into wormio: recordings, stimuli and the positions of neurons."""
