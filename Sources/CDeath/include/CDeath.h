/*
 * The last line of a server that dies of a signal: which, where, and in which plugin. It is written by the thread that dies, while
 * nothing else can be relied on; then the signal does what it would have done without.
 */
#ifndef SLUICE_CDEATH_H
#define SLUICE_CDEATH_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** From now on the process leaves a line when it dies of a signal, but for those that it has handlers for. Once per process.
    @param descriptor stays open
    @param json the form of the line, that of all others of the log */
void sluice_death_watch(int descriptor, bool json);

/** Gives the calling thread, until its end, a second stack for that line, so that the overflow of its first one is told, too. The thread is
    one of the host's own. Without memory to be had it goes without. */
void sluice_death_prepare_thread(void);

/** The code of one image. Lives for ever, as the image does. */
struct sluice_code;

/** From now on code in these addresses is known to be the plugin's. Any thread. The texts are copied.
    @param image where the image begins, from which offsets are counted
    @param file what the image was loaded from */
struct sluice_code *_Nullable sluice_code_add(uintptr_t image, uintptr_t start, uintptr_t end,
    const char *_Nonnull plugin, const char *_Nonnull file);

/** The generation that the image is. */
void sluice_code_set_generation(struct sluice_code *_Nonnull code, uint64_t generation);

/** A plugin, found by an address. */
struct sluice_code_place {
    const char *_Nullable plugin; /**< NULL: none; lives for ever */
    const char *_Nullable file;
    uint64_t generation; /**< 0: not known */
    uintptr_t offset;    /**< into the file's image */
};

/** The plugin whose code called the caller of this, directly or through others; as far as the stack tells.
    @param plugin whose call the thread is in, and who alone is meant then; NULL: in none */
struct sluice_code_place sluice_code_calling(const char *_Nullable plugin);
#endif
