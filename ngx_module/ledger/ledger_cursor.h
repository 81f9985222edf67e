
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * Cursors: every byte of a stored form is written and read through one of
 * these two, so that bounds are checked in one place.  Numbers are
 * big-endian: stored keys sort as their numbers do.
 *
 * Both remember a failure and do nothing after it: check "failed" once, at
 * the end.
 */

#ifndef _LEDGER_CURSOR_H_INCLUDED_
#define _LEDGER_CURSOR_H_INCLUDED_


#include "ledger_base.h"


#pragma GCC visibility push(hidden)


typedef struct {
    unsigned char        *pos;
    unsigned char        *end;
    unsigned              failed:1;      /* no room was left */
} ledger_writer_t;


typedef struct {
    const unsigned char  *pos;
    const unsigned char  *end;
    unsigned              failed:1;      /* read past the end, or a bound */
} ledger_reader_t;


ledger_writer_t ledger_writer(unsigned char *buf, size_t size);
void ledger_put_u8(ledger_writer_t *w, unsigned value);
void ledger_put_u16(ledger_writer_t *w, unsigned value);
void ledger_put_u32(ledger_writer_t *w, uint32_t value);
void ledger_put_u64(ledger_writer_t *w, uint64_t value);
void ledger_put_bytes(ledger_writer_t *w, const void *bytes, size_t len);

/* A length of two bytes, then the bytes; at most 65535. */

void ledger_put_slice(ledger_writer_t *w, ledger_slice_t slice);


ledger_reader_t ledger_reader(const unsigned char *buf, size_t len);
uint8_t ledger_take_u8(ledger_reader_t *r);
uint16_t ledger_take_u16(ledger_reader_t *r);
uint32_t ledger_take_u32(ledger_reader_t *r);
uint64_t ledger_take_u64(ledger_reader_t *r);
void ledger_take_bytes(ledger_reader_t *r, void *bytes, size_t len);

/* The slice points into what is read.  More than "max" bytes is a failure. */

ledger_slice_t ledger_take_slice(ledger_reader_t *r, size_t max);


#pragma GCC visibility pop


#endif /* _LEDGER_CURSOR_H_INCLUDED_ */
