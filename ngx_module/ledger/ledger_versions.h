
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * The versions: what every process that has the store open knows about
 * changes before they are there, so that a look-up may be remembered and is
 * never answered from the past.
 *
 * A file "versions.map" beside the store is mapped and shared by all of
 * them.  It has LEDGER_VERSIONS buckets; a token has one by its id, and a
 * connection by its own.  A bucket holds the number of the last write
 * transaction that began to change a row in it.  LMDB numbers its write
 * transactions one after the other, gives the number of one that was not
 * committed to the next, and lets one at a time be.  Thus:
 *
 *  - A writer stores its number W in the bucket of each row before it
 *    changes the row, and so before its commit.  Only then can an answer be
 *    released that rests on the change.
 *  - A reader has a snapshot, that of the commit T.  It may remember a row
 *    with the version b of its bucket if b <= T: then nobody had begun to
 *    change the row after T, or the change of W > T will be seen by W in the
 *    bucket.
 *  - What is remembered with b holds as long as the bucket has b.  Whoever
 *    changes the row after T has a number above T, and so above b.
 *
 * A writer that dies or fails leaves W in buckets without a commit W.  Until
 * there is one, T < W: the rows of these buckets are read from the store and
 * not remembered.  The next writer is W again; nothing can have been
 * remembered with W before its commit.  So nothing has to be repaired.
 *
 * "announced" is the number of the last commit that began.  One that the
 * store has and nobody announced came from a process that does not know this
 * file, or has another one: an older version of the gateway that ends its
 * last requests, a tool, a file taken away from under a running gateway.
 * Then nothing that is remembered counts, until a writer that knows the file
 * finds the gap and puts all buckets on the commit before its own.  (Such a
 * commit goes unnoticed in one case: it took the number of a commit that was
 * killed between its announcement and its end.)
 *
 * The file tells nothing about tokens, holds nothing that a backup needs and
 * is made when it is not there; what an earlier life left in it, also with a
 * store put back from a backup, is right by the rules above.
 */

#ifndef _LEDGER_VERSIONS_H_INCLUDED_
#define _LEDGER_VERSIONS_H_INCLUDED_


#include <stdatomic.h>

#include "ledger_record.h"


#pragma GCC visibility push(hidden)


/*
 * 512 KB.  A commit of ten rows invalidates what it must and, by chance, one
 * entry of 3,000: at a hundred commits a second an entry lives for half a
 * minute.
 */
#define LEDGER_VERSIONS  65536


typedef struct {
    uint64_t          magic;
    _Atomic uint64_t  announced;
    uint64_t          spare[6];          /* the rest of a cache line */
    _Atomic uint64_t  buckets[LEDGER_VERSIONS];
} ledger_versions_t;


_Static_assert(sizeof(_Atomic uint64_t) == 8, "shared between processes");


/*
 * ledger_versions_open() maps the file of the store "path", and makes it if
 * need be.  NULL: it cannot be had, and nothing may be remembered.
 */

ledger_versions_t *ledger_versions_open(const char *path);
void ledger_versions_close(ledger_versions_t *versions);

/*
 * What a writer calls, in this order, while it has LMDB's lock; "txn" is the
 * number of its transaction.  ledger_versions_withdraw() comes after a
 * commit that left nothing.  All but _open() take NULL for "versions".
 */

void ledger_versions_begin(ledger_versions_t *versions, uint64_t txn);
void ledger_versions_touch(ledger_versions_t *versions, unsigned bucket,
    uint64_t txn);
void ledger_versions_announce(ledger_versions_t *versions, uint64_t txn);
void ledger_versions_withdraw(ledger_versions_t *versions, uint64_t txn);


static inline unsigned
ledger_versions_of_token(const ledger_token_id_t *id)
{
    /* it is a hash */
    return (unsigned) id->bytes[0] << 8 | id->bytes[1];
}


static inline unsigned
ledger_versions_of_connection(uint64_t id)
{
    return (unsigned) (id % LEDGER_VERSIONS);
}


static inline uint64_t
ledger_versions_get(ledger_versions_t *versions, unsigned bucket)
{
    return atomic_load_explicit(&versions->buckets[bucket],
                                memory_order_acquire);
}


/* Whether the store's last commit, and so each one before, was announced. */

static inline unsigned
ledger_versions_complete(ledger_versions_t *versions, uint64_t last)
{
    return last <= atomic_load_explicit(&versions->announced,
                                        memory_order_acquire);
}


#pragma GCC visibility pop


#endif /* _LEDGER_VERSIONS_H_INCLUDED_ */
