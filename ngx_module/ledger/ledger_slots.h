
/*
 * Copyright (C) The OAuth gateway authors
 */

#ifndef _LEDGER_SLOTS_H_INCLUDED_
#define _LEDGER_SLOTS_H_INCLUDED_


#include "ledger.h"
#include "ledger_place.h"


#pragma GCC visibility push(hidden)


/*
 * "fought" lists only slots where a supersession between two known owners
 * was, the latest first; "after" and "after_at" begin as the end of time.
 */

typedef struct {
    ledger_slot_id_t      after;         /* all zero: from the first */
    ledger_ms_t           after_at;      /* with "fought" only */
    ledger_ms_t           now;
    size_t                max;           /* >= 1 */
    unsigned              fought:1;
} ledger_slot_query_t;


/* A slot with at least one member, and one of them, encoded. */

typedef struct {
    ledger_slot_id_t      id;
    ledger_header_t       header;
    uint64_t              oldest;        /* live at "now"; 0: none */
    uint32_t              held;          /* the same, how many */
    unsigned              limit;         /* of that member: the slot's */
    unsigned char        *connection;
    size_t                len;
} ledger_slot_entry_t;


typedef struct {
    ledger_slot_entry_t  *elts;
    size_t                n;
    size_t                allocated;
    ledger_slot_id_t      next;          /* the next "after" */
    ledger_ms_t           next_at;
    unsigned              more:1;        /* "next" is set */
} ledger_slot_list_t;


/*
 * ledger_slots() lists slots.  "list" begins with all zero and ends with
 * ledger_slots_free(), also after a failure.  A slot that is there all the
 * time is in exactly one of the pages; with "fought" a new fight takes it to
 * the front again.  No more than LEDGER_LOOKS_MAX rows, and the members of
 * one slot, are read: a page may be short and still have a next.
 *
 * LEDGER_OK; LEDGER_CORRUPT; LEDGER_IO; LEDGER_NOMEM.
 */

LEDGER_MUST_USE ledger_rc_t ledger_slots(ledger_t *ledger,
    const ledger_slot_query_t *query, ledger_slot_list_t *list);

/* The member; its slices point into the entry.  LEDGER_OK; LEDGER_CORRUPT. */

LEDGER_MUST_USE ledger_rc_t ledger_slots_connection(
    const ledger_slot_entry_t *entry, ledger_connection_t *connection);
void ledger_slots_free(ledger_slot_list_t *list);


#pragma GCC visibility pop


#endif /* _LEDGER_SLOTS_H_INCLUDED_ */
