"""Units of length and time as headers spell them."""

from __future__ import annotations

import codecs
import re

__all__ = ["micrometres", "seconds"]

_UM = {
    "um": 1.0,
    "micron": 1.0,
    "microns": 1.0,
    "micrometer": 1.0,
    "micrometers": 1.0,
    "micrometre": 1.0,
    "micrometres": 1.0,
    "pm": 1e-6,
    "å": 1e-4,
    "angstrom": 1e-4,
    "nm": 1e-3,
    "nanometer": 1e-3,
    "nanometers": 1e-3,
    "mm": 1e3,
    "millimeter": 1e3,
    "millimeters": 1e3,
    "cm": 1e4,
    "centimeters": 1e4,
    "m": 1e6,
    "meter": 1e6,
    "meters": 1e6,
    "metre": 1e6,
    "metres": 1e6,
    "in": 25_400.0,
    "inch": 25_400.0,
    "inches": 25_400.0,
}
_S = {
    "s": 1.0,
    "sec": 1.0,
    "secs": 1.0,
    "second": 1.0,
    "seconds": 1.0,
    "ns": 1e-9,
    "us": 1e-6,
    "usec": 1e-6,
    "ms": 1e-3,
    "msec": 1e-3,
    "millisecond": 1e-3,
    "milliseconds": 1e-3,
    "min": 60.0,
    "minute": 60.0,
    "minutes": 60.0,
    "h": 3600.0,
    "hr": 3600.0,
    "hour": 3600.0,
    "hours": 3600.0,
    "d": 86_400.0,
    "day": 86_400.0,
}
_ESCAPE = re.compile(r"\\u[0-9a-fA-F]{4}")


def micrometres(unit: str) -> float | None:
    """Return how many um the unit is; None for pixels, reference frames and unknown ones."""
    return _UM.get(_plain(unit))


def seconds(unit: str) -> float | None:
    """Return how many seconds the unit is; None if it is unknown."""
    return _S.get(_plain(unit))


def _plain(unit: str) -> str:
    # ImageJ writes the micro sign as the six characters \\u00B5; U+00B5 and U+03BC look alike;
    # UTF-8 read as Latin-1 puts an A with a circumflex before it.
    text = _ESCAPE.sub(lambda m: codecs.decode(m.group(), "unicode_escape"), unit.strip())
    text = text.replace("\u00c2\u00b5", "u").replace("\u00b5", "u").replace("\u03bc", "u")
    return text.lower()
