#include "internal.h"

#include <string.h>

static void put(struct line *line, char character)
{
    /* Room is kept for the end of the line. */
    if (line->length < sizeof line->text - 8)
        line->text[line->length++] = character;
}

static void put_text(struct line *line, const char *text)
{
    while (*text)
        put(line, *text++);
}

static void put_digits(struct line *line, uint64_t number, unsigned base, int least)
{
    char digits[24];
    int count = 0;
    do {
        digits[count++] = "0123456789abcdef"[number % base];
        number /= base;
    } while (number > 0 || count < least);
    while (count > 0)
        put(line, digits[--count]);
}

/* Escapes as in JSON; quotes and backslashes only where the text is quoted. Bytes that are not UTF-8 stay unchanged. */
static void put_escaped(struct line *line, const char *text, bool quotes)
{
    for (; *text; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte < 0x20 || byte == 0x7f) {
            put_text(line, "\\u");
            put_digits(line, byte, 16, 4);
        } else {
            if (quotes && (byte == '"' || byte == '\\'))
                put(line, '\\');
            put(line, (char)byte);
        }
    }
}

/* UTC, to the millisecond. The C library's own functions may take locks. Days are converted to dates as in H.
   Hinnant, "chrono-Compatible Low-Level Date Algorithms". */
static void put_time(struct line *line, int64_t seconds, long nanoseconds)
{
    uint64_t days = (uint64_t)seconds / 86400 + 719468, rest = (uint64_t)seconds % 86400;
    uint64_t era = days / 146097, day_of_era = days % 146097;
    uint64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    uint64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    uint64_t shifted = (5 * day_of_year + 2) / 153;
    uint64_t month = shifted < 10 ? shifted + 3 : shifted - 9;
    put_digits(line, year_of_era + era * 400 + (month <= 2), 10, 4);
    put(line, '-');
    put_digits(line, month, 10, 2);
    put(line, '-');
    put_digits(line, day_of_year - (153 * shifted + 2) / 5 + 1, 10, 2);
    put(line, 'T');
    put_digits(line, rest / 3600, 10, 2);
    put(line, ':');
    put_digits(line, rest / 60 % 60, 10, 2);
    put(line, ':');
    put_digits(line, rest % 60, 10, 2);
    put(line, '.');
    put_digits(line, (uint64_t)nanoseconds / 1000000, 10, 3);
    put(line, 'Z');
}

/* `is_text`: in JSON, a quote begins the value. */
static void put_key(struct line *line, const char *key, bool is_text)
{
    put_text(line, line->json ? ",\"" : " ");
    put_text(line, key);
    put_text(line, !line->json ? "=" : is_text ? "\":\"" : "\":");
}

void line_begin(struct line *line, bool json, int64_t seconds, long nanoseconds, const char *message)
{
    line->length = 0;
    line->json = json;
    if (json)
        put_text(line, "{\"time\":\"");
    put_time(line, seconds, nanoseconds);
    put_text(line, json ? "\",\"level\":\"critical\",\"message\":\"" : " critical ");
    put_escaped(line, message, json);
    if (json)
        put(line, '"');
}

void line_add(struct line *line, const char *key, const char *value)
{
    put_key(line, key, true);
    if (line->json) {
        put_escaped(line, value, true);
        put(line, '"');
        return;
    }
    bool quotes = *value == 0;
    for (const char *at = value; *at; at++)
        if ((unsigned char)*at <= 0x20 || *at == 0x7f || *at == '"' || *at == '=' || *at == '\\')
            quotes = true;
    if (quotes)
        put(line, '"');
    put_escaped(line, value, quotes);
    if (quotes)
        put(line, '"');
}

void line_add_number(struct line *line, const char *key, uint64_t number)
{
    put_key(line, key, false);
    put_digits(line, number, 10, 1);
}

void line_add_address(struct line *line, const char *key, const char *before, uint64_t address)
{
    put_key(line, key, true);
    put_escaped(line, before, line->json);
    put_digits(line, address, 16, 1);
    if (line->json)
        put(line, '"');
}

void line_end(struct line *line)
{
    const char *end = line->json ? "}\n" : "\n";
    size_t length = strlen(end);
    memcpy(line->text + line->length, end, length);
    line->length += length;
}
