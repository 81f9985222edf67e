
/*
 * Copyright (C) The OAuth gateway authors
 */

#ifndef _NGX_HTTP_OAUTH_DOCUMENT_H_INCLUDED_
#define _NGX_HTTP_OAUTH_DOCUMENT_H_INCLUDED_


#include "ngx_http_oauth_facts.h"


/*
 * Writes the problem document (RFC 9457) into the request's pool; with
 * "error" (NULL: none) it has the members of RFC 6749, 5.2, too.  Needs
 * ctx->detail.  NGX_OK or NGX_ERROR (no memory).
 */

ngx_int_t ngx_http_oauth_document(ngx_http_oauth_facts_t *f,
    ngx_uint_t status, const char *error, ngx_str_t *text);


#endif /* _NGX_HTTP_OAUTH_DOCUMENT_H_INCLUDED_ */
