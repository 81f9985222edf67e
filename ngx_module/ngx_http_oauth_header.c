
/*
 * Copyright (C) The OAuth gateway authors
 */


#include "ngx_http_oauth_gateway.h"


static ngx_table_elt_t *ngx_http_oauth_header_next(ngx_list_t *list,
    const char *name, ngx_table_elt_t *after);


ngx_table_elt_t *
ngx_http_oauth_header_set(ngx_http_request_t *r, const char *name,
    ngx_str_t *value)
{
    ngx_list_t       *list;
    ngx_table_elt_t  *h;

    list = &r->headers_out.headers;
    h = ngx_http_oauth_header_next(list, name, NULL);

    while (h != NULL && h->hash == 0) {
        h = ngx_http_oauth_header_next(list, name, h);
    }

    if (h != NULL) {
        h->value = *value;
        return h;
    }

    h = ngx_list_push(list);
    if (h == NULL) {
        return NULL;
    }

    /* nginx 1.23 has a member "next" more, which must be NULL */

    ngx_memzero(h, sizeof(ngx_table_elt_t));

    h->hash = 1;
    h->key.data = (u_char *) name;
    h->key.len = ngx_strlen(name);
    h->value = *value;

    return h;
}


void
ngx_http_oauth_header_clear(ngx_http_request_t *r, const char *name)
{
    ngx_list_t       *list;
    ngx_table_elt_t  *h;

    list = &r->headers_out.headers;
    h = ngx_http_oauth_header_next(list, name, NULL);

    while (h != NULL) {
        h->hash = 0;
        h = ngx_http_oauth_header_next(list, name, h);
    }
}


ngx_table_elt_t *
ngx_http_oauth_header_in(ngx_http_request_t *r, const char *name,
    ngx_table_elt_t *after)
{
    return ngx_http_oauth_header_next(&r->headers_in.headers, name, after);
}


static ngx_table_elt_t *
ngx_http_oauth_header_next(ngx_list_t *list, const char *name,
    ngx_table_elt_t *after)
{
    size_t            len;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    len = ngx_strlen(name);
    part = &list->part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                return NULL;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (&h[i] == after) {
            after = NULL;
            continue;
        }

        if (after == NULL && h[i].key.len == len
            && ngx_strncasecmp(h[i].key.data, (u_char *) name, len) == 0)
        {
            return &h[i];
        }
    }
}
