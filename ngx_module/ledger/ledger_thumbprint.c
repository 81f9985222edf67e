
/*
 * Copyright (C) The OAuth gateway authors
 */

#include "ledger_thumbprint.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "ledger_message.h"


/* EC has most: crv, kty, x, y. */
#define LEDGER_THUMBPRINT_MEMBERS  4


typedef struct {
    const char  *type;
    const char  *members[LEDGER_THUMBPRINT_MEMBERS];  /* in their order */
} ledger_thumbprint_type_t;


static const ledger_thumbprint_type_t *ledger_thumbprint_type(
    const json_t *jwk);
static ledger_rc_t ledger_thumbprint_required(const json_t *jwk,
    const ledger_thumbprint_type_t *type, json_t *required);
static ledger_rc_t ledger_thumbprint_digest(const json_t *required,
    unsigned char thumbprint[LEDGER_THUMBPRINT_SIZE]);
static int ledger_thumbprint_is(const json_t *value, const char *text);


static const ledger_thumbprint_type_t  ledger_thumbprint_types[] = {
    { "EC", { "crv", "kty", "x", "y" } },       /* RFC 7638, 3.2 */
    { "RSA", { "e", "kty", "n", NULL } },
    { "OKP", { "crv", "kty", "x", NULL } },     /* RFC 8037, 2 */
    { NULL, { NULL } }
};


ledger_rc_t
ledger_thumbprint_jwk(const json_t *jwk,
    unsigned char thumbprint[LEDGER_THUMBPRINT_SIZE])
{
    json_t                          *required;
    ledger_rc_t                      rc;
    const ledger_thumbprint_type_t  *type;

    type = ledger_thumbprint_type(jwk);
    if (type == NULL) {
        return LEDGER_MALFORMED;
    }

    required = json_object();
    if (required == NULL) {
        return LEDGER_NOMEM;
    }

    rc = ledger_thumbprint_required(jwk, type, required);

    if (rc == LEDGER_OK) {
        rc = ledger_thumbprint_digest(required, thumbprint);
    }

    json_decref(required);

    return rc;
}


static const ledger_thumbprint_type_t *
ledger_thumbprint_type(const json_t *jwk)
{
    const json_t                    *kty;
    const ledger_thumbprint_type_t  *type;

    kty = json_object_get(jwk, "kty");

    for (type = ledger_thumbprint_types; type->type != NULL; type++) {
        if (ledger_thumbprint_is(kty, type->type)) {
            return type;
        }
    }

    return NULL;
}


static ledger_rc_t
ledger_thumbprint_required(const json_t *jwk,
    const ledger_thumbprint_type_t *type, json_t *required)
{
    size_t       i;
    json_t      *member;
    const char  *name;

    for (i = 0; i < LEDGER_THUMBPRINT_MEMBERS; i++) {
        name = type->members[i];

        if (name == NULL) {
            break;
        }

        member = json_object_get(jwk, name);

        if (!json_is_string(member) || json_string_length(member) == 0) {
            return LEDGER_MALFORMED;
        }

        if (json_object_set(required, name, member) != 0) {
            return LEDGER_NOMEM;
        }
    }

    return LEDGER_OK;
}


/* jansson writes members in the order they were set, which is RFC 7638's. */

static ledger_rc_t
ledger_thumbprint_digest(const json_t *required,
    unsigned char thumbprint[LEDGER_THUMBPRINT_SIZE])
{
    int           ok;
    char         *text;
    size_t        len;
    ledger_rc_t   rc;

    rc = ledger_message_write_json(required, &text, &len);
    if (rc != LEDGER_OK) {
        return rc;
    }

    ok = EVP_Digest(text, len, thumbprint, NULL, EVP_sha256(), NULL);

    free(text);

    return ok ? LEDGER_OK : LEDGER_NOMEM;
}


static int
ledger_thumbprint_is(const json_t *value, const char *text)
{
    return json_is_string(value)
           && strcmp(json_string_value(value), text) == 0;
}


ledger_rc_t
ledger_thumbprint_proof(ledger_slice_t proof,
    unsigned char thumbprint[LEDGER_THUMBPRINT_SIZE])
{
    json_t       *header;
    ledger_rc_t   rc;

    rc = ledger_message_jose(proof, &header);
    if (rc != LEDGER_OK) {
        return rc;
    }

    rc = LEDGER_MALFORMED;

    if (ledger_thumbprint_is(json_object_get(header, "typ"), "dpop+jwt")) {
        rc = ledger_thumbprint_jwk(json_object_get(header, "jwk"),
                                   thumbprint);
    }

    json_decref(header);

    return rc;
}
