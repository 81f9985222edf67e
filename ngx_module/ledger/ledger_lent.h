
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * Lent tokens: the sealed tokens of a live connection, there to be used by
 * others of the same identity (heal), and the client authentication that the
 * provider accepted for a connection.  The tokens go when it ends, the
 * authentication when it is deleted.
 *
 * Both return LEDGER_OK or what the store returned.
 */

#ifndef _LEDGER_LENT_H_INCLUDED_
#define _LEDGER_LENT_H_INCLUDED_


#include "ledger_work.h"


#pragma GCC visibility push(hidden)


/*
 * Keeps what an exchange has to lend.  An exchange without it leaves the
 * connection with none: what was there before is out of date.  Called last,
 * with the subject as the exchange leaves it.
 */

LEDGER_MUST_USE ledger_rc_t ledger_lent_keep(ledger_work_t *work,
    const ledger_exchange_t *x);

/* Drops the tokens: the connection ends, or its refresh token alone. */

LEDGER_MUST_USE ledger_rc_t ledger_lent_end(ledger_work_t *work,
    uint64_t connection);


#pragma GCC visibility pop


#endif /* _LEDGER_LENT_H_INCLUDED_ */
