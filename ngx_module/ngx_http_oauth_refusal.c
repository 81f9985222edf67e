
/*
 * Copyright (C) The OAuth gateway authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_oauth_gateway.h"


/*
 * Room for the longest detail: every connection that a reconnect would end,
 * the connection itself and its superseder with names of the largest size,
 * contact and link, and what stands between.
 */

#define NGX_HTTP_OAUTH_DETAIL_MAX                                             \
    ((LEDGER_LIMITS_MAX + 6) * (LEDGER_IDENTITY_MAX + 64)                     \
     + 2 * NGX_HTTP_OAUTH_TEXT_MAX + 2048)

#define NGX_HTTP_OAUTH_PROBLEM_URN  "urn:oauth-gateway:"

/* Header fields of proxies and clients stay readable up to here. */
#define NGX_HTTP_OAUTH_FIELD_MAX   1024

/* A malformed request's reason names one parameter. */
#define NGX_HTTP_OAUTH_REASON_MAX  512

/* 9999-12-31T23:59:59.999Z; RFC 3339 has four digits for a year. */
#define NGX_HTTP_OAUTH_TIME_MAX    253402300799999

#define NGX_HTTP_OAUTH_RETRY_SEC   "2"


typedef struct {
    const char              *title;
    const char              *error;         /* RFC 6749, 5.2 */
    ngx_uint_t               api;           /* status; 0: the provider's */
    ngx_uint_t               token;
    ngx_uint_t               form;          /* of RFC 6749 also at an API */
} ngx_http_oauth_problem_t;


/*
 * What a refusal tells, read from the ledger at once, so that its text and
 * its members cannot differ.
 */

typedef struct {
    ngx_http_request_t      *request;
    ngx_http_oauth_ctx_t    *ctx;
    ngx_uint_t               problem;

    ledger_connection_t     *by;            /* superseder; NULL: unknown */
    ledger_connection_t     *ends[LEDGER_LIMITS_MAX]; /* by a reconnect */
    ngx_uint_t               nends;
    ngx_uint_t               more;          /* ended, but not in "ends" */

    const ledger_limit_t    *limit;         /* the one to tell of, or NULL */
    ledger_slot_t            slot;          /* and its state */

    unsigned                 details:1;
    unsigned                 known:1;       /* an identity for a limit */
    unsigned                 failed:1;      /* the ledger cannot be read */
    unsigned                 contested:1;
} ngx_http_oauth_facts_t;


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
static ngx_int_t ngx_http_oauth_refusal_send(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_http_oauth_refusal_t *refusal);

static ngx_uint_t ngx_http_oauth_refusal_problem(ngx_http_oauth_ctx_t *ctx);

static ngx_http_oauth_facts_t *ngx_http_oauth_facts(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);
static ngx_int_t ngx_http_oauth_facts_slots(ngx_http_oauth_facts_t *f,
    ledger_t *ledger);
static ngx_int_t ngx_http_oauth_facts_end(ngx_http_oauth_facts_t *f,
    ledger_t *ledger, const ledger_limit_t *limit, const ledger_slot_t *slot);
static ngx_uint_t ngx_http_oauth_facts_shares(const ledger_connection_t *a,
    const ledger_limit_t *limit, const ledger_connection_t *b);
static ngx_uint_t ngx_http_oauth_facts_key(const ledger_connection_t *c,
    const ledger_limit_key_t *key, ledger_slice_t *value);
static ngx_uint_t ngx_http_oauth_facts_equal(ledger_slice_t a,
    ledger_slice_t b);
static ngx_int_t ngx_http_oauth_facts_find(ngx_http_request_t *r,
    ledger_t *ledger, uint64_t id, ledger_connection_t **connection);

static ngx_int_t ngx_http_oauth_detail(ngx_http_oauth_facts_t *f);
static u_char *ngx_http_oauth_detail_superseded(ngx_http_oauth_facts_t *f,
    u_char *p, u_char *last);
static u_char *ngx_http_oauth_detail_ended(ngx_http_oauth_facts_t *f,
    u_char *p, u_char *last);
static u_char *ngx_http_oauth_detail_request(ngx_http_oauth_facts_t *f,
    u_char *p, u_char *last);
static u_char *ngx_http_oauth_detail_limit(ngx_http_oauth_facts_t *f,
    u_char *p, u_char *last);
static u_char *ngx_http_oauth_detail_cost(ngx_http_oauth_facts_t *f,
    u_char *p, u_char *last);
static u_char *ngx_http_oauth_detail_advice(ngx_http_oauth_facts_t *f,
    u_char *p, u_char *last);
static u_char *ngx_http_oauth_detail_subject(ngx_http_oauth_facts_t *f,
    u_char *p, u_char *last);
static u_char *ngx_http_oauth_detail_connection(ngx_http_oauth_facts_t *f,
    const ledger_connection_t *connection, u_char *p, u_char *last);
static u_char *ngx_http_oauth_detail_at(ngx_http_oauth_facts_t *f,
    ledger_ms_t at, u_char *p, u_char *last);
static u_char *ngx_http_oauth_detail_quote(ledger_slice_t text, u_char *p,
    u_char *last);
static u_char *ngx_http_oauth_detail_clean(ledger_slice_t text, u_char *p,
    u_char *last);

static ngx_int_t ngx_http_oauth_document(ngx_http_oauth_facts_t *f,
    ngx_uint_t status, const char *error, ngx_str_t *text);
static int ngx_http_oauth_document_members(ngx_http_oauth_facts_t *f,
    json_t *doc);
static int ngx_http_oauth_document_limit(ngx_http_oauth_facts_t *f,
    json_t *doc);
static json_t *ngx_http_oauth_document_connection(
    const ledger_connection_t *connection, ngx_uint_t times);
static int ngx_http_oauth_document_text(json_t *doc, const char *name,
    ledger_slice_t text);
static int ngx_http_oauth_document_id(json_t *doc, const char *name,
    uint64_t id);
static int ngx_http_oauth_document_time(json_t *doc, const char *name,
    ledger_ms_t at);

static u_char *ngx_http_oauth_clean(u_char *p, u_char *last,
    ledger_slice_t text);
static uint32_t ngx_http_oauth_clean_char(u_char **p, u_char *last);
static u_char *ngx_http_oauth_ascii(u_char *p, ngx_str_t *text, size_t max,
    ngx_uint_t quote);


/* Indexed by ngx_http_oauth_problem_e. */

static ngx_http_oauth_problem_t  ngx_http_oauth_problem[] = {

    { "", "", 0, 0, 0 },

    { "The connection was superseded by a newer one",
      "invalid_grant", 0, NGX_HTTP_BAD_REQUEST, 0 },

    { "The connection was revoked",
      "invalid_grant", 0, NGX_HTTP_BAD_REQUEST, 0 },

    { "The provider no longer accepts the connection",
      "invalid_grant", 0, NGX_HTTP_BAD_REQUEST, 0 },

    { "The connection has expired",
      "invalid_grant", 0, NGX_HTTP_BAD_REQUEST, 0 },

    { "The token was replaced by a newer one of its connection",
      "invalid_grant", 0, NGX_HTTP_BAD_REQUEST, 0 },

    { "The token is not known here",
      "invalid_grant", 0, NGX_HTTP_BAD_REQUEST, 0 },

    { "The request cannot be read",
      "invalid_request", NGX_HTTP_BAD_REQUEST, NGX_HTTP_BAD_REQUEST, 0 },

    { "The request body is too large",
      "invalid_request", NGX_HTTP_REQUEST_ENTITY_TOO_LARGE,
      NGX_HTTP_REQUEST_ENTITY_TOO_LARGE, 0 },

    { "The request does not carry exactly one well-formed token",
      "invalid_request", NGX_HTTP_BAD_REQUEST, NGX_HTTP_BAD_REQUEST, 0 },

    { "A token request must go to the token endpoint",
      "invalid_request", NGX_HTTP_BAD_REQUEST, NGX_HTTP_BAD_REQUEST, 1 },

    { "The ledger cannot be reached now",
      "temporarily_unavailable", NGX_HTTP_SERVICE_UNAVAILABLE,
      NGX_HTTP_SERVICE_UNAVAILABLE, 0 },

    { "The token was replaced, and its client is another one",
      "invalid_grant", 0, NGX_HTTP_BAD_REQUEST, 0 },

    { "The provider has just refused this refresh token",
      "invalid_grant", 0, NGX_HTTP_BAD_REQUEST, 0 },

    { "Another refresh of this token has not ended",
      "temporarily_unavailable", NGX_HTTP_SERVICE_UNAVAILABLE,
      NGX_HTTP_SERVICE_UNAVAILABLE, 0 }
};


/* Indexed by ledger_verdict_t. */

static ngx_uint_t  ngx_http_oauth_verdict_problems[] = {
    NGX_HTTP_OAUTH_PROBLEM_NONE,
    NGX_HTTP_OAUTH_PROBLEM_NONE,
    NGX_HTTP_OAUTH_PROBLEM_UNKNOWN,
    NGX_HTTP_OAUTH_PROBLEM_NONE,
    NGX_HTTP_OAUTH_PROBLEM_SUPERSEDED,
    NGX_HTTP_OAUTH_PROBLEM_REVOKED,
    NGX_HTTP_OAUTH_PROBLEM_BROKEN,
    NGX_HTTP_OAUTH_PROBLEM_EXPIRED,
    NGX_HTTP_OAUTH_PROBLEM_ROTATED
};


/* Indexed by ledger_limit_key_kind_t. */

static const char  *ngx_http_oauth_limit_words[] = {
    "", "user", "tenant", "client", "scope", ""
};


ngx_int_t
ngx_http_oauth_refusal_api(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx)
{
    return ngx_http_oauth_refusal_answer(r, ctx,
                          ngx_http_oauth_problem[ctx->problem].form);
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

    token = ngx_http_oauth_problem[ctx->problem].form || ctx->token_endpoint;

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

    return ngx_http_oauth_refusal_finish(r,
                              ngx_http_oauth_refusal_send(r, ctx, &refusal));
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
                                 ngx_http_oauth_problem[f->problem].error,
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

    if (provider == NULL || ngx_http_oauth_problem[f->problem].api != 0) {
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

    problem = &ngx_http_oauth_problem[f->problem];

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
        || ctx->problem == NGX_HTTP_OAUTH_PROBLEM_BUSY)
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


static ngx_int_t
ngx_http_oauth_refusal_send(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx,
    ngx_http_oauth_refusal_t *refusal)
{
    ngx_buf_t    *b;
    ngx_int_t     rc;
    ngx_chain_t   out;

    ctx->local = 1;

    r->headers_out.status = refusal->status;
    r->headers_out.content_length_n = refusal->text.len;
    r->headers_out.content_type = refusal->type;
    r->headers_out.content_type_len = refusal->type.len;
    r->headers_out.content_type_lowcase = NULL;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->pos = refusal->text.data;
    b->last = b->pos + refusal->text.len;
    b->memory = 1;
    b->last_buf = (r == r->main) ? 1 : 0;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


ngx_int_t
ngx_http_oauth_refusal_mark(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx)
{
    size_t                      size;
    u_char                     *p, *last;
    ledger_t                   *ledger;
    uint64_t                    superseded_by;
    ngx_str_t                   value, owner, name, word;
    ngx_uint_t                  i, problem, ended;
    ngx_list_part_t            *part;
    ngx_table_elt_t            *h;
    ledger_connection_t        *by;
    ngx_http_oauth_loc_conf_t  *lcf;

    ngx_str_set(&name, "OAuth-Connection-Status");

    part = &r->headers_out.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                break;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (h[i].key.len == name.len
            && ngx_strncasecmp(h[i].key.data, name.data, name.len) == 0)
        {
            h[i].hash = 0;
        }
    }

    if (ctx->action != NGX_HTTP_OAUTH_ACTION_FLAG && !ctx->unrecorded) {
        return NGX_OK;
    }

    /* "unrecorded" is the word where nothing worse is to tell */

    problem = (ctx->action == NGX_HTTP_OAUTH_ACTION_FLAG)
              ? ngx_http_oauth_refusal_problem(ctx)
              : NGX_HTTP_OAUTH_PROBLEM_NONE;

    ended = (problem >= NGX_HTTP_OAUTH_PROBLEM_SUPERSEDED
             && problem <= NGX_HTTP_OAUTH_PROBLEM_UNKNOWN);

    if (!ended && ctx->unrecorded) {
        ngx_str_set(&word, "unrecorded");

    } else if (problem != NGX_HTTP_OAUTH_PROBLEM_NONE) {
        word = *ngx_http_oauth_problem_word(problem);

    } else {
        word = *ngx_http_oauth_verdict_word(ctx->verdict);
    }

    if (word.len == 0) {
        return NGX_OK;
    }

    by = NULL;
    superseded_by = ngx_http_oauth_connection(ctx)->superseded_by;
    ledger = ngx_http_oauth_store();
    lcf = ngx_http_get_module_loc_conf(r, ngx_http_oauth_gateway_module);

    if (!ended || !lcf->details) {
        superseded_by = 0;
    }

    if (superseded_by != 0 && ledger != NULL
        && ngx_http_oauth_facts_find(r, ledger, superseded_by, &by) != NGX_OK)
    {
        return NGX_ERROR;
    }

    size = 256 + 2 * LEDGER_IDENTITY_MAX;

    p = ngx_pnalloc(r->pool, size);
    if (p == NULL) {
        return NGX_ERROR;
    }

    value.data = p;
    last = p + size;

    p = ngx_slprintf(p, last, "%V", &word);

    if (ctx->connection_id != 0) {
        p = ngx_slprintf(p, last, "; connection=\"%uL\"", ctx->connection_id);
    }

    if (superseded_by != 0) {
        p = ngx_slprintf(p, last, "; superseded-by=\"%uL\"", superseded_by);
    }

    if (by != NULL && by->owner.len != 0) {
        owner.data = (u_char *) by->owner.data;
        owner.len = by->owner.len;

        p = ngx_slprintf(p, last, "; owner=\"");
        p = ngx_http_oauth_ascii(p, &owner, LEDGER_IDENTITY_MAX, 0);
        *p++ = '"';
    }

    if (ended && ctx->unrecorded) {
        p = ngx_slprintf(p, last, "; unrecorded");
    }

    value.len = p - value.data;

    if (ngx_http_oauth_header_set(r, "OAuth-Connection-Status", &value)
        == NULL)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_oauth_refusal_detail(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx,
    ngx_str_t *text)
{
    ngx_http_oauth_facts_t  *f;

    ngx_str_null(text);

    if (ctx->detail.data == NULL) {

        if (ngx_http_oauth_refusal_problem(ctx)
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

    if (ngx_http_oauth_refusal_problem(ctx) == NGX_HTTP_OAUTH_PROBLEM_NONE) {
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


/* What there is to tell of: why the request was refused, or flagged. */

static ngx_uint_t
ngx_http_oauth_refusal_problem(ngx_http_oauth_ctx_t *ctx)
{
    if (ctx->problem != NGX_HTTP_OAUTH_PROBLEM_NONE) {
        return ctx->problem;
    }

    if (ctx->action == NGX_HTTP_OAUTH_ACTION_FLAG
        && ctx->verdict <= LEDGER_VERDICT_ROTATED)
    {
        return ngx_http_oauth_verdict_problems[ctx->verdict];
    }

    return NGX_HTTP_OAUTH_PROBLEM_NONE;
}


ngx_int_t
ngx_http_oauth_refusal_contested(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx)
{
    unsigned                    i;
    ledger_t                   *ledger;
    ledger_ms_t                 now;
    ledger_slot_t               slot;
    const ledger_connection_t  *c;

    ledger = ngx_http_oauth_store();

    if (ledger == NULL || ctx->provider == NULL) {
        return 0;
    }

    c = ngx_http_oauth_connection(ctx);
    now = ngx_http_oauth_now();

    for (i = 0; i < c->nlimits; i++) {

        if (ledger_slot(ledger, c, i, now,
                        (unsigned) ctx->provider->contests,
                        ctx->provider->contest_window, &slot)
            == LEDGER_OK
            && slot.contested)
        {
            return 1;
        }
    }

    return 0;
}


u_char *
ngx_http_oauth_time(u_char *p, ledger_ms_t at)
{
    ngx_tm_t  tm;

    if (at > NGX_HTTP_OAUTH_TIME_MAX) {
        at = NGX_HTTP_OAUTH_TIME_MAX;
    }

    ngx_gmtime((time_t) (at / 1000), &tm);

    return ngx_sprintf(p, "%4d-%02d-%02dT%02d:%02d:%02d.%03dZ",
                       tm.ngx_tm_year, tm.ngx_tm_mon, tm.ngx_tm_mday,
                       tm.ngx_tm_hour, tm.ngx_tm_min, tm.ngx_tm_sec,
                       (int) (at % 1000));
}


static ngx_http_oauth_facts_t *
ngx_http_oauth_facts(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx)
{
    ledger_t                   *ledger;
    ngx_http_oauth_facts_t     *f;
    const ledger_connection_t  *c;
    ngx_http_oauth_loc_conf_t  *lcf;

    f = ngx_pcalloc(r->pool, sizeof(ngx_http_oauth_facts_t));
    if (f == NULL) {
        return NULL;
    }

    c = ngx_http_oauth_connection(ctx);
    lcf = ngx_http_get_module_loc_conf(r, ngx_http_oauth_gateway_module);

    f->request = r;
    f->ctx = ctx;
    f->problem = ngx_http_oauth_refusal_problem(ctx);
    f->details = lcf->details ? 1 : 0;

    if (f->problem < NGX_HTTP_OAUTH_PROBLEM_SUPERSEDED
        || f->problem > NGX_HTTP_OAUTH_PROBLEM_UNKNOWN
        || c->id == 0)
    {
        return f;
    }

    ledger = ngx_http_oauth_store();

    if (ledger == NULL) {
        f->failed = 1;
        return f;
    }

    if (c->superseded_by != 0
        && ngx_http_oauth_facts_find(r, ledger, c->superseded_by, &f->by)
           != NGX_OK)
    {
        return NULL;
    }

    if (ngx_http_oauth_facts_slots(f, ledger) != NGX_OK) {
        return NULL;
    }

    return f;
}


/*
 * Whom a reconnect would end: limits apply in the order written, each on
 * what the earlier ones left live (R1).  Told of is the limit that ended
 * the connection, else the first that is full, else the first.
 */

static ngx_int_t
ngx_http_oauth_facts_slots(ngx_http_oauth_facts_t *f, ledger_t *ledger)
{
    unsigned                          i;
    ledger_ms_t                       now;
    ngx_uint_t                        full;
    ledger_slot_t                     slot;
    const ledger_connection_t        *c;
    const ngx_http_oauth_provider_t  *provider;

    c = ngx_http_oauth_connection(f->ctx);
    provider = f->ctx->provider;
    now = ngx_http_oauth_now();
    full = 0;

    for (i = 0; i < c->nlimits; i++) {

        if (ledger_slot(ledger, c, i, now,
                        provider ? (unsigned) provider->contests : 1,
                        provider ? provider->contest_window : 0, &slot)
            != LEDGER_OK)
        {
            f->failed = 1;
            return NGX_OK;
        }

        if (!slot.known) {
            continue;
        }

        f->known = 1;

        if (slot.contested && provider != NULL) {
            f->contested = 1;
        }

        if (c->state == LEDGER_SUPERSEDED
            ? i == c->superseded_limit || f->limit == NULL
            : f->limit == NULL || (!full && slot.oldest != 0))
        {
            f->limit = &c->limits[i];
            f->slot = slot;
            full = (slot.oldest != 0);
        }

        if (slot.oldest != 0
            && ngx_http_oauth_facts_end(f, ledger, &c->limits[i], &slot)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_oauth_facts_end(ngx_http_oauth_facts_t *f, ledger_t *ledger,
    const ledger_limit_t *limit, const ledger_slot_t *slot)
{
    ngx_uint_t                  i, due;
    ledger_connection_t        *end;
    const ledger_connection_t  *c;

    c = ngx_http_oauth_connection(f->ctx);
    due = slot->held + 1 - ngx_min(slot->n, slot->held);

    for (i = 0; i < f->nends && due; i++) {

        if (ngx_http_oauth_facts_shares(c, limit, f->ends[i])) {
            due--;
        }
    }

    if (due == 0) {
        return NGX_OK;
    }

    f->more += due - 1;

    if (ngx_http_oauth_facts_find(f->request, ledger, slot->oldest, &end)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (end == NULL) {
        f->more++;
        return NGX_OK;
    }

    f->ends[f->nends++] = end;

    return NGX_OK;
}


/* Whether "b" is in the slot of that limit of "a". */

static ngx_uint_t
ngx_http_oauth_facts_shares(const ledger_connection_t *a,
    const ledger_limit_t *limit, const ledger_connection_t *b)
{
    ngx_uint_t             i, k;
    ledger_slice_t         x, y;
    const ledger_limit_t  *other;

    for (i = 0; i < b->nlimits; i++) {
        other = &b->limits[i];

        if (other->nkeys != limit->nkeys) {
            continue;
        }

        for (k = 0; k < limit->nkeys; k++) {

            if (limit->keys[k].kind != other->keys[k].kind
                || !ngx_http_oauth_facts_key(a, &limit->keys[k], &x)
                || !ngx_http_oauth_facts_key(b, &other->keys[k], &y)
                || !ngx_http_oauth_facts_equal(x, y)
                || !ngx_http_oauth_facts_equal(limit->keys[k].name,
                                               other->keys[k].name))
            {
                break;
            }
        }

        if (k == limit->nkeys) {
            return 1;
        }
    }

    return 0;
}


/* Only a scope may be empty. */

static ngx_uint_t
ngx_http_oauth_facts_key(const ledger_connection_t *c,
    const ledger_limit_key_t *key, ledger_slice_t *value)
{
    switch (key->kind) {

    case LEDGER_KEY_USER:
        *value = c->user;
        break;

    case LEDGER_KEY_TENANT:
        *value = c->tenant;
        break;

    case LEDGER_KEY_CLIENT:
        *value = c->client;
        break;

    case LEDGER_KEY_SCOPE:
        *value = c->scope;
        return 1;

    default:
        *value = key->value;
        break;
    }

    return value->len != 0;
}


static ngx_uint_t
ngx_http_oauth_facts_equal(ledger_slice_t a, ledger_slice_t b)
{
    if (a.len != b.len) {
        return 0;
    }

    return a.len == 0 || ngx_memcmp(a.data, b.data, a.len) == 0;
}


/* A connection that cannot be found any more is left NULL. */

static ngx_int_t
ngx_http_oauth_facts_find(ngx_http_request_t *r, ledger_t *ledger,
    uint64_t id, ledger_connection_t **connection)
{
    u_char               *buf;
    ledger_connection_t  *c;

    *connection = NULL;

    c = ngx_palloc(r->pool, sizeof(ledger_connection_t));
    if (c == NULL) {
        return NGX_ERROR;
    }

    buf = ngx_palloc(r->pool, LEDGER_CONNECTION_MAX);
    if (buf == NULL) {
        return NGX_ERROR;
    }

    if (ledger_find(ledger, id, c, buf) == LEDGER_OK) {
        *connection = c;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_oauth_detail(ngx_http_oauth_facts_t *f)
{
    u_char                           *p, *last;
    ledger_slice_t                    text;
    const ngx_http_oauth_provider_t  *provider;

    if (f->ctx->detail.data != NULL) {
        return NGX_OK;
    }

    p = ngx_pnalloc(f->request->pool, NGX_HTTP_OAUTH_DETAIL_MAX);
    if (p == NULL) {
        return NGX_ERROR;
    }

    f->ctx->detail.data = p;
    last = p + NGX_HTTP_OAUTH_DETAIL_MAX;

    switch (f->problem) {

    case NGX_HTTP_OAUTH_PROBLEM_SUPERSEDED:
        p = ngx_http_oauth_detail_superseded(f, p, last);
        break;

    case NGX_HTTP_OAUTH_PROBLEM_REVOKED:
    case NGX_HTTP_OAUTH_PROBLEM_BROKEN:
    case NGX_HTTP_OAUTH_PROBLEM_EXPIRED:
    case NGX_HTTP_OAUTH_PROBLEM_ROTATED:
        p = ngx_http_oauth_detail_ended(f, p, last);
        break;

    default:
        p = ngx_http_oauth_detail_request(f, p, last);
        break;
    }

    provider = f->ctx->provider;

    if (provider != NULL && provider->contact.len) {
        text = ngx_http_oauth_slice(&provider->contact);
        p = ngx_slprintf(p, last, " Contact: ");
        p = ngx_http_oauth_detail_clean(text, p, last);
        p = ngx_slprintf(p, last, ".");
    }

    if (provider != NULL && provider->link.len) {
        text = ngx_http_oauth_slice(&provider->link);
        p = ngx_slprintf(p, last, " Link: ");
        p = ngx_http_oauth_detail_clean(text, p, last);
    }

    f->ctx->detail.len = p - f->ctx->detail.data;

    return NGX_OK;
}


static u_char *
ngx_http_oauth_detail_superseded(ngx_http_oauth_facts_t *f, u_char *p,
    u_char *last)
{
    const ledger_connection_t  *c;

    c = ngx_http_oauth_connection(f->ctx);

    p = ngx_http_oauth_detail_subject(f, p, last);

    if (f->ctx->undecided || c->undecided) {
        p = ngx_slprintf(p, last, " may have been superseded");

    } else {
        p = ngx_slprintf(p, last, " was superseded");
    }

    p = ngx_http_oauth_detail_at(f, c->ended_at, p, last);
    p = ngx_slprintf(p, last, " by ");

    if (!f->details) {
        p = ngx_slprintf(p, last, "a newer connection");

    } else if (f->by != NULL) {
        p = ngx_http_oauth_detail_connection(f, f->by, p, last);

    } else {
        p = ngx_slprintf(p, last, "connection '%uL'", c->superseded_by);
    }

    p = ngx_http_oauth_detail_limit(f, p, last);
    p = ngx_slprintf(p, last, ".");

    if (f->ctx->undecided || c->undecided) {
        return ngx_slprintf(p, last, " Both were opened at the same time, and "
                            "the provider has not shown yet which it kept: "
                            "its next answer decides.");
    }

    if (c->reconnect) {
        p = ngx_slprintf(p, last, " It is a reconnect by the same owner: this "
                         "caller still uses the older connection and should "
                         "take the tokens of the newer one. Retrying does "
                         "not help.");

        return ngx_http_oauth_detail_cost(f, p, last);
    }

    p = ngx_slprintf(p, last, " Retrying does not help.");
    p = ngx_http_oauth_detail_cost(f, p, last);

    return ngx_http_oauth_detail_advice(f, p, last);
}


/*
 * A token may have ended alone, while its connection goes on: then there is
 * nothing to reconnect.
 */

static u_char *
ngx_http_oauth_detail_ended(ngx_http_oauth_facts_t *f, u_char *p, u_char *last)
{
    ngx_uint_t                  alone;
    const char                 *kind;
    const ledger_connection_t  *c;

    c = ngx_http_oauth_connection(f->ctx);
    kind = f->ctx->token_endpoint ? "refresh" : "access";
    alone = (c->state == LEDGER_LIVE);

    if (f->problem == NGX_HTTP_OAUTH_PROBLEM_ROTATED) {
        p = ngx_slprintf(p, last, "This %s token of ", kind);
        p = ngx_http_oauth_detail_subject(f, p, last);
        p = ngx_slprintf(p, last, " was replaced by a newer one");
        p = ngx_http_oauth_detail_at(f, c->refreshed_at, p, last);
        p = ngx_slprintf(p, last, ". Retrying does not help: the newest %s "
                         "token is the one to use.", kind);

        if (!f->ctx->token_endpoint) {
            return p;
        }

        p = ngx_slprintf(p, last, " If it is lost, this caller has to "
                         "reconnect.");

        return ngx_http_oauth_detail_cost(f, p, last);
    }

    if (alone) {
        p = ngx_slprintf(p, last, "This %s token of ", kind);
    }

    p = ngx_http_oauth_detail_subject(f, p, last);

    switch (f->problem) {

    case NGX_HTTP_OAUTH_PROBLEM_REVOKED:
        p = ngx_slprintf(p, last, c->released ? " was released by an operator"
                                              : " was revoked on request");
        p = ngx_http_oauth_detail_at(f, alone ? 0 : c->ended_at, p, last);
        p = ngx_slprintf(p, last, ".");
        break;

    case NGX_HTTP_OAUTH_PROBLEM_BROKEN:
        p = ngx_slprintf(p, last, " is no longer accepted by the provider");

        if (!alone && f->details && c->ended_at != 0) {
            p = ngx_slprintf(p, last, ", as seen");
            p = ngx_http_oauth_detail_at(f, c->ended_at, p, last);
        }

        p = ngx_slprintf(p, last, ", although nothing seen here ended it: "
                         "somebody may have connected past this gateway, or "
                         "withdrawn the consent.");
        break;

    default:
        p = ngx_slprintf(p, last, " expired");
        p = ngx_http_oauth_detail_at(f, alone ? f->ctx->token_expires_at
                                              : c->ended_at, p, last);
        p = ngx_slprintf(p, last, alone ? "." : ": its last token ran out, or "
                         "it was not used for too long.");
        break;
    }

    p = ngx_slprintf(p, last, " Retrying does not help");

    if (alone && !f->ctx->token_endpoint && c->has_refresh) {
        return ngx_slprintf(p, last, ": refresh the token.");
    }

    p = ngx_slprintf(p, last, ": this caller has to reconnect.");

    return ngx_http_oauth_detail_cost(f, p, last);
}


static u_char *
ngx_http_oauth_detail_request(ngx_http_oauth_facts_t *f, u_char *p,
    u_char *last)
{
    ledger_slice_t  reason;

    switch (f->problem) {

    case NGX_HTTP_OAUTH_PROBLEM_UNKNOWN:
        return ngx_slprintf(p, last, "This token was not issued through the "
                            "gateway, and unknown tokens are refused here. "
                            "Retrying does not help: this caller has to "
                            "connect through the gateway.");

    case NGX_HTTP_OAUTH_PROBLEM_MALFORMED:
        p = ngx_slprintf(p, last, "The token request is malformed");
        break;

    case NGX_HTTP_OAUTH_PROBLEM_TOO_LARGE:
        return ngx_slprintf(p, last, "The body of the token request is larger "
                            "than %d bytes. It was not sent to the provider.",
                            NGX_HTTP_OAUTH_BODY_MAX);

    case NGX_HTTP_OAUTH_PROBLEM_CREDENTIALS:
        p = ngx_slprintf(p, last, "The request has to carry exactly one "
                         "well-formed access token");
        break;

    case NGX_HTTP_OAUTH_PROBLEM_GRANT:
        return ngx_slprintf(p, last, "This is a token request, but it was "
                            "sent to an address of the API, where it cannot "
                            "be recorded, and was refused. It has to go to "
                            "the token endpoint.");

    case NGX_HTTP_OAUTH_PROBLEM_UNAVAILABLE:
        return ngx_slprintf(p, last, "The gateway cannot reach its ledger "
                            "now, and nothing was sent to the provider. The "
                            "tokens of this caller are unchanged: try again "
                            "in a moment.");

    case NGX_HTTP_OAUTH_PROBLEM_OTHER_CLIENT:
        return ngx_slprintf(p, last, "This refresh token was replaced by a "
                            "newer one, and the request does not come with "
                            "the client's own credentials. Nothing was sent "
                            "to the provider.");

    case NGX_HTTP_OAUTH_PROBLEM_REMEMBERED:
        return ngx_slprintf(p, last, "The provider refused this refresh "
                            "token a moment ago, and nothing was sent to it "
                            "again. Retrying does not help: this caller has "
                            "to reconnect.");

    case NGX_HTTP_OAUTH_PROBLEM_BUSY:
        return ngx_slprintf(p, last, "Another refresh of this token has not "
                            "ended, or its answer could not be recorded. "
                            "Nothing was sent to the provider: try again in a "
                            "moment.");

    default:
        break;
    }

    if (f->ctx->reason != NULL) {
        reason.data = (u_char *) f->ctx->reason;
        reason.len = ngx_strlen(f->ctx->reason);

        p = ngx_slprintf(p, last, ": ");
        p = ngx_http_oauth_detail_clean(reason, p,
                               ngx_min(last, p + NGX_HTTP_OAUTH_REASON_MAX));
    }

    return ngx_slprintf(p, last, ". It was not sent to the provider.");
}


/* : the limit is 1 live connection per user and client */

static u_char *
ngx_http_oauth_detail_limit(ngx_http_oauth_facts_t *f, u_char *p, u_char *last)
{
    ngx_uint_t                 i, n;
    const ledger_limit_key_t  *key;

    if (f->limit == NULL) {
        return p;
    }

    n = f->limit->nkeys;

    p = ngx_slprintf(p, last, ": the limit is %uD live connection%s per ",
                     f->limit->n, f->limit->n == 1 ? "" : "s");

    for (i = 0; i < n; i++) {
        key = &f->limit->keys[i];

        if (i > 0) {
            p = ngx_slprintf(p, last, i + 1 == n ? " and " : ", ");
        }

        if (key->kind != LEDGER_KEY_VARIABLE) {
            p = ngx_slprintf(p, last, "%s",
                             ngx_http_oauth_limit_words[key->kind]);
            continue;
        }

        p = ngx_slprintf(p, last, "$");
        p = ngx_http_oauth_detail_clean(key->name, p,
                              ngx_min(last, p + LEDGER_VARIABLE_NAME_MAX));
    }

    return p;
}


static u_char *
ngx_http_oauth_detail_cost(ngx_http_oauth_facts_t *f, u_char *p, u_char *last)
{
    ngx_uint_t                  i;
    const ledger_connection_t  *c;

    c = ngx_http_oauth_connection(f->ctx);

    if (f->failed || c->nlimits == 0) {
        return p;
    }

    if (!f->known) {
        return ngx_slprintf(p, last, " Whom reconnecting would end is not "
                            "known: an identity that the limit counts by is "
                            "missing.");
    }

    if (f->nends == 0 && f->more == 0) {
        return ngx_slprintf(p, last, " Reconnecting would end nobody's "
                            "connection: there is room, %uD of %uD in use.",
                            f->slot.held, f->slot.n);
    }

    p = ngx_slprintf(p, last, " Reconnecting would end ");

    if (!f->details) {
        return ngx_slprintf(p, last, f->nends + f->more > 1
                                     ? "other live connections."
                                     : "another live connection.");
    }

    for (i = 0; i < f->nends; i++) {

        if (i > 0) {
            p = ngx_slprintf(p, last, i + 1 == f->nends && f->more == 0
                                      ? " and " : ", ");
        }

        if (f->ends[i]->id == c->id) {
            p = ngx_slprintf(p, last, "this connection itself");
            continue;
        }

        p = ngx_http_oauth_detail_connection(f, f->ends[i], p, last);
    }

    if (f->more) {
        p = ngx_slprintf(p, last, "%s%ui %s live connection%s",
                         f->nends ? " and " : "", f->more,
                         f->nends ? "more" : "other",
                         f->more == 1 ? "" : "s");
    }

    return ngx_slprintf(p, last, ".");
}


/* What to do instead depends on what the limit counts. */

static u_char *
ngx_http_oauth_detail_advice(ngx_http_oauth_facts_t *f, u_char *p,
    u_char *last)
{
    ngx_uint_t            i, user, tenant;
    ledger_connection_t  *end;

    user = 0;
    tenant = 0;

    for (i = 0; f->limit != NULL && i < f->limit->nkeys; i++) {

        if (f->limit->keys[i].kind == LEDGER_KEY_USER) {
            user = 1;

        } else if (f->limit->keys[i].kind == LEDGER_KEY_TENANT) {
            tenant = 1;
        }
    }

    if (f->nends == 0 && f->more == 0) {
        return p;
    }

    if (user) {
        p = ngx_slprintf(p, last, " Instead, give this caller an integration "
                         "user of its own");

    } else if (tenant) {
        p = ngx_slprintf(p, last, " Another user of the same enterprise "
                         "account does not help: keep one integration user "
                         "and one connection for it");

    } else {
        p = ngx_slprintf(p, last, " Instead, keep one connection here");
    }

    end = f->nends ? f->ends[0] : NULL;

    if (f->details && end != NULL && end->owner.len
        && end->id != f->ctx->connection_id)
    {
        p = ngx_slprintf(p, last, ", or ask owner ");
        p = ngx_http_oauth_detail_quote(end->owner, p, last);
        p = ngx_slprintf(p, last, " to release connection '%uL'", end->id);

    } else {
        p = ngx_slprintf(p, last, ", or ask the other connection's owner to "
                         "release it");
    }

    return ngx_slprintf(p, last, ".");
}


/* Connection '17' of owner 'A' to provider 'p' (user 'u', tenant 't') */

static u_char *
ngx_http_oauth_detail_subject(ngx_http_oauth_facts_t *f, u_char *p,
    u_char *last)
{
    u_char                     *start;
    ledger_slice_t              name;
    const ledger_connection_t  *c;

    c = ngx_http_oauth_connection(f->ctx);
    start = p;

    if (!f->details) {
        p = ngx_slprintf(p, last, "connection '%uL'", c->id);

    } else {
        p = ngx_http_oauth_detail_connection(f, c, p, last);
    }

    if (start == f->ctx->detail.data) {
        *start = 'C';
    }

    if (f->ctx->provider != NULL) {
        name = ngx_http_oauth_slice(&f->ctx->provider->name);
        p = ngx_slprintf(p, last, " to provider ");
        p = ngx_http_oauth_detail_quote(name, p, last);
    }

    if (!f->details || (c->user.len == 0 && c->tenant.len == 0)) {
        return p;
    }

    p = ngx_slprintf(p, last, " (");

    if (c->user.len) {
        p = ngx_slprintf(p, last, "user ");
        p = ngx_http_oauth_detail_quote(c->user, p, last);
    }

    if (c->tenant.len) {
        p = ngx_slprintf(p, last, c->user.len ? ", tenant " : "tenant ");
        p = ngx_http_oauth_detail_quote(c->tenant, p, last);
    }

    return ngx_slprintf(p, last, ")");
}


static u_char *
ngx_http_oauth_detail_connection(ngx_http_oauth_facts_t *f,
    const ledger_connection_t *connection, u_char *p, u_char *last)
{
    p = ngx_slprintf(p, last, "connection '%uL' of ", connection->id);

    if (connection->owner.len == 0) {
        return ngx_slprintf(p, last, "an unknown owner");
    }

    p = ngx_slprintf(p, last, "owner ");

    return ngx_http_oauth_detail_quote(connection->owner, p, last);
}


static u_char *
ngx_http_oauth_detail_at(ngx_http_oauth_facts_t *f, ledger_ms_t at, u_char *p,
    u_char *last)
{
    if (!f->details || at == 0
        || last - p < (ptrdiff_t) (NGX_HTTP_OAUTH_TIME_LEN + 4))
    {
        return p;
    }

    p = ngx_cpymem(p, " at ", 4);

    return ngx_http_oauth_time(p, at);
}


static u_char *
ngx_http_oauth_detail_quote(ledger_slice_t text, u_char *p, u_char *last)
{
    p = ngx_slprintf(p, last, "'");
    p = ngx_http_oauth_detail_clean(text, p,
                                    ngx_min(last, p + LEDGER_IDENTITY_MAX));

    return ngx_slprintf(p, last, "'");
}


/*
 * The detail has neither quote nor backslash, so that it stays what it is
 * in error_description and in a template that forgets to escape it.
 */

static u_char *
ngx_http_oauth_detail_clean(ledger_slice_t text, u_char *p, u_char *last)
{
    u_char  *end;

    end = ngx_http_oauth_clean(p, last, text);

    for ( /* void */ ; p < end; p++) {
        if (*p == '"') {
            *p = '\'';

        } else if (*p == '\\') {
            *p = '/';
        }
    }

    return end;
}


static ngx_int_t
ngx_http_oauth_document(ngx_http_oauth_facts_t *f, ngx_uint_t status,
    const char *error, ngx_str_t *text)
{
    int         rc;
    char       *dump;
    u_char     *p;
    json_t     *doc;
    ngx_str_t   ascii;

    doc = json_object();
    if (doc == NULL) {
        return NGX_ERROR;
    }

    rc = 0;

    if (error != NULL) {
        ascii.data = ngx_pnalloc(f->request->pool, f->ctx->detail.len + 1);

        if (ascii.data == NULL) {
            json_decref(doc);
            return NGX_ERROR;
        }

        p = ngx_http_oauth_ascii(ascii.data, &f->ctx->detail,
                                 f->ctx->detail.len, 1);
        ascii.len = p - ascii.data;

        rc |= json_object_set_new(doc, "error", json_string(error));
        rc |= ngx_http_oauth_document_text(doc, "error_description",
                                           ngx_http_oauth_slice(&ascii));
    }

    rc |= json_object_set_new(doc, "type",
                   json_sprintf(NGX_HTTP_OAUTH_PROBLEM_URN "%s",
                          ngx_http_oauth_problem_word(f->problem)->data));
    rc |= json_object_set_new(doc, "title",
                   json_string(ngx_http_oauth_problem[f->problem].title));
    rc |= json_object_set_new(doc, "status", json_integer(status));
    rc |= ngx_http_oauth_document_members(f, doc);

    dump = rc ? NULL : json_dumps(doc, JSON_COMPACT);

    json_decref(doc);

    if (dump == NULL) {
        return NGX_ERROR;
    }

    text->len = ngx_strlen(dump);
    text->data = ngx_pnalloc(f->request->pool, text->len);

    if (text->data != NULL) {
        ngx_memcpy(text->data, dump, text->len);
    }

    free(dump);

    return text->data == NULL ? NGX_ERROR : NGX_OK;
}


/* A member whose value is not known is left out. */

static int
ngx_http_oauth_document_members(ngx_http_oauth_facts_t *f, json_t *doc)
{
    int                               rc;
    ledger_slice_t                    none;
    const ledger_connection_t        *c;
    const ngx_http_oauth_provider_t  *provider;

    c = ngx_http_oauth_connection(f->ctx);
    provider = f->ctx->provider;
    ngx_memzero(&none, sizeof(ledger_slice_t));

    rc = ngx_http_oauth_document_text(doc, "detail",
                                      ngx_http_oauth_slice(&f->ctx->detail));
    rc |= ngx_http_oauth_document_text(doc, "message",
                                       ngx_http_oauth_slice(&f->ctx->detail));
    rc |= ngx_http_oauth_document_text(doc, "provider",
                     provider ? ngx_http_oauth_slice(&provider->name) : none);

    if (c->id != 0 && f->details) {
        rc |= ngx_http_oauth_document_text(doc, "user", c->user);
        rc |= ngx_http_oauth_document_text(doc, "tenant", c->tenant);
    }

    rc |= ngx_http_oauth_document_id(doc, "connection", c->id);

    if (c->id != 0 && f->details) {
        rc |= ngx_http_oauth_document_text(doc, "owner", c->owner);

        /* when an adopted connection was opened is not known */

        if (!c->adopted) {
            rc |= ngx_http_oauth_document_time(doc, "connected_at",
                                               c->opened_at);
        }

        if (c->state == LEDGER_SUPERSEDED) {
            rc |= ngx_http_oauth_document_time(doc, "superseded_at",
                                               c->ended_at);
        }

        rc |= json_object_set_new(doc, "contested",
                                  json_boolean(f->contested));

        if (f->by != NULL) {
            rc |= json_object_set_new(doc, "superseded_by",
                          ngx_http_oauth_document_connection(f->by, 1));

        } else if (c->superseded_by != 0) {
            rc |= json_object_set_new(doc, "superseded_by", json_object());
            rc |= ngx_http_oauth_document_id(
                          json_object_get(doc, "superseded_by"), "connection",
                          c->superseded_by);
        }

        rc |= ngx_http_oauth_document_limit(f, doc);

        if (f->nends > 0) {
            rc |= json_object_set_new(doc, "reconnect_ends",
                          ngx_http_oauth_document_connection(f->ends[0], 0));
        }
    }

    if (provider != NULL) {
        rc |= ngx_http_oauth_document_text(doc, "contact",
                                      ngx_http_oauth_slice(&provider->contact));
        rc |= ngx_http_oauth_document_text(doc, "link",
                                      ngx_http_oauth_slice(&provider->link));
    }

    return rc;
}


static int
ngx_http_oauth_document_limit(ngx_http_oauth_facts_t *f, json_t *doc)
{
    int                        rc;
    json_t                    *limit, *per;
    u_char                     name[1 + LEDGER_VARIABLE_NAME_MAX], *p;
    ngx_uint_t                 i;
    const ledger_limit_key_t  *key;

    if (f->limit == NULL) {
        return 0;
    }

    limit = json_object();
    per = json_array();

    rc = json_object_set_new(limit, "n", json_integer(f->limit->n));

    for (i = 0; i < f->limit->nkeys; i++) {
        key = &f->limit->keys[i];

        if (key->kind != LEDGER_KEY_VARIABLE) {
            rc |= json_array_append_new(per,
                      json_string(ngx_http_oauth_limit_words[key->kind]));
            continue;
        }

        /* as the configuration has it: "user" and "$user" differ */

        name[0] = '$';
        p = ngx_http_oauth_clean(name + 1, name + sizeof(name), key->name);

        rc |= json_array_append_new(per,
                                    json_stringn((char *) name, p - name));
    }

    rc |= json_object_set_new(limit, "per", per);
    rc |= json_object_set_new(limit, "held", json_integer(f->slot.held));
    rc |= json_object_set_new(doc, "limit", limit);

    return rc;
}


/* NULL: no memory. */

static json_t *
ngx_http_oauth_document_connection(const ledger_connection_t *connection,
    ngx_uint_t times)
{
    int      rc;
    json_t  *object;

    object = json_object();
    if (object == NULL) {
        return NULL;
    }

    rc = ngx_http_oauth_document_id(object, "connection", connection->id);
    rc |= ngx_http_oauth_document_text(object, "owner", connection->owner);

    if (times && !connection->adopted) {
        rc |= ngx_http_oauth_document_time(object, "connected_at",
                                           connection->opened_at);
    }

    if (rc) {
        json_decref(object);
        return NULL;
    }

    return object;
}


static int
ngx_http_oauth_document_text(json_t *doc, const char *name,
    ledger_slice_t text)
{
    int      rc;
    u_char  *buf, *last;

    if (text.len == 0) {
        return 0;
    }

    buf = malloc(text.len);
    if (buf == NULL) {
        return -1;
    }

    last = ngx_http_oauth_clean(buf, buf + text.len, text);

    rc = json_object_set_new(doc, name,
                             json_stringn((char *) buf, last - buf));
    free(buf);

    return rc;
}


static int
ngx_http_oauth_document_id(json_t *doc, const char *name, uint64_t id)
{
    u_char  buf[NGX_INT64_LEN], *last;

    if (id == 0) {
        return 0;
    }

    last = ngx_sprintf(buf, "%uL", id);

    return json_object_set_new(doc, name,
                               json_stringn((char *) buf, last - buf));
}


static int
ngx_http_oauth_document_time(json_t *doc, const char *name, ledger_ms_t at)
{
    u_char  buf[NGX_HTTP_OAUTH_TIME_LEN], *last;

    if (at == 0) {
        return 0;
    }

    last = ngx_http_oauth_time(buf, at);

    return json_object_set_new(doc, name,
                               json_stringn((char *) buf, last - buf));
}


/*
 * Copies whole characters while there is room.  The result is UTF-8 and
 * never longer than the text: what is not UTF-8, a control character, or
 * would turn the direction of what follows, becomes a '?'.
 */

static u_char *
ngx_http_oauth_clean(u_char *p, u_char *last, ledger_slice_t text)
{
    u_char    *s, *next, *end;
    uint32_t   c;

    s = (u_char *) text.data;
    end = s + text.len;

    while (s < end && p < last) {
        next = s;
        c = ngx_http_oauth_clean_char(&next, end);

        if (c == '?') {
            *p++ = '?';

        } else if (next - s <= last - p) {
            p = ngx_cpymem(p, s, next - s);

        } else {
            break;
        }

        s = next;
    }

    return p;
}


static uint32_t
ngx_http_oauth_clean_char(u_char **p, u_char *last)
{
    u_char    *start;
    uint32_t   c;

    start = *p;

    if (*start < 0x80) {
        (*p)++;
        return (*start < 0x20 || *start == 0x7f) ? '?' : *start;
    }

    c = ngx_utf8_decode(p, last - start);

    if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) {
        *p = start + 1;
        return '?';
    }

    if (c < 0xa0
        || (c >= 0x200e && c <= 0x200f)
        || (c >= 0x2028 && c <= 0x202e)
        || (c >= 0x2066 && c <= 0x2069)
        || c == 0xfeff)
    {
        return '?';
    }

    return c;
}


/*
 * Text for the quoted string of a header field or of RFC 6749, 5.2, of at
 * most "max" bytes: printable ASCII, and with "quote" neither quote nor
 * backslash; without it they are escaped (RFC 8941, 3.3.3), and the result
 * is up to twice as long.
 */

static u_char *
ngx_http_oauth_ascii(u_char *p, ngx_str_t *text, size_t max, ngx_uint_t quote)
{
    u_char  *s, *end;

    s = text->data;
    end = s + ngx_min(text->len, max);

    for ( /* void */ ; s < end; s++) {

        if (*s >= 0x80) {

            /* one '?' a character, not one a byte */

            if (*s >= 0xc0) {
                *p++ = '?';
            }

        } else if (*s < 0x20 || *s == 0x7f) {
            *p++ = '?';

        } else if (*s != '"' && *s != '\\') {
            *p++ = *s;

        } else if (quote) {
            *p++ = (*s == '"') ? '\'' : '/';

        } else {
            *p++ = '\\';
            *p++ = *s;
        }
    }

    return p;
}
