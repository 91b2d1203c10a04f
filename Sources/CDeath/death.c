#define _GNU_SOURCE
#include "CCalls.h"
#include "internal.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

struct fatal {
    int number;
    /* The thread that gets the signal has caused it, unless the signal was sent. */
    bool is_own;
    /* After the handler returns, the thread does the same thing again. */
    bool repeats;
    const char *name, *cause;
};

static const struct fatal fatal[] = {
    {SIGSEGV, true, true, "SIGSEGV", "segmentation fault"},
    {SIGBUS, true, true, "SIGBUS", "bus error"},
    {SIGFPE, true, true, "SIGFPE", "arithmetic error"},
    {SIGILL, true, true, "SIGILL", "illegal instruction"},
    {SIGABRT, true, false, "SIGABRT", "abort"},
    {SIGTRAP, true, false, "SIGTRAP", "trap"},
    {SIGSYS, true, false, "SIGSYS", "forbidden system call"},
    {SIGXFSZ, true, false, "SIGXFSZ", "file too large"},
    {SIGXCPU, false, false, "SIGXCPU", "processor time used up"},
    {SIGALRM, false, false, "SIGALRM", "alarm clock"},
    {SIGVTALRM, false, false, "SIGVTALRM", "timer"},
    {SIGPROF, false, false, "SIGPROF", "timer"},
    {SIGUSR2, false, false, "SIGUSR2", "signal without a handler"},
    {SIGIO, false, false, "SIGIO", "signal without a handler"},
    {SIGPWR, false, false, "SIGPWR", "signal without a handler"},
    {SIGSTKFLT, false, false, "SIGSTKFLT", "signal without a handler"},
};
/* Real-time signals, which timer_create(2) sends, for example. By default, each of them ends the process. */
static const struct fatal realtime = {0, false, false, NULL, "signal without a handler"};
enum { FATAL_COUNT = sizeof fatal / sizeof *fatal };

static struct sigaction former[NSIG];
static pid_t server;
static int log_descriptor;
static bool log_is_json;
/* The thread that is dying; 0: none. */
static _Atomic(pid_t) dying;

/* Lowest address of the calling thread's stack, and of the guard below it; 0: not one of the host's threads. */
static _Thread_local uintptr_t stack_lowest __attribute__((tls_model("initial-exec")));
static _Thread_local uintptr_t guard_lowest __attribute__((tls_model("initial-exec")));

/* Where the thread was when the signal came. */
struct moment {
    uintptr_t instruction, stack;
};

static struct moment moment_of(const void *context)
{
    const mcontext_t *machine = &((const ucontext_t *)context)->uc_mcontext;
#if defined(__x86_64__)
    return (struct moment){(uintptr_t)machine->gregs[REG_RIP], (uintptr_t)machine->gregs[REG_RSP]};
#elif defined(__aarch64__)
    return (struct moment){machine->pc, machine->sp};
#else
    (void)machine;
    return (struct moment){0, 0};
#endif
}

/* A frame that is larger than the guard can reach beyond it. */
enum { BEYOND_GUARD = 1 << 20, SLACK = 16 * 1024 };

static bool is_overflow(int number, uintptr_t address, struct moment moment)
{
    if (stack_lowest == 0 || (number != SIGSEGV && number != SIGBUS))
        return false;
    return address < stack_lowest + SLACK && address + BEYOND_GUARD >= guard_lowest
        && moment.stack < stack_lowest + SLACK && moment.stack + BEYOND_GUARD >= guard_lowest;
}

/* Gives up if the reader of the log takes nothing for a second: the process must be able to end. */
static void write_out(const struct line *line)
{
    for (size_t done = 0; done < line->length;) {
        struct pollfd wanted = {log_descriptor, POLLOUT, 0};
        if (poll(&wanted, 1, 1000) <= 0)
            return;
        ssize_t count = write(log_descriptor, line->text + done, line->length - done);
        if (count < 0 && errno != EINTR && errno != EAGAIN)
            return;
        if (count > 0)
            done += (size_t)count;
    }
}

static void tell(const struct fatal *signal, int number, const siginfo_t *info, const void *context)
{
    static struct line line;
    struct moment moment = moment_of(context);
    bool names_sender = info->si_code == SI_USER || info->si_code == SI_TKILL || info->si_code == SI_QUEUE;
    bool is_sent = names_sender && info->si_pid != getpid();
    struct sluice_call call = {NULL, 0, sluice_function_open, 0};
    struct sluice_code_place place = {NULL, NULL, 0, 0};
    bool is_in_call = false;
    if (signal->is_own && !is_sent) {
        is_in_call = sluice_call_read(sluice_call_record_here(), &call) && call.callee;
        place = sluice_code_at(moment.instruction);
        /* The signal came in a library that the plugin calls. The stack of a host thread that is in no call is not
           searched: it only has what earlier calls have left there. */
        if (!place.plugin && (is_in_call || stack_lowest == 0))
            place = sluice_code_on_stack(moment.stack, is_in_call ? call.callee->plugin : NULL);
    }
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    line_begin(&line, log_is_json, now.tv_sec, now.tv_nsec,
        is_sent || !signal->is_own ? "the server was killed by a signal"
        : is_in_call               ? "the server crashed in a call of a plugin"
        : place.plugin             ? "the server crashed in code of a plugin, on a thread that is in no call"
                                   : "the server crashed");
    const char *plugin = is_in_call ? call.callee->plugin : place.plugin;
    uint64_t generation = is_in_call ? call.callee->generation : place.generation;
    if (plugin)
        line_add(&line, "plugin", plugin);
    if (generation)
        line_add_number(&line, "generation", generation);
    if (is_in_call && call.callee->producer)
        line_add(&line, "producer", call.callee->producer);
    if (is_in_call && call.stream)
        line_add_address(&line, "stream", "", call.stream);
    uintptr_t address = (uintptr_t)info->si_addr;
    if (signal->is_own && info->si_code > 0 && signal->number != SIGABRT)
        line_add_address(&line, "address", "0x", address);
    if (is_in_call)
        line_add(&line, "call", sluice_function_name(call.function));
    line_add(&line, "cause", is_overflow(signal->number, address, moment) ? "stack overflow" : signal->cause);
    if (place.plugin) {
        line_add(&line, "file", place.file);
        line_add_address(&line, "offset", "0x", place.offset);
    }
    if (is_sent)
        line_add_number(&line, "sender", (uint64_t)info->si_pid);
    if (number < SIGRTMIN)
        line_add(&line, "signal", signal->name);
    else
        line_add_number(&line, "signal", (uint64_t)number);
    line_end(&line);
    write_out(&line);
}

static void die(int number, siginfo_t *info, void *context)
{
    int error = errno;
    pid_t thread = (pid_t)syscall(SYS_gettid), first = 0;
    const struct fatal *told = &realtime;
    for (size_t index = 0; index < FATAL_COUNT; index++)
        if (fatal[index].number == number)
            told = &fatal[index];
    if (getpid() != server) {
        /* A child process that a plugin has forked: the server lives. */
        sigaction(number, &former[number], NULL);
    } else if (atomic_compare_exchange_strong(&dying, &first, thread)) {
        tell(told, number, info, context);
        sigaction(number, &former[number], NULL);
    } else if (first != thread) {
        /* Another thread is about to end the process. */
        while (true)
            pause();
    } else {
        signal(number, SIG_DFL);
    }
    if (info->si_code <= 0 || !told->repeats)
        syscall(SYS_tgkill, getpid(), thread, number);
    errno = error;
}

static void watch(int number, const struct sigaction *action)
{
    sigaction(number, NULL, &former[number]);
    /* The process that started the server wants the signal to be ignored. */
    if (former[number].sa_handler != SIG_IGN)
        sigaction(number, action, NULL);
}

void sluice_death_watch(int descriptor, bool json)
{
    server = getpid();
    log_descriptor = descriptor;
    log_is_json = json;
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = die;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    for (size_t index = 0; index < FATAL_COUNT; index++)
        watch(fatal[index].number, &action);
    for (int number = SIGRTMIN; number <= SIGRTMAX; number++)
        watch(number, &action);
}

/* Enough for the handler that was there before, too: Swift's writes a backtrace. */
enum { SECOND_STACK = 128 * 1024 };

static pthread_key_t second_stacks;
static pthread_once_t second_stacks_once = PTHREAD_ONCE_INIT;
static bool has_second_stacks;

static void take_back(void *memory)
{
    stack_t none = {.ss_flags = SS_DISABLE};
    sigaltstack(&none, NULL);
    munmap(memory, SECOND_STACK);
}

static void make_key(void) { has_second_stacks = pthread_key_create(&second_stacks, take_back) == 0; }

void sluice_death_prepare_thread(void)
{
    pthread_attr_t attributes;
    if (pthread_getattr_np(pthread_self(), &attributes) != 0)
        return;
    void *lowest;
    size_t size, guard;
    pthread_attr_getstack(&attributes, &lowest, &size);
    pthread_attr_getguardsize(&attributes, &guard);
    pthread_attr_destroy(&attributes);
    stack_lowest = (uintptr_t)lowest;
    guard_lowest = stack_lowest - guard;

    pthread_once(&second_stacks_once, make_key);
    stack_t present;
    if (!has_second_stacks || sigaltstack(NULL, &present) != 0 || !(present.ss_flags & SS_DISABLE))
        return;
    /* Its pages are only allocated once they are used. */
    void *memory = mmap(NULL, SECOND_STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return;
    stack_t second = {.ss_sp = memory, .ss_size = SECOND_STACK};
    if (pthread_setspecific(second_stacks, memory) != 0 || sigaltstack(&second, NULL) != 0) {
        pthread_setspecific(second_stacks, NULL);
        munmap(memory, SECOND_STACK);
    }
}
