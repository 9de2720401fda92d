"""Adapters broken on purpose, one way each: what the machine-side checks must catch.

L, C, D, R, H and G: closing, processes, detection, damage, hygiene, growth.
"""

import builtins
import errno
import itertools
import json
import logging
import os
import pickle
import signal
import time
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from reference import (
    HEADER,
    PIXELS,
    ReferenceAdapter,
    format_for,
    registry_of,
    subject_for,
)

from wormio.errors import CorruptRecordingError, TruncatedRecordingError, WormioError
from wormio.model import BaseRecording, MappedFrames, Source, frames_from_reader
from wormio.model.frames import LazyFrames
from wormio.registry import Confidence, Detection
from wormio.testing import Subject

KEPT: list[Any] = []
TICKS = itertools.count(1)
CACHE: dict[Any, Any] = {}


class FromReader(ReferenceAdapter):
    """Reads image by image through `image`, which mutants get wrong."""

    thread_safe = True

    def frames(self):
        dtype = np.dtype(self.header["dtype"])
        shape = (self.n_frames, *self.header["shape"][1:])
        self.image_bytes = shape[2] * shape[3] * dtype.itemsize
        self.prepare()

        def read(frame, channel):
            offset = (frame * shape[1] + channel) * self.image_bytes
            return np.frombuffer(self.image(offset), dtype).reshape(shape[2:])

        return frames_from_reader(
            read, shape, dtype, on_close=self.finish, thread_safe=self.thread_safe
        )

    def prepare(self):
        self.fd = os.open(self.path / PIXELS, os.O_RDONLY)

    def finish(self):
        os.close(self.fd)

    def image(self, offset):
        return os.pread(self.fd, self.image_bytes, offset)


# -- L: lifecycle ------------------------------------------------------------------------------


class NeverClosed(ReferenceAdapter):
    def recording(self, **parts):
        class Forgetful(BaseRecording):
            def close(self):
                self.frames.close()

        return Forgetful(**parts)


class ClosesOnce(ReferenceAdapter):
    def recording(self, **parts):
        class Strict(BaseRecording):
            def close(self):
                if self.closed:
                    raise RuntimeError("closed already")
                super().close()

        return Strict(**parts)


class ReadsAfterClose(ReferenceAdapter):
    def frames(self):
        class Immortal(MappedFrames):
            def close(self):
                pass

        return Immortal(self.layout())


class OddErrorAfterClose(ReferenceAdapter):
    def frames(self):
        class Odd(MappedFrames):
            def __getitem__(self, key):
                if self.closed:
                    raise AttributeError("'NoneType' object has no attribute 'read'")
                return super().__getitem__(key)

        return Odd(self.layout())


class TakesArraysBack(ReferenceAdapter):
    def frames(self):
        class Lender(MappedFrames):
            lent: tuple[Any, ...] = ()

            def __getitem__(self, key):
                found = super().__getitem__(key)
                self.lent += (found,)
                return found

            def close(self):
                super().close()
                for array in self.lent:
                    array[...] = 0

        return Lender(self.layout())


class DriftsAtEachOpening(ReferenceAdapter):
    def columns(self):
        columns = super().columns()
        return columns | {"time": columns["time"] + next(TICKS)}


class KeepsDescriptor(ReferenceAdapter):
    def frames(self):
        os.open(self.path / PIXELS, os.O_RDONLY)
        return super().frames()


class GivesViewsOfItsMap(ReferenceAdapter):
    def frames(self):
        header = self.header
        shape = (self.n_frames, *header["shape"][1:])
        pixels = np.memmap(self.path / PIXELS, header["dtype"], "r", shape=shape)

        class Views(LazyFrames):
            def _read(self, frames, channels, rows, columns):  # noqa: ARG002 (enough for this check)
                return np.asarray(pixels[frames.start : frames.stop : frames.step])

        return Views(shape, header["dtype"])


class LeaksWhenOpeningFails(ReferenceAdapter):
    def count_frames(self):
        file = (self.path / PIXELS).open("rb")
        try:
            found = super().count_frames()
        except WormioError:
            KEPT.append(file)
            raise
        file.close()
        return found


class Prints(ReferenceAdapter):
    def read_header(self):
        print("reading", self.path)  # noqa: T201 (the mistake)
        return super().read_header()


class WritesToTheTerminal(ReferenceAdapter):
    def read_header(self):
        os.write(2, b"libfoo: warning\n")
        return super().read_header()


class Warns(ReferenceAdapter):
    def read_header(self):
        logging.getLogger("mutant").warning("nothing to worry about")
        return super().read_header()


class LeavesFilesToTheCollector(ReferenceAdapter):
    def read_header(self):
        builtins.open(self.path / HEADER).read()  # noqa: PTH123, SIM115 (the mistake)
        return super().read_header()


# -- C: concurrency ----------------------------------------------------------------------------


def subject_free(parts):
    """Build a recording again from pickled pixels."""
    frames = parts.pop("pixels")
    shape = frames.shape
    reader = frames_from_reader(lambda f, c: frames[f, c], shape, frames.dtype)
    return BaseRecording(frames=reader, **parts)


class PicklesPixels(ReferenceAdapter):
    def recording(self, **parts):
        class Heavy(BaseRecording):
            def __reduce__(self):
                names = ("source", "timeline", "channels", "voxel_size", "events", "metadata")
                kept = {name: getattr(self, name) for name in names}
                return subject_free, (kept | {"pixels": self.frames[:]},)

        return Heavy(**parts)


class KnowsItsPlaceByName(ReferenceAdapter):
    def source(self):
        source = super().source()
        path = Path(source.arguments["path"]).name
        return attrs.evolve(source, arguments=dict(source.arguments) | {"path": path})


class ForgetsOptions(ReferenceAdapter):
    """Its times are wrong, but not where it is opened without the options it was made with."""

    def source(self):
        parts = [self.path / HEADER, self.path / PIXELS]
        return Source.opened(self.path, format="reference", parts=parts)

    def columns(self):
        columns = super().columns()
        return columns | {"time": columns["time"] + 1}


class SeeksWithoutLock(FromReader):
    def image(self, offset):
        os.lseek(self.fd, offset, os.SEEK_SET)
        time.sleep(0)
        return os.read(self.fd, self.image_bytes)


class RemembersWhereItIs(FromReader):
    """Does not seek where it believes to be already: in a fork, the other moved the position."""

    thread_safe = False
    at = 0

    def image(self, offset):
        if offset != self.at:
            os.lseek(self.fd, offset, os.SEEK_SET)
        self.at = offset + self.image_bytes
        return os.read(self.fd, self.image_bytes)


class HangsAfterFork(FromReader):
    def prepare(self):
        super().prepare()
        self.pid = os.getpid()

    def image(self, offset):
        if os.getpid() != self.pid:
            time.sleep(1000)
        return super().image(offset)


class SharesOneDescriptor(FromReader):
    def prepare(self):
        if self.path not in CACHE:
            CACHE[self.path] = os.open(self.path / PIXELS, os.O_RDONLY)
        self.fd = CACHE[self.path]

    def finish(self):
        if CACHE.pop(self.path, None) is not None:
            os.close(self.fd)


# -- D: detection ------------------------------------------------------------------------------


class ClaimsNothing(ReferenceAdapter):
    @classmethod
    def detect(cls, probe):  # noqa: ARG003 (the mistake)
        return None


class Unsure(ReferenceAdapter):
    @classmethod
    def detect(cls, probe):
        found = super().detect(probe)
        return found and attrs.evolve(found, confidence=Confidence.NAME)


class MissesSomething(ReferenceAdapter):
    @classmethod
    def detect(cls, probe):
        found = super().detect(probe)
        return found and attrs.evolve(found, missing=("calibration.json",))


class ClaimsAllFolders(ReferenceAdapter):
    @classmethod
    def detect(cls, probe):
        return Detection(Confidence.NAME, ["a folder"]) if probe.is_dir else None


class SureByName(ReferenceAdapter):
    @classmethod
    def detect(cls, probe):
        return Detection(Confidence.SIGNATURE, [HEADER]) if probe.has(HEADER) else None


class ClaimsOthers(ReferenceAdapter):
    @classmethod
    def detect(cls, probe):
        if probe.has("framesDetails.txt"):
            return Detection(Confidence.SIGNATURE, ["frames"])
        return super().detect(probe)


class OpensItself(ReferenceAdapter):
    @classmethod
    def detect(cls, probe):
        try:
            (probe.path / HEADER).read_bytes()
        except OSError:
            return None
        return super().detect(probe)


class ListsItself(ReferenceAdapter):
    @classmethod
    def detect(cls, probe):
        if probe.is_dir and not list(probe.path.glob("*.json")):
            return None
        return super().detect(probe)


class RaisesWhileDetecting(ReferenceAdapter):
    @classmethod
    def detect(cls, probe):
        if probe.has(HEADER):
            json.JSONDecoder().raw_decode(probe.head(HEADER).decode())
        return super().detect(probe)


class AnswersTrue(ReferenceAdapter):
    @classmethod
    def detect(cls, probe):
        return super().detect(probe) or False


class AsksOnce(ReferenceAdapter):
    @classmethod
    def detect(cls, probe):
        if probe.path in CACHE:
            return None
        CACHE[probe.path] = True
        return super().detect(probe)


class LooksAroundItself(ReferenceAdapter):
    @classmethod
    def detect(cls, probe):
        found = super().detect(probe)
        return None if Path.cwd() == Path("/") else found


# -- R: robustness -----------------------------------------------------------------------------


class Pads(FromReader):
    """The short read of np.fromfile, filled up with zeros."""

    def count_frames(self):
        return self.header["shape"][0]

    def image(self, offset):
        found = super().image(offset)
        return found + bytes(self.image_bytes - len(found))


class PadsText(ReferenceAdapter):
    """Completes a broken header from memory of the last one."""

    def read_header(self):
        try:
            KEPT[:] = [super().read_header()]
        except CorruptRecordingError:
            if not KEPT:
                raise
        header = dict(KEPT[0])
        text = (self.path / HEADER).read_bytes()
        if not text.endswith(b"}"):
            header["z"] = [0.0] * len(header["z"])
        return header


class NamesNothing(ReferenceAdapter):
    def count_frames(self):
        try:
            return super().count_frames()
        except TruncatedRecordingError:
            raise TruncatedRecordingError("too short") from None


class RaisesPlainOSError(ReferenceAdapter):
    def count_frames(self):
        try:
            return super().count_frames()
        except TruncatedRecordingError as error:
            raise OSError(errno.EIO, str(error)) from None


class DiesOfShortFiles(ReferenceAdapter):
    def count_frames(self):
        try:
            return super().count_frames()
        except TruncatedRecordingError:
            os.kill(os.getpid(), signal.SIGBUS)
            raise


class InventsPixels(ReferenceAdapter):
    def count_frames(self):
        if (self.path / PIXELS).is_file():
            return super().count_frames()
        (n_frames, *shape), dtype = self.header["shape"], self.header["dtype"]
        self.frames = (
            lambda: frames_from_reader(  # type: ignore[method-assign]
                lambda f, c: np.zeros(shape[1:], dtype), (n_frames, *shape), dtype
            )
        )
        return n_frames


class PlainlyNotFound(ReferenceAdapter):
    def count_frames(self):
        (self.path / PIXELS).stat()
        return super().count_frames()


class RemembersAll(ReferenceAdapter):
    """Answers from a cache when the files cannot be read."""

    def open(self):
        try:
            with super().open() as recording:
                CACHE[self.path] = recording.frames[:], recording
        except PermissionError:
            if self.path not in CACHE:
                raise
        pixels, old = CACHE[self.path]
        names = ("source", "timeline", "channels", "voxel_size", "events", "metadata")
        reader = frames_from_reader(lambda f, c: pixels[f, c], pixels.shape, pixels.dtype)
        return BaseRecording(frames=reader, **{name: getattr(old, name) for name in names})


class Quits(ReferenceAdapter):
    def read_header(self):
        try:
            return super().read_header()
        except CorruptRecordingError:
            raise SystemExit(1) from None


class BelievesAnySize(ReferenceAdapter):
    def read_header(self):
        try:
            return super().read_header()
        except CorruptRecordingError:
            bytearray(1 << 40)
            raise


class LengthOfTheFile(ReferenceAdapter):
    def frames(self):
        class Live(MappedFrames):
            @property
            def shape(self):
                size = self.layout.files[0].stat().st_size
                (_, *rest) = self.layout.shape
                return (size // (int(np.prod(rest)) * self.dtype.itemsize), *rest)

            @shape.setter
            def shape(self, value):  # noqa: ARG002 (the mistake)
                self.dtype = self.layout.dtype

        return Live(self.layout())


class TruncatesInSilence(ReferenceAdapter):
    def recording(self, **parts):
        return super().recording(**(parts | {"findings": ()}))


class PadsIfAllowed(Pads):
    def count_frames(self):
        if self.options.allow_truncated:
            return super().count_frames()
        return ReferenceAdapter.count_frames(self)


# -- H: hygiene --------------------------------------------------------------------------------


class CachesBesideTheData(ReferenceAdapter):
    def read_header(self):
        (self.path / "index.cache").write_text("42")
        return super().read_header()


class Touches(ReferenceAdapter):
    def read_header(self):
        os.utime(self.path / HEADER)
        return super().read_header()


class Locks(ReferenceAdapter):
    def read_header(self):
        lock = self.path / ".lock"
        lock.touch()
        lock.unlink()
        return super().read_header()


class Evaluates(ReferenceAdapter):
    def read_header(self):
        eval((self.path / HEADER).read_text(), {"null": None})  # noqa: S307 (the mistake)
        return super().read_header()


class Unpickles(ReferenceAdapter):
    def read_header(self):
        pickle.loads(pickle.dumps(self.path))
        return super().read_header()


class ReadsAllAtOnce(FromReader):
    def prepare(self):
        self.content = (self.path / PIXELS).read_bytes()

    def finish(self):
        self.content = b""

    def image(self, offset):
        return self.content[offset : offset + self.image_bytes]


class ReadsAllEachTime(FromReader):
    def image(self, offset):
        return (self.path / PIXELS).read_bytes()[offset : offset + self.image_bytes]


class TouchesAllOfItsMap(FromReader):
    def prepare(self):
        self.content = np.memmap(self.path / PIXELS, np.uint8, "r")
        self.greatest = self.content.max()

    def finish(self):
        self.content = b""

    def image(self, offset):
        return self.content[offset : offset + self.image_bytes].tobytes()


class PlainLettersOnly(ReferenceAdapter):
    def read_header(self):
        str(self.path).encode("ascii")
        return super().read_header()


class NoSymlinks(ReferenceAdapter):
    def read_header(self):
        if self.path.resolve() != self.path.absolute():
            raise CorruptRecordingError("a symlink", path=self.path)
        return super().read_header()


class AbsoluteOnly(ReferenceAdapter):
    def read_header(self):
        if not self.path.is_absolute():
            raise CorruptRecordingError("a relative path", path=self.path)
        return super().read_header()


# -- G: growing --------------------------------------------------------------------------------


class Growing(ReferenceAdapter):
    """Not broken: the reference, with refresh()."""

    def recording(self, **parts):
        adapter = self

        class Snapshot(BaseRecording):
            def refresh(self):
                return adapter.refreshed()

        return Snapshot(**parts)

    def refreshed(self):
        return type(self)(self.path, self.options).open()


class NeverGrows(Growing):
    def refreshed(self):
        again = type(self)(self.path, self.options)
        again.read_header = lambda: self.header  # type: ignore[method-assign]
        again.count_frames = lambda: self.n_frames  # type: ignore[method-assign]
        return again.open()


class RewritesThePast(Growing):
    again = False

    def refreshed(self):
        new = type(self)(self.path, self.options)
        new.again = True
        return new.open()

    def columns(self):
        columns = super().columns()
        return columns | {"z": columns["z"] + self.again}


class OldSnapshotGrows(LengthOfTheFile, Growing):
    pass


class CannotRefresh(ReferenceAdapter):
    pass


_GROWS = {"capabilities": {"events", "mappable", "pickle", "growing"}}


def _rivals(adapter: type[ReferenceAdapter]) -> Subject:
    def registry():
        return registry_of(format_for(adapter), format_for(ReferenceAdapter, name="rival"))

    return subject_for(adapter, registry=registry)


MUTANTS_MACHINE: dict[str, list[Subject]] = {
    "WIO-L01": [subject_for(NeverClosed), subject_for(ClosesOnce)],
    "WIO-L02": [
        subject_for(ReadsAfterClose),
        subject_for(OddErrorAfterClose),
        subject_for(TakesArraysBack),
    ],
    "WIO-L03": [subject_for(DriftsAtEachOpening)],
    "WIO-L04": [
        subject_for(KeepsDescriptor),
        subject_for(GivesViewsOfItsMap),
        subject_for(LeaksWhenOpeningFails),
    ],
    "WIO-L05": [
        subject_for(Prints),
        subject_for(WritesToTheTerminal),
        subject_for(Warns),
        subject_for(LeavesFilesToTheCollector),
    ],
    "WIO-C01": [
        subject_for(PicklesPixels),
        subject_for(KnowsItsPlaceByName),
        subject_for(ForgetsOptions),
    ],
    "WIO-C02": [subject_for(SeeksWithoutLock)],
    "WIO-C03": [subject_for(RemembersWhereItIs), subject_for(HangsAfterFork)],
    "WIO-C04": [subject_for(SharesOneDescriptor)],
    "WIO-D01": [
        subject_for(ClaimsNothing),
        subject_for(MissesSomething),
        _rivals(ReferenceAdapter),
        _rivals(Unsure),
    ],
    "WIO-D02": [
        subject_for(ClaimsAllFolders),
        subject_for(SureByName),
        subject_for(ClaimsOthers),
    ],
    "WIO-D03": [subject_for(OpensItself), subject_for(ListsItself)],
    "WIO-D04": [subject_for(RaisesWhileDetecting), subject_for(AnswersTrue)],
    "WIO-D05": [subject_for(AsksOnce), subject_for(LooksAroundItself)],
    "WIO-R01": [
        subject_for(Pads),
        subject_for(PadsText),
        subject_for(NamesNothing),
        subject_for(RaisesPlainOSError),
        subject_for(DiesOfShortFiles),
    ],
    "WIO-R02": [subject_for(InventsPixels), subject_for(PlainlyNotFound)],
    "WIO-R03": [subject_for(RemembersAll)],
    "WIO-R04": [subject_for(Quits), subject_for(BelievesAnySize)],
    "WIO-R05": [subject_for(LengthOfTheFile)],
    "WIO-R06": [subject_for(TruncatesInSilence), subject_for(PadsIfAllowed)],
    "WIO-H01": [subject_for(CachesBesideTheData), subject_for(Touches), subject_for(Locks)],
    "WIO-H02": [subject_for(Evaluates), subject_for(Unpickles)],
    "WIO-H03": [
        subject_for(ReadsAllAtOnce),
        subject_for(ReadsAllEachTime),
        subject_for(TouchesAllOfItsMap),
    ],
    "WIO-H04": [subject_for(ReferenceAdapter, fmt={"opener": "heavy_machine:open"})],
    "WIO-H05": [
        subject_for(PlainLettersOnly),
        subject_for(NoSymlinks),
        subject_for(AbsoluteOnly),
    ],
    "WIO-G01": [
        subject_for(NeverGrows, **_GROWS),
        subject_for(RewritesThePast, **_GROWS),
        subject_for(OldSnapshotGrows, **_GROWS),
        subject_for(CannotRefresh, **_GROWS),
    ],
}
"""Subjects by the id of the check that must fail on them."""
