
/*
 * Copyright (C) The OAuth gateway authors
 */

#include "ledger_lent.h"

#include <string.h>

#include "ledger_connection.h"


static void ledger_lent_fill(const ledger_work_t *work,
    const ledger_exchange_t *x, ledger_lent_row_t *row);
static unsigned ledger_lent_current(const ledger_connection_t *connection,
    const ledger_lent_row_t *row);
static ledger_rc_t ledger_lent_find(ledger_view_t *view, uint64_t id,
    unsigned by, ledger_ms_t now, ledger_lent_t *lent);
static ledger_rc_t ledger_lent_own(ledger_view_t *view, uint64_t id,
    ledger_lent_t *lent);
static ledger_rc_t ledger_lent_slot(ledger_view_t *view,
    const ledger_connection_t *connection, unsigned by, ledger_ms_t now,
    ledger_lent_t *lent);
static ledger_rc_t ledger_lent_by(ledger_view_t *view,
    const ledger_connection_t *lender, ledger_ms_t now, ledger_lent_t *lent);
static ledger_rc_t ledger_lent_access(ledger_view_t *view,
    const ledger_connection_t *lender, const ledger_lent_row_t *row,
    ledger_ms_t now, ledger_lent_t *lent);
static unsigned ledger_lent_same(const ledger_connection_t *one,
    const ledger_connection_t *two, unsigned by);
static unsigned ledger_lent_equal(ledger_slice_t one, ledger_slice_t two);


ledger_rc_t
ledger_lent_keep(ledger_work_t *work, const ledger_exchange_t *x)
{
    ledger_rc_t                 rc;
    ledger_lent_row_t           row;
    const ledger_connection_t  *c;

    c = &work->subject.c;

    if (x->accepted_key == 0) {
        return ledger_lent_end(work, c->id);
    }

    ledger_lent_fill(work, x, &row);

    if (row.sealed.len && !ledger_lent_current(c, &row)) {

        /* an answer that comes late: a newer one has brought the tokens */

        rc = ledger_store_lent(&work->view, c->id, &row);

        if (rc == LEDGER_OK && ledger_lent_current(c, &row)) {
            return LEDGER_OK;
        }

        if (rc != LEDGER_OK && rc != LEDGER_NOT_FOUND) {
            return rc;
        }

        ledger_lent_fill(work, x, &row);
        row.sealed.len = 0;
    }

    work->changed = 1;

    return ledger_store_put_lent(&work->view, c->id, &row, work->scratch);
}


static void
ledger_lent_fill(const ledger_work_t *work, const ledger_exchange_t *x,
    ledger_lent_row_t *row)
{
    uint32_t               i;
    const ledger_token_t  *token;

    memset(row, 0, sizeof(ledger_lent_row_t));

    row->stored_at = x->arrived_at;
    row->key = x->accepted_key;
    memcpy(row->accepted, x->accepted, LEDGER_CLIENT_SIZE);

    if (work->subject.c.state == LEDGER_LIVE) {
        row->sealed = x->lent;
    }

    if (x->refresh) {
        row->has_refresh = 1;
        row->refresh = x->presented;
    }

    for (i = 0; i < x->ntokens; i++) {
        token = &x->tokens[i];

        if (token->kind == LEDGER_REFRESH) {
            row->has_refresh = 1;
            row->refresh = token->id;

        } else {
            row->has_access = !x->narrowed;
            row->access = token->id;
            row->expires_at = token->expires_at;
        }
    }
}


static unsigned
ledger_lent_current(const ledger_connection_t *connection,
    const ledger_lent_row_t *row)
{
    return row->sealed.len
           && row->has_refresh == connection->has_refresh
           && (!row->has_refresh
               || ledger_token_id_equal(&row->refresh, &connection->refresh));
}


ledger_rc_t
ledger_lent_end(ledger_work_t *work, uint64_t connection)
{
    ledger_rc_t        rc;
    ledger_lent_row_t  row;

    rc = ledger_store_lent(&work->view, connection, &row);

    if (rc == LEDGER_NOT_FOUND || (rc == LEDGER_OK && row.sealed.len == 0)) {
        return LEDGER_OK;
    }

    if (rc != LEDGER_OK) {
        return rc;
    }

    row.sealed.len = 0;
    work->changed = 1;

    return ledger_store_put_lent(&work->view, connection, &row,
                                 work->scratch);
}


ledger_rc_t
ledger_lender(ledger_t *ledger, uint64_t connection, unsigned by,
    ledger_ms_t now, ledger_lent_t *lent)
{
    ledger_rc_t    rc;
    ledger_view_t  view;

    rc = ledger_store_read(ledger, &view);

    if (rc != LEDGER_OK) {
        return rc;
    }

    rc = ledger_lent_find(&view, connection, by, now, lent);

    ledger_store_read_end(&view);

    return rc;
}


static ledger_rc_t
ledger_lent_find(ledger_view_t *view, uint64_t id, unsigned by,
    ledger_ms_t now, ledger_lent_t *lent)
{
    ledger_rc_t          rc;
    ledger_connection_t  c;

    rc = ledger_store_decoded(view, id, &c);

    if (rc == LEDGER_OK) {
        rc = ledger_lent_own(view, id, lent);
    }

    if (rc != LEDGER_OK) {
        return rc;
    }

    if (c.state == LEDGER_LIVE) {
        return ledger_lent_by(view, &c, now, lent);
    }

    if (c.state != LEDGER_SUPERSEDED || c.undecided) {
        return LEDGER_NOT_FOUND;
    }

    return ledger_lent_slot(view, &c, by, now, lent);
}


static ledger_rc_t
ledger_lent_own(ledger_view_t *view, uint64_t id, ledger_lent_t *lent)
{
    ledger_rc_t        rc;
    ledger_lent_row_t  row;

    lent->own_key = 0;

    rc = ledger_store_lent(view, id, &row);

    if (rc == LEDGER_OK) {
        lent->own_key = row.key;
        memcpy(lent->own, row.accepted, LEDGER_CLIENT_SIZE);
    }

    return rc == LEDGER_NOT_FOUND ? LEDGER_OK : rc;
}


/* The youngest that has an access token to lend, else the youngest at all. */

static ledger_rc_t
ledger_lent_slot(ledger_view_t *view, const ledger_connection_t *connection,
    unsigned by, ledger_ms_t now, ledger_lent_t *lent)
{
    unsigned             i, found;
    ledger_rc_t          rc;
    ledger_member_t      member;
    ledger_slot_id_t     slot;
    ledger_connection_t  c, first;

    rc = ledger_place(connection, connection->superseded_limit, &slot);

    member.age = UINT64_MAX;
    member.id = UINT64_MAX;
    found = 0;

    for (i = 0; rc == LEDGER_OK && i < LEDGER_LENDERS_MAX; i++) {

        rc = ledger_store_member_before(view, LEDGER_MEMBERS, &slot, &member,
                                        &member);
        if (rc != LEDGER_OK) {
            break;
        }

        rc = ledger_store_decoded(view, member.id, &c);

        if (rc != LEDGER_OK) {
            return rc;
        }

        if (!ledger_lent_same(connection, &c, by)) {
            continue;
        }

        rc = ledger_lent_by(view, &c, now, lent);

        if (rc == LEDGER_OK && lent->has_access) {
            return LEDGER_OK;
        }

        if (rc == LEDGER_OK && !found) {
            first = c;
            found = 1;
        }

        if (rc == LEDGER_NOT_FOUND) {
            rc = LEDGER_OK;
        }
    }

    if (rc != LEDGER_OK && rc != LEDGER_NOT_FOUND) {
        return rc;
    }

    return found ? ledger_lent_by(view, &first, now, lent)
                 : LEDGER_NOT_FOUND;
}


static ledger_rc_t
ledger_lent_by(ledger_view_t *view, const ledger_connection_t *lender,
    ledger_ms_t now, ledger_lent_t *lent)
{
    ledger_rc_t        rc;
    ledger_lent_row_t  row;

    if (lender->state != LEDGER_LIVE || ledger_connection_over(lender, now)) {
        return LEDGER_NOT_FOUND;
    }

    rc = ledger_store_lent(view, lender->id, &row);

    if (rc != LEDGER_OK) {
        return rc;
    }

    if (!ledger_lent_current(lender, &row)) {
        return LEDGER_NOT_FOUND;
    }

    lent->connection = lender->id;
    lent->stored_at = row.stored_at;
    lent->expires_at = row.expires_at;
    lent->last_used_at = lender->last_used_at;
    lent->refresh = row.refresh;
    lent->has_refresh = row.has_refresh;
    lent->key = row.key;
    memcpy(lent->accepted, row.accepted, LEDGER_CLIENT_SIZE);
    memcpy(lent->buf, row.sealed.data, row.sealed.len);
    lent->sealed.data = lent->buf;
    lent->sealed.len = row.sealed.len;

    return ledger_lent_access(view, lender, &row, now, lent);
}


/* Whether the access token would be judged active. */

static ledger_rc_t
ledger_lent_access(ledger_view_t *view, const ledger_connection_t *lender,
    const ledger_lent_row_t *row, ledger_ms_t now, ledger_lent_t *lent)
{
    ledger_rc_t   rc;
    ledger_row_t  token;

    lent->access = row->access;
    lent->has_access = 0;

    if (!row->has_access) {
        return LEDGER_OK;
    }

    rc = ledger_store_token(view, &row->access, &token);

    if (rc != LEDGER_OK) {
        return rc == LEDGER_NOT_FOUND ? LEDGER_OK : rc;
    }

    lent->has_access = token.connection == lender->id
                       && !token.dead && !token.revoked
                       && token.sequence >= lender->access_floor
                       && (token.expires_at == 0 || token.expires_at > now);

    return LEDGER_OK;
}


static unsigned
ledger_lent_same(const ledger_connection_t *one,
    const ledger_connection_t *two, unsigned by)
{
    if (by == 0
        || !ledger_slice_equal(one->provider, two->provider)
        || !ledger_lent_equal(one->client, two->client)
        || ((by & LEDGER_BY_USER) && !ledger_lent_equal(one->user, two->user))
        || ((by & LEDGER_BY_TENANT)
            && !ledger_lent_equal(one->tenant, two->tenant)))
    {
        return 0;
    }

    return ledger_scope_covers(two->scope, one->scope);
}


/* What is unknown equals nothing. */

static unsigned
ledger_lent_equal(ledger_slice_t one, ledger_slice_t two)
{
    return one.len && ledger_slice_equal(one, two);
}
