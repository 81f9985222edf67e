
/*
 * Copyright (C) The OAuth gateway authors
 */

#include "ledger.h"

#include <string.h>

#include "ledger_event.h"
#include "ledger_tenant.h"
#include "ledger_work.h"


/* Some dozens of exchanges with all their rows, and a store of 1 MB has it. */
#define LEDGER_PROBE_SIZE  262144


static ledger_rc_t ledger_probe_room(ledger_t *ledger, size_t size);
static ledger_rc_t ledger_apply_batch(ledger_work_t *work,
    const ledger_record_t *records, size_t n);
static ledger_rc_t ledger_apply_begin(ledger_work_t *work);
static ledger_rc_t ledger_apply_record(ledger_work_t *work);
static ledger_rc_t ledger_apply_rule(ledger_work_t *work);
static ledger_ms_t ledger_apply_time(const ledger_record_t *record);


typedef ledger_rc_t (*ledger_rule_pt)(ledger_work_t *work);


static const ledger_rule_pt  ledger_rules[] = {
    NULL,
    ledger_apply_exchange,
    ledger_apply_binding,
    ledger_apply_answer,
    ledger_apply_refusal,
    ledger_apply_revocation,
    ledger_apply_use,
    ledger_apply_release,
    ledger_apply_reinstate,
    ledger_apply_sweep,
    ledger_apply_note
};


ledger_rc_t
ledger_probe(ledger_t *ledger)
{
    ledger_rc_t  rc;

    rc = ledger_probe_room(ledger, LEDGER_PROBE_SIZE);

    return rc == LEDGER_OK ? ledger_probe_room(ledger, 0) : rc;
}


static ledger_rc_t
ledger_probe_room(ledger_t *ledger, size_t size)
{
    ledger_rc_t    rc;
    ledger_view_t  view;

    rc = ledger_store_write(ledger, &view);

    if (rc == LEDGER_OK) {
        rc = ledger_store_room(&view, size);

        if (rc == LEDGER_OK) {
            rc = ledger_store_commit(&view);

        } else {
            ledger_store_abort(&view);
        }
    }

    return rc == LEDGER_BUSY ? LEDGER_IO : rc;
}


ledger_rc_t
ledger_apply(ledger_t *ledger, const ledger_record_t *records, size_t n,
    ledger_effects_t *effects)
{
    size_t          before;
    ledger_rc_t     rc;
    ledger_work_t  *work;

    work = ledger->work;
    before = effects->n;

    rc = ledger_store_write(ledger, &work->view);

    if (rc != LEDGER_OK) {
        return rc;
    }

    work->effects = effects;

    rc = ledger_apply_batch(work, records, n);

    if (rc == LEDGER_OK) {
        rc = ledger_store_commit(&work->view);

    } else {
        ledger_store_abort(&work->view);
    }

    if (rc == LEDGER_OK) {
        return LEDGER_OK;
    }

    effects->n = before;

    /* what a rule expects to find and does not is damage */

    if (rc == LEDGER_NOT_FOUND || rc == LEDGER_VERSION) {
        return LEDGER_CORRUPT;
    }

    return rc == LEDGER_BUSY ? LEDGER_IO : rc;
}


static ledger_rc_t
ledger_apply_batch(ledger_work_t *work, const ledger_record_t *records,
    size_t n)
{
    size_t       i;
    uint64_t     sequence, key, event;
    ledger_rc_t  rc;

    rc = ledger_apply_begin(work);

    if (rc != LEDGER_OK) {
        return rc;
    }

    sequence = work->sequence;
    key = work->key;
    event = work->event;

    for (i = 0; i < n; i++) {
        work->record = &records[i];
        work->index = (uint32_t) i;

        rc = ledger_apply_record(work);

        if (rc != LEDGER_OK) {
            return rc;
        }
    }

    if (work->sequence != sequence) {
        rc = ledger_store_set_number(&work->view, LEDGER_NAME_SEQUENCE,
                                     work->sequence);
    }

    if (rc == LEDGER_OK && work->key != key) {
        rc = ledger_store_set_number(&work->view, LEDGER_NAME_KEY, work->key);
    }

    if (rc == LEDGER_OK && work->event != event) {
        rc = ledger_store_set_number(&work->view, LEDGER_NAME_EVENT,
                                     work->event);
    }

    return rc;
}


static ledger_rc_t
ledger_apply_begin(ledger_work_t *work)
{
    ledger_rc_t  rc;

    rc = ledger_store_number(&work->view, LEDGER_NAME_SEQUENCE,
                             &work->sequence);

    if (rc == LEDGER_NOT_FOUND) {
        work->sequence = 1;

    } else if (rc != LEDGER_OK) {
        return rc;
    }

    rc = ledger_store_number(&work->view, LEDGER_NAME_EVENT, &work->event);

    if (rc == LEDGER_NOT_FOUND) {
        work->event = 1;

    } else if (rc != LEDGER_OK) {
        return rc;
    }

    rc = ledger_store_number(&work->view, LEDGER_NAME_KEY, &work->key);

    if (rc == LEDGER_NOT_FOUND) {
        /* an id has 32 bits, so this is none */
        work->key = UINT64_MAX;
        return LEDGER_OK;
    }

    return rc;
}


static ledger_rc_t
ledger_apply_record(ledger_work_t *work)
{
    size_t       len, first;
    ledger_rc_t  rc;

    first = work->effects->n;
    work->now = ledger_apply_time(work->record);
    work->changed = 0;
    work->newcomer = 0;

    rc = ledger_record_encode_log(work->record, work->encoded,
                                  LEDGER_CONNECTION_MAX, &len);

    if (rc != LEDGER_OK) {
        rc = ledger_work_effect(work, LEDGER_REJECTED_RECORD, 0, 0, 0);

        return rc == LEDGER_OK ? ledger_event_effects(work, first) : rc;
    }

    rc = ledger_apply_rule(work);

    if (rc == LEDGER_OK) {
        rc = ledger_tenant_tell(work);
    }

    if (rc == LEDGER_OK) {
        rc = ledger_event_effects(work, first);
    }

    if (rc != LEDGER_OK || !work->changed) {
        return rc;
    }

    rc = ledger_store_append(&work->view, LEDGER_LOG, work->sequence,
                             (ledger_slice_t) { work->encoded, len });

    work->sequence++;

    return rc;
}


static ledger_rc_t
ledger_apply_rule(ledger_work_t *work)
{
    if (work->record->kind == LEDGER_EXCHANGE) {
        work->key = work->record->u.exchange.tokens[0].key;
    }

    return ledger_rules[work->record->kind](work);
}


/* An exchange took effect when its answer was here, not when it was noted. */

static ledger_ms_t
ledger_apply_time(const ledger_record_t *record)
{
    return record->kind == LEDGER_EXCHANGE ? record->u.exchange.arrived_at
                                           : record->at;
}
