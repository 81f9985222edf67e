
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * Events, read in pages.
 */

#include "ledger.h"

#include "ledger_event.h"
#include "ledger_page.h"


static ledger_rc_t ledger_history_read(ledger_view_t *view, uint64_t after,
    size_t max, ledger_page_t *page);


ledger_rc_t
ledger_history(ledger_t *ledger, uint64_t after, size_t max,
    ledger_page_t *page)
{
    ledger_rc_t    rc;
    ledger_view_t  view;

    rc = ledger_store_read(ledger, &view);

    if (rc != LEDGER_OK) {
        return rc;
    }

    rc = ledger_history_read(&view, after, max, page);

    ledger_store_read_end(&view);

    return rc;
}


static ledger_rc_t
ledger_history_read(ledger_view_t *view, uint64_t after, size_t max,
    ledger_page_t *page)
{
    uint64_t        number;
    ledger_rc_t     rc;
    ledger_slice_t  encoded;

    page->next = 0;

    while (after < UINT64_MAX) {
        rc = ledger_store_entry(view, LEDGER_HISTORY, after + 1, &number,
                                &encoded);

        if (rc != LEDGER_OK) {
            return rc == LEDGER_NOT_FOUND ? LEDGER_OK : rc;
        }

        if (page->n == max) {
            /* one more is there */
            page->next = after;
            return LEDGER_OK;
        }

        rc = ledger_page_add(page, number, encoded);

        if (rc != LEDGER_OK) {
            return rc;
        }

        after = number;
    }

    return LEDGER_OK;
}


ledger_rc_t
ledger_history_last(ledger_t *ledger, uint64_t *number)
{
    ledger_rc_t    rc;
    ledger_view_t  view;

    rc = ledger_store_read(ledger, &view);

    if (rc != LEDGER_OK) {
        return rc;
    }

    rc = ledger_store_number(&view, LEDGER_NAME_EVENT, number);

    ledger_store_read_end(&view);

    if (rc == LEDGER_NOT_FOUND) {
        *number = 0;
        return LEDGER_OK;
    }

    if (rc == LEDGER_OK) {
        (*number)--;
    }

    return rc;
}
