/* sample: the contents of /proc at one moment. Independent of Sluice and JSON. */
#ifndef SYSTEM_SAMPLE_H
#define SYSTEM_SAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Further ones are left out. */
enum { CORES_MAX = 512, LINKS_MAX = 128 };

/** Ticks since the machine was started. */
struct cpu_time {
    uint64_t busy, total;
};

/** A network interface, with bytes since it was created. */
struct link {
    char name[16];
    uint64_t received, sent;
};

/** Bytes. */
struct memory {
    uint64_t total, available, swap_total, swap_free;
};

/** A part that can't be read, or has an unknown format, is absent; the others are present. */
struct sample {
    int64_t time_ns; /**< monotonic */
    bool has_cpu, has_memory, has_load, has_links;
    struct cpu_time cpu; /**< the sum of all cores */
    struct cpu_time cores[CORES_MAX]; /**< by number; total is 0 for a core that is offline */
    size_t core_count;
    struct memory memory;
    unsigned load_hundredths[3]; /**< for 1, 5 and 15 minutes */
    struct link links[LINKS_MAX];
    size_t link_count;
};

/** Reads the directory `proc`: /proc, or one like it. */
void sample_take(struct sample *sample, int proc);

#endif
