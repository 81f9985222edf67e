
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * The way of a revocation.
 */

#ifndef _NGX_HTTP_OAUTH_REVOCATION_H_INCLUDED_
#define _NGX_HTTP_OAUTH_REVOCATION_H_INCLUDED_


#include "ngx_http_oauth_gateway.h"


ngx_int_t ngx_http_oauth_revocation_handler(ngx_http_request_t *r);

/*
 * The record of a revocation that the provider has confirmed.  NGX_OK;
 * NGX_DECLINED: the token is not one of the ledger.
 */

ngx_int_t ngx_http_oauth_revocation_record(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ledger_record_t *record);


#endif /* _NGX_HTTP_OAUTH_REVOCATION_H_INCLUDED_ */
