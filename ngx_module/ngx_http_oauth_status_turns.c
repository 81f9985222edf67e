
/*
 * Copyright (C) The OAuth gateway authors
 */


#include "ngx_http_oauth_status.h"


/* A row takes some 20 us: no turn takes much longer than a call does. */
#define NGX_HTTP_OAUTH_TURN_ROWS    10

/* Turns more than the rows need, for those that find fewer. */
#define NGX_HTTP_OAUTH_TURNS_SPARE  10


static ngx_int_t ngx_http_oauth_status_turns_run(
    ngx_http_oauth_status_turns_t *turns);
static ngx_int_t ngx_http_oauth_status_turns_rows(
    ngx_http_oauth_status_turns_t *turns);
static ngx_int_t ngx_http_oauth_status_turns_wait(
    ngx_http_oauth_status_turns_t *turns);
static void ngx_http_oauth_status_turns_event(ngx_event_t *ev);
static void ngx_http_oauth_status_turns_cleanup(void *data);
static ngx_int_t ngx_http_oauth_status_turns_add(
    ngx_http_oauth_status_turns_t *turns, json_t *items);
static ngx_int_t ngx_http_oauth_status_turns_text(
    ngx_http_oauth_status_turns_t *turns, const char *text, size_t len);
static ngx_int_t ngx_http_oauth_status_turns_send(
    ngx_http_oauth_status_turns_t *turns);


ngx_int_t
ngx_http_oauth_status_turns(ngx_http_request_t *r,
    ngx_http_oauth_status_turn_pt turn, void *data, size_t limit)
{
    ngx_int_t                       rc;
    ngx_pool_cleanup_t             *cln;
    ngx_http_oauth_status_turns_t  *turns;

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_oauth_status_turns_t));
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    turns = cln->data;
    ngx_memzero(turns, sizeof(ngx_http_oauth_status_turns_t));

    cln->handler = ngx_http_oauth_status_turns_cleanup;

    turns->request = r;
    turns->turn = turn;
    turns->data = data;
    turns->left = limit;
    turns->turns = limit / NGX_HTTP_OAUTH_TURN_ROWS
                   + NGX_HTTP_OAUTH_TURNS_SPARE;
    turns->last = &turns->out;

    turns->event.handler = ngx_http_oauth_status_turns_event;
    turns->event.data = turns;
    turns->event.log = r->connection->log;

    if (ngx_http_oauth_status_turns_text(turns, "{\"items\":", 9) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_oauth_status_turns_run(turns);

    return rc == NGX_AGAIN ? ngx_http_oauth_status_turns_wait(turns) : rc;
}


/* NGX_AGAIN: the page needs another turn; else what a handler returns. */

static ngx_int_t
ngx_http_oauth_status_turns_run(ngx_http_oauth_status_turns_t *turns)
{
    ngx_int_t  rc;

    rc = ngx_http_oauth_status_turns_rows(turns);

    /* sent, but the client takes it slowly: nginx sees to the rest */

    return rc == NGX_AGAIN && turns->request->header_sent ? NGX_OK : rc;
}


static ngx_int_t
ngx_http_oauth_status_turns_rows(ngx_http_oauth_status_turns_t *turns)
{
    size_t      n;
    json_t     *items;
    ngx_int_t   rc;

    items = json_array();
    if (items == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = turns->turn(turns, ngx_min(turns->left, NGX_HTTP_OAUTH_TURN_ROWS),
                     items);

    n = json_array_size(items);

    if (rc == NGX_AGAIN && turns->request->header_sent) {
        json_decref(items);
        return rc;
    }

    if (rc == NGX_AGAIN && n
        && ngx_http_oauth_status_turns_add(turns, items) != NGX_OK)
    {
        rc = NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    json_decref(items);

    if (rc != NGX_AGAIN) {
        return rc;
    }

    turns->left -= ngx_min(n, turns->left);
    turns->turns--;

    return turns->left && turns->turns && turns->next[0]
           ? NGX_AGAIN : ngx_http_oauth_status_turns_send(turns);
}


static ngx_int_t
ngx_http_oauth_status_turns_wait(ngx_http_oauth_status_turns_t *turns)
{
    ngx_http_request_t  *r;

    r = turns->request;

    /* a client that hangs up leaves: its pool takes the event with it */

    if (ngx_handle_read_event(r->connection->read, 0) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    r->main->count++;

    ngx_post_event(&turns->event, &ngx_posted_next_events);

    return NGX_DONE;
}


static void
ngx_http_oauth_status_turns_event(ngx_event_t *ev)
{
    ngx_int_t                       rc;
    ngx_connection_t               *c;
    ngx_http_request_t             *r;
    ngx_http_oauth_status_turns_t  *turns;

    turns = ev->data;
    r = turns->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    rc = ngx_http_oauth_status_turns_run(turns);

    if (rc == NGX_AGAIN) {
        ngx_post_event(&turns->event, &ngx_posted_next_events);
        return;
    }

    r->read_event_handler = ngx_http_block_reading;

    ngx_http_finalize_request(r, rc);
    ngx_http_run_posted_requests(c);
}


static void
ngx_http_oauth_status_turns_cleanup(void *data)
{
    ngx_http_oauth_status_turns_t  *turns = data;

    if (turns->event.posted) {
        ngx_delete_posted_event(&turns->event);
    }
}


/*
 * The items are written out in their own turn: to write all of them at the
 * end would be the longest turn of all.  So only the brackets around them
 * are not jansson's.
 */

static ngx_int_t
ngx_http_oauth_status_turns_add(ngx_http_oauth_status_turns_t *turns,
    json_t *items)
{
    char                *text;
    ngx_pool_cleanup_t  *cln;

    cln = ngx_pool_cleanup_add(turns->request->pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    text = json_dumps(items, JSON_COMPACT);
    if (text == NULL) {
        return NGX_ERROR;
    }

    cln->handler = free;
    cln->data = text;

    text[0] = turns->any ? ',' : '[';
    turns->any = 1;

    return ngx_http_oauth_status_turns_text(turns, text, strlen(text) - 1);
}


static ngx_int_t
ngx_http_oauth_status_turns_text(ngx_http_oauth_status_turns_t *turns,
    const char *text, size_t len)
{
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    cl = ngx_alloc_chain_link(turns->request->pool);
    if (cl == NULL) {
        return NGX_ERROR;
    }

    b = ngx_calloc_buf(turns->request->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->memory = 1;
    b->pos = (u_char *) text;
    b->last = b->pos + len;

    cl->buf = b;
    cl->next = NULL;

    *turns->last = cl;
    turns->last = &cl->next;
    turns->len += len;

    return NGX_OK;
}


static ngx_int_t
ngx_http_oauth_status_turns_send(ngx_http_oauth_status_turns_t *turns)
{
    u_char  *p, *end;
    size_t   size;

    size = sizeof("[],\"next\":\"\"}") + NGX_HTTP_OAUTH_STATUS_CURSOR_MAX;

    p = ngx_pnalloc(turns->request->pool, size);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* a cursor is of digits */

    end = turns->next[0]
          ? ngx_snprintf(p, size, "%s],\"next\":\"%s\"}",
                         turns->any ? "" : "[", turns->next)
          : ngx_snprintf(p, size, "%s],\"next\":null}",
                         turns->any ? "" : "[");

    if (ngx_http_oauth_status_turns_text(turns, (char *) p, end - p)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_oauth_status_chain(turns->request, turns->out,
                                       turns->len);
}


void
ngx_http_oauth_status_next(ngx_http_oauth_status_turns_t *turns, uint64_t next)
{
    u_char  *last;

    last = (u_char *) turns->next;

    if (next) {
        last = ngx_sprintf(last, "%uL", next);
    }

    *last = '\0';
}
