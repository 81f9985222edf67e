
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * The connections page.  It is part of the module, so that it fits the API
 * that it speaks to and nothing can go missing beside it, and it is one
 * document, so that it works at a location with and without a slash at its
 * end.  What a browser may run in it is named by hash.
 */

#include "ngx_http_oauth_status.h"
#include "ngx_http_oauth_conf.h"
#include "ngx_http_oauth_header.h"
#include "ngx_http_oauth_provider.h"
#include "ngx_http_oauth_refusal.h"
#include "ngx_http_oauth_store.h"

#include <openssl/evp.h>

#include "ngx_http_oauth_page_data.h"


#define NGX_HTTP_OAUTH_PAGE_HASH      32
#define NGX_HTTP_OAUTH_PAGE_HASH_LEN                                          \
    ngx_base64_encoded_length(NGX_HTTP_OAUTH_PAGE_HASH)

#define NGX_HTTP_OAUTH_PAGE_STYLE     "</style>"
#define NGX_HTTP_OAUTH_PAGE_SCRIPT    "</script>"


static u_char *ngx_http_oauth_page_hash(u_char *p, const u_char *data,
    size_t len);
static u_char *ngx_http_oauth_page_part(u_char *p, const u_char **from,
    const char *tag, const u_char *part, size_t len);
static ngx_uint_t ngx_http_oauth_page_wants_json(ngx_http_request_t *r);
static ngx_int_t ngx_http_oauth_page_send(ngx_http_request_t *r,
    ngx_http_oauth_main_conf_t *mcf);
static ngx_int_t ngx_http_oauth_page_about(ngx_http_request_t *r,
    ngx_http_oauth_main_conf_t *mcf);
static json_t *ngx_http_oauth_page_providers(ngx_array_t *providers);
static json_t *ngx_http_oauth_page_provider(
    const ngx_http_oauth_provider_t *provider);
static json_t *ngx_http_oauth_page_limits(
    const ngx_http_oauth_provider_t *provider);
static json_t *ngx_http_oauth_page_key(const ngx_http_oauth_limit_key_t *key);


static const char  ngx_http_oauth_page_policy[] =
    "default-src 'none'; script-src 'sha256-%*s'; style-src 'sha256-%*s'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; "
    "trusted-types 'none'";


ngx_int_t
ngx_http_oauth_page_init(ngx_conf_t *cf, ngx_http_oauth_main_conf_t *mcf)
{
    u_char         script[NGX_HTTP_OAUTH_PAGE_HASH_LEN];
    u_char         style[NGX_HTTP_OAUTH_PAGE_HASH_LEN];
    u_char        *p, *script_end, *style_end;
    size_t         len;
    const u_char  *from;

    if (mcf->page.data) {
        return NGX_OK;
    }

    script_end = ngx_http_oauth_page_hash(script, ngx_http_oauth_page_js,
                                          sizeof(ngx_http_oauth_page_js));
    style_end = ngx_http_oauth_page_hash(style, ngx_http_oauth_page_css,
                                         sizeof(ngx_http_oauth_page_css));

    if (script_end == NULL || style_end == NULL) {
        return NGX_ERROR;
    }

    len = sizeof(ngx_http_oauth_page_policy)
          + 2 * NGX_HTTP_OAUTH_PAGE_HASH_LEN;

    p = ngx_pnalloc(cf->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    mcf->page_policy.data = p;
    mcf->page_policy.len = ngx_snprintf(p, len, ngx_http_oauth_page_policy,
                                        (size_t) (script_end - script),
                                        script,
                                        (size_t) (style_end - style), style)
                           - p;

    len = sizeof(ngx_http_oauth_index_html) + sizeof(ngx_http_oauth_page_css)
          + sizeof(ngx_http_oauth_page_js);

    p = ngx_pnalloc(cf->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    mcf->page.data = p;
    mcf->page.len = len;

    from = ngx_http_oauth_index_html;

    p = ngx_http_oauth_page_part(p, &from, NGX_HTTP_OAUTH_PAGE_STYLE,
                                 ngx_http_oauth_page_css,
                                 sizeof(ngx_http_oauth_page_css));
    p = ngx_http_oauth_page_part(p, &from, NGX_HTTP_OAUTH_PAGE_SCRIPT,
                                 ngx_http_oauth_page_js,
                                 sizeof(ngx_http_oauth_page_js));

    ngx_memcpy(p, from, ngx_http_oauth_index_html
                        + sizeof(ngx_http_oauth_index_html) - from);

    return NGX_OK;
}


/* In base64; NULL: it failed. */

static u_char *
ngx_http_oauth_page_hash(u_char *p, const u_char *data, size_t len)
{
    u_char     hash[NGX_HTTP_OAUTH_PAGE_HASH];
    ngx_str_t  src, dst;

    if (EVP_Digest(data, len, hash, NULL, EVP_sha256(), NULL) != 1) {
        return NULL;
    }

    src.data = hash;
    src.len = NGX_HTTP_OAUTH_PAGE_HASH;
    dst.data = p;

    ngx_encode_base64(&dst, &src);

    return p + dst.len;
}


/* The document up to the tag, and the part, which goes in front of it. */

static u_char *
ngx_http_oauth_page_part(u_char *p, const u_char **from, const char *tag,
    const u_char *part, size_t len)
{
    const u_char  *end;

    end = ngx_strnstr((u_char *) *from, (char *) tag,
                      ngx_http_oauth_index_html
                      + sizeof(ngx_http_oauth_index_html) - *from);

    if (end) {
        p = ngx_cpymem(p, *from, end - *from);
        *from = end;
    }

    return ngx_cpymem(p, part, len);
}


ngx_int_t
ngx_http_oauth_page_handler(ngx_http_request_t *r)
{
    ngx_str_t                    value;
    ngx_http_oauth_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_oauth_gateway_module);

    ngx_str_set(&value, "Accept");

    if (ngx_http_oauth_header_set(r, "Vary", &value) == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_oauth_page_wants_json(r)
           ? ngx_http_oauth_page_about(r, mcf)
           : ngx_http_oauth_page_send(r, mcf);
}


/* A browser that opens the page asks for HTML, and its script does not. */

static ngx_uint_t
ngx_http_oauth_page_wants_json(ngx_http_request_t *r)
{
    ngx_uint_t        json;
    ngx_table_elt_t  *h;

    json = 0;

    for (h = ngx_http_oauth_header_in(r, "Accept", NULL);
         h;
         h = ngx_http_oauth_header_in(r, "Accept", h))
    {
        if (ngx_strcasestrn(h->value.data, "text/html",
                            sizeof("text/html") - 2)
            != NULL)
        {
            return 0;
        }

        if (ngx_strcasestrn(h->value.data, "application/json",
                            sizeof("application/json") - 2)
            != NULL)
        {
            json = 1;
        }
    }

    return json;
}


static ngx_int_t
ngx_http_oauth_page_send(ngx_http_request_t *r,
    ngx_http_oauth_main_conf_t *mcf)
{
    ngx_str_t   type;
    ngx_uint_t  i;

    struct {
        const char  *name;
        ngx_str_t    value;
    } headers[] = {
        { "Content-Security-Policy", mcf->page_policy },
        { "X-Content-Type-Options", ngx_string("nosniff") },
        { "Cache-Control", ngx_string("no-store") },
        { "Referrer-Policy", ngx_string("no-referrer") },
        { "Cross-Origin-Opener-Policy", ngx_string("same-origin") },
        { "Cross-Origin-Resource-Policy", ngx_string("same-origin") }
    };

    for (i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {

        if (ngx_http_oauth_header_set(r, headers[i].name, &headers[i].value)
            == NULL)
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    /* even "If-None-Match: *" means a copy, which nobody has */
    r->disable_not_modified = 1;

    ngx_str_set(&type, "text/html; charset=utf-8");

    return ngx_http_oauth_local_send(r, NGX_HTTP_OK, &type, &mcf->page);
}


/* What the page must know before it asks for anything else. */

static ngx_int_t
ngx_http_oauth_page_about(ngx_http_request_t *r,
    ngx_http_oauth_main_conf_t *mcf)
{
    int                         failed;
    json_t                     *doc;
    uint64_t                    last;
    ledger_t                   *ledger;
    ngx_http_oauth_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_oauth_gateway_module);

    ledger = ngx_http_oauth_store();

    if (ledger == NULL || ledger_history_last(ledger, &last) != LEDGER_OK) {
        return ngx_http_oauth_status_unavailable(r);
    }

    doc = json_object();

    failed = ngx_http_oauth_status_time(doc, "at", ngx_http_oauth_now());
    failed |= json_object_set_new(doc, "write",
                                  json_boolean(lcf->status_write));
    failed |= json_object_set_new(doc, "last_event",
                                  json_integer((json_int_t) last));
    failed |= json_object_set_new(doc, "providers",
                            ngx_http_oauth_page_providers(mcf->providers));

    if (failed) {
        json_decref(doc);
        doc = NULL;
    }

    return ngx_http_oauth_status_json(r, doc);
}


static json_t *
ngx_http_oauth_page_providers(ngx_array_t *providers)
{
    json_t                      *list;
    ngx_uint_t                   i;
    ngx_http_oauth_provider_t  **provider;

    list = json_array();

    if (list == NULL || providers == NULL) {
        return list;
    }

    provider = providers->elts;

    for (i = 0; i < providers->nelts; i++) {

        if (json_array_append_new(list,
                                  ngx_http_oauth_page_provider(provider[i]))
            != 0)
        {
            json_decref(list);
            return NULL;
        }
    }

    return list;
}


static json_t *
ngx_http_oauth_page_provider(const ngx_http_oauth_provider_t *provider)
{
    int      failed;
    json_t  *item;

    item = json_object();

    failed = ngx_http_oauth_status_text(item, "name",
                                    ngx_http_oauth_slice(&provider->name));
    failed |= json_object_set_new(item, "limits",
                                  ngx_http_oauth_page_limits(provider));
    failed |= ngx_http_oauth_status_text(item, "contact",
                                 ngx_http_oauth_slice(&provider->contact));
    failed |= ngx_http_oauth_status_text(item, "link",
                                    ngx_http_oauth_slice(&provider->link));

    if (failed) {
        json_decref(item);
        return NULL;
    }

    return item;
}


/* As a slot tells its own: n, and the names of the keys. */

static json_t *
ngx_http_oauth_page_limits(const ngx_http_oauth_provider_t *provider)
{
    int                      failed;
    json_t                  *list, *item, *per;
    ngx_uint_t               i, k;
    ngx_http_oauth_limit_t  *limit;

    list = json_array();

    if (list == NULL || provider->limits == NULL) {
        return list;
    }

    failed = 0;
    limit = provider->limits->elts;

    for (i = 0; i < provider->limits->nelts; i++) {
        item = json_object();
        per = json_array();

        for (k = 0; k < limit[i].nkeys; k++) {
            failed |= json_array_append_new(per,
                            ngx_http_oauth_page_key(&limit[i].keys[k]));
        }

        failed |= json_object_set_new(item, "n",
                                      json_integer((json_int_t) limit[i].n));
        failed |= json_object_set_new(item, "per", per);
        failed |= json_array_append_new(list, item);
    }

    if (failed) {
        json_decref(list);
        return NULL;
    }

    return list;
}


static json_t *
ngx_http_oauth_page_key(const ngx_http_oauth_limit_key_t *key)
{
    ngx_str_t  *word;

    word = ngx_http_oauth_limit_word(key->kind);

    if (word->len == 0) {
        return json_sprintf("$%.*s", (int) key->name.len, key->name.data);
    }

    return json_stringn((char *) word->data, word->len);
}
