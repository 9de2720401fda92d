/* Where the rows that masks touch go in a buffer, and what to read for them. */
#include <stddef.h>

#include "wormio_read.h"

enum { ALIGNMENT = 64 }; /* a line of the processor's cache */

/* No file is larger; sums of two such numbers do not overflow. */
static const int64_t LIMIT = INT64_MAX / 4;

static int spans_make_sense(const wormio_spans *s)
{
    if (s->n_spans < 0 || s->n_images < 0 || s->height < 0 || s->groups_a_part < 1)
        return 0;
    if (s->row_stride < 1 || s->row_bytes < 1 || s->gap < 0)
        return 0;
    if (s->row_stride > LIMIT || s->row_bytes > LIMIT || s->gap > LIMIT)
        return 0;
    if (s->height > 0 && (LIMIT - s->row_bytes) / s->row_stride < s->height)
        return 0;
    return s->n_spans == 0 ||
           (s->group != NULL && s->begin != NULL);
}

/* Whether a span is some rows of an image. */
static int is_span(const wormio_spans *s, const int64_t *table, int64_t k)
{
    const int64_t *span;

    if (k < 0 || k >= s->n_spans || s->begin[k] < 0 || s->begin[k] > LIMIT || s->group[k] < 0)
        return 0;
    span = table + WORMIO_SPAN_COLUMNS * k;
    return span[WORMIO_SPAN_IMAGE] >= 0 && span[WORMIO_SPAN_IMAGE] < s->n_images &&
           span[WORMIO_SPAN_FIRST] >= 0 && span[WORMIO_SPAN_FIRST] < span[WORMIO_SPAN_STOP] &&
           span[WORMIO_SPAN_STOP] <= s->height;
}

int wormio_place_rows(const wormio_spans *spans, int64_t *table, int64_t *ranges,
                      int64_t *n_ranges, int64_t *n_bytes)
{
    const wormio_spans *const s = spans;
    int64_t *range = NULL; /* the one that grows */
    int64_t position = 0, end = 0, count = 0, largest = 0;

    if (s == NULL || n_ranges == NULL || n_bytes == NULL || !spans_make_sense(s) ||
        (s->n_spans > 0 && (table == NULL || ranges == NULL)))
        return WORMIO_READ_EARG;

    for (int64_t i = 0; i < s->n_spans; i++) {
        const int64_t k = s->order == NULL ? i : s->order[i];
        int64_t begin, stop;
        int64_t *span;

        if (!is_span(s, table, k))
            return WORMIO_READ_EARG;
        span = table + WORMIO_SPAN_COLUMNS * k;
        begin = s->begin[k];
        stop = begin + (span[WORMIO_SPAN_STOP] - span[WORMIO_SPAN_FIRST] - 1) * s->row_stride +
               s->row_bytes;
        if (range != NULL && s->group[k] < range[WORMIO_RANGE_GROUP])
            return WORMIO_READ_EARG; /* the order is none */
        if (range == NULL || s->group[k] != range[WORMIO_RANGE_GROUP] || begin - end > s->gap) {
            int64_t *const next = ranges + WORMIO_RANGE_COLUMNS * count++;

            if (range != NULL && s->group[k] / s->groups_a_part ==
                                     range[WORMIO_RANGE_GROUP] / s->groups_a_part) {
                const int64_t length = range[WORMIO_RANGE_LENGTH];

                if (length > LIMIT - position - ALIGNMENT)
                    return WORMIO_READ_EARG;
                position += (length + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
            } else {
                position = 0;
            }
            range = next;
            range[WORMIO_RANGE_GROUP] = s->group[k];
            range[WORMIO_RANGE_BEGIN] = begin;
            range[WORMIO_RANGE_POSITION] = position;
            end = begin;
        } else if (begin < range[WORMIO_RANGE_BEGIN]) {
            return WORMIO_READ_EARG;
        }
        if (stop > end)
            end = stop;
        range[WORMIO_RANGE_LENGTH] = end - range[WORMIO_RANGE_BEGIN];
        if (position + range[WORMIO_RANGE_LENGTH] > largest)
            largest = position + range[WORMIO_RANGE_LENGTH];

        span[WORMIO_SPAN_OFFSET] = position + (begin - range[WORMIO_RANGE_BEGIN]);
    }
    *n_ranges = count;
    *n_bytes = largest;
    return WORMIO_READ_OK;
}
