
/*
 * Copyright (C) The OAuth gateway authors
 */

/* The rules of the ledger, one story each. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "story.h"


#define T0  SCENE_NOW

#define ACTIVE      LEDGER_VERDICT_ACTIVE
#define SUPERSEDED  LEDGER_VERDICT_SUPERSEDED
#define REVOKED     LEDGER_VERDICT_REVOKED
#define BROKEN      LEDGER_VERDICT_BROKEN
#define EXPIRED     LEDGER_VERDICT_EXPIRED
#define ROTATED     LEDGER_VERDICT_ROTATED
#define UNKNOWN     LEDGER_VERDICT_UNKNOWN


static void
apply(ledger_record_t record)
{
    scene_apply(s, &record);
}


static void
connect(const char *owner, const char *user, const char *access,
    const char *refresh, ledger_ms_t at)
{
    apply(scene_connect(owner, user, access, refresh, at));
}


static void
refresh(const char *presented, const char *access, const char *newer,
    ledger_ms_t at)
{
    apply(scene_refresh(presented, access, newer, at));
}


#define assert_verdict(token, at, verdict)                                    \
    assert_int_equal(scene_judge(s, token, at), verdict)

#define assert_effect(kind, n)                                                \
    assert_int_equal(scene_effects(s, kind), n)


/* R1 */


static void
test_same_user(void **state)
{
    const ledger_effect_t      *effect;
    const ledger_connection_t  *c;

    (void) state;

    connect("alpha", "u", "a1", "r1", T0);
    assert_int_equal(s->effects.n, 1);
    assert_effect(LEDGER_CONNECTED, 1);
    assert_verdict("a1", T0, ACTIVE);
    assert_verdict("r1", T0, ACTIVE);
    assert_verdict("a2", T0, UNKNOWN);

    connect("beta", "u", "a2", "r2", T0 + 1000);
    assert_int_equal(s->effects.n, 2);

    effect = scene_effect(s, LEDGER_SUPERSESSION);
    assert_non_null(effect);
    assert_int_equal(effect->connection, scene_owner(s, "a1"));
    assert_int_equal(effect->other, scene_owner(s, "a2"));
    assert_int_equal(effect->limit, 0);
    assert_int_equal(effect->reconnect, 0);
    assert_int_equal(effect->undecided, 0);

    assert_verdict("a2", T0 + 1000, ACTIVE);
    assert_verdict("r1", T0 + 1000, SUPERSEDED);
    assert_verdict("a1", T0 + 1000, SUPERSEDED);

    c = &s->judgement.connection;
    assert_int_equal(c->state, LEDGER_SUPERSEDED);
    assert_int_equal(c->superseded_by, scene_owner(s, "r2"));
    scene_judge(s, "a1", T0);
    assert_int_equal(c->ended_at, T0 + 1000);
    assert_int_equal(c->opened_at, T0);
    assert_memory_equal(c->owner.data, "alpha", 5);

    /* another user is another slot */
    connect("beta", "v", "a3", "r3", T0 + 2000);
    assert_effect(LEDGER_SUPERSESSION, 0);
    assert_verdict("a2", T0 + 2000, ACTIVE);
}


static void
test_unknown_identity_enters_no_slot(void **state)
{
    ledger_slot_t  slot;

    (void) state;

    connect("alpha", "", "a1", "r1", T0);
    connect("beta", "", "a2", "r2", T0 + 1000);
    assert_effect(LEDGER_SUPERSESSION, 0);
    assert_verdict("a1", T0 + 1000, ACTIVE);

    assert_int_equal(ledger_slot(s->ledger, &s->judgement.connection, 0, T0,
                                 3, 1000, &slot), LEDGER_OK);
    assert_int_equal(slot.known, 0);
    assert_int_equal(slot.oldest, 0);
    assert_int_equal(ledger_slot(s->ledger, &s->judgement.connection, 1, T0,
                                 3, 1000, &slot), LEDGER_NOT_FOUND);
}


static ledger_record_t
company(const char *user, const char *access, ledger_ms_t at)
{
    ledger_record_t  record;

    record = scene_connect("o", user, access, NULL, at);
    record.u.exchange.tenant = scene_text("t");

    scene_limit(&record, 0, 2, LEDGER_KEY_USER, LEDGER_KEY_CLIENT);
    scene_limit(&record, 1, 3, LEDGER_KEY_TENANT, LEDGER_KEY_CLIENT);

    return record;
}


static void
test_limits_in_order(void **state)
{
    (void) state;

    apply(company("u", "u1", T0));
    apply(company("v", "v1", T0 + 1));
    apply(company("v", "v2", T0 + 2));
    assert_effect(LEDGER_SUPERSESSION, 0);

    /*
     * The limit of the user comes first, and what it ends makes room in the
     * tenant: u1, older than all, stays.
     */

    apply(company("v", "v3", T0 + 3));
    assert_effect(LEDGER_SUPERSESSION, 1);
    assert_int_equal(scene_effect(s, LEDGER_SUPERSESSION)->limit, 0);
    assert_verdict("v1", T0 + 3, SUPERSEDED);
    assert_verdict("u1", T0 + 3, ACTIVE);

    /* a third user: only the tenant is full */
    apply(company("w", "w1", T0 + 4));
    assert_effect(LEDGER_SUPERSESSION, 1);
    assert_int_equal(scene_effect(s, LEDGER_SUPERSESSION)->limit, 1);
    assert_verdict("u1", T0 + 4, SUPERSEDED);
    assert_int_equal(s->judgement.connection.superseded_limit, 1);
    assert_verdict("v2", T0 + 4, ACTIVE);
}


static void
test_lower_n_ends_several(void **state)
{
    unsigned         i;
    ledger_record_t  record;
    char             token[8];

    (void) state;

    for (i = 0; i < 5; i++) {
        sprintf(token, "a%u", i);
        record = scene_connect("o", "u", token, NULL, T0 + i);
        record.u.exchange.limits[0].n = 5;
        apply(record);
        assert_effect(LEDGER_SUPERSESSION, 0);
    }

    record = scene_connect("o", "u", "b", NULL, T0 + 10);
    record.u.exchange.limits[0].n = 2;
    apply(record);
    assert_effect(LEDGER_SUPERSESSION, 4);
    assert_verdict("a4", T0 + 10, ACTIVE);
    assert_verdict("a3", T0 + 10, SUPERSEDED);
}


/* Names of the largest slot: n and n + 1. */

static void
test_largest_n(void **state)
{
    unsigned         i;
    ledger_record_t  record;
    char             token[8];

    (void) state;

    for (i = 0; i <= LEDGER_LIMIT_N_MAX; i++) {
        sprintf(token, "a%u", i);
        record = scene_connect("o", "u", token, NULL, T0 + i);
        record.u.exchange.limits[0].n = LEDGER_LIMIT_N_MAX;
        apply(record);
        assert_effect(LEDGER_SUPERSESSION, i == LEDGER_LIMIT_N_MAX);
    }

    assert_verdict("a0", T0 + i, SUPERSEDED);
    assert_verdict("a1", T0 + i, ACTIVE);

    record.u.exchange.limits[0].n++;
    apply(record);
    assert_int_equal(s->effects.n, 1);
    assert_effect(LEDGER_REJECTED_RECORD, 1);
}


static void
test_issue_time_decides(void **state)
{
    ledger_record_t  record;

    (void) state;

    record = scene_connect("o", "u", "a1", NULL, T0 + 100);
    record.u.exchange.sent_at = T0;
    record.u.exchange.issued_at = T0 + 50;
    apply(record);

    /* its answer came later, but the provider issued it before */
    record = scene_connect("o2", "u", "a2", NULL, T0 + 200);
    record.u.exchange.sent_at = T0;
    record.u.exchange.issued_at = T0 + 40;
    apply(record);

    assert_effect(LEDGER_SUPERSESSION, 1);
    assert_verdict("a1", T0 + 200, ACTIVE);
    assert_verdict("a2", T0 + 200, SUPERSEDED);
    assert_int_equal(s->judgement.undecided, 0);
    assert_int_equal(s->judgement.connection.age, T0 + 40);
    assert_int_equal(s->judgement.connection.superseded_by,
                     scene_owner(s, "a1"));
}


static void
test_superseded_newcomer_enters_no_later_slot(void **state)
{
    ledger_record_t  record;
    ledger_slot_t    slot;

    (void) state;

    record = company("u", "u1", T0 + 100);
    record.u.exchange.limits[0].n = 1;
    record.u.exchange.sent_at = T0;
    record.u.exchange.issued_at = T0 + 50;
    apply(record);

    record = company("u", "u2", T0 + 200);
    record.u.exchange.limits[0].n = 1;
    record.u.exchange.sent_at = T0;
    record.u.exchange.issued_at = T0 + 40;
    apply(record);
    assert_verdict("u2", T0 + 200, SUPERSEDED);

    assert_int_equal(ledger_slot(s->ledger, &s->judgement.connection, 1,
                                 T0 + 200, 3, 1000, &slot), LEDGER_OK);
    assert_int_equal(slot.held, 1);
    assert_int_equal(slot.n, 3);
    assert_int_equal(slot.oldest, 0);
}


static void
test_issue_time_is_clamped(void **state)
{
    ledger_record_t  record;

    (void) state;

    record = scene_connect("o", "u", "a1", NULL, T0);
    record.u.exchange.issued_at = 1;
    apply(record);
    scene_judge(s, "a1", T0);
    assert_int_equal(s->judgement.connection.age, T0 - 5);

    record = scene_connect("o", "v", "a2", NULL, T0);
    record.u.exchange.issued_at = T0 + SCENE_DAY;
    apply(record);
    scene_judge(s, "a2", T0);
    assert_int_equal(s->judgement.connection.age, T0);
}


static void
test_tie_by_sequence(void **state)
{
    ledger_record_t  record;

    (void) state;

    record = scene_connect("o", "u", "a1", NULL, T0);
    record.u.exchange.sent_at = T0;
    apply(record);

    record = scene_connect("o", "u", "a2", NULL, T0);
    record.u.exchange.sent_at = T0;
    apply(record);

    assert_verdict("a1", T0, SUPERSEDED);
    assert_int_equal(s->judgement.undecided, 0);
    assert_verdict("a2", T0, ACTIVE);
}


static void
overlap(void)
{
    ledger_record_t  record;

    record = scene_connect("alpha", "u", "a1", "r1", T0 + 100);
    record.u.exchange.sent_at = T0;
    apply(record);

    record = scene_connect("beta", "u", "a2", "r2", T0 + 150);
    record.u.exchange.sent_at = T0 + 50;
    apply(record);

    assert_int_equal(scene_effect(s, LEDGER_SUPERSESSION)->undecided, 1);
    assert_verdict("a1", T0 + 150, SUPERSEDED);
    assert_int_equal(s->judgement.undecided, 1);
    assert_verdict("a2", T0 + 150, ACTIVE);
}


static void
test_overlap_confirmed(void **state)
{
    (void) state;

    overlap();

    /* a success that left before the other's answer proves nothing */
    apply(scene_answer(scene_owner(s, "a1"), "a1", 1, T0 + 120));
    assert_int_equal(s->effects.n, 0);
    assert_verdict("a1", T0 + 200, SUPERSEDED);
    assert_int_equal(s->judgement.undecided, 1);

    apply(scene_answer(scene_owner(s, "a1"), "a1", 0, T0 + 120));
    assert_effect(LEDGER_CONFIRMED, 1);
    assert_verdict("a1", T0 + 200, SUPERSEDED);
    assert_int_equal(s->judgement.undecided, 0);

    /* once is enough */
    apply(scene_answer(scene_owner(s, "a1"), "a1", 0, T0 + 130));
    assert_int_equal(s->effects.n, 0);
}


static void
test_overlap_confirmed_by_refusal(void **state)
{
    (void) state;

    overlap();

    apply(scene_refusal("r1", T0 + 200));
    assert_effect(LEDGER_CONFIRMED, 1);
    assert_effect(LEDGER_BREAKAGE, 0);
}


static void
test_overlap_swapped(void **state)
{
    (void) state;

    overlap();

    apply(scene_answer(scene_owner(s, "a1"), "a1", 1, T0 + 200));
    assert_effect(LEDGER_SWAPPED, 1);
    assert_int_equal(scene_effect(s, LEDGER_SWAPPED)->other,
                     scene_owner(s, "a2"));
    assert_effect(LEDGER_CONTRADICTED, 0);
    assert_effect(LEDGER_OVERFULL, 0);
    assert_verdict("a1", T0 + 201, ACTIVE);
    assert_verdict("a2", T0 + 201, SUPERSEDED);
    assert_int_equal(s->judgement.undecided, 0);
    assert_int_equal(s->judgement.connection.superseded_by,
                     scene_owner(s, "r1"));

    /* the other may be right as well: then the limit is wrong */
    apply(scene_answer(scene_owner(s, "a2"), "a2", 1, T0 + 300));
    assert_effect(LEDGER_CONTRADICTED, 1);
    assert_effect(LEDGER_OVERFULL, 1);
    assert_verdict("a1", T0 + 301, ACTIVE);
    assert_verdict("a2", T0 + 301, ACTIVE);
}


static void
test_overlap_swapped_by_refresh(void **state)
{
    (void) state;

    overlap();

    refresh("r1", "a3", "r3", T0 + 1000);
    assert_effect(LEDGER_SWAPPED, 1);
    assert_effect(LEDGER_REFRESHED, 1);
    assert_verdict("a3", T0 + 1000, ACTIVE);
    assert_verdict("a2", T0 + 1000, SUPERSEDED);
}


/* R2 */


static void
test_same_refresh_token_continues(void **state)
{
    uint64_t  id;

    (void) state;

    connect("o", "u", "a1", "r1", T0);
    id = scene_owner(s, "a1");

    connect("o", "u", "a2", "r1", T0 + 1000);
    assert_effect(LEDGER_CONTINUED, 1);
    assert_effect(LEDGER_SUPERSESSION, 0);
    assert_verdict("a1", T0 + 1000, ACTIVE);
    assert_verdict("a2", T0 + 1000, ACTIVE);
    assert_int_equal(s->judgement.connection.id, id);
    assert_int_equal(s->judgement.connection.age, T0);
    assert_int_equal(s->judgement.connection.refreshed_at, T0 + 1000);
}


static void
test_same_access_token_continues(void **state)
{
    (void) state;

    connect("", "u", "a1", NULL, T0);
    connect("o", "u", "a1", NULL, T0 + 1000);
    assert_effect(LEDGER_CONTINUED, 1);
    assert_verdict("a1", T0 + SCENE_HOUR + 500, ACTIVE);
    assert_memory_equal(s->judgement.connection.owner.data, "o", 1);

    /* with a new refresh token it is a new connection */
    connect("o", "u", "a1", "r2", T0 + 2000);
    assert_effect(LEDGER_CONTINUED, 0);
    assert_effect(LEDGER_CONNECTED, 1);
    assert_effect(LEDGER_SUPERSESSION, 1);
    assert_verdict("a1", T0 + 2000, ACTIVE);
}


static void
test_same_token_of_others_continues_nothing(void **state)
{
    ledger_record_t  record;

    (void) state;

    connect("o", "u", "a1", "r1", T0);

    connect("o", "v", "a2", "r1", T0 + 1000);
    assert_effect(LEDGER_CONTINUED, 0);
    assert_effect(LEDGER_CONNECTED, 1);

    record = scene_connect("o", "v", "a3", "r1", T0 + 2000);
    record.u.exchange.client = scene_text("d");
    apply(record);
    assert_effect(LEDGER_CONTINUED, 0);

    record = scene_connect("o", "v", "a4", "r1", T0 + 3000);
    record.u.exchange.client = scene_text("d");
    record.u.exchange.provider = scene_text("q");
    apply(record);
    assert_effect(LEDGER_CONTINUED, 0);

    /* an unknown user is compatible with any */
    record = scene_connect("o", "", "a5", "r1", T0 + 4000);
    record.u.exchange.client = scene_text("d");
    record.u.exchange.provider = scene_text("q");
    apply(record);
    assert_effect(LEDGER_CONTINUED, 1);
}


static void
test_repeated_token_of_an_ended_connection(void **state)
{
    (void) state;

    connect("o", "u", "a1", "r1", T0);
    connect("p", "u", "a2", "r2", T0 + 1000);

    /* it moves: the provider has just handed it out */
    connect("o", "u", "a3", "r1", T0 + 2000);
    assert_effect(LEDGER_CONTINUED, 0);
    assert_effect(LEDGER_CONNECTED, 1);
    assert_verdict("r1", T0 + 2000, ACTIVE);
    assert_verdict("a1", T0 + 2000, SUPERSEDED);
    assert_verdict("a2", T0 + 2000, SUPERSEDED);
}


static void
test_rotated_token_continues_nothing(void **state)
{
    (void) state;

    connect("o", "u", "a1", "r1", T0);
    refresh("r1", "a2", "r2", T0 + 1000);
    connect("o", "u", "a3", "r1", T0 + 2000);
    assert_effect(LEDGER_CONTINUED, 0);
    assert_effect(LEDGER_CONNECTED, 1);
}


/* R3 */


static void
test_rotation(void **state)
{
    uint64_t  id;

    (void) state;

    connect("o", "u", "a1", "r1", T0);
    id = scene_owner(s, "a1");

    refresh("r1", "a2", "r2", T0 + 1000);
    assert_effect(LEDGER_REFRESHED, 1);
    assert_int_equal(s->effects.n, 1);

    assert_verdict("a1", T0 + 1000, ACTIVE);
    assert_verdict("a2", T0 + 1000, ACTIVE);
    assert_int_equal(s->judgement.connection.id, id);
    assert_verdict("r2", T0 + 1000, ACTIVE);
    assert_verdict("r1", T0 + 1000, ROTATED);
    assert_int_equal(s->judgement.preceding, 1);
    assert_int_equal(s->judgement.rotated_at, T0 + 1000);
    assert_int_equal(s->judgement.kind, LEDGER_REFRESH);

    refresh("r2", "a3", "r3", T0 + 2000);
    assert_verdict("r1", T0 + 2000, ROTATED);
    assert_int_equal(s->judgement.preceding, 0);
    assert_verdict("r2", T0 + 2000, ROTATED);
    assert_int_equal(s->judgement.preceding, 1);

    /* the provider's own grace: nothing un-rotates */
    refresh("r1", "a4", "r4", T0 + 3000);
    assert_effect(LEDGER_REFRESHED, 1);
    assert_verdict("r1", T0 + 3000, ROTATED);
    assert_int_equal(s->judgement.rotated_at, T0 + 1000);
    assert_verdict("r3", T0 + 3000, ACTIVE);
    assert_verdict("r4", T0 + 3000, ACTIVE);
    assert_int_equal(s->judgement.connection.id, id);
    assert_memory_equal(s->judgement.connection.refresh.bytes, "r4", 3);
}


static void
test_equal_or_absent_rotates_nothing(void **state)
{
    (void) state;

    connect("o", "u", "a1", "r1", T0);

    refresh("r1", "a2", "r1", T0 + 1000);
    assert_verdict("r1", T0 + 1000, ACTIVE);
    refresh("r1", "a3", NULL, T0 + 2000);
    assert_verdict("r1", T0 + 2000, ACTIVE);
    assert_int_equal(s->judgement.connection.has_previous, 0);
    assert_verdict("a1", T0 + 2000, ACTIVE);
}


static void
test_refresh_ends_access(void **state)
{
    ledger_record_t  record;

    (void) state;

    connect("o", "u", "a1", "r1", T0);

    record = scene_refresh("r1", "a2", "r2", T0 + 1000);
    record.u.exchange.refresh_ends_access = 1;
    apply(record);

    assert_verdict("a1", T0 + 1000, ROTATED);
    assert_int_equal(s->judgement.preceding, 0);
    assert_verdict("a2", T0 + 1000, ACTIVE);

    /* a refresh that brings no access token ends none */
    record = scene_refresh("r2", NULL, "r3", T0 + 2000);
    record.u.exchange.refresh_ends_access = 1;
    apply(record);
    assert_verdict("a2", T0 + 2000, ACTIVE);
}


static void
test_refresh_keeps_age(void **state)
{
    ledger_record_t  record;

    (void) state;

    record = scene_connect("o", "u", "a1", "r1", T0);
    record.u.exchange.limits[0].n = 2;
    apply(record);
    record = scene_connect("o", "u", "b1", "s1", T0 + 1000);
    record.u.exchange.limits[0].n = 2;
    apply(record);

    refresh("r1", "a2", "r2", T0 + 2000);

    record = scene_connect("o", "u", "c1", "t1", T0 + 3000);
    record.u.exchange.limits[0].n = 2;
    apply(record);
    assert_verdict("a2", T0 + 3000, SUPERSEDED);
    assert_verdict("b1", T0 + 3000, ACTIVE);
}


/* R4 */


static void
test_adopted(void **state)
{
    ledger_record_t  record;

    (void) state;

    connect("o", "u", "a1", "r1", T0);

    record = scene_refresh("x1", "b1", "x2", T0 + 1000);
    record.u.exchange.user = scene_text("u");
    apply(record);
    assert_effect(LEDGER_ADOPTED, 1);
    assert_effect(LEDGER_OVERFULL, 1);
    assert_effect(LEDGER_SUPERSESSION, 0);
    assert_verdict("a1", T0 + 1000, ACTIVE);
    assert_verdict("b1", T0 + 1000, ACTIVE);
    assert_int_equal(s->judgement.connection.age, 0);
    assert_int_equal(s->judgement.connection.adopted, 1);

    /* the token presented is known from now on */
    assert_verdict("x1", T0 + 1000, ROTATED);
    assert_int_equal(s->judgement.preceding, 1);

    /* older than anything seen opened; both go, for n is 1 */
    connect("o", "u", "c1", "t1", T0 + 2000);
    assert_effect(LEDGER_SUPERSESSION, 2);
    assert_int_equal(scene_effect(s, LEDGER_SUPERSESSION)->connection,
                     scene_owner(s, "b1"));
    assert_verdict("a1", T0 + 2000, SUPERSEDED);
}


static void
test_adopted_current(void **state)
{
    (void) state;

    refresh("x1", "a1", NULL, T0);
    assert_verdict("x1", T0, ACTIVE);
    assert_int_equal(s->judgement.connection.has_refresh, 1);

    refresh("y1", "a2", "y1", T0);
    assert_verdict("y1", T0, ACTIVE);

    refresh("x1", "a3", "x2", T0 + 1000);
    assert_effect(LEDGER_ADOPTED, 0);
    assert_effect(LEDGER_REFRESHED, 1);
    assert_verdict("a3", T0 + 1000, ACTIVE);
    assert_int_equal(s->judgement.connection.id, scene_owner(s, "a1"));
}


/* R5, R10 */


static void
test_contradiction_by_refresh(void **state)
{
    ledger_record_t         record;
    const ledger_effect_t  *effect;

    (void) state;

    connect("alpha", "u", "a1", "r1", T0);
    connect("beta", "u", "a2", "r2", T0 + 1000);

    /* it left before the end: the tokens are as dead as the others */
    record = scene_refresh("r1", "a3", "r3", T0 + 1001);
    record.u.exchange.sent_at = T0 + 1000;
    apply(record);
    assert_effect(LEDGER_CONTRADICTED, 0);
    assert_effect(LEDGER_REFRESHED, 1);
    assert_verdict("a3", T0 + 1001, SUPERSEDED);

    record = scene_refresh("r3", "a4", "r4", T0 + 1002);
    record.u.exchange.sent_at = T0 + 1001;
    apply(record);
    effect = scene_effect(s, LEDGER_CONTRADICTED);
    assert_non_null(effect);
    assert_int_equal(effect->limit, 0);
    assert_effect(LEDGER_OVERFULL, 1);
    assert_verdict("a4", T0 + 1002, ACTIVE);
    assert_verdict("a2", T0 + 1002, ACTIVE);

    /* the next connect evicts by age */
    connect("gamma", "u", "a5", "r5", T0 + 2000);
    assert_effect(LEDGER_SUPERSESSION, 2);
}


static void
test_contradiction_by_answer(void **state)
{
    (void) state;

    connect("alpha", "u", "a1", NULL, T0);
    connect("beta", "u", "a2", NULL, T0 + 1000);

    apply(scene_answer(scene_owner(s, "a1"), "a1", 1, T0 + 1000));
    assert_int_equal(s->effects.n, 0);
    apply(scene_answer(scene_owner(s, "a1"), "a1", 0, T0 + 1001));
    assert_int_equal(s->effects.n, 0);
    apply(scene_answer(scene_owner(s, "a1"), "a1", 1, T0 + 1001));
    assert_effect(LEDGER_CONTRADICTED, 1);
    assert_verdict("a1", T0 + 1002, ACTIVE);
}


static void
test_revoked_is_final(void **state)
{
    uint64_t         id;
    ledger_record_t  record;

    (void) state;

    connect("o", "u", "a1", "r1", T0);
    id = scene_owner(s, "a1");

    apply(scene_revocation("r1", 1, T0 + 1000));
    assert_effect(LEDGER_REVOCATION_DONE, 1);
    assert_verdict("a1", T0 + 1000, REVOKED);
    assert_verdict("r1", T0 + 1000, REVOKED);

    apply(scene_revocation("a1", 1, T0 + 1100));
    assert_int_equal(s->effects.n, 0);
    apply(scene_answer(id, "a1", 1, T0 + 1200));
    assert_int_equal(s->effects.n, 0);
    apply(scene_order(LEDGER_REINSTATE, id, T0 + 1300));
    assert_int_equal(s->effects.n, 0);

    /* in flight when it was revoked */
    record = scene_refresh("r1", "a2", "r2", T0 + 1500);
    record.u.exchange.sent_at = T0 + 1000;
    apply(record);
    assert_effect(LEDGER_REFRESHED, 1);
    assert_verdict("a2", T0 + 1500, REVOKED);

    /* accepted after that: something else lives at the provider */
    refresh("r2", "a3", "r3", T0 + 2000);
    assert_effect(LEDGER_ADOPTED, 1);
    assert_verdict("a3", T0 + 2000, ACTIVE);
    assert_int_not_equal(s->judgement.connection.id, id);
    assert_verdict("a2", T0 + 2000, REVOKED);
    assert_verdict("r2", T0 + 2000, REVOKED);
}


static void
test_revoked_from_every_state(void **state)
{
    (void) state;

    connect("o", "u", "a1", "r1", T0);
    connect("o", "u", "a2", "r2", T0 + 1000);
    apply(scene_revocation("r1", 1, T0 + 2000));
    assert_effect(LEDGER_REVOCATION_DONE, 1);
    assert_verdict("a1", T0 + 2000, REVOKED);

    apply(scene_refusal("r2", T0 + 3000));
    assert_verdict("a2", T0 + 3000, BROKEN);
    apply(scene_revocation("r2", 1, T0 + 4000));
    assert_verdict("a2", T0 + 4000, REVOKED);

    connect("o", "u", "a3", NULL, T0 + 5000);
    apply(scene_sweep(T0 + 2 * SCENE_HOUR, SCENE_DAY, 10));
    assert_effect(LEDGER_EXPIRY, 1);
    apply(scene_revocation("a3", 1, T0 + 2 * SCENE_HOUR));
    assert_verdict("a3", T0 + 2 * SCENE_HOUR, REVOKED);
}


static void
test_token_revoked_alone(void **state)
{
    (void) state;

    connect("o", "u", "a1", "r1", T0);
    apply(scene_revocation("a1", 0, T0 + 1000));
    assert_effect(LEDGER_REVOCATION_DONE, 1);
    assert_verdict("a1", T0 + 1000, REVOKED);
    assert_verdict("r1", T0 + 1000, ACTIVE);

    apply(scene_revocation("a1", 0, T0 + 2000));
    assert_int_equal(s->effects.n, 0);

    /* and it stays so when the connection is superseded */
    connect("p", "u", "a2", "r2", T0 + 3000);
    assert_verdict("a1", T0 + 3000, REVOKED);
    assert_verdict("r1", T0 + 3000, SUPERSEDED);

    apply(scene_revocation("nobody", 1, T0 + 4000));
    assert_int_equal(s->effects.n, 0);
}


static void
test_broken_by_refusal(void **state)
{
    ledger_slot_t  slot;

    (void) state;

    connect("o", "u", "a1", "r1", T0);
    refresh("r1", "a2", "r2", T0 + 1000);

    /* of a rotated token; and one that an exchange has overtaken */
    apply(scene_refusal("r1", T0 + 2000));
    assert_int_equal(s->effects.n, 0);
    apply(scene_refusal("r2", T0 + 999));
    assert_int_equal(s->effects.n, 0);
    apply(scene_refusal("a2", T0 + 2000));
    assert_int_equal(s->effects.n, 0);
    apply(scene_refusal("nobody", T0 + 2000));
    assert_int_equal(s->effects.n, 0);

    apply(scene_refusal("r2", T0 + 2000));
    assert_effect(LEDGER_BREAKAGE, 1);
    assert_verdict("a2", T0 + 2001, BROKEN);
    assert_verdict("r1", T0 + 2001, BROKEN);

    assert_int_equal(ledger_slot(s->ledger, &s->judgement.connection, 0,
                                 T0 + 2001, 3, 1000, &slot), LEDGER_OK);
    assert_int_equal(slot.held, 0);

    /* it evicts nobody when it comes back */
    connect("p", "u", "b1", "s1", T0 + 3000);
    refresh("r2", "a3", "r3", T0 + 4000);
    assert_effect(LEDGER_REPAIRED, 1);
    assert_effect(LEDGER_OVERFULL, 1);
    assert_effect(LEDGER_SUPERSESSION, 0);
    assert_verdict("a3", T0 + 4000, ACTIVE);
    assert_verdict("b1", T0 + 4000, ACTIVE);
}


static void
test_dead_answer(void **state)
{
    uint64_t  id;

    (void) state;

    /* a connection that can refresh loses a session, no more */
    connect("o", "u", "a1", "r1", T0);
    id = scene_owner(s, "a1");
    apply(scene_answer(id, "a1", 0, T0 + 1000));
    assert_effect(LEDGER_TOKEN_DEAD, 1);
    assert_effect(LEDGER_BREAKAGE, 0);
    assert_verdict("a1", T0 + 1000, EXPIRED);
    assert_verdict("r1", T0 + 1000, ACTIVE);

    apply(scene_answer(id, "a1", 0, T0 + 1001));
    assert_int_equal(s->effects.n, 0);
    apply(scene_answer(id, "a1", 1, T0 + 1002));
    assert_int_equal(s->effects.n, 0);

    /* the provider hands the same one out again: it is alive */
    refresh("r1", "a1", "r2", T0 + 2000);
    assert_verdict("a1", T0 + 2000, ACTIVE);

    /* an answer about another connection's token says nothing */
    connect("o", "v", "b1", NULL, T0);
    apply(scene_answer(id, "b1", 0, T0 + 1000));
    assert_int_equal(s->effects.n, 0);
}


static void
test_dead_answer_breaks(void **state)
{
    ledger_record_t  record;

    (void) state;

    connect("o", "u", "a1", NULL, T0);
    apply(scene_answer(scene_owner(s, "a1"), "a1", 0,
                       T0 + SCENE_HOUR - 2));
    assert_effect(LEDGER_TOKEN_DEAD, 1);
    assert_effect(LEDGER_BREAKAGE, 1);
    assert_verdict("a1", T0 + SCENE_HOUR - 1, BROKEN);

    /* a success says it is not */
    apply(scene_answer(scene_owner(s, "a1"), "a1", 1,
                       T0 + SCENE_HOUR - 1));
    assert_int_equal(s->effects.n, 0);
    apply(scene_answer(scene_owner(s, "a1"), "a1", 1, T0 + SCENE_HOUR));
    assert_effect(LEDGER_REPAIRED, 1);
    assert_verdict("a1", T0 + SCENE_HOUR - 1, ACTIVE);

    /* at its end a token dies by itself */
    connect("o", "v", "b1", NULL, T0);
    apply(scene_answer(scene_owner(s, "b1"), "b1", 0,
                       T0 + SCENE_HOUR - 1));
    assert_effect(LEDGER_TOKEN_DEAD, 1);
    assert_effect(LEDGER_BREAKAGE, 0);

    /* and of unknown life nothing follows */
    record = scene_connect("o", "w", NULL, NULL, T0);
    scene_add_token(&record, "c1", LEDGER_ACCESS, 0);
    apply(record);
    apply(scene_answer(scene_owner(s, "c1"), "c1", 0, T0 + 1));
    assert_effect(LEDGER_TOKEN_DEAD, 1);
    assert_effect(LEDGER_BREAKAGE, 0);
}


/* R6, R7 */


static void
test_reconnect_and_contest(void **state)
{
    unsigned       i;
    ledger_slot_t  slot;
    char           token[8];

    (void) state;

    connect("alpha", "u", "a", NULL, T0);
    connect("alpha", "u", "b", NULL, T0 + 10);
    assert_int_equal(scene_effect(s, LEDGER_SUPERSESSION)->reconnect, 1);
    scene_judge(s, "a", T0);
    assert_int_equal(s->judgement.connection.reconnect, 1);

    /* unknown owners are never the same owner */
    connect("", "v", "c", NULL, T0);
    connect("", "v", "d", NULL, T0 + 10);
    assert_int_equal(scene_effect(s, LEDGER_SUPERSESSION)->reconnect, 0);
    scene_judge(s, "d", T0);
    assert_int_equal(ledger_slot(s->ledger, &s->judgement.connection, 0, T0,
                                 1, SCENE_DAY, &slot), LEDGER_OK);
    assert_int_equal(slot.contested, 0);

    for (i = 0; i < 4; i++) {
        scene_judge(s, "b", T0);
        assert_int_equal(ledger_slot(s->ledger, &s->judgement.connection, 0,
                                     T0 + 100 + i, 3, 1000, &slot),
                         LEDGER_OK);
        assert_int_equal(slot.contested, i >= 3);

        sprintf(token, "e%u", i);
        connect(i % 2 ? "alpha" : "beta", "u", token, NULL,
                T0 + 100 + i * 10);
        assert_int_equal(scene_effect(s, LEDGER_SUPERSESSION)->reconnect, 0);
    }
}


/* R8 */


static ledger_record_t
realm(const char *user, const char *tenant, const char *access,
    const char *refresh, ledger_ms_t at)
{
    ledger_record_t  record;

    record = scene_connect(user, user, access, refresh, at);
    record.u.exchange.tenant = scene_text(tenant);
    scene_limit(&record, 0, 1, LEDGER_KEY_TENANT, LEDGER_KEY_CLIENT);

    return record;
}


static void
test_late_binding(void **state)
{
    (void) state;

    apply(realm("u", "", "a1", "r1", T0));
    apply(realm("v", "", "a2", "r2", T0 + 1000));

    apply(scene_binding(scene_owner(s, "a1"), "", "t", T0 + 2000));
    assert_effect(LEDGER_BOUND, 1);
    assert_effect(LEDGER_SUPERSESSION, 0);

    /* nothing new */
    apply(scene_binding(scene_owner(s, "a1"), "", "t", T0 + 2001));
    assert_int_equal(s->effects.n, 0);
    apply(scene_binding(scene_owner(s, "a1"), "x", "x", T0 + 2002));
    assert_int_equal(s->effects.n, 0);
    apply(scene_binding(999, "x", "x", T0 + 2002));
    assert_int_equal(s->effects.n, 0);

    apply(scene_binding(scene_owner(s, "a2"), "", "t", T0 + 3000));
    assert_effect(LEDGER_BOUND, 1);
    assert_effect(LEDGER_SUPERSESSION, 1);
    assert_verdict("a1", T0 + 3000, SUPERSEDED);
    assert_memory_equal(s->judgement.connection.tenant.data, "t", 1);
    assert_verdict("a2", T0 + 3000, ACTIVE);
}


static void
test_late_binding_of_the_older(void **state)
{
    (void) state;

    apply(realm("u", "", "a1", "r1", T0));
    apply(realm("v", "t", "a2", "r2", T0 + 1000));

    /* at its own age it is the one that is superseded */
    apply(scene_binding(scene_owner(s, "a1"), "", "t", T0 + 3000));
    assert_effect(LEDGER_SUPERSESSION, 1);
    assert_verdict("a1", T0 + 3000, SUPERSEDED);
    assert_int_equal(s->judgement.connection.superseded_by,
                     scene_owner(s, "a2"));
    assert_verdict("a2", T0 + 3000, ACTIVE);
}


/* accepted by the provider, of an age that nobody saw: no reason to end it */

static void
test_late_binding_of_the_adopted(void **state)
{
    ledger_record_t  record;

    (void) state;

    apply(realm("u", "t", "a1", "r1", T0));

    record = scene_refresh("r0", "a2", "r2", T0 + 1000);
    scene_limit(&record, 0, 1, LEDGER_KEY_TENANT, LEDGER_KEY_CLIENT);
    apply(record);
    assert_effect(LEDGER_ADOPTED, 1);

    apply(scene_binding(scene_owner(s, "a2"), "", "t", T0 + 2000));
    assert_effect(LEDGER_BOUND, 1);
    assert_effect(LEDGER_SUPERSESSION, 0);
    assert_effect(LEDGER_OVERFULL, 1);
    assert_verdict("a1", T0 + 2000, ACTIVE);
    assert_verdict("a2", T0 + 2000, ACTIVE);

    /* the next connect finds both older than itself */
    apply(realm("v", "t", "a3", "r3", T0 + 3000));
    assert_effect(LEDGER_SUPERSESSION, 2);
    assert_verdict("a1", T0 + 3000, SUPERSEDED);
    assert_verdict("a2", T0 + 3000, SUPERSEDED);
}


static void
test_binding_in_a_refresh(void **state)
{
    ledger_record_t  record;

    (void) state;

    apply(realm("u", "t", "a1", "r1", T0));
    apply(realm("v", "", "a2", "r2", T0 + 1000));

    record = scene_refresh("r2", "a3", "r3", T0 + 2000);
    record.u.exchange.tenant = scene_text("t");
    apply(record);
    assert_effect(LEDGER_REFRESHED, 1);
    assert_effect(LEDGER_BOUND, 1);
    assert_effect(LEDGER_SUPERSESSION, 1);
    assert_verdict("a1", T0 + 2000, SUPERSEDED);
}


/* R5: what the provider has accepted since was not ended by that opening. */

static void
test_binding_ends_nobody_who_outlived_it(void **state)
{
    ledger_record_t  record;

    (void) state;

    apply(realm("u", "t", "a1", "r1", T0));
    apply(realm("v", "", "a2", "r2", T0 + 1000));
    refresh("r1", "a3", "r3", T0 + 2000);

    apply(scene_binding(scene_owner(s, "a2"), "", "t", T0 + 3000));
    assert_effect(LEDGER_BOUND, 1);
    assert_effect(LEDGER_SUPERSESSION, 0);
    assert_effect(LEDGER_OVERFULL, 1);
    assert_verdict("a3", T0 + 3000, ACTIVE);
    assert_verdict("a2", T0 + 3000, ACTIVE);

    /* the next connect evicts both */
    apply(realm("w", "t", "a4", "r4", T0 + 4000));
    assert_effect(LEDGER_SUPERSESSION, 2);

    /* the older one, whose own refresh names the tenant */
    apply(realm("u", "", "b1", "s1", T0 + 5000));
    apply(realm("v", "x", "b2", "s2", T0 + 6000));
    record = scene_refresh("s1", "b3", "s3", T0 + 7000);
    record.u.exchange.tenant = scene_text("x");
    apply(record);
    assert_effect(LEDGER_SUPERSESSION, 0);
    assert_effect(LEDGER_OVERFULL, 1);
    assert_verdict("b3", T0 + 7000, ACTIVE);
    assert_verdict("b2", T0 + 7000, ACTIVE);
}


static void
test_binding_ends_no_younger_adoption(void **state)
{
    ledger_record_t  record;

    (void) state;

    apply(realm("u", "", "a1", "r1", T0));

    /* made outside, and accepted after the first was opened */
    record = scene_refresh("x1", "a2", "x2", T0 + 1000);
    record.u.exchange.tenant = scene_text("t");
    scene_limit(&record, 0, 1, LEDGER_KEY_TENANT, LEDGER_KEY_CLIENT);
    apply(record);

    apply(scene_binding(scene_owner(s, "a1"), "", "t", T0 + 2000));
    assert_effect(LEDGER_SUPERSESSION, 0);
    assert_effect(LEDGER_OVERFULL, 1);
    assert_verdict("a2", T0 + 2000, ACTIVE);

    /* one that was accepted before it was opened is older */
    apply(realm("v", "", "b1", "s1", T0 + 3000));
    apply(scene_binding(scene_owner(s, "b1"), "", "t", T0 + 4000));
    assert_effect(LEDGER_SUPERSESSION, 2);
    assert_verdict("a2", T0 + 4000, SUPERSEDED);
}


static void
test_binding_explains_the_broken(void **state)
{
    (void) state;

    /* the company's first user; the second connects; the first is killed */
    apply(realm("u", "t", "a1", "r1", T0));
    apply(realm("v", "", "a2", "r2", T0 + 1000));
    apply(scene_refusal("r1", T0 + 2000));
    assert_verdict("a1", T0 + 2001, BROKEN);

    apply(scene_binding(scene_owner(s, "a2"), "", "t", T0 + 3000));
    assert_effect(LEDGER_SUPERSESSION, 1);
    assert_int_equal(scene_effect(s, LEDGER_SUPERSESSION)->undecided, 0);
    assert_verdict("a1", T0 + 3000, SUPERSEDED);
    assert_int_equal(s->judgement.connection.superseded_by,
                     scene_owner(s, "a2"));
    scene_judge(s, "a1", T0);
    assert_int_equal(s->judgement.connection.ended_at, T0 + 2001);
}


static void
test_binding_of_the_broken(void **state)
{
    (void) state;

    apply(realm("u", "", "a1", "r1", T0));
    apply(realm("v", "t", "a2", "r2", T0 + 1000));
    apply(scene_refusal("r1", T0 + 2000));

    apply(scene_binding(scene_owner(s, "a1"), "", "t", T0 + 3000));
    assert_effect(LEDGER_SUPERSESSION, 1);
    assert_verdict("a1", T0 + 3000, SUPERSEDED);
}


static void
test_what_came_later_explains_nothing(void **state)
{
    (void) state;

    apply(realm("u", "t", "a1", "r1", T0));
    apply(scene_refusal("r1", T0 + 1000));
    apply(realm("v", "", "a2", "r2", T0 + 2000));

    apply(scene_binding(scene_owner(s, "a2"), "", "t", T0 + 3000));
    assert_effect(LEDGER_SUPERSESSION, 0);
    assert_verdict("a1", T0 + 3000, BROKEN);

    /* one that is not bound yet waits for its slot, and is not explained */
    apply(realm("w", "", "a3", "r3", T0 + 4000));
    apply(scene_refusal("r3", T0 + 4100));
    apply(scene_binding(scene_owner(s, "a3"), "", "t", T0 + 5000));
    assert_effect(LEDGER_BOUND, 1);
    assert_effect(LEDGER_SUPERSESSION, 0);
    assert_verdict("a3", T0 + 5000, BROKEN);
}


/* Orders, use, exempt grants */


static void
test_release_and_reinstate(void **state)
{
    uint64_t  id;

    (void) state;

    connect("o", "u", "a1", "r1", T0);
    id = scene_owner(s, "a1");

    apply(scene_order(LEDGER_REINSTATE, id, T0 + 1));
    assert_int_equal(s->effects.n, 0);
    apply(scene_order(LEDGER_RELEASE, id, T0 + 1000));
    assert_effect(LEDGER_RELEASED, 1);
    assert_verdict("a1", T0 + 1000, REVOKED);
    assert_int_equal(s->judgement.connection.released, 1);
    apply(scene_order(LEDGER_RELEASE, id, T0 + 1001));
    assert_int_equal(s->effects.n, 0);

    connect("p", "u", "a2", "r2", T0 + 2000);
    assert_effect(LEDGER_SUPERSESSION, 0);

    apply(scene_order(LEDGER_REINSTATE, id, T0 + 3000));
    assert_effect(LEDGER_REINSTATED, 1);
    assert_effect(LEDGER_OVERFULL, 1);
    assert_verdict("a1", T0 + 3000, ACTIVE);
    assert_int_equal(s->judgement.connection.released, 0);
    assert_verdict("a2", T0 + 3000, ACTIVE);

    /* superseded ones come back, too; of unknown ones nothing */
    connect("q", "u", "a3", "r3", T0 + 4000);
    assert_effect(LEDGER_SUPERSESSION, 2);
    apply(scene_order(LEDGER_REINSTATE, id, T0 + 5000));
    assert_verdict("a1", T0 + 5000, ACTIVE);
    apply(scene_order(LEDGER_REINSTATE, 12345, T0 + 5000));
    assert_int_equal(s->effects.n, 0);

    /* the provider's word makes a release final */
    apply(scene_order(LEDGER_RELEASE, id, T0 + 6000));
    apply(scene_revocation("r1", 1, T0 + 7000));
    assert_effect(LEDGER_REVOCATION_DONE, 1);
    apply(scene_order(LEDGER_REINSTATE, id, T0 + 8000));
    assert_int_equal(s->effects.n, 0);
}


static void
test_use(void **state)
{
    uint64_t  id, before;

    (void) state;

    connect("o", "u", "a1", "r1", T0);
    id = scene_owner(s, "a1");
    before = scene_dump(s, 1);

    apply(scene_order(LEDGER_USE, id, T0 + SCENE_HOUR - 1));
    assert_int_equal(scene_dump(s, 1), before);

    apply(scene_order(LEDGER_USE, id, T0 + SCENE_HOUR));
    assert_int_not_equal(scene_dump(s, 1), before);
    scene_judge(s, "a1", T0);
    assert_int_equal(s->judgement.connection.last_used_at, T0 + SCENE_HOUR);
}


static void
test_exempt(void **state)
{
    ledger_record_t  record;

    (void) state;

    record = scene_connect("o", "u", "a1", NULL, T0);
    record.u.exchange.exempt = 1;
    apply(record);
    connect("o", "u", "a2", NULL, T0 + 1000);
    record = scene_connect("o", "u", "a3", NULL, T0 + 2000);
    record.u.exchange.exempt = 1;
    apply(record);

    assert_verdict("a1", T0 + 2000, ACTIVE);
    assert_verdict("a2", T0 + 2000, ACTIVE);
    assert_verdict("a3", T0 + 2000, ACTIVE);
}


static void
test_members_past_their_end_make_room(void **state)
{
    ledger_slot_t  slot;

    (void) state;

    connect("o", "u", "a1", NULL, T0);
    assert_verdict("a1", T0 + SCENE_HOUR - 1, ACTIVE);
    assert_verdict("a1", T0 + SCENE_HOUR, EXPIRED);

    assert_int_equal(ledger_slot(s->ledger, &s->judgement.connection, 0,
                                 T0 + SCENE_HOUR - 1, 3, 1, &slot),
                     LEDGER_OK);
    assert_int_equal(slot.held, 1);
    assert_int_equal(slot.oldest, s->judgement.connection.id);
    assert_int_equal(ledger_slot(s->ledger, &s->judgement.connection, 0,
                                 T0 + SCENE_HOUR, 3, 1, &slot), LEDGER_OK);
    assert_int_equal(slot.held, 0);
    assert_int_equal(slot.oldest, 0);

    connect("p", "u", "a2", NULL, T0 + SCENE_HOUR);
    assert_effect(LEDGER_EXPIRY, 1);
    assert_effect(LEDGER_SUPERSESSION, 0);
    assert_verdict("a1", T0 + SCENE_HOUR, EXPIRED);
    assert_int_equal(s->judgement.connection.ended_at, T0 + SCENE_HOUR);
}


/* Batches */


static void
test_bad_record_harms_no_other(void **state)
{
    ledger_record_t  records[3];

    (void) state;

    records[0] = scene_connect("o", "u", "a1", NULL, T0);
    records[1] = scene_connect("o", "u", NULL, NULL, T0 + 1);
    records[2] = scene_connect("o", "v", "a3", NULL, T0 + 2);

    s->effects.n = 0;
    assert_int_equal(ledger_apply(s->ledger, records, 3, &s->effects),
                     LEDGER_OK);
    assert_int_equal(s->effects.n, 3);
    assert_int_equal(s->effects.elts[1].kind, LEDGER_REJECTED_RECORD);
    assert_int_equal(s->effects.elts[1].record, 1);
    assert_int_equal(s->effects.elts[2].record, 2);
    assert_verdict("a1", T0, ACTIVE);
    assert_verdict("a3", T0, ACTIVE);

    /* effects are appended */
    records[0] = scene_connect("o", "w", "a4", NULL, T0 + 3);
    assert_int_equal(ledger_apply(s->ledger, records, 1, &s->effects),
                     LEDGER_OK);
    assert_int_equal(s->effects.n, 4);
    assert_int_equal(ledger_apply(s->ledger, records, 0, &s->effects),
                     LEDGER_OK);
    assert_int_equal(s->effects.n, 4);
}


static void
test_names_of_several_keys(void **state)
{
    ledger_token_id_t  ids[3];

    (void) state;

    connect("o", "u", "a1", NULL, T0);

    ids[0] = scene_token("new name");
    ids[1] = scene_token("a1");
    ids[2] = scene_token("other");

    assert_int_equal(ledger_judge(s->ledger, ids, 3, T0, &s->judgement),
                     LEDGER_OK);
    assert_int_equal(s->judgement.verdict, ACTIVE);
    assert_memory_equal(&s->judgement.token, &ids[1], sizeof(ids[1]));

    assert_int_equal(ledger_judge(s->ledger, ids, 1, T0, &s->judgement),
                     LEDGER_OK);
    assert_int_equal(s->judgement.verdict, UNKNOWN);
    assert_int_equal(ledger_judge(s->ledger, ids, 0, T0, &s->judgement),
                     LEDGER_OK);
    assert_int_equal(s->judgement.verdict, UNKNOWN);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        story(test_same_user),
        story(test_unknown_identity_enters_no_slot),
        story(test_limits_in_order),
        story(test_lower_n_ends_several),
        story(test_largest_n),
        story(test_issue_time_decides),
        story(test_superseded_newcomer_enters_no_later_slot),
        story(test_issue_time_is_clamped),
        story(test_tie_by_sequence),
        story(test_overlap_confirmed),
        story(test_overlap_confirmed_by_refusal),
        story(test_overlap_swapped),
        story(test_overlap_swapped_by_refresh),
        story(test_same_refresh_token_continues),
        story(test_same_access_token_continues),
        story(test_same_token_of_others_continues_nothing),
        story(test_repeated_token_of_an_ended_connection),
        story(test_rotated_token_continues_nothing),
        story(test_rotation),
        story(test_equal_or_absent_rotates_nothing),
        story(test_refresh_ends_access),
        story(test_refresh_keeps_age),
        story(test_adopted),
        story(test_adopted_current),
        story(test_contradiction_by_refresh),
        story(test_contradiction_by_answer),
        story(test_revoked_is_final),
        story(test_revoked_from_every_state),
        story(test_token_revoked_alone),
        story(test_broken_by_refusal),
        story(test_dead_answer),
        story(test_dead_answer_breaks),
        story(test_reconnect_and_contest),
        story(test_late_binding),
        story(test_late_binding_of_the_older),
        story(test_late_binding_of_the_adopted),
        story(test_binding_in_a_refresh),
        story(test_binding_ends_nobody_who_outlived_it),
        story(test_binding_ends_no_younger_adoption),
        story(test_binding_explains_the_broken),
        story(test_binding_of_the_broken),
        story(test_what_came_later_explains_nothing),
        story(test_release_and_reinstate),
        story(test_use),
        story(test_exempt),
        story(test_members_past_their_end_make_room),
        story(test_bad_record_harms_no_other),
        story(test_names_of_several_keys)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
