/*
 * The text of a kernel, included once for each type of pixel by reduce.c, which says
 * what its words mean.
 */
#define JOIN_(a, b) a##_##b
#define JOIN(a, b) JOIN_(a, b)
#define NAMED(name) JOIN(name, SUFFIX)
#ifdef HIGHEST
#define LEVEL PIXEL
#else
#define LEVEL double
#endif

/* What sums of pixels need to know, and what they add to. */
typedef struct {
    int64_t stride;
    int counts; /* whether pixels can be saturated at all */
    LEVEL level;
    SUM sum;
    int64_t voxels, saturated;
} NAMED(tally);

/* By memcpy: pixels in a file need not be aligned. Compilers make one load of it. */
static inline PIXEL NAMED(load)(const char *from)
{
    PIXEL pixel;
    memcpy(&pixel, from, sizeof pixel);
    return pixel;
}

static NAMED(tally) NAMED(new_tally)(const wormio_job *job)
{
    NAMED(tally) t = {job->pixels->pixel_stride, 1, 0, 0, 0, 0};
    double level = job->options->saturation;

    if (isnan(level))
        t.counts = 0;
#ifdef HIGHEST
    /* Integers at or above a level are those at or above the next integer. */
    level = ceil(level);
    if (level > (double)HIGHEST)
        t.counts = 0;
    else if (t.counts)
        t.level = level < (double)LOWEST ? (PIXEL)LOWEST : (PIXEL)level;
#else
    t.level = level;
#endif
    return t;
}

/* Add pixels [first, stop) of a row, all inside it. */
static void NAMED(add)(NAMED(tally) *t, const char *row, int64_t first, int64_t stop)
{
    SUM sum = t->sum;
    int64_t saturated = 0;

    if (t->stride == (int64_t)sizeof(PIXEL)) { /* said so that the compiler sees it */
        for (int64_t x = first; x < stop; x++) {
            PIXEL pixel = NAMED(load)(row + x * (int64_t)sizeof(PIXEL));
            sum += pixel;
            saturated += pixel >= t->level;
        }
    } else {
        for (int64_t x = first; x < stop; x++) {
            PIXEL pixel = NAMED(load)(row + x * t->stride);
            sum += pixel;
            saturated += pixel >= t->level;
        }
    }
    t->sum = sum;
    t->voxels += stop - first;
    t->saturated += saturated;
}

#ifdef WIDE
typedef PIXEL NAMED(pixels) __attribute__((vector_size(VECTOR_BYTES)));
typedef WIDE NAMED(pairs) __attribute__((vector_size(VECTOR_BYTES)));

/* Sums of columns of pixels, as many as a vector holds. */
typedef struct {
    NAMED(pairs) even, odd; /* of every two columns, in the width of both */
    NAMED(pixels) high; /* of pixels that are never negative: all their bits; of others: not 0
                           where some pixel of the column is saturated */
} NAMED(columns);

static inline void NAMED(add_row)(NAMED(columns) *c, const char *from, int counts,
                                  const NAMED(pixels) *level)
{
    enum { BITS = 8 * sizeof(PIXEL) };
    NAMED(pixels) taken;

    memcpy(&taken, from, sizeof taken);
    c->even += ((NAMED(pairs))taken << BITS) >> BITS;
    c->odd += (NAMED(pairs))taken >> BITS;
    if (counts && LOWEST < 0)
        c->high |= (NAMED(pixels))(taken >= *level);
    else if (counts)
        c->high |= taken;
}

/* Add the first so many columns to what has been summed, and begin anew. */
static inline void NAMED(add_columns)(NAMED(pairs) *sum, NAMED(pixels) *saturated,
                                      NAMED(columns) *c, int64_t columns,
                                      const NAMED(pixels) *level)
{
    const int64_t size = sizeof(PIXEL);
    NAMED(pixels) wanted;
    NAMED(pairs) even, odd;

    memcpy(&wanted, ones_then_zeros + VECTOR_BYTES - columns * size, sizeof wanted);
    /* A pair of columns is all ones where the column that was summed in it is wanted. */
    memcpy(&even, ones_then_zeros + VECTOR_BYTES - (columns + 1) / 2 * 2 * size, sizeof even);
    memcpy(&odd, ones_then_zeros + VECTOR_BYTES - columns / 2 * 2 * size, sizeof odd);
    *sum += (c->even & even) + (c->odd & odd);
    /* All bits of some numbers together are no less than any of them: if they stay below the
     * level, so do the numbers. */
    *saturated |= wanted & (LOWEST < 0 ? c->high : (NAMED(pixels))(c->high >= *level));
    *c = (NAMED(columns)){{0}, {0}, {0}};
}

/*
 * Sum a mask that lies within image and sweep, of contiguous pixels, whose runs are no
 * longer than a vector, so far from the right edge that a vector may be loaded wherever a
 * run begins. Columns beyond the run are left out at the end. If t->saturated is 0 then, no
 * pixel is saturated; if not, some may be. `counts` is t->counts, as a constant: the fewer
 * instructions, the more rows the processor fetches at once.
 *
 * Returns 0, and nothing is done, if the rows of a slab do not all lie in one span of the buffer.
 */
static inline int NAMED(sum_vectors)(const wormio_job *job, const wormio_sample *sample,
                                     const wormio_mask *mask, int counts, NAMED(tally) *t)
{
    enum { SIZE = sizeof(PIXEL), LANES = VECTOR_BYTES / SIZE };
    const int64_t row_stride = job->pixels->row_stride;
    const NAMED(pixels) level = (NAMED(pixels)){0} + t->level;
    NAMED(pairs) sum = {0};
    NAMED(pixels) saturated = {0};
    NAMED(columns) c = {{0}, {0}, {0}};
    int64_t columns = mask->slabs[0].voxels;

    for (const wormio_slab *slab = mask->slabs; slab < mask->slabs + mask->n_slabs; slab++) {
        const char *row = wormio_find_slab(job, sample, slab);

        if (row == NULL)
            return 0;
        if (slab->voxels != columns) {
            NAMED(add_columns)(&sum, &saturated, &c, columns, &level);
            columns = slab->voxels;
        }
        row += (sample->x + slab->dx) * SIZE;
        for (int64_t i = 0; i < slab->rows; i++, row += row_stride)
            NAMED(add_row)(&c, row, counts, &level);
    }
    NAMED(add_columns)(&sum, &saturated, &c, columns, &level);
    for (int i = 0; i < LANES / 2; i++)
        t->sum += (SUM)sum[i];
    for (int i = 0; i < LANES; i++)
        t->saturated |= saturated[i];
    t->voxels = mask->voxels;
    return 1;
}
#endif

static int NAMED(sum_stretches)(const wormio_job *job, const wormio_sample *sample,
                                const wormio_mask *mask, NAMED(tally) *t)
{
    const int64_t width = job->pixels->width;

    for (int64_t r = 0; r < mask->n_runs; r++) {
        wormio_stretch s;
        int status =
            wormio_find_stretch(job, sample, mask->runs + WORMIO_RUN_COLUMNS * r, &s);

        if (status != WORMIO_OK)
            return status;
        if (s.row == NULL)
            continue;
        for (int64_t i = 0; i < s.left; i++)
            NAMED(add)(t, s.row, 0, 1);
        NAMED(add)(t, s.row, s.first, s.stop);
        for (int64_t i = 0; i < s.right; i++)
            NAMED(add)(t, s.row, width - 1, width);
    }
    return WORMIO_OK;
}

/* Append one voxel to the gathered ones. */
static inline void NAMED(put)(NAMED(tally) *t, double *values, double *weights, double value,
                              const double *weight, int saturated)
{
    values[t->voxels] = value;
    if (weight != NULL)
        weights[t->voxels] = *weight;
    t->voxels++;
    t->saturated += saturated;
}

static int NAMED(gather)(const wormio_job *job, const wormio_sample *sample,
                         const wormio_mask *mask, NAMED(tally) *t, double *values,
                         double *weights)
{
    const int64_t width = job->pixels->width;
    const double *weight = mask->weights;

    for (int64_t r = 0; r < mask->n_runs; r++) {
        const int32_t *run = mask->runs + WORMIO_RUN_COLUMNS * r;
        const double *w = weight;
        wormio_stretch s;
        int status = wormio_find_stretch(job, sample, run, &s);

        if (status != WORMIO_OK)
            return status;
        if (weight != NULL) {
            w += s.skipped;
            weight += (int64_t)run[WORMIO_DX_STOP] - run[WORMIO_DX_FIRST];
        }
        if (s.row == NULL)
            continue;
        for (int64_t x = s.first - s.left; x < s.stop + s.right; x++) {
            /* Columns left and right of the row are its first and last one again. */
            int64_t column = x < 0 ? 0 : x < width ? x : width - 1;
            PIXEL pixel = NAMED(load)(s.row + column * t->stride);

            NAMED(put)(t, values, weights, (double)pixel, w, pixel >= t->level);
            w += w != NULL;
        }
    }
    return WORMIO_OK;
}

/* As gather(), between the pixels: the centre is `part` of a pixel below and right. */
static int NAMED(gather_linear)(const wormio_job *job, const wormio_sample *sample,
                                const wormio_mask *mask, NAMED(tally) *t, double *values,
                                double *weights, const double part[2])
{
    const int64_t width = job->pixels->width;
    const int clips = job->options->boundary == WORMIO_CLIP;
    /* A neighbour that counts nothing need not be there. */
    const int rows = part[0] > 0.0 ? 2 : 1, columns = part[1] > 0.0 ? 2 : 1;
    const double *weight = mask->weights;

    for (int64_t r = 0; r < mask->n_runs; r++) {
        const int32_t *run = mask->runs + WORMIO_RUN_COLUMNS * r;
        const char *row[2] = {NULL, NULL};
        int there = run[WORMIO_DX_FIRST] < run[WORMIO_DX_STOP];

        for (int i = 0; there && i < rows; i++) {
            int status = wormio_find_row(job, sample, run[WORMIO_DZ],
                                         (int64_t)run[WORMIO_DY] + i, row + i);
            if (status != WORMIO_OK)
                return status;
            there = row[i] != NULL;
        }
        for (int64_t x = sample->x + run[WORMIO_DX_FIRST];
             x < sample->x + run[WORMIO_DX_STOP]; x++, weight += weight != NULL) {
            double value = 0.0;
            int saturated = 0;

            if (!there || (!clips && (x < 0 || x + columns > width)))
                continue;
            for (int i = 0; i < rows; i++) {
                for (int j = 0; j < columns; j++) {
                    int64_t column = x + j < 0 ? 0 : x + j < width ? x + j : width - 1;
                    PIXEL pixel = NAMED(load)(row[i] + column * t->stride);
                    double share = (i ? part[0] : 1.0 - part[0]) *
                                   (j ? part[1] : 1.0 - part[1]);
                    value += share * (double)pixel;
                    saturated |= pixel >= t->level;
                }
            }
            NAMED(put)(t, values, weights, value, weight, saturated);
        }
    }
    return WORMIO_OK;
}

/* A sample whose voxels are needed one by one. */
static int NAMED(reduce_voxels)(const wormio_job *job, wormio_sample *sample,
                                const wormio_mask *mask, int64_t i, NAMED(tally) *t)
{
    const wormio_options *o = job->options;
    const int64_t each = job->most_voxels * (mask->weights != NULL ? 2 : 1);
    double *values = job->scratch + (o->reducer == WORMIO_GATHER ? i * each : 0);
    double *weights = mask->weights != NULL ? values + job->most_voxels : NULL;
    int status;

    if (o->linear) {
        const double *yx = job->samples->yx + 2 * i;
        const double corner[2] = {floor(yx[0]), floor(yx[1])};
        const double part[2] = {yx[0] - corner[0], yx[1] - corner[1]};

        sample->y = (int64_t)corner[0]; /* within half a pixel of the image */
        sample->x = (int64_t)corner[1];
        status = NAMED(gather_linear)(job, sample, mask, t, values, weights, part);
        if (o->boundary == WORMIO_NAN && t->voxels < mask->voxels) {
            for (int64_t j = 0; j < t->voxels; j++)
                values[j] = NAN; /* as gathered voxels they are none */
            t->voxels = t->saturated = 0;
        }
    } else {
        status = NAMED(gather)(job, sample, mask, t, values, weights);
    }
    if (status == WORMIO_OK && t->voxels > 0) {
        double value = wormio_reduce_values(o, values, weights, t->voxels, sample->offset);
        if (o->reducer != WORMIO_GATHER)
            job->value[i] = value;
    }
    return status;
}

/* Sum the voxels of a sample. */
static int NAMED(sum)(const wormio_job *job, const wormio_sample *sample,
                      const wormio_mask *mask, int interior, NAMED(tally) *t)
{
#ifdef WIDE
    const int64_t size = sizeof(PIXEL), lanes = VECTOR_BYTES / size;

    if (interior && job->last_row >= 0 && t->stride == size && mask->longest_run <= lanes &&
        mask->n_slabs <= MOST_SLABS && mask->n_runs <= MOST_RUNS &&
        sample->x + mask->high[2] + lanes <= job->pixels->width) {
        const NAMED(tally) fresh = *t;
        const int done = t->counts ? NAMED(sum_vectors)(job, sample, mask, 1, t)
                                   : NAMED(sum_vectors)(job, sample, mask, 0, t);

        if (done && (!t->counts || t->saturated == 0))
            return WORMIO_OK;
        *t = fresh; /* row by row; or some are saturated: once more, to count them */
    }
#else
    (void)interior;
#endif
    return NAMED(sum_stretches)(job, sample, mask, t);
}

static int NAMED(reduce_sample)(const wormio_job *job, wormio_sample *sample,
                                const wormio_mask *mask, int64_t i, NAMED(tally) *t)
{
    const int interior = wormio_is_interior(job, sample, mask);
    int status;

    if (job->options->boundary == WORMIO_NAN && !job->options->linear && !interior &&
        !wormio_mask_fits(job, sample, mask))
        return WORMIO_OK;
    if (job->needs_voxels)
        return NAMED(reduce_voxels)(job, sample, mask, i, t);
    status = NAMED(sum)(job, sample, mask, interior, t);
    if (t->voxels > 0) {
        job->value[i] = (double)t->sum - (double)t->voxels * sample->offset;
        if (job->options->reducer == WORMIO_MEAN)
            job->value[i] /= (double)t->voxels;
    }
    return status;
}

int NAMED(wormio_reduce)(const wormio_pixels *pixels, const wormio_samples *samples,
                         const wormio_masks *masks, const wormio_options *options,
                         double *scratch, int64_t n_scratch, double *value, int32_t *voxels,
                         int32_t *saturated)
{
    wormio_job job = {pixels, samples, masks, options, scratch, n_scratch, value, voxels,
                      saturated, 0, 0, 0};
    int status = wormio_check_job(&job, (int64_t)sizeof(PIXEL));
    NAMED(tally) fresh;
    wormio_mask mask;
    int32_t known = -1;

    if (status != WORMIO_OK)
        return status;
    fresh = NAMED(new_tally)(&job);
    for (int64_t v = 0; v < samples->n_volumes; v++) {
        for (int64_t n = 0; n < samples->n_points; n++) {
            int64_t i = v * samples->n_points + n;
            NAMED(tally) t = fresh;
            wormio_sample sample;

            if (options->reducer != WORMIO_GATHER)
                value[i] = NAN;
            if (wormio_find_centre(&job, v, i, &sample)) {
                status = wormio_find_mask(&job, i, &known, &mask);
                if (status == WORMIO_OK)
                    status = NAMED(reduce_sample)(&job, &sample, &mask, i, &t);
                if (status != WORMIO_OK)
                    return status;
            }
            voxels[i] = (int32_t)t.voxels;
            saturated[i] = t.counts ? (int32_t)t.saturated : 0;
        }
    }
    return WORMIO_OK;
}

#undef JOIN_
#undef JOIN
#undef NAMED
#undef PIXEL
#undef SUM
#undef SUFFIX
#undef LEVEL
#undef WIDE
#undef MOST_RUNS
#undef LOWEST
#undef HIGHEST
