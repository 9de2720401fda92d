/* Which rows the kernels look at, found by their own rules. */
#include <math.h>
#include <string.h>

#include "geometry.h"

/* Mark some rows, the first of them `dy` below the centre and `dz` slots above it. */
static void mark(const wormio_job *job, const wormio_sample *sample, int64_t dz, int64_t dy,
                 int64_t rows, unsigned char *touched)
{
    for (int64_t i = 0; i < rows; i++) {
        int64_t plane, y;

        if (wormio_locate_row(job, sample, dz, dy + i, &plane, &y))
            touched[plane * job->pixels->height + y] = 1;
    }
}

static void mark_sample(const wormio_job *job, const wormio_sample *sample,
                        const wormio_mask *mask, unsigned char *touched)
{
    const int64_t height = job->pixels->height, linear = job->options->linear != 0;
    /* Rows need not be interior in x. */
    const int inside = sample->y + mask->low[1] >= 0 &&
                       sample->y + mask->high[1] + linear < height &&
                       wormio_has_planes(job, sample, mask);

    if (mask->n_slabs > MOST_SLABS) {
        for (int64_t r = 0; r < mask->n_runs; r++) {
            const int32_t *run = mask->runs + WORMIO_RUN_COLUMNS * r;

            if (run[WORMIO_DX_FIRST] < run[WORMIO_DX_STOP])
                mark(job, sample, run[WORMIO_DZ], run[WORMIO_DY], 1 + linear, touched);
        }
        return;
    }
    for (const wormio_slab *s = mask->slabs; s < mask->slabs + mask->n_slabs; s++) {
        if (inside)
            memset(touched + sample->plane[sample->slot + s->dz] * height + sample->y + s->dy, 1,
                   (size_t)(s->rows + linear));
        else
            mark(job, sample, s->dz, s->dy, s->rows + linear, touched);
    }
}

int wormio_touch_rows(const wormio_pixels *pixels, const wormio_samples *samples,
                      const wormio_masks *masks, const wormio_options *options,
                      unsigned char *touched)
{
    wormio_job job = {pixels, samples, masks, options, NULL, 0, NULL, NULL, NULL, 0, 0, 0};
    int status = wormio_check_places(&job);
    wormio_mask mask;
    int32_t known = -1;

    if (status == WORMIO_OK && touched == NULL && pixels->n_planes > 0 && pixels->height > 0)
        status = WORMIO_ENULL;
    if (status != WORMIO_OK)
        return status;
    for (int64_t v = 0; v < samples->n_volumes; v++) {
        for (int64_t n = 0; n < samples->n_points; n++) {
            const int64_t i = v * samples->n_points + n;
            wormio_sample sample;

            if (!wormio_find_centre(&job, v, i, &sample))
                continue;
            status = wormio_find_mask(&job, i, &known, &mask);
            if (status != WORMIO_OK)
                return status;
            if (mask.voxels == 0)
                continue;
            if (options->linear) /* as the kernels do: within half a pixel of the image */
                sample.y = (int64_t)floor(samples->yx[2 * i]);
            mark_sample(&job, &sample, &mask, touched);
        }
    }
    return WORMIO_OK;
}
