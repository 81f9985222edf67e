
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * Live tokens in place of dead ones: kept, chosen, and put into a request.
 */

#ifndef _NGX_HTTP_OAUTH_HEAL_H_INCLUDED_
#define _NGX_HTTP_OAUTH_HEAL_H_INCLUDED_


#include "ngx_http_oauth_gateway.h"


/* ngx_http_oauth_lend.c: tokens kept for others of the same identity */

/*
 * ngx_http_oauth_lend_keep() seals the tokens of an answer into
 * ctx->exchange, and notes the client authentication, where the provider's
 * locations heal and the client is a confidential one.  NGX_OK;
 * NGX_DECLINED: nothing to keep; NGX_ERROR.
 *
 * ngx_http_oauth_lend_find() finds and opens what the token's connection may
 * use: ctx->lent.  NGX_OK; NGX_DECLINED: nothing; NGX_ERROR: no memory.
 *
 * ngx_http_oauth_lend_cleanup() cleanses it.
 */

ngx_int_t ngx_http_oauth_lend_keep(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_str_t *answer);
ngx_int_t ngx_http_oauth_lend_find(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_uint_t authenticate);
void ngx_http_oauth_lend_cleanup(ngx_http_oauth_ctx_t *ctx);

/* Whether the request asks for less than all that its grant is good for. */

ngx_uint_t ngx_http_oauth_lend_narrowed(ngx_http_oauth_ctx_t *ctx);


/* ngx_http_oauth_heal.c: a live connection's tokens in place of dead ones */

/*
 * Heals a refresh whose token is superseded or rotated.  NGX_OK: the token of
 * the live connection stands in its place, and is to be refreshed; NGX_DONE:
 * the answer is there, to be given by ngx_http_oauth_heal_give(), whose
 * result ends the request; NGX_DECLINED: it cannot be healed; NGX_ERROR.
 */

ngx_int_t ngx_http_oauth_heal_refresh(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);
ngx_int_t ngx_http_oauth_heal_give(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);

/*
 * Decides about a call with such a token: the mode that it comes to, which
 * is NGX_HTTP_OAUTH_MODE_HEAL where the content handler will send a live
 * one.
 */

ngx_uint_t ngx_http_oauth_heal_call(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);

/*
 * How much of its life, in ms, an access token must have left to be given to
 * a runner that refreshes.
 */

uint64_t ngx_http_oauth_heal_margin(uint64_t life);

/*
 * Puts the refresh token that was presented back into the answer, unless the
 * new one would be lost by that: it is neither recorded nor lent.
 */

ngx_int_t ngx_http_oauth_heal_answer(ngx_http_oauth_ctx_t *ctx);

/* Puts back what the request had, so that all can be decided anew. */

void ngx_http_oauth_heal_again(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);

/* Whether heal can replace a token that is taken from there. */

ngx_uint_t ngx_http_oauth_heal_replaces(ngx_http_oauth_loc_conf_t *lcf);


/* ngx_http_oauth_swap.c: when a lent token stands in the request */

/*
 * ngx_http_oauth_swap_body() makes "text", which must live as long as the
 * request, the body that goes to the provider.  NGX_OK; NGX_ERROR.
 *
 * ngx_http_oauth_swap_send() runs r->content_handler and returns what it
 * does.  What is lent stands in the request only while the request for the
 * provider is written, at once or when the runner's body has come: nothing
 * that comes after it, or runs beside it, sees it.  A handler that is no
 * upstream's has it until the answer begins.
 *
 * ngx_http_oauth_swap_out() puts back what the request had, if it is not
 * there; ngx_http_oauth_swap_handler() does it in the rewrite phases, where
 * an internal redirect begins.
 */

ngx_int_t ngx_http_oauth_swap_body(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_str_t *text);
ngx_int_t ngx_http_oauth_swap_send(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);
void ngx_http_oauth_swap_out(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);
ngx_int_t ngx_http_oauth_swap_handler(ngx_http_request_t *r);


#endif /* _NGX_HTTP_OAUTH_HEAL_H_INCLUDED_ */
