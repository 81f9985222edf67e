
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
char *ngx_http_oauth_guard(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_oauth_token_from(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_oauth_mode_directive(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);


#endif /* _NGX_HTTP_OAUTH_CONF_H_INCLUDED_ */
