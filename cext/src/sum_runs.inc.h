/*
 * The text of a kernel, included once for each type of pixel by sum_runs.c, with
 *   PIXEL    type of a pixel,
 *   SUM      type that holds the sum of a sample: exact for integers,
 *   SUFFIX   last part of the kernel's name.
 */
#define JOIN_(a, b) a##_##b
#define JOIN(a, b) JOIN_(a, b)
#define NAMED(name) JOIN(name, SUFFIX)

/* Pixels [first, stop) of a row, all inside it. */
static SUM NAMED(sum_inside)(SUM sum, const char *row, int64_t stride, int64_t first,
                             int64_t stop)
{
    if (stride == (int64_t)sizeof(PIXEL)) {
        const PIXEL *pixel = (const PIXEL *)(const void *)row;
        for (int64_t x = first; x < stop; x++)
            sum += pixel[x];
    } else {
        for (int64_t x = first; x < stop; x++)
            sum += *(const PIXEL *)(const void *)(row + x * stride);
    }
    return sum;
}

static int NAMED(sum_sample)(const wormio_job *job, const wormio_sample *sample,
                             double *total, int32_t *voxels)
{
    const wormio_pixels *p = job->pixels;
    const int64_t width = p->width, stride = p->pixel_stride;
    SUM sum = 0;
    int64_t count = 0;

    for (int64_t r = 0; r < job->n_runs; r++) {
        const int32_t *run = job->runs + WORMIO_RUN_COLUMNS * r;
        int64_t first = sample->x + run[WORMIO_DX_FIRST];
        int64_t stop = sample->x + run[WORMIO_DX_STOP];
        int64_t inner_first = first < 0 ? 0 : first;
        int64_t inner_stop = stop > width ? width : stop;
        int64_t plane, y;
        const char *row;

        if (job->boundary != WORMIO_CLIP) {
            first = inner_first;
            stop = inner_stop;
        }
        if (first >= stop || !wormio_find_row(job, sample, run, &plane, &y))
            continue;
        if (y < p->row_first || y >= p->row_stop)
            return WORMIO_EROWS;
        row = (const char *)p->data + plane + (y - p->row_first) * p->row_stride;

        /* Only WORMIO_CLIP has voxels left or right of the row. */
        for (int64_t x = first; x < stop && x < 0; x++)
            sum = NAMED(sum_inside)(sum, row, stride, 0, 1);
        sum = NAMED(sum_inside)(sum, row, stride, inner_first, inner_stop);
        for (int64_t x = first > width ? first : width; x < stop; x++)
            sum = NAMED(sum_inside)(sum, row, stride, width - 1, width);
        count += stop - first;
    }
    *total = count > 0 ? (double)sum - (double)count * job->offset : NAN;
    *voxels = (int32_t)count;
    return WORMIO_OK;
}

int NAMED(wormio_sum_runs)(const wormio_pixels *pixels, int64_t n_volumes, int64_t n_slots,
                           const int64_t *plane_offset, int64_t n_points,
                           const int32_t *slot, const double *yx, int64_t n_runs,
                           const int32_t *runs, int boundary, double offset,
                           double *total, int32_t *voxels)
{
    struct aligned {
        char byte;
        PIXEL pixel;
    };
    const wormio_job job = {pixels, n_volumes, n_slots, n_points, n_runs, plane_offset, slot,
                            yx,     runs,      boundary, offset,  total,  voxels};
    int status = wormio_check_job(&job, sizeof(PIXEL), offsetof(struct aligned, pixel));

    for (int64_t v = 0; status == WORMIO_OK && v < n_volumes; v++) {
        for (int64_t n = 0; status == WORMIO_OK && n < n_points; n++) {
            int64_t i = v * n_points + n;
            wormio_sample sample;

            if (wormio_find_centre(&job, v, n, &sample) &&
                (boundary != WORMIO_NAN || wormio_mask_fits(&job, &sample))) {
                status = NAMED(sum_sample)(&job, &sample, total + i, voxels + i);
            } else {
                total[i] = NAN;
                voxels[i] = 0;
            }
        }
    }
    return status;
}

#undef JOIN_
#undef JOIN
#undef NAMED
#undef PIXEL
#undef SUM
#undef SUFFIX
