#define _GNU_SOURCE
#include "variables.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char own[] = "SLUICE_", prefix[] = "SLUICE_PARAM_";
static const char separators[] = " \t,";

static bool is_allowed(const char *name, size_t length, const char *allowed)
{
    while (*allowed != '\0') {
        size_t one = strcspn(allowed, separators);
        if (one == length && strncmp(allowed, name, length) == 0)
            return true;
        allowed += one;
        allowed += strspn(allowed, separators);
    }
    return false;
}

/* Parameter names become names of variables, so they consist of the characters that these may have. */
static size_t name_length(const char *pair)
{
    return strspn(pair, "abcdefghijklmnopqrstuvwxyz0123456789_");
}

/* Writes "SLUICE_PARAM_<NAME>=<value>", and returns the address after it. */
static char *write_variable(char *text, const char *pair, size_t name, size_t length)
{
    text = stpcpy(text, prefix);
    for (size_t i = 0; i < name; i++)
        *text++ = (char)toupper((unsigned char)pair[i]);
    *text++ = '=';
    memcpy(text, pair + name + 1, length - name - 1);
    text += length - name - 1;
    *text++ = '\0';
    return text;
}

/* Adds a variable for each pair after the first `*count` ones. */
static int add_pairs(char **variables, size_t *count, char *text, const char *set, const char *allowed)
{
    size_t first = *count;
    while (*set != '\0') {
        size_t length = strcspn(set, ","), name = name_length(set);
        if (name == 0 || set[name] != ':')
            return EINVAL;
        if (!is_allowed(set, name, allowed))
            return EPERM;
        if (*count - first == VARIABLES_MAX)
            return E2BIG;
        char *variable = text;
        text = write_variable(text, set, name, length);
        for (size_t i = first; i < *count; i++)
            if (strncmp(variables[i], variable, sizeof prefix + name) == 0)
                return EEXIST;
        variables[(*count)++] = variable;
        set += length;
        if (*set == ',' && *++set == '\0')
            return EINVAL;
    }
    return 0;
}

char **variables_make(const char *set, const char *allowed)
{
    size_t inherited = 0;
    while (environ != NULL && environ[inherited] != NULL)
        inherited++;
    /* Each pair grows by the prefix and its NUL. */
    size_t text = strlen(set) + 1 + VARIABLES_MAX * (sizeof prefix + 1);
    char **variables = malloc((inherited + VARIABLES_MAX + 1) * sizeof *variables + text);
    if (variables == NULL)
        return NULL;
    size_t count = 0;
    for (size_t i = 0; i < inherited; i++)
        if (strncmp(environ[i], own, strlen(own)) != 0)
            variables[count++] = environ[i];
    int error = add_pairs(variables, &count, (char *)(variables + inherited + VARIABLES_MAX + 1), set, allowed);
    if (error != 0) {
        free(variables);
        errno = error;
        return NULL;
    }
    variables[count] = NULL;
    return variables;
}
