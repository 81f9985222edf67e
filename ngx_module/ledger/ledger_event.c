
/*
 * Copyright (C) The OAuth gateway authors
 */

#include "ledger_event.h"

#include <string.h>

#include "ledger_connection.h"
#include "ledger_cursor.h"


#define LEDGER_EVENT_VERSION    1

#define LEDGER_EVENT_RECONNECT  0x01
#define LEDGER_EVENT_UNDECIDED  0x02
#define LEDGER_EVENT_ADOPTED    0x04
#define LEDGER_EVENT_FLAGS      0x07


/* Of ledger_effect_kind_t; an effect that is not here is no event. */

static const uint8_t  ledger_event_kinds[] = {
    [LEDGER_CONNECTED] = LEDGER_EVENT_CONNECTED,
    [LEDGER_REFRESHED] = LEDGER_EVENT_REFRESHED,
    [LEDGER_CONTINUED] = LEDGER_EVENT_REFRESHED,
    [LEDGER_ADOPTED] = LEDGER_EVENT_CONNECTED,
    [LEDGER_SUPERSESSION] = LEDGER_EVENT_SUPERSEDED,
    [LEDGER_SWAPPED] = LEDGER_EVENT_REPAIRED,
    [LEDGER_CONFIRMED] = LEDGER_EVENT_SUPERSEDED,
    [LEDGER_CONTRADICTED] = LEDGER_EVENT_CONTRADICTED,
    [LEDGER_OVERFULL] = LEDGER_EVENT_CONTRADICTED,
    [LEDGER_BOUND] = LEDGER_EVENT_BOUND,
    [LEDGER_BREAKAGE] = LEDGER_EVENT_BROKEN,
    [LEDGER_REPAIRED] = LEDGER_EVENT_REPAIRED,
    [LEDGER_REVOCATION_DONE] = LEDGER_EVENT_REVOKED,
    [LEDGER_RELEASED] = LEDGER_EVENT_RELEASED,
    [LEDGER_REINSTATED] = LEDGER_EVENT_REINSTATED,
    [LEDGER_EXPIRY] = LEDGER_EVENT_EXPIRED,
    [LEDGER_REJECTED_RECORD] = LEDGER_EVENT_UNRECORDED
};


static ledger_rc_t ledger_event_effect(ledger_work_t *work,
    const ledger_effect_t *effect);
static ledger_rc_t ledger_event_add(ledger_work_t *work,
    ledger_event_t *event);
static ledger_rc_t ledger_event_load(ledger_work_t *work, uint64_t id,
    ledger_connection_t *connection);
static ledger_rc_t ledger_event_put(ledger_work_t *work,
    const ledger_event_t *event);
static ledger_rc_t ledger_event_tell(ledger_work_t *work,
    const ledger_event_t *event);


ledger_rc_t
ledger_event_effects(ledger_work_t *work, size_t first)
{
    size_t       i;
    ledger_rc_t  rc;

    for (i = first; i < work->effects->n; i++) {
        rc = ledger_event_effect(work, &work->effects->elts[i]);

        if (rc != LEDGER_OK) {
            return rc;
        }
    }

    return LEDGER_OK;
}


static ledger_rc_t
ledger_event_effect(ledger_work_t *work, const ledger_effect_t *effect)
{
    ledger_rc_t     rc;
    ledger_event_t  event;

    if (effect->kind >= sizeof(ledger_event_kinds)
        || ledger_event_kinds[effect->kind] == 0)
    {
        return LEDGER_OK;
    }

    memset(&event, 0, sizeof(ledger_event_t));

    event.kind = ledger_event_kinds[effect->kind];
    event.connection = effect->connection;
    event.other = effect->other;
    event.count = 1;
    event.reconnect = effect->reconnect;
    event.undecided = effect->undecided;
    event.adopted = effect->kind == LEDGER_ADOPTED;

    if (effect->kind == LEDGER_REJECTED_RECORD
        && work->record->kind == LEDGER_EXCHANGE
        && work->record->u.exchange.provider.len <= LEDGER_IDENTITY_MAX
        && work->record->u.exchange.owner.len <= LEDGER_IDENTITY_MAX)
    {
        event.provider = work->record->u.exchange.provider;
        event.owner = work->record->u.exchange.owner;
    }

    rc = ledger_event_add(work, &event);

    if (rc != LEDGER_OK || effect->kind != LEDGER_SWAPPED) {
        return rc;
    }

    /* and the one that does not */

    memset(&event, 0, sizeof(ledger_event_t));

    event.kind = LEDGER_EVENT_SUPERSEDED;
    event.connection = effect->other;
    event.other = effect->connection;
    event.count = 1;

    return ledger_event_add(work, &event);
}


ledger_rc_t
ledger_apply_note(ledger_work_t *work)
{
    ledger_event_t        event;
    const ledger_note_t  *note;

    note = &work->record->u.note;

    memset(&event, 0, sizeof(ledger_event_t));

    event.kind = note->event;
    event.connection = note->connection;
    event.other = note->other;
    event.count = note->count;
    event.provider = note->provider;
    event.owner = note->owner;

    /* no state changes: it takes no sequence, and the log does not grow */

    return ledger_event_add(work, &event);
}


/*
 * What is known of the connections takes the place of what the event brings;
 * its own owner is then the one of whoever else was in it.
 */

static ledger_rc_t
ledger_event_add(ledger_work_t *work, ledger_event_t *event)
{
    ledger_rc_t          rc;
    ledger_slice_t       asked;
    ledger_connection_t  connection, other;

    asked = event->owner;

    rc = ledger_event_load(work, event->connection, &connection);

    if (rc != LEDGER_OK) {
        return rc;
    }

    if (connection.id) {
        event->provider = connection.provider;
        event->client = connection.client;
        event->user = connection.user;
        event->tenant = connection.tenant;
        event->owner = connection.owner;

        if (event->other == 0 && event->kind == LEDGER_EVENT_SUPERSEDED) {
            /* confirmed: it is known since when */
            event->other = connection.superseded_by;
        }
    }

    rc = ledger_event_load(work, event->other, &other);

    if (rc != LEDGER_OK) {
        return rc;
    }

    if (other.id) {
        event->other_owner = other.owner;

    } else if (connection.id
               && !ledger_slice_equal(asked, connection.owner))
    {
        event->other_owner = asked;
    }

    event->at = work->now;

    rc = ledger_event_put(work, event);

    if (rc != LEDGER_OK) {
        return rc;
    }

    rc = ledger_event_tell(work, event);
    work->event++;

    return rc;
}


/* An id of 0 where there is none, or not any more. */

static ledger_rc_t
ledger_event_load(ledger_work_t *work, uint64_t id,
    ledger_connection_t *connection)
{
    ledger_rc_t  rc;

    connection->id = 0;

    if (id == 0) {
        return LEDGER_OK;
    }

    rc = ledger_store_decoded(&work->view, id, connection);

    return rc == LEDGER_NOT_FOUND ? LEDGER_OK : rc;
}


static ledger_rc_t
ledger_event_put(ledger_work_t *work, const ledger_event_t *event)
{
    unsigned         flags;
    ledger_writer_t  w;

    w = ledger_writer(work->scratch, sizeof(work->scratch));

    flags = (event->reconnect ? LEDGER_EVENT_RECONNECT : 0)
            | (event->undecided ? LEDGER_EVENT_UNDECIDED : 0)
            | (event->adopted ? LEDGER_EVENT_ADOPTED : 0);

    ledger_put_u8(&w, LEDGER_EVENT_VERSION);
    ledger_put_u8(&w, event->kind);
    ledger_put_u8(&w, flags);
    ledger_put_u64(&w, event->at);
    ledger_put_u64(&w, event->connection);
    ledger_put_u64(&w, event->other);
    ledger_put_u32(&w, event->count);
    ledger_put_slice(&w, event->provider);
    ledger_put_slice(&w, event->client);
    ledger_put_slice(&w, event->user);
    ledger_put_slice(&w, event->tenant);
    ledger_put_slice(&w, event->owner);
    ledger_put_slice(&w, event->other_owner);

    if (w.failed) {
        return LEDGER_CORRUPT;
    }

    return ledger_store_append(&work->view, LEDGER_HISTORY, work->event,
                               (ledger_slice_t) { work->scratch,
                                   (size_t) (w.pos - work->scratch) });
}


/* In the stories of both: a winner's tells whom it superseded. */

static ledger_rc_t
ledger_event_tell(ledger_work_t *work, const ledger_event_t *event)
{
    ledger_rc_t  rc;

    rc = LEDGER_OK;

    if (event->connection) {
        rc = ledger_store_put_story(&work->view, event->connection,
                                    work->event);
    }

    if (rc == LEDGER_OK && event->other && event->other != event->connection)
    {
        rc = ledger_store_put_story(&work->view, event->other, work->event);
    }

    return rc;
}


ledger_rc_t
ledger_event_forget(ledger_view_t *view, uint64_t number)
{
    uint64_t        found;
    ledger_rc_t     rc;
    ledger_event_t  event;
    ledger_slice_t  encoded;

    rc = ledger_store_entry(view, LEDGER_HISTORY, number, &found, &encoded);

    if (rc != LEDGER_OK) {
        return rc;
    }

    if (found != number) {
        return LEDGER_NOT_FOUND;
    }

    if (ledger_event_decode(encoded, &event) != LEDGER_OK) {
        return LEDGER_CORRUPT;
    }

    /* those of an older store are in no story */

    if (event.connection) {
        rc = ledger_store_delete_story(view, event.connection, number);
    }

    if ((rc == LEDGER_OK || rc == LEDGER_NOT_FOUND)
        && event.other && event.other != event.connection)
    {
        rc = ledger_store_delete_story(view, event.other, number);
    }

    if (rc != LEDGER_OK && rc != LEDGER_NOT_FOUND) {
        return rc;
    }

    return ledger_store_delete_entry(view, LEDGER_HISTORY, number);
}


ledger_rc_t
ledger_event_decode(ledger_slice_t encoded, ledger_event_t *event)
{
    uint8_t          version;
    unsigned         flags;
    ledger_reader_t  r;

    r = ledger_reader(encoded.data, encoded.len);

    version = ledger_take_u8(&r);

    if (version > LEDGER_EVENT_VERSION) {
        return LEDGER_VERSION;
    }

    event->kind = ledger_take_u8(&r);
    flags = ledger_take_u8(&r);
    event->at = ledger_take_u64(&r);
    event->connection = ledger_take_u64(&r);
    event->other = ledger_take_u64(&r);
    event->count = ledger_take_u32(&r);
    event->provider = ledger_take_slice(&r, LEDGER_IDENTITY_MAX);
    event->client = ledger_take_slice(&r, LEDGER_IDENTITY_MAX);
    event->user = ledger_take_slice(&r, LEDGER_IDENTITY_MAX);
    event->tenant = ledger_take_slice(&r, LEDGER_IDENTITY_MAX);
    event->owner = ledger_take_slice(&r, LEDGER_IDENTITY_MAX);
    event->other_owner = ledger_take_slice(&r, LEDGER_IDENTITY_MAX);

    event->reconnect = (flags & LEDGER_EVENT_RECONNECT) != 0;
    event->undecided = (flags & LEDGER_EVENT_UNDECIDED) != 0;
    event->adopted = (flags & LEDGER_EVENT_ADOPTED) != 0;

    if (r.failed || r.pos != r.end || version != LEDGER_EVENT_VERSION
        || event->kind == 0 || event->kind >= LEDGER_EVENTS
        || event->count == 0 || (flags & ~(unsigned) LEDGER_EVENT_FLAGS))
    {
        return LEDGER_CORRUPT;
    }

    return LEDGER_OK;
}
