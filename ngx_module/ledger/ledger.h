
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * The ledger: who holds which connection.  A state machine over records,
 * kept in one LMDB environment.  DESIGN.md section 5 has its rules, R1 to
 * R10; the comments here name them.
 *
 * Caveats of LMDB that bind every caller:
 *  - open in the process that uses it, never before fork();
 *  - never open one path twice in a process;
 *  - ledger_apply() may run in another thread than the look-ups, but one
 *    call at a time, and each call stays in its thread;
 *  - a look-up holds its read transaction inside the call only.
 */

#ifndef _LEDGER_H_INCLUDED_
#define _LEDGER_H_INCLUDED_


#include "ledger_base.h"
#include "ledger_record.h"


#pragma GCC visibility push(hidden)


typedef struct ledger_s  ledger_t;


typedef enum {
    LEDGER_LIVE = 1,
    LEDGER_SUPERSEDED,
    LEDGER_REVOKED,
    LEDGER_BROKEN,
    LEDGER_EXPIRED
} ledger_state_t;


typedef enum {
    LEDGER_VERDICT_NONE = 1,             /* no token in the request */
    LEDGER_VERDICT_UNKNOWN,              /* never seen */
    LEDGER_VERDICT_ACTIVE,
    LEDGER_VERDICT_SUPERSEDED,
    LEDGER_VERDICT_REVOKED,
    LEDGER_VERDICT_BROKEN,
    LEDGER_VERDICT_EXPIRED,
    LEDGER_VERDICT_ROTATED
} ledger_verdict_t;


/*
 * One connection as it is stored.  Slices and limits point into the buffer
 * that the connection was read to.
 */

typedef struct {
    uint64_t              id;            /* the sequence that opened it */

    ledger_slice_t        provider;
    ledger_slice_t        client;
    ledger_slice_t        user;
    ledger_slice_t        tenant;
    ledger_slice_t        login;
    ledger_slice_t        owner;
    ledger_slice_t        grant;
    ledger_slice_t        scope;
    ledger_slice_t        address;
    ledger_slice_t        agent;

    ledger_ms_t           age;           /* R1; 0: adopted (R4) */
    ledger_ms_t           sent_at;       /* of the exchange that opened it */
    ledger_ms_t           opened_at;
    ledger_ms_t           refreshed_at;  /* 0: never */
    ledger_ms_t           last_used_at;
    ledger_ms_t           ended_at;      /* 0: live */
    ledger_ms_t           access_expires_at;   /* of its last; 0: unknown */
    ledger_ms_t           refresh_expires_at;  /* 0: unknown */
    uint64_t              idle;

    uint64_t              superseded_by; /* connection; 0: none */
    ledger_token_id_t     refresh;       /* the newest refresh token */
    ledger_token_id_t     previous;      /* the one that "refresh" replaced */
    uint64_t              access_floor;  /* older access tokens are rotated */

    uint32_t              nlimits;
    ledger_limit_t        limits[LEDGER_LIMITS_MAX];

    uint8_t               state;         /* ledger_state_t */
    uint8_t               superseded_limit;    /* index into limits */

    unsigned              has_refresh:1;
    unsigned              has_previous:1;
    unsigned              exempt:1;
    unsigned              adopted:1;
    unsigned              issued:1;      /* age is the provider's word */
    unsigned              undecided:1;   /* superseded, but see R1 */
    unsigned              reconnect:1;   /* superseded by its own owner, R6 */
    unsigned              released:1;    /* revoked by an operator, not the
                                            provider */
} ledger_connection_t;


/*
 * When a live connection ends if nothing happens (R9): with its refresh
 * token, or its last access token where it has none, or by disuse; 0: never.
 */

ledger_ms_t ledger_connection_end(const ledger_connection_t *connection);


/* What changed: one effect each; the names are those of DESIGN 4.4. */

typedef enum {
    LEDGER_CONNECTED = 1,
    LEDGER_REFRESHED,
    LEDGER_CONTINUED,                    /* R2: the same token again */
    LEDGER_ADOPTED,                      /* R4 */
    LEDGER_SUPERSESSION,                 /* "other" superseded it */
    LEDGER_SWAPPED,                      /* R1: it lives, "other" does not */
    LEDGER_CONFIRMED,                    /* R1: undecided no more */
    LEDGER_CONTRADICTED,                 /* R10; "limit" is in doubt, that
                                            "other" ended it by */
    LEDGER_OVERFULL,                     /* R5: "limit" was left over n */
    LEDGER_BOUND,
    LEDGER_BREAKAGE,
    LEDGER_REPAIRED,
    LEDGER_REVOCATION_DONE,              /* also of one token; see record */
    LEDGER_RELEASED,
    LEDGER_REINSTATED,
    LEDGER_EXPIRY,
    LEDGER_DELETED,
    LEDGER_TOKEN_DEAD,                   /* R10: that access token only */
    LEDGER_TENANT_SHARED,                /* its user has come to a tenant in
                                            which "other" is another's */
    LEDGER_REJECTED_RECORD               /* the record broke its bounds */
} ledger_effect_kind_t;


typedef struct {
    uint64_t              connection;
    uint64_t              other;         /* 0: none */
    uint32_t              record;        /* index in the batch */
    uint8_t               kind;          /* ledger_effect_kind_t */
    uint8_t               limit;         /* index, where one is concerned */
    unsigned              reconnect:1;   /* R6, of a supersession */
    unsigned              undecided:1;   /* R1, of a supersession */
} ledger_effect_t;


/*
 * Grows as needed; begin with all zero, end with ledger_effects_free().
 */

typedef struct {
    ledger_effect_t      *elts;
    size_t                n;
    size_t                allocated;
} ledger_effects_t;


void ledger_effects_free(ledger_effects_t *effects);


typedef struct {
    const char           *path;          /* a directory; made 0700 */
    uint64_t              max_size;      /* bytes of address space */
    const uint32_t       *keys;          /* ids of the key ring */
    uint32_t              nkeys;
    unsigned              readers;       /* processes at once; >= 126 */
    unsigned              sync:1;        /* 0: commits are not durable */
    unsigned              create:1;
} ledger_options_t;


/*
 * ledger_check_library() tells whether the LMDB library that we run with
 * is safe under nginx: 0.9.26 to 0.9.31 destroy the shared locks when any
 * process closes the environment (ITS#9278, reverted by ITS#10095), what
 * is older than 0.9.24 is not tested, and 1.0, which calls itself 0.9.70
 * before its release, has another file format.  The answer for such a
 * version is LEDGER_VERSION, and *version says which it is.
 */

LEDGER_MUST_USE ledger_rc_t ledger_check_library(const char **version);

/*
 * ledger_open() opens, or with "create" makes, the environment.  The result
 * is malloc'd and lives until ledger_close().
 *
 * LEDGER_OK; LEDGER_NOT_FOUND: no store there, and not told to make one;
 * LEDGER_BUSY: try again in a moment; LEDGER_VERSION: a format or a library
 * that we must not touch; LEDGER_KEY: tokens were named under a key that
 * "keys" does not hold; LEDGER_CORRUPT; LEDGER_FULL; LEDGER_IO (errno is
 * set); LEDGER_NOMEM.
 *
 * With "create" a store whose making was broken off, by a full disk or a
 * power loss, is made anew: nothing can have been recorded in it.
 *
 * Stale readers of dead processes are cleared here and in every sweep.
 */

LEDGER_MUST_USE ledger_rc_t ledger_open(ledger_t **ledger,
    const ledger_options_t *options);

/* No call may be running.  NULL is allowed. */

void ledger_close(ledger_t *ledger);

/*
 * ledger_apply() applies "n" records in their order, in one transaction,
 * and is the only way to change state.  Returns when the change is durable.
 * What changed is appended to "effects".  A record beyond its bounds is
 * left out (LEDGER_REJECTED_RECORD) and does not harm the others; one
 * without effect leaves no trace in the log.
 *
 * LEDGER_OK; on any other code nothing has changed: LEDGER_FULL,
 * LEDGER_IO, LEDGER_CORRUPT, LEDGER_NOMEM.
 */

LEDGER_MUST_USE ledger_rc_t ledger_apply(ledger_t *ledger,
    const ledger_record_t *records, size_t n, ledger_effects_t *effects);


/*
 * ledger_probe() finds out whether the store can be written: it takes and
 * gives back the room that a large batch needs, each in a durable commit.
 * For a caller whose ledger_apply() failed, and in its thread.
 *
 * LEDGER_OK; LEDGER_FULL; LEDGER_IO; LEDGER_CORRUPT; LEDGER_NOMEM.
 */

LEDGER_MUST_USE ledger_rc_t ledger_probe(ledger_t *ledger);


/* A read-only answer about one token. */

typedef struct {
    ledger_connection_t   connection;    /* unless unknown */
    ledger_token_id_t     token;         /* the id that was found */
    ledger_ms_t           token_expires_at;
    ledger_ms_t           rotated_at;    /* 0: not rotated */
    uint8_t               verdict;       /* ledger_verdict_t */
    uint8_t               kind;          /* ledger_token_kind_t */
    unsigned              undecided:1;   /* superseded: mark, do not refuse */
    unsigned              preceding:1;   /* rotated, and only one step ago */
    size_t                len;           /* of "buf", the stored form */
    unsigned char         buf[LEDGER_CONNECTION_MAX];
} ledger_judgement_t;


/*
 * ledger_judge() looks a token up under each of "n" names, one a key of the
 * ring, and judges the first that is found as of "now".  No lock, no system
 * call, no allocation.  "judgement" is the caller's and reused; all it
 * points to is inside it.
 *
 * Superseded, revoked and broken go before expired and rotated: a late
 * caller still learns why.  A connection past its end that no sweep has met
 * yet is expired.
 *
 * LEDGER_OK, also for unknown; LEDGER_CORRUPT; LEDGER_IO.
 */

LEDGER_MUST_USE ledger_rc_t ledger_judge(ledger_t *ledger,
    const ledger_token_id_t *ids, size_t n, ledger_ms_t now,
    ledger_judgement_t *judgement);

/* What a judgement of one token rests on, and the verdict. */

typedef struct {
    ledger_token_id_t     token;         /* the id that was found; unknown:
                                            the first that was asked for */
    uint64_t              connection;    /* 0: unknown, and nothing below */
    ledger_ms_t           token_expires_at;
    ledger_ms_t           rotated_at;    /* 0: not rotated */
    ledger_ms_t           last_used_at;  /* of the connection */
    ledger_ms_t           end;           /* see ledger_connection_end() */
    ledger_slice_t        provider;
    ledger_slice_t        encoded;       /* the connection, as it is stored */
    uint8_t               verdict;       /* ledger_verdict_t */
    uint8_t               kind;          /* ledger_token_kind_t */
    uint8_t               state;         /* ledger_state_t */
    unsigned              has_user:1;
    unsigned              has_tenant:1;
    unsigned              undecided:1;   /* superseded: mark, do not refuse */
    unsigned              preceding:1;   /* rotated, and only one step ago */
    unsigned              outdated:1;    /* below the access floor */
    unsigned              revoked:1;     /* the token alone */
    unsigned              dead:1;
} ledger_look_t;


/*
 * ledger_look() judges as ledger_judge() does, and remembers under "token",
 * the text, what the judgement rests on; ledger_recall() judges from that
 * as of "now", without names and without the store.  What it tells is never
 * older than the last commit that an answer can rest on, whichever process
 * made it: see ledger_versions.h.  Not all can be remembered, and nothing is
 * that is unknown.
 *
 * The texts themselves are not kept.  A ledger is asked with the names of
 * one key ring only.  *look lives until the next call.
 *
 * LEDGER_OK; LEDGER_NOT_FOUND: not remembered; LEDGER_CORRUPT; LEDGER_IO.
 */

LEDGER_MUST_USE ledger_rc_t ledger_recall(ledger_t *ledger,
    ledger_slice_t token, ledger_ms_t now, const ledger_look_t **look);
LEDGER_MUST_USE ledger_rc_t ledger_look(ledger_t *ledger,
    ledger_slice_t token, const ledger_token_id_t *ids, size_t n,
    ledger_ms_t now, const ledger_look_t **look);

/*
 * ledger_find() reads one connection by its id.  "buf" takes
 * LEDGER_CONNECTION_MAX bytes and must live as long as "connection" is used.
 *
 * LEDGER_OK; LEDGER_NOT_FOUND; LEDGER_CORRUPT; LEDGER_IO.
 */

LEDGER_MUST_USE ledger_rc_t ledger_find(ledger_t *ledger, uint64_t id,
    ledger_connection_t *connection, unsigned char *buf);


/* An answer that was kept for replays. */

typedef struct {
    uint64_t              number;        /* of a later answer it is greater */
    uint64_t              connection;
    ledger_ms_t           stored_at;     /* when it arrived */
    ledger_slice_t        sealed;        /* in "buf" */
    unsigned char         print[LEDGER_PRINT_SIZE];
    unsigned char         buf[LEDGER_KEPT_MAX];
} ledger_kept_t;


#define LEDGER_KEPT_LATEST  UINT64_MAX


/*
 * ledger_kept() finds the latest answer with a number below "before" that
 * was kept for the refresh token "presented", as of "now".  There is one for
 * each request, told by its print, and at most LEDGER_KEPT_ANSWERS_MAX: the
 * oldest goes.  "before" is LEDGER_KEPT_LATEST for the first; to see them
 * all, it is then the number of the one found last.
 *
 * An answer is there until its time is over, and only as long as the
 * connection is live and not past its end, "presented" is its current
 * refresh token or the one that this replaced, and neither "presented" nor a
 * token of the answer was revoked.  It goes when a later refresh with the
 * same token rotates a refresh token in it or ends an access token in it.
 * An answer to the current one goes when an access token in it is found
 * dead.  Whoever ends a connection ends its kept answers: none comes back
 * with it.
 *
 * Whether the caller may have it is told by "print", which is not compared
 * here: it is made with the key that sealed the answer, and that may be an
 * older one than the caller's.
 *
 * LEDGER_OK; LEDGER_NOT_FOUND; LEDGER_CORRUPT; LEDGER_IO; LEDGER_NOMEM.
 */

LEDGER_MUST_USE ledger_rc_t ledger_kept(ledger_t *ledger,
    const ledger_token_id_t *presented, uint64_t before, ledger_ms_t now,
    ledger_kept_t *kept);


/* What one connection may use in the place of its own tokens. */

typedef struct {
    uint64_t              connection;    /* the lender, a live one */
    ledger_ms_t           stored_at;     /* when its tokens arrived */
    ledger_ms_t           expires_at;    /* of its access token; 0: unknown */
    ledger_ms_t           last_used_at;
    ledger_token_id_t     access;        /* if has_access */
    ledger_token_id_t     refresh;       /* if has_refresh */
    uint32_t              key;           /* ids of the keys that the client */
    uint32_t              own_key;       /* authentications are under; 0 of
                                            "own": none was recorded */
    unsigned char         accepted[LEDGER_CLIENT_SIZE];  /* by the lender's */
    unsigned char         own[LEDGER_CLIENT_SIZE];       /* by its own
                                                            exchange */
    unsigned              has_access:1;  /* it has not run out, as far as the
                                            ledger knows */
    unsigned              has_refresh:1;
    ledger_slice_t        sealed;        /* in "buf" */
    unsigned char         buf[LEDGER_LENT_MAX];
} ledger_lent_t;


/* Which identities a provider's configuration names. */

#define LEDGER_BY_USER    0x01
#define LEDGER_BY_TENANT  0x02

/* So many members of a slot are looked at, the youngest first. */
#define LEDGER_LENDERS_MAX  64


/*
 * ledger_lender() finds the live connection whose tokens "connection" may
 * use as of "now": itself while it lives; else, where a limit superseded it
 * for good, the youngest one in that limit's slot that is of the same
 * provider and client, whose identities of "by" (at least one) are all known
 * and equal, that has all of its scope (an unknown scope covers only an
 * unknown one), and that has tokens to lend.  Who asks is not checked here:
 * see "accepted" and "own".
 *
 * LEDGER_OK; LEDGER_NOT_FOUND: there is none; LEDGER_CORRUPT; LEDGER_IO;
 * LEDGER_NOMEM.
 */

LEDGER_MUST_USE ledger_rc_t ledger_lender(ledger_t *ledger,
    uint64_t connection, unsigned by, ledger_ms_t now, ledger_lent_t *lent);


/* Whom a login turned out to be. */

typedef struct {
    ledger_slice_t        user;          /* in "buf", and so below */
    ledger_slice_t        tenant;        /* empty: unknown */
    unsigned char         buf[2 * LEDGER_IDENTITY_MAX];
} ledger_identity_t;


/*
 * ledger_alias() tells the user, and the tenant if that is known, that
 * "login" was at "provider" when it was seen last: an exchange, or a binding
 * after it, left a connection with a login and a user.  The newest word
 * wins, but one that only repeats the connection's login, as a refresh does,
 * never gives a login to another user.  Logins are compared byte by byte.
 *
 * An alias is swept a retention after it was seen.  Refreshes renew that at
 * most once an hour.
 *
 * LEDGER_OK; LEDGER_NOT_FOUND: never seen, or swept; LEDGER_CORRUPT;
 * LEDGER_IO.
 */

LEDGER_MUST_USE ledger_rc_t ledger_alias(ledger_t *ledger,
    ledger_slice_t provider, ledger_slice_t login,
    ledger_identity_t *identity);


/* A live connection that a connect would supersede. */

typedef struct {
    uint64_t              connection;    /* 0: nobody */
    uint8_t               limit;         /* index into those of the connect */
    unsigned              same_owner:1;  /* both known, and equal */
} ledger_victim_t;


typedef struct {
    ledger_victim_t       victims[LEDGER_LIMITS_MAX];  /* the first of them */
    uint32_t              nvictims;      /* how many stand there */
    uint32_t              total;         /* how many there are */
    ledger_victim_t       takeover;      /* the first of all of them that is
                                            not of the same owner */
} ledger_expectation_t;


/*
 * ledger_expect() tells whom a connect would supersede that is about to be
 * sent, if its answer came at "now" with tokens never seen before.  Of "x",
 * only "provider", "client", "user", "tenant", "owner", "scope", "limits",
 * "refresh" and "exempt" are looked at.  Limits apply in their order with
 * their own n, each on what the earlier ones left live; one with an unknown
 * key is passed over.  A victim counts once, under the first limit that ends
 * it; a limit may have several where its slot is over n.  A refresh and an
 * exempt grant supersede nobody.
 *
 * What the answer makes known may end more, and tokens seen before end
 * nobody (R2).
 *
 * LEDGER_OK, also for nobody; LEDGER_LIMIT or LEDGER_MALFORMED: "x" is
 * beyond its bounds, and such an exchange is not recorded; LEDGER_CORRUPT;
 * LEDGER_IO; LEDGER_NOMEM.
 */

LEDGER_MUST_USE ledger_rc_t ledger_expect(ledger_t *ledger,
    const ledger_exchange_t *x, ledger_ms_t now,
    ledger_expectation_t *expectation);


/*
 * ledger_expect_meetings() names all that two connects must share so that
 * one could supersede the other: the slots of "x", as far as their keys are
 * known, and its login, whose user may be known to nobody yet.  Each once;
 * "names" takes LEDGER_MEETINGS_MAX and *n tells how many there are.  The
 * names are hashes: who does not know "salt" cannot choose them.  "x" as for
 * ledger_expect(); no store is needed.
 *
 * LEDGER_OK, also for none; LEDGER_LIMIT or LEDGER_MALFORMED, as there;
 * LEDGER_NOMEM.
 */

LEDGER_MUST_USE ledger_rc_t ledger_expect_meetings(const ledger_exchange_t *x,
    ledger_slice_t salt, ledger_token_id_t *names, uint32_t *n);


/* The state of one slot, as a refusal tells it. */

typedef struct {
    uint64_t              oldest;        /* whom a connect would end; 0: nobody,
                                            there is room */
    uint32_t              n;
    uint32_t              held;          /* live connections in it at "now" */
    unsigned              known:1;       /* 0: an identity is missing */
    unsigned              contested:1;   /* R7 */
} ledger_slot_t;


/*
 * ledger_slot() tells the state of the slot that "connection" has, had, or
 * would have under its limit with that index.  Contested means: at least
 * "contests" supersessions within "window" ms before "now" between
 * different known owners, one of whom both won and lost; of more than
 * LEDGER_CONTESTS_MAX none is told.  n is that of the newest connect, or
 * the connection's own where the slot is not there.
 *
 * LEDGER_OK; LEDGER_NOT_FOUND: no such limit; LEDGER_CORRUPT; LEDGER_IO.
 */

LEDGER_MUST_USE ledger_rc_t ledger_slot(ledger_t *ledger,
    const ledger_connection_t *connection, unsigned limit, ledger_ms_t now,
    unsigned contests, uint64_t window, ledger_slot_t *slot);

/* How many there are of one provider, in all. */

typedef struct {
    uint64_t              connections[LEDGER_EXPIRED + 1];  /* by state */
    uint64_t              full;          /* slots that hold n or more */
} ledger_count_t;


/*
 * ledger_count() tells how many connections of a provider are in the store,
 * and how many slots a newcomer would have to end somebody in.  A connection
 * past its end counts as live until a sweep or a newcomer meets it.
 *
 * LEDGER_OK, also for none; LEDGER_CORRUPT; LEDGER_IO.
 */

LEDGER_MUST_USE ledger_rc_t ledger_count(ledger_t *ledger,
    ledger_slice_t provider, ledger_count_t *count);


/* A provider, and how many of its slots are contested by what it says. */

typedef struct {
    ledger_slice_t        provider;
    uint64_t              window;        /* ms, see ledger_slot() */
    uint64_t              slots;         /* the result */
    unsigned              contests;
} ledger_contested_t;


/* Of so many slots at most it is asked whether they are contested. */
#define LEDGER_CONTESTED_MAX  4096

/*
 * ledger_contested_slots() fills "slots" of "n" providers as of "now".  Of
 * more than LEDGER_CONTESTED_MAX slots those count whose last contest is the
 * newest.
 *
 * LEDGER_OK; LEDGER_CORRUPT; LEDGER_IO.
 */

LEDGER_MUST_USE ledger_rc_t ledger_contested_slots(ledger_t *ledger,
    ledger_ms_t now, ledger_contested_t *providers, size_t n);

/*
 * ledger_size() tells the bytes that the store's pages take, without free
 * ones, and the bytes of its address space.
 *
 * LEDGER_OK; LEDGER_IO.
 */

LEDGER_MUST_USE ledger_rc_t ledger_size(ledger_t *ledger, uint64_t *used,
    uint64_t *max);

/*
 * ledger_contested() tells of one slot only whether it is contested, and
 * does not count who is in it: 1, or 0 also where there is no such slot.
 *
 * LEDGER_OK; LEDGER_NOT_FOUND: no such limit; LEDGER_CORRUPT; LEDGER_IO.
 */

LEDGER_MUST_USE ledger_rc_t ledger_contested(ledger_t *ledger,
    const ledger_connection_t *connection, unsigned limit, ledger_ms_t now,
    unsigned contests, uint64_t window, unsigned *contested);

/*
 * What happened, for operators: who, what, which connection, when.  The
 * names are those at the time of the event.
 */

typedef struct {
    uint64_t              number;        /* from 1, without an end */
    ledger_ms_t           at;
    uint64_t              connection;    /* 0: none */
    uint64_t              other;         /* superseded: by whom; 0: none */
    uint32_t              count;         /* how often, if it is not told
                                            each time; >= 1 */

    ledger_slice_t        provider;      /* empty: unknown, and so below */
    ledger_slice_t        client;
    ledger_slice_t        user;
    ledger_slice_t        tenant;
    ledger_slice_t        owner;         /* of the connection; of who asked,
                                            if there is none */
    ledger_slice_t        other_owner;   /* of the other; of who asked, if
                                            that is not the owner */

    uint8_t               kind;          /* ledger_event_kind_t */
    unsigned              reconnect:1;   /* R6, of superseded */
    unsigned              undecided:1;   /* R1, of superseded */
    unsigned              adopted:1;     /* R4, of connected */
} ledger_event_t;


/*
 * Rows of a list, copied, as they are stored.  Begin with all zero, end with
 * ledger_page_free(); one that a call failed to fill must be freed too.
 */

typedef struct {
    uint64_t              number;
    size_t                at;
    size_t                len;
} ledger_page_row_t;


typedef struct {
    ledger_page_row_t    *rows;
    size_t                n;
    size_t                allocated;
    unsigned char        *buf;
    size_t                len;
    size_t                size;
    uint64_t              next;          /* where the next page begins; 0:
                                            there is none */
} ledger_page_t;


/*
 * Read row "i" back; slices point into the page.  LEDGER_OK;
 * LEDGER_VERSION; LEDGER_CORRUPT.
 */

LEDGER_MUST_USE ledger_rc_t ledger_page_connection(const ledger_page_t *page,
    size_t i, ledger_connection_t *connection);
LEDGER_MUST_USE ledger_rc_t ledger_page_event(const ledger_page_t *page,
    size_t i, ledger_event_t *event);
void ledger_page_free(ledger_page_t *page);


/* What a connection must be like; empty and 0: anything. */

typedef struct {
    ledger_slice_t        provider;
    ledger_slice_t        client;
    ledger_slice_t        user;
    ledger_slice_t        tenant;
    ledger_slice_t        owner;
    uint8_t               state;         /* ledger_state_t, as stored */
} ledger_filter_t;


/*
 * ledger_list() reads up to "max" connections with ids below "before" (0:
 * all), newest first; "next" is the next "before".  A connection that is
 * there and matches all the time is in exactly one of the pages.  No more
 * than LEDGER_LOOKS_MAX rows are read: a page may be short, even empty, and
 * still have a next.
 *
 * LEDGER_OK, also for none; LEDGER_CORRUPT; LEDGER_IO; LEDGER_NOMEM.
 */

LEDGER_MUST_USE ledger_rc_t ledger_list(ledger_t *ledger,
    const ledger_filter_t *filter, uint64_t before, size_t max,
    ledger_page_t *page);

/*
 * ledger_history() reads up to "max" events behind the one with the number
 * "after", oldest first; "next" is the next "after".  An event is swept a
 * retention after it happened.
 *
 * ledger_history_last() is the number of the newest event; 0: none was.
 *
 * LEDGER_OK, also for none; LEDGER_CORRUPT; LEDGER_IO; LEDGER_NOMEM.
 */

LEDGER_MUST_USE ledger_rc_t ledger_history(ledger_t *ledger, uint64_t after,
    size_t max, ledger_page_t *page);
LEDGER_MUST_USE ledger_rc_t ledger_history_last(ledger_t *ledger,
    uint64_t *number);

/*
 * ledger_story() reads up to "max" of the events that a connection had a
 * part in, with numbers below "before" (0: all), newest first; "next" is the
 * next "before", or 0 at the end.
 *
 * LEDGER_OK, also for none; LEDGER_CORRUPT; LEDGER_IO; LEDGER_NOMEM.
 */

LEDGER_MUST_USE ledger_rc_t ledger_story(ledger_t *ledger,
    uint64_t connection, uint64_t before, size_t max, ledger_page_t *page);


/*
 * ledger_due() tells whether a sweep at "now" would change anything, so
 * that an idle gateway writes nothing.
 *
 * LEDGER_OK: it would; LEDGER_NOT_FOUND: it would not; LEDGER_CORRUPT;
 * LEDGER_IO.
 */

LEDGER_MUST_USE ledger_rc_t ledger_due(ledger_t *ledger, ledger_ms_t now,
    uint64_t retention);

/* A part of what look-ups go through. */

typedef struct {
    void                 *memory;        /* NULL: of the file */
    int                   file;
    uint64_t              offset;
    size_t                len;
} ledger_part_t;


/*
 * What look-ups go through, to be had before they come: a page that is not
 * there yet waits for the disk or the kernel, and its caller with it.
 *
 * ledger_warm_next() names the next part, of at most "bytes", which are whole
 * pages: first the memory of what is remembered, then the store from its
 * beginning up to "end".  *at is where it stands, 0 at first.  LEDGER_OK;
 * LEDGER_NOT_FOUND: that was all; LEDGER_IO.
 *
 * ledger_warm() brings it in, or sees to it that it comes; it may wait for a
 * disk that has much to do.  In any thread, and also when the ledger was
 * closed since: then it does nothing that anybody could see.
 */

LEDGER_MUST_USE ledger_rc_t ledger_warm_next(ledger_t *ledger, uint64_t *at,
    uint64_t end, size_t bytes, ledger_part_t *part);
void ledger_warm(const ledger_part_t *part);


#pragma GCC visibility pop


#endif /* _LEDGER_H_INCLUDED_ */
