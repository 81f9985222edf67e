
/*
 * Copyright (C) The OAuth gateway authors
 */

#define _GNU_SOURCE

#include "store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>


ledger_keyring_t *
bench_keys(const char *path)
{
    char               text[LEDGER_KEYS_MAX * 2 * LEDGER_KEY_TEXT];
    FILE              *file;
    unsigned           line;
    ledger_slice_t     slice;
    ledger_keyring_t  *keys;

    file = fopen(path, "r");
    if (file == NULL) {
        bench_fail(strerror(errno), path);
    }

    slice.data = (unsigned char *) text;
    slice.len = fread(text, 1, sizeof(text), file);
    fclose(file);

    if (ledger_keyring_parse(slice, &keys, &line) != LEDGER_OK) {
        bench_fail("no key file", path);
    }

    return keys;
}


ledger_t *
bench_store(const char *path, ledger_keyring_t *keys, unsigned how)
{
    ledger_t          *ledger;
    ledger_options_t   options;

    memset(&options, 0, sizeof(options));

    options.path = path;
    options.max_size = (uint64_t) 64 << 30;
    options.keys = ledger_keyring_ids(keys, &options.nkeys);
    options.readers = 126;
    options.create = (how & BENCH_CREATE) != 0;
    options.sync = (how & BENCH_SYNC) != 0;

    if (ledger_open(&ledger, &options) != LEDGER_OK) {
        bench_fail("no store", path);
    }

    return ledger;
}


void
bench_fail(const char *what, const char *path)
{
    fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, path,
            what);
    exit(1);
}


double
bench_now(void)
{
    struct timespec  now;

    clock_gettime(CLOCK_MONOTONIC, &now);

    return (double) now.tv_sec * 1e6 + (double) now.tv_nsec / 1e3;
}


int
bench_compare(const void *one, const void *two)
{
    double  a, b;

    a = *(const double *) one;
    b = *(const double *) two;

    return (a > b) - (a < b);
}
