
/*
 * Copyright (C) The OAuth gateway authors
 */

/* Lists of connections and slots: filters, pages, and pages under writes. */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE  /* fork(), waitpid() */
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "ledger_slots.h"
#include "scene.h"


#define T0    SCENE_NOW
#define HOUR  SCENE_HOUR
#define DAY   SCENE_DAY

/* of each of two writers, while the reader pages */
#define WRITES  400

#define BEFORE  300


static scene_t             *s;
static ledger_page_t        page;
static ledger_filter_t      filter;
static ledger_slot_list_t   slots;
static ledger_slot_query_t  query;


static int
set_up(void **state)
{
    (void) state;

    s = scene_create(1u << 28);
    memset(&filter, 0, sizeof(ledger_filter_t));
    memset(&query, 0, sizeof(ledger_slot_query_t));
    query.max = 100;
    query.now = T0;

    return 0;
}


static int
tear_down(void **state)
{
    (void) state;

    scene_check(s);
    scene_destroy(s);
    ledger_page_free(&page);
    ledger_slots_free(&slots);

    return 0;
}


static void
apply(ledger_record_t record)
{
    scene_apply(s, &record);
}


static void
list(uint64_t before, size_t max)
{
    ledger_page_free(&page);
    assert_int_equal(ledger_list(s->ledger, &filter, before, max, &page),
                     LEDGER_OK);
}


static void
list_slots(void)
{
    ledger_slots_free(&slots);
    assert_int_equal(ledger_slots(s->ledger, &query, &slots), LEDGER_OK);
}


/* The page's ids in their order, like "3 1". */

static void
expect_ids(const char *expected)
{
    char                 text[256], *p;
    size_t               i;
    ledger_connection_t  c;

    p = text;
    *p = '\0';

    for (i = 0; i < page.n && p < text + 200; i++) {
        assert_int_equal(ledger_page_connection(&page, i, &c), LEDGER_OK);
        assert_int_equal(c.id, page.rows[i].number);
        p += sprintf(p, i ? " %u" : "%u", (unsigned) c.id);
    }

    assert_string_equal(text, expected);
}


static ledger_record_t
connect(const char *owner, const char *user, const char *token)
{
    return scene_connect(owner, user, token, NULL, T0);
}


/* 1 alpha jane, 2 beta jane, 3 alpha john (other provider), 4 "" nobody */

static void
four(void)
{
    ledger_record_t  record;

    apply(connect("alpha", "jane", "a1"));
    apply(connect("beta", "jane", "a2"));

    record = connect("alpha", "john", "a3");
    record.u.exchange.provider = scene_text("q");
    record.u.exchange.client = scene_text("other");
    record.u.exchange.tenant = scene_text("acme");
    apply(record);

    record = connect("", "", "a4");
    apply(record);
}


static void
test_empty(void **state)
{
    (void) state;

    list(0, 10);
    assert_int_equal(page.n, 0);
    assert_int_equal(page.next, 0);

    filter.user = scene_text("jane");
    list(0, 10);
    assert_int_equal(page.n, 0);

    list_slots();
    assert_int_equal(slots.n, 0);
    assert_false(slots.more);
}


static void
test_filters(void **state)
{
    static const struct {
        const char  *provider, *client, *user, *tenant, *owner;
        unsigned     state;
        const char  *expected;
    } cases[] = {
        { "", "", "", "", "", 0, "4 3 2 1" },
        { "p", "", "", "", "", 0, "4 2 1" },
        { "q", "", "", "", "", 0, "3" },
        { "pq", "", "", "", "", 0, "" },
        { "", "c", "", "", "", 0, "4 2 1" },
        { "", "other", "", "", "", 0, "3" },
        { "", "", "jane", "", "", 0, "2 1" },
        { "", "", "john", "", "", 0, "3" },
        { "", "", "jan", "", "", 0, "" },
        { "", "", "janes", "", "", 0, "" },
        { "", "", "", "acme", "", 0, "3" },
        { "", "", "", "", "alpha", 0, "3 1" },
        { "", "", "", "", "beta", 0, "2" },
        { "", "", "", "", "", LEDGER_LIVE, "4 3 2" },
        { "", "", "", "", "", LEDGER_SUPERSEDED, "1" },
        { "", "", "", "", "", LEDGER_BROKEN, "" },
        { "p", "c", "jane", "", "alpha", 0, "1" },
        { "q", "", "jane", "", "", 0, "" },
        { "", "", "jane", "", "", LEDGER_LIVE, "2" },
        { "p", "", "", "", "", LEDGER_LIVE, "4 2" },
        { "", "", "", "acme", "beta", 0, "" },
    };

    size_t  i;

    (void) state;

    four();

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        filter.provider = scene_text(cases[i].provider);
        filter.client = scene_text(cases[i].client);
        filter.user = scene_text(cases[i].user);
        filter.tenant = scene_text(cases[i].tenant);
        filter.owner = scene_text(cases[i].owner);
        filter.state = (uint8_t) cases[i].state;

        list(0, 10);
        expect_ids(cases[i].expected);
        assert_int_equal(page.next, 0);
    }
}


static void
test_pages(void **state)
{
    (void) state;

    four();

    list(0, 2);
    expect_ids("4 3");
    assert_int_equal(page.next, 3);

    list(3, 2);
    expect_ids("2 1");

    list(1, 2);
    expect_ids("");
    assert_int_equal(page.next, 0);

    filter.user = scene_text("jane");
    list(0, 1);
    expect_ids("2");
    assert_int_equal(page.next, 2);
    list(2, 1);
    expect_ids("1");
    list(1, 1);
    expect_ids("");
    assert_int_equal(page.next, 0);
}


/* What a list is filtered by changes. */

static void
test_changes(void **state)
{
    (void) state;

    four();

    filter.state = LEDGER_REVOKED;
    apply(scene_order(LEDGER_RELEASE, 2, T0 + 1));
    list(0, 10);
    expect_ids("2");

    filter.state = LEDGER_LIVE;
    apply(scene_order(LEDGER_REINSTATE, 1, T0 + 2));
    list(0, 10);
    expect_ids("4 3 1");

    memset(&filter, 0, sizeof(ledger_filter_t));
    filter.tenant = scene_text("globex");
    list(0, 10);
    expect_ids("");

    apply(scene_binding(4, "jill", "globex", T0 + 3));
    list(0, 10);
    expect_ids("4");

    filter.tenant = scene_text("");
    filter.user = scene_text("jill");
    list(0, 10);
    expect_ids("4");

    /* and goes with its connection */
    apply(scene_order(LEDGER_RELEASE, 4, T0 + 4));
    apply(scene_sweep(T0 + 60 * DAY, 30 * DAY, 1000));
    list(0, 10);
    expect_ids("");

    memset(&filter, 0, sizeof(ledger_filter_t));
    list(0, 10);
    expect_ids("");
}


/* One call reads so many rows, whatever it is asked for. */

static void
test_bound(void **state)
{
    char             token[16];
    unsigned         i, n;
    ledger_record_t  record;

    (void) state;

    for (i = 1; i <= LEDGER_LOOKS_MAX + 1; i++) {
        sprintf(token, "a%u", i);
        record = scene_connect("alpha", i == 1 ? "jane" : "", token, NULL, T0);
        apply(record);
    }

    /* two filters, and the index of one is of no help */
    filter.owner = scene_text("alpha");
    filter.state = LEDGER_BROKEN;

    list(0, 10);
    assert_int_equal(page.n, 0);
    assert_int_equal(page.next, 2);
    list(2, 10);
    assert_int_equal(page.n, 0);
    assert_int_equal(page.next, 0);

    memset(&filter, 0, sizeof(ledger_filter_t));
    list(0, LEDGER_LOOKS_MAX);
    assert_int_equal(page.n, LEDGER_LOOKS_MAX);
    assert_int_equal(page.next, 2);
    list(2, LEDGER_LOOKS_MAX);
    expect_ids("1");

    filter.user = scene_text("jane");
    list(0, 10);
    expect_ids("1");

    memset(&filter, 0, sizeof(ledger_filter_t));
    n = 0;

    for (page.next = 0, i = 0; i == 0 || page.next; i++) {
        list(page.next, 77);
        n += (unsigned) page.n;
    }

    assert_int_equal(n, LEDGER_LOOKS_MAX + 1);
}


/* Values that are long, or hold any byte. */

static void
test_values(void **state)
{
    char             text[LEDGER_IDENTITY_MAX];
    ledger_record_t  record;

    (void) state;

    memset(text, 'x', sizeof(text));

    record = connect("alpha", "jane", "a1");
    record.u.exchange.user = (ledger_slice_t) { (unsigned char *) text,
                                                sizeof(text) };
    apply(record);

    record = connect("alpha", "jane", "a2");
    record.u.exchange.user = (ledger_slice_t) { (unsigned char *) text,
                                                sizeof(text) - 1 };
    apply(record);

    record = connect("alpha", "jane", "a3");
    record.u.exchange.user = (ledger_slice_t) {
        (const unsigned char *) "\0\xff\n", 3 };
    apply(record);

    filter.user = (ledger_slice_t) { (unsigned char *) text, sizeof(text) };
    list(0, 10);
    expect_ids("1");

    filter.user.len--;
    list(0, 10);
    expect_ids("2");

    filter.user = (ledger_slice_t) { (const unsigned char *) "\0\xff\n", 3 };
    list(0, 10);
    expect_ids("3");

    filter.user.len = 2;
    list(0, 10);
    expect_ids("");
}


static void
writer(unsigned which)
{
    char      owner[16], user[16], token[16];
    unsigned  i;

    scene_open(s);

    for (i = 0; i < WRITES; i++) {
        sprintf(owner, "o%u", i % 7);
        sprintf(user, "w%u.%u", which, i % 50);
        sprintf(token, "t%u.%u", which, i);
        apply(scene_connect(owner, user, token, NULL, T0 + i));

        if (i % 5 == 0) {
            apply(scene_order(LEDGER_RELEASE, 1 + (i * 7 + which)
                                                  % BEFORE, T0 + i));
        }
    }

    scene_close(s);
}


/* Everything once, and what was there before the first page is in it. */

static void
read_all(unsigned *seen, size_t n)
{
    size_t  i, all;

    memset(seen, 0, n * sizeof(unsigned));
    all = 0;

    for (page.next = 0, i = 0; i == 0 || page.next; i++) {
        size_t  k;

        list(page.next, 7);

        for (k = 0; k < page.n; k++) {
            assert_true(page.rows[k].number < n);
            seen[page.rows[k].number]++;
        }

        all += page.n;
    }

    for (i = 0; i < n; i++) {
        assert_true(seen[i] <= 1);
        assert_true(seen[i] == 1 || i == 0 || i > BEFORE);
    }

    assert_true(all >= BEFORE);
}


static void
test_two_writers_and_a_reader(void **state)
{
    int              status;
    char             user[16], token[16];
    unsigned         i, left, rounds;
    pid_t            pid[2];
    static unsigned  seen[8192];

    (void) state;

    for (i = 1; i <= BEFORE; i++) {
        sprintf(user, "u%u", i);
        sprintf(token, "b%u", i);
        apply(scene_connect("alpha", user, token, NULL, T0));
    }

    scene_close(s);
    s->options.sync = 0;

    for (i = 0; i < 2; i++) {
        pid[i] = fork();
        assert_int_not_equal(pid[i], -1);

        if (pid[i] == 0) {
            writer(i);
            _exit(0);
        }
    }

    scene_open(s);

    rounds = 0;

    for (left = 2; left; rounds++) {
        memset(&filter, 0, sizeof(ledger_filter_t));
        read_all(seen, 8192);

        filter.provider = scene_text("p");
        read_all(seen, 8192);

        for (i = 0; i < 2; i++) {
            if (pid[i] && waitpid(pid[i], &status, WNOHANG) == pid[i]) {
                assert_int_equal(status, 0);
                pid[i] = 0;
                left--;
            }
        }
    }

    assert_true(rounds > 1);

    read_all(seen, 8192);
    assert_int_equal(ledger_due(s->ledger, T0, DAY), LEDGER_NOT_FOUND);
}


static void
test_slots(void **state)
{
    unsigned             i, j, k, held;
    ledger_record_t      record;
    ledger_connection_t  c;

    (void) state;

    four();

    record = connect("alpha", "john", "a5");
    record.u.exchange.limits[0].n = 3;
    apply(record);
    record = connect("beta", "john", "a6");
    record.u.exchange.limits[0].n = 3;
    apply(record);

    list_slots();
    assert_int_equal(slots.n, 3);
    assert_false(slots.more);

    held = 0;

    for (i = 0; i < 3; i++) {
        assert_int_equal(ledger_slots_connection(&slots.elts[i], &c),
                         LEDGER_OK);
        assert_int_equal(slots.elts[i].limit, 0);
        held += slots.elts[i].held;

        if (c.provider.data[0] == 'q') {
            assert_int_equal(slots.elts[i].oldest, 3);

        } else if (slots.elts[i].held == 2) {
            assert_int_equal(slots.elts[i].header.n, 3);
            assert_int_equal(slots.elts[i].oldest, c.id);
        }
    }

    assert_int_equal(held, 4);

    /* one by one, each once */

    query.max = 1;
    memset(&query.after, 0, sizeof(ledger_slot_id_t));

    for (j = 0, k = 0; j < 10; j++) {
        list_slots();
        k += (unsigned) slots.n;

        if (!slots.more) {
            break;
        }

        query.after = slots.next;
    }

    assert_int_equal(k, 3);

    /* past their end, unswept: nobody is held, but the slot is there */

    query.max = 100;
    query.now = T0 + 10000 * DAY;
    memset(&query.after, 0, sizeof(ledger_slot_id_t));
    list_slots();

    for (i = 0; i < slots.n; i++) {
        assert_true(slots.elts[i].held == 0 || slots.elts[i].oldest);
    }
}


static void
test_slots_fought_over(void **state)
{
    const ledger_contest_t  *fight;

    (void) state;

    apply(connect("alpha", "jane", "a1"));
    apply(connect("alpha", "john", "a2"));
    apply(connect("alpha", "jane", "a3"));

    query.fought = 1;
    query.after_at = UINT64_MAX;
    list_slots();
    assert_int_equal(slots.n, 0);

    apply(connect("beta", "jane", "a4"));
    list_slots();
    assert_int_equal(slots.n, 1);
    assert_int_equal(slots.elts[0].header.ncontests, 1);
    assert_int_equal(slots.elts[0].oldest, 4);

    apply(scene_connect("alpha", "jane", "a5", NULL, T0 + 5));
    list_slots();
    assert_int_equal(slots.n, 1);
    assert_int_equal(slots.elts[0].header.ncontests, 2);

    fight = slots.elts[0].header.contests;
    assert_int_equal(fight[0].winner_id, 4);
    assert_int_equal(fight[0].loser_id, 3);
    assert_int_equal(fight[1].winner_id, 5);
    assert_int_equal(fight[1].loser_id, 4);
    assert_int_equal(fight[1].at, T0 + 5);

    /* an empty slot is not told of, and is forgotten with its retention */

    apply(scene_order(LEDGER_RELEASE, 5, T0 + 6));
    list_slots();
    assert_int_equal(slots.n, 0);
    apply(scene_sweep(T0 + 60 * DAY, 30 * DAY, 1000));
    scene_check(s);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup_teardown(test_empty, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_filters, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_pages, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_changes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bound, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_values, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_two_writers_and_a_reader,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_slots, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_slots_fought_over, set_up,
                                        tear_down)
    };

    setvbuf(stdout, NULL, _IOLBF, 0);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
