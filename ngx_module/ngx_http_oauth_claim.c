
/*
 * Copyright (C) The OAuth gateway authors
 */


#include "ngx_http_oauth_takeover.h"
#include "ngx_http_oauth_ctx.h"
#include "ngx_http_oauth_flight.h"


static ngx_int_t ngx_http_oauth_claim_names(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, const ledger_exchange_t *x);


ngx_int_t
ngx_http_oauth_claim(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx,
    const ledger_exchange_t *x)
{
    ngx_int_t  rc;

    /* while it waited, a login may have become known: named anew */

    rc = ngx_http_oauth_claim_names(r, ctx, x);

    if (rc != NGX_OK || ctx->nclaims == 0) {
        return rc;
    }

    rc = ngx_http_oauth_flight_claim_all(ctx);

    if (rc == NGX_OK) {
        return NGX_AGAIN;
    }

    return (rc == NGX_AGAIN) ? ngx_http_oauth_flight_wait(r, ctx) : rc;
}


static ngx_int_t
ngx_http_oauth_claim_names(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx,
    const ledger_exchange_t *x)
{
    uint32_t           i, n;
    ledger_token_id_t  names[LEDGER_MEETINGS_MAX];

    if (ctx->claims == NULL) {
        ctx->claims = ngx_pcalloc(r->pool, LEDGER_MEETINGS_MAX
                                           * sizeof(ngx_http_oauth_claim_t));
        if (ctx->claims == NULL) {
            return NGX_ERROR;
        }
    }

    ctx->nclaims = 0;

    switch (ledger_expect_meetings(x, ngx_http_oauth_flight_salt(), names,
                                   &n))
    {

    case LEDGER_OK:
        break;

    case LEDGER_NOMEM:
        return NGX_ERROR;

    default:
        /* beyond its bounds: it will not be recorded, and meets nobody */
        return NGX_OK;
    }

    for (i = 0; i < n; i++) {
        ctx->claims[i].name = names[i];
        ctx->claims[i].serial = 0;
    }

    ctx->nclaims = n;

    return NGX_OK;
}
