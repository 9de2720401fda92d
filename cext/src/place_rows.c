/* Where the rows that masks touch go in a buffer, and what to read for them. */
#include <stddef.h>

#include "wormio_read.h"

enum { ALIGNMENT = 64 }; /* a line of the processor's cache */

/* No file is larger; sums of two such numbers do not overflow. */
static const int64_t LIMIT = INT64_MAX / 4;

static int spans_make_sense(const wormio_spans *s)
{
    if (s->n_spans < 0 || s->n_images < 0 || s->height < 0)
        return 0;
    if (s->row_stride < 1 || s->row_bytes < 1 || s->gap < 0)
        return 0;
    if (s->row_stride > LIMIT || s->row_bytes > LIMIT || s->gap > LIMIT)
        return 0;
    if (s->height > 0 && (LIMIT - s->row_bytes) / s->row_stride < s->height)
        return 0;
    return s->n_spans == 0 ||
           (s->spans != NULL && s->order != NULL && s->group != NULL && s->begin != NULL);
}

/* Whether a span is some rows of an image. */
static int is_span(const wormio_spans *s, int64_t k)
{
    const int64_t *span;

    if (k < 0 || k >= s->n_spans || s->begin[k] < 0 || s->begin[k] > LIMIT)
        return 0;
    span = s->spans + WORMIO_SPAN_COLUMNS * k;
    return span[WORMIO_SPAN_IMAGE] >= 0 && span[WORMIO_SPAN_IMAGE] < s->n_images &&
           span[WORMIO_SPAN_FIRST] >= 0 && span[WORMIO_SPAN_FIRST] < span[WORMIO_SPAN_STOP] &&
           span[WORMIO_SPAN_STOP] <= s->height;
}

int wormio_place_rows(const wormio_spans *spans, int64_t *row_offset, int64_t *ranges,
                      int64_t *n_ranges, int64_t *n_bytes)
{
    const wormio_spans *const s = spans;
    int64_t *range = NULL; /* the one that grows */
    int64_t position = 0, end = 0, count = 0;

    if (s == NULL || n_ranges == NULL || n_bytes == NULL || !spans_make_sense(s) ||
        (s->n_spans > 0 && (row_offset == NULL || ranges == NULL)))
        return WORMIO_READ_EARG;

    for (int64_t i = 0; i < s->n_spans; i++) {
        const int64_t k = s->order[i];
        const int64_t *span;
        int64_t begin, stop, place, n_rows;
        int64_t *row;

        if (!is_span(s, k))
            return WORMIO_READ_EARG;
        span = s->spans + WORMIO_SPAN_COLUMNS * k;
        n_rows = span[WORMIO_SPAN_STOP] - span[WORMIO_SPAN_FIRST];
        begin = s->begin[k];
        stop = begin + (n_rows - 1) * s->row_stride + s->row_bytes;
        if (range != NULL && s->group[k] == range[WORMIO_RANGE_GROUP]) {
            if (begin < range[WORMIO_RANGE_BEGIN])
                return WORMIO_READ_EARG; /* the order is none */
            if (begin - end > s->gap)
                range = NULL;
        } else {
            range = NULL;
        }
        if (range == NULL) {
            if (count > 0) {
                const int64_t length = ranges[WORMIO_RANGE_COLUMNS * (count - 1) +
                                              WORMIO_RANGE_LENGTH];
                if (length > LIMIT - position - ALIGNMENT)
                    return WORMIO_READ_EARG;
                position += (length + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
            }
            range = ranges + WORMIO_RANGE_COLUMNS * count++;
            range[WORMIO_RANGE_GROUP] = s->group[k];
            range[WORMIO_RANGE_BEGIN] = begin;
            range[WORMIO_RANGE_POSITION] = position;
            end = begin;
        }
        if (stop > end)
            end = stop;
        range[WORMIO_RANGE_LENGTH] = end - range[WORMIO_RANGE_BEGIN];

        place = position + (begin - range[WORMIO_RANGE_BEGIN]);
        row = row_offset + span[WORMIO_SPAN_IMAGE] * s->height + span[WORMIO_SPAN_FIRST];
        for (int64_t n = n_rows; n > 0; n--, place += s->row_stride)
            *row++ = place;
    }
    *n_ranges = count;
    *n_bytes = count > 0 ? position + range[WORMIO_RANGE_LENGTH] : 0;
    return WORMIO_READ_OK;
}
