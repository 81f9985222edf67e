
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * Target: ledger_apply() and the look-ups.  The input is the choices that
 * make a history of records; the ledger and the oracle are told it batch by
 * batch and must agree on effects, verdicts, kept answers, aliases and slots,
 * and the tables of the store must agree with each other in the end.  One
 * environment, in memory and without sync, is emptied for each input.
 *
 * The histories are those of the unit test, which this file is made of: its
 * assertions end the program, which libFuzzer takes for a crash.
 */

#define main  unit_main
#include "../unit/test_oracle.c"
#undef main

#include <unistd.h>

#include "fuzz.h"


#define RECORDS_MAX  400
#define FUZZ_BATCH   6
#define RECENT       10


static world_t *fuzz_world(void);
static void fuzz_tell(world_t *w);
static void fuzz_end(void);


static world_t   *world;
static uint64_t   steps;


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned   told;
    world_t   *w;

    if (size == 0) {
        return 0;
    }

    if (world == NULL) {
        world = fuzz_world();
    }

    w = world;

    /* each input begins with a new history, in the same store */

    scene_empty(w->scene);

    w->now = SCENE_NOW;
    w->ntokens = 0;
    w->ntexts = 0;
    w->last = 0;
    w->grown = 0;
    w->expected.n = 0;

    w->choices = data;
    w->nchoices = size;
    w->policy = dice(w, 5);
    w->oracle = oracle_create();

    for (told = 0; told < RECORDS_MAX && w->nchoices; told += FUZZ_BATCH) {
        fuzz_tell(w);
    }

    scene_check(w->scene);
    compare_all(w);

    oracle_destroy(w->oracle);

    return 0;
}


static world_t *
fuzz_world(void)
{
    world_t     *w;
    const char  *directory;

    directory = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

    w = calloc(1, sizeof(world_t));
    assert_non_null(w);

    w->forgetful = 1;
    w->scene = scene_create_below(directory, 1u << 26);

    assert_int_equal(atexit(fuzz_end), 0);

    return w;
}


static void
fuzz_tell(world_t *w)
{
    uint32_t  t;
    unsigned  n;

    for (n = 0; n < FUZZ_BATCH && w->nchoices; n++) {
        make_record(w, &w->records[n]);
    }

    w->scene->effects.n = 0;
    w->expected.n = 0;

    assert_int_equal(ledger_apply(w->scene->ledger, w->records, n,
                                  &w->scene->effects), LEDGER_OK);
    oracle_apply(w->oracle, w->records, n, &w->expected);

    steps += n;
    compare_effects(w);

    t = w->ntokens > RECENT ? w->ntokens - RECENT : 0;

    for ( /* void */ ; t < w->ntokens; t++) {
        compare_token(w, &w->tokens[t], w->now);
        compare_kept(w, &w->tokens[t], w->now);
    }

    compare_aliases(w);
    w->grown ^= dice(w, 32) == 1;
}


static void
fuzz_end(void)
{
    fprintf(stderr, "stat::ledger_steps: %llu\n", (unsigned long long) steps);

    scene_destroy(world->scene);
    ledger_effects_free(&world->expected);
    free(world);
}
