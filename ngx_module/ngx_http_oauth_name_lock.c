
/*
 * Copyright (C) The OAuth gateway authors
 */


#include "ngx_http_oauth_name_lock.h"
#include "ngx_http_oauth_conf.h"

#include <openssl/rand.h>


static ngx_int_t ngx_http_oauth_name_lock_whole(
    ngx_http_oauth_main_conf_t *mcf);
static ngx_int_t ngx_http_oauth_name_lock_fill(ngx_cycle_t *cycle,
    ngx_fd_t fd);
static int ngx_http_oauth_name_control(const ledger_token_id_t *name,
    int command, short type, struct flock *range);


/* Never opened twice: a close() would end all locks of the process. */

static ngx_fd_t  ngx_http_oauth_name_lock_fd = NGX_INVALID_FILE;


void
ngx_http_oauth_name_lock_make(ngx_cycle_t *cycle,
    ngx_http_oauth_main_conf_t *mcf)
{
    ngx_fd_t  fd;

    if (ngx_http_oauth_name_lock_whole(mcf) == NGX_OK) {
        return;
    }

    /* one that a crash left short is no use to anybody */

    (void) ngx_delete_file(mcf->lock_file.data);

    fd = open((char *) mcf->lock_file.data,
              O_WRONLY|O_CREAT|O_EXCL|O_CLOEXEC, 0600);

    if (fd == NGX_INVALID_FILE
        || ngx_http_oauth_name_lock_fill(cycle, fd) != NGX_OK)
    {
        ngx_log_error(NGX_LOG_WARN, cycle->log, ngx_errno,
                      "oauth gateway cannot make \"%V\"", &mcf->lock_file);
    }

    if (fd != NGX_INVALID_FILE && ngx_close_file(fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, cycle->log, ngx_errno,
                      ngx_close_file_n " \"%V\" failed", &mcf->lock_file);
    }
}


static ngx_int_t
ngx_http_oauth_name_lock_whole(ngx_http_oauth_main_conf_t *mcf)
{
    ngx_file_info_t  fi;

    return (ngx_file_info(mcf->lock_file.data, &fi) != NGX_FILE_ERROR
            && ngx_file_size(&fi) == NGX_HTTP_OAUTH_NAME_LOCK_SALT)
           ? NGX_OK : NGX_DECLINED;
}


static ngx_int_t
ngx_http_oauth_name_lock_fill(ngx_cycle_t *cycle, ngx_fd_t fd)
{
    u_char            salt[NGX_HTTP_OAUTH_NAME_LOCK_SALT];
    ngx_core_conf_t  *ccf;

    ccf = (ngx_core_conf_t *) ngx_get_conf(cycle->conf_ctx, ngx_core_module);

    if (geteuid() == 0 && ccf->user != (ngx_uid_t) NGX_CONF_UNSET_UINT
        && fchown(fd, ccf->user, ccf->group) == -1)
    {
        return NGX_ERROR;
    }

    return (RAND_bytes(salt, sizeof(salt)) == 1
            && write(fd, salt, sizeof(salt)) == (ssize_t) sizeof(salt))
           ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_http_oauth_name_lock_open(ngx_http_oauth_main_conf_t *mcf, u_char *salt,
    ngx_log_t *log)
{
    ngx_fd_t  fd;

    fd = ngx_http_oauth_name_lock_fd;

    if (fd == NGX_INVALID_FILE) {
        fd = open((char *) mcf->lock_file.data, O_RDWR|O_CLOEXEC);
    }

    if (fd == NGX_INVALID_FILE
        || pread(fd, salt, NGX_HTTP_OAUTH_NAME_LOCK_SALT, 0)
           != NGX_HTTP_OAUTH_NAME_LOCK_SALT)
    {
        ngx_log_error(NGX_LOG_WARN, log, ngx_errno,
                      "oauth gateway cannot read \"%V\": during an upgrade of "
                      "the binary old and new workers will not know of each "
                      "other's refreshes", &mcf->lock_file);

        if (fd != NGX_INVALID_FILE) {
            (void) ngx_close_file(fd);
            ngx_http_oauth_name_lock_fd = NGX_INVALID_FILE;
        }

        return NGX_DECLINED;
    }

    ngx_http_oauth_name_lock_fd = fd;

    return NGX_OK;
}


ngx_int_t
ngx_http_oauth_name_lock(const ledger_token_id_t *name)
{
    struct flock  range;

    /* without the file, or a lock that the kernel has left, none waits */

    return (ngx_http_oauth_name_control(name, F_SETLK, F_WRLCK, &range) == -1
            && (ngx_errno == NGX_EAGAIN || ngx_errno == NGX_EACCES))
           ? NGX_AGAIN : NGX_OK;
}


ngx_pid_t
ngx_http_oauth_name_holder(const ledger_token_id_t *name)
{
    struct flock  range;

    return (ngx_http_oauth_name_control(name, F_GETLK, F_WRLCK, &range) == -1
            || range.l_type == F_UNLCK)
           ? 0 : range.l_pid;
}


void
ngx_http_oauth_name_unlock(const ledger_token_id_t *name)
{
    struct flock  range;

    (void) ngx_http_oauth_name_control(name, F_SETLK, F_UNLCK, &range);
}


/* Names are keyed hashes: 62 bits of one are as good as all of it. */

static int
ngx_http_oauth_name_control(const ledger_token_id_t *name, int command,
    short type, struct flock *range)
{
    uint64_t  at;

    ngx_memcpy(&at, name->bytes, sizeof(uint64_t));

    ngx_memzero(range, sizeof(struct flock));

    range->l_type = type;
    range->l_whence = SEEK_SET;
    range->l_start = (off_t) (at >> 2);
    range->l_len = 1;

    return fcntl(ngx_http_oauth_name_lock_fd, command, range);
}
