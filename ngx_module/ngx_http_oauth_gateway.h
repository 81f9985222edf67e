
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * What the files of the nginx shell share: configuration, the state of a
 * request, and one paragraph of prototypes a file.
 */

#ifndef _NGX_HTTP_OAUTH_GATEWAY_H_INCLUDED_
#define _NGX_HTTP_OAUTH_GATEWAY_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ledger.h"
#include "ledger_connection.h"
#include "ledger_credential.h"
#include "ledger_fingerprint.h"
#include "ledger_grant.h"
#include "ledger_inflate.h"
#include "ledger_keyring.h"
#include "ledger_message.h"
#include "ledger_seal.h"


/* A token request is a handful of parameters; the longest is an assertion. */
#define NGX_HTTP_OAUTH_BODY_MAX     65536

/* The largest token answer seen (Entra, all claims) is below 32 KB. */
#define NGX_HTTP_OAUTH_ANSWER_MAX   262144

/* A profile is a few KB; one with claims of all kinds is a token answer's. */
#define NGX_HTTP_OAUTH_USERINFO_MAX  262144

/* A grant stands at the head of a form; more is not looked at. */
#define NGX_HTTP_OAUTH_PEEK_MAX     4096

/* One commit takes at most this many records; the rest takes the next. */
#define NGX_HTTP_OAUTH_BATCH_MAX    256

/* "contact" and "link" stand in every refusal. */
#define NGX_HTTP_OAUTH_TEXT_MAX     1024


typedef enum {
    NGX_HTTP_OAUTH_MODE_OFF = 0,
    NGX_HTTP_OAUTH_MODE_PASS,
    NGX_HTTP_OAUTH_MODE_FLAG,
    NGX_HTTP_OAUTH_MODE_REJECT,
    NGX_HTTP_OAUTH_MODE_HEAL             /* as REJECT, where it cannot */
} ngx_http_oauth_mode_e;


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


#define NGX_HTTP_OAUTH_GRACE_ALWAYS  ((uint64_t) -1)


/* What a revocation ends. */

typedef enum {
    NGX_HTTP_OAUTH_REVOKE_BY_KIND = 0,   /* refresh token: the connection */
    NGX_HTTP_OAUTH_REVOKE_CONNECTION,
    NGX_HTTP_OAUTH_REVOKE_TOKEN
} ngx_http_oauth_revoke_e;


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


/* A mode: a word, or a variable that is evaluated after the look-up. */

typedef struct {
    ngx_http_complex_value_t  *variable; /* NULL: constant */
    ngx_uint_t                 constant; /* ngx_http_oauth_mode_e */
} ngx_http_oauth_mode_t;


typedef struct {
    ngx_str_t                  name;     /* of the limit's variable */
    ngx_http_complex_value_t   value;
    ngx_uint_t                 kind;     /* ledger_limit_key_kind_t */
} ngx_http_oauth_limit_key_t;


typedef struct {
    ngx_uint_t                 n;
    ngx_uint_t                 nkeys;
    ngx_http_oauth_limit_key_t keys[LEDGER_LIMIT_KEYS_MAX];
} ngx_http_oauth_limit_t;


typedef struct {
    ngx_str_t                  name;
    ngx_http_complex_value_t   value;
} ngx_http_oauth_set_t;


typedef struct {
    ngx_str_t                  type;
    ngx_http_complex_value_t  *value;    /* NULL: the built-in document */
    ngx_uint_t                 status;   /* 0: not configured */
} ngx_http_oauth_refusal_conf_t;


typedef struct ngx_http_oauth_counters_s  ngx_http_oauth_counters_t;


/*
 * One oauth_provider block.  Arrays of VALUEs are ngx_array_t of
 * ngx_http_complex_value_t; NULL: not configured.
 */

typedef struct {
    ngx_str_t                      name;

    ngx_array_t                   *user;
    ngx_array_t                   *tenant;
    ngx_array_t                   *login;
    ngx_array_t                   *owner;
    ngx_array_t                   *owner_default;  /* "owner", if that is it */
    ngx_array_t                   *client;      /* NULL: the default order */
    ngx_array_t                   *issued_at;
    ngx_array_t                   *access_token;
    ngx_array_t                   *refresh_token;
    ngx_array_t                   *expires_in;
    ngx_array_t                   *refresh_expires_in;

    ngx_array_t                   *integration_users;
    ngx_http_oauth_mode_t          takeover;
    ngx_http_oauth_mode_t          other_users;

    ngx_array_t                   *limits;  /* of ngx_http_oauth_limit_t */
    ngx_array_t                   *exempt;  /* of ngx_str_t; NULL: default */
    ngx_array_t                   *response_set; /* ngx_http_oauth_set_t */

    ngx_http_oauth_refusal_conf_t  refusal;
    ngx_http_oauth_refusal_conf_t  token_refusal;

    ngx_str_t                      contact;
    ngx_str_t                      link;

    ngx_uint_t                     dead_status;
    ngx_http_complex_value_t      *dead_value;
    ngx_uint_t                     contests;
    ngx_msec_t                     contest_window;
    uint64_t                       idle;        /* ms */
    uint64_t                       replay;      /* ms; 0: off */
    uint64_t                       grace;       /* ms, or GRACE_ALWAYS */
    ngx_flag_t                     refresh_ends_access;
    ngx_uint_t                     heal;        /* unsigned  heal:1; */

    u_char                        *file;    /* where the block stands */
    ngx_uint_t                     line;

    ngx_http_oauth_counters_t     *counters;    /* shared; NULL: not used */
    ngx_uint_t                     used;    /* unsigned  used:1; by locations */
} ngx_http_oauth_provider_t;


typedef struct {
    ngx_str_t                      path;
    ngx_str_t                      key_file;
    size_t                         max_size;
    uint64_t                       retention;   /* ms */
    ngx_flag_t                     sync;

    ngx_array_t                   *providers;  /* ngx_http_oauth_provider_t* */
    ledger_keyring_t              *keyring;
    ngx_thread_pool_t             *pool;
    ngx_shm_zone_t                *flights;
    ngx_shm_zone_t                *counters;
    ngx_str_t                      page;       /* the connections page; empty:
                                                  no location shows it */
    ngx_str_t                      page_policy; /* what may run in it */
    ngx_array_t                   *writes;     /* ngx_http_oauth_write_t;
                                                  NULL: none */
    ngx_uint_t                     used;       /* unsigned  used:1; */
} ngx_http_oauth_main_conf_t;


typedef struct {
    ngx_http_oauth_provider_t     *token_provider;
    ngx_http_oauth_mode_t          token_mode;
    ngx_flag_t                     token_off;

    ngx_http_oauth_provider_t     *revocation_provider;
    ngx_uint_t                     revocation_of; /* ngx_http_oauth_revoke_e */

    ngx_http_oauth_provider_t     *userinfo_provider;

    ngx_http_oauth_provider_t     *guard_provider;
    ngx_http_oauth_mode_t          guard_mode;
    ngx_flag_t                     guard_off;
    ngx_uint_t                     check;   /* status of consent; 0: none */

    ngx_array_t                   *token_from; /* NULL: Authorization */
    ngx_str_t                      token_field; /* form=FIELD */
    ngx_http_oauth_mode_t          unknown;
    ngx_http_oauth_mode_t          broken;
    ngx_flag_t                     details;

    ngx_flag_t                     status_write;
    ngx_http_handler_pt            status_resource; /* NULL: the whole API */
    ngx_array_t                   *status_names; /* of the server:
                                                    ngx_http_server_name_t */
    u_char                        *status_file;  /* where it stands */
    ngx_uint_t                     status_line;

    unsigned                       from_set:1;
    unsigned                       status:1;   /* it is a location of ours */
} ngx_http_oauth_loc_conf_t;


typedef struct ngx_http_oauth_commit_s  ngx_http_oauth_commit_t;


/* Tokens of a live connection, as they are lent to a request. */

typedef struct {
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
} ngx_http_oauth_lent_t;


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

typedef struct {
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
} ngx_http_oauth_ctx_t;


extern ngx_module_t  ngx_http_oauth_gateway_module;


/* ngx_http_oauth_ctx.c: the state of a request */

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


/* ngx_http_oauth_gateway_module.c */

/* The filters behind this module's; the first marks the answer's header. */

ngx_int_t ngx_http_oauth_next_header(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);
ngx_int_t ngx_http_oauth_next_body(ngx_http_request_t *r, ngx_chain_t *in);


/* ngx_http_oauth_provider.c: the oauth_provider block */

char *ngx_http_oauth_provider_block(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
ngx_http_oauth_provider_t *ngx_http_oauth_provider_find(
    ngx_http_oauth_main_conf_t *mcf, ngx_str_t *name);


/* ngx_http_oauth_provider_directives.c: what stands in it */

/* The word of a limit's key; empty for a variable. */

ngx_str_t *ngx_http_oauth_limit_word(ngx_uint_t kind);


/* ngx_http_oauth_value.c: VALUEs and modes, compiled and evaluated */

/*
 * Compile a VALUE, whose text must live as long as cf->pool: into *cv,
 * NGX_OK or NGX_ERROR; or into the pool, NULL on error.  Errors are logged.
 */

ngx_int_t ngx_http_oauth_value_compile(ngx_conf_t *cf, ngx_str_t *text,
    ngx_http_complex_value_t *cv);
ngx_http_complex_value_t *ngx_http_oauth_value_new(ngx_conf_t *cf,
    ngx_str_t *text);

/*
 * ngx_http_oauth_value_open() sets the variable cache aside, so that a map
 * that was read before the answer is computed anew, and lets members that
 * hold secrets be read; ngx_http_oauth_value_close() puts everything back.
 * In between, values live in the request's pool.
 */

typedef struct {
    ngx_http_variable_value_t     *variables;
    ngx_http_variable_value_t     *outer;
    int                           *captures;
    u_char                        *captures_data;
    ngx_uint_t                     ncaptures;
    unsigned                       realloc_captures:1;
    unsigned                       secrets:1;
} ngx_http_oauth_value_scope_t;

ngx_int_t ngx_http_oauth_value_open(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_uint_t secrets,
    ngx_http_oauth_value_scope_t *scope);
void ngx_http_oauth_value_close(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_http_oauth_value_scope_t *scope);

/* One VALUE, inside an open scope.  NGX_OK or NGX_ERROR. */

ngx_int_t ngx_http_oauth_value(ngx_http_request_t *r,
    ngx_http_complex_value_t *cv, ngx_str_t *value);

/*
 * The first VALUE of the list that is not empty; an empty string if none
 * is, or the list is NULL.  NGX_OK or NGX_ERROR.  Inside an open scope.
 */

ngx_int_t ngx_http_oauth_value_first(ngx_http_request_t *r,
    ngx_array_t *values, ngx_str_t *value);

/* Parses a mode word or variable; "allowed" is a mask of 1 << mode. */

char *ngx_http_oauth_mode_parse(ngx_conf_t *cf, ngx_str_t *word,
    ngx_uint_t allowed, ngx_http_oauth_mode_t *mode);

/* The mode that holds for this request: opens a scope of its own. */

ngx_uint_t ngx_http_oauth_mode(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, const ngx_http_oauth_mode_t *mode);


/* ngx_http_oauth_variables.c */

ngx_int_t ngx_http_oauth_variables_add(ngx_conf_t *cf);

/* The word of a verdict or an action; empty for 0. */

ngx_str_t *ngx_http_oauth_verdict_word(ngx_uint_t verdict);
ngx_str_t *ngx_http_oauth_action_word(ngx_uint_t action);


/* ngx_http_oauth_members.c: members of messages, by prefix and oauth_json */

char *ngx_http_oauth_json_variable(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/*
 * ngx_http_oauth_source() is the message behind a source, parsed at its
 * first use; NULL: there is none.  Lives as long as ctx.
 */

json_t *ngx_http_oauth_source(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_uint_t source);


/* ngx_http_oauth_body.c: request bodies, read whole or peeked at */

/*
 * Reads the body into ctx->body, whole, at most BODY_MAX bytes, and then
 * runs the phases on: the caller returns what this returns.  NGX_DECLINED:
 * it is there.  Over the bound, ctx->body_large is set.
 */

ngx_int_t ngx_http_oauth_body_read(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);
ngx_int_t ngx_http_oauth_body_filter_init(ngx_conf_t *cf);

/*
 * Parses the body and the query string into the source "request".  NGX_OK;
 * NGX_DECLINED: ctx->problem and ctx->reason say what is wrong; NGX_ERROR.
 */

ngx_int_t ngx_http_oauth_body_parse(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);

/* Whether a Content-Type (NULL allowed) is that media type. */

ngx_uint_t ngx_http_oauth_media_type(ngx_str_t *type, const char *name);


/* ngx_http_oauth_peek.c: token requests at locations of API calls */

/*
 * ngx_http_oauth_peek_query() looks at the query string of a guarded request,
 * then ngx_http_oauth_peek_start() at a body that has been read, or else has
 * it looked at: ngx_http_oauth_peek() is given what the body filter passes
 * on.  NGX_OK: go on; else a status to end the request with, its page being
 * prepared.
 */

ngx_int_t ngx_http_oauth_peek_start(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);
ngx_int_t ngx_http_oauth_peek(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_chain_t *in);
ngx_int_t ngx_http_oauth_peek_query(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);


/* ngx_http_oauth_token_endpoint.c: the way of a token request */

ngx_int_t ngx_http_oauth_token_endpoint_handler(ngx_http_request_t *r);

/* Hands the request to what talks to the provider. */

ngx_int_t ngx_http_oauth_token_forward(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);

/*
 * The text of a member of a message (NULL allowed), copied to the pool;
 * empty if there is none.  NGX_OK or NGX_ERROR.
 */

ngx_int_t ngx_http_oauth_token_member(ngx_http_request_t *r, json_t *message,
    const char *name, ngx_str_t *value);

/* Removes X-OAuth-Owner from what goes to the provider. */

void ngx_http_oauth_owner_strip(ngx_http_request_t *r);

/*
 * The content handler: refuses, waits, replays or forwards.  A request that
 * has waited comes here again.
 */

ngx_int_t ngx_http_oauth_token_content(ngx_http_request_t *r);


/* ngx_http_oauth_takeover.c: what a connect would do, before it is sent */

/*
 * Sets ctx->problem if the connect would end a live connection of another
 * owner, or is one of a user who may hold none; *mode, the mode of the
 * endpoint, is lowered to what the provider's directive says of that.
 *
 * NGX_OK; NGX_AGAIN: it has just claimed its slots, and must be looked at
 * once more, as after ngx_http_oauth_flight_take(); NGX_DONE: it waits until
 * another connect has ended, and comes to ngx_http_oauth_token_content()
 * again; NGX_ERROR.
 */

ngx_int_t ngx_http_oauth_takeover(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_uint_t *mode);

/* Whether a known user is none of the provider's integration users. */

ngx_uint_t ngx_http_oauth_other_user(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, const ledger_slice_t *user,
    const ledger_slice_t *login);

/* The same of the user whose connection the token of a call belongs to. */

ngx_uint_t ngx_http_oauth_other_holder(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);


/* ngx_http_oauth_claim.c: one connect of a slot at a time */

/*
 * Claims all that the connect could meet others in, so that nobody comes in
 * between its look at the ledger and its record.  Ended as a flight is, by
 * ngx_http_oauth_flight_end().
 *
 * NGX_OK: there is nothing to claim; NGX_AGAIN, NGX_DONE: see
 * ngx_http_oauth_takeover(); NGX_BUSY: too many wait, or this one has waited
 * long enough; NGX_ERROR.
 */

ngx_int_t ngx_http_oauth_claim(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, const ledger_exchange_t *x);


/* ngx_http_oauth_flight.c: one exchange for many callers */

/* How a flight ended. */

#define NGX_HTTP_OAUTH_FLIGHT_SUCCESS     1  /* recorded, others replay it */
#define NGX_HTTP_OAUTH_FLIGHT_REFUSAL     2  /* invalid_grant: remembered */
#define NGX_HTTP_OAUTH_FLIGHT_UNRECORDED  3  /* rotated, but not recorded */
#define NGX_HTTP_OAUTH_FLIGHT_FAILURE     4  /* anything else: not shared */

ngx_int_t ngx_http_oauth_flight_zone(ngx_conf_t *cf,
    ngx_http_oauth_main_conf_t *mcf);
void ngx_http_oauth_flight_init_process(ngx_cycle_t *cycle,
    ngx_http_oauth_main_conf_t *mcf);

/*
 * ngx_http_oauth_flight_take() takes the flight of ctx->token for this
 * request.  NGX_OK: it is ours, and must be ended; NGX_AGAIN: another
 * request flies, in whatever worker; NGX_DECLINED: the provider has just
 * refused this token to the same fingerprint; NGX_BUSY: too many flights, or
 * a rotation of this token could not be recorded.  With "force" the memory of
 * earlier flights does not count.  ctx->inherited is set if the flight was
 * taken over from one that never ended.
 */

ngx_int_t ngx_http_oauth_flight_take(ngx_http_oauth_ctx_t *ctx,
    ngx_uint_t force);
void ngx_http_oauth_flight_end(ngx_http_oauth_ctx_t *ctx,
    ngx_uint_t outcome);

/*
 * Takes all of ctx->claims, or none, so that two requests never wait for
 * each other.  NGX_OK: they are ours, ctx->inherited as above; NGX_AGAIN:
 * another request has the one named by ctx->token now; NGX_BUSY: too many
 * flights.
 */

ngx_int_t ngx_http_oauth_flight_claim_all(ngx_http_oauth_ctx_t *ctx);

/* A secret of the table, the same in all workers, old ones included. */

ledger_slice_t ngx_http_oauth_flight_salt(void);

/*
 * Holds the request until the flight of its token has ended; then it comes
 * to ngx_http_oauth_token_content() again.  NGX_DONE; NGX_BUSY: too many
 * wait, or this one has waited long enough; NGX_ERROR.
 */

ngx_int_t ngx_http_oauth_flight_wait(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);

/* The request ends: it waits no more, and its flight is over. */

void ngx_http_oauth_flight_cleanup(ngx_http_oauth_ctx_t *ctx);


/* ngx_http_oauth_replay.c: the same answer again */

/*
 * ngx_http_oauth_replay_print() takes the fingerprints of the request under
 * a key of the ring, 0 for the first.  NGX_OK or NGX_ERROR.
 *
 * ngx_http_oauth_replay_keep() seals the answer into ctx->exchange, so that
 * it is kept with the record.  An answer too large for it is not kept.
 *
 * ngx_http_oauth_replay() answers a refresh from what is kept.  What it
 * returns ends the request, but NGX_DECLINED: nothing is kept for it, or an
 * access token that has run out, and there is better (the provider for a
 * token that still stands; heal, where ctx->healing is set); NGX_ABORT: only
 * for other clients, and the token was rotated.
 */

ngx_int_t ngx_http_oauth_replay_print(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, uint32_t key, ngx_http_oauth_print_t *print);
ngx_int_t ngx_http_oauth_replay_keep(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_str_t *answer);
ngx_int_t ngx_http_oauth_replay(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);


/*
 * The two halves of giving an answer again, for one that was unsealed:
 * ngx_http_oauth_replay_read() makes it the request's message, *type and
 * *text point into "plain"; ngx_http_oauth_replay_give() sends it with its
 * lifetime made shorter.  "changed": the message differs from the text.
 * NGX_OK; NGX_DECLINED: it cannot be read; else what ends the request.
 */

ngx_int_t ngx_http_oauth_replay_read(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_str_t *plain, ngx_str_t *type,
    ngx_str_t *text);
ngx_int_t ngx_http_oauth_replay_give(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ledger_ms_t stored_at, ngx_uint_t changed,
    ngx_str_t *type, ngx_str_t *text);

/* Writes an answer's plain form: NGX_DECLINED if it is too large to keep. */

ngx_int_t ngx_http_oauth_replay_plain(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_str_t *answer, ngx_str_t *plain);


/* ngx_http_oauth_lend.c: tokens kept for others of the same identity */

/*
 * ngx_http_oauth_lend_keep() seals the tokens of an answer into
 * ctx->exchange, and notes the client authentication, where the provider's
 * locations heal and the client is a confidential one.  NGX_OK;
 * NGX_DECLINED: nothing to keep; NGX_ERROR.
 *
 * ngx_http_oauth_lend_find() finds and opens what the token's connection may
 * use: ctx->lent.  NGX_OK; NGX_DECLINED: nothing; NGX_ERROR: no memory.
 *
 * ngx_http_oauth_lend_cleanup() cleanses it.
 */

ngx_int_t ngx_http_oauth_lend_keep(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_str_t *answer);
ngx_int_t ngx_http_oauth_lend_find(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_uint_t authenticate);
void ngx_http_oauth_lend_cleanup(ngx_http_oauth_ctx_t *ctx);

/* Whether the request asks for less than all that its grant is good for. */

ngx_uint_t ngx_http_oauth_lend_narrowed(ngx_http_oauth_ctx_t *ctx);


/* ngx_http_oauth_heal.c: a live connection's tokens in place of dead ones */

/*
 * Heals a refresh whose token is superseded or rotated.  NGX_OK: the token of
 * the live connection stands in its place, and is to be refreshed; NGX_DONE:
 * the answer is there, to be given by ngx_http_oauth_heal_give(), whose
 * result ends the request; NGX_DECLINED: it cannot be healed; NGX_ERROR.
 */

ngx_int_t ngx_http_oauth_heal_refresh(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);
ngx_int_t ngx_http_oauth_heal_give(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);

/*
 * Decides about a call with such a token: the mode that it comes to, which
 * is NGX_HTTP_OAUTH_MODE_HEAL where the content handler will send a live
 * one.
 */

ngx_uint_t ngx_http_oauth_heal_call(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);

/*
 * How much of its life, in ms, an access token must have left to be given to
 * a runner that refreshes.
 */

uint64_t ngx_http_oauth_heal_margin(uint64_t life);

/*
 * Puts the refresh token that was presented back into the answer, unless the
 * new one would be lost by that: it is neither recorded nor lent.
 */

ngx_int_t ngx_http_oauth_heal_answer(ngx_http_oauth_ctx_t *ctx);

/* Puts back what the request had, so that all can be decided anew. */

void ngx_http_oauth_heal_again(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);

/* Whether heal can replace a token that is taken from there. */

ngx_uint_t ngx_http_oauth_heal_replaces(ngx_http_oauth_loc_conf_t *lcf);


/* ngx_http_oauth_swap.c: when a lent token stands in the request */

/*
 * ngx_http_oauth_swap_body() makes "text", which must live as long as the
 * request, the body that goes to the provider.  NGX_OK; NGX_ERROR.
 *
 * ngx_http_oauth_swap_send() runs r->content_handler and returns what it
 * does.  What is lent stands in the request only while the request for the
 * provider is written, at once or when the runner's body has come: nothing
 * that comes after it, or runs beside it, sees it.  A handler that is no
 * upstream's has it until the answer begins.
 *
 * ngx_http_oauth_swap_out() puts back what the request had, if it is not
 * there; ngx_http_oauth_swap_handler() does it in the rewrite phases, where
 * an internal redirect begins.
 */

ngx_int_t ngx_http_oauth_swap_body(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_str_t *text);
ngx_int_t ngx_http_oauth_swap_send(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);
void ngx_http_oauth_swap_out(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);
ngx_int_t ngx_http_oauth_swap_handler(ngx_http_request_t *r);


/* ngx_http_oauth_revocation.c: the way of a revocation */

ngx_int_t ngx_http_oauth_revocation_handler(ngx_http_request_t *r);

/*
 * The record of a revocation that the provider has confirmed.  NGX_OK;
 * NGX_DECLINED: the token is not one of the ledger.
 */

ngx_int_t ngx_http_oauth_revocation_record(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ledger_record_t *record);


/* ngx_http_oauth_answer.c: the bytes of a provider's answer */

/*
 * ngx_http_oauth_answer_start() makes the buffer ctx->answer, in the header
 * filter; what is longer than the field Content-Length says grows it.
 * NGX_OK or NGX_ERROR.
 *
 * ngx_http_oauth_answer_append() adds the bytes of "b", which stay as they
 * are.  NGX_OK; NGX_DECLINED: more than "max" in all, nothing was added;
 * NGX_ERROR.
 *
 * ngx_http_oauth_answer_drop() cleanses the buffer and gives it back.
 */

ngx_int_t ngx_http_oauth_answer_start(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);
ngx_int_t ngx_http_oauth_answer_append(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_buf_t *b, size_t max);
void ngx_http_oauth_answer_drop(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);

/*
 * Undoes the Content-Encoding that the answer had at its start: *text is
 * replaced by the result, in the pool.  NGX_OK, also where there is none;
 * NGX_DECLINED: an unknown coding, damaged, or more than "max"; NGX_ERROR.
 */

ngx_int_t ngx_http_oauth_answer_plain(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_str_t *text, size_t max);


/* ngx_http_oauth_capture.c: the way of a token request's answer */

/*
 * Both are called by the module's filters, for a request that has been
 * forwarded from a token endpoint.  NGX_DECLINED: nothing is held, go on.
 */

ngx_int_t ngx_http_oauth_capture_header(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);
ngx_int_t ngx_http_oauth_capture_body(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_chain_t *in);


/* ngx_http_oauth_exchange.c: from an answer to a record */

/*
 * Reads the answer's message, evaluates the provider's VALUEs and fills
 * ctx->exchange, whose strings live in the request's pool.  NGX_OK;
 * NGX_DECLINED: no token answer, nothing to record; NGX_ABORT: an answer
 * that cannot be understood or recorded; NGX_ERROR: no memory.
 */

/*
 * As much of an exchange as is known before it is sent.  NGX_OK or
 * NGX_ERROR.
 */

ngx_int_t ngx_http_oauth_exchange_expect(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ledger_exchange_t *x);

ngx_int_t ngx_http_oauth_exchange_read(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_str_t *answer);

/*
 * Applies response_set: *text is the answer serialised anew, as JSON or form,
 * in the pool.  "changed": its message was changed before.  NGX_OK;
 * NGX_DECLINED: nothing to change; NGX_ERROR.
 */

ngx_int_t ngx_http_oauth_exchange_set(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_uint_t changed, ngx_str_t *text);

/*
 * Serialises a message anew, as a form or JSON, into the pool.  NGX_OK;
 * NGX_DECLINED: a form cannot hold it; NGX_ERROR.
 */

ngx_int_t ngx_http_oauth_exchange_text(ngx_http_request_t *r,
    json_t *message, ngx_uint_t form, ngx_str_t *text);

/*
 * Whether an answer that brought no tokens says for good that the refresh
 * token is dead (RFC 6749, 5.2: invalid_grant).
 */

ngx_uint_t ngx_http_oauth_exchange_refused(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);

/* The identity as the ledger takes it: beyond its bound it is unknown. */

ledger_slice_t ngx_http_oauth_identity(ngx_http_request_t *r,
    ngx_str_t *value, const char *name);


/* ngx_http_oauth_guard.c: the way of an API call */

ngx_int_t ngx_http_oauth_guard_handler(ngx_http_request_t *r);

/* Called for the answer's header: marks it, and learns from it. */

ngx_int_t ngx_http_oauth_guard_answer(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);

/*
 * Looks a token up and fills the state's verdict, as of "now", and
 * connection.  NGX_OK; NGX_ERROR: the ledger cannot be read.
 */

ngx_int_t ngx_http_oauth_guard_judge(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_str_t *token, ledger_ms_t now);


/* ngx_http_oauth_check.c: the same decision for another proxy's call */

/*
 * The content handler of a location with "oauth_check", whose guard has let
 * the call pass: says so.
 */

ngx_int_t ngx_http_oauth_check_handler(ngx_http_request_t *r);


/* ngx_http_oauth_late.c: identities that come after the exchange (R8) */

/*
 * ngx_http_oauth_late_read() evaluates "user" and "tenant" of the provider
 * where the connection's own is unknown, and keeps what it finds in
 * ctx->late_user and ctx->late_tenant; what was found before stays if
 * nothing is found now.  "secrets" as in ngx_http_oauth_value_open().
 * NGX_OK or NGX_ERROR.
 *
 * ngx_http_oauth_late_bind() records what was found.  Nobody waits for it.
 */

ngx_int_t ngx_http_oauth_late_read(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_uint_t secrets);
void ngx_http_oauth_late_bind(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);


/* ngx_http_oauth_userinfo.c: answers that name the user of a token */

/*
 * Called for the header of an answer that the provider gave to a live
 * token.  Whether the answer is copied: then what is known late is bound
 * after its last byte, else the caller binds it.
 */

ngx_uint_t ngx_http_oauth_userinfo_start(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);

/* Called by the body filter.  NGX_DECLINED: the caller passes "in" on. */

ngx_int_t ngx_http_oauth_userinfo_body(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_chain_t *in);

/* The request ends: an answer that is still copied was cut short. */

void ngx_http_oauth_userinfo_cleanup(ngx_http_oauth_ctx_t *ctx);


/* ngx_http_oauth_header.c: header fields by name */

/* Sets a field of the answer that may stand once; NULL: no memory. */

ngx_table_elt_t *ngx_http_oauth_header_set(ngx_http_request_t *r,
    const char *name, ngx_str_t *value);

/* Takes a field out of the answer. */

void ngx_http_oauth_header_clear(ngx_http_request_t *r, const char *name);

/* The next field of that name in the request behind "after", or the first. */

ngx_table_elt_t *ngx_http_oauth_header_in(ngx_http_request_t *r,
    const char *name, ngx_table_elt_t *after);

/*
 * The first field of the request that "text" names, where that is $http_NAME
 * and nothing else; *n is how many there are.  NULL: none.
 */

ngx_table_elt_t *ngx_http_oauth_header_variable(ngx_http_request_t *r,
    ngx_str_t *text, ngx_uint_t *n);
ngx_uint_t ngx_http_oauth_header_is_variable(ngx_str_t *text);

/* Whether $http_NAME of the lower case or mixed name reads that field. */

ngx_uint_t ngx_http_oauth_header_named(ngx_str_t *key, ngx_str_t *name);


/* ngx_http_oauth_refusal.c: what a refused runner is told */

/*
 * Answers an API call, or a token request, with the state's problem.  The
 * result is what a handler of the running phase returns: NGX_DONE where the
 * request has been finalized, else what finalizes it.
 */

ngx_int_t ngx_http_oauth_refusal_api(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);
ngx_int_t ngx_http_oauth_refusal_token(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);

/*
 * Prepares the refusal of a request whose body filter found a token
 * request: the special response with the status that is returned then gets
 * this page instead of nginx's.
 */

ngx_int_t ngx_http_oauth_refusal_page(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);

/*
 * Texts for variables, made once a request and in its pool; empty if there
 * is nothing to tell.  NGX_OK or NGX_ERROR.
 */

ngx_int_t ngx_http_oauth_refusal_detail(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_str_t *text);
ngx_int_t ngx_http_oauth_refusal_document(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_str_t *text);


/* ngx_http_oauth_problem.c: why a request is refused */

/* Its word, for logs and documents alike; empty for 0. */

const ngx_str_t *ngx_http_oauth_problem_word(ngx_uint_t problem);


/* ngx_http_oauth_facts.c: what the ledger tells of it */

/*
 * Whether a slot of the connection is contested (R7): 1, or 0 also where
 * that is not known.
 */

ngx_uint_t ngx_http_oauth_contested(ngx_http_oauth_ctx_t *ctx);


/* ngx_http_oauth_mark.c: OAuth-Connection-Status */

/* Adds the field where it is due; takes away the provider's own. */

ngx_int_t ngx_http_oauth_mark(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);


/* ngx_http_oauth_local.c: answers of the gateway's own */

/*
 * Sends an answer whose other header fields are set.  Of its arguments only
 * the text must live on, in the request's pool.  The result is that of the
 * header and body filters.
 */

ngx_int_t ngx_http_oauth_local_send(ngx_http_request_t *r,
    ngx_uint_t status, ngx_str_t *type, ngx_str_t *text);

/* The same with "len" bytes in buffers, the last of which is marked here. */

ngx_int_t ngx_http_oauth_local_send_chain(ngx_http_request_t *r,
    ngx_uint_t status, ngx_str_t *type, ngx_chain_t *text, off_t len);

/*
 * A body filter can end a request with a status only: the page that nginx
 * makes for it is replaced by ctx->page on its way out.
 */

void ngx_http_oauth_local_page_header(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx);
ngx_int_t ngx_http_oauth_local_page_body(ngx_http_request_t *r,
    ngx_http_oauth_ctx_t *ctx, ngx_chain_t *in);


/* ngx_http_oauth_text.c: text from outside, made fit to be shown */

/* RFC 3339, UTC, milliseconds: "2026-11-22T17:48:29.000Z". */

#define NGX_HTTP_OAUTH_TIME_LEN  (sizeof("2026-11-22T17:48:29.000Z") - 1)

u_char *ngx_http_oauth_time(u_char *p, ledger_ms_t at);


/* ngx_http_oauth_status.c: what operators see */

char *ngx_http_oauth_status(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/*
 * ngx_http_oauth_status_merged() keeps the names of the server, and takes
 * down that a location may be written to, NGX_OK or NGX_ERROR;
 * ngx_http_oauth_status_check() warns of those that can be reached from
 * outside of this machine.
 */

ngx_int_t ngx_http_oauth_status_merged(ngx_conf_t *cf,
    ngx_http_oauth_loc_conf_t *lcf);
void ngx_http_oauth_status_check(ngx_conf_t *cf,
    ngx_http_oauth_main_conf_t *mcf);


/* ngx_http_oauth_store.c: the ledger of this worker */

/*
 * The worker's ledger, or NULL while it cannot be opened.  "writable" is
 * false too after a commit failed, until a probe succeeds.
 */

ledger_t *ngx_http_oauth_store(void);
const ledger_keyring_t *ngx_http_oauth_store_keyring(void);
ngx_uint_t ngx_http_oauth_store_writable(void);

/* Why it cannot be opened or written; LEDGER_OK: it can. */

ledger_rc_t ngx_http_oauth_store_trouble(void);
void ngx_http_oauth_store_failed(ledger_rc_t rc, ngx_log_t *log);
void ngx_http_oauth_store_succeeded(void);
const char *ngx_http_oauth_store_error(ledger_rc_t rc);

/*
 * ngx_http_oauth_store_judge() looks a token up; the result is the worker's
 * and good until the next call.  "id" is the name that was found, or the
 * one under the first key.  NULL: the ledger cannot be read.
 *
 * ngx_http_oauth_store_look() does the same for what comes on every call:
 * it tells less, and mostly from memory.
 *
 * ngx_http_oauth_store_name() names a token of an answer: as it was named
 * before, if it was, so that a token that is repeated after a change of keys
 * is known.  *key is the id of that key.  NGX_OK or NGX_ERROR.
 */

const ledger_judgement_t *ngx_http_oauth_store_judge(ngx_str_t *token,
    ledger_token_id_t *id);
const ledger_look_t *ngx_http_oauth_store_look(ngx_str_t *token,
    ledger_ms_t now);
ngx_int_t ngx_http_oauth_store_name(ngx_str_t *token, ledger_token_id_t *id,
    uint32_t *key);

char *ngx_http_oauth_store_check(ngx_conf_t *cf,
    ngx_http_oauth_main_conf_t *mcf);
ngx_int_t ngx_http_oauth_store_init_module(ngx_cycle_t *cycle);
ngx_int_t ngx_http_oauth_store_init_process(ngx_cycle_t *cycle);
void ngx_http_oauth_store_exit_process(ngx_cycle_t *cycle);


/* ngx_http_oauth_commit.c: records on their way to the disk */

typedef void (*ngx_http_oauth_commit_pt)(void *data, ngx_uint_t durable);

/*
 * ngx_http_oauth_commit() queues one record.  All that waits when the
 * writer is free goes into one transaction.  The record is encoded at once:
 * nothing of it is referred to later.  "handler" (NULL allowed) is called
 * in this worker's event loop when the record is durable, or is known not
 * to be; ngx_http_oauth_commit_forget() takes handler and data out of it
 * again: the record goes on.
 *
 * NULL: no memory, no ledger, or a field beyond its bound; the handler is
 * not called then.
 */

ngx_http_oauth_commit_t *ngx_http_oauth_commit(const ledger_record_t *record,
    ngx_http_oauth_commit_pt handler, void *data);
void ngx_http_oauth_commit_forget(ngx_http_oauth_commit_t *commit);

/* Inside the handler: the connection that the record changed; 0: none. */

uint64_t ngx_http_oauth_commit_connection(
    const ngx_http_oauth_commit_t *commit);

/* Finds out, as a commit does, whether the store can be written again. */

void ngx_http_oauth_commit_probe(void);

/* Whether a batch is being written: the ledger must stay open. */

ngx_uint_t ngx_http_oauth_commit_busy(void);
ngx_int_t ngx_http_oauth_commit_init(ngx_cycle_t *cycle);

/* Writes what still waits, in this thread: the worker is about to exit. */

void ngx_http_oauth_commit_flush(ngx_cycle_t *cycle);

ledger_ms_t ngx_http_oauth_now(void);


/* ngx_http_oauth_counters.c: what is counted, see its header */

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


/* ngx_http_oauth_metrics.c and ngx_http_oauth_health.c: for monitoring */

ngx_int_t ngx_http_oauth_metrics_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_oauth_health_handler(ngx_http_request_t *r);


/* ngx_http_oauth_report.c: what the log says of a change */

void ngx_http_oauth_report(const ledger_effects_t *effects, ngx_log_t *log);

/* Copies text with everything that a log line must not hold replaced. */

#define NGX_HTTP_OAUTH_LOG_MAX  64

u_char *ngx_http_oauth_report_safe(u_char *p, const u_char *text,
    size_t len);


/* ngx_http_oauth_note.c: what happens and changes no state */

/*
 * ngx_http_oauth_note() tells of an event (ledger_event_kind_t, one that a
 * note may have) of a connection, both ids 0 where there is none.  "ctx"
 * (NULL allowed) says who asked of which provider.  The first is written at
 * once; then at most one every ten seconds, with the count.
 *
 * ngx_http_oauth_note_problem() tells of the request's problem: "event" is
 * LEDGER_EVENT_REJECTED or LEDGER_EVENT_FLAGGED.
 *
 * ngx_http_oauth_note_effects() tells of slots that effects left contested.
 */

void ngx_http_oauth_note(ngx_http_oauth_ctx_t *ctx, ngx_uint_t event,
    uint64_t connection, uint64_t other);
void ngx_http_oauth_note_problem(ngx_http_oauth_ctx_t *ctx,
    ngx_uint_t event);
void ngx_http_oauth_note_effects(const ledger_effects_t *effects);

/* The second gives what is counted to the writer: the worker exits. */

void ngx_http_oauth_note_init(ngx_cycle_t *cycle);
void ngx_http_oauth_note_flush(void);


/* ngx_http_oauth_upstream.c: what proxy's configuration must be here */

/*
 * Checks and sets proxy's merged configuration of a token location.
 * NGX_CONF_OK or NGX_CONF_ERROR (logged).
 */

char *ngx_http_oauth_upstream_check(ngx_conf_t *cf,
    const ngx_http_oauth_provider_t *provider, const char *directive);


#define ngx_http_oauth_slice(str)                                             \
    ((ledger_slice_t) { (str)->data, (str)->len })


#endif /* _NGX_HTTP_OAUTH_GATEWAY_H_INCLUDED_ */
