
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * A cache of what judgements rest on, not of verdicts: what runs out with
 * time is judged on each call.
 *
 * An entry is found by the keyed hash of the token's text.  The key is random,
 * is this process's alone and leaves it never.  Whoever does not know it can
 * only wait for two texts that share all 128 bits: with 2^14 entries, for one
 * in 2^114 calls with a token that nobody has.  And such a call would gain
 * nothing: the provider gets the token itself, not our opinion of it.
 *
 * What makes an entry exact is told in ledger_versions.h.
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE      /* MADV_DONTDUMP */
#endif

#include "ledger_cache.h"

#include <string.h>
#include <sys/mman.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "ledger_connection.h"
#include "ledger_judge.h"
#include "ledger_keyring.h"
#include "ledger_siphash.h"


/* A row for each name that was asked for, and the connection. */
#define LEDGER_CACHE_ROWS  (LEDGER_KEYS_MAX + 1)

#define LEDGER_CACHE_HUGE  ((size_t) 2 * 1024 * 1024)
#define LEDGER_CACHE_LINE  64


/* In the order of their use: what a call looks at are few cache lines. */

typedef struct {
    uint64_t             tag;            /* the other half */
    uint16_t             nrows;
    uint16_t             buckets[LEDGER_CACHE_ROWS];
    uint64_t             versions[LEDGER_CACHE_ROWS];
    ledger_look_t        look;
} ledger_cache_head_t;


#define LEDGER_CACHE_TEXT  (LEDGER_CACHE_ENTRY - sizeof(ledger_cache_head_t))


typedef struct {
    ledger_cache_head_t  head;
    unsigned char        encoded[LEDGER_CACHE_TEXT];
} ledger_cache_entry_t;


_Static_assert(sizeof(ledger_cache_entry_t) == LEDGER_CACHE_ENTRY,
               "an entry fills its cache lines");

_Static_assert(LEDGER_VERSIONS <= 65536, "a bucket fits into 16 bits");


struct ledger_cache_s {
    ledger_versions_t    *versions;
    uint64_t              key[2];
    ledger_look_t         look;          /* the last that was not remembered */
    unsigned              next;          /* which way gives place */
    size_t                mapped;        /* bytes, from "mapping" on */
    void                 *mapping;
    _Alignas(LEDGER_CACHE_LINE)
    uint64_t              tags[LEDGER_CACHE_SETS][LEDGER_CACHE_WAYS];
    ledger_cache_entry_t  entries[LEDGER_CACHE_SETS][LEDGER_CACHE_WAYS];
    unsigned char         encoded[LEDGER_CONNECTION_MAX];   /* of "look" */
};


static ledger_cache_t *ledger_cache_map(void);
static ledger_rc_t ledger_cache_read(ledger_view_t *view,
    ledger_cache_head_t *head, const ledger_token_id_t *id);
static void ledger_cache_prefetch(const ledger_cache_t *cache,
    ledger_siphash_t tag);
static unsigned ledger_cache_complete(ledger_t *ledger);
static unsigned ledger_cache_current(const ledger_cache_t *cache,
    const ledger_cache_entry_t *entry);
static void ledger_cache_keep(ledger_view_t *view, ledger_slice_t token,
    ledger_cache_head_t *head);
static ledger_cache_entry_t *ledger_cache_find(ledger_cache_t *cache,
    ledger_siphash_t tag);
static ledger_cache_entry_t *ledger_cache_place(ledger_cache_t *cache,
    ledger_siphash_t tag);
static void ledger_cache_copy(ledger_look_t *look, unsigned char *to);


ledger_rc_t
ledger_cache_create(ledger_cache_t **cache, ledger_versions_t *versions)
{
    ledger_cache_t  *c;

    c = ledger_cache_map();
    if (c == NULL) {
        return LEDGER_NOMEM;
    }

    c->versions = versions;

    if (RAND_priv_bytes((unsigned char *) c->key, sizeof(c->key)) != 1) {
        ledger_cache_destroy(c);
        return LEDGER_NOMEM;
    }

    *cache = c;

    return LEDGER_OK;
}


/* Pages of its own: no core file holds the key. */

static ledger_cache_t *
ledger_cache_map(void)
{
    void            *p;
    size_t           size, off;
    ledger_cache_t  *cache;

    /* one huge page more than it takes, so that it can begin with one */

    size = (sizeof(ledger_cache_t) + 2 * LEDGER_CACHE_HUGE - 1)
           / LEDGER_CACHE_HUGE * LEDGER_CACHE_HUGE;

    p = mmap(NULL, size, PROT_READ|PROT_WRITE,
             MAP_PRIVATE|MAP_ANONYMOUS|MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) {
        return NULL;
    }

    if (madvise(p, size, MADV_DONTDUMP) == -1) {
        (void) munmap(p, size);
        return NULL;
    }

    /* without huge pages it is slower, and no more */
    (void) madvise(p, size, MADV_HUGEPAGE);

    off = (uintptr_t) p % LEDGER_CACHE_HUGE;

    cache = (void *) ((char *) p + (off ? LEDGER_CACHE_HUGE - off : 0));
    cache->mapping = p;
    cache->mapped = size;

    return cache;
}


void
ledger_cache_destroy(ledger_cache_t *cache)
{
    if (cache) {
        OPENSSL_cleanse(cache->key, sizeof(cache->key));
        (void) munmap(cache->mapping, cache->mapped);
    }
}


void *
ledger_cache_memory(ledger_cache_t *cache, size_t *size)
{
    *size = (size_t) ((char *) cache->mapping + cache->mapped
                      - (char *) cache);

    return cache;
}


ledger_rc_t
ledger_recall(ledger_t *ledger, ledger_slice_t token, ledger_ms_t now,
    const ledger_look_t **look)
{
    ledger_cache_t        *cache;
    ledger_siphash_t       tag;
    ledger_cache_entry_t  *entry;

    cache = ledger->cache;

    if (cache->versions == NULL) {
        return LEDGER_NOT_FOUND;
    }

    tag = ledger_siphash(cache->key, token);

    /* the set comes while LMDB is asked: both are far away on most calls */

    ledger_cache_prefetch(cache, tag);

    if (!ledger_cache_complete(ledger)) {
        return LEDGER_NOT_FOUND;
    }

    entry = ledger_cache_find(cache, tag);

    if (entry == NULL || !ledger_cache_current(cache, entry)) {
        return LEDGER_NOT_FOUND;
    }

    entry->head.look.verdict = (uint8_t)
                               ledger_judge_verdict(&entry->head.look, now);
    *look = &entry->head.look;

    return LEDGER_OK;
}


static void
ledger_cache_prefetch(const ledger_cache_t *cache, ledger_siphash_t tag)
{
    size_t       i;
    const char  *set;

    set = (const char *) cache->tags[tag.low % LEDGER_CACHE_SETS];

    for (i = 0; i < sizeof(cache->tags[0]); i += LEDGER_CACHE_LINE) {
        __builtin_prefetch(set + i);
    }
}


/* Whether no commit was made that the versions do not know of. */

static unsigned
ledger_cache_complete(ledger_t *ledger)
{
    unsigned     complete;
    MDB_envinfo  info;

    /* LMDB reads its map: as in ledger_store_read() that must not move */

    atomic_store(&ledger->reading, 1);

    complete = !atomic_load(&ledger->resizing)
               && mdb_env_info(ledger->env, &info) == 0
               && ledger_versions_complete(ledger->cache->versions,
                                           info.me_last_txnid);

    atomic_store(&ledger->reading, 0);

    return complete;
}


static ledger_cache_entry_t *
ledger_cache_find(ledger_cache_t *cache, ledger_siphash_t tag)
{
    size_t                 set;
    unsigned               i;
    uint64_t              *tags;
    ledger_cache_entry_t  *entry;

    set = tag.low % LEDGER_CACHE_SETS;
    tags = cache->tags[set];

    for (i = 0; i < LEDGER_CACHE_WAYS; i++) {

        if (tags[i] != tag.low) {
            continue;
        }

        entry = &cache->entries[set][i];

        if (entry->head.tag == tag.high && entry->head.nrows) {
            return entry;
        }
    }

    return NULL;
}


static unsigned
ledger_cache_current(const ledger_cache_t *cache,
    const ledger_cache_entry_t *entry)
{
    unsigned  i;

    for (i = 0; i < entry->head.nrows; i++) {

        if (ledger_versions_get(cache->versions, entry->head.buckets[i])
            != entry->head.versions[i])
        {
            return 0;
        }
    }

    return 1;
}


ledger_rc_t
ledger_look(ledger_t *ledger, ledger_slice_t token,
    const ledger_token_id_t *ids, size_t n, ledger_ms_t now,
    const ledger_look_t **look)
{
    size_t                i;
    ledger_rc_t           rc;
    ledger_view_t         view;
    ledger_cache_t       *cache;
    ledger_cache_head_t   head;

    cache = ledger->cache;
    head.nrows = 0;

    rc = ledger_store_read(ledger, &view);

    if (rc != LEDGER_OK) {
        return rc;
    }

    rc = LEDGER_NOT_FOUND;

    for (i = 0; rc == LEDGER_NOT_FOUND && i < n; i++) {
        rc = ledger_cache_read(&view, &head, &ids[i]);
    }

    if (rc == LEDGER_OK) {
        cache->look = head.look;
        ledger_cache_copy(&cache->look, cache->encoded);
        ledger_cache_keep(&view, token, &head);
    }

    ledger_store_read_end(&view);

    if (rc == LEDGER_OK) {
        cache->look.verdict = (uint8_t)
                              ledger_judge_verdict(&cache->look, now);

    } else if (rc == LEDGER_NOT_FOUND) {
        memset(&cache->look, 0, sizeof(ledger_look_t));

        if (n) {
            cache->look.token = ids[0];
        }

        cache->look.verdict = LEDGER_VERDICT_UNKNOWN;
        rc = LEDGER_OK;
    }

    *look = &cache->look;

    return rc;
}


/*
 * Also a row that is not there is one that the judgement rests on: the token
 * may come to be known by that name.  A connection that was swept never
 * comes back.
 */

static ledger_rc_t
ledger_cache_read(ledger_view_t *view, ledger_cache_head_t *head,
    const ledger_token_id_t *id)
{
    ledger_rc_t          rc;
    ledger_row_t         row;
    ledger_connection_t  connection;

    if (head->nrows < LEDGER_CACHE_ROWS) {
        head->buckets[head->nrows++] = (uint16_t)
                                       ledger_versions_of_token(id);
    }

    rc = ledger_store_token(view, id, &row);

    if (rc != LEDGER_OK) {
        return rc;
    }

    rc = ledger_store_connection(view, row.connection, &head->look.encoded);

    if (rc != LEDGER_OK) {
        return rc;
    }

    rc = ledger_connection_decode(head->look.encoded.data,
                                  head->look.encoded.len, &connection);

    if (rc != LEDGER_OK || connection.id != row.connection) {
        return LEDGER_CORRUPT;
    }

    ledger_judge_rows(id, &row, &connection, &head->look);

    return LEDGER_OK;
}


static void
ledger_cache_keep(ledger_view_t *view, ledger_slice_t token,
    ledger_cache_head_t *head)
{
    uint64_t               txn;
    unsigned               i;
    ledger_cache_t        *cache;
    ledger_siphash_t       tag;
    ledger_cache_entry_t  *entry;

    cache = view->ledger->cache;

    if (cache->versions == NULL || head->nrows == LEDGER_CACHE_ROWS
        || head->look.encoded.len > LEDGER_CACHE_TEXT)
    {
        return;
    }

    head->buckets[head->nrows++] = (uint16_t)
                          ledger_versions_of_connection(head->look.connection);

    txn = mdb_txn_id(view->txn);

    for (i = 0; i < head->nrows; i++) {
        head->versions[i] = ledger_versions_get(cache->versions,
                                                head->buckets[i]);

        if (head->versions[i] > txn) {
            /* somebody is about to change that row, or was */
            return;
        }
    }

    tag = ledger_siphash(cache->key, token);
    entry = ledger_cache_place(cache, tag);

    head->tag = tag.high;
    entry->head = *head;
    ledger_cache_copy(&entry->head.look, entry->encoded);
}


/* Its own place if it has one, else an empty one, else that of another. */

static ledger_cache_entry_t *
ledger_cache_place(ledger_cache_t *cache, ledger_siphash_t tag)
{
    size_t                 set;
    unsigned               i;
    ledger_cache_entry_t  *entry;

    entry = ledger_cache_find(cache, tag);

    if (entry) {
        return entry;
    }

    set = tag.low % LEDGER_CACHE_SETS;

    for (i = 0; i < LEDGER_CACHE_WAYS; i++) {
        if (cache->entries[set][i].head.nrows == 0) {
            break;
        }
    }

    if (i == LEDGER_CACHE_WAYS) {
        i = cache->next++ % LEDGER_CACHE_WAYS;
    }

    entry = &cache->entries[set][i];

    cache->tags[set][i] = tag.low;

    return entry;
}


/* Moves the stored form, and what points into it. */

static void
ledger_cache_copy(ledger_look_t *look, unsigned char *to)
{
    memcpy(to, look->encoded.data, look->encoded.len);

    look->provider.data = to + (look->provider.data - look->encoded.data);
    look->encoded.data = to;
}
