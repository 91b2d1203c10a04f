package import CommandOutput
package import Files
import SystemCalls

/// The client's end of a control socket.
package struct ControlClient {
    private let socket: UnixSocket

    package init(_ socket: UnixSocket) { self.socket = socket }

    /// Sends one request, and closes the connection.
    /// - Parameter seconds: how long to wait for the answer.
    /// - Returns: the answer as received: one line of JSON, without a newline.
    /// - Throws: the server's error, or that it does not answer.
    package func ask(_ command: ControlProtocol.Command, seconds: Int) throws(CommandFailure) -> [UInt8] {
        defer { socket.close() }
        let deadline = monotonicNanoseconds() + Int64(seconds) * 1_000_000_000
        // A server that refuses a client closes the connection without reading, but its answer can still be read.
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

    /// Decodes an answer.
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
