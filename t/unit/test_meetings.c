
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * What two connects must share so that one could supersede the other: names
 * that are told without a store.  Whoever really ends another connection has
 * a name in common with it.
 *
 *   test_meetings [SEED [RUNS]]
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "scene.h"


#define T0        SCENE_NOW
#define PEOPLE    64

#define USER      LEDGER_KEY_USER
#define TENANT    LEDGER_KEY_TENANT
#define CLIENT    LEDGER_KEY_CLIENT


typedef struct {
    ledger_token_id_t  ids[LEDGER_MEETINGS_MAX];
    uint32_t           n;
} meetings_t;


static uint64_t  seed = 20240229;
static unsigned  runs = 400;
static uint64_t  randomness;


static ledger_rc_t
salted(const ledger_record_t *record, const char *salt, meetings_t *m)
{
    memset(m, 0x5a, sizeof(meetings_t));

    return ledger_expect_meetings(&record->u.exchange, scene_text(salt),
                                  m->ids, &m->n);
}


static meetings_t
meetings(const ledger_record_t *record)
{
    meetings_t  m;

    assert_int_equal(salted(record, "salt", &m), LEDGER_OK);
    assert_true(m.n <= LEDGER_MEETINGS_MAX);

    return m;
}


static unsigned
common(const ledger_record_t *a, const ledger_record_t *b)
{
    uint32_t    i, j;
    unsigned    n;
    meetings_t  one, two;

    one = meetings(a);
    two = meetings(b);
    n = 0;

    for (i = 0; i < one.n; i++) {
        for (j = 0; j < two.n; j++) {
            n += memcmp(&one.ids[i], &two.ids[j], sizeof(one.ids[i])) == 0;
        }
    }

    return n;
}


static ledger_record_t
someone(const char *user, const char *tenant)
{
    ledger_record_t  r;

    r = scene_connect("o", user, "a", NULL, T0);
    r.u.exchange.tenant = scene_text(tenant);
    scene_limit(&r, 1, 2, TENANT, CLIENT);

    return r;
}


static void
test_slots(void **state)
{
    ledger_record_t  a, b;

    (void) state;

    a = someone("jane", "acme");
    assert_int_equal(meetings(&a).n, 2);

    b = someone("jane", "acme");
    assert_int_equal(common(&a, &b), 2);

    b = someone("john", "acme");
    assert_int_equal(common(&a, &b), 1);

    b = someone("john", "other");
    assert_int_equal(common(&a, &b), 0);

    b = someone("jane", "acme");
    b.u.exchange.provider = scene_text("q");
    assert_int_equal(common(&a, &b), 0);

    /* whose it is, how many, and when mean nothing */

    b = scene_connect("another", "jane", "b", "c", T0 + SCENE_DAY);
    b.u.exchange.limits[0].n = 7;
    assert_int_equal(common(&a, &b), 1);
}


static void
test_unknown(void **state)
{
    ledger_record_t  r;

    (void) state;

    r = someone("", "acme");
    assert_int_equal(meetings(&r).n, 1);

    r = someone("", "");
    assert_int_equal(meetings(&r).n, 0);

    r.u.exchange.nlimits = 0;
    assert_int_equal(meetings(&r).n, 0);
}


static void
test_login(void **state)
{
    ledger_record_t  a, b;

    (void) state;

    a = someone("", "");
    a.u.exchange.login = scene_text("j@acme");
    assert_int_equal(meetings(&a).n, 1);

    /* one of them may know already who that is */

    b = someone("jane", "acme");
    b.u.exchange.login = scene_text("j@acme");
    assert_int_equal(meetings(&b).n, 3);
    assert_int_equal(common(&a, &b), 1);

    b.u.exchange.login = scene_text("J@acme");
    assert_int_equal(common(&a, &b), 0);

    b.u.exchange.login = scene_text("j@acme");
    b.u.exchange.provider = scene_text("q");
    assert_int_equal(common(&a, &b), 0);
}


static void
test_each_once(void **state)
{
    ledger_record_t  r;

    (void) state;

    r = someone("jane", "acme");
    scene_limit(&r, 2, 5, CLIENT, USER);
    scene_limit(&r, 3, 6, CLIENT, TENANT);

    assert_int_equal(meetings(&r).n, 2);
}


static void
test_who_meets_nobody(void **state)
{
    ledger_record_t  r;

    (void) state;

    r = someone("jane", "acme");
    r.u.exchange.exempt = 1;
    assert_int_equal(meetings(&r).n, 0);

    r = someone("jane", "acme");
    r.u.exchange.refresh = 1;
    assert_int_equal(meetings(&r).n, 0);
}


static void
test_salt(void **state)
{
    meetings_t       one, two;
    ledger_record_t  r;

    (void) state;

    r = someone("jane", "acme");

    assert_int_equal(salted(&r, "one", &one), LEDGER_OK);
    assert_int_equal(salted(&r, "two", &two), LEDGER_OK);

    assert_int_equal(one.n, 2);
    assert_memory_not_equal(&one.ids[0], &two.ids[0], sizeof(one.ids[0]));
    assert_memory_not_equal(&one.ids[1], &two.ids[1], sizeof(one.ids[1]));
}


static void
test_bounds(void **state)
{
    char                    text[LEDGER_SCOPE_MAX + 2];
    unsigned                i;
    meetings_t              m;
    ledger_record_t         r;
    ledger_limit_t         *l;
    static const char       variables[LEDGER_LIMITS_MAX][2] = {
                                "a", "b", "c", "d", "e", "f", "g", "h" };

    (void) state;

    memset(text, 'x', sizeof(text));
    text[LEDGER_SCOPE_MAX + 1] = '\0';

    /* as many as there can be: all limits, and a login */

    r = scene_connect("o", "jane", "a", NULL, T0);
    r.u.exchange.login = scene_text("j@acme");
    r.u.exchange.nlimits = LEDGER_LIMITS_MAX;

    for (i = 0; i < LEDGER_LIMITS_MAX; i++) {
        l = &r.u.exchange.limits[i];
        memset(l, 0, sizeof(ledger_limit_t));
        l->n = 1;
        l->nkeys = 1;
        l->keys[0].kind = LEDGER_KEY_VARIABLE;
        l->keys[0].name = scene_text(variables[i]);
        l->keys[0].value = scene_text("v");
    }

    assert_int_equal(meetings(&r).n, LEDGER_MEETINGS_MAX);

    r.u.exchange.nlimits = LEDGER_LIMITS_MAX + 1;
    assert_int_equal(salted(&r, "salt", &m), LEDGER_LIMIT);

    r = someone("jane", "acme");
    r.u.exchange.login.data = (const unsigned char *) text;
    r.u.exchange.login.len = LEDGER_IDENTITY_MAX;
    assert_int_equal(meetings(&r).n, 3);

    r.u.exchange.login.len = LEDGER_IDENTITY_MAX + 1;
    assert_int_equal(salted(&r, "salt", &m), LEDGER_LIMIT);

    r = someone("jane", "acme");
    r.u.exchange.user.data = (const unsigned char *) text;
    r.u.exchange.user.len = LEDGER_IDENTITY_MAX;
    assert_int_equal(meetings(&r).n, 2);

    r.u.exchange.user.len = LEDGER_IDENTITY_MAX + 1;
    assert_int_equal(salted(&r, "salt", &m), LEDGER_LIMIT);

    r = someone("jane", "acme");
    r.u.exchange.scope.data = (const unsigned char *) text;
    r.u.exchange.scope.len = LEDGER_SCOPE_MAX;
    assert_int_equal(meetings(&r).n, 2);

    r.u.exchange.scope.len = LEDGER_SCOPE_MAX + 1;
    assert_int_equal(salted(&r, "salt", &m), LEDGER_LIMIT);

    r = someone("jane", "acme");
    r.u.exchange.provider.len = 0;
    assert_int_equal(salted(&r, "salt", &m), LEDGER_MALFORMED);
}


static unsigned
dice(unsigned sides)
{
    /* xorshift64* */

    randomness ^= randomness >> 12;
    randomness ^= randomness << 25;
    randomness ^= randomness >> 27;

    return (unsigned) ((randomness * 2685821657736338717ull >> 33) % sides);
}


static ledger_slice_t
word(const char *const *words, unsigned n)
{
    return scene_text(dice(5) ? words[dice(n)] : "");
}


static ledger_record_t
anyone(unsigned policy, unsigned i)
{
    char             token[16];
    ledger_record_t  r;

    static const char *const  users[] = { "u1", "u2", "u3" };
    static const char *const  tenants[] = { "t1", "t2" };
    static const char *const  clients[] = { "c1", "c2" };
    static const char *const  scopes[] = { "a b", "b,a a", "c" };

    snprintf(token, sizeof(token), "a%u", i);

    r = scene_connect("o", "", token, NULL, T0 + i);
    r.u.exchange.client = word(clients, 2);
    r.u.exchange.user = word(users, 3);
    r.u.exchange.tenant = word(tenants, 2);
    r.u.exchange.scope = word(scopes, 3);
    r.u.exchange.limits[0].n = 1 + policy % 2;

    if (policy > 1) {
        scene_limit(&r, 1, 1 + dice(2), TENANT, CLIENT);
    }

    if (policy > 3) {
        scene_limit(&r, 2, 2, LEDGER_KEY_SCOPE, CLIENT);
    }

    return r;
}


static void
test_who_ends_another_meets_it(void **state)
{
    size_t                  j;
    scene_t                *s;
    unsigned                run, i;
    uint64_t                ids[PEOPLE], met, ended, strangers;
    const ledger_effect_t  *e;
    static ledger_record_t  records[PEOPLE];

    (void) state;

    met = 0;
    ended = 0;
    strangers = 0;

    for (run = 0; run < runs; run++) {
        randomness = (seed + run) * 0x9e3779b97f4a7c15ull | 1;
        s = scene_create(1u << 24);

        for (i = 0; i < PEOPLE; i++) {
            records[i] = anyone(run % 6, i);
            scene_apply(s, &records[i]);

            e = scene_effect(s, LEDGER_CONNECTED);
            assert_non_null(e);
            ids[i] = e->connection;

            if (i) {
                met += common(&records[i], &records[i - 1]) != 0;
                strangers += common(&records[i], &records[i - 1]) == 0;
            }

            for (j = 0; j < s->effects.n; j++) {
                unsigned  loser;

                e = &s->effects.elts[j];

                if (e->kind != LEDGER_SUPERSESSION) {
                    continue;
                }

                for (loser = 0; ids[loser] != e->connection; loser++) {
                    assert_true(loser < i);
                }

                assert_true(common(&records[i], &records[loser]) > 0);
                ended++;
            }
        }

        scene_destroy(s);
    }

    printf("# ended %llu; of neighbours %llu met, %llu did not\n",
           (unsigned long long) ended, (unsigned long long) met,
           (unsigned long long) strangers);

    assert_true(ended > 0);
    assert_true(met > 0);
    assert_true(strangers > 0);
}


int
main(int argc, char **argv)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_slots),
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_login),
        cmocka_unit_test(test_each_once),
        cmocka_unit_test(test_who_meets_nobody),
        cmocka_unit_test(test_salt),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_who_ends_another_meets_it)
    };

    if (argc > 1) {
        seed = strtoull(argv[1], NULL, 10);
    }

    if (argc > 2) {
        runs = (unsigned) strtoul(argv[2], NULL, 10);
    }

    return cmocka_run_group_tests(tests, NULL, NULL);
}
