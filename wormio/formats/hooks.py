"""What wormio itself offers through its hooks. Importing this module imports no reader."""

from __future__ import annotations

from wormio.formats.ahrens.detect import detect as detect_ahrens
from wormio.formats.andor_spool.detect import detect as detect_andor_spool
from wormio.formats.container.detect import detect as detect_container
from wormio.formats.described.detect import detect as detect_described
from wormio.formats.hdf5.detect import detect as detect_hdf5
from wormio.formats.hdf5.detect import detect_imaris, detect_zephir
from wormio.formats.leifer.detect import detect as detect_leifer
from wormio.formats.mat.detect import detect as detect_matlab
from wormio.formats.nerve.detect import detect as detect_nerve
from wormio.formats.tiff.detect import detect as detect_tiff
from wormio.registry import Format, PositionReader, hookimpl

__all__ = ["wormio_formats", "wormio_position_readers"]


@hookimpl
def wormio_formats() -> list[Format]:
    """Return the built-in formats."""
    return [
        Format(
            name="leifer",
            title="Leifer-lab whole-brain recordings (folder with framesDetails.txt)",
            patterns=("framesDetails.txt", "sCMOS_Frames_U16_*.dat", "frames_U16_*.dat"),
            opener="wormio.formats.leifer.adapter:open",
            detect=detect_leifer,
            options="wormio.formats.leifer.options:LeiferOptions",
            capabilities={"events", "growing", "mappable", "pickle"},
            thread_safe=True,
            subject="wormio.testing.subjects.leifer:subject",
        ),
        Format(
            name="tiff",
            title="TIFF: OME-TIFF, ImageJ, ScanImage, Micro-Manager, and folders of TIFFs",
            patterns=("*.tif", "*.tiff", "*.ome.tif", "*.btf"),
            opener="wormio.formats.tiff.adapter:open",
            detect=detect_tiff,
            options="wormio.formats.tiff.options:TiffOptions",
            contents="wormio.formats.tiff.adapter:contents",
            capabilities={"events", "mappable", "pickle"},
            subject=(
                "wormio.testing.subjects.tiff:subject",
                "wormio.testing.subjects.tiff_imagej:subject",
                "wormio.testing.subjects.tiff_scanimage:subject",
                "wormio.testing.subjects.tiff_micromanager:subject",
                "wormio.testing.subjects.tiff_folder:subject",
            ),
        ),
        Format(
            name="wormio",
            title="wormio's own container (HDF5), as `wormio convert` writes it",
            patterns=("*.wormio.h5", "*.h5"),
            opener="wormio.formats.container.adapter:open",
            detect=detect_container,
            capabilities={"events", "mappable", "pickle"},
            thread_safe=True,
            subject="wormio.testing.subjects.container:subject",
        ),
        Format(
            name="andor-spool",
            title="Andor Zyla or Neo spools, also of SCAPE (folder with acquisitionmetadata.ini)",
            patterns=("*spool.dat", "acquisitionmetadata.ini", "*.sifx"),
            opener="wormio.formats.andor_spool.adapter:open",
            detect=detect_andor_spool,
            options="wormio.formats.andor_spool.options:AndorSpoolOptions",
            capabilities={"mappable", "pickle"},
            thread_safe=True,
            subject="wormio.testing.subjects.andor_spool:subject",
        ),
        Format(
            name="described",
            title="Raw frames and tables, described in a page of TOML (wormio describe)",
            opener="wormio.formats.described.adapter:open",
            detect=detect_described,
            options="wormio.formats.described.options:DescribedOptions",
            capabilities={"events", "growing", "mappable", "pickle"},
            thread_safe=True,
            subject="wormio.testing.subjects.described:subject",
        ),
        Format(
            name="nerve",
            title="Leifer-lab recordings of the NeRVE pipeline (folder with hiResData.mat)",
            patterns=("hiResData.mat", "CameraFrameData.txt", "LabJackData.txt"),
            opener="wormio.formats.nerve.adapter:open",
            detect=detect_nerve,
            options="wormio.formats.nerve.options:NerveOptions",
            capabilities={"events", "mappable", "pickle"},
            thread_safe=True,
            subject=(
                "wormio.testing.subjects.nerve:subject",
                "wormio.testing.subjects.nerve:raw",
            ),
        ),
        Format(
            name="matlab",
            title="Arrays in MATLAB files, version 5 to 7.3",
            patterns=("*.mat",),
            opener="wormio.formats.mat.adapter:open",
            detect=detect_matlab,
            options="wormio.formats.mat.options:MatOptions",
            contents="wormio.formats.mat.adapter:contents",
            capabilities={"mappable", "pickle"},
            subject=(
                "wormio.testing.subjects.matlab:subject",
                "wormio.testing.subjects.matlab:version_73",
            ),
        ),
        Format(
            name="ahrens",
            title="Ahrens-lab light-sheet folders (one .h5 or .stack file a volume, ch0.xml)",
            patterns=("TM*_CM*_CHN*.h5", "TM*_CM*_CHN*.stack"),
            opener="wormio.formats.ahrens.adapter:open",
            detect=detect_ahrens,
            options="wormio.formats.ahrens.options:AhrensOptions",
            contents="wormio.formats.ahrens.adapter:contents",
            capabilities={"mappable", "pickle"},
            subject="wormio.testing.subjects.ahrens:subject",
        ),
        Format(
            name="hdf5",
            title="Arrays in HDF5 files whose axes the file or the user names",
            patterns=("*.h5", "*.hdf5"),
            opener="wormio.formats.hdf5.adapter:open",
            detect=detect_hdf5,
            options="wormio.formats.hdf5.options:Hdf5Options",
            contents="wormio.formats.hdf5.adapter:contents",
            capabilities={"mappable", "pickle"},
            thread_safe=True,
            subject=(
                "wormio.testing.subjects.hdf5:subject",
                "wormio.testing.subjects.hdf5:chunked",
            ),
        ),
        Format(
            name="imaris",
            title="Imaris 5.5 and later",
            patterns=("*.ims",),
            opener="wormio.formats.hdf5.imaris:open",
            detect=detect_imaris,
            options="wormio.formats.hdf5.options:ImarisOptions",
            capabilities={"pickle"},
            thread_safe=True,
            subject="wormio.testing.subjects.imaris:subject",
        ),
        Format(
            name="zephir",
            title="ZephIR folders (data.h5 with metadata.json)",
            patterns=("data.h5", "metadata.json"),
            opener="wormio.formats.hdf5.zephir:open",
            detect=detect_zephir,
            options="wormio.formats.hdf5.options:ZephirOptions",
            capabilities={"mappable", "pickle"},
            thread_safe=True,
            subject="wormio.testing.subjects.zephir:subject",
        ),
    ]


@hookimpl
def wormio_position_readers() -> list[PositionReader]:
    """Return the built-in readers of positions."""
    return [
        PositionReader(
            name="csv",
            title="CSV table with columns z_um (or z_frame), y, x and optionally label, volume",
            patterns=("*.csv", "*.tsv"),
            reader="wormio.formats.positions_csv:read",
        ),
        PositionReader(
            name="zephir",
            title="ZephIR annotations (normalised coordinates, one row a neuron and time point)",
            patterns=("annotations*.h5",),
            reader="wormio.formats.positions_zephir:read",
        ),
        PositionReader(
            name="numpy",
            title="Arrays of NumPy; axes= and z_unit= say what they are",
            patterns=("*.npy", "*.npz"),
            reader="wormio.formats.positions_numpy:read",
        ),
        PositionReader(
            name="napari",
            title="Points of napari as CSV; z_unit= says what their z is",
            patterns=(),
            reader="wormio.formats.positions_napari:read",
        ),
        PositionReader(
            name="wormbrain",
            title="brains.json of wormbrain, with matches.txt",
            patterns=("brains.json",),
            reader="wormio.formats.positions_wormbrain:read",
        ),
    ]
