
/*
 * Copyright (C) The OAuth gateway authors
 */

#ifndef _LEDGER_PAGE_H_INCLUDED_
#define _LEDGER_PAGE_H_INCLUDED_


#include "ledger.h"


#pragma GCC visibility push(hidden)


/* Copies one row to the end of the page.  LEDGER_OK; LEDGER_NOMEM. */

LEDGER_MUST_USE ledger_rc_t ledger_page_add(ledger_page_t *page,
    uint64_t number, ledger_slice_t encoded);


#pragma GCC visibility pop


#endif /* _LEDGER_PAGE_H_INCLUDED_ */
