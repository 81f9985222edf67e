
/*
 * Copyright (C) The OAuth gateway authors
 */


#include "ngx_http_oauth_text.h"


/* 9999-12-31T23:59:59.999Z; RFC 3339 has four digits for a year. */
#define NGX_HTTP_OAUTH_TIME_MAX  253402300799999


static uint32_t ngx_http_oauth_clean_char(u_char **p, u_char *last);


u_char *
ngx_http_oauth_time(u_char *p, ledger_ms_t at)
{
    ngx_tm_t  tm;

    if (at > NGX_HTTP_OAUTH_TIME_MAX) {
        at = NGX_HTTP_OAUTH_TIME_MAX;
    }

    ngx_gmtime((time_t) (at / 1000), &tm);

    return ngx_sprintf(p, "%4d-%02d-%02dT%02d:%02d:%02d.%03dZ",
                       tm.ngx_tm_year, tm.ngx_tm_mon, tm.ngx_tm_mday,
                       tm.ngx_tm_hour, tm.ngx_tm_min, tm.ngx_tm_sec,
                       (int) (at % 1000));
}


u_char *
ngx_http_oauth_clean(u_char *p, u_char *last, ledger_slice_t text)
{
    u_char    *s, *next, *end;
    uint32_t   c;

    s = (u_char *) text.data;
    end = s + text.len;

    while (s < end && p < last) {
        next = s;
        c = ngx_http_oauth_clean_char(&next, end);

        if (c == '?') {
            *p++ = '?';

        } else if (next - s <= last - p) {
            p = ngx_cpymem(p, s, next - s);

        } else {
            break;
        }

        s = next;
    }

    return p;
}


static uint32_t
ngx_http_oauth_clean_char(u_char **p, u_char *last)
{
    u_char    *start;
    uint32_t   c;

    start = *p;

    if (*start < 0x80) {
        (*p)++;
        return (*start < 0x20 || *start == 0x7f) ? '?' : *start;
    }

    c = ngx_utf8_decode(p, last - start);

    if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) {
        *p = start + 1;
        return '?';
    }

    if (c < 0xa0
        || (c >= 0x200e && c <= 0x200f)
        || (c >= 0x2028 && c <= 0x202e)
        || (c >= 0x2066 && c <= 0x2069)
        || c == 0xfeff)
    {
        return '?';
    }

    return c;
}


u_char *
ngx_http_oauth_ascii(u_char *p, ngx_str_t *text, size_t max, ngx_uint_t quote)
{
    u_char  *s, *end;

    s = text->data;
    end = s + ngx_min(text->len, max);

    for ( /* void */ ; s < end; s++) {

        if (*s >= 0x80) {

            /* one '?' a character, not one a byte */

            if (*s >= 0xc0) {
                *p++ = '?';
            }

        } else if (*s < 0x20 || *s == 0x7f) {
            *p++ = '?';

        } else if (*s != '"' && *s != '\\') {
            *p++ = *s;

        } else if (quote) {
            *p++ = (*s == '"') ? '\'' : '/';

        } else {
            *p++ = '\\';
            *p++ = *s;
        }
    }

    return p;
}
