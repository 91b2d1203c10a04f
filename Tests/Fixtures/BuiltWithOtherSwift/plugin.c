/* Contains the note of a plugin that was built with Swift 5.9. */
#include "../minimal.h"

__attribute__((used, section(".note.sluice.swift"), aligned(4))) static const uint32_t built_with[] = {
    7, 4, 1, 0x69756c53, 0x00006563, 0x00050009,
};

MINIMAL_PLUGIN("other-swift")
