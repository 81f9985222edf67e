
/*
 * Copyright (C) The OAuth gateway authors
 */


#include "ngx_http_oauth_status.h"
#include "ngx_http_oauth_conf.h"
#include "ngx_http_oauth_header.h"
#include "ngx_http_oauth_origin.h"


#define NGX_HTTP_OAUTH_STATUS_DEPTH  3


/* One resource below the location: FIRST, FIRST/NAME or FIRST/NAME/ORDER. */

typedef struct {
    ngx_str_t                 first;
    ngx_str_t                 order;
    ngx_uint_t                depth;
    ngx_uint_t                method;    /* with GET goes HEAD */
    ngx_http_handler_pt       handler;
    ngx_uint_t                alone;     /* may be a location of its own */
} ngx_http_oauth_status_route_t;


typedef struct {
    ngx_str_t                 parts[NGX_HTTP_OAUTH_STATUS_DEPTH];
    ngx_uint_t                n;
} ngx_http_oauth_status_path_t;


static ngx_int_t ngx_http_oauth_status_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_oauth_status_alone(ngx_http_request_t *r);
static ngx_int_t ngx_http_oauth_status_path(ngx_http_request_t *r,
    ngx_http_oauth_status_path_t *path);
static ngx_uint_t ngx_http_oauth_status_matches(
    const ngx_http_oauth_status_route_t *route,
    const ngx_http_oauth_status_path_t *path);
static ngx_int_t ngx_http_oauth_status_run(ngx_http_request_t *r,
    ngx_uint_t method, ngx_http_handler_pt handler);
static ngx_int_t ngx_http_oauth_status_not_allowed(ngx_http_request_t *r,
    ngx_uint_t method);


static ngx_http_oauth_status_route_t  ngx_http_oauth_status_routes[] = {

    { ngx_string("connections"), ngx_null_string, 1, NGX_HTTP_GET,
      ngx_http_oauth_status_connections, 0 },

    { ngx_string("connections"), ngx_null_string, 2, NGX_HTTP_GET,
      ngx_http_oauth_status_connection, 0 },

    { ngx_string("connections"), ngx_string("events"), 3, NGX_HTTP_GET,
      ngx_http_oauth_status_story, 0 },

    { ngx_string("connections"), ngx_string("release"), 3, NGX_HTTP_POST,
      ngx_http_oauth_status_release, 0 },

    { ngx_string("connections"), ngx_string("reinstate"), 3, NGX_HTTP_POST,
      ngx_http_oauth_status_reinstate, 0 },

    { ngx_string("slots"), ngx_null_string, 1, NGX_HTTP_GET,
      ngx_http_oauth_status_slots, 0 },

    { ngx_string("events"), ngx_null_string, 1, NGX_HTTP_GET,
      ngx_http_oauth_status_events, 0 },

    { ngx_string("introspect"), ngx_null_string, 1, NGX_HTTP_POST,
      ngx_http_oauth_status_introspect, 0 },

    { ngx_string("metrics"), ngx_null_string, 1, NGX_HTTP_GET,
      ngx_http_oauth_metrics_handler, 1 },

    { ngx_string("health"), ngx_null_string, 1, NGX_HTTP_GET,
      ngx_http_oauth_health_handler, 1 },

    { ngx_null_string, ngx_null_string, 0, 0, NULL, 0 }
};


/* The whole API: a resource by the path below the location. */

static ngx_int_t
ngx_http_oauth_status_handler(ngx_http_request_t *r)
{
    ngx_int_t                       rc;
    ngx_http_oauth_status_path_t    path;
    ngx_http_oauth_status_route_t  *route;

    rc = ngx_http_oauth_origin_check(r);
    if (rc != NGX_DECLINED) {
        return rc;
    }

    if (ngx_http_oauth_status_path(r, &path) != NGX_OK) {
        return ngx_http_oauth_status_not_found(r);
    }

    if (path.n == 0) {
        return ngx_http_oauth_status_run(r, NGX_HTTP_GET,
                                         ngx_http_oauth_page_handler);
    }

    for (route = ngx_http_oauth_status_routes; route->depth; route++) {

        if (ngx_http_oauth_status_matches(route, &path)) {
            return ngx_http_oauth_status_run(r, route->method,
                                             route->handler);
        }
    }

    return ngx_http_oauth_status_not_found(r);
}


/* One resource that is a location of its own, for scrapers and probes. */

static ngx_int_t
ngx_http_oauth_status_alone(ngx_http_request_t *r)
{
    ngx_http_oauth_loc_conf_t     *lcf;
    ngx_http_oauth_status_path_t   path;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_oauth_gateway_module);

    if (ngx_http_oauth_status_path(r, &path) != NGX_OK || path.n != 0) {
        return ngx_http_oauth_status_not_found(r);
    }

    return ngx_http_oauth_status_run(r, NGX_HTTP_GET, lcf->status_resource);
}


/*
 * Splits what stands behind the location's own name.  One slash at its end
 * does not count.  NGX_DECLINED: there is no such resource.
 */

static ngx_int_t
ngx_http_oauth_status_path(ngx_http_request_t *r,
    ngx_http_oauth_status_path_t *path)
{
    u_char                    *p, *end, *last;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    path->n = 0;

#if (NGX_PCRE)
    if (clcf->regex) {
        return NGX_OK;
    }
#endif

    if (clcf->named || r->uri.len < clcf->name.len) {
        return NGX_OK;
    }

    p = r->uri.data + clcf->name.len;
    last = r->uri.data + r->uri.len;

    if (clcf->name.len && clcf->name.data[clcf->name.len - 1] == '/') {
        p--;
    }

    if (p < last && *p != '/') {
        return NGX_DECLINED;
    }

    for ( /* void */ ; p < last; p = end) {

        end = ngx_strlchr(++p, last, '/');
        if (end == NULL) {
            end = last;
        }

        if (p == end) {
            /* an empty part: fine at the end only */
            return end == last ? NGX_OK : NGX_DECLINED;
        }

        if (path->n == NGX_HTTP_OAUTH_STATUS_DEPTH) {
            return NGX_DECLINED;
        }

        path->parts[path->n].data = p;
        path->parts[path->n].len = end - p;
        path->n++;
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_http_oauth_status_matches(const ngx_http_oauth_status_route_t *route,
    const ngx_http_oauth_status_path_t *path)
{
    const ngx_str_t  *order;

    order = &path->parts[NGX_HTTP_OAUTH_STATUS_DEPTH - 1];

    return route->depth == path->n
           && route->first.len == path->parts[0].len
           && ngx_memcmp(route->first.data, path->parts[0].data,
                         route->first.len)
              == 0
           && (route->order.len == 0
               || (route->order.len == order->len
                   && ngx_memcmp(route->order.data, order->data, order->len)
                      == 0));
}


static ngx_int_t
ngx_http_oauth_status_run(ngx_http_request_t *r, ngx_uint_t method,
    ngx_http_handler_pt handler)
{
    ngx_int_t  rc;

    if (r->method != method
        && !(r->method == NGX_HTTP_HEAD && method == NGX_HTTP_GET))
    {
        return ngx_http_oauth_status_not_allowed(r, method);
    }

    if (method == NGX_HTTP_GET) {
        rc = ngx_http_discard_request_body(r);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return handler(r);
}


static ngx_int_t
ngx_http_oauth_status_not_allowed(ngx_http_request_t *r, ngx_uint_t method)
{
    ngx_str_t  allow;

    if (method == NGX_HTTP_GET) {
        ngx_str_set(&allow, "GET, HEAD");

    } else {
        ngx_str_set(&allow, "POST");
    }

    if (ngx_http_oauth_header_set(r, "Allow", &allow) == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_oauth_status_problem(r, NGX_HTTP_NOT_ALLOWED,
                                    "method-not-allowed",
                                    "The resource does not take this method",
                                    "The Allow field tells what it takes.");
}


ledger_slice_t
ngx_http_oauth_status_name(ngx_http_request_t *r)
{
    ngx_http_oauth_status_path_t  path;

    if (ngx_http_oauth_status_path(r, &path) == NGX_OK && path.n > 1) {
        return ngx_http_oauth_slice(&path.parts[1]);
    }

    return ledger_slice("");
}


char *
ngx_http_oauth_status(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_oauth_loc_conf_t *lcf = conf;

    ngx_str_t                      *value;
    ngx_http_core_loc_conf_t       *clcf;
    ngx_http_oauth_main_conf_t     *mcf;
    ngx_http_oauth_status_route_t  *route;

    if (lcf->status) {
        return "is duplicate";
    }

    lcf->status = 1;
    lcf->status_file = cf->conf_file->file.name.data;
    lcf->status_line = cf->conf_file->line;

    mcf = ngx_http_conf_get_module_main_conf(cf,
                                             ngx_http_oauth_gateway_module);
    mcf->used = 1;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_http_oauth_status_handler;

    if (cf->args->nelts == 1) {

#if (NGX_PCRE)
        if (clcf->regex) {
            return "needs a location that is given by a prefix";
        }
#endif

        if (ngx_http_oauth_page_init(cf, mcf) != NGX_OK) {
            return NGX_CONF_ERROR;
        }

        return NGX_CONF_OK;
    }

    value = cf->args->elts;
    clcf->handler = ngx_http_oauth_status_alone;

    for (route = ngx_http_oauth_status_routes; route->depth; route++) {

        if (route->alone
            && route->first.len == value[1].len
            && ngx_strncmp(route->first.data, value[1].data, value[1].len)
               == 0)
        {
            lcf->status_resource = route->handler;
            return NGX_CONF_OK;
        }
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid parameter \"%V\": expected \"oauth_status "
                       "[metrics|health]\"", &value[1]);

    return NGX_CONF_ERROR;
}
