
/*
 * Copyright (C) The OAuth gateway authors
 */


#include "ngx_http_oauth_status.h"


static ngx_int_t ngx_http_oauth_status_number(ngx_str_t *text,
    uint64_t *number);
static json_t *ngx_http_oauth_status_item(ngx_http_request_t *r,
    const ledger_connection_t *c, ledger_ms_t now);
static json_t *ngx_http_oauth_status_origin(const ledger_connection_t *c);
static const char *ngx_http_oauth_status_reason(const ledger_connection_t *c,
    ngx_uint_t state);
static ngx_uint_t ngx_http_oauth_status_contested(ngx_http_request_t *r,
    const ledger_connection_t *c, ledger_ms_t now);


/* Indexed by ledger_state_t. */

static const char  *ngx_http_oauth_status_states[] = {
    "", "live", "superseded", "revoked", "broken", "expired"
};


ngx_int_t
ngx_http_oauth_status_connection(ngx_http_request_t *r)
{
    uint64_t              id;
    ledger_t             *ledger;
    ngx_str_t             name;
    ledger_rc_t           rc;
    ledger_connection_t   c;
    u_char                buf[LEDGER_CONNECTION_MAX];

    name = ngx_http_oauth_status_name(r);

    if (ngx_http_oauth_status_number(&name, &id) != NGX_OK) {
        return ngx_http_oauth_status_not_found(r);
    }

    ledger = ngx_http_oauth_store();

    rc = ledger ? ledger_find(ledger, id, &c, buf) : LEDGER_IO;

    if (rc == LEDGER_NOT_FOUND) {
        return ngx_http_oauth_status_not_found(r);
    }

    if (rc != LEDGER_OK) {
        return ngx_http_oauth_status_unavailable(r);
    }

    return ngx_http_oauth_status_json(r,
                     ngx_http_oauth_status_item(r, &c, ngx_http_oauth_now()));
}


/* As it is written by us: no sign, no zero in front. */

static ngx_int_t
ngx_http_oauth_status_number(ngx_str_t *text, uint64_t *number)
{
    u_char    ch;
    uint64_t  n;
    size_t    i;

    if (text->len == 0 || text->data[0] == '0') {
        return NGX_DECLINED;
    }

    n = 0;

    for (i = 0; i < text->len; i++) {
        ch = text->data[i];

        if (ch < '0' || ch > '9' || n > (UINT64_MAX - (ch - '0')) / 10) {
            return NGX_DECLINED;
        }

        n = n * 10 + (ch - '0');
    }

    *number = n;

    return NGX_OK;
}


/* NULL: no memory. */

static json_t *
ngx_http_oauth_status_item(ngx_http_request_t *r,
    const ledger_connection_t *c, ledger_ms_t now)
{
    int          rc;
    json_t      *item;
    ledger_ms_t  end, ended_at;
    ngx_uint_t   state;
    const char  *reason;

    end = ledger_connection_end(c);
    state = c->state;
    ended_at = c->ended_at;

    if (state == LEDGER_LIVE && end && end <= now) {
        /* no sweep has met it yet */
        state = LEDGER_EXPIRED;
        ended_at = end;
    }

    reason = ngx_http_oauth_status_reason(c, state);
    item = json_object();

    rc = ngx_http_oauth_status_id(item, "id", c->id);
    rc |= ngx_http_oauth_status_text(item, "provider", c->provider);
    rc |= ngx_http_oauth_status_text(item, "client", c->client);
    rc |= ngx_http_oauth_status_text(item, "user", c->user);
    rc |= ngx_http_oauth_status_text(item, "tenant", c->tenant);
    rc |= ngx_http_oauth_status_text(item, "login", c->login);
    rc |= ngx_http_oauth_status_text(item, "owner", c->owner);
    rc |= ngx_http_oauth_status_text(item, "grant", c->grant);
    rc |= ngx_http_oauth_status_text(item, "scope", c->scope);
    rc |= json_object_set_new(item, "state",
                          json_string(ngx_http_oauth_status_states[state]));
    rc |= json_object_set_new(item, "reason",
                          reason ? json_string(reason) : json_null());

    /* when an adopted connection was opened is not known */

    rc |= json_object_set_new(item, "adopted", json_boolean(c->adopted));
    rc |= ngx_http_oauth_status_time(item, "opened_at",
                                     c->adopted ? 0 : c->opened_at);
    rc |= json_object_set_new(item, "opened_from",
                              ngx_http_oauth_status_origin(c));
    rc |= ngx_http_oauth_status_time(item, "refreshed_at", c->refreshed_at);
    rc |= ngx_http_oauth_status_time(item, "last_used_at", c->last_used_at);
    rc |= ngx_http_oauth_status_time(item, "expires_at",
                                     state == LEDGER_LIVE ? end : 0);
    rc |= ngx_http_oauth_status_time(item, "ended_at", ended_at);
    rc |= ngx_http_oauth_status_time(item, "superseded_at",
                              state == LEDGER_SUPERSEDED ? ended_at : 0);
    rc |= ngx_http_oauth_status_id(item, "superseded_by", c->superseded_by);
    rc |= json_object_set_new(item, "contested",
              json_boolean(ngx_http_oauth_status_contested(r, c, now)));

    if (rc) {
        json_decref(item);
        return NULL;
    }

    return item;
}


static json_t *
ngx_http_oauth_status_origin(const ledger_connection_t *c)
{
    int      rc;
    json_t  *origin;

    origin = json_object();

    rc = ngx_http_oauth_status_text(origin, "address", c->address);
    rc |= ngx_http_oauth_status_text(origin, "user_agent", c->agent);

    if (rc) {
        json_decref(origin);
        return NULL;
    }

    return origin;
}


/* Why it ended, in one word; NULL: it lives. */

static const char *
ngx_http_oauth_status_reason(const ledger_connection_t *c, ngx_uint_t state)
{
    switch (state) {

    case LEDGER_SUPERSEDED:
        if (c->undecided) {
            return "undecided";
        }

        return c->reconnect ? "reconnect" : "superseded";

    case LEDGER_REVOKED:
        return c->released ? "released" : "revoked";

    case LEDGER_BROKEN:
        return "refused";

    case LEDGER_EXPIRED:
        if (c->idle && ledger_ms_after(c->last_used_at, c->idle)
                       == ledger_connection_end(c))
        {
            return "idle";
        }

        return "expired";

    default:
        return NULL;
    }
}


static ngx_uint_t
ngx_http_oauth_status_contested(ngx_http_request_t *r,
    const ledger_connection_t *c, ledger_ms_t now)
{
    unsigned                     i;
    ledger_t                    *ledger;
    ngx_str_t                    name;
    ledger_slot_t                slot;
    ngx_http_oauth_provider_t   *provider;
    ngx_http_oauth_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_oauth_gateway_module);

    name.data = (u_char *) c->provider.data;
    name.len = c->provider.len;

    ledger = ngx_http_oauth_store();
    provider = ngx_http_oauth_provider_find(mcf, &name);

    if (provider == NULL || ledger == NULL) {
        return 0;
    }

    for (i = 0; i < c->nlimits; i++) {

        if (ledger_slot(ledger, c, i, now, (unsigned) provider->contests,
                        provider->contest_window, &slot)
            == LEDGER_OK
            && slot.contested)
        {
            return 1;
        }
    }

    return 0;
}
