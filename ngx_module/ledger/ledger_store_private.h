
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * What the files of the store share, and nobody else uses.  Keys and values
 * are bytes here; what they mean is known to the file of their table.
 */

#ifndef _LEDGER_STORE_PRIVATE_H_INCLUDED_
#define _LEDGER_STORE_PRIVATE_H_INCLUDED_


#include "ledger_store.h"

#include "ledger_cursor.h"


#pragma GCC visibility push(hidden)


/* The size of a key that is one number. */
#define LEDGER_ID_KEY_SIZE  8


/* Begins a transaction where nothing else of this process runs. */

LEDGER_MUST_USE ledger_rc_t ledger_store_begin(ledger_t *ledger,
    unsigned flags, MDB_txn **txn);

/* What LMDB, or the system through it, returned; sets errno for LEDGER_IO. */

LEDGER_MUST_USE ledger_rc_t ledger_store_rc(int rc);

/*
 * One row.  The value that is found lives in the map until the next write or
 * the end; it is empty if there is none.  "flags" are those of mdb_put().
 */

LEDGER_MUST_USE ledger_rc_t ledger_store_get(ledger_view_t *view,
    ledger_table_t table, const void *key, size_t len, ledger_slice_t *value);
LEDGER_MUST_USE ledger_rc_t ledger_store_put(ledger_view_t *view,
    ledger_table_t table, const void *key, size_t len, ledger_slice_t value,
    unsigned flags);
LEDGER_MUST_USE ledger_rc_t ledger_store_delete(ledger_view_t *view,
    ledger_table_t table, const void *key, size_t len);

/*
 * Finds the first key at or after *key, or with "before" the last one before
 * it.  *key and *value are then those of the row, and live in the map.
 */

LEDGER_MUST_USE ledger_rc_t ledger_store_seek(ledger_view_t *view,
    ledger_table_t table, MDB_val *key, MDB_val *value, unsigned before);

/* Writes the LEDGER_ID_KEY_SIZE bytes of a key that is one number. */

void ledger_store_id_key(unsigned char *buf, uint64_t id);

/* A number at the end of a key; none stands for 0. */

void ledger_store_put_number(ledger_writer_t *w, uint64_t number);
uint64_t ledger_store_take_number(ledger_reader_t *r);


#pragma GCC visibility pop


#endif /* _LEDGER_STORE_PRIVATE_H_INCLUDED_ */
