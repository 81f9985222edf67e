
/*
 * Copyright (C) The OAuth gateway authors
 */


#include "ngx_http_oauth_store.h"
#include "ngx_http_oauth_conf.h"
#include "ngx_http_oauth_counters.h"
#include "ngx_http_oauth_report.h"

#include <openssl/err.h>


/* How long a worker that exits waits for the disk before it asks again. */
#define NGX_HTTP_OAUTH_COMMIT_WAIT  1000

/*
 * What gathers behind a disk that does not answer, in bytes: some ten
 * thousand records, of which the largest takes some 100 KB.
 */
#define NGX_HTTP_OAUTH_COMMIT_ROOM  (32 * 1024 * 1024)

/* More than OpenSSL takes for the list of a thread's errors. */
#define NGX_HTTP_OAUTH_COMMIT_ERRORS  4096


/*
 * One record on its way.  It is malloc'd and never refers to a request's
 * pool: the request may be gone before the disk has answered.
 */

struct ngx_http_oauth_commit_s {
    ngx_queue_t                 queue;
    ngx_http_oauth_commit_pt    handler;  /* NULL: nobody waits */
    void                       *data;
    uint64_t                    connection;
    ngx_msec_t                  since;
    size_t                      len;
    u_char                      record[1];
};


/*
 * A batch is written by one task of the thread pool.  There is one batch
 * and one task a worker: while it is written, records gather in "waiting".
 */

typedef struct {
    ngx_queue_t                 waiting;
    ngx_queue_t                 writing;
    size_t                      room;     /* left in "waiting", in bytes */
    ngx_uint_t                  n;        /* of "writing" */
    ngx_thread_task_t           task;
    ngx_thread_pool_t          *pool;
    ngx_event_t                 timer;
    ngx_msec_t                  wait;     /* of a handler, at most */
    ledger_t                   *ledger;
    ledger_effects_t            effects;
    ledger_rc_t                 rc;
    uint64_t                    started;  /* monotonic, in microseconds */
    uint64_t                    took;
    ledger_record_t             records[NGX_HTTP_OAUTH_BATCH_MAX];
    unsigned                    busy:1;
    unsigned                    probe:1;  /* of an empty batch */
    unsigned                    late:1;   /* nobody waits for it any more */
    volatile ngx_uint_t         written;  /* set by the thread, last */
} ngx_http_oauth_writer_t;


static void ngx_http_oauth_commit_start(ngx_http_oauth_writer_t *w,
    ngx_log_t *log);
static ngx_int_t ngx_http_oauth_commit_gather(ngx_http_oauth_writer_t *w);
static ngx_msec_t ngx_http_oauth_commit_left(ngx_http_oauth_writer_t *w);
static void ngx_http_oauth_commit_thread(void *data, ngx_log_t *log);
static ngx_int_t ngx_http_oauth_commit_ready(ngx_log_t *log);
static void ngx_http_oauth_commit_done(ngx_event_t *ev);
static void ngx_http_oauth_commit_end(ngx_http_oauth_writer_t *w,
    ngx_log_t *log);
static void ngx_http_oauth_commit_lost(ngx_http_oauth_writer_t *w);
static ngx_uint_t ngx_http_oauth_commit_learnt(ngx_uint_t kind);
static uint64_t ngx_http_oauth_commit_clock(void);
static void ngx_http_oauth_commit_tell(ngx_http_oauth_commit_t *commit,
    ngx_uint_t durable);
static void ngx_http_oauth_commit_timer(ngx_event_t *ev);
static void ngx_http_oauth_commit_give_up(ngx_queue_t *queue);
static void ngx_http_oauth_commit_drop(ngx_http_oauth_writer_t *w);


static ngx_http_oauth_writer_t  *ngx_http_oauth_writer;


ngx_http_oauth_commit_t *
ngx_http_oauth_commit(const ledger_record_t *record,
    ngx_http_oauth_commit_pt handler, void *data)
{
    size_t                    len;
    u_char                    buf[LEDGER_RECORD_MAX];
    ngx_http_oauth_commit_t  *commit;
    ngx_http_oauth_writer_t  *w;

    w = ngx_http_oauth_writer;

    if (w == NULL || ngx_http_oauth_store() == NULL) {
        return NULL;
    }

    if (ledger_record_encode(record, buf, sizeof(buf), &len) != LEDGER_OK) {
        return NULL;
    }

    if (len > w->room) {
        ngx_http_oauth_count_lost(ngx_http_oauth_commit_learnt(record->kind));
        return NULL;
    }

    commit = ngx_alloc(sizeof(ngx_http_oauth_commit_t) + len,
                       ngx_cycle->log);
    if (commit == NULL) {
        return NULL;
    }

    w->room -= len;

    commit->handler = w->late ? NULL : handler;
    commit->data = data;
    commit->connection = 0;
    commit->since = ngx_current_msec;
    commit->len = len;
    ngx_memcpy(commit->record, buf, len);

    ngx_queue_insert_tail(&w->waiting, &commit->queue);

    if (!w->busy) {
        ngx_http_oauth_commit_start(w, ngx_cycle->log);
    }

    return (handler && w->late) ? NULL : commit;
}


void
ngx_http_oauth_commit_forget(ngx_http_oauth_commit_t *commit)
{
    commit->handler = NULL;
    commit->data = NULL;
}


uint64_t
ngx_http_oauth_commit_connection(const ngx_http_oauth_commit_t *commit)
{
    return commit->connection;
}


ngx_uint_t
ngx_http_oauth_commit_late(void)
{
    return ngx_http_oauth_writer && ngx_http_oauth_writer->late;
}


ngx_uint_t
ngx_http_oauth_commit_busy(void)
{
    return ngx_http_oauth_writer->busy;
}


void
ngx_http_oauth_commit_probe(void)
{
    ngx_http_oauth_writer_t  *w;

    w = ngx_http_oauth_writer;

    w->probe = 1;

    if (!w->busy) {
        ngx_http_oauth_commit_start(w, ngx_cycle->log);
    }
}


ledger_ms_t
ngx_http_oauth_now(void)
{
    struct timeval  tv;

    /*
     * Not nginx's cached time: times of several workers are compared, and a
     * worker that is busy keeps an old one.
     */

    ngx_gettimeofday(&tv);

    return (ledger_ms_t) tv.tv_sec * 1000 + (ledger_ms_t) tv.tv_usec / 1000;
}


static void
ngx_http_oauth_commit_start(ngx_http_oauth_writer_t *w, ngx_log_t *log)
{
    if (ngx_http_oauth_commit_gather(w) != NGX_OK && !w->probe) {
        return;
    }

    /* a batch tells as much as a probe */
    w->probe = 0;

    w->busy = 1;
    w->written = 0;
    w->started = ngx_http_oauth_commit_clock();

    /* an exiting worker waits for timers, but not for tasks */
    ngx_add_timer(&w->timer, ngx_http_oauth_commit_left(w));

    w->task.handler = ngx_http_oauth_commit_thread;
    w->task.ctx = w;
    w->task.event.handler = ngx_http_oauth_commit_done;
    w->task.event.data = w;
    w->task.event.log = log;

    if (ngx_thread_task_post(w->pool, &w->task) != NGX_OK) {

        /* the pool's queue is full: better to block than to lose */

        ngx_log_error(NGX_LOG_WARN, log, 0,
                      "oauth gateway writes its store outside of the full "
                      "thread pool");

        ngx_http_oauth_commit_thread(w, log);
        ngx_http_oauth_commit_end(w, log);
    }
}


/* Moves what waits to the batch.  NGX_DECLINED: nothing waits. */

static ngx_int_t
ngx_http_oauth_commit_gather(ngx_http_oauth_writer_t *w)
{
    ngx_queue_t              *q;
    ngx_http_oauth_commit_t  *commit;

    w->n = 0;
    w->ledger = ngx_http_oauth_store();

    while (!ngx_queue_empty(&w->waiting) && w->n < NGX_HTTP_OAUTH_BATCH_MAX) {

        q = ngx_queue_head(&w->waiting);
        ngx_queue_remove(q);
        ngx_queue_insert_tail(&w->writing, q);

        commit = ngx_queue_data(q, ngx_http_oauth_commit_t, queue);

        w->room += commit->len;

        if (ledger_record_decode(commit->record, commit->len,
                                 &w->records[w->n])
            != LEDGER_OK)
        {
            /* it was encoded here; the ledger leaves out what has no kind */
            w->records[w->n].kind = 0;
        }

        w->n++;
    }

    return w->n ? NGX_OK : NGX_DECLINED;
}


/* How long those in the batch may still wait: the first of them the least. */

static ngx_msec_t
ngx_http_oauth_commit_left(ngx_http_oauth_writer_t *w)
{
    ngx_msec_t                waited;
    ngx_queue_t              *q;
    ngx_http_oauth_commit_t  *commit;

    for (q = ngx_queue_head(&w->writing);
         q != ngx_queue_sentinel(&w->writing);
         q = ngx_queue_next(q))
    {
        commit = ngx_queue_data(q, ngx_http_oauth_commit_t, queue);

        if (commit->handler) {
            waited = ngx_current_msec - commit->since;

            return (waited < w->wait) ? w->wait - waited : 1;
        }
    }

    return w->wait;
}


static void
ngx_http_oauth_commit_thread(void *data, ngx_log_t *log)
{
    ngx_http_oauth_writer_t *w = data;

    if (w->ledger == NULL) {
        w->rc = LEDGER_IO;

    } else if (ngx_http_oauth_commit_ready(log) != NGX_OK) {
        w->rc = LEDGER_NOMEM;

    } else if (w->n == 0) {
        w->rc = ledger_probe(w->ledger);

    } else {
        w->rc = ledger_apply(w->ledger, w->records, w->n, &w->effects);
    }

    w->took = ngx_http_oauth_commit_clock() - w->started;

    ngx_memory_barrier();

    w->written = 1;
}


/*
 * OpenSSL 3 makes the list of a thread's errors with the thread's first
 * error.  If that is a lack of memory, it has no end: each attempt fails,
 * and is itself an error that needs the list.
 */

static ngx_int_t
ngx_http_oauth_commit_ready(ngx_log_t *log)
{
    void  *p;

    static _Thread_local ngx_uint_t  ready;

    if (ready) {
        return NGX_OK;
    }

    p = ngx_alloc(NGX_HTTP_OAUTH_COMMIT_ERRORS, log);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_free(p);

    ERR_clear_error();

    ready = 1;

    return NGX_OK;
}


static void
ngx_http_oauth_commit_done(ngx_event_t *ev)
{
    ngx_http_oauth_commit_end(ev->data, ngx_cycle->log);
}


static void
ngx_http_oauth_commit_end(ngx_http_oauth_writer_t *w, ngx_log_t *log)
{
    size_t                    i;
    uint64_t                  connections[NGX_HTTP_OAUTH_BATCH_MAX];
    ngx_uint_t                n, durable;
    ngx_queue_t              *q, done;
    ngx_http_oauth_commit_t  *commit;

    durable = (w->rc == LEDGER_OK);

    w->late = 0;

    ngx_memzero(connections, sizeof(connections));

    if (durable) {
        ngx_http_oauth_store_succeeded();

        for (i = 0; i < w->effects.n; i++) {
            if (connections[w->effects.elts[i].record] == 0) {
                connections[w->effects.elts[i].record] =
                                             w->effects.elts[i].connection;
            }
        }

        if (w->n) {
            ngx_http_oauth_count_commit((ngx_uint_t) w->took);
        }

        ngx_http_oauth_count_effects(&w->effects);
        ngx_http_oauth_report(&w->effects, log);
        ngx_http_oauth_note_effects(&w->effects);

    } else {
        ngx_http_oauth_commit_lost(w);
        ngx_http_oauth_store_failed(w->rc, log);
    }

    w->effects.n = 0;

    ngx_queue_init(&done);

    if (!ngx_queue_empty(&w->writing)) {
        ngx_queue_add(&done, &w->writing);
        ngx_queue_init(&w->writing);
    }

    w->busy = 0;

    if (w->timer.timer_set) {
        ngx_del_timer(&w->timer);
    }

    /* the next batch is on its way while the requests of this one go on */

    ngx_http_oauth_commit_start(w, log);

    for (n = 0; !ngx_queue_empty(&done); n++) {
        q = ngx_queue_head(&done);
        ngx_queue_remove(q);

        commit = ngx_queue_data(q, ngx_http_oauth_commit_t, queue);
        commit->connection = connections[n];

        ngx_http_oauth_commit_tell(commit, durable);
    }
}


/*
 * What the provider's answers would have taught: no request waits for these,
 * and so none tells that they are lost.
 */

static void
ngx_http_oauth_commit_lost(ngx_http_oauth_writer_t *w)
{
    ngx_uint_t  i, n;

    n = 0;

    for (i = 0; i < w->n; i++) {
        n += ngx_http_oauth_commit_learnt(w->records[i].kind);
    }

    ngx_http_oauth_count_lost(n);
}


static ngx_uint_t
ngx_http_oauth_commit_learnt(ngx_uint_t kind)
{
    return kind == LEDGER_BINDING || kind == LEDGER_ANSWER
           || kind == LEDGER_REFUSAL;
}


/* nginx's own monotonic time is cached, and counts milliseconds. */

static uint64_t
ngx_http_oauth_commit_clock(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000000 + (uint64_t) ts.tv_nsec / 1000;
}


static void
ngx_http_oauth_commit_tell(ngx_http_oauth_commit_t *commit,
    ngx_uint_t durable)
{
    if (commit->handler) {
        commit->handler(commit->data, durable);
    }

    ngx_free(commit);
}


/*
 * A disk that does not answer must not hold what the provider has answered:
 * the runner's tokens come first.  The records stay: what they tell is as
 * true when the disk comes back.
 */

static void
ngx_http_oauth_commit_timer(ngx_event_t *ev)
{
    ngx_http_oauth_writer_t *w = ev->data;

    ngx_add_timer(ev, NGX_HTTP_OAUTH_COMMIT_WAIT);

    if (w->late || w->written) {
        return;
    }

    w->late = 1;

    ngx_http_oauth_store_late(ev->log);

    ngx_http_oauth_commit_give_up(&w->writing);
    ngx_http_oauth_commit_give_up(&w->waiting);
}


/* A handler may queue more, but takes nothing out. */

static void
ngx_http_oauth_commit_give_up(ngx_queue_t *queue)
{
    ngx_queue_t               *q;
    ngx_http_oauth_commit_t   *commit;
    ngx_http_oauth_commit_pt   handler;

    for (q = ngx_queue_head(queue);
         q != ngx_queue_sentinel(queue);
         q = ngx_queue_next(q))
    {
        commit = ngx_queue_data(q, ngx_http_oauth_commit_t, queue);
        handler = commit->handler;
        commit->handler = NULL;

        if (handler) {
            handler(commit->data, 0);
        }
    }
}


ngx_int_t
ngx_http_oauth_commit_init(ngx_cycle_t *cycle)
{
    ngx_http_oauth_writer_t     *w;
    ngx_http_oauth_main_conf_t  *mcf;

    mcf = ngx_http_cycle_get_module_main_conf(cycle,
                                              ngx_http_oauth_gateway_module);

    w = ngx_pcalloc(cycle->pool, sizeof(ngx_http_oauth_writer_t));
    if (w == NULL) {
        return NGX_ERROR;
    }

    ngx_queue_init(&w->waiting);
    ngx_queue_init(&w->writing);

    w->pool = mcf->pool;
    w->wait = mcf->wait;
    w->room = NGX_HTTP_OAUTH_COMMIT_ROOM;
    w->timer.handler = ngx_http_oauth_commit_timer;
    w->timer.data = w;
    w->timer.log = cycle->log;

    ngx_http_oauth_writer = w;

    /* the event loop's own thread, too */
    (void) ngx_http_oauth_commit_ready(cycle->log);

    return NGX_OK;
}


void
ngx_http_oauth_commit_flush(ngx_cycle_t *cycle)
{
    ngx_http_oauth_writer_t  *w;

    w = ngx_http_oauth_writer;

    if (w == NULL) {
        return;
    }

    /*
     * The thread pools have ended before: a batch is written, or its task
     * was never taken up.
     */

    if (w->busy && !w->written) {
        ngx_http_oauth_commit_thread(w, cycle->log);
    }

    /* what is queued from here on waits for the loop below */

    w->busy = 1;

    ngx_http_oauth_note_flush();

    while (!ngx_queue_empty(&w->waiting)) {

        ngx_http_oauth_commit_drop(w);

        if (ngx_http_oauth_commit_gather(w) != NGX_OK) {
            break;
        }

        ngx_http_oauth_commit_thread(w, cycle->log);

        if (w->rc != LEDGER_OK) {
            ngx_http_oauth_count_lost(w->n);
            ngx_log_error(NGX_LOG_CRIT, cycle->log, 0,
                          "oauth gateway lost %ui records at exit: %s", w->n,
                          ngx_http_oauth_store_error(w->rc));
            break;
        }
    }

    ngx_http_oauth_commit_drop(w);
    ledger_effects_free(&w->effects);
    ngx_http_oauth_writer = NULL;
}


/* Nobody is left to be told what became of them. */

static void
ngx_http_oauth_commit_drop(ngx_http_oauth_writer_t *w)
{
    ngx_queue_t  *q;

    while (!ngx_queue_empty(&w->writing)) {
        q = ngx_queue_head(&w->writing);
        ngx_queue_remove(q);
        ngx_free(ngx_queue_data(q, ngx_http_oauth_commit_t, queue));
    }
}
