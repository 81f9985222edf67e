
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * What the ledger's tests share: a store in a directory of its own, names of
 * tokens, and records with everything ordinary filled in.
 */

#ifndef _SCENE_H_INCLUDED_
#define _SCENE_H_INCLUDED_


#include "ledger.h"


#define SCENE_KEY   7
#define SCENE_DAY   86400000ull
#define SCENE_HOUR  3600000ull
#define SCENE_NOW   1700000000000ull


typedef struct {
    ledger_t           *ledger;
    ledger_options_t    options;
    uint32_t            key;
    ledger_effects_t    effects;         /* of the last scene_apply() */
    ledger_judgement_t  judgement;       /* of the last scene_judge() */
    char                path[64];
} scene_t;


/* Abort the test program if anything goes wrong. */

scene_t *scene_create(uint64_t max_size);
scene_t *scene_create_below(const char *directory, uint64_t max_size);
void scene_destroy(scene_t *scene);
void scene_close(scene_t *scene);
void scene_open(scene_t *scene);

/* As after scene_create(), in the same environment: that is much faster. */

void scene_empty(scene_t *scene);

/* Applies one record; its effects are in scene->effects. */

void scene_apply(scene_t *scene, const ledger_record_t *record);

/* How many effects of that kind the last record had. */

unsigned scene_effects(const scene_t *scene, ledger_effect_kind_t kind);

/* The first of them; NULL: none. */

const ledger_effect_t *scene_effect(const scene_t *scene,
    ledger_effect_kind_t kind);

/* The verdict; all else is in scene->judgement. */

unsigned scene_judge(scene_t *scene, const char *token, ledger_ms_t now);

/* That ledger_recall() and ledger_look() tell the same as "judgement". */

void scene_look(scene_t *scene, const ledger_token_id_t *id, ledger_ms_t now,
    const ledger_judgement_t *judgement);

/* The connection that a token belongs to; 0: unknown. */

uint64_t scene_owner(scene_t *scene, const char *token);

/*
 * All rows of all tables but the log as one hash, so that two stores can be
 * compared.
 */

uint64_t scene_dump(scene_t *scene, unsigned with_log);

/* Whether tables, lanes and counts of the store agree with each other. */

void scene_check(scene_t *scene);


ledger_slice_t scene_text(const char *text);

/* At most 16 characters. */

ledger_token_id_t scene_token(const char *text);

/*
 * A connect of "owner" as user "user" of client "c" at provider "p", which
 * left 5 ms before "at", with limit 1 per user and client.  "refresh" may be
 * NULL.
 */

ledger_record_t scene_connect(const char *owner, const char *user,
    const char *access, const char *refresh, ledger_ms_t at);

/* A refresh; "access" and "refresh" may be NULL. */

ledger_record_t scene_refresh(const char *presented, const char *access,
    const char *refresh, ledger_ms_t at);

void scene_add_token(ledger_record_t *record, const char *token,
    ledger_token_kind_t kind, ledger_ms_t expires_at);

/* Gives a refresh the answer "sealed" to be kept; its print is of "print". */

void scene_keep(ledger_record_t *record, const char *sealed, int print,
    ledger_ms_t until);

/* Gives an exchange the tokens "sealed" to lend; empty: none. */

void scene_lend(ledger_record_t *record, const char *sealed, int accepted);
void scene_limit(ledger_record_t *record, unsigned limit, unsigned n,
    ledger_limit_key_kind_t one, ledger_limit_key_kind_t two);

ledger_record_t scene_answer(uint64_t connection, const char *token,
    unsigned alive, ledger_ms_t sent_at);
ledger_record_t scene_refusal(const char *presented, ledger_ms_t sent_at);
ledger_record_t scene_revocation(const char *token, unsigned whole,
    ledger_ms_t at);
ledger_record_t scene_binding(uint64_t connection, const char *user,
    const char *tenant, ledger_ms_t at);

/* LEDGER_USE, LEDGER_RELEASE or LEDGER_REINSTATE. */

ledger_record_t scene_order(ledger_record_kind_t kind, uint64_t connection,
    ledger_ms_t at);
ledger_record_t scene_sweep(ledger_ms_t at, uint64_t retention, uint32_t max);


#endif /* _SCENE_H_INCLUDED_ */
