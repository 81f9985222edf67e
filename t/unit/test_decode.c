
/*
 * Copyright (C) The OAuth gateway authors
 */

/* The encodings that several leaves read: base64 and form. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/evp.h>

#include "ledger_decode.h"


typedef struct {
    const char       *text;
    ledger_base64_t   alphabet;
    const char       *decoded;      /* NULL: malformed */
} base64_t;


static void test_base64(void **state);
static void test_base64_of_openssl(void **state);
static void form(const char *text, const char *decoded);
static void test_form(void **state);
static void test_form_escapes(void **state);


static const base64_t  golden[] = {
    /* RFC 4648, 10 */
    { "", LEDGER_BASE64, "" },
    { "Zg==", LEDGER_BASE64, "f" },
    { "Zm8=", LEDGER_BASE64, "fo" },
    { "Zm9v", LEDGER_BASE64, "foo" },
    { "Zm9vYg==", LEDGER_BASE64, "foob" },
    { "Zm9vYmE=", LEDGER_BASE64, "fooba" },
    { "Zm9vYmFy", LEDGER_BASE64, "foobar" },

    { "Zg", LEDGER_BASE64, "f" },
    { "Zm8", LEDGER_BASE64URL, "fo" },
    { "Zm8=", LEDGER_BASE64URL, "fo" },
    { "_-__", LEDGER_BASE64URL, "\xff\xef\xff" },
    { "/+//", LEDGER_BASE64, "\xff\xef\xff" },

    { "/+//", LEDGER_BASE64URL, NULL },
    { "_-__", LEDGER_BASE64, NULL },
    { "Z", LEDGER_BASE64, NULL },
    { "Z===", LEDGER_BASE64, NULL },
    { "=", LEDGER_BASE64, NULL },
    { "==", LEDGER_BASE64, NULL },
    { "====", LEDGER_BASE64, NULL },
    { "Zg=", LEDGER_BASE64, NULL },
    { "Zg===", LEDGER_BASE64, NULL },
    { "Zm9v=", LEDGER_BASE64, NULL },
    { "Zm9v==", LEDGER_BASE64, NULL },
    { "Zm9v====", LEDGER_BASE64, NULL },
    { "Zg==Zg==", LEDGER_BASE64, NULL },
    { "Z=g=", LEDGER_BASE64, NULL },
    { "Zh==", LEDGER_BASE64, NULL },
    { "Zm9=", LEDGER_BASE64, NULL },
    { "Zh", LEDGER_BASE64URL, NULL },
    { "Zm 9v", LEDGER_BASE64, NULL },
    { "Zm9v\n", LEDGER_BASE64, NULL },
    { " Zm9v", LEDGER_BASE64, NULL },
    { "Zm9\xc3", LEDGER_BASE64, NULL },
};


static void
test_base64(void **state)
{
    size_t          i, len;
    ledger_rc_t     rc;
    ledger_slice_t  text;
    unsigned char   out[16];

    (void) state;

    for (i = 0; i < sizeof(golden) / sizeof(golden[0]); i++) {
        text = (ledger_slice_t) { (const unsigned char *) golden[i].text,
                                  strlen(golden[i].text) };

        rc = ledger_decode_base64(text, golden[i].alphabet, out, &len);

        if ((rc == LEDGER_OK) != (golden[i].decoded != NULL)) {
            fail_msg("\"%s\": %d", golden[i].text, rc);
        }

        if (rc == LEDGER_OK) {
            assert_int_equal(len, strlen(golden[i].decoded));
            assert_memory_equal(out, golden[i].decoded, len);
        }
    }

    print_message("# %zu texts\n", i);
}


/* What OpenSSL writes, of each length and in place, comes back. */

static void
test_base64_of_openssl(void **state)
{
    size_t          n, i, len;
    unsigned char   data[256], text[512];

    (void) state;

    for (n = 0; n < sizeof(data); n++) {
        for (i = 0; i < n; i++) {
            data[i] = (unsigned char) (i * 151 + n * 29);
        }

        len = (size_t) EVP_EncodeBlock(text, data, (int) n);

        assert_int_equal(ledger_decode_base64((ledger_slice_t) { text, len },
                                              LEDGER_BASE64, text, &len),
                         LEDGER_OK);
        assert_int_equal(len, n);
        assert_memory_equal(text, data, n);
    }
}


static void
form(const char *text, const char *decoded)
{
    size_t          len;
    ledger_rc_t     rc;
    ledger_slice_t  slice;
    unsigned char   out[32];

    slice = (ledger_slice_t) { (const unsigned char *) text, strlen(text) };

    rc = ledger_decode_form(slice, out, &len);

    if (decoded == NULL) {
        assert_int_equal(rc, LEDGER_MALFORMED);
        return;
    }

    assert_int_equal(rc, LEDGER_OK);
    assert_int_equal(len, strlen(decoded));
    assert_memory_equal(out, decoded, len);
}


static void
test_form(void **state)
{
    (void) state;

    form("", "");
    form("abc", "abc");
    form("a+b%20c", "a b c");
    form("%41%2b%2B%25", "A++%");
    form("%c3%A4", "\xc3\xa4");
    form("%%41", NULL);
    form("%", NULL);
    form("%4", NULL);
    form("abc%", NULL);
    form("abc%4", NULL);
    form("%g1", NULL);
    form("%1g", NULL);
    form("% 1", NULL);
    form("%+1", NULL);
    form("%-1", NULL);
    form("%0x1", NULL);
    form("%u0041", NULL);
}


/* Every two bytes after '%' are hex digits or refused. */

static void
test_form_escapes(void **state)
{
    char            digits[3];
    char           *end;
    size_t          len;
    unsigned        c, d, good;
    unsigned char   text[3], out[3];

    (void) state;

    good = 0;
    text[0] = '%';

    for (c = 0; c < 256; c++) {
        for (d = 0; d < 256; d++) {
            text[1] = (unsigned char) c;
            text[2] = (unsigned char) d;

            if (ledger_decode_form((ledger_slice_t) { text, 3 }, out, &len)
                == LEDGER_OK)
            {
                digits[0] = (char) c;
                digits[1] = (char) d;
                digits[2] = '\0';

                assert_int_equal(len, 1);
                assert_int_equal(out[0], strtoul(digits, &end, 16));
                assert_ptr_equal(end, digits + 2);
                good++;
            }
        }
    }

    assert_int_equal(good, 22 * 22);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_base64),
        cmocka_unit_test(test_base64_of_openssl),
        cmocka_unit_test(test_form),
        cmocka_unit_test(test_form_escapes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
