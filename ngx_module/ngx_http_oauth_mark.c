
/*
 * Copyright (C) The OAuth gateway authors
 */


#include "ngx_http_oauth_refusal.h"
#include "ngx_http_oauth_conf.h"
#include "ngx_http_oauth_ctx.h"
#include "ngx_http_oauth_facts.h"
#include "ngx_http_oauth_header.h"
#include "ngx_http_oauth_problem.h"
#include "ngx_http_oauth_report.h"
#include "ngx_http_oauth_store.h"
#include "ngx_http_oauth_text.h"
#include "ngx_http_oauth_variables.h"


#define NGX_HTTP_OAUTH_MARK  "OAuth-Connection-Status"


static ngx_uint_t ngx_http_oauth_mark_healed(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);


ngx_int_t
ngx_http_oauth_mark(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx)
{
    size_t                      size;
    u_char                     *p, *last;
    ledger_t                   *ledger;
    uint64_t                    superseded_by;
    ngx_str_t                   value, owner, word;
    ngx_uint_t                  problem, ended, healed;
    ledger_connection_t        *by;
    ngx_http_oauth_loc_conf_t  *lcf;

    ngx_http_oauth_header_clear(r, NGX_HTTP_OAUTH_MARK);

    healed = ngx_http_oauth_mark_healed(r, ctx);

    if (ctx->action != NGX_HTTP_OAUTH_ACTION_FLAG && !ctx->unrecorded
        && !healed)
    {
        return NGX_OK;
    }

    /* "unrecorded" is the word where nothing worse is to tell */

    problem = (ctx->action == NGX_HTTP_OAUTH_ACTION_FLAG)
              ? ngx_http_oauth_problem_of(ctx)
              : NGX_HTTP_OAUTH_PROBLEM_NONE;

    ended = ngx_http_oauth_problem_ended(problem);

    if (healed) {
        ngx_str_set(&word, "healed");

    } else if (!ended && ctx->unrecorded) {
        ngx_str_set(&word, "unrecorded");

    } else if (problem != NGX_HTTP_OAUTH_PROBLEM_NONE) {
        word = *ngx_http_oauth_problem_word(problem);

    } else {
        word = *ngx_http_oauth_verdict_word(ctx->verdict);
    }

    if (ctx->action == NGX_HTTP_OAUTH_ACTION_FLAG) {
        ngx_http_oauth_note_problem(ctx, LEDGER_EVENT_FLAGGED);
    }

    if (healed) {
        ngx_http_oauth_note(ctx, LEDGER_EVENT_HEALED, ctx->connection_id,
                            ctx->lent->connection);
    }

    if (ctx->unrecorded && ctx->token_endpoint) {
        ngx_http_oauth_note(ctx, LEDGER_EVENT_UNRECORDED, ctx->connection_id,
                            0);
    }

    if (word.len == 0) {
        return NGX_OK;
    }

    by = NULL;
    superseded_by = healed ? ctx->lent->connection
                           : ngx_http_oauth_connection(ctx)->superseded_by;
    ledger = ngx_http_oauth_store();
    lcf = ngx_http_get_module_loc_conf(r, ngx_http_oauth_gateway_module);

    if (!(ended || healed) || !lcf->details
        || superseded_by == ctx->connection_id)
    {
        superseded_by = 0;
    }

    if (superseded_by != 0 && ledger != NULL
        && ngx_http_oauth_facts_find(r, ledger, superseded_by, &by) != NGX_OK)
    {
        return NGX_ERROR;
    }

    size = 256 + 2 * LEDGER_IDENTITY_MAX;

    p = ngx_pnalloc(r->pool, size);
    if (p == NULL) {
        return NGX_ERROR;
    }

    value.data = p;
    last = p + size;

    p = ngx_slprintf(p, last, "%V", &word);

    if (ctx->connection_id != 0) {
        p = ngx_slprintf(p, last, "; connection=\"%uL\"", ctx->connection_id);
    }

    if (superseded_by != 0) {
        p = ngx_slprintf(p, last, "; superseded-by=\"%uL\"", superseded_by);
    }

    if (by != NULL && by->owner.len != 0) {
        owner.data = (u_char *) by->owner.data;
        owner.len = by->owner.len;

        p = ngx_slprintf(p, last, "; owner=\"");
        p = ngx_http_oauth_ascii(p, &owner, LEDGER_IDENTITY_MAX, 0);
        *p++ = '"';
    }

    if ((ended || healed) && ctx->unrecorded) {
        p = ngx_slprintf(p, last, "; unrecorded");
    }

    value.len = p - value.data;

    if (ngx_http_oauth_header_set(r, NGX_HTTP_OAUTH_MARK, &value) == NULL) {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* A token endpoint's own error heals nobody, nor does a call not sent. */

static ngx_uint_t
ngx_http_oauth_mark_healed(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx)
{
    return ctx->action == NGX_HTTP_OAUTH_ACTION_HEAL && ctx->lent != NULL
           && (ctx->token_endpoint
               ? r->headers_out.status < NGX_HTTP_SPECIAL_RESPONSE
               : ctx->lent->sent);
}
