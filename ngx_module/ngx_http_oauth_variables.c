
/*
 * Copyright (C) The OAuth gateway authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_oauth_gateway.h"


/*
 * 20 characters of base64url are 120 bits: no token that deserves the name
 * is shorter, while ids of Salesforce (18) and of most others are.
 */

#define NGX_HTTP_OAUTH_OPAQUE_MIN  20

#define NGX_HTTP_OAUTH_UUID_LEN    36


/* The same identity, once of the exchange, once of the connection. */

typedef struct {
    size_t                   exchange;
    size_t                   connection;
} ngx_http_oauth_identity_t;


/* One oauth_json variable. */

typedef struct {
    ngx_str_t                pointer;
    ngx_uint_t               source;
} ngx_http_oauth_json_t;


/* How far a walk through a message has come, one level each. */

typedef struct {
    json_t                  *node;
    void                    *iter;       /* of an object */
    size_t                   index;      /* of an array */
    unsigned                 secret:1;   /* all below has a secret's name */
} ngx_http_oauth_level_t;


static ngx_int_t ngx_http_oauth_member_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_oauth_member_find(const json_t *message,
    ledger_slice_t name, char *buf, ledger_slice_t *value);
static void ngx_http_oauth_member_text(ngx_http_oauth_ctx_t *ctx,
    ngx_http_variable_value_t *v, ledger_slice_t value);
static ngx_int_t ngx_http_oauth_pointer_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_uint_t ngx_http_oauth_pointer_is_secret(ngx_str_t *pointer);
static ngx_uint_t ngx_http_oauth_opaque(ledger_slice_t value);
static ngx_uint_t ngx_http_oauth_opaque_run(u_char *p, u_char *last);
static ngx_uint_t ngx_http_oauth_address(u_char *p, u_char *last);
static ngx_uint_t ngx_http_oauth_uuid(u_char *p, u_char *last);
static ngx_uint_t ngx_http_oauth_secret(ngx_http_oauth_ctx_t *ctx,
    ledger_slice_t value);
static ngx_uint_t ngx_http_oauth_holds_secret(json_t *message,
    ledger_slice_t value);
static ngx_uint_t ngx_http_oauth_holds(ledger_slice_t value,
    const json_t *secret);

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
static void ngx_http_oauth_variable_text(ngx_http_variable_value_t *v,
    const u_char *data, size_t len);


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


/* Indexed by ngx_http_oauth_source_e. */

static ngx_str_t  ngx_http_oauth_sources[] = {
    ngx_string("request"),
    ngx_string("response"),
    ngx_string("userinfo"),
    ngx_string("id_token"),
    ngx_string("access_token"),
    ngx_string("assertion"),
    ngx_string("client_assertion")
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
    ngx_string("join")
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


json_t *
ngx_http_oauth_source(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx,
    ngx_uint_t source)
{
    json_t          *message, *claims;
    ngx_uint_t       parent;
    ngx_str_t       *name;
    ledger_slice_t   token;
    char             buf[LEDGER_SCALAR_MAX];

    if (ctx->sources[source] != NULL) {
        return ctx->sources[source];
    }

    switch (source) {

    case NGX_HTTP_OAUTH_ID_TOKEN:
    case NGX_HTTP_OAUTH_ACCESS_TOKEN:
        parent = NGX_HTTP_OAUTH_RESPONSE;
        break;

    case NGX_HTTP_OAUTH_ASSERTION:
    case NGX_HTTP_OAUTH_CLIENT_ASSERTION:
        parent = NGX_HTTP_OAUTH_REQUEST;
        break;

    default:
        return NULL;
    }

    message = ctx->sources[parent];

    /* a source that is read before its message is there is no failed try */

    if (message == NULL || (ctx->tried & ((ngx_uint_t) 1 << source))) {
        return NULL;
    }

    ctx->tried |= (ngx_uint_t) 1 << source;

    name = &ngx_http_oauth_sources[source];

    if (ledger_message_member(message, ngx_http_oauth_slice(name), buf,
                              &token)
        != LEDGER_OK)
    {
        return NULL;
    }

    if (ledger_message_jwt(token, &claims) != LEDGER_OK) {
        ngx_log_debug1(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                       "oauth variables: no claims in \"%V\"", name);
        return NULL;
    }

    ctx->sources[source] = claims;

    return claims;
}


static ngx_int_t
ngx_http_oauth_member_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    char                  *buf;
    json_t                *message;
    ngx_str_t             *name, member, text;
    ngx_uint_t             source;
    ledger_slice_t         value;
    ngx_http_oauth_ctx_t  *ctx;

    v->not_found = 1;

    ctx = ngx_http_oauth_ctx(r);
    if (ctx == NULL) {
        return NGX_OK;
    }

    /* nginx gives a variable by prefix its whole name, in lower case */

    name = (ngx_str_t *) data;

    member.data = name->data + sizeof("oauth_") - 1;
    member.len = name->len - (sizeof("oauth_") - 1);

    for (source = 0; source < NGX_HTTP_OAUTH_SOURCES; source++) {
        text = ngx_http_oauth_sources[source];

        if (member.len > text.len
            && member.data[text.len] == '_'
            && ngx_strncmp(member.data, text.data, text.len) == 0)
        {
            member.data += text.len + 1;
            member.len -= text.len + 1;
            break;
        }
    }

    if (source == NGX_HTTP_OAUTH_SOURCES || member.len == 0) {
        return NGX_OK;
    }

    if (!ctx->secrets
        && ledger_message_is_secret(ngx_http_oauth_slice(&member)))
    {
        return NGX_OK;
    }

    message = ngx_http_oauth_source(r, ctx, source);
    if (message == NULL) {
        return NGX_OK;
    }

    buf = ngx_pnalloc(r->pool, LEDGER_SCALAR_MAX);
    if (buf == NULL) {
        return NGX_ERROR;
    }

    if (ngx_http_oauth_member_find(message, ngx_http_oauth_slice(&member),
                                   buf, &value)
        != NGX_OK)
    {
        return NGX_OK;
    }

    ngx_http_oauth_member_text(ctx, v, value);

    return NGX_OK;
}


/*
 * nginx knows variables in lower case only: where no member has that name,
 * the one that differs in case is meant ("realmId"), if there is just one.
 */

static ngx_int_t
ngx_http_oauth_member_find(const json_t *message, ledger_slice_t name,
    char *buf, ledger_slice_t *value)
{
    json_t          *node;
    ngx_uint_t       n;
    const char      *key;
    ledger_rc_t      rc;
    ledger_slice_t   found;

    rc = ledger_message_member(message, name, buf, value);

    if (rc != LEDGER_NOT_FOUND) {
        return rc == LEDGER_OK ? NGX_OK : NGX_DECLINED;
    }

    n = 0;
    ngx_memzero(&found, sizeof(ledger_slice_t));

    json_object_foreach((json_t *) message, key, node) {

        if (ngx_strlen(key) == name.len
            && ngx_strncasecmp((u_char *) key, (u_char *) name.data,
                               name.len)
               == 0)
        {
            found.data = (u_char *) key;
            found.len = name.len;
            n++;
        }
    }

    if (n != 1
        || ledger_message_member(message, found, buf, value) != LEDGER_OK)
    {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


/* The value, not only its name, must be fit to be read outside. */

static void
ngx_http_oauth_member_text(ngx_http_oauth_ctx_t *ctx,
    ngx_http_variable_value_t *v, ledger_slice_t value)
{
    if (ctx->secrets
        || (!ngx_http_oauth_opaque(value)
            && !ngx_http_oauth_secret(ctx, value)))
    {
        ngx_http_oauth_variable_text(v, value.data, value.len);
    }
}


static ngx_int_t
ngx_http_oauth_pointer_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_oauth_json_t *oj = (ngx_http_oauth_json_t *) data;

    char                  *buf;
    json_t                *message;
    ledger_slice_t         value;
    ngx_http_oauth_ctx_t  *ctx;

    v->not_found = 1;

    ctx = ngx_http_oauth_ctx(r);
    if (ctx == NULL) {
        return NGX_OK;
    }

    if (!ctx->secrets && ngx_http_oauth_pointer_is_secret(&oj->pointer)) {
        return NGX_OK;
    }

    message = ngx_http_oauth_source(r, ctx, oj->source);
    if (message == NULL) {
        return NGX_OK;
    }

    buf = ngx_pnalloc(r->pool, LEDGER_SCALAR_MAX);
    if (buf == NULL) {
        return NGX_ERROR;
    }

    if (ledger_message_pointer(message, ngx_http_oauth_slice(&oj->pointer),
                               buf, &value)
        != LEDGER_OK)
    {
        return NGX_OK;
    }

    ngx_http_oauth_member_text(ctx, v, value);

    return NGX_OK;
}


/* A secret's name anywhere on the way hides all below: "/tokens/0". */

static ngx_uint_t
ngx_http_oauth_pointer_is_secret(ngx_str_t *pointer)
{
    u_char          *p, *last;
    ledger_slice_t   segment;

    p = pointer->data;
    last = p + pointer->len;

    while (p < last) {
        p++;
        segment.data = p;

        p = ngx_strlchr(p, last, '/');
        if (p == NULL) {
            p = last;
        }

        segment.len = p - segment.data;

        if (ledger_message_is_secret(segment)) {
            return 1;
        }
    }

    return 0;
}


/*
 * Whether a value looks like a token, under whatever name it stands: a run
 * of NGX_HTTP_OAUTH_OPAQUE_MIN characters of base64 or base64url that mixes
 * digits or capitals into letters.  Words, numbers, addresses, URLs and
 * UUIDs do not; the longer id of a user that does can still be read from
 * $oauth_user.
 */

static ngx_uint_t
ngx_http_oauth_opaque(ledger_slice_t value)
{
    u_char      *p, *last, *run;
    ngx_uint_t   url;

    p = (u_char *) value.data;
    last = p + value.len;
    run = p;

    if (value.len < NGX_HTTP_OAUTH_OPAQUE_MIN
        || ngx_http_oauth_address(p, last))
    {
        return 0;
    }

    url = (ngx_strlcasestrn(p, last, (u_char *) "://", 3 - 1) != NULL);

    for ( /* void */ ; p < last; p++) {

        if ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z')
            || (*p >= '0' && *p <= '9')
            || *p == '-' || *p == '_' || *p == '+' || *p == '='
            || (*p == '/' && !url))
        {
            continue;
        }

        if (ngx_http_oauth_opaque_run(run, p)) {
            return 1;
        }

        run = p + 1;
    }

    return ngx_http_oauth_opaque_run(run, last);
}


static ngx_uint_t
ngx_http_oauth_opaque_run(u_char *p, u_char *last)
{
    ngx_uint_t  digits, lower, upper;

    if (last - p < NGX_HTTP_OAUTH_OPAQUE_MIN
        || ngx_http_oauth_uuid(p, last))
    {
        return 0;
    }

    digits = 0;
    lower = 0;
    upper = 0;

    for ( /* void */ ; p < last; p++) {

        if (*p >= '0' && *p <= '9') {
            digits = 1;

        } else if (*p >= 'a' && *p <= 'z') {
            lower = 1;

        } else if (*p >= 'A' && *p <= 'Z') {
            upper = 1;
        }
    }

    return digits + lower + upper > 1;
}


/* One '@', and a name of a host behind it: no token has that form. */

static ngx_uint_t
ngx_http_oauth_address(u_char *p, u_char *last)
{
    ngx_uint_t  dots;

    p = ngx_strlchr(p, last, '@');
    if (p == NULL) {
        return 0;
    }

    dots = 0;

    for (p++; p < last; p++) {

        if (*p == '.') {
            dots++;

        } else if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z')
                     || (*p >= '0' && *p <= '9') || *p == '-'))
        {
            return 0;
        }
    }

    return dots > 0;
}


static ngx_uint_t
ngx_http_oauth_uuid(u_char *p, u_char *last)
{
    size_t  i;
    u_char  c;

    if (last - p != NGX_HTTP_OAUTH_UUID_LEN) {
        return 0;
    }

    for (i = 0; i < NGX_HTTP_OAUTH_UUID_LEN; i++) {

        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (p[i] != '-') {
                return 0;
            }

            continue;
        }

        c = p[i] | 0x20;

        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) {
            return 0;
        }
    }

    return 1;
}


/* Whether it is, or holds, a secret of one of the request's messages. */

static ngx_uint_t
ngx_http_oauth_secret(ngx_http_oauth_ctx_t *ctx, ledger_slice_t value)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_OAUTH_SOURCES; i++) {

        if (ctx->sources[i] != NULL
            && ngx_http_oauth_holds_secret(ctx->sources[i], value))
        {
            return 1;
        }
    }

    return 0;
}


/*
 * The parser bounds a message's depth and its text its size, and so this
 * walk through all of it.
 */

static ngx_uint_t
ngx_http_oauth_holds_secret(json_t *message, ledger_slice_t value)
{
    json_t                  *node;
    ngx_int_t                top;
    ngx_uint_t               secret;
    const char              *key;
    ledger_slice_t           name;
    ngx_http_oauth_level_t  *level, levels[LEDGER_DEPTH_MAX];

    top = 0;
    levels[0].node = message;
    levels[0].iter = json_object_iter(message);
    levels[0].index = 0;
    levels[0].secret = 0;

    while (top >= 0) {
        level = &levels[top];
        secret = level->secret;

        if (json_is_object(level->node)) {

            if (level->iter == NULL) {
                top--;
                continue;
            }

            key = json_object_iter_key(level->iter);
            node = json_object_iter_value(level->iter);
            level->iter = json_object_iter_next(level->node, level->iter);

            name.data = (u_char *) key;
            name.len = ngx_strlen(key);

            if (ledger_message_is_secret(name)) {
                secret = 1;
            }

        } else {

            node = json_array_get(level->node, level->index++);

            if (node == NULL) {
                top--;
                continue;
            }
        }

        if (json_is_string(node)) {

            if (secret && ngx_http_oauth_holds(value, node)) {
                return 1;
            }

            continue;
        }

        if (!json_is_object(node) && !json_is_array(node)) {
            continue;
        }

        if (++top == LEDGER_DEPTH_MAX) {
            return 1;
        }

        levels[top].node = node;
        levels[top].iter = json_object_iter(node);
        levels[top].index = 0;
        levels[top].secret = secret;
    }

    return 0;
}


/*
 * Equal, or a part of the value (a URL with a token in its query).  As a
 * part, a secret of a few characters would be found in everything.
 */

static ngx_uint_t
ngx_http_oauth_holds(ledger_slice_t value, const json_t *secret)
{
    size_t       len;
    const char  *text;

    len = json_string_length(secret);
    text = json_string_value(secret);

    if (len == 0 || len > value.len) {
        return 0;
    }

    if (len == value.len) {
        return ngx_memcmp(value.data, text, len) == 0;
    }

    return len >= 8 && memmem(value.data, value.len, text, len) != NULL;
}


static ngx_int_t
ngx_http_oauth_word_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t             *word;
    ngx_http_oauth_ctx_t  *ctx;

    ctx = ngx_http_oauth_ctx(r);
    if (ctx == NULL) {
        v->not_found = 1;
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

    v->not_found = 1;

    ctx = ngx_http_oauth_ctx(r);
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

    v->not_found = 1;

    ctx = ngx_http_oauth_ctx(r);
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

    v->not_found = 1;

    ctx = ngx_http_oauth_ctx(r);
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

    v->not_found = 1;

    ctx = ngx_http_oauth_ctx(r);
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

    v->not_found = 1;

    ctx = ngx_http_oauth_ctx(r);
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

    v->not_found = 1;

    ctx = ngx_http_oauth_ctx(r);
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

    v->not_found = 1;

    ctx = ngx_http_oauth_ctx(r);
    if (ctx == NULL) {
        return NGX_OK;
    }

    if (ngx_http_oauth_refusal_document(r, ctx, &text) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_http_oauth_variable_text(v, text.data, text.len);

    return NGX_OK;
}


/* An empty text is as unknown as an absent one. */

static void
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


char *
ngx_http_oauth_json_variable(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t              *value, name;
    ngx_uint_t              source;
    ngx_http_variable_t    *var;
    ngx_http_oauth_json_t  *oj;

    value = cf->args->elts;

    name = value[1];

    if (name.len < 2 || name.data[0] != '$') {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid variable name \"%V\" in \"oauth_json\": "
                           "write it as \"$name\"", &name);
        return NGX_CONF_ERROR;
    }

    name.data++;
    name.len--;

    for (source = 0; source < NGX_HTTP_OAUTH_SOURCES; source++) {

        if (value[2].len == ngx_http_oauth_sources[source].len
            && ngx_strncmp(value[2].data, ngx_http_oauth_sources[source].data,
                           value[2].len)
               == 0)
        {
            break;
        }
    }

    if (source == NGX_HTTP_OAUTH_SOURCES) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid source \"%V\" in \"oauth_json\": it is "
                           "one of request, response, userinfo, id_token, "
                           "access_token, assertion, client_assertion",
                           &value[2]);
        return NGX_CONF_ERROR;
    }

    if (!ledger_message_pointer_valid(ngx_http_oauth_slice(&value[3]))) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid JSON pointer \"%V\" in \"oauth_json\": "
                           "it begins with \"/\", as in \"/team/id\"; "
                           "\"~\" is written \"~0\", \"/\" in a name \"~1\"",
                           &value[3]);
        return NGX_CONF_ERROR;
    }

    oj = ngx_palloc(cf->pool, sizeof(ngx_http_oauth_json_t));
    if (oj == NULL) {
        return NGX_CONF_ERROR;
    }

    oj->pointer = value[3];
    oj->source = source;

    var = ngx_http_add_variable(cf, &name, NGX_HTTP_VAR_NOCACHEABLE);
    if (var == NULL) {
        return NGX_CONF_ERROR;
    }

    var->get_handler = ngx_http_oauth_pointer_variable;
    var->data = (uintptr_t) oj;

    return NGX_CONF_OK;
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
