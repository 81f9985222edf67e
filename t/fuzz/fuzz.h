
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * What the fuzz targets share.  A target does not only wait for a crash: it
 * states properties with fuzz_must().
 */

#ifndef _FUZZ_H_INCLUDED_
#define _FUZZ_H_INCLUDED_


#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ledger_base.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


#define fuzz_must(property)                                                   \
    fuzz_check((property) != 0, #property, __FILE__, __LINE__)


static inline void
fuzz_check(int holds, const char *property, const char *file, int line)
{
    if (!holds) {
        (void) fprintf(stderr, "%s:%d: %s\n", file, line, property);
        abort();
    }
}


/* Whether "part" lies inside "whole"; an empty one may lie anywhere. */

static inline int
fuzz_inside(ledger_slice_t part, ledger_slice_t whole)
{
    uintptr_t  first, start;

    first = (uintptr_t) part.data;
    start = (uintptr_t) whole.data;

    return part.len == 0
           || (first >= start && part.len <= whole.len
               && first - start <= whole.len - part.len);
}


static inline int
fuzz_equal(ledger_slice_t a, ledger_slice_t b)
{
    return a.len == b.len
           && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}


#endif /* _FUZZ_H_INCLUDED_ */
