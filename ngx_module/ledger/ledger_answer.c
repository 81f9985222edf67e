
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * R5, R8 to R10: what identities, the provider's answers to calls, and
 * orders do to a connection.
 */

#include "ledger_work.h"

#include <string.h>

#include "ledger_alias.h"
#include "ledger_connection.h"
#include "ledger_kept.h"
#include "ledger_lent.h"
#include "ledger_turn.h"


/*
 * "In use" counts in hours: idle times are days and months, and a commit a
 * call would be too dear.
 */
#define LEDGER_USE_STEP  3600000


static ledger_rc_t ledger_answer_load(ledger_work_t *work,
    const ledger_token_id_t *token, ledger_row_t *row);
static ledger_rc_t ledger_answer_alive(ledger_work_t *work,
    const ledger_answer_t *answer, const ledger_row_t *row);
static ledger_rc_t ledger_answer_dead(ledger_work_t *work,
    const ledger_answer_t *answer, const ledger_row_t *row);
static ledger_rc_t ledger_answer_confirm(ledger_work_t *work);
static ledger_rc_t ledger_answer_break(ledger_work_t *work);
static ledger_rc_t ledger_revocation_current(ledger_work_t *work,
    const ledger_revocation_t *revocation);
static ledger_rc_t ledger_revocation_whole(ledger_work_t *work);


ledger_rc_t
ledger_apply_binding(ledger_work_t *work)
{
    unsigned                 user, tenant, news;
    ledger_rc_t              rc;
    ledger_connection_t     *c;
    const ledger_binding_t  *binding;

    binding = &work->record->u.binding;
    c = &work->subject.c;

    rc = ledger_work_load(work, binding->connection, &work->subject);

    if (rc != LEDGER_OK) {
        return rc == LEDGER_NOT_FOUND ? LEDGER_OK : rc;
    }

    user = c->user.len != 0;
    tenant = c->tenant.len != 0;
    news = 0;

    rc = ledger_turn_bind(work, &work->subject, ledger_slice(""),
                          binding->user, binding->tenant);

    if (!user && c->user.len) {
        news |= LEDGER_ALIAS_USER;
    }

    if (!tenant && c->tenant.len) {
        news |= LEDGER_ALIAS_TENANT;
    }

    /* a binding that tells nothing new renews nothing */

    if (rc != LEDGER_OK || news == 0) {
        return rc;
    }

    return ledger_alias_learn(work, c->login, c->tenant, news);
}


ledger_rc_t
ledger_apply_answer(ledger_work_t *work)
{
    ledger_rc_t             rc;
    ledger_row_t            row;
    const ledger_answer_t  *answer;

    answer = &work->record->u.answer;

    rc = ledger_answer_load(work, &answer->token, &row);

    if (rc != LEDGER_OK) {
        return rc == LEDGER_NOT_FOUND ? LEDGER_OK : rc;
    }

    /* the token has moved since the call was judged (R2) */

    if (row.connection != answer->connection) {
        return LEDGER_OK;
    }

    return answer->alive ? ledger_answer_alive(work, answer, &row)
                         : ledger_answer_dead(work, answer, &row);
}


/* Loads the token's row, and its connection as the subject. */

static ledger_rc_t
ledger_answer_load(ledger_work_t *work, const ledger_token_id_t *token,
    ledger_row_t *row)
{
    ledger_rc_t  rc;

    rc = ledger_store_token(&work->view, token, row);

    if (rc != LEDGER_OK) {
        return rc;
    }

    return ledger_work_load(work, row->connection, &work->subject);
}


static ledger_rc_t
ledger_answer_alive(ledger_work_t *work, const ledger_answer_t *answer,
    const ledger_row_t *row)
{
    ledger_rc_t     rc;
    ledger_row_t    alive;
    ledger_held_t  *held;

    held = &work->subject;

    /* a call that left before the end says nothing about it */

    if (answer->sent_at <= held->c.ended_at) {
        return LEDGER_OK;
    }

    if (held->c.state == LEDGER_SUPERSEDED) {
        rc = ledger_turn_accept(work, held);

    } else if (held->c.state == LEDGER_BROKEN) {
        rc = ledger_work_effect(work, LEDGER_REPAIRED, held->c.id, 0, 0);

        if (rc == LEDGER_OK) {
            rc = ledger_turn_revive(work, held);
        }

    } else {
        return LEDGER_OK;
    }

    if (rc != LEDGER_OK || !row->dead) {
        return rc;
    }

    alive = *row;
    alive.dead = 0;

    return ledger_work_save_token(work, &answer->token, row, &alive);
}


static ledger_rc_t
ledger_answer_dead(ledger_work_t *work, const ledger_answer_t *answer,
    const ledger_row_t *row)
{
    ledger_rc_t     rc;
    ledger_row_t    dead;
    ledger_held_t  *held;

    held = &work->subject;

    if (held->c.state != LEDGER_LIVE) {
        return ledger_answer_confirm(work);
    }

    if (row->dead) {
        return LEDGER_OK;
    }

    dead = *row;
    dead.dead = 1;

    rc = ledger_work_save_token(work, &answer->token, row, &dead);

    /*
     * A replay of the token before the current one still brings the current
     * one, which nobody may have to do without; its access token is cured by
     * the next refresh.
     */

    if (rc == LEDGER_OK && held->c.has_refresh) {
        rc = ledger_kept_lost(work, &held->c, &held->c.refresh,
                              &answer->token);
    }

    if (rc == LEDGER_OK) {
        rc = ledger_work_effect(work, LEDGER_TOKEN_DEAD, held->c.id, 0, 0);
    }

    if (rc != LEDGER_OK) {
        return rc;
    }

    /* a token that outlived what we know of its life broke nothing */

    if (held->c.has_refresh || row->expires_at <= work->now) {
        return LEDGER_OK;
    }

    return ledger_answer_break(work);
}


/* R1: the provider refused the loser of an undecided pair. */

static ledger_rc_t
ledger_answer_confirm(ledger_work_t *work)
{
    ledger_rc_t     rc;
    ledger_held_t  *held;

    held = &work->subject;

    if (held->c.state != LEDGER_SUPERSEDED || !held->c.undecided) {
        return LEDGER_OK;
    }

    held->c.undecided = 0;

    rc = ledger_work_effect(work, LEDGER_CONFIRMED, held->c.id,
                            held->c.superseded_by, held->c.superseded_limit);

    if (rc != LEDGER_OK) {
        return rc;
    }

    return ledger_work_save(work, held);
}


static ledger_rc_t
ledger_answer_break(ledger_work_t *work)
{
    ledger_rc_t     rc;
    ledger_held_t  *held;

    held = &work->subject;

    rc = ledger_work_effect(work, LEDGER_BREAKAGE, held->c.id, 0, 0);

    if (rc != LEDGER_OK) {
        return rc;
    }

    return ledger_turn_end(work, held, LEDGER_BROKEN, work->now);
}


ledger_rc_t
ledger_apply_refusal(ledger_work_t *work)
{
    ledger_rc_t              rc;
    ledger_row_t             row;
    ledger_connection_t     *c;
    const ledger_refusal_t  *refusal;

    refusal = &work->record->u.refusal;

    rc = ledger_answer_load(work, &refusal->presented, &row);

    if (rc != LEDGER_OK) {
        return rc == LEDGER_NOT_FOUND ? LEDGER_OK : rc;
    }

    c = &work->subject.c;

    if (c->state != LEDGER_LIVE) {
        return ledger_answer_confirm(work);
    }

    if (!c->has_refresh
        || memcmp(c->refresh.bytes, refusal->presented.bytes,
                  LEDGER_TOKEN_ID_SIZE) != 0)
    {
        return LEDGER_OK;
    }

    /* an exchange that came back meanwhile knows better */

    if (refusal->sent_at < c->opened_at
        || refusal->sent_at < c->refreshed_at)
    {
        return LEDGER_OK;
    }

    return ledger_answer_break(work);
}


ledger_rc_t
ledger_apply_revocation(ledger_work_t *work)
{
    ledger_rc_t                 rc;
    ledger_row_t                row, revoked;
    const ledger_revocation_t  *revocation;

    revocation = &work->record->u.revocation;

    rc = ledger_answer_load(work, &revocation->token, &row);

    if (rc != LEDGER_OK) {
        return rc == LEDGER_NOT_FOUND ? LEDGER_OK : rc;
    }

    if (revocation->whole) {
        return ledger_revocation_whole(work);
    }

    if (row.revoked) {
        return LEDGER_OK;
    }

    revoked = row;
    revoked.revoked = 1;

    rc = ledger_work_effect(work, LEDGER_REVOCATION_DONE, row.connection, 0,
                            0);

    if (rc == LEDGER_OK) {
        rc = ledger_work_save_token(work, &revocation->token, &row, &revoked);
    }

    if (rc == LEDGER_OK) {
        rc = ledger_kept_revoked(work, &revocation->token);
    }

    return rc == LEDGER_OK ? ledger_revocation_current(work, revocation) : rc;
}


/* R9: without its refresh token it ends with its last access token. */

static ledger_rc_t
ledger_revocation_current(ledger_work_t *work,
    const ledger_revocation_t *revocation)
{
    ledger_rc_t           rc;
    ledger_connection_t  *c;

    c = &work->subject.c;

    if (!c->has_refresh
        || !ledger_token_id_equal(&c->refresh, &revocation->token))
    {
        return LEDGER_OK;
    }

    c->has_refresh = 0;

    rc = ledger_kept_outdated(work, c, &c->refresh);

    if (rc == LEDGER_OK) {
        rc = ledger_lent_end(work, c->id);
    }

    return rc == LEDGER_OK ? ledger_work_save(work, &work->subject) : rc;
}


static ledger_rc_t
ledger_revocation_whole(ledger_work_t *work)
{
    ledger_ms_t     at;
    ledger_rc_t     rc;
    ledger_held_t  *held;

    held = &work->subject;

    if (held->c.state == LEDGER_REVOKED && !held->c.released) {
        return LEDGER_OK;
    }

    at = held->c.state == LEDGER_REVOKED ? held->c.ended_at : work->now;
    held->c.released = 0;

    rc = ledger_work_effect(work, LEDGER_REVOCATION_DONE, held->c.id, 0, 0);

    if (rc != LEDGER_OK) {
        return rc;
    }

    return ledger_turn_end(work, held, LEDGER_REVOKED, at);
}


ledger_rc_t
ledger_apply_use(ledger_work_t *work)
{
    ledger_rc_t           rc;
    ledger_connection_t  *c;

    rc = ledger_work_load(work, work->record->u.use.connection,
                          &work->subject);

    if (rc != LEDGER_OK) {
        return rc == LEDGER_NOT_FOUND ? LEDGER_OK : rc;
    }

    c = &work->subject.c;

    if (c->state != LEDGER_LIVE
        || work->now < ledger_ms_after(c->last_used_at, LEDGER_USE_STEP))
    {
        return LEDGER_OK;
    }

    c->last_used_at = work->now;

    return ledger_work_save(work, &work->subject);
}


ledger_rc_t
ledger_apply_release(ledger_work_t *work)
{
    ledger_rc_t     rc;
    ledger_held_t  *held;

    held = &work->subject;

    rc = ledger_work_load(work, work->record->u.order.connection, held);

    if (rc != LEDGER_OK) {
        return rc == LEDGER_NOT_FOUND ? LEDGER_OK : rc;
    }

    if (held->c.state != LEDGER_LIVE && held->c.state != LEDGER_BROKEN) {
        return LEDGER_OK;
    }

    rc = ledger_work_effect(work, LEDGER_RELEASED, held->c.id, 0, 0);

    if (rc != LEDGER_OK) {
        return rc;
    }

    held->c.released = 1;

    return ledger_turn_end(work, held, LEDGER_REVOKED, work->now);
}


ledger_rc_t
ledger_apply_reinstate(ledger_work_t *work)
{
    ledger_rc_t     rc;
    ledger_held_t  *held;

    held = &work->subject;

    rc = ledger_work_load(work, work->record->u.order.connection, held);

    if (rc != LEDGER_OK) {
        return rc == LEDGER_NOT_FOUND ? LEDGER_OK : rc;
    }

    if (held->c.state != LEDGER_SUPERSEDED
        && held->c.state != LEDGER_BROKEN
        && !(held->c.state == LEDGER_REVOKED && held->c.released))
    {
        return LEDGER_OK;
    }

    rc = ledger_work_effect(work, LEDGER_REINSTATED, held->c.id, 0, 0);

    if (rc != LEDGER_OK) {
        return rc;
    }

    return ledger_turn_revive(work, held);
}
