
/*
 * Copyright (C) The OAuth gateway authors
 */


#include "ngx_http_oauth_gateway.h"


typedef struct {
    ngx_http_oauth_ctx_t  *ctx;
} ngx_http_oauth_cleanup_t;


static ngx_int_t ngx_http_oauth_header_filter(ngx_http_request_t *r);
static ngx_int_t ngx_http_oauth_body_filter(ngx_http_request_t *r,
    ngx_chain_t *in);
static void ngx_http_oauth_ctx_cleanup(void *data);
static u_char *ngx_http_oauth_log_handler(ngx_http_request_t *r,
    ngx_http_request_t *sr, u_char *buf, size_t len);

static void *ngx_http_oauth_create_main_conf(ngx_conf_t *cf);
static char *ngx_http_oauth_init_main_conf(ngx_conf_t *cf, void *conf);
static void *ngx_http_oauth_create_loc_conf(ngx_conf_t *cf);
static char *ngx_http_oauth_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);
static void ngx_http_oauth_merge_mode(ngx_http_oauth_mode_t *conf,
    ngx_http_oauth_mode_t *prev, ngx_uint_t mode);

static char *ngx_http_oauth_store_directive(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
static char *ngx_http_oauth_key_file(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_oauth_token_endpoint(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
static char *ngx_http_oauth_revocation_endpoint(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
static char *ngx_http_oauth_guard(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static ngx_http_oauth_provider_t *ngx_http_oauth_named(ngx_conf_t *cf);
static char *ngx_http_oauth_token_from(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_oauth_mode_directive(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);

static ngx_int_t ngx_http_oauth_preconfiguration(ngx_conf_t *cf);
static ngx_int_t ngx_http_oauth_postconfiguration(ngx_conf_t *cf);


static ngx_command_t  ngx_http_oauth_gateway_commands[] = {

    { ngx_string("oauth_store"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1234,
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

    { ngx_string("oauth_guard"),
      NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ngx_http_oauth_guard,
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

    if (ctx == NULL) {
        return ngx_http_next_body_filter(r, in);
    }

    if (ctx->page_sent) {
        return ngx_http_oauth_local_page_body(r, ctx, in);
    }

    rc = ngx_http_oauth_capture_body(r, ctx, in);

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


ngx_http_oauth_ctx_t *
ngx_http_oauth_ctx(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t        *cln;
    ngx_http_oauth_ctx_t      *ctx;
    ngx_http_oauth_cleanup_t  *cleanup;

    ctx = ngx_http_get_module_ctx(r, ngx_http_oauth_gateway_module);

    if (ctx != NULL || !(r->internal || r->filter_finalize)) {
        return ctx;
    }

    /* an internal redirect has cleared the contexts */

    for (cln = r->pool->cleanup; cln; cln = cln->next) {

        if (cln->handler != ngx_http_oauth_ctx_cleanup) {
            continue;
        }

        cleanup = cln->data;

        if (cleanup->ctx->request == r) {
            ngx_http_set_ctx(r, cleanup->ctx, ngx_http_oauth_gateway_module);
            return cleanup->ctx;
        }
    }

    return NULL;
}


ngx_http_oauth_ctx_t *
ngx_http_oauth_ctx_make(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t        *cln;
    ngx_http_oauth_ctx_t      *ctx;
    ngx_http_oauth_cleanup_t  *cleanup;

    ctx = ngx_http_oauth_ctx(r);
    if (ctx != NULL) {
        return ctx;
    }

    ctx = ngx_pcalloc(r->pool, sizeof(ngx_http_oauth_ctx_t));
    if (ctx == NULL) {
        return NULL;
    }

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_oauth_cleanup_t));
    if (cln == NULL) {
        return NULL;
    }

    cleanup = cln->data;
    cleanup->ctx = ctx;
    cln->handler = ngx_http_oauth_ctx_cleanup;

    ctx->request = r;

    ngx_http_set_ctx(r, ctx, ngx_http_oauth_gateway_module);

    return ctx;
}


static void
ngx_http_oauth_ctx_cleanup(void *data)
{
    ngx_http_oauth_cleanup_t *cleanup = data;

    ngx_uint_t             i;
    ngx_http_oauth_ctx_t  *ctx;

    ctx = cleanup->ctx;

    if (ctx->commit) {
        /* the record goes on without its request */
        ngx_http_oauth_commit_forget(ctx->commit);
        ctx->commit = NULL;
    }

    ngx_http_oauth_flight_cleanup(ctx);

    for (i = 0; i < NGX_HTTP_OAUTH_SOURCES; i++) {
        json_decref(ctx->sources[i]);
        ctx->sources[i] = NULL;
    }

    if (ctx->body.len) {
        ngx_explicit_memzero(ctx->body.data, ctx->body.len);
    }
}


const ledger_connection_t *
ngx_http_oauth_connection(ngx_http_oauth_ctx_t *ctx)
{
    static const ledger_connection_t  none;

    ledger_connection_t  *connection;

    if (ctx->connection) {
        return ctx->connection;
    }

    if (ctx->raw.len == 0) {
        return &none;
    }

    connection = ngx_palloc(ctx->request->pool, sizeof(ledger_connection_t));

    if (connection == NULL
        || ledger_connection_decode(ctx->raw.data, ctx->raw.len, connection)
           != LEDGER_OK)
    {
        return &none;
    }

    ctx->connection = connection;

    return connection;
}


/*
 * nginx's own messages about a request hold the request line and the URI
 * that goes upstream; here their query strings may hold credentials.
 */

void
ngx_http_oauth_mask_errors(ngx_http_request_t *r)
{
    r->log_handler = ngx_http_oauth_log_handler;
}


void
ngx_http_oauth_mask_log(ngx_http_request_t *r)
{
    u_char     *p, *last;
    ngx_str_t   line;

    ngx_http_oauth_mask_errors(r);

    if (r->args.len == 0) {
        return;
    }

    line = r->request_line;
    last = line.data + line.len;

    p = ngx_strlchr(line.data, last, '?');
    if (p == NULL) {
        return;
    }

    r->request_line.len = p - line.data;
}


static u_char *
ngx_http_oauth_log_handler(ngx_http_request_t *r, ngx_http_request_t *sr,
    u_char *buf, size_t len)
{
    u_char                    *last;
    ngx_http_upstream_t       *u;
    ngx_http_core_srv_conf_t  *cscf;

    last = buf + len;
    cscf = ngx_http_get_module_srv_conf(r, ngx_http_core_module);

    buf = ngx_slprintf(buf, last, ", server: %V, request: \"%V %V\"",
                       &cscf->server_name, &r->method_name, &r->uri);

    u = sr->upstream;

    if (u && u->peer.name) {
        buf = ngx_slprintf(buf, last, ", upstream: \"%V%V\"", &u->schema,
                           u->peer.name);
    }

    if (r->headers_in.host) {
        buf = ngx_slprintf(buf, last, ", host: \"%V\"",
                           &r->headers_in.host->value);
    }

    return buf;
}


static void *
ngx_http_oauth_create_main_conf(ngx_conf_t *cf)
{
    ngx_http_oauth_main_conf_t  *mcf;

    mcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_oauth_main_conf_t));
    if (mcf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     mcf->path = { 0, NULL };
     *     mcf->key_file = { 0, NULL };
     *     mcf->providers = NULL;
     *     mcf->keyring = NULL;
     *     mcf->pool = NULL;
     *     mcf->used = 0;
     */

    mcf->max_size = (size_t) 64 * 1024 * 1024 * 1024;
    mcf->retention = (uint64_t) 90 * 86400 * 1000;
    mcf->sync = 1;

    return mcf;
}


static char *
ngx_http_oauth_init_main_conf(ngx_conf_t *cf, void *conf)
{
    ngx_http_oauth_main_conf_t *mcf = conf;

    if (mcf->path.len == 0 || mcf->key_file.len) {
        return NGX_CONF_OK;
    }

    mcf->key_file.len = mcf->path.len + sizeof(".key") - 1;
    mcf->key_file.data = ngx_pnalloc(cf->pool, mcf->key_file.len + 1);
    if (mcf->key_file.data == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_sprintf(mcf->key_file.data, "%V.key%Z", &mcf->path);

    return NGX_CONF_OK;
}


static void *
ngx_http_oauth_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_oauth_loc_conf_t  *lcf;

    lcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_oauth_loc_conf_t));
    if (lcf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     lcf->token_provider = NULL;
     *     lcf->guard_provider = NULL;
     *     lcf->token_from = NULL;
     *     lcf->token_field = { 0, NULL };
     *     lcf->*_set = 0;
     */

    lcf->token_off = NGX_CONF_UNSET;
    lcf->guard_off = NGX_CONF_UNSET;
    lcf->details = NGX_CONF_UNSET;
    lcf->unknown.constant = NGX_CONF_UNSET_UINT;
    lcf->broken.constant = NGX_CONF_UNSET_UINT;

    return lcf;
}


static char *
ngx_http_oauth_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_oauth_loc_conf_t *prev = parent;
    ngx_http_oauth_loc_conf_t *conf = child;

    if (!conf->token_set) {
        conf->token_set = prev->token_set;
        conf->token_provider = prev->token_provider;
        conf->token_mode = prev->token_mode;
    }

    if (conf->revocation_provider == NULL) {
        conf->revocation_provider = prev->revocation_provider;
        conf->revocation_of = prev->revocation_of;
    }

    if (!conf->guard_set) {
        conf->guard_set = prev->guard_set;
        conf->guard_provider = prev->guard_provider;
        conf->guard_mode = prev->guard_mode;
    }

    if (!conf->from_set) {
        conf->from_set = prev->from_set;
        conf->token_from = prev->token_from;
        conf->token_field = prev->token_field;
    }

    ngx_conf_merge_value(conf->token_off, prev->token_off, 0);
    ngx_conf_merge_value(conf->guard_off, prev->guard_off, 0);
    ngx_conf_merge_value(conf->details, prev->details, 1);

    ngx_http_oauth_merge_mode(&conf->unknown, &prev->unknown,
                              NGX_HTTP_OAUTH_MODE_PASS);
    ngx_http_oauth_merge_mode(&conf->broken, &prev->broken,
                              NGX_HTTP_OAUTH_MODE_FLAG);

    if (conf->token_provider && !conf->token_off) {
        return ngx_http_oauth_upstream_check(cf, conf->token_provider,
                                             "oauth_token_endpoint");
    }

    if (conf->revocation_provider) {
        return ngx_http_oauth_upstream_check(cf, conf->revocation_provider,
                                             "oauth_revocation_endpoint");
    }

    return NGX_CONF_OK;
}


static void
ngx_http_oauth_merge_mode(ngx_http_oauth_mode_t *conf,
    ngx_http_oauth_mode_t *prev, ngx_uint_t mode)
{
    if (conf->constant != NGX_CONF_UNSET_UINT) {
        return;
    }

    if (prev->constant != NGX_CONF_UNSET_UINT) {
        *conf = *prev;
        return;
    }

    conf->variable = NULL;
    conf->constant = mode;
}


static char *
ngx_http_oauth_store_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_oauth_main_conf_t *mcf = conf;

    off_t        size;
    time_t       retention;
    ngx_str_t   *value, s;
    ngx_uint_t   i;

    if (mcf->path.len) {
        return "is duplicate";
    }

    value = cf->args->elts;
    mcf->path = value[1];

    if (mcf->path.len == 0
        || ngx_conf_full_name(cf->cycle, &mcf->path, 0) != NGX_OK)
    {
        return "has an invalid path";
    }

    while (mcf->path.len > 1 && mcf->path.data[mcf->path.len - 1] == '/') {
        mcf->path.data[--mcf->path.len] = '\0';
    }

    for (i = 2; i < cf->args->nelts; i++) {

        if (ngx_strncmp(value[i].data, "max_size=", 9) == 0) {

            s.data = value[i].data + 9;
            s.len = value[i].len - 9;

            size = ngx_parse_offset(&s);

            /* below, not even an empty store and one batch have room */

            if (size < 1024 * 1024) {
                goto invalid;
            }

            mcf->max_size = (size_t) size;
            continue;
        }

        if (ngx_strcmp(value[i].data, "sync=on") == 0) {
            mcf->sync = 1;
            continue;
        }

        if (ngx_strcmp(value[i].data, "sync=off") == 0) {
            mcf->sync = 0;
            continue;
        }

        if (ngx_strncmp(value[i].data, "retention=", 10) == 0) {

            s.data = value[i].data + 10;
            s.len = value[i].len - 10;

            retention = ngx_parse_time(&s, 1);

            if (retention == (time_t) NGX_ERROR || retention == 0) {
                goto invalid;
            }

            mcf->retention = (uint64_t) retention * 1000;
            continue;
        }

        goto invalid;
    }

    return NGX_CONF_OK;

invalid:

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid parameter \"%V\": expected \"oauth_store PATH "
                       "[max_size=SIZE] [sync=on|off] [retention=TIME]\" with "
                       "a SIZE of at least 1m", &value[i]);

    return NGX_CONF_ERROR;
}


static char *
ngx_http_oauth_key_file(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_oauth_main_conf_t *mcf = conf;

    ngx_str_t  *value;

    if (mcf->key_file.len) {
        return "is duplicate";
    }

    value = cf->args->elts;
    mcf->key_file = value[1];

    if (mcf->key_file.len == 0
        || ngx_conf_full_name(cf->cycle, &mcf->key_file, 1) != NGX_OK)
    {
        return "has an invalid path";
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_oauth_token_endpoint(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_oauth_loc_conf_t *lcf = conf;

    ngx_str_t  *value;

    if (lcf->token_set || lcf->token_off != NGX_CONF_UNSET) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {
        lcf->token_off = 1;
        return NGX_CONF_OK;
    }

    lcf->token_provider = ngx_http_oauth_named(cf);
    if (lcf->token_provider == NULL) {
        return NGX_CONF_ERROR;
    }

    lcf->token_set = 1;
    lcf->token_off = 0;
    lcf->token_mode.constant = NGX_HTTP_OAUTH_MODE_REJECT;

    if (cf->args->nelts == 2) {
        return NGX_CONF_OK;
    }

    return ngx_http_oauth_mode_parse(cf, &value[2],
                                     (1 << NGX_HTTP_OAUTH_MODE_FLAG)
                                     |(1 << NGX_HTTP_OAUTH_MODE_REJECT),
                                     &lcf->token_mode);
}


static char *
ngx_http_oauth_revocation_endpoint(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_oauth_loc_conf_t *lcf = conf;

    ngx_str_t  *value;

    if (lcf->revocation_provider) {
        return "is duplicate";
    }

    lcf->revocation_provider = ngx_http_oauth_named(cf);
    if (lcf->revocation_provider == NULL) {
        return NGX_CONF_ERROR;
    }

    if (cf->args->nelts == 2) {
        return NGX_CONF_OK;
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[2].data, "connection") == 0) {
        lcf->revocation_of = NGX_HTTP_OAUTH_REVOKE_CONNECTION;
        return NGX_CONF_OK;
    }

    if (ngx_strcmp(value[2].data, "token") == 0) {
        lcf->revocation_of = NGX_HTTP_OAUTH_REVOKE_TOKEN;
        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid parameter \"%V\": expected "
                       "\"oauth_revocation_endpoint NAME "
                       "[connection|token]\"", &value[2]);

    return NGX_CONF_ERROR;
}


static char *
ngx_http_oauth_guard(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_oauth_loc_conf_t *lcf = conf;

    ngx_str_t  *value;

    if (lcf->guard_set || lcf->guard_off != NGX_CONF_UNSET) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {
        lcf->guard_off = 1;
        return NGX_CONF_OK;
    }

    lcf->guard_provider = ngx_http_oauth_named(cf);
    if (lcf->guard_provider == NULL) {
        return NGX_CONF_ERROR;
    }

    lcf->guard_set = 1;
    lcf->guard_off = 0;
    lcf->guard_mode.constant = NGX_HTTP_OAUTH_MODE_REJECT;

    if (cf->args->nelts == 2) {
        return NGX_CONF_OK;
    }

    return ngx_http_oauth_mode_parse(cf, &value[2],
                                     (1 << NGX_HTTP_OAUTH_MODE_FLAG)
                                     |(1 << NGX_HTTP_OAUTH_MODE_REJECT),
                                     &lcf->guard_mode);
}


static ngx_http_oauth_provider_t *
ngx_http_oauth_named(ngx_conf_t *cf)
{
    ngx_str_t                   *value;
    ngx_http_oauth_provider_t   *p;
    ngx_http_oauth_main_conf_t  *mcf;

    value = cf->args->elts;
    mcf = ngx_http_conf_get_module_main_conf(cf,
                                             ngx_http_oauth_gateway_module);

    p = ngx_http_oauth_provider_find(mcf, &value[1]);

    if (p == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unknown oauth_provider \"%V\": its block must "
                           "stand in the http block, before the server",
                           &value[1]);
        return NULL;
    }

    mcf->used = 1;

    return p;
}


static char *
ngx_http_oauth_token_from(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_oauth_loc_conf_t *lcf = conf;

    ngx_str_t                         *value;
    ngx_uint_t                         i;
    ngx_http_complex_value_t          *cv;
    ngx_http_compile_complex_value_t   ccv;

    if (lcf->from_set) {
        return "is duplicate";
    }

    lcf->from_set = 1;
    value = cf->args->elts;

    if (ngx_strncmp(value[1].data, "form=", 5) == 0) {

        if (cf->args->nelts > 2 || value[1].len == 5) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "expected \"oauth_token_from VALUE ... | "
                               "form=FIELD\"");
            return NGX_CONF_ERROR;
        }

        lcf->token_field.data = value[1].data + 5;
        lcf->token_field.len = value[1].len - 5;

        return NGX_CONF_OK;
    }

    lcf->token_from = ngx_array_create(cf->pool, 2,
                                       sizeof(ngx_http_complex_value_t));
    if (lcf->token_from == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_http_script_variables_count(&value[i]) == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\" in \"oauth_token_from\" has no "
                               "variable: it would be the same for every "
                               "request", &value[i]);
            return NGX_CONF_ERROR;
        }

        cv = ngx_array_push(lcf->token_from);
        if (cv == NULL) {
            return NGX_CONF_ERROR;
        }

        ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

        ccv.cf = cf;
        ccv.value = &value[i];
        ccv.complex_value = cv;

        if (ngx_http_compile_complex_value(&ccv) != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_oauth_mode_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t              *value;
    ngx_http_oauth_mode_t  *mode;

    value = cf->args->elts;
    mode = (ngx_http_oauth_mode_t *) ((char *) conf + cmd->offset);

    if (mode->constant != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    return ngx_http_oauth_mode_parse(cf, &value[1],
                                     (1 << NGX_HTTP_OAUTH_MODE_PASS)
                                     |(1 << NGX_HTTP_OAUTH_MODE_FLAG)
                                     |(1 << NGX_HTTP_OAUTH_MODE_REJECT),
                                     mode);
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
    ngx_http_handler_pt         *h;
    ngx_http_core_main_conf_t   *cmcf;
    ngx_http_oauth_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf,
                                             ngx_http_oauth_gateway_module);

    if (ngx_http_oauth_store_check(cf, mcf) != NGX_CONF_OK) {
        return NGX_ERROR;
    }

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    /* the handlers of a phase run in the reverse order of their entries */

    h = ngx_array_push_n(&cmcf->phases[NGX_HTTP_PREACCESS_PHASE].handlers, 3);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h[0] = ngx_http_oauth_guard_handler;
    h[1] = ngx_http_oauth_revocation_handler;
    h[2] = ngx_http_oauth_token_endpoint_handler;

    ngx_http_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_http_oauth_header_filter;

    ngx_http_next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = ngx_http_oauth_body_filter;

    return ngx_http_oauth_body_filter_init(cf);
}
