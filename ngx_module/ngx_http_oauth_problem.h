
/*
 * Copyright (C) The OAuth gateway authors
 */

#ifndef _NGX_HTTP_OAUTH_PROBLEM_H_INCLUDED_
#define _NGX_HTTP_OAUTH_PROBLEM_H_INCLUDED_


#include "ngx_http_oauth_gateway.h"


typedef struct {
    ngx_str_t    word;      /* the last part of the document's "type" */
    const char  *title;
    const char  *error;     /* RFC 6749, 5.2 */
    const char  *detail;    /* NULL: it depends on the request */
    ngx_uint_t   api;       /* status; 0: the provider's, by "refusal" */
    ngx_uint_t   token;     /* status of a token request */
    ngx_uint_t   form;      /* of RFC 6749 also at an API */
} ngx_http_oauth_problem_t;


const ngx_http_oauth_problem_t *ngx_http_oauth_problem(ngx_uint_t problem);

/* What there is to tell of: why the request was refused, or flagged. */

ngx_uint_t ngx_http_oauth_problem_of(ngx_http_oauth_ctx_t *ctx);

/* Whether it is the token's verdict, which the ledger can explain. */

ngx_uint_t ngx_http_oauth_problem_ended(ngx_uint_t problem);


/* Its word, for logs and documents alike; empty for 0. */

const ngx_str_t *ngx_http_oauth_problem_word(ngx_uint_t problem);


#endif /* _NGX_HTTP_OAUTH_PROBLEM_H_INCLUDED_ */
