
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * Slots: who enters them, who has to leave them, and through whom.  All
 * return LEDGER_OK or what the store returned.
 */

#ifndef _LEDGER_SETTLE_H_INCLUDED_
#define _LEDGER_SETTLE_H_INCLUDED_


#include "ledger_work.h"


#pragma GCC visibility push(hidden)


/* How a slot is entered. */

#define LEDGER_SETTLE_EVICT  0x01        /* else a slot may stay over n */
#define LEDGER_SETTLE_FRESH  0x02        /* the limit is the newest word on n */


/*
 * Enters the slot of one limit, if all its identities are known.  With
 * LEDGER_SETTLE_EVICT the oldest is superseded while there are more than n,
 * and that may be "held" itself.  Without it, and where the oldest outlived
 * the opening that would have ended it, a slot over n is noted.
 */

LEDGER_MUST_USE ledger_rc_t ledger_settle(ledger_work_t *work,
    ledger_held_t *held, unsigned limit, unsigned how);

/*
 * R8: the slot of a broken connection became known.  It is superseded where
 * n younger members explain its end, else it waits in the slot to be
 * explained later.
 */

LEDGER_MUST_USE ledger_rc_t ledger_settle_explained(ledger_work_t *work,
    ledger_held_t *held, unsigned limit);

/* Lets a broken connection wait in the slot of one limit. */

LEDGER_MUST_USE ledger_rc_t ledger_settle_enter_broken(ledger_work_t *work,
    const ledger_held_t *held, unsigned limit);

/*
 * Leaves all slots, and the tenant.  To be called while "state" is still the
 * old one.
 */

LEDGER_MUST_USE ledger_rc_t ledger_settle_leave(ledger_work_t *work,
    const ledger_held_t *held);

/* Which of its limits means that slot; 0 where none does any more. */

LEDGER_MUST_USE ledger_rc_t ledger_settle_limit_of(const ledger_held_t *held,
    const ledger_slot_id_t *slot, uint8_t *limit);



#pragma GCC visibility pop


#endif /* _LEDGER_SETTLE_H_INCLUDED_ */
