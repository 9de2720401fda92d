/*
 * Random arguments for the kernels, every buffer allocated to the byte: the sanitizers see
 * any access beyond one, whatever status comes back.
 *
 *   make fuzz                       a minute of numbers from a generator
 *   make libfuzzer && build/libfuzzer_extract -max_total_time=600
 *                                   guided by coverage, with clang
 *
 * Not part of the checks: it has no end.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "wormio_extract.h"

/* The bytes that arguments are made of; zeros when they run out. */
static const uint8_t *bytes;
static size_t left;

static uint64_t take(size_t n)
{
    uint64_t value = 0;

    for (; n > 0; n--) {
        value = value << 8 | (left > 0 ? *bytes : 0);
        if (left > 0) {
            bytes++;
            left--;
        }
    }
    return value;
}

/* Mostly a small number, sometimes any. */
static int64_t number(int64_t below)
{
    uint8_t kind = (uint8_t)take(1);

    if (kind == 255)
        return (int64_t)take(8);
    if (kind == 254)
        return -1 - (int64_t)take(1) % 4;
    return (int64_t)(take(1) % (uint64_t)below);
}

static double coordinate(void)
{
    double value;
    uint64_t bits;

    if (take(1) < 250)
        return ((double)take(1) - 30.0) / 8.0;
    bits = take(8);
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Exactly so many elements; never NULL by chance, so that NULL is a choice. */
static void *array(int64_t n, size_t size)
{
    void *memory = malloc(n > 0 ? (size_t)n * size : 1);

    if (memory == NULL)
        abort();
    return memory;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    wormio_reduce_fn *const kernels[] = {wormio_reduce_u8,  wormio_reduce_u16, wormio_reduce_i16,
                                         wormio_reduce_u32, wormio_reduce_f32, wormio_reduce_f64};
    const size_t sizes[] = {1, 2, 2, 4, 4, 8};

    bytes = data;
    left = size;

    const size_t type = take(1) % 6;
    const int64_t planes = (int64_t)take(1) % 4, height = (int64_t)take(1) % 9;
    const int64_t width = (int64_t)take(1) % 40, volumes = (int64_t)take(1) % 3;
    const int64_t slots = (int64_t)take(1) % 5, points = (int64_t)take(1) % 5;
    const int64_t n_masks = (int64_t)take(1) % 4, n_runs = (int64_t)take(1) % 12;
    const int64_t stride = (int64_t)sizes[type] * (1 + (int64_t)take(1) % 2);
    const int64_t nbytes = (int64_t)(take(2) % 6000);
    const int64_t n_weights = take(1) % 4 == 0 ? (int64_t)take(1) : 0;
    const int64_t n_spans = (int64_t)take(1) % 8;
    const int64_t n_scratch = (int64_t)take(2) % 5000;

    char *pixels = array(nbytes, 1);
    int64_t *spans = array(4 * n_spans, 8), *plane_spans = array(2 * planes, 8);
    int64_t *plane = array(volumes * slots, 8);
    int64_t *run_start = array(n_masks + 1, 8), *weight_start = array(n_masks + 1, 8);
    int32_t *slot = array(volumes * points, 4), *mask = array(volumes * points, 4);
    int32_t *runs = array(4 * n_runs, 4), *voxels = array(volumes * points, 4);
    int32_t *saturated = array(volumes * points, 4);
    double *yx = array(2 * volumes * points, 8), *offset = array(volumes, 8);
    double *weights = array(n_weights, 8), *scratch = array(n_scratch, 8);
    double *value = array(volumes * points, 8);
    unsigned char *touched = array(planes * height, 1);

    memset(touched, 0, (size_t)(planes * height));
    for (int64_t i = 0; i < nbytes; i++)
        pixels[i] = (char)(i * 31 + (i >> 3));
    for (int64_t i = 0; i < n_spans; i++) { /* mostly those of images of two spans */
        const int64_t half = height / 2, odd = i % 2;
        const int64_t span[] = {i / 2, odd ? half : 0, odd ? height : half,
                                (int64_t)(take(2) % (uint64_t)(nbytes + 1))};

        for (int column = 0; column < 4; column++)
            spans[4 * i + column] = take(1) < 250 ? span[column] : number(height + 1);
    }
    for (int64_t i = 0; i < 2 * planes; i++)
        plane_spans[i] = take(1) < 250 && i < n_spans ? i / 2 * 2 + 2 * (i % 2) : number(n_spans + 1);
    for (int64_t i = 0; i < 2 * planes; i += 2) {
        if (plane_spans[i + 1] > n_spans && take(1) < 250)
            plane_spans[i + 1] = n_spans;
    }
    for (int64_t i = 0; i < volumes * slots; i++)
        plane[i] = number(planes > 0 ? planes : 1);
    for (int64_t i = 0; i < volumes * points; i++) {
        slot[i] = (int32_t)number(slots > 0 ? slots : 1);
        mask[i] = (int32_t)number(n_masks > 0 ? n_masks : 1);
        yx[2 * i] = coordinate();
        yx[2 * i + 1] = coordinate();
    }
    for (int64_t i = 0; i < volumes; i++)
        offset[i] = coordinate();
    for (int64_t i = 0; i < n_weights; i++)
        weights[i] = coordinate();
    for (int64_t i = 0; i < 4 * n_runs; i++)
        runs[i] = take(1) < 250 ? (int32_t)(take(1) % 16) - 7 : (int32_t)take(4);
    for (int64_t r = 0; r < n_runs; r++) {
        if (take(1) < 250) {
            runs[4 * r] %= 3;
            runs[4 * r + 3] = (int32_t)((int64_t)runs[4 * r + 2] % 1000 + (int64_t)take(1) % 20);
            runs[4 * r + 2] %= 1000;
        }
    }
    for (int64_t i = 0; i <= n_masks; i++) {
        run_start[i] = take(1) < 250 ? n_runs * i / (n_masks > 0 ? n_masks : 1) : number(20);
        weight_start[i] = take(1) < 250 ? n_weights * i / (n_masks > 0 ? n_masks : 1) : number(20);
    }

    const int64_t row_stride = take(1) < 250 ? (int64_t)take(1) % 16 * stride : number(64);
    const wormio_pixels p = {pixels, (uint64_t)nbytes, planes,      n_spans,    height,
                             width,  spans,            plane_spans, row_stride, stride};
    const wormio_samples s = {volumes, slots, points, plane, slot, yx, mask, offset};
    const wormio_masks m = {n_masks,
                            n_runs,
                            n_weights,
                            run_start,
                            runs,
                            n_weights > 0 ? weight_start : NULL,
                            n_weights > 0 ? weights : NULL};
    const wormio_options o = {(int)number(7), (int)number(3), (int)take(1) % 2,
                              (int)take(1) % 4 == 0, number(30), (double)take(1) / 250.0,
                              coordinate()};

    const int status =
        kernels[type](&p, &s, &m, &o, scratch, n_scratch, value, voxels, saturated);
    const int marked = wormio_touch_rows(&p, &s, &m, &o, touched);

    if (status == WORMIO_OK) { /* then the kernel needs no other rows than those */
        if (marked != WORMIO_OK)
            abort();
        for (int64_t k = n_spans - 1; k >= 0; k--) {
            int wanted = 0;

            for (int64_t i = 0; i < planes * height; i++) {
                const int64_t *range = plane_spans + 2 * (i / height), y = i % height;

                wanted |= touched[i] && k >= range[0] && k < range[1] && y >= spans[4 * k + 1] &&
                          y < spans[4 * k + 2];
            }
            if (!wanted)
                spans[4 * k + 2] = spans[4 * k + 1]; /* no row is there any more */
        }
        if (kernels[type](&p, &s, &m, &o, scratch, n_scratch, value, voxels, saturated) !=
            WORMIO_OK)
            abort();
    }

    free(touched);
    free(pixels);
    free(spans);
    free(plane_spans);
    free(plane);
    free(run_start);
    free(weight_start);
    free(slot);
    free(mask);
    free(runs);
    free(voxels);
    free(saturated);
    free(yx);
    free(offset);
    free(weights);
    free(scratch);
    free(value);
    return 0;
}

#ifndef WORMIO_LIBFUZZER
/* xorshift64*: the same numbers in every run. */
static uint64_t next(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717);
}

int main(int argc, char **argv)
{
    const long seconds = argc > 1 ? strtol(argv[1], NULL, 10) : 60;
    const time_t end = time(NULL) + seconds;
    uint64_t state = 88172645463325252u;
    uint8_t input[4096];
    long rounds = 0;

    for (; time(NULL) < end; rounds++) {
        for (size_t i = 0; i < sizeof input; i += 8) {
            uint64_t word = next(&state);
            memcpy(input + i, &word, 8);
        }
        LLVMFuzzerTestOneInput(input, sizeof input);
    }
    printf("%ld rounds\n", rounds);
    return 0;
}
#endif
