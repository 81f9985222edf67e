
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * SipHash-2-4 with 128 bits of output (Aumasson and Bernstein, 2012): a
 * keyed hash for short inputs, whose values nobody can choose or foresee who
 * does not know the key.
 */

#ifndef _LEDGER_SIPHASH_H_INCLUDED_
#define _LEDGER_SIPHASH_H_INCLUDED_


#include "ledger_base.h"


#pragma GCC visibility push(hidden)


typedef struct {
    uint64_t  low;
    uint64_t  high;
} ledger_siphash_t;


/* "key" as two little-endian halves of the 16 bytes. */

ledger_siphash_t ledger_siphash(const uint64_t key[2], ledger_slice_t text);


#pragma GCC visibility pop


#endif /* _LEDGER_SIPHASH_H_INCLUDED_ */
