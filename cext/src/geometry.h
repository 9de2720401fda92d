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

/* The arguments that all kernels share; shapes as in wormio_extract.h. */
typedef struct {
    const wormio_pixels *pixels;
    int64_t n_volumes, n_slots, n_points, n_runs;
    const int64_t *plane_offset;
    const int32_t *slot;
    const double *yx;
    const int32_t *runs;
    int boundary;
    double offset;
    double *total;
    int32_t *voxels;
} wormio_job;

/* One valid sample: its volume's planes and its rounded centre, in the image. */
typedef struct {
    const int64_t *plane_offset; /* [n_slots] */
    int64_t slot, y, x;
} wormio_sample;

/* Check all arguments, for pixels of `size` bytes aligned to `align`. */
int wormio_check_job(const wormio_job *job, size_t size, size_t align);

/* Round the centre of a point. Returns 0 if the sample is not valid. */
int wormio_find_centre(const wormio_job *job, int64_t volume, int64_t point,
                       wormio_sample *sample);

/*
 * The plane (its offset) and the image row that a run reads, after clipping if
 * the boundary says so. Returns 0 if they do not exist.
 */
int wormio_find_row(const wormio_job *job, const wormio_sample *sample,
                    const int32_t *run, int64_t *plane, int64_t *y);

/* Whether every voxel of the mask exists, as WORMIO_NAN demands. */
int wormio_mask_fits(const wormio_job *job, const wormio_sample *sample);

#endif
