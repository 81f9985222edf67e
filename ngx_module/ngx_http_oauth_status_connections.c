
/*
 * Copyright (C) The OAuth gateway authors
 */


#include "ngx_http_oauth_status.h"


static ngx_int_t ngx_http_oauth_status_page(ngx_http_request_t *r,
    const ledger_page_t *page, ngx_uint_t state);
static ngx_int_t ngx_http_oauth_status_fill(json_t *items,
    const ledger_page_t *page, ngx_uint_t state);
static json_t *ngx_http_oauth_status_ends(ledger_t *ledger,
    const ledger_connection_t *c, ledger_ms_t now);


enum {
    NGX_HTTP_OAUTH_ARG_PROVIDER = 0,
    NGX_HTTP_OAUTH_ARG_CLIENT,
    NGX_HTTP_OAUTH_ARG_USER,
    NGX_HTTP_OAUTH_ARG_TENANT,
    NGX_HTTP_OAUTH_ARG_OWNER,
    NGX_HTTP_OAUTH_ARG_STATE,
    NGX_HTTP_OAUTH_ARG_LIMIT,
    NGX_HTTP_OAUTH_ARG_AFTER,
    NGX_HTTP_OAUTH_ARGS
};


ngx_int_t
ngx_http_oauth_status_connections(ngx_http_request_t *r)
{
    size_t                       limit;
    uint64_t                     after;
    ledger_t                    *ledger;
    ngx_int_t                    rc;
    ngx_uint_t                   state;
    ledger_rc_t                  read;
    ledger_page_t                page;
    ledger_filter_t              filter;
    ngx_http_oauth_status_arg_t  args[] = {
        { "provider", { NULL, 0 } }, { "client", { NULL, 0 } },
        { "user", { NULL, 0 } }, { "tenant", { NULL, 0 } },
        { "owner", { NULL, 0 } }, { "state", { NULL, 0 } },
        { "limit", { NULL, 0 } }, { "after", { NULL, 0 } },
        { NULL, { NULL, 0 } }
    };

    limit = 0;
    after = 0;
    state = 0;

    rc = ngx_http_oauth_status_query(r, args);

    if (rc == NGX_DECLINED) {
        rc = ngx_http_oauth_status_limit(r, &args[NGX_HTTP_OAUTH_ARG_LIMIT],
                                         &limit);
    }

    if (rc == NGX_DECLINED) {
        rc = ngx_http_oauth_status_cursor(r, &args[NGX_HTTP_OAUTH_ARG_AFTER],
                                          &after);
    }

    if (rc == NGX_DECLINED) {
        rc = ngx_http_oauth_status_word(r, &args[NGX_HTTP_OAUTH_ARG_STATE],
                                        ngx_http_oauth_status_states, &state);
    }

    if (rc != NGX_DECLINED) {
        return rc;
    }

    filter.provider = args[NGX_HTTP_OAUTH_ARG_PROVIDER].value;
    filter.client = args[NGX_HTTP_OAUTH_ARG_CLIENT].value;
    filter.user = args[NGX_HTTP_OAUTH_ARG_USER].value;
    filter.tenant = args[NGX_HTTP_OAUTH_ARG_TENANT].value;
    filter.owner = args[NGX_HTTP_OAUTH_ARG_OWNER].value;
    filter.state = (uint8_t) state;

    ngx_memzero(&page, sizeof(ledger_page_t));

    ledger = ngx_http_oauth_store();
    read = ledger ? ledger_list(ledger, &filter, after, limit, &page)
                  : LEDGER_IO;

    rc = (read == LEDGER_OK) ? ngx_http_oauth_status_page(r, &page, state)
                             : ngx_http_oauth_status_unavailable(r);

    ledger_page_free(&page);

    return rc;
}


static ngx_int_t
ngx_http_oauth_status_page(ngx_http_request_t *r, const ledger_page_t *page,
    ngx_uint_t state)
{
    json_t  *items;

    items = json_array();

    if (ngx_http_oauth_status_fill(items, page, state) != NGX_OK) {
        json_decref(items);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_oauth_status_list(r, items, page->next);
}


static ngx_int_t
ngx_http_oauth_status_fill(json_t *items, const ledger_page_t *page,
    ngx_uint_t state)
{
    size_t               i;
    ledger_ms_t          now;
    ledger_connection_t  c;

    now = ngx_http_oauth_now();

    for (i = 0; i < page->n; i++) {

        if (ledger_page_connection(page, i, &c) != LEDGER_OK) {
            return NGX_ERROR;
        }

        if (state && ngx_http_oauth_status_state(&c, now) != state) {
            continue;
        }

        if (json_array_append_new(items, ngx_http_oauth_status_item(&c, now))
            != 0)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_oauth_status_connection(ngx_http_request_t *r)
{
    uint64_t   id;
    ngx_int_t  rc;

    rc = ngx_http_oauth_status_none(r);
    if (rc != NGX_DECLINED) {
        return rc;
    }

    if (ngx_http_oauth_status_number(ngx_http_oauth_status_name(r), &id)
        != NGX_OK)
    {
        return ngx_http_oauth_status_not_found(r);
    }

    return ngx_http_oauth_status_one(r, id);
}


ngx_int_t
ngx_http_oauth_status_one(ngx_http_request_t *r, uint64_t id)
{
    u_char                buf[LEDGER_CONNECTION_MAX];
    json_t               *item;
    ledger_t             *ledger;
    ledger_rc_t           rc;
    ledger_ms_t           now;
    ledger_connection_t   c;

    ledger = ngx_http_oauth_store();

    rc = ledger ? ledger_find(ledger, id, &c, buf) : LEDGER_IO;

    if (rc == LEDGER_NOT_FOUND) {
        return ngx_http_oauth_status_not_found(r);
    }

    if (rc != LEDGER_OK) {
        return ngx_http_oauth_status_unavailable(r);
    }

    now = ngx_http_oauth_now();
    item = ngx_http_oauth_status_item(&c, now);

    if (json_object_set_new(item, "reconnect_ends",
                            ngx_http_oauth_status_ends(ledger, &c, now))
        != 0)
    {
        json_decref(item);
        item = NULL;
    }

    return ngx_http_oauth_status_json(r, item);
}


/* Of the first limit that is full, as in a refusal; NULL: no memory. */

static json_t *
ngx_http_oauth_status_ends(ledger_t *ledger, const ledger_connection_t *c,
    ledger_ms_t now)
{
    u_char               buf[LEDGER_CONNECTION_MAX];
    unsigned             i;
    ledger_slot_t        slot;
    ledger_connection_t  end;

    for (i = 0; i < c->nlimits; i++) {

        /* whether it is contested is not asked: once in no time */

        if (ledger_slot(ledger, c, i, now, 1, 0, &slot) == LEDGER_OK
            && slot.known && slot.oldest != 0
            && ledger_find(ledger, slot.oldest, &end, buf) == LEDGER_OK)
        {
            return ngx_http_oauth_status_brief(end.id, end.owner);
        }
    }

    return json_null();
}
