package import CommandOutput
import SystemCalls

/// The asking end of a control socket.
package struct ControlClient {
    private let socket: UnixSocket

    package init(_ socket: UnixSocket) { self.socket = socket }

    /// Asks once, and hangs up.
    /// - Parameter seconds: how long the answer may take.
    /// - Returns: the answer as it came: one line of JSON, without its end.
    /// - Throws: what the server has against it, or that it does not answer.
    package func ask(_ command: ControlProtocol.Command, seconds: Int) throws(CommandFailure) -> [UInt8] {
        defer { socket.close() }
        let deadline = monotonicNanoseconds() + Int64(seconds) * 1_000_000_000
        // A server that turns a client away hangs up without reading, and its word is there all the same.
        _ = socket.write(ControlProtocol.request(command), deadline: deadline, now: monotonicNanoseconds)
        var rest: [UInt8] = []
        guard
            let line = socket.readLine(
                bytesMax: ControlProtocol.answerBytesMax, rest: &rest, deadline: deadline, now: monotonicNanoseconds)
        else {
            throw CommandFailure(
                monotonicNanoseconds() >= deadline
                    ? "the server did not answer within \(seconds) s"
                    : "the server closed the connection without an answer")
        }
        guard let head = JSONText.decoded(ControlAnswer.Head.self, from: line) else { throw Self.foreignAnswer }
        guard head.ok else { throw CommandFailure(head.error ?? "the server refused, without a reason") }
        return line
    }

    /// An answer as what was asked for.
    package static func decoded<Answer: Decodable>(
        _ type: Answer.Type, from line: [UInt8]
    ) throws(CommandFailure) -> Answer {
        guard let answer = JSONText.decoded(type, from: line) else { throw foreignAnswer }
        return answer
    }

    private static var foreignAnswer: CommandFailure {
        CommandFailure("the server's answer does not follow the protocol")
    }
}
