/*
 * wormio_read.h - the rows of images that masks touch: which bytes of which files
 * hold them, and reading these bytes.
 *
 * As in wormio_extract.h, every function is single-threaded, re-entrant and free
 * of global state, and none allocates memory or prints. None opens or closes a
 * file either: wormio_read_ranges reads through a descriptor that the caller owns,
 * by pread, so that the descriptor's own position is neither used nor moved.
 *
 * Arrays are C-contiguous; their shapes are given in brackets, slowest axis first.
 */
#ifndef WORMIO_READ_H
#define WORMIO_READ_H

#include <stdint.h>

#include "wormio_extract.h"

#ifdef __cplusplus
extern "C" {
#endif

enum wormio_read_status {
    WORMIO_READ_OK = 0,
    WORMIO_READ_EARG = -1,         /* a null pointer, or a number that makes no sense */
    WORMIO_READ_ENDED = -2,        /* the file ends before the range does */
    WORMIO_READ_FAILED = -3,       /* the system says no: see error */
    WORMIO_READ_INTERRUPTED = -4   /* by a signal; call again to go on */
};

/* Columns of a range of bytes. */
enum wormio_range_column {
    WORMIO_RANGE_GROUP = 0,    /* of the spans that it holds */
    WORMIO_RANGE_BEGIN = 1,    /* in the file */
    WORMIO_RANGE_LENGTH = 2,
    WORMIO_RANGE_POSITION = 3, /* in the buffer */
    WORMIO_RANGE_COLUMNS = 4
};

/*
 * List the rows of some images that are marked.
 *
 * touched  [n_images, height] 1 or 0.
 * order    [n_images] the images, in the order in which their rows are listed.
 * spans    out [up to n_images * ((height + 1) / 2), 4] none next to another; their offset is
 *          -1.
 * image_spans
 *          out [n_images, 2] the first span of each image, and the one after its last.
 *
 * Returns how many spans there are.
 */
int64_t wormio_list_spans(const unsigned char *touched, int64_t n_images, int64_t height,
                          const int64_t *order, int64_t *spans, int64_t *image_spans);

/* Spans in files. They may overlap. */
typedef struct {
    int64_t n_spans, n_images, height;
    const int64_t *order; /* [n_spans] the spans by group, and by begin within it; NULL:
                             they are in that order */
    const int64_t *group; /* [n_spans] spans of different groups share no range; never
                             negative */
    int64_t groups_a_part; /* the first so many groups begin at the buffer's first byte, the
                              next so many too, ...: one part is read after the other */
    const int64_t *begin; /* [n_spans] byte in the file of the first row */
    int64_t row_stride;   /* bytes from row to row */
    int64_t row_bytes;    /* bytes of a row */
    int64_t gap;          /* so many bytes that nobody wants are read rather than
                             left out, so that two ranges become one */
} wormio_spans;

/*
 * Lay the bytes of all spans of a part into one buffer.
 *
 * table       [n_spans, 4] the spans; they get their offsets.
 * ranges      out [up to n_spans, 4] what to read, in the order given; ranges start
 *             at multiples of 64 in the buffer.
 * n_ranges    out
 * n_bytes     out: the size of the buffer, for the largest part.
 *
 * Anything but WORMIO_READ_OK leaves the outputs undefined.
 */
int wormio_place_rows(const wormio_spans *spans, int64_t *table, int64_t *ranges,
                      int64_t *n_ranges, int64_t *n_bytes);

/*
 * Read ranges of one file.
 *
 * fd        descriptor, open for reading.
 * n_ranges, ranges
 *           [n_ranges, 4] as above; the group is not looked at.
 * buffer, n_bytes
 *           where they go.
 * progress  in and out [2]: how many ranges are read, and how many bytes of the next
 *           one. Begin with 0, 0.
 * error     out: errno, of WORMIO_READ_FAILED.
 *
 * A short read goes on where it ended. Ranges are checked before the first is read.
 */
int wormio_read_ranges(int fd, int64_t n_ranges, const int64_t *ranges, char *buffer,
                       int64_t n_bytes, int64_t *progress, int *error);

#ifdef __cplusplus
}
#endif

#endif
