#define _GNU_SOURCE
#include "internal.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

struct sluice_code {
    struct sluice_code *next;
    uintptr_t image, start, end;
    const char *plugin, *file;
    _Atomic(uint64_t) generation;
};

/* Newest first. Nothing is ever removed: a signal handler may be reading any part of the list. */
static struct sluice_code *_Atomic codes;

struct sluice_code *sluice_code_add(
    uintptr_t image, uintptr_t start, uintptr_t end, const char *plugin, const char *file)
{
    struct sluice_code *code = malloc(sizeof *code);
    char *names = malloc(strlen(plugin) + strlen(file) + 2);
    if (!code || !names) {
        free(code);
        free(names);
        return NULL;
    }
    code->image = image;
    code->start = start;
    code->end = end;
    code->plugin = strcpy(names, plugin);
    code->file = strcpy(names + strlen(plugin) + 1, file);
    atomic_init(&code->generation, 0);
    code->next = atomic_load_explicit(&codes, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(
        &codes, &code->next, code, memory_order_release, memory_order_relaxed))
        continue;
    return code;
}

void sluice_code_set_generation(struct sluice_code *code, uint64_t generation)
{
    atomic_store_explicit(&code->generation, generation, memory_order_relaxed);
}

struct sluice_code_place sluice_code_at(uintptr_t address)
{
    struct sluice_code *code = atomic_load_explicit(&codes, memory_order_acquire);
    while (code && (address < code->start || address >= code->end))
        code = code->next;
    if (!code)
        return (struct sluice_code_place){NULL, NULL, 0, 0};
    uint64_t generation = atomic_load_explicit(&code->generation, memory_order_relaxed);
    return (struct sluice_code_place){code->plugin, code->file, generation, address - code->image};
}

/* SEARCHED: how much of a stack is searched, in bytes. PIECE: how many words are read at a time. */
enum { SEARCHED = 64 * 1024, PIECE = 128 };

struct sluice_code_place sluice_code_on_stack(uintptr_t stack, const char *plugin)
{
    uintptr_t words[PIECE];
    for (uintptr_t at = stack & ~(uintptr_t)7; at - stack < SEARCHED || at < stack; at += sizeof words) {
        /* The kernel copies, because it is not known where the stack ends. */
        struct iovec to = {words, sizeof words}, from = {(void *)at, sizeof words};
        ssize_t bytes = process_vm_readv(getpid(), &to, 1, &from, 1, 0);
        if (bytes <= 0)
            break;
        for (size_t i = 0; i < (size_t)bytes / sizeof *words; i++) {
            struct sluice_code_place place = sluice_code_at(words[i]);
            if (place.plugin && (!plugin || strcmp(place.plugin, plugin) == 0))
                return place;
        }
        if ((size_t)bytes < sizeof words)
            break;
    }
    return (struct sluice_code_place){NULL, NULL, 0, 0};
}

struct sluice_code_place sluice_code_calling(const char *plugin)
{
    return sluice_code_on_stack((uintptr_t)__builtin_frame_address(0), plugin);
}
