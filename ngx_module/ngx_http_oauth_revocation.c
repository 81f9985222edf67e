
/*
 * Copyright (C) The OAuth gateway authors
 */


#include "ngx_http_oauth_revocation.h"
#include "ngx_http_oauth_body.h"
#include "ngx_http_oauth_conf.h"
#include "ngx_http_oauth_ctx.h"
#include "ngx_http_oauth_guard.h"
#include "ngx_http_oauth_store.h"
#include "ngx_http_oauth_token_endpoint.h"


static ngx_int_t ngx_http_oauth_revocation_content(ngx_http_request_t *r);


/* RFC 7009; the token stands in a form, or in JSON as Intuit's clients do. */

ngx_int_t
ngx_http_oauth_revocation_handler(ngx_http_request_t *r)
{
    ngx_int_t                   rc;
    ngx_http_oauth_ctx_t       *ctx;
    ngx_http_oauth_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_oauth_gateway_module);

    if (lcf->revocation_provider == NULL || r != r->main) {
        return NGX_DECLINED;
    }

    ctx = ngx_http_oauth_ctx_make(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ctx->decided) {
        /* error_page has led back to here: all is said */
        return NGX_DECLINED;
    }

    ctx->provider = lcf->revocation_provider;
    ctx->token_endpoint = 1;
    ctx->revocation = 1;
    ctx->verdict = LEDGER_VERDICT_NONE;

    ngx_http_oauth_mask_log(r);

    rc = ngx_http_oauth_body_read(r, ctx);
    if (rc != NGX_DECLINED) {
        return rc;
    }

    ctx->decided = 1;

    if (ngx_http_oauth_body_parse(r, ctx) == NGX_ERROR) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_oauth_owner_strip(r);

    ctx->content_handler = r->content_handler;
    r->content_handler = ngx_http_oauth_revocation_content;

    return NGX_DECLINED;
}


/*
 * A revocation is never refused: it makes things safer, whatever of it the
 * ledger can record.
 */

static ngx_int_t
ngx_http_oauth_revocation_content(ngx_http_request_t *r)
{
    ngx_str_t              token;
    ngx_http_oauth_ctx_t  *ctx;

    ctx = ngx_http_oauth_ctx(r);

    if (ctx->problem != NGX_HTTP_OAUTH_PROBLEM_NONE) {
        ctx->problem = NGX_HTTP_OAUTH_PROBLEM_NONE;
        ctx->unrecorded = 1;

    } else {

        if (ngx_http_oauth_token_member(r,
                                        ctx->sources[NGX_HTTP_OAUTH_REQUEST],
                                        "token", &token)
            != NGX_OK)
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        if (token.len
            && ngx_http_oauth_guard_judge(r, ctx, &token, ngx_http_oauth_now())
               != NGX_OK)
        {
            ctx->unrecorded = 1;
        }
    }

    ctx->action = NGX_HTTP_OAUTH_ACTION_FORWARD;

    return ngx_http_oauth_token_forward(r, ctx);
}


ngx_int_t
ngx_http_oauth_revocation_record(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ledger_record_t *record)
{
    ngx_http_oauth_loc_conf_t  *lcf;

    if (!ctx->named || ctx->verdict == LEDGER_VERDICT_UNKNOWN) {
        return NGX_DECLINED;
    }

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_oauth_gateway_module);

    record->kind = LEDGER_REVOCATION;
    record->at = ngx_http_oauth_now();
    record->u.revocation.token = ctx->token;
    record->u.revocation.whole =
             (lcf->revocation_of == NGX_HTTP_OAUTH_REVOKE_CONNECTION
              || (lcf->revocation_of == NGX_HTTP_OAUTH_REVOKE_BY_KIND
                  && ctx->kind == LEDGER_REFRESH));

    return NGX_OK;
}
