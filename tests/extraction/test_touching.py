"""Which rows are planned, against a list of every voxel of every sample."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wormio.extraction.masks import Box
from wormio.extraction.passing import pass_points
from wormio.extraction.touching import touched_rows
from wormio.extraction.voxels import table_of_masks

HEIGHT, WIDTH = 12, 9


def voxel_rows(planes, slot, yx, masks, index, n_frames, clip):
    """(image, row) of every voxel that a sample is made of, one by one."""
    found = set()
    for c, v, n in np.ndindex(*slot.shape):
        y, x = np.floor(yx[c, v, n] + 0.5)
        s = slot[c, v, n]
        if not (0 <= s < planes.shape[2] and 0 <= y < HEIGHT and 0 <= x < WIDTH):
            continue
        if planes[c, v, s] < 0:
            continue
        for dz, dy, first, stop in masks[index[v, n]]:
            z, row = s + dz, int(y) + dy
            if clip:
                row = min(max(row, 0), HEIGHT - 1)
                z = min(max(z, 0), planes.shape[2] - 1)
                while planes[c, v, z] < 0:
                    z += 1 if z < s else -1
            there = 0 <= z < planes.shape[2] and 0 <= row < HEIGHT and stop > first
            if there and planes[c, v, z] >= 0:
                found.add((c * n_frames + planes[c, v, z], row))
    return found


@st.composite
def tasks(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    c, v, s, n = (draw(st.integers(1, top)) for top in (2, 3, 6, 5))
    planes = np.where(rng.random((c, v, s)) < 0.8, np.arange(v * s).reshape(v, s), -1)
    slot = rng.integers(-1, s + 1, (c, v, n)).astype(np.int32)
    yx = rng.uniform(-2, [HEIGHT + 2, WIDTH + 2], (c, v, n, 2))
    yx[rng.random((c, v, n)) < 0.2] = np.nan
    boxes = [(1, 1, 1), (3, 5, 3), (5, 1, 3), (9, 3, 1), (1, 27, 3)]
    masks = [
        Box(*draw(st.sampled_from(boxes))).table(1).runs for _ in range(draw(st.integers(1, 3)))
    ]
    index = rng.integers(0, len(masks), (v, n))
    return planes, slot, yx, masks, index, v * s


@given(tasks(), st.booleans())
def test_the_rows_of_all_voxels_are_planned_and_no_others(task, clip):
    planes, slot, yx, masks, index, n_frames = task
    table = table_of_masks(masks, index)
    points = pass_points(planes, slot, yx, table, [0.0] * len(slot), n_planes=n_frames)
    marks = touched_rows([points], (HEIGHT, WIDTH), boundary="clip" if clip else "exclude")
    planned = {(int(image), int(row)) for image, row in np.argwhere(marks)}
    assert planned == voxel_rows(*task, clip)


def test_interpolated_voxels_need_the_next_row_too():
    planes, slot = np.zeros((1, 1, 1), np.int64), np.zeros((1, 1, 1), np.int32)
    table = Box(1, 1, 1).table(1)
    points = pass_points(planes, slot, [[[[3.7, 2.0]]]], table, [0.0], n_planes=1)
    marks = touched_rows([points], (HEIGHT, WIDTH), boundary="exclude", linear=True)
    assert np.flatnonzero(marks[0]).tolist() == [3, 4]
