
/*
 * Copyright (C) The OAuth gateway authors
 */


#include "ngx_http_oauth_gateway.h"


static ngx_int_t ngx_http_oauth_peek_judge(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_uint_t whole);
static ngx_int_t ngx_http_oauth_peek_form(ngx_http_oauth_ctx_t *ctx,
    ledger_slice_t text);
static ngx_int_t ngx_http_oauth_peek_json(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_str_t *text, ngx_uint_t whole);
static size_t ngx_http_oauth_peek_form_cut(ngx_str_t *text);
static size_t ngx_http_oauth_peek_json_cut(ngx_str_t *text,
    ngx_uint_t *quote);
static void ngx_http_oauth_peek_note(ngx_http_oauth_ctx_t *ctx,
    json_t *message);
static ngx_uint_t ngx_http_oauth_peek_basic(ngx_http_request_t *r);
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
    if (r->args.len == 0) {
        return NGX_OK;
    }

    if (ngx_http_oauth_peek_form(ctx, ngx_http_oauth_slice(&r->args))
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ctx->peek_grant || ctx->peek_credential) {
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
    size_t      n;
    ngx_int_t   rc;
    ngx_str_t   text;
    ngx_uint_t  whole;

    whole = last && ctx->peeked < NGX_HTTP_OAUTH_PEEK_MAX;

    text.data = ctx->peek;
    text.len = ctx->peeked;

    /* a byte order mark and white space may stand before a JSON object */

    n = (text.len > 3 && ngx_strncmp(text.data, "\xEF\xBB\xBF", 3) == 0) ? 3
                                                                          : 0;

    while (n < text.len && (text.data[n] == ' ' || text.data[n] == '\t'
                            || text.data[n] == CR || text.data[n] == LF))
    {
        n++;
    }

    if (n < text.len && text.data[n] == '{') {
        text.data += n;
        text.len -= n;

        rc = ngx_http_oauth_peek_json(r, ctx, &text, whole);

    } else {

        if (!whole) {
            text.len = ngx_http_oauth_peek_form_cut(&text);
        }

        rc = ngx_http_oauth_peek_form(ctx, ngx_http_oauth_slice(&text));
    }

    ngx_explicit_memzero(ctx->peek, ctx->peeked);

    return (rc == NGX_OK) ? ngx_http_oauth_peek_found(r, ctx)
                          : NGX_HTTP_INTERNAL_SERVER_ERROR;
}


/*
 * Each pair by itself: what breaks the format, or repeats, hides nothing
 * from a provider that is more lenient than our parser.
 */

static ngx_int_t
ngx_http_oauth_peek_form(ngx_http_oauth_ctx_t *ctx, ledger_slice_t text)
{
    u_char          *p, *end, *last;
    json_t          *message;
    ledger_slice_t   pair;

    last = (u_char *) text.data + text.len;

    for (p = (u_char *) text.data; p < last; p = end + 1) {

        end = ngx_strlchr(p, last, '&');
        if (end == NULL) {
            end = last;
        }

        message = json_object();
        if (message == NULL) {
            return NGX_ERROR;
        }

        pair.data = p;
        pair.len = end - p;

        if (ledger_message_form(pair, message, NULL) == LEDGER_OK) {
            ngx_http_oauth_peek_note(ctx, message);
        }

        json_decref(message);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_oauth_peek_json(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx,
    ngx_str_t *text, ngx_uint_t whole)
{
    u_char          *p;
    json_t          *message;
    ngx_uint_t       quote;
    ledger_slice_t   slice;

    slice = ngx_http_oauth_slice(text);

    if (!whole) {
        slice.len = ngx_http_oauth_peek_json_cut(text, &quote);

        if (slice.len == 0) {
            return NGX_OK;
        }

        p = ngx_pnalloc(r->pool, slice.len + 2);
        if (p == NULL) {
            return NGX_ERROR;
        }

        ngx_memcpy(p, text->data, slice.len);
        slice.data = p;

        if (quote) {
            p[slice.len++] = '"';
        }

        p[slice.len++] = '}';
    }

    message = json_object();
    if (message == NULL) {
        return NGX_ERROR;
    }

    if (ledger_message_json(slice, 0, message) == LEDGER_OK) {
        ngx_http_oauth_peek_note(ctx, message);
    }

    json_decref(message);

    return NGX_OK;
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


/* Notes a known grant_type, and any credential that goes with one. */

static void
ngx_http_oauth_peek_note(ngx_http_oauth_ctx_t *ctx, json_t *message)
{
    char             buf[LEDGER_SCALAR_MAX];
    ngx_str_t       *s;
    ledger_slice_t   value;

    if (ledger_message_member(message, ledger_slice("grant_type"), buf,
                              &value)
        == LEDGER_OK)
    {
        for (s = ngx_http_oauth_peek_grants; s->len; s++) {
            if (s->len == value.len
                && ngx_strncmp(s->data, value.data, s->len) == 0)
            {
                ctx->peek_grant = 1;
            }
        }

        for (s = ngx_http_oauth_peek_prefixes; s->len; s++) {
            if (s->len < value.len
                && ngx_strncmp(s->data, value.data, s->len) == 0)
            {
                ctx->peek_grant = 1;
            }
        }
    }

    for (s = ngx_http_oauth_peek_credentials; s->len; s++) {
        if (ledger_message_member(message, ngx_http_oauth_slice(s), buf,
                                  &value)
            == LEDGER_OK)
        {
            ctx->peek_credential = 1;
        }
    }
}


static ngx_uint_t
ngx_http_oauth_peek_basic(ngx_http_request_t *r)
{
    ngx_table_elt_t  *h;

    h = r->headers_in.authorization;

    return h != NULL && h->value.len > 6
           && ngx_strncasecmp(h->value.data, (u_char *) "Basic ", 6) == 0;
}


/* Acts if what was noted so far makes a token request. */

static ngx_int_t
ngx_http_oauth_peek_found(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx)
{
    ngx_uint_t                  mode;
    ngx_http_oauth_loc_conf_t  *lcf;

    if (!ctx->peek_grant
        || !(ctx->peek_credential || ngx_http_oauth_peek_basic(r)))
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
