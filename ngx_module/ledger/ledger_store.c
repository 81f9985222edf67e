
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * Caveats of lmdb.h (0.9.24) that bind this file:
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
#define _GNU_SOURCE  /* nanosleep() */
#endif

#include "ledger_store.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "ledger_connection.h"
#include "ledger_cursor.h"
#include "ledger_work.h"


#define LEDGER_FORMAT           1

/* "OAGW" */
#define LEDGER_MAGIC            0x4f414757

/* lmdb.h: opening fails while another process opens or closes */
#define LEDGER_OPEN_TRIES       3
#define LEDGER_OPEN_PAUSE_NS    10000000

/* the fixed number of slots of LMDB's own default lock table */
#define LEDGER_READERS_MIN      126

#define LEDGER_ROW_SIZE         46
#define LEDGER_MEMBER_KEY_SIZE  (LEDGER_SLOT_ID_SIZE + 16)

/* with the number of a kept answer, which the others have not */
#define LEDGER_DUE_KEY_MAX      (33 + 8)
#define LEDGER_KEPT_KEY_MAX     (LEDGER_TOKEN_ID_SIZE + 8)

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

#define LEDGER_CONTESTED_KEY_SIZE  (8 + LEDGER_SLOT_ID_SIZE)

/* the two pages that say which transaction was the last */
#define LEDGER_META_PAGES       2

/* LMDB's own two tables: free pages, and the names of all others */
#define LEDGER_OWN_TABLES       2

/* kind, length and value, connection */
#define LEDGER_MARK_KEY_MAX     (1 + 2 + LEDGER_IDENTITY_MAX + 8)
#define LEDGER_STORY_KEY        16

#define LEDGER_LENT_VERSION     1
#define LEDGER_LENT_ACCESS      0x01
#define LEDGER_LENT_REFRESH     0x02
#define LEDGER_LENT_FLAGS       0x03

/* The row in "meta" that a probe takes room with. */
#define LEDGER_STORE_ROOM  "room"

/* names of meta numbers, see also ledger_apply.c */
#define LEDGER_NAME_FORMAT      "format"

#define LEDGER_PATH_MAX         4096


static ledger_rc_t ledger_store_prepare(const ledger_options_t *options);
static ledger_rc_t ledger_store_open_env(ledger_t *ledger,
    const ledger_options_t *options);
static ledger_rc_t ledger_store_try_env(ledger_t *ledger,
    const ledger_options_t *options);
static ledger_rc_t ledger_store_open_tables(ledger_t *ledger,
    const ledger_options_t *options);
static ledger_rc_t ledger_store_tables(ledger_t *ledger, MDB_txn *txn,
    unsigned flags);
static ledger_rc_t ledger_store_create_tables(ledger_t *ledger);
static ledger_rc_t ledger_store_verify(ledger_t *ledger,
    const ledger_options_t *options);
static ledger_rc_t ledger_store_verify_key(ledger_view_t *view,
    const ledger_options_t *options);
static ledger_rc_t ledger_store_begin(ledger_t *ledger, unsigned flags,
    MDB_txn **txn);
static void ledger_store_resize_from_reader(ledger_t *ledger);
static void ledger_store_resize_from_writer(ledger_t *ledger);
static ledger_rc_t ledger_store_rc(int rc);
static ledger_rc_t ledger_store_get(ledger_view_t *view,
    ledger_table_t table, const void *key, size_t len, ledger_slice_t *value);
static ledger_rc_t ledger_store_put(ledger_view_t *view,
    ledger_table_t table, const void *key, size_t len, ledger_slice_t value,
    unsigned flags);
static ledger_rc_t ledger_store_delete(ledger_view_t *view,
    ledger_table_t table, const void *key, size_t len);
static ledger_rc_t ledger_store_seek(ledger_view_t *view,
    ledger_table_t table, MDB_val *key, MDB_val *value, unsigned before);
static int ledger_store_move(MDB_cursor *cursor, MDB_val *key,
    MDB_val *value, unsigned before);
static void ledger_store_member_key(unsigned char *buf,
    const ledger_slot_id_t *slot, const ledger_member_t *member);
static ledger_rc_t ledger_store_find_member(ledger_view_t *view,
    ledger_table_t table, const ledger_slot_id_t *slot,
    const ledger_member_t *from, unsigned before, ledger_member_t *member);
static size_t ledger_store_due_key(unsigned char *buf,
    const ledger_due_t *due);
static void ledger_store_put_number(ledger_writer_t *w, uint64_t number);
static uint64_t ledger_store_take_number(ledger_reader_t *r);
static ledger_rc_t ledger_store_take_kept(ledger_reader_t r,
    ledger_kept_row_t *row);
static size_t ledger_store_kept_key(unsigned char *buf,
    const ledger_token_id_t *presented, uint64_t number);
static size_t ledger_store_mark_key(unsigned char *buf,
    const ledger_mark_t *mark);
static ledger_rc_t ledger_store_find_entry(ledger_view_t *view,
    ledger_table_t table, uint64_t from, unsigned before, uint64_t *number,
    ledger_slice_t *encoded);
static void ledger_store_contested_key(unsigned char *buf, ledger_ms_t at,
    const ledger_slot_id_t *slot);
static void ledger_store_story_key(unsigned char *buf, uint64_t connection,
    uint64_t number);
static void ledger_store_id_key(unsigned char *buf, uint64_t id);


static const char  *ledger_store_names[LEDGER_TABLES] = {
    "meta", "tokens", "connections", "slots", "members", "broken", "due",
    "log", "kept", "aliases", "tenants", "events", "counts", "contested",
    "marks", "lent", "stories"
};


ledger_rc_t
ledger_check_library(const char **version)
{
    int  major, minor, patch;

    *version = mdb_version(&major, &minor, &patch);

    if (major != 0 || minor != 9) {
        return LEDGER_VERSION;
    }

    return patch >= 26 && patch <= 31 ? LEDGER_VERSION : LEDGER_OK;
}


ledger_rc_t
ledger_open(ledger_t **ledger, const ledger_options_t *options)
{
    ledger_t     *l;
    const char   *version;
    ledger_rc_t   rc;

    rc = ledger_check_library(&version);

    if (rc != LEDGER_OK) {
        return rc;
    }

    rc = ledger_store_prepare(options);

    if (rc != LEDGER_OK) {
        return rc;
    }

    l = calloc(1, sizeof(ledger_t));
    if (l == NULL) {
        return LEDGER_NOMEM;
    }

    if (pthread_mutex_init(&l->writing, NULL) != 0) {
        free(l);
        return LEDGER_NOMEM;
    }

    rc = ledger_store_open_env(l, options);

    if (rc == LEDGER_OK) {
        rc = ledger_store_open_tables(l, options);
    }

    if (rc == LEDGER_OK) {
        rc = ledger_work_create(&l->work);
    }

    if (rc != LEDGER_OK) {
        ledger_close(l);
        return rc;
    }

    *ledger = l;

    return LEDGER_OK;
}


static ledger_rc_t
ledger_store_prepare(const ledger_options_t *options)
{
    char         file[LEDGER_PATH_MAX];
    size_t       len;
    struct stat  st;

    len = strlen(options->path);

    if (len + sizeof("/data.mdb") > sizeof(file)) {
        errno = ENAMETOOLONG;
        return LEDGER_IO;
    }

    if (options->create) {
        if (mkdir(options->path, 0700) == -1 && errno != EEXIST) {
            return LEDGER_IO;
        }

        return LEDGER_OK;
    }

    memcpy(file, options->path, len);
    memcpy(file + len, "/data.mdb", sizeof("/data.mdb"));

    if (stat(file, &st) == -1) {
        return errno == ENOENT ? LEDGER_NOT_FOUND : LEDGER_IO;
    }

    return LEDGER_OK;
}


static ledger_rc_t
ledger_store_open_env(ledger_t *ledger, const ledger_options_t *options)
{
    unsigned         tries;
    ledger_rc_t      rc;
    struct timespec  pause;

    rc = LEDGER_BUSY;

    for (tries = 0; rc == LEDGER_BUSY && tries < LEDGER_OPEN_TRIES; tries++) {

        if (tries) {
            pause.tv_sec = 0;
            pause.tv_nsec = LEDGER_OPEN_PAUSE_NS;
            (void) nanosleep(&pause, NULL);
        }

        rc = ledger_store_try_env(ledger, options);
    }

    if (rc == LEDGER_OK) {
        ledger_store_check_readers(ledger);
    }

    return rc;
}


static ledger_rc_t
ledger_store_try_env(ledger_t *ledger, const ledger_options_t *options)
{
    int       rc;
    unsigned  readers, flags;

    /* lmdb.h: a handle whose open failed can only be closed */

    if (ledger->env) {
        mdb_env_close(ledger->env);
        ledger->env = NULL;
    }

    rc = mdb_env_create(&ledger->env);

    if (rc != 0) {
        ledger->env = NULL;
        return ledger_store_rc(rc);
    }

    readers = options->readers > LEDGER_READERS_MIN ? options->readers
                                                    : LEDGER_READERS_MIN;
    flags = MDB_NOTLS | (options->sync ? 0 : MDB_NOSYNC);

    rc = mdb_env_set_maxdbs(ledger->env, LEDGER_TABLES);

    if (rc == 0) {
        rc = mdb_env_set_maxreaders(ledger->env, readers);
    }

    if (rc == 0) {
        rc = mdb_env_set_mapsize(ledger->env, (size_t) options->max_size);
    }

    if (rc == 0) {
        rc = mdb_env_open(ledger->env, options->path, flags, 0600);
    }

    return ledger_store_rc(rc);
}


static ledger_rc_t
ledger_store_open_tables(ledger_t *ledger, const ledger_options_t *options)
{
    MDB_txn      *txn;
    ledger_rc_t   rc;

    rc = ledger_store_begin(ledger, MDB_RDONLY, &txn);

    if (rc != LEDGER_OK) {
        return rc;
    }

    rc = ledger_store_tables(ledger, txn, 0);

    if (rc == LEDGER_OK) {
        /* only a commit keeps the handles; of a read it writes nothing */
        rc = ledger_store_rc(mdb_txn_commit(txn));

    } else {
        mdb_txn_abort(txn);
    }

    if (rc == LEDGER_NOT_FOUND && options->create) {
        rc = ledger_store_create_tables(ledger);
    }

    if (rc != LEDGER_OK) {
        return rc;
    }

    return ledger_store_verify(ledger, options);
}


static ledger_rc_t
ledger_store_tables(ledger_t *ledger, MDB_txn *txn, unsigned flags)
{
    int       rc;
    unsigned  i;

    for (i = 0; i < LEDGER_TABLES; i++) {
        rc = mdb_dbi_open(txn, ledger_store_names[i], flags,
                          &ledger->tables[i]);

        if (rc != 0) {
            return ledger_store_rc(rc);
        }
    }

    return LEDGER_OK;
}


static ledger_rc_t
ledger_store_create_tables(ledger_t *ledger)
{
    uint64_t       format;
    ledger_rc_t    rc;
    ledger_view_t  view;

    rc = ledger_store_write(ledger, &view);

    if (rc != LEDGER_OK) {
        return rc;
    }

    rc = ledger_store_tables(ledger, view.txn, MDB_CREATE);

    if (rc == LEDGER_OK) {
        rc = ledger_store_number(&view, LEDGER_NAME_FORMAT, &format);
    }

    if (rc == LEDGER_NOT_FOUND) {
        rc = ledger_store_set_number(&view, LEDGER_NAME_FORMAT,
                                     (uint64_t) LEDGER_MAGIC << 32
                                     | LEDGER_FORMAT);
    }

    if (rc != LEDGER_OK) {
        ledger_store_abort(&view);
        return rc;
    }

    return ledger_store_commit(&view);
}


static ledger_rc_t
ledger_store_verify(ledger_t *ledger, const ledger_options_t *options)
{
    uint64_t       format;
    ledger_rc_t    rc;
    ledger_view_t  view;

    rc = ledger_store_begin(ledger, MDB_RDONLY, &ledger->reader);

    if (rc != LEDGER_OK) {
        ledger->reader = NULL;
        return rc;
    }

    view.ledger = ledger;
    view.txn = ledger->reader;

    rc = ledger_store_number(&view, LEDGER_NAME_FORMAT, &format);

    if (rc == LEDGER_NOT_FOUND || (rc == LEDGER_OK
                                   && format >> 32 != LEDGER_MAGIC))
    {
        rc = LEDGER_CORRUPT;

    } else if (rc == LEDGER_OK && (format & 0xffffffff) != LEDGER_FORMAT) {
        rc = LEDGER_VERSION;

    } else if (rc == LEDGER_OK) {
        rc = ledger_store_verify_key(&view, options);
    }

    mdb_txn_reset(ledger->reader);

    return rc;
}


/*
 * Only the last writing key is asked for: a wrong key file is found, and an
 * old key can still be retired while long-lived tokens carry its id.
 */

static ledger_rc_t
ledger_store_verify_key(ledger_view_t *view, const ledger_options_t *options)
{
    uint32_t     i;
    uint64_t     key;
    ledger_rc_t  rc;

    rc = ledger_store_number(view, LEDGER_NAME_KEY, &key);

    if (rc != LEDGER_OK) {
        return rc == LEDGER_NOT_FOUND ? LEDGER_OK : rc;
    }

    for (i = 0; i < options->nkeys; i++) {

        if (options->keys[i] == key) {
            return LEDGER_OK;
        }
    }

    return LEDGER_KEY;
}


void
ledger_close(ledger_t *ledger)
{
    if (ledger == NULL) {
        return;
    }

    if (ledger->reader) {
        mdb_txn_abort(ledger->reader);
    }

    if (ledger->env) {
        mdb_env_close(ledger->env);
    }

    ledger_work_destroy(ledger->work);
    pthread_mutex_destroy(&ledger->writing);
    free(ledger);
}


/* Begins a transaction where nothing else of this process runs. */

static ledger_rc_t
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

    return LEDGER_OK;
}


ledger_rc_t
ledger_store_commit(ledger_view_t *view)
{
    int  rc;

    rc = mdb_txn_commit(view->txn);

    pthread_mutex_unlock(&view->ledger->writing);

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


static ledger_rc_t
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


static ledger_rc_t
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


static ledger_rc_t
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


static ledger_rc_t
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

static ledger_rc_t
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
    unsigned char  buf[8];

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

    return ledger_store_put(view, LEDGER_TOKENS, id->bytes,
                            LEDGER_TOKEN_ID_SIZE,
                            (ledger_slice_t) { buf, sizeof(buf) }, 0);
}


ledger_rc_t
ledger_store_delete_token(ledger_view_t *view, const ledger_token_id_t *id)
{
    return ledger_store_delete(view, LEDGER_TOKENS, id->bytes,
                               LEDGER_TOKEN_ID_SIZE);
}


ledger_rc_t
ledger_store_connection(ledger_view_t *view, uint64_t id,
    ledger_slice_t *encoded)
{
    ledger_rc_t    rc;
    unsigned char  key[8];

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
    unsigned char  key[8];

    ledger_store_id_key(key, id);

    return ledger_store_put(view, LEDGER_CONNECTIONS, key, sizeof(key),
                            encoded, 0);
}


ledger_rc_t
ledger_store_delete_connection(ledger_view_t *view, uint64_t id)
{
    unsigned char  key[8];

    ledger_store_id_key(key, id);

    return ledger_store_delete(view, LEDGER_CONNECTIONS, key, sizeof(key));
}


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


/* At the end of a key; none stands for 0. */

static void
ledger_store_put_number(ledger_writer_t *w, uint64_t number)
{
    if (number) {
        ledger_put_u64(w, number);
    }
}


static uint64_t
ledger_store_take_number(ledger_reader_t *r)
{
    return r->pos == r->end ? 0 : ledger_take_u64(r);
}


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
    unsigned char    key[8];
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
    unsigned char    key[8];
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
    unsigned char  key[8];

    ledger_store_id_key(key, connection);

    return ledger_store_delete(view, LEDGER_LENT, key, sizeof(key));
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


ledger_rc_t
ledger_store_append(ledger_view_t *view, ledger_table_t table,
    uint64_t number, ledger_slice_t encoded)
{
    unsigned char  key[8];

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
    unsigned char    buf[8];
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
    unsigned char  key[8];

    ledger_store_id_key(key, number);

    return ledger_store_delete(view, table, key, sizeof(key));
}


static void
ledger_store_id_key(unsigned char *buf, uint64_t id)
{
    ledger_writer_t  w;

    w = ledger_writer(buf, 8);
    ledger_put_u64(&w, id);
}
