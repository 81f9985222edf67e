
/*
 * Copyright (C) The OAuth gateway authors
 */

/* The key ring: reading key files, naming tokens, keeping keys to itself. */

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ledger_keyring.h"


#define KEY_A                                                                 \
    "0000000000000000000000000000000000000000000000000000000000000000"
#define KEY_B                                                                 \
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define KEY_B_UPPER                                                           \
    "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F"


static ledger_slice_t slice(const char *text);
static ledger_keyring_t *ring_of(const char *text);
static void refused(const char *text, ledger_rc_t rc, unsigned at);
static void assert_name(ledger_keyring_t *ring, ledger_slice_t token,
    const char *hex);
static void test_names_are_golden(void **state);
static void test_key_files(void **state);
static void test_number_of_keys(void **state);
static void test_names_under_each_key(void **state);
static void test_generate(void **state);
static void test_cut_at_every_byte(void **state);
static int is_kept_out_of_core(const void *p);
static void test_keys_stay_out_of_core(void **state);


static ledger_slice_t
slice(const char *text)
{
    return (ledger_slice_t) { (const unsigned char *) text, strlen(text) };
}


static ledger_keyring_t *
ring_of(const char *text)
{
    unsigned           line;
    ledger_keyring_t  *ring;

    assert_int_equal(ledger_keyring_parse(slice(text), &ring, &line),
                     LEDGER_OK);
    assert_int_equal(line, 0);

    return ring;
}


static void
refused(const char *text, ledger_rc_t rc, unsigned at)
{
    unsigned           line;
    ledger_keyring_t  *ring;

    line = 77;
    assert_int_equal(ledger_keyring_parse(slice(text), &ring, &line), rc);
    assert_int_equal(line, at);
}


static void
assert_name(ledger_keyring_t *ring, ledger_slice_t token, const char *hex)
{
    char               text[2 * LEDGER_TOKEN_ID_SIZE + 1];
    size_t             i;
    ledger_token_id_t  id;

    assert_int_equal(ledger_keyring_name(ring, token, &id), LEDGER_OK);

    for (i = 0; i < LEDGER_TOKEN_ID_SIZE; i++) {
        (void) snprintf(text + 2 * i, 3, "%02x", id.bytes[i]);
    }

    assert_string_equal(text, hex);
}


/* golden values of an independent HKDF and HMAC (Python's hmac module) */

static void
test_names_are_golden(void **state)
{
    char               *longest;
    uint32_t            n;
    ledger_keyring_t   *a, *b;

    (void) state;

    a = ring_of(KEY_A);
    b = ring_of(KEY_B "\n");

    longest = malloc(LEDGER_TOKEN_TEXT_MAX);
    assert_non_null(longest);
    memset(longest, 'x', LEDGER_TOKEN_TEXT_MAX);

    assert_int_equal(ledger_keyring_ids(a, &n)[0], 0xcbaca6d0);
    assert_int_equal(n, 1);
    assert_int_equal(ledger_keyring_ids(b, &n)[0], 0x727eec59);

    assert_name(a, slice(""), "ae454ce205f938c1c6fd7eaf42feb882");
    assert_name(a, (ledger_slice_t) { NULL, 0 },
                "ae454ce205f938c1c6fd7eaf42feb882");
    assert_name(a, slice("abc"), "607f54eb87a3ddd9e41e61260b76b2e5");
    assert_name(a, (ledger_slice_t) { (unsigned char *) longest,
                                      LEDGER_TOKEN_TEXT_MAX },
                "4e4abf2b7808e9bd361b3ab452485fb5");
    assert_name(b, slice("abc"), "92b94901d301c951331dfe2f3bd84e25");

    /* the context is used again: nothing of the last token is left in it */
    assert_name(a, slice("abc"), "607f54eb87a3ddd9e41e61260b76b2e5");

    free(longest);
    ledger_keyring_free(a);
    ledger_keyring_free(b);
}


static void
test_key_files(void **state)
{
    uint32_t           n;
    const uint32_t    *ids;
    ledger_keyring_t  *ring;

    (void) state;

    ring = ring_of("# the second key reads only\n\n" KEY_B_UPPER "\n" KEY_A);
    ids = ledger_keyring_ids(ring, &n);
    assert_int_equal(n, 2);
    assert_int_equal(ids[0], 0x727eec59);
    assert_int_equal(ids[1], 0xcbaca6d0);
    ledger_keyring_free(ring);

    refused("", LEDGER_MALFORMED, 0);
    refused("\n\n", LEDGER_MALFORMED, 0);
    refused("# nothing but words\n", LEDGER_MALFORMED, 0);
    refused("\n" KEY_A " \n", LEDGER_MALFORMED, 2);
    refused(KEY_A "\r\n", LEDGER_MALFORMED, 1);
    refused(" " KEY_A, LEDGER_MALFORMED, 1);
    refused(KEY_A "\n" KEY_B "\n" KEY_A "\n", LEDGER_MALFORMED, 3);
    refused(KEY_B "\n" KEY_B_UPPER, LEDGER_MALFORMED, 2);
    refused(KEY_A "0", LEDGER_MALFORMED, 1);
    refused(KEY_A KEY_B, LEDGER_MALFORMED, 1);
    refused("0x" KEY_A, LEDGER_MALFORMED, 1);
    refused(&KEY_A[1], LEDGER_MALFORMED, 1);
    refused("g" "00000000000000000000000000000000"
            "0000000000000000000000000000000", LEDGER_MALFORMED, 1);
    refused("0000000000000000000000000000000000000000000000000000000000000:0z",
            LEDGER_MALFORMED, 1);
}


static void
test_number_of_keys(void **state)
{
    char                text[(LEDGER_KEYS_MAX + 1) * LEDGER_KEY_TEXT + 1];
    size_t              i, n;
    unsigned            line;
    uint32_t            nids;
    ledger_keyring_t   *ring;

    (void) state;

    for (i = 0; i <= LEDGER_KEYS_MAX; i++) {
        (void) snprintf(text + i * LEDGER_KEY_TEXT, LEDGER_KEY_TEXT + 1,
                        "%064zx\n", i + 1);
    }

    for (n = 1; n <= LEDGER_KEYS_MAX; n++) {
        assert_int_equal(
            ledger_keyring_parse((ledger_slice_t) { (unsigned char *) text,
                                                    n * LEDGER_KEY_TEXT },
                                 &ring, &line),
            LEDGER_OK);
        (void) ledger_keyring_ids(ring, &nids);
        assert_int_equal(nids, n);
        ledger_keyring_free(ring);
    }

    refused(text, LEDGER_LIMIT, LEDGER_KEYS_MAX + 1);
}


/* All keys read: names() gives under each what a ring of it alone gives. */

static void
test_names_under_each_key(void **state)
{
    size_t              n;
    ledger_keyring_t   *both, *a, *b;
    ledger_token_id_t   ids[LEDGER_KEYS_MAX], id;

    (void) state;

    both = ring_of(KEY_B "\n" KEY_A "\n");
    a = ring_of(KEY_A);
    b = ring_of(KEY_B);

    assert_int_equal(ledger_keyring_names(both, slice("t"), ids, &n),
                     LEDGER_OK);
    assert_int_equal(n, 2);

    assert_int_equal(ledger_keyring_name(b, slice("t"), &id), LEDGER_OK);
    assert_memory_equal(&id, &ids[0], sizeof(id));

    assert_int_equal(ledger_keyring_name(both, slice("t"), &id), LEDGER_OK);
    assert_memory_equal(&id, &ids[0], sizeof(id));

    assert_int_equal(ledger_keyring_name(a, slice("t"), &id), LEDGER_OK);
    assert_memory_equal(&id, &ids[1], sizeof(id));

    assert_memory_not_equal(&ids[0], &ids[1], sizeof(id));

    ledger_keyring_free(both);
    ledger_keyring_free(a);
    ledger_keyring_free(b);
}


static void
test_generate(void **state)
{
    char               text[2][LEDGER_KEY_TEXT];
    unsigned           line;
    ledger_keyring_t  *ring;

    (void) state;

    assert_int_equal(ledger_keyring_generate(text[0]), LEDGER_OK);
    assert_int_equal(ledger_keyring_generate(text[1]), LEDGER_OK);
    assert_memory_not_equal(text[0], text[1], LEDGER_KEY_TEXT - 1);
    assert_int_equal(text[0][LEDGER_KEY_TEXT - 1], '\n');

    assert_int_equal(
        ledger_keyring_parse((ledger_slice_t) { (unsigned char *) text,
                                                sizeof(text) },
                             &ring, &line),
        LEDGER_OK);

    ledger_keyring_free(ring);
    ledger_keyring_free(NULL);
}


/* A key file cut short is whole keys, or is refused. */

static void
test_cut_at_every_byte(void **state)
{
    size_t              n, keys;
    unsigned            line;
    uint32_t            nids;
    ledger_rc_t         rc;
    unsigned char      *copy;
    ledger_keyring_t   *ring;

    static const char   text[] = KEY_A "\n" KEY_B "\n";

    (void) state;

    for (n = 0; n < sizeof(text); n++) {
        copy = malloc(n + 1);
        assert_non_null(copy);
        memcpy(copy + 1, text, n);

        rc = ledger_keyring_parse((ledger_slice_t) { copy + 1, n }, &ring,
                                  &line);
        keys = n >= 64 ? (n - 64) / 65 + 1 : 0;

        if (keys > 0 && n - (keys - 1) * 65 <= 65) {
            assert_int_equal(rc, LEDGER_OK);
            (void) ledger_keyring_ids(ring, &nids);
            assert_int_equal(nids, keys);
            ledger_keyring_free(ring);

        } else {
            assert_int_equal(rc, LEDGER_MALFORMED);
            assert_int_equal(line, n == 0 ? 0 : n < 64 ? 1 : 2);
        }

        free(copy);
    }
}


/* Whether the mapping that holds "p" carries the kernel's flag "dd". */

static int
is_kept_out_of_core(const void *p)
{
    int        inside, found;
    char       line[512];
    FILE      *smaps;
    uintptr_t  low, high;

    smaps = fopen("/proc/self/smaps", "r");
    if (smaps == NULL) {
        return -1;
    }

    inside = 0;
    found = -1;

    while (fgets(line, sizeof(line), smaps) != NULL) {

        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &low, &high) == 2) {
            inside = (uintptr_t) p >= low && (uintptr_t) p < high;

        } else if (inside && strncmp(line, "VmFlags:", 8) == 0) {
            found = strstr(line, " dd") != NULL;
        }
    }

    (void) fclose(smaps);

    return found;
}


static void
test_keys_stay_out_of_core(void **state)
{
    int                kept;
    char               onstack;
    uint32_t           n;
    ledger_keyring_t  *ring;

    (void) state;

    ring = ring_of(KEY_A);
    kept = is_kept_out_of_core(ledger_keyring_ids(ring, &n));
    ledger_keyring_free(ring);

    if (kept == -1) {
        print_message("# no VmFlags in /proc/self/smaps\n");
        skip();
    }

    assert_int_equal(kept, 1);
    assert_int_equal(is_kept_out_of_core(&onstack), 0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_names_are_golden),
        cmocka_unit_test(test_key_files),
        cmocka_unit_test(test_number_of_keys),
        cmocka_unit_test(test_names_under_each_key),
        cmocka_unit_test(test_generate),
        cmocka_unit_test(test_cut_at_every_byte),
        cmocka_unit_test(test_keys_stay_out_of_core),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
