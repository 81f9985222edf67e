
/*
 * Copyright (C) The OAuth gateway authors
 */


#include "ngx_http_oauth_status.h"

#include "ledger_message.h"


#define NGX_HTTP_OAUTH_STATUS_LIMIT      100
#define NGX_HTTP_OAUTH_STATUS_LIMIT_MAX  1000


static ngx_int_t ngx_http_oauth_status_take(ngx_http_request_t *r,
    json_t *query, ngx_http_oauth_status_arg_t *args);


ngx_int_t
ngx_http_oauth_status_query(ngx_http_request_t *r,
    ngx_http_oauth_status_arg_t *args)
{
    json_t                       *query;
    ngx_int_t                     rc;
    ledger_rc_t                   parsed;
    ngx_http_oauth_status_arg_t  *arg;

    for (arg = args; arg->name; arg++) {
        arg->value = ledger_slice("");
    }

    if (r->args.len == 0) {
        return NGX_DECLINED;
    }

    query = json_object();
    if (query == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    parsed = ledger_message_form(ngx_http_oauth_slice(&r->args), query, NULL);

    if (parsed == LEDGER_OK) {
        rc = ngx_http_oauth_status_take(r, query, args);

    } else if (parsed == LEDGER_NOMEM) {
        rc = NGX_HTTP_INTERNAL_SERVER_ERROR;

    } else {
        rc = ngx_http_oauth_status_bad(r, parsed == LEDGER_REPEATED
                              ? "A parameter of the query string is repeated."
                              : "The query string is malformed.");
    }

    json_decref(query);

    return rc;
}


static ngx_int_t
ngx_http_oauth_status_take(ngx_http_request_t *r, json_t *query,
    ngx_http_oauth_status_arg_t *args)
{
    void                         *next;
    u_char                       *p;
    json_t                       *value;
    const char                   *name;
    ngx_http_oauth_status_arg_t  *arg;

    for (next = json_object_iter(query);
         next;
         next = json_object_iter_next(query, next))
    {
        name = json_object_iter_key(next);
        value = json_object_iter_value(next);

        for (arg = args; arg->name; arg++) {
            if (ngx_strcmp(arg->name, name) == 0) {
                break;
            }
        }

        if (arg->name == NULL || !json_is_string(value)) {
            return ngx_http_oauth_status_bad(r,
                         "The query string has a parameter that is not known "
                         "here.");
        }

        arg->value.len = json_string_length(value);

        if (arg->value.len > LEDGER_IDENTITY_MAX) {
            return ngx_http_oauth_status_bad(r,
                         "A parameter of the query string is longer than any "
                         "value in the ledger.");
        }

        p = ngx_pnalloc(r->pool, arg->value.len);
        if (p == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        ngx_memcpy(p, json_string_value(value), arg->value.len);
        arg->value.data = p;
    }

    return NGX_DECLINED;
}


ngx_int_t
ngx_http_oauth_status_bad(ngx_http_request_t *r, const char *detail)
{
    return ngx_http_oauth_status_problem(r, NGX_HTTP_BAD_REQUEST,
                                         "invalid-parameter",
                                         "A parameter cannot be used",
                                         detail);
}


ngx_int_t
ngx_http_oauth_status_none(ngx_http_request_t *r)
{
    ngx_http_oauth_status_arg_t  none = { NULL, { NULL, 0 } };

    return ngx_http_oauth_status_query(r, &none);
}


ngx_int_t
ngx_http_oauth_status_cursor(ngx_http_request_t *r,
    const ngx_http_oauth_status_arg_t *arg, uint64_t *number)
{
    *number = 0;

    if (arg->value.len == 0
        || (arg->value.len == 1 && arg->value.data[0] == '0')
        || ngx_http_oauth_status_number(arg->value, number) == NGX_OK)
    {
        return NGX_DECLINED;
    }

    return ngx_http_oauth_status_bad(r, "\"after\" is not a cursor from "
                                        "\"next\".");
}


ngx_int_t
ngx_http_oauth_status_limit(ngx_http_request_t *r,
    const ngx_http_oauth_status_arg_t *arg, size_t *limit)
{
    uint64_t  n;

    *limit = NGX_HTTP_OAUTH_STATUS_LIMIT;

    if (arg->value.len == 0) {
        return NGX_DECLINED;
    }

    if (ngx_http_oauth_status_number(arg->value, &n) != NGX_OK
        || n > NGX_HTTP_OAUTH_STATUS_LIMIT_MAX)
    {
        return ngx_http_oauth_status_bad(r, "\"limit\" is not a number from 1 "
                                            "to 1000.");
    }

    *limit = (size_t) n;

    return NGX_DECLINED;
}


ngx_int_t
ngx_http_oauth_status_word(ngx_http_request_t *r,
    const ngx_http_oauth_status_arg_t *arg, const char *const *words,
    ngx_uint_t *found)
{
    ngx_uint_t  i;

    *found = 0;

    if (arg->value.len == 0) {
        return NGX_DECLINED;
    }

    for (i = 0; words[i]; i++) {

        if (ngx_strlen(words[i]) == arg->value.len
            && ngx_memcmp(words[i], arg->value.data, arg->value.len) == 0)
        {
            *found = i;
            return NGX_DECLINED;
        }
    }

    return ngx_http_oauth_status_bad(r, "A parameter of the query string has "
                                        "a value that it cannot have.");
}


/* As it is written by us: no sign, no zero in front. */

ngx_int_t
ngx_http_oauth_status_number(ledger_slice_t text, uint64_t *number)
{
    u_char    ch;
    size_t    i;
    uint64_t  n;

    if (text.len == 0 || text.data[0] == '0') {
        return NGX_ERROR;
    }

    n = 0;

    for (i = 0; i < text.len; i++) {
        ch = text.data[i];

        if (ch < '0' || ch > '9' || n > (UINT64_MAX - (ch - '0')) / 10) {
            return NGX_ERROR;
        }

        n = n * 10 + (ch - '0');
    }

    *number = n;

    return NGX_OK;
}
