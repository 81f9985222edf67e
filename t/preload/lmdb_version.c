
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * Preloaded, it makes LMDB say that it is the version of LMDB_VERSION_TOLD,
 * "0.9.31".
 */

#include <stdio.h>
#include <stdlib.h>


char  *mdb_version(int *major, int *minor, int *patch);


char *
mdb_version(int *major, int *minor, int *patch)
{
    char        *told;
    static char  name[32];

    told = getenv("LMDB_VERSION_TOLD");

    if (told == NULL || sscanf(told, "%d.%d.%d", major, minor, patch) != 3) {
        abort();
    }

    (void) snprintf(name, sizeof(name), "LMDB %d.%d.%d",
                    *major, *minor, *patch);

    return name;
}
