
/*
 * Copyright (C) The OAuth gateway authors
 */


#include "ngx_http_oauth_upstream.h"
#include "ngx_http_oauth_conf.h"
#include "ngx_http_oauth_ctx.h"


/*
 * proxy's location configuration is private to its module, but begins with
 * the public ngx_http_upstream_conf_t.  By the time the locations of this
 * module are merged, proxy's are: its index is lower.
 */

static ngx_http_upstream_conf_t *ngx_http_oauth_upstream_conf(
    ngx_conf_t *cf);
#if (NGX_HTTP_SSL)
static ngx_uint_t ngx_http_oauth_upstream_https(
    const ngx_http_upstream_conf_t *u);
#endif
static char *ngx_http_oauth_upstream_refuse(ngx_conf_t *cf,
    const ngx_http_oauth_provider_t *provider, const char *directive,
    const char *what);


char *
ngx_http_oauth_upstream_check(ngx_conf_t *cf,
    const ngx_http_oauth_provider_t *provider, const char *directive)
{
    ngx_http_core_loc_conf_t  *clcf;
    ngx_http_upstream_conf_t  *u;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    u = ngx_http_oauth_upstream_conf(cf);

    /* an "if" block takes the handler of its location at run time */

    if (u == NULL || (clcf->handler == NULL && !clcf->noname)) {
        return NGX_CONF_OK;
    }

#if (NGX_HTTP_CACHE)
    if (u->cache == 1) {
        return ngx_http_oauth_upstream_refuse(cf, provider, directive,
                        "\"proxy_cache\" would hand one caller's tokens to "
                        "another: set \"proxy_cache off\"");
    }
#endif

    if (u->store > 0) {
        return ngx_http_oauth_upstream_refuse(cf, provider, directive,
                        "\"proxy_store\" would write tokens to the disk: set "
                        "\"proxy_store off\"");
    }

    if (u->intercept_errors) {
        return ngx_http_oauth_upstream_refuse(cf, provider, directive,
                        "\"proxy_intercept_errors\" would hide the provider's "
                        "answers: set \"proxy_intercept_errors off\"");
    }

    if (!u->pass_request_body) {
        return ngx_http_oauth_upstream_refuse(cf, provider, directive,
                        "\"proxy_pass_request_body off\" would drop the "
                        "token request: remove it");
    }

#if (NGX_HTTP_SSL)
    if (u->upstream == NULL && clcf->handler && !u->ssl_verify) {
        return ngx_http_oauth_upstream_refuse(cf, provider, directive,
                        "\"proxy_pass\" with variables may lead to https: "
                        "set \"proxy_ssl_verify on\" and "
                        "\"proxy_ssl_trusted_certificate\", whatever the "
                        "scheme is");
    }

    if (ngx_http_oauth_upstream_https(u) && !u->ssl_verify) {
        return ngx_http_oauth_upstream_refuse(cf, provider, directive,
                        "the provider's certificate is not verified: set "
                        "\"proxy_ssl_verify on\" and "
                        "\"proxy_ssl_trusted_certificate\"");
    }
#endif

    /* a runner that hangs up does not end the exchange */
    u->ignore_client_abort = 1;

    /* the provider does not choose what of ours a runner sees */
    u->ignore_headers |= NGX_HTTP_UPSTREAM_IGN_XA_REDIRECT
                         |NGX_HTTP_UPSTREAM_IGN_XA_EXPIRES
                         |NGX_HTTP_UPSTREAM_IGN_XA_LIMIT_RATE
                         |NGX_HTTP_UPSTREAM_IGN_XA_BUFFERING
                         |NGX_HTTP_UPSTREAM_IGN_XA_CHARSET;

    /* a refresh token that was sent once is not sent again */
    u->next_upstream &= ~(NGX_HTTP_UPSTREAM_FT_NON_IDEMPOTENT);

    return NGX_CONF_OK;
}


#if (NGX_HTTP_SSL)

/*
 * In nginx 1.26 "ssl" is there for each scheme; only https makes its
 * context.  A location that inherits all of "proxy_ssl_..." shares it with
 * others that do: then one of them goes to https unverified, and this one
 * may be told to verify though it does not.
 */

static ngx_uint_t
ngx_http_oauth_upstream_https(const ngx_http_upstream_conf_t *u)
{
    return u->ssl && u->ssl->ctx;
}

#endif


static ngx_http_upstream_conf_t *
ngx_http_oauth_upstream_conf(ngx_conf_t *cf)
{
    ngx_uint_t             i;
    ngx_module_t         **modules;
    ngx_http_conf_ctx_t   *ctx;

    ctx = cf->ctx;
    modules = cf->cycle->modules;

    for (i = 0; modules[i]; i++) {

        if (modules[i]->type == NGX_HTTP_MODULE
            && ngx_strcmp(modules[i]->name, "ngx_http_proxy_module") == 0)
        {
            return ctx->loc_conf[modules[i]->ctx_index];
        }
    }

    return NULL;
}


static char *
ngx_http_oauth_upstream_refuse(ngx_conf_t *cf,
    const ngx_http_oauth_provider_t *provider, const char *directive,
    const char *what)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                  "location \"%V\" with \"%s %V\" cannot work: %s",
                  &clcf->name, directive, &provider->name, what);

    return NGX_CONF_ERROR;
}
