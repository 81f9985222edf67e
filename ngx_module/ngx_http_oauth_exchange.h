
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * From an answer to a record.
 */

#ifndef _NGX_HTTP_OAUTH_EXCHANGE_H_INCLUDED_
#define _NGX_HTTP_OAUTH_EXCHANGE_H_INCLUDED_


#include "ngx_http_oauth_gateway.h"

#include <jansson.h>


/*
 * As much of an exchange as is known before it is sent.  NGX_OK or
 * NGX_ERROR.
 */

ngx_int_t ngx_http_oauth_exchange_expect(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ledger_exchange_t *x);

/*
 * Reads the answer's message, evaluates the provider's VALUEs and fills
 * ctx->exchange, whose strings live in the request's pool.  NGX_OK;
 * NGX_DECLINED: no token answer, nothing to record; NGX_ABORT: an answer
 * that cannot be understood or recorded; NGX_ERROR: no memory.
 */

ngx_int_t ngx_http_oauth_exchange_read(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_str_t *answer);

/*
 * Applies response_set: *text is the answer serialised anew, as JSON or form,
 * in the pool.  "changed": its message was changed before.  NGX_OK;
 * NGX_DECLINED: nothing to change; NGX_ERROR.
 */

ngx_int_t ngx_http_oauth_exchange_set(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_uint_t changed, ngx_str_t *text);

/*
 * Serialises a message anew, as a form or JSON, into the pool.  NGX_OK;
 * NGX_DECLINED: a form cannot hold it; NGX_ERROR.
 */

ngx_int_t ngx_http_oauth_exchange_text(ngx_http_request_t *r,
    json_t *message, ngx_uint_t form, ngx_str_t *text);

/*
 * Whether an answer that brought no tokens says for good that the refresh
 * token is dead (RFC 6749, 5.2: invalid_grant).
 */

ngx_uint_t ngx_http_oauth_exchange_refused(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);

/* The identity as the ledger takes it: beyond its bound it is unknown. */

ledger_slice_t ngx_http_oauth_identity(ngx_http_request_t *r,
    ngx_str_t *value, const char *name);


#endif /* _NGX_HTTP_OAUTH_EXCHANGE_H_INCLUDED_ */
