
/*
 * Copyright (C) The OAuth gateway authors
 */

/*
 * Stores whose making was broken off: by a full disk, or a power loss.
 */

#ifndef _LEDGER_BIRTH_H_INCLUDED_
#define _LEDGER_BIRTH_H_INCLUDED_


#include "ledger_base.h"


#pragma GCC visibility push(hidden)


/*
 * ledger_birth_undo() empties the file of the store in the directory "path",
 * which LMDB calls invalid, if no transaction can ever have been committed
 * to it: it is no larger than the two pages that LMDB begins with.  The
 * store must not be open in this process.
 *
 * LEDGER_OK: it can be opened as a new one; LEDGER_CORRUPT: it is larger,
 * and was left as it is; LEDGER_BUSY: another process has it open, or opens
 * it; LEDGER_IO (errno is set).
 */

LEDGER_MUST_USE ledger_rc_t ledger_birth_undo(const char *path);


#pragma GCC visibility pop


#endif /* _LEDGER_BIRTH_H_INCLUDED_ */
