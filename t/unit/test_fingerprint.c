
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * Fingerprints: golden values, and for each part of a request whether a
 * change of it changes the whole, the client, both or none.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include <cmocka.h>

#include "ledger_fingerprint.h"
#include "ledger_message.h"


#define KEY_A                                                                 \
    "0000000000000000000000000000000000000000000000000000000000000000"
#define KEY_B                                                                 \
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

#define ID_A  0xcbaca6d0
#define ID_B  0x727eec59

/* RFC 9449, 4.1: the header of a proof; another proof of that key */
#define PROOF_HEADER                                                          \
    "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI" \
    "6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOV" \
    "ZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtM" \
    "jU2In19"
#define PROOF        PROOF_HEADER ".eyJqdGkiOiIxIn0.c2ln"
#define PROOF_AGAIN  PROOF_HEADER ".eyJqdGkiOiIyIn0.c2lo"

/* {"typ":"dpop+jwt","jwk":{"kty":"OKP","crv":"Ed25519","x":"a"}} */
#define PROOF_OTHER                                                           \
    "eyJ0eXAiOiJkcG9wK2p3dCIsImp3ayI6eyJrdHkiOiJPS1AiLCJjcnYiOiJFZDI1NTE5Iiw" \
    "ieCI6ImEifX0.eyJqdGkiOiIxIn0.c2ln"

/* the thumbprint of PROOF's key, as it is and in base64url */
#define THUMBPRINT                                                            \
    "\xd1\x97\x0e\x08\xe4\x59\x35\x8c\xbe\x0d\x6a\x6a\xab\x7d\x23\x67"        \
    "\x22\x46\x1d\x33\x74\x77\x61\xe0\x94\x15\x77\xba\x28\x2e\x03\x82"
#define THUMBPRINT_TEXT  "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"

#define JWT_BEARER  "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

/* {"iss":"app","sub":"app","jti":"1"}, signed; "2"; and not by "app" */
#define ASSERTION                                                             \
    "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJhcHAiLCJzdWIiOiJhcHAiLCJqdGkiOiIxIn0"    \
    ".c2ln"
#define ASSERTION_AGAIN                                                       \
    "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJhcHAiLCJzdWIiOiJhcHAiLCJqdGkiOiIyIn0"    \
    ".c2lo"
#define ASSERTION_OTHER_SUB                                                   \
    "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJhcHAiLCJzdWIiOiJhcHEiLCJqdGkiOiIxIn0"    \
    ".c2ln"
#define ASSERTION_OTHER_ISS                                                   \
    "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJhcHEiLCJzdWIiOiJhcHAiLCJqdGkiOiIxIn0"    \
    ".c2ln"

/* {"iss":"app"}; {"iss":7,"sub":"app"} */
#define ASSERTION_ISS_ONLY  "e30.eyJpc3MiOiJhcHAifQ.c2ln"
#define ASSERTION_NO_TEXT   "e30.eyJpc3MiOjcsInN1YiI6ImFwcCJ9.c2ln"
#define ASSERTION_NO_TEXT2  "e30.eyJpc3MiOjcsInN1YiI6ImFwcCJ9.c2lo"


typedef struct {
    const char  *provider;
    const char  *path;
    const char  *authorization;
    const char  *dpop;
    const char  *message;         /* JSON */
} request_t;


typedef struct {
    ledger_fingerprint_t  whole;
    ledger_fingerprint_t  client;
} prints_t;


typedef struct {
    const char  *what;
    request_t    a;
    request_t    b;
    int          whole;           /* equal? */
    int          client;
} pair_t;


static ledger_slice_t slice(const char *text);
static ledger_keyring_t *ring_of(const char *text);
static prints_t prints_of_message(ledger_keyring_t *ring, uint32_t key,
    const request_t *r, const json_t *message);
static prints_t prints_of(ledger_keyring_t *ring, uint32_t key,
    const request_t *r);
static void golden(ledger_keyring_t *ring, request_t r, const char *whole,
    const char *client);
static void test_golden(void **state);
static void test_pairs(void **state);
static void test_forms_and_json(void **state);
static void test_keys(void **state);
static void test_borders(void **state);
static void test_long_values(void **state);
static void test_equal(void **state);


static const pair_t  pairs[] = {
    { "nothing", { "", "", "", "", "{}" }, { "", "", "", "", "{}" }, 1, 1 },

    { "provider", { "a", "/t", "", "", "{}" }, { "b", "/t", "", "", "{}" },
      0, 1 },
    { "path", { "a", "/t", "", "", "{}" }, { "a", "/u", "", "", "{}" },
      0, 1 },
    { "authorization", { "", "", "Basic YTpi", "", "{}" },
      { "", "", "Basic YTpj", "", "{}" }, 0, 0 },
    { "authorization and none", { "", "", "Basic YTpi", "", "{}" },
      { "", "", "", "", "{}" }, 0, 0 },

    { "client_id", { "", "", "", "", "{\"client_id\":\"a\"}" },
      { "", "", "", "", "{\"client_id\":\"b\"}" }, 0, 0 },
    { "client_id and none", { "", "", "", "", "{\"client_id\":\"a\"}" },
      { "", "", "", "", "{}" }, 0, 0 },
    { "client_id of another type", { "", "", "", "", "{\"client_id\":\"1\"}" },
      { "", "", "", "", "{\"client_id\":1}" }, 0, 0 },
    { "client_secret", { "", "", "", "", "{\"client_secret\":\"a\"}" },
      { "", "", "", "", "{\"client_secret\":\"b\"}" }, 0, 0 },
    { "the same under another name",
      { "", "", "", "", "{\"client_secret\":\"a\"}" },
      { "", "", "", "", "{\"client_id\":\"a\"}" }, 0, 0 },

    { "one client, in the body and as Basic",
      { "", "", "Basic YTpi", "", "{}" },
      { "", "", "", "", "{\"client_id\":\"a\",\"client_secret\":\"b\"}" },
      0, 1 },
    { "one client, its name beside Basic", { "", "", "Basic YTpi", "", "{}" },
      { "", "", "basic  YTpi", "", "{\"client_id\":\"a\"}" }, 0, 1 },
    /* "a%3Ab:c%20+" */
    { "one client, escaped", { "", "", "Basic YSUzQWI6YyUyMCs=", "", "{}" },
      { "", "", "", "",
        "{\"client_id\":\"a:b\",\"client_secret\":\"c  \"}" }, 0, 1 },
    { "another name beside Basic", { "", "", "Basic YTpi", "", "{}" },
      { "", "", "Basic YTpi", "", "{\"client_id\":\"b\"}" }, 0, 0 },
    { "an empty name beside Basic", { "", "", "Basic YTpi", "", "{}" },
      { "", "", "Basic YTpi", "", "{\"client_id\":\"\"}" }, 0, 0 },
    { "another secret beside Basic", { "", "", "Basic YTpi", "", "{}" },
      { "", "", "Basic YTpi", "", "{\"client_secret\":\"b\"}" }, 0, 0 },
    { "another secret in the body", { "", "", "Basic YTpi", "", "{}" },
      { "", "", "", "", "{\"client_id\":\"a\",\"client_secret\":\"c\"}" },
      0, 0 },
    { "another name in the body", { "", "", "Basic YTpi", "", "{}" },
      { "", "", "", "", "{\"client_id\":\"b\",\"client_secret\":\"b\"}" },
      0, 0 },
    { "a border that moves",
      { "", "", "", "", "{\"client_id\":\"ab\",\"client_secret\":\"c\"}" },
      { "", "", "", "", "{\"client_id\":\"a\",\"client_secret\":\"bc\"}" },
      0, 0 },
    /* "a:" */
    { "no secret", { "", "", "Basic YTo=", "", "{}" },
      { "", "", "", "", "{\"client_id\":\"a\",\"client_secret\":\"\"}" },
      0, 0 },
    { "no secret, and none", { "", "", "Basic YTo=", "", "{}" },
      { "", "", "", "", "{\"client_id\":\"a\"}" }, 0, 0 },
    /* "a:%zz" */
    { "a secret that cannot be read", { "", "", "Basic YTolenoo", "", "{}" },
      { "", "", "Basic YTolenoo", "", "{}" }, 1, 1 },
    { "a secret that is no text", { "", "", "", "",
        "{\"client_id\":\"a\",\"client_secret\":1}" },
      { "", "", "", "", "{\"client_id\":\"a\",\"client_secret\":\"1\"}" },
      0, 0 },
    { "a secret, and its claims beside it",
      { "", "", "Basic YTpi", "", "{}" },
      { "", "", "Basic YTpi", "", "{\"client_assertion\":\"" ASSERTION "\"}" },
      0, 0 },

    { "scope", { "", "", "", "", "{\"scope\":\"a b\"}" },
      { "", "", "", "", "{\"scope\":\"b a\"}" }, 0, 1 },
    { "scope and none", { "", "", "", "", "{\"scope\":\"a\"}" },
      { "", "", "", "", "{}" }, 0, 1 },
    { "resource", { "", "", "", "", "{\"resource\":\"a\"}" },
      { "", "", "", "", "{\"resource\":\"b\"}" }, 0, 1 },
    { "a later resource", { "", "", "", "", "{\"resource\":[\"a\",\"b\"]}" },
      { "", "", "", "", "{\"resource\":[\"a\",\"c\"]}" }, 0, 1 },
    { "one resource more", { "", "", "", "", "{\"resource\":[\"a\",\"b\"]}" },
      { "", "", "", "", "{\"resource\":[\"a\",\"b\",\"b\"]}" }, 0, 1 },
    { "resources in another order",
      { "", "", "", "", "{\"resource\":[\"a\",\"b\"]}" },
      { "", "", "", "", "{\"resource\":[\"b\",\"a\"]}" }, 0, 1 },
    { "where resources part",
      { "", "", "", "", "{\"resource\":[\"a\",\"b\"]}" },
      { "", "", "", "", "{\"resource\":[\"a\\\",\\\"b\"]}" }, 0, 1 },
    { "audience", { "", "", "", "", "{\"audience\":[\"a\",\"b\"]}" },
      { "", "", "", "", "{\"audience\":[\"a\"]}" }, 0, 1 },
    { "audience for resource", { "", "", "", "", "{\"audience\":\"a\"}" },
      { "", "", "", "", "{\"resource\":\"a\"}" }, 0, 1 },
    { "an object, in another order",
      { "", "", "", "", "{\"scope\":{\"a\":1,\"b\":[2]}}" },
      { "", "", "", "", "{\"scope\":{\"b\":[2],\"a\":1}}" }, 1, 1 },

    { "grant, tokens and the rest do not count",
      { "", "", "", "", "{\"grant_type\":\"refresh_token\","
                        "\"refresh_token\":\"a\",\"client_id\":\"c\"}" },
      { "", "", "", "", "{\"client_id\":\"c\",\"refresh_token\":\"b\","
                        "\"nonce\":\"7\"}" }, 1, 1 },

    { "client_assertion_type",
      { "", "", "", "", "{\"client_assertion_type\":\"a\"}" },
      { "", "", "", "", "{\"client_assertion_type\":\"b\"}" }, 0, 1 },
    { "the same assertion",
      { "", "", "", "", "{\"client_assertion\":\"" ASSERTION "\"}" },
      { "", "", "", "", "{\"client_assertion\":\"" ASSERTION "\"}" }, 1, 1 },
    { "the client's next assertion",
      { "", "", "", "", "{\"client_assertion\":\"" ASSERTION "\"}" },
      { "", "", "", "", "{\"client_assertion\":\"" ASSERTION_AGAIN "\"}" },
      0, 1 },
    { "an assertion of another subject",
      { "", "", "", "", "{\"client_assertion\":\"" ASSERTION "\"}" },
      { "", "", "", "", "{\"client_assertion\":\"" ASSERTION_OTHER_SUB "\"}" },
      0, 0 },
    { "an assertion of another issuer",
      { "", "", "", "", "{\"client_assertion\":\"" ASSERTION "\"}" },
      { "", "", "", "", "{\"client_assertion\":\"" ASSERTION_OTHER_ISS "\"}" },
      0, 0 },
    { "an assertion without a subject",
      { "", "", "", "", "{\"client_assertion\":\"" ASSERTION "\"}" },
      { "", "", "", "", "{\"client_assertion\":\"" ASSERTION_ISS_ONLY "\"}" },
      0, 0 },
    { "an assertion and none",
      { "", "", "", "", "{\"client_assertion\":\"" ASSERTION "\"}" },
      { "", "", "", "", "{}" }, 0, 0 },
    { "assertions whose issuer is no text",
      { "", "", "", "", "{\"client_assertion\":\"" ASSERTION_NO_TEXT "\"}" },
      { "", "", "", "", "{\"client_assertion\":\"" ASSERTION_NO_TEXT2 "\"}" },
      0, 0 },
    { "assertions that are no JWT",
      { "", "", "", "", "{\"client_assertion\":\"PHNhbWw\"}" },
      { "", "", "", "", "{\"client_assertion\":\"PHNhbWx\"}" }, 0, 0 },
    { "one assertion that is no JWT",
      { "", "", "", "", "{\"client_assertion\":\"PHNhbWw\"}" },
      { "", "", "", "", "{\"client_assertion\":\"PHNhbWw\"}" }, 1, 1 },
    { "an assertion that is no text",
      { "", "", "", "", "{\"client_assertion\":null}" },
      { "", "", "", "", "{}" }, 0, 0 },

    { "two proofs of one key", { "", "", "", PROOF, "{}" },
      { "", "", "", PROOF_AGAIN, "{}" }, 1, 1 },
    { "proofs of two keys", { "", "", "", PROOF, "{}" },
      { "", "", "", PROOF_OTHER, "{}" }, 0, 1 },
    { "a proof and none", { "", "", "", PROOF, "{}" },
      { "", "", "", "", "{}" }, 0, 1 },
    { "a proof that is none", { "", "", "", "no proof", "{}" },
      { "", "", "", "", "{}" }, 0, 1 },
    { "the same that is none", { "", "", "", "no proof", "{}" },
      { "", "", "", "no proof", "{}" }, 1, 1 },
    { "two proofs at once", { "", "", "", PROOF, "{}" },
      { "", "", "", PROOF ", " PROOF, "{}" }, 0, 1 },
    { "a proof, and its thumbprint", { "", "", "", PROOF, "{}" },
      { "", "", "", THUMBPRINT, "{}" }, 0, 1 },
    { "a proof, and its thumbprint as text", { "", "", "", PROOF, "{}" },
      { "", "", "", THUMBPRINT_TEXT, "{}" }, 0, 1 },

    { NULL, { "", "", "", "", "{}" }, { "", "", "", "", "{}" }, 0, 0 }
};


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

    return ring;
}


static prints_t
prints_of_message(ledger_keyring_t *ring, uint32_t key, const request_t *r,
    const json_t *message)
{
    prints_t                      prints;
    ledger_fingerprint_request_t  request;

    request = (ledger_fingerprint_request_t) {
        slice(r->provider), slice(r->path), slice(r->authorization),
        slice(r->dpop), message
    };

    assert_int_equal(ledger_fingerprint(ring, key, &request, &prints.whole,
                                        &prints.client),
                     LEDGER_OK);

    return prints;
}


static prints_t
prints_of(ledger_keyring_t *ring, uint32_t key, const request_t *r)
{
    json_t    *message;
    prints_t   prints;

    message = json_loads(r->message, 0, NULL);
    assert_non_null(message);

    prints = prints_of_message(ring, key, r, message);

    json_decref(message);

    return prints;
}


static void
golden(ledger_keyring_t *ring, request_t r, const char *whole,
    const char *client)
{
    char      text[2][2 * LEDGER_FINGERPRINT_SIZE + 1];
    size_t    i;
    prints_t  prints;

    prints = prints_of(ring, 0, &r);

    for (i = 0; i < LEDGER_FINGERPRINT_SIZE; i++) {
        (void) snprintf(text[0] + 2 * i, 3, "%02x", prints.whole.bytes[i]);
        (void) snprintf(text[1] + 2 * i, 3, "%02x", prints.client.bytes[i]);
    }

    assert_string_equal(text[0], whole);
    assert_string_equal(text[1], client);
}


/* values of an independent HKDF, HMAC and JSON (Python) */

static void
test_golden(void **state)
{
    ledger_keyring_t  *ring;

    (void) state;

    ring = ring_of(KEY_B);

    golden(ring, (request_t) { "", "", "", "", "{}" },
           "afeabae4efa5e2d2d855bed6dc2fb4a6",
           "1630925f0c13c3d6fc18761bb8984490");

    golden(ring, (request_t) { "acme", "/acme/token", "Basic YTpi", "",
                               "{\"client_id\":\"app\","
                               "\"scope\":\"read write\","
                               "\"resource\":[\"https://a/\","
                               "\"https://b/\"]}" },
           "6a75e589cbf52526bd289784d04c4841",
           "e948fc96540b3fe24611e036017b2f2d");

    golden(ring, (request_t) { "acme", "/acme/token", "", PROOF,
                               "{\"client_id\":\"app\","
                               "\"client_assertion_type\":\"" JWT_BEARER "\","
                               "\"client_assertion\":\"" ASSERTION "\","
                               "\"audience\":\"https://api/\"}" },
           "b2eb8426f26016d80bde06422ddb7c42",
           "655c5d20d790b6a326e0b1d06ca6ea48");

    golden(ring, (request_t) { "", "", "", "not a proof",
                               "{\"client_secret\":\"s\","
                               "\"client_assertion\":\"x\"}" },
           "3b74d56e1454256e00f60d720e991293",
           "940ad83a5e7ef20823cdb8b40baa2523");

    ledger_keyring_free(ring);
}


static void
test_pairs(void **state)
{
    prints_t           a, b;
    const pair_t      *pair;
    ledger_keyring_t  *ring;

    (void) state;

    ring = ring_of(KEY_A);

    for (pair = pairs; pair->what != NULL; pair++) {
        a = prints_of(ring, 0, &pair->a);
        b = prints_of(ring, 0, &pair->b);

        if (ledger_fingerprint_equal(&a.whole, &b.whole) != pair->whole
            || ledger_fingerprint_equal(&a.client, &b.client)
               != pair->client)
        {
            fail_msg("%s", pair->what);
        }

        /* the two are never taken for each other */
        assert_false(ledger_fingerprint_equal(&a.whole, &a.client));
    }

    ledger_keyring_free(ring);
}


/* One request, as a form and as JSON. */

static void
test_forms_and_json(void **state)
{
    json_t            *form, *json;
    prints_t           a, b;
    ledger_keyring_t  *ring;

    static const request_t  request = { "p", "/t", "", "", NULL };

    (void) state;

    ring = ring_of(KEY_A);
    form = json_object();
    json = json_object();
    assert_non_null(form);
    assert_non_null(json);

    assert_int_equal(
        ledger_message_form(slice("scope=a+%C3%A4&resource=x&client_id=c"
                                  "&resource=y&audience=z&client_secret="),
                            form, NULL),
        LEDGER_OK);
    assert_int_equal(
        ledger_message_json(slice("{\"client_id\":\"c\",\"audience\":\"z\","
                                  "\"resource\":[\"x\",\"y\"],"
                                  "\"scope\":\"a \\u00e4\"}"),
                            1, json),
        LEDGER_OK);

    a = prints_of_message(ring, 0, &request, form);
    b = prints_of_message(ring, 0, &request, json);

    assert_true(ledger_fingerprint_equal(&a.whole, &b.whole));
    assert_true(ledger_fingerprint_equal(&a.client, &b.client));

    json_decref(form);
    json_decref(json);
    ledger_keyring_free(ring);
}


/* After a change of keys the older key still compares what it made. */

static void
test_keys(void **state)
{
    prints_t                      with_a, with_b, of_both;
    ledger_rc_t                   rc;
    ledger_keyring_t             *a, *b, *ba;
    ledger_fingerprint_request_t  request;

    static const request_t  r = { "p", "/t", "Basic YTpi", "", "{}" };

    (void) state;

    a = ring_of(KEY_A);
    b = ring_of(KEY_B);
    ba = ring_of(KEY_B "\n" KEY_A);

    with_a = prints_of(a, 0, &r);
    with_b = prints_of(b, ID_B, &r);
    assert_false(ledger_fingerprint_equal(&with_a.whole, &with_b.whole));
    assert_false(ledger_fingerprint_equal(&with_a.client, &with_b.client));

    of_both = prints_of(ba, 0, &r);
    assert_true(ledger_fingerprint_equal(&of_both.whole, &with_b.whole));

    of_both = prints_of(ba, ID_A, &r);
    assert_true(ledger_fingerprint_equal(&of_both.whole, &with_a.whole));
    assert_true(ledger_fingerprint_equal(&of_both.client, &with_a.client));

    memset(&request, 0, sizeof(request));
    rc = ledger_fingerprint(b, ID_A, &request, &with_a.whole,
                            &with_a.client);
    assert_int_equal(rc, LEDGER_KEY);

    ledger_keyring_free(a);
    ledger_keyring_free(b);
    ledger_keyring_free(ba);
}


/* Wherever the same bytes are cut into two parts, it is another request. */

static void
test_borders(void **state)
{
    size_t                        i, j;
    prints_t                      prints[9];
    ledger_keyring_t             *ring;
    ledger_fingerprint_request_t  request;

    static const char  text[] = "abcdefgh";

    (void) state;

    ring = ring_of(KEY_A);

    for (i = 0; i <= 8; i++) {
        memset(&request, 0, sizeof(request));
        request.provider = (ledger_slice_t) { (const unsigned char *) text,
                                              i };
        request.path = slice(text + i);

        assert_int_equal(ledger_fingerprint(ring, 0, &request,
                                            &prints[i].whole,
                                            &prints[i].client),
                         LEDGER_OK);

        for (j = 0; j < i; j++) {
            assert_false(ledger_fingerprint_equal(&prints[j].whole,
                                                  &prints[i].whole));
            assert_true(ledger_fingerprint_equal(&prints[j].client,
                                                 &prints[i].client));
        }
    }

    ledger_keyring_free(ring);
}


/* The last byte of the longest value counts as the first does. */

static void
test_long_values(void **state)
{
    char              *text;
    size_t             n;
    json_t            *message;
    prints_t           a, b;
    ledger_keyring_t  *ring;

    static const char      *names[] = { "client_assertion", "scope", NULL };
    static const request_t  request = { "", "", "", "", NULL };
    const char            **name;

    (void) state;

    n = 65536;
    ring = ring_of(KEY_A);
    text = malloc(n);
    message = json_object();
    assert_non_null(text);
    assert_non_null(message);

    for (name = names; *name != NULL; name++) {
        memset(text, 'x', n);
        assert_int_equal(json_object_set_new(message, *name,
                                             json_stringn(text, n)), 0);
        a = prints_of_message(ring, 0, &request, message);

        text[n - 1] = 'y';
        assert_int_equal(json_object_set_new(message, *name,
                                             json_stringn(text, n)), 0);
        b = prints_of_message(ring, 0, &request, message);

        assert_false(ledger_fingerprint_equal(&a.whole, &b.whole));
    }

    json_decref(message);
    free(text);
    ledger_keyring_free(ring);
}


static void
test_equal(void **state)
{
    size_t                i;
    ledger_fingerprint_t  a, b;

    (void) state;

    memset(&a, 7, sizeof(a));
    b = a;
    assert_true(ledger_fingerprint_equal(&a, &b));

    for (i = 0; i < LEDGER_FINGERPRINT_SIZE; i++) {
        b = a;
        b.bytes[i] ^= 0x80;
        assert_false(ledger_fingerprint_equal(&a, &b));
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_forms_and_json),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_borders),
        cmocka_unit_test(test_long_values),
        cmocka_unit_test(test_equal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
