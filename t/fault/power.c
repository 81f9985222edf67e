
/*
 * Copyright (C) The OAuth gateway authors
 */

#include "power.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shim.h"


/* Few, so that they meet, and so that a store stays small. */

#define USERS   6
#define OWNERS  3

/* Tokens that are known to the story, the newest last. */

#define TOKENS  8

#define RETENTION  (2 * SCENE_HOUR)


typedef struct {
    scene_t             scene;
    uint64_t            random;
    uint64_t            number;          /* of the record */
    ledger_ms_t         now;
    char                refresh[TOKENS][17];
    char                access[TOKENS][17];
    char                sealed[LEDGER_KEPT_MAX / 2];
    unsigned            n;               /* ever made */
} story_t;


static void usage(void);
static uint64_t number_of(const char *text);
static ledger_record_t next_record(story_t *story);
static ledger_record_t next_exchange(story_t *story, unsigned refresh);
static unsigned some_token(story_t *story);
static unsigned dice(story_t *story, unsigned sides);
static void apply(story_t *story, const ledger_record_t *record,
    power_mode_t mode);


int
main(int argc, char **argv)
{
    power_mode_t   mode;
    power_tally_t  tally;

    if (argc == 6 && strcmp(argv[1], "record") == 0) {

        if (strcmp(argv[5], "nosync") == 0) {
            mode = POWER_NOSYNC;

        } else if (strcmp(argv[5], "early") == 0) {
            mode = POWER_EARLY;

        } else {
            mode = POWER_DURABLE;
        }

        power_record(argv[2], number_of(argv[3]),
                     (unsigned) number_of(argv[4]), mode);
        return 0;
    }

    if (argc != 6 || strcmp(argv[1], "check") != 0) {
        usage();
    }

    memset(&tally, 0, sizeof(tally));

    power_check(argv[2], argv[3], number_of(argv[4]), number_of(argv[5]),
                &tally);

    printf("%" PRIu64 " images, %" PRIu64 " lost, %" PRIu64 " corrupt, %"
           PRIu64 " written to\n", tally.images, tally.lost, tally.corrupt,
           tally.written);

    return tally.lost || tally.corrupt;
}


static void
usage(void)
{
    fprintf(stderr, "usage: power record DIR SEED COMMITS durable|nosync|"
            "early\n       power check LOG DIR SEED IMAGES\n");
    exit(2);
}


static uint64_t
number_of(const char *text)
{
    char                *end;
    unsigned long long   n;

    n = strtoull(text, &end, 10);

    if (*text == '\0' || *end != '\0' || n == 0) {
        usage();
    }

    return n;
}


void
power_record(const char *dir, uint64_t seed, unsigned commits,
    power_mode_t mode)
{
    story_t          story;
    ledger_record_t  record;

    if (shim_mark == NULL) {
        fprintf(stderr, "power: the shim is not loaded\n");
        exit(2);
    }

    memset(&story, 0, sizeof(story));
    memset(story.sealed, 's', sizeof(story.sealed) - 1);

    story.random = seed;
    story.now = SCENE_NOW;

    power_scene(&story.scene, dir, mode != POWER_NOSYNC);
    scene_open(&story.scene);

    shim_mark(0, POWER_ACKNOWLEDGED);
    shim_mark(0, scene_dump(&story.scene, 1));

    while (story.number < commits) {
        record = next_record(&story);
        apply(&story, &record, mode);
    }

    scene_check(&story.scene);
    scene_close(&story.scene);
    ledger_effects_free(&story.scene.effects);
}


static void
apply(story_t *story, const ledger_record_t *record, power_mode_t mode)
{
    uint64_t  number;

    number = ++story->number;

    if (mode == POWER_EARLY) {
        shim_mark(number, POWER_ACKNOWLEDGED);
    }

    scene_apply(&story->scene, record);

    if (mode != POWER_EARLY) {
        shim_mark(number, POWER_ACKNOWLEDGED);
    }

    shim_mark(number, scene_dump(&story->scene, 1));
}


static ledger_record_t
next_record(story_t *story)
{
    unsigned  kind, i;
    uint64_t  connection;

    story->now += dice(story, 2) ? dice(story, 2000)
                                 : dice(story, SCENE_HOUR / 8);

    kind = story->n < 4 ? 0 : dice(story, 20);

    if (kind < 7) {
        return next_exchange(story, 0);
    }

    if (kind < 14) {
        return next_exchange(story, 1);
    }

    i = some_token(story);
    connection = scene_owner(&story->scene, story->access[i]);

    switch (kind) {

    case 14:
        return scene_answer(connection, story->access[i], dice(story, 2),
                            story->now);

    case 15:
        return scene_refusal(story->refresh[i], story->now);

    case 16:
        return scene_revocation(story->refresh[i], dice(story, 2),
                                story->now);

    case 17:
        return scene_binding(connection, "", "tenant", story->now);

    case 18:
        return scene_order(dice(story, 2) ? LEDGER_RELEASE
                                          : LEDGER_REINSTATE,
                           connection, story->now);

    default:
        return scene_sweep(story->now, RETENTION, 20);
    }
}


/* A connect, or a refresh that often leaves a kept answer and tokens. */

static ledger_record_t
next_exchange(story_t *story, unsigned refresh)
{
    char              owner[8], user[8];
    unsigned          presented, i;
    ledger_record_t   record;

    static char  owners[8], users[8];

    presented = refresh ? some_token(story) : 0;

    i = story->n++ % TOKENS;

    snprintf(owner, sizeof(owner), "o%u", dice(story, OWNERS));
    snprintf(user, sizeof(user), "u%u", dice(story, USERS));

    /* the record refers to them until it is applied */

    memcpy(owners, owner, sizeof(owners));
    memcpy(users, user, sizeof(users));

    if (!refresh) {
        snprintf(story->access[i], 17, "a%u", story->n);
        snprintf(story->refresh[i], 17, "r%u", story->n);

        record = scene_connect(owners, users, story->access[i],
                               story->refresh[i], story->now);

    } else {
        record = scene_refresh(story->refresh[presented], NULL, NULL,
                               story->now);

        snprintf(story->access[i], 17, "a%u", story->n);
        snprintf(story->refresh[i], 17, "r%u", story->n);

        scene_add_token(&record, story->access[i], LEDGER_ACCESS,
                        story->now + SCENE_HOUR);
        scene_add_token(&record, story->refresh[i], LEDGER_REFRESH, 0);

        if (dice(story, 2)) {
            scene_keep(&record, story->sealed + dice(story, 1500), 1,
                       story->now + 60000);
        }
    }

    if (dice(story, 3) == 0) {
        scene_lend(&record, "lent", 1);
    }

    return record;
}


static unsigned
some_token(story_t *story)
{
    unsigned  known;

    known = story->n < TOKENS ? story->n : TOKENS;

    return (story->n - 1 - dice(story, known)) % TOKENS;
}


static unsigned
dice(story_t *story, unsigned sides)
{
    return (unsigned) (power_random(&story->random) % sides);
}


void
power_scene(scene_t *scene, const char *dir, unsigned sync)
{
    memset(scene, 0, sizeof(scene_t));
    snprintf(scene->path, sizeof(scene->path), "%s", dir);

    scene->key = SCENE_KEY;
    scene->options.path = scene->path;
    scene->options.max_size = POWER_MAP_SIZE;
    scene->options.keys = &scene->key;
    scene->options.nkeys = 1;
    scene->options.create = 1;
    scene->options.sync = sync & 1;
}


ledger_record_t
power_newcomer(uint64_t number)
{
    static char  access[17], refresh[17];

    snprintf(access, sizeof(access), "na%" PRIu64, number);
    snprintf(refresh, sizeof(refresh), "nr%" PRIu64, number);

    return scene_connect("newcomer", "u1", access, refresh,
                         SCENE_NOW + 1000 * SCENE_DAY);
}


uint64_t
power_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;

    return *state * 2685821657736338717ull;
}
