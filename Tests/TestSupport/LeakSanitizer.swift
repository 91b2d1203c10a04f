import Glibc

/// Whether this process checks for memory leaks at its end, as it does with the address sanitizer.
package let looksForLeaks = dlsym(nil, "__lsan_do_leak_check") != nil
