
/*
 * Copyright (C) The OAuth gateway authors
 */


#include "ngx_http_oauth_report.h"
#include "ngx_http_oauth_conf.h"
#include "ngx_http_oauth_ctx.h"
#include "ngx_http_oauth_provider.h"
#include "ngx_http_oauth_store.h"


/* The same event of one connection is told this often, with its count. */
#define NGX_HTTP_OAUTH_NOTE_EVERY    10000

/*
 * So many connections at once have a count of their own; the others share
 * one for each event and provider.
 */
#define NGX_HTTP_OAUTH_NOTES_MAX     1024
#define NGX_HTTP_OAUTH_NOTE_BUCKETS  256


typedef struct {
    ngx_queue_t                       bucket;
    ngx_queue_t                       order;   /* the next due comes first */
    const ngx_http_oauth_provider_t  *provider;
    uint64_t                          connection;
    uint64_t                          other;
    ngx_msec_t                        due;
    ngx_uint_t                        event;   /* ledger_event_kind_t */
    uint32_t                          count;   /* not told yet */
    size_t                            owner_len;
    u_char                            owner[LEDGER_IDENTITY_MAX];
} ngx_http_oauth_note_t;


typedef struct {
    ngx_queue_t                       buckets[NGX_HTTP_OAUTH_NOTE_BUCKETS];
    ngx_queue_t                       order;
    ngx_event_t                       timer;
    ngx_uint_t                        n;       /* of connections */
    ngx_uint_t                        ready;   /* unsigned  ready:1; */
} ngx_http_oauth_notes_t;


static ngx_http_oauth_note_t *ngx_http_oauth_note_get(
    const ngx_http_oauth_provider_t *provider, ngx_uint_t event,
    uint64_t connection);
static ngx_queue_t *ngx_http_oauth_note_bucket(ngx_uint_t event,
    uint64_t connection);
static void ngx_http_oauth_note_tell(ngx_http_oauth_note_t *note);
static void ngx_http_oauth_note_again(ngx_http_oauth_note_t *note);
static void ngx_http_oauth_note_free(ngx_http_oauth_note_t *note);
static void ngx_http_oauth_note_timer(ngx_event_t *ev);
static void ngx_http_oauth_note_contested(const ledger_effect_t *effect);


static ngx_http_oauth_notes_t  ngx_http_oauth_notes;


void
ngx_http_oauth_note(ngx_http_oauth_ctx_t *ctx, ngx_uint_t event,
    uint64_t connection, uint64_t other)
{
    ngx_http_oauth_note_t            *note;
    const ngx_http_oauth_provider_t  *provider;

    if (!ngx_http_oauth_notes.ready) {
        return;
    }

    provider = ctx ? ctx->provider : NULL;

    note = ngx_http_oauth_note_get(provider, event, connection);
    if (note == NULL) {
        return;
    }

    note->other = other;
    note->owner_len = 0;

    if (ctx && ctx->owner.len && ctx->owner.len <= LEDGER_IDENTITY_MAX) {
        note->owner_len = ctx->owner.len;
        ngx_memcpy(note->owner, ctx->owner.data, ctx->owner.len);
    }

    if (note->count < UINT32_MAX) {
        note->count++;
    }

    if (note->due == 0) {
        ngx_http_oauth_note_tell(note);
        ngx_http_oauth_note_again(note);
    }
}


void
ngx_http_oauth_note_problem(ngx_http_oauth_ctx_t *ctx, ngx_uint_t event)
{
    uint64_t                    connection, other;
    const ledger_connection_t  *c;

    connection = ctx->connection_id;
    other = 0;

    if (ctx->problem == NGX_HTTP_OAUTH_PROBLEM_TAKEOVER) {
        connection = ctx->holder;

        if (event == LEDGER_EVENT_REJECTED) {
            event = LEDGER_EVENT_TAKEOVER_REJECTED;
        }

    } else if (connection) {
        c = ngx_http_oauth_connection(ctx);

        if (c->id == connection) {
            other = c->superseded_by;
        }
    }

    ngx_http_oauth_note(ctx, event, connection, other);
}


/* NULL: no memory. */

static ngx_http_oauth_note_t *
ngx_http_oauth_note_get(const ngx_http_oauth_provider_t *provider,
    ngx_uint_t event, uint64_t connection)
{
    ngx_queue_t            *q, *bucket;
    ngx_http_oauth_note_t  *note;

    bucket = ngx_http_oauth_note_bucket(event, connection);

    for (q = ngx_queue_head(bucket);
         q != ngx_queue_sentinel(bucket);
         q = ngx_queue_next(q))
    {
        note = ngx_queue_data(q, ngx_http_oauth_note_t, bucket);

        if (note->event == event && note->connection == connection
            && note->provider == provider)
        {
            return note;
        }
    }

    if (connection && ngx_http_oauth_notes.n == NGX_HTTP_OAUTH_NOTES_MAX) {
        return ngx_http_oauth_note_get(provider, event, 0);
    }

    note = ngx_alloc(sizeof(ngx_http_oauth_note_t), ngx_cycle->log);
    if (note == NULL) {
        return NULL;
    }

    note->provider = provider;
    note->connection = connection;
    note->event = event;
    note->count = 0;
    note->due = 0;

    ngx_queue_insert_tail(bucket, &note->bucket);
    ngx_http_oauth_notes.n += (connection != 0);

    return note;
}


static ngx_queue_t *
ngx_http_oauth_note_bucket(ngx_uint_t event, uint64_t connection)
{
    return &ngx_http_oauth_notes.buckets[(connection + event * 31)
                                         % NGX_HTTP_OAUTH_NOTE_BUCKETS];
}


/* While the store cannot be written the count goes on. */

static void
ngx_http_oauth_note_tell(ngx_http_oauth_note_t *note)
{
    ledger_record_t  record;

    if (!ngx_http_oauth_store_writable()) {
        return;
    }

    ngx_memzero(&record, sizeof(ledger_record_t));

    record.kind = LEDGER_NOTE;
    record.at = ngx_http_oauth_now();
    record.u.note.event = (uint8_t) note->event;
    record.u.note.connection = note->connection;
    record.u.note.other = note->other;
    record.u.note.count = note->count;
    record.u.note.owner.data = note->owner;
    record.u.note.owner.len = note->owner_len;

    if (note->provider) {
        record.u.note.provider = ngx_http_oauth_slice(&note->provider->name);
    }

    if (ngx_http_oauth_commit(&record, NULL, NULL) != NULL) {
        note->count = 0;
    }
}


static void
ngx_http_oauth_note_again(ngx_http_oauth_note_t *note)
{
    note->due = ngx_current_msec + NGX_HTTP_OAUTH_NOTE_EVERY;

    if (note->due == 0) {
        note->due = 1;
    }

    ngx_queue_insert_tail(&ngx_http_oauth_notes.order, &note->order);

    if (!ngx_http_oauth_notes.timer.timer_set) {
        ngx_add_timer(&ngx_http_oauth_notes.timer, NGX_HTTP_OAUTH_NOTE_EVERY);
    }
}


static void
ngx_http_oauth_note_free(ngx_http_oauth_note_t *note)
{
    ngx_queue_remove(&note->bucket);
    ngx_http_oauth_notes.n -= (note->connection != 0);
    ngx_free(note);
}


static void
ngx_http_oauth_note_timer(ngx_event_t *ev)
{
    ngx_queue_t            *q;
    ngx_msec_int_t          left;
    ngx_http_oauth_note_t  *note;

    while (!ngx_queue_empty(&ngx_http_oauth_notes.order)) {

        q = ngx_queue_head(&ngx_http_oauth_notes.order);
        note = ngx_queue_data(q, ngx_http_oauth_note_t, order);
        left = (ngx_msec_int_t) (note->due - ngx_current_msec);

        if (left > 0) {
            ngx_add_timer(ev, (ngx_msec_t) left);
            return;
        }

        ngx_queue_remove(q);

        if (note->count == 0) {
            ngx_http_oauth_note_free(note);
            continue;
        }

        ngx_http_oauth_note_tell(note);
        ngx_http_oauth_note_again(note);
    }
}


void
ngx_http_oauth_note_effects(const ledger_effects_t *effects)
{
    size_t  i;

    for (i = 0; i < effects->n; i++) {

        if (effects->elts[i].kind == LEDGER_SUPERSESSION
            && !effects->elts[i].reconnect)
        {
            ngx_http_oauth_note_contested(&effects->elts[i]);
        }
    }
}


static void
ngx_http_oauth_note_contested(const ledger_effect_t *effect)
{
    u_char                       buf[LEDGER_CONNECTION_MAX];
    ledger_t                    *ledger;
    unsigned                     contested;
    ngx_str_t                    name;
    ledger_connection_t          c;
    ngx_http_oauth_provider_t   *provider;
    ngx_http_oauth_main_conf_t  *mcf;

    ledger = ngx_http_oauth_store();

    if (ledger == NULL
        || ledger_find(ledger, effect->connection, &c, buf) != LEDGER_OK)
    {
        return;
    }

    mcf = ngx_http_cycle_get_module_main_conf(ngx_cycle,
                                              ngx_http_oauth_gateway_module);
    name.data = (u_char *) c.provider.data;
    name.len = c.provider.len;

    provider = ngx_http_oauth_provider_find(mcf, &name);

    if (provider == NULL
        || ledger_contested(ledger, &c, effect->limit, ngx_http_oauth_now(),
                            (unsigned) provider->contests,
                            provider->contest_window, &contested)
           != LEDGER_OK
        || !contested)
    {
        return;
    }

    ngx_http_oauth_note(NULL, LEDGER_EVENT_CONTESTED, effect->connection,
                        effect->other);
}


void
ngx_http_oauth_note_init(ngx_cycle_t *cycle)
{
    ngx_uint_t               i;
    ngx_http_oauth_notes_t  *notes;

    notes = &ngx_http_oauth_notes;

    ngx_memzero(notes, sizeof(ngx_http_oauth_notes_t));

    for (i = 0; i < NGX_HTTP_OAUTH_NOTE_BUCKETS; i++) {
        ngx_queue_init(&notes->buckets[i]);
    }

    ngx_queue_init(&notes->order);

    notes->timer.handler = ngx_http_oauth_note_timer;
    notes->timer.data = notes;
    notes->timer.log = cycle->log;
    notes->timer.cancelable = 1;
    notes->ready = 1;
}


void
ngx_http_oauth_note_flush(void)
{
    ngx_queue_t            *q;
    ngx_http_oauth_note_t  *note;

    if (!ngx_http_oauth_notes.ready) {
        return;
    }

    while (!ngx_queue_empty(&ngx_http_oauth_notes.order)) {

        q = ngx_queue_head(&ngx_http_oauth_notes.order);
        note = ngx_queue_data(q, ngx_http_oauth_note_t, order);

        if (note->count) {
            ngx_http_oauth_note_tell(note);
        }

        ngx_queue_remove(q);
        ngx_http_oauth_note_free(note);
    }

    ngx_http_oauth_notes.ready = 0;
}
