
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * What the programs of bench/ share.  Whatever fails ends the program, with
 * a line that begins with its name.
 */

#ifndef _BENCH_STORE_H_INCLUDED_
#define _BENCH_STORE_H_INCLUDED_


#include "ledger.h"
#include "ledger_keyring.h"


/* The keys of a file; to be freed with ledger_keyring_free(). */

ledger_keyring_t *bench_keys(const char *path);

/* How a store is opened. */

#define BENCH_CREATE  0x01               /* made, if it is not there */
#define BENCH_SYNC    0x02               /* its commits are durable */

ledger_t *bench_store(const char *path, ledger_keyring_t *keys,
    unsigned how);

void bench_fail(const char *what, const char *path);

/* Microseconds, monotonic; and to sort them with qsort(). */

double bench_now(void);
int bench_compare(const void *one, const void *two);


#endif /* _BENCH_STORE_H_INCLUDED_ */
