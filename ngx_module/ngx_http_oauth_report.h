
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * What is told of changes and events: to the log, and to the ledger.
 */

#ifndef _NGX_HTTP_OAUTH_REPORT_H_INCLUDED_
#define _NGX_HTTP_OAUTH_REPORT_H_INCLUDED_


#include "ngx_http_oauth_gateway.h"


/* ngx_http_oauth_report.c: what the log says of a change */

void ngx_http_oauth_report(const ledger_effects_t *effects, ngx_log_t *log);

/* Copies text with everything that a log line must not hold replaced. */

#define NGX_HTTP_OAUTH_LOG_MAX  64

u_char *ngx_http_oauth_report_safe(u_char *p, const u_char *text,
    size_t len);


/* ngx_http_oauth_note.c: what happens and changes no state */

/*
 * ngx_http_oauth_note() tells of an event (ledger_event_kind_t, one that a
 * note may have) of a connection, both ids 0 where there is none.  "ctx"
 * (NULL allowed) says who asked of which provider.  The first is written at
 * once; then at most one every ten seconds, with the count.
 *
 * ngx_http_oauth_note_problem() tells of the request's problem: "event" is
 * LEDGER_EVENT_REJECTED or LEDGER_EVENT_FLAGGED.
 *
 * ngx_http_oauth_note_effects() tells of slots that effects left contested.
 */

void ngx_http_oauth_note(ngx_http_oauth_ctx_t *ctx, ngx_uint_t event,
    uint64_t connection, uint64_t other);
void ngx_http_oauth_note_problem(ngx_http_oauth_ctx_t *ctx,
    ngx_uint_t event);
void ngx_http_oauth_note_effects(const ledger_effects_t *effects);

/* The second gives what is counted to the writer: the worker exits. */

void ngx_http_oauth_note_init(ngx_cycle_t *cycle);
void ngx_http_oauth_note_flush(void);


#endif /* _NGX_HTTP_OAUTH_REPORT_H_INCLUDED_ */
