
/*
 * Copyright (C) The OAuth gateway authors
 */

/* What looks like a token request: golden texts, cut at every byte. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ledger_grant.h"


#define TYPE        LEDGER_GRANT_TYPE
#define CREDENTIAL  LEDGER_GRANT_CREDENTIAL
#define ODD         LEDGER_GRANT_ODD
#define BOTH        (TYPE|CREDENTIAL)

#define TEXT_SIZE   4096


static unsigned look(const char *text);
static size_t widen(const char *text, size_t unit, int little, int mark,
    unsigned char *out);
static void test_forms(void **state);
static void test_json(void **state);
static void test_parts(void **state);
static void test_nothing(void **state);
static void test_cut_at_every_byte(void **state);
static void test_wide(void **state);
static void test_query(void **state);


typedef struct {
    const char  *text;
    unsigned     found;
} golden_t;


static const golden_t  forms[] = {
    { "grant_type=refresh_token&refresh_token=x", BOTH },
    { "refresh_token=x&grant_type=refresh_token", BOTH },
    { "grant_type=authorization_code", TYPE },
    { "grant_type=password&a=b", TYPE },
    { "grant_type=account_credentials&account_id=1", BOTH },
    { "grant_type=urn:ietf:params:oauth:grant-type:x&assertion=y", BOTH },
    { "grant_type=urn%3Aopenid%3Aparams%3Agrant-type%3Aciba&auth_req_id=y",
      BOTH },
    { "grant_type=urn:ietf:params:oauth:grant-type:", 0 },
    { "code=x", CREDENTIAL },
    { "code=", 0 },
    { "code", 0 },
    { "device_code=1", CREDENTIAL },
    { "client_assertion=1", CREDENTIAL },
    { "subject_token=1", CREDENTIAL },
    { "client_secret=1&grant_type=client_credentials", BOTH },
    { "%67rant%5Ftype=refresh%5ftoken", TYPE },
    { "x=%zz&grant_type=refresh_token&y=%&code=%zz", BOTH },
    { "grant_type=x&grant_type=refresh_token", TYPE },
    { "&&=&a&grant_type=refresh_token&", TYPE },
    { "  grant_type=refresh_token\r\n", TYPE },
    { "grant_type=+refresh_token+", TYPE },
    { "grant_type=refresh_token%00x", 0 },
    { "grant_type=refresh_token%00", TYPE },
    { "\xef\xbb\xbfgrant_type=refresh_token", TYPE },
    { "Grant_Type=refresh_token", TYPE|ODD },
    { "grant.type=refresh_token", TYPE|ODD },
    { "grant+type=refresh_token", TYPE|ODD },
    { "REFRESH_TOKEN=x", CREDENTIAL|ODD },
    { "grant_type=REFRESH_TOKEN", TYPE },
    { "grant_type=bank_loan", 0 },
    { "grant-type=refresh_token", 0 },
    { "granttype=refresh_token", 0 },
    { "note=grant_type", 0 },
    { "grant_type=refresh_tokens", 0 },
    { NULL, 0 }
};


static const golden_t  objects[] = {
    { "{\"grant_type\":\"refresh_token\",\"refresh_token\":\"x\"}", BOTH },
    { " \r\n\t{ \"grant_type\" : \"refresh_token\" }", TYPE },
    { "\xef\xbb\xbf{\"grant_type\":\"refresh_token\"}", TYPE },
    { "{\"grant\\u005Ftype\":\"refresh\\u005ftoken\"}", TYPE },
    { "{\"grant_type\":\"password\",\"a\":[{\"b\":[1]}],\"code\":1}", BOTH },
    { "{\"a\":\"\\\"\",\"code\":123}", CREDENTIAL },
    { "{\"grant_type\":null}", 0 },
    { "{\"code\":\"\"}", 0 },
    { "{\"code\":[\"x\"]}", 0 },
    { "{\"code\":{\"x\":\"y\"}}", 0 },
    { "{\"a\":{\"grant_type\":\"refresh_token\"}}", 0 },
    { "{\"a\":[\"grant_type\",\"refresh_token\"]}", 0 },
    { "{\"a\":\"grant_type=refresh_token&refresh_token=x\"}", 0 },
    { "{\"grant_type\":\"x\",\"grant_type\":\"password\"}", TYPE },
    { "{\"grant_type\":\"password\",\"grant_type\":\"x\"}", TYPE },
    { "{\"a\":NaN,\"grant_type\":\"password\"", TYPE },
    { "{\"a\":\"\xe9\x01\\ud800\",\"grant_type\":\"password\"}", TYPE },
    { "{'grant_type':'password'}", TYPE },
    { "{grant_type:\"password\",code:7,}", BOTH },
    { "{/*\"*/\"grant_type\"/**/:/*'*/\"password\"}", TYPE },
    { "{// \"\n\"grant_type\":\"password\"}", TYPE },
    { "{}{\"grant_type\":\"password\"}", TYPE },
    { "{\"Grant_Type\":\"password\"}", TYPE|ODD },
    { "{\"grantType\":\"password\"}", 0 },
    { "{\"grant_type\" \"password\"}", 0 },
    { "{\"grant_type\",\"password\"}", 0 },
    { "{\"grant_type\":", 0 },
    { "{\"grant_type\":\"password", TYPE },
    { "{\"grant_type\\", 0 },
    { "{\"grant\\u00", 0 },
    { "{/", 0 },
    { "{/*", 0 },
    { "{", 0 },
    { "[{\"grant_type\":\"password\"}]", 0 },
    { NULL, 0 }
};


#define PART(name, value)                                                     \
    "--b\r\nContent-Disposition: form-data; " name "\r\n\r\n" value "\r\n"

static const golden_t  parts[] = {
    { PART("name=\"grant_type\"", "password") PART("name=code", "x") "--b--",
      BOTH },
    { "preamble\n" PART("name=\"grant_type\"", "password"), TYPE },
    { PART("name=\"grant_type\"\r\nContent-Type: text/plain", "password"),
      TYPE },
    { "--b\ncontent-disposition:form-data;name=grant_type\n\npassword\n--b",
      TYPE },
    { "--b\r\nContent-Disposition: form-data;\r\n name=\"grant_type\"\r\n\r\n"
      "password\r\n", TYPE },
    { PART("name=\"Grant_Type\"", "password"), TYPE|ODD },
    { PART("name=\"grant_type\"; filename=\"a\"", "password"), 0 },
    { PART("filename=\"a\"; name=\"grant_type\"", "password"), 0 },
    { PART("filename=\"a\"", "grant_type=password&x=y"), 0 },
    { PART("name=\"a\"", "x"), 0 },
    { PART("xname=\"grant_type\"", "password"), 0 },
    { "Content-Disposition: form-data; name=", 0 },
    { "Content-Disposition: form-data; name=\"grant_type\"", 0 },
    { "Content-Disposition:", 0 },
    { NULL, 0 }
};


static unsigned
look(const char *text)
{
    unsigned        found;
    size_t          len;
    unsigned char  *copy;

    len = strlen(text);

    /* on the heap, so that ASan sees a byte too many */

    copy = malloc(len + 1);
    assert_non_null(copy);
    memcpy(copy, text, len);
    copy = realloc(copy, len > 0 ? len : 1);
    assert_non_null(copy);

    found = ledger_grant_text((ledger_slice_t) { copy, len });

    free(copy);

    return found;
}


static void
test_forms(void **state)
{
    const golden_t  *g;

    (void) state;

    for (g = forms; g->text != NULL; g++) {
        if (look(g->text) != g->found) {
            fail_msg("%s: %u", g->text, look(g->text));
        }
    }
}


static void
test_json(void **state)
{
    const golden_t  *g;

    (void) state;

    for (g = objects; g->text != NULL; g++) {
        if (look(g->text) != g->found) {
            fail_msg("%s: %u", g->text, look(g->text));
        }
    }
}


static void
test_parts(void **state)
{
    const golden_t  *g;

    (void) state;

    for (g = parts; g->text != NULL; g++) {
        if (look(g->text) != g->found) {
            fail_msg("%s: %u", g->text, look(g->text));
        }
    }
}


static void
test_nothing(void **state)
{
    (void) state;

    assert_int_equal(ledger_grant_text((ledger_slice_t) { NULL, 0 }), 0);
    assert_int_equal(ledger_grant_form((ledger_slice_t) { NULL, 0 }), 0);
    assert_int_equal(look(""), 0);
    assert_int_equal(look(" "), 0);
    assert_int_equal(look("\xef\xbb\xbf"), 0);
}


/* A part of a text says no more than the whole. */

static void
test_cut_at_every_byte(void **state)
{
    char             text[TEXT_SIZE];
    size_t           i, n;
    unsigned         found;
    const golden_t  *g;
    const golden_t  *tables[] = { forms, objects, parts };

    (void) state;

    for (i = 0; i < 3; i++) {
        for (g = tables[i]; g->text != NULL; g++) {
            for (n = 0; n < strlen(g->text); n++) {
                memcpy(text, g->text, n);
                text[n] = '\0';

                found = look(text);

                /* a value may be cut to one that is known */

                if ((found & ~g->found & ~(unsigned) TYPE) != 0) {
                    fail_msg("%s: %u", text, found);
                }
            }
        }
    }
}


static size_t
widen(const char *text, size_t unit, int little, int mark, unsigned char *out)
{
    size_t  n;

    n = 0;

    if (mark) {
        memset(out, 0, unit);
        out[little ? 0 : unit - 1] = 0xff;
        out[little ? 1 : unit - 2] = 0xfe;
        n = unit;
    }

    for ( /* void */ ; *text != '\0'; text++, n += unit) {
        memset(out + n, 0, unit);
        out[n + (little ? 0 : unit - 1)] = (unsigned char) *text;

        if (*text == '~') {
            /* '~' stands for a character that is not ASCII */
            out[n + (little ? 1 : unit - 2)] = 0x22;
        }
    }

    return n;
}


static void
test_wide(void **state)
{
    int              little, mark;
    size_t           n, unit;
    unsigned char    wide[4 * TEXT_SIZE];
    ledger_slice_t   text;

    static const char  object[] = "{\"a~\":\"~\",\"grant_type\":\"password\"}";
    static const char  form[] = "a=~&grant_type=password&code=x";

    (void) state;

    for (unit = 2; unit <= 4; unit += 2) {
        for (little = 0; little < 2; little++) {
            for (mark = 0; mark < 2; mark++) {
                n = widen(object, unit, little, mark, wide);
                text = (ledger_slice_t) { wide, n };
                assert_int_equal(ledger_grant_text(text), TYPE);

                text.len--;
                assert_int_equal(ledger_grant_text(text), TYPE);

                n = widen(form, unit, little, mark, wide);
                text = (ledger_slice_t) { wide, n };
                assert_int_equal(ledger_grant_text(text), BOTH);
            }
        }
    }

    /* more than is looked at */

    memset(wide, 0, sizeof(wide));
    wide[0] = 'a';
    text = (ledger_slice_t) { wide, sizeof(wide) };
    assert_int_equal(ledger_grant_text(text), 0);
}


static void
test_query(void **state)
{
    static const char  form[] = "{=1&grant_type=password";
    static const char  object[] = "{\"grant_type\":\"password\"}";

    (void) state;

    assert_int_equal(ledger_grant_form((ledger_slice_t) {
                         (const unsigned char *) form, sizeof(form) - 1 }),
                     TYPE);
    assert_int_equal(ledger_grant_form((ledger_slice_t) {
                         (const unsigned char *) object,
                         sizeof(object) - 1 }),
                     0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_cut_at_every_byte),
        cmocka_unit_test(test_wide),
        cmocka_unit_test(test_query),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
