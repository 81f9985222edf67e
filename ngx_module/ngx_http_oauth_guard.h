
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * The way of an API call.
 */

#ifndef _NGX_HTTP_OAUTH_GUARD_H_INCLUDED_
#define _NGX_HTTP_OAUTH_GUARD_H_INCLUDED_


#include "ngx_http_oauth_gateway.h"


/* ngx_http_oauth_guard.c: the way of an API call */

ngx_int_t ngx_http_oauth_guard_handler(ngx_http_request_t *r);

/* Called for the answer's header: marks it, and learns from it. */

ngx_int_t ngx_http_oauth_guard_answer(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);

/*
 * Looks a token up and fills the state's verdict, as of "now", and
 * connection.  NGX_OK; NGX_ERROR: the ledger cannot be read.
 */

ngx_int_t ngx_http_oauth_guard_judge(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_str_t *token, ledger_ms_t now);


/* ngx_http_oauth_check.c: the same decision for another proxy's call */

/*
 * The content handler of a location with "oauth_check", whose guard has let
 * the call pass: says so.
 */

ngx_int_t ngx_http_oauth_check_handler(ngx_http_request_t *r);


#endif /* _NGX_HTTP_OAUTH_GUARD_H_INCLUDED_ */
