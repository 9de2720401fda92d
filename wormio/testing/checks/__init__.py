"""The checks of the conformance kit, one module a letter of their ids. Importing fills `CHECKS`."""

from wormio.testing.checks import (  # noqa: F401
    access,
    concurrency,
    detection,
    events,
    growing,
    hygiene,
    identity,
    lifecycle,
    robustness,
    shape,
    timing,
    volumes,
)
