
/*
 * Copyright (C) The OAuth gateway authors
 */

#include "ledger_message.h"

#include <string.h>


/* Names longer than that are not looked at: they count as secret. */
#define LEDGER_MESSAGE_NAME_MAX  128


static int ledger_message_plain_name(ledger_slice_t name, char *plain);
static int ledger_message_is_one_of(const char *plain,
    const char *const *names);
static int ledger_message_ends_in(const char *plain, const char *const *ends);
static int ledger_message_contains(const char *plain,
    const char *const *parts);


/* Names are compared without case and without '_', '-' and the like. */

static const char *const  ledger_message_secret_names[] = {
    "auth", "authorization", "authreqid", "dpop", "otp", "pct", "pin",
    "request", "requesturi", "rpt", "sid", "softwarestatement", "totp", NULL
};

static const char *const  ledger_message_secret_parts[] = {
    "assertion", "code", "cookie", "credential", "jwt", "key", "passphrase",
    "passwd", "password", "pwd", "saml", "secret", "session", "signature",
    "ticket", "token", "webhook", NULL
};

static const char *const  ledger_message_public_names[] = {
    "errorcode", "errorcodes", "statuscode", NULL
};

static const char *const  ledger_message_public_ends[] = {
    "expiration", "expirationdate", "expirationtime", "expires",
    "expiresat", "expiresin", "expireson", "expiry", "expirydate",
    "expirytime", "format", "issuedat", "lifetime", "method", "methods",
    "ttl", "type", "typehint", "types", NULL
};


int
ledger_message_is_secret(ledger_slice_t name)
{
    char  plain[LEDGER_MESSAGE_NAME_MAX + 1];

    if (!ledger_message_plain_name(name, plain)) {
        return 1;
    }

    if (ledger_message_is_one_of(plain, ledger_message_secret_names)) {
        return 1;
    }

    if (ledger_message_is_one_of(plain, ledger_message_public_names)
        || ledger_message_ends_in(plain, ledger_message_public_ends))
    {
        return 0;
    }

    return ledger_message_contains(plain, ledger_message_secret_parts);
}


/* "refresh_token" and "refreshToken" become "refreshtoken". */

static int
ledger_message_plain_name(ledger_slice_t name, char *plain)
{
    size_t         i, n;
    unsigned char  c;

    if (name.len > LEDGER_MESSAGE_NAME_MAX) {
        return 0;
    }

    n = 0;

    for (i = 0; i < name.len; i++) {
        c = name.data[i];

        if (c >= 'A' && c <= 'Z') {
            c = (unsigned char) (c | 0x20);
        }

        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
            plain[n++] = (char) c;
        }
    }

    plain[n] = '\0';

    return 1;
}


static int
ledger_message_is_one_of(const char *plain, const char *const *names)
{
    for ( /* void */ ; *names != NULL; names++) {
        if (strcmp(plain, *names) == 0) {
            return 1;
        }
    }

    return 0;
}


static int
ledger_message_ends_in(const char *plain, const char *const *ends)
{
    size_t  n, len;

    len = strlen(plain);

    for ( /* void */ ; *ends != NULL; ends++) {
        n = strlen(*ends);

        if (len >= n && strcmp(plain + len - n, *ends) == 0) {
            return 1;
        }
    }

    return 0;
}


static int
ledger_message_contains(const char *plain, const char *const *parts)
{
    for ( /* void */ ; *parts != NULL; parts++) {
        if (strstr(plain, *parts) != NULL) {
            return 1;
        }
    }

    return 0;
}
