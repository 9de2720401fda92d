"""Reads example recordings into wormio."""
