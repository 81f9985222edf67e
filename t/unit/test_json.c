
/*
 * Copyright (C) The OAuth gateway authors
 */

/* JSON from outside: depth, repetitions, integers beyond 64 bits. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ledger_json.h"


typedef struct {
    const char   *text;
    const char   *loose;      /* as jansson writes it again; NULL: refused */
    ledger_rc_t   strict;
} json_pair_t;


#define DIGITS_18  "123456789012345678"


static ledger_rc_t load(const char *text, size_t len, int strict,
    json_t **root);
static void test_golden(void **state);
static ledger_rc_t nested(size_t depth, int arrays);
static void test_depth(void **state);
static void test_depth_of_siblings(void **state);
static void test_cut_at_every_byte(void **state);
static void test_many_long_integers(void **state);


static const json_pair_t  golden[] = {
    { "{}", "{}", LEDGER_OK },
    { " \r\n\t{ } \n", "{}", LEDGER_OK },
    { "\xef\xbb\xbf{\"a\":1}", "{\"a\":1}", LEDGER_OK },
    { "{\"a\":\"\\u00e4\\/\"}", "{\"a\":\"\xc3\xa4/\"}", LEDGER_OK },
    { "{\"a\":\"\\ud83d\\ude00\"}", "{\"a\":\"\xf0\x9f\x98\x80\"}",
      LEDGER_OK },
    { "{\"a\":\"[[{{\\\"[[\"}", "{\"a\":\"[[{{\\\"[[\"}", LEDGER_OK },
    { "{\"a\":[1,-2,0.5,true,false,null,{}]}",
      "{\"a\":[1,-2,0.5,true,false,null,{}]}", LEDGER_OK },

    /* one member twice */
    { "{\"a\":1,\"a\":2}", "{\"a\":2}", LEDGER_REPEATED },
    { "{\"a\":1,\"\\u0061\":2}", "{\"a\":2}", LEDGER_REPEATED },
    { "{\"b\":{\"a\":1,\"a\":2}}", "{\"b\":{\"a\":2}}", LEDGER_REPEATED },
    { "{\"a\":1,\"A\":2}", "{\"a\":1,\"A\":2}", LEDGER_OK },

    /* integers on both sides of what 64 bits hold */
    { "{\"a\":9223372036854775807}", "{\"a\":9223372036854775807}",
      LEDGER_OK },
    { "{\"a\":9223372036854775808}", "{\"a\":\"9223372036854775808\"}",
      LEDGER_OK },
    { "{\"a\":-9223372036854775808}", "{\"a\":-9223372036854775808}",
      LEDGER_OK },
    { "{\"a\":-9223372036854775809}", "{\"a\":\"-9223372036854775809\"}",
      LEDGER_OK },
    { "{\"a\":[18446744073709551616,7,\"18446744073709551616\"],\"b\":1.5}",
      "{\"a\":[\"18446744073709551616\",7,\"18446744073709551616\"],"
      "\"b\":1.5}", LEDGER_OK },
    { "{\"a\":18446744073709551616,\"b\":" DIGITS_18 "}",
      "{\"a\":\"18446744073709551616\",\"b\":" DIGITS_18 "}", LEDGER_OK },
    { "{\"a\":18446744073709551616,\"a\":18446744073709551616}",
      "{\"a\":\"18446744073709551616\"}", LEDGER_REPEATED },
    { "{\"a\":18446744073709551616,\"b\":\"\\\"18446744073709551616\"}",
      "{\"a\":\"18446744073709551616\","
      "\"b\":\"\\\"18446744073709551616\"}", LEDGER_OK },

    /* quotes never make JSON of what is none */
    { "{18446744073709551616:1}", NULL, LEDGER_MALFORMED },
    { "{18446744073709551616 \t:1}", NULL, LEDGER_MALFORMED },
    { "{\"a\":18446744073709551616,18446744073709551616\n: 1}", NULL,
      LEDGER_MALFORMED },
    { "{\"a\":18446744073709551616,\"b\":018446744073709551616}", NULL,
      LEDGER_MALFORMED },
    { "{\"a\":18446744073709551616,\"b\":+18446744073709551616}", NULL,
      LEDGER_MALFORMED },
    { "{\"a\":18446744073709551616,\"b\":18446744073709551616-}", NULL,
      LEDGER_MALFORMED },
    { "{\"a\":18446744073709551616", NULL, LEDGER_MALFORMED },
    { "18446744073709551616", NULL, LEDGER_MALFORMED },
    { "{\"a\":1e999}", NULL, LEDGER_MALFORMED },
    { "{\"a\":18446744073709551616,\"b\":1e999}", NULL, LEDGER_MALFORMED },

    { "", NULL, LEDGER_MALFORMED },
    { " ", NULL, LEDGER_MALFORMED },
    { "\xef\xbb\xbf", NULL, LEDGER_MALFORMED },
    { "\xef\xbb\xbf\xef\xbb\xbf{}", NULL, LEDGER_MALFORMED },
    { "\xff\xfe{", NULL, LEDGER_MALFORMED },
    { "[]", NULL, LEDGER_MALFORMED },
    { "[{}]", NULL, LEDGER_MALFORMED },
    { "\"a\"", NULL, LEDGER_MALFORMED },
    { "1", NULL, LEDGER_MALFORMED },
    { "null", NULL, LEDGER_MALFORMED },
    { "{}{}", NULL, LEDGER_MALFORMED },
    { "}{", NULL, LEDGER_MALFORMED },
    { "{} x", NULL, LEDGER_MALFORMED },
    { "{\"a\":1,}", NULL, LEDGER_MALFORMED },
    { "{'a':1}", NULL, LEDGER_MALFORMED },
    { "{a:1}", NULL, LEDGER_MALFORMED },
    { "{\"a\":01}", NULL, LEDGER_MALFORMED },
    { "{\"a\":NaN}", NULL, LEDGER_MALFORMED },
    { "{\"a\":\"\\u0000\"}", NULL, LEDGER_MALFORMED },
    { "{\"\\u0000\":1}", NULL, LEDGER_MALFORMED },
    { "{\"a\":\"\\ud800\"}", NULL, LEDGER_MALFORMED },
    { "{\"a\":\"\xc0\x80\"}", NULL, LEDGER_MALFORMED },
    { "{\"a\":\"\xed\xa0\x80\"}", NULL, LEDGER_MALFORMED },
    { "{\"a\":\"\xff\"}", NULL, LEDGER_MALFORMED },
    { "{\"a\":\"\n\"}", NULL, LEDGER_MALFORMED },
    { "error=invalid_grant", NULL, LEDGER_MALFORMED },
    { "<html></html>", NULL, LEDGER_MALFORMED },
};


static ledger_rc_t
load(const char *text, size_t len, int strict, json_t **root)
{
    ledger_rc_t     rc;
    unsigned char  *copy;

    copy = malloc(len + 1);
    assert_non_null(copy);
    memcpy(copy + 1, text, len);

    rc = ledger_json_load((ledger_slice_t) { copy + 1, len }, strict, root);

    free(copy);

    return rc;
}


static void
test_golden(void **state)
{
    char         *text;
    size_t        i;
    json_t       *root;
    ledger_rc_t   rc;

    (void) state;

    for (i = 0; i < sizeof(golden) / sizeof(golden[0]); i++) {
        rc = load(golden[i].text, strlen(golden[i].text), 0, &root);

        if ((rc == LEDGER_OK) != (golden[i].loose != NULL)) {
            fail_msg("%s: %d", golden[i].text, rc);
        }

        if (rc == LEDGER_OK) {
            text = json_dumps(root, JSON_COMPACT);
            assert_string_equal(text, golden[i].loose);
            free(text);
            json_decref(root);

        } else {
            assert_int_equal(rc, LEDGER_MALFORMED);
        }

        rc = load(golden[i].text, strlen(golden[i].text), 1, &root);

        if (rc != golden[i].strict) {
            fail_msg("strict %s: %d", golden[i].text, rc);
        }

        if (rc == LEDGER_OK) {
            json_decref(root);
        }
    }

    assert_int_equal(load("{}\0", 3, 0, &root), LEDGER_MALFORMED);
    assert_int_equal(ledger_json_load((ledger_slice_t) { NULL, 0 }, 0, &root),
                     LEDGER_MALFORMED);

    print_message("# %zu documents\n", i);
}


/* An object around "depth" - 1 further levels of arrays or objects. */

static ledger_rc_t
nested(size_t depth, int arrays)
{
    char         text[16384];
    size_t       i, n;
    json_t      *root;
    ledger_rc_t  rc;

    n = 0;

    for (i = 0; i < depth; i++) {
        if (arrays && i > 0) {
            text[n++] = '[';
            continue;
        }

        memcpy(text + n, "{\"\":", 4);
        n += 4;
    }

    text[n++] = '1';

    for (i = depth; i > 0; i--) {
        text[n++] = arrays && i > 1 ? ']' : '}';
    }

    rc = load(text, n, 1, &root);

    if (rc == LEDGER_OK) {
        json_decref(root);
    }

    return rc;
}


static void
test_depth(void **state)
{
    int  arrays;

    (void) state;

    for (arrays = 0; arrays < 2; arrays++) {
        assert_int_equal(nested(1, arrays), LEDGER_OK);
        assert_int_equal(nested(LEDGER_DEPTH_MAX, arrays), LEDGER_OK);
        assert_int_equal(nested(LEDGER_DEPTH_MAX + 1, arrays), LEDGER_LIMIT);
        assert_int_equal(nested(3000, arrays), LEDGER_LIMIT);
    }
}


/* Depth is how deep it goes, not how often. */

static void
test_depth_of_siblings(void **state)
{
    char     text[16384];
    size_t   i, n;
    json_t  *root;

    (void) state;

    memcpy(text, "{\"a\":[0", 7);
    n = 7;

    for (i = 0; i < 1000; i++) {
        memcpy(text + n, ",{},[\"[\"]", 9);
        n += 9;
    }

    memcpy(text + n, "]}", 2);
    n += 2;

    assert_int_equal(load(text, n, 1, &root), LEDGER_OK);
    assert_int_equal(json_array_size(json_object_get(root, "a")), 2001);
    json_decref(root);
}


static void
test_cut_at_every_byte(void **state)
{
    size_t   n;
    json_t  *root;

    static const char  text[] =
        "\xef\xbb\xbf{\"a\":18446744073709551616,\"b\":[\"\\\"\\u00e4\",{}],"
        "\"c\":-1.5e3,\"d\":null}";

    (void) state;

    for (n = 0; n < sizeof(text) - 1; n++) {
        assert_int_equal(load(text, n, 0, &root), LEDGER_MALFORMED);
        assert_int_equal(load(text, n, 1, &root), LEDGER_MALFORMED);
    }

    assert_int_equal(load(text, n, 1, &root), LEDGER_OK);
    json_decref(root);
}


/* Only long integers: the copy with quotes is as large as it can get. */

static void
test_many_long_integers(void **state)
{
    char     text[4096];
    size_t   i, n;
    json_t  *root, *array;

    (void) state;

    memcpy(text, "{\"a\":[0", 7);
    n = 7;

    for (i = 0; i < 200; i++) {
        memcpy(text + n, ",9999999999999999999", 20);
        n += 20;
    }

    memcpy(text + n, "]}", 2);

    assert_int_equal(load(text, n + 2, 1, &root), LEDGER_OK);
    array = json_object_get(root, "a");
    assert_int_equal(json_array_size(array), 201);
    assert_string_equal(json_string_value(json_array_get(array, 200)),
                        "9999999999999999999");
    json_decref(root);

    /* and nothing but them, which is no JSON */
    memset(text, '9', 19 * 10);
    assert_int_equal(load(text, 19 * 10, 1, &root), LEDGER_MALFORMED);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_depth_of_siblings),
        cmocka_unit_test(test_cut_at_every_byte),
        cmocka_unit_test(test_many_long_integers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
