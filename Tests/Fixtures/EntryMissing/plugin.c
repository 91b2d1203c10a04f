/* An ordinary shared object without an entry. */
int answer(void);

__attribute__((visibility("default"))) int answer(void)
{
    return 42;
}
