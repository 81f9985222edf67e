
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * Tenants: whose live connections one enterprise account has.  Counted are
 * live connections of a known client, user and tenant, but for exempt ones:
 * those are of no person.  All return LEDGER_OK or what the store returned.
 */

#ifndef _LEDGER_TENANT_H_INCLUDED_
#define _LEDGER_TENANT_H_INCLUDED_


#include "ledger_work.h"


#pragma GCC visibility push(hidden)


/*
 * "held", the subject, is live.  Notes in "work" if its user had no other
 * live connection in the tenant.  Entering again changes nothing.
 */

LEDGER_MUST_USE ledger_rc_t ledger_tenant_enter(ledger_work_t *work,
    const ledger_held_t *held);

/* It is live no more; where it is not there, nothing happens. */

LEDGER_MUST_USE ledger_rc_t ledger_tenant_leave(ledger_work_t *work,
    const ledger_held_t *held);

/*
 * At the end of a record: tells that a user has come to a tenant in which
 * another user holds a live connection, if that is so.
 */

LEDGER_MUST_USE ledger_rc_t ledger_tenant_tell(ledger_work_t *work);


#pragma GCC visibility pop


#endif /* _LEDGER_TENANT_H_INCLUDED_ */
