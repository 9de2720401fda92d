/* One number from the gathered voxels of a sample. Private to the core. */
#ifndef WORMIO_VALUES_H
#define WORMIO_VALUES_H

#include <stdint.h>

#include "wormio_extract.h"

/*
 * Reduce n > 0 values, with their weights or NULL, as enum wormio_reducer says. The
 * values change, and their order; WORMIO_GATHER only subtracts the offset.
 */
double wormio_reduce_values(const wormio_options *options, double *values,
                            const double *weights, int64_t n, double offset);

#endif
