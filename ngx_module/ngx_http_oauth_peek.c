
/*
 * Copyright (C) The OAuth gateway authors
 */


#include "ngx_http_oauth_body.h"
#include "ngx_http_oauth_conf.h"
#include "ngx_http_oauth_ctx.h"
#include "ngx_http_oauth_header.h"
#include "ngx_http_oauth_refusal.h"
#include "ngx_http_oauth_value.h"

#include "ledger_grant.h"
#include "ledger_inflate.h"


static ngx_int_t ngx_http_oauth_peek_file(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_buf_t *b);
static ngx_int_t ngx_http_oauth_peek_append(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, u_char *p, size_t len);
static ngx_int_t ngx_http_oauth_peek_judge(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);
static ngx_uint_t ngx_http_oauth_peek_packed(ngx_http_request_t *r);
static ngx_uint_t ngx_http_oauth_peek_basic(ngx_http_request_t *r);
static ngx_int_t ngx_http_oauth_peek_found(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);


/*
 * Whatever its method and its type: a lenient provider reads a form that
 * comes without its type, or by PUT, too.
 */

ngx_int_t
ngx_http_oauth_peek_start(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx)
{
    ngx_int_t     rc;
    ngx_chain_t  *cl;

    if (r->request_body == NULL) {
        /* a subrequest has none of its own that could come yet */
        ctx->peek_on = (r == r->main);
        return NGX_OK;
    }

    /* it has been read before: no body filter will see it */

    for (cl = r->request_body->bufs; cl; cl = cl->next) {

        rc = ngx_buf_in_memory(cl->buf)
             ? ngx_http_oauth_peek_append(r, ctx, cl->buf->pos,
                                          cl->buf->last - cl->buf->pos)
             : ngx_http_oauth_peek_file(r, ctx, cl->buf);

        if (rc != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    return ngx_http_oauth_peek_judge(r, ctx);
}


/* A large body lies in a file; what was just written is read at once. */

static ngx_int_t
ngx_http_oauth_peek_file(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx,
    ngx_buf_t *b)
{
    size_t    size;
    ssize_t   n;
    u_char   *p;

    size = NGX_HTTP_OAUTH_PEEK_MAX - ctx->peeked;

    if (b->file == NULL || size == 0) {
        return NGX_OK;
    }

    size = (size_t) ngx_min((off_t) size, b->file_last - b->file_pos);

    p = ngx_pnalloc(r->pool, size);
    if (p == NULL) {
        return NGX_ERROR;
    }

    n = ngx_read_file(b->file, p, size, b->file_pos);

    return (n == NGX_ERROR) ? NGX_ERROR
                            : ngx_http_oauth_peek_append(r, ctx, p, n);
}


ngx_int_t
ngx_http_oauth_peek_query(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx)
{
    ctx->peek_found = ledger_grant_form(ngx_http_oauth_slice(&r->args));

    if (ctx->peek_found) {
        ngx_http_oauth_mask_log(r);
    }

    return ngx_http_oauth_peek_found(r, ctx);
}


/*
 * The bytes are copied, never held back: with proxy_request_buffering off
 * the provider may have the first of them, but the last ones do not follow.
 */

ngx_int_t
ngx_http_oauth_peek(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx,
    ngx_chain_t *in)
{
    ngx_buf_t    *b;
    ngx_uint_t    last;
    ngx_chain_t  *cl;

    last = 0;

    for (cl = in; cl; cl = cl->next) {
        b = cl->buf;

        if (b->last_buf) {
            last = 1;
        }

        if (ngx_http_oauth_peek_append(r, ctx, b->pos, b->last - b->pos)
            != NGX_OK)
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    if (!last && ctx->peeked < NGX_HTTP_OAUTH_PEEK_MAX) {
        return NGX_OK;
    }

    return ngx_http_oauth_peek_judge(r, ctx);
}


static ngx_int_t
ngx_http_oauth_peek_append(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx,
    u_char *p, size_t len)
{
    len = ngx_min(len, NGX_HTTP_OAUTH_PEEK_MAX - ctx->peeked);

    if (len == 0) {
        return NGX_OK;
    }

    if (ctx->peek == NULL) {
        ctx->peek = ngx_pnalloc(r->pool, NGX_HTTP_OAUTH_PEEK_MAX);
        if (ctx->peek == NULL) {
            return NGX_ERROR;
        }
    }

    ngx_memcpy(ctx->peek + ctx->peeked, p, len);
    ctx->peeked += len;

    return NGX_OK;
}


static ngx_int_t
ngx_http_oauth_peek_judge(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx)
{
    size_t     n;
    u_char     plain[NGX_HTTP_OAUTH_PEEK_MAX];
    ngx_str_t  text;

    ctx->peek_on = 0;

    if (ctx->peeked == 0) {
        return NGX_OK;
    }

    text.data = ctx->peek;
    text.len = ctx->peeked;

    ctx->peek_found |= ledger_grant_text(ngx_http_oauth_slice(&text));

    if (ngx_http_oauth_peek_packed(r)) {

        n = ledger_inflate_head(ngx_http_oauth_slice(&text), plain,
                                NGX_HTTP_OAUTH_PEEK_MAX);
        text.data = plain;
        text.len = n;

        ctx->peek_found |= ledger_grant_text(ngx_http_oauth_slice(&text));

        ngx_explicit_memzero(plain, n);
    }

    ngx_explicit_memzero(ctx->peek, ctx->peeked);
    ctx->peeked = 0;

    return ngx_http_oauth_peek_found(r, ctx);
}


/* Which coding it is, its first bytes tell. */

static ngx_uint_t
ngx_http_oauth_peek_packed(ngx_http_request_t *r)
{
    return ngx_http_oauth_header_in(r, "Content-Encoding", NULL) != NULL;
}


static ngx_uint_t
ngx_http_oauth_peek_basic(ngx_http_request_t *r)
{
    u_char           *p, *last;
    ngx_table_elt_t  *h;

    h = r->headers_in.authorization;

    if (h == NULL) {
        return 0;
    }

    p = h->value.data;
    last = p + h->value.len;

    while (p < last && (*p == ' ' || *p == '\t')) {
        p++;
    }

    return last - p > 6 && ngx_strncasecmp(p, (u_char *) "Basic ", 6) == 0;
}


/* Acts if what was noted so far makes a token request. */

static ngx_int_t
ngx_http_oauth_peek_found(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx)
{
    ngx_uint_t                  mode;
    ngx_http_oauth_loc_conf_t  *lcf;

    if (!(ctx->peek_found & LEDGER_GRANT_TYPE)
        || !(ctx->peek_found & LEDGER_GRANT_CREDENTIAL
             || ngx_http_oauth_peek_basic(r)))
    {
        return NGX_OK;
    }

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_oauth_gateway_module);

    ctx->peek_on = 0;
    ctx->problem = NGX_HTTP_OAUTH_PROBLEM_GRANT;
    ctx->reason = "this is a token request, but the location is one of API "
                  "calls: send it to the token endpoint of the gateway";

    mode = ngx_http_oauth_mode(r, ctx, &lcf->guard_mode);

    if (mode == NGX_HTTP_OAUTH_MODE_PASS) {
        ctx->problem = NGX_HTTP_OAUTH_PROBLEM_NONE;
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                  "oauth gateway: token request at a guarded location, %s",
                  (mode == NGX_HTTP_OAUTH_MODE_REJECT) ? "refused"
                                                       : "not recorded");

    if (mode == NGX_HTTP_OAUTH_MODE_FLAG) {
        ctx->action = NGX_HTTP_OAUTH_ACTION_FLAG;
        ctx->unrecorded = 1;
        return NGX_OK;
    }

    ctx->action = NGX_HTTP_OAUTH_ACTION_REJECT;

    return ngx_http_oauth_refusal_page(r, ctx);
}
