
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * The judgement itself, apart from where the rows come from.
 */

#ifndef _LEDGER_JUDGE_H_INCLUDED_
#define _LEDGER_JUDGE_H_INCLUDED_


#include "ledger_store.h"


#pragma GCC visibility push(hidden)


/* All that a judgement of "id" rests on, but the time and "encoded". */

void ledger_judge_rows(const ledger_token_id_t *id, const ledger_row_t *row,
    const ledger_connection_t *connection, ledger_look_t *look);

/* From that alone, and the time. */

ledger_verdict_t ledger_judge_verdict(const ledger_look_t *look,
    ledger_ms_t now);


#pragma GCC visibility pop


#endif /* _LEDGER_JUDGE_H_INCLUDED_ */
