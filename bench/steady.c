
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * Whether a store grows under a steady load of refreshes.
 *
 *     steady STORE KEYFILE CONNECTIONS DAYS
 *
 * lets each connection rotate its tokens once an hour, with a retention of
 * STEADY_RETENTION days and the sweeps of a gateway that runs all the time,
 * and prints for each day the bytes that are in use, those of the file, and
 * the refreshes so far.  Time is an argument of the ledger: days pass in
 * seconds.  Leaves of the trees are less full after months than after days:
 * so much growth there is, and it ends.  In the last quarter neither may grow
 * by more than STEADY_MORE per cent: else the exit status is 1.
 */

#define _GNU_SOURCE

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "record.h"
#include "store.h"


#define STEADY_RETENTION  3
#define STEADY_MORE       1
#define STEADY_DAYS       (8 * STEADY_RETENTION)
#define STEADY_BATCH      64
#define STEADY_HOUR       ((uint64_t) 3600 * 1000)
#define STEADY_BEGIN      ((ledger_ms_t) 1700000000 * 1000)

/* rows of one sweep, as the gateway's own */
#define STEADY_ROWS       1000


typedef struct {
    ledger_t          *ledger;
    ledger_keyring_t  *keys;
    const char        *path;
    uint64_t           connections;
    uint64_t           refreshes;
} steady_t;


typedef struct {
    uint64_t  used;
    uint64_t  file;
} steady_size_t;


static void steady_hour(steady_t *s, uint64_t hour);
static void steady_record(steady_t *s, ledger_record_t *record,
    bench_names_t *names, uint64_t i, uint64_t hour);
static void steady_apply(steady_t *s, const ledger_record_t *records,
    size_t n);
static void steady_sweep(steady_t *s, ledger_ms_t now);
static steady_size_t steady_size(steady_t *s);


int
main(int argc, char **argv)
{
    int            grown;
    uint64_t       days, day, hour;
    steady_t       s;
    steady_size_t  size, late;

    memset(&s, 0, sizeof(s));
    memset(&late, 0, sizeof(late));

    if (argc != 5
        || (s.connections = strtoull(argv[3], NULL, 10)) == 0
        || (days = strtoull(argv[4], NULL, 10)) < STEADY_DAYS)
    {
        fprintf(stderr, "usage: steady STORE KEYFILE CONNECTIONS DAYS, %d "
                "or more\n", STEADY_DAYS);
        return 2;
    }

    s.path = argv[1];
    s.keys = bench_keys(argv[2]);
    s.ledger = bench_store(argv[1], s.keys, BENCH_CREATE);

    grown = 0;

    for (day = 1; day <= days; day++) {

        for (hour = (day - 1) * 24; hour < day * 24; hour++) {
            steady_hour(&s, hour);
        }

        size = steady_size(&s);

        if (day == days * 3 / 4) {
            late = size;
        }

        grown = late.used
                && (size.used * 100 > late.used * (100 + STEADY_MORE)
                    || size.file * 100 > late.file * (100 + STEADY_MORE));

        printf("%llu %llu %llu %llu%s\n", (unsigned long long) day,
               (unsigned long long) size.used,
               (unsigned long long) size.file,
               (unsigned long long) s.refreshes, grown ? " has grown" : "");
    }

    ledger_close(s.ledger);
    ledger_keyring_free(s.keys);

    return grown;
}


/* In the first hour they are opened, in each other one refreshed. */

static void
steady_hour(steady_t *s, uint64_t hour)
{
    size_t    n;
    uint64_t  i;

    static bench_names_t    names[STEADY_BATCH];
    static ledger_record_t  records[STEADY_BATCH];

    n = 0;

    for (i = 0; i < s->connections; i++) {
        steady_record(s, &records[n], &names[n], i, hour);
        n++;

        if (n == STEADY_BATCH || i + 1 == s->connections) {
            steady_apply(s, records, n);
            n = 0;
        }
    }

    s->refreshes += hour ? s->connections : 0;

    steady_sweep(s, STEADY_BEGIN + hour * STEADY_HOUR);
}


static void
steady_record(steady_t *s, ledger_record_t *record, bench_names_t *names,
    uint64_t i, uint64_t hour)
{
    uint64_t            number;
    ledger_ms_t         at;
    ledger_exchange_t  *x;

    at = STEADY_BEGIN + hour * STEADY_HOUR;
    number = hour * s->connections + i;

    /* sixteen apart: each user has one connection */

    bench_record(record, names, s->keys, i * 16, at);

    x = &record->u.exchange;
    x->ntokens = 0;

    if (hour) {
        bench_token(x, s->keys, "rt", number - s->connections);
        x->presented = x->tokens[0].id;
        x->refresh = 1;
        x->ntokens = 0;
        x->grant = ledger_slice("refresh_token");
    }

    bench_token(x, s->keys, "at", number);
    x->tokens[0].kind = LEDGER_ACCESS;
    x->tokens[0].expires_at = at + 2 * STEADY_HOUR;

    bench_token(x, s->keys, "rt", number);
    x->tokens[1].kind = LEDGER_REFRESH;
    x->tokens[1].expires_at = 0;
}


static void
steady_apply(steady_t *s, const ledger_record_t *records, size_t n)
{
    ledger_effects_t  effects;

    memset(&effects, 0, sizeof(effects));

    if (ledger_apply(s->ledger, records, n, &effects) != LEDGER_OK) {
        bench_fail("the store does not take it", s->path);
    }

    ledger_effects_free(&effects);
}


static void
steady_sweep(steady_t *s, ledger_ms_t now)
{
    uint64_t         retention;
    ledger_rc_t      rc;
    ledger_record_t  record;

    retention = STEADY_RETENTION * BENCH_DAY;

    memset(&record, 0, sizeof(record));

    record.kind = LEDGER_SWEEP;
    record.at = now;
    record.u.sweep.retention = retention;
    record.u.sweep.max = STEADY_ROWS;

    for ( ;; ) {
        rc = ledger_due(s->ledger, now, retention);

        if (rc == LEDGER_NOT_FOUND) {
            return;
        }

        if (rc != LEDGER_OK) {
            bench_fail("the store cannot be read", s->path);
        }

        steady_apply(s, &record, 1);
    }
}


static steady_size_t
steady_size(steady_t *s)
{
    char           name[4096];
    uint64_t       max;
    struct stat    st;
    steady_size_t  size;

    snprintf(name, sizeof(name), "%s/data.mdb", s->path);

    if (ledger_size(s->ledger, &size.used, &max) != LEDGER_OK
        || stat(name, &st) != 0)
    {
        bench_fail(strerror(errno), name);
    }

    size.file = (uint64_t) st.st_size;

    return size;
}
