
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * Rows that hold sealed secrets: answers that are kept, tokens that are lent.
 */

#include "ledger_store_private.h"

#include <string.h>


/* with the number of a kept answer, which those of an older store have not */
#define LEDGER_KEPT_KEY_MAX     (LEDGER_TOKEN_ID_SIZE + 8)

#define LEDGER_LENT_VERSION     1
#define LEDGER_LENT_ACCESS      0x01
#define LEDGER_LENT_REFRESH     0x02
#define LEDGER_LENT_FLAGS       0x03


static ledger_rc_t ledger_store_take_kept(ledger_reader_t r,
    ledger_kept_row_t *row);
static size_t ledger_store_kept_key(unsigned char *buf,
    const ledger_token_id_t *presented, uint64_t number);

ledger_rc_t
ledger_store_kept(ledger_view_t *view, const ledger_token_id_t *presented,
    uint64_t before, ledger_kept_row_t *row)
{
    MDB_val            key, value;
    ledger_rc_t        rc;
    unsigned char      buf[LEDGER_KEPT_KEY_MAX];
    ledger_reader_t    r;
    ledger_token_id_t  found;

    key.mv_data = buf;
    key.mv_size = ledger_store_kept_key(buf, presented, before);

    rc = ledger_store_seek(view, LEDGER_KEPT, &key, &value, 1);

    if (rc != LEDGER_OK) {
        return rc;
    }

    r = ledger_reader(key.mv_data, key.mv_size);

    ledger_take_bytes(&r, found.bytes, LEDGER_TOKEN_ID_SIZE);
    row->number = ledger_store_take_number(&r);

    if (r.failed || r.pos != r.end) {
        return LEDGER_CORRUPT;
    }

    if (memcmp(found.bytes, presented->bytes, LEDGER_TOKEN_ID_SIZE) != 0) {
        return LEDGER_NOT_FOUND;
    }

    return ledger_store_take_kept(ledger_reader(value.mv_data, value.mv_size),
                                  row);
}


static ledger_rc_t
ledger_store_take_kept(ledger_reader_t r, ledger_kept_row_t *row)
{
    uint32_t  i;

    row->connection = ledger_take_u64(&r);
    row->stored_at = ledger_take_u64(&r);
    row->until = ledger_take_u64(&r);
    row->ntokens = ledger_take_u8(&r);

    if (row->ntokens == 0 || row->ntokens > LEDGER_TOKENS_MAX) {
        return LEDGER_CORRUPT;
    }

    for (i = 0; i < row->ntokens; i++) {
        ledger_take_bytes(&r, row->tokens[i].bytes, LEDGER_TOKEN_ID_SIZE);
    }

    ledger_take_bytes(&r, row->print, LEDGER_PRINT_SIZE);
    row->sealed = ledger_take_slice(&r, LEDGER_KEPT_MAX);

    if (r.failed || r.pos != r.end || row->connection == 0
        || row->sealed.len == 0)
    {
        return LEDGER_CORRUPT;
    }

    return LEDGER_OK;
}


ledger_rc_t
ledger_store_put_kept(ledger_view_t *view, const ledger_token_id_t *presented,
    const ledger_kept_row_t *row, unsigned char *buf)
{
    size_t           len;
    uint32_t         i;
    unsigned char    key[LEDGER_KEPT_KEY_MAX];
    ledger_writer_t  w;

    len = ledger_store_kept_key(key, presented, row->number);

    w = ledger_writer(buf, LEDGER_RECORD_MAX);

    ledger_put_u64(&w, row->connection);
    ledger_put_u64(&w, row->stored_at);
    ledger_put_u64(&w, row->until);
    ledger_put_u8(&w, row->ntokens);

    for (i = 0; i < row->ntokens; i++) {
        ledger_put_bytes(&w, row->tokens[i].bytes, LEDGER_TOKEN_ID_SIZE);
    }

    ledger_put_bytes(&w, row->print, LEDGER_PRINT_SIZE);
    ledger_put_slice(&w, row->sealed);

    if (w.failed) {
        return LEDGER_CORRUPT;
    }

    return ledger_store_put(view, LEDGER_KEPT, key, len,
                            (ledger_slice_t) { buf, (size_t) (w.pos - buf) },
                            0);
}


ledger_rc_t
ledger_store_delete_kept(ledger_view_t *view,
    const ledger_token_id_t *presented, uint64_t number)
{
    size_t         len;
    unsigned char  key[LEDGER_KEPT_KEY_MAX];

    len = ledger_store_kept_key(key, presented, number);

    return ledger_store_delete(view, LEDGER_KEPT, key, len);
}


static size_t
ledger_store_kept_key(unsigned char *buf, const ledger_token_id_t *presented,
    uint64_t number)
{
    ledger_writer_t  w;

    w = ledger_writer(buf, LEDGER_KEPT_KEY_MAX);

    ledger_put_bytes(&w, presented->bytes, LEDGER_TOKEN_ID_SIZE);
    ledger_store_put_number(&w, number);

    return (size_t) (w.pos - buf);
}


ledger_rc_t
ledger_store_lent(ledger_view_t *view, uint64_t connection,
    ledger_lent_row_t *row)
{
    uint8_t          version, flags;
    ledger_rc_t      rc;
    unsigned char    key[LEDGER_ID_KEY_SIZE];
    ledger_slice_t   value;
    ledger_reader_t  r;

    ledger_store_id_key(key, connection);

    rc = ledger_store_get(view, LEDGER_LENT, key, sizeof(key), &value);

    if (rc != LEDGER_OK) {
        return rc;
    }

    r = ledger_reader(value.data, value.len);

    version = ledger_take_u8(&r);
    flags = ledger_take_u8(&r);
    row->has_access = (flags & LEDGER_LENT_ACCESS) != 0;
    row->has_refresh = (flags & LEDGER_LENT_REFRESH) != 0;
    row->stored_at = ledger_take_u64(&r);
    row->expires_at = ledger_take_u64(&r);
    row->key = ledger_take_u32(&r);
    ledger_take_bytes(&r, row->accepted, LEDGER_CLIENT_SIZE);
    ledger_take_bytes(&r, row->access.bytes, LEDGER_TOKEN_ID_SIZE);
    ledger_take_bytes(&r, row->refresh.bytes, LEDGER_TOKEN_ID_SIZE);
    row->sealed = ledger_take_slice(&r, LEDGER_LENT_MAX);

    if (r.failed || r.pos != r.end || version != LEDGER_LENT_VERSION
        || flags > LEDGER_LENT_FLAGS || row->key == 0)
    {
        return LEDGER_CORRUPT;
    }

    return LEDGER_OK;
}


ledger_rc_t
ledger_store_put_lent(ledger_view_t *view, uint64_t connection,
    const ledger_lent_row_t *row, unsigned char *buf)
{
    unsigned char    key[LEDGER_ID_KEY_SIZE];
    ledger_writer_t  w;

    w = ledger_writer(buf, LEDGER_RECORD_MAX);

    ledger_put_u8(&w, LEDGER_LENT_VERSION);
    ledger_put_u8(&w, (row->has_access ? LEDGER_LENT_ACCESS : 0u)
                      | (row->has_refresh ? LEDGER_LENT_REFRESH : 0u));
    ledger_put_u64(&w, row->stored_at);
    ledger_put_u64(&w, row->expires_at);
    ledger_put_u32(&w, row->key);
    ledger_put_bytes(&w, row->accepted, LEDGER_CLIENT_SIZE);
    ledger_put_bytes(&w, row->access.bytes, LEDGER_TOKEN_ID_SIZE);
    ledger_put_bytes(&w, row->refresh.bytes, LEDGER_TOKEN_ID_SIZE);
    ledger_put_slice(&w, row->sealed);

    if (w.failed) {
        return LEDGER_CORRUPT;
    }

    ledger_store_id_key(key, connection);

    return ledger_store_put(view, LEDGER_LENT, key, sizeof(key),
                            (ledger_slice_t) { buf, (size_t) (w.pos - buf) },
                            0);
}


ledger_rc_t
ledger_store_delete_lent(ledger_view_t *view, uint64_t connection)
{
    unsigned char  key[LEDGER_ID_KEY_SIZE];

    ledger_store_id_key(key, connection);

    return ledger_store_delete(view, LEDGER_LENT, key, sizeof(key));
}
