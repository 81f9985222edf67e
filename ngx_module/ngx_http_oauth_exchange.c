
/*
 * Copyright (C) The OAuth gateway authors
 */


#include "ngx_http_oauth_exchange.h"
#include "ngx_http_oauth_answer.h"
#include "ngx_http_oauth_body.h"
#include "ngx_http_oauth_conf.h"
#include "ngx_http_oauth_ctx.h"
#include "ngx_http_oauth_store.h"
#include "ngx_http_oauth_value.h"


/* Later than this no token lives; guards the arithmetic. */
#define NGX_HTTP_OAUTH_LIFE_MAX  ((uint64_t) 100 * 365 * 86400)

/* Issue times above are in milliseconds, below in seconds (year 5138). */
#define NGX_HTTP_OAUTH_SECONDS_MAX  ((uint64_t) 100000000000)


static ngx_int_t ngx_http_oauth_exchange_parse(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_str_t *answer);
static ngx_int_t ngx_http_oauth_exchange_fill(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ledger_exchange_t *x);
static ngx_int_t ngx_http_oauth_exchange_tokens(ngx_http_request_t *r,
    ledger_exchange_t *x, ngx_array_t *values, ngx_uint_t kind);
static ngx_int_t ngx_http_oauth_exchange_token(ngx_http_request_t *r,
    ledger_exchange_t *x, ngx_str_t *text, ngx_uint_t kind);
static ngx_int_t ngx_http_oauth_exchange_identities(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ledger_exchange_t *x);
static ngx_int_t ngx_http_oauth_exchange_times(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ledger_exchange_t *x);
static ngx_int_t ngx_http_oauth_exchange_limits(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ledger_exchange_t *x);
static ngx_int_t ngx_http_oauth_exchange_scope(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ledger_exchange_t *x);
static ngx_int_t ngx_http_oauth_exchange_words(ngx_http_request_t *r,
    ledger_slice_t text, ledger_slice_t *sorted);
static int ngx_libc_cdecl ngx_http_oauth_exchange_compare(const void *one,
    const void *two);
static void ngx_http_oauth_exchange_origin(ngx_http_request_t *r,
    ledger_exchange_t *x);
static ngx_int_t ngx_http_oauth_exchange_members(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);
static ngx_uint_t ngx_http_oauth_exchange_exempt(ngx_http_oauth_ctx_t *ctx);
static ngx_str_t ngx_http_oauth_exchange_whole(ngx_str_t *text);
static uint64_t ngx_http_oauth_exchange_seconds(ngx_str_t *text);
static ledger_ms_t ngx_http_oauth_exchange_moment(ngx_str_t *text);


/* RFC 6749; what Slack, GitHub and Zoho say instead. */

static ngx_str_t  ngx_http_oauth_exchange_refusals[] = {
    ngx_string("invalid_grant"),
    ngx_string("invalid_refresh_token"),
    ngx_string("bad_refresh_token"),
    ngx_string("invalid_code"),
    ngx_null_string
};


/* RFC 6749 4.4, RFC 7523, RFC 8693: no person's connection is opened. */

static ngx_str_t  ngx_http_oauth_exchange_exempts[] = {
    ngx_string("client_credentials"),
    ngx_string("jwt-bearer"),
    ngx_string("token-exchange")
};


ngx_int_t
ngx_http_oauth_exchange_read(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx,
    ngx_str_t *answer)
{
    ngx_int_t                      rc;
    ledger_exchange_t             *x;
    ngx_http_oauth_value_scope_t   scope;

    rc = ngx_http_oauth_exchange_parse(r, ctx, answer);
    if (rc != NGX_OK) {
        return rc;
    }

    x = ngx_pcalloc(r->pool, sizeof(ledger_exchange_t));
    if (x == NULL) {
        return NGX_ERROR;
    }

    if (ngx_http_oauth_value_open(r, ctx, 1, &scope) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = ngx_http_oauth_exchange_fill(r, ctx, x);

    ngx_http_oauth_value_close(r, ctx, &scope);

    if (rc == NGX_OK) {
        ctx->exchange = x;
    }

    return rc;
}


ngx_int_t
ngx_http_oauth_exchange_expect(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ledger_exchange_t *x)
{
    ngx_int_t                      rc;
    ngx_http_oauth_value_scope_t   scope;

    if (ngx_http_oauth_value_open(r, ctx, 1, &scope) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = ngx_http_oauth_exchange_identities(r, ctx, x);

    if (rc == NGX_OK) {
        rc = ngx_http_oauth_exchange_scope(r, ctx, x);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_oauth_exchange_limits(r, ctx, x);
    }

    ngx_http_oauth_value_close(r, ctx, &scope);

    x->exempt = ngx_http_oauth_exchange_exempt(ctx) ? 1 : 0;

    return rc;
}


static ngx_int_t
ngx_http_oauth_exchange_parse(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_str_t *answer)
{
    json_t       *message;
    ngx_str_t     text, *type;
    ledger_rc_t   rc;

    text = *answer;

    if (text.len == 0) {
        return NGX_DECLINED;
    }

    if (ngx_http_oauth_answer_plain(r, ctx, &text, NGX_HTTP_OAUTH_ANSWER_MAX)
        != NGX_OK)
    {
        return NGX_ABORT;
    }

    message = json_object();
    if (message == NULL) {
        return NGX_ERROR;
    }

    ctx->sources[NGX_HTTP_OAUTH_RESPONSE] = message;

    type = &r->headers_out.content_type;

    rc = ledger_message_json(ngx_http_oauth_slice(&text), 0, message);

    if (rc == LEDGER_MALFORMED
        && (ngx_http_oauth_media_type(type,
                                      "application/x-www-form-urlencoded")
            || ngx_http_oauth_media_type(type, "text/plain")))
    {
        ctx->answer_form = 1;

        (void) json_object_clear(message);
        rc = ledger_message_form(ngx_http_oauth_slice(&text), message, NULL);
    }

    ctx->plain = text;

    return (rc == LEDGER_OK) ? NGX_OK
                             : (rc == LEDGER_NOMEM) ? NGX_ERROR : NGX_ABORT;
}


static ngx_int_t
ngx_http_oauth_exchange_fill(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx,
    ledger_exchange_t *x)
{
    ngx_int_t  rc;

    x->sent_at = ctx->sent_at;
    x->arrived_at = ngx_max(ngx_http_oauth_now(), ctx->sent_at);

    rc = ngx_http_oauth_exchange_tokens(r, x, ctx->provider->access_token,
                                        LEDGER_ACCESS);
    if (rc == NGX_OK) {
        rc = ngx_http_oauth_exchange_tokens(r, x,
                                            ctx->provider->refresh_token,
                                            LEDGER_REFRESH);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    if (x->ntokens == 0) {
        /* an error inside of a 200, or something else altogether */
        return NGX_DECLINED;
    }

    if (ngx_http_oauth_exchange_identities(r, ctx, x) != NGX_OK
        || ngx_http_oauth_exchange_times(r, ctx, x) != NGX_OK
        || ngx_http_oauth_exchange_scope(r, ctx, x) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_oauth_exchange_origin(r, x);

    x->exempt = ngx_http_oauth_exchange_exempt(ctx) ? 1 : 0;
    x->refresh_ends_access = ctx->provider->refresh_ends_access ? 1 : 0;
    x->idle = ctx->provider->idle;

    if (ctx->refresh && ctx->named) {
        x->refresh = 1;
        x->presented = ctx->token;
    }

    return ngx_http_oauth_exchange_limits(r, ctx, x);
}


static ngx_int_t
ngx_http_oauth_exchange_tokens(ngx_http_request_t *r, ledger_exchange_t *x,
    ngx_array_t *values, ngx_uint_t kind)
{
    ngx_int_t                  rc;
    ngx_str_t                  text;
    ngx_uint_t                 i;
    ngx_http_complex_value_t  *cv;

    cv = values->elts;

    for (i = 0; i < values->nelts; i++) {

        if (ngx_http_oauth_value(r, &cv[i], &text) != NGX_OK) {
            return NGX_ERROR;
        }

        if (text.len == 0) {
            continue;
        }

        rc = ngx_http_oauth_exchange_token(r, x, &text, kind);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_oauth_exchange_token(ngx_http_request_t *r, ledger_exchange_t *x,
    ngx_str_t *text, ngx_uint_t kind)
{
    uint32_t            key;
    ngx_uint_t          i;
    ledger_token_t     *token;
    ledger_token_id_t   id;

    if (text->len > LEDGER_TOKEN_TEXT_MAX || x->ntokens == LEDGER_TOKENS_MAX) {
        return NGX_ABORT;
    }

    if (ngx_http_oauth_store_name(text, &id, &key) != NGX_OK) {
        return NGX_ERROR;
    }

    for (i = 0; i < x->ntokens; i++) {
        if (ngx_memcmp(&x->tokens[i].id, &id, sizeof(id)) == 0) {
            return NGX_OK;
        }
    }

    token = &x->tokens[x->ntokens++];

    token->id = id;
    token->kind = (uint8_t) kind;
    token->key = key;

    return NGX_OK;
}


static ngx_int_t
ngx_http_oauth_exchange_identities(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ledger_exchange_t *x)
{
    ngx_uint_t                        i;
    ngx_str_t                         value;
    const ngx_http_oauth_provider_t  *p;

    struct {
        const char      *name;
        ngx_array_t     *values;
        ledger_slice_t  *slice;
    } identities[3];

    p = ctx->provider;

    identities[0].name = "user";
    identities[0].values = p->user;
    identities[0].slice = &x->user;

    identities[1].name = "tenant";
    identities[1].values = p->tenant;
    identities[1].slice = &x->tenant;

    identities[2].name = "login";
    identities[2].values = p->login;
    identities[2].slice = &x->login;

    for (i = 0; i < 3; i++) {

        if (ngx_http_oauth_value_first(r, identities[i].values, &value)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        *identities[i].slice = ngx_http_oauth_identity(r, &value,
                                                       identities[i].name);
    }

    /* the client may be named by the answer alone */

    if (ctx->client.len == 0 && p->client
        && ngx_http_oauth_value_first(r, p->client, &ctx->client) != NGX_OK)
    {
        return NGX_ERROR;
    }

    x->provider = ngx_http_oauth_slice(&p->name);
    x->client = ngx_http_oauth_identity(r, &ctx->client, "client");

    if (ctx->lent == NULL) {
        /* who is lent a connection does not own it */
        x->owner = ngx_http_oauth_identity(r, &ctx->owner, "owner");
    }

    x->grant = ngx_http_oauth_slice(&ctx->grant);

    if (x->grant.len > LEDGER_GRANT_MAX) {
        x->grant.len = 0;
    }

    return NGX_OK;
}


/*
 * An identity beyond the bound is unknown: to cut it might merge two users.
 */

ledger_slice_t
ngx_http_oauth_identity(ngx_http_request_t *r, ngx_str_t *value,
    const char *name)
{
    if (value->len > LEDGER_IDENTITY_MAX) {
        ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                      "oauth gateway takes a %s of %uz bytes for unknown: "
                      "at most %d are kept", name, value->len,
                      LEDGER_IDENTITY_MAX);

        return (ledger_slice_t) { NULL, 0 };
    }

    return ngx_http_oauth_slice(value);
}


static ngx_int_t
ngx_http_oauth_exchange_times(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ledger_exchange_t *x)
{
    uint64_t                          life, refresh_life;
    ngx_str_t                         expires_in, refresh_in, issued_at;
    ngx_uint_t                        i;
    const ngx_http_oauth_provider_t  *p;

    p = ctx->provider;

    if (ngx_http_oauth_value_first(r, p->expires_in, &expires_in) != NGX_OK
        || ngx_http_oauth_value_first(r, p->refresh_expires_in, &refresh_in)
           != NGX_OK
        || ngx_http_oauth_value_first(r, p->issued_at, &issued_at) != NGX_OK)
    {
        return NGX_ERROR;
    }

    life = ngx_http_oauth_exchange_seconds(&expires_in);
    refresh_life = ngx_http_oauth_exchange_seconds(&refresh_in);

    for (i = 0; i < x->ntokens; i++) {

        if (x->tokens[i].kind == LEDGER_ACCESS && life) {
            x->tokens[i].expires_at = x->arrived_at + life * 1000;
        }

        if (x->tokens[i].kind == LEDGER_REFRESH && refresh_life) {
            x->tokens[i].expires_at = x->arrived_at + refresh_life * 1000;
        }
    }

    if (refresh_life) {
        x->refresh_expires_at = x->arrived_at + refresh_life * 1000;
    }

    x->issued_at = ngx_http_oauth_exchange_moment(&issued_at);

    return NGX_OK;
}


static ngx_int_t
ngx_http_oauth_exchange_limits(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ledger_exchange_t *x)
{
    ngx_str_t                value;
    ngx_uint_t               i, k;
    ledger_limit_t          *to;
    ngx_http_oauth_limit_t  *from;

    if (ctx->provider->limits == NULL) {
        return NGX_OK;
    }

    from = ctx->provider->limits->elts;

    for (i = 0; i < ctx->provider->limits->nelts; i++) {

        to = &x->limits[i];
        to->n = (uint32_t) from[i].n;
        to->nkeys = (uint32_t) from[i].nkeys;

        for (k = 0; k < from[i].nkeys; k++) {

            to->keys[k].kind = (uint8_t) from[i].keys[k].kind;

            if (from[i].keys[k].kind != LEDGER_KEY_VARIABLE) {
                continue;
            }

            if (ngx_http_oauth_value(r, &from[i].keys[k].value, &value)
                != NGX_OK)
            {
                return NGX_ERROR;
            }

            to->keys[k].name = ngx_http_oauth_slice(&from[i].keys[k].name);
            to->keys[k].value = ngx_http_oauth_identity(r, &value,
                                                        "limit's variable");
        }
    }

    x->nlimits = (uint32_t) ctx->provider->limits->nelts;

    return NGX_OK;
}


/* RFC 6749, 5.1: an answer without scope grants what was asked for. */

static ngx_int_t
ngx_http_oauth_exchange_scope(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ledger_exchange_t *x)
{
    char             buf[LEDGER_SCALAR_MAX];
    ledger_slice_t   scope;

    /* RFC 6749, 3.2 and 5.1: empty is as if it were not there */

    if ((ledger_message_member(ctx->sources[NGX_HTTP_OAUTH_RESPONSE],
                               ledger_slice("scope"), buf, &scope)
         != LEDGER_OK
         || scope.len == 0)
        && ledger_message_member(ctx->sources[NGX_HTTP_OAUTH_REQUEST],
                                 ledger_slice("scope"), buf, &scope)
           != LEDGER_OK)
    {
        return NGX_OK;
    }

    if (scope.len == 0 || scope.len > LEDGER_SCOPE_MAX) {
        return NGX_OK;
    }

    return ngx_http_oauth_exchange_words(r, scope, &x->scope);
}


/*
 * RFC 6749, 3.3: the order of the words does not matter, so they are kept
 * in one order, each once.
 */

static ngx_int_t
ngx_http_oauth_exchange_words(ngx_http_request_t *r, ledger_slice_t text,
    ledger_slice_t *sorted)
{
    u_char          *p, *start, *last;
    ngx_uint_t       i, n;
    ledger_slice_t  *words;

    words = ngx_palloc(r->pool,
                       (text.len / 2 + 1) * sizeof(ledger_slice_t));
    if (words == NULL) {
        return NGX_ERROR;
    }

    p = ngx_pnalloc(r->pool, text.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    n = 0;
    last = (u_char *) text.data + text.len;

    for (start = (u_char *) text.data; start < last; start++) {

        if (*start == ' ') {
            continue;
        }

        words[n].data = start;

        while (start < last && *start != ' ') {
            start++;
        }

        words[n].len = start - words[n].data;
        n++;
    }

    qsort(words, n, sizeof(ledger_slice_t), ngx_http_oauth_exchange_compare);

    sorted->data = p;

    for (i = 0; i < n; i++) {

        if (i > 0
            && ngx_http_oauth_exchange_compare(&words[i - 1], &words[i]) == 0)
        {
            continue;
        }

        if (p != sorted->data) {
            *p++ = ' ';
        }

        p = ngx_cpymem(p, words[i].data, words[i].len);
    }

    sorted->len = p - sorted->data;

    return NGX_OK;
}


static int ngx_libc_cdecl
ngx_http_oauth_exchange_compare(const void *one, const void *two)
{
    const ledger_slice_t *a = one;
    const ledger_slice_t *b = two;

    return (int) ngx_memn2cmp((u_char *) a->data, (u_char *) b->data, a->len,
                              b->len);
}


static void
ngx_http_oauth_exchange_origin(ngx_http_request_t *r, ledger_exchange_t *x)
{
    ngx_str_t  *agent;

    x->address = ngx_http_oauth_slice(&r->connection->addr_text);

    if (r->headers_in.user_agent) {
        agent = &r->headers_in.user_agent->value;

        x->agent.data = agent->data;
        x->agent.len = ngx_min(agent->len, LEDGER_ORIGIN_MAX);
    }
}


/* "jwt-bearer" also stands for urn:ietf:params:oauth:grant-type:jwt-bearer. */

static ngx_uint_t
ngx_http_oauth_exchange_exempt(ngx_http_oauth_ctx_t *ctx)
{
    ngx_str_t   *exempt, *grant;
    ngx_uint_t   i, n;

    grant = &ctx->grant;

    if (ctx->provider->exempt) {
        exempt = ctx->provider->exempt->elts;
        n = ctx->provider->exempt->nelts;

    } else {
        exempt = ngx_http_oauth_exchange_exempts;
        n = sizeof(ngx_http_oauth_exchange_exempts) / sizeof(ngx_str_t);
    }

    for (i = 0; i < n; i++) {

        if (exempt[i].len > grant->len
            || ngx_strncmp(grant->data + grant->len - exempt[i].len,
                           exempt[i].data, exempt[i].len)
               != 0)
        {
            continue;
        }

        if (exempt[i].len == grant->len
            || grant->data[grant->len - exempt[i].len - 1] == ':')
        {
            return 1;
        }
    }

    return 0;
}


/* The number without its fraction. */

static ngx_str_t
ngx_http_oauth_exchange_whole(ngx_str_t *text)
{
    u_char     *dot;
    ngx_str_t   whole;

    whole = *text;

    dot = ngx_strlchr(whole.data, whole.data + whole.len, '.');
    if (dot) {
        whole.len = dot - whole.data;
    }

    return whole;
}


/* Seconds as a number, or a time in nginx's form ("2h"); 0: unknown. */

static uint64_t
ngx_http_oauth_exchange_seconds(ngx_str_t *text)
{
    time_t     seconds;
    ngx_str_t  whole;

    whole = ngx_http_oauth_exchange_whole(text);

    if (whole.len == 0) {
        return 0;
    }

    seconds = ngx_parse_time(&whole, 1);

    if (seconds == (time_t) NGX_ERROR || seconds < 0) {
        return 0;
    }

    return ngx_min((uint64_t) seconds, NGX_HTTP_OAUTH_LIFE_MAX);
}


static ledger_ms_t
ngx_http_oauth_exchange_moment(ngx_str_t *text)
{
    ngx_int_t  n;
    ngx_str_t  whole;

    whole = ngx_http_oauth_exchange_whole(text);

    n = ngx_atoi(whole.data, whole.len);

    if (n == NGX_ERROR || n == 0) {
        return 0;
    }

    return ((uint64_t) n < NGX_HTTP_OAUTH_SECONDS_MAX) ? (uint64_t) n * 1000
                                                       : (uint64_t) n;
}


ngx_int_t
ngx_http_oauth_exchange_set(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx,
    ngx_uint_t changed, ngx_str_t *text)
{
    ngx_int_t  rc;

    rc = ngx_http_oauth_exchange_members(r, ctx);

    if (rc == NGX_ERROR || (rc == NGX_DECLINED && !changed)) {
        return rc;
    }

    rc = ngx_http_oauth_exchange_text(r, ctx->sources[NGX_HTTP_OAUTH_RESPONSE],
                                      ctx->answer_form, text);

    return rc == NGX_OK ? NGX_OK : NGX_ERROR;
}


/* NGX_OK: members were replaced; NGX_DECLINED: none; NGX_ERROR. */

static ngx_int_t
ngx_http_oauth_exchange_members(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx)
{
    ngx_int_t                      rc;
    ngx_str_t                      value;
    ngx_uint_t                     i;
    ngx_http_oauth_set_t          *set;
    ngx_http_oauth_value_scope_t   scope;

    if (ctx->provider->response_set == NULL) {
        return NGX_DECLINED;
    }

    set = ctx->provider->response_set->elts;
    rc = NGX_DECLINED;

    if (ngx_http_oauth_value_open(r, ctx, 1, &scope) != NGX_OK) {
        return NGX_ERROR;
    }

    for (i = 0; i < ctx->provider->response_set->nelts; i++) {

        if (ngx_http_oauth_value(r, &set[i].value, &value) != NGX_OK) {
            rc = NGX_ERROR;
            break;
        }

        if (value.len == 0) {
            continue;
        }

        if (ledger_message_replace(ctx->sources[NGX_HTTP_OAUTH_RESPONSE],
                                   ngx_http_oauth_slice(&set[i].name),
                                   ngx_http_oauth_slice(&value))
            != LEDGER_OK)
        {
            rc = NGX_ERROR;
            break;
        }

        rc = NGX_OK;
    }

    ngx_http_oauth_value_close(r, ctx, &scope);

    return rc;
}


ngx_int_t
ngx_http_oauth_exchange_text(ngx_http_request_t *r, json_t *message,
    ngx_uint_t form, ngx_str_t *text)
{
    char         *out;
    size_t        len;
    ledger_rc_t   rc;

    rc = form ? ledger_message_write_form(message, &out, &len)
              : ledger_message_write_json(message, &out, &len);

    if (rc != LEDGER_OK) {
        return (rc == LEDGER_NOMEM) ? NGX_ERROR : NGX_DECLINED;
    }

    text->len = len;
    text->data = ngx_pnalloc(r->pool, len + 1);

    if (text->data) {
        ngx_memcpy(text->data, out, len);
    }

    ngx_explicit_memzero(out, len);
    free(out);

    return text->data ? NGX_OK : NGX_ERROR;
}


ngx_uint_t
ngx_http_oauth_exchange_refused(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx)
{
    char             buf[LEDGER_SCALAR_MAX];
    ngx_str_t       *s, text;
    ledger_slice_t   error;

    if (ctx->sources[NGX_HTTP_OAUTH_RESPONSE] == NULL) {
        text.data = ctx->answer->pos;
        text.len = ctx->answer->last - ctx->answer->pos;

        if (ngx_http_oauth_exchange_parse(r, ctx, &text) != NGX_OK) {
            return 0;
        }
    }

    if (ledger_message_member(ctx->sources[NGX_HTTP_OAUTH_RESPONSE],
                              ledger_slice("error"), buf, &error)
        != LEDGER_OK)
    {
        return 0;
    }

    for (s = ngx_http_oauth_exchange_refusals; s->len; s++) {
        if (s->len == error.len
            && ngx_strncmp(s->data, error.data, s->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}
