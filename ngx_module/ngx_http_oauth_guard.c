
/*
 * Copyright (C) The OAuth gateway authors
 */


#include "ngx_http_oauth_guard.h"
#include "ngx_http_oauth_body.h"
#include "ngx_http_oauth_conf.h"
#include "ngx_http_oauth_counters.h"
#include "ngx_http_oauth_ctx.h"
#include "ngx_http_oauth_header.h"
#include "ngx_http_oauth_heal.h"
#include "ngx_http_oauth_late.h"
#include "ngx_http_oauth_problem.h"
#include "ngx_http_oauth_refusal.h"
#include "ngx_http_oauth_store.h"
#include "ngx_http_oauth_takeover.h"
#include "ngx_http_oauth_token_endpoint.h"
#include "ngx_http_oauth_value.h"


/* The core keeps last_used_at to the hour: no more is written. */
#define NGX_HTTP_OAUTH_USE_EVERY  (3600 * 1000)


typedef struct {
    uint64_t                    connection;
    ledger_token_id_t           token;
    ngx_uint_t                  verdict;     /* ledger_verdict_t */
    ngx_uint_t                  use_due;     /* unsigned  use_due:1; */
} ngx_http_oauth_guard_sent_t;


static ngx_http_oauth_provider_t *ngx_http_oauth_guard_provider(
    ngx_http_oauth_loc_conf_t *lcf);
static ngx_uint_t ngx_http_oauth_guard_on(ngx_http_oauth_loc_conf_t *lcf);
static void ngx_http_oauth_guard_forget(ngx_http_oauth_ctx_t *ctx);
static ngx_int_t ngx_http_oauth_guard_token(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_http_oauth_loc_conf_t *lcf,
    ngx_str_t *token);
static ngx_int_t ngx_http_oauth_guard_authorization(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_str_t *token);
static ngx_int_t ngx_http_oauth_guard_values(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_array_t *values, ngx_str_t *token);
static void ngx_http_oauth_guard_trim(ngx_str_t *value);
static ngx_uint_t ngx_http_oauth_guard_repeated(ngx_http_request_t *r,
    ngx_str_t *text);
static ngx_int_t ngx_http_oauth_guard_field(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_str_t *field, ngx_str_t *token);
static ngx_int_t ngx_http_oauth_guard_form(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_str_t *field, ngx_str_t *token);
static ngx_int_t ngx_http_oauth_guard_member(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, json_t *message, ngx_str_t *field,
    ngx_str_t *token);
static ngx_int_t ngx_http_oauth_guard_add(ngx_http_oauth_ctx_t *ctx,
    const ledger_slice_t *found, ngx_str_t *token);
static ngx_int_t ngx_http_oauth_guard_malformed(ngx_http_oauth_ctx_t *ctx,
    const char *reason);
static ngx_int_t ngx_http_oauth_guard_act(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_http_oauth_loc_conf_t *lcf);
static ngx_uint_t ngx_http_oauth_guard_mode(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_http_oauth_loc_conf_t *lcf);
static ngx_uint_t ngx_http_oauth_guard_problem(ngx_http_oauth_ctx_t *ctx);
static void ngx_http_oauth_guard_sent(ngx_http_oauth_ctx_t *ctx,
    ngx_http_oauth_guard_sent_t *sent);
static void ngx_http_oauth_guard_learn(ngx_http_oauth_ctx_t *ctx,
    const ngx_http_oauth_guard_sent_t *sent, ngx_uint_t alive,
    ngx_uint_t dead);
static ngx_uint_t ngx_http_oauth_guard_dead(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);


ngx_int_t
ngx_http_oauth_guard_handler(ngx_http_request_t *r)
{
    ngx_int_t                   rc;
    ngx_str_t                   token;
    ngx_http_oauth_ctx_t       *ctx;
    ngx_http_oauth_loc_conf_t  *lcf;
    ngx_http_oauth_provider_t  *provider;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_oauth_gateway_module);

    provider = ngx_http_oauth_guard_provider(lcf);
    if (provider == NULL) {
        return NGX_DECLINED;
    }

    ctx = ngx_http_oauth_ctx_make(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ctx->token_endpoint || ctx->action == NGX_HTTP_OAUTH_ACTION_REJECT) {
        /* a token request; or the page of a refusal, by error_page */
        return NGX_DECLINED;
    }

    if (ctx->provider) {
        ngx_http_oauth_guard_forget(ctx);
    }

    ctx->provider = provider;
    ngx_http_oauth_mask_errors(r);

    if (lcf->token_field.len) {
        rc = ngx_http_oauth_body_read(r, ctx);
        if (rc != NGX_DECLINED) {
            return rc;
        }
    }

    ctx->sent_at = ngx_http_oauth_now();
    ctx->verdict = LEDGER_VERDICT_NONE;

    rc = ngx_http_oauth_guard_token(r, ctx, lcf, &token);
    if (rc == NGX_ERROR) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (rc == NGX_DECLINED
        || (rc == NGX_OK && token.len && r->args.len
            && memmem(r->args.data, r->args.len, token.data, token.len)))
    {
        /* of several credentials any may stand in the query string */
        ngx_http_oauth_mask_log(r);
    }

    if (rc == NGX_OK && token.len
        && ngx_http_oauth_guard_judge(r, ctx, &token, ctx->sent_at) != NGX_OK)
    {
        /* what cannot be looked up is unknown, and passes with a mark */
        ctx->verdict = LEDGER_VERDICT_UNKNOWN;
        ctx->unrecorded = 1;
    }

    ngx_http_oauth_owner_strip(r);

    return ngx_http_oauth_guard_act(r, ctx, lcf);
}


/* A userinfo endpoint judges as a guard does, but refuses nothing. */

static ngx_http_oauth_provider_t *
ngx_http_oauth_guard_provider(ngx_http_oauth_loc_conf_t *lcf)
{
    return ngx_http_oauth_guard_on(lcf) ? lcf->guard_provider
                                        : lcf->userinfo_provider;
}


static ngx_uint_t
ngx_http_oauth_guard_on(ngx_http_oauth_loc_conf_t *lcf)
{
    return lcf->guard_provider != NULL && !lcf->guard_off;
}


/* X-Accel-Redirect may lead from one guard into that of another provider. */

static void
ngx_http_oauth_guard_forget(ngx_http_oauth_ctx_t *ctx)
{
    ngx_http_oauth_heal_again(ctx->request, ctx);

    ctx->problem = NGX_HTTP_OAUTH_PROBLEM_NONE;
    ctx->reason = NULL;
    ctx->connection = NULL;
    ctx->connection_id = 0;
    ngx_str_null(&ctx->raw);
    ngx_str_null(&ctx->late_user);
    ngx_str_null(&ctx->late_tenant);
    ctx->named = 0;
    ctx->undecided = 0;
    ctx->use_due = 0;
    ctx->late = 0;
    ctx->learned = 0;
    ctx->unrecorded = 0;

    json_decref(ctx->sources[NGX_HTTP_OAUTH_USERINFO]);
    ctx->sources[NGX_HTTP_OAUTH_USERINFO] = NULL;
}


/* NGX_OK, the token may be empty; NGX_DECLINED: a problem; NGX_ERROR. */

static ngx_int_t
ngx_http_oauth_guard_token(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx,
    ngx_http_oauth_loc_conf_t *lcf, ngx_str_t *token)
{
    ngx_str_null(token);

    if (lcf->token_field.len) {
        return ngx_http_oauth_guard_field(r, ctx, &lcf->token_field, token);
    }

    if (lcf->token_from) {
        return ngx_http_oauth_guard_values(r, ctx, lcf->token_from, token);
    }

    return ngx_http_oauth_guard_authorization(r, ctx, token);
}


static ngx_int_t
ngx_http_oauth_guard_authorization(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_str_t *token)
{
    ledger_rc_t       rc;
    ngx_str_t         query;
    ledger_slice_t    found;
    ngx_table_elt_t  *h;

    h = r->headers_in.authorization;

    if (h == NULL) {
        return NGX_OK;
    }

    rc = ledger_credential_token(ngx_http_oauth_slice(&h->value), &found);

    if (rc == LEDGER_NOT_FOUND) {
        return NGX_OK;
    }

    if (rc != LEDGER_OK) {
        return ngx_http_oauth_guard_malformed(ctx,
                           "the Authorization field holds no single token");
    }

    /* RFC 6750, 2: a client must not use more than one method */

    if (r->args.len
        && ngx_http_arg(r, (u_char *) "access_token",
                        sizeof("access_token") - 1, &query)
           == NGX_OK)
    {
        return ngx_http_oauth_guard_malformed(ctx,
                           "a token stands in the Authorization field and in "
                           "the query string");
    }

    return ngx_http_oauth_guard_add(ctx, &found, token);
}


static ngx_int_t
ngx_http_oauth_guard_values(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx,
    ngx_array_t *values, ngx_str_t *token)
{
    ngx_str_t                  value;
    ngx_uint_t                 i;
    ledger_rc_t                rc;
    ledger_slice_t             found;
    ngx_http_complex_value_t  *cv;

    cv = values->elts;

    for (i = 0; i < values->nelts; i++) {

        if (ngx_http_complex_value(r, &cv[i], &value) != NGX_OK) {
            return NGX_ERROR;
        }

        ngx_http_oauth_guard_trim(&value);

        if (value.len == 0) {
            continue;
        }

        if (ngx_http_oauth_guard_repeated(r, &cv[i].value)) {
            return ngx_http_oauth_guard_malformed(ctx,
                               "the header field of the token stands twice");
        }

        /* with a scheme in front, or the bare token */

        rc = ledger_credential_token(ngx_http_oauth_slice(&value), &found);

        if (rc == LEDGER_NOT_FOUND) {

            if (ngx_strlchr(value.data, value.data + value.len, ' ')) {
                /* another scheme: Basic names a client, not a token */
                continue;
            }

            found = ngx_http_oauth_slice(&value);

            rc = ledger_credential_plain(found) ? LEDGER_OK
                                                : LEDGER_MALFORMED;
        }

        if (rc != LEDGER_OK) {
            return ngx_http_oauth_guard_malformed(ctx,
                           "what should be a token is none");
        }

        if (ngx_http_oauth_guard_add(ctx, &found, token) != NGX_OK) {
            return NGX_DECLINED;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_oauth_guard_field(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx,
    ngx_str_t *field, ngx_str_t *token)
{
    ngx_int_t   rc;
    json_t     *message;

    /* an upload: what it holds is not looked at */

    if (!ctx->body_large && ctx->body.len) {

        if (r->headers_in.content_type
            && ngx_http_oauth_media_type(&r->headers_in.content_type->value,
                                         "application/json"))
        {
            message = json_object();
            if (message == NULL) {
                return NGX_ERROR;
            }

            (void) (ledger_message_json(ngx_http_oauth_slice(&ctx->body), 0,
                                        message)
                    == LEDGER_OK);

            rc = ngx_http_oauth_guard_member(r, ctx, message, field, token);

            json_decref(message);

        } else {
            rc = ngx_http_oauth_guard_form(r, ctx, field, token);
        }

        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (token->len && r->headers_in.authorization == NULL) {
        return NGX_OK;
    }

    return ngx_http_oauth_guard_authorization(r, ctx, token);
}


/* nginx leaves tabs around a field's value, and a provider passes over them. */

static void
ngx_http_oauth_guard_trim(ngx_str_t *value)
{
    while (value->len && (value->data[0] == ' ' || value->data[0] == '\t')) {
        value->data++;
        value->len--;
    }

    while (value->len && (value->data[value->len - 1] == ' '
                          || value->data[value->len - 1] == '\t'))
    {
        value->len--;
    }
}


/*
 * Whether "text" is $http_NAME and the request has that field twice: the
 * variable holds the first one, and a provider may read the last one.
 */

static ngx_uint_t
ngx_http_oauth_guard_repeated(ngx_http_request_t *r, ngx_str_t *text)
{
    ngx_uint_t  n;

    (void) ngx_http_oauth_header_variable(r, text, &n);

    return n > 1;
}


/*
 * The form is the API's, not a token request: other parameters may repeat,
 * or break the format, and the token that follows them still counts.
 */

static ngx_int_t
ngx_http_oauth_guard_form(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx,
    ngx_str_t *field, ngx_str_t *token)
{
    u_char          *p, *end, *last, *equals;
    json_t          *message;
    ngx_int_t        rc;
    ledger_slice_t   pair;

    last = ctx->body.data + ctx->body.len;

    for (p = ctx->body.data; p < last; p = end + 1) {

        end = ngx_strlchr(p, last, '&');
        if (end == NULL) {
            end = last;
        }

        equals = ngx_strlchr(p, end, '=');

        if (equals == NULL
            || (ngx_strlchr(p, equals, '%') == NULL
                && ((size_t) (equals - p) != field->len
                    || ngx_memcmp(p, field->data, field->len) != 0)))
        {
            continue;
        }

        message = json_object();
        if (message == NULL) {
            return NGX_ERROR;
        }

        pair.data = p;
        pair.len = end - p;

        (void) (ledger_message_form(pair, message, NULL) == LEDGER_OK);

        rc = ngx_http_oauth_guard_member(r, ctx, message, field, token);

        json_decref(message);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_oauth_guard_member(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx,
    json_t *message, ngx_str_t *field, ngx_str_t *token)
{
    char             buf[LEDGER_SCALAR_MAX];
    u_char          *p;
    ledger_slice_t   found;

    if (ledger_message_member(message, ngx_http_oauth_slice(field), buf,
                              &found)
        != LEDGER_OK
        || found.len == 0)
    {
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, found.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(p, found.data, found.len);
    found.data = p;

    return ngx_http_oauth_guard_add(ctx, &found, token);
}


/* The same token twice is one credential; two tokens are none. */

static ngx_int_t
ngx_http_oauth_guard_add(ngx_http_oauth_ctx_t *ctx,
    const ledger_slice_t *found, ngx_str_t *token)
{
    if (token->len
        && (token->len != found->len
            || CRYPTO_memcmp(token->data, found->data, found->len) != 0))
    {
        return ngx_http_oauth_guard_malformed(ctx,
                                              "it holds more than one token");
    }

    token->data = (u_char *) found->data;
    token->len = found->len;

    return NGX_OK;
}


static ngx_int_t
ngx_http_oauth_guard_malformed(ngx_http_oauth_ctx_t *ctx, const char *reason)
{
    ctx->problem = NGX_HTTP_OAUTH_PROBLEM_CREDENTIALS;
    ctx->reason = reason;

    return NGX_DECLINED;
}


ngx_int_t
ngx_http_oauth_guard_judge(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx,
    ngx_str_t *token, ledger_ms_t now)
{
    const ledger_look_t  *look;

    look = ngx_http_oauth_store_look(token, now);
    if (look == NULL) {
        return NGX_ERROR;
    }

    ctx->token = look->token;
    ctx->named = 1;
    ctx->verdict = look->verdict;
    ctx->kind = look->kind;
    ctx->rotated_at = 0;
    ctx->undecided = 0;
    ctx->connection = NULL;
    ngx_str_null(&ctx->raw);

    if (look->verdict == LEDGER_VERDICT_UNKNOWN) {
        return NGX_OK;
    }

    if (look->provider.len != ctx->provider->name.len
        || ngx_memcmp(look->provider.data, ctx->provider->name.data,
                      ctx->provider->name.len)
           != 0)
    {
        /* a token of another provider says nothing about this one */
        ctx->verdict = LEDGER_VERDICT_UNKNOWN;
        ctx->named = 0;
        return NGX_OK;
    }

    ctx->undecided = look->undecided;
    ctx->rotated_at = look->rotated_at;
    ctx->token_expires_at = look->token_expires_at;
    ctx->connection_id = look->connection;

    ctx->use_due = (look->verdict == LEDGER_VERDICT_ACTIVE
                    && look->last_used_at + NGX_HTTP_OAUTH_USE_EVERY <= now);

    ctx->late = ((!look->has_user && ctx->provider->user)
                 || (!look->has_tenant && ctx->provider->tenant));

    return ngx_http_oauth_ctx_raw(ctx, &look->encoded);
}


static ngx_int_t
ngx_http_oauth_guard_act(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx,
    ngx_http_oauth_loc_conf_t *lcf)
{
    ngx_int_t   rc;
    ngx_uint_t  mode;

    if (ctx->problem == NGX_HTTP_OAUTH_PROBLEM_NONE) {
        ctx->problem = ngx_http_oauth_guard_problem(ctx);
    }

    if (ctx->problem == NGX_HTTP_OAUTH_PROBLEM_NONE
        && ngx_http_oauth_other_holder(r, ctx))
    {
        ctx->problem = NGX_HTTP_OAUTH_PROBLEM_OTHER_USER;
    }

    mode = NGX_HTTP_OAUTH_MODE_PASS;

    if (ctx->problem != NGX_HTTP_OAUTH_PROBLEM_NONE
        || ctx->verdict == LEDGER_VERDICT_ROTATED)
    {
        mode = ngx_http_oauth_guard_mode(r, ctx, lcf);
    }

    if (mode == NGX_HTTP_OAUTH_MODE_HEAL && lcf->check) {
        /* the call is in other hands: no token can be put into it */
        mode = NGX_HTTP_OAUTH_MODE_REJECT;
    }

    if (mode == NGX_HTTP_OAUTH_MODE_HEAL) {
        mode = ngx_http_oauth_heal_call(r, ctx);

    } else if (ctx->problem == NGX_HTTP_OAUTH_PROBLEM_NONE) {
        mode = NGX_HTTP_OAUTH_MODE_PASS;
    }

    if (mode == NGX_HTTP_OAUTH_MODE_REJECT) {
        ctx->action = NGX_HTTP_OAUTH_ACTION_REJECT;
        ngx_http_oauth_count_judged(r, ctx);

        ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                      "oauth gateway refused a call to \"%V\": %V, connection "
                      "\"%uL\"", &ctx->provider->name,
                      ngx_http_oauth_problem_word(ctx->problem),
                      ctx->connection_id);

        return ngx_http_oauth_refusal_api(r, ctx);
    }

    ctx->action = (mode == NGX_HTTP_OAUTH_MODE_HEAL)
                  ? NGX_HTTP_OAUTH_ACTION_HEAL
                  : (mode == NGX_HTTP_OAUTH_MODE_FLAG)
                  ? NGX_HTTP_OAUTH_ACTION_FLAG
                  : NGX_HTTP_OAUTH_ACTION_PASS;

    ngx_http_oauth_count_judged(r, ctx);

    if (lcf->check) {
        /* what follows is learnt from the call itself and its answer */
        return NGX_DECLINED;
    }

    /* read now, while the path is the client's; believed when answered */

    if (ctx->late && ctx->lent == NULL
        && ngx_http_oauth_late_read(r, ctx, 0) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (!ngx_http_oauth_guard_on(lcf)) {
        return NGX_DECLINED;
    }

    rc = ngx_http_oauth_peek_query(r, ctx);
    if (rc == NGX_OK) {
        rc = ngx_http_oauth_peek_start(r, ctx);
    }

    return (rc == NGX_OK) ? NGX_DECLINED : rc;
}


/* What could be refused, by the mode; PROBLEM_NONE: it passes. */

static ngx_uint_t
ngx_http_oauth_guard_problem(ngx_http_oauth_ctx_t *ctx)
{
    switch (ctx->verdict) {

    case LEDGER_VERDICT_SUPERSEDED:
        return NGX_HTTP_OAUTH_PROBLEM_SUPERSEDED;

    case LEDGER_VERDICT_REVOKED:
        return NGX_HTTP_OAUTH_PROBLEM_REVOKED;

    case LEDGER_VERDICT_BROKEN:
        return NGX_HTTP_OAUTH_PROBLEM_BROKEN;

    case LEDGER_VERDICT_UNKNOWN:
        return NGX_HTTP_OAUTH_PROBLEM_UNKNOWN;

    default:
        /* active or none; expired and rotated are cured by the refresh that
           the provider's 401 brings about */
        return NGX_HTTP_OAUTH_PROBLEM_NONE;
    }
}


static ngx_uint_t
ngx_http_oauth_guard_mode(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx,
    ngx_http_oauth_loc_conf_t *lcf)
{
    ngx_uint_t  mode, ceiling;

    if (!ngx_http_oauth_guard_on(lcf)) {
        return NGX_HTTP_OAUTH_MODE_PASS;
    }

    ceiling = ngx_http_oauth_mode(r, ctx, &lcf->guard_mode);

    if (ctx->undecided) {
        /* R1: only the provider knows which of two it kept */
        ceiling = ngx_min(ceiling, NGX_HTTP_OAUTH_MODE_FLAG);
    }

    switch (ctx->problem) {

    case NGX_HTTP_OAUTH_PROBLEM_BROKEN:
        mode = ngx_http_oauth_mode(r, ctx, &lcf->broken);
        break;

    case NGX_HTTP_OAUTH_PROBLEM_OTHER_USER:
        mode = ngx_http_oauth_mode(r, ctx, &ctx->provider->other_users);
        break;

    case NGX_HTTP_OAUTH_PROBLEM_UNKNOWN:
        /* a ledger that cannot be read is no reason to refuse */
        mode = ctx->unrecorded ? NGX_HTTP_OAUTH_MODE_PASS
                               : ngx_http_oauth_mode(r, ctx, &lcf->unknown);
        break;

    default:
        mode = ceiling;
    }

    return ngx_min(mode, ceiling);
}


ngx_int_t
ngx_http_oauth_guard_answer(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx)
{
    ngx_uint_t                   alive, dead;
    ledger_record_t              record;
    ngx_http_oauth_loc_conf_t   *lcf;
    ngx_http_oauth_guard_sent_t  sent;

    /* a second header: the answer before was given up */
    ngx_http_oauth_userinfo_cleanup(ctx);

    if (r->upstream == NULL || r->upstream->headers_in.status_n == 0
        || ctx->connection_id == 0 || ctx->learned)
    {
        return NGX_OK;
    }

    /*
     * A cache may have had it for another token; and the page of a refusal,
     * or what error_page puts in the place of an answer, is not the
     * provider's word.
     */

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_oauth_gateway_module);

    if (r->cached || ctx->action == NGX_HTTP_OAUTH_ACTION_REJECT
        || ngx_http_oauth_guard_provider(lcf) != ctx->provider)
    {
        return NGX_OK;
    }

    ctx->learned = 1;

    ngx_http_oauth_guard_sent(ctx, &sent);

    dead = ngx_http_oauth_guard_dead(r, ctx);
    alive = !dead && r->upstream->headers_in.status_n >= NGX_HTTP_OK
            && r->upstream->headers_in.status_n < NGX_HTTP_SPECIAL_RESPONSE;

    ngx_http_oauth_guard_learn(ctx, &sent, alive, dead);

    if (!alive) {
        return NGX_OK;
    }

    /* of a lent token's user everything is known */

    if (ctx->lent == NULL && !ngx_http_oauth_userinfo_start(r, ctx)) {
        ngx_http_oauth_late_bind(r, ctx);
    }

    if (sent.use_due) {
        ngx_memzero(&record, sizeof(ledger_record_t));

        record.kind = LEDGER_USE;
        record.at = ngx_http_oauth_now();
        record.u.use.connection = sent.connection;

        (void) ngx_http_oauth_commit(&record, NULL, NULL);
    }

    return NGX_OK;
}


/* The token that went to the provider: where one was lent, that. */

static void
ngx_http_oauth_guard_sent(ngx_http_oauth_ctx_t *ctx,
    ngx_http_oauth_guard_sent_t *sent)
{
    if (ctx->lent == NULL) {
        sent->connection = ctx->connection_id;
        sent->token = ctx->token;
        sent->verdict = ctx->verdict;
        sent->use_due = ctx->use_due;
        return;
    }

    sent->connection = ctx->lent->connection;
    sent->token = ctx->lent->access_id;
    sent->verdict = LEDGER_VERDICT_ACTIVE;
    sent->use_due = ctx->lent->last_used_at + NGX_HTTP_OAUTH_USE_EVERY
                    <= ngx_http_oauth_now();
}


/* R1 and R10: only an answer that would change the ledger is recorded. */

static void
ngx_http_oauth_guard_learn(ngx_http_oauth_ctx_t *ctx,
    const ngx_http_oauth_guard_sent_t *sent, ngx_uint_t alive,
    ngx_uint_t dead)
{
    ledger_record_t  record;

    switch (sent->verdict) {

    case LEDGER_VERDICT_SUPERSEDED:
        if (!alive && !(dead && ctx->undecided)) {
            return;
        }

        break;

    case LEDGER_VERDICT_BROKEN:
        if (!alive) {
            return;
        }

        break;

    case LEDGER_VERDICT_ACTIVE:
        if (!dead) {
            return;
        }

        break;

    default:
        return;
    }

    ngx_memzero(&record, sizeof(ledger_record_t));

    record.kind = LEDGER_ANSWER;
    record.at = ngx_http_oauth_now();
    record.u.answer.connection = sent->connection;
    record.u.answer.token = sent->token;
    record.u.answer.sent_at = ctx->sent_at;
    record.u.answer.alive = alive;

    (void) ngx_http_oauth_commit(&record, NULL, NULL);
}


static ngx_uint_t
ngx_http_oauth_guard_dead(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx)
{
    ngx_str_t  value;

    if (r->upstream->headers_in.status_n != ctx->provider->dead_status) {
        return 0;
    }

    if (ctx->provider->dead_value == NULL) {
        return 1;
    }

    return ngx_http_complex_value(r, ctx->provider->dead_value, &value)
           == NGX_OK
           && value.len
           && !(value.len == 1 && value.data[0] == '0');
}
