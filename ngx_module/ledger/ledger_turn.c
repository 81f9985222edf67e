
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * How a connection ends, comes back, and becomes known.
 */

#include "ledger_turn.h"

#include "ledger_connection.h"
#include "ledger_kept.h"
#include "ledger_lent.h"
#include "ledger_settle.h"
#include "ledger_tenant.h"


static ledger_rc_t ledger_turn_swap(ledger_work_t *work, ledger_held_t *held);
static ledger_rc_t ledger_turn_swap_winner(ledger_work_t *work,
    const ledger_held_t *held);
static unsigned ledger_turn_known(const ledger_connection_t *connection);
static unsigned ledger_turn_learn(ledger_slice_t *identity,
    ledger_slice_t value);


ledger_rc_t
ledger_turn_end(ledger_work_t *work, ledger_held_t *held,
    ledger_state_t state, ledger_ms_t at)
{
    unsigned     i;
    ledger_rc_t  rc;

    rc = ledger_settle_leave(work, held);

    if (rc == LEDGER_OK) {
        rc = ledger_kept_end(work, &held->c);
    }

    if (rc == LEDGER_OK) {
        rc = ledger_lent_end(work, held->c.id);
    }

    held->c.state = (uint8_t) state;
    held->c.ended_at = at;
    held->c.undecided = 0;

    if (state == LEDGER_BROKEN && !held->c.exempt) {

        for (i = 0; rc == LEDGER_OK && i < held->c.nlimits; i++) {
            rc = ledger_settle_enter_broken(work, held, i);
        }
    }

    if (rc != LEDGER_OK) {
        return rc;
    }

    return ledger_work_save(work, held);
}


ledger_rc_t
ledger_turn_revive(ledger_work_t *work, ledger_held_t *held)
{
    unsigned     i;
    ledger_rc_t  rc;

    rc = ledger_settle_leave(work, held);

    held->c.state = LEDGER_LIVE;
    held->c.ended_at = 0;
    held->c.superseded_by = 0;
    held->c.superseded_limit = 0;
    held->c.undecided = 0;
    held->c.reconnect = 0;
    held->c.released = 0;

    if (!held->c.exempt) {

        for (i = 0; rc == LEDGER_OK && i < held->c.nlimits; i++) {
            rc = ledger_settle(work, held, i, 0);
        }
    }

    if (rc == LEDGER_OK) {
        rc = ledger_tenant_enter(work, held);
    }

    if (rc != LEDGER_OK) {
        return rc;
    }

    return ledger_work_save(work, held);
}


ledger_rc_t
ledger_turn_accept(ledger_work_t *work, ledger_held_t *held)
{
    ledger_rc_t  rc;

    if (held->c.undecided) {
        return ledger_turn_swap(work, held);
    }

    rc = ledger_work_effect(work, LEDGER_CONTRADICTED, held->c.id,
                            held->c.superseded_by, held->c.superseded_limit);

    if (rc != LEDGER_OK) {
        return rc;
    }

    return ledger_turn_revive(work, held);
}


static ledger_rc_t
ledger_turn_swap(ledger_work_t *work, ledger_held_t *held)
{
    ledger_rc_t  rc;

    rc = ledger_work_effect(work, LEDGER_SWAPPED, held->c.id,
                            held->c.superseded_by, held->c.superseded_limit);

    if (rc == LEDGER_OK) {
        rc = ledger_turn_swap_winner(work, held);
    }

    if (rc != LEDGER_OK) {
        return rc;
    }

    return ledger_turn_revive(work, held);
}


static ledger_rc_t
ledger_turn_swap_winner(ledger_work_t *work, const ledger_held_t *held)
{
    ledger_rc_t        rc;
    ledger_held_t     *winner;
    ledger_slot_id_t   slot;

    winner = &work->other;

    rc = ledger_work_load(work, held->c.superseded_by, winner);

    if (rc != LEDGER_OK || winner->c.state != LEDGER_LIVE) {
        return rc == LEDGER_NOT_FOUND ? LEDGER_OK : rc;
    }

    rc = ledger_place(&held->c, held->c.superseded_limit, &slot);

    if (rc == LEDGER_OK) {
        rc = ledger_settle_limit_of(winner, &slot, &winner->c.superseded_limit);
    }

    if (rc != LEDGER_OK) {
        return rc == LEDGER_NOT_FOUND ? LEDGER_CORRUPT : rc;
    }

    winner->c.superseded_by = held->c.id;
    winner->c.reconnect = ledger_connection_reconnect(&winner->c,
                                                      &held->c) & 1;

    return ledger_turn_end(work, winner, LEDGER_SUPERSEDED, work->now);
}


ledger_rc_t
ledger_turn_bind(ledger_work_t *work, ledger_held_t *held,
    ledger_slice_t client, ledger_slice_t user, ledger_slice_t tenant)
{
    unsigned     i, learnt, before, now, how;
    ledger_rc_t  rc;

    before = ledger_turn_known(&held->c);

    learnt = ledger_turn_learn(&held->c.client, client);
    learnt |= ledger_turn_learn(&held->c.user, user);
    learnt |= ledger_turn_learn(&held->c.tenant, tenant);

    if (!learnt) {
        return LEDGER_OK;
    }

    rc = ledger_work_effect(work, LEDGER_BOUND, held->c.id, 0, 0);

    if (rc == LEDGER_OK) {
        rc = ledger_work_save(work, held);
    }

    if (rc == LEDGER_OK && held->c.state == LEDGER_LIVE) {
        rc = ledger_tenant_enter(work, held);
    }

    if (held->c.exempt) {
        return rc;
    }

    now = ledger_turn_known(&held->c);

    /*
     * The provider accepts an adopted connection, and nobody saw how old it
     * is (R4): to enter late ends nobody, itself included.
     */
    how = held->c.adopted ? 0 : LEDGER_SETTLE_EVICT;

    for (i = 0; rc == LEDGER_OK && i < held->c.nlimits; i++) {

        if ((now & ~before & 1u << i) == 0) {
            continue;
        }

        if (held->c.state == LEDGER_LIVE) {
            rc = ledger_settle(work, held, i, how);

        } else if (held->c.state == LEDGER_BROKEN) {
            rc = ledger_settle_explained(work, held, i);
        }
    }

    return rc;
}


/* A bit for each limit whose identities are all known. */

static unsigned
ledger_turn_known(const ledger_connection_t *connection)
{
    unsigned  i, known;

    known = 0;

    for (i = 0; i < connection->nlimits; i++) {

        if (ledger_place_known(connection, &connection->limits[i])) {
            known |= 1u << i;
        }
    }

    return known;
}


static unsigned
ledger_turn_learn(ledger_slice_t *identity, ledger_slice_t value)
{
    if (identity->len || value.len == 0) {
        return 0;
    }

    *identity = value;

    return 1;
}
