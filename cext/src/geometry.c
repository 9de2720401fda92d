#include "geometry.h"

#include <string.h>

/* Image sizes stay below this, so that no sum of a pixel index and a mask offset
 * (32 bit both) can overflow 64 bits. */
static const int64_t size_limit = INT32_MAX;

/* Whether an array of rows * columns elements of `size` bytes can exist. */
static int countable(int64_t rows, int64_t columns, size_t size)
{
    return rows >= 0 && columns >= 0 &&
           (columns == 0 || rows <= INT64_MAX / (int64_t)size / columns);
}

static int check_image(const wormio_pixels *p)
{
    return p->height < 0 || p->height > size_limit || p->width < 0 || p->width > size_limit ||
                   !countable(p->n_planes, p->height, 2 * sizeof *p->plane_spans)
               ? WORMIO_EARG
               : WORMIO_OK;
}

static int check_pixels(const wormio_job *job, int64_t size)
{
    const wormio_pixels *p = job->pixels;

    if (p->nbytes > INT64_MAX || check_image(p) != WORMIO_OK)
        return WORMIO_EARG;
    /* The way from the first row of a span to any other can be computed then. */
    if (p->n_spans < 0 || p->row_stride < 0 ||
        (p->height > 0 && p->row_stride > INT64_MAX / p->height) ||
        !countable(p->n_spans, WORMIO_SPAN_COLUMNS, sizeof *p->spans))
        return WORMIO_EARG;
    if (p->pixel_stride < size || (p->width > 0 && p->pixel_stride > INT64_MAX / p->width))
        return WORMIO_EARG;
    if ((p->data == NULL && p->nbytes > 0) ||
        (p->n_planes > 0 && p->plane_spans == NULL) || (p->n_spans > 0 && p->spans == NULL))
        return WORMIO_ENULL;
    for (int64_t i = 0; i < p->n_planes; i++) {
        if (p->plane_spans[2 * i] < 0 || p->plane_spans[2 * i] > p->plane_spans[2 * i + 1] ||
            p->plane_spans[2 * i + 1] > p->n_spans)
            return WORMIO_EARG;
    }
    return WORMIO_OK;
}

static int check_samples(const wormio_job *job)
{
    const wormio_samples *s = job->samples;
    const int any = s->n_volumes > 0 && s->n_points > 0;

    if (!countable(s->n_volumes, s->n_slots, sizeof *s->plane) ||
        !countable(s->n_volumes, s->n_points, 2 * sizeof *s->yx))
        return WORMIO_EARG;
    if ((s->n_volumes > 0 && s->n_slots > 0 && s->plane == NULL) ||
        (s->n_volumes > 0 && s->offset == NULL) ||
        (any && (s->slot == NULL || s->yx == NULL || s->mask == NULL)))
        return WORMIO_ENULL;
    for (int64_t i = 0; i < s->n_volumes * s->n_slots; i++) {
        if (s->plane[i] < -1 || s->plane[i] >= job->pixels->n_planes)
            return WORMIO_EARG;
    }
    return WORMIO_OK;
}

/* Whether the spans of all planes of the volumes are rows of the image, in order, and lie in the
 * buffer. */
static int check_spans(const wormio_job *job)
{
    const wormio_pixels *p = job->pixels;
    const wormio_samples *s = job->samples;

    for (int64_t i = 0; i < s->n_volumes * s->n_slots; i++) {
        const int64_t *range;
        int64_t above = 0;

        if (s->plane[i] < 0) /* no pointer is made of it: there may be no planes at all */
            continue;
        range = p->plane_spans + 2 * s->plane[i];
        for (int64_t k = range[0]; k < range[1]; k++) {
            const int64_t *span = p->spans + WORMIO_SPAN_COLUMNS * k;
            const int64_t first = span[WORMIO_SPAN_FIRST], stop = span[WORMIO_SPAN_STOP];
            const int64_t offset = span[WORMIO_SPAN_OFFSET];

            if (first < above || stop < first || stop > p->height)
                return WORMIO_EARG;
            above = stop;
            if (first == stop || p->width == 0)
                continue;
            /* No sum, which might overflow. */
            if (offset < 0 || offset > job->last_row ||
                (stop - first - 1) * p->row_stride > job->last_row - offset)
                return WORMIO_EBOUNDS;
        }
    }
    return WORMIO_OK;
}

static int check_results(const wormio_job *job)
{
    const int any = job->samples->n_volumes > 0 && job->samples->n_points > 0;

    return any && (job->voxels == NULL || job->saturated == NULL ||
                   (job->value == NULL && job->options->reducer != WORMIO_GATHER))
               ? WORMIO_ENULL
               : WORMIO_OK;
}

/* Count the voxels of a mask; -1 if it is none. */
static int64_t count_voxels(const wormio_masks *m, int64_t index)
{
    int64_t voxels = 0;

    for (int64_t r = m->run_start[index]; r < m->run_start[index + 1]; r++) {
        const int32_t *run = m->runs + WORMIO_RUN_COLUMNS * r;
        if (run[WORMIO_DX_FIRST] > run[WORMIO_DX_STOP])
            return -1;
        voxels += (int64_t)run[WORMIO_DX_STOP] - run[WORMIO_DX_FIRST];
        /* They are counted in int32; and this many u32 still sum within int64. */
        if (voxels > INT32_MAX)
            return -1;
    }
    return voxels;
}

static int check_masks(wormio_job *job)
{
    const wormio_masks *m = job->masks;

    if (!countable(m->n_masks, 1, sizeof *m->run_start) || m->n_masks == INT64_MAX ||
        !countable(m->n_runs, WORMIO_RUN_COLUMNS, sizeof *m->runs) ||
        !countable(m->n_weights, 1, sizeof *m->weights))
        return WORMIO_EARG;
    if (m->run_start == NULL || (m->n_runs > 0 && m->runs == NULL) ||
        (m->weights != NULL && m->weight_start == NULL) ||
        (m->weights == NULL && m->n_weights > 0))
        return WORMIO_ENULL;
    if (m->run_start[0] != 0 || m->run_start[m->n_masks] != m->n_runs)
        return WORMIO_EARG;
    if (m->weights != NULL &&
        (m->weight_start[0] != 0 || m->weight_start[m->n_masks] != m->n_weights))
        return WORMIO_EARG;
    /* First that all runs are within the array, then what they are. */
    for (int64_t i = 0; i < m->n_masks; i++) {
        if (m->run_start[i] > m->run_start[i + 1])
            return WORMIO_EARG;
    }
    job->most_voxels = 0;
    for (int64_t i = 0; i < m->n_masks; i++) {
        int64_t voxels = count_voxels(m, i);
        if (voxels < 0)
            return WORMIO_EARG;
        if (m->weights != NULL &&
            (m->weight_start[i] < 0 || m->weight_start[i] > m->n_weights ||
             m->weight_start[i + 1] != m->weight_start[i] + voxels))
            return WORMIO_EARG;
        if (voxels > job->most_voxels)
            job->most_voxels = voxels;
    }
    return WORMIO_OK;
}

static int check_boundary(const wormio_options *o)
{
    return o->boundary == WORMIO_EXCLUDE || o->boundary == WORMIO_CLIP ||
                   o->boundary == WORMIO_NAN
               ? WORMIO_OK
               : WORMIO_EARG;
}

static int check_options(const wormio_job *job)
{
    const wormio_options *o = job->options;

    if (check_boundary(o) != WORMIO_OK)
        return WORMIO_EARG;
    if (o->reducer < WORMIO_SUM || o->reducer > WORMIO_GATHER)
        return WORMIO_EARG;
    if (o->reducer == WORMIO_BRIGHTEST && o->k < 1)
        return WORMIO_EARG;
    if (o->reducer == WORMIO_QUANTILE && !(o->q >= 0.0 && o->q <= 1.0))
        return WORMIO_EARG;
    if (job->masks->weights != NULL && o->reducer != WORMIO_SUM &&
        o->reducer != WORMIO_MEAN && o->reducer != WORMIO_GATHER)
        return WORMIO_EARG;
    return WORMIO_OK;
}

static int needs_voxels(const wormio_job *job)
{
    int sums = job->options->reducer == WORMIO_SUM || job->options->reducer == WORMIO_MEAN;

    return !sums || job->masks->weights != NULL || job->options->linear || job->options->rectify;
}

static int check_scratch(const wormio_job *job)
{
    int64_t samples = 1;
    int64_t each = job->most_voxels * (job->masks->weights != NULL ? 2 : 1);

    if (!needs_voxels(job))
        return WORMIO_OK;
    if (job->options->reducer == WORMIO_GATHER)
        samples = job->samples->n_volumes * job->samples->n_points;
    if (!countable(samples, each, sizeof *job->scratch) || job->n_scratch < samples * each)
        return WORMIO_ESCRATCH;
    if (samples * each > 0 && job->scratch == NULL)
        return WORMIO_ENULL;
    return WORMIO_OK;
}

int wormio_check_places(wormio_job *job)
{
    int status;

    if (job->pixels == NULL || job->samples == NULL || job->masks == NULL || job->options == NULL)
        return WORMIO_ENULL;
    status = check_image(job->pixels);
    if (status == WORMIO_OK)
        status = check_samples(job);
    if (status == WORMIO_OK)
        status = check_masks(job);
    return status == WORMIO_OK ? check_boundary(job->options) : status;
}

int wormio_check_job(wormio_job *job, int64_t size)
{
    const wormio_pixels *p = job->pixels;
    int status;

    if (p == NULL || job->samples == NULL || job->masks == NULL || job->options == NULL)
        return WORMIO_ENULL;
    status = check_pixels(job, size);
    if (status == WORMIO_OK)
        status = check_samples(job);
    if (status == WORMIO_OK)
        status = check_results(job);
    if (status == WORMIO_OK)
        status = check_masks(job);
    if (status == WORMIO_OK)
        status = check_options(job);
    if (status == WORMIO_OK)
        status = check_scratch(job);
    job->needs_voxels = needs_voxels(job);
    if (status == WORMIO_OK && p->width > 0) /* the product was checked above */
        job->last_row = (int64_t)p->nbytes - (p->width - 1) * p->pixel_stride - size;
    return status == WORMIO_OK ? check_spans(job) : status;
}

/* Add a run, which has voxels, to the slabs of a mask. */
static void add_to_slabs(wormio_mask *mask, const int32_t *run)
{
    const int64_t voxels = (int64_t)run[WORMIO_DX_STOP] - run[WORMIO_DX_FIRST];
    wormio_slab *slab = mask->slabs + mask->n_slabs - 1;

    if (mask->n_slabs > MOST_SLABS)
        return;
    if (mask->n_slabs > 0 && slab->dz == run[WORMIO_DZ] &&
        slab->dy + slab->rows == run[WORMIO_DY] && slab->dx == run[WORMIO_DX_FIRST] &&
        slab->voxels == voxels) {
        slab->rows++;
    } else if (mask->n_slabs++ < MOST_SLABS) {
        *++slab = (wormio_slab){run[WORMIO_DZ], run[WORMIO_DY], 1, run[WORMIO_DX_FIRST], voxels};
    }
}

int wormio_find_mask(const wormio_job *job, int64_t i, int32_t *known, wormio_mask *mask)
{
    const wormio_masks *m = job->masks;
    int32_t index = job->samples->mask[i];

    if (index < 0 || index >= m->n_masks)
        return WORMIO_EARG;
    if (index == *known)
        return WORMIO_OK;
    *known = index;
    mask->runs = m->runs + WORMIO_RUN_COLUMNS * m->run_start[index];
    mask->n_runs = m->run_start[index + 1] - m->run_start[index];
    mask->weights = m->weights == NULL ? NULL : m->weights + m->weight_start[index];
    mask->voxels = mask->longest_run = 0;
    mask->n_slabs = 0;
    for (int axis = 0; axis < 3; axis++) {
        mask->low[axis] = INT64_MAX;
        mask->high[axis] = INT64_MIN;
    }
    for (int64_t r = 0; r < mask->n_runs; r++) {
        const int32_t *run = mask->runs + WORMIO_RUN_COLUMNS * r;
        const int64_t first[3] = {run[WORMIO_DZ], run[WORMIO_DY], run[WORMIO_DX_FIRST]};
        const int64_t last[3] = {first[0], first[1], (int64_t)run[WORMIO_DX_STOP] - 1};

        if (last[2] < first[2])
            continue; /* no voxel, so nowhere */
        add_to_slabs(mask, run);
        mask->voxels += last[2] + 1 - first[2];
        if (last[2] + 1 - first[2] > mask->longest_run)
            mask->longest_run = last[2] + 1 - first[2];
        for (int axis = 0; axis < 3; axis++) {
            if (first[axis] < mask->low[axis])
                mask->low[axis] = first[axis];
            if (last[axis] > mask->high[axis])
                mask->high[axis] = last[axis];
        }
    }
    return WORMIO_OK;
}

static int64_t clamp(int64_t i, int64_t low, int64_t high)
{
    return i < low ? low : i > high ? high : i;
}

int wormio_locate_row(const wormio_job *job, const wormio_sample *sample, int64_t dz,
                      int64_t dy, int64_t *plane, int64_t *y)
{
    int64_t height = job->pixels->height, n_slots = job->samples->n_slots;
    int64_t slot = sample->slot + dz;
    int64_t row = sample->y + dy;

    if (job->options->boundary == WORMIO_CLIP) {
        row = clamp(row, 0, height - 1);
        slot = clamp(slot, 0, n_slots - 1);
        /* Ends at the centre at the latest: its plane was saved. */
        while (sample->plane[slot] < 0)
            slot += slot < sample->slot ? 1 : -1;
    }
    if (row < 0 || row >= height || slot < 0 || slot >= n_slots || sample->plane[slot] < 0)
        return 0;
    *plane = sample->plane[slot];
    *y = row;
    return 1;
}

int wormio_find_row(const wormio_job *job, const wormio_sample *sample, int64_t dz,
                    int64_t dy, const char **row)
{
    int64_t plane, y;
    const int64_t *span;

    *row = NULL;
    if (!wormio_locate_row(job, sample, dz, dy, &plane, &y))
        return WORMIO_OK;
    span = wormio_find_span(job->pixels, plane, y);
    if (span == NULL)
        return WORMIO_EROWS;
    *row = wormio_row_of(job->pixels, span, y);
    return WORMIO_OK;
}

int wormio_find_stretch(const wormio_job *job, const wormio_sample *sample,
                        const int32_t *run, wormio_stretch *stretch)
{
    const int64_t width = job->pixels->width;
    const int64_t first = sample->x + run[WORMIO_DX_FIRST];
    const int64_t stop = sample->x + run[WORMIO_DX_STOP];
    const int clips = job->options->boundary == WORMIO_CLIP;
    int status;

    memset(stretch, 0, sizeof *stretch);
    stretch->first = clamp(first, 0, width);
    stretch->stop = clamp(stop, 0, width);
    if (first == stop || (stretch->first == stretch->stop && !clips))
        return WORMIO_OK;
    status = wormio_find_row(job, sample, run[WORMIO_DZ], run[WORMIO_DY], &stretch->row);
    if (clips) {
        stretch->left = (stop < 0 ? stop : 0) - (first < 0 ? first : 0);
        stretch->right = (stop > width ? stop : width) - (first > width ? first : width);
    } else {
        stretch->skipped = stretch->first - first;
    }
    return status;
}

int wormio_mask_fits(const wormio_job *job, const wormio_sample *sample,
                     const wormio_mask *mask)
{
    for (int64_t r = 0; r < mask->n_runs; r++) {
        const int32_t *run = mask->runs + WORMIO_RUN_COLUMNS * r;
        int64_t first = sample->x + run[WORMIO_DX_FIRST];
        int64_t stop = sample->x + run[WORMIO_DX_STOP];
        int64_t plane, y;

        if (first == stop)
            continue;
        if (first < 0 || stop > job->pixels->width ||
            !wormio_locate_row(job, sample, run[WORMIO_DZ], run[WORMIO_DY], &plane, &y))
            return 0;
    }
    return 1;
}
