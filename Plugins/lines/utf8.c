#include "utf8.h"

#include <string.h>

size_t utf8_sequence(const char *bytes, size_t length)
{
    const unsigned char *b = (const unsigned char *)bytes;
    if (b[0] < 0x80)
        return 1;
    /* The second byte's range is what keeps out overlong forms, surrogates, and what lies beyond U+10FFFF. */
    size_t size = b[0] < 0xC2 ? 0 : b[0] < 0xE0 ? 2 : b[0] < 0xF0 ? 3 : b[0] < 0xF5 ? 4 : 0;
    unsigned char low = b[0] == 0xE0 ? 0xA0 : b[0] == 0xF0 ? 0x90 : 0x80;
    unsigned char high = b[0] == 0xED ? 0x9F : b[0] == 0xF4 ? 0x8F : 0xBF;
    if (size == 0 || size > length || b[1] < low || b[1] > high)
        return 0;
    for (size_t i = 2; i < size; i++)
        if ((b[i] & 0xC0) != 0x80)
            return 0;
    return size;
}

size_t utf8_cut(const char *bytes, size_t length)
{
    for (size_t back = 1; back <= 3 && back <= length; back++) {
        unsigned char byte = (unsigned char)bytes[length - back];
        if ((byte & 0xC0) == 0x80)
            continue;
        size_t size = byte < 0xC0 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
        return size > back ? length - back : length;
    }
    return length;
}

size_t utf8_valid(const char *bytes, size_t length)
{
    size_t valid = 0;
    while (valid < length) {
        size_t size = utf8_sequence(bytes + valid, length - valid);
        if (size == 0)
            break;
        valid += size;
    }
    return valid;
}

size_t utf8_repair(const char *bytes, size_t length, char *text)
{
    size_t read = 0, written = 0;
    while (read < length) {
        size_t size = utf8_sequence(bytes + read, length - read);
        if (size > 0) {
            memcpy(text + written, bytes + read, size);
            read += size;
            written += size;
        } else {
            memcpy(text + written, "\xEF\xBF\xBD", 3);
            read += 1;
            written += 3;
        }
    }
    return written;
}
