import CCalls
import CDeath
import Glibc
import Logging
import StreamLoop
import Synchronization

/// Notices that a plugin has called exit(3) or quick_exit(3), which would end this process without a word, and as if all were well.
enum ExitWatch {
    private static let process = Atomic<pid_t>(0)
    private static let telling = Mutex<(@Sendable (Logger.Metadata) -> Void)?>(nil)

    /// From now on, an end of the process that it has not announced itself is told, and is a failure. Once per process.
    /// - Parameter tell: is told who has called it, as far as that is known; runs on a thread of its own.
    static func begin(_ tell: @escaping @Sendable (Logger.Metadata) -> Void) {
        telling.withLock { $0 = tell }
        process.store(getpid(), ordering: .relaxed)
        atexit { ExitWatch.exit() }
        at_quick_exit { ExitWatch.exit() }
    }

    /// The end that comes is this program's own.
    static func end() { process.store(0, ordering: .relaxed) }

    private static func exit() {
        // A child that a plugin has forked ends as it likes.
        guard process.load(ordering: .relaxed) == getpid() else { return }
        let caller = Caller()
        // Who calls exit may have little stack, and must not return from here: destructors would run among threads that go on.
        let isStarted = startThread(named: "sluice-exit", stackBytes: 512 * 1024) {
            telling.withLock(\.self)?(caller.metadata)
            _exit(1)
        }
        guard isStarted else { _exit(1) }
        while true { pause() }
    }

    /// The thread that has called exit: the call of a plugin that it is in, or else the plugin whose code it comes from.
    private struct Caller: @unchecked Sendable {
        // Unchecked: what the pointers lead to lives for ever.
        private let call: sluice_call?
        private let place: sluice_code_place

        init() {
            var call = sluice_call()
            self.call = sluice_call_read(sluice_call_record_here(), &call) ? call : nil
            place = sluice_code_calling(self.call?.callee?.pointee.plugin)
        }

        var metadata: Logger.Metadata {
            var metadata: Logger.Metadata = [:]
            let callee = call?.callee?.pointee
            metadata["plugin"] = (callee?.plugin ?? place.plugin).map { "\(String(cString: $0))" }
            let generation = callee?.generation ?? place.generation
            if generation > 0 { metadata["generation"] = "\(generation)" }
            metadata["producer"] = (callee?.producer).map { "\(String(cString: $0))" }
            if let call {
                if call.stream > 0 { metadata["stream"] = "\(String(call.stream, radix: 16))" }
                metadata["call"] = "\(String(cString: sluice_function_name(call.function)))"
            }
            if let file = place.file {
                metadata["file"] = "\(String(cString: file))"
                metadata["offset"] = "0x\(String(place.offset, radix: 16))"
            }
            return metadata
        }
    }
}
