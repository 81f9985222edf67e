
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * Places: which slot a limit means, and what the store keeps of a slot.
 */

#ifndef _LEDGER_PLACE_H_INCLUDED_
#define _LEDGER_PLACE_H_INCLUDED_


#include "ledger.h"


#pragma GCC visibility push(hidden)


#define LEDGER_SLOT_ID_SIZE   16
#define LEDGER_ALIAS_ID_SIZE  16


/* SHA-256 over provider, keys and values in canonical order, truncated. */

typedef struct {
    unsigned char         bytes[LEDGER_SLOT_ID_SIZE];
} ledger_slot_id_t;


/* SHA-256 over provider and login with their lengths, truncated. */

typedef struct {
    unsigned char         bytes[LEDGER_ALIAS_ID_SIZE];
} ledger_alias_id_t;


/* One supersession between two different known owners (R7). */

typedef struct {
    ledger_ms_t           at;
    uint64_t              winner;        /* hash of the owner */
    uint64_t              loser;
    uint64_t              winner_id;     /* connection */
    uint64_t              loser_id;
} ledger_contest_t;


/* What the store keeps of a slot beside its members. */

typedef struct {
    ledger_ms_t           left_at;       /* by its last member; else 0 */
    uint32_t              n;             /* of the newest connect */
    uint32_t              count;         /* members */
    uint32_t              ncontests;
    ledger_contest_t      contests[LEDGER_CONTESTS_MAX];   /* oldest first */
} ledger_header_t;


/* 8 bytes, 2 * 4, 1, and 40 a contest */
#define LEDGER_HEADER_MAX  (17 + 40 * LEDGER_CONTESTS_MAX)


/*
 * ledger_place() names the slot of the limit with index "limit".  Neither n
 * nor the order in which keys were written is part of the name; the words of
 * a scope count as a set.
 *
 * LEDGER_OK; LEDGER_NOT_FOUND: an identity is unknown, so there is no slot;
 * LEDGER_NOMEM.
 */

LEDGER_MUST_USE ledger_rc_t ledger_place(
    const ledger_connection_t *connection, unsigned limit,
    ledger_slot_id_t *slot);

/* Whether every key of the limit has a value. */

unsigned ledger_place_known(const ledger_connection_t *connection,
    const ledger_limit_t *limit);

/* Also of a user.  LEDGER_OK; LEDGER_NOMEM. */

LEDGER_MUST_USE ledger_rc_t ledger_place_owner(ledger_slice_t owner,
    uint64_t *hash);

/*
 * Names the tenant of a connection, for its provider and client, and hashes
 * its user.
 *
 * LEDGER_OK; LEDGER_NOT_FOUND: client, user or tenant is unknown;
 * LEDGER_NOMEM.
 */

LEDGER_MUST_USE ledger_rc_t ledger_place_tenant(
    const ledger_connection_t *connection, ledger_slot_id_t *tenant,
    uint64_t *user);

/* Both are at most 65535 bytes long.  LEDGER_OK; LEDGER_NOMEM. */

LEDGER_MUST_USE ledger_rc_t ledger_place_alias(ledger_slice_t provider,
    ledger_slice_t login, ledger_alias_id_t *alias);

/* Hashes "size" bytes under a secret.  LEDGER_OK; LEDGER_NOMEM. */

LEDGER_MUST_USE ledger_rc_t ledger_place_salted(ledger_slice_t salt,
    const unsigned char *bytes, size_t size, ledger_token_id_t *name);

/* Forgets the oldest contest where there is no room. */

void ledger_header_contest(ledger_header_t *header,
    const ledger_contest_t *contest);

/*
 * R7: at least "contests" of them within "window" ms before "now", and one
 * owner who both won and lost.
 */

unsigned ledger_header_contested(const ledger_header_t *header,
    ledger_ms_t now, unsigned contests, uint64_t window);

/* "buf" takes LEDGER_HEADER_MAX bytes; the length is returned. */

size_t ledger_header_encode(const ledger_header_t *header,
    unsigned char *buf);

/* LEDGER_OK; LEDGER_CORRUPT. */

LEDGER_MUST_USE ledger_rc_t ledger_header_decode(const unsigned char *buf,
    size_t len, ledger_header_t *header);


#pragma GCC visibility pop


#endif /* _LEDGER_PLACE_H_INCLUDED_ */
