
/*
 * Copyright (C) The OAuth gateway authors
 */

#include "ledger_cursor.h"

#include <string.h>


static void ledger_put_number(ledger_writer_t *w, uint64_t value,
    unsigned size);


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
