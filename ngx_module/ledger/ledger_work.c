
/*
 * Copyright (C) The OAuth gateway authors
 */

#include "ledger_work.h"

#include <stdlib.h>
#include <string.h>

#include "ledger_connection.h"


#define LEDGER_EFFECTS_FIRST  16


static ledger_rc_t ledger_work_push(ledger_work_t *work,
    const ledger_effect_t *effect);
static void ledger_work_due(const ledger_connection_t *connection,
    ledger_due_t *due);
static ledger_rc_t ledger_work_move_due(ledger_work_t *work,
    ledger_held_t *held, const ledger_due_t *due);
static void ledger_work_token_lane(const ledger_token_id_t *id,
    const ledger_row_t *row, ledger_due_t *due);
static ledger_member_t ledger_work_member(const ledger_held_t *held);
static ledger_rc_t ledger_work_enter(ledger_work_t *work,
    const ledger_held_t *held, unsigned limit, unsigned how,
    const ledger_slot_id_t *slot, ledger_header_t *header);
static void ledger_work_slot_lane(const ledger_slot_id_t *slot,
    const ledger_header_t *header, ledger_due_t *due);
static ledger_rc_t ledger_work_expire(ledger_work_t *work,
    const ledger_held_t *held, const ledger_slot_id_t *slot,
    ledger_header_t *header);
static ledger_rc_t ledger_work_evict(ledger_work_t *work,
    ledger_held_t *held, const ledger_slot_id_t *slot,
    ledger_header_t *header);
static ledger_rc_t ledger_work_evict_one(ledger_work_t *work,
    ledger_held_t *held, const ledger_slot_id_t *slot);
static ledger_rc_t ledger_work_explain(ledger_work_t *work,
    ledger_held_t *held, const ledger_slot_id_t *slot, uint32_t n);
static ledger_rc_t ledger_work_explain_one(ledger_work_t *work,
    ledger_held_t *held, const ledger_slot_id_t *slot, uint32_t n,
    const ledger_member_t *broken);
static ledger_rc_t ledger_work_explained(ledger_work_t *work,
    ledger_held_t *held, unsigned limit);
static ledger_rc_t ledger_work_younger(ledger_work_t *work,
    const ledger_slot_id_t *slot, const ledger_member_t *member, uint32_t max,
    uint32_t *count);
static ledger_rc_t ledger_work_supersede(ledger_work_t *work,
    ledger_held_t *loser, const ledger_held_t *winner,
    const ledger_slot_id_t *slot);
static ledger_rc_t ledger_work_limit_of(const ledger_held_t *held,
    const ledger_slot_id_t *slot, uint8_t *limit);
static ledger_rc_t ledger_work_contest(ledger_work_t *work,
    const ledger_slot_id_t *slot, const ledger_held_t *winner,
    const ledger_held_t *loser);
static ledger_rc_t ledger_work_leave(ledger_work_t *work,
    const ledger_held_t *held);
static ledger_rc_t ledger_work_leave_slot(ledger_work_t *work,
    const ledger_slot_id_t *slot);
static ledger_rc_t ledger_work_enter_broken(ledger_work_t *work,
    const ledger_held_t *held, unsigned limit);
static ledger_rc_t ledger_work_swap(ledger_work_t *work,
    ledger_held_t *held);
static ledger_rc_t ledger_work_swap_winner(ledger_work_t *work,
    const ledger_held_t *held);
static unsigned ledger_work_known(const ledger_connection_t *connection);
static unsigned ledger_work_learn(ledger_slice_t *identity,
    ledger_slice_t value);


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


static ledger_rc_t
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

    return LEDGER_OK;
}


ledger_rc_t
ledger_work_save(ledger_work_t *work, ledger_held_t *held)
{
    size_t        len;
    ledger_rc_t   rc;
    ledger_due_t  due;

    rc = ledger_connection_encode(&held->c, work->scratch, &len);

    if (rc != LEDGER_OK) {
        return LEDGER_CORRUPT;
    }

    rc = ledger_store_put_connection(&work->view, held->c.id,
                                 (ledger_slice_t) { work->scratch, len });

    if (rc != LEDGER_OK) {
        return rc;
    }

    work->changed = 1;

    ledger_work_due(&held->c, &due);

    return ledger_work_move_due(work, held, &due);
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

    rc = ledger_work_leave(work, held);

    if (rc != LEDGER_OK) {
        return rc;
    }

    memset(&none, 0, sizeof(ledger_due_t));

    rc = ledger_work_move_due(work, held, &none);

    if (rc != LEDGER_OK) {
        return rc;
    }

    work->changed = 1;

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


static ledger_member_t
ledger_work_member(const ledger_held_t *held)
{
    return (ledger_member_t) { held->c.age, held->c.id };
}


ledger_rc_t
ledger_work_settle(ledger_work_t *work, ledger_held_t *held, unsigned limit,
    unsigned how)
{
    ledger_rc_t       rc;
    ledger_header_t   header;
    ledger_slot_id_t  slot;

    rc = ledger_place(&held->c, limit, &slot);

    if (rc != LEDGER_OK) {
        return rc == LEDGER_NOT_FOUND ? LEDGER_OK : rc;
    }

    rc = ledger_work_enter(work, held, limit, how, &slot, &header);

    if (rc == LEDGER_OK && header.count > header.n) {
        rc = ledger_work_expire(work, held, &slot, &header);
    }

    if (rc != LEDGER_OK) {
        return rc;
    }

    if (how & LEDGER_SETTLE_EVICT) {
        rc = ledger_work_evict(work, held, &slot, &header);

        if (rc != LEDGER_OK || held->c.state != LEDGER_LIVE) {
            return rc;
        }

        return ledger_work_explain(work, held, &slot, header.n);
    }

    if (header.count > header.n) {
        return ledger_work_effect(work, LEDGER_OVERFULL, held->c.id, 0,
                                  limit);
    }

    return LEDGER_OK;
}


static ledger_rc_t
ledger_work_enter(ledger_work_t *work, const ledger_held_t *held,
    unsigned limit, unsigned how, const ledger_slot_id_t *slot,
    ledger_header_t *header)
{
    unsigned         added;
    ledger_rc_t      rc;
    ledger_due_t     due;
    ledger_member_t  member;

    rc = ledger_store_slot(&work->view, slot, header);

    if (rc == LEDGER_NOT_FOUND) {
        memset(header, 0, sizeof(ledger_header_t));
        header->n = held->c.limits[limit].n;

    } else if (rc != LEDGER_OK) {
        return rc;

    } else if (header->count == 0) {
        ledger_work_slot_lane(slot, header, &due);
        header->left_at = 0;

        rc = ledger_store_delete_due(&work->view, &due);

        if (rc != LEDGER_OK) {
            return rc;
        }
    }

    if (how & LEDGER_SETTLE_FRESH) {
        header->n = held->c.limits[limit].n;
    }

    member = ledger_work_member(held);

    rc = ledger_store_add_member(&work->view, LEDGER_MEMBERS, slot, &member,
                                 &added);

    if (rc != LEDGER_OK) {
        return rc;
    }

    header->count += added;
    work->changed = 1;

    return ledger_store_put_slot(&work->view, slot, header);
}


/*
 * An empty slot waits in a lane for its retention: n and the contests are
 * still true when somebody enters it again.
 */

static void
ledger_work_slot_lane(const ledger_slot_id_t *slot,
    const ledger_header_t *header, ledger_due_t *due)
{
    memset(due, 0, sizeof(ledger_due_t));

    due->lane = LEDGER_LANE_SLOT;
    due->at = header->left_at;
    memcpy(due->id, slot->bytes, LEDGER_SLOT_ID_SIZE);
}


/* Ends the members of a slot that are past their end, "held" excepted. */

static ledger_rc_t
ledger_work_expire(ledger_work_t *work, const ledger_held_t *held,
    const ledger_slot_id_t *slot, ledger_header_t *header)
{
    uint32_t         left;
    ledger_rc_t      rc;
    ledger_held_t   *other;
    ledger_member_t  from, member;

    other = &work->other;
    memset(&from, 0, sizeof(ledger_member_t));

    for (left = header->count; left; left--) {
        rc = ledger_store_member(&work->view, LEDGER_MEMBERS, slot, &from,
                                 &member);

        if (rc == LEDGER_NOT_FOUND) {
            break;
        }

        if (rc != LEDGER_OK) {
            return rc;
        }

        from = member;
        from.id++;

        if (member.id == held->c.id) {
            continue;
        }

        rc = ledger_work_load(work, member.id, other);

        if (rc != LEDGER_OK) {
            return rc == LEDGER_NOT_FOUND ? LEDGER_CORRUPT : rc;
        }

        if (!ledger_connection_over(&other->c, work->now)) {
            continue;
        }

        rc = ledger_work_end(work, other, LEDGER_EXPIRED,
                             ledger_connection_end(&other->c));

        if (rc == LEDGER_OK) {
            rc = ledger_work_effect(work, LEDGER_EXPIRY, other->c.id, 0, 0);
        }

        if (rc != LEDGER_OK) {
            return rc;
        }
    }

    return ledger_store_slot(&work->view, slot, header);
}


static ledger_rc_t
ledger_work_evict(ledger_work_t *work, ledger_held_t *held,
    const ledger_slot_id_t *slot, ledger_header_t *header)
{
    uint32_t     count;
    ledger_rc_t  rc;

    while (header->count > header->n) {
        count = header->count;

        rc = ledger_work_evict_one(work, held, slot);

        if (rc != LEDGER_OK || held->c.state != LEDGER_LIVE) {
            return rc;
        }

        rc = ledger_store_slot(&work->view, slot, header);

        if (rc != LEDGER_OK) {
            return rc == LEDGER_NOT_FOUND ? LEDGER_CORRUPT : rc;
        }

        if (header->count >= count) {
            return LEDGER_CORRUPT;
        }
    }

    return LEDGER_OK;
}


static ledger_rc_t
ledger_work_evict_one(ledger_work_t *work, ledger_held_t *held,
    const ledger_slot_id_t *slot)
{
    ledger_rc_t      rc;
    ledger_member_t  first, last, member;

    memset(&first, 0, sizeof(ledger_member_t));

    rc = ledger_store_member(&work->view, LEDGER_MEMBERS, slot, &first,
                             &member);

    if (rc == LEDGER_OK && member.id == held->c.id) {
        last.age = UINT64_MAX;
        last.id = UINT64_MAX;

        rc = ledger_store_member_before(&work->view, LEDGER_MEMBERS, slot,
                                        &last, &member);
    }

    if (rc == LEDGER_OK && member.id == held->c.id) {
        return LEDGER_CORRUPT;
    }

    if (rc == LEDGER_OK) {
        rc = ledger_work_load(work, member.id, &work->other);
    }

    if (rc != LEDGER_OK) {
        return rc == LEDGER_NOT_FOUND ? LEDGER_CORRUPT : rc;
    }

    if (member.age < held->c.age
        || (member.age == held->c.age && member.id < held->c.id))
    {
        return ledger_work_supersede(work, &work->other, held, slot);
    }

    return ledger_work_supersede(work, held, &work->other, slot);
}


/*
 * R8: whom the provider killed before we knew the slot is broken until an
 * opening that came before its end turns up in the slot.
 */

static ledger_rc_t
ledger_work_explain(ledger_work_t *work, ledger_held_t *held,
    const ledger_slot_id_t *slot, uint32_t n)
{
    unsigned         left;
    ledger_rc_t      rc;
    ledger_member_t  from, broken;

    memset(&from, 0, sizeof(ledger_member_t));

    for (left = LEDGER_LIMIT_N_MAX; left; left--) {
        rc = ledger_store_member(&work->view, LEDGER_BROKEN_MEMBERS, slot,
                                 &from, &broken);

        if (rc != LEDGER_OK) {
            return rc == LEDGER_NOT_FOUND ? LEDGER_OK : rc;
        }

        rc = ledger_work_explain_one(work, held, slot, n, &broken);

        if (rc != LEDGER_OK) {
            return rc;
        }

        from = broken;
        from.id++;
    }

    return LEDGER_OK;
}


static ledger_rc_t
ledger_work_explain_one(ledger_work_t *work, ledger_held_t *held,
    const ledger_slot_id_t *slot, uint32_t n, const ledger_member_t *broken)
{
    uint32_t     younger;
    ledger_rc_t  rc;

    if (broken->age > held->c.age
        || (broken->age == held->c.age && broken->id > held->c.id))
    {
        return LEDGER_OK;
    }

    rc = ledger_work_younger(work, slot, broken, n, &younger);

    if (rc != LEDGER_OK || younger < n) {
        return rc;
    }

    rc = ledger_work_load(work, broken->id, &work->other);

    if (rc != LEDGER_OK) {
        return rc == LEDGER_NOT_FOUND ? LEDGER_CORRUPT : rc;
    }

    if (held->c.sent_at > work->other.c.ended_at) {
        return LEDGER_OK;
    }

    return ledger_work_supersede(work, &work->other, held, slot);
}


/* The same for a broken connection whose own slot becomes known. */

static ledger_rc_t
ledger_work_explained(ledger_work_t *work, ledger_held_t *held,
    unsigned limit)
{
    uint32_t          younger;
    ledger_rc_t       rc;
    ledger_header_t   header;
    ledger_member_t   last, member;
    ledger_slot_id_t  slot;

    rc = ledger_place(&held->c, limit, &slot);

    if (rc != LEDGER_OK) {
        return rc;
    }

    rc = ledger_store_slot(&work->view, &slot, &header);

    if (rc == LEDGER_OK) {
        rc = ledger_work_expire(work, held, &slot, &header);
    }

    if (rc == LEDGER_NOT_FOUND) {
        return ledger_work_enter_broken(work, held, limit);
    }

    if (rc != LEDGER_OK) {
        return rc;
    }

    member = ledger_work_member(held);

    rc = ledger_work_younger(work, &slot, &member, header.n, &younger);

    if (rc != LEDGER_OK) {
        return rc;
    }

    if (younger < header.n) {
        return ledger_work_enter_broken(work, held, limit);
    }

    last.age = UINT64_MAX;
    last.id = UINT64_MAX;

    rc = ledger_store_member_before(&work->view, LEDGER_MEMBERS, &slot,
                                    &last, &member);

    if (rc == LEDGER_OK) {
        rc = ledger_work_load(work, member.id, &work->other);
    }

    if (rc != LEDGER_OK) {
        return rc == LEDGER_NOT_FOUND ? LEDGER_CORRUPT : rc;
    }

    if (work->other.c.sent_at > held->c.ended_at) {
        return ledger_work_enter_broken(work, held, limit);
    }

    return ledger_work_supersede(work, held, &work->other, &slot);
}


/* Counts live members younger than "member", up to "max". */

static ledger_rc_t
ledger_work_younger(ledger_work_t *work, const ledger_slot_id_t *slot,
    const ledger_member_t *member, uint32_t max, uint32_t *count)
{
    ledger_rc_t      rc;
    ledger_member_t  from, found;

    from = *member;
    from.id++;

    for (*count = 0; *count < max; (*count)++) {
        rc = ledger_store_member(&work->view, LEDGER_MEMBERS, slot, &from,
                                 &found);

        if (rc != LEDGER_OK) {
            return rc == LEDGER_NOT_FOUND ? LEDGER_OK : rc;
        }

        from = found;
        from.id++;
    }

    return LEDGER_OK;
}


static ledger_rc_t
ledger_work_supersede(ledger_work_t *work, ledger_held_t *loser,
    const ledger_held_t *winner, const ledger_slot_id_t *slot)
{
    ledger_rc_t      rc;
    ledger_effect_t  effect;

    rc = ledger_work_leave(work, loser);

    if (rc == LEDGER_OK) {
        rc = ledger_work_limit_of(loser, slot, &loser->c.superseded_limit);
    }

    if (rc != LEDGER_OK) {
        return rc;
    }

    if (loser->c.state == LEDGER_LIVE) {
        loser->c.ended_at = work->now;
        loser->c.undecided = ledger_connection_undecided(&loser->c,
                                                         &winner->c) & 1;
    }

    loser->c.state = LEDGER_SUPERSEDED;
    loser->c.superseded_by = winner->c.id;
    loser->c.reconnect = ledger_connection_reconnect(&loser->c,
                                                     &winner->c) & 1;

    memset(&effect, 0, sizeof(ledger_effect_t));

    effect.kind = LEDGER_SUPERSESSION;
    effect.connection = loser->c.id;
    effect.other = winner->c.id;
    effect.limit = loser->c.superseded_limit;
    effect.reconnect = loser->c.reconnect;
    effect.undecided = loser->c.undecided;

    rc = ledger_work_push(work, &effect);

    if (rc == LEDGER_OK) {
        rc = ledger_work_contest(work, slot, winner, loser);
    }

    if (rc == LEDGER_OK) {
        rc = ledger_work_save(work, loser);
    }

    return rc;
}


/* Limits may have been written in another order since "held" was opened. */

static ledger_rc_t
ledger_work_limit_of(const ledger_held_t *held, const ledger_slot_id_t *slot,
    uint8_t *limit)
{
    unsigned          i;
    ledger_rc_t       rc;
    ledger_slot_id_t  own;

    *limit = 0;

    for (i = 0; i < held->c.nlimits; i++) {
        rc = ledger_place(&held->c, i, &own);

        if (rc == LEDGER_NOT_FOUND) {
            continue;
        }

        if (rc != LEDGER_OK) {
            return rc;
        }

        if (memcmp(own.bytes, slot->bytes, LEDGER_SLOT_ID_SIZE) == 0) {
            *limit = (uint8_t) i;
            break;
        }
    }

    return LEDGER_OK;
}


static ledger_rc_t
ledger_work_contest(ledger_work_t *work, const ledger_slot_id_t *slot,
    const ledger_held_t *winner, const ledger_held_t *loser)
{
    ledger_rc_t       rc;
    ledger_header_t   header;
    ledger_contest_t  contest;

    if (winner->c.owner.len == 0 || loser->c.owner.len == 0
        || ledger_slice_equal(winner->c.owner, loser->c.owner))
    {
        return LEDGER_OK;
    }

    contest.at = work->now;

    rc = ledger_place_owner(winner->c.owner, &contest.winner);

    if (rc == LEDGER_OK) {
        rc = ledger_place_owner(loser->c.owner, &contest.loser);
    }

    if (rc != LEDGER_OK) {
        return rc;
    }

    rc = ledger_store_slot(&work->view, slot, &header);

    if (rc != LEDGER_OK) {
        return rc == LEDGER_NOT_FOUND ? LEDGER_CORRUPT : rc;
    }

    ledger_header_contest(&header, &contest);

    return ledger_store_put_slot(&work->view, slot, &header);
}


static ledger_rc_t
ledger_work_leave(ledger_work_t *work, const ledger_held_t *held)
{
    unsigned          i, deleted;
    ledger_rc_t       rc;
    ledger_table_t    table;
    ledger_member_t   member;
    ledger_slot_id_t  slot;

    if (held->c.state != LEDGER_LIVE && held->c.state != LEDGER_BROKEN) {
        return LEDGER_OK;
    }

    table = held->c.state == LEDGER_LIVE ? LEDGER_MEMBERS
                                         : LEDGER_BROKEN_MEMBERS;
    member = ledger_work_member(held);

    for (i = 0; i < held->c.nlimits; i++) {
        rc = ledger_place(&held->c, i, &slot);

        if (rc == LEDGER_NOT_FOUND) {
            continue;
        }

        if (rc == LEDGER_OK) {
            rc = ledger_store_delete_member(&work->view, table, &slot,
                                            &member, &deleted);
        }

        if (rc == LEDGER_OK && deleted && table == LEDGER_MEMBERS) {
            rc = ledger_work_leave_slot(work, &slot);
        }

        if (rc != LEDGER_OK) {
            return rc;
        }
    }

    work->changed = 1;

    return LEDGER_OK;
}


static ledger_rc_t
ledger_work_leave_slot(ledger_work_t *work, const ledger_slot_id_t *slot)
{
    ledger_rc_t      rc;
    ledger_due_t     due;
    ledger_header_t  header;

    rc = ledger_store_slot(&work->view, slot, &header);

    if (rc != LEDGER_OK) {
        return rc == LEDGER_NOT_FOUND ? LEDGER_CORRUPT : rc;
    }

    if (header.count == 0) {
        return LEDGER_CORRUPT;
    }

    header.count--;

    if (header.count == 0) {
        header.left_at = work->now;
        ledger_work_slot_lane(slot, &header, &due);

        rc = ledger_store_put_due(&work->view, &due);

        if (rc != LEDGER_OK) {
            return rc;
        }
    }

    return ledger_store_put_slot(&work->view, slot, &header);
}


static ledger_rc_t
ledger_work_enter_broken(ledger_work_t *work, const ledger_held_t *held,
    unsigned limit)
{
    unsigned          added;
    ledger_rc_t       rc;
    ledger_member_t   member;
    ledger_slot_id_t  slot;

    rc = ledger_place(&held->c, limit, &slot);

    if (rc != LEDGER_OK) {
        return rc == LEDGER_NOT_FOUND ? LEDGER_OK : rc;
    }

    member = ledger_work_member(held);

    return ledger_store_add_member(&work->view, LEDGER_BROKEN_MEMBERS, &slot,
                                   &member, &added);
}


ledger_rc_t
ledger_work_end(ledger_work_t *work, ledger_held_t *held,
    ledger_state_t state, ledger_ms_t at)
{
    unsigned     i;
    ledger_rc_t  rc;

    rc = ledger_work_leave(work, held);

    held->c.state = (uint8_t) state;
    held->c.ended_at = at;
    held->c.undecided = 0;

    if (state == LEDGER_BROKEN && !held->c.exempt) {

        for (i = 0; rc == LEDGER_OK && i < held->c.nlimits; i++) {
            rc = ledger_work_enter_broken(work, held, i);
        }
    }

    if (rc != LEDGER_OK) {
        return rc;
    }

    return ledger_work_save(work, held);
}


ledger_rc_t
ledger_work_revive(ledger_work_t *work, ledger_held_t *held)
{
    unsigned     i;
    ledger_rc_t  rc;

    rc = ledger_work_leave(work, held);

    held->c.state = LEDGER_LIVE;
    held->c.ended_at = 0;
    held->c.superseded_by = 0;
    held->c.superseded_limit = 0;
    held->c.undecided = 0;
    held->c.reconnect = 0;
    held->c.released = 0;

    if (!held->c.exempt) {

        for (i = 0; rc == LEDGER_OK && i < held->c.nlimits; i++) {
            rc = ledger_work_settle(work, held, i, 0);
        }
    }

    if (rc != LEDGER_OK) {
        return rc;
    }

    return ledger_work_save(work, held);
}


ledger_rc_t
ledger_work_accept(ledger_work_t *work, ledger_held_t *held)
{
    ledger_rc_t  rc;

    if (held->c.undecided) {
        return ledger_work_swap(work, held);
    }

    rc = ledger_work_effect(work, LEDGER_CONTRADICTED, held->c.id,
                            held->c.superseded_by, held->c.superseded_limit);

    if (rc != LEDGER_OK) {
        return rc;
    }

    return ledger_work_revive(work, held);
}


static ledger_rc_t
ledger_work_swap(ledger_work_t *work, ledger_held_t *held)
{
    ledger_rc_t  rc;

    rc = ledger_work_effect(work, LEDGER_SWAPPED, held->c.id,
                            held->c.superseded_by, held->c.superseded_limit);

    if (rc == LEDGER_OK) {
        rc = ledger_work_swap_winner(work, held);
    }

    if (rc != LEDGER_OK) {
        return rc;
    }

    return ledger_work_revive(work, held);
}


static ledger_rc_t
ledger_work_swap_winner(ledger_work_t *work, const ledger_held_t *held)
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
        rc = ledger_work_limit_of(winner, &slot, &winner->c.superseded_limit);
    }

    if (rc != LEDGER_OK) {
        return rc == LEDGER_NOT_FOUND ? LEDGER_CORRUPT : rc;
    }

    winner->c.superseded_by = held->c.id;
    winner->c.reconnect = ledger_connection_reconnect(&winner->c,
                                                      &held->c) & 1;

    return ledger_work_end(work, winner, LEDGER_SUPERSEDED, work->now);
}


ledger_rc_t
ledger_work_bind(ledger_work_t *work, ledger_held_t *held,
    ledger_slice_t client, ledger_slice_t user, ledger_slice_t tenant)
{
    unsigned     i, learnt, before, now;
    ledger_rc_t  rc;

    before = ledger_work_known(&held->c);

    learnt = ledger_work_learn(&held->c.client, client);
    learnt |= ledger_work_learn(&held->c.user, user);
    learnt |= ledger_work_learn(&held->c.tenant, tenant);

    if (!learnt) {
        return LEDGER_OK;
    }

    rc = ledger_work_effect(work, LEDGER_BOUND, held->c.id, 0, 0);

    if (rc == LEDGER_OK) {
        rc = ledger_work_save(work, held);
    }

    if (held->c.exempt) {
        return rc;
    }

    now = ledger_work_known(&held->c);

    for (i = 0; rc == LEDGER_OK && i < held->c.nlimits; i++) {

        if ((now & ~before & 1u << i) == 0) {
            continue;
        }

        if (held->c.state == LEDGER_LIVE) {
            rc = ledger_work_settle(work, held, i, LEDGER_SETTLE_EVICT);

        } else if (held->c.state == LEDGER_BROKEN) {
            rc = ledger_work_explained(work, held, i);
        }
    }

    return rc;
}


/* A bit for each limit whose identities are all known. */

static unsigned
ledger_work_known(const ledger_connection_t *connection)
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
ledger_work_learn(ledger_slice_t *identity, ledger_slice_t value)
{
    if (identity->len || value.len == 0) {
        return 0;
    }

    *identity = value;

    return 1;
}
