
/*
 * Copyright (C) The OAuth gateway authors
 */

#include "ledger_page.h"

#include <stdlib.h>
#include <string.h>

#include "ledger_connection.h"
#include "ledger_event.h"


#define LEDGER_PAGE_ROWS   128
#define LEDGER_PAGE_BYTES  32768


static ledger_slice_t ledger_page_row(const ledger_page_t *page, size_t i);
static ledger_rc_t ledger_page_grow(void **elts, size_t size, size_t needed,
    size_t first, size_t *allocated);


ledger_rc_t
ledger_page_add(ledger_page_t *page, uint64_t number, ledger_slice_t encoded)
{
    void               *p;
    ledger_rc_t         rc;
    ledger_page_row_t  *row;

    p = page->rows;
    rc = ledger_page_grow(&p, sizeof(ledger_page_row_t), page->n + 1,
                          LEDGER_PAGE_ROWS, &page->allocated);
    page->rows = p;

    if (rc != LEDGER_OK) {
        return rc;
    }

    p = page->buf;
    rc = ledger_page_grow(&p, 1, page->len + encoded.len, LEDGER_PAGE_BYTES,
                          &page->size);
    page->buf = p;

    if (rc != LEDGER_OK) {
        return rc;
    }

    memcpy(page->buf + page->len, encoded.data, encoded.len);

    row = &page->rows[page->n++];

    row->number = number;
    row->at = page->len;
    row->len = encoded.len;

    page->len += encoded.len;

    return LEDGER_OK;
}


static ledger_rc_t
ledger_page_grow(void **elts, size_t size, size_t needed, size_t first,
    size_t *allocated)
{
    void    *p;
    size_t   n;

    n = *allocated ? *allocated : first;

    while (n < needed) {
        n *= 2;
    }

    if (n == *allocated) {
        return LEDGER_OK;
    }

    p = realloc(*elts, n * size);
    if (p == NULL) {
        return LEDGER_NOMEM;
    }

    *elts = p;
    *allocated = n;

    return LEDGER_OK;
}


static ledger_slice_t
ledger_page_row(const ledger_page_t *page, size_t i)
{
    return (ledger_slice_t) { page->buf + page->rows[i].at,
                              page->rows[i].len };
}


ledger_rc_t
ledger_page_connection(const ledger_page_t *page, size_t i,
    ledger_connection_t *connection)
{
    ledger_slice_t  row;

    row = ledger_page_row(page, i);

    return ledger_connection_decode(row.data, row.len, connection);
}


ledger_rc_t
ledger_page_event(const ledger_page_t *page, size_t i, ledger_event_t *event)
{
    event->number = page->rows[i].number;

    return ledger_event_decode(ledger_page_row(page, i), event);
}


void
ledger_page_free(ledger_page_t *page)
{
    free(page->rows);
    free(page->buf);
    memset(page, 0, sizeof(ledger_page_t));
}
