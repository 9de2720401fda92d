"""Recordings of the Leifer lab: a folder of raw frames and tab-separated tables.

What the files hold is told in ``docs/formats/leifer.md``.
"""
