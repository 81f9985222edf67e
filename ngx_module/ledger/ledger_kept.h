
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * Kept answers: sealed answers to refreshes, there to be given again.  Only
 * a live connection has any, to its current refresh token and to the one
 * that this replaced: to each one a request, LEDGER_KEPT_ANSWERS_MAX at
 * most.  Each has a row in a lane.
 *
 * All return LEDGER_OK or what the store returned.
 */

#ifndef _LEDGER_KEPT_H_INCLUDED_
#define _LEDGER_KEPT_H_INCLUDED_


#include "ledger_work.h"


#pragma GCC visibility push(hidden)


/*
 * Keeps the answer of an exchange if it has one that could be given again.
 * Of the earlier ones to the same token those go that are answers to the
 * same request, or hold what the exchange has ended.  Called last, with the
 * subject as the exchange leaves it.
 */

LEDGER_MUST_USE ledger_rc_t ledger_kept_add(ledger_work_t *work,
    const ledger_exchange_t *x);

/*
 * Drops the answers to "presented", which was current or preceding before an
 * exchange, unless it is so after it.
 */

LEDGER_MUST_USE ledger_rc_t ledger_kept_outdated(ledger_work_t *work,
    const ledger_connection_t *connection,
    const ledger_token_id_t *presented);

/* Drops the answers to "presented" that "token" is in. */

LEDGER_MUST_USE ledger_rc_t ledger_kept_lost(ledger_work_t *work,
    const ledger_connection_t *connection,
    const ledger_token_id_t *presented, const ledger_token_id_t *token);

/* Drops the answers of the subject that "token" is in. */

LEDGER_MUST_USE ledger_rc_t ledger_kept_revoked(ledger_work_t *work,
    const ledger_token_id_t *token);

/* Drops all of them: the connection ends. */

LEDGER_MUST_USE ledger_rc_t ledger_kept_end(ledger_work_t *work,
    const ledger_connection_t *connection);

/* Drops the answer that a sweep found to be over. */

LEDGER_MUST_USE ledger_rc_t ledger_kept_sweep(ledger_work_t *work,
    const ledger_due_t *due);


#pragma GCC visibility pop


#endif /* _LEDGER_KEPT_H_INCLUDED_ */
