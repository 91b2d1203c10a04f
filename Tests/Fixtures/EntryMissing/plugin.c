/* A shared object like any other: it has no entry. */
int answer(void);

__attribute__((visibility("default"))) int answer(void)
{
    return 42;
}
