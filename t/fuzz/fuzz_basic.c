
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * Target: ledger_credential_basic(), ledger_decode_base64() and
 * ledger_decode_form().  A name fits its buffer and holds no control
 * character; a buffer too small by one byte is refused.  What base64 accepts,
 * OpenSSL writes as the same text.
 */

#include "ledger_credential.h"

#include <openssl/evp.h>

#include "ledger_decode.h"
#include "fuzz.h"


static void fuzz_base64(ledger_slice_t text);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t           i, len, again;
    ledger_rc_t      rc;
    unsigned char    name[256], less[256];
    ledger_slice_t   value;

    value = (ledger_slice_t) { data, size };

    rc = ledger_credential_basic(value, name, sizeof(name), &len);

    fuzz_must(rc == LEDGER_OK || rc == LEDGER_NOT_FOUND
              || rc == LEDGER_MALFORMED || rc == LEDGER_LIMIT);

    if (rc == LEDGER_OK) {
        fuzz_must(len <= sizeof(name));

        for (i = 0; i < len; i++) {
            fuzz_must(name[i] >= ' ' && name[i] != 0x7f);
        }

        fuzz_must(ledger_credential_basic(value, less, len, &again)
                  == LEDGER_OK);
        fuzz_must(again == len && memcmp(name, less, len) == 0);
        fuzz_must(len == 0
                  || ledger_credential_basic(value, less, len - 1, &again)
                     == LEDGER_LIMIT);
    }

    fuzz_base64(value);

    return 0;
}


static void
fuzz_base64(ledger_slice_t text)
{
    size_t          len;
    ledger_slice_t  bare;
    unsigned char   decoded[4096], encoded[8192];

    if (text.len > sizeof(decoded)
        || ledger_decode_base64(text, LEDGER_BASE64, decoded, &len)
           != LEDGER_OK)
    {
        return;
    }

    fuzz_must(len <= text.len / 4 * 3 + 2);

    bare = (ledger_slice_t) { encoded,
                              (size_t) EVP_EncodeBlock(encoded, decoded,
                                                       (int) len) };

    while (bare.len > text.len && bare.data[bare.len - 1] == '=') {
        bare.len--;
    }

    fuzz_must(fuzz_equal(bare, text));
}
