
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * The life of a connection in every order of what can happen to it: connect,
 * refresh, replay, revoke, break, repair, expiry, release, reinstate and so
 * on, one record at a time.  After each one, for all connections and tokens:
 *
 *  - only what may change a connection has changed it;
 *  - an answer is given again only by a live connection, to its current
 *    refresh token or the one before, unchanged, inside its window, and
 *    without a revoked token in it; and then it is given;
 *  - what was revoked stays so, except that reinstate takes back a release;
 *  - what was rotated stays so.
 *
 *   test_life [SEED [RUNS [RECORDS]]]
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


#define LIVES      24
#define TOKENS     64
#define WINDOW     60000
#define TEXT_SIZE  24
#define PRINTS     3               /* different requests with a token */


typedef enum {
    CONNECT = 0,
    REFRESH,
    REFRESH_LATE,                        /* sent before the end, or not */
    REPLAY,
    REVOKE,
    REVOKE_TOKEN,
    BREAK,
    DEAD,
    ALIVE,
    EXPIRE,
    RELEASE,
    REINSTATE,
    USE,
    REOPEN,
    EVENTS
} event_t;


static const char  *event_names[EVENTS] = {
    "connect", "refresh", "late refresh", "replay", "revoke", "revoke token",
    "break", "dead", "alive", "expire", "release", "reinstate", "use",
    "reopen"
};


/* Kept for one request with a token. */

typedef struct {
    char          text[TEXT_SIZE];       /* "": none */
    ledger_ms_t   stored_at, until;
    int           brought[2];            /* indexes of tokens; -1: none */
} answer_t;


typedef struct {
    char          name[TEXT_SIZE];
    unsigned      refresh:1;
    unsigned      rotated:1;
    unsigned      revoked:1;
    unsigned      dead:1;

    answer_t      answers[PRINTS];
} token_t;


typedef struct {
    uint64_t             id;
    token_t              tokens[TOKENS];
    int                  ntokens;
    int                  current, previous;    /* -1: none */
    event_t              last;
    ledger_connection_t  before;
} life_t;


static scene_t      *s;
static life_t        lives[LIVES];
static int           nlives, last;
static ledger_ms_t   now;
static uint64_t      chance;
static unsigned      names;

static uint64_t  seed = 20240301;
static unsigned  runs = 20;
static unsigned  length = 1500;

static unsigned  pairs[EVENTS][EVENTS];
static unsigned  turns[LEDGER_EXPIRED + 1][LEDGER_EXPIRED + 1];
static unsigned  given, several, refused;


static unsigned
dice(unsigned sides)
{
    /* xorshift64* */

    chance ^= chance >> 12;
    chance ^= chance << 25;
    chance ^= chance >> 27;

    return (unsigned) ((chance * 2685821657736338717ull >> 33) % sides);
}


static int
add_token(life_t *life, unsigned refresh)
{
    token_t  *t;

    assert_true(life->ntokens < TOKENS);

    t = &life->tokens[life->ntokens];

    memset(t, 0, sizeof(*t));
    snprintf(t->name, sizeof(t->name), "%c%u", refresh ? 'r' : 'a', names++);
    t->refresh = refresh & 1;

    return life->ntokens++;
}


/* Mostly the newest. */

static token_t *
some_token(life_t *life, unsigned refresh)
{
    int       i, n;
    token_t  *found;

    found = NULL;
    n = dice(3) ? 1 : 1 + (int) dice(6);

    for (i = life->ntokens; i-- && n; ) {

        if (life->tokens[i].refresh == refresh) {
            found = &life->tokens[i];
            n--;
        }
    }

    return found;
}


static void
forget(token_t *t)
{
    int  i;

    for (i = 0; i < PRINTS; i++) {
        t->answers[i].text[0] = '\0';
    }
}


static void
open_life(life_t *life)
{
    char             owner[8], user[8];
    token_t         *access, *refresh;
    ledger_record_t  record;

    memset(life, 0, sizeof(*life));
    life->previous = -1;

    access = &life->tokens[add_token(life, 0)];
    life->current = dice(6) ? add_token(life, 1) : -1;
    refresh = life->current >= 0 ? &life->tokens[life->current] : NULL;

    snprintf(owner, sizeof(owner), "o%u", dice(3));
    snprintf(user, sizeof(user), "u%u", dice(4));

    record = scene_connect(owner, user, access->name,
                           refresh ? refresh->name : NULL, now);
    record.u.exchange.idle = dice(2) ? 0 : WINDOW + dice(4 * WINDOW);
    scene_apply(s, &record);

    assert_int_equal(scene_effects(s, LEDGER_CONNECTED), 1);
    life->id = scene_effect(s, LEDGER_CONNECTED)->connection;
}


/* R3, told once more, and what is kept of the answer. */

static void
learn(life_t *life, token_t *presented, int access, int newer,
    const ledger_exchange_t *x)
{
    answer_t  *a;

    if (newer >= 0) {

        if (!presented->rotated) {
            presented->rotated = 1;
            life->previous = (int) (presented - life->tokens);
        }

        life->current = newer;

    } else if (life->current < 0) {
        life->current = (int) (presented - life->tokens);
    }

    if (x->kept.len == 0) {
        forget(presented);
        return;
    }

    a = &presented->answers[x->print[0]];
    a->text[0] = '\0';

    if (!presented->revoked) {
        memcpy(a->text, x->kept.data, x->kept.len);
        a->text[x->kept.len] = '\0';
        a->stored_at = x->arrived_at;
        a->until = x->kept_until;
        a->brought[0] = access;
        a->brought[1] = newer;
    }
}


static void
refresh_life(life_t *life, unsigned late)
{
    int                  access, newer;
    char                 answer[TEXT_SIZE];
    token_t             *presented;
    ledger_record_t      record;
    ledger_exchange_t   *x;
    ledger_connection_t  c;
    static unsigned char buf[LEDGER_CONNECTION_MAX];

    presented = some_token(life, 1);

    if (presented == NULL) {
        return;
    }

    assert_int_equal(ledger_find(s->ledger, life->id, &c, buf), LEDGER_OK);

    access = dice(8) ? add_token(life, 0) : -1;
    newer = access < 0 || dice(2) ? add_token(life, 1) : -1;

    record = scene_refresh(presented->name,
                           access >= 0 ? life->tokens[access].name : NULL,
                           newer >= 0 ? life->tokens[newer].name : NULL, now);

    x = &record.u.exchange;
    x->sent_at = late ? now - dice(3 * WINDOW) : now;
    x->idle = dice(2) ? 0 : WINDOW + dice(4 * WINDOW);

    snprintf(answer, sizeof(answer), "answer %u", names++);

    if (dice(6)) {
        scene_keep(&record, answer, (int) dice(PRINTS),
                   now + dice(2 * WINDOW));
    }

    scene_apply(s, &record);

    if (c.state == LEDGER_REVOKED && x->sent_at > c.ended_at) {
        /* R5: another connection, which is nobody's here */
        assert_int_equal(scene_effects(s, LEDGER_ADOPTED), 1);
        life->ntokens -= (access >= 0) + (newer >= 0);
        forget(presented);
        return;
    }

    assert_int_equal(scene_effects(s, LEDGER_REFRESHED), 1);

    learn(life, presented, access, newer, x);
}


/* One of those that were kept for token "i". */

static void
replay_answer(const life_t *life, int i, const ledger_kept_t *kept)
{
    int              brought;
    const token_t   *t;
    const answer_t  *a;

    t = &life->tokens[i];

    assert_true(kept->print[0] < PRINTS);
    assert_int_equal(kept->print[LEDGER_PRINT_SIZE - 1], kept->print[0]);

    a = &t->answers[kept->print[0]];

    assert_int_equal(kept->connection, life->id);
    assert_int_equal(kept->stored_at, a->stored_at);
    assert_int_equal(kept->sealed.len, strlen(a->text));
    assert_memory_equal(kept->sealed.data, a->text, kept->sealed.len);
    assert_true(now <= a->until);

    assert_false(t->revoked);

    for (brought = 0; brought < 2; brought++) {

        if (a->brought[brought] < 0) {
            continue;
        }

        assert_false(life->tokens[a->brought[brought]].revoked);
        assert_false(i == life->current
                     && life->tokens[a->brought[brought]].dead);
    }
}


static void
replay(life_t *life)
{
    token_t               *t;
    ledger_token_id_t      id;
    ledger_connection_t    c;
    static ledger_kept_t   kept;
    static unsigned char   buf[LEDGER_CONNECTION_MAX];
    int                    i, p;
    unsigned               may, n;

    assert_int_equal(ledger_find(s->ledger, life->id, &c, buf), LEDGER_OK);

    for (i = 0; i < life->ntokens; i++) {
        t = &life->tokens[i];
        id = scene_token(t->name);

        may = c.state == LEDGER_LIVE
              && (i == life->current || i == life->previous)
              && (ledger_connection_end(&c) == 0
                  || ledger_connection_end(&c) > now);

        for (n = 0, p = 0; may && p < PRINTS; p++) {
            n += t->answers[p].text[0] && now <= t->answers[p].until;
        }

        refused += n == 0 && t->refresh;
        given += n;
        several += n > 1;

        kept.number = LEDGER_KEPT_LATEST;

        for ( /* void */ ; n; n--) {
            assert_int_equal(ledger_kept(s->ledger, &id, kept.number, now,
                                         &kept), LEDGER_OK);
            replay_answer(life, i, &kept);
        }

        assert_int_equal(ledger_kept(s->ledger, &id, kept.number, now, &kept),
                         LEDGER_NOT_FOUND);
    }
}


/* The answers that the token is in. */

static void
take_back(life_t *life, const token_t *token, unsigned current_only)
{
    int        i, p, n;
    answer_t  *a;

    n = (int) (token - life->tokens);

    for (i = 0; i < life->ntokens; i++) {

        if (current_only && i != life->current) {
            continue;
        }

        for (p = 0; p < PRINTS; p++) {
            a = &life->tokens[i].answers[p];

            if (a->brought[0] == n || a->brought[1] == n) {
                a->text[0] = '\0';
            }
        }
    }
}


static void
revoke_token(life_t *life)
{
    token_t          *t;
    ledger_record_t   record;

    t = some_token(life, dice(3) == 0);

    if (t == NULL) {
        return;
    }

    record = scene_revocation(t->name, 0, now);
    scene_apply(s, &record);
    assert_int_equal(scene_effects(s, LEDGER_REVOCATION_DONE), !t->revoked);

    t->revoked = 1;
    forget(t);
    take_back(life, t, 0);

    if (life->current >= 0 && t == &life->tokens[life->current]) {
        life->current = -1;
    }
}


static void
answer(life_t *life, unsigned alive)
{
    token_t          *t;
    unsigned          live;
    ledger_record_t   record;

    t = some_token(life, 0);

    if (t == NULL) {
        return;
    }

    live = life->before.state == LEDGER_LIVE;

    record = scene_answer(life->id, t->name, alive, now);
    scene_apply(s, &record);

    if (!alive && live && !t->dead) {
        assert_int_equal(scene_effects(s, LEDGER_TOKEN_DEAD), 1);
        t->dead = 1;
        take_back(life, t, 1);
    }

    if (alive && (life->before.state == LEDGER_SUPERSEDED
                  || life->before.state == LEDGER_BROKEN))
    {
        t->dead = 0;
    }
}


static void
happen(life_t *life, event_t event)
{
    token_t          *t;
    ledger_record_t   record;

    switch (event) {

    case REFRESH:
    case REFRESH_LATE:
        refresh_life(life, event == REFRESH_LATE);
        return;

    case REVOKE_TOKEN:
        revoke_token(life);
        return;

    case DEAD:
    case ALIVE:
        answer(life, event == ALIVE);
        return;

    case REVOKE:
        t = some_token(life, 0);
        record = scene_revocation((t ? t : life->tokens)->name, 1, now);
        break;

    case BREAK:
        t = some_token(life, 1);

        if (t == NULL) {
            return;
        }

        record = scene_refusal(t->name, now);
        break;

    case EXPIRE:
        now += dice(3) ? dice(5 * WINDOW) : SCENE_HOUR;
        record = scene_sweep(now, 90 * SCENE_DAY, dice(2) ? 1 : 100);
        break;

    case RELEASE:
    case REINSTATE:
    case USE:
        record = scene_order(event == RELEASE ? LEDGER_RELEASE
                             : event == USE ? LEDGER_USE : LEDGER_REINSTATE,
                             life->id, now);
        break;

    case REOPEN:
        scene_close(s);
        scene_open(s);
        return;

    default: /* REPLAY; all of them are tried after each event */
        return;
    }

    scene_apply(s, &record);
}


/* Which event may turn a connection from one state to another. */

static unsigned
may_turn(event_t event, unsigned own, const ledger_connection_t *before,
    const ledger_connection_t *after)
{
    unsigned  from, to;

    from = before->state;
    to = after->state;

    if (from == LEDGER_REVOKED) {
        return to == LEDGER_LIVE && own && event == REINSTATE
               && before->released;
    }

    switch (to) {

    case LEDGER_LIVE:
        if (!own) {
            return 0;
        }

        if (event == REFRESH || event == REFRESH_LATE) {
            return 1;
        }

        return (event == ALIVE || event == REINSTATE)
               && from != LEDGER_EXPIRED;

    case LEDGER_SUPERSEDED:
        /* by who connects, or is swapped with it (R1) */

        return from != LEDGER_EXPIRED
               && ((event == CONNECT && !own)
                   || ((event == REFRESH || event == REFRESH_LATE
                        || event == ALIVE) && !own
                       && scene_effects(s, LEDGER_SWAPPED)));

    case LEDGER_REVOKED:
        return own && ((event == REVOKE && !after->released)
                       || (event == RELEASE && after->released
                           && (from == LEDGER_LIVE
                               || from == LEDGER_BROKEN)));

    case LEDGER_BROKEN:
        return own && from == LEDGER_LIVE
               && (event == BREAK || (event == DEAD && !before->has_refresh));

    default: /* LEDGER_EXPIRED */
        return from == LEDGER_LIVE && after->ended_at <= now
               && after->ended_at == ledger_connection_end(before);
    }
}


static void
check_life(life_t *life, event_t event, unsigned own)
{
    int                    i, p;
    token_t               *t;
    unsigned               verdict;
    ledger_connection_t    c;
    static unsigned char   buf[LEDGER_CONNECTION_MAX];

    assert_int_equal(ledger_find(s->ledger, life->id, &c, buf), LEDGER_OK);

    if (c.state != life->before.state) {
        turns[life->before.state][c.state]++;

        if (!may_turn(event, own, &life->before, &c)) {
            fail_msg("%s of %s connection: %u -> %u", event_names[event],
                     own ? "this" : "another", life->before.state, c.state);
        }
    }

    /* what ended takes its answers with it, whatever comes back */

    for (i = 0; i < life->ntokens; i++) {
        t = &life->tokens[i];

        if (c.state != LEDGER_LIVE
            || (i != life->current && i != life->previous))
        {
            forget(t);
        }

        for (p = 0; event == EXPIRE && p < PRINTS; p++) {

            if (t->answers[p].until < now) {
                t->answers[p].text[0] = '\0';
            }
        }

        verdict = scene_judge(s, t->name, now);

        if (t->revoked || c.state == LEDGER_REVOKED) {
            assert_int_equal(verdict, LEDGER_VERDICT_REVOKED);

        } else if (c.state == LEDGER_LIVE && t->rotated) {
            assert_true(verdict == LEDGER_VERDICT_ROTATED
                        || verdict == LEDGER_VERDICT_EXPIRED);
            assert_int_equal(s->judgement.preceding, i == life->previous);

        } else {
            assert_int_not_equal(verdict, LEDGER_VERDICT_UNKNOWN);
        }

        assert_int_equal(s->judgement.connection.id, life->id);
    }

    replay(life);
}


static void
step(void)
{
    int                    i, n;
    event_t                event;
    static unsigned char   buf[LEDGER_CONNECTION_MAX];

    now += dice(4) ? dice(50) : dice(WINDOW);
    event = (event_t) dice(EVENTS);

    for (i = 0; i < nlives; i++) {
        assert_int_equal(ledger_find(s->ledger, lives[i].id,
                                     &lives[i].before, buf), LEDGER_OK);
        memset(&lives[i].before.provider, 0, sizeof(ledger_slice_t));
    }

    /* mostly the same again; one that has seen enough makes room */

    n = nlives ? (int) dice((unsigned) nlives) : 0;
    n = dice(2) && last < nlives ? last : n;

    if (nlives == 0 || event == CONNECT || lives[n].ntokens > TOKENS - 2) {
        n = nlives < LIVES ? nlives++ : (int) dice(LIVES);
        event = CONNECT;

        open_life(&lives[n]);
        assert_int_equal(ledger_find(s->ledger, lives[n].id,
                                     &lives[n].before, buf), LEDGER_OK);

    } else {
        happen(&lives[n], event);
        pairs[lives[n].last][event]++;
    }

    lives[n].last = event;
    last = n;

    for (i = 0; i < nlives; i++) {
        check_life(&lives[i], event, i == n);
    }
}


static void
test_every_order(void **state)
{
    unsigned  i, k;

    (void) state;

    for (i = 0; i < runs; i++) {
        printf("# seed %llu\n", (unsigned long long) seed + i);

        chance = (seed + i) * 0x9e3779b97f4a7c15ull | 1;
        now = SCENE_NOW;
        names = 0;
        nlives = 0;
        last = 0;
        s = scene_create(1u << 28);

        for (k = 0; k < length; k++) {
            step();
        }

        scene_check(s);
        scene_destroy(s);
    }

    printf("# answers given again: %u, several for a token: %u, "
           "refused: %u\n", given, several, refused);

    for (i = 0; i < EVENTS; i++) {
        for (k = REFRESH; k < EVENTS; k++) {

            if (pairs[i][k] == 0) {
                fail_msg("never seen: %s, then %s", event_names[i],
                         event_names[k]);
            }
        }
    }

    for (i = LEDGER_LIVE; i <= LEDGER_EXPIRED; i++) {
        for (k = LEDGER_LIVE; k <= LEDGER_EXPIRED; k++) {
            printf("# state %u to %u: %u times\n", i, k, turns[i][k]);
        }
    }

    /* every way out of each state, and no other */

    for (k = LEDGER_SUPERSEDED; k <= LEDGER_EXPIRED; k++) {
        assert_true(turns[LEDGER_LIVE][k] > 0);
        assert_true(turns[k][LEDGER_LIVE] > 0);
    }

    assert_true(turns[LEDGER_SUPERSEDED][LEDGER_REVOKED] > 0);
    assert_true(turns[LEDGER_BROKEN][LEDGER_REVOKED] > 0);
    assert_true(turns[LEDGER_EXPIRED][LEDGER_REVOKED] > 0);
    assert_true(given > 0);
    assert_true(several > 0);
}


int
main(int argc, char **argv)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_every_order)
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
