"""The checks of the conformance kit, one module a letter of their ids. Importing fills `CHECKS`."""

from wormio.testing.checks import shape  # noqa: F401
