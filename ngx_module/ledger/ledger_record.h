
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * Records: the only input of the ledger.  A record holds everything that
 * its effect depends on, so that the same records in the same order give
 * the same state on any machine, whatever that machine's configuration is.
 */

#ifndef _LEDGER_RECORD_H_INCLUDED_
#define _LEDGER_RECORD_H_INCLUDED_


#include "ledger_base.h"


#pragma GCC visibility push(hidden)


#define LEDGER_TOKEN_ID_SIZE  16

/* SHA-256 */
#define LEDGER_PRINT_SIZE     32

/* 128 bits of HMAC-SHA-256 */
#define LEDGER_CLIENT_SIZE    16


/*
 * The name of a token: HMAC-SHA-256 of its text under a key of the ring,
 * truncated.  The text itself is never stored.
 */

typedef struct {
    unsigned char         bytes[LEDGER_TOKEN_ID_SIZE];
} ledger_token_id_t;


typedef enum {
    LEDGER_ACCESS = 1,
    LEDGER_REFRESH
} ledger_token_kind_t;


typedef struct {
    ledger_token_id_t     id;
    ledger_ms_t           expires_at;    /* 0: unknown */
    uint32_t              key;           /* id of the key that named it */
    uint8_t               kind;          /* ledger_token_kind_t */
} ledger_token_t;


typedef enum {
    LEDGER_KEY_USER = 1,
    LEDGER_KEY_TENANT,
    LEDGER_KEY_CLIENT,
    LEDGER_KEY_SCOPE,
    LEDGER_KEY_VARIABLE
} ledger_limit_key_kind_t;


/*
 * One key of a limit.  Of user, tenant, client and scope the value is the
 * connection's own; a variable brings name and value.  A user, tenant,
 * client or variable without a value is unknown: the slot is not entered.
 * No scope is a scope like another.
 */

typedef struct {
    ledger_slice_t        name;          /* LEDGER_KEY_VARIABLE only */
    ledger_slice_t        value;         /* LEDGER_KEY_VARIABLE only */
    uint8_t               kind;          /* ledger_limit_key_kind_t */
} ledger_limit_key_t;


typedef struct {
    uint32_t              n;             /* 1 to LEDGER_LIMIT_N_MAX */
    uint32_t              nkeys;         /* 1 to LEDGER_LIMIT_KEYS_MAX */
    ledger_limit_key_t    keys[LEDGER_LIMIT_KEYS_MAX];
} ledger_limit_t;


/* An exchange that the provider answered with tokens (R1 to R6). */

typedef struct {
    ledger_slice_t        provider;      /* never empty */
    ledger_slice_t        client;        /* empty: unknown, and so below */
    ledger_slice_t        user;
    ledger_slice_t        tenant;
    ledger_slice_t        login;
    ledger_slice_t        owner;
    ledger_slice_t        grant;
    ledger_slice_t        scope;
    ledger_slice_t        address;       /* opened_from */
    ledger_slice_t        agent;

    ledger_ms_t           sent_at;       /* request left for the provider */
    ledger_ms_t           arrived_at;    /* answer was here; >= sent_at */
    ledger_ms_t           issued_at;     /* provider's word; 0: none */
    ledger_ms_t           refresh_expires_at;  /* 0: unknown */
    uint64_t              idle;          /* ms; 0: never ends by disuse */

    ledger_token_id_t     presented;     /* refresh grant: token presented */
    ledger_token_t        tokens[LEDGER_TOKENS_MAX];
    ledger_limit_t        limits[LEDGER_LIMITS_MAX];
    uint32_t              ntokens;       /* at least 1 */
    uint32_t              nlimits;

    ledger_slice_t        kept;          /* the sealed answer, for replays of
                                            a refresh; empty: none */
    ledger_ms_t           kept_until;
    unsigned char         print[LEDGER_PRINT_SIZE];  /* fingerprint of the
                                            request: who may have it again */

    ledger_slice_t        lent;          /* the tokens, sealed, to be lent to
                                            other connections; empty: none */
    uint32_t              accepted_key;  /* id of the key that "accepted" is
                                            under; 0: it is not set */
    unsigned char         accepted[LEDGER_CLIENT_SIZE];  /* fingerprint of the
                                            client authentication */

    unsigned              refresh:1;     /* "presented" is set */
    unsigned              narrowed:1;    /* its access token is good for less
                                            than the connection is */
    unsigned              exempt:1;      /* enters no slot, kept one day */
    unsigned              refresh_ends_access:1;
} ledger_exchange_t;


/* A user or tenant became known (R8); an empty value says nothing. */

typedef struct {
    uint64_t              connection;
    ledger_slice_t        user;
    ledger_slice_t        tenant;
} ledger_binding_t;


/* What the provider said to a call with an access token (R1, R10). */

typedef struct {
    uint64_t              connection;
    ledger_token_id_t     token;
    ledger_ms_t           sent_at;
    unsigned              alive:1;       /* 0: "this token is dead" */
} ledger_answer_t;


/* The provider answered invalid_grant to a refresh of this token (R10). */

typedef struct {
    ledger_token_id_t     presented;
    ledger_ms_t           sent_at;
} ledger_refusal_t;


/* The provider confirmed a revocation (RFC 7009). */

typedef struct {
    ledger_token_id_t     token;
    unsigned              whole:1;       /* the connection; else the token */
} ledger_revocation_t;


/* A call was made with the connection's token: it is in use (R9). */

typedef struct {
    uint64_t              connection;
} ledger_use_t;


/* An operator's word: release ends a connection here, reinstate revives. */

typedef struct {
    uint64_t              connection;
} ledger_order_t;


/* Time passes: ends what is due, deletes what is past its retention (R9). */

typedef struct {
    uint64_t              retention;     /* ms */
    uint32_t              max;           /* rows to look at; >= 1 */
} ledger_sweep_t;


/* What an event tells.  The numbers are stored. */

typedef enum {
    LEDGER_EVENT_CONNECTED = 1,
    LEDGER_EVENT_REFRESHED,
    LEDGER_EVENT_REPLAYED,
    LEDGER_EVENT_JOINED,
    LEDGER_EVENT_SUPERSEDED,
    LEDGER_EVENT_REJECTED,
    LEDGER_EVENT_FLAGGED,
    LEDGER_EVENT_HEALED,
    LEDGER_EVENT_REVOKED,
    LEDGER_EVENT_RELEASED,
    LEDGER_EVENT_REINSTATED,
    LEDGER_EVENT_BROKEN,
    LEDGER_EVENT_REPAIRED,
    LEDGER_EVENT_EXPIRED,
    LEDGER_EVENT_CONTRADICTED,
    LEDGER_EVENT_CONTESTED,
    LEDGER_EVENT_BOUND,
    LEDGER_EVENT_UNRECORDED,
    LEDGER_EVENT_TAKEOVER_REJECTED,
    LEDGER_EVENTS
} ledger_event_kind_t;


/*
 * Something that happened and changed no state, for the events alone: one
 * of replayed, joined, rejected, flagged, healed, contested, unrecorded and
 * takeover_rejected.  It leaves no trace in the log.
 */

typedef struct {
    uint64_t              connection;    /* 0: none */
    uint64_t              other;         /* 0: none */
    ledger_slice_t        provider;      /* of one that names no connection */
    ledger_slice_t        owner;         /* who asked; empty: unknown */
    uint32_t              count;         /* how often it happened; >= 1 */
    uint8_t               event;         /* ledger_event_kind_t */
} ledger_note_t;


typedef enum {
    LEDGER_EXCHANGE = 1,
    LEDGER_BINDING,
    LEDGER_ANSWER,
    LEDGER_REFUSAL,
    LEDGER_REVOCATION,
    LEDGER_USE,
    LEDGER_RELEASE,
    LEDGER_REINSTATE,
    LEDGER_SWEEP,
    LEDGER_NOTE
} ledger_record_kind_t;


typedef struct {
    ledger_ms_t           at;            /* when it was written */
    uint8_t               kind;          /* ledger_record_kind_t */

    union {
        ledger_exchange_t    exchange;
        ledger_binding_t     binding;
        ledger_answer_t      answer;
        ledger_refusal_t     refusal;
        ledger_revocation_t  revocation;
        ledger_use_t         use;
        ledger_order_t       order;      /* release, reinstate */
        ledger_sweep_t       sweep;
        ledger_note_t        note;
    } u;
} ledger_record_t;


/*
 * ledger_record_encode() writes the stored form of "record" to "buf" and
 * its length to "len".  The form begins with a version byte: 3 for an
 * exchange with "accepted_key", 2 for another with a kept answer, else 1.
 * Without "kept" neither "kept_until" nor "print" is written.
 *
 * LEDGER_OK; LEDGER_LIMIT: a field beyond its bound, or "size" too small
 * (LEDGER_RECORD_MAX always suffices for fields within their bounds);
 * LEDGER_MALFORMED: an unknown kind, no provider, no token, arrival before
 * sending, a kept answer of another grant than refresh, tokens to be lent
 * without "accepted_key", a note of an event that is none.
 */

LEDGER_MUST_USE ledger_rc_t ledger_record_encode(
    const ledger_record_t *record, unsigned char *buf, size_t size,
    size_t *len);

/*
 * The same without the kept answer and what is lent, for the log: that stays
 * for the whole retention, and they must not.  LEDGER_CONNECTION_MAX
 * suffices.
 */

LEDGER_MUST_USE ledger_rc_t ledger_record_encode_log(
    const ledger_record_t *record, unsigned char *buf, size_t size,
    size_t *len);

/*
 * ledger_record_decode() reads one record back.  Its slices point into
 * "buf" and live as long.  Everything is checked as input is: version,
 * kinds, bounds, lengths, no bytes left over.
 *
 * LEDGER_OK; LEDGER_VERSION: a newer form; LEDGER_CORRUPT.
 */

LEDGER_MUST_USE ledger_rc_t ledger_record_decode(const unsigned char *buf,
    size_t len, ledger_record_t *record);


#pragma GCC visibility pop


#endif /* _LEDGER_RECORD_H_INCLUDED_ */
