
/*
 * Copyright (C) The OAuth gateway authors
 */


#include "ngx_http_oauth_heal.h"
#include "ngx_http_oauth_ctx.h"
#include "ngx_http_oauth_header.h"


static ngx_int_t ngx_http_oauth_swap_in(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);
static void ngx_http_oauth_swap_exchange(ngx_http_request_t *r,
    ngx_http_oauth_lent_t *lent);
static ngx_int_t ngx_http_oauth_swap_create_request(ngx_http_request_t *r);
static void ngx_http_oauth_swap_cleanup(void *data);
static void ngx_http_oauth_swap_forget(ngx_http_request_t *r,
    ngx_http_oauth_lent_t *lent);
static ngx_uint_t ngx_http_oauth_swap_reads(ngx_str_t *name,
    ngx_http_oauth_lent_t *lent);
static ngx_uint_t ngx_http_oauth_swap_holds(ngx_http_variable_value_t *value,
    ngx_str_t *token);


ngx_int_t
ngx_http_oauth_swap_body(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx,
    ngx_str_t *text)
{
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    cl = ngx_alloc_chain_link(r->pool);
    if (cl == NULL) {
        return NGX_ERROR;
    }

    b->temporary = 1;
    b->last_buf = 1;
    b->start = text->data;
    b->pos = text->data;
    b->last = text->data + text->len;
    b->end = b->last;

    cl->buf = b;
    cl->next = NULL;

    ctx->lent->body = cl;
    ctx->lent->content_length = text->len;

    return NGX_OK;
}


ngx_int_t
ngx_http_oauth_swap_send(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx)
{
    ngx_int_t               rc;
    ngx_http_upstream_t    *u;
    ngx_http_oauth_lent_t  *lent;

    lent = ctx->lent;

    if (lent == NULL) {
        return r->content_handler(r);
    }

    if (ngx_http_oauth_swap_in(r, ctx) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = r->content_handler(r);

    if (ctx->lent != lent || !lent->in_place || r->upstream == NULL) {

        /* an error_page has led elsewhere; or no upstream reads it */

        return rc;
    }

    ngx_http_oauth_swap_out(r, ctx);

    u = r->upstream;

    if (u->request_bufs == NULL && u->create_request) {

        /* the body is still to come, and the request is written after it */

        lent->create_request = u->create_request;
        u->create_request = ngx_http_oauth_swap_create_request;
    }

    return rc;
}


static ngx_int_t
ngx_http_oauth_swap_create_request(ngx_http_request_t *r)
{
    ngx_int_t               rc;
    ngx_http_oauth_ctx_t   *ctx;
    ngx_http_oauth_lent_t  *lent;

    ctx = ngx_http_oauth_ctx(r);
    lent = ctx ? ctx->lent : NULL;

    if (lent == NULL || lent->create_request == NULL
        || ngx_http_oauth_swap_in(r, ctx) != NGX_OK)
    {
        return NGX_ERROR;
    }

    r->upstream->create_request = lent->create_request;

    rc = lent->create_request(r);

    ngx_http_oauth_swap_out(r, ctx);

    return rc;
}


/* nginx runs the cleanups of a request before it is logged. */

static ngx_int_t
ngx_http_oauth_swap_in(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx)
{
    ngx_http_cleanup_t  *cln;

    cln = ngx_http_cleanup_add(r, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    cln->handler = ngx_http_oauth_swap_cleanup;
    cln->data = ctx;

    ctx->lent->in_place = 1;

    ngx_http_oauth_swap_exchange(r, ctx->lent);

    return NGX_OK;
}


static void
ngx_http_oauth_swap_cleanup(void *data)
{
    ngx_http_oauth_ctx_t *ctx = data;

    ngx_http_oauth_swap_out(ctx->request, ctx);
}


void
ngx_http_oauth_swap_out(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx)
{
    if (ctx->lent == NULL || !ctx->lent->in_place) {
        return;
    }

    ctx->lent->in_place = 0;

    ngx_http_oauth_swap_exchange(r, ctx->lent);
}


ngx_int_t
ngx_http_oauth_swap_handler(ngx_http_request_t *r)
{
    ngx_http_oauth_ctx_t  *ctx;

    if (r->internal) {
        ctx = ngx_http_oauth_ctx(r);

        if (ctx) {
            ngx_http_oauth_swap_out(r, ctx);
        }
    }

    return NGX_DECLINED;
}


/* What the request has and what is kept aside change places. */

static void
ngx_http_oauth_swap_exchange(ngx_http_request_t *r,
    ngx_http_oauth_lent_t *lent)
{
    off_t             length;
    ngx_str_t         value;
    ngx_chain_t      *body;
    ngx_table_elt_t  *field;

    if (lent->header) {
        value = lent->header->value;
        lent->header->value = lent->lent_value;
        lent->lent_value = value;

    } else {
        body = r->request_body->bufs;
        r->request_body->bufs = lent->body;
        lent->body = body;

        length = r->headers_in.content_length_n;
        r->headers_in.content_length_n = lent->content_length;
        lent->content_length = length;

        /* without the field its variable tells the number */

        field = r->headers_in.content_length;
        r->headers_in.content_length = lent->length_field;
        lent->length_field = field;
    }

    ngx_http_oauth_swap_forget(r, lent);
}


/* What was computed of the one must not be taken for the other. */

static void
ngx_http_oauth_swap_forget(ngx_http_request_t *r,
    ngx_http_oauth_lent_t *lent)
{
    ngx_uint_t                  i;
    ngx_http_variable_t        *v;
    ngx_http_variable_value_t  *value;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_get_module_main_conf(r, ngx_http_core_module);
    v = cmcf->variables.elts;

    for (i = 0; i < cmcf->variables.nelts; i++) {
        value = &r->variables[i];

        if (ngx_http_oauth_swap_reads(&v[i].name, lent)
            || ngx_http_oauth_swap_holds(value, &lent->access)
            || ngx_http_oauth_swap_holds(value, &lent->refresh))
        {
            value->valid = 0;
            value->not_found = 0;
        }
    }
}


static ngx_uint_t
ngx_http_oauth_swap_reads(ngx_str_t *name, ngx_http_oauth_lent_t *lent)
{
    ngx_str_t  field;

    if (lent->header == NULL) {
        return (name->len == sizeof("request_body") - 1
                && ngx_strncmp(name->data, "request_body", name->len) == 0)
               || (name->len == sizeof("content_length") - 1
                   && ngx_strncmp(name->data, "content_length", name->len)
                      == 0);
    }

    if (name->len <= sizeof("http_") - 1
        || ngx_strncmp(name->data, "http_", sizeof("http_") - 1) != 0)
    {
        return 0;
    }

    field.data = name->data + sizeof("http_") - 1;
    field.len = name->len - (sizeof("http_") - 1);

    return ngx_http_oauth_header_named(&lent->header->key, &field);
}


static ngx_uint_t
ngx_http_oauth_swap_holds(ngx_http_variable_value_t *value, ngx_str_t *token)
{
    return token->len && value->valid && value->len >= token->len
           && memmem(value->data, value->len, token->data, token->len);
}
