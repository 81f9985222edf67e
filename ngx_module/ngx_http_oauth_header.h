
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * Header fields by name.
 */

#ifndef _NGX_HTTP_OAUTH_HEADER_H_INCLUDED_
#define _NGX_HTTP_OAUTH_HEADER_H_INCLUDED_


#include "ngx_http_oauth_gateway.h"


/* Sets a field of the answer that may stand once; NULL: no memory. */

ngx_table_elt_t *ngx_http_oauth_header_set(ngx_http_request_t *r,
    const char *name, ngx_str_t *value);

/* Takes a field out of the answer. */

void ngx_http_oauth_header_clear(ngx_http_request_t *r, const char *name);

/* The next field of that name in the request behind "after", or the first. */

ngx_table_elt_t *ngx_http_oauth_header_in(ngx_http_request_t *r,
    const char *name, ngx_table_elt_t *after);

/*
 * The first field of the request that "text" names, where that is $http_NAME
 * and nothing else; *n is how many there are.  NULL: none.
 */

ngx_table_elt_t *ngx_http_oauth_header_variable(ngx_http_request_t *r,
    ngx_str_t *text, ngx_uint_t *n);
ngx_uint_t ngx_http_oauth_header_is_variable(ngx_str_t *text);

/* Whether $http_NAME of the lower case or mixed name reads that field. */

ngx_uint_t ngx_http_oauth_header_named(ngx_str_t *key, ngx_str_t *name);


#endif /* _NGX_HTTP_OAUTH_HEADER_H_INCLUDED_ */
