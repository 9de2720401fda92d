/* Reading ranges of bytes, one system call each. */
#define _FILE_OFFSET_BITS 64
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <stddef.h>
#include <sys/types.h>
#include <unistd.h>

#include "wormio_read.h"

/* The tests put a file of their own making behind this. */
#ifndef WORMIO_PREAD
#define WORMIO_PREAD pread
#endif

/* Linux reads no more than this at once. */
enum { MAX_READ = 1 << 30 };

static int ranges_fit(int64_t n_ranges, const int64_t *ranges, int64_t n_bytes)
{
    for (int64_t i = 0; i < n_ranges; i++) {
        const int64_t *range = ranges + WORMIO_RANGE_COLUMNS * i;
        const int64_t begin = range[WORMIO_RANGE_BEGIN];
        const int64_t length = range[WORMIO_RANGE_LENGTH];
        const int64_t position = range[WORMIO_RANGE_POSITION];

        if (begin < 0 || length < 0 || position < 0 || begin > INT64_MAX - length ||
            length > n_bytes || position > n_bytes - length)
            return 0;
    }
    return 1;
}

int wormio_read_ranges(int fd, int64_t n_ranges, const int64_t *ranges, char *buffer,
                       int64_t n_bytes, int64_t *progress, int *error)
{
    if (n_ranges < 0 || n_bytes < 0 || progress == NULL || error == NULL ||
        (n_ranges > 0 && ranges == NULL) || (n_bytes > 0 && buffer == NULL) ||
        progress[0] < 0 || progress[1] < 0 || !ranges_fit(n_ranges, ranges, n_bytes))
        return WORMIO_READ_EARG;

    for (; progress[0] < n_ranges; progress[0]++, progress[1] = 0) {
        const int64_t *range = ranges + WORMIO_RANGE_COLUMNS * progress[0];

        while (progress[1] < range[WORMIO_RANGE_LENGTH]) {
            const int64_t rest = range[WORMIO_RANGE_LENGTH] - progress[1];
            const ssize_t n = WORMIO_PREAD(
                fd, buffer + range[WORMIO_RANGE_POSITION] + progress[1],
                (size_t)(rest < MAX_READ ? rest : MAX_READ),
                (off_t)(range[WORMIO_RANGE_BEGIN] + progress[1]));

            if (n == 0)
                return WORMIO_READ_ENDED;
            if (n < 0) {
                *error = errno;
                return errno == EINTR ? WORMIO_READ_INTERRUPTED : WORMIO_READ_FAILED;
            }
            progress[1] += n;
        }
    }
    return WORMIO_READ_OK;
}
