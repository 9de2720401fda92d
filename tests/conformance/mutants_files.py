"""Adapters broken on purpose, one way each: damaged files, hygiene and growth (R, H, G)."""

import errno
import itertools
import os
import pickle
import signal
from typing import Any

import numpy as np
from reference import HEADER, PIXELS, ReferenceAdapter, subject_for

from wormio.errors import CorruptRecordingError, TruncatedRecordingError
from wormio.model import BaseRecording, MappedFrames, frames_from_reader
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
            def __init__(self, layout):
                self.layout = layout
                super().__init__(layout)

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


MUTANTS_FILES: dict[str, list[Subject]] = {
    "WIO-R01": [
        subject_for(Pads),
        subject_for(PadsText),
        subject_for(NamesNothing),
        subject_for(RaisesPlainOSError),
        subject_for(DiesOfShortFiles),
    ],
    "WIO-R02": [subject_for(InventsPixels), subject_for(PlainlyNotFound)],
    "WIO-R03": [subject_for(RemembersAll)],
    "WIO-R04": [subject_for(BelievesAnySize)],
    "WIO-R05": [subject_for(LengthOfTheFile)],
    "WIO-R06": [subject_for(TruncatesInSilence), subject_for(PadsIfAllowed)],
    "WIO-H01": [subject_for(CachesBesideTheData), subject_for(Touches), subject_for(Locks)],
    "WIO-H02": [subject_for(Evaluates), subject_for(Unpickles)],
    "WIO-H03": [
        subject_for(ReadsAllAtOnce),
        subject_for(ReadsAllEachTime),
        subject_for(TouchesAllOfItsMap),
    ],
    "WIO-H04": [
        subject_for(ReferenceAdapter, fmt={"opener": "heavy_machine:open"}),
        subject_for(ReferenceAdapter, fmt={"opener": "curious_machine:open"}),
    ],
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
