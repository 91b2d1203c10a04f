import CommandOutput
import Files
import Glibc
package import Logging
import StreamLoop
import Synchronization
import SystemCalls

/// Answers the clients of the control socket. Each client has a thread, and there are few of them; the loops never wait
/// for one.
package final class ControlServer: Sendable {
    /// Returns the answer to a command. A reload can take long.
    package typealias Answering = @Sendable (ControlProtocol.Command) -> ControlAnswer

    private let socket: ControlSocket
    private let logger: Logger
    private let answer: Answering
    private let clients = Atomic<Int>(0)

    /// The most clients at a time.
    static let clientsMax = 16
    /// How long a client may take to send a request, and to read its answer.
    static let patience: Nanoseconds = 5_000_000_000
    /// The same for a client that is refused. It is short, because no other client is accepted meanwhile.
    private static let turnAwayPatience: Nanoseconds = 100_000_000

    package init(_ socket: ControlSocket, logger: Logger, answering answer: @escaping Answering) {
        self.socket = socket
        self.logger = logger
        self.answer = answer
    }

    /// - Returns: `false` if no thread can be started.
    package func start() -> Bool {
        startThread(named: "sluice-control", stackBytes: 512 * 1024) { [self] in accept() }
    }

    /// Stops accepting clients, and removes the socket's file.
    package func stop() { socket.shut() }

    private func accept() {
        while true {
            let descriptor = Glibc.accept(socket.socket.descriptor, nil, nil)
            guard descriptor >= 0 else {
                switch errno {
                case EINTR, ECONNABORTED: continue
                case EMFILE, ENFILE, ENOBUFS, ENOMEM:
                    // Streams use them all. Some streams will end, so it tries again after 100 ms.
                    poll(nil, 0, 100)
                    continue
                default: return socket.socket.close()
                }
            }
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
            receive(UnixSocket(descriptor: descriptor))
        }
    }

    private func receive(_ client: UnixSocket) {
        // Other users may be able to connect: somebody may have changed the file's mode.
        guard let user = client.peerUser, user == geteuid() || user == 0 else {
            logger.warning("control refused", metadata: ["user": "\(client.peerUser.map(String.init) ?? "unknown")"])
            return turnAway(client, "only user \(geteuid()) and root may control this server")
        }
        guard clients.add(1, ordering: .relaxed).newValue <= Self.clientsMax else {
            clients.subtract(1, ordering: .relaxed)
            return turnAway(client, "\(Self.clientsMax) clients are already connected; try again")
        }
        let isStarted = startThread(named: "sluice-client", stackBytes: 1 << 20) { [self] in
            serve(client)
            clients.subtract(1, ordering: .relaxed)
        }
        if !isStarted {
            clients.subtract(1, ordering: .relaxed)
            turnAway(client, "no thread can be started")
        }
    }

    private func turnAway(_ client: UnixSocket, _ reason: String) {
        // The request is read first, if it arrives soon: if a socket is closed with unread data, the answer is lost.
        var rest: [UInt8] = []
        _ = client.readLine(
            bytesMax: ControlProtocol.requestBytesMax, rest: &rest,
            deadline: monotonicNanoseconds() + Self.turnAwayPatience, now: monotonicNanoseconds)
        send(ControlAnswer.refusal(reason), to: client, within: Self.turnAwayPatience)
        client.close()
    }

    private func serve(_ client: UnixSocket) {
        defer { client.close() }
        var rest: [UInt8] = []
        while let line = client.readLine(
            bytesMax: ControlProtocol.requestBytesMax, rest: &rest,
            deadline: monotonicNanoseconds() + Self.patience, now: monotonicNanoseconds)
        {
            let answer: ControlAnswer
            do throws(CommandFailure) {
                answer = self.answer(try ControlProtocol.command(in: line))
            } catch {
                answer = ControlAnswer.refusal(error.description)
            }
            guard send(answer, to: client) else { return }
        }
        if rest.count > ControlProtocol.requestBytesMax {
            send(
                ControlAnswer.refusal("expected a line of at most \(ControlProtocol.requestBytesMax) bytes"),
                to: client)
        }
    }

    /// - Returns: `false` if the client is gone, or does not read.
    @discardableResult
    private func send(_ answer: ControlAnswer, to client: UnixSocket, within nanoseconds: Nanoseconds = patience)
        -> Bool
    {
        client.write(
            answer.line + [UInt8(ascii: "\n")], deadline: monotonicNanoseconds() + nanoseconds,
            now: monotonicNanoseconds)
    }
}
