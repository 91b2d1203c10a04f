/* pool: one connection for each database file, for all streams of the plugin. */
#ifndef SQLITE_POOL_H
#define SQLITE_POOL_H

#include <sqlite3.h>

struct database;

/**
 * A connection to an existing file, opened on the first request, in SQLite's serialized mode. NULL if it cannot be opened;
 * `*message` then says why, and is freed with sqlite3_free.
 */
struct database *pool_take(const char *path, char **message);

/** Closes the connection when nobody uses it any more. */
void pool_give_back(struct database *database);

sqlite3 *pool_connection(struct database *database);

#endif
