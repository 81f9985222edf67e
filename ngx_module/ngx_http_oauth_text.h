
/*
 * Copyright (C) The OAuth gateway authors
 */

#ifndef _NGX_HTTP_OAUTH_TEXT_H_INCLUDED_
#define _NGX_HTTP_OAUTH_TEXT_H_INCLUDED_


#include "ngx_http_oauth_gateway.h"


/*
 * Copies whole characters to "p" while there is room up to "last", and
 * returns the end.  The result is UTF-8 and never longer than the text: what
 * is not UTF-8, a control character, or would turn the direction of what
 * follows, becomes a '?'.
 */

u_char *ngx_http_oauth_clean(u_char *p, u_char *last, ledger_slice_t text);

/*
 * Text for the quoted string of a header field or of RFC 6749, 5.2, of at
 * most "max" bytes: printable ASCII, and with "quote" neither quote nor
 * backslash; without it they are escaped (RFC 8941, 3.3.3), and the result
 * is up to twice as long.
 */

u_char *ngx_http_oauth_ascii(u_char *p, ngx_str_t *text, size_t max,
    ngx_uint_t quote);


/* RFC 3339, UTC, milliseconds: "2026-11-22T17:48:29.000Z". */

#define NGX_HTTP_OAUTH_TIME_LEN  (sizeof("2026-11-22T17:48:29.000Z") - 1)

u_char *ngx_http_oauth_time(u_char *p, ledger_ms_t at);


#endif /* _NGX_HTTP_OAUTH_TEXT_H_INCLUDED_ */
