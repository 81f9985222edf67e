
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
 * So many tokens are remembered by each process, in sets of so many: of
 * 10,000 that are in use one in 200 finds no room in its set.  The memory is
 * 18 MB, in huge pages where the system has them: of small ones a processor
 * would have to look up the address anew for most calls.
 */
#define LEDGER_CACHE_SETS   1024
#define LEDGER_CACHE_WAYS   16

/* One entry.  A connection that does not fit is read from the store. */
#define LEDGER_CACHE_ENTRY  1024


typedef struct ledger_cache_s  ledger_cache_t;


/* LEDGER_OK; LEDGER_NOMEM.  "versions" may be NULL: nothing is remembered. */

LEDGER_MUST_USE ledger_rc_t ledger_cache_create(ledger_cache_t **cache,
    ledger_versions_t *versions);
void ledger_cache_destroy(ledger_cache_t *cache);

/* Where it lies, in whole pages. */

void *ledger_cache_memory(ledger_cache_t *cache, size_t *size);


#pragma GCC visibility pop


#endif /* _LEDGER_CACHE_H_INCLUDED_ */
