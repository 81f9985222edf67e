
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * How a connection ends, comes back, and becomes known.  All return
 * LEDGER_OK or what the store returned, and save the connection.
 */

#ifndef _LEDGER_TURN_H_INCLUDED_
#define _LEDGER_TURN_H_INCLUDED_


#include "ledger_work.h"


#pragma GCC visibility push(hidden)


/* Ends a connection: it leaves all its slots. */

LEDGER_MUST_USE ledger_rc_t ledger_turn_end(ledger_work_t *work,
    ledger_held_t *held, ledger_state_t state, ledger_ms_t at);

/* Makes a connection live again; it evicts nobody. */

LEDGER_MUST_USE ledger_rc_t ledger_turn_revive(ledger_work_t *work,
    ledger_held_t *held);

/*
 * The provider accepted a superseded connection after it had been
 * superseded: an undecided one is swapped with its winner (R1), any other
 * is a contradiction (R10).  It is live after that.
 */

LEDGER_MUST_USE ledger_rc_t ledger_turn_accept(ledger_work_t *work,
    ledger_held_t *held);

/* R8.  Sets what is unknown and enters the slots that this completes. */

LEDGER_MUST_USE ledger_rc_t ledger_turn_bind(ledger_work_t *work,
    ledger_held_t *held, ledger_slice_t client, ledger_slice_t user,
    ledger_slice_t tenant);



#pragma GCC visibility pop


#endif /* _LEDGER_TURN_H_INCLUDED_ */
