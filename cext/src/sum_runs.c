/* The kernels, one for each type of pixel: sum_runs.inc.h is their common text. */
#include <math.h>

#include "geometry.h"

/*        type of pixel, type of the sum, last part of the kernel's name */
#define PIXEL uint8_t
#define SUM int64_t
#define SUFFIX u8
#include "sum_runs.inc.h"

#define PIXEL uint16_t
#define SUM int64_t
#define SUFFIX u16
#include "sum_runs.inc.h"

#define PIXEL int16_t
#define SUM int64_t
#define SUFFIX i16
#include "sum_runs.inc.h"

#define PIXEL uint32_t
#define SUM int64_t
#define SUFFIX u32
#include "sum_runs.inc.h"

#define PIXEL float
#define SUM double
#define SUFFIX f32
#include "sum_runs.inc.h"

#define PIXEL double
#define SUM double
#define SUFFIX f64
#include "sum_runs.inc.h"
