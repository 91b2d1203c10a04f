/*
 * The command `sluice`: repairs what a process inherits (descriptors 0 to 2, the signal mask, SIGCHLD), and becomes
 * `sluice-server`, the program itself, which is in the same directory.
 *
 * That program has some twenty shared libraries. While the dynamic loader maps them, which takes 10 ms or more, no code
 * of the program can run, and SIGHUP and SIGUSR1 would end a server that has just been started. But it can be told to
 * reload like any other server. So the signals are blocked here, where that is possible at once, because a release
 * links this program statically. A mask and pending signals survive execve(2), and CStart handles them there.
 *
 * As process 1 of a container it stays, and starts the server as its child: the kernel gives process 1 all orphans, and
 * only it can end them for good.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * A closed descriptor would be reused for the next file or socket that is opened, and text for the terminal would be
 * written there. The descriptor that replaces it cannot be used either: reading from 0 and writing to 1 or 2 stay
 * errors.
 */
static void open_standard_descriptors(void)
{
    for (int descriptor = 0; descriptor <= 2; descriptor++)
        if (fcntl(descriptor, F_GETFD) < 0 && errno == EBADF)
            (void)!open("/dev/null", descriptor == 0 ? O_WRONLY : O_RDONLY);
}

/* The path of this program's file, with links resolved. */
static const char *own_path(char *buffer)
{
    /* Without /proc, use the path that the kernel was told to execute. */
    const char *told = (const char *)getauxval(AT_EXECFN);
    if (realpath("/proc/self/exe", buffer) != NULL || (told != NULL && realpath(told, buffer) != NULL))
        return buffer;
    return NULL;
}

/* Passes signals on to the server, and reaps orphans, until the server ends. All signals are blocked. */
static int wait_as_init(pid_t server)
{
    sigset_t all;
    sigfillset(&all);
    for (;;) {
        int signal = sigwaitinfo(&all, NULL), status;
        if (signal > 0 && signal != SIGCHLD) {
            kill(server, signal);
            continue;
        }
        pid_t ended;
        while ((ended = waitpid(-1, &status, WNOHANG)) > 0)
            if (ended == server)
                return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        if (ended < 0 && errno == ECHILD)
            return 1;
    }
}

/* Process 1 returns from here only in the child that becomes the server, or if there can be no child. */
static void stay_as_init(void)
{
    sigset_t all;
    sigfillset(&all);
    /* With SIGCHLD ignored, the kernel would reap the server itself, and tell nobody. */
    signal(SIGCHLD, SIG_DFL);
    /* What arrives before the child is there is passed on to it, too. */
    sigprocmask(SIG_SETMASK, &all, NULL);
    pid_t server = fork();
    if (server > 0)
        _exit(wait_as_init(server));
    if (server < 0)
        return;
    /* Ctrl-C must reach the server once: a terminal sends it to the group in the foreground. */
    setpgid(0, 0);
    signal(SIGTTOU, SIG_IGN);
    (void)!tcsetpgrp(STDIN_FILENO, getpgrp());
    signal(SIGTTOU, SIG_DFL);
    /* Sockets that were passed to process 1, and the watchdog, are for the server. */
    static const char *const addressees[] = {"LISTEN_PID", "WATCHDOG_PID"};
    char own[24];
    snprintf(own, sizeof own, "%d", (int)getpid());
    for (size_t i = 0; i < sizeof addressees / sizeof addressees[0]; i++) {
        const char *addressee = getenv(addressees[i]);
        if (addressee != NULL && strcmp(addressee, "1") == 0)
            setenv(addressees[i], own, 1);
    }
}

int main(int count, char **words)
{
    if (getpid() == 1)
        stay_as_init();
    /* The process that started this one may have blocked or ignored signals, and both are inherited. With SIGCHLD
       ignored, the exit status of a child is lost. */
    const int serves = count > 1 && (strcmp(words[1], "serve") == 0 || strcmp(words[1], "dev") == 0);
    sigset_t mask;
    sigemptyset(&mask);
    if (serves) {
        sigaddset(&mask, SIGHUP);
        sigaddset(&mask, SIGUSR1);
    }
    sigprocmask(SIG_SETMASK, &mask, NULL);
    signal(SIGCHLD, SIG_DFL);
    open_standard_descriptors();

    static const char name[] = "/sluice-server";
    char path[PATH_MAX + sizeof name];
    if (own_path(path) == NULL) {
        fprintf(stderr, "sluice: cannot find its own file: %s\n", strerror(errno));
        return 1;
    }
    strcpy(strrchr(path, '/'), name);
    execv(path, words);
    fprintf(stderr, "sluice: cannot start %s: %s; it must be in the same directory as sluice\n", path, strerror(errno));
    return 1;
}
