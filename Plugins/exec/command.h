/* command: a child process in its own process group, and its output. Independent of Sluice. */
#ifndef EXEC_COMMAND_H
#define EXEC_COMMAND_H

#include <stdbool.h>
#include <sys/types.h>

struct command {
    pid_t pid;   /**< the ID of the process and of its group; 0: none is running */
    int process; /**< a pidfd: readable once the process has ended */
    int output;  /**< its standard output, non-blocking; -1 after its end */
    int errors;  /**< its standard error, the same way */
};

/** How a command ended. */
struct command_end {
    bool succeeded; /**< with the exit status 0 */
    char text[48];  /**< "exit status 3", "killed by SIGSEGV" */
};

/**
 * Starts a program. Standard input is /dev/null, output and error are pipes, and no other descriptor is open. Every
 * signal has its default action, and none is blocked. The limit of open files is that of SLUICE_INHERITED_NOFILE, if
 * that variable is set. Returns 0 or an error number, also if the program can't be executed.
 */
int command_start(struct command *command, char *const words[], char *const variables[]);

/** Sends a signal to the process and all of its group. */
void command_signal(const struct command *command, int signal);

/**
 * Ends the command: kills what is left of the group, waits for the process (so that it leaves no zombie), and closes
 * the descriptors. Only for a command that is running, or that has ended by itself.
 */
struct command_end command_finish(struct command *command);

/**
 * Reads what is available: more than 0 bytes; 0 if there are none now; -1 at the end, when it closes `*descriptor` and
 * sets it to -1.
 */
ssize_t command_read(int *descriptor, void *buffer, size_t size);

#endif
