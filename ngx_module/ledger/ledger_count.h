
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * Counts for operators, kept in the transaction that changes what they
 * count, so that they are told at once whatever the store's size.  All
 * return LEDGER_OK or what the store returned.
 */

#ifndef _LEDGER_COUNT_H_INCLUDED_
#define _LEDGER_COUNT_H_INCLUDED_


#include "ledger_work.h"


#pragma GCC visibility push(hidden)


/* "held" was stored in that state, or with 0 deleted. */

LEDGER_MUST_USE ledger_rc_t ledger_count_state(ledger_work_t *work,
    ledger_held_t *held, unsigned state);

/* A slot of the provider of "held" was full or not, and is so now or not. */

LEDGER_MUST_USE ledger_rc_t ledger_count_full(ledger_work_t *work,
    const ledger_held_t *held, unsigned before, unsigned now);
unsigned ledger_count_is_full(const ledger_header_t *header);

/* A contest at "at" is about to enter the header of a slot of "held". */

LEDGER_MUST_USE ledger_rc_t ledger_count_contest(ledger_work_t *work,
    const ledger_held_t *held, const ledger_slot_id_t *slot,
    const ledger_header_t *header, ledger_ms_t at);

/* A slot is about to be deleted. */

LEDGER_MUST_USE ledger_rc_t ledger_count_forget(ledger_work_t *work,
    const ledger_slot_id_t *slot);


#pragma GCC visibility pop


#endif /* _LEDGER_COUNT_H_INCLUDED_ */
