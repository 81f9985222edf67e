
/*
 * Copyright (C) The OAuth gateway authors
 */


#include "ngx_http_oauth_secret.h"
#include "ngx_http_oauth_ctx.h"

#include "ledger_json.h"


/*
 * 20 characters of base64url are 120 bits: no token that deserves the name
 * is shorter, while ids of Salesforce (18) and of most others are.
 */

#define NGX_HTTP_OAUTH_OPAQUE_MIN  20

#define NGX_HTTP_OAUTH_UUID_LEN    36


/* How far a walk through a message has come, one level each. */

typedef struct {
    json_t                  *node;
    void                    *iter;       /* of an object */
    size_t                   index;      /* of an array */
    unsigned                 secret:1;   /* all below has a secret's name */
} ngx_http_oauth_level_t;


static ngx_uint_t ngx_http_oauth_secret_opaque(ledger_slice_t value);
static ngx_uint_t ngx_http_oauth_secret_opaque_run(u_char *p, u_char *last);
static ngx_uint_t ngx_http_oauth_secret_address(u_char *p, u_char *last);
static ngx_uint_t ngx_http_oauth_secret_uuid(u_char *p, u_char *last);
static ngx_uint_t ngx_http_oauth_secret_known(ngx_http_oauth_ctx_t *ctx,
    ledger_slice_t value);
static ngx_uint_t ngx_http_oauth_secret_held(json_t *message,
    ledger_slice_t value);
static ngx_uint_t ngx_http_oauth_secret_within(ledger_slice_t value,
    const json_t *secret);


ngx_uint_t
ngx_http_oauth_secret_value(ngx_http_oauth_ctx_t *ctx, ledger_slice_t value)
{
    return ngx_http_oauth_secret_opaque(value)
           || ngx_http_oauth_secret_known(ctx, value);
}


ngx_uint_t
ngx_http_oauth_secret_pointer(ngx_str_t *pointer)
{
    u_char          *p, *last;
    ledger_slice_t   segment;

    p = pointer->data;
    last = p + pointer->len;

    while (p < last) {
        p++;
        segment.data = p;

        p = ngx_strlchr(p, last, '/');
        if (p == NULL) {
            p = last;
        }

        segment.len = p - segment.data;

        if (ledger_message_is_secret(segment)) {
            return 1;
        }
    }

    return 0;
}


/*
 * Whether a value looks like a token, under whatever name it stands: a run
 * of NGX_HTTP_OAUTH_OPAQUE_MIN characters of base64 or base64url that mixes
 * digits or capitals into letters.  Words, numbers, addresses, URLs and
 * UUIDs do not; the longer id of a user that does can still be read from
 * $oauth_user.
 */

static ngx_uint_t
ngx_http_oauth_secret_opaque(ledger_slice_t value)
{
    u_char      *p, *last, *run;
    ngx_uint_t   url;

    p = (u_char *) value.data;
    last = p + value.len;
    run = p;

    if (value.len < NGX_HTTP_OAUTH_OPAQUE_MIN
        || ngx_http_oauth_secret_address(p, last))
    {
        return 0;
    }

    url = (ngx_strlcasestrn(p, last, (u_char *) "://", 3 - 1) != NULL);

    for ( /* void */ ; p < last; p++) {

        if ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z')
            || (*p >= '0' && *p <= '9')
            || *p == '-' || *p == '_' || *p == '+' || *p == '='
            || (*p == '/' && !url))
        {
            continue;
        }

        if (ngx_http_oauth_secret_opaque_run(run, p)) {
            return 1;
        }

        run = p + 1;
    }

    return ngx_http_oauth_secret_opaque_run(run, last);
}


static ngx_uint_t
ngx_http_oauth_secret_opaque_run(u_char *p, u_char *last)
{
    ngx_uint_t  digits, lower, upper;

    if (last - p < NGX_HTTP_OAUTH_OPAQUE_MIN
        || ngx_http_oauth_secret_uuid(p, last))
    {
        return 0;
    }

    digits = 0;
    lower = 0;
    upper = 0;

    for ( /* void */ ; p < last; p++) {

        if (*p >= '0' && *p <= '9') {
            digits = 1;

        } else if (*p >= 'a' && *p <= 'z') {
            lower = 1;

        } else if (*p >= 'A' && *p <= 'Z') {
            upper = 1;
        }
    }

    return digits + lower + upper > 1;
}


/* One '@', and a name of a host behind it: no token has that form. */

static ngx_uint_t
ngx_http_oauth_secret_address(u_char *p, u_char *last)
{
    ngx_uint_t  dots;

    p = ngx_strlchr(p, last, '@');
    if (p == NULL) {
        return 0;
    }

    dots = 0;

    for (p++; p < last; p++) {

        if (*p == '.') {
            dots++;

        } else if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z')
                     || (*p >= '0' && *p <= '9') || *p == '-'))
        {
            return 0;
        }
    }

    return dots > 0;
}


static ngx_uint_t
ngx_http_oauth_secret_uuid(u_char *p, u_char *last)
{
    size_t  i;
    u_char  c;

    if (last - p != NGX_HTTP_OAUTH_UUID_LEN) {
        return 0;
    }

    for (i = 0; i < NGX_HTTP_OAUTH_UUID_LEN; i++) {

        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (p[i] != '-') {
                return 0;
            }

            continue;
        }

        c = p[i] | 0x20;

        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) {
            return 0;
        }
    }

    return 1;
}


/* Whether it is, or holds, a secret of one of the request's messages. */

static ngx_uint_t
ngx_http_oauth_secret_known(ngx_http_oauth_ctx_t *ctx, ledger_slice_t value)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_OAUTH_SOURCES; i++) {

        if (ctx->sources[i] != NULL
            && ngx_http_oauth_secret_held(ctx->sources[i], value))
        {
            return 1;
        }
    }

    return 0;
}


/*
 * The parser bounds a message's depth and its text its size, and so this
 * walk through all of it.
 */

static ngx_uint_t
ngx_http_oauth_secret_held(json_t *message, ledger_slice_t value)
{
    json_t                  *node;
    ngx_int_t                top;
    ngx_uint_t               secret;
    const char              *key;
    ledger_slice_t           name;
    ngx_http_oauth_level_t  *level, levels[LEDGER_DEPTH_MAX];

    top = 0;
    levels[0].node = message;
    levels[0].iter = json_object_iter(message);
    levels[0].index = 0;
    levels[0].secret = 0;

    while (top >= 0) {
        level = &levels[top];
        secret = level->secret;

        if (json_is_object(level->node)) {

            if (level->iter == NULL) {
                top--;
                continue;
            }

            key = json_object_iter_key(level->iter);
            node = json_object_iter_value(level->iter);
            level->iter = json_object_iter_next(level->node, level->iter);

            name.data = (u_char *) key;
            name.len = ngx_strlen(key);

            if (ledger_message_is_secret(name)) {
                secret = 1;
            }

        } else {

            node = json_array_get(level->node, level->index++);

            if (node == NULL) {
                top--;
                continue;
            }
        }

        if (json_is_string(node)) {

            if (secret && ngx_http_oauth_secret_within(value, node)) {
                return 1;
            }

            continue;
        }

        if (!json_is_object(node) && !json_is_array(node)) {
            continue;
        }

        if (++top == LEDGER_DEPTH_MAX) {
            return 1;
        }

        levels[top].node = node;
        levels[top].iter = json_object_iter(node);
        levels[top].index = 0;
        levels[top].secret = secret;
    }

    return 0;
}


/*
 * Equal, or a part of the value (a URL with a token in its query).  As a
 * part, a secret of a few characters would be found in everything.
 */

static ngx_uint_t
ngx_http_oauth_secret_within(ledger_slice_t value, const json_t *secret)
{
    size_t       len;
    const char  *text;

    len = json_string_length(secret);
    text = json_string_value(secret);

    if (len == 0 || len > value.len) {
        return 0;
    }

    if (len == value.len) {
        return ngx_memcmp(value.data, text, len) == 0;
    }

    return len >= 8 && memmem(value.data, value.len, text, len) != NULL;
}
