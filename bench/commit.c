
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * How long one durable commit takes: no exchange can be recorded in less.
 *
 *     commit STORE KEYFILE N
 *
 * makes N pairs of commits, the smallest there are, and prints half of the
 * median of their times in microseconds.
 */

#define _GNU_SOURCE

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store.h"


/* What is timed stays in memory until the end. */
#define COMMIT_MAX  10000


int
main(int argc, char **argv)
{
    size_t             i, n;
    double             start;
    ledger_t          *ledger;
    ledger_keyring_t  *keys;

    static double  took[COMMIT_MAX];

    n = (argc == 4) ? (size_t) strtoul(argv[3], NULL, 10) : 0;

    if (n == 0 || n > COMMIT_MAX) {
        fprintf(stderr, "usage: commit STORE KEYFILE N\n");
        return 2;
    }

    keys = bench_keys(argv[2]);
    ledger = bench_store(argv[1], keys, BENCH_SYNC);
    ledger_keyring_free(keys);

    for (i = 0; i < n; i++) {
        start = bench_now();

        /* it makes two */

        if (ledger_probe(ledger) != LEDGER_OK) {
            bench_fail("it cannot be written", argv[1]);
        }

        took[i] = bench_now() - start;
    }

    ledger_close(ledger);

    qsort(took, n, sizeof(double), bench_compare);

    printf("%.0f\n", took[n / 2] / 2);

    return 0;
}
