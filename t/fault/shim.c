
/*
 * Copyright (C) The OAuth gateway authors
 */

#define _GNU_SOURCE

#include "shim.h"

#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>


#define SHIM_STORE   "/data.mdb"
#define SHIM_FRAMES  24


/* What becomes of a call. */

typedef enum {
    SHIM_PASS = 0,
    SHIM_FAIL,                           /* errno is set */
    SHIM_SHORT
} shim_fate_t;


/* glibc's own, which no program replaces */

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);
void *__libc_memalign(size_t alignment, size_t size);


static void shim_init(void) __attribute__((constructor));
static shim_fate_t shim_fate(unsigned kind, int watched);
static int shim_watched(int fd, int *store);
static int shim_below(const char *path, int *store);
static ssize_t shim_write(int fd, const struct iovec *iov, int n,
    off_t offset, int positioned);
static int shim_sync(int fd, long number);
static void shim_hang(void);
static void shim_log(shim_kind_t kind, uint64_t offset, uint64_t len,
    const struct iovec *iov, int n);
static int shim_starves(void);


static shim_control_t    shim_off;
static shim_control_t   *shim = &shim_off;
static char              shim_dir[PATH_MAX];
static size_t            shim_dir_len;
static int               shim_log_fd = -1;
static int               shim_trace;
static pthread_mutex_t   shim_log_lock = PTHREAD_MUTEX_INITIALIZER;


static void
shim_init(void)
{
    int          fd;
    void        *p, *frames[SHIM_FRAMES];
    const char  *path;

    path = getenv("FAULT_DIR");

    if (path) {
        snprintf(shim_dir, sizeof(shim_dir), "%s", path);
        shim_dir_len = strlen(shim_dir);
    }

    path = getenv("FAULT_LOG");

    if (path) {
        shim_log_fd = (int) syscall(SYS_openat, AT_FDCWD, path,
                                    O_WRONLY|O_CREAT|O_APPEND|O_CLOEXEC,
                                    0600);
    }

    if (getenv("FAULT_TRACE")) {
        /* its first call loads a library */
        shim_trace = backtrace(frames, SHIM_FRAMES);
    }

    path = getenv("FAULT_CONTROL");

    if (path == NULL) {
        return;
    }

    fd = (int) syscall(SYS_openat, AT_FDCWD, path, O_RDWR|O_CLOEXEC, 0);

    if (fd == -1) {
        fprintf(stderr, "shim: %s: %s\n", path, strerror(errno));
        _exit(127);
    }

    p = mmap(NULL, SHIM_CONTROL_SIZE, PROT_READ|PROT_WRITE, MAP_SHARED, fd,
             0);

    if (p == MAP_FAILED) {
        fprintf(stderr, "shim: %s: %s\n", path, strerror(errno));
        _exit(127);
    }

    (void) close(fd);

    shim = p;
}


static shim_fate_t
shim_fate(unsigned kind, int watched)
{
    uint64_t  n, nth;

    nth = __atomic_load_n(&shim->nth, __ATOMIC_SEQ_CST);

    if (nth == 0 || !watched || (shim->calls & kind) == 0) {
        return SHIM_PASS;
    }

    n = __atomic_add_fetch(&shim->seen, 1, __ATOMIC_SEQ_CST);

    if (n != nth && (n < nth || !shim->on)) {
        return SHIM_PASS;
    }

    (void) __atomic_add_fetch(&shim->failed, 1, __ATOMIC_SEQ_CST);

    if (shim->error == 0 && kind == SHIM_WRITE) {
        return SHIM_SHORT;
    }

    errno = shim->error ? (int) shim->error : EIO;

    return SHIM_FAIL;
}


static int
shim_watched(int fd, int *store)
{
    char     link[64], path[PATH_MAX];
    ssize_t  n;

    if (shim_dir_len == 0) {
        return 0;
    }

    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);

    n = readlink(link, path, sizeof(path) - 1);

    if (n == -1) {
        return 0;
    }

    path[n] = '\0';

    return shim_below(path, store);
}


static int
shim_below(const char *path, int *store)
{
    if (shim_dir_len == 0 || strncmp(path, shim_dir, shim_dir_len) != 0
        || path[shim_dir_len] != '/')
    {
        return 0;
    }

    *store = strcmp(path + shim_dir_len, SHIM_STORE) == 0;

    return 1;
}


/* All kinds of writes come down to this one. */

static ssize_t
shim_write(int fd, const struct iovec *iov, int n, off_t offset,
    int positioned)
{
    int           store, flags, watched, i;
    size_t        size;
    ssize_t       rc;
    shim_fate_t   fate;
    struct iovec  one;

    store = 0;
    watched = shim_watched(fd, &store);
    fate = shim_fate(SHIM_WRITE, watched);

    if (fate == SHIM_FAIL) {
        return -1;
    }

    if (fate == SHIM_SHORT) {
        one = iov[0];
        one.iov_len = (one.iov_len + 1) / 2;
        iov = &one;
        n = 1;
    }

    if (store && !positioned) {
        offset = lseek(fd, 0, SEEK_CUR);
    }

    if (positioned) {
        rc = syscall(SYS_pwritev, fd, iov, (long) n, (long) offset, 0L);

    } else {
        rc = syscall(SYS_writev, fd, iov, (long) n);
    }

    if (rc == -1 || !store || shim_log_fd == -1) {
        return rc;
    }

    for (i = 0, size = 0; i < n; i++) {
        size += iov[i].iov_len;
    }

    if ((size_t) rc != size) {
        fprintf(stderr, "shim: a write of %zu was cut to %zd\n", size, rc);
        abort();
    }

    shim_log(SHIM_WRITTEN, (uint64_t) offset, size, iov, n);

    flags = fcntl(fd, F_GETFL);

    if (flags != -1 && (flags & O_DSYNC) && !shim->swallow) {
        shim_log(SHIM_THROUGH, (uint64_t) offset, 0, NULL, 0);
    }

    return rc;
}


static int
shim_sync(int fd, long number)
{
    int              rc, store, watched;
    uint64_t         ms;
    struct timespec  pause;

    store = 0;
    watched = shim_watched(fd, &store);

    ms = shim->stall;

    if (watched && ms) {
        (void) __atomic_add_fetch(&shim->stalled, 1, __ATOMIC_SEQ_CST);
        pause.tv_sec = (time_t) (ms / 1000);
        pause.tv_nsec = (long) (ms % 1000) * 1000000;
        (void) nanosleep(&pause, NULL);
    }

    if (watched) {
        shim_hang();
    }

    if (shim_fate(SHIM_SYNC, watched) != SHIM_PASS) {
        return -1;
    }

    if (watched && shim->swallow) {
        return 0;
    }

    rc = (int) syscall(number, fd);

    if (rc == 0 && store && shim_log_fd != -1) {
        shim_log(SHIM_FLUSHED, 0, 0, NULL, 0);
    }

    return rc;
}


static void
shim_hang(void)
{
    struct timespec  pause;

    if (__atomic_load_n(&shim->hang, __ATOMIC_SEQ_CST) == 0) {
        return;
    }

    (void) __atomic_add_fetch(&shim->stalled, 1, __ATOMIC_SEQ_CST);

    pause.tv_sec = 0;
    pause.tv_nsec = 5000000;

    while (__atomic_load_n(&shim->hang, __ATOMIC_SEQ_CST)) {
        (void) nanosleep(&pause, NULL);
    }
}


/* An entry is whole or the test is worth nothing. */

static void
shim_log(shim_kind_t kind, uint64_t offset, uint64_t len,
    const struct iovec *iov, int n)
{
    int           i;
    struct iovec  whole;
    shim_entry_t  entry;

    entry.kind = kind;
    entry.offset = offset;
    entry.len = len;

    pthread_mutex_lock(&shim_log_lock);

    whole.iov_base = &entry;
    whole.iov_len = sizeof(entry);

    for (i = -1; i < n; i++) {

        if (i >= 0) {
            whole = iov[i];
        }

        if (syscall(SYS_writev, shim_log_fd, &whole, 1L)
            != (long) whole.iov_len)
        {
            fprintf(stderr, "shim: the log cannot be written\n");
            abort();
        }
    }

    pthread_mutex_unlock(&shim_log_lock);
}


void
shim_mark(uint64_t number, uint64_t value)
{
    if (shim_log_fd != -1) {
        shim_log(SHIM_MARK, number, value, NULL, 0);
    }
}


ssize_t
write(int fd, const void *buf, size_t len)
{
    struct iovec  iov;

    iov.iov_base = (void *) (uintptr_t) buf;
    iov.iov_len = len;

    return shim_write(fd, &iov, 1, 0, 0);
}


ssize_t
writev(int fd, const struct iovec *iov, int n)
{
    return shim_write(fd, iov, n, 0, 0);
}


ssize_t
pwrite(int fd, const void *buf, size_t len, off_t offset)
{
    struct iovec  iov;

    iov.iov_base = (void *) (uintptr_t) buf;
    iov.iov_len = len;

    return shim_write(fd, &iov, 1, offset, 1);
}


ssize_t
pwritev(int fd, const struct iovec *iov, int n, off_t offset)
{
    return shim_write(fd, iov, n, offset, 1);
}


int
fsync(int fd)
{
    return shim_sync(fd, SYS_fsync);
}


int
fdatasync(int fd)
{
    return shim_sync(fd, SYS_fdatasync);
}


/* What is mapped is not asked: LMDB maps nothing that it writes to. */

int
msync(void *p, size_t len, int flags)
{
    if (shim_fate(SHIM_SYNC, 1) != SHIM_PASS) {
        return -1;
    }

    return (int) syscall(SYS_msync, p, len, flags);
}


int
ftruncate(int fd, off_t size)
{
    int  rc, store, watched;

    store = 0;
    watched = shim_watched(fd, &store);

    if (shim_fate(SHIM_TRUNCATE, watched) != SHIM_PASS) {
        return -1;
    }

    rc = (int) syscall(SYS_ftruncate, fd, size);

    if (rc == 0 && store && shim_log_fd != -1) {
        shim_log(SHIM_TRUNCATED, (uint64_t) size, 0, NULL, 0);
    }

    return rc;
}


int
open(const char *path, int flags, ...)
{
    int      store;
    mode_t   mode;
    va_list  args;

    va_start(args, flags);
    mode = (flags & (O_CREAT|O_TMPFILE)) ? va_arg(args, mode_t) : 0;
    va_end(args);

    if (shim_fate(SHIM_OPEN, shim_below(path, &store)) != SHIM_PASS) {
        return -1;
    }

    return (int) syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}


/* The names that files beyond 2 GB have; on 64 bits they are the same. */

ssize_t pwrite64(int fd, const void *buf, size_t len, off_t offset)
    __attribute__((alias("pwrite")));
ssize_t pwritev64(int fd, const struct iovec *iov, int n, off_t offset)
    __attribute__((alias("pwritev")));
int ftruncate64(int fd, off_t size) __attribute__((alias("ftruncate")));
int open64(const char *path, int flags, ...) __attribute__((alias("open")));


/* Whether this allocation is one that fails. */

static int
shim_starves(void)
{
    void      *frames[SHIM_FRAMES];
    uint64_t   n, nth, pid;

    pid = __atomic_load_n(&shim->alloc_pid, __ATOMIC_SEQ_CST);

    if (pid == 0 || pid != (uint64_t) getpid()) {
        return 0;
    }

    nth = shim->alloc_nth;
    n = __atomic_add_fetch(&shim->alloc_seen, 1, __ATOMIC_SEQ_CST);

    if (n != nth && (n < nth || !shim->alloc_on)) {
        return 0;
    }

    (void) __atomic_add_fetch(&shim->alloc_failed, 1, __ATOMIC_SEQ_CST);

    if (shim_trace) {
        backtrace_symbols_fd(frames, backtrace(frames, SHIM_FRAMES), 2);
        dprintf(2, "allocation %lu\n", (unsigned long) n);
    }

    errno = ENOMEM;

    return 1;
}


void *
malloc(size_t size)
{
    return shim_starves() ? NULL : __libc_malloc(size);
}


void *
calloc(size_t n, size_t size)
{
    return shim_starves() ? NULL : __libc_calloc(n, size);
}


void *
realloc(void *p, size_t size)
{
    return shim_starves() ? NULL : __libc_realloc(p, size);
}


void *
memalign(size_t alignment, size_t size)
{
    return shim_starves() ? NULL : __libc_memalign(alignment, size);
}


void *
aligned_alloc(size_t alignment, size_t size)
{
    return shim_starves() ? NULL : __libc_memalign(alignment, size);
}


int
posix_memalign(void **p, size_t alignment, size_t size)
{
    void  *q;

    q = shim_starves() ? NULL : __libc_memalign(alignment, size);

    if (q == NULL) {
        return ENOMEM;
    }

    *p = q;

    return 0;
}
