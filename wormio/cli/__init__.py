"""The command line. `main` is the entry point of the program ``wormio``."""

from wormio.cli.exits import main

__all__ = ["main"]
