
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * What looks like a token request (RFC 6749, 4 and 6), however lenient its
 * reader is: for locations where none belongs, not for reading one.
 */

#ifndef _LEDGER_GRANT_H_INCLUDED_
#define _LEDGER_GRANT_H_INCLUDED_


#include "ledger_base.h"


#pragma GCC visibility push(hidden)


/* A known grant_type stands in it. */
#define LEDGER_GRANT_TYPE        0x1

/* A credential stands in it: a code, a refresh token, a client secret... */
#define LEDGER_GRANT_CREDENTIAL  0x2

/* One of these names is spelt in a way that not every reader takes for it. */
#define LEDGER_GRANT_ODD         0x4

/* So much of a text in UTF-16 or UTF-32 is looked at. */
#define LEDGER_GRANT_WIDE_MAX    4096

/*
 * ledger_grant_text() looks at a body, or the beginning of one, and returns
 * what it found, or 0.  The text tells by itself whether it is JSON, a form
 * or multipart/form-data, in UTF-8, UTF-16 or UTF-32.  Each member counts
 * for itself: what breaks the format, repeats or is cut off hides nothing.
 * Of JSON only the members of the top level count, of multipart/form-data no
 * files.  Names are compared without case, and '.' or ' ' count as '_'
 * (PHP), but tell LEDGER_GRANT_ODD.
 *
 * ledger_grant_form() looks at a text that is a form in any case: a query
 * string.
 */

unsigned ledger_grant_text(ledger_slice_t text);
unsigned ledger_grant_form(ledger_slice_t text);


#pragma GCC visibility pop


#endif /* _LEDGER_GRANT_H_INCLUDED_ */
