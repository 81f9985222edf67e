
/*
 * Copyright (C) The OAuth gateway authors
 */

#define _GNU_SOURCE

#include "record.h"

#include <stdio.h>
#include <string.h>

#include "store.h"


#define RECORD_OWNERS   64
#define RECORD_CLIENTS  8
#define RECORD_TENANT   4
#define RECORD_SECOND   16
#define RECORD_APART    1000


static ledger_slice_t record_text(const char *text);


void
bench_record(ledger_record_t *record, bench_names_t *names,
    ledger_keyring_t *keys, uint64_t i, ledger_ms_t at)
{
    uint64_t            user;
    ledger_ms_t         answered;
    ledger_limit_t     *limit;
    ledger_exchange_t  *x;

    memset(record, 0, sizeof(ledger_record_t));

    /* the second of two comes after the first, and not at the same time */

    user = i;
    answered = at - RECORD_APART;

    if (i % RECORD_SECOND == RECORD_SECOND - 1) {
        user = i - 1;
        answered = at;
    }

    snprintf(names->user, sizeof(names->user), "user-%llu",
             (unsigned long long) user);
    snprintf(names->tenant, sizeof(names->tenant), "tenant-%llu",
             (unsigned long long) (i / RECORD_TENANT));
    snprintf(names->owner, sizeof(names->owner), "owner-%llu",
             (unsigned long long) (i % RECORD_OWNERS));
    snprintf(names->client, sizeof(names->client), "client-%llu",
             (unsigned long long) (user % RECORD_CLIENTS));

    record->kind = LEDGER_EXCHANGE;
    record->at = at;

    x = &record->u.exchange;

    x->provider = record_text("bench");
    x->user = record_text(names->user);
    x->tenant = record_text(names->tenant);
    x->owner = record_text(names->owner);
    x->client = record_text(names->client);
    x->grant = record_text("authorization_code");
    x->scope = record_text("api offline_access");
    x->address = record_text("192.0.2.1");
    x->agent = record_text("fill");
    x->sent_at = answered - 10;
    x->arrived_at = answered;
    x->issued_at = answered - 5;
    x->idle = 400 * BENCH_DAY;

    bench_token(x, keys, "at", i);
    x->tokens[0].kind = LEDGER_ACCESS;
    x->tokens[0].expires_at = at + BENCH_DAY;

    bench_token(x, keys, "rt", i);
    x->tokens[1].kind = LEDGER_REFRESH;

    limit = &x->limits[0];
    limit->n = 1;
    limit->nkeys = 2;
    limit->keys[0].kind = LEDGER_KEY_USER;
    limit->keys[1].kind = LEDGER_KEY_CLIENT;
    x->nlimits = 1;
}


void
bench_token(ledger_exchange_t *x, ledger_keyring_t *keys, const char *kind,
    uint64_t i)
{
    char             text[64];
    uint32_t         n;
    ledger_token_t  *token;

    token = &x->tokens[x->ntokens++];
    token->key = ledger_keyring_ids(keys, &n)[0];

    snprintf(text, sizeof(text), "%s-fill-%llu", kind,
             (unsigned long long) i);

    if (ledger_keyring_name(keys, record_text(text), &token->id) != LEDGER_OK) {
        bench_fail("a token cannot be named", text);
    }
}


static ledger_slice_t
record_text(const char *text)
{
    return (ledger_slice_t) { (const unsigned char *) text, strlen(text) };
}
