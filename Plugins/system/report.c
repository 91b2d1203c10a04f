#include "report.h"

#include <inttypes.h>
#include <string.h>

/* Percentage with one decimal. Some kernels let a core's time go backwards a little. */
static void write_percent(FILE *out, struct cpu_time before, struct cpu_time now)
{
    if (before.total == 0 || now.total <= before.total) {
        fputs("null", out);
        return;
    }
    double busy = now.busy > before.busy ? (double)(now.busy - before.busy) / (double)(now.total - before.total) : 0;
    unsigned tenths = busy < 1 ? (unsigned)(busy * 1000 + 0.5) : 1000;
    fprintf(out, "%u.%u", tenths / 10, tenths % 10);
}

static void write_cpu(FILE *out, const struct sample *before, const struct sample *now)
{
    fputs("{\"percent\":", out);
    write_percent(out, before->cpu, now->cpu);
    fputs(",\"cores\":[", out);
    for (size_t core = 0; core < now->core_count; core++) {
        if (core > 0)
            fputc(',', out);
        write_percent(out, before->cores[core], now->cores[core]);
    }
    fputs("]}", out);
}

static void write_memory(FILE *out, const struct memory *memory)
{
    fprintf(out, "{\"total\":%" PRIu64 ",\"available\":%" PRIu64 ",\"swap_total\":%" PRIu64 ",\"swap_free\":%" PRIu64 "}",
            memory->total, memory->available, memory->swap_total, memory->swap_free);
}

static void write_load(FILE *out, const unsigned hundredths[3])
{
    for (size_t i = 0; i < 3; i++)
        fprintf(out, "%c%u.%02u", i == 0 ? '[' : ',', hundredths[i] / 100, hundredths[i] % 100);
    fputc(']', out);
}

/* The name of an interface can contain any byte but a space, a slash and a colon. */
static void write_name(FILE *out, const char *name)
{
    fputc('"', out);
    for (; *name != '\0'; name++)
        fputc(*name >= ' ' && *name <= '~' && *name != '"' && *name != '\\' ? *name : '?', out);
    fputc('"', out);
}

static const struct link *find_link(const struct sample *sample, const char *name)
{
    for (size_t i = 0; i < sample->link_count; i++)
        if (strcmp(sample->links[i].name, name) == 0)
            return &sample->links[i];
    return NULL;
}

static void write_links(FILE *out, const struct sample *before, const struct sample *now)
{
    double seconds = (double)(now->time_ns - before->time_ns) / 1e9;
    fputc('{', out);
    for (size_t i = 0; i < now->link_count; i++) {
        const struct link *link = &now->links[i], *old = find_link(before, link->name);
        if (i > 0)
            fputc(',', out);
        write_name(out, link->name);
        if (old == NULL || old->received > link->received || old->sent > link->sent || seconds <= 0)
            fputs(":null", out); /* a new interface, also if it has an old one's name */
        else
            fprintf(out, ":{\"received\":%.0f,\"sent\":%.0f}", (double)(link->received - old->received) / seconds,
                    (double)(link->sent - old->sent) / seconds);
    }
    fputc('}', out);
}

void report_write(FILE *out, const struct sample *before, const struct sample *now)
{
    fputs("{\"cpu\":", out);
    if (before != NULL && before->has_cpu && now->has_cpu)
        write_cpu(out, before, now);
    else
        fputs("null", out);
    fputs(",\"memory\":", out);
    if (now->has_memory)
        write_memory(out, &now->memory);
    else
        fputs("null", out);
    fputs(",\"load\":", out);
    if (now->has_load)
        write_load(out, now->load_hundredths);
    else
        fputs("null", out);
    fputs(",\"network\":", out);
    if (before != NULL && before->has_links && now->has_links)
        write_links(out, before, now);
    else
        fputs("null", out);
    fputc('}', out);
}
