
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * What all files of the nginx shell share: nginx, the ledger, the names of
 * the module's main types, and the filters behind it.  What a file offers to
 * others stands in the header of its name, or of its role.
 */

#ifndef _NGX_HTTP_OAUTH_GATEWAY_H_INCLUDED_
#define _NGX_HTTP_OAUTH_GATEWAY_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ledger.h"


/* Configuration: ngx_http_oauth_conf.h. */

typedef struct ngx_http_oauth_main_conf_s  ngx_http_oauth_main_conf_t;
typedef struct ngx_http_oauth_loc_conf_s   ngx_http_oauth_loc_conf_t;
typedef struct ngx_http_oauth_provider_s   ngx_http_oauth_provider_t;

/* The state of a request: ngx_http_oauth_ctx.h. */

typedef struct ngx_http_oauth_ctx_s        ngx_http_oauth_ctx_t;
typedef struct ngx_http_oauth_lent_s       ngx_http_oauth_lent_t;

/* A record on its way to the disk, and what is counted of a provider. */

typedef struct ngx_http_oauth_commit_s     ngx_http_oauth_commit_t;
typedef struct ngx_http_oauth_counters_s   ngx_http_oauth_counters_t;


extern ngx_module_t  ngx_http_oauth_gateway_module;


/* The filters behind this module's; the first marks the answer's header. */

ngx_int_t ngx_http_oauth_next_header(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);
ngx_int_t ngx_http_oauth_next_body(ngx_http_request_t *r, ngx_chain_t *in);


#define ngx_http_oauth_slice(str)                                             \
    ((ledger_slice_t) { (str)->data, (str)->len })


#endif /* _NGX_HTTP_OAUTH_GATEWAY_H_INCLUDED_ */
