
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * The two encodings that several leaves read.
 */

#ifndef _LEDGER_DECODE_H_INCLUDED_
#define _LEDGER_DECODE_H_INCLUDED_


#include "ledger_base.h"


#pragma GCC visibility push(hidden)


typedef enum {
    LEDGER_BASE64 = 1,     /* RFC 4648, 4 */
    LEDGER_BASE64URL       /* RFC 4648, 5 */
} ledger_base64_t;


/*
 * ledger_decode_base64() decodes "text" to "out", which takes
 * text.len / 4 * 3 + 2 bytes, and writes the length to *len.  The padding
 * may be missing, but not be wrong; bits left over must be zero, so that
 * one value has one text.  Writes no further than it has read: "out" may be
 * text.data.
 *
 * LEDGER_OK; LEDGER_MALFORMED: a byte outside the alphabet, a length that
 * cannot be.
 */

LEDGER_MUST_USE ledger_rc_t ledger_decode_base64(ledger_slice_t text,
    ledger_base64_t alphabet, unsigned char *out, size_t *len);

/*
 * ledger_decode_form() decodes one name or value of
 * application/x-www-form-urlencoded: "%41", and '+' for a space.  "out"
 * takes text.len bytes and may be text.data; *len is what was written.
 *
 * LEDGER_OK; LEDGER_MALFORMED: a '%' without two hex digits.
 */

LEDGER_MUST_USE ledger_rc_t ledger_decode_form(ledger_slice_t text,
    unsigned char *out, size_t *len);


#pragma GCC visibility pop


#endif /* _LEDGER_DECODE_H_INCLUDED_ */
