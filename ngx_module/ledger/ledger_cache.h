
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * What a process remembers of its look-ups, see ledger_look().
 */

#ifndef _LEDGER_CACHE_H_INCLUDED_
#define _LEDGER_CACHE_H_INCLUDED_


#include "ledger_versions.h"


#pragma GCC visibility push(hidden)


/*
 * So many tokens are remembered by each process, most in sets of so many.
 * The memory is 16 MB of address space; the pages of entries that were never
 * used are not there.
 */
#define LEDGER_CACHE_SETS   4096
#define LEDGER_CACHE_WAYS   4

/* One entry.  A connection that does not fit is read from the store. */
#define LEDGER_CACHE_ENTRY  1024


typedef struct ledger_cache_s  ledger_cache_t;


/* LEDGER_OK; LEDGER_NOMEM.  "versions" may be NULL: nothing is remembered. */

LEDGER_MUST_USE ledger_rc_t ledger_cache_create(ledger_cache_t **cache,
    ledger_versions_t *versions);
void ledger_cache_destroy(ledger_cache_t *cache);


#pragma GCC visibility pop


#endif /* _LEDGER_CACHE_H_INCLUDED_ */
