
/*
 * Copyright (C) The OAuth gateway authors
 */


#include "ngx_http_oauth_heal.h"
#include "ngx_http_oauth_conf.h"
#include "ngx_http_oauth_ctx.h"
#include "ngx_http_oauth_header.h"
#include "ngx_http_oauth_replay.h"
#include "ngx_http_oauth_store.h"
#include "ngx_http_oauth_token_endpoint.h"

#include "ledger_seal.h"


/*
 * What is sealed: the length of the refresh token in two bytes, the refresh
 * token, and the answer in the plain form of kept answers.
 */
#define NGX_HTTP_OAUTH_LEND_HEAD  2


typedef struct {
    ngx_str_t                   access;
    ngx_str_t                   refresh;     /* empty: there is none */
} ngx_http_oauth_lend_tokens_t;


static ngx_uint_t ngx_http_oauth_lend_confidential(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);
static ngx_int_t ngx_http_oauth_lend_tokens(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_http_oauth_lend_tokens_t *tokens);
static ngx_uint_t ngx_http_oauth_lend_named(ngx_http_oauth_ctx_t *ctx,
    ngx_str_t *text, ngx_uint_t kind);
static ngx_int_t ngx_http_oauth_lend_seal(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_str_t *refresh, ngx_str_t *plain);
static ledger_slice_t ngx_http_oauth_lend_bound(const u_char *accepted,
    ledger_ms_t stored_at, u_char *buf);
static ngx_uint_t ngx_http_oauth_lend_authentic(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, const ledger_lent_t *found);
static ngx_uint_t ngx_http_oauth_lend_accepted(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, uint32_t key, const u_char *accepted);
static ngx_int_t ngx_http_oauth_lend_open(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, const ledger_lent_t *found,
    ngx_http_oauth_lent_t *lent);
static ngx_int_t ngx_http_oauth_lend_access(ngx_http_request_t *r,
    ngx_http_oauth_lent_t *lent);


ngx_int_t
ngx_http_oauth_lend_keep(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx,
    ngx_str_t *answer)
{
    uint32_t                       n;
    ngx_int_t                      rc;
    ngx_str_t                      plain;
    ledger_exchange_t             *x;
    ngx_http_oauth_print_t         print;
    ngx_http_oauth_lend_tokens_t   tokens;

    x = ctx->exchange;

    if (!ctx->provider->heal || x->exempt
        || !ngx_http_oauth_lend_confidential(r, ctx))
    {
        return NGX_DECLINED;
    }

    if (ngx_http_oauth_replay_print(r, ctx, 0, &print) != NGX_OK) {
        return NGX_ERROR;
    }

    x->accepted_key = ledger_keyring_ids(ngx_http_oauth_store_keyring(),
                                         &n)[0];
    ngx_memcpy(x->accepted, &print.client, LEDGER_CLIENT_SIZE);

    rc = ngx_http_oauth_lend_tokens(r, ctx, &tokens);

    if (rc == NGX_OK) {
        rc = ngx_http_oauth_replay_plain(r, ctx, answer, &plain);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_oauth_lend_seal(r, ctx, &tokens.refresh, &plain);

    ngx_explicit_memzero(plain.data, plain.len);

    x->narrowed = (rc == NGX_OK && ngx_http_oauth_lend_narrowed(ctx)) ? 1 : 0;

    return rc;
}


/*
 * RFC 6749, 2.1, by what it showed: a secret.  An assertion differs each
 * time, so that nothing could be compared; a DPoP key is the runner's own.
 */

static ngx_uint_t
ngx_http_oauth_lend_confidential(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx)
{
    char             buf[LEDGER_SCALAR_MAX];
    ledger_slice_t   secret, type;

    if (ngx_http_oauth_header_in(r, "DPoP", NULL) != NULL) {
        return 0;
    }

    if (ledger_message_member(ctx->sources[NGX_HTTP_OAUTH_RESPONSE],
                              ledger_slice("token_type"), buf, &type)
        == LEDGER_OK
        && type.len == sizeof("DPoP") - 1
        && ngx_strncasecmp((u_char *) type.data, (u_char *) "DPoP", type.len)
           == 0)
    {
        return 0;
    }

    if (r->headers_in.authorization
        && ledger_credential_password(
                ngx_http_oauth_slice(&r->headers_in.authorization->value)))
    {
        return 1;
    }

    return ledger_message_member(ctx->sources[NGX_HTTP_OAUTH_REQUEST],
                                 ledger_slice("client_secret"), buf, &secret)
           == LEDGER_OK
           && secret.len;
}


/* RFC 6749, 6 and RFC 8707: such an access token is good for less. */

ngx_uint_t
ngx_http_oauth_lend_narrowed(ngx_http_oauth_ctx_t *ctx)
{
    json_t  *request;

    request = ctx->sources[NGX_HTTP_OAUTH_REQUEST];

    return json_object_get(request, "resource") != NULL
           || json_object_get(request, "audience") != NULL
           || (ctx->refresh && json_object_get(request, "scope") != NULL);
}


/*
 * Lent is what RFC 6749, 5.1 describes, one access token and at most one to
 * refresh it: of several nobody knows which stands for which.
 */

static ngx_int_t
ngx_http_oauth_lend_tokens(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx,
    ngx_http_oauth_lend_tokens_t *tokens)
{
    json_t    *message;
    uint32_t   i, refresh;

    message = ctx->sources[NGX_HTTP_OAUTH_RESPONSE];
    refresh = 0;

    for (i = 0; i < ctx->exchange->ntokens; i++) {
        refresh += (ctx->exchange->tokens[i].kind == LEDGER_REFRESH);
    }

    if (refresh > 1 || ctx->exchange->ntokens - refresh != 1) {
        return NGX_DECLINED;
    }

    if (ngx_http_oauth_token_member(r, message, "access_token",
                                    &tokens->access)
        != NGX_OK
        || ngx_http_oauth_token_member(r, message, "refresh_token",
                                       &tokens->refresh)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (!ngx_http_oauth_lend_named(ctx, &tokens->access, LEDGER_ACCESS)) {
        return NGX_DECLINED;
    }

    if (refresh) {
        return ngx_http_oauth_lend_named(ctx, &tokens->refresh,
                                         LEDGER_REFRESH)
               ? NGX_OK : NGX_DECLINED;
    }

    /* RFC 6749, 6: without a new one the one presented stays */

    if (ctx->refresh) {
        tokens->refresh = ctx->presented;

    } else {
        ngx_str_set(&tokens->refresh, "");
    }

    return NGX_OK;
}


/* Whether that is the token of the kind which the record names. */

static ngx_uint_t
ngx_http_oauth_lend_named(ngx_http_oauth_ctx_t *ctx, ngx_str_t *text,
    ngx_uint_t kind)
{
    uint32_t            i, key;
    ledger_token_id_t   id;

    if (text->len == 0
        || ngx_http_oauth_store_name(text, &id, &key) != NGX_OK)
    {
        return 0;
    }

    for (i = 0; i < ctx->exchange->ntokens; i++) {

        if (ctx->exchange->tokens[i].kind == kind) {
            return ngx_memcmp(&ctx->exchange->tokens[i].id, &id,
                              sizeof(ledger_token_id_t))
                   == 0;
        }
    }

    return 0;
}


static ngx_int_t
ngx_http_oauth_lend_seal(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx,
    ngx_str_t *refresh, ngx_str_t *plain)
{
    size_t              len;
    u_char             *p, *all, *sealed, bound[64];
    ledger_rc_t         rc;
    ledger_slice_t      aad, none;
    ledger_exchange_t  *x;

    x = ctx->exchange;
    len = NGX_HTTP_OAUTH_LEND_HEAD + refresh->len + plain->len;

    if (len + LEDGER_SEAL_OVERHEAD > LEDGER_LENT_MAX) {
        return NGX_DECLINED;
    }

    all = ngx_pnalloc(r->pool, len);
    if (all == NULL) {
        return NGX_ERROR;
    }

    sealed = ngx_pnalloc(r->pool, len + LEDGER_SEAL_OVERHEAD);
    if (sealed == NULL) {
        return NGX_ERROR;
    }

    p = all;
    *p++ = (u_char) (refresh->len >> 8);
    *p++ = (u_char) refresh->len;
    p = ngx_cpymem(p, refresh->data, refresh->len);
    ngx_memcpy(p, plain->data, plain->len);

    aad = ngx_http_oauth_lend_bound(x->accepted, x->arrived_at, bound);
    ngx_memzero(&none, sizeof(ledger_slice_t));

    rc = ledger_seal(ngx_http_oauth_store_keyring(), LEDGER_SEAL_HEAL, none,
                     aad, (ledger_slice_t) { all, len }, sealed,
                     len + LEDGER_SEAL_OVERHEAD, &x->lent.len);

    ngx_explicit_memzero(all, len);

    x->lent.data = sealed;

    if (rc != LEDGER_OK) {
        x->lent.len = 0;
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* It opens in no other row: the time is the exchange's own. */

static ledger_slice_t
ngx_http_oauth_lend_bound(const u_char *accepted, ledger_ms_t stored_at,
    u_char *buf)
{
    u_char  *p;

    p = ngx_cpymem(buf, accepted, LEDGER_CLIENT_SIZE);
    p = ngx_cpymem(p, &stored_at, sizeof(ledger_ms_t));

    return (ledger_slice_t) { buf, p - buf };
}


ngx_int_t
ngx_http_oauth_lend_find(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx,
    ngx_uint_t authenticate)
{
    static ledger_lent_t  found;

    unsigned                by;
    ledger_t               *ledger;
    ngx_int_t               rc;
    ngx_http_oauth_lent_t  *lent;

    ledger = ngx_http_oauth_store();

    by = (ctx->provider->user ? LEDGER_BY_USER : 0)
         | (ctx->provider->tenant ? LEDGER_BY_TENANT : 0);

    if (ledger == NULL || ctx->connection_id == 0
        || ledger_lender(ledger, ctx->connection_id, by,
                         ngx_http_oauth_now(), &found)
           != LEDGER_OK
        || (authenticate && !ngx_http_oauth_lend_authentic(r, ctx, &found)))
    {
        return NGX_DECLINED;
    }

    if (!authenticate && found.own_key == 0) {
        /* a call shows no client: it was a confidential one at the exchange */
        return NGX_DECLINED;
    }

    lent = ngx_pcalloc(r->pool, sizeof(ngx_http_oauth_lent_t));
    if (lent == NULL) {
        return NGX_ERROR;
    }

    lent->connection = found.connection;
    lent->stored_at = found.stored_at;
    lent->expires_at = found.expires_at;
    lent->last_used_at = found.last_used_at;
    lent->access_id = found.access;
    lent->refresh_id = found.refresh;

    rc = ngx_http_oauth_lend_open(r, ctx, &found, lent);
    if (rc != NGX_OK) {
        return rc;
    }

    ctx->lent = lent;

    if (!found.has_refresh) {
        ngx_str_null(&lent->refresh);
    }

    return found.has_access ? ngx_http_oauth_lend_access(r, lent) : NGX_OK;
}


/*
 * A token alone gets nothing: the client must show what the provider has
 * accepted, for this connection or for the one whose tokens it would get.
 */

static ngx_uint_t
ngx_http_oauth_lend_authentic(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, const ledger_lent_t *found)
{
    return ngx_http_oauth_lend_confidential(r, ctx)
           && (ngx_http_oauth_lend_accepted(r, ctx, found->key,
                                            found->accepted)
               || (found->own_key
                   && ngx_http_oauth_lend_accepted(r, ctx, found->own_key,
                                                   found->own)));
}


static ngx_uint_t
ngx_http_oauth_lend_accepted(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx,
    uint32_t key, const u_char *accepted)
{
    ledger_fingerprint_t    client;
    ngx_http_oauth_print_t  print;

    ngx_memcpy(&client, accepted, LEDGER_CLIENT_SIZE);

    return ngx_http_oauth_replay_print(r, ctx, key, &print) == NGX_OK
           && ledger_fingerprint_equal(&client, &print.client);
}


static ngx_int_t
ngx_http_oauth_lend_open(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx,
    const ledger_lent_t *found, ngx_http_oauth_lent_t *lent)
{
    size_t           len;
    u_char          *p, bound[64];
    ledger_slice_t   aad, none;

    p = ngx_pnalloc(r->pool, found->sealed.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    aad = ngx_http_oauth_lend_bound(found->accepted, found->stored_at, bound);
    ngx_memzero(&none, sizeof(ledger_slice_t));

    if (ledger_unseal(ngx_http_oauth_store_keyring(), LEDGER_SEAL_HEAL, none,
                      aad, found->sealed, p, found->sealed.len, &len)
        != LEDGER_OK
        || len < NGX_HTTP_OAUTH_LEND_HEAD
        || len < NGX_HTTP_OAUTH_LEND_HEAD + (size_t) p[0] * 256 + p[1])
    {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "oauth gateway cannot open tokens of \"%V\" that were "
                      "kept for heal", &ctx->provider->name);
        return NGX_DECLINED;
    }

    lent->plain.data = p;
    lent->plain.len = len;

    lent->refresh.data = p + NGX_HTTP_OAUTH_LEND_HEAD;
    lent->refresh.len = (size_t) p[0] * 256 + p[1];

    lent->answer.data = lent->refresh.data + lent->refresh.len;
    lent->answer.len = len - NGX_HTTP_OAUTH_LEND_HEAD - lent->refresh.len;

    return NGX_OK;
}


/* What the ledger called good is what the answer must hold. */

static ngx_int_t
ngx_http_oauth_lend_access(ngx_http_request_t *r, ngx_http_oauth_lent_t *lent)
{
    size_t              skip;
    json_t             *message;
    uint32_t            key;
    ngx_int_t           rc;
    ngx_str_t          *answer;
    ledger_rc_t         parsed;
    ledger_slice_t      text;
    ledger_token_id_t   id;

    answer = &lent->answer;

    if (answer->len < 2 || answer->len < 2 + (size_t) answer->data[1]) {
        return NGX_OK;
    }

    skip = 2 + (size_t) answer->data[1];
    text.data = answer->data + skip;
    text.len = answer->len - skip;

    message = json_object();
    if (message == NULL) {
        return NGX_ERROR;
    }

    parsed = (answer->data[0] == 'F') ? ledger_message_form(text, message,
                                                            NULL)
                                      : ledger_message_json(text, 0, message);

    rc = (parsed == LEDGER_OK)
         ? ngx_http_oauth_token_member(r, message, "access_token",
                                       &lent->access)
         : NGX_OK;

    json_decref(message);

    if (rc == NGX_OK && lent->access.len
        && (ngx_http_oauth_store_name(&lent->access, &id, &key) != NGX_OK
            || ngx_memcmp(&id, &lent->access_id, sizeof(id)) != 0))
    {
        ngx_explicit_memzero(lent->access.data, lent->access.len);
        ngx_str_null(&lent->access);
    }

    return rc;
}


void
ngx_http_oauth_lend_cleanup(ngx_http_oauth_ctx_t *ctx)
{
    ngx_http_oauth_lent_t  *lent;

    lent = ctx->lent;

    if (lent == NULL) {
        return;
    }

    ngx_explicit_memzero(lent->plain.data, lent->plain.len);

    if (lent->access.len) {
        ngx_explicit_memzero(lent->access.data, lent->access.len);
    }

    /* it is not in place: what is kept aside was made of what was lent */

    if (lent->lent_value.len) {
        ngx_explicit_memzero(lent->lent_value.data, lent->lent_value.len);
    }

    if (lent->body) {
        ngx_explicit_memzero(lent->body->buf->start,
                             lent->body->buf->end - lent->body->buf->start);
    }

    ctx->lent = NULL;
}
