
/*
 * Copyright (C) The OAuth gateway authors
 */


#include "ngx_http_oauth_status.h"
#include "ngx_http_oauth_conf.h"
#include "ngx_http_oauth_provider.h"
#include "ngx_http_oauth_store.h"
#include "ngx_http_oauth_text.h"

#include "ledger_connection.h"


static json_t *ngx_http_oauth_status_origin(const ledger_connection_t *c);
static const char *ngx_http_oauth_status_reason(const ledger_connection_t *c,
    ngx_uint_t state);
static ngx_uint_t ngx_http_oauth_status_contested(
    const ledger_connection_t *c, ledger_ms_t now);


/* Indexed by ledger_state_t. */

const char  *const ngx_http_oauth_status_states[] = {
    "", "live", "superseded", "revoked", "broken", "expired", NULL
};


json_t *
ngx_http_oauth_status_item(const ledger_connection_t *c, ledger_ms_t now)
{
    int          rc;
    json_t      *item;
    ledger_ms_t  end, ended_at;
    ngx_uint_t   state;
    const char  *reason;

    end = ledger_connection_end(c);
    state = ngx_http_oauth_status_state(c, now);
    ended_at = (state == c->state) ? c->ended_at : end;

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
              json_boolean(ngx_http_oauth_status_contested(c, now)));

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
ngx_http_oauth_status_contested(const ledger_connection_t *c,
    ledger_ms_t now)
{
    unsigned                    i, contested;
    ledger_t                   *ledger;
    ngx_http_oauth_provider_t  *provider;

    ledger = ngx_http_oauth_store();
    provider = ngx_http_oauth_status_provider(c->provider);

    if (provider == NULL || ledger == NULL) {
        return 0;
    }

    for (i = 0; i < c->nlimits; i++) {

        if (ledger_contested(ledger, c, i, now, (unsigned) provider->contests,
                             provider->contest_window, &contested)
            == LEDGER_OK
            && contested)
        {
            return 1;
        }
    }

    return 0;
}


ngx_http_oauth_provider_t *
ngx_http_oauth_status_provider(ledger_slice_t name)
{
    ngx_str_t                    text;
    ngx_http_oauth_main_conf_t  *mcf;

    mcf = ngx_http_cycle_get_module_main_conf(ngx_cycle,
                                              ngx_http_oauth_gateway_module);

    text.data = (u_char *) name.data;
    text.len = name.len;

    return ngx_http_oauth_provider_find(mcf, &text);
}


/* One that is past its end has expired, also before a sweep has met it. */

ngx_uint_t
ngx_http_oauth_status_state(const ledger_connection_t *c, ledger_ms_t now)
{
    return (c->state == LEDGER_LIVE && ledger_connection_over(c, now))
           ? LEDGER_EXPIRED : c->state;
}


json_t *
ngx_http_oauth_status_brief(uint64_t id, ledger_slice_t owner)
{
    int      rc;
    json_t  *object;

    object = json_object();

    rc = ngx_http_oauth_status_id(object, "connection", id);
    rc |= ngx_http_oauth_status_text(object, "owner", owner);

    if (rc) {
        json_decref(object);
        return NULL;
    }

    return object;
}


int
ngx_http_oauth_status_text(json_t *object, const char *name,
    ledger_slice_t text)
{
    int      rc;
    u_char  *buf, *last;

    if (text.len == 0) {
        return json_object_set_new(object, name, json_null());
    }

    buf = malloc(text.len);
    if (buf == NULL) {
        return -1;
    }

    last = ngx_http_oauth_clean(buf, buf + text.len, text);

    rc = json_object_set_new(object, name,
                             json_stringn((char *) buf, last - buf));
    free(buf);

    return rc;
}


int
ngx_http_oauth_status_id(json_t *object, const char *name, uint64_t id)
{
    u_char  buf[NGX_INT64_LEN], *last;

    if (id == 0) {
        return json_object_set_new(object, name, json_null());
    }

    last = ngx_sprintf(buf, "%uL", id);

    return json_object_set_new(object, name,
                               json_stringn((char *) buf, last - buf));
}


int
ngx_http_oauth_status_time(json_t *object, const char *name, ledger_ms_t at)
{
    u_char  buf[NGX_HTTP_OAUTH_TIME_LEN], *last;

    if (at == 0) {
        return json_object_set_new(object, name, json_null());
    }

    last = ngx_http_oauth_time(buf, at);

    return json_object_set_new(object, name,
                               json_stringn((char *) buf, last - buf));
}
