
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * What a runner is told: refusals, marks, and answers of the gateway's own.
 */

#ifndef _NGX_HTTP_OAUTH_REFUSAL_H_INCLUDED_
#define _NGX_HTTP_OAUTH_REFUSAL_H_INCLUDED_


#include "ngx_http_oauth_gateway.h"


/* ngx_http_oauth_refusal.c: what a refused runner is told */

/*
 * Answers an API call, or a token request, with the state's problem.  The
 * result is what a handler of the running phase returns: NGX_DONE where the
 * request has been finalized, else what finalizes it.
 */

ngx_int_t ngx_http_oauth_refusal_api(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);
ngx_int_t ngx_http_oauth_refusal_token(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);

/*
 * Prepares the refusal of a request whose body filter found a token
 * request: the special response with the status that is returned then gets
 * this page instead of nginx's.
 */

ngx_int_t ngx_http_oauth_refusal_page(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);

/*
 * Texts for variables, made once a request and in its pool; empty if there
 * is nothing to tell.  NGX_OK or NGX_ERROR.
 */

ngx_int_t ngx_http_oauth_refusal_detail(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_str_t *text);
ngx_int_t ngx_http_oauth_refusal_document(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_str_t *text);


/* ngx_http_oauth_mark.c: OAuth-Connection-Status */

/* Adds the field where it is due; takes away the provider's own. */

ngx_int_t ngx_http_oauth_mark(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);


/* ngx_http_oauth_local.c: answers of the gateway's own */

/*
 * Sends an answer whose other header fields are set.  Of its arguments only
 * the text must live on, in the request's pool.  The result is that of the
 * header and body filters.
 */

ngx_int_t ngx_http_oauth_local_send(ngx_http_request_t *r,
    ngx_uint_t status, ngx_str_t *type, ngx_str_t *text);

/* The same with "len" bytes in buffers, the last of which is marked here. */

ngx_int_t ngx_http_oauth_local_send_chain(ngx_http_request_t *r,
    ngx_uint_t status, ngx_str_t *type, ngx_chain_t *text, off_t len);

/*
 * A body filter can end a request with a status only: the page that nginx
 * makes for it is replaced by ctx->page on its way out.
 */

void ngx_http_oauth_local_page_header(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);
ngx_int_t ngx_http_oauth_local_page_body(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_chain_t *in);


#endif /* _NGX_HTTP_OAUTH_REFUSAL_H_INCLUDED_ */
