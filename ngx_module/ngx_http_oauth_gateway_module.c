
/*
 * Copyright (C) The OAuth gateway authors
 */


#include "ngx_http_oauth_gateway.h"
#include "ngx_http_oauth_answer.h"
#include "ngx_http_oauth_body.h"
#include "ngx_http_oauth_conf.h"
#include "ngx_http_oauth_counters.h"
#include "ngx_http_oauth_ctx.h"
#include "ngx_http_oauth_guard.h"
#include "ngx_http_oauth_heal.h"
#include "ngx_http_oauth_late.h"
#include "ngx_http_oauth_members.h"
#include "ngx_http_oauth_provider.h"
#include "ngx_http_oauth_refusal.h"
#include "ngx_http_oauth_revocation.h"
#include "ngx_http_oauth_status.h"
#include "ngx_http_oauth_store.h"
#include "ngx_http_oauth_token_endpoint.h"
#include "ngx_http_oauth_variables.h"


static ngx_int_t ngx_http_oauth_header_filter(ngx_http_request_t *r);
static ngx_int_t ngx_http_oauth_body_filter(ngx_http_request_t *r,
    ngx_chain_t *in);



static ngx_int_t ngx_http_oauth_preconfiguration(ngx_conf_t *cf);
static ngx_int_t ngx_http_oauth_postconfiguration(ngx_conf_t *cf);
static ngx_uint_t ngx_http_oauth_healing(ngx_http_oauth_main_conf_t *mcf);


static ngx_command_t  ngx_http_oauth_gateway_commands[] = {

    { ngx_string("oauth_store"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1234|NGX_CONF_TAKE5,
      ngx_http_oauth_store_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("oauth_key_file"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_oauth_key_file,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("oauth_json"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE3,
      ngx_http_oauth_json_variable,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("oauth_provider"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_BLOCK|NGX_CONF_TAKE123,
      ngx_http_oauth_provider_block,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("oauth_token_endpoint"),
      NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ngx_http_oauth_token_endpoint,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("oauth_revocation_endpoint"),
      NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ngx_http_oauth_revocation_endpoint,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("oauth_userinfo_endpoint"),
      NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_oauth_userinfo_endpoint,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("oauth_guard"),
      NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ngx_http_oauth_guard,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("oauth_check"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE123,
      ngx_http_oauth_check,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("oauth_token_from"),
      NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_oauth_token_from,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("oauth_unknown"),
      NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_oauth_mode_directive,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_oauth_loc_conf_t, unknown),
      NULL },

    { ngx_string("oauth_broken"),
      NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_oauth_mode_directive,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_oauth_loc_conf_t, broken),
      NULL },

    { ngx_string("oauth_details"),
      NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_oauth_loc_conf_t, details),
      NULL },

    { ngx_string("oauth_status"),
      NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS|NGX_CONF_TAKE1,
      ngx_http_oauth_status,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("oauth_status_write"),
      NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_oauth_loc_conf_t, status_write),
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_oauth_gateway_module_ctx = {
    ngx_http_oauth_preconfiguration,     /* preconfiguration */
    ngx_http_oauth_postconfiguration,    /* postconfiguration */

    ngx_http_oauth_create_main_conf,     /* create main configuration */
    ngx_http_oauth_init_main_conf,       /* init main configuration */

    NULL,                                /* create server configuration */
    NULL,                                /* merge server configuration */

    ngx_http_oauth_create_loc_conf,      /* create location configuration */
    ngx_http_oauth_merge_loc_conf        /* merge location configuration */
};


ngx_module_t  ngx_http_oauth_gateway_module = {
    NGX_MODULE_V1,
    &ngx_http_oauth_gateway_module_ctx,  /* module context */
    ngx_http_oauth_gateway_commands,     /* module directives */
    NGX_HTTP_MODULE,                     /* module type */
    NULL,                                /* init master */
    ngx_http_oauth_store_init_module,    /* init module */
    ngx_http_oauth_store_init_process,   /* init process */
    NULL,                                /* init thread */
    NULL,                                /* exit thread */
    ngx_http_oauth_store_exit_process,   /* exit process */
    NULL,                                /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_http_output_header_filter_pt  ngx_http_next_header_filter;
static ngx_http_output_body_filter_pt    ngx_http_next_body_filter;


static ngx_int_t
ngx_http_oauth_header_filter(ngx_http_request_t *r)
{
    ngx_int_t              rc;
    ngx_http_oauth_ctx_t  *ctx;

    ctx = ngx_http_oauth_ctx(r);

    if (ctx == NULL) {
        return ngx_http_next_header_filter(r);
    }

    ngx_http_oauth_swap_out(r, ctx);

    if (ctx->page_due && !ctx->page_sent) {
        ngx_http_oauth_local_page_header(r, ctx);

        return ngx_http_next_header_filter(r);
    }

    if (ctx->local) {
        return ngx_http_next_header_filter(r);
    }

    if (ctx->token_endpoint) {
        rc = ngx_http_oauth_capture_header(r, ctx);
        if (rc != NGX_DECLINED) {
            return rc;
        }

    } else if (ngx_http_oauth_guard_answer(r, ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_oauth_next_header(r, ctx);
}


static ngx_int_t
ngx_http_oauth_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_int_t              rc;
    ngx_http_oauth_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_oauth_gateway_module);

    if (ctx == NULL
        || !(ctx->page_sent || ctx->holding || ctx->copying))
    {
        return ngx_http_next_body_filter(r, in);
    }

    if (ctx->page_sent) {
        return ngx_http_oauth_local_page_body(r, ctx, in);
    }

    rc = ngx_http_oauth_capture_body(r, ctx, in);

    if (rc == NGX_DECLINED) {
        rc = ngx_http_oauth_userinfo_body(r, ctx, in);
    }

    return (rc == NGX_DECLINED) ? ngx_http_next_body_filter(r, in) : rc;
}


ngx_int_t
ngx_http_oauth_next_header(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx)
{
    if (ngx_http_oauth_mark(r, ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_next_header_filter(r);
}


ngx_int_t
ngx_http_oauth_next_body(ngx_http_request_t *r, ngx_chain_t *in)
{
    return ngx_http_next_body_filter(r, in);
}


static ngx_int_t
ngx_http_oauth_preconfiguration(ngx_conf_t *cf)
{
    return ngx_http_oauth_variables_add(cf);
}


/* The token endpoint goes first: it says what kind of location it is. */

static ngx_int_t
ngx_http_oauth_postconfiguration(ngx_conf_t *cf)
{
    ngx_uint_t                   i;
    ngx_http_handler_pt         *h;
    ngx_http_core_main_conf_t   *cmcf;
    ngx_http_oauth_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf,
                                             ngx_http_oauth_gateway_module);

    if (ngx_http_oauth_store_check(cf, mcf) != NGX_CONF_OK) {
        return NGX_ERROR;
    }

    ngx_http_oauth_status_check(cf, mcf);

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    /* the handlers of a phase run in the reverse order of their entries */

    h = ngx_array_push_n(&cmcf->phases[NGX_HTTP_PREACCESS_PHASE].handlers, 3);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h[0] = ngx_http_oauth_guard_handler;
    h[1] = ngx_http_oauth_revocation_handler;
    h[2] = ngx_http_oauth_token_endpoint_handler;

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_LOG_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_oauth_count_handler;

    /* who does not heal has nothing to put back */

    for (i = 0; ngx_http_oauth_healing(mcf) && i < 2; i++) {

        h = ngx_array_push(&cmcf->phases[i ? NGX_HTTP_REWRITE_PHASE
                                           : NGX_HTTP_SERVER_REWRITE_PHASE]
                           .handlers);
        if (h == NULL) {
            return NGX_ERROR;
        }

        *h = ngx_http_oauth_swap_handler;
    }

    ngx_http_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_http_oauth_header_filter;

    ngx_http_next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = ngx_http_oauth_body_filter;

    return ngx_http_oauth_body_filter_init(cf);
}


static ngx_uint_t
ngx_http_oauth_healing(ngx_http_oauth_main_conf_t *mcf)
{
    ngx_uint_t                   i;
    ngx_http_oauth_provider_t  **provider;

    if (mcf->providers == NULL) {
        return 0;
    }

    provider = mcf->providers->elts;

    for (i = 0; i < mcf->providers->nelts; i++) {
        if (provider[i]->heal) {
            return 1;
        }
    }

    return 0;
}
