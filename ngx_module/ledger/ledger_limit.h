
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * Limits: their stored form, which records and connections share.
 */

#ifndef _LEDGER_LIMIT_H_INCLUDED_
#define _LEDGER_LIMIT_H_INCLUDED_


#include "ledger_base.h"
#include "ledger_cursor.h"
#include "ledger_record.h"


#pragma GCC visibility push(hidden)


/*
 * ledger_limits_check() holds "n" limits against their bounds.
 *
 * LEDGER_OK; LEDGER_LIMIT: a count, a number or a text beyond its bound;
 * LEDGER_MALFORMED: an unknown kind of key, a variable without a name.
 */

LEDGER_MUST_USE ledger_rc_t ledger_limits_check(const ledger_limit_t *limits,
    uint32_t n);

/* Writes limits that were checked. */

void ledger_limits_put(ledger_writer_t *w, const ledger_limit_t *limits,
    uint32_t n);

/*
 * Reads limits to "limits", which takes LEDGER_LIMITS_MAX, and returns their
 * number.  Whatever ledger_limits_check() would refuse fails the reader.
 */

uint32_t ledger_limits_take(ledger_reader_t *r, ledger_limit_t *limits);


#pragma GCC visibility pop


#endif /* _LEDGER_LIMIT_H_INCLUDED_ */
