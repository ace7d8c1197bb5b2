/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Makes SQLite end the process when memory runs out, as the rest of the program does. So a SQLITE_NOMEM that
 * is still returned is not about memory: SQLite refuses a size that it read from a damaged database.
 *
 * To be called before any other function of SQLite; after that it does nothing. For any thread.
 */
void sqlite_allocator_set_up(void);
