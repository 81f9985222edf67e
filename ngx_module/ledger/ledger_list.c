
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * Connections, read in pages, newest first.
 */

#include "ledger.h"

#include "ledger_connection.h"
#include "ledger_index.h"
#include "ledger_page.h"


static ledger_rc_t ledger_list_read(ledger_view_t *view,
    const ledger_filter_t *filter, uint64_t before, size_t max,
    ledger_page_t *page);
static ledger_mark_t ledger_list_index(const ledger_filter_t *filter);
static ledger_rc_t ledger_list_next(ledger_view_t *view,
    ledger_mark_t *index, uint64_t *before, ledger_slice_t *encoded);
static unsigned ledger_list_matches(const ledger_filter_t *filter,
    const ledger_connection_t *connection);
static unsigned ledger_list_is(ledger_slice_t wanted, ledger_slice_t value);


ledger_rc_t
ledger_list(ledger_t *ledger, const ledger_filter_t *filter, uint64_t before,
    size_t max, ledger_page_t *page)
{
    ledger_rc_t    rc;
    ledger_view_t  view;

    rc = ledger_store_read(ledger, &view);

    if (rc != LEDGER_OK) {
        return rc;
    }

    rc = ledger_list_read(&view, filter, before, max, page);

    ledger_store_read_end(&view);

    return rc;
}


static ledger_rc_t
ledger_list_read(ledger_view_t *view, const ledger_filter_t *filter,
    uint64_t before, size_t max, ledger_page_t *page)
{
    unsigned             looks;
    uint64_t             id;
    ledger_rc_t          rc;
    ledger_mark_t        index;
    ledger_slice_t       encoded;
    ledger_connection_t  connection;

    page->next = 0;
    index = ledger_list_index(filter);
    id = before ? before : UINT64_MAX;

    for (looks = 0; page->n < max && looks < LEDGER_LOOKS_MAX; looks++) {

        rc = ledger_list_next(view, &index, &id, &encoded);

        if (rc == LEDGER_NOT_FOUND) {
            return LEDGER_OK;
        }

        if (rc == LEDGER_OK) {
            rc = ledger_connection_decode(encoded.data, encoded.len,
                                          &connection);
        }

        if (rc == LEDGER_OK && ledger_list_matches(filter, &connection)) {
            rc = ledger_page_add(page, id, encoded);
        }

        if (rc != LEDGER_OK) {
            return rc == LEDGER_VERSION ? LEDGER_CORRUPT : rc;
        }
    }

    /* what follows this one was not looked at, and may be nothing */

    page->next = id;

    return LEDGER_OK;
}


/*
 * One index narrows the look, the first of those that usually leave the
 * fewest; kind 0: none does.
 */

static ledger_mark_t
ledger_list_index(const ledger_filter_t *filter)
{
    ledger_mark_t  index;

    index.connection = 0;

    if (filter->user.len) {
        index.kind = LEDGER_MARK_USER;
        index.value = filter->user;

    } else if (filter->owner.len) {
        index.kind = LEDGER_MARK_OWNER;
        index.value = filter->owner;

    } else if (filter->tenant.len) {
        index.kind = LEDGER_MARK_TENANT;
        index.value = filter->tenant;

    } else if (filter->client.len) {
        index.kind = LEDGER_MARK_CLIENT;
        index.value = filter->client;

    } else if (filter->state) {
        index.kind = LEDGER_MARK_STATE;
        index.value = (ledger_slice_t) { &filter->state, 1 };

    } else {
        index.kind = filter->provider.len ? LEDGER_MARK_PROVIDER : 0;
        index.value = filter->provider;
    }

    return index;
}


/* The newest connection before *before, which becomes its id. */

static ledger_rc_t
ledger_list_next(ledger_view_t *view, ledger_mark_t *index, uint64_t *before,
    ledger_slice_t *encoded)
{
    ledger_rc_t  rc;

    if (index->kind == 0) {
        return ledger_store_entry_before(view, LEDGER_CONNECTIONS, *before,
                                         before, encoded);
    }

    index->connection = *before;

    rc = ledger_store_mark_before(view, index, before);

    if (rc != LEDGER_OK) {
        return rc;
    }

    rc = ledger_store_connection(view, *before, encoded);

    return rc == LEDGER_NOT_FOUND ? LEDGER_CORRUPT : rc;
}


static unsigned
ledger_list_matches(const ledger_filter_t *filter,
    const ledger_connection_t *connection)
{
    return ledger_list_is(filter->provider, connection->provider)
           && ledger_list_is(filter->client, connection->client)
           && ledger_list_is(filter->user, connection->user)
           && ledger_list_is(filter->tenant, connection->tenant)
           && ledger_list_is(filter->owner, connection->owner)
           && (filter->state == 0 || filter->state == connection->state);
}


static unsigned
ledger_list_is(ledger_slice_t wanted, ledger_slice_t value)
{
    return wanted.len == 0 || ledger_slice_equal(wanted, value);
}
