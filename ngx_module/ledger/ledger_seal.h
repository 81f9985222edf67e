
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * Sealing: what is stored and holds tokens.  AES-256-GCM under a key of its
 * own for each sealed form, derived (HKDF-SHA-256) from a key of the ring,
 * a secret that is not stored, and a random salt: store and key file
 * together do not open what was sealed with a secret.
 *
 * The sealed form: version (1 byte), id of the ring's key (4, big-endian),
 * salt (32), nonce (12), ciphertext, tag (16).
 */

#ifndef _LEDGER_SEAL_H_INCLUDED_
#define _LEDGER_SEAL_H_INCLUDED_


#include "ledger_base.h"
#include "ledger_keyring.h"


#pragma GCC visibility push(hidden)


#define LEDGER_SEAL_VERSION     1
#define LEDGER_SEAL_SALT        32
#define LEDGER_SEAL_NONCE       12
#define LEDGER_SEAL_TAG         16

/* How much longer a sealed form is than what it holds. */
#define LEDGER_SEAL_OVERHEAD                                                  \
    (1 + 4 + LEDGER_SEAL_SALT + LEDGER_SEAL_NONCE + LEDGER_SEAL_TAG)

/* An answer is held up to 256 KB; its head and our own notes, 64 KB. */
#define LEDGER_SEAL_PLAIN_MAX   327680

/* Fingerprints, times and names that the sealed form is bound to. */
#define LEDGER_SEAL_AAD_MAX     4096


/* What is sealed.  One purpose never opens the other's. */

typedef enum {
    LEDGER_SEAL_REPLAY = 1,    /* an answer, under the token presented */
    LEDGER_SEAL_HEAL           /* tokens kept for heal, no secret needed */
} ledger_seal_purpose_t;


/*
 * ledger_seal() seals "plain" under the ring's first key and "secret" (the
 * refresh token presented; may be empty for LEDGER_SEAL_HEAL only) and binds
 * it to "aad", which is not stored.  "out" takes "size" bytes, plain.len +
 * LEDGER_SEAL_OVERHEAD are written, and their number to *len; it must not
 * overlap "plain".  Safe in any thread.
 *
 * LEDGER_OK; LEDGER_MALFORMED: no secret where there must be one;
 * LEDGER_LIMIT: a secret over LEDGER_TOKEN_TEXT_MAX, "aad" or "plain" over
 * the bounds above, or "size" too small; LEDGER_NOMEM: the library failed.
 */

LEDGER_MUST_USE ledger_rc_t ledger_seal(const ledger_keyring_t *ring,
    ledger_seal_purpose_t purpose, ledger_slice_t secret, ledger_slice_t aad,
    ledger_slice_t plain, unsigned char *out, size_t size, size_t *len);

/*
 * ledger_unseal() opens what ledger_seal() made with the same purpose,
 * secret and aad under any key of the ring.  "out" takes "size" bytes,
 * sealed.len - LEDGER_SEAL_OVERHEAD are written, and their number to *len;
 * it must not overlap "sealed", and the caller cleanses it.  On failure
 * nothing of what was sealed is left in it.  Safe in any thread.
 *
 * LEDGER_OK; LEDGER_VERSION: another version's form; LEDGER_KEY: sealed
 * under a key that the ring lacks; LEDGER_CORRUPT: cut short, altered, or
 * sealed with another purpose, secret or aad; LEDGER_MALFORMED, LEDGER_LIMIT
 * and LEDGER_NOMEM as above.
 */

LEDGER_MUST_USE ledger_rc_t ledger_unseal(const ledger_keyring_t *ring,
    ledger_seal_purpose_t purpose, ledger_slice_t secret, ledger_slice_t aad,
    ledger_slice_t sealed, unsigned char *out, size_t size, size_t *len);


/* The id of the key that it was sealed under; 0: it is no sealed form. */

uint32_t ledger_seal_key_id(ledger_slice_t sealed);


#pragma GCC visibility pop


#endif /* _LEDGER_SEAL_H_INCLUDED_ */
