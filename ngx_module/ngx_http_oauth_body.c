
/*
 * Copyright (C) The OAuth gateway authors
 */


#include "ngx_http_oauth_body.h"
#include "ngx_http_oauth_ctx.h"
#include "ngx_http_oauth_header.h"
#include "ngx_http_oauth_token_endpoint.h"

#include "ledger_grant.h"


#define NGX_HTTP_OAUTH_BODY_START  4096

/* A sentence about a parameter whose name is shown up to 64 bytes. */
#define NGX_HTTP_OAUTH_REPEATED_MAX  128


static void ngx_http_oauth_body_ready(ngx_http_request_t *r);
static ngx_int_t ngx_http_oauth_body_collect(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);
static ngx_int_t ngx_http_oauth_body_append(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, u_char *p, size_t len);
static ngx_int_t ngx_http_oauth_body_filter_handler(ngx_http_request_t *r,
    ngx_chain_t *in);
static ngx_int_t ngx_http_oauth_body_capture(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_chain_t *in);
static ngx_int_t ngx_http_oauth_body_let_go(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_chain_t *in, ngx_uint_t last);
static ngx_int_t ngx_http_oauth_body_message(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);
static ngx_int_t ngx_http_oauth_body_fail(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ledger_rc_t rc, ledger_slice_t *name);
static const char *ngx_http_oauth_body_repeated(ngx_http_request_t *r,
    ledger_slice_t *name);
static ngx_uint_t ngx_http_oauth_body_encoded(ngx_http_request_t *r);
static const char *ngx_http_oauth_body_ambiguous(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);


static ngx_http_request_body_filter_pt  ngx_http_next_request_body_filter;


ngx_int_t
ngx_http_oauth_body_read(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx)
{
    ngx_int_t  rc;

    if (ctx->body_done) {
        return NGX_DECLINED;
    }

    if (r->headers_in.content_length_n > NGX_HTTP_OAUTH_BODY_MAX) {

        /* nothing is read: it is refused, or goes on as it comes */

        ctx->body_large = 1;
        ctx->body_done = 1;

        return NGX_DECLINED;
    }

    ctx->body_whole = 1;

    rc = ngx_http_read_client_request_body(r, ngx_http_oauth_body_ready);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        return rc;
    }

    ngx_http_finalize_request(r, NGX_DONE);

    return NGX_DONE;
}


static void
ngx_http_oauth_body_ready(ngx_http_request_t *r)
{
    ngx_http_oauth_ctx_t  *ctx;

    ctx = ngx_http_oauth_ctx(r);

    if (ctx->body.len == 0 && !ctx->body_large
        && ngx_http_oauth_body_collect(r, ctx) != NGX_OK)
    {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    ctx->body_whole = 0;
    ctx->body_done = 1;

    r->preserve_body = 1;
    r->write_event_handler = ngx_http_core_run_phases;

    ngx_http_core_run_phases(r);
}


/* Another module has read the body before: it lies in nginx's buffers. */

static ngx_int_t
ngx_http_oauth_body_collect(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx)
{
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    if (r->request_body == NULL) {
        return NGX_OK;
    }

    if (r->request_body->temp_file) {
        ctx->body_large = 1;
        return NGX_OK;
    }

    for (cl = r->request_body->bufs; cl; cl = cl->next) {
        b = cl->buf;

        if (ctx->body.len + (b->last - b->pos) > NGX_HTTP_OAUTH_BODY_MAX) {
            ctx->body_large = 1;
            return NGX_OK;
        }

        if (ngx_http_oauth_body_append(r, ctx, b->pos, b->last - b->pos)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_oauth_body_append(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx,
    u_char *p, size_t len)
{
    u_char  *data;
    size_t   size;

    if (len == 0) {
        return NGX_OK;
    }

    if (ctx->body.len + len > ctx->body_size) {

        size = ngx_max(ctx->body_size * 2, NGX_HTTP_OAUTH_BODY_START);
        size = ngx_max(size, ctx->body.len + len);

        if (r->headers_in.content_length_n > (off_t) size) {
            size = (size_t) r->headers_in.content_length_n;
        }

        data = ngx_pnalloc(r->pool, size);
        if (data == NULL) {
            return NGX_ERROR;
        }

        if (ctx->body.len) {
            ngx_memcpy(data, ctx->body.data, ctx->body.len);
            ngx_explicit_memzero(ctx->body.data, ctx->body.len);
            (void) ngx_pfree(r->pool, ctx->body.data);
        }

        ctx->body.data = data;
        ctx->body_size = size;
    }

    ngx_memcpy(ctx->body.data + ctx->body.len, p, len);
    ctx->body.len += len;

    return NGX_OK;
}


static ngx_int_t
ngx_http_oauth_body_filter_handler(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_int_t              rc;
    ngx_http_oauth_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_oauth_gateway_module);

    if (ctx == NULL) {
        return ngx_http_next_request_body_filter(r, in);
    }

    if (ctx->body_whole && !ctx->body_pass) {
        return ngx_http_oauth_body_capture(r, ctx, in);
    }

    if (ctx->peek_on) {
        rc = ngx_http_oauth_peek(r, ctx, in);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return ngx_http_next_request_body_filter(r, in);
}


/*
 * Takes the bytes out of nginx's buffers, which would spill to a file, and
 * puts one buffer with the whole body in their place at the end: exactly
 * the bytes that were parsed go to the provider.
 */

static ngx_int_t
ngx_http_oauth_body_capture(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx,
    ngx_chain_t *in)
{
    ngx_buf_t    *b;
    ngx_uint_t    last;
    ngx_chain_t  *cl;

    last = 0;

    for (cl = in; cl; cl = cl->next) {
        b = cl->buf;

        if (!ctx->body_large
            && ctx->body.len + (b->last - b->pos) > NGX_HTTP_OAUTH_BODY_MAX)
        {
            ctx->body_large = 1;

            if (!ctx->body_drop) {
                ctx->body_pass = 1;
                return ngx_http_oauth_body_let_go(r, ctx, cl, 0);
            }
        }

        if (!ctx->body_large
            && ngx_http_oauth_body_append(r, ctx, b->pos, b->last - b->pos)
               != NGX_OK)
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        b->pos = b->last;

        if (b->last_buf) {
            last = 1;
        }
    }

    if (!last) {
        return ngx_http_next_request_body_filter(r, NULL);
    }

    return ngx_http_oauth_body_let_go(r, ctx, NULL, 1);
}


/* Hands what was captured on, in front of "in". */

static ngx_int_t
ngx_http_oauth_body_let_go(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx,
    ngx_chain_t *in, ngx_uint_t last)
{
    ngx_buf_t    *b;
    ngx_chain_t   out;

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ctx->body.len && !(last && ctx->body_large)) {
        b->temporary = 1;
        b->start = ctx->body.data;
        b->pos = ctx->body.data;
        b->last = ctx->body.data + ctx->body.len;
        b->end = b->last;
    }

    b->last_buf = last;
    out.buf = b;
    out.next = in;

    if (!last && ctx->body.len == 0) {
        return ngx_http_next_request_body_filter(r, in);
    }

    return ngx_http_next_request_body_filter(r, &out);
}


ngx_int_t
ngx_http_oauth_body_filter_init(ngx_conf_t *cf)
{
    ngx_http_next_request_body_filter = ngx_http_top_request_body_filter;
    ngx_http_top_request_body_filter = ngx_http_oauth_body_filter_handler;

    return NGX_OK;
}


ngx_int_t
ngx_http_oauth_body_parse(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx)
{
    ngx_int_t  rc;

    rc = ngx_http_oauth_body_message(r, ctx);

    if (rc != NGX_OK) {
        return rc;
    }

    ctx->reason = ngx_http_oauth_body_ambiguous(r, ctx);

    if (ctx->reason) {
        ctx->problem = NGX_HTTP_OAUTH_PROBLEM_MALFORMED;
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_oauth_body_message(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx)
{
    json_t          *message;
    ngx_str_t       *type;
    ledger_rc_t      rc;
    ledger_slice_t   text, name;

    message = json_object();
    if (message == NULL) {
        return NGX_ERROR;
    }

    ctx->sources[NGX_HTTP_OAUTH_REQUEST] = message;
    ngx_memzero(&name, sizeof(ledger_slice_t));

    if (r->args.len) {
        rc = ledger_message_form(ngx_http_oauth_slice(&r->args), message,
                                 &name);
        if (rc != LEDGER_OK) {
            return ngx_http_oauth_body_fail(r, ctx, rc, &name);
        }
    }

    if (ctx->body_large) {
        ctx->problem = NGX_HTTP_OAUTH_PROBLEM_TOO_LARGE;
        ctx->reason = "the body is larger than 64 KB";
        return NGX_DECLINED;
    }

    if (ctx->body.len == 0) {
        return NGX_OK;
    }

    if (ngx_http_oauth_body_encoded(r)) {
        ctx->problem = NGX_HTTP_OAUTH_PROBLEM_MALFORMED;
        ctx->reason = "the body has a Content-Encoding";
        return NGX_DECLINED;
    }

    text = ngx_http_oauth_slice(&ctx->body);

    type = r->headers_in.content_type ? &r->headers_in.content_type->value
                                      : NULL;

    if (ngx_http_oauth_media_type(type, "application/json")) {
        rc = ledger_message_json(text, 1, message);

    } else if (type == NULL
               || ngx_http_oauth_media_type(type,
                                       "application/x-www-form-urlencoded"))
    {
        rc = ledger_message_form(text, message, &name);

    } else {
        ctx->problem = NGX_HTTP_OAUTH_PROBLEM_MALFORMED;
        ctx->reason = "the body is neither a form nor JSON";
        return NGX_DECLINED;
    }

    return ngx_http_oauth_body_fail(r, ctx, rc, &name);
}


static ngx_int_t
ngx_http_oauth_body_fail(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx,
    ledger_rc_t rc, ledger_slice_t *name)
{
    switch (rc) {

    case LEDGER_OK:
        return NGX_OK;

    case LEDGER_REPEATED:
        ctx->reason = ngx_http_oauth_body_repeated(r, name);
        break;

    case LEDGER_LIMIT:
        ctx->reason = "too many parameters, or too many levels";
        break;

    case LEDGER_NOMEM:
        return NGX_ERROR;

    default:
        ctx->reason = "the body or the query string breaks its format";
        break;
    }

    ctx->problem = NGX_HTTP_OAUTH_PROBLEM_MALFORMED;

    return NGX_DECLINED;
}


/* The parser of JSON does not tell which it was; a cut name still helps. */

static const char *
ngx_http_oauth_body_repeated(ngx_http_request_t *r, ledger_slice_t *name)
{
    u_char  *text, *last;

    if (name->len == 0) {
        return "a parameter stands more than once";
    }

    text = ngx_pnalloc(r->pool, NGX_HTTP_OAUTH_REPEATED_MAX);
    if (text == NULL) {
        return "a parameter stands more than once";
    }

    last = ngx_slprintf(text, text + NGX_HTTP_OAUTH_REPEATED_MAX - 1,
                        "the parameter '%*s' stands more than once",
                        (size_t) ngx_min(name->len, 64), name->data);
    *last = '\0';

    return (const char *) text;
}


static ngx_uint_t
ngx_http_oauth_body_encoded(ngx_http_request_t *r)
{
    ngx_table_elt_t  *h;

    h = ngx_http_oauth_header_in(r, "Content-Encoding", NULL);

    while (h != NULL) {

        if (h->value.len != sizeof("identity") - 1
            || ngx_strncasecmp(h->value.data, (u_char *) "identity",
                               sizeof("identity") - 1)
               != 0)
        {
            return 1;
        }

        h = ngx_http_oauth_header_in(r, "Content-Encoding", h);
    }

    return 0;
}


/*
 * What a reader that is more lenient than our parser would take for another
 * request; NULL: nothing.
 */

static const char *
ngx_http_oauth_body_ambiguous(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx)
{
    unsigned          found;
    ngx_str_t         grant;
    ngx_table_elt_t  *h;

    h = ngx_http_oauth_header_in(r, "Content-Type", NULL);

    if (h && ngx_http_oauth_header_in(r, "Content-Type", h)) {
        return "the field Content-Type stands twice";
    }

    found = ledger_grant_text(ngx_http_oauth_slice(&ctx->body))
            | ledger_grant_form(ngx_http_oauth_slice(&r->args));

    if (found & LEDGER_GRANT_ODD) {
        return "the name of a parameter is spelt in an unusual way";
    }

    if ((found & LEDGER_GRANT_TYPE)
        && (ngx_http_oauth_token_member(r,
                                        ctx->sources[NGX_HTTP_OAUTH_REQUEST],
                                        "grant_type", &grant)
            != NGX_OK
            || grant.len == 0))
    {
        return "the body is not what its Content-Type says";
    }

    return NULL;
}


ngx_uint_t
ngx_http_oauth_media_type(ngx_str_t *type, const char *name)
{
    size_t  len;

    len = ngx_strlen(name);

    return type != NULL
           && type->len >= len
           && ngx_strncasecmp(type->data, (u_char *) name, len) == 0
           && (type->len == len || type->data[len] == ';'
               || type->data[len] == ' ' || type->data[len] == '\t');
}
