/*
 * wormio_extract.h - the fluorescence of neurons, one number from the voxels of
 * a mask.
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
 * first. Pixels may be strided, and need not be aligned.
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
    WORMIO_ENULL = -1,    /* a null pointer where there should be elements */
    WORMIO_EARG = -2,     /* a count, size, stride, mask or option makes no sense */
    WORMIO_EBOUNDS = -3,  /* a row reaches beyond the buffer */
    WORMIO_EROWS = -4,    /* a mask needs a row that is not in the buffer */
    WORMIO_ESCRATCH = -5  /* the scratch memory is too small for the masks */
};

/* What to do with voxels outside the image, the sweep, or on a missing plane. */
enum wormio_boundary {
    WORMIO_EXCLUDE = 0, /* leave them out */
    WORMIO_CLIP = 1,    /* y and x: repeat the edge of the image; z: step slot by
                           slot towards the centre until a saved plane is met */
    WORMIO_NAN = 2      /* the whole sample is not valid */
};

/* How the voxels v of a sample, with weights w, become one number. */
enum wormio_reducer {
    WORMIO_SUM = 0,       /* sum of w (v - offset) */
    WORMIO_MEAN = 1,      /* that by the sum of w; not valid if this is not > 0 */
    WORMIO_BRIGHTEST = 2, /* mean of the k highest, or of all if fewer are there */
    WORMIO_QUANTILE = 3,  /* the q-quantile, linear between neighbours in rank */
    WORMIO_MAX = 4,       /* the highest */
    WORMIO_STD = 5,       /* standard deviation, by the number of voxels */
    WORMIO_GATHER = 6     /* none: the voxels themselves are left in scratch */
};

/* Columns of a span: rows of one image that follow each other in a buffer. */
enum wormio_span_column {
    WORMIO_SPAN_IMAGE = 0,
    WORMIO_SPAN_FIRST = 1,  /* row */
    WORMIO_SPAN_STOP = 2,   /* row after the last */
    WORMIO_SPAN_OFFSET = 3, /* byte in the buffer of the first row's first pixel */
    WORMIO_SPAN_COLUMNS = 4
};

/* The pixels of one channel or of several, as rows of images in one buffer. An image may be
 * there as a whole, or only some of its rows. */
typedef struct {
    const void *data;           /* NULL only if nbytes is 0 */
    uint64_t nbytes;            /* readable bytes from data on */
    int64_t n_planes, n_spans;
    int64_t height, width;      /* of the whole image, at most 2^31 - 1 */
    const int64_t *spans;       /* [n_spans, 4]; the image is not looked at */
    const int64_t *plane_spans; /* [n_planes, 2] the first span of each plane, and the one after
                                   its last; its spans are in the order of rows, and do not
                                   overlap */
    int64_t row_stride;         /* bytes from row to row of a span, not negative */
    int64_t pixel_stride;       /* bytes from a pixel to the one on its right, not less than the
                                   size of a pixel */
} wormio_pixels;

/* The points; each volume has its own. */
typedef struct {
    int64_t n_volumes, n_slots, n_points; /* 0 is allowed */
    const int64_t *plane;  /* [n_volumes, n_slots] the plane in that slot, an index
                              into plane_spans; -1: never saved */
    const int32_t *slot;   /* [n_volumes, n_points] slot of the plane through the
                              point; negative: the sample is not valid */
    const double *yx;      /* [n_volumes, n_points, 2] the point in pixels; integers
                              are pixel centres; rounded by floor(x + 0.5); NaN: the
                              sample is not valid */
    const int32_t *mask;   /* [n_volumes, n_points] index of its mask */
    const double *offset;  /* [n_volumes] camera offset in counts, subtracted from
                              each voxel */
} wormio_samples;

/* The masks. Runs may overlap: a voxel counts as often as it is named. No mask
 * has more than 2^31 - 1 voxels. */
typedef struct {
    int64_t n_masks, n_runs, n_weights;
    const int64_t *run_start;    /* [n_masks + 1] first run of each mask; the last
                                    element is n_runs */
    const int32_t *runs;         /* [n_runs, 4] dz, dy, dx_first, dx_stop (half open) */
    const int64_t *weight_start; /* [n_masks + 1] first weight of each mask; NULL
                                    if there are no weights */
    const double *weights;       /* [n_weights] of each voxel, in the order of runs
                                    and of x; NULL: all are 1 */
} wormio_masks;

typedef struct {
    int reducer;       /* enum wormio_reducer; weights go with SUM, MEAN, GATHER */
    int boundary;      /* enum wormio_boundary */
    int linear;        /* not 0: points are not rounded, voxels are interpolated
                          between their four neighbours in y and x */
    int rectify;       /* not 0: voxels below the offset count as 0 counts */
    int64_t k;         /* of WORMIO_BRIGHTEST, at least 1 */
    double q;          /* of WORMIO_QUANTILE, 0 to 1 */
    double saturation; /* pixels from here on are counted as saturated; NaN: none */
} wormio_options;

/*
 * Reduce the voxels of a mask around every point of every volume.
 *
 * scratch    [n_scratch] memory for the voxels of one sample, as many as the
 *            largest mask has; twice that if there are weights. Not needed for SUM
 *            and MEAN without weights, `linear` and `rectify`. For WORMIO_GATHER, so
 *            much for every sample: its values minus the offset, then its weights.
 * value      out [n_volumes, n_points] NaN if the sample is not valid or no voxel is
 *            left. Not written by WORMIO_GATHER.
 * voxels     out [n_volumes, n_points] how many voxels went into it, one repeated by
 *            WORMIO_CLIP each time; 0 if the sample is not valid.
 * saturated  out [n_volumes, n_points] how many of these were saturated.
 *
 * A sample is not valid (NaN, 0 voxels) if its point is NaN or rounds to a pixel
 * outside the image, or its slot is negative, beyond n_slots or empty.
 *
 * Sums of integers are exact (64 bit), without weights, `linear` and `rectify`.
 * Otherwise numbers are added in double, in the order of the runs and of x within a
 * run. A NaN among the voxels makes the value NaN, whatever the reducer. A sample's
 * value depends on nothing but its own voxels: batches can be cut anywhere, bit for
 * bit.
 *
 * All arguments are checked before the first pixel is read, the spans of the volumes' planes
 * too, but for what a sample needs: its mask's index (WORMIO_EARG), and rows (WORMIO_EROWS if no
 * span of the plane holds one).
 */
typedef int wormio_reduce_fn(const wormio_pixels *pixels, const wormio_samples *samples,
                             const wormio_masks *masks, const wormio_options *options,
                             double *scratch, int64_t n_scratch, double *value,
                             int32_t *voxels, int32_t *saturated);

/* One kernel for each type of pixel, native byte order. */
wormio_reduce_fn wormio_reduce_u8;
wormio_reduce_fn wormio_reduce_u16;
wormio_reduce_fn wormio_reduce_i16;
wormio_reduce_fn wormio_reduce_u32;
wormio_reduce_fn wormio_reduce_f32;
wormio_reduce_fn wormio_reduce_f64;

/*
 * Mark the rows that a kernel looks at, by the same rules: nothing else has to be read.
 *
 * pixels   only n_planes, height and width are looked at.
 * options  only boundary and linear.
 * touched  [n_planes, height] becomes 1 for these rows; the others are left as they are, so
 *          that several masks can be marked, one after the other.
 *
 * A few rows more may be marked: a sample's whole mask, where WORMIO_NAN makes it not valid, and
 * rows of which only columns beyond the image are asked for.
 */
int wormio_touch_rows(const wormio_pixels *pixels, const wormio_samples *samples,
                      const wormio_masks *masks, const wormio_options *options,
                      unsigned char *touched);

/* A status in words; never NULL, static storage. */
const char *wormio_strerror(int status);

/* Hash of the sources this core was built from, so that a stale build is seen. */
const char *wormio_build_id(void);

#ifdef __cplusplus
}
#endif

#endif
