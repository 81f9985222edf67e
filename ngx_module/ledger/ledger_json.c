
/*
 * Copyright (C) The OAuth gateway authors
 */

#include "ledger_json.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>


/* 2^63 has 19 digits: what is shorter fits into jansson's integers. */
#define LEDGER_JSON_LONG_INTEGER  19

/* jansson's buffer of a token grows to twice its length; it begins so. */
#define LEDGER_JSON_BUFFER        64


static ledger_slice_t ledger_json_without_mark(ledger_slice_t text);
static int ledger_json_is_too_deep(ledger_slice_t text);
static size_t ledger_json_string_end(ledger_slice_t text, size_t i);
static ledger_rc_t ledger_json_parse(const char *text, size_t len,
    size_t flags, json_t **root, enum json_error_code *code);
static size_t ledger_json_read(void *buffer, size_t size, void *data);
static void *ledger_json_malloc(size_t size);
static ledger_rc_t ledger_json_parse_quoted(ledger_slice_t text,
    size_t flags, json_t **root);
static size_t ledger_json_quote(ledger_slice_t text, char *out);
static size_t ledger_json_number_end(ledger_slice_t text, size_t i);
static int ledger_json_is_long_integer(ledger_slice_t number);
static int ledger_json_is_name(ledger_slice_t text, size_t end);
static int ledger_json_is_digit(unsigned char c);


/*
 * What allocates for jansson, whether that has failed, and what jansson gets
 * in the place of the first that failed.
 */

static _Thread_local json_malloc_t  ledger_json_allocate;
static _Thread_local int            ledger_json_starved;
static _Thread_local void          *ledger_json_reserve;
static _Thread_local size_t         ledger_json_reserved;


ledger_rc_t
ledger_json_load(ledger_slice_t text, int strict, json_t **root)
{
    size_t                flags;
    ledger_rc_t           rc;
    enum json_error_code  code;

    text = ledger_json_without_mark(text);

    if (ledger_json_is_too_deep(text)) {
        return LEDGER_LIMIT;
    }

    flags = strict ? JSON_REJECT_DUPLICATES : 0;

    rc = ledger_json_parse((const char *) text.data, text.len, flags, root,
                           &code);

    if (rc == LEDGER_MALFORMED && code == json_error_numeric_overflow) {
        return ledger_json_parse_quoted(text, flags, root);
    }

    return rc;
}


static ledger_slice_t
ledger_json_without_mark(ledger_slice_t text)
{
    if (text.len >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0) {
        text.data += 3;
        text.len -= 3;
    }

    return text;
}


/* jansson's own bound is 2048 levels and cannot be set. */

static int
ledger_json_is_too_deep(ledger_slice_t text)
{
    size_t  i, depth;

    depth = 0;

    for (i = 0; i < text.len; i++) {

        switch (text.data[i]) {

        case '"':
            i = ledger_json_string_end(text, i) - 1;
            break;

        case '{':
        case '[':
            if (++depth > LEDGER_DEPTH_MAX) {
                return 1;
            }

            break;

        case '}':
        case ']':
            depth -= depth > 0;
            break;
        }
    }

    return 0;
}


/* The place behind the string that begins at "i", or behind the text. */

static size_t
ledger_json_string_end(ledger_slice_t text, size_t i)
{
    for (i++; i < text.len; i++) {

        if (text.data[i] == '\\') {
            i++;

        } else if (text.data[i] == '"') {
            return i + 1;
        }
    }

    return text.len;
}


static ledger_rc_t
ledger_json_parse(const char *text, size_t len, size_t flags, json_t **root,
    enum json_error_code *code)
{
    json_t         *value;
    json_free_t     release;
    json_error_t    error;
    json_malloc_t   allocate;
    ledger_slice_t  rest;

    /*
     * Without memory jansson's parser calls good text malformed, or loses
     * bytes of it and goes on: a token would be recorded that is none, and
     * a byte that ends a token is an assertion, or missed for ever.  So the
     * first time that there is none it gets the reserve, and the text ends.
     */

    json_get_alloc_funcs(&allocate, &release);

    ledger_json_allocate = allocate;
    ledger_json_starved = 0;

    rest.data = (const unsigned char *) text;
    rest.len = len;

    ledger_json_reserved = LEDGER_JSON_BUFFER + 2 * len;
    ledger_json_reserve = allocate(ledger_json_reserved);

    if (ledger_json_reserve == NULL) {
        *code = json_error_out_of_memory;
        return LEDGER_NOMEM;
    }

    json_set_alloc_funcs(ledger_json_malloc, release);

    value = json_load_callback(ledger_json_read, &rest, flags, &error);

    release(ledger_json_reserve);
    ledger_json_reserve = NULL;

    if (value == NULL || ledger_json_starved) {
        json_set_alloc_funcs(allocate, release);
        json_decref(value);

        *code = ledger_json_starved ? json_error_out_of_memory
                                    : json_error_code(&error);

        switch (*code) {
        case json_error_out_of_memory:
        case json_error_unknown:  /* no other failure leaves it unset */
            return LEDGER_NOMEM;
        case json_error_duplicate_key:
            return LEDGER_REPEATED;
        default:
            return LEDGER_MALFORMED;
        }
    }

    json_set_alloc_funcs(allocate, release);

    if (!json_is_object(value)) {
        *code = json_error_wrong_type;
        json_decref(value);
        return LEDGER_MALFORMED;
    }

    *root = value;

    return LEDGER_OK;
}


/* A byte at a time: what jansson was given, it reads. */

static size_t
ledger_json_read(void *buffer, size_t size, void *data)
{
    ledger_slice_t *rest = data;

    if (ledger_json_starved || rest->len == 0 || size == 0) {
        return 0;
    }

    *(unsigned char *) buffer = *rest->data++;
    rest->len--;

    return 1;
}


static void *
ledger_json_malloc(size_t size)
{
    void  *p;

    p = ledger_json_allocate(size);

    if (p == NULL) {
        ledger_json_starved = 1;

        if (size <= ledger_json_reserved) {
            p = ledger_json_reserve;
            ledger_json_reserve = NULL;
        }
    }

    return p;
}


static ledger_rc_t
ledger_json_parse_quoted(ledger_slice_t text, size_t flags, json_t **root)
{
    char                  *copy;
    size_t                 len, size;
    ledger_rc_t            rc;
    enum json_error_code   code;

    /* two quotes for each LEDGER_JSON_LONG_INTEGER bytes, at most */

    size = text.len + text.len / LEDGER_JSON_LONG_INTEGER * 2;

    copy = malloc(size);
    if (copy == NULL) {
        return LEDGER_NOMEM;
    }

    len = ledger_json_quote(text, copy);

    rc = ledger_json_parse(copy, len, flags, root, &code);

    OPENSSL_cleanse(copy, size);
    free(copy);

    return rc;
}


/* Copies "text" with quotes around its long integers. */

static size_t
ledger_json_quote(ledger_slice_t text, char *out)
{
    int              quoted;
    size_t           i, end, n;
    ledger_slice_t   part;

    n = 0;

    for (i = 0; i < text.len; i = end) {
        quoted = 0;

        if (text.data[i] == '"') {
            end = ledger_json_string_end(text, i);

        } else {
            end = ledger_json_number_end(text, i);
            part = (ledger_slice_t) { text.data + i, end - i };

            quoted = ledger_json_is_long_integer(part)
                     && !ledger_json_is_name(text, end);
        }

        if (end == i) {
            end++;
        }

        if (quoted) {
            out[n++] = '"';
        }

        memcpy(out + n, text.data + i, end - i);
        n += end - i;

        if (quoted) {
            out[n++] = '"';
        }
    }

    return n;
}


static size_t
ledger_json_number_end(ledger_slice_t text, size_t i)
{
    for ( /* void */ ; i < text.len; i++) {

        switch (text.data[i]) {

        case '+':
        case '-':
        case '.':
        case 'E':
        case 'e':
            continue;
        }

        if (!ledger_json_is_digit(text.data[i])) {
            break;
        }
    }

    return i;
}


static int
ledger_json_is_long_integer(ledger_slice_t number)
{
    size_t  i;

    i = number.len > 0 && number.data[0] == '-';

    if (number.len - i < LEDGER_JSON_LONG_INTEGER || number.data[i] == '0') {
        return 0;
    }

    while (i < number.len && ledger_json_is_digit(number.data[i])) {
        i++;
    }

    return i == number.len;
}


/* A number is no name: quotes must not make JSON of what is none. */

static int
ledger_json_is_name(ledger_slice_t text, size_t end)
{
    while (end < text.len && memchr(" \t\r\n", text.data[end], 4) != NULL) {
        end++;
    }

    return end < text.len && text.data[end] == ':';
}


static int
ledger_json_is_digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}
