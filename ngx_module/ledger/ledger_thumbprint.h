
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * Thumbprints of public keys (RFC 7638), and of the key in a DPoP proof
 * (RFC 9449).
 */

#ifndef _LEDGER_THUMBPRINT_H_INCLUDED_
#define _LEDGER_THUMBPRINT_H_INCLUDED_


#include <jansson.h>

#include "ledger_base.h"


#pragma GCC visibility push(hidden)


#define LEDGER_THUMBPRINT_SIZE  32


/*
 * ledger_thumbprint_jwk() is the SHA-256 thumbprint of a JSON Web Key of
 * type EC, RSA (RFC 7518, 6) or OKP (RFC 8037): of the members that RFC 7638
 * names, whatever else the key holds.
 *
 * LEDGER_OK; LEDGER_MALFORMED: no object, another type, a required member
 * that is missing, empty or no string; LEDGER_NOMEM.
 */

LEDGER_MUST_USE ledger_rc_t ledger_thumbprint_jwk(const json_t *jwk,
    unsigned char thumbprint[LEDGER_THUMBPRINT_SIZE]);

/*
 * ledger_thumbprint_proof() is the thumbprint of the key in the JOSE header
 * of a DPoP proof, the value of one DPoP header field.  The proof's
 * signature is not verified: what is shared by it is bound to that key, and
 * of no use to those who do not hold it.
 *
 * LEDGER_OK; LEDGER_MALFORMED: no JWT of type "dpop+jwt", or no such key in
 * its header; LEDGER_REPEATED: a member of the header stands twice;
 * LEDGER_LIMIT: over LEDGER_TOKEN_TEXT_MAX, or too deep; LEDGER_NOMEM.
 */

LEDGER_MUST_USE ledger_rc_t ledger_thumbprint_proof(ledger_slice_t proof,
    unsigned char thumbprint[LEDGER_THUMBPRINT_SIZE]);


#pragma GCC visibility pop


#endif /* _LEDGER_THUMBPRINT_H_INCLUDED_ */
