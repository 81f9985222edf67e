
/*
 * Copyright (C) The OAuth gateway authors
 */


#include "ngx_http_oauth_status.h"
#include "ngx_http_oauth_header.h"
#include "ngx_http_oauth_refusal.h"


static ngx_int_t ngx_http_oauth_status_send(ngx_http_request_t *r,
    ngx_uint_t status, ngx_str_t *type, json_t *doc);
static ngx_int_t ngx_http_oauth_status_headers(ngx_http_request_t *r);
static ngx_int_t ngx_http_oauth_status_dump(ngx_http_request_t *r,
    json_t *doc, ngx_str_t *text);


ngx_int_t
ngx_http_oauth_status_json(ngx_http_request_t *r, json_t *doc)
{
    return ngx_http_oauth_status_json_with(r, NGX_HTTP_OK, doc);
}


ngx_int_t
ngx_http_oauth_status_json_with(ngx_http_request_t *r, ngx_uint_t status,
    json_t *doc)
{
    ngx_str_t  type;

    ngx_str_set(&type, "application/json");

    return ngx_http_oauth_status_send(r, status, &type, doc);
}


ngx_int_t
ngx_http_oauth_status_problem(ngx_http_request_t *r, ngx_uint_t status,
    const char *word, const char *title, const char *detail)
{
    int         failed;
    json_t     *doc;
    ngx_int_t   rc;
    ngx_str_t   type;

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    doc = json_object();

    failed = json_object_set_new(doc, "type",
                                 json_sprintf("urn:oauth-gateway:%s", word));
    failed |= json_object_set_new(doc, "title", json_string(title));
    failed |= json_object_set_new(doc, "status", json_integer(status));
    failed |= json_object_set_new(doc, "detail", json_string(detail));

    if (failed) {
        json_decref(doc);
        doc = NULL;
    }

    ngx_str_set(&type, "application/problem+json");

    return ngx_http_oauth_status_send(r, status, &type, doc);
}


ngx_int_t
ngx_http_oauth_status_not_found(ngx_http_request_t *r)
{
    return ngx_http_oauth_status_problem(r, NGX_HTTP_NOT_FOUND, "not-found",
                                         "There is no such resource",
                                         "Nothing is known under this name.");
}


ngx_int_t
ngx_http_oauth_status_unavailable(ngx_http_request_t *r)
{
    ngx_str_t  seconds;

    ngx_str_set(&seconds, "2");

    if (ngx_http_oauth_header_set(r, "Retry-After", &seconds) == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_oauth_status_problem(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                 "unavailable",
                                 "The ledger cannot be reached now",
                                 "The gateway cannot reach its ledger now: "
                                 "the error log tells why.");
}


static ngx_int_t
ngx_http_oauth_status_send(ngx_http_request_t *r, ngx_uint_t status,
    ngx_str_t *type, json_t *doc)
{
    ngx_int_t  rc;
    ngx_str_t  text;

    if (doc == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_oauth_status_dump(r, doc, &text);

    json_decref(doc);

    if (rc != NGX_OK || ngx_http_oauth_status_headers(r) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_oauth_local_send(r, status, type, &text);
}


static ngx_int_t
ngx_http_oauth_status_headers(ngx_http_request_t *r)
{
    ngx_str_t  value;

    ngx_str_set(&value, "no-store");

    if (ngx_http_oauth_header_set(r, "Cache-Control", &value) == NULL) {
        return NGX_ERROR;
    }

    ngx_str_set(&value, "nosniff");

    return ngx_http_oauth_header_set(r, "X-Content-Type-Options", &value)
           ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_http_oauth_status_chain(ngx_http_request_t *r, ngx_chain_t *text,
    off_t len)
{
    ngx_str_t  type;

    if (ngx_http_oauth_status_headers(r) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_str_set(&type, "application/json");

    return ngx_http_oauth_local_send_chain(r, NGX_HTTP_OK, &type, text, len);
}


/* The text goes with the request, and is not copied: a page may be large. */

static ngx_int_t
ngx_http_oauth_status_dump(ngx_http_request_t *r, json_t *doc,
    ngx_str_t *text)
{
    ngx_pool_cleanup_t  *cln;

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    text->data = (u_char *) json_dumps(doc, JSON_COMPACT);
    if (text->data == NULL) {
        return NGX_ERROR;
    }

    cln->handler = free;
    cln->data = text->data;

    text->len = ngx_strlen(text->data);

    return NGX_OK;
}
