
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * Request bodies: read whole, or peeked at.
 */

#ifndef _NGX_HTTP_OAUTH_BODY_H_INCLUDED_
#define _NGX_HTTP_OAUTH_BODY_H_INCLUDED_


#include "ngx_http_oauth_gateway.h"


/* A token request is a handful of parameters; the longest is an assertion. */
#define NGX_HTTP_OAUTH_BODY_MAX     65536

/* A grant stands at the head of a form; more is not looked at. */
#define NGX_HTTP_OAUTH_PEEK_MAX     4096


/* ngx_http_oauth_body.c: request bodies, read whole or peeked at */

/*
 * Reads the body into ctx->body, whole, at most BODY_MAX bytes, and then
 * runs the phases on: the caller returns what this returns.  NGX_DECLINED:
 * it is there.  Over the bound, ctx->body_large is set.
 */

ngx_int_t ngx_http_oauth_body_read(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);
ngx_int_t ngx_http_oauth_body_filter_init(ngx_conf_t *cf);

/*
 * Parses the body and the query string into the source "request".  NGX_OK;
 * NGX_DECLINED: ctx->problem and ctx->reason say what is wrong; NGX_ERROR.
 */

ngx_int_t ngx_http_oauth_body_parse(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);

/* Whether a Content-Type (NULL allowed) is that media type. */

ngx_uint_t ngx_http_oauth_media_type(ngx_str_t *type, const char *name);


/* ngx_http_oauth_peek.c: token requests at locations of API calls */

/*
 * ngx_http_oauth_peek_query() looks at the query string of a guarded request,
 * then ngx_http_oauth_peek_start() at a body that has been read, or else has
 * it looked at: ngx_http_oauth_peek() is given what the body filter passes
 * on.  NGX_OK: go on; else a status to end the request with, its page being
 * prepared.
 */

ngx_int_t ngx_http_oauth_peek_start(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);
ngx_int_t ngx_http_oauth_peek(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_chain_t *in);
ngx_int_t ngx_http_oauth_peek_query(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);


#endif /* _NGX_HTTP_OAUTH_BODY_H_INCLUDED_ */
