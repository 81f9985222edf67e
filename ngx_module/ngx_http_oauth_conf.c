
/*
 * Copyright (C) The OAuth gateway authors
 */


#include "ngx_http_oauth_conf.h"
#include "ngx_http_oauth_heal.h"
#include "ngx_http_oauth_provider.h"
#include "ngx_http_oauth_status.h"
#include "ngx_http_oauth_upstream.h"
#include "ngx_http_oauth_value.h"


/* An answer that is held for longer is nobody's any more: ms. */
#define NGX_HTTP_OAUTH_STORE_WAIT_MAX  (10 * 60 * 1000)


static ngx_int_t ngx_http_oauth_of_store(ngx_conf_t *cf,
    ngx_http_oauth_main_conf_t *mcf, const char *suffix, ngx_str_t *file);
static void ngx_http_oauth_merge_mode(ngx_http_oauth_mode_t *conf,
    ngx_http_oauth_mode_t *prev, ngx_uint_t mode);
static char *ngx_http_oauth_role(ngx_conf_t *cf,
    ngx_http_oauth_provider_t **provider, ngx_http_oauth_mode_t *mode,
    ngx_flag_t *off);
static char *ngx_http_oauth_merge_userinfo(ngx_conf_t *cf,
    ngx_http_oauth_loc_conf_t *conf);
static void ngx_http_oauth_heals(ngx_conf_t *cf,
    ngx_http_oauth_provider_t *provider, ngx_http_oauth_mode_t *mode);


void *
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
     *     mcf->lock_file = { 0, NULL };
     *     mcf->providers = NULL;
     *     mcf->keyring = NULL;
     *     mcf->pool = NULL;
     *     mcf->flights = NULL;
     *     mcf->counters = NULL;
     *     mcf->page = { 0, NULL };
     *     mcf->page_policy = { 0, NULL };
     *     mcf->writes = NULL;
     *     mcf->used = 0;
     */

    mcf->max_size = (size_t) 64 * 1024 * 1024 * 1024;
    mcf->retention = (uint64_t) 90 * 86400 * 1000;
    mcf->sync = 1;

    /* clients give up after 30 or 60 s, and some after 15 */
    mcf->wait = 10000;

    return mcf;
}


char *
ngx_http_oauth_init_main_conf(ngx_conf_t *cf, void *conf)
{
    ngx_http_oauth_main_conf_t *mcf = conf;

    if (mcf->path.len == 0) {
        return NGX_CONF_OK;
    }

    if (ngx_http_oauth_of_store(cf, mcf, "/flights", &mcf->lock_file)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (mcf->key_file.len == 0
        && ngx_http_oauth_of_store(cf, mcf, ".key", &mcf->key_file) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* A file that is named after the store. */

static ngx_int_t
ngx_http_oauth_of_store(ngx_conf_t *cf, ngx_http_oauth_main_conf_t *mcf,
    const char *suffix, ngx_str_t *file)
{
    file->len = mcf->path.len + ngx_strlen(suffix);

    file->data = ngx_pnalloc(cf->pool, file->len + 1);
    if (file->data == NULL) {
        return NGX_ERROR;
    }

    ngx_sprintf(file->data, "%V%s%Z", &mcf->path, suffix);

    return NGX_OK;
}


void *
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
     *     lcf->revocation_provider = NULL;
     *     lcf->userinfo_provider = NULL;
     *     lcf->guard_provider = NULL;
     *     lcf->check = 0;
     *     lcf->token_from = NULL;
     *     lcf->token_field = { 0, NULL };
     *     lcf->from_set = 0;
     *     lcf->status = 0;
     *     lcf->status_resource = NULL;
     *     lcf->status_names = NULL;
     *     lcf->status_file = NULL;
     *     lcf->status_line = 0;
     */

    lcf->token_off = NGX_CONF_UNSET;
    lcf->guard_off = NGX_CONF_UNSET;
    lcf->details = NGX_CONF_UNSET;
    lcf->status_write = NGX_CONF_UNSET;
    lcf->unknown.constant = NGX_CONF_UNSET_UINT;
    lcf->broken.constant = NGX_CONF_UNSET_UINT;

    return lcf;
}


char *
ngx_http_oauth_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_oauth_loc_conf_t *prev = parent;
    ngx_http_oauth_loc_conf_t *conf = child;

    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->noname) {
        /* an "if" block, whose handler is that of its location */
        conf->check = prev->check;
    }

    if (conf->check
        && ngx_http_oauth_check_location(cf, conf) != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (conf->token_provider == NULL && !conf->check) {
        conf->token_provider = prev->token_provider;
        conf->token_mode = prev->token_mode;
    }

    if (conf->revocation_provider == NULL && !conf->check) {
        conf->revocation_provider = prev->revocation_provider;
        conf->revocation_of = prev->revocation_of;
    }

    if (conf->userinfo_provider == NULL && !conf->check) {
        conf->userinfo_provider = prev->userinfo_provider;
    }

    if (conf->guard_provider == NULL) {
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
    ngx_conf_merge_value(conf->status_write, prev->status_write, 0);

    if (conf->status && ngx_http_oauth_status_merged(cf, conf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    ngx_http_oauth_merge_mode(&conf->unknown, &prev->unknown,
                              NGX_HTTP_OAUTH_MODE_PASS);
    ngx_http_oauth_merge_mode(&conf->broken, &prev->broken,
                              NGX_HTTP_OAUTH_MODE_FLAG);

    if (conf->guard_provider && !conf->guard_off
        && conf->guard_mode.variable == NULL
        && conf->guard_mode.constant == NGX_HTTP_OAUTH_MODE_HEAL
        && !ngx_http_oauth_heal_replaces(conf))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"oauth_guard %V heal\" can replace a token in "
                           "the Authorization field or in one $http_NAME, "
                           "and \"oauth_token_from\" takes it from elsewhere",
                           &conf->guard_provider->name);
        return NGX_CONF_ERROR;
    }

    if (ngx_http_oauth_merge_userinfo(cf, conf) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

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


/* One token belongs to one provider. */

static char *
ngx_http_oauth_merge_userinfo(ngx_conf_t *cf, ngx_http_oauth_loc_conf_t *conf)
{
    if (conf->userinfo_provider == NULL || conf->guard_provider == NULL
        || conf->guard_off || conf->userinfo_provider == conf->guard_provider)
    {
        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "\"oauth_userinfo_endpoint\" names \"%V\", but the "
                       "\"oauth_guard\" of the same location names \"%V\": "
                       "both must name one provider",
                       &conf->userinfo_provider->name,
                       &conf->guard_provider->name);

    return NGX_CONF_ERROR;
}


char *
ngx_http_oauth_store_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_oauth_main_conf_t *mcf = conf;

    off_t        size;
    time_t       retention;
    ngx_int_t    wait;
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

        if (ngx_strncmp(value[i].data, "wait=", 5) == 0) {

            s.data = value[i].data + 5;
            s.len = value[i].len - 5;

            wait = ngx_parse_time(&s, 0);

            if (wait == NGX_ERROR || wait == 0
                || wait > NGX_HTTP_OAUTH_STORE_WAIT_MAX)
            {
                goto invalid;
            }

            mcf->wait = (ngx_msec_t) wait;
            continue;
        }

        goto invalid;
    }

    return NGX_CONF_OK;

invalid:

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid parameter \"%V\": expected \"oauth_store PATH "
                       "[max_size=SIZE] [sync=on|off] [retention=TIME] "
                       "[wait=TIME]\" with a SIZE of at least 1m and a wait "
                       "of at most 10m", &value[i]);

    return NGX_CONF_ERROR;
}


char *
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


char *
ngx_http_oauth_token_endpoint(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_oauth_loc_conf_t *lcf = conf;

    return ngx_http_oauth_role(cf, &lcf->token_provider, &lcf->token_mode,
                               &lcf->token_off);
}


char *
ngx_http_oauth_guard(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_oauth_loc_conf_t *lcf = conf;

    return ngx_http_oauth_role(cf, &lcf->guard_provider, &lcf->guard_mode,
                               &lcf->guard_off);
}


/* NAME [MODE] | off */

static char *
ngx_http_oauth_role(ngx_conf_t *cf, ngx_http_oauth_provider_t **provider,
    ngx_http_oauth_mode_t *mode, ngx_flag_t *off)
{
    ngx_str_t  *value;

    if (*off != NGX_CONF_UNSET) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {
        *off = 1;
        return NGX_CONF_OK;
    }

    *provider = ngx_http_oauth_named(cf);
    if (*provider == NULL) {
        return NGX_CONF_ERROR;
    }

    *off = 0;
    mode->constant = NGX_HTTP_OAUTH_MODE_REJECT;

    if (cf->args->nelts == 2) {
        return NGX_CONF_OK;
    }

    if (ngx_http_oauth_mode_parse(cf, &value[2],
                                  (1 << NGX_HTTP_OAUTH_MODE_FLAG)
                                  |(1 << NGX_HTTP_OAUTH_MODE_REJECT)
                                  |(1 << NGX_HTTP_OAUTH_MODE_HEAL),
                                  mode)
        != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (mode->variable != NULL
        || mode->constant == NGX_HTTP_OAUTH_MODE_HEAL)
    {
        ngx_http_oauth_heals(cf, *provider, mode);
    }

    return NGX_CONF_OK;
}


/* From here on its tokens are kept: only what may be needed is. */

static void
ngx_http_oauth_heals(ngx_conf_t *cf, ngx_http_oauth_provider_t *provider,
    ngx_http_oauth_mode_t *mode)
{
    provider->heal = 1;

    if (mode->variable == NULL && provider->user == NULL
        && provider->tenant == NULL)
    {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "\"heal\" needs \"user\" or \"tenant\" in "
                           "oauth_provider \"%V\" (%s:%ui): without them no "
                           "two connections are known to be of one identity",
                           &provider->name, provider->file, provider->line);
    }
}


char *
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


char *
ngx_http_oauth_userinfo_endpoint(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_oauth_loc_conf_t *lcf = conf;

    if (lcf->userinfo_provider) {
        return "is duplicate";
    }

    lcf->userinfo_provider = ngx_http_oauth_named(cf);

    return lcf->userinfo_provider ? NGX_CONF_OK : NGX_CONF_ERROR;
}


ngx_http_oauth_provider_t *
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
    p->used = 1;

    return p;
}


char *
ngx_http_oauth_token_from(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_oauth_loc_conf_t *lcf = conf;

    ngx_str_t                 *value;
    ngx_uint_t                 i;
    ngx_http_complex_value_t  *cv;

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

        if (ngx_http_oauth_value_compile(cf, &value[i], cv) != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


char *
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
