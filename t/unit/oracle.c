
/*
 * Copyright (C) The OAuth gateway authors
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE  /* strtok_r() */
#endif

#include "oracle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ledger_place.h"


#define DAY       86400000ull
#define HOUR      3600000ull
#define KEY_SIZE  400


typedef struct {
    char               text[ORACLE_TEXT_SIZE];
} text_t;


typedef struct {
    uint64_t           id;
    int                state;
    text_t             provider, client, user, tenant, login, owner, scope;
    uint64_t           age, sent_at, opened_at, refreshed_at, used_at;
    uint64_t           ended_at, access_end, refresh_end, idle, by, floor;
    int                by_limit;
    int                adopted, issued, exempt, undecided, reconnect;
    int                released, has_refresh, has_previous;
    ledger_token_id_t  refresh, previous;

    int                nlimits;
    int                n[LEDGER_LIMITS_MAX];
    int                nkeys[LEDGER_LIMITS_MAX];
    int                kind[LEDGER_LIMITS_MAX][LEDGER_LIMIT_KEYS_MAX];
    text_t             name[LEDGER_LIMITS_MAX][LEDGER_LIMIT_KEYS_MAX];
    text_t             value[LEDGER_LIMITS_MAX][LEDGER_LIMIT_KEYS_MAX];
    ledger_connection_t  *original;      /* what ledger_place() needs */

    char               key[LEDGER_LIMITS_MAX][KEY_SIZE];  /* "": no slot */
    int                in[LEDGER_LIMITS_MAX];
    int                counted;          /* in its tenant */
} connection_t;


typedef struct {
    ledger_token_id_t  id;
    uint64_t           connection, expires_at, rotated_at, sequence, due_at;
    int                kind, dead, revoked, exempt;
} token_t;


typedef struct {
    uint64_t           at;
    text_t             winner, loser;
} contest_t;


typedef struct {
    char               key[KEY_SIZE];
    ledger_slot_id_t   id;               /* orders a sweep, no more */
    int                n;
    uint64_t           left_at;
    contest_t          contests[LEDGER_CONTESTS_MAX];
    int                ncontests;
} slot_t;


typedef struct {
    ledger_token_id_t  presented;
    ledger_token_id_t  tokens[LEDGER_TOKENS_MAX];
    uint32_t           ntokens;
    uint64_t           number, connection, stored_at, until;
    unsigned char      print[LEDGER_PRINT_SIZE];
    unsigned char      sealed[ORACLE_KEPT_SIZE];
    size_t             len;
} kept_t;


typedef struct {
    text_t             provider, login, user, tenant;
    uint64_t           seen_at;
    ledger_alias_id_t  id;               /* orders a sweep, no more */
} alias_t;


struct oracle_s {
    connection_t     **connections;
    size_t             nconnections;
    token_t           *tokens;
    size_t             ntokens;
    slot_t            *slots;
    size_t             nslots;
    kept_t            *kept;
    size_t             nkept;
    alias_t           *aliases;
    size_t             naliases;
    uint64_t           sequence;

    uint64_t           now;
    int                changed;
    connection_t      *newcomer;         /* of a user new to its tenant */
    uint32_t           index;
    ledger_effects_t  *effects;
};


static void *
more(void *array, size_t size)
{
    void  *p;

    p = realloc(array, size ? size : 1);
    if (p == NULL) {
        abort();
    }

    return p;
}


static text_t
text(ledger_slice_t slice)
{
    text_t  t;

    if (slice.len >= ORACLE_TEXT_SIZE) {
        abort();
    }

    memset(&t, 0, sizeof(t));

    if (slice.len) {
        memcpy(t.text, slice.data, slice.len);
    }

    return t;
}


static ledger_slice_t
slice(const text_t *t)
{
    return (ledger_slice_t) { (const unsigned char *) t->text,
                              strlen(t->text) };
}


static int
known(const text_t *t)
{
    return t->text[0] != '\0';
}


static int
same(const text_t *a, const text_t *b)
{
    return strcmp(a->text, b->text) == 0;
}


static int
same_id(const ledger_token_id_t *a, const ledger_token_id_t *b)
{
    return memcmp(a, b, sizeof(ledger_token_id_t)) == 0;
}


static void
effect(oracle_t *o, int kind, uint64_t connection, uint64_t other, int limit,
    int reconnect, int undecided)
{
    ledger_effects_t  *e = o->effects;
    ledger_effect_t   *elt;

    if (e->n == e->allocated) {
        e->allocated = e->allocated * 2 + 8;
        e->elts = more(e->elts, e->allocated * sizeof(ledger_effect_t));
    }

    elt = &e->elts[e->n++];
    memset(elt, 0, sizeof(ledger_effect_t));

    elt->kind = (uint8_t) kind;
    elt->connection = connection;
    elt->other = other;
    elt->limit = (uint8_t) limit;
    elt->record = o->index;
    elt->reconnect = reconnect ? 1 : 0;
    elt->undecided = undecided ? 1 : 0;
}


static connection_t *
find(const oracle_t *o, uint64_t id)
{
    size_t  i;

    for (i = 0; i < o->nconnections; i++) {
        if (o->connections[i]->id == id) {
            return o->connections[i];
        }
    }

    return NULL;
}


static token_t *
find_token(const oracle_t *o, const ledger_token_id_t *id)
{
    size_t  i;

    for (i = 0; i < o->ntokens; i++) {
        if (same_id(&o->tokens[i].id, id)) {
            return &o->tokens[i];
        }
    }

    return NULL;
}


static void
drop_token(oracle_t *o, token_t *t)
{
    *t = o->tokens[--o->ntokens];
    o->changed = 1;
}


/* Slots: their name is a text with sorted keys in it. */


static int
compare_text(const void *a, const void *b)
{
    return strcmp(a, b);
}


static void
scope_words(const text_t *scope, char *out)
{
    char    copy[ORACLE_TEXT_SIZE], words[ORACLE_TEXT_SIZE][ORACLE_TEXT_SIZE];
    char   *word, *state;
    size_t  i, n = 0;

    strcpy(copy, scope->text);
    memset(words, 0, sizeof(words));

    for (word = strtok_r(copy, " ,", &state); word;
         word = strtok_r(NULL, " ,", &state))
    {
        strcpy(words[n++], word);
    }

    qsort(words, n, ORACLE_TEXT_SIZE, compare_text);

    *out = '\0';

    for (i = 0; i < n; i++) {
        if (i == 0 || strcmp(words[i], words[i - 1]) != 0) {
            strcat(out, words[i]);
            strcat(out, " ");
        }
    }
}


static void
name_slot(connection_t *c, int limit)
{
    char   *key = c->key[limit];
    char    lines[LEDGER_LIMIT_KEYS_MAX][ORACLE_TEXT_SIZE * 3];
    char    scope[ORACLE_TEXT_SIZE * 2];
    text_t  value;
    int     i;

    *key = '\0';

    for (i = 0; i < c->nkeys[limit]; i++) {
        memset(lines[i], 0, sizeof(lines[i]));

        switch (c->kind[limit][i]) {

        case LEDGER_KEY_USER:
            value = c->user;
            break;

        case LEDGER_KEY_TENANT:
            value = c->tenant;
            break;

        case LEDGER_KEY_CLIENT:
            value = c->client;
            break;

        case LEDGER_KEY_SCOPE:
            scope_words(&c->scope, scope);
            sprintf(lines[i], "scope=%s", scope);
            continue;

        default:
            value = c->value[limit][i];
            break;
        }

        if (!known(&value)) {
            return;
        }

        sprintf(lines[i], "%d:%s=%s", c->kind[limit][i],
                c->name[limit][i].text, value.text);
    }

    qsort(lines, (size_t) c->nkeys[limit], sizeof(lines[0]), compare_text);

    sprintf(key, "%s", c->provider.text);

    for (i = 0; i < c->nkeys[limit]; i++) {
        strcat(key, "\n");
        strcat(key, lines[i]);
    }
}


static void
name_slots(connection_t *c)
{
    int  i;

    for (i = 0; i < c->nlimits; i++) {
        name_slot(c, i);
    }
}


/* Whether a limit means a slot: all identities are known. */

static int
has_slot(const connection_t *c, int limit)
{
    return c->key[limit][0] != '\0';
}


static slot_t *
find_slot(const oracle_t *o, const char *key)
{
    size_t  i;

    for (i = 0; i < o->nslots; i++) {
        if (strcmp(o->slots[i].key, key) == 0) {
            return &o->slots[i];
        }
    }

    return NULL;
}


static int
is_member(const connection_t *c, const char *key)
{
    int  i;

    for (i = 0; i < c->nlimits; i++) {
        if (c->in[i] && strcmp(c->key[i], key) == 0) {
            return 1;
        }
    }

    return 0;
}


static int
younger(const connection_t *a, const connection_t *b)
{
    return a->age != b->age ? a->age > b->age : a->id > b->id;
}


static int
count_members(const oracle_t *o, const char *key)
{
    size_t  i;
    int     n = 0;

    for (i = 0; i < o->nconnections; i++) {
        n += is_member(o->connections[i], key);
    }

    return n;
}


static connection_t *
extreme(const oracle_t *o, const char *key, int youngest)
{
    size_t         i;
    connection_t  *c, *found = NULL;

    for (i = 0; i < o->nconnections; i++) {
        c = o->connections[i];

        if (is_member(c, key)
            && (found == NULL
                || (youngest ? younger(c, found) : younger(found, c))))
        {
            found = c;
        }
    }

    return found;
}


static uint64_t
plus(uint64_t a, uint64_t b)
{
    return a + b < a ? UINT64_MAX : a + b;
}


/* When a live connection ends; 0: never. */

static uint64_t
end_of(const connection_t *c)
{
    uint64_t  end, idle;

    if (c->has_refresh) {
        end = c->refresh_end;

        if (end && c->access_end > end) {
            end = c->access_end;
        }

    } else {
        end = c->access_end;
    }

    if (c->idle) {
        idle = plus(c->used_at, c->idle);

        if (end == 0 || idle < end) {
            end = idle;
        }
    }

    return end;
}


static int
over(const connection_t *c, uint64_t now)
{
    return end_of(c) && end_of(c) <= now;
}


static void
leave(oracle_t *o, connection_t *c)
{
    int      i;
    slot_t  *slot;

    for (i = 0; i < c->nlimits; i++) {
        if (c->in[i]) {
            slot = find_slot(o, c->key[i]);
            slot->left_at = o->now;
        }
    }

    memset(c->in, 0, sizeof(c->in));
    c->counted = 0;
    o->changed = 1;
}


static void
end(oracle_t *o, connection_t *c, int state, uint64_t at)
{
    leave(o, c);

    c->state = state;
    c->ended_at = at;
    c->undecided = 0;
}


/* Tenants: whose live connections they have. */


static int
same_tenant(const connection_t *a, const connection_t *b)
{
    return same(&a->provider, &b->provider) && same(&a->client, &b->client)
           && same(&a->tenant, &b->tenant);
}


static int
compare_users(const void *a, const void *b)
{
    uint64_t             i, j;
    const connection_t  *one = *(connection_t *const *) a;
    const connection_t  *two = *(connection_t *const *) b;

    if (ledger_place_owner(slice(&one->user), &i) != LEDGER_OK
        || ledger_place_owner(slice(&two->user), &j) != LEDGER_OK)
    {
        abort();
    }

    if (i != j) {
        return i < j ? -1 : 1;
    }

    return one->id < two->id ? -1 : one->id > two->id;
}


/* A live connection of the tenant, of the same user or of another one. */

static const connection_t *
neighbour(const oracle_t *o, const connection_t *c, int same_user)
{
    size_t               i, n = 0;
    connection_t        *other, **found;
    const connection_t  *result = NULL;

    found = more(NULL, o->nconnections * sizeof(connection_t *));

    for (i = 0; i < o->nconnections; i++) {
        other = o->connections[i];

        if (other != c && other->counted && same_tenant(other, c)
            && same(&other->user, &c->user) == same_user)
        {
            found[n++] = other;
        }
    }

    qsort(found, n, sizeof(connection_t *), compare_users);

    for (i = 0; i < n && i < LEDGER_TENANT_LOOKS && result == NULL; i++) {
        if (!over(found[i], o->now)) {
            result = found[i];
        }
    }

    free(found);

    return result;
}


static void
enter_tenant(oracle_t *o, connection_t *c)
{
    if (c->counted || c->state != LEDGER_LIVE || c->exempt
        || !known(&c->client) || !known(&c->user) || !known(&c->tenant))
    {
        return;
    }

    if (neighbour(o, c, 1) == NULL) {
        o->newcomer = c;
    }

    c->counted = 1;
    o->changed = 1;
}


static void
tell_tenant(oracle_t *o)
{
    const connection_t  *other;

    if (o->newcomer == NULL || o->newcomer->state != LEDGER_LIVE) {
        return;
    }

    other = neighbour(o, o->newcomer, 0);

    if (other) {
        effect(o, LEDGER_TENANT_SHARED, o->newcomer->id, other->id, 0, 0, 0);
    }
}


static int
which_limit(const connection_t *c, const char *key)
{
    int  i;

    for (i = 0; i < c->nlimits; i++) {
        if (strcmp(c->key[i], key) == 0) {
            return i;
        }
    }

    return 0;
}


static int
is_reconnect(const connection_t *a, const connection_t *b)
{
    return known(&a->owner) && same(&a->owner, &b->owner)
           && same(&a->client, &b->client) && same(&a->user, &b->user)
           && same(&a->tenant, &b->tenant);
}


static int
is_undecided(const connection_t *a, const connection_t *b)
{
    if (a->adopted || b->adopted) {
        return 0;
    }

    if (a->issued && b->issued && a->age != b->age) {
        return 0;
    }

    return !(a->opened_at <= b->sent_at || b->opened_at <= a->sent_at);
}


static void
supersede(oracle_t *o, connection_t *loser, const connection_t *winner,
    const char *key)
{
    slot_t     *slot;
    contest_t  *contest;
    int         live = loser->state == LEDGER_LIVE;

    leave(o, loser);

    if (live) {
        loser->ended_at = o->now;
        loser->undecided = is_undecided(loser, winner);
    }

    loser->state = LEDGER_SUPERSEDED;
    loser->by = winner->id;
    loser->by_limit = which_limit(loser, key);
    loser->reconnect = is_reconnect(loser, winner);

    effect(o, LEDGER_SUPERSESSION, loser->id, winner->id, loser->by_limit,
           loser->reconnect, loser->undecided);

    if (!known(&loser->owner) || !known(&winner->owner)
        || same(&loser->owner, &winner->owner))
    {
        return;
    }

    slot = find_slot(o, key);

    if (slot->ncontests == LEDGER_CONTESTS_MAX) {
        memmove(slot->contests, slot->contests + 1,
                sizeof(contest_t) * (LEDGER_CONTESTS_MAX - 1));
        slot->ncontests--;
    }

    contest = &slot->contests[slot->ncontests++];
    contest->at = o->now;
    contest->winner = winner->owner;
    contest->loser = loser->owner;
}


/* Ends who is past its end among the members of a slot, oldest first. */

static void
expire_members(oracle_t *o, const char *key, const connection_t *except)
{
    size_t         i;
    connection_t  *c, *oldest;

    do {
        oldest = NULL;

        for (i = 0; i < o->nconnections; i++) {
            c = o->connections[i];

            if (c != except && is_member(c, key) && over(c, o->now)
                && (oldest == NULL || younger(oldest, c)))
            {
                oldest = c;
            }
        }

        if (oldest) {
            end(o, oldest, LEDGER_EXPIRED, end_of(oldest));
            effect(o, LEDGER_EXPIRY, oldest->id, 0, 0, 0, 0);
        }

    } while (oldest);
}


/* Whether n live members of the slot are younger than a broken one. */

static int
beyond(const oracle_t *o, const connection_t *broken, const char *key, int n)
{
    size_t  i;
    int     count = 0;

    for (i = 0; i < o->nconnections; i++) {
        count += is_member(o->connections[i], key)
                 && younger(o->connections[i], broken);
    }

    return count >= n;
}


static int
broken_in(const connection_t *c, const char *key)
{
    int  i;

    if (c->state != LEDGER_BROKEN || c->exempt) {
        return 0;
    }

    for (i = 0; i < c->nlimits; i++) {
        if (strcmp(c->key[i], key) == 0) {
            return 1;
        }
    }

    return 0;
}


static void
explain(oracle_t *o, const connection_t *by, const char *key, int n)
{
    size_t         i;
    connection_t  *c, *next, *last = NULL;

    /* oldest first */

    for ( ;; ) {
        next = NULL;

        for (i = 0; i < o->nconnections; i++) {
            c = o->connections[i];

            if (broken_in(c, key) && (last == NULL || younger(c, last))
                && (next == NULL || younger(next, c)))
            {
                next = c;
            }
        }

        if (next == NULL) {
            return;
        }

        last = next;

        if (younger(by, next) && beyond(o, next, key, n)
            && by->sent_at <= next->ended_at)
        {
            supersede(o, next, by, key);
        }
    }
}


/* Whether the provider showed after that time that the connection lives. */

static int
accepted_after(const connection_t *c, uint64_t time)
{
    if (c->adopted && c->opened_at > time) {
        return 1;
    }

    return c->refreshed_at > time;
}


static void
enter(oracle_t *o, connection_t *c, int limit, int evict, int fresh)
{
    const char    *key = c->key[limit];
    slot_t        *slot;
    connection_t  *oldest, *winner;

    if (!has_slot(c, limit)) {
        return;
    }

    slot = find_slot(o, key);

    if (slot == NULL) {
        o->slots = more(o->slots, (o->nslots + 1) * sizeof(slot_t));
        slot = &o->slots[o->nslots++];

        memset(slot, 0, sizeof(slot_t));
        strcpy(slot->key, key);
        slot->n = c->n[limit];

        c->original->client = ledger_slice("");
        c->original->client.data = (unsigned char *) c->client.text;
        c->original->client.len = strlen(c->client.text);
        c->original->user.data = (unsigned char *) c->user.text;
        c->original->user.len = strlen(c->user.text);
        c->original->tenant.data = (unsigned char *) c->tenant.text;
        c->original->tenant.len = strlen(c->tenant.text);

        if (ledger_place(c->original, (unsigned) limit, &slot->id)
            != LEDGER_OK)
        {
            abort();
        }
    }

    if (fresh) {
        slot->n = c->n[limit];
    }

    c->in[limit] = 1;
    o->changed = 1;

    if (count_members(o, key) > slot->n) {
        expire_members(o, key, c);
    }

    if (!evict) {
        if (count_members(o, key) > slot->n) {
            effect(o, LEDGER_OVERFULL, c->id, 0, limit, 0, 0);
        }

        return;
    }

    while (count_members(o, key) > slot->n) {
        oldest = extreme(o, key, 0);
        winner = oldest == c ? extreme(o, key, 1) : c;

        if (accepted_after(oldest, winner->opened_at)) {
            effect(o, LEDGER_OVERFULL, c->id, 0, limit, 0, 0);
            return;
        }

        supersede(o, oldest, winner, key);

        if (oldest == c) {
            return;
        }
    }

    explain(o, c, key, slot->n);
}


static void
revive(oracle_t *o, connection_t *c)
{
    int  i;

    c->state = LEDGER_LIVE;
    c->ended_at = 0;
    c->by = 0;
    c->by_limit = 0;
    c->undecided = 0;
    c->reconnect = 0;
    c->released = 0;
    o->changed = 1;

    for (i = 0; i < c->nlimits && !c->exempt; i++) {
        enter(o, c, i, 0, 0);
    }

    enter_tenant(o, c);
}


/* The provider accepted a superseded connection after its end. */

static void
accepted(oracle_t *o, connection_t *c)
{
    connection_t  *winner;

    if (!c->undecided) {
        effect(o, LEDGER_CONTRADICTED, c->id, c->by, c->by_limit, 0, 0);
        revive(o, c);
        return;
    }

    effect(o, LEDGER_SWAPPED, c->id, c->by, c->by_limit, 0, 0);

    winner = find(o, c->by);

    if (winner && winner->state == LEDGER_LIVE) {
        end(o, winner, LEDGER_SUPERSEDED, o->now);
        winner->by = c->id;
        winner->by_limit = which_limit(winner, c->key[c->by_limit]);
        winner->reconnect = is_reconnect(winner, c);
    }

    revive(o, c);
}


static void
bind(oracle_t *o, connection_t *c, const text_t *client, const text_t *user,
    const text_t *tenant)
{
    int            i, learnt = 0, complete[LEDGER_LIMITS_MAX];
    slot_t        *slot;
    connection_t  *winner;

    for (i = 0; i < c->nlimits; i++) {
        complete[i] = has_slot(c, i);
    }

    if (!known(&c->client) && known(client)) {
        c->client = *client;
        learnt = 1;
    }

    if (!known(&c->user) && known(user)) {
        c->user = *user;
        learnt = 1;
    }

    if (!known(&c->tenant) && known(tenant)) {
        c->tenant = *tenant;
        learnt = 1;
    }

    if (!learnt) {
        return;
    }

    name_slots(c);
    o->changed = 1;
    effect(o, LEDGER_BOUND, c->id, 0, 0, 0, 0);
    enter_tenant(o, c);

    for (i = 0; i < c->nlimits && !c->exempt; i++) {

        if (complete[i] || !has_slot(c, i)) {
            continue;
        }

        if (c->state == LEDGER_LIVE) {
            enter(o, c, i, !c->adopted, 0);

        } else if (c->state == LEDGER_BROKEN) {
            slot = find_slot(o, c->key[i]);

            if (slot == NULL) {
                continue;
            }

            expire_members(o, c->key[i], c);

            if (!beyond(o, c, c->key[i], slot->n)) {
                continue;
            }

            winner = extreme(o, c->key[i], 1);

            if (winner->sent_at <= c->ended_at) {
                supersede(o, c, winner, c->key[i]);
            }
        }
    }
}


/* Tokens */


static void
set_due(token_t *t, uint64_t now)
{
    t->due_at = t->kind == LEDGER_ACCESS ? t->expires_at : t->rotated_at;

    if (t->due_at == 0) {
        t->due_at = now;
    }
}


static token_t *
issue(oracle_t *o, const connection_t *c, const ledger_exchange_t *x,
    const ledger_token_id_t *id, int kind, uint64_t expires_at)
{
    token_t  *t;

    t = find_token(o, id);

    if (t == NULL) {
        o->tokens = more(o->tokens, (o->ntokens + 1) * sizeof(token_t));
        t = &o->tokens[o->ntokens++];
        memset(t, 0, sizeof(token_t));
    }

    if (t->connection != c->id) {
        memset(t, 0, sizeof(token_t));
        t->id = *id;
        t->connection = c->id;
        t->kind = kind;
        t->exempt = c->exempt;
    }

    if (expires_at) {
        t->expires_at = expires_at;
    }

    /* handed out again after it was rotated */

    if (x->sent_at > t->rotated_at
        && (!x->refresh || !same_id(id, &x->presented)))
    {
        t->rotated_at = 0;
    }

    t->dead = 0;
    t->sequence = o->sequence;
    set_due(t, o->now);
    o->changed = 1;

    return t;
}


static void
current(connection_t *c, const ledger_token_id_t *id, uint64_t expires_at)
{
    if (c->has_refresh && same_id(&c->refresh, id)) {
        return;
    }

    c->has_refresh = 1;
    c->refresh = *id;
    c->refresh_end = expires_at;
}


static void
take_tokens(oracle_t *o, connection_t *c, const ledger_exchange_t *x)
{
    uint32_t               i;
    int                    access = 0, unknown = 0, returned = 0;
    uint64_t               last = 0;
    token_t               *t, *presented = NULL;
    const ledger_token_t  *newest = NULL;

    for (i = 0; i < x->ntokens; i++) {
        t = issue(o, c, x, &x->tokens[i].id, x->tokens[i].kind,
                  x->tokens[i].expires_at);

        if (x->tokens[i].kind == LEDGER_ACCESS) {
            access = 1;
            unknown |= t->expires_at == 0;
            last = t->expires_at > last ? t->expires_at : last;

        } else if (x->refresh && same_id(&t->id, &x->presented)) {
            returned = 1;

        } else if (newest == NULL) {
            newest = &x->tokens[i];
        }
    }

    if (access) {
        c->access_end = unknown ? 0 : last;

        if (x->refresh_ends_access) {
            c->floor = o->sequence;
        }
    }

    if (x->refresh) {
        presented = find_token(o, &x->presented);

        if (presented == NULL) {
            presented = issue(o, c, x, &x->presented, LEDGER_REFRESH, 0);

        } else if (presented->connection != c->id) {
            presented = NULL;
        }
    }

    if (presented && (returned || newest == NULL)) {
        if (!c->has_refresh) {
            current(c, &x->presented, presented->expires_at);
        }

    } else if (newest) {
        if (find_token(o, &newest->id)->rotated_at == 0) {
            current(c, &newest->id, newest->expires_at);
        }

        if (presented && presented->rotated_at == 0) {
            presented->rotated_at = o->now;
            set_due(presented, o->now);
            c->previous = x->presented;
            c->has_previous = 1;
        }
    }

    if (x->refresh_expires_at) {
        c->refresh_end = x->refresh_expires_at;
    }
}


static alias_t *
find_alias(const oracle_t *o, const text_t *provider, const text_t *login)
{
    size_t  i;

    for (i = 0; i < o->naliases; i++) {
        if (same(&o->aliases[i].provider, provider)
            && same(&o->aliases[i].login, login))
        {
            return &o->aliases[i];
        }
    }

    return NULL;
}


/*
 * Whether this record itself says who the login is, and of which tenant; it
 * may also be that the connection only repeats it.
 */

static void
learn(oracle_t *o, const connection_t *c, const text_t *login,
    const text_t *tenant, int says_user, int says_tenant)
{
    int       tells;
    alias_t  *a;

    if (!known(login) || !known(&c->user)) {
        return;
    }

    a = find_alias(o, &c->provider, login);

    if (a == NULL) {
        o->aliases = more(o->aliases, (o->naliases + 1) * sizeof(alias_t));
        a = &o->aliases[o->naliases++];

        memset(a, 0, sizeof(alias_t));
        a->provider = c->provider;
        a->login = *login;
        says_user = 1;

        if (ledger_place_alias(slice(&c->provider), slice(login), &a->id)
            != LEDGER_OK)
        {
            abort();
        }
    }

    if (o->now < a->seen_at) {
        return;
    }

    if (!same(&a->user, &c->user)) {

        if (!says_user) {
            return;
        }

        a->user = c->user;
        memset(&a->tenant, 0, sizeof(text_t));
    }

    tells = known(tenant) && !same(tenant, &a->tenant)
            && (says_tenant || !known(&a->tenant));

    if (tells) {
        a->tenant = *tenant;
    }

    if (tells || says_user || o->now - a->seen_at >= HOUR) {
        a->seen_at = o->now;
        o->changed = 1;
    }
}


static void
learn_from(oracle_t *o, const connection_t *c, const ledger_exchange_t *x,
    int named_now)
{
    text_t  user = text(x->user), tenant = text(x->tenant);
    text_t  login = text(x->login);

    if (known(&user) && !same(&user, &c->user)) {
        return;
    }

    learn(o, c, known(&login) ? &login : &c->login,
          known(&tenant) ? &tenant : &c->tenant, named_now || known(&login),
          known(&tenant));
}


static void
join(oracle_t *o, connection_t *c, const ledger_exchange_t *x)
{
    int     named = known(&c->user);
    text_t  client = text(x->client), user = text(x->user);
    text_t  tenant = text(x->tenant);

    take_tokens(o, c, x);

    if (x->arrived_at > c->refreshed_at) {
        c->refreshed_at = x->arrived_at;
    }

    if (x->arrived_at > c->used_at) {
        c->used_at = x->arrived_at;
    }

    c->idle = x->idle;

    if (!known(&c->owner)) {
        c->owner = text(x->owner);
    }

    if (!known(&c->login)) {
        c->login = text(x->login);
    }

    bind(o, c, &client, &user, &tenant);
    learn_from(o, c, x, !named && known(&c->user));
}


static void
copy_limits(connection_t *c, const ledger_exchange_t *x)
{
    uint32_t                   i, j;
    const ledger_limit_key_t  *key;

    c->nlimits = (int) x->nlimits;

    for (i = 0; i < x->nlimits; i++) {
        c->n[i] = (int) x->limits[i].n;
        c->nkeys[i] = (int) x->limits[i].nkeys;

        for (j = 0; j < x->limits[i].nkeys; j++) {
            key = &x->limits[i].keys[j];
            c->kind[i][j] = key->kind;

            if (key->kind == LEDGER_KEY_VARIABLE) {
                c->name[i][j] = text(key->name);
                c->value[i][j] = text(key->value);
            }
        }
    }
}


static void
copy_original(connection_t *c, const ledger_exchange_t *x)
{
    uint32_t              i, j;
    ledger_limit_key_t   *key;
    ledger_connection_t  *original;

    original = more(NULL, sizeof(ledger_connection_t));
    memset(original, 0, sizeof(ledger_connection_t));

    original->provider.data = (unsigned char *) c->provider.text;
    original->provider.len = x->provider.len;
    original->scope.data = (unsigned char *) c->scope.text;
    original->scope.len = x->scope.len;
    original->nlimits = x->nlimits;
    memcpy(original->limits, x->limits, sizeof(x->limits));

    for (i = 0; i < x->nlimits; i++) {
        for (j = 0; j < x->limits[i].nkeys; j++) {
            key = &original->limits[i].keys[j];
            key->name.data = (unsigned char *) c->name[i][j].text;
            key->value.data = (unsigned char *) c->value[i][j].text;
        }
    }

    c->original = original;
}


static void
open_connection(oracle_t *o, const ledger_exchange_t *x)
{
    int            i;
    connection_t  *c;

    c = more(NULL, sizeof(connection_t));
    memset(c, 0, sizeof(connection_t));

    o->connections = more(o->connections,
                          (o->nconnections + 1) * sizeof(connection_t *));
    o->connections[o->nconnections++] = c;

    c->id = o->sequence;
    c->state = LEDGER_LIVE;
    c->provider = text(x->provider);
    c->client = text(x->client);
    c->user = text(x->user);
    c->tenant = text(x->tenant);
    c->login = text(x->login);
    c->owner = text(x->owner);
    c->scope = text(x->scope);
    c->sent_at = x->sent_at;
    c->opened_at = x->arrived_at;
    c->used_at = x->arrived_at;
    c->idle = x->idle;
    c->exempt = x->exempt;
    c->adopted = x->refresh;

    copy_limits(c, x);
    copy_original(c, x);
    name_slots(c);

    if (!x->refresh) {
        c->issued = x->issued_at != 0;
        c->age = x->issued_at ? x->issued_at : x->arrived_at;
        c->age = c->age < x->sent_at ? x->sent_at : c->age;
        c->age = c->age > x->arrived_at ? x->arrived_at : c->age;
    }

    effect(o, x->refresh ? LEDGER_ADOPTED : LEDGER_CONNECTED, c->id, 0, 0, 0,
           0);

    take_tokens(o, c, x);
    enter_tenant(o, c);

    for (i = 0; i < c->nlimits && !c->exempt && c->state == LEDGER_LIVE; i++)
    {
        enter(o, c, i, !x->refresh, 1);
    }

    learn_from(o, c, x, 0);
}


/* R2: the connection whose token the answer repeats. */

static connection_t *
repeated(const oracle_t *o, const ledger_exchange_t *x)
{
    uint32_t       i;
    int            kind = LEDGER_ACCESS;
    text_t         client = text(x->client), user = text(x->user);
    text_t         provider = text(x->provider);
    token_t       *t;
    connection_t  *c;

    for (i = 0; i < x->ntokens; i++) {
        if (x->tokens[i].kind == LEDGER_REFRESH) {
            kind = LEDGER_REFRESH;
        }
    }

    for (i = 0; i < x->ntokens; i++) {
        t = find_token(o, &x->tokens[i].id);

        if (x->tokens[i].kind != kind || t == NULL || t->kind != kind
            || t->rotated_at || t->revoked)
        {
            continue;
        }

        c = find(o, t->connection);

        if (c == NULL || c->state != LEDGER_LIVE
            || !same(&c->provider, &provider) || !same(&c->client, &client))
        {
            continue;
        }

        if (known(&c->user) && known(&user) && !same(&c->user, &user)) {
            continue;
        }

        if (kind == LEDGER_ACCESS && t->sequence < c->floor) {
            continue;
        }

        return c;
    }

    return NULL;
}


static void
apply_exchange(oracle_t *o, const ledger_exchange_t *x)
{
    token_t       *t;
    connection_t  *c = NULL;

    if (x->refresh) {
        t = find_token(o, &x->presented);

        if (t) {
            c = find(o, t->connection);

            if (c == NULL) {
                drop_token(o, t);
            }
        }
    }

    if (c == NULL) {
        c = repeated(o, x);

        if (c == NULL) {
            open_connection(o, x);
            return;
        }

        effect(o, LEDGER_CONTINUED, c->id, 0, 0, 0, 0);
        join(o, c, x);
        return;
    }

    if (c->state == LEDGER_REVOKED && x->sent_at > c->ended_at) {
        open_connection(o, x);
        return;
    }

    if (c->state == LEDGER_SUPERSEDED && x->sent_at > c->ended_at) {
        accepted(o, c);
    }

    if (c->state == LEDGER_BROKEN || c->state == LEDGER_EXPIRED) {
        effect(o, LEDGER_REPAIRED, c->id, 0, 0, 0, 0);
        revive(o, c);
    }

    effect(o, LEDGER_REFRESHED, c->id, 0, 0, 0, 0);
    join(o, c, x);
}


/* Kept answers */


static int
may_replay(const connection_t *c, const ledger_token_id_t *id)
{
    return (c->has_refresh && same_id(&c->refresh, id))
           || (c->has_previous && same_id(&c->previous, id));
}


static void
drop_kept(oracle_t *o, size_t i)
{
    o->kept[i] = o->kept[--o->nkept];
    o->changed = 1;
}


/* The answer to "presented" with the least number, or NULL. */

static kept_t *
oldest_kept(const oracle_t *o, const ledger_token_id_t *presented, size_t *n)
{
    size_t   i;
    kept_t  *oldest = NULL;

    for (*n = 0, i = 0; i < o->nkept; i++) {
        if (same_id(&o->kept[i].presented, presented)) {
            (*n)++;

            if (oldest == NULL || o->kept[i].number < oldest->number) {
                oldest = &o->kept[i];
            }
        }
    }

    return oldest;
}


static int
brought(const kept_t *k, const ledger_token_id_t *id)
{
    uint32_t  i;

    for (i = 0; i < k->ntokens; i++) {
        if (same_id(&k->tokens[i], id)) {
            return 1;
        }
    }

    return 0;
}


/* An answer that could not be given now will never be given. */

static void
review_kept(oracle_t *o)
{
    size_t         i = 0;
    connection_t  *c;

    while (i < o->nkept) {
        c = find(o, o->kept[i].connection);

        if (c && c->state == LEDGER_LIVE
            && may_replay(c, &o->kept[i].presented))
        {
            i++;

        } else {
            drop_kept(o, i);
        }
    }
}


/* Whether the tokens of an answer are what they were: the connection's own. */

static int
holds(const oracle_t *o, const kept_t *k, const connection_t *c)
{
    uint32_t  i;
    token_t  *t;

    for (i = 0; i < k->ntokens; i++) {
        t = find_token(o, &k->tokens[i]);

        if (t == NULL || t->connection != c->id || t->rotated_at
            || (t->kind == LEDGER_ACCESS && t->sequence < c->floor))
        {
            return 0;
        }
    }

    return 1;
}


static void
keep(oracle_t *o, const ledger_exchange_t *x)
{
    size_t         n;
    kept_t        *k;
    token_t       *t = find_token(o, &x->presented);
    uint32_t       i;
    connection_t  *c = t ? find(o, t->connection) : NULL;

    if (!x->refresh || c == NULL) {
        return;
    }

    for (n = o->nkept; n; n--) {
        k = &o->kept[n - 1];

        if (same_id(&k->presented, &x->presented)
            && (x->kept.len == 0 || k->connection != c->id
                || memcmp(k->print, x->print, sizeof(x->print)) == 0
                || !holds(o, k, c)))
        {
            drop_kept(o, n - 1);
        }
    }

    if (x->kept.len == 0 || t->revoked || !may_replay(c, &x->presented)) {
        return;
    }

    for (i = 0; i < x->ntokens; i++) {
        t = find_token(o, &x->tokens[i].id);

        if (t->revoked || t->connection != c->id) {
            return;
        }
    }

    if (x->kept.len > ORACLE_KEPT_SIZE) {
        abort();
    }

    o->kept = more(o->kept, (o->nkept + 1) * sizeof(kept_t));
    k = &o->kept[o->nkept++];

    memset(k, 0, sizeof(kept_t));

    k->number = o->sequence;
    k->connection = c->id;
    k->presented = x->presented;
    k->stored_at = x->arrived_at;
    k->until = x->kept_until;
    k->ntokens = x->ntokens;
    k->len = x->kept.len;
    memcpy(k->print, x->print, sizeof(x->print));
    memcpy(k->sealed, x->kept.data, x->kept.len);

    for (i = 0; i < x->ntokens; i++) {
        k->tokens[i] = x->tokens[i].id;
    }

    k = oldest_kept(o, &x->presented, &n);

    if (n > LEDGER_KEPT_ANSWERS_MAX) {
        drop_kept(o, (size_t) (k - o->kept));
    }
}


static void
confirm(oracle_t *o, connection_t *c)
{
    if (c->state == LEDGER_SUPERSEDED && c->undecided) {
        c->undecided = 0;
        o->changed = 1;
        effect(o, LEDGER_CONFIRMED, c->id, c->by, c->by_limit, 0, 0);
    }
}


static void
break_connection(oracle_t *o, connection_t *c)
{
    effect(o, LEDGER_BREAKAGE, c->id, 0, 0, 0, 0);
    end(o, c, LEDGER_BROKEN, o->now);
}


static void
apply_answer(oracle_t *o, const ledger_answer_t *a)
{
    size_t         i;
    token_t       *t = find_token(o, &a->token);
    connection_t  *c = find(o, a->connection);

    if (t == NULL || c == NULL || t->connection != c->id) {
        return;
    }

    if (!a->alive) {

        if (c->state != LEDGER_LIVE) {
            confirm(o, c);
            return;
        }

        if (t->dead) {
            return;
        }

        t->dead = 1;
        o->changed = 1;

        for (i = o->nkept; c->has_refresh && i; i--) {
            if (same_id(&o->kept[i - 1].presented, &c->refresh)
                && o->kept[i - 1].connection == c->id
                && brought(&o->kept[i - 1], &a->token))
            {
                drop_kept(o, i - 1);
            }
        }

        effect(o, LEDGER_TOKEN_DEAD, c->id, 0, 0, 0, 0);

        if (!c->has_refresh && t->expires_at > o->now) {
            break_connection(o, c);
        }

        return;
    }

    if (a->sent_at <= c->ended_at) {
        return;
    }

    if (c->state == LEDGER_SUPERSEDED) {
        accepted(o, c);
        t->dead = 0;

    } else if (c->state == LEDGER_BROKEN) {
        effect(o, LEDGER_REPAIRED, c->id, 0, 0, 0, 0);
        revive(o, c);
        t->dead = 0;
    }
}


static void
apply_refusal(oracle_t *o, const ledger_refusal_t *r)
{
    token_t       *t = find_token(o, &r->presented);
    connection_t  *c = t ? find(o, t->connection) : NULL;

    if (c == NULL) {
        return;
    }

    if (c->state != LEDGER_LIVE) {
        confirm(o, c);
        return;
    }

    if (c->has_refresh && same_id(&c->refresh, &r->presented)
        && r->sent_at >= c->opened_at && r->sent_at >= c->refreshed_at)
    {
        break_connection(o, c);
    }
}


static void
apply_revocation(oracle_t *o, const ledger_revocation_t *r)
{
    size_t         i;
    token_t       *t = find_token(o, &r->token);
    connection_t  *c = t ? find(o, t->connection) : NULL;

    if (c == NULL) {
        return;
    }

    if (!r->whole) {

        for (i = o->nkept; !t->revoked && i; i--) {
            if (o->kept[i - 1].connection == c->id
                && brought(&o->kept[i - 1], &r->token))
            {
                drop_kept(o, i - 1);
            }
        }

        if (!t->revoked) {
            t->revoked = 1;

            if (c->has_refresh && same_id(&c->refresh, &r->token)) {
                c->has_refresh = 0;
            }

            o->changed = 1;
            effect(o, LEDGER_REVOCATION_DONE, c->id, 0, 0, 0, 0);
        }

        return;
    }

    if (c->state == LEDGER_REVOKED && !c->released) {
        return;
    }

    effect(o, LEDGER_REVOCATION_DONE, c->id, 0, 0, 0, 0);
    end(o, c, LEDGER_REVOKED, c->state == LEDGER_REVOKED ? c->ended_at
                                                         : o->now);
    c->released = 0;
}


static void
apply_order(oracle_t *o, int kind, uint64_t id)
{
    connection_t  *c = find(o, id);

    if (c == NULL) {
        return;
    }

    if (kind == LEDGER_USE) {

        if (c->state == LEDGER_LIVE && o->now >= plus(c->used_at, HOUR)) {
            c->used_at = o->now;
            o->changed = 1;
        }

    } else if (kind == LEDGER_RELEASE) {

        if (c->state == LEDGER_LIVE || c->state == LEDGER_BROKEN) {
            effect(o, LEDGER_RELEASED, c->id, 0, 0, 0, 0);
            end(o, c, LEDGER_REVOKED, o->now);
            c->released = 1;
        }

    } else if (c->state == LEDGER_SUPERSEDED || c->state == LEDGER_BROKEN
               || c->released)
    {
        effect(o, LEDGER_REINSTATED, c->id, 0, 0, 0, 0);
        revive(o, c);
    }
}


/* The sweep: the first thing that is due, again and again. */


typedef struct {
    int            lane;
    uint64_t       at, connection, number;
    unsigned char  id[16];
    size_t         i;
} due_t;


static int
before(const due_t *a, const due_t *b)
{
    if (a->lane != b->lane) {
        return a->lane < b->lane;
    }

    if (a->at != b->at) {
        return a->at < b->at;
    }

    if (a->connection != b->connection) {
        return a->connection < b->connection;
    }

    if (memcmp(a->id, b->id, sizeof(a->id)) != 0) {
        return memcmp(a->id, b->id, sizeof(a->id)) < 0;
    }

    return a->number < b->number;
}


static void
consider(due_t *first, due_t due, uint64_t kept, uint64_t now)
{
    if (plus(due.at, kept) <= now
        && (first->lane == 0 || before(&due, first)))
    {
        *first = due;
    }
}


static due_t
first_due(const oracle_t *o, uint64_t now, uint64_t retention)
{
    due_t          first, due;
    size_t         i;
    token_t       *t;
    connection_t  *c;

    memset(&first, 0, sizeof(first));

    for (i = 0; i < o->nkept; i++) {
        memset(&due, 0, sizeof(due));
        due.i = i;
        due.lane = 1;
        due.at = o->kept[i].until;
        due.connection = o->kept[i].connection;
        due.number = o->kept[i].number;
        memcpy(due.id, o->kept[i].presented.bytes, 16);
        consider(&first, due, 1, now);
    }

    for (i = 0; i < o->nconnections; i++) {
        c = o->connections[i];
        memset(&due, 0, sizeof(due));
        due.i = i;
        due.connection = c->id;

        if (c->state == LEDGER_LIVE) {
            due.lane = 2;
            due.at = end_of(c);

            if (due.at) {
                consider(&first, due, 0, now);
            }

        } else {
            due.lane = c->exempt ? 4 : 3;
            due.at = c->ended_at;
            consider(&first, due, c->exempt ? DAY : retention, now);
        }
    }

    for (i = 0; i < o->ntokens; i++) {
        t = &o->tokens[i];
        memset(&due, 0, sizeof(due));
        due.i = i;
        due.lane = t->exempt ? 6 : 5;
        due.at = t->due_at;
        due.connection = t->connection;
        memcpy(due.id, t->id.bytes, 16);
        consider(&first, due, t->exempt ? DAY : retention, now);
    }

    for (i = 0; i < o->nslots; i++) {
        if (count_members(o, o->slots[i].key) == 0) {
            memset(&due, 0, sizeof(due));
            due.i = i;
            due.lane = 7;
            due.at = o->slots[i].left_at;
            memcpy(due.id, o->slots[i].id.bytes, 16);
            consider(&first, due, retention, now);
        }
    }

    for (i = 0; i < o->naliases; i++) {
        memset(&due, 0, sizeof(due));
        due.i = i;
        due.lane = 8;
        due.at = o->aliases[i].seen_at;
        memcpy(due.id, o->aliases[i].id.bytes, 16);
        consider(&first, due, retention, now);
    }

    return first;
}


static void
sweep_token(oracle_t *o, token_t *t, uint64_t retention)
{
    uint64_t       kept = t->exempt ? DAY : retention, over_at;
    connection_t  *c = find(o, t->connection);

    if (c == NULL) {
        drop_token(o, t);
        return;
    }

    o->changed = 1;

    if (c->state != LEDGER_LIVE) {

        if (c->ended_at > t->due_at) {
            t->due_at = c->ended_at;
            return;
        }

    } else {
        over_at = t->kind == LEDGER_ACCESS ? t->expires_at : t->rotated_at;

        if (t->kind == LEDGER_ACCESS && over_at == 0
            && t->sequence < c->floor)
        {
            over_at = t->due_at;
        }

        if (over_at && plus(over_at, kept) <= o->now) {
            drop_token(o, t);
            return;
        }

        if (over_at > t->due_at) {
            t->due_at = over_at;
            return;
        }
    }

    t->due_at = kept >= DAY ? o->now : plus(o->now, DAY - kept);
}


static void
apply_sweep(oracle_t *o, uint64_t retention, uint32_t max)
{
    due_t          due;
    connection_t  *c;

    for ( /* void */ ; max; max--) {
        due = first_due(o, o->now, retention);

        switch (due.lane) {

        case 0:
            return;

        case 1:
            drop_kept(o, due.i);
            break;

        case 2:
            c = o->connections[due.i];
            effect(o, LEDGER_EXPIRY, c->id, 0, 0, 0, 0);
            end(o, c, LEDGER_EXPIRED, due.at);
            break;

        case 3:
        case 4:
            c = o->connections[due.i];
            effect(o, LEDGER_DELETED, c->id, 0, 0, 0, 0);
            o->connections[due.i] = o->connections[--o->nconnections];
            free(c->original);
            free(c);
            o->changed = 1;
            break;

        case 7:
            o->slots[due.i] = o->slots[--o->nslots];
            o->changed = 1;
            break;

        case 8:
            o->aliases[due.i] = o->aliases[--o->naliases];
            o->changed = 1;
            break;

        default:
            sweep_token(o, &o->tokens[due.i], retention);
            break;
        }
    }
}


static void
apply_binding(oracle_t *o, const ledger_binding_t *b)
{
    text_t         none, user = text(b->user), tenant = text(b->tenant);
    connection_t  *c = find(o, b->connection);
    int            user_before, tenant_before;

    memset(&none, 0, sizeof(none));

    if (c == NULL) {
        return;
    }

    user_before = known(&c->user);
    tenant_before = known(&c->tenant);

    bind(o, c, &none, &user, &tenant);

    if (user_before != known(&c->user) || tenant_before != known(&c->tenant))
    {
        learn(o, c, &c->login, &c->tenant, !user_before && known(&c->user),
              !tenant_before && known(&c->tenant));
    }
}


void
oracle_apply(oracle_t *o, const ledger_record_t *records, size_t n,
    ledger_effects_t *effects)
{
    size_t                  i;
    const ledger_record_t  *r;

    o->effects = effects;

    for (i = 0; i < n; i++) {
        r = &records[i];
        o->index = (uint32_t) i;
        o->now = r->at;
        o->changed = 0;
        o->newcomer = NULL;

        switch (r->kind) {

        case LEDGER_EXCHANGE:
            o->now = r->u.exchange.arrived_at;
            apply_exchange(o, &r->u.exchange);
            keep(o, &r->u.exchange);
            break;

        case LEDGER_BINDING:
            apply_binding(o, &r->u.binding);
            break;

        case LEDGER_ANSWER:
            apply_answer(o, &r->u.answer);
            break;

        case LEDGER_REFUSAL:
            apply_refusal(o, &r->u.refusal);
            break;

        case LEDGER_REVOCATION:
            apply_revocation(o, &r->u.revocation);
            break;

        case LEDGER_SWEEP:
            apply_sweep(o, r->u.sweep.retention, r->u.sweep.max);
            break;

        case LEDGER_NOTE:
            /* changes nothing that is modelled here */
            break;

        case LEDGER_USE:
            apply_order(o, LEDGER_USE, r->u.use.connection);
            break;

        default:
            apply_order(o, r->kind, r->u.order.connection);
            break;
        }

        tell_tenant(o);
        review_kept(o);

        o->sequence += (uint64_t) o->changed;
    }
}


static void
show(const connection_t *c, ledger_connection_t *out)
{
    memset(out, 0, sizeof(ledger_connection_t));

    out->id = c->id;
    out->state = (uint8_t) c->state;
    out->provider = slice(&c->provider);
    out->client = slice(&c->client);
    out->user = slice(&c->user);
    out->tenant = slice(&c->tenant);
    out->login = slice(&c->login);
    out->owner = slice(&c->owner);
    out->scope = slice(&c->scope);
    out->age = c->age;
    out->sent_at = c->sent_at;
    out->opened_at = c->opened_at;
    out->refreshed_at = c->refreshed_at;
    out->last_used_at = c->used_at;
    out->ended_at = c->ended_at;
    out->access_expires_at = c->access_end;
    out->refresh_expires_at = c->refresh_end;
    out->idle = c->idle;
    out->superseded_by = c->by;
    out->superseded_limit = (uint8_t) c->by_limit;
    out->refresh = c->refresh;
    out->previous = c->previous;
    out->access_floor = c->floor;
    out->nlimits = (uint32_t) c->nlimits;
    out->has_refresh = c->has_refresh ? 1 : 0;
    out->has_previous = c->has_previous ? 1 : 0;
    out->exempt = c->exempt ? 1 : 0;
    out->adopted = c->adopted ? 1 : 0;
    out->issued = c->issued ? 1 : 0;
    out->undecided = c->undecided ? 1 : 0;
    out->reconnect = c->reconnect ? 1 : 0;
    out->released = c->released ? 1 : 0;
}


void
oracle_judge(oracle_t *o, const ledger_token_id_t *id, ledger_ms_t now,
    ledger_judgement_t *j)
{
    token_t       *t = find_token(o, id);
    connection_t  *c = t ? find(o, t->connection) : NULL;

    memset(j, 0, sizeof(ledger_judgement_t));

    if (c == NULL) {
        j->verdict = LEDGER_VERDICT_UNKNOWN;
        return;
    }

    show(c, &j->connection);

    j->token = *id;
    j->token_expires_at = t->expires_at;
    j->rotated_at = t->rotated_at;
    j->kind = (uint8_t) t->kind;
    j->undecided = c->undecided ? 1 : 0;
    j->preceding = t->rotated_at && c->has_previous
                   && same_id(&c->previous, id);

    j->verdict = LEDGER_VERDICT_ACTIVE;

    if (t->dead || (t->expires_at && t->expires_at <= now)) {
        j->verdict = LEDGER_VERDICT_EXPIRED;
    }

    if (t->rotated_at
        || (t->kind == LEDGER_ACCESS && t->sequence < c->floor))
    {
        j->verdict = LEDGER_VERDICT_ROTATED;
    }

    if (c->state == LEDGER_EXPIRED
        || (c->state == LEDGER_LIVE && over(c, now)))
    {
        j->verdict = LEDGER_VERDICT_EXPIRED;
    }

    if (c->state == LEDGER_BROKEN) {
        j->verdict = LEDGER_VERDICT_BROKEN;
    }

    if (c->state == LEDGER_SUPERSEDED) {
        j->verdict = LEDGER_VERDICT_SUPERSEDED;
    }

    if (c->state == LEDGER_REVOKED || t->revoked) {
        j->verdict = LEDGER_VERDICT_REVOKED;
    }
}


ledger_rc_t
oracle_kept(oracle_t *o, const ledger_token_id_t *presented, uint64_t before,
    ledger_ms_t now, ledger_kept_t *out)
{
    size_t         i;
    kept_t        *k = NULL, *one;
    token_t       *t = find_token(o, presented);
    connection_t  *c = t ? find(o, t->connection) : NULL;

    if (c == NULL || t->revoked || over(c, now)) {
        return LEDGER_NOT_FOUND;
    }

    for (i = 0; i < o->nkept; i++) {
        one = &o->kept[i];

        if (same_id(&one->presented, presented) && one->connection == c->id
            && one->number < before && now <= one->until
            && (k == NULL || one->number > k->number))
        {
            k = one;
        }
    }

    if (k == NULL) {
        return LEDGER_NOT_FOUND;
    }

    out->number = k->number;
    out->connection = k->connection;
    out->stored_at = k->stored_at;
    memcpy(out->print, k->print, sizeof(k->print));
    memcpy(out->buf, k->sealed, k->len);
    out->sealed.data = out->buf;
    out->sealed.len = k->len;

    return LEDGER_OK;
}


ledger_rc_t
oracle_alias(oracle_t *o, ledger_slice_t provider, ledger_slice_t login,
    ledger_identity_t *out)
{
    text_t    p = text(provider), l = text(login);
    alias_t  *a = find_alias(o, &p, &l);

    if (a == NULL) {
        return LEDGER_NOT_FOUND;
    }

    out->user = slice(&a->user);
    out->tenant = slice(&a->tenant);

    return LEDGER_OK;
}


int
oracle_due(oracle_t *o, ledger_ms_t now, uint64_t retention)
{
    return first_due(o, now, retention).lane != 0;
}


static int
is_contested(const slot_t *slot, uint64_t now, unsigned contests,
    uint64_t window)
{
    int  i, j, n = 0, both = 0;

    for (i = 0; i < slot->ncontests; i++) {

        if (plus(slot->contests[i].at, window) < now) {
            continue;
        }

        n++;

        for (j = 0; j < slot->ncontests; j++) {
            both |= plus(slot->contests[j].at, window) >= now
                    && same(&slot->contests[i].winner,
                            &slot->contests[j].loser);
        }
    }

    return both && n >= (int) contests;
}


ledger_rc_t
oracle_slot(oracle_t *o, uint64_t connection, unsigned limit,
    ledger_ms_t now, unsigned contests, uint64_t window, ledger_slot_t *out)
{
    const char    *key;
    size_t         i;
    slot_t        *slot;
    connection_t  *c = find(o, connection), *m, *oldest = NULL;

    memset(out, 0, sizeof(ledger_slot_t));

    if (c == NULL || (int) limit >= c->nlimits) {
        return LEDGER_NOT_FOUND;
    }

    out->n = (uint32_t) c->n[limit];

    key = c->key[limit];

    if (!has_slot(c, (int) limit)) {
        return LEDGER_OK;
    }

    out->known = 1;

    slot = find_slot(o, key);

    if (slot == NULL) {
        return LEDGER_OK;
    }

    out->n = (uint32_t) slot->n;
    out->contested = is_contested(slot, now, contests, window) ? 1 : 0;

    for (i = 0; i < o->nconnections; i++) {
        m = o->connections[i];

        if (is_member(m, key) && !over(m, now)) {
            out->held++;
            oldest = oldest && younger(m, oldest) ? oldest : m;
        }
    }

    if (out->held >= out->n) {
        out->oldest = oldest->id;
    }

    return LEDGER_OK;
}


size_t
oracle_connections(const oracle_t *o)
{
    return o->nconnections;
}


uint64_t
oracle_connection_id(const oracle_t *o, size_t i)
{
    return o->connections[i]->id;
}


oracle_t *
oracle_create(void)
{
    oracle_t  *o;

    o = more(NULL, sizeof(oracle_t));
    memset(o, 0, sizeof(oracle_t));
    o->sequence = 1;

    return o;
}


void
oracle_destroy(oracle_t *o)
{
    size_t  i;

    for (i = 0; i < o->nconnections; i++) {
        free(o->connections[i]->original);
        free(o->connections[i]);
    }

    free(o->connections);
    free(o->tokens);
    free(o->slots);
    free(o->kept);
    free(o->aliases);
    free(o);
}
