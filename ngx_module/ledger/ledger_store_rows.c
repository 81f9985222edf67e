
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * Rows that stand alone: numbers, tokens, connections, aliases, counts.
 */

#include "ledger_store_private.h"

#include <string.h>

#include "ledger_connection.h"


#define LEDGER_ROW_SIZE         46

#define LEDGER_ROW_DEAD         0x01
#define LEDGER_ROW_REVOKED      0x02
#define LEDGER_ROW_EXEMPT       0x04
#define LEDGER_ROW_FLAGS        0x07

/* version, time, user and tenant with their lengths */
#define LEDGER_ALIAS_VERSION    1
#define LEDGER_ALIAS_MAX        (1 + 8 + 2 * (2 + LEDGER_IDENTITY_MAX))

/* version, and a number for each state and for full slots */
#define LEDGER_COUNT_VERSION    1
#define LEDGER_COUNT_SIZE       (1 + 8 * (LEDGER_EXPIRED + 1))


static void ledger_store_touch(ledger_view_t *view, unsigned bucket);


ledger_rc_t
ledger_store_number(ledger_view_t *view, const char *name, uint64_t *value)
{
    ledger_rc_t      rc;
    ledger_slice_t   slice;
    ledger_reader_t  r;

    rc = ledger_store_get(view, LEDGER_META, name, strlen(name), &slice);

    if (rc != LEDGER_OK) {
        return rc;
    }

    r = ledger_reader(slice.data, slice.len);
    *value = ledger_take_u64(&r);

    return r.failed || r.pos != r.end ? LEDGER_CORRUPT : LEDGER_OK;
}


ledger_rc_t
ledger_store_set_number(ledger_view_t *view, const char *name, uint64_t value)
{
    unsigned char  buf[LEDGER_ID_KEY_SIZE];

    ledger_store_id_key(buf, value);

    return ledger_store_put(view, LEDGER_META, name, strlen(name),
                            (ledger_slice_t) { buf, sizeof(buf) }, 0);
}


ledger_rc_t
ledger_store_token(ledger_view_t *view, const ledger_token_id_t *id,
    ledger_row_t *row)
{
    unsigned         flags;
    ledger_rc_t      rc;
    ledger_slice_t   value;
    ledger_reader_t  r;

    rc = ledger_store_get(view, LEDGER_TOKENS, id->bytes,
                          LEDGER_TOKEN_ID_SIZE, &value);

    if (rc != LEDGER_OK) {
        return rc;
    }

    r = ledger_reader(value.data, value.len);

    row->connection = ledger_take_u64(&r);
    row->sequence = ledger_take_u64(&r);
    row->expires_at = ledger_take_u64(&r);
    row->rotated_at = ledger_take_u64(&r);
    row->due_at = ledger_take_u64(&r);
    row->key = ledger_take_u32(&r);
    row->kind = ledger_take_u8(&r);
    flags = ledger_take_u8(&r);

    row->dead = (flags & LEDGER_ROW_DEAD) != 0;
    row->revoked = (flags & LEDGER_ROW_REVOKED) != 0;
    row->exempt = (flags & LEDGER_ROW_EXEMPT) != 0;

    if (r.failed || r.pos != r.end || row->connection == 0
        || (row->kind != LEDGER_ACCESS && row->kind != LEDGER_REFRESH)
        || (flags & ~(unsigned) LEDGER_ROW_FLAGS))
    {
        return LEDGER_CORRUPT;
    }

    return LEDGER_OK;
}


/* Before a row changes that look-ups are remembered of. */

static void
ledger_store_touch(ledger_view_t *view, unsigned bucket)
{
    ledger_versions_touch(view->ledger->versions, bucket,
                          mdb_txn_id(view->txn));
}


ledger_rc_t
ledger_store_put_token(ledger_view_t *view, const ledger_token_id_t *id,
    const ledger_row_t *row)
{
    unsigned         flags;
    unsigned char    buf[LEDGER_ROW_SIZE];
    ledger_writer_t  w;

    w = ledger_writer(buf, sizeof(buf));

    flags = (row->dead ? LEDGER_ROW_DEAD : 0)
            | (row->revoked ? LEDGER_ROW_REVOKED : 0)
            | (row->exempt ? LEDGER_ROW_EXEMPT : 0);

    ledger_put_u64(&w, row->connection);
    ledger_put_u64(&w, row->sequence);
    ledger_put_u64(&w, row->expires_at);
    ledger_put_u64(&w, row->rotated_at);
    ledger_put_u64(&w, row->due_at);
    ledger_put_u32(&w, row->key);
    ledger_put_u8(&w, row->kind);
    ledger_put_u8(&w, flags);

    ledger_store_touch(view, ledger_versions_of_token(id));

    return ledger_store_put(view, LEDGER_TOKENS, id->bytes,
                            LEDGER_TOKEN_ID_SIZE,
                            (ledger_slice_t) { buf, sizeof(buf) }, 0);
}


ledger_rc_t
ledger_store_delete_token(ledger_view_t *view, const ledger_token_id_t *id)
{
    ledger_store_touch(view, ledger_versions_of_token(id));

    return ledger_store_delete(view, LEDGER_TOKENS, id->bytes,
                               LEDGER_TOKEN_ID_SIZE);
}


ledger_rc_t
ledger_store_connection(ledger_view_t *view, uint64_t id,
    ledger_slice_t *encoded)
{
    ledger_rc_t    rc;
    unsigned char  key[LEDGER_ID_KEY_SIZE];

    ledger_store_id_key(key, id);

    rc = ledger_store_get(view, LEDGER_CONNECTIONS, key, sizeof(key),
                          encoded);

    if (rc == LEDGER_OK && encoded->len > LEDGER_CONNECTION_MAX) {
        return LEDGER_CORRUPT;
    }

    return rc;
}


ledger_rc_t
ledger_store_decoded(ledger_view_t *view, uint64_t id,
    ledger_connection_t *connection)
{
    ledger_rc_t     rc;
    ledger_slice_t  encoded;

    rc = ledger_store_connection(view, id, &encoded);

    if (rc == LEDGER_OK) {
        rc = ledger_connection_decode(encoded.data, encoded.len, connection);
    }

    return rc == LEDGER_VERSION ? LEDGER_CORRUPT : rc;
}


ledger_rc_t
ledger_store_put_connection(ledger_view_t *view, uint64_t id,
    ledger_slice_t encoded)
{
    unsigned char  key[LEDGER_ID_KEY_SIZE];

    ledger_store_id_key(key, id);

    ledger_store_touch(view, ledger_versions_of_connection(id));

    return ledger_store_put(view, LEDGER_CONNECTIONS, key, sizeof(key),
                            encoded, 0);
}


ledger_rc_t
ledger_store_delete_connection(ledger_view_t *view, uint64_t id)
{
    unsigned char  key[LEDGER_ID_KEY_SIZE];

    ledger_store_id_key(key, id);

    ledger_store_touch(view, ledger_versions_of_connection(id));

    return ledger_store_delete(view, LEDGER_CONNECTIONS, key, sizeof(key));
}


ledger_rc_t
ledger_store_alias(ledger_view_t *view, const ledger_alias_id_t *alias,
    ledger_alias_row_t *row)
{
    uint8_t          version;
    ledger_rc_t      rc;
    ledger_slice_t   value;
    ledger_reader_t  r;

    rc = ledger_store_get(view, LEDGER_ALIASES, alias->bytes,
                          LEDGER_ALIAS_ID_SIZE, &value);

    if (rc != LEDGER_OK) {
        return rc;
    }

    r = ledger_reader(value.data, value.len);

    version = ledger_take_u8(&r);
    row->seen_at = ledger_take_u64(&r);
    row->user = ledger_take_slice(&r, LEDGER_IDENTITY_MAX);
    row->tenant = ledger_take_slice(&r, LEDGER_IDENTITY_MAX);

    if (r.failed || r.pos != r.end || version != LEDGER_ALIAS_VERSION
        || row->user.len == 0)
    {
        return LEDGER_CORRUPT;
    }

    return LEDGER_OK;
}


ledger_rc_t
ledger_store_put_alias(ledger_view_t *view, const ledger_alias_id_t *alias,
    const ledger_alias_row_t *row)
{
    unsigned char    buf[LEDGER_ALIAS_MAX];
    ledger_writer_t  w;

    w = ledger_writer(buf, sizeof(buf));

    ledger_put_u8(&w, LEDGER_ALIAS_VERSION);
    ledger_put_u64(&w, row->seen_at);
    ledger_put_slice(&w, row->user);
    ledger_put_slice(&w, row->tenant);

    if (w.failed) {
        return LEDGER_CORRUPT;
    }

    return ledger_store_put(view, LEDGER_ALIASES, alias->bytes,
                            LEDGER_ALIAS_ID_SIZE,
                            (ledger_slice_t) { buf, (size_t) (w.pos - buf) },
                            0);
}


ledger_rc_t
ledger_store_delete_alias(ledger_view_t *view,
    const ledger_alias_id_t *alias)
{
    return ledger_store_delete(view, LEDGER_ALIASES, alias->bytes,
                               LEDGER_ALIAS_ID_SIZE);
}


ledger_rc_t
ledger_store_count(ledger_view_t *view, ledger_slice_t provider,
    ledger_count_t *count)
{
    unsigned         state;
    uint8_t          version;
    ledger_rc_t      rc;
    ledger_slice_t   value;
    ledger_reader_t  r;

    memset(count, 0, sizeof(ledger_count_t));

    rc = ledger_store_get(view, LEDGER_COUNTS, provider.data, provider.len,
                          &value);

    if (rc != LEDGER_OK) {
        return rc;
    }

    r = ledger_reader(value.data, value.len);

    version = ledger_take_u8(&r);

    for (state = LEDGER_LIVE; state <= LEDGER_EXPIRED; state++) {
        count->connections[state] = ledger_take_u64(&r);
    }

    count->full = ledger_take_u64(&r);

    if (r.failed || r.pos != r.end || version != LEDGER_COUNT_VERSION) {
        return LEDGER_CORRUPT;
    }

    return LEDGER_OK;
}


ledger_rc_t
ledger_store_put_count(ledger_view_t *view, ledger_slice_t provider,
    const ledger_count_t *count)
{
    unsigned         state;
    unsigned char    buf[LEDGER_COUNT_SIZE];
    ledger_writer_t  w;

    w = ledger_writer(buf, sizeof(buf));

    ledger_put_u8(&w, LEDGER_COUNT_VERSION);

    for (state = LEDGER_LIVE; state <= LEDGER_EXPIRED; state++) {
        ledger_put_u64(&w, count->connections[state]);
    }

    ledger_put_u64(&w, count->full);

    return ledger_store_put(view, LEDGER_COUNTS, provider.data, provider.len,
                            (ledger_slice_t) { buf, sizeof(buf) }, 0);
}
