
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * Decompression of a body, with a bound.
 */

#ifndef _LEDGER_INFLATE_H_INCLUDED_
#define _LEDGER_INFLATE_H_INCLUDED_


#include "ledger_base.h"


#pragma GCC visibility push(hidden)


/*
 * ledger_inflate() decompresses a whole gzip (RFC 1952) or zlib (RFC 1950)
 * body, or a raw deflate (RFC 1951) as some servers send for "deflate".
 * *out is malloc'd, *len bytes; the caller cleanses and frees it.
 *
 * LEDGER_OK; LEDGER_MALFORMED: damaged, cut short, or bytes left over;
 * LEDGER_LIMIT: the result is larger than "max"; LEDGER_NOMEM.
 */

LEDGER_MUST_USE ledger_rc_t ledger_inflate(ledger_slice_t in, size_t max,
    unsigned char **out, size_t *len);

/*
 * ledger_inflate_head() decompresses what it can of the beginning of such a
 * body to "out", at most "max" bytes, and returns how many they are: 0, too,
 * where it is none or there is no memory.
 */

size_t ledger_inflate_head(ledger_slice_t in, unsigned char *out,
    size_t max);


#pragma GCC visibility pop


#endif /* _LEDGER_INFLATE_H_INCLUDED_ */
