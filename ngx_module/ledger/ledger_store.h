
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * The store: tables in one LMDB environment, typed get and put, nothing of
 * the rules.  What is read back is checked before it is handed out.
 *
 *   meta         name             -> number
 *   tokens       token id         -> ledger_row_t
 *   connections  id               -> encoded connection
 *   slots        slot id          -> ledger_header_t
 *   members      slot, age, id    -> nothing; live connections of a slot
 *   broken       slot, age, id    -> nothing; broken ones that had been in it
 *   due          lane, time, connection, id of token, slot or alias,
 *                number of a kept answer
 *                             -> nothing
 *   log          sequence         -> encoded record
 *   kept         token id, number -> ledger_kept_row_t
 *   aliases      alias id         -> ledger_alias_row_t
 *   tenants      tenant, hash of user, id  -> nothing; live connections
 *   events       number           -> encoded event
 *   counts       provider         -> ledger_count_t
 *   contested    time of its last contest, slot -> provider
 *   marks        kind, value, connection   -> nothing; see ledger_index.h
 *   lent         id               -> ledger_lent_row_t
 *   stories      connection, number of an event  -> nothing
 */

#ifndef _LEDGER_STORE_H_INCLUDED_
#define _LEDGER_STORE_H_INCLUDED_


#include <pthread.h>
#include <stdatomic.h>

#include <lmdb.h>

#include "ledger.h"
#include "ledger_place.h"
#include "ledger_versions.h"


#pragma GCC visibility push(hidden)


typedef enum {
    LEDGER_META = 0,
    LEDGER_TOKENS,
    LEDGER_CONNECTIONS,
    LEDGER_SLOTS,
    LEDGER_MEMBERS,
    LEDGER_BROKEN_MEMBERS,
    LEDGER_DUE,
    LEDGER_LOG,
    LEDGER_KEPT,
    LEDGER_ALIASES,
    LEDGER_TENANTS,
    LEDGER_HISTORY,
    LEDGER_COUNTS,
    LEDGER_CONTESTED,
    LEDGER_INDEX,
    LEDGER_LENT,
    LEDGER_STORIES,
    LEDGER_TABLES
} ledger_table_t;


struct ledger_s {
    MDB_env              *env;
    MDB_txn              *reader;        /* reset between look-ups */
    struct ledger_work_s *work;          /* scratch of ledger_apply() */
    struct ledger_cache_s *cache;        /* of the look-ups' thread */
    ledger_versions_t    *versions;      /* NULL: nothing is remembered */
    MDB_dbi               tables[LEDGER_TABLES];

    pthread_mutex_t       writing;       /* held while a write runs */
    atomic_int            reading;       /* a look-up is under way */
    atomic_int            resizing;      /* the map is about to move */
};


/* One transaction; lives inside one call. */

typedef struct {
    ledger_t             *ledger;
    MDB_txn              *txn;
} ledger_view_t;


typedef struct {
    uint64_t              connection;
    uint64_t              sequence;      /* of its last issue */
    ledger_ms_t           expires_at;    /* 0: unknown */
    ledger_ms_t           rotated_at;    /* 0: not rotated */
    ledger_ms_t           due_at;        /* its time in the lane of tokens */
    uint32_t              key;
    uint8_t               kind;          /* ledger_token_kind_t */
    unsigned              dead:1;        /* R10 */
    unsigned              revoked:1;     /* that token alone */
    unsigned              exempt:1;      /* its connection is */
} ledger_row_t;


/*
 * An answer kept for the refresh token that was presented.  Its number is
 * the sequence of its exchange; 0, which stands in no key, is that of an
 * older store, which kept one for each token.
 */

typedef struct {
    uint64_t              number;
    uint64_t              connection;
    ledger_ms_t           stored_at;
    ledger_ms_t           until;
    uint32_t              ntokens;
    ledger_token_id_t     tokens[LEDGER_TOKENS_MAX];   /* in the answer */
    unsigned char         print[LEDGER_PRINT_SIZE];
    ledger_slice_t        sealed;
} ledger_kept_row_t;


/* Whom a login turned out to be. */

typedef struct {
    ledger_ms_t           seen_at;
    ledger_slice_t        user;
    ledger_slice_t        tenant;        /* empty: unknown */
} ledger_alias_row_t;


/*
 * The client authentication that the provider accepted for a connection, and
 * while that lives, its current tokens.
 */

typedef struct {
    ledger_ms_t           stored_at;     /* when the tokens arrived */
    ledger_ms_t           expires_at;    /* of the access token; 0: unknown */
    uint32_t              key;           /* that "accepted" is under */
    unsigned char         accepted[LEDGER_CLIENT_SIZE];
    ledger_token_id_t     access;
    ledger_token_id_t     refresh;
    ledger_slice_t        sealed;        /* empty: nothing is lent */
    unsigned              has_access:1;  /* "access" is good for all that the
                                            connection is good for */
    unsigned              has_refresh:1;
} ledger_lent_row_t;


typedef struct {
    ledger_ms_t           age;
    uint64_t              id;
} ledger_member_t;


/* What a list of connections can be filtered by; the numbers are stored. */

typedef enum {
    LEDGER_MARK_PROVIDER = 1,
    LEDGER_MARK_CLIENT,
    LEDGER_MARK_USER,
    LEDGER_MARK_TENANT,
    LEDGER_MARK_OWNER,
    LEDGER_MARK_STATE,
    LEDGER_MARKS
} ledger_mark_kind_t;


typedef struct {
    ledger_slice_t        value;         /* at most LEDGER_IDENTITY_MAX */
    uint64_t              connection;
    uint8_t               kind;          /* ledger_mark_kind_t */
} ledger_mark_t;


/*
 * Lanes.  A sweep begins with kept answers, which are secret, and then works
 * through the others in their order; the numbers are stored.
 */

typedef enum {
    LEDGER_LANE_LIVE = 1,                /* a live connection's end */
    LEDGER_LANE_ENDED,                   /* an ended connection's end */
    LEDGER_LANE_ENDED_EXEMPT,
    LEDGER_LANE_TOKEN,                   /* a token is to be looked at */
    LEDGER_LANE_TOKEN_EXEMPT,
    LEDGER_LANE_SLOT,                    /* when a slot became empty */
    LEDGER_LANE_KEPT,                    /* when a kept answer is over */
    LEDGER_LANE_ALIAS,                   /* when an alias was seen */
    LEDGER_LANES
} ledger_lane_t;


typedef struct {
    ledger_ms_t           at;
    uint64_t              connection;    /* 0: of a slot or an alias */
    uint64_t              number;        /* of a kept answer, else 0 */
    unsigned char         id[16];        /* not of a connection, else 0 */
    uint8_t               lane;
} ledger_due_t;


/*
 * Unless said otherwise the functions below return LEDGER_OK, or one of
 * LEDGER_FULL, LEDGER_IO, LEDGER_CORRUPT, LEDGER_NOMEM; those that get
 * something also LEDGER_NOT_FOUND.
 */

/* Reads: one thread at a time; no allocation, no system call. */

LEDGER_MUST_USE ledger_rc_t ledger_store_read(ledger_t *ledger,
    ledger_view_t *view);
void ledger_store_read_end(ledger_view_t *view);

/* Writes: one thread at a time; ends with commit or abort. */

LEDGER_MUST_USE ledger_rc_t ledger_store_write(ledger_t *ledger,
    ledger_view_t *view);
LEDGER_MUST_USE ledger_rc_t ledger_store_commit(ledger_view_t *view);
void ledger_store_abort(ledger_view_t *view);

/* A stale reader pins pages for ever; removes those of dead processes. */

void ledger_store_check_readers(ledger_t *ledger);


/* Takes "size" bytes of room, or gives it back with 0. */

LEDGER_MUST_USE ledger_rc_t ledger_store_room(ledger_view_t *view,
    size_t size);

LEDGER_MUST_USE ledger_rc_t ledger_store_number(ledger_view_t *view,
    const char *name, uint64_t *value);
LEDGER_MUST_USE ledger_rc_t ledger_store_set_number(ledger_view_t *view,
    const char *name, uint64_t value);

LEDGER_MUST_USE ledger_rc_t ledger_store_token(ledger_view_t *view,
    const ledger_token_id_t *id, ledger_row_t *row);
LEDGER_MUST_USE ledger_rc_t ledger_store_put_token(ledger_view_t *view,
    const ledger_token_id_t *id, const ledger_row_t *row);
LEDGER_MUST_USE ledger_rc_t ledger_store_delete_token(ledger_view_t *view,
    const ledger_token_id_t *id);

/* The encoded form; it lives in the map until the next write or the end. */

LEDGER_MUST_USE ledger_rc_t ledger_store_connection(ledger_view_t *view,
    uint64_t id, ledger_slice_t *encoded);
/* The same decoded: its slices live as long.  A newer form is corrupt. */

LEDGER_MUST_USE ledger_rc_t ledger_store_decoded(ledger_view_t *view,
    uint64_t id, ledger_connection_t *connection);
LEDGER_MUST_USE ledger_rc_t ledger_store_put_connection(ledger_view_t *view,
    uint64_t id, ledger_slice_t encoded);
LEDGER_MUST_USE ledger_rc_t ledger_store_delete_connection(
    ledger_view_t *view, uint64_t id);

LEDGER_MUST_USE ledger_rc_t ledger_store_slot(ledger_view_t *view,
    const ledger_slot_id_t *slot, ledger_header_t *header);
LEDGER_MUST_USE ledger_rc_t ledger_store_put_slot(ledger_view_t *view,
    const ledger_slot_id_t *slot, const ledger_header_t *header);
LEDGER_MUST_USE ledger_rc_t ledger_store_delete_slot(ledger_view_t *view,
    const ledger_slot_id_t *slot);

/*
 * "table" is LEDGER_MEMBERS, LEDGER_BROKEN_MEMBERS or LEDGER_TENANTS; in the
 * last the place of the slot is that of a tenant, and that of the age the
 * hash of a user.  Adding one that is there and deleting one that is not
 * leave *changed 0.
 */

LEDGER_MUST_USE ledger_rc_t ledger_store_add_member(ledger_view_t *view,
    ledger_table_t table, const ledger_slot_id_t *slot,
    const ledger_member_t *member, unsigned *changed);
LEDGER_MUST_USE ledger_rc_t ledger_store_delete_member(ledger_view_t *view,
    ledger_table_t table, const ledger_slot_id_t *slot,
    const ledger_member_t *member, unsigned *changed);

/* The first member at or after "from", by age and then id. */

LEDGER_MUST_USE ledger_rc_t ledger_store_member(ledger_view_t *view,
    ledger_table_t table, const ledger_slot_id_t *slot,
    const ledger_member_t *from, ledger_member_t *member);

/* The last member before "before". */

LEDGER_MUST_USE ledger_rc_t ledger_store_member_before(ledger_view_t *view,
    ledger_table_t table, const ledger_slot_id_t *slot,
    const ledger_member_t *before, ledger_member_t *member);

LEDGER_MUST_USE ledger_rc_t ledger_store_put_due(ledger_view_t *view,
    const ledger_due_t *due);
LEDGER_MUST_USE ledger_rc_t ledger_store_delete_due(ledger_view_t *view,
    const ledger_due_t *due);

/* The earliest of its lane. */

LEDGER_MUST_USE ledger_rc_t ledger_store_due(ledger_view_t *view,
    ledger_lane_t lane, ledger_due_t *due);

/*
 * The last row of "presented" with a number below "before".  Its "sealed"
 * lives in the map until the next write or the end.
 */

LEDGER_MUST_USE ledger_rc_t ledger_store_kept(ledger_view_t *view,
    const ledger_token_id_t *presented, uint64_t before,
    ledger_kept_row_t *row);

/* "buf" is scratch of LEDGER_RECORD_MAX bytes. */

LEDGER_MUST_USE ledger_rc_t ledger_store_put_kept(ledger_view_t *view,
    const ledger_token_id_t *presented, const ledger_kept_row_t *row,
    unsigned char *buf);
LEDGER_MUST_USE ledger_rc_t ledger_store_delete_kept(ledger_view_t *view,
    const ledger_token_id_t *presented, uint64_t number);

/* As with kept rows; "connection" is the key. */

LEDGER_MUST_USE ledger_rc_t ledger_store_lent(ledger_view_t *view,
    uint64_t connection, ledger_lent_row_t *row);
LEDGER_MUST_USE ledger_rc_t ledger_store_put_lent(ledger_view_t *view,
    uint64_t connection, const ledger_lent_row_t *row, unsigned char *buf);
LEDGER_MUST_USE ledger_rc_t ledger_store_delete_lent(ledger_view_t *view,
    uint64_t connection);

/* The row's slices live in the map until the next write or the end. */

LEDGER_MUST_USE ledger_rc_t ledger_store_alias(ledger_view_t *view,
    const ledger_alias_id_t *alias, ledger_alias_row_t *row);
LEDGER_MUST_USE ledger_rc_t ledger_store_put_alias(ledger_view_t *view,
    const ledger_alias_id_t *alias, const ledger_alias_row_t *row);
LEDGER_MUST_USE ledger_rc_t ledger_store_delete_alias(ledger_view_t *view,
    const ledger_alias_id_t *alias);

LEDGER_MUST_USE ledger_rc_t ledger_store_count(ledger_view_t *view,
    ledger_slice_t provider, ledger_count_t *count);
LEDGER_MUST_USE ledger_rc_t ledger_store_put_count(ledger_view_t *view,
    ledger_slice_t provider, const ledger_count_t *count);

LEDGER_MUST_USE ledger_rc_t ledger_store_put_contested(ledger_view_t *view,
    ledger_ms_t at, const ledger_slot_id_t *slot, ledger_slice_t provider);
LEDGER_MUST_USE ledger_rc_t ledger_store_delete_contested(
    ledger_view_t *view, ledger_ms_t at, const ledger_slot_id_t *slot);

/*
 * The last row before *at and *slot, which are those of the row then.  The
 * provider lives in the map until the next write or the end.
 */

LEDGER_MUST_USE ledger_rc_t ledger_store_contested_before(
    ledger_view_t *view, ledger_ms_t *at, ledger_slot_id_t *slot,
    ledger_slice_t *provider);

/* Bytes that all tables take, and of the map. */

LEDGER_MUST_USE ledger_rc_t ledger_store_size(ledger_view_t *view,
    uint64_t *used, uint64_t *max);

/* The first slot behind "after". */

LEDGER_MUST_USE ledger_rc_t ledger_store_slot_after(ledger_view_t *view,
    const ledger_slot_id_t *after, ledger_slot_id_t *slot);

LEDGER_MUST_USE ledger_rc_t ledger_store_put_mark(ledger_view_t *view,
    const ledger_mark_t *mark);
LEDGER_MUST_USE ledger_rc_t ledger_store_delete_mark(ledger_view_t *view,
    const ledger_mark_t *mark);

/* The last connection with that kind and value before mark->connection. */

LEDGER_MUST_USE ledger_rc_t ledger_store_mark_before(ledger_view_t *view,
    const ledger_mark_t *mark, uint64_t *connection);

/* Which events a connection had a part in, by their numbers. */

LEDGER_MUST_USE ledger_rc_t ledger_store_put_story(ledger_view_t *view,
    uint64_t connection, uint64_t number);
LEDGER_MUST_USE ledger_rc_t ledger_store_delete_story(ledger_view_t *view,
    uint64_t connection, uint64_t number);

/* The last one before "before". */

LEDGER_MUST_USE ledger_rc_t ledger_store_story_before(ledger_view_t *view,
    uint64_t connection, uint64_t before, uint64_t *number);

/*
 * Numbered rows.  "table" is LEDGER_LOG, LEDGER_HISTORY or, to read, also
 * LEDGER_CONNECTIONS.  A new number must be above all others.  "encoded"
 * lives in the map until the next write or the end.
 */

LEDGER_MUST_USE ledger_rc_t ledger_store_append(ledger_view_t *view,
    ledger_table_t table, uint64_t number, ledger_slice_t encoded);
LEDGER_MUST_USE ledger_rc_t ledger_store_delete_entry(ledger_view_t *view,
    ledger_table_t table, uint64_t number);

/* The first at or after "from". */

LEDGER_MUST_USE ledger_rc_t ledger_store_entry(ledger_view_t *view,
    ledger_table_t table, uint64_t from, uint64_t *number,
    ledger_slice_t *encoded);

/* The last before "before". */

LEDGER_MUST_USE ledger_rc_t ledger_store_entry_before(ledger_view_t *view,
    ledger_table_t table, uint64_t before, uint64_t *number,
    ledger_slice_t *encoded);


#pragma GCC visibility pop


#endif /* _LEDGER_STORE_H_INCLUDED_ */
