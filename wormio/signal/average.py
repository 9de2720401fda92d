"""The mean response over events, and its files."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import OptionError
from wormio.model import Channel
from wormio.model._fields import as_tuple
from wormio.signal._container import Kind
from wormio.signal._fields import check_shapes, signal_array
from wormio.signal.history import Step
from wormio.storage import hdf5
from wormio.storage.atomic import check_target, refuse_existing, write_atomically
from wormio.storage.tables import get_arrays, get_meta, put_arrays, put_meta

if TYPE_CHECKING:
    import h5py

__all__ = ["Average", "check_average_output"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_KIND = Kind("wormio-average", 1, "file of an average")
_ARRAYS = ("tau", "mean", "median", "sem", "count", "event")
_COLUMNS = ("label", "tau_s", "mean", "median", "sem", "count")


def _names(labels: Any) -> tuple[str, ...]:
    return tuple(str(label) for label in labels)


@attrs.frozen(kw_only=True, repr=False)
class Average:
    """Mean response over events; L lags, N neurons.

    Parameters
    ----------
    tau : (L,) float64
        Seconds relative to the event.
    mean, median : (L, N) float64
        NaN where no event has a measured sample.
    sem : (L, N) float64
        Standard error of the mean, ``std(ddof=1) / sqrt(count)``; NaN where `count` < 2.
    count : (L, N) int64
        Number of measured samples.
    event : (E,) int64
        Rows, in their table, of the events that were averaged.
    labels : tuple of str
    channel : Channel
    quantity, unit : str
    history : tuple of Step
        That of the signal, then what made this average.
    recording : str
        Identity of the recording.
    """

    tau: Floats = signal_array("f8", 1)
    mean: Floats = signal_array("f8", 2)
    median: Floats = signal_array("f8", 2)
    sem: Floats = signal_array("f8", 2)
    count: Ints = signal_array("i8", 2)
    event: Ints = signal_array("i8", 1)
    labels: tuple[str, ...] = attrs.field(converter=_names)
    channel: Channel
    quantity: str
    unit: str
    history: tuple[Step, ...] = attrs.field(default=(), converter=as_tuple, repr=False)
    recording: str = ""

    def __attrs_post_init__(self) -> None:
        shape = (len(self.tau), len(self.labels))
        check_shapes(self, dict.fromkeys(("mean", "median", "sem", "count"), shape))

    def __repr__(self) -> str:
        return (
            f"<Average of {len(self.event)} events: {len(self.tau)} lags x "
            f"{len(self.labels)} neurons, channel {self.channel.name!r}>"
        )

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write a file that appears at once and complete, or not at all.

        Parameters
        ----------
        path : path-like
            ``.csv``: a table with the columns ``label,tau_s,mean,median,sem,count``, a row a lag
            and neuron, an empty cell where there is no number. Otherwise HDF5, which holds every
            field and which `load` reads.
        overwrite : bool
            Whether an earlier file is replaced; HDF5 replaces only what `save` wrote.

        Raises
        ------
        OutputExistsError, OptionError, OSError
        """
        if _is_csv(path):
            write_atomically(path, _csv(self).encode(), overwrite=overwrite)
        else:
            _KIND.write(path, self._put, overwrite=overwrite)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Average:
        """Read what `save` wrote as HDF5, equal in every field.

        Raises
        ------
        OptionError
            It is a CSV table: that has lost the history.
        SignalError, RecordingError
            See `wormio.signal.load`.
        """
        if _is_csv(path):
            raise OptionError(
                "a table of an average is not read again: it has no history",
                path=path,
                cure="save the average as .h5",
            )
        with _KIND.reading(path) as file:
            meta = get_meta(file)
            labels = hdf5.get_texts(file, "labels").tolist()
            return cls(
                **get_arrays(file, _ARRAYS),
                labels=labels,
                channel=Channel(**meta["channel"]),
                quantity=meta["quantity"],
                unit=meta["unit"],
                recording=meta["recording"],
                history=[Step(**step) for step in meta["history"]],
            )

    def _put(self, file: h5py.File) -> None:
        put_arrays(file, self, _ARRAYS)
        hdf5.put_texts(file, "labels", self.labels)
        put_meta(
            file,
            {
                "channel": attrs.asdict(self.channel),
                "quantity": self.quantity,
                "unit": self.unit,
                "recording": self.recording,
                "history": [attrs.asdict(step) for step in self.history],
            },
        )


def check_average_output(path: str | os.PathLike[str], *, overwrite: bool) -> None:
    """Raise what `Average.save` raises if nothing may be written to `path`; ask before the work."""
    if not _is_csv(path):
        _KIND.check_output(path, overwrite=overwrite)
        return
    check_target(path)
    if not overwrite:
        refuse_existing(path)


def _is_csv(path: str | os.PathLike[str]) -> bool:
    return Path(path).suffix.lower() == ".csv"


def _csv(average: Average) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for neuron, label in enumerate(average.labels):
        for lag, tau in enumerate(average.tau.tolist()):
            values = [getattr(average, name)[lag, neuron] for name in _COLUMNS[2:5]]
            numbers = ["" if np.isnan(value) else repr(float(value)) for value in values]
            writer.writerow([label, repr(tau), *numbers, int(average.count[lag, neuron])])
    return text.getvalue()
