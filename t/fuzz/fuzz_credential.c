
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * Target: ledger_credential_token(), ledger_credential_plain().  A token is
 * part of the field, plain, and the only thing in it but for the scheme; it
 * stays itself when the field is written anew from it.
 */

#include "ledger_credential.h"

#include "fuzz.h"


static void fuzz_alone(ledger_slice_t value, ledger_slice_t token);
static void fuzz_anew(ledger_slice_t token);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ledger_rc_t     rc;
    ledger_slice_t  value, token;

    value = (ledger_slice_t) { data, size };

    rc = ledger_credential_token(value, &token);

    fuzz_must(rc == LEDGER_OK || rc == LEDGER_NOT_FOUND
              || rc == LEDGER_MALFORMED || rc == LEDGER_LIMIT);

    fuzz_must(!ledger_credential_plain(value)
              || (size > 0 && size <= LEDGER_TOKEN_TEXT_MAX
                  && memchr(data, ' ', size) == NULL));

    if (rc == LEDGER_OK) {
        fuzz_must(fuzz_inside(token, value));
        fuzz_must(ledger_credential_plain(token));
        fuzz_alone(value, token);
        fuzz_anew(token);
    }

    return 0;
}


/* Before the token stand letters between white space, behind it nothing. */

static void
fuzz_alone(ledger_slice_t value, ledger_slice_t token)
{
    size_t  i, start, end, first;

    start = (size_t) (token.data - value.data);
    end = start + token.len;

    for (first = 0; value.data[first] == ' ' || value.data[first] == '\t';
         first++)
    {
        fuzz_must(first < start);
    }

    for (i = first; i < start && value.data[i] != ' '; i++) {
        fuzz_must((value.data[i] | 0x20) >= 'a'
                  && (value.data[i] | 0x20) <= 'z');
    }

    fuzz_must(i - first >= 4 && i < start);

    for ( /* void */ ; i < value.len; i++) {
        fuzz_must((i >= start && i < end)
                  || value.data[i] == ' ' || value.data[i] == '\t');
    }
}


static void
fuzz_anew(ledger_slice_t token)
{
    ledger_slice_t  value, again;
    unsigned char   text[LEDGER_TOKEN_TEXT_MAX + 8];

    memcpy(text, "bearer  ", 8);
    memcpy(text + 8, token.data, token.len);

    value = (ledger_slice_t) { text, token.len + 8 };

    fuzz_must(ledger_credential_token(value, &again) == LEDGER_OK);
    fuzz_must(fuzz_equal(token, again));
}
