
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * A worker that has just started brings in what its look-ups go through, in a
 * thread: a call that is the first to need a page of a cold disk would wait
 * for milliseconds, and all other calls with it.
 */


#include "ngx_http_oauth_store.h"
#include "ngx_http_oauth_conf.h"


/* A pool of one thread has commits, too: so much they wait for at most. */
#define NGX_HTTP_OAUTH_WARM_STEP  (4 * 1024 * 1024)


typedef struct {
    ngx_thread_task_t    task;
    ngx_thread_pool_t   *pool;
    ledger_part_t        part;
    uint64_t             at;
    uint64_t             end;
} ngx_http_oauth_warm_t;


static void ngx_http_oauth_warm_next(ngx_http_oauth_warm_t *w);
static void ngx_http_oauth_warm_thread(void *data, ngx_log_t *log);
static void ngx_http_oauth_warm_done(ngx_event_t *ev);


static ngx_http_oauth_warm_t  ngx_http_oauth_warmer;


void
ngx_http_oauth_warm(ngx_http_oauth_main_conf_t *mcf, ngx_log_t *log)
{
    long                    pages;
    ngx_http_oauth_warm_t  *w;

    w = &ngx_http_oauth_warmer;

    /* a store that is opened again is warm as far as this one came */

    if (w->pool) {
        return;
    }

    /*
     * The pages of the store are the kernel's: one worker is enough.  Of a
     * store that is larger than memory the first would go before the last.
     */

    pages = (ngx_worker == 0) ? sysconf(_SC_PHYS_PAGES) : 0;

    w->end = (pages > 0) ? (uint64_t) pages * ngx_pagesize / 2 : 0;
    w->at = 0;
    w->pool = mcf->pool;

    w->task.handler = ngx_http_oauth_warm_thread;
    w->task.ctx = w;
    w->task.event.handler = ngx_http_oauth_warm_done;
    w->task.event.data = w;
    w->task.event.log = log;

    ngx_http_oauth_warm_next(w);
}


static void
ngx_http_oauth_warm_next(ngx_http_oauth_warm_t *w)
{
    ledger_t  *ledger;

    ledger = ngx_http_oauth_store();

    if (ledger == NULL || ngx_exiting || ngx_quit || ngx_terminate) {
        return;
    }

    if (ledger_warm_next(ledger, &w->at, w->end, NGX_HTTP_OAUTH_WARM_STEP,
                         &w->part)
        != LEDGER_OK)
    {
        return;
    }

    /* with a full queue the pool has more to do than this */
    (void) ngx_thread_task_post(w->pool, &w->task);
}


static void
ngx_http_oauth_warm_thread(void *data, ngx_log_t *log)
{
    ngx_http_oauth_warm_t *w = data;

    ledger_warm(&w->part);
}


static void
ngx_http_oauth_warm_done(ngx_event_t *ev)
{
    ngx_http_oauth_warm_next(ev->data);
}
