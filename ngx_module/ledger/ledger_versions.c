
/*
 * Copyright (C) The OAuth gateway authors
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE      /* MAP_POPULATE */
#endif

#include "ledger_versions.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>


#define LEDGER_VERSIONS_FILE   "versions.map"

/* "OAGWVER", and the layout */
#define LEDGER_VERSIONS_MAGIC  0x4f41475756455201

#define LEDGER_VERSIONS_PATH   4200


static int ledger_versions_make(const char *path);


ledger_versions_t *
ledger_versions_open(const char *path)
{
    int                 fd;
    void               *p;
    char                file[LEDGER_VERSIONS_PATH];
    ledger_versions_t  *versions;

    if (snprintf(file, sizeof(file), "%s/" LEDGER_VERSIONS_FILE, path)
        >= (int) sizeof(file))
    {
        return NULL;
    }

    fd = ledger_versions_make(file);
    if (fd == -1) {
        return NULL;
    }

    p = mmap(NULL, sizeof(ledger_versions_t), PROT_READ|PROT_WRITE,
             MAP_SHARED|MAP_POPULATE, fd, 0);

    (void) close(fd);

    if (p == MAP_FAILED) {
        return NULL;
    }

    versions = p;

    if (versions->magic == 0) {
        /* whoever else makes it writes the same */
        versions->magic = LEDGER_VERSIONS_MAGIC;
    }

    if (versions->magic != LEDGER_VERSIONS_MAGIC) {
        ledger_versions_close(versions);
        return NULL;
    }

    return versions;
}


static int
ledger_versions_make(const char *path)
{
    int          fd;
    struct stat  st;

    fd = open(path, O_RDWR|O_CREAT|O_CLOEXEC|O_NOFOLLOW, 0600);
    if (fd == -1) {
        return -1;
    }

    if (fstat(fd, &st) == 0
        && st.st_size == (off_t) sizeof(ledger_versions_t))
    {
        return fd;
    }

    /* a page that has no room on the disk would be SIGBUS when written to */

    if (posix_fallocate(fd, 0, (off_t) sizeof(ledger_versions_t)) != 0) {
        (void) close(fd);
        return -1;
    }

    return fd;
}


void
ledger_versions_close(ledger_versions_t *versions)
{
    if (versions) {
        (void) munmap(versions, sizeof(ledger_versions_t));
    }
}


void
ledger_versions_begin(ledger_versions_t *versions, uint64_t txn)
{
    unsigned  i;
    uint64_t  announced;

    if (versions == NULL) {
        return;
    }

    announced = atomic_load_explicit(&versions->announced,
                                     memory_order_acquire);

    if (announced == txn - 1 || announced == txn) {
        /* the last commit, or one of our number that came to nothing */
        return;
    }

    for (i = 0; i < LEDGER_VERSIONS; i++) {
        ledger_versions_touch(versions, i, txn - 1);
    }
}


void
ledger_versions_touch(ledger_versions_t *versions, unsigned bucket,
    uint64_t txn)
{
    if (versions) {
        atomic_store_explicit(&versions->buckets[bucket], txn,
                              memory_order_release);
    }
}


void
ledger_versions_announce(ledger_versions_t *versions, uint64_t txn)
{
    if (versions) {
        atomic_store_explicit(&versions->announced, txn,
                              memory_order_release);
    }
}


void
ledger_versions_withdraw(ledger_versions_t *versions, uint64_t txn)
{
    uint64_t  announced;

    /* another writer may have announced that number since: it finds a gap */

    announced = txn;

    if (versions) {
        (void) atomic_compare_exchange_strong(&versions->announced,
                                              &announced, txn - 1);
    }
}
