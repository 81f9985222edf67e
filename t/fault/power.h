
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * Power loss: what power_record() did to a store, written down by the shim,
 * is cut off at every point of the log by power_check().
 */

#ifndef _POWER_H_INCLUDED_
#define _POWER_H_INCLUDED_


#include <stdint.h>

#include "scene.h"


#define POWER_MAP_SIZE  (16u << 20)


/*
 * Marks of the log.  The number of a mark is that of a transaction, 0 for
 * the one that made the store.
 */

#define POWER_ACKNOWLEDGED  0            /* the value of such a mark */


typedef enum {
    POWER_DURABLE = 0,
    POWER_NOSYNC,                        /* the store is opened sync=off */
    POWER_EARLY                          /* acknowledged before the commit */
} power_mode_t;


typedef struct {
    uint64_t              images;
    uint64_t              written;       /* images that took another record */
    uint64_t              lost;          /* an acknowledged record is not in
                                            it */
    uint64_t              corrupt;       /* it is the state of no moment, or
                                            whoever read it ended */
} power_tally_t;


/* Applies "commits" records to a new store in "dir"; under the shim. */

void power_record(const char *dir, uint64_t seed, unsigned commits,
    power_mode_t mode);

/*
 * Opens at least "images" images of the log's store in "dir".  The same
 * arguments give the same images; the first ones that are lost or corrupt
 * are told to stderr.
 */

void power_check(const char *log, const char *dir, uint64_t seed,
    uint64_t images, power_tally_t *tally);


/* As ledger.h says, for a store of ours. */

void power_scene(scene_t *scene, const char *dir, unsigned sync);

/* A record that any such store takes. */

ledger_record_t power_newcomer(uint64_t number);


/* xorshift64*: never seeded with 0 */

uint64_t power_random(uint64_t *state);


#endif /* _POWER_H_INCLUDED_ */
