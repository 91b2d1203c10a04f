/*
 * The server's first code, and its last. From its start, signals that the launcher has blocked are noted.
 */
#ifndef SLUICE_CSTART_H
#define SLUICE_CSTART_H

/** Whether a signal came before another handler was set for it; for SIGHUP and SIGUSR1 in a server. */
int sluice_start_noted(int number);

/** _exit(2). In a build with a leak sanitizer, a status of 0 is preceded by the check for leaks that exit(3) would
    do. */
_Noreturn void sluice_end(int status);

#endif
