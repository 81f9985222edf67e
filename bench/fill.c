
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * Fills a store with connections, by the way that the gateway itself goes:
 * one record each, through ledger_apply().
 *
 *     fill STORE KEYFILE N [DAYS]
 *
 * makes STORE and KEYFILE if they are not there, and N connections as record.h
 * has them, in a new store numbered from 0, opened now or DAYS ago.  Every
 * sixteenth supersedes the one before it.  Commits are made durable at the end
 * only.
 */

#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "record.h"
#include "store.h"


#define FILL_BATCH  256


static void fill_make_keys(const char *path);
static uint64_t fill_begin(ledger_t *ledger, const char *path);
static ledger_ms_t fill_now(void);


int
main(int argc, char **argv)
{
    size_t             k, n;
    uint64_t           i, last;
    ledger_t          *ledger;
    ledger_ms_t        start, at;
    ledger_effects_t   effects;
    ledger_keyring_t  *keys;

    static bench_names_t     names[FILL_BATCH];
    static ledger_record_t  records[FILL_BATCH];

    if (argc < 4 || argc > 5 || (last = strtoull(argv[3], NULL, 10)) == 0) {
        fprintf(stderr, "usage: fill STORE KEYFILE N [DAYS]\n");
        return 2;
    }

    if (access(argv[2], F_OK) != 0) {
        fill_make_keys(argv[2]);
    }

    keys = bench_keys(argv[2]);
    ledger = bench_store(argv[1], keys, BENCH_CREATE);

    i = fill_begin(ledger, argv[1]);
    last += i;
    start = fill_now();
    at = start - (argc == 5 ? strtoull(argv[4], NULL, 10) : 0) * BENCH_DAY;

    memset(&effects, 0, sizeof(effects));

    while (i < last) {
        n = last - i < FILL_BATCH ? (size_t) (last - i) : FILL_BATCH;

        for (k = 0; k < n; k++) {
            bench_record(&records[k], &names[k], keys, i + k, at);
        }

        effects.n = 0;

        if (ledger_apply(ledger, records, n, &effects) != LEDGER_OK) {
            bench_fail("the store does not take it", argv[1]);
        }

        i += n;
    }

    ledger_effects_free(&effects);
    ledger_close(ledger);

    /* one durable commit on top of those that were not */

    ledger = bench_store(argv[1], keys, BENCH_SYNC);

    if (ledger_probe(ledger) != LEDGER_OK) {
        bench_fail("the store cannot be made durable", argv[1]);
    }

    ledger_close(ledger);
    ledger_keyring_free(keys);

    printf("%llu connections in %.1f s\n", (unsigned long long) last,
           (double) (fill_now() - start) / 1000);

    return 0;
}


static void
fill_make_keys(const char *path)
{
    int   fd;
    char  text[LEDGER_KEY_TEXT];

    fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0400);

    if (fd == -1 || ledger_keyring_generate(text) != LEDGER_OK
        || write(fd, text, sizeof(text)) != (ssize_t) sizeof(text)
        || close(fd) != 0)
    {
        bench_fail(strerror(errno), path);
    }
}


/* Numbers go on behind the newest connection's: none is there twice. */

static uint64_t
fill_begin(ledger_t *ledger, const char *path)
{
    uint64_t             begin;
    ledger_page_t        page;
    ledger_filter_t      all;
    ledger_connection_t  newest;

    begin = 0;

    memset(&all, 0, sizeof(all));
    memset(&page, 0, sizeof(page));

    if (ledger_list(ledger, &all, 0, 1, &page) != LEDGER_OK) {
        bench_fail("the store cannot be read", path);
    }

    if (page.n) {

        if (ledger_page_connection(&page, 0, &newest) != LEDGER_OK) {
            bench_fail("the store is damaged", path);
        }

        begin = newest.id;
    }

    ledger_page_free(&page);

    return begin;
}


static ledger_ms_t
fill_now(void)
{
    struct timespec  now;

    clock_gettime(CLOCK_REALTIME, &now);

    return (ledger_ms_t) now.tv_sec * 1000
           + (ledger_ms_t) now.tv_nsec / 1000000;
}
