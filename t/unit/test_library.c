
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * The LMDB libraries that a store is refused on.  The mdb_version() of this
 * program stands before that of the library it is linked with.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ledger_store.h"


static int   library[3];
static char  library_name[64];


char *
mdb_version(int *major, int *minor, int *patch)
{
    *major = library[0];
    *minor = library[1];
    *patch = library[2];

    return library_name;
}


static ledger_rc_t
check(int major, int minor, int patch)
{
    const char   *version;
    ledger_rc_t   rc;

    library[0] = major;
    library[1] = minor;
    library[2] = patch;
    (void) snprintf(library_name, sizeof(library_name), "LMDB %d.%d.%d",
                    major, minor, patch);

    version = NULL;
    rc = ledger_check_library(&version);

    assert_string_equal(version, library_name);

    return rc;
}


static void
test_taken(void **state)
{
    int  patch;

    (void) state;

    for (patch = 24; patch <= 25; patch++) {
        assert_int_equal(check(0, 9, patch), LEDGER_OK);
    }

    for (patch = 32; patch < 70; patch++) {
        assert_int_equal(check(0, 9, patch), LEDGER_OK);
    }
}


static void
test_locks_destroyed(void **state)
{
    int  patch;

    (void) state;

    for (patch = 26; patch <= 31; patch++) {
        assert_int_equal(check(0, 9, patch), LEDGER_VERSION);
    }
}


static void
test_too_old(void **state)
{
    int  patch;

    (void) state;

    for (patch = 0; patch < 24; patch++) {
        assert_int_equal(check(0, 9, patch), LEDGER_VERSION);
    }

    assert_int_equal(check(0, 8, 30), LEDGER_VERSION);
}


/* What becomes LMDB 1.0 calls itself 0.9.70 and writes another format. */

static void
test_other_format(void **state)
{
    (void) state;

    assert_int_equal(check(0, 9, 70), LEDGER_VERSION);
    assert_int_equal(check(0, 9, 90), LEDGER_VERSION);
    assert_int_equal(check(0, 10, 0), LEDGER_VERSION);
    assert_int_equal(check(1, 0, 0), LEDGER_VERSION);
    assert_int_equal(check(1, 9, 33), LEDGER_VERSION);
}


static void
test_no_store(void **state)
{
    ledger_t          *ledger;
    ledger_options_t   options;

    (void) state;

    memset(&options, 0, sizeof(options));
    options.path = "store";
    options.create = 1;
    ledger = NULL;

    (void) check(0, 9, 31);

    assert_int_equal(ledger_open(&ledger, &options), LEDGER_VERSION);
    assert_null(ledger);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_taken),
        cmocka_unit_test(test_locks_destroyed),
        cmocka_unit_test(test_too_old),
        cmocka_unit_test(test_other_format),
        cmocka_unit_test(test_no_store),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
