
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * Target: ledger_message_json(), _member(), _pointer(), _write_json() and
 * _write_form().  What is accepted strictly is accepted loosely and means the
 * same, reads the same after it was written, and each of its members is found
 * by name and by pointer.
 */

#include "ledger_message.h"

#include "fuzz.h"


static void fuzz_strict(ledger_slice_t text, ledger_rc_t rc, json_t *message);
static void fuzz_members(json_t *message);
static size_t fuzz_pointer(const char *name, unsigned char *pointer,
    size_t size);
static void fuzz_round_trip(json_t *message);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char            *form;
    size_t           len;
    json_t          *message;
    ledger_rc_t      rc;
    ledger_slice_t   text;

    text = (ledger_slice_t) { data, size };
    message = json_object();

    rc = ledger_message_json(text, 0, message);

    fuzz_must(rc == LEDGER_OK || rc == LEDGER_MALFORMED
              || rc == LEDGER_LIMIT);
    fuzz_must(json_object_size(message) <= LEDGER_MEMBERS_MAX);

    fuzz_strict(text, rc, message);

    if (rc == LEDGER_OK) {
        fuzz_members(message);
        fuzz_round_trip(message);

        rc = ledger_message_write_form(message, &form, &len);
        fuzz_must(rc == LEDGER_OK || rc == LEDGER_MALFORMED);

        if (rc == LEDGER_OK) {
            free(form);
        }
    }

    json_decref(message);

    return 0;
}


static void
fuzz_strict(ledger_slice_t text, ledger_rc_t rc, json_t *message)
{
    json_t       *strict;
    ledger_rc_t   again;

    strict = json_object();
    again = ledger_message_json(text, 1, strict);

    if (again == LEDGER_OK) {
        fuzz_must(rc == LEDGER_OK);
        fuzz_must(json_equal(message, strict));

    } else {
        fuzz_must(json_object_size(strict) == 0);
    }

    json_decref(strict);
}


static void
fuzz_members(json_t *message)
{
    char             bufs[2][LEDGER_SCALAR_MAX];
    size_t           len;
    json_t          *value;
    ledger_rc_t      rc;
    const char      *name;
    ledger_slice_t   text, again;
    unsigned char    pointer[4096];

    json_object_foreach(message, name, value) {

        rc = ledger_message_member(message,
                                   (ledger_slice_t) {
                                       (const unsigned char *) name,
                                       strlen(name) },
                                   bufs[0], &text);

        fuzz_must((rc == LEDGER_NOT_FOUND) == json_is_null(value));
        fuzz_must((rc == LEDGER_MALFORMED)
                  == (json_is_array(value) || json_is_object(value)));

        if (rc == LEDGER_OK && !json_is_string(value)) {
            fuzz_must((char *) text.data == bufs[0]);
            fuzz_must(text.len > 0 && text.len < LEDGER_SCALAR_MAX);
        }

        len = fuzz_pointer(name, pointer, sizeof(pointer));

        if (len == 0) {
            continue;
        }

        fuzz_must(ledger_message_pointer(message,
                                         (ledger_slice_t) { pointer, len },
                                         bufs[1], &again)
                  == rc);
        fuzz_must(rc != LEDGER_OK || fuzz_equal(text, again));
    }
}


/* The pointer that leads to a member; 0: it is too long. */

static size_t
fuzz_pointer(const char *name, unsigned char *pointer, size_t size)
{
    size_t  n;

    n = 0;
    pointer[n++] = '/';

    for ( /* void */ ; *name != '\0'; name++) {

        if (size - n < 2) {
            return 0;
        }

        if (*name == '~' || *name == '/') {
            pointer[n++] = '~';
            pointer[n++] = *name == '~' ? '0' : '1';

        } else {
            pointer[n++] = (unsigned char) *name;
        }
    }

    return n;
}


static void
fuzz_round_trip(json_t *message)
{
    char    *text;
    size_t   len;
    json_t  *again;

    again = json_object();

    fuzz_must(ledger_message_write_json(message, &text, &len) == LEDGER_OK);
    fuzz_must(ledger_message_json(
                  (ledger_slice_t) { (unsigned char *) text, len }, 1, again)
              == LEDGER_OK);
    fuzz_must(json_equal(message, again));

    free(text);
    json_decref(again);
}
