
/*
 * Copyright (C) The OAuth gateway authors
 */


#include "ngx_http_oauth_status.h"
#include "ngx_http_oauth_store.h"


typedef struct {
    ledger_filter_t             filter;
    uint64_t                    after;
    ngx_uint_t                  state;
} ngx_http_oauth_status_where_t;


static ngx_int_t ngx_http_oauth_status_turn(
    ngx_http_oauth_status_turns_t *turns, size_t max, json_t *items);
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
    size_t                          limit;
    ngx_int_t                       rc;
    ledger_filter_t                *filter;
    ngx_http_oauth_status_where_t  *where;
    ngx_http_oauth_status_arg_t     args[] = {
        { "provider", { NULL, 0 } }, { "client", { NULL, 0 } },
        { "user", { NULL, 0 } }, { "tenant", { NULL, 0 } },
        { "owner", { NULL, 0 } }, { "state", { NULL, 0 } },
        { "limit", { NULL, 0 } }, { "after", { NULL, 0 } },
        { NULL, { NULL, 0 } }
    };

    limit = 0;

    where = ngx_pcalloc(r->pool, sizeof(ngx_http_oauth_status_where_t));
    if (where == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_oauth_status_query(r, args);

    if (rc == NGX_DECLINED) {
        rc = ngx_http_oauth_status_limit(r, &args[NGX_HTTP_OAUTH_ARG_LIMIT],
                                         &limit);
    }

    if (rc == NGX_DECLINED) {
        rc = ngx_http_oauth_status_cursor(r, &args[NGX_HTTP_OAUTH_ARG_AFTER],
                                          &where->after);
    }

    if (rc == NGX_DECLINED) {
        rc = ngx_http_oauth_status_word(r, &args[NGX_HTTP_OAUTH_ARG_STATE],
                                        ngx_http_oauth_status_states,
                                        &where->state);
    }

    if (rc != NGX_DECLINED) {
        return rc;
    }

    filter = &where->filter;

    filter->provider = args[NGX_HTTP_OAUTH_ARG_PROVIDER].value;
    filter->client = args[NGX_HTTP_OAUTH_ARG_CLIENT].value;
    filter->user = args[NGX_HTTP_OAUTH_ARG_USER].value;
    filter->tenant = args[NGX_HTTP_OAUTH_ARG_TENANT].value;
    filter->owner = args[NGX_HTTP_OAUTH_ARG_OWNER].value;
    filter->state = (uint8_t) where->state;

    return ngx_http_oauth_status_turns(r, ngx_http_oauth_status_turn, where,
                                       limit);
}


static ngx_int_t
ngx_http_oauth_status_turn(ngx_http_oauth_status_turns_t *turns, size_t max,
    json_t *items)
{
    ledger_t                       *ledger;
    ngx_int_t                       rc;
    ledger_rc_t                     read;
    ledger_page_t                   page;
    ngx_http_oauth_status_where_t  *where;

    where = turns->data;

    ngx_memzero(&page, sizeof(ledger_page_t));

    ledger = ngx_http_oauth_store();
    read = ledger ? ledger_list(ledger, &where->filter, where->after, max,
                                &page)
                  : LEDGER_IO;

    where->after = page.next;
    ngx_http_oauth_status_next(turns, page.next);

    if (read != LEDGER_OK) {
        rc = ngx_http_oauth_status_unavailable(turns->request);

    } else {
        rc = ngx_http_oauth_status_fill(items, &page, where->state) == NGX_OK
             ? NGX_AGAIN : NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ledger_page_free(&page);

    return rc;
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
