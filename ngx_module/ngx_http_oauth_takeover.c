
/*
 * Copyright (C) The OAuth gateway authors
 */


#include "ngx_http_oauth_takeover.h"
#include "ngx_http_oauth_conf.h"
#include "ngx_http_oauth_ctx.h"
#include "ngx_http_oauth_exchange.h"
#include "ngx_http_oauth_store.h"
#include "ngx_http_oauth_value.h"


static ngx_int_t ngx_http_oauth_takeover_alias(ngx_http_request_t *r,
    ledger_exchange_t *x);
static ngx_uint_t ngx_http_oauth_takeover_other(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, const ledger_exchange_t *x);
static ngx_int_t ngx_http_oauth_takeover_victim(ngx_http_oauth_ctx_t *ctx,
    const ledger_exchange_t *x);


ngx_int_t
ngx_http_oauth_takeover(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx,
    ngx_uint_t *mode)
{
    ngx_int_t                         rc;
    ngx_uint_t                        found, takeover, problem;
    ledger_exchange_t                *x;
    const ngx_http_oauth_provider_t  *p;

    p = ctx->provider;

    if (ctx->refresh
        || (p->takeover.variable == NULL
            && p->takeover.constant == NGX_HTTP_OAUTH_MODE_PASS
            && p->integration_users == NULL))
    {
        return NGX_OK;
    }

    x = ngx_pcalloc(r->pool, sizeof(ledger_exchange_t));
    if (x == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_http_oauth_exchange_expect(r, ctx, x);

    if (rc == NGX_OK) {
        rc = ngx_http_oauth_takeover_alias(r, x);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    found = NGX_HTTP_OAUTH_MODE_PASS;
    problem = NGX_HTTP_OAUTH_PROBLEM_NONE;

    if (ngx_http_oauth_takeover_other(r, ctx, x)) {
        found = ngx_min(*mode, ngx_http_oauth_mode(r, ctx, &p->other_users));

        if (found != NGX_HTTP_OAUTH_MODE_PASS) {
            problem = NGX_HTTP_OAUTH_PROBLEM_OTHER_USER;
        }
    }

    /* the stricter of the two is said */

    rc = ngx_http_oauth_takeover_victim(ctx, x);

    takeover = ngx_min(*mode, ngx_http_oauth_mode(r, ctx, &p->takeover));

    if (rc == NGX_DECLINED && takeover > found) {
        problem = NGX_HTTP_OAUTH_PROBLEM_TAKEOVER;
        found = takeover;
    }

    if (takeover == NGX_HTTP_OAUTH_MODE_REJECT
        && found != NGX_HTTP_OAUTH_MODE_REJECT
        && !ctx->flying)
    {
        /* what is said now must be true until it is recorded */

        rc = ngx_http_oauth_claim(r, ctx, x);

        if (rc == NGX_BUSY) {
            problem = NGX_HTTP_OAUTH_PROBLEM_CONNECTING;
            found = NGX_HTTP_OAUTH_MODE_REJECT;

        } else if (rc != NGX_OK) {
            return rc;
        }
    }

    if (problem != NGX_HTTP_OAUTH_PROBLEM_NONE) {
        ctx->problem = problem;
        *mode = found;
    }

    return NGX_OK;
}


/* A login names the user that it led to when it was seen last. */

static ngx_int_t
ngx_http_oauth_takeover_alias(ngx_http_request_t *r, ledger_exchange_t *x)
{
    u_char             *p;
    ledger_t           *ledger;
    ledger_identity_t   identity;

    ledger = ngx_http_oauth_store();

    if (x->user.len || x->login.len == 0 || ledger == NULL
        || ledger_alias(ledger, x->provider, x->login, &identity)
           != LEDGER_OK)
    {
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, identity.user.len + identity.tenant.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(p, identity.user.data, identity.user.len);
    x->user.data = p;
    x->user.len = identity.user.len;

    if (x->tenant.len == 0 && identity.tenant.len) {
        p += identity.user.len;

        ngx_memcpy(p, identity.tenant.data, identity.tenant.len);
        x->tenant.data = p;
        x->tenant.len = identity.tenant.len;
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_http_oauth_takeover_other(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, const ledger_exchange_t *x)
{
    return !x->exempt
           && ngx_http_oauth_other_user(r, ctx, &x->user, &x->login);
}


/* NGX_DECLINED: another owner's connection would end, ctx->holder. */

static ngx_int_t
ngx_http_oauth_takeover_victim(ngx_http_oauth_ctx_t *ctx,
    const ledger_exchange_t *x)
{
    ledger_t              *ledger;
    ledger_expectation_t   expectation;

    ledger = ngx_http_oauth_store();

    if (ledger == NULL
        || ledger_expect(ledger, x, ngx_http_oauth_now(), &expectation)
           != LEDGER_OK
        || expectation.takeover.connection == 0)
    {
        return NGX_OK;
    }

    ctx->holder = expectation.takeover.connection;
    ctx->holder_limit = expectation.takeover.limit;

    return NGX_DECLINED;
}


ngx_uint_t
ngx_http_oauth_other_user(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx,
    const ledger_slice_t *user, const ledger_slice_t *login)
{
    ngx_str_t                      value;
    ngx_uint_t                     i, other;
    ngx_array_t                   *values;
    ngx_http_complex_value_t      *cv;
    ngx_http_oauth_value_scope_t   scope;

    values = ctx->provider->integration_users;

    if (values == NULL || (user->len == 0 && login->len == 0)) {
        /* who is unknown is not another */
        return 0;
    }

    if (ngx_http_oauth_value_open(r, ctx, 0, &scope) != NGX_OK) {
        return 0;
    }

    other = 1;
    cv = values->elts;

    for (i = 0; i < values->nelts && other; i++) {

        if (ngx_http_complex_value(r, &cv[i], &value) != NGX_OK) {
            other = 0;

        } else if (value.len
                   && ((value.len == user->len
                        && ngx_memcmp(value.data, user->data, user->len) == 0)
                       || (value.len == login->len
                           && ngx_memcmp(value.data, login->data, login->len)
                              == 0)))
        {
            other = 0;
        }
    }

    ngx_http_oauth_value_close(r, ctx, &scope);

    return other;
}


ngx_uint_t
ngx_http_oauth_other_holder(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx)
{
    const ledger_connection_t  *c;

    if (ctx->provider->integration_users == NULL || ctx->connection_id == 0) {
        return 0;
    }

    c = ngx_http_oauth_connection(ctx);

    return ngx_http_oauth_other_user(r, ctx, &c->user, &c->login);
}
