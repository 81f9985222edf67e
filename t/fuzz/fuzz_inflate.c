
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * Target: ledger_inflate().  The first two bytes are the bound.  The result
 * is never above it, is the same under a larger bound, and is refused under
 * one that is smaller by a byte; packed again it comes back.
 */

#include "ledger_inflate.h"

#include <zlib.h>

#include "fuzz.h"


static void fuzz_again(ledger_slice_t in, ledger_slice_t out);
static void fuzz_round_trip(ledger_slice_t out);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t           len, max;
    ledger_rc_t      rc;
    unsigned char   *out;
    ledger_slice_t   in;

    if (size < 2) {
        return 0;
    }

    max = (size_t) data[0] << 8 | data[1];
    in = (ledger_slice_t) { data + 2, size - 2 };

    rc = ledger_inflate(in, max, &out, &len);

    fuzz_must(rc == LEDGER_OK || rc == LEDGER_MALFORMED
              || rc == LEDGER_LIMIT);

    if (rc == LEDGER_OK) {
        fuzz_must(len <= max);
        fuzz_again(in, (ledger_slice_t) { out, len });
        fuzz_round_trip((ledger_slice_t) { out, len });
        free(out);
    }

    return 0;
}


static void
fuzz_again(ledger_slice_t in, ledger_slice_t out)
{
    size_t          len;
    unsigned char  *again;

    fuzz_must(ledger_inflate(in, out.len, &again, &len) == LEDGER_OK);
    fuzz_must(fuzz_equal(out, (ledger_slice_t) { again, len }));
    free(again);

    fuzz_must(ledger_inflate(in, 1 << 20, &again, &len) == LEDGER_OK);
    fuzz_must(fuzz_equal(out, (ledger_slice_t) { again, len }));
    free(again);

    fuzz_must(out.len == 0
              || ledger_inflate(in, out.len - 1, &again, &len)
                 == LEDGER_LIMIT);
}


static void
fuzz_round_trip(ledger_slice_t out)
{
    uLong           size;
    size_t          len;
    unsigned char  *packed, *again;

    size = compressBound(out.len);
    packed = malloc(size);

    fuzz_must(packed != NULL);
    fuzz_must(compress2(packed, &size, out.data, out.len, 1) == Z_OK);
    fuzz_must(ledger_inflate((ledger_slice_t) { packed, size }, out.len,
                             &again, &len)
              == LEDGER_OK);
    fuzz_must(fuzz_equal(out, (ledger_slice_t) { again, len }));

    free(packed);
    free(again);
}
