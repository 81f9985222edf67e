
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * The index: a row for each connection and each value that a list can be
 * filtered by.
 */

#ifndef _LEDGER_INDEX_H_INCLUDED_
#define _LEDGER_INDEX_H_INCLUDED_


#include "ledger_store.h"


#pragma GCC visibility push(hidden)


/*
 * Follows a connection from "was" to "is"; NULL: it is not there.  Returns
 * what the store does.
 */

LEDGER_MUST_USE ledger_rc_t ledger_index_move(ledger_view_t *view,
    const ledger_connection_t *was, const ledger_connection_t *is);

/*
 * The row of a connection for that kind; an empty value has none.  It points
 * into the connection.
 */

ledger_mark_t ledger_index_mark(const ledger_connection_t *connection,
    ledger_mark_kind_t kind);


#pragma GCC visibility pop


#endif /* _LEDGER_INDEX_H_INCLUDED_ */
