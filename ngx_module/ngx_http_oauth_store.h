
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * The ledger of this worker: opened, read, and written to.
 */

#ifndef _NGX_HTTP_OAUTH_STORE_H_INCLUDED_
#define _NGX_HTTP_OAUTH_STORE_H_INCLUDED_


#include "ngx_http_oauth_gateway.h"

#include "ledger_keyring.h"


/* ngx_http_oauth_store.c: the ledger of this worker */

/*
 * The worker's ledger, or NULL while it cannot be opened.  "writable" is
 * false too after a commit failed, until a probe succeeds.
 */

ledger_t *ngx_http_oauth_store(void);
const ledger_keyring_t *ngx_http_oauth_store_keyring(void);
ngx_uint_t ngx_http_oauth_store_writable(void);

/* Why it cannot be opened or written; NULL: it can. */

const char *ngx_http_oauth_store_trouble(void);
void ngx_http_oauth_store_failed(ledger_rc_t rc, ngx_log_t *log);
void ngx_http_oauth_store_succeeded(void);

/* A commit has no end: as after a failed one, until it has. */

void ngx_http_oauth_store_late(ngx_log_t *log);
const char *ngx_http_oauth_store_error(ledger_rc_t rc);

/*
 * ngx_http_oauth_store_judge() looks a token up; the result is the worker's
 * and good until the next call.  "id" is the name that was found, or the
 * one under the first key.  NULL: the ledger cannot be read.
 *
 * ngx_http_oauth_store_look() does the same for what comes on every call:
 * it tells less, and mostly from memory.
 *
 * ngx_http_oauth_store_name() names a token of an answer: as it was named
 * before, if it was, so that a token that is repeated after a change of keys
 * is known.  *key is the id of that key.  NGX_OK or NGX_ERROR.
 */

const ledger_judgement_t *ngx_http_oauth_store_judge(ngx_str_t *token,
    ledger_token_id_t *id);
const ledger_look_t *ngx_http_oauth_store_look(ngx_str_t *token,
    ledger_ms_t now);
ngx_int_t ngx_http_oauth_store_name(ngx_str_t *token, ledger_token_id_t *id,
    uint32_t *key);

char *ngx_http_oauth_store_check(ngx_conf_t *cf,
    ngx_http_oauth_main_conf_t *mcf);
ngx_int_t ngx_http_oauth_store_init_module(ngx_cycle_t *cycle);
ngx_int_t ngx_http_oauth_store_init_process(ngx_cycle_t *cycle);
void ngx_http_oauth_store_exit_process(ngx_cycle_t *cycle);


/* ngx_http_oauth_commit.c: records on their way to the disk */

/* One commit takes at most this many records; the rest takes the next. */
#define NGX_HTTP_OAUTH_BATCH_MAX    256

typedef void (*ngx_http_oauth_commit_pt)(void *data, ngx_uint_t durable);

/*
 * ngx_http_oauth_commit() queues one record.  All that waits when the
 * writer is free goes into one transaction.  The record is encoded at once:
 * nothing of it is referred to later.  "handler" (NULL allowed) is called
 * in this worker's event loop when the record is durable, or is known not
 * to be; ngx_http_oauth_commit_forget() takes handler and data out of it
 * again: the record goes on.
 *
 * A handler that has waited for "wait" of "oauth_store" is called as if the
 * record were not durable.  The record goes on all the same.
 *
 * NULL: no memory, no ledger, a field beyond its bound, or no room behind
 * all that waits; the handler is not called then.  NULL too for a record
 * with a handler while the disk is late, although that record is queued.
 */

ngx_http_oauth_commit_t *ngx_http_oauth_commit(const ledger_record_t *record,
    ngx_http_oauth_commit_pt handler, void *data);
void ngx_http_oauth_commit_forget(ngx_http_oauth_commit_t *commit);

/* Inside the handler: the connection that the record changed; 0: none. */

uint64_t ngx_http_oauth_commit_connection(
    const ngx_http_oauth_commit_t *commit);

/* Finds out, as a commit does, whether the store can be written again. */

void ngx_http_oauth_commit_probe(void);

/* Whether the disk keeps a batch for longer than anybody may wait. */

ngx_uint_t ngx_http_oauth_commit_late(void);

/* Whether a batch is being written: the ledger must stay open. */

ngx_uint_t ngx_http_oauth_commit_busy(void);
ngx_int_t ngx_http_oauth_commit_init(ngx_cycle_t *cycle);

/* Writes what still waits, in this thread: the worker is about to exit. */

void ngx_http_oauth_commit_flush(ngx_cycle_t *cycle);

ledger_ms_t ngx_http_oauth_now(void);


/* ngx_http_oauth_warm.c: its pages are brought in, once and beside the work */

void ngx_http_oauth_warm(ngx_http_oauth_main_conf_t *mcf, ngx_log_t *log);


#endif /* _NGX_HTTP_OAUTH_STORE_H_INCLUDED_ */
