
/*
 * Copyright (C) The OAuth gateway authors
 */


#include "ngx_http_oauth_origin.h"
#include "ngx_http_oauth_conf.h"
#include "ngx_http_oauth_header.h"
#include "ngx_http_oauth_status.h"


static ngx_uint_t ngx_http_oauth_origin_host(ngx_http_request_t *r);
static ngx_uint_t ngx_http_oauth_origin_loopback(ngx_str_t *host);
static ngx_uint_t ngx_http_oauth_origin_named(ngx_http_server_name_t *name,
    ngx_str_t *host);
static ngx_uint_t ngx_http_oauth_origin_foreign(ngx_http_request_t *r);
static ngx_uint_t ngx_http_oauth_origin_same(ngx_http_request_t *r,
    ngx_str_t *origin);


ngx_int_t
ngx_http_oauth_origin_check(ngx_http_request_t *r)
{
    if (!ngx_http_oauth_origin_host(r)) {
        return ngx_http_oauth_status_problem(r, NGX_HTTP_FORBIDDEN,
                      "foreign-host",
                      "The host is not one of this server",
                      "The Host field must name the server as \"server_name\" "
                      "does, or be localhost or a loopback address.");
    }

    if (r->method == NGX_HTTP_POST && ngx_http_oauth_origin_foreign(r)) {
        return ngx_http_oauth_status_problem(r, NGX_HTTP_FORBIDDEN,
                      "foreign-origin",
                      "The request comes from another site",
                      "A page of another origin may not order anything here.");
    }

    return NGX_DECLINED;
}


static ngx_uint_t
ngx_http_oauth_origin_host(ngx_http_request_t *r)
{
    ngx_str_t                  *host;
    ngx_uint_t                  i;
    ngx_http_server_name_t     *names;
    ngx_http_oauth_loc_conf_t  *lcf;

    host = &r->headers_in.server;

    /* no browser leaves it out */

    if (host->len == 0 || ngx_http_oauth_origin_loopback(host)) {
        return 1;
    }

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_oauth_gateway_module);
    names = lcf->status_names->elts;

    for (i = 0; i < lcf->status_names->nelts; i++) {

        if (ngx_http_oauth_origin_named(&names[i], host)) {
            return 1;
        }
    }

    return 0;
}


static ngx_uint_t
ngx_http_oauth_origin_loopback(ngx_str_t *host)
{
    in_addr_t  addr;

    if ((host->len == sizeof("localhost") - 1
         && ngx_strncmp(host->data, "localhost", host->len) == 0)
        || (host->len == sizeof("[::1]") - 1
            && ngx_strncmp(host->data, "[::1]", host->len) == 0))
    {
        return 1;
    }

    addr = ngx_inet_addr(host->data, host->len);

    return addr != INADDR_NONE && (ntohl(addr) >> 24) == IN_LOOPBACKNET;
}


/* As nginx itself takes a server's name: exact, *.SUFFIX, .SUFFIX, PREFIX.* */

static ngx_uint_t
ngx_http_oauth_origin_named(ngx_http_server_name_t *name, ngx_str_t *host)
{
    size_t      len;
    ngx_str_t  *n;

    n = &name->name;

#if (NGX_PCRE)
    if (name->regex) {
        return ngx_regex_exec(name->regex->regex, host, NULL, 0) >= 0;
    }
#endif

    if (n->len == host->len
        && ngx_strncmp(n->data, host->data, n->len) == 0)
    {
        return 1;
    }

    if (n->len > 2 && n->data[n->len - 1] == '*') {
        len = n->len - 1;

        return host->len > len && ngx_strncmp(n->data, host->data, len) == 0;
    }

    if (n->len > 2 && n->data[0] == '*') {
        len = n->len - 1;

        return host->len > len
               && ngx_strncmp(n->data + 1, host->data + host->len - len, len)
                  == 0;
    }

    if (n->len < 2 || n->data[0] != '.') {
        return 0;
    }

    if (host->len == n->len - 1) {
        return ngx_strncmp(n->data + 1, host->data, host->len) == 0;
    }

    return host->len > n->len
           && ngx_strncmp(n->data, host->data + host->len - n->len, n->len)
              == 0;
}


static ngx_uint_t
ngx_http_oauth_origin_foreign(ngx_http_request_t *r)
{
    ngx_table_elt_t  *h;

    for (h = ngx_http_oauth_header_in(r, "Sec-Fetch-Site", NULL);
         h;
         h = ngx_http_oauth_header_in(r, "Sec-Fetch-Site", h))
    {
        if (!(h->value.len == sizeof("same-origin") - 1
              && ngx_strncmp(h->value.data, "same-origin", h->value.len) == 0)
            && !(h->value.len == sizeof("none") - 1
                 && ngx_strncmp(h->value.data, "none", h->value.len) == 0))
        {
            return 1;
        }
    }

    for (h = ngx_http_oauth_header_in(r, "Origin", NULL);
         h;
         h = ngx_http_oauth_header_in(r, "Origin", h))
    {
        if (!ngx_http_oauth_origin_same(r, &h->value)) {
            return 1;
        }
    }

    return 0;
}


/*
 * The scheme does not count: TLS may end in front of the gateway.  The host
 * was checked before.
 */

static ngx_uint_t
ngx_http_oauth_origin_same(ngx_http_request_t *r, ngx_str_t *origin)
{
    ngx_str_t  host;

    host = *origin;

    if (host.len > sizeof("https://") - 1
        && ngx_strncasecmp(host.data, (u_char *) "https://",
                           sizeof("https://") - 1)
           == 0)
    {
        host.data += sizeof("https://") - 1;
        host.len -= sizeof("https://") - 1;

    } else if (host.len > sizeof("http://") - 1
               && ngx_strncasecmp(host.data, (u_char *) "http://",
                                  sizeof("http://") - 1)
                  == 0)
    {
        host.data += sizeof("http://") - 1;
        host.len -= sizeof("http://") - 1;

    } else {
        return 0;
    }

    return r->headers_in.host != NULL
           && r->headers_in.host->value.len == host.len
           && ngx_strncasecmp(r->headers_in.host->value.data, host.data,
                              host.len)
              == 0;
}
