
/*
 * Copyright (C) The OAuth gateway authors
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE      /* madvise(), MADV_DONTDUMP */
#endif

#include "ledger_keyring.h"

#include <string.h>
#include <sys/mman.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>

#include "ledger_keyring_private.h"


#define LEDGER_KEYRING_HASH_SIZE  32


/* What HKDF (RFC 5869) derives from a file key, each under its own info. */

#define LEDGER_KEYRING_NAME  "oauth-gateway token name"
#define LEDGER_KEYRING_ID    "oauth-gateway key id"


struct ledger_keyring_s {
    uint32_t         n;
    uint32_t         ids[LEDGER_KEYS_MAX];
    EVP_MAC_CTX     *names[LEDGER_KEYS_MAX];    /* keyed, reused */
    unsigned char    secrets[LEDGER_KEYS_MAX][LEDGER_KEY_SIZE];
    unsigned char    derived[LEDGER_KEY_SIZE];  /* while a key is added */
};


static ledger_keyring_t *ledger_keyring_create(void);
static ledger_rc_t ledger_keyring_read(ledger_keyring_t *ring,
    ledger_slice_t text, unsigned *line);
static ledger_rc_t ledger_keyring_read_line(ledger_keyring_t *ring,
    ledger_slice_t line);
static int ledger_keyring_hex(ledger_slice_t text,
    unsigned char secret[LEDGER_KEY_SIZE]);
static ledger_rc_t ledger_keyring_add(ledger_keyring_t *ring);
static ledger_rc_t ledger_keyring_id(ledger_keyring_t *ring, uint32_t *id);
static EVP_MAC_CTX *ledger_keyring_mac(ledger_keyring_t *ring);
static ledger_rc_t ledger_keyring_derive(ledger_keyring_t *ring,
    const char *info);
static ledger_rc_t ledger_keyring_mac_name(EVP_MAC_CTX *mac,
    ledger_slice_t token, ledger_token_id_t *id);


ledger_rc_t
ledger_keyring_parse(ledger_slice_t text, ledger_keyring_t **ring,
    unsigned *line)
{
    ledger_rc_t        rc;
    ledger_keyring_t  *new;

    *line = 0;

    new = ledger_keyring_create();
    if (new == NULL) {
        return LEDGER_NOMEM;
    }

    rc = ledger_keyring_read(new, text, line);

    if (rc != LEDGER_OK) {
        ledger_keyring_free(new);
        return rc;
    }

    *ring = new;

    return LEDGER_OK;
}


/* Whole pages of its own, so that no core file holds a key. */

static ledger_keyring_t *
ledger_keyring_create(void)
{
    void  *p;

    p = mmap(NULL, sizeof(ledger_keyring_t), PROT_READ|PROT_WRITE,
             MAP_PRIVATE|MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) {
        return NULL;
    }

    if (madvise(p, sizeof(ledger_keyring_t), MADV_DONTDUMP) == -1) {
        (void) munmap(p, sizeof(ledger_keyring_t));
        return NULL;
    }

    return p;
}


void
ledger_keyring_free(ledger_keyring_t *ring)
{
    uint32_t  i;

    if (ring == NULL) {
        return;
    }

    for (i = 0; i < ring->n; i++) {
        EVP_MAC_CTX_free(ring->names[i]);
    }

    OPENSSL_cleanse(ring, sizeof(ledger_keyring_t));
    (void) munmap(ring, sizeof(ledger_keyring_t));
}


static ledger_rc_t
ledger_keyring_read(ledger_keyring_t *ring, ledger_slice_t text,
    unsigned *line)
{
    ledger_rc_t           rc;
    unsigned              n;
    const unsigned char  *p, *last, *end;

    p = text.data;
    last = p + text.len;

    for (n = 1; p < last; n++) {
        end = memchr(p, '\n', (size_t) (last - p));
        if (end == NULL) {
            end = last;
        }

        rc = ledger_keyring_read_line(ring,
                                      (ledger_slice_t) { p,
                                                         (size_t) (end - p) });
        if (rc != LEDGER_OK) {
            *line = n;
            return rc;
        }

        p = end < last ? end + 1 : last;
    }

    return ring->n > 0 ? LEDGER_OK : LEDGER_MALFORMED;
}


static ledger_rc_t
ledger_keyring_read_line(ledger_keyring_t *ring, ledger_slice_t line)
{
    if (line.len == 0 || line.data[0] == '#') {
        return LEDGER_OK;
    }

    if (ring->n == LEDGER_KEYS_MAX) {
        return LEDGER_LIMIT;
    }

    if (!ledger_keyring_hex(line, ring->secrets[ring->n])) {
        return LEDGER_MALFORMED;
    }

    return ledger_keyring_add(ring);
}


static int
ledger_keyring_hex(ledger_slice_t text, unsigned char secret[LEDGER_KEY_SIZE])
{
    int     high, low;
    size_t  i;

    if (text.len != 2 * LEDGER_KEY_SIZE) {
        return 0;
    }

    for (i = 0; i < LEDGER_KEY_SIZE; i++) {
        high = OPENSSL_hexchar2int(text.data[2 * i]);
        low = OPENSSL_hexchar2int(text.data[2 * i + 1]);

        if (high < 0 || low < 0) {
            return 0;
        }

        secret[i] = (unsigned char) (high << 4 | low);
    }

    return 1;
}


/* Makes a key of the ring of the secret that was read last. */

static ledger_rc_t
ledger_keyring_add(ledger_keyring_t *ring)
{
    uint32_t      i, id;
    EVP_MAC_CTX  *mac;
    ledger_rc_t   rc;

    rc = ledger_keyring_id(ring, &id);
    if (rc != LEDGER_OK) {
        return rc;
    }

    /* the same key twice, or two keys that no record could tell apart */

    for (i = 0; i < ring->n; i++) {
        if (ring->ids[i] == id) {
            return LEDGER_MALFORMED;
        }
    }

    mac = ledger_keyring_mac(ring);
    if (mac == NULL) {
        return LEDGER_NOMEM;
    }

    ring->ids[ring->n] = id;
    ring->names[ring->n] = mac;
    ring->n++;

    return LEDGER_OK;
}


static ledger_rc_t
ledger_keyring_id(ledger_keyring_t *ring, uint32_t *id)
{
    const unsigned char  *p;

    if (ledger_keyring_derive(ring, LEDGER_KEYRING_ID) != LEDGER_OK) {
        return LEDGER_NOMEM;
    }

    p = ring->derived;

    *id = (uint32_t) p[0] << 24 | (uint32_t) p[1] << 16
          | (uint32_t) p[2] << 8 | p[3];

    if (*id == 0) {
        *id = 1;
    }

    return LEDGER_OK;
}


static EVP_MAC_CTX *
ledger_keyring_mac(ledger_keyring_t *ring)
{
    EVP_MAC      *hmac;
    OSSL_PARAM    params[2];
    EVP_MAC_CTX  *mac;

    if (ledger_keyring_derive(ring, LEDGER_KEYRING_NAME) != LEDGER_OK) {
        return NULL;
    }

    hmac = EVP_MAC_fetch(NULL, OSSL_MAC_NAME_HMAC, NULL);
    mac = EVP_MAC_CTX_new(hmac);
    EVP_MAC_free(hmac);

    if (mac == NULL) {
        return NULL;
    }

    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST,
                                                 "SHA256", 0);
    params[1] = OSSL_PARAM_construct_end();

    if (!EVP_MAC_init(mac, ring->derived, sizeof(ring->derived), params)) {
        EVP_MAC_CTX_free(mac);
        return NULL;
    }

    return mac;
}


/* Derives from the secret that was read last, into ring->derived. */

static ledger_rc_t
ledger_keyring_derive(ledger_keyring_t *ring, const char *info)
{
    ledger_slice_t  secret;

    secret = (ledger_slice_t) { ring->secrets[ring->n], LEDGER_KEY_SIZE };

    return ledger_keyring_hkdf(secret, (ledger_slice_t) { NULL, 0 }, info,
                               ring->derived);
}


ledger_rc_t
ledger_keyring_hkdf(ledger_slice_t secret, ledger_slice_t salt,
    const char *info, unsigned char key[LEDGER_KEY_SIZE])
{
    int           ok;
    EVP_KDF      *hkdf;
    OSSL_PARAM    params[5];
    EVP_KDF_CTX  *kdf;

    hkdf = EVP_KDF_fetch(NULL, OSSL_KDF_NAME_HKDF, NULL);
    kdf = EVP_KDF_CTX_new(hkdf);
    EVP_KDF_free(hkdf);

    if (kdf == NULL) {
        return LEDGER_NOMEM;
    }

    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST,
                                                 "SHA256", 0);
    params[1] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY,
                                                  (void *) secret.data,
                                                  secret.len);
    params[2] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO,
                                                  (void *) info,
                                                  strlen(info));
    params[3] = OSSL_PARAM_construct_end();

    /* OpenSSL refuses an empty salt, and knows what none means */

    if (salt.len > 0) {
        params[3] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT,
                                                      (void *) salt.data,
                                                      salt.len);
        params[4] = OSSL_PARAM_construct_end();
    }

    ok = EVP_KDF_derive(kdf, key, LEDGER_KEY_SIZE, params);

    EVP_KDF_CTX_free(kdf);

    return ok > 0 ? LEDGER_OK : LEDGER_NOMEM;
}


ledger_rc_t
ledger_keyring_secret(const ledger_keyring_t *ring, uint32_t *id,
    ledger_slice_t *secret)
{
    uint32_t  i;

    for (i = 0; i < ring->n; i++) {

        if (*id == 0 || *id == ring->ids[i]) {
            *id = ring->ids[i];
            *secret = (ledger_slice_t) { ring->secrets[i], LEDGER_KEY_SIZE };
            return LEDGER_OK;
        }
    }

    return LEDGER_KEY;
}


ledger_rc_t
ledger_keyring_generate(char text[LEDGER_KEY_TEXT])
{
    size_t         i;
    unsigned char  secret[LEDGER_KEY_SIZE];

    static const char  hex[] = "0123456789abcdef";

    if (RAND_priv_bytes(secret, sizeof(secret)) != 1) {
        return LEDGER_NOMEM;
    }

    for (i = 0; i < LEDGER_KEY_SIZE; i++) {
        text[2 * i] = hex[secret[i] >> 4];
        text[2 * i + 1] = hex[secret[i] & 0xf];
    }

    text[LEDGER_KEY_TEXT - 1] = '\n';

    OPENSSL_cleanse(secret, sizeof(secret));

    return LEDGER_OK;
}


const uint32_t *
ledger_keyring_ids(const ledger_keyring_t *ring, uint32_t *n)
{
    *n = ring->n;

    return ring->ids;
}


ledger_rc_t
ledger_keyring_name(ledger_keyring_t *ring, ledger_slice_t token,
    ledger_token_id_t *id)
{
    return ledger_keyring_mac_name(ring->names[0], token, id);
}


ledger_rc_t
ledger_keyring_names(ledger_keyring_t *ring, ledger_slice_t token,
    ledger_token_id_t *ids, size_t *n)
{
    uint32_t     i;
    ledger_rc_t  rc;

    for (i = 0; i < ring->n; i++) {
        rc = ledger_keyring_mac_name(ring->names[i], token, &ids[i]);
        if (rc != LEDGER_OK) {
            return rc;
        }
    }

    *n = ring->n;

    return LEDGER_OK;
}


static ledger_rc_t
ledger_keyring_mac_name(EVP_MAC_CTX *mac, ledger_slice_t token,
    ledger_token_id_t *id)
{
    size_t         n;
    unsigned char  hash[LEDGER_KEYRING_HASH_SIZE];

    /* no key: the one that the context holds, in a sixth of the time */

    if (!EVP_MAC_init(mac, NULL, 0, NULL)
        || !EVP_MAC_update(mac, token.data, token.len)
        || !EVP_MAC_final(mac, hash, &n, sizeof(hash)))
    {
        return LEDGER_NOMEM;
    }

    memcpy(id->bytes, hash, LEDGER_TOKEN_ID_SIZE);

    return LEDGER_OK;
}
