
/*
 * Copyright (C) The OAuth gateway authors
 */

#include "ledger_place.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "ledger_connection.h"
#include "ledger_cursor.h"


/* one-letter words with one separator each */
#define LEDGER_SCOPE_WORDS_MAX  (LEDGER_SCOPE_MAX / 2 + 1)


typedef struct {
    EVP_MD_CTX           *md;
    unsigned              failed:1;
} ledger_hash_t;


static ledger_slice_t ledger_place_value(
    const ledger_connection_t *connection, const ledger_limit_key_t *key);
static void ledger_place_sort(const ledger_limit_key_t **keys,
    const ledger_limit_t *limit);
static int ledger_place_compare_keys(const void *one, const void *two);
static void ledger_place_hash_key(ledger_hash_t *hash,
    const ledger_connection_t *connection, const ledger_limit_key_t *key);
static void ledger_place_hash_scope(ledger_hash_t *hash,
    ledger_slice_t scope);
static size_t ledger_place_split(ledger_slice_t scope,
    ledger_slice_t *words);
static unsigned ledger_place_separates(unsigned char ch);
static int ledger_slice_compare(const void *one, const void *two);
static void ledger_hash_begin(ledger_hash_t *hash);
static void ledger_hash_slice(ledger_hash_t *hash, ledger_slice_t slice);
static void ledger_hash_bytes(ledger_hash_t *hash, const void *bytes,
    size_t len);
static ledger_rc_t ledger_hash_end(ledger_hash_t *hash, unsigned char *out,
    size_t size);
static unsigned ledger_header_lost(const ledger_header_t *header,
    uint64_t owner);


ledger_rc_t
ledger_place(const ledger_connection_t *connection, unsigned limit,
    ledger_slot_id_t *slot)
{
    uint32_t                   i;
    ledger_hash_t              hash;
    const ledger_limit_t      *l;
    const ledger_limit_key_t  *keys[LEDGER_LIMIT_KEYS_MAX];

    l = &connection->limits[limit];

    if (!ledger_place_known(connection, l)) {
        return LEDGER_NOT_FOUND;
    }

    ledger_place_sort(keys, l);

    ledger_hash_begin(&hash);
    ledger_hash_slice(&hash, connection->provider);

    for (i = 0; i < l->nkeys; i++) {
        ledger_place_hash_key(&hash, connection, keys[i]);
    }

    return ledger_hash_end(&hash, slot->bytes, LEDGER_SLOT_ID_SIZE);
}


unsigned
ledger_place_known(const ledger_connection_t *connection,
    const ledger_limit_t *limit)
{
    uint32_t  i;

    for (i = 0; i < limit->nkeys; i++) {

        if (limit->keys[i].kind != LEDGER_KEY_SCOPE
            && ledger_place_value(connection, &limit->keys[i]).len == 0)
        {
            return 0;
        }
    }

    return 1;
}


static ledger_slice_t
ledger_place_value(const ledger_connection_t *connection,
    const ledger_limit_key_t *key)
{
    switch (key->kind) {

    case LEDGER_KEY_USER:
        return connection->user;

    case LEDGER_KEY_TENANT:
        return connection->tenant;

    case LEDGER_KEY_CLIENT:
        return connection->client;

    case LEDGER_KEY_SCOPE:
        return connection->scope;

    default: /* LEDGER_KEY_VARIABLE */
        return key->value;
    }
}


static void
ledger_place_sort(const ledger_limit_key_t **keys,
    const ledger_limit_t *limit)
{
    uint32_t  i;

    for (i = 0; i < limit->nkeys; i++) {
        keys[i] = &limit->keys[i];
    }

    qsort(keys, limit->nkeys, sizeof(ledger_limit_key_t *),
          ledger_place_compare_keys);
}


static int
ledger_place_compare_keys(const void *one, const void *two)
{
    int                        diff;
    const ledger_limit_key_t  *a, *b;

    a = *(const ledger_limit_key_t * const *) one;
    b = *(const ledger_limit_key_t * const *) two;

    if (a->kind != b->kind) {
        return a->kind < b->kind ? -1 : 1;
    }

    if (a->kind != LEDGER_KEY_VARIABLE) {
        return 0;
    }

    diff = ledger_slice_compare(&a->name, &b->name);

    return diff ? diff : ledger_slice_compare(&a->value, &b->value);
}


static void
ledger_place_hash_key(ledger_hash_t *hash,
    const ledger_connection_t *connection, const ledger_limit_key_t *key)
{
    ledger_hash_bytes(hash, &key->kind, 1);

    if (key->kind == LEDGER_KEY_SCOPE) {
        ledger_place_hash_scope(hash, connection->scope);
        return;
    }

    if (key->kind == LEDGER_KEY_VARIABLE) {
        ledger_hash_slice(hash, key->name);
    }

    ledger_hash_slice(hash, ledger_place_value(connection, key));
}


static void
ledger_place_hash_scope(ledger_hash_t *hash, ledger_slice_t scope)
{
    size_t          i, n;
    ledger_slice_t  words[LEDGER_SCOPE_WORDS_MAX];

    n = ledger_place_split(scope, words);

    qsort(words, n, sizeof(ledger_slice_t), ledger_slice_compare);

    for (i = 0; i < n; i++) {

        if (i == 0 || !ledger_slice_equal(words[i], words[i - 1])) {
            ledger_hash_slice(hash, words[i]);
        }
    }

    /* no word is empty, so this ends the list */
    ledger_hash_slice(hash, ledger_slice(""));
}


static size_t
ledger_place_split(ledger_slice_t scope, ledger_slice_t *words)
{
    size_t  i, n, start;

    n = 0;
    start = 0;

    for (i = 0; i <= scope.len; i++) {

        if (i < scope.len && !ledger_place_separates(scope.data[i])) {
            continue;
        }

        if (i > start) {
            words[n].data = scope.data + start;
            words[n].len = i - start;
            n++;
        }

        start = i + 1;
    }

    return n;
}


/* RFC 6749, section 3.3, says spaces; GitHub, Slack and Linear use commas */

static unsigned
ledger_place_separates(unsigned char ch)
{
    return ch == ' ' || ch == ',';
}


static int
ledger_slice_compare(const void *one, const void *two)
{
    int                    diff;
    size_t                 len;
    const ledger_slice_t  *a, *b;

    a = one;
    b = two;
    len = a->len < b->len ? a->len : b->len;
    diff = len ? memcmp(a->data, b->data, len) : 0;

    if (diff || a->len == b->len) {
        return diff;
    }

    return a->len < b->len ? -1 : 1;
}


ledger_rc_t
ledger_place_owner(ledger_slice_t owner, uint64_t *hash)
{
    ledger_rc_t      rc;
    ledger_hash_t    h;
    unsigned char    bytes[8];
    ledger_reader_t  r;

    ledger_hash_begin(&h);
    ledger_hash_slice(&h, owner);

    rc = ledger_hash_end(&h, bytes, sizeof(bytes));

    if (rc != LEDGER_OK) {
        return rc;
    }

    r = ledger_reader(bytes, sizeof(bytes));
    *hash = ledger_take_u64(&r);

    return LEDGER_OK;
}


ledger_rc_t
ledger_place_tenant(const ledger_connection_t *connection,
    ledger_slot_id_t *tenant, uint64_t *user)
{
    ledger_rc_t    rc;
    ledger_hash_t  hash;

    if (connection->client.len == 0 || connection->user.len == 0
        || connection->tenant.len == 0)
    {
        return LEDGER_NOT_FOUND;
    }

    ledger_hash_begin(&hash);
    ledger_hash_slice(&hash, connection->provider);
    ledger_hash_slice(&hash, connection->client);
    ledger_hash_slice(&hash, connection->tenant);

    rc = ledger_hash_end(&hash, tenant->bytes, LEDGER_SLOT_ID_SIZE);

    return rc == LEDGER_OK ? ledger_place_owner(connection->user, user) : rc;
}


ledger_rc_t
ledger_place_alias(ledger_slice_t provider, ledger_slice_t login,
    ledger_alias_id_t *alias)
{
    ledger_hash_t  hash;

    ledger_hash_begin(&hash);
    ledger_hash_slice(&hash, provider);
    ledger_hash_slice(&hash, login);

    return ledger_hash_end(&hash, alias->bytes, LEDGER_ALIAS_ID_SIZE);
}


ledger_rc_t
ledger_place_salted(ledger_slice_t salt, const unsigned char *bytes,
    size_t size, ledger_token_id_t *name)
{
    ledger_hash_t  hash;

    ledger_hash_begin(&hash);
    ledger_hash_slice(&hash, salt);
    ledger_hash_bytes(&hash, bytes, size);

    return ledger_hash_end(&hash, name->bytes, LEDGER_TOKEN_ID_SIZE);
}


static void
ledger_hash_begin(ledger_hash_t *hash)
{
    hash->failed = 0;
    hash->md = EVP_MD_CTX_new();
    if (hash->md == NULL) {
        hash->failed = 1;
        return;
    }

    if (EVP_DigestInit_ex(hash->md, EVP_sha256(), NULL) != 1) {
        hash->failed = 1;
    }
}


static void
ledger_hash_slice(ledger_hash_t *hash, ledger_slice_t slice)
{
    unsigned char  len[2];

    len[0] = (unsigned char) (slice.len >> 8 & 0xff);
    len[1] = (unsigned char) (slice.len & 0xff);

    ledger_hash_bytes(hash, len, sizeof(len));
    ledger_hash_bytes(hash, slice.data, slice.len);
}


static void
ledger_hash_bytes(ledger_hash_t *hash, const void *bytes, size_t len)
{
    if (hash->failed || len == 0) {
        return;
    }

    if (EVP_DigestUpdate(hash->md, bytes, len) != 1) {
        hash->failed = 1;
    }
}


static ledger_rc_t
ledger_hash_end(ledger_hash_t *hash, unsigned char *out, size_t size)
{
    unsigned char  digest[EVP_MAX_MD_SIZE];

    if (!hash->failed && EVP_DigestFinal_ex(hash->md, digest, NULL) != 1) {
        hash->failed = 1;
    }

    EVP_MD_CTX_free(hash->md);

    if (hash->failed) {
        return LEDGER_NOMEM;
    }

    memcpy(out, digest, size);

    return LEDGER_OK;
}


void
ledger_header_contest(ledger_header_t *header,
    const ledger_contest_t *contest)
{
    if (header->ncontests == LEDGER_CONTESTS_MAX) {
        header->ncontests--;
        memmove(&header->contests[0], &header->contests[1],
                header->ncontests * sizeof(ledger_contest_t));
    }

    header->contests[header->ncontests++] = *contest;
}


unsigned
ledger_header_contested(const ledger_header_t *header, ledger_ms_t now,
    unsigned contests, uint64_t window)
{
    uint32_t         i, n;
    unsigned         both;
    ledger_header_t  recent;

    n = 0;

    for (i = 0; i < header->ncontests; i++) {

        if (ledger_ms_after(header->contests[i].at, window) >= now) {
            recent.contests[n++] = header->contests[i];
        }
    }

    recent.ncontests = n;
    both = 0;

    for (i = 0; i < n; i++) {
        both |= ledger_header_lost(&recent, recent.contests[i].winner);
    }

    return both && n >= contests;
}


static unsigned
ledger_header_lost(const ledger_header_t *header, uint64_t owner)
{
    uint32_t  i;

    for (i = 0; i < header->ncontests; i++) {

        if (header->contests[i].loser == owner) {
            return 1;
        }
    }

    return 0;
}


size_t
ledger_header_encode(const ledger_header_t *header, unsigned char *buf)
{
    uint32_t         i;
    ledger_writer_t  w;

    w = ledger_writer(buf, LEDGER_HEADER_MAX);

    ledger_put_u64(&w, header->left_at);
    ledger_put_u32(&w, header->n);
    ledger_put_u32(&w, header->count);
    ledger_put_u8(&w, header->ncontests);

    for (i = 0; i < header->ncontests; i++) {
        ledger_put_u64(&w, header->contests[i].at);
        ledger_put_u64(&w, header->contests[i].winner);
        ledger_put_u64(&w, header->contests[i].loser);
        ledger_put_u64(&w, header->contests[i].winner_id);
        ledger_put_u64(&w, header->contests[i].loser_id);
    }

    return (size_t) (w.pos - buf);
}


ledger_rc_t
ledger_header_decode(const unsigned char *buf, size_t len,
    ledger_header_t *header)
{
    uint32_t         i;
    ledger_reader_t  r;

    r = ledger_reader(buf, len);

    header->left_at = ledger_take_u64(&r);
    header->n = ledger_take_u32(&r);
    header->count = ledger_take_u32(&r);
    header->ncontests = ledger_take_u8(&r);

    if (r.failed || header->n == 0 || header->n > LEDGER_LIMIT_N_MAX
        || header->ncontests > LEDGER_CONTESTS_MAX)
    {
        return LEDGER_CORRUPT;
    }

    for (i = 0; i < header->ncontests; i++) {
        header->contests[i].at = ledger_take_u64(&r);
        header->contests[i].winner = ledger_take_u64(&r);
        header->contests[i].loser = ledger_take_u64(&r);
        header->contests[i].winner_id = ledger_take_u64(&r);
        header->contests[i].loser_id = ledger_take_u64(&r);
    }

    if (r.failed || r.pos != r.end) {
        return LEDGER_CORRUPT;
    }

    return LEDGER_OK;
}
