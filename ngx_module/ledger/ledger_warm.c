
/*
 * Copyright (C) The OAuth gateway authors
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE      /* madvise() */
#endif

#include "ledger.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "ledger_cache.h"
#include "ledger_store.h"


/* Linux 5.14; an older kernel refuses it, and gives each page when it comes. */

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE  23
#endif


ledger_rc_t
ledger_warm_next(ledger_t *ledger, uint64_t *at, uint64_t end, size_t bytes,
    ledger_part_t *part)
{
    size_t       size;
    uint64_t     left;
    struct stat  st;

    memset(part, 0, sizeof(ledger_part_t));

    part->memory = ledger_cache_memory(ledger->cache, &size);

    if (*at < size) {
        part->memory = (char *) part->memory + *at;
        left = size - *at;

    } else {
        part->memory = NULL;
        part->offset = *at - size;

        if (mdb_env_get_fd(ledger->env, &part->file) != 0
            || fstat(part->file, &st) == -1)
        {
            return LEDGER_IO;
        }

        if (end > (uint64_t) st.st_size) {
            end = (uint64_t) st.st_size;
        }

        if (part->offset >= end) {
            return LEDGER_NOT_FOUND;
        }

        left = end - part->offset;
    }

    part->len = (left < bytes) ? (size_t) left : bytes;
    *at += part->len;

    return LEDGER_OK;
}


void
ledger_warm(const ledger_part_t *part)
{
    if (part->memory) {
        (void) madvise(part->memory, part->len, MADV_POPULATE_WRITE);
        return;
    }

    /* the kernel's own pages, which are those of LMDB's map */

    (void) posix_fadvise(part->file, (off_t) part->offset, (off_t) part->len,
                         POSIX_FADV_WILLNEED);
}
