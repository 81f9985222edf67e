
/*
 * Copyright (C) The OAuth gateway authors
 */

/* Aliases: which user a login turned out to be, who says so, and how long. */

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
#define KEPT  (30 * DAY)


static ledger_identity_t   found;


static void
apply(ledger_record_t record)
{
    scene_apply(s, &record);
    scene_check(s);
}


static ledger_record_t
with(ledger_record_t record, const char *login, const char *tenant)
{
    record.u.exchange.login = scene_text(login);
    record.u.exchange.tenant = scene_text(tenant);

    return record;
}


static void
connect(const char *login, const char *user, const char *tenant,
    const char *refresh, ledger_ms_t at)
{
    apply(with(scene_connect("o", user, NULL, refresh, at), login, tenant));
}


static void
sweep(ledger_ms_t at)
{
    apply(scene_sweep(at, KEPT, 1000));
}


static ledger_rc_t
alias(const char *provider, const char *login)
{
    memset(&found, 0x5a, sizeof(found));

    return ledger_alias(s->ledger, scene_text(provider), scene_text(login),
                        &found);
}


static size_t
rows(void)
{
    MDB_stat       stat;
    ledger_view_t  view;

    assert_int_equal(ledger_store_read(s->ledger, &view), LEDGER_OK);
    assert_int_equal(mdb_stat(view.txn, s->ledger->tables[LEDGER_ALIASES],
                              &stat), 0);
    ledger_store_read_end(&view);

    return stat.ms_entries;
}


static int
is(ledger_slice_t slice, const char *text)
{
    return slice.len == strlen(text)
           && memcmp(slice.data, text, slice.len) == 0;
}


#define assert_alias(login, as_user, of_tenant)                               \
    do {                                                                      \
        assert_int_equal(alias("p", login), LEDGER_OK);                       \
        assert_true(is(found.user, as_user));                                 \
        assert_true(is(found.tenant, of_tenant));                             \
    } while (0)

#define assert_stranger(login)                                                \
    assert_int_equal(alias("p", login), LEDGER_NOT_FOUND)


static void
test_learnt(void **state)
{
    ledger_record_t  record;

    (void) state;

    assert_stranger("ann@a");

    connect("ann@a", "u1", "t1", "r1", T0);
    assert_alias("ann@a", "u1", "t1");
    assert_true(found.user.data >= found.buf
                && found.tenant.data + found.tenant.len
                   <= found.buf + sizeof(found.buf));

    /* another login of the same user, without a tenant */

    connect("ann@b", "u1", "", "r2", T0 + 1);
    assert_alias("ann@b", "u1", "");

    /* byte by byte, and of one provider */

    assert_stranger("Ann@a");
    assert_stranger("ann@");
    assert_stranger("");
    assert_int_equal(alias("q", "ann@a"), LEDGER_NOT_FOUND);
    assert_int_equal(alias("", "ann@a"), LEDGER_NOT_FOUND);

    /* no two pairs have one name */

    assert_int_equal(alias("pa", "nn@a"), LEDGER_NOT_FOUND);

    /* an exempt grant holds no slot, and names its user all the same */

    record = with(scene_connect("o", "u3", "a3", NULL, T0), "jwt", "t3");
    record.u.exchange.exempt = 1;
    apply(record);
    assert_alias("jwt", "u3", "t3");

    /* it survives the process */

    scene_close(s);
    scene_open(s);
    assert_alias("ann@a", "u1", "t1");
    assert_int_equal(rows(), 3);
}


static void
test_half_known(void **state)
{
    (void) state;

    connect("ann", "", "t1", "r1", T0);
    connect("", "u1", "t1", "r2", T0);
    assert_int_equal(rows(), 0);
    assert_stranger("ann");
}


static void
test_newest_word(void **state)
{
    (void) state;

    connect("ann", "u1", "t1", "r1", T0);
    connect("ann", "u2", "", "r2", T0 + 1000);

    /* the tenant was the other user's */
    assert_alias("ann", "u2", "");

    /* what comes late is not the newest */

    connect("ann", "u3", "t3", "r3", T0 + 999);
    assert_alias("ann", "u2", "");

    connect("ann", "u3", "t3", "r4", T0 + 1000);
    assert_alias("ann", "u3", "t3");

    /* no tenant says nothing, another one does */

    connect("ann", "u3", "", "r5", T0 + 2000);
    assert_alias("ann", "u3", "t3");
    connect("ann", "u3", "t4", "r6", T0 + 3000);
    assert_alias("ann", "u3", "t4");

    /* the same again is as new as any */

    connect("ann", "u3", "t4", "r7", T0 + 5000);
    connect("ann", "u4", "", "r8", T0 + 4000);
    assert_alias("ann", "u3", "t4");
    assert_int_equal(rows(), 1);
}


static void
test_bound_late(void **state)
{
    uint64_t         id;
    ledger_record_t  record;

    (void) state;

    connect("ann", "", "", "r1", T0);
    id = scene_owner(s, "r1");

    apply(scene_binding(id, "", "t1", T0 + 1));
    assert_stranger("ann");

    apply(scene_binding(id, "u1", "", T0 + 2));
    assert_alias("ann", "u1", "t1");

    /* what is known stays, and a binding that says nothing renews nothing */

    apply(scene_binding(id, "u2", "t2", T0 + 2 * DAY));
    assert_alias("ann", "u1", "t1");
    assert_int_equal(ledger_due(s->ledger, T0 + 2 + KEPT, KEPT), LEDGER_OK);

    /* the user by the answer to a refresh */

    connect("bob", "", "", "q1", T0);
    apply(scene_refresh("q1", "b2", "q2", T0 + 1));
    assert_stranger("bob");

    apply(with(scene_refresh("q2", "b3", "q3", T0 + 3), "", "t5"));
    assert_stranger("bob");

    record = scene_refresh("q3", "b4", "q4", T0 + 4);
    record.u.exchange.user = scene_text("u5");
    apply(record);
    assert_alias("bob", "u5", "t5");
}


/* A tenant that turns up late says nothing about whose the login is. */

static void
test_late_tenant(void **state)
{
    uint64_t  id, other;

    (void) state;

    connect("ann", "u1", "", "r1", T0);
    id = scene_owner(s, "r1");
    connect("ann", "u2", "", "r2", T0 + 1);
    other = scene_owner(s, "r2");

    apply(scene_binding(id, "", "t1", T0 + 2));
    assert_alias("ann", "u2", "");

    apply(scene_binding(other, "", "t2", T0 + 3));
    assert_alias("ann", "u2", "t2");
}


/* A refresh repeats what was said when its connection was opened. */

static void
test_repeated(void **state)
{
    ledger_record_t  record;

    (void) state;

    connect("ann", "u1", "t1", "r1", T0);
    connect("ann", "u2", "t2", "r2", T0 + 1000);

    apply(scene_refresh("r1", "a2", "r1", T0 + 2 * HOUR));
    assert_alias("ann", "u2", "t2");

    record = scene_refresh("r1", "a3", "r1", T0 + 3 * HOUR);
    record.u.exchange.user = scene_text("u1");
    apply(record);
    assert_alias("ann", "u2", "t2");

    /* with its login it is a word of its own */

    record = with(record, "ann", "");
    record.u.exchange.arrived_at = T0 + 4 * HOUR;
    apply(record);
    assert_alias("ann", "u1", "t1");

    /* another user than the connection has: nobody knows */

    record = with(scene_refresh("r1", "a4", "r1", T0 + 5 * HOUR), "eve", "");
    record.u.exchange.user = scene_text("u3");
    apply(record);
    assert_stranger("eve");
    assert_alias("ann", "u1", "t1");
}


static void
test_renewed_hourly(void **state)
{
    ledger_ms_t  at;

    (void) state;

    connect("ann", "u1", "t1", "r1", T0);

    apply(scene_refresh("r1", "a2", NULL, T0 + HOUR - 1));
    assert_int_equal(ledger_due(s->ledger, T0 + KEPT, KEPT), LEDGER_OK);

    apply(scene_refresh("r1", "a3", NULL, T0 + HOUR));
    sweep(T0 + KEPT + HOUR - 1);
    assert_alias("ann", "u1", "t1");

    /* in use it lives longer than a retention */

    for (at = T0 + HOUR; at < T0 + 3 * KEPT; at += KEPT / 2) {
        apply(scene_refresh("r1", "a4", NULL, at));
        sweep(at);
        assert_alias("ann", "u1", "t1");
    }

    sweep(at - KEPT / 2 + KEPT - 1);
    assert_alias("ann", "u1", "t1");
    sweep(at - KEPT / 2 + KEPT);
    assert_stranger("ann");
    assert_int_equal(rows(), 0);

    /* and is learnt again */

    apply(scene_refresh("r1", "a5", NULL, at + KEPT));
    assert_alias("ann", "u1", "t1");
}


static void
test_swept(void **state)
{
    unsigned  i;
    char      login[3] = "l0";

    (void) state;

    for (i = 0; i < 9; i++) {
        login[1] = (char) ('0' + i);
        apply(with(scene_connect("o", "u", NULL, "r", T0 + i), login, ""));
    }

    assert_int_equal(rows(), 9);
    assert_int_equal(ledger_due(s->ledger, T0 + KEPT, KEPT), LEDGER_OK);

    apply(scene_sweep(T0 + KEPT + 7, KEPT, 1000));
    assert_int_equal(rows(), 1);
    assert_stranger("l7");
    assert_alias("l8", "u", "");

    for (i = 0; i < 9; i++) {
        login[1] = (char) ('0' + i);
        apply(with(scene_connect("o", "u", NULL, "r", T0 + KEPT + DAY + i),
                   login, ""));
    }

    sweep(T0 + KEPT + 2 * DAY);
    assert_int_equal(rows(), 9);

    /* at most so many at once */

    for (i = 9; i; i--) {
        assert_int_equal(rows(), i);
        apply(scene_sweep(T0 + 2 * KEPT + DAY + 8, KEPT, 1));

        /* a row of another lane may come first */

        while (rows() == i) {
            apply(scene_sweep(T0 + 2 * KEPT + DAY + 8, KEPT, 1));
        }

        assert_int_equal(rows(), i - 1);
    }
}


static void
test_bounds(void **state)
{
    char             longest[LEDGER_IDENTITY_MAX + 2];
    ledger_slice_t   most, beyond;
    ledger_record_t  record;

    (void) state;

    memset(longest, 'x', sizeof(longest));
    most = (ledger_slice_t) { (unsigned char *) longest,
                              LEDGER_IDENTITY_MAX };
    beyond = most;
    beyond.len++;

    record = scene_connect("o", "", NULL, "r1", T0);
    record.u.exchange.provider = most;
    record.u.exchange.login = most;
    record.u.exchange.user = most;
    record.u.exchange.tenant = most;
    apply(record);

    assert_int_equal(ledger_alias(s->ledger, most, most, &found), LEDGER_OK);
    assert_int_equal(found.user.len, LEDGER_IDENTITY_MAX);
    assert_int_equal(found.tenant.len, LEDGER_IDENTITY_MAX);
    assert_memory_equal(found.user.data, longest, LEDGER_IDENTITY_MAX);
    assert_memory_equal(found.tenant.data, longest, LEDGER_IDENTITY_MAX);

    assert_int_equal(ledger_alias(s->ledger, most, beyond, &found),
                     LEDGER_NOT_FOUND);
    assert_int_equal(ledger_alias(s->ledger, beyond, most, &found),
                     LEDGER_NOT_FOUND);

    record.u.exchange.login = beyond;
    apply(record);
    assert_int_equal(scene_effects(s, LEDGER_REJECTED_RECORD), 1);
    assert_int_equal(rows(), 1);
}


/* A store that was made before there were aliases. */

static void
test_older_store(void **state)
{
    MDB_txn  *txn;

    (void) state;

    apply(scene_connect("o", "u0", NULL, "r0", T0));

    assert_int_equal(mdb_txn_begin(s->ledger->env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_drop(txn, s->ledger->tables[LEDGER_ALIASES], 1), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);

    scene_close(s);
    scene_open(s);

    assert_int_equal(scene_judge(s, "r0", T0), LEDGER_VERDICT_ACTIVE);
    assert_stranger("ann");
    connect("ann", "u1", "t1", "r1", T0);
    assert_alias("ann", "u1", "t1");
}


/* What is read back is checked like input. */

static void
test_damaged_row(void **state)
{
    size_t             i, len;
    MDB_txn           *txn;
    MDB_val            key, value;
    unsigned char      row[64], good[64];
    ledger_alias_id_t  id;

    (void) state;

    connect("ann", "u1", "t1", "r1", T0);

    assert_int_equal(ledger_place_alias(ledger_slice("p"),
                                        ledger_slice("ann"), &id), LEDGER_OK);
    key.mv_data = id.bytes;
    key.mv_size = sizeof(id.bytes);

    assert_int_equal(mdb_txn_begin(s->ledger->env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_get(txn, s->ledger->tables[LEDGER_ALIASES], &key,
                             &value), 0);
    len = value.mv_size;
    assert_int_equal(len, 1 + 8 + 2 + 2 + 2 + 2);
    memset(good, 0, sizeof(good));
    memcpy(good, value.mv_data, len);
    mdb_txn_abort(txn);

    /*
     * cut or longer at each length; then a newer version, no user, a user
     * beyond the row, a tenant beyond it; and last as it was
     */

    for (i = 0; i <= len + 6; i++) {
        memcpy(row, good, sizeof(row));
        value.mv_data = row;
        value.mv_size = i <= len + 1 ? i : len;

        if (i == len + 2) {
            row[0] = 2;

        } else if (i == len + 3) {
            memset(row + 9, 0, len - 9);
            value.mv_size = 1 + 8 + 2 + 2;

        } else if (i == len + 4) {
            row[10] = 200;

        } else if (i == len + 5) {
            row[14]++;
        }

        assert_int_equal(mdb_txn_begin(s->ledger->env, NULL, 0, &txn), 0);
        assert_int_equal(mdb_put(txn, s->ledger->tables[LEDGER_ALIASES],
                                 &key, &value, 0), 0);
        assert_int_equal(mdb_txn_commit(txn), 0);

        assert_int_equal(alias("p", "ann"), i == len || i == len + 6
                                            ? LEDGER_OK : LEDGER_CORRUPT);
    }
}


/* Whoever learns, renews or sweeps meets the damage too. */

static void
test_damage_stops_a_record(void **state)
{
    MDB_txn            *txn;
    MDB_val             key, value;
    uint64_t            before;
    ledger_record_t     records[2];
    unsigned            i;
    unsigned char       row[17], good[17];
    ledger_alias_id_t   id;

    (void) state;

    connect("ann", "u1", "t1", "r1", T0);

    assert_int_equal(ledger_place_alias(ledger_slice("p"),
                                        ledger_slice("ann"), &id), LEDGER_OK);
    key.mv_data = id.bytes;
    key.mv_size = sizeof(id.bytes);

    assert_int_equal(mdb_txn_begin(s->ledger->env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_get(txn, s->ledger->tables[LEDGER_ALIASES], &key,
                             &value), 0);
    assert_int_equal(value.mv_size, sizeof(good));
    memcpy(good, value.mv_data, sizeof(good));
    memcpy(row, good, sizeof(row));

    /* another time than its row in the lane has */
    row[8]++;
    value.mv_data = row;
    assert_int_equal(mdb_put(txn, s->ledger->tables[LEDGER_ALIASES], &key,
                             &value, 0), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);

    before = scene_dump(s, 1);
    records[0] = with(scene_connect("o", "u1", NULL, "r2", T0 + DAY), "ann",
                      "");
    records[1] = scene_sweep(T0 + KEPT, KEPT, 1000);

    for (i = 0; i < 2; i++) {
        s->effects.n = 0;
        assert_int_equal(ledger_apply(s->ledger, &records[i], 1,
                                      &s->effects), LEDGER_CORRUPT);
        assert_int_equal(s->effects.n, 0);
        assert_int_equal(scene_dump(s, 1), before);
    }

    /* as it was, for the last check */

    value.mv_data = good;
    value.mv_size = sizeof(good);
    assert_int_equal(mdb_txn_begin(s->ledger->env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_put(txn, s->ledger->tables[LEDGER_ALIASES], &key,
                             &value, 0), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        story(test_learnt),
        story(test_half_known),
        story(test_newest_word),
        story(test_bound_late),
        story(test_late_tenant),
        story(test_repeated),
        story(test_renewed_hourly),
        story(test_swept),
        story(test_bounds),
        story(test_older_store),
        story(test_damaged_row),
        story(test_damage_stops_a_record)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
