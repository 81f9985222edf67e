
/*
 * Copyright (C) The OAuth gateway authors
 */


#include "ngx_http_oauth_late.h"
#include "ngx_http_oauth_conf.h"
#include "ngx_http_oauth_ctx.h"
#include "ngx_http_oauth_exchange.h"
#include "ngx_http_oauth_store.h"
#include "ngx_http_oauth_value.h"


static ngx_int_t ngx_http_oauth_late_value(ngx_http_request_t *r,
    ngx_array_t *values, ledger_slice_t known, ngx_str_t *late);


ngx_int_t
ngx_http_oauth_late_read(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx,
    ngx_uint_t secrets)
{
    ngx_int_t                      rc;
    const ledger_connection_t     *connection;
    ngx_http_oauth_value_scope_t   scope;

    connection = ngx_http_oauth_connection(ctx);

    if (ngx_http_oauth_value_open(r, ctx, secrets, &scope) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = ngx_http_oauth_late_value(r, ctx->provider->user, connection->user,
                                   &ctx->late_user);

    if (rc == NGX_OK) {
        rc = ngx_http_oauth_late_value(r, ctx->provider->tenant,
                                       connection->tenant,
                                       &ctx->late_tenant);
    }

    ngx_http_oauth_value_close(r, ctx, &scope);

    return rc;
}


static ngx_int_t
ngx_http_oauth_late_value(ngx_http_request_t *r, ngx_array_t *values,
    ledger_slice_t known, ngx_str_t *late)
{
    ngx_str_t  value;

    if (known.len) {
        return NGX_OK;
    }

    if (ngx_http_oauth_value_first(r, values, &value) != NGX_OK) {
        return NGX_ERROR;
    }

    if (value.len) {
        *late = value;
    }

    return NGX_OK;
}


void
ngx_http_oauth_late_bind(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx)
{
    ledger_record_t  record;

    if (ctx->late_user.len == 0 && ctx->late_tenant.len == 0) {
        return;
    }

    ngx_memzero(&record, sizeof(ledger_record_t));

    record.kind = LEDGER_BINDING;
    record.at = ngx_http_oauth_now();
    record.u.binding.connection = ctx->connection_id;
    record.u.binding.user = ngx_http_oauth_identity(r, &ctx->late_user,
                                                    "user");
    record.u.binding.tenant = ngx_http_oauth_identity(r, &ctx->late_tenant,
                                                      "tenant");

    (void) ngx_http_oauth_commit(&record, NULL, NULL);
}
