package import Logging
import Processes
import Synchronization
import SystemCalls

/// State of the whole process, which any plugin can change for the host and all other plugins with one call of the C
/// library: the environment, the working directory, the handling of signals, the file mode mask, limits, the standard
/// descriptors, the format of numbers.
///
/// It is recorded before the first plugin is loaded, checked after each load, before each reload and once a second, and
/// restored. Changes are logged. It is not known which plugin made them, but which one was loaded last.
package final class ProcessState: Sendable {
    private static let current = Mutex<ProcessState?>(nil)

    private struct State {
        var parts: [any KeptPart]
        var lastLoaded: String?
    }

    private let state: Mutex<State>
    private let logger: Logger
    private let limit = LogLimit()

    /// Records the present state. Called once, before any code of a plugin runs; a process that never calls this keeps
    /// nothing.
    package static func keep(_ logger: Logger) {
        ProcessEnvironment.keep()
        let kept = ProcessState(logger)
        current.withLock { $0 = kept }
    }

    /// Restores what was changed. Any thread.
    package static func check() { current.withLock(\.self)?.check(loading: nil) }

    /// The same, after a plugin was loaded on this thread: what was changed meanwhile is attributed to it, and later
    /// changes, too, until another one is loaded.
    static func checkLoad(of file: String) { current.withLock(\.self)?.check(loading: file) }

    init(_ logger: Logger) {
        self.logger = logger
        state = Mutex(
            State(parts: [
                KeptEnvironment(), KeptDirectory(), KeptSignals(), KeptFileMask(), KeptLimits(), KeptDescriptors(),
                KeptNumberFormat(),
            ]))
    }

    /// - Parameter file: the plugin that has just been loaded on this thread, if any.
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
        if unwritten > 0 { metadata["suppressed"] = .stringConvertible(unwritten) }
        logger.warning(
            "a plugin changed something that the whole process shares; it has been restored", metadata: metadata)
    }
}

/// One part of the state.
protocol KeptPart: Sendable {
    /// - Parameter isLoading: a plugin has just been loaded, on this thread.
    /// - Returns: what was changed since the last check, in words.
    mutating func putBack(isLoading: Bool) -> [String]
}
