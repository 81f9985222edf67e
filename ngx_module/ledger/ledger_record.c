
/*
 * Copyright (C) The OAuth gateway authors
 */

#include "ledger_record.h"

#include <string.h>

#include "ledger_cursor.h"
#include "ledger_limit.h"


/* what carries neither is still written as it always was */
#define LEDGER_RECORD_VERSION       1
#define LEDGER_RECORD_VERSION_KEPT  2
#define LEDGER_RECORD_VERSION_LENT  3

#define LEDGER_EXCHANGE_REFRESH     0x01
#define LEDGER_EXCHANGE_EXEMPT      0x02
#define LEDGER_EXCHANGE_ENDS        0x04
#define LEDGER_EXCHANGE_FLAGS       0x07

/* in the part that version 3 adds */
#define LEDGER_LENT_NARROWED        0x01
#define LEDGER_LENT_KEPT            0x02
#define LEDGER_LENT_FLAGS           0x03


static unsigned ledger_record_version(const ledger_record_t *record);
static ledger_rc_t ledger_record_write(const ledger_record_t *record,
    unsigned version, unsigned char *buf, size_t size, size_t *len);
static ledger_rc_t ledger_record_check(const ledger_record_t *record);
static ledger_rc_t ledger_exchange_check(const ledger_exchange_t *exchange);
static ledger_rc_t ledger_exchange_check_texts(
    const ledger_exchange_t *exchange);
static ledger_rc_t ledger_exchange_check_tokens(
    const ledger_exchange_t *exchange);
static ledger_rc_t ledger_exchange_check_kept(
    const ledger_exchange_t *exchange);
static ledger_rc_t ledger_exchange_check_lent(
    const ledger_exchange_t *exchange);
static void ledger_record_put(ledger_writer_t *w,
    const ledger_record_t *record, unsigned version);
static void ledger_exchange_put(ledger_writer_t *w,
    const ledger_exchange_t *exchange);
static void ledger_exchange_put_tokens(ledger_writer_t *w,
    const ledger_exchange_t *exchange);
static void ledger_exchange_put_kept(ledger_writer_t *w,
    const ledger_exchange_t *exchange);
static void ledger_exchange_put_lent(ledger_writer_t *w,
    const ledger_exchange_t *exchange);
static void ledger_record_take(ledger_reader_t *r, ledger_record_t *record);
static void ledger_exchange_take(ledger_reader_t *r,
    ledger_exchange_t *exchange);
static void ledger_exchange_take_tokens(ledger_reader_t *r,
    ledger_exchange_t *exchange);
static void ledger_exchange_take_kept(ledger_reader_t *r,
    ledger_exchange_t *exchange);
static ledger_rc_t ledger_note_check(const ledger_note_t *note);
static void ledger_exchange_take_lent(ledger_reader_t *r,
    ledger_exchange_t *exchange);
static unsigned ledger_take_flag(ledger_reader_t *r);


ledger_rc_t
ledger_record_encode(const ledger_record_t *record, unsigned char *buf,
    size_t size, size_t *len)
{
    return ledger_record_write(record, ledger_record_version(record), buf,
                               size, len);
}


ledger_rc_t
ledger_record_encode_log(const ledger_record_t *record, unsigned char *buf,
    size_t size, size_t *len)
{
    return ledger_record_write(record, LEDGER_RECORD_VERSION, buf, size, len);
}


static unsigned
ledger_record_version(const ledger_record_t *record)
{
    if (record->kind != LEDGER_EXCHANGE) {
        return LEDGER_RECORD_VERSION;
    }

    if (record->u.exchange.accepted_key) {
        return LEDGER_RECORD_VERSION_LENT;
    }

    return record->u.exchange.kept.len ? LEDGER_RECORD_VERSION_KEPT
                                       : LEDGER_RECORD_VERSION;
}


static ledger_rc_t
ledger_record_write(const ledger_record_t *record, unsigned version,
    unsigned char *buf, size_t size, size_t *len)
{
    ledger_rc_t      rc;
    ledger_writer_t  w;

    rc = ledger_record_check(record);

    if (rc != LEDGER_OK) {
        return rc;
    }

    w = ledger_writer(buf, size);
    ledger_record_put(&w, record, version);

    if (w.failed) {
        return LEDGER_LIMIT;
    }

    *len = (size_t) (w.pos - buf);

    return LEDGER_OK;
}


static ledger_rc_t
ledger_record_check(const ledger_record_t *record)
{
    switch (record->kind) {

    case LEDGER_EXCHANGE:
        return ledger_exchange_check(&record->u.exchange);

    case LEDGER_BINDING:
        if (record->u.binding.user.len > LEDGER_IDENTITY_MAX
            || record->u.binding.tenant.len > LEDGER_IDENTITY_MAX)
        {
            return LEDGER_LIMIT;
        }

        return LEDGER_OK;

    case LEDGER_SWEEP:
        return record->u.sweep.max ? LEDGER_OK : LEDGER_LIMIT;

    case LEDGER_NOTE:
        return ledger_note_check(&record->u.note);

    case LEDGER_ANSWER:
    case LEDGER_REFUSAL:
    case LEDGER_REVOCATION:
    case LEDGER_USE:
    case LEDGER_RELEASE:
    case LEDGER_REINSTATE:
        return LEDGER_OK;

    default:
        return LEDGER_MALFORMED;
    }
}


static ledger_rc_t
ledger_note_check(const ledger_note_t *note)
{
    if (note->count == 0
        || note->provider.len > LEDGER_IDENTITY_MAX
        || note->owner.len > LEDGER_IDENTITY_MAX)
    {
        return LEDGER_LIMIT;
    }

    switch (note->event) {

    case LEDGER_EVENT_REPLAYED:
    case LEDGER_EVENT_JOINED:
    case LEDGER_EVENT_REJECTED:
    case LEDGER_EVENT_FLAGGED:
    case LEDGER_EVENT_HEALED:
    case LEDGER_EVENT_CONTESTED:
    case LEDGER_EVENT_UNRECORDED:
    case LEDGER_EVENT_TAKEOVER_REJECTED:
        return LEDGER_OK;

    default:
        return LEDGER_MALFORMED;
    }
}


static ledger_rc_t
ledger_exchange_check(const ledger_exchange_t *exchange)
{
    ledger_rc_t  rc;

    rc = ledger_exchange_check_texts(exchange);

    if (rc != LEDGER_OK) {
        return rc;
    }

    if (exchange->arrived_at < exchange->sent_at) {
        return LEDGER_MALFORMED;
    }

    rc = ledger_exchange_check_tokens(exchange);

    if (rc == LEDGER_OK) {
        rc = ledger_exchange_check_kept(exchange);
    }

    if (rc == LEDGER_OK) {
        rc = ledger_exchange_check_lent(exchange);
    }

    if (rc != LEDGER_OK) {
        return rc;
    }

    return ledger_limits_check(exchange->limits, exchange->nlimits);
}


static ledger_rc_t
ledger_exchange_check_texts(const ledger_exchange_t *exchange)
{
    if (exchange->provider.len == 0) {
        return LEDGER_MALFORMED;
    }

    if (exchange->provider.len > LEDGER_IDENTITY_MAX
        || exchange->client.len > LEDGER_IDENTITY_MAX
        || exchange->user.len > LEDGER_IDENTITY_MAX
        || exchange->tenant.len > LEDGER_IDENTITY_MAX
        || exchange->login.len > LEDGER_IDENTITY_MAX
        || exchange->owner.len > LEDGER_IDENTITY_MAX
        || exchange->grant.len > LEDGER_GRANT_MAX
        || exchange->scope.len > LEDGER_SCOPE_MAX
        || exchange->address.len > LEDGER_ORIGIN_MAX
        || exchange->agent.len > LEDGER_ORIGIN_MAX)
    {
        return LEDGER_LIMIT;
    }

    return LEDGER_OK;
}


static ledger_rc_t
ledger_exchange_check_tokens(const ledger_exchange_t *exchange)
{
    uint32_t  i;
    uint8_t   kind;

    if (exchange->ntokens == 0) {
        return LEDGER_MALFORMED;
    }

    if (exchange->ntokens > LEDGER_TOKENS_MAX) {
        return LEDGER_LIMIT;
    }

    for (i = 0; i < exchange->ntokens; i++) {
        kind = exchange->tokens[i].kind;

        if (kind != LEDGER_ACCESS && kind != LEDGER_REFRESH) {
            return LEDGER_MALFORMED;
        }
    }

    return LEDGER_OK;
}


static ledger_rc_t
ledger_exchange_check_kept(const ledger_exchange_t *exchange)
{
    if (exchange->kept.len > LEDGER_KEPT_MAX) {
        return LEDGER_LIMIT;
    }

    return exchange->kept.len && !exchange->refresh ? LEDGER_MALFORMED
                                                    : LEDGER_OK;
}


static ledger_rc_t
ledger_exchange_check_lent(const ledger_exchange_t *exchange)
{
    if (exchange->lent.len > LEDGER_LENT_MAX) {
        return LEDGER_LIMIT;
    }

    return (exchange->lent.len || exchange->narrowed)
           && exchange->accepted_key == 0
           ? LEDGER_MALFORMED : LEDGER_OK;
}


static void
ledger_record_put(ledger_writer_t *w, const ledger_record_t *record,
    unsigned version)
{
    ledger_put_u8(w, version);
    ledger_put_u8(w, record->kind);
    ledger_put_u64(w, record->at);

    switch (record->kind) {

    case LEDGER_EXCHANGE:
        ledger_exchange_put(w, &record->u.exchange);

        if (version == LEDGER_RECORD_VERSION_KEPT) {
            ledger_exchange_put_kept(w, &record->u.exchange);

        } else if (version == LEDGER_RECORD_VERSION_LENT) {
            ledger_exchange_put_lent(w, &record->u.exchange);
        }

        break;

    case LEDGER_BINDING:
        ledger_put_u64(w, record->u.binding.connection);
        ledger_put_slice(w, record->u.binding.user);
        ledger_put_slice(w, record->u.binding.tenant);
        break;

    case LEDGER_ANSWER:
        ledger_put_u64(w, record->u.answer.connection);
        ledger_put_bytes(w, record->u.answer.token.bytes,
                         LEDGER_TOKEN_ID_SIZE);
        ledger_put_u64(w, record->u.answer.sent_at);
        ledger_put_u8(w, record->u.answer.alive);
        break;

    case LEDGER_REFUSAL:
        ledger_put_bytes(w, record->u.refusal.presented.bytes,
                         LEDGER_TOKEN_ID_SIZE);
        ledger_put_u64(w, record->u.refusal.sent_at);
        break;

    case LEDGER_REVOCATION:
        ledger_put_bytes(w, record->u.revocation.token.bytes,
                         LEDGER_TOKEN_ID_SIZE);
        ledger_put_u8(w, record->u.revocation.whole);
        break;

    case LEDGER_USE:
        ledger_put_u64(w, record->u.use.connection);
        break;

    case LEDGER_SWEEP:
        ledger_put_u64(w, record->u.sweep.retention);
        ledger_put_u32(w, record->u.sweep.max);
        break;

    case LEDGER_NOTE:
        ledger_put_u64(w, record->u.note.connection);
        ledger_put_u64(w, record->u.note.other);
        ledger_put_slice(w, record->u.note.provider);
        ledger_put_slice(w, record->u.note.owner);
        ledger_put_u32(w, record->u.note.count);
        ledger_put_u8(w, record->u.note.event);
        break;

    default: /* LEDGER_RELEASE, LEDGER_REINSTATE */
        ledger_put_u64(w, record->u.order.connection);
        break;
    }
}


static void
ledger_exchange_put(ledger_writer_t *w, const ledger_exchange_t *exchange)
{
    unsigned  flags;

    ledger_put_slice(w, exchange->provider);
    ledger_put_slice(w, exchange->client);
    ledger_put_slice(w, exchange->user);
    ledger_put_slice(w, exchange->tenant);
    ledger_put_slice(w, exchange->login);
    ledger_put_slice(w, exchange->owner);
    ledger_put_slice(w, exchange->grant);
    ledger_put_slice(w, exchange->scope);
    ledger_put_slice(w, exchange->address);
    ledger_put_slice(w, exchange->agent);

    ledger_put_u64(w, exchange->sent_at);
    ledger_put_u64(w, exchange->arrived_at);
    ledger_put_u64(w, exchange->issued_at);
    ledger_put_u64(w, exchange->refresh_expires_at);
    ledger_put_u64(w, exchange->idle);

    flags = (exchange->refresh ? LEDGER_EXCHANGE_REFRESH : 0)
            | (exchange->exempt ? LEDGER_EXCHANGE_EXEMPT : 0)
            | (exchange->refresh_ends_access ? LEDGER_EXCHANGE_ENDS : 0);

    ledger_put_u8(w, flags);

    if (exchange->refresh) {
        ledger_put_bytes(w, exchange->presented.bytes, LEDGER_TOKEN_ID_SIZE);
    }

    ledger_exchange_put_tokens(w, exchange);
    ledger_limits_put(w, exchange->limits, exchange->nlimits);
}


static void
ledger_exchange_put_tokens(ledger_writer_t *w,
    const ledger_exchange_t *exchange)
{
    uint32_t               i;
    const ledger_token_t  *token;

    ledger_put_u8(w, exchange->ntokens);

    for (i = 0; i < exchange->ntokens; i++) {
        token = &exchange->tokens[i];

        ledger_put_bytes(w, token->id.bytes, LEDGER_TOKEN_ID_SIZE);
        ledger_put_u64(w, token->expires_at);
        ledger_put_u32(w, token->key);
        ledger_put_u8(w, token->kind);
    }
}


static void
ledger_exchange_put_kept(ledger_writer_t *w, const ledger_exchange_t *exchange)
{
    ledger_put_u64(w, exchange->kept_until);
    ledger_put_bytes(w, exchange->print, LEDGER_PRINT_SIZE);
    ledger_put_slice(w, exchange->kept);
}


static void
ledger_exchange_put_lent(ledger_writer_t *w, const ledger_exchange_t *exchange)
{
    unsigned  flags;

    flags = (exchange->narrowed ? LEDGER_LENT_NARROWED : 0)
            | (exchange->kept.len ? LEDGER_LENT_KEPT : 0);

    ledger_put_u8(w, flags);

    if (exchange->kept.len) {
        ledger_exchange_put_kept(w, exchange);
    }

    ledger_put_u32(w, exchange->accepted_key);
    ledger_put_bytes(w, exchange->accepted, LEDGER_CLIENT_SIZE);
    ledger_put_slice(w, exchange->lent);
}


ledger_rc_t
ledger_record_decode(const unsigned char *buf, size_t len,
    ledger_record_t *record)
{
    uint8_t          version;
    ledger_reader_t  r;

    memset(record, 0, sizeof(ledger_record_t));

    r = ledger_reader(buf, len);
    version = ledger_take_u8(&r);

    if (version > LEDGER_RECORD_VERSION_LENT) {
        return LEDGER_VERSION;
    }

    ledger_record_take(&r, record);

    if (record->kind == LEDGER_EXCHANGE) {

        if (version == LEDGER_RECORD_VERSION_KEPT) {
            ledger_exchange_take_kept(&r, &record->u.exchange);

        } else if (version == LEDGER_RECORD_VERSION_LENT) {
            ledger_exchange_take_lent(&r, &record->u.exchange);
        }
    }

    if (r.failed || r.pos != r.end
        || version != ledger_record_version(record)
        || ledger_record_check(record) != LEDGER_OK)
    {
        return LEDGER_CORRUPT;
    }

    return LEDGER_OK;
}


static void
ledger_record_take(ledger_reader_t *r, ledger_record_t *record)
{
    record->kind = ledger_take_u8(r);
    record->at = ledger_take_u64(r);

    switch (record->kind) {

    case LEDGER_EXCHANGE:
        ledger_exchange_take(r, &record->u.exchange);
        break;

    case LEDGER_BINDING:
        record->u.binding.connection = ledger_take_u64(r);
        record->u.binding.user = ledger_take_slice(r, LEDGER_IDENTITY_MAX);
        record->u.binding.tenant = ledger_take_slice(r, LEDGER_IDENTITY_MAX);
        break;

    case LEDGER_ANSWER:
        record->u.answer.connection = ledger_take_u64(r);
        ledger_take_bytes(r, record->u.answer.token.bytes,
                          LEDGER_TOKEN_ID_SIZE);
        record->u.answer.sent_at = ledger_take_u64(r);
        record->u.answer.alive = ledger_take_flag(r) & 1;
        break;

    case LEDGER_REFUSAL:
        ledger_take_bytes(r, record->u.refusal.presented.bytes,
                          LEDGER_TOKEN_ID_SIZE);
        record->u.refusal.sent_at = ledger_take_u64(r);
        break;

    case LEDGER_REVOCATION:
        ledger_take_bytes(r, record->u.revocation.token.bytes,
                          LEDGER_TOKEN_ID_SIZE);
        record->u.revocation.whole = ledger_take_flag(r) & 1;
        break;

    case LEDGER_USE:
        record->u.use.connection = ledger_take_u64(r);
        break;

    case LEDGER_SWEEP:
        record->u.sweep.retention = ledger_take_u64(r);
        record->u.sweep.max = ledger_take_u32(r);
        break;

    case LEDGER_NOTE:
        record->u.note.connection = ledger_take_u64(r);
        record->u.note.other = ledger_take_u64(r);
        record->u.note.provider = ledger_take_slice(r, LEDGER_IDENTITY_MAX);
        record->u.note.owner = ledger_take_slice(r, LEDGER_IDENTITY_MAX);
        record->u.note.count = ledger_take_u32(r);
        record->u.note.event = ledger_take_u8(r);
        break;

    case LEDGER_RELEASE:
    case LEDGER_REINSTATE:
        record->u.order.connection = ledger_take_u64(r);
        break;

    default:
        r->failed = 1;
        break;
    }
}


static void
ledger_exchange_take(ledger_reader_t *r, ledger_exchange_t *exchange)
{
    unsigned  flags;

    exchange->provider = ledger_take_slice(r, LEDGER_IDENTITY_MAX);
    exchange->client = ledger_take_slice(r, LEDGER_IDENTITY_MAX);
    exchange->user = ledger_take_slice(r, LEDGER_IDENTITY_MAX);
    exchange->tenant = ledger_take_slice(r, LEDGER_IDENTITY_MAX);
    exchange->login = ledger_take_slice(r, LEDGER_IDENTITY_MAX);
    exchange->owner = ledger_take_slice(r, LEDGER_IDENTITY_MAX);
    exchange->grant = ledger_take_slice(r, LEDGER_GRANT_MAX);
    exchange->scope = ledger_take_slice(r, LEDGER_SCOPE_MAX);
    exchange->address = ledger_take_slice(r, LEDGER_ORIGIN_MAX);
    exchange->agent = ledger_take_slice(r, LEDGER_ORIGIN_MAX);

    exchange->sent_at = ledger_take_u64(r);
    exchange->arrived_at = ledger_take_u64(r);
    exchange->issued_at = ledger_take_u64(r);
    exchange->refresh_expires_at = ledger_take_u64(r);
    exchange->idle = ledger_take_u64(r);

    flags = ledger_take_u8(r);

    if (flags & ~(unsigned) LEDGER_EXCHANGE_FLAGS) {
        r->failed = 1;
        return;
    }

    exchange->refresh = (flags & LEDGER_EXCHANGE_REFRESH) != 0;
    exchange->exempt = (flags & LEDGER_EXCHANGE_EXEMPT) != 0;
    exchange->refresh_ends_access = (flags & LEDGER_EXCHANGE_ENDS) != 0;

    if (exchange->refresh) {
        ledger_take_bytes(r, exchange->presented.bytes, LEDGER_TOKEN_ID_SIZE);
    }

    ledger_exchange_take_tokens(r, exchange);

    exchange->nlimits = ledger_limits_take(r, exchange->limits);
}


static void
ledger_exchange_take_tokens(ledger_reader_t *r, ledger_exchange_t *exchange)
{
    uint32_t         i;
    ledger_token_t  *token;

    exchange->ntokens = ledger_take_u8(r);

    if (exchange->ntokens > LEDGER_TOKENS_MAX) {
        r->failed = 1;
        return;
    }

    for (i = 0; i < exchange->ntokens; i++) {
        token = &exchange->tokens[i];

        ledger_take_bytes(r, token->id.bytes, LEDGER_TOKEN_ID_SIZE);
        token->expires_at = ledger_take_u64(r);
        token->key = ledger_take_u32(r);
        token->kind = ledger_take_u8(r);
    }
}


static void
ledger_exchange_take_kept(ledger_reader_t *r, ledger_exchange_t *exchange)
{
    exchange->kept_until = ledger_take_u64(r);
    ledger_take_bytes(r, exchange->print, LEDGER_PRINT_SIZE);
    exchange->kept = ledger_take_slice(r, LEDGER_KEPT_MAX);
}


static void
ledger_exchange_take_lent(ledger_reader_t *r, ledger_exchange_t *exchange)
{
    unsigned  flags;

    flags = ledger_take_u8(r);

    if (flags & ~(unsigned) LEDGER_LENT_FLAGS) {
        r->failed = 1;
        return;
    }

    exchange->narrowed = (flags & LEDGER_LENT_NARROWED) != 0;

    if (flags & LEDGER_LENT_KEPT) {
        ledger_exchange_take_kept(r, exchange);

        /* two forms of one record there must not be */

        if (exchange->kept.len == 0) {
            r->failed = 1;
        }
    }

    exchange->accepted_key = ledger_take_u32(r);
    ledger_take_bytes(r, exchange->accepted, LEDGER_CLIENT_SIZE);
    exchange->lent = ledger_take_slice(r, LEDGER_LENT_MAX);
}


static unsigned
ledger_take_flag(ledger_reader_t *r)
{
    unsigned  value;

    value = ledger_take_u8(r);

    if (value > 1) {
        r->failed = 1;
    }

    return value;
}
