
/*
 * Copyright (C) The OAuth gateway authors
 */


#include "ngx_http_oauth_answer.h"
#include "ngx_http_oauth_conf.h"
#include "ngx_http_oauth_ctx.h"
#include "ngx_http_oauth_exchange.h"
#include "ngx_http_oauth_flight.h"
#include "ngx_http_oauth_header.h"
#include "ngx_http_oauth_heal.h"
#include "ngx_http_oauth_replay.h"
#include "ngx_http_oauth_revocation.h"
#include "ngx_http_oauth_store.h"


static ngx_uint_t ngx_http_oauth_capture_wanted(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);
static ngx_int_t ngx_http_oauth_capture_complete(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);
static ngx_int_t ngx_http_oauth_capture_read(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ledger_record_t *record);
static void ngx_http_oauth_capture_refused(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);
static ngx_int_t ngx_http_oauth_capture_record(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, const ledger_record_t *record);
static void ngx_http_oauth_capture_committed(void *data, ngx_uint_t durable);
static ngx_int_t ngx_http_oauth_capture_release(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_chain_t *rest);
static ngx_int_t ngx_http_oauth_capture_replace(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);


/* Field values that say something about the bytes of the body. */

static const char  *ngx_http_oauth_capture_digests[] = {
    "Content-Encoding",
    "Digest",
    "Content-Digest",
    "Repr-Digest",
    "Content-MD5",
    "ETag",
    NULL
};


ngx_int_t
ngx_http_oauth_capture_header(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx)
{
    if (!ctx->forwarded || ctx->released || r != r->main) {
        return NGX_DECLINED;
    }

    if (!ngx_http_oauth_capture_wanted(r, ctx)) {
        ctx->released = 1;
        ngx_http_oauth_flight_end(ctx, NGX_HTTP_OAUTH_FLIGHT_FAILURE);
        return NGX_DECLINED;
    }

    if (r->headers_out.content_length_n > NGX_HTTP_OAUTH_ANSWER_MAX) {
        ctx->released = 1;
        ctx->unrecorded = 1;
        ctx->unparsed = 1;
        ngx_http_oauth_flight_end(ctx, NGX_HTTP_OAUTH_FLIGHT_UNRECORDED);
        return NGX_DECLINED;
    }

    if (ngx_http_oauth_answer_start(r, ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    ctx->holding = 1;

    return NGX_OK;
}


/* A success may bring tokens; a refusal of a refresh is worth knowing. */

static ngx_uint_t
ngx_http_oauth_capture_wanted(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx)
{
    if (r->header_only) {
        return 0;
    }

    if (r->headers_out.status >= NGX_HTTP_OK
        && r->headers_out.status < NGX_HTTP_SPECIAL_RESPONSE)
    {
        return 1;
    }

    return ctx->refresh && ctx->named
           && r->headers_out.status >= NGX_HTTP_BAD_REQUEST
           && r->headers_out.status < NGX_HTTP_INTERNAL_SERVER_ERROR
           && r->headers_out.status != NGX_HTTP_TOO_MANY_REQUESTS;
}


ngx_int_t
ngx_http_oauth_capture_body(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx,
    ngx_chain_t *in)
{
    ngx_int_t     rc;
    ngx_uint_t    last;
    ngx_chain_t  *cl;

    if (!ctx->holding) {
        return NGX_DECLINED;
    }

    last = 0;

    for (cl = in; cl; cl = cl->next) {

        rc = ngx_http_oauth_answer_append(r, ctx, cl->buf,
                                          NGX_HTTP_OAUTH_ANSWER_MAX);

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (rc == NGX_DECLINED) {

            /* no token answer is as large: it goes on as it comes */

            ctx->unrecorded = 1;
            ctx->unparsed = 1;
            ngx_http_oauth_flight_end(ctx, NGX_HTTP_OAUTH_FLIGHT_UNRECORDED);

            return ngx_http_oauth_capture_release(r, ctx, cl);
        }

        cl->buf->pos = cl->buf->last;

        if (cl->buf->last_buf) {
            last = 1;
        }
    }

    if (ctx->commit) {
        return NGX_OK;
    }

    if (last) {
        return ngx_http_oauth_capture_complete(r, ctx);
    }

    /*
     * A truncated answer never shows last_buf: proxy finalises with a flush
     * when its connection is gone.
     */

    if (in && r->upstream && r->upstream->peer.connection == NULL) {
        ctx->truncated = 1;
        return ngx_http_oauth_capture_complete(r, ctx);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_oauth_capture_complete(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx)
{
    ngx_int_t         rc;
    ledger_record_t  *record;

    record = ngx_pcalloc(r->pool, sizeof(ledger_record_t));

    rc = record ? ngx_http_oauth_capture_read(r, ctx, record) : NGX_ERROR;

    if (rc == NGX_OK) {
        rc = ngx_http_oauth_capture_record(r, ctx, record);

        if (rc == NGX_OK) {
            return NGX_OK;
        }
    }

    if (rc == NGX_DECLINED) {
        ngx_http_oauth_flight_end(ctx, NGX_HTTP_OAUTH_FLIGHT_FAILURE);

    } else {
        ctx->unrecorded = 1;
        ctx->unparsed = (rc == NGX_ABORT);
        ngx_http_oauth_flight_end(ctx, NGX_HTTP_OAUTH_FLIGHT_UNRECORDED);

        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "oauth gateway delivers an answer of \"%V\" that it "
                      "could not record", &ctx->provider->name);
    }

    return ngx_http_oauth_capture_release(r, ctx, NULL);
}


/* As ngx_http_oauth_exchange_read(), and the record is made. */

static ngx_int_t
ngx_http_oauth_capture_read(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx,
    ledger_record_t *record)
{
    ngx_int_t  rc;
    ngx_str_t  text;

    if (ctx->revocation) {
        return ngx_http_oauth_revocation_record(r, ctx, record);
    }

    rc = NGX_DECLINED;

    if (r->headers_out.status < NGX_HTTP_SPECIAL_RESPONSE) {

        text.data = ctx->answer->pos;
        text.len = ctx->answer->last - ctx->answer->pos;

        rc = ngx_http_oauth_exchange_read(r, ctx, &text);
    }

    if (rc == NGX_DECLINED && ctx->refresh) {
        ngx_http_oauth_capture_refused(r, ctx);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_oauth_replay_keep(r, ctx, &ctx->plain) == NGX_ERROR) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "oauth gateway cannot keep an answer of \"%V\"",
                      &ctx->provider->name);
    }

    if (ngx_http_oauth_lend_keep(r, ctx, &ctx->plain) == NGX_ERROR) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "oauth gateway cannot keep tokens of \"%V\" for heal",
                      &ctx->provider->name);
    }

    record->kind = LEDGER_EXCHANGE;
    record->at = ctx->exchange->arrived_at;
    record->u.exchange = *ctx->exchange;

    return NGX_OK;
}


/* R10: the connection is broken; nobody waits for that to be recorded. */

static void
ngx_http_oauth_capture_refused(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx)
{
    ledger_record_t  record;

    if (!ctx->named || !ngx_http_oauth_exchange_refused(r, ctx)) {
        return;
    }

    ngx_http_oauth_flight_end(ctx, NGX_HTTP_OAUTH_FLIGHT_REFUSAL);

    if (ctx->verdict == LEDGER_VERDICT_UNKNOWN) {
        return;
    }

    ngx_memzero(&record, sizeof(ledger_record_t));

    record.kind = LEDGER_REFUSAL;
    record.at = ngx_http_oauth_now();
    record.u.refusal.presented = ctx->token;
    record.u.refusal.sent_at = ctx->sent_at;

    (void) ngx_http_oauth_commit(&record, NULL, NULL);
}


/*
 * The answer is held by a reference to the request, not by r->buffered:
 * that would arm send_timeout, and the commit may take longer.
 */

static ngx_int_t
ngx_http_oauth_capture_record(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, const ledger_record_t *record)
{
    if (!ngx_http_oauth_store_writable() && ctx->unrecorded
        && !ngx_http_oauth_commit_late())
    {
        return NGX_ERROR;
    }

    ctx->commit = ngx_http_oauth_commit(record,
                                        ngx_http_oauth_capture_committed,
                                        ctx);
    if (ctx->commit == NULL) {
        return NGX_ERROR;
    }

    r->main->count++;

    return NGX_OK;
}


static void
ngx_http_oauth_capture_committed(void *data, ngx_uint_t durable)
{
    ngx_http_oauth_ctx_t *ctx = data;

    ngx_int_t            rc;
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = ctx->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, c->log, 0,
                   "oauth gateway committed: %ui", durable);

    if (durable) {
        ctx->unrecorded = 0;
        ctx->recorded = 1;

        if (ctx->lent == NULL) {
            ctx->connection_id =
                               ngx_http_oauth_commit_connection(ctx->commit);
        }

    } else {
        ctx->unrecorded = 1;
    }

    ctx->commit = NULL;

    ngx_http_oauth_flight_end(ctx, durable ? NGX_HTTP_OAUTH_FLIGHT_SUCCESS
                                          : NGX_HTTP_OAUTH_FLIGHT_UNRECORDED);

    rc = ngx_http_oauth_capture_release(r, ctx, NULL);

    ngx_http_finalize_request(r, rc);
    ngx_http_run_posted_requests(c);
}


/* Sends what was held, and "rest" behind it. */

static ngx_int_t
ngx_http_oauth_capture_release(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_chain_t *rest)
{
    ngx_int_t     rc;
    ngx_buf_t    *b;
    ngx_chain_t   out;

    ctx->holding = 0;
    ctx->released = 1;

    if (ctx->exchange && ngx_http_oauth_capture_replace(r, ctx) == NGX_ERROR) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "oauth gateway could not change an answer of \"%V\"",
                      &ctx->provider->name);
    }

    rc = ngx_http_oauth_next_header(r, ctx);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b = ctx->answer;
    out.buf = b;
    out.next = rest;

    if (b->pos == b->last) {

        /* an empty buffer must be a special one */

        b = ngx_calloc_buf(r->pool);
        if (b == NULL) {
            return NGX_ERROR;
        }

        b->sync = 1;
        out.buf = b;
    }

    if (ctx->truncated) {
        b->flush = 1;

    } else if (rest == NULL) {
        b->last_buf = 1;
        b->last_in_chain = 1;
    }

    rc = ngx_http_oauth_next_body(r, &out);

    if (ctx->truncated) {

        /* as nginx ends an answer that was cut: by closing the connection */

        r->keepalive = 0;
        return NGX_ERROR;
    }

    return rc;
}


static ngx_int_t
ngx_http_oauth_capture_replace(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx)
{
    ngx_int_t     rc;
    ngx_str_t     text;
    const char  **name;

    if (ctx->truncated) {
        return NGX_DECLINED;
    }

    rc = ngx_http_oauth_heal_answer(ctx);
    if (rc == NGX_ERROR) {
        return rc;
    }

    rc = ngx_http_oauth_exchange_set(r, ctx, rc == NGX_OK, &text);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_explicit_memzero(ctx->answer->start,
                         ctx->answer->last - ctx->answer->start);

    ctx->answer->start = text.data;
    ctx->answer->pos = text.data;
    ctx->answer->last = text.data + text.len;
    ctx->answer->end = ctx->answer->last;

    ngx_http_clear_content_length(r);
    ngx_http_clear_accept_ranges(r);

    for (name = ngx_http_oauth_capture_digests; *name; name++) {
        ngx_http_oauth_header_clear(r, *name);
    }

    r->headers_out.etag = NULL;
    r->headers_out.content_encoding = NULL;
    r->headers_out.content_length_n = text.len;

    return NGX_OK;
}
