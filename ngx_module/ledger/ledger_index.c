
/*
 * Copyright (C) The OAuth gateway authors
 */

#include "ledger_index.h"

#include "ledger_connection.h"


ledger_rc_t
ledger_index_move(ledger_view_t *view, const ledger_connection_t *was,
    const ledger_connection_t *is)
{
    unsigned             kind;
    ledger_rc_t          rc;
    ledger_mark_t        old, new;
    ledger_connection_t  none;

    none.id = 0;

    for (kind = LEDGER_MARK_PROVIDER; kind < LEDGER_MARKS; kind++) {

        old = ledger_index_mark(was ? was : &none, (ledger_mark_kind_t) kind);
        new = ledger_index_mark(is ? is : &none, (ledger_mark_kind_t) kind);

        if (ledger_slice_equal(old.value, new.value)) {
            continue;
        }

        rc = LEDGER_OK;

        if (new.value.len) {
            rc = ledger_store_put_mark(view, &new);
        }

        if (rc == LEDGER_OK && old.value.len) {
            rc = ledger_store_delete_mark(view, &old);
        }

        if (rc != LEDGER_OK) {
            return rc;
        }
    }

    return LEDGER_OK;
}


ledger_mark_t
ledger_index_mark(const ledger_connection_t *connection,
    ledger_mark_kind_t kind)
{
    ledger_mark_t  mark;

    mark.kind = (uint8_t) kind;
    mark.connection = connection->id;
    mark.value = ledger_slice("");

    if (connection->id == 0) {
        return mark;
    }

    switch (kind) {

    case LEDGER_MARK_PROVIDER:
        mark.value = connection->provider;
        break;

    case LEDGER_MARK_CLIENT:
        mark.value = connection->client;
        break;

    case LEDGER_MARK_USER:
        mark.value = connection->user;
        break;

    case LEDGER_MARK_TENANT:
        mark.value = connection->tenant;
        break;

    case LEDGER_MARK_OWNER:
        mark.value = connection->owner;
        break;

    default: /* LEDGER_MARK_STATE */
        mark.value = (ledger_slice_t) { &connection->state, 1 };
        break;
    }

    return mark;
}
