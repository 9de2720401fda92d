#include "geometry.h"

#include <math.h>

/* Image sizes stay below this, so that no sum of a pixel index and a mask offset
 * (32 bit both) can overflow 64 bits. */
static const int64_t size_limit = INT32_MAX;

/* Whether an array of rows * columns elements of `size` bytes can exist. */
static int countable(int64_t rows, int64_t columns, size_t size)
{
    return columns == 0 || rows <= INT64_MAX / (int64_t)size / columns;
}

static int check_counts(const wormio_job *job)
{
    if (job->n_volumes < 0 || job->n_slots < 0 || job->n_points < 0 || job->n_runs < 0)
        return WORMIO_EARG;
    if (!countable(job->n_volumes, job->n_slots, sizeof *job->plane_offset) ||
        !countable(job->n_volumes, job->n_points, 2 * sizeof *job->yx) ||
        !countable(job->n_runs, WORMIO_RUN_COLUMNS, sizeof *job->runs))
        return WORMIO_EARG;
    return WORMIO_OK;
}

static int check_pointers(const wormio_job *job)
{
    const wormio_pixels *p = job->pixels;
    int planes = job->n_volumes > 0 && job->n_slots > 0;
    int samples = job->n_volumes > 0 && job->n_points > 0;

    if (p == NULL || (p->data == NULL && p->nbytes > 0))
        return WORMIO_ENULL;
    if (planes && job->plane_offset == NULL)
        return WORMIO_ENULL;
    if (samples && (job->slot == NULL || job->yx == NULL || job->total == NULL ||
                    job->voxels == NULL))
        return WORMIO_ENULL;
    if (job->n_runs > 0 && job->runs == NULL)
        return WORMIO_ENULL;
    return WORMIO_OK;
}

static int check_pixels(const wormio_pixels *p, int64_t size)
{
    if (p->nbytes > INT64_MAX)
        return WORMIO_EARG;
    if (p->height < 0 || p->height > size_limit || p->width < 0 || p->width > size_limit)
        return WORMIO_EARG;
    if (p->row_first < 0 || p->row_stop < p->row_first || p->height < p->row_stop)
        return WORMIO_EARG;
    if (p->row_stride < size || p->row_stride % size != 0 || p->pixel_stride < size ||
        p->pixel_stride % size != 0)
        return WORMIO_EARG;
    return WORMIO_OK;
}

/* Bytes from a plane's first pixel to the end of its last; -1 if over `limit`. */
static int64_t plane_extent(const wormio_pixels *p, int64_t size, int64_t limit)
{
    int64_t rows = p->row_stop - p->row_first;
    int64_t room = limit - size;

    if (rows == 0 || p->width == 0)
        return 0;
    if (room < 0 || p->width - 1 > room / p->pixel_stride)
        return -1;
    room -= (p->width - 1) * p->pixel_stride;
    if (rows - 1 > room / p->row_stride)
        return -1;
    room -= (rows - 1) * p->row_stride;
    return limit - room;
}

static int check_planes(const wormio_job *job, int64_t size, size_t align)
{
    const wormio_pixels *p = job->pixels;
    int64_t nbytes = (int64_t)p->nbytes;
    int64_t extent = plane_extent(p, size, nbytes);

    for (int64_t i = 0; i < job->n_volumes * job->n_slots; i++) {
        int64_t start = job->plane_offset[i];
        if (start == -1)
            continue;
        if (start < 0 || extent < 0 || start > nbytes - extent)
            return WORMIO_EBOUNDS;
        if (((uintptr_t)p->data + (uintptr_t)start) % align != 0)
            return WORMIO_EALIGN;
    }
    return WORMIO_OK;
}

static int check_runs(const wormio_job *job)
{
    int64_t voxels = 0;

    for (int64_t r = 0; r < job->n_runs; r++) {
        const int32_t *run = job->runs + WORMIO_RUN_COLUMNS * r;
        if (run[WORMIO_DX_FIRST] > run[WORMIO_DX_STOP])
            return WORMIO_EARG;
        voxels += (int64_t)run[WORMIO_DX_STOP] - run[WORMIO_DX_FIRST];
        /* They are counted in int32; and this many u32 still sum within int64. */
        if (voxels > INT32_MAX)
            return WORMIO_EARG;
    }
    return WORMIO_OK;
}

int wormio_check_job(const wormio_job *job, size_t size, size_t align)
{
    int status = check_counts(job);

    if (status == WORMIO_OK)
        status = check_pointers(job);
    if (status == WORMIO_OK)
        status = check_pixels(job->pixels, (int64_t)size);
    if (status == WORMIO_OK)
        status = check_planes(job, (int64_t)size, align);
    if (status == WORMIO_OK)
        status = check_runs(job);
    if (status == WORMIO_OK && job->boundary != WORMIO_EXCLUDE &&
        job->boundary != WORMIO_CLIP && job->boundary != WORMIO_NAN)
        status = WORMIO_EARG;
    return status;
}

/* Round a coordinate to a pixel of [0, size). Returns 0 if it lies outside. */
static int round_to_pixel(double x, int64_t size, int64_t *pixel)
{
    double rounded = floor(x + 0.5);

    /* Compared as doubles, false for NaN: converting a NaN or a number beyond
     * int64 would be undefined behaviour. */
    if (!(rounded >= 0.0 && rounded < (double)size))
        return 0;
    *pixel = (int64_t)rounded;
    return 1;
}

int wormio_find_centre(const wormio_job *job, int64_t volume, int64_t point,
                       wormio_sample *sample)
{
    int64_t i = volume * job->n_points + point;

    sample->slot = job->slot[i];
    if (sample->slot < 0 || sample->slot >= job->n_slots)
        return 0;
    sample->plane_offset = job->plane_offset + volume * job->n_slots;
    if (sample->plane_offset[sample->slot] < 0)
        return 0;
    return round_to_pixel(job->yx[2 * i], job->pixels->height, &sample->y) &&
           round_to_pixel(job->yx[2 * i + 1], job->pixels->width, &sample->x);
}

static int64_t clamp(int64_t i, int64_t size)
{
    return i < 0 ? 0 : i < size ? i : size - 1;
}

int wormio_find_row(const wormio_job *job, const wormio_sample *sample,
                    const int32_t *run, int64_t *plane, int64_t *y)
{
    int64_t height = job->pixels->height;
    int64_t slot = sample->slot + run[WORMIO_DZ];
    int64_t row = sample->y + run[WORMIO_DY];

    if (job->boundary == WORMIO_CLIP) {
        row = clamp(row, height);
        slot = clamp(slot, job->n_slots);
        /* Ends at the centre at the latest: its plane was saved. */
        while (sample->plane_offset[slot] < 0)
            slot += slot < sample->slot ? 1 : -1;
    }
    if (row < 0 || row >= height || slot < 0 || slot >= job->n_slots ||
        sample->plane_offset[slot] < 0)
        return 0;
    *plane = sample->plane_offset[slot];
    *y = row;
    return 1;
}

int wormio_mask_fits(const wormio_job *job, const wormio_sample *sample)
{
    for (int64_t r = 0; r < job->n_runs; r++) {
        const int32_t *run = job->runs + WORMIO_RUN_COLUMNS * r;
        int64_t first = sample->x + run[WORMIO_DX_FIRST];
        int64_t stop = sample->x + run[WORMIO_DX_STOP];
        int64_t plane, y;

        if (first == stop)
            continue;
        if (first < 0 || stop > job->pixels->width ||
            !wormio_find_row(job, sample, run, &plane, &y))
            return 0;
    }
    return 1;
}
