/*
 * SIGHUP and SIGUSR1 end a process that has no handler for them yet. The launcher blocks them for a server; from here
 * on they are noted. Blocking alone is not enough: Swift's runtime makes the main thread wait with an empty mask.
 */
#define _POSIX_C_SOURCE 200809L
#include "CStart.h"

#include <signal.h>
#include <stddef.h>
#include <unistd.h>

static const int kept[] = {SIGHUP, SIGUSR1};
static volatile sig_atomic_t noted[sizeof kept / sizeof kept[0]];

static void note(int number)
{
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
        if (kept[i] == number)
            noted[i] = 1;
}

/* Runs before main, and before there is another thread. */
__attribute__((constructor)) static void start(void)
{
    sigset_t blocked, none;
    sigprocmask(SIG_BLOCK, NULL, &blocked);
    if (!sigismember(&blocked, kept[0]))
        return;
    struct sigaction action = {.sa_handler = note, .sa_flags = SA_RESTART};
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
        sigaction(kept[i], &action, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

int sluice_start_noted(int number)
{
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
        if (kept[i] == number)
            return noted[i];
    return 0;
}

extern void __lsan_do_leak_check(void) __attribute__((weak));

void sluice_end(int status)
{
    if (status == 0 && __lsan_do_leak_check)
        __lsan_do_leak_check();
    _exit(status);
}
