
/*
 * Copyright (C) The OAuth gateway authors
 */


#include "ngx_http_oauth_variables.h"
#include "ngx_http_oauth_conf.h"
#include "ngx_http_oauth_ctx.h"
#include "ngx_http_oauth_facts.h"
#include "ngx_http_oauth_refusal.h"
#include "ngx_http_oauth_store.h"
#include "ngx_http_oauth_text.h"


/* The same identity, once of the exchange, once of the connection. */

typedef struct {
    size_t                   exchange;
    size_t                   connection;
} ngx_http_oauth_identity_t;


static ngx_int_t ngx_http_oauth_word_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_oauth_identity_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static void ngx_http_oauth_identity_early(ngx_http_oauth_ctx_t *ctx,
    uintptr_t data, ngx_str_t *text);
static ngx_int_t ngx_http_oauth_connection_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_oauth_contested_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_oauth_superseded_at_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_oauth_superseder_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_oauth_detail_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_oauth_problem_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);


enum {
    NGX_HTTP_OAUTH_WORD_VERDICT = 0,
    NGX_HTTP_OAUTH_WORD_ACTION
};


enum {
    NGX_HTTP_OAUTH_IDENTITY_PROVIDER = 0,
    NGX_HTTP_OAUTH_IDENTITY_USER,
    NGX_HTTP_OAUTH_IDENTITY_TENANT,
    NGX_HTTP_OAUTH_IDENTITY_OWNER,
    NGX_HTTP_OAUTH_IDENTITY_CLIENT,
    NGX_HTTP_OAUTH_IDENTITY_GRANT,
    NGX_HTTP_OAUTH_IDENTITY_SCOPE
};


enum {
    NGX_HTTP_OAUTH_CONNECTION_OWN = 0,
    NGX_HTTP_OAUTH_CONNECTION_SUPERSEDER
};


enum {
    NGX_HTTP_OAUTH_DETAIL_TEXT = 0,
    NGX_HTTP_OAUTH_DETAIL_JSON
};


static ngx_http_oauth_identity_t  ngx_http_oauth_identities[] = {
    { offsetof(ledger_exchange_t, provider),
      offsetof(ledger_connection_t, provider) },
    { offsetof(ledger_exchange_t, user),
      offsetof(ledger_connection_t, user) },
    { offsetof(ledger_exchange_t, tenant),
      offsetof(ledger_connection_t, tenant) },
    { offsetof(ledger_exchange_t, owner),
      offsetof(ledger_connection_t, owner) },
    { offsetof(ledger_exchange_t, client),
      offsetof(ledger_connection_t, client) },
    { offsetof(ledger_exchange_t, grant),
      offsetof(ledger_connection_t, grant) },
    { offsetof(ledger_exchange_t, scope),
      offsetof(ledger_connection_t, scope) }
};


/* Indexed by ledger_verdict_t. */

static ngx_str_t  ngx_http_oauth_verdicts[] = {
    ngx_null_string,
    ngx_string("none"),
    ngx_string("unknown"),
    ngx_string("active"),
    ngx_string("superseded"),
    ngx_string("revoked"),
    ngx_string("broken"),
    ngx_string("expired"),
    ngx_string("rotated")
};


/* Indexed by ngx_http_oauth_action_e. */

static ngx_str_t  ngx_http_oauth_actions[] = {
    ngx_null_string,
    ngx_string("pass"),
    ngx_string("flag"),
    ngx_string("reject"),
    ngx_string("forward"),
    ngx_string("replay"),
    ngx_string("join"),
    ngx_string("heal")
};


static ngx_http_variable_t  ngx_http_oauth_variables[] = {

    { ngx_string("oauth_verdict"), NULL, ngx_http_oauth_word_variable,
      NGX_HTTP_OAUTH_WORD_VERDICT, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("oauth_action"), NULL, ngx_http_oauth_word_variable,
      NGX_HTTP_OAUTH_WORD_ACTION, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("oauth_provider"), NULL, ngx_http_oauth_identity_variable,
      NGX_HTTP_OAUTH_IDENTITY_PROVIDER, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("oauth_connection"), NULL,
      ngx_http_oauth_connection_variable,
      NGX_HTTP_OAUTH_CONNECTION_OWN, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("oauth_user"), NULL, ngx_http_oauth_identity_variable,
      NGX_HTTP_OAUTH_IDENTITY_USER, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("oauth_tenant"), NULL, ngx_http_oauth_identity_variable,
      NGX_HTTP_OAUTH_IDENTITY_TENANT, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("oauth_owner"), NULL, ngx_http_oauth_identity_variable,
      NGX_HTTP_OAUTH_IDENTITY_OWNER, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("oauth_client"), NULL, ngx_http_oauth_identity_variable,
      NGX_HTTP_OAUTH_IDENTITY_CLIENT, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("oauth_grant"), NULL, ngx_http_oauth_identity_variable,
      NGX_HTTP_OAUTH_IDENTITY_GRANT, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("oauth_scope"), NULL, ngx_http_oauth_identity_variable,
      NGX_HTTP_OAUTH_IDENTITY_SCOPE, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("oauth_contested"), NULL, ngx_http_oauth_contested_variable,
      0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("oauth_superseded_by"), NULL,
      ngx_http_oauth_connection_variable,
      NGX_HTTP_OAUTH_CONNECTION_SUPERSEDER, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("oauth_superseded_by_owner"), NULL,
      ngx_http_oauth_superseder_variable, 0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("oauth_superseded_at"), NULL,
      ngx_http_oauth_superseded_at_variable, 0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("oauth_detail"), NULL, ngx_http_oauth_detail_variable,
      NGX_HTTP_OAUTH_DETAIL_TEXT, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("oauth_detail_json"), NULL, ngx_http_oauth_detail_variable,
      NGX_HTTP_OAUTH_DETAIL_JSON, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("oauth_problem"), NULL, ngx_http_oauth_problem_variable,
      0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("oauth_request_"), NULL, ngx_http_oauth_member_variable,
      0, NGX_HTTP_VAR_NOCACHEABLE|NGX_HTTP_VAR_PREFIX, 0 },

    { ngx_string("oauth_response_"), NULL, ngx_http_oauth_member_variable,
      0, NGX_HTTP_VAR_NOCACHEABLE|NGX_HTTP_VAR_PREFIX, 0 },

    { ngx_string("oauth_userinfo_"), NULL, ngx_http_oauth_member_variable,
      0, NGX_HTTP_VAR_NOCACHEABLE|NGX_HTTP_VAR_PREFIX, 0 },

    { ngx_string("oauth_id_token_"), NULL, ngx_http_oauth_member_variable,
      0, NGX_HTTP_VAR_NOCACHEABLE|NGX_HTTP_VAR_PREFIX, 0 },

    { ngx_string("oauth_access_token_"), NULL, ngx_http_oauth_member_variable,
      0, NGX_HTTP_VAR_NOCACHEABLE|NGX_HTTP_VAR_PREFIX, 0 },

    { ngx_string("oauth_assertion_"), NULL, ngx_http_oauth_member_variable,
      0, NGX_HTTP_VAR_NOCACHEABLE|NGX_HTTP_VAR_PREFIX, 0 },

    { ngx_string("oauth_client_assertion_"), NULL,
      ngx_http_oauth_member_variable,
      0, NGX_HTTP_VAR_NOCACHEABLE|NGX_HTTP_VAR_PREFIX, 0 },

      ngx_http_null_variable
};


ngx_str_t *
ngx_http_oauth_verdict_word(ngx_uint_t verdict)
{
    if (verdict > LEDGER_VERDICT_ROTATED) {
        verdict = 0;
    }

    return &ngx_http_oauth_verdicts[verdict];
}


ngx_str_t *
ngx_http_oauth_action_word(ngx_uint_t action)
{
    return &ngx_http_oauth_actions[action];
}


static ngx_int_t
ngx_http_oauth_word_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t             *word;
    ngx_http_oauth_ctx_t  *ctx;

    ctx = ngx_http_oauth_variable_ctx(r, v);
    if (ctx == NULL) {
        return NGX_OK;
    }

    word = (data == NGX_HTTP_OAUTH_WORD_VERDICT)
           ? ngx_http_oauth_verdict_word(ctx->verdict)
           : &ngx_http_oauth_actions[ctx->action];

    ngx_http_oauth_variable_text(v, word->data, word->len);

    return NGX_OK;
}


static ngx_int_t
ngx_http_oauth_identity_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t                   text;
    ledger_slice_t             *slice;
    ngx_http_oauth_ctx_t       *ctx;
    ngx_http_oauth_identity_t  *identity;

    ctx = ngx_http_oauth_variable_ctx(r, v);
    if (ctx == NULL) {
        return NGX_OK;
    }

    identity = &ngx_http_oauth_identities[data];

    if (ctx->exchange != NULL) {
        slice = (ledger_slice_t *) ((u_char *) ctx->exchange
                                    + identity->exchange);

        ngx_http_oauth_variable_text(v, slice->data, slice->len);

        if (!v->not_found) {
            return NGX_OK;
        }
    }

    if (ctx->connection_id != 0) {
        slice = (ledger_slice_t *) ((u_char *) ngx_http_oauth_connection(ctx)
                                    + identity->connection);

        ngx_http_oauth_variable_text(v, slice->data, slice->len);

        if (!v->not_found) {
            return NGX_OK;
        }
    }

    ngx_http_oauth_identity_early(ctx, data, &text);
    ngx_http_oauth_variable_text(v, text.data, text.len);

    return NGX_OK;
}


/* What the request itself says, before any record does. */

static void
ngx_http_oauth_identity_early(ngx_http_oauth_ctx_t *ctx, uintptr_t data,
    ngx_str_t *text)
{
    ngx_str_null(text);

    switch (data) {

    case NGX_HTTP_OAUTH_IDENTITY_PROVIDER:
        if (ctx->provider != NULL) {
            *text = ctx->provider->name;
        }

        break;

    case NGX_HTTP_OAUTH_IDENTITY_USER:
        *text = ctx->late_user;
        break;

    case NGX_HTTP_OAUTH_IDENTITY_TENANT:
        *text = ctx->late_tenant;
        break;

    case NGX_HTTP_OAUTH_IDENTITY_OWNER:
        *text = ctx->owner;
        break;

    case NGX_HTTP_OAUTH_IDENTITY_CLIENT:
        *text = ctx->client;
        break;

    case NGX_HTTP_OAUTH_IDENTITY_GRANT:
        *text = ctx->grant;
        break;

    default:
        break;
    }
}


static ngx_int_t
ngx_http_oauth_connection_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char                *p;
    uint64_t               id;
    ngx_http_oauth_ctx_t  *ctx;

    ctx = ngx_http_oauth_variable_ctx(r, v);
    if (ctx == NULL) {
        return NGX_OK;
    }

    id = (data == NGX_HTTP_OAUTH_CONNECTION_SUPERSEDER)
         ? ngx_http_oauth_connection(ctx)->superseded_by : ctx->connection_id;

    if (id == 0) {
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, NGX_INT64_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_http_oauth_variable_text(v, p, ngx_sprintf(p, "%uL", id) - p);

    return NGX_OK;
}


static ngx_int_t
ngx_http_oauth_contested_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_uint_t             contested;
    ngx_http_oauth_ctx_t  *ctx;

    ctx = ngx_http_oauth_variable_ctx(r, v);
    if (ctx == NULL || ctx->connection_id == 0) {
        return NGX_OK;
    }

    contested = ngx_http_oauth_contested(ctx);

    ngx_http_oauth_variable_text(v, (u_char *) (contested ? "1" : "0"), 1);

    return NGX_OK;
}


static ngx_int_t
ngx_http_oauth_superseded_at_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char                     *p;
    ngx_http_oauth_ctx_t       *ctx;
    const ledger_connection_t  *c;

    ctx = ngx_http_oauth_variable_ctx(r, v);
    if (ctx == NULL) {
        return NGX_OK;
    }

    c = ngx_http_oauth_connection(ctx);
    if (c->state != LEDGER_SUPERSEDED) {
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, NGX_HTTP_OAUTH_TIME_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_http_oauth_variable_text(v, p, ngx_http_oauth_time(p, c->ended_at) - p);

    return NGX_OK;
}


static ngx_int_t
ngx_http_oauth_superseder_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ledger_t              *ledger;
    uint64_t               id;
    unsigned char         *buf;
    ledger_connection_t    by;
    ngx_http_oauth_ctx_t  *ctx;

    ctx = ngx_http_oauth_variable_ctx(r, v);
    if (ctx == NULL) {
        return NGX_OK;
    }

    id = ngx_http_oauth_connection(ctx)->superseded_by;
    if (id == 0) {
        return NGX_OK;
    }

    ledger = ngx_http_oauth_store();
    if (ledger == NULL) {
        return NGX_OK;
    }

    buf = ngx_pnalloc(r->pool, LEDGER_CONNECTION_MAX);
    if (buf == NULL) {
        return NGX_ERROR;
    }

    if (ledger_find(ledger, id, &by, buf) == LEDGER_OK) {
        ngx_http_oauth_variable_text(v, by.owner.data, by.owner.len);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_oauth_detail_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    size_t                 escape;
    u_char                *p, *last;
    ngx_str_t              text;
    ngx_http_oauth_ctx_t  *ctx;

    ctx = ngx_http_oauth_variable_ctx(r, v);
    if (ctx == NULL) {
        return NGX_OK;
    }

    if (ngx_http_oauth_refusal_detail(r, ctx, &text) != NGX_OK) {
        return NGX_ERROR;
    }

    if (data == NGX_HTTP_OAUTH_DETAIL_TEXT || text.len == 0) {
        ngx_http_oauth_variable_text(v, text.data, text.len);
        return NGX_OK;
    }

    escape = ngx_escape_json(NULL, text.data, text.len);

    p = ngx_pnalloc(r->pool, text.len + escape + 2);
    if (p == NULL) {
        return NGX_ERROR;
    }

    last = p;
    *last++ = '"';
    last = (u_char *) ngx_escape_json(last, text.data, text.len);
    *last++ = '"';

    ngx_http_oauth_variable_text(v, p, last - p);

    return NGX_OK;
}


static ngx_int_t
ngx_http_oauth_problem_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t              text;
    ngx_http_oauth_ctx_t  *ctx;

    ctx = ngx_http_oauth_variable_ctx(r, v);
    if (ctx == NULL) {
        return NGX_OK;
    }

    if (ngx_http_oauth_refusal_document(r, ctx, &text) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_http_oauth_variable_text(v, text.data, text.len);

    return NGX_OK;
}


ngx_http_oauth_ctx_t *
ngx_http_oauth_variable_ctx(ngx_http_request_t *r,
    ngx_http_variable_value_t *v)
{
    v->not_found = 1;

    return ngx_http_oauth_ctx(r);
}


void
ngx_http_oauth_variable_text(ngx_http_variable_value_t *v, const u_char *data,
    size_t len)
{
    if (len == 0) {
        v->not_found = 1;
        return;
    }

    v->len = len;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;
    v->data = (u_char *) data;
}


ngx_int_t
ngx_http_oauth_variables_add(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var, *v;

    for (v = ngx_http_oauth_variables; v->name.len; v++) {

        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return NGX_OK;
}
