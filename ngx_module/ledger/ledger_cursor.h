
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


#include <string.h>

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


/*
 * The guard reads some forty fields a request: what takes is inline.  A
 * failed take gives zero, or an empty slice.
 */

static inline ledger_reader_t
ledger_reader(const unsigned char *buf, size_t len)
{
    return (ledger_reader_t) { buf, buf + len, 0 };
}


static inline void
ledger_take_bytes(ledger_reader_t *r, void *bytes, size_t len)
{
    if (r->failed || len > (size_t) (r->end - r->pos)) {
        r->failed = 1;
        memset(bytes, 0, len);
        return;
    }

    memcpy(bytes, r->pos, len);
    r->pos += len;
}


static inline uint8_t
ledger_take_u8(ledger_reader_t *r)
{
    uint8_t  value;

    ledger_take_bytes(r, &value, sizeof(value));

    return value;
}


static inline uint16_t
ledger_take_u16(ledger_reader_t *r)
{
    unsigned char  p[2];

    ledger_take_bytes(r, p, sizeof(p));

    return (uint16_t) (p[0] << 8 | p[1]);
}


static inline uint32_t
ledger_take_u32(ledger_reader_t *r)
{
    unsigned char  p[4];

    ledger_take_bytes(r, p, sizeof(p));

    return (uint32_t) p[0] << 24 | (uint32_t) p[1] << 16
           | (uint32_t) p[2] << 8 | (uint32_t) p[3];
}


/* Compilers make one instruction of it, where the machine has one. */

static inline uint64_t
ledger_take_u64(ledger_reader_t *r)
{
    unsigned char  p[8];

    ledger_take_bytes(r, p, sizeof(p));

    return (uint64_t) p[0] << 56 | (uint64_t) p[1] << 48
           | (uint64_t) p[2] << 40 | (uint64_t) p[3] << 32
           | (uint64_t) p[4] << 24 | (uint64_t) p[5] << 16
           | (uint64_t) p[6] << 8 | (uint64_t) p[7];
}


/* The slice points into what is read.  More than "max" bytes is a failure. */

static inline ledger_slice_t
ledger_take_slice(ledger_reader_t *r, size_t max)
{
    size_t          len;
    ledger_slice_t  slice;

    len = ledger_take_u16(r);

    if (r->failed || len > max || len > (size_t) (r->end - r->pos)) {
        r->failed = 1;
        return (ledger_slice_t) { NULL, 0 };
    }

    slice.data = r->pos;
    slice.len = len;
    r->pos += len;

    return slice;
}


#pragma GCC visibility pop


#endif /* _LEDGER_CURSOR_H_INCLUDED_ */
