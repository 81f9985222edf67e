
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * The way of a token request.
 */

#ifndef _NGX_HTTP_OAUTH_TOKEN_ENDPOINT_H_INCLUDED_
#define _NGX_HTTP_OAUTH_TOKEN_ENDPOINT_H_INCLUDED_


#include "ngx_http_oauth_gateway.h"

#include <jansson.h>


ngx_int_t ngx_http_oauth_token_endpoint_handler(ngx_http_request_t *r);

/* Hands the request to what talks to the provider. */

ngx_int_t ngx_http_oauth_token_forward(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);

/*
 * The text of a member of a message (NULL allowed), copied to the pool;
 * empty if there is none.  NGX_OK or NGX_ERROR.
 */

ngx_int_t ngx_http_oauth_token_member(ngx_http_request_t *r, json_t *message,
    const char *name, ngx_str_t *value);

/* Removes X-OAuth-Owner from what goes to the provider. */

void ngx_http_oauth_owner_strip(ngx_http_request_t *r);

/*
 * The content handler: refuses, waits, replays or forwards.  A request that
 * has waited comes here again.
 */

ngx_int_t ngx_http_oauth_token_content(ngx_http_request_t *r);


#endif /* _NGX_HTTP_OAUTH_TOKEN_ENDPOINT_H_INCLUDED_ */
