"""What an author gives to the kit: the format, a writer, and what it is expected to do."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import attrs
import numpy as np

from wormio.errors import OptionError
from wormio.model._fields import as_dict, as_frozenset, as_tuple
from wormio.registry import Format, PluginRegistry, default_registry, load_code
from wormio.testing.truth import Limits, Truth

__all__ = ["CAPABILITIES", "Evidence", "Sample", "Subject", "pixel_digest", "subjects_of"]

CAPABILITIES = frozenset({"events", "growing", "mappable", "pickle"})
"""What a format may declare beyond the core; the kit checks declarations both ways."""

Evidence = Literal["A", "B", "C"]
"""A: an independent writer. B: samples with digests by another tool. C: the adapter alone."""


@attrs.frozen(kw_only=True)
class Sample:
    """A real file with what another tool reads from it.

    Parameters
    ----------
    path : Path
    digest : str, optional
        SHA-256 of the C-contiguous little-endian pixels (F, C, Y, X), by an independent reader.
    shape : tuple of int, optional
        (F, C, Y, X).
    options : mapping
        That `wormio.open` needs.
    """

    path: Path = attrs.field(converter=Path)
    digest: str | None = None
    shape: tuple[int, ...] | None = None
    options: Mapping[str, Any] = attrs.field(factory=dict, converter=as_dict)


@attrs.frozen(kw_only=True)
class Subject:
    """A format under test.

    Parameters
    ----------
    format : str
        Its name.
    title : str
        What tells it from other subjects of the same format, in reports: ``"ImageJ"``. Where a
        format has several and this is empty, it is the name of the subject's module.
    make : callable, optional
        ``make(folder, truth)`` writes the truth into an empty folder and returns the path to
        open. It must not share code with the reader. Without it, `samples` are all there is.
    limits : Limits
        What truths `make` can write.
    options : mapping
        Passed to every `wormio.open`.
    samples : tuple of Sample
    capabilities : frozenset of str
        Declared; of `CAPABILITIES`.
    side_files : tuple of str
        Glob patterns of files without which opening must raise `MissingPartError`.
    waivers : mapping of check id to reason
        Checks that are known to fail, and why.
    spec : str
        Version of the contract it was written for.
    registry : callable, optional
        Makes the registry to use; default: the installed plugins.
    """

    format: str
    title: str = ""
    make: Callable[[Path, Truth], Path] | None = None
    limits: Limits = Limits()
    options: Mapping[str, Any] = attrs.field(factory=dict, converter=as_dict)
    samples: tuple[Sample, ...] = attrs.field(default=(), converter=as_tuple)
    capabilities: frozenset[str] = attrs.field(
        default=frozenset({"pickle"}), converter=as_frozenset
    )
    side_files: tuple[str, ...] = attrs.field(default=(), converter=as_tuple)
    waivers: Mapping[str, str] = attrs.field(factory=dict, converter=as_dict)
    spec: str = "1.0"
    registry: Callable[[], PluginRegistry] = default_registry

    def __attrs_post_init__(self) -> None:
        unknown = self.capabilities - CAPABILITIES
        if unknown:
            raise OptionError(
                "unknown capabilities",
                expected=", ".join(sorted(CAPABILITIES)),
                found=", ".join(sorted(unknown)),
            )
        if self.make is None and not self.samples:
            raise OptionError("a subject needs a writer (make=) or samples")

    @property
    def evidence(self) -> Evidence:
        """The class of evidence that a report on this subject has."""
        if self.make is not None:
            return "A"
        return "B" if all(sample.digest for sample in self.samples) else "C"


def subjects_of(fmt: Format) -> tuple[Subject, ...]:
    """Return the subjects that a format names, one or several.

    Raises
    ------
    OptionError
        It names none.
    """
    if not fmt.subjects:
        raise OptionError(
            f"format {fmt.name!r} does not say how to test it",
            expected="subject='package.module:subject' in its Format",
            cure="see docs/conformance.md, or check single files: wormio check PATH",
        )
    subjects = []
    for name in fmt.subjects:
        found = load_code(name)
        subject: Subject = found if isinstance(found, Subject) else found()
        if len(fmt.subjects) > 1 and not subject.title:
            subject = attrs.evolve(subject, title=name.partition(":")[0].rpartition(".")[2])
        subjects.append(subject)
    return tuple(subjects)


def pixel_digest(frames: Any) -> str:
    """Return the SHA-256 of pixels as `Sample.digest` wants it."""
    array = np.ascontiguousarray(frames)
    return hashlib.sha256(array.astype(array.dtype.newbyteorder("<")).tobytes()).hexdigest()
