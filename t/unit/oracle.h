
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * The oracle: the rules of the ledger once more, in memory, with arrays and
 * linear search and nothing kept that can be worked out again.  It is slow
 * and simple, and was written from the rules, not from the ledger.
 */

#ifndef _ORACLE_H_INCLUDED_
#define _ORACLE_H_INCLUDED_


#include "ledger.h"


/* Texts of records given to the oracle stay below this. */
#define ORACLE_TEXT_SIZE  40

/* The same for kept answers. */
#define ORACLE_KEPT_SIZE  64


typedef struct oracle_s  oracle_t;


oracle_t *oracle_create(void);
void oracle_destroy(oracle_t *oracle);

/* As ledger_apply(); aborts the test program where memory ends. */

void oracle_apply(oracle_t *oracle, const ledger_record_t *records, size_t n,
    ledger_effects_t *effects);

/*
 * As ledger_judge() of one name.  Of the connection everything but its
 * limits, grant, address and agent is filled in.
 */

void oracle_judge(oracle_t *oracle, const ledger_token_id_t *id,
    ledger_ms_t now, ledger_judgement_t *judgement);

/* As ledger_kept(). */

ledger_rc_t oracle_kept(oracle_t *oracle, const ledger_token_id_t *presented,
    uint64_t before, ledger_ms_t now, ledger_kept_t *kept);

/* As ledger_alias(); the slices are the oracle's until the next record. */

ledger_rc_t oracle_alias(oracle_t *oracle, ledger_slice_t provider,
    ledger_slice_t login, ledger_identity_t *identity);

/* Whether a sweep would find anything but the log; the log is not here. */

int oracle_due(oracle_t *oracle, ledger_ms_t now, uint64_t retention);

/* As ledger_slot(), by the connection's id. */

ledger_rc_t oracle_slot(oracle_t *oracle, uint64_t connection,
    unsigned limit, ledger_ms_t now, unsigned contests, uint64_t window,
    ledger_slot_t *slot);

size_t oracle_connections(const oracle_t *oracle);
uint64_t oracle_connection_id(const oracle_t *oracle, size_t i);


#endif /* _ORACLE_H_INCLUDED_ */
