
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * Target: what the store reads back, ledger_connection_decode() and
 * ledger_header_decode().  The first byte tells which.  A row that is
 * accepted keeps its bounds, its slices lie inside of it, and it is written
 * as the bytes that it was read from.
 */

#include "ledger_connection.h"
#include "ledger_place.h"

#include "fuzz.h"


static void fuzz_connection(ledger_slice_t in);
static void fuzz_limits(ledger_slice_t in, const ledger_connection_t *c);
static void fuzz_judged(const ledger_connection_t *c);
static void fuzz_header(ledger_slice_t in);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }

    if (data[0] % 2) {
        fuzz_header((ledger_slice_t) { data + 1, size - 1 });

    } else {
        fuzz_connection((ledger_slice_t) { data + 1, size - 1 });
    }

    return 0;
}


static void
fuzz_connection(ledger_slice_t in)
{
    size_t                len;
    ledger_rc_t           rc;
    ledger_connection_t   c;
    static unsigned char  buf[LEDGER_CONNECTION_MAX];

    rc = ledger_connection_decode(in.data, in.len, &c);

    fuzz_must(rc == LEDGER_OK || rc == LEDGER_VERSION
              || rc == LEDGER_CORRUPT);

    if (rc != LEDGER_OK) {
        return;
    }

    fuzz_must(c.id != 0);
    fuzz_must(c.provider.len > 0 && fuzz_inside(c.provider, in));
    fuzz_must(fuzz_inside(c.client, in));
    fuzz_must(fuzz_inside(c.user, in));
    fuzz_must(fuzz_inside(c.tenant, in));
    fuzz_must(fuzz_inside(c.login, in));
    fuzz_must(fuzz_inside(c.owner, in));
    fuzz_must(fuzz_inside(c.grant, in));
    fuzz_must(fuzz_inside(c.scope, in));
    fuzz_must(fuzz_inside(c.address, in));
    fuzz_must(fuzz_inside(c.agent, in));

    fuzz_must(c.provider.len <= LEDGER_IDENTITY_MAX);
    fuzz_must(c.user.len <= LEDGER_IDENTITY_MAX);
    fuzz_must(c.scope.len <= LEDGER_SCOPE_MAX);
    fuzz_must(c.state >= LEDGER_LIVE && c.state <= LEDGER_EXPIRED);
    fuzz_must(c.state != LEDGER_LIVE || c.ended_at == 0);

    fuzz_limits(in, &c);
    fuzz_judged(&c);

    fuzz_must(ledger_connection_encode(&c, buf, &len) == LEDGER_OK);
    fuzz_must(fuzz_equal(in, (ledger_slice_t) { buf, len }));
}


static void
fuzz_limits(ledger_slice_t in, const ledger_connection_t *c)
{
    uint32_t               i, k;
    const ledger_limit_t  *limit;

    fuzz_must(c->nlimits <= LEDGER_LIMITS_MAX);

    for (i = 0; i < c->nlimits; i++) {
        limit = &c->limits[i];

        fuzz_must(limit->n >= 1 && limit->n <= LEDGER_LIMIT_N_MAX);
        fuzz_must(limit->nkeys >= 1
                  && limit->nkeys <= LEDGER_LIMIT_KEYS_MAX);

        for (k = 0; k < limit->nkeys; k++) {
            fuzz_must(fuzz_inside(limit->keys[k].name, in));
            fuzz_must(fuzz_inside(limit->keys[k].value, in));
        }
    }
}


/* What is decided from it alone does not change by asking again. */

static void
fuzz_judged(const ledger_connection_t *c)
{
    unsigned          i;
    ledger_slot_id_t  one, two;

    fuzz_must(!ledger_connection_reconnect(c, c) || c->owner.len > 0);

    /* once over, over for good */

    fuzz_must(!ledger_connection_over(c, c->opened_at)
              || ledger_connection_over(c, UINT64_MAX));

    for (i = 0; i < c->nlimits; i++) {

        if (ledger_place(c, i, &one) == LEDGER_OK) {
            fuzz_must(ledger_place(c, i, &two) == LEDGER_OK);
            fuzz_must(memcmp(&one, &two, sizeof(one)) == 0);
        }
    }
}


static void
fuzz_header(ledger_slice_t in)
{
    uint32_t         i;
    ledger_rc_t      rc;
    ledger_header_t  header;
    unsigned char    buf[LEDGER_HEADER_MAX];

    rc = ledger_header_decode(in.data, in.len, &header);

    fuzz_must(rc == LEDGER_OK || rc == LEDGER_CORRUPT
              || rc == LEDGER_VERSION);

    if (rc != LEDGER_OK) {
        return;
    }

    fuzz_must(header.ncontests <= LEDGER_CONTESTS_MAX);

    i = (uint32_t) ledger_header_encode(&header, buf);

    fuzz_must(fuzz_equal(in, (ledger_slice_t) { buf, i }));

    /* a contest more is kept, and forgets no more than the oldest */

    i = header.ncontests;
    ledger_header_contest(&header, &(ledger_contest_t) { .at = 1 });

    fuzz_must(header.ncontests == (i < LEDGER_CONTESTS_MAX ? i + 1 : i));
    fuzz_must(header.contests[header.ncontests - 1].at == 1);

    /* what is contested within a time is so within a longer one */

    fuzz_must(!ledger_header_contested(&header, 1000, 2, 10)
              || ledger_header_contested(&header, 1000, 2, 1000));
}
