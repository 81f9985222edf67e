
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * Target: ledger_unseal().  No input opens; none is taken for one that the
 * library failed on, and nothing is left in the output.  Sealed anew as a
 * plain text, each input comes back as it was.
 */

#include "ledger_seal.h"

#include <sanitizer/lsan_interface.h>

#include "fuzz.h"


#define FUZZ_SIZE  4096


static ledger_keyring_t *fuzz_ring(void);
static void fuzz_round(ledger_keyring_t *ring, ledger_slice_t plain);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t                      len;
    ledger_rc_t                 rc;
    ledger_slice_t              input;
    static unsigned char        out[FUZZ_SIZE];
    static ledger_keyring_t    *ring;
    static const unsigned char  nothing[FUZZ_SIZE];

    if (size > FUZZ_SIZE) {
        return 0;
    }

    if (ring == NULL) {
        /* LeakSanitizer does not look into the pages of the ring */

        __lsan_disable();
        ring = fuzz_ring();
        __lsan_enable();
    }

    input = (ledger_slice_t) { data, size };

    rc = ledger_unseal(ring, LEDGER_SEAL_REPLAY, ledger_slice("token"),
                       ledger_slice("aad"), input, out, sizeof(out), &len);

    fuzz_must(rc == LEDGER_VERSION || rc == LEDGER_KEY
              || rc == LEDGER_CORRUPT);
    fuzz_must(size >= LEDGER_SEAL_OVERHEAD || rc != LEDGER_KEY);

    fuzz_must(memcmp(out, nothing, sizeof(out)) == 0);

    fuzz_round(ring, input);

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
    size_t                n, len;
    static unsigned char  sealed[FUZZ_SIZE + LEDGER_SEAL_OVERHEAD];
    static unsigned char  out[FUZZ_SIZE];

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
