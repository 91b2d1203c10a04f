/* variables: the parameters of a request, as environment variables of a command. Nothing else of a request gets there. */
#ifndef EXEC_VARIABLES_H
#define EXEC_VARIABLES_H

/** How many parameters one request may set. */
enum { VARIABLES_MAX = 32 };

/**
 * The server's own environment without its SLUICE_… variables, and a variable SLUICE_PARAM_<NAME> for each "name:value" of
 * `set`, which are separated by commas. `allowed` lists the names that may be set, separated by blanks or commas.
 *
 * Returns an array that ends with NULL, to be freed as one; or NULL and errno: EINVAL if `set` has not that form, EPERM if a
 * name is not allowed, E2BIG if there are too many, EEXIST if one is set twice, ENOMEM.
 */
char **variables_make(const char *set, const char *allowed);

#endif
