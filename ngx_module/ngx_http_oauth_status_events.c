
/*
 * Copyright (C) The OAuth gateway authors
 */


#include "ngx_http_oauth_status.h"
#include "ngx_http_oauth_header.h"
#include "ngx_http_oauth_store.h"


static ngx_int_t ngx_http_oauth_status_event_turn(
    ngx_http_oauth_status_turns_t *turns, size_t max, json_t *items);
static ngx_uint_t ngx_http_oauth_status_wants_stream(ngx_http_request_t *r);


/* Indexed by ledger_event_kind_t. */

static const char  *const ngx_http_oauth_status_event_words[] = {
    "", "connected", "refreshed", "replayed", "joined", "superseded",
    "rejected", "flagged", "healed", "revoked", "released", "reinstated",
    "broken", "repaired", "expired", "contradicted", "contested", "bound",
    "unrecorded", "takeover_rejected"
};


ngx_int_t
ngx_http_oauth_status_events(ngx_http_request_t *r)
{
    size_t                       limit;
    uint64_t                    *after;
    ngx_int_t                    rc;
    ngx_http_oauth_status_arg_t  args[] = {
        { "limit", { NULL, 0 } }, { "after", { NULL, 0 } },
        { NULL, { NULL, 0 } }
    };

    limit = 0;

    after = ngx_pcalloc(r->pool, sizeof(uint64_t));
    if (after == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_oauth_status_query(r, args);

    if (rc == NGX_DECLINED) {
        rc = ngx_http_oauth_status_limit(r, &args[0], &limit);
    }

    if (rc == NGX_DECLINED) {
        rc = ngx_http_oauth_status_cursor(r, &args[1], after);
    }

    if (rc != NGX_DECLINED) {
        return rc;
    }

    if (r->method == NGX_HTTP_GET && ngx_http_oauth_status_wants_stream(r)) {
        return ngx_http_oauth_status_stream(r,
                                            args[1].value.len ? after : NULL);
    }

    return ngx_http_oauth_status_turns(r, ngx_http_oauth_status_event_turn,
                                       after, limit);
}


static ngx_int_t
ngx_http_oauth_status_event_turn(ngx_http_oauth_status_turns_t *turns,
    size_t max, json_t *items)
{
    uint64_t       *after;
    ledger_t       *ledger;
    ngx_int_t       rc;
    ledger_rc_t     read;
    ledger_page_t   page;

    after = turns->data;

    ngx_memzero(&page, sizeof(ledger_page_t));

    ledger = ngx_http_oauth_store();
    read = ledger ? ledger_history(ledger, *after, max, &page) : LEDGER_IO;

    *after = page.next;
    ngx_http_oauth_status_next(turns, page.next);

    if (read != LEDGER_OK) {
        rc = ngx_http_oauth_status_unavailable(turns->request);

    } else {
        rc = ngx_http_oauth_status_event_items(items, &page) == NGX_OK
             ? NGX_AGAIN : NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ledger_page_free(&page);

    return rc;
}


static ngx_uint_t
ngx_http_oauth_status_wants_stream(ngx_http_request_t *r)
{
    ngx_table_elt_t  *h;

    for (h = ngx_http_oauth_header_in(r, "Accept", NULL);
         h;
         h = ngx_http_oauth_header_in(r, "Accept", h))
    {
        if (ngx_strcasestrn(h->value.data, "text/event-stream",
                            sizeof("text/event-stream") - 2)
            != NULL)
        {
            return 1;
        }
    }

    return 0;
}


ngx_int_t
ngx_http_oauth_status_event_items(json_t *items, const ledger_page_t *page)
{
    size_t           i;
    ledger_event_t   event;

    for (i = 0; i < page->n; i++) {

        if (ledger_page_event(page, i, &event) != LEDGER_OK
            || json_array_append_new(items,
                                     ngx_http_oauth_status_event(&event))
               != 0)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


const char *
ngx_http_oauth_status_event_word(const ledger_event_t *event)
{
    return ngx_http_oauth_status_event_words[event->kind];
}


json_t *
ngx_http_oauth_status_event(const ledger_event_t *event)
{
    int      rc;
    json_t  *item;

    item = json_object();

    rc = json_object_set_new(item, "seq",
                             json_integer((json_int_t) event->number));
    rc |= json_object_set_new(item, "type",
                   json_string(ngx_http_oauth_status_event_word(event)));
    rc |= ngx_http_oauth_status_time(item, "at", event->at);
    rc |= json_object_set_new(item, "count", json_integer(event->count));
    rc |= ngx_http_oauth_status_text(item, "provider", event->provider);
    rc |= ngx_http_oauth_status_text(item, "client", event->client);
    rc |= ngx_http_oauth_status_text(item, "user", event->user);
    rc |= ngx_http_oauth_status_text(item, "tenant", event->tenant);
    rc |= ngx_http_oauth_status_id(item, "connection", event->connection);
    rc |= ngx_http_oauth_status_text(item, "owner", event->owner);

    rc |= json_object_set_new(item, "other",
              (event->other || event->other_owner.len)
              ? ngx_http_oauth_status_brief(event->other, event->other_owner)
              : json_null());

    if (event->kind == LEDGER_EVENT_CONNECTED) {
        rc |= json_object_set_new(item, "adopted",
                                  json_boolean(event->adopted));
    }

    if (event->kind == LEDGER_EVENT_SUPERSEDED) {
        rc |= json_object_set_new(item, "reconnect",
                                  json_boolean(event->reconnect));
        rc |= json_object_set_new(item, "undecided",
                                  json_boolean(event->undecided));
    }

    if (rc) {
        json_decref(item);
        return NULL;
    }

    return item;
}
