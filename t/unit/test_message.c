
/*
 * Copyright (C) The OAuth gateway authors
 */

/* Messages: forms, JSON on top of them, JWT, members, writing. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/evp.h>

#include "ledger_message.h"


typedef struct {
    const char   *text;
    ledger_rc_t   rc;
    const char   *result;     /* JSON, or the repeated name */
} form_pair_t;


static ledger_slice_t slice(const char *text);
static ledger_rc_t form(const char *text, size_t len, json_t *message,
    ledger_slice_t *name);
static json_t *message_of(const char *json);
static void assert_json(const json_t *message, const char *json);
static void test_forms(void **state);
static void test_form_on_a_message(void **state);
static void test_form_members(void **state);
static void test_form_cut_at_every_byte(void **state);
static void test_json_on_a_message(void **state);
static void jwt(const char *token, const char *json);
static void test_jwt(void **state);
static size_t jwt_of_members(unsigned n, char *text);
static void test_jose(void **state);
static void test_jwt_bounds(void **state);
static void test_jwt_cut_at_every_byte(void **state);
static void pointer(const json_t *message, const char *path, ledger_rc_t want,
    const char *text);
static void test_pointers(void **state);
static void test_pointers_valid(void **state);
static void member(const char *json, ledger_rc_t want, const char *text);
static void test_members(void **state);
static void test_replace(void **state);
static void written(const char *json, const char *want);
static void test_write_form(void **state);
static void test_write_form_bytes(void **state);
static void test_form_round_trip(void **state);
static void *scarce_malloc(size_t size);
static ledger_rc_t form_and_replace(json_t *message);
static void test_no_memory(void **state);
static void test_secrets(void **state);


static const form_pair_t  forms[] = {
    { "", LEDGER_OK, "{}" },
    { "a=1", LEDGER_OK, "{\"a\":\"1\"}" },
    { "grant_type=refresh_token&refresh_token=5Aep861%2E%2E%2E", LEDGER_OK,
      "{\"grant_type\":\"refresh_token\",\"refresh_token\":\"5Aep861...\"}" },
    { "a=b+c%20d&e%5Ff=%C3%A4", LEDGER_OK,
      "{\"a\":\"b c d\",\"e_f\":\"\xc3\xa4\"}" },
    { "a=1=2", LEDGER_OK, "{\"a\":\"1=2\"}" },
    { "&a=1&&b=2&", LEDGER_OK, "{\"a\":\"1\",\"b\":\"2\"}" },
    { "a=1;b=2", LEDGER_OK, "{\"a\":\"1;b=2\"}" },
    { "=x", LEDGER_OK, "{\"\":\"x\"}" },
    { "=", LEDGER_OK, "{}" },
    { "a", LEDGER_OK, "{}" },
    { "a=&b=1", LEDGER_OK, "{\"b\":\"1\"}" },
    { "a=%22%5c%0a", LEDGER_OK, "{\"a\":\"\\\"\\\\\\n\"}" },
    { "a=1&A=2", LEDGER_OK, "{\"a\":\"1\",\"A\":\"2\"}" },

    { "resource=x", LEDGER_OK, "{\"resource\":\"x\"}" },
    { "resource=x&resource=y", LEDGER_OK, "{\"resource\":[\"x\",\"y\"]}" },
    { "audience=x&resource=y&audience=z&audience=x", LEDGER_OK,
      "{\"audience\":[\"x\",\"z\",\"x\"],\"resource\":\"y\"}" },
    { "resource=&resource=x&resource=", LEDGER_OK, "{\"resource\":\"x\"}" },
    { "resource=&resource=", LEDGER_OK, "{}" },

    { "a=1&b=2&a=1", LEDGER_REPEATED, "a" },
    { "a=1&%61=2", LEDGER_REPEATED, "%61" },
    { "a=&a=1", LEDGER_REPEATED, "a" },
    { "a=1&a=", LEDGER_REPEATED, "a" },
    { "a&a", LEDGER_REPEATED, "a" },
    { "scope=x&scope=y", LEDGER_REPEATED, "scope" },
    { "Resource=x&Resource=y", LEDGER_REPEATED, "Resource" },

    { "a=%", LEDGER_MALFORMED, NULL },
    { "a=%4", LEDGER_MALFORMED, NULL },
    { "a=%zz", LEDGER_MALFORMED, NULL },
    { "%zz=1", LEDGER_MALFORMED, NULL },
    { "a=%00", LEDGER_MALFORMED, NULL },
    { "a%00=1", LEDGER_MALFORMED, NULL },
    { "a=%ff", LEDGER_MALFORMED, NULL },
    { "a=\xc3", LEDGER_MALFORMED, NULL },
    { "a=%ed%a0%80", LEDGER_MALFORMED, NULL },
    { "a=%c0%af", LEDGER_MALFORMED, NULL },
    { "%ff=1", LEDGER_MALFORMED, NULL },
    { "%ff=", LEDGER_MALFORMED, NULL },
};


/*
 * Names of RFC 6749, 7009, 7523, 7636, 7662, 8628, 8693, 8707, 9126, 9396,
 * 9449, OpenID Connect, CIBA, UMA, and of the providers that have presets.
 */

static const char *const  secrets[] = {
    "access_token", "refresh_token", "id_token", "code", "client_secret",
    "password", "assertion", "client_assertion", "subject_token",
    "actor_token", "device_code", "user_code", "code_verifier", "token",
    "id_token_hint", "login_hint_token", "auth_req_id", "request",
    "request_uri", "client_notification_token", "ticket", "pct", "rpt",
    "claim_token", "requested_token", "software_statement",
    "registration_access_token", "bot_token", "bot_access_token",
    "page_token", "session_id", "sid", "sessionId", "signature", "api_key",
    "apikey", "private_key", "jwt", "saml_assertion", "SAMLResponse",
    "mfa_token", "otp", "oob_code", "binding_code", "passcode", "pin",
    "accessToken", "refreshToken", "idToken", "ACCESS-TOKEN", "Access.Token",
    "full_token", "incoming_webhook", "authorization", "oauth_token",
    "AUTHORIZATION", "token_secret",
    "credentials", "cookie", "sso_token", "long_lived_token",
    "expired_access_token", "securityToken", "user_password", "passwd",
};

static const char *const  no_secrets[] = {
    "grant_type", "token_type", "issued_token_type", "subject_token_type",
    "actor_token_type", "requested_token_type", "client_assertion_type",
    "token_type_hint", "response_type", "client_id", "scope", "state",
    "redirect_uri", "username", "resource", "audience", "expires_in",
    "ext_expires_in", "refresh_expires_in", "refresh_token_expires_in",
    "x_refresh_token_expires_in", "access_token_expires_at",
    "accessTokenExpiresIn", "refresh_token_expiry", "token_lifetime",
    "refresh_token_ttl", "token_endpoint_auth_method",
    "code_challenge_method", "claim_token_format", "error",
    "error_description", "error_uri", "error_code", "error_codes",
    "errorCode", "statusCode", "interval", "verification_uri",
    "verification_uri_complete", "login_hint", "binding_message",
    "acr_values", "requested_expiry", "dpop_jkt", "authorization_details",
    "nonce", "iss", "sub", "aud", "exp", "iat", "azp", "email", "name", "oid",
    "tid", "hd", "upn", "preferred_username", "id", "instance_url",
    "issued_at", "account_id", "index", "realmId", "realmid", "hub_id",
    "user_id", "team", "enterprise", "authed_user", "app_id", "api_url",
    "api_domain", "xero_userid", "tenant_id", "shop", "box_subject_id",
    "box_subject_type", "ok", "not-before-policy", "active", "org_id",
};


/* how often jansson may still allocate */

static size_t  allowance;
static unsigned  once;                   /* and only one fails */


static ledger_slice_t
slice(const char *text)
{
    return (ledger_slice_t) { (const unsigned char *) text, strlen(text) };
}


/* As ledger_message_form(), of a copy that ASan guards on both ends. */

static ledger_rc_t
form(const char *text, size_t len, json_t *message, ledger_slice_t *name)
{
    ledger_rc_t     rc;
    unsigned char  *copy;

    copy = malloc(len + 1);
    assert_non_null(copy);
    memcpy(copy + 1, text, len);

    rc = ledger_message_form((ledger_slice_t) { copy + 1, len }, message,
                             name);

    if (rc == LEDGER_REPEATED && name != NULL) {
        name->data = (const unsigned char *) text + (name->data - copy - 1);
    }

    free(copy);

    return rc;
}


static json_t *
message_of(const char *json)
{
    json_t  *message;

    message = json_object();
    assert_non_null(message);
    assert_int_equal(ledger_message_json(slice(json), 1, message), LEDGER_OK);

    return message;
}


static void
assert_json(const json_t *message, const char *json)
{
    char    *text;
    size_t   len;

    assert_int_equal(ledger_message_write_json(message, &text, &len),
                     LEDGER_OK);
    assert_int_equal(len, strlen(json));
    assert_memory_equal(text, json, len);
    free(text);
}


static void
test_forms(void **state)
{
    size_t          i;
    json_t         *message;
    ledger_rc_t     rc;
    ledger_slice_t  name;

    (void) state;

    for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        message = json_object();

        rc = form(forms[i].text, strlen(forms[i].text), message, &name);

        if (rc != forms[i].rc) {
            fail_msg("\"%s\": %d", forms[i].text, rc);
        }

        if (rc == LEDGER_OK) {
            assert_json(message, forms[i].result);
        }

        if (rc == LEDGER_REPEATED) {
            assert_int_equal(name.len, strlen(forms[i].result));
            assert_memory_equal(name.data, forms[i].result, name.len);
        }

        json_decref(message);
    }

    print_message("# %zu forms\n", i);
}


static void
test_form_on_a_message(void **state)
{
    json_t          *message;
    ledger_slice_t   name;

    (void) state;

    message = json_object();
    assert_int_equal(form("a=1&resource=x", 14, message, NULL), LEDGER_OK);
    assert_int_equal(form("b=2&resource=y", 14, message, NULL), LEDGER_OK);
    assert_json(message,
                "{\"a\":\"1\",\"resource\":[\"x\",\"y\"],\"b\":\"2\"}");

    assert_int_equal(form("c=3&a=1", 7, message, &name), LEDGER_REPEATED);
    assert_int_equal(form("a=", 2, message, NULL), LEDGER_REPEATED);
    json_decref(message);

    /* a resource that is no string is nothing to add to */
    message = message_of("{\"resource\":{}}");
    assert_int_equal(form("resource=y", 10, message, NULL), LEDGER_REPEATED);
    json_decref(message);

    message = json_object();
    assert_int_equal(ledger_message_form((ledger_slice_t) { NULL, 0 },
                                         message, NULL),
                     LEDGER_OK);
    json_decref(message);
}


static void
test_form_members(void **state)
{
    char     text[(LEDGER_MEMBERS_MAX + 1) * 11];
    size_t   i, n;
    json_t  *message;

    (void) state;

    n = 0;

    for (i = 0; i < LEDGER_MEMBERS_MAX; i++) {
        n += (size_t) snprintf(text + n, sizeof(text) - n, "n%zu=1&", i);
    }

    message = json_object();
    assert_int_equal(form(text, n, message, NULL), LEDGER_OK);
    assert_int_equal(json_object_size(message), LEDGER_MEMBERS_MAX);

    /* what the message had before counts */
    assert_int_equal(form("x=1", 3, message, NULL), LEDGER_LIMIT);
    json_decref(message);

    /* and so does a member without a value */
    (void) snprintf(text + n, sizeof(text) - n, "x=");
    message = json_object();
    assert_int_equal(form(text, n + 2, message, NULL), LEDGER_LIMIT);
    json_decref(message);

    /* a member that may repeat counts each time */

    for (i = 0; i <= LEDGER_MEMBERS_MAX; i++) {
        memcpy(text + i * 11, "resource=1&", 11);
    }

    message = json_object();
    assert_int_equal(form(text, LEDGER_MEMBERS_MAX * 11, message, NULL),
                     LEDGER_OK);
    assert_int_equal(json_array_size(json_object_get(message, "resource")),
                     LEDGER_MEMBERS_MAX);
    json_decref(message);

    message = json_object();
    assert_int_equal(form(text, (LEDGER_MEMBERS_MAX + 1) * 11, message, NULL),
                     LEDGER_LIMIT);
    json_decref(message);
}


static void
test_form_cut_at_every_byte(void **state)
{
    size_t   n;
    json_t  *message;

    static const char  text[] =
        "grant_type=password&username=a%40b.c&password=%C3%A4+&resource=x"
        "&resource=y&empty=";

    (void) state;

    for (n = 0; n < sizeof(text); n++) {
        message = json_object();

        switch (form(text, n, message, NULL)) {
        case LEDGER_OK:
            break;
        case LEDGER_MALFORMED:
            assert_true((n > 30 && text[n - 1] == '%')
                        || (n > 30 && text[n - 2] == '%')
                        || text[n - 1] == '3');
            break;
        default:
            fail();
        }

        json_decref(message);
    }
}


static void
test_json_on_a_message(void **state)
{
    char     text[LEDGER_MEMBERS_MAX * 12 + 16];
    size_t   i, n;
    json_t  *message;

    (void) state;

    message = json_object();
    assert_int_equal(form("a=1", 3, message, NULL), LEDGER_OK);
    assert_int_equal(ledger_message_json(slice("{\"b\":2}"), 1, message),
                     LEDGER_OK);
    assert_json(message, "{\"a\":\"1\",\"b\":2}");
    assert_int_equal(ledger_message_json(slice("{\"a\":2}"), 0, message),
                     LEDGER_REPEATED);
    assert_int_equal(ledger_message_json(slice("{\"c\":1,\"c\":2}"), 1,
                                         message),
                     LEDGER_REPEATED);
    assert_int_equal(ledger_message_json(slice("[]"), 0, message),
                     LEDGER_MALFORMED);
    json_decref(message);

    n = 1;
    text[0] = '{';

    for (i = 0; i <= LEDGER_MEMBERS_MAX; i++) {
        n += (size_t) snprintf(text + n, sizeof(text) - n, "\"n%zu\":1,", i);
    }

    text[n - 1] = '}';
    message = json_object();
    assert_int_equal(ledger_message_json(slice(text), 1, message),
                     LEDGER_LIMIT);

    /* without the last member */
    *strrchr(text, ',') = '}';
    text[strcspn(text, "}") + 1] = '\0';
    assert_int_equal(ledger_message_json(slice(text), 1, message), LEDGER_OK);
    assert_int_equal(json_object_size(message), LEDGER_MEMBERS_MAX);
    assert_int_equal(ledger_message_json(slice("{\"x\":1}"), 1, message),
                     LEDGER_LIMIT);
    json_decref(message);
}


static void
jwt(const char *token, const char *json)
{
    json_t         *claims;
    size_t          len;
    ledger_rc_t     rc;
    unsigned char  *copy;

    len = strlen(token);
    copy = malloc(len + 1);
    assert_non_null(copy);
    memcpy(copy + 1, token, len);

    rc = ledger_message_jwt((ledger_slice_t) { copy + 1, len }, &claims);
    free(copy);

    if (json == NULL) {
        assert_int_equal(rc, LEDGER_MALFORMED);
        return;
    }

    assert_int_equal(rc, LEDGER_OK);
    assert_json(claims, json);
    json_decref(claims);
}


static void
test_jwt(void **state)
{
    (void) state;

    /* RFC 7519, 3.1 */
    jwt("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9"
        ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
        "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
        ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
        "{\"iss\":\"joe\",\"exp\":1300819380,"
        "\"http://example.com/is_root\":true}");

    /* RFC 7519, 6.1: no signature */
    jwt("eyJhbGciOiJub25lIn0"
        ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
        "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ.",
        "{\"iss\":\"joe\",\"exp\":1300819380,"
        "\"http://example.com/is_root\":true}");

    jwt("e30.e30.e30", "{}");
    jwt("e30=.e30=.e30=", "{}");
    jwt("e30.eyJhIjoxLCJhIjoyfQ.e30", "{\"a\":2}");

    jwt("", NULL);
    jwt(".", NULL);
    jwt("..", NULL);
    jwt("e30", NULL);
    jwt("e30.e30", NULL);
    jwt(".e30.e30", NULL);
    jwt("e30..e30", NULL);
    jwt("e30.e30.e30.e30", NULL);
    jwt("e30.e30.e30.e30.e30", NULL);
    jwt("e30.W10.e30", NULL);                    /* [] */
    jwt("e30.e3.e30", NULL);
    jwt("e30.e31.e30", NULL);
    jwt("e30.e30.e3$", NULL);
    jwt("$.e30.e30", NULL);
    jwt("e30.e30+.e30", NULL);
    jwt("e30.e30 .e30", NULL);
    jwt("e30.eyJhIjoiXHUwMDAwIn0.e30", NULL);    /* {"a":"\u0000"} */
}


/* A token whose claims are "n" members; its length. */

static size_t
jwt_of_members(unsigned n, char *text)
{
    char      claims[LEDGER_TOKEN_TEXT_MAX / 2];
    size_t    len, end;
    unsigned  i;

    len = 0;

    for (i = 0; i < n; i++) {
        len += (size_t) snprintf(claims + len, sizeof(claims) - len,
                                 "%c\"n%u\":1", i == 0 ? '{' : ',', i);
    }

    claims[len++] = '}';

    /* ASCII has no byte that base64 writes as '+' or '/' here */

    memcpy(text, "e30.", 4);
    end = 4 + (size_t) EVP_EncodeBlock((unsigned char *) text + 4,
                                       (unsigned char *) claims, (int) len);
    memcpy(text + end, ".e30", 4);

    return end + 4;
}


/* The first part, by the same grammar; but there a name stands once. */

static void
test_jose(void **state)
{
    json_t  *header;

    (void) state;

    assert_int_equal(ledger_message_jose(slice("eyJhIjoxfQ.eyJhIjoyfQ."),
                                         &header),
                     LEDGER_OK);
    assert_json(header, "{\"a\":1}");
    json_decref(header);

    /* {"a":1,"a":2} */
    assert_int_equal(ledger_message_jose(slice("eyJhIjoxLCJhIjoyfQ.e30.e30"),
                                         &header),
                     LEDGER_REPEATED);

    assert_int_equal(ledger_message_jose(slice("W10.e30.e30"), &header),
                     LEDGER_MALFORMED);
    assert_int_equal(ledger_message_jose(slice("e30.$.e30"), &header),
                     LEDGER_MALFORMED);
    assert_int_equal(ledger_message_jose(slice("e30.e30.$"), &header),
                     LEDGER_MALFORMED);
    assert_int_equal(ledger_message_jose(slice("e30.e30"), &header),
                     LEDGER_MALFORMED);
}


static void
test_jwt_bounds(void **state)
{
    char            text[LEDGER_TOKEN_TEXT_MAX + 1];
    json_t         *claims;
    ledger_slice_t  token;

    (void) state;

    /* a signature that fills it up; "A" pads to a length that can be */

    memset(text, 'A', sizeof(text));
    memcpy(text, "e30.e30.", 8);
    token.data = (unsigned char *) text;

    token.len = LEDGER_TOKEN_TEXT_MAX;
    assert_int_equal(ledger_message_jwt(token, &claims), LEDGER_OK);
    assert_int_equal(json_object_size(claims), 0);
    json_decref(claims);

    token.len = LEDGER_TOKEN_TEXT_MAX + 1;
    assert_int_equal(ledger_message_jwt(token, &claims), LEDGER_LIMIT);

    token.len = jwt_of_members(LEDGER_MEMBERS_MAX, text);
    assert_int_equal(ledger_message_jwt(token, &claims), LEDGER_OK);
    assert_int_equal(json_object_size(claims), LEDGER_MEMBERS_MAX);
    json_decref(claims);

    token.len = jwt_of_members(LEDGER_MEMBERS_MAX + 1, text);
    assert_int_equal(ledger_message_jwt(token, &claims), LEDGER_LIMIT);

    assert_int_equal(ledger_message_jwt((ledger_slice_t) { NULL, 0 },
                                        &claims),
                     LEDGER_MALFORMED);
}


static void
test_jwt_cut_at_every_byte(void **state)
{
    size_t       n;
    json_t      *claims;
    ledger_rc_t  rc;

    static const unsigned char  text[] = "e30.eyJhIjoxfQ.e30";

    (void) state;

    for (n = 0; n < sizeof(text); n++) {
        rc = ledger_message_jwt((ledger_slice_t) { text, n }, &claims);

        if (rc == LEDGER_OK) {
            assert_json(claims, "{\"a\":1}");
            json_decref(claims);
        }

        assert_int_equal(rc == LEDGER_OK, n == 15 || n == 18);
    }
}


static void
pointer(const json_t *message, const char *path, ledger_rc_t want,
    const char *text)
{
    char            buf[LEDGER_SCALAR_MAX];
    size_t          len;
    ledger_rc_t     rc;
    unsigned char  *copy;
    ledger_slice_t  value;

    len = strlen(path);
    copy = malloc(len + 1);
    assert_non_null(copy);
    memcpy(copy + 1, path, len);

    rc = ledger_message_pointer(message, (ledger_slice_t) { copy + 1, len },
                                buf, &value);

    free(copy);

    if (rc != want) {
        fail_msg("\"%s\": %d", path, rc);
    }

    if (rc == LEDGER_OK) {
        assert_int_equal(value.len, strlen(text));
        assert_memory_equal(value.data, text, value.len);
    }
}


static void
test_pointers(void **state)
{
    json_t  *message;

    (void) state;

    message = message_of(
        "{\"\":\"empty\",\"a\":{\"b\":[10,{\"c\":\"d\"},null]},\"x/y\":1,"
        "\"x~y\":2,\"~1\":3,\"0\":4,\"e\":{\"\":{\"\":5}},\"l\":[],\"s\":\"\","
        "\"n\":[0,1,2,3,4,5,6,7,8,9,10,11]}"
    );

    pointer(message, "", LEDGER_MALFORMED, NULL);
    pointer(message, "/", LEDGER_OK, "empty");
    pointer(message, "/a/b/0", LEDGER_OK, "10");
    pointer(message, "/a/b/1/c", LEDGER_OK, "d");
    pointer(message, "/x~1y", LEDGER_OK, "1");
    pointer(message, "/x~0y", LEDGER_OK, "2");
    pointer(message, "/~01", LEDGER_OK, "3");
    pointer(message, "/0", LEDGER_OK, "4");
    pointer(message, "/e//", LEDGER_OK, "5");
    pointer(message, "/s", LEDGER_OK, "");
    pointer(message, "/n/9", LEDGER_OK, "9");
    pointer(message, "/n/11", LEDGER_OK, "11");

    pointer(message, "/a", LEDGER_MALFORMED, NULL);
    pointer(message, "/a/b", LEDGER_MALFORMED, NULL);
    pointer(message, "/l", LEDGER_MALFORMED, NULL);
    pointer(message, "a", LEDGER_MALFORMED, NULL);
    pointer(message, "/x~2y", LEDGER_MALFORMED, NULL);
    pointer(message, "/x~", LEDGER_MALFORMED, NULL);

    pointer(message, "/b", LEDGER_NOT_FOUND, NULL);
    pointer(message, "/A", LEDGER_NOT_FOUND, NULL);
    pointer(message, "/a/", LEDGER_NOT_FOUND, NULL);
    pointer(message, "/a/b/2", LEDGER_NOT_FOUND, NULL);
    pointer(message, "/a/b/3", LEDGER_NOT_FOUND, NULL);
    pointer(message, "/a/b/-", LEDGER_NOT_FOUND, NULL);
    pointer(message, "/a/b/-1", LEDGER_NOT_FOUND, NULL);
    pointer(message, "/a/b/00", LEDGER_NOT_FOUND, NULL);
    pointer(message, "/a/b/01", LEDGER_NOT_FOUND, NULL);
    pointer(message, "/a/b/0x", LEDGER_NOT_FOUND, NULL);
    pointer(message, "/a/b/", LEDGER_NOT_FOUND, NULL);
    pointer(message, "/a/b/999999999", LEDGER_NOT_FOUND, NULL);
    pointer(message, "/a/b/18446744073709551616", LEDGER_NOT_FOUND, NULL);
    pointer(message, "/a/b/0/c", LEDGER_NOT_FOUND, NULL);
    pointer(message, "/n/12", LEDGER_NOT_FOUND, NULL);
    pointer(message, "/n/:", LEDGER_NOT_FOUND, NULL);
    pointer(message, "/n/1.", LEDGER_NOT_FOUND, NULL);
    pointer(message, "/x/y", LEDGER_NOT_FOUND, NULL);
    pointer(message, "/e", LEDGER_MALFORMED, NULL);
    pointer(message, "/e/", LEDGER_MALFORMED, NULL);

    json_decref(message);
}


static void
test_pointers_valid(void **state)
{
    (void) state;

    assert_true(ledger_message_pointer_valid(slice("")));
    assert_true(ledger_message_pointer_valid(slice("/")));
    assert_true(ledger_message_pointer_valid(slice("/a~0~1/b")));
    assert_false(ledger_message_pointer_valid(slice("a")));
    assert_false(ledger_message_pointer_valid(slice("#/a")));
    assert_false(ledger_message_pointer_valid(slice("/~")));
    assert_false(ledger_message_pointer_valid(slice("/~/a")));
    assert_false(ledger_message_pointer_valid(slice("/~2")));
}


static void
member(const char *json, ledger_rc_t want, const char *text)
{
    char            buf[LEDGER_SCALAR_MAX];
    json_t         *message;
    ledger_slice_t  value;

    message = message_of(json);

    assert_int_equal(ledger_message_member(message, slice("a"), buf, &value),
                     want);

    if (want == LEDGER_OK) {
        assert_int_equal(value.len, strlen(text));
        assert_memory_equal(value.data, text, value.len);
    }

    json_decref(message);
}


static void
test_members(void **state)
{
    char             buf[LEDGER_SCALAR_MAX];
    json_t          *message;
    ledger_slice_t   value;

    (void) state;

    member("{\"b\":\"1\",\"a\":\"2\"}", LEDGER_OK, "2");
    member("{\"a\":\"\"}", LEDGER_OK, "");
    member("{\"a\":0}", LEDGER_OK, "0");
    member("{\"a\":-9223372036854775808}", LEDGER_OK,
           "-9223372036854775808");
    member("{\"a\":18446744073709551615}", LEDGER_OK,
           "18446744073709551615");
    member("{\"a\":3600.0}", LEDGER_OK, "3600");
    member("{\"a\":1.5}", LEDGER_OK, "1.5");
    member("{\"a\":0.1}", LEDGER_OK, "0.1");
    member("{\"a\":1699999999999.25}", LEDGER_OK, "1699999999999.25");
    member("{\"a\":9007199254740993.0}", LEDGER_OK, "9007199254740992");
    member("{\"a\":-2.2250738585072014e-308}", LEDGER_OK,
           "-2.2250738585072014e-308");
    member("{\"a\":true}", LEDGER_OK, "true");
    member("{\"a\":false}", LEDGER_OK, "false");
    member("{\"a\":null}", LEDGER_NOT_FOUND, NULL);
    member("{\"a\":[]}", LEDGER_MALFORMED, NULL);
    member("{\"a\":{}}", LEDGER_MALFORMED, NULL);
    member("{\"A\":1,\"aa\":1,\"\":1}", LEDGER_NOT_FOUND, NULL);
    member("{}", LEDGER_NOT_FOUND, NULL);

    /* a name is no pointer */
    message = message_of("{\"x~0/y\":1}");
    assert_int_equal(ledger_message_member(message, slice("x~0/y"), buf,
                                           &value),
                     LEDGER_OK);
    assert_int_equal(ledger_message_member(message,
                                           (ledger_slice_t) { NULL, 0 }, buf,
                                           &value),
                     LEDGER_NOT_FOUND);
    json_decref(message);
}


static void
test_replace(void **state)
{
    json_t  *message;

    (void) state;

    message = message_of("{\"a\":1,\"b\":[2]}");

    assert_int_equal(ledger_message_replace(message, slice("a"), slice("x")),
                     LEDGER_OK);
    assert_int_equal(ledger_message_replace(message, slice("b"), slice("")),
                     LEDGER_OK);
    assert_int_equal(ledger_message_replace(message, slice("c"),
                                            slice("\xc3\xa4\"")),
                     LEDGER_OK);
    assert_json(message,
                "{\"a\":\"x\",\"b\":\"\",\"c\":\"\xc3\xa4\\\"\"}");

    assert_int_equal(ledger_message_replace(message, slice("a"),
                                            slice("\xff")),
                     LEDGER_MALFORMED);
    assert_int_equal(ledger_message_replace(message, slice("\xff"),
                                            slice("a")),
                     LEDGER_MALFORMED);
    assert_int_equal(ledger_message_replace(message, slice("a"),
                                            ledger_slice("x\0y")),
                     LEDGER_MALFORMED);
    assert_int_equal(ledger_message_replace(message, ledger_slice("a\0b"),
                                            slice("x")),
                     LEDGER_MALFORMED);
    assert_json(message,
                "{\"a\":\"x\",\"b\":\"\",\"c\":\"\xc3\xa4\\\"\"}");

    json_decref(message);
}


static void
written(const char *json, const char *want)
{
    char         *text;
    size_t        len;
    json_t       *message;
    ledger_rc_t   rc;

    message = message_of(json);
    rc = ledger_message_write_form(message, &text, &len);
    json_decref(message);

    if (want == NULL) {
        assert_int_equal(rc, LEDGER_MALFORMED);
        return;
    }

    assert_int_equal(rc, LEDGER_OK);
    assert_int_equal(len, strlen(want));
    assert_memory_equal(text, want, len);
    free(text);
}


static void
test_write_form(void **state)
{
    (void) state;

    written("{}", "");
    written("{\"a\":\"1\",\"b\":\"x y\"}", "a=1&b=x+y");
    written("{\"a&b\":\"=&+%~\xc3\xa4\"}",
            "a%26b=%3D%26%2B%25~%C3%A4");
    written("{\"a\":1,\"b\":true,\"c\":null,\"d\":0.5,\"e\":\"\"}",
            "a=1&b=true&d=0.5&e=");
    written("{\"c\":null,\"a\":1}", "a=1");
    written("{\"resource\":[\"x\",\"y\"],\"a\":[]}",
            "resource=x&resource=y");
    written("{\"a\":{}}", NULL);
    written("{\"a\":1,\"b\":[{}]}", NULL);
    written("{\"a\":[[]]}", NULL);
}


/* Every byte but NUL: what RFC 3986 reserves nowhere stays, ' ' is '+'. */

static void
test_write_form_bytes(void **state)
{
    char      want[8], json[16], *text;
    size_t    len;
    json_t   *message;
    unsigned  c;

    static const char  unreserved[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

    (void) state;

    for (c = 1; c < 0x80; c++) {
        (void) snprintf(json, sizeof(json), "{\"\":\"\\u%04x\"}", c);
        (void) snprintf(want, sizeof(want),
                        c == ' ' ? "=+"
                                 : strchr(unreserved, (int) c) ? "=%c"
                                                               : "=%%%02X",
                        c);

        message = message_of(json);
        assert_int_equal(ledger_message_write_form(message, &text, &len),
                         LEDGER_OK);
        assert_int_equal(len, strlen(want));
        assert_memory_equal(text, want, len);

        free(text);
        json_decref(message);
    }
}


/* A form that was read and written reads the same. */

static void
test_form_round_trip(void **state)
{
    char     *text;
    size_t    i, len;
    json_t   *message, *again;

    (void) state;

    for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        if (forms[i].rc != LEDGER_OK) {
            continue;
        }

        message = json_object();
        again = json_object();

        assert_int_equal(ledger_message_form(slice(forms[i].text), message,
                                             NULL),
                         LEDGER_OK);
        assert_int_equal(ledger_message_write_form(message, &text, &len),
                         LEDGER_OK);
        assert_int_equal(form(text, len, again, NULL), LEDGER_OK);
        assert_true(json_equal(message, again));

        free(text);
        json_decref(message);
        json_decref(again);
    }
}


static void *
scarce_malloc(size_t size)
{
    if (allowance == 0) {
        allowance = once ? SIZE_MAX : 0;
        return NULL;
    }

    allowance--;

    return malloc(size);
}


static ledger_rc_t
form_and_replace(json_t *message)
{
    ledger_rc_t  rc;

    rc = form("a=1&b=&resource=x&resource=y&resource=z", 39, message, NULL);
    if (rc != LEDGER_OK) {
        return rc;
    }

    return ledger_message_replace(message, slice("a"), slice("2"));
}


/* From the n-th allocation on jansson gets no memory, for each n. */

static void
test_no_memory(void **state)
{
    json_t       *message;
    size_t        n;
    ledger_rc_t   rc;

    (void) state;

    rc = LEDGER_NOMEM;

    for (n = 0; rc != LEDGER_OK; n++) {
        message = json_object();
        assert_non_null(message);

        allowance = n;
        json_set_alloc_funcs(scarce_malloc, free);

        rc = form_and_replace(message);

        json_set_alloc_funcs(malloc, free);

        assert_true(rc == LEDGER_OK || rc == LEDGER_NOMEM);
        json_decref(message);
    }

    assert_in_range(n, 10, 1000);
    print_message("# %zu allocations\n", n);
}


/*
 * The n-th allocation of jansson's parser fails, and all behind it, or that
 * one alone, for each n: it loses a byte of a string then and goes on.
 */

static void
test_no_memory_for_json(void **state)
{
    json_t       *message;
    size_t        n;
    ledger_rc_t   rc;

    static const char  text[] =
        "{\"access_token\": \"0123456789abcdefghijklmnopqrstuvwxyz\","
        " \"list\": [1, true, null, {\"a\": 0.5}], \"b\": \"\\u00e4\"}";

    (void) state;

    for (once = 0; once < 2; once++) {
        rc = LEDGER_NOMEM;

        for (n = 0; rc != LEDGER_OK; n++) {
            message = json_object();
            assert_non_null(message);

            allowance = n;
            json_set_alloc_funcs(scarce_malloc, free);

            rc = ledger_message_json(slice(text), 0, message);

            json_set_alloc_funcs(malloc, free);

            assert_true(rc == LEDGER_OK || rc == LEDGER_NOMEM);
            json_decref(message);
        }

        assert_in_range(n, 10, 1000);
        print_message("# %zu allocations\n", n);
    }

    once = 0;
}


/*
 * The same for tokens whose last byte, or the one behind them, is where
 * jansson's buffer of 16, 32 or 64 bytes must grow: to miss that byte alone
 * is a failed assertion, or a string without an end.
 */

static void
test_no_memory_at_a_bound(void **state)
{
    int                  len;
    char                 text[128];
    json_t              *message;
    size_t               i, n;
    ledger_rc_t          rc;

    static const char   *forms[] = {
        "{\"a\": \"%.*s\"}",
        "{\"a\": 1%.*s}",
        "{\"a\": -1%.*s}",
        "{\"a\": 0.%.*s, \"b\": 1}",
        "{\"a\": 1.%.*se7}",
        "{\"a\": 0.%.*se-7}",
        "{\"a\": \"%.*s\\u00e4\"}",
        "{\"a\": \"%.*s\t\"}",
        "{\"a\": \"%.*s",
        "{\"a\": e%.*s}",
        "{\"a\": x%.*s}"
    };

    static const char    digits[] =
        "1234567890123456789012345678901234567890123456789012345678901234567";

    (void) state;

    for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        for (len = 1; len < (int) sizeof(digits); len++) {
            for (once = 0; once < 2; once++) {

                (void) snprintf(text, sizeof(text), forms[i], len, digits);

                rc = LEDGER_NOMEM;

                for (n = 0; rc == LEDGER_NOMEM; n++) {
                    message = json_object();
                    assert_non_null(message);

                    allowance = n;
                    json_set_alloc_funcs(scarce_malloc, free);

                    rc = ledger_message_json(slice(text), 0, message);

                    json_set_alloc_funcs(malloc, free);
                    json_decref(message);

                    assert_in_range(n, 0, 1000);
                }

                assert_true(rc == LEDGER_OK || rc == LEDGER_MALFORMED);
                assert_int_equal(rc == LEDGER_OK, i < 7);
            }
        }
    }

    once = 0;
}


static void
test_secrets(void **state)
{
    char    name[130];
    size_t  i, n;

    (void) state;

    for (i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
        if (!ledger_message_is_secret(slice(secrets[i]))) {
            fail_msg("\"%s\" is a secret", secrets[i]);
        }
    }

    n = sizeof(no_secrets) / sizeof(no_secrets[0]);

    for (i = 0; i < n; i++) {
        if (ledger_message_is_secret(slice(no_secrets[i]))) {
            fail_msg("\"%s\" is no secret", no_secrets[i]);
        }
    }

    /* a name too long to look at */
    memset(name, 'x', sizeof(name));
    name[129] = '\0';
    assert_true(ledger_message_is_secret(slice(name)));
    name[128] = '\0';
    assert_false(ledger_message_is_secret(slice(name)));
    assert_false(ledger_message_is_secret((ledger_slice_t) { NULL, 0 }));

    print_message("# %zu names\n",
                  n + sizeof(secrets) / sizeof(secrets[0]));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_form_on_a_message),
        cmocka_unit_test(test_form_members),
        cmocka_unit_test(test_form_cut_at_every_byte),
        cmocka_unit_test(test_json_on_a_message),
        cmocka_unit_test(test_jwt),
        cmocka_unit_test(test_jose),
        cmocka_unit_test(test_jwt_bounds),
        cmocka_unit_test(test_jwt_cut_at_every_byte),
        cmocka_unit_test(test_pointers),
        cmocka_unit_test(test_pointers_valid),
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_replace),
        cmocka_unit_test(test_write_form),
        cmocka_unit_test(test_write_form_bytes),
        cmocka_unit_test(test_form_round_trip),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_no_memory_for_json),
        cmocka_unit_test(test_no_memory_at_a_bound),
        cmocka_unit_test(test_secrets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
