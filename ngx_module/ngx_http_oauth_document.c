
/*
 * Copyright (C) The OAuth gateway authors
 */


#include "ngx_http_oauth_document.h"
#include "ngx_http_oauth_conf.h"
#include "ngx_http_oauth_ctx.h"
#include "ngx_http_oauth_facts.h"
#include "ngx_http_oauth_problem.h"
#include "ngx_http_oauth_provider.h"
#include "ngx_http_oauth_text.h"


#define NGX_HTTP_OAUTH_PROBLEM_URN  "urn:oauth-gateway:"


static int ngx_http_oauth_document_members(ngx_http_oauth_facts_t *f,
    json_t *doc);
static int ngx_http_oauth_document_limit(ngx_http_oauth_facts_t *f,
    json_t *doc);
static json_t *ngx_http_oauth_document_connection(
    const ledger_connection_t *connection, ngx_uint_t times);
static int ngx_http_oauth_document_text(json_t *doc, const char *name,
    ledger_slice_t text);
static int ngx_http_oauth_document_id(json_t *doc, const char *name,
    uint64_t id);
static int ngx_http_oauth_document_time(json_t *doc, const char *name,
    ledger_ms_t at);


ngx_int_t
ngx_http_oauth_document(ngx_http_oauth_facts_t *f, ngx_uint_t status,
    const char *error, ngx_str_t *text)
{
    int         rc;
    char       *dump;
    u_char     *p;
    json_t     *doc;
    ngx_str_t   ascii;

    doc = json_object();
    if (doc == NULL) {
        return NGX_ERROR;
    }

    rc = 0;

    if (error != NULL) {
        ascii.data = ngx_pnalloc(f->request->pool, f->ctx->detail.len + 1);

        if (ascii.data == NULL) {
            json_decref(doc);
            return NGX_ERROR;
        }

        p = ngx_http_oauth_ascii(ascii.data, &f->ctx->detail,
                                 f->ctx->detail.len, 1);
        ascii.len = p - ascii.data;

        rc |= json_object_set_new(doc, "error", json_string(error));
        rc |= ngx_http_oauth_document_text(doc, "error_description",
                                           ngx_http_oauth_slice(&ascii));
    }

    rc |= json_object_set_new(doc, "type",
                   json_sprintf(NGX_HTTP_OAUTH_PROBLEM_URN "%s",
                          ngx_http_oauth_problem_word(f->problem)->data));
    rc |= json_object_set_new(doc, "title",
                   json_string(ngx_http_oauth_problem(f->problem)->title));
    rc |= json_object_set_new(doc, "status", json_integer(status));
    rc |= ngx_http_oauth_document_members(f, doc);

    dump = rc ? NULL : json_dumps(doc, JSON_COMPACT);

    json_decref(doc);

    if (dump == NULL) {
        return NGX_ERROR;
    }

    text->len = ngx_strlen(dump);
    text->data = ngx_pnalloc(f->request->pool, text->len);

    if (text->data != NULL) {
        ngx_memcpy(text->data, dump, text->len);
    }

    free(dump);

    return text->data == NULL ? NGX_ERROR : NGX_OK;
}


/* A member whose value is not known is left out. */

static int
ngx_http_oauth_document_members(ngx_http_oauth_facts_t *f, json_t *doc)
{
    int                               rc;
    ledger_slice_t                    none;
    const ledger_connection_t        *c;
    const ngx_http_oauth_provider_t  *provider;

    c = ngx_http_oauth_connection(f->ctx);
    provider = f->ctx->provider;
    ngx_memzero(&none, sizeof(ledger_slice_t));

    rc = ngx_http_oauth_document_text(doc, "detail",
                                      ngx_http_oauth_slice(&f->ctx->detail));
    rc |= ngx_http_oauth_document_text(doc, "message",
                                       ngx_http_oauth_slice(&f->ctx->detail));
    rc |= ngx_http_oauth_document_text(doc, "provider",
                     provider ? ngx_http_oauth_slice(&provider->name) : none);

    if (c->id != 0 && f->details) {
        rc |= ngx_http_oauth_document_text(doc, "user", c->user);
        rc |= ngx_http_oauth_document_text(doc, "tenant", c->tenant);
    }

    rc |= ngx_http_oauth_document_id(doc, "connection", c->id);

    if (c->id != 0 && f->details) {
        rc |= ngx_http_oauth_document_text(doc, "owner", c->owner);

        /* when an adopted connection was opened is not known */

        if (!c->adopted) {
            rc |= ngx_http_oauth_document_time(doc, "connected_at",
                                               c->opened_at);
        }

        if (c->state == LEDGER_SUPERSEDED) {
            rc |= ngx_http_oauth_document_time(doc, "superseded_at",
                                               c->ended_at);
        }

        rc |= json_object_set_new(doc, "contested",
                                  json_boolean(f->contested));

        if (f->by != NULL) {
            rc |= json_object_set_new(doc, "superseded_by",
                          ngx_http_oauth_document_connection(f->by, 1));

        } else if (c->superseded_by != 0) {
            rc |= json_object_set_new(doc, "superseded_by", json_object());
            rc |= ngx_http_oauth_document_id(
                          json_object_get(doc, "superseded_by"), "connection",
                          c->superseded_by);
        }

        rc |= ngx_http_oauth_document_limit(f, doc);

        if (f->nends > 0) {
            rc |= json_object_set_new(doc, "reconnect_ends",
                          ngx_http_oauth_document_connection(f->ends[0], 0));
        }
    }

    if (f->problem == NGX_HTTP_OAUTH_PROBLEM_TAKEOVER && f->details) {
        rc |= ngx_http_oauth_document_text(doc, "owner",
                                       ngx_http_oauth_slice(&f->ctx->owner));

        if (f->holder != NULL) {
            rc |= ngx_http_oauth_document_text(doc, "user", f->holder->user);
            rc |= ngx_http_oauth_document_text(doc, "tenant",
                                               f->holder->tenant);
            rc |= json_object_set_new(doc, "held_by",
                          ngx_http_oauth_document_connection(f->holder, 1));
            rc |= json_object_set_new(doc, "contested",
                                      json_boolean(f->contested));
            rc |= ngx_http_oauth_document_limit(f, doc);
        }
    }

    if (provider != NULL) {
        rc |= ngx_http_oauth_document_text(doc, "contact",
                                      ngx_http_oauth_slice(&provider->contact));
        rc |= ngx_http_oauth_document_text(doc, "link",
                                      ngx_http_oauth_slice(&provider->link));
    }

    return rc;
}


static int
ngx_http_oauth_document_limit(ngx_http_oauth_facts_t *f, json_t *doc)
{
    int                        rc;
    json_t                    *limit, *per;
    u_char                     name[1 + LEDGER_VARIABLE_NAME_MAX], *p;
    ngx_uint_t                 i;
    const ledger_limit_key_t  *key;

    if (f->limit == NULL) {
        return 0;
    }

    limit = json_object();
    per = json_array();

    rc = json_object_set_new(limit, "n", json_integer(f->limit->n));

    for (i = 0; i < f->limit->nkeys; i++) {
        key = &f->limit->keys[i];

        if (key->kind != LEDGER_KEY_VARIABLE) {
            rc |= json_array_append_new(per,
            json_string((char *) ngx_http_oauth_limit_word(key->kind)->data));
            continue;
        }

        /* as the configuration has it: "user" and "$user" differ */

        name[0] = '$';
        p = ngx_http_oauth_clean(name + 1, name + sizeof(name), key->name);

        rc |= json_array_append_new(per,
                                    json_stringn((char *) name, p - name));
    }

    rc |= json_object_set_new(limit, "per", per);
    rc |= json_object_set_new(limit, "held", json_integer(f->slot.held));
    rc |= json_object_set_new(doc, "limit", limit);

    return rc;
}


/* NULL: no memory. */

static json_t *
ngx_http_oauth_document_connection(const ledger_connection_t *connection,
    ngx_uint_t times)
{
    int      rc;
    json_t  *object;

    object = json_object();
    if (object == NULL) {
        return NULL;
    }

    rc = ngx_http_oauth_document_id(object, "connection", connection->id);
    rc |= ngx_http_oauth_document_text(object, "owner", connection->owner);

    if (times && !connection->adopted) {
        rc |= ngx_http_oauth_document_time(object, "connected_at",
                                           connection->opened_at);
    }

    if (rc) {
        json_decref(object);
        return NULL;
    }

    return object;
}


static int
ngx_http_oauth_document_text(json_t *doc, const char *name,
    ledger_slice_t text)
{
    int      rc;
    u_char  *buf, *last;

    if (text.len == 0) {
        return 0;
    }

    buf = malloc(text.len);
    if (buf == NULL) {
        return -1;
    }

    last = ngx_http_oauth_clean(buf, buf + text.len, text);

    rc = json_object_set_new(doc, name,
                             json_stringn((char *) buf, last - buf));
    free(buf);

    return rc;
}


static int
ngx_http_oauth_document_id(json_t *doc, const char *name, uint64_t id)
{
    u_char  buf[NGX_INT64_LEN], *last;

    if (id == 0) {
        return 0;
    }

    last = ngx_sprintf(buf, "%uL", id);

    return json_object_set_new(doc, name,
                               json_stringn((char *) buf, last - buf));
}


static int
ngx_http_oauth_document_time(json_t *doc, const char *name, ledger_ms_t at)
{
    u_char  buf[NGX_HTTP_OAUTH_TIME_LEN], *last;

    if (at == 0) {
        return 0;
    }

    last = ngx_http_oauth_time(buf, at);

    return json_object_set_new(doc, name,
                               json_stringn((char *) buf, last - buf));
}
