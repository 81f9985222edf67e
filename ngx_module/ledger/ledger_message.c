
/*
 * Copyright (C) The OAuth gateway authors
 */

#include "ledger_message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "ledger_decode.h"
#include "ledger_message_private.h"


/* RFC 6901 bounds no index; no answer holds a billion elements. */
#define LEDGER_MESSAGE_INDEX_DIGITS  9


static ledger_rc_t ledger_message_merge(json_t *message, json_t *root);
static ledger_rc_t ledger_message_jwt_load(ledger_slice_t token, int jose,
    json_t **object);
static ledger_rc_t ledger_message_jwt_parts(ledger_slice_t token, int jose,
    unsigned char *buf, size_t *len);
static int ledger_message_jwt_part(ledger_slice_t *token,
    ledger_slice_t *part);
static ledger_rc_t ledger_message_jwt_object(ledger_slice_t text, int strict,
    json_t **object);
static ledger_slice_t ledger_message_token(ledger_slice_t *pointer);
static const json_t *ledger_message_step(const json_t *value,
    ledger_slice_t token);
static const json_t *ledger_message_element(const json_t *array,
    ledger_slice_t token);
static int ledger_message_token_is(ledger_slice_t token, const char *name);
static int ledger_message_real(double real, char *buf);


/* A new JSON string of text that is UTF-8 without NUL. */

ledger_rc_t
ledger_message_string(ledger_slice_t text, json_t **string)
{
    const char  *p;

    p = text.len > 0 ? (const char *) text.data : "";

    if (memchr(p, '\0', text.len) != NULL) {
        return LEDGER_MALFORMED;
    }

    *string = json_stringn(p, text.len);

    if (*string != NULL) {
        return LEDGER_OK;
    }

    /* jansson tells bad UTF-8 and lack of memory by the same NULL */

    *string = json_stringn_nocheck(p, text.len);

    if (*string == NULL) {
        return LEDGER_NOMEM;
    }

    json_decref(*string);

    return LEDGER_MALFORMED;
}


/* "name" has been checked to be UTF-8: only memory can be missing. */

ledger_rc_t
ledger_message_set(json_t *message, const char *name, json_t *value)
{
    return json_object_set_nocheck(message, name, value) == 0 ? LEDGER_OK
                                                              : LEDGER_NOMEM;
}


ledger_rc_t
ledger_message_json(ledger_slice_t text, int strict, json_t *message)
{
    json_t       *root;
    ledger_rc_t   rc;

    rc = ledger_json_load(text, strict, &root);
    if (rc != LEDGER_OK) {
        return rc;
    }

    rc = ledger_message_merge(message, root);

    json_decref(root);

    return rc;
}


static ledger_rc_t
ledger_message_merge(json_t *message, json_t *root)
{
    json_t       *value;
    ledger_rc_t   rc;
    const char   *name;

    if (json_object_size(message) + json_object_size(root)
        > LEDGER_MEMBERS_MAX)
    {
        return LEDGER_LIMIT;
    }

    json_object_foreach(root, name, value) {

        if (json_object_get(message, name) != NULL) {
            return LEDGER_REPEATED;
        }

        rc = ledger_message_set(message, name, value);
        if (rc != LEDGER_OK) {
            return rc;
        }
    }

    return LEDGER_OK;
}


ledger_rc_t
ledger_message_jwt(ledger_slice_t token, json_t **claims)
{
    return ledger_message_jwt_load(token, 0, claims);
}


ledger_rc_t
ledger_message_jose(ledger_slice_t token, json_t **header)
{
    return ledger_message_jwt_load(token, 1, header);
}


static ledger_rc_t
ledger_message_jwt_load(ledger_slice_t token, int jose, json_t **object)
{
    size_t          len;
    ledger_rc_t     rc;
    unsigned char  *buf;

    if (token.len > LEDGER_TOKEN_TEXT_MAX) {
        return LEDGER_LIMIT;
    }

    buf = malloc(token.len + 1);
    if (buf == NULL) {
        return LEDGER_NOMEM;
    }

    rc = ledger_message_jwt_parts(token, jose, buf, &len);

    if (rc == LEDGER_OK) {
        rc = ledger_message_jwt_object((ledger_slice_t) { buf, len }, jose,
                                       object);
    }

    OPENSSL_cleanse(buf, token.len);
    free(buf);

    return rc;
}


/* Leaves the decoded first ("jose") or second part in "buf". */

static ledger_rc_t
ledger_message_jwt_parts(ledger_slice_t token, int jose, unsigned char *buf,
    size_t *len)
{
    ledger_slice_t  header, claims, signature;

    signature = token;

    /* the signature may be empty: "alg" is "none" */

    if (!ledger_message_jwt_part(&signature, &header)
        || !ledger_message_jwt_part(&signature, &claims)
        || ledger_decode_base64(jose ? claims : header, LEDGER_BASE64URL,
                                buf, len)
           != LEDGER_OK
        || ledger_decode_base64(signature, LEDGER_BASE64URL, buf, len)
           != LEDGER_OK)
    {
        return LEDGER_MALFORMED;
    }

    return ledger_decode_base64(jose ? header : claims, LEDGER_BASE64URL,
                                buf, len);
}


/* Cuts off a part that has something in it and a dot behind it. */

static int
ledger_message_jwt_part(ledger_slice_t *token, ledger_slice_t *part)
{
    size_t  n;

    for (n = 0; n < token->len && token->data[n] != '.'; n++) {
        /* void */
    }

    if (n == 0 || n == token->len) {
        return 0;
    }

    *part = (ledger_slice_t) { token->data, n };

    token->data += n + 1;
    token->len -= n + 1;

    return 1;
}


static ledger_rc_t
ledger_message_jwt_object(ledger_slice_t text, int strict, json_t **object)
{
    ledger_rc_t  rc;

    rc = ledger_json_load(text, strict, object);

    if (rc == LEDGER_OK && json_object_size(*object) > LEDGER_MEMBERS_MAX) {
        json_decref(*object);
        return LEDGER_LIMIT;
    }

    return rc;
}


ledger_rc_t
ledger_message_member(const json_t *message, ledger_slice_t name, char *buf,
    ledger_slice_t *value)
{
    json_t      *member;
    const char  *key;

    json_object_foreach((json_t *) message, key, member) {

        if (strlen(key) == name.len && memcmp(key, name.data, name.len) == 0) {
            return ledger_message_scalar(member, buf, value);
        }
    }

    return LEDGER_NOT_FOUND;
}


ledger_rc_t
ledger_message_pointer(const json_t *message, ledger_slice_t pointer,
    char *buf, ledger_slice_t *value)
{
    ledger_slice_t  token;

    if (!ledger_message_pointer_valid(pointer)) {
        return LEDGER_MALFORMED;
    }

    while (pointer.len > 0 && message != NULL) {
        token = ledger_message_token(&pointer);
        message = ledger_message_step(message, token);
    }

    if (message == NULL) {
        return LEDGER_NOT_FOUND;
    }

    return ledger_message_scalar(message, buf, value);
}


/* Cuts off a '/' and the reference token behind it. */

static ledger_slice_t
ledger_message_token(ledger_slice_t *pointer)
{
    size_t          n;
    ledger_slice_t  token;

    for (n = 1; n < pointer->len && pointer->data[n] != '/'; n++) {
        /* void */
    }

    token = (ledger_slice_t) { pointer->data + 1, n - 1 };

    pointer->data += n;
    pointer->len -= n;

    return token;
}


static const json_t *
ledger_message_step(const json_t *value, ledger_slice_t token)
{
    json_t      *member;
    const char  *name;

    if (json_is_array(value)) {
        return ledger_message_element(value, token);
    }

    /* of anything else than an object jansson iterates over nothing */

    json_object_foreach((json_t *) value, name, member) {
        if (ledger_message_token_is(token, name)) {
            return member;
        }
    }

    return NULL;
}


static const json_t *
ledger_message_element(const json_t *array, ledger_slice_t token)
{
    size_t  i, index;

    if (token.len == 0 || token.len > LEDGER_MESSAGE_INDEX_DIGITS
        || (token.data[0] == '0' && token.len > 1))
    {
        return NULL;
    }

    index = 0;

    for (i = 0; i < token.len; i++) {
        if (token.data[i] < '0' || token.data[i] > '9') {
            return NULL;
        }

        index = index * 10 + (size_t) (token.data[i] - '0');
    }

    return json_array_get(array, index);
}


/* "token" is escaped, "name" is not. */

static int
ledger_message_token_is(ledger_slice_t token, const char *name)
{
    size_t  i;
    char    c;

    for (i = 0; i < token.len; i++) {
        c = (char) token.data[i];

        if (c == '~') {
            i++;
            c = token.data[i] == '0' ? '~' : '/';
        }

        if (*name == '\0' || *name++ != c) {
            return 0;
        }
    }

    return *name == '\0';
}


int
ledger_message_pointer_valid(ledger_slice_t pointer)
{
    size_t  i;

    if (pointer.len == 0) {
        return 1;
    }

    if (pointer.data[0] != '/') {
        return 0;
    }

    for (i = 0; i < pointer.len; i++) {

        if (pointer.data[i] != '~') {
            continue;
        }

        i++;

        if (i == pointer.len
            || (pointer.data[i] != '0' && pointer.data[i] != '1'))
        {
            return 0;
        }
    }

    return 1;
}


ledger_rc_t
ledger_message_scalar(const json_t *value, char *buf, ledger_slice_t *text)
{
    int          n;
    const char  *p;

    p = buf;

    switch (json_typeof(value)) {

    case JSON_STRING:
        p = json_string_value(value);
        n = -1;
        break;

    case JSON_INTEGER:
        n = snprintf(buf, LEDGER_SCALAR_MAX, "%" JSON_INTEGER_FORMAT,
                     json_integer_value(value));
        break;

    case JSON_REAL:
        n = ledger_message_real(json_real_value(value), buf);
        break;

    case JSON_TRUE:
        n = snprintf(buf, LEDGER_SCALAR_MAX, "true");
        break;

    case JSON_FALSE:
        n = snprintf(buf, LEDGER_SCALAR_MAX, "false");
        break;

    case JSON_NULL:
        return LEDGER_NOT_FOUND;

    default:
        return LEDGER_MALFORMED;
    }

    text->data = (const unsigned char *) p;
    text->len = n < 0 ? json_string_length(value) : (size_t) n;

    return LEDGER_OK;
}


/* The shorter of two texts, if it means the same: 0.1, 3600. */

static int
ledger_message_real(double real, char *buf)
{
    int  n;

    n = snprintf(buf, LEDGER_SCALAR_MAX, "%.15g", real);

    if (strtod(buf, NULL) < real || strtod(buf, NULL) > real) {
        n = snprintf(buf, LEDGER_SCALAR_MAX, "%.17g", real);
    }

    return n;
}


ledger_rc_t
ledger_message_replace(json_t *message, ledger_slice_t name,
    ledger_slice_t value)
{
    json_t       *key, *string;
    ledger_rc_t   rc;

    rc = ledger_message_string(name, &key);
    if (rc != LEDGER_OK) {
        return rc;
    }

    rc = ledger_message_string(value, &string);

    if (rc == LEDGER_OK) {
        rc = ledger_message_set(message, json_string_value(key), string);
        json_decref(string);
    }

    json_decref(key);

    return rc;
}


ledger_rc_t
ledger_message_write_json(const json_t *message, char **text, size_t *len)
{
    char    *p;
    size_t   n;

    /* measured first: a buffer that grows leaves tokens behind on the heap */

    n = json_dumpb(message, NULL, 0, JSON_COMPACT);
    if (n == 0) {
        return LEDGER_NOMEM;
    }

    p = malloc(n);
    if (p == NULL) {
        return LEDGER_NOMEM;
    }

    if (json_dumpb(message, p, n, JSON_COMPACT) != n) {
        OPENSSL_cleanse(p, n);
        free(p);
        return LEDGER_NOMEM;
    }

    *text = p;
    *len = n;

    return LEDGER_OK;
}
