import Glibc

/// Keeps the calling thread busy until it has used this much processor time, however busy the machine is.
package func spin(milliseconds: Int) {
    let until = threadTime() + milliseconds * 1_000_000
    while threadTime() < until {}
}

private func threadTime() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return time.tv_sec * 1_000_000_000 + time.tv_nsec
}
