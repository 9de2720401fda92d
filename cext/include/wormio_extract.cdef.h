enum wormio_status {
    WORMIO_OK,
    WORMIO_ENULL,
    WORMIO_EARG,
    WORMIO_EBOUNDS,
    WORMIO_EROWS,
    WORMIO_ESCRATCH,
    ...
};

enum wormio_boundary {
    WORMIO_EXCLUDE,
    WORMIO_CLIP,
    WORMIO_NAN,
    ...
};

enum wormio_reducer {
    WORMIO_SUM,
    WORMIO_MEAN,
    WORMIO_BRIGHTEST,
    WORMIO_QUANTILE,
    WORMIO_MAX,
    WORMIO_STD,
    WORMIO_GATHER,
    ...
};

typedef struct {
    const void *data;
    uint64_t nbytes;
    int64_t n_planes, n_spans;
    int64_t height, width;
    const int64_t *spans;
    const int64_t *plane_spans;
    int64_t row_stride;
    int64_t pixel_stride;
} wormio_pixels;

typedef struct {
    int64_t n_volumes, n_slots, n_points;
    const int64_t *plane;
    const int32_t *slot;
    const double *yx;
    const int32_t *mask;
    const double *offset;
} wormio_samples;

typedef struct {
    int64_t n_masks, n_runs, n_weights;
    const int64_t *run_start;
    const int32_t *runs;
    const int64_t *weight_start;
    const double *weights;
} wormio_masks;

typedef struct {
    int reducer;
    int boundary;
    int linear;
    int rectify;
    int64_t k;
    double q;
    double saturation;
} wormio_options;

typedef int wormio_reduce_fn(const wormio_pixels *pixels, const wormio_samples *samples,
                             const wormio_masks *masks, const wormio_options *options,
                             double *scratch, int64_t n_scratch, double *value,
                             int32_t *voxels, int32_t *saturated);

wormio_reduce_fn wormio_reduce_u8;
wormio_reduce_fn wormio_reduce_u16;
wormio_reduce_fn wormio_reduce_i16;
wormio_reduce_fn wormio_reduce_u32;
wormio_reduce_fn wormio_reduce_f32;
wormio_reduce_fn wormio_reduce_f64;

int wormio_touch_rows(const wormio_pixels *pixels, const wormio_samples *samples,
                      const wormio_masks *masks, const wormio_options *options,
                      unsigned char *touched);
const char *wormio_strerror(int status);
const char *wormio_build_id(void);
