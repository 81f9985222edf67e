
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * The shim stands between a program and the C library (LD_PRELOAD) and makes
 * calls fail on demand.  Environment:
 *
 *   FAULT_CONTROL  a file of SHIM_CONTROL_SIZE bytes that holds the words
 *                  below; whoever writes to it tells every process that has
 *                  it mapped
 *   FAULT_DIR      only calls on files below this directory count
 *   FAULT_LOG      a log of what became of FAULT_DIR/data.mdb is appended to
 *                  this file: entries of shim_entry_t, each followed by its
 *                  bytes
 *   FAULT_TRACE    tells to stderr where each allocation was that failed
 *
 * Without FAULT_CONTROL nothing fails.
 */

#ifndef _SHIM_H_INCLUDED_
#define _SHIM_H_INCLUDED_


#include <stdint.h>


/* Kinds of calls, to be or'ed. */

#define SHIM_WRITE      0x01             /* write, writev, pwrite, pwritev */
#define SHIM_SYNC       0x02             /* fsync, fdatasync, msync */
#define SHIM_TRUNCATE   0x04
#define SHIM_OPEN       0x08


/*
 * Order and width are known to t/fault/shim.js.  All zero: nothing fails.
 */

typedef struct {
    uint64_t              calls;         /* kinds that count */
    uint64_t              nth;           /* the one to fail, from 1; 0: none */
    uint64_t              error;         /* errno; 0: half of it is written */
    uint64_t              on;            /* also fail those behind it */
    uint64_t              seen;
    uint64_t              failed;
    uint64_t              stall;         /* ms that every sync takes longer */
    uint64_t              stalled;       /* syncs that have */
    uint64_t              swallow;       /* syncs do nothing, successfully */
    uint64_t              alloc_pid;     /* whose allocations count; 0: none */
    uint64_t              alloc_nth;     /* as above */
    uint64_t              alloc_on;
    uint64_t              alloc_seen;
    uint64_t              alloc_failed;
    uint64_t              hang;          /* no sync ends before this is 0 */
} shim_control_t;


#define SHIM_CONTROL_SIZE  (15 * 8)


typedef enum {
    SHIM_WRITTEN = 1,                    /* "offset", "len" bytes follow */
    SHIM_FLUSHED,                        /* the file is on disk up to here */
    SHIM_THROUGH,                        /* the last write is (O_DSYNC) */
    SHIM_TRUNCATED,                      /* to "offset" bytes */
    SHIM_MARK                            /* shim_mark() */
} shim_kind_t;


typedef struct {
    uint64_t              kind;          /* shim_kind_t */
    uint64_t              offset;        /* of a mark its number */
    uint64_t              len;           /* of a mark its value */
} shim_entry_t;


/*
 * The program's own word in the log, such as "number N was acknowledged".
 * The address is NULL where the shim is not loaded.
 */

void shim_mark(uint64_t number, uint64_t value) __attribute__((weak));


#endif /* _SHIM_H_INCLUDED_ */
