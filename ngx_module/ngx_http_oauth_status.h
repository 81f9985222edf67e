
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * What the files behind oauth_status share: the answers' form and the parts
 * of a resource's name.
 */

#ifndef _NGX_HTTP_OAUTH_STATUS_H_INCLUDED_
#define _NGX_HTTP_OAUTH_STATUS_H_INCLUDED_


#include "ngx_http_oauth_gateway.h"


/* ngx_http_oauth_status.c: from a request to a resource */

/*
 * The second part of the resource's name, as in connections/ID, in the
 * request's memory; empty if there is none.
 */

ngx_str_t ngx_http_oauth_status_name(ngx_http_request_t *r);


/* ngx_http_oauth_status_answer.c: what all answers have in common */

/*
 * ngx_http_oauth_status_json() sends "doc", which it takes over; NULL is
 * taken for no memory.  ngx_http_oauth_status_problem() sends a problem
 * document (RFC 9457) whose type ends in "word"; all texts are plain ASCII.
 * The result is what a content handler returns.
 */

ngx_int_t ngx_http_oauth_status_json(ngx_http_request_t *r, json_t *doc);
ngx_int_t ngx_http_oauth_status_json_with(ngx_http_request_t *r,
    ngx_uint_t status, json_t *doc);
ngx_int_t ngx_http_oauth_status_problem(ngx_http_request_t *r,
    ngx_uint_t status, const char *word, const char *title,
    const char *detail);

/* The ones that several resources answer with. */

ngx_int_t ngx_http_oauth_status_not_found(ngx_http_request_t *r);
ngx_int_t ngx_http_oauth_status_unavailable(ngx_http_request_t *r);

/*
 * Members.  What is unknown (empty, 0) becomes null.  0, or -1 if there is
 * no memory: "or" them together.
 */

int ngx_http_oauth_status_text(json_t *object, const char *name,
    ledger_slice_t text);
int ngx_http_oauth_status_id(json_t *object, const char *name, uint64_t id);
int ngx_http_oauth_status_time(json_t *object, const char *name,
    ledger_ms_t at);


/* ngx_http_oauth_status_connections.c */

ngx_int_t ngx_http_oauth_status_connection(ngx_http_request_t *r);


#endif /* _NGX_HTTP_OAUTH_STATUS_H_INCLUDED_ */
