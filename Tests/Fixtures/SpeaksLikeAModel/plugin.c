/*
 * Streams answers like the chat completions of a language model: a piece every ?every= milliseconds (300), then
 * "[DONE]". Without IDs under /plain/chat/completions, with IDs under /ids/chat/completions.
 */
#include <sluice.h>
#include <stdio.h>
#include <stdlib.h>

static const sluice_host *host;
static const char *const words[] = {"Hello", ", ", "world", "."};
enum { word_count = sizeof words / sizeof *words };

struct answer {
    int said;
    bool has_ids;
    int64_t every_ms;
    char id[16], data[256];
};

static int32_t start(void **state, bool has_ids, int64_t every_ms)
{
    struct answer *answer = calloc(1, sizeof *answer);
    if (answer == NULL)
        return SLUICE_OPEN_REJECT;
    answer->has_ids = has_ids;
    answer->every_ms = every_ms;
    *state = answer;
    return SLUICE_OPEN_OK;
}

static int32_t open_plain(sluice_stream *stream, void **state, int64_t every_ms)
{
    (void)stream;
    return start(state, false, every_ms);
}

static int32_t open_ids(sluice_stream *stream, void **state, int64_t every_ms)
{
    (void)stream;
    return start(state, true, every_ms);
}

static int32_t next(void *state, sluice_event *event)
{
    struct answer *answer = state;
    if (answer->said > word_count)
        return SLUICE_NEXT_END;
    if (answer->said == word_count)
        snprintf(answer->data, sizeof answer->data, "[DONE]");
    else
        snprintf(answer->data, sizeof answer->data,
                 "{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":0,\"model\":\"m\",\"choices\":[{\"index\":0,"
                 "\"delta\":{\"content\":\"%s\"},\"finish_reason\":null}]}",
                 words[answer->said]);
    answer->said++;
    event->data = answer->data;
    event->wait_ms = answer->every_ms;
    if (answer->has_ids) {
        snprintf(answer->id, sizeof answer->id, "%d", answer->said);
        event->id = answer->id;
    }
    return SLUICE_NEXT_EVENT;
}

static int32_t close_answer(void *state, int32_t reason)
{
    (void)reason;
    free(state);
    return SLUICE_CLOSED;
}

#define MODEL(variable, producer_route, open_function)                                                                \
    static const sluice_producer variable = {                                                                         \
        .struct_size = sizeof(sluice_producer),                                                                       \
        .flags = SLUICE_NONBLOCKING | SLUICE_BODY,                                                                    \
        .name = #variable,                                                                                            \
        .route = producer_route,                                                                                      \
        .parameters = "every: i64 = 300",                                                                             \
        .open = SLUICE_OPEN(open_function),                                                                           \
        .next = next,                                                                                                 \
        .close = close_answer,                                                                                        \
    }

MODEL(plain, "/plain/chat/completions", open_plain);
MODEL(ids, "/ids/chat/completions", open_ids);

SLUICE_PLUGIN(host, "speaks-like-a-model", "1.0.0", NULL, &plain, &ids)
