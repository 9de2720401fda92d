/* What the core says about itself: its status codes in words, and its build. */
#include "wormio_extract.h"

/* Given by build_ffi.py; the plain C tests build without it. */
#ifndef WORMIO_BUILD_ID
#define WORMIO_BUILD_ID "unknown"
#endif

const char *wormio_strerror(int status)
{
    switch (status) {
    case WORMIO_OK:
        return "no error";
    case WORMIO_ENULL:
        return "a null pointer was given where there should be elements";
    case WORMIO_EARG:
        return "a count, size, stride, mask or option makes no sense";
    case WORMIO_EBOUNDS:
        return "a row reaches beyond the buffer of pixels";
    case WORMIO_EROWS:
        return "a mask needs image rows that are not in the buffer";
    case WORMIO_ESCRATCH:
        return "the scratch memory is too small for the masks";
    default:
        return "unknown status";
    }
}

const char *wormio_build_id(void)
{
    return WORMIO_BUILD_ID;
}
