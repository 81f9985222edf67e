
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * How long a page of 100 connections takes by each filter of the API, in a
 * store that fill has made.
 *
 *     pages STORE KEYFILE
 *
 * prints for each filter how many calls the page took, and the median and
 * the worst of the times in microseconds, from random places in the list.
 */

#define _GNU_SOURCE

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store.h"


#define PAGES_ITEMS   100
#define PAGES_ROUNDS  51


typedef struct {
    const char       *name;
    ledger_filter_t   filter;
} pages_case_t;


static void pages_measure(ledger_t *ledger, const pages_case_t *one,
    uint64_t last);
static unsigned pages_read(ledger_t *ledger, const ledger_filter_t *filter,
    uint64_t before, size_t *items);


int
main(int argc, char **argv)
{
    size_t             i;
    uint64_t           last;
    ledger_t          *ledger;
    ledger_page_t      page;
    ledger_filter_t    all;
    ledger_keyring_t  *keys;

    static const pages_case_t  cases[] = {
        { "none", { .state = 0 } },
        { "provider", { .provider = ledger_slice("bench") } },
        { "user", { .user = ledger_slice("user-4711") } },
        { "tenant", { .tenant = ledger_slice("tenant-4711") } },
        { "client", { .client = ledger_slice("client-3") } },
        { "owner", { .owner = ledger_slice("owner-17") } },
        { "nobody", { .owner = ledger_slice("nobody") } },
        { "live", { .state = LEDGER_LIVE } },
        { "superseded", { .state = LEDGER_SUPERSEDED } },
        { "revoked", { .state = LEDGER_REVOKED } }
    };

    if (argc != 3) {
        fprintf(stderr, "usage: pages STORE KEYFILE\n");
        return 2;
    }

    keys = bench_keys(argv[2]);
    ledger = bench_store(argv[1], keys, BENCH_SYNC);
    ledger_keyring_free(keys);

    memset(&all, 0, sizeof(all));
    memset(&page, 0, sizeof(page));

    if (ledger_list(ledger, &all, 0, 1, &page) != LEDGER_OK || page.n == 0) {
        bench_fail("no connections", argv[1]);
    }

    last = page.rows[0].number;
    ledger_page_free(&page);

    printf("%-12s %6s %6s %10s %10s\n", "filter", "items", "calls",
           "median us", "worst us");

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        pages_measure(ledger, &cases[i], last);
    }

    ledger_close(ledger);

    return 0;
}


static void
pages_measure(ledger_t *ledger, const pages_case_t *one, uint64_t last)
{
    double    times[PAGES_ROUNDS], start;
    size_t    i, items;
    unsigned  calls;

    items = 0;
    calls = 0;

    for (i = 0; i < PAGES_ROUNDS; i++) {

        /* of the rare ones the first page is all there is */

        start = bench_now();
        calls = pages_read(ledger, &one->filter,
                           i % 2 ? last - last * i / PAGES_ROUNDS / 2 : 0,
                           &items);
        times[i] = bench_now() - start;
    }

    qsort(times, PAGES_ROUNDS, sizeof(double), bench_compare);

    printf("%-12s %6zu %6u %10.0f %10.0f\n", one->name, items, calls,
           times[PAGES_ROUNDS / 2], times[PAGES_ROUNDS - 1]);
}


/* As a client that asks for 100 and follows "next". */

static unsigned
pages_read(ledger_t *ledger, const ledger_filter_t *filter, uint64_t before,
    size_t *items)
{
    unsigned       calls;
    ledger_page_t  page;

    *items = 0;
    calls = 0;

    do {
        memset(&page, 0, sizeof(page));

        if (ledger_list(ledger, filter, before, PAGES_ITEMS - *items, &page)
            != LEDGER_OK)
        {
            fprintf(stderr, "pages: the store cannot be read\n");
            exit(1);
        }

        *items += page.n;
        before = page.next;
        calls++;

        ledger_page_free(&page);

    } while (*items < PAGES_ITEMS && before);

    return calls;
}
