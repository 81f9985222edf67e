
/*
 * Copyright (C) The OAuth gateway authors
 */


#include "ngx_http_oauth_provider.h"
#include "ngx_http_oauth_conf.h"


typedef struct {
    ngx_http_oauth_provider_t  *provider;
    uint64_t                    seen;    /* directives of this block, bits */
} ngx_http_oauth_block_t;


typedef struct {
    ngx_str_t                   name;
    ngx_uint_t                  min;     /* arguments */
    ngx_uint_t                  max;
    char                     *(*set)(ngx_conf_t *cf,
                                    ngx_http_oauth_provider_t *p,
                                    size_t offset, ngx_uint_t again);
    size_t                      offset;
    ngx_uint_t                  several; /* unsigned  several:1; */
} ngx_http_oauth_provider_directive_t;


static char *ngx_http_oauth_provider_directive(ngx_conf_t *cf,
    ngx_command_t *dummy, void *conf);
static char *ngx_http_oauth_provider_finish(ngx_conf_t *cf,
    ngx_http_oauth_provider_t *p);
static ngx_int_t ngx_http_oauth_provider_default(ngx_conf_t *cf,
    ngx_array_t **values, const char *text);


static ngx_http_oauth_provider_directive_t
    ngx_http_oauth_provider_directives[] =
{
    { ngx_string("user"), 1, NGX_HTTP_OAUTH_VALUES_MAX,
      ngx_http_oauth_provider_values,
      offsetof(ngx_http_oauth_provider_t, user), 0 },

    { ngx_string("tenant"), 1, NGX_HTTP_OAUTH_VALUES_MAX,
      ngx_http_oauth_provider_values,
      offsetof(ngx_http_oauth_provider_t, tenant), 0 },

    { ngx_string("login"), 1, NGX_HTTP_OAUTH_VALUES_MAX,
      ngx_http_oauth_provider_values,
      offsetof(ngx_http_oauth_provider_t, login), 0 },

    { ngx_string("owner"), 1, NGX_HTTP_OAUTH_VALUES_MAX,
      ngx_http_oauth_provider_values,
      offsetof(ngx_http_oauth_provider_t, owner), 0 },

    { ngx_string("client"), 1, NGX_HTTP_OAUTH_VALUES_MAX,
      ngx_http_oauth_provider_values,
      offsetof(ngx_http_oauth_provider_t, client), 0 },

    { ngx_string("issued_at"), 1, NGX_HTTP_OAUTH_VALUES_MAX,
      ngx_http_oauth_provider_values,
      offsetof(ngx_http_oauth_provider_t, issued_at), 0 },

    { ngx_string("access_token"), 1, 1,
      ngx_http_oauth_provider_values,
      offsetof(ngx_http_oauth_provider_t, access_token), 1 },

    { ngx_string("refresh_token"), 1, 1,
      ngx_http_oauth_provider_values,
      offsetof(ngx_http_oauth_provider_t, refresh_token), 1 },

    { ngx_string("expires_in"), 1, NGX_HTTP_OAUTH_VALUES_MAX,
      ngx_http_oauth_provider_values,
      offsetof(ngx_http_oauth_provider_t, expires_in), 0 },

    { ngx_string("refresh_expires_in"), 1, NGX_HTTP_OAUTH_VALUES_MAX,
      ngx_http_oauth_provider_values,
      offsetof(ngx_http_oauth_provider_t, refresh_expires_in), 0 },

    { ngx_string("limit"), 3, 2 + LEDGER_LIMIT_KEYS_MAX,
      ngx_http_oauth_provider_limit,
      offsetof(ngx_http_oauth_provider_t, limits), 1 },

    { ngx_string("exempt"), 1, NGX_HTTP_OAUTH_VALUES_MAX,
      ngx_http_oauth_provider_exempt,
      offsetof(ngx_http_oauth_provider_t, exempt), 0 },

    { ngx_string("response_set"), 2, 2,
      ngx_http_oauth_provider_set,
      offsetof(ngx_http_oauth_provider_t, response_set), 1 },

    { ngx_string("refusal"), 1, 3,
      ngx_http_oauth_provider_refusal,
      offsetof(ngx_http_oauth_provider_t, refusal), 0 },

    { ngx_string("token_refusal"), 3, 3,
      ngx_http_oauth_provider_refusal,
      offsetof(ngx_http_oauth_provider_t, token_refusal), 0 },

    { ngx_string("contact"), 1, 1,
      ngx_http_oauth_provider_text,
      offsetof(ngx_http_oauth_provider_t, contact), 0 },

    { ngx_string("link"), 1, 1,
      ngx_http_oauth_provider_link,
      offsetof(ngx_http_oauth_provider_t, link), 0 },

    { ngx_string("dead"), 1, 2,
      ngx_http_oauth_provider_dead,
      0, 0 },

    { ngx_string("contested"), 2, 2,
      ngx_http_oauth_provider_contested,
      0, 0 },

    { ngx_string("idle"), 1, 1,
      ngx_http_oauth_provider_idle,
      offsetof(ngx_http_oauth_provider_t, idle), 0 },

    { ngx_string("replay"), 1, 1,
      ngx_http_oauth_provider_time,
      offsetof(ngx_http_oauth_provider_t, replay), 0 },

    { ngx_string("grace"), 1, 1,
      ngx_http_oauth_provider_grace,
      offsetof(ngx_http_oauth_provider_t, grace), 0 },

    { ngx_string("takeover"), 1, 1,
      ngx_http_oauth_provider_mode,
      offsetof(ngx_http_oauth_provider_t, takeover), 0 },

    { ngx_string("integration_users"), 1, NGX_HTTP_OAUTH_VALUES_MAX,
      ngx_http_oauth_provider_values,
      offsetof(ngx_http_oauth_provider_t, integration_users), 0 },

    { ngx_string("other_users"), 1, 1,
      ngx_http_oauth_provider_mode,
      offsetof(ngx_http_oauth_provider_t, other_users), 0 },

    { ngx_string("refresh_ends_access"), 1, 1,
      ngx_http_oauth_provider_flag,
      offsetof(ngx_http_oauth_provider_t, refresh_ends_access), 0 },

    { ngx_null_string, 0, 0, NULL, 0, 0 }
};


char *
ngx_http_oauth_provider_block(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_oauth_main_conf_t *mcf = conf;

    char                       *rv;
    ngx_str_t                  *value;
    ngx_conf_t                  save;
    ngx_http_oauth_block_t      block;
    ngx_http_oauth_provider_t  *p, *other, **slot;

    value = cf->args->elts;

    if (cf->args->nelts == 3
        || (cf->args->nelts == 4 && ngx_strcmp(value[2].data, "from") != 0))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "expected \"oauth_provider NAME [from OTHER]\"");
        return NGX_CONF_ERROR;
    }

    if (value[1].len == 0 || value[1].len > LEDGER_IDENTITY_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "a provider's name takes 1 to %d bytes",
                           LEDGER_IDENTITY_MAX);
        return NGX_CONF_ERROR;
    }

    if (ngx_http_oauth_provider_find(mcf, &value[1]) != NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "duplicate oauth_provider \"%V\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    p = ngx_pcalloc(cf->pool, sizeof(ngx_http_oauth_provider_t));
    if (p == NULL) {
        return NGX_CONF_ERROR;
    }

    if (cf->args->nelts == 4) {
        other = ngx_http_oauth_provider_find(mcf, &value[3]);

        if (other == NULL) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "unknown oauth_provider \"%V\" to start from: "
                               "its block must stand before this one",
                               &value[3]);
            return NGX_CONF_ERROR;
        }

        *p = *other;

    } else {
        p->dead_status = NGX_HTTP_UNAUTHORIZED;
        p->contests = 3;
        p->contest_window = 600000;
        p->idle = (uint64_t) 400 * 86400 * 1000;
        p->replay = 60000;
        p->takeover.constant = NGX_HTTP_OAUTH_MODE_PASS;
        p->other_users.constant = NGX_HTTP_OAUTH_MODE_FLAG;
    }

    p->name = value[1];
    p->used = 0;
    p->file = cf->conf_file->file.name.data;
    p->line = cf->conf_file->line;

    if (mcf->providers == NULL) {
        mcf->providers = ngx_array_create(cf->pool, 4,
                                       sizeof(ngx_http_oauth_provider_t *));
        if (mcf->providers == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    block.provider = p;
    block.seen = 0;

    save = *cf;
    cf->handler = ngx_http_oauth_provider_directive;
    cf->handler_conf = (char *) &block;

    rv = ngx_conf_parse(cf, NULL);

    *cf = save;

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    rv = ngx_http_oauth_provider_finish(cf, p);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    slot = ngx_array_push(mcf->providers);
    if (slot == NULL) {
        return NGX_CONF_ERROR;
    }

    *slot = p;

    return NGX_CONF_OK;
}


ngx_http_oauth_provider_t *
ngx_http_oauth_provider_find(ngx_http_oauth_main_conf_t *mcf, ngx_str_t *name)
{
    ngx_uint_t                   i;
    ngx_http_oauth_provider_t  **p;

    if (mcf->providers == NULL) {
        return NULL;
    }

    p = mcf->providers->elts;

    for (i = 0; i < mcf->providers->nelts; i++) {
        if (p[i]->name.len == name->len
            && ngx_strncmp(p[i]->name.data, name->data, name->len) == 0)
        {
            return p[i];
        }
    }

    return NULL;
}


static char *
ngx_http_oauth_provider_directive(ngx_conf_t *cf, ngx_command_t *dummy,
    void *conf)
{
    ngx_http_oauth_block_t *block = conf;

    ngx_str_t                            *value;
    ngx_uint_t                            i, n, again;
    ngx_http_oauth_provider_directive_t  *d;

    value = cf->args->elts;
    n = cf->args->nelts - 1;

    if (n == 1 && ngx_strcmp(value[0].data, "include") == 0) {
        return ngx_conf_include(cf, dummy, conf);
    }

    for (i = 0; ngx_http_oauth_provider_directives[i].name.len; i++) {
        d = &ngx_http_oauth_provider_directives[i];

        if (d->name.len != value[0].len
            || ngx_strcmp(d->name.data, value[0].data) != 0)
        {
            continue;
        }

        if (n < d->min || n > d->max) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid number of arguments in \"%V\" "
                               "directive", &value[0]);
            return NGX_CONF_ERROR;
        }

        again = (block->seen >> i) & 1;

        if (again && !d->several) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\" directive is duplicate", &value[0]);
            return NGX_CONF_ERROR;
        }

        block->seen |= (uint64_t) 1 << i;

        return d->set(cf, block->provider, d->offset, again);
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "unknown directive \"%V\" in oauth_provider",
                       &value[0]);

    return NGX_CONF_ERROR;
}


static char *
ngx_http_oauth_provider_finish(ngx_conf_t *cf, ngx_http_oauth_provider_t *p)
{
    ngx_uint_t               i, k;
    ngx_http_oauth_limit_t  *limit;

    if (p->owner == NULL) {

        if (ngx_http_oauth_provider_default(cf, &p->owner,
                                            "$http_x_oauth_owner")
            != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }

        p->owner_default = p->owner;
    }

    if (p->owner == p->owner_default
        && (p->takeover.variable
            || p->takeover.constant != NGX_HTTP_OAUTH_MODE_PASS))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "oauth_provider \"%V\" has \"takeover\", but does "
                           "not say who the owner is: add \"owner VALUE\" "
                           "with what mutual TLS, authentication or your "
                           "network vouch for", &p->name);
        return NGX_CONF_ERROR;
    }

    if (ngx_http_oauth_provider_default(cf, &p->access_token,
                                "$oauth_response_access_token") != NGX_OK
        || ngx_http_oauth_provider_default(cf, &p->refresh_token,
                                "$oauth_response_refresh_token") != NGX_OK
        || ngx_http_oauth_provider_default(cf, &p->expires_in,
                                "$oauth_response_expires_in") != NGX_OK
        || ngx_http_oauth_provider_default(cf, &p->refresh_expires_in,
                            "$oauth_response_refresh_expires_in") != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (p->limits == NULL) {
        return NGX_CONF_OK;
    }

    limit = p->limits->elts;

    for (i = 0; i < p->limits->nelts; i++) {
        for (k = 0; k < limit[i].nkeys; k++) {

            if (limit[i].keys[k].kind == LEDGER_KEY_USER && p->user == NULL) {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                                   "oauth_provider \"%V\" has a limit per "
                                   "user, but does not say who the user is: "
                                   "add \"user VALUE\"", &p->name);
                return NGX_CONF_ERROR;
            }

            if (limit[i].keys[k].kind == LEDGER_KEY_TENANT
                && p->tenant == NULL)
            {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                                   "oauth_provider \"%V\" has a limit per "
                                   "tenant, but does not say which the tenant "
                                   "is: add \"tenant VALUE\"", &p->name);
                return NGX_CONF_ERROR;
            }
        }
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_oauth_provider_default(ngx_conf_t *cf, ngx_array_t **values,
    const char *text)
{
    ngx_str_t  value;

    if (*values != NULL) {
        return NGX_OK;
    }

    value.data = (u_char *) text;
    value.len = ngx_strlen(text);

    return ngx_http_oauth_provider_push(cf, values, &value, 0) ? NGX_OK
                                                               : NGX_ERROR;
}
