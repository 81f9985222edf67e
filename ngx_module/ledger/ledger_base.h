
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * What every part of the core shares: slices, return codes, bounds.  The
 * core is plain C: no nginx header, no clock, no logging.  Time, keys and
 * limits are arguments.  All symbols are hidden.
 */

#ifndef _LEDGER_BASE_H_INCLUDED_
#define _LEDGER_BASE_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>


#define LEDGER_MUST_USE  __attribute__((warn_unused_result))


/* A run of bytes owned by somebody else; never NUL-terminated. */

typedef struct {
    const unsigned char  *data;
    size_t                len;
} ledger_slice_t;


#define ledger_slice(text)                                                    \
    ((ledger_slice_t) { (const unsigned char *) text, sizeof(text) - 1 })


/* Milliseconds since the epoch, UTC; 0 stands for "unknown". */

typedef uint64_t  ledger_ms_t;


typedef enum {
    LEDGER_OK = 0,
    LEDGER_NOT_FOUND,      /* nothing recorded under that name */
    LEDGER_MALFORMED,      /* input that breaks its grammar */
    LEDGER_LIMIT,          /* input beyond one of the bounds below */
    LEDGER_REPEATED,       /* a parameter that may stand once stands twice */
    LEDGER_FULL,           /* map or disk are full */
    LEDGER_BUSY,           /* somebody else opens or closes the store */
    LEDGER_CORRUPT,        /* what was read back is not what was written */
    LEDGER_VERSION,        /* format or library version that we must not use */
    LEDGER_KEY,            /* the store was written under a key not given */
    LEDGER_IO,             /* the operating system said no, see errno */
    LEDGER_NOMEM
} ledger_rc_t;


/*
 * Bounds.  Each has its reason; each is tested at n and n + 1.
 */

/* OpenID Connect Core 2: "sub" is at most 255 characters. */
#define LEDGER_IDENTITY_MAX       255

/* Google's consent for all its products stays below 4 KB. */
#define LEDGER_SCOPE_MAX          4096

/* A URN of RFC 8693 is 49 bytes long; a grant is a name, not a text. */
#define LEDGER_GRANT_MAX          128

/* IPv6 text with a zone, or the head of a user agent. */
#define LEDGER_ORIGIN_MAX         128

/* Slack hands two access and two refresh tokens; Entra one a resource. */
#define LEDGER_TOKENS_MAX         16

/* No provider known to us documents more than three limits at once. */
#define LEDGER_LIMITS_MAX         8
#define LEDGER_LIMIT_KEYS_MAX     8
#define LEDGER_VARIABLE_NAME_MAX  64

/* Google's 100 is the largest documented number of live grants. */
#define LEDGER_LIMIT_N_MAX        1000

/* Where a connect may meet another one: its slots, and its login. */
#define LEDGER_MEETINGS_MAX       (LEDGER_LIMITS_MAX + 1)

/* A ping-pong is told from this many last supersessions of a slot (R7). */
#define LEDGER_CONTESTS_MAX       16

/*
 * So many connections past their end, that no sweep has met yet, are passed
 * over in the search for one that lives; sweeps come every few seconds.
 */
#define LEDGER_TENANT_LOOKS       32

/* One look at a list reads no more rows: a millisecond, all warm. */
#define LEDGER_LOOKS_MAX          200

/* Tokens of Entra with groups reach 8 KB; nginx takes headers up to 32 KB. */
#define LEDGER_TOKEN_TEXT_MAX     16384

/*
 * The largest token answer seen stays below 32 KB; sealing adds less than
 * 4 KB.  A larger answer is not kept.
 */
#define LEDGER_KEPT_MAX           36864

/*
 * So many answers are kept for one refresh token, each to another request:
 * Entra takes one token for all resources, and a runner uses a handful.
 */
#define LEDGER_KEPT_ANSWERS_MAX   8

/*
 * Room for the encoded form of the largest connection: 8 limits of 8
 * variables, a scope and all identities come to 27 KB.
 */
#define LEDGER_CONNECTION_MAX     32768

/* An answer, and the refresh token where the answer left it out; sealed. */
#define LEDGER_LENT_MAX           (LEDGER_KEPT_MAX + LEDGER_TOKEN_TEXT_MAX)

/* The same for a record, which brings both on top. */
#define LEDGER_RECORD_MAX                                                     \
    (LEDGER_CONNECTION_MAX + LEDGER_KEPT_MAX + LEDGER_LENT_MAX)


#endif /* _LEDGER_BASE_H_INCLUDED_ */
