
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * Processes that supersede, processes that judge from what they remember,
 * and a parent that kills the former at any moment: from the moment that a
 * newer connection is told of, nobody calls the older one's token active.
 *
 *     test_stale            some seconds, and that broken writers are found
 *     test_stale SECONDS    the right way only, and so long
 *
 * A slot has one live connection.  Its writer connects again and again, and
 * puts the number of the newest into "told" when ledger_apply() is back, as
 * the gateway releases an answer; after a kill the next writer looks what
 * the last one left durable, and tells that.  Judges read "told" first: all
 * tokens below it must be superseded, and the newest must be known.
 *
 * The linker puts ledger_versions_touch() and ledger_store_commit() of the
 * two functions here in front of the real ones, so that a writer can be
 * broken: it marks rows after the commit, or never.
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ledger_store.h"


#define WRITERS  2
#define JUDGES   2
#define SLOTS    32
#define T0       1700000000000ull

/* A broken writer that marks late sleeps so long before it does. */
#define LATE_US  300

/* A broken writer may take so many seconds more until it is found. */
#define PATIENCE  15

/* A writer is killed so long after it began, at most. */
#define LIFE_US  6000

#define MARKS    4096


typedef enum {
    RIGHT = 0,
    LATE,
    NEVER
} way_t;


typedef struct {
    _Atomic uint64_t  told[SLOTS];
    _Atomic uint64_t  judged;
    _Atomic uint64_t  recalled;
    _Atomic uint64_t  superseded;
    _Atomic uint64_t  stale;
    _Atomic uint64_t  lost;              /* told of, and unknown */
    _Atomic int       stop;
} shared_t;


void __real_ledger_versions_touch(ledger_versions_t *versions,
    unsigned bucket, uint64_t txn);
void __wrap_ledger_versions_touch(ledger_versions_t *versions,
    unsigned bucket, uint64_t txn);
ledger_rc_t __real_ledger_store_commit(ledger_view_t *view);
ledger_rc_t __wrap_ledger_store_commit(ledger_view_t *view);

static void fail(const char *what);
static void run(way_t how, double seconds);
static void report(way_t how, double seconds, unsigned kills);
static pid_t begin(void (*work)(unsigned), unsigned i);
static void writer(unsigned i);
static void write_next(ledger_t *ledger, unsigned slot, uint64_t number);
static unsigned known(ledger_t *ledger, unsigned slot, uint64_t number);
static void judge(unsigned i);
static void judge_one(ledger_t *ledger, unsigned slot, uint64_t number,
    uint64_t told);
static ledger_t *open_store(void);
static ledger_token_id_t token(unsigned slot, uint64_t number);
static unsigned chance(unsigned n);
static double now(void);
static void nap(unsigned us);


static shared_t  *shared;
static way_t      way;
static char       path[64];
static uint64_t   seed;
static unsigned   tests;
static unsigned   failures;

static struct {
    ledger_versions_t  *versions;
    uint64_t            txn;
    unsigned            bucket;
} marks[MARKS];

static unsigned   nmarks;


int
main(int argc, char **argv)
{
    char    file[96];
    size_t  i;

    static const char  *names[] = { "data.mdb", "lock.mdb", "versions.map" };

    shared = mmap(NULL, sizeof(shared_t), PROT_READ|PROT_WRITE,
                  MAP_SHARED|MAP_ANONYMOUS, -1, 0);

    strcpy(path, "/tmp/ledger.XXXXXX");

    if (shared == MAP_FAILED || mkdtemp(path) == NULL) {
        fail("setup");
    }

    if (argc > 1) {
        run(RIGHT, atof(argv[1]));

    } else {
        run(RIGHT, 3);
        run(LATE, 2);
        run(NEVER, 1);
        printf("1..%u\n", tests);
    }

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(file, sizeof(file), "%s/%s", path, names[i]);
        (void) unlink(file);
    }

    (void) rmdir(path);

    return failures ? 1 : 0;
}


static void
fail(const char *what)
{
    fprintf(stderr, "test_stale: %s: %s\n", what, strerror(errno));
    abort();
}


static void
run(way_t how, double seconds)
{
    int       status;
    pid_t     pid, writers[WRITERS], judges[JUDGES];
    double    end;
    unsigned  i, kills;

    memset(shared, 0, sizeof(shared_t));

    for (i = 0; i < SLOTS; i++) {
        /* each run has tokens and users of its own */
        atomic_store(&shared->told[i], (uint64_t) how << 40);
    }

    way = how;
    seed = (uint64_t) how + 1;
    kills = 0;

    for (i = 0; i < WRITERS; i++) {
        writers[i] = begin(writer, i);
    }

    for (i = 0; i < JUDGES; i++) {
        judges[i] = begin(judge, i);
    }

    end = now() + seconds;

    while (now() < end
           || (how != RIGHT && atomic_load(&shared->stale) == 0
               && now() < end + PATIENCE))
    {
        nap(chance(LIFE_US));

        i = chance(WRITERS);
        pid = writers[i];

        if (kill(pid, SIGKILL) == -1 || waitpid(pid, &status, 0) != pid) {
            fail("kill");
        }

        if (!WIFSIGNALED(status)) {
            fail("a writer gave up");
        }

        kills++;
        writers[i] = begin(writer, i);
    }

    atomic_store(&shared->stop, 1);

    for (i = 0; i < JUDGES; i++) {
        if (waitpid(judges[i], &status, 0) != judges[i] || status != 0) {
            fail("a judge gave up");
        }
    }

    for (i = 0; i < WRITERS; i++) {
        (void) kill(writers[i], SIGKILL);
        (void) waitpid(writers[i], &status, 0);
    }

    report(how, seconds, kills);
}


static void
report(way_t how, double seconds, unsigned kills)
{
    unsigned      good;
    uint64_t      judged, recalled, superseded, stale, lost;
    const char   *name;

    static const char  *names[] = {
        "no verdict is stale",
        "rows marked after the commit are found out",
        "rows that are not marked are found out"
    };

    judged = atomic_load(&shared->judged);
    recalled = atomic_load(&shared->recalled);
    superseded = atomic_load(&shared->superseded);
    stale = atomic_load(&shared->stale);
    lost = atomic_load(&shared->lost);

    /* and that it was a test: memory answered, writers wrote, some died */

    good = lost == 0 && kills > 3 * seconds && superseded > 10 * seconds
           && recalled > judged / 4 && judged > 1000 * seconds
           && (how == RIGHT ? stale == 0 : stale > 0);

    name = names[how];
    tests++;
    failures += !good;

    printf("%s %u - %s\n", good ? "ok" : "not ok", tests, name);
    printf("# %.0f s: %llu judged, %llu of them remembered; %llu stale, %llu "
           "lost; %llu supersessions, %u writers killed\n", seconds,
           (unsigned long long) judged, (unsigned long long) recalled,
           (unsigned long long) stale, (unsigned long long) lost,
           (unsigned long long) superseded, kills);
    fflush(stdout);
}


static pid_t
begin(void (*work)(unsigned), unsigned i)
{
    pid_t  pid;

    fflush(stdout);
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;

    pid = fork();

    if (pid == -1) {
        fail("fork");
    }

    if (pid == 0) {
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        work(i);
        _exit(0);
    }

    return pid;
}


static void
writer(unsigned i)
{
    unsigned   slot, any;
    uint64_t   newest[SLOTS];
    ledger_t  *ledger;

    ledger = open_store();

    for (any = 0; any < SLOTS / WRITERS; any++) {
        slot = any * WRITERS + i;
        newest[slot] = atomic_load(&shared->told[slot]);

        /* durable, but whoever did it could not tell */

        while (known(ledger, slot, newest[slot] + 1)) {
            atomic_store(&shared->told[slot], ++newest[slot]);
        }
    }

    for ( ;; ) {
        slot = chance(SLOTS / WRITERS) * WRITERS + i;

        write_next(ledger, slot, ++newest[slot]);
        atomic_store(&shared->told[slot], newest[slot]);
        atomic_fetch_add(&shared->superseded, 1);
    }
}


static void
write_next(ledger_t *ledger, unsigned slot, uint64_t number)
{
    char              user[16];
    ledger_limit_t   *limit;
    ledger_record_t   record;
    ledger_effects_t  effects;

    memset(&record, 0, sizeof(record));
    memset(&effects, 0, sizeof(effects));

    record.kind = LEDGER_EXCHANGE;
    record.u.exchange.provider = ledger_slice("p");
    record.u.exchange.client = ledger_slice("c");
    record.u.exchange.user.data = (unsigned char *) user;
    record.u.exchange.user.len = (size_t) snprintf(user, sizeof(user), "%u.%u",
                                                   (unsigned) way, slot);
    record.u.exchange.arrived_at = T0 + 10 * (number & 0xffffffffff);
    record.u.exchange.sent_at = record.u.exchange.arrived_at - 1;
    record.at = record.u.exchange.arrived_at;

    record.u.exchange.ntokens = 1;
    record.u.exchange.tokens[0].id = token(slot, number);
    record.u.exchange.tokens[0].kind = LEDGER_ACCESS;
    record.u.exchange.tokens[0].key = 7;

    record.u.exchange.nlimits = 1;
    limit = &record.u.exchange.limits[0];
    limit->n = 1;
    limit->nkeys = 1;
    limit->keys[0].kind = LEDGER_KEY_USER;

    if (ledger_apply(ledger, &record, 1, &effects) != LEDGER_OK) {
        fail("ledger_apply");
    }

    ledger_effects_free(&effects);
}


static unsigned
known(ledger_t *ledger, unsigned slot, uint64_t number)
{
    ledger_token_id_t          id;
    static ledger_judgement_t  judgement;

    id = token(slot, number);

    if (ledger_judge(ledger, &id, 1, T0, &judgement) != LEDGER_OK) {
        fail("ledger_judge");
    }

    return judgement.verdict != LEDGER_VERDICT_UNKNOWN;
}


/* A round asks for the newest of all slots, and for what was the newest. */

static void
judge(unsigned i)
{
    unsigned   slot;
    uint64_t   told, last[SLOTS];
    ledger_t  *ledger;

    seed += i;
    ledger = open_store();

    for (slot = 0; slot < SLOTS; slot++) {
        last[slot] = atomic_load(&shared->told[slot]);
    }

    while (!atomic_load(&shared->stop)) {

        slot = chance(SLOTS);
        told = atomic_load(&shared->told[slot]);

        if (told & 0xffffffff) {
            judge_one(ledger, slot, last[slot], told);
            judge_one(ledger, slot, told, told);
        }

        last[slot] = told;
    }
}


static void
judge_one(ledger_t *ledger, unsigned slot, uint64_t number, uint64_t told)
{
    ledger_rc_t           rc;
    ledger_slice_t        text;
    ledger_token_id_t     id;
    const ledger_look_t  *look;

    if ((number & 0xffffffff) == 0) {
        return;
    }

    id = token(slot, number);
    text.data = id.bytes;
    text.len = sizeof(id.bytes);

    rc = ledger_recall(ledger, text, T0, &look);

    if (rc == LEDGER_OK) {
        atomic_fetch_add(&shared->recalled, 1);

    } else if (ledger_look(ledger, text, &id, 1, T0, &look) != LEDGER_OK) {
        fail("ledger_look");
    }

    atomic_fetch_add(&shared->judged, 1);

    if (look->verdict == LEDGER_VERDICT_UNKNOWN) {
        atomic_fetch_add(&shared->lost, 1);

    } else if (number < told && look->verdict != LEDGER_VERDICT_SUPERSEDED) {
        atomic_fetch_add(&shared->stale, 1);
    }
}


static ledger_t *
open_store(void)
{
    unsigned          tries;
    uint32_t          key;
    ledger_t         *ledger;
    ledger_rc_t       rc;
    ledger_options_t  options;

    key = 7;
    memset(&options, 0, sizeof(options));

    options.path = path;
    options.max_size = (uint64_t) 8 << 30;
    options.keys = &key;
    options.nkeys = 1;
    options.create = 1;

    rc = LEDGER_BUSY;

    for (tries = 0; rc == LEDGER_BUSY && tries < 100; tries++) {
        rc = ledger_open(&ledger, &options);
    }

    if (rc != LEDGER_OK) {
        fail("ledger_open");
    }

    return ledger;
}


/* Spread over the buckets as names are. */

static ledger_token_id_t
token(unsigned slot, uint64_t number)
{
    uint64_t           hash;
    unsigned           i;
    ledger_token_id_t  id;

    hash = (number * SLOTS + slot + 1) * 0x9e3779b97f4a7c15;

    for (i = 0; i < 8; i++) {
        id.bytes[i] = (unsigned char) (hash >> (56 - 8 * i));
        id.bytes[8 + i] = (unsigned char) (number >> (56 - 8 * i));
    }

    return id;
}


void
__wrap_ledger_versions_touch(ledger_versions_t *versions, unsigned bucket,
    uint64_t txn)
{
    if (way == RIGHT) {
        __real_ledger_versions_touch(versions, bucket, txn);
        return;
    }

    if (way == NEVER || nmarks == MARKS) {
        return;
    }

    marks[nmarks].versions = versions;
    marks[nmarks].bucket = bucket;
    marks[nmarks].txn = txn;
    nmarks++;
}


ledger_rc_t
__wrap_ledger_store_commit(ledger_view_t *view)
{
    unsigned     i;
    ledger_rc_t  rc;

    rc = __real_ledger_store_commit(view);

    if (way == LATE) {
        nap(LATE_US);
    }

    for (i = 0; i < nmarks; i++) {
        __real_ledger_versions_touch(marks[i].versions, marks[i].bucket,
                                     marks[i].txn);
    }

    nmarks = 0;

    return rc;
}


static unsigned
chance(unsigned n)
{
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;

    return (unsigned) ((seed >> 33) % n);
}


static double
now(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}


static void
nap(unsigned us)
{
    struct timespec  ts;

    ts.tv_sec = 0;
    ts.tv_nsec = (long) us * 1000;

    (void) nanosleep(&ts, NULL);
}
