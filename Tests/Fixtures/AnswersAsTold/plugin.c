/*
 * Each producer's `open` answers what its name says; with "pending", the test gives the answer. The state is a block
 * that counts the calls of `close` and keeps the reason.
 */
#include <stdlib.h>

#include "../minimal.h"

static int32_t answer(sluice_stream *stream, void **state, int32_t status)
{
    (void)stream;
    int32_t *block = calloc(2, sizeof *block);
    if (status == SLUICE_OPEN_OK || status == SLUICE_OPEN_PENDING)
        *state = block;
    else
        free(block);
    return status;
}

static int32_t open_ok(sluice_stream *stream, void **state)
{
    host->set_header(stream, "X-One", "1");
    host->set_header(stream, "Content-Type", "text/plain");
    host->set_header(stream, "Set-Cookie", "a=b");
    return answer(stream, state, SLUICE_OPEN_OK);
}

static int32_t open_end(sluice_stream *stream, void **state)
{
    return answer(stream, state, SLUICE_OPEN_END);
}

static int32_t open_reject(sluice_stream *stream, void **state)
{
    host->reject(stream, 409, "somebody else\nwas first");
    return answer(stream, state, SLUICE_OPEN_REJECT);
}

static int32_t open_reject_silently(sluice_stream *stream, void **state)
{
    return answer(stream, state, SLUICE_OPEN_REJECT);
}

static int32_t open_reject_with_200(sluice_stream *stream, void **state)
{
    host->reject(stream, 200, "fine");
    return answer(stream, state, SLUICE_OPEN_REJECT);
}

static int32_t open_nonsense(sluice_stream *stream, void **state)
{
    return answer(stream, state, 77);
}

static int32_t open_pending(sluice_stream *stream, void **state)
{
    return answer(stream, state, SLUICE_OPEN_PENDING);
}

static int32_t open_answered_early(sluice_stream *stream, void **state)
{
    int32_t status = answer(stream, state, SLUICE_OPEN_PENDING);
    host->set_header(stream, "X-Early", "yes");
    host->opened(stream, SLUICE_OPEN_OK);
    return status;
}

static int32_t count_close(void *state, int32_t reason)
{
    int32_t *block = state;
    block[0]++;
    block[1] = reason;
    return SLUICE_CLOSED;
}

static int32_t close_later(void *state, int32_t reason)
{
    count_close(state, reason);
    return SLUICE_CLOSING;
}

static void interrupt(void *state)
{
    int32_t *block = state;
    block[0] += 100;
}

#define ANSWERS(variable, text, function, closes)                                                                     \
    static const sluice_producer variable = {                                                                         \
        .struct_size = sizeof(sluice_producer), .flags = SLUICE_PLAIN_OPEN | SLUICE_BODY, .name = text,                \
        .parameters = "a: i64 = 7, b: str?", .open = SLUICE_OPEN(function), .next = minimal_next, .close = closes,      \
        .interrupt = interrupt,                                                                                       \
    };

ANSWERS(ok, "ok", open_ok, count_close)
ANSWERS(end, "end", open_end, count_close)
ANSWERS(reject, "reject", open_reject, count_close)
ANSWERS(silent, "reject-silently", open_reject_silently, count_close)
ANSWERS(fine, "reject-with-200", open_reject_with_200, count_close)
ANSWERS(nonsense, "nonsense", open_nonsense, count_close)
ANSWERS(pending, "pending", open_pending, count_close)
ANSWERS(early, "answered-early", open_answered_early, count_close)
ANSWERS(later, "closes-later", open_ok, close_later)

SLUICE_PLUGIN(host, "answers-as-told", "1.0.0", NULL, &ok, &end, &reject, &silent, &fine, &nonsense, &pending, &early, &later)
