
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * Linked in front of the ledger in a unit test: whatever that test applies
 * or asks is first tried with each of its calls of LMDB, libcrypto and the
 * heap failing in turn, then with each row that is read missing, then with
 * each row a byte too short.  The n-th call fails, for every n, until there
 * is none left; then the ledger does what it was asked to, and the test goes
 * on to check that as ever.
 *
 *  - A call that fails is told as such, never as success and never as "not
 *    found"; and a short row that was looked up is told as damage.
 *  - Nothing of the batch is left: no transaction was committed, the tables
 *    are as before, and no effect is told.
 */

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "ledger_store.h"


#define check(condition)                                                      \
    ((condition) ? (void) 0 : fail(#condition, __LINE__))

#define wrapped(type, name, params)                                           \
    type __real_ ## name params;                                              \
    type __wrap_ ## name params


typedef enum {
    FAILS = 0,
    MISSING,
    CUT,
    WAYS
} way_t;


typedef enum {
    NOTHING = 0,
    CALL,
    LOOKED_UP,
    PASSED,
    COMMIT,
    MEMORY
} hit_t;


static int alone(void);
static void fail(const char *what, int line);
static void begin(way_t how);
static int next(void);
static void done(const char *name);
static int fails(hit_t what);
static int read_back(int rc, MDB_val *key, MDB_val *value, hit_t what);
static void report(void);
static uint64_t dump(ledger_t *ledger);
static size_t last_txn(ledger_t *ledger);

wrapped(ledger_rc_t, ledger_apply, (ledger_t *ledger,
    const ledger_record_t *records, size_t n, ledger_effects_t *effects));
wrapped(ledger_rc_t, ledger_judge, (ledger_t *ledger,
    const ledger_token_id_t *ids, size_t n, ledger_ms_t now,
    ledger_judgement_t *judgement));
wrapped(int, mdb_txn_begin, (MDB_env *env, MDB_txn *parent, unsigned flags,
    MDB_txn **txn));
wrapped(int, mdb_txn_renew, (MDB_txn *txn));
wrapped(int, mdb_txn_commit, (MDB_txn *txn));
wrapped(int, mdb_get, (MDB_txn *txn, MDB_dbi dbi, MDB_val *key,
    MDB_val *value));
wrapped(int, mdb_put, (MDB_txn *txn, MDB_dbi dbi, MDB_val *key,
    MDB_val *value, unsigned flags));
wrapped(int, mdb_del, (MDB_txn *txn, MDB_dbi dbi, MDB_val *key,
    MDB_val *value));
wrapped(int, mdb_cursor_open, (MDB_txn *txn, MDB_dbi dbi,
    MDB_cursor **cursor));
wrapped(int, mdb_cursor_get, (MDB_cursor *cursor, MDB_val *key,
    MDB_val *value, MDB_cursor_op op));
wrapped(void *, malloc, (size_t size));
wrapped(void *, calloc, (size_t n, size_t size));
wrapped(void *, realloc, (void *p, size_t size));
wrapped(EVP_MD_CTX *, EVP_MD_CTX_new, (void));
wrapped(int, EVP_DigestInit_ex, (EVP_MD_CTX *md, const EVP_MD *type,
    ENGINE *engine));
wrapped(int, EVP_DigestUpdate, (EVP_MD_CTX *md, const void *data,
    size_t len));
wrapped(int, EVP_DigestFinal_ex, (EVP_MD_CTX *md, unsigned char *digest,
    unsigned *len));


static unsigned     armed;
static unsigned     nth;                 /* the call that fails */
static unsigned     calls;
static way_t        way;
static hit_t        hit;
static ledger_rc_t  rc;                  /* of the last try */
static uint64_t     counts[WAYS];


/* What a test's second writer writes is not for the first to check. */

static int
alone(void)
{
    static pid_t  first;

    if (first == 0) {
        first = getpid();
    }

    return first == getpid();
}


static void
fail(const char *what, int line)
{
    armed = 0;
    fprintf(stderr, "nth_call.c:%d: not so: %s (way %d, call %u, hit %d, "
            "rc %d)\n", line, what, way, nth, hit, rc);
    abort();
}


static void
report(void)
{
    fprintf(stderr, "# calls failed %llu, rows missing %llu, rows cut %llu\n",
            (unsigned long long) counts[FAILS],
            (unsigned long long) counts[MISSING],
            (unsigned long long) counts[CUT]);
}


static void
begin(way_t how)
{
    static unsigned  registered;

    if (!registered) {
        registered = 1;
        check(atexit(report) == 0);
    }

    way = how;
    nth = 0;
    hit = CALL;
    calls = 0;
}


/* Whether there was an n-th call, so that there may be one more. */

static int
next(void)
{
    if (hit == NOTHING || hit == COMMIT) {
        return 0;
    }

    armed = 1;
    hit = NOTHING;
    calls = 0;
    nth++;

    return 1;
}


static void
done(const char *name)
{
    armed = 0;

    if (hit == NOTHING) {
        return;
    }

    counts[way]++;

    if (way == FAILS
        && rc != (hit == MEMORY ? LEDGER_NOMEM : LEDGER_IO))
    {
        fprintf(stderr, "%s\n", name);
        check(!"a failure is told as such");
    }

    if (way == CUT && hit == LOOKED_UP && rc != LEDGER_CORRUPT) {
        fprintf(stderr, "%s\n", name);
        check(!"a short row is told as damage");
    }
}


ledger_rc_t
__wrap_ledger_apply(ledger_t *ledger, const ledger_record_t *records,
    size_t n, ledger_effects_t *effects)
{
    size_t            txn;
    way_t             how;
    uint64_t          before;
    ledger_effects_t  none;

    if (!alone()) {
        return __real_ledger_apply(ledger, records, n, effects);
    }

    before = dump(ledger);
    txn = last_txn(ledger);

    for (how = FAILS; how < WAYS; how++) {

        for (begin(how); next(); done("ledger_apply")) {
            none = (ledger_effects_t) { NULL, 0, 0 };

            rc = __real_ledger_apply(ledger, records, n, &none);

            armed = 0;

            check(rc != LEDGER_OK);
            check(none.n == 0);
            check(last_txn(ledger) == txn);

            ledger_effects_free(&none);
        }
    }

    check(dump(ledger) == before);

    return __real_ledger_apply(ledger, records, n, effects);
}


ledger_rc_t
__wrap_ledger_judge(ledger_t *ledger, const ledger_token_id_t *ids, size_t n,
    ledger_ms_t now, ledger_judgement_t *judgement)
{
    static const way_t  tried[] = { FAILS, CUT };

    size_t  i;

    for (i = 0; !armed && i < sizeof(tried) / sizeof(tried[0]); i++) {

        for (begin(tried[i]); next(); done("ledger_judge")) {
            rc = __real_ledger_judge(ledger, ids, n, now, judgement);
        }
    }

    return __real_ledger_judge(ledger, ids, n, now, judgement);
}


static int
fails(hit_t what)
{
    if (!armed || way != FAILS || ++calls != nth) {
        return 0;
    }

    hit = what;

    return 1;
}


static int
read_back(int found, MDB_val *key, MDB_val *value, hit_t what)
{
    if (found != 0 || !armed || way == FAILS) {
        return found;
    }

    if (way == CUT && what == LOOKED_UP && value->mv_size == 0) {
        /* all of that row is in its key, which was given */
        return found;
    }

    if (++calls != nth) {
        return found;
    }

    hit = what;

    if (way == MISSING) {
        return MDB_NOTFOUND;
    }

    if (value->mv_size) {
        value->mv_size--;

    } else {
        key->mv_size--;
    }

    return 0;
}


static size_t
last_txn(ledger_t *ledger)
{
    MDB_envinfo  info;

    check(mdb_env_info(ledger->env, &info) == 0);

    return info.me_last_txnid;
}


static uint64_t
dump(ledger_t *ledger)
{
    size_t          i;
    uint64_t        hash;
    MDB_val         key, value;
    unsigned        table;
    MDB_cursor     *cursor;
    ledger_view_t   view;

    check(ledger_store_read(ledger, &view) == LEDGER_OK);

    hash = 14695981039346656037ull;

    for (table = 0; table < LEDGER_TABLES; table++) {

        check(mdb_cursor_open(view.txn, ledger->tables[table], &cursor) == 0);

        while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0) {

            for (i = 0; i < key.mv_size; i++) {
                hash ^= ((unsigned char *) key.mv_data)[i];
                hash *= 1099511628211ull;
            }

            for (i = 0; i < value.mv_size; i++) {
                hash ^= ((unsigned char *) value.mv_data)[i];
                hash *= 1099511628211ull;
            }
        }

        mdb_cursor_close(cursor);
    }

    ledger_store_read_end(&view);

    return hash;
}


int
__wrap_mdb_txn_begin(MDB_env *env, MDB_txn *parent, unsigned flags,
    MDB_txn **txn)
{
    return fails(CALL) ? EIO : __real_mdb_txn_begin(env, parent, flags, txn);
}


int
__wrap_mdb_txn_renew(MDB_txn *txn)
{
    return fails(CALL) ? EIO : __real_mdb_txn_renew(txn);
}


/* What was built on a row that is not so must not stay. */

int
__wrap_mdb_txn_commit(MDB_txn *txn)
{
    if (fails(COMMIT) || (armed && way != FAILS)) {
        mdb_txn_abort(txn);
        return EIO;
    }

    return __real_mdb_txn_commit(txn);
}


int
__wrap_mdb_get(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *value)
{
    if (fails(CALL)) {
        return EIO;
    }

    return read_back(__real_mdb_get(txn, dbi, key, value), key, value,
                     LOOKED_UP);
}


int
__wrap_mdb_put(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *value,
    unsigned flags)
{
    return fails(CALL) ? EIO : __real_mdb_put(txn, dbi, key, value, flags);
}


int
__wrap_mdb_del(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *value)
{
    if (fails(CALL)) {
        return EIO;
    }

    if (armed && way == MISSING && ++calls == nth) {
        hit = PASSED;
        return MDB_NOTFOUND;
    }

    return __real_mdb_del(txn, dbi, key, value);
}


int
__wrap_mdb_cursor_open(MDB_txn *txn, MDB_dbi dbi, MDB_cursor **cursor)
{
    return fails(CALL) ? EIO : __real_mdb_cursor_open(txn, dbi, cursor);
}


int
__wrap_mdb_cursor_get(MDB_cursor *cursor, MDB_val *key, MDB_val *value,
    MDB_cursor_op op)
{
    if (fails(CALL)) {
        return EIO;
    }

    return read_back(__real_mdb_cursor_get(cursor, key, value, op), key,
                     value, PASSED);
}


void *
__wrap_malloc(size_t size)
{
    return fails(MEMORY) ? NULL : __real_malloc(size);
}


void *
__wrap_calloc(size_t n, size_t size)
{
    return fails(MEMORY) ? NULL : __real_calloc(n, size);
}


void *
__wrap_realloc(void *p, size_t size)
{
    return fails(MEMORY) ? NULL : __real_realloc(p, size);
}


EVP_MD_CTX *
__wrap_EVP_MD_CTX_new(void)
{
    return fails(MEMORY) ? NULL : __real_EVP_MD_CTX_new();
}


int
__wrap_EVP_DigestInit_ex(EVP_MD_CTX *md, const EVP_MD *type, ENGINE *engine)
{
    return fails(MEMORY) ? 0 : __real_EVP_DigestInit_ex(md, type, engine);
}


int
__wrap_EVP_DigestUpdate(EVP_MD_CTX *md, const void *data, size_t len)
{
    return fails(MEMORY) ? 0 : __real_EVP_DigestUpdate(md, data, len);
}


int
__wrap_EVP_DigestFinal_ex(EVP_MD_CTX *md, unsigned char *digest,
    unsigned *len)
{
    return fails(MEMORY) ? 0 : __real_EVP_DigestFinal_ex(md, digest, len);
}
