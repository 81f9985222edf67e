
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * Events: what operators are told of a change, written with it.  They tell
 * whom it concerns in their own words, so that they outlive connections.
 */

#ifndef _LEDGER_EVENT_H_INCLUDED_
#define _LEDGER_EVENT_H_INCLUDED_


#include "ledger_work.h"


#pragma GCC visibility push(hidden)


/* Writes the events of the effects from "first" on, of the record in hand. */

LEDGER_MUST_USE ledger_rc_t ledger_event_effects(ledger_work_t *work,
    size_t first);

/*
 * Takes one out again, and out of the stories that it is in.  LEDGER_OK;
 * LEDGER_NOT_FOUND; LEDGER_CORRUPT; what the store returns.
 */

LEDGER_MUST_USE ledger_rc_t ledger_event_forget(ledger_view_t *view,
    uint64_t number);

/*
 * ledger_event_decode() reads one back; slices point into "encoded".  The
 * number is not part of the form.
 *
 * LEDGER_OK; LEDGER_VERSION: a newer form; LEDGER_CORRUPT.
 */

LEDGER_MUST_USE ledger_rc_t ledger_event_decode(ledger_slice_t encoded,
    ledger_event_t *event);


#pragma GCC visibility pop


#endif /* _LEDGER_EVENT_H_INCLUDED_ */
