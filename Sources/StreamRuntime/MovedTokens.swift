import ProducerInterface

/// Whom others mean by the token that they were given, once another stream has taken that one's place.
struct MovedTokens {
    /// Whom a sink means, whose stream was continued by another; and the other way round.
    private var sinks: [StreamToken: StreamToken] = [:]
    private var firstOfSink: [StreamToken: StreamToken] = [:]
    /// Whom a door means, once the open of its stream has failed and another is tried.
    private var doors: [StreamToken: StreamToken] = [:]

    var isEmpty: Bool { sinks.isEmpty && firstOfSink.isEmpty && doors.isEmpty }

    // MARK: Sinks

    /// The sink goes by its first token; its stream has another now.
    mutating func moveSink(from old: StreamToken, to new: StreamToken) {
        let first = firstOfSink.removeValue(forKey: old) ?? old
        firstOfSink[new] = first
        sinks[first] = new
    }

    func sink(_ token: StreamToken) -> StreamToken { sinks.isEmpty ? token : sinks[token] ?? token }

    /// The stream has no sink any more.
    mutating func forgetSink(of token: StreamToken) {
        guard !firstOfSink.isEmpty, let first = firstOfSink.removeValue(forKey: token) else { return }
        sinks[first] = nil
    }

    // MARK: Doors

    mutating func moveDoor(_ first: StreamToken, to new: StreamToken) { doors[first] = new }

    mutating func forgetDoor(_ first: StreamToken) { doors[first] = nil }

    /// The stream that the door means, which gives it its connection, or leaves: it will not ask again.
    mutating func takeDoor(_ token: StreamToken) -> StreamToken {
        doors.isEmpty ? token : doors.removeValue(forKey: token) ?? token
    }
}
