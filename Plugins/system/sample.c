#define _GNU_SOURCE
#include "sample.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Hands each line of a file to `take`, until that answers false. */
static void each_line(int proc, const char *path, bool (*take)(struct sample *sample, char *line), struct sample *sample)
{
    int file = openat(proc, path, O_RDONLY | O_CLOEXEC);
    FILE *stream = file < 0 ? NULL : fdopen(file, "r");
    if (stream == NULL) {
        if (file >= 0)
            close(file);
        return;
    }
    char *line = NULL;
    size_t size = 0;
    while (getline(&line, &size, stream) >= 0 && take(sample, line)) {
    }
    free(line);
    fclose(stream);
}

/* Reads whole numbers that are separated by blanks, as many as there are, and at most `count`. */
static size_t read_numbers(const char *text, uint64_t *numbers, size_t count)
{
    size_t found = 0;
    for (; found < count; found++) {
        while (isblank((unsigned char)*text))
            text++;
        if (!isdigit((unsigned char)*text))
            break;
        char *end;
        numbers[found] = strtoull(text, &end, 10);
        text = end;
    }
    return found;
}

/* "cpu3 user nice system idle iowait irq softirq steal guest guest_nice": the guests' time is also in user and nice. */
static bool take_cpu(struct sample *sample, char *line)
{
    if (strncmp(line, "cpu", 3) != 0)
        return false; /* these are the first lines; the rest is not needed */
    struct cpu_time *time = &sample->cpu;
    char *rest = line + 3;
    if (isdigit((unsigned char)*rest)) {
        unsigned long core = strtoul(rest, &rest, 10);
        if (core >= CORES_MAX)
            return true;
        if (core >= sample->core_count)
            sample->core_count = core + 1;
        time = &sample->cores[core];
    }
    uint64_t spent[8] = {0};
    if (read_numbers(rest, spent, 8) < 4)
        return true;
    enum { IDLE = 3, IOWAIT = 4 };
    time->total = 0;
    for (size_t i = 0; i < 8; i++)
        time->total += spent[i];
    time->busy = time->total - spent[IDLE] - spent[IOWAIT];
    sample->has_cpu = sample->cpu.total > 0;
    return true;
}

/* "MemTotal:       24684084 kB" */
static bool take_memory(struct sample *sample, char *line)
{
    const struct {
        const char *name;
        uint64_t *bytes;
    } known[] = {
        {"MemTotal:", &sample->memory.total},
        {"MemAvailable:", &sample->memory.available},
        {"SwapTotal:", &sample->memory.swap_total},
        {"SwapFree:", &sample->memory.swap_free},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        size_t length = strlen(known[i].name);
        uint64_t kilobytes;
        if (strncmp(line, known[i].name, length) == 0 && read_numbers(line + length, &kilobytes, 1) == 1)
            *known[i].bytes = kilobytes * 1024;
    }
    sample->has_memory = sample->memory.total > 0;
    return true;
}

/* "0.34 0.20 0.18 1/80 11206"; read as whole numbers, because the locale decides the decimal point elsewhere. */
static bool take_load(struct sample *sample, char *line)
{
    unsigned whole[3], hundredths[3];
    sample->has_load = sscanf(line, "%6u.%2u %6u.%2u %6u.%2u", &whole[0], &hundredths[0], &whole[1], &hundredths[1],
                              &whole[2], &hundredths[2]) == 6;
    for (size_t i = 0; sample->has_load && i < 3; i++)
        sample->load_hundredths[i] = whole[i] * 100 + hundredths[i];
    return false;
}

/* "  eth0: bytes packets errs drop fifo frame compressed multicast bytes …": first what was received, then what was sent. */
static bool take_link(struct sample *sample, char *line)
{
    enum { RECEIVED = 0, SENT = 8 };
    uint64_t numbers[SENT + 1];
    char *name = line + strspn(line, " \t");
    char *colon = strchr(name, ':');
    if (colon == NULL || read_numbers(colon + 1, numbers, SENT + 1) <= SENT)
        return true; /* a headline */
    *colon = '\0';
    sample->has_links = true;
    if (sample->link_count == LINKS_MAX)
        return false;
    struct link *link = &sample->links[sample->link_count++];
    snprintf(link->name, sizeof link->name, "%s", name);
    link->received = numbers[RECEIVED];
    link->sent = numbers[SENT];
    return true;
}

void sample_take(struct sample *sample, int proc)
{
    memset(sample, 0, sizeof *sample);
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    sample->time_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    each_line(proc, "stat", take_cpu, sample);
    each_line(proc, "meminfo", take_memory, sample);
    each_line(proc, "loadavg", take_load, sample);
    each_line(proc, "net/dev", take_link, sample);
}
