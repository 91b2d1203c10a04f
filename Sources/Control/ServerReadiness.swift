import CommandOutput
import Synchronization
package import SystemCalls

/// Whether a server should get requests now, and if not, why.
package final class ServerReadiness: Sendable {
    /// How long a loop may be silent.
    package static let silenceMax: Nanoseconds = 2_000_000_000

    private struct State {
        var isServing = false
        /// Why plugins of the start are missing, by the path of the file.
        var files: [String: String] = [:]
        /// One line for each producer that is configured, but not served.
        var producers: [String] = []
    }

    private let state = Mutex(State())
    private let isStopping: @Sendable () -> Bool
    private let silence: @Sendable () -> Nanoseconds

    /// - Parameters:
    ///   - isStopping: whether the server has been told to stop.
    ///   - silence: how long a loop has not turned.
    package init(isStopping: @escaping @Sendable () -> Bool, silence: @escaping @Sendable () -> Nanoseconds) {
        self.isStopping = isStopping
        self.silence = silence
    }

    /// The server listens.
    package func serves() { state.withLock { $0.isServing = true } }

    /// All loops have turned lately. For the watchdog, which does not care about plugins.
    package var loopsTurn: Bool { silence() <= Self.silenceMax }

    /// Notes what a load of the plugins left out.
    /// - Parameters:
    ///   - files: the reason for each file that was refused and of which no older version serves, by path.
    ///   - isStart: it is the first load. A file that a later reload brings and that is refused takes nothing away from
    ///     a server that works, so it does not make the server unready.
    package func loaded(without files: [String: String], isStart: Bool) {
        state.withLock { state in
            state.files = isStart ? files : files.filter { state.files[$0.key] != nil }
        }
    }

    /// - Parameter lines: what is wrong, one line for each producer that is configured, but not served.
    package func misses(producers lines: [String]) { state.withLock { $0.producers = lines } }

    /// Why the server should get no requests; empty: it should get them.
    package var objections: [String] {
        if isStopping() { return ["the server is stopping"] }
        let state = state.withLock(\.self)
        guard state.isServing else { return ["the server is starting"] }
        var lines = state.files.sorted { $0.key < $1.key }.map { "plugin refused: \($0.value)" } + state.producers
        let silence = silence()
        if silence > Self.silenceMax {
            lines.append("an event loop has not turned for \(silence / 1_000_000_000) s")
        }
        return lines
    }

    /// The objections as one line of JSON, without a newline:
    ///
    ///     {"objections":[],"status":"ready"}
    ///     {"objections":["the server is stopping"],"status":"not ready"}
    package static func text(of objections: [String]) -> [UInt8] {
        struct Members: Encodable {
            let objections: [String]
            let status: String
        }
        return JSONText.line(Members(objections: objections, status: objections.isEmpty ? "ready" : "not ready"))
    }
}
