
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * R1 to R4: what an exchange that brought tokens does.
 */

#include "ledger_work.h"

#include <string.h>

#include "ledger_alias.h"
#include "ledger_connection.h"
#include "ledger_kept.h"
#include "ledger_lent.h"
#include "ledger_settle.h"
#include "ledger_tenant.h"
#include "ledger_turn.h"


static ledger_rc_t ledger_exchange_lineage(ledger_work_t *work,
    const ledger_exchange_t *x);
static ledger_rc_t ledger_exchange_refresh(ledger_work_t *work,
    const ledger_exchange_t *x);
static ledger_rc_t ledger_exchange_repeat(ledger_work_t *work,
    const ledger_exchange_t *x);
static ledger_rc_t ledger_exchange_repeats(ledger_work_t *work,
    const ledger_exchange_t *x, const ledger_token_t *token);
static unsigned ledger_exchange_same(const ledger_exchange_t *x,
    const ledger_connection_t *connection);
static ledger_rc_t ledger_exchange_join(ledger_work_t *work,
    const ledger_exchange_t *x);
static ledger_rc_t ledger_exchange_alias(ledger_work_t *work,
    const ledger_exchange_t *x, unsigned bound);
static ledger_rc_t ledger_exchange_open(ledger_work_t *work,
    const ledger_exchange_t *x);
static ledger_rc_t ledger_exchange_enter(ledger_work_t *work,
    unsigned how);
static void ledger_exchange_begin(const ledger_exchange_t *x, uint64_t id,
    ledger_connection_t *connection);
static ledger_ms_t ledger_exchange_age(const ledger_exchange_t *x);
static ledger_rc_t ledger_exchange_tokens(ledger_work_t *work,
    const ledger_exchange_t *x);
static ledger_rc_t ledger_exchange_token(ledger_work_t *work,
    const ledger_exchange_t *x, const ledger_token_t *token,
    ledger_ms_t *expires_at);
static ledger_rc_t ledger_exchange_rotate(ledger_work_t *work,
    const ledger_exchange_t *x);
static ledger_rc_t ledger_exchange_succeed(ledger_work_t *work,
    const ledger_token_t *newest, const ledger_token_id_t *presented,
    const ledger_row_t *row);
static ledger_rc_t ledger_exchange_presented(ledger_work_t *work,
    const ledger_exchange_t *x, ledger_row_t *row);
static const ledger_token_t *ledger_exchange_newest(
    const ledger_exchange_t *x);
static unsigned ledger_exchange_returned(const ledger_exchange_t *x);
static void ledger_exchange_current(ledger_connection_t *connection,
    const ledger_token_id_t *id, ledger_ms_t expires_at);


ledger_rc_t
ledger_apply_exchange(ledger_work_t *work)
{
    ledger_rc_t               rc;
    const ledger_exchange_t  *x;

    x = &work->record->u.exchange;

    if (x->refresh) {
        rc = ledger_exchange_lineage(work, x);

        if (rc == LEDGER_OK) {
            return ledger_exchange_refresh(work, x);
        }

        if (rc != LEDGER_NOT_FOUND) {
            return rc;
        }
    }

    rc = ledger_exchange_repeat(work, x);

    if (rc == LEDGER_NOT_FOUND) {
        return ledger_exchange_open(work, x);
    }

    if (rc != LEDGER_OK) {
        return rc;
    }

    rc = ledger_work_effect(work, LEDGER_CONTINUED, work->subject.c.id, 0, 0);

    if (rc != LEDGER_OK) {
        return rc;
    }

    return ledger_exchange_join(work, x);
}


/* Loads the connection of the token presented. */

static ledger_rc_t
ledger_exchange_lineage(ledger_work_t *work, const ledger_exchange_t *x)
{
    ledger_rc_t   rc;
    ledger_row_t  row;

    rc = ledger_store_token(&work->view, &x->presented, &row);

    if (rc != LEDGER_OK) {
        return rc;
    }

    rc = ledger_work_load(work, row.connection, &work->subject);

    if (rc != LEDGER_NOT_FOUND) {
        return rc;
    }

    /* its connection was swept before it */

    rc = ledger_work_delete_token(work, &x->presented, &row);

    return rc == LEDGER_OK ? LEDGER_NOT_FOUND : rc;
}


static ledger_rc_t
ledger_exchange_refresh(ledger_work_t *work, const ledger_exchange_t *x)
{
    unsigned        later;
    ledger_rc_t     rc;
    ledger_held_t  *held;

    held = &work->subject;
    later = x->sent_at > held->c.ended_at;
    rc = LEDGER_OK;

    if (held->c.state == LEDGER_REVOKED && later) {
        return ledger_exchange_open(work, x);
    }

    if (held->c.state == LEDGER_SUPERSEDED && later) {
        rc = ledger_turn_accept(work, held);

    } else if (held->c.state == LEDGER_BROKEN
               || held->c.state == LEDGER_EXPIRED)
    {
        rc = ledger_work_effect(work, LEDGER_REPAIRED, held->c.id, 0, 0);

        if (rc == LEDGER_OK) {
            rc = ledger_turn_revive(work, held);
        }
    }

    if (rc == LEDGER_OK) {
        rc = ledger_work_effect(work, LEDGER_REFRESHED, held->c.id, 0, 0);
    }

    if (rc != LEDGER_OK) {
        return rc;
    }

    return ledger_exchange_join(work, x);
}


/* R2: loads the connection that the answer continues. */

static ledger_rc_t
ledger_exchange_repeat(ledger_work_t *work, const ledger_exchange_t *x)
{
    uint8_t      kind;
    uint32_t     i;
    ledger_rc_t  rc;

    kind = LEDGER_ACCESS;

    for (i = 0; i < x->ntokens; i++) {

        if (x->tokens[i].kind == LEDGER_REFRESH) {
            kind = LEDGER_REFRESH;
        }
    }

    for (i = 0; i < x->ntokens; i++) {

        if (x->tokens[i].kind != kind) {
            continue;
        }

        rc = ledger_exchange_repeats(work, x, &x->tokens[i]);

        if (rc != LEDGER_NOT_FOUND) {
            return rc;
        }
    }

    return LEDGER_NOT_FOUND;
}


static ledger_rc_t
ledger_exchange_repeats(ledger_work_t *work, const ledger_exchange_t *x,
    const ledger_token_t *token)
{
    ledger_rc_t                 rc;
    ledger_row_t                row;
    const ledger_connection_t  *c;

    rc = ledger_store_token(&work->view, &token->id, &row);

    if (rc != LEDGER_OK) {
        return rc;
    }

    if (row.kind != token->kind || row.revoked || row.rotated_at) {
        return LEDGER_NOT_FOUND;
    }

    rc = ledger_work_load(work, row.connection, &work->subject);

    if (rc != LEDGER_OK) {
        return rc;
    }

    c = &work->subject.c;

    if (c->state != LEDGER_LIVE || !ledger_exchange_same(x, c)) {
        return LEDGER_NOT_FOUND;
    }

    if (row.kind == LEDGER_ACCESS && row.sequence < c->access_floor) {
        return LEDGER_NOT_FOUND;
    }

    return LEDGER_OK;
}


static unsigned
ledger_exchange_same(const ledger_exchange_t *x,
    const ledger_connection_t *connection)
{
    if (!ledger_slice_equal(x->provider, connection->provider)
        || !ledger_slice_equal(x->client, connection->client))
    {
        return 0;
    }

    return x->user.len == 0 || connection->user.len == 0
           || ledger_slice_equal(x->user, connection->user);
}


/* The tokens of the answer join the subject. */

static ledger_rc_t
ledger_exchange_join(ledger_work_t *work, const ledger_exchange_t *x)
{
    unsigned              unknown;
    ledger_rc_t           rc;
    ledger_token_id_t     current, previous;
    ledger_connection_t  *c;

    c = &work->subject.c;
    current = c->refresh;
    previous = c->previous;
    unknown = c->user.len == 0;

    rc = ledger_exchange_tokens(work, x);

    if (rc == LEDGER_OK) {
        rc = ledger_exchange_rotate(work, x);
    }

    if (rc == LEDGER_OK) {
        rc = ledger_kept_outdated(work, c, &current);
    }

    if (rc == LEDGER_OK) {
        rc = ledger_kept_outdated(work, c, &previous);
    }

    if (rc != LEDGER_OK) {
        return rc;
    }

    if (c->refreshed_at < x->arrived_at) {
        c->refreshed_at = x->arrived_at;
    }

    if (c->last_used_at < x->arrived_at) {
        c->last_used_at = x->arrived_at;
    }

    c->idle = x->idle;

    if (c->owner.len == 0) {
        c->owner = x->owner;
    }

    if (c->login.len == 0) {
        c->login = x->login;
    }

    rc = ledger_turn_bind(work, &work->subject, x->client, x->user,
                          x->tenant);

    if (rc == LEDGER_OK) {
        rc = ledger_work_save(work, &work->subject);
    }

    if (rc == LEDGER_OK) {
        rc = ledger_exchange_alias(work, x, unknown && c->user.len);
    }

    if (rc == LEDGER_OK) {
        rc = ledger_kept_add(work, x);
    }

    return rc == LEDGER_OK ? ledger_lent_keep(work, x) : rc;
}


/*
 * Who logged in as whom.  An answer that names another user than its
 * connection has teaches nothing.
 */

static ledger_rc_t
ledger_exchange_alias(ledger_work_t *work, const ledger_exchange_t *x,
    unsigned bound)
{
    unsigned                    news;
    ledger_slice_t              login, tenant;
    const ledger_connection_t  *c;

    c = &work->subject.c;

    if (x->user.len && !ledger_slice_equal(x->user, c->user)) {
        return LEDGER_OK;
    }

    login = x->login.len ? x->login : c->login;
    tenant = x->tenant.len ? x->tenant : c->tenant;
    news = (bound || x->login.len ? LEDGER_ALIAS_USER : 0)
           | (x->tenant.len ? LEDGER_ALIAS_TENANT : 0);

    return ledger_alias_learn(work, login, tenant, news);
}


/* A new connection: R1, or R4 where it came by a refresh. */

static ledger_rc_t
ledger_exchange_open(ledger_work_t *work, const ledger_exchange_t *x)
{
    ledger_rc_t     rc;
    ledger_held_t  *held;

    held = &work->subject;
    held->due_lane = 0;
    held->counted = 0;

    ledger_exchange_begin(x, work->sequence, &held->c);

    rc = ledger_work_effect(work, x->refresh ? LEDGER_ADOPTED
                                             : LEDGER_CONNECTED,
                            held->c.id, 0, 0);

    if (rc == LEDGER_OK) {
        rc = ledger_exchange_tokens(work, x);
    }

    if (rc == LEDGER_OK) {
        rc = ledger_exchange_rotate(work, x);
    }

    if (rc == LEDGER_OK) {
        rc = ledger_work_save(work, held);
    }

    if (rc == LEDGER_OK) {
        rc = ledger_tenant_enter(work, held);
    }

    if (rc == LEDGER_OK && !x->exempt) {
        rc = ledger_exchange_enter(work, x->refresh
                                         ? LEDGER_SETTLE_FRESH
                                         : LEDGER_SETTLE_FRESH
                                           | LEDGER_SETTLE_EVICT);
    }

    if (rc == LEDGER_OK) {
        rc = ledger_exchange_alias(work, x, 0);
    }

    if (rc == LEDGER_OK) {
        rc = ledger_kept_add(work, x);
    }

    return rc == LEDGER_OK ? ledger_lent_keep(work, x) : rc;
}


static ledger_rc_t
ledger_exchange_enter(ledger_work_t *work, unsigned how)
{
    unsigned        i;
    ledger_rc_t     rc;
    ledger_held_t  *held;

    held = &work->subject;

    for (i = 0; i < held->c.nlimits; i++) {

        if (held->c.state != LEDGER_LIVE) {
            break;
        }

        rc = ledger_settle(work, held, i, how);

        if (rc != LEDGER_OK) {
            return rc;
        }
    }

    return LEDGER_OK;
}


static void
ledger_exchange_begin(const ledger_exchange_t *x, uint64_t id,
    ledger_connection_t *connection)
{
    memset(connection, 0, sizeof(ledger_connection_t));

    connection->id = id;
    connection->state = LEDGER_LIVE;

    connection->provider = x->provider;
    connection->client = x->client;
    connection->user = x->user;
    connection->tenant = x->tenant;
    connection->login = x->login;
    connection->owner = x->owner;
    connection->grant = x->grant;
    connection->scope = x->scope;
    connection->address = x->address;
    connection->agent = x->agent;

    connection->age = x->refresh ? 0 : ledger_exchange_age(x);
    connection->sent_at = x->sent_at;
    connection->opened_at = x->arrived_at;
    connection->last_used_at = x->arrived_at;
    connection->idle = x->idle;

    connection->adopted = x->refresh;
    connection->issued = !x->refresh && x->issued_at != 0;
    connection->exempt = x->exempt;

    connection->nlimits = x->nlimits;
    memcpy(connection->limits, x->limits,
           x->nlimits * sizeof(ledger_limit_t));
}


/* R1: the provider's word counts as far as it can be true. */

static ledger_ms_t
ledger_exchange_age(const ledger_exchange_t *x)
{
    if (x->issued_at == 0 || x->issued_at > x->arrived_at) {
        return x->arrived_at;
    }

    return x->issued_at < x->sent_at ? x->sent_at : x->issued_at;
}


static ledger_rc_t
ledger_exchange_tokens(ledger_work_t *work, const ledger_exchange_t *x)
{
    uint32_t              i;
    unsigned              access, forever;
    ledger_ms_t           expires_at, last;
    ledger_rc_t           rc;
    ledger_connection_t  *c;

    c = &work->subject.c;
    access = 0;
    forever = 0;
    last = 0;
    expires_at = 0;

    for (i = 0; i < x->ntokens; i++) {
        rc = ledger_exchange_token(work, x, &x->tokens[i], &expires_at);

        if (rc != LEDGER_OK) {
            return rc;
        }

        if (x->tokens[i].kind == LEDGER_ACCESS) {
            access = 1;
            forever |= expires_at == 0;
            last = expires_at > last ? expires_at : last;
        }
    }

    if (!access) {
        return LEDGER_OK;
    }

    c->access_expires_at = forever ? 0 : last;

    if (x->refresh_ends_access) {
        c->access_floor = work->sequence;
    }

    return LEDGER_OK;
}


static ledger_rc_t
ledger_exchange_token(ledger_work_t *work, const ledger_exchange_t *x,
    const ledger_token_t *token, ledger_ms_t *expires_at)
{
    ledger_rc_t           rc;
    ledger_row_t          old, row;
    ledger_connection_t  *c;

    c = &work->subject.c;

    rc = ledger_store_token(&work->view, &token->id, &old);

    if (rc != LEDGER_OK && rc != LEDGER_NOT_FOUND) {
        return rc;
    }

    if (rc == LEDGER_OK && old.connection == c->id) {
        row = old;
        row.expires_at = token->expires_at ? token->expires_at
                                           : old.expires_at;
        row.dead = 0;

        /*
         * What the provider hands out after its rotation is good again; an
         * answer to a request that left before says nothing about it.
         */

        if (x->sent_at > row.rotated_at
            && !(x->refresh
                 && ledger_token_id_equal(&token->id, &x->presented)))
        {
            row.rotated_at = 0;
        }

    } else {
        memset(&row, 0, sizeof(ledger_row_t));
        row.expires_at = token->expires_at;
        row.kind = token->kind;
        row.key = token->key;
        row.connection = c->id;
        row.exempt = c->exempt;
    }

    row.sequence = work->sequence;
    row.due_at = ledger_work_token_due(&row, work->now);

    *expires_at = row.expires_at;

    return ledger_work_save_token(work, &token->id,
                                  rc == LEDGER_OK ? &old : NULL, &row);
}


/*
 * R3.  A token that the provider accepted is known from then on, be it as
 * the current one or as one that was rotated.
 */

static ledger_rc_t
ledger_exchange_rotate(ledger_work_t *work, const ledger_exchange_t *x)
{
    ledger_rc_t            rc;
    ledger_row_t           row;
    ledger_connection_t   *c;
    const ledger_token_t  *newest;

    c = &work->subject.c;
    newest = ledger_exchange_newest(x);
    rc = LEDGER_NOT_FOUND;

    if (x->refresh) {
        rc = ledger_exchange_presented(work, x, &row);

        if (rc != LEDGER_OK && rc != LEDGER_NOT_FOUND) {
            return rc;
        }
    }

    if (rc == LEDGER_OK && (newest == NULL || ledger_exchange_returned(x))) {

        if (!c->has_refresh) {
            ledger_exchange_current(c, &x->presented, row.expires_at);
        }

    } else if (newest) {
        rc = ledger_exchange_succeed(work, newest,
                                     rc == LEDGER_OK ? &x->presented : NULL,
                                     &row);

        if (rc != LEDGER_OK) {
            return rc;
        }
    }

    if (x->refresh_expires_at) {
        c->refresh_expires_at = x->refresh_expires_at;
    }

    return LEDGER_OK;
}


/* "newest" takes the place of "presented", whose row is "row"; NULL: none. */

static ledger_rc_t
ledger_exchange_succeed(ledger_work_t *work, const ledger_token_t *newest,
    const ledger_token_id_t *presented, const ledger_row_t *row)
{
    ledger_rc_t           rc;
    ledger_row_t          rotated;
    ledger_connection_t  *c;

    c = &work->subject.c;

    rc = ledger_store_token(&work->view, &newest->id, &rotated);

    if (rc != LEDGER_OK) {
        return rc;
    }

    /* an answer that comes late may bring what was rotated meanwhile */

    if (rotated.rotated_at == 0) {
        ledger_exchange_current(c, &newest->id, newest->expires_at);
    }

    if (presented == NULL || row->rotated_at) {
        return LEDGER_OK;
    }

    c->previous = *presented;
    c->has_previous = 1;

    rotated = *row;
    rotated.rotated_at = work->now;
    rotated.due_at = ledger_work_token_due(&rotated, work->now);

    return ledger_work_save_token(work, presented, row, &rotated);
}


/* The row of the token presented; LEDGER_NOT_FOUND: it stays elsewhere. */

static ledger_rc_t
ledger_exchange_presented(ledger_work_t *work, const ledger_exchange_t *x,
    ledger_row_t *row)
{
    ledger_rc_t           rc;
    ledger_connection_t  *c;

    c = &work->subject.c;

    rc = ledger_store_token(&work->view, &x->presented, row);

    if (rc == LEDGER_OK) {
        return row->connection == c->id ? LEDGER_OK : LEDGER_NOT_FOUND;
    }

    if (rc != LEDGER_NOT_FOUND) {
        return rc;
    }

    memset(row, 0, sizeof(ledger_row_t));

    row->connection = c->id;
    row->kind = LEDGER_REFRESH;
    row->key = x->tokens[0].key;
    row->sequence = work->sequence;
    row->exempt = c->exempt;
    row->due_at = ledger_work_token_due(row, work->now);

    return ledger_work_save_token(work, &x->presented, NULL, row);
}


/* The first refresh token of the answer that is not the one presented. */

static const ledger_token_t *
ledger_exchange_newest(const ledger_exchange_t *x)
{
    uint32_t  i;

    for (i = 0; i < x->ntokens; i++) {

        if (x->tokens[i].kind == LEDGER_REFRESH
            && !(x->refresh
                 && ledger_token_id_equal(&x->tokens[i].id, &x->presented)))
        {
            return &x->tokens[i];
        }
    }

    return NULL;
}


static unsigned
ledger_exchange_returned(const ledger_exchange_t *x)
{
    uint32_t  i;

    for (i = 0; i < x->ntokens; i++) {

        if (x->tokens[i].kind == LEDGER_REFRESH
            && ledger_token_id_equal(&x->tokens[i].id, &x->presented))
        {
            return 1;
        }
    }

    return 0;
}


static void
ledger_exchange_current(ledger_connection_t *connection,
    const ledger_token_id_t *id, ledger_ms_t expires_at)
{
    if (connection->has_refresh
        && ledger_token_id_equal(&connection->refresh, id))
    {
        return;
    }

    connection->refresh = *id;
    connection->refresh_expires_at = expires_at;
    connection->has_refresh = 1;
}
