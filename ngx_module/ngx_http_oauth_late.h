
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * What later answers tell of a connection: its user and tenant.
 */

#ifndef _NGX_HTTP_OAUTH_LATE_H_INCLUDED_
#define _NGX_HTTP_OAUTH_LATE_H_INCLUDED_


#include "ngx_http_oauth_gateway.h"


/* A profile is a few KB; one with claims of all kinds is a token answer's. */
#define NGX_HTTP_OAUTH_USERINFO_MAX  262144


/* ngx_http_oauth_late.c: identities that come after the exchange (R8) */

/*
 * ngx_http_oauth_late_read() evaluates "user" and "tenant" of the provider
 * where the connection's own is unknown, and keeps what it finds in
 * ctx->late_user and ctx->late_tenant; what was found before stays if
 * nothing is found now.  "secrets" as in ngx_http_oauth_value_open().
 * NGX_OK or NGX_ERROR.
 *
 * ngx_http_oauth_late_bind() records what was found.  Nobody waits for it.
 */

ngx_int_t ngx_http_oauth_late_read(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_uint_t secrets);
void ngx_http_oauth_late_bind(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);


/* ngx_http_oauth_userinfo.c: answers that name the user of a token */

/*
 * Called for the header of an answer that the provider gave to a live
 * token.  Whether the answer is copied: then what is known late is bound
 * after its last byte, else the caller binds it.
 */

ngx_uint_t ngx_http_oauth_userinfo_start(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);

/* Called by the body filter.  NGX_DECLINED: the caller passes "in" on. */

ngx_int_t ngx_http_oauth_userinfo_body(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_chain_t *in);

/* The request ends: an answer that is still copied was cut short. */

void ngx_http_oauth_userinfo_cleanup(ngx_http_oauth_ctx_t *ctx);


#endif /* _NGX_HTTP_OAUTH_LATE_H_INCLUDED_ */
