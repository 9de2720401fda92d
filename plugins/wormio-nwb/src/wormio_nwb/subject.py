"""NWB files under test: written by pynwb, and by h5py alone as the extensions' schemas ask.

pynwb is the reference writer of NWB; it shares no code with the reader, which does not use it. The
extensions of the C. elegans dandisets are not installable beside every pynwb, so that their files
are written group by group.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from wormio.testing import Limits, Subject, Truth

from wormio_nwb.writer import MICROSCOPY, VOLUMES, session, typed

if TYPE_CHECKING:
    import h5py

__all__ = ["multichannel", "two_photon", "variable_depth"]

_START = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
_METRE = 1e-6


def _write_two_photon(folder: Path, truth: Truth) -> Path:
    from pynwb import NWBHDF5IO, NWBFile  # type: ignore[import-untyped]
    from pynwb.epoch import TimeIntervals  # type: ignore[import-untyped]
    from pynwb.ophys import OpticalChannel, TwoPhotonSeries  # type: ignore[import-untyped]

    pixels = truth.frames[:, 0].reshape(len(truth.volumes), -1, *truth.frames.shape[2:])
    nwb = NWBFile("a session", "an identifier", _START)
    channel = OpticalChannel(name=truth.channels[0], description="", emission_lambda=510.0)
    plane = nwb.create_imaging_plane(
        name="ImagingPlane",
        optical_channel=channel,
        description="",
        device=nwb.create_device(name="microscope"),
        excitation_lambda=488.0,
        indicator="GCaMP6s",
        location="head",
        grid_spacing=[
            truth.pixel_size * _METRE, truth.pixel_size * _METRE, truth.plane_step * _METRE
        ],
    )  # fmt: skip
    series = TwoPhotonSeries(
        name="TwoPhotonSeries",
        data=pixels.transpose(0, 3, 2, 1),  # time, width, height, depth
        imaging_plane=plane,
        unit="n.a.",
        timestamps=truth.time[truth.volumes[:, 0]],
    )
    nwb.add_acquisition(series)
    stimuli = TimeIntervals(name="stimulation", description="of a neuron")
    for second in truth.time[0] + (truth.events - truth.count[0]) * truth.frame_interval:
        stimuli.add_row(start_time=float(second), stop_time=float(second) + 0.25)
    if len(truth.events):
        nwb.add_time_intervals(stimuli)
    path = folder / "recording.nwb"
    with NWBHDF5IO(path, "w") as io:
        io.write(nwb, cache_spec=False)
    return path


def _write_multichannel(folder: Path, truth: Truth) -> Path:
    n_volumes, n_channels = len(truth.volumes), truth.frames.shape[1]
    n_planes = len(truth.frames) // n_volumes
    pixels = truth.frames.reshape(n_volumes, n_planes, *truth.frames.shape[1:])
    path = folder / "recording.nwb"
    with session(path) as file:
        volume = typed(file, "general/optophysiology/CalciumImVol", "ImagingVolume", VOLUMES)
        spacing = [truth.pixel_size, truth.pixel_size, truth.plane_step]
        volume.create_dataset("grid_spacing", data=spacing).attrs["unit"] = "um"
        for name in sorted(truth.channels, reverse=True):
            channel = typed(file, f"{volume.name}/{name}", "OpticalChannelPlus", VOLUMES)
            channel["excitation_lambda"], channel["emission_lambda"] = 488.0, 525.0
        order = typed(
            file, f"{volume.name}/order_optical_channels", "OpticalChannelReferences", VOLUMES
        )
        order["channels"] = list(truth.channels)
        series = typed(file, "acquisition/CalciumImageSeries", "MultiChannelVolumeSeries", VOLUMES)
        # frame, x, y, z, channel; without the last where there is only one
        data = pixels.transpose(0, 4, 3, 1, 2)
        chunks: tuple[int, ...] = (1, *data.shape[1:3], 1, 1)
        if n_channels == 1:
            data, chunks = data[..., 0], chunks[:-1]
        series.create_dataset("data", data=data, chunks=chunks, compression="gzip")
        start = series.create_dataset("starting_time", data=truth.time[0])
        start.attrs["rate"] = 1 / (n_planes * truth.frame_interval)
        start.attrs["unit"] = "seconds"
        series["imaging_volume"] = _soft_link(volume.name)
    return path


def _write_variable_depth(folder: Path, truth: Truth) -> Path:
    path = folder / "recording.nwb"
    with session(path) as file:
        space = typed(file, "general/space", "PlanarImagingSpace", MICROSCOPY)
        space["grid_spacing_in_um"] = [truth.pixel_size, truth.pixel_size]
        series = typed(
            file, "acquisition/PumpProbeImaging", "VariableDepthMicroscopySeries", MICROSCOPY
        )
        series.create_dataset("data", data=truth.frames[:, 0])
        series["depth_per_frame_in_um"] = truth.z
        series["timestamps"] = truth.time
        series["timestamps"].attrs["unit"] = "seconds"
        series["imaging_space"] = _soft_link(space.name)
        channel = typed(file, f"{series.name}/{truth.channels[0]}", "MicroscopyChannel", MICROSCOPY)
        channel.attrs["emission_wavelength_in_nm"] = 525.0
    return path


def _soft_link(path: str) -> h5py.SoftLink:
    import h5py

    return h5py.SoftLink(path)


two_photon = Subject(
    format="nwb",
    title="TwoPhotonSeries by pynwb",
    make=_write_two_photon,
    # One volume alone has a time, but its planes have none. NWB puts z last: the pixels of a plane
    # lie among those of the others, and whoever reads one passes over its whole volume.
    limits=Limits(
        scan="regular",
        channels=(1, 1),
        volumes=(2, 4),
        planes=(1, 3),
        dtypes=("uint8", "uint16", "float32"),
        events="stimulation",
    ),
    capabilities={"events", "mappable", "pickle"},
)

multichannel = Subject(
    format="nwb",
    title="MultiChannelVolumeSeries without its extension",
    make=_write_multichannel,
    limits=Limits(scan="regular", volumes=(2, 4), dtypes=("uint16",)),
)

variable_depth = Subject(
    format="nwb",
    title="VariableDepthMicroscopySeries without its extension",
    make=_write_variable_depth,
    limits=Limits(scan="triangle", channels=(1, 1), dtypes=("uint16",)),
    capabilities={"mappable", "pickle"},
)
