
/*
 * Copyright (C) The OAuth gateway authors
 */


#include "ngx_http_oauth_counters.h"
#include "ngx_http_oauth_conf.h"
#include "ngx_http_oauth_ctx.h"
#include "ngx_http_oauth_provider.h"
#include "ngx_http_oauth_store.h"


typedef struct {
    uint64_t                    generation;
    ngx_http_oauth_totals_t     totals;
    ngx_http_oauth_counters_t   rows[NGX_HTTP_OAUTH_COUNTED_MAX];
} ngx_http_oauth_table_t;


typedef struct {
    ngx_str_t                   name;    /* its end, behind a colon or not */
    const char                 *word;
} ngx_http_oauth_grant_t;


const ngx_http_oauth_bucket_t
    ngx_http_oauth_buckets[NGX_HTTP_OAUTH_BUCKETS] =
{
    { 500, "0.0005" },
    { 1000, "0.001" },
    { 2500, "0.0025" },
    { 5000, "0.005" },
    { 10000, "0.01" },
    { 25000, "0.025" },
    { 50000, "0.05" },
    { 100000, "0.1" },
    { 250000, "0.25" },
    { 500000, "0.5" },
    { 1000000, "1" },
    { 2500000, "2.5" },
    { 5000000, "5" },
    { 10000000, "10" }
};


/* Indexed by ngx_http_oauth_grant_e. */

static ngx_http_oauth_grant_t  ngx_http_oauth_grants[] = {
    { ngx_null_string, "other" },
    { ngx_string("authorization_code"), "authorization_code" },
    { ngx_string("refresh_token"), "refresh_token" },
    { ngx_string("client_credentials"), "client_credentials" },
    { ngx_string("password"), "password" },
    { ngx_string("device_code"), "device_code" },
    { ngx_string("jwt-bearer"), "jwt-bearer" },
    { ngx_string("saml2-bearer"), "saml2-bearer" },
    { ngx_string("token-exchange"), "token-exchange" },
    { ngx_string("account_credentials"), "account_credentials" }
};


/* Indexed by ngx_http_oauth_outcome_e. */

static const char  *ngx_http_oauth_outcomes[] = {
    "recorded", "replayed", "joined", "rejected", "failed", "unrecorded"
};


/* Indexed by ngx_http_oauth_missing_e. */

static const char  *ngx_http_oauth_missing[] = {
    "user", "tenant", "client", "owner"
};


static ngx_int_t ngx_http_oauth_count_zone_init(ngx_shm_zone_t *zone,
    void *data);
static void ngx_http_oauth_count_rows(ngx_http_oauth_table_t *table,
    ngx_http_oauth_main_conf_t *mcf);
static ngx_http_oauth_counters_t *ngx_http_oauth_count_row(
    ngx_http_oauth_table_t *table, ngx_str_t *name, ngx_uint_t make);
static void ngx_http_oauth_count_exchange(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);
static ngx_uint_t ngx_http_oauth_count_outcome(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);
static ngx_uint_t ngx_http_oauth_count_grant(ngx_str_t *grant);
static void ngx_http_oauth_count_effect(const ledger_effect_t *effect,
    ngx_http_oauth_provider_t *p, const ledger_connection_t *connection);
static ngx_uint_t ngx_http_oauth_count_wanted(ngx_http_oauth_provider_t *p,
    ngx_array_t *values, ngx_uint_t kind);


static ngx_http_oauth_main_conf_t  *ngx_http_oauth_count_conf;


#define ngx_http_oauth_count(counter)                                         \
    ((void) ngx_atomic_fetch_add(&(counter), 1))


ngx_http_oauth_totals_t *
ngx_http_oauth_totals(void)
{
    ngx_http_oauth_table_t  *table;

    if (ngx_http_oauth_count_conf == NULL) {
        return NULL;
    }

    table = ((ngx_slab_pool_t *)
             ngx_http_oauth_count_conf->counters->shm.addr)->data;

    return &table->totals;
}


const char *
ngx_http_oauth_grant_word(ngx_uint_t grant)
{
    return ngx_http_oauth_grants[grant].word;
}


const char *
ngx_http_oauth_outcome_word(ngx_uint_t outcome)
{
    return ngx_http_oauth_outcomes[outcome];
}


const char *
ngx_http_oauth_missing_word(ngx_uint_t missing)
{
    return ngx_http_oauth_missing[missing];
}


/* The end of a request: what it was is final only now. */

ngx_int_t
ngx_http_oauth_count_handler(ngx_http_request_t *r)
{
    ngx_http_oauth_ctx_t  *ctx;

    if (r != r->main) {
        /* "log_subrequest" is on; see ngx_http_oauth_count_judged() */
        return NGX_OK;
    }

    ctx = ngx_http_oauth_ctx(r);

    if (ctx == NULL || ctx->provider == NULL
        || ctx->provider->counters == NULL)
    {
        return NGX_OK;
    }

    if (ctx->token_endpoint) {
        ngx_http_oauth_count_exchange(r, ctx);

    } else if (ctx->judged) {
        ngx_http_oauth_count(
                  ctx->provider->counters->requests[ctx->verdict][ctx->action]);
    }

    return NGX_OK;
}


/*
 * nginx does not log subrequests: a call of theirs is counted when it is
 * judged, unless it is a part of a call that is counted itself.
 */

void
ngx_http_oauth_count_judged(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx)
{
    ngx_http_oauth_ctx_t  *main;

    ctx->judged = 1;

    if (r == r->main) {
        return;
    }

    main = ngx_http_oauth_ctx(r->main);

    if ((main && main->judged) || ctx->provider->counters == NULL) {
        return;
    }

    ngx_http_oauth_count(
                  ctx->provider->counters->requests[ctx->verdict][ctx->action]);
}


static void
ngx_http_oauth_count_exchange(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx)
{
    ngx_uint_t                  outcome;
    ngx_http_oauth_totals_t    *totals;
    ngx_http_oauth_counters_t  *row;

    if (ctx->action == NGX_HTTP_OAUTH_ACTION_NONE) {
        /* it ended before the gateway could say anything */
        return;
    }

    row = ctx->provider->counters;
    totals = ngx_http_oauth_totals();
    outcome = ngx_http_oauth_count_outcome(r, ctx);

    if (outcome == NGX_HTTP_OAUTH_OUTCOME_UNRECORDED && totals) {
        ngx_http_oauth_count(totals->unrecorded);
    }

    if (ctx->revocation) {
        return;
    }

    if (ctx->unparsed) {
        ngx_http_oauth_count(row->unparsed);
    }

    ngx_http_oauth_count(
             row->exchanges[ngx_http_oauth_count_grant(&ctx->grant)][outcome]);
}


static ngx_uint_t
ngx_http_oauth_count_outcome(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx)
{
    switch (ctx->action) {

    case NGX_HTTP_OAUTH_ACTION_REJECT:
        return NGX_HTTP_OAUTH_OUTCOME_REJECTED;

    case NGX_HTTP_OAUTH_ACTION_JOIN:
        return NGX_HTTP_OAUTH_OUTCOME_JOINED;

    default:
        break;
    }

    if (!ctx->forwarded) {
        return NGX_HTTP_OAUTH_OUTCOME_REPLAYED;
    }

    if (ctx->recorded) {
        return NGX_HTTP_OAUTH_OUTCOME_RECORDED;
    }

    /* an answer without tokens leaves nothing to be recorded */

    return (ctx->unrecorded
            && r->headers_out.status < NGX_HTTP_SPECIAL_RESPONSE)
           ? NGX_HTTP_OAUTH_OUTCOME_UNRECORDED
           : NGX_HTTP_OAUTH_OUTCOME_FAILED;
}


static ngx_uint_t
ngx_http_oauth_count_grant(ngx_str_t *grant)
{
    u_char      *end;
    ngx_str_t   *name;
    ngx_uint_t   i;

    end = grant->data + grant->len;

    for (i = NGX_HTTP_OAUTH_GRANT_CODE; i < NGX_HTTP_OAUTH_GRANTS; i++) {
        name = &ngx_http_oauth_grants[i].name;

        if (grant->len >= name->len
            && ngx_memcmp(end - name->len, name->data, name->len) == 0
            && (grant->len == name->len
                || grant->data[grant->len - name->len - 1] == ':'))
        {
            return i;
        }
    }

    return NGX_HTTP_OAUTH_GRANT_OTHER;
}


void
ngx_http_oauth_count_commit(ngx_uint_t us)
{
    ngx_uint_t                i;
    ngx_http_oauth_totals_t  *totals;

    totals = ngx_http_oauth_totals();

    if (totals == NULL) {
        return;
    }

    for (i = 0; i < NGX_HTTP_OAUTH_BUCKETS; i++) {
        if (us <= ngx_http_oauth_buckets[i].us) {
            break;
        }
    }

    ngx_http_oauth_count(totals->commits[i]);
    (void) ngx_atomic_fetch_add(&totals->commits_us, us);
}


void
ngx_http_oauth_count_lost(ngx_uint_t n)
{
    ngx_http_oauth_totals_t  *totals;

    totals = ngx_http_oauth_totals();

    if (totals) {
        (void) ngx_atomic_fetch_add(&totals->unrecorded, n);
    }
}


void
ngx_http_oauth_count_effects(const ledger_effects_t *effects)
{
    size_t                      i;
    u_char                      buf[LEDGER_CONNECTION_MAX];
    ledger_t                   *ledger;
    ngx_str_t                   name;
    ledger_connection_t         connection;
    const ledger_effect_t      *effect;
    ngx_http_oauth_provider_t  *p;

    ledger = ngx_http_oauth_store();

    if (ledger == NULL || ngx_http_oauth_count_conf == NULL) {
        return;
    }

    for (i = 0; i < effects->n; i++) {
        effect = &effects->elts[i];

        switch (effect->kind) {

        case LEDGER_CONNECTED:
        case LEDGER_ADOPTED:
        case LEDGER_SUPERSESSION:
        case LEDGER_CONTRADICTED:
        case LEDGER_OVERFULL:
            break;

        default:
            continue;
        }

        if (ledger_find(ledger, effect->connection, &connection, buf)
            != LEDGER_OK)
        {
            continue;
        }

        name.data = (u_char *) connection.provider.data;
        name.len = connection.provider.len;

        p = ngx_http_oauth_provider_find(ngx_http_oauth_count_conf, &name);

        if (p && p->counters) {
            ngx_http_oauth_count_effect(effect, p, &connection);
        }
    }
}


static void
ngx_http_oauth_count_effect(const ledger_effect_t *effect,
    ngx_http_oauth_provider_t *p, const ledger_connection_t *connection)
{
    ngx_http_oauth_counters_t  *row;

    row = p->counters;

    switch (effect->kind) {

    case LEDGER_SUPERSESSION:
        ngx_http_oauth_count(row->supersessions);
        return;

    case LEDGER_CONTRADICTED:
    case LEDGER_OVERFULL:
        ngx_http_oauth_count(row->contradictions);
        return;

    default: /* it was opened */
        break;
    }

    if (connection->client.len == 0) {
        ngx_http_oauth_count(row->missing[NGX_HTTP_OAUTH_MISSING_CLIENT]);
    }

    if (connection->owner.len == 0) {
        ngx_http_oauth_count(row->missing[NGX_HTTP_OAUTH_MISSING_OWNER]);
    }

    if (connection->exempt) {
        /* it is of no person */
        return;
    }

    if (connection->user.len == 0
        && ngx_http_oauth_count_wanted(p, p->user, LEDGER_KEY_USER))
    {
        ngx_http_oauth_count(row->missing[NGX_HTTP_OAUTH_MISSING_USER]);
    }

    if (connection->tenant.len == 0
        && ngx_http_oauth_count_wanted(p, p->tenant, LEDGER_KEY_TENANT))
    {
        ngx_http_oauth_count(row->missing[NGX_HTTP_OAUTH_MISSING_TENANT]);
    }
}


/* Whether the provider's block asks for that identity. */

static ngx_uint_t
ngx_http_oauth_count_wanted(ngx_http_oauth_provider_t *p, ngx_array_t *values,
    ngx_uint_t kind)
{
    ngx_uint_t               i, k;
    ngx_http_oauth_limit_t  *limit;

    if (values) {
        return 1;
    }

    if (p->limits == NULL) {
        return 0;
    }

    limit = p->limits->elts;

    for (i = 0; i < p->limits->nelts; i++) {
        for (k = 0; k < limit[i].nkeys; k++) {
            if (limit[i].keys[k].kind == kind) {
                return 1;
            }
        }
    }

    return 0;
}


ngx_int_t
ngx_http_oauth_count_zone(ngx_conf_t *cf, ngx_http_oauth_main_conf_t *mcf)
{
    size_t                      size;
    ngx_str_t                   name;
    ngx_uint_t                  i, n;
    ngx_http_oauth_provider_t **p;

    n = 0;

    if (mcf->providers) {
        p = mcf->providers->elts;

        for (i = 0; i < mcf->providers->nelts; i++) {
            n += p[i]->used;
        }
    }

    if (n > NGX_HTTP_OAUTH_COUNTED_MAX) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "locations use %ui providers: the oauth gateway counts "
                      "for at most %d", n, NGX_HTTP_OAUTH_COUNTED_MAX);
        return NGX_ERROR;
    }

    ngx_str_set(&name, "oauth_gateway_counters");

    size = sizeof(ngx_http_oauth_table_t) + 16 * ngx_pagesize;

    mcf->counters = ngx_shared_memory_add(cf, &name, size,
                                          &ngx_http_oauth_gateway_module);
    if (mcf->counters == NULL) {
        return NGX_ERROR;
    }

    mcf->counters->init = ngx_http_oauth_count_zone_init;
    mcf->counters->data = mcf;

    return NGX_OK;
}


static ngx_int_t
ngx_http_oauth_count_zone_init(ngx_shm_zone_t *zone, void *data)
{
    ngx_slab_pool_t         *pool;
    ngx_http_oauth_table_t  *table;

    pool = (ngx_slab_pool_t *) zone->shm.addr;
    table = pool->data;

    if (data == NULL && !zone->shm.exists) {

        table = ngx_slab_calloc(pool, sizeof(ngx_http_oauth_table_t));
        if (table == NULL) {
            return NGX_ERROR;
        }

        pool->data = table;
    }

    ngx_http_oauth_count_rows(table, zone->data);

    return NGX_OK;
}


/*
 * Only the master is here; workers of the last configuration go on counting
 * in rows that they know, so a row is given to another name only when there
 * is no other, and then the one that was out of use the longest.
 */

static void
ngx_http_oauth_count_rows(ngx_http_oauth_table_t *table,
    ngx_http_oauth_main_conf_t *mcf)
{
    ngx_uint_t                   i, make;
    ngx_http_oauth_provider_t  **p;

    if (mcf->providers == NULL) {
        return;
    }

    p = mcf->providers->elts;
    table->generation++;

    /* rows that are there are found before any is made */

    for (make = 0; make < 2; make++) {
        for (i = 0; i < mcf->providers->nelts; i++) {

            if (p[i]->used && p[i]->counters == NULL) {
                p[i]->counters = ngx_http_oauth_count_row(table, &p[i]->name,
                                                          make);
            }
        }
    }
}


static ngx_http_oauth_counters_t *
ngx_http_oauth_count_row(ngx_http_oauth_table_t *table, ngx_str_t *name,
    ngx_uint_t make)
{
    ngx_uint_t                  i;
    ngx_http_oauth_counters_t  *row, *oldest;

    oldest = &table->rows[0];

    for (i = 0; i < NGX_HTTP_OAUTH_COUNTED_MAX; i++) {
        row = &table->rows[i];

        if (row->len == name->len
            && ngx_memcmp(row->name, name->data, name->len) == 0)
        {
            row->generation = table->generation;
            return row;
        }

        if (row->generation < oldest->generation) {
            oldest = row;
        }
    }

    if (!make) {
        return NULL;
    }

    ngx_memzero(oldest, sizeof(ngx_http_oauth_counters_t));

    oldest->generation = table->generation;
    oldest->len = name->len;
    ngx_memcpy(oldest->name, name->data, name->len);

    return oldest;
}


void
ngx_http_oauth_count_init_process(ngx_http_oauth_main_conf_t *mcf)
{
    ngx_http_oauth_count_conf = mcf;
}
