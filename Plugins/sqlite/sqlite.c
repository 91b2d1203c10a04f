/*
 * sqlite: the changes in a database file, as they happen.
 *
 * What it teaches: a callback whose calls become events, without a handler. SQLite calls the update hook of a
 * connection for each row that the connection changes; the host creates a function with exactly that signature, and
 * sends an event for each call. No hook reports changes by other processes, so a counter is polled as well. Also: two
 * producers in one plugin that share state of the generation (pool.c), and a producer that accepts a request body.
 */
#include <sluice.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pool.h"

static const sluice_host *host;

static int32_t refuse(sluice_stream *stream, int32_t status, const char *message)
{
    host->reject(stream, status, message);
    return SLUICE_OPEN_REJECT;
}

/* The database that the operator has configured; NULL after a rejection. */
static struct database *take_database(sluice_stream *stream)
{
    const char *path = host->config(stream, "database");
    if (path == NULL) {
        refuse(stream, 403, "sqlite: \"database\" is not configured");
        return NULL;
    }
    char *message = NULL;
    struct database *database = pool_take(path, &message);
    if (database == NULL) {
        host->log(stream, SLUICE_LOG_ERROR, message != NULL ? message : "out of memory");
        sqlite3_free(message);
        refuse(stream, 503, "the database cannot be opened");
    }
    return database;
}

/* ------------------------------------------------------------------------------------------------- Watching changes */

/* SQLite calls this for each row; the first argument is the pointer that was registered with it. */
typedef void update_hook(void *context, int operation, const char *database, const char *table, sqlite3_int64 rowid);

struct watch {
    sluice_stream *stream;
    struct database *database;
    sqlite3_stmt *version_query;
    int64_t version; /* changes whenever another connection has committed */
    int64_t poll_ms;
    char text[48];
};

/* -1 if it can't be read. */
static int64_t read_version(struct watch *watch)
{
    int64_t version = -1;
    if (sqlite3_step(watch->version_query) == SQLITE_ROW)
        version = sqlite3_column_int64(watch->version_query, 0);
    sqlite3_reset(watch->version_query);
    return version;
}

static int64_t configured_poll(sluice_stream *stream)
{
    const char *text = host->config(stream, "poll");
    char *end = NULL;
    double seconds = text != NULL ? strtod(text, &end) : 0.5;
    if (text != NULL && (end == text || *end != '\0'))
        return -1;
    return seconds >= 0.01 && seconds <= 3600 ? (int64_t)(seconds * 1000) : -1;
}

static int32_t watch_close(void *state, int32_t reason)
{
    (void)reason;
    struct watch *watch = state;
    /* Waits for a running statement; after this, the function is not called any more. */
    sqlite3_update_hook(pool_connection(watch->database), NULL, NULL);
    sqlite3_finalize(watch->version_query);
    pool_give_back(watch->database);
    free(watch);
    return SLUICE_CLOSED;
}

static int32_t watch_open(sluice_stream *stream, void **state)
{
    int64_t poll_ms = configured_poll(stream);
    if (poll_ms < 0) {
        host->log(stream, SLUICE_LOG_ERROR, "\"poll\" must be seconds, from 0.01 to 3600");
        return refuse(stream, 500, "\"poll\" is configured with an invalid value");
    }
    struct watch *watch = calloc(1, sizeof *watch);
    if (watch == NULL)
        return refuse(stream, 503, "out of memory");
    watch->database = take_database(stream);
    if (watch->database == NULL) {
        free(watch);
        return SLUICE_OPEN_REJECT;
    }
    watch->stream = stream;
    watch->poll_ms = poll_ms;
    sqlite3 *connection = pool_connection(watch->database);
    sqlite3_prepare_v2(connection, "PRAGMA data_version", -1, &watch->version_query, NULL);
    watch->version = read_version(watch);
    update_hook *hook = (update_hook *)host->callback(
        stream, "_: ptr, op: i32, database: str, table: str, rowid: i64; type=row, full=drop-oldest");
    if (watch->version < 0 || hook == NULL) {
        watch_close(watch, 0);
        return refuse(stream, 503, "the database cannot be watched");
    }
    sqlite3_update_hook(connection, hook, NULL);
    *state = watch;
    return SLUICE_OPEN_OK;
}

/* The update hook sends the rows; this only reports writes by other processes. */
static int32_t watch_next(void *state, sluice_event *event)
{
    struct watch *watch = state;
    while (host->sleep(watch->stream, watch->poll_ms)) {
        int64_t version = read_version(watch);
        if (version < 0) {
            host->fail(watch->stream, "the database cannot be read any more");
            return SLUICE_NEXT_ERROR;
        }
        if (version == watch->version)
            continue;
        watch->version = version;
        event->type = "changed";
        event->data = watch->text;
        snprintf(watch->text, sizeof watch->text, "{\"data_version\":%lld}", (long long)version);
        return SLUICE_NEXT_EVENT;
    }
    return SLUICE_NEXT_WAIT; /* the stream must end: close comes next */
}

/* ---------------------------------------------------------------------------------------------- Running a statement */

struct outcome {
    bool told;
    char text[80];
};

/* Runs the statement with `text` as its first parameter. SQLITE_DONE after success. */
static int run(sqlite3 *connection, const char *statement, const void *text, size_t length, struct outcome *outcome)
{
    sqlite3_stmt *prepared = NULL;
    /* The values read afterwards belong to the connection, so no other thread may run a statement in between. */
    sqlite3_mutex_enter(sqlite3_db_mutex(connection));
    int status = sqlite3_prepare_v2(connection, statement, -1, &prepared, NULL);
    if (status == SQLITE_OK && sqlite3_bind_parameter_count(prepared) > 0)
        status = sqlite3_bind_text64(prepared, 1, text, length, SQLITE_TRANSIENT, SQLITE_UTF8);
    if (status == SQLITE_OK)
        do
            status = sqlite3_step(prepared);
        while (status == SQLITE_ROW);
    snprintf(outcome->text, sizeof outcome->text, "{\"changes\":%d,\"rowid\":%lld}", sqlite3_changes(connection),
             (long long)sqlite3_last_insert_rowid(connection));
    sqlite3_finalize(prepared);
    sqlite3_mutex_leave(sqlite3_db_mutex(connection));
    return status;
}

static int32_t run_open(sluice_stream *stream, void **state)
{
    const char *statement = host->config(stream, "statement");
    if (statement == NULL)
        return refuse(stream, 403, "sqlite: \"statement\" is not configured");
    size_t length = 0;
    const void *body = host->body(stream, &length);
    if (body == NULL)
        return refuse(stream, 400, "POST the text for the statement");
    struct outcome *outcome = calloc(1, sizeof *outcome);
    if (outcome == NULL)
        return refuse(stream, 503, "out of memory");
    struct database *database = take_database(stream);
    if (database == NULL) {
        free(outcome);
        return SLUICE_OPEN_REJECT;
    }
    int status = run(pool_connection(database), statement, body, length, outcome);
    pool_give_back(database);
    if (status == SQLITE_DONE) {
        *state = outcome;
        return SLUICE_OPEN_OK;
    }
    free(outcome);
    switch (status & 0xff) {
    case SQLITE_CONSTRAINT: return refuse(stream, 409, "the database refuses this text (a constraint)");
    case SQLITE_BUSY: return refuse(stream, 503, "the database is busy");
    }
    host->log(stream, SLUICE_LOG_ERROR, sqlite3_errstr(status));
    return refuse(stream, 500, "the statement cannot be run");
}

static int32_t run_next(void *state, sluice_event *event)
{
    struct outcome *outcome = state;
    if (outcome->told)
        return SLUICE_NEXT_END;
    outcome->told = true;
    event->data = outcome->text;
    return SLUICE_NEXT_EVENT;
}

static int32_t run_close(void *state, int32_t reason)
{
    (void)reason;
    free(state);
    return SLUICE_CLOSED;
}

static const sluice_producer watch = {
    .struct_size = sizeof(sluice_producer),
    .flags = SLUICE_SHARED,
    .name = "sqlite",
    .description = "Rows that change in a database file",
    .open = SLUICE_OPEN(watch_open),
    .next = watch_next,
    .close = watch_close,
};

static const sluice_producer statement = {
    .struct_size = sizeof(sluice_producer),
    .flags = SLUICE_BODY,
    .name = "sqlite-run",
    .route = "/sqlite/run",
    .description = "Runs the configured statement with the posted text",
    .open = SLUICE_OPEN(run_open),
    .next = run_next,
    .close = run_close,
};

SLUICE_PLUGIN(host, "sqlite", "1.0.0", "Watches SQLite databases, and writes to them", &watch, &statement)
