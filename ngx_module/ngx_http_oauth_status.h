
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * What the files behind oauth_status share: the answers' form and the parts
 * of a resource's name.
 */

#ifndef _NGX_HTTP_OAUTH_STATUS_H_INCLUDED_
#define _NGX_HTTP_OAUTH_STATUS_H_INCLUDED_


#include "ngx_http_oauth_gateway.h"

#include <jansson.h>

#include "ledger_connection.h"


/* ngx_http_oauth_status.c: from a request to a resource */

/*
 * The second part of the resource's name, as in connections/ID, in the
 * request's memory; empty if there is none.
 */

ledger_slice_t ngx_http_oauth_status_name(ngx_http_request_t *r);


/* ngx_http_oauth_status_answer.c: what all answers have in common */

/*
 * ngx_http_oauth_status_json() sends "doc", which it takes over; NULL is
 * taken for no memory.  ngx_http_oauth_status_problem() sends a problem
 * document (RFC 9457) whose type ends in "word"; all texts are plain ASCII.
 * The result is what a content handler returns.
 */

ngx_int_t ngx_http_oauth_status_json(ngx_http_request_t *r, json_t *doc);
ngx_int_t ngx_http_oauth_status_json_with(ngx_http_request_t *r,
    ngx_uint_t status, json_t *doc);
ngx_int_t ngx_http_oauth_status_problem(ngx_http_request_t *r,
    ngx_uint_t status, const char *word, const char *title,
    const char *detail);

/* The ones that several resources answer with. */

ngx_int_t ngx_http_oauth_status_not_found(ngx_http_request_t *r);
ngx_int_t ngx_http_oauth_status_unavailable(ngx_http_request_t *r);

/* The same with a text of "len" bytes, whose last buffer is marked here. */

ngx_int_t ngx_http_oauth_status_chain(ngx_http_request_t *r,
    ngx_chain_t *text, off_t len);


/* ngx_http_oauth_status_turns.c: one page of a list */

/*
 * A page is made in turns of a few rows, with the events of other requests
 * between them: no call waits behind a page.  Each turn reads by itself, from
 * where the one before ended, as the next page would.
 */

#define NGX_HTTP_OAUTH_STATUS_CURSOR_MAX  64

typedef struct ngx_http_oauth_status_turns_s  ngx_http_oauth_status_turns_t;

/*
 * Adds at most "max" items and sets turns->next, the cursor behind them, or
 * to nothing at the end of the list.  NGX_AGAIN; else the request is answered,
 * and this is what a content handler returns.
 */

typedef ngx_int_t (*ngx_http_oauth_status_turn_pt)(
    ngx_http_oauth_status_turns_t *turns, size_t max, json_t *items);

struct ngx_http_oauth_status_turns_s {
    ngx_http_request_t             *request;
    void                           *data;    /* the turn's own */
    char                            next[NGX_HTTP_OAUTH_STATUS_CURSOR_MAX
                                         + 1];

    /* of the page, not for a turn */

    ngx_http_oauth_status_turn_pt   turn;
    size_t                          left;    /* items */
    ngx_uint_t                      turns;   /* left: a page may be short */
    ngx_event_t                     event;
    ngx_chain_t                    *out;
    ngx_chain_t                   **last;
    off_t                           len;
    unsigned                        any:1;   /* item is there */
};

/*
 * Sends a page of up to "limit" items.  "data" lives as long as the request.
 * The result is what a content handler returns.
 */

ngx_int_t ngx_http_oauth_status_turns(ngx_http_request_t *r,
    ngx_http_oauth_status_turn_pt turn, void *data, size_t limit);

/* Writes a number as a cursor; 0: the end of the list. */

void ngx_http_oauth_status_next(ngx_http_oauth_status_turns_t *turns,
    uint64_t next);


/* ngx_http_oauth_status_query.c: parameters of the query string */

typedef struct {
    const char      *name;               /* NULL: the end of a list */
    ledger_slice_t   value;              /* in the request's pool; empty:
                                            it is not there */
} ngx_http_oauth_status_arg_t;


/*
 * All return NGX_DECLINED if the parameters are good, also where there is
 * none; else the request was answered, and a content handler returns this.
 *
 * ngx_http_oauth_status_query() takes the parameters that "args" names, and
 * no others; ngx_http_oauth_status_none() takes none at all.
 */

ngx_int_t ngx_http_oauth_status_query(ngx_http_request_t *r,
    ngx_http_oauth_status_arg_t *args);
ngx_int_t ngx_http_oauth_status_none(ngx_http_request_t *r);
ngx_int_t ngx_http_oauth_status_cursor(ngx_http_request_t *r,
    const ngx_http_oauth_status_arg_t *arg, uint64_t *number);
ngx_int_t ngx_http_oauth_status_limit(ngx_http_request_t *r,
    const ngx_http_oauth_status_arg_t *arg, size_t *limit);

/* The index of one of the words, which NULL ends; 0 where there is none. */

ngx_int_t ngx_http_oauth_status_word(ngx_http_request_t *r,
    const ngx_http_oauth_status_arg_t *arg, const char *const *words,
    ngx_uint_t *found);

/* Answers 400. */

ngx_int_t ngx_http_oauth_status_bad(ngx_http_request_t *r,
    const char *detail);

/* A number above 0 in the one way that we write it.  NGX_OK or NGX_ERROR. */

ngx_int_t ngx_http_oauth_status_number(ledger_slice_t text,
    uint64_t *number);


/* ngx_http_oauth_status_item.c: what lists are made of */

/* Indexed by ledger_state_t; NULL ends it. */

extern const char  *const ngx_http_oauth_status_states[];

/*
 * ngx_http_oauth_status_item() is a connection, ngx_http_oauth_status_brief()
 * no more than its id and owner.  NULL: no memory.
 */

json_t *ngx_http_oauth_status_item(const ledger_connection_t *c,
    ledger_ms_t now);
json_t *ngx_http_oauth_status_brief(uint64_t id, ledger_slice_t owner);

/* The state that a connection has at "now": ledger_state_t. */

ngx_uint_t ngx_http_oauth_status_state(const ledger_connection_t *c,
    ledger_ms_t now);

/* The provider's block of today; NULL: there is none of that name. */

ngx_http_oauth_provider_t *ngx_http_oauth_status_provider(
    ledger_slice_t name);

/*
 * Members.  What is unknown (empty, 0) becomes null.  0, or -1 if there is
 * no memory: "or" them together.
 */

int ngx_http_oauth_status_text(json_t *object, const char *name,
    ledger_slice_t text);
int ngx_http_oauth_status_id(json_t *object, const char *name, uint64_t id);
int ngx_http_oauth_status_time(json_t *object, const char *name,
    ledger_ms_t at);


/* ngx_http_oauth_status_connections.c */

ngx_int_t ngx_http_oauth_status_connections(ngx_http_request_t *r);
ngx_int_t ngx_http_oauth_status_connection(ngx_http_request_t *r);

/* Answers with that connection, or why not. */

ngx_int_t ngx_http_oauth_status_one(ngx_http_request_t *r, uint64_t id);


/* ngx_http_oauth_status_slots.c */

ngx_int_t ngx_http_oauth_status_slots(ngx_http_request_t *r);


/* ngx_http_oauth_status_events.c */

ngx_int_t ngx_http_oauth_status_events(ngx_http_request_t *r);

/* Adds a page's events; NGX_OK or NGX_ERROR. */

ngx_int_t ngx_http_oauth_status_event_items(json_t *items,
    const ledger_page_t *page);

/* NULL: no memory. */

json_t *ngx_http_oauth_status_event(const ledger_event_t *event);
const char *ngx_http_oauth_status_event_word(const ledger_event_t *event);


/* ngx_http_oauth_status_story.c: the events of one connection */

ngx_int_t ngx_http_oauth_status_story(ngx_http_request_t *r);


/* ngx_http_oauth_status_stream.c */

/* Events as they happen, behind "after"; NULL: from now on. */

ngx_int_t ngx_http_oauth_status_stream(ngx_http_request_t *r,
    const uint64_t *after);


/* ngx_http_oauth_status_introspect.c */

ngx_int_t ngx_http_oauth_status_introspect(ngx_http_request_t *r);


/* ngx_http_oauth_status_orders.c: release and reinstate */

ngx_int_t ngx_http_oauth_status_release(ngx_http_request_t *r);
ngx_int_t ngx_http_oauth_status_reinstate(ngx_http_request_t *r);


/* ngx_http_oauth_page.c: the connections page */

/*
 * ngx_http_oauth_page_init() makes the page and its policy, once for a
 * configuration: NGX_OK or NGX_ERROR.  ngx_http_oauth_page_handler() sends
 * it, or to its script what that must know first.
 */

ngx_int_t ngx_http_oauth_page_init(ngx_conf_t *cf,
    ngx_http_oauth_main_conf_t *mcf);
ngx_int_t ngx_http_oauth_page_handler(ngx_http_request_t *r);


char *ngx_http_oauth_status(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/*
 * ngx_http_oauth_status_merged() keeps the names of the server, and takes
 * down that a location may be written to, NGX_OK or NGX_ERROR;
 * ngx_http_oauth_status_check() warns of those that can be reached from
 * outside of this machine.
 */

ngx_int_t ngx_http_oauth_status_merged(ngx_conf_t *cf,
    ngx_http_oauth_loc_conf_t *lcf);
void ngx_http_oauth_status_check(ngx_conf_t *cf,
    ngx_http_oauth_main_conf_t *mcf);


/* ngx_http_oauth_metrics.c and ngx_http_oauth_health.c: for monitoring */

ngx_int_t ngx_http_oauth_metrics_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_oauth_health_handler(ngx_http_request_t *r);


#endif /* _NGX_HTTP_OAUTH_STATUS_H_INCLUDED_ */
