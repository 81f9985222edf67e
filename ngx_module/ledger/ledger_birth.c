
/*
 * Copyright (C) The OAuth gateway authors
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE  /* O_CLOEXEC */
#endif

#include "ledger_birth.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>


#define LEDGER_BIRTH_PATH_MAX  4096

/* what LMDB writes before any transaction */
#define LEDGER_BIRTH_PAGES     2


static int ledger_birth_open(const char *path, const char *name);
static ledger_rc_t ledger_birth_lock(int fd);
static ledger_rc_t ledger_birth_empty(const char *path);


ledger_rc_t
ledger_birth_undo(const char *path)
{
    int          fd;
    ledger_rc_t  rc;

    fd = ledger_birth_open(path, "/lock.mdb");

    if (fd == -1) {
        return LEDGER_IO;
    }

    rc = ledger_birth_lock(fd);

    if (rc == LEDGER_OK) {
        rc = ledger_birth_empty(path);
    }

    (void) close(fd);

    return rc;
}


static int
ledger_birth_open(const char *path, const char *name)
{
    char    file[LEDGER_BIRTH_PATH_MAX];
    size_t  len, n;

    len = strlen(path);
    n = strlen(name) + 1;

    if (len + n > sizeof(file)) {
        errno = ENAMETOOLONG;
        return -1;
    }

    memcpy(file, path, len);
    memcpy(file + len, name, n);

    return open(file, O_RDWR|O_CLOEXEC);
}


/*
 * LMDB's own lock: who has the environment open holds the first byte of the
 * lock file shared, and who has it exclusively is alone.
 */

static ledger_rc_t
ledger_birth_lock(int fd)
{
    struct flock  lock;

    memset(&lock, 0, sizeof(lock));

    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    lock.l_start = 0;
    lock.l_len = 1;

    if (fcntl(fd, F_SETLK, &lock) == -1) {
        return errno == EACCES || errno == EAGAIN ? LEDGER_BUSY : LEDGER_IO;
    }

    return LEDGER_OK;
}


/* Under the lock, since another process may have repaired it by now. */

static ledger_rc_t
ledger_birth_empty(const char *path)
{
    int          fd;
    long         page;
    ledger_rc_t  rc;
    struct stat  st;

    page = sysconf(_SC_PAGESIZE);

    fd = ledger_birth_open(path, "/data.mdb");

    if (fd == -1) {
        return LEDGER_IO;
    }

    if (page == -1 || fstat(fd, &st) == -1) {
        rc = LEDGER_IO;

    } else if (st.st_size > LEDGER_BIRTH_PAGES * page) {
        rc = LEDGER_CORRUPT;

    } else {
        rc = ftruncate(fd, 0) == -1 ? LEDGER_IO : LEDGER_OK;
    }

    (void) close(fd);

    return rc;
}
