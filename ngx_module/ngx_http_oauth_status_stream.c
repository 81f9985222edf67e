
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * Server-sent events.  One timer a worker looks for new events while there
 * are streams; each stream writes from one buffer of its own, and only when
 * the client has taken what was written before.
 */

#include "ngx_http_oauth_status.h"
#include "ngx_http_oauth_header.h"
#include "ngx_http_oauth_store.h"


#define NGX_HTTP_OAUTH_STREAMS_MAX        64
#define NGX_HTTP_OAUTH_STREAM_EVERY       250

/* Proxies close what is silent for a minute, some sooner. */
#define NGX_HTTP_OAUTH_STREAM_BEAT        15000

/* An event with all names at their bounds is below 8 KB. */
#define NGX_HTTP_OAUTH_STREAM_BUF         32768
#define NGX_HTTP_OAUTH_STREAM_EVENT_MAX   16384
#define NGX_HTTP_OAUTH_STREAM_PAGE        64


typedef struct {
    ngx_queue_t           queue;
    ngx_http_request_t   *request;       /* NULL: it has ended */
    uint64_t              after;         /* the last event that was sent */
    ngx_msec_t            beat;          /* when it is silent too long */
    ngx_buf_t            *buf;
} ngx_http_oauth_stream_t;


typedef struct {
    ngx_queue_t           streams;
    ngx_uint_t            n;
    ngx_event_t           timer;
} ngx_http_oauth_streams_t;


static ngx_int_t ngx_http_oauth_stream_start(ngx_http_request_t *r,
    const uint64_t *after, uint64_t *from);
static ngx_int_t ngx_http_oauth_stream_open(ngx_http_request_t *r,
    uint64_t after);
static ngx_int_t ngx_http_oauth_stream_header(ngx_http_request_t *r);
static void ngx_http_oauth_stream_cleanup(void *data);
static void ngx_http_oauth_stream_timer(ngx_event_t *ev);
static uint64_t ngx_http_oauth_stream_last(void);
static ngx_int_t ngx_http_oauth_stream_feed(ngx_http_oauth_stream_t *stream,
    uint64_t last);
static ngx_int_t ngx_http_oauth_stream_events(
    ngx_http_oauth_stream_t *stream);
static ngx_int_t ngx_http_oauth_stream_event(ngx_http_oauth_stream_t *stream,
    const ledger_event_t *event);
static ngx_int_t ngx_http_oauth_stream_write(ngx_http_request_t *r,
    ngx_chain_t *out);
static void ngx_http_oauth_stream_writer(ngx_http_request_t *r);
static void ngx_http_oauth_stream_end(ngx_http_oauth_stream_t *stream,
    ngx_int_t rc);


static ngx_http_oauth_streams_t  ngx_http_oauth_streams;


ngx_int_t
ngx_http_oauth_status_stream(ngx_http_request_t *r, const uint64_t *after)
{
    uint64_t   from;
    ngx_int_t  rc;

    /*
     * Not so of a worker that exits: a refusal ends a browser's stream for
     * good.  One that begins and ends at once is taken up elsewhere.
     */

    if (ngx_http_oauth_streams.n >= NGX_HTTP_OAUTH_STREAMS_MAX) {
        return ngx_http_oauth_status_problem(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                         "too-many-streams",
                         "There are too many streams already",
                         "A worker serves at most 64 streams of events.");
    }

    rc = ngx_http_oauth_stream_start(r, after, &from);
    if (rc != NGX_DECLINED) {
        return rc;
    }

    return ngx_http_oauth_stream_open(r, from);
}


/* A browser that connects again says where it was; else from now on. */

static ngx_int_t
ngx_http_oauth_stream_start(ngx_http_request_t *r, const uint64_t *after,
    uint64_t *from)
{
    ledger_t                     *ledger;
    ngx_table_elt_t              *h;
    ngx_http_oauth_status_arg_t   arg;

    h = ngx_http_oauth_header_in(r, "Last-Event-ID", NULL);

    if (h != NULL) {
        arg.name = "after";
        arg.value = ngx_http_oauth_slice(&h->value);

        return ngx_http_oauth_status_cursor(r, &arg, from);
    }

    if (after != NULL) {
        *from = *after;
        return NGX_DECLINED;
    }

    ledger = ngx_http_oauth_store();

    if (ledger == NULL || ledger_history_last(ledger, from) != LEDGER_OK) {
        return ngx_http_oauth_status_unavailable(r);
    }

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_oauth_stream_open(ngx_http_request_t *r, uint64_t after)
{
    ngx_int_t                  rc;
    ngx_http_cleanup_t        *cln;
    ngx_http_oauth_stream_t   *stream;
    ngx_http_oauth_streams_t  *streams;

    streams = &ngx_http_oauth_streams;

    stream = ngx_pcalloc(r->pool, sizeof(ngx_http_oauth_stream_t));
    if (stream == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    stream->buf = ngx_create_temp_buf(r->pool, NGX_HTTP_OAUTH_STREAM_BUF);
    if (stream->buf == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cln = ngx_http_cleanup_add(r, 0);
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_oauth_stream_header(r);
    if (rc != NGX_OK) {
        return rc;
    }

    cln->handler = ngx_http_oauth_stream_cleanup;
    cln->data = stream;

    stream->request = r;
    stream->after = after;
    stream->beat = ngx_current_msec;

    if (streams->n == 0) {
        ngx_queue_init(&streams->streams);

        streams->timer.handler = ngx_http_oauth_stream_timer;
        streams->timer.data = streams;
        streams->timer.log = ngx_cycle->log;
    }

    ngx_queue_insert_tail(&streams->streams, &stream->queue);
    streams->n++;

    if (!streams->timer.timer_set) {
        ngx_add_timer(&streams->timer, NGX_HTTP_OAUTH_STREAM_EVERY);
    }

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_oauth_stream_writer;

    r->main->count++;

    /*
     * The header is put off until there is more to write.  What the client
     * has missed, or else the first beat, tells it that the stream is there.
     */

    if (ngx_http_send_special(r, NGX_HTTP_FLUSH) == NGX_ERROR
        || ngx_http_oauth_stream_feed(stream, ngx_http_oauth_stream_last())
           != NGX_OK)
    {
        ngx_http_oauth_stream_end(stream, NGX_ERROR);
    }

    return NGX_DONE;
}


static ngx_int_t
ngx_http_oauth_stream_header(ngx_http_request_t *r)
{
    ngx_int_t  rc;
    ngx_str_t  value;

    ngx_str_set(&value, "no-store");

    if (ngx_http_oauth_header_set(r, "Cache-Control", &value) == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_str_set(&value, "nosniff");

    if (ngx_http_oauth_header_set(r, "X-Content-Type-Options", &value)
        == NULL)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_str_set(&value, "no");

    if (ngx_http_oauth_header_set(r, "X-Accel-Buffering", &value) == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_str_set(&r->headers_out.content_type, "text/event-stream");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;
    r->headers_out.status = NGX_HTTP_OK;

    ngx_http_clear_content_length(r);

    rc = ngx_http_send_header(r);

    if (rc == NGX_OK && r->header_only) {
        return NGX_DONE;
    }

    return rc;
}


static void
ngx_http_oauth_stream_cleanup(void *data)
{
    ngx_http_oauth_stream_t *stream = data;

    if (stream->request == NULL) {
        return;
    }

    stream->request = NULL;

    ngx_queue_remove(&stream->queue);
    ngx_http_oauth_streams.n--;
}


/*
 * The timer keeps an exiting worker only until it has fired once more, which
 * ends all streams: clients connect again, and find a new worker.
 */

static void
ngx_http_oauth_stream_timer(ngx_event_t *ev)
{
    uint64_t                  last;
    ngx_queue_t              *q, *next;
    ngx_connection_t         *c;
    ngx_http_oauth_stream_t  *stream;

    last = ngx_http_oauth_stream_last();

    for (q = ngx_queue_head(&ngx_http_oauth_streams.streams);
         q != ngx_queue_sentinel(&ngx_http_oauth_streams.streams);
         q = next)
    {
        next = ngx_queue_next(q);
        stream = ngx_queue_data(q, ngx_http_oauth_stream_t, queue);
        c = stream->request->connection;

        if (ngx_exiting) {
            ngx_http_oauth_stream_end(stream,
                          ngx_http_send_special(stream->request,
                                                NGX_HTTP_LAST));

        } else if (ngx_http_oauth_stream_feed(stream, last) != NGX_OK) {
            ngx_http_oauth_stream_end(stream, NGX_ERROR);

        } else {
            continue;
        }

        ngx_http_run_posted_requests(c);

        /* others of its connection may have ended with it */
        next = ngx_queue_head(&ngx_http_oauth_streams.streams);
    }

    if (ngx_http_oauth_streams.n) {
        ngx_add_timer(ev, NGX_HTTP_OAUTH_STREAM_EVERY);
    }
}


/* The newest event; 0 while the ledger cannot be read. */

static uint64_t
ngx_http_oauth_stream_last(void)
{
    uint64_t   last;
    ledger_t  *ledger;

    ledger = ngx_http_oauth_store();

    return (ledger && ledger_history_last(ledger, &last) == LEDGER_OK) ? last
                                                                       : 0;
}


/* NGX_OK; NGX_ERROR: the stream must end. */

static ngx_int_t
ngx_http_oauth_stream_feed(ngx_http_oauth_stream_t *stream, uint64_t last)
{
    ngx_chain_t          out;
    ngx_http_request_t  *r;

    r = stream->request;

    if (r->out != NULL || r->connection->buffered
        || stream->buf->pos != stream->buf->last)
    {
        /* the client is slow: what is new waits in the ledger */
        return NGX_OK;
    }

    stream->buf->pos = stream->buf->start;
    stream->buf->last = stream->buf->start;

    if (last > stream->after
        && ngx_http_oauth_stream_events(stream) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (stream->buf->last == stream->buf->start) {

        if ((ngx_msec_int_t) (stream->beat - ngx_current_msec) > 0) {
            return NGX_OK;
        }

        stream->buf->last = ngx_cpymem(stream->buf->last, ":\n\n",
                                       sizeof(":\n\n") - 1);
    }

    stream->beat = ngx_current_msec + NGX_HTTP_OAUTH_STREAM_BEAT;
    stream->buf->flush = 1;

    out.buf = stream->buf;
    out.next = NULL;

    return ngx_http_oauth_stream_write(r, &out);
}


/* As many events as the buffer takes; the others have their turn. */

static ngx_int_t
ngx_http_oauth_stream_events(ngx_http_oauth_stream_t *stream)
{
    size_t           i;
    ledger_t        *ledger;
    ngx_int_t        rc;
    ledger_page_t    page;
    ledger_event_t   event;

    ngx_memzero(&page, sizeof(ledger_page_t));

    ledger = ngx_http_oauth_store();
    rc = NGX_OK;

    if (ledger == NULL
        || ledger_history(ledger, stream->after, NGX_HTTP_OAUTH_STREAM_PAGE,
                          &page)
           != LEDGER_OK)
    {
        rc = NGX_DECLINED;
    }

    for (i = 0; rc == NGX_OK && i < page.n; i++) {

        if (ledger_page_event(&page, i, &event) != LEDGER_OK) {
            rc = NGX_ERROR;

        } else {
            rc = ngx_http_oauth_stream_event(stream, &event);
        }
    }

    ledger_page_free(&page);

    return (rc == NGX_ERROR) ? NGX_ERROR : NGX_OK;
}


/* NGX_DECLINED: there is no room for it now. */

static ngx_int_t
ngx_http_oauth_stream_event(ngx_http_oauth_stream_t *stream,
    const ledger_event_t *event)
{
    char    *text;
    size_t   len;
    json_t  *item;

    item = ngx_http_oauth_status_event(event);
    text = item ? json_dumps(item, JSON_COMPACT) : NULL;

    json_decref(item);

    if (text == NULL) {
        return NGX_ERROR;
    }

    len = ngx_strlen(text);

    if (len > NGX_HTTP_OAUTH_STREAM_EVENT_MAX) {
        free(text);
        return NGX_ERROR;
    }

    /* beside the text there are a number, a word and three names */

    if ((size_t) (stream->buf->end - stream->buf->last) < len + 128) {
        free(text);
        return NGX_DECLINED;
    }

    stream->buf->last = ngx_sprintf(stream->buf->last,
                                    "id: %uL\nevent: %s\ndata: %s\n\n",
                                    event->number,
                                    ngx_http_oauth_status_event_word(event),
                                    text);
    stream->after = event->number;

    free(text);

    return NGX_OK;
}


static ngx_int_t
ngx_http_oauth_stream_write(ngx_http_request_t *r, ngx_chain_t *out)
{
    ngx_event_t               *wev;
    ngx_http_core_loc_conf_t  *clcf;

    if (ngx_http_output_filter(r, out) == NGX_ERROR) {
        return NGX_ERROR;
    }

    wev = r->connection->write;
    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (r->connection->buffered || r->out) {

        if (!wev->timer_set) {
            ngx_add_timer(wev, clcf->send_timeout);
        }

    } else if (wev->timer_set) {
        ngx_del_timer(wev);
    }

    return ngx_handle_write_event(wev, clcf->send_lowat);
}


static void
ngx_http_oauth_stream_writer(ngx_http_request_t *r)
{
    ngx_connection_t  *c;

    c = r->connection;

    if (c->write->timedout) {
        ngx_log_error(NGX_LOG_INFO, c->log, NGX_ETIMEDOUT,
                      "client timed out");
        c->timedout = 1;
        ngx_http_finalize_request(r, NGX_HTTP_REQUEST_TIME_OUT);
        return;
    }

    if (ngx_http_oauth_stream_write(r, NULL) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_ERROR);
    }
}


static void
ngx_http_oauth_stream_end(ngx_http_oauth_stream_t *stream, ngx_int_t rc)
{
    ngx_http_request_t  *r;

    r = stream->request;

    ngx_http_oauth_stream_cleanup(stream);
    ngx_http_finalize_request(r, rc);
}
