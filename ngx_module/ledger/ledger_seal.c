
/*
 * Copyright (C) The OAuth gateway authors
 */

#include "ledger_seal.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "ledger_cursor.h"
#include "ledger_keyring_private.h"


/* Version and key id: authenticated, together with the caller's aad. */
#define LEDGER_SEAL_MARK  5


/* The head of a sealed form, and the key that belongs to it. */

typedef struct {
    uint32_t         id;
    unsigned char    mark[LEDGER_SEAL_MARK];
    unsigned char    salt[LEDGER_SEAL_SALT];
    unsigned char    nonce[LEDGER_SEAL_NONCE];
    unsigned char    key[LEDGER_KEY_SIZE];
} ledger_seal_head_t;


static ledger_rc_t ledger_seal_check(ledger_seal_purpose_t purpose,
    ledger_slice_t secret, ledger_slice_t aad);
static ledger_rc_t ledger_seal_key(const ledger_keyring_t *ring,
    ledger_seal_purpose_t purpose, ledger_slice_t secret,
    ledger_seal_head_t *head);
static ledger_rc_t ledger_seal_derive(ledger_seal_purpose_t purpose,
    ledger_slice_t key, ledger_slice_t secret, ledger_seal_head_t *head);
static void ledger_seal_mark(ledger_seal_head_t *head);
static ledger_rc_t ledger_seal_encrypt(const ledger_seal_head_t *head,
    ledger_slice_t aad, ledger_slice_t plain, unsigned char *out,
    unsigned char tag[LEDGER_SEAL_TAG]);
static EVP_CIPHER_CTX *ledger_seal_cipher(const ledger_seal_head_t *head,
    ledger_slice_t aad, int encrypt);
static ledger_rc_t ledger_unseal_read(ledger_slice_t sealed,
    ledger_seal_head_t *head, ledger_slice_t *text);
static ledger_rc_t ledger_unseal_decrypt(const ledger_seal_head_t *head,
    ledger_slice_t aad, ledger_slice_t text, unsigned char *out);


/* HKDF's info; index is the purpose. */

static const char  *ledger_seal_purposes[] = {
    NULL,
    "oauth-gateway seal of a replay",
    "oauth-gateway seal for heal"
};


ledger_rc_t
ledger_seal(const ledger_keyring_t *ring, ledger_seal_purpose_t purpose,
    ledger_slice_t secret, ledger_slice_t aad, ledger_slice_t plain,
    unsigned char *out, size_t size, size_t *len)
{
    ledger_rc_t         rc;
    unsigned char      *text;
    ledger_writer_t     w;
    ledger_seal_head_t  head;

    rc = ledger_seal_check(purpose, secret, aad);
    if (rc != LEDGER_OK) {
        return rc;
    }

    if (plain.len > LEDGER_SEAL_PLAIN_MAX
        || size < plain.len + LEDGER_SEAL_OVERHEAD)
    {
        return LEDGER_LIMIT;
    }

    if (RAND_bytes(head.salt, sizeof(head.salt)) != 1
        || RAND_bytes(head.nonce, sizeof(head.nonce)) != 1)
    {
        return LEDGER_NOMEM;
    }

    head.id = 0;

    rc = ledger_seal_key(ring, purpose, secret, &head);
    if (rc != LEDGER_OK) {
        return rc;
    }

    w = ledger_writer(out, size);
    ledger_put_bytes(&w, head.mark, sizeof(head.mark));
    ledger_put_bytes(&w, head.salt, sizeof(head.salt));
    ledger_put_bytes(&w, head.nonce, sizeof(head.nonce));

    text = w.pos;

    rc = ledger_seal_encrypt(&head, aad, plain, text, text + plain.len);

    OPENSSL_cleanse(&head, sizeof(head));

    if (rc == LEDGER_OK) {
        *len = plain.len + LEDGER_SEAL_OVERHEAD;
    }

    return rc;
}


static ledger_rc_t
ledger_seal_check(ledger_seal_purpose_t purpose, ledger_slice_t secret,
    ledger_slice_t aad)
{
    /* else store and key file would open it */

    if (purpose == LEDGER_SEAL_REPLAY && secret.len == 0) {
        return LEDGER_MALFORMED;
    }

    if (secret.len > LEDGER_TOKEN_TEXT_MAX || aad.len > LEDGER_SEAL_AAD_MAX) {
        return LEDGER_LIMIT;
    }

    return LEDGER_OK;
}


/* Completes a head that has its id (or 0), salt and nonce. */

static ledger_rc_t
ledger_seal_key(const ledger_keyring_t *ring, ledger_seal_purpose_t purpose,
    ledger_slice_t secret, ledger_seal_head_t *head)
{
    ledger_rc_t     rc;
    ledger_slice_t  key;

    rc = ledger_keyring_secret(ring, &head->id, &key);
    if (rc != LEDGER_OK) {
        return rc;
    }

    ledger_seal_mark(head);

    return ledger_seal_derive(purpose, key, secret, head);
}


/* The key file's key has one length: "key" and "secret" need no border. */

static ledger_rc_t
ledger_seal_derive(ledger_seal_purpose_t purpose, ledger_slice_t key,
    ledger_slice_t secret, ledger_seal_head_t *head)
{
    size_t          size;
    ledger_rc_t     rc;
    ledger_slice_t  salt;
    unsigned char  *both;

    size = key.len + secret.len;

    both = OPENSSL_malloc(size);
    if (both == NULL) {
        return LEDGER_NOMEM;
    }

    memcpy(both, key.data, key.len);

    if (secret.len > 0) {
        memcpy(both + key.len, secret.data, secret.len);
    }

    salt = (ledger_slice_t) { head->salt, sizeof(head->salt) };

    rc = ledger_keyring_hkdf((ledger_slice_t) { both, size }, salt,
                             ledger_seal_purposes[purpose], head->key);

    OPENSSL_clear_free(both, size);

    return rc;
}


static void
ledger_seal_mark(ledger_seal_head_t *head)
{
    ledger_writer_t  w;

    w = ledger_writer(head->mark, sizeof(head->mark));
    ledger_put_u8(&w, LEDGER_SEAL_VERSION);
    ledger_put_u32(&w, head->id);
}


static ledger_rc_t
ledger_seal_encrypt(const ledger_seal_head_t *head, ledger_slice_t aad,
    ledger_slice_t plain, unsigned char *out,
    unsigned char tag[LEDGER_SEAL_TAG])
{
    int              n, ok;
    EVP_CIPHER_CTX  *cipher;

    cipher = ledger_seal_cipher(head, aad, 1);
    if (cipher == NULL) {
        return LEDGER_NOMEM;
    }

    ok = EVP_EncryptUpdate(cipher, out, &n, plain.data, (int) plain.len)
         && EVP_EncryptFinal_ex(cipher, out + n, &n)
         && EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG,
                                LEDGER_SEAL_TAG, tag);

    EVP_CIPHER_CTX_free(cipher);

    return ok ? LEDGER_OK : LEDGER_NOMEM;
}


/* A cipher that has its key and nonce and has seen mark and aad. */

static EVP_CIPHER_CTX *
ledger_seal_cipher(const ledger_seal_head_t *head, ledger_slice_t aad,
    int encrypt)
{
    int              n;
    EVP_CIPHER_CTX  *cipher;

    cipher = EVP_CIPHER_CTX_new();
    if (cipher == NULL) {
        return NULL;
    }

    if (!EVP_CipherInit_ex(cipher, EVP_aes_256_gcm(), NULL, head->key,
                           head->nonce, encrypt)
        || !EVP_CipherUpdate(cipher, NULL, &n, head->mark,
                             sizeof(head->mark))
        || !EVP_CipherUpdate(cipher, NULL, &n, aad.data, (int) aad.len))
    {
        EVP_CIPHER_CTX_free(cipher);
        return NULL;
    }

    return cipher;
}


ledger_rc_t
ledger_unseal(const ledger_keyring_t *ring, ledger_seal_purpose_t purpose,
    ledger_slice_t secret, ledger_slice_t aad, ledger_slice_t sealed,
    unsigned char *out, size_t size, size_t *len)
{
    ledger_rc_t         rc;
    ledger_slice_t      text;
    ledger_seal_head_t  head;

    rc = ledger_seal_check(purpose, secret, aad);
    if (rc != LEDGER_OK) {
        return rc;
    }

    rc = ledger_unseal_read(sealed, &head, &text);
    if (rc != LEDGER_OK) {
        return rc;
    }

    if (text.len > LEDGER_SEAL_PLAIN_MAX || size < text.len) {
        return LEDGER_LIMIT;
    }

    rc = ledger_seal_key(ring, purpose, secret, &head);

    if (rc == LEDGER_OK) {
        rc = ledger_unseal_decrypt(&head, aad, text, out);
    }

    OPENSSL_cleanse(&head, sizeof(head));

    if (rc == LEDGER_OK) {
        *len = text.len;
    }

    return rc;
}


/* "text" is the ciphertext; its tag follows it. */

static ledger_rc_t
ledger_unseal_read(ledger_slice_t sealed, ledger_seal_head_t *head,
    ledger_slice_t *text)
{
    uint8_t          version;
    ledger_reader_t  r;

    r = ledger_reader(sealed.data, sealed.len);

    version = ledger_take_u8(&r);
    head->id = ledger_take_u32(&r);
    ledger_take_bytes(&r, head->salt, sizeof(head->salt));
    ledger_take_bytes(&r, head->nonce, sizeof(head->nonce));

    if (sealed.len > 0 && version != LEDGER_SEAL_VERSION) {
        return LEDGER_VERSION;
    }

    /* 0 stands for "the first key" and is no key's id */

    if (sealed.len < LEDGER_SEAL_OVERHEAD || head->id == 0) {
        return LEDGER_CORRUPT;
    }

    *text = (ledger_slice_t) { r.pos, sealed.len - LEDGER_SEAL_OVERHEAD };

    return LEDGER_OK;
}


static ledger_rc_t
ledger_unseal_decrypt(const ledger_seal_head_t *head, ledger_slice_t aad,
    ledger_slice_t text, unsigned char *out)
{
    int              n, ok;
    ledger_rc_t      rc;
    unsigned char    tag[LEDGER_SEAL_TAG];
    EVP_CIPHER_CTX  *cipher;

    cipher = ledger_seal_cipher(head, aad, 0);
    if (cipher == NULL) {
        return LEDGER_NOMEM;
    }

    memcpy(tag, text.data + text.len, sizeof(tag));

    ok = EVP_DecryptUpdate(cipher, out, &n, text.data, (int) text.len)
         && EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG,
                                sizeof(tag), tag);

    rc = ok ? LEDGER_OK : LEDGER_NOMEM;

    /* what does not open is no error of the library's for others to find */

    (void) ERR_set_mark();

    if (ok && !EVP_DecryptFinal_ex(cipher, out + n, &n)) {
        rc = LEDGER_CORRUPT;
    }

    (void) ERR_pop_to_mark();

    EVP_CIPHER_CTX_free(cipher);

    if (rc != LEDGER_OK) {
        OPENSSL_cleanse(out, text.len);
    }

    return rc;
}


uint32_t
ledger_seal_key_id(ledger_slice_t sealed)
{
    if (sealed.len < LEDGER_SEAL_OVERHEAD
        || sealed.data[0] != LEDGER_SEAL_VERSION)
    {
        return 0;
    }

    return (uint32_t) sealed.data[1] << 24 | (uint32_t) sealed.data[2] << 16
           | (uint32_t) sealed.data[3] << 8 | sealed.data[4];
}
