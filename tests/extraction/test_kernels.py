"""The C kernels against hand-written numbers and against their numpy twin."""

from concurrent.futures import ThreadPoolExecutor

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wormio.errors import ExtractionError, UnsupportedCapabilityError
from wormio.extraction import kernels, twin
from wormio.extraction.kernels import Operation, Options
from wormio.extraction.passing import pass_points, pointer
from wormio.extraction.reading import Block
from wormio.extraction.voxels import table_of_masks

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


def run(block, *, runs=None, table=None, operation="sum", k=1, q=0.5, **arguments):
    """Reduce the only channel of a block."""
    points = pass_points(
        *(np.asarray(arguments.pop(name))[None] for name in ("planes", "slot", "yx")),
        table_of_masks([as_runs(runs)], [[0]]) if table is None else table,
        [arguments.pop("offset", 0.0)],
        n_planes=block.of_plane.shape[1],
    )
    reduced = kernels.reduce(
        block,
        points,
        Operation(operation, k=k, q=q),
        Options(**{"boundary": "exclude"} | arguments),
    )
    return reduced.value[0], reduced.voxels[0], reduced.saturated[0]


def row_by_row(block, kept=None, offset=None):
    """The same pixels, each row in a span of its own; without some rows, or at other offsets."""
    n_channels, n_planes = block.of_plane.shape[:2]
    shape = (n_channels * n_planes, block.height)
    span = np.repeat(block.spans, block.height, axis=0)
    image, row = np.indices(shape).reshape(2, -1)
    if offset is None:
        offset = span[:, 3] + row * block.row_stride
    kept = np.ones(shape, bool) if kept is None else kept.reshape(shape)
    table = np.column_stack([image, row, row + 1, offset])[kept.ravel()]
    stop = np.cumsum(kept.sum(axis=1))
    of_plane = np.column_stack([stop - kept.sum(axis=1), stop]).reshape(n_channels, n_planes, 2)
    return attrs.evolve(block, spans=np.ascontiguousarray(table), of_plane=of_plane)


def as_runs(runs):
    return np.asarray(runs, np.int32).reshape(-1, 4)


def call(pixels, **changes):
    """Sum a Box(1, 3, 3) at (10, 10) of a single plane, with changes."""
    height = changes.pop("height", pixels.shape[1])
    row_first = changes.pop("row_first", 0)
    block = Block.from_array(pixels[:, None], height=height, row_first=row_first)
    arguments = {
        "planes": np.arange(len(pixels))[None],
        "slot": [[0]],
        "yx": [[[10.0, 10.0]]],
        "runs": box(1, 3, 3),
    }
    total, voxels, _ = run(block, **(arguments | changes))
    return total, voxels


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


def test_numbers_at_odd_addresses_are_never_handed_to_c_as_they_are():
    odd = np.frombuffer(b"\0" + np.array([2.0, 3.0]).tobytes(), np.float64, offset=1)
    with pytest.raises(ExtractionError, match="cannot be handed to the core"):
        pointer("double[]", odd)
    found = call(ramp(), yx=odd.reshape(1, 1, 2))
    assert_same_bits(found, call(ramp(), yx=[[[2.0, 3.0]]]))


def test_memory_that_is_read_only_and_owned_by_others_can_be_read():
    whole = ramp()
    pixels = np.frombuffer(whole.tobytes(), np.uint16).reshape(whole.shape)
    assert not pixels.flags.writeable
    assert_same_bits(call(pixels), call(whole))


# --- against the twin ----------------------------------------------------------------------------


LAYOUTS = {
    "contiguous": lambda block: block,
    "interleaved": lambda block: np.moveaxis(np.moveaxis(block, 1, 3).copy(), 3, 1),
    "padded": lambda block: np.pad(block, ((0, 0), (0, 0), (1, 1), (2, 3)))[:, :, 1:-1, 2:-3],
    "every second": lambda block: np.repeat(np.repeat(block, 2, axis=3), 2, axis=0)[::2, ..., ::2],
}


EITHER = st.booleans()


@st.composite
def extractions(draw, dtypes, elements, operations, linear=EITHER):
    """Draw a case: images smaller than the masks, so that edges are met often, or larger."""
    small = draw(st.booleans())
    height, width = (
        (draw(st.integers(1, 7)), draw(st.integers(1, 9)))
        if small
        else (20, draw(st.integers(12, 40)))
    )
    n_planes, n_volumes, n_slots, n_points = (draw(st.integers(1, high)) for high in (6, 3, 6, 5))
    n_channels, n_masks = draw(st.integers(1, 2)), draw(st.integers(1, 3))
    operation = draw(st.sampled_from(operations))
    weighted = operation in {"sum", "mean"} and draw(st.booleans())
    between = draw(linear)
    dtype = draw(st.sampled_from(dtypes))
    layout = LAYOUTS[draw(st.sampled_from(sorted(LAYOUTS)))]
    coordinate = st.sampled_from([np.nan, np.inf, -1e300, 1e19, -0.5, 0.49999999999999994])
    odd_coordinate = draw(st.none() | coordinate | st.integers(-3, 20).map(lambda i: i / 2))
    n_runs, reach = draw(st.integers(0, 6)), draw(st.integers(0, 5))
    options = {
        "boundary": draw(st.sampled_from(BOUNDARIES)),
        "linear": between,
        "rectify": draw(st.sampled_from([False, False, False, True])),
        "saturation": draw(st.sampled_from([np.nan, np.inf, 0, -0.5, 3.5, 200, 255, 65535, 1e300])),
    }
    choice = {
        "operation": operation,
        "k": draw(st.integers(1, 12)),
        "q": draw(st.sampled_from([0.0, 0.25, 0.5, 0.9, 1.0])),
    }
    offset = draw(st.sampled_from([0.0, 100.0, 0.5]))

    # The many numbers come from a seed: drawn one by one, most of them would be 0.
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    block = layout(elements(rng, (n_planes, n_channels, height, width), dtype))
    samples = (n_channels, n_volumes, n_points)
    yx = rng.uniform(-0.6, 1.0, (*samples, 2)) + rng.uniform(0, (height, width), (*samples, 2))
    if rng.random() < 0.3:
        yx = np.round(2 * yx) / 2
    if odd_coordinate is not None:
        yx[-1, -1, -1, rng.integers(2)] = odd_coordinate
    planes = rng.integers(0, n_planes, (n_channels, n_volumes, n_slots))
    planes[rng.random(planes.shape) < rng.choice([0.0, 0.3])] = -1
    slot = rng.integers(0, n_slots, samples)
    slot[rng.random(slot.shape) < 0.1] = rng.choice([-1, n_slots])
    masks = []
    for _ in range(n_masks):
        runs = rng.integers(-reach, reach + 1, (n_runs, 4))
        runs[:, 0] //= 2
        runs[:, 3] = runs[:, 2] + rng.integers(0, 2 * reach + 2, n_runs)
        masks.append(runs)
    weights = [rng.integers(0, 4, int((m[:, 3] - m[:, 2]).sum())) / 4.0 for m in masks]
    shape = samples[1:] if draw(st.booleans()) else (1, n_points)
    index = rng.integers(0, n_masks, shape)
    unread = np.zeros((n_channels, n_planes, height), bool)
    if not between and draw(st.booleans()):
        unread = rng.random(unread.shape) < 0.02
    points = {"planes": planes, "slot": slot, "yx": yx}
    return (
        block,
        points,
        masks,
        weights if weighted else None,
        index,
        options,
        choice,
        offset,
        unread,
    )


def voxels_of(runs):
    """List the voxels of runs, in their order."""
    voxels = [(dz, dy, dx) for dz, dy, first, stop in runs for dx in range(first, stop)]
    return np.array(voxels, np.int64).reshape(-1, 3)


def by_twin(case):
    pixels, points, masks, weights, index, options, choice, offset, unread = case
    found = [
        twin.reduce(
            pixels[:, c],
            **{name: value[c] for name, value in points.items()},
            masks=[voxels_of(mask) for mask in masks],
            weights=weights,
            index=index,
            offset=offset * (c + 1),
            unread=unread[c],
            **options,
            **choice,
        )
        for c in range(pixels.shape[1])
    ]
    return [np.stack(each) for each in zip(*found, strict=True)]


def by_core(case):
    pixels, points, masks, weights, index, options, choice, offset, unread = case
    block = Block.from_array(pixels, height=pixels.shape[2])
    if unread.any():
        block = row_by_row(block, ~unread)
    points = pass_points(
        **points,
        table=table_of_masks([as_runs(mask) for mask in masks], index, weights),
        offset=[offset * (c + 1) for c in range(pixels.shape[1])],
        n_planes=len(pixels),
    )
    reduced = kernels.reduce(
        block,
        points,
        Operation(choice["operation"], k=choice["k"], q=choice["q"]),
        Options(**options),
    )
    return [reduced.value, reduced.voxels, reduced.saturated]


def outcome(function, case):
    """Return what `function` returns, or the error that it raises."""
    try:
        return function(case)
    except ExtractionError as error:
        return type(error)


def any_integers(rng, shape, dtype):
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max, shape, dtype, endpoint=True)


def few_integers(rng, shape, dtype):
    """Small ones, so that many are equal: a test of ranks."""
    return rng.integers(0, 6, shape).astype(dtype)


def general_floats(rng, shape, dtype):
    return rng.lognormal(5, 3, shape).astype(dtype)


def floats_with_gaps(rng, shape, dtype):
    values = rng.normal(0, 10, shape).astype(dtype)
    values[rng.random(shape) < 0.05] = np.nan
    return values


ALL = ("sum", "mean", "brightest", "quantile", "max", "std")
# Whatever the order in which numbers are added, these come to the same.
RANKS_AND_SUMS = ("sum", "mean", "brightest", "max")
NEVER = st.just(False)


@given(
    extractions(INTEGERS, any_integers, RANKS_AND_SUMS, NEVER)
    | extractions(INTEGERS, few_integers, RANKS_AND_SUMS, NEVER)
    | extractions(FLOATS, few_integers, RANKS_AND_SUMS, NEVER)
)
def test_whole_numbers_equal_the_twin_bit_for_bit(case):
    expected, result = outcome(by_twin, case), outcome(by_core, case)
    if expected is ExtractionError:
        assert result is ExtractionError
    else:
        assert_same_bits(result, expected)


@given(
    extractions(INTEGERS, any_integers, ALL)
    | extractions(INTEGERS, few_integers, ALL)
    | extractions(FLOATS, general_floats, ALL)
    | extractions(FLOATS, floats_with_gaps, ALL)
)
def test_everything_equals_the_twin_to_1e12(case):
    expected, result = outcome(by_twin, case), outcome(by_core, case)
    if expected is ExtractionError:
        assert result is ExtractionError
        return
    # A difference of nearly equal numbers is as accurate as these are.
    largest = np.nanmax(np.abs(case[0].astype(float)), initial=100.0)
    most = max([1, *(len(voxels_of(mask)) for mask in case[2])])
    summed = most if case[6]["operation"] == "sum" else 1
    np.testing.assert_allclose(result[0], expected[0], rtol=1e-12, atol=1e-13 * largest * summed)
    np.testing.assert_array_equal(result[1], expected[1])
    np.testing.assert_array_equal(result[2], expected[2])


@given(extractions([np.dtype(np.uint16)], any_integers, ["max"]))
def test_gathered_voxels_reduce_to_the_same(case):
    pixels, points, masks, _, index, options, _, offset, unread = case
    expected = outcome(by_twin, case)
    block = Block.from_array(pixels, height=pixels.shape[2])
    if unread.any():
        block = row_by_row(block, ~unread)
    table = table_of_masks([as_runs(mask) for mask in masks], index)
    offsets = [offset * (c + 1) for c in range(pixels.shape[1])]
    points = pass_points(**points, table=table, offset=offsets, n_planes=len(pixels))
    if expected is ExtractionError:
        with pytest.raises(ExtractionError):
            kernels.gather(block, points, Options(**options))
        return
    values, weights, reduced = kernels.gather(block, points, Options(**options))
    assert weights is None
    assert np.isnan(reduced.value).all()
    assert (np.isfinite(values).sum(axis=-1) == expected[1]).all()
    highest = np.where(np.isfinite(values), values, -np.inf).max(axis=-1, initial=-np.inf)
    np.testing.assert_allclose(np.where(expected[1] > 0, highest, np.nan), expected[0], rtol=1e-12)


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


@pytest.mark.parametrize("dtype", [">u2", ">f4", "<f2", "i1", "i4", "u8", "?", "c8"])
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
        ({"planes": [[1]]}, "not in the block"),
        ({"planes": [[-2]]}, "not in the block"),
        ({"planes": [0]}, "planes has the wrong shape"),
        ({"planes": [[0.0]]}, "planes are not integers"),
        ({"planes": [[2**63]]}, "planes are too large"),
        ({"slot": [[0], [0]]}, "slot has the wrong shape"),
        ({"slot": [[np.nan]]}, "slot are not integers"),
        ({"slot": [[2**31]]}, "slot are too large"),
        ({"yx": [[10.0, 10.0]]}, "yx has the wrong shape"),
        ({"yx": [[[0.0, 10.0, 10.0]]]}, "yx has the wrong shape"),
        ({"yx": [[["10", "10"]]]}, "yx are not numbers"),
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
    "pixels",
    [ramp(), ramp()[None, None], ramp()[None].tolist(), ramp()[None].astype(object)],
    ids=["planes", "five axes", "list", "objects"],
)
def test_what_is_no_array_of_planes_and_channels_is_refused(pixels):
    with pytest.raises(ExtractionError, match="no pixels"):
        Block.from_array(pixels, height=20)


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
def test_views_that_run_backwards_or_repeat_are_copied(pixels):
    assert_same_bits(call(pixels), call(pixels.copy()))


def test_pixels_need_not_be_aligned():
    whole = ramp()
    odd = np.zeros((20, 61), np.uint8)
    odd[:, 1:] = whole[0].view(np.uint8)
    pixels = np.ndarray((1, 20, 30), np.uint16, odd, 1, (1220, 61, 2))
    assert not pixels.flags.aligned
    for boundary in BOUNDARIES:
        assert_same_bits(call(pixels, boundary=boundary), call(whole, boundary=boundary))


# --- rows anywhere in a buffer -------------------------------------------------------------------


def test_rows_may_lie_anywhere_in_the_buffer():
    whole = ramp(3)
    block = Block.from_array(whole[:, None], height=20)
    order = np.random.default_rng(3).permutation(60)
    lengths = np.random.default_rng(4).integers(60, 80, 60)
    start = np.concatenate([[0], np.cumsum(lengths)])
    buffer = np.full(start[-1], 255, np.uint8)
    offset = np.empty(60, np.int64)
    for place, row in enumerate(order):
        offset[row] = start[place]
        buffer[start[place] : start[place] + 60] = whole.reshape(60, 30)[row].view(np.uint8)
    shuffled = attrs.evolve(row_by_row(block, offset=offset), buffer=buffer)
    points = {"planes": [[2, 0, 1]], "slot": [[1] * 3], "yx": [[[9, 9], [0, 0], [19.0, 28]]]}
    for boundary in BOUNDARIES:
        arguments = {"runs": box(3, 5, 5), "boundary": boundary} | points
        assert_same_bits(run(shuffled, **arguments), run(block, **arguments))


def test_rows_that_are_not_in_the_buffer_are_refused():
    block = row_by_row(Block.from_array(ramp()[:, None], height=20))
    for bad in (1142, 10**12, -2, -(2**63)):
        block.spans[10, 3] = bad
        for operation in ("sum", "max"):
            with pytest.raises(ExtractionError, match="reaches beyond the buffer"):
                run(
                    block,
                    planes=[[0]],
                    slot=[[0]],
                    yx=[[[10, 10]]],
                    runs=box(1, 3, 3),
                    operation=operation,
                )


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.uint32])
@pytest.mark.parametrize("rows", [127, 129])  # vectors of bytes sum 128 rows
@pytest.mark.parametrize("end", ["min", "max"])
def test_sums_of_the_highest_and_lowest_pixels_are_exact(dtype, rows, end):
    extreme = getattr(np.iinfo(dtype), end)
    block = Block.from_array(np.full((1, 1, 140, 40), extreme, dtype), height=140)
    points = {"planes": [[0]], "slot": [[0]], "yx": [[[70, 4]]], "runs": box(1, rows, 5)}
    value, _, saturated = run(block, saturation=np.iinfo(dtype).max, **points)
    assert value[0, 0] == int(extreme) * rows * 5
    assert saturated[0, 0] == (rows * 5 if end == "max" else 0)


def test_it_does_not_matter_how_many_rows_a_span_has():
    whole = Block.from_array(ramp(3)[:, None], height=20)
    points = {"planes": [[0, 2, -1]], "slot": [[0, 1, 1]], "yx": [[[9, 9], [10, 4], [9.0, 20]]]}
    for operation in ("mean", "max"):
        for boundary in BOUNDARIES:
            arguments = points | {
                "runs": box(3, 3, 5),
                "operation": operation,
                "boundary": boundary,
            }
            assert_same_bits(run(whole, **arguments), run(row_by_row(whole), **arguments))
            part = Block.from_array(ramp(3)[:, None, 8:12], height=20, row_first=8)
            assert_same_bits(run(part, **arguments), run(whole, **arguments))


@pytest.mark.parametrize("operation", ["sum", "max"])
@pytest.mark.parametrize("y", [8, 11])
def test_rows_before_and_behind_those_that_follow_each_other_are_refused(operation, y):
    part = Block.from_array(ramp(3)[:, None, 8:12], height=20, row_first=8)
    arguments = {"planes": [[1]], "slot": [[0]], "yx": [[[y, 10]]], "runs": box(1, 3, 3)}
    with pytest.raises(ExtractionError, match="row"):
        run(part, operation=operation, **arguments)


@pytest.mark.parametrize(
    "change", [{"spans": np.zeros((1, 3), int)}, {"of_plane": np.zeros((1, 1, 1), int)}], ids=list
)
def test_spans_of_another_shape_are_refused(change):
    block = attrs.evolve(Block.from_array(ramp()[:, None], height=20), **change)
    with pytest.raises(ExtractionError, match="of the block has the wrong shape"):
        run(block, planes=[[0]], slot=[[0]], yx=[[[9, 9]]], runs=box(1, 3, 3))


@pytest.mark.parametrize(
    "change",
    [
        {"runs": np.zeros((1, 4), np.int64)},
        {"run_start": np.array([0, 1], np.int32)},
        {"runs": np.zeros((1, 8), np.int32)[:, ::2]},
        {"weights": np.ones(1, np.float32)},
    ],
    ids=["runs", "run_start", "not contiguous", "weights"],
)
def test_tables_of_another_type_are_refused(change):
    table = attrs.evolve(table_of_masks([as_runs([0, 0, 0, 1])], [[0]]), **change)
    with pytest.raises(ExtractionError, match="cannot be handed to the core"):
        call(ramp(), table=table)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (table_of_masks([as_runs([0, 0, 0, 1])], [[1]]), "makes no sense"),
        (table_of_masks([as_runs([0, 0, 0, 1])], [[-1]]), "makes no sense"),
        (table_of_masks([as_runs([0, 0, 0, 1])], [[0, 0]]), "other samples"),
        (table_of_masks([as_runs([0, 0, 0, 2])], [[0]], [np.ones(3)]), "makes no sense"),
    ],
    ids=["index", "negative index", "other points", "weights"],
)
def test_tables_that_do_not_fit_are_refused(table, message):
    with pytest.raises(ExtractionError, match=message):
        call(ramp(), table=table)


def test_weights_go_with_sums_only():
    table = table_of_masks([as_runs([0, 0, 0, 2])], [[0]], [np.array([1.0, 3.0])])
    total, voxels = call(ramp(), table=table, operation="mean")
    assert (total.item(), voxels.item()) == ((1010 + 3 * 1011) / 4, 2)
    with pytest.raises(ExtractionError, match="makes no sense"):
        call(ramp(), table=table, operation="max")


# --- what hypothesis rarely meets ----------------------------------------------------------------


@pytest.mark.parametrize("dtype", kernels.SUPPORTED_DTYPES, ids=str)
def test_large_masks_and_long_runs_equal_numpy(dtype):
    rng = np.random.default_rng(5)
    pixels = rng.integers(0, 256, (1, 300, 310)).astype(dtype)
    at = {"yx": [[[150, 155]]], "planes": [[0]], "slot": [[0]], "runs": box(1, 281, 301)}
    block = Block.from_array(pixels[:, None], height=300)
    values = pixels[0, 10:291, 5:306].astype(np.float64)
    for operation, expected in {
        "sum": values.sum(),
        "max": values.max(),
        "quantile": np.median(values),
        "brightest": np.sort(values.ravel())[-1000:].mean(),
    }.items():
        found, voxels, saturated = run(block, **at, operation=operation, k=1000, saturation=250.0)
        assert (found.item(), voxels.item()) == (expected, values.size)
        assert saturated.item() == (values >= 250).sum()


@pytest.mark.parametrize(
    "order",
    [
        np.arange(3000),
        np.arange(3000)[::-1],
        np.r_[np.arange(1500), np.arange(1500)[::-1]],
        np.r_[np.arange(0, 3000, 2), np.arange(1, 3000, 2)],
        np.zeros(3000),
        np.arange(3000) % 2,
    ],
    ids=["sorted", "reversed", "organ pipe", "interleaved", "equal", "two values"],
)
def test_ranks_are_right_whatever_the_order_of_the_pixels(order):
    pixels = np.asarray(order, np.uint16).reshape(1, 1, 3000)
    at = {"runs": [[0, 0, 0, 3000]], "yx": [[[0, 0]]]}
    for q in (0.0, 0.1, 0.5, 0.999, 1.0):
        found, _ = call(pixels, **at, operation="quantile", q=q)
        np.testing.assert_allclose(found.item(), np.quantile(order, q), rtol=1e-12)
    for k in (1, 2, 1000, 2999, 3000, 4000):
        found, _ = call(pixels, **at, operation="brightest", k=k)
        assert found.item() == np.sort(order)[::-1][:k].sum() / min(k, 3000)


def test_a_nan_pixel_makes_the_sample_nan_and_is_counted():
    pixels = ramp(dtype=np.float32)
    pixels[0, 9, 9] = np.nan
    for operation in ("sum", "mean", "brightest", "quantile", "max", "std"):
        found, voxels = call(pixels, operation=operation)
        assert np.isnan(found.item())
        assert voxels.item() == 9
        assert np.isfinite(call(pixels, operation=operation, yx=[[[12, 12]]])[0].item())


def test_saturated_pixels_are_counted_from_the_level_on():
    pixels = ramp()
    at = {"planes": [[0]], "slot": [[0]], "yx": [[[10, 10]]], "runs": box(1, 3, 3)}
    block = Block.from_array(pixels[:, None], height=20)
    for level, count in {1010: 5, 1010.5: 4, 909: 9, 1112: 0, np.nan: 0, 70_000: 0}.items():
        for operation in ("sum", "max"):
            assert run(block, **at, saturation=level, operation=operation)[2].item() == count
    edge = at | {"yx": [[[0, 0]]], "boundary": "clip"}
    assert run(block, **edge, saturation=101)[2].item() == 1
    assert run(block, **edge, saturation=100)[2].item() == 3


def test_linear_interpolation_of_a_ramp_is_exact_between_its_pixels():
    at = {"linear": True, "operation": "mean"}
    assert call(ramp(), yx=[[[10.25, 10.5]]], **at)[0].item() == 1025 + 10.5
    # At whole pixels nothing is interpolated, so no neighbour beyond the edge is needed.
    assert call(ramp(), yx=[[[18, 28]]], **at)[1].item() == 9
    assert call(ramp(), yx=[[[18.5, 28]]], **at)[1].item() == 6
    assert np.isnan(call(ramp(), yx=[[[18.5, 28]]], boundary="nan", **at)[0].item())


def test_an_error_of_the_core_says_what_to_do():
    with pytest.raises(ExtractionError) as caught:
        call(ramp()[:, 10:], height=20, row_first=10)
    assert "read every row that a mask touches" in caught.value.cure
