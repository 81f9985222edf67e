
/*
 * Copyright (C) The OAuth gateway authors
 */


#include "ngx_http_oauth_store.h"
#include "ngx_http_oauth_conf.h"
#include "ngx_http_oauth_counters.h"
#include "ngx_http_oauth_flight.h"
#include "ngx_http_oauth_name_lock.h"
#include "ngx_http_oauth_report.h"

#include <sys/mman.h>

#if (NGX_HAVE_PR_SET_DUMPABLE)
#include <sys/prctl.h>
#endif


/* A degraded worker asks for its store again: back within a second. */
#define NGX_HTTP_OAUTH_STORE_RETRY   500

/* Ended connections are looked for this often, and in steps this small. */
#define NGX_HTTP_OAUTH_SWEEP_EVERY   30000
#define NGX_HTTP_OAUTH_SWEEP_MORE    100
#define NGX_HTTP_OAUTH_SWEEP_MAX     500

/* A ring of LEDGER_KEYS_MAX keys with room for comments. */
#define NGX_HTTP_OAUTH_KEY_FILE_MAX  8192


typedef struct {
    ledger_t                    *ledger;
    ngx_http_oauth_main_conf_t  *mcf;
    ngx_event_t                  retry;
    ngx_event_t                  sweep;
    ledger_rc_t                  told;     /* last failure that was logged */
    unsigned                     failed:1; /* the last commit was not durable */
    unsigned                     late:1;   /* it has not ended */
} ngx_http_oauth_store_t;


static char *ngx_http_oauth_store_keys(ngx_conf_t *cf,
    ngx_http_oauth_main_conf_t *mcf);
static void ngx_http_oauth_store_keys_free(void *data);
static ngx_int_t ngx_http_oauth_store_make_keys(ngx_cycle_t *cycle,
    ngx_http_oauth_main_conf_t *mcf);
static ngx_int_t ngx_http_oauth_store_make_dir(ngx_cycle_t *cycle,
    ngx_http_oauth_main_conf_t *mcf);
static ngx_int_t ngx_http_oauth_store_write(ngx_fd_t fd, u_char *p,
    size_t len);
static void ngx_http_oauth_store_open(ngx_http_oauth_store_t *store,
    ngx_log_t *log);
static void ngx_http_oauth_store_retry(ngx_event_t *ev);
static void ngx_http_oauth_store_sweep(ngx_event_t *ev);


static ngx_http_oauth_store_t  ngx_http_oauth_worker_store;


ledger_t *
ngx_http_oauth_store(void)
{
    return ngx_http_oauth_worker_store.ledger;
}


const ledger_keyring_t *
ngx_http_oauth_store_keyring(void)
{
    return ngx_http_oauth_worker_store.mcf->keyring;
}


ngx_uint_t
ngx_http_oauth_store_writable(void)
{
    ngx_http_oauth_store_t  *store;

    store = &ngx_http_oauth_worker_store;

    return store->ledger != NULL && !store->failed;
}


const char *
ngx_http_oauth_store_trouble(void)
{
    ngx_http_oauth_store_t  *store;

    store = &ngx_http_oauth_worker_store;

    if (ngx_http_oauth_store_writable()) {
        return NULL;
    }

    return store->late ? "the disk has not answered"
                       : ngx_http_oauth_store_error(store->told);
}


void
ngx_http_oauth_store_failed(ledger_rc_t rc, ngx_log_t *log)
{
    ngx_http_oauth_store_t  *store;

    store = &ngx_http_oauth_worker_store;

    if (!store->failed || store->late || store->told != rc) {
        ngx_log_error(NGX_LOG_CRIT, log, 0,
                      "oauth gateway cannot write to its store \"%V\": %s",
                      &store->mcf->path, ngx_http_oauth_store_error(rc));
    }

    store->failed = 1;
    store->late = 0;
    store->told = rc;

    /* probes find out when it can be written again, not exchanges */

    if (!ngx_exiting && !store->retry.timer_set) {
        ngx_add_timer(&store->retry, NGX_HTTP_OAUTH_STORE_RETRY);
    }
}


void
ngx_http_oauth_store_succeeded(void)
{
    ngx_http_oauth_store_t  *store;

    store = &ngx_http_oauth_worker_store;

    if (store->failed) {
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "oauth gateway can write to its store \"%V\" again",
                      &store->mcf->path);
    }

    store->failed = 0;
    store->late = 0;
    store->told = LEDGER_OK;
}


void
ngx_http_oauth_store_late(ngx_log_t *log)
{
    ngx_http_oauth_store_t  *store;

    store = &ngx_http_oauth_worker_store;

    ngx_log_error(NGX_LOG_CRIT, log, 0,
                  "oauth gateway cannot write to its store \"%V\": the disk "
                  "has not answered for %M ms", &store->mcf->path,
                  store->mcf->wait);

    /* the end of this commit tells when it can be written again */

    store->failed = 1;
    store->late = 1;
}


const ledger_judgement_t *
ngx_http_oauth_store_judge(ngx_str_t *token, ledger_token_id_t *id)
{
    static ledger_judgement_t  judgement;

    size_t                   n;
    ledger_token_id_t        ids[LEDGER_KEYS_MAX];
    ngx_http_oauth_store_t  *store;

    store = &ngx_http_oauth_worker_store;

    if (store->ledger == NULL
        || ledger_keyring_names(store->mcf->keyring,
                                ngx_http_oauth_slice(token), ids, &n)
           != LEDGER_OK
        || ledger_judge(store->ledger, ids, n, ngx_http_oauth_now(),
                        &judgement)
           != LEDGER_OK)
    {
        return NULL;
    }

    *id = (judgement.verdict == LEDGER_VERDICT_UNKNOWN) ? ids[0]
                                                        : judgement.token;

    return &judgement;
}


const ledger_look_t *
ngx_http_oauth_store_look(ngx_str_t *token, ledger_ms_t now)
{
    size_t                   n;
    ledger_slice_t           text;
    ledger_token_id_t        ids[LEDGER_KEYS_MAX];
    const ledger_look_t     *look;
    ngx_http_oauth_store_t  *store;

    store = &ngx_http_oauth_worker_store;

    if (store->ledger == NULL) {
        return NULL;
    }

    text = ngx_http_oauth_slice(token);

    if (ledger_recall(store->ledger, text, now, &look) == LEDGER_OK) {
        return look;
    }

    if (ledger_keyring_names(store->mcf->keyring, text, ids, &n) != LEDGER_OK
        || ledger_look(store->ledger, text, ids, n, now, &look) != LEDGER_OK)
    {
        return NULL;
    }

    return look;
}


ngx_int_t
ngx_http_oauth_store_name(ngx_str_t *token, ledger_token_id_t *id,
    uint32_t *key)
{
    size_t                     i, n;
    uint32_t                   nkeys;
    const uint32_t            *keys;
    ledger_token_id_t          ids[LEDGER_KEYS_MAX];
    const ledger_judgement_t  *j;
    ngx_http_oauth_store_t    *store;

    store = &ngx_http_oauth_worker_store;

    if (store->mcf == NULL || store->mcf->keyring == NULL
        || ledger_keyring_names(store->mcf->keyring,
                                ngx_http_oauth_slice(token), ids, &n)
           != LEDGER_OK)
    {
        return NGX_ERROR;
    }

    keys = ledger_keyring_ids(store->mcf->keyring, &nkeys);

    *id = ids[0];
    *key = keys[0];

    if (n == 1) {
        return NGX_OK;
    }

    j = ngx_http_oauth_store_judge(token, id);
    if (j == NULL) {
        return NGX_OK;
    }

    for (i = 0; i < n && i < nkeys; i++) {
        if (ngx_memcmp(&ids[i], id, sizeof(ledger_token_id_t)) == 0) {
            *key = keys[i];
        }
    }

    return NGX_OK;
}


const char *
ngx_http_oauth_store_error(ledger_rc_t rc)
{
    switch (rc) {

    case LEDGER_NOT_FOUND:
        return "there is no store";

    case LEDGER_FULL:
        return "it is full: raise max_size of \"oauth_store\", or free the "
               "disk";

    case LEDGER_BUSY:
        return "another process opens or closes it";

    case LEDGER_CORRUPT:
        return "it is damaged: keep it for inspection and put a backup in "
               "its place";

    case LEDGER_VERSION:
        return "it was written by another version of the gateway or of LMDB";

    case LEDGER_KEY:
        return "its tokens were named under a key that \"oauth_key_file\" "
               "does not hold: put that key back as one of its lines";

    case LEDGER_NOMEM:
        return "no memory";

    default:
        return "input/output error";
    }
}


char *
ngx_http_oauth_store_check(ngx_conf_t *cf, ngx_http_oauth_main_conf_t *mcf)
{
    const char  *version;
    ngx_str_t    name;

    if (!mcf->used) {
        return NGX_CONF_OK;
    }

    if (mcf->path.len == 0) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "the oauth gateway has no place to record tokens: add "
                      "\"oauth_store PATH\" to the http block");
        return NGX_CONF_ERROR;
    }

    if (ledger_check_library(&version) != LEDGER_OK) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "the oauth gateway needs LMDB 0.9.24, 0.9.25, or 0.9.32 "
                      "and newer of the 0.9 series, but runs with \"%s\": "
                      "0.9.26 to 0.9.31 lose their locks at every reload, and "
                      "1.0 has another file format", version);
        return NGX_CONF_ERROR;
    }

    ngx_str_set(&name, "default");

    mcf->pool = ngx_thread_pool_add(cf, &name);
    if (mcf->pool == NULL) {
        return NGX_CONF_ERROR;
    }

    if (ngx_http_oauth_flight_zone(cf, mcf) != NGX_OK
        || ngx_http_oauth_count_zone(cf, mcf) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    return ngx_http_oauth_store_keys(cf, mcf);
}


/*
 * Keys are read with the configuration, as root: a damaged file fails
 * "nginx -t" or the reload and leaves what runs alone.
 */

static char *
ngx_http_oauth_store_keys(ngx_conf_t *cf, ngx_http_oauth_main_conf_t *mcf)
{
    ssize_t              n;
    u_char               buf[NGX_HTTP_OAUTH_KEY_FILE_MAX + 1];
    ngx_fd_t             fd;
    unsigned             line;
    ledger_rc_t          rc;
    ngx_pool_cleanup_t  *cln;

    fd = ngx_open_file(mcf->key_file.data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {

        if (ngx_errno == NGX_ENOENT) {
            /* the first start makes it, see init_module */
            return NGX_CONF_OK;
        }

        ngx_log_error(NGX_LOG_EMERG, cf->log, ngx_errno,
                      ngx_open_file_n " \"%V\" failed", &mcf->key_file);
        return NGX_CONF_ERROR;
    }

    n = ngx_read_fd(fd, buf, sizeof(buf));

    if (ngx_close_file(fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, cf->log, ngx_errno,
                      ngx_close_file_n " \"%V\" failed", &mcf->key_file);
    }

    if (n == -1 || n == sizeof(buf)) {
        ngx_explicit_memzero(buf, sizeof(buf));
        ngx_log_error(NGX_LOG_EMERG, cf->log, (n == -1) ? ngx_errno : 0,
                      "oauth_key_file \"%V\" cannot be read, or is larger "
                      "than %d bytes", &mcf->key_file,
                      NGX_HTTP_OAUTH_KEY_FILE_MAX);
        return NGX_CONF_ERROR;
    }

    line = 0;

    rc = ledger_keyring_parse((ledger_slice_t) { buf, n }, &mcf->keyring,
                              &line);

    ngx_explicit_memzero(buf, sizeof(buf));

    if (rc != LEDGER_OK) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "oauth_key_file \"%V\" is no list of keys in line %ui: "
                      "it takes 1 to %d different keys of 64 hex digits, a "
                      "line each", &mcf->key_file, (ngx_uint_t) line,
                      LEDGER_KEYS_MAX);
        return NGX_CONF_ERROR;
    }

    cln = ngx_pool_cleanup_add(cf->cycle->pool, 0);
    if (cln == NULL) {
        ledger_keyring_free(mcf->keyring);
        mcf->keyring = NULL;
        return NGX_CONF_ERROR;
    }

    cln->handler = ngx_http_oauth_store_keys_free;
    cln->data = mcf;

    return NGX_CONF_OK;
}


static void
ngx_http_oauth_store_keys_free(void *data)
{
    ngx_http_oauth_main_conf_t *mcf = data;

    ledger_keyring_free(mcf->keyring);
    mcf->keyring = NULL;
}


/*
 * In the master, before the workers are made.  A first start that fails
 * ends; in a reload the workers run degraded and say so, since nginx would
 * end the master.
 */

ngx_int_t
ngx_http_oauth_store_init_module(ngx_cycle_t *cycle)
{
    ngx_int_t                    rc;
    ngx_http_oauth_main_conf_t  *mcf;

    mcf = ngx_http_cycle_get_module_main_conf(cycle,
                                              ngx_http_oauth_gateway_module);

    if (mcf == NULL || !mcf->used || ngx_test_config) {
        return NGX_OK;
    }

    rc = ngx_http_oauth_store_make_dir(cycle, mcf);

    if (rc == NGX_OK && mcf->keyring == NULL) {
        rc = ngx_http_oauth_store_make_keys(cycle, mcf);
    }

    if (rc == NGX_OK) {
        ngx_http_oauth_name_lock_make(cycle, mcf);
    }

    if (rc != NGX_OK && ngx_is_init_cycle(cycle->old_cycle)) {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_oauth_store_make_keys(ngx_cycle_t *cycle,
    ngx_http_oauth_main_conf_t *mcf)
{
    char                 text[LEDGER_KEY_TEXT];
    ngx_fd_t             fd;
    unsigned             line;
    ngx_int_t            rc;
    ngx_pool_cleanup_t  *cln;

    if (ledger_keyring_generate(text) != LEDGER_OK) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                      "oauth gateway got no random bytes for its key");
        return NGX_ERROR;
    }

    fd = open((char *) mcf->key_file.data, O_WRONLY|O_CREAT|O_EXCL|O_CLOEXEC,
              0400);

    if (fd == NGX_INVALID_FILE) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, ngx_errno,
                      ngx_open_file_n " \"%V\" failed", &mcf->key_file);
        ngx_explicit_memzero(text, sizeof(text));
        return NGX_ERROR;
    }

    rc = ngx_http_oauth_store_write(fd, (u_char *) text, sizeof(text));

    if (rc != NGX_OK || fsync(fd) == -1) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, ngx_errno,
                      "oauth gateway cannot write its key file \"%V\"",
                      &mcf->key_file);
        (void) ngx_delete_file(mcf->key_file.data);
        rc = NGX_ERROR;
    }

    if (ngx_close_file(fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, cycle->log, ngx_errno,
                      ngx_close_file_n " \"%V\" failed", &mcf->key_file);
    }

    if (rc == NGX_OK
        && ledger_keyring_parse((ledger_slice_t) { (u_char *) text,
                                                   sizeof(text) },
                                &mcf->keyring, &line)
           != LEDGER_OK)
    {
        rc = NGX_ERROR;
    }

    ngx_explicit_memzero(text, sizeof(text));

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    cln = ngx_pool_cleanup_add(cycle->pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    cln->handler = ngx_http_oauth_store_keys_free;
    cln->data = mcf;

    ngx_log_error(NGX_LOG_NOTICE, cycle->log, 0,
                  "oauth gateway made its key file \"%V\": keep a copy of it "
                  "in a safe place", &mcf->key_file);

    return NGX_OK;
}


static ngx_int_t
ngx_http_oauth_store_write(ngx_fd_t fd, u_char *p, size_t len)
{
    ssize_t  n;

    while (len) {
        n = ngx_write_fd(fd, p, len);

        if (n == -1) {
            return NGX_ERROR;
        }

        p += n;
        len -= n;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_oauth_store_make_dir(ngx_cycle_t *cycle,
    ngx_http_oauth_main_conf_t *mcf)
{
    ngx_core_conf_t  *ccf;

    if (ngx_create_dir(mcf->path.data, 0700) == NGX_FILE_ERROR) {

        if (ngx_errno == NGX_EEXIST) {
            return NGX_OK;
        }

        ngx_log_error(NGX_LOG_EMERG, cycle->log, ngx_errno,
                      ngx_create_dir_n " \"%V\" failed", &mcf->path);
        return NGX_ERROR;
    }

    ccf = (ngx_core_conf_t *) ngx_get_conf(cycle->conf_ctx, ngx_core_module);

    if (geteuid() == 0 && ccf->user != (ngx_uid_t) NGX_CONF_UNSET_UINT
        && chown((const char *) mcf->path.data, ccf->user, ccf->group) == -1)
    {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, ngx_errno,
                      "chown() \"%V\" failed", &mcf->path);
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_oauth_store_init_process(ngx_cycle_t *cycle)
{
    ngx_http_oauth_store_t      *store;
    ngx_http_oauth_main_conf_t  *mcf;

    store = &ngx_http_oauth_worker_store;
    mcf = ngx_http_cycle_get_module_main_conf(cycle,
                                              ngx_http_oauth_gateway_module);

    if (mcf == NULL || !mcf->used
        || (ngx_process != NGX_PROCESS_WORKER
            && ngx_process != NGX_PROCESS_SINGLE))
    {
        return NGX_OK;
    }

    ngx_memzero(store, sizeof(ngx_http_oauth_store_t));

    store->mcf = mcf;

#if (NGX_HAVE_PR_SET_DUMPABLE) && !defined(__SANITIZE_ADDRESS__)
    /* tokens pass through this memory: no core file of it */

    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1) {
        ngx_log_error(NGX_LOG_ALERT, cycle->log, ngx_errno,
                      "prctl(PR_SET_DUMPABLE) failed");
    }
#endif

    if (ngx_http_oauth_commit_init(cycle) != NGX_OK) {
        return NGX_OK;
    }

    ngx_http_oauth_note_init(cycle);

    ngx_http_oauth_flight_init_process(cycle, mcf);
    ngx_http_oauth_count_init_process(mcf);

    store->retry.handler = ngx_http_oauth_store_retry;
    store->retry.data = store;
    store->retry.log = cycle->log;
    store->retry.cancelable = 1;

    store->sweep.handler = ngx_http_oauth_store_sweep;
    store->sweep.data = store;
    store->sweep.log = cycle->log;
    store->sweep.cancelable = 1;

    ngx_http_oauth_store_open(store, cycle->log);

    if (ngx_worker == 0) {
        ngx_add_timer(&store->sweep, NGX_HTTP_OAUTH_SWEEP_EVERY);
    }

    return NGX_OK;
}


static void
ngx_http_oauth_store_open(ngx_http_oauth_store_t *store, ngx_log_t *log)
{
    ledger_rc_t        rc;
    ngx_core_conf_t   *ccf;
    ledger_options_t   options;

    rc = LEDGER_KEY;

    ngx_memzero(&options, sizeof(ledger_options_t));

    if (store->mcf->keyring) {
        ccf = (ngx_core_conf_t *) ngx_get_conf(ngx_cycle->conf_ctx,
                                               ngx_core_module);

        options.path = (const char *) store->mcf->path.data;
        options.max_size = store->mcf->max_size;
        options.keys = ledger_keyring_ids(store->mcf->keyring,
                                          &options.nkeys);
        options.sync = store->mcf->sync ? 1 : 0;
        options.create = 1;

        /* two generations of workers at a reload, and tools beside them */
        options.readers = 2 * (unsigned) ccf->worker_processes + 16;

        rc = ledger_open(&store->ledger, &options);
    }

    if (rc == LEDGER_OK) {

        if (store->told != LEDGER_OK && !store->failed) {
            ngx_log_error(NGX_LOG_NOTICE, log, 0,
                          "oauth gateway has its store \"%V\" again",
                          &store->mcf->path);
        }

        if (!store->failed) {
            store->told = LEDGER_OK;
        }

        ngx_http_oauth_warm(store->mcf, log);

        return;
    }

    store->ledger = NULL;

    if (rc != store->told) {
        store->told = rc;

        ngx_log_error(NGX_LOG_CRIT, log, (rc == LEDGER_IO) ? ngx_errno : 0,
                      "oauth gateway cannot open its store \"%V\": %s",
                      &store->mcf->path, ngx_http_oauth_store_error(rc));
    }

    if (!ngx_exiting) {
        ngx_add_timer(&store->retry, NGX_HTTP_OAUTH_STORE_RETRY);
    }
}


static void
ngx_http_oauth_store_retry(ngx_event_t *ev)
{
    ngx_http_oauth_store_t *store = ev->data;

    /*
     * After a failed write of its meta page LMDB refuses this environment
     * for good: a fresh one does not, and a probe shows whether it is well.
     */

    if (store->ledger && store->told == LEDGER_IO
        && !ngx_http_oauth_commit_busy())
    {
        ledger_close(store->ledger);
        store->ledger = NULL;
    }

    if (store->ledger == NULL) {
        ngx_http_oauth_store_open(store, ev->log);
    }

    if (store->ledger && store->failed) {
        ngx_http_oauth_commit_probe();
    }
}


static void
ngx_http_oauth_store_sweep(ngx_event_t *ev)
{
    ngx_msec_t                   next;
    ledger_record_t              record;
    ngx_http_oauth_store_t      *store;
    ngx_http_oauth_main_conf_t  *mcf;

    store = ev->data;
    mcf = store->mcf;
    next = NGX_HTTP_OAUTH_SWEEP_EVERY;

    if (store->ledger
        && ledger_due(store->ledger, ngx_http_oauth_now(), mcf->retention)
           == LEDGER_OK)
    {
        ngx_memzero(&record, sizeof(ledger_record_t));

        record.kind = LEDGER_SWEEP;
        record.at = ngx_http_oauth_now();
        record.u.sweep.retention = mcf->retention;
        record.u.sweep.max = NGX_HTTP_OAUTH_SWEEP_MAX;

        if (ngx_http_oauth_commit(&record, NULL, NULL) != NULL) {
            next = NGX_HTTP_OAUTH_SWEEP_MORE;
        }
    }

    if (!ngx_exiting) {
        ngx_add_timer(ev, next);
    }
}


void
ngx_http_oauth_store_exit_process(ngx_cycle_t *cycle)
{
    ngx_http_oauth_commit_flush(cycle);

    /* closed by the kernel: see LMDB's ITS#9278 in ledger.h */

    ngx_http_oauth_worker_store.ledger = NULL;
}
