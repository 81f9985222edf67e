
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * Whom a connect would supersede: told before it is sent, and held against
 * what ledger_apply() then does, in stories and in random histories.
 *
 *   test_expect [SEED [RUNS [RECORDS]]]
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


#define T0         SCENE_NOW
#define IDS_MAX    8192
#define RECENT     16

#define USER       LEDGER_KEY_USER
#define TENANT     LEDGER_KEY_TENANT
#define CLIENT     LEDGER_KEY_CLIENT
#define SCOPE      LEDGER_KEY_SCOPE
#define VARIABLE   LEDGER_KEY_VARIABLE


static ledger_expectation_t   expected;

static uint64_t  seed = 20240229;
static unsigned  runs = 36;
static unsigned  length = 600;

static uint64_t  randomness;
static unsigned  ntokens;
static char      names[RECENT][16];
static uint8_t   states[IDS_MAX];
static uint64_t  nobody, one, several, beyond, mine, others, itself, later;


/* The states of all connections up to "last", before something happens. */

static void
remember(uint64_t last)
{
    uint64_t              id;
    ledger_connection_t   c;
    static unsigned char  buf[LEDGER_CONNECTION_MAX];

    assert_true(last < IDS_MAX);

    for (id = 0; id <= last; id++) {
        states[id] = 0;

        if (ledger_find(s->ledger, id, &c, buf) == LEDGER_OK) {
            states[id] = c.state;
        }
    }
}


static uint64_t
sequence(void)
{
    uint64_t       next;
    ledger_rc_t    rc;
    ledger_view_t  view;

    assert_int_equal(ledger_store_read(s->ledger, &view), LEDGER_OK);
    rc = ledger_store_number(&view, "sequence", &next);
    ledger_store_read_end(&view);

    return rc == LEDGER_OK ? next : 1;
}


static int
same_owner(uint64_t id, ledger_slice_t owner)
{
    ledger_connection_t   c;
    static unsigned char  buf[LEDGER_CONNECTION_MAX];

    assert_int_equal(ledger_find(s->ledger, id, &c, buf), LEDGER_OK);

    return owner.len && c.owner.len == owner.len
           && memcmp(c.owner.data, owner.data, owner.len) == 0;
}


/* Whether the limit of the newcomer and that of its victim are one slot. */

static void
assert_same_slot(uint64_t newcomer, unsigned limit, uint64_t victim,
    unsigned of_victim)
{
    ledger_slot_id_t      a, b;
    ledger_connection_t   c;
    static unsigned char  buf[LEDGER_CONNECTION_MAX];

    assert_int_equal(ledger_find(s->ledger, newcomer, &c, buf), LEDGER_OK);
    assert_true(limit < c.nlimits);
    assert_int_equal(ledger_place(&c, limit, &a), LEDGER_OK);

    assert_int_equal(ledger_find(s->ledger, victim, &c, buf), LEDGER_OK);
    assert_true(of_victim < c.nlimits);
    assert_int_equal(ledger_place(&c, of_victim, &b), LEDGER_OK);

    assert_memory_equal(a.bytes, b.bytes, sizeof(a.bytes));
}


/*
 * Whom a connect really ended, in order, against what was expected: each
 * supersession of one that was live, by it.  A broken one that it explains
 * was dead before.
 */

static void
compare(const ledger_record_t *record)
{
    size_t                  i;
    uint32_t                n;
    uint64_t                id, stranger;
    const ledger_effect_t  *e;
    const ledger_victim_t  *victim;

    n = 0;
    stranger = 0;
    e = scene_effect(s, LEDGER_CONNECTED);
    assert_non_null(e);
    id = e->connection;

    for (i = 0; i < s->effects.n; i++) {
        e = &s->effects.elts[i];

        if (e->kind != LEDGER_SUPERSESSION || e->connection == id
            || states[e->connection] != LEDGER_LIVE)
        {
            continue;
        }

        assert_int_equal(e->other, id);

        if (n < expected.nvictims) {
            victim = &expected.victims[n];
            assert_int_equal(victim->connection, e->connection);
            assert_int_equal(victim->same_owner,
                             same_owner(e->connection,
                                        record->u.exchange.owner));
            assert_same_slot(id, victim->limit, e->connection, e->limit);
            assert_true(n == 0
                        || victim->limit >= expected.victims[n - 1].limit);
            later += victim->limit > 0;
        }

        if (stranger == 0
            && !same_owner(e->connection, record->u.exchange.owner))
        {
            stranger = e->connection;
        }

        n++;
    }

    assert_int_equal(expected.total, n);
    assert_int_equal(expected.nvictims,
                     n < LEDGER_LIMITS_MAX ? n : LEDGER_LIMITS_MAX);
    assert_int_equal(expected.takeover.connection, stranger);

    nobody += n == 0;
    one += n == 1;
    several += n > 1;
    beyond += n > LEDGER_LIMITS_MAX;
    mine += n && stranger == 0;
    others += stranger != 0;

    e = scene_effect(s, LEDGER_SUPERSESSION);
    itself += e && e->connection == id;
}


/* Asks, then does it. */

static void
connect(ledger_record_t record)
{
    memset(&expected, 0x5a, sizeof(expected));

    assert_int_equal(ledger_expect(s->ledger, &record.u.exchange,
                                   record.u.exchange.arrived_at, &expected),
                     LEDGER_OK);

    remember(sequence() - 1);
    scene_apply(s, &record);
    compare(&record);
}


static void
assert_victim(unsigned i, const char *token, unsigned limit, unsigned own)
{
    assert_true(i < expected.nvictims);
    assert_int_equal(expected.victims[i].connection, scene_owner(s, token));
    assert_int_equal(expected.victims[i].limit, limit);
    assert_int_equal(expected.victims[i].same_owner, own);
}


static void
test_one_limit(void **state)
{
    (void) state;

    connect(scene_connect("o", "u", "a1", "r1", T0));
    assert_int_equal(expected.total, 0);

    connect(scene_connect("o", "u", "a2", "r2", T0 + 10));
    assert_int_equal(expected.total, 1);
    assert_victim(0, "r1", 0, 1);
    assert_int_equal(expected.takeover.connection, 0);

    connect(scene_connect("q", "u", "a3", "r3", T0 + 20));
    assert_int_equal(expected.total, 1);
    assert_victim(0, "r2", 0, 0);
    assert_int_equal(expected.takeover.connection, scene_owner(s, "r2"));
    assert_int_equal(expected.takeover.limit, 0);

    connect(scene_connect("q", "v", "a4", "r4", T0 + 30));
    assert_int_equal(expected.total, 0);
}


/* An unknown owner is never the same owner, on either side. */

static void
test_unknown_owner(void **state)
{
    (void) state;

    connect(scene_connect("", "u", "a1", "r1", T0));
    connect(scene_connect("", "u", "a2", "r2", T0 + 10));
    assert_victim(0, "r1", 0, 0);
    connect(scene_connect("o", "u", "a3", "r3", T0 + 20));
    assert_victim(0, "r2", 0, 0);
    connect(scene_connect("", "u", "a4", "r4", T0 + 30));
    assert_victim(0, "r3", 0, 0);
    assert_int_equal(expected.takeover.connection, scene_owner(s, "r3"));
}


/* One of the same owner does not hide one of another. */

static void
test_several_limits(void **state)
{
    unsigned         i;
    ledger_record_t  record;

    static const char *const  refresh[] = { "r1", "r2", "r3", "r4" };
    static const char *const  user[] = { "u", "v", "w", "u" };
    static const char *const  owner[] = { "o", "p", "o", "o" };

    (void) state;

    for (i = 0; i < 4; i++) {
        record = scene_connect(owner[i], user[i], NULL, refresh[i],
                               T0 + i * 10);
        record.u.exchange.tenant = scene_text("t");
        scene_limit(&record, 0, 1, USER, CLIENT);
        scene_limit(&record, 1, 3, TENANT, CLIENT);
        connect(record);
    }

    /* it left the slot of its user, and with that the tenant's: room */
    assert_int_equal(expected.total, 1);
    assert_victim(0, "r1", 0, 1);

    record = scene_connect("o", "w", NULL, "r5", T0 + 50);
    record.u.exchange.tenant = scene_text("t");
    scene_limit(&record, 0, 1, USER, CLIENT);
    scene_limit(&record, 1, 2, TENANT, CLIENT);
    connect(record);

    assert_int_equal(expected.total, 2);
    assert_victim(0, "r3", 0, 1);
    assert_victim(1, "r2", 1, 0);
    assert_int_equal(expected.takeover.connection, scene_owner(s, "r2"));
    assert_int_equal(expected.takeover.limit, 1);

    /* a limit with an unknown key is passed over */

    record = scene_connect("q", "", NULL, "r6", T0 + 60);
    record.u.exchange.tenant = scene_text("t");
    scene_limit(&record, 0, 1, USER, CLIENT);
    scene_limit(&record, 1, 2, TENANT, CLIENT);
    connect(record);

    assert_int_equal(expected.total, 1);
    assert_victim(0, "r4", 1, 0);
}


/* The connect brings n, and that may be less than it was. */

static void
test_more_than_stand_there(void **state)
{
    char             token[16];
    unsigned         i;
    ledger_record_t  record;

    (void) state;

    for (i = 0; i < 20; i++) {
        snprintf(token, sizeof(token), "r%u", i);
        record = scene_connect(i == 12 ? "p" : "o", "u", NULL, token, T0 + i);
        scene_limit(&record, 0, LEDGER_LIMIT_N_MAX, USER, CLIENT);
        connect(record);
    }

    record = scene_connect("o", "u", NULL, "last", T0 + 100);
    scene_limit(&record, 0, 2, USER, CLIENT);
    connect(record);

    assert_int_equal(expected.total, 19);
    assert_int_equal(expected.nvictims, LEDGER_LIMITS_MAX);
    assert_victim(0, "r0", 0, 1);
    assert_victim(LEDGER_LIMITS_MAX - 1, "r7", 0, 1);
    assert_int_equal(expected.takeover.connection, scene_owner(s, "r12"));
    assert_int_equal(expected.takeover.same_owner, 0);
}


static void
test_past_its_end(void **state)
{
    (void) state;

    connect(scene_connect("o", "u", "a1", NULL, T0));

    connect(scene_connect("q", "u", "a2", NULL, T0 + SCENE_HOUR - 1));
    assert_victim(0, "a1", 0, 0);

    connect(scene_connect("q", "u", "a3", NULL, T0 + 2 * SCENE_HOUR - 1));
    assert_int_equal(expected.total, 0);
    assert_int_equal(scene_effects(s, LEDGER_EXPIRY), 1);
}


/* Clocks differ: who was opened later than that ends the newcomer. */

static void
test_newcomer_is_the_oldest(void **state)
{
    (void) state;

    connect(scene_connect("o", "u", "a1", "r1", T0 + 1000));
    connect(scene_connect("q", "u", "a2", "r2", T0));
    assert_int_equal(expected.total, 0);
    assert_int_equal(scene_judge(s, "r2", T0), LEDGER_VERDICT_SUPERSEDED);
}


/* Whom the provider accepted after that was not ended by it. */

static void
test_outlived(void **state)
{
    (void) state;

    connect(scene_connect("o", "u", "a1", "r1", T0));
    scene_apply(s, &(ledger_record_t[]) {
                       scene_refresh("r1", "a2", NULL, T0 + 1000) }[0]);
    connect(scene_connect("q", "u", "b1", "q1", T0 + 500));
    assert_int_equal(expected.total, 0);
    assert_int_equal(scene_effects(s, LEDGER_OVERFULL), 1);
}


static void
test_no_slot(void **state)
{
    ledger_record_t  record;

    (void) state;

    connect(scene_connect("o", "u", "a1", "r1", T0));

    record = scene_connect("q", "u", "b1", NULL, T0 + 1);
    record.u.exchange.exempt = 1;
    connect(record);
    assert_int_equal(expected.total, 0);

    record = scene_refresh("q1", "b2", "q2", T0 + 2);
    record.u.exchange.user = scene_text("u");
    assert_int_equal(ledger_expect(s->ledger, &record.u.exchange, T0 + 2,
                                   &expected), LEDGER_OK);
    assert_int_equal(expected.total, 0);

    scene_apply(s, &record);
    assert_int_equal(scene_effects(s, LEDGER_SUPERSESSION), 0);

    record = scene_connect("q", "u", "b3", NULL, T0 + 3);
    record.u.exchange.nlimits = 0;
    connect(record);
    assert_int_equal(expected.total, 0);
}


/* It is asked before there are tokens. */

static void
test_bounds(void **state)
{
    unsigned             i;
    ledger_slice_t      *field, most;
    ledger_record_t      record;
    ledger_exchange_t   *x;
    static char          text[LEDGER_SCOPE_MAX + 1];

    static const size_t  fields[] = {
        offsetof(ledger_exchange_t, provider),
        offsetof(ledger_exchange_t, client),
        offsetof(ledger_exchange_t, user),
        offsetof(ledger_exchange_t, tenant),
        offsetof(ledger_exchange_t, owner),
        offsetof(ledger_exchange_t, scope)
    };

    (void) state;

    memset(text, 'x', sizeof(text));

    for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        record = scene_connect("o", "u", NULL, NULL, T0);
        x = &record.u.exchange;
        scene_limit(&record, 0, 1, SCOPE, CLIENT);
        most = (ledger_slice_t) { (unsigned char *) text,
                                  LEDGER_IDENTITY_MAX };

        if (fields[i] == offsetof(ledger_exchange_t, scope)) {
            most.len = LEDGER_SCOPE_MAX;
        }

        field = (ledger_slice_t *) ((char *) x + fields[i]);
        *field = most;
        assert_int_equal(ledger_expect(s->ledger, x, T0, &expected),
                         LEDGER_OK);
        field->len++;
        assert_int_equal(ledger_expect(s->ledger, x, T0, &expected),
                         LEDGER_LIMIT);
        assert_int_equal(expected.total, 0);
    }

    record = scene_connect("o", "u", NULL, NULL, T0);
    x = &record.u.exchange;

    for (i = 1; i < LEDGER_LIMITS_MAX; i++) {
        x->limits[i] = x->limits[0];
    }

    x->nlimits = LEDGER_LIMITS_MAX;
    assert_int_equal(ledger_expect(s->ledger, x, T0, &expected), LEDGER_OK);
    x->nlimits++;
    assert_int_equal(ledger_expect(s->ledger, x, T0, &expected),
                     LEDGER_LIMIT);

    x->nlimits = 1;
    x->limits[0].keys[0].kind = VARIABLE + 1;
    assert_int_equal(ledger_expect(s->ledger, x, T0, &expected),
                     LEDGER_MALFORMED);

    record = scene_connect("o", "u", NULL, NULL, T0);
    x->provider.len = 0;
    assert_int_equal(ledger_expect(s->ledger, x, T0, &expected),
                     LEDGER_MALFORMED);
}


/* A member whose connection is gone or damaged. */

static void
test_damage(void **state)
{
    MDB_txn          *txn;
    MDB_val           key, value;
    unsigned char     id[8], row[2048];
    ledger_record_t   record;

    (void) state;

    connect(scene_connect("o", "u", "a1", "r1", T0));
    record = scene_connect("q", "u", "a2", "r2", T0 + 1);

    memset(id, 0, sizeof(id));
    id[7] = (unsigned char) scene_owner(s, "r1");
    key.mv_data = id;
    key.mv_size = sizeof(id);

    assert_int_equal(mdb_txn_begin(s->ledger->env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_get(txn, s->ledger->tables[LEDGER_CONNECTIONS],
                             &key, &value), 0);
    assert_true(value.mv_size < sizeof(row));
    memcpy(row, value.mv_data, value.mv_size);
    value.mv_data = row;
    value.mv_size--;
    assert_int_equal(mdb_put(txn, s->ledger->tables[LEDGER_CONNECTIONS],
                             &key, &value, 0), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
    assert_int_equal(ledger_expect(s->ledger, &record.u.exchange, T0 + 1,
                                   &expected), LEDGER_CORRUPT);

    assert_int_equal(mdb_txn_begin(s->ledger->env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_del(txn, s->ledger->tables[LEDGER_CONNECTIONS],
                             &key, NULL), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
    assert_int_equal(ledger_expect(s->ledger, &record.u.exchange, T0 + 1,
                                   &expected), LEDGER_CORRUPT);

    /* as it was, for the last check */

    value.mv_data = row;
    value.mv_size++;
    assert_int_equal(mdb_txn_begin(s->ledger->env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_put(txn, s->ledger->tables[LEDGER_CONNECTIONS],
                             &key, &value, 0), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
}


/* Random histories */


static unsigned
dice(unsigned sides)
{
    /* xorshift64* */

    randomness ^= randomness >> 12;
    randomness ^= randomness << 25;
    randomness ^= randomness >> 27;

    return (unsigned) ((randomness * 2685821657736338717ull >> 33) % sides);
}


static const char *
pick(const char *const *words, unsigned n, unsigned unknown)
{
    return dice(100) < unknown ? "" : words[dice(n)];
}


static const char *
new_token(void)
{
    char  *name;

    name = names[ntokens % RECENT];
    snprintf(name, sizeof(names[0]), "t%u", ntokens++);

    return name;
}


static const char *
old_token(void)
{
    return ntokens ? names[dice(ntokens < RECENT ? ntokens : RECENT)]
                   : new_token();
}


static void
add_limit(ledger_exchange_t *x, unsigned n, unsigned one_key,
    unsigned other_key)
{
    ledger_limit_t  *l;

    l = &x->limits[x->nlimits++];
    memset(l, 0, sizeof(ledger_limit_t));

    l->n = n;
    l->nkeys = other_key ? 2 : 1;
    l->keys[0].kind = (uint8_t) one_key;
    l->keys[1].kind = (uint8_t) other_key;
}


/* As a configuration has them, and it changes now and then. */

static void
add_limits(ledger_exchange_t *x, unsigned policy, unsigned more)
{
    x->nlimits = 0;

    switch (policy) {

    case 0:
        add_limit(x, 1 + more, USER, CLIENT);
        break;

    case 1:
        add_limit(x, 2 + more, USER, 0);
        add_limit(x, 3, TENANT, CLIENT);
        break;

    case 2:
        add_limit(x, 2, TENANT, 0);
        add_limit(x, 3 + more, SCOPE, CLIENT);
        add_limit(x, 6, CLIENT, 0);
        break;

    case 3:
        /* the same slot twice, and one around it */
        add_limit(x, 4, USER, 0);
        add_limit(x, 3 + more, USER, 0);
        add_limit(x, 8, SCOPE, 0);
        break;

    case 4:
        /* falls from many to few at once */
        add_limit(x, more ? 30 : 4, CLIENT, 0);
        add_limit(x, more ? 40 : 3, SCOPE, 0);
        break;

    default:
        add_limit(x, 1, USER, TENANT);
        add_limit(x, 1 + more, USER, CLIENT);
        add_limit(x, 2, TENANT, CLIENT);
        add_limit(x, 3, USER, 0);
        add_limit(x, 4, TENANT, 0);
        add_limit(x, 7, CLIENT, 0);
        add_limit(x, 8, SCOPE, 0);
        add_limit(x, 2, TENANT, SCOPE);
        break;
    }
}


static ledger_record_t
random_exchange(unsigned policy, unsigned more, ledger_ms_t now)
{
    ledger_record_t     record;
    ledger_exchange_t  *x;

    static const char *const  owners[] = { "o1", "o2" };
    static const char *const  users[] = { "u1", "u2", "u3" };
    static const char *const  tenants[] = { "t1", "t2" };
    static const char *const  clients[] = { "c1", "c2" };
    static const char *const  scopes[] = { "a b", "b,a a", "c" };

    record = scene_connect(pick(owners, 2, 15), pick(users, 3, 15), NULL,
                           dice(4) ? new_token() : NULL, now);
    x = &record.u.exchange;

    scene_add_token(&record, new_token(), LEDGER_ACCESS,
                    dice(3) ? now + 1 + dice(20000) : 0);

    x->tenant = scene_text(pick(tenants, 2, 25));
    x->client = scene_text(pick(clients, 2, 5));
    x->scope = scene_text(pick(scopes, 3, 10));
    x->sent_at = now - dice(50);
    x->idle = dice(4) ? 0 : 1000 + dice(100000);
    x->exempt = dice(15) == 0;
    add_limits(x, policy, more);

    return record;
}


static ledger_record_t
random_record(unsigned policy, unsigned more, ledger_ms_t now)
{
    uint64_t         id;
    ledger_record_t  record;

    static const char *const  users[] = { "u1", "u2", "u3" };
    static const char *const  tenants[] = { "t1", "t2" };

    id = sequence();
    id = id < 2 * RECENT ? dice((unsigned) id) : id - 1 - dice(2 * RECENT);

    switch (dice(8)) {

    case 0:
    case 1:
        record = random_exchange(policy, more, now);
        record.u.exchange.presented = scene_token(old_token());
        record.u.exchange.refresh = 1;
        return record;

    case 2:
        return scene_binding(id, pick(users, 3, 30), pick(tenants, 2, 30),
                             now);

    case 3:
        return scene_refusal(old_token(), now);

    case 4:
        return scene_revocation(old_token(), dice(2), now);

    case 5:
        return scene_order(LEDGER_RELEASE + dice(2), id, now);

    case 6:
        return scene_order(LEDGER_REINSTATE, id, now);

    default:
        return scene_sweep(now, SCENE_HOUR * dice(3), 1 + dice(40));
    }
}


static void
run(unsigned policy)
{
    unsigned         i, more;
    ledger_ms_t      now;
    ledger_record_t  record;

    s = scene_create(1u << 28);
    now = T0;
    more = 1;

    for (i = 0; i < length; i++) {
        more ^= dice(30) == 0;

        /* clocks of several machines */
        now = dice(12) ? now + dice(dice(2) ? 3 : 3000) : now - dice(2000);

        if (dice(3)) {
            connect(random_exchange(policy, more, now));

        } else {
            record = random_record(policy, more, now);
            scene_apply(s, &record);
        }
    }

    scene_check(s);
    scene_destroy(s);
}


static void
test_random_histories(void **state)
{
    unsigned  i;

    (void) state;

    for (i = 0; i < runs; i++) {
        randomness = (seed + i) * 0x9e3779b97f4a7c15ull | 1;
        printf("# seed %llu\n", (unsigned long long) (seed + i));
        run(i % 6);
    }

    printf("# ended nobody %llu, one %llu, several %llu, more than stand "
           "there %llu; all of the same owner %llu, of others %llu; by a "
           "later limit %llu; the newcomer itself %llu\n",
           (unsigned long long) nobody, (unsigned long long) one,
           (unsigned long long) several, (unsigned long long) beyond,
           (unsigned long long) mine, (unsigned long long) others,
           (unsigned long long) later, (unsigned long long) itself);

    /* a history in which a case never comes proves nothing about it */

    assert_true(nobody > 0);
    assert_true(one > 0);
    assert_true(several > 0);
    assert_true(beyond > 0);
    assert_true(mine > 0);
    assert_true(others > 0);
    assert_true(later > 0);
    assert_true(itself > 0);
}


int
main(int argc, char **argv)
{
    const struct CMUnitTest  tests[] = {
        story(test_one_limit),
        story(test_unknown_owner),
        story(test_several_limits),
        story(test_more_than_stand_there),
        story(test_past_its_end),
        story(test_newcomer_is_the_oldest),
        story(test_outlived),
        story(test_no_slot),
        story(test_bounds),
        story(test_damage),
        cmocka_unit_test(test_random_histories)
    };

    setvbuf(stdout, NULL, _IOLBF, 0);

    if (argc > 1) {
        seed = strtoull(argv[1], NULL, 10);
    }

    if (argc > 2) {
        runs = (unsigned) strtoul(argv[2], NULL, 10);
    }

    if (argc > 3) {
        length = (unsigned) strtoul(argv[3], NULL, 10);
    }

    return cmocka_run_group_tests(tests, NULL, NULL);
}
