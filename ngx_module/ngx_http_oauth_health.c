
/*
 * Copyright (C) The OAuth gateway authors
 */


#include "ngx_http_oauth_status.h"
#include "ngx_http_oauth_store.h"


static json_t *ngx_http_oauth_health_store(ngx_uint_t writable);


/*
 * A gateway without its store still passes calls on: whether that is health
 * enough to send it traffic is told by the status, and why by the members.
 */

ngx_int_t
ngx_http_oauth_health_handler(ngx_http_request_t *r)
{
    int         failed;
    json_t     *doc;
    ngx_uint_t  writable;

    writable = ngx_http_oauth_store_writable();

    doc = json_object();

    failed = json_object_set_new(doc, "status",
                                 json_string(writable ? "ok" : "degraded"));
    failed |= json_object_set_new(doc, "store",
                                  ngx_http_oauth_health_store(writable));

    if (failed) {
        json_decref(doc);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_oauth_status_json_with(r, writable
                                              ? NGX_HTTP_OK
                                              : NGX_HTTP_SERVICE_UNAVAILABLE,
                                           doc);
}


/* NULL: no memory. */

static json_t *
ngx_http_oauth_health_store(ngx_uint_t writable)
{
    int           failed, sized;
    json_t       *store;
    ledger_t     *ledger;
    uint64_t      used, max;
    const char   *reason;

    ledger = ngx_http_oauth_store();

    used = 0;
    max = 0;
    sized = (ledger && ledger_size(ledger, &used, &max) == LEDGER_OK);
    reason = ngx_http_oauth_store_trouble();

    store = json_object();

    failed = json_object_set_new(store, "open", json_boolean(ledger != NULL));
    failed |= json_object_set_new(store, "writable", json_boolean(writable));
    failed |= json_object_set_new(store, "reason",
                                  reason ? json_string(reason) : json_null());
    failed |= json_object_set_new(store, "used_bytes",
                                  sized ? json_integer((json_int_t) used)
                                        : json_null());
    failed |= json_object_set_new(store, "max_bytes",
                                  sized ? json_integer((json_int_t) max)
                                        : json_null());

    if (failed) {
        json_decref(store);
        return NULL;
    }

    return store;
}
