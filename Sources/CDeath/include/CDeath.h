/*
 * The last log line of a server that a signal kills: which signal, where, and in which plugin. The dying thread writes
 * it, while nothing else can be relied on. Then the signal has its usual effect.
 */
#ifndef SLUICE_CDEATH_H
#define SLUICE_CDEATH_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** From now on, the process writes a line when a signal kills it, unless it handles that signal. Once per process.
    @param descriptor where the line goes; stays open
    @param json whether the log is JSON, and so the line */
void sluice_death_watch(int descriptor, bool json);

/** Gives the calling thread, which is one of the host's own, a second stack until it ends, so that an overflow of
    its stack is reported, too. If there is no memory, the thread gets none. */
void sluice_death_prepare_thread(void);

/** The code of one image. Never freed, like the image. */
struct sluice_code;

/** From now on, code at these addresses is known to be the plugin's. Any thread. Copies the texts.
    @param image the start of the image; offsets are counted from there
    @param file the file that the image was loaded from
    @return NULL if there is no memory */
struct sluice_code *_Nullable sluice_code_add(uintptr_t image, uintptr_t start, uintptr_t end,
    const char *_Nonnull plugin, const char *_Nonnull file);

/** Sets the generation of the image. */
void sluice_code_set_generation(struct sluice_code *_Nonnull code, uint64_t generation);

/** A plugin, found by an address. */
struct sluice_code_place {
    const char *_Nullable plugin; /**< NULL: none; never freed */
    const char *_Nullable file;
    uint64_t generation; /**< 0: not known */
    uintptr_t offset;    /**< into the file's image */
};

/** The plugin whose code called the caller of this function, directly or indirectly, as far as the stack shows.
    @param plugin the plugin whose call the thread is in: only its code counts; NULL: the thread is in no call */
struct sluice_code_place sluice_code_calling(const char *_Nullable plugin);
#endif
