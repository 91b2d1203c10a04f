import Glibc

/// How much of the machine a plugin may use while it is probed, beyond what the process uses already; setrlimit(2).
enum ProbeLimits {
    /// Descriptors that the plugin may have open.
    private static let descriptorsMax: UInt = 256
    private static let fileBytesMax: UInt = 64 << 20

    /// - Parameters:
    ///   - seconds: the limit of processor time.
    ///   - report: the descriptor on which a lack of memory is reported when the process ends.
    static func set(memoryBytes: Int, seconds: Int, report: Int32) {
        let memory = UInt(max(0, memoryBytes))
        statm.open()
        let most = statm.dataBytes() + memory
        let limits: [(__rlimit_resource, UInt)] = [
            (RLIMIT_DATA, most), (RLIMIT_CPU, UInt(max(1, seconds))), (RLIMIT_CORE, 0), (RLIMIT_NOFILE, descriptorsMax),
            (RLIMIT_FSIZE, fileBytesMax),
        ]
        for (resource, most) in limits {
            var limit = rlimit()
            let kind = __rlimit_resource_t(resource.rawValue)
            guard getrlimit(kind, &limit) == 0, limit.rlim_cur > most else { continue }
            limit = rlimit(rlim_cur: most, rlim_max: most)
            setrlimit(kind, &limit)
        }
        _ = outOfMemoryRecord
        ending = Ending(report: report, scarceBytes: most - memory / 4)
        watchEnd()
    }

    /// A failed allocation shows as a crash, an abort or an exit, so the cause has to be looked for at that moment.
    private static func watchEnd() {
        var stack = stack_t()
        stack.ss_size = 64 * 1024
        stack.ss_sp = malloc(stack.ss_size)
        // For a stack overflow.
        sigaltstack(&stack, nil)
        for number in [SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGTRAP, SIGFPE] {
            var action = sigaction()
            action.__sigaction_handler.sa_handler = { number in
                tellCause()
                // Blocked until this handler returns; then the signal has its usual effect.
                raise(number)
            }
            action.sa_flags = SA_ONSTACK | Int32(bitPattern: UInt32(SA_RESETHAND))
            sigaction(number, &action, nil)
        }
        atexit { tellCause() }
    }
}

/// What a signal handler needs to know. Set once, before any handler can run.
private struct Ending {
    let report: Int32
    /// If this much is in use, the memory is considered used up.
    let scarceBytes: UInt
}

/// /proc/self/statm, read without allocating; its sixth number is what RLIMIT_DATA counts (and the stack), in pages.
private struct Statm {
    private var descriptor: Int32 = -1
    private var pageBytes: UInt = 4096

    mutating func open() {
        descriptor = Glibc.open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
        pageBytes = UInt(sysconf(Int32(_SC_PAGESIZE)))
    }

    /// 0 if unknown.
    func dataBytes() -> UInt {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 128) { text in
            let count = pread(descriptor, text.baseAddress, text.count, 0)
            var (fields, number): (Int, UInt) = (0, 0)
            for index in 0..<max(0, count) {
                let byte = text[index]
                if byte == UInt8(ascii: " ") {
                    fields += 1
                    if fields == 6 { return number &* pageBytes }
                    number = 0
                } else {
                    number = number &* 10 &+ UInt(byte &- 48)
                }
            }
            return 0
        }
    }
}

private nonisolated(unsafe) var ending = Ending(report: -1, scarceBytes: .max)
private nonisolated(unsafe) var statm = Statm()
private nonisolated(unsafe) let outOfMemoryRecord: (pointer: UnsafePointer<UInt8>, count: Int) = {
    let record = ProbeReport.outOfMemory
    let memory = UnsafeMutablePointer<UInt8>.allocate(capacity: record.count)
    memory.initialize(from: record, count: record.count)
    return (UnsafePointer(memory), record.count)
}()

/// Runs in a signal handler: nothing here allocates or locks.
private func tellCause() {
    guard statm.dataBytes() >= ending.scarceBytes else { return }
    _ = write(ending.report, outOfMemoryRecord.pointer, outOfMemoryRecord.count)
}
