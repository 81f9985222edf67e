
/*
 * Copyright (C) The OAuth gateway authors
 */

/* Sealing: golden forms, bounds, and everything that must not open. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include <cmocka.h>

#include "ledger_keyring_private.h"
#include "ledger_seal.h"


#define KEY_A                                                                 \
    "0000000000000000000000000000000000000000000000000000000000000000"
#define KEY_B                                                                 \
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

/* version, key id, salt, nonce of the golden forms */
#define HEAD_B                                                                \
    "01" "727eec59"                                                           \
    "404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f"        \
    "808182838485868788898a8b"

#define HEAD_SIZE  (LEDGER_SEAL_OVERHEAD - LEDGER_SEAL_TAG)

#define TOKEN   "old-refresh-token"
#define AAD     "fingerprint and expiry"
#define ANSWER  "{\"access_token\":\"new\",\"refresh_token\":\"newer\"}"


typedef struct {
    ledger_keyring_t       *ring;
    ledger_seal_purpose_t   purpose;
    ledger_slice_t          secret;
    ledger_slice_t          aad;
} bound_t;


static ledger_slice_t slice(const char *text);
static ledger_keyring_t *ring_of(const char *text);
static bound_t replay(ledger_keyring_t *ring);
static unsigned char *filled(size_t len);
static unsigned char *sealed_of(bound_t b, ledger_slice_t plain, size_t *n);
static void assert_opens(bound_t b, ledger_slice_t sealed,
    ledger_slice_t plain);
static void assert_fails(bound_t b, ledger_slice_t sealed, ledger_rc_t want);
static void assert_golden(bound_t b, const char *hex, const char *plain);
static void test_golden_forms(void **state);
static int holds(const unsigned char *bytes, size_t len, const char *text);
static void test_layout(void **state);
static void test_round_trips(void **state);
static void test_never_twice_the_same(void **state);
static void test_every_bit_flipped(void **state);
static void test_cut_at_every_byte(void **state);
static void test_bound_to_all(void **state);
static void test_keys_of_the_ring(void **state);
static int opens_under(const unsigned char *key, ledger_slice_t sealed,
    ledger_slice_t aad);
static void test_store_and_key_file_alone(void **state);
static void test_replay_needs_a_secret(void **state);
static void test_bounds(void **state);
static void bounds_of(bound_t b, size_t plain_len, ledger_rc_t want);
static void test_room(void **state);


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


static bound_t
replay(ledger_keyring_t *ring)
{
    return (bound_t) { ring, LEDGER_SEAL_REPLAY, slice(TOKEN), slice(AAD) };
}


/* At the end of an allocation, where ASan sees a byte too many. */

static unsigned char *
filled(size_t len)
{
    size_t          i;
    unsigned char  *p;

    p = malloc(len > 0 ? len : 1);
    assert_non_null(p);

    for (i = 0; i < len; i++) {
        p[i] = (unsigned char) (i * 31 + 7);
    }

    return p;
}


static unsigned char *
sealed_of(bound_t b, ledger_slice_t plain, size_t *n)
{
    size_t          size;
    unsigned char  *out;

    size = plain.len + LEDGER_SEAL_OVERHEAD;
    out = filled(size);

    assert_int_equal(ledger_seal(b.ring, b.purpose, b.secret, b.aad, plain,
                                 out, size, n),
                     LEDGER_OK);
    assert_int_equal(*n, size);

    return out;
}


static void
assert_opens(bound_t b, ledger_slice_t sealed, ledger_slice_t plain)
{
    size_t          len;
    unsigned char  *out;

    out = filled(plain.len);
    len = 77;

    assert_int_equal(ledger_unseal(b.ring, b.purpose, b.secret, b.aad,
                                   sealed, out, plain.len, &len),
                     LEDGER_OK);
    assert_int_equal(len, plain.len);

    if (len > 0) {
        assert_memory_equal(out, plain.data, len);
    }

    free(out);
}


/* Nothing is given away, and no error waits for others to find it. */

static void
assert_fails(bound_t b, ledger_slice_t sealed, ledger_rc_t want)
{
    size_t          i, len, size;
    unsigned char  *out;

    size = sealed.len;
    out = malloc(size + 1);
    assert_non_null(out);
    memset(out, 0, size + 1);

    len = 77;

    assert_int_equal(ledger_unseal(b.ring, b.purpose, b.secret, b.aad,
                                   sealed, out, size, &len),
                     want);
    assert_int_equal(len, 77);

    for (i = 0; i < size; i++) {
        assert_int_equal(out[i], 0);
    }

    assert_int_equal(ERR_peek_error(), 0);

    free(out);
}


static void
assert_golden(bound_t b, const char *hex, const char *plain)
{
    long            n;
    unsigned char  *sealed;

    sealed = OPENSSL_hexstr2buf(hex, &n);
    assert_non_null(sealed);

    assert_opens(b, (ledger_slice_t) { sealed, (size_t) n }, slice(plain));

    OPENSSL_free(sealed);
}


/* made by an independent HKDF and AES-GCM (Python's hmac, cryptography) */

static void
test_golden_forms(void **state)
{
    bound_t            b;
    ledger_keyring_t  *ring;

    (void) state;

    ring = ring_of(KEY_B);

    b = replay(ring);
    b.aad = slice("fingerprint");

    assert_golden(b, HEAD_B "d9b4cbb88f9b1a1d484292bac2d462005105e8249a"
                     "b93a1733c0563adca60a6638201bb61149",
                  "{\"access_token\":\"new\"}");

    b = (bound_t) { ring, LEDGER_SEAL_HEAL, slice(""), slice("") };

    assert_golden(b, HEAD_B "e7818eee40f4a9ab47eb06fc75d0be63e9d2d2440d",
                  "token");
    assert_golden(b, HEAD_B "1764acd9dca77f4c526935c2dddbdfd3", "");

    ledger_keyring_free(ring);
}


static int
holds(const unsigned char *bytes, size_t len, const char *text)
{
    size_t  i, n;

    n = strlen(text);

    for (i = 0; i + n <= len; i++) {
        if (memcmp(bytes + i, text, n) == 0) {
            return 1;
        }
    }

    return 0;
}


static void
test_layout(void **state)
{
    size_t             n;
    unsigned char     *sealed;
    ledger_keyring_t  *ring;

    (void) state;

    ring = ring_of(KEY_B "\n" KEY_A);
    sealed = sealed_of(replay(ring), slice(ANSWER), &n);

    assert_int_equal(LEDGER_SEAL_OVERHEAD, 65);
    assert_int_equal(n, 65 + strlen(ANSWER));
    assert_memory_equal(sealed, "\x01\x72\x7e\xec\x59", 5);

    assert_false(holds(sealed, n, "access_token"));
    assert_false(holds(sealed, n, TOKEN));
    assert_true(holds(sealed, n, "\x7e\xec"));

    free(sealed);
    ledger_keyring_free(ring);
}


static void
test_round_trips(void **state)
{
    size_t             i, n;
    bound_t            b;
    unsigned char     *plain, *sealed;
    ledger_slice_t     text;
    ledger_keyring_t  *ring;

    static const size_t  sizes[] = {
        0, 1, 15, 16, 17, 4095, 4096, 65536, LEDGER_SEAL_PLAIN_MAX
    };

    (void) state;

    ring = ring_of(KEY_A);

    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        plain = filled(sizes[i]);
        text = (ledger_slice_t) { plain, sizes[i] };

        b = replay(ring);
        sealed = sealed_of(b, text, &n);
        assert_opens(b, (ledger_slice_t) { sealed, n }, text);
        free(sealed);

        b = (bound_t) { ring, LEDGER_SEAL_HEAL, { NULL, 0 }, { NULL, 0 } };
        sealed = sealed_of(b, text, &n);
        assert_opens(b, (ledger_slice_t) { sealed, n }, text);
        free(sealed);

        free(plain);
    }

    ledger_keyring_free(ring);
}


/* Same in, never same out: salt, nonce and ciphertext all differ. */

static void
test_never_twice_the_same(void **state)
{
    size_t             n;
    unsigned char     *a, *b;
    ledger_keyring_t  *ring;

    (void) state;

    ring = ring_of(KEY_A);
    a = sealed_of(replay(ring), slice(ANSWER), &n);
    b = sealed_of(replay(ring), slice(ANSWER), &n);

    assert_memory_equal(a, b, 5);
    assert_memory_not_equal(a + 5, b + 5, LEDGER_SEAL_SALT);
    assert_memory_not_equal(a + 5 + LEDGER_SEAL_SALT,
                            b + 5 + LEDGER_SEAL_SALT, LEDGER_SEAL_NONCE);
    assert_memory_not_equal(a + HEAD_SIZE, b + HEAD_SIZE, strlen(ANSWER));

    free(a);
    free(b);
    ledger_keyring_free(ring);
}


static void
test_every_bit_flipped(void **state)
{
    size_t             i, n;
    unsigned           bit;
    ledger_rc_t        want;
    unsigned char     *sealed;
    ledger_keyring_t  *ring;

    (void) state;

    ring = ring_of(KEY_A "\n" KEY_B);
    sealed = sealed_of(replay(ring), slice(ANSWER), &n);

    for (i = 0; i < n; i++) {
        want = i == 0 ? LEDGER_VERSION : i < 5 ? LEDGER_KEY : LEDGER_CORRUPT;

        for (bit = 0; bit < 8; bit++) {
            sealed[i] ^= (unsigned char) (1u << bit);
            assert_fails(replay(ring), (ledger_slice_t) { sealed, n }, want);
            sealed[i] ^= (unsigned char) (1u << bit);
        }
    }

    assert_opens(replay(ring), (ledger_slice_t) { sealed, n },
                 slice(ANSWER));

    /* the other key's id; and the one that stands for "the first key" */

    memcpy(sealed + 1, "\x72\x7e\xec\x59", 4);
    assert_fails(replay(ring), (ledger_slice_t) { sealed, n },
                 LEDGER_CORRUPT);

    memset(sealed + 1, 0, 4);
    assert_fails(replay(ring), (ledger_slice_t) { sealed, n },
                 LEDGER_CORRUPT);

    free(sealed);
    ledger_keyring_free(ring);
}


static void
test_cut_at_every_byte(void **state)
{
    size_t             i, n;
    unsigned char     *sealed, *copy;
    ledger_keyring_t  *ring;

    (void) state;

    ring = ring_of(KEY_A);
    sealed = sealed_of(replay(ring), slice(ANSWER), &n);

    for (i = 0; i < n; i++) {
        copy = filled(i);
        memcpy(copy, sealed, i);
        assert_fails(replay(ring), (ledger_slice_t) { copy, i },
                     LEDGER_CORRUPT);
        free(copy);
    }

    assert_fails(replay(ring), (ledger_slice_t) { NULL, 0 }, LEDGER_CORRUPT);

    copy = filled(n + 1);
    memcpy(copy, sealed, n);
    assert_fails(replay(ring), (ledger_slice_t) { copy, n + 1 },
                 LEDGER_CORRUPT);

    free(copy);
    free(sealed);
    ledger_keyring_free(ring);
}


static void
test_bound_to_all(void **state)
{
    size_t             i, n;
    bound_t            b;
    unsigned char     *form;
    ledger_slice_t     sealed;
    ledger_keyring_t  *ring;

    static const char  *secrets[] = {
        "old-refresh-tokem", "old-refresh-toke", "old-refresh-token ",
        "Old-refresh-token", "x"
    };

    static const char  *aads[] = {
        "fingerprint and expirz", "fingerprint and expir",
        "fingerprint and expiry ", "ingerprint and expiry", ""
    };

    (void) state;

    ring = ring_of(KEY_A);
    form = sealed_of(replay(ring), slice(ANSWER), &n);
    sealed = (ledger_slice_t) { form, n };

    for (i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
        b = replay(ring);
        b.secret = slice(secrets[i]);
        assert_fails(b, sealed, LEDGER_CORRUPT);
    }

    for (i = 0; i < sizeof(aads) / sizeof(aads[0]); i++) {
        b = replay(ring);
        b.aad = slice(aads[i]);
        assert_fails(b, sealed, LEDGER_CORRUPT);
    }

    b = replay(ring);
    b.purpose = LEDGER_SEAL_HEAL;
    assert_fails(b, sealed, LEDGER_CORRUPT);

    assert_opens(replay(ring), sealed, slice(ANSWER));

    free(form);

    /* and the other way round */

    form = sealed_of(b, slice(ANSWER), &n);
    assert_fails(replay(ring), (ledger_slice_t) { form, n }, LEDGER_CORRUPT);
    assert_opens(b, (ledger_slice_t) { form, n }, slice(ANSWER));

    free(form);
    ledger_keyring_free(ring);
}


/* The first key seals, all open; a ring without the key says so. */

static void
test_keys_of_the_ring(void **state)
{
    size_t             n;
    unsigned char     *form;
    ledger_slice_t     sealed;
    ledger_keyring_t  *a, *b, *ba;

    (void) state;

    a = ring_of(KEY_A);
    b = ring_of(KEY_B);
    ba = ring_of(KEY_B "\n" KEY_A);

    form = sealed_of(replay(a), slice(ANSWER), &n);
    sealed = (ledger_slice_t) { form, n };
    assert_opens(replay(a), sealed, slice(ANSWER));
    assert_opens(replay(ba), sealed, slice(ANSWER));
    assert_fails(replay(b), sealed, LEDGER_KEY);
    free(form);

    form = sealed_of(replay(ba), slice(ANSWER), &n);
    sealed = (ledger_slice_t) { form, n };
    assert_opens(replay(b), sealed, slice(ANSWER));
    assert_opens(replay(ba), sealed, slice(ANSWER));
    assert_fails(replay(a), sealed, LEDGER_KEY);
    free(form);

    ledger_keyring_free(a);
    ledger_keyring_free(b);
    ledger_keyring_free(ba);
}


/* AES-256-GCM by hand: whether "key" opens a sealed form. */

static int
opens_under(const unsigned char *key, ledger_slice_t sealed,
    ledger_slice_t aad)
{
    int                   n, ok;
    unsigned char         out[256];
    EVP_CIPHER_CTX       *c;
    const unsigned char  *p;

    p = sealed.data;
    c = EVP_CIPHER_CTX_new();
    assert_non_null(c);

    ok = EVP_DecryptInit_ex(c, EVP_aes_256_gcm(), NULL, key, p + 37)
         && EVP_DecryptUpdate(c, NULL, &n, p, 5)
         && EVP_DecryptUpdate(c, NULL, &n, aad.data, (int) aad.len)
         && EVP_DecryptUpdate(c, out, &n, p + HEAD_SIZE,
                              (int) (sealed.len - LEDGER_SEAL_OVERHEAD))
         && EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, LEDGER_SEAL_TAG,
                                (void *) (p + sealed.len - LEDGER_SEAL_TAG));
    assert_true(ok);

    ok = EVP_DecryptFinal_ex(c, out, &n) > 0;

    EVP_CIPHER_CTX_free(c);

    return ok;
}


/*
 * Whoever has the store and the key file, and so all keys that come from the
 * file and the names of all tokens, opens nothing; the token is what opens.
 */

static void
test_store_and_key_file_alone(void **state)
{
    size_t              i, n;
    bound_t             b;
    uint32_t            id;
    unsigned char      *form, key[LEDGER_KEY_SIZE], both[256];
    ledger_slice_t      sealed, file, salt;
    ledger_keyring_t   *ring;
    ledger_token_id_t   name;

    static const char  *infos[] = {
        "oauth-gateway seal of a replay", "oauth-gateway seal for heal",
        "oauth-gateway token name", "oauth-gateway request fingerprint", ""
    };

    (void) state;

    ring = ring_of(KEY_B);
    form = sealed_of(replay(ring), slice(ANSWER), &n);
    sealed = (ledger_slice_t) { form, n };
    salt = (ledger_slice_t) { form + 5, LEDGER_SEAL_SALT };

    id = 0;
    assert_int_equal(ledger_keyring_secret(ring, &id, &file), LEDGER_OK);
    assert_int_equal(file.len, LEDGER_KEY_SIZE);

    assert_false(opens_under(file.data, sealed, slice(AAD)));

    for (i = 0; i < sizeof(infos) / sizeof(infos[0]); i++) {
        assert_int_equal(ledger_keyring_hkdf(file, salt, infos[i], key),
                         LEDGER_OK);
        assert_false(opens_under(key, sealed, slice(AAD)));
    }

    assert_int_equal(ledger_keyring_name(ring, slice(TOKEN), &name),
                     LEDGER_OK);
    b = replay(ring);
    b.secret = (ledger_slice_t) { name.bytes, sizeof(name.bytes) };
    assert_fails(b, sealed, LEDGER_CORRUPT);

    /* the same by hand with the token: what was tried above can open */

    memcpy(both, file.data, file.len);
    memcpy(both + file.len, TOKEN, strlen(TOKEN));

    assert_int_equal(
        ledger_keyring_hkdf((ledger_slice_t) { both,
                                               file.len + strlen(TOKEN) },
                            salt, infos[0], key),
        LEDGER_OK);
    assert_true(opens_under(key, sealed, slice(AAD)));

    free(form);
    ledger_keyring_free(ring);
}


static void
test_replay_needs_a_secret(void **state)
{
    size_t             n;
    bound_t            b;
    unsigned char     *form, out[256];
    ledger_keyring_t  *ring;

    (void) state;

    ring = ring_of(KEY_A);
    form = sealed_of(replay(ring), slice(ANSWER), &n);

    b = replay(ring);
    b.secret = (ledger_slice_t) { NULL, 0 };

    assert_int_equal(ledger_seal(ring, b.purpose, b.secret, b.aad,
                                 slice(ANSWER), out, sizeof(out), &n),
                     LEDGER_MALFORMED);
    assert_fails(b, (ledger_slice_t) { form, n }, LEDGER_MALFORMED);

    free(form);
    ledger_keyring_free(ring);
}


static void
test_bounds(void **state)
{
    bound_t            b;
    unsigned char     *longest;
    ledger_keyring_t  *ring;

    (void) state;

    ring = ring_of(KEY_A);
    longest = filled(LEDGER_TOKEN_TEXT_MAX + 1);

    b = replay(ring);
    bounds_of(b, LEDGER_SEAL_PLAIN_MAX, LEDGER_OK);
    bounds_of(b, LEDGER_SEAL_PLAIN_MAX + 1, LEDGER_LIMIT);

    b.secret = (ledger_slice_t) { longest, LEDGER_TOKEN_TEXT_MAX };
    bounds_of(b, 10, LEDGER_OK);
    b.secret.len++;
    bounds_of(b, 10, LEDGER_LIMIT);

    b = replay(ring);
    b.aad = (ledger_slice_t) { longest, LEDGER_SEAL_AAD_MAX };
    bounds_of(b, 10, LEDGER_OK);
    b.aad.len++;
    bounds_of(b, 10, LEDGER_LIMIT);

    free(longest);
    ledger_keyring_free(ring);
}


/* Both ways: what is not sealed is not opened either. */

static void
bounds_of(bound_t b, size_t plain_len, ledger_rc_t want)
{
    size_t          n, size;
    ledger_rc_t     rc;
    unsigned char  *plain, *out, *again;
    ledger_slice_t  sealed;

    size = plain_len + LEDGER_SEAL_OVERHEAD;
    plain = filled(plain_len);
    out = filled(size);
    again = filled(plain_len);

    rc = ledger_seal(b.ring, b.purpose, b.secret, b.aad,
                     (ledger_slice_t) { plain, plain_len }, out, size, &n);
    assert_int_equal(rc, want);

    /* a head that could be one, where none was written */

    if (rc != LEDGER_OK) {
        memcpy(out, "\x01\xcb\xac\xa6\xd0", 5);
    }

    sealed = (ledger_slice_t) { out, size };
    assert_int_equal(ledger_unseal(b.ring, b.purpose, b.secret, b.aad,
                                   sealed, again, plain_len, &n),
                     want);

    free(plain);
    free(out);
    free(again);
}


/* One byte too few of room is refused, and not a byte written. */

static void
test_room(void **state)
{
    size_t             n, len;
    bound_t            b;
    unsigned char     *form, *out;
    ledger_keyring_t  *ring;

    (void) state;

    ring = ring_of(KEY_A);
    b = replay(ring);
    form = sealed_of(b, slice(ANSWER), &n);

    out = filled(n - 1);
    assert_int_equal(ledger_seal(ring, b.purpose, b.secret, b.aad,
                                 slice(ANSWER), out, n - 1, &len),
                     LEDGER_LIMIT);
    assert_int_equal(ledger_unseal(ring, b.purpose, b.secret, b.aad,
                                   (ledger_slice_t) { form, n }, out,
                                   strlen(ANSWER) - 1, &len),
                     LEDGER_LIMIT);
    assert_int_equal(out[0], 7);

    free(out);
    free(form);
    ledger_keyring_free(ring);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_golden_forms),
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_never_twice_the_same),
        cmocka_unit_test(test_every_bit_flipped),
        cmocka_unit_test(test_cut_at_every_byte),
        cmocka_unit_test(test_bound_to_all),
        cmocka_unit_test(test_keys_of_the_ring),
        cmocka_unit_test(test_store_and_key_file_alone),
        cmocka_unit_test(test_replay_needs_a_secret),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
