
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * Target: ledger_thumbprint_proof().  A proof that is accepted has a header
 * whose key alone gives the same thumbprint, and another signature does not
 * change it.
 */

#include "ledger_message.h"
#include "ledger_thumbprint.h"

#include "fuzz.h"


static void fuzz_same(ledger_slice_t proof, const unsigned char *thumbprint);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t          *header;
    ledger_rc_t      rc;
    unsigned char    thumbprint[LEDGER_THUMBPRINT_SIZE];
    unsigned char    again[LEDGER_THUMBPRINT_SIZE];
    ledger_slice_t   proof;

    proof = (ledger_slice_t) { data, size };

    rc = ledger_thumbprint_proof(proof, thumbprint);

    fuzz_must(rc == LEDGER_OK || rc == LEDGER_MALFORMED
              || rc == LEDGER_REPEATED || rc == LEDGER_LIMIT);

    if (rc != LEDGER_OK) {
        return 0;
    }

    fuzz_must(size <= LEDGER_TOKEN_TEXT_MAX);
    fuzz_must(ledger_message_jose(proof, &header) == LEDGER_OK);
    fuzz_must(ledger_thumbprint_jwk(json_object_get(header, "jwk"), again)
              == LEDGER_OK);
    fuzz_must(memcmp(thumbprint, again, sizeof(again)) == 0);

    json_decref(header);

    fuzz_same(proof, thumbprint);

    return 0;
}


/* Without its signature: a proof with "alg" none, of the same key. */

static void
fuzz_same(ledger_slice_t proof, const unsigned char *thumbprint)
{
    unsigned char  again[LEDGER_THUMBPRINT_SIZE];

    while (proof.data[proof.len - 1] != '.') {
        proof.len--;
    }

    fuzz_must(ledger_thumbprint_proof(proof, again) == LEDGER_OK);
    fuzz_must(memcmp(thumbprint, again, sizeof(again)) == 0);
}
