
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * The connections that stores of the bench are made of.  Connection i belongs
 * to "user-i", "tenant-(i / 4)", "owner-(i % 64)" and one of 8 clients of
 * provider "bench", under "limit 1 per user client", and has the tokens
 * "at-fill-i" and "rt-fill-i".  Each sixteenth is a second one of the user
 * before it.
 */

#ifndef _BENCH_RECORD_H_INCLUDED_
#define _BENCH_RECORD_H_INCLUDED_


#include "ledger_keyring.h"
#include "ledger_record.h"


#define BENCH_DAY  ((uint64_t) 86400 * 1000)


/* The texts of one record, which points to them. */

typedef struct {
    char  user[32];
    char  tenant[32];
    char  owner[32];
    char  client[32];
} bench_names_t;


/* The exchange that opens connection i at "at". */

void bench_record(ledger_record_t *record, bench_names_t *names,
    ledger_keyring_t *keys, uint64_t i, ledger_ms_t at);

/* Adds the token "KIND-fill-i" to an exchange; its kind and end are open. */

void bench_token(ledger_exchange_t *x, ledger_keyring_t *keys,
    const char *kind, uint64_t i);


#endif /* _BENCH_RECORD_H_INCLUDED_ */
