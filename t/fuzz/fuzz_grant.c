
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * Target: ledger_grant_text(), ledger_inflate_head().  What the strict
 * parsers read as a token request, the lenient look finds as well.
 */

#include <zlib.h>

#include "ledger_grant.h"
#include "ledger_inflate.h"
#include "ledger_message.h"

#include "fuzz.h"


static unsigned fuzz_strict(const json_t *message);
static void fuzz_packed(ledger_slice_t text, unsigned found);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t          *message;
    unsigned         found;
    ledger_slice_t   text;

    text = (ledger_slice_t) { data, size };

    found = ledger_grant_text(text);

    fuzz_must(found <= (LEDGER_GRANT_TYPE|LEDGER_GRANT_CREDENTIAL
                        |LEDGER_GRANT_ODD));

    message = json_object();
    fuzz_must(message != NULL);

    if (ledger_message_json(text, 1, message) == LEDGER_OK) {
        fuzz_must((fuzz_strict(message) & ~found) == 0);
    }

    json_decref(message);

    message = json_object();
    fuzz_must(message != NULL);

    if (ledger_message_form(text, message, NULL) == LEDGER_OK) {
        fuzz_must((fuzz_strict(message) & ~ledger_grant_form(text)) == 0);
    }

    json_decref(message);

    fuzz_packed(text, found);

    return 0;
}


static unsigned
fuzz_strict(const json_t *message)
{
    char             buf[LEDGER_SCALAR_MAX];
    unsigned         found;
    ledger_slice_t   value;

    found = 0;

    if (ledger_message_member(message, ledger_slice("grant_type"), buf,
                              &value)
        == LEDGER_OK
        && fuzz_equal(value, ledger_slice("refresh_token")))
    {
        found |= LEDGER_GRANT_TYPE;
    }

    /* white space alone is no credential */

    if (ledger_message_member(message, ledger_slice("refresh_token"), buf,
                              &value)
        == LEDGER_OK
        && value.len > 0 && value.data[0] > ' ')
    {
        found |= LEDGER_GRANT_CREDENTIAL;
    }

    return found;
}


/* Packed and unpacked it is the same; and the input may be packed itself. */

static void
fuzz_packed(ledger_slice_t text, unsigned found)
{
    uLong           len;
    size_t          n;
    unsigned char  *packed, *out;

    out = malloc(text.len + 1);
    fuzz_must(out != NULL);

    fuzz_must(ledger_inflate_head(text, out, text.len) <= text.len);

    len = compressBound(text.len);
    packed = malloc(len);
    fuzz_must(packed != NULL);
    fuzz_must(compress2(packed, &len, text.data, text.len, 1) == Z_OK);

    n = ledger_inflate_head((ledger_slice_t) { packed, len }, out,
                            text.len + 1);

    fuzz_must(n == text.len);
    fuzz_must(ledger_grant_text((ledger_slice_t) { out, n }) == found);

    free(packed);
    free(out);
}
