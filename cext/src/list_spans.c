/* From marks to the rows that follow each other. */
#include <string.h>

#include "wormio_read.h"

int64_t wormio_list_spans(const unsigned char *touched, int64_t n_images, int64_t height,
                          const int64_t *order, int64_t *spans, int64_t *image_spans)
{
    int64_t n_spans = 0;

    for (int64_t i = 0; i < n_images; i++) {
        const int64_t image = order[i];
        const unsigned char *const rows = touched + image * height, *const end = rows + height;
        const unsigned char *row = rows;

        image_spans[2 * image] = n_spans;
        while (row < end && (row = memchr(row, 1, (size_t)(end - row))) != NULL) {
            int64_t *span = spans + WORMIO_SPAN_COLUMNS * n_spans++;
            const unsigned char *stop = memchr(row, 0, (size_t)(end - row));

            span[WORMIO_SPAN_IMAGE] = image;
            span[WORMIO_SPAN_FIRST] = row - rows;
            row = stop == NULL ? end : stop;
            span[WORMIO_SPAN_STOP] = row - rows;
            span[WORMIO_SPAN_OFFSET] = -1;
        }
        image_spans[2 * image + 1] = n_spans;
    }
    return n_spans;
}
