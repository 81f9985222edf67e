
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * Target: a token request or a revocation as it is read, ledger_message_form()
 * and ledger_message_json() one after the other.  The input is the query
 * string and, behind a line feed, the body: JSON if it begins with a brace
 * (as Intuit's clients revoke), else a form.  Both together are the members
 * of each; what stands in both is refused; "token" is the text that a plain
 * search and decoding of the raw input finds.
 */

#include "ledger_message.h"

#include "fuzz.h"


#define FUZZ_SIZE  4096


static ledger_rc_t fuzz_body(ledger_slice_t body, json_t *message);
static void fuzz_union(const json_t *message, const json_t *query,
    const json_t *body);
static void fuzz_token(const json_t *message, ledger_slice_t query,
    ledger_slice_t body);
static unsigned fuzz_search(ledger_slice_t text, char *found);
static const unsigned char *fuzz_decode(const unsigned char *p,
    const unsigned char *end, char stop, char *out);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t          *message, *parts[2];
    ledger_rc_t      rc, rcs[2];
    const uint8_t   *line;
    ledger_slice_t   query, body;

    line = size ? memchr(data, '\n', size) : NULL;

    if (line == NULL || size > FUZZ_SIZE) {
        return 0;
    }

    query = (ledger_slice_t) { data, (size_t) (line - data) };
    body = (ledger_slice_t) { line + 1, size - query.len - 1 };

    message = json_object();
    parts[0] = json_object();
    parts[1] = json_object();

    fuzz_must(message != NULL && parts[0] != NULL && parts[1] != NULL);

    rcs[0] = ledger_message_form(query, parts[0], NULL);
    rcs[1] = fuzz_body(body, parts[1]);
    rc = ledger_message_form(query, message, NULL);

    fuzz_must(rc == rcs[0]);

    if (rc == LEDGER_OK) {
        rc = fuzz_body(body, message);
    }

    if (rc == LEDGER_OK) {
        fuzz_must(rcs[1] == LEDGER_OK);
        fuzz_union(message, parts[0], parts[1]);
        fuzz_token(message, query, body);

    } else if (rcs[0] == LEDGER_OK && rcs[1] == LEDGER_OK) {
        fuzz_must(rc == LEDGER_REPEATED || rc == LEDGER_LIMIT);
    }

    json_decref(message);
    json_decref(parts[0]);
    json_decref(parts[1]);

    return 0;
}


static ledger_rc_t
fuzz_body(ledger_slice_t body, json_t *message)
{
    if (body.len == 0) {
        return LEDGER_OK;
    }

    return body.data[0] == '{' ? ledger_message_json(body, 1, message)
                               : ledger_message_form(body, message, NULL);
}


static void
fuzz_union(const json_t *message, const json_t *query, const json_t *body)
{
    size_t       shared;
    json_t      *value, *other;
    const char  *name;

    shared = 0;

    json_object_foreach((json_t *) query, name, value) {

        other = json_object_get(body, name);

        if (other) {
            fuzz_must(strcmp(name, "resource") == 0
                      || strcmp(name, "audience") == 0);
            fuzz_must(json_is_array(json_object_get(message, name)));
            shared++;
            continue;
        }

        fuzz_must(json_equal(json_object_get(message, name), value));
    }

    json_object_foreach((json_t *) body, name, value) {
        fuzz_must(json_object_get(query, name)
                  || json_equal(json_object_get(message, name), value));
    }

    fuzz_must(json_object_size(message) + shared
              == json_object_size(query) + json_object_size(body));
    fuzz_must(json_object_size(message) <= LEDGER_MEMBERS_MAX);
}


/* What a form says in JSON is another target's: "json", "pointer". */

static void
fuzz_token(const json_t *message, ledger_slice_t query, ledger_slice_t body)
{
    char             buf[LEDGER_SCALAR_MAX], found[FUZZ_SIZE + 1];
    unsigned         n;
    ledger_rc_t      rc;
    ledger_slice_t   value;

    if (body.len && body.data[0] == '{') {
        return;
    }

    found[0] = '\0';

    n = fuzz_search(query, found) + fuzz_search(body, found);
    rc = ledger_message_member(message, ledger_slice("token"), buf, &value);

    fuzz_must(n <= 1);
    fuzz_must(rc == (n ? LEDGER_OK : LEDGER_NOT_FOUND));
    fuzz_must(n == 0 || (value.len == strlen(found)
                         && memcmp(value.data, found, value.len) == 0));
}


/* How many members "token" have a text; the last of them is in "found". */

static unsigned
fuzz_search(ledger_slice_t text, char *found)
{
    char                  name[FUZZ_SIZE + 1], value[FUZZ_SIZE + 1];
    unsigned              n;
    const unsigned char  *p, *end;

    n = 0;
    p = text.data;
    end = p + text.len;

    while (p < end) {
        p = fuzz_decode(p, end, '=', name);
        value[0] = '\0';

        if (p < end && *p == '=') {
            p = fuzz_decode(p + 1, end, '&', value);
        }

        if (strcmp(name, "token") == 0 && value[0] != '\0') {
            strcpy(found, value);
            n++;
        }

        p++;
    }

    return n;
}


/* Of a form that was accepted: escapes are whole, and none is of a NUL. */

static const unsigned char *
fuzz_decode(const unsigned char *p, const unsigned char *end, char stop,
    char *out)
{
    char  digits[3] = "";

    for ( /* void */ ; p < end && *p != '&' && *p != (unsigned char) stop;
         p++)
    {
        if (*p == '%') {
            digits[0] = (char) p[1];
            digits[1] = (char) p[2];
            *out++ = (char) strtoul(digits, NULL, 16);
            p += 2;
            continue;
        }

        *out++ = *p == '+' ? ' ' : (char) *p;
    }

    *out = '\0';

    return p;
}
