import Logging
import NIOCore
import NIOHTTP1

/// One line for each response, with what was asked and by whom.
package struct AccessLog {
    /// Which responses get a line.
    package enum Choice: Sendable {
        case none
        /// Those with a status of 400 or more.
        case errors
        case all
    }

    let logger: Logger

    /// - Parameters:
    ///   - bytes: the size of the response, head included; `nil` for a stream, whose head is sent later.
    func answered(_ connection: ConnectionHandler, status: Int, bytes: Int?) {
        switch connection.settings.accessLog {
        case .none: return
        case .errors: if status < 400 { return }
        case .all: break
        }
        guard logger.logLevel <= .info else { return }
        let request = connection.request
        var metadata: Logger.Metadata = [
            "status": .stringConvertible(status), "method": "\(request?.method.rawValue ?? "-")",
            "path": "\(request.map { Self.path(of: $0.uri) } ?? "-")", "address": "\(connection.arrival.client)",
        ]
        if let bytes { metadata["bytes"] = .stringConvertible(bytes) }
        if let since = connection.requestedAt {
            let time = connection.channel.eventLoop.now - since
            metadata["duration_ms"] = .stringConvertible(time.nanoseconds / 1_000_000)
        }
        if let agent = request?.headers.first(name: "user-agent") { metadata["user_agent"] = "\(agent.prefix(200))" }
        logger.info("request", metadata: metadata)
    }

    /// Without the query, which can have secrets.
    private static func path(of target: String) -> Substring {
        target.prefix { $0 != "?" }.prefix(500)
    }
}
