import Logging
import NIOCore
import NIOHTTP1

/// One line for each response, with what was asked and by whom. Lives on its loop.
package final class AccessLog {
    /// Which responses get a line.
    package enum Choice: Sendable {
        case none
        /// Those with a status of 400 or more.
        case errors
        case all
    }

    private let logger: Logger
    /// The second in which lines were written last, how many, and how many were left out since.
    private var second: Int64 = 0
    private var count = 0
    private var suppressed = 0

    /// Lines of one loop in a second, unless all are wanted: a client that only makes errors must not displace what
    /// else is logged.
    static let errorsPerSecond = 100

    init(logger: Logger) { self.logger = logger }

    /// - Parameters:
    ///   - bytes: the size of the response, head included; `nil` for a stream, whose head is sent later.
    func answered(_ connection: ConnectionHandler, status: Int, bytes: Int?) {
        switch connection.settings.accessLog {
        case .none: return
        case .errors: if status < 400 || !admits(at: connection.channel.eventLoop.now) { return }
        case .all: break
        }
        guard logger.logLevel <= .info else { return }
        let request = connection.request
        var metadata: Logger.Metadata = [
            "status": .stringConvertible(status), "method": "\(request?.method.rawValue ?? "-")",
            "path": "\(request.map { Self.path(of: $0.uri) } ?? "-")", "address": "\(connection.arrival.client)",
        ]
        if let subject = connection.subject { metadata["identity"] = "\(subject.prefix(200))" }
        if let bytes { metadata["bytes"] = .stringConvertible(bytes) }
        if let since = connection.requestedAt {
            let time = connection.channel.eventLoop.now - since
            metadata["duration_ms"] = .stringConvertible(time.nanoseconds / 1_000_000)
        }
        if suppressed > 0 { metadata["suppressed"] = .stringConvertible(suppressed) }
        suppressed = 0
        if let agent = request?.headers.first(name: "user-agent") { metadata["user_agent"] = "\(agent.prefix(200))" }
        logger.info("request", metadata: metadata)
    }

    private func admits(at now: NIODeadline) -> Bool {
        let second = Int64(now.uptimeNanoseconds / 1_000_000_000)
        if second != self.second { (self.second, count) = (second, 0) }
        count += 1
        if count > Self.errorsPerSecond { suppressed += 1 }
        return count <= Self.errorsPerSecond
    }

    /// Without the query, which can have secrets.
    private static func path(of target: String) -> Substring {
        target.prefix { $0 != "?" }.prefix(500)
    }
}
