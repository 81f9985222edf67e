
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * Answers that are kept for replays: who gets them, until when, and all that
 * ends them.  And what else the refresh shield asks of the core.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ledger_store.h"
#include "story.h"


#define T0      SCENE_NOW
#define WINDOW  60000

#define ACTIVE      LEDGER_VERDICT_ACTIVE
#define SUPERSEDED  LEDGER_VERDICT_SUPERSEDED
#define REVOKED     LEDGER_VERDICT_REVOKED
#define BROKEN      LEDGER_VERDICT_BROKEN
#define EXPIRED     LEDGER_VERDICT_EXPIRED
#define ROTATED     LEDGER_VERDICT_ROTATED
#define UNKNOWN     LEDGER_VERDICT_UNKNOWN


static ledger_kept_t   found;


static void
apply(ledger_record_t record)
{
    scene_apply(s, &record);
    scene_check(s);
}


static void
connect(const char *access, const char *refresh, ledger_ms_t at)
{
    apply(scene_connect("o", "u", access, refresh, at));
}


/* A refresh whose answer is kept for the window; "print" is its request. */

static void
refresh_as(int print, const char *presented, const char *access,
    const char *newer, ledger_ms_t at)
{
    char             sealed[64];
    ledger_record_t  record;

    snprintf(sealed, sizeof(sealed), "answer to %s with %s", presented,
             access ? access : newer);

    record = scene_refresh(presented, access, newer, at);
    scene_keep(&record, sealed, print, at + WINDOW);
    apply(record);
}


static void
refresh(const char *presented, const char *access, const char *newer,
    ledger_ms_t at)
{
    refresh_as('p', presented, access, newer, at);
}


/* The latest. */

static ledger_rc_t
kept(const char *presented, ledger_ms_t now)
{
    ledger_token_id_t  id;

    memset(&found, 0x5a, sizeof(found));
    id = scene_token(presented);

    return ledger_kept(s->ledger, &id, LEDGER_KEPT_LATEST, now, &found);
}


/* The prints of all, the latest first. */

static const char *
kept_prints(const char *presented, ledger_ms_t now)
{
    unsigned           n;
    ledger_rc_t        rc;
    static char        prints[LEDGER_KEPT_ANSWERS_MAX + 2];
    ledger_token_id_t  id;

    id = scene_token(presented);
    found.number = LEDGER_KEPT_LATEST;

    for (n = 0; n < LEDGER_KEPT_ANSWERS_MAX + 1; n++) {
        rc = ledger_kept(s->ledger, &id, found.number, now, &found);

        if (rc != LEDGER_OK) {
            assert_int_equal(rc, LEDGER_NOT_FOUND);
            break;
        }

        prints[n] = (char) found.print[0];
    }

    prints[n] = '\0';

    return prints;
}


static size_t
rows(void)
{
    MDB_stat       stat;
    ledger_view_t  view;

    assert_int_equal(ledger_store_read(s->ledger, &view), LEDGER_OK);
    assert_int_equal(mdb_stat(view.txn, s->ledger->tables[LEDGER_KEPT],
                              &stat), 0);
    ledger_store_read_end(&view);

    return stat.ms_entries;
}


#define assert_kept(presented, at, text)                                      \
    do {                                                                      \
        assert_int_equal(kept(presented, at), LEDGER_OK);                     \
        assert_int_equal(found.sealed.len, strlen(text));                     \
        assert_memory_equal(found.sealed.data, text, strlen(text));           \
    } while (0)

#define assert_not_kept(presented, at)                                        \
    assert_int_equal(kept(presented, at), LEDGER_NOT_FOUND)

#define assert_prints(presented, at, prints)                                  \
    assert_string_equal(kept_prints(presented, at), prints)

#define assert_verdict(token, at, verdict)                                    \
    assert_int_equal(scene_judge(s, token, at), verdict)

#define assert_effect(kind, n)                                                \
    assert_int_equal(scene_effects(s, kind), n)


static void
test_preceding(void **state)
{
    unsigned  i;

    (void) state;

    connect("a1", "r1", T0);
    assert_not_kept("r1", T0);

    refresh("r1", "a2", "r2", T0 + 1000);

    assert_kept("r1", T0 + 1000, "answer to r1 with a2");
    assert_int_equal(found.connection, scene_owner(s, "a1"));
    assert_int_equal(found.stored_at, T0 + 1000);

    for (i = 0; i < LEDGER_PRINT_SIZE; i++) {
        assert_int_equal(found.print[i], 'p');
    }

    assert_true(found.sealed.data == found.buf);

    /* neither its own successor nor anything else gets it */

    assert_not_kept("r2", T0 + 1000);
    assert_not_kept("a1", T0 + 1000);
    assert_not_kept("a2", T0 + 1000);
    assert_not_kept("nobody", T0 + 1000);

    /* it survives the process */

    scene_close(s);
    scene_open(s);
    assert_kept("r1", T0 + 1000, "answer to r1 with a2");

    /* two steps ago is too long ago, whatever the time */

    refresh("r2", "a3", "r3", T0 + 2000);
    assert_kept("r2", T0 + 2000, "answer to r2 with a3");
    assert_not_kept("r1", T0 + 2000);
    assert_int_equal(rows(), 1);
}


static void
test_window(void **state)
{
    (void) state;

    connect("a1", "r1", T0);
    refresh("r1", "a2", "r2", T0 + 1000);

    assert_kept("r1", T0 + 1000 + WINDOW, "answer to r1 with a2");
    assert_not_kept("r1", T0 + 1000 + WINDOW + 1);

    assert_int_equal(ledger_due(s->ledger, T0 + 1000 + WINDOW, SCENE_DAY),
                     LEDGER_NOT_FOUND);
    apply(scene_sweep(T0 + 1000 + WINDOW, SCENE_DAY, 100));
    assert_int_equal(rows(), 1);

    assert_int_equal(ledger_due(s->ledger, T0 + 1001 + WINDOW, SCENE_DAY),
                     LEDGER_OK);
    apply(scene_sweep(T0 + 1001 + WINDOW, SCENE_DAY, 100));
    assert_int_equal(rows(), 0);
    assert_int_equal(ledger_due(s->ledger, T0 + 1001 + WINDOW, SCENE_DAY),
                     LEDGER_NOT_FOUND);

    /* nothing of it is left in what a clock set back could see */
    assert_not_kept("r1", T0 + 1000);
}


/* However small the steps of a sweep, what is secret goes first. */

static void
test_sweep_begins_with_answers(void **state)
{
    (void) state;

    connect("a1", NULL, T0);
    apply(scene_connect("o", "v", "b1", "q1", T0));
    refresh("q1", "b2", "q2", T0 + 1000);

    apply(scene_sweep(T0 + 2 * SCENE_HOUR, SCENE_DAY, 1));
    assert_int_equal(rows(), 0);
    assert_int_equal(s->effects.n, 0);

    apply(scene_sweep(T0 + 2 * SCENE_HOUR, SCENE_DAY, 1));
    assert_effect(LEDGER_EXPIRY, 1);
}


static void
test_repeated_or_absent(void **state)
{
    (void) state;

    connect("a1", "r1", T0);

    refresh("r1", "a2", NULL, T0 + 1000);
    assert_kept("r1", T0 + 1000, "answer to r1 with a2");

    /* a later exchange takes the place of the earlier one */

    refresh("r1", "a3", "r1", T0 + 2000);
    assert_kept("r1", T0 + 2000, "answer to r1 with a3");
    assert_int_equal(found.stored_at, T0 + 2000);
    assert_kept("r1", T0 + 2000 + WINDOW, "answer to r1 with a3");
    assert_int_equal(rows(), 1);

    /* and also if nothing of it is kept */

    apply(scene_refresh("r1", "a4", NULL, T0 + 3000));
    assert_not_kept("r1", T0 + 3000);
    assert_int_equal(rows(), 0);
}


static void
test_preceding_and_current(void **state)
{
    (void) state;

    connect("a1", "r1", T0);
    refresh("r1", "a2", "r2", T0 + 1000);
    refresh("r2", "a3", NULL, T0 + 2000);

    assert_kept("r1", T0 + 2000, "answer to r1 with a2");
    assert_kept("r2", T0 + 2000, "answer to r2 with a3");
    assert_int_equal(rows(), 2);

    refresh("r2", "a4", "r3", T0 + 3000);
    assert_not_kept("r1", T0 + 3000);
    assert_kept("r2", T0 + 3000, "answer to r2 with a4");
    assert_int_equal(rows(), 1);
}


/* The provider's grace: the preceding token brings another successor. */

static void
test_grace(void **state)
{
    (void) state;

    connect("a1", "r1", T0);
    refresh("r1", "a2", "r2", T0 + 1000);
    refresh("r1", "a3", "r3", T0 + 2000);

    assert_verdict("r1", T0 + 2000, ROTATED);
    assert_int_equal(s->judgement.preceding, 1);
    assert_verdict("r2", T0 + 2000, ACTIVE);
    assert_verdict("r3", T0 + 2000, ACTIVE);
    assert_kept("r1", T0 + 2000, "answer to r1 with a3");

    /* the holder of the first one goes on with it */

    refresh("r2", "a4", "r4", T0 + 3000);
    assert_kept("r2", T0 + 3000, "answer to r2 with a4");
    assert_not_kept("r1", T0 + 3000);

    /* what is older gets through in its grace, and nothing is kept of it */

    refresh("r1", "a5", "r5", T0 + 4000);
    assert_not_kept("r1", T0 + 4000);
    assert_verdict("r5", T0 + 4000, ACTIVE);
}


static void
test_adopted(void **state)
{
    (void) state;

    refresh("r1", "a2", "r2", T0);
    assert_effect(LEDGER_ADOPTED, 1);
    assert_kept("r1", T0, "answer to r1 with a2");

    apply(scene_sweep(T0 + WINDOW + 1, SCENE_DAY, 10));
    assert_int_equal(rows(), 0);

    refresh("q1", "b2", NULL, T0 + SCENE_HOUR);
    assert_kept("q1", T0 + SCENE_HOUR, "answer to q1 with b2");
}


static void
test_superseded(void **state)
{
    (void) state;

    connect("a1", "r1", T0);
    refresh("r1", "a2", "r2", T0 + 1000);
    apply(scene_connect("p", "u", "b1", "q1", T0 + 2000));

    assert_verdict("r1", T0 + 2000, SUPERSEDED);
    assert_not_kept("r1", T0 + 2000);
    assert_int_equal(rows(), 0);

    /* a refresh that left before is recorded, and not given twice */

    apply(scene_refresh("r2", "a3", "r3", T0 + 1999));
    assert_verdict("r3", T0 + 2000, SUPERSEDED);
    refresh("r3", "a4", "r4", T0 + 1999);
    assert_verdict("r4", T0 + 2000, SUPERSEDED);
    assert_not_kept("r3", T0 + 2000);

    /* nor when it lives again */

    apply(scene_order(LEDGER_REINSTATE, scene_owner(s, "r1"), T0 + 3000));
    assert_effect(LEDGER_REINSTATED, 1);
    assert_verdict("r4", T0 + 3000, ACTIVE);
    assert_not_kept("r1", T0 + 3000);
    assert_not_kept("r3", T0 + 3000);
    assert_int_equal(rows(), 0);
}


static void
test_superseded_by_its_own_exchange(void **state)
{
    ledger_record_t  record;

    (void) state;

    apply(scene_connect("p", "u", "b1", "q1", T0));
    apply(scene_connect("o", "", "a1", "r1", T0 - 5000));

    /*
     * its answer, which was here before the other opened but is told only
     * now, names the user, whose slot has that newer one (R8)
     */

    record = scene_refresh("r1", "a2", "r2", T0 - 1000);
    record.u.exchange.user = scene_text("u");
    scene_keep(&record, "sealed", 'p', T0 + WINDOW);
    apply(record);

    assert_effect(LEDGER_SUPERSESSION, 1);
    assert_verdict("r2", T0 + 1000, SUPERSEDED);
    assert_not_kept("r1", T0 + 1000);
    assert_int_equal(rows(), 0);

    /* one that came later shows that the provider kept both */

    apply(scene_connect("o", "", "c1", "s1", T0 - 5000));

    record = scene_refresh("s1", "c2", "s2", T0 + 1000);
    record.u.exchange.user = scene_text("u");
    scene_keep(&record, "sealed", 'p', T0 + WINDOW);
    apply(record);

    assert_effect(LEDGER_SUPERSESSION, 0);
    assert_effect(LEDGER_OVERFULL, 1);
    assert_kept("s1", T0 + 1000, "sealed");
}


static void
test_contradiction(void **state)
{
    (void) state;

    connect("a1", "r1", T0);
    apply(scene_connect("p", "u", "b1", "q1", T0 + 1000));
    assert_verdict("r1", T0 + 1000, SUPERSEDED);

    refresh("r1", "a2", "r2", T0 + 2000);
    assert_effect(LEDGER_CONTRADICTED, 1);
    assert_verdict("r2", T0 + 2000, ACTIVE);
    assert_kept("r1", T0 + 2000, "answer to r1 with a2");
}


/* Whole: finally, inside every window. */

static void
test_revoked(void **state)
{
    (void) state;

    connect("a1", "r1", T0);
    refresh("r1", "a2", "r2", T0 + 1000);
    refresh("r2", "a3", NULL, T0 + 2000);

    apply(scene_revocation("a3", 1, T0 + 3000));
    assert_effect(LEDGER_REVOCATION_DONE, 1);
    assert_verdict("r1", T0 + 3000, REVOKED);
    assert_verdict("r2", T0 + 3000, REVOKED);
    assert_not_kept("r1", T0 + 3000);
    assert_not_kept("r2", T0 + 3000);
    assert_int_equal(rows(), 0);

    /* a refresh that left before joins what was revoked */

    refresh("r2", "a4", "r4", T0 + 3000);
    assert_effect(LEDGER_ADOPTED, 0);
    assert_verdict("a4", T0 + 3000, REVOKED);
    assert_verdict("r4", T0 + 3000, REVOKED);
    assert_not_kept("r2", T0 + 3000);

    apply(scene_order(LEDGER_REINSTATE, scene_owner(s, "r1"), T0 + 4000));
    assert_effect(LEDGER_REINSTATED, 0);
    assert_verdict("r4", T0 + 4000, REVOKED);

    /* what the provider accepts after that is another connection */

    refresh("r4", "a5", "r5", T0 + 5000);
    assert_effect(LEDGER_ADOPTED, 1);
    assert_verdict("r5", T0 + 5000, ACTIVE);
    assert_verdict("r4", T0 + 5000, REVOKED);
    assert_not_kept("r4", T0 + 5000);
    assert_int_equal(rows(), 0);
}


static void
test_released(void **state)
{
    uint64_t  id;

    (void) state;

    connect("a1", "r1", T0);
    refresh("r1", "a2", "r2", T0 + 1000);
    id = scene_owner(s, "r1");

    apply(scene_order(LEDGER_RELEASE, id, T0 + 2000));
    assert_verdict("r2", T0 + 2000, REVOKED);
    assert_not_kept("r1", T0 + 2000);

    apply(scene_order(LEDGER_REINSTATE, id, T0 + 3000));
    assert_verdict("r2", T0 + 3000, ACTIVE);
    assert_not_kept("r1", T0 + 3000);
    assert_int_equal(rows(), 0);
}


/* An access token alone, as at jsforce's logout. */

static void
test_access_token_revoked(void **state)
{
    (void) state;

    connect("a1", "r1", T0);
    refresh("r1", "a2", "r2", T0 + 1000);
    refresh("r2", "a3", NULL, T0 + 2000);

    /* one that is in no answer takes none away */

    apply(scene_revocation("a1", 0, T0 + 3000));
    assert_verdict("a1", T0 + 3000, REVOKED);
    assert_verdict("r2", T0 + 3000, ACTIVE);
    assert_int_equal(rows(), 2);

    apply(scene_revocation("a3", 0, T0 + 3000));
    assert_not_kept("r2", T0 + 3000);
    assert_kept("r1", T0 + 3000, "answer to r1 with a2");

    apply(scene_revocation("a2", 0, T0 + 3000));
    assert_not_kept("r1", T0 + 3000);
    assert_verdict("r2", T0 + 3000, ACTIVE);

    /* an answer that brings it again is given once */

    refresh("r2", "a3", NULL, T0 + 4000);
    assert_verdict("a3", T0 + 4000, REVOKED);
    assert_not_kept("r2", T0 + 4000);
    assert_int_equal(rows(), 0);
}


static void
test_refresh_token_revoked_alone(void **state)
{
    (void) state;

    connect("a1", "r1", T0);
    refresh("r1", "a2", "r2", T0 + 1000);
    refresh("r2", "a3", NULL, T0 + 2000);
    assert_int_equal(rows(), 2);

    apply(scene_revocation("r2", 0, T0 + 3000));
    assert_verdict("r2", T0 + 3000, REVOKED);
    assert_verdict("a3", T0 + 3000, ACTIVE);
    assert_not_kept("r2", T0 + 3000);

    /* the answer to r1 brought r2 */
    assert_not_kept("r1", T0 + 3000);
    assert_int_equal(rows(), 0);

    /* R9: it ends with its last access token */

    assert_verdict("a3", T0 + 2000 + SCENE_HOUR - 1, ACTIVE);
    assert_verdict("a3", T0 + 2000 + SCENE_HOUR, EXPIRED);
    apply(scene_sweep(T0 + 2000 + SCENE_HOUR, SCENE_DAY, 10));
    assert_effect(LEDGER_EXPIRY, 1);
}


/* The token presented, revoked where it is no longer the current one. */

static void
test_preceding_revoked_alone(void **state)
{
    (void) state;

    connect("a1", "r1", T0);
    refresh("r1", "a2", "r2", T0 + 1000);

    apply(scene_revocation("r1", 0, T0 + 2000));
    assert_verdict("r1", T0 + 2000, REVOKED);
    assert_verdict("r2", T0 + 2000, ACTIVE);
    assert_not_kept("r1", T0 + 2000);
}


static void
test_broken(void **state)
{
    (void) state;

    connect("a1", "r1", T0);
    refresh("r1", "a2", NULL, T0 + 1000);

    /* one that left before the answer came is outdated by it */

    apply(scene_refusal("r1", T0 + 999));
    assert_verdict("r1", T0 + 1000, ACTIVE);
    assert_kept("r1", T0 + 1000, "answer to r1 with a2");

    apply(scene_refusal("r1", T0 + 2000));
    assert_effect(LEDGER_BREAKAGE, 1);
    assert_verdict("r1", T0 + 2001, BROKEN);
    assert_not_kept("r1", T0 + 2001);
    assert_int_equal(rows(), 0);

    /* repaired by the answer itself, of which there is one again */

    refresh("r1", "a3", "r2", T0 + 3000);
    assert_effect(LEDGER_REPAIRED, 1);
    assert_verdict("r2", T0 + 3000, ACTIVE);
    assert_kept("r1", T0 + 3000, "answer to r1 with a3");

    /* a refusal of the preceding one says nothing of the connection */

    apply(scene_refusal("r1", T0 + 4000));
    assert_effect(LEDGER_BREAKAGE, 0);
    assert_kept("r1", T0 + 4001, "answer to r1 with a3");

    /* reinstated: live, and what was kept stays away */

    apply(scene_refusal("r2", T0 + 5000));
    assert_verdict("r2", T0 + 5001, BROKEN);
    apply(scene_order(LEDGER_REINSTATE, scene_owner(s, "r1"), T0 + 6000));
    assert_verdict("r2", T0 + 6000, ACTIVE);
    assert_not_kept("r1", T0 + 6000);
}


static void
test_expired(void **state)
{
    ledger_record_t  record;

    (void) state;

    record = scene_connect("o", "u", "a1", "r1", T0);
    record.u.exchange.idle = SCENE_DAY;
    apply(record);

    record = scene_refresh("r1", "a2", "r2", T0 + 1000);
    record.u.exchange.idle = 5000;
    scene_keep(&record, "sealed", 'p', T0 + WINDOW);
    apply(record);

    assert_kept("r1", T0 + 5999, "sealed");

    /* past its end, before a sweep has met it and after */

    assert_not_kept("r1", T0 + 6000);
    apply(scene_sweep(T0 + 6000, SCENE_DAY, 10));
    assert_effect(LEDGER_EXPIRY, 1);
    assert_not_kept("r1", T0 + 5000);
    assert_int_equal(rows(), 0);

    refresh("r2", "a3", "r3", T0 + 7000);
    assert_effect(LEDGER_REPAIRED, 1);
    assert_kept("r2", T0 + 7000, "answer to r2 with a3");
    assert_not_kept("r1", T0 + 7000);
}


static void
test_dead_access_token(void **state)
{
    uint64_t  id;

    (void) state;

    connect("a1", "r1", T0);
    id = scene_owner(s, "a1");

    refresh("r1", "a2", NULL, T0 + 1000);

    /* the token before it says nothing about the answer */

    apply(scene_answer(id, "a1", 0, T0 + 1500));
    assert_effect(LEDGER_TOKEN_DEAD, 1);
    assert_kept("r1", T0 + 2000, "answer to r1 with a2");

    apply(scene_answer(id, "a2", 0, T0 + 2000));
    assert_effect(LEDGER_TOKEN_DEAD, 1);
    assert_effect(LEDGER_BREAKAGE, 0);
    assert_not_kept("r1", T0 + 2001);
    assert_verdict("r1", T0 + 2001, ACTIVE);

    /* told twice, learnt once, and the new answer stays */

    refresh("r1", "a3", "r2", T0 + 3000);
    apply(scene_answer(id, "a2", 0, T0 + 4000));
    assert_int_equal(s->effects.n, 0);
    assert_kept("r1", T0 + 4000, "answer to r1 with a3");

    /* of a rotated token the answer stays: without it r2 would be lost */

    apply(scene_answer(id, "a3", 0, T0 + 5000));
    assert_effect(LEDGER_TOKEN_DEAD, 1);
    assert_kept("r1", T0 + 5001, "answer to r1 with a3");
    assert_verdict("r2", T0 + 5001, ACTIVE);
}


/* An answer repeats a dead access token: it is good again, and kept. */

static void
test_dead_token_again(void **state)
{
    uint64_t  id;

    (void) state;

    connect("a1", "r1", T0);
    id = scene_owner(s, "a1");

    apply(scene_answer(id, "a1", 0, T0 + 1000));
    assert_verdict("a1", T0 + 1001, EXPIRED);

    refresh("r1", "a1", NULL, T0 + 2000);
    assert_verdict("a1", T0 + 2000, ACTIVE);
    assert_kept("r1", T0 + 2000, "answer to r1 with a1");

    apply(scene_answer(id, "a1", 0, T0 + 3000));
    assert_not_kept("r1", T0 + 3001);
}


static void
test_token_of_another_connection(void **state)
{
    (void) state;

    connect("a1", "r1", T0);
    refresh("r1", "a2", NULL, T0 + 1000);
    assert_kept("r1", T0 + 1000, "answer to r1 with a2");

    /* the token moves to a connection of another client (R2) */

    {
        ledger_record_t  record;

        record = scene_connect("o", "v", "b1", "r1", T0 + 2000);
        record.u.exchange.client = scene_text("d");
        apply(record);
    }

    assert_effect(LEDGER_CONNECTED, 1);
    assert_not_kept("r1", T0 + 2000);

    refresh("r1", "b2", NULL, T0 + 3000);
    assert_kept("r1", T0 + 3000, "answer to r1 with b2");
    assert_int_equal(found.connection, scene_owner(s, "b1"));
    assert_int_equal(rows(), 1);

    /* the first connection ends; what is not its own stays */

    apply(scene_revocation("a1", 1, T0 + 4000));
    assert_kept("r1", T0 + 4000, "answer to r1 with b2");
}


/* Entra: one refresh token, several resources, and some answers rotate. */

static void
test_several_resources(void **state)
{
    uint64_t  id;

    (void) state;

    connect("graph1", "r1", T0);
    id = scene_owner(s, "r1");

    refresh("r1", "graph2", NULL, T0 + 1000);
    refresh("r1", "vault1", NULL, T0 + 2000);
    assert_kept("r1", T0 + 2000, "answer to r1 with vault1");

    refresh("r1", "graph3", "r2", T0 + 3000);
    assert_kept("r1", T0 + 3000, "answer to r1 with graph3");

    /* the holder of r1 goes on with it, and the provider with both */

    refresh("r1", "vault2", NULL, T0 + 4000);
    assert_kept("r1", T0 + 4000, "answer to r1 with vault2");
    assert_verdict("r1", T0 + 4000, ROTATED);
    assert_int_equal(s->judgement.preceding, 1);
    assert_memory_equal(s->judgement.connection.refresh.bytes, "r2", 3);

    refresh("r2", "vault3", "r3", T0 + 5000);
    refresh("r3", "graph4", NULL, T0 + 6000);

    assert_verdict("graph1", T0 + 6000, ACTIVE);
    assert_int_equal(s->judgement.connection.id, id);
    assert_verdict("vault1", T0 + 6000, ACTIVE);
    assert_verdict("graph3", T0 + 6000, ACTIVE);
    assert_verdict("vault3", T0 + 6000, ACTIVE);
    assert_verdict("r3", T0 + 6000, ACTIVE);
    assert_not_kept("r1", T0 + 6000);
    assert_kept("r2", T0 + 6000, "answer to r2 with vault3");
    assert_kept("r3", T0 + 6000, "answer to r3 with graph4");
}


/* Each request has its own answer, whatever the others were told since. */

static void
test_one_for_each_request(void **state)
{
    (void) state;

    connect("graph1", "r1", T0);

    refresh_as('g', "r1", "graph2", NULL, T0 + 1000);
    refresh_as('v', "r1", "vault1", "r1", T0 + 2000);
    refresh_as('m', "r1", "mail1", NULL, T0 + 3000);

    assert_prints("r1", T0 + 3000, "mvg");
    assert_int_equal(rows(), 3);

    /* the last one that was found above */

    assert_int_equal(found.connection, scene_owner(s, "r1"));
    assert_int_equal(found.stored_at, T0 + 1000);
    assert_int_equal(found.sealed.len, 24);
    assert_memory_equal(found.sealed.data, "answer to r1 with graph2", 24);

    /* the same request again: its earlier answer goes, the others stay */

    refresh_as('v', "r1", "vault2", NULL, T0 + 4000);
    assert_prints("r1", T0 + 4000, "vmg");
    assert_kept("r1", T0 + 4000, "answer to r1 with vault2");

    /* they survive the process, and each has its own window */

    scene_close(s);
    scene_open(s);
    assert_prints("r1", T0 + 1000 + WINDOW, "vmg");
    assert_prints("r1", T0 + 1001 + WINDOW, "vm");
    apply(scene_sweep(T0 + 3001 + WINDOW, SCENE_DAY, 1));
    assert_int_equal(rows(), 2);
    apply(scene_sweep(T0 + 3001 + WINDOW, SCENE_DAY, 1));
    assert_int_equal(rows(), 1);
    assert_int_equal(ledger_due(s->ledger, T0 + 3001 + WINDOW, SCENE_DAY),
                     LEDGER_NOT_FOUND);
    assert_prints("r1", T0, "v");

    /* of an exchange that is not kept nobody knows which one it repeats */

    refresh_as('g', "r1", "graph3", NULL, T0 + 5000);
    apply(scene_refresh("r1", "graph4", NULL, T0 + 6000));
    assert_prints("r1", T0 + 6000, "");
    assert_int_equal(rows(), 0);
}


/* The same end of the window for several: each row has its own in the lane. */

static void
test_windows_that_end_at_once(void **state)
{
    int              print;
    ledger_record_t  record;

    (void) state;

    connect("a1", "r1", T0);

    for (print = 'a'; print < 'd'; print++) {
        record = scene_refresh("r1", "a2", NULL, T0 + 1000);
        scene_keep(&record, "sealed", print, T0 + WINDOW);
        apply(record);
    }

    assert_prints("r1", T0 + 1000, "cba");
    apply(scene_sweep(T0 + 1 + WINDOW, SCENE_DAY, 2));
    assert_prints("r1", T0 + 1000, "c");
    apply(scene_sweep(T0 + 1 + WINDOW, SCENE_DAY, 2));
    assert_int_equal(rows(), 0);
}


static void
test_at_most_eight(void **state)
{
    int   print;
    char  access[8];

    (void) state;

    assert_int_equal(LEDGER_KEPT_ANSWERS_MAX, 8);

    connect("a1", "r1", T0);
    apply(scene_connect("o", "v", "b1", "q1", T0));
    refresh("q1", "b2", NULL, T0 + 500);

    for (print = 'a'; print <= 'h'; print++) {
        snprintf(access, sizeof(access), "a%c", print);
        refresh_as(print, "r1", access, NULL, T0 + 1000);
    }

    assert_prints("r1", T0 + 1000, "hgfedcba");

    /* one that is there takes no room */

    refresh_as('a', "r1", "aa", NULL, T0 + 2000);
    assert_prints("r1", T0 + 2000, "ahgfedcb");

    /* the ninth, though the clock went back */

    refresh_as('i', "r1", "ai", NULL, T0 + 900);
    assert_prints("r1", T0 + 2000, "iahgfedc");

    /* what is not kept itself takes the place of none */

    apply(scene_revocation("a1", 0, T0 + 3000));
    refresh_as('j', "r1", "a1", NULL, T0 + 3000);
    assert_prints("r1", T0 + 3000, "iahgfedc");

    assert_prints("q1", T0 + 3000, "p");
    assert_int_equal(rows(), 9);
}


/* What ends one, of several. */

static void
test_several_and_their_ends(void **state)
{
    uint64_t         id;
    ledger_record_t  record;

    (void) state;

    connect("a1", "r1", T0);
    id = scene_owner(s, "r1");

    refresh_as('a', "r1", "a2", NULL, T0 + 1000);
    refresh_as('b', "r1", "a3", NULL, T0 + 1000);
    refresh_as('c', "r1", "a2", NULL, T0 + 1000);
    refresh_as('d', "r1", "a4", NULL, T0 + 1000);

    /* a token that is in two of them */

    apply(scene_revocation("a2", 0, T0 + 2000));
    assert_prints("r1", T0 + 2000, "db");

    apply(scene_answer(id, "a3", 0, T0 + 3000));
    assert_prints("r1", T0 + 3001, "d");

    /* a rotation: what holds the old token is not given again */

    refresh_as('e', "r1", "a5", "r1", T0 + 4000);
    refresh_as('f', "r1", "a6", "r2", T0 + 5000);
    assert_prints("r1", T0 + 5000, "fd");

    /* with the provider's grace there are several successors */

    refresh_as('g', "r1", "a7", "r3", T0 + 6000);
    assert_prints("r1", T0 + 6000, "gfd");

    refresh_as('a', "r3", "a8", NULL, T0 + 7000);
    refresh_as('b', "r3", "a9", NULL, T0 + 7000);
    assert_prints("r1", T0 + 7000, "gfd");
    assert_prints("r3", T0 + 7000, "ba");
    assert_int_equal(rows(), 5);

    /* the next one: all of the token before the one before go */

    refresh_as('a', "r3", "a10", "r4", T0 + 8000);
    assert_prints("r1", T0 + 8000, "");
    assert_prints("r3", T0 + 8000, "ab");

    /* where a refresh ends the access tokens before it */

    record = scene_refresh("r4", "a11", NULL, T0 + 9000);
    scene_keep(&record, "sealed", 'a', T0 + 9000 + WINDOW);
    record.u.exchange.refresh_ends_access = 1;
    apply(record);
    scene_keep(&record, "sealed", 'b', T0 + 9000 + WINDOW);
    record.u.exchange.tokens[0].id = scene_token("a12");
    apply(record);
    assert_prints("r4", T0 + 9000, "b");

    /* the end of the connection */

    refresh_as('c', "r4", "a13", NULL, T0 + 9000);
    assert_prints("r4", T0 + 9000, "cb");
    assert_prints("r3", T0 + 9000, "ab");
    apply(scene_order(LEDGER_RELEASE, id, T0 + 10000));
    assert_int_equal(rows(), 0);
    apply(scene_order(LEDGER_REINSTATE, id, T0 + 11000));
    assert_prints("r4", T0 + 11000, "");
}


static void
test_handed_out_after_its_rotation(void **state)
{
    (void) state;

    connect("a1", "r1", T0);
    refresh("r1", "a2", "r2", T0 + 1000);
    assert_verdict("r1", T0 + 1000, ROTATED);

    refresh("r2", "a3", "r1", T0 + 2000);
    assert_verdict("r1", T0 + 2000, ACTIVE);
    assert_verdict("r2", T0 + 2000, ROTATED);
    assert_memory_equal(s->judgement.connection.refresh.bytes, "r1", 3);
    assert_kept("r2", T0 + 2000, "answer to r2 with a3");
}


/* Two requests with one token; the second successor is rotated first. */

static void
test_late_answer(void **state)
{
    ledger_record_t  late;

    (void) state;

    connect("a1", "r1", T0);
    refresh("r1", "a2", "r2", T0 + 1000);
    refresh("r2", "a3", "r3", T0 + 2000);

    late = scene_refresh("r1", "a4", "r2", T0 + 3000);
    late.u.exchange.sent_at = T0 + 990;
    scene_keep(&late, "late", 'p', T0 + WINDOW);
    apply(late);

    /* the same moment leaves open which was first: then it stays rotated */

    late.u.exchange.sent_at = T0 + 2000;
    apply(late);

    assert_verdict("a4", T0 + 3000, ACTIVE);
    assert_verdict("r2", T0 + 3000, ROTATED);
    assert_verdict("r3", T0 + 3000, ACTIVE);
    assert_memory_equal(s->judgement.connection.refresh.bytes, "r3", 3);
    assert_not_kept("r1", T0 + 3000);
    assert_kept("r2", T0 + 3000, "answer to r2 with a3");
}


static void
test_refresh_ends_access(void **state)
{
    ledger_record_t  record;

    (void) state;

    connect("a1", "r1", T0);

    record = scene_refresh("r1", "a2", "r2", T0 + 1000);
    record.u.exchange.refresh_ends_access = 1;
    scene_keep(&record, "sealed", 'p', T0 + WINDOW);
    apply(record);

    assert_verdict("a1", T0 + 1000, ROTATED);
    assert_verdict("a2", T0 + 1000, ACTIVE);

    /* the replay brings the token that is good */
    assert_kept("r1", T0 + 1000, "sealed");
}


static void
test_bounds(void **state)
{
    static char      sealed[LEDGER_KEPT_MAX + 2];
    ledger_record_t  record;

    (void) state;

    connect("a1", "r1", T0);
    memset(sealed, 's', LEDGER_KEPT_MAX);

    record = scene_refresh("r1", "a2", "r2", T0 + 1000);
    scene_keep(&record, sealed, 'p', T0 + WINDOW);
    apply(record);
    assert_effect(LEDGER_REFRESHED, 1);
    assert_kept("r1", T0 + 1000, sealed);

    sealed[LEDGER_KEPT_MAX] = 's';
    record = scene_refresh("r2", "a3", "r3", T0 + 2000);
    scene_keep(&record, sealed, 'p', T0 + WINDOW);
    apply(record);
    assert_effect(LEDGER_REJECTED_RECORD, 1);
    assert_verdict("r2", T0 + 2000, ACTIVE);

    /* as many tokens as an answer may bring, the last of them revoked */

    record = scene_refresh("r2", "a4", "r4", T0 + 3000);

    while (record.u.exchange.ntokens < LEDGER_TOKENS_MAX) {
        sealed[0] = (char) ('A' + record.u.exchange.ntokens);
        sealed[1] = '\0';
        scene_add_token(&record, sealed, LEDGER_ACCESS, 0);
    }

    scene_keep(&record, "many", 'p', T0 + WINDOW);
    apply(record);
    assert_kept("r2", T0 + 3000, "many");
    apply(scene_revocation(sealed, 0, T0 + 3000));
    assert_not_kept("r2", T0 + 3000);
}


/* The log stays for the whole retention, and holds no answer. */

static void
test_log_has_no_answer(void **state)
{
    size_t           i, n;
    MDB_val          key, value;
    MDB_cursor      *cursor;
    ledger_view_t    view;
    ledger_record_t  record;

    (void) state;

    connect("a1", "r1", T0);
    refresh("r1", "a2", "r2", T0 + 1000);

    assert_int_equal(ledger_store_read(s->ledger, &view), LEDGER_OK);
    assert_int_equal(mdb_cursor_open(view.txn, s->ledger->tables[LEDGER_LOG],
                                     &cursor), 0);

    for (n = 0; mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0; n++) {
        assert_int_equal(ledger_record_decode(value.mv_data, value.mv_size,
                                              &record), LEDGER_OK);
        assert_int_equal(record.u.exchange.kept.len, 0);

        for (i = 0; i + 9 <= value.mv_size; i++) {
            assert_memory_not_equal((char *) value.mv_data + i, "answer to",
                                    9);
        }
    }

    mdb_cursor_close(cursor);
    ledger_store_read_end(&view);

    assert_int_equal(n, 2);
}


/* A store that was made before there were kept answers. */

static void
test_older_store(void **state)
{
    MDB_txn  *txn;

    (void) state;

    connect("a1", "r1", T0);

    assert_int_equal(mdb_txn_begin(s->ledger->env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_drop(txn, s->ledger->tables[LEDGER_KEPT], 1), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);

    scene_close(s);
    scene_open(s);

    assert_verdict("r1", T0, ACTIVE);
    refresh("r1", "a2", "r2", T0 + 1000);
    assert_kept("r1", T0 + 1000, "answer to r1 with a2");
}


/* The only row of a table, with one key that has another length. */

static void
cut_key(ledger_table_t table, size_t len)
{
    MDB_txn        *txn;
    MDB_val         key, value;
    MDB_cursor     *cursor;
    unsigned char   bytes[64], row[256];

    assert_int_equal(mdb_txn_begin(s->ledger->env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_cursor_open(txn, s->ledger->tables[table], &cursor),
                     0);

    for ( ;; ) {
        assert_int_equal(mdb_cursor_get(cursor, &key, &value, MDB_NEXT), 0);

        if (table != LEDGER_DUE
            || *(unsigned char *) key.mv_data == LEDGER_LANE_KEPT)
        {
            break;
        }
    }

    assert_true(key.mv_size <= sizeof(bytes) && value.mv_size <= sizeof(row));
    memset(bytes, 0, sizeof(bytes));
    memcpy(bytes, key.mv_data, key.mv_size);
    memcpy(row, value.mv_data, value.mv_size);
    assert_int_equal(mdb_cursor_del(cursor, 0), 0);

    key.mv_data = bytes;
    key.mv_size = len;
    value.mv_data = row;
    assert_int_equal(mdb_put(txn, s->ledger->tables[table], &key, &value, 0),
                     0);
    mdb_cursor_close(cursor);
    assert_int_equal(mdb_txn_commit(txn), 0);
}


/* A store that kept one answer for each token, under the token alone. */

static void
test_row_without_a_number(void **state)
{
    (void) state;

    connect("a1", "r1", T0);
    refresh("r1", "a2", NULL, T0 + 1000);

    cut_key(LEDGER_KEPT, LEDGER_TOKEN_ID_SIZE);
    cut_key(LEDGER_DUE, 33);
    scene_check(s);

    assert_kept("r1", T0 + 1000, "answer to r1 with a2");
    assert_int_equal(found.number, 0);

    refresh_as('q', "r1", "a3", NULL, T0 + 2000);
    assert_prints("r1", T0 + 2000, "qp");

    apply(scene_sweep(T0 + 1001 + WINDOW, SCENE_DAY, 10));
    assert_prints("r1", T0 + 2000, "q");
    assert_int_equal(rows(), 1);
}


/* What is read back is checked like input. */

static void
test_damaged_key(void **state)
{
    size_t  len;

    (void) state;

    connect("a1", "r1", T0);
    refresh("r1", "a2", "r2", T0 + 1000);

    for (len = LEDGER_TOKEN_ID_SIZE + 1; len <= LEDGER_TOKEN_ID_SIZE + 9;
         len++)
    {
        cut_key(LEDGER_KEPT, len);
        assert_int_equal(kept("r1", T0 + 1000),
                         len == LEDGER_TOKEN_ID_SIZE + 8 ? LEDGER_OK
                                                         : LEDGER_CORRUPT);
    }

    for (len = 34; len <= 42; len++) {
        cut_key(LEDGER_DUE, len);
        assert_int_equal(ledger_due(s->ledger, T0 + SCENE_HOUR, SCENE_DAY),
                         len == 41 ? LEDGER_OK : LEDGER_CORRUPT);
    }

    /* without their numbers they are whole again */

    cut_key(LEDGER_KEPT, LEDGER_TOKEN_ID_SIZE);
    cut_key(LEDGER_DUE, 33);
}


static void
test_damaged_row(void **state)
{
    size_t             len, i;
    MDB_txn           *txn;
    MDB_val            key, value;
    ledger_rc_t        rc;
    unsigned char      row[256];
    ledger_token_id_t  id;

    (void) state;

    connect("a1", "r1", T0);
    refresh("r1", "a2", "r2", T0 + 1000);

    cut_key(LEDGER_KEPT, LEDGER_TOKEN_ID_SIZE);
    cut_key(LEDGER_DUE, 33);

    id = scene_token("r1");
    key.mv_data = id.bytes;
    key.mv_size = LEDGER_TOKEN_ID_SIZE;

    assert_int_equal(mdb_txn_begin(s->ledger->env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_get(txn, s->ledger->tables[LEDGER_KEPT], &key,
                             &value), 0);
    len = value.mv_size;
    assert_true(len < sizeof(row));
    memset(row, 0, sizeof(row));
    memcpy(row, value.mv_data, len);
    mdb_txn_abort(txn);

    for (i = 0; i <= len + 1; i++) {
        assert_int_equal(mdb_txn_begin(s->ledger->env, NULL, 0, &txn), 0);
        value.mv_data = row;
        value.mv_size = i;
        assert_int_equal(mdb_put(txn, s->ledger->tables[LEDGER_KEPT], &key,
                                 &value, 0), 0);
        assert_int_equal(mdb_txn_commit(txn), 0);

        rc = kept("r1", T0 + 1000);
        assert_int_equal(rc, i == len ? LEDGER_OK : LEDGER_CORRUPT);
    }

    /* as it was, for the last check */

    assert_int_equal(mdb_txn_begin(s->ledger->env, NULL, 0, &txn), 0);
    value.mv_data = row;
    value.mv_size = len;
    assert_int_equal(mdb_put(txn, s->ledger->tables[LEDGER_KEPT], &key,
                             &value, 0), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        story(test_preceding),
        story(test_window),
        story(test_sweep_begins_with_answers),
        story(test_repeated_or_absent),
        story(test_preceding_and_current),
        story(test_grace),
        story(test_adopted),
        story(test_superseded),
        story(test_superseded_by_its_own_exchange),
        story(test_contradiction),
        story(test_revoked),
        story(test_released),
        story(test_access_token_revoked),
        story(test_refresh_token_revoked_alone),
        story(test_preceding_revoked_alone),
        story(test_broken),
        story(test_expired),
        story(test_dead_access_token),
        story(test_dead_token_again),
        story(test_token_of_another_connection),
        story(test_several_resources),
        story(test_one_for_each_request),
        story(test_windows_that_end_at_once),
        story(test_at_most_eight),
        story(test_several_and_their_ends),
        story(test_handed_out_after_its_rotation),
        story(test_late_answer),
        story(test_refresh_ends_access),
        story(test_bounds),
        story(test_log_has_no_answer),
        story(test_older_store),
        story(test_row_without_a_number),
        story(test_damaged_key),
        story(test_damaged_row)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
