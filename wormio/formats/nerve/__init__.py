"""Recordings of the Leifer lab in the layout of its NeRVE pipeline (Nguyen et al. 2017).

A folder with a raw frame file and ``hiResData.mat``, or the text tables that it was computed from.
What is certain about them and what is not is told in ``docs/formats/nerve.md``.
"""
