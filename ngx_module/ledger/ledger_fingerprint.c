
/*
 * Copyright (C) The OAuth gateway authors
 */

#include "ledger_fingerprint.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "ledger_credential.h"
#include "ledger_cursor.h"
#include "ledger_keyring_private.h"
#include "ledger_message.h"
#include "ledger_thumbprint.h"


#define LEDGER_FINGERPRINT_HASH    32

/* Each part is preceded by its length. */
#define LEDGER_FINGERPRINT_LENGTH  8

/* Equal values have one text; a value need be no object. */
#define LEDGER_FINGERPRINT_JSON                                               \
    (JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY)


/* HKDF's info */

#define LEDGER_FINGERPRINT_KEY  "oauth-gateway request fingerprint"


static EVP_MAC_CTX *ledger_fingerprint_mac(
    const unsigned char key[LEDGER_KEY_SIZE]);
static ledger_rc_t ledger_fingerprint_both(EVP_MAC_CTX *mac,
    const ledger_fingerprint_request_t *request, ledger_fingerprint_t *whole,
    ledger_fingerprint_t *client);
static ledger_rc_t ledger_fingerprint_whole(EVP_MAC_CTX *mac,
    const ledger_fingerprint_request_t *request);
static ledger_rc_t ledger_fingerprint_client(EVP_MAC_CTX *mac,
    const ledger_fingerprint_request_t *request);
static ledger_rc_t ledger_fingerprint_credentials(EVP_MAC_CTX *mac,
    const ledger_fingerprint_request_t *request);
static int ledger_fingerprint_pair(
    const ledger_fingerprint_request_t *request, unsigned char *text,
    ledger_slice_t *id, ledger_slice_t *secret);
static int ledger_fingerprint_text(const json_t *value,
    ledger_slice_t *text);
static ledger_rc_t ledger_fingerprint_dpop(EVP_MAC_CTX *mac,
    ledger_slice_t dpop);
static ledger_rc_t ledger_fingerprint_assertion(EVP_MAC_CTX *mac,
    const json_t *assertion);
static ledger_rc_t ledger_fingerprint_claims(EVP_MAC_CTX *mac,
    const json_t *claims);
static ledger_rc_t ledger_fingerprint_members(EVP_MAC_CTX *mac,
    const json_t *message, const char *const *names);
static ledger_rc_t ledger_fingerprint_json(EVP_MAC_CTX *mac,
    const json_t *value);
static int ledger_fingerprint_dump(const char *text, size_t len, void *mac);
static ledger_rc_t ledger_fingerprint_part(EVP_MAC_CTX *mac,
    ledger_slice_t part);
static ledger_rc_t ledger_fingerprint_length(EVP_MAC_CTX *mac, size_t len);
static ledger_rc_t ledger_fingerprint_final(EVP_MAC_CTX *mac,
    ledger_fingerprint_t *fingerprint);


static const char *const  ledger_fingerprint_whole_members[] = {
    "client_id", "client_secret", "client_assertion_type", "client_assertion",
    "scope", "resource", "audience", NULL
};


static const char *const  ledger_fingerprint_client_members[] = {
    "client_id", "client_secret", NULL
};


ledger_rc_t
ledger_fingerprint(const ledger_keyring_t *ring, uint32_t key,
    const ledger_fingerprint_request_t *request, ledger_fingerprint_t *whole,
    ledger_fingerprint_t *client)
{
    EVP_MAC_CTX     *mac;
    ledger_rc_t      rc;
    ledger_slice_t   secret;
    unsigned char    derived[LEDGER_KEY_SIZE];

    rc = ledger_keyring_secret(ring, &key, &secret);
    if (rc != LEDGER_OK) {
        return rc;
    }

    rc = ledger_keyring_hkdf(secret, (ledger_slice_t) { NULL, 0 },
                             LEDGER_FINGERPRINT_KEY, derived);
    if (rc != LEDGER_OK) {
        return rc;
    }

    mac = ledger_fingerprint_mac(derived);

    OPENSSL_cleanse(derived, sizeof(derived));

    if (mac == NULL) {
        return LEDGER_NOMEM;
    }

    rc = ledger_fingerprint_both(mac, request, whole, client);

    EVP_MAC_CTX_free(mac);

    return rc;
}


static EVP_MAC_CTX *
ledger_fingerprint_mac(const unsigned char key[LEDGER_KEY_SIZE])
{
    EVP_MAC      *hmac;
    OSSL_PARAM    params[2];
    EVP_MAC_CTX  *mac;

    hmac = EVP_MAC_fetch(NULL, OSSL_MAC_NAME_HMAC, NULL);
    mac = EVP_MAC_CTX_new(hmac);
    EVP_MAC_free(hmac);

    if (mac == NULL) {
        return NULL;
    }

    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST,
                                                 "SHA256", 0);
    params[1] = OSSL_PARAM_construct_end();

    if (!EVP_MAC_init(mac, key, LEDGER_KEY_SIZE, params)) {
        EVP_MAC_CTX_free(mac);
        return NULL;
    }

    return mac;
}


static ledger_rc_t
ledger_fingerprint_both(EVP_MAC_CTX *mac,
    const ledger_fingerprint_request_t *request, ledger_fingerprint_t *whole,
    ledger_fingerprint_t *client)
{
    ledger_rc_t  rc;

    rc = ledger_fingerprint_whole(mac, request);

    if (rc == LEDGER_OK) {
        rc = ledger_fingerprint_final(mac, whole);
    }

    if (rc == LEDGER_OK) {
        rc = ledger_fingerprint_client(mac, request);
    }

    if (rc == LEDGER_OK) {
        rc = ledger_fingerprint_final(mac, client);
    }

    return rc;
}


static ledger_rc_t
ledger_fingerprint_whole(EVP_MAC_CTX *mac,
    const ledger_fingerprint_request_t *request)
{
    ledger_rc_t  rc;

    rc = ledger_fingerprint_part(mac, ledger_slice("request"));

    if (rc == LEDGER_OK) {
        rc = ledger_fingerprint_part(mac, request->provider);
    }

    if (rc == LEDGER_OK) {
        rc = ledger_fingerprint_part(mac, request->path);
    }

    if (rc == LEDGER_OK) {
        rc = ledger_fingerprint_part(mac, request->authorization);
    }

    if (rc == LEDGER_OK) {
        rc = ledger_fingerprint_members(mac, request->message,
                                        ledger_fingerprint_whole_members);
    }

    if (rc == LEDGER_OK) {
        rc = ledger_fingerprint_dpop(mac, request->dpop);
    }

    return rc;
}


static ledger_rc_t
ledger_fingerprint_client(EVP_MAC_CTX *mac,
    const ledger_fingerprint_request_t *request)
{
    ledger_rc_t     rc;
    ledger_slice_t  id, secret;
    unsigned char   text[LEDGER_CREDENTIAL_TEXT_MAX];

    if (ledger_fingerprint_pair(request, text, &id, &secret)) {

        rc = ledger_fingerprint_part(mac, ledger_slice("client secret"));

        if (rc == LEDGER_OK) {
            rc = ledger_fingerprint_part(mac, id);
        }

        if (rc == LEDGER_OK) {
            rc = ledger_fingerprint_part(mac, secret);
        }

    } else {
        rc = ledger_fingerprint_credentials(mac, request);
    }

    OPENSSL_cleanse(text, sizeof(text));

    if (rc == LEDGER_OK) {
        rc = ledger_fingerprint_assertion(mac,
                                          json_object_get(request->message,
                                                          "client_assertion"));
    }

    return rc;
}


static ledger_rc_t
ledger_fingerprint_credentials(EVP_MAC_CTX *mac,
    const ledger_fingerprint_request_t *request)
{
    ledger_rc_t  rc;

    rc = ledger_fingerprint_part(mac, ledger_slice("client"));

    if (rc == LEDGER_OK) {
        rc = ledger_fingerprint_part(mac, request->authorization);
    }

    return rc == LEDGER_OK
           ? ledger_fingerprint_members(mac, request->message,
                                        ledger_fingerprint_client_members)
           : rc;
}


/* A client's id and secret, if it is certain that there is one of each. */

static int
ledger_fingerprint_pair(const ledger_fingerprint_request_t *request,
    unsigned char *text, ledger_slice_t *id, ledger_slice_t *secret)
{
    int             named, shown;
    ledger_slice_t  name;

    name = ledger_slice("");
    *secret = name;

    named = ledger_fingerprint_text(json_object_get(request->message,
                                                    "client_id"), &name);
    shown = ledger_fingerprint_text(json_object_get(request->message,
                                                    "client_secret"), secret);

    if (request->authorization.len == 0) {
        *id = name;
        return named == 1 && shown == 1;
    }

    return shown == 0
           && ledger_credential_pair(request->authorization, text, id, secret)
              == LEDGER_OK
           && id->len && secret->len
           && (named == 0
               || (named == 1 && id->len == name.len
                   && memcmp(id->data, name.data, name.len) == 0));
}


/* 1: *text is the value; 0: there is none; -1: it is no text, or empty. */

static int
ledger_fingerprint_text(const json_t *value, ledger_slice_t *text)
{
    if (value == NULL) {
        return 0;
    }

    if (!json_is_string(value) || json_string_length(value) == 0) {
        return -1;
    }

    text->data = (const unsigned char *) json_string_value(value);
    text->len = json_string_length(value);

    return 1;
}


/*
 * Two parts: what the second one is, and that; or two empty ones.  The word
 * keeps a text that looks like a thumbprint apart from the thumbprint.
 */

static ledger_rc_t
ledger_fingerprint_dpop(EVP_MAC_CTX *mac, ledger_slice_t dpop)
{
    ledger_rc_t     rc;
    ledger_slice_t  kind, value;
    unsigned char   thumbprint[LEDGER_THUMBPRINT_SIZE];

    kind = ledger_slice("");
    value = dpop;

    if (dpop.len > 0) {
        kind = ledger_slice("text");

        rc = ledger_thumbprint_proof(dpop, thumbprint);

        if (rc == LEDGER_NOMEM) {
            return rc;
        }

        if (rc == LEDGER_OK) {
            kind = ledger_slice("thumbprint");
            value = (ledger_slice_t) { thumbprint, sizeof(thumbprint) };
        }
    }

    rc = ledger_fingerprint_part(mac, kind);

    return rc == LEDGER_OK ? ledger_fingerprint_part(mac, value) : rc;
}


/* "claims", issuer and subject; or "text" and the value; or nothing. */

static ledger_rc_t
ledger_fingerprint_assertion(EVP_MAC_CTX *mac, const json_t *assertion)
{
    json_t          *claims;
    ledger_rc_t      rc;
    ledger_slice_t   token;

    if (json_is_string(assertion)) {
        token.data = (const unsigned char *) json_string_value(assertion);
        token.len = json_string_length(assertion);

        rc = ledger_message_jwt(token, &claims);

        if (rc == LEDGER_OK) {
            rc = ledger_fingerprint_claims(mac, claims);
            json_decref(claims);
        }

        if (rc == LEDGER_OK || rc == LEDGER_NOMEM) {
            return rc;
        }
    }

    rc = ledger_fingerprint_part(mac, assertion == NULL
                                      ? ledger_slice("")
                                      : ledger_slice("text"));

    return rc == LEDGER_OK ? ledger_fingerprint_json(mac, assertion) : rc;
}


/* LEDGER_NOT_FOUND, and nothing is added: the claims name no issuer. */

static ledger_rc_t
ledger_fingerprint_claims(EVP_MAC_CTX *mac, const json_t *claims)
{
    ledger_rc_t  rc;

    static const char *const  names[] = { "iss", "sub", NULL };

    if (!json_is_string(json_object_get(claims, "iss"))) {
        return LEDGER_NOT_FOUND;
    }

    rc = ledger_fingerprint_part(mac, ledger_slice("claims"));

    return rc == LEDGER_OK ? ledger_fingerprint_members(mac, claims, names)
                           : rc;
}


static ledger_rc_t
ledger_fingerprint_members(EVP_MAC_CTX *mac, const json_t *message,
    const char *const *names)
{
    ledger_rc_t  rc;

    rc = LEDGER_OK;

    while (*names != NULL && rc == LEDGER_OK) {
        rc = ledger_fingerprint_json(mac, json_object_get(message, *names));
        names++;
    }

    return rc;
}


/* A value by its JSON text; NULL is absent and empty, which no text is. */

static ledger_rc_t
ledger_fingerprint_json(EVP_MAC_CTX *mac, const json_t *value)
{
    size_t       len;
    ledger_rc_t  rc;

    if (value == NULL) {
        return ledger_fingerprint_length(mac, 0);
    }

    len = json_dumpb(value, NULL, 0, LEDGER_FINGERPRINT_JSON);
    if (len == 0) {
        return LEDGER_NOMEM;
    }

    rc = ledger_fingerprint_length(mac, len);
    if (rc != LEDGER_OK) {
        return rc;
    }

    /* written straight to the digest: no copy of a secret is left behind */

    return json_dump_callback(value, ledger_fingerprint_dump, mac,
                              LEDGER_FINGERPRINT_JSON)
           == 0 ? LEDGER_OK : LEDGER_NOMEM;
}


static int
ledger_fingerprint_dump(const char *text, size_t len, void *mac)
{
    return EVP_MAC_update(mac, (const unsigned char *) text, len) ? 0 : -1;
}


static ledger_rc_t
ledger_fingerprint_part(EVP_MAC_CTX *mac, ledger_slice_t part)
{
    ledger_rc_t  rc;

    rc = ledger_fingerprint_length(mac, part.len);
    if (rc != LEDGER_OK) {
        return rc;
    }

    return EVP_MAC_update(mac, part.data, part.len) ? LEDGER_OK
                                                    : LEDGER_NOMEM;
}


static ledger_rc_t
ledger_fingerprint_length(EVP_MAC_CTX *mac, size_t len)
{
    unsigned char    buf[LEDGER_FINGERPRINT_LENGTH];
    ledger_writer_t  w;

    w = ledger_writer(buf, sizeof(buf));
    ledger_put_u64(&w, len);

    return EVP_MAC_update(mac, buf, sizeof(buf)) ? LEDGER_OK : LEDGER_NOMEM;
}


/* Leaves "mac" ready for the next fingerprint. */

static ledger_rc_t
ledger_fingerprint_final(EVP_MAC_CTX *mac, ledger_fingerprint_t *fingerprint)
{
    size_t         n;
    unsigned char  hash[LEDGER_FINGERPRINT_HASH];

    if (!EVP_MAC_final(mac, hash, &n, sizeof(hash))
        || !EVP_MAC_init(mac, NULL, 0, NULL))
    {
        return LEDGER_NOMEM;
    }

    memcpy(fingerprint->bytes, hash, LEDGER_FINGERPRINT_SIZE);

    return LEDGER_OK;
}


int
ledger_fingerprint_equal(const ledger_fingerprint_t *a,
    const ledger_fingerprint_t *b)
{
    return CRYPTO_memcmp(a->bytes, b->bytes, LEDGER_FINGERPRINT_SIZE) == 0;
}
