
/*
 * Copyright (C) The OAuth gateway authors
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE  /* mkdtemp() */
#endif

#include "scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ledger_connection.h"
#include "ledger_cursor.h"
#include "ledger_event.h"
#include "ledger_index.h"
#include "ledger_store.h"


#define check(condition)                                                      \
    ((condition) ? (void) 0 : scene_fail(#condition, __FILE__, __LINE__))


/* What the table of counts must tell, and how many rows of contests. */

#define PROVIDERS_MAX  8


typedef struct {
    char            names[PROVIDERS_MAX][LEDGER_IDENTITY_MAX];
    size_t          lens[PROVIDERS_MAX];
    ledger_count_t  counts[PROVIDERS_MAX];
    unsigned        n;
    size_t          contested;
} scene_counted_t;


static void scene_fail(const char *what, const char *file, int line);
static void scene_unlink(scene_t *scene, const char *name);
static uint64_t scene_hash(uint64_t hash, MDB_val *value);
static size_t scene_count(ledger_view_t *view, ledger_table_t table);
static ledger_count_t *scene_counts(scene_counted_t *counted,
    ledger_slice_t provider);
static void scene_check_slot(ledger_view_t *view, MDB_val *key,
    const ledger_header_t *header, scene_counted_t *counted);
static void scene_check_counts(ledger_view_t *view,
    const scene_counted_t *counted);
static void scene_check_kept(ledger_view_t *view, MDB_val *key);
static unsigned scene_count_kept(ledger_view_t *view,
    const ledger_token_id_t *presented);
static void scene_check_lent(ledger_view_t *view, MDB_val *key);
static void scene_check_alias(ledger_view_t *view, MDB_val *key);
static size_t scene_check_marks(ledger_view_t *view, MDB_val *value);
static size_t scene_check_story(ledger_view_t *view, MDB_val *key,
    MDB_val *value);
static void scene_check_told(ledger_view_t *view, uint64_t connection,
    uint64_t number);
static void scene_check_connection(ledger_view_t *view, MDB_val *value,
    size_t *members, size_t *broken, size_t *due);
static unsigned scene_check_tenant(ledger_view_t *view, MDB_val *value);


static void
scene_fail(const char *what, const char *file, int line)
{
    fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
    abort();
}


scene_t *
scene_create(uint64_t max_size)
{
    return scene_create_below("/tmp", max_size);
}


scene_t *
scene_create_below(const char *directory, uint64_t max_size)
{
    scene_t  *scene;

    scene = calloc(1, sizeof(scene_t));
    check(scene != NULL);

    check(snprintf(scene->path, sizeof(scene->path), "%s/ledger.XXXXXX",
                   directory)
          < (int) sizeof(scene->path));
    check(mkdtemp(scene->path) != NULL);

    scene->key = SCENE_KEY;
    scene->options.path = scene->path;
    scene->options.max_size = max_size;
    scene->options.keys = &scene->key;
    scene->options.nkeys = 1;
    scene->options.create = 1;

    scene_open(scene);

    return scene;
}


void
scene_destroy(scene_t *scene)
{
    scene_close(scene);
    ledger_effects_free(&scene->effects);

    scene_unlink(scene, "data.mdb");
    scene_unlink(scene, "lock.mdb");
    scene_unlink(scene, "versions.map");
    (void) rmdir(scene->path);

    free(scene);
}


static void
scene_unlink(scene_t *scene, const char *name)
{
    char  file[96];

    snprintf(file, sizeof(file), "%s/%s", scene->path, name);
    (void) unlink(file);
}


void
scene_open(scene_t *scene)
{
    check(ledger_open(&scene->ledger, &scene->options) == LEDGER_OK);
}


void
scene_close(scene_t *scene)
{
    ledger_close(scene->ledger);
    scene->ledger = NULL;
}


/*
 * A commit past the ledger, which nobody announced: what the ledger remembers
 * of the rows does not count any more, see ledger_versions.h.
 */

void
scene_empty(scene_t *scene)
{
    unsigned   table;
    MDB_val    key, format;
    MDB_txn   *txn;
    uint64_t   kept;
    ledger_t  *ledger;

    ledger = scene->ledger;
    key = (MDB_val) { strlen("format"), "format" };

    check(mdb_txn_begin(ledger->env, NULL, 0, &txn) == 0);
    check(mdb_get(txn, ledger->tables[LEDGER_META], &key, &format) == 0);
    check(format.mv_size == sizeof(kept));

    memcpy(&kept, format.mv_data, sizeof(kept));
    format.mv_data = &kept;

    for (table = 0; table < LEDGER_TABLES; table++) {
        check(mdb_drop(txn, ledger->tables[table], 0) == 0);
    }

    check(mdb_put(txn, ledger->tables[LEDGER_META], &key, &format, 0) == 0);
    check(mdb_txn_commit(txn) == 0);

    scene->effects.n = 0;
}


void
scene_apply(scene_t *scene, const ledger_record_t *record)
{
    scene->effects.n = 0;

    check(ledger_apply(scene->ledger, record, 1, &scene->effects)
          == LEDGER_OK);
}


unsigned
scene_effects(const scene_t *scene, ledger_effect_kind_t kind)
{
    size_t    i;
    unsigned  n;

    n = 0;

    for (i = 0; i < scene->effects.n; i++) {
        n += scene->effects.elts[i].kind == kind;
    }

    return n;
}


const ledger_effect_t *
scene_effect(const scene_t *scene, ledger_effect_kind_t kind)
{
    size_t  i;

    for (i = 0; i < scene->effects.n; i++) {

        if (scene->effects.elts[i].kind == kind) {
            return &scene->effects.elts[i];
        }
    }

    return NULL;
}


unsigned
scene_judge(scene_t *scene, const char *token, ledger_ms_t now)
{
    ledger_token_id_t  id;

    id = scene_token(token);

    check(ledger_judge(scene->ledger, &id, 1, now, &scene->judgement)
          == LEDGER_OK);

    scene_look(scene, &id, now, &scene->judgement);

    return scene->judgement.verdict;
}


/*
 * Twice: the first look is remembered from an earlier call, or from none; the
 * second from this one.
 */

void
scene_look(scene_t *scene, const ledger_token_id_t *id, ledger_ms_t now,
    const ledger_judgement_t *j)
{
    unsigned              i;
    ledger_slice_t        text;
    const ledger_look_t  *look;

    text = (ledger_slice_t) { id->bytes, sizeof(id->bytes) };

    for (i = 0; i < 2; i++) {

        if (ledger_recall(scene->ledger, text, now, &look) != LEDGER_OK) {
            check(ledger_look(scene->ledger, text, id, 1, now, &look)
                  == LEDGER_OK);
        }

        check(look->verdict == j->verdict);
        check(look->connection == j->connection.id);

        if (look->connection == 0) {
            continue;
        }

        check(ledger_token_id_equal(&look->token, &j->token));
        check(look->token_expires_at == j->token_expires_at);
        check(look->rotated_at == j->rotated_at);
        check(look->last_used_at == j->connection.last_used_at);
        check(look->kind == j->kind);
        check(look->undecided == j->undecided);
        check(look->preceding == j->preceding);
        check(look->has_user == (j->connection.user.len != 0));
        check(look->has_tenant == (j->connection.tenant.len != 0));
        check(ledger_slice_equal(look->provider, j->connection.provider));
        check(ledger_slice_equal(look->encoded,
                                 (ledger_slice_t) { j->buf, j->len }));
    }
}


uint64_t
scene_owner(scene_t *scene, const char *token)
{
    ledger_token_id_t          id;
    static ledger_judgement_t  judgement;

    id = scene_token(token);

    check(ledger_judge(scene->ledger, &id, 1, 0, &judgement) == LEDGER_OK);

    return judgement.connection.id;
}


uint64_t
scene_dump(scene_t *scene, unsigned with_log)
{
    unsigned        table;
    uint64_t        hash;
    MDB_val         key, value;
    MDB_cursor     *cursor;
    ledger_view_t   view;

    check(ledger_store_read(scene->ledger, &view) == LEDGER_OK);

    hash = 14695981039346656037ull;

    for (table = 0; table < LEDGER_TABLES; table++) {

        if ((table == LEDGER_LOG || table == LEDGER_HISTORY) && !with_log) {
            continue;
        }

        check(mdb_cursor_open(view.txn, scene->ledger->tables[table],
                              &cursor) == 0);

        while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0) {
            hash = scene_hash(hash, &key);
            hash = scene_hash(hash, &value);
        }

        mdb_cursor_close(cursor);
    }

    ledger_store_read_end(&view);

    return hash;
}


/* FNV-1a */

static uint64_t
scene_hash(uint64_t hash, MDB_val *value)
{
    size_t                i;
    const unsigned char  *p;

    p = value->mv_data;
    hash = (hash ^ value->mv_size) * 1099511628211ull;

    for (i = 0; i < value->mv_size; i++) {
        hash = (hash ^ p[i]) * 1099511628211ull;
    }

    return hash;
}


void
scene_check(scene_t *scene)
{
    size_t               members, broken, tenants, due, counted, marks,
                         told;
    MDB_val              key, value;
    MDB_cursor          *cursor;
    ledger_view_t        view;
    scene_counted_t      counts;
    ledger_header_t      header;
    ledger_connection_t  c;

    memset(&counts, 0, sizeof(counts));

    members = 0;
    broken = 0;
    tenants = 0;
    due = 0;
    counted = 0;
    marks = 0;
    told = 0;

    check(ledger_store_read(scene->ledger, &view) == LEDGER_OK);

    check(mdb_cursor_open(view.txn, scene->ledger->tables[LEDGER_CONNECTIONS],
                          &cursor) == 0);

    while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0) {
        scene_check_connection(&view, &value, &members, &broken, &due);
        marks += scene_check_marks(&view, &value);
        tenants += scene_check_tenant(&view, &value);

        check(ledger_connection_decode(value.mv_data, value.mv_size, &c)
              == LEDGER_OK);
        scene_counts(&counts, c.provider)->connections[c.state]++;
    }

    mdb_cursor_close(cursor);

    check(mdb_cursor_open(view.txn, scene->ledger->tables[LEDGER_SLOTS],
                          &cursor) == 0);

    while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0) {
        check(ledger_header_decode(value.mv_data, value.mv_size, &header)
              == LEDGER_OK);

        counted += header.count;
        due += header.count == 0;
        scene_check_slot(&view, &key, &header, &counts);
    }

    mdb_cursor_close(cursor);

    check(mdb_cursor_open(view.txn, scene->ledger->tables[LEDGER_KEPT],
                          &cursor) == 0);

    while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0) {
        scene_check_kept(&view, &key);
    }

    mdb_cursor_close(cursor);

    check(mdb_cursor_open(view.txn, scene->ledger->tables[LEDGER_ALIASES],
                          &cursor) == 0);

    while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0) {
        scene_check_alias(&view, &key);
    }

    mdb_cursor_close(cursor);

    check(mdb_cursor_open(view.txn, scene->ledger->tables[LEDGER_LENT],
                          &cursor) == 0);

    while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0) {
        scene_check_lent(&view, &key);
    }

    mdb_cursor_close(cursor);

    check(mdb_cursor_open(view.txn, scene->ledger->tables[LEDGER_HISTORY],
                          &cursor) == 0);

    while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0) {
        told += scene_check_story(&view, &key, &value);
    }

    mdb_cursor_close(cursor);

    due += scene_count(&view, LEDGER_ALIASES);
    due += scene_count(&view, LEDGER_TOKENS);
    due += scene_count(&view, LEDGER_KEPT);

    check(members == counted);
    check(members == scene_count(&view, LEDGER_MEMBERS));
    check(broken == scene_count(&view, LEDGER_BROKEN_MEMBERS));
    check(tenants == scene_count(&view, LEDGER_TENANTS));
    check(due == scene_count(&view, LEDGER_DUE));
    check(marks == scene_count(&view, LEDGER_INDEX));
    check(told == scene_count(&view, LEDGER_STORIES));

    scene_check_counts(&view, &counts);

    ledger_store_read_end(&view);
}


static ledger_count_t *
scene_counts(scene_counted_t *counted, ledger_slice_t provider)
{
    unsigned  i;

    for (i = 0; i < counted->n; i++) {
        if (counted->lens[i] == provider.len
            && memcmp(counted->names[i], provider.data, provider.len) == 0)
        {
            return &counted->counts[i];
        }
    }

    check(i < PROVIDERS_MAX && provider.len <= LEDGER_IDENTITY_MAX);

    memcpy(counted->names[i], provider.data, provider.len);
    counted->lens[i] = provider.len;
    counted->n++;

    return &counted->counts[i];
}


/* A full slot is one of the provider that its members have. */

static void
scene_check_slot(ledger_view_t *view, MDB_val *key,
    const ledger_header_t *header, scene_counted_t *counted)
{
    MDB_val              row, value;
    unsigned char        buf[8 + LEDGER_SLOT_ID_SIZE];
    ledger_slice_t       encoded;
    ledger_writer_t      w;
    ledger_member_t      from, found;
    ledger_slot_id_t     slot;
    ledger_connection_t  c;

    check(key->mv_size == LEDGER_SLOT_ID_SIZE);
    memcpy(slot.bytes, key->mv_data, LEDGER_SLOT_ID_SIZE);

    if (header->ncontests) {
        w = ledger_writer(buf, sizeof(buf));
        ledger_put_u64(&w, header->contests[header->ncontests - 1].at);
        ledger_put_bytes(&w, slot.bytes, LEDGER_SLOT_ID_SIZE);
        check(!w.failed && w.pos == w.end);

        row.mv_data = buf;
        row.mv_size = sizeof(buf);
        check(mdb_get(view->txn, view->ledger->tables[LEDGER_CONTESTED],
                      &row, &value)
              == 0);

        counted->contested++;
    }

    if (header->count < header->n) {
        return;
    }

    memset(&from, 0, sizeof(from));

    check(ledger_store_member(view, LEDGER_MEMBERS, &slot, &from, &found)
          == LEDGER_OK);
    check(ledger_store_connection(view, found.id, &encoded) == LEDGER_OK);
    check(ledger_connection_decode(encoded.data, encoded.len, &c)
          == LEDGER_OK);

    scene_counts(counted, c.provider)->full++;
}


static void
scene_check_counts(ledger_view_t *view, const scene_counted_t *counted)
{
    unsigned        i;
    ledger_count_t  count;

    for (i = 0; i < counted->n; i++) {
        check(ledger_store_count(view,
                  (ledger_slice_t) { (const unsigned char *)
                                     counted->names[i], counted->lens[i] },
                  &count)
              == LEDGER_OK);
        check(memcmp(&count, &counted->counts[i], sizeof(count)) == 0);
    }

    check(counted->contested == scene_count(view, LEDGER_CONTESTED));
}


/* An event is in the stories of those that it names, and in no other. */

static size_t
scene_check_story(ledger_view_t *view, MDB_val *key, MDB_val *value)
{
    size_t           n;
    uint64_t         number;
    ledger_event_t   event;
    ledger_reader_t  r;

    r = ledger_reader(key->mv_data, key->mv_size);
    number = ledger_take_u64(&r);

    check(ledger_event_decode((ledger_slice_t) { value->mv_data,
                                                 value->mv_size }, &event)
          == LEDGER_OK);

    n = 0;

    if (event.connection) {
        scene_check_told(view, event.connection, number);
        n++;
    }

    if (event.other && event.other != event.connection) {
        scene_check_told(view, event.other, number);
        n++;
    }

    return n;
}


static void
scene_check_told(ledger_view_t *view, uint64_t connection, uint64_t number)
{
    uint64_t  found;

    check(ledger_store_story_before(view, connection, number + 1, &found)
          == LEDGER_OK);
    check(found == number);
}


/* Each value that a list can be filtered by leads to it. */

static size_t
scene_check_marks(ledger_view_t *view, MDB_val *value)
{
    size_t               n;
    unsigned             kind;
    uint64_t             id;
    ledger_mark_t        mark;
    ledger_connection_t  c;

    check(ledger_connection_decode(value->mv_data, value->mv_size, &c)
          == LEDGER_OK);

    n = 0;

    for (kind = LEDGER_MARK_PROVIDER; kind < LEDGER_MARKS; kind++) {
        mark = ledger_index_mark(&c, (ledger_mark_kind_t) kind);

        if (mark.value.len == 0) {
            continue;
        }

        mark.connection++;
        check(ledger_store_mark_before(view, &mark, &id) == LEDGER_OK);
        check(id == c.id);
        n++;
    }

    return n;
}


static void
scene_check_connection(ledger_view_t *view, MDB_val *value, size_t *members,
    size_t *broken, size_t *due)
{
    unsigned             i, j, seen;
    ledger_member_t      from, found;
    ledger_slot_id_t     slots[LEDGER_LIMITS_MAX];
    ledger_connection_t  c;

    check(ledger_connection_decode(value->mv_data, value->mv_size, &c)
          == LEDGER_OK);

    *due += c.state != LEDGER_LIVE || ledger_connection_end(&c) != 0;

    for (i = 0; i < c.nlimits; i++) {
        memset(&slots[i], 0, sizeof(ledger_slot_id_t));

        if (ledger_place(&c, i, &slots[i]) != LEDGER_OK) {
            continue;
        }

        for (seen = 0, j = 0; j < i; j++) {
            seen |= memcmp(&slots[i], &slots[j], sizeof(ledger_slot_id_t))
                    == 0;
        }

        if (seen || c.exempt
            || (c.state != LEDGER_LIVE && c.state != LEDGER_BROKEN))
        {
            continue;
        }

        from.age = c.age;
        from.id = c.id;

        check(ledger_store_member(view, c.state == LEDGER_LIVE
                                        ? LEDGER_MEMBERS
                                        : LEDGER_BROKEN_MEMBERS,
                                  &slots[i], &from, &found) == LEDGER_OK);
        check(found.id == c.id && found.age == c.age);

        *members += c.state == LEDGER_LIVE;
        *broken += c.state == LEDGER_BROKEN;
    }
}


/* Whether it is counted in its tenant, as it must be if it lives. */

static unsigned
scene_check_tenant(ledger_view_t *view, MDB_val *value)
{
    ledger_member_t      from, found;
    ledger_slot_id_t     tenant;
    ledger_connection_t  c;

    check(ledger_connection_decode(value->mv_data, value->mv_size, &c)
          == LEDGER_OK);

    if (c.state != LEDGER_LIVE || c.exempt
        || ledger_place_tenant(&c, &tenant, &from.age) != LEDGER_OK)
    {
        return 0;
    }

    from.id = c.id;

    check(ledger_store_member(view, LEDGER_TENANTS, &tenant, &from, &found)
          == LEDGER_OK);
    check(found.id == c.id && found.age == from.age);

    return 1;
}


/* Kept answers are of live connections, and of tokens that may have them. */

static void
scene_check_kept(ledger_view_t *view, MDB_val *key)
{
    uint64_t             number;
    ledger_slice_t       encoded;
    ledger_reader_t      r;
    ledger_kept_row_t    row;
    ledger_token_id_t    presented;
    ledger_connection_t  c;

    r = ledger_reader(key->mv_data, key->mv_size);
    ledger_take_bytes(&r, presented.bytes, LEDGER_TOKEN_ID_SIZE);
    number = r.pos == r.end ? 0 : ledger_take_u64(&r);
    check(!r.failed && r.pos == r.end);

    check(ledger_store_kept(view, &presented, number + 1, &row) == LEDGER_OK);
    check(row.number == number);
    check(scene_count_kept(view, &presented) <= LEDGER_KEPT_ANSWERS_MAX);
    check(ledger_store_connection(view, row.connection, &encoded)
          == LEDGER_OK);
    check(ledger_connection_decode(encoded.data, encoded.len, &c)
          == LEDGER_OK);
    check(c.state == LEDGER_LIVE);
    check(ledger_connection_replays(&c, &presented));
}


static unsigned
scene_count_kept(ledger_view_t *view, const ledger_token_id_t *presented)
{
    unsigned           n;
    ledger_rc_t        rc;
    ledger_kept_row_t  row;

    row.number = LEDGER_KEPT_LATEST;

    for (n = 0; ; n++) {
        rc = ledger_store_kept(view, presented, row.number, &row);

        if (rc != LEDGER_OK) {
            check(rc == LEDGER_NOT_FOUND);
            return n;
        }
    }
}


/* Only who lives lends, and only what is current. */

static void
scene_check_lent(ledger_view_t *view, MDB_val *key)
{
    uint64_t             id;
    ledger_slice_t       encoded;
    ledger_reader_t      r;
    ledger_lent_row_t    row;
    ledger_connection_t  c;

    r = ledger_reader(key->mv_data, key->mv_size);
    id = ledger_take_u64(&r);
    check(!r.failed && r.pos == r.end);

    check(ledger_store_lent(view, id, &row) == LEDGER_OK);
    check(ledger_store_connection(view, id, &encoded) == LEDGER_OK);
    check(ledger_connection_decode(encoded.data, encoded.len, &c)
          == LEDGER_OK);

    if (row.sealed.len) {
        check(c.state == LEDGER_LIVE);
        check(row.has_refresh == c.has_refresh);
        check(!row.has_refresh
              || ledger_token_id_equal(&row.refresh, &c.refresh));
    }
}


/* Each has its row in the lane, at the time that it tells itself. */

static void
scene_check_alias(ledger_view_t *view, MDB_val *key)
{
    MDB_val             due, none;
    unsigned char       buf[33];
    ledger_writer_t     w;
    ledger_alias_id_t   alias;
    ledger_alias_row_t  row;

    check(key->mv_size == LEDGER_ALIAS_ID_SIZE);
    memcpy(alias.bytes, key->mv_data, LEDGER_ALIAS_ID_SIZE);

    check(ledger_store_alias(view, &alias, &row) == LEDGER_OK);

    w = ledger_writer(buf, sizeof(buf));
    ledger_put_u8(&w, LEDGER_LANE_ALIAS);
    ledger_put_u64(&w, row.seen_at);
    ledger_put_u64(&w, 0);
    ledger_put_bytes(&w, alias.bytes, LEDGER_ALIAS_ID_SIZE);
    check(!w.failed && w.pos == w.end);

    due.mv_data = buf;
    due.mv_size = sizeof(buf);
    check(mdb_get(view->txn, view->ledger->tables[LEDGER_DUE], &due, &none)
          == 0);
}


static size_t
scene_count(ledger_view_t *view, ledger_table_t table)
{
    MDB_stat  stat;

    check(mdb_stat(view->txn, view->ledger->tables[table], &stat) == 0);

    return stat.ms_entries;
}


ledger_slice_t
scene_text(const char *text)
{
    return (ledger_slice_t) { (const unsigned char *) text, strlen(text) };
}


ledger_token_id_t
scene_token(const char *text)
{
    size_t             len;
    ledger_token_id_t  id;

    len = strlen(text);
    check(len <= sizeof(id.bytes));

    memset(&id, 0, sizeof(id));
    memcpy(id.bytes, text, len);

    return id;
}


ledger_record_t
scene_connect(const char *owner, const char *user, const char *access,
    const char *refresh, ledger_ms_t at)
{
    ledger_record_t     record;
    ledger_exchange_t  *x;

    memset(&record, 0, sizeof(ledger_record_t));

    record.kind = LEDGER_EXCHANGE;
    record.at = at;

    x = &record.u.exchange;
    x->provider = scene_text("p");
    x->client = scene_text("c");
    x->user = scene_text(user);
    x->owner = scene_text(owner);
    x->grant = scene_text("authorization_code");
    x->sent_at = at - 5;
    x->arrived_at = at;

    scene_limit(&record, 0, 1, LEDGER_KEY_USER, LEDGER_KEY_CLIENT);

    if (access) {
        scene_add_token(&record, access, LEDGER_ACCESS, at + SCENE_HOUR);
    }

    if (refresh) {
        scene_add_token(&record, refresh, LEDGER_REFRESH, 0);
    }

    return record;
}


ledger_record_t
scene_refresh(const char *presented, const char *access, const char *refresh,
    ledger_ms_t at)
{
    ledger_record_t  record;

    record = scene_connect("", "", access, refresh, at);

    record.u.exchange.grant = scene_text("refresh_token");
    record.u.exchange.presented = scene_token(presented);
    record.u.exchange.refresh = 1;

    return record;
}


void
scene_add_token(ledger_record_t *record, const char *token,
    ledger_token_kind_t kind, ledger_ms_t expires_at)
{
    ledger_token_t  *t;

    check(record->u.exchange.ntokens < LEDGER_TOKENS_MAX);

    t = &record->u.exchange.tokens[record->u.exchange.ntokens++];

    t->id = scene_token(token);
    t->kind = (uint8_t) kind;
    t->expires_at = expires_at;
    t->key = SCENE_KEY;
}


void
scene_keep(ledger_record_t *record, const char *sealed, int print,
    ledger_ms_t until)
{
    ledger_exchange_t  *x;

    x = &record->u.exchange;

    x->kept = scene_text(sealed);
    x->kept_until = until;
    memset(x->print, print, LEDGER_PRINT_SIZE);
}


void
scene_lend(ledger_record_t *record, const char *sealed, int accepted)
{
    ledger_exchange_t  *x;

    x = &record->u.exchange;

    x->lent = scene_text(sealed);
    x->accepted_key = SCENE_KEY;
    memset(x->accepted, accepted, LEDGER_CLIENT_SIZE);
}


void
scene_limit(ledger_record_t *record, unsigned limit, unsigned n,
    ledger_limit_key_kind_t one, ledger_limit_key_kind_t two)
{
    ledger_limit_t  *l;

    l = &record->u.exchange.limits[limit];

    l->n = n;
    l->nkeys = 2;
    l->keys[0].kind = (uint8_t) one;
    l->keys[1].kind = (uint8_t) two;

    if (record->u.exchange.nlimits <= limit) {
        record->u.exchange.nlimits = limit + 1;
    }
}


ledger_record_t
scene_answer(uint64_t connection, const char *token, unsigned alive,
    ledger_ms_t sent_at)
{
    ledger_record_t  record;

    memset(&record, 0, sizeof(ledger_record_t));

    record.kind = LEDGER_ANSWER;
    record.at = sent_at + 1;
    record.u.answer.connection = connection;
    record.u.answer.token = scene_token(token);
    record.u.answer.sent_at = sent_at;
    record.u.answer.alive = alive & 1;

    return record;
}


ledger_record_t
scene_refusal(const char *presented, ledger_ms_t sent_at)
{
    ledger_record_t  record;

    memset(&record, 0, sizeof(ledger_record_t));

    record.kind = LEDGER_REFUSAL;
    record.at = sent_at + 1;
    record.u.refusal.presented = scene_token(presented);
    record.u.refusal.sent_at = sent_at;

    return record;
}


ledger_record_t
scene_revocation(const char *token, unsigned whole, ledger_ms_t at)
{
    ledger_record_t  record;

    memset(&record, 0, sizeof(ledger_record_t));

    record.kind = LEDGER_REVOCATION;
    record.at = at;
    record.u.revocation.token = scene_token(token);
    record.u.revocation.whole = whole & 1;

    return record;
}


ledger_record_t
scene_binding(uint64_t connection, const char *user, const char *tenant,
    ledger_ms_t at)
{
    ledger_record_t  record;

    memset(&record, 0, sizeof(ledger_record_t));

    record.kind = LEDGER_BINDING;
    record.at = at;
    record.u.binding.connection = connection;
    record.u.binding.user = scene_text(user);
    record.u.binding.tenant = scene_text(tenant);

    return record;
}


ledger_record_t
scene_order(ledger_record_kind_t kind, uint64_t connection, ledger_ms_t at)
{
    ledger_record_t  record;

    memset(&record, 0, sizeof(ledger_record_t));

    record.kind = (uint8_t) kind;
    record.at = at;

    if (kind == LEDGER_USE) {
        record.u.use.connection = connection;

    } else {
        record.u.order.connection = connection;
    }

    return record;
}


ledger_record_t
scene_sweep(ledger_ms_t at, uint64_t retention, uint32_t max)
{
    ledger_record_t  record;

    memset(&record, 0, sizeof(ledger_record_t));

    record.kind = LEDGER_SWEEP;
    record.at = at;
    record.u.sweep.retention = retention;
    record.u.sweep.max = max;

    return record;
}
