
/*
 * Copyright (C) The OAuth gateway authors
 */

#include "ledger_limit.h"

#include <string.h>


static ledger_rc_t ledger_limit_check(const ledger_limit_t *limit);
static ledger_rc_t ledger_limit_key_check(const ledger_limit_key_t *key);
static void ledger_limit_put(ledger_writer_t *w, const ledger_limit_t *limit);
static void ledger_limit_take(ledger_reader_t *r, ledger_limit_t *limit);


ledger_rc_t
ledger_limits_check(const ledger_limit_t *limits, uint32_t n)
{
    uint32_t     i;
    ledger_rc_t  rc;

    if (n > LEDGER_LIMITS_MAX) {
        return LEDGER_LIMIT;
    }

    for (i = 0; i < n; i++) {
        rc = ledger_limit_check(&limits[i]);

        if (rc != LEDGER_OK) {
            return rc;
        }
    }

    return LEDGER_OK;
}


static ledger_rc_t
ledger_limit_check(const ledger_limit_t *limit)
{
    uint32_t     i;
    ledger_rc_t  rc;

    if (limit->n == 0 || limit->n > LEDGER_LIMIT_N_MAX
        || limit->nkeys == 0 || limit->nkeys > LEDGER_LIMIT_KEYS_MAX)
    {
        return LEDGER_LIMIT;
    }

    for (i = 0; i < limit->nkeys; i++) {
        rc = ledger_limit_key_check(&limit->keys[i]);

        if (rc != LEDGER_OK) {
            return rc;
        }
    }

    return LEDGER_OK;
}


static ledger_rc_t
ledger_limit_key_check(const ledger_limit_key_t *key)
{
    if (key->kind < LEDGER_KEY_USER || key->kind > LEDGER_KEY_VARIABLE) {
        return LEDGER_MALFORMED;
    }

    if (key->kind != LEDGER_KEY_VARIABLE) {
        return LEDGER_OK;
    }

    if (key->name.len == 0) {
        return LEDGER_MALFORMED;
    }

    if (key->name.len > LEDGER_VARIABLE_NAME_MAX
        || key->value.len > LEDGER_IDENTITY_MAX)
    {
        return LEDGER_LIMIT;
    }

    return LEDGER_OK;
}


void
ledger_limits_put(ledger_writer_t *w, const ledger_limit_t *limits,
    uint32_t n)
{
    uint32_t  i;

    ledger_put_u8(w, n);

    for (i = 0; i < n; i++) {
        ledger_limit_put(w, &limits[i]);
    }
}


static void
ledger_limit_put(ledger_writer_t *w, const ledger_limit_t *limit)
{
    uint32_t  i;

    ledger_put_u16(w, limit->n);
    ledger_put_u8(w, limit->nkeys);

    for (i = 0; i < limit->nkeys; i++) {
        ledger_put_u8(w, limit->keys[i].kind);

        if (limit->keys[i].kind == LEDGER_KEY_VARIABLE) {
            ledger_put_slice(w, limit->keys[i].name);
            ledger_put_slice(w, limit->keys[i].value);
        }
    }
}


uint32_t
ledger_limits_take(ledger_reader_t *r, ledger_limit_t *limits)
{
    uint32_t  i, n;

    n = ledger_take_u8(r);

    if (n > LEDGER_LIMITS_MAX) {
        r->failed = 1;
    }

    if (r->failed) {
        return 0;
    }

    for (i = 0; i < n; i++) {
        ledger_limit_take(r, &limits[i]);
    }

    if (r->failed || ledger_limits_check(limits, n) != LEDGER_OK) {
        r->failed = 1;
        return 0;
    }

    return n;
}


static void
ledger_limit_take(ledger_reader_t *r, ledger_limit_t *limit)
{
    uint32_t             i;
    ledger_limit_key_t  *key;

    limit->n = ledger_take_u16(r);
    limit->nkeys = ledger_take_u8(r);

    if (limit->nkeys > LEDGER_LIMIT_KEYS_MAX) {
        r->failed = 1;
        return;
    }

    for (i = 0; i < limit->nkeys; i++) {
        key = &limit->keys[i];
        memset(key, 0, sizeof(ledger_limit_key_t));

        key->kind = ledger_take_u8(r);

        if (key->kind == LEDGER_KEY_VARIABLE) {
            key->name = ledger_take_slice(r, LEDGER_VARIABLE_NAME_MAX);
            key->value = ledger_take_slice(r, LEDGER_IDENTITY_MAX);
        }
    }
}
