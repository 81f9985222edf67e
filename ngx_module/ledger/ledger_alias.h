
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * Aliases: which user, and of which tenant, a login turned out to be.  Each
 * has a row in a lane.  All return LEDGER_OK or what the store returned.
 */

#ifndef _LEDGER_ALIAS_H_INCLUDED_
#define _LEDGER_ALIAS_H_INCLUDED_


#include "ledger_work.h"


#pragma GCC visibility push(hidden)


/*
 * Learns that "login" is the user of the subject, if both are known; an
 * empty tenant says nothing.  A word that is "fresh" takes the place of any
 * that is not newer.  Another one, a repetition, only renews an alias of the
 * same user, and brings a tenant or the alias itself where there was none.
 */

LEDGER_MUST_USE ledger_rc_t ledger_alias_learn(ledger_work_t *work,
    ledger_slice_t login, ledger_slice_t tenant, unsigned fresh);

/* Drops the alias that a sweep found to be past its retention. */

LEDGER_MUST_USE ledger_rc_t ledger_alias_sweep(ledger_work_t *work,
    const ledger_due_t *due);


#pragma GCC visibility pop


#endif /* _LEDGER_ALIAS_H_INCLUDED_ */
