
/*
 * Copyright (C) The OAuth gateway authors
 */


#include "ngx_http_oauth_late.h"
#include "ngx_http_oauth_answer.h"
#include "ngx_http_oauth_conf.h"
#include "ngx_http_oauth_ctx.h"


static ngx_uint_t ngx_http_oauth_userinfo_whole(ngx_http_request_t *r);
static const char *ngx_http_oauth_userinfo_unfit(ngx_http_request_t *r);
static ngx_uint_t ngx_http_oauth_userinfo_type(ngx_str_t *type);
static void ngx_http_oauth_userinfo_end(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, const char *reason);
static const char *ngx_http_oauth_userinfo_read(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);
static const char *ngx_http_oauth_userinfo_parse(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);
static void ngx_http_oauth_userinfo_nothing(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, const char *reason);


ngx_uint_t
ngx_http_oauth_userinfo_start(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx)
{
    const char                 *reason;
    ngx_http_oauth_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_oauth_gateway_module);

    if (lcf->userinfo_provider != ctx->provider || !ctx->late
        || !ngx_http_oauth_userinfo_whole(r))
    {
        return 0;
    }

    reason = ngx_http_oauth_userinfo_unfit(r);

    if (reason == NULL && ngx_http_oauth_answer_start(r, ctx) != NGX_OK) {
        reason = "there is no memory";
    }

    if (reason) {
        ngx_http_oauth_userinfo_nothing(r, ctx, reason);
        return 0;
    }

    ctx->copying = 1;

    return 1;
}


/*
 * Whether this is all of the provider's answer.  A part of it (206, or cut
 * out here for the field Range) may begin at an object that names another
 * user; what a subrequest gets is cut and merged by whoever asked for it; and
 * with another status (304, 412) the filters before have taken the body away.
 */

static ngx_uint_t
ngx_http_oauth_userinfo_whole(ngx_http_request_t *r)
{
    return r == r->main && r->method != NGX_HTTP_HEAD && !r->header_only
           && r->headers_in.range == NULL
           && r->headers_out.status == r->upstream->headers_in.status_n
           && r->upstream->headers_in.status_n != NGX_HTTP_NO_CONTENT
           && r->upstream->headers_in.status_n != NGX_HTTP_PARTIAL_CONTENT;
}


/* What is wrong with the answer's header, for the log; NULL: nothing. */

static const char *
ngx_http_oauth_userinfo_unfit(ngx_http_request_t *r)
{
    if (!ngx_http_oauth_userinfo_type(&r->headers_out.content_type)) {
        return "its type is not JSON";
    }

    if (r->headers_out.content_length_n > NGX_HTTP_OAUTH_USERINFO_MAX) {
        return "it is too large";
    }

    return NULL;
}


/* application/json, application/vnd.github+json; charset=utf-8, ... */

static ngx_uint_t
ngx_http_oauth_userinfo_type(ngx_str_t *type)
{
    size_t   len;
    u_char  *p, *last;

    p = type->data;
    last = p + type->len;

    while (p < last && *p != ';' && *p != ' ' && *p != '\t') {
        p++;
    }

    len = p - type->data;

    return len > 5 && ngx_strncasecmp(p - 4, (u_char *) "json", 4) == 0
           && (p[-5] == '/' || p[-5] == '+');
}


ngx_int_t
ngx_http_oauth_userinfo_body(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx,
    ngx_chain_t *in)
{
    ngx_int_t     rc;
    ngx_uint_t    last;
    ngx_chain_t  *cl;

    if (!ctx->copying) {
        return NGX_DECLINED;
    }

    last = 0;

    for (cl = in; cl; cl = cl->next) {

        rc = ngx_http_oauth_answer_append(r, ctx, cl->buf,
                                          NGX_HTTP_OAUTH_USERINFO_MAX);

        if (rc != NGX_OK) {
            ngx_http_oauth_userinfo_end(r, ctx, rc == NGX_DECLINED
                                                ? "it is too large"
                                                : "there is no memory");
            return NGX_DECLINED;
        }

        if (cl->buf->last_buf) {
            last = 1;
        }
    }

    if (!last) {
        return NGX_DECLINED;
    }

    /* the runner first: its answer is not held for what is learnt from it */

    rc = ngx_http_oauth_next_body(r, in);

    ngx_http_oauth_userinfo_end(r, ctx, NULL);

    return rc;
}


/* "reason": why the copy is not whole; NULL: it is. */

static void
ngx_http_oauth_userinfo_end(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx,
    const char *reason)
{
    ctx->copying = 0;

    if (reason == NULL) {
        reason = ngx_http_oauth_userinfo_read(r, ctx);
    }

    ngx_http_oauth_answer_drop(r, ctx);

    if (reason) {
        ngx_http_oauth_userinfo_nothing(r, ctx, reason);
    }

    /* what the request itself has named is not lost with the answer */

    ngx_http_oauth_late_bind(r, ctx);
}


/* What is wrong with the answer, for the log; NULL: nothing. */

static const char *
ngx_http_oauth_userinfo_read(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx)
{
    const char  *reason;

    reason = ngx_http_oauth_userinfo_parse(r, ctx);
    if (reason) {
        return reason;
    }

    if (ngx_http_oauth_late_read(r, ctx, 1) != NGX_OK) {
        return "there is no memory";
    }

    if (ctx->late_user.len == 0 && ctx->late_tenant.len == 0) {
        return "it does not name who is unknown";
    }

    return NULL;
}


static const char *
ngx_http_oauth_userinfo_parse(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx)
{
    json_t       *message;
    ngx_str_t     text;
    ledger_rc_t   rc;

    text.data = ctx->answer->pos;
    text.len = ctx->answer->last - ctx->answer->pos;

    if (ngx_http_oauth_answer_plain(r, ctx, &text,
                                    NGX_HTTP_OAUTH_USERINFO_MAX)
        != NGX_OK)
    {
        return "it cannot be decompressed, or is too large then";
    }

    message = json_object();
    if (message == NULL) {
        return "there is no memory";
    }

    rc = ledger_message_json(ngx_http_oauth_slice(&text), 0, message);

    if (rc != LEDGER_OK) {
        json_decref(message);

        return rc == LEDGER_NOMEM ? "there is no memory"
                                  : "it is no JSON object";
    }

    ctx->sources[NGX_HTTP_OAUTH_USERINFO] = message;

    return NULL;
}


static void
ngx_http_oauth_userinfo_nothing(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, const char *reason)
{
    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "oauth gateway learns nothing from a userinfo answer of "
                  "\"%V\": %s", &ctx->provider->name, reason);
}


void
ngx_http_oauth_userinfo_cleanup(ngx_http_oauth_ctx_t *ctx)
{
    if (!ctx->copying) {
        return;
    }

    /* the request may have no pool any more: the copy goes with it */

    ctx->copying = 0;

    ngx_http_oauth_userinfo_nothing(ctx->request, ctx, "it was cut short");
    ngx_http_oauth_late_bind(ctx->request, ctx);
}
