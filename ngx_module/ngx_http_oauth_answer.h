
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * A provider's answer to a token request: its bytes, and their way out.
 */

#ifndef _NGX_HTTP_OAUTH_ANSWER_H_INCLUDED_
#define _NGX_HTTP_OAUTH_ANSWER_H_INCLUDED_


#include "ngx_http_oauth_gateway.h"


/* The largest token answer seen (Entra, all claims) is below 32 KB. */
#define NGX_HTTP_OAUTH_ANSWER_MAX   262144


/* ngx_http_oauth_answer.c: the bytes of a provider's answer */

/*
 * ngx_http_oauth_answer_start() makes the buffer ctx->answer, in the header
 * filter; what is longer than the field Content-Length says grows it.
 * NGX_OK or NGX_ERROR.
 *
 * ngx_http_oauth_answer_append() adds the bytes of "b", which stay as they
 * are.  NGX_OK; NGX_DECLINED: more than "max" in all, nothing was added;
 * NGX_ERROR.
 *
 * ngx_http_oauth_answer_drop() cleanses the buffer and gives it back.
 */

ngx_int_t ngx_http_oauth_answer_start(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);
ngx_int_t ngx_http_oauth_answer_append(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_buf_t *b, size_t max);
void ngx_http_oauth_answer_drop(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);

/*
 * Undoes the Content-Encoding that the answer had at its start: *text is
 * replaced by the result, in the pool.  NGX_OK, also where there is none;
 * NGX_DECLINED: an unknown coding, damaged, or more than "max"; NGX_ERROR.
 */

ngx_int_t ngx_http_oauth_answer_plain(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_str_t *text, size_t max);


/* ngx_http_oauth_capture.c: the way of a token request's answer */

/*
 * Both are called by the module's filters, for a request that has been
 * forwarded from a token endpoint.  NGX_DECLINED: nothing is held, go on.
 */

ngx_int_t ngx_http_oauth_capture_header(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);
ngx_int_t ngx_http_oauth_capture_body(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_chain_t *in);


#endif /* _NGX_HTTP_OAUTH_ANSWER_H_INCLUDED_ */
