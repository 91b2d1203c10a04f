#define _GNU_SOURCE
#include "pool.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* How long a statement waits for the lock of another process. */
enum { BUSY_MS = 2000 };

struct database {
    struct database *next;
    sqlite3 *connection;
    int users;
    char path[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct database *first;

static struct database *open_database(const char *path, char **message)
{
    struct database *database = malloc(sizeof *database + strlen(path) + 1);
    if (database == NULL) {
        *message = sqlite3_mprintf("out of memory");
        return NULL;
    }
    database->users = 0;
    strcpy(database->path, path);
    int status = sqlite3_open_v2(path, &database->connection, SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX, NULL);
    /* Only the first statement reads the file. */
    if (status == SQLITE_OK)
        status = sqlite3_busy_timeout(database->connection, BUSY_MS);
    if (status == SQLITE_OK)
        status = sqlite3_exec(database->connection, "PRAGMA schema_version", NULL, NULL, NULL);
    if (status != SQLITE_OK) {
        *message = sqlite3_mprintf("%s: %s", path, sqlite3_errmsg(database->connection));
        sqlite3_close(database->connection);
        free(database);
        return NULL;
    }
    return database;
}

struct database *pool_take(const char *path, char **message)
{
    pthread_mutex_lock(&lock);
    struct database *database = first;
    while (database != NULL && strcmp(database->path, path) != 0)
        database = database->next;
    if (database == NULL) {
        database = open_database(path, message);
        if (database != NULL) {
            database->next = first;
            first = database;
        }
    }
    if (database != NULL)
        database->users++;
    pthread_mutex_unlock(&lock);
    return database;
}

void pool_give_back(struct database *database)
{
    pthread_mutex_lock(&lock);
    if (--database->users == 0) {
        struct database **place = &first;
        while (*place != database)
            place = &(*place)->next;
        *place = database->next;
        sqlite3_close(database->connection);
        free(database);
    }
    pthread_mutex_unlock(&lock);
}

sqlite3 *pool_connection(struct database *database)
{
    return database->connection;
}
