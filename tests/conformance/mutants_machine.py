"""Adapters broken on purpose, one way each: closing, processes and detection (L, C, D)."""

import builtins
import json
import logging
import os
import time
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from mutants_files import CACHE, KEPT, MUTANTS_FILES, TICKS, FromReader
from reference import (
    HEADER,
    PIXELS,
    ReferenceAdapter,
    format_for,
    registry_of,
    subject_for,
)

from wormio.errors import WormioError
from wormio.model import BaseRecording, MappedFrames, Source, frames_from_reader
from wormio.model.frames import LazyFrames
from wormio.registry import Confidence, Detection
from wormio.testing import Subject

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
}
MUTANTS_MACHINE |= MUTANTS_FILES
"""Subjects by the id of the check that must fail on them."""
