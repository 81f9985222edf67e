
/*
 * Copyright (C) The OAuth gateway authors
 */


#include "ngx_http_oauth_header.h"


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


ngx_table_elt_t *
ngx_http_oauth_header_variable(ngx_http_request_t *r, ngx_str_t *text,
    ngx_uint_t *n)
{
    ngx_str_t         name;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h, *first;

    *n = 0;

    if (!ngx_http_oauth_header_is_variable(text)) {
        return NULL;
    }

    name.data = text->data + sizeof("$http_") - 1;
    name.len = text->len - (sizeof("$http_") - 1);

    first = NULL;
    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                return first;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (ngx_http_oauth_header_named(&h[i].key, &name)) {
            first = first ? first : &h[i];
            (*n)++;
        }
    }
}


ngx_uint_t
ngx_http_oauth_header_is_variable(ngx_str_t *text)
{
    u_char  *p, *last;

    if (text->len <= sizeof("$http_") - 1
        || ngx_strncmp(text->data, "$http_", sizeof("$http_") - 1) != 0)
    {
        return 0;
    }

    last = text->data + text->len;

    for (p = text->data + 1; p < last; p++) {

        if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z')
              || (*p >= '0' && *p <= '9') || *p == '_'))
        {
            return 0;
        }
    }

    return 1;
}


/* As nginx compares them: without case, '_' of the name for '-'. */

ngx_uint_t
ngx_http_oauth_header_named(ngx_str_t *key, ngx_str_t *name)
{
    size_t  i;

    if (key->len != name->len) {
        return 0;
    }

    for (i = 0; i < name->len; i++) {
        if (ngx_tolower(name->data[i])
            != (key->data[i] == '-' ? '_' : ngx_tolower(key->data[i])))
        {
            return 0;
        }
    }

    return 1;
}
