
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * Slots, read in pages: all of them in the order of their ids, or those that
 * were fought over, the latest fight first.
 */

#include "ledger_slots.h"

#include <stdlib.h>
#include <string.h>

#include "ledger_connection.h"
#include "ledger_store.h"


static ledger_rc_t ledger_slots_read(ledger_view_t *view,
    const ledger_slot_query_t *query, ledger_slot_list_t *list);
static ledger_rc_t ledger_slots_one(ledger_view_t *view,
    const ledger_slot_query_t *query, const ledger_slot_id_t *id,
    ledger_slot_list_t *list, unsigned *looks);
static ledger_rc_t ledger_slots_members(ledger_view_t *view,
    const ledger_slot_query_t *query, const ledger_slot_id_t *id,
    ledger_slot_entry_t *entry, unsigned *looks);
static ledger_rc_t ledger_slots_name(ledger_view_t *view,
    const ledger_slot_id_t *id, const ledger_connection_t *connection,
    ledger_slot_entry_t *entry);
static ledger_rc_t ledger_slots_find(ledger_slot_entry_t *entry,
    const ledger_connection_t *connection, const ledger_slot_id_t *id);


ledger_rc_t
ledger_slots(ledger_t *ledger, const ledger_slot_query_t *query,
    ledger_slot_list_t *list)
{
    ledger_rc_t    rc;
    ledger_view_t  view;

    list->more = 0;

    list->elts = calloc(query->max, sizeof(ledger_slot_entry_t));
    if (list->elts == NULL) {
        return LEDGER_NOMEM;
    }

    list->allocated = query->max;

    rc = ledger_store_read(ledger, &view);

    if (rc != LEDGER_OK) {
        return rc;
    }

    rc = ledger_slots_read(&view, query, list);

    ledger_store_read_end(&view);

    /* what a slot's rows lead to must be there */

    return rc == LEDGER_NOT_FOUND ? LEDGER_CORRUPT : rc;
}


static ledger_rc_t
ledger_slots_read(ledger_view_t *view, const ledger_slot_query_t *query,
    ledger_slot_list_t *list)
{
    unsigned          looks;
    ledger_ms_t       at;
    ledger_rc_t       rc;
    ledger_slice_t    provider;
    ledger_slot_id_t  id;

    at = query->after_at;
    id = query->after;

    for (looks = 0;
         list->n < query->max && looks < LEDGER_LOOKS_MAX;
         looks++)
    {
        rc = query->fought
             ? ledger_store_contested_before(view, &at, &id, &provider)
             : ledger_store_slot_after(view, &id, &id);

        if (rc == LEDGER_NOT_FOUND) {
            return LEDGER_OK;
        }

        if (rc == LEDGER_OK) {
            rc = ledger_slots_one(view, query, &id, list, &looks);
        }

        if (rc != LEDGER_OK) {
            return rc;
        }
    }

    list->more = 1;
    list->next = id;
    list->next_at = at;

    return LEDGER_OK;
}


static ledger_rc_t
ledger_slots_one(ledger_view_t *view, const ledger_slot_query_t *query,
    const ledger_slot_id_t *id, ledger_slot_list_t *list, unsigned *looks)
{
    ledger_rc_t           rc;
    ledger_slot_entry_t  *entry;

    entry = &list->elts[list->n];

    rc = ledger_store_slot(view, id, &entry->header);

    if (rc == LEDGER_OK) {
        entry->id = *id;
        entry->held = 0;
        entry->oldest = 0;

        rc = ledger_slots_members(view, query, id, entry, looks);
    }

    /* in one that is empty nobody tells what it is for */

    list->n += rc == LEDGER_OK && entry->len != 0;

    return rc;
}


static ledger_rc_t
ledger_slots_members(ledger_view_t *view, const ledger_slot_query_t *query,
    const ledger_slot_id_t *id, ledger_slot_entry_t *entry, unsigned *looks)
{
    uint32_t             left;
    ledger_rc_t          rc;
    ledger_member_t      from, member;
    ledger_connection_t  connection;

    memset(&from, 0, sizeof(ledger_member_t));

    for (left = entry->header.count; left; left--) {
        rc = ledger_store_member(view, LEDGER_MEMBERS, id, &from, &member);

        if (rc == LEDGER_OK) {
            rc = ledger_store_decoded(view, member.id, &connection);
        }

        if (rc == LEDGER_OK && entry->len == 0) {
            rc = ledger_slots_name(view, id, &connection, entry);
        }

        if (rc != LEDGER_OK) {
            return rc;
        }

        from = member;
        from.id++;
        (*looks)++;

        if (ledger_connection_over(&connection, query->now)) {
            continue;
        }

        if (entry->held++ == 0) {
            entry->oldest = connection.id;
        }
    }

    return LEDGER_OK;
}


/* A member tells what its slot is for: its keys, and by which limit. */

static ledger_rc_t
ledger_slots_name(ledger_view_t *view, const ledger_slot_id_t *id,
    const ledger_connection_t *connection, ledger_slot_entry_t *entry)
{
    ledger_rc_t     rc;
    ledger_slice_t  encoded;

    rc = ledger_slots_find(entry, connection, id);

    if (rc == LEDGER_OK) {
        rc = ledger_store_connection(view, connection->id, &encoded);
    }

    if (rc != LEDGER_OK) {
        return rc;
    }

    entry->connection = malloc(encoded.len);
    if (entry->connection == NULL) {
        return LEDGER_NOMEM;
    }

    memcpy(entry->connection, encoded.data, encoded.len);
    entry->len = encoded.len;

    return LEDGER_OK;
}


/* Which of the connection's limits the slot belongs to. */

static ledger_rc_t
ledger_slots_find(ledger_slot_entry_t *entry,
    const ledger_connection_t *connection, const ledger_slot_id_t *id)
{
    unsigned          i;
    ledger_rc_t       rc;
    ledger_slot_id_t  own;

    for (i = 0; i < connection->nlimits; i++) {
        rc = ledger_place(connection, i, &own);

        if (rc == LEDGER_OK
            && memcmp(own.bytes, id->bytes, LEDGER_SLOT_ID_SIZE) == 0)
        {
            entry->limit = i;
            return LEDGER_OK;
        }

        if (rc != LEDGER_OK && rc != LEDGER_NOT_FOUND) {
            return rc;
        }
    }

    return LEDGER_CORRUPT;
}


ledger_rc_t
ledger_slots_connection(const ledger_slot_entry_t *entry,
    ledger_connection_t *connection)
{
    return ledger_connection_decode(entry->connection, entry->len,
                                    connection);
}


void
ledger_slots_free(ledger_slot_list_t *list)
{
    size_t  i;

    for (i = 0; list->elts != NULL && i < list->allocated; i++) {
        free(list->elts[i].connection);
    }

    free(list->elts);
    memset(list, 0, sizeof(ledger_slot_list_t));
}
