"""How a check says that its rule is broken."""

from __future__ import annotations

from typing import Any

__all__ = ["CheckFailure", "require"]


class CheckFailure(Exception):  # noqa: N818 (it is a finding, not a fault of the kit)
    """What a check observed that breaks its rule.

    Parameters
    ----------
    observed, expected : str
    reproduce : str
        Index, key or truth that shows it.
    """

    def __init__(self, observed: str, expected: str, reproduce: str = "") -> None:
        self.observed, self.expected, self.reproduce = observed, expected, reproduce
        super().__init__(f"observed {observed}; expected {expected}")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.observed, self.expected, self.reproduce)


def require(condition: object, observed: object, expected: object, reproduce: object = "") -> None:
    """Raise `CheckFailure` unless the condition holds."""
    if not condition:
        raise CheckFailure(_short(observed), _short(expected), _short(reproduce))


def _short(value: object) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 400 else text[:400] + " ..."
