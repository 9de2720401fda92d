/* The kernels, one for each type of pixel: reduce.inc.h is their common text. */
#include <math.h>
#include <string.h>

#include "geometry.h"
#include "values.h"

/* Bytes that every processor of today adds up at once. */
enum { VECTOR_BYTES = 16 };

/* These have vectors; without them the same is done pixel by pixel. */
#if defined __GNUC__ && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define VECTORS
#endif

#ifdef VECTORS
static const unsigned char ones_then_zeros[2 * VECTOR_BYTES] = {
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
};
#endif

/*
 * PIXEL    type of a pixel
 * SUM      type that holds the sum of a sample: exact for integers
 * SUFFIX   last part of the kernel's name
 * LOWEST, HIGHEST
 *          integers only: limits of PIXEL
 * WIDE, MOST_RUNS
 *          if there are vectors: type of twice the width, and of how many rows it sums
 *          two columns
 */
#define PIXEL uint8_t
#define SUM int64_t
#define SUFFIX u8
#define LOWEST 0
#define HIGHEST UINT8_MAX
#ifdef VECTORS
#define WIDE uint16_t
#define MOST_RUNS 128
#endif
#include "reduce.inc.h"

#define PIXEL uint16_t
#define SUM int64_t
#define SUFFIX u16
#define LOWEST 0
#define HIGHEST UINT16_MAX
#ifdef VECTORS
#define WIDE uint32_t
#define MOST_RUNS 32768
#endif
#include "reduce.inc.h"

#define PIXEL int16_t
#define SUM int64_t
#define SUFFIX i16
#define LOWEST INT16_MIN
#define HIGHEST INT16_MAX
#ifdef VECTORS
#define WIDE int32_t
#define MOST_RUNS INT16_MAX
#endif
#include "reduce.inc.h"

#define PIXEL uint32_t
#define SUM int64_t
#define SUFFIX u32
#define LOWEST 0
#define HIGHEST UINT32_MAX
#ifdef VECTORS
#define WIDE uint64_t
#define MOST_RUNS INT32_MAX
#endif
#include "reduce.inc.h"

#define PIXEL float
#define SUM double
#define SUFFIX f32
#include "reduce.inc.h"

#define PIXEL double
#define SUM double
#define SUFFIX f64
#include "reduce.inc.h"
