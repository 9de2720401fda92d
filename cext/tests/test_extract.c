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

enum { HEIGHT = 6, WIDTH = 7, PLANES = 3, SLOTS = 4, MANY = 64 };

/* A call with all its arguments, ready to be changed one by one. */
typedef struct {
    wormio_pixels pixels;
    wormio_samples samples;
    wormio_masks masks;
    wormio_options options;
    double *scratch;
    int64_t n_scratch;
    double *value;
    int32_t *voxels, *saturated;

    /* The same arrays, not const. */
    void *data;
    int64_t *spans, *plane_spans, *plane, *run_start, *weight_start;
    int32_t *slot, *mask, *runs;
    double *yx, *offset, *weights;
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
    wormio_reduce_fn *reduce;
    void *(*fill)(int channels);
    size_t size;
} kernels[] = {
    {wormio_reduce_u8, fill_u8, 1},   {wormio_reduce_u16, fill_u16, 2},
    {wormio_reduce_i16, fill_i16, 2}, {wormio_reduce_u32, fill_u32, 4},
    {wormio_reduce_f32, fill_f32, 4}, {wormio_reduce_f64, fill_f64, 8},
};
enum { KERNELS = sizeof kernels / sizeof kernels[0], U16 = 1, F64 = 5 };

/* Lay out the planes one after the other, as FILL does, each a span. */
static void lay_rows(call *c, int64_t size, int channels)
{
    const int64_t row = WIDTH * channels * size;

    for (int p = 0; p < PLANES; p++) {
        const int64_t span[WORMIO_SPAN_COLUMNS] = {p, 0, HEIGHT, p * HEIGHT * row};

        memcpy(c->spans + WORMIO_SPAN_COLUMNS * p, span, sizeof span);
        c->plane_spans[2 * p] = p;
        c->plane_spans[2 * p + 1] = p + 1;
    }
    c->pixels.n_spans = PLANES;
    c->pixels.row_stride = row;
    c->pixels.pixel_stride = size * channels;
}

/* Let each row be a span of its own. */
static void split_rows(call *c)
{
    for (int i = PLANES * HEIGHT - 1; i >= 0; i--) {
        const int p = i / HEIGHT, y = i % HEIGHT;
        const int64_t span[WORMIO_SPAN_COLUMNS] = {p, y, y + 1, i * c->pixels.row_stride};

        memcpy(c->spans + WORMIO_SPAN_COLUMNS * i, span, sizeof span);
        c->plane_spans[2 * p] = p * HEIGHT;
        c->plane_spans[2 * p + 1] = (p + 1) * HEIGHT;
    }
    c->pixels.n_spans = PLANES * HEIGHT;
}

/* The byte of a row, after that. */
static int64_t *offset_of(call *c, int plane, int y)
{
    return c->spans + WORMIO_SPAN_COLUMNS * (plane * HEIGHT + y) + WORMIO_SPAN_OFFSET;
}

/* One point at slot 1, (2, 3) of one volume; slots 0, 1, 3 saved; mask box (3, 3, 3). */
static call new_call(int kernel)
{
    int64_t size = (int64_t)kernels[kernel].size;
    call c;
    int r = 0;

    memset(&c, 0, sizeof c);
    c.data = kernels[kernel].fill(1);
    c.spans = allocate(PLANES * HEIGHT * WORMIO_SPAN_COLUMNS * sizeof *c.spans);
    c.plane_spans = allocate(2 * PLANES * sizeof *c.plane_spans);
    c.plane = allocate(SLOTS * sizeof *c.plane);
    c.slot = allocate(sizeof *c.slot);
    c.mask = allocate(sizeof *c.mask);
    c.yx = allocate(2 * sizeof *c.yx);
    c.offset = allocate(sizeof *c.offset);
    c.run_start = allocate(2 * sizeof *c.run_start);
    c.weight_start = allocate(2 * sizeof *c.weight_start);
    c.runs = allocate(4 * 9 * sizeof *c.runs);
    c.weights = allocate(27 * sizeof *c.weights);
    c.scratch = allocate(2 * 27 * sizeof *c.scratch);
    c.value = allocate(sizeof *c.value);
    c.voxels = allocate(sizeof *c.voxels);
    c.saturated = allocate(sizeof *c.saturated);

    c.pixels = (wormio_pixels){c.data, (uint64_t)(size * PLANES * HEIGHT * WIDTH), PLANES, 0,
                               HEIGHT, WIDTH, c.spans, c.plane_spans, 0, size};
    lay_rows(&c, size, 1);
    c.samples = (wormio_samples){1, SLOTS, 1, c.plane, c.slot, c.yx, c.mask, c.offset};
    c.plane[1] = 1;
    c.plane[2] = -1;
    c.plane[3] = 2;
    c.slot[0] = 1;
    c.yx[0] = 2.0;
    c.yx[1] = 3.0;
    c.masks = (wormio_masks){1, 9, 0, c.run_start, c.runs, NULL, NULL};
    c.run_start[1] = 9;
    for (int dz = -1; dz <= 1; dz++) {
        for (int dy = -1; dy <= 1; dy++) {
            int32_t *run = c.runs + 4 * r++;
            run[0] = dz;
            run[1] = dy;
            run[2] = -1;
            run[3] = 2;
        }
    }
    c.options = (wormio_options){WORMIO_SUM, WORMIO_EXCLUDE, 0, 0, 1, 0.5, NAN};
    c.n_scratch = 2 * 27;
    return c;
}

static void free_call(call *c)
{
    free(c->data);
    free(c->spans);
    free(c->plane_spans);
    free(c->plane);
    free(c->slot);
    free(c->mask);
    free(c->yx);
    free(c->offset);
    free(c->run_start);
    free(c->weight_start);
    free(c->runs);
    free(c->weights);
    free(c->scratch);
    free(c->value);
    free(c->voxels);
    free(c->saturated);
}

static int reduce(int kernel, const call *c)
{
    return kernels[kernel].reduce(&c->pixels, &c->samples, &c->masks, &c->options, c->scratch,
                                  c->n_scratch, c->value, c->voxels, c->saturated);
}

/* Use the first runs only. */
static void set_runs(call *c, int n)
{
    c->run_start[1] = c->masks.n_runs = n;
}

/* Give the one point another mask of a single run. */
static void set_run(call *c, int32_t dz, int32_t dy, int32_t first, int32_t stop)
{
    const int32_t run[4] = {dz, dy, first, stop};
    memcpy(c->runs, run, sizeof run);
    set_runs(c, 1);
}

/* Let the voxels have weights 1, 2, 3, ... */
static void set_weights(call *c)
{
    int64_t n = 0;

    for (int64_t r = 0; r < c->masks.n_runs; r++)
        n += c->runs[4 * r + 3] - c->runs[4 * r + 2];
    for (int64_t i = 0; i < n; i++)
        c->weights[i] = (double)(i + 1);
    c->weight_start[1] = c->masks.n_weights = n;
    c->masks.weights = c->weights;
    c->masks.weight_start = c->weight_start;
}

static void set_point(call *c, double y, double x)
{
    c->yx[0] = y;
    c->yx[1] = x;
}

static void check_sum(int kernel, const call *c, double total, int32_t voxels)
{
    CHECK(reduce(kernel, c) == WORMIO_OK);
    CHECK(*c->value == total);
    CHECK(*c->voxels == voxels);
}

static void check_not_valid(int kernel, const call *c)
{
    *c->value = 1.0;
    *c->voxels = 1;
    CHECK(reduce(kernel, c) == WORMIO_OK);
    CHECK(isnan(*c->value));
    CHECK(*c->voxels == 0);
}

static void test_all_pixel_types(void)
{
    for (int k = 0; k < KERNELS; k++) {
        call c = new_call(k);
        /* Slots 0 and 1 hold planes 0 and 1; slot 2 is missing. */
        double box = 9.0 * (value(0, 2, 3) + value(1, 2, 3));

        check_sum(k, &c, box, 18);
        c.offset[0] = 2.5;
        check_sum(k, &c, box - 18 * 2.5, 18);
        c.offset[0] = 0.0;
        c.options.boundary = WORMIO_CLIP;
        check_sum(k, &c, box + 9.0 * value(1, 2, 3), 27);
        c.options.boundary = WORMIO_NAN;
        check_not_valid(k, &c);
        set_runs(&c, 6); /* dz = -1 and 0 only: all there */
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
        free(c.data);
        char *block = kernels[k].fill(2);
        c.data = block;
        c.pixels.data = block + size;
        c.pixels.nbytes = 2 * c.pixels.nbytes - (uint64_t)size;
        lay_rows(&c, size, 2);
        check_sum(k, &c, 9.0 * (value(0, 2, 3) + value(1, 2, 3)), 18);
        c.slot[0] = 3;
        set_point(&c, HEIGHT - 1, WIDTH - 1);
        set_run(&c, 0, 0, 0, 1);
        check_sum(k, &c, value(2, HEIGHT - 1, WIDTH - 1), 1);
        c.pixels.nbytes -= 1;
        CHECK(reduce(k, &c) == WORMIO_EBOUNDS);
        free_call(&c);
    }
}

/* Rows in any order, at odd addresses, one byte between them. */
static void test_rows_anywhere(void)
{
    for (int k = 0; k < KERNELS; k++) {
        call c = new_call(k);
        size_t row = kernels[k].size * WIDTH, n = PLANES * HEIGHT;
        char *scattered = allocate(n * (row + 1));

        split_rows(&c);
        for (size_t i = 0; i < n; i++) {
            size_t place = (i * 5 + 3) % n;
            memcpy(scattered + place * (row + 1) + 1, (char *)c.data + i * row, row);
            *offset_of(&c, 0, (int)i) = (int64_t)(place * (row + 1) + 1);
        }
        free(c.data);
        c.pixels.data = c.data = scattered;
        c.pixels.nbytes = n * (row + 1);
        for (int reducer = WORMIO_SUM; reducer <= WORMIO_MAX; reducer += WORMIO_MAX) {
            c.options.reducer = reducer;
            check_sum(k, &c,
                      reducer == WORMIO_SUM ? 9.0 * (value(0, 2, 3) + value(1, 2, 3))
                                            : value(1, 3, 4),
                      18);
        }
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
            c.options.boundary = WORMIO_EXCLUDE;
            check_sum(U16, &c, inside, n);
            c.options.boundary = WORMIO_CLIP;
            check_sum(U16, &c, clipped, 19);
            c.options.boundary = WORMIO_NAN;
            check_not_valid(U16, &c);
        }
    }
    /* The last run that fits, and the first that does not. */
    c.options.boundary = WORMIO_NAN;
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
        c.options.boundary = WORMIO_EXCLUDE;
        check_not_valid(U16, &c);
        c.options.boundary = WORMIO_CLIP;
        check_sum(U16, &c, 5.0 * value(1, 2, side < 0 ? 0 : WIDTH - 1), 5);
        set_run(&c, 0, side * 20, 0, 1);
        c.options.boundary = WORMIO_EXCLUDE;
        check_not_valid(U16, &c);
        c.options.boundary = WORMIO_CLIP;
        check_sum(U16, &c, value(1, side < 0 ? 0 : HEIGHT - 1, 3), 1);
        set_run(&c, side * 20, 0, 0, 1);
        c.options.boundary = WORMIO_EXCLUDE;
        check_not_valid(U16, &c);
        c.options.boundary = WORMIO_CLIP;
        check_sum(U16, &c, value(side < 0 ? 0 : 2, 2, 3), 1);
    }
    /* Slot by slot towards the centre, past missing planes, to the first saved one. */
    c.plane[0] = -1;
    c.slot[0] = 3;
    set_run(&c, -3, 0, 0, 1);
    check_sum(U16, &c, value(1, 2, 3), 1);
    set_run(&c, -1, 0, 0, 1);
    check_sum(U16, &c, value(2, 2, 3), 1);
    /* A run without voxels is nowhere, so not outside either. */
    c.options.boundary = WORMIO_NAN;
    set_run(&c, 0, 0, 0, 1);
    c.runs[5] = 99;
    c.runs[6] = c.runs[7] = 3;
    set_runs(&c, 2);
    check_sum(U16, &c, value(2, 2, 3), 1);
    free_call(&c);
}

static void test_extreme_offsets(void)
{
    const int32_t extremes[] = {INT32_MIN, INT32_MIN + 1, INT32_MAX - 1, INT32_MAX};
    call c = new_call(U16);

    for (int i = 0; i < 4; i++) {
        c.options.boundary = WORMIO_EXCLUDE;
        set_run(&c, extremes[i], 0, 0, 1);
        check_not_valid(U16, &c);
        set_run(&c, 0, extremes[i], 0, 1);
        check_not_valid(U16, &c);
        set_run(&c, 0, 0, extremes[i], extremes[i]);
        check_not_valid(U16, &c);
        c.options.boundary = WORMIO_CLIP;
        set_run(&c, extremes[i], extremes[i], 0, 1);
        check_sum(U16, &c, i < 2 ? value(0, 0, 3) : value(2, HEIGHT - 1, 3), 1);
    }
    c.options.boundary = WORMIO_EXCLUDE;
    set_run(&c, 0, 0, 0, INT32_MAX);
    check_sum(U16, &c, value(1, 2, 3) + value(1, 2, 4) + value(1, 2, 5) + value(1, 2, 6), 4);
    set_run(&c, 0, 0, INT32_MIN, -1);
    CHECK(reduce(U16, &c) == WORMIO_OK); /* 2^31 - 1 voxels: the most there may be */
    CHECK(*c.voxels == 2);
    set_run(&c, 0, 0, INT32_MIN, 0);
    CHECK(reduce(U16, &c) == WORMIO_EARG);
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
    c.options.boundary = WORMIO_CLIP; /* or the voxel would be left out for lying outside */
    set_point(&c, HEIGHT - 0.5, 0.0);
    check_not_valid(U16, &c);
    set_point(&c, 0.0, WIDTH - 0.5);
    check_not_valid(U16, &c);

    set_point(&c, 2.0, 3.0);
    for (int boundary = WORMIO_EXCLUDE; boundary <= WORMIO_NAN; boundary++) {
        c.options.boundary = boundary;
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
    set_runs(&c, 0);
    c.slot[0] = 1;
    check_not_valid(U16, &c);
    free_call(&c);
}

/* Images whose rows lie far apart: each is a span of its own. */
static void test_rows_far_apart(void)
{
    call c = new_call(U16);

    split_rows(&c);
    c.pixels.row_stride = INT64_MAX / HEIGHT;
    check_sum(U16, &c, 9.0 * (value(0, 2, 3) + value(1, 2, 3)), 18);
    free_call(&c);
}

/* Volumes of which nothing was saved need no planes. */
static void test_no_planes(void)
{
    call c = new_call(U16);

    for (int slot = 0; slot < SLOTS; slot++)
        c.plane[slot] = -1;
    c.pixels.n_planes = c.pixels.n_spans = 0;
    c.pixels.plane_spans = c.pixels.spans = NULL;
    check_not_valid(U16, &c);
    free_call(&c);
}

/* Some rows of an image, in one span or in two. */
static void test_spans(void)
{
    for (int kernel = 0; kernel < KERNELS; kernel++) {
        call c = new_call(kernel);
        const int64_t row = WIDTH * (int64_t)kernels[kernel].size;
        const double box = 9.0 * (value(0, 2, 3) + value(1, 2, 3));
        const int64_t beyond = (PLANES * HEIGHT - 2) * row;
        const int64_t spans[][WORMIO_SPAN_COLUMNS] = {
            {0, 1, 4, row}, {1, 1, 3, (HEIGHT + 1) * row}, {1, 3, 5, (HEIGHT + 3) * row}};

        memcpy(c.spans, spans, sizeof spans);
        memcpy(c.plane_spans, (int64_t[]){0, 1, 1, 3, 3, 3}, 6 * sizeof *c.plane_spans);
        check_sum(kernel, &c, box, 18);
        for (int reducer = WORMIO_SUM; reducer < WORMIO_GATHER; reducer += WORMIO_MAX) {
            const struct {
                int span, column;
                int64_t number;
                int status;
            } wrong[] = {
                {0, WORMIO_SPAN_FIRST, INT64_MIN, WORMIO_EARG},
                {0, WORMIO_SPAN_FIRST, INT64_MAX, WORMIO_EARG},
                {0, WORMIO_SPAN_FIRST, 2, WORMIO_EROWS},
                {0, WORMIO_SPAN_STOP, 3, WORMIO_EROWS},
                {0, WORMIO_SPAN_STOP, 0, WORMIO_EARG},
                {0, WORMIO_SPAN_STOP, HEIGHT + 1, WORMIO_EARG},
                {0, WORMIO_SPAN_STOP, INT64_MIN, WORMIO_EARG},
                {1, WORMIO_SPAN_STOP, 2, WORMIO_EROWS},
                {1, WORMIO_SPAN_STOP, 4, WORMIO_EARG}, /* it overlaps the next one */
                {2, WORMIO_SPAN_FIRST, 4, WORMIO_EROWS},
                {0, WORMIO_SPAN_OFFSET, -1, WORMIO_EBOUNDS},
                {0, WORMIO_SPAN_OFFSET, INT64_MIN, WORMIO_EBOUNDS},
                {0, WORMIO_SPAN_OFFSET, INT64_MAX, WORMIO_EBOUNDS},
                {0, WORMIO_SPAN_OFFSET, beyond, WORMIO_EBOUNDS}, /* its last row is */
            };

            c.options.reducer = reducer;
            for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
                int64_t *number = c.spans + WORMIO_SPAN_COLUMNS * wrong[k].span + wrong[k].column;
                const int64_t kept = *number;

                *number = wrong[k].number;
                CHECK(reduce(kernel, &c) == wrong[k].status);
                *number = kept;
            }
            CHECK(reduce(kernel, &c) == WORMIO_OK);
            c.plane_spans[1] = 0; /* no row of the plane is there */
            CHECK(reduce(kernel, &c) == WORMIO_EROWS);
            c.plane_spans[1] = -1;
            CHECK(reduce(kernel, &c) == WORMIO_EARG);
            c.plane_spans[1] = PLANES + 1;
            CHECK(reduce(kernel, &c) == WORMIO_EARG);
            c.plane_spans[1] = 1;
            c.plane_spans[0] = -1;
            CHECK(reduce(kernel, &c) == WORMIO_EARG);
            c.plane_spans[0] = 0;
        }
        c.pixels.row_stride = -1;
        CHECK(reduce(kernel, &c) == WORMIO_EARG);
        c.pixels.row_stride = INT64_MAX;
        CHECK(reduce(kernel, &c) == WORMIO_EARG);
        c.pixels.row_stride = row;
        /* Said to be as large as memory can be: its end is not computed beyond that. */
        const uint64_t nbytes = c.pixels.nbytes;
        c.pixels.nbytes = INT64_MAX;
        c.spans[WORMIO_SPAN_OFFSET] = INT64_MAX - row;
        CHECK(reduce(kernel, &c) == WORMIO_EBOUNDS);
        c.spans[WORMIO_SPAN_OFFSET] = row;
        c.pixels.nbytes = nbytes;
        c.pixels.n_spans = -1;
        CHECK(reduce(kernel, &c) == WORMIO_EARG);
        c.pixels.n_spans = INT64_MAX;
        CHECK(reduce(kernel, &c) == WORMIO_EARG);
        free_call(&c);
    }
}

static void test_rows_in_the_buffer(void)
{
    call c = new_call(U16);
    double box = 9.0 * (value(0, 2, 3) + value(1, 2, 3));

    /* Rows 1 to 3 of planes 0 and 1 are what the mask needs. */
    split_rows(&c);
    for (int p = 0; p < 2; p++) {
        c.plane_spans[2 * p] = p * HEIGHT + 1;
        c.plane_spans[2 * p + 1] = p * HEIGHT + 4;
    }
    c.plane_spans[4] = c.plane_spans[5] = 0;
    check_sum(U16, &c, box, 18);
    for (int reducer = WORMIO_SUM; reducer < WORMIO_GATHER; reducer++) {
        c.options.reducer = reducer;
        for (int linear = 0; linear <= 1; linear++) {
            c.options.linear = linear;
            c.options.boundary = WORMIO_EXCLUDE;
            int64_t *const offset = offset_of(&c, 1, 3), kept = *offset;
            c.plane_spans[3]--;
            CHECK(reduce(U16, &c) == WORMIO_EROWS);
            c.plane_spans[3]++;
            *offset = -1;
            CHECK(reduce(U16, &c) == WORMIO_EBOUNDS);
            *offset = INT64_MIN;
            CHECK(reduce(U16, &c) == WORMIO_EBOUNDS);
            *offset = INT64_MAX;
            CHECK(reduce(U16, &c) == WORMIO_EBOUNDS);
            *offset = (int64_t)c.pixels.nbytes - 2 * WIDTH + 1;
            CHECK(reduce(U16, &c) == WORMIO_EBOUNDS);
            *offset = kept;
            CHECK(reduce(U16, &c) == WORMIO_OK);
        }
    }
    c.options.linear = 0;
    c.plane_spans[3]--;
    c.options.boundary = WORMIO_NAN; /* a missing plane comes first */
    check_not_valid(U16, &c);
    set_runs(&c, 6);
    CHECK(reduce(U16, &c) == WORMIO_EROWS);
    c.yx[0] = NAN;
    check_not_valid(U16, &c);
    free_call(&c);
}

/* A voxel (dz, dy, dx) of the box has the value 49 z + 7 y + x: the numbers are by hand. */
static void test_reducers(void)
{
    const int first = value(0, 1, 2), last = value(1, 3, 4);

    for (int k = 0; k < KERNELS; k++) {
        call c = new_call(k);

        c.offset[0] = 2.0;
        c.options.reducer = WORMIO_MEAN;
        check_sum(k, &c, (value(0, 2, 3) + value(1, 2, 3)) / 2.0 - 2.0, 18);
        c.options.reducer = WORMIO_MAX;
        check_sum(k, &c, last - 2.0, 18);
        c.options.reducer = WORMIO_BRIGHTEST;
        c.options.k = 2;
        check_sum(k, &c, last - 0.5 - 2.0, 18);
        c.options.k = INT64_MAX; /* all there are */
        check_sum(k, &c, (value(0, 2, 3) + value(1, 2, 3)) / 2.0 - 2.0, 18);
        c.options.reducer = WORMIO_QUANTILE;
        c.options.q = 0.0;
        check_sum(k, &c, first - 2.0, 18);
        c.options.q = 1.0;
        check_sum(k, &c, last - 2.0, 18);
        c.options.q = 0.5; /* between the highest of one plane and the lowest of the other */
        check_sum(k, &c, (value(0, 3, 4) + value(1, 1, 2)) / 2.0 - 2.0, 18);
        c.options.reducer = WORMIO_STD;
        set_run(&c, 0, 0, -1, 2);
        CHECK(reduce(k, &c) == WORMIO_OK);
        CHECK(fabs(*c.value - sqrt(2.0 / 3.0)) < 1e-15);
        c.options.reducer = WORMIO_GATHER;
        CHECK(reduce(k, &c) == WORMIO_OK);
        for (int i = 0; i < 3; i++)
            CHECK(c.scratch[i] == value(1, 2, 2 + i) - 2.0);
        CHECK(*c.voxels == 3);
        free_call(&c);
    }
}

static void test_weights(void)
{
    for (int k = 0; k < KERNELS; k++) {
        call c = new_call(k);
        int v = value(1, 2, 3);

        set_run(&c, 0, 0, -1, 2);
        set_weights(&c); /* 1, 2, 3 */
        c.offset[0] = 1.0;
        check_sum(k, &c, 1.0 * (v - 1) + 2.0 * v + 3.0 * (v + 1) - 6.0, 3);
        c.options.reducer = WORMIO_MEAN;
        check_sum(k, &c, (6.0 * v + 2.0 - 6.0) / 6.0, 3);
        /* Left out, a voxel takes its weight along. */
        set_point(&c, 2.0, 0.0);
        check_sum(k, &c, (2.0 * value(1, 2, 0) + 3.0 * value(1, 2, 1) - 5.0) / 5.0, 2);
        c.options.boundary = WORMIO_CLIP;
        check_sum(k, &c, (3.0 * value(1, 2, 0) + 3.0 * value(1, 2, 1) - 6.0) / 6.0, 3);
        c.weights[0] = c.weights[1] = c.weights[2] = 0.0;
        CHECK(reduce(k, &c) == WORMIO_OK);
        CHECK(isnan(*c.value));
        c.options.reducer = WORMIO_MAX;
        CHECK(reduce(k, &c) == WORMIO_EARG);
        free_call(&c);
    }
}

static void test_between_pixels(void)
{
    for (int k = 0; k < KERNELS; k++) {
        call c = new_call(k);

        c.options.linear = 1;
        set_point(&c, 2.25, 3.5);
        set_run(&c, 0, 0, -1, 2);
        check_sum(k, &c, 3 * (value(1, 2, 3) + 0.25 * 7 + 0.5), 3);
        set_point(&c, 2.0, WIDTH - 1); /* nothing is needed from beyond the row */
        check_sum(k, &c, value(1, 2, WIDTH - 1) + value(1, 2, WIDTH - 2), 2);
        set_point(&c, HEIGHT - 0.75, 3.0);
        check_not_valid(k, &c);
        c.options.boundary = WORMIO_CLIP;
        check_sum(k, &c, 3 * value(1, HEIGHT - 1, 3), 3);
        set_point(&c, -0.5, -0.5);
        check_sum(k, &c, value(1, 0, 0) * 2 + value(1, 0, 0) + 0.5, 3);
        c.options.boundary = WORMIO_NAN;
        check_not_valid(k, &c);
        set_point(&c, 0.0, 1.0);
        check_sum(k, &c, 3 * value(1, 0, 1), 3);
        free_call(&c);
    }
}

static void test_voxels_below_the_offset(void)
{
    for (int k = 0; k < KERNELS; k++) {
        call c = new_call(k);
        int v = value(1, 2, 3);

        c.options.rectify = 1;
        c.offset[0] = v;
        set_run(&c, 0, 0, -2, 3);
        check_sum(k, &c, 0.0 + 0.0 + 0.0 + 1.0 + 2.0, 5);
        c.options.reducer = WORMIO_QUANTILE;
        check_sum(k, &c, 0.0, 5);
        free_call(&c);
    }
}

static void test_saturated_pixels(void)
{
    for (int k = 0; k < KERNELS; k++) {
        call c = new_call(k);
        int v = value(1, 2, 3);
        const double levels[] = {v, v + 0.5, v + 1, v - 1, -1e300, 1e300, INFINITY, -INFINITY, NAN};
        const int counts[] = {2, 1, 1, 3, 3, 0, 0, 3, 0};

        set_run(&c, 0, 0, -1, 2);
        for (int i = 0; i < 9; i++) {
            c.options.saturation = levels[i];
            for (int reducer = WORMIO_SUM; reducer <= WORMIO_GATHER; reducer++) {
                c.options.reducer = reducer;
                CHECK(reduce(k, &c) == WORMIO_OK);
                CHECK(*c.saturated == counts[i]);
            }
        }
        free_call(&c);
    }
}

static void test_nan_pixels(void)
{
    call c = new_call(F64);

    ((double *)c.data)[HEIGHT * WIDTH + 2 * WIDTH + 3] = NAN;
    for (int reducer = WORMIO_SUM; reducer < WORMIO_GATHER; reducer++) {
        c.options.reducer = reducer;
        CHECK(reduce(F64, &c) == WORMIO_OK);
        CHECK(isnan(*c.value));
        CHECK(*c.voxels == 18);
    }
    free_call(&c);
}

/* Each line changes one argument of a good call, and sets it back. */
#define REFUSES(field, bad, status)                  \
    do {                                             \
        call good = c;                               \
        c.field = bad;                               \
        CHECK(reduce(U16, &c) == status);            \
        c = good;                                    \
    } while (0)

/* The same of an element of an array. */
#define REFUSES_AT(element, bad, status)             \
    do {                                             \
        __typeof__(element) good = element;          \
        element = bad;                               \
        CHECK(reduce(U16, &c) == status);            \
        element = good;                              \
    } while (0)

static void test_refusals(void)
{
    call c = new_call(U16);

    REFUSES(pixels.data, NULL, WORMIO_ENULL);
    REFUSES(pixels.spans, NULL, WORMIO_ENULL);
    REFUSES(pixels.plane_spans, NULL, WORMIO_ENULL);
    REFUSES(samples.plane, NULL, WORMIO_ENULL);
    REFUSES(samples.slot, NULL, WORMIO_ENULL);
    REFUSES(samples.yx, NULL, WORMIO_ENULL);
    REFUSES(samples.mask, NULL, WORMIO_ENULL);
    REFUSES(samples.offset, NULL, WORMIO_ENULL);
    REFUSES(masks.run_start, NULL, WORMIO_ENULL);
    REFUSES(masks.runs, NULL, WORMIO_ENULL);
    REFUSES(value, NULL, WORMIO_ENULL);
    REFUSES(voxels, NULL, WORMIO_ENULL);
    REFUSES(saturated, NULL, WORMIO_ENULL);
    CHECK(wormio_reduce_u16(NULL, &c.samples, &c.masks, &c.options, NULL, 0, NULL, NULL, NULL) ==
          WORMIO_ENULL);
    CHECK(wormio_reduce_u16(&c.pixels, NULL, &c.masks, &c.options, NULL, 0, NULL, NULL, NULL) ==
          WORMIO_ENULL);
    CHECK(wormio_reduce_u16(&c.pixels, &c.samples, NULL, &c.options, NULL, 0, NULL, NULL,
                            NULL) == WORMIO_ENULL);
    CHECK(wormio_reduce_u16(&c.pixels, &c.samples, &c.masks, NULL, NULL, 0, NULL, NULL, NULL) ==
          WORMIO_ENULL);

    REFUSES(samples.n_volumes, -1, WORMIO_EARG);
    REFUSES(samples.n_slots, -1, WORMIO_EARG);
    REFUSES(samples.n_points, -1, WORMIO_EARG);
    REFUSES(samples.n_volumes, INT64_MAX, WORMIO_EARG);
    REFUSES(samples.n_slots, INT64_MAX, WORMIO_EARG);
    REFUSES(samples.n_points, INT64_MAX, WORMIO_EARG);
    REFUSES_AT(c.plane[3], PLANES, WORMIO_EARG);
    REFUSES_AT(c.plane[3], -2, WORMIO_EARG);
    REFUSES_AT(c.mask[0], 1, WORMIO_EARG);
    REFUSES_AT(c.mask[0], -1, WORMIO_EARG);
    REFUSES_AT(c.mask[0], INT32_MIN, WORMIO_EARG);

    REFUSES(masks.n_masks, -1, WORMIO_EARG);
    REFUSES(masks.n_masks, INT64_MAX, WORMIO_EARG);
    REFUSES(masks.n_runs, -1, WORMIO_EARG);
    REFUSES(masks.n_runs, 8, WORMIO_EARG);
    REFUSES(masks.n_runs, INT64_MAX, WORMIO_EARG);
    REFUSES(masks.n_weights, -1, WORMIO_EARG);
    REFUSES(masks.n_weights, 1, WORMIO_ENULL);
    REFUSES_AT(c.run_start[0], 1, WORMIO_EARG);
    REFUSES_AT(c.run_start[1], 8, WORMIO_EARG);
    REFUSES_AT(c.runs[2], 3, WORMIO_EARG);

    REFUSES(options.boundary, 3, WORMIO_EARG);
    REFUSES(options.boundary, -1, WORMIO_EARG);
    REFUSES(options.reducer, WORMIO_GATHER + 1, WORMIO_EARG);
    REFUSES(options.reducer, -1, WORMIO_EARG);
    c.options.reducer = WORMIO_BRIGHTEST;
    REFUSES(options.k, 0, WORMIO_EARG);
    REFUSES(n_scratch, 26, WORMIO_ESCRATCH);
    REFUSES(n_scratch, -1, WORMIO_ESCRATCH);
    REFUSES(scratch, NULL, WORMIO_ENULL);
    c.options.reducer = WORMIO_QUANTILE;
    REFUSES(options.q, -0.1, WORMIO_EARG);
    REFUSES(options.q, 1.1, WORMIO_EARG);
    REFUSES(options.q, NAN, WORMIO_EARG);
    c.options.reducer = WORMIO_SUM;

    REFUSES(pixels.nbytes, UINT64_MAX, WORMIO_EARG);
    REFUSES(pixels.height, -1, WORMIO_EARG);
    REFUSES(pixels.height, INT64_MAX, WORMIO_EARG);
    REFUSES(pixels.width, -1, WORMIO_EARG);
    REFUSES(pixels.width, INT64_MAX, WORMIO_EARG);
    REFUSES(pixels.n_planes, -1, WORMIO_EARG);
    REFUSES(pixels.n_planes, 2, WORMIO_EARG);
    REFUSES(pixels.n_planes, INT64_MAX, WORMIO_EARG);
    REFUSES(pixels.pixel_stride, 0, WORMIO_EARG);
    REFUSES(pixels.pixel_stride, 1, WORMIO_EARG);
    REFUSES(pixels.pixel_stride, -2, WORMIO_EARG);
    REFUSES(pixels.pixel_stride, INT64_MAX, WORMIO_EARG);

    REFUSES(pixels.nbytes, 0, WORMIO_EBOUNDS);
    REFUSES(pixels.nbytes, 1, WORMIO_EBOUNDS);
    REFUSES(pixels.width, INT32_MAX, WORMIO_EBOUNDS);
    REFUSES(pixels.pixel_stride, INT64_MAX / WIDTH, WORMIO_EBOUNDS);

    set_weights(&c);
    REFUSES(masks.weight_start, NULL, WORMIO_ENULL);
    REFUSES(masks.n_weights, 26, WORMIO_EARG);
    REFUSES_AT(c.weight_start[0], 1, WORMIO_EARG);
    REFUSES_AT(c.weight_start[1], 26, WORMIO_EARG);
    REFUSES_AT(c.weight_start[1], INT64_MIN, WORMIO_EARG);
    REFUSES(n_scratch, 53, WORMIO_ESCRATCH);
    CHECK(reduce(U16, &c) == WORMIO_OK);
    free_call(&c);
}

/* Counts of 0 make null pointers good. */
static void test_nothing_to_do(void)
{
    const wormio_pixels none = {NULL, 0, 0, 0, HEIGHT, WIDTH, NULL, NULL, 0, 2};
    const int64_t span[] = {0, 0, HEIGHT, 0}, spans[] = {0, 1}, run_start[1] = {0}, plane = 0;
    const wormio_pixels no_columns = {NULL, 0, 1, 1, HEIGHT, 0, span, spans, 0, 2};
    const wormio_samples no_volumes = {0, 5, 5, NULL, NULL, NULL, NULL, NULL};
    const double yx[2] = {0.0, 0.0}, offset = 0.0;
    const int32_t slot = 0, mask = 0;
    const wormio_samples no_points = {1, 0, 0, NULL, NULL, NULL, NULL, &offset};
    const wormio_samples no_slots = {1, 0, 1, NULL, &slot, yx, &mask, &offset};
    const wormio_samples one = {1, 1, 1, &plane, &slot, yx, &mask, &offset};
    const wormio_masks no_masks = {0, 0, 0, run_start, NULL, NULL, NULL};
    const wormio_options options = {WORMIO_MAX, WORMIO_CLIP, 0, 0, 1, 0.5, NAN};
    double number = 0.0;
    int32_t voxels = 1, saturated = 1;

    CHECK(wormio_reduce_u16(&none, &no_volumes, &no_masks, &options, NULL, 0, NULL, NULL,
                            NULL) == WORMIO_OK);
    CHECK(wormio_reduce_u16(&none, &no_points, &no_masks, &options, NULL, 0, NULL, NULL,
                            NULL) == WORMIO_OK);
    CHECK(wormio_reduce_u16(&none, &no_slots, &no_masks, &options, NULL, 0, &number, &voxels,
                            &saturated) == WORMIO_OK);
    CHECK(isnan(number) && voxels == 0 && saturated == 0);
    number = 0.0;
    CHECK(wormio_reduce_u16(&no_columns, &one, &no_masks, &options, NULL, 0, &number, &voxels,
                            &saturated) == WORMIO_OK);
    CHECK(isnan(number) && voxels == 0);
}

/* Samples with masks of their own, in volumes of their own. */
static void test_many_samples(void)
{
    enum { VOLUMES = 3, POINTS = 5, N = VOLUMES * POINTS };
    call c = new_call(U16);
    const int64_t plane[VOLUMES] = {2, -1, 0}, run_start[3] = {0, 1, 2};
    const int32_t runs[8] = {0, 0, 0, 1, 0, 0, 0, 2};
    const double offset[VOLUMES] = {1.0, 2.0, 3.0};
    int32_t slot[N] = {0}, mask[N], voxels[N], saturated[N];
    double yx[2 * N], number[N];

    for (int i = 0; i < N; i++) {
        yx[2 * i] = i % HEIGHT;
        yx[2 * i + 1] = i % (WIDTH - 1);
        mask[i] = i % 2;
    }
    c.samples = (wormio_samples){VOLUMES, 1, POINTS, plane, slot, yx, mask, offset};
    c.masks = (wormio_masks){2, 2, 0, run_start, runs, NULL, NULL};
    CHECK(wormio_reduce_u16(&c.pixels, &c.samples, &c.masks, &c.options, NULL, 0, number, voxels,
                            saturated) == WORMIO_OK);
    for (int i = 0; i < N; i++) {
        int v = i / POINTS, n = 1 + i % 2;
        int pixel = value(v == 0 ? 2 : 0, i % HEIGHT, i % (WIDTH - 1));
        if (v == 1) {
            CHECK(isnan(number[i]) && voxels[i] == 0);
        } else {
            CHECK(number[i] == n * (pixel - offset[v]) + (n == 2));
            CHECK(voxels[i] == n);
        }
    }
    free_call(&c);
}

/* Sums beyond 32 bits, and negative ones; runs shorter and longer than a vector. */
static void test_sums_are_exact(void)
{
    uint8_t *bytes = allocate(MANY * MANY);
    uint16_t *words = allocate(2 * MANY * MANY);
    int16_t *low = allocate(2 * MANY * MANY);
    uint32_t *large = allocate(4 * MANY * MANY);
    const struct {
        wormio_reduce_fn *reduce;
        const void *data;
        int64_t size;
        double pixel;
    } types[] = {{wormio_reduce_u8, bytes, 1, 255.0},
                 {wormio_reduce_u16, words, 2, 65535.0},
                 {wormio_reduce_i16, low, 2, -32768.0},
                 {wormio_reduce_u32, large, 4, 4294967295.0}};
    const int64_t run_start[2] = {0, MANY * MANY / 4}, plane = 0;
    const int32_t slot = 0, mask = 0;
    const double yx[2] = {0.0, 0.0}, offset = 0.0;
    const wormio_samples one = {1, 1, 1, &plane, &slot, yx, &mask, &offset};
    int32_t *runs = allocate(4 * (MANY * MANY / 4) * sizeof *runs), voxels, saturated;

    for (int i = 0; i < MANY * MANY; i++) {
        bytes[i] = UINT8_MAX;
        words[i] = UINT16_MAX;
        low[i] = INT16_MIN;
        large[i] = UINT32_MAX;
    }
    for (int type = 0; type < 4; type++) {
        for (int length = 1; length <= 40; length += 3) {
            const int64_t span[] = {0, 0, MANY, 0}, spans[] = {0, 1};
            const wormio_pixels p = {types[type].data, (uint64_t)(types[type].size * MANY * MANY),
                                     1, 1, MANY, MANY, span, spans, MANY * types[type].size,
                                     types[type].size};
            const wormio_masks m = {1, MANY * MANY / 4, 0, run_start, runs, NULL, NULL};
            wormio_options options = {WORMIO_SUM, WORMIO_NAN, 0, 0, 1, 0.5, types[type].pixel};
            double number, expected = types[type].pixel * length * (MANY * MANY / 4);

            for (int r = 0; r < MANY * MANY / 4; r++) {
                runs[4 * r + 1] = r % MANY;
                runs[4 * r + 2] = r % (MANY - length + 1);
                runs[4 * r + 3] = runs[4 * r + 2] + length;
            }
            CHECK(types[type].reduce(&p, &one, &m, &options, NULL, 0, &number, &voxels,
                                     &saturated) == WORMIO_OK);
            CHECK(number == expected && voxels == length * (MANY * MANY / 4));
            CHECK(saturated == voxels);
        }
    }
    free(bytes);
    free(words);
    free(low);
    free(large);
    free(runs);
}

/* Ranks against sorting, where quickselect has bad luck or many equals. */
static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void test_ranks(void)
{
    enum { N = 1000 };
    double pixels[N], sorted[N], scratch[N], number;
    const int64_t span[] = {0, 0, 1, 0}, spans[] = {0, 1}, run_start[2] = {0, 1}, plane = 0;
    int32_t slot = 0, mask = 0, runs[4] = {0, 0, 0, N}, voxels, saturated;
    double yx[2] = {0.0, 0.0}, offset = 0.0;
    const wormio_pixels p = {pixels, sizeof pixels, 1, 1, 1, N, span, spans, 0, sizeof *pixels};
    const wormio_samples one = {1, 1, 1, &plane, &slot, yx, &mask, &offset};
    const wormio_masks m = {1, 1, 0, run_start, runs, NULL, NULL};

    for (int pattern = 0; pattern < 7; pattern++) {
        for (int i = 0; i < N; i++) {
            const int values[] = {i, N - i, i % 2, 7, i < N / 2 ? i : N - i, i * 7919 % N, i / 100};
            sorted[i] = pixels[i] = values[pattern];
        }
        qsort(sorted, N, sizeof *sorted, by_size);
        for (int rank = 0; rank < N; rank += 37) {
            wormio_options options = {WORMIO_QUANTILE, WORMIO_NAN, 0, 0, 1, 0.0, NAN};
            double below;

            options.q = rank / (N - 1.0);
            below = floor(options.q * (N - 1.0));
            CHECK(wormio_reduce_f64(&p, &one, &m, &options, scratch, N, &number, &voxels,
                                    &saturated) == WORMIO_OK);
            CHECK(number >= sorted[(int)below] &&
                  number <= sorted[(int)below + (below < N - 1)]);
            options.reducer = WORMIO_BRIGHTEST;
            options.k = rank + 1;
            CHECK(wormio_reduce_f64(&p, &one, &m, &options, scratch, N, &number, &voxels,
                                    &saturated) == WORMIO_OK);
            below = 0.0;
            for (int i = N - 1 - rank; i < N; i++)
                below += sorted[i];
            CHECK(number == below / (rank + 1));
        }
    }
}

static void test_words(void)
{
    for (int status = 1; status >= -7; status--) {
        CHECK(wormio_strerror(status) != NULL);
        CHECK(strlen(wormio_strerror(status)) > 0);
        CHECK((strcmp(wormio_strerror(status), "unknown status") == 0) ==
              (status > WORMIO_OK || status < WORMIO_ESCRATCH));
    }
    CHECK(strcmp(wormio_build_id(), "unknown") == 0);
}

/* Whether the rows marked are those of the bits of `rows`, plane by plane. */
static int marks(const call *c, const unsigned rows[PLANES])
{
    unsigned char *touched = allocate(PLANES * HEIGHT);
    int same = wormio_touch_rows(&c->pixels, &c->samples, &c->masks, &c->options, touched) ==
               WORMIO_OK;

    for (int p = 0; p < PLANES; p++) {
        for (int y = 0; y < HEIGHT; y++)
            same = same && touched[p * HEIGHT + y] == (rows[p] >> y & 1);
    }
    free(touched);
    return same;
}

static void test_touched_rows(void)
{
    call c = new_call(U16);
    unsigned char touched[PLANES * HEIGHT];

    /* Slot 2 was never saved; rows are bits, from row 0 on. */
    CHECK(marks(&c, (unsigned[]){0x0e, 0x0e, 0}));
    c.options.boundary = WORMIO_CLIP;
    CHECK(marks(&c, (unsigned[]){0x0e, 0x0e, 0}));
    set_point(&c, 0, 3);
    CHECK(marks(&c, (unsigned[]){0x03, 0x03, 0}));
    c.options.boundary = WORMIO_EXCLUDE;
    CHECK(marks(&c, (unsigned[]){0x03, 0x03, 0}));
    c.slot[0] = 3; /* the last */
    set_point(&c, HEIGHT - 1, WIDTH - 1);
    CHECK(marks(&c, (unsigned[]){0, 0, 0x30}));
    c.options.linear = 1;
    set_point(&c, 1.75, 3);
    CHECK(marks(&c, (unsigned[]){0, 0, 0x0f}));
    c.options.linear = 0;

    /* Nothing: no point, another slot, a mask without voxels. */
    set_point(&c, NAN, 3);
    CHECK(marks(&c, (unsigned[]){0, 0, 0}));
    set_point(&c, 2, WIDTH);
    CHECK(marks(&c, (unsigned[]){0, 0, 0}));
    set_point(&c, 2, 3);
    c.slot[0] = 2;
    CHECK(marks(&c, (unsigned[]){0, 0, 0}));
    c.slot[0] = 1;
    set_run(&c, 0, 0, 2, 2);
    CHECK(marks(&c, (unsigned[]){0, 0, 0}));
    set_run(&c, 0, INT32_MAX, 0, 1);
    CHECK(marks(&c, (unsigned[]){0, 0, 0}));
    c.options.boundary = WORMIO_CLIP;
    CHECK(marks(&c, (unsigned[]){0, 0x20, 0}));

    /* More slabs than are looked at together. */
    free(c.runs);
    c.masks.runs = c.runs = allocate(4 * MANY * sizeof *c.runs);
    for (int i = 0; i < MANY; i++) {
        c.runs[4 * i + 2] = i % 2;
        c.runs[4 * i + 3] = 2;
    }
    set_runs(&c, MANY);
    CHECK(marks(&c, (unsigned[]){0, 0x04, 0}));

    CHECK(wormio_touch_rows(&c.pixels, &c.samples, &c.masks, &c.options, NULL) == WORMIO_ENULL);
    CHECK(wormio_touch_rows(NULL, &c.samples, &c.masks, &c.options, touched) == WORMIO_ENULL);
    c.mask[0] = 1;
    CHECK(wormio_touch_rows(&c.pixels, &c.samples, &c.masks, &c.options, touched) ==
          WORMIO_EARG);
    c.mask[0] = 0;
    c.options.boundary = 3;
    CHECK(wormio_touch_rows(&c.pixels, &c.samples, &c.masks, &c.options, touched) ==
          WORMIO_EARG);
    c.options.boundary = WORMIO_CLIP;
    c.plane[1] = PLANES;
    CHECK(wormio_touch_rows(&c.pixels, &c.samples, &c.masks, &c.options, touched) ==
          WORMIO_EARG);
    free_call(&c);
}

int main(void)
{
    test_all_pixel_types();
    test_strided_pixels();
    test_rows_anywhere();
    test_edges();
    test_extreme_offsets();
    test_centres();
    test_rows_in_the_buffer();
    test_spans();
    test_rows_far_apart();
    test_no_planes();
    test_reducers();
    test_weights();
    test_between_pixels();
    test_voxels_below_the_offset();
    test_saturated_pixels();
    test_nan_pixels();
    test_refusals();
    test_nothing_to_do();
    test_many_samples();
    test_sums_are_exact();
    test_ranks();
    test_touched_rows();
    test_words();
    if (failures > 0) {
        printf("%d of %d checks failed\n", failures, checks);
        return 1;
    }
    printf("%d checks passed\n", checks);
    return 0;
}
