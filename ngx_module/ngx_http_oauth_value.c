
/*
 * Copyright (C) The OAuth gateway authors
 */


#include "ngx_http_oauth_value.h"
#include "ngx_http_oauth_conf.h"
#include "ngx_http_oauth_ctx.h"


static ngx_uint_t ngx_http_oauth_value_computed(ngx_http_variable_t *v,
    ngx_uint_t n);
static ngx_uint_t ngx_http_oauth_value_recall(ngx_http_request_t *r);


static struct {
    ngx_str_t                   word;
    ngx_uint_t                  mode;
} ngx_http_oauth_modes[] = {
    { ngx_string("pass"), NGX_HTTP_OAUTH_MODE_PASS },
    { ngx_string("flag"), NGX_HTTP_OAUTH_MODE_FLAG },
    { ngx_string("reject"), NGX_HTTP_OAUTH_MODE_REJECT },
    { ngx_string("heal"), NGX_HTTP_OAUTH_MODE_HEAL },
    { ngx_null_string, 0 }
};


ngx_int_t
ngx_http_oauth_value_compile(ngx_conf_t *cf, ngx_str_t *text,
    ngx_http_complex_value_t *cv)
{
    ngx_http_compile_complex_value_t  ccv;

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = text;
    ccv.complex_value = cv;

    return ngx_http_compile_complex_value(&ccv);
}


ngx_http_complex_value_t *
ngx_http_oauth_value_new(ngx_conf_t *cf, ngx_str_t *text)
{
    ngx_http_complex_value_t  *cv;

    cv = ngx_palloc(cf->pool, sizeof(ngx_http_complex_value_t));
    if (cv == NULL) {
        return NULL;
    }

    return ngx_http_oauth_value_compile(cf, text, cv) == NGX_OK ? cv : NULL;
}


ngx_int_t
ngx_http_oauth_value_open(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx,
    ngx_uint_t secrets, ngx_http_oauth_value_scope_t *scope)
{
    ngx_uint_t                  i, n;
    ngx_http_variable_t        *v;
    ngx_http_variable_value_t  *fresh;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_get_module_main_conf(r, ngx_http_core_module);

    n = cmcf->variables.nelts;
    v = cmcf->variables.elts;

    fresh = ngx_palloc(r->pool, n * sizeof(ngx_http_variable_value_t));
    if (fresh == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        fresh[i] = r->variables[i];

        if (ngx_http_oauth_value_computed(&v[i], n)) {
            fresh[i].valid = 0;
            fresh[i].not_found = 0;
        }
    }

    scope->variables = r->variables;
    scope->outer = ctx->cached;
    scope->secrets = ctx->secrets;
    ctx->cached = r->variables;
    r->variables = fresh;

#if (NGX_PCRE)
    /* $1 of the location can be read, but a map's regex gets its own place */

    scope->ncaptures = r->ncaptures;
    scope->captures = r->captures;
    scope->captures_data = r->captures_data;
    scope->realloc_captures = r->realloc_captures;
    r->realloc_captures = 1;
#endif

    ctx->secrets = secrets ? 1 : 0;

    return NGX_OK;
}


/*
 * A map, geo or split_clients has a pointer for data and can be computed
 * again.  What "set" or a named capture has put there lives in the cache
 * alone: its data is zero or the variable's own index.  For what looks like
 * a map and is none, see ngx_http_oauth_value_recall().
 */

static ngx_uint_t
ngx_http_oauth_value_computed(ngx_http_variable_t *v, ngx_uint_t n)
{
    return v->get_handler != NULL && v->data >= n;
}


void
ngx_http_oauth_value_close(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx,
    ngx_http_oauth_value_scope_t *scope)
{
    r->variables = scope->variables;
    ctx->cached = scope->outer;
    ctx->secrets = scope->secrets;

#if (NGX_PCRE)
    r->ncaptures = scope->ncaptures;
    r->captures = scope->captures;
    r->captures_data = scope->captures_data;
    r->realloc_captures = scope->realloc_captures;
#endif
}


ngx_int_t
ngx_http_oauth_value(ngx_http_request_t *r, ngx_http_complex_value_t *cv,
    ngx_str_t *value)
{
    if (ngx_http_complex_value(r, cv, value) != NGX_OK) {
        return NGX_ERROR;
    }

    if (!ngx_http_oauth_value_recall(r)) {
        return NGX_OK;
    }

    return ngx_http_complex_value(r, cv, value);
}


/*
 * What auth_request_set has put into the cache cannot be computed again, and
 * its variable says so: it is not found.  The cache knows it.
 */

static ngx_uint_t
ngx_http_oauth_value_recall(ngx_http_request_t *r)
{
    ngx_uint_t                  i, recalled;
    ngx_http_oauth_ctx_t       *ctx;
    ngx_http_variable_value_t  *fresh, *cached;
    ngx_http_core_main_conf_t  *cmcf;

    ctx = ngx_http_oauth_ctx(r);
    cmcf = ngx_http_get_module_main_conf(r, ngx_http_core_module);

    fresh = r->variables;
    cached = ctx->cached;
    recalled = 0;

    for (i = 0; i < cmcf->variables.nelts; i++) {

        if (fresh[i].not_found && cached[i].valid && !cached[i].not_found
            && !cached[i].no_cacheable)
        {
            fresh[i] = cached[i];
            recalled = 1;
        }
    }

    return recalled;
}


ngx_int_t
ngx_http_oauth_value_first(ngx_http_request_t *r, ngx_array_t *values,
    ngx_str_t *value)
{
    ngx_uint_t                 i;
    ngx_http_complex_value_t  *cv;

    ngx_str_null(value);

    if (values == NULL) {
        return NGX_OK;
    }

    cv = values->elts;

    for (i = 0; i < values->nelts; i++) {

        if (ngx_http_oauth_value(r, &cv[i], value) != NGX_OK) {
            return NGX_ERROR;
        }

        if (value->len) {
            return NGX_OK;
        }
    }

    return NGX_OK;
}


char *
ngx_http_oauth_mode_parse(ngx_conf_t *cf, ngx_str_t *word, ngx_uint_t allowed,
    ngx_http_oauth_mode_t *mode)
{
    ngx_uint_t  i;

    mode->variable = NULL;

    if (ngx_http_script_variables_count(word) == 0) {

        for (i = 0; ngx_http_oauth_modes[i].word.len; i++) {
            if (ngx_strcmp(word->data, ngx_http_oauth_modes[i].word.data) == 0
                && (allowed & (1 << ngx_http_oauth_modes[i].mode)))
            {
                mode->constant = ngx_http_oauth_modes[i].mode;
                return NGX_CONF_OK;
            }
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid mode \"%V\": it can be %s\"flag\", "
                           "\"reject\"%s or a variable", word,
                           (allowed & (1 << NGX_HTTP_OAUTH_MODE_PASS))
                           ? "\"pass\", " : "",
                           (allowed & (1 << NGX_HTTP_OAUTH_MODE_HEAL))
                           ? ", \"heal\"" : "");
        return NGX_CONF_ERROR;
    }

    mode->constant = NGX_HTTP_OAUTH_MODE_FLAG;

    mode->variable = ngx_http_oauth_value_new(cf, word);

    return mode->variable ? NGX_CONF_OK : NGX_CONF_ERROR;
}


ngx_uint_t
ngx_http_oauth_mode(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx,
    const ngx_http_oauth_mode_t *mode)
{
    ngx_str_t                     word;
    ngx_uint_t                    result;
    ngx_http_oauth_value_scope_t  scope;

    if (mode->variable == NULL) {
        return mode->constant;
    }

    result = NGX_HTTP_OAUTH_MODE_FLAG;

    if (ngx_http_oauth_value_open(r, ctx, 0, &scope) != NGX_OK) {
        return result;
    }

    if (ngx_http_oauth_value(r, mode->variable, &word) == NGX_OK) {

        if (word.len == 6 && ngx_strncmp(word.data, "reject", 6) == 0) {
            result = NGX_HTTP_OAUTH_MODE_REJECT;

        } else if (word.len == 4 && ngx_strncmp(word.data, "heal", 4) == 0) {
            result = NGX_HTTP_OAUTH_MODE_HEAL;

        } else if ((word.len == 4 && ngx_strncmp(word.data, "pass", 4) == 0)
                   || (word.len == 3 && ngx_strncmp(word.data, "off", 3) == 0))
        {
            result = NGX_HTTP_OAUTH_MODE_PASS;
        }
    }

    ngx_http_oauth_value_close(r, ctx, &scope);

    return result;
}
