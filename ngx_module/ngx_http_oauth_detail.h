
/*
 * Copyright (C) The OAuth gateway authors
 */

#ifndef _NGX_HTTP_OAUTH_DETAIL_H_INCLUDED_
#define _NGX_HTTP_OAUTH_DETAIL_H_INCLUDED_


#include "ngx_http_oauth_facts.h"


/*
 * Makes ctx->detail, the text for the person at 3 a.m., in the request's
 * pool, unless it is there.  NGX_OK or NGX_ERROR (no memory).
 */

ngx_int_t ngx_http_oauth_detail(ngx_http_oauth_facts_t *f);


#endif /* _NGX_HTTP_OAUTH_DETAIL_H_INCLUDED_ */
