
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * The work of one ledger_apply(): the state that a batch is building, and
 * the moves that all rules are made of.  Every move that changes a row says
 * so in "changed".
 */

#ifndef _LEDGER_WORK_H_INCLUDED_
#define _LEDGER_WORK_H_INCLUDED_


#include "ledger.h"
#include "ledger_store.h"


#pragma GCC visibility push(hidden)


/* Names of the numbers in the table "meta". */

#define LEDGER_NAME_SEQUENCE  "sequence"     /* the next one */
#define LEDGER_NAME_KEY       "key"          /* the last that named a token */
#define LEDGER_NAME_EVENT     "event"        /* the next one's number */


/* R9: exempt grants and their tokens stay one day after their end. */
#define LEDGER_EXEMPT_RETENTION  86400000


/*
 * A connection in hand.  "buf" holds what its slices point to, unless they
 * point into the record.
 */

typedef struct {
    ledger_connection_t   c;
    ledger_ms_t           due_at;
    uint8_t               due_lane;      /* as stored; 0: not stored */
    uint8_t               counted;       /* the state as stored; 0: none is */
    unsigned char         buf[LEDGER_CONNECTION_MAX];
} ledger_held_t;


typedef struct ledger_work_s {
    ledger_view_t           view;
    ledger_effects_t       *effects;
    const ledger_record_t  *record;
    uint64_t                sequence;    /* of this record, if it changes */
    uint64_t                key;         /* the last that named a token */
    uint64_t                event;       /* number of the next one */
    ledger_ms_t             now;         /* the record's own time */
    uint32_t                index;       /* of the record in its batch */
    unsigned                changed:1;
    unsigned                newcomer:1;  /* the subject's user, in its tenant;
                                            see ledger_tenant.h */

    ledger_held_t           subject;     /* whom the record is about */
    ledger_held_t           other;       /* whom it meets in a slot */
    ledger_held_t           stored;      /* a connection as it was */

    unsigned char           encoded[LEDGER_CONNECTION_MAX];  /* for the log */
    unsigned char           scratch[LEDGER_RECORD_MAX];
} ledger_work_t;


/* LEDGER_OK; LEDGER_NOMEM.  NULL may be destroyed. */

LEDGER_MUST_USE ledger_rc_t ledger_work_create(ledger_work_t **work);
void ledger_work_destroy(ledger_work_t *work);


/*
 * All below return LEDGER_OK or what the store returned, those that look
 * something up also LEDGER_NOT_FOUND.
 */

LEDGER_MUST_USE ledger_rc_t ledger_work_effect(ledger_work_t *work,
    ledger_effect_kind_t kind, uint64_t connection, uint64_t other,
    unsigned limit);

LEDGER_MUST_USE ledger_rc_t ledger_work_push(ledger_work_t *work,
    const ledger_effect_t *effect);

LEDGER_MUST_USE ledger_rc_t ledger_work_load(ledger_work_t *work,
    uint64_t id, ledger_held_t *held);

/* Writes the connection and moves its row in the lanes. */

LEDGER_MUST_USE ledger_rc_t ledger_work_save(ledger_work_t *work,
    ledger_held_t *held);
LEDGER_MUST_USE ledger_rc_t ledger_work_delete(ledger_work_t *work,
    ledger_held_t *held);

/* "old" is the row as it is stored; NULL: none is. */

LEDGER_MUST_USE ledger_rc_t ledger_work_save_token(ledger_work_t *work,
    const ledger_token_id_t *id, const ledger_row_t *old,
    const ledger_row_t *row);
LEDGER_MUST_USE ledger_rc_t ledger_work_delete_token(ledger_work_t *work,
    const ledger_token_id_t *id, const ledger_row_t *old);

/* When a sweep has to look at the token: at its end, else a retention on. */

ledger_ms_t ledger_work_token_due(const ledger_row_t *row, ledger_ms_t now);


/* The rules, one function for each kind of record. */

LEDGER_MUST_USE ledger_rc_t ledger_apply_exchange(ledger_work_t *work);
LEDGER_MUST_USE ledger_rc_t ledger_apply_binding(ledger_work_t *work);
LEDGER_MUST_USE ledger_rc_t ledger_apply_answer(ledger_work_t *work);
LEDGER_MUST_USE ledger_rc_t ledger_apply_refusal(ledger_work_t *work);
LEDGER_MUST_USE ledger_rc_t ledger_apply_revocation(ledger_work_t *work);
LEDGER_MUST_USE ledger_rc_t ledger_apply_use(ledger_work_t *work);
LEDGER_MUST_USE ledger_rc_t ledger_apply_release(ledger_work_t *work);
LEDGER_MUST_USE ledger_rc_t ledger_apply_reinstate(ledger_work_t *work);
LEDGER_MUST_USE ledger_rc_t ledger_apply_sweep(ledger_work_t *work);
LEDGER_MUST_USE ledger_rc_t ledger_apply_note(ledger_work_t *work);


#pragma GCC visibility pop


#endif /* _LEDGER_WORK_H_INCLUDED_ */
