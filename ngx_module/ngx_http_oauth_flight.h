
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * One exchange for many callers.
 */

#ifndef _NGX_HTTP_OAUTH_FLIGHT_H_INCLUDED_
#define _NGX_HTTP_OAUTH_FLIGHT_H_INCLUDED_


#include "ngx_http_oauth_gateway.h"


/* How a flight ended. */

#define NGX_HTTP_OAUTH_FLIGHT_SUCCESS     1  /* recorded, others replay it */
#define NGX_HTTP_OAUTH_FLIGHT_REFUSAL     2  /* invalid_grant: remembered */
#define NGX_HTTP_OAUTH_FLIGHT_UNRECORDED  3  /* rotated, but not recorded */
#define NGX_HTTP_OAUTH_FLIGHT_FAILURE     4  /* anything else: not shared */

ngx_int_t ngx_http_oauth_flight_zone(ngx_conf_t *cf,
    ngx_http_oauth_main_conf_t *mcf);
void ngx_http_oauth_flight_init_process(ngx_cycle_t *cycle,
    ngx_http_oauth_main_conf_t *mcf);

/*
 * ngx_http_oauth_flight_take() takes the flight of ctx->token for this
 * request.  NGX_OK: it is ours, and must be ended; NGX_AGAIN: another
 * request flies, in whatever worker; NGX_DECLINED: the provider has just
 * refused this token to the same fingerprint; NGX_BUSY: too many flights, or
 * a rotation of this token could not be recorded.  With "force" the memory of
 * earlier flights does not count.  ctx->inherited is set if the flight was
 * taken over from one that never ended.
 */

ngx_int_t ngx_http_oauth_flight_take(ngx_http_oauth_ctx_t *ctx,
    ngx_uint_t force);
void ngx_http_oauth_flight_end(ngx_http_oauth_ctx_t *ctx,
    ngx_uint_t outcome);

/*
 * Takes all of ctx->claims, or none, so that two requests never wait for
 * each other.  NGX_OK: they are ours, ctx->inherited as above; NGX_AGAIN:
 * another request has the one named by ctx->token now; NGX_BUSY: too many
 * flights.
 */

ngx_int_t ngx_http_oauth_flight_claim_all(ngx_http_oauth_ctx_t *ctx);

/* A secret of the table, the same in all workers, old ones included. */

ledger_slice_t ngx_http_oauth_flight_salt(void);

/*
 * Holds the request until the flight of its token has ended; then it comes
 * to ngx_http_oauth_token_content() again.  NGX_DONE; NGX_BUSY: too many
 * wait, or this one has waited long enough; NGX_ERROR.
 */

ngx_int_t ngx_http_oauth_flight_wait(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);

/* The request ends: it waits no more, and its flight is over. */

void ngx_http_oauth_flight_cleanup(ngx_http_oauth_ctx_t *ctx);


#endif /* _NGX_HTTP_OAUTH_FLIGHT_H_INCLUDED_ */
