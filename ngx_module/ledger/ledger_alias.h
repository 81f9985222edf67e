
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


/* What the record itself says; else the connection only repeats it. */

#define LEDGER_ALIAS_USER    0x01        /* who that login is */
#define LEDGER_ALIAS_TENANT  0x02        /* of which tenant that user is */


/*
 * Learns that "login" is the user of the subject, if both are known; an
 * empty tenant says nothing.  News take the place of what is not newer; what
 * is repeated fills in what is unknown, and renews the alias if that is of
 * the same user.
 */

LEDGER_MUST_USE ledger_rc_t ledger_alias_learn(ledger_work_t *work,
    ledger_slice_t login, ledger_slice_t tenant, unsigned news);

/* Drops the alias that a sweep found to be past its retention. */

LEDGER_MUST_USE ledger_rc_t ledger_alias_sweep(ledger_work_t *work,
    const ledger_due_t *due);


#pragma GCC visibility pop


#endif /* _LEDGER_ALIAS_H_INCLUDED_ */
