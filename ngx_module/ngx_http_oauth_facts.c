
/*
 * Copyright (C) The OAuth gateway authors
 */


#include "ngx_http_oauth_facts.h"
#include "ngx_http_oauth_conf.h"
#include "ngx_http_oauth_ctx.h"
#include "ngx_http_oauth_problem.h"
#include "ngx_http_oauth_store.h"


static ngx_int_t ngx_http_oauth_facts_holder(ngx_http_oauth_facts_t *f);
static ngx_int_t ngx_http_oauth_facts_slots(ngx_http_oauth_facts_t *f,
    ledger_t *ledger);
static ngx_int_t ngx_http_oauth_facts_end(ngx_http_oauth_facts_t *f,
    ledger_t *ledger, const ledger_limit_t *limit, const ledger_slot_t *slot);
static ngx_uint_t ngx_http_oauth_facts_shares(const ledger_connection_t *a,
    const ledger_limit_t *limit, const ledger_connection_t *b);
static ngx_uint_t ngx_http_oauth_facts_key(const ledger_connection_t *c,
    const ledger_limit_key_t *key, ledger_slice_t *value);
static ngx_uint_t ngx_http_oauth_facts_equal(ledger_slice_t a,
    ledger_slice_t b);


ngx_http_oauth_facts_t *
ngx_http_oauth_facts(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx)
{
    ledger_t                   *ledger;
    ngx_http_oauth_facts_t     *f;
    const ledger_connection_t  *c;
    ngx_http_oauth_loc_conf_t  *lcf;

    f = ngx_pcalloc(r->pool, sizeof(ngx_http_oauth_facts_t));
    if (f == NULL) {
        return NULL;
    }

    c = ngx_http_oauth_connection(ctx);
    lcf = ngx_http_get_module_loc_conf(r, ngx_http_oauth_gateway_module);

    f->request = r;
    f->ctx = ctx;
    f->problem = ngx_http_oauth_problem_of(ctx);
    f->details = lcf->details ? 1 : 0;

    if (f->problem == NGX_HTTP_OAUTH_PROBLEM_TAKEOVER) {
        return ngx_http_oauth_facts_holder(f) == NGX_OK ? f : NULL;
    }

    if (!ngx_http_oauth_problem_ended(f->problem) || c->id == 0) {
        return f;
    }

    ledger = ngx_http_oauth_store();

    if (ledger == NULL) {
        f->failed = 1;
        return f;
    }

    if (c->superseded_by != 0
        && ngx_http_oauth_facts_find(r, ledger, c->superseded_by, &f->by)
           != NGX_OK)
    {
        return NULL;
    }

    if (ngx_http_oauth_facts_slots(f, ledger) != NGX_OK) {
        return NULL;
    }

    return f;
}


/*
 * Whom a reconnect would end: limits apply in the order written, each on
 * what the earlier ones left live (R1).  Told of is the limit that ended
 * the connection, else the first that is full, else the first.
 */

static ngx_int_t
ngx_http_oauth_facts_slots(ngx_http_oauth_facts_t *f, ledger_t *ledger)
{
    unsigned                          i;
    ledger_ms_t                       now;
    ngx_uint_t                        full;
    ledger_slot_t                     slot;
    const ledger_connection_t        *c;
    const ngx_http_oauth_provider_t  *provider;

    c = ngx_http_oauth_connection(f->ctx);
    provider = f->ctx->provider;
    now = ngx_http_oauth_now();
    full = 0;

    for (i = 0; i < c->nlimits; i++) {

        if (ledger_slot(ledger, c, i, now,
                        provider ? (unsigned) provider->contests : 1,
                        provider ? provider->contest_window : 0, &slot)
            != LEDGER_OK)
        {
            f->failed = 1;
            return NGX_OK;
        }

        if (!slot.known) {
            continue;
        }

        f->known = 1;

        if (slot.contested && provider != NULL) {
            f->contested = 1;
        }

        if (c->state == LEDGER_SUPERSEDED
            ? i == c->superseded_limit || f->limit == NULL
            : f->limit == NULL || (!full && slot.oldest != 0))
        {
            f->limit = &c->limits[i];
            f->slot = slot;
            full = (slot.oldest != 0);
        }

        if (slot.oldest != 0
            && ngx_http_oauth_facts_end(f, ledger, &c->limits[i], &slot)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_oauth_facts_end(ngx_http_oauth_facts_t *f, ledger_t *ledger,
    const ledger_limit_t *limit, const ledger_slot_t *slot)
{
    ngx_uint_t                  i, due;
    ledger_connection_t        *end;
    const ledger_connection_t  *c;

    c = ngx_http_oauth_connection(f->ctx);
    due = slot->held + 1 - ngx_min(slot->n, slot->held);

    for (i = 0; i < f->nends && due; i++) {

        if (ngx_http_oauth_facts_shares(c, limit, f->ends[i])) {
            due--;
        }
    }

    if (due == 0) {
        return NGX_OK;
    }

    f->more += due - 1;

    if (ngx_http_oauth_facts_find(f->request, ledger, slot->oldest, &end)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (end == NULL) {
        f->more++;
        return NGX_OK;
    }

    f->ends[f->nends++] = end;

    return NGX_OK;
}


/* Whether "b" is in the slot of that limit of "a". */

static ngx_uint_t
ngx_http_oauth_facts_shares(const ledger_connection_t *a,
    const ledger_limit_t *limit, const ledger_connection_t *b)
{
    ngx_uint_t             i, k;
    ledger_slice_t         x, y;
    const ledger_limit_t  *other;

    for (i = 0; i < b->nlimits; i++) {
        other = &b->limits[i];

        if (other->nkeys != limit->nkeys) {
            continue;
        }

        for (k = 0; k < limit->nkeys; k++) {

            if (limit->keys[k].kind != other->keys[k].kind
                || !ngx_http_oauth_facts_key(a, &limit->keys[k], &x)
                || !ngx_http_oauth_facts_key(b, &other->keys[k], &y)
                || !ngx_http_oauth_facts_equal(x, y)
                || !ngx_http_oauth_facts_equal(limit->keys[k].name,
                                               other->keys[k].name))
            {
                break;
            }
        }

        if (k == limit->nkeys) {
            return 1;
        }
    }

    return 0;
}


/* Only a scope may be empty. */

static ngx_uint_t
ngx_http_oauth_facts_key(const ledger_connection_t *c,
    const ledger_limit_key_t *key, ledger_slice_t *value)
{
    switch (key->kind) {

    case LEDGER_KEY_USER:
        *value = c->user;
        break;

    case LEDGER_KEY_TENANT:
        *value = c->tenant;
        break;

    case LEDGER_KEY_CLIENT:
        *value = c->client;
        break;

    case LEDGER_KEY_SCOPE:
        *value = c->scope;
        return 1;

    default:
        *value = key->value;
        break;
    }

    return value->len != 0;
}


static ngx_uint_t
ngx_http_oauth_facts_equal(ledger_slice_t a, ledger_slice_t b)
{
    if (a.len != b.len) {
        return 0;
    }

    return a.len == 0 || ngx_memcmp(a.data, b.data, a.len) == 0;
}


ngx_int_t
ngx_http_oauth_facts_find(ngx_http_request_t *r, ledger_t *ledger,
    uint64_t id, ledger_connection_t **connection)
{
    u_char               *buf;
    ledger_connection_t  *c;

    *connection = NULL;

    c = ngx_palloc(r->pool, sizeof(ledger_connection_t));
    if (c == NULL) {
        return NGX_ERROR;
    }

    buf = ngx_palloc(r->pool, LEDGER_CONNECTION_MAX);
    if (buf == NULL) {
        return NGX_ERROR;
    }

    if (ledger_find(ledger, id, c, buf) == LEDGER_OK) {
        *connection = c;
    }

    return NGX_OK;
}


ngx_uint_t
ngx_http_oauth_contested(ngx_http_oauth_ctx_t *ctx)
{
    unsigned                    i;
    ledger_t                   *ledger;
    ledger_ms_t                 now;
    ledger_slot_t               slot;
    const ledger_connection_t  *c;

    ledger = ngx_http_oauth_store();

    if (ledger == NULL || ctx->provider == NULL) {
        return 0;
    }

    c = ngx_http_oauth_connection(ctx);
    now = ngx_http_oauth_now();

    for (i = 0; i < c->nlimits; i++) {

        if (ledger_slot(ledger, c, i, now,
                        (unsigned) ctx->provider->contests,
                        ctx->provider->contest_window, &slot)
            == LEDGER_OK
            && slot.contested)
        {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_http_oauth_facts_holder(ngx_http_oauth_facts_t *f)
{
    unsigned                          i;
    ledger_t                         *ledger;
    const ngx_http_oauth_provider_t  *provider;

    ledger = ngx_http_oauth_store();

    if (ledger == NULL) {
        return NGX_OK;
    }

    if (ngx_http_oauth_facts_find(f->request, ledger, f->ctx->holder,
                                  &f->holder)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (f->holder == NULL || f->ctx->holder_limit >= f->holder->nlimits) {
        return NGX_OK;
    }

    i = (unsigned) f->ctx->holder_limit;
    provider = f->ctx->provider;

    if (ledger_slot(ledger, f->holder, i, ngx_http_oauth_now(),
                    (unsigned) provider->contests, provider->contest_window,
                    &f->slot)
        == LEDGER_OK
        && f->slot.known)
    {
        f->limit = &f->holder->limits[i];
        f->contested = f->slot.contested ? 1 : 0;
    }

    return NGX_OK;
}
