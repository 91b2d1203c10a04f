import CommandOutput

/// The protocol of a control socket. A request is one line of JSON, and so is its answer. Further requests can follow
/// on the same connection.
///
///     {"command":"status"}
///     {"ok":true,"protocol":1,…}
///     {"command":"reload"}
///     {"error":"…","ok":false,"protocol":1}
///     {"command":"reload","force":true}      plugins that were refused or rolled back are tried again
///
/// A client that knows protocol 1 ignores members that it does not know.
package enum ControlProtocol {
    static let version = 1
    /// Requests are short. Bytes.
    static let requestBytesMax = 4096
    /// An answer has at most one entry for each producer and generation. Bytes.
    static let answerBytesMax = 64 << 20

    package enum Command: CaseIterable, Sendable {
        case reload, forcedReload, status

        var name: String { self == .status ? "status" : "reload" }
    }

    private struct Request: Codable {
        let command: String?
        let force: Bool?
    }

    /// - Throws: what is wrong with the line.
    static func command(in line: [UInt8]) throws(CommandFailure) -> Command {
        let names = "'reload' or 'status'"
        guard let request = JSONText.decoded(Request.self, from: line) else {
            throw CommandFailure("expected one JSON object on a line, as {\"command\":\"status\"}")
        }
        guard let name = request.command else { throw CommandFailure("expected a 'command': \(names)") }
        guard let command = Command.allCases.first(where: { $0.name == name }) else {
            throw CommandFailure("unknown command '\(name.prefix(40))'; expected \(names)")
        }
        return command == .reload && request.force == true ? .forcedReload : command
    }

    /// One line, with its newline.
    static func request(_ command: Command) -> [UInt8] {
        JSONText.line(Request(command: command.name, force: command == .forcedReload ? true : nil))
            + [UInt8(ascii: "\n")]
    }
}
