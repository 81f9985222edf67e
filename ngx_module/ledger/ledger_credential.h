
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * Credentials in an Authorization header field (RFC 9110, 11.4).
 */

#ifndef _LEDGER_CREDENTIAL_H_INCLUDED_
#define _LEDGER_CREDENTIAL_H_INCLUDED_


#include "ledger_base.h"


#pragma GCC visibility push(hidden)


/*
 * ledger_credential_token() finds the access token in the value of an
 * Authorization field: one of the schemes Bearer (RFC 6750), DPoP (RFC
 * 9449) or OAuth (Salesforce), in any case, one or more spaces, then a
 * token of at most LEDGER_TOKEN_TEXT_MAX bytes, white space around it all.
 * A token is visible ASCII without comma and quote: more than RFC 6750
 * allows, because Salesforce's tokens hold '!', Marketo's ':' and
 * Facebook's '|'.  *token is a slice of "value".
 *
 * LEDGER_OK; LEDGER_NOT_FOUND: empty, or another scheme (Basic, Digest);
 * LEDGER_MALFORMED: one of our schemes without a token, with a byte outside
 * of the above, with more than one token, or in a comma list of
 * credentials, first or later; another scheme with a control character;
 * LEDGER_LIMIT: a longer token.
 */

LEDGER_MUST_USE ledger_rc_t ledger_credential_token(ledger_slice_t value,
    ledger_slice_t *token);

/*
 * Whether "text" can be a token where no scheme says so (a header field of
 * its own, a query or form member): 1 to LEDGER_TOKEN_TEXT_MAX bytes of
 * visible ASCII.
 */

int ledger_credential_plain(ledger_slice_t text);

/*
 * ledger_credential_basic() decodes the user name of HTTP Basic (RFC 7617),
 * which is form-encoded once more in OAuth (RFC 6749, 2.3.1).  The name is
 * written to "name", which takes "size" bytes, its length to *len; bytes
 * beyond ASCII stay as they came and may not be UTF-8.  The password is not
 * kept.
 *
 * LEDGER_OK; LEDGER_NOT_FOUND: another scheme; LEDGER_MALFORMED: no base64,
 * no colon, a bad escape, a control character; LEDGER_LIMIT: a name longer
 * than "size", or more than LEDGER_TOKEN_TEXT_MAX of base64.
 */

LEDGER_MUST_USE ledger_rc_t ledger_credential_basic(ledger_slice_t value,
    unsigned char *name, size_t size, size_t *len);

/*
 * ledger_credential_pair() decodes user name and password of HTTP Basic, both
 * as ledger_credential_basic() does the name, into "text", which takes
 * LEDGER_CREDENTIAL_TEXT_MAX bytes; *user and *password are slices of it.
 * Whatever it returns, the caller cleanses "text".
 *
 * LEDGER_OK; LEDGER_NOT_FOUND, LEDGER_MALFORMED, LEDGER_LIMIT: as there.
 */

#define LEDGER_CREDENTIAL_TEXT_MAX  (LEDGER_TOKEN_TEXT_MAX / 4 * 3 + 2)

LEDGER_MUST_USE ledger_rc_t ledger_credential_pair(ledger_slice_t value,
    unsigned char *text, ledger_slice_t *user, ledger_slice_t *password);

/* Whether the value is that of HTTP Basic, with a password in it. */

int ledger_credential_password(ledger_slice_t value);


#pragma GCC visibility pop


#endif /* _LEDGER_CREDENTIAL_H_INCLUDED_ */
