
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * Target: ledger_message_form(), ledger_message_write_form().  A form that is
 * accepted reads the same after it was written; a refused one names a part of
 * itself; the same text gives the same answer.
 */

#include "ledger_message.h"

#include "fuzz.h"


static void fuzz_again(ledger_slice_t text, ledger_rc_t rc, json_t *message);
static void fuzz_round_trip(json_t *message);
static size_t fuzz_texts(json_t *message);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t          *message;
    ledger_rc_t      rc;
    ledger_slice_t   text, name;

    text = (ledger_slice_t) { data, size };
    name = (ledger_slice_t) { NULL, 0 };
    message = json_object();

    rc = ledger_message_form(text, message, &name);

    fuzz_must(rc == LEDGER_OK || rc == LEDGER_MALFORMED
              || rc == LEDGER_REPEATED || rc == LEDGER_LIMIT);
    fuzz_must(fuzz_inside(name, text));
    fuzz_must(rc == LEDGER_REPEATED || name.len == 0);
    fuzz_must(fuzz_texts(message) <= LEDGER_MEMBERS_MAX);

    fuzz_again(text, rc, message);

    if (rc == LEDGER_OK) {
        fuzz_round_trip(message);
    }

    json_decref(message);

    return 0;
}


static void
fuzz_again(ledger_slice_t text, ledger_rc_t rc, json_t *message)
{
    json_t  *again;

    again = json_object();

    fuzz_must(ledger_message_form(text, again, NULL) == rc);
    fuzz_must(json_equal(message, again));

    json_decref(again);
}


static void
fuzz_round_trip(json_t *message)
{
    char    *text;
    size_t   len;
    json_t  *again;

    again = json_object();

    fuzz_must(ledger_message_write_form(message, &text, &len) == LEDGER_OK);
    fuzz_must(ledger_message_form(
                  (ledger_slice_t) { (unsigned char *) text, len }, again,
                  NULL)
              == LEDGER_OK);
    fuzz_must(json_equal(message, again));

    free(text);
    json_decref(again);
}


/* Counts the texts, and that there are only texts, none of them empty. */

static size_t
fuzz_texts(json_t *message)
{
    size_t       i, n;
    json_t      *value;
    const char  *name;

    n = 0;

    json_object_foreach(message, name, value) {

        if (json_is_string(value)) {
            fuzz_must(json_string_length(value) > 0);
            n++;
            continue;
        }

        fuzz_must(strcmp(name, "resource") == 0
                  || strcmp(name, "audience") == 0);
        fuzz_must(json_is_array(value) && json_array_size(value) >= 2);

        for (i = 0; i < json_array_size(value); i++) {
            fuzz_must(json_string_length(json_array_get(value, i)) > 0);
            n++;
        }
    }

    return n;
}
