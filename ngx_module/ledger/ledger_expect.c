
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * R1 before it happens: whom a connect would supersede.
 */

#include "ledger.h"

#include <string.h>

#include "ledger_connection.h"
#include "ledger_limit.h"
#include "ledger_store.h"


/*
 * Whoever leaves a slot is among its oldest, so the last of them tells all
 * of them, however many they are.
 */

typedef struct {
    ledger_slot_id_t       slot;
    ledger_member_t        last;
    unsigned               evicts:1;
} ledger_eviction_t;


typedef struct {
    ledger_view_t          view;
    ledger_expectation_t  *expectation;
    ledger_connection_t    newcomer;
    ledger_connection_t    member;       /* the one that was found last */
    ledger_eviction_t      evictions[LEDGER_LIMITS_MAX];
    ledger_ms_t            now;
} ledger_expect_t;


static ledger_rc_t ledger_expect_check(const ledger_exchange_t *x);
static void ledger_expect_newcomer(const ledger_exchange_t *x,
    ledger_ms_t now, ledger_connection_t *c);
static ledger_rc_t ledger_expect_limits(ledger_expect_t *expect);
static ledger_rc_t ledger_expect_count(ledger_expect_t *expect,
    unsigned limit, uint32_t *count);
static ledger_rc_t ledger_expect_evict(ledger_expect_t *expect,
    unsigned limit, uint32_t left);
static ledger_rc_t ledger_expect_next(ledger_expect_t *expect,
    unsigned limit, ledger_member_t *from);
static ledger_rc_t ledger_expect_left(ledger_expect_t *expect,
    unsigned limit, const ledger_member_t *member);
static ledger_rc_t ledger_expect_load(ledger_expect_t *expect, uint64_t id);
static void ledger_expect_victim(ledger_expect_t *expect, unsigned limit);
static ledger_rc_t ledger_expect_meeting(ledger_slice_t salt,
    const unsigned char *bytes, size_t size, ledger_token_id_t *names,
    uint32_t *n);


ledger_rc_t
ledger_expect(ledger_t *ledger, const ledger_exchange_t *x, ledger_ms_t now,
    ledger_expectation_t *expectation)
{
    ledger_rc_t      rc;
    ledger_expect_t  expect;

    memset(expectation, 0, sizeof(ledger_expectation_t));

    rc = ledger_expect_check(x);

    if (rc != LEDGER_OK || x->refresh || x->exempt) {
        return rc;
    }

    memset(&expect, 0, sizeof(ledger_expect_t));

    expect.expectation = expectation;
    expect.now = now;
    ledger_expect_newcomer(x, now, &expect.newcomer);

    rc = ledger_store_read(ledger, &expect.view);

    if (rc != LEDGER_OK) {
        return rc;
    }

    rc = ledger_expect_limits(&expect);

    ledger_store_read_end(&expect.view);

    /* what a slot names and is not there is damage */

    return rc == LEDGER_NOT_FOUND || rc == LEDGER_VERSION ? LEDGER_CORRUPT
                                                          : rc;
}


static ledger_rc_t
ledger_expect_check(const ledger_exchange_t *x)
{
    if (x->provider.len == 0) {
        return LEDGER_MALFORMED;
    }

    if (x->provider.len > LEDGER_IDENTITY_MAX
        || x->client.len > LEDGER_IDENTITY_MAX
        || x->user.len > LEDGER_IDENTITY_MAX
        || x->tenant.len > LEDGER_IDENTITY_MAX
        || x->owner.len > LEDGER_IDENTITY_MAX
        || x->scope.len > LEDGER_SCOPE_MAX)
    {
        return LEDGER_LIMIT;
    }

    return ledger_limits_check(x->limits, x->nlimits);
}


static void
ledger_expect_newcomer(const ledger_exchange_t *x, ledger_ms_t now,
    ledger_connection_t *c)
{
    c->provider = x->provider;
    c->client = x->client;
    c->user = x->user;
    c->tenant = x->tenant;
    c->owner = x->owner;
    c->scope = x->scope;

    c->age = now;
    c->opened_at = now;

    c->nlimits = x->nlimits;
    memcpy(c->limits, x->limits, x->nlimits * sizeof(ledger_limit_t));

    c->state = LEDGER_LIVE;
}


static ledger_rc_t
ledger_expect_limits(ledger_expect_t *expect)
{
    unsigned         i;
    uint32_t         n, count;
    ledger_rc_t      rc;
    ledger_header_t  header;

    for (i = 0; i < expect->newcomer.nlimits; i++) {

        if (expect->newcomer.state != LEDGER_LIVE) {
            break;
        }

        n = expect->newcomer.limits[i].n;
        count = 0;

        rc = ledger_place(&expect->newcomer, i, &expect->evictions[i].slot);

        if (rc == LEDGER_OK) {
            rc = ledger_store_slot(&expect->view, &expect->evictions[i].slot,
                                   &header);
        }

        if (rc == LEDGER_NOT_FOUND || (rc == LEDGER_OK && header.count < n)) {
            continue;
        }

        if (rc == LEDGER_OK) {
            rc = ledger_expect_count(expect, i, &count);
        }

        if (rc == LEDGER_OK && count >= n) {
            rc = ledger_expect_evict(expect, i, count - n + 1);
        }

        if (rc != LEDGER_OK) {
            return rc;
        }
    }

    return LEDGER_OK;
}


/* Who is there when the connect comes to this limit, itself not counted. */

static ledger_rc_t
ledger_expect_count(ledger_expect_t *expect, unsigned limit, uint32_t *count)
{
    ledger_rc_t      rc;
    ledger_member_t  from;

    memset(&from, 0, sizeof(ledger_member_t));

    for (*count = 0; /* void */ ; (*count)++) {
        rc = ledger_expect_next(expect, limit, &from);

        if (rc != LEDGER_OK) {
            return rc == LEDGER_NOT_FOUND ? LEDGER_OK : rc;
        }
    }
}


static ledger_rc_t
ledger_expect_evict(ledger_expect_t *expect, unsigned limit, uint32_t left)
{
    ledger_rc_t           rc;
    ledger_member_t       from;
    ledger_connection_t  *member, *newcomer;

    member = &expect->member;
    newcomer = &expect->newcomer;
    memset(&from, 0, sizeof(ledger_member_t));

    for ( /* void */ ; left; left--) {
        rc = ledger_expect_next(expect, limit, &from);

        if (rc != LEDGER_OK) {
            return rc;
        }

        if (member->age > newcomer->age) {
            /* the newcomer itself is the oldest */
            newcomer->state = LEDGER_SUPERSEDED;
            return LEDGER_OK;
        }

        if (ledger_connection_outlived(member, newcomer)) {
            return LEDGER_OK;
        }

        expect->evictions[limit].last.age = member->age;
        expect->evictions[limit].last.id = member->id;
        expect->evictions[limit].evicts = 1;

        ledger_expect_victim(expect, limit);
    }

    return LEDGER_OK;
}


/*
 * Finds the first member at or after "from" that is live when the connect
 * comes to this limit, and moves "from" behind it; LEDGER_NOT_FOUND: none.
 */

static ledger_rc_t
ledger_expect_next(ledger_expect_t *expect, unsigned limit,
    ledger_member_t *from)
{
    ledger_rc_t      rc;
    ledger_member_t  member;

    for ( ;; ) {
        rc = ledger_store_member(&expect->view, LEDGER_MEMBERS,
                                 &expect->evictions[limit].slot, from,
                                 &member);

        if (rc != LEDGER_OK) {
            return rc;
        }

        *from = member;
        from->id++;

        rc = ledger_expect_left(expect, limit, &member);

        if (rc == LEDGER_OK) {
            continue;
        }

        if (rc == LEDGER_NOT_FOUND) {
            rc = ledger_expect_load(expect, member.id);
        }

        if (rc != LEDGER_OK
            || !ledger_connection_over(&expect->member, expect->now))
        {
            return rc;
        }
    }
}


/* LEDGER_OK: an earlier limit ended that member; LEDGER_NOT_FOUND: none. */

static ledger_rc_t
ledger_expect_left(ledger_expect_t *expect, unsigned limit,
    const ledger_member_t *member)
{
    unsigned                  i;
    ledger_rc_t               rc;
    ledger_member_t           found;
    const ledger_eviction_t  *eviction;

    for (i = 0; i < limit; i++) {
        eviction = &expect->evictions[i];

        if (!eviction->evicts || member->age > eviction->last.age
            || (member->age == eviction->last.age
                && member->id > eviction->last.id))
        {
            continue;
        }

        rc = ledger_store_member(&expect->view, LEDGER_MEMBERS,
                                 &eviction->slot, member, &found);

        if (rc == LEDGER_OK && found.id == member->id
            && found.age == member->age)
        {
            return LEDGER_OK;
        }

        if (rc != LEDGER_OK && rc != LEDGER_NOT_FOUND) {
            return rc;
        }
    }

    return LEDGER_NOT_FOUND;
}


static ledger_rc_t
ledger_expect_load(ledger_expect_t *expect, uint64_t id)
{
    ledger_rc_t  rc;

    rc = ledger_store_decoded(&expect->view, id, &expect->member);

    /* not found would read as the end of the slot */

    if (rc == LEDGER_NOT_FOUND
        || (rc == LEDGER_OK && expect->member.id != id))
    {
        return LEDGER_CORRUPT;
    }

    return rc;
}


static void
ledger_expect_victim(ledger_expect_t *expect, unsigned limit)
{
    ledger_victim_t        victim;
    ledger_expectation_t  *e;

    e = expect->expectation;

    memset(&victim, 0, sizeof(ledger_victim_t));

    victim.connection = expect->member.id;
    victim.limit = (uint8_t) limit;
    victim.same_owner = expect->newcomer.owner.len != 0
                        && ledger_slice_equal(expect->newcomer.owner,
                                              expect->member.owner);

    if (e->nvictims < LEDGER_LIMITS_MAX) {
        e->victims[e->nvictims++] = victim;
    }

    e->total++;

    if (!victim.same_owner && e->takeover.connection == 0) {
        e->takeover = victim;
    }
}


ledger_rc_t
ledger_expect_meetings(const ledger_exchange_t *x, ledger_slice_t salt,
    ledger_token_id_t *names, uint32_t *n)
{
    unsigned             i;
    ledger_rc_t          rc;
    ledger_slot_id_t     slot;
    ledger_alias_id_t    alias;
    ledger_connection_t  newcomer;

    *n = 0;

    rc = x->login.len > LEDGER_IDENTITY_MAX ? LEDGER_LIMIT
                                            : ledger_expect_check(x);

    if (rc != LEDGER_OK || x->refresh || x->exempt) {
        return rc;
    }

    memset(&newcomer, 0, sizeof(ledger_connection_t));
    ledger_expect_newcomer(x, 0, &newcomer);

    for (i = 0; i < newcomer.nlimits; i++) {
        rc = ledger_place(&newcomer, i, &slot);

        if (rc == LEDGER_NOT_FOUND) {
            continue;
        }

        if (rc == LEDGER_OK) {
            rc = ledger_expect_meeting(salt, slot.bytes, LEDGER_SLOT_ID_SIZE,
                                       names, n);
        }

        if (rc != LEDGER_OK) {
            return rc;
        }
    }

    if (x->login.len == 0) {
        return LEDGER_OK;
    }

    rc = ledger_place_alias(x->provider, x->login, &alias);

    return rc == LEDGER_OK
           ? ledger_expect_meeting(salt, alias.bytes, LEDGER_ALIAS_ID_SIZE,
                                   names, n)
           : rc;
}


/* Two limits may mean one slot. */

static ledger_rc_t
ledger_expect_meeting(ledger_slice_t salt, const unsigned char *bytes,
    size_t size, ledger_token_id_t *names, uint32_t *n)
{
    uint32_t     i;
    ledger_rc_t  rc;

    rc = ledger_place_salted(salt, bytes, size, &names[*n]);

    if (rc != LEDGER_OK) {
        return rc;
    }

    for (i = 0; i < *n; i++) {

        if (ledger_token_id_equal(&names[i], &names[*n])) {
            return LEDGER_OK;
        }
    }

    (*n)++;

    return LEDGER_OK;
}
