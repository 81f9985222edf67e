
/*
 * Copyright (C) The OAuth gateway authors
 */

/* Records: written, read back, cut, flipped, and at every bound. */

#define _GNU_SOURCE

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "scene.h"


static unsigned char    buf[LEDGER_RECORD_MAX + 1];
static ledger_record_t  back;


/* one letter many times; every text of a bound comes from here */

static char  letters[LEDGER_LENT_MAX + 2];


static int
set_up(void **state)
{
    (void) state;

    memset(letters, 'x', sizeof(letters) - 1);

    return 0;
}


static ledger_slice_t
letters_of(size_t len)
{
    return (ledger_slice_t) { (const unsigned char *) letters, len };
}


static ledger_rc_t
encode(const ledger_record_t *record)
{
    size_t  len;

    return ledger_record_encode(record, buf, LEDGER_RECORD_MAX, &len);
}


static ledger_record_t
full(void)
{
    ledger_record_t     record;
    ledger_exchange_t  *x;

    record = scene_refresh("presented", "access", "refresh", SCENE_NOW);

    x = &record.u.exchange;
    x->user = scene_text("user@example.com");
    x->tenant = scene_text("tenant");
    x->login = scene_text("login");
    x->owner = scene_text("owner");
    x->scope = scene_text("read write");
    x->address = scene_text("192.0.2.1");
    x->agent = scene_text("agent/1.0");
    x->issued_at = SCENE_NOW - 1;
    x->refresh_expires_at = SCENE_NOW + SCENE_DAY;
    x->idle = 30 * SCENE_DAY;
    x->exempt = 1;
    x->refresh_ends_access = 1;

    scene_limit(&record, 1, 5, LEDGER_KEY_SCOPE, LEDGER_KEY_VARIABLE);
    x->limits[1].keys[1].name = scene_text("region");
    x->limits[1].keys[1].value = scene_text("eu");

    return record;
}


static void
samples(ledger_record_t *records)
{
    records[0] = full();
    records[1] = scene_binding(7, "user", "tenant", SCENE_NOW);
    records[2] = scene_answer(7, "access", 1, SCENE_NOW);
    records[3] = scene_refusal("refresh", SCENE_NOW);
    records[4] = scene_revocation("refresh", 1, SCENE_NOW);
    records[5] = scene_order(LEDGER_USE, 7, SCENE_NOW);
    records[6] = scene_order(LEDGER_RELEASE, 7, SCENE_NOW);
    records[7] = scene_order(LEDGER_REINSTATE, 7, SCENE_NOW);
    records[8] = scene_sweep(SCENE_NOW, SCENE_DAY, 100);
    records[9] = scene_connect("owner", "", "a", NULL, SCENE_NOW);
    records[10] = full();
    scene_keep(&records[10], "sealed answer", 'p', SCENE_NOW + 60000);
}


#define SAMPLES  11


static void
test_round_trip(void **state)
{
    size_t                  len, again;
    unsigned                i;
    ledger_record_t         records[SAMPLES];
    static unsigned char    copy[LEDGER_RECORD_MAX];

    (void) state;

    samples(records);

    for (i = 0; i < SAMPLES; i++) {
        assert_int_equal(ledger_record_encode(&records[i], buf,
                                              LEDGER_RECORD_MAX, &len),
                         LEDGER_OK);
        assert_int_equal(ledger_record_decode(buf, len, &back), LEDGER_OK);
        assert_int_equal(back.kind, records[i].kind);
        assert_int_equal(back.at, records[i].at);

        assert_int_equal(ledger_record_encode(&back, copy, sizeof(copy),
                                              &again), LEDGER_OK);
        assert_int_equal(again, len);
        assert_memory_equal(copy, buf, len);
    }
}


static void
test_fields(void **state)
{
    size_t              len;
    ledger_record_t     record;
    ledger_exchange_t  *x, *y;

    (void) state;

    record = full();

    assert_int_equal(ledger_record_encode(&record, buf, LEDGER_RECORD_MAX,
                                          &len), LEDGER_OK);
    assert_int_equal(ledger_record_decode(buf, len, &back), LEDGER_OK);

    x = &record.u.exchange;
    y = &back.u.exchange;

    assert_int_equal(y->user.len, x->user.len);
    assert_memory_equal(y->user.data, x->user.data, x->user.len);
    assert_memory_equal(y->tenant.data, "tenant", 6);
    assert_memory_equal(y->login.data, "login", 5);
    assert_memory_equal(y->owner.data, "owner", 5);
    assert_memory_equal(y->scope.data, "read write", 10);
    assert_memory_equal(y->address.data, "192.0.2.1", 9);
    assert_memory_equal(y->agent.data, "agent/1.0", 9);
    assert_memory_equal(y->grant.data, "refresh_token", 13);
    assert_int_equal(y->sent_at, x->sent_at);
    assert_int_equal(y->arrived_at, x->arrived_at);
    assert_int_equal(y->issued_at, x->issued_at);
    assert_int_equal(y->refresh_expires_at, x->refresh_expires_at);
    assert_int_equal(y->idle, x->idle);
    assert_int_equal(y->refresh, 1);
    assert_int_equal(y->exempt, 1);
    assert_int_equal(y->refresh_ends_access, 1);
    assert_memory_equal(&y->presented, &x->presented, LEDGER_TOKEN_ID_SIZE);
    assert_int_equal(y->ntokens, 2);
    assert_int_equal(y->tokens[1].kind, LEDGER_REFRESH);
    assert_int_equal(y->tokens[1].key, SCENE_KEY);
    assert_int_equal(y->tokens[0].expires_at, SCENE_NOW + SCENE_HOUR);
    assert_int_equal(y->nlimits, 2);
    assert_int_equal(y->limits[1].n, 5);
    assert_int_equal(y->limits[1].keys[1].value.len, 2);
}


static void
test_cut_at_every_byte(void **state)
{
    size_t           len, i;
    unsigned         k;
    ledger_record_t  records[SAMPLES];
    unsigned char   *copy;

    (void) state;

    samples(records);

    for (k = 0; k < SAMPLES; k++) {
        assert_int_equal(ledger_record_encode(&records[k], buf,
                                              LEDGER_RECORD_MAX, &len),
                         LEDGER_OK);

        for (i = 0; i < len; i++) {
            /* on the heap, so that a read past the cut is seen */
            copy = malloc(i ? i : 1);
            assert_non_null(copy);
            memcpy(copy, buf, i);

            assert_int_equal(ledger_record_decode(copy, i, &back),
                             LEDGER_CORRUPT);
            free(copy);

            assert_int_equal(ledger_record_encode(&records[k], buf + len, i,
                                                  &len), LEDGER_LIMIT);
        }

        buf[len] = 0;
        assert_int_equal(ledger_record_decode(buf, len + 1, &back),
                         LEDGER_CORRUPT);
    }
}


static void
test_every_bit_flipped(void **state)
{
    size_t           len, again, i;
    unsigned         k, bit;
    ledger_rc_t      rc;
    ledger_record_t  records[SAMPLES];
    unsigned char    copy[LEDGER_RECORD_MAX];

    (void) state;

    samples(records);

    for (k = 0; k < SAMPLES; k++) {
        assert_int_equal(ledger_record_encode(&records[k], buf,
                                              LEDGER_RECORD_MAX, &len),
                         LEDGER_OK);

        for (i = 0; i < len * 8; i++) {
            bit = 1u << i % 8;
            buf[i / 8] = (unsigned char) (buf[i / 8] ^ bit);

            rc = ledger_record_decode(buf, len, &back);

            if (rc == LEDGER_OK) {
                assert_int_equal(ledger_record_encode(&back, copy,
                                                      sizeof(copy), &again),
                                 LEDGER_OK);
                assert_int_equal(again, len);
                assert_memory_equal(copy, buf, len);

            } else {
                assert_true(rc == LEDGER_CORRUPT || rc == LEDGER_VERSION);
            }

            buf[i / 8] = (unsigned char) (buf[i / 8] ^ bit);
        }
    }
}


static void
test_version(void **state)
{
    size_t           len;
    ledger_record_t  record;

    (void) state;

    record = full();

    assert_int_equal(ledger_record_encode(&record, buf, LEDGER_RECORD_MAX,
                                          &len), LEDGER_OK);
    assert_int_equal(buf[0], 1);
    buf[0] = 4;
    assert_int_equal(ledger_record_decode(buf, len, &back), LEDGER_VERSION);
    buf[0] = 3;
    assert_int_equal(ledger_record_decode(buf, len, &back), LEDGER_CORRUPT);
    buf[0] = 0;
    assert_int_equal(ledger_record_decode(buf, len, &back), LEDGER_CORRUPT);

    /* the second version is for what has a kept answer, and only for that */

    buf[0] = 2;
    assert_int_equal(ledger_record_decode(buf, len, &back), LEDGER_CORRUPT);

    memset(buf + len, 0, 8 + LEDGER_PRINT_SIZE + 2);
    assert_int_equal(ledger_record_decode(buf, len + 8 + LEDGER_PRINT_SIZE
                                          + 2, &back), LEDGER_CORRUPT);

    record = scene_order(LEDGER_USE, 7, SCENE_NOW);
    assert_int_equal(ledger_record_encode(&record, buf, LEDGER_RECORD_MAX,
                                          &len), LEDGER_OK);
    buf[0] = 2;
    assert_int_equal(ledger_record_decode(buf, len, &back), LEDGER_CORRUPT);

    record = full();
    scene_keep(&record, "sealed", 'p', 1);
    assert_int_equal(ledger_record_encode(&record, buf, LEDGER_RECORD_MAX,
                                          &len), LEDGER_OK);
    assert_int_equal(buf[0], 2);
    buf[0] = 1;
    assert_int_equal(ledger_record_decode(buf, len, &back), LEDGER_CORRUPT);
}


static void
test_kept(void **state)
{
    size_t              len, log, plain;
    ledger_record_t     record;
    ledger_exchange_t  *x;

    (void) state;

    record = full();
    assert_int_equal(ledger_record_encode(&record, buf, LEDGER_RECORD_MAX,
                                          &plain), LEDGER_OK);

    scene_keep(&record, "sealed answer", 'p', SCENE_NOW + 60000);
    assert_int_equal(ledger_record_encode(&record, buf, LEDGER_RECORD_MAX,
                                          &len), LEDGER_OK);
    assert_int_equal(ledger_record_decode(buf, len, &back), LEDGER_OK);

    x = &back.u.exchange;
    assert_int_equal(x->kept_until, SCENE_NOW + 60000);
    assert_int_equal(x->kept.len, 13);
    assert_memory_equal(x->kept.data, "sealed answer", 13);
    assert_int_equal(x->print[0], 'p');
    assert_int_equal(x->print[LEDGER_PRINT_SIZE - 1], 'p');

    /* the form for the log is the one without */

    assert_int_equal(ledger_record_encode_log(&record, buf,
                                              LEDGER_CONNECTION_MAX, &log),
                     LEDGER_OK);
    assert_int_equal(log, plain);
    assert_int_equal(ledger_record_decode(buf, log, &back), LEDGER_OK);
    assert_int_equal(back.u.exchange.kept.len, 0);
    assert_int_equal(back.u.exchange.kept_until, 0);
    assert_int_equal(back.u.exchange.ntokens, record.u.exchange.ntokens);

    /* bounds hold in both forms */

    record.u.exchange.kept = letters_of(LEDGER_KEPT_MAX);
    assert_int_equal(encode(&record), LEDGER_OK);
    record.u.exchange.kept = letters_of(LEDGER_KEPT_MAX + 1);
    assert_int_equal(encode(&record), LEDGER_LIMIT);
    assert_int_equal(ledger_record_encode_log(&record, buf,
                                              LEDGER_CONNECTION_MAX, &log),
                     LEDGER_LIMIT);

    record = scene_connect("o", "u", "a", "r", SCENE_NOW);
    scene_keep(&record, "sealed", 'p', SCENE_NOW);
    assert_int_equal(encode(&record), LEDGER_MALFORMED);
}


/* What is lent, with a kept answer beside it and without. */

static void
test_lent(void **state)
{
    size_t              len, log, kept;
    uint64_t            until;
    ledger_record_t     record;
    ledger_exchange_t  *x;

    (void) state;

    for (kept = 0; kept < 2; kept++) {
        record = full();
        until = kept ? SCENE_NOW + 60000 : 0;

        if (kept) {
            scene_keep(&record, "sealed answer", 'p', until);
        }

        scene_lend(&record, "sealed tokens", 'c');
        record.u.exchange.narrowed = 1;

        assert_int_equal(ledger_record_encode(&record, buf,
                                              LEDGER_RECORD_MAX, &len),
                         LEDGER_OK);
        assert_int_equal(buf[0], 3);
        assert_int_equal(ledger_record_decode(buf, len, &back), LEDGER_OK);

        x = &back.u.exchange;
        assert_int_equal(x->lent.len, 13);
        assert_memory_equal(x->lent.data, "sealed tokens", 13);
        assert_int_equal(x->accepted_key, SCENE_KEY);
        assert_int_equal(x->accepted[LEDGER_CLIENT_SIZE - 1], 'c');
        assert_int_equal(x->narrowed, 1);
        assert_int_equal(x->kept.len, kept * 13);
        assert_int_equal(x->kept_until, until);

        assert_int_equal(ledger_record_encode_log(&record, buf,
                                                  LEDGER_CONNECTION_MAX,
                                                  &log), LEDGER_OK);
        assert_int_equal(ledger_record_decode(buf, log, &back), LEDGER_OK);
        assert_int_equal(back.u.exchange.lent.len, 0);
        assert_int_equal(back.u.exchange.accepted_key, 0);
        assert_null(memmem(buf, log, "sealed", 6));
    }

    record = full();
    scene_lend(&record, "", 'c');
    record.u.exchange.lent = letters_of(LEDGER_LENT_MAX);
    assert_int_equal(encode(&record), LEDGER_OK);
    record.u.exchange.lent = letters_of(LEDGER_LENT_MAX + 1);
    assert_int_equal(encode(&record), LEDGER_LIMIT);

    record = full();
    scene_lend(&record, "sealed tokens", 'c');
    record.u.exchange.accepted_key = 0;
    assert_int_equal(encode(&record), LEDGER_MALFORMED);
    record.u.exchange.lent.len = 0;
    assert_int_equal(encode(&record), LEDGER_OK);
    record.u.exchange.narrowed = 1;
    assert_int_equal(encode(&record), LEDGER_MALFORMED);
}


static void
test_text_bounds(void **state)
{
    unsigned          i;
    ledger_record_t   record;
    ledger_slice_t   *texts[10];
    size_t            bounds[10];

    (void) state;

    record = full();

    texts[0] = &record.u.exchange.provider;
    texts[1] = &record.u.exchange.client;
    texts[2] = &record.u.exchange.user;
    texts[3] = &record.u.exchange.tenant;
    texts[4] = &record.u.exchange.login;
    texts[5] = &record.u.exchange.owner;
    texts[6] = &record.u.exchange.grant;
    texts[7] = &record.u.exchange.scope;
    texts[8] = &record.u.exchange.address;
    texts[9] = &record.u.exchange.agent;

    for (i = 0; i < 10; i++) {
        bounds[i] = LEDGER_IDENTITY_MAX;
    }

    bounds[6] = LEDGER_GRANT_MAX;
    bounds[7] = LEDGER_SCOPE_MAX;
    bounds[8] = LEDGER_ORIGIN_MAX;
    bounds[9] = LEDGER_ORIGIN_MAX;

    for (i = 0; i < 10; i++) {
        *texts[i] = letters_of(bounds[i]);
        assert_int_equal(encode(&record), LEDGER_OK);

        *texts[i] = letters_of(bounds[i] + 1);
        assert_int_equal(encode(&record), LEDGER_LIMIT);

        *texts[i] = letters_of(bounds[i]);
    }
}


static void
test_limit_bounds(void **state)
{
    ledger_record_t   record;
    ledger_limit_t   *limit;

    (void) state;

    record = full();
    limit = &record.u.exchange.limits[1];

    limit->n = LEDGER_LIMIT_N_MAX;
    assert_int_equal(encode(&record), LEDGER_OK);
    limit->n++;
    assert_int_equal(encode(&record), LEDGER_LIMIT);
    limit->n = 0;
    assert_int_equal(encode(&record), LEDGER_LIMIT);
    limit->n = 1;

    limit->nkeys = 0;
    assert_int_equal(encode(&record), LEDGER_LIMIT);
    limit->nkeys = LEDGER_LIMIT_KEYS_MAX + 1;
    assert_int_equal(encode(&record), LEDGER_LIMIT);
    limit->nkeys = 2;

    limit->keys[1].name = letters_of(LEDGER_VARIABLE_NAME_MAX);
    limit->keys[1].value = letters_of(LEDGER_IDENTITY_MAX);
    assert_int_equal(encode(&record), LEDGER_OK);
    limit->keys[1].name.len++;
    assert_int_equal(encode(&record), LEDGER_LIMIT);
    limit->keys[1].name.len = 0;
    assert_int_equal(encode(&record), LEDGER_MALFORMED);
    limit->keys[1].name.len = 1;
    limit->keys[1].value.len++;
    assert_int_equal(encode(&record), LEDGER_LIMIT);
    limit->keys[1].value.len = 0;
    assert_int_equal(encode(&record), LEDGER_OK);

    limit->keys[1].kind = LEDGER_KEY_VARIABLE + 1;
    assert_int_equal(encode(&record), LEDGER_MALFORMED);
    limit->keys[1].kind = 0;
    assert_int_equal(encode(&record), LEDGER_MALFORMED);
    limit->keys[1].kind = LEDGER_KEY_USER;

    record.u.exchange.nlimits = LEDGER_LIMITS_MAX + 1;
    assert_int_equal(encode(&record), LEDGER_LIMIT);
}


static void
test_token_bounds(void **state)
{
    ledger_record_t  record;

    (void) state;

    record = scene_connect("o", "u", NULL, NULL, SCENE_NOW);
    assert_int_equal(encode(&record), LEDGER_MALFORMED);

    while (record.u.exchange.ntokens < LEDGER_TOKENS_MAX) {
        scene_add_token(&record, "t", LEDGER_ACCESS, 0);
        assert_int_equal(encode(&record), LEDGER_OK);
    }

    record.u.exchange.ntokens++;
    assert_int_equal(encode(&record), LEDGER_LIMIT);
    record.u.exchange.ntokens = 1;

    record.u.exchange.tokens[0].kind = 0;
    assert_int_equal(encode(&record), LEDGER_MALFORMED);
    record.u.exchange.tokens[0].kind = LEDGER_REFRESH + 1;
    assert_int_equal(encode(&record), LEDGER_MALFORMED);
}


static void
test_malformed(void **state)
{
    ledger_record_t  record;

    (void) state;

    record = full();
    record.kind = 0;
    assert_int_equal(encode(&record), LEDGER_MALFORMED);
    record.kind = LEDGER_NOTE + 1;
    assert_int_equal(encode(&record), LEDGER_MALFORMED);

    record = full();
    record.u.exchange.provider.len = 0;
    assert_int_equal(encode(&record), LEDGER_MALFORMED);

    record = full();
    record.u.exchange.sent_at = record.u.exchange.arrived_at;
    assert_int_equal(encode(&record), LEDGER_OK);
    record.u.exchange.sent_at++;
    assert_int_equal(encode(&record), LEDGER_MALFORMED);

    record = scene_sweep(SCENE_NOW, 0, 1);
    assert_int_equal(encode(&record), LEDGER_OK);
    record.u.sweep.max = 0;
    assert_int_equal(encode(&record), LEDGER_LIMIT);

    record = scene_binding(1, "u", "t", SCENE_NOW);
    record.u.binding.user = letters_of(LEDGER_IDENTITY_MAX);
    assert_int_equal(encode(&record), LEDGER_OK);
    record.u.binding.user = letters_of(LEDGER_IDENTITY_MAX + 1);
    assert_int_equal(encode(&record), LEDGER_LIMIT);
    record.u.binding.user.len = 0;
    record.u.binding.tenant = letters_of(LEDGER_IDENTITY_MAX + 1);
    assert_int_equal(encode(&record), LEDGER_LIMIT);
}


/* Every field at its bound at once fits LEDGER_RECORD_MAX. */

static void
test_largest(void **state)
{
    size_t               len;
    unsigned             i, j;
    ledger_record_t      record;
    ledger_exchange_t   *x;
    ledger_limit_key_t  *key;

    (void) state;

    record = full();
    x = &record.u.exchange;

    x->provider = x->client = x->user = x->tenant = x->login = x->owner =
        letters_of(LEDGER_IDENTITY_MAX);
    x->grant = letters_of(LEDGER_GRANT_MAX);
    x->scope = letters_of(LEDGER_SCOPE_MAX);
    x->address = x->agent = letters_of(LEDGER_ORIGIN_MAX);

    while (x->ntokens < LEDGER_TOKENS_MAX) {
        scene_add_token(&record, "t", LEDGER_ACCESS, UINT64_MAX);
    }

    x->nlimits = LEDGER_LIMITS_MAX;

    for (i = 0; i < LEDGER_LIMITS_MAX; i++) {
        x->limits[i].n = LEDGER_LIMIT_N_MAX;
        x->limits[i].nkeys = LEDGER_LIMIT_KEYS_MAX;

        for (j = 0; j < LEDGER_LIMIT_KEYS_MAX; j++) {
            key = &x->limits[i].keys[j];
            key->kind = LEDGER_KEY_VARIABLE;
            key->name = letters_of(LEDGER_VARIABLE_NAME_MAX);
            key->value = letters_of(LEDGER_IDENTITY_MAX);
        }
    }

    assert_int_equal(ledger_record_encode(&record, buf,
                                          LEDGER_CONNECTION_MAX, &len),
                     LEDGER_OK);

    x->kept = letters_of(LEDGER_KEPT_MAX);
    x->kept_until = UINT64_MAX;

    x->lent = letters_of(LEDGER_LENT_MAX);
    x->accepted_key = UINT32_MAX;
    x->narrowed = 1;

    assert_int_equal(ledger_record_encode(&record, buf, LEDGER_RECORD_MAX,
                                          &len), LEDGER_OK);
    assert_int_equal(ledger_record_decode(buf, len, &back), LEDGER_OK);
    assert_int_equal(back.u.exchange.limits[7].keys[7].value.len,
                     LEDGER_IDENTITY_MAX);
    assert_int_equal(back.u.exchange.kept.len, LEDGER_KEPT_MAX);
    assert_int_equal(back.u.exchange.lent.len, LEDGER_LENT_MAX);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_cut_at_every_byte),
        cmocka_unit_test(test_every_bit_flipped),
        cmocka_unit_test(test_version),
        cmocka_unit_test(test_kept),
        cmocka_unit_test(test_lent),
        cmocka_unit_test(test_text_bounds),
        cmocka_unit_test(test_limit_bounds),
        cmocka_unit_test(test_token_bounds),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_largest)
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
