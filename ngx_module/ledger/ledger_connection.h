
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * The stored form of a connection, and what follows from its fields alone.
 */

#ifndef _LEDGER_CONNECTION_H_INCLUDED_
#define _LEDGER_CONNECTION_H_INCLUDED_


#include "ledger.h"


#pragma GCC visibility push(hidden)


/*
 * ledger_connection_encode() writes the stored form to "buf", which takes
 * LEDGER_CONNECTION_MAX bytes, and its length to "len".
 *
 * LEDGER_OK; LEDGER_LIMIT: a field beyond its bound; LEDGER_MALFORMED: a
 * connection that cannot be (no id, no provider, an unknown state, live and
 * ended at once).
 */

LEDGER_MUST_USE ledger_rc_t ledger_connection_encode(
    const ledger_connection_t *connection, unsigned char *buf, size_t *len);

/*
 * ledger_connection_decode() reads it back.  Slices point into "buf" and
 * live as long.  Everything is checked as input is.
 *
 * LEDGER_OK; LEDGER_VERSION: a newer form; LEDGER_CORRUPT.
 */

LEDGER_MUST_USE ledger_rc_t ledger_connection_decode(
    const unsigned char *buf, size_t len, ledger_connection_t *connection);

/* Whether a live connection is past its end at "now". */

unsigned ledger_connection_over(const ledger_connection_t *connection,
    ledger_ms_t now);

/*
 * Whether what we know of two openings leaves open which of them the
 * provider kept (R1): their exchanges overlapped, and no two different issue
 * times decide.  Adopted connections are older than any opening.
 */

unsigned ledger_connection_undecided(const ledger_connection_t *one,
    const ledger_connection_t *two);

/*
 * Whether the provider accepted an exchange of "loser" after "winner" had
 * been opened: then it was not "winner" who ended it.
 */

unsigned ledger_connection_outlived(const ledger_connection_t *loser,
    const ledger_connection_t *winner);

/* Whether "one" and "two" are the same known owner connecting again (R6). */

unsigned ledger_connection_reconnect(const ledger_connection_t *one,
    const ledger_connection_t *two);

/*
 * Whether a refresh with that token may get its answer again: it is the
 * current refresh token, or the one that this replaced.
 */

unsigned ledger_connection_replays(const ledger_connection_t *connection,
    const ledger_token_id_t *id);

/*
 * Whether "scope" has all words of "wanted" (RFC 6749, 3.3: in any order,
 * one space or more between them).  An unknown scope covers an unknown one
 * only.
 */

unsigned ledger_scope_covers(ledger_slice_t scope, ledger_slice_t wanted);

unsigned ledger_token_id_equal(const ledger_token_id_t *one,
    const ledger_token_id_t *two);
unsigned ledger_slice_equal(ledger_slice_t one, ledger_slice_t two);

/* "time" + "span"; the end of time instead of an overflow. */

ledger_ms_t ledger_ms_after(ledger_ms_t time, uint64_t span);


#pragma GCC visibility pop


#endif /* _LEDGER_CONNECTION_H_INCLUDED_ */
