
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * Before the first look-up all of the store is in memory, or as much of it as
 * was asked for; what has gone since harms nobody.
 */

#define _GNU_SOURCE

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "story.h"


#define CONNECTIONS  600
#define STEP         (64 * 1024)

/* The kernel reads ahead; a busy disk takes its time. */
#define WAIT_MS      20000


static long
file_kb(void)
{
    char         path[128];
    struct stat  st;

    (void) snprintf(path, sizeof(path), "%s/data.mdb", s->path);
    assert_int_equal(stat(path, &st), 0);

    return (long) st.st_size / 1024;
}


/* A file of the store, away from memory; KB of it that are there. */

static long
cached(unsigned drop)
{
    int             fd;
    char            path[128];
    long            i, n, pages;
    void           *map;
    unsigned char   there[65536];

    (void) snprintf(path, sizeof(path), "%s/data.mdb", s->path);
    fd = open(path, O_RDONLY);
    assert_true(fd != -1);

    if (drop) {
        assert_int_equal(fsync(fd), 0);
        assert_int_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
    }

    pages = file_kb() / 4;
    assert_true(pages < (long) sizeof(there));

    map = mmap(NULL, (size_t) pages * 4096, PROT_READ, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(map, MAP_FAILED);
    assert_int_equal(mincore(map, (size_t) pages * 4096, there), 0);

    for (i = 0, n = 0; i < pages; i++) {
        n += there[i] & 1;
    }

    (void) munmap(map, (size_t) pages * 4096);
    (void) close(fd);

    return 4 * n;
}


/* All parts in turn; their bytes. */

static uint64_t
warm(uint64_t end)
{
    uint64_t       at, bytes;
    ledger_rc_t    rc;
    ledger_part_t  part;

    at = 0;
    bytes = 0;

    for ( ;; ) {
        rc = ledger_warm_next(s->ledger, &at, end, STEP, &part);

        if (rc == LEDGER_NOT_FOUND) {
            return bytes;
        }

        assert_int_equal(rc, LEDGER_OK);
        assert_true(part.len > 0 && part.len <= STEP);
        bytes += part.len;
        ledger_warm(&part);
    }
}


static void
fill(void)
{
    char             user[32], token[16];
    unsigned         i;
    ledger_record_t  record;

    for (i = 0; i < CONNECTIONS; i++) {
        (void) snprintf(user, sizeof(user), "u%u", i);
        (void) snprintf(token, sizeof(token), "a%u", i);
        record = scene_connect("o", user, token, NULL, SCENE_NOW);
        scene_apply(s, &record);
    }

    scene_close(s);
    scene_open(s);
}


static void
test_all_of_it(void **state)
{
    unsigned  i;

    (void) state;

    fill();

    assert_true(file_kb() > 8 * STEP / 1024);

    if (cached(1) == file_kb()) {
        /* a file system in memory keeps all of it */
        skip();
    }

    assert_true(warm(UINT64_MAX) > (uint64_t) file_kb() * 1024);

    for (i = 0; cached(0) < file_kb() && i < WAIT_MS; i++) {
        usleep(1000);
    }

    assert_int_equal(cached(0), file_kb());

    assert_int_equal(scene_judge(s, "a0", SCENE_NOW), LEDGER_VERDICT_ACTIVE);
}


/* What is remembered comes first, and is no part of "end". */

static void
test_so_much(void **state)
{
    uint64_t  none;

    (void) state;

    fill();

    none = warm(0);

    assert_true(none > 0);
    assert_int_equal(warm(STEP), none + STEP);
    assert_int_equal(warm(STEP + 4096), none + STEP + 4096);
}


static void
test_gone(void **state)
{
    unsigned       i, n;
    uint64_t       at;
    ledger_part_t  parts[2048];

    (void) state;

    fill();

    at = 0;

    for (n = 0; n < 2048; n++) {
        if (ledger_warm_next(s->ledger, &at, UINT64_MAX, STEP, &parts[n])
            != LEDGER_OK)
        {
            break;
        }
    }

    assert_true(n > 8 && n < 2048);
    scene_close(s);

    for (i = 0; i < n; i++) {
        ledger_warm(&parts[i]);
    }

    scene_open(s);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        story(test_all_of_it),
        story(test_so_much),
        story(test_gone),
    };

    return cmocka_run_group_tests_name("warm", tests, NULL, NULL);
}
