
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * Slots: the header of each, its members in the order of their age, and when
 * it was fought over last.
 */

#include "ledger_store_private.h"

#include <string.h>


#define LEDGER_MEMBER_KEY_SIZE  (LEDGER_SLOT_ID_SIZE + 16)
#define LEDGER_CONTESTED_KEY_SIZE  (8 + LEDGER_SLOT_ID_SIZE)


static ledger_rc_t ledger_store_find_member(ledger_view_t *view,
    ledger_table_t table, const ledger_slot_id_t *slot,
    const ledger_member_t *from, unsigned before, ledger_member_t *member);
static void ledger_store_member_key(unsigned char *buf,
    const ledger_slot_id_t *slot, const ledger_member_t *member);
static void ledger_store_contested_key(unsigned char *buf, ledger_ms_t at,
    const ledger_slot_id_t *slot);

ledger_rc_t
ledger_store_slot(ledger_view_t *view, const ledger_slot_id_t *slot,
    ledger_header_t *header)
{
    ledger_rc_t     rc;
    ledger_slice_t  value;

    rc = ledger_store_get(view, LEDGER_SLOTS, slot->bytes,
                          LEDGER_SLOT_ID_SIZE, &value);

    if (rc != LEDGER_OK) {
        return rc;
    }

    return ledger_header_decode(value.data, value.len, header);
}


ledger_rc_t
ledger_store_put_slot(ledger_view_t *view, const ledger_slot_id_t *slot,
    const ledger_header_t *header)
{
    size_t         len;
    unsigned char  buf[LEDGER_HEADER_MAX];

    len = ledger_header_encode(header, buf);

    return ledger_store_put(view, LEDGER_SLOTS, slot->bytes,
                            LEDGER_SLOT_ID_SIZE,
                            (ledger_slice_t) { buf, len }, 0);
}


ledger_rc_t
ledger_store_delete_slot(ledger_view_t *view, const ledger_slot_id_t *slot)
{
    return ledger_store_delete(view, LEDGER_SLOTS, slot->bytes,
                               LEDGER_SLOT_ID_SIZE);
}


ledger_rc_t
ledger_store_slot_after(ledger_view_t *view, const ledger_slot_id_t *after,
    ledger_slot_id_t *slot)
{
    MDB_val        key, value;
    ledger_rc_t    rc;
    unsigned char  buf[LEDGER_SLOT_ID_SIZE + 1];

    /* nothing stands between an id and the same with one more byte */

    memcpy(buf, after->bytes, LEDGER_SLOT_ID_SIZE);
    buf[LEDGER_SLOT_ID_SIZE] = 0;

    key.mv_data = buf;
    key.mv_size = sizeof(buf);

    rc = ledger_store_seek(view, LEDGER_SLOTS, &key, &value, 0);

    if (rc != LEDGER_OK) {
        return rc;
    }

    if (key.mv_size != LEDGER_SLOT_ID_SIZE) {
        return LEDGER_CORRUPT;
    }

    memcpy(slot->bytes, key.mv_data, LEDGER_SLOT_ID_SIZE);

    return LEDGER_OK;
}


ledger_rc_t
ledger_store_add_member(ledger_view_t *view, ledger_table_t table,
    const ledger_slot_id_t *slot, const ledger_member_t *member,
    unsigned *changed)
{
    ledger_rc_t     rc;
    ledger_slice_t  value;
    unsigned char   key[LEDGER_MEMBER_KEY_SIZE];

    *changed = 0;

    ledger_store_member_key(key, slot, member);

    rc = ledger_store_get(view, table, key, sizeof(key), &value);

    if (rc != LEDGER_NOT_FOUND) {
        return rc;
    }

    *changed = 1;

    return ledger_store_put(view, table, key, sizeof(key),
                            ledger_slice(""), 0);
}


ledger_rc_t
ledger_store_delete_member(ledger_view_t *view, ledger_table_t table,
    const ledger_slot_id_t *slot, const ledger_member_t *member,
    unsigned *changed)
{
    ledger_rc_t    rc;
    unsigned char  key[LEDGER_MEMBER_KEY_SIZE];

    ledger_store_member_key(key, slot, member);

    rc = ledger_store_delete(view, table, key, sizeof(key));

    *changed = rc == LEDGER_OK;

    return rc == LEDGER_NOT_FOUND ? LEDGER_OK : rc;
}


ledger_rc_t
ledger_store_member(ledger_view_t *view, ledger_table_t table,
    const ledger_slot_id_t *slot, const ledger_member_t *from,
    ledger_member_t *member)
{
    return ledger_store_find_member(view, table, slot, from, 0, member);
}


ledger_rc_t
ledger_store_member_before(ledger_view_t *view, ledger_table_t table,
    const ledger_slot_id_t *slot, const ledger_member_t *before,
    ledger_member_t *member)
{
    return ledger_store_find_member(view, table, slot, before, 1, member);
}


static ledger_rc_t
ledger_store_find_member(ledger_view_t *view, ledger_table_t table,
    const ledger_slot_id_t *slot, const ledger_member_t *from,
    unsigned before, ledger_member_t *member)
{
    MDB_val           key, value;
    ledger_rc_t       rc;
    unsigned char     buf[LEDGER_MEMBER_KEY_SIZE];
    ledger_reader_t   r;
    ledger_slot_id_t  found;

    ledger_store_member_key(buf, slot, from);

    key.mv_data = buf;
    key.mv_size = sizeof(buf);

    rc = ledger_store_seek(view, table, &key, &value, before);

    if (rc != LEDGER_OK) {
        return rc;
    }

    r = ledger_reader(key.mv_data, key.mv_size);

    ledger_take_bytes(&r, found.bytes, LEDGER_SLOT_ID_SIZE);
    member->age = ledger_take_u64(&r);
    member->id = ledger_take_u64(&r);

    if (r.failed || r.pos != r.end) {
        return LEDGER_CORRUPT;
    }

    return memcmp(found.bytes, slot->bytes, LEDGER_SLOT_ID_SIZE) == 0
           ? LEDGER_OK : LEDGER_NOT_FOUND;
}


static void
ledger_store_member_key(unsigned char *buf, const ledger_slot_id_t *slot,
    const ledger_member_t *member)
{
    ledger_writer_t  w;

    w = ledger_writer(buf, LEDGER_MEMBER_KEY_SIZE);

    ledger_put_bytes(&w, slot->bytes, LEDGER_SLOT_ID_SIZE);
    ledger_put_u64(&w, member->age);
    ledger_put_u64(&w, member->id);
}


ledger_rc_t
ledger_store_put_contested(ledger_view_t *view, ledger_ms_t at,
    const ledger_slot_id_t *slot, ledger_slice_t provider)
{
    unsigned char  key[LEDGER_CONTESTED_KEY_SIZE];

    ledger_store_contested_key(key, at, slot);

    return ledger_store_put(view, LEDGER_CONTESTED, key, sizeof(key),
                            provider, 0);
}


ledger_rc_t
ledger_store_delete_contested(ledger_view_t *view, ledger_ms_t at,
    const ledger_slot_id_t *slot)
{
    unsigned char  key[LEDGER_CONTESTED_KEY_SIZE];

    ledger_store_contested_key(key, at, slot);

    return ledger_store_delete(view, LEDGER_CONTESTED, key, sizeof(key));
}


ledger_rc_t
ledger_store_contested_before(ledger_view_t *view, ledger_ms_t *at,
    ledger_slot_id_t *slot, ledger_slice_t *provider)
{
    MDB_val          key, value;
    ledger_rc_t      rc;
    unsigned char    buf[LEDGER_CONTESTED_KEY_SIZE];
    ledger_reader_t  r;

    ledger_store_contested_key(buf, *at, slot);

    key.mv_data = buf;
    key.mv_size = sizeof(buf);

    rc = ledger_store_seek(view, LEDGER_CONTESTED, &key, &value, 1);

    if (rc != LEDGER_OK) {
        return rc;
    }

    r = ledger_reader(key.mv_data, key.mv_size);

    *at = ledger_take_u64(&r);
    ledger_take_bytes(&r, slot->bytes, LEDGER_SLOT_ID_SIZE);

    provider->data = value.mv_data;
    provider->len = value.mv_size;

    return r.failed || r.pos != r.end || provider->len == 0
           || provider->len > LEDGER_IDENTITY_MAX
           ? LEDGER_CORRUPT : LEDGER_OK;
}


static void
ledger_store_contested_key(unsigned char *buf, ledger_ms_t at,
    const ledger_slot_id_t *slot)
{
    ledger_writer_t  w;

    w = ledger_writer(buf, LEDGER_CONTESTED_KEY_SIZE);

    ledger_put_u64(&w, at);
    ledger_put_bytes(&w, slot->bytes, LEDGER_SLOT_ID_SIZE);
}
