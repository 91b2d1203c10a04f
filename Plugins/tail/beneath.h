/* beneath: files beneath a directory, and nothing else, whatever path a request has. */
#ifndef TAIL_BENEATH_H
#define TAIL_BENEATH_H

/**
 * Walks all of `path` but its last component, and returns a descriptor (O_PATH) of the directory that it ends in, or -1 and
 * errno: EINVAL for a path that is absolute, or has an empty component, "." or ".."; ENOTDIR also where a symbolic link is met.
 * Takes `root` over, in either case. `*name` becomes the last component, within `path`.
 */
int beneath_directory(int root, const char *path, const char **name);

/**
 * Opens a regular file for reading, or returns -1 and errno: ELOOP for a symbolic link, ENOTSUP for all else that is no regular
 * file. Such a thing is only looked at, never opened: to open a FIFO or a device has effects.
 */
int beneath_file(int directory, const char *name);

/** Writes the path by which the kernel reaches what a descriptor stands for, O_PATH ones included. */
void descriptor_path(int descriptor, char path[32]);

/** Closes a descriptor, if it is one, and leaves errno as it is. */
void close_quietly(int descriptor);

#endif
