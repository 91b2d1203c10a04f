import Glibc

/// Whether the memory that this process has lost is looked for at its end: with the address sanitizer it is.
package let looksForLeaks = dlsym(nil, "__lsan_do_leak_check") != nil
