
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * Messages: what a token request or an answer says, as one JSON object.
 * A form becomes an object of strings, so that every reader knows one shape
 * only.  jansson parses and holds them (json_t, reference counted: the
 * caller ends a message with json_decref()).
 */

#ifndef _LEDGER_MESSAGE_H_INCLUDED_
#define _LEDGER_MESSAGE_H_INCLUDED_


#include <jansson.h>

#include "ledger_base.h"
#include "ledger_json.h"


#pragma GCC visibility push(hidden)


/* RFC 6749 knows a dozen parameters; more than this many is no request. */
#define LEDGER_MEMBERS_MAX  256


/*
 * ledger_message_form() adds the members of an
 * application/x-www-form-urlencoded text to "message", an object: percent
 * decoding, '+' is a space, values are UTF-8 text without NUL.  The names
 * "resource" and "audience" may repeat (RFC 8707, RFC 8693) and then become
 * an array of strings; any other repetition, also of a member that
 * "message" had before, is refused: two readers would not agree which one
 * counts (RFC 6749, 3.2).  An empty value is as if the member were absent
 * (RFC 6749, 3.2), but counts as a repetition.
 *
 * LEDGER_OK; LEDGER_MALFORMED: bad percent escape, not UTF-8, NUL;
 * LEDGER_REPEATED: *name (NULL allowed) is set to the member's name, a
 * slice of the raw text; LEDGER_LIMIT: more than LEDGER_MEMBERS_MAX, those
 * of "message" and empty ones included; LEDGER_NOMEM.  Reading ends at the
 * first failure: "message" holds the members before it.
 */

LEDGER_MUST_USE ledger_rc_t ledger_message_form(ledger_slice_t text,
    json_t *message, ledger_slice_t *name);

/*
 * ledger_message_json() parses a JSON object (RFC 8259) of at most
 * LEDGER_DEPTH_MAX levels and adds its members to "message".  A leading
 * UTF-8 byte order mark is passed over.  "strict" refuses a member that
 * stands twice; else the last one counts, as in most clients.  Members that
 * "message" already has (a query string) are repetitions too.  Integers
 * beyond 64 bits become strings, see ledger_json.h.
 *
 * LEDGER_OK; LEDGER_MALFORMED: no JSON, or no object; LEDGER_REPEATED:
 * "message" may hold some of the members; LEDGER_LIMIT: too deep, more than
 * LEDGER_MEMBERS_MAX at the top; LEDGER_NOMEM.
 */

LEDGER_MUST_USE ledger_rc_t ledger_message_json(ledger_slice_t text,
    int strict, json_t *message);

/*
 * ledger_message_jwt() decodes the claims of a JWT (RFC 7519) in compact
 * form into a new object, *claims.  The signature is not verified: the
 * token came from the provider over a verified connection, or goes there to
 * be verified.  Nothing but identity labels is read from it.
 *
 * LEDGER_OK; LEDGER_MALFORMED: not three parts of base64url, or no JSON
 * object in the second; LEDGER_LIMIT: over LEDGER_TOKEN_TEXT_MAX, or as in
 * ledger_message_json(); LEDGER_NOMEM.
 */

LEDGER_MUST_USE ledger_rc_t ledger_message_jwt(ledger_slice_t token,
    json_t **claims);

/*
 * ledger_message_jose() is the same for the first part, the JOSE header
 * (RFC 7515, 4).  A member that stands twice is LEDGER_REPEATED.
 */

LEDGER_MUST_USE ledger_rc_t ledger_message_jose(ledger_slice_t token,
    json_t **header);

/*
 * ledger_message_member() is the text of the top-level member "name";
 * ledger_message_pointer() of what a JSON Pointer (RFC 6901) leads to.
 * A string is given as it is; numbers, true and false are written to "buf"
 * (at least LEDGER_SCALAR_MAX bytes); null is absent; objects and arrays
 * are LEDGER_MALFORMED.  The slice lives as long as message and buf.
 *
 * LEDGER_OK; LEDGER_NOT_FOUND; LEDGER_MALFORMED.
 */

#define LEDGER_SCALAR_MAX  32

LEDGER_MUST_USE ledger_rc_t ledger_message_member(const json_t *message,
    ledger_slice_t name, char *buf, ledger_slice_t *value);
LEDGER_MUST_USE ledger_rc_t ledger_message_pointer(const json_t *message,
    ledger_slice_t pointer, char *buf, ledger_slice_t *value);

/* Whether "pointer" obeys RFC 6901: empty, or '/' first, "~0" and "~1". */

int ledger_message_pointer_valid(ledger_slice_t pointer);

/*
 * ledger_message_replace() sets the top-level member "name" to a string.
 * The text must be UTF-8.  LEDGER_OK; LEDGER_MALFORMED; LEDGER_NOMEM.
 */

LEDGER_MUST_USE ledger_rc_t ledger_message_replace(json_t *message,
    ledger_slice_t name, ledger_slice_t value);

/*
 * ledger_message_write_form() and ledger_message_write_json() serialise a
 * message anew.  The text is malloc'd, the caller frees it (and cleanses it
 * first: it holds tokens).  LEDGER_OK; LEDGER_NOMEM; a form cannot hold
 * objects: LEDGER_MALFORMED.
 */

LEDGER_MUST_USE ledger_rc_t ledger_message_write_form(const json_t *message,
    char **text, size_t *len);
LEDGER_MUST_USE ledger_rc_t ledger_message_write_json(const json_t *message,
    char **text, size_t *len);

/*
 * Whether a member of that name may hold a secret (a token, code, password,
 * assertion, client secret...): such members never leave the evaluation of
 * the provider's VALUEs.  Case, '_' and '-' do not matter.  Errs towards
 * "yes"; names that end in a kind ("token_type"), in an expiry
 * ("refresh_token_expires_in") or in a method are no secrets.  Of a JSON
 * Pointer ask for each of its names.
 */

int ledger_message_is_secret(ledger_slice_t name);


#pragma GCC visibility pop


#endif /* _LEDGER_MESSAGE_H_INCLUDED_ */
