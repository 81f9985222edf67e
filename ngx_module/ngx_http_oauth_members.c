
/*
 * Copyright (C) The OAuth gateway authors
 */


#include "ngx_http_oauth_members.h"
#include "ngx_http_oauth_ctx.h"
#include "ngx_http_oauth_secret.h"
#include "ngx_http_oauth_variables.h"


/* One oauth_json variable. */

typedef struct {
    ngx_str_t                pointer;
    ngx_uint_t               source;
} ngx_http_oauth_json_t;


typedef ledger_rc_t (*ngx_http_oauth_find_pt)(const json_t *message,
    ledger_slice_t name, char *buf, ledger_slice_t *value);


static ledger_rc_t ngx_http_oauth_member_find(const json_t *message,
    ledger_slice_t name, char *buf, ledger_slice_t *value);
static ngx_int_t ngx_http_oauth_member_read(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, ngx_http_oauth_ctx_t *ctx,
    ngx_uint_t source, ngx_http_oauth_find_pt find, ngx_str_t *name);
static ngx_int_t ngx_http_oauth_pointer_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);


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


ngx_int_t
ngx_http_oauth_member_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t             *name, member, text;
    ngx_uint_t             source;
    ngx_http_oauth_ctx_t  *ctx;

    ctx = ngx_http_oauth_variable_ctx(r, v);
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

    return ngx_http_oauth_member_read(r, v, ctx, source,
                                      ngx_http_oauth_member_find, &member);
}


/*
 * nginx knows variables in lower case only: where no member has that name,
 * the one that differs in case is meant ("realmId"), if there is just one.
 */

static ledger_rc_t
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
        return rc;
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

    if (n != 1) {
        return LEDGER_NOT_FOUND;
    }

    return ledger_message_member(message, found, buf, value);
}


static ngx_int_t
ngx_http_oauth_pointer_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_oauth_json_t *oj = (ngx_http_oauth_json_t *) data;

    ngx_http_oauth_ctx_t  *ctx;

    ctx = ngx_http_oauth_variable_ctx(r, v);
    if (ctx == NULL) {
        return NGX_OK;
    }

    if (!ctx->secrets && ngx_http_oauth_secret_pointer(&oj->pointer)) {
        return NGX_OK;
    }

    return ngx_http_oauth_member_read(r, v, ctx, oj->source,
                                      ledger_message_pointer, &oj->pointer);
}


static ngx_int_t
ngx_http_oauth_member_read(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, ngx_http_oauth_ctx_t *ctx,
    ngx_uint_t source, ngx_http_oauth_find_pt find, ngx_str_t *name)
{
    char            *buf;
    json_t          *message;
    ledger_slice_t   value;

    message = ngx_http_oauth_source(r, ctx, source);
    if (message == NULL) {
        return NGX_OK;
    }

    buf = ngx_pnalloc(r->pool, LEDGER_SCALAR_MAX);
    if (buf == NULL) {
        return NGX_ERROR;
    }

    if (find(message, ngx_http_oauth_slice(name), buf, &value) != LEDGER_OK) {
        return NGX_OK;
    }

    if (ctx->secrets || !ngx_http_oauth_secret_value(ctx, value)) {
        ngx_http_oauth_variable_text(v, value.data, value.len);
    }

    return NGX_OK;
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
