
/*
 * Copyright (C) The OAuth gateway authors
 */

#include "ledger_alias.h"

#include <string.h>

#include "ledger_connection.h"


/* Retention counts in days, and a runner may refresh every minute. */
#define LEDGER_ALIAS_STEP  3600000


static ledger_rc_t ledger_alias_move(ledger_work_t *work,
    const ledger_alias_id_t *alias, const ledger_alias_row_t *old,
    const ledger_alias_row_t *row);
static void ledger_alias_lane(const ledger_alias_id_t *alias,
    const ledger_alias_row_t *row, ledger_due_t *due);


ledger_rc_t
ledger_alias_learn(ledger_work_t *work, ledger_slice_t login,
    ledger_slice_t tenant, unsigned news)
{
    ledger_rc_t                 rc;
    unsigned char               buf[LEDGER_IDENTITY_MAX];
    ledger_alias_id_t           alias;
    ledger_alias_row_t          old, row;
    const ledger_connection_t  *c;

    c = &work->subject.c;

    if (login.len == 0 || c->user.len == 0) {
        return LEDGER_OK;
    }

    row.seen_at = work->now;
    row.user = c->user;
    row.tenant = tenant;

    rc = ledger_place_alias(c->provider, login, &alias);

    if (rc == LEDGER_OK) {
        rc = ledger_store_alias(&work->view, &alias, &old);
    }

    if (rc == LEDGER_NOT_FOUND) {
        return ledger_alias_move(work, &alias, NULL, &row);
    }

    if (rc != LEDGER_OK || work->now < old.seen_at) {
        return rc;
    }

    if (ledger_slice_equal(old.user, row.user)) {

        if (old.tenant.len && (tenant.len == 0
                               || !(news & LEDGER_ALIAS_TENANT)))
        {
            /* what is in the map moves with the first write */
            memcpy(buf, old.tenant.data, old.tenant.len);
            row.tenant.data = buf;
            row.tenant.len = old.tenant.len;
        }

        if (!(news & LEDGER_ALIAS_USER)
            && ledger_slice_equal(old.tenant, row.tenant)
            && work->now < ledger_ms_after(old.seen_at, LEDGER_ALIAS_STEP))
        {
            return LEDGER_OK;
        }

    } else if (!(news & LEDGER_ALIAS_USER)) {
        return LEDGER_OK;
    }

    return ledger_alias_move(work, &alias, &old, &row);
}


/* "old" is the row as it is stored; NULL: none is. */

static ledger_rc_t
ledger_alias_move(ledger_work_t *work, const ledger_alias_id_t *alias,
    const ledger_alias_row_t *old, const ledger_alias_row_t *row)
{
    ledger_rc_t   rc;
    ledger_due_t  due;

    if (old) {
        ledger_alias_lane(alias, old, &due);

        rc = ledger_store_delete_due(&work->view, &due);

        if (rc != LEDGER_OK) {
            return rc;
        }
    }

    ledger_alias_lane(alias, row, &due);

    rc = ledger_store_put_due(&work->view, &due);

    if (rc != LEDGER_OK) {
        return rc;
    }

    work->changed = 1;

    return ledger_store_put_alias(&work->view, alias, row);
}


static void
ledger_alias_lane(const ledger_alias_id_t *alias,
    const ledger_alias_row_t *row, ledger_due_t *due)
{
    memset(due, 0, sizeof(ledger_due_t));

    due->lane = LEDGER_LANE_ALIAS;
    due->at = row->seen_at;
    memcpy(due->id, alias->bytes, LEDGER_ALIAS_ID_SIZE);
}


ledger_rc_t
ledger_alias_sweep(ledger_work_t *work, const ledger_due_t *due)
{
    ledger_rc_t         rc;
    ledger_alias_id_t   alias;
    ledger_alias_row_t  row;

    memcpy(alias.bytes, due->id, LEDGER_ALIAS_ID_SIZE);

    rc = ledger_store_alias(&work->view, &alias, &row);

    if (rc != LEDGER_OK) {
        return rc;
    }

    if (row.seen_at != due->at) {
        return LEDGER_CORRUPT;
    }

    rc = ledger_store_delete_due(&work->view, due);

    if (rc != LEDGER_OK) {
        return rc;
    }

    work->changed = 1;

    return ledger_store_delete_alias(&work->view, &alias);
}


ledger_rc_t
ledger_alias(ledger_t *ledger, ledger_slice_t provider, ledger_slice_t login,
    ledger_identity_t *identity)
{
    ledger_rc_t         rc;
    ledger_view_t       view;
    ledger_alias_id_t   alias;
    ledger_alias_row_t  row;

    /* what a record cannot hold was never learnt */

    if (login.len == 0 || login.len > LEDGER_IDENTITY_MAX
        || provider.len == 0 || provider.len > LEDGER_IDENTITY_MAX)
    {
        return LEDGER_NOT_FOUND;
    }

    rc = ledger_place_alias(provider, login, &alias);

    if (rc != LEDGER_OK) {
        return LEDGER_IO;
    }

    rc = ledger_store_read(ledger, &view);

    if (rc != LEDGER_OK) {
        return rc;
    }

    rc = ledger_store_alias(&view, &alias, &row);

    if (rc == LEDGER_OK) {
        memcpy(identity->buf, row.user.data, row.user.len);
        identity->user.data = identity->buf;
        identity->user.len = row.user.len;

        memcpy(identity->buf + row.user.len, row.tenant.data,
               row.tenant.len);
        identity->tenant.data = identity->buf + row.user.len;
        identity->tenant.len = row.tenant.len;
    }

    ledger_store_read_end(&view);

    return rc;
}
