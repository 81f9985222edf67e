
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * What the parts of ledger_message share, and nobody else uses.
 */

#ifndef _LEDGER_MESSAGE_PRIVATE_H_INCLUDED_
#define _LEDGER_MESSAGE_PRIVATE_H_INCLUDED_


#include "ledger_message.h"


#pragma GCC visibility push(hidden)


/*
 * A new JSON string.  LEDGER_OK; LEDGER_MALFORMED: not UTF-8, or NUL in it;
 * LEDGER_NOMEM.
 */

LEDGER_MUST_USE ledger_rc_t ledger_message_string(ledger_slice_t text,
    json_t **string);

/*
 * Sets a member whose name is known to be UTF-8; "value" keeps its owner.
 * LEDGER_OK; LEDGER_NOMEM.
 */

LEDGER_MUST_USE ledger_rc_t ledger_message_set(json_t *message,
    const char *name, json_t *value);

/* The text of a value, as ledger_message_member() gives it. */

LEDGER_MUST_USE ledger_rc_t ledger_message_scalar(const json_t *value,
    char *buf, ledger_slice_t *text);


#pragma GCC visibility pop


#endif /* _LEDGER_MESSAGE_PRIVATE_H_INCLUDED_ */
