
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * The events that one connection had a part in, read in pages.
 */

#include "ledger.h"

#include "ledger_page.h"
#include "ledger_store.h"


static ledger_rc_t ledger_story_read(ledger_view_t *view,
    uint64_t connection, uint64_t before, size_t max, ledger_page_t *page);


ledger_rc_t
ledger_story(ledger_t *ledger, uint64_t connection, uint64_t before,
    size_t max, ledger_page_t *page)
{
    ledger_rc_t    rc;
    ledger_view_t  view;

    rc = ledger_store_read(ledger, &view);

    if (rc != LEDGER_OK) {
        return rc;
    }

    rc = ledger_story_read(&view, connection, before, max, page);

    ledger_store_read_end(&view);

    return rc;
}


static ledger_rc_t
ledger_story_read(ledger_view_t *view, uint64_t connection, uint64_t before,
    size_t max, ledger_page_t *page)
{
    uint64_t        number, found;
    ledger_rc_t     rc;
    ledger_slice_t  encoded;

    page->next = 0;

    if (before == 0) {
        before = UINT64_MAX;
    }

    for ( ;; ) {
        rc = ledger_store_story_before(view, connection, before, &number);

        if (rc != LEDGER_OK) {
            return rc == LEDGER_NOT_FOUND ? LEDGER_OK : rc;
        }

        if (page->n == max) {
            /* one more is there */
            page->next = before;
            return LEDGER_OK;
        }

        rc = ledger_store_entry(view, LEDGER_HISTORY, number, &found,
                                &encoded);

        if (rc == LEDGER_NOT_FOUND || (rc == LEDGER_OK && found != number)) {
            return LEDGER_CORRUPT;
        }

        if (rc == LEDGER_OK) {
            rc = ledger_page_add(page, number, encoded);
        }

        if (rc != LEDGER_OK) {
            return rc;
        }

        before = number;
    }
}
