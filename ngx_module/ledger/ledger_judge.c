
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * The look-ups: what the guard and the token endpoint ask on each request.
 */

#include "ledger.h"

#include <string.h>

#include "ledger_connection.h"
#include "ledger_judge.h"


static ledger_rc_t ledger_judge_token(ledger_view_t *view,
    const ledger_token_id_t *id, ledger_ms_t now,
    ledger_judgement_t *judgement);
static unsigned ledger_judge_over(ledger_ms_t end, ledger_ms_t now);
static ledger_rc_t ledger_judge_read(ledger_view_t *view, uint64_t id,
    ledger_connection_t *connection, unsigned char *buf, size_t *len);
static ledger_rc_t ledger_slot_read(ledger_view_t *view,
    const ledger_slot_id_t *id, ledger_ms_t now, const ledger_header_t *header,
    ledger_slot_t *slot);
static ledger_rc_t ledger_slot_count(ledger_view_t *view,
    const ledger_slot_id_t *id, ledger_ms_t now, uint32_t count,
    ledger_slot_t *slot);


ledger_rc_t
ledger_judge(ledger_t *ledger, const ledger_token_id_t *ids, size_t n,
    ledger_ms_t now, ledger_judgement_t *judgement)
{
    size_t         i;
    ledger_rc_t    rc;
    ledger_view_t  view;

    rc = ledger_store_read(ledger, &view);

    if (rc != LEDGER_OK) {
        return rc;
    }

    rc = LEDGER_NOT_FOUND;

    for (i = 0; rc == LEDGER_NOT_FOUND && i < n; i++) {
        rc = ledger_judge_token(&view, &ids[i], now, judgement);
    }

    ledger_store_read_end(&view);

    if (rc == LEDGER_NOT_FOUND) {
        judgement->verdict = LEDGER_VERDICT_UNKNOWN;
        judgement->connection.id = 0;
        judgement->token_expires_at = 0;
        judgement->rotated_at = 0;
        judgement->kind = 0;
        judgement->undecided = 0;
        judgement->preceding = 0;
        judgement->len = 0;

        return LEDGER_OK;
    }

    return rc;
}


static ledger_rc_t
ledger_judge_token(ledger_view_t *view, const ledger_token_id_t *id,
    ledger_ms_t now, ledger_judgement_t *judgement)
{
    ledger_rc_t    rc;
    ledger_row_t   row;
    ledger_look_t  look;

    rc = ledger_store_token(view, id, &row);

    if (rc != LEDGER_OK) {
        return rc;
    }

    /* a connection that is swept before its tokens leaves them unknown */

    rc = ledger_judge_read(view, row.connection, &judgement->connection,
                           judgement->buf, &judgement->len);

    if (rc != LEDGER_OK) {
        return rc;
    }

    ledger_judge_rows(id, &row, &judgement->connection, &look);

    judgement->token = *id;
    judgement->token_expires_at = look.token_expires_at;
    judgement->rotated_at = look.rotated_at;
    judgement->verdict = (uint8_t) ledger_judge_verdict(&look, now);
    judgement->kind = look.kind;
    judgement->undecided = look.undecided;
    judgement->preceding = look.preceding;

    return LEDGER_OK;
}


void
ledger_judge_rows(const ledger_token_id_t *id, const ledger_row_t *row,
    const ledger_connection_t *connection, ledger_look_t *look)
{
    look->token = *id;
    look->connection = connection->id;
    look->token_expires_at = row->expires_at;
    look->rotated_at = row->rotated_at;
    look->last_used_at = connection->last_used_at;
    look->end = ledger_connection_end(connection);
    look->provider = connection->provider;
    look->kind = row->kind;
    look->state = connection->state;
    look->has_user = connection->user.len != 0;
    look->has_tenant = connection->tenant.len != 0;
    look->undecided = connection->undecided;
    look->preceding = row->rotated_at != 0 && connection->has_previous
                      && ledger_token_id_equal(id, &connection->previous);
    look->outdated = row->kind == LEDGER_ACCESS
                     && row->sequence < connection->access_floor;
    look->revoked = row->revoked;
    look->dead = row->dead;
}


ledger_verdict_t
ledger_judge_verdict(const ledger_look_t *look, ledger_ms_t now)
{
    if (look->revoked || look->state == LEDGER_REVOKED) {
        return LEDGER_VERDICT_REVOKED;
    }

    if (look->state == LEDGER_SUPERSEDED) {
        return LEDGER_VERDICT_SUPERSEDED;
    }

    if (look->state == LEDGER_BROKEN) {
        return LEDGER_VERDICT_BROKEN;
    }

    if (look->state == LEDGER_EXPIRED || ledger_judge_over(look->end, now)) {
        return LEDGER_VERDICT_EXPIRED;
    }

    if (look->rotated_at || look->outdated) {
        return LEDGER_VERDICT_ROTATED;
    }

    if (look->dead || ledger_judge_over(look->token_expires_at, now)) {
        return LEDGER_VERDICT_EXPIRED;
    }

    return LEDGER_VERDICT_ACTIVE;
}


static unsigned
ledger_judge_over(ledger_ms_t end, ledger_ms_t now)
{
    return end != 0 && end <= now;
}


static ledger_rc_t
ledger_judge_read(ledger_view_t *view, uint64_t id,
    ledger_connection_t *connection, unsigned char *buf, size_t *len)
{
    ledger_rc_t     rc;
    ledger_slice_t  encoded;

    rc = ledger_store_connection(view, id, &encoded);

    if (rc != LEDGER_OK) {
        return rc;
    }

    memcpy(buf, encoded.data, encoded.len);
    *len = encoded.len;

    rc = ledger_connection_decode(buf, encoded.len, connection);

    if (rc != LEDGER_OK || connection->id != id) {
        return LEDGER_CORRUPT;
    }

    return LEDGER_OK;
}


ledger_rc_t
ledger_find(ledger_t *ledger, uint64_t id, ledger_connection_t *connection,
    unsigned char *buf)
{
    size_t         len;
    ledger_rc_t    rc;
    ledger_view_t  view;

    rc = ledger_store_read(ledger, &view);

    if (rc != LEDGER_OK) {
        return rc;
    }

    rc = ledger_judge_read(&view, id, connection, buf, &len);

    ledger_store_read_end(&view);

    return rc;
}


ledger_rc_t
ledger_slot(ledger_t *ledger, const ledger_connection_t *connection,
    unsigned limit, ledger_ms_t now, unsigned contests, uint64_t window,
    ledger_slot_t *slot)
{
    ledger_rc_t       rc;
    ledger_view_t     view;
    ledger_header_t   header;
    ledger_slot_id_t  id;

    if (limit >= connection->nlimits) {
        return LEDGER_NOT_FOUND;
    }

    memset(slot, 0, sizeof(ledger_slot_t));
    slot->n = connection->limits[limit].n;

    rc = ledger_place(connection, limit, &id);

    if (rc != LEDGER_OK) {
        return rc == LEDGER_NOT_FOUND ? LEDGER_OK : rc;
    }

    slot->known = 1;

    rc = ledger_store_read(ledger, &view);

    if (rc != LEDGER_OK) {
        return rc;
    }

    rc = ledger_store_slot(&view, &id, &header);

    if (rc == LEDGER_OK) {
        slot->contested = ledger_header_contested(&header, now, contests,
                                                  window) & 1;
        rc = ledger_slot_read(&view, &id, now, &header, slot);

    } else if (rc == LEDGER_NOT_FOUND) {
        rc = LEDGER_OK;
    }

    ledger_store_read_end(&view);

    return rc;
}


ledger_rc_t
ledger_contested(ledger_t *ledger, const ledger_connection_t *connection,
    unsigned limit, ledger_ms_t now, unsigned contests, uint64_t window,
    unsigned *contested)
{
    ledger_rc_t       rc;
    ledger_view_t     view;
    ledger_header_t   header;
    ledger_slot_id_t  id;

    *contested = 0;

    if (limit >= connection->nlimits) {
        return LEDGER_NOT_FOUND;
    }

    rc = ledger_place(connection, limit, &id);

    if (rc != LEDGER_OK) {
        return rc == LEDGER_NOT_FOUND ? LEDGER_OK : rc;
    }

    rc = ledger_store_read(ledger, &view);

    if (rc != LEDGER_OK) {
        return rc;
    }

    rc = ledger_store_slot(&view, &id, &header);

    if (rc == LEDGER_OK) {
        *contested = ledger_header_contested(&header, now, contests, window);
    }

    ledger_store_read_end(&view);

    return rc == LEDGER_NOT_FOUND ? LEDGER_OK : rc;
}


static ledger_rc_t
ledger_slot_read(ledger_view_t *view, const ledger_slot_id_t *id,
    ledger_ms_t now, const ledger_header_t *header, ledger_slot_t *slot)
{
    ledger_rc_t  rc;

    slot->n = header->n;

    rc = ledger_slot_count(view, id, now, header->count, slot);

    if (slot->held < slot->n) {
        slot->oldest = 0;
    }

    return rc;
}


/* Members past their end are there until a sweep or a connect meets them. */

static ledger_rc_t
ledger_slot_count(ledger_view_t *view, const ledger_slot_id_t *id,
    ledger_ms_t now, uint32_t count, ledger_slot_t *slot)
{
    ledger_rc_t          rc;
    ledger_member_t      from, member;
    ledger_connection_t  c;

    memset(&from, 0, sizeof(ledger_member_t));

    for ( /* void */ ; count; count--) {
        rc = ledger_store_member(view, LEDGER_MEMBERS, id, &from, &member);

        if (rc == LEDGER_OK) {
            rc = ledger_store_decoded(view, member.id, &c);
        }

        if (rc != LEDGER_OK) {
            return rc == LEDGER_IO || rc == LEDGER_NOMEM ? LEDGER_IO
                                                         : LEDGER_CORRUPT;
        }

        from = member;
        from.id++;

        if (ledger_connection_over(&c, now)) {
            continue;
        }

        if (slot->held++ == 0) {
            slot->oldest = c.id;
        }
    }

    return LEDGER_OK;
}
