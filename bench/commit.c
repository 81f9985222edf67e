
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * How long one durable commit takes: no exchange can be recorded in less.
 *
 *     commit STORE KEYFILE N
 *
 * makes N commits, the smallest there are, and prints the median of their
 * times in microseconds.
 */

#define _GNU_SOURCE

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ledger.h"
#include "ledger_keyring.h"


/* What is timed stays in memory until the end. */
#define COMMIT_MAX  10000


static ledger_t *commit_open(const char *path, const char *key_file);
static double commit_now(void);
static int commit_compare(const void *one, const void *two);


int
main(int argc, char **argv)
{
    size_t     i, n;
    double     start;
    ledger_t  *ledger;

    static double  took[COMMIT_MAX];

    n = (argc == 4) ? (size_t) strtoul(argv[3], NULL, 10) : 0;

    if (n == 0 || n > COMMIT_MAX) {
        fprintf(stderr, "usage: commit STORE KEYFILE N\n");
        return 2;
    }

    ledger = commit_open(argv[1], argv[2]);

    for (i = 0; i < n; i++) {
        start = commit_now();

        if (ledger_probe(ledger) != LEDGER_OK) {
            fprintf(stderr, "commit: %s cannot be written\n", argv[1]);
            return 1;
        }

        took[i] = commit_now() - start;
    }

    ledger_close(ledger);

    qsort(took, n, sizeof(double), commit_compare);

    printf("%.0f\n", took[n / 2]);

    return 0;
}


static ledger_t *
commit_open(const char *path, const char *key_file)
{
    char               text[LEDGER_KEYS_MAX * 2 * LEDGER_KEY_TEXT];
    FILE              *file;
    unsigned           line;
    ledger_t          *ledger;
    ledger_slice_t     slice;
    ledger_options_t   options;
    ledger_keyring_t  *keys;

    file = fopen(key_file, "r");
    if (file == NULL) {
        perror(key_file);
        exit(1);
    }

    slice.data = (unsigned char *) text;
    slice.len = fread(text, 1, sizeof(text), file);
    fclose(file);

    if (ledger_keyring_parse(slice, &keys, &line) != LEDGER_OK) {
        fprintf(stderr, "commit: %s: no key file\n", key_file);
        exit(1);
    }

    memset(&options, 0, sizeof(options));

    options.path = path;
    options.max_size = (uint64_t) 64 << 30;
    options.keys = ledger_keyring_ids(keys, &options.nkeys);
    options.readers = 126;
    options.sync = 1;

    if (ledger_open(&ledger, &options) != LEDGER_OK) {
        fprintf(stderr, "commit: %s: no store\n", path);
        exit(1);
    }

    ledger_keyring_free(keys);

    return ledger;
}


static double
commit_now(void)
{
    struct timespec  now;

    clock_gettime(CLOCK_MONOTONIC, &now);

    return (double) now.tv_sec * 1e6 + (double) now.tv_nsec / 1e3;
}


static int
commit_compare(const void *one, const void *two)
{
    double  a, b;

    a = *(const double *) one;
    b = *(const double *) two;

    return (a > b) - (a < b);
}
