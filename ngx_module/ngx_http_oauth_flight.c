
/*
 * Copyright (C) The OAuth gateway authors
 */


#include "ngx_http_oauth_flight.h"
#include "ngx_http_oauth_conf.h"
#include "ngx_http_oauth_ctx.h"
#include "ngx_http_oauth_name_lock.h"
#include "ngx_http_oauth_token_endpoint.h"

#include <openssl/rand.h>


/*
 * Refreshes under way at once, in all workers, and what connects claim while
 * they are.  Their names are keyed hashes, so that they spread evenly: a full
 * run of slots means that the table is nearly full.
 */
#define NGX_HTTP_OAUTH_FLIGHTS        8192
#define NGX_HTTP_OAUTH_FLIGHT_PROBES  64

/*
 * A worker that is killed leaves its flights behind for this long at most;
 * a pid that is gone ends them at once, and one that has come again renews
 * nothing.
 */
#define NGX_HTTP_OAUTH_FLIGHT_LEASE   5000
#define NGX_HTTP_OAUTH_FLIGHT_RENEW   1000

/* A provider's "invalid_grant" holds for a herd that comes at once. */
#define NGX_HTTP_OAUTH_FLIGHT_REFUSED 5000

/* A rotation that could not be recorded: the old token is not sent again. */
#define NGX_HTTP_OAUTH_FLIGHT_SPENT   60000

/* Callers that wait, in all workers together, and how long each does. */
#define NGX_HTTP_OAUTH_WAITERS        16384
#define NGX_HTTP_OAUTH_WAIT           30000
#define NGX_HTTP_OAUTH_POLL           10

/* So many are woken before the event loop goes on. */
#define NGX_HTTP_OAUTH_WAKE           128

#define NGX_HTTP_OAUTH_GROUPS         256


typedef enum {
    NGX_HTTP_OAUTH_FLIGHT_FREE = 0,
    NGX_HTTP_OAUTH_FLIGHT_FLYING,
    NGX_HTTP_OAUTH_FLIGHT_GRANT_REFUSED,
    NGX_HTTP_OAUTH_FLIGHT_GRANT_SPENT
} ngx_http_oauth_flight_state_e;


/*
 * One entry of the shared table.  It is written under the zone's mutex,
 * which the master unlocks when its holder dies; "state" is written last,
 * so that an entry that was half made is a free one.
 */

typedef struct {
    ledger_token_id_t           token;
    ngx_http_oauth_print_t      print;
    uint64_t                    serial;  /* of the flight, never twice */
    ngx_msec_t                  until;   /* lease or memory, monotonic ms */
    ngx_pid_t                   pid;     /* a hint: "until" decides */
    ngx_uint_t                  state;
} ngx_http_oauth_flight_entry_t;


typedef struct {
    uint64_t                       serial;
    u_char                         salt[NGX_HTTP_OAUTH_NAME_LOCK_SALT];
    ngx_http_oauth_flight_entry_t  entries[NGX_HTTP_OAUTH_FLIGHTS];
} ngx_http_oauth_flight_table_t;


/* The callers of one token that wait in this worker. */

typedef struct {
    ngx_queue_t                 queue;   /* in its bucket */
    ngx_queue_t                 waiters;
    ledger_token_id_t           token;
} ngx_http_oauth_flight_group_t;


/* This worker's own part. */

typedef struct {
    ngx_shm_zone_t             *zone;
    ngx_queue_t                 owned;   /* flights, renewed by "renew" */
    ngx_queue_t                 order;   /* waiters, oldest first */
    ngx_queue_t                 groups[NGX_HTTP_OAUTH_GROUPS];
    ngx_event_t                 renew;
    ngx_event_t                 poll;
    ngx_uint_t                  nwaiters;
    ngx_uint_t                  max;
    u_char                      salt[NGX_HTTP_OAUTH_NAME_LOCK_SALT];
} ngx_http_oauth_flights_t;


static ngx_int_t ngx_http_oauth_flight_zone_init(ngx_shm_zone_t *zone,
    void *data);
static ngx_http_oauth_flight_table_t *ngx_http_oauth_flight_lock(void);
static void ngx_http_oauth_flight_unlock(void);
static void ngx_http_oauth_flight_own(ngx_http_oauth_ctx_t *ctx);
static ngx_int_t ngx_http_oauth_flight_claim(ngx_http_oauth_ctx_t *ctx,
    ngx_http_oauth_flight_table_t *table, ngx_uint_t force);
static void ngx_http_oauth_flight_enter(ngx_http_oauth_flight_table_t *table,
    ngx_http_oauth_flight_entry_t *entry, const ledger_token_id_t *token);
static ngx_int_t ngx_http_oauth_flight_lock_name(ngx_http_oauth_ctx_t *ctx,
    const ledger_token_id_t *name, const ngx_http_oauth_flight_entry_t *entry);
static void ngx_http_oauth_flight_unlock_name(const ledger_token_id_t *name,
    uint64_t serial, const ngx_http_oauth_flight_entry_t *entry);
static ngx_uint_t ngx_http_oauth_flight_foreign(const ledger_token_id_t *name,
    const ngx_http_oauth_flight_entry_t *entry);
static ngx_int_t ngx_http_oauth_flight_memory(ngx_http_oauth_ctx_t *ctx,
    ngx_http_oauth_flight_entry_t *entry);
static ngx_http_oauth_flight_entry_t *ngx_http_oauth_flight_find(
    ngx_http_oauth_flight_table_t *table, const ledger_token_id_t *token,
    ngx_http_oauth_flight_entry_t **room);
static ngx_uint_t ngx_http_oauth_flight_over(
    ngx_http_oauth_flight_entry_t *entry);
static ngx_uint_t ngx_http_oauth_flight_flying(
    const ledger_token_id_t *token);
static void ngx_http_oauth_flight_renew(ngx_event_t *ev);
static ngx_http_oauth_flight_group_t *ngx_http_oauth_flight_group(
    const ledger_token_id_t *token, ngx_uint_t make);
static void ngx_http_oauth_flight_poll(ngx_event_t *ev);
static void ngx_http_oauth_flight_poll_bucket(ngx_queue_t *bucket);
static void ngx_http_oauth_flight_wake(const ledger_token_id_t *token);
static void ngx_http_oauth_flight_resume(ngx_http_oauth_ctx_t *ctx);
static void ngx_http_oauth_flight_leave(ngx_http_oauth_ctx_t *ctx);
static ngx_int_t ngx_http_oauth_flight_claims_free(
    ngx_http_oauth_ctx_t *ctx, ngx_http_oauth_flight_table_t *table);
static ngx_int_t ngx_http_oauth_flight_claims_take(
    ngx_http_oauth_ctx_t *ctx, ngx_http_oauth_flight_table_t *table);
static void ngx_http_oauth_flight_claims_keep(ngx_http_oauth_ctx_t *ctx,
    ngx_http_oauth_flight_table_t *table);
static void ngx_http_oauth_flight_claims_end(ngx_http_oauth_ctx_t *ctx,
    ngx_http_oauth_flight_table_t *table);


static ngx_http_oauth_flights_t  ngx_http_oauth_flights;


ngx_int_t
ngx_http_oauth_flight_zone(ngx_conf_t *cf, ngx_http_oauth_main_conf_t *mcf)
{
    size_t      size;
    ngx_str_t   name;

    ngx_str_set(&name, "oauth_gateway_flights");

    size = sizeof(ngx_http_oauth_flight_table_t) + 16 * ngx_pagesize;

    mcf->flights = ngx_shared_memory_add(cf, &name, size,
                                         &ngx_http_oauth_gateway_module);
    if (mcf->flights == NULL) {
        return NGX_ERROR;
    }

    mcf->flights->init = ngx_http_oauth_flight_zone_init;

    return NGX_OK;
}


static ngx_int_t
ngx_http_oauth_flight_zone_init(ngx_shm_zone_t *zone, void *data)
{
    ngx_slab_pool_t                *pool;
    ngx_http_oauth_flight_table_t  *table;

    pool = (ngx_slab_pool_t *) zone->shm.addr;

    if (data || zone->shm.exists) {
        /* a reload: flights of the old workers go on */
        zone->data = pool->data;
        return NGX_OK;
    }

    table = ngx_slab_calloc(pool, sizeof(ngx_http_oauth_flight_table_t));
    if (table == NULL
        || RAND_bytes(table->salt, NGX_HTTP_OAUTH_NAME_LOCK_SALT) != 1)
    {
        return NGX_ERROR;
    }

    pool->data = table;
    zone->data = table;

    return NGX_OK;
}


void
ngx_http_oauth_flight_init_process(ngx_cycle_t *cycle,
    ngx_http_oauth_main_conf_t *mcf)
{
    ngx_uint_t                      i;
    ngx_core_conf_t                *ccf;
    ngx_http_oauth_flights_t       *f;
    ngx_http_oauth_flight_table_t  *table;

    f = &ngx_http_oauth_flights;

    ngx_memzero(f, sizeof(ngx_http_oauth_flights_t));

    ngx_queue_init(&f->owned);
    ngx_queue_init(&f->order);

    for (i = 0; i < NGX_HTTP_OAUTH_GROUPS; i++) {
        ngx_queue_init(&f->groups[i]);
    }

    ccf = (ngx_core_conf_t *) ngx_get_conf(cycle->conf_ctx, ngx_core_module);

    f->zone = mcf->flights;
    f->max = NGX_HTTP_OAUTH_WAITERS / ngx_max(ccf->worker_processes, 1);

    f->renew.handler = ngx_http_oauth_flight_renew;
    f->renew.log = cycle->log;
    f->renew.cancelable = 1;

    f->poll.handler = ngx_http_oauth_flight_poll;
    f->poll.log = cycle->log;

    if (ngx_http_oauth_name_lock_open(mcf, f->salt, cycle->log) != NGX_OK) {
        table = f->zone->data;
        ngx_memcpy(f->salt, table->salt, sizeof(f->salt));
    }
}


ngx_int_t
ngx_http_oauth_flight_take(ngx_http_oauth_ctx_t *ctx, ngx_uint_t force)
{
    ngx_int_t                       rc;
    ngx_http_oauth_flight_table_t  *table;

    if (ctx->flying) {
        return NGX_OK;
    }

    ctx->flight_token = ctx->token;

    table = ngx_http_oauth_flight_lock();

    rc = ngx_http_oauth_flight_claim(ctx, table, force);

    ngx_http_oauth_flight_unlock();

    if (rc == NGX_OK) {
        ngx_http_oauth_flight_own(ctx);
    }

    return rc;
}


static void
ngx_http_oauth_flight_own(ngx_http_oauth_ctx_t *ctx)
{
    ngx_http_oauth_flights_t  *f;

    f = &ngx_http_oauth_flights;

    /* a process that was waited for may have died */

    ctx->inherited |= ctx->foreign;
    ctx->foreign = 0;

    ctx->flying = 1;
    ngx_queue_insert_tail(&f->owned, &ctx->flight_queue);

    if (!f->renew.timer_set) {
        ngx_add_timer(&f->renew, NGX_HTTP_OAUTH_FLIGHT_RENEW);
    }
}


static ngx_int_t
ngx_http_oauth_flight_claim(ngx_http_oauth_ctx_t *ctx,
    ngx_http_oauth_flight_table_t *table, ngx_uint_t force)
{
    ngx_int_t                       rc;
    ngx_http_oauth_flight_entry_t  *entry, *room;

    entry = ngx_http_oauth_flight_find(table, &ctx->flight_token, &room);

    ctx->inherited = (entry && entry->state == NGX_HTTP_OAUTH_FLIGHT_FLYING);

    if (entry && !ngx_http_oauth_flight_over(entry)) {

        if (entry->state == NGX_HTTP_OAUTH_FLIGHT_FLYING) {
            return NGX_AGAIN;
        }

        rc = ngx_http_oauth_flight_memory(ctx, entry);

        if (rc != NGX_OK && !force) {
            return rc;
        }
    }

    if (entry == NULL) {
        entry = room;
    }

    if (entry == NULL) {
        return NGX_BUSY;
    }

    if (ngx_http_oauth_flight_lock_name(ctx, &ctx->flight_token, entry)
        != NGX_OK)
    {
        return NGX_AGAIN;
    }

    entry->state = NGX_HTTP_OAUTH_FLIGHT_FREE;
    ngx_memory_barrier();

    entry->print = ctx->print;

    ngx_http_oauth_flight_enter(table, entry, &ctx->flight_token);

    ctx->flight_serial = entry->serial;

    return NGX_OK;
}


static void
ngx_http_oauth_flight_enter(ngx_http_oauth_flight_table_t *table,
    ngx_http_oauth_flight_entry_t *entry, const ledger_token_id_t *token)
{
    entry->state = NGX_HTTP_OAUTH_FLIGHT_FREE;
    ngx_memory_barrier();

    entry->token = *token;
    entry->serial = ++table->serial;
    entry->until = ngx_current_msec + NGX_HTTP_OAUTH_FLIGHT_LEASE;
    entry->pid = ngx_pid;

    ngx_memory_barrier();
    entry->state = NGX_HTTP_OAUTH_FLIGHT_FLYING;
}


/*
 * Takes a name from the other masters' workers.  One of our own that has lost
 * its lease may still hold the lock: its entry says so.  NGX_AGAIN: it flies
 * elsewhere; what comes of it must be looked for even if its process dies.
 */

static ngx_int_t
ngx_http_oauth_flight_lock_name(ngx_http_oauth_ctx_t *ctx,
    const ledger_token_id_t *name, const ngx_http_oauth_flight_entry_t *entry)
{
    if (ngx_http_oauth_name_lock(name) == NGX_OK
        || !ngx_http_oauth_flight_foreign(name, entry))
    {
        return NGX_OK;
    }

    ctx->foreign = 1;

    return NGX_AGAIN;
}


/* Not if another request of this process has taken it over. */

static void
ngx_http_oauth_flight_unlock_name(const ledger_token_id_t *name,
    uint64_t serial, const ngx_http_oauth_flight_entry_t *entry)
{
    if (serial == 0
        || (entry
            && entry->state == NGX_HTTP_OAUTH_FLIGHT_FLYING
            && entry->serial != serial
            && entry->pid == ngx_pid))
    {
        return;
    }

    ngx_http_oauth_name_unlock(name);
}


static ngx_uint_t
ngx_http_oauth_flight_foreign(const ledger_token_id_t *name,
    const ngx_http_oauth_flight_entry_t *entry)
{
    ngx_pid_t  holder;

    holder = ngx_http_oauth_name_holder(name);

    return holder != 0
           && !(entry
                && entry->state == NGX_HTTP_OAUTH_FLIGHT_FLYING
                && entry->pid == holder
                && ngx_memcmp(&entry->token, name, sizeof(ledger_token_id_t))
                   == 0);
}


/* Other credentials than those that were refused may be told otherwise. */

static ngx_int_t
ngx_http_oauth_flight_memory(ngx_http_oauth_ctx_t *ctx,
    ngx_http_oauth_flight_entry_t *entry)
{
    if (entry->state == NGX_HTTP_OAUTH_FLIGHT_GRANT_SPENT) {
        return NGX_BUSY;
    }

    return ledger_fingerprint_equal(&entry->print.request,
                                    &ctx->print.request)
           ? NGX_DECLINED : NGX_OK;
}


/*
 * The entry of a token, or NULL; and a place where one could be made, which
 * is NULL only if there is neither.
 */

static ngx_http_oauth_flight_entry_t *
ngx_http_oauth_flight_find(ngx_http_oauth_flight_table_t *table,
    const ledger_token_id_t *token, ngx_http_oauth_flight_entry_t **room)
{
    uint32_t                        hash;
    ngx_uint_t                      i;
    ngx_http_oauth_flight_entry_t  *entry;

    ngx_memcpy(&hash, token->bytes, sizeof(uint32_t));

    *room = NULL;

    for (i = 0; i < NGX_HTTP_OAUTH_FLIGHT_PROBES; i++) {

        entry = &table->entries[(hash + i) % NGX_HTTP_OAUTH_FLIGHTS];

        if (entry->state == NGX_HTTP_OAUTH_FLIGHT_FREE) {

            if (*room == NULL) {
                *room = entry;
            }

            continue;
        }

        if (ngx_memcmp(&entry->token, token, sizeof(ledger_token_id_t)) == 0) {
            return entry;
        }

        if (*room == NULL && ngx_http_oauth_flight_over(entry)) {
            *room = entry;
        }
    }

    return NULL;
}


/* Its memory has faded, or its owner is gone. */

static ngx_uint_t
ngx_http_oauth_flight_over(ngx_http_oauth_flight_entry_t *entry)
{
    if (entry->until <= ngx_current_msec) {
        return 1;
    }

    return entry->state == NGX_HTTP_OAUTH_FLIGHT_FLYING
           && entry->pid != ngx_pid
           && kill(entry->pid, 0) == -1
           && ngx_errno == ESRCH;
}


void
ngx_http_oauth_flight_end(ngx_http_oauth_ctx_t *ctx, ngx_uint_t outcome)
{
    ngx_http_oauth_flight_entry_t  *entry, *room;
    ngx_http_oauth_flight_table_t  *table;

    if (!ctx->flying) {
        return;
    }

    ctx->flying = 0;
    ngx_queue_remove(&ctx->flight_queue);

    table = ngx_http_oauth_flight_lock();

    ngx_http_oauth_flight_claims_end(ctx, table);

    entry = ngx_http_oauth_flight_find(table, &ctx->flight_token, &room);

    ngx_http_oauth_flight_unlock_name(&ctx->flight_token, ctx->flight_serial,
                                      entry);

    /* after a lease that ran out the flight may be another's */

    if (entry && entry->serial == ctx->flight_serial
        && entry->state == NGX_HTTP_OAUTH_FLIGHT_FLYING)
    {
        switch (outcome) {

        case NGX_HTTP_OAUTH_FLIGHT_REFUSAL:
            entry->until = ngx_current_msec + NGX_HTTP_OAUTH_FLIGHT_REFUSED;
            entry->state = NGX_HTTP_OAUTH_FLIGHT_GRANT_REFUSED;
            break;

        case NGX_HTTP_OAUTH_FLIGHT_UNRECORDED:
            entry->until = ngx_current_msec + NGX_HTTP_OAUTH_FLIGHT_SPENT;
            entry->state = NGX_HTTP_OAUTH_FLIGHT_GRANT_SPENT;
            break;

        default:
            entry->state = NGX_HTTP_OAUTH_FLIGHT_FREE;
        }
    }

    ctx->flight_serial = 0;

    ngx_http_oauth_flight_unlock();

    /* those of this worker need not wait for the next poll */

    if (ngx_http_oauth_flights.nwaiters) {
        ngx_post_event(&ngx_http_oauth_flights.poll, &ngx_posted_events);
    }
}


static ngx_http_oauth_flight_table_t *
ngx_http_oauth_flight_lock(void)
{
    ngx_slab_pool_t  *pool;

    pool = (ngx_slab_pool_t *) ngx_http_oauth_flights.zone->shm.addr;

    ngx_shmtx_lock(&pool->mutex);

    return ngx_http_oauth_flights.zone->data;
}


static void
ngx_http_oauth_flight_unlock(void)
{
    ngx_slab_pool_t  *pool;

    pool = (ngx_slab_pool_t *) ngx_http_oauth_flights.zone->shm.addr;

    ngx_shmtx_unlock(&pool->mutex);
}


static ngx_uint_t
ngx_http_oauth_flight_flying(const ledger_token_id_t *token)
{
    ngx_uint_t                      flying;
    ngx_http_oauth_flight_entry_t  *entry, *room;
    ngx_http_oauth_flight_table_t  *table;

    table = ngx_http_oauth_flight_lock();

    entry = ngx_http_oauth_flight_find(table, token, &room);

    flying = entry && entry->state == NGX_HTTP_OAUTH_FLIGHT_FLYING
             && !ngx_http_oauth_flight_over(entry);

    if (!flying) {
        flying = ngx_http_oauth_flight_foreign(token, entry);
    }

    ngx_http_oauth_flight_unlock();

    return flying;
}


static void
ngx_http_oauth_flight_renew(ngx_event_t *ev)
{
    ngx_queue_t                    *q;
    ngx_http_oauth_ctx_t           *ctx;
    ngx_http_oauth_flights_t       *f;
    ngx_http_oauth_flight_entry_t  *entry, *room;
    ngx_http_oauth_flight_table_t  *table;

    f = &ngx_http_oauth_flights;

    if (ngx_queue_empty(&f->owned)) {
        return;
    }

    table = ngx_http_oauth_flight_lock();

    for (q = ngx_queue_head(&f->owned);
         q != ngx_queue_sentinel(&f->owned);
         q = ngx_queue_next(q))
    {
        ctx = ngx_queue_data(q, ngx_http_oauth_ctx_t, flight_queue);

        ngx_http_oauth_flight_claims_keep(ctx, table);

        entry = ngx_http_oauth_flight_find(table, &ctx->flight_token, &room);

        if (entry && entry->serial == ctx->flight_serial
            && entry->state == NGX_HTTP_OAUTH_FLIGHT_FLYING)
        {
            entry->until = ngx_current_msec + NGX_HTTP_OAUTH_FLIGHT_LEASE;
        }
    }

    ngx_http_oauth_flight_unlock();

    ngx_add_timer(ev, NGX_HTTP_OAUTH_FLIGHT_RENEW);
}


ngx_int_t
ngx_http_oauth_flight_wait(ngx_http_request_t *r, ngx_http_oauth_ctx_t *ctx)
{
    ngx_http_oauth_flights_t       *f;
    ngx_http_oauth_flight_group_t  *group;

    f = &ngx_http_oauth_flights;

    if (f->nwaiters >= f->max) {
        return NGX_BUSY;
    }

    if (ctx->wait_until == 0) {
        ctx->wait_until = ngx_current_msec + NGX_HTTP_OAUTH_WAIT;

    } else if (ctx->wait_until <= ngx_current_msec) {
        return NGX_BUSY;
    }

    group = ngx_http_oauth_flight_group(&ctx->flight_token, 1);
    if (group == NULL) {
        return NGX_ERROR;
    }

    /* a caller that hangs up leaves */

    if (ngx_handle_read_event(r->connection->read, 0) != NGX_OK) {
        return NGX_ERROR;
    }

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    ctx->waiting = 1;
    f->nwaiters++;

    ngx_queue_insert_tail(&group->waiters, &ctx->flight_queue);
    ngx_queue_insert_tail(&f->order, &ctx->order_queue);

    if (!f->poll.timer_set) {
        ngx_add_timer(&f->poll, NGX_HTTP_OAUTH_POLL);
    }

    r->main->count++;

    return NGX_DONE;
}


static ngx_http_oauth_flight_group_t *
ngx_http_oauth_flight_group(const ledger_token_id_t *token, ngx_uint_t make)
{
    ngx_queue_t                    *q, *bucket;
    ngx_http_oauth_flight_group_t  *group;

    bucket = &ngx_http_oauth_flights.groups[token->bytes[0]];

    for (q = ngx_queue_head(bucket);
         q != ngx_queue_sentinel(bucket);
         q = ngx_queue_next(q))
    {
        group = ngx_queue_data(q, ngx_http_oauth_flight_group_t, queue);

        if (ngx_memcmp(&group->token, token, sizeof(ledger_token_id_t)) == 0) {
            return group;
        }
    }

    if (!make) {
        return NULL;
    }

    group = ngx_alloc(sizeof(ngx_http_oauth_flight_group_t), ngx_cycle->log);
    if (group == NULL) {
        return NULL;
    }

    group->token = *token;
    ngx_queue_init(&group->waiters);
    ngx_queue_insert_tail(bucket, &group->queue);

    return group;
}


static void
ngx_http_oauth_flight_poll(ngx_event_t *ev)
{
    ngx_uint_t                 i;
    ngx_queue_t               *q;
    ngx_http_oauth_ctx_t      *ctx;
    ngx_http_oauth_flights_t  *f;

    f = &ngx_http_oauth_flights;

    for (i = 0; i < NGX_HTTP_OAUTH_GROUPS && f->nwaiters; i++) {
        ngx_http_oauth_flight_poll_bucket(&f->groups[i]);
    }

    /* who has waited too long is told so: its own decision comes to that */

    while (!ngx_queue_empty(&f->order)) {

        q = ngx_queue_head(&f->order);
        ctx = ngx_queue_data(q, ngx_http_oauth_ctx_t, order_queue);

        if (ctx->wait_until > ngx_current_msec) {
            break;
        }

        ngx_http_oauth_flight_resume(ctx);
    }

    if (f->nwaiters && !ev->timer_set) {
        ngx_add_timer(ev, NGX_HTTP_OAUTH_POLL);
    }
}


static void
ngx_http_oauth_flight_poll_bucket(ngx_queue_t *bucket)
{
    ngx_uint_t                      n, i;
    ledger_token_id_t               tokens[64];
    ngx_queue_t                    *q;
    ngx_http_oauth_flight_group_t  *group;

    /* a request that is woken may end its group: names are safe to keep */

    n = 0;

    for (q = ngx_queue_head(bucket);
         q != ngx_queue_sentinel(bucket) && n < 64;
         q = ngx_queue_next(q))
    {
        group = ngx_queue_data(q, ngx_http_oauth_flight_group_t, queue);
        tokens[n++] = group->token;
    }

    for (i = 0; i < n; i++) {
        ngx_http_oauth_flight_wake(&tokens[i]);
    }
}


/*
 * While nobody flies, one after the other decides: the first finds the
 * answer, and so will the rest; or it takes the flight, and they wait on.
 */

static void
ngx_http_oauth_flight_wake(const ledger_token_id_t *token)
{
    ngx_queue_t                    *q;
    ngx_uint_t                      n;
    ngx_http_oauth_ctx_t           *ctx;
    ngx_http_oauth_flight_group_t  *group;

    for (n = 0; n < NGX_HTTP_OAUTH_WAKE; n++) {

        group = ngx_http_oauth_flight_group(token, 0);

        if (group == NULL || ngx_http_oauth_flight_flying(token)) {
            return;
        }

        q = ngx_queue_head(&group->waiters);
        ctx = ngx_queue_data(q, ngx_http_oauth_ctx_t, flight_queue);

        ngx_http_oauth_flight_resume(ctx);
    }
}


static void
ngx_http_oauth_flight_resume(ngx_http_oauth_ctx_t *ctx)
{
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = ctx->request;
    c = r->connection;

    ngx_http_oauth_flight_leave(ctx);

    ngx_http_set_log_request(c->log, r);

    r->read_event_handler = ngx_http_block_reading;

    ngx_http_finalize_request(r, ngx_http_oauth_token_content(r));
    ngx_http_run_posted_requests(c);
}


static void
ngx_http_oauth_flight_leave(ngx_http_oauth_ctx_t *ctx)
{
    ngx_http_oauth_flight_group_t  *group;

    group = ngx_http_oauth_flight_group(&ctx->flight_token, 0);

    ngx_queue_remove(&ctx->flight_queue);
    ngx_queue_remove(&ctx->order_queue);

    ctx->waiting = 0;
    ngx_http_oauth_flights.nwaiters--;

    if (group && ngx_queue_empty(&group->waiters)) {
        ngx_queue_remove(&group->queue);
        ngx_free(group);
    }
}


void
ngx_http_oauth_flight_cleanup(ngx_http_oauth_ctx_t *ctx)
{
    if (ctx->waiting) {
        ngx_http_oauth_flight_leave(ctx);
    }

    /* a request that ends in any other way than by its answer */

    ngx_http_oauth_flight_end(ctx, NGX_HTTP_OAUTH_FLIGHT_FAILURE);
}


ledger_slice_t
ngx_http_oauth_flight_salt(void)
{
    return (ledger_slice_t) { ngx_http_oauth_flights.salt,
                              NGX_HTTP_OAUTH_NAME_LOCK_SALT };
}


ngx_int_t
ngx_http_oauth_flight_claim_all(ngx_http_oauth_ctx_t *ctx)
{
    ngx_int_t                       rc;
    ngx_http_oauth_flight_table_t  *table;

    table = ngx_http_oauth_flight_lock();

    rc = ngx_http_oauth_flight_claims_free(ctx, table);

    if (rc == NGX_OK) {
        rc = ngx_http_oauth_flight_claims_take(ctx, table);
    }

    ngx_http_oauth_flight_unlock();

    if (rc == NGX_OK) {
        ngx_http_oauth_flight_own(ctx);
    }

    return rc;
}


static ngx_int_t
ngx_http_oauth_flight_claims_free(ngx_http_oauth_ctx_t *ctx,
    ngx_http_oauth_flight_table_t *table)
{
    ngx_uint_t                      i;
    ngx_http_oauth_flight_entry_t  *entry, *room;

    for (i = 0; i < ctx->nclaims; i++) {

        entry = ngx_http_oauth_flight_find(table, &ctx->claims[i].name,
                                           &room);

        if (entry && !ngx_http_oauth_flight_over(entry)) {
            ctx->flight_token = ctx->claims[i].name;
            return NGX_AGAIN;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_oauth_flight_claims_take(ngx_http_oauth_ctx_t *ctx,
    ngx_http_oauth_flight_table_t *table)
{
    ngx_uint_t                      i;
    ngx_http_oauth_flight_entry_t  *entry, *room;

    ctx->inherited = 0;

    for (i = 0; i < ctx->nclaims; i++) {

        entry = ngx_http_oauth_flight_find(table, &ctx->claims[i].name,
                                           &room);

        if (entry) {
            /* whoever had it has died, or it would be free */
            ctx->inherited = 1;

        } else if (room) {
            entry = room;

        } else {
            ngx_http_oauth_flight_claims_end(ctx, table);
            return NGX_BUSY;
        }

        if (ngx_http_oauth_flight_lock_name(ctx, &ctx->claims[i].name, entry)
            != NGX_OK)
        {
            ctx->flight_token = ctx->claims[i].name;
            ngx_http_oauth_flight_claims_end(ctx, table);
            return NGX_AGAIN;
        }

        ngx_http_oauth_flight_enter(table, entry, &ctx->claims[i].name);

        ctx->claims[i].serial = entry->serial;
    }

    return NGX_OK;
}


static void
ngx_http_oauth_flight_claims_keep(ngx_http_oauth_ctx_t *ctx,
    ngx_http_oauth_flight_table_t *table)
{
    ngx_uint_t                      i;
    ngx_http_oauth_flight_entry_t  *entry, *room;

    for (i = 0; i < ctx->nclaims; i++) {

        entry = ngx_http_oauth_flight_find(table, &ctx->claims[i].name,
                                           &room);

        if (entry && entry->serial == ctx->claims[i].serial) {
            entry->until = ngx_current_msec + NGX_HTTP_OAUTH_FLIGHT_LEASE;
        }
    }
}


/* Whatever came of it is in the ledger: nothing is remembered here. */

static void
ngx_http_oauth_flight_claims_end(ngx_http_oauth_ctx_t *ctx,
    ngx_http_oauth_flight_table_t *table)
{
    ngx_uint_t                      i;
    ngx_http_oauth_flight_entry_t  *entry, *room;

    for (i = 0; i < ctx->nclaims; i++) {

        entry = ngx_http_oauth_flight_find(table, &ctx->claims[i].name,
                                           &room);

        ngx_http_oauth_flight_unlock_name(&ctx->claims[i].name,
                                          ctx->claims[i].serial, entry);

        if (entry && entry->serial == ctx->claims[i].serial) {
            entry->state = NGX_HTTP_OAUTH_FLIGHT_FREE;
        }

        ctx->claims[i].serial = 0;
    }
}
