/*
 * The first code of the server's, and its last: signals that the launcher has blocked are noted from then on.
 */
#ifndef SLUICE_CSTART_H
#define SLUICE_CSTART_H

/** Whether a signal came before somebody else took it over; for SIGHUP and SIGUSR1 in a server. */
int sluice_start_noted(int number);

/** _exit(2); in a build with a sanitizer, leaks are looked for before, as they would be by exit(3). */
_Noreturn void sluice_end(int status);

#endif
