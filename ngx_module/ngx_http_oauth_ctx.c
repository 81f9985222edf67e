
/*
 * Copyright (C) The OAuth gateway authors
 */


#include "ngx_http_oauth_ctx.h"
#include "ngx_http_oauth_flight.h"
#include "ngx_http_oauth_heal.h"
#include "ngx_http_oauth_late.h"
#include "ngx_http_oauth_store.h"


/*
 * States that are kept for the next requests.  One has 1 KB, for which nginx
 * would have to get another block of memory for many calls.
 */
#define NGX_HTTP_OAUTH_CTX_SPARE  256


typedef struct {
    ngx_http_oauth_ctx_t  *ctx;
} ngx_http_oauth_cleanup_t;


static ngx_http_oauth_ctx_t *ngx_http_oauth_ctx_get(ngx_http_request_t *r);
static void ngx_http_oauth_ctx_cleanup(void *data);
static void ngx_http_oauth_ctx_put(ngx_http_oauth_ctx_t *ctx);
static u_char *ngx_http_oauth_mask_handler(ngx_http_request_t *r,
    ngx_http_request_t *sr, u_char *buf, size_t len);


static ngx_http_oauth_ctx_t  *ngx_http_oauth_ctx_spare[
                                                   NGX_HTTP_OAUTH_CTX_SPARE];
static ngx_uint_t             ngx_http_oauth_ctx_nspare;


ngx_http_oauth_ctx_t *
ngx_http_oauth_ctx(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t        *cln;
    ngx_http_oauth_ctx_t      *ctx;
    ngx_http_oauth_cleanup_t  *cleanup;

    ctx = ngx_http_get_module_ctx(r, ngx_http_oauth_gateway_module);

    if (ctx != NULL || !(r->internal || r->filter_finalize)) {
        return ctx;
    }

    /* an internal redirect has cleared the contexts */

    for (cln = r->pool->cleanup; cln; cln = cln->next) {

        if (cln->handler != ngx_http_oauth_ctx_cleanup) {
            continue;
        }

        cleanup = cln->data;

        if (cleanup->ctx->request == r) {
            ngx_http_set_ctx(r, cleanup->ctx, ngx_http_oauth_gateway_module);
            return cleanup->ctx;
        }
    }

    return NULL;
}


ngx_http_oauth_ctx_t *
ngx_http_oauth_ctx_make(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t        *cln;
    ngx_http_oauth_ctx_t      *ctx;
    ngx_http_oauth_cleanup_t  *cleanup;

    ctx = ngx_http_oauth_ctx(r);
    if (ctx != NULL) {
        return ctx;
    }

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_oauth_cleanup_t));
    if (cln == NULL) {
        return NULL;
    }

    ctx = ngx_http_oauth_ctx_get(r);
    if (ctx == NULL) {
        return NULL;
    }

    cleanup = cln->data;
    cleanup->ctx = ctx;
    cln->handler = ngx_http_oauth_ctx_cleanup;

    ctx->request = r;

    ngx_http_set_ctx(r, ctx, ngx_http_oauth_gateway_module);

    return ctx;
}


/* All zero but "room". */

static ngx_http_oauth_ctx_t *
ngx_http_oauth_ctx_get(ngx_http_request_t *r)
{
    if (ngx_http_oauth_ctx_nspare) {
        return ngx_http_oauth_ctx_spare[--ngx_http_oauth_ctx_nspare];
    }

    return ngx_calloc(sizeof(ngx_http_oauth_ctx_t), r->connection->log);
}


static void
ngx_http_oauth_ctx_cleanup(void *data)
{
    ngx_http_oauth_cleanup_t *cleanup = data;

    ngx_uint_t             i;
    ngx_http_oauth_ctx_t  *ctx;

    ctx = cleanup->ctx;

    if (ctx->commit) {
        /* the record goes on without its request */
        ngx_http_oauth_commit_forget(ctx->commit);
        ctx->commit = NULL;
    }

    /* most calls have none of these: they are not worth four calls */

    if (ctx->waiting || ctx->flying) {
        ngx_http_oauth_flight_cleanup(ctx);
    }

    if (ctx->copying) {
        ngx_http_oauth_userinfo_cleanup(ctx);
    }

    if (ctx->lent) {
        ngx_http_oauth_lend_cleanup(ctx);
    }

    for (i = 0; i < NGX_HTTP_OAUTH_SOURCES; i++) {
        json_decref(ctx->sources[i]);
        ctx->sources[i] = NULL;
    }

    if (ctx->body.len) {
        ngx_explicit_memzero(ctx->body.data, ctx->body.len);
    }

    ngx_http_oauth_ctx_put(ctx);
}


static void
ngx_http_oauth_ctx_put(ngx_http_oauth_ctx_t *ctx)
{
    /* what is in "room" is nothing without "raw" */

    ngx_memzero(ctx, offsetof(ngx_http_oauth_ctx_t, room));

#ifndef __SANITIZE_ADDRESS__
    if (ngx_http_oauth_ctx_nspare < NGX_HTTP_OAUTH_CTX_SPARE) {
        ngx_http_oauth_ctx_spare[ngx_http_oauth_ctx_nspare++] = ctx;
        return;
    }
#endif

    /* a sanitizer sees who still has it */

    ngx_free(ctx);
}


ngx_int_t
ngx_http_oauth_ctx_raw(ngx_http_oauth_ctx_t *ctx,
    const ledger_slice_t *encoded)
{
    /* a second one: variables still point into the first */

    if (ctx->roomed || encoded->len > NGX_HTTP_OAUTH_CTX_ROOM) {
        ctx->raw.data = ngx_pnalloc(ctx->request->pool, encoded->len);
        if (ctx->raw.data == NULL) {
            return NGX_ERROR;
        }

    } else {
        ctx->raw.data = ctx->room;
        ctx->roomed = 1;
    }

    ngx_memcpy(ctx->raw.data, encoded->data, encoded->len);
    ctx->raw.len = encoded->len;

    return NGX_OK;
}


const ledger_connection_t *
ngx_http_oauth_connection(ngx_http_oauth_ctx_t *ctx)
{
    static const ledger_connection_t  none;

    ledger_connection_t  *connection;

    if (ctx->connection) {
        return ctx->connection;
    }

    if (ctx->raw.len == 0) {
        return &none;
    }

    connection = ngx_palloc(ctx->request->pool, sizeof(ledger_connection_t));

    if (connection == NULL
        || ledger_connection_decode(ctx->raw.data, ctx->raw.len, connection)
           != LEDGER_OK)
    {
        return &none;
    }

    ctx->connection = connection;

    return connection;
}


/*
 * nginx's own messages about a request hold the request line and the URI
 * that goes upstream; here their query strings may hold credentials.
 */

void
ngx_http_oauth_mask_errors(ngx_http_request_t *r)
{
    r->log_handler = ngx_http_oauth_mask_handler;
}


void
ngx_http_oauth_mask_log(ngx_http_request_t *r)
{
    u_char  *p, *last;

    ngx_http_oauth_mask_errors(r);

    if (r->args.len == 0) {
        return;
    }

    p = r->request_line.data;
    last = p + r->request_line.len;

    p = ngx_strlchr(p, last, '?');
    if (p == NULL) {
        return;
    }

    r->request_line.len = p - r->request_line.data;
}


static u_char *
ngx_http_oauth_mask_handler(ngx_http_request_t *r, ngx_http_request_t *sr,
    u_char *buf, size_t len)
{
    u_char                    *last;
    ngx_http_upstream_t       *u;
    ngx_http_core_srv_conf_t  *cscf;

    last = buf + len;
    cscf = ngx_http_get_module_srv_conf(r, ngx_http_core_module);

    buf = ngx_slprintf(buf, last, ", server: %V, request: \"%V %V\"",
                       &cscf->server_name, &r->method_name, &r->uri);

    u = sr->upstream;

    if (u && u->peer.name) {
        buf = ngx_slprintf(buf, last, ", upstream: \"%V%V\"", &u->schema,
                           u->peer.name);
    }

    if (r->headers_in.host) {
        buf = ngx_slprintf(buf, last, ", host: \"%V\"",
                           &r->headers_in.host->value);
    }

    return buf;
}
