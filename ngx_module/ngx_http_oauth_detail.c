
/*
 * Copyright (C) The OAuth gateway authors
 */


#include "ngx_http_oauth_detail.h"
#include "ngx_http_oauth_body.h"
#include "ngx_http_oauth_conf.h"
#include "ngx_http_oauth_ctx.h"
#include "ngx_http_oauth_facts.h"
#include "ngx_http_oauth_problem.h"
#include "ngx_http_oauth_provider.h"
#include "ngx_http_oauth_text.h"


/*
 * Room for the longest detail: every connection that a reconnect would end,
 * the connection itself and its superseder with names of the largest size,
 * contact and link, and what stands between.
 */

#define NGX_HTTP_OAUTH_DETAIL_MAX                                             \
    ((LEDGER_LIMITS_MAX + 6) * (LEDGER_IDENTITY_MAX + 64)                     \
     + 2 * NGX_HTTP_OAUTH_TEXT_MAX + 2048)

/* A malformed request's reason names one parameter. */
#define NGX_HTTP_OAUTH_REASON_MAX  512


static u_char *ngx_http_oauth_detail_superseded(ngx_http_oauth_facts_t *f,
    u_char *p, u_char *last);
static u_char *ngx_http_oauth_detail_ended(ngx_http_oauth_facts_t *f,
    u_char *p, u_char *last);
static u_char *ngx_http_oauth_detail_takeover(ngx_http_oauth_facts_t *f,
    u_char *p, u_char *last);
static u_char *ngx_http_oauth_detail_other_user(ngx_http_oauth_facts_t *f,
    u_char *p, u_char *last);
static u_char *ngx_http_oauth_detail_request(ngx_http_oauth_facts_t *f,
    u_char *p, u_char *last);
static u_char *ngx_http_oauth_detail_limit(ngx_http_oauth_facts_t *f,
    u_char *p, u_char *last);
static u_char *ngx_http_oauth_detail_cost(ngx_http_oauth_facts_t *f,
    u_char *p, u_char *last);
static u_char *ngx_http_oauth_detail_advice(ngx_http_oauth_facts_t *f,
    u_char *p, u_char *last);
static u_char *ngx_http_oauth_detail_subject(ngx_http_oauth_facts_t *f,
    u_char *p, u_char *last);
static u_char *ngx_http_oauth_detail_connection(ngx_http_oauth_facts_t *f,
    const ledger_connection_t *connection, u_char *p, u_char *last);
static u_char *ngx_http_oauth_detail_at(ngx_http_oauth_facts_t *f,
    ledger_ms_t at, u_char *p, u_char *last);
static u_char *ngx_http_oauth_detail_quote(ledger_slice_t text, u_char *p,
    u_char *last);
static u_char *ngx_http_oauth_detail_clean(ledger_slice_t text, u_char *p,
    u_char *last);


ngx_int_t
ngx_http_oauth_detail(ngx_http_oauth_facts_t *f)
{
    u_char                           *p, *last;
    ledger_slice_t                    text;
    const ngx_http_oauth_provider_t  *provider;

    if (f->ctx->detail.data != NULL) {
        return NGX_OK;
    }

    p = ngx_pnalloc(f->request->pool, NGX_HTTP_OAUTH_DETAIL_MAX);
    if (p == NULL) {
        return NGX_ERROR;
    }

    f->ctx->detail.data = p;
    last = p + NGX_HTTP_OAUTH_DETAIL_MAX;

    switch (f->problem) {

    case NGX_HTTP_OAUTH_PROBLEM_SUPERSEDED:
        p = ngx_http_oauth_detail_superseded(f, p, last);
        break;

    case NGX_HTTP_OAUTH_PROBLEM_REVOKED:
    case NGX_HTTP_OAUTH_PROBLEM_BROKEN:
    case NGX_HTTP_OAUTH_PROBLEM_EXPIRED:
    case NGX_HTTP_OAUTH_PROBLEM_ROTATED:
        p = ngx_http_oauth_detail_ended(f, p, last);
        break;

    case NGX_HTTP_OAUTH_PROBLEM_TAKEOVER:
        p = ngx_http_oauth_detail_takeover(f, p, last);
        break;

    case NGX_HTTP_OAUTH_PROBLEM_OTHER_USER:
        p = ngx_http_oauth_detail_other_user(f, p, last);
        break;

    default:
        p = ngx_http_oauth_detail_request(f, p, last);
        break;
    }

    provider = f->ctx->provider;

    if (provider != NULL && provider->contact.len) {
        text = ngx_http_oauth_slice(&provider->contact);
        p = ngx_slprintf(p, last, " Contact: ");
        p = ngx_http_oauth_detail_clean(text, p, last);
        p = ngx_slprintf(p, last, ".");
    }

    if (provider != NULL && provider->link.len) {
        text = ngx_http_oauth_slice(&provider->link);
        p = ngx_slprintf(p, last, " Link: ");
        p = ngx_http_oauth_detail_clean(text, p, last);
    }

    f->ctx->detail.len = p - f->ctx->detail.data;

    return NGX_OK;
}


static u_char *
ngx_http_oauth_detail_superseded(ngx_http_oauth_facts_t *f, u_char *p,
    u_char *last)
{
    const ledger_connection_t  *c;

    c = ngx_http_oauth_connection(f->ctx);

    p = ngx_http_oauth_detail_subject(f, p, last);

    if (f->ctx->undecided || c->undecided) {
        p = ngx_slprintf(p, last, " may have been superseded");

    } else {
        p = ngx_slprintf(p, last, " was superseded");
    }

    p = ngx_http_oauth_detail_at(f, c->ended_at, p, last);
    p = ngx_slprintf(p, last, " by ");

    if (!f->details) {
        p = ngx_slprintf(p, last, "a newer connection");

    } else if (f->by != NULL) {
        p = ngx_http_oauth_detail_connection(f, f->by, p, last);

    } else {
        p = ngx_slprintf(p, last, "connection '%uL'", c->superseded_by);
    }

    p = ngx_http_oauth_detail_limit(f, p, last);
    p = ngx_slprintf(p, last, ".");

    if (f->ctx->undecided || c->undecided) {
        return ngx_slprintf(p, last, " Both were opened at the same time, and "
                            "the provider has not shown yet which it kept: "
                            "its next answer decides.");
    }

    if (c->reconnect) {
        p = ngx_slprintf(p, last, " It is a reconnect by the same owner: this "
                         "caller still uses the older connection and should "
                         "take the tokens of the newer one. Retrying does "
                         "not help.");

        return ngx_http_oauth_detail_cost(f, p, last);
    }

    p = ngx_slprintf(p, last, " Retrying does not help.");
    p = ngx_http_oauth_detail_cost(f, p, last);

    return ngx_http_oauth_detail_advice(f, p, last);
}


/*
 * A token may have ended alone, while its connection goes on: then there is
 * nothing to reconnect.
 */

static u_char *
ngx_http_oauth_detail_ended(ngx_http_oauth_facts_t *f, u_char *p, u_char *last)
{
    ngx_uint_t                  alone;
    const char                 *kind;
    const ledger_connection_t  *c;

    c = ngx_http_oauth_connection(f->ctx);
    kind = f->ctx->token_endpoint ? "refresh" : "access";
    alone = (c->state == LEDGER_LIVE);

    if (f->problem == NGX_HTTP_OAUTH_PROBLEM_ROTATED) {
        p = ngx_slprintf(p, last, "This %s token of ", kind);
        p = ngx_http_oauth_detail_subject(f, p, last);
        p = ngx_slprintf(p, last, " was replaced by a newer one");
        p = ngx_http_oauth_detail_at(f, c->refreshed_at, p, last);
        p = ngx_slprintf(p, last, ". Retrying does not help: the newest %s "
                         "token is the one to use.", kind);

        if (!f->ctx->token_endpoint) {
            return p;
        }

        p = ngx_slprintf(p, last, " If it is lost, this caller has to "
                         "reconnect.");

        return ngx_http_oauth_detail_cost(f, p, last);
    }

    if (alone) {
        p = ngx_slprintf(p, last, "This %s token of ", kind);
    }

    p = ngx_http_oauth_detail_subject(f, p, last);

    switch (f->problem) {

    case NGX_HTTP_OAUTH_PROBLEM_REVOKED:
        p = ngx_slprintf(p, last, c->released ? " was released by an operator"
                                              : " was revoked on request");
        p = ngx_http_oauth_detail_at(f, alone ? 0 : c->ended_at, p, last);
        p = ngx_slprintf(p, last, ".");
        break;

    case NGX_HTTP_OAUTH_PROBLEM_BROKEN:
        p = ngx_slprintf(p, last, " is no longer accepted by the provider");

        if (!alone && f->details && c->ended_at != 0) {
            p = ngx_slprintf(p, last, ", as seen");
            p = ngx_http_oauth_detail_at(f, c->ended_at, p, last);
        }

        p = ngx_slprintf(p, last, ", although nothing seen here ended it: "
                         "somebody may have connected past this gateway, or "
                         "withdrawn the consent.");
        break;

    default:
        p = ngx_slprintf(p, last, " expired");
        p = ngx_http_oauth_detail_at(f, alone ? f->ctx->token_expires_at
                                              : c->ended_at, p, last);
        p = ngx_slprintf(p, last, alone ? "." : ": its last token ran out, or "
                         "it was not used for too long.");
        break;
    }

    p = ngx_slprintf(p, last, " Retrying does not help");

    if (alone && !f->ctx->token_endpoint && c->has_refresh) {
        return ngx_slprintf(p, last, ": refresh the token.");
    }

    p = ngx_slprintf(p, last, ": this caller has to reconnect.");

    return ngx_http_oauth_detail_cost(f, p, last);
}


static u_char *
ngx_http_oauth_detail_request(ngx_http_oauth_facts_t *f, u_char *p,
    u_char *last)
{
    ledger_slice_t  reason;
    const char     *text;

    text = ngx_http_oauth_problem(f->problem)->detail;

    if (text != NULL) {
        return ngx_slprintf(p, last, "%s", text);
    }

    switch (f->problem) {

    case NGX_HTTP_OAUTH_PROBLEM_TOO_LARGE:
        return ngx_slprintf(p, last, "The body of the token request is larger "
                            "than %d bytes. It was not sent to the provider.",
                            NGX_HTTP_OAUTH_BODY_MAX);

    case NGX_HTTP_OAUTH_PROBLEM_MALFORMED:
        p = ngx_slprintf(p, last, "The token request is malformed");
        break;

    case NGX_HTTP_OAUTH_PROBLEM_CREDENTIALS:
        p = ngx_slprintf(p, last, "The request has to carry exactly one "
                         "well-formed access token");
        break;

    default:
        break;
    }

    if (f->ctx->reason != NULL) {
        reason.data = (u_char *) f->ctx->reason;
        reason.len = ngx_strlen(f->ctx->reason);

        p = ngx_slprintf(p, last, ": ");
        p = ngx_http_oauth_detail_clean(reason, p,
                               ngx_min(last, p + NGX_HTTP_OAUTH_REASON_MAX));
    }

    return ngx_slprintf(p, last, ". It was not sent to the provider.");
}


/* : the limit is 1 live connection per user and client */

static u_char *
ngx_http_oauth_detail_limit(ngx_http_oauth_facts_t *f, u_char *p, u_char *last)
{
    ngx_uint_t                 i, n;
    const ledger_limit_key_t  *key;

    if (f->limit == NULL) {
        return p;
    }

    n = f->limit->nkeys;

    p = ngx_slprintf(p, last, ": the limit is %uD live connection%s per ",
                     f->limit->n, f->limit->n == 1 ? "" : "s");

    for (i = 0; i < n; i++) {
        key = &f->limit->keys[i];

        if (i > 0) {
            p = ngx_slprintf(p, last, i + 1 == n ? " and " : ", ");
        }

        if (key->kind != LEDGER_KEY_VARIABLE) {
            p = ngx_slprintf(p, last, "%V",
                             ngx_http_oauth_limit_word(key->kind));
            continue;
        }

        p = ngx_slprintf(p, last, "$");
        p = ngx_http_oauth_detail_clean(key->name, p,
                              ngx_min(last, p + LEDGER_VARIABLE_NAME_MAX));
    }

    return p;
}


static u_char *
ngx_http_oauth_detail_cost(ngx_http_oauth_facts_t *f, u_char *p, u_char *last)
{
    ngx_uint_t                  i;
    const ledger_connection_t  *c;

    c = ngx_http_oauth_connection(f->ctx);

    if (f->failed || c->nlimits == 0) {
        return p;
    }

    if (!f->known) {
        return ngx_slprintf(p, last, " Whom reconnecting would end is not "
                            "known: an identity that the limit counts by is "
                            "missing.");
    }

    if (f->nends == 0 && f->more == 0) {
        return ngx_slprintf(p, last, " Reconnecting would end nobody's "
                            "connection: there is room, %uD of %uD in use.",
                            f->slot.held, f->slot.n);
    }

    p = ngx_slprintf(p, last, " Reconnecting would end ");

    if (!f->details) {
        return ngx_slprintf(p, last, f->nends + f->more > 1
                                     ? "other live connections."
                                     : "another live connection.");
    }

    for (i = 0; i < f->nends; i++) {

        if (i > 0) {
            p = ngx_slprintf(p, last, i + 1 == f->nends && f->more == 0
                                      ? " and " : ", ");
        }

        if (f->ends[i]->id == c->id) {
            p = ngx_slprintf(p, last, "this connection itself");
            continue;
        }

        p = ngx_http_oauth_detail_connection(f, f->ends[i], p, last);
    }

    if (f->more) {
        p = ngx_slprintf(p, last, "%s%ui %s live connection%s",
                         f->nends ? " and " : "", f->more,
                         f->nends ? "more" : "other",
                         f->more == 1 ? "" : "s");
    }

    return ngx_slprintf(p, last, ".");
}


/* What to do instead depends on what the limit counts. */

static u_char *
ngx_http_oauth_detail_advice(ngx_http_oauth_facts_t *f, u_char *p,
    u_char *last)
{
    ngx_uint_t            i, user, tenant;
    ledger_connection_t  *end;

    user = 0;
    tenant = 0;

    for (i = 0; f->limit != NULL && i < f->limit->nkeys; i++) {

        if (f->limit->keys[i].kind == LEDGER_KEY_USER) {
            user = 1;

        } else if (f->limit->keys[i].kind == LEDGER_KEY_TENANT) {
            tenant = 1;
        }
    }

    if (f->nends == 0 && f->more == 0) {
        return p;
    }

    if (user) {
        p = ngx_slprintf(p, last, " Instead, give this caller an integration "
                         "user of its own");

    } else if (tenant) {
        p = ngx_slprintf(p, last, " Another user of the same enterprise "
                         "account does not help: keep one integration user "
                         "and one connection for it");

    } else {
        p = ngx_slprintf(p, last, " Instead, keep one connection here");
    }

    end = f->nends ? f->ends[0] : NULL;

    if (f->details && end != NULL && end->owner.len
        && end->id != f->ctx->connection_id)
    {
        p = ngx_slprintf(p, last, ", or ask owner ");
        p = ngx_http_oauth_detail_quote(end->owner, p, last);
        p = ngx_slprintf(p, last, " to release connection '%uL'", end->id);

    } else {
        p = ngx_slprintf(p, last, ", or ask the other connection's owner to "
                         "release it");
    }

    return ngx_slprintf(p, last, ".");
}


/* Connection '17' of owner 'A' to provider 'p' (user 'u', tenant 't') */

static u_char *
ngx_http_oauth_detail_subject(ngx_http_oauth_facts_t *f, u_char *p,
    u_char *last)
{
    u_char                     *start;
    ledger_slice_t              name;
    const ledger_connection_t  *c;

    c = ngx_http_oauth_connection(f->ctx);
    start = p;

    if (!f->details) {
        p = ngx_slprintf(p, last, "connection '%uL'", c->id);

    } else {
        p = ngx_http_oauth_detail_connection(f, c, p, last);
    }

    if (start == f->ctx->detail.data) {
        *start = 'C';
    }

    if (f->ctx->provider != NULL) {
        name = ngx_http_oauth_slice(&f->ctx->provider->name);
        p = ngx_slprintf(p, last, " to provider ");
        p = ngx_http_oauth_detail_quote(name, p, last);
    }

    if (!f->details || (c->user.len == 0 && c->tenant.len == 0)) {
        return p;
    }

    p = ngx_slprintf(p, last, " (");

    if (c->user.len) {
        p = ngx_slprintf(p, last, "user ");
        p = ngx_http_oauth_detail_quote(c->user, p, last);
    }

    if (c->tenant.len) {
        p = ngx_slprintf(p, last, c->user.len ? ", tenant " : "tenant ");
        p = ngx_http_oauth_detail_quote(c->tenant, p, last);
    }

    return ngx_slprintf(p, last, ")");
}


static u_char *
ngx_http_oauth_detail_connection(ngx_http_oauth_facts_t *f,
    const ledger_connection_t *connection, u_char *p, u_char *last)
{
    p = ngx_slprintf(p, last, "connection '%uL' of ", connection->id);

    if (connection->owner.len == 0) {
        return ngx_slprintf(p, last, "an unknown owner");
    }

    p = ngx_slprintf(p, last, "owner ");

    return ngx_http_oauth_detail_quote(connection->owner, p, last);
}


static u_char *
ngx_http_oauth_detail_at(ngx_http_oauth_facts_t *f, ledger_ms_t at, u_char *p,
    u_char *last)
{
    if (!f->details || at == 0
        || last - p < (ptrdiff_t) (NGX_HTTP_OAUTH_TIME_LEN + 4))
    {
        return p;
    }

    p = ngx_cpymem(p, " at ", 4);

    return ngx_http_oauth_time(p, at);
}


static u_char *
ngx_http_oauth_detail_quote(ledger_slice_t text, u_char *p, u_char *last)
{
    p = ngx_slprintf(p, last, "'");
    p = ngx_http_oauth_detail_clean(text, p,
                                    ngx_min(last, p + LEDGER_IDENTITY_MAX));

    return ngx_slprintf(p, last, "'");
}


/*
 * The detail has neither quote nor backslash, so that it stays what it is
 * in error_description and in a template that forgets to escape it.
 */

static u_char *
ngx_http_oauth_detail_clean(ledger_slice_t text, u_char *p, u_char *last)
{
    u_char  *end;

    end = ngx_http_oauth_clean(p, last, text);

    for ( /* void */ ; p < end; p++) {
        if (*p == '"') {
            *p = '\'';

        } else if (*p == '\\') {
            *p = '/';
        }
    }

    return end;
}


static u_char *
ngx_http_oauth_detail_takeover(ngx_http_oauth_facts_t *f, u_char *p,
    u_char *last)
{
    ledger_slice_t  owner;

    p = ngx_slprintf(p, last, "To connect here would end ");

    if (f->details && f->holder != NULL) {
        p = ngx_http_oauth_detail_connection(f, f->holder, p, last);
        p = ngx_http_oauth_detail_limit(f, p, last);

    } else {
        p = ngx_slprintf(p, last, "the connection of another owner");
    }

    p = ngx_slprintf(p, last, ". Nothing was sent to the provider, and all "
                     "tokens are unchanged. Retrying does not help: ");

    if (f->ctx->owner.len == 0) {
        p = ngx_slprintf(p, last, "this request names no owner, and only the "
                         "same owner may connect again; give this caller");

    } else if (f->details) {
        owner = ngx_http_oauth_slice(&f->ctx->owner);

        p = ngx_slprintf(p, last, "give owner ");
        p = ngx_http_oauth_detail_quote(owner, p, last);

    } else {
        p = ngx_slprintf(p, last, "give this caller");
    }

    return ngx_slprintf(p, last, " an integration user of its own, or ask the "
                        "holder to give the connection up.");
}


static u_char *
ngx_http_oauth_detail_other_user(ngx_http_oauth_facts_t *f, u_char *p,
    u_char *last)
{
    const ledger_connection_t  *c;

    c = ngx_http_oauth_connection(f->ctx);

    if (c->id != 0) {
        p = ngx_http_oauth_detail_subject(f, p, last);
        p = ngx_slprintf(p, last, " belongs to a user who");

    } else {
        p = ngx_slprintf(p, last, "This user");
    }

    return ngx_slprintf(p, last, " is not one of the integration users, the "
                        "only ones that may hold connections here. Retrying "
                        "does not help: connect as an integration user.");
}
