
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * Counts of connections, of full and of contested slots, and the size of the
 * store.  That the counts agree with the tables is checked by scene_check()
 * after each story here, and in all other tests.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ledger_store.h"
#include "story.h"


#define T0      SCENE_NOW
#define WINDOW  600000


/* A connect of "owner" as "user" with the tokens "aN" and "rN". */

static uint64_t
connect_as(unsigned n, const char *owner, const char *user, ledger_ms_t at)
{
    char             access[16], refresh[16];
    ledger_record_t  record;

    snprintf(access, sizeof(access), "a%u", n);
    snprintf(refresh, sizeof(refresh), "r%u", n);

    record = scene_connect(owner, user, access, refresh, at);
    scene_apply(s, &record);

    return scene_owner(s, access);
}


static void
assert_counts(const char *provider, const char *expected)
{
    char            found[128];
    ledger_count_t  count;

    assert_int_equal(ledger_count(s->ledger, scene_text(provider), &count),
                     LEDGER_OK);

    snprintf(found, sizeof(found),
             "%u live, %u superseded, %u revoked, %u broken, %u expired, "
             "%u full",
             (unsigned) count.connections[LEDGER_LIVE],
             (unsigned) count.connections[LEDGER_SUPERSEDED],
             (unsigned) count.connections[LEDGER_REVOKED],
             (unsigned) count.connections[LEDGER_BROKEN],
             (unsigned) count.connections[LEDGER_EXPIRED],
             (unsigned) count.full);

    assert_string_equal(found, expected);
}


static uint64_t
contested(const char *provider, ledger_ms_t now, unsigned contests,
    uint64_t window)
{
    ledger_contested_t  p;

    memset(&p, 0xff, sizeof(p));
    p.provider = scene_text(provider);
    p.contests = contests;
    p.window = window;

    assert_int_equal(ledger_contested_slots(s->ledger, now, &p, 1),
                     LEDGER_OK);

    return p.slots;
}


static void
test_nothing(void **state)
{
    (void) state;

    assert_counts("p", "0 live, 0 superseded, 0 revoked, 0 broken, "
                       "0 expired, 0 full");
    assert_int_equal(contested("p", T0, 1, WINDOW), 0);
    assert_int_equal(ledger_contested_slots(s->ledger, T0, NULL, 0),
                     LEDGER_OK);
}


static void
test_states(void **state)
{
    uint64_t         id;
    ledger_record_t  r;

    (void) state;

    (void) connect_as(1, "o", "jane", T0);
    assert_counts("p", "1 live, 0 superseded, 0 revoked, 0 broken, "
                       "0 expired, 1 full");

    (void) connect_as(2, "o", "jane", T0 + 10);
    assert_counts("p", "1 live, 1 superseded, 0 revoked, 0 broken, "
                       "0 expired, 1 full");

    /* a refresh opens nothing */

    r = scene_refresh("r2", "a3", "r3", T0 + 20);
    scene_apply(s, &r);
    assert_counts("p", "1 live, 1 superseded, 0 revoked, 0 broken, "
                       "0 expired, 1 full");

    (void) connect_as(4, "o", "john", T0 + 30);
    r = scene_revocation("r4", 1, T0 + 40);
    scene_apply(s, &r);
    assert_counts("p", "1 live, 1 superseded, 1 revoked, 0 broken, "
                       "0 expired, 1 full");

    r = scene_refusal("r3", T0 + 50);
    scene_apply(s, &r);
    assert_counts("p", "0 live, 1 superseded, 1 revoked, 1 broken, "
                       "0 expired, 0 full");

    /* the provider accepts its refresh again */

    r = scene_refresh("r3", "a5", "r5", T0 + 60);
    scene_apply(s, &r);
    assert_counts("p", "1 live, 1 superseded, 1 revoked, 0 broken, "
                       "0 expired, 1 full");

    /* a slot over its limit is one full slot */

    id = scene_owner(s, "a1");
    r = scene_order(LEDGER_REINSTATE, id, T0 + 70);
    scene_apply(s, &r);
    assert_counts("p", "2 live, 0 superseded, 1 revoked, 0 broken, "
                       "0 expired, 1 full");

    r = scene_order(LEDGER_RELEASE, id, T0 + 80);
    scene_apply(s, &r);
    assert_counts("p", "1 live, 0 superseded, 2 revoked, 0 broken, "
                       "0 expired, 1 full");

    assert_counts("q", "0 live, 0 superseded, 0 revoked, 0 broken, "
                       "0 expired, 0 full");
}


static void
test_providers_apart(void **state)
{
    ledger_record_t  r;

    (void) state;

    (void) connect_as(1, "o", "jane", T0);

    r = scene_connect("o", "jane", "b1", "br1", T0 + 10);
    r.u.exchange.provider = scene_text("pp");
    scene_apply(s, &r);

    assert_counts("p", "1 live, 0 superseded, 0 revoked, 0 broken, "
                       "0 expired, 1 full");
    assert_counts("pp", "1 live, 0 superseded, 0 revoked, 0 broken, "
                        "0 expired, 1 full");
}


static void
test_full_at_n(void **state)
{
    unsigned         i;
    char             access[16], refresh[16];
    ledger_record_t  r;

    (void) state;

    for (i = 1; i <= 4; i++) {
        snprintf(access, sizeof(access), "a%u", i);
        snprintf(refresh, sizeof(refresh), "r%u", i);

        r = scene_connect("o", "jane", access, refresh, T0 + i);
        r.u.exchange.limits[0].n = i == 4 ? 4 : 3;
        scene_apply(s, &r);

        assert_counts("p",
            i == 1 ? "1 live, 0 superseded, 0 revoked, 0 broken, 0 expired, "
                     "0 full"
            : i == 2 ? "2 live, 0 superseded, 0 revoked, 0 broken, "
                       "0 expired, 0 full"
            : i == 3 ? "3 live, 0 superseded, 0 revoked, 0 broken, "
                       "0 expired, 1 full"
            : "4 live, 0 superseded, 0 revoked, 0 broken, 0 expired, "
              "1 full");
    }

    /* the same connections under a larger limit fill nothing */

    r = scene_connect("o", "jane", "a9", "r9", T0 + 9);
    r.u.exchange.limits[0].n = 9;
    scene_apply(s, &r);
    assert_counts("p", "5 live, 0 superseded, 0 revoked, 0 broken, "
                       "0 expired, 0 full");
}


static void
test_sweep(void **state)
{
    ledger_record_t  r;

    (void) state;

    r = scene_connect("o", "jane", "a1", "r1", T0);
    r.u.exchange.idle = SCENE_HOUR;
    scene_apply(s, &r);

    r = scene_sweep(T0 + 2 * SCENE_HOUR, SCENE_DAY, 100);
    scene_apply(s, &r);
    assert_counts("p", "0 live, 0 superseded, 0 revoked, 0 broken, "
                       "1 expired, 0 full");

    r = scene_sweep(T0 + 3 * SCENE_DAY, SCENE_DAY, 100);
    scene_apply(s, &r);
    assert_counts("p", "0 live, 0 superseded, 0 revoked, 0 broken, "
                       "0 expired, 0 full");
}


static void
test_batch_that_fails(void **state)
{
    ledger_record_t  r[2];

    (void) state;

    /* the second breaks its bounds, and the first still counts */

    r[0] = scene_connect("o", "jane", "a1", "r1", T0);
    r[1] = scene_connect("o", "jane", "a2", "r2", T0 + 10);
    r[1].u.exchange.limits[0].n = LEDGER_LIMIT_N_MAX + 1;

    assert_int_equal(ledger_apply(s->ledger, r, 2, &s->effects), LEDGER_OK);

    assert_counts("p", "1 live, 0 superseded, 0 revoked, 0 broken, "
                       "0 expired, 1 full");
}


static void
test_ping_pong(void **state)
{
    (void) state;

    (void) connect_as(1, "alpha", "jane", T0);
    (void) connect_as(2, "beta", "jane", T0 + 1000);
    assert_int_equal(contested("p", T0 + 1000, 2, WINDOW), 0);

    (void) connect_as(3, "alpha", "jane", T0 + 2000);
    assert_int_equal(contested("p", T0 + 2000, 2, WINDOW), 1);
    assert_int_equal(contested("p", T0 + 2000, 3, WINDOW), 0);
    assert_int_equal(contested("q", T0 + 2000, 2, WINDOW), 0);

    /* as long as both of its contests are in the window */

    assert_int_equal(contested("p", T0 + 1000 + WINDOW, 2, WINDOW), 1);
    assert_int_equal(contested("p", T0 + 1001 + WINDOW, 2, WINDOW), 0);
    assert_int_equal(contested("p", T0 + 2001 + WINDOW, 2, WINDOW), 0);

    /* one and the same slot again, and another one */

    (void) connect_as(4, "beta", "jane", T0 + 3000);
    assert_int_equal(contested("p", T0 + 3000, 2, WINDOW), 1);

    (void) connect_as(5, "alpha", "john", T0 + 4000);
    (void) connect_as(6, "beta", "john", T0 + 4000);
    (void) connect_as(7, "alpha", "john", T0 + 4000);
    assert_int_equal(contested("p", T0 + 4000, 2, WINDOW), 2);
}


static void
test_ping_pong_of_two_providers(void **state)
{
    unsigned             i;
    char                 access[16];
    ledger_record_t      r;
    ledger_contested_t   p[3];

    (void) state;

    for (i = 0; i < 6; i++) {
        snprintf(access, sizeof(access), "a%u", i);

        r = scene_connect(i / 2 % 2 ? "alpha" : "beta", "jane", access, NULL,
                          T0 + i * 1000);
        r.u.exchange.provider = scene_text(i % 2 ? "q" : "p");
        scene_apply(s, &r);
    }

    /* each by its own window; one that nobody knows has none */

    memset(p, 0, sizeof(p));

    p[0].provider = scene_text("p");
    p[0].contests = 2;
    p[0].window = 2000;
    p[1].provider = scene_text("none");
    p[1].contests = 1;
    p[1].window = WINDOW;
    p[2].provider = scene_text("q");
    p[2].contests = 2;
    p[2].window = WINDOW;

    assert_int_equal(ledger_contested_slots(s->ledger, T0 + 5000, p, 3),
                     LEDGER_OK);
    assert_int_equal(p[0].slots, 0);
    assert_int_equal(p[1].slots, 0);
    assert_int_equal(p[2].slots, 1);

    p[0].window = 3000;

    assert_int_equal(ledger_contested_slots(s->ledger, T0 + 5000, p, 3),
                     LEDGER_OK);
    assert_int_equal(p[0].slots, 1);
    assert_int_equal(p[2].slots, 1);
}


/* A slot that is swept takes its row with it, which scene_check() sees. */

static void
test_swept_slot(void **state)
{
    ledger_record_t  r;

    (void) state;

    (void) connect_as(1, "alpha", "jane", T0);
    (void) connect_as(2, "beta", "jane", T0 + 1000);
    (void) connect_as(3, "alpha", "jane", T0 + 2000);

    r = scene_revocation("r3", 1, T0 + 3000);
    scene_apply(s, &r);
    assert_int_equal(contested("p", T0 + 3000, 2, 9 * SCENE_DAY), 1);

    r = scene_sweep(T0 + 3 * SCENE_DAY, SCENE_DAY, 100);
    scene_apply(s, &r);
    assert_int_equal(contested("p", T0 + 3 * SCENE_DAY, 2, 9 * SCENE_DAY), 0);
}


static void
test_contested_max(void **state)
{
    unsigned         i, k;
    char             user[16], access[16];
    ledger_record_t  r[3];

    (void) state;

    for (i = 0; i <= LEDGER_CONTESTED_MAX; i++) {

        if (i == LEDGER_CONTESTED_MAX) {
            assert_int_equal(contested("p", T0 + i, 2, WINDOW),
                             LEDGER_CONTESTED_MAX);
        }

        snprintf(user, sizeof(user), "u%u", i);

        for (k = 0; k < 3; k++) {
            snprintf(access, sizeof(access), "%u-%u", i, k);

            r[k] = scene_connect(k == 1 ? "alpha" : "beta", user, access,
                                 NULL, T0 + i);
        }

        s->effects.n = 0;
        assert_int_equal(ledger_apply(s->ledger, r, 3, &s->effects),
                         LEDGER_OK);
    }

    assert_int_equal(contested("p", T0 + i, 2, WINDOW), LEDGER_CONTESTED_MAX);
}


static void
test_size(void **state)
{
    unsigned  i;
    char      user[16];
    uint64_t  used, max, before;

    (void) state;

    assert_int_equal(ledger_size(s->ledger, &before, &max), LEDGER_OK);
    assert_int_equal(max, 1u << 28);
    assert_true(before > 0 && before < 1u << 20);

    for (i = 0; i < 500; i++) {
        snprintf(user, sizeof(user), "u%u", i);
        (void) connect_as(i, "o", user, T0 + i);
    }

    assert_int_equal(ledger_size(s->ledger, &used, &max), LEDGER_OK);
    assert_true(used > before + 500 * 300);
    assert_true(used < max);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        story(test_nothing),
        story(test_states),
        story(test_providers_apart),
        story(test_full_at_n),
        story(test_sweep),
        story(test_batch_that_fails),
        story(test_ping_pong),
        story(test_ping_pong_of_two_providers),
        story(test_swept_slot),
        story(test_contested_max),
        story(test_size)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
