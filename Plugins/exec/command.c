/*
 * A process that has ended keeps its number, and with it that of its group, until it is waited for. So the group is signalled
 * first, and the process waited for last: no number can belong to another process by then.
 */
#define _GNU_SOURCE
#include "command.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void close_end(int *descriptor)
{
    if (*descriptor >= 0)
        close(*descriptor);
    *descriptor = -1;
}

/* A pipe whose reading end does not block. */
static int make_pipe(int ends[2])
{
    if (pipe2(ends, O_CLOEXEC) != 0)
        return errno;
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    return 0;
}

/* A server ignores signals, and its threads block them; a command must not inherit that. */
static int set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    sigdelset(&all, SIGKILL);
    sigdelset(&all, SIGSTOP);
    int error = posix_spawnattr_setsigmask(attributes, &none);
    if (error == 0)
        error = posix_spawnattr_setsigdefault(attributes, &all);
    if (error == 0)
        error = posix_spawnattr_setpgroup(attributes, 0);
    if (error == 0)
        error = posix_spawnattr_setflags(attributes,
                                         POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    return error;
}

static int set_descriptors(posix_spawn_file_actions_t *actions, int output, int errors)
{
    int error = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (error == 0)
        error = posix_spawn_file_actions_adddup2(actions, output, STDOUT_FILENO);
    if (error == 0)
        error = posix_spawn_file_actions_adddup2(actions, errors, STDERR_FILENO);
    if (error == 0)
        error = posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1);
    return error;
}

static int spawn(pid_t *pid, char *const words[], char *const variables[], int output, int errors)
{
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t actions;
    int error = posix_spawnattr_init(&attributes);
    if (error != 0)
        return error;
    error = posix_spawn_file_actions_init(&actions);
    if (error == 0) {
        error = set_attributes(&attributes);
        if (error == 0)
            error = set_descriptors(&actions, output, errors);
        if (error == 0)
            error = posix_spawn(pid, words[0], &actions, &attributes, words, variables);
        posix_spawn_file_actions_destroy(&actions);
    }
    posix_spawnattr_destroy(&attributes);
    return error;
}

/*
 * A server raises its limit of open files for its connections, but many programs run worse with a high limit (with select(2), or when
 * they close all possible descriptors). posix_spawn(3) has no attribute for it, so the command gets its own limit just after its start.
 */
static void restore_limit(pid_t pid)
{
    const char *text = getenv("SLUICE_INHERITED_NOFILE");
    struct rlimit limit;
    char *end = NULL;
    unsigned long long soft = text != NULL ? strtoull(text, &end, 10) : 0;
    if (text == NULL || end == text || prlimit(pid, RLIMIT_NOFILE, NULL, &limit) != 0 || soft >= limit.rlim_cur)
        return;
    limit.rlim_cur = (rlim_t)soft;
    prlimit(pid, RLIMIT_NOFILE, &limit, NULL);
}

int command_start(struct command *command, char *const words[], char *const variables[])
{
    int output[2] = {-1, -1}, errors[2] = {-1, -1};
    *command = (struct command){.process = -1, .output = -1, .errors = -1};
    int error = make_pipe(output);
    if (error == 0)
        error = make_pipe(errors);
    if (error == 0)
        error = spawn(&command->pid, words, variables, output[1], errors[1]);
    close_end(&output[1]);
    close_end(&errors[1]);
    if (error != 0) {
        close_end(&output[0]);
        close_end(&errors[0]);
        command->pid = 0;
        return error;
    }
    restore_limit(command->pid);
    command->output = output[0];
    command->errors = errors[0];
    command->process = pidfd_open(command->pid, 0);
    if (command->process < 0) {
        error = errno;
        command_finish(command);
    }
    return error;
}

void command_signal(const struct command *command, int signal)
{
    if (command->pid > 0)
        kill(-command->pid, signal);
}

struct command_end command_finish(struct command *command)
{
    command_signal(command, SIGKILL);
    siginfo_t info = {0};
    int waited;
    while ((waited = waitid(P_PID, (id_t)command->pid, &info, WEXITED)) != 0 && errno == EINTR) {
    }
    close_end(&command->process);
    close_end(&command->output);
    close_end(&command->errors);
    command->pid = 0;

    /* A process that ignores SIGCHLD, or waits for children that are not its own, takes the status away. */
    if (waited != 0) {
        struct command_end lost = {.succeeded = false};
        snprintf(lost.text, sizeof lost.text, "exit status unknown; is SIGCHLD ignored?");
        return lost;
    }
    struct command_end end = {.succeeded = info.si_code == CLD_EXITED && info.si_status == 0};
    const char *name = info.si_code == CLD_EXITED ? NULL : sigabbrev_np(info.si_status);
    if (info.si_code == CLD_EXITED)
        snprintf(end.text, sizeof end.text, "exit status %d", info.si_status);
    else if (name != NULL)
        snprintf(end.text, sizeof end.text, "killed by SIG%s", name);
    else
        snprintf(end.text, sizeof end.text, "killed by signal %d", info.si_status);
    return end;
}

ssize_t command_read(int *descriptor, void *buffer, size_t size)
{
    if (*descriptor < 0)
        return -1;
    ssize_t count;
    do
        count = read(*descriptor, buffer, size);
    while (count < 0 && errno == EINTR);
    if (count > 0)
        return count;
    if (count < 0 && errno == EAGAIN)
        return 0;
    close_end(descriptor);
    return -1;
}
