
/*
 * Copyright (C) The OAuth gateway authors
 */

#ifndef _NGX_HTTP_OAUTH_ORIGIN_H_INCLUDED_
#define _NGX_HTTP_OAUTH_ORIGIN_H_INCLUDED_


#include "ngx_http_oauth_gateway.h"


/*
 * Refuses what a page of somebody else may have made a browser send: a
 * request whose host is neither a name of the server nor a loopback literal
 * (DNS rebinding), and a POST from another origin.  NGX_DECLINED: it is
 * none; else the request was answered, and a content handler returns this.
 */

ngx_int_t ngx_http_oauth_origin_check(ngx_http_request_t *r);


#endif /* _NGX_HTTP_OAUTH_ORIGIN_H_INCLUDED_ */
