/* command: a child process with a process group of its own, and what it writes. Independent of Sluice. */
#ifndef EXEC_COMMAND_H
#define EXEC_COMMAND_H

#include <stdbool.h>
#include <sys/types.h>

struct command {
    pid_t pid;   /**< of the process, and of its group; 0: none runs */
    int process; /**< a pidfd: readable once the process has ended */
    int output;  /**< its standard output, to be read without blocking; -1 once that has ended */
    int errors;  /**< its standard error, likewise */
};

/** How a command ended. */
struct command_end {
    bool succeeded; /**< with the exit status 0 */
    char text[48];  /**< "exit status 3", "killed by SIGSEGV" */
};

/**
 * Starts a program: standard input is /dev/null, output and error are pipes, no other descriptor is open; every signal does what
 * it does by default, and none is blocked; the limit of open files is that of SLUICE_INHERITED_NOFILE, if there is such a variable.
 * Answers 0, or an error number, also if the program cannot be executed.
 */
int command_start(struct command *command, char *const words[], char *const variables[]);

/** Sends a signal to the process and all of its group. */
void command_signal(const struct command *command, int signal);

/**
 * Ends it: what is left of the group is killed, the process is waited for (so it leaves no zombie), and the descriptors are
 * closed. Only for one that runs, or has ended without this call.
 */
struct command_end command_finish(struct command *command);

/** Reads what there is: more than 0 bytes; 0 for nothing now; -1 at the end, and then `*descriptor` is closed and -1. */
ssize_t command_read(int *descriptor, void *buffer, size_t size);

#endif
