
/*
 * Copyright (C) The OAuth gateway authors
 */

#include "ledger_connection.h"

#include <string.h>

#include "ledger_cursor.h"
#include "ledger_limit.h"


#define LEDGER_CONNECTION_VERSION       1

#define LEDGER_CONNECTION_HAS_REFRESH   0x01
#define LEDGER_CONNECTION_HAS_PREVIOUS  0x02
#define LEDGER_CONNECTION_EXEMPT        0x04
#define LEDGER_CONNECTION_ADOPTED       0x08
#define LEDGER_CONNECTION_ISSUED        0x10
#define LEDGER_CONNECTION_UNDECIDED     0x20
#define LEDGER_CONNECTION_RECONNECT     0x40
#define LEDGER_CONNECTION_RELEASED      0x80


static ledger_slice_t ledger_scope_word(ledger_slice_t *text);
static ledger_rc_t ledger_connection_check(
    const ledger_connection_t *connection);
static unsigned ledger_connection_beyond(
    const ledger_connection_t *connection);
static void ledger_connection_put(ledger_writer_t *w,
    const ledger_connection_t *connection);
static unsigned ledger_connection_flags(
    const ledger_connection_t *connection);
static void ledger_connection_take(ledger_reader_t *r,
    ledger_connection_t *connection);
static void ledger_connection_set_flags(ledger_connection_t *connection,
    unsigned flags);
static ledger_ms_t ledger_ms_earlier(ledger_ms_t one, ledger_ms_t two);


ledger_rc_t
ledger_connection_encode(const ledger_connection_t *connection,
    unsigned char *buf, size_t *len)
{
    ledger_rc_t      rc;
    ledger_writer_t  w;

    rc = ledger_connection_check(connection);

    if (rc != LEDGER_OK) {
        return rc;
    }

    w = ledger_writer(buf, LEDGER_CONNECTION_MAX);
    ledger_connection_put(&w, connection);

    if (w.failed) {
        return LEDGER_LIMIT;
    }

    *len = (size_t) (w.pos - buf);

    return LEDGER_OK;
}


static ledger_rc_t
ledger_connection_check(const ledger_connection_t *connection)
{
    if (connection->id == 0 || connection->provider.len == 0
        || connection->state < LEDGER_LIVE
        || connection->state > LEDGER_EXPIRED)
    {
        return LEDGER_MALFORMED;
    }

    if (connection->state == LEDGER_LIVE && connection->ended_at) {
        return LEDGER_MALFORMED;
    }

    if (connection->state == LEDGER_SUPERSEDED
        && connection->superseded_limit >= connection->nlimits)
    {
        return LEDGER_MALFORMED;
    }

    if (ledger_connection_beyond(connection)
        || connection->superseded_limit >= LEDGER_LIMITS_MAX)
    {
        return LEDGER_LIMIT;
    }

    return ledger_limits_check(connection->limits, connection->nlimits);
}


static unsigned
ledger_connection_beyond(const ledger_connection_t *connection)
{
    return connection->provider.len > LEDGER_IDENTITY_MAX
           || connection->client.len > LEDGER_IDENTITY_MAX
           || connection->user.len > LEDGER_IDENTITY_MAX
           || connection->tenant.len > LEDGER_IDENTITY_MAX
           || connection->login.len > LEDGER_IDENTITY_MAX
           || connection->owner.len > LEDGER_IDENTITY_MAX
           || connection->grant.len > LEDGER_GRANT_MAX
           || connection->scope.len > LEDGER_SCOPE_MAX
           || connection->address.len > LEDGER_ORIGIN_MAX
           || connection->agent.len > LEDGER_ORIGIN_MAX;
}


static void
ledger_connection_put(ledger_writer_t *w,
    const ledger_connection_t *connection)
{
    ledger_put_u8(w, LEDGER_CONNECTION_VERSION);
    ledger_put_u64(w, connection->id);
    ledger_put_u8(w, connection->state);
    ledger_put_u8(w, ledger_connection_flags(connection));
    ledger_put_u8(w, connection->superseded_limit);

    ledger_put_u64(w, connection->age);
    ledger_put_u64(w, connection->sent_at);
    ledger_put_u64(w, connection->opened_at);
    ledger_put_u64(w, connection->refreshed_at);
    ledger_put_u64(w, connection->last_used_at);
    ledger_put_u64(w, connection->ended_at);
    ledger_put_u64(w, connection->access_expires_at);
    ledger_put_u64(w, connection->refresh_expires_at);
    ledger_put_u64(w, connection->idle);
    ledger_put_u64(w, connection->superseded_by);
    ledger_put_u64(w, connection->access_floor);

    ledger_put_bytes(w, connection->refresh.bytes, LEDGER_TOKEN_ID_SIZE);
    ledger_put_bytes(w, connection->previous.bytes, LEDGER_TOKEN_ID_SIZE);

    ledger_put_slice(w, connection->provider);
    ledger_put_slice(w, connection->client);
    ledger_put_slice(w, connection->user);
    ledger_put_slice(w, connection->tenant);
    ledger_put_slice(w, connection->login);
    ledger_put_slice(w, connection->owner);
    ledger_put_slice(w, connection->grant);
    ledger_put_slice(w, connection->scope);
    ledger_put_slice(w, connection->address);
    ledger_put_slice(w, connection->agent);

    ledger_limits_put(w, connection->limits, connection->nlimits);
}


static unsigned
ledger_connection_flags(const ledger_connection_t *connection)
{
    return (connection->has_refresh ? LEDGER_CONNECTION_HAS_REFRESH : 0)
           | (connection->has_previous ? LEDGER_CONNECTION_HAS_PREVIOUS : 0)
           | (connection->exempt ? LEDGER_CONNECTION_EXEMPT : 0)
           | (connection->adopted ? LEDGER_CONNECTION_ADOPTED : 0)
           | (connection->issued ? LEDGER_CONNECTION_ISSUED : 0)
           | (connection->undecided ? LEDGER_CONNECTION_UNDECIDED : 0)
           | (connection->reconnect ? LEDGER_CONNECTION_RECONNECT : 0)
           | (connection->released ? LEDGER_CONNECTION_RELEASED : 0);
}


ledger_rc_t
ledger_connection_decode(const unsigned char *buf, size_t len,
    ledger_connection_t *connection)
{
    uint8_t          version;
    ledger_reader_t  r;

    r = ledger_reader(buf, len);
    version = ledger_take_u8(&r);

    if (version > LEDGER_CONNECTION_VERSION) {
        return LEDGER_VERSION;
    }

    ledger_connection_take(&r, connection);

    if (r.failed || r.pos != r.end || version != LEDGER_CONNECTION_VERSION
        || ledger_connection_check(connection) != LEDGER_OK)
    {
        return LEDGER_CORRUPT;
    }

    return LEDGER_OK;
}


static void
ledger_connection_take(ledger_reader_t *r, ledger_connection_t *connection)
{
    connection->id = ledger_take_u64(r);
    connection->state = ledger_take_u8(r);
    ledger_connection_set_flags(connection, ledger_take_u8(r));
    connection->superseded_limit = ledger_take_u8(r);

    connection->age = ledger_take_u64(r);
    connection->sent_at = ledger_take_u64(r);
    connection->opened_at = ledger_take_u64(r);
    connection->refreshed_at = ledger_take_u64(r);
    connection->last_used_at = ledger_take_u64(r);
    connection->ended_at = ledger_take_u64(r);
    connection->access_expires_at = ledger_take_u64(r);
    connection->refresh_expires_at = ledger_take_u64(r);
    connection->idle = ledger_take_u64(r);
    connection->superseded_by = ledger_take_u64(r);
    connection->access_floor = ledger_take_u64(r);

    ledger_take_bytes(r, connection->refresh.bytes, LEDGER_TOKEN_ID_SIZE);
    ledger_take_bytes(r, connection->previous.bytes, LEDGER_TOKEN_ID_SIZE);

    connection->provider = ledger_take_slice(r, LEDGER_IDENTITY_MAX);
    connection->client = ledger_take_slice(r, LEDGER_IDENTITY_MAX);
    connection->user = ledger_take_slice(r, LEDGER_IDENTITY_MAX);
    connection->tenant = ledger_take_slice(r, LEDGER_IDENTITY_MAX);
    connection->login = ledger_take_slice(r, LEDGER_IDENTITY_MAX);
    connection->owner = ledger_take_slice(r, LEDGER_IDENTITY_MAX);
    connection->grant = ledger_take_slice(r, LEDGER_GRANT_MAX);
    connection->scope = ledger_take_slice(r, LEDGER_SCOPE_MAX);
    connection->address = ledger_take_slice(r, LEDGER_ORIGIN_MAX);
    connection->agent = ledger_take_slice(r, LEDGER_ORIGIN_MAX);

    connection->nlimits = ledger_limits_take(r, connection->limits);
}


static void
ledger_connection_set_flags(ledger_connection_t *connection, unsigned flags)
{
    connection->has_refresh = (flags & LEDGER_CONNECTION_HAS_REFRESH) != 0;
    connection->has_previous = (flags & LEDGER_CONNECTION_HAS_PREVIOUS) != 0;
    connection->exempt = (flags & LEDGER_CONNECTION_EXEMPT) != 0;
    connection->adopted = (flags & LEDGER_CONNECTION_ADOPTED) != 0;
    connection->issued = (flags & LEDGER_CONNECTION_ISSUED) != 0;
    connection->undecided = (flags & LEDGER_CONNECTION_UNDECIDED) != 0;
    connection->reconnect = (flags & LEDGER_CONNECTION_RECONNECT) != 0;
    connection->released = (flags & LEDGER_CONNECTION_RELEASED) != 0;
}


ledger_ms_t
ledger_connection_end(const ledger_connection_t *connection)
{
    ledger_ms_t  end;

    end = connection->access_expires_at;

    if (connection->has_refresh) {
        /* an access token may outlive the refresh token that brought it */

        if (connection->refresh_expires_at == 0
            || connection->refresh_expires_at > end)
        {
            end = connection->refresh_expires_at;
        }
    }

    if (connection->idle) {
        end = ledger_ms_earlier(end, ledger_ms_after(connection->last_used_at,
                                                     connection->idle));
    }

    return end;
}


static ledger_ms_t
ledger_ms_earlier(ledger_ms_t one, ledger_ms_t two)
{
    if (one == 0 || (two != 0 && two < one)) {
        return two;
    }

    return one;
}


unsigned
ledger_connection_over(const ledger_connection_t *connection, ledger_ms_t now)
{
    ledger_ms_t  end;

    end = ledger_connection_end(connection);

    return end != 0 && end <= now;
}


unsigned
ledger_connection_undecided(const ledger_connection_t *one,
    const ledger_connection_t *two)
{
    if (one->adopted || two->adopted) {
        return 0;
    }

    if (one->issued && two->issued && one->age != two->age) {
        return 0;
    }

    return one->sent_at < two->opened_at && two->sent_at < one->opened_at;
}


unsigned
ledger_connection_outlived(const ledger_connection_t *loser,
    const ledger_connection_t *winner)
{
    return loser->refreshed_at > winner->opened_at
           || (loser->adopted && loser->opened_at > winner->opened_at);
}


unsigned
ledger_connection_reconnect(const ledger_connection_t *one,
    const ledger_connection_t *two)
{
    return one->owner.len != 0
           && ledger_slice_equal(one->owner, two->owner)
           && ledger_slice_equal(one->client, two->client)
           && ledger_slice_equal(one->user, two->user)
           && ledger_slice_equal(one->tenant, two->tenant);
}


unsigned
ledger_connection_replays(const ledger_connection_t *connection,
    const ledger_token_id_t *id)
{
    return (connection->has_refresh
            && ledger_token_id_equal(&connection->refresh, id))
           || (connection->has_previous
               && ledger_token_id_equal(&connection->previous, id));
}


unsigned
ledger_token_id_equal(const ledger_token_id_t *one,
    const ledger_token_id_t *two)
{
    return memcmp(one->bytes, two->bytes, LEDGER_TOKEN_ID_SIZE) == 0;
}


unsigned
ledger_slice_equal(ledger_slice_t one, ledger_slice_t two)
{
    return one.len == two.len
           && (one.len == 0 || memcmp(one.data, two.data, one.len) == 0);
}


ledger_ms_t
ledger_ms_after(ledger_ms_t time, uint64_t span)
{
    return time > UINT64_MAX - span ? UINT64_MAX : time + span;
}


unsigned
ledger_scope_covers(ledger_slice_t scope, ledger_slice_t wanted)
{
    unsigned        found;
    ledger_slice_t  word, rest;

    if (wanted.len == 0 || scope.len == 0) {
        return wanted.len == scope.len;
    }

    while (wanted.len) {
        word = ledger_scope_word(&wanted);
        rest = scope;
        found = word.len == 0;

        while (rest.len && !found) {
            found = ledger_slice_equal(ledger_scope_word(&rest), word);
        }

        if (!found) {
            return 0;
        }
    }

    return 1;
}


static ledger_slice_t
ledger_scope_word(ledger_slice_t *text)
{
    size_t                len;
    ledger_slice_t        word;
    const unsigned char  *space;

    space = memchr(text->data, ' ', text->len);
    len = space ? (size_t) (space - text->data) : text->len;

    word.data = text->data;
    word.len = len;

    len += space ? 1 : 0;
    text->data += len;
    text->len -= len;

    return word;
}
