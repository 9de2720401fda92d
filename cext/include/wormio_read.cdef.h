enum wormio_read_status {
    WORMIO_READ_OK,
    WORMIO_READ_EARG,
    WORMIO_READ_ENDED,
    WORMIO_READ_FAILED,
    WORMIO_READ_INTERRUPTED,
    ...
};

typedef struct {
    int64_t n_spans, n_images, height;
    const int64_t *order;
    const int64_t *group;
    int64_t groups_a_part;
    const int64_t *begin;
    int64_t row_stride;
    int64_t row_bytes;
    int64_t gap;
} wormio_spans;

int64_t wormio_list_spans(const unsigned char *touched, int64_t n_images, int64_t height,
                          const int64_t *order, int64_t *spans, int64_t *image_spans);

int wormio_place_rows(const wormio_spans *spans, int64_t *table, int64_t *ranges,
                      int64_t *n_ranges, int64_t *n_bytes);

int wormio_read_ranges(int fd, int64_t n_ranges, const int64_t *ranges, char *buffer,
                       int64_t n_bytes, int64_t *progress, int *error);
