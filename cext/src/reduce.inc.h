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

/*
 * Sum a mask that lies within image and sweep, of contiguous pixels, whose runs are no
 * longer than a vector, so far from the right edge that a vector may be loaded wherever a
 * run begins. What lies beyond the run is masked out.
 */
static int NAMED(sum_vectors)(const wormio_job *job, const wormio_sample *sample,
                              const wormio_mask *mask, NAMED(tally) *t)
{
    enum { LANES = VECTOR_BYTES / sizeof(PIXEL), BITS = 8 * sizeof(PIXEL) };
    const char *const column =
        (const char *)job->pixels->data + sample->x * (int64_t)sizeof(PIXEL);
    const uint64_t last_row = (uint64_t)job->last_row; /* not negative, as the caller knows */
    const int32_t *const stop = mask->runs + WORMIO_RUN_COLUMNS * mask->n_runs;
    const NAMED(pixels) level = (NAMED(pixels)){0} + t->level;
    const int64_t *rows = NULL;
    int64_t dz = INT64_MIN;
    NAMED(pairs) even = {0}, odd = {0}; /* of every two pixels, in the width of both */
    NAMED(pixels) counts = {0};

    for (const int32_t *run = mask->runs; run < stop; run += WORMIO_RUN_COLUMNS) {
        const int64_t first = run[WORMIO_DX_FIRST];
        const int64_t beyond = first - run[WORMIO_DX_STOP];
        NAMED(pixels) taken, wanted;
        NAMED(pairs) both;
        int64_t offset;

        if (beyond == 0)
            continue;
        if (run[WORMIO_DZ] != dz) {
            dz = run[WORMIO_DZ];
            rows = job->pixels->row_offset +
                   sample->plane[sample->slot + dz] * job->pixels->height + sample->y;
        }
        offset = rows[run[WORMIO_DY]];
        if ((uint64_t)offset > last_row)
            return offset == -1 ? WORMIO_EROWS : WORMIO_EBOUNDS;
        memcpy(&taken, column + offset + first * (int64_t)sizeof(PIXEL), sizeof taken);
        memcpy(&wanted, ones_then_zeros + VECTOR_BYTES + beyond * (int64_t)sizeof(PIXEL),
               sizeof wanted);
        both = (NAMED(pairs))(taken & wanted);
        even += (both << BITS) >> BITS;
        odd += both >> BITS;
        /* A comparison that holds is -1. */
        counts -= (NAMED(pixels))(taken >= level) & wanted;
    }
    for (int i = 0; i < LANES / 2; i++)
        t->sum += (SUM)even[i] + (SUM)odd[i];
    for (int i = 0; i < LANES; i++)
        t->saturated += counts[i];
    t->voxels = mask->voxels;
    return WORMIO_OK;
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

static int NAMED(reduce_sample)(const wormio_job *job, wormio_ahead *now, int64_t i,
                                NAMED(tally) *t)
{
    wormio_sample *const sample = &now->sample;
    const wormio_mask *const mask = &now->mask;
    const int interior = now->interior;
    int status;

    if (job->options->boundary == WORMIO_NAN && !job->options->linear && !interior &&
        !wormio_mask_fits(job, sample, mask))
        return WORMIO_OK;
    if (job->needs_voxels)
        return NAMED(reduce_voxels)(job, sample, mask, i, t);
#ifdef WIDE
    if (interior && job->last_row >= 0 && mask->n_runs <= MOST_RUNS &&
        t->stride == (int64_t)sizeof(PIXEL) &&
        mask->longest_run * (int64_t)sizeof(PIXEL) <= VECTOR_BYTES &&
        sample->x + mask->high[2] + VECTOR_BYTES / (int64_t)sizeof(PIXEL) <=
            job->pixels->width)
        status = NAMED(sum_vectors)(job, sample, mask, t);
    else
#endif
        status = NAMED(sum_stretches)(job, sample, mask, t);
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
    wormio_ahead ring[2 * AHEAD];
    int64_t n_points, n_samples, next = 0, fetched = 0, volume = 0;

    if (status != WORMIO_OK)
        return status;
    fresh = NAMED(new_tally)(&job);
    n_points = samples->n_points;
    n_samples = samples->n_volumes * n_points;
    for (int k = 0; k < 2 * AHEAD; k++)
        ring[k].mask_index = -1;
    for (int64_t i = 0; i < n_samples; i++) {
        wormio_ahead *now = ring + i % (2 * AHEAD);
        NAMED(tally) t = fresh;

        for (; next < n_samples && next < i + 2 * AHEAD; next++) {
            volume += next == (volume + 1) * n_points;
            wormio_look_ahead(&job, volume, next, ring + next % (2 * AHEAD));
        }
        for (; fetched < next && fetched <= i + AHEAD; fetched++)
            wormio_fetch(&job, ring + fetched % (2 * AHEAD));
        if (options->reducer != WORMIO_GATHER)
            value[i] = NAN;
        if (now->valid) {
            status = now->status;
            if (status == WORMIO_OK)
                status = NAMED(reduce_sample)(&job, now, i, &t);
            if (status != WORMIO_OK)
                return status;
        }
        voxels[i] = (int32_t)t.voxels;
        saturated[i] = t.counts ? (int32_t)t.saturated : 0;
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
