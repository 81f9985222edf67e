
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * Target: ledger_message_jwt().  The claims of a token that is accepted are
 * those of OpenSSL's decoding of its second part; a fourth part, or one that
 * is missing, is never accepted.
 */

#include "ledger_message.h"

#include <openssl/evp.h>

#include "fuzz.h"


static void fuzz_claims(ledger_slice_t token, json_t *claims);
static size_t fuzz_standard(const uint8_t *part, size_t len,
    unsigned char *text);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t        i, dots;
    json_t       *claims;
    ledger_rc_t   rc;

    rc = ledger_message_jwt((ledger_slice_t) { data, size }, &claims);

    fuzz_must(rc == LEDGER_OK || rc == LEDGER_MALFORMED
              || rc == LEDGER_LIMIT);

    if (rc != LEDGER_OK) {
        return 0;
    }

    dots = 0;

    for (i = 0; i < size; i++) {
        dots += data[i] == '.';
    }

    fuzz_must(dots == 2);
    fuzz_must(size <= LEDGER_TOKEN_TEXT_MAX);
    fuzz_must(json_is_object(claims));
    fuzz_must(json_object_size(claims) <= LEDGER_MEMBERS_MAX);

    fuzz_claims((ledger_slice_t) { data, size }, claims);

    json_decref(claims);

    return 0;
}


static void
fuzz_claims(ledger_slice_t token, json_t *claims)
{
    int             n;
    size_t          len, padding;
    json_t         *again;
    const uint8_t  *first, *last;
    unsigned char   text[LEDGER_TOKEN_TEXT_MAX + 4];
    unsigned char   decoded[LEDGER_TOKEN_TEXT_MAX + 4];

    first = memchr(token.data, '.', token.len);
    first++;
    last = memchr(first, '.', token.len - (size_t) (first - token.data));

    len = fuzz_standard(first, (size_t) (last - first), text);
    n = EVP_DecodeBlock(decoded, text, (int) len);
    fuzz_must(n > 0);

    padding = (size_t) (text[len - 1] == '=') + (text[len - 2] == '=');

    fuzz_must(ledger_json_load((ledger_slice_t) { decoded,
                                                  (size_t) n - padding },
                               0, &again)
              == LEDGER_OK);
    fuzz_must(json_equal(claims, again));

    json_decref(again);
}


/* The same value in the standard alphabet, with padding. */

static size_t
fuzz_standard(const uint8_t *part, size_t len, unsigned char *text)
{
    size_t  i;

    for (i = 0; i < len; i++) {
        text[i] = part[i] == '-' ? '+' : part[i] == '_' ? '/' : part[i];
    }

    while (len % 4 != 0) {
        text[len++] = '=';
    }

    return len;
}
