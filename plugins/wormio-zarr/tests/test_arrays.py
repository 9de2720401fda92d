"""Arrays of any coding: the zarr library writes, and what it reads is the truth."""

import json
import zlib
from pathlib import Path

import numcodecs
import numpy as np
import pytest
import wormio
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from wormio.errors import (
    CorruptRecordingError,
    MissingImageError,
    MissingPartError,
    OptionError,
    RecordingError,
    TruncatedRecordingError,
    UnsafeReferenceError,
    UnsupportedCapabilityError,
    WormioError,
)
from wormio.model import MappedFrames
from zarr.codecs import (
    BloscCodec,
    BytesCodec,
    Crc32cCodec,
    GzipCodec,
    ShardingCodec,
    TransposeCodec,
    ZstdCodec,
)
from zarr_stores import multiscale, noise, ome_group, ome_image, put

from wormio_zarr.arrays import ZarrArray
from wormio_zarr.nodes import read_node
from wormio_zarr.stores import open_store

DTYPES = ["u1", "i2", "u2", "u4", "i8", "f4", "f8", "f2"]
# Named here: zarr's own names of codecs change with Python's hash seed, and xdist's processes, each
# with a seed of its own, have to agree on the names of tests.
COMPRESSORS_3 = {
    "none": None,
    "lz4": BloscCodec(cname="lz4"),
    "blosc-zstd": BloscCodec(cname="zstd", shuffle="bitshuffle"),
    "zstd": ZstdCodec(level=3, checksum=True),
    "gzip": GzipCodec(level=2),
    "zstd-crc32c": [ZstdCodec(), Crc32cCodec()],
    "crc32c": Crc32cCodec(),
}
COMPRESSORS_2 = [
    None,
    numcodecs.Blosc("zlib"),
    numcodecs.Zstd(1),
    numcodecs.LZ4(),
    numcodecs.GZip(1),
    numcodecs.Zlib(1),
    numcodecs.BZ2(1),
    numcodecs.LZMA(preset=0),
]


@st.composite
def arrays(draw):
    """Return values of shape (t, c, z, y, x), the lengths of chunks, and of shards if any."""
    shape = draw(st.tuples(*[st.integers(1, 5)] * 5))
    chunks = tuple(draw(st.integers(1, n + 1)) for n in shape)
    times = tuple(draw(st.integers(1, 3)) for _ in shape) if draw(st.booleans()) else None
    shards = times and tuple(n * k for n, k in zip(chunks, times, strict=True))
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    return noise(*shape, dtype=dtype, seed=draw(st.integers(0, 9))), chunks, shards


def same(path, values, axes="tczyx"):
    """Compare every image of a recording with the values, whichever order they lie in."""
    turned = values.transpose([axes.index(axis) for axis in "tzcyx"])
    turned = turned.astype(turned.dtype.newbyteorder("="))
    with wormio.open(path) as recording:
        found = recording.frames[:]
    return found.tobytes() == np.ascontiguousarray(turned).tobytes()


@settings(max_examples=30)
@given(
    arrays(),
    st.sampled_from(list(COMPRESSORS_3.values())),
    st.permutations(range(5)),
    st.sampled_from(["little", "big"]),
    st.sampled_from([("default", "/"), ("default", "."), ("v2", "/"), ("v2", ".")]),
)
def test_every_coding_of_zarr_3_gives_the_pixels(tmp_path_factory, made, packing, order, end, keys):
    values, chunks, shards = made
    path = tmp_path_factory.mktemp("store") / "a.zarr"
    ome_image(
        path,
        values,
        chunks=chunks,
        shards=shards,
        compressors=packing,
        filters=[TransposeCodec(order=tuple(order))],
        serializer=BytesCodec(endian=end),
        chunk_key_encoding={"name": keys[0], "separator": keys[1]},
    )
    assert same(path, values)


@settings(max_examples=30)
@given(
    arrays(),
    st.sampled_from(COMPRESSORS_2),
    st.sampled_from("CF"),
    st.sampled_from("<>"),
    st.sampled_from("./"),
    st.sampled_from([None, "delta", "shuffle", "crc32"]),
)
def test_every_coding_of_zarr_2_gives_the_pixels(
    tmp_path_factory, made, packing, order, end, separator, filtered
):
    values, chunks, _ = made
    values = values.astype(values.dtype.newbyteorder(end))
    filters = {
        "delta": [numcodecs.Delta(values.dtype)],
        "shuffle": [numcodecs.Shuffle(values.dtype.itemsize)],
        "crc32": [numcodecs.CRC32()],
    }.get(filtered)
    path = tmp_path_factory.mktemp("store") / "a.zarr"
    ome_image(
        path,
        values,
        zarr_format=2,
        chunks=chunks,
        compressors=packing,
        filters=filters,
        order=order,
        chunk_key_encoding={"name": "v2", "separator": separator},
    )
    assert same(path, zarr.open_array(path / "0", mode="r")[...])


@pytest.mark.parametrize("axes", ["tczyx", "xyzct", "zyx", "yx", "czyx", "ctyx", "yxt"])
def test_any_order_of_axes_gives_frames_by_time_and_z(tmp_path, axes):
    shape = [dict(zip("tczyx", (2, 3, 4, 5, 6), strict=True))[axis] for axis in axes]
    values = noise(*shape)
    path = ome_image(tmp_path / "a.zarr", values, axes=axes, chunks=tuple(2 for _ in axes))
    full = values.reshape([*shape, *[1] * (5 - len(axes))])
    order = axes + "".join(axis for axis in "tzcyx" if axis not in axes)
    assert same(path, full, order)


@pytest.mark.parametrize("location", ["start", "end"])
def test_the_index_of_a_shard_lies_at_either_end(tmp_path, location):
    values = noise(2, 1, 2, 4, 4)
    group = ome_group(tmp_path / "a.zarr", {"multiscales": [multiscale()]})
    sharding = ShardingCodec(chunk_shape=(1, 1, 1, 2, 4), index_location=location)
    array = zarr.create(
        store=group.store,
        path="0",
        shape=values.shape,
        dtype=values.dtype,
        chunks=(2, 1, 2, 4, 4),
        codecs=[sharding],
    )
    array[...] = values
    assert same(tmp_path / "a.zarr", values)


def test_a_stream_of_zstandard_without_its_size_is_read(tmp_path):
    values = noise(2, 1, 1, 4, 4, dtype="u1")
    path = ome_image(tmp_path / "a.zarr", values, chunks=values.shape, compressors=ZstdCodec())
    raw = values.tobytes()
    # RFC 8878: magic number, no size and a window of 1 KiB, one last block of raw bytes.
    block = (len(raw) << 3 | 1).to_bytes(3, "little")
    stream = b"\x28\xb5\x2f\xfd\x00\x00" + block + raw
    next((path / "0" / "c").rglob("0/0/0/0/0")).write_bytes(stream)
    assert same(path, values)


def chunk_files(path):
    return sorted(p for p in (path / "0").rglob("*") if p.is_file() and p.name != "zarr.json")


@pytest.mark.parametrize("packing", COMPRESSORS_3.values(), ids=COMPRESSORS_3)
@pytest.mark.parametrize("sharded", [False, True])
def test_a_chunk_cut_anywhere_is_named(tmp_path, packing, sharded):
    values = noise(1, 1, 2, 16, 16)
    shards = (1, 1, 2, 16, 16) if sharded else None
    path = ome_image(
        tmp_path / "a.zarr", values, chunks=(1, 1, 1, 16, 16), shards=shards, compressors=packing
    )
    file = chunk_files(path)[-1]
    whole = file.read_bytes()
    for part in range(64):
        file.write_bytes(whole[: len(whole) * part // 64])
        with (
            pytest.raises((CorruptRecordingError, TruncatedRecordingError), match="0/c/0/0"),
            wormio.open(path) as recording,
        ):
            recording.frames[:]


@pytest.mark.parametrize("sharded", [False, True])
def test_an_image_of_which_a_chunk_is_absent_is_missing_and_never_the_fill_value(tmp_path, sharded):
    values = noise(3, 2, 2, 4, 6)
    values[1, 0, 1] = 0  # zarr's own default leaves out chunks that hold nothing else
    path = ome_image(
        tmp_path / "a.zarr",
        values,
        chunks=(1, 1, 1, 4, 3),
        shards=(1, 1, 2, 4, 6) if sharded else None,
        config={"write_empty_chunks": False},
    )
    with wormio.open(path) as recording:
        assert recording.timeline.stored[3].tolist() == [-1, 7]
        assert (recording.timeline.stored >= 0).sum() == 11
        (finding,) = [f for f in recording.findings if f.code == "images-missing"]
        assert "1 of 12 images" in finding.message
        assert "2 of 24 chunks" in finding.message
        assert "absent_chunks='fill'" in finding.cure
        with pytest.raises(MissingImageError, match="frame 3, channel 0"):
            recording.frames[3]
        assert np.array_equal(recording.frames[3, 1], values[1, 1, 1])
    with wormio.open(path, absent_chunks="fill") as recording:
        assert not recording.findings[0].code.startswith("images")
        assert not recording.frames[3, 0].any()


def test_an_image_is_missing_if_one_of_its_tiles_is(tmp_path):
    path = ome_image(tmp_path / "a.zarr", noise(1, 1, 2, 4, 6), chunks=(1, 1, 1, 4, 3))
    (path / "0/c/0/0/1/0/1").unlink()
    with wormio.open(path) as recording:
        # What follows the last image that was saved was never taken.
        assert len(recording.timeline) == 1
        assert recording.timeline.n_volumes == 0


def test_other_fill_values_than_zero_are_filled_in(tmp_path):
    values = noise(2, 1, 1, 2, 2, dtype="f4")
    path = ome_image(tmp_path / "a.zarr", values, chunks=(1, 1, 1, 2, 2), fill_value=float("nan"))
    (path / "0/c/0/0/0/0/0").unlink()
    with wormio.open(path, absent_chunks="fill") as recording:
        assert np.isnan(recording.frames[0]).all()
        assert np.array_equal(recording.frames[1, 0], values[1, 0, 0])


def test_a_store_without_any_chunk_is_missing_its_pixels(tmp_path):
    path = ome_image(tmp_path / "a.zarr", noise(2, 1, 2, 3, 4))
    for file in chunk_files(path):
        file.unlink()
    with pytest.raises(MissingPartError, match="not one of its chunks"):
        wormio.open(path)
    with wormio.open(path, metadata_only=True) as recording:
        assert len(recording.timeline) == 4
        with pytest.raises(MissingPartError):
            recording.frames[0]


def test_uncompressed_chunks_are_read_in_place(tmp_path):
    values = noise(5, 2, 3, 4, 6)
    path = ome_image(tmp_path / "a.zarr", values, chunks=(2, 1, 2, 4, 6), compressors=None)
    with wormio.open(path) as recording:
        assert isinstance(recording.frames, MappedFrames)
        assert recording.frames.layout.file.max() == 3 * 2 * 2 - 1
    assert same(path, values)


def counted(monkeypatch):
    """Count how often each chunk is decoded."""
    calls = []
    real = ZarrArray._chunk
    monkeypatch.setattr(
        ZarrArray, "_chunk", lambda self, place: calls.append(place) or real(self, place)
    )
    return calls


def test_one_image_decodes_only_the_chunks_that_hold_it(tmp_path, monkeypatch):
    path = ome_image(tmp_path / "a.zarr", noise(4, 2, 4, 6, 6), chunks=(1, 1, 2, 3, 3))
    calls = counted(monkeypatch)
    with wormio.open(path) as recording:
        assert calls == []
        recording.frames[7, 1]
    assert sorted(calls) == [(1, 1, 1, y, x) for y in (0, 1) for x in (0, 1)]


def test_frames_in_order_decode_each_chunk_once(tmp_path, monkeypatch):
    path = ome_image(tmp_path / "a.zarr", noise(6, 2, 5, 4, 4), chunks=(4, 1, 2, 4, 2))
    calls = counted(monkeypatch)
    with wormio.open(path) as recording:
        for frame in range(len(recording.frames)):
            recording.frames[frame]
    assert len(calls) == len(set(calls)) == 2 * 2 * 3 * 1 * 2


def bomb(path, compressor, data):
    """Put other bytes into the only chunk of an array."""
    values = noise(1, 1, 1, 4, 4)
    ome_image(path, values, zarr_format=2, chunks=values.shape, compressors=compressor)
    (path / "0" / "0.0.0.0.0").write_bytes(data)
    return path


@pytest.mark.parametrize(
    "compressor",
    [c for c in COMPRESSORS_2 if c is not None],
    ids=lambda c: c.codec_id,
)
def test_a_chunk_that_decodes_to_too_much_is_refused_before_it_takes_memory(tmp_path, compressor):
    path = bomb(tmp_path / "a.zarr", compressor, compressor.encode(b"\0" * (64 << 20)))
    with wormio.open(path) as recording, pytest.raises(CorruptRecordingError, match=r"0\.0\.0\.0"):
        recording.frames[0]


def test_a_chunk_that_claims_gigabytes_is_refused(tmp_path):
    lz4 = (2**31 - 1).to_bytes(4, "little") + b"\0" * 20
    path = bomb(tmp_path / "a.zarr", numcodecs.LZ4(), lz4)
    with wormio.open(path) as recording, pytest.raises(CorruptRecordingError, match="2147483647"):
        recording.frames[0]


def change(path, **values):
    about = json.loads(path.read_text())
    about.update(values)
    path.write_text(json.dumps(about))


def test_a_codec_that_runs_code_of_the_file_is_never_called(tmp_path):
    path = ome_image(tmp_path / "a.zarr", noise(1, 1, 1, 4, 4), zarr_format=2)
    change(path / "0" / ".zarray", filters=[{"id": "pickle", "protocol": 5}])
    with pytest.raises(UnsupportedCapabilityError, match="pickle"):
        wormio.open(path)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"shape": [10**9, 1, 2, 3, 4]}, CorruptRecordingError),
        ({"shape": [1, 1, 2, -3, 4]}, CorruptRecordingError),
        ({"shape": [1, 1, 2, 3]}, CorruptRecordingError),
        ({"shape": "all"}, CorruptRecordingError),
        ({"chunks": [0, 1, 1, 3, 4]}, CorruptRecordingError),
        ({"chunks": [10**6, 1, 1, 10**6, 4]}, UnsupportedCapabilityError),
        ({"chunks": [True, 1, 1, 3, 4]}, CorruptRecordingError),
        ({"dtype": "|O"}, UnsupportedCapabilityError),
        ({"dtype": [["a", "<u2"]]}, UnsupportedCapabilityError),
        ({"dtype": None}, UnsupportedCapabilityError),
        ({"order": "Z"}, CorruptRecordingError),
        ({"fill_value": 70000}, CorruptRecordingError),
        ({"fill_value": float("inf")}, CorruptRecordingError),
        ({"compressor": {"id": "unheard-of"}}, UnsupportedCapabilityError),
        ({"compressor": "gzip"}, CorruptRecordingError),
        ({"filters": [{"id": "delta"}]}, CorruptRecordingError),
        ({"dimension_separator": "_"}, CorruptRecordingError),
        ({"zarr_format": 4}, UnsupportedCapabilityError),
        ({"zarr_format": True}, CorruptRecordingError),
    ],
    ids=str,
)
def test_metadata_that_cannot_be_are_refused_by_name(tmp_path, wrong, error):
    path = ome_image(tmp_path / "a.zarr", noise(1, 1, 2, 3, 4), zarr_format=2)
    change(path / "0" / ".zarray", **wrong)
    with pytest.raises(error, match=r"\.zarray"):
        wormio.open(path)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"codecs": [{"name": "bytes"}]}, CorruptRecordingError),
        ({"codecs": []}, UnsupportedCapabilityError),
        ({"codecs": [{"name": "vlen-utf8"}]}, UnsupportedCapabilityError),
        ({"data_type": "complex64"}, UnsupportedCapabilityError),
        ({"data_type": {"name": "struct"}}, UnsupportedCapabilityError),
        ({"node_type": "table"}, CorruptRecordingError),
        ({"storage_transformers": [{"name": "x"}]}, UnsupportedCapabilityError),
        ({"extension": {"name": "x"}}, UnsupportedCapabilityError),
        ({"chunk_grid": {"name": "rectilinear"}}, UnsupportedCapabilityError),
        ({"chunk_grid": None}, CorruptRecordingError),
        ({"chunk_key_encoding": {"name": "hex"}}, UnsupportedCapabilityError),
        ({"attributes": 3}, CorruptRecordingError),
    ],
    ids=str,
)
def test_metadata_of_zarr_3_that_cannot_be_are_refused_by_name(tmp_path, wrong, error):
    path = ome_image(tmp_path / "a.zarr", noise(1, 1, 2, 3, 4))
    change(path / "0" / "zarr.json", **wrong)
    with pytest.raises(error, match=r"zarr\.json"):
        wormio.open(path)


def test_an_extension_that_need_not_be_understood_is_none(tmp_path):
    values = noise(1, 1, 2, 3, 4)
    path = ome_image(tmp_path / "a.zarr", values)
    change(path / "0" / "zarr.json", extension={"must_understand": False})
    assert same(path, values)


@settings(max_examples=80)
@given(st.data())
def test_damaged_metadata_and_chunks_raise_errors_of_wormio(damageable, data):
    path, files = damageable
    file = data.draw(st.sampled_from(sorted(files)))
    whole = files[file]
    cut = data.draw(st.booleans())
    at = data.draw(st.integers(0, len(whole) - 1))
    damaged = (
        whole[:at]
        if cut
        else whole[:at] + bytes([data.draw(st.integers(0, 255))]) + whole[at + 1 :]
    )
    file.write_bytes(damaged)
    try:
        with wormio.open(path) as recording:
            if np.prod(recording.frames.shape) < 10**6:
                recording.frames[:]
    except (WormioError, OSError):
        pass
    finally:
        file.write_bytes(whole)
    assert file.read_bytes() == whole


@pytest.fixture(scope="module", params=[2, 3])
def damageable(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("damage") / "a.zarr"
    values = noise(2, 2, 3, 4, 5)
    if request.param == 2:
        ome_image(path, values, zarr_format=2, chunks=(1, 2, 2, 3, 5))
    else:
        ome_image(path, values, chunks=(1, 1, 1, 4, 5), shards=(2, 2, 3, 4, 5))
    return path, {p: p.read_bytes() for p in path.rglob("*") if p.is_file()}


def outside(tmp_path):
    """Return a store and another array outside of it."""
    values = noise(2, 1, 1, 3, 4)
    path = ome_image(tmp_path / "a.zarr", values, chunks=(1, 1, 1, 3, 4))
    other = ome_image(tmp_path / "b.zarr", values + 1, chunks=(1, 1, 1, 3, 4))
    return path, other, values


@pytest.mark.parametrize("what", ["0/c/1/0/0/0/0", "0/c/1", "0", "0/zarr.json"])
def test_a_link_out_of_the_store_is_followed_only_if_trusted(tmp_path, what):
    path, other, values = outside(tmp_path)
    link = path / what
    link.rename(tmp_path / "aside")
    link.symlink_to(other / what)
    with pytest.raises(UnsafeReferenceError, match="trust=True"):
        wormio.open(path)
    with wormio.open(path, trust=True) as recording:
        assert recording.frames[1].max() in {values[1].max(), values[1].max() + 1}


def test_a_link_inside_the_store_is_followed(tmp_path):
    path, _, values = outside(tmp_path)
    (path / "0/c/1/0/0/0/0").rename(path / "elsewhere")
    (path / "0/c/1/0/0/0/0").symlink_to("../../../../../../elsewhere")
    assert same(path, values)


@pytest.mark.parametrize("name", ["../b.zarr/0", "/etc"])
def test_a_path_out_of_the_store_is_refused(tmp_path, name):
    path, _, _ = outside(tmp_path)
    about = json.loads((path / "zarr.json").read_text())
    about["attributes"]["ome"]["multiscales"][0]["datasets"][0]["path"] = name
    (path / "zarr.json").write_text(json.dumps(about))
    with pytest.raises(UnsafeReferenceError):
        wormio.open(path)


def test_a_link_that_leads_nowhere_is_a_missing_part(tmp_path):
    path, _, _ = outside(tmp_path)
    (path / "0/c/1/0/0/0/0").unlink()
    (path / "0/c/1/0/0/0/0").symlink_to("nowhere")
    with pytest.raises(MissingPartError, match="leads nowhere"):
        wormio.open(path)


@pytest.mark.parametrize("method", [0, 8], ids=["stored", "deflated"])
@pytest.mark.parametrize("top", ["", "a.zarr/"])
def test_a_store_in_a_zip_file_is_read_in_place(tmp_path, method, top):
    import zipfile

    values = noise(3, 2, 2, 5, 6)
    folder = ome_image(tmp_path / "a.zarr", values, chunks=(1, 1, 2, 5, 3), shards=(1, 2, 2, 5, 6))
    path = tmp_path / "b.zarr.zip"
    with zipfile.ZipFile(path, "w", method) as archive:
        for file in sorted(folder.rglob("*"), reverse=True):
            if file.is_file():
                archive.write(file, top + str(file.relative_to(folder)))
    assert wormio.explain(path).best[0].format == "zarr"
    assert same(path, values)
    whole = path.read_bytes()
    for part in range(1, 64, 7):
        path.write_bytes(whole[: len(whole) * part // 64])
        with pytest.raises(RecordingError):
            wormio.open(path, "zarr")


def test_a_damaged_file_in_a_zip_file_is_noticed_by_its_checksum(tmp_path):
    import zipfile

    folder = ome_image(tmp_path / "a.zarr", noise(1, 1, 1, 30, 30), compressors=None)
    path = tmp_path / "b.zarr.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, str(file.relative_to(folder)))
    content = bytearray(path.read_bytes())
    at = content.index((folder / "0/c/0/0/0/0/0").read_bytes())
    content[at + 100] ^= 1
    path.write_bytes(content)
    with wormio.open(path) as recording, pytest.raises(CorruptRecordingError, match="checksum"):
        recording.frames[0]


def test_read_all_refuses_what_is_not_whole(tmp_path):
    path = tmp_path / "a.zarr"
    put(zarr.create_group(store=path), "times", np.arange(10.0), chunks=(5,))
    (path / "times/c/1").unlink()
    store = open_store(path, trust=False)
    array = ZarrArray(store, read_node(store, "times"))
    with pytest.raises(CorruptRecordingError, match="not in the store"):
        array.read_all()


def test_a_shard_whose_index_points_beyond_its_end_is_corrupt(tmp_path):
    values = noise(1, 1, 2, 3, 4)
    path = ome_image(
        tmp_path / "a.zarr",
        values,
        chunks=(1, 1, 1, 3, 4),
        shards=(1, 1, 2, 3, 4),
        compressors=None,
    )
    import google_crc32c

    file = path / "0/c/0/0/0/0/0"
    index = np.array([[0, 24], [24, 10**6]], "<u8").tobytes()
    file.write_bytes(values.tobytes() + index + google_crc32c.value(index).to_bytes(4, "little"))
    with wormio.open(path) as recording:
        assert np.array_equal(recording.frames[0, 0], values[0, 0, 0])
        with pytest.raises(CorruptRecordingError, match="beyond its end"):
            recording.frames[1, 0]


def test_option_dataset_reads_any_array_as_a_plain_one(tmp_path):
    values = noise(4, 3, 5)
    path = tmp_path / "a.zarr"
    group = zarr.create_group(store=path)
    put(group, "imaging/raw", values)
    put(group, "imaging/mean", values[0])
    assert wormio.contents(path) == ["imaging/mean", "imaging/raw"]
    with pytest.raises(OptionError, match="option item is missing"):
        wormio.open(path)
    with pytest.raises(OptionError, match="option axes is missing"):
        wormio.open(path, dataset="imaging/raw")
    with wormio.open(path, item="imaging/raw", axes="ZYX", um_per_plane=2) as recording:
        assert np.array_equal(recording.frames[:, 0], values)
        assert recording.timeline.z.tolist() == [0, 2, 4, 6]
    with pytest.raises(OptionError, match="names a group"):
        wormio.open(path, dataset="imaging")
    with pytest.raises(MissingPartError):
        wormio.open(path, dataset="imaging/absent")


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_named_dimensions_of_a_plain_array_are_used(tmp_path, zarr_format):
    path = tmp_path / "a.zarr"
    names = ["time", "channel", "y", "x"]
    how = {"dimension_names": names} if zarr_format == 3 else {}
    if zarr_format == 2:
        how["attributes"] = {"_ARRAY_DIMENSIONS": names}
    values = noise(3, 2, 4, 5)
    array = zarr.create_array(
        path, shape=values.shape, dtype=values.dtype, zarr_format=zarr_format, **how
    )
    array[...] = values
    with wormio.open(path, channel_names="red,green") as recording:
        assert np.array_equal(recording.frames[:], values)
        assert [channel.name for channel in recording.channels] == ["red", "green"]
        assert np.isnan(recording.timeline.time).all()


def test_zlib_of_the_standard_library_is_what_zarr_writes(tmp_path):
    # The writer of the subject relies on it.
    path = ome_image(
        tmp_path / "a.zarr",
        noise(1, 1, 1, 3, 4),
        zarr_format=2,
        compressors=numcodecs.Zlib(1),
        chunk_key_encoding={"name": "v2", "separator": "."},
    )
    raw = Path(path / "0" / "0.0.0.0.0").read_bytes()
    assert len(zlib.decompress(raw)) == 24
