enum wormio_status {
    WORMIO_OK,
    WORMIO_ENULL,
    WORMIO_EARG,
    WORMIO_EBOUNDS,
    WORMIO_EALIGN,
    WORMIO_EROWS,
    ...
};

enum wormio_boundary {
    WORMIO_EXCLUDE,
    WORMIO_CLIP,
    WORMIO_NAN,
    ...
};

typedef struct {
    const void *data;
    uint64_t nbytes;
    int64_t height;
    int64_t width;
    int64_t row_first;
    int64_t row_stop;
    int64_t row_stride;
    int64_t pixel_stride;
} wormio_pixels;

typedef int wormio_sum_runs_fn(const wormio_pixels *pixels, int64_t n_volumes,
                               int64_t n_slots, const int64_t *plane_offset,
                               int64_t n_points, const int32_t *slot,
                               const double *yx, int64_t n_runs,
                               const int32_t *runs, int boundary, double offset,
                               double *total, int32_t *voxels);

wormio_sum_runs_fn wormio_sum_runs_u8;
wormio_sum_runs_fn wormio_sum_runs_u16;
wormio_sum_runs_fn wormio_sum_runs_i16;
wormio_sum_runs_fn wormio_sum_runs_u32;
wormio_sum_runs_fn wormio_sum_runs_f32;
wormio_sum_runs_fn wormio_sum_runs_f64;

const char *wormio_strerror(int status);
const char *wormio_build_id(void);
