import StreamLoop

/// The asking end of a control socket.
struct ControlClient {
    private let socket: UnixSocket

    init(_ socket: UnixSocket) { self.socket = socket }

    /// Asks once, and hangs up.
    /// - Parameter seconds: how long the answer may take.
    /// - Throws: what the server has against it, or that it does not answer.
    func ask(_ command: ControlProtocol.Command, seconds: Int) throws(CommandFailure) -> JSONValue {
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
                    ? "the server did not answer within \(seconds) s" : "the server hung up without an answer")
        }
        guard let answer = JSONParser.parse(line), let ok = answer["ok"]?.bool else {
            throw CommandFailure("the server's answer is not of this protocol")
        }
        guard ok else { throw CommandFailure(answer["error"]?.text ?? "the server refuses, and says no more") }
        return answer
    }
}
