
/*
 * Copyright (C) The OAuth gateway authors
 */

#include "ledger_work.h"

#include <stdlib.h>
#include <string.h>

#include "ledger_connection.h"
#include "ledger_count.h"
#include "ledger_index.h"
#include "ledger_settle.h"


#define LEDGER_EFFECTS_FIRST  16


static ledger_rc_t ledger_work_index(ledger_work_t *work, uint64_t id,
    const ledger_connection_t *is);
static void ledger_work_due(const ledger_connection_t *connection,
    ledger_due_t *due);
static ledger_rc_t ledger_work_move_due(ledger_work_t *work,
    ledger_held_t *held, const ledger_due_t *due);
static void ledger_work_token_lane(const ledger_token_id_t *id,
    const ledger_row_t *row, ledger_due_t *due);


ledger_rc_t
ledger_work_create(ledger_work_t **work)
{
    *work = calloc(1, sizeof(ledger_work_t));
    if (*work == NULL) {
        return LEDGER_NOMEM;
    }

    return LEDGER_OK;
}


void
ledger_work_destroy(ledger_work_t *work)
{
    free(work);
}


void
ledger_effects_free(ledger_effects_t *effects)
{
    free(effects->elts);
    memset(effects, 0, sizeof(ledger_effects_t));
}


ledger_rc_t
ledger_work_effect(ledger_work_t *work, ledger_effect_kind_t kind,
    uint64_t connection, uint64_t other, unsigned limit)
{
    ledger_effect_t  effect;

    memset(&effect, 0, sizeof(ledger_effect_t));

    effect.connection = connection;
    effect.other = other;
    effect.kind = (uint8_t) kind;
    effect.limit = (uint8_t) limit;

    return ledger_work_push(work, &effect);
}


ledger_rc_t
ledger_work_push(ledger_work_t *work, const ledger_effect_t *effect)
{
    size_t             allocated;
    ledger_effect_t   *elts;
    ledger_effects_t  *effects;

    effects = work->effects;

    if (effects->n == effects->allocated) {
        allocated = effects->allocated ? effects->allocated * 2
                                       : LEDGER_EFFECTS_FIRST;

        elts = realloc(effects->elts, allocated * sizeof(ledger_effect_t));
        if (elts == NULL) {
            return LEDGER_NOMEM;
        }

        effects->elts = elts;
        effects->allocated = allocated;
    }

    effects->elts[effects->n] = *effect;
    effects->elts[effects->n].record = work->index;
    effects->n++;

    return LEDGER_OK;
}


ledger_rc_t
ledger_work_load(ledger_work_t *work, uint64_t id, ledger_held_t *held)
{
    ledger_rc_t     rc;
    ledger_due_t    due;
    ledger_slice_t  encoded;

    rc = ledger_store_connection(&work->view, id, &encoded);

    if (rc != LEDGER_OK) {
        return rc;
    }

    memcpy(held->buf, encoded.data, encoded.len);

    rc = ledger_connection_decode(held->buf, encoded.len, &held->c);

    if (rc != LEDGER_OK) {
        return rc;
    }

    if (held->c.id != id) {
        return LEDGER_CORRUPT;
    }

    ledger_work_due(&held->c, &due);

    held->due_lane = due.lane;
    held->due_at = due.at;
    held->counted = held->c.state;

    return LEDGER_OK;
}


ledger_rc_t
ledger_work_save(ledger_work_t *work, ledger_held_t *held)
{
    size_t        len;
    ledger_rc_t   rc;
    ledger_due_t  due;

    rc = ledger_work_index(work, held->c.id, &held->c);

    if (rc != LEDGER_OK) {
        return rc;
    }

    rc = ledger_connection_encode(&held->c, work->scratch, &len);

    if (rc != LEDGER_OK) {
        return LEDGER_CORRUPT;
    }

    rc = ledger_store_put_connection(&work->view, held->c.id,
                                 (ledger_slice_t) { work->scratch, len });

    if (rc == LEDGER_OK) {
        rc = ledger_count_state(work, held, held->c.state);
    }

    if (rc != LEDGER_OK) {
        return rc;
    }

    work->changed = 1;

    ledger_work_due(&held->c, &due);

    return ledger_work_move_due(work, held, &due);
}


/* Moves the rows of the index to where the connection will be. */

static ledger_rc_t
ledger_work_index(ledger_work_t *work, uint64_t id,
    const ledger_connection_t *is)
{
    ledger_rc_t  rc;

    rc = ledger_work_load(work, id, &work->stored);

    if (rc == LEDGER_NOT_FOUND) {
        return ledger_index_move(&work->view, NULL, is);
    }

    if (rc != LEDGER_OK) {
        return rc;
    }

    return ledger_index_move(&work->view, &work->stored.c, is);
}


/* The one row that a connection has in the lanes; lane 0: none. */

static void
ledger_work_due(const ledger_connection_t *connection, ledger_due_t *due)
{
    memset(due, 0, sizeof(ledger_due_t));

    due->connection = connection->id;

    if (connection->state != LEDGER_LIVE) {
        due->lane = connection->exempt ? LEDGER_LANE_ENDED_EXEMPT
                                       : LEDGER_LANE_ENDED;
        due->at = connection->ended_at;
        return;
    }

    due->at = ledger_connection_end(connection);
    due->lane = due->at ? LEDGER_LANE_LIVE : 0;
}


static ledger_rc_t
ledger_work_move_due(ledger_work_t *work, ledger_held_t *held,
    const ledger_due_t *due)
{
    ledger_rc_t   rc;
    ledger_due_t  old;

    if (held->due_lane == due->lane && held->due_at == due->at) {
        return LEDGER_OK;
    }

    if (held->due_lane) {
        memset(&old, 0, sizeof(ledger_due_t));

        old.connection = held->c.id;
        old.lane = held->due_lane;
        old.at = held->due_at;

        rc = ledger_store_delete_due(&work->view, &old);

        if (rc != LEDGER_OK) {
            return rc;
        }
    }

    held->due_lane = due->lane;
    held->due_at = due->at;

    return due->lane ? ledger_store_put_due(&work->view, due) : LEDGER_OK;
}


ledger_rc_t
ledger_work_delete(ledger_work_t *work, ledger_held_t *held)
{
    ledger_rc_t   rc;
    ledger_due_t  none;

    rc = ledger_settle_leave(work, held);

    if (rc != LEDGER_OK) {
        return rc;
    }

    memset(&none, 0, sizeof(ledger_due_t));

    rc = ledger_work_move_due(work, held, &none);

    if (rc == LEDGER_OK) {
        rc = ledger_count_state(work, held, 0);
    }

    if (rc != LEDGER_OK) {
        return rc;
    }

    rc = ledger_work_index(work, held->c.id, NULL);

    if (rc != LEDGER_OK) {
        return rc;
    }

    work->changed = 1;

    rc = ledger_store_delete_lent(&work->view, held->c.id);

    if (rc != LEDGER_OK && rc != LEDGER_NOT_FOUND) {
        return rc;
    }

    return ledger_store_delete_connection(&work->view, held->c.id);
}


ledger_rc_t
ledger_work_save_token(ledger_work_t *work, const ledger_token_id_t *id,
    const ledger_row_t *old, const ledger_row_t *row)
{
    ledger_rc_t   rc;
    ledger_due_t  due, before;

    ledger_work_token_lane(id, row, &due);
    memset(&before, 0, sizeof(ledger_due_t));

    if (old) {
        ledger_work_token_lane(id, old, &before);
    }

    if (memcmp(&before, &due, sizeof(ledger_due_t)) != 0) {

        if (old) {
            rc = ledger_store_delete_due(&work->view, &before);

            if (rc != LEDGER_OK) {
                return rc;
            }
        }

        rc = ledger_store_put_due(&work->view, &due);

        if (rc != LEDGER_OK) {
            return rc;
        }
    }

    work->changed = 1;

    return ledger_store_put_token(&work->view, id, row);
}


static void
ledger_work_token_lane(const ledger_token_id_t *id, const ledger_row_t *row,
    ledger_due_t *due)
{
    /* compared as memory, so that padding counts */
    memset(due, 0, sizeof(ledger_due_t));

    due->lane = row->exempt ? LEDGER_LANE_TOKEN_EXEMPT : LEDGER_LANE_TOKEN;
    due->at = row->due_at;
    due->connection = row->connection;
    memcpy(due->id, id->bytes, LEDGER_TOKEN_ID_SIZE);
}


ledger_rc_t
ledger_work_delete_token(ledger_work_t *work, const ledger_token_id_t *id,
    const ledger_row_t *old)
{
    ledger_rc_t   rc;
    ledger_due_t  due;

    ledger_work_token_lane(id, old, &due);

    rc = ledger_store_delete_due(&work->view, &due);

    if (rc != LEDGER_OK) {
        return rc;
    }

    work->changed = 1;

    return ledger_store_delete_token(&work->view, id);
}


ledger_ms_t
ledger_work_token_due(const ledger_row_t *row, ledger_ms_t now)
{
    ledger_ms_t  end;

    end = row->kind == LEDGER_ACCESS ? row->expires_at : row->rotated_at;

    return end ? end : now;
}
