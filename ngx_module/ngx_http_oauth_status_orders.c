
/*
 * Copyright (C) The OAuth gateway authors
 */


#include "ngx_http_oauth_status.h"
#include "ngx_http_oauth_conf.h"
#include "ngx_http_oauth_store.h"


/* An order on its way to the disk. */

typedef struct {
    ngx_http_request_t       *request;
    ngx_http_oauth_commit_t  *commit;
    uint64_t                  connection;
} ngx_http_oauth_order_t;


static ngx_int_t ngx_http_oauth_status_order(ngx_http_request_t *r,
    ledger_record_kind_t kind);
static ngx_int_t ngx_http_oauth_status_give(ngx_http_request_t *r,
    ledger_record_kind_t kind, uint64_t id);
static void ngx_http_oauth_status_given(void *data, ngx_uint_t durable);
static ngx_int_t ngx_http_oauth_status_outcome(
    ngx_http_oauth_order_t *order, ngx_uint_t changed);
static void ngx_http_oauth_status_forget(void *data);


ngx_int_t
ngx_http_oauth_status_release(ngx_http_request_t *r)
{
    return ngx_http_oauth_status_order(r, LEDGER_RELEASE);
}


ngx_int_t
ngx_http_oauth_status_reinstate(ngx_http_request_t *r)
{
    return ngx_http_oauth_status_order(r, LEDGER_REINSTATE);
}


static ngx_int_t
ngx_http_oauth_status_order(ngx_http_request_t *r, ledger_record_kind_t kind)
{
    u_char                      buf[LEDGER_CONNECTION_MAX];
    uint64_t                    id;
    ledger_t                   *ledger;
    ngx_int_t                   rc;
    ledger_rc_t                 found;
    ledger_connection_t         c;
    ngx_http_oauth_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_oauth_gateway_module);

    if (!lcf->status_write) {
        return ngx_http_oauth_status_problem(r, NGX_HTTP_FORBIDDEN,
                           "read-only", "Nothing can be ordered here",
                           "\"oauth_status_write on\" is not set for this "
                           "location.");
    }

    rc = ngx_http_oauth_status_none(r);
    if (rc != NGX_DECLINED) {
        return rc;
    }

    if (ngx_http_oauth_status_number(ngx_http_oauth_status_name(r), &id)
        != NGX_OK)
    {
        return ngx_http_oauth_status_not_found(r);
    }

    ledger = ngx_http_oauth_store();
    found = ledger ? ledger_find(ledger, id, &c, buf) : LEDGER_IO;

    if (found == LEDGER_NOT_FOUND) {
        return ngx_http_oauth_status_not_found(r);
    }

    if (found != LEDGER_OK || !ngx_http_oauth_store_writable()) {
        return ngx_http_oauth_status_unavailable(r);
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_oauth_status_give(r, kind, id);
}


static ngx_int_t
ngx_http_oauth_status_give(ngx_http_request_t *r, ledger_record_kind_t kind,
    uint64_t id)
{
    ledger_record_t          record;
    ngx_pool_cleanup_t      *cln;
    ngx_http_oauth_order_t  *order;

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_oauth_order_t));
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    order = cln->data;
    order->request = r;
    order->connection = id;

    ngx_memzero(&record, sizeof(ledger_record_t));

    record.kind = (uint8_t) kind;
    record.at = ngx_http_oauth_now();
    record.u.order.connection = id;

    order->commit = ngx_http_oauth_commit(&record,
                                          ngx_http_oauth_status_given, order);
    if (order->commit == NULL) {
        return ngx_http_oauth_status_unavailable(r);
    }

    cln->handler = ngx_http_oauth_status_forget;

    /* held by a reference: a commit has no timeout of the client's */
    r->main->count++;

    return NGX_DONE;
}


static void
ngx_http_oauth_status_given(void *data, ngx_uint_t durable)
{
    ngx_http_oauth_order_t *order = data;

    ngx_int_t            rc;
    ngx_uint_t           changed;
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = order->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    changed = ngx_http_oauth_commit_connection(order->commit) != 0;
    order->commit = NULL;

    rc = durable ? ngx_http_oauth_status_outcome(order, changed)
                 : ngx_http_oauth_status_unavailable(r);

    ngx_http_finalize_request(r, rc);
    ngx_http_run_posted_requests(c);
}


static ngx_int_t
ngx_http_oauth_status_outcome(ngx_http_oauth_order_t *order,
    ngx_uint_t changed)
{
    if (changed) {
        return ngx_http_oauth_status_one(order->request, order->connection);
    }

    return ngx_http_oauth_status_problem(order->request, NGX_HTTP_CONFLICT,
                      "wrong-state",
                      "The connection is not in a state for this",
                      "A live or broken connection can be released; one that "
                      "was superseded, released or found broken can be "
                      "reinstated.");
}


/* The client is gone: the order is carried out all the same. */

static void
ngx_http_oauth_status_forget(void *data)
{
    ngx_http_oauth_order_t *order = data;

    if (order->commit) {
        ngx_http_oauth_commit_forget(order->commit);
        order->commit = NULL;
    }
}
