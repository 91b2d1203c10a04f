/* beneath: opens files beneath a directory, and only those, whatever path a request has. */
#ifndef TAIL_BENEATH_H
#define TAIL_BENEATH_H

/**
 * Follows `path` except for its last component, and returns a descriptor (O_PATH) of the directory that it leads to, or
 * -1 and errno: EINVAL for a path that is absolute, or has an empty component, "." or ".."; ENOTDIR also for a symbolic
 * link. Takes ownership of `root` in either case. `*name` becomes the last component, within `path`.
 */
int beneath_directory(int root, const char *path, const char **name);

/**
 * Opens a regular file for reading, or returns -1 and errno: ELOOP for a symbolic link, ENOTSUP for anything else that
 * is not a regular file. Such files are never opened, because opening a FIFO or a device has side effects.
 */
int beneath_file(int directory, const char *name);

/** Writes a path that leads to a descriptor's file, even for O_PATH descriptors. */
void descriptor_path(int descriptor, char path[32]);

/** Closes a descriptor, unless it is -1, and keeps errno. */
void close_quietly(int descriptor);

#endif
