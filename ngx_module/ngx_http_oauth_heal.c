
/*
 * Copyright (C) The OAuth gateway authors
 */


#include "ngx_http_oauth_heal.h"
#include "ngx_http_oauth_body.h"
#include "ngx_http_oauth_conf.h"
#include "ngx_http_oauth_ctx.h"
#include "ngx_http_oauth_exchange.h"
#include "ngx_http_oauth_flight.h"
#include "ngx_http_oauth_header.h"
#include "ngx_http_oauth_replay.h"
#include "ngx_http_oauth_store.h"
#include "ngx_http_oauth_takeover.h"


/*
 * An access token is given to a runner that refreshes only while it is good
 * for a quarter of its life, or a minute: else the runner would be back at
 * once.
 */
#define NGX_HTTP_OAUTH_HEAL_MARGIN  60000


static ngx_uint_t ngx_http_oauth_heal_good(ngx_http_oauth_ctx_t *ctx);
static ngx_uint_t ngx_http_oauth_heal_exceeds(ngx_http_oauth_ctx_t *ctx);
static ngx_int_t ngx_http_oauth_heal_read(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);
static ngx_int_t ngx_http_oauth_heal_presented(ngx_http_oauth_ctx_t *ctx);
static ngx_int_t ngx_http_oauth_heal_present(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);
static ngx_int_t ngx_http_oauth_heal_body(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_str_t *text);
static ngx_uint_t ngx_http_oauth_heal_call_mode(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);
static ngx_table_elt_t *ngx_http_oauth_heal_header(ngx_http_request_t *r);
static ngx_int_t ngx_http_oauth_heal_content(ngx_http_request_t *r);
static ngx_int_t ngx_http_oauth_heal_value(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);


ngx_int_t
ngx_http_oauth_heal_refresh(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx)
{
    ngx_int_t  rc;

    if ((ctx->problem != NGX_HTTP_OAUTH_PROBLEM_SUPERSEDED
         && ctx->problem != NGX_HTTP_OAUTH_PROBLEM_ROTATED)
        || !ctx->refresh || !ctx->named
        || ngx_http_oauth_heal_exceeds(ctx))
    {
        return NGX_DECLINED;
    }

    rc = ngx_http_oauth_lend_find(r, ctx, 1);

    /* a request for something else than all has an exchange of its own */

    if (rc == NGX_OK && !ngx_http_oauth_lend_narrowed(ctx)
        && ngx_http_oauth_heal_good(ctx))
    {
        rc = ngx_http_oauth_heal_read(r, ctx);

    } else if (rc == NGX_OK) {
        rc = ngx_http_oauth_heal_present(r, ctx);
    }

    if (rc == NGX_DECLINED) {
        ngx_http_oauth_lend_cleanup(ctx);
    }

    return rc;
}


/* Whether the access token is worth being given. */

static ngx_uint_t
ngx_http_oauth_heal_good(ngx_http_oauth_ctx_t *ctx)
{
    ledger_ms_t             life;
    ngx_http_oauth_lent_t  *lent;

    lent = ctx->lent;

    if (lent->access.len == 0) {
        return 0;
    }

    if (lent->expires_at == 0 || lent->refresh.len == 0) {
        return 1;
    }

    life = lent->expires_at - ngx_min(lent->stored_at, lent->expires_at);

    return lent->expires_at > ngx_http_oauth_now()
                              + ngx_http_oauth_heal_margin(life);
}


uint64_t
ngx_http_oauth_heal_margin(uint64_t life)
{
    return ngx_min(life / 4, NGX_HTTP_OAUTH_HEAL_MARGIN);
}


/* RFC 6749, 6: no refresh asks for more than its own grant has. */

static ngx_uint_t
ngx_http_oauth_heal_exceeds(ngx_http_oauth_ctx_t *ctx)
{
    char             buf[LEDGER_SCALAR_MAX];
    ledger_slice_t   scope;

    return ledger_message_member(ctx->sources[NGX_HTTP_OAUTH_REQUEST],
                                 ledger_slice("scope"), buf, &scope)
           == LEDGER_OK
           && scope.len
           && !ledger_scope_covers(ngx_http_oauth_connection(ctx)->scope,
                                   scope);
}


/* NGX_DONE: the answer is ready; NGX_DECLINED; NGX_ERROR. */

static ngx_int_t
ngx_http_oauth_heal_read(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx)
{
    ngx_int_t               rc;
    ngx_http_oauth_lent_t  *lent;

    lent = ctx->lent;

    rc = ngx_http_oauth_replay_read(r, ctx, &lent->answer, &lent->type,
                                    &lent->text);
    if (rc != NGX_OK) {
        return rc;
    }

    lent->presented = ctx->presented;

    /* it spoke of the log-in of another connection */

    (void) json_object_del(ctx->sources[NGX_HTTP_OAUTH_RESPONSE], "id_token");

    return ngx_http_oauth_heal_presented(ctx) == NGX_OK ? NGX_DONE
                                                        : NGX_ERROR;
}


/* The runner keeps the refresh token that it has presented. */

static ngx_int_t
ngx_http_oauth_heal_presented(ngx_http_oauth_ctx_t *ctx)
{
    json_t  *presented;

    presented = json_stringn((char *) ctx->lent->presented.data,
                             ctx->lent->presented.len);

    return json_object_set_new(ctx->sources[NGX_HTTP_OAUTH_RESPONSE],
                               "refresh_token", presented)
           == 0 ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_http_oauth_heal_give(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx)
{
    ngx_http_oauth_lent_t  *lent;

    lent = ctx->lent;

    ctx->problem = NGX_HTTP_OAUTH_PROBLEM_NONE;
    ctx->action = NGX_HTTP_OAUTH_ACTION_HEAL;

    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "oauth gateway answered a refresh of connection \"%uL\" of "
                  "\"%V\" from connection \"%uL\"", ctx->connection_id,
                  &ctx->provider->name, lent->connection);

    ngx_http_oauth_flight_end(ctx, NGX_HTTP_OAUTH_FLIGHT_FAILURE);

    return ngx_http_oauth_replay_give(r, ctx, lent->stored_at, 1,
                                      &lent->type, &lent->text);
}


/* The live connection's refresh token takes the place of the presented. */

static ngx_int_t
ngx_http_oauth_heal_present(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx)
{
    ngx_int_t               rc;
    ngx_str_t               text;
    ngx_http_oauth_lent_t  *lent;

    lent = ctx->lent;

    if (lent->refresh.len == 0) {
        return NGX_DECLINED;
    }

    if (!ngx_http_oauth_store_writable()) {
        ctx->problem = NGX_HTTP_OAUTH_PROBLEM_UNAVAILABLE;
        return NGX_DECLINED;
    }

    rc = ngx_http_oauth_heal_body(r, ctx, &text);

    if (rc == NGX_OK) {
        rc = ngx_http_oauth_swap_body(r, ctx, &text);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    lent->presented = ctx->presented;

    if (ctx->flying
        && ngx_memcmp(&ctx->flight_token, &lent->refresh_id,
                      sizeof(ledger_token_id_t))
           != 0)
    {
        /* what it flew for has been rotated meanwhile */
        ngx_http_oauth_flight_end(ctx, NGX_HTTP_OAUTH_FLIGHT_FAILURE);
    }

    ctx->presented = lent->refresh;
    ctx->token = lent->refresh_id;
    ctx->problem = NGX_HTTP_OAUTH_PROBLEM_NONE;
    ctx->action = NGX_HTTP_OAUTH_ACTION_HEAL;

    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "oauth gateway refreshes connection \"%uL\" of \"%V\" for "
                  "connection \"%uL\"", lent->connection,
                  &ctx->provider->name, ctx->connection_id);

    return NGX_OK;
}


/*
 * The body with the other token.  One that stands in the query string is
 * not replaced: a URI finds its way into logs.
 */

static ngx_int_t
ngx_http_oauth_heal_body(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx,
    ngx_str_t *text)
{
    char             buf[LEDGER_SCALAR_MAX];
    json_t          *message;
    ngx_int_t        rc;
    ngx_uint_t       json;
    ledger_rc_t      parsed;
    ledger_slice_t   body, found;

    message = json_object();
    if (message == NULL) {
        return NGX_ERROR;
    }

    body = ngx_http_oauth_slice(&ctx->body);

    json = r->headers_in.content_type
           && ngx_http_oauth_media_type(&r->headers_in.content_type->value,
                                        "application/json");

    parsed = json ? ledger_message_json(body, 1, message)
                  : ledger_message_form(body, message, NULL);

    rc = NGX_DECLINED;

    if (parsed == LEDGER_OK
        && ledger_message_member(message, ledger_slice("refresh_token"), buf,
                                 &found)
           == LEDGER_OK
        && found.len == ctx->presented.len
        && CRYPTO_memcmp(found.data, ctx->presented.data, found.len) == 0
        && ledger_message_replace(message, ledger_slice("refresh_token"),
                                  ngx_http_oauth_slice(&ctx->lent->refresh))
           == LEDGER_OK)
    {
        rc = ngx_http_oauth_exchange_text(r, message, !json, text);
    }

    json_decref(message);

    return rc;
}


ngx_int_t
ngx_http_oauth_heal_answer(ngx_http_oauth_ctx_t *ctx)
{
    if (ctx->lent == NULL || ctx->lent->presented.len == 0
        || json_object_get(ctx->sources[NGX_HTTP_OAUTH_RESPONSE],
                           "refresh_token")
           == NULL)
    {
        return NGX_DECLINED;
    }

    if (ctx->unrecorded || ctx->exchange->lent.len == 0) {
        /* nobody else has the new one: without it the grant would be lost */
        return NGX_DECLINED;
    }

    return ngx_http_oauth_heal_presented(ctx);
}


ngx_uint_t
ngx_http_oauth_heal_call(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx)
{
    ngx_uint_t  mode;

    mode = ngx_http_oauth_heal_call_mode(r, ctx);

    if (mode != NGX_HTTP_OAUTH_MODE_HEAL) {
        ngx_http_oauth_lend_cleanup(ctx);
    }

    if (ctx->problem == NGX_HTTP_OAUTH_PROBLEM_NONE
        && mode != NGX_HTTP_OAUTH_MODE_HEAL)
    {
        /* rotated: the provider's 401 makes the runner refresh */
        return NGX_HTTP_OAUTH_MODE_PASS;
    }

    return mode;
}


static ngx_uint_t
ngx_http_oauth_heal_call_mode(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx)
{
    /* a refresh token is no credential here, and must not become one */

    if (ctx->kind != LEDGER_ACCESS
        || (ctx->problem != NGX_HTTP_OAUTH_PROBLEM_NONE
            && ctx->problem != NGX_HTTP_OAUTH_PROBLEM_SUPERSEDED))
    {
        return NGX_HTTP_OAUTH_MODE_REJECT;
    }

    if (ngx_http_oauth_other_holder(r, ctx)) {
        return NGX_HTTP_OAUTH_MODE_REJECT;
    }

    if (ngx_http_oauth_lend_find(r, ctx, 0) != NGX_OK
        || r->content_handler == NULL
        || ngx_http_oauth_heal_header(r) == NULL)
    {
        return NGX_HTTP_OAUTH_MODE_REJECT;
    }

    /*
     * A token that has run out is not made good by heal: the provider's 401
     * makes the runner refresh, and that is healed.
     */

    if ((ctx->token_expires_at
         && ctx->token_expires_at <= ngx_http_oauth_now())
        || (ctx->lent->access.len == 0 && ctx->lent->refresh.len))
    {
        return NGX_HTTP_OAUTH_MODE_FLAG;
    }

    if (ctx->lent->access.len == 0) {
        return NGX_HTTP_OAUTH_MODE_REJECT;
    }

    /* allow, deny and the auth modules see what the runner sent */

    ctx->content_handler = r->content_handler;
    r->content_handler = ngx_http_oauth_heal_content;

    return NGX_HTTP_OAUTH_MODE_HEAL;
}


/*
 * The one field that the token stands in; NULL: it cannot be replaced.  A
 * DPoP token is bound to the runner's own key.
 */

static ngx_table_elt_t *
ngx_http_oauth_heal_header(ngx_http_request_t *r)
{
    ngx_uint_t                  n;
    ngx_table_elt_t            *h;
    ngx_http_complex_value_t   *cv;
    ngx_http_oauth_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_oauth_gateway_module);

    if (!ngx_http_oauth_heal_replaces(lcf)) {
        return NULL;
    }

    if (lcf->token_from == NULL) {
        h = r->headers_in.authorization;
        n = 1;

    } else {
        cv = lcf->token_from->elts;
        h = ngx_http_oauth_header_variable(r, &cv->value, &n);
    }

    if (h == NULL || n != 1 || h->value.data[0] == '\t'
        || ngx_strncasecmp(h->value.data, (u_char *) "DPoP ", 5) == 0)
    {
        return NULL;
    }

    return h;
}


ngx_uint_t
ngx_http_oauth_heal_replaces(ngx_http_oauth_loc_conf_t *lcf)
{
    ngx_http_complex_value_t  *cv;

    if (lcf->token_field.len) {
        return 0;
    }

    if (lcf->token_from == NULL) {
        return 1;
    }

    cv = lcf->token_from->elts;

    return lcf->token_from->nelts == 1
           && ngx_http_oauth_header_is_variable(&cv->value);
}


static ngx_int_t
ngx_http_oauth_heal_content(ngx_http_request_t *r)
{
    ngx_http_oauth_ctx_t  *ctx;

    ctx = ngx_http_oauth_ctx(r);

    r->content_handler = ctx->content_handler;

    if (ngx_http_oauth_heal_value(r, ctx) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->lent->sent = 1;

    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "oauth gateway healed a call of connection \"%uL\" of "
                  "\"%V\" with the token of connection \"%uL\"",
                  ctx->connection_id, &ctx->provider->name,
                  ctx->lent->connection);

    return ngx_http_oauth_swap_send(r, ctx);
}


/* The field's value with the lent token in it. */

static ngx_int_t
ngx_http_oauth_heal_value(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx)
{
    u_char                 *p;
    size_t                  scheme;
    ledger_slice_t          token;
    ngx_table_elt_t        *h;
    ngx_http_oauth_lent_t  *lent;

    lent = ctx->lent;

    h = ngx_http_oauth_heal_header(r);
    if (h == NULL) {
        return NGX_ERROR;
    }

    /* what stands before the token stays: the scheme, if there is one */

    scheme = 0;

    if (ledger_credential_token(ngx_http_oauth_slice(&h->value), &token)
        == LEDGER_OK)
    {
        scheme = token.data - h->value.data;
    }

    p = ngx_pnalloc(r->pool, scheme + lent->access.len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    lent->header = h;
    lent->lent_value.data = p;
    lent->lent_value.len = scheme + lent->access.len;

    p = ngx_cpymem(p, h->value.data, scheme);
    p = ngx_cpymem(p, lent->access.data, lent->access.len);
    *p = '\0';

    return NGX_OK;
}


void
ngx_http_oauth_heal_again(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx)
{
    ngx_http_oauth_swap_out(r, ctx);

    if (ctx->lent && ctx->lent->presented.len) {
        ctx->presented = ctx->lent->presented;
    }

    ngx_http_oauth_lend_cleanup(ctx);
}
