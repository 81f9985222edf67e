
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * What look-ups remember: when they may, when they must not, and that they
 * never tell what was.  test_stale.c does the same with processes.
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>

#include "ledger_cache.h"
#include "ledger_siphash.h"
#include "ledger_store.h"
#include "story.h"


#define T0  SCENE_NOW


#define assert_recalled(token, at, verdict)                                   \
    assert_int_equal(recall(token, at), verdict)


/* A story that leaves the store without what it should have. */

#define damaged(test)                                                         \
    cmocka_unit_test_setup_teardown(test, set_up, tear_down_damaged)


static int tear_down_damaged(void **state);
static unsigned recall(const char *token, ledger_ms_t now);
static unsigned look(const char *token, ledger_ms_t now);
static void apply(ledger_record_t record);
static void map_file(char *file, size_t size);
static void foreign_commit(uint64_t connection);
static void sip(const unsigned char *key, const unsigned char *text,
    size_t len, unsigned char *hash);
static void test_siphash_vectors(void **state);
static void test_siphash_is_openssl(void **state);
static void test_remembers(void **state);
static void test_unknown_is_not_remembered(void **state);
static void test_time_is_judged(void **state);
static void test_each_change_is_seen(void **state);
static void test_others_are_kept(void **state);
static void test_names_in_order(void **state);
static void test_too_many_names(void **state);
static void test_large_connection(void **state);
static void test_more_tokens_than_room(void **state);
static void test_aborted_writer(void **state);
static void test_commit_of_nothing(void **state);
static void test_commit_of_a_stranger(void **state);
static void test_file_taken_away(void **state);
static void test_file_of_another_life(void **state);
static void test_file_not_to_be_had(void **state);


static int
tear_down_damaged(void **state)
{
    (void) state;

    scene_destroy(s);

    return 0;
}


/* The verdict from memory; 0: not remembered. */

static unsigned
recall(const char *token, ledger_ms_t now)
{
    ledger_rc_t           rc;
    const ledger_look_t  *found;

    rc = ledger_recall(s->ledger, scene_text(token), now, &found);

    if (rc == LEDGER_NOT_FOUND) {
        return 0;
    }

    assert_int_equal(rc, LEDGER_OK);

    return found->verdict;
}


static unsigned
look(const char *token, ledger_ms_t now)
{
    ledger_token_id_t     id;
    const ledger_look_t  *found;

    id = scene_token(token);

    assert_int_equal(ledger_look(s->ledger, scene_text(token), &id, 1, now,
                                 &found),
                     LEDGER_OK);

    return found->verdict;
}


static void
apply(ledger_record_t record)
{
    scene_apply(s, &record);
}


static void
map_file(char *file, size_t size)
{
    snprintf(file, size, "%s/versions.map", s->path);
}


/* By a process that does not know of versions: the connection is gone. */

static void
foreign_commit(uint64_t connection)
{
    MDB_txn        *txn;
    MDB_val         key;
    unsigned        i;
    unsigned char   id[8];

    for (i = 0; i < 8; i++) {
        id[i] = (unsigned char) (connection >> (56 - 8 * i));
    }

    key.mv_data = id;
    key.mv_size = sizeof(id);

    assert_int_equal(mdb_txn_begin(s->ledger->env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_del(txn, s->ledger->tables[LEDGER_CONNECTIONS],
                             &key, NULL), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
}


static void
sip(const unsigned char *key, const unsigned char *text, size_t len,
    unsigned char *hash)
{
    unsigned          i;
    uint64_t          halves[2];
    ledger_siphash_t  h;

    halves[0] = 0;
    halves[1] = 0;

    for (i = 0; i < 16; i++) {
        halves[i / 8] |= (uint64_t) key[i] << (8 * (i % 8));
    }

    h = ledger_siphash(halves, (ledger_slice_t) { text, len });

    for (i = 0; i < 8; i++) {
        hash[i] = (unsigned char) (h.low >> (8 * i));
        hash[8 + i] = (unsigned char) (h.high >> (8 * i));
    }
}


/* vectors_sip128 of the authors' reference: key 00 to 0f, text 00, 01, ... */

static void
test_siphash_vectors(void **state)
{
    size_t         i;
    unsigned char  key[16], text[16], hash[16];

    static const struct {
        size_t         len;
        unsigned char  hash[16];
    } vectors[] = {
        { 0, { 0xa3, 0x81, 0x7f, 0x04, 0xba, 0x25, 0xa8, 0xe6,
               0x6d, 0xf6, 0x72, 0x14, 0xc7, 0x55, 0x02, 0x93 } },
        { 1, { 0xda, 0x87, 0xc1, 0xd8, 0x6b, 0x99, 0xaf, 0x44,
               0x34, 0x76, 0x59, 0x11, 0x9b, 0x22, 0xfc, 0x45 } },
        { 2, { 0x81, 0x77, 0x22, 0x8d, 0xa4, 0xa4, 0x5d, 0xc7,
               0xfc, 0xa3, 0x8b, 0xde, 0xf6, 0x0a, 0xff, 0xe4 } }
    };

    (void) state;

    for (i = 0; i < 16; i++) {
        key[i] = (unsigned char) i;
        text[i] = (unsigned char) i;
    }

    for (i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        sip(key, text, vectors[i].len, hash);
        assert_memory_equal(hash, vectors[i].hash, 16);
    }
}


static void
test_siphash_is_openssl(void **state)
{
    size_t         len, n;
    EVP_MAC       *mac;
    unsigned       i, size;
    OSSL_PARAM     params[2];
    EVP_MAC_CTX   *ctx;
    unsigned char  key[16], text[300], ours[16], theirs[16];

    (void) state;

    mac = EVP_MAC_fetch(NULL, "SIPHASH", NULL);
    ctx = EVP_MAC_CTX_new(mac);
    assert_non_null(ctx);

    size = 16;
    params[0] = OSSL_PARAM_construct_uint(OSSL_MAC_PARAM_SIZE, &size);
    params[1] = OSSL_PARAM_construct_end();

    for (len = 0; len < sizeof(text); len++) {

        for (i = 0; i < 16; i++) {
            key[i] = (unsigned char) (len * 31 + i * 7);
        }

        text[len] = (unsigned char) (len * 131 + 17);

        assert_true(EVP_MAC_init(ctx, key, sizeof(key), params));
        assert_true(EVP_MAC_update(ctx, text, len));
        assert_true(EVP_MAC_final(ctx, theirs, &n, sizeof(theirs)));
        assert_int_equal(n, 16);

        sip(key, text, len, ours);
        assert_memory_equal(ours, theirs, 16);
    }

    EVP_MAC_CTX_free(ctx);
    EVP_MAC_free(mac);
}


static void
test_remembers(void **state)
{
    (void) state;

    apply(scene_connect("o", "u", "a1", "r1", T0));

    assert_recalled("a1", T0, 0);
    assert_int_equal(look("a1", T0), LEDGER_VERDICT_ACTIVE);
    assert_recalled("a1", T0, LEDGER_VERDICT_ACTIVE);
    assert_recalled("r1", T0, 0);
    assert_recalled("a", T0, 0);

    /* it is the ledger's, and goes with it */

    scene_close(s);
    scene_open(s);

    assert_recalled("a1", T0, 0);
    assert_int_equal(look("a1", T0), LEDGER_VERDICT_ACTIVE);
    assert_recalled("a1", T0, LEDGER_VERDICT_ACTIVE);
}


static void
test_unknown_is_not_remembered(void **state)
{
    (void) state;

    assert_int_equal(look("a1", T0), LEDGER_VERDICT_UNKNOWN);
    assert_recalled("a1", T0, 0);

    apply(scene_connect("o", "u", "a1", "r1", T0));

    assert_int_equal(look("a1", T0), LEDGER_VERDICT_ACTIVE);
    assert_recalled("a1", T0, LEDGER_VERDICT_ACTIVE);
}


static void
test_time_is_judged(void **state)
{
    ledger_record_t  record;

    (void) state;

    record = scene_connect("o", "u", "a1", "r1", T0);
    record.u.exchange.tokens[0].expires_at = T0 + SCENE_HOUR;
    record.u.exchange.refresh_expires_at = T0 + SCENE_DAY;
    apply(record);

    assert_int_equal(look("a1", T0), LEDGER_VERDICT_ACTIVE);
    assert_int_equal(look("r1", T0), LEDGER_VERDICT_ACTIVE);

    assert_recalled("a1", T0 + SCENE_HOUR - 1, LEDGER_VERDICT_ACTIVE);
    assert_recalled("a1", T0 + SCENE_HOUR, LEDGER_VERDICT_EXPIRED);
    assert_recalled("r1", T0 + SCENE_DAY - 1, LEDGER_VERDICT_ACTIVE);
    assert_recalled("r1", T0 + SCENE_DAY, LEDGER_VERDICT_EXPIRED);
    assert_recalled("a1", T0, LEDGER_VERDICT_ACTIVE);
}


/* One entry is there before each kind of record, and must not answer. */

static void
test_each_change_is_seen(void **state)
{
    uint64_t  id;

    (void) state;

    apply(scene_connect("o", "u", "a1", "r1", T0));
    id = scene_owner(s, "a1");

    look("a1", T0);
    apply(scene_refresh("r1", "a2", "r2", T0 + 1000));
    assert_recalled("a1", T0 + 1001, 0);

    look("r1", T0 + 1001);
    assert_recalled("r1", T0 + 1001, LEDGER_VERDICT_ROTATED);

    look("a2", T0 + 1001);
    apply(scene_answer(id, "a2", 0, T0 + 2000));
    assert_recalled("a2", T0 + 2001, 0);
    assert_int_equal(look("a2", T0 + 2001), LEDGER_VERDICT_EXPIRED);

    look("r2", T0 + 2001);
    apply(scene_order(LEDGER_USE, id, T0 + 2 * SCENE_HOUR));
    assert_recalled("r2", T0 + 2 * SCENE_HOUR, 0);

    look("r2", T0 + 2 * SCENE_HOUR);
    apply(scene_binding(id, "u", "t", T0 + 2 * SCENE_HOUR));
    assert_recalled("r2", T0 + 2 * SCENE_HOUR, 0);

    /* another connection ends it: none of its own tokens is written */

    assert_int_equal(look("r2", T0 + 2 * SCENE_HOUR), LEDGER_VERDICT_ACTIVE);
    apply(scene_connect("q", "u", "b1", "s1", T0 + 3 * SCENE_HOUR));
    assert_recalled("r2", T0 + 3 * SCENE_HOUR, 0);
    assert_int_equal(look("r2", T0 + 3 * SCENE_HOUR),
                     LEDGER_VERDICT_SUPERSEDED);

    apply(scene_order(LEDGER_REINSTATE, id, T0 + 4 * SCENE_HOUR));
    assert_recalled("r2", T0 + 4 * SCENE_HOUR, 0);
    assert_int_equal(look("r2", T0 + 4 * SCENE_HOUR), LEDGER_VERDICT_ACTIVE);

    apply(scene_order(LEDGER_RELEASE, id, T0 + 5 * SCENE_HOUR));
    assert_recalled("r2", T0 + 5 * SCENE_HOUR, 0);
    assert_int_equal(look("r2", T0 + 5 * SCENE_HOUR), LEDGER_VERDICT_REVOKED);

    look("b1", T0 + 5 * SCENE_HOUR);
    apply(scene_revocation("b1", 0, T0 + 5 * SCENE_HOUR));
    assert_recalled("b1", T0 + 5 * SCENE_HOUR, 0);
    assert_int_equal(look("b1", T0 + 5 * SCENE_HOUR), LEDGER_VERDICT_REVOKED);

    /* swept: it was the ledger's last word on that token */

    apply(scene_sweep(T0 + 99 * SCENE_DAY, SCENE_DAY, 1000));
    assert_recalled("r2", T0 + 99 * SCENE_DAY, 0);
    assert_int_equal(look("r2", T0 + 99 * SCENE_DAY), LEDGER_VERDICT_UNKNOWN);
}


/* A commit does not empty the cache. */

static void
test_others_are_kept(void **state)
{
    char      token[16], user[16];
    unsigned  i, kept;

    (void) state;

    for (i = 0; i < 100; i++) {
        snprintf(token, sizeof(token), "a%u", i);
        snprintf(user, sizeof(user), "u%u", i);
        apply(scene_connect("o", user, token, NULL, T0));
    }

    for (i = 0; i < 100; i++) {
        snprintf(token, sizeof(token), "a%u", i);
        assert_int_equal(look(token, T0), LEDGER_VERDICT_ACTIVE);
    }

    apply(scene_connect("p", "u50", "b", NULL, T0 + 1000));

    kept = 0;

    for (i = 0; i < 100; i++) {
        snprintf(token, sizeof(token), "a%u", i);
        kept += recall(token, T0 + 1000) == LEDGER_VERDICT_ACTIVE;
    }

    assert_recalled("a50", T0 + 1000, 0);

    /* names of these tests are no hashes: "b" shares a bucket with none */

    assert_int_equal(kept, 99);
}


/* What stands under an earlier name goes first, also if it came later. */

static void
test_names_in_order(void **state)
{
    ledger_slice_t        text;
    ledger_token_id_t     ids[3];
    const ledger_look_t  *found;

    (void) state;

    apply(scene_connect("o", "u", "old name", NULL, T0));

    ids[0] = scene_token("new name");
    ids[1] = scene_token("no name");
    ids[2] = scene_token("old name");
    text = scene_text("token");

    assert_int_equal(ledger_look(s->ledger, text, ids, 3, T0, &found),
                     LEDGER_OK);
    assert_int_equal(found->connection, scene_owner(s, "old name"));
    assert_memory_equal(found->token.bytes, ids[2].bytes,
                        LEDGER_TOKEN_ID_SIZE);
    assert_recalled("token", T0, LEDGER_VERDICT_ACTIVE);

    apply(scene_connect("o", "v", "new name", NULL, T0));

    assert_recalled("token", T0, 0);
    assert_int_equal(ledger_look(s->ledger, text, ids, 3, T0, &found),
                     LEDGER_OK);
    assert_int_equal(found->connection, scene_owner(s, "new name"));
}


/* More than the longest ring has are asked, but not remembered. */

static void
test_too_many_names(void **state)
{
    char                  name[16];
    unsigned              i, n;
    ledger_slice_t        text;
    ledger_token_id_t     ids[10];
    const ledger_look_t  *found;

    (void) state;

    apply(scene_connect("o", "u", "a", NULL, T0));

    text = scene_text("token");

    for (n = 1; n <= 10; n++) {

        for (i = 0; i < n; i++) {
            snprintf(name, sizeof(name), "none%u", i);
            ids[i] = scene_token(name);
        }

        ids[n - 1] = scene_token("a");

        assert_int_equal(ledger_look(s->ledger, text, ids, n, T0, &found),
                         LEDGER_OK);
        assert_int_equal(found->verdict, LEDGER_VERDICT_ACTIVE);

        if (n == 8) {
            assert_recalled("token", T0, LEDGER_VERDICT_ACTIVE);

            /* forgotten, so that the next ones would have to remember */
            apply(scene_order(LEDGER_USE, 1, T0 + 2 * SCENE_HOUR));
        }

        if (n > 8) {
            assert_recalled("token", T0, 0);
        }
    }

    assert_int_equal(ledger_look(s->ledger, text, ids, 0, T0, &found),
                     LEDGER_OK);
    assert_int_equal(found->verdict, LEDGER_VERDICT_UNKNOWN);
}


static void
test_large_connection(void **state)
{
    char                  scope[LEDGER_SCOPE_MAX];
    unsigned              i, kept;
    ledger_record_t       record;
    ledger_token_id_t     id;
    const ledger_look_t  *found;

    (void) state;

    memset(scope, 's', sizeof(scope));

    kept = 0;
    id = scene_token("a");

    for (i = 0; i <= sizeof(scope); i += 32) {
        record = scene_connect("o", "u", "a", NULL, T0 + i);
        record.u.exchange.scope.data = (unsigned char *) scope;
        record.u.exchange.scope.len = i;
        record.u.exchange.tokens[0].id.bytes[15] = (unsigned char) (i / 32);
        apply(record);

        id = record.u.exchange.tokens[0].id;

        assert_int_equal(ledger_look(s->ledger, scene_text("a"), &id, 1, T0,
                                     &found),
                         LEDGER_OK);
        assert_int_equal(found->verdict, LEDGER_VERDICT_ACTIVE);
        assert_true(found->encoded.len > i);
        assert_memory_equal(found->provider.data, "p", 1);

        kept += recall("a", T0) == LEDGER_VERDICT_ACTIVE;
    }

    assert_in_range(kept, 16, 32);
}


/* Each is asked for, all are answered, and the last ones are remembered. */

static void
test_more_tokens_than_room(void **state)
{
    char                  text[16];
    unsigned              i, n, kept;
    ledger_token_id_t     id;
    const ledger_look_t  *found;

    (void) state;

    apply(scene_connect("o", "u", "a", NULL, T0));
    apply(scene_connect("o", "v", "b", NULL, T0));

    /* 128 on average for the 16 ways of a set: each set is full */

    n = 8 * LEDGER_CACHE_SETS * LEDGER_CACHE_WAYS;

    for (i = 0; i < n; i++) {
        snprintf(text, sizeof(text), "%u", i);
        id = scene_token(i % 2 ? "a" : "b");

        assert_int_equal(ledger_look(s->ledger, scene_text(text), &id, 1, T0,
                                     &found),
                         LEDGER_OK);
    }

    kept = 0;

    for (i = 0; i < n; i++) {
        snprintf(text, sizeof(text), "%u", i);

        if (ledger_recall(s->ledger, scene_text(text), T0, &found)
            == LEDGER_OK)
        {
            id = scene_token(i % 2 ? "a" : "b");
            assert_memory_equal(&found->token, &id, sizeof(id));
            kept++;
        }
    }

    assert_int_equal(kept, LEDGER_CACHE_SETS * LEDGER_CACHE_WAYS);
    assert_recalled("0", T0, 0);
}


/* The rows of a writer that gave up are read from the store until a commit. */

static void
test_aborted_writer(void **state)
{
    ledger_view_t      view;
    ledger_token_id_t  id;

    (void) state;

    apply(scene_connect("o", "u", "a1", NULL, T0));
    look("a1", T0);

    id = scene_token("a1");

    assert_int_equal(ledger_store_write(s->ledger, &view), LEDGER_OK);
    assert_int_equal(ledger_store_delete_token(&view, &id), LEDGER_OK);
    assert_recalled("a1", T0, 0);
    assert_int_equal(look("a1", T0), LEDGER_VERDICT_ACTIVE);
    assert_recalled("a1", T0, 0);
    ledger_store_abort(&view);

    assert_int_equal(look("a1", T0), LEDGER_VERDICT_ACTIVE);
    assert_recalled("a1", T0, 0);

    apply(scene_connect("o", "v", "b1", NULL, T0));

    assert_int_equal(look("a1", T0), LEDGER_VERDICT_ACTIVE);
    assert_recalled("a1", T0, LEDGER_VERDICT_ACTIVE);
}


/* LMDB gives the number to the next, who may be a stranger. */

static void
test_commit_of_nothing(void **state)
{
    ledger_view_t  view;

    (void) state;

    apply(scene_connect("o", "u", "a1", NULL, T0));
    look("a1", T0);

    assert_int_equal(ledger_store_write(s->ledger, &view), LEDGER_OK);
    assert_int_equal(ledger_store_commit(&view), LEDGER_OK);
    assert_recalled("a1", T0, LEDGER_VERDICT_ACTIVE);

    foreign_commit(scene_owner(s, "a1"));
    assert_recalled("a1", T0, 0);
}


static void
test_commit_of_a_stranger(void **state)
{
    (void) state;

    apply(scene_connect("o", "u", "a1", NULL, T0));
    apply(scene_connect("o", "v", "b1", NULL, T0));
    look("a1", T0);
    look("b1", T0);

    foreign_commit(scene_owner(s, "a1"));

    assert_recalled("a1", T0, 0);
    assert_int_equal(look("a1", T0), LEDGER_VERDICT_UNKNOWN);
    assert_int_equal(look("b1", T0), LEDGER_VERDICT_ACTIVE);
    assert_recalled("b1", T0, 0);

    /* a writer of ours finds the gap, and what was remembered is gone */

    apply(scene_connect("o", "w", "c1", NULL, T0));

    assert_recalled("a1", T0, 0);
    assert_int_equal(look("a1", T0), LEDGER_VERDICT_UNKNOWN);
    assert_int_equal(look("b1", T0), LEDGER_VERDICT_ACTIVE);
    assert_recalled("b1", T0, LEDGER_VERDICT_ACTIVE);
}


/* Who opens the store then has another file than those who have it open. */

static void
test_file_taken_away(void **state)
{
    char                file[96];
    ledger_versions_t  *mine, *other;

    (void) state;

    apply(scene_connect("o", "u", "a1", NULL, T0));

    map_file(file, sizeof(file));
    assert_int_equal(unlink(file), 0);

    other = ledger_versions_open(s->path);
    assert_non_null(other);

    look("a1", T0);
    assert_recalled("a1", T0, LEDGER_VERDICT_ACTIVE);

    /* our process with the new file, the next commit with the old one */

    mine = s->ledger->versions;
    s->ledger->versions = other;

    apply(scene_connect("q", "u", "b1", NULL, T0 + 1000));
    assert_recalled("a1", T0 + 1000, 0);
    assert_int_equal(look("a1", T0 + 1000), LEDGER_VERDICT_SUPERSEDED);
    assert_recalled("a1", T0 + 1000, 0);

    s->ledger->versions = mine;

    apply(scene_connect("q", "v", "c1", NULL, T0 + 2000));
    look("a1", T0 + 2000);
    assert_recalled("a1", T0 + 2000, LEDGER_VERDICT_SUPERSEDED);

    ledger_versions_close(other);
}


/* A store put back from a backup counts from 1, the file from where it was. */

static void
test_file_of_another_life(void **state)
{
    unsigned  i;

    (void) state;

    apply(scene_connect("o", "u", "a1", NULL, T0));

    for (i = 0; i < LEDGER_VERSIONS; i++) {
        ledger_versions_touch(s->ledger->versions, i, 1000000 + i);
    }

    ledger_versions_announce(s->ledger->versions, 2000000);

    scene_close(s);
    scene_open(s);

    assert_int_equal(look("a1", T0), LEDGER_VERDICT_ACTIVE);
    assert_recalled("a1", T0, 0);

    apply(scene_connect("o", "v", "b1", NULL, T0));

    assert_int_equal(look("a1", T0), LEDGER_VERDICT_ACTIVE);
    assert_recalled("a1", T0, LEDGER_VERDICT_ACTIVE);

    apply(scene_connect("q", "u", "c1", NULL, T0 + 1000));
    assert_recalled("a1", T0 + 1000, 0);
}


/* A directory in its place: all goes on, and nothing is remembered. */

static void
test_file_not_to_be_had(void **state)
{
    char  file[96];
    FILE  *out;

    (void) state;

    apply(scene_connect("o", "u", "a1", NULL, T0));
    scene_close(s);

    map_file(file, sizeof(file));
    assert_int_equal(unlink(file), 0);
    assert_int_equal(mkdir(file, 0700), 0);
    scene_open(s);

    assert_int_equal(look("a1", T0), LEDGER_VERDICT_ACTIVE);
    assert_recalled("a1", T0, 0);
    apply(scene_connect("q", "u", "b1", NULL, T0 + 1000));
    assert_int_equal(look("a1", T0), LEDGER_VERDICT_SUPERSEDED);

    scene_close(s);
    assert_int_equal(rmdir(file), 0);

    /* nor in what is somebody else's */

    out = fopen(file, "w");
    assert_non_null(out);
    assert_int_equal(fputs("something else", out) >= 0, 1);
    assert_int_equal(fclose(out), 0);
    scene_open(s);

    assert_int_equal(look("b1", T0), LEDGER_VERDICT_ACTIVE);
    assert_recalled("b1", T0, 0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_siphash_vectors),
        cmocka_unit_test(test_siphash_is_openssl),
        story(test_remembers),
        story(test_unknown_is_not_remembered),
        story(test_time_is_judged),
        story(test_each_change_is_seen),
        story(test_others_are_kept),
        story(test_names_in_order),
        story(test_too_many_names),
        story(test_large_connection),
        story(test_more_tokens_than_room),
        story(test_aborted_writer),
        damaged(test_commit_of_nothing),
        damaged(test_commit_of_a_stranger),
        story(test_file_taken_away),
        story(test_file_of_another_life),
        story(test_file_not_to_be_had),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
