
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * Target: ledger_unseal().  No input opens; none is taken for one that the
 * library failed on, and nothing is left in the output.  Sealed anew as a
 * plain text, each input comes back as it was.
 */

#include "ledger_seal.h"

#include "fuzz.h"


#define FUZZ_SIZE  4096


static ledger_keyring_t *fuzz_ring(void);
static void fuzz_round(ledger_keyring_t *ring, ledger_slice_t plain);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t             i, len;
    ledger_rc_t        rc;
    unsigned char      out[FUZZ_SIZE];
    ledger_slice_t     input;
    ledger_keyring_t  *ring;

    if (size > FUZZ_SIZE) {
        return 0;
    }

    /* LeakSanitizer does not look into the ring's pages: it must not stay */

    ring = fuzz_ring();

    memset(out, 0, sizeof(out));
    input = (ledger_slice_t) { data, size };

    rc = ledger_unseal(ring, LEDGER_SEAL_REPLAY, ledger_slice("token"),
                       ledger_slice("aad"), input, out, sizeof(out), &len);

    fuzz_must(rc == LEDGER_VERSION || rc == LEDGER_KEY
              || rc == LEDGER_CORRUPT);
    fuzz_must(size >= LEDGER_SEAL_OVERHEAD || rc != LEDGER_KEY);

    for (i = 0; i < sizeof(out); i++) {
        fuzz_must(out[i] == 0);
    }

    fuzz_round(ring, input);

    ledger_keyring_free(ring);

    return 0;
}


static ledger_keyring_t *
fuzz_ring(void)
{
    unsigned           line;
    ledger_keyring_t  *ring;

    static const char  text[] =
        "0000000000000000000000000000000000000000000000000000000000000000";

    fuzz_must(ledger_keyring_parse(ledger_slice(text), &ring, &line)
              == LEDGER_OK);

    return ring;
}


static void
fuzz_round(ledger_keyring_t *ring, ledger_slice_t plain)
{
    size_t          n, len;
    unsigned char   sealed[FUZZ_SIZE + LEDGER_SEAL_OVERHEAD];
    unsigned char   out[FUZZ_SIZE];

    fuzz_must(ledger_seal(ring, LEDGER_SEAL_HEAL, ledger_slice(""), plain,
                          plain, sealed, sizeof(sealed), &n)
              == LEDGER_OK);
    fuzz_must(n == plain.len + LEDGER_SEAL_OVERHEAD);

    fuzz_must(ledger_unseal(ring, LEDGER_SEAL_HEAL, ledger_slice(""), plain,
                            (ledger_slice_t) { sealed, n }, out, sizeof(out),
                            &len)
              == LEDGER_OK);
    fuzz_must(fuzz_equal((ledger_slice_t) { out, len }, plain));
}
