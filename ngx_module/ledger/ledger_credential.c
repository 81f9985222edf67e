
/*
 * Copyright (C) The OAuth gateway authors
 */

#include "ledger_credential.h"

#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>

#include "ledger_decode.h"


static ledger_slice_t ledger_credential_scheme(ledger_slice_t value);
static int ledger_credential_is_scheme(ledger_slice_t scheme,
    const char *name);
static int ledger_credential_is_ours(ledger_slice_t scheme);
static int ledger_credential_hides_ours(ledger_slice_t value);
static int ledger_credential_has_control(ledger_slice_t value);
static ledger_slice_t ledger_credential_rest(ledger_slice_t value,
    size_t skip);
static int ledger_credential_is_token(ledger_slice_t text);
static int ledger_credential_is_visible(ledger_slice_t text);
static ledger_rc_t ledger_credential_decode(ledger_slice_t value,
    unsigned char *text, size_t *n);
static ledger_rc_t ledger_credential_user(unsigned char *text, size_t len,
    ledger_slice_t *user);


static const char  *ledger_credential_schemes[] = {
    "Bearer", "DPoP", "OAuth", NULL
};


ledger_rc_t
ledger_credential_token(ledger_slice_t value, ledger_slice_t *token)
{
    ledger_slice_t  scheme, rest;

    if (value.len == 0) {
        return LEDGER_NOT_FOUND;
    }

    /* nginx leaves a tab before the value, and a provider passes over it */

    value = ledger_credential_rest(value, 0);
    scheme = ledger_credential_scheme(value);

    if (!ledger_credential_is_ours(scheme)) {
        return (ledger_credential_hides_ours(value)
                || ledger_credential_has_control(value)) ? LEDGER_MALFORMED
                                                         : LEDGER_NOT_FOUND;
    }

    rest = ledger_credential_rest(value, scheme.len);

    if (rest.len == 0 || value.data[scheme.len] != ' ') {
        return LEDGER_MALFORMED;
    }

    if (!ledger_credential_is_token(rest)) {
        return LEDGER_MALFORMED;
    }

    if (rest.len > LEDGER_TOKEN_TEXT_MAX) {
        return LEDGER_LIMIT;
    }

    *token = rest;

    return LEDGER_OK;
}


/* The leading run of tchar (RFC 9110, 5.6.2) but its rare punctuation. */

static ledger_slice_t
ledger_credential_scheme(ledger_slice_t value)
{
    size_t         n;
    unsigned char  c;

    for (n = 0; n < value.len; n++) {
        c = value.data[n];

        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')
              || (c >= '0' && c <= '9') || c == '-' || c == '_'))
        {
            break;
        }
    }

    return (ledger_slice_t) { value.data, n };
}


static int
ledger_credential_is_scheme(ledger_slice_t scheme, const char *name)
{
    return scheme.len == strlen(name)
           && strncasecmp((const char *) scheme.data, name, scheme.len) == 0;
}


static int
ledger_credential_is_ours(ledger_slice_t scheme)
{
    size_t  i;

    for (i = 0; ledger_credential_schemes[i] != NULL; i++) {
        if (ledger_credential_is_scheme(scheme,
                                        ledger_credential_schemes[i]))
        {
            return 1;
        }
    }

    return 0;
}


/*
 * "Basic YTpi, Bearer abc": the field is no list, but a lenient provider
 * may read it as one and take the token that we would not have judged.
 */

static int
ledger_credential_hides_ours(ledger_slice_t value)
{
    size_t          i;
    ledger_slice_t  rest;

    for (i = 0; i < value.len; i++) {
        if (value.data[i] != ',') {
            continue;
        }

        rest = ledger_credential_rest(value, i + 1);

        if (ledger_credential_is_ours(ledger_credential_scheme(rest))) {
            return 1;
        }
    }

    return 0;
}


/* RFC 9110, 5.5: a reader that passes over one may find a token behind it. */

static int
ledger_credential_has_control(ledger_slice_t value)
{
    size_t  i;

    for (i = 0; i < value.len; i++) {
        if ((value.data[i] < ' ' && value.data[i] != '\t')
            || value.data[i] == 0x7f)
        {
            return 1;
        }
    }

    return 0;
}


/* What follows "skip" bytes, without the white space around it. */

static ledger_slice_t
ledger_credential_rest(ledger_slice_t value, size_t skip)
{
    const unsigned char  *p, *last;

    p = value.data + skip;
    last = value.data + value.len;

    while (p < last && (*p == ' ' || *p == '\t')) {
        p++;
    }

    while (last > p && (last[-1] == ' ' || last[-1] == '\t')) {
        last--;
    }

    return (ledger_slice_t) { p, (size_t) (last - p) };
}


static int
ledger_credential_is_token(ledger_slice_t text)
{
    return ledger_credential_is_visible(text)
           && memchr(text.data, ',', text.len) == NULL
           && memchr(text.data, '"', text.len) == NULL;
}


static int
ledger_credential_is_visible(ledger_slice_t text)
{
    size_t  i;

    for (i = 0; i < text.len; i++) {
        if (text.data[i] <= ' ' || text.data[i] >= 0x7f) {
            return 0;
        }
    }

    return 1;
}


int
ledger_credential_plain(ledger_slice_t text)
{
    return text.len > 0 && text.len <= LEDGER_TOKEN_TEXT_MAX
           && ledger_credential_is_visible(text);
}


ledger_rc_t
ledger_credential_basic(ledger_slice_t value, unsigned char *name,
    size_t size, size_t *len)
{
    size_t          n;
    ledger_rc_t     rc;
    ledger_slice_t  user;
    unsigned char   text[LEDGER_CREDENTIAL_TEXT_MAX];

    rc = ledger_credential_decode(value, text, &n);

    if (rc == LEDGER_OK) {
        rc = ledger_credential_user(text, n, &user);
    }

    if (rc == LEDGER_OK && user.len > size) {
        rc = LEDGER_LIMIT;
    }

    if (rc == LEDGER_OK) {
        memcpy(name, user.data, user.len);
        *len = user.len;
    }

    /* the password must not stay behind on the stack */
    OPENSSL_cleanse(text, sizeof(text));

    return rc;
}


ledger_rc_t
ledger_credential_pair(ledger_slice_t value, unsigned char *text,
    ledger_slice_t *user, ledger_slice_t *password)
{
    size_t          n, len;
    ledger_rc_t     rc;
    unsigned char  *colon;

    rc = ledger_credential_decode(value, text, &n);

    if (rc == LEDGER_OK) {
        rc = ledger_credential_user(text, n, user);
    }

    if (rc != LEDGER_OK) {
        return rc;
    }

    /* the name has become no longer: the first colon stands where it stood */

    colon = memchr(text + user->len, ':', n - user->len);

    if (colon == NULL) {
        return LEDGER_MALFORMED;
    }

    colon++;
    n -= (size_t) (colon - text);

    rc = ledger_decode_form((ledger_slice_t) { colon, n }, colon, &len);

    *password = (ledger_slice_t) { colon, len };

    return rc;
}


int
ledger_credential_password(ledger_slice_t value)
{
    int             found;
    size_t          n;
    unsigned char   text[LEDGER_CREDENTIAL_TEXT_MAX];
    unsigned char  *colon;

    found = 0;

    if (ledger_credential_decode(value, text, &n) == LEDGER_OK) {
        colon = memchr(text, ':', n);
        found = colon != NULL && colon + 1 < text + n;
    }

    OPENSSL_cleanse(text, sizeof(text));

    return found;
}


/* "text" takes LEDGER_CREDENTIAL_TEXT_MAX bytes. */

static ledger_rc_t
ledger_credential_decode(ledger_slice_t value, unsigned char *text, size_t *n)
{
    ledger_slice_t  scheme, rest;

    *n = 0;

    if (value.len == 0) {
        return LEDGER_NOT_FOUND;
    }

    value = ledger_credential_rest(value, 0);
    scheme = ledger_credential_scheme(value);

    if (!ledger_credential_is_scheme(scheme, "Basic")) {
        return LEDGER_NOT_FOUND;
    }

    rest = ledger_credential_rest(value, scheme.len);

    if (rest.len == 0 || value.data[scheme.len] != ' ') {
        return LEDGER_MALFORMED;
    }

    if (rest.len > LEDGER_TOKEN_TEXT_MAX) {
        return LEDGER_LIMIT;
    }

    return ledger_decode_base64(rest, LEDGER_BASE64, text, n);
}


/* Finds the user name and decodes it in its place. */

static ledger_rc_t
ledger_credential_user(unsigned char *text, size_t len, ledger_slice_t *user)
{
    size_t          i, n;
    ledger_rc_t     rc;
    unsigned char  *colon;

    colon = memchr(text, ':', len);
    if (colon == NULL) {
        return LEDGER_MALFORMED;
    }

    rc = ledger_decode_form((ledger_slice_t) { text,
                                               (size_t) (colon - text) },
                            text, &n);
    if (rc != LEDGER_OK) {
        return rc;
    }

    for (i = 0; i < n; i++) {
        if (text[i] < ' ' || text[i] == 0x7f) {
            return LEDGER_MALFORMED;
        }
    }

    *user = (ledger_slice_t) { text, n };

    return LEDGER_OK;
}
