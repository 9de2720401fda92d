"""Copies of written recordings, to be damaged; and paths that are no recording at all."""

from __future__ import annotations

import importlib
import pkgutil
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import numpy as np

from wormio.testing import subjects
from wormio.testing.engine import Context
from wormio.testing.subject import Subject

__all__ = ["Written", "disguises", "foreign_recordings", "strangers", "write"]


@attrs.frozen
class Written:
    """A recording that a subject's writer has made.

    Parameters
    ----------
    root : Path
        Folder that holds all its files and nothing else.
    path : Path
        To open: `root` itself, or something in it.
    """

    root: Path
    path: Path

    def files(self) -> list[Path]:
        """Return its files, sorted."""
        return sorted(p for p in self.root.rglob("*") if p.is_file())

    def copy_to(self, folder: Path) -> Written:
        """Copy all files into a folder that must not exist."""
        shutil.copytree(self.root, folder)
        return Written(folder, folder / self.path.relative_to(self.root))

    def at(self, file: Path) -> Path:
        """Return where a file of another copy lies in this one, by its relative path."""
        return self.root / file

    def names(self) -> list[Path]:
        """Return the files' paths relative to the root."""
        return [p.relative_to(self.root) for p in self.files()]


def write(context: Context, path: Path | None = None) -> Written:
    """Write a recording, or wrap one that `context.write` has written."""
    if path is None:
        path = context.write(context.truth())
    root = context.folder / path.relative_to(context.folder).parts[0]
    return Written(root, path)


def strangers(folder: Path) -> Iterator[tuple[str, Path]]:
    """Make paths that no format may claim."""
    folder.mkdir()
    empty = folder / "empty"
    empty.write_bytes(b"")
    yield "an empty file", empty
    noise = folder / "noise"
    noise.write_bytes(np.random.default_rng(7).bytes(10_000))
    yield "a file of random bytes", noise
    text = folder / "notes"
    text.write_text("fed the worms; the laser was on\n" * 50, encoding="utf-8")
    yield "a file of text", text
    bare = folder / "bare"
    bare.mkdir()
    yield "an empty folder", bare
    notes = folder / "diary"
    notes.mkdir()
    for day in range(5):
        (notes / f"day {day}").write_text("nothing happened\n", encoding="utf-8")
    yield "a folder of texts", notes


def disguises(written: Written, folder: Path) -> Iterator[tuple[str, Path]]:
    """Copy a recording with the content of all its files replaced; names and sizes stay."""
    folder.mkdir()
    contents: dict[str, Callable[[int], bytes]] = {
        "random bytes": np.random.default_rng(8).bytes,
        "text": lambda n: (b"fed the worms\n" * (n // 14 + 1))[:n],
        "nothing": lambda _: b"",
    }
    for name, content in contents.items():
        copy = written.copy_to(folder / name.replace(" ", "-"))
        for file in copy.files():
            file.write_bytes(content(file.stat().st_size))
        yield f"its own names with {name} inside", copy.path


def foreign_recordings(subject: Subject, folder: Path) -> Iterator[tuple[str, Path]]:
    """Write recordings of wormio's own formats, except the subject's: (format, path)."""
    folder.mkdir()
    for module in sorted(m.name for m in pkgutil.iter_modules(subjects.__path__)):
        other = importlib.import_module(f"{subjects.__name__}.{module}").subject
        if other.format == subject.format or other.make is None:
            continue
        scratch = folder / module
        scratch.mkdir()
        context = Context(other, scratch)
        yield other.format, context.write(context.truth())
