/*
 * The command `sluice`: puts right what a process inherits (descriptors 0 to 2, the signal mask, SIGCHLD), and becomes `sluice-server`,
 * which is the program itself, beside it.
 *
 * The program has some twenty shared libraries. While the dynamic loader is busy with them, 10 ms and more, no code of the program's own
 * can run, and SIGHUP and SIGUSR1 would end a server that was started a moment ago; it is told to reload like any other. They are blocked
 * here, at once, as a release links this program statically; a mask and pending signals outlive execve(2). CStart takes them up there.
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
#include <unistd.h>

/*
 * A descriptor that is closed would be given to the next file or socket that is opened, and what is meant for the terminal written there.
 * What stands in for it refuses to be used: reading from 0 and writing to 1 or 2 stay errors, as they were.
 */
static void open_standard_descriptors(void)
{
    for (int descriptor = 0; descriptor <= 2; descriptor++)
        if (fcntl(descriptor, F_GETFD) < 0 && errno == EBADF)
            (void)!open("/dev/null", descriptor == 0 ? O_WRONLY : O_RDONLY);
}

/* Where this program's file is, links followed. */
static const char *own_path(char *buffer)
{
    /* Without /proc, it is what the kernel was told to execute. */
    const char *told = (const char *)getauxval(AT_EXECFN);
    if (realpath("/proc/self/exe", buffer) != NULL || (told != NULL && realpath(told, buffer) != NULL))
        return buffer;
    return NULL;
}

int main(int count, char **words)
{
    /* Who started this may have blocked or ignored signals, and both are inherited; of an ignored child the exit status is lost. */
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
