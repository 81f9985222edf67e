
/*
 * Copyright (C) The OAuth gateway authors
 */


#include "ngx_http_oauth_report.h"
#include "ngx_http_oauth_store.h"


typedef struct {
    ngx_uint_t                  level;   /* 0: not a line of its own */
    const char                 *text;
} ngx_http_oauth_report_line_t;


/* Indexed by ledger_effect_kind_t. */

static ngx_http_oauth_report_line_t  ngx_http_oauth_report_lines[] = {
    { 0, NULL },
    { NGX_LOG_INFO, "connected" },
    { NGX_LOG_INFO, "was refreshed" },
    { NGX_LOG_INFO, "goes on with the same token" },
    { NGX_LOG_NOTICE, "was adopted: its refresh token had not been seen" },
    { NGX_LOG_NOTICE, "was superseded" },
    { NGX_LOG_NOTICE, "lives, the other one of two overlapping connects "
                      "does not" },
    { NGX_LOG_INFO, "is superseded: the provider has confirmed it" },
    { NGX_LOG_WARN, "is a contradiction: it was recorded as superseded, but "
                    "the provider accepts it, and that limit is probably "
                    "wrong" },
    { NGX_LOG_WARN, "leaves a slot over its limit" },
    { NGX_LOG_INFO, "was bound to a user or tenant" },
    { NGX_LOG_NOTICE, "is broken: the provider refuses its token, although "
                      "nothing seen here ended it" },
    { NGX_LOG_NOTICE, "is repaired: the provider accepts it again" },
    { NGX_LOG_NOTICE, "was revoked" },
    { NGX_LOG_NOTICE, "was released by an operator" },
    { NGX_LOG_NOTICE, "was reinstated by an operator" },
    { NGX_LOG_INFO, "has expired" },
    { NGX_LOG_INFO, "is past its retention" },
    { NGX_LOG_INFO, "has an access token that the provider calls dead" },
    { NGX_LOG_NOTICE, "is not the only user's in its tenant" },
    { NGX_LOG_ERR, "was not recorded: a value is beyond its bound" }
};


static void ngx_http_oauth_report_effect(const ledger_effect_t *effect,
    ngx_log_t *log);
static u_char *ngx_http_oauth_report_connection(u_char *p, u_char *last,
    uint64_t id, const char *lead);
static u_char *ngx_http_oauth_report_limit(u_char *p, u_char *last,
    uint64_t id, ngx_uint_t limit);
static u_char *ngx_http_oauth_report_named(u_char *p, u_char *last,
    const char *name, const ledger_slice_t *value);


void
ngx_http_oauth_report(const ledger_effects_t *effects, ngx_log_t *log)
{
    size_t  i;

    for (i = 0; i < effects->n; i++) {
        ngx_http_oauth_report_effect(&effects->elts[i], log);
    }
}


static void
ngx_http_oauth_report_effect(const ledger_effect_t *effect, ngx_log_t *log)
{
    u_char                        *p, *last, buf[NGX_MAX_ERROR_STR / 2];
    ngx_http_oauth_report_line_t  *line;

    if (effect->kind >= sizeof(ngx_http_oauth_report_lines)
                        / sizeof(ngx_http_oauth_report_line_t))
    {
        return;
    }

    line = &ngx_http_oauth_report_lines[effect->kind];

    if (line->level == 0 || log->log_level < line->level) {
        return;
    }

    last = buf + sizeof(buf);

    p = ngx_http_oauth_report_connection(buf, last, effect->connection, "");
    p = ngx_slprintf(p, last, " %s", line->text);

    if (effect->kind == LEDGER_SUPERSESSION) {

        if (effect->reconnect) {
            p = ngx_slprintf(p, last, " by a reconnect of its own owner");
        }

        if (effect->undecided) {
            p = ngx_slprintf(p, last, ", undecided: the exchanges overlapped");
        }
    }

    if (effect->other) {
        p = ngx_http_oauth_report_connection(p, last, effect->other, ": ");
    }

    if (effect->kind == LEDGER_CONTRADICTED
        || effect->kind == LEDGER_OVERFULL)
    {
        p = ngx_http_oauth_report_limit(p, last, effect->connection,
                                        effect->limit);
    }

    if (effect->kind == LEDGER_TENANT_SHARED) {
        p = ngx_slprintf(p, last, ", use one integration user per enterprise "
                         "account");
    }

    ngx_log_error(line->level, log, 0, "oauth gateway: %*s",
                  (size_t) (p - buf), buf);
}


static u_char *
ngx_http_oauth_report_connection(u_char *p, u_char *last, uint64_t id,
    const char *lead)
{
    u_char                buf[LEDGER_CONNECTION_MAX];
    ledger_t             *ledger;
    ledger_connection_t   connection;

    p = ngx_slprintf(p, last, "%sconnection \"%uL\"", lead, id);

    ledger = ngx_http_oauth_store();

    if (id == 0 || ledger == NULL
        || ledger_find(ledger, id, &connection, buf) != LEDGER_OK)
    {
        return p;
    }

    p = ngx_http_oauth_report_named(p, last, "provider",
                                    &connection.provider);
    p = ngx_http_oauth_report_named(p, last, "user", &connection.user);
    p = ngx_http_oauth_report_named(p, last, "tenant", &connection.tenant);
    p = ngx_http_oauth_report_named(p, last, "owner", &connection.owner);

    return p;
}


static u_char *
ngx_http_oauth_report_limit(u_char *p, u_char *last, uint64_t id,
    ngx_uint_t limit)
{
    u_char                buf[LEDGER_CONNECTION_MAX];
    ledger_t             *ledger;
    ledger_connection_t   connection;

    ledger = ngx_http_oauth_store();

    if (ledger == NULL
        || ledger_find(ledger, id, &connection, buf) != LEDGER_OK
        || limit >= connection.nlimits)
    {
        return p;
    }

    return ngx_slprintf(p, last, ", limit %ui of its provider (\"limit %uD "
                        "per ...\")", limit + 1, connection.limits[limit].n);
}


static u_char *
ngx_http_oauth_report_named(u_char *p, u_char *last, const char *name,
    const ledger_slice_t *value)
{
    u_char  buf[NGX_HTTP_OAUTH_LOG_MAX + 3], *end;

    if (value->len == 0) {
        return p;
    }

    end = ngx_http_oauth_report_safe(buf, value->data, value->len);

    return ngx_slprintf(p, last, " %s \"%*s\"", name, (size_t) (end - buf),
                        buf);
}


/* "p" takes NGX_HTTP_OAUTH_LOG_MAX bytes and three dots. */

u_char *
ngx_http_oauth_report_safe(u_char *p, const u_char *text, size_t len)
{
    size_t  i, n;

    n = ngx_min(len, NGX_HTTP_OAUTH_LOG_MAX);

    for (i = 0; i < n; i++) {
        *p++ = (text[i] < 0x20 || text[i] == 0x7f || text[i] == '"') ? '?'
                                                                    : text[i];
    }

    if (n < len) {
        p = ngx_cpymem(p, "...", 3);
    }

    return p;
}
