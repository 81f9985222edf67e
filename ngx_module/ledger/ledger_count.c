
/*
 * Copyright (C) The OAuth gateway authors
 */

#include "ledger_count.h"

#include <string.h>

#include "ledger_connection.h"


static ledger_rc_t ledger_count_load(ledger_work_t *work,
    const ledger_held_t *held, ledger_count_t *count);
static void ledger_count_less(uint64_t *n);
static ledger_rc_t ledger_count_uncontest(ledger_work_t *work,
    const ledger_slot_id_t *slot, const ledger_header_t *header);
static ledger_contested_t *ledger_contested_provider(
    ledger_contested_t *providers, size_t n, ledger_slice_t name);


ledger_rc_t
ledger_count(ledger_t *ledger, ledger_slice_t provider, ledger_count_t *count)
{
    ledger_rc_t    rc;
    ledger_view_t  view;

    memset(count, 0, sizeof(ledger_count_t));

    rc = ledger_store_read(ledger, &view);

    if (rc != LEDGER_OK) {
        return rc;
    }

    rc = ledger_store_count(&view, provider, count);

    ledger_store_read_end(&view);

    return rc == LEDGER_NOT_FOUND ? LEDGER_OK : rc;
}


ledger_rc_t
ledger_contested_slots(ledger_t *ledger, ledger_ms_t now,
    ledger_contested_t *providers, size_t n)
{
    size_t               i;
    unsigned             left;
    uint64_t             window;
    ledger_ms_t          at;
    ledger_rc_t          rc;
    ledger_view_t        view;
    ledger_slice_t       name;
    ledger_header_t      header;
    ledger_slot_id_t     slot;
    ledger_contested_t  *p;

    window = 0;

    for (i = 0; i < n; i++) {
        providers[i].slots = 0;
        window = providers[i].window > window ? providers[i].window : window;
    }

    rc = ledger_store_read(ledger, &view);

    if (rc != LEDGER_OK) {
        return rc;
    }

    at = UINT64_MAX;
    memset(slot.bytes, 0xff, LEDGER_SLOT_ID_SIZE);

    for (left = LEDGER_CONTESTED_MAX; left; left--) {

        rc = ledger_store_contested_before(&view, &at, &slot, &name);

        if (rc != LEDGER_OK || ledger_ms_after(at, window) < now) {
            break;
        }

        p = ledger_contested_provider(providers, n, name);

        if (p == NULL) {
            continue;
        }

        rc = ledger_store_slot(&view, &slot, &header);

        if (rc != LEDGER_OK) {
            rc = rc == LEDGER_NOT_FOUND ? LEDGER_CORRUPT : rc;
            break;
        }

        p->slots += ledger_header_contested(&header, now, p->contests,
                                            p->window);
    }

    ledger_store_read_end(&view);

    return rc == LEDGER_NOT_FOUND ? LEDGER_OK : rc;
}


static ledger_contested_t *
ledger_contested_provider(ledger_contested_t *providers, size_t n,
    ledger_slice_t name)
{
    size_t  i;

    for (i = 0; i < n; i++) {

        if (ledger_slice_equal(providers[i].provider, name)) {
            return &providers[i];
        }
    }

    return NULL;
}


ledger_rc_t
ledger_size(ledger_t *ledger, uint64_t *used, uint64_t *max)
{
    ledger_rc_t    rc;
    ledger_view_t  view;

    rc = ledger_store_read(ledger, &view);

    if (rc != LEDGER_OK) {
        return rc;
    }

    rc = ledger_store_size(&view, used, max);

    ledger_store_read_end(&view);

    return rc;
}


ledger_rc_t
ledger_count_state(ledger_work_t *work, ledger_held_t *held, unsigned state)
{
    ledger_rc_t     rc;
    ledger_count_t  count;

    if (held->counted == state) {
        return LEDGER_OK;
    }

    rc = ledger_count_load(work, held, &count);

    if (rc != LEDGER_OK) {
        return rc;
    }

    if (held->counted) {
        ledger_count_less(&count.connections[held->counted]);
    }

    if (state) {
        count.connections[state]++;
    }

    held->counted = (uint8_t) state;

    return ledger_store_put_count(&work->view, held->c.provider, &count);
}


ledger_rc_t
ledger_count_full(ledger_work_t *work, const ledger_held_t *held,
    unsigned before, unsigned now)
{
    ledger_rc_t     rc;
    ledger_count_t  count;

    if (before == now) {
        return LEDGER_OK;
    }

    rc = ledger_count_load(work, held, &count);

    if (rc != LEDGER_OK) {
        return rc;
    }

    if (now) {
        count.full++;

    } else {
        ledger_count_less(&count.full);
    }

    return ledger_store_put_count(&work->view, held->c.provider, &count);
}


unsigned
ledger_count_is_full(const ledger_header_t *header)
{
    return header->count >= header->n;
}


static ledger_rc_t
ledger_count_load(ledger_work_t *work, const ledger_held_t *held,
    ledger_count_t *count)
{
    ledger_rc_t  rc;

    rc = ledger_store_count(&work->view, held->c.provider, count);

    return rc == LEDGER_NOT_FOUND ? LEDGER_OK : rc;
}


/* A count that is wrong must not keep anybody from connecting. */

static void
ledger_count_less(uint64_t *n)
{
    if (*n) {
        (*n)--;
    }
}


ledger_rc_t
ledger_count_contest(ledger_work_t *work, const ledger_held_t *held,
    const ledger_slot_id_t *slot, const ledger_header_t *header,
    ledger_ms_t at)
{
    ledger_rc_t  rc;

    rc = ledger_count_uncontest(work, slot, header);

    if (rc != LEDGER_OK) {
        return rc;
    }

    return ledger_store_put_contested(&work->view, at, slot,
                                      held->c.provider);
}


ledger_rc_t
ledger_count_forget(ledger_work_t *work, const ledger_slot_id_t *slot)
{
    ledger_rc_t      rc;
    ledger_header_t  header;

    rc = ledger_store_slot(&work->view, slot, &header);

    return rc == LEDGER_OK ? ledger_count_uncontest(work, slot, &header) : rc;
}


/* The row of a slot stands at the time of its last contest. */

static ledger_rc_t
ledger_count_uncontest(ledger_work_t *work, const ledger_slot_id_t *slot,
    const ledger_header_t *header)
{
    ledger_rc_t  rc;

    if (header->ncontests == 0) {
        return LEDGER_OK;
    }

    rc = ledger_store_delete_contested(&work->view,
                                 header->contests[header->ncontests - 1].at,
                                 slot);

    return rc == LEDGER_NOT_FOUND ? LEDGER_OK : rc;
}
