
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * Random histories of all kinds of records, told to the ledger and to the
 * oracle.  Effects, verdicts, connections and slots must agree after every
 * batch; a second ledger gets the same records in batches of other sizes and
 * must end with the same rows.
 *
 *   test_oracle [SEED [RUNS [RECORDS]]]
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
#include "oracle.h"
#include "scene.h"


#define TOKENS_MAX    40000
#define BATCH_MAX     24
#define SAMPLE        40


typedef struct {
    uint64_t           random;
    const uint8_t     *choices;          /* NULL: by "random" */
    size_t             nchoices;
    uint64_t           seed;
    ledger_ms_t        now;
    ledger_token_id_t  tokens[TOKENS_MAX];
    uint32_t           ntokens;
    uint64_t           last;             /* about the newest connection */
    unsigned           policy;
    unsigned           grown;            /* n is one more from some time on */
    unsigned           forgetful;        /* sweeps delete, answers are kept */
    ledger_record_t    records[BATCH_MAX];
    char               texts[BATCH_MAX * 16][ORACLE_TEXT_SIZE];
    unsigned           ntexts;
    scene_t           *scene;
    scene_t           *twin;
    oracle_t          *oracle;
    ledger_effects_t   expected;
    ledger_record_t    pending[BATCH_MAX * 4];
} world_t;


static uint64_t  seed = 20240229;
static unsigned  runs = 60;
static unsigned  length = 1000;

static uint64_t  totals[32];
static uint64_t  replays;
static unsigned  most;                   /* for one token */
static uint64_t  contested, explained, returned;
static uint64_t  aliases, strangers;


/* The next of the choices that were given; 0 where they have ended. */

static unsigned
chosen(world_t *w, unsigned sides)
{
    unsigned  n;

    for (n = 0; w->nchoices; sides >>= 8) {
        n = n << 8 | *w->choices++;
        w->nchoices--;

        if (sides <= 256) {
            break;
        }
    }

    return n;
}


static unsigned
dice(world_t *w, unsigned sides)
{
    if (w->choices) {
        return chosen(w, sides) % sides;
    }

    /* xorshift64* */

    w->random ^= w->random >> 12;
    w->random ^= w->random << 25;
    w->random ^= w->random >> 27;

    return (unsigned) ((w->random * 2685821657736338717ull >> 33) % sides);
}


static ledger_slice_t
word(world_t *w, const char *prefix, unsigned kinds, unsigned unknown)
{
    char  *text;

    if (dice(w, 100) < unknown) {
        return ledger_slice("");
    }

    text = w->texts[w->ntexts++ % (BATCH_MAX * 16)];
    snprintf(text, ORACLE_TEXT_SIZE, "%s%u", prefix, dice(w, kinds));

    return scene_text(text);
}


static ledger_token_id_t
new_token(world_t *w)
{
    uint64_t            n;
    ledger_token_id_t  *id;

    assert_true(w->ntokens < TOKENS_MAX);

    id = &w->tokens[w->ntokens++];
    n = w->ntokens * 0x9e3779b97f4a7c15ull;

    memset(id, 0, sizeof(*id));
    memcpy(id->bytes, &n, sizeof(n));
    memcpy(id->bytes + 8, &w->ntokens, sizeof(w->ntokens));

    return *id;
}


/* Mostly a recent one. */

static ledger_token_id_t
old_token(world_t *w)
{
    uint32_t  recent;

    if (w->ntokens == 0) {
        return new_token(w);
    }

    recent = w->ntokens < 24 ? w->ntokens : 24;

    if (dice(w, 5)) {
        return w->tokens[w->ntokens - 1 - dice(w, recent)];
    }

    return w->tokens[dice(w, w->ntokens)];
}


static uint64_t
old_connection(world_t *w)
{
    size_t  n, i;

    n = oracle_connections(w->oracle);

    if (n == 0 || dice(w, 20) == 0) {
        return dice(w, 5000);
    }

    i = n < 12 || dice(w, 4) == 0 ? dice(w, (unsigned) n)
                                  : n - 1 - dice(w, 12);

    return oracle_connection_id(w->oracle, i);
}


static void
add_key(ledger_limit_t *limit, ledger_limit_key_kind_t kind)
{
    limit->keys[limit->nkeys++].kind = (uint8_t) kind;
}


static void
add_variable(world_t *w, ledger_limit_t *limit)
{
    ledger_limit_key_t  *key;

    key = &limit->keys[limit->nkeys++];
    key->kind = LEDGER_KEY_VARIABLE;
    key->name = scene_text("region");
    key->value = word(w, "r", 2, 10);
}


static void
limits(world_t *w, ledger_exchange_t *x)
{
    ledger_limit_t  *l;

    l = x->limits;

    switch (w->policy) {

    case 0:
        l[0].n = 1;
        add_key(&l[0], LEDGER_KEY_USER);
        add_key(&l[0], LEDGER_KEY_CLIENT);
        x->nlimits = 1;
        break;

    case 1:
        l[0].n = 2;
        add_key(&l[0], LEDGER_KEY_USER);
        l[1].n = 3;

        /* the order in which keys are written means nothing */

        if (dice(w, 2)) {
            add_key(&l[1], LEDGER_KEY_TENANT);
            add_key(&l[1], LEDGER_KEY_CLIENT);

        } else {
            add_key(&l[1], LEDGER_KEY_CLIENT);
            add_key(&l[1], LEDGER_KEY_TENANT);
        }

        x->nlimits = 2;
        break;

    case 2:
        l[0].n = 1;
        add_key(&l[0], LEDGER_KEY_TENANT);
        l[1].n = 2;
        add_key(&l[1], LEDGER_KEY_SCOPE);
        add_variable(w, &l[1]);
        l[2].n = 5;
        add_key(&l[2], LEDGER_KEY_CLIENT);
        x->nlimits = 3;
        break;

    case 3:
        /* the same slot twice */
        l[0].n = 3;
        add_key(&l[0], LEDGER_KEY_USER);
        l[1].n = 2;
        add_key(&l[1], LEDGER_KEY_USER);
        x->nlimits = 2;
        break;

    default:
        break;
    }

    if (w->grown && x->nlimits) {
        l[0].n++;
    }
}


static void
answer_tokens(world_t *w, ledger_exchange_t *x)
{
    unsigned         i, n;
    ledger_token_t  *t;

    n = 1 + (dice(w, 6) == 0) + (dice(w, 12) == 0);

    for (i = 0; i < n; i++) {
        t = &x->tokens[x->ntokens++];
        t->kind = LEDGER_ACCESS;
        t->key = SCENE_KEY;
        t->id = dice(w, 12) ? new_token(w) : old_token(w);

        switch (dice(w, 5)) {

        case 0:
            t->expires_at = 0;
            break;

        case 1:
            t->expires_at = w->now + dice(w, 60000);
            break;

        default:
            t->expires_at = w->now + SCENE_HOUR * (1 + dice(w, 30));
            break;
        }
    }

    n = dice(w, 10);

    for (i = 0; i < (n == 9 ? 2u : n > 2); i++) {
        t = &x->tokens[x->ntokens++];
        t->kind = LEDGER_REFRESH;
        t->key = SCENE_KEY;

        if (x->refresh && dice(w, 3) == 0) {
            t->id = x->presented;

        } else {
            t->id = dice(w, 10) ? new_token(w) : old_token(w);
        }

        t->expires_at = dice(w, 4) ? 0 : w->now + SCENE_DAY * dice(w, 40);
    }
}


static void
keep(world_t *w, ledger_exchange_t *x)
{
    char  *text;

    text = w->texts[w->ntexts++ % (BATCH_MAX * 16)];
    snprintf(text, ORACLE_TEXT_SIZE, "answer %u %u", dice(w, 1000), w->ntexts);

    /* the log has no answers, so what is told from it has none either */

    x->kept = w->forgetful ? scene_text(text) : ledger_slice("");
    x->kept_until = x->arrived_at + dice(w, 120000);
    memset(x->print, (int) dice(w, 3 * LEDGER_KEPT_ANSWERS_MAX),
           sizeof(x->print));
}


static void
exchange(world_t *w, ledger_record_t *r, unsigned refresh)
{
    ledger_exchange_t  *x;

    x = &r->u.exchange;
    r->kind = LEDGER_EXCHANGE;

    x->provider = word(w, "p", 2, 0);
    x->client = word(w, "c", 2, 8);
    x->user = word(w, "u", 3, 25);
    x->tenant = word(w, "t", 2, 35);
    x->login = word(w, "l", 3, 50);
    x->owner = word(w, "o", 3, 20);
    x->scope = dice(w, 3) ? ledger_slice("read write")
                          : dice(w, 2) ? ledger_slice("write,read read")
                                       : word(w, "s", 2, 30);
    x->grant = ledger_slice("authorization_code");

    x->arrived_at = w->now;
    x->sent_at = w->now - dice(w, dice(w, 2) ? 3 : 4000);
    x->idle = dice(w, 3) ? 0 : SCENE_HOUR * (1 + dice(w, 200));

    if (dice(w, 3) == 0) {
        x->issued_at = w->now + 500 - dice(w, 5000);
    }

    if (refresh) {
        x->refresh = 1;
        x->presented = dice(w, 12) ? old_token(w) : new_token(w);
    }

    if (dice(w, 4) == 0) {
        x->refresh_expires_at = w->now + SCENE_HOUR * dice(w, 1000);
    }

    x->refresh_ends_access = dice(w, 4) == 0;
    x->exempt = dice(w, 12) == 0;

    if (refresh && dice(w, 4)) {
        keep(w, x);
    }

    answer_tokens(w, x);
    limits(w, x);
}


static void
move_time(world_t *w)
{
    switch (dice(w, 40)) {

    case 0:
        w->now += SCENE_HOUR * dice(w, 30);
        break;

    case 1:
        w->now += SCENE_DAY * dice(w, 4);
        break;

    case 2:
        /* clocks of several machines */
        w->now -= dice(w, 2000);
        break;

    default:
        w->now += dice(w, dice(w, 2) ? 3 : 3000);
        break;
    }
}


static void
make_record(world_t *w, ledger_record_t *r)
{
    unsigned  roll;

    memset(r, 0, sizeof(ledger_record_t));
    move_time(w);

    r->at = w->now + dice(w, 3);
    roll = dice(w, 100);

    if (roll < 32) {
        exchange(w, r, 0);

    } else if (roll < 52) {
        exchange(w, r, 1);

    } else if (roll < 60) {
        r->kind = LEDGER_BINDING;
        r->u.binding.connection = old_connection(w);
        r->u.binding.user = word(w, "u", 3, 50);
        r->u.binding.tenant = word(w, "t", 2, 30);

    } else if (roll < 76) {
        r->kind = LEDGER_ANSWER;
        r->u.answer.token = old_token(w);
        oracle_judge(w->oracle, &r->u.answer.token, w->now,
                     &w->scene->judgement);
        r->u.answer.connection = w->scene->judgement.connection.id;
        r->u.answer.sent_at = w->now - dice(w, 1500);
        r->u.answer.alive = dice(w, 2);

    } else if (roll < 82) {
        r->kind = LEDGER_REFUSAL;
        r->u.refusal.presented = old_token(w);
        r->u.refusal.sent_at = w->now - dice(w, 1500);

    } else if (roll < 85) {
        r->kind = LEDGER_REVOCATION;
        r->u.revocation.token = old_token(w);
        r->u.revocation.whole = dice(w, 2);

    } else if (roll < 87) {
        r->kind = LEDGER_NOTE;
        r->u.note.event = LEDGER_EVENT_REJECTED;
        r->u.note.connection = dice(w, 2) ? old_connection(w) : 0;
        r->u.note.owner = word(w, "o", 3, 50);
        r->u.note.count = 1 + dice(w, 5);

    } else if (roll < 89) {
        r->kind = LEDGER_USE;
        r->u.use.connection = old_connection(w);

    } else if (roll < 91) {
        r->kind = LEDGER_RELEASE;
        r->u.order.connection = old_connection(w);

    } else if (roll < 94) {
        r->kind = LEDGER_REINSTATE;
        r->u.order.connection = old_connection(w);

    } else {
        r->kind = LEDGER_SWEEP;
        r->u.sweep.retention = dice(w, 8) ? SCENE_HOUR * (1 + dice(w, 60))
                                          : 0;
        r->u.sweep.max = dice(w, 3) ? 1 + dice(w, 8) : 1000;

        if (!w->forgetful) {
            r->u.sweep.retention = 10000 * SCENE_DAY;
        }
    }
}


static void
compare_effects(world_t *w)
{
    size_t                  i, n;
    const ledger_effect_t  *a, *b;

    n = w->expected.n < w->scene->effects.n ? w->expected.n
                                            : w->scene->effects.n;

    for (i = 0; i < n; i++) {
        a = &w->scene->effects.elts[i];
        b = &w->expected.elts[i];

        assert_int_equal(a->record, b->record);
        assert_int_equal(a->kind, b->kind);
        assert_int_equal(a->connection, b->connection);
        assert_int_equal(a->other, b->other);
        assert_int_equal(a->limit, b->limit);
        assert_int_equal(a->reconnect, b->reconnect);
        assert_int_equal(a->undecided, b->undecided);

        totals[a->kind]++;
    }

    assert_int_equal(w->scene->effects.n, w->expected.n);
}


static void
compare_slices(ledger_slice_t a, ledger_slice_t b)
{
    assert_int_equal(a.len, b.len);

    if (a.len) {
        assert_memory_equal(a.data, b.data, a.len);
    }
}


static void
compare_connections(const ledger_connection_t *a,
    const ledger_connection_t *b)
{
    assert_int_equal(a->id, b->id);
    assert_int_equal(a->state, b->state);

    compare_slices(a->provider, b->provider);
    compare_slices(a->client, b->client);
    compare_slices(a->user, b->user);
    compare_slices(a->tenant, b->tenant);
    compare_slices(a->login, b->login);
    compare_slices(a->owner, b->owner);
    compare_slices(a->scope, b->scope);

    assert_int_equal(a->age, b->age);
    assert_int_equal(a->sent_at, b->sent_at);
    assert_int_equal(a->opened_at, b->opened_at);
    assert_int_equal(a->refreshed_at, b->refreshed_at);
    assert_int_equal(a->last_used_at, b->last_used_at);
    assert_int_equal(a->ended_at, b->ended_at);
    assert_int_equal(a->access_expires_at, b->access_expires_at);
    assert_int_equal(a->refresh_expires_at, b->refresh_expires_at);
    assert_int_equal(a->idle, b->idle);
    assert_int_equal(a->superseded_by, b->superseded_by);
    assert_int_equal(a->superseded_limit, b->superseded_limit);
    assert_int_equal(a->access_floor, b->access_floor);
    assert_int_equal(a->nlimits, b->nlimits);
    assert_memory_equal(&a->refresh, &b->refresh, LEDGER_TOKEN_ID_SIZE);
    assert_memory_equal(&a->previous, &b->previous, LEDGER_TOKEN_ID_SIZE);

    assert_int_equal(a->has_refresh, b->has_refresh);
    assert_int_equal(a->has_previous, b->has_previous);
    assert_int_equal(a->exempt, b->exempt);
    assert_int_equal(a->adopted, b->adopted);
    assert_int_equal(a->issued, b->issued);
    assert_int_equal(a->undecided, b->undecided);
    assert_int_equal(a->reconnect, b->reconnect);
    assert_int_equal(a->released, b->released);
}


static void
compare_token(world_t *w, const ledger_token_id_t *id, ledger_ms_t now)
{
    ledger_judgement_t         *a;
    static ledger_judgement_t   b;

    a = &w->scene->judgement;

    assert_int_equal(ledger_judge(w->scene->ledger, id, 1, now, a),
                     LEDGER_OK);
    oracle_judge(w->oracle, id, now, &b);
    scene_look(w->scene, id, now, a);

    assert_int_equal(a->verdict, b.verdict);

    if (a->verdict == LEDGER_VERDICT_UNKNOWN) {
        return;
    }

    compare_connections(&a->connection, &b.connection);

    assert_memory_equal(&a->token, &b.token, LEDGER_TOKEN_ID_SIZE);
    assert_int_equal(a->token_expires_at, b.token_expires_at);
    assert_int_equal(a->rotated_at, b.rotated_at);
    assert_int_equal(a->kind, b.kind);
    assert_int_equal(a->undecided, b.undecided);
    assert_int_equal(a->preceding, b.preceding);
}


static void
compare_kept(world_t *w, const ledger_token_id_t *id, ledger_ms_t now)
{
    unsigned              n;
    ledger_rc_t           rc;
    static ledger_kept_t  a, b;

    a.number = LEDGER_KEPT_LATEST;

    for (n = 0; ; n++) {
        rc = oracle_kept(w->oracle, id, a.number, now, &b);

        assert_int_equal(ledger_kept(w->scene->ledger, id, a.number, now, &a),
                         rc);

        if (rc != LEDGER_OK) {
            break;
        }

        assert_int_equal(a.number, b.number);
        assert_int_equal(a.connection, b.connection);
        assert_int_equal(a.stored_at, b.stored_at);
        assert_memory_equal(a.print, b.print, sizeof(a.print));
        compare_slices(a.sealed, b.sealed);

        replays++;
    }

    assert_true(n <= LEDGER_KEPT_ANSWERS_MAX);
    most = n > most ? n : most;
}


static void
compare_aliases(world_t *w)
{
    char               provider[8], login[8];
    unsigned           i;
    ledger_rc_t        rc;
    ledger_identity_t  a, b;

    /* as word() makes them, and one that nobody has */

    for (i = 0; i < 2 * 4; i++) {
        snprintf(provider, sizeof(provider), "p%u", i / 4);
        snprintf(login, sizeof(login), "l%u", i % 4);

        rc = ledger_alias(w->scene->ledger, scene_text(provider),
                          scene_text(login), &a);

        assert_int_equal(rc, oracle_alias(w->oracle, scene_text(provider),
                                          scene_text(login), &b));

        if (rc != LEDGER_OK) {
            strangers += i % 4 < 3;
            continue;
        }

        compare_slices(a.user, b.user);
        compare_slices(a.tenant, b.tenant);

        aliases++;
    }
}


static void
compare_slots(world_t *w, uint64_t id, ledger_ms_t now)
{
    unsigned              i;
    ledger_rc_t           rc;
    ledger_slot_t         a, b;
    ledger_connection_t   c;
    static unsigned char  buf[LEDGER_CONNECTION_MAX];

    assert_int_equal(ledger_find(w->scene->ledger, id, &c, buf), LEDGER_OK);

    for (i = 0; i <= c.nlimits; i++) {
        memset(&a, 0, sizeof(a));

        rc = ledger_slot(w->scene->ledger, &c, i, now, 3, SCENE_DAY, &a);

        assert_int_equal(rc, oracle_slot(w->oracle, id, i, now, 3, SCENE_DAY,
                                         &b));

        if (rc != LEDGER_OK) {
            continue;
        }

        assert_int_equal(a.known, b.known);
        assert_int_equal(a.n, b.n);
        assert_int_equal(a.held, b.held);
        assert_int_equal(a.oldest, b.oldest);
        assert_int_equal(a.contested, b.contested);

        contested += a.contested;
    }
}


static void
compare_some(world_t *w)
{
    unsigned  i, n;

    n = w->ntokens < SAMPLE ? w->ntokens : SAMPLE;

    for (i = 0; i < n; i++) {
        compare_token(w, &w->tokens[w->ntokens - 1 - i], w->now);
        compare_token(w, &w->tokens[dice(w, w->ntokens)],
                      w->now + dice(w, 2) * SCENE_HOUR);
    }

    for (i = 0; i < w->ntokens; i++) {
        compare_kept(w, &w->tokens[i], w->now + (i % 8 == 0) * 60000);
    }

    compare_aliases(w);

    if (oracle_due(w->oracle, w->now, SCENE_DAY)) {
        assert_int_equal(ledger_due(w->scene->ledger, w->now, SCENE_DAY),
                         LEDGER_OK);
    }

    for (i = 0; i < 4 && oracle_connections(w->oracle); i++) {
        n = dice(w, (unsigned) oracle_connections(w->oracle));
        compare_slots(w, oracle_connection_id(w->oracle, n), w->now);
    }
}


static void
compare_all(world_t *w)
{
    size_t    i;
    uint32_t  t;

    for (t = 0; t < w->ntokens; t++) {
        compare_token(w, &w->tokens[t], w->now);
        compare_kept(w, &w->tokens[t], w->now);
    }

    for (i = 0; i < oracle_connections(w->oracle); i++) {
        compare_slots(w, oracle_connection_id(w->oracle, i), w->now);
    }
}


/* The twin gets what the ledger gets, cut in other places. */

static void
tell_twin(world_t *w, const ledger_record_t *records, unsigned n)
{
    unsigned  i, part;

    for (i = 0; i < n; i += part) {
        part = 1 + dice(w, n - i);
        w->twin->effects.n = 0;

        assert_int_equal(ledger_apply(w->twin->ledger, &records[i], part,
                                      &w->twin->effects), LEDGER_OK);
    }
}


static void
run(world_t *w)
{
    unsigned  told, i, n;

    for (told = 0; told < length; told += n) {
        n = 1 + dice(w, BATCH_MAX - 1);

        /* records of a batch do not know of each other, as in life */

        for (i = 0; i < n; i++) {
            make_record(w, &w->records[i]);
        }

        w->scene->effects.n = 0;
        w->expected.n = 0;

        assert_int_equal(ledger_apply(w->scene->ledger, w->records, n,
                                      &w->scene->effects), LEDGER_OK);
        oracle_apply(w->oracle, w->records, n, &w->expected);
        tell_twin(w, w->records, n);

        compare_effects(w);
        compare_some(w);

        if (dice(w, 20) == 0) {
            scene_close(w->scene);
            scene_open(w->scene);
            scene_check(w->scene);
            w->grown ^= dice(w, 3) == 0;
        }
    }

    scene_check(w->scene);
    compare_all(w);

    assert_int_equal(scene_dump(w->scene, 1), scene_dump(w->twin, 1));
}


static world_t *
create_world(uint64_t number, unsigned policy)
{
    world_t  *w;

    w = calloc(1, sizeof(world_t));
    assert_non_null(w);

    w->seed = number;
    w->random = w->seed * 0x9e3779b97f4a7c15ull | 1;
    w->now = SCENE_NOW;
    w->policy = policy;
    w->forgetful = 1;
    w->scene = scene_create(1u << 28);
    w->twin = scene_create(1u << 28);
    w->oracle = oracle_create();

    printf("# seed %llu\n", (unsigned long long) w->seed);

    return w;
}


static void
destroy_world(world_t *w)
{
    oracle_destroy(w->oracle);
    scene_destroy(w->scene);
    scene_destroy(w->twin);
    ledger_effects_free(&w->expected);
    free(w);
}


static void
check_turn(const world_t *w, const ledger_connection_t *before,
    const ledger_connection_t *after)
{
    unsigned                  ends;
    const ledger_exchange_t  *x;

    if (before->state == LEDGER_BROKEN && after->state == LEDGER_SUPERSEDED) {
        explained++;
    }

    /* nothing but its own fields tells who it is */

    assert_int_equal(before->id, after->id);
    assert_int_equal(before->age, after->age);
    assert_int_equal(before->opened_at, after->opened_at);

    if (before->state == LEDGER_REVOKED && !before->released) {
        assert_int_equal(after->state, LEDGER_REVOKED);
        assert_int_equal(before->ended_at, after->ended_at);
    }

    if (before->state == LEDGER_LIVE || after->state != LEDGER_LIVE) {
        return;
    }

    returned++;

    x = &w->records[0].u.exchange;
    ends = scene_effects(w->scene, LEDGER_REPAIRED)
           + scene_effects(w->scene, LEDGER_SWAPPED)
           + scene_effects(w->scene, LEDGER_CONTRADICTED)
           + scene_effects(w->scene, LEDGER_REINSTATED);
    assert_int_equal(ends, 1);
    assert_int_equal(scene_effects(w->scene, LEDGER_SUPERSESSION)
                     * !scene_effects(w->scene, LEDGER_BOUND), 0);

    switch (w->records[0].kind) {

    case LEDGER_REINSTATE:
        assert_int_equal(w->records[0].u.order.connection, after->id);
        break;

    case LEDGER_ANSWER:
        assert_int_equal(w->records[0].u.answer.connection, after->id);
        assert_int_equal(w->records[0].u.answer.alive, 1);
        assert_true(w->records[0].u.answer.sent_at > before->ended_at);
        break;

    default:
        assert_int_equal(w->records[0].kind, LEDGER_EXCHANGE);
        assert_int_equal(x->refresh, 1);
        assert_true(before->state == LEDGER_BROKEN
                    || before->state == LEDGER_EXPIRED
                    || x->sent_at > before->ended_at);
        break;
    }
}


/*
 * R5: what ended comes back only by the provider's or the operator's word,
 * and what was revoked by the provider never.
 */

static void
test_no_way_back(void **state)
{
    size_t                      i, n;
    unsigned                    told;
    world_t                    *w;
    ledger_connection_t         c;
    static uint64_t             ids[4096];
    static ledger_connection_t  before[4096];
    static unsigned char        buf[LEDGER_RECORD_MAX];

    (void) state;

    w = create_world(seed, 1);

    for (told = 0; told < 3 * length || explained == 0; told++) {
        make_record(w, &w->records[0]);

        n = oracle_connections(w->oracle);
        assert_true(n < 4096);

        for (i = 0; i < n; i++) {
            ids[i] = oracle_connection_id(w->oracle, i);
            assert_int_equal(ledger_find(w->scene->ledger, ids[i],
                                         &before[i], buf), LEDGER_OK);
        }

        scene_apply(w->scene, &w->records[0]);
        w->expected.n = 0;
        oracle_apply(w->oracle, w->records, 1, &w->expected);

        for (i = 0; i < n; i++) {

            if (ledger_find(w->scene->ledger, ids[i], &c, buf) == LEDGER_OK) {
                check_turn(w, &before[i], &c);
            }
        }
    }

    assert_true(explained > 0);
    assert_true(returned > 0);

    destroy_world(w);
}


static void
test_random_histories(void **state)
{
    unsigned   i;
    world_t   *w;

    (void) state;

    for (i = 0; i < runs; i++) {
        w = create_world(seed + i, i % 5);
        run(w);
        destroy_world(w);
    }

    /* a history in which a rule never applies proves nothing about it */

    for (i = LEDGER_CONNECTED; i < LEDGER_REJECTED_RECORD; i++) {
        printf("# effect %u: %llu times\n", i,
               (unsigned long long) totals[i]);
    }

    printf("# answers found: %llu, for one token %u\n",
           (unsigned long long) replays, most);

    for (i = LEDGER_CONNECTED; i < LEDGER_REJECTED_RECORD; i++) {
        assert_true(totals[i] > 0);
    }

    assert_true(replays > 0);
    assert_true(most > 1);
    assert_true(contested > 0);
    assert_true(aliases > 0);
    assert_true(strangers > 0);
}


/* The audit log is the list of applied records: told again, it is all. */

static void
test_log_told_again(void **state)
{
    size_t                  n;
    unsigned                told;
    MDB_val                 key, value;
    world_t                *w;
    MDB_cursor             *cursor;
    ledger_view_t           view;
    static ledger_record_t  record;

    (void) state;

    w = create_world(seed, 2);
    w->forgetful = 0;

    for (told = 0; told < length; told++) {
        make_record(w, &w->records[0]);

        if (w->records[0].kind == LEDGER_NOTE) {
            /* an event that the log does not tell of */
            continue;
        }

        scene_apply(w->scene, &w->records[0]);
        w->expected.n = 0;
        oracle_apply(w->oracle, w->records, 1, &w->expected);
    }

    n = 0;

    assert_int_equal(ledger_store_read(w->scene->ledger, &view), LEDGER_OK);
    assert_int_equal(mdb_cursor_open(view.txn,
                                     w->scene->ledger->tables[LEDGER_LOG],
                                     &cursor), 0);

    while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0) {
        assert_int_equal(ledger_record_decode(value.mv_data, value.mv_size,
                                              &record), LEDGER_OK);
        scene_apply(w->twin, &record);
        n++;
    }

    mdb_cursor_close(cursor);
    ledger_store_read_end(&view);

    /* what had no effect was left out */
    assert_true(n < length);
    assert_true(n > length / 2);

    assert_int_equal(scene_dump(w->scene, 1), scene_dump(w->twin, 1));

    destroy_world(w);
}


int
main(int argc, char **argv)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_random_histories),
        cmocka_unit_test(test_no_way_back),
        cmocka_unit_test(test_log_told_again)
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
