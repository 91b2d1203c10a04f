import ProducerInterface

/// Which stream a token means that was handed out, after another stream has taken the first one's place.
struct MovedTokens {
    /// Which stream a sink's token means after the sink's stream was continued by another; and the reverse.
    private var sinks: [StreamToken: StreamToken] = [:]
    private var firstOfSink: [StreamToken: StreamToken] = [:]
    /// Which stream a door's token means after the open of its stream has failed and another is tried.
    private var doors: [StreamToken: StreamToken] = [:]

    var isEmpty: Bool { sinks.isEmpty && firstOfSink.isEmpty && doors.isEmpty }

    // MARK: Sinks

    /// The sink keeps using its first token, but its stream has a new one.
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

    /// The stream that the door means. The door then gives it its connection, or leaves: it does not ask again.
    mutating func takeDoor(_ token: StreamToken) -> StreamToken {
        doors.isEmpty ? token : doors.removeValue(forKey: token) ?? token
    }
}
