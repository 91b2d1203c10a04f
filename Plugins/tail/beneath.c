/*
 * No symbolic link is followed, not even one that stays beneath the root: someone with write access there could change
 * it between the check and the open. Opening each component with O_NOFOLLOW and rejecting ".." is then sufficient: each
 * step can only go down. (openat2 with RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS does the same in one call, but only if
 * the kernel has it and a container's filter allows it; one way that is always taken is better tested than two.)
 */
#define _GNU_SOURCE
#include "beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void close_quietly(int descriptor)
{
    int error = errno;
    if (descriptor >= 0)
        close(descriptor);
    errno = error;
}

void descriptor_path(int descriptor, char path[32])
{
    snprintf(path, 32, "/proc/self/fd/%d", descriptor);
}

static bool goes_down(const char *component, size_t length)
{
    bool dots = component[0] == '.' && (length == 1 || (length == 2 && component[1] == '.'));
    return length > 0 && length <= NAME_MAX && !dots;
}

int beneath_directory(int root, const char *path, const char **name)
{
    int directory = root;
    while (directory >= 0) {
        size_t length = strcspn(path, "/");
        if (!goes_down(path, length)) {
            errno = EINVAL;
            close_quietly(directory);
            return -1;
        }
        if (path[length] == '\0') {
            *name = path;
            return directory;
        }
        char component[NAME_MAX + 1] = "";
        memcpy(component, path, length);
        int below = openat(directory, component, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        close_quietly(directory);
        directory = below;
        path += length + 1;
    }
    return -1;
}

int beneath_file(int directory, const char *name)
{
    int file = -1;
    int found = openat(directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct stat status;
    if (found >= 0 && fstat(found, &status) == 0) {
        if (S_ISREG(status.st_mode)) {
            char path[32];
            descriptor_path(found, path);
            file = open(path, O_RDONLY | O_NOCTTY | O_CLOEXEC);
        } else {
            errno = S_ISLNK(status.st_mode) ? ELOOP : ENOTSUP;
        }
    }
    close_quietly(found);
    return file;
}
