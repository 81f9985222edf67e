
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * Slots: who enters them, who has to leave them, and through whom.
 */

#include "ledger_settle.h"

#include <string.h>

#include "ledger_connection.h"
#include "ledger_count.h"
#include "ledger_kept.h"
#include "ledger_lent.h"
#include "ledger_tenant.h"
#include "ledger_turn.h"


static ledger_member_t ledger_settle_member(const ledger_held_t *held);
static ledger_rc_t ledger_settle_enter(ledger_work_t *work,
    const ledger_held_t *held, unsigned limit, unsigned how,
    const ledger_slot_id_t *slot, ledger_header_t *header);
static void ledger_settle_slot_lane(const ledger_slot_id_t *slot,
    const ledger_header_t *header, ledger_due_t *due);
static ledger_rc_t ledger_settle_expire(ledger_work_t *work,
    const ledger_held_t *held, const ledger_slot_id_t *slot,
    ledger_header_t *header);
static ledger_rc_t ledger_settle_evict(ledger_work_t *work,
    ledger_held_t *held, const ledger_slot_id_t *slot,
    ledger_header_t *header);
static ledger_rc_t ledger_settle_evict_one(ledger_work_t *work,
    ledger_held_t *held, const ledger_slot_id_t *slot);
static ledger_rc_t ledger_settle_explain(ledger_work_t *work,
    ledger_held_t *held, const ledger_slot_id_t *slot, uint32_t n);
static ledger_rc_t ledger_settle_explain_one(ledger_work_t *work,
    ledger_held_t *held, const ledger_slot_id_t *slot, uint32_t n,
    const ledger_member_t *broken);
static ledger_rc_t ledger_settle_younger(ledger_work_t *work,
    const ledger_slot_id_t *slot, const ledger_member_t *member, uint32_t max,
    uint32_t *count);
static ledger_rc_t ledger_settle_supersede(ledger_work_t *work,
    ledger_held_t *loser, const ledger_held_t *winner,
    const ledger_slot_id_t *slot);
static ledger_rc_t ledger_settle_contest(ledger_work_t *work,
    const ledger_slot_id_t *slot, const ledger_held_t *winner,
    const ledger_held_t *loser);
static ledger_rc_t ledger_settle_leave_slot(ledger_work_t *work,
    const ledger_held_t *held, const ledger_slot_id_t *slot);


ledger_rc_t
ledger_settle(ledger_work_t *work, ledger_held_t *held, unsigned limit,
    unsigned how)
{
    ledger_rc_t       rc;
    ledger_header_t   header;
    ledger_slot_id_t  slot;

    rc = ledger_place(&held->c, limit, &slot);

    if (rc != LEDGER_OK) {
        return rc == LEDGER_NOT_FOUND ? LEDGER_OK : rc;
    }

    rc = ledger_settle_enter(work, held, limit, how, &slot, &header);

    if (rc == LEDGER_OK && header.count > header.n) {
        rc = ledger_settle_expire(work, held, &slot, &header);
    }

    if (rc != LEDGER_OK) {
        return rc;
    }

    if (how & LEDGER_SETTLE_EVICT) {
        rc = ledger_settle_evict(work, held, &slot, &header);

        if (rc != LEDGER_OK || held->c.state != LEDGER_LIVE) {
            return rc;
        }
    }

    if (header.count > header.n) {
        return ledger_work_effect(work, LEDGER_OVERFULL, held->c.id, 0,
                                  limit);
    }

    if (how & LEDGER_SETTLE_EVICT) {
        return ledger_settle_explain(work, held, &slot, header.n);
    }

    return LEDGER_OK;
}


static ledger_member_t
ledger_settle_member(const ledger_held_t *held)
{
    return (ledger_member_t) { held->c.age, held->c.id };
}


static ledger_rc_t
ledger_settle_enter(ledger_work_t *work, const ledger_held_t *held,
    unsigned limit, unsigned how, const ledger_slot_id_t *slot,
    ledger_header_t *header)
{
    unsigned         added, full;
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
        ledger_settle_slot_lane(slot, header, &due);
        header->left_at = 0;

        rc = ledger_store_delete_due(&work->view, &due);

        if (rc != LEDGER_OK) {
            return rc;
        }
    }

    full = ledger_count_is_full(header);

    if (how & LEDGER_SETTLE_FRESH) {
        header->n = held->c.limits[limit].n;
    }

    member = ledger_settle_member(held);

    rc = ledger_store_add_member(&work->view, LEDGER_MEMBERS, slot, &member,
                                 &added);

    if (rc != LEDGER_OK) {
        return rc;
    }

    header->count += added;
    work->changed = 1;

    rc = ledger_count_full(work, held, full, ledger_count_is_full(header));

    if (rc != LEDGER_OK) {
        return rc;
    }

    return ledger_store_put_slot(&work->view, slot, header);
}


/*
 * An empty slot waits in a lane for its retention: n and the contests are
 * still true when somebody enters it again.
 */

static void
ledger_settle_slot_lane(const ledger_slot_id_t *slot,
    const ledger_header_t *header, ledger_due_t *due)
{
    memset(due, 0, sizeof(ledger_due_t));

    due->lane = LEDGER_LANE_SLOT;
    due->at = header->left_at;
    memcpy(due->id, slot->bytes, LEDGER_SLOT_ID_SIZE);
}


/* Ends the members of a slot that are past their end, "held" excepted. */

static ledger_rc_t
ledger_settle_expire(ledger_work_t *work, const ledger_held_t *held,
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

        rc = ledger_turn_end(work, other, LEDGER_EXPIRED,
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
ledger_settle_evict(ledger_work_t *work, ledger_held_t *held,
    const ledger_slot_id_t *slot, ledger_header_t *header)
{
    uint32_t     count;
    ledger_rc_t  rc;

    while (header->count > header->n) {
        count = header->count;

        rc = ledger_settle_evict_one(work, held, slot);

        if (rc != LEDGER_OK || held->c.state != LEDGER_LIVE) {
            return rc;
        }

        rc = ledger_store_slot(&work->view, slot, header);

        if (rc != LEDGER_OK) {
            return rc == LEDGER_NOT_FOUND ? LEDGER_CORRUPT : rc;
        }

        /* the oldest stays, and so does everybody else */

        if (header->count >= count) {
            break;
        }
    }

    return LEDGER_OK;
}


static ledger_rc_t
ledger_settle_evict_one(ledger_work_t *work, ledger_held_t *held,
    const ledger_slot_id_t *slot)
{
    ledger_rc_t      rc;
    ledger_held_t   *loser, *winner;
    ledger_member_t  first, last, member;

    memset(&first, 0, sizeof(ledger_member_t));
    loser = &work->other;
    winner = held;

    rc = ledger_store_member(&work->view, LEDGER_MEMBERS, slot, &first,
                             &member);

    if (rc == LEDGER_OK && member.id == held->c.id) {
        last.age = UINT64_MAX;
        last.id = UINT64_MAX;
        loser = held;
        winner = &work->other;

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

    if (ledger_connection_outlived(&loser->c, &winner->c)) {
        return LEDGER_OK;
    }

    return ledger_settle_supersede(work, loser, winner, slot);
}


/*
 * R8: whom the provider killed before we knew the slot is broken until an
 * opening that came before its end turns up in the slot.
 */

static ledger_rc_t
ledger_settle_explain(ledger_work_t *work, ledger_held_t *held,
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

        rc = ledger_settle_explain_one(work, held, slot, n, &broken);

        if (rc != LEDGER_OK) {
            return rc;
        }

        from = broken;
        from.id++;
    }

    return LEDGER_OK;
}


static ledger_rc_t
ledger_settle_explain_one(ledger_work_t *work, ledger_held_t *held,
    const ledger_slot_id_t *slot, uint32_t n, const ledger_member_t *broken)
{
    uint32_t     younger;
    ledger_rc_t  rc;

    if (broken->age > held->c.age
        || (broken->age == held->c.age && broken->id > held->c.id))
    {
        return LEDGER_OK;
    }

    rc = ledger_settle_younger(work, slot, broken, n, &younger);

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

    return ledger_settle_supersede(work, &work->other, held, slot);
}


/* The same for a broken connection whose own slot becomes known. */

ledger_rc_t
ledger_settle_explained(ledger_work_t *work, ledger_held_t *held,
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
        rc = ledger_settle_expire(work, held, &slot, &header);
    }

    if (rc == LEDGER_NOT_FOUND) {
        return ledger_settle_enter_broken(work, held, limit);
    }

    if (rc != LEDGER_OK) {
        return rc;
    }

    member = ledger_settle_member(held);

    rc = ledger_settle_younger(work, &slot, &member, header.n, &younger);

    if (rc != LEDGER_OK) {
        return rc;
    }

    if (younger < header.n) {
        return ledger_settle_enter_broken(work, held, limit);
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
        return ledger_settle_enter_broken(work, held, limit);
    }

    return ledger_settle_supersede(work, held, &work->other, &slot);
}


/* Counts live members younger than "member", up to "max". */

static ledger_rc_t
ledger_settle_younger(ledger_work_t *work, const ledger_slot_id_t *slot,
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
ledger_settle_supersede(ledger_work_t *work, ledger_held_t *loser,
    const ledger_held_t *winner, const ledger_slot_id_t *slot)
{
    ledger_rc_t      rc;
    ledger_effect_t  effect;

    rc = ledger_settle_leave(work, loser);

    if (rc == LEDGER_OK) {
        rc = ledger_kept_end(work, &loser->c);
    }

    if (rc == LEDGER_OK) {
        rc = ledger_lent_end(work, loser->c.id);
    }

    if (rc == LEDGER_OK) {
        rc = ledger_settle_limit_of(loser, slot, &loser->c.superseded_limit);
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
        rc = ledger_settle_contest(work, slot, winner, loser);
    }

    if (rc == LEDGER_OK) {
        rc = ledger_work_save(work, loser);
    }

    return rc;
}


/* Limits may have been written in another order since "held" was opened. */

ledger_rc_t
ledger_settle_limit_of(const ledger_held_t *held, const ledger_slot_id_t *slot,
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
ledger_settle_contest(ledger_work_t *work, const ledger_slot_id_t *slot,
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
    contest.winner_id = winner->c.id;
    contest.loser_id = loser->c.id;

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

    rc = ledger_count_contest(work, winner, slot, &header, contest.at);

    if (rc != LEDGER_OK) {
        return rc;
    }

    ledger_header_contest(&header, &contest);

    return ledger_store_put_slot(&work->view, slot, &header);
}


ledger_rc_t
ledger_settle_leave(ledger_work_t *work, const ledger_held_t *held)
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
    member = ledger_settle_member(held);
    deleted = 0;

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
            rc = ledger_settle_leave_slot(work, held, &slot);
        }

        if (rc != LEDGER_OK) {
            return rc;
        }
    }

    work->changed = 1;

    return held->c.state == LEDGER_LIVE ? ledger_tenant_leave(work, held)
                                        : LEDGER_OK;
}


static ledger_rc_t
ledger_settle_leave_slot(ledger_work_t *work, const ledger_held_t *held,
    const ledger_slot_id_t *slot)
{
    unsigned         full;
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

    full = ledger_count_is_full(&header);

    header.count--;

    rc = ledger_count_full(work, held, full, ledger_count_is_full(&header));

    if (rc != LEDGER_OK) {
        return rc;
    }

    if (header.count == 0) {
        header.left_at = work->now;
        ledger_settle_slot_lane(slot, &header, &due);

        rc = ledger_store_put_due(&work->view, &due);

        if (rc != LEDGER_OK) {
            return rc;
        }
    }

    return ledger_store_put_slot(&work->view, slot, &header);
}


ledger_rc_t
ledger_settle_enter_broken(ledger_work_t *work, const ledger_held_t *held,
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

    member = ledger_settle_member(held);

    return ledger_store_add_member(&work->view, LEDGER_BROKEN_MEMBERS, &slot,
                                   &member, &added);
}
