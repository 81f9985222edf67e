
/*
 * Copyright (C) The OAuth gateway authors
 */

/* What operators are told: which changes, about whom, in pages, how long. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ledger_event.h"
#include "scene.h"


#define T0    SCENE_NOW
#define HOUR  SCENE_HOUR
#define DAY   SCENE_DAY


static scene_t        *s;
static ledger_page_t   page;
static uint64_t        told;


static int
set_up(void **state)
{
    (void) state;

    s = scene_create(1u << 28);
    told = 0;

    return 0;
}


static int
tear_down(void **state)
{
    (void) state;

    scene_check(s);
    scene_destroy(s);
    ledger_page_free(&page);

    return 0;
}


static void
apply(ledger_record_t record)
{
    scene_apply(s, &record);
}


/* The next event that was not looked at yet; kind 0: there is none. */

static ledger_event_t
next(void)
{
    ledger_event_t  event;

    ledger_page_free(&page);

    assert_int_equal(ledger_history(s->ledger, told, 1, &page), LEDGER_OK);

    if (page.n == 0) {
        memset(&event, 0, sizeof(ledger_event_t));
        return event;
    }

    assert_int_equal(ledger_page_event(&page, 0, &event), LEDGER_OK);
    assert_int_equal(event.number, told + 1);
    told = event.number;

    return event;
}


static void
is(ledger_slice_t slice, const char *text)
{
    assert_int_equal(slice.len, strlen(text));
    assert_memory_equal(slice.data, text, slice.len);
}


/* The next event is this, and only so many of its record are left. */

static ledger_event_t
expect(ledger_event_kind_t kind, uint64_t connection, uint64_t other)
{
    ledger_event_t  event;

    event = next();

    assert_int_equal(event.kind, kind);
    assert_int_equal(event.connection, connection);
    assert_int_equal(event.other, other);

    return event;
}


static void
expect_none(void)
{
    assert_int_equal(next().kind, 0);
}


static ledger_record_t
note(ledger_event_kind_t event, uint64_t connection, uint64_t other,
    const char *owner, uint32_t count, ledger_ms_t at)
{
    ledger_record_t  record;

    memset(&record, 0, sizeof(ledger_record_t));

    record.kind = LEDGER_NOTE;
    record.at = at;
    record.u.note.event = (uint8_t) event;
    record.u.note.connection = connection;
    record.u.note.other = other;
    record.u.note.owner = scene_text(owner);
    record.u.note.provider = scene_text("asked");
    record.u.note.count = count;

    return record;
}


static void
test_connect_and_supersession(void **state)
{
    ledger_event_t  e;

    (void) state;

    apply(scene_connect("alpha", "jane", "a1", "r1", T0));

    e = expect(LEDGER_EVENT_CONNECTED, 1, 0);
    assert_int_equal(e.at, T0);
    assert_int_equal(e.count, 1);
    assert_false(e.adopted);
    is(e.provider, "p");
    is(e.client, "c");
    is(e.user, "jane");
    is(e.owner, "alpha");
    is(e.other_owner, "");
    expect_none();

    apply(scene_connect("beta", "jane", "a2", "r2", T0 + 100));

    e = expect(LEDGER_EVENT_CONNECTED, 2, 0);
    is(e.owner, "beta");

    e = expect(LEDGER_EVENT_SUPERSEDED, 1, 2);
    assert_int_equal(e.at, T0 + 100);
    is(e.owner, "alpha");
    is(e.other_owner, "beta");
    assert_false(e.reconnect);
    assert_false(e.undecided);
    expect_none();

    apply(scene_connect("beta", "jane", "a3", "r3", T0 + 200));
    expect(LEDGER_EVENT_CONNECTED, 3, 0);
    e = expect(LEDGER_EVENT_SUPERSEDED, 2, 3);
    assert_true(e.reconnect);
    expect_none();
}


static void
test_life_of_a_connection(void **state)
{
    ledger_event_t   e;
    ledger_record_t  record;

    (void) state;

    apply(scene_connect("alpha", "jane", "a1", "r1", T0));
    expect(LEDGER_EVENT_CONNECTED, 1, 0);

    apply(scene_refresh("r1", "a2", "r2", T0 + 1000));
    expect(LEDGER_EVENT_REFRESHED, 1, 0);

    apply(scene_refresh("strange", "a8", "r8", T0 + 2000));
    e = expect(LEDGER_EVENT_CONNECTED, 3, 0);
    assert_true(e.adopted);

    apply(scene_order(LEDGER_USE, 1, T0 + 2 * HOUR));
    expect_none();

    record = scene_refusal("r2", T0 + 3 * HOUR);
    apply(record);
    expect(LEDGER_EVENT_BROKEN, 1, 0);

    apply(scene_refresh("r2", "a3", "r3", T0 + 4 * HOUR));
    expect(LEDGER_EVENT_REPAIRED, 1, 0);
    expect(LEDGER_EVENT_REFRESHED, 1, 0);

    apply(scene_order(LEDGER_RELEASE, 1, T0 + 5 * HOUR));
    expect(LEDGER_EVENT_RELEASED, 1, 0);

    apply(scene_order(LEDGER_RELEASE, 3, T0 + 5 * HOUR));
    expect(LEDGER_EVENT_RELEASED, 3, 0);
    expect_none();
}


static void
test_orders_and_revocations(void **state)
{
    (void) state;

    apply(scene_connect("alpha", "jane", "a1", "r1", T0));
    apply(scene_connect("beta", "jane", "a2", "r2", T0 + 100));
    told = 3;

    apply(scene_order(LEDGER_REINSTATE, 1, T0 + 200));
    expect(LEDGER_EVENT_REINSTATED, 1, 0);

    /* the slot is left over its limit */
    assert_int_equal(next().kind, LEDGER_EVENT_CONTRADICTED);
    expect_none();

    apply(scene_revocation("r2", 1, T0 + 300));
    expect(LEDGER_EVENT_REVOKED, 2, 0);
    expect_none();
}


static void
test_contradiction_and_binding(void **state)
{
    ledger_event_t   e;
    ledger_record_t  record;

    (void) state;

    apply(scene_connect("alpha", "jane", "a1", "r1", T0));
    apply(scene_connect("beta", "jane", "a2", "r2", T0 + 100));
    told = 3;

    apply(scene_answer(1, "a1", 1, T0 + 1000));
    e = expect(LEDGER_EVENT_CONTRADICTED, 1, 2);
    is(e.owner, "alpha");
    is(e.other_owner, "beta");
    assert_int_equal(next().kind, LEDGER_EVENT_CONTRADICTED);
    expect_none();

    record = scene_connect("gamma", "", "a4", "r4", T0 + 2000);
    apply(record);
    expect(LEDGER_EVENT_CONNECTED, 4, 0);
    apply(scene_binding(4, "john", "", T0 + 3000));
    e = expect(LEDGER_EVENT_BOUND, 4, 0);
    is(e.user, "john");
    expect_none();
}


/* R1: two overlapping connects, and the provider kept the other one. */

static void
test_undecided(void **state)
{
    ledger_event_t   e;
    ledger_record_t  one, two;

    (void) state;

    one = scene_connect("alpha", "jane", "a1", "r1", T0 + 100);
    one.u.exchange.sent_at = T0;
    two = scene_connect("beta", "jane", "a2", "r2", T0 + 110);
    two.u.exchange.sent_at = T0;

    apply(one);
    apply(two);

    expect(LEDGER_EVENT_CONNECTED, 1, 0);
    expect(LEDGER_EVENT_CONNECTED, 2, 0);
    e = expect(LEDGER_EVENT_SUPERSEDED, 1, 2);
    assert_true(e.undecided);

    apply(scene_answer(1, "a1", 1, T0 + 1000));

    e = expect(LEDGER_EVENT_REPAIRED, 1, 2);
    is(e.other_owner, "beta");
    e = expect(LEDGER_EVENT_SUPERSEDED, 2, 1);
    is(e.owner, "beta");
    is(e.other_owner, "alpha");
    assert_false(e.undecided);
    expect_none();
}


static void
test_undecided_is_confirmed(void **state)
{
    ledger_event_t   e;
    ledger_record_t  one, two;

    (void) state;

    one = scene_connect("alpha", "jane", "a1", "r1", T0 + 100);
    one.u.exchange.sent_at = T0;
    two = scene_connect("beta", "jane", "a2", "r2", T0 + 110);
    two.u.exchange.sent_at = T0;

    apply(one);
    apply(two);
    told = 3;

    apply(scene_answer(1, "a1", 0, T0 + 1000));
    e = expect(LEDGER_EVENT_SUPERSEDED, 1, 2);
    assert_false(e.undecided);
    is(e.other_owner, "beta");
    expect_none();
}


static void
test_expiry_outlives_its_connection(void **state)
{
    ledger_event_t   e;
    ledger_record_t  record;

    (void) state;

    record = scene_connect("alpha", "jane", "a1", NULL, T0);
    record.u.exchange.tokens[0].expires_at = T0 + HOUR;
    apply(record);
    expect(LEDGER_EVENT_CONNECTED, 1, 0);

    apply(scene_sweep(T0 + 2 * HOUR, 30 * DAY, 100));
    e = expect(LEDGER_EVENT_EXPIRED, 1, 0);
    is(e.owner, "alpha");
    is(e.user, "jane");
    expect_none();

    /* that a row is deleted is no event */
    apply(scene_sweep(T0 + HOUR + 30 * DAY, 30 * DAY, 100));
    expect_none();
    assert_int_equal(s->effects.elts[0].kind, LEDGER_DELETED);

    /* the event is younger than the end that it tells of */
    told = 1;
    e = expect(LEDGER_EVENT_EXPIRED, 1, 0);
    is(e.owner, "alpha");
}


static void
test_notes(void **state)
{
    ledger_event_t  e;

    (void) state;

    apply(scene_connect("alpha", "jane", "a1", "r1", T0));
    apply(scene_connect("beta", "jane", "a2", "r2", T0 + 100));
    told = 3;

    apply(note(LEDGER_EVENT_REJECTED, 1, 2, "alpha", 7, T0 + 500));
    e = expect(LEDGER_EVENT_REJECTED, 1, 2);
    assert_int_equal(e.at, T0 + 500);
    assert_int_equal(e.count, 7);
    is(e.provider, "p");
    is(e.owner, "alpha");
    is(e.other_owner, "beta");

    /* who asked is not whose it is */
    apply(note(LEDGER_EVENT_TAKEOVER_REJECTED, 2, 0, "gamma", 1, T0 + 600));
    e = expect(LEDGER_EVENT_TAKEOVER_REJECTED, 2, 0);
    is(e.owner, "beta");
    is(e.other_owner, "gamma");

    apply(note(LEDGER_EVENT_REPLAYED, 2, 0, "beta", 1, T0 + 600));
    e = expect(LEDGER_EVENT_REPLAYED, 2, 0);
    is(e.owner, "beta");
    is(e.other_owner, "");

    /* of no connection */
    apply(note(LEDGER_EVENT_FLAGGED, 0, 0, "gamma", UINT32_MAX, T0 + 700));
    e = expect(LEDGER_EVENT_FLAGGED, 0, 0);
    assert_int_equal(e.count, UINT32_MAX);
    is(e.provider, "asked");
    is(e.owner, "gamma");
    is(e.user, "");

    /* of one that is gone */
    apply(note(LEDGER_EVENT_JOINED, 77, 78, "", 1, T0 + 800));
    e = expect(LEDGER_EVENT_JOINED, 77, 78);
    is(e.provider, "asked");
    is(e.owner, "");
    expect_none();

    /* ids of connections do not depend on what was refused before */
    apply(scene_connect("alpha", "jill", "a3", "r3", T0 + 900));
    expect(LEDGER_EVENT_CONNECTED, 3, 0);
}


static void
test_notes_of_what_is_no_note(void **state)
{
    unsigned         kind, taken;
    ledger_event_t   e;
    ledger_record_t  record;

    (void) state;

    taken = 0;

    for (kind = 0; kind <= LEDGER_EVENTS; kind++) {
        apply(note((ledger_event_kind_t) kind, 0, 0, "", 1, T0));
        e = next();

        if (scene_effects(s, LEDGER_REJECTED_RECORD)) {
            assert_int_equal(e.kind, LEDGER_EVENT_UNRECORDED);
            continue;
        }

        assert_int_equal(e.kind, kind);
        taken++;
    }

    assert_int_equal(taken, 8);

    apply(note(LEDGER_EVENT_HEALED, 0, 0, "", 0, T0));
    assert_int_equal(scene_effects(s, LEDGER_REJECTED_RECORD), 1);

    record = note(LEDGER_EVENT_HEALED, 0, 0, "", 1, T0);
    record.u.note.owner.len = LEDGER_IDENTITY_MAX + 1;
    apply(record);
    assert_int_equal(scene_effects(s, LEDGER_REJECTED_RECORD), 1);
}


/* An exchange beyond its bounds is not recorded, and operators are told. */

static void
test_unrecorded(void **state)
{
    char             user[LEDGER_IDENTITY_MAX + 1];
    ledger_event_t   e;
    ledger_record_t  record;

    (void) state;

    memset(user, 'x', sizeof(user));

    record = scene_connect("alpha", "jane", "a1", "r1", T0);
    record.u.exchange.user.data = (unsigned char *) user;
    record.u.exchange.user.len = sizeof(user);
    apply(record);

    e = expect(LEDGER_EVENT_UNRECORDED, 0, 0);
    is(e.provider, "p");
    is(e.owner, "alpha");
    is(e.user, "");

    record.u.exchange.owner = record.u.exchange.user;
    apply(record);
    e = expect(LEDGER_EVENT_UNRECORDED, 0, 0);
    is(e.provider, "");
    is(e.owner, "");
    expect_none();
}


static void
test_pages(void **state)
{
    unsigned        i;
    uint64_t        after, last;
    ledger_event_t  e;

    (void) state;

    assert_int_equal(ledger_history_last(s->ledger, &last), LEDGER_OK);
    assert_int_equal(last, 0);

    for (i = 0; i < 10; i++) {
        apply(note(LEDGER_EVENT_FLAGGED, 100 + i, 0, "", 1, T0 + i));
    }

    assert_int_equal(ledger_history_last(s->ledger, &last), LEDGER_OK);
    assert_int_equal(last, 10);

    after = 0;

    for (i = 0; i < 10; i += 3) {
        ledger_page_free(&page);
        assert_int_equal(ledger_history(s->ledger, after, 3, &page),
                         LEDGER_OK);
        assert_int_equal(page.n, i < 9 ? 3 : 1);
        assert_int_equal(page.next, i < 9 ? i + 3 : 0);
        assert_int_equal(ledger_page_event(&page, 0, &e), LEDGER_OK);
        assert_int_equal(e.connection, 100 + i);
        after = page.next;
    }

    ledger_page_free(&page);
    assert_int_equal(ledger_history(s->ledger, 0, 10, &page), LEDGER_OK);
    assert_int_equal(page.n, 10);
    assert_int_equal(page.next, 0);

    ledger_page_free(&page);
    assert_int_equal(ledger_history(s->ledger, 10, 10, &page), LEDGER_OK);
    assert_int_equal(page.n, 0);

    assert_int_equal(ledger_history(s->ledger, UINT64_MAX, 10, &page),
                     LEDGER_OK);
    assert_int_equal(page.n, 0);
}


/* Newest first, and no more than asked for. */

static void
test_story(void **state)
{
    unsigned        i;
    uint64_t        before;
    ledger_event_t  e;

    (void) state;

    apply(scene_connect("alpha", "jane", "a1", "r1", T0));
    apply(scene_connect("beta", "john", "a2", "r2", T0 + 1));
    apply(scene_connect("beta", "jane", "a3", "r3", T0 + 2));

    for (i = 0; i < 5; i++) {
        apply(note(LEDGER_EVENT_REJECTED, 1, 3, "", 1 + i, T0 + 3 + i));
        apply(note(LEDGER_EVENT_FLAGGED, 2, 2, "", 1, T0 + 3 + i));
    }

    /* of the loser: connected, superseded, five times rejected */

    before = 0;

    for (i = 0; i < 7; i += 3) {
        ledger_page_free(&page);
        assert_int_equal(ledger_story(s->ledger, 1, before, 3, &page),
                         LEDGER_OK);
        assert_int_equal(page.n, i < 6 ? 3 : 1);
        assert_int_equal(page.next != 0, i < 6);
        assert_int_equal(ledger_page_event(&page, 0, &e), LEDGER_OK);
        assert_int_equal(e.kind, i < 4 ? LEDGER_EVENT_REJECTED
                                       : LEDGER_EVENT_CONNECTED);
        assert_int_equal(e.connection, 1);
        before = page.next;
    }

    /* of the winner, who has a part in all but the first */

    ledger_page_free(&page);
    assert_int_equal(ledger_story(s->ledger, 3, 0, 7, &page), LEDGER_OK);
    assert_int_equal(page.n, 7);
    assert_int_equal(page.next, 0);
    assert_int_equal(ledger_page_event(&page, 0, &e), LEDGER_OK);
    assert_int_equal(e.count, 5);

    /* once in a story, whoever else it is */

    ledger_page_free(&page);
    assert_int_equal(ledger_story(s->ledger, 2, 0, 100, &page), LEDGER_OK);
    assert_int_equal(page.n, 6);

    ledger_page_free(&page);
    assert_int_equal(ledger_story(s->ledger, 4, 0, 100, &page), LEDGER_OK);
    assert_int_equal(page.n, 0);
    assert_int_equal(page.next, 0);

    /* a story is as long as its events are kept */

    apply(scene_sweep(T0 + 3 + 2 * DAY, 2 * DAY, 100));

    ledger_page_free(&page);
    assert_int_equal(ledger_story(s->ledger, 1, 0, 100, &page), LEDGER_OK);
    assert_int_equal(page.n, 4);
}


/* Numbers go on when all events are swept. */

static void
test_retention(void **state)
{
    uint64_t  last;

    (void) state;

    apply(note(LEDGER_EVENT_FLAGGED, 0, 0, "", 1, T0));
    apply(note(LEDGER_EVENT_FLAGGED, 0, 0, "", 2, T0 + DAY));
    expect(LEDGER_EVENT_FLAGGED, 0, 0);

    assert_int_equal(ledger_due(s->ledger, T0 + 30 * DAY - 1, 30 * DAY),
                     LEDGER_NOT_FOUND);
    assert_int_equal(ledger_due(s->ledger, T0 + 30 * DAY, 30 * DAY),
                     LEDGER_OK);

    apply(scene_sweep(T0 + 30 * DAY, 30 * DAY, 100));
    assert_int_equal(ledger_due(s->ledger, T0 + 30 * DAY, 30 * DAY),
                     LEDGER_NOT_FOUND);

    told = 1;
    assert_int_equal(expect(LEDGER_EVENT_FLAGGED, 0, 0).count, 2);

    apply(scene_sweep(T0 + 31 * DAY, 30 * DAY, 100));

    ledger_page_free(&page);
    assert_int_equal(ledger_history(s->ledger, 0, 10, &page), LEDGER_OK);
    assert_int_equal(page.n, 0);
    assert_int_equal(ledger_history_last(s->ledger, &last), LEDGER_OK);
    assert_int_equal(last, 2);

    scene_close(s);
    scene_open(s);

    apply(note(LEDGER_EVENT_FLAGGED, 0, 0, "", 3, T0 + 32 * DAY));
    told = 2;
    assert_int_equal(expect(LEDGER_EVENT_FLAGGED, 0, 0).count, 3);
}


static void
test_damage(void **state)
{
    size_t          i, len;
    unsigned char   buf[LEDGER_CONNECTION_MAX], bad;
    ledger_event_t  e;

    (void) state;

    apply(scene_connect("alpha", "jane", "a1", "r1", T0));
    expect(LEDGER_EVENT_CONNECTED, 1, 0);

    len = page.rows[0].len;
    memcpy(buf, page.buf, len);

    for (i = 0; i < len; i++) {
        assert_int_equal(ledger_event_decode((ledger_slice_t) { buf, i }, &e),
                         LEDGER_CORRUPT);
    }

    buf[len] = 0;
    assert_int_equal(ledger_event_decode((ledger_slice_t) { buf, len + 1 },
                                         &e),
                     LEDGER_CORRUPT);

    bad = buf[0]++;
    assert_int_equal(ledger_event_decode((ledger_slice_t) { buf, len }, &e),
                     LEDGER_VERSION);
    buf[0] = bad;

    buf[1] = LEDGER_EVENTS;
    assert_int_equal(ledger_event_decode((ledger_slice_t) { buf, len }, &e),
                     LEDGER_CORRUPT);
    buf[1] = LEDGER_EVENTS - 1;
    assert_int_equal(ledger_event_decode((ledger_slice_t) { buf, len }, &e),
                     LEDGER_OK);

    buf[2] = 0x08;
    assert_int_equal(ledger_event_decode((ledger_slice_t) { buf, len }, &e),
                     LEDGER_CORRUPT);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup_teardown(test_connect_and_supersession,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_life_of_a_connection, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_orders_and_revocations, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_contradiction_and_binding,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_undecided, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_undecided_is_confirmed, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_expiry_outlives_its_connection,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_notes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_notes_of_what_is_no_note,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unrecorded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_pages, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_story, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_retention, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_damage, set_up, tear_down)
    };

    setvbuf(stdout, NULL, _IOLBF, 0);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
