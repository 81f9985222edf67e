
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * Fills a store with connections, by the way that the gateway itself goes:
 * one record each, through ledger_apply().
 *
 *     fill STORE KEYFILE N
 *
 * makes STORE and KEYFILE if they are not there, and N connections of
 * provider "bench".  In a new store they are numbered from 0: connection i
 * belongs to "user-i", "tenant-(i / 4)", "owner-(i % 64)" and one of 8
 * clients, under "limit 1 per user client", and has the tokens "at-fill-i"
 * and "rt-fill-i".  Every sixteenth supersedes the one before it.  Commits
 * are made durable at the end only.
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

#include "store.h"


#define FILL_BATCH    256
#define FILL_OWNERS   64
#define FILL_CLIENTS  8
#define FILL_TENANT   4
#define FILL_SECOND   16
#define FILL_APART    1000
#define FILL_DAY      ((uint64_t) 86400 * 1000)


/* The texts of one record, which point into it. */

typedef struct {
    char  user[32];
    char  tenant[32];
    char  owner[32];
    char  client[32];
} fill_names_t;


static void fill_fail(const char *what);
static void fill_make_keys(const char *path);
static uint64_t fill_begin(ledger_t *ledger);
static void fill_record(ledger_record_t *record, fill_names_t *names,
    ledger_keyring_t *keys, uint64_t i, ledger_ms_t at);
static void fill_token(ledger_exchange_t *x, ledger_keyring_t *keys,
    const char *kind, uint64_t i);
static ledger_slice_t fill_text(const char *text);
static ledger_ms_t fill_now(void);


int
main(int argc, char **argv)
{
    size_t             k, n;
    uint64_t           i, last;
    ledger_t          *ledger;
    ledger_ms_t        start;
    ledger_effects_t   effects;
    ledger_keyring_t  *keys;

    static fill_names_t     names[FILL_BATCH];
    static ledger_record_t  records[FILL_BATCH];

    if (argc != 4 || (last = strtoull(argv[3], NULL, 10)) == 0) {
        fprintf(stderr, "usage: fill STORE KEYFILE N\n");
        return 2;
    }

    if (access(argv[2], F_OK) != 0) {
        fill_make_keys(argv[2]);
    }

    keys = bench_keys(argv[2]);
    ledger = bench_store(argv[1], keys, BENCH_CREATE);

    i = fill_begin(ledger);
    last += i;
    start = fill_now();

    memset(&effects, 0, sizeof(effects));

    while (i < last) {
        n = last - i < FILL_BATCH ? (size_t) (last - i) : FILL_BATCH;

        for (k = 0; k < n; k++) {
            fill_record(&records[k], &names[k], keys, i + k, start);
        }

        effects.n = 0;

        if (ledger_apply(ledger, records, n, &effects) != LEDGER_OK) {
            fill_fail("the store does not take it");
        }

        i += n;
    }

    ledger_effects_free(&effects);
    ledger_close(ledger);

    /* one durable commit on top of those that were not */

    ledger = bench_store(argv[1], keys, BENCH_SYNC);

    if (ledger_probe(ledger) != LEDGER_OK) {
        fill_fail("the store cannot be made durable");
    }

    ledger_close(ledger);
    ledger_keyring_free(keys);

    printf("%llu connections in %.1f s\n", (unsigned long long) last,
           (double) (fill_now() - start) / 1000);

    return 0;
}


static void
fill_fail(const char *what)
{
    fprintf(stderr, "fill: %s%s%s\n", what, errno ? ": " : "",
            errno ? strerror(errno) : "");
    exit(1);
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
        fill_fail(path);
    }
}


/* Numbers go on behind the newest connection's: none is there twice. */

static uint64_t
fill_begin(ledger_t *ledger)
{
    uint64_t             begin;
    ledger_page_t        page;
    ledger_filter_t      all;
    ledger_connection_t  newest;

    begin = 0;

    memset(&all, 0, sizeof(all));
    memset(&page, 0, sizeof(page));

    if (ledger_list(ledger, &all, 0, 1, &page) != LEDGER_OK) {
        fill_fail("the store cannot be read");
    }

    if (page.n) {

        if (ledger_page_connection(&page, 0, &newest) != LEDGER_OK) {
            fill_fail("the store is damaged");
        }

        begin = newest.id;
    }

    ledger_page_free(&page);

    return begin;
}


static void
fill_record(ledger_record_t *record, fill_names_t *names,
    ledger_keyring_t *keys, uint64_t i, ledger_ms_t at)
{
    uint64_t            user;
    ledger_ms_t         answered;
    ledger_limit_t     *limit;
    ledger_exchange_t  *x;

    memset(record, 0, sizeof(ledger_record_t));

    /* the second of two comes after the first, and not at the same time */

    user = i;
    answered = at - FILL_APART;

    if (i % FILL_SECOND == FILL_SECOND - 1) {
        user = i - 1;
        answered = at;
    }

    snprintf(names->user, sizeof(names->user), "user-%llu",
             (unsigned long long) user);
    snprintf(names->tenant, sizeof(names->tenant), "tenant-%llu",
             (unsigned long long) (i / FILL_TENANT));
    snprintf(names->owner, sizeof(names->owner), "owner-%llu",
             (unsigned long long) (i % FILL_OWNERS));
    snprintf(names->client, sizeof(names->client), "client-%llu",
             (unsigned long long) (user % FILL_CLIENTS));

    record->kind = LEDGER_EXCHANGE;
    record->at = at;

    x = &record->u.exchange;

    x->provider = fill_text("bench");
    x->user = fill_text(names->user);
    x->tenant = fill_text(names->tenant);
    x->owner = fill_text(names->owner);
    x->client = fill_text(names->client);
    x->grant = fill_text("authorization_code");
    x->scope = fill_text("api offline_access");
    x->address = fill_text("192.0.2.1");
    x->agent = fill_text("fill");
    x->sent_at = answered - 10;
    x->arrived_at = answered;
    x->issued_at = answered - 5;
    x->idle = 400 * FILL_DAY;

    fill_token(x, keys, "at", i);
    x->tokens[0].kind = LEDGER_ACCESS;
    x->tokens[0].expires_at = at + FILL_DAY;

    fill_token(x, keys, "rt", i);
    x->tokens[1].kind = LEDGER_REFRESH;

    limit = &x->limits[0];
    limit->n = 1;
    limit->nkeys = 2;
    limit->keys[0].kind = LEDGER_KEY_USER;
    limit->keys[1].kind = LEDGER_KEY_CLIENT;
    x->nlimits = 1;
}


static void
fill_token(ledger_exchange_t *x, ledger_keyring_t *keys, const char *kind,
    uint64_t i)
{
    char             text[64];
    uint32_t         n;
    ledger_token_t  *token;

    token = &x->tokens[x->ntokens++];
    token->key = ledger_keyring_ids(keys, &n)[0];

    snprintf(text, sizeof(text), "%s-fill-%llu", kind,
             (unsigned long long) i);

    if (ledger_keyring_name(keys, fill_text(text), &token->id) != LEDGER_OK) {
        fill_fail("a token cannot be named");
    }
}


static ledger_slice_t
fill_text(const char *text)
{
    return (ledger_slice_t) { (const unsigned char *) text, strlen(text) };
}


static ledger_ms_t
fill_now(void)
{
    struct timespec  now;

    clock_gettime(CLOCK_REALTIME, &now);

    return (ledger_ms_t) now.tv_sec * 1000
           + (ledger_ms_t) now.tv_nsec / 1000000;
}
