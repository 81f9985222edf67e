
/*
 * Copyright (C) The OAuth gateway authors
 */

#include "ledger_inflate.h"

#include <limits.h>
#include <stdlib.h>

#include <openssl/crypto.h>
#include <zlib.h>


/* zlib's argument: tell gzip and zlib apart by their heads; or no head */
#define LEDGER_INFLATE_HEAD  (MAX_WBITS + 32)
#define LEDGER_INFLATE_RAW   (-MAX_WBITS)


static ledger_rc_t ledger_inflate_as(int bits, ledger_slice_t in,
    unsigned char *out, size_t max, size_t *len);


ledger_rc_t
ledger_inflate(ledger_slice_t in, size_t max, unsigned char **out,
    size_t *len)
{
    ledger_rc_t     rc;
    unsigned char  *p;

    if (in.len > UINT_MAX || max >= UINT_MAX) {
        return LEDGER_LIMIT;
    }

    /* one byte more than allowed: filling it is how "too large" shows */

    p = malloc(max + 1);
    if (p == NULL) {
        return LEDGER_NOMEM;
    }

    rc = ledger_inflate_as(LEDGER_INFLATE_HEAD, in, p, max, len);

    if (rc == LEDGER_MALFORMED) {
        rc = ledger_inflate_as(LEDGER_INFLATE_RAW, in, p, max, len);
    }

    if (rc != LEDGER_OK) {
        free(p);
        return rc;
    }

    *out = p;

    return LEDGER_OK;
}


static ledger_rc_t
ledger_inflate_as(int bits, ledger_slice_t in, unsigned char *out,
    size_t max, size_t *len)
{
    int       rc;
    size_t    n;
    z_stream  stream;

    stream = (z_stream) { .next_in = (z_const Bytef *) in.data,
                          .avail_in = (uInt) in.len,
                          .next_out = out,
                          .avail_out = (uInt) max + 1 };

    if (inflateInit2(&stream, bits) != Z_OK) {
        return LEDGER_NOMEM;
    }

    rc = inflate(&stream, Z_FINISH);
    n = max + 1 - stream.avail_out;

    (void) inflateEnd(&stream);

    if (rc == Z_STREAM_END && n <= max && stream.avail_in == 0) {
        *len = n;
        return LEDGER_OK;
    }

    OPENSSL_cleanse(out, n);

    if (rc == Z_MEM_ERROR) {
        return LEDGER_NOMEM;
    }

    return n > max ? LEDGER_LIMIT : LEDGER_MALFORMED;
}
