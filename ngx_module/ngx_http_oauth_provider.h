
/*
 * Copyright (C) The OAuth gateway authors
 */

#ifndef _NGX_HTTP_OAUTH_PROVIDER_H_INCLUDED_
#define _NGX_HTTP_OAUTH_PROVIDER_H_INCLUDED_


#include "ngx_http_oauth_gateway.h"


/* No block needs more; bounds what an exchange may evaluate. */
#define NGX_HTTP_OAUTH_VALUES_MAX  16


/*
 * Adds a VALUE to a list; one that was inherited is replaced as a whole,
 * unless "again", which says that the block has begun a list of its own.
 * NULL: logged.
 */

ngx_http_complex_value_t *ngx_http_oauth_provider_push(ngx_conf_t *cf,
    ngx_array_t **values, ngx_str_t *text, ngx_uint_t again);

/*
 * What sets the directives of the block: the member at "offset", or one
 * that the function knows.  "again": the block has had the directive
 * before.  NGX_CONF_OK or NGX_CONF_ERROR (logged).
 */

char *ngx_http_oauth_provider_values(ngx_conf_t *cf,
    ngx_http_oauth_provider_t *p, size_t offset, ngx_uint_t again);
char *ngx_http_oauth_provider_limit(ngx_conf_t *cf,
    ngx_http_oauth_provider_t *p, size_t offset, ngx_uint_t again);
char *ngx_http_oauth_provider_exempt(ngx_conf_t *cf,
    ngx_http_oauth_provider_t *p, size_t offset, ngx_uint_t again);
char *ngx_http_oauth_provider_set(ngx_conf_t *cf,
    ngx_http_oauth_provider_t *p, size_t offset, ngx_uint_t again);
char *ngx_http_oauth_provider_refusal(ngx_conf_t *cf,
    ngx_http_oauth_provider_t *p, size_t offset, ngx_uint_t again);
char *ngx_http_oauth_provider_text(ngx_conf_t *cf,
    ngx_http_oauth_provider_t *p, size_t offset, ngx_uint_t again);
char *ngx_http_oauth_provider_link(ngx_conf_t *cf,
    ngx_http_oauth_provider_t *p, size_t offset, ngx_uint_t again);
char *ngx_http_oauth_provider_dead(ngx_conf_t *cf,
    ngx_http_oauth_provider_t *p, size_t offset, ngx_uint_t again);
char *ngx_http_oauth_provider_contested(ngx_conf_t *cf,
    ngx_http_oauth_provider_t *p, size_t offset, ngx_uint_t again);
char *ngx_http_oauth_provider_idle(ngx_conf_t *cf,
    ngx_http_oauth_provider_t *p, size_t offset, ngx_uint_t again);
char *ngx_http_oauth_provider_time(ngx_conf_t *cf,
    ngx_http_oauth_provider_t *p, size_t offset, ngx_uint_t again);
char *ngx_http_oauth_provider_grace(ngx_conf_t *cf,
    ngx_http_oauth_provider_t *p, size_t offset, ngx_uint_t again);
char *ngx_http_oauth_provider_mode(ngx_conf_t *cf,
    ngx_http_oauth_provider_t *p, size_t offset, ngx_uint_t again);
char *ngx_http_oauth_provider_flag(ngx_conf_t *cf,
    ngx_http_oauth_provider_t *p, size_t offset, ngx_uint_t again);


/* "contact" and "link" stand in every refusal. */
#define NGX_HTTP_OAUTH_TEXT_MAX     1024


char *ngx_http_oauth_provider_block(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
ngx_http_oauth_provider_t *ngx_http_oauth_provider_find(
    ngx_http_oauth_main_conf_t *mcf, ngx_str_t *name);


/* The word of a limit's key; empty for a variable. */

ngx_str_t *ngx_http_oauth_limit_word(ngx_uint_t kind);


#endif /* _NGX_HTTP_OAUTH_PROVIDER_H_INCLUDED_ */
