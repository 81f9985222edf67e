
/*
 * Copyright (C) The OAuth gateway authors
 */


#include "ngx_http_oauth_refusal.h"
#include "ngx_http_oauth_ctx.h"


static void ngx_http_oauth_local_type(ngx_http_request_t *r, ngx_str_t *type);
static ngx_buf_t *ngx_http_oauth_local_buf(ngx_http_request_t *r,
    ngx_str_t *text);


ngx_int_t
ngx_http_oauth_local_send(ngx_http_request_t *r, ngx_uint_t status,
    ngx_str_t *type, ngx_str_t *text)
{
    ngx_chain_t  out;

    out.buf = ngx_http_oauth_local_buf(r, text);
    if (out.buf == NULL) {
        return NGX_ERROR;
    }

    out.next = NULL;

    return ngx_http_oauth_local_send_chain(r, status, type, &out, text->len);
}


ngx_int_t
ngx_http_oauth_local_send_chain(ngx_http_request_t *r, ngx_uint_t status,
    ngx_str_t *type, ngx_chain_t *text, off_t len)
{
    ngx_int_t     rc;
    ngx_chain_t  *cl;

    r->headers_out.status = status;
    r->headers_out.content_length_n = len;

    ngx_http_oauth_local_type(r, type);

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    for (cl = text; cl->next; cl = cl->next) { /* void */ }

    cl->buf->last_buf = (r == r->main) ? 1 : 0;
    cl->buf->last_in_chain = 1;

    return ngx_http_output_filter(r, text);
}


void
ngx_http_oauth_local_page_header(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx)
{
    ctx->page_sent = 1;
    ctx->local = 1;

    ngx_http_clear_accept_ranges(r);
    ngx_http_clear_last_modified(r);
    ngx_http_clear_etag(r);
    ngx_http_clear_content_length(r);

    ngx_http_oauth_local_type(r, &ctx->page_type);

    ngx_str_null(&r->headers_out.charset);
    r->headers_out.content_length_n = ctx->page.len;
}


ngx_int_t
ngx_http_oauth_local_page_body(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_chain_t *in)
{
    ngx_chain_t  *cl, out;

    for (cl = in; cl; cl = cl->next) {
        cl->buf->pos = cl->buf->last;
    }

    if (ctx->page.len == 0) {
        return ngx_http_oauth_next_body(r, NULL);
    }

    out.buf = ngx_http_oauth_local_buf(r, &ctx->page);
    if (out.buf == NULL) {
        return NGX_ERROR;
    }

    out.next = NULL;

    ctx->page.len = 0;

    return ngx_http_oauth_next_body(r, &out);
}


static void
ngx_http_oauth_local_type(ngx_http_request_t *r, ngx_str_t *type)
{
    r->headers_out.content_type = *type;
    r->headers_out.content_type_len = type->len;
    r->headers_out.content_type_lowcase = NULL;
}


static ngx_buf_t *
ngx_http_oauth_local_buf(ngx_http_request_t *r, ngx_str_t *text)
{
    ngx_buf_t  *b;

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NULL;
    }

    b->memory = 1;
    b->start = text->data;
    b->pos = text->data;
    b->last = text->data + text->len;
    b->end = b->last;
    b->last_buf = (r == r->main) ? 1 : 0;
    b->last_in_chain = 1;

    return b;
}
