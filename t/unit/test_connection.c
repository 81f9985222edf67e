
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * Connections: their stored form, when they end, and which slot their limits
 * mean.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ledger_connection.h"
#include "ledger_place.h"
#include "scene.h"


static unsigned char  buf[LEDGER_RECORD_MAX + 1];


static ledger_connection_t
sample(void)
{
    ledger_connection_t  c;

    memset(&c, 0, sizeof(c));

    c.id = 42;
    c.state = LEDGER_SUPERSEDED;
    c.provider = scene_text("p");
    c.client = scene_text("client");
    c.user = scene_text("user");
    c.tenant = scene_text("tenant");
    c.login = scene_text("login");
    c.owner = scene_text("owner");
    c.grant = scene_text("authorization_code");
    c.scope = scene_text("read write");
    c.address = scene_text("192.0.2.1");
    c.agent = scene_text("agent");
    c.age = 1;
    c.sent_at = 2;
    c.opened_at = 3;
    c.refreshed_at = 4;
    c.last_used_at = 5;
    c.ended_at = 6;
    c.access_expires_at = 7;
    c.refresh_expires_at = 8;
    c.idle = 9;
    c.superseded_by = 43;
    c.access_floor = 44;
    c.refresh = scene_token("refresh");
    c.previous = scene_token("previous");
    c.superseded_limit = 1;
    c.has_refresh = 1;
    c.undecided = 1;
    c.released = 1;

    c.nlimits = 2;
    c.limits[0].n = 1;
    c.limits[0].nkeys = 1;
    c.limits[0].keys[0].kind = LEDGER_KEY_USER;
    c.limits[1].n = 2;
    c.limits[1].nkeys = 2;
    c.limits[1].keys[0].kind = LEDGER_KEY_CLIENT;
    c.limits[1].keys[1].kind = LEDGER_KEY_TENANT;

    return c;
}


static void
test_round_trip(void **state)
{
    size_t                len, again;
    ledger_connection_t   c, back;
    static unsigned char  copy[LEDGER_RECORD_MAX];

    (void) state;

    c = sample();

    assert_int_equal(ledger_connection_encode(&c, buf, &len), LEDGER_OK);
    assert_int_equal(ledger_connection_decode(buf, len, &back), LEDGER_OK);

    assert_int_equal(back.id, 42);
    assert_int_equal(back.state, LEDGER_SUPERSEDED);
    assert_int_equal(back.age, 1);
    assert_int_equal(back.idle, 9);
    assert_int_equal(back.superseded_by, 43);
    assert_int_equal(back.access_floor, 44);
    assert_int_equal(back.superseded_limit, 1);
    assert_int_equal(back.has_refresh, 1);
    assert_int_equal(back.has_previous, 0);
    assert_int_equal(back.undecided, 1);
    assert_int_equal(back.reconnect, 0);
    assert_int_equal(back.released, 1);
    assert_int_equal(back.nlimits, 2);
    assert_memory_equal(back.user.data, "user", 4);
    assert_memory_equal(&back.previous, &c.previous, LEDGER_TOKEN_ID_SIZE);

    assert_int_equal(ledger_connection_encode(&back, copy, &again),
                     LEDGER_OK);
    assert_int_equal(again, len);
    assert_memory_equal(copy, buf, len);
}


static void
test_cut_at_every_byte(void **state)
{
    size_t                len, i;
    unsigned char        *copy;
    ledger_connection_t   c;

    (void) state;

    c = sample();
    assert_int_equal(ledger_connection_encode(&c, buf, &len), LEDGER_OK);

    for (i = 0; i < len; i++) {
        copy = malloc(i ? i : 1);
        assert_non_null(copy);
        memcpy(copy, buf, i);

        assert_int_equal(ledger_connection_decode(copy, i, &c),
                         LEDGER_CORRUPT);
        free(copy);
    }

    buf[len] = 0;
    assert_int_equal(ledger_connection_decode(buf, len + 1, &c),
                     LEDGER_CORRUPT);
}


static void
test_every_byte_changed(void **state)
{
    size_t                len, again, i;
    unsigned              value, sane;
    ledger_rc_t           rc;
    ledger_connection_t   c;
    static unsigned char  copy[LEDGER_RECORD_MAX], kept[LEDGER_RECORD_MAX];

    (void) state;

    c = sample();
    assert_int_equal(ledger_connection_encode(&c, kept, &len), LEDGER_OK);
    sane = 0;

    for (i = 0; i < len; i++) {

        for (value = 0; value < 256; value++) {
            memcpy(buf, kept, len);
            buf[i] = (unsigned char) value;

            rc = ledger_connection_decode(buf, len, &c);

            if (rc != LEDGER_OK) {
                assert_true(rc == LEDGER_CORRUPT || rc == LEDGER_VERSION);
                continue;
            }

            sane++;
            assert_int_equal(ledger_connection_encode(&c, copy, &again),
                             LEDGER_OK);
            assert_int_equal(again, len);
            assert_memory_equal(copy, buf, len);
        }
    }

    assert_true(sane > 0);
}


static void
test_what_cannot_be(void **state)
{
    size_t               len;
    ledger_connection_t  c;

    (void) state;

    c = sample();
    c.id = 0;
    assert_int_equal(ledger_connection_encode(&c, buf, &len),
                     LEDGER_MALFORMED);

    c = sample();
    c.provider.len = 0;
    assert_int_equal(ledger_connection_encode(&c, buf, &len),
                     LEDGER_MALFORMED);

    c = sample();
    c.state = 0;
    assert_int_equal(ledger_connection_encode(&c, buf, &len),
                     LEDGER_MALFORMED);
    c.state = LEDGER_EXPIRED + 1;
    assert_int_equal(ledger_connection_encode(&c, buf, &len),
                     LEDGER_MALFORMED);

    /* live and ended at once */
    c.state = LEDGER_LIVE;
    assert_int_equal(ledger_connection_encode(&c, buf, &len),
                     LEDGER_MALFORMED);
    c.ended_at = 0;
    assert_int_equal(ledger_connection_encode(&c, buf, &len), LEDGER_OK);

    /* superseded by a limit that it does not have */
    c = sample();
    c.superseded_limit = 2;
    assert_int_equal(ledger_connection_encode(&c, buf, &len),
                     LEDGER_MALFORMED);
    c.state = LEDGER_EXPIRED;
    assert_int_equal(ledger_connection_encode(&c, buf, &len), LEDGER_OK);
    c.superseded_limit = LEDGER_LIMITS_MAX;
    assert_int_equal(ledger_connection_encode(&c, buf, &len), LEDGER_LIMIT);
}


static void
test_end(void **state)
{
    ledger_connection_t  c;

    (void) state;

    memset(&c, 0, sizeof(c));
    assert_int_equal(ledger_connection_end(&c), 0);
    assert_false(ledger_connection_over(&c, UINT64_MAX));

    c.access_expires_at = 1000;
    assert_int_equal(ledger_connection_end(&c), 1000);
    assert_false(ledger_connection_over(&c, 999));
    assert_true(ledger_connection_over(&c, 1000));

    /* a refresh token of unknown life */
    c.has_refresh = 1;
    assert_int_equal(ledger_connection_end(&c), 0);

    c.refresh_expires_at = 5000;
    assert_int_equal(ledger_connection_end(&c), 5000);

    /* an access token that outlives it */
    c.access_expires_at = 6000;
    assert_int_equal(ledger_connection_end(&c), 6000);

    c.last_used_at = 100;
    c.idle = 200;
    assert_int_equal(ledger_connection_end(&c), 300);
    c.idle = 100000;
    assert_int_equal(ledger_connection_end(&c), 6000);

    c.refresh_expires_at = 0;
    assert_int_equal(ledger_connection_end(&c), 100100);

    c.idle = UINT64_MAX;
    assert_int_equal(ledger_connection_end(&c), UINT64_MAX);
}


static void
test_undecided(void **state)
{
    ledger_connection_t  a, b;

    (void) state;

    memset(&a, 0, sizeof(a));
    memset(&b, 0, sizeof(b));

    a.sent_at = 100;
    a.opened_at = a.age = 110;
    b.sent_at = 105;
    b.opened_at = b.age = 120;
    assert_true(ledger_connection_undecided(&a, &b));
    assert_true(ledger_connection_undecided(&b, &a));

    /* one after the other, in the same millisecond */
    b.sent_at = 110;
    assert_false(ledger_connection_undecided(&a, &b));
    assert_false(ledger_connection_undecided(&b, &a));
    b.sent_at = 109;
    assert_true(ledger_connection_undecided(&a, &b));

    /* two issue times decide, unless they are equal */
    a.issued = 1;
    assert_true(ledger_connection_undecided(&a, &b));
    b.issued = 1;
    assert_false(ledger_connection_undecided(&a, &b));
    b.age = a.age;
    assert_true(ledger_connection_undecided(&a, &b));

    a.adopted = 1;
    assert_false(ledger_connection_undecided(&a, &b));
}


static void
test_reconnect(void **state)
{
    ledger_connection_t  a, b;

    (void) state;

    a = sample();
    b = sample();
    assert_true(ledger_connection_reconnect(&a, &b));

    b.user = scene_text("other");
    assert_false(ledger_connection_reconnect(&a, &b));

    b = sample();
    b.tenant.len = 0;
    assert_false(ledger_connection_reconnect(&a, &b));

    a.owner.len = 0;
    b = sample();
    b.owner.len = 0;
    assert_false(ledger_connection_reconnect(&a, &b));
}


static ledger_slot_id_t
place(const ledger_connection_t *c, unsigned limit)
{
    ledger_slot_id_t  id;

    assert_int_equal(ledger_place(c, limit, &id), LEDGER_OK);

    return id;
}


static int
same_place(const ledger_connection_t *a, const ledger_connection_t *b,
    unsigned limit)
{
    ledger_slot_id_t  one, two;

    one = place(a, limit);
    two = place(b, limit);

    return memcmp(&one, &two, sizeof(one)) == 0;
}


static void
test_place(void **state)
{
    ledger_slot_id_t     id;
    ledger_connection_t  a, b;

    /* SHA-256 of 00 01 "p" 01 00 04 "user", by sha256sum(1) */
    static const unsigned char  golden[LEDGER_SLOT_ID_SIZE] = {
        0x4e, 0x65, 0x66, 0x23, 0xd9, 0x31, 0x05, 0x95,
        0x61, 0x3f, 0x9f, 0xa8, 0x99, 0x94, 0xa6, 0x3d
    };

    (void) state;

    a = sample();
    b = sample();

    id = place(&a, 0);
    assert_memory_equal(id.bytes, golden, sizeof(golden));

    /* neither n nor the order of keys is part of the name */
    b.limits[1].n = 1000;
    b.limits[1].keys[0].kind = LEDGER_KEY_TENANT;
    b.limits[1].keys[1].kind = LEDGER_KEY_CLIENT;
    assert_true(same_place(&a, &b, 1));

    b.client = scene_text("client2");
    assert_false(same_place(&a, &b, 1));

    /* values do not run into each other */
    a.client = scene_text("ab");
    a.tenant = scene_text("c");
    b.client = scene_text("a");
    b.tenant = scene_text("bc");
    assert_false(same_place(&a, &b, 1));

    b = sample();
    b.tenant.len = 0;
    assert_int_equal(ledger_place(&b, 1, &id), LEDGER_NOT_FOUND);

    b = sample();
    b.provider = scene_text("q");
    a = sample();
    assert_false(same_place(&a, &b, 0));
}


static void
test_place_scope(void **state)
{
    char                 words[LEDGER_SCOPE_MAX];
    unsigned             i;
    ledger_connection_t  a, b;

    (void) state;

    a = sample();
    b = sample();
    a.limits[0].keys[0].kind = LEDGER_KEY_SCOPE;
    b.limits[0].keys[0].kind = LEDGER_KEY_SCOPE;

    a.scope = scene_text("read write");
    b.scope = scene_text("  write,read read,");
    assert_true(same_place(&a, &b, 0));

    b.scope = scene_text("readwrite");
    assert_false(same_place(&a, &b, 0));

    b.scope = scene_text("read");
    assert_false(same_place(&a, &b, 0));

    /* no scope is a scope like another */
    b.scope.len = 0;
    assert_false(same_place(&a, &b, 0));
    a.scope = scene_text(" , ");
    assert_true(same_place(&a, &b, 0));

    /* as many words as there can be */
    for (i = 0; i < LEDGER_SCOPE_MAX; i++) {
        words[i] = i % 2 ? ' ' : (char) ('a' + i % 26);
    }

    a.scope.data = (unsigned char *) words;
    a.scope.len = sizeof(words);
    b.scope = scene_text("y w u s q o m k i g e c a");
    assert_true(same_place(&a, &b, 0));
}


static void
test_place_variable(void **state)
{
    ledger_slot_id_t     id;
    ledger_connection_t  a, b;

    (void) state;

    a = sample();
    a.limits[1].keys[1].kind = LEDGER_KEY_VARIABLE;
    a.limits[1].keys[1].name = scene_text("region");
    a.limits[1].keys[1].value = scene_text("eu");
    b = a;

    assert_true(same_place(&a, &b, 1));

    b.limits[1].keys[1].value = scene_text("us");
    assert_false(same_place(&a, &b, 1));

    b.limits[1].keys[1].value = scene_text("eu");
    b.limits[1].keys[1].name = scene_text("zone");
    assert_false(same_place(&a, &b, 1));

    b.limits[1].keys[1].value.len = 0;
    assert_int_equal(ledger_place(&b, 1, &id), LEDGER_NOT_FOUND);
}


static void
test_header(void **state)
{
    size_t            len, i;
    unsigned          k;
    ledger_header_t   header, back;
    ledger_contest_t  contest;
    unsigned char     bytes[LEDGER_HEADER_MAX + 1];

    (void) state;

    memset(&header, 0, sizeof(header));
    header.n = LEDGER_LIMIT_N_MAX;
    header.count = 3;
    header.left_at = 5;

    /* the oldest goes where there is no room */
    for (k = 0; k < LEDGER_CONTESTS_MAX + 1; k++) {
        contest.at = k;
        contest.winner = k + 100;
        contest.loser = k + 200;
        ledger_header_contest(&header, &contest);
    }

    assert_int_equal(header.ncontests, LEDGER_CONTESTS_MAX);
    assert_int_equal(header.contests[0].at, 1);
    assert_int_equal(header.contests[LEDGER_CONTESTS_MAX - 1].at,
                     LEDGER_CONTESTS_MAX);

    len = ledger_header_encode(&header, bytes);
    assert_int_equal(len, LEDGER_HEADER_MAX);
    assert_int_equal(ledger_header_decode(bytes, len, &back), LEDGER_OK);
    assert_int_equal(back.n, LEDGER_LIMIT_N_MAX);
    assert_int_equal(back.count, 3);
    assert_int_equal(back.left_at, 5);
    assert_int_equal(back.contests[15].loser, 216);

    for (i = 0; i < len; i++) {
        assert_int_equal(ledger_header_decode(bytes, i, &back),
                         LEDGER_CORRUPT);
    }

    bytes[len] = 0;
    assert_int_equal(ledger_header_decode(bytes, len + 1, &back),
                     LEDGER_CORRUPT);

    header.n++;
    len = ledger_header_encode(&header, bytes);
    assert_int_equal(ledger_header_decode(bytes, len, &back),
                     LEDGER_CORRUPT);
    header.n = 0;
    len = ledger_header_encode(&header, bytes);
    assert_int_equal(ledger_header_decode(bytes, len, &back),
                     LEDGER_CORRUPT);
}


static void
contest(ledger_header_t *header, ledger_ms_t at, uint64_t winner,
    uint64_t loser)
{
    ledger_contest_t  c;

    c.at = at;
    c.winner = winner;
    c.loser = loser;

    ledger_header_contest(header, &c);
}


static void
test_contested(void **state)
{
    ledger_header_t  header;

    (void) state;

    memset(&header, 0, sizeof(header));
    assert_false(ledger_header_contested(&header, 1000, 1, 1000));

    /* one winner over many is no ping-pong */
    contest(&header, 100, 1, 2);
    contest(&header, 200, 1, 3);
    contest(&header, 300, 1, 4);
    assert_false(ledger_header_contested(&header, 400, 3, 1000));

    contest(&header, 400, 2, 1);
    assert_true(ledger_header_contested(&header, 400, 3, 1000));
    assert_true(ledger_header_contested(&header, 400, 4, 1000));
    assert_false(ledger_header_contested(&header, 400, 5, 1000));

    /* the window closes on the first, and with it on owner 2's loss */
    assert_true(ledger_header_contested(&header, 1100, 3, 1000));
    assert_true(ledger_header_contested(&header, 1101, 3, 1000));
    assert_false(ledger_header_contested(&header, 1201, 3, 1000));
    assert_true(ledger_header_contested(&header, 1201, 2, 1000));
    assert_false(ledger_header_contested(&header, 1401, 1, 1000));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_cut_at_every_byte),
        cmocka_unit_test(test_every_byte_changed),
        cmocka_unit_test(test_what_cannot_be),
        cmocka_unit_test(test_end),
        cmocka_unit_test(test_undecided),
        cmocka_unit_test(test_reconnect),
        cmocka_unit_test(test_place),
        cmocka_unit_test(test_place_scope),
        cmocka_unit_test(test_place_variable),
        cmocka_unit_test(test_header),
        cmocka_unit_test(test_contested)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
