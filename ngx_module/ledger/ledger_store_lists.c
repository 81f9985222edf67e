
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * What is read in the order of its keys: what is due, numbered rows, and the
 * connections and events that a list is made of.
 */

#include "ledger_store_private.h"

#include <string.h>


/* with the number of a kept answer, which the others have not */
#define LEDGER_DUE_KEY_MAX      (33 + 8)

/* kind, length and value, connection */
#define LEDGER_MARK_KEY_MAX     (1 + 2 + LEDGER_IDENTITY_MAX + 8)
#define LEDGER_STORY_KEY        16


static size_t ledger_store_due_key(unsigned char *buf,
    const ledger_due_t *due);
static ledger_rc_t ledger_store_find_entry(ledger_view_t *view,
    ledger_table_t table, uint64_t from, unsigned before, uint64_t *number,
    ledger_slice_t *encoded);
static size_t ledger_store_mark_key(unsigned char *buf,
    const ledger_mark_t *mark);
static void ledger_store_story_key(unsigned char *buf, uint64_t connection,
    uint64_t number);

ledger_rc_t
ledger_store_put_due(ledger_view_t *view, const ledger_due_t *due)
{
    size_t         len;
    unsigned char  key[LEDGER_DUE_KEY_MAX];

    len = ledger_store_due_key(key, due);

    return ledger_store_put(view, LEDGER_DUE, key, len, ledger_slice(""), 0);
}


ledger_rc_t
ledger_store_delete_due(ledger_view_t *view, const ledger_due_t *due)
{
    size_t         len;
    ledger_rc_t    rc;
    unsigned char  key[LEDGER_DUE_KEY_MAX];

    len = ledger_store_due_key(key, due);

    rc = ledger_store_delete(view, LEDGER_DUE, key, len);

    /* whoever takes a row away put it there */
    return rc == LEDGER_NOT_FOUND ? LEDGER_CORRUPT : rc;
}


ledger_rc_t
ledger_store_due(ledger_view_t *view, ledger_lane_t lane, ledger_due_t *due)
{
    MDB_val          key, value;
    ledger_rc_t      rc;
    ledger_due_t     from;
    unsigned char    buf[LEDGER_DUE_KEY_MAX];
    ledger_reader_t  r;

    memset(&from, 0, sizeof(ledger_due_t));
    from.lane = (uint8_t) lane;

    key.mv_data = buf;
    key.mv_size = ledger_store_due_key(buf, &from);

    rc = ledger_store_seek(view, LEDGER_DUE, &key, &value, 0);

    if (rc != LEDGER_OK) {
        return rc;
    }

    r = ledger_reader(key.mv_data, key.mv_size);

    due->lane = ledger_take_u8(&r);
    due->at = ledger_take_u64(&r);
    due->connection = ledger_take_u64(&r);
    ledger_take_bytes(&r, due->id, sizeof(due->id));
    due->number = ledger_store_take_number(&r);

    if (r.failed || r.pos != r.end) {
        return LEDGER_CORRUPT;
    }

    return due->lane == lane ? LEDGER_OK : LEDGER_NOT_FOUND;
}


static size_t
ledger_store_due_key(unsigned char *buf, const ledger_due_t *due)
{
    ledger_writer_t  w;

    w = ledger_writer(buf, LEDGER_DUE_KEY_MAX);

    ledger_put_u8(&w, due->lane);
    ledger_put_u64(&w, due->at);
    ledger_put_u64(&w, due->connection);
    ledger_put_bytes(&w, due->id, sizeof(due->id));
    ledger_store_put_number(&w, due->number);

    return (size_t) (w.pos - buf);
}


ledger_rc_t
ledger_store_append(ledger_view_t *view, ledger_table_t table,
    uint64_t number, ledger_slice_t encoded)
{
    unsigned char  key[LEDGER_ID_KEY_SIZE];

    ledger_store_id_key(key, number);

    return ledger_store_put(view, table, key, sizeof(key), encoded,
                            MDB_APPEND);
}


ledger_rc_t
ledger_store_entry(ledger_view_t *view, ledger_table_t table, uint64_t from,
    uint64_t *number, ledger_slice_t *encoded)
{
    return ledger_store_find_entry(view, table, from, 0, number, encoded);
}


ledger_rc_t
ledger_store_entry_before(ledger_view_t *view, ledger_table_t table,
    uint64_t before, uint64_t *number, ledger_slice_t *encoded)
{
    return ledger_store_find_entry(view, table, before, 1, number, encoded);
}


static ledger_rc_t
ledger_store_find_entry(ledger_view_t *view, ledger_table_t table,
    uint64_t from, unsigned before, uint64_t *number, ledger_slice_t *encoded)
{
    MDB_val          key, value;
    ledger_rc_t      rc;
    unsigned char    buf[LEDGER_ID_KEY_SIZE];
    ledger_reader_t  r;

    ledger_store_id_key(buf, from);

    key.mv_data = buf;
    key.mv_size = sizeof(buf);

    rc = ledger_store_seek(view, table, &key, &value, before);

    if (rc != LEDGER_OK) {
        return rc;
    }

    r = ledger_reader(key.mv_data, key.mv_size);
    *number = ledger_take_u64(&r);

    encoded->data = value.mv_data;
    encoded->len = value.mv_size;

    return r.failed || r.pos != r.end ? LEDGER_CORRUPT : LEDGER_OK;
}


ledger_rc_t
ledger_store_delete_entry(ledger_view_t *view, ledger_table_t table,
    uint64_t number)
{
    unsigned char  key[LEDGER_ID_KEY_SIZE];

    ledger_store_id_key(key, number);

    return ledger_store_delete(view, table, key, sizeof(key));
}


ledger_rc_t
ledger_store_put_mark(ledger_view_t *view, const ledger_mark_t *mark)
{
    size_t         len;
    unsigned char  key[LEDGER_MARK_KEY_MAX];

    len = ledger_store_mark_key(key, mark);

    return ledger_store_put(view, LEDGER_INDEX, key, len, ledger_slice(""),
                            0);
}


ledger_rc_t
ledger_store_delete_mark(ledger_view_t *view, const ledger_mark_t *mark)
{
    size_t         len;
    ledger_rc_t    rc;
    unsigned char  key[LEDGER_MARK_KEY_MAX];

    len = ledger_store_mark_key(key, mark);

    rc = ledger_store_delete(view, LEDGER_INDEX, key, len);

    /* whoever takes a row away put it there */
    return rc == LEDGER_NOT_FOUND ? LEDGER_CORRUPT : rc;
}


ledger_rc_t
ledger_store_mark_before(ledger_view_t *view, const ledger_mark_t *mark,
    uint64_t *connection)
{
    size_t           len;
    MDB_val          key, value;
    ledger_rc_t      rc;
    unsigned char    buf[LEDGER_MARK_KEY_MAX];
    ledger_reader_t  r;

    len = ledger_store_mark_key(buf, mark);

    key.mv_data = buf;
    key.mv_size = len;

    rc = ledger_store_seek(view, LEDGER_INDEX, &key, &value, 1);

    if (rc != LEDGER_OK) {
        return rc;
    }

    if (key.mv_size != len || memcmp(key.mv_data, buf, len - 8) != 0) {
        return LEDGER_NOT_FOUND;
    }

    r = ledger_reader((unsigned char *) key.mv_data + len - 8, 8);
    *connection = ledger_take_u64(&r);

    return LEDGER_OK;
}


/* The length stands in front, so that no value is the head of another. */

static size_t
ledger_store_mark_key(unsigned char *buf, const ledger_mark_t *mark)
{
    ledger_writer_t  w;

    w = ledger_writer(buf, LEDGER_MARK_KEY_MAX);

    ledger_put_u8(&w, mark->kind);
    ledger_put_slice(&w, mark->value);
    ledger_put_u64(&w, mark->connection);

    return (size_t) (w.pos - buf);
}


ledger_rc_t
ledger_store_put_story(ledger_view_t *view, uint64_t connection,
    uint64_t number)
{
    unsigned char  key[LEDGER_STORY_KEY];

    ledger_store_story_key(key, connection, number);

    return ledger_store_put(view, LEDGER_STORIES, key, sizeof(key),
                            ledger_slice(""), 0);
}


ledger_rc_t
ledger_store_delete_story(ledger_view_t *view, uint64_t connection,
    uint64_t number)
{
    unsigned char  key[LEDGER_STORY_KEY];

    ledger_store_story_key(key, connection, number);

    return ledger_store_delete(view, LEDGER_STORIES, key, sizeof(key));
}


ledger_rc_t
ledger_store_story_before(ledger_view_t *view, uint64_t connection,
    uint64_t before, uint64_t *number)
{
    MDB_val          key, value;
    ledger_rc_t      rc;
    unsigned char    buf[LEDGER_STORY_KEY];
    ledger_reader_t  r;

    ledger_store_story_key(buf, connection, before);

    key.mv_data = buf;
    key.mv_size = sizeof(buf);

    rc = ledger_store_seek(view, LEDGER_STORIES, &key, &value, 1);

    if (rc != LEDGER_OK) {
        return rc;
    }

    if (key.mv_size != sizeof(buf)) {
        return LEDGER_CORRUPT;
    }

    r = ledger_reader(key.mv_data, key.mv_size);

    if (ledger_take_u64(&r) != connection) {
        return LEDGER_NOT_FOUND;
    }

    *number = ledger_take_u64(&r);

    return LEDGER_OK;
}


static void
ledger_store_story_key(unsigned char *buf, uint64_t connection,
    uint64_t number)
{
    ledger_writer_t  w;

    w = ledger_writer(buf, LEDGER_STORY_KEY);

    ledger_put_u64(&w, connection);
    ledger_put_u64(&w, number);
}
