/// What is said over a control socket: a request is one line of JSON, and so is its answer; the next request may follow.
///
///     {"command":"status"}
///     {"protocol":1,"ok":true,…}
///     {"command":"reload"}
///     {"protocol":1,"ok":false,"error":"…"}
///     {"command":"reload","force":true}      what was refused or taken back is tried again
///
/// A client that knows protocol 1 ignores members that it does not know.
enum ControlProtocol {
    static let version = 1
    /// A request is short. Bytes.
    static let requestBytesMax = 4096
    /// An answer has a line for each producer and generation, at most. Bytes.
    static let answerBytesMax = 64 << 20

    enum Command: CaseIterable {
        case reload, forcedReload, status

        var name: String { self == .status ? "status" : "reload" }
    }

    /// - Throws: what is wrong with a line.
    static func command(in line: [UInt8]) throws(CommandFailure) -> Command {
        let names = "'reload' or 'status'"
        guard let request = JSONParser.parse(line), case .object = request else {
            throw CommandFailure("expected one JSON object on a line, as {\"command\":\"status\"}")
        }
        guard let name = request["command"]?.text else { throw CommandFailure("expected a 'command': \(names)") }
        guard let command = Command.allCases.first(where: { $0.name == name }) else {
            throw CommandFailure("unknown command '\(name.prefix(40))'; expected \(names)")
        }
        return command == .reload && request["force"]?.bool == true ? .forcedReload : command
    }

    static func request(_ command: Command) -> [UInt8] {
        let force: [(name: String, value: JSONValue)] = command == .forcedReload ? [("force", .bool(true))] : []
        return line(.object([("command", .text(command.name))] + force))
    }

    /// - Parameter members: of the answer, behind the two that each has.
    static func answer(_ members: [(name: String, value: JSONValue)]) -> JSONValue {
        .object([("protocol", .integer(version)), ("ok", .bool(true))] + members)
    }

    static func refusal(_ error: String) -> JSONValue {
        .object([("protocol", .integer(version)), ("ok", .bool(false)), ("error", .text(error))])
    }

    static func line(_ value: JSONValue) -> [UInt8] { Array((value.compact() + "\n").utf8) }
}
