
/*
 * Copyright (C) The OAuth gateway authors
 */

#ifndef _NGX_HTTP_OAUTH_CONF_H_INCLUDED_
#define _NGX_HTTP_OAUTH_CONF_H_INCLUDED_


#include "ngx_http_oauth_gateway.h"

#include "ledger_keyring.h"


typedef enum {
    NGX_HTTP_OAUTH_MODE_OFF = 0,
    NGX_HTTP_OAUTH_MODE_PASS,
    NGX_HTTP_OAUTH_MODE_FLAG,
    NGX_HTTP_OAUTH_MODE_REJECT,
    NGX_HTTP_OAUTH_MODE_HEAL             /* as REJECT, where it cannot */
} ngx_http_oauth_mode_e;


#define NGX_HTTP_OAUTH_GRACE_ALWAYS  ((uint64_t) -1)


/* What a revocation ends. */

typedef enum {
    NGX_HTTP_OAUTH_REVOKE_BY_KIND = 0,   /* refresh token: the connection */
    NGX_HTTP_OAUTH_REVOKE_CONNECTION,
    NGX_HTTP_OAUTH_REVOKE_TOKEN
} ngx_http_oauth_revoke_e;


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


/*
 * One oauth_provider block.  Arrays of VALUEs are ngx_array_t of
 * ngx_http_complex_value_t; NULL: not configured.
 */

struct ngx_http_oauth_provider_s {
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
};


struct ngx_http_oauth_main_conf_s {
    ngx_str_t                      path;
    ngx_str_t                      key_file;
    ngx_str_t                      lock_file;   /* in the store: "flights" */
    size_t                         max_size;
    uint64_t                       retention;   /* ms */
    ngx_msec_t                     wait;        /* for the disk, at most */
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
};


struct ngx_http_oauth_loc_conf_s {
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
};

/* The module's configurations. */

void *ngx_http_oauth_create_main_conf(ngx_conf_t *cf);
char *ngx_http_oauth_init_main_conf(ngx_conf_t *cf, void *conf);
void *ngx_http_oauth_create_loc_conf(ngx_conf_t *cf);
char *ngx_http_oauth_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);

/* What sets the directives of the command table. */

char *ngx_http_oauth_store_directive(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
char *ngx_http_oauth_key_file(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_oauth_token_endpoint(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
char *ngx_http_oauth_revocation_endpoint(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
char *ngx_http_oauth_userinfo_endpoint(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
char *ngx_http_oauth_guard(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_oauth_check(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_oauth_token_from(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_oauth_mode_directive(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);

/* The provider of a directive's first argument; NULL: unknown, logged. */

ngx_http_oauth_provider_t *ngx_http_oauth_named(ngx_conf_t *cf);

/*
 * What else "oauth_check" asks of its location, once everything is read.
 * NGX_CONF_OK or NGX_CONF_ERROR (logged).
 */

char *ngx_http_oauth_check_location(ngx_conf_t *cf,
    ngx_http_oauth_loc_conf_t *lcf);


#endif /* _NGX_HTTP_OAUTH_CONF_H_INCLUDED_ */
