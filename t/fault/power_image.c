
/*
 * Copyright (C) The OAuth gateway authors
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "power.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim.h"


#define PAGE    4096
#define SECTOR  512

/* Whoever reads an image for longer goes round in circles. */
#define READ_SECONDS  10

/* One image of so many is also written to. */
#define WRITE_EVERY   8

/* So many findings are told. */
#define TOLD_MAX      10


typedef enum {
    PENDING = 0,
    GOOD,
    LOST,
    CORRUPT
} outcome_t;


typedef struct {
    uint64_t            kind;
    uint64_t            offset;
    uint64_t            len;
    const char         *bytes;
} entry_t;


/* The part of a write that is there whole or not at all. */

typedef struct {
    uint64_t            offset;
    uint64_t            len;
    const char         *bytes;
} piece_t;


/* Shared with the child that reads: it may not live to tell. */

typedef struct {
    power_tally_t       tally;
    uint64_t            next;            /* image */
    uint64_t            outcome;         /* of "next" */
} shared_t;


typedef struct {
    scene_t             scene;
    char                file[96];
    int                 fd;
    shared_t           *shared;
    uint64_t            seed;

    entry_t            *entries;
    size_t              n;

    uint64_t           *hashes;          /* of each state */
    uint64_t            nstates;

    char               *base;            /* what is on disk for sure */
    size_t              base_len;
    size_t              unsynced;        /* the first entry that may not be */
    int64_t             acknowledged;    /* -1: not even the making */

    piece_t            *pieces;
    size_t              npieces;
    size_t              allocated;

    char               *image;           /* the file */
    unsigned            whole;           /* it must be written anew */
    unsigned            told;
} check_t;


static void die(const char *what);
static void read_log(check_t *check, const char *log);
static void add_entry(check_t *check, const entry_t *entry);
static void read_states(check_t *check);
static void check_point(check_t *check, size_t point, uint64_t images);
static void settle(check_t *check, size_t point);
static void settle_one(check_t *check, const entry_t *entry);
static void cut(check_t *check, size_t point, size_t size);
static void make_image(check_t *check, uint64_t number);
static void read_images(check_t *check, uint64_t end);
static outcome_t read_image(check_t *check, uint64_t number);
static void resize(check_t *check, size_t size);
static void tell(check_t *check, outcome_t outcome, size_t point,
    int status);


void
power_check(const char *log, const char *dir, uint64_t seed,
    uint64_t images, power_tally_t *tally)
{
    size_t   point;
    check_t  check;

    memset(&check, 0, sizeof(check));

    check.seed = seed;
    check.acknowledged = -1;

    power_scene(&check.scene, dir, 0);

    if (mkdir(dir, 0700) == -1 && errno != EEXIST) {
        die(dir);
    }

    snprintf(check.file, sizeof(check.file), "%s/data.mdb", dir);

    check.fd = open(check.file, O_RDWR|O_CREAT, 0600);

    if (check.fd == -1) {
        die(check.file);
    }

    read_log(&check, log);
    read_states(&check);

    check.base = calloc(1, POWER_MAP_SIZE);
    check.image = mmap(NULL, POWER_MAP_SIZE, PROT_READ|PROT_WRITE,
                       MAP_SHARED, check.fd, 0);
    check.shared = mmap(NULL, sizeof(shared_t), PROT_READ|PROT_WRITE,
                        MAP_SHARED|MAP_ANONYMOUS, -1, 0);

    if (check.base == NULL || check.image == MAP_FAILED
        || check.shared == MAP_FAILED)
    {
        die("memory");
    }

    for (point = 1; point <= check.n; point++) {
        settle(&check, point);
        check_point(&check, point, (images + check.n - 1) / check.n);
    }

    *tally = check.shared->tally;

    (void) close(check.fd);
    munmap(check.image, POWER_MAP_SIZE);
    munmap(check.shared, sizeof(shared_t));
    free(check.base);
    free(check.entries);
    free(check.hashes);
    free(check.pieces);
}


static void
die(const char *what)
{
    fprintf(stderr, "power: %s: %s\n", what, strerror(errno));
    exit(2);
}


/* The log stays mapped: entries point into it. */

static void
read_log(check_t *check, const char *log)
{
    int           fd;
    char         *p, *end;
    entry_t       entry;
    struct stat   st;
    shim_entry_t  head;

    fd = open(log, O_RDONLY);

    if (fd == -1 || fstat(fd, &st) == -1) {
        die(log);
    }

    if (st.st_size == 0) {
        errno = ENODATA;
        die(log);
    }

    p = mmap(NULL, (size_t) st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);

    if (p == MAP_FAILED) {
        die(log);
    }

    (void) close(fd);

    for (end = p + st.st_size; p < end; p += sizeof(head)) {

        if ((size_t) (end - p) < sizeof(head)) {
            errno = EBADMSG;
            die(log);
        }

        memcpy(&head, p, sizeof(head));

        entry.kind = head.kind;
        entry.offset = head.offset;
        entry.len = head.len;
        entry.bytes = p + sizeof(head);

        if (head.kind == SHIM_WRITTEN) {

            if (head.offset + head.len > POWER_MAP_SIZE
                || head.len > (size_t) (end - entry.bytes))
            {
                errno = EBADMSG;
                die(log);
            }

            p += head.len;
        }

        add_entry(check, &entry);
    }
}


static void
add_entry(check_t *check, const entry_t *entry)
{
    if ((check->n & (check->n - 1)) == 0) {
        check->entries = realloc(check->entries,
                                 (check->n ? 2 * check->n : 1)
                                 * sizeof(entry_t));

        if (check->entries == NULL) {
            die("memory");
        }
    }

    check->entries[check->n++] = *entry;
}


/* A mark with a value tells the hash of the state with its number. */

static void
read_states(check_t *check)
{
    size_t          i;
    const entry_t  *e;

    check->hashes = calloc(check->n + 1, sizeof(uint64_t));

    if (check->hashes == NULL) {
        die("memory");
    }

    for (i = 0; i < check->n; i++) {
        e = &check->entries[i];

        if (e->kind == SHIM_MARK && e->len != POWER_ACKNOWLEDGED) {
            check->hashes[e->offset] = e->len;
            check->nstates = e->offset + 1;
        }
    }

    if (check->nstates == 0) {
        errno = ENODATA;
        die("no state in the log");
    }
}


/* Brings what is on disk for sure up to the first "point" entries. */

static void
settle(check_t *check, size_t point)
{
    size_t          i;
    const entry_t  *e;

    e = &check->entries[point - 1];

    switch (e->kind) {

    case SHIM_FLUSHED:

        for (i = check->unsynced; i < point; i++) {
            settle_one(check, &check->entries[i]);
        }

        check->unsynced = point;
        break;

    case SHIM_THROUGH:

        /* it is on disk, and so is what it wrote over; others may not be */

        settle_one(check, e - 1);
        break;

    case SHIM_MARK:

        if (e->len == POWER_ACKNOWLEDGED) {
            check->acknowledged = (int64_t) e->offset;
        }

        break;

    default:
        break;
    }
}


static void
settle_one(check_t *check, const entry_t *entry)
{
    switch (entry->kind) {

    case SHIM_WRITTEN:
        memcpy(check->base + entry->offset, entry->bytes, entry->len);

        if (check->base_len < entry->offset + entry->len) {
            check->base_len = entry->offset + entry->len;
        }

        break;

    case SHIM_TRUNCATED:
        check->base_len = entry->offset;
        break;

    default:
        break;
    }
}


/* The pieces of what is not on disk for sure. */

static void
cut(check_t *check, size_t point, size_t size)
{
    size_t          i;
    piece_t        *piece;
    uint64_t        at, end, next;
    const entry_t  *e;

    check->npieces = 0;

    for (i = check->unsynced; i < point; i++) {
        e = &check->entries[i];

        if (e->kind != SHIM_WRITTEN
            || (i + 1 < point && check->entries[i + 1].kind == SHIM_THROUGH))
        {
            continue;
        }

        end = e->offset + e->len;

        for (at = e->offset; at < end; at = next) {
            next = (at / size + 1) * size;
            next = next < end ? next : end;

            if (check->npieces == check->allocated) {
                check->allocated = check->allocated ? 2 * check->allocated
                                                    : 256;
                check->pieces = realloc(check->pieces, check->allocated
                                                       * sizeof(piece_t));

                if (check->pieces == NULL) {
                    die("memory");
                }
            }

            piece = &check->pieces[check->npieces++];
            piece->offset = at;
            piece->len = next - at;
            piece->bytes = e->bytes + (at - e->offset);
        }
    }
}


static void
check_point(check_t *check, size_t point, uint64_t images)
{
    int        status;
    pid_t      pid;
    uint64_t   end;
    shared_t  *shared;
    outcome_t  outcome;

    shared = check->shared;

    cut(check, point, point % 2 ? PAGE : SECTOR);

    /* with nothing in doubt there is one image only */

    end = shared->next + (check->npieces ? images : 1);

    while (shared->next < end) {

        fflush(NULL);
        pid = fork();

        if (pid == -1) {
            die("fork");
        }

        if (pid == 0) {
            read_images(check, end);
            _exit(0);
        }

        if (waitpid(pid, &status, 0) == -1) {
            die("waitpid");
        }

        outcome = (outcome_t) shared->outcome;

        if (status == 0 && outcome == GOOD) {
            continue;
        }

        if (status != 0) {
            outcome = CORRUPT;
        }

        if (outcome == LOST) {
            shared->tally.lost++;

        } else {
            shared->tally.corrupt++;
        }

        tell(check, outcome, point, status);

        shared->tally.images++;
        shared->next++;
    }
}


/* In the child: until an image is not as it should be. */

static void
read_images(check_t *check, uint64_t end)
{
    shared_t   *shared;
    outcome_t   outcome;

    shared = check->shared;
    check->whole = 1;

    while (shared->next < end) {
        shared->outcome = PENDING;

        make_image(check, shared->next);

        (void) alarm(READ_SECONDS);
        outcome = read_image(check, shared->next);
        (void) alarm(0);

        if (outcome == LOST || outcome == CORRUPT) {
            shared->outcome = outcome;
            return;
        }

        shared->tally.images++;
        shared->outcome = GOOD;
        shared->next++;
    }
}


/*
 * Any of the pieces got to the disk, in any order; seldom none of them or
 * all.  The file may have grown for what did not.
 */

static void
make_image(check_t *check, uint64_t number)
{
    size_t          i, end, len, grown;
    uint64_t        random, share;
    const piece_t  *piece;

    static const uint64_t  shares[] = { 0, 8, 32, 64, 64, 96, 120, 128 };

    random = (check->seed * 0x9e3779b97f4a7c15ull) ^ (number + 1);
    (void) power_random(&random);

    share = shares[power_random(&random) >> 61];

    grown = check->base_len;

    for (i = 0; i < check->npieces; i++) {
        end = check->pieces[i].offset + check->pieces[i].len;
        grown = grown < end ? end : grown;
    }

    resize(check, grown);

    if (check->whole) {
        memcpy(check->image, check->base, grown);
        check->whole = 0;
    }

    for (i = 0; i < check->npieces; i++) {
        piece = &check->pieces[i];
        memcpy(check->image + piece->offset, check->base + piece->offset,
               piece->len);
    }

    len = check->base_len;

    for (i = 0; i < check->npieces; i++) {
        piece = &check->pieces[i];

        if (power_random(&random) >> 57 < share) {
            memcpy(check->image + piece->offset, piece->bytes, piece->len);
            end = piece->offset + piece->len;
            len = len < end ? end : len;
        }
    }

    resize(check, power_random(&random) >> 63 ? grown : len);
}


static void
resize(check_t *check, size_t size)
{
    if (ftruncate(check->fd, (off_t) size) == -1) {
        die(check->file);
    }
}


static outcome_t
read_image(check_t *check, uint64_t number)
{
    int64_t          acknowledged;
    uint64_t         hash, i;
    outcome_t        outcome;
    scene_t         *scene;
    ledger_record_t  record;

    scene = &check->scene;
    acknowledged = check->acknowledged;

    if (ledger_open(&scene->ledger, &scene->options) != LEDGER_OK) {
        return CORRUPT;
    }

    if (acknowledged < 0) {
        /* opening it may have made the tables */
        check->whole = 1;
    }

    hash = scene_dump(scene, 1);
    outcome = CORRUPT;

    /* the newest first: records without effect leave two states equal */

    i = (uint64_t) (acknowledged + 1);
    i = i < check->nstates ? i + 1 : check->nstates;

    while (outcome == CORRUPT && i-- > 0) {

        if (check->hashes[i] == hash) {
            outcome = (int64_t) i < acknowledged ? LOST : GOOD;
        }
    }

    if (outcome == GOOD && number % WRITE_EVERY == 0) {
        record = power_newcomer(number);

        scene_apply(scene, &record);
        scene_check(scene);
        check->shared->tally.written++;
        check->whole = 1;
    }

    scene_close(scene);

    return outcome;
}


static void
tell(check_t *check, outcome_t outcome, size_t point, int status)
{
    if (check->told++ >= TOLD_MAX) {
        return;
    }

    fprintf(stderr, "image %" PRIu64 " at entry %zu of the log, %" PRId64
            " acknowledged: %s", check->shared->next, point,
            check->acknowledged, outcome == LOST ? "lost" : "corrupt");

    if (WIFSIGNALED(status)) {
        fprintf(stderr, ", signal %d", WTERMSIG(status));
    }

    fprintf(stderr, "\n");
}
