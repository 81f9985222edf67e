
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * Target: ledger_scope_covers().  The input is two scopes, a line each.  What
 * is covered is what a search for each word between spaces finds; order,
 * repetition and further spaces do not matter.
 */

#include "ledger_connection.h"

#include "fuzz.h"


#define SCOPE_MAX  256


static unsigned fuzz_covers(const char *scope, const char *wanted);
static unsigned fuzz_has(const char *scope, const char *word, size_t len);
static void fuzz_itself(ledger_slice_t scope);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char             scope[SCOPE_MAX], wanted[SCOPE_MAX];
    unsigned         covers;
    const uint8_t   *line;
    ledger_slice_t   one, two;

    line = size ? memchr(data, '\n', size) : NULL;

    if (line == NULL || size >= SCOPE_MAX || memchr(data, '\0', size)) {
        return 0;
    }

    one = (ledger_slice_t) { data, (size_t) (line - data) };
    two = (ledger_slice_t) { line + 1, size - one.len - 1 };

    memcpy(scope, one.data, one.len);
    scope[one.len] = '\0';
    memcpy(wanted, two.data, two.len);
    wanted[two.len] = '\0';

    covers = ledger_scope_covers(one, two);

    fuzz_must(covers == fuzz_covers(scope, wanted));

    if (covers && ledger_scope_covers(two, one)) {
        /* the same words: so each stands for the other */
        fuzz_must(fuzz_covers(wanted, scope));
    }

    fuzz_itself(one);
    fuzz_itself(two);

    return 0;
}


static unsigned
fuzz_covers(const char *scope, const char *wanted)
{
    size_t  len;

    if (*scope == '\0' || *wanted == '\0') {
        return *scope == *wanted;
    }

    for ( /* void */ ; *wanted != '\0'; wanted += len) {
        wanted += strspn(wanted, " ");
        len = strcspn(wanted, " ");

        if (len && !fuzz_has(scope, wanted, len)) {
            return 0;
        }
    }

    return 1;
}


static unsigned
fuzz_has(const char *scope, const char *word, size_t len)
{
    const char  *p;

    for (p = scope; *p != '\0'; p++) {

        if (strncmp(p, word, len) == 0
            && (p == scope || p[-1] == ' ')
            && (p[len] == ' ' || p[len] == '\0'))
        {
            return 1;
        }
    }

    return 0;
}


/* A scope covers itself, and each of its beginnings up to a space. */

static void
fuzz_itself(ledger_slice_t scope)
{
    size_t  n;

    fuzz_must(ledger_scope_covers(scope, scope));

    for (n = 1; n < scope.len; n++) {

        if (scope.data[n] == ' ') {
            fuzz_must(ledger_scope_covers(scope, (ledger_slice_t) {
                                                     scope.data, n }));
        }
    }
}
