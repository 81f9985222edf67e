
/*
 * Copyright (C) The OAuth gateway authors
 */

/* Thumbprints: the examples of the RFCs, and what is no key or no proof. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ledger_decode.h"
#include "ledger_json.h"
#include "ledger_thumbprint.h"


/* RFC 9449, 4.1; the key's thumbprint stands in section 6.1 */
#define PROOF_HEADER                                                          \
    "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI" \
    "6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOV" \
    "ZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtM" \
    "jU2In19"
#define PROOF                                                                 \
    PROOF_HEADER                                                              \
    ".eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzO"  \
    "i8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ"           \
    ".2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJ" \
    "K70nfbV37xRZT3Lg"
#define PROOF_THUMBPRINT  "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"


static ledger_slice_t slice(const char *text);
static void assert_thumbprint(const unsigned char *thumbprint,
    const char *text);
static void jwk(const char *text, const char *thumbprint);
static void test_examples(void **state);
static void test_only_required_members(void **state);
static void test_no_keys(void **state);
static void proof(const char *text, ledger_rc_t want);
static void test_proofs(void **state);
static void test_proof_cut_at_every_byte(void **state);
static void test_proof_bounds(void **state);


static ledger_slice_t
slice(const char *text)
{
    return (ledger_slice_t) { (const unsigned char *) text, strlen(text) };
}


/* "text" is base64url, as the RFCs print it. */

static void
assert_thumbprint(const unsigned char *thumbprint, const char *text)
{
    size_t         n;
    unsigned char  want[64];

    assert_int_equal(ledger_decode_base64(slice(text), LEDGER_BASE64URL,
                                          want, &n),
                     LEDGER_OK);
    assert_int_equal(n, LEDGER_THUMBPRINT_SIZE);
    assert_memory_equal(thumbprint, want, n);
}


/* NULL for a thumbprint: this is no key. */

static void
jwk(const char *text, const char *thumbprint)
{
    json_t         *key;
    ledger_rc_t     rc;
    unsigned char   got[LEDGER_THUMBPRINT_SIZE];

    key = json_loads(text, JSON_DECODE_ANY, NULL);
    assert_non_null(key);

    rc = ledger_thumbprint_jwk(key, got);

    if (thumbprint == NULL) {
        assert_int_equal(rc, LEDGER_MALFORMED);

    } else {
        assert_int_equal(rc, LEDGER_OK);
        assert_thumbprint(got, thumbprint);
    }

    json_decref(key);
}


static void
test_examples(void **state)
{
    (void) state;

    /* RFC 7638, 3.1 */
    jwk("{\"kty\":\"RSA\",\"n\":\"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAF"
        "bWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3"
        "oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_"
        "FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpb"
        "ISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0"
        "Ls1jF44-csFCur-kEgU8awapJzKnqDKgw\",\"e\":\"AQAB\",\"alg\":\"RS256\","
        "\"kid\":\"2011-04-29\"}",
        "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");

    /* RFC 8037, A.3 */
    jwk("{\"crv\":\"Ed25519\",\"kty\":\"OKP\","
        "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
        "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");

    /* RFC 9449, 6.1 */
    jwk("{\"kty\":\"EC\",\"x\":\"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBF"
        "s\",\"y\":\"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA\","
        "\"crv\":\"P-256\"}", PROOF_THUMBPRINT);
}


/* Order and other members do not matter, required ones do. */

static void
test_only_required_members(void **state)
{
    json_t         *a, *b;
    unsigned char   one[LEDGER_THUMBPRINT_SIZE];
    unsigned char   two[LEDGER_THUMBPRINT_SIZE];

    (void) state;

    a = json_pack("{ssssss}", "e", "AQAB", "kty", "RSA", "n", "abc");
    b = json_pack("{sssssssiss}", "use", "sig", "n", "abc", "kid", "x", "y",
                  7, "kty", "RSA");
    assert_non_null(a);
    assert_non_null(b);

    assert_int_equal(ledger_thumbprint_jwk(b, two), LEDGER_MALFORMED);
    assert_int_equal(json_object_set_new(b, "e", json_string("AQAB")), 0);

    assert_int_equal(ledger_thumbprint_jwk(a, one), LEDGER_OK);
    assert_int_equal(ledger_thumbprint_jwk(b, two), LEDGER_OK);
    assert_memory_equal(one, two, sizeof(one));

    assert_int_equal(json_object_set_new(b, "n", json_string("abd")), 0);
    assert_int_equal(ledger_thumbprint_jwk(b, two), LEDGER_OK);
    assert_memory_not_equal(one, two, sizeof(one));

    json_decref(a);
    json_decref(b);
}


static void
test_no_keys(void **state)
{
    unsigned char  thumbprint[LEDGER_THUMBPRINT_SIZE];

    (void) state;

    assert_int_equal(ledger_thumbprint_jwk(NULL, thumbprint),
                     LEDGER_MALFORMED);

    jwk("{}", NULL);
    jwk("[]", NULL);
    jwk("\"RSA\"", NULL);
    jwk("{\"kty\":\"oct\",\"k\":\"abc\"}", NULL);
    jwk("{\"kty\":\"rsa\",\"e\":\"AQAB\",\"n\":\"abc\"}", NULL);
    jwk("{\"kty\":[\"RSA\"],\"e\":\"AQAB\",\"n\":\"abc\"}", NULL);
    jwk("{\"kty\":\"RSA\",\"n\":\"abc\"}", NULL);
    jwk("{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"\"}", NULL);
    jwk("{\"kty\":\"RSA\",\"e\":65537,\"n\":\"abc\"}", NULL);
    jwk("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"a\"}", NULL);
    jwk("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"a\",\"y\":null}", NULL);
    jwk("{\"kty\":\"OKP\",\"x\":\"a\"}", NULL);
}


static void
proof(const char *text, ledger_rc_t want)
{
    unsigned char  thumbprint[LEDGER_THUMBPRINT_SIZE];

    assert_int_equal(ledger_thumbprint_proof(slice(text), thumbprint), want);

    if (want == LEDGER_OK) {
        assert_thumbprint(thumbprint, PROOF_THUMBPRINT);
    }
}


static void
test_proofs(void **state)
{
    (void) state;

    proof(PROOF, LEDGER_OK);

    /* another proof of the same key */
    proof(PROOF_HEADER ".eyJqdGkiOiIyIn0.c2ln", LEDGER_OK);

    proof("", LEDGER_MALFORMED);
    proof(PROOF_THUMBPRINT, LEDGER_MALFORMED);
    proof(PROOF ", " PROOF, LEDGER_MALFORMED);
    proof(PROOF_HEADER ".e30", LEDGER_MALFORMED);
    proof(PROOF_HEADER ".$.c2ln", LEDGER_MALFORMED);
    proof(PROOF_HEADER ".e30.c2ln.c2ln", LEDGER_MALFORMED);

    /* {}; {"typ":"dpop+jwt"}; {"typ":"JWT"} and a key */
    proof("e30.e30.c2ln", LEDGER_MALFORMED);
    proof("eyJ0eXAiOiJkcG9wK2p3dCJ9.e30.c2ln", LEDGER_MALFORMED);
    proof("eyJ0eXAiOiJKV1QiLCJqd2siOnsia3R5IjoiT0tQIiwiY3J2IjoiRWQyNTUxOSIs"
          "IngiOiJhIn19.e30.c2ln", LEDGER_MALFORMED);

    /* {"typ":"dpop+jwt","typ":"dpop+jwt"} */
    proof("eyJ0eXAiOiJkcG9wK2p3dCIsInR5cCI6ImRwb3Arand0In0.e30.c2ln",
          LEDGER_REPEATED);
}


static void
test_proof_cut_at_every_byte(void **state)
{
    size_t         n, dot;
    ledger_rc_t    rc;
    unsigned char  thumbprint[LEDGER_THUMBPRINT_SIZE];
    unsigned char  *copy;

    static const char  text[] = PROOF;

    (void) state;

    dot = (size_t) (strrchr(text, '.') - text);

    for (n = 0; n < sizeof(text); n++) {
        copy = malloc(n + 1);
        assert_non_null(copy);
        memcpy(copy + 1, text, n);

        rc = ledger_thumbprint_proof((ledger_slice_t) { copy + 1, n },
                                     thumbprint);

        /* a signature may be shorter: it is not read */

        if (n <= dot) {
            assert_int_equal(rc, LEDGER_MALFORMED);

        } else if (rc == LEDGER_OK) {
            assert_thumbprint(thumbprint, PROOF_THUMBPRINT);
        }

        free(copy);
    }
}


static void
test_proof_bounds(void **state)
{
    char           *text;
    size_t          n;
    unsigned char   thumbprint[LEDGER_THUMBPRINT_SIZE];

    static const char  head[] = PROOF_HEADER ".e30.";

    (void) state;

    n = LEDGER_TOKEN_TEXT_MAX + 1;
    text = malloc(n);
    assert_non_null(text);
    memset(text, 'A', n);
    memcpy(text, head, sizeof(head) - 1);

    /* no length of base64 is 1 more than a multiple of four */
    assert_int_not_equal((LEDGER_TOKEN_TEXT_MAX - sizeof(head) + 1) % 4, 1);

    assert_int_equal(
        ledger_thumbprint_proof((ledger_slice_t) { (unsigned char *) text,
                                                   LEDGER_TOKEN_TEXT_MAX },
                                thumbprint),
        LEDGER_OK);
    assert_int_equal(
        ledger_thumbprint_proof((ledger_slice_t) { (unsigned char *) text,
                                                   n },
                                thumbprint),
        LEDGER_LIMIT);

    free(text);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_only_required_members),
        cmocka_unit_test(test_no_keys),
        cmocka_unit_test(test_proofs),
        cmocka_unit_test(test_proof_cut_at_every_byte),
        cmocka_unit_test(test_proof_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
