
/*
 * Copyright (C) The OAuth gateway authors
 */


#include "ngx_http_oauth_status.h"
#include "ngx_http_oauth_conf.h"


/* A location that may be written to, and its server. */

typedef struct {
    ngx_http_core_srv_conf_t   *server;
    ngx_http_oauth_loc_conf_t  *location;
} ngx_http_oauth_write_t;


static ngx_http_conf_addr_t *ngx_http_oauth_status_open(ngx_conf_t *cf,
    ngx_http_core_srv_conf_t *server);
static ngx_uint_t ngx_http_oauth_status_serves(ngx_http_conf_addr_t *addr,
    ngx_http_core_srv_conf_t *server);
static ngx_uint_t ngx_http_oauth_status_local(struct sockaddr *sockaddr);


ngx_int_t
ngx_http_oauth_status_merged(ngx_conf_t *cf, ngx_http_oauth_loc_conf_t *lcf)
{
    ngx_array_t                 *names;
    ngx_http_server_name_t      *name;
    ngx_http_oauth_write_t      *write;
    ngx_http_core_srv_conf_t    *cscf;
    ngx_http_oauth_main_conf_t  *mcf;

    cscf = ngx_http_conf_get_module_srv_conf(cf, ngx_http_core_module);

    /* nginx itself keeps the list in a pool that ends with the reading */

    names = ngx_array_create(cf->pool, cscf->server_names.nelts + 1,
                             sizeof(ngx_http_server_name_t));
    if (names == NULL) {
        return NGX_ERROR;
    }

    if (cscf->server_names.nelts) {
        name = ngx_array_push_n(names, cscf->server_names.nelts);
        if (name == NULL) {
            return NGX_ERROR;
        }

        ngx_memcpy(name, cscf->server_names.elts,
                   cscf->server_names.nelts * sizeof(ngx_http_server_name_t));
    }

    lcf->status_names = names;

    if (!lcf->status_write) {
        return NGX_OK;
    }

    mcf = ngx_http_conf_get_module_main_conf(cf,
                                             ngx_http_oauth_gateway_module);

    if (mcf->writes == NULL) {
        mcf->writes = ngx_array_create(cf->temp_pool, 4,
                                       sizeof(ngx_http_oauth_write_t));
        if (mcf->writes == NULL) {
            return NGX_ERROR;
        }
    }

    write = ngx_array_push(mcf->writes);
    if (write == NULL) {
        return NGX_ERROR;
    }

    write->server = cscf;
    write->location = lcf;

    return NGX_OK;
}


/* The listeners are known when all servers have been read. */

void
ngx_http_oauth_status_check(ngx_conf_t *cf, ngx_http_oauth_main_conf_t *mcf)
{
    ngx_uint_t               i;
    ngx_http_conf_addr_t    *addr;
    ngx_http_oauth_write_t  *write;

    if (mcf->writes == NULL) {
        return;
    }

    write = mcf->writes->elts;

    for (i = 0; i < mcf->writes->nelts; i++) {

        addr = ngx_http_oauth_status_open(cf, write[i].server);

        if (addr) {
            ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                          "\"oauth_status\" with \"oauth_status_write on\" "
                          "in %s:%ui is reached through the listener \"%V\", "
                          "which is neither a unix socket nor a loopback "
                          "address: whoever reaches it can end connections",
                          write[i].location->status_file,
                          write[i].location->status_line,
                          &addr->opt.addr_text);
        }
    }

    /* it lies in the temporary pool */
    mcf->writes = NULL;
}


/* The first listener of the server that others can reach; NULL: none is. */

static ngx_http_conf_addr_t *
ngx_http_oauth_status_open(ngx_conf_t *cf, ngx_http_core_srv_conf_t *server)
{
    ngx_uint_t                  p, a;
    ngx_http_conf_port_t       *port;
    ngx_http_conf_addr_t       *addr;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    if (cmcf->ports == NULL) {
        return NULL;
    }

    port = cmcf->ports->elts;

    for (p = 0; p < cmcf->ports->nelts; p++) {

        addr = port[p].addrs.elts;

        for (a = 0; a < port[p].addrs.nelts; a++) {

            if (ngx_http_oauth_status_serves(&addr[a], server)
                && !ngx_http_oauth_status_local(addr[a].opt.sockaddr))
            {
                return &addr[a];
            }
        }
    }

    return NULL;
}


static ngx_uint_t
ngx_http_oauth_status_serves(ngx_http_conf_addr_t *addr,
    ngx_http_core_srv_conf_t *server)
{
    ngx_uint_t                  i;
    ngx_http_core_srv_conf_t  **servers;

    servers = addr->servers.elts;

    for (i = 0; i < addr->servers.nelts; i++) {

        if (servers[i] == server) {
            return 1;
        }
    }

    return 0;
}


static ngx_uint_t
ngx_http_oauth_status_local(struct sockaddr *sockaddr)
{
    struct sockaddr_in   *sin;
#if (NGX_HAVE_INET6)
    struct sockaddr_in6  *sin6;
#endif

    switch (sockaddr->sa_family) {

#if (NGX_HAVE_UNIX_DOMAIN)
    case AF_UNIX:
        return 1;
#endif

#if (NGX_HAVE_INET6)
    case AF_INET6:
        sin6 = (struct sockaddr_in6 *) sockaddr;
        return IN6_IS_ADDR_LOOPBACK(&sin6->sin6_addr);
#endif

    default: /* AF_INET */
        sin = (struct sockaddr_in *) sockaddr;
        return (ntohl(sin->sin_addr.s_addr) >> 24) == IN_LOOPBACKNET;
    }
}
