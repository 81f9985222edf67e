
/*
 * Copyright (C) The OAuth gateway authors
 */

#include "ledger_cursor.h"

#include <string.h>


static void ledger_put_number(ledger_writer_t *w, uint64_t value,
    unsigned size);
static uint32_t ledger_take_number(ledger_reader_t *r, unsigned size);


ledger_writer_t
ledger_writer(unsigned char *buf, size_t size)
{
    return (ledger_writer_t) { buf, buf + size, 0 };
}


void
ledger_put_u8(ledger_writer_t *w, unsigned value)
{
    ledger_put_number(w, value, 1);
}


void
ledger_put_u16(ledger_writer_t *w, unsigned value)
{
    ledger_put_number(w, value, 2);
}


void
ledger_put_u32(ledger_writer_t *w, uint32_t value)
{
    ledger_put_number(w, value, 4);
}


void
ledger_put_u64(ledger_writer_t *w, uint64_t value)
{
    ledger_put_number(w, value, 8);
}


void
ledger_put_bytes(ledger_writer_t *w, const void *bytes, size_t len)
{
    if (w->failed || len > (size_t) (w->end - w->pos)) {
        w->failed = 1;
        return;
    }

    if (len) {
        memcpy(w->pos, bytes, len);
        w->pos += len;
    }
}


void
ledger_put_slice(ledger_writer_t *w, ledger_slice_t slice)
{
    if (slice.len > UINT16_MAX) {
        w->failed = 1;
        return;
    }

    ledger_put_u16(w, (unsigned) slice.len);
    ledger_put_bytes(w, slice.data, slice.len);
}


static void
ledger_put_number(ledger_writer_t *w, uint64_t value, unsigned size)
{
    if (w->failed || size > (size_t) (w->end - w->pos)) {
        w->failed = 1;
        return;
    }

    while (size--) {
        *w->pos++ = (unsigned char) (value >> 8 * size & 0xff);
    }
}


ledger_reader_t
ledger_reader(const unsigned char *buf, size_t len)
{
    return (ledger_reader_t) { buf, buf + len, 0 };
}


uint8_t
ledger_take_u8(ledger_reader_t *r)
{
    return (uint8_t) ledger_take_number(r, 1);
}


uint16_t
ledger_take_u16(ledger_reader_t *r)
{
    return (uint16_t) ledger_take_number(r, 2);
}


uint32_t
ledger_take_u32(ledger_reader_t *r)
{
    return ledger_take_number(r, 4);
}


/* a look-up reads a dozen of these: written so that it is one instruction */

uint64_t
ledger_take_u64(ledger_reader_t *r)
{
    unsigned char  p[8];

    ledger_take_bytes(r, p, sizeof(p));

    return (uint64_t) p[0] << 56 | (uint64_t) p[1] << 48
           | (uint64_t) p[2] << 40 | (uint64_t) p[3] << 32
           | (uint64_t) p[4] << 24 | (uint64_t) p[5] << 16
           | (uint64_t) p[6] << 8 | (uint64_t) p[7];
}


void
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


ledger_slice_t
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


static uint32_t
ledger_take_number(ledger_reader_t *r, unsigned size)
{
    uint32_t  value;

    if (r->failed || size > (size_t) (r->end - r->pos)) {
        r->failed = 1;
        return 0;
    }

    value = 0;

    while (size--) {
        value = value << 8 | *r->pos++;
    }

    return value;
}
