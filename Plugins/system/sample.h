/* sample: what /proc says at one moment. Independent of Sluice and JSON. */
#ifndef SYSTEM_SAMPLE_H
#define SYSTEM_SAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** More of them than this are left out. */
enum { CORES_MAX = 512, LINKS_MAX = 128 };

/** In ticks since the machine was started. */
struct cpu_time {
    uint64_t busy, total;
};

/** A network interface, in bytes since it exists. */
struct link {
    char name[16];
    uint64_t received, sent;
};

/** In bytes. */
struct memory {
    uint64_t total, available, swap_total, swap_free;
};

/** A part that cannot be read, or has an unknown format, is absent; the others are still there. */
struct sample {
    int64_t time_ns; /**< monotonic */
    bool has_cpu, has_memory, has_load, has_links;
    struct cpu_time cpu; /**< of all cores */
    struct cpu_time cores[CORES_MAX]; /**< by number; of one that is off line, total is 0 */
    size_t core_count;
    struct memory memory;
    unsigned load_hundredths[3]; /**< over 1, 5 and 15 minutes */
    struct link links[LINKS_MAX];
    size_t link_count;
};

/** Reads what is in the directory `proc`: /proc, or one like it. */
void sample_take(struct sample *sample, int proc);

#endif
