/*
 * exec: the lines that a command writes, one command for all its subscribers.
 *
 * What it teaches: a shared producer that runs a process. The operator configures the commands; a request only chooses
 * one by its name, and passes parameters as environment variables, never on a command line and never to a shell. `next`
 * sleeps in poll() until the command writes or ends, or the stream must end; `close` asks the command to end, waits for
 * it, and kills it if it does not.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <sluice.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "command.h"
#include "lines.h"
#include "settings.h"
#include "variables.h"
#include "words.h"

enum { LOG_BYTES = 2000, BACKOFF_MAX_MS = 60000, STEADY_MS = 60000 };

static const sluice_host *host;

struct exec {
    sluice_stream *stream;
    struct settings settings;
    char **words, **variables;
    struct command command;
    struct lines output, errors;
    bool ended;          /* the process has ended, but its output is not completely read yet */
    int64_t started_ms;  /* when it was last started, or will be started again */
    int64_t delay_ms;    /* before it is started again after the next failure */
    int stop;            /* eventfd; remains readable after `interrupt` */
    char note[40];
    char name[];         /* the command's name */
};

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void say(const struct exec *exec, int32_t level, const char *what, const char *detail)
{
    char message[256];
    snprintf(message, sizeof message, "%s: %s: %s", exec->name, what, detail);
    host->log(exec->stream, level, message);
}

/* ---------------------------------------------------------------------------------------------------------- Opening */

static int32_t refuse(sluice_stream *stream, int32_t status, const char *message)
{
    host->reject(stream, status, message);
    return SLUICE_OPEN_REJECT;
}

/* Faults in the operator's configuration are logged, not sent to the subscriber. */
static int32_t refuse_configuration(sluice_stream *stream, const char *key, const char *detail, const char *fault)
{
    char message[256];
    snprintf(message, sizeof message, "producers: exec: %s%s: %s", key, detail, fault);
    host->log(stream, SLUICE_LOG_ERROR, message);
    return refuse(stream, 500, "the command cannot be run");
}

static int32_t refuse_variables(sluice_stream *stream, int error, const char *allowed)
{
    char message[256];
    switch (error) {
    case EPERM:
        snprintf(message, sizeof message, "set: the command accepts %.200s", allowed[0] != '\0' ? allowed : "nothing");
        return refuse(stream, 400, message);
    case E2BIG: return refuse(stream, 400, "set: too many names");
    case EEXIST: return refuse(stream, 400, "set: a name is given twice");
    case EINVAL: return refuse(stream, 400, "set: expected \"name:value,name:value\"");
    }
    return refuse(stream, 503, "out of memory");
}

static int start(struct exec *exec)
{
    int error = command_start(&exec->command, exec->words, exec->variables);
    exec->started_ms = now_ms();
    exec->ended = false;
    return error;
}

static void discard(struct exec *exec)
{
    if (exec->stop >= 0)
        close(exec->stop);
    free(exec->words);
    free(exec->variables);
    free(exec);
}

/* The command of that name in the operator's configuration, as "command.<name>", or NULL. */
static const char *configured(sluice_stream *stream, const char *kind, const char *name)
{
    char key[128];
    int length = snprintf(key, sizeof key, "%s.%s", kind, name);
    return length < (int)sizeof key ? host->config(stream, key) : NULL;
}

static int32_t exec_open(sluice_stream *stream, void **state, const char *name, const char *set)
{
    const char *line = configured(stream, "command", name);
    if (line == NULL)
        return refuse(stream, 404, "no such command");
    const char *allowed = configured(stream, "parameters", name);
    if (allowed == NULL)
        allowed = "";
    const char *restart = configured(stream, "restart", name);
    if (restart == NULL)
        restart = host->config(stream, "restart");

    struct exec *exec = calloc(1, sizeof *exec + strlen(name) + 1);
    if (exec == NULL)
        return refuse(stream, 503, "out of memory");
    exec->stream = stream;
    strcpy(exec->name, name);
    exec->stop = -1;

    const char *key, *fault;
    if (!settings_read(&exec->settings, restart, host->config(stream, "restart-delay"), host->config(stream, "grace"), &key,
                       &fault)) {
        discard(exec);
        return refuse_configuration(stream, key, "", fault);
    }
    exec->delay_ms = exec->settings.restart_delay_ms;
    exec->variables = variables_make(set, allowed);
    if (exec->variables == NULL) {
        int error = errno;
        discard(exec);
        return refuse_variables(stream, error, allowed);
    }
    exec->words = words_split(line, &fault);
    if (exec->words == NULL) {
        discard(exec);
        return refuse_configuration(stream, "command.", name, fault);
    }
    exec->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int error = exec->stop < 0 ? errno : start(exec);
    if (error != 0) {
        discard(exec);
        return refuse_configuration(stream, "command.", name, strerror(error));
    }
    *state = exec;
    return SLUICE_OPEN_OK;
}

/* ----------------------------------------------------------------------------------------------------------- Output */

static bool put_line(struct exec *exec, enum line_kind kind, sluice_event *event)
{
    if (kind == LINE_NONE)
        return false;
    event->data = exec->output.text;
    event->data_length = exec->output.length;
    if (kind == LINE_OMITTED) {
        event->type = "truncated";
        event->data = exec->note;
        event->data_length = (size_t)snprintf(exec->note, sizeof exec->note, "{\"omitted\":%" PRIu64 "}",
                                              exec->output.omitted);
    }
    return true;
}

/* A line of standard error; only the beginning of a long one. */
static void log_line(struct exec *exec, enum line_kind kind)
{
    if (kind != LINE_WHOLE && kind != LINE_BEGINNING)
        return;
    char text[LOG_BYTES + 1];
    size_t length = exec->errors.length;
    if (length > LOG_BYTES)
        length = utf8_cut(exec->errors.text, LOG_BYTES);
    memcpy(text, exec->errors.text, length);
    text[length] = '\0';
    for (char *nul; (nul = memchr(text, '\0', length)) != NULL;)
        *nul = ' ';
    host->log(exec->stream, SLUICE_LOG_INFO, text);
}

/* Reads once; true if there was data, or the end of it. */
static bool read_more(int *descriptor, struct lines *lines)
{
    size_t size;
    off_t position;
    char *room = lines_room(lines, &size, &position);
    bool was_open = *descriptor >= 0;
    ssize_t count = command_read(descriptor, room, size);
    if (count > 0)
        lines->end += (size_t)count;
    return count > 0 || (count < 0 && was_open);
}

/* Logs the standard error that is available, a limited amount at a time. */
static bool read_errors(struct exec *exec)
{
    bool came = read_more(&exec->command.errors, &exec->errors);
    enum line_kind kind;
    while ((kind = lines_take(&exec->errors)) != LINE_NONE)
        log_line(exec, kind);
    return came;
}

/* Waits for output, or the end of the command or of the stream. */
static void wait_for_command(struct exec *exec, int stop, int timeout_ms)
{
    struct pollfd sources[] = {
        {.fd = stop, .events = POLLIN},
        {.fd = exec->command.output, .events = POLLIN},
        {.fd = exec->command.errors, .events = POLLIN},
        {.fd = exec->command.process, .events = POLLIN},
    };
    if (poll(sources, 4, timeout_ms) > 0 && sources[3].revents != 0) {
        exec->ended = true;
        command_signal(&exec->command, SIGKILL); /* the processes that it left behind, so that the output ends */
    }
}

/* ---------------------------------------------------------------------------------------------------------- The end */

/* All output of the command has been sent: decides what its end means for the stream. */
static int32_t finish(struct exec *exec)
{
    int64_t ran_ms = now_ms() - exec->started_ms;
    struct command_end end = command_finish(&exec->command);
    exec->ended = false;
    log_line(exec, lines_restart(&exec->errors));
    say(exec, end.succeeded ? SLUICE_LOG_INFO : SLUICE_LOG_WARNING, "the command has ended", end.text);

    enum restart restart = exec->settings.restart;
    if (restart == RESTART_NEVER || (restart == RESTART_ON_FAILURE && end.succeeded)) {
        if (end.succeeded)
            return SLUICE_NEXT_END;
        host->fail(exec->stream, "the command failed");
        return SLUICE_NEXT_ERROR;
    }
    if (end.succeeded || ran_ms >= STEADY_MS)
        exec->delay_ms = exec->settings.restart_delay_ms;
    exec->started_ms = now_ms() + exec->delay_ms;
    if (!end.succeeded && exec->delay_ms < BACKOFF_MAX_MS)
        exec->delay_ms = exec->delay_ms * 2 < BACKOFF_MAX_MS ? exec->delay_ms * 2 : BACKOFF_MAX_MS;
    return SLUICE_NEXT_WAIT;
}

/* Starts the command again if it is time, and returns 0; otherwise returns the milliseconds until then. */
static int64_t start_again(struct exec *exec)
{
    int64_t left = exec->started_ms - now_ms();
    if (left > 0)
        return left;
    int error = start(exec);
    if (error == 0)
        return 0;
    say(exec, SLUICE_LOG_ERROR, "the command cannot be started again", strerror(error));
    exec->started_ms = now_ms() + BACKOFF_MAX_MS;
    return BACKOFF_MAX_MS;
}

static int32_t exec_next(void *state, sluice_event *event)
{
    struct exec *exec = state;
    while (!host->is_cancelled(exec->stream)) {
        if (exec->command.pid == 0) {
            event->wait_ms = start_again(exec);
            if (event->wait_ms > 0)
                return SLUICE_NEXT_WAIT;
        }
        if (put_line(exec, lines_take(&exec->output), event))
            return SLUICE_NEXT_EVENT;
        if (read_more(&exec->command.output, &exec->output) || read_errors(exec))
            continue;
        if (!exec->ended) {
            wait_for_command(exec, exec->stop, -1);
            continue;
        }
        if (put_line(exec, lines_restart(&exec->output), event))
            return SLUICE_NEXT_EVENT; /* without a newline */
        int32_t answer = finish(exec);
        if (answer != SLUICE_NEXT_WAIT)
            return answer;
    }
    return SLUICE_NEXT_WAIT; /* the stream must end: close comes next */
}

/* Called on another thread, while `exec_next` waits. */
static void exec_interrupt(void *state)
{
    struct exec *exec = state;
    eventfd_write(exec->stop, 1);
}

/* Asks the command to end, and waits, because it may have to clean up; its last output is logged. */
static void stop_command(struct exec *exec)
{
    command_signal(&exec->command, SIGTERM);
    exec->output.begin = exec->output.end;
    int64_t deadline = now_ms() + exec->settings.grace_ms, left;
    while (!exec->ended && (left = deadline - now_ms()) > 0) {
        wait_for_command(exec, -1, (int)left);
        while (read_more(&exec->command.output, &exec->output) && now_ms() < deadline)
            exec->output.begin = exec->output.end; /* there is no subscriber any more */
        read_errors(exec);
    }
    bool in_time = exec->ended;
    struct command_end end = command_finish(&exec->command);
    say(exec, in_time ? SLUICE_LOG_INFO : SLUICE_LOG_WARNING,
        in_time ? "the command was asked to end" : "the command did not end in time", end.text);
}

static int32_t exec_close(void *state, int32_t reason)
{
    (void)reason;
    struct exec *exec = state;
    if (exec->command.pid != 0)
        stop_command(exec);
    discard(exec);
    return SLUICE_CLOSED;
}

static const sluice_producer exec = {
    .struct_size = sizeof(sluice_producer),
    .flags = SLUICE_SHARED,
    .name = "exec",
    .route = "/exec/{name}",
    .description = "The lines that a configured command writes",
    .parameters = "name: str, set: str = \"\"",
    .open = SLUICE_OPEN(exec_open),
    .next = exec_next,
    .close = exec_close,
    .interrupt = exec_interrupt,
};

SLUICE_PLUGIN(host, "exec", "1.0.0", "Runs configured commands", &exec)
