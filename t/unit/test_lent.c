
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * Lent tokens: who may use whose, and what ends it.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ledger_store.h"
#include "story.h"


#define T0     SCENE_NOW
#define BOTH   (LEDGER_BY_USER | LEDGER_BY_TENANT)


static ledger_lent_t   lent;


static void
apply(ledger_record_t record)
{
    scene_apply(s, &record);
    scene_check(s);
}


/* A connect of user "u" that lends "sealed"; its scope may be NULL. */

static void
connect(const char *access, const char *refresh, const char *sealed,
    const char *scope, ledger_ms_t at)
{
    ledger_record_t  record;

    record = scene_connect("o", "u", access, refresh, at);

    if (scope) {
        record.u.exchange.scope = scene_text(scope);
    }

    scene_lend(&record, sealed, access[0]);
    apply(record);
}


static void
refresh(const char *presented, const char *access, const char *newer,
    const char *sealed, ledger_ms_t at)
{
    ledger_record_t  record;

    record = scene_refresh(presented, access, newer, at);
    scene_lend(&record, sealed, 'r');
    apply(record);
}


static ledger_rc_t
lender_by(const char *token, unsigned by, ledger_ms_t now)
{
    memset(&lent, 0x5a, sizeof(lent));

    return ledger_lender(s->ledger, scene_owner(s, token), by, now, &lent);
}


static ledger_rc_t
lender(const char *token, ledger_ms_t now)
{
    return lender_by(token, LEDGER_BY_USER, now);
}


#define assert_lent(token, at, text)                                          \
    do {                                                                      \
        assert_int_equal(lender(token, at), LEDGER_OK);                       \
        assert_int_equal(lent.sealed.len, strlen(text));                      \
        assert_memory_equal(lent.sealed.data, text, strlen(text));            \
    } while (0)

#define assert_none(token, at)                                                \
    assert_int_equal(lender(token, at), LEDGER_NOT_FOUND)


static void
test_superseded(void **state)
{
    ledger_token_id_t  id;

    (void) state;

    connect("a1", "r1", "one", NULL, T0);
    assert_lent("a1", T0, "one");
    assert_int_equal(lent.connection, scene_owner(s, "a1"));

    connect("a2", "r2", "two", NULL, T0 + 1000);
    connect("b3", "r3", "three", NULL, T0 + 2000);

    assert_lent("a1", T0 + 3000, "three");
    assert_int_equal(lent.connection, scene_owner(s, "b3"));
    assert_int_equal(lent.stored_at, T0 + 2000);
    assert_int_equal(lent.key, SCENE_KEY);
    assert_int_equal(lent.accepted[0], 'b');
    assert_int_equal(lent.own_key, SCENE_KEY);
    assert_int_equal(lent.own[0], 'a');
    assert_true(lent.has_access);
    assert_true(lent.has_refresh);

    id = scene_token("b3");
    assert_memory_equal(lent.access.bytes, id.bytes, LEDGER_TOKEN_ID_SIZE);
    id = scene_token("r3");
    assert_memory_equal(lent.refresh.bytes, id.bytes, LEDGER_TOKEN_ID_SIZE);

    assert_lent("r2", T0 + 3000, "three");
}


/* The tokens that are lent are those of the last exchange. */

static void
test_refreshed(void **state)
{
    ledger_token_id_t  id;

    (void) state;

    connect("a1", "r1", "one", NULL, T0);
    connect("a2", "r2", "two", NULL, T0 + 1000);

    refresh("r2", "a3", "r3", "three", T0 + 2000);
    assert_lent("a1", T0 + 3000, "three");
    assert_lent("r2", T0 + 3000, "three");
    assert_int_equal(lent.accepted[0], 'r');

    id = scene_token("r3");
    assert_memory_equal(lent.refresh.bytes, id.bytes, LEDGER_TOKEN_ID_SIZE);

    /* the refresh token stays: omitted, or repeated */

    refresh("r3", "a4", NULL, "four", T0 + 4000);
    assert_lent("a1", T0 + 5000, "four");
    assert_memory_equal(lent.refresh.bytes, id.bytes, LEDGER_TOKEN_ID_SIZE);

    refresh("r3", "a5", "r3", "five", T0 + 6000);
    assert_lent("a1", T0 + 7000, "five");
    assert_memory_equal(lent.refresh.bytes, id.bytes, LEDGER_TOKEN_ID_SIZE);
}


/* An exchange that lends nothing leaves nothing that is out of date. */

static void
test_refreshed_elsewhere(void **state)
{
    (void) state;

    connect("a1", "r1", "one", NULL, T0);
    connect("a2", "r2", "two", NULL, T0 + 1000);
    assert_lent("a1", T0 + 1000, "two");

    apply(scene_refresh("r2", "a3", "r3", T0 + 2000));
    assert_none("a1", T0 + 3000);
    assert_none("a3", T0 + 3000);

    /* neither does one of a client that may not */

    refresh("r3", "a4", "r4", "four", T0 + 4000);
    assert_lent("a1", T0 + 5000, "four");
    refresh("r4", "a5", "r5", "", T0 + 6000);
    assert_none("a1", T0 + 7000);
}


/* A late answer to an older refresh does not take the newer one's place. */

static void
test_late_answer(void **state)
{
    ledger_record_t  record;

    (void) state;

    connect("a1", "r1", "one", NULL, T0);
    refresh("r1", "a2", "r2", "two", T0 + 1000);
    refresh("r2", "a3", "r3", "three", T0 + 2000);

    record = scene_refresh("r1", "a2", "r2", T0 + 3000);
    record.u.exchange.sent_at = T0 + 900;
    scene_lend(&record, "late", 'l');
    apply(record);

    assert_lent("a1", T0 + 3000, "three");
    assert_int_equal(lent.accepted[0], 'r');
}


static void
test_narrowed(void **state)
{
    ledger_record_t  record;

    (void) state;

    connect("a1", "r1", "one", NULL, T0);
    connect("a2", "r2", "two", NULL, T0 + 1000);

    record = scene_refresh("r2", "a3", "r3", T0 + 2000);
    scene_lend(&record, "less", 'r');
    record.u.exchange.narrowed = 1;
    apply(record);

    assert_lent("a1", T0 + 3000, "less");
    assert_false(lent.has_access);
    assert_true(lent.has_refresh);
}


static void
test_identities(void **state)
{
    unsigned         i;
    ledger_record_t  record;

    static const struct {
        const char  *client, *user, *tenant;
        unsigned     user_same, both_same;
    } others[] = {
        { "c", "u", "t", 1, 1 },
        { "c", "u", "x", 1, 0 },
        { "c", "u", "", 1, 0 },
        { "c", "x", "t", 0, 0 },
        { "c", "", "t", 0, 0 },
        { "x", "u", "t", 0, 0 },
        { "", "u", "t", 0, 0 }
    };

    (void) state;

    /* all in one slot, whoever they are */

    for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        record = scene_connect("o", "u", "a1", "r1", T0);
        record.u.exchange.tenant = scene_text("t");
        record.u.exchange.limits[0].nkeys = 1;
        record.u.exchange.limits[0].keys[0].kind = LEDGER_KEY_SCOPE;
        scene_lend(&record, "one", 'a');
        apply(record);

        record.u.exchange.client = scene_text(others[i].client);
        record.u.exchange.user = scene_text(others[i].user);
        record.u.exchange.tenant = scene_text(others[i].tenant);
        record.u.exchange.ntokens = 0;
        record.u.exchange.sent_at = T0 + 995;
        record.u.exchange.arrived_at = T0 + 1000;
        record.at = T0 + 1000;
        scene_add_token(&record, "a2", LEDGER_ACCESS, 0);
        apply(record);

        assert_int_equal(scene_judge(s, "a1", T0 + 2000),
                         LEDGER_VERDICT_SUPERSEDED);
        assert_int_equal(lender_by("a1", LEDGER_BY_USER, T0 + 2000)
                         == LEDGER_OK, others[i].user_same);
        assert_int_equal(lender_by("a1", BOTH, T0 + 2000) == LEDGER_OK,
                         others[i].both_same);
        assert_int_equal(lender_by("a1", 0, T0 + 2000), LEDGER_NOT_FOUND);

        tear_down(NULL);
        set_up(NULL);
    }
}


static void
test_unknown_equals_nothing(void **state)
{
    ledger_record_t  record;
    unsigned         i;

    (void) state;

    for (i = 1; i < 3; i++) {
        record = scene_connect("o", "", i == 1 ? "a1" : "a2", NULL,
                               T0 + i * 1000);
        record.u.exchange.limits[0].nkeys = 1;
        record.u.exchange.limits[0].keys[0].kind = LEDGER_KEY_CLIENT;
        scene_lend(&record, "x", 'a');
        apply(record);
    }

    assert_int_equal(scene_judge(s, "a1", T0 + 2000),
                     LEDGER_VERDICT_SUPERSEDED);
    assert_none("a1", T0 + 3000);

    /* its own it has, whoever it is */

    assert_lent("a2", T0 + 3000, "x");
}


static void
test_scope(void **state)
{
    unsigned  i;

    static const struct {
        const char  *has, *wants;
        unsigned     covered;
    } scopes[] = {
        { "a b c", "a b c", 1 },
        { "a b c", "b", 1 },
        { "a b c", "a c", 1 },
        { "a b", "a b c", 0 },
        { "a b", " b  a ", 1 },
        { " a  b", "b", 1 },
        { "a  b", " c", 0 },
        { "ab c", "a", 0 },
        { "a", "ab", 0 },
        { NULL, "a", 0 },
        { "a", NULL, 0 },
        { NULL, NULL, 1 }
    };

    (void) state;

    for (i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++) {
        connect("a1", "r1", "one", scopes[i].wants, T0);
        connect("a2", "r2", "two", scopes[i].has, T0 + 1000);

        assert_int_equal(lender("a1", T0 + 2000) == LEDGER_OK,
                         scopes[i].covered);

        tear_down(NULL);
        set_up(NULL);
    }
}


/* Three may live; who went finds the youngest that has something to lend. */

static void
test_youngest(void **state)
{
    int               i;
    char              sealed[2], access[3], name[3];
    ledger_record_t   record;

    (void) state;

    for (i = 0; i < 4; i++) {
        access[0] = 'a';
        access[1] = (char) ('0' + i);
        access[2] = '\0';
        name[0] = 'r';
        name[1] = access[1];
        name[2] = '\0';
        sealed[0] = access[1];
        sealed[1] = '\0';

        record = scene_connect("o", "u", access, name, T0 + i * 1000);
        record.u.exchange.limits[0].n = 3;
        scene_lend(&record, sealed, 'a');
        apply(record);
    }

    assert_lent("a0", T0 + 5000, "3");
    apply(scene_revocation("r3", 1, T0 + 6000));
    assert_lent("a0", T0 + 7000, "2");
    apply(scene_refresh("r2", "b2", "s2", T0 + 8000));
    assert_lent("a0", T0 + 9000, "1");
    apply(scene_refusal("r1", T0 + 10000));
    assert_none("a0", T0 + 11000);
}


/* An older one can help at once where the youngest has less to lend. */

static void
test_access_first(void **state)
{
    ledger_record_t  record;

    (void) state;

    record = scene_connect("o", "u", "a1", "r1", T0);
    record.u.exchange.limits[0].n = 2;
    scene_lend(&record, "one", 'a');
    apply(record);

    record = scene_connect("o", "u", "a2", "r2", T0 + 1000);
    record.u.exchange.limits[0].n = 2;
    scene_lend(&record, "two", 'a');
    apply(record);

    record = scene_connect("o", "u", "a3", "r3", T0 + 2000);
    record.u.exchange.limits[0].n = 2;
    scene_lend(&record, "three", 'a');
    apply(record);

    record = scene_refresh("r3", "a4", "r4", T0 + 3000);
    scene_lend(&record, "less", 'r');
    record.u.exchange.narrowed = 1;
    apply(record);

    assert_lent("a1", T0 + 4000, "two");
    assert_true(lent.has_access);

    record = scene_refresh("r2", "a5", "r5", T0 + 5000);
    scene_lend(&record, "less, too", 'r');
    record.u.exchange.narrowed = 1;
    apply(record);

    assert_lent("a1", T0 + 6000, "less");
    assert_false(lent.has_access);
    assert_true(lent.has_refresh);
}


/* Nobody is healed whose end was meant, or is not understood. */

static void
test_ends(void **state)
{
    (void) state;

    connect("a1", "r1", "one", NULL, T0);
    apply(scene_revocation("r1", 1, T0 + 100));
    connect("a2", "r2", "two", NULL, T0 + 1000);
    assert_none("a1", T0 + 2000);

    apply(scene_refusal("r2", T0 + 3000));
    assert_int_equal(scene_judge(s, "a2", T0 + 4000), LEDGER_VERDICT_BROKEN);
    connect("a3", "r3", "three", NULL, T0 + 5000);
    assert_none("a2", T0 + 6000);

    apply(scene_order(LEDGER_RELEASE, scene_owner(s, "a3"), T0 + 7000));
    connect("a4", "r4", "four", NULL, T0 + 8000);
    assert_none("a3", T0 + 9000);

    /* what was lent does not come back with a connection */

    connect("a5", "r5", "five", NULL, T0 + 10000);
    apply(scene_order(LEDGER_REINSTATE, scene_owner(s, "a4"), T0 + 11000));
    assert_none("a4", T0 + 12000);
    assert_int_equal(lent.own_key, SCENE_KEY);
}


/* R1: it is not known which of the two lives. */

static void
test_undecided(void **state)
{
    ledger_record_t  record;

    (void) state;

    connect("a1", "r1", "one", NULL, T0);

    record = scene_connect("o", "u", "a2", "r2", T0 + 1);
    scene_lend(&record, "two", 'a');
    apply(record);

    assert_int_equal(scene_judge(s, "a1", T0 + 2), LEDGER_VERDICT_SUPERSEDED);
    assert_true(s->judgement.undecided);
    assert_none("a1", T0 + 2);
}


static void
test_access_token(void **state)
{
    ledger_record_t  record;

    (void) state;

    connect("a1", "r1", "one", NULL, T0);

    record = scene_connect("o", "u", "a2", "r2", T0 + 1000);
    record.u.exchange.tokens[0].expires_at = T0 + 5000;
    scene_lend(&record, "two", 'a');
    apply(record);

    assert_lent("a1", T0 + 4999, "two");
    assert_true(lent.has_access);
    assert_int_equal(lent.expires_at, T0 + 5000);
    assert_lent("a1", T0 + 5000, "two");
    assert_false(lent.has_access);
    assert_true(lent.has_refresh);

    /* the provider calls it dead, or it was revoked alone */

    apply(scene_answer(scene_owner(s, "a2"), "a2", 0, T0 + 3000));
    assert_lent("a1", T0 + 4000, "two");
    assert_false(lent.has_access);

    refresh("r2", "a3", "r3", "three", T0 + 6000);
    assert_lent("a1", T0 + 7000, "three");
    assert_true(lent.has_access);
    apply(scene_revocation("a3", 0, T0 + 8000));
    assert_lent("a1", T0 + 9000, "three");
    assert_false(lent.has_access);
}


/* Without a refresh token it lends its access token, and ends with that. */

static void
test_no_refresh_token(void **state)
{
    ledger_record_t  record;

    (void) state;

    connect("a1", NULL, "one", NULL, T0);

    record = scene_connect("o", "u", "a2", NULL, T0 + 1000);
    record.u.exchange.tokens[0].expires_at = T0 + 5000;
    scene_lend(&record, "two", 'a');
    apply(record);

    assert_lent("a1", T0 + 4999, "two");
    assert_true(lent.has_access);
    assert_false(lent.has_refresh);
    assert_none("a1", T0 + 5001);

    apply(scene_sweep(T0 + 6000, 90 * SCENE_DAY, 100));
    assert_none("a2", T0 + 6000);
}


/* The refresh token alone is revoked: what is sealed with it goes. */

static void
test_refresh_revoked(void **state)
{
    ledger_view_t      view;
    ledger_lent_row_t  row;

    (void) state;

    connect("a1", "r1", "one", NULL, T0);
    connect("a2", "r2", "two", NULL, T0 + 1000);
    apply(scene_revocation("r2", 0, T0 + 2000));
    assert_none("a1", T0 + 3000);

    assert_int_equal(scene_judge(s, "a2", T0 + 3000), LEDGER_VERDICT_ACTIVE);
    assert_int_equal(ledger_store_read(s->ledger, &view), LEDGER_OK);
    assert_int_equal(ledger_store_lent(&view, s->judgement.connection.id,
                                       &row), LEDGER_OK);
    ledger_store_read_end(&view);
    assert_int_equal(row.sealed.len, 0);
    assert_int_equal(row.key, SCENE_KEY);
}


/* All of it goes with the connection. */

static void
test_deleted(void **state)
{
    MDB_stat       stat;
    ledger_view_t  view;

    (void) state;

    connect("a1", "r1", "one", NULL, T0);
    connect("a2", "r2", "two", NULL, T0 + 1000);
    apply(scene_sweep(T0 + 91 * SCENE_DAY, 90 * SCENE_DAY, 1000));

    assert_int_equal(scene_owner(s, "a1"), 0);
    assert_int_equal(ledger_store_read(s->ledger, &view), LEDGER_OK);
    assert_int_equal(mdb_stat(view.txn, s->ledger->tables[LEDGER_LENT],
                              &stat), 0);
    ledger_store_read_end(&view);
    assert_int_equal(stat.ms_entries, 1);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        story(test_superseded),
        story(test_refreshed),
        story(test_refreshed_elsewhere),
        story(test_late_answer),
        story(test_narrowed),
        story(test_identities),
        story(test_unknown_equals_nothing),
        story(test_scope),
        story(test_youngest),
        story(test_access_first),
        story(test_ends),
        story(test_undecided),
        story(test_access_token),
        story(test_no_refresh_token),
        story(test_refresh_revoked),
        story(test_deleted)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
