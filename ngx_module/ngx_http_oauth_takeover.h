
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * What a connect would do to others, and that one of a slot is under way at a
 * time.
 */

#ifndef _NGX_HTTP_OAUTH_TAKEOVER_H_INCLUDED_
#define _NGX_HTTP_OAUTH_TAKEOVER_H_INCLUDED_


#include "ngx_http_oauth_gateway.h"


/* ngx_http_oauth_takeover.c: what a connect would do, before it is sent */

/*
 * Sets ctx->problem if the connect would end a live connection of another
 * owner, or is one of a user who may hold none; *mode, the mode of the
 * endpoint, is lowered to what the provider's directive says of that.
 *
 * NGX_OK; NGX_AGAIN: it has just claimed its slots, and must be looked at
 * once more, as after ngx_http_oauth_flight_take(); NGX_DONE: it waits until
 * another connect has ended, and comes to ngx_http_oauth_token_content()
 * again; NGX_ERROR.
 */

ngx_int_t ngx_http_oauth_takeover(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_uint_t *mode);

/* Whether a known user is none of the provider's integration users. */

ngx_uint_t ngx_http_oauth_other_user(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, const ledger_slice_t *user,
    const ledger_slice_t *login);

/* The same of the user whose connection the token of a call belongs to. */

ngx_uint_t ngx_http_oauth_other_holder(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);


/* ngx_http_oauth_claim.c: one connect of a slot at a time */

/*
 * Claims all that the connect could meet others in, so that nobody comes in
 * between its look at the ledger and its record.  Ended as a flight is, by
 * ngx_http_oauth_flight_end().
 *
 * NGX_OK: there is nothing to claim; NGX_AGAIN, NGX_DONE: see
 * ngx_http_oauth_takeover(); NGX_BUSY: too many wait, or this one has waited
 * long enough; NGX_ERROR.
 */

ngx_int_t ngx_http_oauth_claim(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, const ledger_exchange_t *x);


#endif /* _NGX_HTTP_OAUTH_TAKEOVER_H_INCLUDED_ */
