
/*
 * Copyright (C) The OAuth gateway authors
 */

#include "ledger_decode.h"

#include <openssl/crypto.h>


static int ledger_decode_base64_digit(unsigned char c,
    ledger_base64_t alphabet);
static size_t ledger_decode_base64_unpadded(ledger_slice_t text);


/*
 * Not EVP_DecodeBlock(): it passes over white space, ends at '-', knows no
 * base64url and takes '=' in any place.
 */

ledger_rc_t
ledger_decode_base64(ledger_slice_t text, ledger_base64_t alphabet,
    unsigned char *out, size_t *len)
{
    int       digit;
    size_t    i, n, digits;
    unsigned  bits, nbits;

    digits = ledger_decode_base64_unpadded(text);

    if (digits % 4 == 1 || (digits != text.len && text.len % 4 != 0)) {
        return LEDGER_MALFORMED;
    }

    n = 0;
    bits = 0;
    nbits = 0;

    for (i = 0; i < digits; i++) {
        digit = ledger_decode_base64_digit(text.data[i], alphabet);
        if (digit < 0) {
            return LEDGER_MALFORMED;
        }

        bits = (bits << 6 | (unsigned) digit) & 0xfff;
        nbits += 6;

        if (nbits >= 8) {
            nbits -= 8;
            out[n++] = (unsigned char) (bits >> nbits);
        }
    }

    if (bits & ((1u << nbits) - 1)) {
        return LEDGER_MALFORMED;
    }

    *len = n;

    return LEDGER_OK;
}


static size_t
ledger_decode_base64_unpadded(ledger_slice_t text)
{
    size_t  n;

    n = text.len;

    while (n > 0 && text.len - n < 2 && text.data[n - 1] == '=') {
        n--;
    }

    return n;
}


static int
ledger_decode_base64_digit(unsigned char c, ledger_base64_t alphabet)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }

    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }

    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }

    if (c == (alphabet == LEDGER_BASE64URL ? '-' : '+')) {
        return 62;
    }

    if (c == (alphabet == LEDGER_BASE64URL ? '_' : '/')) {
        return 63;
    }

    return -1;
}


ledger_rc_t
ledger_decode_form(ledger_slice_t text, unsigned char *out, size_t *len)
{
    int            high, low;
    size_t         i, n;
    unsigned char  c;

    n = 0;

    for (i = 0; i < text.len; i++) {
        c = text.data[i];

        if (c == '+') {
            c = ' ';

        } else if (c == '%') {
            if (text.len - i < 3) {
                return LEDGER_MALFORMED;
            }

            high = OPENSSL_hexchar2int(text.data[i + 1]);
            low = OPENSSL_hexchar2int(text.data[i + 2]);

            if (high < 0 || low < 0) {
                return LEDGER_MALFORMED;
            }

            c = (unsigned char) (high << 4 | low);
            i += 2;
        }

        out[n++] = c;
    }

    *len = n;

    return LEDGER_OK;
}
