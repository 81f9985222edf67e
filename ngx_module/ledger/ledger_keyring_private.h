
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * What the leaves that derive keys of their own take from the ring, and
 * nobody else uses.  Both functions may be called in any thread.
 */

#ifndef _LEDGER_KEYRING_PRIVATE_H_INCLUDED_
#define _LEDGER_KEYRING_PRIVATE_H_INCLUDED_


#include "ledger_keyring.h"


#pragma GCC visibility push(hidden)


/*
 * The file key with the id *id, LEDGER_KEY_SIZE bytes; with *id 0 the first
 * key, whose id is then written to *id.  The bytes are the ring's: derive
 * from them at once, copy them nowhere that is not cleansed.
 *
 * LEDGER_OK; LEDGER_KEY: the ring has no such key.
 */

LEDGER_MUST_USE ledger_rc_t ledger_keyring_secret(
    const ledger_keyring_t *ring, uint32_t *id, ledger_slice_t *secret);

/*
 * HKDF-SHA-256 (RFC 5869).  "salt" may be empty; "info" says what the key is
 * for, a text of its own for each purpose.  The caller cleanses "key".
 *
 * LEDGER_OK; LEDGER_NOMEM: the library failed.
 */

LEDGER_MUST_USE ledger_rc_t ledger_keyring_hkdf(ledger_slice_t secret,
    ledger_slice_t salt, const char *info,
    unsigned char key[LEDGER_KEY_SIZE]);


#pragma GCC visibility pop


#endif /* _LEDGER_KEYRING_PRIVATE_H_INCLUDED_ */
