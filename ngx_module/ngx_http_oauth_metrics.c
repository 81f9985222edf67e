
/*
 * Copyright (C) The OAuth gateway authors
 */


#include "ngx_http_oauth_status.h"
#include "ngx_http_oauth_conf.h"
#include "ngx_http_oauth_counters.h"
#include "ngx_http_oauth_ctx.h"
#include "ngx_http_oauth_header.h"
#include "ngx_http_oauth_refusal.h"
#include "ngx_http_oauth_store.h"
#include "ngx_http_oauth_text.h"
#include "ngx_http_oauth_variables.h"


/*
 * A line: the longest name and labels, but the provider's, take 110 bytes,
 * and a number 20.  A provider has one for each verdict and action, each
 * grant and outcome, each state, and a dozen more; beside them stand the
 * helps and what has no provider.
 */
#define NGX_HTTP_OAUTH_METRICS_LINE   160
#define NGX_HTTP_OAUTH_METRICS_LINES                                          \
    (NGX_HTTP_OAUTH_VERDICTS * NGX_HTTP_OAUTH_ACTIONS                         \
     + NGX_HTTP_OAUTH_GRANTS * NGX_HTTP_OAUTH_OUTCOMES + 32)
#define NGX_HTTP_OAUTH_METRICS_FIXED  16384


typedef struct {
    ngx_http_oauth_provider_t    *provider;
    ngx_str_t                     label;   /* its name, escaped */
    ledger_count_t                count;
    uint64_t                      contested;
} ngx_http_oauth_metrics_row_t;


typedef struct {
    ngx_http_oauth_metrics_row_t  *rows;
    ngx_uint_t                     n;
    uint64_t                       used;
    uint64_t                       max;
    u_char                        *p;
    u_char                        *last;
    unsigned                       ledger:1;   /* it could be asked */
} ngx_http_oauth_metrics_t;


typedef struct {
    const char                    *name;
    const char                    *type;
    const char                    *help;
    void                         (*lines)(ngx_http_oauth_metrics_t *m,
                                     const char *name,
                                     ngx_http_oauth_metrics_row_t *row);
    ngx_uint_t                     ledger; /* unsigned  ledger:1; from it */
} ngx_http_oauth_metrics_family_t;


static ngx_int_t ngx_http_oauth_metrics_gather(ngx_http_request_t *r,
    ngx_http_oauth_metrics_t *m);
static ngx_int_t ngx_http_oauth_metrics_label(ngx_http_request_t *r,
    ngx_http_oauth_metrics_row_t *row);
static ngx_int_t ngx_http_oauth_metrics_ask(ngx_http_request_t *r,
    ngx_http_oauth_metrics_t *m);
static ngx_int_t ngx_http_oauth_metrics_text(ngx_http_request_t *r,
    ngx_http_oauth_metrics_t *m, ngx_str_t *text);
static void ngx_http_oauth_metrics_head(ngx_http_oauth_metrics_t *m,
    const char *name, const char *type, const char *help);
static void ngx_http_oauth_metrics_exchanges(ngx_http_oauth_metrics_t *m,
    const char *name, ngx_http_oauth_metrics_row_t *row);
static void ngx_http_oauth_metrics_requests(ngx_http_oauth_metrics_t *m,
    const char *name, ngx_http_oauth_metrics_row_t *row);
static void ngx_http_oauth_metrics_connections(ngx_http_oauth_metrics_t *m,
    const char *name, ngx_http_oauth_metrics_row_t *row);
static void ngx_http_oauth_metrics_contested(ngx_http_oauth_metrics_t *m,
    const char *name, ngx_http_oauth_metrics_row_t *row);
static void ngx_http_oauth_metrics_full(ngx_http_oauth_metrics_t *m,
    const char *name, ngx_http_oauth_metrics_row_t *row);
static void ngx_http_oauth_metrics_supersessions(
    ngx_http_oauth_metrics_t *m, const char *name,
    ngx_http_oauth_metrics_row_t *row);
static void ngx_http_oauth_metrics_contradictions(
    ngx_http_oauth_metrics_t *m, const char *name,
    ngx_http_oauth_metrics_row_t *row);
static void ngx_http_oauth_metrics_unidentified(ngx_http_oauth_metrics_t *m,
    const char *name, ngx_http_oauth_metrics_row_t *row);
static void ngx_http_oauth_metrics_unparsed(ngx_http_oauth_metrics_t *m,
    const char *name, ngx_http_oauth_metrics_row_t *row);
static void ngx_http_oauth_metrics_number(ngx_http_oauth_metrics_t *m,
    const char *name, ngx_http_oauth_metrics_row_t *row, uint64_t value);
static void ngx_http_oauth_metrics_totals(ngx_http_oauth_metrics_t *m);
static void ngx_http_oauth_metrics_commits(ngx_http_oauth_metrics_t *m,
    ngx_http_oauth_totals_t *totals);


static ngx_http_oauth_metrics_family_t  ngx_http_oauth_metrics_families[] = {

    { "oauth_gateway_exchanges_total", "counter",
      "Token requests by grant and what became of them.",
      ngx_http_oauth_metrics_exchanges, 0 },

    { "oauth_gateway_requests_total", "counter",
      "Calls by the verdict on their token and what was done with them.",
      ngx_http_oauth_metrics_requests, 0 },

    { "oauth_gateway_connections", "gauge",
      "Connections in the store by state.",
      ngx_http_oauth_metrics_connections, 1 },

    { "oauth_gateway_supersessions_total", "counter",
      "Connections that a newer one superseded.",
      ngx_http_oauth_metrics_supersessions, 0 },

    { "oauth_gateway_contradictions_total", "counter",
      "Answers of the provider that contradict a configured limit.",
      ngx_http_oauth_metrics_contradictions, 0 },

    { "oauth_gateway_contested_slots", "gauge",
      "Slots that several owners take from each other now.",
      ngx_http_oauth_metrics_contested, 1 },

    { "oauth_gateway_full_slots", "gauge",
      "Slots in which the next connect would end somebody.",
      ngx_http_oauth_metrics_full, 1 },

    { "oauth_gateway_unidentified_total", "counter",
      "Connections opened without that identity being known.",
      ngx_http_oauth_metrics_unidentified, 0 },

    { "oauth_gateway_unparsed_total", "counter",
      "Token answers that were passed on without being understood.",
      ngx_http_oauth_metrics_unparsed, 0 },

    { NULL, NULL, NULL, NULL, 0 }
};


ngx_int_t
ngx_http_oauth_metrics_handler(ngx_http_request_t *r)
{
    ngx_str_t                 text, value;
    ngx_http_oauth_metrics_t  m;

    ngx_memzero(&m, sizeof(ngx_http_oauth_metrics_t));

    if (ngx_http_oauth_metrics_gather(r, &m) != NGX_OK
        || ngx_http_oauth_metrics_ask(r, &m) != NGX_OK
        || ngx_http_oauth_metrics_text(r, &m, &text) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_str_set(&value, "no-store");

    if (ngx_http_oauth_header_set(r, "Cache-Control", &value) == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_str_set(&value, "nosniff");

    if (ngx_http_oauth_header_set(r, "X-Content-Type-Options", &value)
        == NULL)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_str_set(&value, "text/plain; version=0.0.4; charset=utf-8");

    return ngx_http_oauth_local_send(r, NGX_HTTP_OK, &value, &text);
}


/* A row for each provider that a location uses. */

static ngx_int_t
ngx_http_oauth_metrics_gather(ngx_http_request_t *r,
    ngx_http_oauth_metrics_t *m)
{
    ngx_uint_t                   i;
    ngx_http_oauth_provider_t  **p;
    ngx_http_oauth_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_oauth_gateway_module);

    if (mcf->providers == NULL) {
        return NGX_OK;
    }

    m->rows = ngx_pcalloc(r->pool, mcf->providers->nelts
                                   * sizeof(ngx_http_oauth_metrics_row_t));
    if (m->rows == NULL) {
        return NGX_ERROR;
    }

    p = mcf->providers->elts;

    for (i = 0; i < mcf->providers->nelts; i++) {

        if (p[i]->counters == NULL) {
            continue;
        }

        m->rows[m->n].provider = p[i];

        if (ngx_http_oauth_metrics_label(r, &m->rows[m->n]) != NGX_OK) {
            return NGX_ERROR;
        }

        m->n++;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_oauth_metrics_label(ngx_http_request_t *r,
    ngx_http_oauth_metrics_row_t *row)
{
    u_char     *p, *clean, *end;
    ngx_str_t  *name;

    name = &row->provider->name;

    clean = ngx_pnalloc(r->pool, 3 * name->len);
    if (clean == NULL) {
        return NGX_ERROR;
    }

    end = ngx_http_oauth_clean(clean, clean + name->len,
                               ngx_http_oauth_slice(name));

    row->label.data = end;

    for (p = clean; p < end; p++) {

        if (*p == '"' || *p == '\\') {
            row->label.data[row->label.len++] = '\\';
        }

        row->label.data[row->label.len++] = *p;
    }

    return NGX_OK;
}


/* A store that cannot be read leaves its numbers out, and no others. */

static ngx_int_t
ngx_http_oauth_metrics_ask(ngx_http_request_t *r, ngx_http_oauth_metrics_t *m)
{
    ledger_t                   *ledger;
    ngx_uint_t                  i;
    ledger_contested_t         *contested;
    ngx_http_oauth_provider_t  *p;

    ledger = ngx_http_oauth_store();

    if (ledger == NULL
        || ledger_size(ledger, &m->used, &m->max) != LEDGER_OK)
    {
        return NGX_OK;
    }

    contested = ngx_pcalloc(r->pool, (m->n + 1) * sizeof(ledger_contested_t));
    if (contested == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < m->n; i++) {
        p = m->rows[i].provider;

        contested[i].provider = ngx_http_oauth_slice(&p->name);
        contested[i].contests = p->contests;
        contested[i].window = p->contest_window;

        if (ledger_count(ledger, contested[i].provider, &m->rows[i].count)
            != LEDGER_OK)
        {
            return NGX_OK;
        }
    }

    if (ledger_contested_slots(ledger, ngx_http_oauth_now(), contested, m->n)
        != LEDGER_OK)
    {
        return NGX_OK;
    }

    for (i = 0; i < m->n; i++) {
        m->rows[i].contested = contested[i].slots;
    }

    m->ledger = 1;

    return NGX_OK;
}


static ngx_int_t
ngx_http_oauth_metrics_text(ngx_http_request_t *r,
    ngx_http_oauth_metrics_t *m, ngx_str_t *text)
{
    size_t                            size;
    ngx_uint_t                        i;
    ngx_http_oauth_metrics_family_t  *family;

    size = NGX_HTTP_OAUTH_METRICS_FIXED;

    for (i = 0; i < m->n; i++) {
        size += NGX_HTTP_OAUTH_METRICS_LINES
                * (NGX_HTTP_OAUTH_METRICS_LINE + m->rows[i].label.len);
    }

    text->data = ngx_pnalloc(r->pool, size);
    if (text->data == NULL) {
        return NGX_ERROR;
    }

    m->p = text->data;
    m->last = text->data + size;

    for (family = ngx_http_oauth_metrics_families; family->name; family++) {

        if (family->ledger && !m->ledger) {
            continue;
        }

        ngx_http_oauth_metrics_head(m, family->name, family->type,
                                    family->help);

        for (i = 0; i < m->n; i++) {
            family->lines(m, family->name, &m->rows[i]);
        }
    }

    ngx_http_oauth_metrics_totals(m);

    text->len = m->p - text->data;

    return NGX_OK;
}


static void
ngx_http_oauth_metrics_head(ngx_http_oauth_metrics_t *m, const char *name,
    const char *type, const char *help)
{
    m->p = ngx_slprintf(m->p, m->last, "# HELP %s %s\n# TYPE %s %s\n", name,
                        help, name, type);
}


/*
 * The usual grants are told from the start: a number that comes out of
 * nothing is no increase.
 */

static void
ngx_http_oauth_metrics_exchanges(ngx_http_oauth_metrics_t *m,
    const char *name, ngx_http_oauth_metrics_row_t *row)
{
    ngx_uint_t     grant, outcome, any;
    ngx_atomic_t  *counters;

    for (grant = 0; grant < NGX_HTTP_OAUTH_GRANTS; grant++) {

        counters = row->provider->counters->exchanges[grant];

        any = (grant == NGX_HTTP_OAUTH_GRANT_CODE
               || grant == NGX_HTTP_OAUTH_GRANT_REFRESH);

        for (outcome = 0; outcome < NGX_HTTP_OAUTH_OUTCOMES; outcome++) {
            any |= (counters[outcome] != 0);
        }

        for (outcome = 0; any && outcome < NGX_HTTP_OAUTH_OUTCOMES; outcome++) {
            m->p = ngx_slprintf(m->p, m->last,
                                "%s{provider=\"%V\",grant=\"%s\","
                                "outcome=\"%s\"} %uA\n",
                                name, &row->label,
                                ngx_http_oauth_grant_word(grant),
                                ngx_http_oauth_outcome_word(outcome),
                                counters[outcome]);
        }
    }
}


static void
ngx_http_oauth_metrics_requests(ngx_http_oauth_metrics_t *m,
    const char *name, ngx_http_oauth_metrics_row_t *row)
{
    ngx_uint_t  verdict, action;

    for (verdict = LEDGER_VERDICT_NONE;
         verdict < NGX_HTTP_OAUTH_VERDICTS;
         verdict++)
    {
        for (action = NGX_HTTP_OAUTH_ACTION_PASS;
             action < NGX_HTTP_OAUTH_ACTIONS;
             action++)
        {
            if (action >= NGX_HTTP_OAUTH_ACTION_FORWARD
                && action <= NGX_HTTP_OAUTH_ACTION_JOIN)
            {
                /* of token requests */
                continue;
            }

            m->p = ngx_slprintf(m->p, m->last,
                          "%s{provider=\"%V\",verdict=\"%V\",action=\"%V\"} "
                          "%uA\n", name, &row->label,
                          ngx_http_oauth_verdict_word(verdict),
                          ngx_http_oauth_action_word(action),
                          row->provider->counters->requests[verdict][action]);
        }
    }
}


static void
ngx_http_oauth_metrics_connections(ngx_http_oauth_metrics_t *m,
    const char *name, ngx_http_oauth_metrics_row_t *row)
{
    ngx_uint_t  state;

    for (state = LEDGER_LIVE; state <= LEDGER_EXPIRED; state++) {
        m->p = ngx_slprintf(m->p, m->last,
                            "%s{provider=\"%V\",state=\"%s\"} %uL\n", name,
                            &row->label, ngx_http_oauth_status_states[state],
                            row->count.connections[state]);
    }
}


static void
ngx_http_oauth_metrics_contested(ngx_http_oauth_metrics_t *m,
    const char *name, ngx_http_oauth_metrics_row_t *row)
{
    ngx_http_oauth_metrics_number(m, name, row, row->contested);
}


static void
ngx_http_oauth_metrics_full(ngx_http_oauth_metrics_t *m, const char *name,
    ngx_http_oauth_metrics_row_t *row)
{
    ngx_http_oauth_metrics_number(m, name, row, row->count.full);
}


static void
ngx_http_oauth_metrics_supersessions(ngx_http_oauth_metrics_t *m,
    const char *name, ngx_http_oauth_metrics_row_t *row)
{
    ngx_http_oauth_metrics_number(m, name, row,
                                  row->provider->counters->supersessions);
}


static void
ngx_http_oauth_metrics_contradictions(ngx_http_oauth_metrics_t *m,
    const char *name, ngx_http_oauth_metrics_row_t *row)
{
    ngx_http_oauth_metrics_number(m, name, row,
                                  row->provider->counters->contradictions);
}


static void
ngx_http_oauth_metrics_unidentified(ngx_http_oauth_metrics_t *m,
    const char *name, ngx_http_oauth_metrics_row_t *row)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_OAUTH_MISSING; i++) {
        m->p = ngx_slprintf(m->p, m->last,
                            "%s{provider=\"%V\",missing=\"%s\"} %uA\n", name,
                            &row->label, ngx_http_oauth_missing_word(i),
                            row->provider->counters->missing[i]);
    }
}


static void
ngx_http_oauth_metrics_unparsed(ngx_http_oauth_metrics_t *m,
    const char *name, ngx_http_oauth_metrics_row_t *row)
{
    ngx_http_oauth_metrics_number(m, name, row,
                                  row->provider->counters->unparsed);
}


static void
ngx_http_oauth_metrics_number(ngx_http_oauth_metrics_t *m, const char *name,
    ngx_http_oauth_metrics_row_t *row, uint64_t value)
{
    m->p = ngx_slprintf(m->p, m->last, "%s{provider=\"%V\"} %uL\n", name,
                        &row->label, value);
}


/* What is counted for all providers together. */

static void
ngx_http_oauth_metrics_totals(ngx_http_oauth_metrics_t *m)
{
    ngx_http_oauth_totals_t  *totals;

    totals = ngx_http_oauth_totals();

    if (totals) {
        ngx_http_oauth_metrics_commits(m, totals);

        ngx_http_oauth_metrics_head(m, "oauth_gateway_unrecorded_total",
                                    "counter",
                                    "Answers that could not be recorded.");

        m->p = ngx_slprintf(m->p, m->last,
                            "oauth_gateway_unrecorded_total %uA\n",
                            totals->unrecorded);
    }

    ngx_http_oauth_metrics_head(m, "oauth_gateway_store_writable", "gauge",
                                "Whether the store can be written.");

    m->p = ngx_slprintf(m->p, m->last, "oauth_gateway_store_writable %ui\n",
                        ngx_http_oauth_store_writable());

    if (!m->ledger) {
        return;
    }

    ngx_http_oauth_metrics_head(m, "oauth_gateway_store_bytes", "gauge",
                                "Bytes of the store in use, and its bound.");

    m->p = ngx_slprintf(m->p, m->last,
                        "oauth_gateway_store_bytes{kind=\"used\"} %uL\n"
                        "oauth_gateway_store_bytes{kind=\"max\"} %uL\n",
                        m->used, m->max);
}


static void
ngx_http_oauth_metrics_commits(ngx_http_oauth_metrics_t *m,
    ngx_http_oauth_totals_t *totals)
{
    ngx_uint_t         i;
    ngx_atomic_uint_t  n, sum;

    ngx_http_oauth_metrics_head(m, "oauth_gateway_commit_seconds",
                                "histogram",
                                "Time until a batch of records was durable.");

    n = 0;

    for (i = 0; i < NGX_HTTP_OAUTH_BUCKETS; i++) {
        n += totals->commits[i];

        m->p = ngx_slprintf(m->p, m->last,
                            "oauth_gateway_commit_seconds_bucket{le=\"%s\"} "
                            "%uA\n", ngx_http_oauth_buckets[i].seconds, n);
    }

    n += totals->commits[NGX_HTTP_OAUTH_BUCKETS];
    sum = totals->commits_us;

    m->p = ngx_slprintf(m->p, m->last,
                        "oauth_gateway_commit_seconds_bucket{le=\"+Inf\"} "
                        "%uA\n"
                        "oauth_gateway_commit_seconds_sum %uA.%06uA\n"
                        "oauth_gateway_commit_seconds_count %uA\n",
                        n, sum / 1000000, sum % 1000000, n);
}
