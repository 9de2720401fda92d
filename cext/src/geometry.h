/*
 * Where the voxels of a sample lie: everything about the kernels that does not
 * depend on the type of the pixels. Private to the core.
 */
#ifndef WORMIO_GEOMETRY_H
#define WORMIO_GEOMETRY_H

#include <stddef.h>

#include "wormio_extract.h"

/* Columns of a run. */
enum { WORMIO_DZ, WORMIO_DY, WORMIO_DX_FIRST, WORMIO_DX_STOP, WORMIO_RUN_COLUMNS };

/* The arguments of a kernel, and what is known once they have been checked. */
typedef struct {
    const wormio_pixels *pixels;
    const wormio_samples *samples;
    const wormio_masks *masks;
    const wormio_options *options;
    double *scratch;
    int64_t n_scratch;
    double *value;
    int32_t *voxels, *saturated;

    int64_t last_row;    /* highest byte at which a row may begin; negative: none */
    int64_t most_voxels; /* of the masks */
    int needs_voxels;    /* one by one, in scratch memory */
} wormio_job;

/* Rows of a mask that follow each other in one plane, all with the same columns. */
typedef struct {
    int64_t dz, dy, rows, dx, voxels; /* the first row, the first column, those of a row */
} wormio_slab;

enum { MOST_SLABS = 16 };

/* One mask. */
typedef struct {
    const int32_t *runs;
    int64_t n_runs;
    const double *weights; /* NULL: all are 1 */
    int64_t voxels, longest_run;
    int64_t low[3], high[3]; /* z, y, x: least and greatest offsets of its voxels */
    int n_slabs; /* of which it consists; beyond MOST_SLABS: of more than that */
    wormio_slab slabs[MOST_SLABS];
} wormio_mask;

/* One valid sample: what it has of its volume, and its centre, rounded, in the image. */
typedef struct {
    const int64_t *plane; /* [n_slots] */
    double offset;
    int64_t slot, y, x;
} wormio_sample;

/* The pixels that a run of a sample takes from one row. */
typedef struct {
    const char *row;     /* its pixel 0; NULL if nothing is taken */
    int64_t first, stop; /* pixels of the row, half open */
    int64_t left, right; /* how often its first and last pixel are repeated */
    int64_t skipped;     /* voxels of the run before the first that is there */
} wormio_stretch;

/* Check all arguments, for pixels of `size` bytes, and complete the job. */
int wormio_check_job(wormio_job *job, int64_t size);

/* Check only those that say where voxels are: no pixels, no results, and no more of the
 * options than the boundary. */
int wormio_check_places(wormio_job *job);

/* The mask of a sample; `mask` is left as it is if it holds that one already. */
int wormio_find_mask(const wormio_job *job, int64_t i, int32_t *known, wormio_mask *mask);

/* The span of a plane that holds row y; NULL if none does. */
static inline const int64_t *wormio_find_span(const wormio_pixels *p, int64_t plane, int64_t y)
{
    const int64_t *range = p->plane_spans + 2 * plane;
    const int64_t *span = p->spans + WORMIO_SPAN_COLUMNS * range[0];

    if (range[0] == range[1])
        return NULL;
    /* The last one that does not begin below the row; without a branch to be guessed wrong. */
    for (int64_t n = range[1] - range[0]; n > 1; n -= n / 2) {
        const int64_t *middle = span + WORMIO_SPAN_COLUMNS * (n / 2);

        span = middle[WORMIO_SPAN_FIRST] <= y ? middle : span;
    }
    return y >= span[WORMIO_SPAN_FIRST] && y < span[WORMIO_SPAN_STOP] ? span : NULL;
}

/* The first pixel of a row that a span holds: within the buffer, as the job has been checked. */
static inline const char *wormio_row_of(const wormio_pixels *p, const int64_t *span, int64_t y)
{
    return (const char *)p->data + span[WORMIO_SPAN_OFFSET] +
           (y - span[WORMIO_SPAN_FIRST]) * p->row_stride;
}

/* Round a coordinate to a pixel of [0, size). Returns 0 if it lies outside. */
static inline int wormio_round(double x, int64_t size, int64_t *pixel)
{
    double up = x + 0.5; /* the integer part of it is its floor, as it is not negative */

    /* Compared as doubles, false for NaN: converting a NaN or a number beyond
     * int64 would be undefined behaviour. */
    if (!(up >= 0.0 && up < (double)size))
        return 0;
    *pixel = (int64_t)up;
    return 1;
}

/* Round the centre of sample `i`, a point of a volume. Returns 0 if it is not valid. */
static inline int wormio_find_centre(const wormio_job *job, int64_t volume, int64_t i,
                                     wormio_sample *sample)
{
    const wormio_samples *s = job->samples;

    sample->slot = s->slot[i];
    if (sample->slot < 0 || sample->slot >= s->n_slots)
        return 0;
    sample->plane = s->plane + volume * s->n_slots;
    sample->offset = s->offset[volume];
    if (sample->plane[sample->slot] < 0)
        return 0;
    return wormio_round(s->yx[2 * i], job->pixels->height, &sample->y) &&
           wormio_round(s->yx[2 * i + 1], job->pixels->width, &sample->x);
}

/* Whether the mask lies within the sweep, and its planes were saved. */
static inline int wormio_has_planes(const wormio_job *job, const wormio_sample *sample,
                                    const wormio_mask *mask)
{
    if (mask->voxels == 0 || sample->slot + mask->low[0] < 0 ||
        sample->slot + mask->high[0] >= job->samples->n_slots)
        return 0;
    for (int64_t dz = mask->low[0]; dz <= mask->high[0]; dz++) {
        if (sample->plane[sample->slot + dz] < 0)
            return 0;
    }
    return 1;
}

/* Whether it lies within the image too. */
static inline int wormio_is_interior(const wormio_job *job, const wormio_sample *sample,
                                     const wormio_mask *mask)
{
    return mask->voxels > 0 && sample->y + mask->low[1] >= 0 &&
           sample->y + mask->high[1] < job->pixels->height &&
           sample->x + mask->low[2] >= 0 && sample->x + mask->high[2] < job->pixels->width &&
           wormio_has_planes(job, sample, mask);
}

/*
 * The plane, and the row of its image, `dy` below and `dz` slots above the centre, moved as
 * WORMIO_CLIP says. Returns 0 if they do not exist.
 */
int wormio_locate_row(const wormio_job *job, const wormio_sample *sample, int64_t dz,
                      int64_t dy, int64_t *plane, int64_t *y);

/* That row itself; NULL if it does not exist. */
int wormio_find_row(const wormio_job *job, const wormio_sample *sample, int64_t dz,
                    int64_t dy, const char **row);

/* The first row of a slab that lies within image and sweep; NULL if its rows do not all lie in
 * one span of the buffer. */
static inline const char *wormio_find_slab(const wormio_job *job, const wormio_sample *sample,
                                           const wormio_slab *slab)
{
    const wormio_pixels *const p = job->pixels;
    const int64_t y = sample->y + slab->dy;
    const int64_t *const span = wormio_find_span(p, sample->plane[sample->slot + slab->dz], y);

    if (span == NULL || y + slab->rows > span[WORMIO_SPAN_STOP])
        return NULL;
    return wormio_row_of(p, span, y);
}

/*
 * The pixels a run takes, moved or left out as the boundary says. Where WORMIO_NAN
 * says that the sample is not valid, as where WORMIO_EXCLUDE leaves voxels out, fewer
 * are taken than the run has.
 */
int wormio_find_stretch(const wormio_job *job, const wormio_sample *sample,
                        const int32_t *run, wormio_stretch *stretch);

/* Whether every voxel of the mask exists, as WORMIO_NAN demands. */
int wormio_mask_fits(const wormio_job *job, const wormio_sample *sample,
                     const wormio_mask *mask);

#endif
