
/*
 * Copyright (C) The OAuth gateway authors
 */


#include "ngx_http_oauth_refusal.h"
#include "ngx_http_oauth_conf.h"
#include "ngx_http_oauth_ctx.h"
#include "ngx_http_oauth_detail.h"
#include "ngx_http_oauth_document.h"
#include "ngx_http_oauth_facts.h"
#include "ngx_http_oauth_header.h"
#include "ngx_http_oauth_problem.h"
#include "ngx_http_oauth_report.h"
#include "ngx_http_oauth_text.h"
#include "ngx_http_oauth_value.h"


/* Header fields of proxies and clients stay readable up to here. */
#define NGX_HTTP_OAUTH_FIELD_MAX  1024

#define NGX_HTTP_OAUTH_RETRY_SEC  "2"


typedef struct {
    ngx_uint_t               status;
    ngx_str_t                type;
    ngx_str_t                text;
} ngx_http_oauth_refusal_t;


static ngx_int_t ngx_http_oauth_refusal_answer(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_uint_t token);
static ngx_int_t ngx_http_oauth_refusal_finish(ngx_http_request_t *r,
    ngx_int_t rc);
static ngx_int_t ngx_http_oauth_refusal_build(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_uint_t token,
    ngx_http_oauth_refusal_t *refusal);
static const ngx_http_oauth_refusal_conf_t *ngx_http_oauth_refusal_conf(
    ngx_http_oauth_facts_t *f, ngx_uint_t token);
static ngx_uint_t ngx_http_oauth_refusal_status(ngx_http_oauth_facts_t *f,
    ngx_uint_t token);
static ngx_int_t ngx_http_oauth_refusal_custom(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, const ngx_http_oauth_refusal_conf_t *rcf,
    ngx_http_oauth_refusal_t *refusal);
static ngx_int_t ngx_http_oauth_refusal_headers(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_uint_t token, ngx_uint_t status);
static ngx_int_t ngx_http_oauth_refusal_challenge(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);
static ngx_uint_t ngx_http_oauth_refusal_has_page(ngx_http_request_t *r,
    ngx_uint_t status);


ngx_int_t
ngx_http_oauth_refusal_api(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx)
{
    return ngx_http_oauth_refusal_answer(r, ctx,
                          ngx_http_oauth_problem(ctx->problem)->form);
}


ngx_int_t
ngx_http_oauth_refusal_token(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx)
{
    return ngx_http_oauth_refusal_answer(r, ctx, 1);
}


ngx_int_t
ngx_http_oauth_refusal_page(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx)
{
    ngx_uint_t                token;
    ngx_http_oauth_refusal_t  refusal;

    token = ngx_http_oauth_problem(ctx->problem)->form || ctx->token_endpoint;

    if (ngx_http_oauth_refusal_build(r, ctx, token, &refusal) != NGX_OK
        || ngx_http_oauth_refusal_headers(r, ctx, token, refusal.status)
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->page = refusal.text;
    ctx->page_type = refusal.type;
    ctx->page_due = 1;

    return refusal.status;
}


static ngx_int_t
ngx_http_oauth_refusal_answer(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx,
    ngx_uint_t token)
{
    ngx_int_t                 rc;
    ngx_http_oauth_refusal_t  refusal;

    if (ngx_http_oauth_refusal_build(r, ctx, token, &refusal) != NGX_OK
        || ngx_http_oauth_refusal_headers(r, ctx, token, refusal.status)
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_oauth_refusal_has_page(r, refusal.status)) {
        return refusal.status;
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    ctx->local = 1;

    rc = ngx_http_oauth_local_send(r, refusal.status, &refusal.type,
                                   &refusal.text);

    return ngx_http_oauth_refusal_finish(r, rc);
}


/*
 * NGX_OK of a content handler ends the request, of any other phase's it
 * lets the request go on.
 */

static ngx_int_t
ngx_http_oauth_refusal_finish(ngx_http_request_t *r, ngx_int_t rc)
{
    ngx_http_phase_handler_t   *ph;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_get_module_main_conf(r, ngx_http_core_module);
    ph = cmcf->phase_engine.handlers;

    if (ph[r->phase_handler].checker == ngx_http_core_content_phase) {
        return rc;
    }

    ngx_http_finalize_request(r, rc);

    return NGX_DONE;
}


static ngx_int_t
ngx_http_oauth_refusal_build(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx,
    ngx_uint_t token, ngx_http_oauth_refusal_t *refusal)
{
    ngx_int_t                             rc;
    ngx_http_oauth_facts_t               *f;
    const ngx_http_oauth_refusal_conf_t  *rcf;

    ngx_http_oauth_note_problem(ctx, LEDGER_EVENT_REJECTED);

    f = ngx_http_oauth_facts(r, ctx);
    if (f == NULL || ngx_http_oauth_detail(f) != NGX_OK) {
        return NGX_ERROR;
    }

    rcf = ngx_http_oauth_refusal_conf(f, token);
    refusal->status = ngx_http_oauth_refusal_status(f, token);

    if (rcf != NULL && rcf->value != NULL) {
        rc = ngx_http_oauth_refusal_custom(r, ctx, rcf, refusal);

        if (rc != NGX_DECLINED) {
            return rc;
        }
    }

    if (token) {
        ngx_str_set(&refusal->type, "application/json");

        return ngx_http_oauth_document(f, refusal->status,
                                 ngx_http_oauth_problem(f->problem)->error,
                                 &refusal->text);
    }

    ngx_str_set(&refusal->type, "application/problem+json");

    return ngx_http_oauth_document(f, refusal->status, NULL, &refusal->text);
}


/* Only the refusal of a verdict has a form of the provider's own. */

static const ngx_http_oauth_refusal_conf_t *
ngx_http_oauth_refusal_conf(ngx_http_oauth_facts_t *f, ngx_uint_t token)
{
    const ngx_http_oauth_provider_t      *provider;
    const ngx_http_oauth_refusal_conf_t  *rcf;

    provider = f->ctx->provider;

    if (provider == NULL || ngx_http_oauth_problem(f->problem)->api != 0) {
        return NULL;
    }

    rcf = token ? &provider->token_refusal : &provider->refusal;

    return rcf->status ? rcf : NULL;
}


static ngx_uint_t
ngx_http_oauth_refusal_status(ngx_http_oauth_facts_t *f, ngx_uint_t token)
{
    const ngx_http_oauth_problem_t       *problem;
    const ngx_http_oauth_refusal_conf_t  *rcf;

    rcf = ngx_http_oauth_refusal_conf(f, token);

    if (rcf != NULL) {
        return rcf->status;
    }

    problem = ngx_http_oauth_problem(f->problem);

    if (token) {
        return problem->token;
    }

    return problem->api ? problem->api : NGX_HTTP_CONFLICT;
}


/* NGX_DECLINED: the VALUE is empty, and the reason must be told anyway. */

static ngx_int_t
ngx_http_oauth_refusal_custom(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx,
    const ngx_http_oauth_refusal_conf_t *rcf,
    ngx_http_oauth_refusal_t *refusal)
{
    ngx_int_t                     rc;
    ngx_http_oauth_value_scope_t  scope;

    if (ngx_http_oauth_value_open(r, ctx, 0, &scope) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = ngx_http_complex_value(r, rcf->value, &refusal->text);

    ngx_http_oauth_value_close(r, ctx, &scope);

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    refusal->type = rcf->type;

    return refusal->text.len ? NGX_OK : NGX_DECLINED;
}


static ngx_int_t
ngx_http_oauth_refusal_headers(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_uint_t token, ngx_uint_t status)
{
    ngx_str_t  value;

    ngx_str_set(&value, "no-store");

    if (ngx_http_oauth_header_set(r, "Cache-Control", &value) == NULL) {
        return NGX_ERROR;
    }

    if (token) {
        ngx_str_set(&value, "no-cache");

        if (ngx_http_oauth_header_set(r, "Pragma", &value) == NULL) {
            return NGX_ERROR;
        }
    }

    if (ctx->problem == NGX_HTTP_OAUTH_PROBLEM_UNAVAILABLE
        || ctx->problem == NGX_HTTP_OAUTH_PROBLEM_BUSY
        || ctx->problem == NGX_HTTP_OAUTH_PROBLEM_CONNECTING)
    {
        ngx_str_set(&value, NGX_HTTP_OAUTH_RETRY_SEC);

        if (ngx_http_oauth_header_set(r, "Retry-After", &value) == NULL) {
            return NGX_ERROR;
        }

        return NGX_OK;
    }

    if (token) {
        return NGX_OK;
    }

    ngx_str_set(&value, "false");

    if (ngx_http_oauth_header_set(r, "X-Should-Retry", &value) == NULL) {
        return NGX_ERROR;
    }

    if (status == NGX_HTTP_UNAUTHORIZED) {
        return ngx_http_oauth_refusal_challenge(r, ctx);
    }

    return NGX_OK;
}


/* RFC 6750, 3. */

static ngx_int_t
ngx_http_oauth_refusal_challenge(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx)
{
    u_char           *p;
    ngx_str_t         value;
    ngx_table_elt_t  *h;

    value.data = ngx_pnalloc(r->pool, NGX_HTTP_OAUTH_FIELD_MAX + 80);
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_sprintf(value.data, "Bearer error=\"invalid_token\", "
                                "error_description=\"");
    p = ngx_http_oauth_ascii(p, &ctx->detail, NGX_HTTP_OAUTH_FIELD_MAX, 1);
    *p++ = '"';

    value.len = p - value.data;

    h = ngx_http_oauth_header_set(r, "WWW-Authenticate", &value);
    if (h == NULL) {
        return NGX_ERROR;
    }

    r->headers_out.www_authenticate = h;

    return NGX_OK;
}


/* The same test as that of the special response's handler. */

static ngx_uint_t
ngx_http_oauth_refusal_has_page(ngx_http_request_t *r, ngx_uint_t status)
{
    ngx_uint_t                 i;
    ngx_http_err_page_t       *page;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (r->error_page || clcf->error_pages == NULL || r->uri_changes == 0
        || status < NGX_HTTP_SPECIAL_RESPONSE)
    {
        return 0;
    }

    page = clcf->error_pages->elts;

    for (i = 0; i < clcf->error_pages->nelts; i++) {
        if (page[i].status == (ngx_int_t) status) {
            return 1;
        }
    }

    return 0;
}


ngx_int_t
ngx_http_oauth_refusal_detail(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx,
    ngx_str_t *text)
{
    ngx_http_oauth_facts_t  *f;

    ngx_str_null(text);

    if (ctx->detail.data == NULL) {

        if (ngx_http_oauth_problem_of(ctx)
            == NGX_HTTP_OAUTH_PROBLEM_NONE)
        {
            return NGX_OK;
        }

        f = ngx_http_oauth_facts(r, ctx);
        if (f == NULL || ngx_http_oauth_detail(f) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    *text = ctx->detail;

    return NGX_OK;
}


ngx_int_t
ngx_http_oauth_refusal_document(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_str_t *text)
{
    ngx_http_oauth_facts_t  *f;

    ngx_str_null(text);

    if (ngx_http_oauth_problem_of(ctx) == NGX_HTTP_OAUTH_PROBLEM_NONE) {
        return NGX_OK;
    }

    f = ngx_http_oauth_facts(r, ctx);
    if (f == NULL || ngx_http_oauth_detail(f) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_oauth_document(f,
                      ngx_http_oauth_refusal_status(f, ctx->token_endpoint),
                      NULL, text);
}
