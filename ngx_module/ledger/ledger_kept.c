
/*
 * Copyright (C) The OAuth gateway authors
 */

#include "ledger_kept.h"

#include <string.h>

#include "ledger_connection.h"


static ledger_rc_t ledger_kept_review(ledger_work_t *work,
    const ledger_exchange_t *x, unsigned room);
static ledger_rc_t ledger_kept_over(ledger_work_t *work,
    const ledger_exchange_t *x, const ledger_kept_row_t *row);
static ledger_rc_t ledger_kept_put(ledger_work_t *work,
    const ledger_exchange_t *x);
static ledger_rc_t ledger_kept_wanted(ledger_work_t *work,
    const ledger_exchange_t *x);
static ledger_rc_t ledger_kept_usable(ledger_work_t *work,
    const ledger_token_id_t *id);
static ledger_rc_t ledger_kept_clear(ledger_work_t *work,
    const ledger_connection_t *connection,
    const ledger_token_id_t *presented, const ledger_token_id_t *token);
static unsigned ledger_kept_has(const ledger_kept_row_t *row,
    const ledger_token_id_t *token);
static ledger_rc_t ledger_kept_drop(ledger_work_t *work,
    const ledger_token_id_t *presented, const ledger_kept_row_t *row);
static void ledger_kept_lane(const ledger_token_id_t *presented,
    const ledger_kept_row_t *row, ledger_due_t *due);
static ledger_rc_t ledger_kept_read(ledger_view_t *view,
    const ledger_token_id_t *presented, uint64_t before, ledger_ms_t now,
    ledger_kept_t *kept);
static ledger_rc_t ledger_kept_allowed(ledger_view_t *view,
    const ledger_token_id_t *presented, ledger_ms_t now,
    const ledger_kept_row_t *kept);


ledger_rc_t
ledger_kept_add(ledger_work_t *work, const ledger_exchange_t *x)
{
    unsigned     wanted;
    ledger_rc_t  rc;

    if (!x->refresh) {
        return LEDGER_OK;
    }

    rc = ledger_kept_wanted(work, x);

    if (rc != LEDGER_OK && rc != LEDGER_NOT_FOUND) {
        return rc;
    }

    wanted = rc == LEDGER_OK;

    rc = ledger_kept_review(work, x, LEDGER_KEPT_ANSWERS_MAX - wanted);

    return rc == LEDGER_OK && wanted ? ledger_kept_put(work, x) : rc;
}


/* Leaves at most "room" of the earlier answers, and none that is over. */

static ledger_rc_t
ledger_kept_review(ledger_work_t *work, const ledger_exchange_t *x,
    unsigned room)
{
    ledger_rc_t        rc;
    ledger_kept_row_t  row;

    row.number = LEDGER_KEPT_LATEST;

    for ( ;; ) {
        rc = ledger_store_kept(&work->view, &x->presented, row.number, &row);

        if (rc != LEDGER_OK) {
            return rc == LEDGER_NOT_FOUND ? LEDGER_OK : rc;
        }

        rc = room ? ledger_kept_over(work, x, &row) : LEDGER_NOT_FOUND;

        if (rc == LEDGER_OK) {
            room--;

        } else if (rc == LEDGER_NOT_FOUND) {
            rc = ledger_kept_drop(work, &x->presented, &row);
        }

        if (rc != LEDGER_OK) {
            return rc;
        }
    }
}


/*
 * LEDGER_NOT_FOUND: the exchange ends this answer.  One that is not kept
 * does not tell its request: it may have been any.
 */

static ledger_rc_t
ledger_kept_over(ledger_work_t *work, const ledger_exchange_t *x,
    const ledger_kept_row_t *row)
{
    uint32_t                    i;
    ledger_rc_t                 rc;
    ledger_row_t                token;
    const ledger_connection_t  *c;

    c = &work->subject.c;

    if (x->kept.len == 0 || row->connection != c->id
        || memcmp(row->print, x->print, LEDGER_PRINT_SIZE) == 0)
    {
        return LEDGER_NOT_FOUND;
    }

    for (i = 0; i < row->ntokens; i++) {
        rc = ledger_store_token(&work->view, &row->tokens[i], &token);

        if (rc != LEDGER_OK) {
            return rc;
        }

        if (token.connection != c->id || token.rotated_at
            || (token.kind == LEDGER_ACCESS
                && token.sequence < c->access_floor))
        {
            return LEDGER_NOT_FOUND;
        }
    }

    return LEDGER_OK;
}


static ledger_rc_t
ledger_kept_put(ledger_work_t *work, const ledger_exchange_t *x)
{
    uint32_t           i;
    ledger_rc_t        rc;
    ledger_due_t       due;
    ledger_kept_row_t  row;

    row.number = work->sequence;
    row.connection = work->subject.c.id;
    row.stored_at = x->arrived_at;
    row.until = x->kept_until;
    row.sealed = x->kept;
    row.ntokens = x->ntokens;
    memcpy(row.print, x->print, LEDGER_PRINT_SIZE);

    for (i = 0; i < x->ntokens; i++) {
        row.tokens[i] = x->tokens[i].id;
    }

    ledger_kept_lane(&x->presented, &row, &due);

    rc = ledger_store_put_due(&work->view, &due);

    if (rc != LEDGER_OK) {
        return rc;
    }

    work->changed = 1;

    return ledger_store_put_kept(&work->view, &x->presented, &row,
                                 work->scratch);
}


/* LEDGER_NOT_FOUND: nothing is there to be kept, or it could not be given. */

static ledger_rc_t
ledger_kept_wanted(ledger_work_t *work, const ledger_exchange_t *x)
{
    uint32_t              i;
    ledger_rc_t           rc;
    ledger_connection_t  *c;

    c = &work->subject.c;

    if (x->kept.len == 0 || c->state != LEDGER_LIVE
        || !ledger_connection_replays(c, &x->presented))
    {
        return LEDGER_NOT_FOUND;
    }

    rc = ledger_kept_usable(work, &x->presented);

    for (i = 0; rc == LEDGER_OK && i < x->ntokens; i++) {
        rc = ledger_kept_usable(work, &x->tokens[i].id);
    }

    return rc;
}


/* What was revoked and is handed out all the same is not handed out twice. */

static ledger_rc_t
ledger_kept_usable(ledger_work_t *work, const ledger_token_id_t *id)
{
    ledger_rc_t   rc;
    ledger_row_t  row;

    rc = ledger_store_token(&work->view, id, &row);

    if (rc != LEDGER_OK) {
        return rc;
    }

    return row.revoked ? LEDGER_NOT_FOUND : LEDGER_OK;
}


ledger_rc_t
ledger_kept_outdated(ledger_work_t *work,
    const ledger_connection_t *connection,
    const ledger_token_id_t *presented)
{
    if (ledger_connection_replays(connection, presented)) {
        return LEDGER_OK;
    }

    return ledger_kept_clear(work, connection, presented, NULL);
}


ledger_rc_t
ledger_kept_lost(ledger_work_t *work, const ledger_connection_t *connection,
    const ledger_token_id_t *presented, const ledger_token_id_t *token)
{
    return ledger_kept_clear(work, connection, presented, token);
}


ledger_rc_t
ledger_kept_revoked(ledger_work_t *work, const ledger_token_id_t *token)
{
    ledger_rc_t                 rc;
    const ledger_connection_t  *c;

    c = &work->subject.c;

    rc = ledger_kept_lost(work, c, &c->refresh, token);

    if (rc != LEDGER_OK) {
        return rc;
    }

    return ledger_kept_lost(work, c, &c->previous, token);
}


ledger_rc_t
ledger_kept_end(ledger_work_t *work, const ledger_connection_t *connection)
{
    ledger_rc_t  rc;

    rc = ledger_kept_clear(work, connection, &connection->refresh, NULL);

    if (rc != LEDGER_OK) {
        return rc;
    }

    return ledger_kept_clear(work, connection, &connection->previous, NULL);
}


/*
 * Drops the answers to "presented" that this connection, and no other, has,
 * and that "token" is in; NULL: all.
 */

static ledger_rc_t
ledger_kept_clear(ledger_work_t *work, const ledger_connection_t *connection,
    const ledger_token_id_t *presented, const ledger_token_id_t *token)
{
    ledger_rc_t        rc;
    ledger_kept_row_t  row;

    row.number = LEDGER_KEPT_LATEST;

    for ( ;; ) {
        rc = ledger_store_kept(&work->view, presented, row.number, &row);

        if (rc != LEDGER_OK) {
            return rc == LEDGER_NOT_FOUND ? LEDGER_OK : rc;
        }

        if (row.connection != connection->id
            || (token && !ledger_kept_has(&row, token)))
        {
            continue;
        }

        rc = ledger_kept_drop(work, presented, &row);

        if (rc != LEDGER_OK) {
            return rc;
        }
    }
}


static unsigned
ledger_kept_has(const ledger_kept_row_t *row, const ledger_token_id_t *token)
{
    uint32_t  i;

    for (i = 0; i < row->ntokens; i++) {

        if (ledger_token_id_equal(&row->tokens[i], token)) {
            return 1;
        }
    }

    return 0;
}


static ledger_rc_t
ledger_kept_drop(ledger_work_t *work, const ledger_token_id_t *presented,
    const ledger_kept_row_t *row)
{
    ledger_rc_t   rc;
    ledger_due_t  due;

    ledger_kept_lane(presented, row, &due);

    rc = ledger_store_delete_due(&work->view, &due);

    if (rc != LEDGER_OK) {
        return rc;
    }

    work->changed = 1;

    return ledger_store_delete_kept(&work->view, presented, row->number);
}


static void
ledger_kept_lane(const ledger_token_id_t *presented,
    const ledger_kept_row_t *row, ledger_due_t *due)
{
    memset(due, 0, sizeof(ledger_due_t));

    due->lane = LEDGER_LANE_KEPT;
    due->at = row->until;
    due->connection = row->connection;
    due->number = row->number;
    memcpy(due->id, presented->bytes, LEDGER_TOKEN_ID_SIZE);
}


ledger_rc_t
ledger_kept_sweep(ledger_work_t *work, const ledger_due_t *due)
{
    ledger_rc_t        rc;
    ledger_kept_row_t  row;
    ledger_token_id_t  presented;

    memcpy(presented.bytes, due->id, LEDGER_TOKEN_ID_SIZE);

    rc = ledger_store_kept(&work->view, &presented, due->number + 1, &row);

    if (rc != LEDGER_OK) {
        return rc;
    }

    if (row.number != due->number || row.until != due->at
        || row.connection != due->connection)
    {
        return LEDGER_CORRUPT;
    }

    return ledger_kept_drop(work, &presented, &row);
}


ledger_rc_t
ledger_kept(ledger_t *ledger, const ledger_token_id_t *presented,
    uint64_t before, ledger_ms_t now, ledger_kept_t *kept)
{
    ledger_rc_t    rc;
    ledger_view_t  view;

    rc = ledger_store_read(ledger, &view);

    if (rc != LEDGER_OK) {
        return rc;
    }

    rc = ledger_kept_read(&view, presented, before, now, kept);

    ledger_store_read_end(&view);

    return rc;
}


static ledger_rc_t
ledger_kept_read(ledger_view_t *view, const ledger_token_id_t *presented,
    uint64_t before, ledger_ms_t now, ledger_kept_t *kept)
{
    ledger_rc_t        rc;
    ledger_kept_row_t  row;

    row.number = before;

    do {
        rc = ledger_store_kept(view, presented, row.number, &row);

        if (rc != LEDGER_OK) {
            return rc;
        }

        rc = ledger_kept_allowed(view, presented, now, &row);

    } while (rc == LEDGER_NOT_FOUND);

    if (rc != LEDGER_OK) {
        return rc;
    }

    kept->number = row.number;
    kept->connection = row.connection;
    kept->stored_at = row.stored_at;
    memcpy(kept->print, row.print, LEDGER_PRINT_SIZE);
    memcpy(kept->buf, row.sealed.data, row.sealed.len);
    kept->sealed.data = kept->buf;
    kept->sealed.len = row.sealed.len;

    return LEDGER_OK;
}


/*
 * A row that must not be given is dropped by whatever made it so; this does
 * not rely on it, except for the tokens of the answer.
 */

static ledger_rc_t
ledger_kept_allowed(ledger_view_t *view, const ledger_token_id_t *presented,
    ledger_ms_t now, const ledger_kept_row_t *kept)
{
    ledger_rc_t          rc;
    ledger_row_t         row;
    ledger_connection_t  c;

    if (now > kept->until) {
        return LEDGER_NOT_FOUND;
    }

    rc = ledger_store_token(view, presented, &row);

    if (rc != LEDGER_OK) {
        return rc;
    }

    if (row.connection != kept->connection || row.revoked) {
        return LEDGER_NOT_FOUND;
    }

    rc = ledger_store_decoded(view, row.connection, &c);

    if (rc != LEDGER_OK) {
        return rc;
    }

    if (c.id != kept->connection) {
        return LEDGER_CORRUPT;
    }

    return c.state == LEDGER_LIVE && !ledger_connection_over(&c, now)
           && ledger_connection_replays(&c, presented)
           ? LEDGER_OK : LEDGER_NOT_FOUND;
}
