
/*
 * Copyright (C) The OAuth gateway authors
 */


#include "ngx_http_oauth_status.h"
#include "ngx_http_oauth_body.h"
#include "ngx_http_oauth_ctx.h"
#include "ngx_http_oauth_store.h"
#include "ngx_http_oauth_token_endpoint.h"
#include "ngx_http_oauth_variables.h"


static ngx_int_t ngx_http_oauth_status_token(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_str_t *token);
static json_t *ngx_http_oauth_status_judge(ngx_str_t *token);
static int ngx_http_oauth_status_claims(json_t *doc,
    const ledger_judgement_t *j);


ngx_int_t
ngx_http_oauth_status_introspect(ngx_http_request_t *r)
{
    ngx_int_t              rc;
    ngx_str_t              token;
    ngx_http_oauth_ctx_t  *ctx;

    ctx = ngx_http_oauth_ctx_make(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (!ctx->body_done) {
        rc = ngx_http_oauth_status_none(r);
        if (rc != NGX_DECLINED) {
            return rc;
        }
    }

    ctx->local = 1;
    ctx->body_drop = 1;

    /* it comes here again once the body is there, with this reference */

    r->main->count++;

    rc = ngx_http_oauth_body_read(r, ctx);

    if (rc == NGX_DONE) {
        return NGX_DONE;
    }

    r->main->count--;

    if (rc != NGX_DECLINED) {
        return rc;
    }

    rc = ngx_http_oauth_status_token(r, ctx, &token);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    if (ngx_http_oauth_store() == NULL) {
        return ngx_http_oauth_status_unavailable(r);
    }

    return ngx_http_oauth_status_json(r, ngx_http_oauth_status_judge(&token));
}


/* NGX_DECLINED: it is there; else what ends the request. */

static ngx_int_t
ngx_http_oauth_status_token(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx,
    ngx_str_t *token)
{
    json_t       *form;
    ngx_int_t     rc;
    ledger_rc_t   parsed;

    ngx_str_null(token);

    if (ctx->body_large) {
        return ngx_http_oauth_status_problem(r,
                          NGX_HTTP_REQUEST_ENTITY_TOO_LARGE, "too-large",
                          "The request body is too large",
                          "No token is as long.");
    }

    if (r->headers_in.content_type == NULL
        || !ngx_http_oauth_media_type(&r->headers_in.content_type->value,
                                      "application/x-www-form-urlencoded"))
    {
        return ngx_http_oauth_status_problem(r,
                          NGX_HTTP_UNSUPPORTED_MEDIA_TYPE, "unsupported-type",
                          "The request body is no form",
                          "The token stands in a body of the type "
                          "application/x-www-form-urlencoded.");
    }

    form = json_object();
    if (form == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    parsed = ledger_message_form(ngx_http_oauth_slice(&ctx->body), form, NULL);

    rc = (parsed == LEDGER_OK)
         ? ngx_http_oauth_token_member(r, form, "token", token) : NGX_OK;

    json_decref(form);

    if (rc != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (token->len == 0 || token->len > LEDGER_TOKEN_TEXT_MAX) {
        return ngx_http_oauth_status_bad(r, "The form does not hold exactly "
                                            "one \"token\".");
    }

    return NGX_DECLINED;
}


/* NULL: no memory, or the ledger cannot be read. */

static json_t *
ngx_http_oauth_status_judge(ngx_str_t *token)
{
    int                        rc;
    json_t                    *doc;
    ledger_token_id_t          id;
    const ledger_judgement_t  *j;

    j = ngx_http_oauth_store_judge(token, &id);
    if (j == NULL) {
        return NULL;
    }

    doc = json_object();

    rc = json_object_set_new(doc, "active",
                             json_boolean(j->verdict == LEDGER_VERDICT_ACTIVE));
    rc |= json_object_set_new(doc, "reason",
              json_string((char *) ngx_http_oauth_verdict_word(j->verdict)
                                   ->data));

    if (j->verdict != LEDGER_VERDICT_UNKNOWN) {
        rc |= ngx_http_oauth_status_claims(doc, j);
    }

    if (rc) {
        json_decref(doc);
        return NULL;
    }

    return doc;
}


/* The members of RFC 7662, 2.2, that are known, and the connection. */

static int
ngx_http_oauth_status_claims(json_t *doc, const ledger_judgement_t *j)
{
    int                         rc;
    const ledger_connection_t  *c;

    rc = 0;
    c = &j->connection;

    if (c->scope.len) {
        rc |= ngx_http_oauth_status_text(doc, "scope", c->scope);
    }

    if (c->client.len) {
        rc |= ngx_http_oauth_status_text(doc, "client_id", c->client);
    }

    if (c->login.len) {
        rc |= ngx_http_oauth_status_text(doc, "username", c->login);
    }

    if (c->user.len) {
        rc |= ngx_http_oauth_status_text(doc, "sub", c->user);
    }

    if (j->token_expires_at) {
        rc |= json_object_set_new(doc, "exp",
                    json_integer((json_int_t) (j->token_expires_at / 1000)));
    }

    rc |= json_object_set_new(doc, "token_use",
                    json_string(j->kind == LEDGER_REFRESH ? "refresh_token"
                                                          : "access_token"));
    rc |= ngx_http_oauth_status_time(doc, "rotated_at", j->rotated_at);
    rc |= json_object_set_new(doc, "undecided", json_boolean(j->undecided));

    return rc | json_object_set_new(doc, "connection",
                          ngx_http_oauth_status_item(c, ngx_http_oauth_now()));
}
