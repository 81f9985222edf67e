
/*
 * Copyright (C) The OAuth gateway authors
 */

/* What time does: ends, retention, small batches, and when nothing is due. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ledger_store.h"
#include "story.h"


#define T0    SCENE_NOW
#define HOUR  SCENE_HOUR
#define DAY   SCENE_DAY

/* the retention of all stories but the last */
#define KEPT  (30 * DAY)


static void
apply(ledger_record_t record)
{
    scene_apply(s, &record);
}


static void
sweep(ledger_ms_t at)
{
    apply(scene_sweep(at, KEPT, 1000));
}


static size_t
rows(ledger_table_t table)
{
    MDB_stat       stat;
    ledger_view_t  view;

    assert_int_equal(ledger_store_read(s->ledger, &view), LEDGER_OK);
    assert_int_equal(mdb_stat(view.txn, s->ledger->tables[table], &stat), 0);
    ledger_store_read_end(&view);

    return stat.ms_entries;
}


#define assert_verdict(token, at, verdict)                                    \
    assert_int_equal(scene_judge(s, token, at), verdict)

#define assert_effect(kind, n)                                                \
    assert_int_equal(scene_effects(s, kind), n)

#define assert_due(at)                                                        \
    assert_int_equal(ledger_due(s->ledger, at, KEPT), LEDGER_OK)

#define assert_not_due(at)                                                    \
    assert_int_equal(ledger_due(s->ledger, at, KEPT), LEDGER_NOT_FOUND)


static void
test_nothing_to_do(void **state)
{
    uint64_t  before;

    (void) state;

    assert_not_due(UINT64_MAX);

    apply(scene_connect("o", "u", "a1", "r1", T0));
    assert_not_due(T0 + KEPT - 1);

    before = scene_dump(s, 1);
    sweep(T0 + KEPT - 1);
    assert_int_equal(s->effects.n, 0);
    assert_int_equal(scene_dump(s, 1), before);
}


static void
test_end_of_the_last_access_token(void **state)
{
    (void) state;

    apply(scene_connect("o", "u", "a1", NULL, T0));
    assert_not_due(T0 + HOUR - 1);
    assert_due(T0 + HOUR);

    sweep(T0 + HOUR - 1);
    assert_int_equal(s->effects.n, 0);

    sweep(T0 + 2 * HOUR);
    assert_effect(LEDGER_EXPIRY, 1);
    assert_verdict("a1", T0, LEDGER_VERDICT_EXPIRED);
    assert_int_equal(s->judgement.connection.ended_at, T0 + HOUR);
    assert_not_due(T0 + KEPT - 1);

    /* the record in the log is older than the end it led to */
    assert_due(T0 + KEPT);

    sweep(T0 + HOUR + KEPT - 1);
    assert_effect(LEDGER_DELETED, 0);
    assert_verdict("a1", T0, LEDGER_VERDICT_EXPIRED);

    sweep(T0 + HOUR + KEPT);
    assert_effect(LEDGER_DELETED, 1);
    assert_verdict("a1", T0, LEDGER_VERDICT_UNKNOWN);
    assert_int_equal(rows(LEDGER_TOKENS), 0);
    assert_int_equal(rows(LEDGER_CONNECTIONS), 0);
    assert_int_equal(rows(LEDGER_MEMBERS), 0);
}


static void
test_everything_goes(void **state)
{
    ledger_ms_t  now;

    (void) state;

    apply(scene_connect("o", "u", "a1", "r1", T0));
    apply(scene_refresh("r1", "a2", "r2", T0 + 1));
    apply(scene_connect("p", "u", "b1", "s1", T0 + 2));
    apply(scene_revocation("s1", 1, T0 + 3));
    apply(scene_connect("p", "v", "c1", NULL, T0 + 4));
    apply(scene_refusal("s1", T0 + 5));

    for (now = T0; now < T0 + 3 * KEPT; now += DAY) {
        sweep(now);
    }

    assert_int_equal(rows(LEDGER_TOKENS), 0);
    assert_int_equal(rows(LEDGER_CONNECTIONS), 0);
    assert_int_equal(rows(LEDGER_SLOTS), 0);
    assert_int_equal(rows(LEDGER_MEMBERS), 0);
    assert_int_equal(rows(LEDGER_BROKEN_MEMBERS), 0);
    assert_int_equal(rows(LEDGER_DUE), 0);
    assert_int_equal(rows(LEDGER_LOG), 0);

    /* and then nothing is due, so that nothing is written */
    assert_not_due(UINT64_MAX);
}


static void
test_late_caller_learns_why(void **state)
{
    (void) state;

    apply(scene_connect("o", "u", "a1", "r1", T0));
    sweep(T0 + 20 * DAY);
    apply(scene_connect("p", "u", "b1", "s1", T0 + 20 * DAY));

    /* a1 ended long ago, but its connection is kept */
    sweep(T0 + 49 * DAY);
    assert_verdict("a1", T0 + 49 * DAY, LEDGER_VERDICT_SUPERSEDED);
    assert_verdict("r1", T0 + 49 * DAY, LEDGER_VERDICT_SUPERSEDED);

    sweep(T0 + 50 * DAY);
    assert_effect(LEDGER_DELETED, 1);
    assert_verdict("a1", T0 + 50 * DAY, LEDGER_VERDICT_UNKNOWN);
    assert_verdict("r1", T0 + 50 * DAY, LEDGER_VERDICT_UNKNOWN);
    assert_verdict("s1", T0 + 50 * DAY, LEDGER_VERDICT_ACTIVE);
}


static void
test_tokens_of_a_live_connection(void **state)
{
    ledger_record_t  record;

    (void) state;

    apply(scene_connect("o", "u", "a1", "r1", T0));
    apply(scene_refresh("r1", "a2", "r2", T0 + DAY));

    record = scene_refresh("r2", NULL, "r3", T0 + 2 * DAY);
    scene_add_token(&record, "forever", LEDGER_ACCESS, 0);
    apply(record);

    sweep(T0 + HOUR + KEPT - 1);
    assert_int_equal(rows(LEDGER_TOKENS), 6);
    sweep(T0 + HOUR + KEPT);
    assert_verdict("a1", T0, LEDGER_VERDICT_UNKNOWN);
    assert_int_equal(rows(LEDGER_TOKENS), 5);

    sweep(T0 + DAY + KEPT);
    assert_verdict("r1", T0, LEDGER_VERDICT_UNKNOWN);
    assert_verdict("r2", T0, LEDGER_VERDICT_ROTATED);

    /* what is current, or of unknown life, stays with its connection */
    sweep(T0 + 100 * KEPT);
    assert_verdict("r3", T0, LEDGER_VERDICT_ACTIVE);
    assert_verdict("forever", T0, LEDGER_VERDICT_ACTIVE);
    assert_int_equal(rows(LEDGER_TOKENS), 2);
    assert_not_due(T0 + 100 * KEPT);
}


static void
test_ended_access_of_unknown_life(void **state)
{
    ledger_record_t  record;

    (void) state;

    record = scene_connect("o", "u", NULL, "r1", T0);
    scene_add_token(&record, "old", LEDGER_ACCESS, 0);
    apply(record);

    record = scene_refresh("r1", NULL, "r1", T0 + DAY);
    scene_add_token(&record, "new", LEDGER_ACCESS, 0);
    record.u.exchange.refresh_ends_access = 1;
    apply(record);
    assert_verdict("old", T0 + DAY, LEDGER_VERDICT_ROTATED);

    sweep(T0 + 2 * KEPT);
    assert_verdict("old", T0, LEDGER_VERDICT_UNKNOWN);
    assert_verdict("new", T0, LEDGER_VERDICT_ACTIVE);
}


static void
test_idle(void **state)
{
    uint64_t         id;
    ledger_record_t  record;

    (void) state;

    record = scene_connect("o", "u", "a1", "r1", T0);
    record.u.exchange.idle = 10 * DAY;
    apply(record);
    id = scene_owner(s, "a1");

    apply(scene_order(LEDGER_USE, id, T0 + 9 * DAY));
    sweep(T0 + 19 * DAY - 1);
    assert_int_equal(s->effects.n, 0);
    assert_verdict("r1", T0 + 19 * DAY - 1, LEDGER_VERDICT_ACTIVE);
    assert_verdict("r1", T0 + 19 * DAY, LEDGER_VERDICT_EXPIRED);

    sweep(T0 + 19 * DAY);
    assert_effect(LEDGER_EXPIRY, 1);
    apply(scene_order(LEDGER_USE, id, T0 + 20 * DAY));
    assert_verdict("r1", T0 + 20 * DAY, LEDGER_VERDICT_EXPIRED);

    /* the provider knows better */
    record = scene_refresh("r1", "a2", "r2", T0 + 21 * DAY);
    record.u.exchange.idle = 10 * DAY;
    apply(record);
    assert_effect(LEDGER_REPAIRED, 1);
    assert_verdict("r2", T0 + 21 * DAY, LEDGER_VERDICT_ACTIVE);
}


static void
test_exempt_is_kept_one_day(void **state)
{
    ledger_record_t  record;

    (void) state;

    record = scene_connect("o", "u", "a1", NULL, T0);
    record.u.exchange.exempt = 1;
    apply(record);

    sweep(T0 + HOUR);
    assert_effect(LEDGER_EXPIRY, 1);
    sweep(T0 + HOUR + DAY - 1);
    assert_verdict("a1", T0, LEDGER_VERDICT_EXPIRED);
    sweep(T0 + HOUR + DAY);
    assert_effect(LEDGER_DELETED, 1);
    assert_int_equal(rows(LEDGER_TOKENS), 0);
    assert_int_equal(rows(LEDGER_CONNECTIONS), 0);
}


static void
test_small_batches(void **state)
{
    unsigned     i, total, sweeps;
    char         token[3];
    ledger_ms_t  now;

    (void) state;

    for (i = 0; i < 20; i++) {
        token[0] = 'a';
        token[1] = (char) ('a' + i);
        token[2] = '\0';
        apply(scene_connect("o", token, token, NULL, T0 + i));
    }

    total = 0;
    sweeps = 0;
    now = T0 + HOUR + 20;

    while (ledger_due(s->ledger, now, KEPT) == LEDGER_OK) {
        apply(scene_sweep(now, KEPT, 7));
        assert_true(s->effects.n <= 7);
        total += scene_effects(s, LEDGER_EXPIRY);
        sweeps++;
    }

    assert_int_equal(total, 20);
    assert_int_equal(sweeps, 3);

    /* one row at a time ends, too, whatever the retention */
    for (i = 0; i < 1000; i++) {
        apply(scene_sweep(now + 2 * DAY, 0, 1));
    }

    assert_int_equal(rows(LEDGER_TOKENS), 0);
    assert_int_equal(rows(LEDGER_CONNECTIONS), 0);
    assert_int_equal(rows(LEDGER_SLOTS), 0);
    assert_int_equal(rows(LEDGER_DUE), 0);
}


/* No retention at all is no reason to look at a token again and again. */

static void
test_no_retention(void **state)
{
    ledger_record_t  record;

    (void) state;

    record = scene_connect("o", "u", NULL, "r1", T0);
    scene_add_token(&record, "forever", LEDGER_ACCESS, 0);
    apply(record);

    apply(scene_sweep(T0 + 1, 0, 1000));
    assert_verdict("r1", T0, LEDGER_VERDICT_ACTIVE);
    assert_verdict("forever", T0, LEDGER_VERDICT_ACTIVE);

    apply(scene_sweep(T0 + 2, 0, 1000));
    assert_int_equal(ledger_due(s->ledger, T0 + DAY, 0), LEDGER_NOT_FOUND);
    assert_int_equal(ledger_due(s->ledger, T0 + DAY + 1, 0), LEDGER_OK);
}


static void
test_slot_is_remembered(void **state)
{
    ledger_slot_t    slot;
    ledger_record_t  record;

    (void) state;

    record = scene_connect("alpha", "u", "a1", "r1", T0);
    apply(record);
    record = scene_connect("beta", "u", "a2", "r2", T0 + 1);
    apply(record);
    record = scene_connect("alpha", "u", "a3", "r3", T0 + 2);
    apply(record);
    apply(scene_revocation("r3", 1, T0 + 3));
    assert_int_equal(rows(LEDGER_MEMBERS), 0);

    scene_judge(s, "a3", T0);
    assert_int_equal(ledger_slot(s->ledger, &s->judgement.connection, 0,
                                 T0 + 4, 2, HOUR, &slot), LEDGER_OK);
    assert_int_equal(slot.contested, 1);
    assert_int_equal(slot.held, 0);
    assert_int_equal(slot.oldest, 0);

    sweep(T0 + 3 + KEPT - 1);
    assert_int_equal(rows(LEDGER_SLOTS), 1);
    sweep(T0 + 3 + KEPT);
    assert_int_equal(rows(LEDGER_SLOTS), 0);
}


static void
test_log_is_trimmed(void **state)
{
    size_t  kept;

    (void) state;

    apply(scene_connect("o", "u", "a1", "r1", T0));
    apply(scene_refresh("r1", "a2", "r2", T0 + DAY));
    assert_int_equal(rows(LEDGER_LOG), 2);

    apply(scene_sweep(T0 + KEPT, KEPT, 1));
    kept = rows(LEDGER_LOG);

    /* r1 was looked at, for the one row that the sweep was given */
    assert_true(kept >= 1);

    /* a sweep that only trims the log is not itself logged */
    while (ledger_due(s->ledger, T0 + KEPT, KEPT) == LEDGER_OK) {
        apply(scene_sweep(T0 + KEPT, KEPT, 1));
    }

    assert_true(rows(LEDGER_LOG) <= kept + 1);
    assert_not_due(T0 + KEPT);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        story(test_nothing_to_do),
        story(test_end_of_the_last_access_token),
        story(test_everything_goes),
        story(test_late_caller_learns_why),
        story(test_tokens_of_a_live_connection),
        story(test_ended_access_of_unknown_life),
        story(test_idle),
        story(test_exempt_is_kept_one_day),
        story(test_small_batches),
        story(test_no_retention),
        story(test_slot_is_remembered),
        story(test_log_is_trimmed)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
