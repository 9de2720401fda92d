#include "values.h"

#include <math.h>
#include <stddef.h>

static void swap(double *a, double *b)
{
    double kept = *a;
    *a = *b;
    *b = kept;
}

static void sort_few(double *values, int64_t n)
{
    for (int64_t i = 1; i < n; i++) {
        double value = values[i];
        int64_t j = i;
        for (; j > 0 && values[j - 1] > value; j--)
            values[j] = values[j - 1];
        values[j] = value;
    }
}

static void sift_down(double *heap, int64_t i, int64_t n)
{
    for (int64_t child = 2 * i + 1; child < n; child = 2 * i + 1) {
        if (child + 1 < n && heap[child + 1] > heap[child])
            child++;
        if (!(heap[child] > heap[i]))
            return;
        swap(heap + i, heap + child);
        i = child;
    }
}

static void heap_sort(double *values, int64_t n)
{
    for (int64_t i = n / 2; i-- > 0;)
        sift_down(values, i, n);
    for (int64_t last = n - 1; last > 0; last--) {
        swap(values, values + last);
        sift_down(values, 0, last);
    }
}

/*
 * Reorder values, none of them NaN, so that values[k] is where sorting would put it,
 * none before it is greater and none after it is less. Quickselect, with a limit to the
 * rounds of bad luck: no order of the pixels makes it slow.
 */
static void partition_at(double *values, int64_t n, int64_t k)
{
    int64_t low = 0, high = n - 1;

    for (int rounds = 100; high - low >= 16; rounds--) {
        double *middle = values + low + (high - low) / 2;
        double pivot;
        int64_t i = low, j = high;

        if (rounds == 0) {
            heap_sort(values + low, high - low + 1);
            return;
        }
        if (*middle < values[low])
            swap(middle, values + low);
        if (values[high] < values[low])
            swap(values + high, values + low);
        if (values[high] < *middle)
            swap(values + high, middle);
        pivot = *middle;
        while (i <= j) {
            while (values[i] < pivot)
                i++;
            while (values[j] > pivot)
                j--;
            if (i <= j)
                swap(values + i++, values + j--);
        }
        if (k <= j)
            high = j;
        else if (k >= i)
            low = i;
        else
            return; /* what lies between j and i equals the pivot */
    }
    sort_few(values + low, high - low + 1);
}

static double sum(const double *values, int64_t n)
{
    double total = 0.0;

    for (int64_t i = 0; i < n; i++)
        total += values[i];
    return total;
}

static double weighted_sum(const wormio_options *options, const double *values,
                           const double *weights, int64_t n, double offset)
{
    double total = 0.0, weight = 0.0;

    for (int64_t i = 0; i < n; i++) {
        total += weights[i] * values[i];
        weight += weights[i];
    }
    total -= weight * offset;
    if (options->reducer == WORMIO_SUM)
        return total;
    return weight > 0.0 ? total / weight : NAN;
}

static double brightest(double *values, int64_t n, int64_t k, double offset)
{
    if (k > n)
        k = n;
    if (k < n)
        partition_at(values, n, n - k);
    return (sum(values + n - k, k) - (double)k * offset) / (double)k;
}

static double quantile(double *values, int64_t n, double q)
{
    double position = q * (double)(n - 1);
    int64_t below = (int64_t)floor(position);
    double part = position - (double)below, next;

    partition_at(values, n, below);
    if (part == 0.0)
        return values[below];
    next = values[below + 1];
    for (int64_t i = below + 2; i < n; i++) {
        if (values[i] < next)
            next = values[i];
    }
    return values[below] + part * (next - values[below]);
}

static double highest(const double *values, int64_t n)
{
    double value = values[0];

    for (int64_t i = 1; i < n; i++) {
        if (values[i] > value)
            value = values[i];
    }
    return value;
}

static double deviation(const double *values, int64_t n)
{
    double mean = sum(values, n) / (double)n, squares = 0.0;

    for (int64_t i = 0; i < n; i++)
        squares += (values[i] - mean) * (values[i] - mean);
    return sqrt(squares / (double)n);
}

double wormio_reduce_values(const wormio_options *options, double *values,
                            const double *weights, int64_t n, double offset)
{
    double total;

    if (options->reducer == WORMIO_GATHER || options->rectify) {
        for (int64_t i = 0; i < n; i++) {
            values[i] -= offset;
            if (options->rectify && values[i] < 0.0)
                values[i] = 0.0;
        }
        offset = 0.0;
    }
    for (int64_t i = 0; i < n; i++) {
        if (isnan(values[i]))
            return NAN;
    }
    if (options->reducer == WORMIO_GATHER)
        return NAN;
    if (weights != NULL)
        return weighted_sum(options, values, weights, n, offset);
    switch (options->reducer) {
    case WORMIO_BRIGHTEST:
        return brightest(values, n, options->k, offset);
    case WORMIO_QUANTILE:
        return quantile(values, n, options->q) - offset;
    case WORMIO_MAX:
        return highest(values, n) - offset;
    case WORMIO_STD:
        return deviation(values, n);
    default: /* WORMIO_SUM, WORMIO_MEAN */
        total = sum(values, n) - (double)n * offset;
        return options->reducer == WORMIO_SUM ? total : total / (double)n;
    }
}
