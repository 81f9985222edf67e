
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * VALUEs and modes, compiled and evaluated.
 */

#ifndef _NGX_HTTP_OAUTH_VALUE_H_INCLUDED_
#define _NGX_HTTP_OAUTH_VALUE_H_INCLUDED_


#include "ngx_http_oauth_conf.h"


/*
 * Compile a VALUE, whose text must live as long as cf->pool: into *cv,
 * NGX_OK or NGX_ERROR; or into the pool, NULL on error.  Errors are logged.
 */

ngx_int_t ngx_http_oauth_value_compile(ngx_conf_t *cf, ngx_str_t *text,
    ngx_http_complex_value_t *cv);
ngx_http_complex_value_t *ngx_http_oauth_value_new(ngx_conf_t *cf,
    ngx_str_t *text);

/*
 * ngx_http_oauth_value_open() sets the variable cache aside, so that a map
 * that was read before the answer is computed anew, and lets members that
 * hold secrets be read; ngx_http_oauth_value_close() puts everything back.
 * In between, values live in the request's pool.
 */

typedef struct {
    ngx_http_variable_value_t     *variables;
    ngx_http_variable_value_t     *outer;
    int                           *captures;
    u_char                        *captures_data;
    ngx_uint_t                     ncaptures;
    unsigned                       realloc_captures:1;
    unsigned                       secrets:1;
} ngx_http_oauth_value_scope_t;

ngx_int_t ngx_http_oauth_value_open(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_uint_t secrets,
    ngx_http_oauth_value_scope_t *scope);
void ngx_http_oauth_value_close(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_http_oauth_value_scope_t *scope);

/* One VALUE, inside an open scope.  NGX_OK or NGX_ERROR. */

ngx_int_t ngx_http_oauth_value(ngx_http_request_t *r,
    ngx_http_complex_value_t *cv, ngx_str_t *value);

/*
 * The first VALUE of the list that is not empty; an empty string if none
 * is, or the list is NULL.  NGX_OK or NGX_ERROR.  Inside an open scope.
 */

ngx_int_t ngx_http_oauth_value_first(ngx_http_request_t *r,
    ngx_array_t *values, ngx_str_t *value);

/* Parses a mode word or variable; "allowed" is a mask of 1 << mode. */

char *ngx_http_oauth_mode_parse(ngx_conf_t *cf, ngx_str_t *word,
    ngx_uint_t allowed, ngx_http_oauth_mode_t *mode);

/* The mode that holds for this request: opens a scope of its own. */

ngx_uint_t ngx_http_oauth_mode(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, const ngx_http_oauth_mode_t *mode);


#endif /* _NGX_HTTP_OAUTH_VALUE_H_INCLUDED_ */
