import CCalls
import CDeath
import Glibc
import Logging
import StreamLoop
import Synchronization

/// Detects that a plugin calls exit(3) or quick_exit(3), which would end this process silently and with a status of
/// success.
enum ExitWatch {
    private static let process = Atomic<pid_t>(0)
    private static let telling = Mutex<(@Sendable (Logger.Metadata) -> Void)?>(nil)

    /// From now on, an end of the process that was not announced with `end` is reported, and the exit status is 1. Once
    /// per process.
    /// - Parameter tell: called with what is known about the caller, on its own thread.
    static func begin(_ tell: @escaping @Sendable (Logger.Metadata) -> Void) {
        telling.withLock { $0 = tell }
        process.store(getpid(), ordering: .relaxed)
        atexit { ExitWatch.exit() }
        at_quick_exit { ExitWatch.exit() }
    }

    /// Announces that this program itself is about to exit.
    static func end() { process.store(0, ordering: .relaxed) }

    private static func exit() {
        // A child process that a plugin has forked may exit.
        guard process.load(ordering: .relaxed) == getpid() else { return }
        let caller = Caller()
        // The caller may have little stack, and this function must not return: destructors would run while other
        // threads continue.
        let isStarted = startThread(named: "sluice-exit", stackBytes: 512 * 1024) {
            telling.withLock(\.self)?(caller.metadata)
            _exit(1)
        }
        guard isStarted else { _exit(1) }
        while true { pause() }
    }

    /// The thread that called exit: the plugin's call that it is in, or else the plugin whose code it runs.
    private struct Caller: @unchecked Sendable {
        // Unchecked: the pointers are valid forever.
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
            if generation > 0 { metadata["generation"] = .stringConvertible(generation) }
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
