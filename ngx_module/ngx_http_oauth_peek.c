
/*
 * Copyright (C) The OAuth gateway authors
 */


#include "ngx_http_oauth_gateway.h"


static ngx_int_t ngx_http_oauth_peek_judge(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_uint_t whole);
static json_t *ngx_http_oauth_peek_message(ngx_http_request_t *r,
    ngx_str_t *text, ngx_uint_t whole);
static size_t ngx_http_oauth_peek_form_cut(ngx_str_t *text);
static size_t ngx_http_oauth_peek_json_cut(ngx_str_t *text,
    ngx_uint_t *quote);
static ngx_uint_t ngx_http_oauth_peek_grant(ngx_http_request_t *r,
    json_t *message);
static ngx_int_t ngx_http_oauth_peek_found(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);


/* RFC 6749, 7523, 8628, 8693, OpenID CIBA; account_credentials is Zoom's. */

static ngx_str_t  ngx_http_oauth_peek_grants[] = {
    ngx_string("authorization_code"),
    ngx_string("refresh_token"),
    ngx_string("password"),
    ngx_string("client_credentials"),
    ngx_string("account_credentials"),
    ngx_null_string
};

static ngx_str_t  ngx_http_oauth_peek_prefixes[] = {
    ngx_string("urn:ietf:params:oauth:grant-type:"),
    ngx_string("urn:openid:params:grant-type:"),
    ngx_null_string
};

static ngx_str_t  ngx_http_oauth_peek_credentials[] = {
    ngx_string("code"),
    ngx_string("refresh_token"),
    ngx_string("password"),
    ngx_string("client_secret"),
    ngx_string("client_assertion"),
    ngx_string("assertion"),
    ngx_string("subject_token"),
    ngx_string("device_code"),
    ngx_string("auth_req_id"),
    ngx_string("account_id"),
    ngx_null_string
};


void
ngx_http_oauth_peek_start(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx)
{
    ngx_str_t  *type;

    if (r != r->main || r->method != NGX_HTTP_POST || ctx->body_done) {
        return;
    }

    type = r->headers_in.content_type ? &r->headers_in.content_type->value
                                      : NULL;

    /* a lenient provider reads a form that comes without its type, too */

    ctx->peek_on = (type == NULL
                    || ngx_http_oauth_media_type(type, "text/plain")
                    || ngx_http_oauth_media_type(type, "application/json")
                    || ngx_http_oauth_media_type(type,
                                       "application/x-www-form-urlencoded"));
}


ngx_int_t
ngx_http_oauth_peek_query(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx)
{
    json_t      *message;
    ngx_uint_t   found;

    if (r->args.len == 0) {
        return NGX_OK;
    }

    message = json_object();
    if (message == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* members before an error count: the provider may be more lenient */

    (void) (ledger_message_form(ngx_http_oauth_slice(&r->args), message, NULL)
            == LEDGER_OK);

    found = ngx_http_oauth_peek_grant(r, message);

    json_decref(message);

    if (!found) {
        return NGX_OK;
    }

    ngx_http_oauth_mask_log(r);

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
    size_t        n;
    ngx_buf_t    *b;
    ngx_uint_t    last;
    ngx_chain_t  *cl;

    last = 0;

    for (cl = in; cl; cl = cl->next) {
        b = cl->buf;

        if (b->last_buf) {
            last = 1;
        }

        n = ngx_min((size_t) (b->last - b->pos),
                    NGX_HTTP_OAUTH_PEEK_MAX - ctx->peeked);

        if (n == 0) {
            continue;
        }

        if (ctx->peek == NULL) {
            ctx->peek = ngx_pnalloc(r->pool, NGX_HTTP_OAUTH_PEEK_MAX);
            if (ctx->peek == NULL) {
                return NGX_HTTP_INTERNAL_SERVER_ERROR;
            }
        }

        ngx_memcpy(ctx->peek + ctx->peeked, b->pos, n);
        ctx->peeked += n;
    }

    if (!last && ctx->peeked < NGX_HTTP_OAUTH_PEEK_MAX) {
        return NGX_OK;
    }

    ctx->peek_on = 0;

    return ctx->peeked ? ngx_http_oauth_peek_judge(r, ctx, last) : NGX_OK;
}


static ngx_int_t
ngx_http_oauth_peek_judge(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx,
    ngx_uint_t last)
{
    json_t      *message;
    ngx_str_t    text;
    ngx_uint_t   found, whole;

    whole = last && ctx->peeked < NGX_HTTP_OAUTH_PEEK_MAX;

    text.data = ctx->peek;
    text.len = ctx->peeked;

    message = ngx_http_oauth_peek_message(r, &text, whole);
    if (message == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    found = ngx_http_oauth_peek_grant(r, message);

    json_decref(message);
    ngx_explicit_memzero(ctx->peek, ctx->peeked);

    return found ? ngx_http_oauth_peek_found(r, ctx) : NGX_OK;
}


static json_t *
ngx_http_oauth_peek_message(ngx_http_request_t *r, ngx_str_t *text,
    ngx_uint_t whole)
{
    u_char          *p;
    size_t           n;
    json_t          *message;
    ngx_uint_t       json, quote;
    ledger_slice_t   slice;

    message = json_object();
    if (message == NULL) {
        return NULL;
    }

    for (n = 0; n < text->len && ngx_strchr(" \t\r\n", text->data[n]); n++) {
        /* void */
    }

    json = (n < text->len && text->data[n] == '{');
    slice = ngx_http_oauth_slice(text);

    if (!json) {
        if (!whole) {
            slice.len = ngx_http_oauth_peek_form_cut(text);
        }

        (void) (ledger_message_form(slice, message, NULL) == LEDGER_OK);
        return message;
    }

    if (!whole) {
        slice.len = ngx_http_oauth_peek_json_cut(text, &quote);

        if (slice.len == 0) {
            return message;
        }

        p = ngx_pnalloc(r->pool, slice.len + 2);
        if (p == NULL) {
            json_decref(message);
            return NULL;
        }

        ngx_memcpy(p, text->data, slice.len);
        slice.data = p;

        if (quote) {
            p[slice.len++] = '"';
        }

        p[slice.len++] = '}';
    }

    (void) (ledger_message_json(slice, 0, message) == LEDGER_OK);

    return message;
}


/*
 * What can be parsed of a form that is cut: a value may end early, for an
 * assertion alone can be longer than the peek, but a name or an escape not.
 */

static size_t
ngx_http_oauth_peek_form_cut(ngx_str_t *text)
{
    size_t  n;

    for (n = text->len; n > 0 && text->data[n - 1] != '&'; n--) {
        if (text->data[n - 1] == '=') {
            n = text->len;
            break;
        }
    }

    if (n < text->len) {
        return n ? n - 1 : 0;
    }

    while (n > 0 && text->data[n - 1] >= 0x80) {
        n--;
    }

    if (n > 0 && text->data[n - 1] == '%') {
        return n - 1;
    }

    if (n > 1 && text->data[n - 2] == '%') {
        return n - 2;
    }

    return n;
}


/*
 * What can be parsed of a JSON object that is cut, once '}' is put behind
 * it: up to the last comma of the top level, or, with *quote, up to the end
 * of a string that is a value there and needs its '"' as well.
 */

static size_t
ngx_http_oauth_peek_json_cut(ngx_str_t *text, ngx_uint_t *quote)
{
    size_t      i, cut, escape;
    ngx_uint_t  depth, string, value;

    cut = 0;
    escape = 0;
    depth = 0;
    string = 0;
    value = 0;

    for (i = 0; i < text->len; i++) {

        if (string) {
            if (text->data[i] == '\\') {
                escape = i++;

            } else if (text->data[i] == '"') {
                string = 0;
            }

            continue;
        }

        switch (text->data[i]) {

        case '"':
            string = 1;
            break;

        case '{':
        case '[':
            depth++;
            break;

        case '}':
        case ']':
            if (depth) {
                depth--;
            }

            break;

        case ':':
            value = 1;
            break;

        case ',':
            value = 0;

            if (depth == 1) {
                cut = i;
            }

            break;
        }
    }

    *quote = (string && value && depth == 1);

    if (!*quote) {
        return cut;
    }

    /* an escape takes six bytes at most, and a character four */

    i = text->len;

    if (escape && i - escape < 6) {
        i = escape;
    }

    while (i > 0 && text->data[i - 1] >= 0x80) {
        i--;
    }

    return i;
}


/* A known grant_type together with a credential: a token request. */

static ngx_uint_t
ngx_http_oauth_peek_grant(ngx_http_request_t *r, json_t *message)
{
    char             buf[LEDGER_SCALAR_MAX];
    ngx_str_t       *s;
    ngx_uint_t       known;
    ledger_slice_t   grant, value;

    if (ledger_message_member(message, ledger_slice("grant_type"), buf,
                              &grant)
        != LEDGER_OK)
    {
        return 0;
    }

    known = 0;

    for (s = ngx_http_oauth_peek_grants; s->len; s++) {
        if (s->len == grant.len
            && ngx_strncmp(s->data, grant.data, s->len) == 0)
        {
            known = 1;
        }
    }

    for (s = ngx_http_oauth_peek_prefixes; s->len; s++) {
        if (s->len < grant.len
            && ngx_strncmp(s->data, grant.data, s->len) == 0)
        {
            known = 1;
        }
    }

    if (!known) {
        return 0;
    }

    for (s = ngx_http_oauth_peek_credentials; s->len; s++) {
        if (ledger_message_member(message, ngx_http_oauth_slice(s), buf,
                                  &value)
            == LEDGER_OK)
        {
            return 1;
        }
    }

    return r->headers_in.authorization != NULL
           && r->headers_in.authorization->value.len > 6
           && ngx_strncasecmp(r->headers_in.authorization->value.data,
                              (u_char *) "Basic ", 6) == 0;
}


static ngx_int_t
ngx_http_oauth_peek_found(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx)
{
    ngx_uint_t                  mode;
    ngx_http_oauth_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_oauth_gateway_module);

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
