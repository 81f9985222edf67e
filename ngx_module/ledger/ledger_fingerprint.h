
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * Fingerprints of a token request: which requests may share one answer, and
 * which come from one client.  HMAC-SHA-256, truncated, under a key derived
 * from a key of the ring: no secret can be guessed from the store alone.
 */

#ifndef _LEDGER_FINGERPRINT_H_INCLUDED_
#define _LEDGER_FINGERPRINT_H_INCLUDED_


#include <jansson.h>

#include "ledger_base.h"
#include "ledger_keyring.h"


#pragma GCC visibility push(hidden)


/* 128 bits: nobody finds two requests of one fingerprint. */
#define LEDGER_FINGERPRINT_SIZE  16


typedef struct {
    unsigned char  bytes[LEDGER_FINGERPRINT_SIZE];
} ledger_fingerprint_t;


/* What of a token request counts.  Slices may be empty: absent. */

typedef struct {
    ledger_slice_t   provider;           /* the provider's name */
    ledger_slice_t   path;
    ledger_slice_t   authorization;      /* the header field's value */
    ledger_slice_t   dpop;               /* likewise; all, if several */
    const json_t    *message;            /* as in ledger_message.h */
} ledger_fingerprint_request_t;


/*
 * ledger_fingerprint() takes two fingerprints of a token request.
 *
 * "whole" is equal for requests that may share one answer: same provider,
 * path, Authorization, DPoP key, and members client_id, client_secret,
 * client_assertion_type, client_assertion, scope, resource, audience, each
 * as the runner wrote it (an array is not a string, another order is
 * another value).  What follows from another grant or refresh token is not
 * in it.  A DPoP proof counts by the thumbprint of its key (proofs differ
 * each time); one that is malformed, or stands twice, by its text.
 *
 * "client" is equal for requests with the same client authentication: same
 * client_id and client_secret, be they members or HTTP Basic (RFC 6749,
 * 2.3.1: runners of one client differ in that), beside which a client_id of
 * the same value counts for nothing; what is neither by Authorization,
 * client_id, client_secret as they stand; of a client_assertion the claims
 * "iss" and "sub" (assertions differ each time), or its text if it is no
 * JWT with an "iss".  Its signature is not verified: "client" tells one
 * client from another and proves nothing; hand out an answer by "whole".
 *
 * "key" is the id of the ring's key to use, 0 for the first: what was
 * stored under an older key is compared under that.  Safe in any thread.
 *
 * LEDGER_OK; LEDGER_KEY: the ring has no such key; LEDGER_NOMEM.
 */

LEDGER_MUST_USE ledger_rc_t ledger_fingerprint(const ledger_keyring_t *ring,
    uint32_t key, const ledger_fingerprint_request_t *request,
    ledger_fingerprint_t *whole, ledger_fingerprint_t *client);

/* Whether both are the same, in constant time. */

int ledger_fingerprint_equal(const ledger_fingerprint_t *a,
    const ledger_fingerprint_t *b);


#pragma GCC visibility pop


#endif /* _LEDGER_FINGERPRINT_H_INCLUDED_ */
