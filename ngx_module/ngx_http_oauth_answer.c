
/*
 * Copyright (C) The OAuth gateway authors
 */


#include "ngx_http_oauth_answer.h"
#include "ngx_http_oauth_ctx.h"

#include "ledger_inflate.h"


#define NGX_HTTP_OAUTH_ANSWER_START  4096


static ngx_int_t ngx_http_oauth_answer_inflate(ngx_http_request_t *r,
    ngx_str_t *text, size_t max);


ngx_int_t
ngx_http_oauth_answer_start(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx)
{
    off_t  size;

    size = ngx_max(r->headers_out.content_length_n,
                   NGX_HTTP_OAUTH_ANSWER_START);

    ctx->answer = ngx_create_temp_buf(r->pool, (size_t) size);
    if (ctx->answer == NULL) {
        return NGX_ERROR;
    }

    r->filter_need_in_memory = 1;

    /* read now: the gateway's own gzip sets the field for the runner */

    ngx_str_null(&ctx->coding);

    if (r->headers_out.content_encoding
        && r->headers_out.content_encoding->hash)
    {
        ctx->coding = r->headers_out.content_encoding->value;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_oauth_answer_append(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx,
    ngx_buf_t *b, size_t max)
{
    size_t      len, used, size;
    ngx_buf_t  *answer;

    if (!ngx_buf_in_memory(b)) {
        return NGX_OK;
    }

    len = b->last - b->pos;
    used = ctx->answer->last - ctx->answer->pos;

    if (used + len > max) {
        return NGX_DECLINED;
    }

    if (len > (size_t) (ctx->answer->end - ctx->answer->last)) {

        size = 2 * (ctx->answer->end - ctx->answer->start);
        size = ngx_max(size, used + len);

        answer = ngx_create_temp_buf(r->pool, size);
        if (answer == NULL) {
            return NGX_ERROR;
        }

        answer->last = ngx_cpymem(answer->last, ctx->answer->pos, used);

        ngx_http_oauth_answer_drop(r, ctx);
        ctx->answer = answer;
    }

    ctx->answer->last = ngx_cpymem(ctx->answer->last, b->pos, len);

    return NGX_OK;
}


void
ngx_http_oauth_answer_drop(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx)
{
    ngx_explicit_memzero(ctx->answer->start,
                         ctx->answer->last - ctx->answer->start);

    (void) ngx_pfree(r->pool, ctx->answer->start);

    ctx->answer = NULL;
}


ngx_int_t
ngx_http_oauth_answer_plain(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx,
    ngx_str_t *text, size_t max)
{
    ngx_str_t  *coding;

    coding = &ctx->coding;

    if (coding->len == 0
        || (coding->len == 8
            && ngx_strncasecmp(coding->data, (u_char *) "identity", 8) == 0))
    {
        return NGX_OK;
    }

    if ((coding->len == 4
         && ngx_strncasecmp(coding->data, (u_char *) "gzip", 4) == 0)
        || (coding->len == 6
            && ngx_strncasecmp(coding->data, (u_char *) "x-gzip", 6) == 0)
        || (coding->len == 7
            && ngx_strncasecmp(coding->data, (u_char *) "deflate", 7) == 0))
    {
        return ngx_http_oauth_answer_inflate(r, text, max);
    }

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_oauth_answer_inflate(ngx_http_request_t *r, ngx_str_t *text,
    size_t max)
{
    size_t   len;
    u_char  *p, *out;

    if (ledger_inflate(ngx_http_oauth_slice(text), max, &out, &len)
        != LEDGER_OK)
    {
        return NGX_DECLINED;
    }

    p = ngx_pnalloc(r->pool, len + 1);

    if (p != NULL) {
        ngx_memcpy(p, out, len);
    }

    ngx_explicit_memzero(out, len);
    free(out);

    if (p == NULL) {
        return NGX_ERROR;
    }

    text->data = p;
    text->len = len;

    return NGX_OK;
}
