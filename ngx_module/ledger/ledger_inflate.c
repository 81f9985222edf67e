
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


static int ledger_inflate_has_head(ledger_slice_t in);
static ledger_rc_t ledger_inflate_to(unsigned char *out, size_t max,
    ledger_slice_t in, size_t *len);


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

    rc = ledger_inflate_to(p, max, in, len);

    if (rc != LEDGER_OK) {
        free(p);
        return rc;
    }

    *out = p;

    return LEDGER_OK;
}


static ledger_rc_t
ledger_inflate_to(unsigned char *out, size_t max, ledger_slice_t in,
    size_t *len)
{
    int       rc, bits;
    size_t    n;
    z_stream  stream;

    stream = (z_stream) { .next_in = (z_const Bytef *) in.data,
                          .avail_in = (uInt) in.len,
                          .next_out = out,
                          .avail_out = (uInt) max + 1 };

    bits = ledger_inflate_has_head(in) ? LEDGER_INFLATE_HEAD
                                       : LEDGER_INFLATE_RAW;

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


size_t
ledger_inflate_head(ledger_slice_t in, unsigned char *out, size_t max)
{
    int       bits;
    size_t    n;
    z_stream  stream;

    if (in.len > UINT_MAX || max > UINT_MAX) {
        return 0;
    }

    stream = (z_stream) { .next_in = (z_const Bytef *) in.data,
                          .avail_in = (uInt) in.len,
                          .next_out = out,
                          .avail_out = (uInt) max };

    bits = ledger_inflate_has_head(in) ? LEDGER_INFLATE_HEAD
                                       : LEDGER_INFLATE_RAW;

    if (inflateInit2(&stream, bits) != Z_OK) {
        return 0;
    }

    /* whatever ends it, what came out before counts */

    (void) inflate(&stream, Z_SYNC_FLUSH);
    n = max - stream.avail_out;

    (void) inflateEnd(&stream);

    return n;
}


/*
 * A raw deflate begins with neither: 0x1f names a type of block that does
 * not exist, and 8 in the low bits a stored block with dirty padding.
 */

static int
ledger_inflate_has_head(ledger_slice_t in)
{
    return in.len > 0 && (in.data[0] == 0x1f || (in.data[0] & 0x0f) == 8);
}
