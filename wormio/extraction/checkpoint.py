"""A folder that keeps what an extraction has done, so that it can be killed at any moment.

Each block is a file of its own that appears whole, or not at all: an HDF5 file that is open when
its process is killed is lost. Blocks hold samples of a range of volumes, whatever batches they were
computed in, so that the next run may use another number of workers or another limit of memory.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from wormio.errors import CheckpointError, OptionError, OutputExistsError
from wormio.extraction import blocks
from wormio.extraction.gathering import Gathered, Span, gaps, joined
from wormio.extraction.plan import Plan
from wormio.extraction.task import Samples
from wormio.model import Positions, recording_id
from wormio.storage.atomic import write_atomically
from wormio.storage.lockfile import held, holder_of

__all__ = ["Checkpoint", "opened_checkpoint"]

_log = logging.getLogger(__name__)

_MANIFEST = "wormio-checkpoint.json"
_LOCK = "lock"
_PARTIAL = ".wormio-*.partial"
_FORMAT = "wormio-checkpoint"
_SCHEMA_VERSION = 1
# A block is a file that is forced to the disk, which takes as long as computing several batches.
_BLOCK_SECONDS = 1.0


class Checkpoint:
    """The blocks of one extraction; made by `opened_checkpoint`.

    Parameters
    ----------
    folder : Path
    identity : str
        Of the extraction; see `about`.
    """

    def __init__(self, folder: Path, identity: str) -> None:
        self._folder = folder
        self._identity = identity
        self._waiting: list[tuple[Span, Samples]] = []
        self._written = time.monotonic()

    def load(self, gathered: Gathered, span: Span, shape: tuple[int, int]) -> list[Span]:
        """Take in the blocks of an earlier run.

        A damaged block is told in the log and removed: its volumes are computed again.

        Parameters
        ----------
        gathered : Gathered
            Where they are put.
        span : (int, int)
            Half-open range of volumes that are wanted; others are left where they are.
        shape : (int, int)
            Numbers of channels and of neurons.

        Returns
        -------
        list of (int, int)
            The volumes that they hold, within `span`.

        Raises
        ------
        CheckpointError
            A block is of another extraction.
        """
        done = []
        for path in sorted(self._folder.glob("*.block")):
            try:
                identity, volumes, samples = blocks.decode(path.read_bytes())
            except CheckpointError as error:
                _log.warning("%s: %s; its volumes are computed again", path, error.problem)
                path.unlink()
                continue
            found = samples.data.shape
            fits = found[0] == shape[0] and found[-2:] == (volumes[1] - volumes[0], shape[1])
            if identity != self._identity or not fits:
                raise CheckpointError(
                    "the block is of another extraction",
                    expected=f"extraction {self._identity[:12]}",
                    found=f"extraction {identity[:12]}, samples of shape {found}",
                    path=path,
                    cure="somebody put it here: move it away",
                )
            for first, stop in gaps(volumes, gaps(volumes, [span])):
                part = _part(samples, first - volumes[0], stop - volumes[0])
                gathered.put((first, stop), part)
                done.append((first, stop))
        return done

    def add(self, span: Span, samples: Samples) -> None:
        """Keep the samples of some volumes; they are on the disk about a second later.

        Raises
        ------
        OSError
            The disk is full, ...
        """
        if self._waiting and self._waiting[-1][0][1] != span[0]:
            self.flush()
        self._waiting.append((span, samples))
        if time.monotonic() - self._written >= _BLOCK_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what is not on the disk yet."""
        if self._waiting:
            span = self._waiting[0][0][0], self._waiting[-1][0][1]
            content = blocks.encode(self._identity, span, joined([s for _, s in self._waiting]))
            # Of the same name, an older one has the same content.
            path = self._folder / f"{span[0]:08d}-{span[1]:08d}.block"
            write_atomically(path, content, overwrite=True)
            self._waiting.clear()
        self._written = time.monotonic()


@contextmanager
def opened_checkpoint(folder: str | os.PathLike[str], plan: Plan) -> Iterator[Checkpoint]:
    """Open the checkpoint of an extraction, or make one; nobody else may use it meanwhile.

    Parameters
    ----------
    folder : path-like
    plan : Plan

    Raises
    ------
    OutputExistsError
        The folder holds something else.
    CheckpointError
        It belongs to another extraction, or another process is at work in it.
    OptionError
        It is a file.
    OSError
    """
    folder = Path(folder)
    manifest = _manifest(plan)
    _check_folder(folder)
    folder.mkdir(parents=True, exist_ok=True)
    lock = folder / _LOCK
    with held(lock) as mine:
        if mine is None:
            raise CheckpointError(
                "another extraction is at work in this checkpoint",
                found=str(holder_of(lock) or "a lock that does not say whose it is"),
                path=folder,
                cure=f"wait for it, or choose another folder; if that process is no more, delete "
                f"{lock}",
            )
        for left in folder.glob(_PARTIAL):  # of one that was killed while it wrote
            left.unlink(missing_ok=True)
        _compare(folder / _MANIFEST, manifest)
        checkpoint = Checkpoint(folder, manifest["identity"])
        try:
            yield checkpoint
        finally:
            checkpoint.flush()


def _check_folder(folder: Path) -> None:
    if not folder.exists():
        return
    if not folder.is_dir():
        raise OptionError("a checkpoint is a folder", found="a file", path=folder)
    names = [path.name for path in folder.iterdir()]
    ours = _MANIFEST in names or all(name == _LOCK or name.startswith(".wormio-") for name in names)
    if not ours:
        raise OutputExistsError(
            "the folder holds something else than a checkpoint of wormio",
            found=", ".join(sorted(names))[:200],
            path=folder,
            cure="choose another folder",
        )


def _compare(path: Path, mine: dict[str, Any]) -> None:
    """Refuse the checkpoint of another extraction, and say how that one differs."""
    if not path.exists():
        write_atomically(path, json.dumps(mine, indent=1).encode())
        return
    try:
        theirs = json.loads(path.read_text())
        identity, about = theirs["identity"], dict(theirs["about"])
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            "the checkpoint does not say which extraction it is of",
            found=f"{type(error).__name__}: {error}",
            path=path,
            cure="delete the folder; the extraction begins anew",
        ) from error
    if identity == mine["identity"]:
        return
    both = {**about, **mine["about"]}
    changed = [name for name in both if about.get(name) != mine["about"].get(name)]
    raise CheckpointError(
        "the checkpoint is of another extraction",
        expected="; ".join(f"{name} {_short(mine['about'].get(name))}" for name in changed),
        found="; ".join(f"{name} {_short(about.get(name))}" for name in changed),
        path=path.parent,
        cure="give the same options again, or another folder (or delete this one)",
    )


def _manifest(plan: Plan) -> dict[str, Any]:
    """Return what makes the samples what they are; never what only makes them faster."""
    import wormio

    about = {
        "recording": recording_id(plan.recording),
        "positions": [_digest(each) for each in (plan.where, *(p.positions for p in plan.places))],
        "volumes": plan.recording.timeline.n_volumes,
        **plan.options(),
        # Not another version's blocks: its kernels may add in another order.
        "wormio": wormio.__version__,
        "samples": [field.name for field in attrs.fields(Samples)],
    }
    identity = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
    return {
        "format": _FORMAT,
        "schema_version": _SCHEMA_VERSION,
        "identity": identity,
        "about": json.loads(json.dumps(about)),
    }


def _digest(where: Positions) -> str:
    digest = hashlib.sha256(json.dumps([where.labels, where.z_unit, where.channel]).encode())
    for array in (where.coords, where.confidence, where.volumes):
        if array is not None:
            digest.update(str(array.shape).encode())
            digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _short(value: object) -> str:
    return json.dumps(value)[:100]


def _part(samples: Samples, first: int, stop: int) -> Samples:
    arrays: dict[str, Any] = {}
    for field in attrs.fields(Samples):
        value = getattr(samples, field.name)
        arrays[field.name] = None if value is None else value[..., first:stop, :]
    return Samples(**arrays)
