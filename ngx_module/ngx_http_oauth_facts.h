
/*
 * Copyright (C) The OAuth gateway authors
 */

#ifndef _NGX_HTTP_OAUTH_FACTS_H_INCLUDED_
#define _NGX_HTTP_OAUTH_FACTS_H_INCLUDED_


#include "ngx_http_oauth_gateway.h"


/*
 * What a refusal tells, read from the ledger at once, so that its text and
 * its members cannot differ.
 */

typedef struct {
    ngx_http_request_t      *request;
    ngx_http_oauth_ctx_t    *ctx;
    ngx_uint_t               problem;

    ledger_connection_t     *by;            /* superseder; NULL: unknown */
    ledger_connection_t     *holder;        /* whom a takeover would end */
    ledger_connection_t     *ends[LEDGER_LIMITS_MAX]; /* by a reconnect */
    ngx_uint_t               nends;
    ngx_uint_t               more;          /* ended, but not in "ends" */

    const ledger_limit_t    *limit;         /* the one to tell of, or NULL */
    ledger_slot_t            slot;          /* and its state */

    unsigned                 details:1;
    unsigned                 known:1;       /* an identity for a limit */
    unsigned                 failed:1;      /* the ledger cannot be read */
    unsigned                 contested:1;
} ngx_http_oauth_facts_t;


/*
 * Reads what there is to tell of the request's problem; NULL: no memory.
 * What it points to lives in the request's pool.
 */

ngx_http_oauth_facts_t *ngx_http_oauth_facts(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);

/*
 * Reads a connection into the request's pool; *connection is NULL if it
 * cannot be found any more.  NGX_OK or NGX_ERROR (no memory).
 */

ngx_int_t ngx_http_oauth_facts_find(ngx_http_request_t *r, ledger_t *ledger,
    uint64_t id, ledger_connection_t **connection);


/*
 * Whether a slot of the connection is contested (R7): 1, or 0 also where
 * that is not known.
 */

ngx_uint_t ngx_http_oauth_contested(ngx_http_oauth_ctx_t *ctx);


#endif /* _NGX_HTTP_OAUTH_FACTS_H_INCLUDED_ */
