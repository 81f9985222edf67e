
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * Target: ledger_apply() and the look-ups.  The input is the choices that
 * make a history of records; the ledger and the oracle are told it batch by
 * batch and must agree on effects, verdicts, kept answers, aliases and slots,
 * and the tables of the store must agree with each other in the end.
 *
 * The histories are those of the unit test, which this file is made of: its
 * assertions end the program, which libFuzzer takes for a crash.
 */

#define main  unit_main
#include "../unit/test_oracle.c"
#undef main

#include "fuzz.h"


#define RECORDS_MAX  400
#define FUZZ_BATCH   6
#define RECENT       10


static void fuzz_tell(world_t *w);
static void fuzz_count(void);


static uint64_t  steps;


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned         told;
    static world_t  *w;

    if (size == 0) {
        return 0;
    }

    if (w == NULL) {
        w = malloc(sizeof(world_t));
        assert_non_null(w);
        assert_int_equal(atexit(fuzz_count), 0);
    }

    memset(w, 0, offsetof(world_t, tokens));
    memset(&w->ntokens, 0, sizeof(world_t) - offsetof(world_t, ntokens));

    w->choices = data;
    w->nchoices = size;
    w->now = SCENE_NOW;
    w->policy = dice(w, 5);
    w->forgetful = 1;
    w->scene = scene_create(1u << 26);
    w->oracle = oracle_create();

    for (told = 0; told < RECORDS_MAX && w->nchoices; told += FUZZ_BATCH) {
        fuzz_tell(w);
    }

    scene_check(w->scene);
    compare_all(w);

    oracle_destroy(w->oracle);
    scene_destroy(w->scene);
    ledger_effects_free(&w->expected);

    return 0;
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
fuzz_count(void)
{
    fprintf(stderr, "stat::ledger_steps: %llu\n", (unsigned long long) steps);
}
