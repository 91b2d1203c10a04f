import Control
import FrontDoor
import Synchronization

/// What operators and their programs ask a serving process over HTTP.
///
/// Health is answered at once, on the connection's thread. Status and metrics may have to wait for a loop, so each is
/// made on a thread of its own.
final class AdminPages: Sendable {
    private let readiness: ServerReadiness
    private let metrics: MetricsReport
    private let report = Mutex<StatusReport?>(nil)

    private static let json = "application/json"

    init(_ readiness: ServerReadiness, _ metrics: MetricsReport) {
        self.readiness = readiness
        self.metrics = metrics
    }

    /// From now on, there is a status.
    func publish(_ report: StatusReport) { self.report.withLock { $0 = report } }

    /// All pages of the admin listener.
    var table: PageTable {
        PageTable(
            [
                Page(path: "/health/live") { Self.answer(200, Array(#"{"status":"live"}"#.utf8)) },
                Page(path: "/health/ready") { [readiness] in
                    let objections = readiness.objections
                    return Self.answer(objections.isEmpty ? 200 : 503, ServerReadiness.text(of: objections))
                },
                page("/metrics") { [metrics] in
                    Page.Answer(type: MetricsReport.contentType, content: metrics.text())
                },
                page("/status") { [self] in
                    guard let report = report.withLock(\.self) else { return Self.starting }
                    return Self.answer(200, ControlAnswer(report.status()).line)
                },
            ], isWhole: true)
    }

    /// The readiness on the public listeners: without the reasons, which name files.
    static func health(_ path: String, _ readiness: ServerReadiness) -> Page {
        Page(path: path) {
            readiness.objections.isEmpty
                ? answer(200, Array(#"{"status":"ready"}"#.utf8)) : answer(503, Array(#"{"status":"not ready"}"#.utf8))
        }
    }

    private func page(_ path: String, _ make: @escaping @Sendable () -> Page.Answer) -> Page {
        let answer = SharedAnswer(
            otherwise: { Self.answer(503, Array(#"{"error":"no thread can be started"}"#.utf8)) }, make: make)
        return Page(path: path) { answer.ask($0) }
    }

    private static var starting: Page.Answer { answer(503, Array(#"{"error":"the server is starting"}"#.utf8)) }

    private static func answer(_ status: Int, _ line: [UInt8]) -> Page.Answer {
        Page.Answer(status: status, type: json, content: line + [UInt8(ascii: "\n")])
    }
}
