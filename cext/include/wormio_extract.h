/*
 * wormio_extract.h - the fluorescence of neurons, summed over voxel masks.
 *
 * The whole public face of the C core. Every function is single-threaded,
 * re-entrant and free of global state; none allocates memory, opens a file or
 * prints. Threads, files and memory belong to the caller.
 *
 * Words of the field used here:
 *   volume   one sweep of the focal plane through the sample;
 *   slot     a plane's place in its sweep; a plane that was never saved leaves
 *            its slot empty, so that neighbours in depth stay neighbours;
 *   plane    the image that fills a slot, one channel;
 *   point    the centre of one neuron; a sample is one point in one volume;
 *   mask     voxel offsets (dz, dy, dx) around a point, where dz counts slots;
 *   run      voxels of a mask that are neighbours along x.
 *
 * Arrays are C-contiguous; their shapes are given in brackets, slowest axis
 * first. Pixels may be strided.
 */
#ifndef WORMIO_EXTRACT_H
#define WORMIO_EXTRACT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a kernel returns. Anything but WORMIO_OK leaves the outputs undefined. */
enum wormio_status {
    WORMIO_OK = 0,
    WORMIO_ENULL = -1,   /* a null pointer where there should be elements */
    WORMIO_EARG = -2,    /* a count, size, stride, run or boundary makes no sense */
    WORMIO_EBOUNDS = -3, /* a plane reaches beyond the buffer */
    WORMIO_EALIGN = -4,  /* pixels are not aligned to their type */
    WORMIO_EROWS = -5    /* a mask needs rows that are not in the buffer */
};

/* What to do with voxels outside the image, the sweep, or on a missing plane. */
enum wormio_boundary {
    WORMIO_EXCLUDE = 0, /* leave them out */
    WORMIO_CLIP = 1,    /* y and x: repeat the edge of the image; z: step slot by
                           slot towards the centre until a saved plane is met */
    WORMIO_NAN = 2      /* the whole sample is not valid */
};

/* The pixels of one channel, in one buffer. */
typedef struct {
    const void *data;     /* NULL only if nbytes is 0 */
    uint64_t nbytes;      /* readable bytes from data on */
    int64_t height;       /* rows of the whole image, at most 2^31 - 1 */
    int64_t width;        /* pixels of a row, at most 2^31 - 1 */
    int64_t row_first;    /* rows of each image that are in the buffer, */
    int64_t row_stop;     /*   half open */
    int64_t row_stride;   /* bytes from a pixel to the one below */
    int64_t pixel_stride; /* bytes from a pixel to the one on its right; both
                             strides are positive multiples of the pixel size */
} wormio_pixels;

/*
 * Sum the voxels of a mask around every point of every volume.
 *
 * pixels        the buffer; see above.
 * n_volumes, n_slots, n_points, n_runs
 *               lengths of the arrays below; 0 is allowed.
 * plane_offset  [n_volumes, n_slots] byte in pixels->data of the pixel
 *               (row_first, 0) of the plane in that slot; -1: never saved.
 * slot          [n_volumes, n_points] slot of the plane through the point;
 *               negative: the sample is not valid.
 * yx            [n_volumes, n_points, 2] the point in pixels; integers are pixel
 *               centres; rounded by floor(x + 0.5); NaN: not valid.
 * runs          [n_runs, 4] the mask: dz, dy, dx_first, dx_stop (half open).
 *               Runs may overlap: a voxel counts as often as it is named. No
 *               more than 2^31 - 1 voxels in all.
 * boundary      enum wormio_boundary.
 * offset        camera offset in counts, subtracted from each voxel.
 * total         out [n_volumes, n_points] sum of the voxels minus voxels * offset;
 *               NaN if the sample is not valid or no voxel is left.
 * voxels        out [n_volumes, n_points] how many voxels were summed; one
 *               repeated by WORMIO_CLIP counts each time.
 *
 * A sample is not valid (NaN, 0 voxels) if its point is NaN or rounds to a pixel
 * outside the image, or its slot is negative, beyond n_slots or empty.
 *
 * Sums of integers are exact (64 bit). Floating-point pixels are added in double,
 * in the order of the runs and of x within a run. A sample's value depends on
 * nothing but its own voxels: batches can be cut anywhere, bit for bit.
 *
 * All arguments are checked before the first pixel is read. WORMIO_EROWS alone
 * comes later, at the first voxel to be summed whose row is in the image but
 * outside [row_first, row_stop); that voxel is not read.
 */
typedef int wormio_sum_runs_fn(const wormio_pixels *pixels, int64_t n_volumes,
                               int64_t n_slots, const int64_t *plane_offset,
                               int64_t n_points, const int32_t *slot,
                               const double *yx, int64_t n_runs,
                               const int32_t *runs, int boundary, double offset,
                               double *total, int32_t *voxels);

/* One kernel for each type of pixel, native byte order. */
wormio_sum_runs_fn wormio_sum_runs_u8;
wormio_sum_runs_fn wormio_sum_runs_u16;
wormio_sum_runs_fn wormio_sum_runs_i16;
wormio_sum_runs_fn wormio_sum_runs_u32;
wormio_sum_runs_fn wormio_sum_runs_f32;
wormio_sum_runs_fn wormio_sum_runs_f64;

/* A status in words; never NULL, static storage. */
const char *wormio_strerror(int status);

/* Hash of the sources this core was built from, so that a stale build is seen. */
const char *wormio_build_id(void);

#ifdef __cplusplus
}
#endif

#endif
