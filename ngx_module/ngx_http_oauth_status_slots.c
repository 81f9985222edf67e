
/*
 * Copyright (C) The OAuth gateway authors
 */


#include "ngx_http_oauth_status.h"
#include "ngx_http_oauth_conf.h"
#include "ngx_http_oauth_store.h"

#include "ledger_place.h"
#include "ledger_slots.h"


/* A cursor: the slot's id, and with "contested" the time of its last fight. */
#define NGX_HTTP_OAUTH_SLOT_CURSOR   (2 * LEDGER_SLOT_ID_SIZE)
#define NGX_HTTP_OAUTH_FIGHT_CURSOR  (NGX_HTTP_OAUTH_SLOT_CURSOR + 16)


static ngx_int_t ngx_http_oauth_status_slot_cursor(ledger_slice_t text,
    ledger_slot_query_t *query);
static ngx_int_t ngx_http_oauth_status_hex(const u_char *p, size_t n,
    u_char *out);
static ngx_int_t ngx_http_oauth_status_slot_turn(
    ngx_http_oauth_status_turns_t *turns, size_t max, json_t *items);
static void ngx_http_oauth_status_slot_next(
    ngx_http_oauth_status_turns_t *turns, ledger_slot_query_t *query,
    const ledger_slot_list_t *list);
static ngx_int_t ngx_http_oauth_status_slot_fill(json_t *items,
    const ledger_slot_query_t *query, const ledger_slot_list_t *list);
static json_t *ngx_http_oauth_status_slot(const ledger_slot_entry_t *entry,
    const ledger_connection_t *c, ngx_uint_t contested);
static json_t *ngx_http_oauth_status_limit_of(uint32_t n, json_t *keys);
static json_t *ngx_http_oauth_status_keys(const ledger_limit_t *limit,
    const ledger_connection_t *c);
static json_t *ngx_http_oauth_status_history(
    const ledger_slot_entry_t *entry);
static json_t *ngx_http_oauth_status_known(uint64_t id);


static const char  *const ngx_http_oauth_status_flags[] = { "0", "1", NULL };


ngx_int_t
ngx_http_oauth_status_slots(ngx_http_request_t *r)
{
    size_t                       limit;
    ngx_int_t                    rc;
    ngx_uint_t                   contested;
    ledger_slot_query_t         *query;
    ngx_http_oauth_status_arg_t  args[] = {
        { "contested", { NULL, 0 } }, { "limit", { NULL, 0 } },
        { "after", { NULL, 0 } }, { NULL, { NULL, 0 } }
    };

    limit = 0;
    contested = 0;

    query = ngx_pcalloc(r->pool, sizeof(ledger_slot_query_t));
    if (query == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_oauth_status_query(r, args);

    if (rc == NGX_DECLINED) {
        rc = ngx_http_oauth_status_word(r, &args[0],
                                        ngx_http_oauth_status_flags,
                                        &contested);
    }

    if (rc == NGX_DECLINED) {
        rc = ngx_http_oauth_status_limit(r, &args[1], &limit);
    }

    if (rc != NGX_DECLINED) {
        return rc;
    }

    query->fought = contested ? 1 : 0;
    query->now = ngx_http_oauth_now();

    if (ngx_http_oauth_status_slot_cursor(args[2].value, query) != NGX_OK) {
        return ngx_http_oauth_status_bad(r, "\"after\" is not a cursor from "
                                            "\"next\".");
    }

    return ngx_http_oauth_status_turns(r, ngx_http_oauth_status_slot_turn,
                                       query, limit);
}


static ngx_int_t
ngx_http_oauth_status_slot_cursor(ledger_slice_t text,
    ledger_slot_query_t *query)
{
    u_char      at[8];
    ngx_uint_t  i;

    query->after_at = UINT64_MAX;

    if (text.len == 0) {
        return NGX_OK;
    }

    if (!query->fought) {
        return text.len == NGX_HTTP_OAUTH_SLOT_CURSOR
               ? ngx_http_oauth_status_hex(text.data, LEDGER_SLOT_ID_SIZE,
                                           query->after.bytes)
               : NGX_ERROR;
    }

    if (text.len != NGX_HTTP_OAUTH_FIGHT_CURSOR
        || ngx_http_oauth_status_hex(text.data, sizeof(at), at) != NGX_OK)
    {
        return NGX_ERROR;
    }

    query->after_at = 0;

    for (i = 0; i < sizeof(at); i++) {
        query->after_at = query->after_at << 8 | at[i];
    }

    return ngx_http_oauth_status_hex(text.data + 16, LEDGER_SLOT_ID_SIZE,
                                     query->after.bytes);
}


static ngx_int_t
ngx_http_oauth_status_hex(const u_char *p, size_t n, u_char *out)
{
    size_t     i;
    ngx_int_t  value;

    for (i = 0; i < n; i++) {
        value = ngx_hextoi((u_char *) p + 2 * i, 2);

        if (value == NGX_ERROR) {
            return NGX_ERROR;
        }

        out[i] = (u_char) value;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_oauth_status_slot_turn(ngx_http_oauth_status_turns_t *turns,
    size_t max, json_t *items)
{
    ledger_t             *ledger;
    ngx_int_t             rc;
    ledger_rc_t           read;
    ledger_slot_list_t    list;
    ledger_slot_query_t  *query;

    query = turns->data;
    query->max = max;

    ngx_memzero(&list, sizeof(ledger_slot_list_t));

    ledger = ngx_http_oauth_store();
    read = ledger ? ledger_slots(ledger, query, &list) : LEDGER_IO;

    if (read != LEDGER_OK) {
        rc = ngx_http_oauth_status_unavailable(turns->request);

    } else {
        rc = ngx_http_oauth_status_slot_fill(items, query, &list) == NGX_OK
             ? NGX_AGAIN : NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_oauth_status_slot_next(turns, query, &list);

    ledger_slots_free(&list);

    return rc;
}


static void
ngx_http_oauth_status_slot_next(ngx_http_oauth_status_turns_t *turns,
    ledger_slot_query_t *query, const ledger_slot_list_t *list)
{
    u_char  *p;

    query->after = list->next;
    query->after_at = list->next_at;

    p = (u_char *) turns->next;

    if (list->more) {

        if (query->fought) {
            p = ngx_sprintf(p, "%016xL", list->next_at);
        }

        p = ngx_hex_dump(p, (u_char *) list->next.bytes, LEDGER_SLOT_ID_SIZE);
    }

    *p = '\0';
}


static ngx_int_t
ngx_http_oauth_status_slot_fill(json_t *items,
    const ledger_slot_query_t *query, const ledger_slot_list_t *list)
{
    size_t                      i;
    ngx_uint_t                  contested;
    ledger_connection_t         c;
    const ledger_slot_entry_t  *entry;
    ngx_http_oauth_provider_t  *provider;

    for (i = 0; i < list->n; i++) {
        entry = &list->elts[i];

        if (ledger_slots_connection(entry, &c) != LEDGER_OK) {
            return NGX_ERROR;
        }

        provider = ngx_http_oauth_status_provider(c.provider);

        contested = provider != NULL
                    && ledger_header_contested(&entry->header, query->now,
                                               (unsigned) provider->contests,
                                               provider->contest_window);

        if (query->fought && !contested) {
            continue;
        }

        if (json_array_append_new(items,
                            ngx_http_oauth_status_slot(entry, &c, contested))
            != 0)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static json_t *
ngx_http_oauth_status_slot(const ledger_slot_entry_t *entry,
    const ledger_connection_t *c, ngx_uint_t contested)
{
    int      rc;
    u_char   id[2 * LEDGER_SLOT_ID_SIZE];
    json_t  *slot, *next, *keys;

    slot = json_object();
    keys = ngx_http_oauth_status_keys(&c->limits[entry->limit], c);

    (void) ngx_hex_dump(id, (u_char *) entry->id.bytes, LEDGER_SLOT_ID_SIZE);

    next = (entry->oldest && entry->held >= entry->header.n)
           ? ngx_http_oauth_status_known(entry->oldest) : json_null();

    rc = json_object_set_new(slot, "id",
                             json_stringn((char *) id, sizeof(id)));
    rc |= ngx_http_oauth_status_text(slot, "provider", c->provider);
    rc |= json_object_set_new(slot, "limit",
               ngx_http_oauth_status_limit_of(entry->header.n, keys));
    rc |= json_object_set_new(slot, "keys", keys);
    rc |= json_object_set_new(slot, "held", json_integer(entry->held));
    rc |= json_object_set_new(slot, "next_evicted", next);
    rc |= json_object_set_new(slot, "contested", json_boolean(contested));
    rc |= json_object_set_new(slot, "history",
                              ngx_http_oauth_status_history(entry));

    if (rc) {
        json_decref(slot);
        return NULL;
    }

    return slot;
}


/* The names of the keys in their order, as the configuration has them. */

static json_t *
ngx_http_oauth_status_limit_of(uint32_t n, json_t *keys)
{
    int      rc;
    void    *next;
    json_t  *limit, *per;

    limit = json_object();
    per = json_array();

    rc = json_object_set_new(limit, "n", json_integer(n));

    for (next = json_object_iter(keys);
         next;
         next = json_object_iter_next(keys, next))
    {
        rc |= json_array_append_new(per,
                                    json_string(json_object_iter_key(next)));
    }

    rc |= json_object_set_new(limit, "per", per);

    if (rc) {
        json_decref(limit);
        return NULL;
    }

    return limit;
}


static json_t *
ngx_http_oauth_status_keys(const ledger_limit_t *limit,
    const ledger_connection_t *c)
{
    int                        rc;
    char                       name[2 + LEDGER_VARIABLE_NAME_MAX];
    json_t                    *keys;
    ngx_uint_t                 i;
    const ledger_limit_key_t  *key;

    rc = 0;
    keys = json_object();

    for (i = 0; i < limit->nkeys; i++) {
        key = &limit->keys[i];

        switch (key->kind) {

        case LEDGER_KEY_USER:
            rc |= ngx_http_oauth_status_text(keys, "user", c->user);
            break;

        case LEDGER_KEY_TENANT:
            rc |= ngx_http_oauth_status_text(keys, "tenant", c->tenant);
            break;

        case LEDGER_KEY_CLIENT:
            rc |= ngx_http_oauth_status_text(keys, "client", c->client);
            break;

        case LEDGER_KEY_SCOPE:
            rc |= ngx_http_oauth_status_text(keys, "scope", c->scope);
            break;

        default:
            name[0] = '$';
            ngx_memcpy(name + 1, key->name.data, key->name.len);
            name[1 + key->name.len] = '\0';

            rc |= ngx_http_oauth_status_text(keys, name, key->value);
            break;
        }
    }

    if (rc) {
        json_decref(keys);
        return NULL;
    }

    return keys;
}


/* The newest fight first. */

static json_t *
ngx_http_oauth_status_history(const ledger_slot_entry_t *entry)
{
    int                      rc;
    json_t                  *history, *fight;
    uint32_t                 i;
    const ledger_contest_t  *contest;

    rc = 0;
    history = json_array();

    for (i = entry->header.ncontests; i; i--) {
        contest = &entry->header.contests[i - 1];
        fight = json_object();

        rc |= ngx_http_oauth_status_time(fight, "at", contest->at);
        rc |= json_object_set_new(fight, "winner",
                         ngx_http_oauth_status_known(contest->winner_id));
        rc |= json_object_set_new(fight, "loser",
                         ngx_http_oauth_status_known(contest->loser_id));
        rc |= json_array_append_new(history, fight);
    }

    if (rc) {
        json_decref(history);
        return NULL;
    }

    return history;
}


/* The owner is null where the connection is swept. */

static json_t *
ngx_http_oauth_status_known(uint64_t id)
{
    u_char                buf[LEDGER_CONNECTION_MAX];
    ledger_t             *ledger;
    ledger_slice_t        none;
    ledger_connection_t   c;

    none = ledger_slice("");
    ledger = ngx_http_oauth_store();

    if (ledger && ledger_find(ledger, id, &c, buf) == LEDGER_OK) {
        return ngx_http_oauth_status_brief(id, c.owner);
    }

    return ngx_http_oauth_status_brief(id, none);
}
