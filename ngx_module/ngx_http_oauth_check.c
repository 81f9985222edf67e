
/*
 * Copyright (C) The OAuth gateway authors
 */


#include "ngx_http_oauth_guard.h"
#include "ngx_http_oauth_conf.h"
#include "ngx_http_oauth_ctx.h"
#include "ngx_http_oauth_header.h"
#include "ngx_http_oauth_store.h"
#include "ngx_http_oauth_value.h"


ngx_int_t
ngx_http_oauth_check_handler(ngx_http_request_t *r)
{
    ngx_int_t                   rc;
    ngx_str_t                   value;
    ledger_record_t             record;
    ngx_http_oauth_ctx_t       *ctx;
    ngx_http_oauth_loc_conf_t  *lcf;

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_oauth_gateway_module);
    ctx = ngx_http_oauth_ctx(r);

    if (ctx && ctx->use_due) {

        /* there will be no answer to wait for */

        ngx_memzero(&record, sizeof(ledger_record_t));

        record.kind = LEDGER_USE;
        record.at = ngx_http_oauth_now();
        record.u.use.connection = ctx->connection_id;

        (void) ngx_http_oauth_commit(&record, NULL, NULL);
    }

    ngx_str_set(&value, "no-store");

    if (ngx_http_oauth_header_set(r, "Cache-Control", &value) == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->headers_out.status = lcf->check;
    r->headers_out.content_length_n = 0;
    r->header_only = 1;

    return ngx_http_send_header(r);
}


/* NAME [MODE] [status=204|200]: a guard, and what answers for it */

char *
ngx_http_oauth_check(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_oauth_loc_conf_t *lcf = conf;

    ngx_str_t                 *value;
    ngx_uint_t                 i, moded;
    ngx_http_core_loc_conf_t  *clcf;

    if (lcf->check) {
        return "is duplicate";
    }

    if (lcf->guard_off != NGX_CONF_UNSET) {
        return "is a guard itself: remove \"oauth_guard\" from this location";
    }

    lcf->guard_provider = ngx_http_oauth_named(cf);
    if (lcf->guard_provider == NULL) {
        return NGX_CONF_ERROR;
    }

    lcf->guard_off = 0;
    lcf->guard_mode.constant = NGX_HTTP_OAUTH_MODE_REJECT;
    lcf->check = NGX_HTTP_NO_CONTENT;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_http_oauth_check_handler;

    value = cf->args->elts;
    moded = 0;

    for (i = 2; i < cf->args->nelts; i++) {

        if (ngx_strcmp(value[i].data, "status=200") == 0) {
            lcf->check = NGX_HTTP_OK;
            continue;
        }

        if (ngx_strcmp(value[i].data, "status=204") == 0) {
            lcf->check = NGX_HTTP_NO_CONTENT;
            continue;
        }

        if (moded || ngx_strncmp(value[i].data, "status=", 7) == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\": expected "
                               "\"oauth_check NAME [flag|reject] "
                               "[status=204|200]\"", &value[i]);
            return NGX_CONF_ERROR;
        }

        moded = 1;

        if (ngx_http_oauth_mode_parse(cf, &value[i],
                                      (1 << NGX_HTTP_OAUTH_MODE_FLAG)
                                      |(1 << NGX_HTTP_OAUTH_MODE_REJECT),
                                      &lcf->guard_mode)
            != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


char *
ngx_http_oauth_check_location(ngx_conf_t *cf, ngx_http_oauth_loc_conf_t *lcf)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (!clcf->noname && clcf->handler != ngx_http_oauth_check_handler) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "location \"%V\" with \"oauth_check\" has another "
                      "directive that answers its requests: remove it",
                      &clcf->name);
        return NGX_CONF_ERROR;
    }

    if ((lcf->token_provider && !lcf->token_off) || lcf->revocation_provider) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "location \"%V\" with \"oauth_check\" cannot be an "
                      "endpoint of the provider too: remove "
                      "\"oauth_token_endpoint\" or "
                      "\"oauth_revocation_endpoint\"", &clcf->name);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}
