
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * The key ring: names tokens (HMAC-SHA-256, truncated) so that the store
 * reveals none.  The first key writes, all read.
 */

#ifndef _LEDGER_KEYRING_H_INCLUDED_
#define _LEDGER_KEYRING_H_INCLUDED_


#include "ledger_base.h"
#include "ledger_record.h"


#pragma GCC visibility push(hidden)


/* A key a year for as long as retention could ever ask, and spare. */
#define LEDGER_KEYS_MAX   8

#define LEDGER_KEY_SIZE   32

/* The text of a new key file: 64 hex digits and a line feed. */
#define LEDGER_KEY_TEXT   65


typedef struct ledger_keyring_s  ledger_keyring_t;


/*
 * ledger_keyring_parse() reads the text of a key file: lines of 64 hex
 * digits; empty lines and lines that begin with '#' are passed over.  "line"
 * is set to the line that was refused; 0 where none is.  The ring is for one
 * thread.  Its keys lie on pages kept out of core files; on OpenSSL's heap
 * lies, in each keyed context, the one derived key that names tokens: it
 * tells whether a token known from elsewhere was seen, and opens nothing.
 * ledger_keyring_free() cleanses and frees the ring; NULL is allowed.
 *
 * LEDGER_OK; LEDGER_MALFORMED: no hex, wrong length, the same key twice (or
 * two with one id), or no key at all; LEDGER_LIMIT: more than
 * LEDGER_KEYS_MAX; LEDGER_NOMEM.
 */

LEDGER_MUST_USE ledger_rc_t ledger_keyring_parse(ledger_slice_t text,
    ledger_keyring_t **ring, unsigned *line);
void ledger_keyring_free(ledger_keyring_t *ring);

/* Writes the text of a key file with one fresh random key. */

LEDGER_MUST_USE ledger_rc_t ledger_keyring_generate(
    char text[LEDGER_KEY_TEXT]);

/* The ids of the keys, in order; *n of them.  The array is the ring's. */

const uint32_t *ledger_keyring_ids(const ledger_keyring_t *ring, uint32_t *n);

/*
 * ledger_keyring_name() names a token under the first key;
 * ledger_keyring_names() under each key, in order: "ids" takes
 * LEDGER_KEYS_MAX and *n tells how many were written.
 *
 * LEDGER_OK; LEDGER_NOMEM: the library failed.
 */

LEDGER_MUST_USE ledger_rc_t ledger_keyring_name(ledger_keyring_t *ring,
    ledger_slice_t token, ledger_token_id_t *id);
LEDGER_MUST_USE ledger_rc_t ledger_keyring_names(ledger_keyring_t *ring,
    ledger_slice_t token, ledger_token_id_t *ids, size_t *n);


#pragma GCC visibility pop


#endif /* _LEDGER_KEYRING_H_INCLUDED_ */
