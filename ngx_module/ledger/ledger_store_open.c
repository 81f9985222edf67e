
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * How a ledger is opened and closed: the library's version, the directory,
 * the environment, its tables, and whether format and keys fit.
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE  /* nanosleep() */
#endif

#include "ledger_store_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "ledger_birth.h"
#include "ledger_cache.h"
#include "ledger_work.h"


#define LEDGER_FORMAT           1

/* "OAGW" */
#define LEDGER_MAGIC            0x4f414757

/* lmdb.h: opening fails while another process opens or closes */
#define LEDGER_OPEN_TRIES       3
#define LEDGER_OPEN_PAUSE_NS    10000000

/* the fixed number of slots of LMDB's own default lock table */
#define LEDGER_READERS_MIN      126

/* names of meta numbers, see also ledger_apply.c */
#define LEDGER_NAME_FORMAT      "format"

#define LEDGER_PATH_MAX         4096


static ledger_rc_t ledger_store_prepare(const ledger_options_t *options);
static ledger_rc_t ledger_store_open_env(ledger_t *ledger,
    const ledger_options_t *options);
static ledger_rc_t ledger_store_begin_anew(ledger_t *ledger,
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

    return patch == 24 || patch == 25 || (patch >= 32 && patch < 70)
           ? LEDGER_OK : LEDGER_VERSION;
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
        l->versions = ledger_versions_open(options->path);
        rc = ledger_cache_create(&l->cache, l->versions);
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

        if (rc == LEDGER_CORRUPT && options->create) {
            rc = ledger_store_begin_anew(ledger, options);
        }
    }

    if (rc == LEDGER_OK) {
        ledger_store_check_readers(ledger);
    }

    return rc;
}


/* A store that was never finished holds nothing that could be lost. */

static ledger_rc_t
ledger_store_begin_anew(ledger_t *ledger, const ledger_options_t *options)
{
    ledger_rc_t  rc;

    mdb_env_close(ledger->env);
    ledger->env = NULL;

    rc = ledger_birth_undo(options->path);

    return rc == LEDGER_OK ? ledger_store_try_env(ledger, options) : rc;
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

    /*
     * LMDB does not flush the two pages that it begins with: without them a
     * power loss during the first commit leaves a store that is damaged.
     */

    rc = ledger_store_rc(mdb_env_sync(ledger->env, 1));

    if (rc == LEDGER_OK) {
        rc = ledger_store_write(ledger, &view);
    }

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

    ledger_cache_destroy(ledger->cache);
    ledger_versions_close(ledger->versions);
    ledger_work_destroy(ledger->work);
    pthread_mutex_destroy(&ledger->writing);
    free(ledger);
}
