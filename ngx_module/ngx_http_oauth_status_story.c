
/*
 * Copyright (C) The OAuth gateway authors
 */


#include "ngx_http_oauth_status.h"
#include "ngx_http_oauth_store.h"


typedef struct {
    uint64_t                    connection;
    uint64_t                    before;
} ngx_http_oauth_status_told_t;


static ngx_int_t ngx_http_oauth_status_story_turn(
    ngx_http_oauth_status_turns_t *turns, size_t max, json_t *items);
static ngx_int_t ngx_http_oauth_status_unknown(ngx_http_request_t *r,
    ledger_t *ledger, uint64_t id);


ngx_int_t
ngx_http_oauth_status_story(ngx_http_request_t *r)
{
    size_t                         limit;
    ngx_int_t                      rc;
    ngx_http_oauth_status_arg_t    args[] = {
        { "limit", { NULL, 0 } }, { "after", { NULL, 0 } },
        { NULL, { NULL, 0 } }
    };
    ngx_http_oauth_status_told_t  *told;

    limit = 0;

    told = ngx_pcalloc(r->pool, sizeof(ngx_http_oauth_status_told_t));
    if (told == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_oauth_status_query(r, args);

    if (rc == NGX_DECLINED) {
        rc = ngx_http_oauth_status_limit(r, &args[0], &limit);
    }

    if (rc == NGX_DECLINED) {
        rc = ngx_http_oauth_status_cursor(r, &args[1], &told->before);
    }

    if (rc != NGX_DECLINED) {
        return rc;
    }

    if (ngx_http_oauth_status_number(ngx_http_oauth_status_name(r),
                                     &told->connection)
        != NGX_OK)
    {
        return ngx_http_oauth_status_not_found(r);
    }

    return ngx_http_oauth_status_turns(r, ngx_http_oauth_status_story_turn,
                                       told, limit);
}


static ngx_int_t
ngx_http_oauth_status_story_turn(ngx_http_oauth_status_turns_t *turns,
    size_t max, json_t *items)
{
    ledger_t                      *ledger;
    ngx_int_t                      rc;
    ledger_rc_t                    read;
    ledger_page_t                  page;
    ngx_http_oauth_status_told_t  *told;

    told = turns->data;

    ngx_memzero(&page, sizeof(ledger_page_t));

    ledger = ngx_http_oauth_store();
    read = ledger ? ledger_story(ledger, told->connection, told->before, max,
                                 &page)
                  : LEDGER_IO;

    told->before = page.next;
    ngx_http_oauth_status_next(turns, page.next);

    if (read != LEDGER_OK) {
        rc = ngx_http_oauth_status_unavailable(turns->request);

    } else if (page.n == 0) {
        rc = ngx_http_oauth_status_unknown(turns->request, ledger,
                                           told->connection);

    } else {
        rc = ngx_http_oauth_status_event_items(items, &page) == NGX_OK
             ? NGX_AGAIN : NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ledger_page_free(&page);

    return rc;
}


/* NGX_AGAIN: it is there; its events were swept before it. */

static ngx_int_t
ngx_http_oauth_status_unknown(ngx_http_request_t *r, ledger_t *ledger,
    uint64_t id)
{
    u_char               buf[LEDGER_CONNECTION_MAX];
    ledger_connection_t  c;

    switch (ledger_find(ledger, id, &c, buf)) {

    case LEDGER_OK:
        return NGX_AGAIN;

    case LEDGER_NOT_FOUND:
        return ngx_http_oauth_status_not_found(r);

    default:
        return ngx_http_oauth_status_unavailable(r);
    }
}
