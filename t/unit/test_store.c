
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * The store: opening, keys, versions, a full map and a full disk, damaged
 * rows, other processes, and writers that are killed.
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "ledger_store.h"
#include "scene.h"


#define T0           SCENE_NOW
#define MAP          (1u << 28)
#define KILL_ROUNDS  25


static scene_t  *s;


static int
set_up(void **state)
{
    (void) state;

    s = scene_create(MAP);

    return 0;
}


static int
tear_down(void **state)
{
    (void) state;

    if (s->ledger) {
        scene_check(s);
    }

    scene_destroy(s);

    return 0;
}


static ledger_rc_t
apply_rc(ledger_record_t record)
{
    s->effects.n = 0;

    return ledger_apply(s->ledger, &record, 1, &s->effects);
}


static ledger_record_t
numbered(unsigned i)
{
    char             token[16];
    ledger_record_t  record;

    sprintf(token, "t%u", i);

    record = scene_connect("o", "u", token, NULL, T0 + i);
    record.u.exchange.nlimits = 0;

    return record;
}


static unsigned
verdict_of(unsigned i)
{
    char  token[16];

    sprintf(token, "t%u", i);

    return scene_judge(s, token, T0);
}


static ledger_rc_t
reopen(void)
{
    ledger_rc_t  rc;

    scene_close(s);
    rc = ledger_open(&s->ledger, &s->options);

    if (rc != LEDGER_OK) {
        s->ledger = NULL;
    }

    return rc;
}


/* Opening */


static void
test_library(void **state)
{
    const char  *version;

    (void) state;

    assert_int_equal(ledger_check_library(&version), LEDGER_OK);
    assert_non_null(strstr(version, "LMDB 0.9."));
}


static void
test_modes(void **state)
{
    char              file[96];
    mode_t            mask;
    struct stat       st;
    ledger_t         *ledger;
    ledger_options_t  options;

    (void) state;

    sprintf(file, "%s/data.mdb", s->path);
    assert_int_equal(stat(file, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);

    sprintf(file, "%s/lock.mdb", s->path);
    assert_int_equal(stat(file, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);

    mask = umask(0);
    sprintf(file, "%s/inner", s->path);
    options = s->options;
    options.path = file;
    assert_int_equal(ledger_open(&ledger, &options), LEDGER_OK);
    umask(mask);

    assert_int_equal(stat(file, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    ledger_close(ledger);

    sprintf(file, "%s/inner/data.mdb", s->path);
    assert_int_equal(stat(file, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(unlink(file), 0);
    sprintf(file, "%s/inner/lock.mdb", s->path);
    assert_int_equal(unlink(file), 0);
    sprintf(file, "%s/inner/versions.map", s->path);
    assert_int_equal(stat(file, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(unlink(file), 0);
    sprintf(file, "%s/inner", s->path);
    assert_int_equal(rmdir(file), 0);
}


static void
test_not_there(void **state)
{
    char              path[8192];
    ledger_t         *ledger;
    ledger_options_t  options;

    (void) state;

    options = s->options;
    options.create = 0;

    sprintf(path, "%s/none", s->path);
    options.path = path;
    assert_int_equal(ledger_open(&ledger, &options), LEDGER_NOT_FOUND);

    /* its directory alone is no store */
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(ledger_open(&ledger, &options), LEDGER_NOT_FOUND);
    assert_int_equal(rmdir(path), 0);

    options.create = 1;
    sprintf(path, "%s/none/none", s->path);
    assert_int_equal(ledger_open(&ledger, &options), LEDGER_IO);
    assert_int_equal(errno, ENOENT);

    memset(path, 'x', sizeof(path));
    path[sizeof(path) - 1] = '\0';
    assert_int_equal(ledger_open(&ledger, &options), LEDGER_IO);
    assert_int_equal(errno, ENAMETOOLONG);

    s->options.create = 0;
    assert_int_equal(reopen(), LEDGER_OK);

    ledger_close(NULL);
}


static void
test_survives(void **state)
{
    uint64_t  before;

    (void) state;

    s->options.sync = 1;
    assert_int_equal(reopen(), LEDGER_OK);
    assert_int_equal(apply_rc(numbered(1)), LEDGER_OK);
    before = scene_dump(s, 1);

    assert_int_equal(reopen(), LEDGER_OK);
    assert_int_equal(scene_dump(s, 1), before);
    assert_int_equal(verdict_of(1), LEDGER_VERDICT_ACTIVE);
}


static void
test_keys(void **state)
{
    uint32_t         ring[2];
    ledger_record_t  record;

    (void) state;

    /* a store without tokens knows no key */
    s->key = 1;
    assert_int_equal(reopen(), LEDGER_OK);

    assert_int_equal(apply_rc(numbered(1)), LEDGER_OK);
    assert_int_equal(reopen(), LEDGER_KEY);
    s->options.nkeys = 0;
    assert_int_equal(reopen(), LEDGER_KEY);

    ring[0] = 1;
    ring[1] = SCENE_KEY;
    s->options.keys = ring;
    s->options.nkeys = 2;
    assert_int_equal(reopen(), LEDGER_OK);

    /* the last writing key is asked for; an older one may retire */
    record = numbered(2);
    record.u.exchange.tokens[0].key = 1;
    assert_int_equal(apply_rc(record), LEDGER_OK);
    s->options.nkeys = 1;
    assert_int_equal(reopen(), LEDGER_OK);
    ring[0] = SCENE_KEY;
    assert_int_equal(reopen(), LEDGER_KEY);
    ring[0] = 1;
    assert_int_equal(reopen(), LEDGER_OK);
}


static void
set_meta(const char *name, const void *value, size_t len)
{
    MDB_val        key, v;
    ledger_view_t  view;

    key.mv_data = (void *) (uintptr_t) name;
    key.mv_size = strlen(name);
    v.mv_data = (void *) (uintptr_t) value;
    v.mv_size = len;

    assert_int_equal(ledger_store_write(s->ledger, &view), LEDGER_OK);

    if (value) {
        assert_int_equal(mdb_put(view.txn, s->ledger->tables[LEDGER_META],
                                 &key, &v, 0), 0);

    } else {
        assert_int_equal(mdb_del(view.txn, s->ledger->tables[LEDGER_META],
                                 &key, NULL), 0);
    }

    assert_int_equal(ledger_store_commit(&view), LEDGER_OK);
}


static void
test_format(void **state)
{
    (void) state;

    set_meta("format", "OAGW\0\0\0\2", 8);
    assert_int_equal(reopen(), LEDGER_VERSION);

    scene_destroy(s);
    s = scene_create(MAP);
    set_meta("format", "WGAO\0\0\0\1", 8);
    assert_int_equal(reopen(), LEDGER_CORRUPT);

    scene_destroy(s);
    s = scene_create(MAP);
    set_meta("format", "OAGW", 4);
    assert_int_equal(reopen(), LEDGER_CORRUPT);

    scene_destroy(s);
    s = scene_create(MAP);
    set_meta("format", NULL, 0);
    assert_int_equal(reopen(), LEDGER_CORRUPT);
}


static void
test_not_a_store(void **state)
{
    int   fd;
    char  file[96], text[16384];

    (void) state;

    scene_close(s);

    memset(text, 'x', sizeof(text));
    sprintf(file, "%s/data.mdb", s->path);
    fd = open(file, O_WRONLY|O_TRUNC);
    assert_true(fd != -1);
    assert_int_equal(write(fd, text, sizeof(text)), sizeof(text));
    close(fd);

    assert_int_equal(reopen(), LEDGER_CORRUPT);
}


static void
write_file(const void *bytes, size_t len)
{
    int   fd;
    char  file[96];

    sprintf(file, "%s/data.mdb", s->path);
    fd = open(file, O_WRONLY|O_TRUNC);
    assert_true(fd != -1);
    assert_int_equal(write(fd, bytes, len), len);
    close(fd);
}


static off_t
file_size(void)
{
    char         file[96];
    struct stat  st;

    sprintf(file, "%s/data.mdb", s->path);
    assert_int_equal(stat(file, &st), 0);

    return st.st_size;
}


/* No larger than the two pages that come first: it is made anew. */

static void
test_unfinished(void **state)
{
    size_t  i, page;
    char    text[4 * 4096 + 1];

    (void) state;

    page = (size_t) sysconf(_SC_PAGESIZE);
    assert_true(2 * page < sizeof(text));
    memset(text, 0, sizeof(text));

    const size_t  sizes[] = { 1, page / 2, page, 2 * page - 1, 2 * page };

    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        scene_close(s);
        write_file(text, sizes[i]);

        assert_int_equal(reopen(), LEDGER_OK);
        assert_int_equal(apply_rc(numbered(1)), LEDGER_OK);
        assert_int_equal(reopen(), LEDGER_OK);
        assert_int_equal(verdict_of(1), LEDGER_VERDICT_ACTIVE);
    }

    scene_close(s);
    write_file(text, 2 * page + 1);
    assert_int_equal(reopen(), LEDGER_CORRUPT);
    assert_int_equal(file_size(), 2 * page + 1);

    write_file(text, page);
    s->options.create = 0;
    assert_int_equal(reopen(), LEDGER_CORRUPT);
    assert_int_equal(file_size(), page);
    s->options.create = 1;
}


/* Full */


static void
test_full_map(void **state)
{
    unsigned  i;
    uint64_t  before;

    (void) state;

    scene_close(s);
    s->options.max_size = 256 * 1024;
    scene_open(s);

    for (i = 0; apply_rc(numbered(i)) == LEDGER_OK; i++) {
        assert_true(i < 10000);
    }

    assert_int_equal(apply_rc(numbered(i)), LEDGER_FULL);
    assert_int_equal(s->effects.n, 0);
    assert_int_equal(verdict_of(i), LEDGER_VERDICT_UNKNOWN);
    assert_int_equal(verdict_of(0), LEDGER_VERDICT_ACTIVE);

    before = scene_dump(s, 1);
    assert_int_equal(apply_rc(numbered(i)), LEDGER_FULL);
    assert_int_equal(scene_dump(s, 1), before);
    scene_check(s);

    /* with more room it goes on */
    scene_close(s);
    s->options.max_size = MAP;
    scene_open(s);
    assert_int_equal(apply_rc(numbered(i)), LEDGER_OK);
    assert_int_equal(verdict_of(i), LEDGER_VERDICT_ACTIVE);
}


/* A file size limit stands for the disk: write() fails in mid-commit. */

static void
full_disk(void)
{
    char           file[96];
    unsigned       i;
    uint64_t       before;
    ledger_rc_t    rc;
    struct stat    st;
    struct rlimit  limit;

    signal(SIGXFSZ, SIG_IGN);

    if (ledger_open(&s->ledger, &s->options) != LEDGER_OK) {
        _exit(1);
    }

    sprintf(file, "%s/data.mdb", s->path);
    (void) stat(file, &st);

    limit.rlim_max = RLIM_INFINITY;
    limit.rlim_cur = (rlim_t) st.st_size + 20 * 4096;
    (void) setrlimit(RLIMIT_FSIZE, &limit);

    rc = LEDGER_OK;

    for (i = 0; i < 10000; i++) {
        rc = apply_rc(numbered(i));

        if (rc != LEDGER_OK) {
            break;
        }
    }

    if (rc != LEDGER_IO && rc != LEDGER_FULL) {
        _exit(2);
    }

    if (s->effects.n != 0 || verdict_of(i) != LEDGER_VERDICT_UNKNOWN
        || (i && verdict_of(i - 1) != LEDGER_VERDICT_ACTIVE))
    {
        _exit(3);
    }

    before = scene_dump(s, 1);
    rc = apply_rc(numbered(i));

    if (rc == LEDGER_OK || scene_dump(s, 1) != before) {
        _exit(4);
    }

    limit.rlim_cur = RLIM_INFINITY;
    (void) setrlimit(RLIMIT_FSIZE, &limit);

    if (apply_rc(numbered(i)) != LEDGER_OK
        || verdict_of(i) != LEDGER_VERDICT_ACTIVE)
    {
        _exit(5);
    }

    scene_check(s);
    ledger_close(s->ledger);
    _exit(0);
}


static void
test_full_disk(void **state)
{
    int    status;
    pid_t  pid;

    (void) state;

    scene_close(s);

    pid = fork();
    assert_true(pid != -1);

    if (pid == 0) {
        full_disk();
    }

    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);

    scene_open(s);
}


/* Damage */


static void
poke(ledger_table_t table, MDB_val *key, const void *value, size_t len)
{
    MDB_val        v;
    ledger_view_t  view;

    v.mv_data = (void *) (uintptr_t) value;
    v.mv_size = len;

    assert_int_equal(ledger_store_write(s->ledger, &view), LEDGER_OK);
    assert_int_equal(mdb_put(view.txn, s->ledger->tables[table], key, &v, 0),
                     0);
    assert_int_equal(ledger_store_commit(&view), LEDGER_OK);
}


static void
sane(ledger_rc_t rc)
{
    assert_true(rc == LEDGER_OK || rc == LEDGER_CORRUPT
                || rc == LEDGER_NOT_FOUND);
}


/* Whatever reads the rows. */

static void
read_everything(void)
{
    unsigned                    i;
    ledger_slot_t               slot;
    ledger_record_t             records[4];
    ledger_token_id_t           id;
    ledger_connection_t         c;
    static ledger_judgement_t   j;
    static unsigned char        buf[LEDGER_RECORD_MAX];

    for (i = 0; i < 2; i++) {
        id = scene_token(i ? "a1" : "r1");
        sane(ledger_judge(s->ledger, &id, 1, T0, &j));
    }

    for (i = 1; i < 3; i++) {

        if (ledger_find(s->ledger, i, &c, buf) == LEDGER_OK) {
            sane(ledger_slot(s->ledger, &c, 0, T0, 3, 1000, &slot));
        }
    }

    sane(ledger_due(s->ledger, T0, 1000));

    records[0] = scene_connect("q", "u", "c1", "d1", T0 + 100);
    records[1] = scene_refresh("r1", "a9", "r9", T0 + 101);
    records[2] = scene_answer(1, "a1", 1, T0 + 102);
    records[3] = scene_sweep(T0 + 400 * SCENE_DAY, SCENE_DAY, 1000);

    s->effects.n = 0;
    sane(ledger_apply(s->ledger, records, 4, &s->effects));
}


static void
story_of_damage(void)
{
    ledger_record_t  record;

    record = scene_connect("o", "u", "a1", "r1", T0);
    scene_apply(s, &record);
    record = scene_connect("p", "u", "b1", "s1", T0 + 10);
    scene_apply(s, &record);
}


static void
damage(ledger_table_t table, unsigned row, size_t byte)
{
    unsigned        i;
    MDB_val         key, value;
    MDB_cursor     *cursor;
    ledger_view_t   view;
    unsigned char   name[512], copy[LEDGER_RECORD_MAX];

    story_of_damage();

    assert_int_equal(ledger_store_read(s->ledger, &view), LEDGER_OK);
    assert_int_equal(mdb_cursor_open(view.txn, s->ledger->tables[table],
                                     &cursor), 0);

    for (i = 0; i <= row; i++) {
        assert_int_equal(mdb_cursor_get(cursor, &key, &value, MDB_NEXT), 0);
    }

    memcpy(name, key.mv_data, key.mv_size);
    memcpy(copy, value.mv_data, value.mv_size);
    key.mv_data = name;
    mdb_cursor_close(cursor);
    ledger_store_read_end(&view);

    assert_true(byte < value.mv_size);
    copy[byte] = (unsigned char) ~copy[byte];
    poke(table, &key, copy, value.mv_size);

    read_everything();

    /* and cut off there */
    poke(table, &key, copy, byte);
    read_everything();
}


static size_t
row_size(ledger_table_t table, unsigned row)
{
    size_t          size;
    unsigned        i;
    MDB_val         key, value;
    MDB_cursor     *cursor;
    ledger_view_t   view;

    story_of_damage();

    size = 0;

    assert_int_equal(ledger_store_read(s->ledger, &view), LEDGER_OK);
    assert_int_equal(mdb_cursor_open(view.txn, s->ledger->tables[table],
                                     &cursor), 0);

    for (i = 0; i <= row; i++) {

        if (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) != 0) {
            break;
        }

        size = i == row ? value.mv_size : 0;
    }

    mdb_cursor_close(cursor);
    ledger_store_read_end(&view);

    return size;
}


/* Every byte of every row of every table. */

static void
test_damaged_rows(void **state)
{
    size_t    size, byte;
    unsigned  table, row, damaged;

    (void) state;

    damaged = 0;

    for (table = 0; table < LEDGER_TABLES; table++) {

        for (row = 0; row < 6; row++) {
            size = row_size((ledger_table_t) table, row);

            for (byte = 0; byte < size; byte++) {
                scene_destroy(s);
                s = scene_create(MAP);
                damage((ledger_table_t) table, row, byte);
                damaged++;
            }

            scene_destroy(s);
            s = scene_create(MAP);
        }
    }

    assert_true(damaged > 700);
}


/* Rows that are gone although others speak of them. */

static void
test_missing_rows(void **state)
{
    unsigned        table, row, i;
    MDB_val         key, value;
    MDB_cursor     *cursor;
    ledger_view_t   view;

    (void) state;

    for (table = LEDGER_TOKENS; table < LEDGER_TABLES; table++) {

        for (row = 0; row < 8; row++) {
            scene_destroy(s);
            s = scene_create(MAP);
            story_of_damage();

            assert_int_equal(ledger_store_write(s->ledger, &view),
                             LEDGER_OK);
            assert_int_equal(mdb_cursor_open(view.txn,
                                             s->ledger->tables[table],
                                             &cursor), 0);

            for (i = 0; i <= row; i++) {

                if (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) != 0) {
                    break;
                }
            }

            if (i > row) {
                assert_int_equal(mdb_cursor_del(cursor, 0), 0);
            }

            mdb_cursor_close(cursor);
            assert_int_equal(ledger_store_commit(&view), LEDGER_OK);

            read_everything();
        }
    }

    scene_destroy(s);
    s = scene_create(MAP);
}


/* Other processes and threads */


static int  to_child[2], to_parent[2];


static void
say(int fd, unsigned number)
{
    if (write(fd, &number, sizeof(number)) != sizeof(number)) {
        _exit(9);
    }
}


static unsigned
hear(int fd)
{
    unsigned  number;

    if (read(fd, &number, sizeof(number)) != sizeof(number)) {
        return 0;
    }

    return number;
}


static void
open_pipes(void)
{
    assert_int_equal(pipe(to_child), 0);
    assert_int_equal(pipe(to_parent), 0);
}


static void
close_pipes(void)
{
    close(to_child[0]);
    close(to_child[1]);
    close(to_parent[0]);
    close(to_parent[1]);
}


/* A process that has the store open with more address space. */

static void
grow(void)
{
    unsigned  i;

    if (hear(to_child[0]) != 1) {
        _exit(1);
    }

    s->options.max_size = MAP;

    if (ledger_open(&s->ledger, &s->options) != LEDGER_OK) {
        _exit(2);
    }

    for (i = 1000; i < 5000; i++) {

        if (apply_rc(numbered(i)) != LEDGER_OK) {
            _exit(3);
        }
    }

    ledger_close(s->ledger);
    say(to_parent[1], 1);
    _exit(0);
}


static void
test_map_grown_by_another(void **state)
{
    int       status;
    pid_t     pid;
    unsigned  way;

    (void) state;

    /* whoever notices first, the reader or the writer */

    for (way = 0; way < 2; way++) {
        scene_destroy(s);
        s = scene_create(512 * 1024);
        scene_close(s);
        open_pipes();

        pid = fork();
        assert_true(pid != -1);

        if (pid == 0) {
            grow();
        }

        scene_open(s);
        assert_int_equal(apply_rc(numbered(1)), LEDGER_OK);
        assert_int_equal(verdict_of(1), LEDGER_VERDICT_ACTIVE);

        say(to_child[1], 1);
        assert_int_equal(hear(to_parent[0]), 1);

        if (way == 0) {
            assert_int_equal(verdict_of(4999), LEDGER_VERDICT_ACTIVE);
        }

        assert_int_equal(apply_rc(numbered(2)), LEDGER_OK);
        assert_int_equal(verdict_of(2), LEDGER_VERDICT_ACTIVE);
        assert_int_equal(verdict_of(4999), LEDGER_VERDICT_ACTIVE);

        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        close_pipes();
    }
}


static void
hold_a_reader(void)
{
    ledger_view_t  view;

    if (ledger_open(&s->ledger, &s->options) != LEDGER_OK
        || ledger_store_read(s->ledger, &view) != LEDGER_OK)
    {
        _exit(1);
    }

    say(to_parent[1], 1);

    for ( ;; ) {
        pause();
    }
}


/* While another process has it open it is left alone. */

static void
test_unfinished_elsewhere(void **state)
{
    int           fd, status;
    char          file[96], text[16];
    pid_t         pid;
    struct flock  lock;

    (void) state;

    scene_close(s);
    memset(text, 0, sizeof(text));
    write_file(text, sizeof(text));
    open_pipes();

    pid = fork();
    assert_true(pid != -1);

    if (pid == 0) {
        sprintf(file, "%s/lock.mdb", s->path);
        fd = open(file, O_RDWR);

        memset(&lock, 0, sizeof(lock));
        lock.l_type = F_RDLCK;
        lock.l_whence = SEEK_SET;
        lock.l_len = 1;

        say(to_parent[1], fcntl(fd, F_SETLK, &lock) == 0);
        (void) pause();
        _exit(0);
    }

    assert_int_equal(hear(to_parent[0]), 1);
    assert_int_equal(reopen(), LEDGER_BUSY);
    assert_int_equal(file_size(), sizeof(text));

    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(reopen(), LEDGER_OK);

    close_pipes();
}


static void
test_stale_reader(void **state)
{
    int              dead, status;
    pid_t            pid;
    MDB_envinfo      info;
    ledger_record_t  record;

    (void) state;

    scene_close(s);
    open_pipes();

    pid = fork();
    assert_true(pid != -1);

    if (pid == 0) {
        hold_a_reader();
    }

    assert_int_equal(hear(to_parent[0]), 1);
    scene_open(s);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);

    record = scene_sweep(T0, SCENE_DAY, 1);
    scene_apply(s, &record);

    /* the sweep has cleared it, so there is nothing left to clear */
    assert_int_equal(mdb_reader_check(s->ledger->env, &dead), 0);
    assert_int_equal(dead, 0);
    assert_int_equal(mdb_env_info(s->ledger->env, &info), 0);

    close_pipes();
}


static void
open_and_write(void)
{
    unsigned  i;

    for (i = 0; i < 30; i++) {

        if (ledger_open(&s->ledger, &s->options) != LEDGER_OK) {
            _exit(1);
        }

        if (apply_rc(numbered((unsigned) getpid() * 100 + i)) != LEDGER_OK) {
            _exit(2);
        }

        ledger_close(s->ledger);
    }
}


static void
test_many_open_and_close(void **state)
{
    int       status;
    pid_t     pids[4];
    unsigned  i, j;

    (void) state;

    scene_close(s);

    for (i = 0; i < 4; i++) {
        pids[i] = fork();
        assert_true(pids[i] != -1);

        if (pids[i] == 0) {
            open_and_write();
            _exit(0);
        }
    }

    for (i = 0; i < 4; i++) {
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }

    scene_open(s);

    for (i = 0; i < 4; i++) {

        for (j = 0; j < 30; j++) {
            assert_int_equal(verdict_of((unsigned) pids[i] * 100 + j),
                             LEDGER_VERDICT_ACTIVE);
        }
    }
}


static void
create_here(void)
{
    if (ledger_open(&s->ledger, &s->options) != LEDGER_OK) {
        _exit(1);
    }

    ledger_close(s->ledger);
}


/* All workers of a new gateway make the store at once. */

static void
test_made_by_several(void **state)
{
    int       status;
    char      file[96];
    pid_t     pids[4];
    unsigned  round, i;

    (void) state;

    for (round = 0; round < 10; round++) {
        scene_close(s);
        sprintf(file, "%s/data.mdb", s->path);
        (void) unlink(file);
        sprintf(file, "%s/lock.mdb", s->path);
        (void) unlink(file);

        for (i = 0; i < 4; i++) {
            pids[i] = fork();
            assert_true(pids[i] != -1);

            if (pids[i] == 0) {
                create_here();
                _exit(0);
            }
        }

        for (i = 0; i < 4; i++) {
            assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
            assert_int_equal(status, 0);
        }

        scene_open(s);
    }
}


/* Writes and acknowledges until it is killed. */

static void
write_for_ever(void)
{
    unsigned  i;

    if (ledger_open(&s->ledger, &s->options) != LEDGER_OK) {
        _exit(1);
    }

    for (i = hear(to_child[0]); /* void */ ; i++) {

        if (apply_rc(numbered(i)) != LEDGER_OK) {
            _exit(2);
        }

        say(to_parent[1], i);
    }
}


static void
test_killed_writers(void **state)
{
    int              status;
    pid_t            pid;
    unsigned         round, i, last, number;
    struct timespec  pause;

    (void) state;

    s->options.sync = 1;
    last = 0;

    for (round = 0; round < KILL_ROUNDS; round++) {
        scene_close(s);
        open_pipes();

        pid = fork();
        assert_true(pid != -1);

        if (pid == 0) {
            write_for_ever();
        }

        close(to_parent[1]);
        to_parent[1] = -1;
        say(to_child[1], last + 1);

        if (round % 2) {
            /* however slow the machine is, half of them get so far */
            last = hear(to_parent[0]);
            assert_true(last > 0);
        }

        pause.tv_sec = 0;
        pause.tv_nsec = 1000000 + (long) (round * 7919 % 37) * 1000000;
        (void) nanosleep(&pause, NULL);

        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));

        for ( ;; ) {
            number = hear(to_parent[0]);

            if (number == 0) {
                break;
            }

            last = number;
        }

        close_pipes();
        scene_open(s);
        scene_check(s);

        for (i = 1; i <= last; i++) {
            assert_int_equal(verdict_of(i), LEDGER_VERDICT_ACTIVE);
        }

        /* one more may be there that nobody was told of */
        last++;
        assert_int_equal(apply_rc(numbered(last)), LEDGER_OK);
    }

    printf("# %u records, %u writers killed\n", last, KILL_ROUNDS);
    assert_true(last > KILL_ROUNDS);
}


static void *
write_beside(void *data)
{
    unsigned          i;
    ledger_rc_t       rc;
    ledger_record_t   record;
    ledger_effects_t  effects;

    memset(&effects, 0, sizeof(effects));
    rc = LEDGER_OK;

    for (i = 1; rc == LEDGER_OK && i <= 2000; i++) {
        record = numbered(i);
        rc = ledger_apply(s->ledger, &record, 1, &effects);
        effects.n = 0;
        atomic_store((atomic_uint *) data, i);
    }

    ledger_effects_free(&effects);

    return rc == LEDGER_OK ? NULL : data;
}


/* Look-ups of one thread beside the commits of another. */

static void
test_two_threads(void **state)
{
    void         *failed;
    unsigned      n, reads;
    pthread_t     thread;
    atomic_uint   done;

    (void) state;

    atomic_init(&done, 0);
    reads = 0;

    assert_int_equal(pthread_create(&thread, NULL, write_beside, &done), 0);

    do {
        n = atomic_load(&done);

        if (n) {
            assert_int_equal(verdict_of(n), LEDGER_VERDICT_ACTIVE);
            reads++;
        }

        assert_int_equal(ledger_due(s->ledger, T0, SCENE_DAY),
                         LEDGER_NOT_FOUND);

    } while (n < 2000);

    assert_int_equal(pthread_join(thread, &failed), 0);
    assert_null(failed);
    assert_true(reads > 0);
}


#define story(test)  cmocka_unit_test_setup_teardown(test, set_up, tear_down)


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        story(test_library),
        story(test_modes),
        story(test_not_there),
        story(test_survives),
        story(test_keys),
        story(test_format),
        story(test_not_a_store),
        story(test_unfinished),
        story(test_unfinished_elsewhere),
        story(test_full_map),
        story(test_full_disk),
        story(test_damaged_rows),
        story(test_missing_rows),
        story(test_map_grown_by_another),
        story(test_stale_reader),
        story(test_many_open_and_close),
        story(test_made_by_several),
        story(test_killed_writers),
        story(test_two_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
