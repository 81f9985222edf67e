
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * Locks on names that hold across masters.  While the binary is upgraded two
 * of them run, with one store, but each with shared memory of its own: what
 * the one's workers fly the other's learn from record locks (fcntl) on bytes
 * of one file in the store's directory.  The kernel ends those of a process
 * that dies.
 */

#ifndef _NGX_HTTP_OAUTH_NAME_LOCK_H_INCLUDED_
#define _NGX_HTTP_OAUTH_NAME_LOCK_H_INCLUDED_


#include "ngx_http_oauth_gateway.h"


/* Bytes of the file: a secret, the same for all masters. */
#define NGX_HTTP_OAUTH_NAME_LOCK_SALT  32

/*
 * In the master, before the workers are made: makes the file, if there is
 * none.  In each worker: opens it and reads its secret into "salt".  Without
 * the file, which the log tells, each master is alone: all names are free.
 */

void ngx_http_oauth_name_lock_make(ngx_cycle_t *cycle,
    ngx_http_oauth_main_conf_t *mcf);
ngx_int_t ngx_http_oauth_name_lock_open(ngx_http_oauth_main_conf_t *mcf,
    u_char *salt, ngx_log_t *log);

/*
 * None of these waits.  ngx_http_oauth_name_lock() returns NGX_OK, also for
 * a name that this process has already, or NGX_AGAIN: another process has it.
 * ngx_http_oauth_name_holder() tells which one, or 0: none but this one.
 * A name that this process does not have may be unlocked.
 */

ngx_int_t ngx_http_oauth_name_lock(const ledger_token_id_t *name);
ngx_pid_t ngx_http_oauth_name_holder(const ledger_token_id_t *name);
void ngx_http_oauth_name_unlock(const ledger_token_id_t *name);


#endif /* _NGX_HTTP_OAUTH_NAME_LOCK_H_INCLUDED_ */
