
/*
 * Copyright (C) The OAuth gateway authors
 */

#ifndef _NGX_HTTP_OAUTH_CONF_H_INCLUDED_
#define _NGX_HTTP_OAUTH_CONF_H_INCLUDED_


#include "ngx_http_oauth_gateway.h"


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
