
/*
 * Copyright (C) The OAuth gateway authors
 */


#include "ngx_http_oauth_gateway.h"


/* No block needs more; bounds what an exchange may evaluate. */
#define NGX_HTTP_OAUTH_VALUES_MAX  16


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
static char *ngx_http_oauth_provider_values(ngx_conf_t *cf,
    ngx_http_oauth_provider_t *p, size_t offset, ngx_uint_t again);
static ngx_http_complex_value_t *ngx_http_oauth_provider_push(ngx_conf_t *cf,
    ngx_array_t **values, ngx_str_t *text, ngx_uint_t again);
static char *ngx_http_oauth_provider_limit(ngx_conf_t *cf,
    ngx_http_oauth_provider_t *p, size_t offset, ngx_uint_t again);
static char *ngx_http_oauth_provider_limit_key(ngx_conf_t *cf,
    ngx_str_t *word, ngx_http_oauth_limit_key_t *key);
static char *ngx_http_oauth_provider_exempt(ngx_conf_t *cf,
    ngx_http_oauth_provider_t *p, size_t offset, ngx_uint_t again);
static char *ngx_http_oauth_provider_set(ngx_conf_t *cf,
    ngx_http_oauth_provider_t *p, size_t offset, ngx_uint_t again);
static char *ngx_http_oauth_provider_refusal(ngx_conf_t *cf,
    ngx_http_oauth_provider_t *p, size_t offset, ngx_uint_t again);
static char *ngx_http_oauth_provider_text(ngx_conf_t *cf,
    ngx_http_oauth_provider_t *p, size_t offset, ngx_uint_t again);
static char *ngx_http_oauth_provider_link(ngx_conf_t *cf,
    ngx_http_oauth_provider_t *p, size_t offset, ngx_uint_t again);
static char *ngx_http_oauth_provider_dead(ngx_conf_t *cf,
    ngx_http_oauth_provider_t *p, size_t offset, ngx_uint_t again);
static char *ngx_http_oauth_provider_contested(ngx_conf_t *cf,
    ngx_http_oauth_provider_t *p, size_t offset, ngx_uint_t again);
static char *ngx_http_oauth_provider_idle(ngx_conf_t *cf,
    ngx_http_oauth_provider_t *p, size_t offset, ngx_uint_t again);
static char *ngx_http_oauth_provider_time(ngx_conf_t *cf,
    ngx_http_oauth_provider_t *p, size_t offset, ngx_uint_t again);
static char *ngx_http_oauth_provider_grace(ngx_conf_t *cf,
    ngx_http_oauth_provider_t *p, size_t offset, ngx_uint_t again);
static char *ngx_http_oauth_provider_flag(ngx_conf_t *cf,
    ngx_http_oauth_provider_t *p, size_t offset, ngx_uint_t again);


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

    { ngx_string("refresh_ends_access"), 1, 1,
      ngx_http_oauth_provider_flag,
      offsetof(ngx_http_oauth_provider_t, refresh_ends_access), 0 },

    { ngx_null_string, 0, 0, NULL, 0, 0 }
};


/* Indexed by ledger_limit_key_kind_t. */

static ngx_str_t  ngx_http_oauth_limit_words[] = {
    ngx_null_string,
    ngx_string("user"),
    ngx_string("tenant"),
    ngx_string("client"),
    ngx_string("scope")
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
    }

    p->name = value[1];
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


ngx_str_t *
ngx_http_oauth_limit_word(ngx_uint_t kind)
{
    return &ngx_http_oauth_limit_words[kind < LEDGER_KEY_VARIABLE ? kind : 0];
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

    if (ngx_http_oauth_provider_default(cf, &p->owner,
                                        "$http_x_oauth_owner") != NGX_OK
        || ngx_http_oauth_provider_default(cf, &p->access_token,
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


static char *
ngx_http_oauth_provider_values(ngx_conf_t *cf, ngx_http_oauth_provider_t *p,
    size_t offset, ngx_uint_t again)
{
    ngx_str_t     *value;
    ngx_uint_t     i;
    ngx_array_t  **values;

    value = cf->args->elts;
    values = (ngx_array_t **) ((u_char *) p + offset);

    for (i = 1; i < cf->args->nelts; i++) {
        if (ngx_http_oauth_provider_push(cf, values, &value[i],
                                         again || i > 1)
            == NULL)
        {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


static ngx_http_complex_value_t *
ngx_http_oauth_provider_push(ngx_conf_t *cf, ngx_array_t **values,
    ngx_str_t *text, ngx_uint_t again)
{
    ngx_http_complex_value_t          *cv;

    /* what was inherited is replaced as a whole */

    if (!again) {
        *values = ngx_array_create(cf->pool, 2,
                                   sizeof(ngx_http_complex_value_t));
        if (*values == NULL) {
            return NULL;
        }
    }

    if ((*values)->nelts == NGX_HTTP_OAUTH_VALUES_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "more than %d values",
                           NGX_HTTP_OAUTH_VALUES_MAX);
        return NULL;
    }

    cv = ngx_array_push(*values);
    if (cv == NULL) {
        return NULL;
    }

    if (ngx_http_oauth_value_compile(cf, text, cv) != NGX_OK) {
        return NULL;
    }

    return cv;
}


static char *
ngx_http_oauth_provider_limit(ngx_conf_t *cf, ngx_http_oauth_provider_t *p,
    size_t offset, ngx_uint_t again)
{
    char                    *rv;
    ngx_int_t                n;
    ngx_str_t               *value;
    ngx_uint_t               i;
    ngx_http_oauth_limit_t  *limit;

    value = cf->args->elts;

    n = ngx_atoi(value[1].data, value[1].len);

    if (n < 1 || n > LEDGER_LIMIT_N_MAX
        || ngx_strcmp(value[2].data, "per") != 0)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "expected \"limit N per KEY ...\" with N from 1 "
                           "to %d", LEDGER_LIMIT_N_MAX);
        return NGX_CONF_ERROR;
    }

    if (!again) {
        p->limits = ngx_array_create(cf->pool, 2,
                                     sizeof(ngx_http_oauth_limit_t));
        if (p->limits == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    if (p->limits->nelts == LEDGER_LIMITS_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "more than %d limits in one oauth_provider",
                           LEDGER_LIMITS_MAX);
        return NGX_CONF_ERROR;
    }

    limit = ngx_array_push(p->limits);
    if (limit == NULL) {
        return NGX_CONF_ERROR;
    }

    limit->n = n;
    limit->nkeys = cf->args->nelts - 3;

    for (i = 0; i < limit->nkeys; i++) {
        rv = ngx_http_oauth_provider_limit_key(cf, &value[i + 3],
                                               &limit->keys[i]);
        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_oauth_provider_limit_key(ngx_conf_t *cf, ngx_str_t *word,
    ngx_http_oauth_limit_key_t *key)
{
    ngx_uint_t                         i;

    ngx_memzero(key, sizeof(ngx_http_oauth_limit_key_t));

    for (i = LEDGER_KEY_USER; i < LEDGER_KEY_VARIABLE; i++) {
        if (ngx_strcmp(word->data, ngx_http_oauth_limit_words[i].data) == 0) {
            key->kind = i;
            return NGX_CONF_OK;
        }
    }

    if (word->data[0] != '$' || word->len < 2) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid key \"%V\" of a limit: it can be user, "
                           "tenant, client, scope or a variable", word);
        return NGX_CONF_ERROR;
    }

    if (word->len - 1 > LEDGER_VARIABLE_NAME_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "variable \"%V\" has a name of more than %d bytes",
                           word, LEDGER_VARIABLE_NAME_MAX);
        return NGX_CONF_ERROR;
    }

    key->kind = LEDGER_KEY_VARIABLE;
    key->name.data = word->data + 1;
    key->name.len = word->len - 1;

    if (ngx_http_oauth_value_compile(cf, word, &key->value) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_oauth_provider_exempt(ngx_conf_t *cf, ngx_http_oauth_provider_t *p,
    size_t offset, ngx_uint_t again)
{
    ngx_str_t   *value, *grant;
    ngx_uint_t   i;

    value = cf->args->elts;

    p->exempt = ngx_array_create(cf->pool, 4, sizeof(ngx_str_t));
    if (p->exempt == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_strcmp(value[i].data, "none") == 0) {

            if (cf->args->nelts > 2) {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                                   "\"none\" stands alone in \"exempt\"");
                return NGX_CONF_ERROR;
            }

            return NGX_CONF_OK;
        }

        grant = ngx_array_push(p->exempt);
        if (grant == NULL) {
            return NGX_CONF_ERROR;
        }

        *grant = value[i];
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_oauth_provider_set(ngx_conf_t *cf, ngx_http_oauth_provider_t *p,
    size_t offset, ngx_uint_t again)
{
    ngx_str_t                         *value;
    ngx_http_oauth_set_t              *set;

    value = cf->args->elts;

    if (value[1].len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"response_set\" needs the name of a member");
        return NGX_CONF_ERROR;
    }

    if (!again) {
        p->response_set = ngx_array_create(cf->pool, 2,
                                           sizeof(ngx_http_oauth_set_t));
        if (p->response_set == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    set = ngx_array_push(p->response_set);
    if (set == NULL) {
        return NGX_CONF_ERROR;
    }

    set->name = value[1];

    if (ngx_http_oauth_value_compile(cf, &value[2], &set->value) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_oauth_provider_refusal(ngx_conf_t *cf, ngx_http_oauth_provider_t *p,
    size_t offset, ngx_uint_t again)
{
    ngx_int_t                       status;
    ngx_str_t                      *value;
    ngx_http_oauth_refusal_conf_t  *refusal;

    value = cf->args->elts;
    refusal = (ngx_http_oauth_refusal_conf_t *) ((u_char *) p + offset);

    if (cf->args->nelts == 3) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "expected \"%V STATUS [TYPE VALUE]\"", &value[0]);
        return NGX_CONF_ERROR;
    }

    status = ngx_atoi(value[1].data, value[1].len);

    if (status != 200 && (status < 400 || status > 599)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid status \"%V\" of a refusal: it can be "
                           "200 or from 400 to 599", &value[1]);
        return NGX_CONF_ERROR;
    }

    refusal->status = status;
    refusal->value = NULL;
    ngx_str_null(&refusal->type);

    if (cf->args->nelts == 2) {

        if (status == 200) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "a refusal with status 200 needs a body that "
                               "tells it from success: add TYPE and VALUE");
            return NGX_CONF_ERROR;
        }

        return NGX_CONF_OK;
    }

    refusal->type = value[2];

    refusal->value = ngx_http_oauth_value_new(cf, &value[3]);

    return refusal->value ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static char *
ngx_http_oauth_provider_text(ngx_conf_t *cf, ngx_http_oauth_provider_t *p,
    size_t offset, ngx_uint_t again)
{
    ngx_str_t  *value;

    value = cf->args->elts;

    if (value[1].len > NGX_HTTP_OAUTH_TEXT_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" takes at most %d bytes", &value[0],
                           NGX_HTTP_OAUTH_TEXT_MAX);
        return NGX_CONF_ERROR;
    }

    if (ngx_utf8_length(value[1].data, value[1].len) > value[1].len) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" must be UTF-8 text", &value[0]);
        return NGX_CONF_ERROR;
    }

    *(ngx_str_t *) ((u_char *) p + offset) = value[1];

    return NGX_CONF_OK;
}


static char *
ngx_http_oauth_provider_link(ngx_conf_t *cf, ngx_http_oauth_provider_t *p,
    size_t offset, ngx_uint_t again)
{
    ngx_str_t  *value;

    value = cf->args->elts;

    if (ngx_strncasecmp(value[1].data, (u_char *) "https://", 8) != 0
        && ngx_strncasecmp(value[1].data, (u_char *) "http://", 7) != 0)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid link \"%V\": it must begin with https:// "
                           "or http://", &value[1]);
        return NGX_CONF_ERROR;
    }

    return ngx_http_oauth_provider_text(cf, p, offset, again);
}


static char *
ngx_http_oauth_provider_dead(ngx_conf_t *cf, ngx_http_oauth_provider_t *p,
    size_t offset, ngx_uint_t again)
{
    ngx_int_t                          status;
    ngx_str_t                         *value;

    value = cf->args->elts;

    status = ngx_atoi(value[1].data, value[1].len);

    if (status < 200 || status > 599) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid status \"%V\" in \"dead\": it can be from "
                           "200 to 599", &value[1]);
        return NGX_CONF_ERROR;
    }

    if (status < 300 && cf->args->nelts == 2) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"dead %V\" would take every success for a dead "
                           "token: add a VALUE that tells them apart",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    p->dead_status = status;
    p->dead_value = NULL;

    if (cf->args->nelts == 2) {
        return NGX_CONF_OK;
    }

    p->dead_value = ngx_http_oauth_value_new(cf, &value[2]);

    return p->dead_value ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static char *
ngx_http_oauth_provider_contested(ngx_conf_t *cf,
    ngx_http_oauth_provider_t *p, size_t offset, ngx_uint_t again)
{
    ngx_int_t   n, window;
    ngx_str_t  *value;

    value = cf->args->elts;

    n = ngx_atoi(value[1].data, value[1].len);
    window = ngx_parse_time(&value[2], 0);

    if (n < 2 || n > LEDGER_CONTESTS_MAX || window == NGX_ERROR
        || window == 0)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "expected \"contested N TIME\" with N from 2 to %d",
                           LEDGER_CONTESTS_MAX);
        return NGX_CONF_ERROR;
    }

    p->contests = n;
    p->contest_window = window;

    return NGX_CONF_OK;
}


static char *
ngx_http_oauth_provider_idle(ngx_conf_t *cf, ngx_http_oauth_provider_t *p,
    size_t offset, ngx_uint_t again)
{
    time_t      idle;
    ngx_str_t  *value;

    value = cf->args->elts;

    idle = ngx_parse_time(&value[1], 1);

    if (idle == (time_t) NGX_ERROR || idle == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid time \"%V\" in \"idle\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    p->idle = (uint64_t) idle * 1000;

    return NGX_CONF_OK;
}


static char *
ngx_http_oauth_provider_time(ngx_conf_t *cf, ngx_http_oauth_provider_t *p,
    size_t offset, ngx_uint_t again)
{
    ngx_int_t   ms;
    ngx_str_t  *value;

    value = cf->args->elts;

    ms = ngx_parse_time(&value[1], 0);

    if (ms == NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid time \"%V\" in \"%V\"", &value[1],
                           &value[0]);
        return NGX_CONF_ERROR;
    }

    *(uint64_t *) ((u_char *) p + offset) = (uint64_t) ms;

    return NGX_CONF_OK;
}


static char *
ngx_http_oauth_provider_grace(ngx_conf_t *cf, ngx_http_oauth_provider_t *p,
    size_t offset, ngx_uint_t again)
{
    ngx_str_t  *value;

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "always") == 0) {
        p->grace = NGX_HTTP_OAUTH_GRACE_ALWAYS;
        return NGX_CONF_OK;
    }

    return ngx_http_oauth_provider_time(cf, p, offset, again);
}


static char *
ngx_http_oauth_provider_flag(ngx_conf_t *cf, ngx_http_oauth_provider_t *p,
    size_t offset, ngx_uint_t again)
{
    ngx_str_t  *value;
    ngx_flag_t *flag;

    value = cf->args->elts;
    flag = (ngx_flag_t *) ((u_char *) p + offset);

    if (ngx_strcasecmp(value[1].data, (u_char *) "on") == 0) {
        *flag = 1;
        return NGX_CONF_OK;
    }

    if (ngx_strcasecmp(value[1].data, (u_char *) "off") == 0) {
        *flag = 0;
        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid value \"%V\" in \"%V\" directive, it must be "
                       "\"on\" or \"off\"", &value[1], &value[0]);

    return NGX_CONF_ERROR;
}
