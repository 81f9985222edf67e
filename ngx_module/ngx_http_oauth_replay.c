
/*
 * Copyright (C) The OAuth gateway authors
 */


#include "ngx_http_oauth_replay.h"
#include "ngx_http_oauth_conf.h"
#include "ngx_http_oauth_ctx.h"
#include "ngx_http_oauth_exchange.h"
#include "ngx_http_oauth_header.h"
#include "ngx_http_oauth_heal.h"
#include "ngx_http_oauth_refusal.h"
#include "ngx_http_oauth_report.h"
#include "ngx_http_oauth_store.h"

#include "ledger_seal.h"


/* With "replay 0" those who wait for a flight still get its answer. */
#define NGX_HTTP_OAUTH_JOIN_MAX  30000


static ledger_slice_t ngx_http_oauth_replay_path(ngx_http_request_t *r);
static ngx_int_t ngx_http_oauth_replay_dpop(ngx_http_request_t *r,
    ledger_slice_t *dpop);
static ngx_int_t ngx_http_oauth_replay_find(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ledger_kept_t *kept,
    ngx_http_oauth_print_t *print);
static ngx_int_t ngx_http_oauth_replay_open(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, const ledger_kept_t *kept,
    const ngx_http_oauth_print_t *print, ngx_str_t *plain);
static ngx_uint_t ngx_http_oauth_replay_stale(ngx_http_oauth_ctx_t *ctx,
    ledger_ms_t stored_at);
static ngx_int_t ngx_http_oauth_replay_answer(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, const ledger_kept_t *kept, ngx_str_t *plain);
static ngx_int_t ngx_http_oauth_replay_age(json_t *message, uint64_t age);
static ngx_int_t ngx_http_oauth_replay_send(ngx_http_request_t *r,
    ngx_str_t *type, ngx_str_t *text);
static ledger_slice_t ngx_http_oauth_replay_bound(
    const ngx_http_oauth_print_t *print, ledger_ms_t stored_at, u_char *buf);


ngx_int_t
ngx_http_oauth_replay_print(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx,
    uint32_t key, ngx_http_oauth_print_t *print)
{
    ngx_table_elt_t               *h;
    ledger_fingerprint_request_t   request;

    ngx_memzero(&request, sizeof(ledger_fingerprint_request_t));

    h = r->headers_in.authorization;
    if (h) {
        request.authorization = ngx_http_oauth_slice(&h->value);
    }

    if (ngx_http_oauth_replay_dpop(r, &request.dpop) != NGX_OK) {
        return NGX_ERROR;
    }

    request.provider = ngx_http_oauth_slice(&ctx->provider->name);
    request.path = ngx_http_oauth_replay_path(r);
    request.message = ctx->sources[NGX_HTTP_OAUTH_REQUEST];

    return ledger_fingerprint(ngx_http_oauth_store_keyring(), key, &request,
                              &print->request, &print->client)
           == LEDGER_OK ? NGX_OK : NGX_ERROR;
}


/* As the caller wrote it: a rewrite may lead two hosts' paths to one. */

static ledger_slice_t
ngx_http_oauth_replay_path(ngx_http_request_t *r)
{
    u_char     *args;
    ngx_str_t   path;

    path = r->unparsed_uri;

    args = ngx_strlchr(path.data, path.data + path.len, '?');
    if (args) {
        path.len = args - path.data;
    }

    return ngx_http_oauth_slice(&path);
}


/* RFC 9449 wants one proof; several are taken together, as they stand. */

static ngx_int_t
ngx_http_oauth_replay_dpop(ngx_http_request_t *r, ledger_slice_t *dpop)
{
    size_t            len;
    u_char           *p;
    ngx_table_elt_t  *h;

    len = 0;

    for (h = ngx_http_oauth_header_in(r, "DPoP", NULL);
         h;
         h = ngx_http_oauth_header_in(r, "DPoP", h))
    {
        len += h->value.len + 1;
    }

    if (len == 0) {
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    dpop->data = p;
    dpop->len = len - 1;

    for (h = ngx_http_oauth_header_in(r, "DPoP", NULL);
         h;
         h = ngx_http_oauth_header_in(r, "DPoP", h))
    {
        p = ngx_cpymem(p, h->value.data, h->value.len);
        *p++ = ',';
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_oauth_replay_keep(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx,
    ngx_str_t *answer)
{
    size_t           len;
    u_char          *sealed, bound[64];
    uint64_t         window;
    ngx_int_t        rc;
    ngx_str_t        plain;
    ledger_rc_t      sealing;
    ledger_slice_t   aad;

    if (!ctx->flying || ctx->presented.len == 0) {
        return NGX_DECLINED;
    }

    rc = ngx_http_oauth_replay_plain(r, ctx, answer, &plain);
    if (rc != NGX_OK) {
        return rc;
    }

    sealed = ngx_pnalloc(r->pool, plain.len + LEDGER_SEAL_OVERHEAD);
    if (sealed == NULL) {
        return NGX_ERROR;
    }

    aad = ngx_http_oauth_replay_bound(&ctx->print, ctx->exchange->arrived_at,
                                      bound);

    sealing = ledger_seal(ngx_http_oauth_store_keyring(), LEDGER_SEAL_REPLAY,
                          ngx_http_oauth_slice(&ctx->presented), aad,
                          ngx_http_oauth_slice(&plain), sealed,
                          plain.len + LEDGER_SEAL_OVERHEAD, &len);

    ngx_explicit_memzero(plain.data, plain.len);

    if (sealing != LEDGER_OK) {
        return NGX_ERROR;
    }

    window = ctx->provider->replay ? ctx->provider->replay
                                   : NGX_HTTP_OAUTH_JOIN_MAX;

    ctx->exchange->kept.data = sealed;
    ctx->exchange->kept.len = len;
    ctx->exchange->kept_until = ctx->exchange->arrived_at + window;

    ngx_memcpy(ctx->exchange->print, &ctx->print,
               sizeof(ngx_http_oauth_print_t));

    return NGX_OK;
}


/*
 * The plain form: what the answer is ('F'orm or 'J'SON), the length of its
 * Content-Type in one byte, the Content-Type, the text.
 */

ngx_int_t
ngx_http_oauth_replay_plain(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx,
    ngx_str_t *answer, ngx_str_t *plain)
{
    size_t      len;
    u_char     *p;
    ngx_str_t  *type;

    type = &r->headers_out.content_type;
    len = 2 + type->len + answer->len;

    if (type->len > 255 || len + LEDGER_SEAL_OVERHEAD > LEDGER_KEPT_MAX) {
        return NGX_DECLINED;
    }

    p = ngx_pnalloc(r->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    plain->data = p;
    plain->len = len;

    *p++ = ctx->answer_form ? 'F' : 'J';
    *p++ = (u_char) type->len;
    p = ngx_cpymem(p, type->data, type->len);
    ngx_memcpy(p, answer->data, answer->len);

    return NGX_OK;
}


/* What a sealed answer is bound to: it opens for nobody and nothing else. */

static ledger_slice_t
ngx_http_oauth_replay_bound(const ngx_http_oauth_print_t *print,
    ledger_ms_t stored_at, u_char *buf)
{
    u_char  *p;

    p = ngx_cpymem(buf, print, sizeof(ngx_http_oauth_print_t));
    p = ngx_cpymem(p, &stored_at, sizeof(ledger_ms_t));

    return (ledger_slice_t) { buf, p - buf };
}


ngx_int_t
ngx_http_oauth_replay(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx)
{
    static ledger_kept_t  kept;

    ngx_int_t                rc;
    ngx_str_t                plain;
    ngx_http_oauth_print_t   print;

    rc = ngx_http_oauth_replay_find(r, ctx, &kept, &print);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ctx->provider->replay == 0 && ctx->wait_until == 0) {
        return NGX_DECLINED;
    }

    rc = ngx_http_oauth_replay_open(r, ctx, &kept, &print, &plain);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_oauth_replay_answer(r, ctx, &kept, &plain);

    ngx_explicit_memzero(plain.data, plain.len);

    return rc;
}


/* The answer of this request, among those that are kept for its token. */

static ngx_int_t
ngx_http_oauth_replay_find(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx,
    ledger_kept_t *kept, ngx_http_oauth_print_t *print)
{
    uint32_t                 key, last;
    ledger_t                *ledger;
    ngx_uint_t               seen, known;
    ledger_ms_t              now;
    ngx_http_oauth_print_t   owner;

    ledger = ngx_http_oauth_store();
    if (ledger == NULL) {
        return NGX_DECLINED;
    }

    now = ngx_http_oauth_now();
    kept->number = LEDGER_KEPT_LATEST;

    for (seen = 0, known = 0, last = 0; ; seen++) {

        if (ledger_kept(ledger, &ctx->token, kept->number, now, kept)
            != LEDGER_OK)
        {
            break;
        }

        /*
         * What was kept before a change of keys is compared under its own
         * key.
         */

        key = ledger_seal_key_id(kept->sealed);

        if ((seen == 0 || key != last)
            && ngx_http_oauth_replay_print(r, ctx, key, print) != NGX_OK)
        {
            return NGX_DECLINED;
        }

        last = key;

        ngx_memcpy(&owner, kept->print, sizeof(ngx_http_oauth_print_t));

        if (ledger_fingerprint_equal(&owner.request, &print->request)) {
            return NGX_OK;
        }

        known |= ledger_fingerprint_equal(&owner.client, &print->client);
    }

    /* of a token that still stands, the provider checks who asks */

    return seen && !known && ctx->verdict == LEDGER_VERDICT_ROTATED
           ? NGX_ABORT : NGX_DECLINED;
}


static ngx_int_t
ngx_http_oauth_replay_open(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx,
    const ledger_kept_t *kept, const ngx_http_oauth_print_t *print,
    ngx_str_t *plain)
{
    u_char          bound[64];
    ledger_slice_t  aad;

    aad = ngx_http_oauth_replay_bound(print, kept->stored_at, bound);

    plain->data = ngx_pnalloc(r->pool, kept->sealed.len);
    if (plain->data == NULL) {
        return NGX_ERROR;
    }

    if (ledger_unseal(ngx_http_oauth_store_keyring(), LEDGER_SEAL_REPLAY,
                      ngx_http_oauth_slice(&ctx->presented), aad,
                      kept->sealed, plain->data, kept->sealed.len,
                      &plain->len)
        != LEDGER_OK)
    {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "oauth gateway cannot open a kept answer of \"%V\"",
                      &ctx->provider->name);
        return NGX_DECLINED;
    }

    return NGX_OK;
}


/*
 * An access token that has run out helps nobody.  The refresh token beside it
 * may: it is all that is left for one that was rotated, unless heal has better.
 */

static ngx_uint_t
ngx_http_oauth_replay_stale(ngx_http_oauth_ctx_t *ctx, ledger_ms_t stored_at)
{
    char             buf[LEDGER_SCALAR_MAX];
    uint64_t         life, margin;
    ngx_int_t        seconds;
    ledger_slice_t   text;

    if ((ctx->verdict == LEDGER_VERDICT_ROTATED && !ctx->healing)
        || ledger_message_member(ctx->sources[NGX_HTTP_OAUTH_RESPONSE],
                                 ledger_slice("expires_in"), buf, &text)
           != LEDGER_OK)
    {
        return 0;
    }

    seconds = ngx_atoi((u_char *) text.data, text.len);

    if (seconds <= 0 || seconds > NGX_MAX_INT_T_VALUE / 1000) {
        return 0;
    }

    life = (uint64_t) seconds * 1000;
    margin = ctx->healing ? ngx_http_oauth_heal_margin(life) : 0;

    return stored_at + life <= ngx_http_oauth_now() + margin;
}


static ngx_int_t
ngx_http_oauth_replay_answer(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx,
    const ledger_kept_t *kept, ngx_str_t *plain)
{
    ngx_int_t  rc;
    ngx_str_t  type, text;

    rc = ngx_http_oauth_replay_read(r, ctx, plain, &type, &text);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_oauth_replay_stale(ctx, kept->stored_at)) {
        json_decref(ctx->sources[NGX_HTTP_OAUTH_RESPONSE]);
        ctx->sources[NGX_HTTP_OAUTH_RESPONSE] = NULL;
        return NGX_DECLINED;
    }

    ctx->connection_id = kept->connection;
    ctx->action = ctx->wait_until ? NGX_HTTP_OAUTH_ACTION_JOIN
                                    : NGX_HTTP_OAUTH_ACTION_REPLAY;

    ngx_http_oauth_note(ctx, ctx->wait_until ? LEDGER_EVENT_JOINED
                                             : LEDGER_EVENT_REPLAYED,
                        kept->connection, 0);

    return ngx_http_oauth_replay_give(r, ctx, kept->stored_at, 0, &type,
                                      &text);
}


ngx_int_t
ngx_http_oauth_replay_read(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx,
    ngx_str_t *plain, ngx_str_t *type, ngx_str_t *text)
{
    json_t       *message;
    ledger_rc_t   parsed;

    if (plain->len < 2 || plain->len < 2 + (size_t) plain->data[1]) {
        return NGX_DECLINED;
    }

    type->data = plain->data + 2;
    type->len = plain->data[1];

    text->data = type->data + type->len;
    text->len = plain->len - 2 - type->len;

    message = json_object();
    if (message == NULL) {
        return NGX_ERROR;
    }

    json_decref(ctx->sources[NGX_HTTP_OAUTH_RESPONSE]);
    ctx->sources[NGX_HTTP_OAUTH_RESPONSE] = message;
    ctx->answer_form = (plain->data[0] == 'F');

    parsed = ctx->answer_form
             ? ledger_message_form(ngx_http_oauth_slice(text), message, NULL)
             : ledger_message_json(ngx_http_oauth_slice(text), 0, message);

    return parsed == LEDGER_OK ? NGX_OK : NGX_DECLINED;
}


/* Where nothing changes, the bytes are the provider's own. */

ngx_int_t
ngx_http_oauth_replay_give(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx,
    ledger_ms_t stored_at, ngx_uint_t changed, ngx_str_t *type,
    ngx_str_t *text)
{
    u_char       *p;
    uint64_t      age;
    ngx_int_t     rc;
    ngx_str_t     kind;
    ledger_ms_t   now;

    now = ngx_http_oauth_now();
    age = (now > stored_at) ? (now - stored_at) / 1000 : 0;

    if (age) {
        rc = ngx_http_oauth_replay_age(ctx->sources[NGX_HTTP_OAUTH_RESPONSE],
                                       age);
        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        changed = changed || rc == NGX_OK;
    }

    rc = ngx_http_oauth_exchange_set(r, ctx, changed, text);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    /* what was unsealed is cleansed before it is sent */

    if (rc == NGX_DECLINED) {
        p = ngx_pstrdup(r->pool, text);
        if (p == NULL) {
            return NGX_ERROR;
        }

        text->data = p;
    }

    kind.len = type->len;
    kind.data = ngx_pstrdup(r->pool, type);
    if (kind.data == NULL) {
        return NGX_ERROR;
    }

    return ngx_http_oauth_replay_send(r, &kind, text);
}


/* RFC 6749, 5.1: a lifetime in seconds; some send it as a string. */

static ngx_int_t
ngx_http_oauth_replay_age(json_t *message, uint64_t age)
{
    char             buf[LEDGER_SCALAR_MAX], out[NGX_INT64_LEN + 1];
    json_t          *member, *new;
    ngx_int_t        left;
    ledger_slice_t   text;

    member = json_object_get(message, "expires_in");

    if (member == NULL
        || ledger_message_member(message, ledger_slice("expires_in"), buf,
                                 &text)
           != LEDGER_OK)
    {
        return NGX_DECLINED;
    }

    left = ngx_atoi((u_char *) text.data, text.len);
    if (left == NGX_ERROR) {
        return NGX_DECLINED;
    }

    left = ((uint64_t) left > age) ? left - (ngx_int_t) age : 0;

    if (json_is_string(member)) {
        *ngx_sprintf((u_char *) out, "%i", left) = '\0';
        new = json_string(out);

    } else {
        new = json_integer(left);
    }

    return json_object_set_new(message, "expires_in", new) == 0 ? NGX_OK
                                                                : NGX_ERROR;
}


static ngx_int_t
ngx_http_oauth_replay_send(ngx_http_request_t *r, ngx_str_t *type,
    ngx_str_t *text)
{
    ngx_str_t  no_store, no_cache;

    /* RFC 6749, 5.1 */

    ngx_str_set(&no_store, "no-store");
    ngx_str_set(&no_cache, "no-cache");

    if (ngx_http_oauth_header_set(r, "Cache-Control", &no_store) == NULL
        || ngx_http_oauth_header_set(r, "Pragma", &no_cache) == NULL)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_oauth_local_send(r, NGX_HTTP_OK, type, text);
}
