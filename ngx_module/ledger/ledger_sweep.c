
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * R9: what time alone does.  A sweep works through the lanes in order, one
 * row at a time, at most so many rows.
 */

#include "ledger_work.h"

#include <string.h>

#include "ledger_alias.h"
#include "ledger_connection.h"
#include "ledger_count.h"
#include "ledger_event.h"
#include "ledger_kept.h"
#include "ledger_turn.h"


static ledger_rc_t ledger_sweep_lane(ledger_work_t *work,
    ledger_lane_t lane, uint32_t *left);
static unsigned ledger_sweep_is_due(const ledger_due_t *due, ledger_ms_t now,
    uint64_t retention);
static uint64_t ledger_sweep_kept(uint8_t lane, uint64_t retention);
static ledger_rc_t ledger_sweep_row(ledger_work_t *work,
    const ledger_due_t *due);
static ledger_rc_t ledger_sweep_connection(ledger_work_t *work,
    const ledger_due_t *due);
static ledger_rc_t ledger_sweep_token(ledger_work_t *work,
    const ledger_due_t *due);
static ledger_ms_t ledger_sweep_next(ledger_work_t *work,
    const ledger_row_t *row, uint64_t kept);
static ledger_rc_t ledger_sweep_slot(ledger_work_t *work,
    const ledger_due_t *due);
static ledger_rc_t ledger_sweep_entries(ledger_work_t *work,
    ledger_table_t table, uint32_t *left);
static ledger_rc_t ledger_sweep_entry_due(ledger_view_t *view,
    ledger_table_t table, ledger_ms_t now, uint64_t retention,
    uint64_t *number);


ledger_rc_t
ledger_apply_sweep(ledger_work_t *work)
{
    unsigned     lane;
    uint32_t     left;
    ledger_rc_t  rc;

    left = work->record->u.sweep.max;

    ledger_store_check_readers(work->view.ledger);

    rc = ledger_sweep_lane(work, LEDGER_LANE_KEPT, &left);

    for (lane = LEDGER_LANE_LIVE;
         rc == LEDGER_OK && lane < LEDGER_LANES;
         lane++)
    {
        if (lane != LEDGER_LANE_KEPT) {
            rc = ledger_sweep_lane(work, (ledger_lane_t) lane, &left);
        }
    }

    if (rc == LEDGER_OK) {
        rc = ledger_sweep_entries(work, LEDGER_LOG, &left);
    }

    if (rc == LEDGER_OK) {
        rc = ledger_sweep_entries(work, LEDGER_HISTORY, &left);
    }

    return rc;
}


static ledger_rc_t
ledger_sweep_lane(ledger_work_t *work, ledger_lane_t lane, uint32_t *left)
{
    ledger_rc_t   rc;
    ledger_due_t  due;

    for ( /* void */ ; *left; (*left)--) {
        rc = ledger_store_due(&work->view, lane, &due);

        if (rc != LEDGER_OK) {
            return rc == LEDGER_NOT_FOUND ? LEDGER_OK : rc;
        }

        if (!ledger_sweep_is_due(&due, work->now,
                                 work->record->u.sweep.retention))
        {
            return LEDGER_OK;
        }

        rc = ledger_sweep_row(work, &due);

        if (rc != LEDGER_OK) {
            return rc == LEDGER_NOT_FOUND ? LEDGER_CORRUPT : rc;
        }
    }

    return LEDGER_OK;
}


static unsigned
ledger_sweep_is_due(const ledger_due_t *due, ledger_ms_t now,
    uint64_t retention)
{
    return ledger_ms_after(due->at, ledger_sweep_kept(due->lane, retention))
           <= now;
}


static uint64_t
ledger_sweep_kept(uint8_t lane, uint64_t retention)
{
    switch (lane) {

    case LEDGER_LANE_LIVE:
        return 0;

    case LEDGER_LANE_KEPT:
        /* an answer is kept until its time, and including it */
        return 1;

    case LEDGER_LANE_ENDED_EXEMPT:
    case LEDGER_LANE_TOKEN_EXEMPT:
        return LEDGER_EXEMPT_RETENTION;

    default:
        return retention;
    }
}


static ledger_rc_t
ledger_sweep_row(ledger_work_t *work, const ledger_due_t *due)
{
    switch (due->lane) {

    case LEDGER_LANE_TOKEN:
    case LEDGER_LANE_TOKEN_EXEMPT:
        return ledger_sweep_token(work, due);

    case LEDGER_LANE_SLOT:
        return ledger_sweep_slot(work, due);

    case LEDGER_LANE_KEPT:
        return ledger_kept_sweep(work, due);

    case LEDGER_LANE_ALIAS:
        return ledger_alias_sweep(work, due);

    default:
        return ledger_sweep_connection(work, due);
    }
}


static ledger_rc_t
ledger_sweep_connection(ledger_work_t *work, const ledger_due_t *due)
{
    ledger_rc_t     rc;
    ledger_held_t  *held;

    held = &work->subject;

    rc = ledger_work_load(work, due->connection, held);

    if (rc != LEDGER_OK) {
        return rc;
    }

    if (held->due_lane != due->lane || held->due_at != due->at) {
        return LEDGER_CORRUPT;
    }

    if (due->lane != LEDGER_LANE_LIVE) {
        rc = ledger_work_effect(work, LEDGER_DELETED, held->c.id, 0, 0);

        return rc == LEDGER_OK ? ledger_work_delete(work, held) : rc;
    }

    rc = ledger_work_effect(work, LEDGER_EXPIRY, held->c.id, 0, 0);

    if (rc != LEDGER_OK) {
        return rc;
    }

    return ledger_turn_end(work, held, LEDGER_EXPIRED, due->at);
}


static ledger_rc_t
ledger_sweep_token(ledger_work_t *work, const ledger_due_t *due)
{
    uint64_t           kept;
    ledger_rc_t        rc;
    ledger_row_t       old, row;
    ledger_token_id_t  id;

    memcpy(id.bytes, due->id, LEDGER_TOKEN_ID_SIZE);

    rc = ledger_store_token(&work->view, &id, &old);

    if (rc != LEDGER_OK) {
        return rc;
    }

    if (old.due_at != due->at || old.connection != due->connection) {
        return LEDGER_CORRUPT;
    }

    rc = ledger_work_load(work, old.connection, &work->subject);

    if (rc != LEDGER_OK && rc != LEDGER_NOT_FOUND) {
        return rc;
    }

    kept = ledger_sweep_kept(due->lane, work->record->u.sweep.retention);

    row = old;
    row.due_at = rc == LEDGER_OK ? ledger_sweep_next(work, &old, kept) : 0;

    if (row.due_at == 0) {
        return ledger_work_delete_token(work, &id, &old);
    }

    return ledger_work_save_token(work, &id, &old, &row);
}


/*
 * When a token whose connection is there has to be looked at again; 0: it
 * may go.  It goes a retention after its own end, but not before an ended
 * connection does, so that a late caller learns why.
 */

static ledger_ms_t
ledger_sweep_next(ledger_work_t *work, const ledger_row_t *row, uint64_t kept)
{
    ledger_ms_t                 end;
    const ledger_connection_t  *c;

    c = &work->subject.c;

    if (c->state != LEDGER_LIVE) {

        if (c->ended_at > row->due_at) {
            return c->ended_at;
        }

    } else {
        end = row->kind == LEDGER_ACCESS ? row->expires_at : row->rotated_at;

        if (end == 0 && row->kind == LEDGER_ACCESS
            && row->sequence < c->access_floor)
        {
            end = row->due_at;
        }

        if (end && ledger_ms_after(end, kept) <= work->now) {
            return 0;
        }

        if (end > row->due_at) {
            return end;
        }
    }

    /* at most once a day, however short the retention */

    return kept >= LEDGER_EXEMPT_RETENTION
           ? work->now
           : ledger_ms_after(work->now, LEDGER_EXEMPT_RETENTION - kept);
}


static ledger_rc_t
ledger_sweep_slot(ledger_work_t *work, const ledger_due_t *due)
{
    ledger_rc_t       rc;
    ledger_slot_id_t  slot;

    memcpy(slot.bytes, due->id, LEDGER_SLOT_ID_SIZE);

    rc = ledger_store_delete_due(&work->view, due);

    if (rc != LEDGER_OK) {
        return rc;
    }

    rc = ledger_count_forget(work, &slot);

    if (rc != LEDGER_OK) {
        return rc;
    }

    work->changed = 1;

    return ledger_store_delete_slot(&work->view, &slot);
}


/*
 * Only the log and the events get shorter: no change of state, and so
 * nothing that would have to be logged in its turn.
 */

static ledger_rc_t
ledger_sweep_entries(ledger_work_t *work, ledger_table_t table,
    uint32_t *left)
{
    uint64_t     number;
    ledger_rc_t  rc;

    for ( /* void */ ; *left; (*left)--) {
        rc = ledger_sweep_entry_due(&work->view, table, work->now,
                                    work->record->u.sweep.retention, &number);

        if (rc != LEDGER_OK) {
            return rc == LEDGER_NOT_FOUND ? LEDGER_OK : rc;
        }

        rc = (table == LEDGER_HISTORY)
             ? ledger_event_forget(&work->view, number)
             : ledger_store_delete_entry(&work->view, table, number);

        if (rc != LEDGER_OK) {
            return rc;
        }
    }

    return LEDGER_OK;
}


/* The first row of the table, if it is past its retention. */

static ledger_rc_t
ledger_sweep_entry_due(ledger_view_t *view, ledger_table_t table,
    ledger_ms_t now, uint64_t retention, uint64_t *number)
{
    ledger_ms_t      at;
    ledger_rc_t      rc;
    ledger_event_t   event;
    ledger_slice_t   encoded;
    ledger_record_t  record;

    rc = ledger_store_entry(view, table, 0, number, &encoded);

    if (rc != LEDGER_OK) {
        return rc;
    }

    if (table == LEDGER_LOG) {
        rc = ledger_record_decode(encoded.data, encoded.len, &record);
        at = record.at;

    } else {
        rc = ledger_event_decode(encoded, &event);
        at = event.at;
    }

    if (rc != LEDGER_OK) {
        return LEDGER_CORRUPT;
    }

    return ledger_ms_after(at, retention) <= now ? LEDGER_OK
                                                 : LEDGER_NOT_FOUND;
}


ledger_rc_t
ledger_due(ledger_t *ledger, ledger_ms_t now, uint64_t retention)
{
    unsigned       lane;
    uint64_t       number;
    ledger_rc_t    rc;
    ledger_due_t   due;
    ledger_view_t  view;

    rc = ledger_store_read(ledger, &view);

    if (rc != LEDGER_OK) {
        return rc;
    }

    rc = ledger_sweep_entry_due(&view, LEDGER_LOG, now, retention, &number);

    if (rc == LEDGER_NOT_FOUND) {
        rc = ledger_sweep_entry_due(&view, LEDGER_HISTORY, now, retention,
                                    &number);
    }

    for (lane = LEDGER_LANE_LIVE;
         rc == LEDGER_NOT_FOUND && lane < LEDGER_LANES;
         lane++)
    {
        rc = ledger_store_due(&view, (ledger_lane_t) lane, &due);

        if (rc == LEDGER_OK && !ledger_sweep_is_due(&due, now, retention)) {
            rc = LEDGER_NOT_FOUND;
        }
    }

    ledger_store_read_end(&view);

    return rc;
}
