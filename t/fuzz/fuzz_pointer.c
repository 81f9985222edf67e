
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * Target: ledger_message_pointer(), _replace() and _is_secret().  The input
 * is a JSON Pointer and, behind a line feed, a message.  What the pointer
 * leads to is what jansson finds step by step; a member that was replaced
 * reads as it was given, the others as before; a name does not become less
 * of a secret by other spelling.
 */

#include "ledger_message.h"

#include "fuzz.h"


#define FUZZ_SIZE      4096
#define FUZZ_NAME_MAX  128


static void fuzz_pointer(ledger_slice_t pointer, const json_t *message);
static const json_t *fuzz_find(ledger_slice_t pointer, const json_t *value);
static const json_t *fuzz_step(const json_t *value, const char *token);
static int fuzz_unescape(ledger_slice_t *pointer, char *token);
static void fuzz_replace(ledger_slice_t name, json_t *message);
static void fuzz_secret(ledger_slice_t name);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t          *message;
    const uint8_t   *line;
    ledger_slice_t   pointer, text;

    line = size ? memchr(data, '\n', size) : NULL;

    if (line == NULL || size > FUZZ_SIZE) {
        return 0;
    }

    pointer = (ledger_slice_t) { data, (size_t) (line - data) };
    text = (ledger_slice_t) { line + 1, size - pointer.len - 1 };

    fuzz_secret(pointer);

    message = json_object();
    fuzz_must(message != NULL);

    if (ledger_message_json(text, 0, message) == LEDGER_OK) {
        fuzz_pointer(pointer, message);
        fuzz_replace(pointer, message);
    }

    json_decref(message);

    return 0;
}


static void
fuzz_pointer(ledger_slice_t pointer, const json_t *message)
{
    char             buf[LEDGER_SCALAR_MAX], number[64];
    ledger_rc_t      rc;
    const json_t    *found;
    ledger_slice_t   value;

    rc = ledger_message_pointer(message, pointer, buf, &value);

    if (!ledger_message_pointer_valid(pointer)) {
        fuzz_must(rc == LEDGER_MALFORMED);
        return;
    }

    found = fuzz_find(pointer, message);

    if (found == NULL || json_is_null(found)) {
        fuzz_must(rc == LEDGER_NOT_FOUND);
        return;
    }

    if (json_is_object(found) || json_is_array(found)) {
        fuzz_must(rc == LEDGER_MALFORMED);
        return;
    }

    fuzz_must(rc == LEDGER_OK);

    if (json_is_string(found)) {
        fuzz_must(value.len == json_string_length(found));
        fuzz_must(memcmp(value.data, json_string_value(found), value.len)
                  == 0);
        return;
    }

    fuzz_must((char *) value.data == buf && value.len < LEDGER_SCALAR_MAX);

    if (json_is_boolean(found)) {
        fuzz_must(fuzz_equal(value, json_is_true(found)
                                    ? ledger_slice("true")
                                    : ledger_slice("false")));
        return;
    }

    /* a number that is read again is the same */

    memcpy(number, value.data, value.len);
    number[value.len] = '\0';

    fuzz_must(json_is_integer(found)
              ? strtoll(number, NULL, 10) == json_integer_value(found)
              : strtod(number, NULL) == json_real_value(found));
}


static const json_t *
fuzz_find(ledger_slice_t pointer, const json_t *value)
{
    char  token[FUZZ_SIZE];

    while (pointer.len > 0 && value != NULL) {

        if (!fuzz_unescape(&pointer, token)) {
            return NULL;
        }

        value = fuzz_step(value, token);
    }

    return value;
}


static const json_t *
fuzz_step(const json_t *value, const char *token)
{
    char    digits[32];
    size_t  index;

    if (json_is_object(value)) {
        return json_object_get(value, token);
    }

    /* an index is a number in the only way to write it (RFC 6901, 4) */

    index = (size_t) strtoull(token, NULL, 10);
    (void) snprintf(digits, sizeof(digits), "%zu", index);

    return strcmp(digits, token) == 0 ? json_array_get(value, index) : NULL;
}


/* Takes one token; 0: no name of a message can be the same. */

static int
fuzz_unescape(ledger_slice_t *pointer, char *token)
{
    int     plain;
    size_t  i, n;

    n = 0;
    plain = 1;

    for (i = 1; i < pointer->len && pointer->data[i] != '/'; i++) {
        token[n] = (char) pointer->data[i];

        if (token[n] == '~') {
            token[n] = pointer->data[++i] == '0' ? '~' : '/';
        }

        plain &= token[n++] != '\0';
    }

    token[n] = '\0';
    pointer->data += i;
    pointer->len -= i;

    return plain;
}


static void
fuzz_replace(ledger_slice_t name, json_t *message)
{
    char             buf[LEDGER_SCALAR_MAX];
    json_t          *before;
    ledger_rc_t      rc;
    ledger_slice_t   value;

    before = json_copy(message);
    fuzz_must(before != NULL);

    rc = ledger_message_replace(message, name, name);

    fuzz_must(rc == LEDGER_OK || rc == LEDGER_MALFORMED);

    if (rc == LEDGER_OK) {
        fuzz_must(ledger_message_member(message, name, buf, &value)
                  == LEDGER_OK);
        fuzz_must(fuzz_equal(value, name));
        fuzz_must(json_object_update_existing(message, before) == 0);
        fuzz_must(json_object_update_missing(before, message) == 0);
    }

    /* but for that member, nothing has changed */

    fuzz_must(json_equal(before, message));

    json_decref(before);
}


static void
fuzz_secret(ledger_slice_t name)
{
    size_t          i, n;
    unsigned char  *other;

    other = malloc(2 * name.len + 1);
    fuzz_must(other != NULL);

    n = 0;

    for (i = 0; i < name.len; i++) {
        other[n] = name.data[i];

        if (other[n] >= 'a' && other[n] <= 'z') {
            other[n] = (unsigned char) (other[n] - 'a' + 'A');
        }

        n++;
        other[n++] = i % 2 ? '_' : '-';
    }

    /* what is too long to be looked at is a secret */

    fuzz_must(!ledger_message_is_secret(name)
              == !ledger_message_is_secret((ledger_slice_t) { other, n })
              || n > FUZZ_NAME_MAX);
    fuzz_must(!ledger_message_is_secret(name)
              || ledger_message_is_secret((ledger_slice_t) { other, n }));

    free(other);
}
