/*
 * Plain C tests of planning and reading, meant to run under the address and
 * undefined-behaviour sanitizers. The file that is read is of this test's making: it gives
 * short reads, interruptions and errors when it is told to.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

static ssize_t fake_pread(int fd, void *buffer, size_t size, off_t offset);
#define WORMIO_PREAD fake_pread
#include "../src/read_ranges.c"

static int checks, failures;

#define CHECK(condition)                                                         \
    do {                                                                         \
        checks++;                                                                \
        if (!(condition)) {                                                      \
            failures++;                                                          \
            fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #condition); \
        }                                                                        \
    } while (0)

enum { FILE_SIZE = 1000 };

static int calls, most, fail_at, fail_with;

static char byte_at(int64_t offset)
{
    return (char)(offset * 7 % 251);
}

/* At most `most` bytes a call; call number `fail_at` fails with `fail_with`. */
static ssize_t fake_pread(int fd, void *buffer, size_t size, off_t offset)
{
    size_t n = size < (size_t)most ? size : (size_t)most;

    (void)fd;
    if (++calls == fail_at) {
        errno = fail_with;
        return -1;
    }
    if (offset >= FILE_SIZE)
        return 0;
    if (n > (size_t)(FILE_SIZE - offset))
        n = (size_t)(FILE_SIZE - offset);
    for (size_t i = 0; i < n; i++)
        ((char *)buffer)[i] = byte_at(offset + (int64_t)i);
    return (ssize_t)n;
}

static void pretend(int most_bytes, int failing_call, int number)
{
    calls = 0;
    most = most_bytes;
    fail_at = failing_call;
    fail_with = number;
}

static int is_read(const char *buffer, const int64_t *range)
{
    for (int64_t i = 0; i < range[WORMIO_RANGE_LENGTH]; i++)
        if (buffer[range[WORMIO_RANGE_POSITION] + i] != byte_at(range[WORMIO_RANGE_BEGIN] + i))
            return 0;
    return 1;
}

static void test_reading(void)
{
    /* Allocated to the byte: one too far is seen. */
    const int64_t ranges[2][4] = {{0, 3, 50, 0}, {0, 900, 100, 64}};
    const int64_t n_bytes = 164;
    char *buffer = malloc((size_t)n_bytes);
    int64_t progress[2] = {0, 0};
    int error = 0;

    pretend(1 << 20, 0, 0);
    CHECK(wormio_read_ranges(9, 2, ranges[0], buffer, n_bytes, progress, &error) ==
          WORMIO_READ_OK);
    CHECK(calls == 2 && progress[0] == 2 && progress[1] == 0);
    CHECK(is_read(buffer, ranges[0]) && is_read(buffer, ranges[1]));

    /* Short reads go on where they ended. */
    memset(buffer, 0, (size_t)n_bytes);
    memset(progress, 0, sizeof progress);
    pretend(7, 0, 0);
    CHECK(wormio_read_ranges(9, 2, ranges[0], buffer, n_bytes, progress, &error) ==
          WORMIO_READ_OK);
    CHECK(calls == 8 + 15);
    CHECK(is_read(buffer, ranges[0]) && is_read(buffer, ranges[1]));

    /* A signal interrupts; the next call goes on. */
    memset(buffer, 0, (size_t)n_bytes);
    memset(progress, 0, sizeof progress);
    pretend(30, 4, EINTR);
    CHECK(wormio_read_ranges(9, 2, ranges[0], buffer, n_bytes, progress, &error) ==
          WORMIO_READ_INTERRUPTED);
    CHECK(progress[0] == 1 && progress[1] == 30);
    CHECK(wormio_read_ranges(9, 2, ranges[0], buffer, n_bytes, progress, &error) ==
          WORMIO_READ_OK);
    CHECK(is_read(buffer, ranges[0]) && is_read(buffer, ranges[1]));

    /* An error is told, with the place. */
    memset(progress, 0, sizeof progress);
    pretend(30, 2, EIO);
    CHECK(wormio_read_ranges(9, 2, ranges[0], buffer, n_bytes, progress, &error) ==
          WORMIO_READ_FAILED);
    CHECK(error == EIO && progress[0] == 0 && progress[1] == 30);

    /* So is the end of the file. */
    {
        const int64_t beyond[4] = {0, 990, 20, 0};

        memset(progress, 0, sizeof progress);
        pretend(1 << 20, 0, 0);
        CHECK(wormio_read_ranges(9, 1, beyond, buffer, n_bytes, progress, &error) ==
              WORMIO_READ_ENDED);
        CHECK(progress[0] == 0 && progress[1] == 10);
    }
    free(buffer);
}

static void test_ranges_that_make_no_sense(void)
{
    char buffer[64];
    int64_t progress[2] = {0, 0};
    int error = 0;
    const int64_t wrong[][4] = {
        {0, -1, 8, 0},  {0, 0, -8, 0},          {0, 0, 8, -1}, {0, 0, 65, 0},
        {0, 0, 8, 57},  {0, INT64_MAX, 8, 0},   {0, 0, 8, INT64_MAX},
    };

    pretend(1 << 20, 0, 0);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        CHECK(wormio_read_ranges(9, 1, wrong[i], buffer, 64, progress, &error) ==
              WORMIO_READ_EARG);
    CHECK(wormio_read_ranges(9, 1, NULL, buffer, 64, progress, &error) == WORMIO_READ_EARG);
    CHECK(wormio_read_ranges(9, -1, wrong[0], buffer, 64, progress, &error) ==
          WORMIO_READ_EARG);
    CHECK(wormio_read_ranges(9, 0, NULL, NULL, 64, progress, &error) == WORMIO_READ_EARG);
    CHECK(wormio_read_ranges(9, 0, NULL, buffer, 64, NULL, &error) == WORMIO_READ_EARG);
    CHECK(calls == 0);
    CHECK(wormio_read_ranges(9, 0, NULL, NULL, 0, progress, &error) == WORMIO_READ_OK);
}

static void test_listing(void)
{
    /* Rows at both ends of an image; ends that meet those of the next are two spans. */
    const unsigned char marks[] = {1, 0, 1, 1, 1, 0, 0, 1, 0, 0, 0, 0, 1, 1, 1, 1};
    const int64_t expected[] = {1, 0, 1, -1, 1, 3, 4, -1, 0, 0, 1, -1, 0, 2, 4, -1, 3, 0, 4, -1};
    const int64_t order[] = {1, 0, 2, 3};
    unsigned char *touched = malloc(sizeof marks);
    int64_t *spans = malloc(4 * 2 * 4 * sizeof *spans), *of_image = malloc(8 * sizeof *spans);
    const int64_t found[] = {2, 4, 0, 2, 4, 4, 4, 5};

    memcpy(touched, marks, sizeof marks);
    CHECK(wormio_list_spans(touched, 4, 4, order, spans, of_image) == 5);
    CHECK(memcmp(spans, expected, sizeof expected) == 0);
    CHECK(memcmp(of_image, found, sizeof found) == 0);
    CHECK(wormio_list_spans(touched, 1, 1, order + 1, spans, of_image) == 1 && spans[2] == 1);
    CHECK(wormio_list_spans(NULL, 0, 4, NULL, NULL, NULL) == 0);
    CHECK(wormio_list_spans(NULL, 4, 0, order, NULL, of_image) == 0);
    free(touched);
    free(spans);
    free(of_image);
}

static void test_placing(void)
{
    /* Two images of 5 rows of 10 bytes, one after the other from byte 100 on, and a third in
     * another file. Rows 3-4 of the first and row 0 of the second touch. */
    const int64_t order[] = {1, 0, 2, 3};
    const int64_t group[] = {0, 0, 0, 1};
    const int64_t begin[] = {150, 130, 190, 0};
    int64_t table[][4] = {{1, 0, 1, -1}, {0, 3, 5, -1}, {1, 4, 5, -1}, {2, 0, 2, -1}};
    wormio_spans spans = {4, 3, 5, order, group, 2, begin, 10, 10, 29};
    int64_t *ranges = malloc(16 * sizeof *ranges);
    int64_t n_ranges, n_bytes;

    CHECK(wormio_place_rows(&spans, table[0], ranges, &n_ranges, &n_bytes) == WORMIO_READ_OK);
    CHECK(n_ranges == 3 && n_bytes == 128 + 20);
    CHECK(ranges[0] == 0 && ranges[1] == 130 && ranges[2] == 30 && ranges[3] == 0);
    CHECK(ranges[4] == 0 && ranges[5] == 190 && ranges[6] == 10 && ranges[7] == 64);
    CHECK(ranges[8] == 1 && ranges[9] == 0 && ranges[10] == 20 && ranges[11] == 128);
    CHECK(table[1][3] == 0 && table[0][3] == 20 && table[2][3] == 64 && table[3][3] == 128);

    spans.gap = 30; /* one byte more: the hole is read */
    CHECK(wormio_place_rows(&spans, table[0], ranges, &n_ranges, &n_bytes) == WORMIO_READ_OK);
    CHECK(n_ranges == 2 && ranges[2] == 70 && table[2][3] == 60);

    spans.groups_a_part = 1; /* the other file is read later, into the same memory */
    CHECK(wormio_place_rows(&spans, table[0], ranges, &n_ranges, &n_bytes) == WORMIO_READ_OK);
    CHECK(n_ranges == 2 && n_bytes == 70 && ranges[7] == 0 && table[3][3] == 0);

    spans.n_spans = 0;
    CHECK(wormio_place_rows(&spans, NULL, NULL, &n_ranges, &n_bytes) == WORMIO_READ_OK);
    CHECK(n_ranges == 0 && n_bytes == 0);
    free(ranges);
}

static void test_spans_that_make_no_sense(void)
{
    int64_t order = 0, group = 0, begin = 0, span[4] = {0, 0, 1, -1};
    int64_t range[4], n_ranges, n_bytes;
    const wormio_spans good = {1, 1, 1, &order, &group, 1, &begin, 8, 8, 0};
    wormio_spans spans = good;

#define REFUSED(change, back)                                                     \
    do {                                                                          \
        change;                                                                   \
        CHECK(wormio_place_rows(&spans, span, range, &n_ranges, &n_bytes) ==       \
              WORMIO_READ_EARG);                                                  \
        back;                                                                     \
        spans = good;                                                             \
    } while (0)

    CHECK(wormio_place_rows(&spans, span, range, &n_ranges, &n_bytes) == WORMIO_READ_OK);
    REFUSED(order = 1, order = 0);
    REFUSED(order = -1, order = 0);
    REFUSED(span[0] = 1, span[0] = 0);
    REFUSED(span[1] = -1, span[1] = 0);
    REFUSED(span[2] = 2, span[2] = 1);
    REFUSED(span[2] = 0, span[2] = 1);
    REFUSED(begin = -1, begin = 0);
    REFUSED(begin = INT64_MAX, begin = 0);
    REFUSED(spans.n_spans = -1, );
    REFUSED(spans.row_stride = 0, );
    REFUSED(spans.row_bytes = INT64_MAX, );
    REFUSED(spans.row_stride = INT64_MAX, );
    REFUSED(spans.gap = -1, );
    REFUSED(spans.group = NULL, );
    REFUSED(spans.groups_a_part = 0, );
    REFUSED(group = -1, group = 0);
    CHECK(wormio_place_rows(NULL, span, range, &n_ranges, &n_bytes) == WORMIO_READ_EARG);
    CHECK(wormio_place_rows(&spans, NULL, range, &n_ranges, &n_bytes) == WORMIO_READ_EARG);
    CHECK(wormio_place_rows(&spans, span, range, NULL, &n_bytes) == WORMIO_READ_EARG);
#undef REFUSED

    { /* An order that is none. */
        const int64_t o[] = {0, 1}, g[] = {0, 0}, b[] = {8, 0};
        const wormio_spans back = {2, 1, 2, o, g, 1, b, 8, 8, 0};
        int64_t s[] = {0, 1, 2, -1, 0, 0, 1, -1}, ranges[8];

        CHECK(wormio_place_rows(&back, s, ranges, &n_ranges, &n_bytes) ==
              WORMIO_READ_EARG);
    }
}

int main(void)
{
    test_reading();
    test_ranges_that_make_no_sense();
    test_listing();
    test_placing();
    test_spans_that_make_no_sense();
    printf("%d checks, %d failures\n", checks, failures);
    return failures != 0;
}
