
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * The way to LMDB: transactions, and one row or the next one of any table.
 *
 * Caveats of lmdb.h (0.9.24) that bind this file and ledger_store_open.c:
 *
 *  - "Use an MDB_env* in the process which opened it, not after fork()."
 *  - "Do not have open an LMDB database twice in the same process at the
 *    same time."  Closing any descriptor of the lock file drops the locks.
 *  - "Avoid long-lived transactions."  A read lives inside one call.
 *  - "Avoid aborting a process with an active transaction ... do a periodic
 *    check for stale readers": on opening, and in every sweep.
 *  - "Opening a database can fail if another process is opening or closing
 *    it at exactly the same time": retried.
 *  - A write transaction stays in the thread that began it.
 *  - No MDB_DUPSORT (ITS#9376, ITS#9461), no MDB_WRITEMAP (SIGBUS on a full
 *    disk), no MDB_NOMEMINIT (leaves old data in free pages).
 *
 * mdb_env_set_assert() cannot prevent the abort() that follows it, so it is
 * not used; rows are checked here instead.
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE  /* EDQUOT */
#endif

#include "ledger_store_private.h"

#include <errno.h>
#include <sched.h>
#include <string.h>


/* the two pages that say which transaction was the last */
#define LEDGER_META_PAGES       2

/* LMDB's own two tables: free pages, and the names of all others */
#define LEDGER_OWN_TABLES       2

/* The row in "meta" that a probe takes room with. */
#define LEDGER_STORE_ROOM       "room"


static void ledger_store_resize_from_reader(ledger_t *ledger);
static void ledger_store_resize_from_writer(ledger_t *ledger);
static int ledger_store_move(MDB_cursor *cursor, MDB_val *key,
    MDB_val *value, unsigned before);

/* Begins a transaction where nothing else of this process runs. */

ledger_rc_t
ledger_store_begin(ledger_t *ledger, unsigned flags, MDB_txn **txn)
{
    int  rc;

    rc = mdb_txn_begin(ledger->env, NULL, flags, txn);

    if (rc == MDB_READERS_FULL) {
        ledger_store_check_readers(ledger);
        rc = mdb_txn_begin(ledger->env, NULL, flags, txn);
    }

    if (rc == MDB_MAP_RESIZED) {
        (void) mdb_env_set_mapsize(ledger->env, 0);
        rc = mdb_txn_begin(ledger->env, NULL, flags, txn);
    }

    return ledger_store_rc(rc);
}


/*
 * Another process may have opened the store with more address space.  Then
 * our map has to move, and no transaction may run meanwhile: "reading" and
 * "resizing" are one pair of flags after Dekker, which costs a look-up no
 * lock and no system call.
 */

ledger_rc_t
ledger_store_read(ledger_t *ledger, ledger_view_t *view)
{
    int  rc;

    atomic_store(&ledger->reading, 1);

    if (atomic_load(&ledger->resizing)) {
        ledger_store_resize_from_reader(ledger);
    }

    rc = mdb_txn_renew(ledger->reader);

    if (rc == MDB_MAP_RESIZED) {
        ledger_store_resize_from_reader(ledger);
        rc = mdb_txn_renew(ledger->reader);
    }

    if (rc == MDB_READERS_FULL) {
        ledger_store_check_readers(ledger);
        rc = mdb_txn_renew(ledger->reader);
    }

    if (rc != 0) {
        atomic_store(&ledger->reading, 0);
        return ledger_store_rc(rc);
    }

    view->ledger = ledger;
    view->txn = ledger->reader;

    return LEDGER_OK;
}


void
ledger_store_read_end(ledger_view_t *view)
{
    mdb_txn_reset(view->txn);
    atomic_store(&view->ledger->reading, 0);
}


/* Called without a read transaction, and waits for a write to end. */

static void
ledger_store_resize_from_reader(ledger_t *ledger)
{
    atomic_store(&ledger->reading, 0);

    pthread_mutex_lock(&ledger->writing);
    (void) mdb_env_set_mapsize(ledger->env, 0);
    atomic_store(&ledger->reading, 1);
    pthread_mutex_unlock(&ledger->writing);
}


/* Called with the mutex, and waits for a look-up to end: microseconds. */

static void
ledger_store_resize_from_writer(ledger_t *ledger)
{
    atomic_store(&ledger->resizing, 1);

    while (atomic_load(&ledger->reading)) {
        sched_yield();
    }

    (void) mdb_env_set_mapsize(ledger->env, 0);

    atomic_store(&ledger->resizing, 0);
}


ledger_rc_t
ledger_store_write(ledger_t *ledger, ledger_view_t *view)
{
    int  rc;

    pthread_mutex_lock(&ledger->writing);

    rc = mdb_txn_begin(ledger->env, NULL, 0, &view->txn);

    if (rc == MDB_MAP_RESIZED) {
        ledger_store_resize_from_writer(ledger);
        rc = mdb_txn_begin(ledger->env, NULL, 0, &view->txn);
    }

    if (rc != 0) {
        pthread_mutex_unlock(&ledger->writing);
        return ledger_store_rc(rc);
    }

    view->ledger = ledger;

    ledger_versions_begin(ledger->versions, mdb_txn_id(view->txn));

    return LEDGER_OK;
}


ledger_rc_t
ledger_store_commit(ledger_view_t *view)
{
    int           rc;
    uint64_t      txn;
    ledger_t     *ledger;
    MDB_envinfo   info;

    ledger = view->ledger;
    txn = mdb_txn_id(view->txn);

    ledger_versions_announce(ledger->versions, txn);

    rc = mdb_txn_commit(view->txn);

    /* LMDB does not commit what has changed nothing */

    if (mdb_env_info(ledger->env, &info) != 0 || info.me_last_txnid < txn) {
        ledger_versions_withdraw(ledger->versions, txn);
    }

    pthread_mutex_unlock(&ledger->writing);

    return ledger_store_rc(rc);
}


void
ledger_store_abort(ledger_view_t *view)
{
    mdb_txn_abort(view->txn);
    pthread_mutex_unlock(&view->ledger->writing);
}


void
ledger_store_check_readers(ledger_t *ledger)
{
    int  dead;

    (void) mdb_reader_check(ledger->env, &dead);
}


ledger_rc_t
ledger_store_rc(int rc)
{
    switch (rc) {

    case 0:
        return LEDGER_OK;

    case MDB_NOTFOUND:
        return LEDGER_NOT_FOUND;

    case MDB_MAP_FULL:
    case ENOSPC:
    case EDQUOT:
        return LEDGER_FULL;

    case EAGAIN:
    case EBUSY:
        return LEDGER_BUSY;

    case MDB_VERSION_MISMATCH:
        return LEDGER_VERSION;

    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_INCOMPATIBLE:
    case MDB_BAD_VALSIZE:
    case MDB_KEYEXIST: /* a sequence that the log has already */
        return LEDGER_CORRUPT;

    case ENOMEM:
        return LEDGER_NOMEM;

    default:
        /* LMDB's own codes are negative: MDB_PANIC, MDB_READERS_FULL, ... */
        errno = rc > 0 ? rc : EIO;
        return LEDGER_IO;
    }
}


ledger_rc_t
ledger_store_get(ledger_view_t *view, ledger_table_t table, const void *key,
    size_t len, ledger_slice_t *value)
{
    int      rc;
    MDB_val  k, v;

    value->data = NULL;
    value->len = 0;

    k.mv_data = (void *) (uintptr_t) key;
    k.mv_size = len;

    rc = mdb_get(view->txn, view->ledger->tables[table], &k, &v);

    if (rc != 0) {
        return ledger_store_rc(rc);
    }

    value->data = v.mv_data;
    value->len = v.mv_size;

    return LEDGER_OK;
}


ledger_rc_t
ledger_store_put(ledger_view_t *view, ledger_table_t table, const void *key,
    size_t len, ledger_slice_t value, unsigned flags)
{
    MDB_val  k, v;

    k.mv_data = (void *) (uintptr_t) key;
    k.mv_size = len;
    v.mv_data = (void *) (uintptr_t) value.data;
    v.mv_size = value.len;

    return ledger_store_rc(mdb_put(view->txn, view->ledger->tables[table],
                                   &k, &v, flags));
}


ledger_rc_t
ledger_store_delete(ledger_view_t *view, ledger_table_t table,
    const void *key, size_t len)
{
    MDB_val  k;

    k.mv_data = (void *) (uintptr_t) key;
    k.mv_size = len;

    return ledger_store_rc(mdb_del(view->txn, view->ledger->tables[table],
                                   &k, NULL));
}


/* Finds the first key at or after "key", or the last one before it. */

ledger_rc_t
ledger_store_seek(ledger_view_t *view, ledger_table_t table, MDB_val *key,
    MDB_val *value, unsigned before)
{
    int          rc;
    MDB_cursor  *cursor;

    rc = mdb_cursor_open(view->txn, view->ledger->tables[table], &cursor);

    if (rc != 0) {
        return ledger_store_rc(rc);
    }

    rc = ledger_store_move(cursor, key, value, before);

    mdb_cursor_close(cursor);

    return ledger_store_rc(rc);
}


static int
ledger_store_move(MDB_cursor *cursor, MDB_val *key, MDB_val *value,
    unsigned before)
{
    int  rc;

    rc = mdb_cursor_get(cursor, key, value, MDB_SET_RANGE);

    if (!before) {
        return rc;
    }

    if (rc == MDB_NOTFOUND) {
        return mdb_cursor_get(cursor, key, value, MDB_LAST);
    }

    if (rc != 0) {
        return rc;
    }

    return mdb_cursor_get(cursor, key, value, MDB_PREV);
}


ledger_rc_t
ledger_store_room(ledger_view_t *view, size_t size)
{
    int      rc;
    MDB_val  key, value;

    key.mv_data = (void *) (uintptr_t) LEDGER_STORE_ROOM;
    key.mv_size = sizeof(LEDGER_STORE_ROOM) - 1;

    if (size == 0) {
        return ledger_store_rc(mdb_del(view->txn,
                                       view->ledger->tables[LEDGER_META],
                                       &key, NULL));
    }

    value.mv_data = NULL;
    value.mv_size = size;

    rc = mdb_put(view->txn, view->ledger->tables[LEDGER_META], &key, &value,
                 MDB_RESERVE);

    if (rc == 0) {
        memset(value.mv_data, 0, size);
    }

    return ledger_store_rc(rc);
}


/* At the end of a key; none stands for 0. */

void
ledger_store_put_number(ledger_writer_t *w, uint64_t number)
{
    if (number) {
        ledger_put_u64(w, number);
    }
}


uint64_t
ledger_store_take_number(ledger_reader_t *r)
{
    return r->pos == r->end ? 0 : ledger_take_u64(r);
}


ledger_rc_t
ledger_store_size(ledger_view_t *view, uint64_t *used, uint64_t *max)
{
    int          rc;
    MDB_dbi      table;
    MDB_stat     stat;
    MDB_envinfo  info;

    rc = mdb_env_info(view->ledger->env, &info);

    if (rc == 0) {
        rc = mdb_env_stat(view->ledger->env, &stat);
    }

    if (rc != 0) {
        return ledger_store_rc(rc);
    }

    *max = info.me_mapsize;
    *used = (uint64_t) LEDGER_META_PAGES * stat.ms_psize;

    /* pages that a sweep has freed are used again, so they do not count */

    for (table = 0; table < LEDGER_OWN_TABLES + LEDGER_TABLES; table++) {

        rc = mdb_stat(view->txn,
                      table < LEDGER_OWN_TABLES
                      ? table
                      : view->ledger->tables[table - LEDGER_OWN_TABLES],
                      &stat);

        if (rc != 0) {
            return ledger_store_rc(rc);
        }

        *used += stat.ms_psize * ((uint64_t) stat.ms_branch_pages
                                  + stat.ms_leaf_pages
                                  + stat.ms_overflow_pages);
    }

    return LEDGER_OK;
}


void
ledger_store_id_key(unsigned char *buf, uint64_t id)
{
    ledger_writer_t  w;

    w = ledger_writer(buf, LEDGER_ID_KEY_SIZE);
    ledger_put_u64(&w, id);
}
