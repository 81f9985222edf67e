
/*
 * Copyright (C) The OAuth gateway authors
 */


#include "ngx_http_oauth_token_endpoint.h"
#include "ngx_http_oauth_body.h"
#include "ngx_http_oauth_conf.h"
#include "ngx_http_oauth_ctx.h"
#include "ngx_http_oauth_flight.h"
#include "ngx_http_oauth_guard.h"
#include "ngx_http_oauth_header.h"
#include "ngx_http_oauth_heal.h"
#include "ngx_http_oauth_members.h"
#include "ngx_http_oauth_problem.h"
#include "ngx_http_oauth_refusal.h"
#include "ngx_http_oauth_replay.h"
#include "ngx_http_oauth_store.h"
#include "ngx_http_oauth_takeover.h"
#include "ngx_http_oauth_value.h"


static ngx_int_t ngx_http_oauth_token_begin(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_http_oauth_loc_conf_t *lcf);
static ngx_int_t ngx_http_oauth_token_read(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);
static ngx_int_t ngx_http_oauth_token_client(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);
static ngx_int_t ngx_http_oauth_token_default_client(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_str_t *client);
static ngx_int_t ngx_http_oauth_token_owner(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);
static ngx_int_t ngx_http_oauth_token_presented(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);
static ngx_int_t ngx_http_oauth_token_again(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);
static void ngx_http_oauth_token_problem(ngx_http_oauth_ctx_t *ctx);
static ngx_uint_t ngx_http_oauth_token_graceful(ngx_http_oauth_ctx_t *ctx);
static ngx_int_t ngx_http_oauth_token_fly(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_uint_t mode);
static ngx_int_t ngx_http_oauth_token_flown(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);
static ngx_int_t ngx_http_oauth_token_settle(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);
static void ngx_http_oauth_token_settled(void *data, ngx_uint_t durable);
static void ngx_http_oauth_token_marked(ngx_http_oauth_ctx_t *ctx,
    ngx_uint_t mode);
static ngx_int_t ngx_http_oauth_token_refuse(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);
static ngx_int_t ngx_http_oauth_owner_cut(ngx_http_request_t *r,
    ngx_list_part_t *prev, ngx_list_part_t *part, ngx_uint_t i);


ngx_int_t
ngx_http_oauth_token_endpoint_handler(ngx_http_request_t *r)
{
    ngx_int_t                   rc;
    ngx_http_oauth_ctx_t       *ctx;
    ngx_http_oauth_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_oauth_gateway_module);

    if (lcf->token_provider == NULL || lcf->token_off) {
        return NGX_DECLINED;
    }

    ctx = ngx_http_oauth_ctx_make(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ctx->decided) {
        /* error_page has led back to here: all is said */
        return NGX_DECLINED;
    }

    rc = ngx_http_oauth_token_begin(r, ctx, lcf);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_oauth_body_read(r, ctx);
    if (rc != NGX_DECLINED) {
        return rc;
    }

    ctx->decided = 1;

    if (ngx_http_oauth_token_read(r, ctx) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* allow, deny and the auth modules speak before the gateway does */

    ctx->content_handler = r->content_handler;
    r->content_handler = ngx_http_oauth_token_content;

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_oauth_token_begin(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx,
    ngx_http_oauth_loc_conf_t *lcf)
{
    if (r != r->main) {

        /* a subrequest has no body of its own that could be read here */

        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "oauth gateway: a subrequest cannot use the token "
                      "endpoint of \"%V\"", &lcf->token_provider->name);

        return NGX_HTTP_FORBIDDEN;
    }

    ctx->provider = lcf->token_provider;
    ctx->token_endpoint = 1;
    ctx->verdict = LEDGER_VERDICT_NONE;

    /* in flag mode nothing is refused: what is too large goes on */

    ctx->body_drop = (lcf->token_mode.variable == NULL
                      && lcf->token_mode.constant
                         >= NGX_HTTP_OAUTH_MODE_REJECT);

    ngx_http_oauth_mask_log(r);

    return NGX_OK;
}


/* What is known before the exchange; the owner is known later. */

static ngx_int_t
ngx_http_oauth_token_read(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx)
{
    json_t                        *request;
    ngx_int_t                      rc;
    ngx_str_t                      code;
    ngx_http_oauth_value_scope_t   scope;

    if (ngx_http_oauth_body_parse(r, ctx) == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (ngx_http_oauth_value_open(r, ctx, 1, &scope) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = ngx_http_oauth_token_client(r, ctx);

    ngx_http_oauth_value_close(r, ctx, &scope);

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    request = ctx->sources[NGX_HTTP_OAUTH_REQUEST];

    if (ngx_http_oauth_token_member(r, request, "grant_type", &ctx->grant)
        != NGX_OK
        || ngx_http_oauth_token_member(r, request, "code", &code) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ctx->grant.len == 0 && code.len) {
        /* GitHub, Slack */
        ngx_str_set(&ctx->grant, "authorization_code");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_oauth_token_client(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx)
{
    if (ctx->provider->client) {
        return ngx_http_oauth_value_first(r, ctx->provider->client,
                                          &ctx->client);
    }

    return ngx_http_oauth_token_default_client(r, ctx, &ctx->client);
}


/* The body's client_id, Basic's user name, the assertion's issuer. */

static ngx_int_t
ngx_http_oauth_token_default_client(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_str_t *client)
{
    size_t            len;
    u_char            name[LEDGER_IDENTITY_MAX];
    json_t           *message;
    ngx_table_elt_t  *h;

    message = ctx->sources[NGX_HTTP_OAUTH_REQUEST];

    if (ngx_http_oauth_token_member(r, message, "client_id", client)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    h = r->headers_in.authorization;

    if (client->len == 0 && h != NULL
        && ledger_credential_basic(ngx_http_oauth_slice(&h->value), name,
                                   sizeof(name), &len)
           == LEDGER_OK
        && len)
    {
        client->data = ngx_pnalloc(r->pool, len);
        if (client->data == NULL) {
            return NGX_ERROR;
        }

        ngx_memcpy(client->data, name, len);
        client->len = len;
    }

    if (client->len) {
        return NGX_OK;
    }

    message = ngx_http_oauth_source(r, ctx, NGX_HTTP_OAUTH_CLIENT_ASSERTION);

    return ngx_http_oauth_token_member(r, message, "iss", client);
}


ngx_int_t
ngx_http_oauth_token_member(ngx_http_request_t *r, json_t *message,
    const char *name, ngx_str_t *value)
{
    char             buf[LEDGER_SCALAR_MAX];
    ledger_slice_t   slice, member;

    ngx_str_null(value);

    slice.data = (u_char *) name;
    slice.len = ngx_strlen(name);

    if (message == NULL
        || ledger_message_member(message, slice, buf, &member) != LEDGER_OK
        || member.len == 0)
    {
        return NGX_OK;
    }

    value->data = ngx_pnalloc(r->pool, member.len);
    if (value->data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(value->data, member.data, member.len);
    value->len = member.len;

    return NGX_OK;
}


/*
 * Only now have the auth modules spoken, one of which may know the owner:
 * what the runner claims must not be taken before.
 */

static ngx_int_t
ngx_http_oauth_token_owner(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx)
{
    ngx_int_t                     rc;
    ngx_http_oauth_value_scope_t  scope;

    if (ctx->owned) {
        return NGX_OK;
    }

    ctx->owned = 1;

    if (ngx_http_oauth_value_open(r, ctx, 1, &scope) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = ngx_http_oauth_value_first(r, ctx->provider->owner, &ctx->owner);

    ngx_http_oauth_value_close(r, ctx, &scope);
    ngx_http_oauth_owner_strip(r);

    return rc;
}


/* What the ledger says of the refresh token that is presented. */

static ngx_int_t
ngx_http_oauth_token_presented(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx)
{
    if (ctx->grant.len != sizeof("refresh_token") - 1
        || ngx_strncmp(ctx->grant.data, "refresh_token",
                       sizeof("refresh_token") - 1)
           != 0)
    {
        return NGX_OK;
    }

    if (ctx->presented.len == 0
        && ngx_http_oauth_token_member(r,
                                       ctx->sources[NGX_HTTP_OAUTH_REQUEST],
                                       "refresh_token", &ctx->presented)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ctx->presented.len == 0) {
        return NGX_OK;
    }

    ctx->refresh = 1;

    /* without a ledger it is unknown, and so is refused or marked below */

    (void) ngx_http_oauth_guard_judge(r, ctx, &ctx->presented,
                                      ngx_http_oauth_now());

    if (ctx->verdict != LEDGER_VERDICT_UNKNOWN
        && ctx->kind != LEDGER_REFRESH)
    {
        /* an access token presented here: let the provider say so */
        ctx->verdict = LEDGER_VERDICT_UNKNOWN;
        ctx->named = 0;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_oauth_token_content(ngx_http_request_t *r)
{
    ngx_int_t                   rc;
    ngx_uint_t                  mode;
    ngx_http_oauth_ctx_t       *ctx;
    ngx_http_oauth_loc_conf_t  *lcf;

    ctx = ngx_http_oauth_ctx(r);
    lcf = ngx_http_get_module_loc_conf(r, ngx_http_oauth_gateway_module);

    /* a request that has waited is decided anew, by its own token */

    ngx_http_oauth_heal_again(r, ctx);

    if (ngx_http_oauth_token_owner(r, ctx) != NGX_OK
        || ngx_http_oauth_token_presented(r, ctx) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    mode = ngx_http_oauth_mode(r, ctx, &lcf->token_mode);

    if (ctx->undecided) {
        /* R1: only the provider knows which of two it kept */
        mode = ngx_min(mode, NGX_HTTP_OAUTH_MODE_FLAG);
    }

    ctx->healing = (mode == NGX_HTTP_OAUTH_MODE_HEAL);

    rc = ngx_http_oauth_token_again(r, ctx);
    if (rc != NGX_DECLINED) {
        ngx_http_oauth_flight_end(ctx, NGX_HTTP_OAUTH_FLIGHT_FAILURE);
        return rc;
    }

    ngx_http_oauth_token_problem(ctx);

    if (mode == NGX_HTTP_OAUTH_MODE_HEAL) {

        rc = ngx_http_oauth_heal_refresh(r, ctx);
        if (rc == NGX_DONE) {
            return ngx_http_oauth_heal_give(r, ctx);
        }

        if (rc == NGX_ERROR) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        ctx->healing = 0;

        if (ctx->problem == NGX_HTTP_OAUTH_PROBLEM_ROTATED) {
            /* its successor, although the access token has run out */

            rc = ngx_http_oauth_token_again(r, ctx);
            if (rc != NGX_DECLINED) {
                ngx_http_oauth_flight_end(ctx, NGX_HTTP_OAUTH_FLIGHT_FAILURE);
                return rc;
            }

            ngx_http_oauth_token_problem(ctx);
        }

        mode = NGX_HTTP_OAUTH_MODE_REJECT;
    }

    if (ctx->problem == NGX_HTTP_OAUTH_PROBLEM_NONE) {
        rc = ngx_http_oauth_takeover(r, ctx, &mode);

        if (rc == NGX_AGAIN) {
            return ngx_http_oauth_token_flown(r, ctx);
        }

        if (rc != NGX_OK) {
            return rc == NGX_DONE ? NGX_DONE : NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    if (ctx->problem != NGX_HTTP_OAUTH_PROBLEM_NONE
        && mode == NGX_HTTP_OAUTH_MODE_REJECT)
    {
        ngx_http_oauth_flight_end(ctx, NGX_HTTP_OAUTH_FLIGHT_FAILURE);
        return ngx_http_oauth_token_refuse(r, ctx);
    }

    if (ctx->refresh && ctx->named && !ctx->flying) {
        return ngx_http_oauth_token_fly(r, ctx, mode);
    }

    ngx_http_oauth_token_marked(ctx, mode);

    return ngx_http_oauth_token_forward(r, ctx);
}


/* The same answer again, for a refresh that the gateway has seen before. */

static ngx_int_t
ngx_http_oauth_token_again(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx)
{
    ngx_int_t  rc;

    if (!ctx->refresh || !ctx->named
        || ctx->problem == NGX_HTTP_OAUTH_PROBLEM_MALFORMED
        || ctx->problem == NGX_HTTP_OAUTH_PROBLEM_TOO_LARGE)
    {
        return NGX_DECLINED;
    }

    /* what an earlier look at it found, before it waited */

    ctx->problem = NGX_HTTP_OAUTH_PROBLEM_NONE;

    if (ngx_http_oauth_replay_print(r, ctx, 0, &ctx->print) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_oauth_replay(r, ctx);

    if (rc == NGX_ABORT) {
        ctx->problem = NGX_HTTP_OAUTH_PROBLEM_OTHER_CLIENT;
        return NGX_DECLINED;
    }

    return rc;
}


static void
ngx_http_oauth_token_problem(ngx_http_oauth_ctx_t *ctx)
{
    if (ctx->problem != NGX_HTTP_OAUTH_PROBLEM_NONE) {
        return;
    }

    if (ctx->verdict == LEDGER_VERDICT_SUPERSEDED) {
        ctx->problem = NGX_HTTP_OAUTH_PROBLEM_SUPERSEDED;

    } else if (ctx->verdict == LEDGER_VERDICT_REVOKED) {
        ctx->problem = NGX_HTTP_OAUTH_PROBLEM_REVOKED;

    } else if (ctx->refresh && ctx->rotated_at
               && !ngx_http_oauth_token_graceful(ctx))
    {
        /* a provider that sees it again may end the whole grant */
        ctx->problem = NGX_HTTP_OAUTH_PROBLEM_ROTATED;

    } else if (!ngx_http_oauth_store_writable()) {
        ctx->problem = NGX_HTTP_OAUTH_PROBLEM_UNAVAILABLE;
    }
}


/* Whether the provider itself still accepts this rotated token. */

static ngx_uint_t
ngx_http_oauth_token_graceful(ngx_http_oauth_ctx_t *ctx)
{
    if (ctx->provider->grace == 0
        || ctx->provider->grace == NGX_HTTP_OAUTH_GRACE_ALWAYS)
    {
        /* no look at the clock: that of another worker may be ahead */
        return ctx->provider->grace != 0;
    }

    return ctx->rotated_at + ctx->provider->grace > ngx_http_oauth_now();
}


/* One exchange of a token at a time: it flies here, or waits for another. */

static ngx_int_t
ngx_http_oauth_token_fly(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx,
    ngx_uint_t mode)
{
    ngx_int_t   rc;
    ngx_uint_t  problem;

    rc = ngx_http_oauth_flight_take(ctx, mode != NGX_HTTP_OAUTH_MODE_REJECT);

    if (rc == NGX_AGAIN) {
        rc = ngx_http_oauth_flight_wait(r, ctx);
    }

    switch (rc) {

    case NGX_OK:
        return ngx_http_oauth_token_flown(r, ctx);

    case NGX_DONE:
        return NGX_DONE;

    case NGX_DECLINED:
        problem = NGX_HTTP_OAUTH_PROBLEM_REMEMBERED;
        break;

    case NGX_BUSY:
        problem = NGX_HTTP_OAUTH_PROBLEM_BUSY;
        break;

    default:
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ctx->problem == NGX_HTTP_OAUTH_PROBLEM_NONE) {
        ctx->problem = problem;
    }

    if (mode == NGX_HTTP_OAUTH_MODE_REJECT) {
        return ngx_http_oauth_token_refuse(r, ctx);
    }

    /* flag is a ceiling: it goes on, without a flight */

    ngx_http_oauth_token_marked(ctx, mode);

    return ngx_http_oauth_token_forward(r, ctx);
}


/*
 * The flight before this one may have ended after the look at the ledger:
 * another look, now that nobody else can fly.
 */

static ngx_int_t
ngx_http_oauth_token_flown(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx)
{
    return ctx->inherited ? ngx_http_oauth_token_settle(r, ctx)
                          : ngx_http_oauth_token_content(r);
}


/*
 * A worker that dies at the end of its commit leaves a durable record that
 * LMDB shows to nobody until the next writer comes.  That is this one: the
 * record changes nothing, and then the look at the ledger is true.
 */

static ngx_int_t
ngx_http_oauth_token_settle(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx)
{
    ledger_record_t  record;

    ctx->inherited = 0;

    ngx_memzero(&record, sizeof(ledger_record_t));

    record.kind = LEDGER_USE;
    record.at = ngx_http_oauth_now();

    ctx->commit = ngx_http_oauth_commit(&record, ngx_http_oauth_token_settled,
                                        ctx);
    if (ctx->commit == NULL) {
        return ngx_http_oauth_token_content(r);
    }

    r->main->count++;

    return NGX_DONE;
}


static void
ngx_http_oauth_token_settled(void *data, ngx_uint_t durable)
{
    ngx_http_oauth_ctx_t *ctx = data;

    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = ctx->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    ctx->commit = NULL;

    ngx_http_finalize_request(r, ngx_http_oauth_token_content(r));
    ngx_http_run_posted_requests(c);
}


static void
ngx_http_oauth_token_marked(ngx_http_oauth_ctx_t *ctx, ngx_uint_t mode)
{
    if (ctx->lent) {
        ctx->action = NGX_HTTP_OAUTH_ACTION_HEAL;
        return;
    }

    ctx->action = (ctx->problem != NGX_HTTP_OAUTH_PROBLEM_NONE
                   && mode == NGX_HTTP_OAUTH_MODE_FLAG)
                  ? NGX_HTTP_OAUTH_ACTION_FLAG
                  : NGX_HTTP_OAUTH_ACTION_FORWARD;
}


ngx_int_t
ngx_http_oauth_token_forward(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx)
{
    ctx->unrecorded = (ctx->problem == NGX_HTTP_OAUTH_PROBLEM_UNAVAILABLE);
    ctx->forwarded = 1;

    if (ctx->problem == NGX_HTTP_OAUTH_PROBLEM_MALFORMED
        || ctx->problem == NGX_HTTP_OAUTH_PROBLEM_TOO_LARGE)
    {
        /* a refresh that cannot be read must not be taken for a connect */
        ctx->unrecorded = 1;
        ctx->released = 1;
    }

    ctx->sent_at = ngx_http_oauth_now();

    r->content_handler = ctx->content_handler;

    /* NGX_DECLINED: no handler of its own, the phase's handlers follow */

    if (r->content_handler == NULL) {
        return NGX_DECLINED;
    }

    return ngx_http_oauth_swap_send(r, ctx);
}


static ngx_int_t
ngx_http_oauth_token_refuse(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx)
{
    ctx->action = NGX_HTTP_OAUTH_ACTION_REJECT;

    ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                  "oauth gateway refused a token request for \"%V\": %V",
                  &ctx->provider->name,
                  ngx_http_oauth_problem_word(ctx->problem));

    return ngx_http_oauth_refusal_token(r, ctx);
}


/*
 * A pointer into an element of the list may be held elsewhere: the element
 * is left where it is and the list is cut around it.
 */

void
ngx_http_oauth_owner_strip(ngx_http_request_t *r)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part, *prev;
    ngx_table_elt_t  *h;

    /* underscores_in_headers lets X_OAuth_Owner be the same variable */

    static ngx_str_t  name = ngx_string("x_oauth_owner");

    prev = NULL;
    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                return;
            }

            prev = part;
            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (!ngx_http_oauth_header_named(&h[i].key, &name)) {
            continue;
        }

        if (ngx_http_oauth_owner_cut(r, prev, part, i) != NGX_OK) {
            h[i].value.len = 0;
            return;
        }

        /* there may be another one: the list is read anew */

        prev = NULL;
        part = &r->headers_in.headers.part;
        h = part->elts;
        i = (ngx_uint_t) -1;
    }
}


/*
 * Those who read the list take every part but the first for not empty.
 * Room behind the last element is given up, so that a later push does not
 * write over what was cut off.
 */

static ngx_int_t
ngx_http_oauth_owner_cut(ngx_http_request_t *r, ngx_list_part_t *prev,
    ngx_list_part_t *part, ngx_uint_t i)
{
    ngx_list_t       *list;
    ngx_list_part_t  *rest;
    ngx_table_elt_t  *h;

    list = &r->headers_in.headers;
    h = part->elts;

    if (i + 1 == part->nelts) {
        part->nelts--;

    } else if (i == 0) {
        part->elts = &h[1];
        part->nelts--;

    } else {
        rest = ngx_palloc(r->pool, sizeof(ngx_list_part_t));
        if (rest == NULL) {
            return NGX_ERROR;
        }

        rest->elts = &h[i + 1];
        rest->nelts = part->nelts - i - 1;
        rest->next = part->next;

        part->nelts = i;
        part->next = rest;

        if (list->last == part) {
            list->last = rest;
        }
    }

    rest = part->next;

    if (part->nelts == 0 && prev != NULL) {
        prev->next = rest;

        if (list->last == part) {
            list->last = prev;
        }

    } else if (part->nelts == 0 && rest != NULL) {
        *part = *rest;

        if (list->last == rest) {
            list->last = part;
        }
    }

    if (list->last->nelts) {
        list->nalloc = list->last->nelts;
    }

    return NGX_OK;
}
