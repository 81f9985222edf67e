
/*
 * Copyright (C) The OAuth gateway authors
 */

#include "ledger_tenant.h"

#include "ledger_connection.h"


static ledger_rc_t ledger_tenant_find(ledger_work_t *work,
    const ledger_slot_id_t *tenant, uint64_t user, uint64_t except,
    unsigned same);


ledger_rc_t
ledger_tenant_enter(ledger_work_t *work, const ledger_held_t *held)
{
    unsigned          added;
    ledger_rc_t       rc;
    ledger_member_t   member;
    ledger_slot_id_t  tenant;

    rc = ledger_place_tenant(&held->c, &tenant, &member.age);

    if (rc != LEDGER_OK || held->c.exempt) {
        return rc == LEDGER_NOT_FOUND ? LEDGER_OK : rc;
    }

    member.id = held->c.id;

    rc = ledger_store_add_member(&work->view, LEDGER_TENANTS, &tenant,
                                 &member, &added);

    if (rc != LEDGER_OK || !added) {
        return rc;
    }

    work->changed = 1;

    /* whom it supersedes is still there: its user does not come anew */

    rc = ledger_tenant_find(work, &tenant, member.age, member.id, 1);

    if (rc == LEDGER_NOT_FOUND) {
        work->newcomer = 1;
        return LEDGER_OK;
    }

    return rc;
}


ledger_rc_t
ledger_tenant_leave(ledger_work_t *work, const ledger_held_t *held)
{
    unsigned          deleted;
    ledger_rc_t       rc;
    ledger_member_t   member;
    ledger_slot_id_t  tenant;

    rc = ledger_place_tenant(&held->c, &tenant, &member.age);

    if (rc != LEDGER_OK) {
        return rc == LEDGER_NOT_FOUND ? LEDGER_OK : rc;
    }

    member.id = held->c.id;

    return ledger_store_delete_member(&work->view, LEDGER_TENANTS, &tenant,
                                      &member, &deleted);
}


ledger_rc_t
ledger_tenant_tell(ledger_work_t *work)
{
    uint64_t                    user;
    ledger_rc_t                 rc;
    ledger_slot_id_t            tenant;
    const ledger_connection_t  *c;

    c = &work->subject.c;

    if (!work->newcomer || c->state != LEDGER_LIVE) {
        return LEDGER_OK;
    }

    rc = ledger_place_tenant(c, &tenant, &user);

    if (rc == LEDGER_OK) {
        rc = ledger_tenant_find(work, &tenant, user, c->id, 0);
    }

    if (rc != LEDGER_OK) {
        return rc == LEDGER_NOT_FOUND ? LEDGER_OK : rc;
    }

    return ledger_work_effect(work, LEDGER_TENANT_SHARED, c->id,
                              work->other.c.id, 0);
}


/*
 * Loads a connection of that user, or of another one, that is not past its
 * end; of those who are, no sweep has met them yet, so they are few.
 */

static ledger_rc_t
ledger_tenant_find(ledger_work_t *work, const ledger_slot_id_t *tenant,
    uint64_t user, uint64_t except, unsigned same)
{
    unsigned         left;
    ledger_rc_t      rc;
    ledger_held_t   *other;
    ledger_member_t  from, member;

    other = &work->other;
    left = LEDGER_TENANT_LOOKS;
    from.age = same ? user : 0;
    from.id = 0;

    while (left) {
        rc = ledger_store_member(&work->view, LEDGER_TENANTS, tenant, &from,
                                 &member);

        if (rc != LEDGER_OK) {
            return rc;
        }

        from = member;
        from.id++;

        if (same && member.age != user) {
            break;
        }

        if (!same && member.age == user) {

            if (user == UINT64_MAX) {
                break;
            }

            from.age = user + 1;
            from.id = 0;

            continue;
        }

        if (member.id == except) {
            continue;
        }

        rc = ledger_work_load(work, member.id, other);

        if (rc != LEDGER_OK) {
            return rc == LEDGER_NOT_FOUND ? LEDGER_CORRUPT : rc;
        }

        if (!ledger_connection_over(&other->c, work->now)) {
            return LEDGER_OK;
        }

        left--;
    }

    return LEDGER_NOT_FOUND;
}
