
/*
 * Copyright (C) The OAuth gateway authors
 */

#include "ledger_message.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "ledger_decode.h"
#include "ledger_message_private.h"


/* A form is written twice: first without "text", to measure it. */

typedef struct {
    char            *text;
    size_t           len;
} ledger_message_writer_t;


static ledger_rc_t ledger_message_form_pairs(ledger_slice_t text,
    unsigned char *buf, json_t *empty, json_t *message, ledger_slice_t *name);
static ledger_slice_t ledger_message_cut(ledger_slice_t *text, char at);
static ledger_rc_t ledger_message_form_pair(ledger_slice_t name,
    ledger_slice_t value, unsigned char *buf, json_t *empty, json_t *message);
static ledger_rc_t ledger_message_form_text(ledger_slice_t text,
    unsigned char *buf, json_t **string);
static ledger_rc_t ledger_message_form_add(const char *name, json_t *value,
    json_t *empty, json_t *message);
static int ledger_message_may_repeat(const char *name);
static ledger_rc_t ledger_message_form_append(json_t *message,
    const char *name, json_t *value);
static ledger_rc_t ledger_message_put_members(ledger_message_writer_t *w,
    const json_t *message);
static ledger_rc_t ledger_message_put_member(ledger_message_writer_t *w,
    const char *name, const json_t *value);
static ledger_rc_t ledger_message_put_pair(ledger_message_writer_t *w,
    const char *name, const json_t *value);
static void ledger_message_put_text(ledger_message_writer_t *w,
    ledger_slice_t text);
static int ledger_message_is_unreserved(unsigned char c);
static void ledger_message_put(ledger_message_writer_t *w, char c);


ledger_rc_t
ledger_message_form(ledger_slice_t text, json_t *message,
    ledger_slice_t *name)
{
    json_t         *empty;
    ledger_rc_t     rc;
    unsigned char  *buf;

    rc = LEDGER_NOMEM;

    empty = json_object();
    buf = malloc(text.len + 1);

    if (empty != NULL && buf != NULL) {
        rc = ledger_message_form_pairs(text, buf, empty, message, name);
    }

    if (buf != NULL) {
        OPENSSL_cleanse(buf, text.len);
        free(buf);
    }

    json_decref(empty);

    return rc;
}


static ledger_rc_t
ledger_message_form_pairs(ledger_slice_t text, unsigned char *buf,
    json_t *empty, json_t *message, ledger_slice_t *name)
{
    size_t          n;
    ledger_rc_t     rc;
    ledger_slice_t  value, key;

    n = json_object_size(message);

    while (text.len > 0) {
        value = ledger_message_cut(&text, '&');

        if (value.len == 0) {
            continue;
        }

        if (++n > LEDGER_MEMBERS_MAX) {
            return LEDGER_LIMIT;
        }

        key = ledger_message_cut(&value, '=');

        rc = ledger_message_form_pair(key, value, buf, empty, message);

        if (rc == LEDGER_REPEATED && name != NULL) {
            *name = key;
        }

        if (rc != LEDGER_OK) {
            return rc;
        }
    }

    return LEDGER_OK;
}


/* Cuts off and returns what stands before "at", or all. */

static ledger_slice_t
ledger_message_cut(ledger_slice_t *text, char at)
{
    size_t                n;
    ledger_slice_t        part;
    const unsigned char  *p;

    part = *text;

    p = part.len > 0 ? memchr(part.data, at, part.len) : NULL;

    if (p == NULL) {
        text->data += part.len;
        text->len = 0;
        return part;
    }

    n = (size_t) (p - part.data);

    part.len = n;
    text->data += n + 1;
    text->len -= n + 1;

    return part;
}


static ledger_rc_t
ledger_message_form_pair(ledger_slice_t name, ledger_slice_t value,
    unsigned char *buf, json_t *empty, json_t *message)
{
    json_t       *key, *string;
    ledger_rc_t   rc;

    rc = ledger_message_form_text(name, buf, &key);
    if (rc != LEDGER_OK) {
        return rc;
    }

    rc = ledger_message_form_text(value, buf, &string);

    if (rc == LEDGER_OK) {
        rc = ledger_message_form_add(json_string_value(key), string, empty,
                                     message);
        json_decref(string);
    }

    json_decref(key);

    return rc;
}


static ledger_rc_t
ledger_message_form_text(ledger_slice_t text, unsigned char *buf,
    json_t **string)
{
    size_t       n;
    ledger_rc_t  rc;

    rc = ledger_decode_form(text, buf, &n);
    if (rc != LEDGER_OK) {
        return rc;
    }

    return ledger_message_string((ledger_slice_t) { buf, n }, string);
}


static ledger_rc_t
ledger_message_form_add(const char *name, json_t *value, json_t *empty,
    json_t *message)
{
    json_t  *object;

    object = json_string_length(value) > 0 ? message : empty;

    if (json_object_get(message, name) == NULL
        && json_object_get(empty, name) == NULL)
    {
        return ledger_message_set(object, name, value);
    }

    if (!ledger_message_may_repeat(name)) {
        return LEDGER_REPEATED;
    }

    return ledger_message_form_append(object, name, value);
}


static int
ledger_message_may_repeat(const char *name)
{
    return strcmp(name, "resource") == 0 || strcmp(name, "audience") == 0;
}


static ledger_rc_t
ledger_message_form_append(json_t *message, const char *name, json_t *value)
{
    json_t       *array, *first;
    ledger_rc_t   rc;

    first = json_object_get(message, name);

    if (first == NULL) {
        return ledger_message_set(message, name, value);
    }

    if (json_is_array(first)) {
        return json_array_append(first, value) == 0 ? LEDGER_OK
                                                    : LEDGER_NOMEM;
    }

    if (!json_is_string(first)) {
        return LEDGER_REPEATED;
    }

    array = json_array();

    if (array == NULL
        || json_array_append(array, first) == -1
        || json_array_append(array, value) == -1)
    {
        rc = LEDGER_NOMEM;

    } else {
        rc = ledger_message_set(message, name, array);
    }

    json_decref(array);

    return rc;
}


ledger_rc_t
ledger_message_write_form(const json_t *message, char **text, size_t *len)
{
    ledger_rc_t              rc;
    ledger_message_writer_t  w;

    w = (ledger_message_writer_t) { NULL, 0 };

    rc = ledger_message_put_members(&w, message);
    if (rc != LEDGER_OK) {
        return rc;
    }

    w.text = malloc(w.len + 1);
    if (w.text == NULL) {
        return LEDGER_NOMEM;
    }

    w.len = 0;
    (void) ledger_message_put_members(&w, message);

    *text = w.text;
    *len = w.len;

    return LEDGER_OK;
}


static ledger_rc_t
ledger_message_put_members(ledger_message_writer_t *w, const json_t *message)
{
    json_t       *value;
    ledger_rc_t   rc;
    const char   *name;

    json_object_foreach((json_t *) message, name, value) {

        rc = ledger_message_put_member(w, name, value);
        if (rc != LEDGER_OK) {
            return rc;
        }
    }

    return LEDGER_OK;
}


/* An array is its elements, one after the other under the same name. */

static ledger_rc_t
ledger_message_put_member(ledger_message_writer_t *w, const char *name,
    const json_t *value)
{
    size_t       i;
    ledger_rc_t  rc;

    if (!json_is_array(value)) {
        return ledger_message_put_pair(w, name, value);
    }

    for (i = 0; i < json_array_size(value); i++) {

        rc = ledger_message_put_pair(w, name, json_array_get(value, i));
        if (rc != LEDGER_OK) {
            return rc;
        }
    }

    return LEDGER_OK;
}


static ledger_rc_t
ledger_message_put_pair(ledger_message_writer_t *w, const char *name,
    const json_t *value)
{
    char            buf[LEDGER_SCALAR_MAX];
    ledger_rc_t     rc;
    ledger_slice_t  text;

    rc = ledger_message_scalar(value, buf, &text);

    if (rc == LEDGER_NOT_FOUND) {
        return LEDGER_OK;
    }

    if (rc != LEDGER_OK) {
        return rc;
    }

    if (w->len > 0) {
        ledger_message_put(w, '&');
    }

    ledger_message_put_text(w, (ledger_slice_t) {
                                   (const unsigned char *) name,
                                   strlen(name) });
    ledger_message_put(w, '=');
    ledger_message_put_text(w, text);

    return LEDGER_OK;
}


static void
ledger_message_put_text(ledger_message_writer_t *w, ledger_slice_t text)
{
    size_t         i;
    unsigned char  c;

    static const char  hex[] = "0123456789ABCDEF";

    for (i = 0; i < text.len; i++) {
        c = text.data[i];

        if (ledger_message_is_unreserved(c)) {
            ledger_message_put(w, (char) c);

        } else if (c == ' ') {
            ledger_message_put(w, '+');

        } else {
            ledger_message_put(w, '%');
            ledger_message_put(w, hex[c >> 4]);
            ledger_message_put(w, hex[c & 0xf]);
        }
    }
}


static int
ledger_message_is_unreserved(unsigned char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')
           || (c >= '0' && c <= '9')
           || c == '-' || c == '.' || c == '_' || c == '~';
}


static void
ledger_message_put(ledger_message_writer_t *w, char c)
{
    if (w->text != NULL) {
        w->text[w->len] = c;
    }

    w->len++;
}
