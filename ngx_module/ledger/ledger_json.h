
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * JSON from outside: jansson, with the bounds and the integers that jansson
 * lacks.
 */

#ifndef _LEDGER_JSON_H_INCLUDED_
#define _LEDGER_JSON_H_INCLUDED_


#include <jansson.h>

#include "ledger_base.h"


#pragma GCC visibility push(hidden)


/* Deeper answers are no token answers; bounds the parser's recursion. */
#define LEDGER_DEPTH_MAX  32


/*
 * ledger_json_load() parses a JSON object (RFC 8259) of at most
 * LEDGER_DEPTH_MAX levels into a new value, *root.  A leading UTF-8 byte
 * order mark is passed over.  "strict" refuses a member that stands twice,
 * at any level; else the last one counts, as in most clients.  No name and
 * no string holds NUL.  An integer beyond 64 bits becomes a string of its
 * digits: a number would round it, and two identities would be one.
 *
 * LEDGER_OK; LEDGER_MALFORMED: no JSON, or no object; LEDGER_REPEATED;
 * LEDGER_LIMIT: too deep; LEDGER_NOMEM.
 *
 * jansson's allocation functions, which are the process's, are replaced
 * meanwhile: no other thread may use jansson.
 */

LEDGER_MUST_USE ledger_rc_t ledger_json_load(ledger_slice_t text, int strict,
    json_t **root);


#pragma GCC visibility pop


#endif /* _LEDGER_JSON_H_INCLUDED_ */
