
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * Target: ledger_record_decode(), ledger_record_encode().  A record that is
 * accepted is written as the bytes that it was read from, keeps its bounds,
 * and its slices lie inside of them.
 */

#include "ledger_record.h"

#include "fuzz.h"


static void fuzz_round_trip(ledger_slice_t in, const ledger_record_t *record);
static void fuzz_exchange(ledger_slice_t in, const ledger_exchange_t *e);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ledger_rc_t       rc;
    ledger_slice_t    in;
    ledger_record_t   record;

    in = (ledger_slice_t) { data, size };

    rc = ledger_record_decode(data, size, &record);

    fuzz_must(rc == LEDGER_OK || rc == LEDGER_VERSION
              || rc == LEDGER_CORRUPT);

    if (rc != LEDGER_OK) {
        return 0;
    }

    fuzz_must(size <= LEDGER_RECORD_MAX);

    switch (record.kind) {

    case LEDGER_EXCHANGE:
        fuzz_exchange(in, &record.u.exchange);
        break;

    case LEDGER_BINDING:
        fuzz_must(fuzz_inside(record.u.binding.user, in));
        fuzz_must(fuzz_inside(record.u.binding.tenant, in));
        break;

    case LEDGER_NOTE:
        fuzz_must(fuzz_inside(record.u.note.provider, in));
        fuzz_must(fuzz_inside(record.u.note.owner, in));
        fuzz_must(record.u.note.count >= 1);
        break;

    default:
        fuzz_must(record.kind >= LEDGER_ANSWER
                  && record.kind <= LEDGER_SWEEP);
    }

    fuzz_round_trip(in, &record);

    return 0;
}


static void
fuzz_round_trip(ledger_slice_t in, const ledger_record_t *record)
{
    size_t                len, again;
    ledger_record_t       copy;
    static unsigned char  bufs[2][LEDGER_RECORD_MAX];

    fuzz_must(ledger_record_encode(record, bufs[0], sizeof(bufs[0]), &len)
              == LEDGER_OK);
    fuzz_must(fuzz_equal(in, (ledger_slice_t) { bufs[0], len }));

    fuzz_must(ledger_record_decode(bufs[0], len, &copy) == LEDGER_OK);
    fuzz_must(ledger_record_encode(&copy, bufs[1], len, &again) == LEDGER_OK);
    fuzz_must(len == again && memcmp(bufs[0], bufs[1], len) == 0);

    fuzz_must(ledger_record_encode(record, bufs[1], len - 1, &again)
              == LEDGER_LIMIT);
}


static void
fuzz_exchange(ledger_slice_t in, const ledger_exchange_t *e)
{
    uint32_t  i, k;

    fuzz_must(e->provider.len > 0 && fuzz_inside(e->provider, in));
    fuzz_must(fuzz_inside(e->client, in));
    fuzz_must(fuzz_inside(e->user, in));
    fuzz_must(fuzz_inside(e->tenant, in));
    fuzz_must(fuzz_inside(e->login, in));
    fuzz_must(fuzz_inside(e->owner, in));
    fuzz_must(fuzz_inside(e->grant, in));
    fuzz_must(fuzz_inside(e->scope, in));
    fuzz_must(fuzz_inside(e->address, in));
    fuzz_must(fuzz_inside(e->agent, in));

    fuzz_must(e->user.len <= LEDGER_IDENTITY_MAX);
    fuzz_must(e->scope.len <= LEDGER_SCOPE_MAX);
    fuzz_must(e->grant.len <= LEDGER_GRANT_MAX);
    fuzz_must(e->arrived_at >= e->sent_at);
    fuzz_must(e->ntokens >= 1 && e->ntokens <= LEDGER_TOKENS_MAX);
    fuzz_must(e->nlimits <= LEDGER_LIMITS_MAX);
    fuzz_must(fuzz_inside(e->kept, in));
    fuzz_must(e->kept.len <= LEDGER_KEPT_MAX);
    fuzz_must(e->kept.len == 0 || e->refresh);

    for (i = 0; i < e->nlimits; i++) {
        fuzz_must(e->limits[i].n >= 1
                  && e->limits[i].n <= LEDGER_LIMIT_N_MAX);
        fuzz_must(e->limits[i].nkeys >= 1
                  && e->limits[i].nkeys <= LEDGER_LIMIT_KEYS_MAX);

        for (k = 0; k < e->limits[i].nkeys; k++) {
            fuzz_must(fuzz_inside(e->limits[i].keys[k].name, in));
            fuzz_must(fuzz_inside(e->limits[i].keys[k].value, in));
        }
    }
}
