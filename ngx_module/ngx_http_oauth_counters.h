
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * What is counted, in memory that all workers share: a row a provider, found
 * when the configuration is read, so that counting is one atomic addition.
 */

#ifndef _NGX_HTTP_OAUTH_COUNTERS_H_INCLUDED_
#define _NGX_HTTP_OAUTH_COUNTERS_H_INCLUDED_


#include "ngx_http_oauth_ctx.h"


/*
 * The zone has one size, so that it is kept when the configuration changes;
 * a row takes 1.5 KB.
 */
#define NGX_HTTP_OAUTH_COUNTED_MAX  1024

#define NGX_HTTP_OAUTH_VERDICTS     (LEDGER_VERDICT_ROTATED + 1)


/* Grants by name: what a runner may write in its place is "other". */

typedef enum {
    NGX_HTTP_OAUTH_GRANT_OTHER = 0,
    NGX_HTTP_OAUTH_GRANT_CODE,
    NGX_HTTP_OAUTH_GRANT_REFRESH,
    NGX_HTTP_OAUTH_GRANT_CLIENT,
    NGX_HTTP_OAUTH_GRANT_PASSWORD,
    NGX_HTTP_OAUTH_GRANT_DEVICE,
    NGX_HTTP_OAUTH_GRANT_JWT,
    NGX_HTTP_OAUTH_GRANT_SAML2,
    NGX_HTTP_OAUTH_GRANT_TOKEN,
    NGX_HTTP_OAUTH_GRANT_ACCOUNT,
    NGX_HTTP_OAUTH_GRANTS
} ngx_http_oauth_grant_e;


/* What became of a token request. */

typedef enum {
    NGX_HTTP_OAUTH_OUTCOME_RECORDED = 0,
    NGX_HTTP_OAUTH_OUTCOME_REPLAYED,
    NGX_HTTP_OAUTH_OUTCOME_JOINED,
    NGX_HTTP_OAUTH_OUTCOME_REJECTED,     /* by the gateway */
    NGX_HTTP_OAUTH_OUTCOME_FAILED,       /* at the provider, or before it */
    NGX_HTTP_OAUTH_OUTCOME_UNRECORDED,
    NGX_HTTP_OAUTH_OUTCOMES
} ngx_http_oauth_outcome_e;


typedef enum {
    NGX_HTTP_OAUTH_MISSING_USER = 0,
    NGX_HTTP_OAUTH_MISSING_TENANT,
    NGX_HTTP_OAUTH_MISSING_CLIENT,
    NGX_HTTP_OAUTH_MISSING_OWNER,
    NGX_HTTP_OAUTH_MISSING
} ngx_http_oauth_missing_e;


/* One row. */

struct ngx_http_oauth_counters_s {
    uint64_t       generation;     /* of the last configuration to name it */
    size_t         len;            /* 0: a free row */
    u_char         name[LEDGER_IDENTITY_MAX];

    ngx_atomic_t   requests[NGX_HTTP_OAUTH_VERDICTS][NGX_HTTP_OAUTH_ACTIONS];
    ngx_atomic_t   exchanges[NGX_HTTP_OAUTH_GRANTS][NGX_HTTP_OAUTH_OUTCOMES];
    ngx_atomic_t   missing[NGX_HTTP_OAUTH_MISSING];
    ngx_atomic_t   unparsed;
    ngx_atomic_t   supersessions;
    ngx_atomic_t   contradictions;
};


/* Upper bounds of the histogram; behind the last there is one without. */

#define NGX_HTTP_OAUTH_BUCKETS  14

typedef struct {
    ngx_uint_t     us;
    const char    *seconds;
} ngx_http_oauth_bucket_t;

extern const ngx_http_oauth_bucket_t
    ngx_http_oauth_buckets[NGX_HTTP_OAUTH_BUCKETS];


typedef struct {
    ngx_atomic_t   unrecorded;
    ngx_atomic_t   commits[NGX_HTTP_OAUTH_BUCKETS + 1];  /* by duration */
    ngx_atomic_t   commits_us;                           /* their sum */
} ngx_http_oauth_totals_t;


/* The totals of all workers; NULL: nothing is counted in this process. */

ngx_http_oauth_totals_t *ngx_http_oauth_totals(void);

/* The words of a grant, an outcome and of what is missing, for labels. */

const char *ngx_http_oauth_grant_word(ngx_uint_t grant);
const char *ngx_http_oauth_outcome_word(ngx_uint_t outcome);
const char *ngx_http_oauth_missing_word(ngx_uint_t missing);


ngx_int_t ngx_http_oauth_count_zone(ngx_conf_t *cf,
    ngx_http_oauth_main_conf_t *mcf);
void ngx_http_oauth_count_init_process(ngx_http_oauth_main_conf_t *mcf);

/* The log phase, and what the guard has decided of a call. */

ngx_int_t ngx_http_oauth_count_handler(ngx_http_request_t *r);
void ngx_http_oauth_count_judged(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);

/*
 * Commits: how long one took that is durable, what it changed, and how many
 * records are lost for which no request waits.
 */

void ngx_http_oauth_count_commit(ngx_uint_t us);
void ngx_http_oauth_count_effects(const ledger_effects_t *effects);
void ngx_http_oauth_count_lost(ngx_uint_t n);


#endif /* _NGX_HTTP_OAUTH_COUNTERS_H_INCLUDED_ */
