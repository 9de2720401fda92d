"""Formats without code: raw frames and tables, described in a page of TOML.

What a description says is told in ``docs/formats/described.md``.
"""
