
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * More than one user with live connections to one tenant: told when it comes
 * to that, and only then.
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


/* A connect with the tokens "aN" and "rN"; no user: unknown. */

static uint64_t
connect_as(unsigned n, const char *user, const char *tenant, ledger_ms_t at)
{
    char             access[16], refresh[16];
    ledger_record_t  record;

    snprintf(access, sizeof(access), "a%u", n);
    snprintf(refresh, sizeof(refresh), "r%u", n);

    record = scene_connect("o", user, access, refresh, at);
    record.u.exchange.tenant = scene_text(tenant);
    record.u.exchange.idle = SCENE_DAY;

    scene_apply(s, &record);

    return scene_owner(s, access);
}


static void
assert_told(uint64_t connection, uint64_t other)
{
    const ledger_effect_t  *e;

    assert_int_equal(scene_effects(s, LEDGER_TENANT_SHARED), 1);

    e = scene_effect(s, LEDGER_TENANT_SHARED);
    assert_int_equal(e->connection, connection);
    assert_int_equal(e->other, other);
    assert_int_equal(e->record, 0);
}


static void
assert_not_told(void)
{
    assert_int_equal(scene_effects(s, LEDGER_TENANT_SHARED), 0);
}


static void
test_second_user(void **state)
{
    uint64_t  jane, john;

    (void) state;

    jane = connect_as(1, "jane", "acme", T0);
    assert_not_told();

    john = connect_as(2, "john", "acme", T0 + 10);
    assert_told(john, jane);
}


static void
test_other_tenants_clients_and_providers(void **state)
{
    ledger_record_t  r;

    (void) state;

    (void) connect_as(1, "jane", "acme", T0);
    (void) connect_as(2, "john", "other", T0 + 10);
    assert_not_told();

    r = scene_connect("o", "john", "a3", "r3", T0 + 20);
    r.u.exchange.tenant = scene_text("acme");
    r.u.exchange.client = scene_text("another");
    scene_apply(s, &r);
    assert_not_told();

    r = scene_connect("o", "john", "a4", "r4", T0 + 30);
    r.u.exchange.tenant = scene_text("acme");
    r.u.exchange.provider = scene_text("q");
    scene_apply(s, &r);
    assert_not_told();
}


static void
test_unknown_is_nobody(void **state)
{
    ledger_record_t  r;

    (void) state;

    (void) connect_as(1, "jane", "acme", T0);
    (void) connect_as(2, "", "acme", T0 + 10);
    assert_not_told();

    (void) connect_as(3, "john", "", T0 + 20);
    assert_not_told();

    r = scene_connect("o", "john", "a4", "r4", T0 + 30);
    r.u.exchange.tenant = scene_text("acme");
    r.u.exchange.client = scene_text("");
    scene_apply(s, &r);
    assert_not_told();
}


/* Scenario 2: the second user ends the first one's connection. */

static void
connect_per_tenant(unsigned n, const char *user, ledger_ms_t at)
{
    char             access[16], refresh[16];
    ledger_record_t  r;

    snprintf(access, sizeof(access), "a%u", n);
    snprintf(refresh, sizeof(refresh), "r%u", n);

    r = scene_connect("o", user, access, refresh, at);
    r.u.exchange.tenant = scene_text("acme");
    scene_limit(&r, 0, 1, LEDGER_KEY_TENANT, LEDGER_KEY_CLIENT);
    scene_apply(s, &r);
}


static void
test_one_per_tenant(void **state)
{
    (void) state;

    connect_per_tenant(1, "jane", T0);
    connect_per_tenant(2, "john", T0 + 10);

    assert_int_equal(scene_effects(s, LEDGER_SUPERSESSION), 1);
    assert_not_told();

    /* an older issue: the newcomer itself is who loses */

    connect_per_tenant(3, "jane", T0 + 4);
    assert_int_equal(scene_effects(s, LEDGER_SUPERSESSION), 1);
    assert_int_equal(scene_judge(s, "a3", T0 + 20),
                     LEDGER_VERDICT_SUPERSEDED);
    assert_not_told();
}


static void
test_once_per_change(void **state)
{
    uint64_t         john, third, eve;
    ledger_record_t  r;

    (void) state;

    (void) connect_as(1, "jane", "acme", T0);
    john = connect_as(2, "john", "acme", T0 + 10);
    assert_int_equal(scene_effects(s, LEDGER_TENANT_SHARED), 1);

    /* a reconnect brings nobody new, and a refresh neither */

    (void) connect_as(3, "john", "acme", T0 + 20);
    assert_int_equal(scene_effects(s, LEDGER_SUPERSESSION), 1);
    assert_not_told();

    r = scene_refresh("r3", "a4", "r4", T0 + 30);
    r.u.exchange.user = scene_text("john");
    r.u.exchange.tenant = scene_text("acme");
    scene_apply(s, &r);
    assert_not_told();

    (void) connect_as(5, "jane", "acme", T0 + 40);
    assert_not_told();

    eve = connect_as(6, "eve", "acme", T0 + 50);
    third = scene_effect(s, LEDGER_TENANT_SHARED)->other;
    assert_told(eve, third);
    assert_true(third == scene_owner(s, "a5")
                || third == scene_owner(s, "a4"));

    /* who has gone and comes again is news */

    r = scene_revocation("r4", 1, T0 + 60);
    scene_apply(s, &r);

    john = connect_as(7, "john", "acme", T0 + 70);
    assert_int_equal(scene_effects(s, LEDGER_TENANT_SHARED), 1);
    assert_int_equal(scene_effect(s, LEDGER_TENANT_SHARED)->connection, john);
}


static void
test_what_has_ended_does_not_count(void **state)
{
    uint64_t         jane;
    ledger_record_t  r;

    (void) state;

    jane = connect_as(1, "jane", "acme", T0);

    r = scene_order(LEDGER_RELEASE, jane, T0 + 5);
    scene_apply(s, &r);

    (void) connect_as(2, "john", "acme", T0 + 10);
    assert_not_told();

    /* what comes back does */

    r = scene_order(LEDGER_REINSTATE, jane, T0 + 20);
    scene_apply(s, &r);
    assert_told(jane, scene_owner(s, "a2"));
}


static void
test_past_its_end_does_not_count(void **state)
{
    (void) state;

    (void) connect_as(1, "jane", "acme", T0);
    (void) connect_as(2, "john", "acme", T0 + SCENE_DAY);
    assert_not_told();

    /* and its user comes anew, although no sweep has met the old one */

    (void) connect_as(3, "jane", "acme", T0 + SCENE_DAY + 10);
    assert_told(scene_owner(s, "a3"), scene_owner(s, "a2"));
}


static void
test_broken_and_repaired(void **state)
{
    ledger_record_t  r;

    (void) state;

    (void) connect_as(1, "jane", "acme", T0);

    r = scene_refusal("r1", T0 + 5);
    scene_apply(s, &r);
    assert_int_equal(scene_effects(s, LEDGER_BREAKAGE), 1);

    (void) connect_as(2, "john", "acme", T0 + 10);
    assert_not_told();

    r = scene_refresh("r1", "a3", "r3", T0 + 20);
    scene_apply(s, &r);
    assert_int_equal(scene_effects(s, LEDGER_REPAIRED), 1);
    assert_told(scene_owner(s, "a1"), scene_owner(s, "a2"));
}


static void
test_late_binding(void **state)
{
    uint64_t         john;
    ledger_record_t  r;

    (void) state;

    (void) connect_as(1, "jane", "acme", T0);
    john = connect_as(2, "john", "", T0 + 10);
    assert_not_told();

    r = scene_binding(john, "", "acme", T0 + 20);
    scene_apply(s, &r);
    assert_told(john, scene_owner(s, "a1"));

    r = scene_binding(john, "", "acme", T0 + 30);
    scene_apply(s, &r);
    assert_not_told();
}


/* R8: the binding that completes a slot ends the older one. */

static void
test_late_binding_supersedes(void **state)
{
    ledger_record_t  r;

    (void) state;

    connect_per_tenant(1, "jane", T0);
    connect_per_tenant(2, "", T0 + 10);
    assert_int_equal(scene_effects(s, LEDGER_SUPERSESSION), 1);

    r = scene_binding(scene_owner(s, "a2"), "john", "", T0 + 20);
    scene_apply(s, &r);
    assert_int_equal(scene_effects(s, LEDGER_BOUND), 1);
    assert_not_told();
}


static void
test_exempt_do_not_count(void **state)
{
    ledger_record_t  r;

    (void) state;

    (void) connect_as(1, "jane", "acme", T0);

    r = scene_connect("o", "robot", "a2", NULL, T0 + 10);
    r.u.exchange.tenant = scene_text("acme");
    r.u.exchange.exempt = 1;
    scene_apply(s, &r);
    assert_not_told();

    (void) connect_as(3, "jane", "acme", T0 + 20);
    assert_not_told();
}


static uint64_t
hash_of(const char *user)
{
    uint64_t  hash;

    assert_int_equal(ledger_place_owner(scene_text(user), &hash), LEDGER_OK);

    return hash;
}


/*
 * Of those past their end a bounded number is looked at, in the order of
 * their hashes: "gone" of them stand before "jane", who lives.
 */

static void
look_behind(unsigned gone)
{
    char      user[16];
    unsigned  i, n;

    n = 0;

    for (i = 0; n < gone; i++) {
        snprintf(user, sizeof(user), "gone%u", i);

        if (hash_of(user) < hash_of("jane")) {
            (void) connect_as(100 + n++, user, "acme", T0);
        }
    }

    (void) connect_as(1, "jane", "acme", T0 + SCENE_DAY);
    assert_not_told();

    (void) connect_as(2, "john", "acme", T0 + SCENE_DAY + 10);
}


static void
test_bound(void **state)
{
    (void) state;

    look_behind(LEDGER_TENANT_LOOKS - 1);
    assert_told(scene_owner(s, "a2"), scene_owner(s, "a1"));
}


static void
test_bound_passed(void **state)
{
    ledger_record_t  r;

    (void) state;

    look_behind(LEDGER_TENANT_LOOKS);
    assert_not_told();

    /* a sweep takes them out of the way */

    r = scene_sweep(T0 + SCENE_DAY + 20, SCENE_DAY, 1000);
    scene_apply(s, &r);
    assert_int_equal(scene_effects(s, LEDGER_EXPIRY), LEDGER_TENANT_LOOKS);

    (void) connect_as(3, "eve", "acme", T0 + SCENE_DAY + 30);
    assert_int_equal(scene_effects(s, LEDGER_TENANT_SHARED), 1);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        story(test_second_user),
        story(test_other_tenants_clients_and_providers),
        story(test_unknown_is_nobody),
        story(test_one_per_tenant),
        story(test_once_per_change),
        story(test_what_has_ended_does_not_count),
        story(test_past_its_end_does_not_count),
        story(test_broken_and_repaired),
        story(test_late_binding),
        story(test_late_binding_supersedes),
        story(test_exempt_do_not_count),
        story(test_bound),
        story(test_bound_passed)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
