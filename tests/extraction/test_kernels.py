"""The C kernels against hand-written numbers and against their numpy twin."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wormio.errors import ExtractionError, UnsupportedCapabilityError
from wormio.extraction import kernels, twin

BOUNDARIES = ("exclude", "clip", "nan")
INTEGERS = [dtype for dtype in kernels.SUPPORTED_DTYPES if dtype.kind in "iu"]
FLOATS = [dtype for dtype in kernels.SUPPORTED_DTYPES if dtype.kind == "f"]


def box(dz, dy, dx):
    """Return the runs of a box of full odd extents."""
    half = [extent // 2 for extent in (dz, dy, dx)]
    return np.array(
        [
            (z, y, -half[2], half[2] + 1)
            for z in range(-half[0], half[0] + 1)
            for y in range(-half[1], half[1] + 1)
        ],
        np.int32,
    )


def ramp(n_planes=1, height=20, width=30, dtype=np.uint16):
    """Return planes whose pixels name themselves: 10000 * plane + 100 * y + x."""
    z, y, x = np.indices((n_planes, height, width))
    return (10000 * z + 100 * y + x).astype(dtype)


def call(pixels, **changes):
    """Sum a Box(1, 3, 3) at (10, 10) of a single plane, with changes."""
    arguments = {
        "height": pixels.shape[1],
        "row_first": 0,
        "planes": np.arange(len(pixels))[None],
        "slot": [[0]],
        "yx": [[[10.0, 10.0]]],
        "runs": box(1, 3, 3),
        "boundary": "exclude",
        "offset": 0.0,
    }
    return kernels.sum_runs(pixels, **(arguments | changes))


def assert_same_bits(result, expected):
    for one, other in zip(result, expected, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


# --- hand-written numbers ----------------------------------------------------------------------


def test_a_box_reads_rows_and_columns_9_to_11():
    total, voxels = call(ramp())
    by_hand = 909 + 910 + 911 + 1009 + 1010 + 1011 + 1109 + 1110 + 1111
    assert total.tolist() == [[by_hand]]
    assert voxels.tolist() == [[9]]


def test_the_camera_offset_is_subtracted_from_each_voxel():
    total, _ = call(ramp(), offset=100.5)
    assert total.tolist() == [[9 * 1010 - 9 * 100.5]]


def test_a_half_rounds_up_on_both_sides_of_zero():
    one_voxel = [[0, 0, 0, 1]]
    yx = np.array([[[10.5, 11.5], [9.49, 10.5], [-0.5, -0.5], [-0.51, 3], [19.5, 3], [3, 29.49]]])
    total, voxels = call(ramp(), runs=one_voxel, slot=np.zeros((1, 6), int), yx=yx)
    np.testing.assert_array_equal(total, [[1112, 911, 0, np.nan, np.nan, 329]])
    assert voxels.tolist() == [[1, 1, 1, 0, 0, 1]]


def test_the_corner_of_an_image_follows_the_boundary():
    corner = {"yx": [[[0.0, 0.0]]]}
    total, voxels = call(ramp(), **corner, boundary="exclude")
    assert (total.item(), voxels.item()) == (0 + 1 + 100 + 101, 4)
    total, voxels = call(ramp(), **corner, boundary="clip")
    assert (total.item(), voxels.item()) == (2 * (0 + 0 + 1) + 100 + 100 + 101, 9)
    total, voxels = call(ramp(), **corner, boundary="nan")
    assert np.isnan(total.item())
    assert voxels.item() == 0


def test_a_missing_plane_follows_the_boundary():
    missing = {"planes": [[0, -1, 1, -1]], "slot": [[2]], "runs": box(5, 1, 1)}
    pixels = ramp(2)
    total, voxels = call(pixels, **missing, boundary="exclude")
    assert (total.item(), voxels.item()) == (1010 + 11010, 2)
    # Below, slot 1 falls back on the centre; above, slots 3 and 4 do.
    total, voxels = call(pixels, **missing, boundary="clip")
    assert (total.item(), voxels.item()) == (1010 + 4 * 11010, 5)
    total, _ = call(pixels, **missing, boundary="nan")
    assert np.isnan(total.item())


@pytest.mark.parametrize(
    "change",
    [
        {"yx": [[[np.nan, 10]]]},
        {"yx": [[[10, np.nan]]]},
        {"yx": [[[np.inf, 10]]]},
        {"yx": [[[10, -np.inf]]]},
        {"yx": [[[1e300, 10]]]},
        {"yx": [[[20, 10]]]},
        {"yx": [[[10, 30]]]},
        {"slot": [[-1]]},
        {"slot": [[1]]},
        {"planes": [[-1]]},
        {"runs": np.empty((0, 4), int)},
        {"runs": [[0, 0, 3, 3]]},
        {"runs": [[0, 100, 0, 3]]},
        {"planes": np.empty((1, 0), int)},
    ],
    ids=str,
)
def test_a_sample_that_is_not_valid_or_has_no_voxel_is_nan(change):
    for boundary in ("exclude", "nan"):
        total, voxels = call(ramp(), **change, boundary=boundary)
        assert np.isnan(total.item())
        assert voxels.item() == 0


def test_clip_steps_slot_by_slot_towards_the_centre():
    # From the centre in slot 3, dz = -3 asks for slot 0; slot 1 is missing too, slot 2 is not.
    planes = [[-1, -1, 0, 1]]
    total, voxels = call(ramp(2), planes=planes, slot=[[3]], runs=[[-3, 0, 0, 1]], boundary="clip")
    assert (total.item(), voxels.item()) == (1010, 1)
    # A saved plane beyond the missing one is farther from the centre, and not taken.
    total, _ = call(
        ramp(2), planes=[[0, -1, -1, 1]], slot=[[3]], runs=[[-2, 0, 0, 1]], boundary="clip"
    )
    assert total.item() == 11010


@pytest.mark.parametrize("yx", [(0, 10), (19, 10), (10, 0), (10, 29)])
def test_one_voxel_outside_makes_the_sample_nan_if_asked(yx):
    edge = {"yx": [[yx]], "boundary": "nan"}
    assert np.isnan(call(ramp(), **edge)[0].item())
    inward = np.sign([10 - yx[0], 10 - yx[1]])
    assert call(ramp(), **edge | {"yx": [[yx + inward]]})[1].item() == 9


def test_an_empty_run_outside_the_image_is_no_voxel_outside():
    total, voxels = call(ramp(), runs=[[0, 0, 0, 1], [0, 99, 3, 3]], boundary="nan")
    assert (total.item(), voxels.item()) == (1010, 1)


def test_clip_repeats_the_last_column_and_row():
    total, _ = call(ramp(), yx=[[[19, 29]]], boundary="clip")
    assert total.item() == 1828 + 2 * 1829 + 2 * (1928 + 2 * 1929)
    total, _ = call(ramp(), runs=[[0, 0, 40, 45]], boundary="clip")
    assert total.item() == 5 * 1029


def test_a_voxel_named_twice_counts_twice():
    total, voxels = call(ramp(), runs=[[0, 0, 0, 2], [0, 0, 1, 2]])
    assert (total.item(), voxels.item()) == (1010 + 2 * 1011, 3)


def test_sums_of_the_largest_integers_are_exact():
    pixels = np.full((1, 300, 300), 2**32 - 1, np.uint32)
    total, voxels = call(pixels, runs=box(1, 201, 201), yx=[[[150, 150]]])
    assert (total.item(), voxels.item()) == (201**2 * (2**32 - 1), 201**2)


def test_no_volumes_and_no_points_give_empty_results():
    total, voxels = call(
        ramp(), planes=np.empty((0, 3), int), slot=np.empty((0, 4), int), yx=np.empty((0, 4, 2))
    )
    assert total.shape == voxels.shape == (0, 4)
    total, voxels = call(ramp(), slot=np.empty((1, 0), int), yx=np.empty((1, 0, 2)))
    assert total.shape == voxels.shape == (1, 0)


@pytest.mark.parametrize("shape", [(0, 20, 30), (1, 0, 30), (1, 20, 0)])
def test_pixels_without_elements_are_allowed(shape):
    planes = [[0]] if shape[0] else [[-1]]
    yx = [[[np.nan, 10.0]]]
    total, _ = call(np.empty(shape, np.uint16), height=20, planes=planes, yx=yx)
    assert np.isnan(total.item())


# --- rows that are in the buffer -----------------------------------------------------------------


def test_rows_beside_the_mask_need_not_be_in_the_buffer():
    whole = ramp()
    expected = call(whole)
    assert_same_bits(call(whole[:, 9:12], height=20, row_first=9), expected)


@pytest.mark.parametrize(("first", "stop"), [(10, 20), (0, 11), (12, 20), (9, 9)])
@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_a_row_of_the_image_that_was_not_read_is_an_error(first, stop, boundary):
    with pytest.raises(ExtractionError, match="rows that are not in the buffer"):
        call(ramp()[:, first:stop], height=20, row_first=first, boundary=boundary)


def test_a_row_that_no_voxel_needs_is_no_error():
    rows = ramp()[:, 9:12]
    beside = {"height": 20, "row_first": 9}
    left_of_the_image = [[0, 0, 0, 1], [0, 5, -20, -15]]
    assert call(rows, **beside, runs=left_of_the_image)[0].item() == 1010
    # One voxel outside makes the sample NaN, so none of them is read.
    assert np.isnan(call(rows, **beside, runs=left_of_the_image, boundary="nan")[0].item())


# --- views ---------------------------------------------------------------------------------------


def block_of_channels():
    """Return a (F, C, rows, X) block whose channels differ."""
    return np.stack(
        [ramp(3, dtype=np.int16), -ramp(3, dtype=np.int16), ramp(3) * 0], axis=1
    ).astype(np.int16)


@pytest.mark.parametrize("channel", [0, 1, 2])
@pytest.mark.parametrize(
    "layout",
    [
        lambda block: block,
        lambda block: np.moveaxis(block, 1, 3).copy().transpose(0, 3, 1, 2),
        lambda block: np.moveaxis(block, 2, 0).copy().transpose(1, 2, 0, 3),
        lambda block: np.pad(block, ((0, 0), (0, 0), (1, 1), (2, 3)))[:, :, 1:-1, 2:-3],
    ],
    ids=["planar", "channels interleaved", "rows outermost", "cut out of a larger image"],
)
def test_a_channel_of_any_layout_is_read_in_place(channel, layout):
    view = layout(block_of_channels())[:, channel]
    arguments = {"slot": [[1]], "runs": box(3, 3, 5), "yx": [[[1.0, 1.0]]], "boundary": "clip"}
    assert_same_bits(call(view, **arguments), call(np.ascontiguousarray(view), **arguments))


def test_every_second_plane_row_and_column_can_be_read_in_place():
    view = ramp(4, 40, 60)[::2, ::2, ::2]
    assert call(view)[0].item() == 9 * 2020


def test_a_view_of_one_row_and_column_may_have_any_stride():
    view = ramp()[:, ::-1, ::-1][:, :1, :1]
    assert call(view, yx=[[[0, 0]]], boundary="clip")[0].item() == 9 * 1929


def test_memory_that_is_read_only_and_owned_by_others_can_be_read():
    whole = ramp()
    pixels = np.frombuffer(whole.tobytes(), np.uint16).reshape(whole.shape)
    assert not pixels.flags.writeable
    assert_same_bits(call(pixels), call(whole))


# --- against the twin ----------------------------------------------------------------------------


@st.composite
def extractions(draw, dtypes, elements):
    """Draw arguments of `sum_runs`: images smaller than the masks, so that edges are met often."""
    height, width = draw(st.integers(1, 7)), draw(st.integers(1, 9))
    n_planes, n_volumes, n_slots, n_points = (draw(st.integers(1, high)) for high in (6, 3, 6, 5))
    rows = draw(st.sampled_from([(0, height), (0, height), (height // 3, height), (0, height - 1)]))
    n_channels, channel = draw(st.sampled_from([(1, 0), (2, 0), (2, 1)]))
    interleaved = draw(st.booleans())
    dtype = draw(st.sampled_from(dtypes))
    coordinate = st.sampled_from([np.nan, np.inf, -1e300, 1e19, -0.5, 0.49999999999999994])
    odd_coordinate = draw(st.none() | coordinate | st.integers(-3, 20).map(lambda i: i / 2))
    boundary = draw(st.sampled_from(BOUNDARIES))
    offset = draw(st.sampled_from([0.0, 100.0, 0.1]))
    n_runs, reach = draw(st.integers(0, 6)), draw(st.integers(0, 5))

    # The many numbers come from a seed: drawn one by one, most of them would be 0.
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    block = elements(rng, (n_planes, n_channels, rows[1] - rows[0], width), dtype)
    if interleaved:
        block = np.moveaxis(np.moveaxis(block, 1, 3).copy(), 3, 1)
    yx = rng.uniform(-0.6, 1.0, (n_volumes, n_points, 2)) + rng.uniform(
        0, (height, width), (n_volumes, n_points, 2)
    )
    if odd_coordinate is not None:
        yx[-1, -1, rng.integers(2)] = odd_coordinate
    planes = rng.integers(0, n_planes, (n_volumes, n_slots))
    planes[rng.random(planes.shape) < rng.choice([0.0, 0.3])] = -1
    slot = rng.integers(0, n_slots, (n_volumes, n_points))
    slot[rng.random(slot.shape) < 0.1] = rng.choice([-1, n_slots])
    runs = rng.integers(-reach, reach + 1, (n_runs, 4))
    runs[:, 3] = runs[:, 2] + rng.integers(0, 2 * reach + 2, n_runs)
    return block[:, channel], {
        "height": height,
        "row_first": rows[0],
        "planes": planes,
        "slot": slot,
        "yx": yx,
        "runs": runs,
        "boundary": boundary,
        "offset": offset,
    }


def any_integers(rng, shape, dtype):
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max, shape, dtype, endpoint=True)


def small_integers(rng, shape, dtype):
    return rng.integers(-1000, 1000, shape).astype(dtype)


def general_floats(rng, shape, dtype):
    return rng.lognormal(5, 3, shape).astype(dtype)


def outcome(function, pixels, arguments):
    """Return what `function` returns, or the error that it raises."""
    try:
        return function(pixels, **arguments)
    except ExtractionError as error:
        return type(error)


@given(extractions(INTEGERS, any_integers))
def test_integers_equal_the_twin_bit_for_bit(case):
    expected = outcome(twin.sum_runs, *case)
    result = outcome(kernels.sum_runs, *case)
    if expected is ExtractionError:
        assert result is ExtractionError
    else:
        assert_same_bits(result, expected)


@given(extractions(FLOATS, small_integers))
def test_whole_numbers_stored_as_floats_equal_the_twin_bit_for_bit(case):
    expected = outcome(twin.sum_runs, *case)
    result = outcome(kernels.sum_runs, *case)
    if expected is ExtractionError:
        assert result is ExtractionError
    else:
        assert_same_bits(result, expected)


@given(extractions(FLOATS, general_floats))
def test_floats_equal_the_twin_to_1e12(case):
    pixels, arguments = case
    arguments["offset"] = 0.0  # a difference of nearly equal numbers has no relative accuracy
    expected = outcome(twin.sum_runs, pixels, arguments)
    result = outcome(kernels.sum_runs, pixels, arguments)
    if expected is ExtractionError:
        assert result is ExtractionError
    else:
        np.testing.assert_allclose(result[0], expected[0], rtol=1e-12, atol=0)
        np.testing.assert_array_equal(result[1], expected[1])


def test_floats_are_added_in_the_order_of_runs_and_x():
    rng = np.random.default_rng(0)
    pixels = rng.lognormal(0, 8, (1, 20, 30)).astype(np.float32)
    expected = 0.0
    for y in (9, 10, 11):
        for x in (9, 10, 11):
            expected += float(pixels[0, y, x])
    assert call(pixels)[0].item() == expected


# --- batches -------------------------------------------------------------------------------------


def recording_in_memory():
    rng = np.random.default_rng(1)
    n_volumes, n_slots, n_points = 6, 5, 8
    planes = np.arange(n_volumes * n_slots).reshape(n_volumes, n_slots)
    pixels = rng.lognormal(5, 3, (planes.size, 20, 30)).astype(np.float32)
    planes[rng.random(planes.shape) < 0.2] = -1
    per_sample = {
        "planes": planes,
        "slot": rng.integers(0, n_slots, (n_volumes, n_points)),
        "yx": rng.uniform(-2, 32, (n_volumes, n_points, 2)),
    }
    return pixels, per_sample, {"runs": box(3, 5, 5), "offset": 100.0}


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_splitting_volumes_into_batches_changes_no_bit(boundary):
    pixels, per_sample, common = recording_in_memory()
    common["boundary"] = boundary
    whole = call(pixels, **per_sample, **common)
    for cut in range(7):
        parts = [
            call(pixels, **{name: value[part] for name, value in per_sample.items()}, **common)
            for part in (slice(cut), slice(cut, None))
        ]
        joined = [np.concatenate(pair) for pair in zip(*parts, strict=True)]
        assert_same_bits(joined, whole)


def test_threads_sharing_pixels_change_no_bit():
    pixels, per_sample, common = recording_in_memory()
    whole = call(pixels, **per_sample, **common)
    with ThreadPoolExecutor(4) as threads:
        jobs = [threads.submit(call, pixels, **per_sample, **common) for _ in range(20)]
        for job in jobs:
            assert_same_bits(job.result(), whole)


# --- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [">u2", ">f4", "<f2", "i1", "i4", "u8", "?", "c8", "O"])
def test_pixels_of_a_type_without_kernel_are_refused(dtype):
    with pytest.raises(UnsupportedCapabilityError, match="uint8, uint16, int16, uint32, float32"):
        call(np.zeros((1, 20, 30), dtype))


@pytest.mark.parametrize("dtype", kernels.SUPPORTED_DTYPES, ids=str)
def test_each_supported_type_of_pixel_has_its_kernel(dtype):
    pixels = np.arange(20 * 30).reshape(1, 20, 30).astype(dtype)
    assert call(pixels)[0].item() == pixels[0, 9:12, 9:12].sum()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"height": 19}, "not rows of the image"),
        ({"row_first": -1}, "not rows of the image"),
        ({"row_first": 1}, "not rows of the image"),
        ({"height": 2**31}, "makes no sense"),
        ({"planes": [[1]]}, "not in pixels"),
        ({"planes": [[-2]]}, "not in pixels"),
        ({"planes": [0]}, "planes has the wrong shape"),
        ({"planes": [[0.0]]}, "planes are not integers"),
        ({"planes": [[2**63]]}, "planes are too large"),
        ({"slot": [[0], [0]]}, "slot has the wrong shape"),
        ({"slot": [[np.nan]]}, "slot are not integers"),
        ({"slot": [[2**31]]}, "slot are too large"),
        ({"yx": [[10.0, 10.0]]}, "yx has the wrong shape"),
        ({"yx": [[[0.0, 10.0, 10.0]]]}, "yx has the wrong shape"),
        ({"yx": [[["10", "10"]]]}, "yx are not numbers"),
        ({"runs": [[0, 0, 3]]}, "runs has the wrong shape"),
        ({"runs": [[0, 0, 3, 2]]}, "makes no sense"),
        ({"runs": [[0, 0, 0, 2**31 - 1], [0, 0, 0, 1]]}, "makes no sense"),
        ({"boundary": "reflect"}, "no such boundary"),
        ({"offset": np.nan}, "not a number of counts"),
    ],
    ids=str,
)
def test_arguments_that_do_not_fit_together_are_refused(change, message):
    with pytest.raises(ExtractionError, match=message):
        call(ramp(), **change)


@pytest.mark.parametrize(
    "pixels", [ramp()[0], ramp()[None], ramp().tolist()], ids=["image", "channels", "list"]
)
def test_pixels_that_are_not_planes_of_one_channel_are_refused(pixels):
    with pytest.raises(ExtractionError, match="wrong dimensions"):
        kernels.sum_runs(
            pixels,
            height=20,
            row_first=0,
            planes=[[0]],
            slot=[[0]],
            yx=[[[10, 10]]],
            runs=box(1, 3, 3),
            boundary="exclude",
            offset=0,
        )


@pytest.mark.parametrize(
    "pixels",
    [
        ramp(2)[::-1],
        ramp()[:, ::-1],
        ramp()[:, :, ::-1],
        np.broadcast_to(ramp()[:, :1], (1, 20, 30)),
    ],
    ids=["planes", "rows", "columns", "one row repeated"],
)
def test_views_that_run_backwards_or_repeat_are_refused(pixels):
    with pytest.raises(ExtractionError, match="backwards or repeat"):
        call(pixels)


def test_rows_that_overlap_in_memory_within_a_pixel_are_refused():
    odd = np.zeros(20 * 61, np.uint8)
    pixels = np.ndarray((1, 20, 30), np.uint16, odd, 0, (1220, 61, 2))
    with pytest.raises(ExtractionError, match="makes no sense"):
        call(pixels)


def test_pixels_that_are_not_aligned_are_refused():
    pixels = np.ndarray((1, 20, 30), np.uint16, bytes(1201), 1)
    with pytest.raises(ExtractionError, match="aligned"):
        call(pixels)


def test_an_error_of_the_core_says_what_to_do():
    with pytest.raises(ExtractionError) as caught:
        call(ramp()[:, 10:], height=20, row_first=10)
    assert "read every row that a mask touches" in caught.value.cure
