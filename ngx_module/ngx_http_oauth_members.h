
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * Members of messages, by prefix and oauth_json.
 */

#ifndef _NGX_HTTP_OAUTH_MEMBERS_H_INCLUDED_
#define _NGX_HTTP_OAUTH_MEMBERS_H_INCLUDED_


#include "ngx_http_oauth_gateway.h"

#include <jansson.h>


char *ngx_http_oauth_json_variable(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/*
 * ngx_http_oauth_source() is the message behind a source, parsed at its
 * first use; NULL: there is none.  Lives as long as ctx.
 */

json_t *ngx_http_oauth_source(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_uint_t source);


#endif /* _NGX_HTTP_OAUTH_MEMBERS_H_INCLUDED_ */
