"""The MATLAB format under test: arrays saved by scipy (version 5) and by h5py (version 7.3)."""

from __future__ import annotations

from pathlib import Path

import attrs
import numpy as np

from wormio.testing.subject import Subject
from wormio.testing.truth import Limits, Truth

__all__ = ["compressed", "subject", "version_73"]

_DTYPES = ("uint8", "uint16", "int16", "int32", "float32", "float64")


def _matlab(truth: Truth) -> np.ndarray[tuple[int, ...], np.dtype[np.generic]]:
    """Return the frames as MATLAB would hold them: (Y, X, T, C), every frame an index of T."""
    return truth.frames.transpose(2, 3, 0, 1)


def _make(folder: Path, truth: Truth) -> Path:
    import scipy.io

    path = folder / "recording.mat"
    scipy.io.savemat(path, {"about": "a phantom", "movie": _matlab(truth)})
    return path


def _make_compressed(folder: Path, truth: Truth) -> Path:
    import scipy.io

    path = folder / "recording.mat"
    scipy.io.savemat(path, {"movie": _matlab(truth), "rate": 3.0}, do_compression=True)
    return path


def _make_73(folder: Path, truth: Truth) -> Path:
    import h5py

    path = folder / "recording.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        movie = file.create_dataset("movie", data=_matlab(truth).T)
        kinds = {"float32": "single", "float64": "double"}
        name = truth.frames.dtype.name
        movie.attrs["MATLAB_class"] = np.bytes_(kinds.get(name, name))
    with path.open("r+b") as raw:
        raw.write(b"MATLAB 7.3 MAT-file, made by wormio's kit".ljust(124) + b"\x00\x02IM")
    return path


subject = Subject(
    format="matlab",
    title="version 5",
    make=_make,
    # The planes lie one after the other along T; the option planes says how many make a volume.
    limits=Limits(
        dtypes=_DTYPES,
        planes=(3, 3),
        time="none",
        channel_names=False,
    ),
    options={
        "axes": "YXTC",
        "variable": "movie",
        "planes": 3,
        "um_per_pixel": 0.4,
        "um_per_plane": 1.5,
    },
    capabilities={"mappable", "pickle"},
)

compressed = attrs.evolve(
    subject,
    title="version 7, compressed",
    make=_make_compressed,
    capabilities={"pickle"},
    waivers={"WIO-H03": "version 7 compresses a variable in one piece: one frame costs all of it"},
)
version_73 = attrs.evolve(subject, title="version 7.3", make=_make_73)
