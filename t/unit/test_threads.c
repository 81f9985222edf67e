
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * What runs side by side in a gateway: in each worker the look-ups of one
 * thread beside the commits of another, and several workers beside each
 * other.  Every answer that a look-up gets must be one that a commit left.
 * Under ThreadSanitizer the same tests find what is shared and unguarded.
 *
 *   test_threads [COMMITS [WORKERS]]
 */

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "story.h"


#define T0           SCENE_NOW
#define NAME_SIZE    17
#define BATCH        4
#define USERS        8
#define GROW_ROUNDS  30
#define GROW_ROWS    60
#define GROWN        (1u << 28)


/* Fails in a thread, and in a child, as it does in the program itself. */
#define must(condition)                                                       \
    ((condition) ? (void) 0 : fail_now(#condition, __LINE__))


/* One worker: its own handle of the store, and who it is. */

typedef struct {
    ledger_t          *ledger;
    unsigned           worker;
    atomic_uint        acknowledged;     /* batches, as the thread was told */
    atomic_uint        failed;
    ledger_effects_t   effects;
    unsigned           verdicts[USERS];  /* of the look-ups, the last */
    unsigned           looked;
} worker_t;


static unsigned  commits = 600;
static unsigned  workers = 3;


static void
fail_now(const char *condition, int line)
{
    fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, line, condition);
    abort();
}


/* A token that a user of a worker got in a batch. */

static const char *
name(char *buf, char kind, unsigned worker, unsigned user, unsigned batch)
{
    snprintf(buf, NAME_SIZE, "%c%x.%x.%x", kind, worker, user, batch);

    return buf;
}


static ledger_record_t
connects(char names[3][NAME_SIZE], unsigned worker, unsigned user,
    unsigned batch)
{
    snprintf(names[0], NAME_SIZE, "u%u.%u", worker, user);

    return scene_connect("o", names[0],
                         name(names[1], 'a', worker, user, batch),
                         name(names[2], 'r', worker, user, batch), T0 + batch);
}


/*
 * Batch after batch: a new connection of a user, which supersedes the one
 * before, a refresh of it, and what else a worker tells.
 */

static void *
write_all(void *data)
{
    char              names[3][NAME_SIZE], more[2][NAME_SIZE];
    unsigned          i, user;
    worker_t         *w = data;
    ledger_record_t   records[BATCH];

    for (i = 1; i <= commits; i++) {
        user = i % USERS;

        records[0] = connects(names, w->worker, user, i);
        records[1] = scene_refresh(names[2],
                                   name(more[0], 'b', w->worker, user, i),
                                   name(more[1], 's', w->worker, user, i),
                                   T0 + i);
        scene_keep(&records[1], "an answer", 1, T0 + SCENE_HOUR);
        scene_lend(&records[1], "two tokens", 2);
        records[2] = scene_refusal(name(names[1], 'x', w->worker, user, i),
                                   T0 + i);
        records[3] = scene_sweep(T0 + i, i % 50 ? SCENE_DAY : 0, 8);

        w->effects.n = 0;

        if (ledger_apply(w->ledger, records, BATCH, &w->effects)
            != LEDGER_OK)
        {
            atomic_fetch_add(&w->failed, 1);
        }

        atomic_store(&w->acknowledged, i);
    }

    return NULL;
}


/* What a guard does, which remembers; "j" was judged before. */

static void
look_up_remembered(worker_t *w, const ledger_token_id_t *id, ledger_ms_t now,
    const ledger_judgement_t *j)
{
    unsigned              i;
    ledger_slice_t        text;
    const ledger_look_t  *look;

    text = (ledger_slice_t) { id->bytes, sizeof(id->bytes) };

    for (i = 0; i < 2; i++) {

        if (ledger_recall(w->ledger, text, now, &look) != LEDGER_OK) {
            must(ledger_look(w->ledger, text, id, 1, now, &look)
                 == LEDGER_OK);
        }

        /* it may know more by now, but never less */

        must(look->verdict == LEDGER_VERDICT_UNKNOWN
             || look->verdict == LEDGER_VERDICT_SUPERSEDED
             || look->verdict == j->verdict);
        must(j->verdict != LEDGER_VERDICT_UNKNOWN
             || look->verdict == LEDGER_VERDICT_UNKNOWN);
    }
}


/* What was acknowledged is there, and what was superseded stays so. */

static void
look_up_token(worker_t *w, unsigned i)
{
    char                       buf[NAME_SIZE];
    unsigned                   user;
    ledger_token_id_t          id;
    static ledger_judgement_t  j;

    user = i % USERS;
    id = scene_token(name(buf, 's', w->worker, user, i));

    must(ledger_judge(w->ledger, &id, 1, T0 + i, &j) == LEDGER_OK);
    look_up_remembered(w, &id, T0 + i, &j);

    /* a later batch ends it, and then a sweep may take it away */

    if (j.verdict == LEDGER_VERDICT_UNKNOWN) {
        must(i + USERS <= commits);
        return;
    }

    must(j.verdict == LEDGER_VERDICT_ACTIVE
         || j.verdict == LEDGER_VERDICT_SUPERSEDED);
    must(j.connection.refresh.bytes[0] == 's');

    if (w->verdicts[user] == i) {
        /* it was seen superseded */
        must(j.verdict == LEDGER_VERDICT_SUPERSEDED);
    }

    if (j.verdict == LEDGER_VERDICT_SUPERSEDED) {
        w->verdicts[user] = i;
        must(i + USERS <= commits);
        must(j.connection.superseded_by > j.connection.id);
    }

    w->looked++;
}


static void
look_up_rest(worker_t *w, unsigned i)
{
    char                        buf[NAME_SIZE];
    size_t                      k;
    uint64_t                    used, max;
    ledger_rc_t                 rc;
    ledger_page_t               page;
    ledger_count_t              count;
    ledger_slot_t               slot;
    ledger_event_t              event;
    ledger_filter_t             filter;
    ledger_token_id_t           id;
    ledger_connection_t         c;
    static ledger_kept_t        kept;
    static ledger_lent_t        lent;

    id = scene_token(name(buf, 'r', w->worker, i % USERS, i));
    rc = ledger_kept(w->ledger, &id, LEDGER_KEPT_LATEST, T0 + i, &kept);
    must(rc == LEDGER_NOT_FOUND
         || (rc == LEDGER_OK && kept.sealed.len == 9));

    memset(&filter, 0, sizeof(filter));
    memset(&page, 0, sizeof(page));
    filter.state = LEDGER_LIVE;
    must(ledger_list(w->ledger, &filter, 0, 20, &page) == LEDGER_OK);

    for (k = 0; k < page.n; k++) {
        must(ledger_page_connection(&page, k, &c) == LEDGER_OK);
        must(c.state == LEDGER_LIVE);

        rc = ledger_slot(w->ledger, &c, 0, T0 + i, 3, SCENE_DAY, &slot);
        must(rc == LEDGER_OK);
        must(slot.held <= 1);

        rc = ledger_lender(w->ledger, c.id, LEDGER_BY_USER, T0 + i, &lent);
        must(rc == LEDGER_OK || rc == LEDGER_NOT_FOUND);
    }

    ledger_page_free(&page);
    memset(&page, 0, sizeof(page));
    must(ledger_history(w->ledger, 0, 20, &page) == LEDGER_OK);

    for (k = 0; k < page.n; k++) {
        must(ledger_page_event(&page, k, &event) == LEDGER_OK);
        must(event.number > 0);
    }

    ledger_page_free(&page);

    must(ledger_count(w->ledger, scene_text("p"), &count) == LEDGER_OK);
    must(count.full <= count.connections[LEDGER_LIVE]);
    must(ledger_size(w->ledger, &used, &max) == LEDGER_OK);
    must(used >= 1 && used <= max);
}


static void
work(worker_t *w)
{
    unsigned   i;
    pthread_t  thread;

    must(pthread_create(&thread, NULL, write_all, w) == 0);

    do {
        i = atomic_load(&w->acknowledged);

        if (i) {
            look_up_token(w, i);
            look_up_rest(w, i);
        }

    } while (i < commits);

    must(pthread_join(thread, NULL) == 0);
    must(atomic_load(&w->failed) == 0);
    must(w->looked > 0);

    ledger_effects_free(&w->effects);
}


/* A child of its own store handle, which ends with the status of "test". */

static pid_t
child(void (*test)(unsigned), unsigned number)
{
    pid_t  pid;

    pid = fork();
    must(pid != -1);

    if (pid == 0) {
        test(number);
        _exit(0);
    }

    return pid;
}


static void
join(pid_t pid)
{
    int  status;

    must(waitpid(pid, &status, 0) == pid);
    must(WIFEXITED(status));
    must(WEXITSTATUS(status) == 0);
}


static void
one_worker(unsigned number)
{
    worker_t  w;

    memset(&w, 0, sizeof(w));
    w.worker = number;
    scene_open(s);
    w.ledger = s->ledger;
    work(&w);
    scene_close(s);
}


static void
test_one_worker(void **state)
{
    (void) state;

    scene_close(s);
    one_worker(0);
    scene_open(s);
}


static void
test_several_workers(void **state)
{
    pid_t     pids[64];
    unsigned  i;

    (void) state;

    must(workers >= 1 && workers <= 64);

    /* never opened before a fork() */
    scene_close(s);

    for (i = 0; i < workers; i++) {
        pids[i] = child(one_worker, i + 1);
    }

    for (i = 0; i < workers; i++) {
        join(pids[i]);
    }

    scene_open(s);
}


/* Makes the store larger than those who have it open know. */

static void
grow(unsigned round)
{
    char              names[3][NAME_SIZE];
    unsigned          i;
    ledger_record_t   record;

    s->options.max_size = GROWN;
    scene_open(s);

    for (i = 1; i <= GROW_ROWS; i++) {
        record = connects(names, 100 + round, i, i);
        scene_apply(s, &record);
    }

    scene_close(s);
}


static void *
write_until(void *data)
{
    char              names[3][NAME_SIZE];
    unsigned          i;
    worker_t         *w = data;
    ledger_rc_t       rc;
    ledger_record_t   record;

    for (i = 1; atomic_load(&w->acknowledged) == 1; i++) {
        record = connects(names, w->worker, i % USERS, i);
        w->effects.n = 0;

        rc = ledger_apply(w->ledger, &record, 1, &w->effects);

        /* there is no room before the other one has made some */

        if (rc != LEDGER_OK && rc != LEDGER_FULL) {
            atomic_fetch_add(&w->failed, 1);
        }

        w->looked += rc == LEDGER_OK;
    }

    return NULL;
}


/*
 * Another process has more address space and fills it: look-ups and commits
 * of ours meet that at once, and the map moves under both.
 */

static void
test_map_moves(void **state)
{
    int        status;
    pid_t      pid;
    unsigned   round, reads;
    worker_t   w;
    pthread_t  thread;

    (void) state;

    memset(&w, 0, sizeof(w));
    w.worker = 1;
    reads = 0;

    scene_close(s);

    for (round = 0; round < GROW_ROUNDS; round++) {
        pid = child(grow, round);

        /* no more than what is in use: its first new page is too far */
        s->options.max_size = 1u << 20;
        scene_open(s);
        w.ledger = s->ledger;

        atomic_store(&w.acknowledged, 1);
        must(pthread_create(&thread, NULL, write_until, &w) == 0);

        do {
            look_up_rest(&w, round + 1);
            reads++;
        } while (waitpid(pid, &status, WNOHANG) == 0);

        must(WIFEXITED(status));
        must(WEXITSTATUS(status) == 0);

        atomic_store(&w.acknowledged, 0);
        must(pthread_join(thread, NULL) == 0);
        must(atomic_load(&w.failed) == 0);

        scene_close(s);
    }

    printf("# %u look-ups and %u commits while the map grew\n", reads,
           w.looked);
    must(w.looked > 0);
    ledger_effects_free(&w.effects);

    s->options.max_size = GROWN;
    scene_open(s);
}


int
main(int argc, char **argv)
{
    const struct CMUnitTest  tests[] = {
        story(test_one_worker),
        story(test_several_workers),
        story(test_map_moves)
    };

    if (argc > 1) {
        commits = (unsigned) strtoul(argv[1], NULL, 10);
    }

    if (argc > 2) {
        workers = (unsigned) strtoul(argv[2], NULL, 10);
    }

    return cmocka_run_group_tests(tests, NULL, NULL);
}
