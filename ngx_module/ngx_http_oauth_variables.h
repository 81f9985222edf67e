
/*
 * Copyright (C) The OAuth gateway authors
 */

#ifndef _NGX_HTTP_OAUTH_VARIABLES_H_INCLUDED_
#define _NGX_HTTP_OAUTH_VARIABLES_H_INCLUDED_


#include "ngx_http_oauth_gateway.h"


/*
 * Makes the variable's value unknown, until ngx_http_oauth_variable_text()
 * sets it, and returns the request's state; NULL: it has none.
 */

ngx_http_oauth_ctx_t *ngx_http_oauth_variable_ctx(ngx_http_request_t *r,
    ngx_http_variable_value_t *v);

/*
 * Sets the value, which must live as long as the request.  An empty text is
 * as unknown as an absent one.
 */

void ngx_http_oauth_variable_text(ngx_http_variable_value_t *v,
    const u_char *data, size_t len);

/* The get handler of the variables by prefix. */

ngx_int_t ngx_http_oauth_member_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);


ngx_int_t ngx_http_oauth_variables_add(ngx_conf_t *cf);

/* The word of a verdict or an action; empty for 0. */

ngx_str_t *ngx_http_oauth_verdict_word(ngx_uint_t verdict);
ngx_str_t *ngx_http_oauth_action_word(ngx_uint_t action);


#endif /* _NGX_HTTP_OAUTH_VARIABLES_H_INCLUDED_ */
