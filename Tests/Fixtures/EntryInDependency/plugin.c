/* Has no entry, but is linked with a library that has one. */
int call_the_library(void);
const void *sluice_plugin_entry(const void *host);

__attribute__((visibility("default"))) int call_the_library(void)
{
    return sluice_plugin_entry(0) == 0;
}
