
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * What proxy's configuration must be here.
 */

#ifndef _NGX_HTTP_OAUTH_UPSTREAM_H_INCLUDED_
#define _NGX_HTTP_OAUTH_UPSTREAM_H_INCLUDED_


#include "ngx_http_oauth_gateway.h"


/*
 * Checks and sets proxy's merged configuration of a token location.
 * NGX_CONF_OK or NGX_CONF_ERROR (logged).
 */

char *ngx_http_oauth_upstream_check(ngx_conf_t *cf,
    const ngx_http_oauth_provider_t *provider, const char *directive);


#endif /* _NGX_HTTP_OAUTH_UPSTREAM_H_INCLUDED_ */
