
/*
 * Copyright (C) The OAuth gateway authors
 */


#include "ngx_http_oauth_status.h"


static ngx_int_t ngx_http_oauth_status_unknown(ngx_http_request_t *r,
    ledger_t *ledger, uint64_t id);


ngx_int_t
ngx_http_oauth_status_story(ngx_http_request_t *r)
{
    size_t                       limit;
    uint64_t                     id, before;
    ledger_t                    *ledger;
    ngx_int_t                    rc;
    ledger_rc_t                  read;
    ledger_page_t                page;
    ngx_http_oauth_status_arg_t  args[] = {
        { "limit", { NULL, 0 } }, { "after", { NULL, 0 } },
        { NULL, { NULL, 0 } }
    };

    limit = 0;
    before = 0;

    rc = ngx_http_oauth_status_query(r, args);

    if (rc == NGX_DECLINED) {
        rc = ngx_http_oauth_status_limit(r, &args[0], &limit);
    }

    if (rc == NGX_DECLINED) {
        rc = ngx_http_oauth_status_cursor(r, &args[1], &before);
    }

    if (rc != NGX_DECLINED) {
        return rc;
    }

    if (ngx_http_oauth_status_number(ngx_http_oauth_status_name(r), &id)
        != NGX_OK)
    {
        return ngx_http_oauth_status_not_found(r);
    }

    ngx_memzero(&page, sizeof(ledger_page_t));

    ledger = ngx_http_oauth_store();
    read = ledger ? ledger_story(ledger, id, before, limit, &page)
                  : LEDGER_IO;

    if (read != LEDGER_OK) {
        rc = ngx_http_oauth_status_unavailable(r);

    } else if (page.n == 0) {
        rc = ngx_http_oauth_status_unknown(r, ledger, id);

    } else {
        rc = NGX_DECLINED;
    }

    if (rc == NGX_DECLINED) {
        rc = ngx_http_oauth_status_event_page(r, &page);
    }

    ledger_page_free(&page);

    return rc;
}


/* NGX_DECLINED: it is there; its events were swept before it. */

static ngx_int_t
ngx_http_oauth_status_unknown(ngx_http_request_t *r, ledger_t *ledger,
    uint64_t id)
{
    u_char               buf[LEDGER_CONNECTION_MAX];
    ledger_connection_t  c;

    switch (ledger_find(ledger, id, &c, buf)) {

    case LEDGER_OK:
        return NGX_DECLINED;

    case LEDGER_NOT_FOUND:
        return ngx_http_oauth_status_not_found(r);

    default:
        return ngx_http_oauth_status_unavailable(r);
    }
}
