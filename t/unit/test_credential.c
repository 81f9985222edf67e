
/*
 * Copyright (C) The OAuth gateway authors
 */

/* Credentials: tokens and client names in an Authorization field. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ledger_credential.h"


typedef struct {
    const char   *value;
    ledger_rc_t   rc;
    const char   *text;
} pair_t;


static ledger_slice_t copy_of(const char *text, size_t len);
static void copy_free(ledger_slice_t copy);
static void test_tokens(void **state);
static void test_token_bytes(void **state);
static void test_token_length(void **state);
static void test_plain(void **state);
static void test_basic(void **state);
static void test_pair(void **state);
static void test_pair_length(void **state);
static void test_basic_length(void **state);
static void test_cut_at_every_byte(void **state);


static const pair_t  tokens[] = {
    { "Bearer abc", LEDGER_OK, "abc" },
    { "bearer abc", LEDGER_OK, "abc" },
    { "BEARER abc", LEDGER_OK, "abc" },
    { "Bearer   abc", LEDGER_OK, "abc" },
    { "Bearer abc ", LEDGER_OK, "abc" },
    { "Bearer abc \t ", LEDGER_OK, "abc" },
    { "Bearer \tabc", LEDGER_OK, "abc" },
    { "\tBearer abc", LEDGER_OK, "abc" },
    { " \t DPoP abc\t", LEDGER_OK, "abc" },
    { "DPoP abc.def", LEDGER_OK, "abc.def" },
    { "dpop x", LEDGER_OK, "x" },
    { "OAuth 00Dxx0!AQ.A_b", LEDGER_OK, "00Dxx0!AQ.A_b" },
    { "Bearer 00DE0X0A0M0PeLE!AQcAQH0dMHEXAMPLE", LEDGER_OK,
      "00DE0X0A0M0PeLE!AQcAQH0dMHEXAMPLE" },
    { "Bearer cdf01657-110d-4155-99a7-f986b2ff13a0:int", LEDGER_OK,
      "cdf01657-110d-4155-99a7-f986b2ff13a0:int" },
    { "Bearer 123|aXy", LEDGER_OK, "123|aXy" },
    { "Bearer AZaz09-._~+/==", LEDGER_OK, "AZaz09-._~+/==" },
    { "Bearer Bearer", LEDGER_OK, "Bearer" },

    { "", LEDGER_NOT_FOUND, NULL },
    { " ", LEDGER_NOT_FOUND, NULL },
    { "Basic YTpi", LEDGER_NOT_FOUND, NULL },
    { "Digest username=\"a\", realm=\"b\"", LEDGER_NOT_FOUND, NULL },
    { "token gho_abc", LEDGER_NOT_FOUND, NULL },
    { "Bearerabc", LEDGER_NOT_FOUND, NULL },
    { "Bearers abc", LEDGER_NOT_FOUND, NULL },
    { "BearerA abc", LEDGER_NOT_FOUND, NULL },
    { "BearerZ abc", LEDGER_NOT_FOUND, NULL },
    { "Bearera abc", LEDGER_NOT_FOUND, NULL },
    { "Bearerz abc", LEDGER_NOT_FOUND, NULL },
    { "Bearer0 abc", LEDGER_NOT_FOUND, NULL },
    { "Bearer9 abc", LEDGER_NOT_FOUND, NULL },
    { "Bearer-x abc", LEDGER_NOT_FOUND, NULL },
    { "Bearer_x abc", LEDGER_NOT_FOUND, NULL },
    { "Beare", LEDGER_NOT_FOUND, NULL },
    { "Zoho-oauthtoken 1000.x", LEDGER_NOT_FOUND, NULL },
    { "OAuth2 abc", LEDGER_NOT_FOUND, NULL },

    { "Bearer", LEDGER_MALFORMED, NULL },
    { "Bearer ", LEDGER_MALFORMED, NULL },
    { "Bearer \t", LEDGER_MALFORMED, NULL },
    { "Bearer\tabc", LEDGER_MALFORMED, NULL },
    { "Bearer:abc", LEDGER_MALFORMED, NULL },
    { "Bearer=abc", LEDGER_MALFORMED, NULL },
    { "Bearer abc def", LEDGER_MALFORMED, NULL },
    { "Bearer abc\tdef", LEDGER_MALFORMED, NULL },
    { "Bearer abc,", LEDGER_MALFORMED, NULL },
    { "Bearer abc, Bearer def", LEDGER_MALFORMED, NULL },
    { "Bearer abc,Basic YTpi", LEDGER_MALFORMED, NULL },
    { "Bearer \"abc\"", LEDGER_MALFORMED, NULL },
    { "Bearer ab\x01" "c", LEDGER_MALFORMED, NULL },
    { "Bearer ab\x7f", LEDGER_MALFORMED, NULL },
    { "Bearer ab\xc3\xa4", LEDGER_MALFORMED, NULL },
    { "Basic YTpi, Bearer abc", LEDGER_MALFORMED, NULL },
    { "\tBearer", LEDGER_MALFORMED, NULL },
    { "\x0b" "Bearer abc", LEDGER_MALFORMED, NULL },
    { "Basic YTpi\x01", LEDGER_MALFORMED, NULL },
    { "Basic YTpi\x7f", LEDGER_MALFORMED, NULL },
    { "\tBasic\tYTpi", LEDGER_NOT_FOUND, NULL },
    { "Basic YTpi,bearer abc", LEDGER_MALFORMED, NULL },
    { ",Bearer abc", LEDGER_MALFORMED, NULL },
    { "Digest a=\"b\",c=d , DPoP abc", LEDGER_MALFORMED, NULL },
    { "OAuth oauth_consumer_key=\"a\", oauth_token=\"b\"", LEDGER_MALFORMED,
      NULL },
};


static const pair_t  names[] = {
    { "Basic YTpi", LEDGER_OK, "a" },
    { "basic YTpi", LEDGER_OK, "a" },
    { "BASIC   YTpi \t", LEDGER_OK, "a" },
    { "\t Basic YTpi", LEDGER_OK, "a" },
    { "Basic YWI6Yw==", LEDGER_OK, "ab" },
    { "Basic YWI6Yw", LEDGER_OK, "ab" },
    { "Basic OnB3", LEDGER_OK, "" },                    /* :pw */
    { "Basic YTo=", LEDGER_OK, "a" },                   /* a: */
    { "Basic YTpiOmM=", LEDGER_OK, "a" },               /* a:b:c */
    { "Basic YSUzQWI6Yw==", LEDGER_OK, "a:b" },         /* a%3Ab:c */
    { "Basic YStiOmM=", LEDGER_OK, "a b" },             /* a+b:c */
    { "Basic w6Q6Yg==", LEDGER_OK, "\xc3\xa4" },        /* a umlaut */
    { "Basic YTolJQ==", LEDGER_OK, "a" },               /* a:%% */

    { "", LEDGER_NOT_FOUND, NULL },
    { "Bearer YTpi", LEDGER_NOT_FOUND, NULL },
    { "Basics YTpi", LEDGER_NOT_FOUND, NULL },
    { "YTpi", LEDGER_NOT_FOUND, NULL },

    { "Basic", LEDGER_MALFORMED, NULL },
    { "Basic ", LEDGER_MALFORMED, NULL },
    { "Basic\tYTpi", LEDGER_MALFORMED, NULL },
    { "Basic YTp", LEDGER_MALFORMED, NULL },            /* bits left over */
    { "Basic YTpiY", LEDGER_MALFORMED, NULL },
    { "Basic YTpi=", LEDGER_MALFORMED, NULL },
    { "Basic Y=pi", LEDGER_MALFORMED, NULL },
    { "Basic YT pi", LEDGER_MALFORMED, NULL },
    { "Basic YTpi, Basic YTpi", LEDGER_MALFORMED, NULL },
    { "Basic YWJj", LEDGER_MALFORMED, NULL },           /* abc */
    { "Basic YSU6Yg==", LEDGER_MALFORMED, NULL },       /* a%:b */
    { "Basic YSV6ejpi", LEDGER_MALFORMED, NULL },       /* a%zz:b */
    { "Basic YQE6Yg==", LEDGER_MALFORMED, NULL },       /* a\1:b */
    { "Basic YSUwMDpi", LEDGER_MALFORMED, NULL },       /* a%00:b */
    { "Basic YSU3Zjpi", LEDGER_MALFORMED, NULL },       /* a%7f:b */
    { "Basic YT_-Yg==", LEDGER_MALFORMED, NULL },       /* base64url */
};


/* A copy of exactly that size, so that ASan sees each byte read beyond. */

static ledger_slice_t
copy_of(const char *text, size_t len)
{
    unsigned char  *p;

    p = malloc(len + 1);
    assert_non_null(p);
    p[0] = '#';
    memcpy(p + 1, text, len);

    return (ledger_slice_t) { p + 1, len };
}


static void
copy_free(ledger_slice_t copy)
{
    free((unsigned char *) copy.data - 1);
}


static void
test_tokens(void **state)
{
    size_t          i;
    ledger_rc_t     rc;
    ledger_slice_t  copy, token;

    (void) state;

    for (i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
        copy = copy_of(tokens[i].value, strlen(tokens[i].value));

        rc = ledger_credential_token(copy, &token);

        if (rc != tokens[i].rc) {
            fail_msg("\"%s\": %d", tokens[i].value, rc);
        }

        if (rc == LEDGER_OK) {
            assert_int_equal(token.len, strlen(tokens[i].text));
            assert_memory_equal(token.data, tokens[i].text, token.len);
            assert_true(token.data >= copy.data
                        && token.data + token.len <= copy.data + copy.len);
        }

        copy_free(copy);
    }

    assert_int_equal(ledger_credential_token((ledger_slice_t) { NULL, 0 },
                                             &token),
                     LEDGER_NOT_FOUND);

    print_message("# %zu fields\n", i);
}


/* Every byte value in the place of a token's second byte. */

static void
test_token_bytes(void **state)
{
    char            text[] = "Bearer a?c";
    unsigned        c;
    ledger_rc_t     want;
    ledger_slice_t  token;

    (void) state;

    for (c = 0; c < 256; c++) {
        text[8] = (char) c;

        want = c > 0x20 && c < 0x7f && c != ',' && c != '"'
               ? LEDGER_OK : LEDGER_MALFORMED;

        assert_int_equal(
            ledger_credential_token((ledger_slice_t) { (unsigned char *) text,
                                                       sizeof(text) - 1 },
                                    &token),
            want);
    }
}


static void
test_token_length(void **state)
{
    char            text[7 + LEDGER_TOKEN_TEXT_MAX + 3];
    ledger_slice_t  value, token;

    (void) state;

    memset(text, 'x', sizeof(text));
    memcpy(text, "Bearer ", 7);
    value.data = (unsigned char *) text;

    value.len = 7 + LEDGER_TOKEN_TEXT_MAX;
    assert_int_equal(ledger_credential_token(value, &token), LEDGER_OK);
    assert_int_equal(token.len, LEDGER_TOKEN_TEXT_MAX);

    value.len++;
    assert_int_equal(ledger_credential_token(value, &token), LEDGER_LIMIT);

    /* white space behind it does not count */
    text[7 + LEDGER_TOKEN_TEXT_MAX] = ' ';
    assert_int_equal(ledger_credential_token(value, &token), LEDGER_OK);
}


static void
test_plain(void **state)
{
    char            text[LEDGER_TOKEN_TEXT_MAX + 1];
    unsigned        c;
    unsigned char   byte;
    ledger_slice_t  value;

    (void) state;

    for (c = 0; c < 256; c++) {
        byte = (unsigned char) c;
        assert_int_equal(ledger_credential_plain((ledger_slice_t) { &byte,
                                                                    1 }),
                         c > 0x20 && c < 0x7f);
    }

    memset(text, 'x', sizeof(text));
    value.data = (unsigned char *) text;

    value.len = 0;
    assert_false(ledger_credential_plain(value));

    value.len = LEDGER_TOKEN_TEXT_MAX;
    assert_true(ledger_credential_plain(value));

    value.len = LEDGER_TOKEN_TEXT_MAX + 1;
    assert_false(ledger_credential_plain(value));
}


static void
test_basic(void **state)
{
    size_t          i, len;
    ledger_rc_t     rc;
    unsigned char   name[16];
    ledger_slice_t  copy;

    (void) state;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        copy = copy_of(names[i].value, strlen(names[i].value));

        rc = ledger_credential_basic(copy, name, sizeof(name), &len);

        if (rc != names[i].rc) {
            fail_msg("\"%s\": %d", names[i].value, rc);
        }

        if (rc == LEDGER_OK) {
            assert_int_equal(len, strlen(names[i].text));
            assert_memory_equal(name, names[i].text, len);
        }

        copy_free(copy);
    }

    print_message("# %zu fields\n", i);
}


static void
test_password(void **state)
{
    size_t          i;
    ledger_slice_t  copy;

    static const struct {
        const char  *value;
        int          found;
    } values[] = {
        { "Basic YWJjOmQ=", 1 },             /* abc:d */
        { "basic YWJjOmQ=", 1 },
        { "Basic YWJjOg==", 0 },             /* abc: */
        { "Basic YWJj", 0 },                 /* abc */
        { "Basic OmQ=", 1 },                 /* :d */
        { "Basic", 0 },
        { "Basic ****", 0 },
        { "Bearer YWJjOmQ=", 0 },
        { "", 0 }
    };

    (void) state;

    for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        copy = copy_of(values[i].value, strlen(values[i].value));

        if (ledger_credential_password(copy) != values[i].found) {
            fail_msg("\"%s\"", values[i].value);
        }

        copy_free(copy);
    }
}


static void
test_pair(void **state)
{
    size_t          i;
    ledger_slice_t  copy, user, password;
    unsigned char   text[LEDGER_CREDENTIAL_TEXT_MAX];

    static const struct {
        const char     *value;
        ledger_rc_t     rc;
        const char     *user;
        const char     *password;
    } values[] = {
        { "Basic YWJjOmQ=", LEDGER_OK, "abc", "d" },       /* abc:d */
        { "Basic YWJjOg==", LEDGER_OK, "abc", "" },        /* abc: */
        { "Basic OmQ=", LEDGER_OK, "", "d" },              /* :d */
        { "Basic YTpiOmM=", LEDGER_OK, "a", "b:c" },       /* a:b:c */
        /* a%3Ab:c%3a+d: the colon of the name is not the one between */
        { "Basic YSUzQWI6YyUzYStk", LEDGER_OK, "a:b", "c: d" },
        { "Basic YTolenoo", LEDGER_MALFORMED, NULL, NULL },  /* a:%zz( */
        { "Basic JXp6OmE=", LEDGER_MALFORMED, NULL, NULL },  /* %zz:a */
        { "Basic YWJj", LEDGER_MALFORMED, NULL, NULL },      /* abc */
        { "Basic", LEDGER_MALFORMED, NULL, NULL },
        { "Bearer YWJjOmQ=", LEDGER_NOT_FOUND, NULL, NULL },
        { "", LEDGER_NOT_FOUND, NULL, NULL }
    };

    (void) state;

    for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        copy = copy_of(values[i].value, strlen(values[i].value));

        if (ledger_credential_pair(copy, text, &user, &password)
            != values[i].rc)
        {
            fail_msg("\"%s\"", values[i].value);
        }

        if (values[i].rc == LEDGER_OK) {
            assert_int_equal(user.len, strlen(values[i].user));
            assert_memory_equal(user.data, values[i].user, user.len);
            assert_int_equal(password.len, strlen(values[i].password));
            assert_memory_equal(password.data, values[i].password,
                                password.len);
        }

        copy_free(copy);
    }
}


static void
test_pair_length(void **state)
{
    size_t          n;
    ledger_slice_t  value, user, password;
    unsigned char   text[LEDGER_CREDENTIAL_TEXT_MAX];
    char            field[6 + LEDGER_TOKEN_TEXT_MAX + 4];

    (void) state;

    /* "a:b", then "bbb" again and again */

    memcpy(field, "Basic YTpi", 10);

    for (n = 10; n < sizeof(field); n += 4) {
        memcpy(field + n, "YmJi", 4);
    }

    value = (ledger_slice_t) { (unsigned char *) field,
                               6 + LEDGER_TOKEN_TEXT_MAX };

    assert_int_equal(ledger_credential_pair(value, text, &user, &password),
                     LEDGER_OK);
    assert_int_equal(user.len, 1);
    assert_int_equal(password.len, LEDGER_TOKEN_TEXT_MAX / 4 * 3 - 2);

    value.len += 4;
    assert_int_equal(ledger_credential_pair(value, text, &user, &password),
                     LEDGER_LIMIT);
}


static void
test_basic_length(void **state)
{
    char            text[6 + LEDGER_TOKEN_TEXT_MAX + 4];
    size_t          len;
    ledger_slice_t  value;
    unsigned char   name[3];

    static const ledger_slice_t  abc = ledger_slice("Basic YWJjOmQ=");

    (void) state;

    assert_int_equal(ledger_credential_basic(abc, name, 3, &len), LEDGER_OK);
    assert_int_equal(len, 3);
    assert_int_equal(ledger_credential_basic(abc, name, 2, &len),
                     LEDGER_LIMIT);

    /* "a:" and then a password as long as can be */

    memset(text, 'x', sizeof(text));
    memcpy(text, "Basic YTpi", 10);
    value.data = (unsigned char *) text;

    value.len = 6 + LEDGER_TOKEN_TEXT_MAX;
    assert_int_equal(ledger_credential_basic(value, name, 3, &len),
                     LEDGER_OK);
    assert_int_equal(len, 1);

    value.len += 4;
    assert_int_equal(ledger_credential_basic(value, name, 3, &len),
                     LEDGER_LIMIT);
}


static void
test_cut_at_every_byte(void **state)
{
    size_t          n, len;
    ledger_slice_t  copy, token;
    unsigned char   name[16];

    static const char  bearer[] = "Bearer abc.def==";
    static const char  basic[] = "Basic YWJjOmRlZg==";

    (void) state;

    for (n = 0; n < sizeof(bearer); n++) {
        copy = copy_of(bearer, n);
        assert_int_equal(ledger_credential_token(copy, &token),
                         n < 6 ? LEDGER_NOT_FOUND
                               : n < 8 ? LEDGER_MALFORMED : LEDGER_OK);
        copy_free(copy);
    }

    for (n = 0; n < sizeof(basic); n++) {
        copy = copy_of(basic, n);

        if (ledger_credential_basic(copy, name, sizeof(name), &len)
            == LEDGER_OK)
        {
            assert_int_equal(len, 3);
            assert_true(n >= 6 + 6);
        }

        copy_free(copy);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_token_bytes),
        cmocka_unit_test(test_token_length),
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_basic),
        cmocka_unit_test(test_password),
        cmocka_unit_test(test_pair),
        cmocka_unit_test(test_pair_length),
        cmocka_unit_test(test_basic_length),
        cmocka_unit_test(test_cut_at_every_byte),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
