/*
 * Subscribers that connect and disconnect, on loopback. (The load generator in the bench folder only measures
 * subscribers that stay.)
 *
 *   visit churn  --port N --path P --count N [--rate N] [--stay-ms N] [--in-flight N]
 *                [--readers N --reader-path P] [--header "NAME: VALUE"] [--pid N]
 *   visit replay --port N --path P --count N [--events N] [--in-flight N] [--pid N]
 *
 * churn: `count` subscribers, each of which disconnects (with a reset) `stay-ms` after the head of its response. With a
 * rate, they connect at regular intervals; otherwise the next one connects as soon as there are fewer than `in-flight`.
 * The readers stay connected: an event's delay is the time of its read() minus the time in its data ("t": nanoseconds
 * of CLOCK_MONOTONIC), and each of the numbers in "n" must arrive once. All requests have the further header.
 * replay: `count` subscribers, each of which reads `events` events and disconnects.
 * Prints one line of JSON. CPU is that of the server's process (clock_getcpuclockid), over the whole run.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HEAD_MAX = 2048, LINE_MAX_KEPT = 96, EXPECTED_MAX = 120 };

struct visitor {
    int descriptor;
    bool is_reader, has_head;
    int64_t asked_at, leaves_at;
    uint64_t events, last_number;
    size_t kept;
    char line[LINE_MAX_KEPT];
};

static int port, epoll, in_flight = 64, present;
static const char *path = "/events", *reader_path, *header;
static int64_t count = 1000, rate, stay_ms, readers, expected = 1, pid;
static bool is_replay;
static int64_t came, head_ok, refused, broken, lost, delivered, delay_count;
static uint64_t events_read, bytes_read;
static int64_t delays[1 << 20], waits[1 << 20];
static struct visitor *leaving[1 << 16];
static int leaving_count;

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static double server_cpu(void)
{
    clockid_t clock;
    struct timespec time;
    if (pid == 0 || clock_getcpuclockid((pid_t)pid, &clock) != 0 || clock_gettime(clock, &time) != 0)
        return 0;
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void fail(const char *what)
{
    fprintf(stderr, "visit: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void come(bool is_reader)
{
    struct visitor *visitor = calloc(1, sizeof *visitor);
    if (visitor == NULL)
        fail("calloc");
    visitor->is_reader = is_reader;
    visitor->asked_at = now();
    visitor->descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (visitor->descriptor < 0)
        fail("socket");
/* Several source addresses, so that there are enough ports. */
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7F000002 + (uint32_t)(came % 8))};
    int one = 1;
    setsockopt(visitor->descriptor, IPPROTO_IP, 24 /* IP_BIND_ADDRESS_NO_PORT */, &one, sizeof one);
    struct sockaddr_in server = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (bind(visitor->descriptor, (struct sockaddr *)&own, sizeof own) != 0)
        fail("bind");
    if (connect(visitor->descriptor, (struct sockaddr *)&server, sizeof server) != 0 && errno != EINPROGRESS)
        fail("connect");
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = visitor};
    epoll_ctl(epoll, EPOLL_CTL_ADD, visitor->descriptor, &event);
    if (is_reader)
        return;
    ++came;
    ++present;
}

static void leave(struct visitor *visitor)
{
    struct linger at_once = {.l_onoff = 1};
    setsockopt(visitor->descriptor, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(visitor->descriptor);
    if (!visitor->is_reader)
        --present;
    free(visitor);
}

static void ask(struct visitor *visitor)
{
    char request[4096];
    int length = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n%s%s\r\n",
                          visitor->is_reader && reader_path != NULL ? reader_path : path, header != NULL ? header : "",
                          header != NULL ? "\r\n" : "");
    if (length >= (int)sizeof request || send(visitor->descriptor, request, (size_t)length, MSG_NOSIGNAL) != length)
        ++broken;
}

/* A line of a reader's stream, or of a replayed one, is complete. */
static void take(struct visitor *visitor, int64_t at)
{
    visitor->line[visitor->kept < LINE_MAX_KEPT ? visitor->kept : LINE_MAX_KEPT - 1] = '\0';
    visitor->kept = 0;
    if (strncmp(visitor->line, "data:", 5) != 0)
        return;
    ++visitor->events;
    if (!visitor->is_reader)
        return;
    char *time = strstr(visitor->line, "\"t\":"), *number = strstr(visitor->line, "\"n\":");
    if (time == NULL || number == NULL)
        return;
    uint64_t this = strtoull(number + 4, NULL, 10);
    if (visitor->last_number != 0 && this != visitor->last_number + 1)
        ++lost;
    visitor->last_number = this;
    ++delivered;
    if (delay_count < (int64_t)(sizeof delays / sizeof *delays))
        delays[delay_count++] = at - (int64_t)strtoull(time + 4, NULL, 10);
}

/* Returns false if the visitor has disconnected. */
static bool receive(struct visitor *visitor, int64_t at)
{
    static char buffer[1 << 16];
    while (true) {
        ssize_t got = recv(visitor->descriptor, buffer, sizeof buffer, MSG_DONTWAIT);
        if (got < 0 && errno == EAGAIN)
            return true;
        if (got <= 0) {
            ++broken;
            leave(visitor);
            return false;
        }
        bytes_read += (uint64_t)got;
        if (!visitor->has_head) {
            visitor->has_head = true;
            if (strncmp(buffer, "HTTP/1.1 200", 12) != 0) {
                ++refused;
            } else if (!visitor->is_reader && head_ok < (int64_t)(sizeof waits / sizeof *waits)) {
                waits[head_ok++] = at - visitor->asked_at;
            }
            if (!visitor->is_reader && !is_replay) {
                if (stay_ms == 0 || leaving_count == (int)(sizeof leaving / sizeof *leaving)) {
                    leave(visitor);
                    return false;
                }
                visitor->leaves_at = at + stay_ms * 1000000;
                leaving[leaving_count++] = visitor;
            }
        }
        if (!visitor->is_reader && !is_replay)
            continue;
        for (char *from = buffer, *end = buffer + got; from < end;) {
            char *newline = memchr(from, '\n', (size_t)(end - from));
            size_t length = (size_t)((newline != NULL ? newline : end) - from);
            size_t room = LINE_MAX_KEPT - 1 - visitor->kept;
            memcpy(visitor->line + visitor->kept, from, length < room ? length : room);
            visitor->kept += length < room ? length : room;
            if (newline == NULL)
                break;
            take(visitor, at);
            from = newline + 1;
        }
        if (is_replay && !visitor->is_reader && visitor->events >= (uint64_t)expected) {
            events_read += visitor->events;
            leave(visitor);
            return false;
        }
    }
}

static int ascending(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

static double percentile(int64_t *values, int64_t length, double part)
{
    if (length == 0)
        return 0;
    qsort(values, (size_t)length, sizeof *values, ascending);
    return (double)values[(int64_t)((double)(length - 1) * part)] / 1e3;
}

static void turn(int timeout)
{
    static struct epoll_event events[1024];
    int ready = epoll_wait(epoll, events, 1024, timeout);
    int64_t at = now();
    for (int index = 0; index < ready; ++index) {
        struct visitor *visitor = events[index].data.ptr;
        if ((events[index].events & EPOLLOUT) && visitor->asked_at > 0 && visitor->kept == 0 && !visitor->has_head &&
            visitor->leaves_at == 0) {
            visitor->leaves_at = INT64_MAX;
            ask(visitor);
        }
        if (events[index].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
            bool was_leaving = visitor->leaves_at != INT64_MAX && visitor->has_head;
            if (was_leaving) {
/* It is in the list of those that disconnect: further data does not matter. */
                static char sink[1 << 16];
                while (recv(visitor->descriptor, sink, sizeof sink, MSG_DONTWAIT) > 0)
                    ;
                continue;
            }
            receive(visitor, at);
        }
    }
    int kept = 0;
    at = now();
    for (int index = 0; index < leaving_count; ++index) {
        if (leaving[index]->leaves_at <= at)
            leave(leaving[index]);
        else
            leaving[kept++] = leaving[index];
    }
    leaving_count = kept;
}

int main(int argc, char **argv)
{
    if (argc < 2 || (strcmp(argv[1], "churn") != 0 && strcmp(argv[1], "replay") != 0)) {
        fprintf(stderr, "usage: visit churn|replay --port N --path P --count N …; see the head of visit.c\n");
        return 2;
    }
    is_replay = strcmp(argv[1], "replay") == 0;
    for (int index = 2; index + 1 < argc; index += 2) {
        const char *name = argv[index], *value = argv[index + 1];
        int64_t number = atoll(value);
        if (strcmp(name, "--port") == 0) port = (int)number;
        else if (strcmp(name, "--path") == 0) path = value;
        else if (strcmp(name, "--reader-path") == 0) reader_path = value;
        else if (strcmp(name, "--header") == 0) header = value;
        else if (strcmp(name, "--count") == 0) count = number;
        else if (strcmp(name, "--rate") == 0) rate = number;
        else if (strcmp(name, "--stay-ms") == 0) stay_ms = number;
        else if (strcmp(name, "--in-flight") == 0) in_flight = (int)number;
        else if (strcmp(name, "--readers") == 0) readers = number;
        else if (strcmp(name, "--events") == 0) expected = number;
        else if (strcmp(name, "--pid") == 0) pid = number;
        else {
            fprintf(stderr, "visit: unknown option %s\n", name);
            return 2;
        }
    }
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    for (int64_t index = 0; index < readers; ++index)
        come(true);
/* The readers are connected, and have some events, before the others connect. */
    int64_t began = now();
    while (readers > 0 && delivered < readers * 20 && now() - began < 5000000000)
        turn(10);
    delay_count = 0;
    double cpu = server_cpu();
    began = now();
    int64_t limit = began + 120000000000;
    while ((came < count || present > 0) && now() < limit) {
        int64_t due = rate > 0 ? (now() - began) * rate / 1000000000 + 1 : count;
        while (came < count && came < due && (rate > 0 || present < in_flight))
            come(false);
        turn(rate > 0 || leaving_count > 0 ? 1 : 100);
    }
    double seconds = (double)(now() - began) / 1e9;
    cpu = server_cpu() - cpu;
    int64_t stall = 0;
    for (int64_t index = 0; index < delay_count; ++index)
        if (delays[index] > stall)
            stall = delays[index];
    printf("{\"visits\":%lld,\"seconds\":%.3f,\"visits_per_s\":%.0f,\"cpu_us_per_visit\":%.1f,\"refused\":%lld,\"broken\":%lld,"
           "\"wait_p50_us\":%.0f,\"wait_p99_us\":%.0f,\"wait_max_us\":%.0f,"
           "\"deliveries\":%lld,\"delay_p50_us\":%.0f,\"delay_p99_us\":%.0f,\"delay_max_us\":%.0f,\"lost\":%lld,"
           "\"events\":%llu,\"events_per_cpu_s\":%.0f,\"mb_per_cpu_s\":%.1f,\"cpu_share\":%.3f}\n",
           (long long)came, seconds, (double)came / seconds, cpu / (double)came * 1e6, (long long)refused, (long long)broken,
           percentile(waits, head_ok, 0.5), percentile(waits, head_ok, 0.99), percentile(waits, head_ok, 1),
           (long long)delay_count, percentile(delays, delay_count, 0.5), percentile(delays, delay_count, 0.99),
           (double)stall / 1e3, (long long)lost, (unsigned long long)events_read,
           cpu > 0 ? (double)events_read / cpu : 0, cpu > 0 ? (double)bytes_read / cpu / 1e6 : 0, cpu / seconds);
    return present > 0;
}
