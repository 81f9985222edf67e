
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * The state of a request.
 */

#ifndef _NGX_HTTP_OAUTH_CTX_H_INCLUDED_
#define _NGX_HTTP_OAUTH_CTX_H_INCLUDED_


#include "ngx_http_oauth_gateway.h"

#include "ledger_connection.h"
#include "ledger_credential.h"
#include "ledger_fingerprint.h"
#include "ledger_message.h"


typedef enum {
    NGX_HTTP_OAUTH_ACTION_NONE = 0,
    NGX_HTTP_OAUTH_ACTION_PASS,
    NGX_HTTP_OAUTH_ACTION_FLAG,
    NGX_HTTP_OAUTH_ACTION_REJECT,
    NGX_HTTP_OAUTH_ACTION_FORWARD,
    NGX_HTTP_OAUTH_ACTION_REPLAY,
    NGX_HTTP_OAUTH_ACTION_JOIN,
    NGX_HTTP_OAUTH_ACTION_HEAL,
    NGX_HTTP_OAUTH_ACTIONS
} ngx_http_oauth_action_e;


/* Where the members come from that a variable by prefix reads. */

typedef enum {
    NGX_HTTP_OAUTH_REQUEST = 0,
    NGX_HTTP_OAUTH_RESPONSE,
    NGX_HTTP_OAUTH_USERINFO,
    NGX_HTTP_OAUTH_ID_TOKEN,
    NGX_HTTP_OAUTH_ACCESS_TOKEN,
    NGX_HTTP_OAUTH_ASSERTION,
    NGX_HTTP_OAUTH_CLIENT_ASSERTION,
    NGX_HTTP_OAUTH_SOURCES
} ngx_http_oauth_source_e;


/* Why a request is refused: the last part of "type" in a problem document. */

typedef enum {
    NGX_HTTP_OAUTH_PROBLEM_NONE = 0,
    NGX_HTTP_OAUTH_PROBLEM_SUPERSEDED,
    NGX_HTTP_OAUTH_PROBLEM_REVOKED,
    NGX_HTTP_OAUTH_PROBLEM_BROKEN,
    NGX_HTTP_OAUTH_PROBLEM_EXPIRED,
    NGX_HTTP_OAUTH_PROBLEM_ROTATED,
    NGX_HTTP_OAUTH_PROBLEM_UNKNOWN,
    NGX_HTTP_OAUTH_PROBLEM_MALFORMED,    /* invalid_request */
    NGX_HTTP_OAUTH_PROBLEM_TOO_LARGE,
    NGX_HTTP_OAUTH_PROBLEM_CREDENTIALS,  /* more than one, or malformed */
    NGX_HTTP_OAUTH_PROBLEM_GRANT,        /* a token request at an API */
    NGX_HTTP_OAUTH_PROBLEM_UNAVAILABLE,  /* the ledger cannot be written */
    NGX_HTTP_OAUTH_PROBLEM_OTHER_CLIENT, /* a rotated token, not its client */
    NGX_HTTP_OAUTH_PROBLEM_REMEMBERED,   /* refused a moment ago */
    NGX_HTTP_OAUTH_PROBLEM_BUSY,         /* too many wait, or too long */
    NGX_HTTP_OAUTH_PROBLEM_TAKEOVER,     /* would end another owner's */
    NGX_HTTP_OAUTH_PROBLEM_OTHER_USER,   /* no integration user */
    NGX_HTTP_OAUTH_PROBLEM_CONNECTING    /* as BUSY, for another connect */
} ngx_http_oauth_problem_e;


/* Tokens of a live connection, as they are lent to a request. */

struct ngx_http_oauth_lent_s {
    uint64_t                       connection;   /* whose they are */
    ledger_ms_t                    stored_at;
    ledger_ms_t                    expires_at;   /* "access"; 0: unknown */
    ledger_ms_t                    last_used_at;
    ledger_token_id_t              access_id;
    ledger_token_id_t              refresh_id;
    ngx_str_t                      access;       /* empty: none is good */
    ngx_str_t                      refresh;      /* empty: there is none */
    ngx_str_t                      answer;       /* plain, see replay.c */
    ngx_str_t                      type;         /* of it, once it was read */
    ngx_str_t                      text;
    ngx_str_t                      plain;        /* all of it, to cleanse */

    ngx_str_t                      presented;    /* what it was lent for */

    /*
     * What goes to the provider; while it is in place, what the request had:
     * the value of a call's field, or the body of a token request.
     */
    ngx_table_elt_t               *header;       /* NULL: the body */
    ngx_str_t                      lent_value;
    ngx_chain_t                   *body;
    off_t                          content_length;
    ngx_table_elt_t               *length_field;
    ngx_int_t                    (*create_request)(ngx_http_request_t *r);
    unsigned                       in_place:1;
    unsigned                       sent:1;       /* a call's */
};


/*
 * What two token requests must have in common to share one exchange, and
 * the part of it that says who the client is.
 */

typedef struct {
    ledger_fingerprint_t           request;
    ledger_fingerprint_t           client;
} ngx_http_oauth_print_t;


/*
 * What a connect keeps others out of while it is under way: a flight by a
 * name that is no token's.
 */

typedef struct {
    ledger_token_id_t              name;
    uint64_t                       serial;
} ngx_http_oauth_claim_t;


/* Most connections take less in their stored form. */
#define NGX_HTTP_OAUTH_CTX_ROOM  480


/*
 * The state of a request.  One for the whole life of it: an internal
 * redirect (error_page, X-Accel-Redirect) clears the contexts of modules,
 * so it is found again through the pool's cleanup list.
 */

struct ngx_http_oauth_ctx_s {
    ngx_http_request_t            *request;
    const ngx_http_oauth_provider_t  *provider;
    ngx_http_handler_pt            content_handler;  /* token requests: what
                                                        talks to the provider
                                                      */

    /* token requests: what the body, or the query, says */
    json_t                        *sources[NGX_HTTP_OAUTH_SOURCES];
    ngx_http_variable_value_t     *cached; /* behind an open scope */
    ngx_uint_t                     tried;  /* sources that were parsed, bits */
    ngx_str_t                      body;   /* as read, at most BODY_MAX */
    size_t                         body_size; /* allocated for it */
    ngx_str_t                      client;
    ngx_str_t                      grant;
    ngx_str_t                      owner;
    ledger_ms_t                    sent_at;

    /* a refresh: the token, and its place in flights and queues */
    ngx_str_t                      presented;
    ngx_http_oauth_print_t         print;
    ngx_http_oauth_lent_t         *lent;   /* NULL: it needs none */
    ledger_token_id_t              flight_token;
    ngx_queue_t                    flight_queue; /* owned, or waiting */
    ngx_queue_t                    order_queue;  /* waiting */
    uint64_t                       flight_serial;
    ngx_msec_t                     wait_until;   /* 0: it has not waited */

    /* a connect that "takeover" may refuse; it waits by "token", too */
    ngx_http_oauth_claim_t        *claims;     /* of LEDGER_MEETINGS_MAX */
    ngx_uint_t                     nclaims;

    /* the answer, as it is held, or its copy */
    ngx_buf_t                     *answer;
    ngx_str_t                      coding;     /* its Content-Encoding */
    ngx_str_t                      plain;      /* the same, decompressed */
    ngx_http_oauth_commit_t       *commit; /* while the record is on its way */
    ledger_exchange_t             *exchange;

    /* what the ledger says of the token; zero if nothing */
    uint64_t                       connection_id;
    ngx_str_t                      raw;        /* of the connection, encoded */
    ledger_connection_t           *connection; /* decoded at its first use,
                                                  see ngx_http_oauth_connection
                                                */
    ledger_token_id_t              token;
    ledger_ms_t                    token_expires_at;
    ledger_ms_t                    rotated_at;   /* 0: it is not rotated */
    ngx_uint_t                     verdict;   /* ledger_verdict_t */
    ngx_uint_t                     kind;      /* ledger_token_kind_t */
    ngx_uint_t                     action;    /* ngx_http_oauth_action_e */
    ngx_uint_t                     problem;   /* ngx_http_oauth_problem_e */
    uint64_t                       holder;    /* whom a takeover would end */
    ngx_uint_t                     holder_limit;  /* and by which limit */
    const char                    *reason;    /* of a malformed request */
    ngx_str_t                      detail;    /* made once, see detail.c */

    /* the first bytes of a body at a guarded location */
    u_char                        *peek;
    size_t                         peeked;
    ngx_uint_t                     peek_found;   /* bits of ledger_grant.h */
    ngx_str_t                      late_user;
    ngx_str_t                      late_tenant;

    /* what stands in the place of a special response's page */
    ngx_str_t                      page;
    ngx_str_t                      page_type;

    unsigned                       token_endpoint:1; /* the location's kind */
    unsigned                       body_done:1;  /* read and parsed */
    unsigned                       body_large:1; /* over BODY_MAX */
    unsigned                       body_whole:1; /* capture it in memory */
    unsigned                       body_drop:1;  /* too large: is refused */
    unsigned                       body_pass:1;  /* too large: goes on */
    unsigned                       decided:1;  /* token request: all said */
    unsigned                       owned:1;    /* "owner" was resolved */
    unsigned                       refresh:1;  /* it presents a token */
    unsigned                       named:1;    /* "token" is set */
    unsigned                       healing:1;  /* heal is tried after this */
    unsigned                       flying:1;   /* its flight is ours */
    unsigned                       inherited:1;    /* from a dead worker */
    unsigned                       foreign:1;  /* it met another master's */
    unsigned                       waiting:1;  /* for the flight of another */
    unsigned                       revocation:1; /* not a token request */
    unsigned                       undecided:1;
    unsigned                       use_due:1;  /* last_used_at is old */
    unsigned                       late:1;     /* an identity is missing */
    unsigned                       learned:1;
    unsigned                       copying:1;  /* a userinfo answer */
    unsigned                       secrets:1;  /* a VALUE is evaluated now */
    unsigned                       forwarded:1;
    unsigned                       holding:1;
    unsigned                       released:1;
    unsigned                       truncated:1;
    unsigned                       judged:1;   /* a call, by the guard */
    unsigned                       recorded:1; /* its record is durable */
    unsigned                       unparsed:1; /* an answer not understood */
    unsigned                       unrecorded:1; /* answer to be marked so */
    unsigned                       answer_form:1; /* not JSON */
    unsigned                       local:1;    /* the gateway answers */
    unsigned                       peek_on:1;
    unsigned                       page_due:1;
    unsigned                       page_sent:1;
    unsigned                       roomed:1;   /* "room" is taken */

    u_char                         room[NGX_HTTP_OAUTH_CTX_ROOM];  /* for raw */
};


/*
 * The request's state, or NULL if no location of ours has seen it.  The
 * second form makes it; NULL: no memory.
 */

ngx_http_oauth_ctx_t *ngx_http_oauth_ctx(ngx_http_request_t *r);
ngx_http_oauth_ctx_t *ngx_http_oauth_ctx_make(ngx_http_request_t *r);

/*
 * The connection that the token belongs to, of the stored form in "raw"; all
 * zero if there is none.  ngx_http_oauth_ctx_raw() copies it there: NGX_OK
 * or NGX_ERROR.
 */

const ledger_connection_t *ngx_http_oauth_connection(
    ngx_http_oauth_ctx_t *ctx);
ngx_int_t ngx_http_oauth_ctx_raw(ngx_http_oauth_ctx_t *ctx,
    const ledger_slice_t *encoded);

/*
 * ngx_http_oauth_mask_errors() keeps the query string out of the error log;
 * ngx_http_oauth_mask_log() out of $request as well, and so out of nginx's
 * usual access log.
 */

void ngx_http_oauth_mask_errors(ngx_http_request_t *r);
void ngx_http_oauth_mask_log(ngx_http_request_t *r);


#endif /* _NGX_HTTP_OAUTH_CTX_H_INCLUDED_ */
