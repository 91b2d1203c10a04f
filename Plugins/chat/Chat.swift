// chat: a room for each name. All subscribers of a room share one stream and get every message that is posted.
import Sluice
import Synchronization

/// The rooms that have subscribers.
enum Rooms {
    private static let voices = Mutex<[String: AsyncStream<MessageEvent>.Continuation]>([:])

    static func open(_ name: String) -> AsyncStream<MessageEvent> {
        let (events, voice) = AsyncStream.makeStream(of: MessageEvent.self, bufferingPolicy: .bufferingNewest(1000))
        voices.withLock { $0[name] = voice }
        return events
    }

    static func close(_ name: String) { voices.withLock { $0[name] = nil } }

    /// - Returns: `false` if the room has no subscribers.
    static func say(_ message: MessageEvent, in name: String) -> Bool {
        guard let voice = voices.withLock({ $0[name] }) else { return false }
        if case .terminated = voice.yield(message) { return false }
        return true
    }
}

struct Chat: Producer {
    static let route = "/chat/{room}"
    static let summary = "The messages of a room"
    static let options: ProducerOptions = [.shared]
    @Parameter var room: String

    func events(for request: Request) -> AsyncStream<MessageEvent> { Rooms.open(room) }
    func finalize(_ reason: CloseReason) { Rooms.close(room) }
}

/// Posts a message. The answer is 204, because there is nothing to stream.
struct Say: PollingProducer {
    static let route = "/chat/{room}/say"
    static let summary = "Posts a message to a room"
    static let options: ProducerOptions = [.body]
    @Parameter var room: String
    @Parameter var from = "somebody"

    struct Line: Encodable { let from: String, text: String }

    mutating func open(_ request: Request) throws {
        guard let text = String(validating: request.body, as: UTF8.self), !text.isEmpty else {
            throw Reject(status: 400, message: "expected a POST whose body is text")
        }
        let message = try MessageEvent(json: Line(from: from, text: text))
        guard Rooms.say(message, in: room) else { throw Reject(status: 404, message: "no one is in room \"\(room)\"") }
        throw Finished()
    }
    mutating func next() -> Step { .end }
}

@c(sluice_plugin_entry)
public func entry(_ host: UnsafePointer<sluice_host>) -> UnsafePointer<sluice_plugin>? {
    export(Chat.self, Say.self, to: host)
}
