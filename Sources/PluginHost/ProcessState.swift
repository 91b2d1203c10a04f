package import Logging
import Processes
import Synchronization
import SystemCalls

/// What belongs to the whole process, and any plugin can change for all others and the host with one call of the C library: the
/// environment, the working directory, what becomes of signals, the file mode mask, limits, the standard descriptors, how numbers are
/// written.
///
/// It is kept as it was before the first plugin was loaded, looked at behind each load, before each reload and once a second, and put
/// back. The log says so; who did it is not known, but which plugin was loaded last.
package final class ProcessState: Sendable {
    private static let current = Mutex<ProcessState?>(nil)

    private struct State {
        var parts: [any KeptPart]
        var lastLoaded: String?
    }

    private let state: Mutex<State>
    private let logger: Logger
    private let limit = LogLimit()

    /// Keeps what there is now. Once, before any code of a plugin's runs; a process that never calls this keeps nothing.
    package static func keep(_ logger: Logger) {
        ProcessEnvironment.keep()
        let kept = ProcessState(logger)
        current.withLock { $0 = kept }
    }

    /// Puts back what was changed. Any thread.
    package static func check() { current.withLock(\.self)?.check(loading: nil) }

    /// The same, behind the load of a plugin on this thread, to which what was changed meanwhile is ascribed; and what is from now on, until
    /// another is loaded.
    static func checkLoad(of file: String) { current.withLock(\.self)?.check(loading: file) }

    init(_ logger: Logger) {
        self.logger = logger
        state = Mutex(
            State(parts: [
                KeptEnvironment(), KeptDirectory(), KeptSignals(), KeptFileMask(), KeptLimits(), KeptDescriptors(),
                KeptNumberFormat(),
            ]))
    }

    /// - Parameter file: that has just been loaded, on this thread.
    func check(loading file: String?) {
        let (changes, lastLoaded) = state.withLock { state in
            if let file { state.lastLoaded = file }
            var changes: [String] = []
            for index in state.parts.indices { changes += state.parts[index].putBack(isLoading: file != nil) }
            return (changes, state.lastLoaded)
        }
        guard !changes.isEmpty else { return }
        let what = changes.joined(separator: ", ")
        guard let unwritten = limit.admit(UInt(bitPattern: what.hashValue), now: monotonicNanoseconds()) else { return }
        var metadata: Logger.Metadata = ["changed": "\(what)", "loaded_last": "\(lastLoaded ?? "a plugin")"]
        if unwritten > 0 { metadata["suppressed"] = "\(unwritten)" }
        logger.warning(
            "a plugin changed something that the whole process shares; it has been restored", metadata: metadata)
    }
}

/// One thing that is kept.
protocol KeptPart: Sendable {
    /// - Parameter isLoading: a plugin has just been loaded, on this thread.
    /// - Returns: what was changed since the last time, in words.
    mutating func putBack(isLoading: Bool) -> [String]
}
