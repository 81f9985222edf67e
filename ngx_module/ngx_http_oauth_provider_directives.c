
/*
 * Copyright (C) The OAuth gateway authors
 */


#include "ngx_http_oauth_provider.h"
#include "ngx_http_oauth_conf.h"
#include "ngx_http_oauth_value.h"


static char *ngx_http_oauth_provider_limit_key(ngx_conf_t *cf,
    ngx_str_t *word, ngx_http_oauth_limit_key_t *key);


/* Indexed by ledger_limit_key_kind_t. */

static ngx_str_t  ngx_http_oauth_limit_words[] = {
    ngx_null_string,
    ngx_string("user"),
    ngx_string("tenant"),
    ngx_string("client"),
    ngx_string("scope")
};


char *
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


ngx_http_complex_value_t *
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


ngx_str_t *
ngx_http_oauth_limit_word(ngx_uint_t kind)
{
    return &ngx_http_oauth_limit_words[kind < LEDGER_KEY_VARIABLE ? kind : 0];
}


char *
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


char *
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


char *
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


char *
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


char *
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


char *
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


char *
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


char *
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


char *
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


char *
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


char *
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


char *
ngx_http_oauth_provider_mode(ngx_conf_t *cf, ngx_http_oauth_provider_t *p,
    size_t offset, ngx_uint_t again)
{
    ngx_str_t  *value;

    value = cf->args->elts;

    return ngx_http_oauth_mode_parse(cf, &value[1],
                                     (1 << NGX_HTTP_OAUTH_MODE_PASS)
                                     |(1 << NGX_HTTP_OAUTH_MODE_FLAG)
                                     |(1 << NGX_HTTP_OAUTH_MODE_REJECT),
                     (ngx_http_oauth_mode_t *) ((u_char *) p + offset));
}


char *
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
