
/*
 * Copyright (C) The OAuth gateway authors
 */

#ifndef _NGX_HTTP_OAUTH_SECRET_H_INCLUDED_
#define _NGX_HTTP_OAUTH_SECRET_H_INCLUDED_


#include "ngx_http_oauth_gateway.h"


/*
 * Whether the value, not only its name, is unfit to be read outside: it
 * looks like a token, or holds a secret of one of the request's messages.
 */

ngx_uint_t ngx_http_oauth_secret_value(ngx_http_oauth_ctx_t *ctx,
    ledger_slice_t value);

/*
 * Whether a JSON pointer leads to a secret: a secret's name anywhere on the
 * way hides all below ("/tokens/0").
 */

ngx_uint_t ngx_http_oauth_secret_pointer(ngx_str_t *pointer);


#endif /* _NGX_HTTP_OAUTH_SECRET_H_INCLUDED_ */
