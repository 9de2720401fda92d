/*
 * Plain C tests of the core, meant to run under the address and undefined-behaviour
 * sanitizers: every buffer is allocated to the byte, so that one pixel too far is seen.
 * `make test` builds and runs them. Python's tests cover the values more widely; these
 * cover the edges, and the arguments that Python's gate never lets through.
 */
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wormio_extract.h"

static int checks, failures;

/* Not assert(): NDEBUG would take it away, and one failure would hide the others. */
#define CHECK(condition)                                                         \
    do {                                                                         \
        checks++;                                                                \
        if (!(condition)) {                                                      \
            failures++;                                                          \
            fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #condition); \
        }                                                                        \
    } while (0)

enum { HEIGHT = 6, WIDTH = 7, PLANES = 3, SLOTS = 4 };

/* A call with all its arguments, ready to be changed one by one. */
typedef struct {
    wormio_pixels pixels;
    int64_t n_volumes, n_slots;
    int64_t *plane_offset;
    int64_t n_points;
    int32_t *slot;
    double *yx;
    int64_t n_runs;
    int32_t *runs;
    int boundary;
    double offset;
    double *total;
    int32_t *voxels;
} call;

static void *allocate(size_t size)
{
    void *memory = calloc(1, size);
    if (memory == NULL) {
        fprintf(stderr, "out of memory\n");
        exit(2);
    }
    return memory;
}

/* The value of a pixel: it names its plane, row and column, and fits in 8 bits. */
static int value(int plane, int y, int x)
{
    return 49 * plane + 7 * y + x;
}

/* Write planes of `channels` interleaved channels; the last one holds value(). */
#define FILL(name, type)                                                            \
    static void *name(int channels)                                                 \
    {                                                                               \
        type *pixel = allocate(sizeof(type) * PLANES * HEIGHT * WIDTH * channels);  \
        for (int i = 0; i < PLANES * HEIGHT * WIDTH; i++)                           \
            pixel[i * channels + channels - 1] =                                    \
                (type)value(i / (HEIGHT * WIDTH), i / WIDTH % HEIGHT, i % WIDTH);   \
        return pixel;                                                               \
    }

FILL(fill_u8, uint8_t)
FILL(fill_u16, uint16_t)
FILL(fill_i16, int16_t)
FILL(fill_u32, uint32_t)
FILL(fill_f32, float)
FILL(fill_f64, double)

static const struct {
    wormio_sum_runs_fn *sum_runs;
    void *(*fill)(int channels);
    size_t size;
} kernels[] = {
    {wormio_sum_runs_u8, fill_u8, 1},  {wormio_sum_runs_u16, fill_u16, 2},
    {wormio_sum_runs_i16, fill_i16, 2}, {wormio_sum_runs_u32, fill_u32, 4},
    {wormio_sum_runs_f32, fill_f32, 4}, {wormio_sum_runs_f64, fill_f64, 8},
};
enum { KERNELS = sizeof kernels / sizeof kernels[0], U16 = 1 };

/* One point at slot 1, (2, 3) of one volume; slots 0, 1, 3 saved; mask box (3, 3, 3). */
static call new_call(int kernel)
{
    int64_t size = (int64_t)kernels[kernel].size;
    int64_t plane = size * HEIGHT * WIDTH;
    call c = {{NULL, (uint64_t)(plane * PLANES), HEIGHT, WIDTH, 0, HEIGHT, size * WIDTH, size},
              1, SLOTS, NULL, 1, NULL, NULL, 9, NULL, WORMIO_EXCLUDE, 0.0, NULL, NULL};
    int r = 0;

    c.pixels.data = kernels[kernel].fill(1);
    c.plane_offset = allocate(SLOTS * sizeof *c.plane_offset);
    c.plane_offset[1] = plane;
    c.plane_offset[2] = -1;
    c.plane_offset[3] = 2 * plane;
    c.slot = allocate(sizeof *c.slot);
    c.slot[0] = 1;
    c.yx = allocate(2 * sizeof *c.yx);
    c.yx[0] = 2.0;
    c.yx[1] = 3.0;
    c.runs = allocate(4 * 9 * sizeof *c.runs);
    for (int dz = -1; dz <= 1; dz++) {
        for (int dy = -1; dy <= 1; dy++) {
            int32_t *run = c.runs + 4 * r++;
            run[0] = dz;
            run[1] = dy;
            run[2] = -1;
            run[3] = 2;
        }
    }
    c.total = allocate(sizeof *c.total);
    c.voxels = allocate(sizeof *c.voxels);
    return c;
}

static void free_call(call *c)
{
    free((void *)c->pixels.data);
    free(c->plane_offset);
    free(c->slot);
    free(c->yx);
    free(c->runs);
    free(c->total);
    free(c->voxels);
}

static int sum(int kernel, const call *c)
{
    return kernels[kernel].sum_runs(&c->pixels, c->n_volumes, c->n_slots, c->plane_offset,
                                    c->n_points, c->slot, c->yx, c->n_runs, c->runs,
                                    c->boundary, c->offset, c->total, c->voxels);
}

/* Give the one point another mask of a single run. */
static void set_run(call *c, int32_t dz, int32_t dy, int32_t first, int32_t stop)
{
    const int32_t run[4] = {dz, dy, first, stop};
    memcpy(c->runs, run, sizeof run);
    c->n_runs = 1;
}

static void set_point(call *c, double y, double x)
{
    c->yx[0] = y;
    c->yx[1] = x;
}

static void check_sum(int kernel, const call *c, double total, int32_t voxels)
{
    CHECK(sum(kernel, c) == WORMIO_OK);
    CHECK(*c->total == total);
    CHECK(*c->voxels == voxels);
}

static void check_not_valid(int kernel, const call *c)
{
    *c->total = 1.0;
    *c->voxels = 1;
    CHECK(sum(kernel, c) == WORMIO_OK);
    CHECK(isnan(*c->total));
    CHECK(*c->voxels == 0);
}

static void test_all_pixel_types(void)
{
    for (int k = 0; k < KERNELS; k++) {
        call c = new_call(k);
        /* Slots 0 and 1 hold planes 0 and 1; slot 2 is missing. */
        double box = 9.0 * (value(0, 2, 3) + value(1, 2, 3));

        check_sum(k, &c, box, 18);
        c.offset = 2.5;
        check_sum(k, &c, box - 18 * 2.5, 18);
        c.offset = 0.0;
        c.boundary = WORMIO_CLIP;
        check_sum(k, &c, box + 9.0 * value(1, 2, 3), 27);
        c.boundary = WORMIO_NAN;
        check_not_valid(k, &c);
        c.n_runs = 6; /* dz = -1 and 0 only: all there */
        check_sum(k, &c, box, 18);
        free_call(&c);
    }
}

static void test_strided_pixels(void)
{
    for (int k = 0; k < KERNELS; k++) {
        call c = new_call(k);
        int64_t size = (int64_t)kernels[k].size;

        /* The last of two interleaved channels: its last pixel ends the buffer. */
        free((void *)c.pixels.data);
        char *block = kernels[k].fill(2);
        c.pixels.data = block + size;
        c.pixels.nbytes = 2 * c.pixels.nbytes - (uint64_t)size;
        c.pixels.row_stride *= 2;
        c.pixels.pixel_stride *= 2;
        for (int s = 0; s < SLOTS; s++)
            c.plane_offset[s] *= c.plane_offset[s] < 0 ? 1 : 2;
        check_sum(k, &c, 9.0 * (value(0, 2, 3) + value(1, 2, 3)), 18);
        c.slot[0] = 3;
        set_point(&c, HEIGHT - 1, WIDTH - 1);
        set_run(&c, 0, 0, 0, 1);
        check_sum(k, &c, value(2, HEIGHT - 1, WIDTH - 1), 1);
        c.pixels.nbytes -= 1;
        CHECK(sum(k, &c) == WORMIO_EBOUNDS);
        c.pixels.data = block;
        free_call(&c);
    }
}

static void test_edges(void)
{
    call c = new_call(U16);

    for (int y = 0; y < HEIGHT; y++) {
        for (int x = 0; x < WIDTH; x++) {
            int clipped = 0, inside = 0, n = 0;
            for (int i = -9; i < 10; i++) {
                int column = x + i < 0 ? 0 : x + i < WIDTH ? x + i : WIDTH - 1;
                clipped += value(1, y, column);
                if (column == x + i) {
                    inside += value(1, y, column);
                    n++;
                }
            }
            set_point(&c, y, x);
            set_run(&c, 0, 0, -9, 10);
            c.boundary = WORMIO_EXCLUDE;
            check_sum(U16, &c, inside, n);
            c.boundary = WORMIO_CLIP;
            check_sum(U16, &c, clipped, 19);
            c.boundary = WORMIO_NAN;
            check_not_valid(U16, &c);
        }
    }
    /* The last run that fits, and the first that does not. */
    c.boundary = WORMIO_NAN;
    set_point(&c, 2, 3);
    set_run(&c, 0, 0, -3, WIDTH - 3);
    check_sum(U16, &c, 7.0 * value(1, 2, 3), 7);
    set_run(&c, 0, 0, -3, WIDTH - 2);
    check_not_valid(U16, &c);
    set_run(&c, 0, 0, -4, WIDTH - 3);
    check_not_valid(U16, &c);
    /* Runs that miss the row altogether. */
    set_point(&c, 2, 3);
    for (int side = -1; side <= 1; side += 2) {
        set_run(&c, 0, 0, side * 20, side * 20 + 5);
        c.boundary = WORMIO_EXCLUDE;
        check_not_valid(U16, &c);
        c.boundary = WORMIO_CLIP;
        check_sum(U16, &c, 5.0 * value(1, 2, side < 0 ? 0 : WIDTH - 1), 5);
        set_run(&c, 0, side * 20, 0, 1);
        c.boundary = WORMIO_EXCLUDE;
        check_not_valid(U16, &c);
        c.boundary = WORMIO_CLIP;
        check_sum(U16, &c, value(1, side < 0 ? 0 : HEIGHT - 1, 3), 1);
        set_run(&c, side * 20, 0, 0, 1);
        c.boundary = WORMIO_EXCLUDE;
        check_not_valid(U16, &c);
        c.boundary = WORMIO_CLIP;
        check_sum(U16, &c, value(side < 0 ? 0 : 2, 2, 3), 1);
    }
    /* Slot by slot towards the centre, past missing planes, to the first saved one. */
    c.plane_offset[0] = -1;
    c.slot[0] = 3;
    set_run(&c, -3, 0, 0, 1);
    check_sum(U16, &c, value(1, 2, 3), 1);
    set_run(&c, -1, 0, 0, 1);
    check_sum(U16, &c, value(2, 2, 3), 1);
    /* A run without voxels is nowhere, so not outside either. */
    c.boundary = WORMIO_NAN;
    set_run(&c, 0, 0, 0, 1);
    c.runs[5] = 99;
    c.runs[6] = c.runs[7] = 3;
    c.n_runs = 2;
    check_sum(U16, &c, value(2, 2, 3), 1);
    free_call(&c);
}

static void test_extreme_offsets(void)
{
    const int32_t extremes[] = {INT32_MIN, INT32_MIN + 1, INT32_MAX - 1, INT32_MAX};
    call c = new_call(U16);

    for (int i = 0; i < 4; i++) {
        c.boundary = WORMIO_EXCLUDE;
        set_run(&c, extremes[i], 0, 0, 1);
        check_not_valid(U16, &c);
        set_run(&c, 0, extremes[i], 0, 1);
        check_not_valid(U16, &c);
        set_run(&c, 0, 0, extremes[i], extremes[i]);
        check_not_valid(U16, &c);
        c.boundary = WORMIO_CLIP;
        set_run(&c, extremes[i], extremes[i], 0, 1);
        check_sum(U16, &c, i < 2 ? value(0, 0, 3) : value(2, HEIGHT - 1, 3), 1);
    }
    c.boundary = WORMIO_EXCLUDE;
    set_run(&c, 0, 0, 0, INT32_MAX);
    check_sum(U16, &c, value(1, 2, 3) + value(1, 2, 4) + value(1, 2, 5) + value(1, 2, 6), 4);
    set_run(&c, 0, 0, INT32_MIN, -1);
    CHECK(sum(U16, &c) == WORMIO_OK); /* 2^31 - 1 voxels: the most there may be */
    CHECK(*c.voxels == 2);
    set_run(&c, 0, 0, INT32_MIN, 0);
    CHECK(sum(U16, &c) == WORMIO_EARG);
    free_call(&c);
}

static void test_centres(void)
{
    const double not_valid[] = {NAN,  INFINITY, -INFINITY, 1e300, -1e300, 1e19,
                                -1e19, -0.51,   -1.0,      100.0, 9.3e18};
    call c = new_call(U16);

    set_run(&c, 0, 0, 0, 1);
    for (size_t i = 0; i < sizeof not_valid / sizeof *not_valid; i++) {
        set_point(&c, not_valid[i], 3.0);
        check_not_valid(U16, &c);
        set_point(&c, 2.0, not_valid[i]);
        check_not_valid(U16, &c);
    }
    set_point(&c, -0.5, 0.5);
    check_sum(U16, &c, value(1, 0, 1), 1);
    set_point(&c, HEIGHT - 0.51, WIDTH - 0.51);
    check_sum(U16, &c, value(1, HEIGHT - 1, WIDTH - 1), 1);
    c.boundary = WORMIO_CLIP; /* or the voxel would be left out for lying outside */
    set_point(&c, HEIGHT - 0.5, 0.0);
    check_not_valid(U16, &c);
    set_point(&c, 0.0, WIDTH - 0.5);
    check_not_valid(U16, &c);

    set_point(&c, 2.0, 3.0);
    for (int boundary = WORMIO_EXCLUDE; boundary <= WORMIO_NAN; boundary++) {
        c.boundary = boundary;
        c.slot[0] = -1;
        check_not_valid(U16, &c);
        c.slot[0] = INT32_MIN;
        check_not_valid(U16, &c);
        c.slot[0] = SLOTS;
        check_not_valid(U16, &c);
        c.slot[0] = INT32_MAX;
        check_not_valid(U16, &c);
        c.slot[0] = 2; /* its plane was never saved */
        check_not_valid(U16, &c);
    }
    c.n_runs = 0;
    c.slot[0] = 1;
    check_not_valid(U16, &c);
    free_call(&c);
}

static void test_rows_in_the_buffer(void)
{
    call c = new_call(U16);
    double box = 9.0 * (value(0, 2, 3) + value(1, 2, 3));

    /* Rows 1 to 3 are what the mask needs; drop the others from the planes. */
    for (int s = 0; s < SLOTS; s++)
        c.plane_offset[s] += c.plane_offset[s] < 0 ? 0 : c.pixels.row_stride;
    c.pixels.row_first = 1;
    c.pixels.row_stop = 4;
    check_sum(U16, &c, box, 18);
    c.pixels.row_stop = 3;
    CHECK(sum(U16, &c) == WORMIO_EROWS);
    c.pixels.row_first = 2;
    c.pixels.row_stop = 4;
    CHECK(sum(U16, &c) == WORMIO_EROWS);
    c.boundary = WORMIO_NAN; /* a missing plane comes first */
    check_not_valid(U16, &c);
    c.n_runs = 6;
    CHECK(sum(U16, &c) == WORMIO_EROWS);
    c.pixels.row_stop = c.pixels.row_first;
    CHECK(sum(U16, &c) == WORMIO_EROWS);
    c.yx[0] = NAN;
    check_not_valid(U16, &c);
    free_call(&c);
}

/* Each line changes one argument of a good call, and sets it back. */
#define REFUSES(field, bad, status)                  \
    do {                                             \
        call good = c;                               \
        c.field = bad;                               \
        CHECK(sum(U16, &c) == status);               \
        c = good;                                    \
    } while (0)

static void test_refusals(void)
{
    call c = new_call(U16);
    const int64_t plane = 2 * HEIGHT * WIDTH;

    REFUSES(pixels.data, NULL, WORMIO_ENULL);
    REFUSES(plane_offset, NULL, WORMIO_ENULL);
    REFUSES(slot, NULL, WORMIO_ENULL);
    REFUSES(yx, NULL, WORMIO_ENULL);
    REFUSES(runs, NULL, WORMIO_ENULL);
    REFUSES(total, NULL, WORMIO_ENULL);
    REFUSES(voxels, NULL, WORMIO_ENULL);
    CHECK(wormio_sum_runs_u16(NULL, 0, 0, NULL, 0, NULL, NULL, 0, NULL, WORMIO_CLIP, 0.0,
                              NULL, NULL) == WORMIO_ENULL);

    REFUSES(n_volumes, -1, WORMIO_EARG);
    REFUSES(n_slots, -1, WORMIO_EARG);
    REFUSES(n_points, -1, WORMIO_EARG);
    REFUSES(n_runs, -1, WORMIO_EARG);
    REFUSES(n_volumes, INT64_MAX, WORMIO_EARG);
    REFUSES(n_slots, INT64_MAX, WORMIO_EARG);
    REFUSES(n_points, INT64_MAX, WORMIO_EARG);
    REFUSES(n_runs, INT64_MAX, WORMIO_EARG);
    REFUSES(boundary, 3, WORMIO_EARG);
    REFUSES(boundary, -1, WORMIO_EARG);

    REFUSES(pixels.nbytes, UINT64_MAX, WORMIO_EARG);
    REFUSES(pixels.height, -1, WORMIO_EARG);
    REFUSES(pixels.height, HEIGHT - 1, WORMIO_EARG);
    REFUSES(pixels.height, INT64_MAX, WORMIO_EARG);
    REFUSES(pixels.width, -1, WORMIO_EARG);
    REFUSES(pixels.width, INT64_MAX, WORMIO_EARG);
    REFUSES(pixels.row_first, -1, WORMIO_EARG);
    REFUSES(pixels.row_first, HEIGHT + 1, WORMIO_EARG);
    REFUSES(pixels.row_stop, HEIGHT + 1, WORMIO_EARG);
    REFUSES(pixels.row_stride, 0, WORMIO_EARG);
    REFUSES(pixels.row_stride, -2 * WIDTH, WORMIO_EARG);
    REFUSES(pixels.row_stride, 2 * WIDTH + 1, WORMIO_EARG);
    REFUSES(pixels.pixel_stride, 0, WORMIO_EARG);
    REFUSES(pixels.pixel_stride, 1, WORMIO_EARG);
    REFUSES(pixels.pixel_stride, 3, WORMIO_EARG);
    REFUSES(pixels.pixel_stride, -2, WORMIO_EARG);

    REFUSES(pixels.nbytes, 0, WORMIO_EBOUNDS);
    REFUSES(pixels.nbytes, 1, WORMIO_EBOUNDS);
    REFUSES(pixels.nbytes, (uint64_t)(PLANES * plane - 1), WORMIO_EBOUNDS);
    REFUSES(pixels.width, WIDTH + 1, WORMIO_EBOUNDS);
    REFUSES(pixels.width, INT32_MAX, WORMIO_EBOUNDS);
    REFUSES(pixels.row_stride, 2 * WIDTH + 2, WORMIO_EBOUNDS);
    REFUSES(pixels.row_stride, INT64_MAX - 1, WORMIO_EBOUNDS);
    REFUSES(pixels.pixel_stride, 4, WORMIO_EBOUNDS);
    REFUSES(pixels.pixel_stride, INT64_MAX - 1, WORMIO_EBOUNDS);
    REFUSES(plane_offset[3], 2 * plane + 2, WORMIO_EBOUNDS);
    REFUSES(plane_offset[3], INT64_MAX, WORMIO_EBOUNDS);
    c.plane_offset[3] = -2;
    CHECK(sum(U16, &c) == WORMIO_EBOUNDS);
    c.plane_offset[3] = INT64_MIN;
    CHECK(sum(U16, &c) == WORMIO_EBOUNDS);
    c.plane_offset[3] = 1;
    CHECK(sum(U16, &c) == WORMIO_EALIGN);
    c.plane_offset[3] = 2 * plane;

    c.runs[2] = 3;
    CHECK(sum(U16, &c) == WORMIO_EARG);
    c.runs[2] = -1;
    CHECK(sum(U16, &c) == WORMIO_OK);
    free_call(&c);
}

/* Counts of 0 make null pointers good. */
static void test_nothing_to_do(void)
{
    const wormio_pixels none = {NULL, 0, HEIGHT, WIDTH, 0, 0, 2 * WIDTH, 2};
    const wormio_pixels no_columns = {NULL, 0, HEIGHT, 0, 0, HEIGHT, 2, 2};
    const int64_t saved = 0;
    const int32_t slot = 0;
    const double yx[2] = {0.0, 0.0};
    double total = 0.0;
    int32_t voxels = 1;

    CHECK(wormio_sum_runs_u16(&none, 0, 5, NULL, 5, NULL, NULL, 0, NULL, WORMIO_CLIP, 0.0, NULL,
                              NULL) == WORMIO_OK);
    CHECK(wormio_sum_runs_u16(&none, 5, 0, NULL, 0, NULL, NULL, 0, NULL, WORMIO_CLIP, 0.0, NULL,
                              NULL) == WORMIO_OK);
    CHECK(wormio_sum_runs_u16(&none, 1, 0, NULL, 1, &slot, yx, 0, NULL, WORMIO_CLIP, 0.0,
                              &total, &voxels) == WORMIO_OK);
    CHECK(isnan(total) && voxels == 0);
    total = 0.0;
    CHECK(wormio_sum_runs_u16(&no_columns, 1, 1, &saved, 1, &slot, yx, 0, NULL, WORMIO_CLIP, 0.0,
                              &total, &voxels) == WORMIO_OK);
    CHECK(isnan(total) && voxels == 0);
}

static void test_many_samples(void)
{
    enum { VOLUMES = 3, POINTS = 5 };
    call c = new_call(U16);
    const int64_t plane = 2 * HEIGHT * WIDTH;
    int64_t plane_offset[VOLUMES] = {2 * plane, -1, 0};
    int32_t slot[VOLUMES * POINTS] = {0}, voxels[VOLUMES * POINTS];
    double yx[2 * VOLUMES * POINTS], total[VOLUMES * POINTS];

    for (int i = 0; i < VOLUMES * POINTS; i++) {
        yx[2 * i] = i % HEIGHT;
        yx[2 * i + 1] = i % WIDTH;
    }
    set_run(&c, 0, 0, 0, 1);
    CHECK(wormio_sum_runs_u16(&c.pixels, VOLUMES, 1, plane_offset, POINTS, slot, yx, 1, c.runs,
                              WORMIO_EXCLUDE, 0.0, total, voxels) == WORMIO_OK);
    for (int i = 0; i < VOLUMES * POINTS; i++) {
        int v = i / POINTS;
        if (v == 1) {
            CHECK(isnan(total[i]) && voxels[i] == 0);
        } else {
            CHECK(total[i] == value(v == 0 ? 2 : 0, i % HEIGHT, i % WIDTH));
            CHECK(voxels[i] == 1);
        }
    }
    free_call(&c);
}

/* Sums beyond 32 bits, and negative ones. */
static void test_sums_are_exact(void)
{
    enum { N = 64 };
    uint32_t *large = allocate(N * N * sizeof *large);
    int16_t *low = allocate(N * N * sizeof *low);
    const wormio_pixels u32 = {large, 4 * N * N, N, N, 0, N, 4 * N, 4};
    const wormio_pixels i16 = {low, 2 * N * N, N, N, 0, N, 2 * N, 2};
    const int64_t plane = 0;
    const int32_t slot = 0;
    const double yx[2] = {0.0, 0.0};
    int32_t runs[4 * N] = {0}, voxels;
    double total;

    for (int i = 0; i < N * N; i++) {
        large[i] = UINT32_MAX;
        low[i] = INT16_MIN;
    }
    for (int r = 0; r < N; r++) {
        runs[4 * r + 1] = r;
        runs[4 * r + 3] = N;
    }
    CHECK(wormio_sum_runs_u32(&u32, 1, 1, &plane, 1, &slot, yx, N, runs, WORMIO_NAN, 0.0, &total,
                              &voxels) == WORMIO_OK);
    CHECK(total == 4294967295.0 * N * N && voxels == N * N);
    CHECK(wormio_sum_runs_i16(&i16, 1, 1, &plane, 1, &slot, yx, N, runs, WORMIO_NAN, 0.0, &total,
                              &voxels) == WORMIO_OK);
    CHECK(total == -32768.0 * N * N && voxels == N * N);
    free(large);
    free(low);
}

static void test_words(void)
{
    for (int status = 1; status >= -6; status--) {
        CHECK(wormio_strerror(status) != NULL);
        CHECK(strlen(wormio_strerror(status)) > 0);
        CHECK((strcmp(wormio_strerror(status), "unknown status") == 0) ==
              (status > WORMIO_OK || status < WORMIO_EROWS));
    }
    CHECK(strcmp(wormio_build_id(), "unknown") == 0);
}

int main(void)
{
    test_all_pixel_types();
    test_strided_pixels();
    test_edges();
    test_extreme_offsets();
    test_centres();
    test_rows_in_the_buffer();
    test_refusals();
    test_nothing_to_do();
    test_many_samples();
    test_sums_are_exact();
    test_words();
    if (failures > 0) {
        printf("%d of %d checks failed\n", failures, checks);
        return 1;
    }
    printf("%d checks passed\n", checks);
    return 0;
}
